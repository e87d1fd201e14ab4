//! The profile: `/v1/profile`.

use super::letters::Text;
use super::{CODE_TRIES, code_hash, email_hash, is_code, wrong};
use crate::app::App;
use crate::authenticate::Caller;
use crate::change::{Change, ok};
use crate::clock::MINUTE;
use crate::database::is_duplicate;
use crate::mail::{self, Kind};
use crate::openapi::KeyHeader;
use crate::problem::Problem;
use crate::text::{from_base64url, random_code, random_id};
use crate::{plans, usage};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::{AnyConnection, Row};
use strongroom::account::wire::{
    Base64Url, Capability, ChangeEmail, ConfirmEmail, Done, ProblemDocument, Profile, UpdateProfile, Usage, Wraps,
};
use strongroom::{Error, ErrorKind};
use zeroize::Zeroizing;

const PENDING: &str = "address to be confirmed";
/// How long a new address may take to be confirmed.
const LIFE: i64 = 15 * MINUTE;

/// What is known of the person.
#[utoipa::path(
    get, path = "/v1/profile", tag = "profile", security(("strongroom" = [])),
    responses((status = 200, body = Profile), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn get(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.require(Capability::Account, None)?;
    let mut connection = app.database.pool().acquire().await?;
    ok(&read(&app, &mut connection, &caller.account_id).await?)
}

/// Corrects names.
#[utoipa::path(
    patch, path = "/v1/profile", tag = "profile", security(("strongroom" = [])), params(KeyHeader), request_body = UpdateProfile,
    responses((status = 200, body = Profile), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn update(State(app): State<App>, change: Change<UpdateProfile>) -> Result<Response, Problem> {
    change.caller.require(Capability::Account, None)?;
    let account_id = &change.caller.account_id;
    let mut tx = change.begin(&app).await?;
    sqlx::query(
        "UPDATE accounts SET first_name = COALESCE($1, first_name), last_name = COALESCE($2, last_name) WHERE id = $3",
    )
    .bind(change.body.first_name.as_deref())
    .bind(change.body.last_name.as_deref())
    .bind(account_id)
    .execute(&mut *tx)
    .await?;
    let answer = read(&app, &mut tx, account_id).await?;
    tx.answer(StatusCode::OK, &answer).await
}

/// Asks for another address: a code is mailed to it, and a notice to the one in force.
#[utoipa::path(
    post, path = "/v1/profile/email", tag = "profile", security(("strongroom" = [])), params(KeyHeader), request_body = ChangeEmail,
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn change_email(State(app): State<App>, change: Change<ChangeEmail>) -> Result<Response, Problem> {
    change.caller.require_session()?;
    let account_id = &change.caller.account_id;
    let new_email = &change.body.new_email;
    let code = Zeroizing::new(random_code()?);
    let nobodys = Zeroizing::new(random_id()?);
    let mut tx = change.begin(&app).await?;
    let now = app.clock.now_ms();
    let taken = sqlx::query("SELECT 1 FROM accounts WHERE email_hash = $1")
        .bind(email_hash(&app, new_email))
        .fetch_optional(&mut *tx)
        .await?
        .is_some();
    // A second address within the life of the first waits: each asks a stranger's mailbox.
    let set = sqlx::query(
        "INSERT INTO email_changes (account_id, new_email, code_hash, tries, expires_at) VALUES ($1, $2, $3, 0, $4) \
         ON CONFLICT (account_id) DO UPDATE SET new_email = $2, code_hash = $3, tries = 0, expires_at = $4 \
         WHERE email_changes.expires_at - $5 < $6",
    )
    .bind(account_id)
    .bind(app.key.seal(PENDING, account_id, new_email.as_bytes())?)
    .bind(code_hash(&app, account_id, if taken { &nobodys } else { &code }))
    .bind(now + LIFE)
    .bind(LIFE - MINUTE)
    .bind(now)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if set == 0 {
        let wait = std::time::Duration::from_secs(60);
        return Err(Problem::too_many_requests("change the e-mail address", wait));
    }
    let text = if taken { Text::EmailTaken } else { Text::NewEmail { code: &code } };
    mail::post(&app, &mut tx, Kind::Code { expires_at: now + LIFE }, &text.to(&app, new_email)).await?;
    let old = sqlx::query("SELECT email FROM accounts WHERE id = $1").bind(account_id).fetch_one(&mut *tx).await?;
    mail::post(&app, &mut tx, Kind::Notice, &Text::EmailChanging.to(&app, old.try_get(0)?)).await?;
    tx.answer(StatusCode::OK, &Done {}).await
}

/// Confirms the new address, which takes effect.
#[utoipa::path(
    post, path = "/v1/profile/email/confirm", tag = "profile", security(("strongroom" = [])), params(KeyHeader),
    request_body = ConfirmEmail,
    responses((status = 200, body = Profile), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn confirm_email(State(app): State<App>, change: Change<ConfirmEmail>) -> Result<Response, Problem> {
    let operation = "confirm the e-mail address";
    change.caller.require_session()?;
    let account_id = &change.caller.account_id;
    let mut tx = change.begin(&app).await?;
    let counted = sqlx::query(
        "UPDATE email_changes SET tries = tries + 1 WHERE account_id = $1 AND tries < $2 AND expires_at > $3",
    )
    .bind(account_id)
    .bind(CODE_TRIES)
    .bind(app.clock.now_ms())
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if counted == 0 {
        return Err(Problem::new(ErrorKind::NotFound, operation, "no address waits to be confirmed; begin again"));
    }
    let row = sqlx::query("SELECT c.new_email, c.code_hash, a.email FROM email_changes c JOIN accounts a ON a.id = c.account_id WHERE a.id = $1")
        .bind(account_id)
        .fetch_one(&mut *tx)
        .await?;
    if !is_code(&app, account_id, &change.body.code, row.try_get(1)?) {
        return Err(tx.refuse(wrong(operation, "the code is wrong")).await);
    }
    let new_email = open_pending(&app, account_id, row.try_get(0)?)?;
    let updated = sqlx::query("UPDATE accounts SET email = $1, email_hash = $2 WHERE id = $3")
        .bind(&new_email)
        .bind(email_hash(&app, &new_email))
        .bind(account_id)
        .execute(&mut *tx)
        .await;
    match updated {
        Ok(_) => {}
        Err(error) if is_duplicate(&error) => {
            return Err(Problem::new(ErrorKind::AlreadyExists, operation, "the address has an account"));
        }
        Err(error) => return Err(error.into()),
    }
    sqlx::query("DELETE FROM email_changes WHERE account_id = $1").bind(account_id).execute(&mut *tx).await?;
    mail::post(&app, &mut tx, Kind::Notice, &Text::EmailChanged.to(&app, row.try_get(2)?)).await?;
    let answer = read(&app, &mut tx, account_id).await?;
    tx.answer(StatusCode::OK, &answer).await
}

/// The wraps of the master key that need the person: the password, or the recovery code.
#[utoipa::path(
    get, path = "/v1/profile/wraps", tag = "profile", security(("strongroom" = [])),
    responses((status = 200, body = Wraps), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn wraps(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.require_session()?;
    let row = sqlx::query("SELECT password_wrap, recovery_wrap FROM accounts WHERE id = $1")
        .bind(&caller.account_id)
        .fetch_one(app.database.pool())
        .await?;
    let wrap = |index: usize| -> Result<Base64Url, Problem> { Ok(Base64Url(from_base64url(row.try_get(index)?)?)) };
    ok(&Wraps { password_wrap: wrap(0)?, recovery_wrap: wrap(1)? })
}

/// What is stored.
#[utoipa::path(
    get, path = "/v1/profile/usage", tag = "profile", security(("strongroom" = [])),
    responses((status = 200, body = Usage), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn usage(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.require(Capability::Account, None)?;
    let limits = plans::limits(&app, &caller.account_id).await?;
    let vaults = usage::by_vault(&app, &caller.account_id).await?;
    ok(&Usage {
        bytes: vaults.iter().map(|vault| vault.bytes).sum(),
        objects: vaults.iter().map(|vault| vault.objects).sum(),
        quota_bytes: limits.quota_bytes,
        vaults,
    })
}

async fn read(app: &App, connection: &mut AnyConnection, account_id: &str) -> Result<Profile, Problem> {
    let row = sqlx::query("SELECT email, first_name, last_name, created_at, second_factor FROM accounts WHERE id = $1")
        .bind(account_id)
        .fetch_one(&mut *connection)
        .await?;
    let pending = sqlx::query("SELECT new_email FROM email_changes WHERE account_id = $1 AND expires_at > $2")
        .bind(account_id)
        .bind(app.clock.now_ms())
        .fetch_optional(connection)
        .await?;
    Ok(Profile {
        account_id: account_id.parse()?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        email: row.try_get("email")?,
        pending_email: pending.map(|row| open_pending(app, account_id, row.try_get(0)?)).transpose()?,
        created_at: row.try_get("created_at")?,
        second_factor: row.try_get::<Option<String>, _>("second_factor")?.is_some(),
    })
}

fn open_pending(app: &App, account_id: &str, sealed: &str) -> Result<String, Problem> {
    let bytes = app.key.open(PENDING, account_id, sealed)?;
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Error::new(ErrorKind::Corrupt, "read an address that waits to be confirmed").into())
}
