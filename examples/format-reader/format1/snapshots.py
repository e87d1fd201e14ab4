"""Envelopes: snapshots, marks, leases, checkpoints and condemnations."""

from . import crypto
from .errors import corrupt, unsupported, untrusted
from .wire import (
    CHECKPOINT,
    CONDEMNATION,
    HEADER,
    LEASE,
    MARK,
    SNAPSHOT,
    Fields,
    encode,
    has_control,
    header,
    i64,
    strip,
    u32,
    u64,
)

KIB, MIB = 1024, 1024 * 1024


class Envelope:
    """What all kinds have in common. `received` is when storage received the object: Unix
    seconds, and nanoseconds after them."""

    def __init__(self, data, repository, epochs, devices, received):
        after = strip(data, self.KIND)
        if len(data) > self.MAX_LENGTH:
            raise corrupt(f"it is longer than {self.MAX_LENGTH} bytes")
        if len(after) < 4:
            raise corrupt("it ends too early")
        prefix = header(self.KIND) + after[:4]
        self.repository = repository
        self.epoch = epochs(int.from_bytes(after[:4], "little"), False)
        plain = crypto.open_sealed(getattr(self.epoch, self.CONTEXT), prefix + repository, data[HEADER + 4 :])
        fields = Fields.of(plain)
        message = prefix + encode({key: value for key, value in fields.left.items() if key != 15})
        fields.version()
        if fields.bytes(1, 16) != repository:
            raise corrupt("it belongs to another repository")
        self.device = None
        self.take(fields)
        signature = fields.optional(fields.bytes, 15, 64)
        fields.end()
        if self.device is None:
            if signature is not None:
                raise corrupt("it is signed but does not say by whom")
        elif signature is None:
            raise untrusted("it is not signed")
        else:
            devices.verify(self.device, self.CONTEXT, message, signature, received)


def counts(fields):
    names = "entries files directories bytes new_bytes stored_bytes problems unchanged_files".split()
    values = {name: fields.uint(key) for key, name in enumerate(names, 1)}
    fields.end()
    return values


def check_tags(tags):
    if any(not 0 < len(tag.encode()) <= 256 or has_control(tag) for tag in tags):
        raise corrupt("a tag is empty, longer than 256 bytes, or holds control characters")
    if any(a.encode() >= b.encode() for a, b in zip(tags, tags[1:])):
        raise corrupt("its tags do not ascend")


def check_description(text):
    if text is not None and len(text.encode()) > 16 * KIB:
        raise corrupt("its description is longer than 16 KiB")


class Snapshot(Envelope):
    KIND, CONTEXT, MAX_LENGTH = SNAPSHOT, "snapshot", MIB + 64 * KIB

    def take(self, fields):
        self.root = fields.bytes(2, 32)
        self.time = fields.time(3)
        self.lineage = fields.bytes(4, 16)
        self.device = fields.bytes(5, 16)
        self.session = fields.bytes(6, 16)
        self.counts = counts(fields.map(7))
        self.parents = fields.list(8, 16, bytes)
        if any(len(parent) != 32 for parent in self.parents):
            raise corrupt("a parent is not a snapshot id")
        outcome = fields.u32(9)
        if outcome not in (1, 2):
            raise unsupported(f"outcome {outcome} is not known")
        self.outcome = {1: "complete", 2: "partial"}[outcome]
        self.sealed = fields.bytes(10)

    def open_body(self):
        seconds, nanos = self.time
        aad = b"".join(
            [self.repository, self.lineage, self.root, i64(seconds), u32(nanos), self.device, self.session]
        )
        return SnapshotBody(self.epoch.data.open(b"snapshot body", aad, self.sealed))


class SnapshotBody:
    def __init__(self, data):
        if len(data) > MIB:
            raise corrupt("it is longer than 1 MiB")
        fields = Fields.of(data)
        fields.version()
        self.host = fields.text(1)
        self.paths = fields.list(2, 4096, bytes)
        self.tags = fields.list(3, 256, str)
        self.metadata = []
        for pair in fields.list(4, 64 * KIB, list):
            if len(pair) != 2 or type(pair[0]) is not str or type(pair[1]) is not bytes:
                raise corrupt("field 4 is of the wrong type")
            self.metadata.append(tuple(pair))
        self.user = fields.text(5)
        self.program = fields.text(6)
        self.description = fields.optional(fields.text, 7)
        fields.end()
        for text in (self.host, self.user, self.program):
            if len(text.encode()) > 1024 or has_control(text):
                raise corrupt("a host, user or program name is too long or holds control characters")
        check_tags(self.tags)
        check_description(self.description)
        names = [name.encode() for name, _ in self.metadata]
        if any(a >= b for a, b in zip(names, names[1:])) or b"" in names:
            raise corrupt("the names in its app metadata do not ascend, or one is empty")
        if sum(len(name.encode()) + len(value) for name, value in self.metadata) > 64 * KIB:
            raise corrupt("its app metadata is longer than 64 KiB")


class Mark(Envelope):
    KIND, CONTEXT, MAX_LENGTH = MARK, "mark", 128 * KIB

    def take(self, fields):
        self.snapshot = fields.bytes(2, 32)
        self.sequence = fields.uint(3)
        self.device = fields.bytes(4, 16)
        self.time = fields.time(5)
        self.hold_until = fields.optional(fields.int, 6)
        self.sealed = fields.bytes(10)

    def open_body(self):
        aad = self.repository + self.snapshot + u64(self.sequence) + self.device
        return MarkBody(self.epoch.data.open(b"mark body", aad, self.sealed))


class MarkBody:
    def __init__(self, data):
        fields = Fields.of(data)
        fields.version()
        self.tags = fields.list(1, 256, str)
        self.description = fields.optional(fields.text, 2)
        fields.end()
        check_tags(self.tags)
        check_description(self.description)


class Lease(Envelope):
    KIND, CONTEXT, MAX_LENGTH = LEASE, "lease", 4 * KIB

    def take(self, fields):
        self.session = fields.bytes(2, 16)
        self.sequence = fields.u32(3)
        self.device = fields.optional(fields.bytes, 4, 16)
        self.purpose = fields.u32(5)
        if self.purpose not in (1, 2, 3):
            raise unsupported(f"purpose {self.purpose} is not known")
        self.duration = fields.u32(6)
        self.state = fields.u32(7)
        if self.state not in (1, 2):
            raise unsupported(f"state {self.state} is not known")
        self.time = fields.time(8)
        if self.duration > 7 * 24 * 60 * 60:
            raise corrupt("it would hold for more than a week")
        if self.device is None and self.purpose != 2:
            raise untrusted("it names no device, and is not for pruning")


class Checkpoint(Envelope):
    KIND, CONTEXT, MAX_LENGTH = CHECKPOINT, "checkpoint", 4 * KIB

    def take(self, fields):
        self.session = fields.bytes(2, 16)
        self.sequence = fields.u32(3)
        self.device = fields.bytes(4, 16)
        self.lineage = fields.bytes(5, 16)
        self.root = fields.bytes(6, 32)
        self.time = fields.time(7)
        self.counts = counts(fields.map(8))
        self.origin = fields.optional(fields.bytes, 9, 16)


class Condemnation(Envelope):
    KIND, CONTEXT, MAX_LENGTH = CONDEMNATION, "condemnation", 4 * MIB

    def take(self, fields):
        self.session = fields.bytes(2, 16)
        self.sequence = fields.u32(3)
        self.stage = fields.u32(4)
        if self.stage not in (1, 2, 3, 4):
            raise unsupported(f"stage {self.stage} is not known")
        self.packs = ascending_ids(fields.bytes(5), 32)
        self.sessions = ascending_ids(fields.bytes(6), 16)
        self.time = fields.time(7)
        if self.sessions if self.stage in (1, 4) else self.packs:
            raise corrupt("it names what its stage does not")


def ascending_ids(data, length):
    if len(data) % length or len(data) // length > 65_536:
        raise corrupt("a list of ids is of an impossible length")
    ids = [data[start : start + length] for start in range(0, len(data), length)]
    if any(a >= b for a, b in zip(ids, ids[1:])):
        raise corrupt("a list of ids does not ascend")
    return ids
