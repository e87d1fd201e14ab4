//! Operations on threads of their own.

use crate::enums::ErrorKind;
use crate::error::{Error, Result};
use crate::guard::catch;
use crate::host::{HostResult, guarded};
use crate::records::Progress;
use crate::run::{Run, RunOptions, lock, polled};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// One operation on a thread of its own. Dropping it detaches the operation, which goes on to its end;
/// [`cancel`](Job::cancel) first where that is not wanted.
pub struct Job<T> {
    run: Run,
    operation: String,
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    done: Condvar,
}

enum State<T> {
    Running(Option<Box<dyn FnOnce() + Send>>),
    Done(Result<T>),
    Taken,
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("operation", &self.operation).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Job<T> {
    /// Begins `work` on a thread of its own. `operation` is a verb phrase for messages.
    ///
    /// # Errors
    /// [`LimitExceeded`](ErrorKind::LimitExceeded) when the system has no thread for it.
    pub fn start(
        operation: impl Into<String>,
        options: RunOptions,
        work: impl FnOnce(&Run) -> Result<T> + Send + 'static,
    ) -> Result<Self> {
        let (operation, run) = (operation.into(), Run::new(options));
        let shared = Arc::new(Shared { state: Mutex::new(State::Running(None)), done: Condvar::new() });
        let (inside, told, name) = (run.clone(), Arc::clone(&shared), operation.clone());
        thread::Builder::new()
            .name("strongroom-job".to_owned())
            .spawn(move || {
                let result = catch(&name, || work(&inside));
                told.finish(result);
            })
            .map_err(|error| Error::new(ErrorKind::LimitExceeded, &operation, error.to_string()))?;
        Ok(Job { run, operation, shared })
    }

    /// Stops it as soon as it looks, within 250 ms; it then ends with [`Cancelled`](ErrorKind::Cancelled).
    pub fn cancel(&self) {
        self.run.cancel();
    }

    /// Asks for a durable stop: what is done so far is kept and can be resumed.
    pub fn suspend(&self) {
        self.run.suspend();
    }

    /// How it goes on, as last heard; none before it has begun.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.run.progress()
    }

    /// What runs.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !matches!(*lock(&self.shared.state), State::Running(_))
    }

    /// Calls `then` once it has ended: on its thread, or here and now if it has already. Only the last one given
    /// before the end is called.
    pub fn on_done(&self, then: impl FnOnce() + Send + 'static) {
        {
            let mut state = lock(&self.shared.state);
            if let State::Running(waiting) = &mut *state {
                *waiting = Some(Box::new(then));
                return;
            }
        }
        then();
    }

    /// Waits for its end and takes the result.
    ///
    /// # Errors
    /// Those of the operation, and [`InvalidArgument`](ErrorKind::InvalidArgument) when the result was taken before.
    pub fn wait(&self) -> Result<T> {
        let mut state = lock(&self.shared.state);
        while matches!(*state, State::Running(_)) {
            state = self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.take(&mut state)
    }

    /// Waits so long for its end, and takes the result if it came.
    #[must_use]
    pub fn wait_for(&self, time: Duration) -> Option<Result<T>> {
        let until = Instant::now().checked_add(time);
        let mut state = lock(&self.shared.state);
        while matches!(*state, State::Running(_)) {
            let left = until.map_or(Duration::from_secs(3600), |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            state = self.shared.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(self.take(&mut state))
    }

    /// Waits for its end on the calling thread, and calls `poll` there every so often. What `poll` fails with cancels
    /// the operation and is returned once that has ended.
    ///
    /// # Errors
    /// As [`wait`](Job::wait), and that of `poll`.
    pub fn wait_polling(&self, every: Duration, mut poll: impl FnMut(&Run) -> HostResult<()>) -> Result<T> {
        loop {
            if let Some(result) = self.wait_for(every) {
                return result;
            }
            if let Err(error) = guarded("the polled function", || poll(&self.run)) {
                self.cancel();
                // Its own result is not wanted any more, whatever it is.
                let _ = self.wait();
                return Err(polled(&self.operation, &error));
            }
        }
    }

    fn take(&self, state: &mut State<T>) -> Result<T> {
        match std::mem::replace(state, State::Taken) {
            State::Done(result) => result,
            State::Running(_) | State::Taken => Err(Error::invalid(&self.operation, "the result was taken before")),
        }
    }
}

impl<T> Shared<T> {
    fn finish(&self, result: Result<T>) {
        let before = std::mem::replace(&mut *lock(&self.state), State::Done(result));
        self.done.notify_all();
        if let State::Running(Some(then)) = before {
            // Nobody is left to tell of a panic in there.
            let _ = catch("tell that the job is done", || {
                then();
                Ok(())
            });
        }
    }
}

/// Runs `work` and polls: `work` on a thread of its own, `poll` on the calling one, every so often. For languages whose
/// signals and interrupts only the calling thread can see. Nothing outlives the call.
///
/// # Errors
/// Those of `work`, and that of `poll`, which cancels the work first.
pub fn run_polling<T: Send>(
    operation: &str,
    options: RunOptions,
    every: Duration,
    mut poll: impl FnMut(&Run) -> HostResult<()>,
    work: impl FnOnce(&Run) -> Result<T> + Send,
) -> Result<T> {
    let run = Run::new(options);
    let shared = Shared { state: Mutex::new(State::Running(None)), done: Condvar::new() };
    thread::scope(|scope| {
        let spawned = thread::Builder::new().name("strongroom-job".to_owned()).spawn_scoped(scope, || {
            let result = catch(operation, || work(&run));
            shared.finish(result);
        });
        if let Err(error) = spawned {
            return Err(Error::new(ErrorKind::LimitExceeded, operation, error.to_string()));
        }
        let mut stopped = None;
        let mut state = lock(&shared.state);
        loop {
            match std::mem::replace(&mut *state, State::Taken) {
                State::Done(result) => {
                    return match stopped {
                        Some(error) => Err(polled(operation, &error)),
                        None => result,
                    };
                }
                running => *state = running,
            }
            state = shared.done.wait_timeout(state, every).unwrap_or_else(PoisonError::into_inner).0;
            if stopped.is_none() && matches!(*state, State::Running(_)) {
                drop(state);
                if let Err(error) = guarded("the polled function", || poll(&run)) {
                    run.cancel();
                    stopped = Some(error);
                }
                state = lock(&shared.state);
            }
        }
    })
}
