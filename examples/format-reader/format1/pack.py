"""Packs, their segments and footers, and index objects."""

import zstandard

from . import crypto
from .errors import corrupt, unsupported
from .wire import HEADER, INDEX, PACK, Table, header, strip, u32, u64

MAX_RAW = 40 * 1024 * 1024
MAX_FOOTER = MAX_INDEX = 256 * 1024 * 1024
MAX_SESSIONS = 1024
FIXED_HEADER, SESSION_ENTRY, TRAILER = 32, 20 + 32 + crypto.HPKE_OVERHEAD, 16 + crypto.SEAL_OVERHEAD
DATA, TREE = 0, 1
STORED, ZSTD = 0, 1


class PackHeader:
    def __init__(self, data, repository):
        table = Table(strip(data, PACK))
        self.epoch = int.from_bytes(table.take(4), "little")
        count = int.from_bytes(table.take(2), "little")
        if table.take(2) != b"\0\0":
            raise unsupported("a reserved field is not zero")
        if table.take(16) != repository:
            raise corrupt("it belongs to another repository")
        if count > MAX_SESSIONS:
            raise corrupt("it claims too many sessions")
        self.length = FIXED_HEADER + count * SESSION_ENTRY
        self.sessions = {}
        for _ in range(count):
            session, epoch = table.take(16), int.from_bytes(table.take(4), "little")
            self.sessions[session] = (epoch, table.take(32 + crypto.HPKE_OVERHEAD))

    def session_key(self, session, repository, epochs):
        """Opens the key of a session. `epochs` gives the keys of an epoch."""
        if session not in self.sessions:
            raise corrupt("the session of a segment is not listed")
        epoch, sealed = self.sessions[session]
        key = epochs(epoch, True).data.open(b"session key", repository + session + u32(epoch), sealed)
        if len(key) != 32:
            raise corrupt("a session key is not 32 bytes long")
        return key


class Segment:
    """Where a segment lies and how it is sealed, as footers and the index say."""

    def __init__(self, table, sessions):
        self.id = table.take(32)
        number = table.varint()
        if number >= len(sessions):
            raise corrupt("a segment names a session that is not listed")
        self.session = sessions[number]
        self.counter = table.varint()
        self.kind = table.u8()
        if self.kind not in (DATA, TREE):
            raise corrupt("a segment is of an unknown kind")
        self.compression = table.u8()
        if self.compression not in (STORED, ZSTD):
            raise unsupported(f"compression {self.compression} is not known")
        self.stored_length = table.u32()
        self.raw_length = table.u32()
        self.blob_count = table.u32()
        if self.raw_length > MAX_RAW or self.stored_length > MAX_RAW:
            raise corrupt("a segment is longer than any may be")
        self.offset = 0
        self.blobs = []

    def open(self, sealed, key, repository, ids):
        """Returns the blobs; `ids` computes their ids."""
        nonce = u64(self.counter) + bytes(16)
        aad = repository + self.session + u64(self.counter) + bytes([self.kind, self.compression])
        packed = crypto.decrypt(key, nonce, aad + u32(self.raw_length), sealed)
        raw = packed if self.compression == STORED else decompress(packed, self.raw_length)
        if len(raw) != self.raw_length:
            raise corrupt("its content does not have the length it should have")
        split = len(raw) - 4 * self.blob_count
        if split < 0:
            raise corrupt("its table of lengths does not fit its content")
        blobs, start = [], 0
        for at in range(split, len(raw), 4):
            end = start + int.from_bytes(raw[at : at + 4], "little")
            blobs.append(raw[start:end])
            start = end
        if start != split:
            raise corrupt("its table of lengths does not fit its content")
        if ids.segment([ids.blob(blob) for blob in blobs]) != self.id:
            raise corrupt("its content is not what its id names")
        return blobs


def decompress(packed, length):
    """One zstd frame of exactly `length` bytes. Never allocates more than that."""
    try:
        announced = zstandard.frame_content_size(packed)
        if announced not in (-1, length):
            raise corrupt("its content does not have the length it should have")
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=length, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise corrupt("it is not exactly one zstd frame") from error


class Ids:
    """Ids of content, for who holds the id key."""

    def __init__(self, id_key):
        self._blob = crypto.derive("blob id", id_key)
        self._segment = crypto.derive("segment id", id_key)

    def blob(self, data):
        return crypto.keyed(self._blob, data)

    def segment(self, blobs):
        return crypto.keyed(self._segment, b"".join(blobs))


class Contents:
    """What a pack holds: the part that its footer and the index share."""

    def __init__(self, table):
        self.start = table.varint()
        sessions = [table.take(16) for _ in range(table.count(16))]
        self.segments = [Segment(table, sessions) for _ in range(table.count(39))]
        self.end = self.start
        for segment in self.segments:
            segment.offset = self.end
            self.end += segment.stored_length
            if self.end >= 2**64:
                raise corrupt("segments are too long together")
        for segment in self.segments:
            if segment.blob_count * 32 > table.left():
                raise corrupt("it ends too early")
            segment.blobs = [table.take(32) for _ in range(segment.blob_count)]

    def __eq__(self, other):
        def parts(contents):
            return (contents.start, [vars(segment) for segment in contents.segments])

        return parts(self) == parts(other)


def read_references(table, tree_blobs):
    """For every tree blob what it refers to: pairs of a kind (0 segment, 1 tree blob) and an id."""
    references = []
    for _ in range(table.count(33)):
        kind = table.u8()
        if kind not in (0, 1):
            raise corrupt("a reference is of an unknown kind")
        references.append((kind, table.take(32)))
    if table.count(1) != tree_blobs:
        raise corrupt("it does not list the references of every tree blob")
    blobs = []
    for _ in range(tree_blobs):
        positions = [table.varint() for _ in range(table.count(1, len(references)))]
        if any(position >= len(references) for position in positions):
            raise corrupt("a reference is not in the table")
        blobs.append([references[position] for position in positions])
    return blobs


def open_trailer(key, head, trailer):
    """Lengths of the sealed footer and of the padding."""
    table = Table(crypto.open_sealed(key, head, trailer))
    footer, padding = (int.from_bytes(table.take(8), "little") for _ in range(2))
    if footer > MAX_FOOTER:
        raise corrupt("the footer is longer than any may be")
    table.end()
    return footer, padding


def open_footer(key, head, footer):
    table = Table(crypto.open_sealed(key, head, footer))
    contents = Contents(table)
    trees = sum(segment.blob_count for segment in contents.segments if segment.kind == TREE)
    references = read_references(table, trees)
    table.end()
    return contents, references


def read_contents(data, repository, epochs):
    """Header, contents and references of a pack that is all there. `data` has `length` and `read(start, end)`."""
    head = PackHeader(data.read(0, min(FIXED_HEADER + MAX_SESSIONS * SESSION_ENTRY, data.length)), repository)
    room = data.length - head.length - TRAILER
    if room < 0:
        raise corrupt("it is too short for its header and a trailer")
    before = data.read(0, head.length)
    keys = epochs(head.epoch, False)
    footer, padding = open_trailer(keys.trailer, before, data.read(data.length - TRAILER, data.length))
    if footer + padding > room:
        raise corrupt("footer and padding are longer than the pack")
    end = data.length - TRAILER
    contents, references = open_footer(keys.footer, before, data.read(end - footer, end))
    if contents.start != head.length or contents.end != head.length + room - footer - padding:
        raise corrupt("its segments do not lie where header, padding and footer leave room")
    return head, contents, references


class IndexObject:
    def __init__(self, data, repository, epochs):
        if len(strip(data, INDEX)) < 4:
            raise corrupt("it ends too early")
        prefix = data[: HEADER + 4]
        epoch = epochs(int.from_bytes(prefix[HEADER:], "little"), False)
        aad = header(INDEX) + prefix[HEADER:] + repository
        table = Table(crypto.open_sealed(epoch.index_object, aad, data[HEADER + 4 :]))
        self.supersedes = [table.take(32) for _ in range(table.count(32))]
        self.packs = []
        for _ in range(table.count(36)):
            pack, length, contents = table.take(32), table.varint(), Contents(table)
            if contents.end > length:
                raise corrupt("a segment lies outside its pack")
            self.packs.append((pack, length, contents))
        if any(table.take(table.left())):
            raise corrupt("its padding is not zero")
