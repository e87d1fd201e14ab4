//! What a backup is told.

use super::ChangeDetection;
use crate::format::entry::Timestamp;
use crate::id::SnapshotId;
use std::collections::BTreeMap;

/// Options of a backup.
///
/// ```
/// use strongroom::BackupOptions;
/// let options = BackupOptions::new().tag("daily").host("laptop").level(3);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct BackupOptions {
    pub(crate) host: String,
    pub(crate) user: String,
    pub(crate) program: String,
    pub(crate) description: String,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: BTreeMap<String, Vec<u8>>,
    pub(crate) level: Option<i32>,
    pub(crate) parent: Parent,
    pub(crate) changes: ChangeDetection,
    pub(crate) time: Option<Timestamp>,
    pub(crate) skip_if_unchanged: bool,
    #[cfg(feature = "bench")]
    pub(crate) without_checkpoints: bool,
}

/// Which snapshot an incremental backup builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Parent {
    /// The newest snapshot of the same host and paths.
    #[default]
    Newest,
    /// This one.
    Snapshot(SnapshotId),
    /// None: every file is read. What the repository has is still not stored again.
    None,
}

impl BackupOptions {
    /// The defaults: no tags, no host, compression level 3, building on the newest snapshot of the same paths.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tag. Tags are at most 256 bytes long; a snapshot has at most 256.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Names the machine. Host and paths together make the lineage of a snapshot.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Names the person.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// Names the program that makes the backup.
    #[must_use]
    pub fn program(mut self, program: impl Into<String>) -> Self {
        self.program = program.into();
        self
    }

    /// Describes the snapshot in a sentence.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Attaches a value of the app's own; names and values together at most 64 KiB. Names that begin with `strongroom.`
    /// are reserved.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Sets the zstd level, -7 (fastest) to 19 (smallest). The default is 3.
    #[must_use]
    pub fn level(mut self, level: i32) -> Self {
        self.level = Some(level);
        self
    }

    /// Chooses the snapshot to build on.
    #[must_use]
    pub fn parent(mut self, parent: Parent) -> Self {
        self.parent = parent;
        self
    }

    /// Sets what counts as unchanged.
    #[must_use]
    pub fn changes(mut self, changes: ChangeDetection) -> Self {
        self.changes = changes;
        self
    }

    /// Claims an earlier time than now for the snapshot, for imports.
    #[must_use]
    pub fn time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// Makes no snapshot when the tree is the same as the parent's.
    #[must_use]
    pub fn skip_if_unchanged(mut self, skip: bool) -> Self {
        self.skip_if_unchanged = skip;
        self
    }

    /// Leaves out checkpoints on the way, to measure what they cost.
    #[cfg(feature = "bench")]
    #[doc(hidden)]
    #[must_use]
    pub fn without_checkpoints(mut self, without: bool) -> Self {
        self.without_checkpoints = without;
        self
    }

    pub(crate) fn has_checkpoints(&self) -> bool {
        #[cfg(feature = "bench")]
        return !self.without_checkpoints;
        #[cfg(not(feature = "bench"))]
        true
    }
}
