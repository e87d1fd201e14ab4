//! The one public error type, and the kinds that stay stable across versions and languages.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What went wrong, in terms a program can act on.
///
/// The numbers and names are part of the public interface: every language binding uses the same ones,
/// and they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u16)]
pub enum ErrorKind {
    /// Something the operating system or the storage reported that fits no other kind.
    Io = 1,
    /// The named object, path, snapshot or key does not exist.
    NotFound = 2,
    /// Something with that name exists already.
    AlreadyExists = 3,
    /// The operating system or the storage refused access.
    PermissionDenied = 4,
    /// Stored bytes are damaged: they fail authentication, a checksum or a bound of the format.
    Corrupt = 5,
    /// Stored bytes were written by a version or with an algorithm this build does not know.
    Unsupported = 6,
    /// The passphrase, recovery code or device key opens none of the key slots.
    WrongKey = 7,
    /// The key that was used does not carry the capability the operation needs.
    Forbidden = 8,
    /// A signature is missing, invalid, or by a device that is not on the owner's list.
    Untrusted = 9,
    /// An argument or option makes no sense.
    InvalidArgument = 10,
    /// The caller cancelled the operation.
    Cancelled = 11,
    /// The storage or the target file system is full.
    StorageFull = 12,
    /// The account's quota does not allow it.
    QuotaExceeded = 13,
    /// The storage cannot be reached at the moment, or took too long.
    Unavailable = 14,
    /// The memory, size or count bound of the operation would be exceeded.
    LimitExceeded = 15,
    /// Somebody else changed the same thing first.
    Conflict = 16,
    /// The storage or target is read-only.
    ReadOnly = 17,
    /// A bug in this library; please report it.
    Internal = 18,
}

impl ErrorKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [ErrorKind; 18] = [
        ErrorKind::Io,
        ErrorKind::NotFound,
        ErrorKind::AlreadyExists,
        ErrorKind::PermissionDenied,
        ErrorKind::Corrupt,
        ErrorKind::Unsupported,
        ErrorKind::WrongKey,
        ErrorKind::Forbidden,
        ErrorKind::Untrusted,
        ErrorKind::InvalidArgument,
        ErrorKind::Cancelled,
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::Unavailable,
        ErrorKind::LimitExceeded,
        ErrorKind::Conflict,
        ErrorKind::ReadOnly,
        ErrorKind::Internal,
    ];

    /// The stable name, in snake case, as used in JSON output and test vectors.
    ///
    /// ```
    /// assert_eq!(strongroom::ErrorKind::WrongKey.name(), "wrong_key");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ErrorKind::Io => "io",
            ErrorKind::NotFound => "not_found",
            ErrorKind::AlreadyExists => "already_exists",
            ErrorKind::PermissionDenied => "permission_denied",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::WrongKey => "wrong_key",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::Untrusted => "untrusted",
            ErrorKind::InvalidArgument => "invalid_argument",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::StorageFull => "storage_full",
            ErrorKind::QuotaExceeded => "quota_exceeded",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::LimitExceeded => "limit_exceeded",
            ErrorKind::Conflict => "conflict",
            ErrorKind::ReadOnly => "read_only",
            ErrorKind::Internal => "internal",
        }
    }

    /// The stable number, as used by the C interface.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }
}

/// Whether trying the same call again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// The same call will fail again until something else changes.
    No,
    /// A later call may succeed; wait about this long first.
    After(Duration),
}

/// The error of every fallible function of this crate.
///
/// It says what kind of failure it was, which operation failed, on which object, what lies behind it,
/// and whether to try again. It never contains a key, passphrase or file content.
///
/// ```
/// use strongroom::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::NotFound, "open the snapshot").object("3f2a").detail("no such snapshot");
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert_eq!(error.to_string(), "could not open the snapshot: 3f2a: no such snapshot");
/// ```
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    object: Option<String>,
    detail: Option<Cow<'static, str>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    retry: Retry,
}

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` in `operation`, a verb phrase such as "read the pack".
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str) -> Self {
        let retry = match kind {
            ErrorKind::Unavailable => Retry::After(Duration::from_secs(5)),
            _ => Retry::No,
        };
        Error { inner: Box::new(Inner { kind, operation, object: None, detail: None, source: None, retry }) }
    }

    /// An input/output error, its kind taken from the operating system's.
    #[must_use]
    pub fn io(source: std::io::Error, operation: &'static str) -> Self {
        Error::new(kind_of_io(&source), operation).because(source)
    }

    /// Names the object, path or key the operation was about.
    #[must_use]
    pub fn object(mut self, object: impl fmt::Display) -> Self {
        self.inner.object = Some(object.to_string());
        self
    }

    /// Names the object only when none is named yet.
    #[must_use]
    pub fn or_object(self, object: impl fmt::Display) -> Self {
        if self.inner.object.is_some() { self } else { self.object(object) }
    }

    /// Adds a sentence on what exactly was wrong, or what to do about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.inner.detail = Some(detail.into());
        self
    }

    /// Keeps the underlying error as the source.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// Sets the retry hint.
    #[must_use]
    pub fn retry_hint(mut self, retry: Retry) -> Self {
        self.inner.retry = retry;
        self
    }

    /// The stable kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The operation that failed, as a verb phrase.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.inner.operation
    }

    /// The object, path or key it failed on, if one is known.
    #[must_use]
    pub fn object_name(&self) -> Option<&str> {
        self.inner.object.as_deref()
    }

    /// The sentence on what was wrong, if there is one.
    #[must_use]
    pub fn detail_text(&self) -> Option<&str> {
        self.inner.detail.as_deref()
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.inner.retry
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inner.kind == ErrorKind::Cancelled && self.inner.detail.is_none() {
            return write!(f, "cancelled while trying to {}", self.inner.operation);
        }
        write!(f, "could not {}", self.inner.operation)?;
        if let Some(object) = &self.inner.object {
            write!(f, ": {object}")?;
        }
        match (&self.inner.detail, &self.inner.source) {
            (Some(detail), _) => write!(f, ": {detail}"),
            (None, Some(source)) => write!(f, ": {source}"),
            (None, None) => write!(f, ": {}", self.inner.kind.name().replace('_', " ")),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("operation", &self.inner.operation)
            .field("object", &self.inner.object)
            .field("detail", &self.inner.detail)
            .field("source", &self.inner.source)
            .field("retry", &self.inner.retry)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

fn kind_of_io(source: &std::io::Error) -> ErrorKind {
    use std::io::ErrorKind as Io;
    match source.kind() {
        Io::NotFound => ErrorKind::NotFound,
        Io::AlreadyExists => ErrorKind::AlreadyExists,
        Io::PermissionDenied => ErrorKind::PermissionDenied,
        Io::StorageFull => ErrorKind::StorageFull,
        Io::QuotaExceeded => ErrorKind::QuotaExceeded,
        Io::ReadOnlyFilesystem => ErrorKind::ReadOnly,
        Io::TimedOut
        | Io::ConnectionRefused
        | Io::ConnectionReset
        | Io::ConnectionAborted
        | Io::NotConnected
        | Io::HostUnreachable
        | Io::NetworkUnreachable
        | Io::NetworkDown => ErrorKind::Unavailable,
        _ => ErrorKind::Io,
    }
}

/// Short hands for the two errors that decoders return all the time.
pub(crate) fn corrupt(operation: &'static str, detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Corrupt, operation).detail(detail)
}

pub(crate) fn unsupported(operation: &'static str, detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported, operation).detail(detail)
}

pub(crate) fn invalid(operation: &'static str, detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidArgument, operation).detail(detail)
}

/// A broken invariant of this crate: reported instead of panicking.
pub(crate) fn internal(operation: &'static str, detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Internal, operation).detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_distinct_names_and_numbers_in_order() {
        for (position, kind) in ErrorKind::ALL.iter().enumerate() {
            assert_eq!(usize::from(kind.code()), position + 1);
            assert_eq!(ErrorKind::ALL.iter().filter(|other| other.name() == kind.name()).count(), 1);
        }
    }

    #[test]
    fn the_message_falls_back_to_the_source_and_then_to_the_kind() {
        let io = std::io::Error::new(std::io::ErrorKind::StorageFull, "no space");
        let error = Error::io(io, "write the pack").object("packs/00");
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(error.to_string(), "could not write the pack: packs/00: no space");
        assert_eq!(Error::new(ErrorKind::WrongKey, "open").to_string(), "could not open: wrong key");
    }
}
