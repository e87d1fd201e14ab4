//! What a copy did.

use crate::backend::ObjectName;
use crate::error::Error;
use crate::format::snapshot::SnapshotOutcome;
use crate::id::{RepositoryId, SnapshotId};
use crate::problem::Problem;
use crate::report::Outcome;
use std::time::Duration;

/// What a copy did.
#[derive(Debug)]
#[non_exhaustive]
pub struct CopyReport {
    /// How it ended: partial when a destination failed, when a snapshot that was asked for could not be read or
    /// trusted, or when paths were lost on the way.
    pub outcome: Outcome,
    /// Snapshots that were to be copied.
    pub snapshots: u64,
    /// One for each destination, in the order in which they were given.
    pub destinations: Vec<CopyDestination>,
    /// Snapshots of the source that could not be read or trusted, and why. They were not copied.
    pub rejected: Vec<(ObjectName, Error)>,
    /// Bytes of content that were read from the source: once, for however many destinations.
    pub read_bytes: u64,
    /// How long it took.
    pub duration: Duration,
}

impl CopyReport {
    /// The first error of a destination, for who copies to one.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.destinations.iter().find_map(|destination| destination.error.as_ref())
    }
}

/// What came to one destination.
#[derive(Debug)]
#[non_exhaustive]
pub struct CopyDestination {
    /// Its id.
    pub repository: RepositoryId,
    /// Where it is, for messages.
    pub location: String,
    /// How it ended there.
    pub outcome: Outcome,
    /// Why it got no more than what is listed here, if it failed. What was copied before counts; calling again goes on.
    pub error: Option<Error>,
    /// The snapshots that were copied, in that order.
    pub copied: Vec<SnapshotCopy>,
    /// How many of the snapshots it had before.
    pub present: u64,
    /// Bytes of content it did not have, before compression.
    pub new_bytes: u64,
    /// Bytes sent to it in packs.
    pub stored_bytes: u64,
    /// Packs sent to it.
    pub stored_packs: u64,
}

/// One snapshot that was copied.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SnapshotCopy {
    /// The original, in the source.
    pub source: SnapshotId,
    /// The copy, in the destination.
    pub copy: SnapshotId,
    /// What the copy says of itself: partial when the original was, or when something of it could not be read.
    pub outcome: SnapshotOutcome,
    /// Entries of the copy.
    pub entries: u64,
    /// Bytes of its regular files.
    pub bytes: u64,
    /// Files taken over from an earlier copy without being read from the source.
    pub unchanged: u64,
    /// Bytes of content that the destination did not have.
    pub new_bytes: u64,
    /// Bytes sent to the destination.
    pub stored_bytes: u64,
    /// What of the original could not be read, and so is not in the copy; at most 1,000 of them.
    pub problems: Vec<Problem>,
    /// How many problems there were.
    pub problem_count: u64,
}
