//! Changes: requests that are made once, however often they are asked for.
//!
//! The answer is stored in the transaction of the change itself. So a client that never saw it may ask again, with the
//! same `Idempotency-Key`, and is told what happened then.

use crate::app::App;
use crate::authenticate::{Caller, address, idempotency_key, limit_anonymous};
use crate::clock::DAY;
use crate::database::{Write, is_duplicate};
use crate::problem::Problem;
use crate::text::hex;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sqlx::{AnyConnection, Row};
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use strongroom::account::wire;
use strongroom::{Error, ErrorKind, Retry};

const PURPOSE: &str = "answer";
/// How long an answer is kept for those who ask again.
const KEPT: i64 = DAY;
/// How long a body of JSON may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

/// What a body of JSON can be read as.
pub(crate) trait Payload: Sized {
    /// Reads and checks it.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument), never repeating what the body holds.
    fn read(bytes: &[u8]) -> strongroom::Result<Self>;
}

impl<T: wire::Request> Payload for T {
    fn read(bytes: &[u8]) -> strongroom::Result<Self> {
        wire::read_request(bytes)
    }
}

/// No body, or `{}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nothing;

impl Payload for Nothing {
    fn read(bytes: &[u8]) -> strongroom::Result<Self> {
        match bytes.trim_ascii() {
            b"" | b"{}" => Ok(Nothing),
            _ => {
                Err(Error::new(ErrorKind::InvalidArgument, "read the request")
                    .detail("it has a body where none belongs"))
            }
        }
    }
}

/// A change that an authenticated caller asks for: an extractor.
pub(crate) struct Change<T> {
    /// Who asks.
    pub(crate) caller: Caller,
    /// What for.
    pub(crate) body: T,
    ticket: Ticket,
}

/// A change that anybody may ask for: an extractor.
pub(crate) struct OpenChange<T> {
    /// Where the request came from.
    pub(crate) address: IpAddr,
    /// What for.
    pub(crate) body: T,
    ticket: Ticket,
}

/// What tells a change from others.
struct Ticket {
    scope: String,
    key: String,
    request: String,
}

/// A change under way: a transaction that ends with an answer.
pub(crate) struct Changing {
    write: Write,
    app: App,
    ticket: Ticket,
}

impl<T: Payload> FromRequest<App> for Change<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, app).await?;
        let bytes = read(body).await?;
        if blake3::hash(&bytes) != caller.body_hash {
            return Err(Problem::new(ErrorKind::PermissionDenied, "check the authorization", "it is for another body"));
        }
        let ticket = Ticket::new(&parts, app, caller.account_id.clone(), &bytes)?;
        Ok(Change { caller, body: T::read(&bytes)?, ticket })
    }
}

impl<T: Payload> FromRequest<App> for OpenChange<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let address = address(&parts, app);
        limit_anonymous(app, address)?;
        let bytes = read(body).await?;
        let ticket = Ticket::new(&parts, app, "anybody".to_owned(), &bytes)?;
        Ok(OpenChange { address, body: T::read(&bytes)?, ticket })
    }
}

impl<T> Change<T> {
    /// Begins the change; if it was made before, `?` answers with what it was answered with then.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when the key was used for another request.
    pub(crate) async fn begin(&self, app: &App) -> Result<Changing, Problem> {
        self.ticket.begin(app).await
    }

    /// Goes on if the change was not made yet; if it was, `?` answers with what it was answered with then. For changes that
    /// ask somebody else first, outside of a transaction.
    pub(crate) async fn answered(&self, app: &App) -> Result<(), Problem> {
        self.ticket.begin(app).await.map(drop)
    }

    /// Names this change, to others that are asked to do a part of it.
    pub(crate) fn key(&self) -> &str {
        &self.ticket.key
    }
}

impl<T> OpenChange<T> {
    /// As [`Change::begin`].
    ///
    /// # Errors
    /// As [`Change::begin`].
    pub(crate) async fn begin(&self, app: &App) -> Result<Changing, Problem> {
        self.ticket.begin(app).await
    }
}

impl Ticket {
    fn new(parts: &Parts, app: &App, scope: String, body: &[u8]) -> Result<Self, Problem> {
        let key = idempotency_key(&parts.headers)?.ok_or_else(|| {
            Problem::new(ErrorKind::InvalidArgument, "read the Idempotency-Key", "every change needs this header")
        })?;
        let target = parts.uri.path_and_query().map_or(parts.uri.path(), |target| target.as_str());
        let line = format!("{} {target}\n", parts.method);
        let request = hex(&app.key.keyed_hash("request", &[line.as_bytes(), body].concat()));
        Ok(Ticket { scope, key: key.to_string(), request })
    }

    fn object(&self) -> String {
        format!("{}/{}", self.scope, self.key)
    }

    async fn begin(&self, app: &App) -> Result<Changing, Problem> {
        let mut write = app.database.write().await?;
        let stored =
            sqlx::query("SELECT request_hash, status, body FROM answers WHERE scope = $1 AND idempotency_key = $2")
                .bind(&self.scope)
                .bind(&self.key)
                .fetch_optional(&mut *write)
                .await?;
        let Some(row) = stored else {
            let ticket = Ticket { scope: self.scope.clone(), key: self.key.clone(), request: self.request.clone() };
            return Ok(Changing { write, app: app.clone(), ticket });
        };
        if row.try_get::<String, _>(0)? != self.request {
            return Err(Problem::new(
                ErrorKind::Conflict,
                "make the change",
                "the Idempotency-Key was used for another request",
            ));
        }
        let status = u16::try_from(row.try_get::<i64, _>(1)?).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let body = app.key.open(PURPOSE, &self.object(), row.try_get(2)?)?;
        let status = status.ok_or_else(|| Error::new(ErrorKind::Corrupt, "read a stored answer"))?;
        Err(Problem::answered(json(status, body.to_vec())))
    }
}

impl Changing {
    /// Makes the change last, together with its answer.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when the same change was made by another request at the same time: who
    /// asks again gets its answer.
    pub(crate) async fn answer<T: Serialize + Sync>(
        mut self,
        status: StatusCode,
        answer: &T,
    ) -> Result<Response, Problem> {
        let body = zeroize::Zeroizing::new(wire::write_response(answer)?);
        let inserted = sqlx::query(
            "INSERT INTO answers (scope, idempotency_key, request_hash, status, body, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&self.ticket.scope)
        .bind(&self.ticket.key)
        .bind(&self.ticket.request)
        .bind(i64::from(status.as_u16()))
        .bind(self.app.key.seal(PURPOSE, &self.ticket.object(), &body)?)
        .bind(self.app.clock.now_ms() + KEPT)
        .execute(&mut *self.write)
        .await;
        match inserted {
            Ok(_) => {}
            Err(error) if is_duplicate(&error) => {
                return Err(Error::new(ErrorKind::Unavailable, "make the change")
                    .detail("it is being made at this moment; ask again")
                    .retry_hint(Retry::After(Duration::from_secs(1)))
                    .into());
            }
            Err(error) => return Err(error.into()),
        }
        self.write.commit().await?;
        self.app.mail_waiting.notify_one();
        Ok(json(status, body.to_vec()))
    }

    /// Makes last what was counted, and gives back the problem to answer with.
    pub(crate) async fn refuse(self, problem: Problem) -> Problem {
        match self.write.commit().await {
            Ok(()) => problem,
            Err(failed) => failed,
        }
    }
}

impl Deref for Changing {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.write
    }
}

impl DerefMut for Changing {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.write
    }
}

/// An answer of JSON. Nothing of it belongs into a cache.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

/// An answer of JSON with status 200.
pub(crate) fn ok<T: Serialize>(answer: &T) -> Result<Response, Problem> {
    Ok(json(StatusCode::OK, wire::write_response(answer)?))
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    let operation = "read the request";
    match tokio::time::timeout(ARRIVAL, axum::body::to_bytes(body, wire::MAX_REQUEST)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => match std::error::Error::source(&error)
            .is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
        {
            true => Err(Problem::new(ErrorKind::LimitExceeded, operation, "a body of JSON is no longer than 64 KiB")),
            false => Err(Problem::new(ErrorKind::InvalidArgument, operation, "the body broke off")),
        },
        Err(_) => Err(Problem::new(ErrorKind::InvalidArgument, operation, "the body did not arrive in time")
            .status(StatusCode::REQUEST_TIMEOUT)),
    }
}
