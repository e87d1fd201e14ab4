//! Threads that end with what they were started for.

use crate::error::{Result, internal};
use std::ops::Deref;
use std::thread::{Builder, JoinHandle};

/// A pool of threads. Dropping it waits for what was given to them and for the threads themselves, so that nothing of an
/// operation goes on behind its end: neither with the storage nor with files of a source.
pub(crate) struct Pool {
    // Dropped first, which tells the threads to end.
    pool: rayon::ThreadPool,
    _threads: Joined,
}

impl Pool {
    pub(crate) fn new(threads: usize) -> Result<Self> {
        let mut joined = Joined(Vec::with_capacity(threads));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .spawn_handler(|thread| {
                let builder = Builder::new().name(format!("strongroom-{}", thread.index()));
                joined.0.push(builder.spawn(|| thread.run())?);
                Ok(())
            })
            .build();
        let pool = pool.map_err(|error| internal("start worker threads", "the system refused").because(error))?;
        Ok(Pool { pool, _threads: joined })
    }
}

impl Deref for Pool {
    type Target = rayon::ThreadPool;

    fn deref(&self) -> &rayon::ThreadPool {
        &self.pool
    }
}

/// Waits for threads to end when it is dropped.
struct Joined(Vec<JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        let this = std::thread::current().id();
        // None of them ends before what each was given is done, so one that drops its own pool would wait for itself.
        if self.0.iter().any(|thread| thread.thread().id() == this) {
            return;
        }
        // What panicked has told so already.
        for thread in self.0.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn nothing_goes_on_once_it_is_dropped() {
        let held = Arc::new(());
        let pool = Pool::new(3).unwrap();
        assert_eq!(pool.current_num_threads(), 3);
        for _ in 0..20 {
            let held = Arc::clone(&held);
            pool.spawn(move || {
                std::thread::sleep(Duration::from_millis(2));
                drop(held);
            });
        }
        drop(pool);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn one_of_its_threads_may_let_go_of_it_last() {
        let (done, ended) = std::sync::mpsc::channel();
        let pool = Arc::new(Pool::new(2).unwrap());
        let last = Arc::clone(&pool);
        pool.spawn(move || {
            while Arc::strong_count(&last) > 1 {
                std::thread::yield_now();
            }
            drop(last);
            done.send(()).unwrap();
        });
        drop(pool);
        ended.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
