"""What check, repair, prune and other care of a repository found and did."""

from __future__ import annotations

import builtins
import os
from dataclasses import dataclass
from datetime import timedelta

from strongroom._enums import CheckKind, Outcome
from strongroom._records.notes import ObjectNote, Rejected


@dataclass(frozen=True, slots=True)
class CheckProblem:
    """One thing a check found.

    Attributes:
        kind: What is wrong, for programs.
        object: The object it is wrong with: a name such as `packs/3f…`, or the id of a segment or node.
        snapshot: The snapshot that suffers, for problems found in a tree.
        path: The path that suffers; for a node, the first one of those it held.
        detail: What is wrong, for people.
    """

    kind: CheckKind
    object: str
    snapshot: str | None
    path: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check looked at and found.

    Attributes:
        outcome: Complete when everything that was asked for was looked at, whatever was found; else suspended.
        trees_skipped: Trees were left out, because the key that was used cannot read them.
        snapshots: Snapshots whose tree was looked at.
        nodes: Nodes of trees, run lists included. What several snapshots share counts once, here and below.
        entries: Entries in those nodes.
        files: Regular files among them.
        bytes: Sum of the sizes of those files, in bytes.
        index_objects: Index objects that could be read and are in force.
        packs: Packs in storage that the index lists.
        pack_bytes: Their bytes.
        unindexed_packs: Packs in storage that no index object lists.
        unindexed_bytes: Their bytes.
        packs_read: Packs read whole.
        bytes_read: Bytes read of them.
        segments_opened: Segments of those packs that were decrypted and verified.
        problems: Everything found that means damage, the first thousands with their details.
        problem_count: How many there are, those included that `problems` has no room for.
        notes: What was found that is odd and harmless.
        duration: How long it took.
    """

    outcome: Outcome
    trees_skipped: bool
    snapshots: int
    nodes: int
    entries: int
    files: int
    bytes: int
    index_objects: int
    packs: int
    pack_bytes: int
    unindexed_packs: int
    unindexed_bytes: int
    packs_read: int
    bytes_read: int
    segments_opened: int
    problems: tuple[CheckProblem, ...]
    problem_count: int
    notes: tuple[CheckProblem, ...]
    duration: timedelta

    @property
    def is_sound(self) -> bool:
        """Whether everything that was asked for was looked at, and nothing was found wrong."""
        return self.problem_count == 0 and self.outcome is Outcome.COMPLETE


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair found and did.

    Attributes:
        outcome: Complete when everything is whole again; partial when something is lost or could not be looked
            at.
        dry_run: Nothing was written.
        packs: Packs in storage.
        packs_read: Packs that were read whole.
        bytes_read: Bytes read of them.
        damaged: Packs that are missing or damaged.
        left: Packs that this build or this key does not understand, or that storage does not give.
        packs_written: New packs of segments that were moved.
        bytes_written: Their bytes.
        index_written: Index objects written.
        index_superseded: Index objects no longer in force.
        packs_listed: Packs that no index object listed rightly, and that one lists now.
        snapshots: Snapshots whose trees were looked at.
        trees_skipped: Trees were left out, because the key that was used cannot read them.
        salvaged: Snapshots that lost something.
        rejected: Snapshots, and marks on them, that cannot be read or trusted.
        duration: How long it took.
    """

    outcome: Outcome
    dry_run: bool
    packs: int
    packs_read: int
    bytes_read: int
    damaged: tuple[DamagedPack, ...]
    left: tuple[Rejected, ...]
    packs_written: int
    bytes_written: int
    index_written: int
    index_superseded: int
    packs_listed: int
    snapshots: int
    trees_skipped: bool
    salvaged: tuple[SalvagedSnapshot, ...]
    rejected: tuple[Rejected, ...]
    duration: timedelta

    @property
    def was_sound(self) -> bool:
        """Whether there was nothing to mend, and nothing is lost."""
        return self.outcome is Outcome.COMPLETE and not self.damaged and self.index_written == 0


@dataclass(frozen=True, slots=True)
class DamagedPack:
    """A pack that is missing or damaged, and what became of the segments it held.

    Attributes:
        name: Its name.
        missing: Storage does not have it.
        detail: What is wrong with it.
        sectors_healed: Sectors of it that parity made good: then nothing of it is lost.
        segments_moved: Sound segments of which it held the only copy; they are in a new pack now.
        segments_elsewhere: Segments of which another pack has a sound copy.
        segments_lost: Segments of which there is no sound copy.
        segments_unknown: Segments that nobody can tell about without a reader's or owner's key.
    """

    name: str
    missing: bool
    detail: str
    sectors_healed: int | None
    segments_moved: int
    segments_elsewhere: int
    segments_lost: int
    segments_unknown: int


@dataclass(frozen=True, slots=True)
class SalvagedSnapshot:
    """A snapshot that lost something.

    Attributes:
        damaged: The damaged snapshot, which stays.
        salvaged: The snapshot of what is whole, if one was made.
        already: An earlier repair had made it.
        entries: Entries that are whole.
        files: Regular files among them.
        bytes: Sum of the sizes of those files.
        lost: What is lost, in the order of paths.
        lost_count: How many losses there are.
    """

    damaged: str
    salvaged: str | None
    already: bool
    entries: int
    files: int
    bytes: int
    lost: tuple[Loss, ...]
    lost_count: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that a snapshot lost: one file, or all entries of a stretch of paths.

    Attributes:
        path: The path, or the first of the paths.
        is_file: Whether it is one file; otherwise all entries from `path` on and before `before` are lost.
        before: The first entry behind those that are lost; none for a file, and when they are the last.
        size: Length of the file; for entries, the sum of the sizes of their files.
        bytes: How many bytes are lost.
        ranges: The bytes of the file that are lost, ascending and apart; the first thousand ranges.
        entries: How many entries are lost.
        files: Regular files among them.
        text: All that in words.
    """

    path: str
    is_file: bool
    before: str | None
    size: int
    bytes: int
    ranges: tuple[range, ...]
    entries: int
    files: int
    text: str

    @property
    def path_bytes(self) -> builtins.bytes:
        """`path` as the bytes that it is."""
        return os.fsencode(self.path)


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What rebuilding the index did.

    Attributes:
        outcome: Complete when every pack was looked at and listed, partial when some could not be read, else
            suspended.
        packs: Packs in storage whose contents could be read.
        pack_bytes: Their bytes.
        segments: Segments in them.
        blobs: Blobs in those.
        packs_added: Packs that no index object listed as they are, and that one lists now.
        objects_written: Index objects written.
        objects_superseded: Index objects that are no longer in force.
        unreadable: Packs that do not say what they hold, the first thousands of them.
        unreadable_count: How many there are.
        duration: How long it took.
    """

    outcome: Outcome
    packs: int
    pack_bytes: int
    segments: int
    blobs: int
    packs_added: int
    objects_written: int
    objects_superseded: int
    unreadable: tuple[UnreadablePack, ...]
    unreadable_count: int
    duration: timedelta


@dataclass(frozen=True, slots=True)
class UnreadablePack:
    """A pack that does not say what it holds.

    Attributes:
        name: Its name.
        kept: Its length is what an index object says, so what that lists for it is kept.
        detail: Why it could not be read.
    """

    name: str
    kept: bool
    detail: str


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What pruning did, or in a dry run would do.

    Attributes:
        outcome: Complete; partial when packs were left alone because they are damaged; or suspended.
        packs: Packs there were.
        pack_bytes: Their bytes.
        live_bytes: Bytes of these that snapshots need.
        removed_packs: Packs that were removed.
        removed_bytes: The bytes that freed.
        condemned_packs: Packs that will be removed by a later call, once nobody can need them any more.
        condemned_bytes: The bytes that will free.
        emptied_packs: Packs whose needed part was moved to new packs.
        written_bytes: Bytes in the new packs.
        reprieved_packs: Packs that had been condemned and turned out to be needed again.
        waiting_for: Sessions at work that removal waits for.
        cleaned_sessions: Sessions that are over, and were cleaned up after.
        removed_index_objects: Index objects that others replaced, and that were removed.
        damaged_packs: Packs that were to be emptied and were left alone, because they are damaged.
        void_snapshots: Snapshots that were committed too late, and that lack something; they are best
            forgotten.
        duration: How long it took.
    """

    outcome: Outcome
    packs: int
    pack_bytes: int
    live_bytes: int
    removed_packs: int
    removed_bytes: int
    condemned_packs: int
    condemned_bytes: int
    emptied_packs: int
    written_bytes: int
    reprieved_packs: int
    waiting_for: tuple[str, ...]
    cleaned_sessions: int
    removed_index_objects: int
    damaged_packs: int
    void_snapshots: tuple[str, ...]
    duration: timedelta


@dataclass(frozen=True, slots=True)
class ParityReport:
    """What adding parity did.

    Attributes:
        outcome: Complete when every pack has parity, partial when some could not be read, else suspended.
        packs: Packs in storage.
        pack_bytes: Their bytes.
        added: Packs that had none and have it now.
        added_bytes: Bytes written for them.
        damaged: Packs that cannot be read, or are damaged: they get none.
        duration: How long it took.
    """

    outcome: Outcome
    packs: int
    pack_bytes: int
    added: int
    added_bytes: int
    damaged: tuple[Rejected, ...]
    duration: timedelta


@dataclass(frozen=True, slots=True)
class ReencryptReport:
    """What re-encrypting did.

    Attributes:
        outcome: Complete when nothing of an earlier epoch is left; partial when some packs could not be read;
            or suspended.
        epoch: The epoch that everything is under then.
        packs: Packs that were re-encrypted.
        bytes: Their bytes.
        segments: Segments that were sealed anew.
        stored_packs: Packs that were written.
        stored_bytes: Their bytes.
        left_packs: Packs of earlier epochs that are still to be re-encrypted.
        left_bytes: Their bytes.
        superseded_packs: Packs all of whose segments lie in newer ones: pruning will remove them.
        superseded_bytes: The bytes that will free.
        unreadable: Packs that could not be read or opened, and why; the first thousands of them.
        unreadable_count: How many there are.
        duration: How long it took.
    """

    outcome: Outcome
    epoch: int
    packs: int
    bytes: int
    segments: int
    stored_packs: int
    stored_bytes: int
    left_packs: int
    left_bytes: int
    superseded_packs: int
    superseded_bytes: int
    unreadable: tuple[ObjectNote, ...]
    unreadable_count: int
    duration: timedelta
