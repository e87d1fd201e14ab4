//! What check, repair, prune and other care of a repository found and did.

use super::{sr_byte_range, sr_object_note, sr_rejected};
use crate::arena::{Arena, ToC};
use crate::enums::{sr_check_kind, sr_outcome};
use crate::types::sr_bytes;
use std::ffi::c_char;
use strongroom_bindings::records;

/// One thing a check found.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_check_problem {
    /// What is wrong, for programs.
    pub kind: sr_check_kind,
    /// The object it is wrong with: a name such as `packs/3f…`, or the id of a segment or node.
    pub object: *const c_char,
    /// The snapshot that suffers, for problems found in a tree.
    /// NULL when there is none.
    pub snapshot: *const c_char,
    /// The path that suffers; for a node, the first one of those it held.
    /// Its data is NULL when there is none.
    pub path: sr_bytes,
    /// What is wrong, for people.
    pub detail: *const c_char,
}

impl ToC for records::CheckProblem {
    type C = sr_check_problem;

    fn to_c(&self, arena: &mut Arena) -> sr_check_problem {
        let records::CheckProblem { kind, object, snapshot, path, detail } = self;
        sr_check_problem {
            kind: kind.code(),
            object: arena.text(object),
            snapshot: arena.maybe_text(snapshot.as_deref()),
            path: arena.maybe_bytes(path.as_deref()),
            detail: arena.text(detail),
        }
    }
}

/// What a check looked at and found.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_check_report {
    /// Complete when everything that was asked for was looked at, whatever was found; else suspended.
    pub outcome: sr_outcome,
    /// Trees were left out, because the key that was used cannot read them.
    pub trees_skipped: bool,
    /// Snapshots whose tree was looked at.
    pub snapshots: u64,
    /// Nodes of trees, run lists included. What several snapshots share counts once, here and below.
    pub nodes: u64,
    /// Entries in those nodes.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Sum of the sizes of those files, in bytes.
    pub bytes: u64,
    /// Index objects that could be read and are in force.
    pub index_objects: u64,
    /// Packs in storage that the index lists.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
    /// Packs in storage that no index object lists.
    pub unindexed_packs: u64,
    /// Their bytes.
    pub unindexed_bytes: u64,
    /// Packs read whole.
    pub packs_read: u64,
    /// Bytes read of them.
    pub bytes_read: u64,
    /// Segments of those packs that were decrypted and verified.
    pub segments_opened: u64,
    /// Everything found that means damage, the first thousands with their details.
    pub problems: *const sr_check_problem,
    /// How many there are.
    pub problems_count: usize,
    /// How many there are, those included that `problems` has no room for.
    pub problem_count: u64,
    /// What was found that is odd and harmless.
    pub notes: *const sr_check_problem,
    /// How many there are.
    pub notes_count: usize,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl ToC for records::CheckReport {
    type C = sr_check_report;

    fn to_c(&self, arena: &mut Arena) -> sr_check_report {
        let records::CheckReport {
            outcome,
            trees_skipped,
            snapshots,
            nodes,
            entries,
            files,
            bytes,
            index_objects,
            packs,
            pack_bytes,
            unindexed_packs,
            unindexed_bytes,
            packs_read,
            bytes_read,
            segments_opened,
            problems,
            problem_count,
            notes,
            duration_ns,
        } = self;
        sr_check_report {
            outcome: outcome.code(),
            trees_skipped: *trees_skipped,
            snapshots: *snapshots,
            nodes: *nodes,
            entries: *entries,
            files: *files,
            bytes: *bytes,
            index_objects: *index_objects,
            packs: *packs,
            pack_bytes: *pack_bytes,
            unindexed_packs: *unindexed_packs,
            unindexed_bytes: *unindexed_bytes,
            packs_read: *packs_read,
            bytes_read: *bytes_read,
            segments_opened: *segments_opened,
            problems: arena.list(problems),
            problems_count: problems.len(),
            problem_count: *problem_count,
            notes: arena.list(notes),
            notes_count: notes.len(),
            duration_ns: *duration_ns,
        }
    }
}

/// What a repair found and did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_repair_report {
    /// Complete when everything is whole again; partial when something is lost or could not be looked at.
    pub outcome: sr_outcome,
    /// Nothing was written.
    pub dry_run: bool,
    /// Packs in storage.
    pub packs: u64,
    /// Packs that were read whole.
    pub packs_read: u64,
    /// Bytes read of them.
    pub bytes_read: u64,
    /// Packs that are missing or damaged.
    pub damaged: *const sr_damaged_pack,
    /// How many there are.
    pub damaged_count: usize,
    /// Packs that this build or this key does not understand, or that storage does not give.
    pub left: *const sr_rejected,
    /// How many there are.
    pub left_count: usize,
    /// New packs of segments that were moved.
    pub packs_written: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Index objects written.
    pub index_written: u64,
    /// Index objects no longer in force.
    pub index_superseded: u64,
    /// Packs that no index object listed rightly, and that one lists now.
    pub packs_listed: u64,
    /// Snapshots whose trees were looked at.
    pub snapshots: u64,
    /// Trees were left out, because the key that was used cannot read them.
    pub trees_skipped: bool,
    /// Snapshots that lost something.
    pub salvaged: *const sr_salvaged_snapshot,
    /// How many there are.
    pub salvaged_count: usize,
    /// Snapshots, and marks on them, that cannot be read or trusted.
    pub rejected: *const sr_rejected,
    /// How many there are.
    pub rejected_count: usize,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl ToC for records::RepairReport {
    type C = sr_repair_report;

    fn to_c(&self, arena: &mut Arena) -> sr_repair_report {
        let records::RepairReport {
            outcome,
            dry_run,
            packs,
            packs_read,
            bytes_read,
            damaged,
            left,
            packs_written,
            bytes_written,
            index_written,
            index_superseded,
            packs_listed,
            snapshots,
            trees_skipped,
            salvaged,
            rejected,
            duration_ns,
        } = self;
        sr_repair_report {
            outcome: outcome.code(),
            dry_run: *dry_run,
            packs: *packs,
            packs_read: *packs_read,
            bytes_read: *bytes_read,
            damaged: arena.list(damaged),
            damaged_count: damaged.len(),
            left: arena.list(left),
            left_count: left.len(),
            packs_written: *packs_written,
            bytes_written: *bytes_written,
            index_written: *index_written,
            index_superseded: *index_superseded,
            packs_listed: *packs_listed,
            snapshots: *snapshots,
            trees_skipped: *trees_skipped,
            salvaged: arena.list(salvaged),
            salvaged_count: salvaged.len(),
            rejected: arena.list(rejected),
            rejected_count: rejected.len(),
            duration_ns: *duration_ns,
        }
    }
}

/// A pack that is missing or damaged, and what became of the segments it held.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_damaged_pack {
    /// Its name.
    pub name: *const c_char,
    /// Storage does not have it.
    pub missing: bool,
    /// What is wrong with it.
    pub detail: *const c_char,
    /// Whether `sectors_healed` is set.
    pub has_sectors_healed: bool,
    /// Sectors of it that parity made good: then nothing of it is lost.
    pub sectors_healed: u64,
    /// Sound segments of which it held the only copy; they are in a new pack now.
    pub segments_moved: u64,
    /// Segments of which another pack has a sound copy.
    pub segments_elsewhere: u64,
    /// Segments of which there is no sound copy.
    pub segments_lost: u64,
    /// Segments that nobody can tell about without a reader's or owner's key.
    pub segments_unknown: u64,
}

impl ToC for records::DamagedPack {
    type C = sr_damaged_pack;

    fn to_c(&self, arena: &mut Arena) -> sr_damaged_pack {
        let records::DamagedPack {
            name,
            missing,
            detail,
            sectors_healed,
            segments_moved,
            segments_elsewhere,
            segments_lost,
            segments_unknown,
        } = self;
        sr_damaged_pack {
            name: arena.text(name),
            missing: *missing,
            detail: arena.text(detail),
            has_sectors_healed: sectors_healed.is_some(),
            sectors_healed: sectors_healed.unwrap_or_default(),
            segments_moved: *segments_moved,
            segments_elsewhere: *segments_elsewhere,
            segments_lost: *segments_lost,
            segments_unknown: *segments_unknown,
        }
    }
}

/// A snapshot that lost something.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_salvaged_snapshot {
    /// The damaged snapshot, which stays.
    pub damaged: *const c_char,
    /// The snapshot of what is whole, if one was made.
    /// NULL when there is none.
    pub salvaged: *const c_char,
    /// An earlier repair had made it.
    pub already: bool,
    /// Entries that are whole.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Sum of the sizes of those files.
    pub bytes: u64,
    /// What is lost, in the order of paths.
    pub lost: *const sr_loss,
    /// How many there are.
    pub lost_count: usize,
    /// How many losses there are.
    pub lost_total: u64,
}

impl ToC for records::SalvagedSnapshot {
    type C = sr_salvaged_snapshot;

    fn to_c(&self, arena: &mut Arena) -> sr_salvaged_snapshot {
        let records::SalvagedSnapshot { damaged, salvaged, already, entries, files, bytes, lost, lost_count } = self;
        sr_salvaged_snapshot {
            damaged: arena.text(damaged),
            salvaged: arena.maybe_text(salvaged.as_deref()),
            already: *already,
            entries: *entries,
            files: *files,
            bytes: *bytes,
            lost: arena.list(lost),
            lost_count: lost.len(),
            lost_total: *lost_count,
        }
    }
}

/// Something that a snapshot lost: one file, or all entries of a stretch of paths.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_loss {
    /// The path, or the first of the paths.
    pub path: sr_bytes,
    /// Whether it is one file; otherwise all entries from `path` on and before `before` are lost.
    pub is_file: bool,
    /// The first entry behind those that are lost; none for a file, and when they are the last.
    /// Its data is NULL when there is none.
    pub before: sr_bytes,
    /// Length of the file; for entries, the sum of the sizes of their files.
    pub size: u64,
    /// How many bytes are lost.
    pub bytes: u64,
    /// The bytes of the file that are lost, ascending and apart; the first thousand ranges.
    pub ranges: *const sr_byte_range,
    /// How many there are.
    pub ranges_count: usize,
    /// How many entries are lost.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// All that in words.
    pub text: *const c_char,
}

impl ToC for records::Loss {
    type C = sr_loss;

    fn to_c(&self, arena: &mut Arena) -> sr_loss {
        let records::Loss { path, is_file, before, size, bytes, ranges, entries, files, text } = self;
        sr_loss {
            path: arena.bytes(path),
            is_file: *is_file,
            before: arena.maybe_bytes(before.as_deref()),
            size: *size,
            bytes: *bytes,
            ranges: arena.list(ranges),
            ranges_count: ranges.len(),
            entries: *entries,
            files: *files,
            text: arena.text(text),
        }
    }
}

/// What rebuilding the index did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_rebuild_report {
    /// Complete when every pack was looked at and listed, partial when some could not be read, else suspended.
    pub outcome: sr_outcome,
    /// Packs in storage whose contents could be read.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
    /// Segments in them.
    pub segments: u64,
    /// Blobs in those.
    pub blobs: u64,
    /// Packs that no index object listed as they are, and that one lists now.
    pub packs_added: u64,
    /// Index objects written.
    pub objects_written: u64,
    /// Index objects that are no longer in force.
    pub objects_superseded: u64,
    /// Packs that do not say what they hold, the first thousands of them.
    pub unreadable: *const sr_unreadable_pack,
    /// How many there are.
    pub unreadable_count: usize,
    /// How many there are.
    pub unreadable_total: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl ToC for records::RebuildReport {
    type C = sr_rebuild_report;

    fn to_c(&self, arena: &mut Arena) -> sr_rebuild_report {
        let records::RebuildReport {
            outcome,
            packs,
            pack_bytes,
            segments,
            blobs,
            packs_added,
            objects_written,
            objects_superseded,
            unreadable,
            unreadable_count,
            duration_ns,
        } = self;
        sr_rebuild_report {
            outcome: outcome.code(),
            packs: *packs,
            pack_bytes: *pack_bytes,
            segments: *segments,
            blobs: *blobs,
            packs_added: *packs_added,
            objects_written: *objects_written,
            objects_superseded: *objects_superseded,
            unreadable: arena.list(unreadable),
            unreadable_count: unreadable.len(),
            unreadable_total: *unreadable_count,
            duration_ns: *duration_ns,
        }
    }
}

/// A pack that does not say what it holds.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_unreadable_pack {
    /// Its name.
    pub name: *const c_char,
    /// Its length is what an index object says, so what that lists for it is kept.
    pub kept: bool,
    /// Why it could not be read.
    pub detail: *const c_char,
}

impl ToC for records::UnreadablePack {
    type C = sr_unreadable_pack;

    fn to_c(&self, arena: &mut Arena) -> sr_unreadable_pack {
        let records::UnreadablePack { name, kept, detail } = self;
        sr_unreadable_pack { name: arena.text(name), kept: *kept, detail: arena.text(detail) }
    }
}

/// What pruning did, or in a dry run would do.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_prune_report {
    /// Complete; partial when packs were left alone because they are damaged; or suspended.
    pub outcome: sr_outcome,
    /// Packs there were.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
    /// Bytes of these that snapshots need.
    pub live_bytes: u64,
    /// Packs that were removed.
    pub removed_packs: u64,
    /// The bytes that freed.
    pub removed_bytes: u64,
    /// Packs that will be removed by a later call, once nobody can need them any more.
    pub condemned_packs: u64,
    /// The bytes that will free.
    pub condemned_bytes: u64,
    /// Packs whose needed part was moved to new packs.
    pub emptied_packs: u64,
    /// Bytes in the new packs.
    pub written_bytes: u64,
    /// Packs that had been condemned and turned out to be needed again.
    pub reprieved_packs: u64,
    /// Sessions at work that removal waits for.
    pub waiting_for: *const *const c_char,
    /// How many there are.
    pub waiting_for_count: usize,
    /// Sessions that are over, and were cleaned up after.
    pub cleaned_sessions: u64,
    /// Index objects that others replaced, and that were removed.
    pub removed_index_objects: u64,
    /// Packs that were to be emptied and were left alone, because they are damaged.
    pub damaged_packs: u64,
    /// Snapshots that were committed too late, and that lack something; they are best forgotten.
    pub void_snapshots: *const *const c_char,
    /// How many there are.
    pub void_snapshots_count: usize,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl ToC for records::PruneReport {
    type C = sr_prune_report;

    fn to_c(&self, arena: &mut Arena) -> sr_prune_report {
        let records::PruneReport {
            outcome,
            packs,
            pack_bytes,
            live_bytes,
            removed_packs,
            removed_bytes,
            condemned_packs,
            condemned_bytes,
            emptied_packs,
            written_bytes,
            reprieved_packs,
            waiting_for,
            cleaned_sessions,
            removed_index_objects,
            damaged_packs,
            void_snapshots,
            duration_ns,
        } = self;
        sr_prune_report {
            outcome: outcome.code(),
            packs: *packs,
            pack_bytes: *pack_bytes,
            live_bytes: *live_bytes,
            removed_packs: *removed_packs,
            removed_bytes: *removed_bytes,
            condemned_packs: *condemned_packs,
            condemned_bytes: *condemned_bytes,
            emptied_packs: *emptied_packs,
            written_bytes: *written_bytes,
            reprieved_packs: *reprieved_packs,
            waiting_for: arena.text_list(waiting_for),
            waiting_for_count: waiting_for.len(),
            cleaned_sessions: *cleaned_sessions,
            removed_index_objects: *removed_index_objects,
            damaged_packs: *damaged_packs,
            void_snapshots: arena.text_list(void_snapshots),
            void_snapshots_count: void_snapshots.len(),
            duration_ns: *duration_ns,
        }
    }
}

/// What adding parity did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_parity_report {
    /// Complete when every pack has parity, partial when some could not be read, else suspended.
    pub outcome: sr_outcome,
    /// Packs in storage.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
    /// Packs that had none and have it now.
    pub added: u64,
    /// Bytes written for them.
    pub added_bytes: u64,
    /// Packs that cannot be read, or are damaged: they get none.
    pub damaged: *const sr_rejected,
    /// How many there are.
    pub damaged_count: usize,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl ToC for records::ParityReport {
    type C = sr_parity_report;

    fn to_c(&self, arena: &mut Arena) -> sr_parity_report {
        let records::ParityReport { outcome, packs, pack_bytes, added, added_bytes, damaged, duration_ns } = self;
        sr_parity_report {
            outcome: outcome.code(),
            packs: *packs,
            pack_bytes: *pack_bytes,
            added: *added,
            added_bytes: *added_bytes,
            damaged: arena.list(damaged),
            damaged_count: damaged.len(),
            duration_ns: *duration_ns,
        }
    }
}

/// What re-encrypting did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_reencrypt_report {
    /// Complete when nothing of an earlier epoch is left; partial when some packs could not be read; or suspended.
    pub outcome: sr_outcome,
    /// The epoch that everything is under then.
    pub epoch: u32,
    /// Packs that were re-encrypted.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments that were sealed anew.
    pub segments: u64,
    /// Packs that were written.
    pub stored_packs: u64,
    /// Their bytes.
    pub stored_bytes: u64,
    /// Packs of earlier epochs that are still to be re-encrypted.
    pub left_packs: u64,
    /// Their bytes.
    pub left_bytes: u64,
    /// Packs all of whose segments lie in newer ones: pruning will remove them.
    pub superseded_packs: u64,
    /// The bytes that will free.
    pub superseded_bytes: u64,
    /// Packs that could not be read or opened, and why; the first thousands of them.
    pub unreadable: *const sr_object_note,
    /// How many there are.
    pub unreadable_count: usize,
    /// How many there are.
    pub unreadable_total: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

impl ToC for records::ReencryptReport {
    type C = sr_reencrypt_report;

    fn to_c(&self, arena: &mut Arena) -> sr_reencrypt_report {
        let records::ReencryptReport {
            outcome,
            epoch,
            packs,
            bytes,
            segments,
            stored_packs,
            stored_bytes,
            left_packs,
            left_bytes,
            superseded_packs,
            superseded_bytes,
            unreadable,
            unreadable_count,
            duration_ns,
        } = self;
        sr_reencrypt_report {
            outcome: outcome.code(),
            epoch: *epoch,
            packs: *packs,
            bytes: *bytes,
            segments: *segments,
            stored_packs: *stored_packs,
            stored_bytes: *stored_bytes,
            left_packs: *left_packs,
            left_bytes: *left_bytes,
            superseded_packs: *superseded_packs,
            superseded_bytes: *superseded_bytes,
            unreadable: arena.list(unreadable),
            unreadable_count: unreadable.len(),
            unreadable_total: *unreadable_count,
            duration_ns: *duration_ns,
        }
    }
}
