//! Subscriptions: which plan an account has, how it came to have it, and what is owed for it.

pub(crate) mod advance;
pub(crate) mod change;
pub(crate) mod checkout;
pub(crate) mod invoices;
pub(crate) mod stripe;

use crate::app::App;
use crate::calendar;
use crate::config::{PaymentConfig, PaymentProvider};
use crate::plans::{self, Plan};
use crate::problem::Problem;
use crate::text::random_id;
use sqlx::{AnyConnection, Row};
use strongroom::account::wire::{self, Interval, SubscriptionStatus};
use strongroom::{Error, ErrorKind};

/// Who takes the money.
#[derive(Debug)]
pub(crate) enum Payment {
    /// Nobody that the service knows of: plans change by asking, and invoices are settled outside.
    Manual,
    /// Stripe, on its own pages.
    Stripe(stripe::Stripe),
}

impl Payment {
    /// The provider a configuration names.
    pub(crate) fn new(config: &PaymentConfig) -> Result<Self, Error> {
        match config.provider {
            PaymentProvider::Manual => Ok(Payment::Manual),
            PaymentProvider::Stripe => stripe::Stripe::new(config).map(Payment::Stripe),
        }
    }
}

/// A subscription as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) account_id: String,
    pub(crate) plan: Plan,
    pub(crate) status: SubscriptionStatus,
    pub(crate) started_at: i64,
    pub(crate) period_start_at: i64,
    /// None for a plan without a price.
    pub(crate) period_end_at: Option<i64>,
    pub(crate) next_plan_id: Option<String>,
    pub(crate) readable_until: Option<i64>,
    pub(crate) provider_customer: Option<String>,
    pub(crate) provider_subscription: Option<String>,
}

/// Each state and its name in the database.
const STATES: [(SubscriptionStatus, &str); 6] = [
    (SubscriptionStatus::Pending, "pending"),
    (SubscriptionStatus::Active, "active"),
    (SubscriptionStatus::PastDue, "past_due"),
    (SubscriptionStatus::Cancelled, "cancelled"),
    (SubscriptionStatus::ReadOnly, "read_only"),
    (SubscriptionStatus::Ended, "ended"),
];

/// The name of a state in the database.
pub(crate) fn state_name(status: SubscriptionStatus) -> &'static str {
    STATES.iter().find(|(state, _)| *state == status).map_or("ended", |(_, name)| name)
}

impl Subscription {
    /// An account's subscription.
    pub(crate) async fn find(connection: &mut AnyConnection, account_id: &str) -> Result<Self, Problem> {
        let missing = || Error::new(ErrorKind::Corrupt, "read a subscription").object(account_id);
        let row = sqlx::query(
            "SELECT plan_id, status, started_at, period_start_at, period_end_at, next_plan_id, readable_until, \
             provider_customer, provider_subscription FROM subscriptions WHERE account_id = $1",
        )
        .bind(account_id)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or_else(missing)?;
        let plan = plans::find(connection, row.try_get("plan_id")?).await?.ok_or_else(missing)?;
        let name: String = row.try_get("status")?;
        let (status, _) = STATES.into_iter().find(|(_, known)| *known == name).ok_or_else(missing)?;
        let period_end_at: i64 = row.try_get("period_end_at")?;
        Ok(Subscription {
            account_id: account_id.to_owned(),
            plan,
            status,
            started_at: row.try_get("started_at")?,
            period_start_at: row.try_get("period_start_at")?,
            period_end_at: (period_end_at > 0).then_some(period_end_at),
            next_plan_id: row.try_get("next_plan_id")?,
            readable_until: row.try_get("readable_until")?,
            provider_customer: row.try_get("provider_customer")?,
            provider_subscription: row.try_get("provider_subscription")?,
        })
    }

    /// Writes back what may have changed: all but the provider's own columns.
    pub(crate) async fn save(&self, tx: &mut AnyConnection) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE subscriptions SET plan_id = $1, status = $2, started_at = $3, period_start_at = $4, period_end_at = $5, \
             next_plan_id = $6, readable_until = $7 WHERE account_id = $8",
        )
        .bind(&self.plan.id)
        .bind(state_name(self.status))
        .bind(self.started_at)
        .bind(self.period_start_at)
        .bind(self.period_end_at.unwrap_or(0))
        .bind(self.next_plan_id.as_deref())
        .bind(self.readable_until)
        .bind(&self.account_id)
        .execute(tx)
        .await?;
        Ok(())
    }

    /// Puts a plan in force from now on, at the beginning of a period of its own.
    pub(crate) fn enter(&mut self, plan: Plan, now: i64) {
        self.period_start_at = now;
        self.started_at = now;
        self.period_end_at = calendar::end_of(plan.interval, now, now);
        self.plan = plan;
        self.status = SubscriptionStatus::Active;
        self.next_plan_id = None;
        self.readable_until = None;
    }

    /// The subscription as clients see it.
    pub(crate) fn to_wire(&self) -> wire::Subscription {
        wire::Subscription {
            plan: self.plan.id.clone(),
            category: self.plan.category.clone(),
            status: self.status,
            started_at: self.started_at,
            period_ends_at: self.period_end_at,
            next_plan: self.next_plan_id.clone(),
            read_only_until_at: self.readable_until,
        }
    }

    /// What of the price of the period that runs is not used up, in the currency's smallest unit, rounded down.
    pub(crate) fn credit(&self, now: i64) -> u64 {
        let Some(end) = self.period_end_at else { return 0 };
        let whole = u128::try_from(end - self.period_start_at).unwrap_or(0);
        let left = u128::try_from(end - now).unwrap_or(0).min(whole);
        let credit = (u128::from(self.plan.price_cents) * left).checked_div(whole).unwrap_or(0);
        u64::try_from(credit).unwrap_or(0)
    }
}

/// Gives a new account its plan.
pub(crate) async fn begin(app: &App, tx: &mut AnyConnection, account_id: &str, plan: &Plan) -> Result<(), Problem> {
    let now = app.clock.now_ms();
    // Where somebody takes the money, a plan with a price waits for it.
    let waits = plan.interval != Interval::None && matches!(app.payment, Payment::Stripe(_));
    let status = if waits { SubscriptionStatus::Pending } else { SubscriptionStatus::Active };
    sqlx::query(
        "INSERT INTO subscriptions (account_id, plan_id, status, started_at, period_start_at, period_end_at, provider_event_at) \
         VALUES ($1, $2, $3, $4, $4, $5, 0)",
    )
    .bind(account_id)
    .bind(&plan.id)
    .bind(state_name(status))
    .bind(now)
    .bind(calendar::end_of(plan.interval, now, now).unwrap_or(0))
    .execute(&mut *tx)
    .await?;
    note(app, tx, account_id, "subscribed", plan).await?;
    let subscription = Subscription::find(tx, account_id).await?;
    if !waits { invoices::write(app, tx, &subscription, plan.price_cents).await } else { Ok(()) }
}

/// Writes down what happened to a subscription.
pub(crate) async fn note(
    app: &App,
    tx: &mut AnyConnection,
    account_id: &str,
    kind: &'static str,
    plan: &Plan,
) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO subscription_events (id, account_id, at, kind, plan_id, category) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(random_id()?)
    .bind(account_id)
    .bind(app.clock.now_ms())
    .bind(kind)
    .bind(&plan.id)
    .bind(&plan.category)
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::DAY;

    #[test]
    fn credit_is_what_is_left_of_the_period_and_never_more_than_its_price() {
        let plan: Plan = toml::from_str(
            "id = \"p\"\nname = \"P\"\ncategory = \"c\"\nquota_bytes = 1\nprice_cents = 900\ncurrency = \"EUR\"\ninterval = \"month\"",
        )
        .unwrap();
        let mut subscription = Subscription {
            account_id: String::new(),
            plan: plan.clone(),
            status: SubscriptionStatus::Active,
            started_at: 0,
            period_start_at: 0,
            period_end_at: Some(30 * DAY),
            next_plan_id: None,
            readable_until: None,
            provider_customer: None,
            provider_subscription: None,
        };
        assert_eq!(subscription.credit(0), 900);
        assert_eq!(subscription.credit(10 * DAY), 600);
        assert_eq!(subscription.credit(30 * DAY), 0);
        assert_eq!(subscription.credit(40 * DAY), 0);
        assert_eq!(subscription.credit(-DAY), 900);
        subscription.period_end_at = None;
        assert_eq!(subscription.credit(0), 0);
        subscription.enter(plan, DAY);
        assert_eq!(subscription.period_end_at, Some(32 * DAY));
    }
}
