//! What an operation may use, and how it talks to the program that started it.

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Meter, ProgressSink};
use crate::threads::Pool;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

const MIB: u64 = 1024 * 1024;

/// Bounds on what an operation may use.
///
/// ```
/// use std::time::Duration;
/// let budget = strongroom::Budget::small().deadline_in(Duration::from_secs(20));
/// assert_eq!(budget.memory, 48 * 1024 * 1024);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Budget {
    /// Threads at work; `None` takes what the machine offers.
    pub threads: Option<NonZeroUsize>,
    /// Bytes of memory for buffers, index and caches together. Values under 32 MiB count as 32 MiB.
    pub memory: u64,
    /// Bytes a second sent to storage, averaged; `None` is unlimited.
    pub upload_rate: Option<u64>,
    /// Bytes a second read from storage, averaged; `None` is unlimited.
    pub download_rate: Option<u64>,
    /// When to suspend the work durably.
    pub deadline: Option<Instant>,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { threads: None, memory: 96 * MIB, upload_rate: None, download_rate: None, deadline: None }
    }
}

impl Budget {
    /// For phones: one worker beside the reader and 48 MiB.
    #[must_use]
    pub fn small() -> Self {
        Budget { threads: NonZeroUsize::new(2), memory: 48 * MIB, ..Budget::default() }
    }

    /// Sets the number of threads; 0 takes what the machine offers.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = NonZeroUsize::new(threads);
        self
    }

    /// Sets the memory bound in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Suspends the work durably after this long.
    #[must_use]
    pub fn deadline_in(mut self, time: Duration) -> Self {
        self.deadline = Instant::now().checked_add(time);
        self
    }

    /// Bounds the rate of uploads, in bytes a second.
    #[must_use]
    pub fn upload_rate(mut self, bytes_per_second: u64) -> Self {
        self.upload_rate = Some(bytes_per_second);
        self
    }

    /// Bounds the rate of downloads, in bytes a second.
    #[must_use]
    pub fn download_rate(mut self, bytes_per_second: u64) -> Self {
        self.download_rate = Some(bytes_per_second);
        self
    }

    pub(crate) fn thread_count(&self) -> usize {
        self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get).min(256)
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory.max(32 * MIB)
    }
}

/// Everything an operation is given by its caller: cancellation, progress and budget.
///
/// ```
/// use strongroom::{Budget, CancelToken, Context, Progress};
/// let token = CancelToken::new();
/// let ctx = Context::new()
///     .cancel_token(token.clone())
///     .budget(Budget::default().threads(2))
///     .progress(|progress: &Progress| println!("{} bytes", progress.bytes));
/// # let _ = ctx;
/// ```
#[derive(Clone, Default)]
pub struct Context {
    cancel: CancelToken,
    sink: Option<Arc<dyn ProgressSink>>,
    budget: Budget,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("cancel", &self.cancel).field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl Context {
    /// No cancellation, no progress, the default budget.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `token` stop the operation.
    #[must_use]
    pub fn cancel_token(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// Sends progress to `sink`.
    #[must_use]
    pub fn progress(mut self, sink: impl ProgressSink + 'static) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// Sets the bounds.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// The token that stops the operation.
    #[must_use]
    pub fn token(&self) -> &CancelToken {
        &self.cancel
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &Budget {
        &self.budget
    }

    /// An error of kind [`Cancelled`](ErrorKind::Cancelled) once the token is cancelled.
    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        self.cancel.check(operation)
    }

    /// Whether the work should be written down and left for later now.
    pub(crate) fn should_suspend(&self) -> bool {
        self.cancel.is_suspending() || self.budget.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// For operations that have nothing worth keeping: stops on cancellation, suspension and deadline alike.
    pub(crate) fn check_or_suspended(&self, operation: &'static str) -> Result<()> {
        self.check(operation)?;
        if self.should_suspend() {
            return Err(Error::new(ErrorKind::Cancelled, operation)
                .detail("the deadline passed, or the work was suspended; call again to start over"));
        }
        Ok(())
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter::new(self.sink.clone())
    }

    /// A thread pool of the operation's own, so that two operations never share or exceed a budget.
    pub(crate) fn pool(&self) -> Result<Pool> {
        Pool::new(self.budget.thread_count())
    }
}
