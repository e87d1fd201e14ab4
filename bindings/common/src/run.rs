//! What runs with an operation: its token, its budget, its progress, and what the app's own functions failed with.

use crate::enums::ErrorKind;
use crate::error::{Error, Result};
use crate::host::{HostError, ProgressListener, guarded};
use crate::options::Budget;
use crate::records::Progress;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use strongroom::{CancelToken, Context};

/// Locks; what a panicking thread left behind is as good as any other state of these.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How an operation is to run.
#[derive(Clone, Default)]
pub struct RunOptions {
    /// Bounds on what it may use.
    pub budget: Budget,
    /// Stops it; a token of its own when none is given.
    pub token: Option<CancelToken>,
    /// Hears how it goes on.
    pub progress: Option<Arc<dyn ProgressListener>>,
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions").field("budget", &self.budget).finish_non_exhaustive()
    }
}

/// The first thing a function of the app failed with. Setting it stops the operation, which then fails with just that.
#[derive(Clone)]
pub(crate) struct Failure {
    first: Arc<Mutex<Option<HostError>>>,
    token: CancelToken,
}

impl Failure {
    pub(crate) fn set(&self, error: HostError) {
        lock(&self.first).get_or_insert(error);
        self.token.cancel();
    }

    pub(crate) fn get(&self) -> Option<HostError> {
        lock(&self.first).clone()
    }
}

/// An operation that runs or will run. Clones share everything; any thread may stop it or ask for its progress.
#[derive(Clone)]
pub struct Run {
    budget: Budget,
    token: CancelToken,
    failure: Failure,
    progress: Arc<Latest>,
    listener: Option<Arc<dyn ProgressListener>>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("budget", &self.budget).field("token", &self.token).finish_non_exhaustive()
    }
}

impl Default for Run {
    fn default() -> Self {
        Run::new(RunOptions::default())
    }
}

impl Run {
    /// One operation. Its deadline counts from when the operation begins.
    #[must_use]
    pub fn new(options: RunOptions) -> Self {
        let RunOptions { budget, token, progress } = options;
        let token = token.unwrap_or_default();
        let failure = Failure { first: Arc::default(), token: token.clone() };
        Run { budget, token, failure, progress: Arc::default(), listener: progress }
    }

    /// Stops it as soon as it looks, within 250 ms.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Asks for a durable stop: what is done so far is kept and can be resumed.
    pub fn suspend(&self) {
        self.token.suspend();
    }

    /// The token that stops it.
    #[must_use]
    pub fn token(&self) -> &CancelToken {
        &self.token
    }

    /// How it was to run, for work of its own that stops with it.
    #[must_use]
    pub fn options(&self) -> RunOptions {
        let token = Some(self.token.clone());
        RunOptions { budget: self.budget.clone(), token, progress: self.listener.clone() }
    }

    /// Stops it with the failure of a function of the app.
    pub fn fail(&self, error: HostError) {
        self.failure.set(error);
    }

    /// How it goes on, as last heard; none before it has begun.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        lock(&self.progress.state).value.clone()
    }

    pub(crate) fn failure(&self) -> &Failure {
        &self.failure
    }

    /// Runs `work` with the engine's context.
    pub(crate) fn perform<T>(&self, operation: &str, work: impl FnOnce(&Context) -> Result<T>) -> Result<T> {
        let latest = Arc::clone(&self.progress);
        let context = Context::new()
            .cancel_token(self.token.clone())
            .budget(self.budget.to_core())
            .progress(move |progress: &strongroom::Progress| latest.put(Progress::from(progress)));
        let telling = self.listener.as_ref().map(|listener| self.tell(Arc::clone(listener)));
        let result = crate::guard::catch(operation, || work(&context));
        if let Some(telling) = telling {
            telling.finish(&self.progress);
        }
        // What the app's function failed with is why the work ended, or must not get lost when it ended all the same.
        match self.failure.get() {
            Some(error) => Err(Error::of_host(operation, &error)),
            None => result,
        }
    }

    /// Passes progress on, on a thread of its own: the engine's threads wait for nobody.
    fn tell(&self, listener: Arc<dyn ProgressListener>) -> Telling {
        let (latest, failure) = (Arc::clone(&self.progress), self.failure.clone());
        let is_over = Arc::new((Mutex::new(false), Condvar::new()));
        let over = Arc::clone(&is_over);
        lock(&self.progress.state).closed = false;
        let thread = thread::Builder::new().name("strongroom-progress".to_owned()).spawn(move || {
            let mut seen = 0;
            while let Some((number, progress)) = latest.next(seen) {
                seen = number;
                if let Err(error) = guarded("the app's progress listener", || listener.progress(&progress)) {
                    failure.set(error);
                    break;
                }
            }
            *lock(&over.0) = true;
            over.1.notify_all();
        });
        // Without a thread nobody hears of progress; that is no reason to fail.
        Telling { is_over, runs: thread.is_ok() }
    }
}

struct Telling {
    is_over: Arc<(Mutex<bool>, Condvar)>,
    runs: bool,
}

/// How long the end of an operation waits for a listener that is busy. Whoever blocks longer hears nothing more.
const PATIENCE: Duration = Duration::from_millis(200);

impl Telling {
    fn finish(self, latest: &Latest) {
        lock(&latest.state).closed = true;
        latest.changed.notify_all();
        if !self.runs {
            return;
        }
        let until = Instant::now() + PATIENCE;
        let mut over = lock(&self.is_over.0);
        while !*over {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            over = self.is_over.1.wait_timeout(over, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The last state heard of, and whoever waits for the next one.
#[derive(Default)]
struct Latest {
    state: Mutex<LatestState>,
    changed: Condvar,
}

#[derive(Default)]
struct LatestState {
    number: u64,
    value: Option<Progress>,
    closed: bool,
}

impl Latest {
    fn put(&self, progress: Progress) {
        let mut state = lock(&self.state);
        state.number = state.number.wrapping_add(1);
        state.value = Some(progress);
        self.changed.notify_all();
    }

    /// The next state after the one of number `seen`; none when there will be none.
    fn next(&self, seen: u64) -> Option<(u64, Progress)> {
        let mut state = lock(&self.state);
        loop {
            if state.number != seen {
                return state.value.clone().map(|value| (state.number, value));
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The failure of a job that was told to end by the function it polled.
pub(crate) fn polled(operation: &str, error: &HostError) -> Error {
    Error::of_host(operation, error)
}

/// An operation that ended because its caller is gone.
pub(crate) fn abandoned(operation: &str) -> Error {
    Error::new(ErrorKind::Cancelled, operation, "nobody waits for it any more")
}
