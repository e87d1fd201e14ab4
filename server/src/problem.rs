//! What the service answers when it cannot do what it was asked: problem documents of RFC 9457.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use strongroom::account::wire::ProblemDocument;
use strongroom::{Error, ErrorKind, Retry};

/// The service's own time in milliseconds, sent with a refusal that a wrong clock can be the cause of.
pub(crate) const TIME_HEADER: HeaderName = HeaderName::from_static("strongroom-time");

/// An error on its way to a client, or an answer that stands already.
///
/// Handlers return it as their error, so that `?` ends a request. What lies behind an internal error goes to the
/// log and not to the client.
pub(crate) struct Problem(Box<Inner>);

enum Inner {
    Error { error: Error, status: StatusCode, headers: Vec<(HeaderName, HeaderValue)> },
    Answered(Response),
}

impl Problem {
    /// A problem of `kind` in `operation`, with a sentence on what was wrong.
    #[must_use]
    pub(crate) fn new(
        kind: ErrorKind,
        operation: &'static str,
        detail: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Self {
        Error::new(kind, operation).detail(detail).into()
    }

    /// Too many requests: the client may come again after `wait`.
    #[must_use]
    pub(crate) fn too_many_requests(operation: &'static str, wait: Duration) -> Self {
        let error = Error::new(ErrorKind::Unavailable, operation)
            .detail("too many requests; wait before the next one")
            .retry_hint(Retry::After(wait));
        Problem(Box::new(Inner::Error { error, status: StatusCode::TOO_MANY_REQUESTS, headers: Vec::new() }))
    }

    /// Ends a request with the answer that an earlier one with the same idempotency key was given.
    pub(crate) fn answered(response: Response) -> Self {
        Problem(Box::new(Inner::Answered(response)))
    }

    /// Adds a header to the answer.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if let Inner::Error { headers, .. } = &mut *self.0 {
            headers.push((name, value));
        }
        self
    }

    /// Answers with another status than the kind's own.
    #[must_use]
    pub(crate) fn status(mut self, with: StatusCode) -> Self {
        if let Inner::Error { status, .. } = &mut *self.0 {
            *status = with;
        }
        self
    }

    /// The kind of the error; none where the request was answered before.
    #[must_use]
    pub(crate) fn kind_of_error(&self) -> Option<ErrorKind> {
        match &*self.0 {
            Inner::Error { error, .. } => Some(error.kind()),
            Inner::Answered(_) => None,
        }
    }

    /// The error, for callers inside the service that speak no HTTP.
    #[must_use]
    pub(crate) fn into_error(self) -> Error {
        match *self.0 {
            Inner::Error { error, .. } => error,
            Inner::Answered(_) => Error::new(ErrorKind::Conflict, "answer a request twice"),
        }
    }

    #[cfg(test)]
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind_of_error().expect("an error")
    }
}

/// The name of a problem's kind, for the log: what else is in it may be about somebody.
pub(crate) fn name_for_log(problem: &Problem) -> &'static str {
    problem.kind_of_error().map_or("answered", ErrorKind::name)
}

/// The status a kind of error is answered with.
fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
        ErrorKind::WrongKey | ErrorKind::PermissionDenied | ErrorKind::Untrusted => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden | ErrorKind::ReadOnly => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists | ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Corrupt | ErrorKind::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::QuotaExceeded | ErrorKind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = status_of(error.kind());
        Problem(Box::new(Inner::Error { error, status, headers: Vec::new() }))
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let operation = "use the database";
        let kind = match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                ErrorKind::Unavailable
            }
            sqlx::Error::Database(database) => match database.code().as_deref() {
                // PostgreSQL: connection trouble, shutdown, deadlock and serialization; SQLite: busy and locked.
                Some("57P01" | "57P02" | "57P03" | "53300" | "40001" | "40P01" | "5" | "6" | "261" | "517") => {
                    ErrorKind::Unavailable
                }
                Some("53100" | "13") => ErrorKind::StorageFull,
                Some(code) if code.starts_with("08") => ErrorKind::Unavailable,
                _ => ErrorKind::Internal,
            },
            sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => ErrorKind::Unavailable,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, operation).because(error).into()
    }
}

impl std::fmt::Debug for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.0 {
            Inner::Error { error, status, .. } => f.debug_tuple("Problem").field(status).field(error).finish(),
            Inner::Answered(response) => f.debug_tuple("Answered").field(&response.status()).finish(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (error, status, headers) = match *self.0 {
            Inner::Answered(response) => return response,
            Inner::Error { error, status, headers } => (error, status, headers),
        };
        if status.is_server_error() && !matches!(error.kind(), ErrorKind::QuotaExceeded) {
            let because = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(kind = error.kind().name(), operation = error.operation(), because, "a request failed");
        }
        let wait = match error.retry() {
            Retry::After(wait) => Some(wait),
            _ => None,
        };
        let document = ProblemDocument { status: status.as_u16(), ..ProblemDocument::new(&error) };
        let mut response = (status, axum::Json(document)).into_response();
        let answer = response.headers_mut();
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = wait {
            answer.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000).max(1) as u64));
        }
        for (name, value) in headers {
            answer.insert(name, value);
        }
        response
    }
}
