//! The payment provider's pages: `/v1/subscription/checkout` and `…/portal`.

use super::{Payment, Subscription};
use crate::app::App;
use crate::change::{Change, Nothing};
use crate::openapi::KeyHeader;
use crate::plans;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::Row;
use strongroom::ErrorKind;
use strongroom::account::wire::{Capability, ChangePlan, Link, ProblemDocument, SubscriptionStatus};

/// A page where the plan is paid for.
#[utoipa::path(
    post, path = "/v1/subscription/checkout", tag = "plans", security(("strongroom" = [])), params(KeyHeader), request_body = ChangePlan,
    responses((status = 200, body = Link), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn checkout(State(app): State<App>, change: Change<ChangePlan>) -> Result<Response, Problem> {
    let operation = "pay for the plan";
    change.caller.require(Capability::Account, None)?;
    let Payment::Stripe(stripe) = &app.payment else { return Err(outside(operation)) };
    let account_id = &change.caller.account_id;
    change.answered(&app).await?;
    let (subscription, plan, email) = {
        let mut connection = app.database.pool().acquire().await?;
        let subscription = Subscription::find(&mut connection, account_id).await?;
        let plan = plans::choose(&mut connection, &change.body.plan).await?;
        let row = sqlx::query("SELECT email FROM accounts WHERE id = $1")
            .bind(account_id)
            .fetch_one(&mut *connection)
            .await?;
        (subscription, plan, row.try_get::<String, _>(0)?)
    };
    if plan.price_cents == 0 {
        return Err(Problem::new(ErrorKind::InvalidArgument, operation, "the plan has no price; change to it"));
    }
    let paid = matches!(
        subscription.status,
        SubscriptionStatus::Active | SubscriptionStatus::PastDue | SubscriptionStatus::Cancelled
    );
    if paid && subscription.provider_subscription.is_some() {
        return Err(Problem::new(ErrorKind::Conflict, operation, "a plan is paid for already; change it"));
    }
    let customer = subscription.provider_customer.as_deref();
    let url = stripe.checkout(account_id, &email, customer, &plan, change.key()).await?;
    change.begin(&app).await?.answer(StatusCode::OK, &Link { url }).await
}

/// A page where the way to pay is changed.
#[utoipa::path(
    post, path = "/v1/subscription/portal", tag = "plans", security(("strongroom" = [])), params(KeyHeader),
    responses((status = 200, body = Link), (status = "default", body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(crate) async fn portal(State(app): State<App>, change: Change<Nothing>) -> Result<Response, Problem> {
    let operation = "open the payment provider's page";
    change.caller.require(Capability::Account, None)?;
    let Payment::Stripe(stripe) = &app.payment else { return Err(outside(operation)) };
    change.answered(&app).await?;
    let subscription = {
        let mut connection = app.database.pool().acquire().await?;
        Subscription::find(&mut connection, &change.caller.account_id).await?
    };
    let customer = subscription
        .provider_customer
        .ok_or_else(|| Problem::new(ErrorKind::NotFound, operation, "nothing was paid for yet; ask for a checkout"))?;
    let url = stripe.portal(&customer, change.key()).await?;
    change.begin(&app).await?.answer(StatusCode::OK, &Link { url }).await
}

fn outside(operation: &'static str) -> Problem {
    Problem::new(ErrorKind::Unsupported, operation, "this service is paid outside of it; ask its operator")
}
