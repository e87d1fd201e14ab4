//! The vaults' part of the protocol: `/v1/vaults`.

mod drain;
mod objects;
mod uploads;
mod vaults;

use super::catalogue::VaultRecord;
use crate::app::App;
use crate::authenticate::Caller;
use crate::plans::{self, Limits};
use crate::problem::Problem;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post, put};
use strongroom::account::wire::{AccountId, Capability, VaultId};
use strongroom::{Error, ErrorKind, Folder, ObjectName};

/// What the OpenAPI document says of vaults.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    vaults::create,
    vaults::list,
    vaults::show,
    vaults::delete,
    objects::list,
    objects::stat_config,
    objects::read_config,
    objects::put_config,
    objects::delete_config,
    objects::stat,
    objects::read,
    objects::put,
    objects::delete,
    objects::hold,
    uploads::start,
    uploads::show,
    uploads::put_part,
    uploads::finish,
    uploads::cancel,
))]
pub(crate) struct Document;

/// The routes of vaults, to be merged into those of the service.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/vaults", get(vaults::list).post(vaults::create))
        .route("/v1/vaults/{vault_id}", get(vaults::show).delete(vaults::delete))
        .route("/v1/vaults/{vault_id}/holds", put(objects::hold))
        .route("/v1/vaults/{vault_id}/objects", get(objects::list))
        .route(
            "/v1/vaults/{vault_id}/objects/{file}",
            get(objects::read_config)
                .head(objects::stat_config)
                .put(objects::put_config)
                .delete(objects::delete_config),
        )
        .route(
            "/v1/vaults/{vault_id}/objects/{folder}/{file}",
            get(objects::read).head(objects::stat).put(objects::put).delete(objects::delete),
        )
        .route("/v1/vaults/{vault_id}/uploads", post(uploads::start))
        .route(
            "/v1/vaults/{vault_id}/uploads/{upload_id}",
            get(uploads::show).put(uploads::put_part).delete(uploads::cancel),
        )
        .route("/v1/vaults/{vault_id}/uploads/{upload_id}/finish", post(uploads::finish))
        .layer(middleware::from_fn(drain::layer))
        // Objects are bounded by what they announce, and never gathered in memory.
        .layer(DefaultBodyLimit::disable())
}

/// The vault a request is about, if the caller may use one of these capabilities on it.
async fn vault(app: &App, caller: &Caller, vault: &str, any_of: &[Capability]) -> Result<VaultRecord, Problem> {
    let id: VaultId = vault.parse().map_err(|error: Error| Problem::from(error.object("vault_id")))?;
    let mut refused = None;
    for capability in any_of {
        match caller.require(*capability, Some(vault)) {
            Ok(()) => return app.vaults.catalogue().vault(account(caller)?, id).await,
            Err(problem) => refused = refused.or(Some(problem)),
        }
    }
    Err(refused.unwrap_or_else(|| Problem::new(ErrorKind::Forbidden, "use a vault", "the token allows nothing here")))
}

fn account(caller: &Caller) -> Result<AccountId, Problem> {
    Ok(caller.account_id.parse()?)
}

/// What the account's plan allows, where it allows changes at all.
///
/// # Errors
/// [`ReadOnly`](ErrorKind::ReadOnly) for accounts that may only read what they have.
async fn limits_for_change(app: &App, caller: &Caller) -> Result<Limits, Problem> {
    let limits = plans::limits(app, &caller.account_id).await?;
    if limits.read_only {
        let detail = "the account is read-only: its subscription has ended";
        return Err(Problem::new(ErrorKind::ReadOnly, "change a vault", detail));
    }
    Ok(limits)
}

/// The name in a message, `folder/file` or `config`.
fn object_name(name: &str) -> Result<ObjectName, Problem> {
    let name: ObjectName = name.parse()?;
    checked(name)
}

/// The name in a path.
fn object_in(folder: &str, file: &str) -> Result<ObjectName, Problem> {
    let operation = "name an object";
    let found = Folder::ALL.into_iter().find(|known| *known != Folder::Root && known.name() == folder);
    let folder = found.ok_or_else(|| Problem::new(ErrorKind::InvalidArgument, operation, "there is no such folder"))?;
    checked(ObjectName::new(folder, file)?)
}

fn checked(name: ObjectName) -> Result<ObjectName, Problem> {
    if name.folder() == Folder::Root && name != ObjectName::config() {
        let detail = "outside of the folders there is only config";
        return Err(Error::new(ErrorKind::InvalidArgument, "name an object").object(name).detail(detail).into());
    }
    Ok(name)
}
