"""Snapshots and what is counted of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from strongroom._enums import SnapshotOutcome
from strongroom._records.notes import Rejected
from strongroom._times import utc


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot.

    Attributes:
        id: Its id.
        root: Root node of its tree.
        time_ns: When it was made, by the clock of the device that made it, in nanoseconds since 1970.
        received_ns: When storage received it, by the storage's clock. This is what counts for retention, in
            nanoseconds since 1970.
        lineage: The line of backups it belongs to.
        device: The device that made and signed it.
        session: The session that wrote it.
        counts: What was counted.
        parents: The snapshots it continues; several after a merge.
        outcome: Whether everything could be read.
        hold_until_ns: It must not be removed before this time, if one is set, in nanoseconds since 1970.
        body_readable: Whether the fields below could be read.
        host: Host it was made on.
        paths: What was backed up, as it was given.
        tags: Tags, ascending.
        description: A description for people.
        user: User that made it.
        program: Name and version of the program that made it.
        metadata: What the app that made it attached.
    """

    id: str
    root: str
    time_ns: int
    received_ns: int
    lineage: str
    device: str
    session: str
    counts: SnapshotCounts
    parents: tuple[str, ...]
    outcome: SnapshotOutcome
    hold_until_ns: int | None
    body_readable: bool
    host: str | None
    paths: tuple[str, ...]
    tags: tuple[str, ...]
    description: str | None
    user: str | None
    program: str | None
    metadata: Mapping[str, bytes] = field(hash=False)

    @property
    def time(self) -> datetime:
        """`time_ns` as a time in UTC."""
        return utc(self.time_ns)

    @property
    def received(self) -> datetime:
        """`received_ns` as a time in UTC."""
        return utc(self.received_ns)

    @property
    def hold_until(self) -> datetime | None:
        """`hold_until_ns` as a time in UTC."""
        return None if self.hold_until_ns is None else utc(self.hold_until_ns)


@dataclass(frozen=True, slots=True)
class SnapshotCounts:
    """What a backup counted.

    Attributes:
        entries: Entries of the tree, of every kind.
        files: Regular files.
        directories: Folders.
        bytes: Bytes of content of all regular files.
        new_bytes: Bytes of content that the repository did not hold before.
        stored_bytes: Bytes this backup added to storage, metadata included.
        problems: Paths that could not be read.
        unchanged_files: Regular files taken over from the previous snapshot without opening them.
    """

    entries: int
    files: int
    directories: int
    bytes: int
    new_bytes: int
    stored_bytes: int
    problems: int
    unchanged_files: int


@dataclass(frozen=True, slots=True)
class SnapshotListing:
    """The snapshots of a repository; a sequence of those that can be read.

    Attributes:
        snapshots: The snapshots, oldest first by the clocks of the devices that made them.
        rejected: Snapshots and marks that cannot be read or trusted, and why.
    """

    snapshots: tuple[Snapshot, ...]
    rejected: tuple[Rejected, ...]

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(self.snapshots)

    def __len__(self) -> int:
        return len(self.snapshots)

    def __getitem__(self, at: int) -> Snapshot:
        return self.snapshots[at]

    def __contains__(self, snapshot: object) -> bool:
        return snapshot in self.snapshots


@dataclass(frozen=True, slots=True)
class RepositoryStats:
    """How much the repository holds: raw, deduplicated, stored.

    Attributes:
        snapshots: Each snapshot.
        raw_bytes: Sizes of the regular files of all snapshots together, holes included.
        deduplicated_bytes: Content that any snapshot refers to, each piece once and before compression.
        tree_nodes: Nodes of trees that any snapshot refers to, each once.
        unreadable_nodes: Nodes that could not be read; what is below them is missing from the figures above.
        data_segments: Segments of content that any snapshot refers to.
        stored_bytes: Bytes of all packs in storage.
        packs: Packs in storage.
        segments: Segments that the index lists.
        blobs: Blobs that the index lists.
        index_objects: Index objects in force.
    """

    snapshots: tuple[SnapshotStats, ...]
    raw_bytes: int
    deduplicated_bytes: int
    tree_nodes: int
    unreadable_nodes: int
    data_segments: int
    stored_bytes: int
    packs: int
    segments: int
    blobs: int
    index_objects: int


@dataclass(frozen=True, slots=True)
class SnapshotStats:
    """Figures on one snapshot.

    Attributes:
        id: Which one.
        entries: Its entries.
        files: Regular files among them.
        bytes: Sum of the sizes of those files.
        readable: Whether its tree begins with a node that can be read; if not, the figures are 0.
    """

    id: str
    entries: int
    files: int
    bytes: int
    readable: bool
