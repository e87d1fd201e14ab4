//! A backend that answers a cancelled operation, whatever the operation is reading or writing.

use crate::backend::{Backend, Folder, ObjectInfo, ObjectName};
use crate::cancel::CancelToken;
use crate::error::Result;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Passes calls on until the operation is cancelled.
pub(super) struct Cancelling {
    pub(super) inner: Arc<dyn Backend>,
    pub(super) token: CancelToken,
    /// For the error.
    pub(super) operation: &'static str,
}

/// The same backend, which answers nothing more once the token is cancelled; without one, just that backend.
pub(crate) fn watched(
    backend: &Arc<dyn Backend>,
    token: Option<&CancelToken>,
    operation: &'static str,
) -> Arc<dyn Backend> {
    let inner = Arc::clone(backend);
    match token.cloned() {
        Some(token) => Arc::new(Cancelling { inner, token, operation }),
        None => inner,
    }
}

impl Cancelling {
    fn check(&self) -> Result<()> {
        self.token.check(self.operation)
    }
}

impl Backend for Cancelling {
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

    fn tidy(&self) -> Result<()> {
        self.check()?;
        self.inner.tidy()
    }

    fn settling(&self) -> Duration {
        self.inner.settling()
    }

    fn location(&self) -> String {
        self.inner.location()
    }
}
