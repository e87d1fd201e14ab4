//! Getting back in with the recovery code: `/v1/recovery/…`.

use super::letters::Text;
use super::{CODE_TRIES, code_hash, email_hash, is_code, sessions, wrong};
use crate::app::App;
use crate::change::OpenChange;
use crate::clock::MINUTE;
use crate::mail::{self, Kind};
use crate::openapi::KeyHeader;
use crate::problem::Problem;
use crate::text::{base64url, from_base64url, random_code, random_id};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::Row;
use strongroom::ErrorKind;
use strongroom::account::PublicKey;
use strongroom::account::wire::{
    Base64Url, Done, FinishRecovery, ProblemDocument, ProveRecovery, RecoveryProved, RecoveryStarted, StartRecovery,
};
use zeroize::Zeroizing;

/// How long a recovery may take, and its code counts.
const LIFE: i64 = 15 * MINUTE;
/// Recoveries of one account at a time; more are begun in vain.
const MOST: i64 = 3;

/// Begins a recovery; a code is mailed.
#[utoipa::path(
    post, path = "/v1/recovery/start", tag = "recovery", request_body = StartRecovery, params(KeyHeader),
    responses((status = 200, body = RecoveryStarted), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn start(State(app): State<App>, change: OpenChange<StartRecovery>) -> Result<Response, Problem> {
    let (id, challenge) = (random_id()?, random_id()?);
    let code = Zeroizing::new(random_code()?);
    let mut tx = change.begin(&app).await?;
    let now = app.clock.now_ms();
    let account = sqlx::query("SELECT id FROM accounts WHERE email_hash = $1")
        .bind(email_hash(&app, &change.body.email))
        .fetch_optional(&mut *tx)
        .await?;
    let account_id: Option<String> = account.map(|row| row.try_get(0)).transpose()?;
    let running = sqlx::query("SELECT COUNT(*) FROM recoveries WHERE account_id = $1 AND expires_at > $2")
        .bind(account_id.as_deref().unwrap_or_default())
        .bind(now)
        .fetch_one(&mut *tx)
        .await?;
    let account_id = account_id.filter(|_| running.try_get::<i64, _>(0).is_ok_and(|running| running < MOST));
    sqlx::query(
        "INSERT INTO recoveries (id, account_id, challenge, code_hash, tries, expires_at) VALUES ($1, $2, $3, $4, 0, $5)",
    )
    .bind(&id)
    .bind(account_id.as_deref())
    .bind(&challenge)
    .bind(code_hash(&app, &id, &code))
    .bind(now + LIFE)
    .execute(&mut *tx)
    .await?;
    // For nobody a mail is written as well, and thrown away: how long it takes says nothing.
    let letter = Text::Recovery { code: &code }.to(&app, &change.body.email);
    let mail = mail::post(&app, &mut tx, Kind::Code { expires_at: now + LIFE }, &letter).await?;
    if account_id.is_none() {
        mail::discard(&mut tx, &mail).await?;
    }
    tx.answer(StatusCode::OK, &RecoveryStarted { recovery_id: id.parse()?, challenge: challenge.parse()? }).await
}

/// Shows that the mail and the recovery code are at hand, and begins to set a new password.
#[utoipa::path(
    post, path = "/v1/recovery/prove", tag = "recovery", request_body = ProveRecovery, params(KeyHeader),
    responses((status = 200, body = RecoveryProved), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn prove(State(app): State<App>, change: OpenChange<ProveRecovery>) -> Result<Response, Problem> {
    let operation = "recover the account";
    let body = &change.body;
    let id = body.recovery_id.to_string();
    let credential_id = random_id()?;
    let opaque_response = app.opaque.register(&credential_id, &body.opaque_request.0)?;
    let mut tx = change.begin(&app).await?;
    let counted =
        sqlx::query("UPDATE recoveries SET tries = tries + 1 WHERE id = $1 AND tries < $2 AND expires_at > $3")
            .bind(&id)
            .bind(CODE_TRIES)
            .bind(app.clock.now_ms())
            .execute(&mut *tx)
            .await?
            .rows_affected();
    if counted == 0 {
        return Err(unknown());
    }
    let row = sqlx::query(
        "SELECT r.challenge, r.code_hash, a.recovery_public, a.recovery_wrap FROM recoveries r \
         LEFT JOIN accounts a ON a.id = r.account_id WHERE r.id = $1",
    )
    .bind(&id)
    .fetch_one(&mut *tx)
    .await?;
    let (public, wrap): (Option<String>, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
    let right_code = is_code(&app, &id, &body.code, row.try_get(1)?);
    let challenge = row.try_get::<String, _>(0)?.parse()?;
    let signed = match &public {
        Some(public) => {
            let public = PublicKey::from_bytes(&from_base64url(public)?)?;
            public.check_recovery(&body.recovery_id, &challenge, &body.signature).is_ok()
        }
        None => false,
    };
    let (true, true, Some(wrap)) = (right_code, signed, wrap) else {
        return Err(tx.refuse(wrong(operation, "the mailed code or the recovery code is wrong")).await);
    };
    sqlx::query("UPDATE recoveries SET credential_id = $1 WHERE id = $2")
        .bind(&credential_id)
        .bind(&id)
        .execute(&mut *tx)
        .await?;
    let answer = RecoveryProved {
        recovery_wrap: Base64Url(from_base64url(&wrap)?),
        opaque_response: Base64Url(opaque_response),
        stretching: app.config.stretching.to_wire()?,
    };
    tx.answer(StatusCode::OK, &answer).await
}

/// Sets the new password and the new recovery code, and ends all sessions.
#[utoipa::path(
    post, path = "/v1/recovery/finish", tag = "recovery", request_body = FinishRecovery, params(KeyHeader),
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn finish(State(app): State<App>, change: OpenChange<FinishRecovery>) -> Result<Response, Problem> {
    let body = &change.body;
    let mut tx = change.begin(&app).await?;
    let row = sqlx::query(
        "SELECT r.account_id, r.credential_id, a.email FROM recoveries r JOIN accounts a ON a.id = r.account_id \
         WHERE r.id = $1 AND r.credential_id IS NOT NULL AND r.expires_at > $2",
    )
    .bind(body.recovery_id.to_string())
    .bind(app.clock.now_ms())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(unknown)?;
    let (account_id, credential_id): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    // Of several recoveries that were proved, one alone takes effect.
    let ended = sqlx::query("DELETE FROM recoveries WHERE account_id = $1").bind(&account_id).execute(&mut *tx).await?;
    if ended.rows_affected() == 0 {
        return Err(unknown());
    }
    sqlx::query(
        "UPDATE accounts SET credential_id = $1, opaque_record = $2, password_wrap = $3, recovery_wrap = $4, recovery_public = $5 \
         WHERE id = $6",
    )
    .bind(&credential_id)
    .bind(app.opaque.record(&app.key, &account_id, &body.opaque_upload.0)?)
    .bind(base64url(&body.password_wrap.0))
    .bind(base64url(&body.recovery_wrap.0))
    .bind(base64url(&body.recovery_public.to_bytes()))
    .bind(&account_id)
    .execute(&mut *tx)
    .await?;
    sessions::end_all(&mut tx, &account_id, "").await?;
    mail::post(&app, &mut tx, Kind::Notice, &Text::Recovered.to(&app, row.try_get(2)?)).await?;
    app.metrics.add("recoveries_total", 1);
    tx.answer(StatusCode::OK, &Done {}).await
}

fn unknown() -> Problem {
    Problem::new(
        ErrorKind::NotFound,
        "recover the account",
        "the recovery is unknown, finished or expired; begin again",
    )
}
