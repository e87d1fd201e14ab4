//! Getting data back.

use super::Repository;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::id::SnapshotId;
use crate::path::EntryPath;
use crate::restore::{self, FileReader, RestoreOptions, RestoreReport};
use crate::store::blobs::SegmentStore;
use crate::tree::lookup;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

impl Repository {
    /// Restores a snapshot, or the part of it that the options name, into a folder. Nothing outside of that folder is
    /// written, whatever the snapshot says and whatever links stand in it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a snapshot or path that does not exist, a target that cannot be
    /// written, [`StorageFull`](crate::ErrorKind::StorageFull), [`Cancelled`](crate::ErrorKind::Cancelled), and those of
    /// the storage. What is wrong with single paths is in the report instead.
    pub fn restore(&self, snapshot: &SnapshotId, options: &RestoreOptions, ctx: &Context) -> Result<RestoreReport> {
        let this = self.within(ctx, "restore");
        let root = this.load(snapshot)?.root;
        let (reader, _) = this.reader(ctx)?;
        restore::run(&reader, root, options.target(), options, ctx)
    }

    /// Opens a file of a snapshot for reading at any place. Only the segments that are read from are fetched.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the snapshot has no such path,
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for anything but a regular file.
    pub fn open_file(&self, snapshot: &SnapshotId, path: impl AsRef<Path>) -> Result<FileReader> {
        let path = EntryPath::parse(path)?;
        let (root, reader) = self.look_into(snapshot)?;
        let entry = lookup(&reader, root, &path)?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "open a file of the snapshot")
                .object(&path)
                .detail("the snapshot has no such path")
        })?;
        FileReader::new(Arc::new(reader), entry)
    }

    /// Writes a snapshot, or a folder or file of it, as a tar stream: POSIX pax where names, sizes, times or attributes
    /// need it. Names are relative to `path`.
    ///
    /// # Errors
    /// As [`restore`](Repository::restore); also when `out` fails. What was written until then is no complete stream.
    pub fn export_tar(
        &self,
        snapshot: &SnapshotId,
        path: &EntryPath,
        out: &mut dyn Write,
        ctx: &Context,
    ) -> Result<RestoreReport> {
        let this = self.within(ctx, "export a snapshot");
        let root = this.load(snapshot)?.root;
        let (reader, _) = this.reader(ctx)?;
        let store: Arc<dyn SegmentStore + Send + Sync> = Arc::new(reader);
        restore::to_tar(&store, root, path, out, ctx)
    }
}
