//! Backing up, getting back, copying.

use super::RepositoryHandle;
use crate::failure::NativeResult;
use crate::foreign::{ForeignWriter, Writer};
use crate::listing::SnapshotFileHandle;
use crate::options::{BackupOptions, CopyOptions, RestoreOptions};
use crate::records::{BackupReport, CopyReport, RestoreReport};
use crate::run::RunHandle;
use crate::source::SourceHandle;
use crate::values::{Convert, LocalPath, RawName};
use std::sync::Arc;

#[uniffi::export]
impl RepositoryHandle {
    /// Backs up a source and makes a snapshot of it.
    pub fn backup(
        &self,
        source: Arc<SourceHandle>,
        options: BackupOptions,
        run: Arc<RunHandle>,
    ) -> NativeResult<BackupReport> {
        let options = options.into_common()?;
        Ok(self.inner.backup(source.take()?, &options, &run.inner)?.convert())
    }

    /// Restores a snapshot, or a part of it, into a folder.
    pub fn restore(
        &self,
        snapshot: String,
        target: LocalPath,
        options: RestoreOptions,
        run: Arc<RunHandle>,
    ) -> NativeResult<RestoreReport> {
        Ok(self.inner.restore(&snapshot, &options.into_common(target), &run.inner)?.convert())
    }

    /// Writes a snapshot, or a folder or file of it, as a tar stream.
    pub fn export_tar(
        &self,
        snapshot: String,
        path: RawName,
        writer: Arc<dyn ForeignWriter>,
        run: Arc<RunHandle>,
    ) -> NativeResult<RestoreReport> {
        Ok(self.inner.export_tar(&snapshot, &path.0, &mut Writer(writer), &run.inner)?.convert())
    }

    /// Opens a file of a snapshot for reading at any place.
    pub fn open_file(
        &self,
        snapshot: String,
        path: RawName,
        run: Arc<RunHandle>,
    ) -> NativeResult<Arc<SnapshotFileHandle>> {
        Ok(SnapshotFileHandle::of(self.watching(&run)?.open_file(&snapshot, &path.0)?))
    }

    /// Copies snapshots to other repositories.
    pub fn copy_to(
        &self,
        destinations: Vec<Arc<RepositoryHandle>>,
        options: CopyOptions,
        run: Arc<RunHandle>,
    ) -> NativeResult<CopyReport> {
        let destinations: Vec<_> = destinations.iter().map(|destination| &destination.inner).collect();
        Ok(self.inner.copy_to(&destinations, &options.into_common()?, &run.inner)?.convert())
    }
}
