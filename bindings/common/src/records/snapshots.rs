//! Snapshots and what is counted of them.

use super::{Attached, Rejected, Timestamp};
use crate::enums::SnapshotOutcome;
use crate::flat::mirror;

mirror! {
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
        paths: Vec<Vec<u8>>,
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

mirror! {
    /// What a backup counted.
    SnapshotCounts {
        /// Entries of the tree, of every kind.
        entries: u64,
        /// Regular files.
        files: u64,
        /// Folders.
        directories: u64,
        /// Bytes of content of all regular files.
        bytes: u64,
        /// Bytes of content that the repository did not hold before.
        new_bytes: u64,
        /// Bytes this backup added to storage, metadata included.
        stored_bytes: u64,
        /// Paths that could not be read.
        problems: u64,
        /// Regular files taken over from the previous snapshot without opening them.
        unchanged_files: u64,
    }
}

/// The snapshots of a repository.
#[derive(Debug, Clone)]
pub struct SnapshotListing {
    /// The snapshots, oldest first by the clocks of the devices that made them.
    pub snapshots: Vec<Snapshot>,
    /// Snapshots and marks that cannot be read or trusted, and why.
    pub rejected: Vec<Rejected>,
}

mirror! {
    /// How much the repository holds: raw, deduplicated, stored.
    RepositoryStats {
        /// Each snapshot.
        snapshots: Vec<SnapshotStats>,
        /// Sizes of the regular files of all snapshots together, holes included.
        raw_bytes: u64,
        /// Content that any snapshot refers to, each piece once and before compression.
        deduplicated_bytes: u64,
        /// Nodes of trees that any snapshot refers to, each once.
        tree_nodes: u64,
        /// Nodes that could not be read; what is below them is missing from the figures above.
        unreadable_nodes: u64,
        /// Segments of content that any snapshot refers to.
        data_segments: u64,
        /// Bytes of all packs in storage.
        stored_bytes: u64,
        /// Packs in storage.
        packs: u64,
        /// Segments that the index lists.
        segments: u64,
        /// Blobs that the index lists.
        blobs: u64,
        /// Index objects in force.
        index_objects: u64,
    }
}

mirror! {
    /// Figures on one snapshot.
    SnapshotStats {
        /// Which one.
        id: String,
        /// Its entries.
        entries: u64,
        /// Regular files among them.
        files: u64,
        /// Sum of the sizes of those files.
        bytes: u64,
        /// Whether its tree begins with a node that can be read; if not, the figures are 0.
        readable: bool,
    }
}
