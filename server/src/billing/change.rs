//! Changing plans: `/v1/subscription` and what is below it.

use super::stripe::StripeSubscription;
use super::{Payment, Subscription, invoices, note};
use crate::app::App;
use crate::authenticate::Caller;
use crate::change::{Change, Changing, Nothing, ok};
use crate::clock::DAY;
use crate::openapi::KeyHeader;
use crate::plans::{self, Plan};
use crate::problem::Problem;
use crate::usage::stored;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use strongroom::account::wire::{
    self, Capability, ChangePlan, Interval, PlanChange, ProblemDocument, SubscriptionPreview, SubscriptionStatus,
};
use strongroom::{Error, ErrorKind, Retry};

/// What a change to another plan is.
pub(crate) fn kind(from: &Plan, to: &Plan) -> PlanChange {
    let yearly = |plan: &Plan| match plan.interval {
        Interval::Month => plan.price_cents.saturating_mul(12),
        _ => plan.price_cents,
    };
    match (yearly(to), to.quota_bytes).cmp(&(yearly(from), from.quota_bytes)) {
        _ if from.id == to.id => PlanChange::None,
        std::cmp::Ordering::Less => PlanChange::Downgrade,
        _ => PlanChange::Upgrade,
    }
}

/// What a change to `plan` would mean at `now`, for an account that stores `bytes`.
fn preview_of(subscription: &Subscription, plan: &Plan, bytes: u64, now: i64) -> SubscriptionPreview {
    let change = kind(&subscription.plan, plan);
    let running = subscription.period_end_at.filter(|_| is_running(subscription));
    let credit = if is_running(subscription) { subscription.credit(now).min(plan.price_cents) } else { 0 };
    let (effective_at, credit_cents, due_now_cents) = match change {
        PlanChange::Upgrade => (now, credit, plan.price_cents - credit),
        PlanChange::Downgrade => (running.unwrap_or(now), 0, if running.is_some() { 0 } else { plan.price_cents }),
        _ => (now, 0, 0),
    };
    let currency = if plan.currency.is_empty() { &subscription.plan.currency } else { &plan.currency };
    SubscriptionPreview {
        plan: plan.id.clone(),
        change,
        effective_at,
        due_now_cents,
        credit_cents,
        currency: currency.clone(),
        excess_bytes: bytes.saturating_sub(plan.quota_bytes),
    }
}

/// Whether a period that was paid for, or is free, runs.
fn is_running(subscription: &Subscription) -> bool {
    matches!(
        subscription.status,
        SubscriptionStatus::Active | SubscriptionStatus::PastDue | SubscriptionStatus::Cancelled
    )
}

/// Refuses a plan that what is stored does not fit into.
fn check_fit(preview: &SubscriptionPreview) -> Result<(), Problem> {
    match preview.excess_bytes {
        0 => Ok(()),
        excess => Err(Error::new(ErrorKind::QuotaExceeded, "change the plan")
            .object(&preview.plan)
            .detail(format!("{excess} bytes more are stored than the plan allows; delete that much first"))
            .into()),
    }
}

/// The account's subscription.
#[utoipa::path(
    get, path = "/v1/subscription", tag = "plans", security(("strongroom" = [])),
    responses((status = 200, body = wire::Subscription), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn get(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.require(Capability::Account, None)?;
    let mut connection = app.database.pool().acquire().await?;
    ok(&Subscription::find(&mut connection, &caller.account_id).await?.to_wire())
}

/// What a change of plan would mean. Changes nothing.
#[utoipa::path(
    post, path = "/v1/subscription/preview", tag = "plans", security(("strongroom" = [])), params(KeyHeader), request_body = ChangePlan,
    responses((status = 200, body = SubscriptionPreview), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn preview(State(app): State<App>, change: Change<ChangePlan>) -> Result<Response, Problem> {
    change.caller.require(Capability::Account, None)?;
    let bytes = stored(&app, &change.caller.account_id).await?;
    let mut connection = app.database.pool().acquire().await?;
    let subscription = Subscription::find(&mut connection, &change.caller.account_id).await?;
    let plan = plans::choose(&mut connection, &change.body.plan).await?;
    ok(&preview_of(&subscription, &plan, bytes, app.clock.now_ms()))
}

/// Changes the plan: to more at once, to less at the end of the period and if what is stored fits.
#[utoipa::path(
    post, path = "/v1/subscription/change", tag = "plans", security(("strongroom" = [])), params(KeyHeader), request_body = ChangePlan,
    responses((status = 200, body = wire::Subscription), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn change(State(app): State<App>, change: Change<ChangePlan>) -> Result<Response, Problem> {
    let operation = "change the plan";
    change.caller.require(Capability::Account, None)?;
    let account_id = &change.caller.account_id;
    let bytes = stored(&app, account_id).await?;
    let before = look(&app, &change).await?;
    if !is_running(&before) && before.status != SubscriptionStatus::Pending {
        return Err(Problem::new(ErrorKind::Conflict, operation, "the subscription is over; resume it first"));
    }
    let (plan, next) = {
        let mut connection = app.database.pool().acquire().await?;
        let plan = plans::choose(&mut connection, &change.body.plan).await?;
        let next = match &before.next_plan_id {
            Some(id) => plans::find(&mut connection, id).await?,
            None => None,
        };
        (plan, next)
    };
    let now = app.clock.now_ms();
    let preview = preview_of(&before, &plan, bytes, now);
    if preview.change == PlanChange::Downgrade {
        check_fit(&preview)?;
    }
    if let Payment::Stripe(_) = &app.payment {
        match at_provider(&app, &before) {
            None if plan.price_cents > 0 => {
                return Err(Problem::new(
                    ErrorKind::Conflict,
                    operation,
                    "the plan is to be paid for first; ask for a checkout",
                ));
            }
            None => {}
            Some(provider) => match preview.change {
                PlanChange::Upgrade => provider.change_price(&plan, true, change.key()).await?,
                PlanChange::Downgrade if plan.price_cents == 0 => {
                    provider.cancel_at_period_end(true, change.key()).await?
                }
                PlanChange::Downgrade => provider.change_price(&plan, false, change.key()).await?,
                // Asking for the plan in force takes a change back that was to come.
                _ => match next {
                    Some(next) if next.price_cents == 0 => provider.cancel_at_period_end(false, change.key()).await?,
                    Some(_) => provider.change_price(&plan, false, change.key()).await?,
                    None => {}
                },
            },
        }
    }
    let (mut tx, mut subscription) = unchanged(&app, &change, &before).await?;
    match preview.change {
        PlanChange::Upgrade => {
            subscription.enter(plan, now);
            note(&app, &mut tx, account_id, "upgraded", &subscription.plan).await?;
            if matches!(app.payment, Payment::Manual) {
                invoices::write(&app, &mut tx, &subscription, preview.due_now_cents).await?;
            }
        }
        PlanChange::Downgrade if preview.effective_at > now => {
            note(&app, &mut tx, account_id, "downgrade_scheduled", &plan).await?;
            subscription.next_plan_id = Some(plan.id);
        }
        PlanChange::Downgrade => {
            subscription.enter(plan, now);
            note(&app, &mut tx, account_id, "downgraded", &subscription.plan).await?;
        }
        _ => subscription.next_plan_id = None,
    }
    subscription.save(&mut tx).await?;
    tx.answer(StatusCode::OK, &subscription.to_wire()).await
}

/// Cancels: the plan stays in force to the end of its period; then what is stored can be read for a while.
#[utoipa::path(
    post, path = "/v1/subscription/cancel", tag = "plans", security(("strongroom" = [])), params(KeyHeader),
    responses((status = 200, body = wire::Subscription), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn cancel(State(app): State<App>, change: Change<Nothing>) -> Result<Response, Problem> {
    change.caller.require(Capability::Account, None)?;
    let account_id = &change.caller.account_id;
    let before = look(&app, &change).await?;
    match before.status {
        SubscriptionStatus::Active | SubscriptionStatus::PastDue | SubscriptionStatus::Pending => {}
        _ => return Err(Problem::new(ErrorKind::Conflict, "cancel the subscription", "it is cancelled already")),
    }
    if let Some(provider) = at_provider(&app, &before) {
        provider.cancel_at_period_end(true, change.key()).await?;
    }
    let (mut tx, mut subscription) = unchanged(&app, &change, &before).await?;
    note(&app, &mut tx, account_id, "cancelled", &subscription.plan).await?;
    subscription.next_plan_id = None;
    let now = app.clock.now_ms();
    match subscription.period_end_at {
        Some(end) if end > now && subscription.status != SubscriptionStatus::Pending => {
            subscription.status = SubscriptionStatus::Cancelled;
        }
        _ => {
            close(&app, &mut subscription, now);
            note(&app, &mut tx, account_id, "became_read_only", &subscription.plan).await?;
        }
    }
    subscription.save(&mut tx).await?;
    tx.answer(StatusCode::OK, &subscription.to_wire()).await
}

/// Takes a cancellation back.
#[utoipa::path(
    post, path = "/v1/subscription/resume", tag = "plans", security(("strongroom" = [])), params(KeyHeader),
    responses((status = 200, body = wire::Subscription), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn resume(State(app): State<App>, change: Change<Nothing>) -> Result<Response, Problem> {
    let operation = "resume the subscription";
    change.caller.require(Capability::Account, None)?;
    let account_id = &change.caller.account_id;
    let before = look(&app, &change).await?;
    let free = before.plan.price_cents == 0 || matches!(app.payment, Payment::Manual);
    match before.status {
        SubscriptionStatus::Cancelled => {
            if let Some(provider) = at_provider(&app, &before) {
                provider.cancel_at_period_end(false, change.key()).await?;
            }
        }
        SubscriptionStatus::ReadOnly if free => {}
        SubscriptionStatus::ReadOnly => {
            return Err(Problem::new(ErrorKind::Conflict, operation, "its period is over; ask for a checkout"));
        }
        _ => return Err(Problem::new(ErrorKind::Conflict, operation, "it is not cancelled, or over for good")),
    }
    let (mut tx, mut subscription) = unchanged(&app, &change, &before).await?;
    if subscription.status == SubscriptionStatus::Cancelled {
        subscription.status = SubscriptionStatus::Active;
    } else {
        let plan = subscription.plan.clone();
        subscription.enter(plan, app.clock.now_ms());
        invoices::write(&app, &mut tx, &subscription, subscription.plan.price_cents).await?;
    }
    subscription.save(&mut tx).await?;
    note(&app, &mut tx, account_id, "resumed", &subscription.plan).await?;
    tx.answer(StatusCode::OK, &subscription.to_wire()).await
}

/// The subscription that a change begins with. The provider is asked outside of any transaction: it may take its time.
async fn look<T>(app: &App, change: &Change<T>) -> Result<Subscription, Problem> {
    let subscription = {
        let mut connection = app.database.pool().acquire().await?;
        Subscription::find(&mut connection, &change.caller.account_id).await?
    };
    // After the subscription was read: one that the same change has changed already comes with that change's answer.
    change.answered(app).await?;
    Ok(subscription)
}

/// Begins the change itself, if the subscription is still as it was.
async fn unchanged<T>(
    app: &App,
    change: &Change<T>,
    before: &Subscription,
) -> Result<(Changing, Subscription), Problem> {
    let mut tx = change.begin(app).await?;
    // Written to before it is read: of changes that come at once, one waits for the other.
    sqlx::query("UPDATE subscriptions SET provider_event_at = provider_event_at WHERE account_id = $1")
        .bind(&before.account_id)
        .execute(&mut *tx)
        .await?;
    let subscription = Subscription::find(&mut tx, &before.account_id).await?;
    if subscription != *before {
        return Err(Error::new(ErrorKind::Unavailable, "change the subscription")
            .detail("it was changed at the same time; ask again")
            .retry_hint(Retry::After(std::time::Duration::from_secs(1)))
            .into());
    }
    Ok((tx, subscription))
}

/// Ends a subscription's period: from now on what is stored can be read alone, for a while.
pub(crate) fn close(app: &App, subscription: &mut Subscription, now: i64) {
    subscription.status = SubscriptionStatus::ReadOnly;
    subscription.next_plan_id = None;
    subscription.readable_until = Some(now + i64::from(app.config.payment.read_only_days) * DAY);
}

fn at_provider<'a>(app: &'a App, subscription: &Subscription) -> Option<StripeSubscription<'a>> {
    match (&app.payment, &subscription.provider_subscription) {
        (Payment::Stripe(stripe), Some(id)) => Some(stripe.subscription(id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(id: &str, price: u64, interval: &str, quota: u64) -> Plan {
        toml::from_str(&format!(
            "id = \"{id}\"\nname = \"n\"\ncategory = \"c\"\nquota_bytes = {quota}\nprice_cents = {price}\ncurrency = \"EUR\"\ninterval = \"{interval}\""
        ))
        .unwrap()
    }

    #[test]
    fn more_is_what_costs_more_a_year_or_as_much_for_more_room() {
        let free = plan("free", 0, "none", 5);
        let month = plan("month", 500, "month", 100);
        let year = plan("year", 5000, "year", 100);
        let roomy = plan("roomy", 0, "none", 6);
        assert_eq!(kind(&free, &month), PlanChange::Upgrade);
        assert_eq!(kind(&month, &year), PlanChange::Downgrade);
        assert_eq!(kind(&year, &month), PlanChange::Upgrade);
        assert_eq!(kind(&free, &roomy), PlanChange::Upgrade);
        assert_eq!(kind(&roomy, &free), PlanChange::Downgrade);
        assert_eq!(kind(&month, &month), PlanChange::None);
    }
}
