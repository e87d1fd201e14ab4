//! Getting data back.

use super::Repository;
use crate::context::Context;
use crate::error::Result;
use crate::id::SnapshotId;
use crate::restore::{self, RestoreOptions, RestoreReport};

impl Repository {
    /// Restores a snapshot, or the part of it that the options name, into a folder. Nothing outside of that folder is
    /// written, whatever the snapshot says and whatever links stand in it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a snapshot or path that does not exist, a target that cannot be
    /// written, [`StorageFull`](crate::ErrorKind::StorageFull), [`Cancelled`](crate::ErrorKind::Cancelled), and those of
    /// the storage. What is wrong with single paths is in the report instead.
    pub fn restore(&self, snapshot: &SnapshotId, options: &RestoreOptions, ctx: &Context) -> Result<RestoreReport> {
        let root = self.load(snapshot)?.root;
        let (reader, _) = self.reader(ctx)?;
        restore::run(&reader, root, options.target(), options, ctx)
    }
}
