//! What has had its time: registrations that were not confirmed, tokens that expired, answers nobody asks for again.

use crate::app::App;
use crate::clock::DAY;
use crate::problem::{Problem, name_for_log};
use std::time::Duration;
use tokio::sync::watch;

/// How often.
const EVERY: Duration = Duration::from_secs(60);
/// How long tries are remembered after the last one.
const TRIES_LIFE: i64 = DAY;
/// How long the payment provider's events are known by their ids: it sends none again after some days.
const EVENTS_LIFE: i64 = 90 * DAY;

/// Each removes what expired before a time.
const STATEMENTS: &[&str] = &[
    "DELETE FROM registrations WHERE expires_at <= $1",
    "DELETE FROM sign_ins WHERE expires_at <= $1",
    "DELETE FROM tokens WHERE expires_at <= $1",
    "DELETE FROM nonces WHERE expires_at <= $1",
    "DELETE FROM recoveries WHERE expires_at <= $1",
    "DELETE FROM password_changes WHERE expires_at <= $1",
    "DELETE FROM email_changes WHERE expires_at <= $1",
    "DELETE FROM second_factors_pending WHERE expires_at <= $1",
    "DELETE FROM answers WHERE expires_at <= $1",
    "DELETE FROM outbox WHERE expires_at <= $1",
];

/// Sweeps until `stop`.
pub(crate) async fn run(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(problem) = sweep(&app).await {
            tracing::warn!(kind = name_for_log(&problem), "what expired could not be removed");
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Removes what has expired.
pub(crate) async fn sweep(app: &App) -> Result<(), Problem> {
    let now = app.clock.now_ms();
    for statement in STATEMENTS {
        sqlx::query(*statement).bind(now).execute(app.database.pool()).await?;
    }
    crate::billing::advance::advance(app).await?;
    sqlx::query("DELETE FROM provider_events WHERE received_at <= $1")
        .bind(now - EVENTS_LIFE)
        .execute(app.database.pool())
        .await?;
    sqlx::query("DELETE FROM tries WHERE last_at <= $1").bind(now - TRIES_LIFE).execute(app.database.pool()).await?;
    Ok(())
}
