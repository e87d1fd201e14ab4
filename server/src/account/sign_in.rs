//! Signing in: `/v1/sign-in/…`.
//!
//! Whether there is such an account shows neither in an answer nor in the work it takes.

use super::tries::{self, Counter};
use super::{CODE_TRIES, email_hash, second_factor, sessions, wrong};
use crate::app::App;
use crate::change::{Changing, OpenChange};
use crate::clock::MINUTE;
use crate::limiter::subnet;
use crate::opaque::Opaque;
use crate::openapi::KeyHeader;
use crate::problem::Problem;
use crate::text::{from_base64url, hex, random_id};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::{AnyConnection, Row};
use strongroom::account::PublicKey;
use strongroom::account::proof::{CLOCK_TOLERANCE, SessionKey};
use strongroom::account::wire::{
    Base64Url, FinishSignIn, ProblemDocument, SignInFinished, SignInStarted, StartSignIn, VerifySecondFactor,
};
use strongroom::{Error, ErrorKind};

const SESSION_KEY: &str = "sign-in session key";
/// How long a sign-in may take: a person types a code within it.
const LIFE: i64 = 5 * MINUTE;

/// Begins a sign-in.
#[utoipa::path(
    post, path = "/v1/sign-in/start", tag = "sign-in", request_body = StartSignIn,
    params(KeyHeader),
    responses((status = 200, body = SignInStarted), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn start(State(app): State<App>, change: OpenChange<StartSignIn>) -> Result<Response, Problem> {
    let body = &change.body;
    let hash = email_hash(&app, &body.email);
    let id = random_id()?;
    let mut tx = change.begin(&app).await?;
    let row = sqlx::query("SELECT id, credential_id, opaque_record FROM accounts WHERE email_hash = $1")
        .bind(&hash)
        .fetch_optional(&mut *tx)
        .await?;
    let account: Option<(String, String, String)> =
        row.map(|row| Ok::<_, Problem>((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).transpose()?;
    let account_id = account.as_ref().map(|(id, ..)| id.as_str());
    let counters = match known_device(&app, &mut tx, body, account_id).await? {
        Some(device_id) => vec![Counter::device(&app, &device_id)],
        None => {
            let subnet = subnet(change.address).to_string();
            vec![Counter::address(&app, &hash, &subnet), Counter::account(&app, &hash)]
        }
    };
    tries::count(&app, &mut tx, &counters, "sign in").await?;
    // Who has no account has a credential identifier all the same, and always the same one.
    let nobodys = hex(&app.key.keyed_hash("credential of nobody", body.email.as_bytes()));
    let nobodys = nobodys.get(..32).unwrap_or_default();
    let (record, credential_id) = match &account {
        Some((account_id, credential_id, record)) => {
            (Some((account_id.as_str(), record.as_str())), credential_id.as_str())
        }
        None => (None, nobodys),
    };
    let (response, state) = app.opaque.sign_in(&app.key, &id, record, credential_id, &body.opaque_request.0)?;
    sqlx::query(
        "INSERT INTO sign_ins (id, account_id, email_hash, counters, opaque_state, tries, expires_at) VALUES ($1, $2, $3, $4, $5, 0, $6)",
    )
    .bind(&id)
    .bind(account_id)
    .bind(&hash)
    .bind(tries::names(&counters))
    .bind(&state)
    .bind(app.clock.now_ms() + LIFE)
    .execute(&mut *tx)
    .await?;
    let answer = SignInStarted {
        sign_in_id: id.parse()?,
        opaque_response: Base64Url(response),
        stretching: app.config.stretching.to_wire()?,
    };
    tx.answer(StatusCode::OK, &answer).await
}

/// The device of the account that a sign-in comes from, if it shows that it does.
async fn known_device(
    app: &App,
    tx: &mut AnyConnection,
    start: &StartSignIn,
    account_id: Option<&str>,
) -> Result<Option<String>, Problem> {
    let Some(device) = &start.device else { return Ok(None) };
    let device_id = device.device_id.to_string();
    let row =
        sqlx::query("SELECT signing_public FROM devices WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL")
            .bind(&device_id)
            .bind(account_id.unwrap_or_default())
            .fetch_optional(&mut *tx)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let now = app.clock.now_ms();
    let timely = u128::from(device.signed_at.abs_diff(now)) <= CLOCK_TOLERANCE.as_millis();
    let key = PublicKey::from_bytes(&from_base64url(row.try_get(0)?)?)?;
    if !timely || key.check_known_device(start, device).is_err() {
        return Ok(None);
    }
    // Taken down and sent again, it counts as a stranger's.
    Ok(super::devices::use_nonce(app, tx, &device_id, &device.nonce.to_string()).await?.then_some(device_id))
}

/// Shows that the password is known.
#[utoipa::path(
    post, path = "/v1/sign-in/finish", tag = "sign-in", request_body = FinishSignIn,
    params(KeyHeader),
    responses((status = 200, body = SignInFinished), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn finish(State(app): State<App>, change: OpenChange<FinishSignIn>) -> Result<Response, Problem> {
    let operation = "sign in";
    let id = change.body.sign_in_id.to_string();
    let mut tx = change.begin(&app).await?;
    let row = sqlx::query("SELECT account_id, counters, opaque_state FROM sign_ins WHERE id = $1 AND expires_at > $2 AND opaque_state IS NOT NULL")
        .bind(&id)
        .bind(app.clock.now_ms())
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| over(operation))?;
    // One try for each answer of the service.
    let taken = sqlx::query("UPDATE sign_ins SET opaque_state = NULL WHERE id = $1 AND opaque_state IS NOT NULL")
        .bind(&id)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    if taken == 0 {
        return Err(over(operation));
    }
    let (account_id, counters): (Option<String>, String) = (row.try_get(0)?, row.try_get(1)?);
    let key = Opaque::finish(&app.key, &id, row.try_get(2)?, &change.body.opaque_finalization.0)?;
    let (Some(key), Some(account_id)) = (key, account_id) else {
        app.metrics.add("sign_ins_failed_total", 1);
        return Err(tx.refuse(wrong(operation, "the e-mail address or the password is wrong")).await);
    };
    let second =
        sqlx::query("SELECT second_factor FROM accounts WHERE id = $1").bind(&account_id).fetch_one(&mut *tx).await?;
    if second.try_get::<Option<String>, _>(0)?.is_some() {
        sqlx::query("UPDATE sign_ins SET session_key = $1 WHERE id = $2")
            .bind(app.key.seal(SESSION_KEY, &id, key.to_bytes().as_slice())?)
            .bind(&id)
            .execute(&mut *tx)
            .await?;
        let answer = SignInFinished { second_factor: true, session: None, password_wrap: None };
        return tx.answer(StatusCode::OK, &answer).await;
    }
    succeed(&app, tx, &id, &account_id, &counters, &key).await
}

/// Gives the second factor.
#[utoipa::path(
    post, path = "/v1/sign-in/second-factor", tag = "sign-in", request_body = VerifySecondFactor,
    params(KeyHeader),
    responses((status = 200, body = SignInFinished), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn verify(
    State(app): State<App>,
    change: OpenChange<VerifySecondFactor>,
) -> Result<Response, Problem> {
    let operation = "check the second factor";
    let id = change.body.sign_in_id.to_string();
    let mut tx = change.begin(&app).await?;
    let counted = sqlx::query(
        "UPDATE sign_ins SET tries = tries + 1 WHERE id = $1 AND session_key IS NOT NULL AND tries < $2 AND expires_at > $3",
    )
    .bind(&id)
    .bind(CODE_TRIES)
    .bind(app.clock.now_ms())
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if counted == 0 {
        return Err(over(operation));
    }
    let row = sqlx::query("SELECT account_id, counters, session_key FROM sign_ins WHERE id = $1")
        .bind(&id)
        .fetch_one(&mut *tx)
        .await?;
    let (account_id, counters): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    if !second_factor::accept(&app, &mut tx, &account_id, &change.body.code).await? {
        app.metrics.add("sign_ins_failed_total", 1);
        return Err(tx.refuse(wrong(operation, "the code is wrong, or was used before")).await);
    }
    let bytes = app.key.open(SESSION_KEY, &id, row.try_get(2)?)?;
    let key = bytes.as_slice().try_into().map_err(|_| Error::new(ErrorKind::Corrupt, operation))?;
    succeed(&app, tx, &id, &account_id, &counters, &SessionKey::from_bytes(key)).await
}

async fn succeed(
    app: &App,
    mut tx: Changing,
    id: &str,
    account_id: &str,
    counters: &str,
    key: &SessionKey,
) -> Result<Response, Problem> {
    tries::forgive(&mut tx, counters).await?;
    sqlx::query("DELETE FROM sign_ins WHERE id = $1").bind(id).execute(&mut *tx).await?;
    let session = sessions::open(app, &mut tx, account_id, key).await?;
    let row =
        sqlx::query("SELECT password_wrap FROM accounts WHERE id = $1").bind(account_id).fetch_one(&mut *tx).await?;
    let wrap = from_base64url(row.try_get(0)?)?;
    let answer = SignInFinished { second_factor: false, session: Some(session), password_wrap: Some(Base64Url(wrap)) };
    app.metrics.add("sign_ins_total", 1);
    tx.answer(StatusCode::OK, &answer).await
}

fn over(operation: &'static str) -> Problem {
    wrong(operation, "the sign-in is unknown or over; begin again")
}
