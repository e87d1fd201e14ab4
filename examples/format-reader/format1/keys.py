"""From a secret to the keys of a repository: config, key slots, bundles, device lists."""

from . import crypto
from .errors import FormatError, corrupt, unsupported, untrusted
from .signed import Signed
from .wire import (
    CONFIG,
    DEVICE_KEY,
    DEVICE_LIST,
    DEVICE_REQUEST,
    KEY_SLOT,
    Fields,
    encode,
    header,
    strip,
    u32,
)

KIB, MIB = 1024, 1024 * 1024
WRITER, READER, MAINTAINER, OWNER = 1, 2, 3, 4
ROLES = {WRITER: "writer", READER: "reader", MAINTAINER: "maintainer", OWNER: "owner"}
METHODS = {1: "passphrase", 2: "recovery_code", 3: "device", 4: "account_key"}


def role_of(number):
    if number not in ROLES:
        raise unsupported(f"role {number} is not known")
    return number


class Config:
    MAX_LENGTH = 16 * KIB

    def __init__(self, data):
        signed = Signed(data, CONFIG)
        fields = signed.fields()
        fields.version()
        suite = fields.u32(2)
        if suite != 1:
            raise unsupported(f"its suite of algorithms is {suite}")
        self.owner = fields.bytes(9)
        if len(self.owner) != 32 or not crypto.is_point(self.owner):
            raise corrupt("the owner's key is not valid")
        signed.verify(self.owner, "config")
        self.repository = fields.bytes(1, 16)
        self.created = fields.int(3)
        chunks = fields.list(4, 2**32, int)
        if len(chunks) != 3:
            raise corrupt("field 4 is not three chunk sizes")
        self.chunks = tuple(chunks)
        self.segment, self.pack, self.node, self.inline = (fields.u32(key) for key in (5, 6, 7, 8))
        self.parity = fields.u32(10) if fields.has(10) else None
        fields.end()
        least, average, greatest = self.chunks
        sound = (
            all(size % 2 == 0 for size in chunks)
            and KIB <= least < average < greatest <= 8 * MIB
            and max(64 * KIB, greatest) <= self.segment <= 16 * MIB
            and max(MIB, 2 * self.segment) <= self.pack <= 512 * MIB
            and 4 * KIB <= self.node <= 256 * KIB
            and self.inline <= 4 * KIB
            and (self.parity is None or 1 <= self.parity <= 100)
        )
        if not sound:
            raise corrupt("a size is out of bounds")


class Epoch:
    """The keys of one epoch; those of objects are derived from the index key."""

    def __init__(self, number, index, data=None, data_public=None):
        self.number = number
        self.index = index
        self.data = crypto.PrivateKey(data) if data is not None else None
        self.data_public = data_public
        self.footer = crypto.derive("footer", index)
        self.trailer = crypto.derive("trailer", index)
        self.index_object = crypto.derive("index", index)
        self.snapshot = crypto.derive("snapshot envelope", index)
        self.mark = crypto.derive("mark", index)
        self.lease = crypto.derive("lease", index)
        self.checkpoint = crypto.derive("checkpoint", index)
        self.condemnation = crypto.derive("condemnation", index)


def derived_epoch(root, number):
    return Epoch(number, crypto.derive("index key", root, u32(number)), crypto.derive("data key", root, u32(number)))


def public_key_of(seed):
    return crypto.nacl.signing.SigningKey(seed).verify_key.encode()


class Bundle:
    """The keys of a role."""

    def __init__(self, data):
        fields = Fields.of(data)
        fields.version()
        self.repository = fields.bytes(1, 16)
        self.role = role_of(fields.u32(2))
        self.owner = fields.bytes(3, 32)
        if not crypto.is_point(self.owner):
            raise corrupt("the owner's key is not valid")
        listed = fields.list(4, 512)
        self.id_key = fields.optional(fields.bytes, 5, 32)
        self.chunker_key = fields.optional(fields.bytes, 6, 32)
        self.root = fields.optional(fields.bytes, 7, 32)
        self.signing_seed = fields.optional(fields.bytes, 8, 32)
        self.kem_seed = fields.optional(fields.bytes, 9, 32)
        fields.end()
        raw = []
        for value in listed:
            epoch = Fields(value)
            number = epoch.u32(0)
            keys = [epoch.optional(epoch.bytes, key, length) for key, length in ((1, 32), (2, 1216), (3, 32))]
            epoch.end()
            raw.append((number, *keys))
        numbers = [number for number, *_ in raw]
        if not numbers or numbers[0] < 1 or any(a >= b for a, b in zip(numbers, numbers[1:])):
            raise corrupt("the epochs of its keys do not ascend from 1")
        self._check_role(raw)
        if self.role == OWNER:
            if public_key_of(crypto.derive("owner signing key", self.root)) != self.owner:
                raise corrupt("the owner's key does not belong to the root")
            self.id_key = crypto.derive("id key", self.root)
            self.chunker_key = crypto.derive("chunker key", self.root)
            self.epochs = {number: derived_epoch(self.root, number) for number in numbers}
        else:
            self.epochs = {
                number: Epoch(number, index, private, public) for number, index, public, private in raw
            }
        self.newest = numbers[-1]

    def take(self, newer):
        """Takes the epochs of a newer bundle of the same holder."""
        if (newer.repository, newer.role, newer.owner) != (self.repository, self.role, self.owner):
            raise corrupt("newer keys are of another repository, owner or role")
        self.epochs.update(newer.epochs)
        self.newest = newer.newest

    def derive_to(self, epoch):
        for number in range(1, epoch + 1):
            self.epochs.setdefault(number, derived_epoch(self.root, number))
        self.newest = max(self.newest, epoch)

    def _check_role(self, raw):
        writes, reads, owns = self.role in (WRITER, READER), self.role == READER, self.role == OWNER
        exact = (
            (self.id_key is not None) == writes
            and (self.chunker_key is not None) == writes
            and (self.root is not None) == owns
            and (self.signing_seed is not None or self.kem_seed is None)
            and (self.signing_seed is None or writes or (self.role == MAINTAINER and self.kem_seed is not None))
        )
        for position, (_, index, public, private) in enumerate(raw):
            newest = position == len(raw) - 1
            exact = exact and (index is not None) != owns
            exact = exact and (public is not None) == (newest and self.role == WRITER)
            exact = exact and (private is not None) == reads
        if not exact:
            raise corrupt("it does not hold exactly the keys of its role")
        for _, _, public, _ in raw:
            if public is not None and not crypto.is_xwing_public(public):
                raise corrupt("the data public key is not valid")


def device_id(verifying, kem=b""):
    return crypto.derive("device id", verifying, kem or b"")[:16]


class Slot:
    """An object `keys/<slot id>`."""

    MAX_LENGTH = 64 * KIB

    def __init__(self, data):
        fields = Fields.of(strip(data, KEY_SLOT))
        self.fields = dict(fields.left)
        fields.version()
        self.repository = fields.bytes(1, 16)
        self.id = fields.bytes(2, 16)
        self.role = role_of(fields.u32(3))
        self.epoch = fields.u32(4)
        self.method = fields.u32(5)
        parameters = fields.map(6)
        self.device = parameters.optional(parameters.bytes, 0, 16)
        if self.method == 1:
            self.salt = parameters.bytes(1, 16)
            self.cost = tuple(parameters.u32(key) for key in (2, 3, 4))
            memory, passes, lanes = self.cost
            if not (19 * KIB <= memory <= KIB * KIB and 2 <= passes <= 32 and 1 <= lanes <= 16):
                raise unsupported("its Argon2id cost is out of bounds")
        elif self.method in (2, 4):
            self.salt = parameters.bytes(1, 16)
        elif self.method == 3:
            self.sealed_key = parameters.bytes(1, 32 + crypto.HPKE_OVERHEAD)
        else:
            raise unsupported(f"its method {self.method} is not known")
        parameters.end()
        self.label = fields.label(7)
        self.created = fields.int(8)
        self.commitment = fields.bytes(9, 32)
        self.sealed = fields.bytes(10)
        self.signature = fields.optional(fields.bytes, 11, 64)
        fields.end()
        if (self.method == 3) != (self.signature is not None) or (self.method == 3 and self.device is None):
            raise corrupt("a device's slot names the device and is signed, and no other slot is")

    def part(self, last):
        """The object with the fields up to `last` alone."""
        return header(KEY_SLOT) + encode({key: value for key, value in self.fields.items() if key <= last})

    def open(self, kek):
        bound = self.part(8)
        if crypto.derive("wrap commitment", kek, bound) != self.commitment:
            raise FormatError("wrong_key", "the key does not open this slot")
        bundle = Bundle(crypto.open_sealed(crypto.derive("wrap key", kek, bound), bound, self.sealed))
        if (bundle.repository, bundle.role, bundle.newest) != (self.repository, self.role, self.epoch):
            raise corrupt("the keys in it are not those its open part describes")
        return bundle

    def verify(self, owner):
        if self.signature is not None:
            crypto.verify(owner, "key slot", self.part(10), self.signature)


class Passphrase:
    method = 1

    def __init__(self, passphrase):
        self.passphrase = passphrase

    def fits(self, slot):
        return slot.method == 1

    def kek(self, slot):
        return crypto.argon2id(self.passphrase, slot.salt, *slot.cost)


class RecoveryCode:
    method = 2
    ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    def __init__(self, text):
        symbols = []
        for character in text.upper().translate(str.maketrans("OIL", "011")):
            if character.isspace() or character in "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212":
                continue
            if character not in self.ALPHABET:
                raise FormatError("invalid_argument", "a recovery code has no such character")
            symbols.append(self.ALPHABET.index(character))
        if len(symbols) != 30:
            raise FormatError("invalid_argument", "a recovery code has 30 letters and digits")
        code, check = bytes(symbols[:26]), symbols[26:]
        bits = int.from_bytes(crypto.derive("recovery code checksum", code)[:3], "big") >> 4
        if check != [bits >> shift & 31 for shift in (15, 10, 5, 0)]:
            raise FormatError("invalid_argument", "the recovery code is mistyped: its checksum is wrong")
        self.key = crypto.derive("recovery code", code)

    def fits(self, slot):
        return slot.method == 2

    def kek(self, slot):
        return crypto.derive("recovery wrap", self.key, slot.salt)


class AccountKey:
    method = 4

    def __init__(self, key):
        self.key = key

    def fits(self, slot):
        return slot.method == 4

    def kek(self, slot):
        return crypto.derive("account wrap", self.key, slot.salt)


class DeviceKey:
    method = 3

    def __init__(self, data):
        fields = Fields.of(strip(data, DEVICE_KEY))
        fields.version()
        seeds = fields.bytes(1, 32), fields.bytes(2, 32)
        fields.end()
        self._set(*seeds)

    @classmethod
    def of_seeds(cls, seed, kem_seed):
        """The pair of keys in a bundle."""
        key = cls.__new__(cls)
        key._set(seed, kem_seed)
        return key

    def _set(self, seed, kem_seed):
        self.seed, self.kem_seed = seed, kem_seed
        self.private = crypto.PrivateKey(self.kem_seed)
        self.verifying = public_key_of(self.seed)
        self.id = device_id(self.verifying, self.private.public())

    def fits(self, slot):
        return slot.method == 3 and slot.device == self.id

    def kek(self, slot):
        kek = self.private.open(b"device wrap", slot.repository + slot.id, slot.sealed_key)
        if len(kek) != 32:
            raise corrupt("the sealed key is not 32 bytes long")
        return kek


class DeviceRequest:
    def __init__(self, data):
        if len(data) > 4096:
            raise corrupt("it is too long")
        signed = Signed(data, DEVICE_REQUEST)
        fields = signed.fields()
        fields.version()
        self.verifying = fields.bytes(2, 32)
        if not crypto.is_point(self.verifying):
            raise corrupt("its Ed25519 key is not valid")
        signed.verify(self.verifying, "device request")
        name = fields.text(1)
        self.kem = fields.bytes(3, 1216)
        fields.end()
        self.name = Fields({1: name}).label(1)
        if not crypto.is_xwing_public(self.kem):
            raise corrupt("its X-Wing key is not valid")
        self.id = device_id(self.verifying, self.kem)


class Device:
    def __init__(self, value):
        fields = Fields(value)
        self.id = fields.bytes(0, 16)
        self.name = fields.text(1)
        self.role = role_of(fields.u32(2))
        self.verifying = fields.bytes(3, 32)
        if not crypto.is_point(self.verifying):
            raise corrupt("a device's Ed25519 key is not valid")
        self.kem = fields.optional(fields.bytes, 4, 1216)
        self.added = fields.int(5)
        self.revoked = fields.optional(fields.time, 6)
        kind = fields.optional(fields.u32, 7)
        with_this_list = fields.optional(fields.u32, 8)
        fields.end()
        if with_this_list not in (None, 1):
            raise unsupported(f"a revocation is of a kind {with_this_list}")
        self.with_this_list = with_this_list == 1
        if self.with_this_list and self.revoked is not None:
            raise corrupt("a device is revoked in two ways")
        if kind not in (None, 1):
            raise unsupported(f"a device is of a kind {kind}")
        self.in_bundle = kind == 1
        Fields({1: self.name}).label(1)
        if self.id != device_id(self.verifying, self.kem):
            raise corrupt("the id of a device is not that of its keys")


class DeviceList:
    """One object `devices/<generation>-<hash>`."""

    MAX_LENGTH = 8 * MIB

    def __init__(self, data, owner):
        self.signed = Signed(data, DEVICE_LIST)
        self.signed.verify(owner, "device list")

    def decode(self):
        fields = self.signed.fields()
        fields.version()
        self.repository = fields.bytes(1, 16)
        self.generation = fields.u32(2)
        devices = fields.list(3, 2**64)
        epoch = fields.optional(fields.u32, 4)
        fields.end()
        if epoch is not None and epoch < 2:
            raise corrupt("the first epoch is given by leaving it out")
        self.epoch = epoch or 1
        if len(devices) > 4096:
            raise corrupt("it has more than 4096 devices")
        self.devices = [Device(value) for value in devices]
        if any(a.id >= b.id for a, b in zip(self.devices, self.devices[1:])):
            raise corrupt("its devices do not ascend")
        return self


def list_name(generation, data):
    return f"{generation:08x}-{crypto.name(data)[:8].hex()}"


class Devices:
    """All valid lists that count, merged."""

    def __init__(self, bundle):
        self.owner = bundle.owner
        self.owner_id = device_id(bundle.owner)
        self.generation = 0
        self.epoch = 1
        self.devices = {}

    def merge(self, found, received):
        """`received` is when storage received the list."""
        self.generation = max(self.generation, found.generation)
        self.epoch = max(self.epoch, found.epoch)
        for device in found.devices:
            if device.with_this_list:
                device.revoked = received
            known = self.devices.setdefault(device.id, device)
            known.added = min(known.added, device.added)
            known.revoked = min((time for time in (known.revoked, device.revoked) if time is not None), default=None)
            if known.role != MAINTAINER and device.role == MAINTAINER:
                known.role = device.role

    def role(self, device):
        """What a device may do; None for one that is not listed."""
        if device == self.owner_id:
            return OWNER
        return self.devices[device].role if device in self.devices else None

    def verify(self, device, context, message, signature, received):
        """`received` is when storage received the object: Unix seconds, and nanoseconds after them."""
        if device == self.owner_id:
            verifying = self.owner
        else:
            listed = self.devices.get(device)
            if listed is None:
                raise untrusted(f"device {device.hex()} is not on the owner's list")
            if listed.role == MAINTAINER:
                raise untrusted(f"device {device.hex()} is listed with a role that does not write")
            if listed.revoked is not None and received > listed.revoked:
                raise untrusted(f"device {device.hex()} was revoked before storage received this")
            verifying = listed.verifying
        crypto.verify(verifying, context, message, signature)
