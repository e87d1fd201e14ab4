//! Listings that are pulled, some entries at a time.

use crate::error::{Error, Result};
use crate::records::{Difference, Entry};
use crate::run::{Run, RunOptions, abandoned, lock};
use std::fmt;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Something pulled in batches. `next` gives at most so many items, none at the end, and each part that could not be
/// read as an error; after an error it goes on behind that part. Any thread may pull; each item comes once.
pub struct Batches<T> {
    operation: &'static str,
    state: Mutex<Option<State<T>>>,
    stop: Option<Run>,
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
        Batches { operation, state: Mutex::new(Some(state)), stop: None }
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
        if let Some(run) = &self.stop {
            run.cancel();
        }
        *lock(&self.state) = None;
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
        let run = Run::new(options);
        let (sender, receiver): (SyncSender<Result<Difference>>, Receiver<_>) = sync_channel(AHEAD);
        let inside = run.clone();
        thread::Builder::new()
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
        listing.stop = Some(run);
        Ok(listing)
    }
}

impl<T> Drop for Batches<T> {
    fn drop(&mut self) {
        self.close();
    }
}
