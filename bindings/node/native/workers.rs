//! Threads for calls that are short: one is made when all are busy, and ends when nothing came for a while.

use crate::environment::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// No more threads than this; what comes then waits for its turn.
const MOST: usize = 16;
/// How long a thread waits for something to do.
const PATIENCE: Duration = Duration::from_secs(2);

type Task = Box<dyn FnOnce() + Send>;

/// A group of threads. They end soon after it is dropped, once everything is done.
#[derive(Default)]
pub(crate) struct Workers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    threads: usize,
    idle: usize,
    is_over: bool,
}

impl Workers {
    /// Runs a task on one of the threads; says no when there is none and none can be made.
    pub(crate) fn run(&self, task: Task) -> Result<(), Task> {
        let mut state = lock(&self.shared.state);
        if state.idle <= state.tasks.len() && state.threads < MOST {
            let shared = Arc::clone(&self.shared);
            let made = thread::Builder::new().name("strongroom-call".to_owned()).spawn(move || shared.work());
            match made {
                Ok(_) => state.threads += 1,
                Err(_) if state.threads == 0 => return Err(task),
                Err(_) => {}
            }
        }
        state.tasks.push_back(task);
        self.shared.changed.notify_one();
        Ok(())
    }
}

impl Shared {
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(task) = state.tasks.pop_front() {
                drop(state);
                task();
                state = lock(&self.state);
                continue;
            }
            if state.is_over {
                break;
            }
            state.idle += 1;
            let (after, waited) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = after;
            state.idle -= 1;
            if waited.timed_out() && state.tasks.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        lock(&self.shared.state).is_over = true;
        self.shared.changed.notify_all();
    }
}
