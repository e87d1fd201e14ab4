//! Where objects live, as a handle.

use crate::failure::NativeResult;
use crate::foreign::{ForeignStorage, Storage};
use crate::options::RetryOptions;
use crate::run::RunHandle;
use crate::values::LocalPath;
use std::sync::Arc;
use strongroom_bindings::Backend;

/// Storage.
#[derive(Debug, uniffi::Object)]
pub struct BackendHandle {
    pub(crate) inner: Backend,
}

#[uniffi::export]
impl BackendHandle {
    /// A folder of a file system.
    #[uniffi::constructor]
    pub fn local(path: LocalPath, sync: bool) -> NativeResult<Arc<Self>> {
        Ok(Arc::new(BackendHandle { inner: Backend::local(path.0, sync)? }))
    }

    /// The memory of this process.
    #[uniffi::constructor]
    pub fn memory() -> Arc<Self> {
        Arc::new(BackendHandle { inner: Backend::memory() })
    }

    /// What the app implements.
    #[uniffi::constructor]
    pub fn foreign(storage: Arc<dyn ForeignStorage>) -> Arc<Self> {
        Arc::new(BackendHandle { inner: Backend::host(Arc::new(Storage(storage))) })
    }

    /// The same storage, whose calls are tried again; cancelling `run` ends a wait.
    pub fn retrying(&self, options: RetryOptions, run: Option<Arc<RunHandle>>) -> NativeResult<Arc<Self>> {
        let options = options.into_common(run.as_ref().map(|run| &run.inner))?;
        Ok(Arc::new(BackendHandle { inner: self.inner.retrying(&options) }))
    }

    /// Where it is, for messages.
    pub fn location(&self) -> String {
        self.inner.location()
    }
}
