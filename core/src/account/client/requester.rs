//! Sends calls until they are answered: proofs, the service's clock, tries and waits.

use super::credentials::Credentials;
use crate::account::flow::Call;
use crate::account::proof::{self, RequestProof, Statement};
use crate::account::transport::{Method, Transport, TransportRequest, TransportResponse};
use crate::account::wire::{IDEMPOTENCY_KEY, IdempotencyKey, MAX_RESPONSE, SERVICE_TIME};
use crate::cancel::CancelToken;
use crate::crypto;
use crate::error::{Error, ErrorKind, Result, Retry};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a wait goes without looking for cancellation.
const PATIENCE: Duration = Duration::from_millis(50);
/// A clock that differs from the service's by less is taken as right, in milliseconds.
const CLOCK_NOISE: i64 = 1000;
/// How often one request is sent anew because of a clock or a token.
const MAX_CORRECTIONS: u32 = 3;

/// How patient a client is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// How often a call is tried, the first time included.
    pub(super) tries: u32,
    /// No try begins later than this after the first.
    pub(super) within: Duration,
    /// No wait is longer than this, whatever the service asks for.
    pub(super) longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { tries: 5, within: Duration::from_secs(120), longest_wait: Duration::from_secs(30) }
    }
}

/// A request, with what is authorised by a proof.
pub(super) struct Outgoing<'a> {
    pub(super) method: Method,
    pub(super) target: &'a str,
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: &'a [&'a [u8]],
    pub(super) idempotency_key: Option<IdempotencyKey>,
}

/// One service, its clock, and how patiently it is asked.
pub(super) struct Requester {
    transport: Arc<dyn Transport>,
    /// What to add to this machine's clock, in milliseconds.
    clock: AtomicI64,
    patience: Patience,
}

impl Requester {
    pub(super) fn new(transport: Arc<dyn Transport>, patience: Patience) -> Self {
        Requester { transport, clock: AtomicI64::new(0), patience }
    }

    pub(super) fn service(&self) -> String {
        self.transport.service()
    }

    pub(super) fn with_patience(&self, patience: Patience) -> Self {
        let clock = AtomicI64::new(self.clock.load(Ordering::Relaxed));
        Requester { transport: Arc::clone(&self.transport), clock, patience }
    }

    /// The service's time as far as known, in milliseconds since 1970 UTC.
    pub(super) fn now(&self) -> i64 {
        system_now().saturating_add(self.clock.load(Ordering::Relaxed))
    }

    /// Takes over the time that a service said when it refused a proof. Whether that changed anything.
    fn correct_clock(&self, response: &TransportResponse) -> bool {
        let Some(said) = response.header(SERVICE_TIME).and_then(|time| time.parse::<i64>().ok()) else { return false };
        if said.saturating_sub(self.now()).saturating_abs() < CLOCK_NOISE {
            return false;
        }
        self.clock.store(said.saturating_sub(system_now()), Ordering::Relaxed);
        true
    }

    /// Sends a call until it is answered, and gives the answer's body.
    pub(super) fn call(
        &self,
        call: &Call,
        credentials: Option<&Credentials>,
        cancel: &CancelToken,
        operation: &'static str,
    ) -> Result<Vec<u8>> {
        self.patiently(cancel, operation, || {
            let body: &[&[u8]] = if call.body.is_empty() { &[] } else { &[call.body.as_slice()] };
            let headers: &[(&'static str, String)] =
                if call.body.is_empty() { &[] } else { &[("Content-Type", "application/json".to_owned())] };
            let outgoing = Outgoing {
                method: call.method,
                target: &call.target,
                headers,
                body,
                idempotency_key: call.idempotency_key,
            };
            self.send(&outgoing, credentials, cancel, operation)?.read(MAX_RESPONSE, cancel, operation)
        })
    }

    /// Sends a request once, but for corrections of clock and token; an answer without success is an error.
    pub(super) fn send(
        &self,
        outgoing: &Outgoing<'_>,
        credentials: Option<&Credentials>,
        cancel: &CancelToken,
        operation: &'static str,
    ) -> Result<TransportResponse> {
        let body = credentials.map(|_| proof::body_hash(outgoing.body)).unwrap_or_default();
        let mut corrections = 0;
        loop {
            let mut headers = outgoing.headers.to_vec();
            if let Some(key) = outgoing.idempotency_key {
                headers.push((IDEMPOTENCY_KEY, key.to_string()));
            }
            let proof = credentials.map(|credentials| {
                let statement = Statement::new(outgoing.method.name(), outgoing.target, outgoing.idempotency_key)?;
                credentials.prove(self, &statement, body, cancel)
            });
            let proof: Option<RequestProof> = proof.transpose()?;
            if let Some(proof) = &proof {
                headers.push(("Authorization", proof.to_header()));
            }
            let Outgoing { method, target, body, .. } = *outgoing;
            let response = self.transport.send(&TransportRequest { method, target, headers: &headers, body }, cancel);
            let response = response.map_err(|error| retold(error, operation))?;
            if response.is_success() {
                return Ok(response);
            }
            if let (401, Some(credentials), Some(proof)) = (response.status, credentials, &proof) {
                corrections += 1;
                let corrected = self.correct_clock(&response) || credentials.forget(proof.token());
                if corrected && corrections < MAX_CORRECTIONS {
                    continue;
                }
            } else if response.status == 401 && credentials.is_none() {
                // A request for a token is refused when its time is wrong: whoever made it makes another.
                self.correct_clock(&response);
            }
            return Err(response.into_error(cancel, operation));
        }
    }

    /// Does something until it succeeds or fails for good.
    fn patiently<T>(
        &self,
        cancel: &CancelToken,
        operation: &'static str,
        mut attempt: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        let begin = Instant::now();
        let mut tried: u32 = 0;
        loop {
            cancel.check(operation)?;
            let error = match attempt() {
                Err(error) => error,
                done => return done,
            };
            let Retry::After(asked) = error.retry() else { return Err(error) };
            tried = tried.saturating_add(1);
            let wait = asked.max(PATIENCE).saturating_mul(1 << (tried - 1).min(8)).min(self.patience.longest_wait);
            let wait = jittered(wait)?;
            // Who asks for more patience than there is gets an answer at once, not after a wait that cannot help.
            let hopeless = asked > self.patience.longest_wait;
            if hopeless || tried >= self.patience.tries || begin.elapsed().saturating_add(wait) > self.patience.within {
                return Err(error);
            }
            pause(wait, cancel, operation)?;
        }
    }
}

/// The error of a transport, in the words of what was asked for.
fn retold(error: Error, operation: &'static str) -> Error {
    if error.kind() == ErrorKind::Cancelled {
        return Error::new(ErrorKind::Cancelled, operation);
    }
    let retry = error.retry();
    let mut told = Error::new(error.kind(), operation).retry_hint(retry);
    if let Some(object) = error.object_name() {
        told = told.object(object);
    }
    if let Some(detail) = error.detail_text() {
        told = told.detail(detail.to_owned());
    }
    told.because(error)
}

fn system_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Between three quarters and the whole of this, so that many clients do not come back at the same moment.
fn jittered(wait: Duration) -> Result<Duration> {
    let share = u32::from(u16::from_le_bytes(crypto::random()?));
    let quarter = wait / 4;
    Ok(wait.saturating_sub(quarter.saturating_mul(share) / u32::from(u16::MAX)))
}

fn pause(wait: Duration, cancel: &CancelToken, operation: &'static str) -> Result<()> {
    let until = Instant::now().checked_add(wait);
    loop {
        cancel.check(operation)?;
        let left = until.and_then(|until| until.checked_duration_since(Instant::now())).unwrap_or_default();
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(PATIENCE));
    }
}
