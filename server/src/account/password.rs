//! Changing the password: `/v1/profile/password/…`.

use super::letters::Text;
use super::sessions;
use crate::app::App;
use crate::change::Change;
use crate::clock::MINUTE;
use crate::mail::{self, Kind};
use crate::openapi::KeyHeader;
use crate::problem::Problem;
use crate::text::{base64url, random_id};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::Row;
use strongroom::ErrorKind;
use strongroom::account::wire::{
    Base64Url, ChangePassword, ChangePasswordStarted, Done, ProblemDocument, StartPasswordChange,
};

/// How long a change may take.
const LIFE: i64 = 5 * MINUTE;

/// Begins to set another password.
#[utoipa::path(
    post, path = "/v1/profile/password/start", tag = "profile", security(("strongroom" = [])), params(KeyHeader),
    request_body = StartPasswordChange,
    responses((status = 200, body = ChangePasswordStarted), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn start(State(app): State<App>, change: Change<StartPasswordChange>) -> Result<Response, Problem> {
    change.caller.require_session()?;
    let credential_id = random_id()?;
    let opaque_response = app.opaque.register(&credential_id, &change.body.opaque_request.0)?;
    let mut tx = change.begin(&app).await?;
    sqlx::query(
        "INSERT INTO password_changes (account_id, token_id, credential_id, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account_id) DO UPDATE SET token_id = $2, credential_id = $3, expires_at = $4",
    )
    .bind(&change.caller.account_id)
    .bind(&change.caller.token_id)
    .bind(&credential_id)
    .bind(app.clock.now_ms() + LIFE)
    .execute(&mut *tx)
    .await?;
    let answer = ChangePasswordStarted {
        opaque_response: Base64Url(opaque_response),
        stretching: app.config.stretching.to_wire()?,
    };
    tx.answer(StatusCode::OK, &answer).await
}

/// Sets the password that was begun with, and ends the other sessions.
#[utoipa::path(
    post, path = "/v1/profile/password/finish", tag = "profile", security(("strongroom" = [])), params(KeyHeader),
    request_body = ChangePassword,
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn finish(State(app): State<App>, change: Change<ChangePassword>) -> Result<Response, Problem> {
    let operation = "change the password";
    change.caller.require_session()?;
    let (account_id, token_id) = (&change.caller.account_id, &change.caller.token_id);
    let record = app.opaque.record(&app.key, account_id, &change.body.opaque_upload.0)?;
    let mut tx = change.begin(&app).await?;
    let row = sqlx::query(
        "SELECT credential_id FROM password_changes WHERE account_id = $1 AND token_id = $2 AND expires_at > $3",
    )
    .bind(account_id)
    .bind(token_id)
    .bind(app.clock.now_ms())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| {
        Problem::new(ErrorKind::NotFound, operation, "it was not begun in this session, or took too long")
    })?;
    let credential_id: String = row.try_get(0)?;
    sqlx::query("UPDATE accounts SET credential_id = $1, opaque_record = $2, password_wrap = $3 WHERE id = $4")
        .bind(&credential_id)
        .bind(record)
        .bind(base64url(&change.body.password_wrap.0))
        .bind(account_id)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM password_changes WHERE account_id = $1").bind(account_id).execute(&mut *tx).await?;
    sessions::end_all(&mut tx, account_id, token_id).await?;
    let email = sqlx::query("SELECT email FROM accounts WHERE id = $1").bind(account_id).fetch_one(&mut *tx).await?;
    mail::post(&app, &mut tx, Kind::Notice, &Text::PasswordChanged.to(&app, email.try_get(0)?)).await?;
    tx.answer(StatusCode::OK, &Done {}).await
}
