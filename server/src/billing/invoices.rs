//! Invoices: `/v1/invoices`; and what happened to a subscription: `/v1/subscription/history`.

use super::Subscription;
use crate::app::App;
use crate::authenticate::Caller;
use crate::change::ok;
use crate::page::{Asked, Named, Paging, after_key};
use crate::problem::Problem;
use crate::text::random_id;
use axum::extract::State;
use axum::response::Response;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use strongroom::account::wire::{
    Capability, Invoice, InvoiceId, InvoiceStatus, Page, ProblemDocument, SubscriptionEvent,
};
use strongroom::{Error, ErrorKind};

/// Writes the invoice of a subscription's period, where there is something to be paid.
pub(crate) async fn write(
    app: &App,
    tx: &mut AnyConnection,
    subscription: &Subscription,
    amount_cents: u64,
) -> Result<(), Problem> {
    if amount_cents == 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO invoices (id, account_id, plan_id, amount_cents, currency, status, issued_at, period_start_at, \
         period_end_at, provider_event_at) VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, 0)",
    )
    .bind(random_id()?)
    .bind(&subscription.account_id)
    .bind(&subscription.plan.id)
    .bind(i64::try_from(amount_cents).unwrap_or(i64::MAX))
    .bind(&subscription.plan.currency)
    .bind(app.clock.now_ms())
    .bind(subscription.period_start_at)
    .bind(subscription.period_end_at.unwrap_or(0))
    .execute(tx)
    .await?;
    Ok(())
}

/// The account's invoices, newest first.
#[utoipa::path(
    get, path = "/v1/invoices", tag = "plans", security(("strongroom" = [])), params(Paging),
    responses((status = 200, body = Page<Invoice>), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Response, Problem> {
    caller.require(Capability::Account, None)?;
    let (before, id) = paging.after_time((i64::MAX, ""))?;
    let rows = sqlx::query(
        "SELECT id, issued_at, plan_id, amount_cents, currency, status, url FROM invoices WHERE account_id = $1 \
         AND (issued_at < $2 OR (issued_at = $2 AND id > $3)) ORDER BY issued_at DESC, id LIMIT $4",
    )
    .bind(&caller.account_id)
    .bind(before)
    .bind(id)
    .bind(paging.limit()? + 1)
    .fetch_all(app.database.pool())
    .await?;
    let key = |row: &AnyRow| Ok(after_key(row.try_get("issued_at")?, row.try_get("id")?));
    ok(&paging.page(&rows, invoice, key)?)
}

/// One of the account's invoices.
#[utoipa::path(
    get, path = "/v1/invoices/{invoice_id}", tag = "plans", security(("strongroom" = [])),
    params(("invoice_id" = InvoiceId, Path)),
    responses((status = 200, body = Invoice), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<InvoiceId>,
) -> Result<Response, Problem> {
    caller.require(Capability::Account, None)?;
    let row = sqlx::query(
        "SELECT id, issued_at, plan_id, amount_cents, currency, status, url FROM invoices WHERE id = $1 AND account_id = $2",
    )
    .bind(id.to_string())
    .bind(&caller.account_id)
    .fetch_optional(app.database.pool())
    .await?
    .ok_or_else(|| Problem::new(ErrorKind::NotFound, "look up the invoice", "the account has no such invoice"))?;
    ok(&invoice(&row)?)
}

/// What happened to the account's subscription, newest first.
#[utoipa::path(
    get, path = "/v1/subscription/history", tag = "plans", security(("strongroom" = [])), params(Paging),
    responses((status = 200, body = Page<SubscriptionEvent>), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn history(
    State(app): State<App>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Response, Problem> {
    caller.require(Capability::Account, None)?;
    let (before, id) = paging.after_time((i64::MAX, ""))?;
    let rows = sqlx::query(
        "SELECT id, at, kind, plan_id, category FROM subscription_events WHERE account_id = $1 \
         AND (at < $2 OR (at = $2 AND id > $3)) ORDER BY at DESC, id LIMIT $4",
    )
    .bind(&caller.account_id)
    .bind(before)
    .bind(id)
    .bind(paging.limit()? + 1)
    .fetch_all(app.database.pool())
    .await?;
    let key = |row: &AnyRow| Ok(after_key(row.try_get("at")?, row.try_get("id")?));
    ok(&paging.page(&rows, event, key)?)
}

fn invoice(row: &AnyRow) -> Result<Invoice, Problem> {
    let status = match row.try_get::<String, _>("status")?.as_str() {
        "paid" => InvoiceStatus::Paid,
        "void" => InvoiceStatus::Void,
        _ => InvoiceStatus::Open,
    };
    Ok(Invoice {
        invoice_id: row.try_get::<String, _>("id")?.parse()?,
        issued_at: row.try_get("issued_at")?,
        plan: row.try_get("plan_id")?,
        amount_cents: u64::try_from(row.try_get::<i64, _>("amount_cents")?).unwrap_or(0),
        currency: row.try_get("currency")?,
        status,
        url: row.try_get("url")?,
    })
}

fn event(row: &AnyRow) -> Result<SubscriptionEvent, Problem> {
    // Written by this service in the names of the protocol.
    let kind = serde_json::Value::String(row.try_get("kind")?);
    let kind = serde_json::from_value(kind)
        .map_err(|error| Error::new(ErrorKind::Corrupt, "read a subscription's history").because(error))?;
    Ok(SubscriptionEvent {
        happened_at: row.try_get("at")?,
        event: kind,
        plan: row.try_get("plan_id")?,
        category: row.try_get("category")?,
    })
}
