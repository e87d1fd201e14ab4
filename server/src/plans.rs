//! The catalogue of plans, and what a plan allows.

use crate::app::App;
use crate::database::Database;
use crate::problem::Problem;
use serde::Deserialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::HashSet;
use strongroom::account::wire;
use strongroom::{Error, ErrorKind};

/// A plan as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its id, for good.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its category of service.
    pub category: String,
    /// The most bytes stored.
    pub quota_bytes: u64,
    /// The price of an interval, in the currency's smallest unit.
    #[serde(default)]
    pub price_cents: u64,
    /// The currency (ISO 4217).
    #[serde(default)]
    pub currency: String,
    /// `month` or `year`; `none` for a plan without a price.
    #[serde(default = "no_interval")]
    pub interval: wire::Interval,
    /// What it offers, for people.
    #[serde(default)]
    pub features: Vec<String>,
    /// Bytes a second that are taken; unlimited where missing.
    #[serde(default)]
    pub upload_bytes_per_second: Option<u64>,
    /// Bytes a second that are given; unlimited where missing.
    #[serde(default)]
    pub download_bytes_per_second: Option<u64>,
    /// Stripe's name of its price.
    #[serde(default)]
    pub stripe_price: Option<String>,
}

impl Plan {
    /// A plan without a price, with as many bytes and no bounds but that. It is called as its id is.
    #[must_use]
    pub fn free(id: &str, quota_bytes: u64) -> Self {
        Plan {
            id: id.to_owned(),
            name: id.to_owned(),
            category: "personal".to_owned(),
            quota_bytes,
            price_cents: 0,
            currency: "EUR".to_owned(),
            interval: wire::Interval::None,
            features: Vec::new(),
            upload_bytes_per_second: None,
            download_bytes_per_second: None,
            stripe_price: None,
        }
    }
}

fn no_interval() -> wire::Interval {
    wire::Interval::None
}

/// What an account may do at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most bytes stored.
    pub(crate) quota_bytes: u64,
    /// Bytes a second that are taken; unlimited where missing.
    pub(crate) upload_rate: Option<u64>,
    /// Bytes a second that are given; unlimited where missing.
    pub(crate) download_rate: Option<u64>,
    /// Whether nothing may be stored or deleted: the subscription is over, or was not paid for yet.
    pub(crate) read_only: bool,
}

/// Whether plans make sense.
pub(crate) fn check_catalogue(plans: &[Plan]) -> Result<(), Error> {
    let mut ids = HashSet::new();
    for plan in plans {
        let invalid = |detail: &'static str| {
            Err(Error::new(ErrorKind::InvalidArgument, "read the plans").object(&plan.id).detail(detail))
        };
        if plan.id.is_empty()
            || plan.id.len() > 64
            || !plan.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return invalid("a plan's id is 1 to 64 letters, digits and dashes");
        }
        if !ids.insert(&plan.id) {
            return invalid("the id is there twice");
        }
        if i64::try_from(plan.quota_bytes).is_err() || i64::try_from(plan.price_cents).is_err() {
            return invalid("a number is too large");
        }
        if (plan.price_cents > 0) == (plan.interval == wire::Interval::None) {
            return invalid("a price and an interval belong together");
        }
        if plan.price_cents > 0
            && (plan.currency.len() != 3 || !plan.currency.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            return invalid("the currency is three capital letters");
        }
        if plan.upload_bytes_per_second == Some(0) || plan.download_bytes_per_second == Some(0) {
            return invalid("a rate of nothing");
        }
    }
    Ok(())
}

/// Writes the configuration's plans into the catalogue. What is no longer among them is not offered any more.
pub(crate) async fn publish(database: &Database, plans: &[Plan]) -> Result<(), Problem> {
    if plans.is_empty() {
        return Ok(());
    }
    let mut tx = database.write().await?;
    sqlx::query("UPDATE plans SET offered = 0").execute(&mut *tx).await?;
    for (position, plan) in plans.iter().enumerate() {
        let features = serde_json::to_string(&plan.features)
            .map_err(|error| Error::new(ErrorKind::Internal, "write a plan").because(error))?;
        sqlx::query(
            "INSERT INTO plans (id, name, category, quota_bytes, price_cents, currency, billing_interval, features, \
             upload_bytes_per_second, download_bytes_per_second, stripe_price, offered, position) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12) ON CONFLICT (id) DO UPDATE SET name = $2, \
             category = $3, quota_bytes = $4, price_cents = $5, currency = $6, billing_interval = $7, features = $8, \
             upload_bytes_per_second = $9, download_bytes_per_second = $10, stripe_price = $11, offered = 1, position = $12",
        )
        .bind(&plan.id)
        .bind(&plan.name)
        .bind(&plan.category)
        .bind(to_i64(plan.quota_bytes))
        .bind(to_i64(plan.price_cents))
        .bind(&plan.currency)
        .bind(interval_name(plan.interval))
        .bind(features)
        .bind(to_i64(plan.upload_bytes_per_second.unwrap_or(0)))
        .bind(to_i64(plan.download_bytes_per_second.unwrap_or(0)))
        .bind(plan.stripe_price.as_deref())
        .bind(i64::try_from(position).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await
}

/// The plans that can be chosen, in the order of the configuration.
pub(crate) async fn offered(app: &App) -> Result<Vec<Plan>, Problem> {
    let rows = sqlx::query("SELECT * FROM plans WHERE offered = 1 ORDER BY position, id")
        .fetch_all(app.database.pool())
        .await?;
    rows.iter().map(from_row).collect()
}

/// A plan of the catalogue, whether or not it is still offered.
pub(crate) async fn find(connection: &mut AnyConnection, id: &str) -> Result<Option<Plan>, Problem> {
    let row = sqlx::query("SELECT * FROM plans WHERE id = $1").bind(id).fetch_optional(connection).await?;
    row.as_ref().map(from_row).transpose()
}

/// A plan by Stripe's name of its price, whether or not it is still offered.
pub(crate) async fn find_by_price(connection: &mut AnyConnection, price: &str) -> Result<Option<Plan>, Problem> {
    let row = sqlx::query("SELECT * FROM plans WHERE stripe_price = $1 ORDER BY position, id LIMIT 1")
        .bind(price)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// A plan that can be chosen.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) when there is none of this id.
pub(crate) async fn choose(connection: &mut AnyConnection, id: &str) -> Result<Plan, Problem> {
    let row =
        sqlx::query("SELECT * FROM plans WHERE id = $1 AND offered = 1").bind(id).fetch_optional(connection).await?;
    row.as_ref()
        .map(from_row)
        .transpose()?
        .ok_or_else(|| Problem::new(ErrorKind::NotFound, "choose the plan", "there is no such plan to choose"))
}

/// What an account may do at this moment.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) when there is no such account.
pub(crate) async fn limits(app: &App, account_id: &str) -> Result<Limits, Problem> {
    let row = sqlx::query(
        "SELECT p.quota_bytes, p.upload_bytes_per_second, p.download_bytes_per_second, s.status \
         FROM subscriptions s JOIN plans p ON p.id = s.plan_id WHERE s.account_id = $1",
    )
    .bind(account_id)
    .fetch_optional(app.database.pool())
    .await?
    .ok_or_else(|| Problem::new(ErrorKind::NotFound, "look up the account", "there is no such account"))?;
    let rate = |stored: i64| (stored > 0).then_some(from_i64(stored));
    let status: String = row.try_get(3)?;
    Ok(Limits {
        quota_bytes: from_i64(row.try_get(0)?),
        upload_rate: rate(row.try_get(1)?),
        download_rate: rate(row.try_get(2)?),
        read_only: matches!(status.as_str(), "pending" | "read_only" | "ended"),
    })
}

impl Plan {
    /// The plan as clients see it.
    pub(crate) fn to_wire(&self) -> wire::Plan {
        wire::Plan {
            id: self.id.clone(),
            name: self.name.clone(),
            category: self.category.clone(),
            quota_bytes: self.quota_bytes,
            price_cents: self.price_cents,
            currency: self.currency.clone(),
            interval: self.interval,
            features: self.features.clone(),
            upload_bytes_per_second: self.upload_bytes_per_second,
            download_bytes_per_second: self.download_bytes_per_second,
        }
    }
}

fn from_row(row: &AnyRow) -> Result<Plan, Problem> {
    let rate = |stored: i64| (stored > 0).then_some(from_i64(stored));
    let interval = match row.try_get::<String, _>("billing_interval")?.as_str() {
        "month" => wire::Interval::Month,
        "year" => wire::Interval::Year,
        _ => wire::Interval::None,
    };
    Ok(Plan {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        category: row.try_get("category")?,
        quota_bytes: from_i64(row.try_get("quota_bytes")?),
        price_cents: from_i64(row.try_get("price_cents")?),
        currency: row.try_get("currency")?,
        interval,
        features: serde_json::from_str(row.try_get("features")?)
            .map_err(|error| Error::new(ErrorKind::Corrupt, "read a plan").because(error))?,
        upload_bytes_per_second: rate(row.try_get("upload_bytes_per_second")?),
        download_bytes_per_second: rate(row.try_get("download_bytes_per_second")?),
        stripe_price: row.try_get("stripe_price")?,
    })
}

fn interval_name(interval: wire::Interval) -> &'static str {
    match interval {
        wire::Interval::Month => "month",
        wire::Interval::Year => "year",
        _ => "none",
    }
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn from_i64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogues_that_make_no_sense_are_refused() {
        let plan = |text: &str| {
            let plan: Plan =
                toml::from_str(&format!("name = \"P\"\ncategory = \"c\"\nquota_bytes = 1\n{text}")).unwrap();
            plan
        };
        check_catalogue(&[
            plan("id = \"a\""),
            plan("id = \"b\"\nprice_cents = 1\ninterval = \"year\"\ncurrency = \"EUR\""),
        ])
        .unwrap();
        for plans in [
            vec![plan("id = \"a b\"")],
            vec![plan("id = \"a\""), plan("id = \"a\"")],
            vec![plan("id = \"a\"\nprice_cents = 1")],
            vec![plan("id = \"a\"\ninterval = \"month\"")],
            vec![plan("id = \"a\"\nprice_cents = 1\ninterval = \"month\"\ncurrency = \"euro\"")],
            vec![plan("id = \"a\"\nupload_bytes_per_second = 0")],
        ] {
            assert_eq!(check_catalogue(&plans).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
    }
}
