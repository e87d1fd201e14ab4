//! Making, showing and deleting vaults.

use super::{account, limits_for_change, vault};
use crate::app::App;
use crate::authenticate::Caller;
use crate::change::{Change, Nothing, ok};
use crate::openapi::KeyHeader;
use crate::page::{Asked, Paging};
use crate::problem::Problem;
use crate::vault::catalogue::VaultRecord;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use strongroom::account::wire::{Capability, CreateVault, Done, Page, ProblemDocument, Vault, VaultId};
use strongroom::{Error, ErrorKind};

/// Longest minimum age: ten years. A vault that nobody can ever delete anything of is a mistake.
const LONGEST_MINIMUM_AGE: u64 = 10 * 365 * 24 * 3600 * 1000;
/// A page of items, of which there is one more than it shows where it is not the last.
pub(super) fn page<T, U>(mut items: Vec<T>, limit: i64, next: impl Fn(&T) -> String, show: impl Fn(T) -> U) -> Page<U> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(next);
    Page { items: items.into_iter().map(show).collect(), next }
}

/// Makes a vault.
#[utoipa::path(
    post, path = "/v1/vaults", tag = "vaults", security(("strongroom" = [])), request_body = CreateVault, params(KeyHeader),
    responses((status = 201, body = Vault), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn create(State(app): State<App>, change: Change<CreateVault>) -> Result<Response, Problem> {
    change.caller.require(Capability::Account, None)?;
    limits_for_change(&app, &change.caller).await?;
    let minimum_age = change.body.minimum_age_ms.unwrap_or(0);
    if minimum_age > LONGEST_MINIMUM_AGE {
        let detail = "a minimum age is ten years at most";
        return Err(Error::new(ErrorKind::InvalidArgument, "make a vault")
            .object("minimum_age_ms")
            .detail(detail)
            .into());
    }
    let minimum_age = i64::try_from(minimum_age).unwrap_or(i64::MAX);
    let account = account(&change.caller)?;
    let mut changing = change.begin(&app).await?;
    let made = app.vaults.catalogue().create_vault(&mut changing, account, &change.body.name, minimum_age).await?;
    changing.answer(StatusCode::CREATED, &shown(made)).await
}

/// The vaults of the account.
#[utoipa::path(
    get, path = "/v1/vaults", tag = "vaults", security(("strongroom" = [])), params(Paging),
    responses((status = 200, body = Page<Vault>), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Response, Problem> {
    let limit = paging.limit()?;
    let mut found = app.vaults.catalogue().vaults(account(&caller)?, paging.after(), limit + 1).await?;
    // The token of one vault shows that one.
    if let Some(own) = &caller.vault_id {
        found.retain(|vault| vault.id.to_string() == *own);
    }
    ok(&page(found, limit, |vault| vault.id.to_string(), shown))
}

/// One vault.
#[utoipa::path(
    get, path = "/v1/vaults/{vault_id}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault")),
    responses((status = 200, body = Vault), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    ok(&shown(vault(&app, &caller, &id, &Capability::ALL).await?))
}

/// Deletes a vault with all that is in it; a person has to sign in for that.
#[utoipa::path(
    delete, path = "/v1/vaults/{vault_id}", tag = "vaults", security(("strongroom" = [])), params(("vault_id" = VaultId, Path, description = "The vault"), KeyHeader),
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Path(id): Path<String>,
    change: Change<Nothing>,
) -> Result<Response, Problem> {
    change.caller.require_session()?;
    change.caller.require(Capability::Account, Some(&id))?;
    let id: VaultId = id.parse()?;
    let account = account(&change.caller)?;
    let mut changing = change.begin(&app).await?;
    let vault = app.vaults.catalogue().vault(account, id).await?;
    app.vaults.catalogue().delete_vault(&mut changing, &vault).await?;
    changing.answer(StatusCode::OK, &Done::default()).await
}

fn shown(vault: VaultRecord) -> Vault {
    Vault {
        vault_id: vault.id,
        name: vault.name,
        created_at: vault.created_at,
        minimum_age_ms: u64::try_from(vault.minimum_age_ms).ok().filter(|age| *age > 0),
        bytes: vault.bytes,
        objects: vault.objects,
    }
}
