//! What a restore did.

use crate::problem::Problem;
use crate::report::Outcome;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a restore did, and what it could not do.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RestoreReport {
    /// How it ended. A restore with problems is [`Partial`](Outcome::Partial).
    pub outcome: Outcome,
    /// Entries that are in the target as the snapshot and the options want them.
    pub entries: u64,
    /// Regular files among them, each name of a file with several names that was written or compared.
    pub files: u64,
    /// Folders among them.
    pub directories: u64,
    /// Symbolic links among them.
    pub symlinks: u64,
    /// Further names of files with several names.
    pub hard_links: u64,
    /// Devices, pipes and sockets among them.
    pub others: u64,
    /// Entries other than folders that the target had already, or that the overwrite policy leaves alone.
    pub unchanged: u64,
    /// Size of all files together, holes included.
    pub bytes: u64,
    /// Bytes of content that had to be written.
    pub bytes_written: u64,
    /// Files, links and folders removed because the snapshot does not have them.
    pub deleted: u64,
    /// The first thousand problems, by path.
    pub problems: Vec<Problem>,
    /// How many problems there were.
    pub problem_count: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Counters that tasks add to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: Counter,
    pub(super) directories: Counter,
    pub(super) symlinks: Counter,
    pub(super) hard_links: Counter,
    pub(super) others: Counter,
    pub(super) unchanged: Counter,
    pub(super) bytes: Counter,
    pub(super) bytes_written: Counter,
    pub(super) deleted: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Tally {
    pub(super) fn report(&self) -> RestoreReport {
        let mut report = RestoreReport {
            files: self.files.get(),
            directories: self.directories.get(),
            symlinks: self.symlinks.get(),
            hard_links: self.hard_links.get(),
            others: self.others.get(),
            unchanged: self.unchanged.get(),
            bytes: self.bytes.get(),
            bytes_written: self.bytes_written.get(),
            deleted: self.deleted.get(),
            ..RestoreReport::default()
        };
        report.entries = report.files + report.directories + report.symlinks + report.hard_links + report.others;
        report
    }
}
