//! How operations end, and the problems they list.

use crate::problem::Problem;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How an operation ended that did not fail as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Outcome {
    /// Everything was done.
    #[default]
    Complete,
    /// Everything was done but what the list of problems names.
    Partial,
    /// The deadline passed or the caller asked to suspend; what is done is kept, and the same call goes on from
    /// there.
    Suspended,
}

impl Outcome {
    /// The stable name, in snake case.
    ///
    /// ```
    /// assert_eq!(strongroom::Outcome::Partial.name(), "partial");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Partial => "partial",
            Outcome::Suspended => "suspended",
        }
    }
}

/// Most problems a report lists; the others are only counted, so that a list cannot outgrow memory.
pub(crate) const MAX_LISTED: usize = 1000;

/// Problems as they are found, from any thread.
#[derive(Debug, Default)]
pub(crate) struct ProblemLog {
    listed: Mutex<Vec<Problem>>,
    count: AtomicU64,
}

impl ProblemLog {
    pub(crate) fn add(&self, problem: Problem) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut listed) = self.listed.lock()
            && listed.len() < MAX_LISTED
        {
            listed.push(problem);
        }
    }

    /// How many problems there are so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The listed problems in the order of their paths, and how many there were.
    pub(crate) fn finish(self) -> (Vec<Problem>, u64) {
        let mut listed = self.listed.into_inner().unwrap_or_default();
        listed.sort_by(|a, b| a.path.cmp(&b.path));
        (listed, self.count.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EntryPath, ProblemReason};

    #[test]
    fn the_list_is_bounded_and_the_count_is_not() {
        let log = ProblemLog::default();
        for _ in 0..MAX_LISTED + 5 {
            log.add(Problem::new(EntryPath::root(), ProblemReason::Damaged, "x"));
        }
        let (listed, count) = log.finish();
        assert_eq!((listed.len(), count), (MAX_LISTED, MAX_LISTED as u64 + 5));
    }
}
