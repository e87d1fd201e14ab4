//! What the service says of itself: `/v1/service`, `/v1/health`, `/v1/ready`, `/v1/plans`, `/v1/openapi.json`.

use crate::app::App;
use crate::change::{json, ok};
use crate::openapi;
use crate::page::{Asked, Paging};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use strongroom::account::wire::{Done, Page, Plan, ProblemDocument, ServiceInfo};
use strongroom::{Error, ErrorKind};

/// What the service is called, whom to write to, and how passwords are stretched.
#[utoipa::path(get, path = "/v1/service", tag = "service", responses((status = 200, body = ServiceInfo)))]
pub(crate) async fn info(State(app): State<App>) -> Result<Response, Problem> {
    let service = &app.config.service;
    ok(&ServiceInfo {
        name: service.name.clone(),
        contact: service.contact.clone(),
        notices_url: service.notices_url.clone().unwrap_or_default(),
        versions: vec![1],
        now_at: app.clock.now_ms(),
        stretching: app.config.stretching.to_wire()?,
    })
}

/// Whether the service runs.
#[utoipa::path(get, path = "/v1/health", tag = "service", responses((status = 200, body = Done)))]
pub(crate) async fn live() -> Result<Response, Problem> {
    ok(&Done {})
}

/// Whether the service can do what it is asked: its database and its storage answer.
#[utoipa::path(
    get, path = "/v1/ready", tag = "service",
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    let answered = sqlx::query("SELECT 1").fetch_one(app.database.pool());
    match tokio::time::timeout(std::time::Duration::from_secs(5), answered).await {
        Ok(answered) => answered?,
        Err(_) => return Err(Problem::new(ErrorKind::Unavailable, "use the database", "it does not answer")),
    };
    app.vaults.ready().await?;
    ok(&Done {})
}

/// The plans that can be chosen.
#[utoipa::path(
    get, path = "/v1/plans", tag = "plans", params(Paging),
    responses((status = 200, body = Page<Plan>), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn plans(State(app): State<App>, Asked(paging): Asked<Paging>) -> Result<Response, Problem> {
    let plans = crate::plans::offered(&app).await?;
    let limit = usize::try_from(paging.limit()?).unwrap_or(usize::MAX);
    let from = match paging.after() {
        "" => 0,
        after => plans.iter().position(|plan| plan.id == after).map_or(plans.len(), |position| position + 1),
    };
    let items: Vec<Plan> = plans.iter().skip(from).take(limit).map(crate::plans::Plan::to_wire).collect();
    let next = (from + items.len() < plans.len()).then(|| items.last().map(|plan| plan.id.clone())).flatten();
    ok(&Page { items, next })
}

/// The OpenAPI document.
pub(crate) async fn openapi() -> Result<Response, Problem> {
    let text = openapi::document()
        .map_err(|error| Error::new(ErrorKind::Internal, "write the OpenAPI document").because(error))?;
    Ok(json(StatusCode::OK, text.into_bytes()))
}
