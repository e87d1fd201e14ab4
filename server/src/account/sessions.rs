//! Sessions: what a person has after signing in.

use crate::app::App;
use crate::authenticate::PROOF_KEY;
use crate::change::{Change, Nothing};
use crate::clock::MINUTE;
use crate::openapi::KeyHeader;
use crate::problem::Problem;
use crate::text::random_id;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::AnyConnection;
use strongroom::account::proof::SessionKey;
use strongroom::account::wire::{Capabilities, Done, ProblemDocument, Session};

/// How long a session lasts.
const LIFE: i64 = 30 * MINUTE;

/// Makes a session with a key that both sides have from OPAQUE.
pub(crate) async fn open(
    app: &App,
    tx: &mut AnyConnection,
    account_id: &str,
    key: &SessionKey,
) -> Result<Session, Problem> {
    let token = random_id()?;
    let expires_at = app.clock.now_ms() + LIFE;
    sqlx::query("INSERT INTO tokens (id, account_id, capabilities, proof_key, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&token)
        .bind(account_id)
        .bind(Capabilities::ALL.to_string())
        .bind(app.key.seal(PROOF_KEY, &token, key.to_bytes().as_slice())?)
        .bind(expires_at)
        .execute(tx)
        .await?;
    Ok(Session { token: token.parse()?, account_id: account_id.parse()?, expires_at })
}

/// Ends an account's sessions, but for the one with the token `except`.
pub(crate) async fn end_all(tx: &mut AnyConnection, account_id: &str, except: &str) -> Result<(), Problem> {
    sqlx::query("DELETE FROM tokens WHERE account_id = $1 AND device_id IS NULL AND id <> $2")
        .bind(account_id)
        .bind(except)
        .execute(&mut *tx)
        .await?;
    // Sign-ins that are under way know the old password.
    sqlx::query("DELETE FROM sign_ins WHERE account_id = $1").bind(account_id).execute(tx).await?;
    Ok(())
}

/// Ends the session, or the device's token, that the request is made with.
#[utoipa::path(
    post, path = "/v1/sign-out", tag = "sign-in", security(("strongroom" = [])),
    params(KeyHeader),
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn sign_out(State(app): State<App>, change: Change<Nothing>) -> Result<Response, Problem> {
    let mut tx = change.begin(&app).await?;
    sqlx::query("DELETE FROM tokens WHERE id = $1").bind(&change.caller.token_id).execute(&mut *tx).await?;
    tx.answer(StatusCode::OK, &Done {}).await
}
