//! Devices and their tokens: `/v1/devices`.

use super::letters::Text;
use crate::app::App;
use crate::authenticate::Caller;
use crate::change::{Change, Nothing, OpenChange, ok};
use crate::clock::MINUTE;
use crate::database::is_duplicate;
use crate::mail::{self, Kind};
use crate::openapi::KeyHeader;
use crate::page::{Asked, Named, Paging};
use crate::problem::{Problem, TIME_HEADER};
use crate::text::{base64url, from_base64url, random_id};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use strongroom::account::PublicKey;
use strongroom::account::proof::CLOCK_TOLERANCE;
use strongroom::account::wire::{
    Base64Url, Capabilities, Capability, Device, DeviceCertificate, DeviceToken, Done, EnrolDevice, Page,
    ProblemDocument, RenameDevice, RequestDeviceToken,
};
use strongroom::{DeviceId, DeviceRequest, Error, ErrorKind};

/// How long a token lasts.
const TOKEN_LIFE: i64 = 15 * MINUTE;
/// Most devices of an account, those that were revoked included.
const MOST: i64 = 1000;
/// Longest wrap of the master key.
const MAX_WRAP: usize = 4096;

const COLUMNS_BY_ID: &str = "SELECT id, name, request, grants, certificate, master_wrap, enrolled_at, last_seen_at, revoked_at \
                             FROM devices WHERE id = $1 AND account_id = $2";

/// Adds a device to the account.
#[utoipa::path(
    post, path = "/v1/devices", tag = "devices", security(("strongroom" = [])), params(KeyHeader), request_body = EnrolDevice,
    responses((status = 201, body = Device), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn enrol(State(app): State<App>, change: Change<EnrolDevice>) -> Result<Response, Problem> {
    let operation = "add a device";
    let (caller, body) = (&change.caller, &change.body);
    caller.require(Capability::Account, None)?;
    let request = DeviceRequest::from_bytes(&body.request.0)?;
    let certificate = &body.certificate;
    let now = app.clock.now_ms();
    if certificate.account_id.to_string() != caller.account_id || certificate.device_id != request.id() {
        return Err(Problem::new(
            ErrorKind::InvalidArgument,
            operation,
            "the certificate is for another account or device",
        ));
    }
    if u128::from(certificate.issued_at.abs_diff(now)) > CLOCK_TOLERANCE.as_millis() {
        return Err(Problem::new(ErrorKind::PermissionDenied, operation, "the certificate was not issued just now")
            .header(TIME_HEADER, HeaderValue::from(now)));
    }
    if body.master_wrap.as_ref().is_some_and(|wrap| wrap.0.len() > MAX_WRAP) {
        return Err(Problem::new(ErrorKind::InvalidArgument, operation, "the wrap of the master key is too long"));
    }
    let mut tx = change.begin(&app).await?;
    let row = sqlx::query("SELECT account_public, email FROM accounts WHERE id = $1")
        .bind(&caller.account_id)
        .fetch_one(&mut *tx)
        .await?;
    PublicKey::from_bytes(&from_base64url(row.try_get(0)?)?)?.check_certificate(certificate)?;
    let count = sqlx::query("SELECT COUNT(*) FROM devices WHERE account_id = $1")
        .bind(&caller.account_id)
        .fetch_one(&mut *tx)
        .await?;
    if count.try_get::<i64, _>(0)? >= MOST {
        return Err(Problem::new(
            ErrorKind::LimitExceeded,
            operation,
            "the account has 1000 devices, revoked ones included",
        ));
    }
    let device_id = request.id().to_string();
    let encoded = serde_json::to_string(certificate)
        .map_err(|error| Error::new(ErrorKind::Internal, operation).because(error))?;
    let inserted = sqlx::query(
        "INSERT INTO devices (id, account_id, name, request, grants, certificate, master_wrap, signing_public, enrolled_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&device_id)
    .bind(&caller.account_id)
    .bind(&body.name)
    .bind(base64url(&body.request.0))
    .bind(body.grants.to_string())
    .bind(encoded)
    .bind(body.master_wrap.as_ref().map(|wrap| base64url(&wrap.0)))
    .bind(base64url(&PublicKey::of_device(&request).to_bytes()))
    .bind(now)
    .execute(&mut *tx)
    .await;
    match inserted {
        Ok(_) => {}
        // A device that was revoked stays so: it comes back with new keys or not at all.
        Err(error) if is_duplicate(&error) => {
            return Err(Problem::new(
                ErrorKind::AlreadyExists,
                operation,
                "the device is or was enrolled; it needs a new key",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    let letter = Text::DeviceAdded { name: &body.name }.to(&app, row.try_get(1)?);
    mail::post(&app, &mut tx, Kind::Notice, &letter).await?;
    let answer = Device {
        device_id: request.id(),
        name: body.name.clone(),
        grants: body.grants,
        request: body.request.clone(),
        certificate: certificate.clone(),
        enrolled_at: now,
        last_seen_at: None,
        revoked_at: None,
        master_wrap: None,
    };
    tx.answer(StatusCode::CREATED, &answer).await
}

/// The account's devices, those that were revoked included.
#[utoipa::path(
    get, path = "/v1/devices", tag = "devices", security(("strongroom" = [])), params(Paging),
    responses((status = 200, body = Page<Device>), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Response, Problem> {
    caller.require(Capability::Account, None)?;
    let rows = sqlx::query(
        "SELECT id, name, request, grants, certificate, master_wrap, enrolled_at, last_seen_at, revoked_at \
         FROM devices WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3",
    )
    .bind(&caller.account_id)
    .bind(paging.after())
    .bind(paging.limit()? + 1)
    .fetch_all(app.database.pool())
    .await?;
    ok(&paging.page(&rows, |row| device(row, false), |row| Ok(row.try_get(0)?))?)
}

/// A device; to the device itself with the master key sealed to it.
#[utoipa::path(
    get, path = "/v1/devices/{device_id}", tag = "devices", security(("strongroom" = [])),
    params(("device_id" = DeviceId, Path)),
    responses((status = 200, body = Device), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Named(device_id): Named<DeviceId>,
) -> Result<Response, Problem> {
    let device_id = device_id.to_string();
    let itself = caller.device_id.as_ref() == Some(&device_id);
    if !itself {
        caller.require(Capability::Account, None)?;
    }
    let row = sqlx::query(COLUMNS_BY_ID)
        .bind(&device_id)
        .bind(&caller.account_id)
        .fetch_optional(app.database.pool())
        .await?
        .ok_or_else(unknown)?;
    ok(&device(&row, itself)?)
}

/// Gives a device another name.
#[utoipa::path(
    patch, path = "/v1/devices/{device_id}", tag = "devices", security(("strongroom" = [])),
    params(("device_id" = DeviceId, Path), KeyHeader), request_body = RenameDevice,
    responses((status = 200, body = Device), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn rename(
    State(app): State<App>,
    Named(device_id): Named<DeviceId>,
    change: Change<RenameDevice>,
) -> Result<Response, Problem> {
    change.caller.require(Capability::Account, None)?;
    let (device_id, account_id) = (device_id.to_string(), &change.caller.account_id);
    let mut tx = change.begin(&app).await?;
    sqlx::query("UPDATE devices SET name = $1 WHERE id = $2 AND account_id = $3")
        .bind(&change.body.name)
        .bind(&device_id)
        .bind(account_id)
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query(COLUMNS_BY_ID).bind(&device_id).bind(account_id).fetch_optional(&mut *tx).await?;
    let answer = device(&row.ok_or_else(unknown)?, false)?;
    tx.answer(StatusCode::OK, &answer).await
}

/// Revokes a device: its tokens end at once, and it gets no more.
#[utoipa::path(
    delete, path = "/v1/devices/{device_id}", tag = "devices", security(("strongroom" = [])),
    params(("device_id" = DeviceId, Path), KeyHeader),
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    Named(device_id): Named<DeviceId>,
    change: Change<Nothing>,
) -> Result<Response, Problem> {
    let device_id = device_id.to_string();
    if change.caller.device_id.as_ref() != Some(&device_id) {
        change.caller.require(Capability::Account, None)?;
    }
    let mut tx = change.begin(&app).await?;
    let revoked = sqlx::query(
        "UPDATE devices SET revoked_at = $1, master_wrap = NULL WHERE id = $2 AND account_id = $3 AND revoked_at IS NULL",
    )
    .bind(app.clock.now_ms())
    .bind(&device_id)
    .bind(&change.caller.account_id)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if revoked == 0 {
        return Err(unknown());
    }
    sqlx::query("DELETE FROM tokens WHERE device_id = $1").bind(&device_id).execute(&mut *tx).await?;
    tx.answer(StatusCode::OK, &Done {}).await
}

/// Gives a device a token. Signed by the device itself, not by a session.
#[utoipa::path(
    post, path = "/v1/devices/{device_id}/tokens", tag = "devices",
    params(("device_id" = DeviceId, Path), KeyHeader), request_body = RequestDeviceToken,
    responses((status = 201, body = DeviceToken), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn token(
    State(app): State<App>,
    Named(device_id): Named<DeviceId>,
    change: OpenChange<RequestDeviceToken>,
) -> Result<Response, Problem> {
    let operation = "get a token";
    let refused = || {
        Problem::new(ErrorKind::PermissionDenied, operation, "the device is unknown or revoked, or did not sign this")
    };
    let (body, id) = (&change.body, device_id.to_string());
    let now = app.clock.now_ms();
    if u128::from(body.requested_at.abs_diff(now)) > CLOCK_TOLERANCE.as_millis() {
        return Err(Problem::new(ErrorKind::PermissionDenied, operation, "the clock of the client is wrong")
            .header(TIME_HEADER, HeaderValue::from(now)));
    }
    let mut tx = change.begin(&app).await?;
    let row =
        sqlx::query("SELECT account_id, signing_public, grants FROM devices WHERE id = $1 AND revoked_at IS NULL")
            .bind(&id)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or_else(refused)?;
    let account_id: String = row.try_get(0)?;
    PublicKey::from_bytes(&from_base64url(row.try_get(1)?)?)?
        .check_token_request(&account_id.parse()?, &device_id, body)
        .map_err(|_| refused())?;
    let grants: Capabilities = row.try_get::<String, _>(2)?.parse()?;
    if body.capabilities.is_empty() || !body.capabilities.is_subset(grants) {
        return Err(Problem::new(ErrorKind::Forbidden, operation, "the device was not granted these capabilities"));
    }
    if !use_nonce(&app, &mut tx, &id, &body.nonce.to_string()).await? {
        return Err(Problem::new(ErrorKind::PermissionDenied, operation, "this request was made before"));
    }
    let token = random_id()?;
    let expires_at = now + TOKEN_LIFE;
    sqlx::query("INSERT INTO tokens (id, account_id, device_id, vault_id, capabilities, expires_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&token)
        .bind(&account_id)
        .bind(&id)
        .bind(body.vault_id.map(|vault| vault.to_string()))
        .bind(body.capabilities.to_string())
        .bind(expires_at)
        .execute(&mut *tx)
        .await?;
    sqlx::query("UPDATE devices SET last_seen_at = $1 WHERE id = $2").bind(now).bind(&id).execute(&mut *tx).await?;
    tx.answer(StatusCode::CREATED, &DeviceToken { token: token.parse()?, expires_at }).await
}

/// Uses up bytes that are good once; false where they were used before.
pub(crate) async fn use_nonce(app: &App, tx: &mut AnyConnection, owner: &str, nonce: &str) -> Result<bool, Problem> {
    // Kept for as long as a message with it would be taken for timely.
    let expires_at = app.clock.now_ms() + 2 * i64::try_from(CLOCK_TOLERANCE.as_millis()).unwrap_or(i64::MAX / 2);
    let inserted = sqlx::query(
        "INSERT INTO nonces (owner, nonce, expires_at) VALUES ($1, $2, $3) ON CONFLICT (owner, nonce) DO NOTHING",
    )
    .bind(owner)
    .bind(nonce)
    .bind(expires_at)
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

fn device(row: &AnyRow, with_wrap: bool) -> Result<Device, Problem> {
    let certificate: DeviceCertificate = serde_json::from_str(row.try_get("certificate")?)
        .map_err(|error| Error::new(ErrorKind::Corrupt, "read a device").because(error))?;
    let wrap: Option<String> = row.try_get("master_wrap")?;
    Ok(Device {
        device_id: row.try_get::<String, _>("id")?.parse()?,
        name: row.try_get("name")?,
        grants: row.try_get::<String, _>("grants")?.parse()?,
        request: Base64Url(from_base64url(row.try_get("request")?)?),
        certificate,
        enrolled_at: row.try_get("enrolled_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        revoked_at: row.try_get("revoked_at")?,
        master_wrap: wrap.filter(|_| with_wrap).map(|wrap| from_base64url(&wrap).map(Base64Url)).transpose()?,
    })
}

fn unknown() -> Problem {
    Problem::new(ErrorKind::NotFound, "look up the device", "the account has no such device")
}
