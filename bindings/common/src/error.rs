//! The one error every binding raises.

use crate::enums::ErrorKind;
use crate::host::{HostError, HostPayload};
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::ops::Deref;
use strongroom::Retry;

/// What went wrong, complete enough for a language to make its own exception of it.
#[derive(Clone)]
pub struct ErrorRecord {
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// The operation that failed, as a verb phrase.
    pub operation: String,
    /// The object, path or key it failed on, if one is known.
    pub object: Option<String>,
    /// A sentence on what was wrong, if there is one.
    pub detail: Option<String>,
    /// All of it in one line, for people.
    pub message: String,
    /// What lies behind it, the nearest first.
    pub causes: Vec<String>,
    /// After how many milliseconds the same call may succeed; none when it will fail again until something else changes.
    pub retry_after_ms: Option<u64>,
    /// What the app's own function failed with, to be raised again in its language.
    pub payload: Option<HostPayload>,
}

/// The error of every fallible function here. Reads like an [`ErrorRecord`].
#[derive(Clone)]
pub struct Error(Box<ErrorRecord>);

/// The result of every fallible function here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Deeper chains of causes are cut off.
const MAX_CAUSES: usize = 16;

impl Error {
    /// An error of `kind` in `operation`, a verb phrase such as "open the snapshot".
    #[must_use]
    pub fn new(kind: ErrorKind, operation: impl Into<String>, detail: impl Into<String>) -> Self {
        let (operation, detail) = (operation.into(), detail.into());
        Error(Box::new(ErrorRecord {
            kind,
            message: format!("could not {operation}: {detail}"),
            operation,
            object: None,
            detail: Some(detail),
            causes: Vec::new(),
            retry_after_ms: None,
            payload: None,
        }))
    }

    /// An argument that makes no sense.
    #[must_use]
    pub fn invalid(operation: impl Into<String>, detail: impl Into<String>) -> Self {
        Error::new(ErrorKind::InvalidArgument, operation, detail)
    }

    /// The use of a handle that was closed before.
    #[must_use]
    pub fn closed(operation: impl Into<String>, what: &str) -> Self {
        Error::new(ErrorKind::Closed, operation, format!("the {what} was closed"))
    }

    /// The failure of a function of the app.
    #[must_use]
    pub fn of_host(operation: impl Into<String>, error: &HostError) -> Self {
        let mut made = Error::new(error.kind, operation, error.message.clone());
        made.0.retry_after_ms = error.retry_after_ms;
        made.0.payload = error.payload.clone();
        made
    }

    /// The record, to be taken apart.
    #[must_use]
    pub fn into_record(self) -> ErrorRecord {
        *self.0
    }
}

impl Deref for Error {
    type Target = ErrorRecord;

    fn deref(&self) -> &ErrorRecord {
        &self.0
    }
}

impl From<&strongroom::Error> for Error {
    fn from(error: &strongroom::Error) -> Self {
        let mut causes = Vec::new();
        let mut host = None;
        let mut next = error.source();
        while let Some(cause) = next {
            if causes.len() < MAX_CAUSES {
                causes.push(cause.to_string());
            }
            host = host.or_else(|| host_error(cause));
            next = cause.source();
        }
        let kind = ErrorKind::from(&error.kind());
        Error(Box::new(ErrorRecord {
            // The engine has one kind for whatever it does not know; the app's error says which one it was.
            kind: match host {
                Some(host) if kind == ErrorKind::Io => host.kind,
                _ => kind,
            },
            operation: error.operation().to_owned(),
            object: error.object_name().map(str::to_owned),
            detail: error.detail_text().map(str::to_owned),
            message: error.to_string(),
            causes,
            retry_after_ms: match error.retry() {
                Retry::After(time) => Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
                _ => None,
            },
            payload: host.and_then(|host| host.payload.clone()),
        }))
    }
}

/// The app's own error, if this is it. An I/O error tells only of its source's source, so it is asked by name.
fn host_error<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a HostError> {
    if let Some(host) = cause.downcast_ref::<HostError>() {
        return Some(host);
    }
    let inner: &'a (dyn StdError + 'static) = cause.downcast_ref::<io::Error>()?.get_ref()?;
    match inner.downcast_ref::<strongroom::Error>() {
        Some(error) => error.source().and_then(host_error),
        None => inner.downcast_ref::<HostError>(),
    }
}

impl From<strongroom::Error> for Error {
    fn from(error: strongroom::Error) -> Self {
        Error::from(&error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("operation", &self.operation)
            .field("object", &self.object)
            .field("message", &self.message)
            .field("causes", &self.causes)
            .field("retry_after_ms", &self.retry_after_ms)
            .field("has_payload", &self.payload.is_some())
            .finish()
    }
}

impl StdError for Error {}
