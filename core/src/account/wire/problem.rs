//! Errors on the wire: problem documents (RFC 9457).

use crate::error::{Error, ErrorKind, Retry};
use std::time::Duration;

/// The content type of a problem document.
pub const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";

/// Longest wait that a service is believed.
const LONGEST_RETRY: Duration = Duration::from_secs(24 * 60 * 60);

response! {
    /// What went wrong with a request: the body of every answer that is not a success.
    pub struct ProblemDocument {
        /// `urn:strongroom:problem:` and the kind.
        #[serde(rename = "type")]
        pub kind_uri: String,
        /// The kind, for people.
        pub title: String,
        /// The HTTP status.
        pub status: u16,
        /// What exactly was wrong, or what to do about it. Never a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub detail: Option<String>,
        /// [`ErrorKind::name`].
        pub kind: String,
        /// [`ErrorKind::code`].
        pub code: u16,
        /// What it was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub object: Option<String>,
        /// Milliseconds to wait before the same request may succeed; missing where waiting does not help.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub retry_after_ms: Option<u64>,
    }
}

impl ProblemDocument {
    /// The document for an error. Of errors of the service itself it keeps the kind alone: what went on inside is
    /// not for its clients.
    #[must_use]
    pub fn new(error: &Error) -> Self {
        let kind = error.kind();
        let own = matches!(kind, ErrorKind::Internal | ErrorKind::Io);
        ProblemDocument {
            kind_uri: format!("urn:strongroom:problem:{}", kind.name()),
            title: kind.name().replace('_', " "),
            status: status(kind),
            detail: error.detail_text().filter(|_| !own).map(str::to_owned),
            kind: kind.name().to_owned(),
            code: kind.code(),
            object: error.object_name().filter(|_| !own).map(str::to_owned),
            retry_after_ms: match error.retry() {
                Retry::After(wait) => Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
                Retry::No => None,
            },
        }
    }

    /// The document for a request that came too early: status 429, and when to come again.
    #[must_use]
    pub fn too_many_requests(wait: Duration) -> Self {
        let error = Error::new(ErrorKind::Unavailable, "take a request").detail("too many requests; wait a little");
        ProblemDocument { status: 429, ..ProblemDocument::new(&error.retry_hint(Retry::After(wait))) }
    }

    /// The seconds for the header `Retry-After`, rounded up.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_ms.map(|milliseconds| milliseconds.div_ceil(1000))
    }

    /// The error, as the client reports it.
    #[must_use]
    pub fn to_error(&self, operation: &'static str) -> Error {
        let kind = ErrorKind::ALL.into_iter().find(|kind| kind.name() == self.kind);
        let mut error = Error::new(kind.unwrap_or_else(|| kind_of_status(self.status)), operation);
        if let Some(object) = self.object.as_deref().and_then(shown) {
            error = error.object(object);
        }
        if let Some(detail) = self.detail.as_deref().and_then(shown) {
            error = error.detail(detail);
        }
        match self.retry_after_ms {
            Some(wait) => error.retry_hint(Retry::After(Duration::from_millis(wait).min(LONGEST_RETRY))),
            None => error,
        }
    }

    /// The error for an answer of `status` whose body is `body`, which may be a problem document or come from
    /// something else on the way; `retry_after` is the number of seconds in the header of that name.
    #[must_use]
    pub fn error_of(status: u16, body: &[u8], retry_after: Option<u64>, operation: &'static str) -> Error {
        let waits = |error: Error| match (error.retry(), retry_after) {
            (_, Some(seconds)) => error.retry_hint(Retry::After(Duration::from_secs(seconds).min(LONGEST_RETRY))),
            _ => error,
        };
        match super::read_response::<ProblemDocument>(body, operation) {
            Ok(document) if document.retry_after_ms.is_some() => document.to_error(operation),
            Ok(document) => waits(document.to_error(operation)),
            Err(_) => {
                let error = Error::new(kind_of_status(status), operation);
                waits(error.detail(format!("the service answered with status {status}")))
            }
        }
    }
}

/// A text from the service as it may be shown: not too long, and without control characters.
fn shown(text: &str) -> Option<String> {
    let shown: String = text.chars().filter(|character| !character.is_control()).take(500).collect();
    (!shown.is_empty()).then_some(shown)
}

/// The status for a kind of error.
fn status(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::InvalidArgument => 400,
        ErrorKind::WrongKey | ErrorKind::PermissionDenied | ErrorKind::Untrusted => 401,
        ErrorKind::Forbidden | ErrorKind::ReadOnly => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::AlreadyExists | ErrorKind::Conflict => 409,
        ErrorKind::LimitExceeded => 413,
        ErrorKind::Corrupt | ErrorKind::Unsupported => 422,
        ErrorKind::Unavailable => 503,
        ErrorKind::QuotaExceeded | ErrorKind::StorageFull => 507,
        ErrorKind::Internal | ErrorKind::Io | ErrorKind::Cancelled => 500,
    }
}

/// The kind of a status that comes without a problem document.
fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        400 | 405 | 415 => ErrorKind::InvalidArgument,
        401 => ErrorKind::PermissionDenied,
        403 => ErrorKind::Forbidden,
        404 | 410 => ErrorKind::NotFound,
        409 | 412 => ErrorKind::Conflict,
        413 | 431 => ErrorKind::LimitExceeded,
        422 => ErrorKind::Corrupt,
        408 | 429 | 500 | 502 | 503 | 504 => ErrorKind::Unavailable,
        507 => ErrorKind::StorageFull,
        _ => ErrorKind::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_with_its_details() {
        for kind in ErrorKind::ALL {
            let error = Error::new(kind, "do it").object("packs/00").detail("because");
            let document = ProblemDocument::new(&error);
            let back = ProblemDocument::error_of(
                document.status,
                &super::super::write_response(&document).unwrap(),
                None,
                "ask",
            );
            assert_eq!(back.kind(), kind);
            assert_eq!(back.retry(), error.retry());
            let own = matches!(kind, ErrorKind::Internal | ErrorKind::Io);
            assert_eq!(back.object_name(), if own { None } else { Some("packs/00") });
            assert_eq!(back.detail_text(), if own { None } else { Some("because") });
            assert!((400..600).contains(&document.status));
        }
    }

    #[test]
    fn the_form_is_that_of_rfc_9457_and_the_wait_is_said_twice() {
        let document = ProblemDocument::too_many_requests(Duration::from_millis(1500));
        assert_eq!(document.retry_after_seconds(), Some(2));
        let json: serde_json::Value = serde_json::to_value(&document).unwrap();
        assert_eq!(json["type"], "urn:strongroom:problem:unavailable");
        assert_eq!(json["status"], 429);
        assert_eq!(json["code"], 14);
        assert_eq!(document.to_error("ask").retry(), Retry::After(Duration::from_millis(1500)));
    }

    #[test]
    fn what_comes_from_something_else_on_the_way_goes_by_its_status() {
        let error = ProblemDocument::error_of(502, b"<html>bad gateway", Some(7), "ask");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(7)));
        assert_eq!(ProblemDocument::error_of(403, b"", None, "ask").kind(), ErrorKind::Forbidden);
        assert_eq!(ProblemDocument::error_of(418, b"{}", None, "ask").kind(), ErrorKind::Io);
    }

    #[test]
    fn a_service_neither_writes_to_the_terminal_nor_makes_a_client_wait_for_ever() {
        let mut document = ProblemDocument::too_many_requests(Duration::from_secs(u64::MAX / 2000));
        document.detail = Some("\u{1b}[2Jwiped".repeat(1000));
        let error = document.to_error("ask");
        assert!(!error.to_string().contains('\u{1b}') && error.to_string().len() < 600);
        assert_eq!(error.retry(), Retry::After(LONGEST_RETRY));
        document.kind = "a kind of the future".to_owned();
        assert_eq!(document.to_error("ask").kind(), ErrorKind::Unavailable);
    }
}
