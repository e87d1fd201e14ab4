"""The algorithms of suite 1, from the libraries that have them. X-Wing and HPKE are put together here."""

import hashlib
import hmac

import nacl.bindings
import nacl.exceptions
import nacl.signing
from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from .errors import corrupt, untrusted

NONCE, TAG = 24, 16
SEAL_OVERHEAD = NONCE + TAG
ENCAPSULATED, PUBLIC_KEY = 1120, 1216
HPKE_OVERHEAD = ENCAPSULATED + 16
SIGNATURE = 64


def name(data):
    """The plain hash that names objects."""
    return blake3(data).digest()


def keyed(key, message):
    return blake3(message, key=key).digest()


def derive(context, *material, length=32):
    """A key for one purpose. All contexts of the format have the same beginning, which is added here."""
    return blake3(b"".join(material), derive_key_context="strongroom format 1 " + context).digest(length=length)


def decrypt(key, nonce, aad, sealed):
    try:
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, aad, nonce, key)
    except (nacl.exceptions.CryptoError, ValueError) as error:
        raise corrupt("it does not authenticate: damaged, swapped, or sealed with another key") from error


def open_sealed(key, aad, sealed):
    if len(sealed) < SEAL_OVERHEAD:
        raise corrupt("it is too short to be sealed")
    return decrypt(key, sealed[:NONCE], aad, sealed[NONCE:])


def verify(public, context, message, signature):
    """Checks an Ed25519 signature, strictly, as libsodium does."""
    context = ("strongroom format 1 " + context).encode()
    try:
        nacl.signing.VerifyKey(public).verify(bytes([len(context)]) + context + message, signature)
    except (nacl.exceptions.CryptoError, ValueError) as error:
        raise untrusted("the signature does not verify") from error


def is_point(public):
    """Whether 32 bytes are an Ed25519 public key at all (RFC 8032, section 5.1.3)."""
    p = 2**255 - 19
    y = int.from_bytes(public, "little") & (2**255 - 1)
    d = -121665 * pow(121666, -1, p) % p
    u, v = (y * y - 1) % p, (d * y * y + 1) % p
    x2 = u * pow(v, -1, p) % p
    return x2 == 0 or pow(x2, (p - 1) // 2, p) == 1


def argon2id(passphrase, salt, memory, passes, lanes):
    return hash_secret_raw(passphrase, salt, passes, memory, lanes, 32, Type.ID)


class PrivateKey:
    """An X-Wing private key (draft-connolly-cfrg-xwing-kem), which opens what HPKE (RFC 9180) sealed to it."""

    LABEL = bytes([0x5C, 0x2E, 0x2F, 0x2F, 0x5E, 0x5C])
    SUITE = b"HPKE" + bytes([0x64, 0x7A, 0x00, 0x01, 0x00, 0x03])

    def __init__(self, seed):
        self.seed = seed
        expanded = hashlib.shake_256(seed).digest(96)
        self.mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        self.x25519 = expanded[64:]
        self.public_x = nacl.bindings.crypto_scalarmult_base(self.x25519)

    def public(self):
        return self.mlkem.public_key().public_bytes_raw() + self.public_x

    def decapsulate(self, encapsulated):
        ct_m, ct_x = encapsulated[:1088], encapsulated[1088:]
        ss_m = self.mlkem.decapsulate(ct_m)
        try:
            ss_x = nacl.bindings.crypto_scalarmult(self.x25519, ct_x)
        except nacl.exceptions.CryptoError:
            # libsodium refuses points of small order, for which X25519 yields zeros and X-Wing goes on.
            ss_x = bytes(32)
        return hashlib.sha3_256(ss_m + ss_x + ct_x + self.public_x + self.LABEL).digest()

    def open(self, info, aad, sealed):
        """Single-shot OpenBase with HKDF-SHA256 and ChaCha20-Poly1305."""
        if len(sealed) < ENCAPSULATED:
            raise corrupt("it is too short to be sealed to a public key")
        secret = self.decapsulate(sealed[:ENCAPSULATED])
        info_hash = self._extract(b"", b"info_hash", b"strongroom format 1 " + info)
        context = b"\0" + self._extract(b"", b"psk_id_hash", b"") + info_hash
        secret = self._extract(secret, b"secret", b"")
        key = self._expand(secret, b"key", context, 32)
        nonce = self._expand(secret, b"base_nonce", context, 12)
        try:
            return ChaCha20Poly1305(key).decrypt(nonce, sealed[ENCAPSULATED:], aad)
        except (InvalidTag, ValueError) as error:
            raise corrupt("it does not authenticate: damaged, or sealed to another key") from error

    def _extract(self, salt, label, material):
        return hmac.digest(salt, b"HPKE-v1" + self.SUITE + label + material, "sha256")

    def _expand(self, key, label, info, length):
        # One block of HKDF-Expand (RFC 5869) is enough: no length here is above 32.
        labeled = length.to_bytes(2, "big") + b"HPKE-v1" + self.SUITE + label + info
        return hmac.digest(key, labeled + b"\1", "sha256")[:length]


def is_xwing_public(public):
    try:
        MLKEM768PublicKey.from_public_bytes(public[:1184])
    except ValueError:
        return False
    return True
