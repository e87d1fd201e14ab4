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
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    own: AtomicU8,
    parent: Option<CancelToken>,
}

impl CancelToken {
    /// A token nobody has cancelled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled or suspended with this one, and can be so by itself without this one being it.
    ///
    /// ```
    /// let all = strongroom::CancelToken::new();
    /// let (one, other) = (all.child(), all.child());
    /// one.cancel();
    /// assert!(one.is_cancelled() && !other.is_cancelled() && !all.is_cancelled());
    /// all.cancel();
    /// assert!(other.is_cancelled());
    /// ```
    #[must_use]
    pub fn child(&self) -> Self {
        CancelToken { state: Arc::new(State { own: AtomicU8::new(RUNNING), parent: Some(self.clone()) }) }
    }

    /// The furthest that this token or one above it has gone: of the three, the larger number stops more.
    fn state(&self) -> u8 {
        let own = self.state.own.load(Ordering::Acquire);
        self.state.parent.as_ref().map_or(own, |parent| own.max(parent.state()))
    }

    /// Stops every operation that holds this token, as soon as it looks.
    pub fn cancel(&self) {
        self.state.own.store(CANCELLED, Ordering::Release);
    }

    /// Asks for a durable stop: what is done so far is kept and can be resumed.
    pub fn suspend(&self) {
        // A cancellation that came first stays one.
        let _ = self.state.own.compare_exchange(RUNNING, SUSPENDING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether [`cancel`](CancelToken::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.state() == CANCELLED
    }

    /// Whether [`suspend`](CancelToken::suspend) or [`cancel`](CancelToken::cancel) was called.
    #[must_use]
    pub fn is_suspending(&self) -> bool {
        self.state() != RUNNING
    }

    /// An error of kind [`Cancelled`](ErrorKind::Cancelled) once cancelled.
    ///
    /// # Errors
    /// Only that one.
    pub fn check(&self, operation: &'static str) -> Result<()> {
        if self.is_cancelled() { Err(Error::new(ErrorKind::Cancelled, operation)) } else { Ok(()) }
    }
}
