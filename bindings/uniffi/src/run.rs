//! What runs with an operation.

use crate::failure::NativeResult;
use crate::foreign::{ForeignProgress, Listener};
use crate::options::Budget;
use crate::records::Progress;
use crate::values::Convert;
use std::sync::Arc;
use strongroom_bindings::{ProgressListener, Run, RunOptions};

/// One operation that runs or will run. Any thread may stop it.
#[derive(Debug, uniffi::Object)]
pub struct RunHandle {
    pub(crate) inner: Run,
}

#[uniffi::export]
impl RunHandle {
    /// One operation within these bounds.
    #[uniffi::constructor]
    pub fn new(budget: Option<Budget>, progress: Option<Arc<dyn ForeignProgress>>) -> NativeResult<Arc<Self>> {
        let budget = budget.map(Budget::into_common).transpose()?.unwrap_or_default();
        let progress = progress.map(|progress| -> Arc<dyn ProgressListener> { Arc::new(Listener(progress)) });
        Ok(Arc::new(RunHandle { inner: Run::new(RunOptions { budget, token: None, progress }) }))
    }

    /// Stops it as soon as it looks.
    pub fn cancel(&self) {
        self.inner.cancel();
    }

    /// Asks for a durable stop.
    pub fn request_suspend(&self) {
        self.inner.suspend();
    }

    /// How it goes on, as last heard.
    pub fn progress(&self) -> Option<Progress> {
        self.inner.progress().map(Convert::convert)
    }
}
