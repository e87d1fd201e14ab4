"""What backup, restore, copy and forget did."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom._enums import Outcome, Phase, ProblemReason, SnapshotOutcome
from strongroom._errors import Error
from strongroom._records.notes import Rejected
from strongroom._records.snapshots import Snapshot
from strongroom._times import utc


@dataclass(frozen=True, slots=True)
class Problem:
    """One path that was not handled, or not fully, and why.

    Attributes:
        path: The path, as it stands in the snapshot.
        reason: Why, for programs.
        detail: Why, for people.
    """

    path: str
    reason: ProblemReason
    detail: str

    @property
    def path_bytes(self) -> bytes:
        """`path` as the bytes that it is."""
        return os.fsencode(self.path)


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment's view of an operation. Counts only grow; totals are estimates until known.

    Attributes:
        phase: What is being done.
        entries: Entries finished.
        total_entries: Entries there will be, when known.
        bytes: Bytes of content finished.
        total_bytes: Bytes of content there will be, when known.
        new_bytes: Bytes of content that were new to the repository (backup), or had to be written (restore).
        stored_bytes: Bytes sent to or read from storage.
        problems: Entries that could not be handled.
        elapsed: Time since the operation began.
        current: The path or object at work, for display only.
    """

    phase: Phase
    entries: int
    total_entries: int | None
    bytes: int
    total_bytes: int | None
    new_bytes: int
    stored_bytes: int
    problems: int
    elapsed: timedelta
    current: str | None


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup did.

    Attributes:
        outcome: How it ended.
        snapshot: The snapshot; none when the work was suspended, or nothing had changed and none was wanted
            then.
        parent: The snapshot it built on.
        entries: Entries of the snapshot.
        files: Regular files among them.
        directories: Folders among them.
        bytes: Bytes of all regular files.
        unchanged: Entries taken over from an earlier backup without reading them.
        new_bytes: Bytes of content that the repository did not have, before compression.
        new_blobs: Blobs that the repository did not have.
        stored_bytes: Bytes sent to storage in packs.
        stored_packs: Packs sent to storage.
        problems: What could not be read and why; at most 1,000 of them.
        problem_count: How many problems there were.
        duration: How long it took.
    """

    outcome: Outcome
    snapshot: str | None
    parent: str | None
    entries: int
    files: int
    directories: int
    bytes: int
    unchanged: int
    new_bytes: int
    new_blobs: int
    stored_bytes: int
    stored_packs: int
    problems: tuple[Problem, ...]
    problem_count: int
    duration: timedelta


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did.

    Attributes:
        outcome: How it ended.
        entries: Entries that are in the target as the snapshot and the options want them.
        files: Regular files among them, each name of a file with several names that was written or compared.
        directories: Folders among them.
        symlinks: Symbolic links among them.
        hard_links: Further names of files with several names.
        others: Devices, pipes and sockets among them.
        unchanged: Entries other than folders that the target had already, or that the overwrite policy leaves
            alone.
        bytes: Size of all files together, holes included.
        bytes_written: Bytes of content that had to be written.
        deleted: Files, links and folders removed because the snapshot does not have them.
        problems: The first thousand problems, by path.
        problem_count: How many problems there were.
        duration: How long it took.
    """

    outcome: Outcome
    entries: int
    files: int
    directories: int
    symlinks: int
    hard_links: int
    others: int
    unchanged: int
    bytes: int
    bytes_written: int
    deleted: int
    problems: tuple[Problem, ...]
    problem_count: int
    duration: timedelta


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy did.

    Attributes:
        outcome: How it ended.
        snapshots: Snapshots that were to be copied.
        destinations: One for each destination, in the order in which they were given.
        rejected: Snapshots of the source that could not be read or trusted, and why.
        read_bytes: Bytes of content that were read from the source.
        duration: How long it took.
    """

    outcome: Outcome
    snapshots: int
    destinations: tuple[CopyDestination, ...]
    rejected: tuple[Rejected, ...]
    read_bytes: int
    duration: timedelta


@dataclass(frozen=True, slots=True)
class CopyDestination:
    """What came to one destination.

    Attributes:
        repository: The id of the repository.
        location: Where it is, for messages.
        outcome: How it ended there.
        error: Why it got no more than what is listed here, if it failed.
        copied: The snapshots that were copied, in that order.
        present: How many of the snapshots it had before.
        new_bytes: Bytes of content it did not have, before compression.
        stored_bytes: Bytes sent to it in packs.
        stored_packs: Packs sent to it.
    """

    repository: str
    location: str
    outcome: Outcome
    error: Error | None
    copied: tuple[SnapshotCopy, ...]
    present: int
    new_bytes: int
    stored_bytes: int
    stored_packs: int


@dataclass(frozen=True, slots=True)
class SnapshotCopy:
    """One snapshot that was copied.

    Attributes:
        source: The original, in the source.
        copy: The copy, in the destination.
        outcome: What the copy says of itself.
        entries: Entries of the copy.
        bytes: Bytes of its regular files.
        unchanged: Files taken over from an earlier copy without being read from the source.
        new_bytes: Bytes of content that the destination did not have.
        stored_bytes: Bytes sent to the destination.
        problems: What of the original could not be read, and so is not in the copy; at most 1,000 of them.
        problem_count: How many problems there were.
    """

    source: str
    copy: str
    outcome: SnapshotOutcome
    entries: int
    bytes: int
    unchanged: int
    new_bytes: int
    stored_bytes: int
    problems: tuple[Problem, ...]
    problem_count: int


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What forgetting did, or in a dry run would do.

    Attributes:
        dry_run: Whether nothing was removed because none should be.
        now_ns: What time it was, by the storage's clock, in nanoseconds since 1970.
        groups: Every snapshot that was looked at, in groups; those that were named are one group.
        kept: How many stay of them.
        removed: How many were removed, or in a dry run would be.
        leftover_marks: Marks that were left of snapshots that are gone, and were removed too, or would be.
        damaged: Snapshots that are damaged and were named: what became of each.
        rejected: Snapshots and marks that cannot be read or trusted, and why. None of these was touched.
    """

    dry_run: bool
    now_ns: int
    groups: tuple[RetentionGroup, ...]
    kept: int
    removed: int
    leftover_marks: int
    damaged: tuple[DamagedSnapshot, ...]
    rejected: tuple[Rejected, ...]

    @property
    def now(self) -> datetime:
        """`now_ns` as a time in UTC."""
        return utc(self.now_ns)


@dataclass(frozen=True, slots=True)
class DamagedSnapshot:
    """A snapshot that cannot be read or trusted, and that was to be removed.

    Attributes:
        name: Its object.
        error: What is wrong with it.
        held_until_ns: Until when it is held, if it is: then it stays, in nanoseconds since 1970.
    """

    name: str
    error: Error
    held_until_ns: int | None

    @property
    def held_until(self) -> datetime | None:
        """`held_until_ns` as a time in UTC."""
        return None if self.held_until_ns is None else utc(self.held_until_ns)


@dataclass(frozen=True, slots=True)
class RetentionGroup:
    """Snapshots to which rules were applied together. What they are grouped by is set.

    Attributes:
        lineage: Their lineage.
        device: The device that made them.
        host: Their host.
        paths: What was backed up, ascending.
        decisions: The snapshots, in the order in which storage received them.
    """

    lineage: str | None
    device: str | None
    host: str | None
    paths: tuple[str, ...] | None
    decisions: tuple[RetentionDecision, ...]


@dataclass(frozen=True, slots=True)
class RetentionDecision:
    """Whether a snapshot stays, and why.

    Attributes:
        snapshot: The snapshot.
        keep: Everything that keeps it. It goes when there is nothing.
        remove: For one that goes, why each of the rules does not keep it.
        clock_ahead: By how many seconds the device's clock was ahead of the storage's, if that is more than the
            tolerance.
    """

    snapshot: Snapshot
    keep: tuple[RetentionReason, ...]
    remove: tuple[RetentionReason, ...]
    clock_ahead: int | None


@dataclass(frozen=True, slots=True)
class RetentionReason:
    """Why a snapshot stays, or why a rule does not keep it.

    Attributes:
        name: The stable name, in snake case.
        text: For people.
    """

    name: str
    text: str
