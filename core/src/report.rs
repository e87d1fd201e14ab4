//! How operations end.

use crate::problem::Problem;

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Everything was done.
    Complete,
    /// Everything that could be done was done; the report names what could not.
    Partial,
    /// The deadline came or the work was suspended: what was done is kept, and the same call goes on with the rest.
    Suspended,
}

impl Outcome {
    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Partial => "partial",
            Outcome::Suspended => "suspended",
        }
    }
}

/// Problems of an operation: all are counted, the first ones are kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problems {
    listed: Vec<Problem>,
    count: u64,
}

/// Most problems kept with their details.
const MAX_LISTED: usize = 10_000;

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        self.count += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(problem);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn into_listed(self) -> Vec<Problem> {
        self.listed
    }
}
