//! Who makes a request: the token it names, and the proof that it comes from the token's holder.

use crate::app::App;
use crate::clock::MINUTE;
use crate::limiter::subnet;
use crate::listen::Peer;
use crate::problem::{Problem, TIME_HEADER};
use crate::text::from_base64url;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use sqlx::Row;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;
use strongroom::account::PublicKey;
use strongroom::account::proof::{ProofKey, RequestProof, SessionKey, Statement};
use strongroom::account::wire::{Capabilities, Capability, IDEMPOTENCY_KEY, IdempotencyKey};
use strongroom::{Error, ErrorKind};

pub(crate) const PROOF_KEY: &str = "session proof key";
/// How exactly it is known when a device was last seen.
const SEEN: i64 = MINUTE;

/// Whoever made a request, as proved by its headers: an extractor.
///
/// The proof covers the hash of the body, not the body: whoever reads the body compares it with
/// [`body_hash`](Self::body_hash) before acting on it, as [`Change`](crate::change::Change) does.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The account.
    pub(crate) account_id: String,
    /// The device whose token it is; none where a person signed in.
    pub(crate) device_id: Option<String>,
    /// What the token lets its holder do.
    pub(crate) capabilities: Capabilities,
    /// The only vault the token counts for; none where it counts for all of the account.
    pub(crate) vault_id: Option<String>,
    /// Whether a person signed in.
    pub(crate) session: bool,
    /// The token.
    pub(crate) token_id: String,
    /// The BLAKE3 hash that the body must have.
    pub(crate) body_hash: [u8; 32],
}

impl Caller {
    /// Refuses callers without a capability, and callers whose token is for another vault, or for one vault alone where
    /// none is concerned.
    ///
    /// Whether a vault belongs to the account is for whoever looks the vault up.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden).
    pub(crate) fn require(&self, capability: Capability, vault_id: Option<&str>) -> Result<(), Problem> {
        if !self.capabilities.contains(capability) {
            return Err(Error::new(ErrorKind::Forbidden, "use the token")
                .detail(format!("it does not carry the capability {capability}"))
                .into());
        }
        match (self.vault_id.as_deref(), vault_id) {
            (None, _) => Ok(()),
            (Some(own), Some(asked)) if own == asked => Ok(()),
            _ => Err(Problem::new(ErrorKind::Forbidden, "use the token", "it is for one vault alone")),
        }
    }

    /// Refuses callers other than a person who signed in.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden).
    pub(crate) fn require_session(&self) -> Result<(), Problem> {
        match self.session {
            true => Ok(()),
            false => Err(Problem::new(ErrorKind::Forbidden, "use the token", "this needs a person to sign in")),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let address = address(parts, app);
        match authenticate(parts, app).await {
            Ok(caller) => {
                app.accounts
                    .take(caller.account_id.clone(), Instant::now())
                    .map_err(|wait| Problem::too_many_requests("use the account", wait))?;
                Ok(caller)
            }
            Err(problem) => {
                // Guessing costs as much as asking without a token.
                limit_anonymous(app, address)?;
                Err(problem)
            }
        }
    }
}

/// Refuses an address that asks too often without a token.
pub(crate) fn limit_anonymous(app: &App, address: IpAddr) -> Result<(), Problem> {
    app.anonymous
        .take(subnet(address), Instant::now())
        .map_err(|wait| Problem::too_many_requests("use the service", wait))
}

async fn authenticate(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let operation = "check the authorization";
    // One sentence for all that can be wrong with a token: which it was is nobody's business who does not hold it.
    let refused = || Problem::new(ErrorKind::PermissionDenied, operation, "the token is unknown, expired or revoked");
    let value = single(&parts.headers, header::AUTHORIZATION.as_str())?
        .ok_or_else(|| Problem::new(ErrorKind::PermissionDenied, operation, "the header Authorization is missing"))?;
    let proof = RequestProof::from_header(value)?;
    let now = app.clock.now_ms();
    if !proof.is_timely(now) {
        return Err(Problem::new(ErrorKind::PermissionDenied, operation, "the clock of the client is wrong")
            .header(TIME_HEADER, HeaderValue::from(now)));
    }
    let token_id = proof.token().to_string();
    let row = sqlx::query(
        "SELECT t.account_id, t.device_id, t.vault_id, t.capabilities, t.proof_key, t.expires_at, \
         d.signing_public, d.grants, d.revoked_at, d.last_seen_at \
         FROM tokens t LEFT JOIN devices d ON d.id = t.device_id WHERE t.id = $1",
    )
    .bind(&token_id)
    .fetch_optional(app.database.pool())
    .await?
    .ok_or_else(refused)?;
    let (account_id, device_id): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    let (vault_id, capabilities): (Option<String>, String) = (row.try_get(2)?, row.try_get(3)?);
    let mut capabilities: Capabilities = capabilities.parse()?;
    let (proof_key, expires_at): (Option<String>, i64) = (row.try_get(4)?, row.try_get(5)?);
    if expires_at <= now {
        return Err(refused());
    }
    let key = match (&device_id, proof_key) {
        (Some(_), None) => {
            let (public, grants): (String, String) = (row.try_get(6)?, row.try_get(7)?);
            if row.try_get::<Option<i64>, _>(8)?.is_some() {
                return Err(refused());
            }
            let grants: Capabilities = grants.parse()?;
            capabilities = capabilities.iter().filter(|capability| grants.contains(*capability)).collect();
            ProofKey::Device(PublicKey::from_bytes(&from_base64url(&public)?)?)
        }
        (None, Some(sealed)) => {
            let bytes = app.key.open(PROOF_KEY, &token_id, &sealed)?;
            let key = bytes.as_slice().try_into().map_err(|_| Error::new(ErrorKind::Corrupt, operation))?;
            ProofKey::Session(SessionKey::from_bytes(key))
        }
        _ => return Err(Error::new(ErrorKind::Corrupt, operation).object(token_id).into()),
    };
    let target = parts.uri.path_and_query().map_or(parts.uri.path(), |target| target.as_str());
    let statement = Statement::new(parts.method.as_str(), target, idempotency_key(&parts.headers)?)?;
    key.check_request(&statement, &proof)?;
    if let Some(device) = &device_id {
        let last_seen_at: Option<i64> = row.try_get(9)?;
        if last_seen_at.is_none_or(|seen| seen + SEEN < now) {
            sqlx::query("UPDATE devices SET last_seen_at = $1 WHERE id = $2")
                .bind(now)
                .bind(device)
                .execute(app.database.pool())
                .await?;
        }
    }
    let session = device_id.is_none();
    Ok(Caller { account_id, device_id, capabilities, vault_id, session, token_id, body_hash: proof.body() })
}

/// The idempotency key of a request, if it has one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let malformed =
        || Problem::new(ErrorKind::InvalidArgument, "read the Idempotency-Key", "it is not 32 hexadecimal digits");
    single(headers, IDEMPOTENCY_KEY)?.map(|text| text.parse().map_err(|_| malformed())).transpose()
}

/// The value of a header that may be there once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| repeated(name)),
        _ => Err(repeated(name)),
    }
}

fn repeated(name: &str) -> Problem {
    Error::new(ErrorKind::InvalidArgument, "read a header").object(name).detail("it is there twice, or no text").into()
}

/// Where a request came from: the socket's other end, or whom a trusted proxy had there.
pub(crate) fn address(parts: &Parts, app: &App) -> IpAddr {
    let peer =
        parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical());
    let trusted = &app.config.listen.trusted_proxies;
    if !trusted.contains(&peer) {
        return peer;
    }
    // Each proxy appends whom it had; what stands before the last one that is not ours was said by the client.
    let said = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> = said.flat_map(|value| value.split(',')).filter_map(|hop| hop.trim().parse().ok()).collect();
    hops.into_iter().rev().find(|hop| !trusted.contains(hop)).unwrap_or(peer)
}
