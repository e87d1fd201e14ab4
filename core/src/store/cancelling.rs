//! A backend that answers a cancelled operation, for what reads many small objects one after the other.

use crate::backend::{Backend, Folder, ObjectInfo, ObjectName};
use crate::context::Context;
use crate::error::Result;
use std::ops::Range;
use std::time::Duration;

/// Passes calls on until the operation is cancelled.
pub(crate) struct Cancelling<'a> {
    pub(crate) inner: &'a dyn Backend,
    pub(crate) ctx: &'a Context,
    /// For the error.
    pub(crate) operation: &'static str,
}

impl Cancelling<'_> {
    fn check(&self) -> Result<()> {
        self.ctx.check(self.operation)
    }
}

impl Backend for Cancelling<'_> {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        self.check()?;
        self.inner.put(name, parts)
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.check()?;
        self.inner.read(name, range)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.check()?;
        self.inner.stat(name)
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.check()?;
        self.inner.list(folder, &mut |info| {
            self.check()?;
            found(info)
        })
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.check()?;
        self.inner.delete(name)
    }

    fn settling(&self) -> Duration {
        self.inner.settling()
    }

    fn location(&self) -> String {
        self.inner.location()
    }
}
