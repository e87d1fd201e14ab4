//! Registration: `/v1/registrations/…`.
//!
//! An address that has an account already is answered like any other, at the same cost; only its owner's mail says so.

use super::letters::Text;
use super::{CODE_TRIES, code_hash, email_hash, is_code, wrong};
use crate::app::App;
use crate::change::OpenChange;
use crate::clock::MINUTE;
use crate::database::is_duplicate;
use crate::mail::{self, Kind};
use crate::openapi::KeyHeader;
use crate::problem::Problem;
use crate::text::{base64url, random_code, random_id};
use crate::{billing, plans};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use strongroom::account::wire::{
    Base64Url, ConfirmRegistration, FinishRegistration, ProblemDocument, RegistrationConfirmed, RegistrationFinished,
    RegistrationStarted, StartRegistration,
};
use strongroom::{Error, ErrorKind};
use zeroize::Zeroizing;

const PURPOSE: &str = "registration";
/// How long a registration may take, and its code counts.
const LIFE: i64 = 15 * MINUTE;
/// Mails to one address within a registration's life.
const MOST_MAILS: i64 = 3;

/// What becomes the account.
#[derive(Serialize, Deserialize)]
struct Details {
    account_id: String,
    email: String,
    first_name: String,
    last_name: String,
    plan: String,
    opaque_record: String,
    password_wrap: String,
    recovery_wrap: String,
    recovery_public: String,
    account_public: String,
}

/// Begins a registration.
#[utoipa::path(
    post, path = "/v1/registrations/start", tag = "registration", request_body = StartRegistration,
    params(KeyHeader),
    responses((status = 200, body = RegistrationStarted), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn start(State(app): State<App>, change: OpenChange<StartRegistration>) -> Result<Response, Problem> {
    if !app.config.limits.registration_open {
        return Err(Problem::new(ErrorKind::Forbidden, "register", "this service takes no registrations"));
    }
    let (id, credential_id) = (random_id()?, random_id()?);
    let opaque_response = app.opaque.register(&credential_id, &change.body.opaque_request.0)?;
    let mut tx = change.begin(&app).await?;
    sqlx::query(
        "INSERT INTO registrations (id, email_hash, credential_id, tries, expires_at) VALUES ($1, $2, $3, 0, $4)",
    )
    .bind(&id)
    .bind(email_hash(&app, &change.body.email))
    .bind(&credential_id)
    .bind(app.clock.now_ms() + LIFE)
    .execute(&mut *tx)
    .await?;
    let answer = RegistrationStarted {
        registration_id: id.parse()?,
        opaque_response: Base64Url(opaque_response),
        stretching: app.config.stretching.to_wire()?,
    };
    tx.answer(StatusCode::OK, &answer).await
}

/// Gives what the account is made of; a code is mailed.
#[utoipa::path(
    post, path = "/v1/registrations/finish", tag = "registration", request_body = FinishRegistration,
    params(KeyHeader),
    responses((status = 200, body = RegistrationFinished), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn finish(
    State(app): State<App>,
    change: OpenChange<FinishRegistration>,
) -> Result<Response, Problem> {
    let body = &change.body;
    let id = body.registration_id.to_string();
    let account_id = random_id()?;
    let hash = email_hash(&app, &body.email);
    let details = Details {
        opaque_record: app.opaque.record(&app.key, &account_id, &body.opaque_upload.0)?,
        account_id,
        email: body.email.clone(),
        first_name: body.first_name.clone(),
        last_name: body.last_name.clone(),
        plan: body.plan.clone(),
        password_wrap: base64url(&body.password_wrap.0),
        recovery_wrap: base64url(&body.recovery_wrap.0),
        recovery_public: base64url(&body.recovery_public.to_bytes()),
        account_public: base64url(&body.account_public.to_bytes()),
    };
    let details = serde_json::to_vec(&details).map(Zeroizing::new);
    let details = details.map_err(|error| Error::new(ErrorKind::Internal, "register").because(error))?;
    let sealed = app.key.seal(PURPOSE, &id, &details)?;
    let code = Zeroizing::new(random_code()?);
    // The code of an address that is taken is one that nobody learns.
    let nobodys = Zeroizing::new(random_id()?);

    let mut tx = change.begin(&app).await?;
    plans::choose(&mut tx, &body.plan).await?;
    let taken =
        sqlx::query("SELECT 1 FROM accounts WHERE email_hash = $1").bind(&hash).fetch_optional(&mut *tx).await?;
    let taken = taken.is_some();
    let now = app.clock.now_ms();
    let expires_at = now + LIFE;
    let updated = sqlx::query(
        "UPDATE registrations SET details = $1, code_hash = $2, expires_at = $3 \
         WHERE id = $4 AND email_hash = $5 AND details IS NULL AND expires_at > $6",
    )
    .bind(&sealed)
    .bind(code_hash(&app, &id, if taken { &nobodys } else { &code }))
    .bind(expires_at)
    .bind(&id)
    .bind(&hash)
    .bind(now)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if updated == 0 {
        return Err(unknown("register"));
    }
    let mails = sqlx::query("SELECT COUNT(*) FROM registrations WHERE email_hash = $1 AND code_hash IS NOT NULL")
        .bind(&hash)
        .fetch_one(&mut *tx)
        .await?;
    if mails.try_get::<i64, _>(0)? <= MOST_MAILS {
        let text = if taken { Text::AlreadyRegistered } else { Text::Registration { code: &code } };
        mail::post(&app, &mut tx, Kind::Code { expires_at }, &text.to(&app, &body.email)).await?;
    }
    tx.answer(
        StatusCode::OK,
        &RegistrationFinished { registration_id: body.registration_id, confirm_by_at: expires_at },
    )
    .await
}

/// Confirms the address, which makes the account.
#[utoipa::path(
    post, path = "/v1/registrations/confirm", tag = "registration", request_body = ConfirmRegistration,
    params(KeyHeader),
    responses((status = 201, body = RegistrationConfirmed), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn confirm(
    State(app): State<App>,
    change: OpenChange<ConfirmRegistration>,
) -> Result<Response, Problem> {
    let operation = "confirm the registration";
    let id = change.body.registration_id.to_string();
    let mut tx = change.begin(&app).await?;
    let now = app.clock.now_ms();
    // Counted by the statement that finds it: tries made at once cannot pass each other.
    let counted = sqlx::query(
        "UPDATE registrations SET tries = tries + 1 WHERE id = $1 AND code_hash IS NOT NULL AND tries < $2 AND expires_at > $3",
    )
    .bind(&id)
    .bind(CODE_TRIES)
    .bind(now)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if counted == 0 {
        return Err(unknown(operation));
    }
    let row = sqlx::query("SELECT email_hash, credential_id, details, code_hash FROM registrations WHERE id = $1")
        .bind(&id)
        .fetch_one(&mut *tx)
        .await?;
    if !is_code(&app, &id, &change.body.code, row.try_get(3)?) {
        return Err(tx.refuse(wrong(operation, "the code is wrong")).await);
    }
    let (hash, credential_id): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let details = app.key.open(PURPOSE, &id, row.try_get(2)?)?;
    let details: Details =
        serde_json::from_slice(&details).map_err(|error| Error::new(ErrorKind::Corrupt, operation).because(error))?;
    let plan = plans::choose(&mut tx, &details.plan).await?;
    let inserted = sqlx::query(
        "INSERT INTO accounts (id, email, email_hash, first_name, last_name, created_at, credential_id, opaque_record, \
         password_wrap, recovery_wrap, recovery_public, account_public, second_factor_step) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0)",
    )
    .bind(&details.account_id)
    .bind(&details.email)
    .bind(&hash)
    .bind(&details.first_name)
    .bind(&details.last_name)
    .bind(now)
    .bind(&credential_id)
    .bind(&details.opaque_record)
    .bind(&details.password_wrap)
    .bind(&details.recovery_wrap)
    .bind(&details.recovery_public)
    .bind(&details.account_public)
    .execute(&mut *tx)
    .await;
    match inserted {
        Ok(_) => {}
        // Two registrations of one address, both with their codes: the owner of the mailbox asked for both.
        Err(error) if is_duplicate(&error) => {
            return Err(Problem::new(ErrorKind::AlreadyExists, operation, "the address has an account"));
        }
        Err(error) => return Err(error.into()),
    }
    billing::begin(&app, &mut tx, &details.account_id, &plan).await?;
    sqlx::query("DELETE FROM registrations WHERE email_hash = $1").bind(&hash).execute(&mut *tx).await?;
    app.metrics.add("accounts_made_total", 1);
    tx.answer(StatusCode::CREATED, &RegistrationConfirmed { account_id: details.account_id.parse()? }).await
}

fn unknown(operation: &'static str) -> Problem {
    Problem::new(ErrorKind::NotFound, operation, "the registration is unknown, finished or expired; begin again")
}
