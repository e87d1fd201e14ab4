//! `/v1/webhooks/stripe`: Stripe says what happened, in any order and as often as it likes.
//!
//! An event is taken once, by its id. How a subscription or an invoice stands is set by the newest event alone, by
//! Stripe's own time: what comes late changes nothing.

use super::events::{self, Event, InvoiceState, SubscriptionState, What};
use super::signature::is_signed;
use crate::app::App;
use crate::billing::{Payment, Subscription, change, note};
use crate::change::ok;
use crate::plans::{self, Plan};
use crate::problem::Problem;
use crate::text::random_id;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sqlx::{AnyConnection, Row};
use strongroom::ErrorKind;
use strongroom::account::wire::{Done, PlanChange, ProblemDocument, SubscriptionStatus};

/// Longest event that is read.
const MAX_EVENT: usize = 512 * 1024;

/// Takes an event of Stripe, signed by it.
#[utoipa::path(
    post, path = "/v1/webhooks/stripe", tag = "plans",
    params(("Stripe-Signature" = String, Header, description = "Stripe's signature of the body")),
    request_body(content = Object, description = "An event of Stripe", content_type = "application/json"),
    responses((status = 200, body = Done), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn receive(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let operation = "take an event of the payment provider";
    let Payment::Stripe(stripe) = &app.payment else {
        return Err(Problem::new(ErrorKind::NotFound, operation, "this service is not paid through Stripe"));
    };
    let bytes = axum::body::to_bytes(body, MAX_EVENT)
        .await
        .map_err(|_| Problem::new(ErrorKind::LimitExceeded, operation, "the event is too long, or broke off"))?;
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let now = u64::try_from(app.clock.now_ms() / 1000).unwrap_or_default();
    if !is_signed(header, &bytes, stripe.webhook_secret(), now) {
        app.metrics.add("webhooks_refused_total", 1);
        return Err(Problem::new(ErrorKind::Untrusted, operation, "the signature does not fit"));
    }
    let event = events::read(&bytes)
        .ok_or_else(|| Problem::new(ErrorKind::InvalidArgument, operation, "it is not an event as expected"))?;
    apply(&app, &event).await?;
    ok(&Done {})
}

/// Takes an event in; one that was taken before, or says nothing new, changes nothing.
async fn apply(app: &App, event: &Event) -> Result<(), Problem> {
    let mut tx = app.database.write().await?;
    let first = sqlx::query(
        "INSERT INTO provider_events (event_id, received_at) VALUES ($1, $2) ON CONFLICT (event_id) DO NOTHING",
    )
    .bind(&event.id)
    .bind(app.clock.now_ms())
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if first == 0 {
        return Ok(());
    }
    match &event.what {
        What::Subscription(state) => subscription(app, &mut tx, event.at, state).await?,
        What::Invoice(state) => invoice(app, &mut tx, event.at, state).await?,
        What::Other => {}
    }
    app.metrics.add("webhooks_total", 1);
    tx.commit().await
}

async fn subscription(app: &App, tx: &mut AnyConnection, at: i64, state: &SubscriptionState) -> Result<(), Problem> {
    let account =
        sqlx::query("SELECT account_id FROM subscriptions WHERE provider_subscription = $1 OR account_id = $2")
            .bind(&state.id)
            .bind(state.account_id.as_deref().unwrap_or_default())
            .fetch_optional(&mut *tx)
            .await?;
    let Some(account) = account else {
        tracing::warn!("an event of the payment provider is about no account of this service");
        return Ok(());
    };
    let account_id: String = account.try_get(0)?;
    let ended = state.status == SubscriptionStatus::ReadOnly;
    // The newest event wins, by this one statement: events that come at once cannot both be the newest. Of the same
    // second, an end wins, and what waits for its first payment does not. A subscription that is not the account's
    // current one takes its place by being in force, and changes nothing by ending.
    let rank = match state.status {
        SubscriptionStatus::Pending => 0,
        SubscriptionStatus::ReadOnly => 2,
        _ => 1,
    };
    let taken = sqlx::query(
        "UPDATE subscriptions SET provider_event_at = $1, provider_subscription = $2, provider_customer = $3 WHERE account_id = $4 \
         AND (provider_event_at < $1 OR (provider_event_at = $1 AND $5 > 0 AND status NOT IN ('read_only', 'ended'))) \
         AND (provider_subscription = $2 OR provider_subscription IS NULL OR $5 = 1)",
    )
    .bind(at)
    .bind(&state.id)
    .bind(&state.customer)
    .bind(&account_id)
    .bind(i64::from(rank))
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if taken == 0 {
        return Ok(());
    }
    let mut subscription = Subscription::find(tx, &account_id).await?;
    let before = subscription.status;
    if ended {
        return end(app, tx, subscription).await;
    }
    subscription.status = state.status;
    subscription.period_start_at = state.period_start_at;
    subscription.period_end_at = Some(state.period_end_at);
    subscription.readable_until = None;
    if let Some(plan) = plan_of(tx, state.price.as_deref()).await? {
        // A smaller plan that was chosen is in force when the period ends, whatever Stripe bills next.
        let waits = subscription.next_plan_id.as_ref() == Some(&plan.id) && state.period_end_at > app.clock.now_ms();
        if !waits && plan.id != subscription.plan.id {
            let kind = match change::kind(&subscription.plan, &plan) {
                PlanChange::Downgrade => "downgraded",
                _ => "upgraded",
            };
            note(app, tx, &account_id, kind, &plan).await?;
            subscription.plan = plan;
            subscription.next_plan_id = None;
        }
    }
    match (before, state.status) {
        (SubscriptionStatus::Cancelled, SubscriptionStatus::Active) => {
            note(app, tx, &account_id, "resumed", &subscription.plan).await?
        }
        (old, SubscriptionStatus::Cancelled)
            if old != SubscriptionStatus::Cancelled && subscription.next_plan_id.is_none() =>
        {
            note(app, tx, &account_id, "cancelled", &subscription.plan).await?;
        }
        _ => {}
    }
    // What ends in order to be followed by a plan without a price is not cancelled.
    if state.status == SubscriptionStatus::Cancelled && subscription.next_plan_id.is_some() {
        subscription.status = SubscriptionStatus::Active;
    }
    subscription.save(tx).await
}

/// A subscription at Stripe is over: a plan without a price follows if one was chosen, else the window for reading.
async fn end(app: &App, tx: &mut AnyConnection, mut subscription: Subscription) -> Result<(), Problem> {
    let next = match &subscription.next_plan_id {
        Some(id) => plans::find(tx, id).await?,
        None => None,
    };
    let now = app.clock.now_ms();
    match next.filter(|plan| plan.price_cents == 0) {
        Some(plan) => {
            subscription.enter(plan, now);
            note(app, tx, &subscription.account_id, "downgraded", &subscription.plan).await?;
        }
        None => {
            change::close(app, &mut subscription, now);
            note(app, tx, &subscription.account_id, "became_read_only", &subscription.plan).await?;
        }
    }
    subscription.save(tx).await?;
    sqlx::query("UPDATE subscriptions SET provider_subscription = NULL WHERE account_id = $1")
        .bind(&subscription.account_id)
        .execute(tx)
        .await?;
    Ok(())
}

async fn invoice(app: &App, tx: &mut AnyConnection, at: i64, state: &InvoiceState) -> Result<(), Problem> {
    let account = sqlx::query("SELECT account_id, plan_id FROM subscriptions WHERE provider_customer = $1")
        .bind(&state.customer)
        .fetch_optional(&mut *tx)
        .await?;
    let Some(account) = account else {
        // Ahead of the event of its subscription: Stripe sends it again when it is not taken.
        return Err(Problem::new(ErrorKind::Unavailable, "take an invoice", "its customer is not known yet"));
    };
    let (account_id, plan_id): (String, String) = (account.try_get(0)?, account.try_get(1)?);
    let plan = match plan_of(tx, state.price.as_deref()).await? {
        Some(plan) => Some(plan),
        None => plans::find(tx, &plan_id).await?,
    };
    let Some(plan) = plan else { return Ok(()) };
    // Paid or void is for good.
    let written = sqlx::query(
        "INSERT INTO invoices (id, account_id, plan_id, amount_cents, currency, status, issued_at, period_start_at, \
         period_end_at, url, provider_invoice, provider_event_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8, $9, $10) \
         ON CONFLICT (provider_invoice) DO UPDATE SET status = $6, amount_cents = $4, url = $8, provider_event_at = $10 \
         WHERE invoices.provider_event_at <= $10 AND invoices.status = 'open'",
    )
    .bind(random_id()?)
    .bind(&account_id)
    .bind(&plan.id)
    .bind(state.amount_cents)
    .bind(&state.currency)
    .bind(state.status)
    .bind(state.issued_at)
    .bind(state.url.as_deref())
    .bind(&state.id)
    .bind(at)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if written > 0 && state.status == "paid" {
        note(app, tx, &account_id, "paid", &plan).await?;
    }
    if state.payment_failed {
        note(app, tx, &account_id, "payment_failed", &plan).await?;
    }
    Ok(())
}

async fn plan_of(tx: &mut AnyConnection, price: Option<&str>) -> Result<Option<Plan>, Problem> {
    match price {
        Some(price) => plans::find_by_price(tx, price).await,
        None => Ok(None),
    }
}
