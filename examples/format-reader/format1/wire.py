"""Conventions: object headers, compact tables, deterministic CBOR."""

import unicodedata

import cbor2

from .errors import corrupt, unsupported

MAGIC = b"SRoom\0"
VERSION = 1
HEADER = 8

CONFIG, KEY_SLOT, DEVICE_LIST, PACK, INDEX, SNAPSHOT, MARK, LEASE, CHECKPOINT = range(1, 10)
DEVICE_KEY, DEVICE_REQUEST, CONDEMNATION = 11, 12, 13


def header(kind):
    return MAGIC + bytes([kind, VERSION])


def strip(data, kind):
    """Checks the object header; returns what follows it."""
    if len(data) < HEADER:
        raise corrupt("it is too short to be an object")
    if data[:6] != MAGIC:
        raise corrupt("it does not begin like an object")
    if data[6] != kind:
        raise corrupt(f"it is an object of kind {data[6]}, not {kind}")
    if data[7] != VERSION:
        raise unsupported(f"it has format version {data[7]}")
    return data[HEADER:]


def u32(value):
    return value.to_bytes(4, "little")


def u64(value):
    return value.to_bytes(8, "little")


def i64(value):
    return value.to_bytes(8, "little", signed=True)


def padme(length):
    """The length that `length` is padded to."""
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1 if exponent > 0 else 0
    return (length + mask) & ~mask


class Table:
    """Reads varints, byte strings and fixed fields one after the other; every length is checked."""

    def __init__(self, data):
        self.data = bytes(data)
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, length):
        if length > self.left():
            raise corrupt("it ends too early")
        self.at += length
        return self.data[self.at - length : self.at]

    def u8(self):
        return self.take(1)[0]

    def varint(self, most=2**64 - 1):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise corrupt("a number is not in its shortest form")
                if value > most:
                    raise corrupt("a number is too large")
                return value
            shift += 7
            if shift > 63:
                raise corrupt("a number is too large")

    def u32(self):
        return self.varint(2**32 - 1)

    def signed(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def count(self, each, most=None):
        """A number of things that take at least `each` bytes each."""
        count = self.varint()
        if count * each > self.left():
            raise corrupt("a count is larger than what follows")
        if most is not None and count > most:
            raise corrupt("a count is larger than any may be")
        return count

    def bytes(self):
        return self.take(self.count(1))

    def end(self):
        if self.left():
            raise corrupt("bytes follow its end")


MAX_DEPTH = 16


def encode(value):
    return cbor2.dumps(value, canonical=True)


def decode(data):
    """Decodes a CBOR map in its only encoding."""
    try:
        value = cbor2.loads(data, max_depth=MAX_DEPTH)
        again = encode(value)
    except (cbor2.CBORDecodeError, cbor2.CBOREncodeError, ValueError, TypeError, OverflowError) as error:
        raise corrupt("it is not valid CBOR") from error
    if again != bytes(data):
        raise corrupt("its CBOR is not in the deterministic form")
    return value


def label_fault(text):
    if len(text.encode()) > 128:
        return "a label is longer than 128 bytes"
    if has_control(text):
        return "a label has control characters"
    return None


def has_control(text):
    return any(unicodedata.category(character) == "Cc" for character in text)


class Fields:
    """Takes a CBOR map apart; `end` refuses fields that nobody asked for."""

    def __init__(self, value):
        if not isinstance(value, dict):
            raise corrupt("a structure is not a map")
        for key in value:
            if type(key) is not int or not 0 <= key < 2**32:
                raise corrupt("a structure has a key that is not a small integer")
        self.left = dict(value)

    @staticmethod
    def of(data):
        return Fields(decode(data))

    def has(self, key):
        return key in self.left

    def wrong(self, key):
        return corrupt(f"field {key} is missing or of the wrong type")

    def take(self, key, *types):
        if key not in self.left:
            raise self.wrong(key)
        value = self.left.pop(key)
        if type(value) not in types:
            raise self.wrong(key)
        return value

    def uint(self, key, most=2**64 - 1):
        value = self.take(key, int)
        if not 0 <= value <= most:
            raise self.wrong(key)
        return value

    def u32(self, key):
        return self.uint(key, 2**32 - 1)

    def int(self, key):
        value = self.take(key, int)
        if not -(2**63) <= value < 2**63:
            raise self.wrong(key)
        return value

    def bytes(self, key, length=None):
        value = self.take(key, bytes)
        if length is not None and len(value) != length:
            raise self.wrong(key)
        return value

    def text(self, key):
        return self.take(key, str)

    def label(self, key):
        text = self.text(key)
        fault = label_fault(text)
        if fault:
            raise corrupt(fault)
        return text

    def map(self, key):
        return Fields(self.take(key, dict))

    def list(self, key, most, of=None):
        values = self.take(key, list)
        if len(values) > most:
            raise corrupt(f"field {key} lists more than {most} values")
        if of is not None and any(type(value) is not of for value in values):
            raise self.wrong(key)
        return values

    def time(self, key):
        values = self.list(key, 2, int)
        if len(values) != 2 or not -(2**63) <= values[0] < 2**63 or not 0 <= values[1] < 10**9:
            raise self.wrong(key)
        return tuple(values)

    def optional(self, read, key, *arguments):
        return read(key, *arguments) if self.has(key) else None

    def version(self):
        version = self.u32(0)
        if version != 1:
            raise unsupported(f"its version is {version}")

    def end(self):
        if self.left:
            raise unsupported(f"field {min(self.left)} is not known")
