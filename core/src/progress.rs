//! Progress: counters that work adds to, and a sink that hears of them at a bounded rate.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Which part of an operation is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Phase {
    /// Getting ready: reading keys, indexes or the previous snapshot.
    #[default]
    Preparing,
    /// Reading and storing content.
    BackingUp,
    /// Writing restored entries.
    Restoring,
    /// Reading and verifying stored objects.
    Checking,
    /// Reading content from one repository and storing it in others.
    Copying,
    /// Rebuilding or merging indexes.
    Indexing,
    /// Writing the last objects.
    Finishing,
    /// Moving stored content to newer keys.
    Reencrypting,
}

impl Phase {
    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Preparing => "preparing",
            Phase::BackingUp => "backing_up",
            Phase::Restoring => "restoring",
            Phase::Checking => "checking",
            Phase::Copying => "copying",
            Phase::Indexing => "indexing",
            Phase::Finishing => "finishing",
            Phase::Reencrypting => "reencrypting",
        }
    }
}

/// A moment's view of an operation. Counts only grow; totals are estimates until known.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Entries finished.
    pub entries: u64,
    /// Entries there will be, when known.
    pub total_entries: Option<u64>,
    /// Bytes of content finished.
    pub bytes: u64,
    /// Bytes of content there will be, when known.
    pub total_bytes: Option<u64>,
    /// Bytes of content that were new to the repository (backup), or had to be written (restore).
    pub new_bytes: u64,
    /// Bytes sent to or read from storage.
    pub stored_bytes: u64,
    /// Entries that could not be handled.
    pub problems: u64,
    /// Time since the operation began.
    pub elapsed: Duration,
    /// The path or object at work, lossily decoded, for display only.
    pub current: Option<String>,
}

/// Hears of progress. Called from worker threads, one call at a time, at most some ten times a second and
/// once at the end; a slow sink slows only itself down.
pub trait ProgressSink: Send + Sync {
    /// A new state of affairs.
    fn progress(&self, progress: &Progress);
}

impl<F: Fn(&Progress) + Send + Sync> ProgressSink for F {
    fn progress(&self, progress: &Progress) {
        self(progress);
    }
}

/// Shared counters of one running operation.
pub(crate) struct Meter {
    sink: Option<Arc<dyn ProgressSink>>,
    start: Instant,
    entries: AtomicU64,
    bytes: AtomicU64,
    new_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    problems: AtomicU64,
    /// Milliseconds after `start` before which the sink is left alone.
    next_report: AtomicU64,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    phase: Phase,
    total_entries: Option<u64>,
    total_bytes: Option<u64>,
    /// What was last said to be at work.
    current: Option<String>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

const REPORT_EVERY_MS: u64 = 100;

impl Meter {
    pub(crate) fn new(sink: Option<Arc<dyn ProgressSink>>) -> Self {
        Meter {
            sink,
            start: Instant::now(),
            entries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            new_bytes: AtomicU64::new(0),
            stored_bytes: AtomicU64::new(0),
            problems: AtomicU64::new(0),
            next_report: AtomicU64::new(0),
            shown: Mutex::default(),
        }
    }

    pub(crate) fn phase(&self, phase: Phase) {
        if let Ok(mut shown) = self.shown.lock() {
            shown.phase = phase;
            shown.current = None;
        }
    }

    pub(crate) fn totals(&self, entries: Option<u64>, bytes: Option<u64>) {
        if let Ok(mut shown) = self.shown.lock() {
            shown.total_entries = entries;
            shown.total_bytes = bytes;
        }
    }

    pub(crate) fn add_entries(&self, count: u64) {
        self.entries.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn add_new_bytes(&self, count: u64) {
        self.new_bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn add_stored_bytes(&self, count: u64) {
        self.stored_bytes.fetch_add(count, Ordering::Relaxed);
    }

    /// For work that keeps this count itself.
    pub(crate) fn set_stored_bytes(&self, count: u64) {
        self.stored_bytes.fetch_max(count, Ordering::Relaxed);
    }

    pub(crate) fn add_problems(&self, count: u64) {
        self.problems.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Tells the sink, unless it heard something a moment ago. `current` is only built when it will be shown; none
    /// leaves what was last shown.
    pub(crate) fn report(&self, current: impl FnOnce() -> Option<String>) {
        let Some(sink) = &self.sink else { return };
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let next = self.next_report.load(Ordering::Relaxed);
        if now < next
            || self
                .next_report
                .compare_exchange(next, now + REPORT_EVERY_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        self.tell(sink.as_ref(), current());
    }

    /// Tells the sink the final state.
    pub(crate) fn finish(&self) {
        if let Some(sink) = &self.sink {
            if let Ok(mut shown) = self.shown.lock() {
                shown.current = None;
            }
            self.tell(sink.as_ref(), None);
        }
    }

    fn tell(&self, sink: &dyn ProgressSink, current: Option<String>) {
        // The lock is held during the call, which is what makes calls come one at a time.
        let Ok(mut shown) = self.shown.lock() else { return };
        if current.is_some() {
            shown.current = current;
        }
        sink.progress(&Progress {
            phase: shown.phase,
            entries: self.entries.load(Ordering::Relaxed),
            total_entries: shown.total_entries,
            bytes: self.bytes.load(Ordering::Relaxed),
            total_bytes: shown.total_bytes,
            new_bytes: self.new_bytes.load(Ordering::Relaxed),
            stored_bytes: self.stored_bytes.load(Ordering::Relaxed),
            problems: self.problems.load(Ordering::Relaxed),
            elapsed: self.start.elapsed(),
            current: shown.current.clone(),
        });
    }
}
