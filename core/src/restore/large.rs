//! Large files, written by several tasks at once.

use super::content::{Copier, Layout};
use super::entry::finished;
use super::failure::{Failure, Outcome};
use super::file::{self, Opened, Result, Writing};
use super::folder::Place;
use super::job::Job;
use crate::format::entry::{Content, Entry, Run};
use rayon::ScopeFifo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Files with more content than this are split.
pub(super) const LARGE: u64 = 8 * 1024 * 1024;
/// About how much content one task writes: so much that tasks at work mostly write to different files, since the system
/// lets only one thread at a time write to one.
const SHARE: u64 = 32 * 1024 * 1024;
/// Most runs one task is given, however short they are.
const MOST_RUNS: usize = 4096;

/// A file that several tasks write.
struct Large {
    entry: Entry,
    place: Place,
    writing: Writing,
    /// Tasks under way, and the one that hands out work.
    users: AtomicUsize,
    failed: AtomicBool,
    /// Set when the restore was suspended before all was written: what is there stays, and does not look finished
    /// because its time is not set.
    unfinished: AtomicBool,
}

/// Restores one large file. The tasks end after this function does.
pub(super) fn restore<'s>(job: &'s Job<'s>, scope: &ScopeFifo<'s>, place: &Place, entry: Entry) {
    job.meter.report(|| Some(entry.path.to_string()));
    let writing = match file::open(job, place, &entry) {
        Ok(Opened::Writing(writing)) => writing,
        Ok(Opened::Done(result)) => return finished(job, &entry, result),
        Err(failure) => return job.fail(&entry.path, failure),
    };
    place.enter();
    let large = Arc::new(Large {
        entry,
        place: place.clone(),
        writing,
        users: AtomicUsize::new(1),
        failed: AtomicBool::new(false),
        unfinished: AtomicBool::new(false),
    });
    if let Err(failure) = hand_out(job, scope, &large) {
        large.fail(job, failure);
    }
    large.leave(job);
}

fn hand_out<'s>(job: &'s Job<'s>, scope: &ScopeFifo<'s>, large: &Arc<Large>) -> Outcome<()> {
    let mut layout = Layout::new(&large.entry.holes);
    let mut share = Share { runs: Vec::new(), bytes: 0, mark: layout.mark() };
    let mut take = |run: Run, layout: &mut Layout<'_>| {
        // A segment is opened by one task only, unless the file is too odd for that.
        let goes_on = share.runs.last().is_some_and(|last| last.segment == run.segment);
        let full = share.bytes >= SHARE && !(goes_on && share.bytes < 4 * SHARE);
        if full || share.runs.len() >= MOST_RUNS {
            let full = std::mem::replace(&mut share, Share { runs: Vec::new(), bytes: 0, mark: layout.mark() });
            spawn(job, scope, large, full);
        }
        layout.skip(run.bytes);
        share.bytes = share.bytes.saturating_add(run.bytes);
        share.runs.push(run);
    };
    match &large.entry.content {
        Content::Runs(runs) => {
            for run in runs {
                if large.is_over(job) {
                    return Ok(());
                }
                take(*run, &mut layout);
            }
        }
        _ => {
            let mut runs = file::runs_of(job, &large.entry)?;
            while let Some((run, _)) = runs.next().map_err(Failure::content)? {
                if large.is_over(job) {
                    return Ok(());
                }
                take(run, &mut layout);
            }
        }
    }
    spawn(job, scope, large, share);
    Ok(())
}

/// What one task writes.
struct Share {
    runs: Vec<Run>,
    bytes: u64,
    /// Where the first run belongs.
    mark: (usize, u64),
}

fn spawn<'s>(job: &'s Job<'s>, scope: &ScopeFifo<'s>, large: &Arc<Large>, share: Share) {
    let pass = job.gate.enter();
    let large = Arc::clone(large);
    large.users.fetch_add(1, Ordering::AcqRel);
    scope.spawn_fifo(move |_| {
        let _pass = pass;
        if let Err(failure) = large.write(job, &share) {
            large.fail(job, failure);
        }
        large.leave(job);
    });
}

impl Large {
    fn is_over(&self, job: &Job<'_>) -> bool {
        if job.is_ending() {
            self.unfinished.store(true, Ordering::Release);
            return true;
        }
        self.failed.load(Ordering::Acquire)
    }

    fn write(&self, job: &Job<'_>, share: &Share) -> Outcome<()> {
        let mut layout = Layout::resume(&self.entry.holes, share.mark);
        let mut copier = Copier::new(job);
        for run in &share.runs {
            if self.is_over(job) {
                return Ok(());
            }
            copier.run(&self.writing.file, &mut layout, run, self.writing.existing())?;
        }
        Ok(())
    }

    /// Reports the first failure only: one problem a file.
    fn fail(&self, job: &Job<'_>, failure: Failure) {
        if matches!(failure, Failure::Stopped) {
            self.unfinished.store(true, Ordering::Release);
        } else if !self.failed.swap(true, Ordering::AcqRel) {
            job.fail(&self.entry.path, failure);
        }
    }

    fn leave(&self, job: &Job<'_>) {
        if self.users.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let (failed, unfinished) = (self.failed.load(Ordering::Acquire), self.unfinished.load(Ordering::Acquire));
        let mut keep = unfinished && !failed && !job.is_stopped() && !job.options.replaces_whole();
        if !failed && !unfinished {
            match file::finish(&mut Copier::new(job), job, &self.place, &self.entry, &self.writing) {
                Ok(()) => {
                    finished(job, &self.entry, Result::Written);
                    keep = true;
                }
                Err(failure) => self.fail(job, failure),
            }
        }
        if !keep {
            file::abandon(&self.place, &self.entry, &self.writing);
        }
        self.place.leave(job);
    }
}
