//! Tries at secrets, counted so that guessing is slow and nobody is locked out for long.
//!
//! A try is counted before it is known whether it succeeds: OPAQUE's first answer already tells a client whether the
//! password was right. Success takes the counters back.

use crate::app::App;
use crate::clock::{MINUTE, SECOND};
use crate::problem::Problem;
use crate::text::hex;
use sqlx::{AnyConnection, Row};
use std::time::Duration;

/// Longest wait that tries can cause.
pub(crate) const LONGEST: i64 = 15 * MINUTE;

/// What is counted, and how patiently.
#[derive(Debug, Clone)]
pub(crate) struct Counter {
    name: String,
    /// Tries that cost no wait.
    free: i64,
    /// The longest wait it causes, in milliseconds.
    longest: i64,
}

impl Counter {
    /// Of tries at an account from one address.
    pub(crate) fn address(app: &App, email_hash: &str, subnet: &str) -> Self {
        Self::named(
            app,
            "address",
            &format!("{email_hash}/{subnet}"),
            i64::from(app.config.limits.free_failures),
            LONGEST,
        )
    }

    /// Of tries at an account from anywhere: gentler, for it meets the account's owner too.
    pub(crate) fn account(app: &App, email_hash: &str) -> Self {
        Self::named(app, "account", email_hash, i64::from(app.config.limits.free_failures) * 10, MINUTE)
    }

    /// Of tries at an account from a device that belongs to it: strangers' failures do not count there.
    pub(crate) fn device(app: &App, device_id: &str) -> Self {
        Self::named(app, "device", device_id, i64::from(app.config.limits.free_failures), LONGEST)
    }

    /// Of tries at a signed-in account's second factor.
    pub(crate) fn second_factor(app: &App, account_id: &str) -> Self {
        Self::named(app, "second factor", account_id, i64::from(app.config.limits.free_failures), LONGEST)
    }

    fn named(app: &App, purpose: &str, object: &str, free: i64, longest: i64) -> Self {
        let name = hex(&app.key.keyed_hash("tries", format!("{purpose}/{object}").as_bytes()));
        Counter { name, free, longest }
    }

    /// The wait after the try that was the `count`th, in milliseconds: doubled by each beyond the free ones.
    fn wait(&self, count: i64) -> i64 {
        let beyond = count - self.free;
        if beyond < 0 { 0 } else { (SECOND << beyond.min(20)).min(self.longest) }
    }
}

/// The names of counters, as a sign-in keeps them to take them back.
pub(crate) fn names(counters: &[Counter]) -> String {
    counters.iter().map(|counter| counter.name.as_str()).collect::<Vec<_>>().join(",")
}

/// Counts a try with each counter, or refuses it when one says that it comes too early.
pub(crate) async fn count(
    app: &App,
    tx: &mut AnyConnection,
    counters: &[Counter],
    operation: &'static str,
) -> Result<(), Problem> {
    let now = app.clock.now_ms();
    for counter in counters {
        let row = sqlx::query("SELECT count, last_at FROM tries WHERE counter = $1")
            .bind(&counter.name)
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(row) = row {
            let until = row.try_get::<i64, _>(1)? + counter.wait(row.try_get(0)?);
            if let Ok(wait @ 1..) = u64::try_from(until - now) {
                return Err(Problem::too_many_requests(operation, Duration::from_millis(wait)));
            }
        }
    }
    for counter in counters {
        sqlx::query(
            "INSERT INTO tries (counter, count, last_at) VALUES ($1, 1, $2) \
             ON CONFLICT (counter) DO UPDATE SET count = tries.count + 1, last_at = $2",
        )
        .bind(&counter.name)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Takes counters back after a success.
pub(crate) async fn forgive(tx: &mut AnyConnection, names: &str) -> Result<(), Problem> {
    for name in names.split(',') {
        sqlx::query("DELETE FROM tries WHERE counter = $1").bind(name).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Takes one counter back.
pub(crate) async fn forgive_one(tx: &mut AnyConnection, counter: &Counter) -> Result<(), Problem> {
    forgive(tx, &counter.name).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end_at_a_quarter_of_an_hour() {
        let counter = Counter { name: String::new(), free: 5, longest: LONGEST };
        assert_eq!((0..5).map(|count| counter.wait(count)).sum::<i64>(), 0);
        assert_eq!((5..9).map(|count| counter.wait(count)).collect::<Vec<_>>(), [1000, 2000, 4000, 8000]);
        assert_eq!(counter.wait(1000), LONGEST);
        assert_eq!(counter.wait(i64::MAX), LONGEST);
    }
}
