//! The second factor: one-time codes by time (RFC 6238), and recovery codes for who lost the authenticator.

use super::letters::Text;
use super::tries::{self, Counter};
use super::{code_hash, wrong};
use crate::app::App;
use crate::change::{Change, Nothing};
use crate::clock::{MINUTE, SECOND};
use crate::mail::{self, Kind};
use crate::openapi::KeyHeader;
use crate::problem::Problem;
use crate::text::{hex, random};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::{AnyConnection, Row};
use strongroom::account::wire::{
    ConfirmSecondFactor, Done, ProblemDocument, RecoveryCodes, RemoveSecondFactor, SecondFactorStarted, SecretText,
};
use strongroom::{Error, ErrorKind};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

const SECRET: &str = "second factor";
const PENDING: &str = "second factor to be confirmed";
const RECOVERY: &str = "second factor recovery";
/// How long setting up an authenticator may take.
const LIFE: i64 = 15 * MINUTE;
/// Recovery codes of a second factor.
const CODES: usize = 10;

/// Begins to set up an authenticator. Nothing is in force until a code of it was given.
#[utoipa::path(
    post, path = "/v1/second-factor/start", tag = "second factor", security(("strongroom" = [])), params(KeyHeader),
    responses((status = 200, body = SecondFactorStarted), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn start(State(app): State<App>, change: Change<Nothing>) -> Result<Response, Problem> {
    change.caller.require_session()?;
    let account_id = &change.caller.account_id;
    let secret = Zeroizing::new(random::<20>()?);
    let mut tx = change.begin(&app).await?;
    let row = sqlx::query("SELECT email, second_factor FROM accounts WHERE id = $1")
        .bind(account_id)
        .fetch_one(&mut *tx)
        .await?;
    if row.try_get::<Option<String>, _>(1)?.is_some() {
        return Err(Problem::new(ErrorKind::AlreadyExists, "turn the second factor on", "it is on; turn it off first"));
    }
    sqlx::query(
        "INSERT INTO second_factors_pending (account_id, secret, expires_at) VALUES ($1, $2, $3) \
         ON CONFLICT (account_id) DO UPDATE SET secret = $2, expires_at = $3",
    )
    .bind(account_id)
    .bind(app.key.seal(PENDING, account_id, secret.as_slice())?)
    .bind(app.clock.now_ms() + LIFE)
    .execute(&mut *tx)
    .await?;
    let totp = authenticator(&app, secret.as_slice(), row.try_get(0)?)?;
    let answer = SecondFactorStarted {
        secret: SecretText::new(totp.secret().to_base32()),
        uri: SecretText::new(totp.to_url().map_err(|error| internal(&error))?),
    };
    tx.answer(StatusCode::OK, &answer).await
}

/// Turns the second factor on.
#[utoipa::path(
    post, path = "/v1/second-factor/confirm", tag = "second factor", security(("strongroom" = [])), params(KeyHeader),
    request_body = ConfirmSecondFactor,
    responses((status = 200, body = RecoveryCodes), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn confirm(State(app): State<App>, change: Change<ConfirmSecondFactor>) -> Result<Response, Problem> {
    let operation = "turn the second factor on";
    change.caller.require_session()?;
    let account_id = &change.caller.account_id;
    let mut tx = change.begin(&app).await?;
    let counter = Counter::second_factor(&app, account_id);
    tries::count(&app, &mut tx, std::slice::from_ref(&counter), operation).await?;
    let pending = sqlx::query("SELECT secret FROM second_factors_pending WHERE account_id = $1 AND expires_at > $2")
        .bind(account_id)
        .bind(app.clock.now_ms())
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| Problem::new(ErrorKind::NotFound, operation, "nothing waits to be confirmed; begin again"))?;
    let secret = app.key.open(PENDING, account_id, pending.try_get(0)?)?;
    let email = sqlx::query("SELECT email FROM accounts WHERE id = $1").bind(account_id).fetch_one(&mut *tx).await?;
    let email: String = email.try_get(0)?;
    let Some(step) = step(&app, &secret, &change.body.code)? else {
        return Err(tx.refuse(wrong(operation, "the code is wrong")).await);
    };
    let turned_on = sqlx::query(
        "UPDATE accounts SET second_factor = $1, second_factor_step = $2 WHERE id = $3 AND second_factor IS NULL",
    )
    .bind(app.key.seal(SECRET, account_id, &secret)?)
    .bind(step)
    .bind(account_id)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if turned_on == 0 {
        return Err(Problem::new(ErrorKind::AlreadyExists, operation, "it is on"));
    }
    tries::forgive_one(&mut tx, &counter).await?;
    sqlx::query("DELETE FROM second_factors_pending WHERE account_id = $1").bind(account_id).execute(&mut *tx).await?;
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let digits = Zeroizing::new(hex(&random::<8>()?));
        let (left, right) = digits.split_at(8);
        let code = SecretText::new(format!("{left}-{right}"));
        sqlx::query("INSERT INTO second_factor_codes (account_id, code_hash) VALUES ($1, $2)")
            .bind(account_id)
            .bind(recovery_hash(&app, account_id, &code))
            .execute(&mut *tx)
            .await?;
        codes.push(code);
    }
    mail::post(&app, &mut tx, Kind::Notice, &Text::SecondFactor { on: true }.to(&app, &email)).await?;
    tx.answer(StatusCode::OK, &RecoveryCodes { recovery_codes: codes }).await
}

/// Turns the second factor off.
#[utoipa::path(
    delete, path = "/v1/second-factor", tag = "second factor", security(("strongroom" = [])), params(KeyHeader),
    request_body = RemoveSecondFactor,
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn remove(State(app): State<App>, change: Change<RemoveSecondFactor>) -> Result<Response, Problem> {
    let operation = "turn the second factor off";
    change.caller.require_session()?;
    let account_id = &change.caller.account_id;
    let mut tx = change.begin(&app).await?;
    let row = sqlx::query("SELECT email, second_factor FROM accounts WHERE id = $1")
        .bind(account_id)
        .fetch_one(&mut *tx)
        .await?;
    if row.try_get::<Option<String>, _>(1)?.is_none() {
        return Err(Problem::new(ErrorKind::NotFound, operation, "it is off"));
    }
    let counter = Counter::second_factor(&app, account_id);
    tries::count(&app, &mut tx, std::slice::from_ref(&counter), operation).await?;
    if !accept(&app, &mut tx, account_id, &change.body.code).await? {
        return Err(tx.refuse(wrong(operation, "the code is wrong, or was used before")).await);
    }
    tries::forgive_one(&mut tx, &counter).await?;
    sqlx::query("UPDATE accounts SET second_factor = NULL WHERE id = $1").bind(account_id).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM second_factor_codes WHERE account_id = $1").bind(account_id).execute(&mut *tx).await?;
    mail::post(&app, &mut tx, Kind::Notice, &Text::SecondFactor { on: false }.to(&app, row.try_get(0)?)).await?;
    tx.answer(StatusCode::OK, &Done {}).await
}

/// Takes a code of the authenticator or a recovery code, each once. Who calls counts the tries.
pub(crate) async fn accept(
    app: &App,
    tx: &mut AnyConnection,
    account_id: &str,
    code: &SecretText,
) -> Result<bool, Problem> {
    let row =
        sqlx::query("SELECT second_factor FROM accounts WHERE id = $1").bind(account_id).fetch_one(&mut *tx).await?;
    let Some(sealed) = row.try_get::<Option<String>, _>(0)? else { return Ok(false) };
    let secret = app.key.open(SECRET, account_id, &sealed)?;
    let used = match step(app, &secret, code)? {
        // A code that was accepted, and any before it, counts no more.
        Some(step) => {
            sqlx::query("UPDATE accounts SET second_factor_step = $1 WHERE id = $2 AND second_factor_step < $1")
                .bind(step)
                .bind(account_id)
                .execute(&mut *tx)
                .await?
        }
        None => {
            sqlx::query("DELETE FROM second_factor_codes WHERE account_id = $1 AND code_hash = $2")
                .bind(account_id)
                .bind(recovery_hash(app, account_id, code))
                .execute(&mut *tx)
                .await?
        }
    };
    Ok(used.rows_affected() == 1)
}

/// The time step that a code of the authenticator is for; none for a wrong one.
fn step(app: &App, secret: &[u8], code: &SecretText) -> Result<Option<i64>, Problem> {
    let code = code.expose();
    if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let seconds = u64::try_from(app.clock.now_ms() / SECOND).unwrap_or_default();
    let step = authenticator(app, secret, "account")?.check(code, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

fn authenticator(app: &App, secret: &[u8], email: &str) -> Result<Totp, Problem> {
    // The address of an otpauth URL must not have what ends its parts.
    let plain = |text: &str| text.replace(':', " ");
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(secret.to_vec())
        .with_account_name(plain(email))
        .with_issuer(Some(plain(&app.config.service.name)))
        .build()
        .map_err(|error| internal(&error))
}

fn recovery_hash(app: &App, account_id: &str, code: &SecretText) -> String {
    code_hash(app, &format!("{RECOVERY}/{account_id}"), &code.expose().to_ascii_lowercase())
}

fn internal(error: &dyn std::fmt::Display) -> Problem {
    Error::new(ErrorKind::Internal, "set up an authenticator").because(error.to_string()).into()
}
