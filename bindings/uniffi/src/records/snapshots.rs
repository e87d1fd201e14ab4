//! Snapshots and what is counted of them.

use super::record;
use super::{Attached, Rejected};
use crate::enums::SnapshotOutcome;
use crate::values::{RawName, Timestamp};

record! {
    /// A snapshot.
    Snapshot {
        /// Its id.
        id: String,
        /// Root node of its tree.
        root: String,
        /// When it was made, by the clock of the device that made it.
        time: Timestamp,
        /// When storage received it, by the storage's clock. This is what counts for retention.
        received: Timestamp,
        /// The line of backups it belongs to.
        lineage: String,
        /// The device that made and signed it.
        device: String,
        /// The session that wrote it.
        session: String,
        /// What was counted.
        counts: SnapshotCounts,
        /// The snapshots it continues; several after a merge.
        parents: Vec<String>,
        /// Whether everything could be read.
        outcome: SnapshotOutcome,
        /// It must not be removed before this time, if one is set.
        hold_until: Option<Timestamp>,
        /// Whether the fields below could be read.
        body_readable: bool,
        /// Host it was made on.
        host: Option<String>,
        /// What was backed up, as it was given.
        paths: Vec<RawName>,
        /// Tags, ascending.
        tags: Vec<String>,
        /// A description for people.
        description: Option<String>,
        /// User that made it.
        user: Option<String>,
        /// Name and version of the program that made it.
        program: Option<String>,
        /// What the app that made it attached.
        metadata: Vec<Attached>,
    }
}

record! {
    /// What a backup counted.
    SnapshotCounts {
        /// Entries of the tree, of every kind.
        entries: i64,
        /// Regular files.
        files: i64,
        /// Folders.
        directories: i64,
        /// Bytes of content of all regular files.
        bytes: i64,
        /// Bytes of content that the repository did not hold before.
        new_bytes: i64,
        /// Bytes this backup added to storage, metadata included.
        stored_bytes: i64,
        /// Paths that could not be read.
        problems: i64,
        /// Regular files taken over from the previous snapshot without opening them.
        unchanged_files: i64,
    }
}

record! {
    /// The snapshots of a repository.
    SnapshotListing {
        /// The snapshots, oldest first by the clocks of the devices that made them.
        snapshots: Vec<Snapshot>,
        /// Snapshots and marks that cannot be read or trusted, and why.
        rejected: Vec<Rejected>,
    }
}

record! {
    /// How much the repository holds: raw, deduplicated, stored.
    RepositoryStats {
        /// Each snapshot.
        snapshots: Vec<SnapshotStats>,
        /// Sizes of the regular files of all snapshots together, holes included.
        raw_bytes: i64,
        /// Content that any snapshot refers to, each piece once and before compression.
        deduplicated_bytes: i64,
        /// Nodes of trees that any snapshot refers to, each once.
        tree_nodes: i64,
        /// Nodes that could not be read; what is below them is missing from the figures above.
        unreadable_nodes: i64,
        /// Segments of content that any snapshot refers to.
        data_segments: i64,
        /// Bytes of all packs in storage.
        stored_bytes: i64,
        /// Packs in storage.
        packs: i64,
        /// Segments that the index lists.
        segments: i64,
        /// Blobs that the index lists.
        blobs: i64,
        /// Index objects in force.
        index_objects: i64,
    }
}

record! {
    /// Figures on one snapshot.
    SnapshotStats {
        /// Which one.
        id: String,
        /// Its entries.
        entries: i64,
        /// Regular files among them.
        files: i64,
        /// Sum of the sizes of those files.
        bytes: i64,
        /// Whether its tree begins with a node that can be read; if not, the figures are 0.
        readable: bool,
    }
}
