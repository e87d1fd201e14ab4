//! What all tasks of one restore share.

use super::failure::{Failure, Outcome};
use super::links::Links;
use super::options::{Ownership, RestoreOptions, Selection};
use super::report::Tally;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::format::entry::Owner;
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use crate::progress::Meter;
use crate::report::ProblemLog;
use crate::source::Ids;
use crate::store::blobs::SegmentStore;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub(super) struct Job<'a> {
    pub(super) store: &'a dyn SegmentStore,
    pub(super) options: &'a RestoreOptions,
    pub(super) ctx: &'a Context,
    pub(super) meter: Meter,
    pub(super) tally: Tally,
    pub(super) links: Links,
    pub(super) selection: Selection,
    /// The target folder; `None` in a dry run when it does not exist.
    pub(super) target: Option<Arc<OwnedFd>>,
    /// How many names of a path are not repeated in the target.
    pub(super) base_depth: usize,
    pub(super) gate: Gate,
    /// Whether file permissions stand in the way of this process at all.
    pub(super) privileged: bool,
    pub(super) uid: u32,
    /// Users and groups of this system, where owners go by name.
    names_of_owners: Option<Ids>,
    problems: ProblemLog,
    error: Mutex<Option<Error>>,
    stopped: AtomicBool,
    suspended: AtomicBool,
    temporary: AtomicU64,
    names: RandomState,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        store: &'a dyn SegmentStore,
        options: &'a RestoreOptions,
        ctx: &'a Context,
        target: Option<OwnedFd>,
        base_depth: usize,
    ) -> Result<Self> {
        let threads = ctx.limits().thread_count();
        let uid = rustix::process::geteuid().as_raw();
        Ok(Job {
            selection: Selection::new(options)?,
            store,
            options,
            ctx,
            meter: ctx.meter(),
            tally: Tally::default(),
            links: Links::within(ctx.limits().memory_bytes() / 8),
            target: target.map(Arc::new),
            base_depth,
            gate: Gate::new(threads * 3),
            privileged: uid == 0,
            uid,
            names_of_owners: (options.owner == Ownership::Named).then(Ids::of_system),
            problems: ProblemLog::default(),
            error: Mutex::new(None),
            stopped: AtomicBool::new(false),
            suspended: AtomicBool::new(false),
            temporary: AtomicU64::new(0),
            names: RandomState::new(),
        })
    }

    /// Fails once the restore was cancelled or has failed elsewhere.
    pub(super) fn go_on(&self) -> Outcome<()> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Failure::Stopped);
        }
        match self.ctx.check("restore") {
            Ok(()) => Ok(()),
            Err(error) => {
                self.stop(error);
                Err(Failure::Stopped)
            }
        }
    }

    /// Whether no more work is to be begun, be it for good or for now.
    pub(super) fn is_ending(&self) -> bool {
        if self.go_on().is_err() {
            return true;
        }
        if self.ctx.should_suspend() {
            self.suspended.store(true, Ordering::Relaxed);
        }
        self.is_suspended()
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::Relaxed)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn stop(&self, error: Error) {
        if let Ok(mut first) = self.error.lock() {
            first.get_or_insert(error);
        }
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn fail(&self, path: &EntryPath, failure: Failure) {
        match failure {
            Failure::Entry(reason, detail) => self.problem(path, reason, detail),
            Failure::Fatal(error) => self.stop(error.or_object(path)),
            Failure::Stopped => {}
        }
    }

    pub(super) fn problem(&self, path: &EntryPath, reason: ProblemReason, detail: impl std::fmt::Display) {
        self.meter.add_problems(1);
        self.problems.add(Problem::new(path.clone(), reason, detail));
    }

    pub(super) fn wrote(&self, bytes: u64) {
        self.tally.bytes_written.add(bytes);
        self.meter.add_new_bytes(bytes);
        self.meter.report(|| None);
    }

    /// User and group that an entry of this owner is to have here.
    pub(super) fn ids(&self, owner: &Owner) -> (u32, u32) {
        match &self.names_of_owners {
            Some(ids) => (ids.user(owner), ids.group(owner)),
            None => (owner.uid, owner.gid),
        }
    }

    /// A name for a file that takes its place when it is finished.
    pub(super) fn temporary_name(&self) -> Vec<u8> {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        format!(".strongroom-restore-{}-{number}", std::process::id()).into_bytes()
    }

    /// Stands for a name in a set of names. Two names that share a number only keep something from being deleted.
    pub(super) fn number_of_name(&self, name: &[u8]) -> u64 {
        self.names.hash_one(name)
    }

    /// The path of `path`'s entry within the target: its names below the base.
    pub(super) fn names_in_target<'p>(&self, path: &'p EntryPath) -> impl Iterator<Item = &'p [u8]> {
        path.names().skip(self.base_depth)
    }

    /// The problems with their count, whether it was suspended, or the error that ended it.
    pub(super) fn finish(self) -> Result<(Vec<Problem>, u64, bool)> {
        if let Some(error) = self.error.into_inner().unwrap_or_default() {
            return Err(error);
        }
        let (problems, count) = self.problems.finish();
        Ok((problems, count, self.suspended.into_inner()))
    }
}

/// Bounds the tasks that are waiting or running.
pub(super) struct Gate {
    running: Mutex<usize>,
    left: Condvar,
    limit: usize,
}

/// Lets one task through a [`Gate`].
pub(super) struct Pass<'a> {
    gate: &'a Gate,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Ok(mut running) = self.gate.running.lock() {
            *running = running.saturating_sub(1);
        }
        self.gate.left.notify_all();
    }
}

/// How long the producer sleeps at most before it looks again for a task to help with.
const NAP: Duration = Duration::from_millis(5);

impl Gate {
    fn new(limit: usize) -> Self {
        Gate { running: Mutex::new(0), left: Condvar::new(), limit }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Waits until a further task may begin, and helps meanwhile. Called on a thread of the pool. The task counts as
    /// long as its pass is kept, so that one that panics, in a backend of the app's, is not waited for.
    pub(super) fn enter(&self) -> Pass<'_> {
        self.wait_below(self.limit);
        if let Ok(mut running) = self.running.lock() {
            *running += 1;
        }
        Pass { gate: self }
    }

    /// Waits until all tasks are done.
    pub(super) fn drain(&self) {
        self.wait_below(1);
    }

    fn wait_below(&self, limit: usize) {
        loop {
            let Ok(running) = self.running.lock() else { return };
            if *running < limit {
                return;
            }
            drop(running);
            if rayon::yield_now() == Some(rayon::Yield::Executed) {
                continue;
            }
            // Whatever is left runs on other threads.
            let Ok(running) = self.running.lock() else { return };
            if *running >= limit {
                drop(self.left.wait_timeout(running, NAP));
            }
        }
    }
}
