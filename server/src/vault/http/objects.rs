//! Storing, reading, listing, holding and deleting objects.

use super::vaults::page;
use super::{limits_for_change, object_in, object_name, vault};
use crate::app::App;
use crate::authenticate::Caller;
use crate::change::{Change, ok};
use crate::openapi::KeyHeader;
use crate::page::{Asked, Paging};
use crate::plans::{self, Limits};
use crate::problem::Problem;
use crate::vault::catalogue::Object;
use crate::vault::range::{Wanted, wanted};
use crate::vault::receive::Announced;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use strongroom::account::wire::{
    Capability, Hold, MAX_OBJECT_PART, Page, ProblemDocument, SetHold, StoredObject, VaultId,
};
use strongroom::{Error, ErrorKind, Folder, ObjectName};

/// [`OBJECT_MODIFIED`](strongroom::account::wire::OBJECT_MODIFIED) and
/// [`OBJECT_HASH`](strongroom::account::wire::OBJECT_HASH), in the case that names of headers have in memory.
const MODIFIED: &str = "strongroom-modified";
const HASH: &str = "strongroom-hash";

/// Longest hold: a hundred years, in milliseconds. Nobody could undo a longer one either.
const LONGEST_HOLD: i64 = 100 * 365 * 24 * 3600 * 1000;

/// What shows that objects are there.
const LOOK: &[Capability] = &[Capability::Read, Capability::Append, Capability::Maintain];
/// What reads the content of packs, which a writer has no need of.
const READ_PACKS: &[Capability] = &[Capability::Read, Capability::Maintain];

/// Which objects to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// The folder; empty for the object `config`.
    folder: String,
    /// Most items of the page; 100 where it is missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    after: Option<String>,
}

/// What a request with a body says of it.
///
/// # Errors
/// [`InvalidArgument`](ErrorKind::InvalidArgument) without `Content-Length`,
/// [`LimitExceeded`](ErrorKind::LimitExceeded) when it is too long.
pub(super) fn announced(caller: &Caller, headers: &HeaderMap, limits: &Limits) -> Result<Announced, Problem> {
    let operation = "store an object";
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let length = length
        .ok_or_else(|| Problem::new(ErrorKind::InvalidArgument, operation, "the header Content-Length is missing"))?;
    if length > MAX_OBJECT_PART {
        let detail = "a request has a body of 64 MiB at most; longer objects are uploaded in parts";
        return Err(Problem::new(ErrorKind::LimitExceeded, operation, detail));
    }
    Ok(Announced { length, hash: caller.body_hash, rate: limits.upload_rate.unwrap_or(0) })
}

/// The answer to whoever stored an object.
pub(super) fn stored(received_at: i64) -> Response {
    let modified = (HeaderName::from_static(MODIFIED), HeaderValue::from(received_at));
    (StatusCode::CREATED, [modified]).into_response()
}

/// The objects of one folder.
#[utoipa::path(
    get, path = "/v1/vaults/{vault_id}/objects", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), Listed),
    responses((status = 200, body = Page<StoredObject>), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(listed): Asked<Listed>,
) -> Result<Response, Problem> {
    let vault = vault(&app, &caller, &id, LOOK).await?;
    let limit = Paging::limit_of(listed.limit)?;
    let found = Folder::ALL.into_iter().find(|folder| folder.name() == listed.folder);
    let folder =
        found.ok_or_else(|| Problem::new(ErrorKind::InvalidArgument, "list objects", "there is no such folder"))?;
    let after = listed.after.unwrap_or_default();
    let found = app.vaults.catalogue().objects(&vault, folder, &after, limit + 1).await?;
    let shown = |object: Object| StoredObject {
        name: object.name.to_string(),
        length: object.length,
        modified_at: object.received_at,
    };
    ok(&page(found, limit, |object| object.name.file().to_owned(), shown))
}

/// The object a request is about, if there is one.
async fn find(
    app: &App,
    caller: &Caller,
    id: &str,
    name: &ObjectName,
    any_of: &[Capability],
) -> Result<Object, Problem> {
    let vault = vault(app, caller, id, any_of).await?;
    let found = app.vaults.catalogue().object(&vault, name).await?;
    found.ok_or_else(|| Error::new(ErrorKind::NotFound, "find an object").object(name).into())
}

fn described(object: &Object) -> Result<Vec<(HeaderName, HeaderValue)>, Problem> {
    let hash = HeaderValue::from_str(&object.hash)
        .map_err(|_| Problem::from(Error::new(ErrorKind::Corrupt, "read the catalogue").object(&object.name)))?;
    Ok(vec![
        (HeaderName::from_static(MODIFIED), HeaderValue::from(object.received_at)),
        (HeaderName::from_static(HASH), hash),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ])
}

fn with_headers(status: StatusCode, headers: Vec<(HeaderName, HeaderValue)>, length: u64, body: Body) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().extend(headers);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

async fn stat_of(app: &App, caller: &Caller, id: &str, name: &ObjectName) -> Result<Response, Problem> {
    let object = find(app, caller, id, name, LOOK).await?;
    Ok(with_headers(StatusCode::OK, described(&object)?, object.length, Body::empty()))
}

async fn read_of(
    app: &App,
    caller: &Caller,
    id: &str,
    name: &ObjectName,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let capabilities = if name.folder() == Folder::Packs { READ_PACKS } else { LOOK };
    let object = find(app, caller, id, name, capabilities).await?;
    let limits = plans::limits(app, &caller.account_id).await?;
    let mut described = described(&object)?;
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let (status, range) = match wanted(range, object.length) {
        Wanted::Whole => (StatusCode::OK, 0..object.length),
        Wanted::Part(range) => {
            let said = format!("bytes {}-{}/{}", range.start, range.end - 1, object.length);
            described.extend(HeaderValue::from_str(&said).ok().map(|said| (header::CONTENT_RANGE, said)));
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Wanted::Nothing => {
            let detail = format!("it has {} bytes", object.length);
            let problem: Problem = Error::new(ErrorKind::Corrupt, "read an object").object(name).detail(detail).into();
            let problem = problem.status(StatusCode::RANGE_NOT_SATISFIABLE);
            return Err(match HeaderValue::from_str(&format!("bytes */{}", object.length)) {
                Ok(said) => problem.header(header::CONTENT_RANGE, said),
                Err(_) => problem,
            });
        }
    };
    let length = range.end - range.start;
    let account = super::account(caller)?;
    let body = Body::from_stream(app.vaults.read(account, &object, range, limits.download_rate.unwrap_or(0)));
    Ok(with_headers(status, described, length, body))
}

async fn put_of(
    app: &App,
    caller: &Caller,
    id: &str,
    name: &ObjectName,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let vault = vault(app, caller, id, &[Capability::Append]).await?;
    let limits = limits_for_change(app, caller).await?;
    let announced = announced(caller, headers, &limits)?;
    let body = body.into_data_stream();
    Ok(stored(app.vaults.put(&vault, name, limits.quota_bytes, announced, body).await?))
}

async fn delete_of(app: &App, caller: &Caller, id: &str, name: &ObjectName) -> Result<Response, Problem> {
    let vault = vault(app, caller, id, &[Capability::Maintain]).await?;
    limits_for_change(app, caller).await?;
    app.vaults.delete(&vault, name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Length, hash and time of an object, in headers.
#[utoipa::path(
    head, path = "/v1/vaults/{vault_id}/objects/{folder}/{file}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("folder" = String, Path, description = "The folder"), ("file" = String, Path, description = "The name in it")),
    responses((status = 200, description = "It is there"), (status = "default", description = "It is not there, or not to be seen"))
)]
pub(crate) async fn stat(
    State(app): State<App>,
    caller: Caller,
    Path((id, folder, file)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    stat_of(&app, &caller, &id, &object_in(&folder, &file)?).await
}

/// Length, hash and time of the object `config`, in headers.
#[utoipa::path(
    head, path = "/v1/vaults/{vault_id}/objects/{file}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("file" = String, Path, description = "config")),
    responses((status = 200, description = "It is there"), (status = "default", description = "It is not there, or not to be seen"))
)]
pub(crate) async fn stat_config(
    State(app): State<App>,
    caller: Caller,
    Path((id, file)): Path<(String, String)>,
) -> Result<Response, Problem> {
    stat_of(&app, &caller, &id, &object_name(&file)?).await
}

/// Reads an object, or a range of it.
#[utoipa::path(
    get, path = "/v1/vaults/{vault_id}/objects/{folder}/{file}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("folder" = String, Path, description = "The folder"), ("file" = String, Path, description = "The name in it"), ("Range" = Option<String>, Header, description = "One range of bytes")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 206, body = Vec<u8>, content_type = "application/octet-stream"), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    Path((id, folder, file)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    read_of(&app, &caller, &id, &object_in(&folder, &file)?, &headers).await
}

/// Reads the object `config`, or a range of it.
#[utoipa::path(
    get, path = "/v1/vaults/{vault_id}/objects/{file}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("file" = String, Path, description = "config"), ("Range" = Option<String>, Header, description = "One range of bytes")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 206, body = Vec<u8>, content_type = "application/octet-stream"), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn read_config(
    State(app): State<App>,
    caller: Caller,
    Path((id, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    read_of(&app, &caller, &id, &object_name(&file)?, &headers).await
}

/// Stores an object, whose name must be free.
#[utoipa::path(
    put, path = "/v1/vaults/{vault_id}/objects/{folder}/{file}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("folder" = String, Path, description = "The folder"), ("file" = String, Path, description = "The name in it")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "It is stored"), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn put(
    State(app): State<App>,
    caller: Caller,
    Path((id, folder, file)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    put_of(&app, &caller, &id, &object_in(&folder, &file)?, &headers, body).await
}

/// Stores the object `config`, whose name must be free.
#[utoipa::path(
    put, path = "/v1/vaults/{vault_id}/objects/{file}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("file" = String, Path, description = "config")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "It is stored"), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn put_config(
    State(app): State<App>,
    caller: Caller,
    Path((id, file)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    put_of(&app, &caller, &id, &object_name(&file)?, &headers, body).await
}

/// Deletes an object; one that is not there is deleted already.
#[utoipa::path(
    delete, path = "/v1/vaults/{vault_id}/objects/{folder}/{file}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("folder" = String, Path, description = "The folder"), ("file" = String, Path, description = "The name in it")),
    responses((status = 204, description = "It is not there any more"), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((id, folder, file)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    delete_of(&app, &caller, &id, &object_in(&folder, &file)?).await
}

/// Deletes the object `config`; one that is not there is deleted already.
#[utoipa::path(
    delete, path = "/v1/vaults/{vault_id}/objects/{file}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), ("file" = String, Path, description = "config")),
    responses((status = 204, description = "It is not there any more"), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn delete_config(
    State(app): State<App>,
    caller: Caller,
    Path((id, file)): Path<(String, String)>,
) -> Result<Response, Problem> {
    delete_of(&app, &caller, &id, &object_name(&file)?).await
}

/// Keeps an object from being deleted by anybody. A hold is only ever made longer.
#[utoipa::path(
    put, path = "/v1/vaults/{vault_id}/holds", tag = "vaults", security(("strongroom" = [])), request_body = SetHold, params(("vault_id" = VaultId, Path, description = "The vault"), KeyHeader),
    responses((status = 200, body = Hold), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn hold(
    State(app): State<App>,
    Path(id): Path<String>,
    change: Change<SetHold>,
) -> Result<Response, Problem> {
    let vault = vault(&app, &change.caller, &id, &[Capability::Maintain]).await?;
    limits_for_change(&app, &change.caller).await?;
    let (name, until) = (object_name(&change.body.name)?, change.body.until_at);
    if until > app.vaults.catalogue().now().saturating_add(LONGEST_HOLD) {
        let detail = "a hold ends within a hundred years";
        return Err(Error::new(ErrorKind::InvalidArgument, "hold an object").object("until_at").detail(detail).into());
    }
    let mut changing = change.begin(&app).await?;
    app.vaults.catalogue().hold(&mut changing, &vault, &name, until).await?;
    changing.answer(StatusCode::OK, &Hold { name: name.to_string(), until_at: until }).await
}
