"""Entries of a snapshot and what differs between two."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from strongroom._enums import ChangeKind, EntryKind
from strongroom._times import utc


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a snapshot with its metadata.

    Attributes:
        path: Where it stands in the snapshot; empty for the root folder.
        kind: What it is.
        target: Where a symbolic link points.
        device_major: Major number of a device.
        device_minor: Minor number of a device.
        size: Length of a regular file in bytes, holes included; 0 for everything else.
        mode: Permission bits with setuid, setgid and sticky (`07777`).
        uid: User id.
        gid: Group id.
        user: User name; empty when unknown.
        group: Group name; empty when unknown.
        modified_ns: Last change of content, in nanoseconds since 1970.
        changed_ns: Last change of the inode, where the source knew it, in nanoseconds since 1970.
        inode: Inode number, where the source knew it.
        hard_link: Set when the file has several names: entries with the same value are the same file.
        xattrs: Extended attributes sorted by name, POSIX ACLs among them.
        holes: Ranges of a regular file that are holes, ascending and apart.
    """

    path: str
    kind: EntryKind
    target: str | None
    device_major: int | None
    device_minor: int | None
    size: int
    mode: int
    uid: int
    gid: int
    user: str
    group: str
    modified_ns: int
    changed_ns: int | None
    inode: int | None
    hard_link: HardLink | None
    xattrs: Mapping[str, bytes] = field(hash=False)
    holes: tuple[Hole, ...]

    @property
    def path_bytes(self) -> bytes:
        """`path` as the bytes that it is."""
        return os.fsencode(self.path)

    @property
    def target_bytes(self) -> bytes | None:
        """`target` as the bytes that it is."""
        return None if self.target is None else os.fsencode(self.target)

    @property
    def modified(self) -> datetime:
        """`modified_ns` as a time in UTC."""
        return utc(self.modified_ns)

    @property
    def changed(self) -> datetime | None:
        """`changed_ns` as a time in UTC."""
        return None if self.changed_ns is None else utc(self.changed_ns)


@dataclass(frozen=True, slots=True)
class HardLink:
    """Identifies the file behind several names, within one snapshot.

    Attributes:
        device: Device of the file system.
        inode: Inode number there.
    """

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Hole:
    """A hole of a sparse file.

    Attributes:
        offset: Where it begins.
        length: How long it is.
    """

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Changes:
    """In what two entries of one path differ.

    Attributes:
        kind: One is a file and the other a folder, or alike.
        content: Size, bytes or link target.
        mode: Permissions.
        owner: Owner or group.
        modified: Modification time.
        xattrs: Extended attributes or ACLs.
    """

    kind: bool
    content: bool
    mode: bool
    owner: bool
    modified: bool
    xattrs: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A path on which two snapshots differ.

    Attributes:
        path: The path.
        change: In what way.
        before: The entry as the first snapshot has it.
        after: The entry as the second snapshot has it.
        changes: In what the two differ; nothing is set for entries that only one snapshot has.
    """

    path: str
    change: ChangeKind
    before: Entry | None
    after: Entry | None
    changes: Changes

    @property
    def path_bytes(self) -> bytes:
        """`path` as the bytes that it is."""
        return os.fsencode(self.path)
