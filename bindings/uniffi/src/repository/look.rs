//! Looking at snapshots and what is in them.

use super::RepositoryHandle;
use crate::failure::NativeResult;
use crate::listing::{DifferencesHandle, EntriesHandle};
use crate::options::SnapshotFilter;
use crate::records::{Entry, RepositoryStats, SessionInfo, Snapshot, SnapshotListing};
use crate::run::RunHandle;
use crate::values::{Convert, RawName, Timestamp};
use std::sync::Arc;
use strongroom_bindings::options::Pattern;

#[uniffi::export]
impl RepositoryHandle {
    /// The snapshots that `filter` accepts.
    pub fn snapshots(&self, filter: SnapshotFilter, run: Arc<RunHandle>) -> NativeResult<SnapshotListing> {
        Ok(self.watching(&run)?.snapshots(&filter.into_common())?.convert())
    }

    /// One snapshot by what a person would type.
    pub fn snapshot(&self, spec: String, filter: SnapshotFilter, run: Arc<RunHandle>) -> NativeResult<Snapshot> {
        Ok(self.watching(&run)?.snapshot(&spec, &filter.into_common())?.convert())
    }

    /// The entry at a path of a snapshot.
    pub fn entry(&self, snapshot: String, path: RawName, run: Arc<RunHandle>) -> NativeResult<Entry> {
        Ok(self.watching(&run)?.entry(&snapshot, &path.0)?.convert())
    }

    /// What is in a folder of a snapshot, directly or at any depth.
    pub fn list(
        &self,
        snapshot: String,
        folder: RawName,
        recursive: bool,
        run: Arc<RunHandle>,
    ) -> NativeResult<Arc<EntriesHandle>> {
        let inner = self.watching(&run)?.list(&snapshot, &folder.0, recursive)?;
        Ok(Arc::new(EntriesHandle { inner }))
    }

    /// The entries of a snapshot whose paths match.
    pub fn find(
        &self,
        snapshot: String,
        glob: String,
        any_case: bool,
        run: Arc<RunHandle>,
    ) -> NativeResult<Arc<EntriesHandle>> {
        let inner = self.watching(&run)?.find(&snapshot, &Pattern { glob, any_case })?;
        Ok(Arc::new(EntriesHandle { inner }))
    }

    /// The paths on which two snapshots differ.
    pub fn diff(&self, before: String, after: String, run: Arc<RunHandle>) -> NativeResult<Arc<DifferencesHandle>> {
        Ok(Arc::new(DifferencesHandle { inner: self.inner.diff(&before, &after, run.inner.options())? }))
    }

    /// How much the repository holds.
    pub fn stats(&self, run: Arc<RunHandle>) -> NativeResult<RepositoryStats> {
        Ok(self.inner.stats(&run.inner)?.convert())
    }

    /// Adds and removes tags of a snapshot.
    pub fn tag(
        &self,
        snapshot: String,
        add: Vec<String>,
        remove: Vec<String>,
        run: Arc<RunHandle>,
    ) -> NativeResult<Vec<String>> {
        Ok(self.watching(&run)?.tag(&snapshot, &add, &remove)?)
    }

    /// Holds a snapshot until a time.
    pub fn hold(&self, snapshot: String, until: Timestamp, run: Arc<RunHandle>) -> NativeResult<Timestamp> {
        Ok(self.watching(&run)?.hold(&snapshot, until.into())?.convert())
    }

    /// Ends the hold of a snapshot.
    pub fn release_hold(&self, snapshot: String, run: Arc<RunHandle>) -> NativeResult<()> {
        Ok(self.watching(&run)?.release(&snapshot)?)
    }

    /// The sessions storage knows of.
    pub fn sessions(&self, run: Arc<RunHandle>) -> NativeResult<Vec<SessionInfo>> {
        Ok(self.watching(&run)?.sessions()?.convert())
    }
}
