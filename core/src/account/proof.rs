//! Proofs of requests: who takes down a request, or a token, can do nothing with it.
//!
//! A request carries the id of a token, its time, bytes used once, and a proof over all that it asks for, by a key
//! that the service never sees in full use: the session's key, which both sides have from OPAQUE, or the device's
//! signing key.

use super::public_key::PublicKey;
use super::wire::{Base64Url, IdempotencyKey, Nonce, TokenId};
use crate::crypto::{SecretKey, hash};
use crate::error::{Error, ErrorKind, Result, invalid};
use crate::format::device::DeviceKey;
use crate::id::{hex, unhex};
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// How far a client's clock may be from the service's.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);

/// The scheme of the header `Authorization`.
pub const SCHEME: &str = "Strongroom";

pub(crate) const DEVICE_CONTEXT: &str = "strongroom account request 1";
/// Longest header that is read.
const MAX_HEADER: usize = 512;
/// Longest proof: a signature.
const MAX_PROOF: usize = 64;

/// What a request asks for, but for its body.
#[derive(Clone)]
pub struct Statement<'a> {
    method: &'a str,
    target: &'a str,
    idempotency_key: Option<IdempotencyKey>,
}

impl<'a> Statement<'a> {
    /// A request by `method` for `target`, the path with its query as in the request line.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when method or target hold what no request line can.
    pub fn new(method: &'a str, target: &'a str, idempotency_key: Option<IdempotencyKey>) -> Result<Self> {
        let fits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits(method) || !fits(target) {
            return Err(invalid("make a request", "the method or target is not one of a request line"));
        }
        Ok(Statement { method, target, idempotency_key })
    }
}

impl fmt::Debug for Statement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement({} {})", self.method, self.target)
    }
}

/// The hash of a body: BLAKE3 of its parts, one after the other.
#[must_use]
pub fn body_hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// What stands in the header `Authorization` of a request.
///
/// It says the hash of the body, so that a service can check it before it takes the body; the body is then held against
/// [`body`](Self::body).
#[derive(Clone, PartialEq, Eq)]
pub struct RequestProof {
    token: TokenId,
    at: i64,
    nonce: Nonce,
    body: [u8; 32],
    proof: Vec<u8>,
}

impl RequestProof {
    /// A proof by the session's key, for a body whose hash is [`body_hash`]. `now` is in milliseconds since 1970 UTC, by the service's clock as far as known.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) when the system's random number generator fails.
    pub fn by_session(
        key: &SessionKey,
        token: TokenId,
        now: i64,
        statement: &Statement<'_>,
        body: [u8; 32],
    ) -> Result<Self> {
        Ok(Self::by_session_with(key, token, now, Nonce::random()?, statement, body))
    }

    pub(crate) fn by_session_with(
        key: &SessionKey,
        token: TokenId,
        at: i64,
        nonce: Nonce,
        statement: &Statement<'_>,
        body: [u8; 32],
    ) -> Self {
        let mut made = RequestProof { token, at, nonce, body, proof: Vec::new() };
        made.proof = key.prove(&made.message(statement)).to_vec();
        made
    }

    /// A proof by a device's key, for a body whose hash is [`body_hash`]. `now` is in milliseconds since 1970 UTC, by the service's clock as far as known.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) when the system's random number generator fails.
    pub fn by_device(
        key: &DeviceKey,
        token: TokenId,
        now: i64,
        statement: &Statement<'_>,
        body: [u8; 32],
    ) -> Result<Self> {
        Ok(Self::by_device_with(key, token, now, Nonce::random()?, statement, body))
    }

    pub(crate) fn by_device_with(
        key: &DeviceKey,
        token: TokenId,
        at: i64,
        nonce: Nonce,
        statement: &Statement<'_>,
        body: [u8; 32],
    ) -> Self {
        let mut made = RequestProof { token, at, nonce, body, proof: Vec::new() };
        made.proof = key.signing().sign(DEVICE_CONTEXT, &made.message(statement)).to_vec();
        made
    }

    /// The token whose holder made it, as it says.
    #[must_use]
    pub fn token(&self) -> TokenId {
        self.token
    }

    /// When it was made, in milliseconds since 1970 UTC, as it says.
    #[must_use]
    pub fn at(&self) -> i64 {
        self.at
    }

    /// The bytes it uses once.
    #[must_use]
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// The hash of the body, as it says. Whoever takes the body has to check that it fits.
    #[must_use]
    pub fn body(&self) -> [u8; 32] {
        self.body
    }

    pub(crate) fn proof(&self) -> &[u8] {
        &self.proof
    }

    /// Whether it was made within [`CLOCK_TOLERANCE`] of `now`, in milliseconds since 1970 UTC.
    #[must_use]
    pub fn is_timely(&self, now: i64) -> bool {
        u128::from(self.at.abs_diff(now)) <= CLOCK_TOLERANCE.as_millis()
    }

    /// The value of the header `Authorization`.
    #[must_use]
    pub fn to_header(&self) -> String {
        let proof = Base64Url::encode(&self.proof);
        let body = hex(&self.body);
        format!(
            "{SCHEME} token=\"{}\", t=\"{}\", n=\"{}\", b=\"{body}\", p=\"{proof}\"",
            self.token, self.at, self.nonce
        )
    }

    /// Reads the value of the header `Authorization`.
    ///
    /// # Errors
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when it is none of this scheme.
    pub fn from_header(value: &str) -> Result<Self> {
        Self::parse(value).ok_or_else(|| {
            Error::new(ErrorKind::PermissionDenied, "read the authorization")
                .detail("the header Authorization is not in the form of this service")
        })
    }

    fn parse(value: &str) -> Option<Self> {
        if value.len() > MAX_HEADER {
            return None;
        }
        let mut parameters = value.strip_prefix(SCHEME)?.strip_prefix(' ')?.split(", ");
        let mut next = |name: &str| -> Option<&str> {
            parameters.next()?.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"')
        };
        let token = next("token")?.parse().ok()?;
        let time = next("t")?;
        let at: i64 = time.parse().ok()?;
        let nonce = next("n")?.parse().ok()?;
        let body = unhex(next("b")?)?;
        let proof = Base64Url::decode(next("p")?)?;
        // One form of each proof, so that what is remembered of it is found again.
        let one_form = at.to_string() == time && proof.len() <= MAX_PROOF && parameters.next().is_none();
        one_form.then_some(RequestProof { token, at, nonce, body, proof })
    }

    /// The bytes that are proved.
    pub(crate) fn message(&self, statement: &Statement<'_>) -> Vec<u8> {
        let fields = [
            statement.method.to_owned(),
            statement.target.to_owned(),
            self.token.to_string(),
            self.at.to_string(),
            self.nonce.to_string(),
            hex(&self.body),
            statement.idempotency_key.map(|key| key.to_string()).unwrap_or_default(),
        ];
        super::wire::lines("strongroom request 1", &fields)
    }
}

impl fmt::Debug for RequestProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestProof").field("token", &self.token).field("at", &self.at).finish_non_exhaustive()
    }
}

/// The key that proves the requests of a session. Both sides have it from OPAQUE; it never crosses the wire.
#[derive(Clone, Debug)]
pub struct SessionKey(SecretKey);

impl SessionKey {
    /// From OPAQUE's session key.
    #[must_use]
    pub fn from_opaque(session_key: &[u8]) -> Self {
        SessionKey(hash::derive("strongroom account session proof 1", &[session_key]))
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        SessionKey(SecretKey::from_bytes(bytes))
    }

    /// The key, to be kept sealed.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.0.expose())
    }

    fn prove(&self, message: &[u8]) -> [u8; 32] {
        hash::keyed(&self.0, message)
    }

    /// Checks a proof.
    ///
    /// # Errors
    /// [`Untrusted`](ErrorKind::Untrusted) when it is not this key's for this request.
    pub fn check_request(&self, statement: &Statement<'_>, proof: &RequestProof) -> Result<()> {
        if hash::equal(&self.prove(&proof.message(statement)), &proof.proof) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Untrusted, "check a request").detail("the proof does not fit"))
    }
}

/// Whoever can check proofs of requests: what a service keeps of a session or a device.
#[derive(Clone, Debug)]
pub enum ProofKey {
    /// Of a session.
    Session(SessionKey),
    /// Of a device.
    Device(PublicKey),
}

impl ProofKey {
    /// Checks a proof.
    ///
    /// # Errors
    /// [`Untrusted`](ErrorKind::Untrusted) when it is not this key's for this request.
    pub fn check_request(&self, statement: &Statement<'_>, proof: &RequestProof) -> Result<()> {
        match self {
            ProofKey::Session(key) => key.check_request(statement, proof),
            ProofKey::Device(key) => key.check_request(statement, proof),
        }
    }
}

#[cfg(test)]
mod tests;
