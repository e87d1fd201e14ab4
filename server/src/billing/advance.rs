//! Time passing: periods end, plans that were chosen come into force, windows for reading close.

use super::{Payment, Subscription, change, invoices, note};
use crate::app::App;
use crate::calendar;
use crate::plans;
use crate::problem::Problem;
use crate::usage::stored;
use sqlx::Row;
use strongroom::account::wire::SubscriptionStatus;

/// Subscriptions dealt with at a time.
const BATCH: i64 = 200;

/// Does what the time calls for. Several processes may do so at once.
pub(crate) async fn advance(app: &App) -> Result<(), Problem> {
    let now = app.clock.now_ms();
    let rows = sqlx::query(
        "SELECT account_id FROM subscriptions WHERE (status IN ('active', 'past_due', 'cancelled') \
         AND period_end_at > 0 AND period_end_at <= $1 AND (status = 'cancelled' OR provider_subscription IS NULL OR next_plan_id IS NOT NULL)) \
         OR (status = 'read_only' AND readable_until <= $1) LIMIT $2",
    )
    .bind(now)
    .bind(BATCH)
    .fetch_all(app.database.pool())
    .await?;
    for row in rows {
        advance_one(app, row.try_get::<String, _>(0)?).await?;
    }
    Ok(())
}

async fn advance_one(app: &App, account_id: String) -> Result<(), Problem> {
    let stored = stored(app, &account_id).await?;
    let mut tx = app.database.write().await?;
    let now = app.clock.now_ms();
    // Taken by writing to it: of processes that come at once, one goes on.
    sqlx::query("UPDATE subscriptions SET provider_event_at = provider_event_at WHERE account_id = $1")
        .bind(&account_id)
        .execute(&mut *tx)
        .await?;
    let mut subscription = Subscription::find(&mut tx, &account_id).await?;
    let ended = subscription.period_end_at.is_some_and(|end| end <= now);
    match subscription.status {
        SubscriptionStatus::Cancelled if ended => {
            change::close(app, &mut subscription, now);
            note(app, &mut tx, &account_id, "became_read_only", &subscription.plan).await?;
        }
        SubscriptionStatus::Active | SubscriptionStatus::PastDue if ended => {
            let next = match &subscription.next_plan_id {
                Some(id) => plans::find(&mut tx, id).await?,
                None => None,
            };
            // What was added since the change was asked for may not fit any more: then the plan stays.
            if let Some(plan) = next.filter(|plan| stored <= plan.quota_bytes) {
                subscription.enter(plan, now);
                note(app, &mut tx, &account_id, "downgraded", &subscription.plan).await?;
            } else {
                renew(&mut subscription, now);
            }
            if matches!(app.payment, Payment::Manual) {
                invoices::write(app, &mut tx, &subscription, subscription.plan.price_cents).await?;
            }
        }
        SubscriptionStatus::ReadOnly if subscription.readable_until.is_some_and(|until| until <= now) => {
            subscription.status = SubscriptionStatus::Ended;
            note(app, &mut tx, &account_id, "ended", &subscription.plan).await?;
        }
        // Another process was faster.
        _ => return Ok(()),
    }
    subscription.save(&mut tx).await?;
    tx.commit().await
}

/// Begins the period that `now` lies in.
fn renew(subscription: &mut Subscription, now: i64) {
    while let Some(end) = subscription.period_end_at.filter(|end| *end <= now) {
        subscription.period_start_at = end;
        subscription.period_end_at = calendar::end_of(subscription.plan.interval, subscription.started_at, end);
        subscription.next_plan_id = None;
    }
}
