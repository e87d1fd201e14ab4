//! Stopping work from another thread.

use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const RUNNING: u8 = 0;
const SUSPENDING: u8 = 1;
const CANCELLED: u8 = 2;

/// Asks running operations to stop. Clones share one state; any thread may use any clone.
///
/// [`cancel`](CancelToken::cancel) stops at once: the operation returns an error of kind
/// [`Cancelled`](ErrorKind::Cancelled) within 250 ms. [`suspend`](CancelToken::suspend) lets it write down
/// what it has, as a deadline would, and return a result that says it was suspended.
///
/// ```
/// let token = strongroom::CancelToken::new();
/// token.suspend();
/// assert!(token.is_suspending() && !token.is_cancelled());
/// token.cancel();
/// assert!(token.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    state: Arc<AtomicU8>,
}

impl CancelToken {
    /// A token nobody has cancelled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops every operation that holds this token, as soon as it looks.
    pub fn cancel(&self) {
        self.state.store(CANCELLED, Ordering::Release);
    }

    /// Asks for a durable stop: what is done so far is kept and can be resumed.
    pub fn suspend(&self) {
        // A cancellation that came first stays one.
        let _ = self.state.compare_exchange(RUNNING, SUSPENDING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether [`cancel`](CancelToken::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.state.load(Ordering::Acquire) == CANCELLED
    }

    /// Whether [`suspend`](CancelToken::suspend) or [`cancel`](CancelToken::cancel) was called.
    #[must_use]
    pub fn is_suspending(&self) -> bool {
        self.state.load(Ordering::Acquire) != RUNNING
    }

    /// An error of kind [`Cancelled`](ErrorKind::Cancelled) once cancelled.
    ///
    /// # Errors
    /// Only that one.
    pub fn check(&self, operation: &'static str) -> Result<()> {
        if self.is_cancelled() { Err(Error::new(ErrorKind::Cancelled, operation)) } else { Ok(()) }
    }
}
