//! What the operator asks on the command line.

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::problem::Problem;
use crate::{mail, running};
use sqlx::Row;
use std::fmt::Write;
use strongroom::{Error, ErrorKind};

/// How the admin command is used.
pub const USAGE: &str = "admin accounts          accounts by number, plan and state; no names
admin plans             the catalogue, with how many accounts have each plan
admin outbox            mail that waits, with its codes: for a service without a mail server";

/// Runs an admin command and gives what it prints.
///
/// # Errors
/// [`InvalidArgument`](ErrorKind::InvalidArgument) for a command that is not known, and what database and key report.
pub fn run(config: Config, arguments: &[String]) -> Result<String, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::io(error, "run the admin command"))?;
    runtime.block_on(async {
        let app = running::open(config, Clock::system()).await?;
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let answer = match words.as_slice() {
            ["accounts"] => accounts(&app).await,
            ["plans"] => catalogue(&app).await,
            ["outbox"] => outbox(&app).await,
            _ => Err(Problem::new(ErrorKind::InvalidArgument, "run the admin command", "there is no such command")),
        };
        app.database.close().await;
        answer.map_err(Problem::into_error)
    })
}

async fn accounts(app: &App) -> Result<String, Problem> {
    let rows = sqlx::query(
        "SELECT a.id, a.created_at, s.plan_id, s.status, (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id) \
         FROM accounts a JOIN subscriptions s ON s.account_id = a.id ORDER BY a.created_at, a.id",
    )
    .fetch_all(app.database.pool())
    .await?;
    let mut text = String::from("account                           created_at     plan  status  devices\n");
    for row in rows {
        let (id, created, plan): (String, i64, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (status, devices): (String, i64) = (row.try_get(3)?, row.try_get(4)?);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{id}  {created}  {plan}  {status}  {devices}");
    }
    Ok(text)
}

async fn catalogue(app: &App) -> Result<String, Problem> {
    let rows = sqlx::query(
        "SELECT p.id, p.category, p.quota_bytes, p.price_cents, p.currency, p.offered, \
         (SELECT COUNT(*) FROM subscriptions s WHERE s.plan_id = p.id) FROM plans p ORDER BY p.position, p.id",
    )
    .fetch_all(app.database.pool())
    .await?;
    let mut text = String::from("plan  category  quota_bytes  price_cents  currency  offered  accounts\n");
    for row in rows {
        let (id, category): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (quota, price, currency): (i64, i64, String) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        let (offered, accounts): (i64, i64) = (row.try_get(5)?, row.try_get(6)?);
        let offered = if offered == 1 { "yes" } else { "no" };
        let _ = writeln!(text, "{id}  {category}  {quota}  {price}  {currency}  {offered}  {accounts}");
    }
    Ok(text)
}

async fn outbox(app: &App) -> Result<String, Problem> {
    let mut text = String::new();
    for (created_at, letter) in mail::waiting(app).await? {
        let _ = writeln!(text, "{created_at}\nTo: {}\nSubject: {}\n\n{}", letter.to, letter.subject, letter.text);
    }
    Ok(text)
}
