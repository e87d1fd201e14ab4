//! Listings that are pulled, some entries at a time.

use crate::error::{Error, Result};
use crate::records::{Difference, Entry};
use crate::run::{Run, RunOptions, abandoned, lock};
use std::fmt;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use strongroom::CancelToken;

/// Something pulled in batches. `next` gives at most so many items, none at the end, and each part that could not be
/// read as an error; after an error it goes on behind that part. Any thread may pull; each item comes once.
pub struct Batches<T> {
    operation: &'static str,
    state: Mutex<Option<State<T>>>,
    worker: Option<Worker>,
}

/// The thread that a listing pulls from, where it has one.
struct Worker {
    run: Run,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Waits until the thread has ended: what it holds of the repository must not outlive the listing.
    fn join(&self) {
        let thread = lock(&self.thread).take();
        // A function of the app that runs on the thread itself may close the listing.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            // Panics were caught inside.
            let _ = thread.join();
        }
    }
}

struct State<T> {
    items: Box<dyn Iterator<Item = Result<T>> + Send>,
    /// An error that came behind items of a batch, and is told in the next one.
    waiting: Option<Error>,
}

/// Entries of a snapshot.
pub type EntryListing = Batches<Entry>;
/// Paths on which two snapshots differ.
pub type DifferenceListing = Batches<Difference>;

impl<T> fmt::Debug for Batches<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// Most items in one batch, so that no number an app gives makes it run out of memory.
const MAX_BATCH: usize = 65_536;

impl<T> Batches<T> {
    pub(crate) fn new(operation: &'static str, items: impl Iterator<Item = Result<T>> + Send + 'static) -> Self {
        let state = State { items: Box::new(items), waiting: None };
        Batches { operation, state: Mutex::new(Some(state)), worker: None }
    }

    /// The next items, at most `most` of them; none at the end.
    ///
    /// # Errors
    /// What could not be read, and [`Closed`](crate::ErrorKind::Closed) after [`close`](Self::close).
    pub fn next(&self, most: usize) -> Result<Vec<T>> {
        let mut guard = lock(&self.state);
        let state = guard.as_mut().ok_or_else(|| Error::closed(self.operation, "listing"))?;
        if let Some(error) = state.waiting.take() {
            return Err(error);
        }
        let mut batch = Vec::new();
        while batch.len() < most.min(MAX_BATCH) {
            // A panic in the engine must not leave an app's thread.
            match crate::guard::catch(self.operation, || state.items.next().transpose()) {
                Ok(Some(item)) => batch.push(item),
                Ok(None) => break,
                Err(error) if batch.is_empty() => return Err(error),
                Err(error) => {
                    state.waiting = Some(error);
                    break;
                }
            }
        }
        Ok(batch)
    }

    /// Ends it and frees what it holds. Closing twice is harmless.
    pub fn close(&self) {
        if let Some(worker) = &self.worker {
            worker.run.cancel();
        }
        *lock(&self.state) = None;
        if let Some(worker) = &self.worker {
            worker.join();
        }
    }
}

/// What is told of differences and not yet pulled.
const AHEAD: usize = 256;

impl Batches<Difference> {
    /// Pulls what `push` tells, which runs on a thread of its own.
    pub(crate) fn pushed(
        operation: &'static str,
        options: RunOptions,
        push: impl FnOnce(&Run, &mut dyn FnMut(Difference) -> Result<()>) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        // Closing the listing stops its own work, and nothing else that an app stops by the same token.
        let token = options.token.as_ref().map(CancelToken::child);
        let run = Run::new(RunOptions { token, ..options });
        let (sender, receiver): (SyncSender<Result<Difference>>, Receiver<_>) = sync_channel(AHEAD);
        let inside = run.clone();
        let thread = thread::Builder::new()
            .name("strongroom-diff".to_owned())
            .spawn(move || {
                let result = crate::guard::catch(operation, || {
                    push(&inside, &mut |difference| sender.send(Ok(difference)).map_err(|_| abandoned(operation)))
                });
                if let Err(error) = result {
                    // Where nobody listens any more, nobody wants to know.
                    let _ = sender.send(Err(error));
                }
            })
            .map_err(|error| Error::new(crate::ErrorKind::LimitExceeded, operation, error.to_string()))?;
        let mut listing = Batches::new(operation, receiver.into_iter());
        listing.worker = Some(Worker { run, thread: Mutex::new(Some(thread)) });
        Ok(listing)
    }
}

impl<T> Drop for Batches<T> {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    /// Tells when the thread that owns it lets go of it, which takes a while.
    struct Held(Arc<AtomicBool>);

    impl Drop for Held {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(50));
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn its_thread_has_ended_when_it_is_closed() {
        let ended = Arc::new(AtomicBool::new(false));
        let held = Held(Arc::clone(&ended));
        let listing = Batches::pushed("list", RunOptions::default(), move |run, _| {
            let held = held;
            while !run.token().is_cancelled() {
                thread::yield_now();
            }
            drop(held);
            Ok(())
        })
        .unwrap();
        listing.close();
        assert!(ended.load(Ordering::SeqCst));
        listing.close();
    }

    #[test]
    fn closing_it_does_not_cancel_what_else_runs_by_its_token() {
        let token = CancelToken::new();
        let options = RunOptions { token: Some(token.clone()), ..RunOptions::default() };
        let listing = Batches::pushed("list", options, |_, _| Ok(())).unwrap();
        assert!(listing.next(10).unwrap().is_empty());
        listing.close();
        assert!(!token.is_cancelled());
    }

    #[test]
    fn its_token_stops_it() {
        let token = CancelToken::new();
        let options = RunOptions { token: Some(token.clone()), ..RunOptions::default() };
        let listing = Batches::pushed("list", options, |run, _| {
            while !run.token().is_cancelled() {
                thread::yield_now();
            }
            Err(abandoned("list"))
        })
        .unwrap();
        token.cancel();
        assert!(listing.next(10).is_err());
    }
}
