//! What backup, restore, copy and forget did.

use super::record;
use super::{Rejected, Snapshot};
use crate::enums::{Outcome, Phase, ProblemReason, SnapshotOutcome};
use crate::failure::Failure;
use crate::values::{Nanoseconds, RawName, Timestamp};

record! {
    /// One path that was not handled, or not fully, and why.
    Problem {
        /// The path, as it stands in the snapshot.
        path: RawName,
        /// Why, for programs.
        reason: ProblemReason,
        /// Why, for people.
        detail: String,
    }
}

record! {
    /// A moment's view of an operation. Counts only grow; totals are estimates until known.
    Progress {
        /// What is being done.
        phase: Phase,
        /// Entries finished.
        entries: i64,
        /// Entries there will be, when known.
        total_entries: Option<i64>,
        /// Bytes of content finished.
        bytes: i64,
        /// Bytes of content there will be, when known.
        total_bytes: Option<i64>,
        /// Bytes of content that were new to the repository (backup), or had to be written (restore).
        new_bytes: i64,
        /// Bytes sent to or read from storage.
        stored_bytes: i64,
        /// Entries that could not be handled.
        problems: i64,
        /// Nanoseconds since the operation began.
        elapsed = elapsed_ns: Nanoseconds,
        /// The path or object at work, for display only.
        current: Option<String>,
    }
}

record! {
    /// What a backup did.
    BackupReport {
        /// How it ended.
        outcome: Outcome,
        /// The snapshot; none when the work was suspended, or nothing had changed and none was wanted then.
        snapshot: Option<String>,
        /// The snapshot it built on.
        parent: Option<String>,
        /// Entries of the snapshot.
        entries: i64,
        /// Regular files among them.
        files: i64,
        /// Folders among them.
        directories: i64,
        /// Bytes of all regular files.
        bytes: i64,
        /// Entries taken over from an earlier backup without reading them.
        unchanged: i64,
        /// Bytes of content that the repository did not have, before compression.
        new_bytes: i64,
        /// Blobs that the repository did not have.
        new_blobs: i64,
        /// Bytes sent to storage in packs.
        stored_bytes: i64,
        /// Packs sent to storage.
        stored_packs: i64,
        /// What could not be read and why; at most 1,000 of them.
        problems: Vec<Problem>,
        /// How many problems there were.
        problem_count: i64,
        /// How long it took, in nanoseconds.
        duration = duration_ns: Nanoseconds,
    }
}

record! {
    /// What a restore did.
    RestoreReport {
        /// How it ended.
        outcome: Outcome,
        /// Entries that are in the target as the snapshot and the options want them.
        entries: i64,
        /// Regular files among them, each name of a file with several names that was written or compared.
        files: i64,
        /// Folders among them.
        directories: i64,
        /// Symbolic links among them.
        symlinks: i64,
        /// Further names of files with several names.
        hard_links: i64,
        /// Devices, pipes and sockets among them.
        others: i64,
        /// Entries other than folders that the target had already, or that the overwrite policy leaves alone.
        unchanged: i64,
        /// Size of all files together, holes included.
        bytes: i64,
        /// Bytes of content that had to be written.
        bytes_written: i64,
        /// Files, links and folders removed because the snapshot does not have them.
        deleted: i64,
        /// The first thousand problems, by path.
        problems: Vec<Problem>,
        /// How many problems there were.
        problem_count: i64,
        /// How long it took, in nanoseconds.
        duration = duration_ns: Nanoseconds,
    }
}

record! {
    /// What a copy did.
    CopyReport {
        /// How it ended.
        outcome: Outcome,
        /// Snapshots that were to be copied.
        snapshots: i64,
        /// One for each destination, in the order in which they were given.
        destinations: Vec<CopyDestination>,
        /// Snapshots of the source that could not be read or trusted, and why.
        rejected: Vec<Rejected>,
        /// Bytes of content that were read from the source.
        read_bytes: i64,
        /// How long it took, in nanoseconds.
        duration = duration_ns: Nanoseconds,
    }
}

record! {
    /// What came to one destination.
    CopyDestination {
        /// The id of the repository.
        repository: String,
        /// Where it is, for messages.
        location: String,
        /// How it ended there.
        outcome: Outcome,
        /// Why it got no more than what is listed here, if it failed.
        error: Option<Failure>,
        /// The snapshots that were copied, in that order.
        copied: Vec<SnapshotCopy>,
        /// How many of the snapshots it had before.
        present: i64,
        /// Bytes of content it did not have, before compression.
        new_bytes: i64,
        /// Bytes sent to it in packs.
        stored_bytes: i64,
        /// Packs sent to it.
        stored_packs: i64,
    }
}

record! {
    /// One snapshot that was copied.
    SnapshotCopy {
        /// The original, in the source.
        source: String,
        /// The copy, in the destination.
        copy: String,
        /// What the copy says of itself.
        outcome: SnapshotOutcome,
        /// Entries of the copy.
        entries: i64,
        /// Bytes of its regular files.
        bytes: i64,
        /// Files taken over from an earlier copy without being read from the source.
        unchanged: i64,
        /// Bytes of content that the destination did not have.
        new_bytes: i64,
        /// Bytes sent to the destination.
        stored_bytes: i64,
        /// What of the original could not be read, and so is not in the copy; at most 1,000 of them.
        problems: Vec<Problem>,
        /// How many problems there were.
        problem_count: i64,
    }
}

record! {
    /// What forgetting did, or in a dry run would do.
    ForgetReport {
        /// Whether nothing was removed because none should be.
        dry_run: bool,
        /// What time it was, by the storage's clock.
        now: Timestamp,
        /// Every snapshot that was looked at, in groups; those that were named are one group.
        groups: Vec<RetentionGroup>,
        /// How many stay of them.
        kept: i64,
        /// How many were removed, or in a dry run would be.
        removed: i64,
        /// Marks that were left of snapshots that are gone, and were removed too, or would be.
        leftover_marks: i64,
        /// Snapshots that are damaged and were named: what became of each.
        damaged: Vec<DamagedSnapshot>,
        /// Snapshots and marks that cannot be read or trusted, and why. None of these was touched.
        rejected: Vec<Rejected>,
    }
}

record! {
    /// A snapshot that cannot be read or trusted, and that was to be removed.
    DamagedSnapshot {
        /// Its object.
        name: String,
        /// What is wrong with it.
        error: Failure,
        /// Until when it is held, if it is: then it stays.
        held_until: Option<Timestamp>,
    }
}

record! {
    /// Snapshots to which rules were applied together. What they are grouped by is set.
    RetentionGroup {
        /// Their lineage.
        lineage: Option<String>,
        /// The device that made them.
        device: Option<String>,
        /// Their host.
        host: Option<String>,
        /// What was backed up, ascending.
        paths: Option<Vec<RawName>>,
        /// The snapshots, in the order in which storage received them.
        decisions: Vec<RetentionDecision>,
    }
}

record! {
    /// Whether a snapshot stays, and why.
    RetentionDecision {
        /// The snapshot.
        snapshot: Snapshot,
        /// Everything that keeps it. It goes when there is nothing.
        keep: Vec<RetentionReason>,
        /// For one that goes, why each of the rules does not keep it.
        remove: Vec<RetentionReason>,
        /// By how many seconds the device's clock was ahead of the storage's, if that is more than the tolerance.
        clock_ahead: Option<i64>,
    }
}

record! {
    /// Why a snapshot stays, or why a rule does not keep it.
    RetentionReason {
        /// The stable name, in snake case.
        name: String,
        /// For people.
        text: String,
    }
}
