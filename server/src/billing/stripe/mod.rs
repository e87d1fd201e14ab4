//! Stripe: its hosted pages, its subscriptions, and the webhooks by which it says what happened.

pub(crate) mod events;
pub(crate) mod signature;
pub(crate) mod webhook;

use crate::config::PaymentConfig;
use crate::plans::Plan;
use crate::problem::Problem;
use serde_json::Value;
use std::time::Duration;
use strongroom::{Error, ErrorKind};
use ureq::Agent;
use zeroize::Zeroizing;

/// The version of Stripe's interface whose messages this code reads and writes.
const VERSION: &str = "2024-06-20";
/// Longest that Stripe is waited for.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest answer that is read.
const MAX_ANSWER: u64 = 1024 * 1024;

/// An account at Stripe.
pub(crate) struct Stripe {
    agent: Agent,
    api: String,
    secret_key: Zeroizing<String>,
    webhook_secret: Zeroizing<String>,
    return_url: String,
}

/// A subscription at Stripe.
pub(crate) struct StripeSubscription<'a> {
    stripe: &'a Stripe,
    id: String,
}

impl std::fmt::Debug for Stripe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stripe").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Stripe {
    /// The account a configuration names.
    pub(crate) fn new(config: &PaymentConfig) -> Result<Self, Error> {
        let invalid = |detail: &'static str| Error::new(ErrorKind::InvalidArgument, "set up Stripe").detail(detail);
        let api = config.stripe_api.trim_end_matches('/').to_owned();
        let loopback =
            ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"].iter().any(|start| api.starts_with(start));
        if !api.starts_with("https://") && !loopback {
            return Err(invalid("payment.stripe_api must be https://, except on a loopback address"));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .build()
            .new_agent();
        Ok(Stripe {
            agent,
            api,
            secret_key: config.stripe_secret_key.clone().ok_or_else(|| invalid("its secret key is missing"))?.into(),
            webhook_secret: config
                .stripe_webhook_secret
                .clone()
                .ok_or_else(|| invalid("its webhook secret is missing"))?
                .into(),
            return_url: config.return_url.clone(),
        })
    }

    pub(crate) fn webhook_secret(&self) -> &str {
        &self.webhook_secret
    }

    pub(crate) fn subscription(&self, id: &str) -> StripeSubscription<'_> {
        StripeSubscription { stripe: self, id: id.to_owned() }
    }

    /// A page where a plan is paid for the first time.
    pub(crate) async fn checkout(
        &self,
        account_id: &str,
        email: &str,
        customer: Option<&str>,
        plan: &Plan,
        key: &str,
    ) -> Result<String, Problem> {
        let price = price_of(plan)?;
        let mut form = vec![
            ("mode", "subscription"),
            ("client_reference_id", account_id),
            ("metadata[account_id]", account_id),
            ("subscription_data[metadata][account_id]", account_id),
            ("line_items[0][price]", price),
            ("line_items[0][quantity]", "1"),
            ("success_url", &self.return_url),
            ("cancel_url", &self.return_url),
        ];
        form.push(customer.map_or(("customer_email", email), |customer| ("customer", customer)));
        url_of(self.call("POST", "/v1/checkout/sessions", &form, key).await?)
    }

    /// A page where a customer changes how it pays.
    pub(crate) async fn portal(&self, customer: &str, key: &str) -> Result<String, Problem> {
        let form = [("customer", customer), ("return_url", self.return_url.as_str())];
        url_of(self.call("POST", "/v1/billing_portal/sessions", &form, key).await?)
    }

    async fn call(&self, method: &'static str, path: &str, form: &[(&str, &str)], key: &str) -> Result<Value, Problem> {
        let operation = "ask the payment provider";
        let url = format!("{}{path}", self.api);
        let bearer = Zeroizing::new(format!("Bearer {}", self.secret_key.as_str()));
        let form: Vec<(String, String)> =
            form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (agent, key) = (self.agent.clone(), key.to_owned());
        let asked = move || -> Result<(u16, Vec<u8>), ureq::Error> {
            let mut answer = match method {
                "GET" => {
                    agent.get(&url).header("Authorization", bearer.as_str()).header("Stripe-Version", VERSION).call()?
                }
                _ => agent
                    .post(&url)
                    .header("Authorization", bearer.as_str())
                    .header("Stripe-Version", VERSION)
                    .header("Idempotency-Key", &key)
                    .send_form(form.iter().map(|(name, value)| (name.as_str(), value.as_str())))?,
            };
            let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec()?;
            Ok((answer.status().as_u16(), body))
        };
        let (status, body) = tokio::task::spawn_blocking(asked)
            .await
            .map_err(|error| Error::new(ErrorKind::Internal, operation).because(error))?
            .map_err(|error| Error::new(ErrorKind::Unavailable, operation).because(error.to_string()))?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match status {
            200..=299 => Ok(answer),
            429 | 500.. => {
                Err(Problem::new(ErrorKind::Unavailable, operation, "the payment provider cannot answer now"))
            }
            _ => {
                // Its code says what is wrong with the configuration; its message may speak of a person.
                let code = answer.pointer("/error/code").and_then(Value::as_str).unwrap_or("unknown").to_owned();
                tracing::error!(status, code, "the payment provider refused a request");
                Err(Error::new(ErrorKind::Internal, operation).because(format!("refused with status {status}")).into())
            }
        }
    }
}

impl StripeSubscription<'_> {
    /// Puts another price in force: at once, with what was paid taken into account, or from the next period on.
    pub(crate) async fn change_price(&self, plan: &Plan, at_once: bool, key: &str) -> Result<(), Problem> {
        let path = format!("/v1/subscriptions/{}", self.id);
        let now = self.stripe.call("GET", &path, &[], key).await?;
        let item = now.pointer("/items/data/0/id").and_then(Value::as_str).ok_or_else(unreadable)?;
        let mut form = vec![
            ("items[0][id]", item),
            ("items[0][price]", price_of(plan)?),
            ("proration_behavior", if at_once { "always_invoice" } else { "none" }),
        ];
        if at_once {
            form.extend([("billing_cycle_anchor", "now"), ("payment_behavior", "error_if_incomplete")]);
        }
        self.stripe.call("POST", &path, &form, key).await.map(drop)
    }

    /// Lets it end with its period, or takes that back.
    pub(crate) async fn cancel_at_period_end(&self, cancel: bool, key: &str) -> Result<(), Problem> {
        let path = format!("/v1/subscriptions/{}", self.id);
        let form = [("cancel_at_period_end", if cancel { "true" } else { "false" })];
        self.stripe.call("POST", &path, &form, key).await.map(drop)
    }
}

fn price_of(plan: &Plan) -> Result<&str, Problem> {
    plan.stripe_price.as_deref().ok_or_else(|| {
        Problem::new(ErrorKind::Unsupported, "choose the plan", "the plan cannot be paid for at the payment provider")
    })
}

fn url_of(answer: Value) -> Result<String, Problem> {
    answer.get("url").and_then(Value::as_str).map(str::to_owned).ok_or_else(unreadable)
}

fn unreadable() -> Problem {
    Error::new(ErrorKind::Internal, "ask the payment provider").because("its answer is not as expected").into()
}
