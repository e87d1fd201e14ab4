//! What check, repair, prune and other care of a repository found and did.

use super::record;
use super::{ByteRange, ObjectNote, Rejected};
use crate::enums::{CheckKind, Outcome};
use crate::values::{Nanoseconds, RawName};

record! {
    /// One thing a check found.
    CheckProblem {
        /// What is wrong, for programs.
        kind: CheckKind,
        /// The object it is wrong with: a name such as `packs/3f…`, or the id of a segment or node.
        object: String,
        /// The snapshot that suffers, for problems found in a tree.
        snapshot: Option<String>,
        /// The path that suffers; for a node, the first one of those it held.
        path: Option<RawName>,
        /// What is wrong, for people.
        detail: String,
    }
}

record! {
    /// What a check looked at and found.
    CheckReport {
        /// Complete when everything that was asked for was looked at, whatever was found; else suspended.
        outcome: Outcome,
        /// Trees were left out, because the key that was used cannot read them.
        trees_skipped: bool,
        /// Snapshots whose tree was looked at.
        snapshots: i64,
        /// Nodes of trees, run lists included. What several snapshots share counts once, here and below.
        nodes: i64,
        /// Entries in those nodes.
        entries: i64,
        /// Regular files among them.
        files: i64,
        /// Sum of the sizes of those files, in bytes.
        bytes: i64,
        /// Index objects that could be read and are in force.
        index_objects: i64,
        /// Packs in storage that the index lists.
        packs: i64,
        /// Their bytes.
        pack_bytes: i64,
        /// Packs in storage that no index object lists.
        unindexed_packs: i64,
        /// Their bytes.
        unindexed_bytes: i64,
        /// Packs read whole.
        packs_read: i64,
        /// Bytes read of them.
        bytes_read: i64,
        /// Segments of those packs that were decrypted and verified.
        segments_opened: i64,
        /// Everything found that means damage, the first thousands with their details.
        problems: Vec<CheckProblem>,
        /// How many there are, those included that `problems` has no room for.
        problem_count: i64,
        /// What was found that is odd and harmless.
        notes: Vec<CheckProblem>,
        /// How long it took, in nanoseconds.
        duration = duration_ns: Nanoseconds,
    }
}

record! {
    /// What a repair found and did.
    RepairReport {
        /// Complete when everything is whole again; partial when something is lost or could not be looked at.
        outcome: Outcome,
        /// Nothing was written.
        dry_run: bool,
        /// Packs in storage.
        packs: i64,
        /// Packs that were read whole.
        packs_read: i64,
        /// Bytes read of them.
        bytes_read: i64,
        /// Packs that are missing or damaged.
        damaged: Vec<DamagedPack>,
        /// Packs that this build or this key does not understand, or that storage does not give.
        left: Vec<Rejected>,
        /// New packs of segments that were moved.
        packs_written: i64,
        /// Their bytes.
        bytes_written: i64,
        /// Index objects written.
        index_written: i64,
        /// Index objects no longer in force.
        index_superseded: i64,
        /// Packs that no index object listed rightly, and that one lists now.
        packs_listed: i64,
        /// Snapshots whose trees were looked at.
        snapshots: i64,
        /// Trees were left out, because the key that was used cannot read them.
        trees_skipped: bool,
        /// Snapshots that lost something.
        salvaged: Vec<SalvagedSnapshot>,
        /// Snapshots, and marks on them, that cannot be read or trusted.
        rejected: Vec<Rejected>,
        /// How long it took, in nanoseconds.
        duration = duration_ns: Nanoseconds,
    }
}

record! {
    /// A pack that is missing or damaged, and what became of the segments it held.
    DamagedPack {
        /// Its name.
        name: String,
        /// Storage does not have it.
        missing: bool,
        /// What is wrong with it.
        detail: String,
        /// Sectors of it that parity made good: then nothing of it is lost.
        sectors_healed: Option<i64>,
        /// Sound segments of which it held the only copy; they are in a new pack now.
        segments_moved: i64,
        /// Segments of which another pack has a sound copy.
        segments_elsewhere: i64,
        /// Segments of which there is no sound copy.
        segments_lost: i64,
        /// Segments that nobody can tell about without a reader's or owner's key.
        segments_unknown: i64,
    }
}

record! {
    /// A snapshot that lost something.
    SalvagedSnapshot {
        /// The damaged snapshot, which stays.
        damaged: String,
        /// The snapshot of what is whole, if one was made.
        salvaged: Option<String>,
        /// An earlier repair had made it.
        already: bool,
        /// Entries that are whole.
        entries: i64,
        /// Regular files among them.
        files: i64,
        /// Sum of the sizes of those files.
        bytes: i64,
        /// What is lost, in the order of paths.
        lost: Vec<Loss>,
        /// How many losses there are.
        lost_count: i64,
    }
}

record! {
    /// Something that a snapshot lost: one file, or all entries of a stretch of paths.
    Loss {
        /// The path, or the first of the paths.
        path: RawName,
        /// Whether it is one file; otherwise all entries from `path` on and before `before` are lost.
        is_file: bool,
        /// The first entry behind those that are lost; none for a file, and when they are the last.
        before: Option<RawName>,
        /// Length of the file; for entries, the sum of the sizes of their files.
        size: i64,
        /// How many bytes are lost.
        bytes: i64,
        /// The bytes of the file that are lost, ascending and apart; the first thousand ranges.
        ranges: Vec<ByteRange>,
        /// How many entries are lost.
        entries: i64,
        /// Regular files among them.
        files: i64,
        /// All that in words.
        text: String,
    }
}

record! {
    /// What rebuilding the index did.
    RebuildReport {
        /// Complete when every pack was looked at and listed, partial when some could not be read, else suspended.
        outcome: Outcome,
        /// Packs in storage whose contents could be read.
        packs: i64,
        /// Their bytes.
        pack_bytes: i64,
        /// Segments in them.
        segments: i64,
        /// Blobs in those.
        blobs: i64,
        /// Packs that no index object listed as they are, and that one lists now.
        packs_added: i64,
        /// Index objects written.
        objects_written: i64,
        /// Index objects that are no longer in force.
        objects_superseded: i64,
        /// Packs that do not say what they hold, the first thousands of them.
        unreadable: Vec<UnreadablePack>,
        /// How many there are.
        unreadable_count: i64,
        /// How long it took, in nanoseconds.
        duration = duration_ns: Nanoseconds,
    }
}

record! {
    /// A pack that does not say what it holds.
    UnreadablePack {
        /// Its name.
        name: String,
        /// Its length is what an index object says, so what that lists for it is kept.
        kept: bool,
        /// Why it could not be read.
        detail: String,
    }
}

record! {
    /// What pruning did, or in a dry run would do.
    PruneReport {
        /// Complete; partial when packs were left alone because they are damaged; or suspended.
        outcome: Outcome,
        /// Packs there were.
        packs: i64,
        /// Their bytes.
        pack_bytes: i64,
        /// Bytes of these that snapshots need.
        live_bytes: i64,
        /// Packs that were removed.
        removed_packs: i64,
        /// The bytes that freed.
        removed_bytes: i64,
        /// Packs that will be removed by a later call, once nobody can need them any more.
        condemned_packs: i64,
        /// The bytes that will free.
        condemned_bytes: i64,
        /// Packs whose needed part was moved to new packs.
        emptied_packs: i64,
        /// Bytes in the new packs.
        written_bytes: i64,
        /// Packs that had been condemned and turned out to be needed again.
        reprieved_packs: i64,
        /// Sessions at work that removal waits for.
        waiting_for: Vec<String>,
        /// Sessions that are over, and were cleaned up after.
        cleaned_sessions: i64,
        /// Index objects that others replaced, and that were removed.
        removed_index_objects: i64,
        /// Packs that were to be emptied and were left alone, because they are damaged.
        damaged_packs: i64,
        /// Snapshots that were committed too late, and that lack something; they are best forgotten.
        void_snapshots: Vec<String>,
        /// How long it took, in nanoseconds.
        duration = duration_ns: Nanoseconds,
    }
}

record! {
    /// What adding parity did.
    ParityReport {
        /// Complete when every pack has parity, partial when some could not be read, else suspended.
        outcome: Outcome,
        /// Packs in storage.
        packs: i64,
        /// Their bytes.
        pack_bytes: i64,
        /// Packs that had none and have it now.
        added: i64,
        /// Bytes written for them.
        added_bytes: i64,
        /// Packs that cannot be read, or are damaged: they get none.
        damaged: Vec<Rejected>,
        /// How long it took, in nanoseconds.
        duration = duration_ns: Nanoseconds,
    }
}

record! {
    /// What re-encrypting did.
    ReencryptReport {
        /// Complete when nothing of an earlier epoch is left; partial when some packs could not be read; or suspended.
        outcome: Outcome,
        /// The epoch that everything is under then.
        epoch: i64,
        /// Packs that were re-encrypted.
        packs: i64,
        /// Their bytes.
        bytes: i64,
        /// Segments that were sealed anew.
        segments: i64,
        /// Packs that were written.
        stored_packs: i64,
        /// Their bytes.
        stored_bytes: i64,
        /// Packs of earlier epochs that are still to be re-encrypted.
        left_packs: i64,
        /// Their bytes.
        left_bytes: i64,
        /// Packs all of whose segments lie in newer ones: pruning will remove them.
        superseded_packs: i64,
        /// The bytes that will free.
        superseded_bytes: i64,
        /// Packs that could not be read or opened, and why; the first thousands of them.
        unreadable: Vec<ObjectNote>,
        /// How many there are.
        unreadable_count: i64,
        /// How long it took, in nanoseconds.
        duration = duration_ns: Nanoseconds,
    }
}
