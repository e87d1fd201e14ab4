//! How requests reach a service: a trait for programs with networking of their own, and HTTPS behind a feature.

#[cfg(feature = "account-http")]
mod http;
#[cfg(feature = "account-http")]
mod socket;

#[cfg(feature = "account-http")]
pub use http::{HttpOptions, HttpTransport};

use super::wire::ProblemDocument;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result, corrupt};
use std::fmt;
use std::io::Read;

/// Longest answer that is kept in memory of one that is no success, in bytes.
const MAX_PROBLEM: usize = 64 * 1024;

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Reads.
    Get,
    /// Reads all but the content.
    Head,
    /// Changes something.
    Post,
    /// Adds what is named.
    Put,
    /// Changes some fields.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// As in the request line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A request, ready to be sent as it is.
#[derive(Clone, Copy)]
pub struct TransportRequest<'a> {
    /// The method.
    pub method: Method,
    /// The path with its query, as in the request line: it is part of what is proved, so nothing on the way may change
    /// it.
    pub target: &'a str,
    /// Headers, but for `Host` and `Content-Length`.
    pub headers: &'a [(&'static str, String)],
    /// The body, in parts that follow each other.
    pub body: &'a [&'a [u8]],
}

impl fmt::Debug for TransportRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransportRequest({} {})", self.method.name(), self.target)
    }
}

/// An answer, of any status.
pub struct TransportResponse {
    /// The status.
    pub status: u16,
    /// Headers, their names in any case.
    pub headers: Vec<(String, String)>,
    /// The body, read as it arrives. Reading fails with an [`std::io::Error`] once the token of the request is cancelled.
    pub body: Box<dyn Read + Send>,
}

impl fmt::Debug for TransportResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

impl TransportResponse {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of a header that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.parse().ok()
    }

    /// Whether the request did what it asked for.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The whole body, when it has no more than `most` bytes.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) when it is longer, [`Cancelled`](ErrorKind::Cancelled) once `cancel` is, and
    /// what reading causes.
    pub fn read(mut self, most: usize, cancel: &CancelToken, operation: &'static str) -> Result<Vec<u8>> {
        let too_long = || corrupt(operation, format!("the service's answer is longer than {most} bytes"));
        let announced = self.number("Content-Length").unwrap_or(0);
        let announced = usize::try_from(announced).ok().filter(|length| *length <= most).ok_or_else(too_long)?;
        let mut bytes = Vec::with_capacity(announced);
        let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        // A reader that breaks off because of the token says so in its own words.
        let read = self.body.by_ref().take(bound).read_to_end(&mut bytes);
        cancel.check(operation)?;
        read.map_err(|error| Error::new(ErrorKind::Unavailable, operation).because(error))?;
        if bytes.len() > most { Err(too_long()) } else { Ok(bytes) }
    }

    /// The error that an answer without success stands for.
    #[must_use]
    pub fn into_error(self, cancel: &CancelToken, operation: &'static str) -> Error {
        let (status, retry_after) = (self.status, self.number("Retry-After"));
        match self.read(MAX_PROBLEM, cancel, operation) {
            Ok(body) => ProblemDocument::error_of(status, &body, retry_after, operation),
            Err(error) if error.kind() == ErrorKind::Cancelled => error,
            Err(_) => ProblemDocument::error_of(status, &[], retry_after, operation),
        }
    }
}

/// Sends requests to one service and brings its answers. Shared by threads, which send at the same time.
pub trait Transport: Send + Sync {
    /// Sends a request and waits for the beginning of the answer. No redirect is followed: a proof is for one target.
    ///
    /// Whatever waits, for a name, a connection or bytes, ends within 250 ms once `cancel` is cancelled, and in any case
    /// after a time without progress.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when there is no answer, [`Cancelled`](ErrorKind::Cancelled) when `cancel`
    /// was cancelled. An answer without success is no error here.
    fn send(&self, request: &TransportRequest<'_>, cancel: &CancelToken) -> Result<TransportResponse>;

    /// The service's address, for messages: scheme, host and port.
    fn service(&self) -> String;
}

impl<T: Transport + ?Sized> Transport for std::sync::Arc<T> {
    fn send(&self, request: &TransportRequest<'_>, cancel: &CancelToken) -> Result<TransportResponse> {
        (**self).send(request, cancel)
    }

    fn service(&self) -> String {
        (**self).service()
    }
}
