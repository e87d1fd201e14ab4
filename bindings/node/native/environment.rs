//! What belongs to one instance of Node: the main thread's, or a worker's.

use napi::{Env, Result};
use napi_derive::napi;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use strongroom_bindings::CancelToken;

/// Locks; what a panicking thread left behind is as good as any other state here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What outlives calls: the operations at work, and the numbers of thrown values that nobody needs any more.
#[derive(Default)]
pub(crate) struct Shared {
    running: Mutex<HashMap<u64, CancelToken>>,
    next: Mutex<u64>,
    released: Mutex<Vec<u32>>,
}

impl Shared {
    /// Notes that an operation is at work, until what is returned is dropped.
    pub(crate) fn at_work(self: &Arc<Self>, token: &CancelToken) -> AtWork {
        let number = {
            let mut next = lock(&self.next);
            *next += 1;
            *next
        };
        lock(&self.running).insert(number, token.clone());
        AtWork { shared: Arc::clone(self), number }
    }
}

/// An operation at work.
pub(crate) struct AtWork {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        lock(&self.shared.running).remove(&self.number);
    }
}

/// A value that JavaScript threw, by the number under which its environment keeps it.
pub(crate) struct Thrown {
    pub(crate) number: u32,
    shared: Arc<Shared>,
}

impl Thrown {
    pub(crate) fn new(number: u32, shared: &Arc<Shared>) -> Self {
        Thrown { number, shared: Arc::clone(shared) }
    }
}

impl Drop for Thrown {
    fn drop(&mut self) {
        lock(&self.shared.released).push(self.number);
    }
}

/// One instance of Node. When it ends, as a worker does that is terminated, what is at work in it is cancelled.
#[napi]
pub struct Environment {
    pub(crate) shared: Arc<Shared>,
}

#[napi]
impl Environment {
    /// The environment that asks.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(constructor)]
    pub fn new(env: Env) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        env.add_env_cleanup_hook(Arc::clone(&shared), |shared| {
            lock(&shared.running).values().for_each(CancelToken::cancel);
        })?;
        Ok(Environment { shared })
    }

    /// The numbers of thrown values that nothing refers to any more.
    #[napi]
    pub fn released(&self) -> Vec<u32> {
        std::mem::take(&mut *lock(&self.shared.released))
    }
}
