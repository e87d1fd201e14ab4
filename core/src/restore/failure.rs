//! Why an entry could not be restored: a problem of its own, or one that ends the whole restore.

use crate::error::{Error, ErrorKind};
use crate::problem::ProblemReason;
use rustix::io::Errno;

pub(super) enum Failure {
    /// Goes into the report; the rest goes on.
    Entry(ProblemReason, String),
    /// Everything that follows would fail as well.
    Fatal(Error),
    /// The restore ends for a reason that is known already.
    Stopped,
}

pub(super) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// From a system call on the target that tried to `act`, a verb phrase.
    pub(super) fn target(errno: Errno, act: &'static str) -> Self {
        let advice = match errno {
            Errno::NOSPC => "the target's file system is full; free some space and restore again: what is done is kept",
            Errno::DQUOT => "the quota on the target's file system is used up; raise it and restore again",
            Errno::ROFS => "the target is on a read-only file system; choose another target or make it writable",
            Errno::MFILE | Errno::NFILE => "too many open files; raise the limit of open files or use fewer threads",
            Errno::NOMEM => "the system is out of memory",
            _ => {
                let reason = match errno {
                    Errno::ACCESS | Errno::PERM => ProblemReason::PermissionDenied,
                    Errno::NAMETOOLONG | Errno::ILSEQ => ProblemReason::Unsupported,
                    Errno::NOTDIR | Errno::ISDIR | Errno::EXIST | Errno::LOOP => ProblemReason::Obstructed,
                    _ => ProblemReason::Unwritable,
                };
                return Failure::Entry(reason, format!("could not {act}: {}", text(errno)));
            }
        };
        Failure::Fatal(Error::io(errno.into(), act).detail(advice))
    }

    /// From the repository while content was read: damage concerns one file, anything else all of them.
    pub(super) fn content(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Unsupported => {
                Failure::Entry(ProblemReason::Damaged, error.to_string())
            }
            _ => Failure::Fatal(error),
        }
    }

    pub(super) fn obstructed(by: &str, what: &str) -> Self {
        Failure::Entry(ProblemReason::Obstructed, format!("{by} stands where the {what} should be"))
    }
}

/// The system's words for an error.
pub(super) fn text(errno: Errno) -> String {
    std::io::Error::from(errno).to_string()
}
