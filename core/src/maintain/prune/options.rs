//! What pruning is told, and what it tells.

use crate::id::{SessionId, SnapshotId};
use crate::report::Outcome;
use std::time::Duration;

/// Options of pruning.
///
/// ```
/// use strongroom::PruneOptions;
/// let nightly = PruneOptions::new().max_moved_bytes(1 << 30);
/// let thorough = PruneOptions::new().min_live_share(0.9);
/// let look_first = PruneOptions::new().dry_run(true);
/// # let _ = (nightly, thorough, look_first);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PruneOptions {
    pub(super) min_live_share: f64,
    pub(super) max_moved_bytes: Option<u64>,
    pub(super) dry_run: bool,
}

/// Below this share, moving what is needed pays: it frees more than it writes.
const MIN_LIVE_SHARE: f64 = 0.6;

impl Default for PruneOptions {
    fn default() -> Self {
        PruneOptions { min_live_share: MIN_LIVE_SHARE, max_moved_bytes: None, dry_run: false }
    }
}

impl PruneOptions {
    /// Removes packs that are not needed, and empties those of which less than 60% is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of packs of which a smaller share is needed, from 0 to 1, that part is moved to new packs, and the rest freed. 0
    /// moves nothing; 1 leaves nothing unneeded and moves the most.
    #[must_use]
    pub fn min_live_share(mut self, share: f64) -> Self {
        self.min_live_share = if share.is_nan() { MIN_LIVE_SHARE } else { share.clamp(0.0, 1.0) };
        self
    }

    /// Moves so many bytes at most, or what is needed of one pack, from the packs of which the least is needed. The
    /// next call goes on. How long a call takes is bounded by the deadline of its context.
    #[must_use]
    pub fn max_moved_bytes(mut self, bytes: u64) -> Self {
        self.max_moved_bytes = Some(bytes);
        self
    }

    /// Only says what would be done, and leaves nothing behind. Where sessions may be at work, storage is asked what time
    /// it is by an object that is removed at once; where it takes none, such sessions count as being at work.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }
}

/// What pruning did, or in a dry run would do.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PruneReport {
    /// Complete; partial when packs were left alone because they are damaged; or suspended on a deadline: calling again
    /// goes on. What is needed is found out anew by every call, before anything is removed or moved.
    pub outcome: Outcome,
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
    /// Packs whose needed part was moved to new packs. They are among those removed or condemned.
    pub emptied_packs: u64,
    /// Bytes in the new packs.
    pub written_bytes: u64,
    /// Packs that had been condemned and turned out to be needed again.
    pub reprieved_packs: u64,
    /// Sessions at work that removal waits for.
    pub waiting_for: Vec<SessionId>,
    /// Sessions that are over, and were cleaned up after.
    pub cleaned_sessions: u64,
    /// Index objects that others replaced, and that were removed.
    pub removed_index_objects: u64,
    /// Packs that were to be emptied and were left alone, because their bytes are not what their names say.
    pub damaged_packs: u64,
    /// Snapshots that were committed too late, by sessions that had been taken for dead, and that lack something: their
    /// backups were reported as failed, and they are best forgotten.
    pub void_snapshots: Vec<SnapshotId>,
    /// How long it took.
    pub duration: Duration,
}
