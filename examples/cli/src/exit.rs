//! How the program ends: exit codes, and errors with a hint at what to do next.

use std::io;
use strongroom::{Error, ErrorKind, Outcome, Retry};

/// The exit codes, which are part of the command's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Complete = 0,
    Error = 1,
    Usage = 2,
    Partial = 3,
    Suspended = 4,
    NoRepository = 10,
    WrongKey = 11,
    Damaged = 12,
    Refused = 13,
    Full = 14,
    Unavailable = 15,
    Cancelled = 130,
    Pipe = 141,
}

/// The table of exit codes as `--help` and the manual show it.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
    0  everything was done
    1  an error that no other code stands for
    2  wrong usage
    3  partial: done, except for what the report names
    4  suspended by a deadline or Ctrl-C; the same command goes on with the rest
   10  there is no repository at that place
   11  the passphrase, recovery code or device key is wrong
   12  damage was found
   13  the key does not carry the capability, or a signature is not to be trusted
   14  the storage or the target is full, or its quota used up
   15  the storage cannot be reached at the moment; try later
  130  cancelled
  141  whoever read the output went away";

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Complete => Exit::Complete,
            Outcome::Suspended => Exit::Suspended,
            _ => Exit::Partial,
        }
    }
}

/// Why the command ends without having done what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) error: Option<Box<Error>>,
}

pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into(), hint: None, error: None }
    }

    /// The command was used in a way that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, message)
    }

    /// The system failed us outside the library.
    pub(crate) fn io(error: io::Error, doing: &'static str, object: impl std::fmt::Display) -> Self {
        Error::io(error, doing).object(object).into()
    }

    /// Standard output does not take what is written to it.
    pub(crate) fn output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Exit::Pipe, "whoever read the output went away"),
            _ => Failure::io(error, "write the output", "standard output"),
        }
    }

    /// Ends with another exit code than the kind of the error says.
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Replaces the hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The kind of the library's error behind it, if there is one.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        self.error.as_ref().map(|error| error.kind())
    }

    /// The stable name of the kind, for scripts.
    pub(crate) fn kind_name(&self) -> &'static str {
        match (self.kind(), self.exit) {
            (Some(kind), _) => kind.name(),
            (None, Exit::Usage) => ErrorKind::InvalidArgument.name(),
            (None, Exit::Damaged) => ErrorKind::Corrupt.name(),
            (None, Exit::Cancelled) => ErrorKind::Cancelled.name(),
            (None, _) => ErrorKind::Io.name(),
        }
    }

    /// The stable number of the kind, for scripts.
    pub(crate) fn code(&self) -> u16 {
        let named = ErrorKind::ALL.into_iter().find(|kind| kind.name() == self.kind_name());
        self.kind().or(named).unwrap_or(ErrorKind::Io).code()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.kind() {
            ErrorKind::WrongKey => Exit::WrongKey,
            ErrorKind::Corrupt => Exit::Damaged,
            ErrorKind::Forbidden | ErrorKind::Untrusted => Exit::Refused,
            ErrorKind::PermissionDenied if is_by_account(&error) => Exit::Refused,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Exit::Full,
            ErrorKind::Unavailable => Exit::Unavailable,
            ErrorKind::Cancelled => Exit::Cancelled,
            _ => Exit::Error,
        };
        let hint = hint(&error);
        Failure { exit, message: error.to_string(), hint, error: Some(Box::new(error)) }
    }
}

/// Whether permission was denied by an account service: what the system denies carries the system's error.
fn is_by_account(error: &Error) -> bool {
    std::error::Error::source(error).is_none()
}

/// What to do next, by what kind of error it is.
fn hint(error: &Error) -> Option<String> {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied if is_by_account(error) => {
            "this device may not do that, or is revoked; `strongroom account devices` on one with the account capability shows \
             what each may do"
        }
        ErrorKind::PermissionDenied => "check who owns it and who may access it, or run as somebody who may",
        ErrorKind::Corrupt => "`strongroom check --read-data` tells what is affected",
        ErrorKind::Unsupported => "a newer version of strongroom may know it",
        ErrorKind::WrongKey => {
            "type it again with care; a recovery code opens the repository too (--recovery-code), and so does an added \
             device's key (--device-key)"
        }
        ErrorKind::Forbidden => {
            "use a key with that capability; `strongroom key list` shows the keys there are and their roles"
        }
        ErrorKind::Untrusted => "`strongroom device list` shows the devices whose signatures count",
        ErrorKind::StorageFull => "free some space there and run the same command again; what is done is kept",
        ErrorKind::QuotaExceeded => "free some space or raise the quota, then run the same command again",
        ErrorKind::LimitExceeded => "allow more with --memory, for example --memory 512M",
        ErrorKind::Conflict => "run the command again",
        ErrorKind::ReadOnly => "choose a place that can be written to, or mount it read-write",
        ErrorKind::Internal => "this is a bug in strongroom; please report it with this message",
        ErrorKind::Unavailable => match error.retry() {
            Retry::After(wait) => return Some(format!("try again in {} seconds or later", wait.as_secs().max(1))),
            _ => "try again later",
        },
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_exit_code_and_number() {
        for kind in ErrorKind::ALL {
            let failure = Failure::from(Error::new(kind, "try"));
            assert_eq!(failure.code(), kind.code());
            assert_eq!(failure.kind_name(), kind.name());
            assert!(failure.exit != Exit::Complete);
        }
        assert_eq!(Failure::usage("x").kind_name(), "invalid_argument");
        assert_eq!(Failure::output(io::ErrorKind::BrokenPipe.into()).exit, Exit::Pipe);
    }

    #[test]
    fn every_exit_code_is_in_the_table() {
        for exit in [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 130, 141] {
            let listed = EXIT_CODES.lines().any(|line| line.trim_start().starts_with(&format!("{exit}  ")));
            assert!(listed, "{exit}");
        }
    }
}
