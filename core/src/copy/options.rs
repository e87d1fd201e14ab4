//! What a copy is told.

use crate::id::SnapshotId;
use crate::store::filter::SnapshotFilter;

/// Options of a copy to other repositories.
///
/// ```
/// use strongroom::{CopyOptions, SnapshotFilter};
/// let options = CopyOptions::new().filter(SnapshotFilter::all().host("laptop")).verify_data(true);
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CopyOptions {
    pub(crate) snapshots: Vec<SnapshotId>,
    pub(crate) filter: SnapshotFilter,
    pub(crate) level: Option<i32>,
    pub(crate) verify: bool,
    pub(crate) verify_data: bool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        let (snapshots, filter) = (Vec::new(), SnapshotFilter::all());
        CopyOptions { snapshots, filter, level: None, verify: true, verify_data: false }
    }
}

impl CopyOptions {
    /// The defaults: every snapshot, zstd level 3, trees compared afterwards.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies this snapshot. May be called several times; then these are copied and no others.
    #[must_use]
    pub fn snapshot(mut self, id: SnapshotId) -> Self {
        self.snapshots.push(id);
        self
    }

    /// Copies the snapshots that fit. What is named with [`snapshot`](CopyOptions::snapshot) has to fit as well.
    #[must_use]
    pub fn filter(mut self, filter: SnapshotFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the zstd level of what is written, -7 (fastest) to 19 (smallest). The default is 3.
    #[must_use]
    pub fn level(mut self, level: i32) -> Self {
        self.level = Some(level);
        self
    }

    /// Sets whether the tree of each copy is read back and compared with the original's before the copy counts. The
    /// default is to do so; it costs reading both trees once.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Sets whether everything that was sent to a destination is read back, opened and held against its hashes before
    /// the copy counts.
    #[must_use]
    pub fn verify_data(mut self, verify: bool) -> Self {
        self.verify_data = verify;
        self
    }
}
