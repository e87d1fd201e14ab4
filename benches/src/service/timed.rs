//! Requests, with the time until their answers begin.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use strongroom::account::transport::{HttpTransport, Method, Transport, TransportRequest, TransportResponse};
use strongroom::{CancelToken, Result};

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Carries an object's bytes, or some of them.
    Content,
    /// Everything else: tokens, lists, lengths, deletions.
    Metadata,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) kind: Kind,
    pub(super) time: Duration,
}

/// The requests of many clients.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Sample>>>);

impl Log {
    /// All requests since the last time.
    pub(super) fn take(&self) -> Vec<Sample> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A transport that writes into a log.
pub(super) struct Timed {
    pub(super) inner: HttpTransport,
    pub(super) log: Log,
}

impl Transport for Timed {
    fn send(&self, request: &TransportRequest<'_>, cancel: &CancelToken) -> Result<TransportResponse> {
        let began = Instant::now();
        let answer = self.inner.send(request, cancel);
        let content = matches!(request.method, Method::Get | Method::Put)
            && ["/objects/", "/uploads/"].iter().any(|part| request.target.contains(part));
        let kind = if content { Kind::Content } else { Kind::Metadata };
        let sample = Sample { kind, time: began.elapsed() };
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        answer
    }

    fn service(&self) -> String {
        self.inner.service()
    }
}
