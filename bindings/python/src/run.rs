//! How operations run: without the interpreter's lock, stopped by signals, tokens and deadlines.

use crate::args::BudgetArg;
use crate::errors::raise;
use crate::host::{Listener, signals};
use pyo3::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strongroom_bindings::{CancelToken as Token, Job, Result, Run, RunOptions};

/// Stops operations, from any thread, in callbacks and in signal handlers too.
///
/// Pass one as `cancel=` to as many operations as are to be stopped together. A token that was cancelled stays so.
#[pyclass(frozen, module = "strongroom")]
pub(crate) struct CancelToken {
    pub(crate) token: Token,
}

#[pymethods]
impl CancelToken {
    #[new]
    fn new() -> Self {
        CancelToken { token: Token::new() }
    }

    /// Stops what runs with it within a quarter of a second; it raises CancelledError.
    fn cancel(&self) {
        self.token.cancel();
    }

    /// Asks for a durable stop: what is done so far is kept, the report says `suspended`, and the same call goes on from there.
    fn suspend(&self) {
        self.token.suspend();
    }

    /// Whether cancel was called.
    #[getter]
    fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Whether suspend or cancel was called.
    #[getter]
    fn is_suspending(&self) -> bool {
        self.token.is_suspending()
    }

    fn __repr__(&self) -> &'static str {
        match (self.token.is_cancelled(), self.token.is_suspending()) {
            (true, _) => "<strongroom.CancelToken cancelled>",
            (false, true) => "<strongroom.CancelToken suspending>",
            (false, false) => "<strongroom.CancelToken>",
        }
    }
}

/// The arguments that all operations share.
pub(crate) fn options(
    budget: Option<BudgetArg>,
    cancel: Option<&Bound<'_, CancelToken>>,
    progress: Option<Py<PyAny>>,
) -> RunOptions {
    RunOptions {
        budget: budget.map(Into::into).unwrap_or_default(),
        token: cancel.map(|token| token.get().token.clone()),
        progress: progress.map(|listener| Arc::new(Listener(listener)) as Arc<_>),
    }
}

/// How often the calling thread looks for signals.
const LOOK: Duration = Duration::from_millis(50);
/// How long a cancelled operation may take to end before it is left to itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs an operation on a thread of its own while the calling one waits for it and for signals. What a signal raises cancels
/// the operation and is raised once that has ended. An operation that a function of the app keeps from ending is left alone
/// after a while, or when a second signal comes.
pub(crate) fn operate<T: Send + 'static>(
    py: Python<'_>,
    operation: &str,
    options: RunOptions,
    work: impl FnOnce(&Run) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let ended = py.detach(|| {
        let job = Job::start(operation, options, work)?;
        loop {
            if let Some(result) = job.wait_for(LOOK) {
                return result;
            }
            if let Err(raised) = signals() {
                job.cancel();
                let until = Instant::now() + PATIENCE;
                while job.wait_for(LOOK).is_none() && Instant::now() < until && signals().is_ok() {}
                return Err(strongroom_bindings::Error::of_host(operation, &raised));
            }
        }
    });
    ended.map_err(|error| raise(py, error))
}

/// Something short, or something that Python's own signal handling bounds: no thread, but without the interpreter's lock.
pub(crate) fn small<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(work).map_err(|error| raise(py, error))
}
