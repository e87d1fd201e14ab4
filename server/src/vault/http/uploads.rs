//! Uploads in parts, which go on where they broke off.

use super::{limits_for_change, object_name, vault};
use crate::app::App;
use crate::authenticate::Caller;
use crate::change::{Change, Nothing, ok};
use crate::openapi::KeyHeader;
use crate::page::Asked;
use crate::problem::Problem;
use crate::vault::catalogue::{Reservation, VaultRecord};
use crate::vault::http::objects::{announced, stored};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use strongroom::account::wire::{
    Capability, Done, FinishUpload, ProblemDocument, StartUpload, Upload, UploadId, VaultId,
};
use strongroom::{Error, ErrorKind};

/// Longest object, in bytes: a bucket takes 10,000 parts of 8 MiB.
const LONGEST: u64 = 10_000 * (8 << 20);

/// Where a part begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Offset {
    /// Bytes of the object that come before the part.
    offset: u64,
}

async fn find(app: &App, caller: &Caller, id: &str, upload: &str) -> Result<(VaultRecord, UploadId), Problem> {
    let vault = vault(app, caller, id, &[Capability::Append]).await?;
    Ok((vault, upload.parse().map_err(|error: Error| Problem::from(error.object("upload_id")))?))
}

async fn progress(app: &App, reservation: &Reservation) -> Result<Upload, Problem> {
    let received = app.vaults.store().staging().received(reservation.upload).await?;
    Ok(Upload { upload_id: reservation.upload, received, length: reservation.length })
}

/// Begins an upload in parts; its length is set aside from the quota.
#[utoipa::path(
    post, path = "/v1/vaults/{vault_id}/uploads", tag = "vaults", security(("strongroom" = [])), request_body = StartUpload, params(("vault_id" = VaultId, Path, description = "The vault"), KeyHeader),
    responses((status = 201, body = Upload), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn start(
    State(app): State<App>,
    Path(id): Path<String>,
    change: Change<StartUpload>,
) -> Result<Response, Problem> {
    let vault = vault(&app, &change.caller, &id, &[Capability::Append]).await?;
    let limits = limits_for_change(&app, &change.caller).await?;
    let (name, length) = (object_name(&change.body.name)?, change.body.length);
    if length > LONGEST {
        let detail = "an object has 80,000 MiB at most";
        return Err(Error::new(ErrorKind::LimitExceeded, "begin an upload").object(name).detail(detail).into());
    }
    let catalogue = app.vaults.catalogue();
    let mut changing = change.begin(&app).await?;
    catalogue.check_free(&vault, &name).await?;
    let made = catalogue.reserve_in(&mut changing, &vault, &name, length, limits.quota_bytes, true).await?;
    let answer = Upload { upload_id: made.upload, received: 0, length };
    changing.answer(StatusCode::CREATED, &answer).await
}

/// How far an upload is.
#[utoipa::path(
    get, path = "/v1/vaults/{vault_id}/uploads/{upload_id}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("upload_id" = UploadId, Path, description = "The upload")),
    responses((status = 200, body = Upload), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((id, upload)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (vault, upload) = find(&app, &caller, &id, &upload).await?;
    let reservation = app.vaults.catalogue().upload(&vault, upload).await?;
    ok(&progress(&app, &reservation).await?)
}

/// Takes a part, which begins where the last one ended. What came in before a part broke off stays.
#[utoipa::path(
    put, path = "/v1/vaults/{vault_id}/uploads/{upload_id}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("upload_id" = UploadId, Path, description = "The upload"), Offset),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Upload), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn put_part(
    State(app): State<App>,
    caller: Caller,
    Path((id, upload)): Path<(String, String)>,
    Asked(Offset { offset }): Asked<Offset>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (vault, upload) = find(&app, &caller, &id, &upload).await?;
    let limits = limits_for_change(&app, &caller).await?;
    let announced = announced(&caller, &headers, &limits)?;
    let reservation = app.vaults.catalogue().upload(&vault, upload).await?;
    let received = app.vaults.put_part(&reservation, offset, announced, body.into_data_stream()).await?;
    ok(&Upload { upload_id: upload, received, length: reservation.length })
}

/// Turns an upload whose parts are all there into an object.
#[utoipa::path(
    post, path = "/v1/vaults/{vault_id}/uploads/{upload_id}/finish", tag = "vaults", security(("strongroom" = [])), request_body = FinishUpload, params(("vault_id" = VaultId, Path, description = "The vault"), ("upload_id" = UploadId, Path, description = "The upload"), KeyHeader),
    responses((status = 201, description = "The object is stored"), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn finish(
    State(app): State<App>,
    Path((id, upload)): Path<(String, String)>,
    change: Change<FinishUpload>,
) -> Result<Response, Problem> {
    let (vault, upload) = find(&app, &change.caller, &id, &upload).await?;
    limits_for_change(&app, &change.caller).await?;
    let hash: [u8; 32] = change.body.hash.array("finish an upload").map_err(|_| {
        Error::new(ErrorKind::InvalidArgument, "finish an upload").object("hash").detail("it is not 32 bytes long")
    })?;
    let reservation = match app.vaults.catalogue().upload(&vault, upload).await {
        Ok(reservation) => reservation,
        // The answer to an earlier request was lost: it was finished then.
        Err(problem) => {
            let object = app.vaults.catalogue().object_of(&vault, upload).await?;
            return object
                .filter(|object| object.has_hash(&hash))
                .map_or(Err(problem), |object| Ok(stored(object.received_at)));
        }
    };
    Ok(stored(app.vaults.finish(&reservation, hash).await?))
}

/// Ends an upload without an object.
#[utoipa::path(
    delete, path = "/v1/vaults/{vault_id}/uploads/{upload_id}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("upload_id" = UploadId, Path, description = "The upload"), KeyHeader),
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    Path((id, upload)): Path<(String, String)>,
    change: Change<Nothing>,
) -> Result<Response, Problem> {
    let (vault, upload) = find(&app, &change.caller, &id, &upload).await?;
    match app.vaults.catalogue().upload(&vault, upload).await {
        Ok(reservation) => app.vaults.cancel(&reservation).await?,
        Err(problem) if problem.kind_of_error() == Some(ErrorKind::NotFound) => {}
        Err(problem) => return Err(problem),
    }
    ok(&Done::default())
}
