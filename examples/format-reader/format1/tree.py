"""Nodes of the sorted tree, entries, and lists of runs."""

from collections import namedtuple

from .errors import corrupt, unsupported
from .wire import Table

LEAF, INNER, RUN_LIST = 1, 2, 3
MAX_NODE = 8 * 1024 * 1024
MAX_ELEMENTS = 65_536
MAX_LEVEL = 32
KINDS = ["file", "directory", "symlink", "fifo", "socket", "char_device", "block_device"]

Child = namedtuple("Child", "first id entries files bytes")
Run = namedtuple("Run", "segment first count bytes")
ListChild = namedtuple("ListChild", "id bytes")
RunLists = namedtuple("RunLists", "id levels")


class Entry:
    """One path with its metadata and where its content is."""

    __slots__ = (
        "key kind mode owner modified changed inode hard_link size target device xattrs holes content"
    ).split()

    @property
    def names(self):
        return self.key.split(b"\0") if self.key else []

    @property
    def path(self):
        return self.key.replace(b"\0", b"/")

    @property
    def data_length(self):
        return self.size - sum(length for _, length in self.holes)


def check_key(key):
    if len(key) > 16 * 1024:
        raise corrupt("a path is longer than 16 KiB")
    for name in key.split(b"\0") if key else []:
        if not 0 < len(name) <= 1024 or name in (b".", b"..") or b"/" in name:
            raise corrupt("a path has a part that is no name")


def read_key(table, before):
    shared, suffix = table.varint(), table.bytes()
    if shared > len(before or b""):
        raise corrupt("a path shares more than there is")
    key = (before or b"")[:shared] + suffix
    if before is not None and key <= before:
        raise corrupt("paths do not ascend")
    check_key(key)
    return key


def wrap(value):
    """A signed number modulo 2^64, from -2^63."""
    return (value + 2**63) % 2**64 - 2**63


def read_segments(table):
    return [table.take(32) for _ in range(table.count(32, MAX_ELEMENTS))]


class RunState:
    """What a run is written relative to: the run before it."""

    def __init__(self, segments):
        self.segments = segments
        self.number = self.next = 0

    def read(self, table, left=None):
        """Reads a run; `left` is what it holds where that is not written."""
        number = table.varint()
        if number >= len(self.segments):
            raise corrupt("a run names a segment that is not listed")
        first = table.signed() + (self.next if number == self.number else 0)
        count = table.u32()
        if not 0 <= first < 2**32:
            raise corrupt("a run begins outside its segment")
        if count == 0 or first + count >= 2**32:
            raise corrupt("a run is empty or too long")
        length = table.varint() if left is None else left
        self.number, self.next = number, first + count
        return Run(self.segments[number], first, count, length)


def decode_node(data):
    """A list of entries, or a level and a list of children."""
    if len(data) > MAX_NODE:
        raise corrupt("it is longer than any node may be")
    table = Table(data)
    kind, level = table.u8(), table.u8()
    if (kind, level) == (LEAF, 0):
        node = 0, read_leaf(table)
    elif kind == INNER and 1 <= level <= MAX_LEVEL:
        node = level, read_children(table)
    elif kind in (LEAF, INNER, RUN_LIST):
        raise corrupt("it is not a node of a tree of paths")
    else:
        raise unsupported("it is a node of an unknown kind")
    table.end()
    return node


def read_children(table):
    children, before = [], None
    for _ in range(table.count(37, MAX_ELEMENTS)):
        before = read_key(table, before)
        children.append(Child(before, table.take(32), table.varint(), table.varint(), table.varint()))
    if not children:
        raise corrupt("an inner node has no children")
    return children


def read_leaf(table):
    runs = RunState(read_segments(table))
    owners = []
    for _ in range(table.count(4, MAX_ELEMENTS)):
        uid, gid, *names = table.u32(), table.u32(), table.bytes(), table.bytes()
        try:
            user, group = (name.decode() for name in names)
        except UnicodeDecodeError as error:
            raise corrupt("the name of an owner is not text") from error
        if any(len(name) > 1024 for name in names):
            raise corrupt("the name of an owner is too long")
        owners.append((uid, gid, user, group))
    entries, key, seconds, inode = [], None, 0, 0
    for _ in range(table.count(7, MAX_ELEMENTS)):
        entry = Entry()
        entry.key = key = read_key(table, key)
        flags = table.varint()
        if flags >= 1 << 10:
            raise unsupported("an entry has a property that is not known")
        entry.mode = table.u32()
        if entry.mode > 0o7777:
            raise corrupt("a mode has bits beyond 07777")
        owner = table.varint()
        if owner >= len(owners):
            raise corrupt("an owner is not listed")
        entry.owner = owners[owner]
        entry.modified = read_time(table, seconds)
        seconds = entry.modified[0]
        entry.changed = read_time(table, seconds) if flags & 8 else None
        entry.inode = None
        if flags & 16:
            entry.inode = inode = (inode + table.signed()) % 2**64
        entry.hard_link = (table.varint(), table.varint()) if flags & 32 else None
        if flags & 7 == 7:
            raise unsupported("an entry is of an unknown type")
        entry.kind = KINDS[flags & 7]
        is_file = entry.kind == "file"
        entry.size = table.varint() if is_file else 0
        entry.target = entry.device = None
        if entry.kind == "symlink":
            entry.target = table.bytes()
            if len(entry.target) > 65_536 or b"\0" in entry.target:
                raise corrupt("the target of a link is too long or holds NUL")
        elif entry.kind in ("char_device", "block_device"):
            entry.device = (table.u32(), table.u32())
        entry.xattrs = read_xattrs(table) if flags & 64 else []
        if flags & 128 and not is_file:
            raise corrupt("something that is not a file has holes")
        entry.holes = read_holes(table, entry.size) if flags & 128 else []
        entry.content = read_content(table, flags >> 8, entry, runs)
        entries.append(entry)
    return entries


def read_time(table, relative_to):
    seconds, nanos = wrap(relative_to + table.signed()), table.u32()
    if nanos >= 10**9:
        raise corrupt("a time has a billion nanoseconds or more")
    return seconds, nanos


def read_xattrs(table):
    xattrs, total = [], 0
    for _ in range(table.count(2)):
        name, value = table.bytes(), table.bytes()
        total += len(name) + len(value)
        if not name or b"\0" in name or total > 1024 * 1024:
            raise corrupt("an extended attribute has an impossible name or is too long")
        if xattrs and xattrs[-1][0] >= name:
            raise corrupt("extended attributes do not ascend")
        xattrs.append((name, value))
    if not xattrs:
        raise corrupt("a list of extended attributes is empty")
    return xattrs


def read_holes(table, size):
    holes, end = [], 0
    for position in range(table.count(2, MAX_ELEMENTS)):
        gap, length = table.varint(), table.varint()
        offset = end + gap
        end = offset + length
        if (gap == 0 and position > 0) or length == 0 or end > size:
            raise corrupt("a hole is empty, touches another, or lies outside its file")
        holes.append((offset, length))
    if not holes:
        raise corrupt("a list of holes is empty")
    return holes


def read_content(table, how, entry, state):
    """None, bytes, a list of runs, or the root of run lists."""
    data = entry.data_length
    if how == 0:
        if data:
            raise corrupt("a file has a size and no content")
        return None
    if entry.kind != "file":
        raise corrupt("something that is not a file has content")
    if how == 1:
        inline = table.bytes()
        if not inline or len(inline) != data:
            raise corrupt("inline content does not have the file's size")
        return inline
    if how == 2:
        count, runs, left = table.count(3, MAX_ELEMENTS), [], data
        for position in range(count):
            run = state.read(table, left if position == count - 1 else None)
            left -= run.bytes
            if left < 0:
                raise corrupt("runs are longer than their file")
            runs.append(run)
        if left or not runs:
            raise corrupt("a file has no runs")
        return runs
    lists = RunLists(table.take(32), table.u8())
    if not 1 <= lists.levels <= MAX_LEVEL or data == 0:
        raise corrupt("a run list has an impossible depth or no content")
    return lists


def decode_run_list(data):
    """Its level, and runs (level 1) or children."""
    if len(data) > MAX_NODE:
        raise corrupt("it is longer than any list may be")
    table = Table(data)
    kind, level = table.u8(), table.u8()
    if kind == RUN_LIST and level == 1:
        state = RunState(read_segments(table))
        elements = [state.read(table) for _ in range(table.count(4, MAX_ELEMENTS))]
    elif kind == RUN_LIST and 2 <= level <= MAX_LEVEL:
        elements = [ListChild(table.take(32), table.varint()) for _ in range(table.count(33, MAX_ELEMENTS))]
    elif kind in (LEAF, INNER, RUN_LIST):
        raise corrupt("it is not a run list")
    else:
        raise unsupported("it is a node of an unknown kind")
    table.end()
    return level, elements
