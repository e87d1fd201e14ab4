//! Listing ahead: while entries are stored, or compared with those of the previous snapshot, another thread of the
//! pool already asks the source for the next ones.

use crate::context::Context;
use crate::error::{Result, internal};
use crate::format::entry::EntryKind;
use crate::source::{EntrySource, SourceItem};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

/// Entries that are listed in one go.
const BATCH: usize = 256;

/// Folders among them: each may hold a handle of the system's open until its entry is done.
const BATCH_FOLDERS: usize = 16;

/// Batches that wait at most.
const WAITING: usize = 3;

/// What the source said, in its order; an error or the end is the last.
type Answer = Result<Option<SourceItem>>;

/// A source whose answers may come from a thread ahead of the one that uses them.
pub(super) struct Ahead<'s> {
    source: Mutex<Listing<'s>>,
    listed: Mutex<VecDeque<VecDeque<Answer>>>,
    arrived: Condvar,
    /// Whether a task that lists is waiting or at work.
    scheduled: AtomicBool,
    ctx: &'s Context,
}

struct Listing<'s> {
    source: &'s mut dyn EntrySource,
    ended: bool,
}

impl<'s> Ahead<'s> {
    pub(super) fn new(source: &'s mut dyn EntrySource, ctx: &'s Context) -> Self {
        Ahead {
            source: Mutex::new(Listing { source, ended: false }),
            listed: Mutex::default(),
            arrived: Condvar::new(),
            scheduled: AtomicBool::new(false),
            ctx,
        }
    }

    /// The next batch; empty only behind the end. Called by one thread at a time, which lists by itself when nobody
    /// else does.
    pub(super) fn batch<'a>(&'a self, scope: &rayon::Scope<'a>) -> Result<VecDeque<Answer>> {
        loop {
            if let Some(batch) = self.listed()?.pop_front() {
                self.schedule(scope);
                return Ok(batch);
            }
            match self.source.try_lock() {
                Ok(mut listing) => {
                    // What was listed until now comes first.
                    if !self.listed()?.is_empty() {
                        continue;
                    }
                    let batch = listing.batch(self.ctx);
                    drop(listing);
                    self.schedule(scope);
                    return Ok(batch);
                }
                Err(TryLockError::WouldBlock) => self.wait()?,
                Err(TryLockError::Poisoned(_)) => return Err(panicked()),
            }
        }
    }

    fn listed(&self) -> Result<MutexGuard<'_, VecDeque<VecDeque<Answer>>>> {
        self.listed.lock().map_err(|_| panicked())
    }

    fn wait(&self) -> Result<()> {
        let listed = self.listed()?;
        if listed.is_empty() {
            // Short, because whoever lists may end without anything to show.
            drop(self.arrived.wait_timeout(listed, Duration::from_millis(1)).map_err(|_| panicked())?);
        }
        Ok(())
    }

    fn schedule<'a>(&'a self, scope: &rayon::Scope<'a>) {
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            scope.spawn(|_| {
                self.fill();
                self.scheduled.store(false, Ordering::Release);
            });
        }
    }

    /// Lists until enough batches wait.
    fn fill(&self) {
        while let Ok(mut listing) = self.source.lock() {
            let Ok(waiting) = self.listed().map(|listed| listed.len()) else { return };
            if listing.ended || waiting >= WAITING {
                return;
            }
            let batch = listing.batch(self.ctx);
            // Before the source is let go, or the next batch could come first.
            if let Ok(mut listed) = self.listed() {
                listed.push_back(batch);
            }
            drop(listing);
            self.arrived.notify_all();
        }
    }
}

impl Listing<'_> {
    fn batch(&mut self, ctx: &Context) -> VecDeque<Answer> {
        let mut batch = VecDeque::new();
        let mut folders = 0;
        while !self.ended && batch.len() < BATCH && folders < BATCH_FOLDERS {
            let answer = self.source.next(ctx);
            match &answer {
                Ok(Some(SourceItem::Entry(entry, _))) => folders += usize::from(entry.kind == EntryKind::Directory),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => self.ended = true,
            }
            batch.push_back(answer);
        }
        batch
    }
}

fn panicked() -> crate::Error {
    internal("list the source", "a thread panicked while listing")
}
