//! What backup, restore, copy and forget did.

use super::{sr_rejected, sr_snapshot};
use crate::arena::{Arena, ToC};
use crate::enums::{sr_outcome, sr_phase, sr_problem_reason, sr_snapshot_outcome};
use crate::types::{sr_bytes, sr_error_record, sr_timestamp};
use std::ffi::c_char;
use strongroom_bindings::records;

/// One path that was not handled, or not fully, and why.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_problem {
    /// The path, as it stands in the snapshot.
    pub path: sr_bytes,
    /// Why, for programs.
    pub reason: sr_problem_reason,
    /// Why, for people.
    pub detail: *const c_char,
}

impl ToC for records::Problem {
    type C = sr_problem;

    fn to_c(&self, arena: &mut Arena) -> sr_problem {
        let records::Problem { path, reason, detail } = self;
        sr_problem { path: arena.bytes(path), reason: reason.code(), detail: arena.text(detail) }
    }
}

/// A moment's view of an operation. Counts only grow; totals are estimates until known.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_progress {
    /// What is being done.
    pub phase: sr_phase,
    /// Entries finished.
    pub entries: u64,
    /// Whether `total_entries` is set.
    pub has_total_entries: bool,
    /// Entries there will be, when known.
    pub total_entries: u64,
    /// Bytes of content finished.
    pub bytes: u64,
    /// Whether `total_bytes` is set.
    pub has_total_bytes: bool,
    /// Bytes of content there will be, when known.
    pub total_bytes: u64,
    /// Bytes of content that were new to the repository (backup), or had to be written (restore).
    pub new_bytes: u64,
    /// Bytes sent to or read from storage.
    pub stored_bytes: u64,
    /// Entries that could not be handled.
    pub problems: u64,
    /// Nanoseconds since the operation began.
    pub elapsed_ns: u64,
    /// The path or object at work, for display only.
    /// NULL when there is none.
    pub current: *const c_char,
}

impl ToC for records::Progress {
    type C = sr_progress;

    fn to_c(&self, arena: &mut Arena) -> sr_progress {
        let records::Progress {
            phase,
            entries,
            total_entries,
            bytes,
            total_bytes,
            new_bytes,
            stored_bytes,
            problems,
            elapsed_ns,
            current,
        } = self;
        sr_progress {
            phase: phase.code(),
            entries: *entries,
            has_total_entries: total_entries.is_some(),
            total_entries: total_entries.unwrap_or_default(),
            bytes: *bytes,
            has_total_bytes: total_bytes.is_some(),
            total_bytes: total_bytes.unwrap_or_default(),
            new_bytes: *new_bytes,
            stored_bytes: *stored_bytes,
            problems: *problems,
            elapsed_ns: *elapsed_ns,
            current: arena.maybe_text(current.as_deref()),
        }
    }
}

/// What a backup did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_backup_report {
    /// How it ended.
    pub outcome: sr_outcome,
    /// The snapshot; none when the work was suspended, or nothing had changed and none was wanted then.
    /// NULL when there is none.
    pub snapshot: *const c_char,
    /// The snapshot it built on.
    /// NULL when there is none.
    pub parent: *const c_char,
    /// Entries of the snapshot.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Folders among them.
    pub directories: u64,
    /// Bytes of all regular files.
    pub bytes: u64,
    /// Entries taken over from an earlier backup without reading them.
    pub unchanged: u64,
    /// Bytes of content that the repository did not have, before compression.
    pub new_bytes: u64,
    /// Blobs that the repository did not have.
    pub new_blobs: u64,
    /// Bytes sent to storage in packs.
    pub stored_bytes: u64,
    /// Packs sent to storage.
    pub stored_packs: u64,
    /// What could not be read and why; at most 1,000 of them.
    pub problems: *const sr_problem,
    /// How many there are.
    pub problems_count: usize,
    /// How many problems there were.
    pub problem_count: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl ToC for records::BackupReport {
    type C = sr_backup_report;

    fn to_c(&self, arena: &mut Arena) -> sr_backup_report {
        let records::BackupReport {
            outcome,
            snapshot,
            parent,
            entries,
            files,
            directories,
            bytes,
            unchanged,
            new_bytes,
            new_blobs,
            stored_bytes,
            stored_packs,
            problems,
            problem_count,
            duration_ns,
        } = self;
        sr_backup_report {
            outcome: outcome.code(),
            snapshot: arena.maybe_text(snapshot.as_deref()),
            parent: arena.maybe_text(parent.as_deref()),
            entries: *entries,
            files: *files,
            directories: *directories,
            bytes: *bytes,
            unchanged: *unchanged,
            new_bytes: *new_bytes,
            new_blobs: *new_blobs,
            stored_bytes: *stored_bytes,
            stored_packs: *stored_packs,
            problems: arena.list(problems),
            problems_count: problems.len(),
            problem_count: *problem_count,
            duration_ns: *duration_ns,
        }
    }
}

/// What a restore did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_restore_report {
    /// How it ended.
    pub outcome: sr_outcome,
    /// Entries that are in the target as the snapshot and the options want them.
    pub entries: u64,
    /// Regular files among them, each name of a file with several names that was written or compared.
    pub files: u64,
    /// Folders among them.
    pub directories: u64,
    /// Symbolic links among them.
    pub symlinks: u64,
    /// Further names of files with several names.
    pub hard_links: u64,
    /// Devices, pipes and sockets among them.
    pub others: u64,
    /// Entries other than folders that the target had already, or that the overwrite policy leaves alone.
    pub unchanged: u64,
    /// Size of all files together, holes included.
    pub bytes: u64,
    /// Bytes of content that had to be written.
    pub bytes_written: u64,
    /// Files, links and folders removed because the snapshot does not have them.
    pub deleted: u64,
    /// The first thousand problems, by path.
    pub problems: *const sr_problem,
    /// How many there are.
    pub problems_count: usize,
    /// How many problems there were.
    pub problem_count: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl ToC for records::RestoreReport {
    type C = sr_restore_report;

    fn to_c(&self, arena: &mut Arena) -> sr_restore_report {
        let records::RestoreReport {
            outcome,
            entries,
            files,
            directories,
            symlinks,
            hard_links,
            others,
            unchanged,
            bytes,
            bytes_written,
            deleted,
            problems,
            problem_count,
            duration_ns,
        } = self;
        sr_restore_report {
            outcome: outcome.code(),
            entries: *entries,
            files: *files,
            directories: *directories,
            symlinks: *symlinks,
            hard_links: *hard_links,
            others: *others,
            unchanged: *unchanged,
            bytes: *bytes,
            bytes_written: *bytes_written,
            deleted: *deleted,
            problems: arena.list(problems),
            problems_count: problems.len(),
            problem_count: *problem_count,
            duration_ns: *duration_ns,
        }
    }
}

/// What a copy did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_copy_report {
    /// How it ended.
    pub outcome: sr_outcome,
    /// Snapshots that were to be copied.
    pub snapshots: u64,
    /// One for each destination, in the order in which they were given.
    pub destinations: *const sr_copy_destination,
    /// How many there are.
    pub destinations_count: usize,
    /// Snapshots of the source that could not be read or trusted, and why.
    pub rejected: *const sr_rejected,
    /// How many there are.
    pub rejected_count: usize,
    /// Bytes of content that were read from the source.
    pub read_bytes: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl ToC for records::CopyReport {
    type C = sr_copy_report;

    fn to_c(&self, arena: &mut Arena) -> sr_copy_report {
        let records::CopyReport { outcome, snapshots, destinations, rejected, read_bytes, duration_ns } = self;
        sr_copy_report {
            outcome: outcome.code(),
            snapshots: *snapshots,
            destinations: arena.list(destinations),
            destinations_count: destinations.len(),
            rejected: arena.list(rejected),
            rejected_count: rejected.len(),
            read_bytes: *read_bytes,
            duration_ns: *duration_ns,
        }
    }
}

/// What came to one destination.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_copy_destination {
    /// The id of the repository.
    pub repository: *const c_char,
    /// Where it is, for messages.
    pub location: *const c_char,
    /// How it ended there.
    pub outcome: sr_outcome,
    /// Why it got no more than what is listed here, if it failed.
    /// NULL when there is none.
    pub error: *const sr_error_record,
    /// The snapshots that were copied, in that order.
    pub copied: *const sr_snapshot_copy,
    /// How many there are.
    pub copied_count: usize,
    /// How many of the snapshots it had before.
    pub present: u64,
    /// Bytes of content it did not have, before compression.
    pub new_bytes: u64,
    /// Bytes sent to it in packs.
    pub stored_bytes: u64,
    /// Packs sent to it.
    pub stored_packs: u64,
}

impl ToC for records::CopyDestination {
    type C = sr_copy_destination;

    fn to_c(&self, arena: &mut Arena) -> sr_copy_destination {
        let records::CopyDestination {
            repository,
            location,
            outcome,
            error,
            copied,
            present,
            new_bytes,
            stored_bytes,
            stored_packs,
        } = self;
        sr_copy_destination {
            repository: arena.text(repository),
            location: arena.text(location),
            outcome: outcome.code(),
            error: arena.maybe(error.as_ref()),
            copied: arena.list(copied),
            copied_count: copied.len(),
            present: *present,
            new_bytes: *new_bytes,
            stored_bytes: *stored_bytes,
            stored_packs: *stored_packs,
        }
    }
}

/// One snapshot that was copied.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_snapshot_copy {
    /// The original, in the source.
    pub source: *const c_char,
    /// The copy, in the destination.
    pub copy: *const c_char,
    /// What the copy says of itself.
    pub outcome: sr_snapshot_outcome,
    /// Entries of the copy.
    pub entries: u64,
    /// Bytes of its regular files.
    pub bytes: u64,
    /// Files taken over from an earlier copy without being read from the source.
    pub unchanged: u64,
    /// Bytes of content that the destination did not have.
    pub new_bytes: u64,
    /// Bytes sent to the destination.
    pub stored_bytes: u64,
    /// What of the original could not be read, and so is not in the copy; at most 1,000 of them.
    pub problems: *const sr_problem,
    /// How many there are.
    pub problems_count: usize,
    /// How many problems there were.
    pub problem_count: u64,
}

impl ToC for records::SnapshotCopy {
    type C = sr_snapshot_copy;

    fn to_c(&self, arena: &mut Arena) -> sr_snapshot_copy {
        let records::SnapshotCopy {
            source,
            copy,
            outcome,
            entries,
            bytes,
            unchanged,
            new_bytes,
            stored_bytes,
            problems,
            problem_count,
        } = self;
        sr_snapshot_copy {
            source: arena.text(source),
            copy: arena.text(copy),
            outcome: outcome.code(),
            entries: *entries,
            bytes: *bytes,
            unchanged: *unchanged,
            new_bytes: *new_bytes,
            stored_bytes: *stored_bytes,
            problems: arena.list(problems),
            problems_count: problems.len(),
            problem_count: *problem_count,
        }
    }
}

/// What forgetting did, or in a dry run would do.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_forget_report {
    /// Whether nothing was removed because none should be.
    pub dry_run: bool,
    /// What time it was, by the storage's clock.
    pub now: sr_timestamp,
    /// Every snapshot that was looked at, in groups; those that were named are one group.
    pub groups: *const sr_retention_group,
    /// How many there are.
    pub groups_count: usize,
    /// How many stay of them.
    pub kept: u64,
    /// How many were removed, or in a dry run would be.
    pub removed: u64,
    /// Marks that were left of snapshots that are gone, and were removed too, or would be.
    pub leftover_marks: u64,
    /// Snapshots that are damaged and were named: what became of each.
    pub damaged: *const sr_damaged_snapshot,
    /// How many there are.
    pub damaged_count: usize,
    /// Snapshots and marks that cannot be read or trusted, and why. None of these was touched.
    pub rejected: *const sr_rejected,
    /// How many there are.
    pub rejected_count: usize,
}

impl ToC for records::ForgetReport {
    type C = sr_forget_report;

    fn to_c(&self, arena: &mut Arena) -> sr_forget_report {
        let records::ForgetReport { dry_run, now, groups, kept, removed, leftover_marks, damaged, rejected } = self;
        sr_forget_report {
            dry_run: *dry_run,
            now: (*now).into(),
            groups: arena.list(groups),
            groups_count: groups.len(),
            kept: *kept,
            removed: *removed,
            leftover_marks: *leftover_marks,
            damaged: arena.list(damaged),
            damaged_count: damaged.len(),
            rejected: arena.list(rejected),
            rejected_count: rejected.len(),
        }
    }
}

/// A snapshot that cannot be read or trusted, and that was to be removed.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_damaged_snapshot {
    /// Its object.
    pub name: *const c_char,
    /// What is wrong with it.
    pub error: sr_error_record,
    /// Whether `held_until` is set.
    pub has_held_until: bool,
    /// Until when it is held, if it is: then it stays.
    pub held_until: sr_timestamp,
}

impl ToC for records::DamagedSnapshot {
    type C = sr_damaged_snapshot;

    fn to_c(&self, arena: &mut Arena) -> sr_damaged_snapshot {
        let records::DamagedSnapshot { name, error, held_until } = self;
        sr_damaged_snapshot {
            name: arena.text(name),
            error: error.to_c(arena),
            has_held_until: held_until.is_some(),
            held_until: held_until.unwrap_or_default().into(),
        }
    }
}

/// Snapshots to which rules were applied together. What they are grouped by is set.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_retention_group {
    /// Their lineage.
    /// NULL when there is none.
    pub lineage: *const c_char,
    /// The device that made them.
    /// NULL when there is none.
    pub device: *const c_char,
    /// Their host.
    /// NULL when there is none.
    pub host: *const c_char,
    /// What was backed up, ascending.
    pub paths: *const sr_bytes,
    /// How many there are.
    pub paths_count: usize,
    /// The snapshots, in the order in which storage received them.
    pub decisions: *const sr_retention_decision,
    /// How many there are.
    pub decisions_count: usize,
}

impl ToC for records::RetentionGroup {
    type C = sr_retention_group;

    fn to_c(&self, arena: &mut Arena) -> sr_retention_group {
        let records::RetentionGroup { lineage, device, host, paths, decisions } = self;
        sr_retention_group {
            lineage: arena.maybe_text(lineage.as_deref()),
            device: arena.maybe_text(device.as_deref()),
            host: arena.maybe_text(host.as_deref()),
            paths: arena.bytes_list(paths.as_deref().unwrap_or_default()),
            paths_count: paths.as_deref().unwrap_or_default().len(),
            decisions: arena.list(decisions),
            decisions_count: decisions.len(),
        }
    }
}

/// Whether a snapshot stays, and why.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_retention_decision {
    /// The snapshot.
    pub snapshot: sr_snapshot,
    /// Everything that keeps it. It goes when there is nothing.
    pub keep: *const sr_retention_reason,
    /// How many there are.
    pub keep_count: usize,
    /// For one that goes, why each of the rules does not keep it.
    pub remove: *const sr_retention_reason,
    /// How many there are.
    pub remove_count: usize,
    /// Whether `clock_ahead` is set.
    pub has_clock_ahead: bool,
    /// By how many seconds the device's clock was ahead of the storage's, if that is more than the tolerance.
    pub clock_ahead: i64,
}

impl ToC for records::RetentionDecision {
    type C = sr_retention_decision;

    fn to_c(&self, arena: &mut Arena) -> sr_retention_decision {
        let records::RetentionDecision { snapshot, keep, remove, clock_ahead } = self;
        sr_retention_decision {
            snapshot: snapshot.to_c(arena),
            keep: arena.list(keep),
            keep_count: keep.len(),
            remove: arena.list(remove),
            remove_count: remove.len(),
            has_clock_ahead: clock_ahead.is_some(),
            clock_ahead: clock_ahead.unwrap_or_default(),
        }
    }
}

/// Why a snapshot stays, or why a rule does not keep it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_retention_reason {
    /// The stable name, in snake case.
    pub name: *const c_char,
    /// For people.
    pub text: *const c_char,
}

impl ToC for records::RetentionReason {
    type C = sr_retention_reason;

    fn to_c(&self, arena: &mut Arena) -> sr_retention_reason {
        let records::RetentionReason { name, text } = self;
        sr_retention_reason { name: arena.text(name), text: arena.text(text) }
    }
}
