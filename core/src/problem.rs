//! What could not be done for one path, while the rest went on.

use crate::error::{Error, ErrorKind};
use crate::path::EntryPath;
use std::fmt;

/// Why a path is named in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemReason {
    /// It was listed and then gone.
    Vanished,
    /// It changed while it was read; what is stored is a mixture.
    Changed,
    /// Access was refused.
    PermissionDenied,
    /// Reading it failed.
    Unreadable,
    /// Writing it failed.
    Unwritable,
    /// Its content is missing or damaged in the repository.
    Damaged,
    /// Owner, times, attributes or another part of its metadata could not be read or set.
    Metadata,
    /// It cannot be represented: its name or path is too long, or its type is unknown.
    Unsupported,
    /// Something stands in the way in the target.
    Obstructed,
}

impl ProblemReason {
    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ProblemReason::Vanished => "vanished",
            ProblemReason::Changed => "changed",
            ProblemReason::PermissionDenied => "permission_denied",
            ProblemReason::Unreadable => "unreadable",
            ProblemReason::Unwritable => "unwritable",
            ProblemReason::Damaged => "damaged",
            ProblemReason::Metadata => "metadata",
            ProblemReason::Unsupported => "unsupported",
            ProblemReason::Obstructed => "obstructed",
        }
    }
}

/// One path that was not handled, or not fully, and why.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Problem {
    /// The path, as it stands in the snapshot.
    pub path: EntryPath,
    /// Why, for programs.
    pub reason: ProblemReason,
    /// Why, for people.
    pub detail: String,
}

impl Problem {
    /// A problem with `path`.
    #[must_use]
    pub fn new(path: EntryPath, reason: ProblemReason, detail: impl fmt::Display) -> Self {
        Problem { path, reason, detail: detail.to_string() }
    }

    /// From an operating system's error while reading.
    #[must_use]
    pub fn reading(path: EntryPath, error: &std::io::Error) -> Self {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => ProblemReason::Vanished,
            std::io::ErrorKind::PermissionDenied => ProblemReason::PermissionDenied,
            _ => ProblemReason::Unreadable,
        };
        Problem::new(path, reason, error)
    }

    /// From an error of this crate while content was read from the repository.
    #[must_use]
    pub fn damaged(path: EntryPath, error: &Error) -> Self {
        let reason = match error.kind() {
            ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Unsupported => ProblemReason::Damaged,
            _ => ProblemReason::Unreadable,
        };
        Problem::new(path, reason, error)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: &dyn fmt::Display = if self.path.is_root() { &"." } else { &self.path };
        write!(f, "{path}: {} ({})", self.detail, self.reason.name())
    }
}
