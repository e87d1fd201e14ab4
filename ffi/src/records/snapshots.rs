//! Snapshots and what is counted of them.

use super::{sr_attached, sr_rejected};
use crate::arena::{Arena, ToC};
use crate::enums::sr_snapshot_outcome;
use crate::types::{sr_bytes, sr_timestamp};
use std::ffi::c_char;
use strongroom_bindings::records;

/// A snapshot.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_snapshot {
    /// Its id.
    pub id: *const c_char,
    /// Root node of its tree.
    pub root: *const c_char,
    /// When it was made, by the clock of the device that made it.
    pub time: sr_timestamp,
    /// When storage received it, by the storage's clock. This is what counts for retention.
    pub received: sr_timestamp,
    /// The line of backups it belongs to.
    pub lineage: *const c_char,
    /// The device that made and signed it.
    pub device: *const c_char,
    /// The session that wrote it.
    pub session: *const c_char,
    /// What was counted.
    pub counts: sr_snapshot_counts,
    /// The snapshots it continues; several after a merge.
    pub parents: *const *const c_char,
    /// How many there are.
    pub parents_count: usize,
    /// Whether everything could be read.
    pub outcome: sr_snapshot_outcome,
    /// Whether `hold_until` is set.
    pub has_hold_until: bool,
    /// It must not be removed before this time, if one is set.
    pub hold_until: sr_timestamp,
    /// Whether the fields below could be read.
    pub body_readable: bool,
    /// Host it was made on.
    /// NULL when there is none.
    pub host: *const c_char,
    /// What was backed up, as it was given.
    pub paths: *const sr_bytes,
    /// How many there are.
    pub paths_count: usize,
    /// Tags, ascending.
    pub tags: *const *const c_char,
    /// How many there are.
    pub tags_count: usize,
    /// A description for people.
    /// NULL when there is none.
    pub description: *const c_char,
    /// User that made it.
    /// NULL when there is none.
    pub user: *const c_char,
    /// Name and version of the program that made it.
    /// NULL when there is none.
    pub program: *const c_char,
    /// What the app that made it attached.
    pub metadata: *const sr_attached,
    /// How many there are.
    pub metadata_count: usize,
}

impl ToC for records::Snapshot {
    type C = sr_snapshot;

    fn to_c(&self, arena: &mut Arena) -> sr_snapshot {
        let records::Snapshot {
            id,
            root,
            time,
            received,
            lineage,
            device,
            session,
            counts,
            parents,
            outcome,
            hold_until,
            body_readable,
            host,
            paths,
            tags,
            description,
            user,
            program,
            metadata,
        } = self;
        sr_snapshot {
            id: arena.text(id),
            root: arena.text(root),
            time: (*time).into(),
            received: (*received).into(),
            lineage: arena.text(lineage),
            device: arena.text(device),
            session: arena.text(session),
            counts: counts.to_c(arena),
            parents: arena.text_list(parents),
            parents_count: parents.len(),
            outcome: outcome.code(),
            has_hold_until: hold_until.is_some(),
            hold_until: hold_until.unwrap_or_default().into(),
            body_readable: *body_readable,
            host: arena.maybe_text(host.as_deref()),
            paths: arena.bytes_list(paths),
            paths_count: paths.len(),
            tags: arena.text_list(tags),
            tags_count: tags.len(),
            description: arena.maybe_text(description.as_deref()),
            user: arena.maybe_text(user.as_deref()),
            program: arena.maybe_text(program.as_deref()),
            metadata: arena.list(metadata),
            metadata_count: metadata.len(),
        }
    }
}

/// What a backup counted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_snapshot_counts {
    /// Entries of the tree, of every kind.
    pub entries: u64,
    /// Regular files.
    pub files: u64,
    /// Folders.
    pub directories: u64,
    /// Bytes of content of all regular files.
    pub bytes: u64,
    /// Bytes of content that the repository did not hold before.
    pub new_bytes: u64,
    /// Bytes this backup added to storage, metadata included.
    pub stored_bytes: u64,
    /// Paths that could not be read.
    pub problems: u64,
    /// Regular files taken over from the previous snapshot without opening them.
    pub unchanged_files: u64,
}

impl ToC for records::SnapshotCounts {
    type C = sr_snapshot_counts;

    fn to_c(&self, _arena: &mut Arena) -> sr_snapshot_counts {
        let records::SnapshotCounts {
            entries,
            files,
            directories,
            bytes,
            new_bytes,
            stored_bytes,
            problems,
            unchanged_files,
        } = self;
        sr_snapshot_counts {
            entries: *entries,
            files: *files,
            directories: *directories,
            bytes: *bytes,
            new_bytes: *new_bytes,
            stored_bytes: *stored_bytes,
            problems: *problems,
            unchanged_files: *unchanged_files,
        }
    }
}

/// The snapshots of a repository.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_snapshot_listing {
    /// The snapshots, oldest first by the clocks of the devices that made them.
    pub snapshots: *const sr_snapshot,
    /// How many there are.
    pub snapshots_count: usize,
    /// Snapshots and marks that cannot be read or trusted, and why.
    pub rejected: *const sr_rejected,
    /// How many there are.
    pub rejected_count: usize,
}

impl ToC for records::SnapshotListing {
    type C = sr_snapshot_listing;

    fn to_c(&self, arena: &mut Arena) -> sr_snapshot_listing {
        let records::SnapshotListing { snapshots, rejected } = self;
        sr_snapshot_listing {
            snapshots: arena.list(snapshots),
            snapshots_count: snapshots.len(),
            rejected: arena.list(rejected),
            rejected_count: rejected.len(),
        }
    }
}

/// How much the repository holds: raw, deduplicated, stored.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_repository_stats {
    /// Each snapshot.
    pub snapshots: *const sr_snapshot_stats,
    /// How many there are.
    pub snapshots_count: usize,
    /// Sizes of the regular files of all snapshots together, holes included.
    pub raw_bytes: u64,
    /// Content that any snapshot refers to, each piece once and before compression.
    pub deduplicated_bytes: u64,
    /// Nodes of trees that any snapshot refers to, each once.
    pub tree_nodes: u64,
    /// Nodes that could not be read; what is below them is missing from the figures above.
    pub unreadable_nodes: u64,
    /// Segments of content that any snapshot refers to.
    pub data_segments: u64,
    /// Bytes of all packs in storage.
    pub stored_bytes: u64,
    /// Packs in storage.
    pub packs: u64,
    /// Segments that the index lists.
    pub segments: u64,
    /// Blobs that the index lists.
    pub blobs: u64,
    /// Index objects in force.
    pub index_objects: u64,
}

impl ToC for records::RepositoryStats {
    type C = sr_repository_stats;

    fn to_c(&self, arena: &mut Arena) -> sr_repository_stats {
        let records::RepositoryStats {
            snapshots,
            raw_bytes,
            deduplicated_bytes,
            tree_nodes,
            unreadable_nodes,
            data_segments,
            stored_bytes,
            packs,
            segments,
            blobs,
            index_objects,
        } = self;
        sr_repository_stats {
            snapshots: arena.list(snapshots),
            snapshots_count: snapshots.len(),
            raw_bytes: *raw_bytes,
            deduplicated_bytes: *deduplicated_bytes,
            tree_nodes: *tree_nodes,
            unreadable_nodes: *unreadable_nodes,
            data_segments: *data_segments,
            stored_bytes: *stored_bytes,
            packs: *packs,
            segments: *segments,
            blobs: *blobs,
            index_objects: *index_objects,
        }
    }
}

/// Figures on one snapshot.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_snapshot_stats {
    /// Which one.
    pub id: *const c_char,
    /// Its entries.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Sum of the sizes of those files.
    pub bytes: u64,
    /// Whether its tree begins with a node that can be read; if not, the figures are 0.
    pub readable: bool,
}

impl ToC for records::SnapshotStats {
    type C = sr_snapshot_stats;

    fn to_c(&self, arena: &mut Arena) -> sr_snapshot_stats {
        let records::SnapshotStats { id, entries, files, bytes, readable } = self;
        sr_snapshot_stats { id: arena.text(id), entries: *entries, files: *files, bytes: *bytes, readable: *readable }
    }
}
