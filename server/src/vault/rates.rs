//! How fast the objects of an account go up and down: as fast as its plan says, all its devices together.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use strongroom::account::wire::AccountId;
use tokio::time::Instant;

/// What may go through at once after a pause, as time.
const BURST: Duration = Duration::from_millis(500);
/// Accounts remembered before those that are idle are forgotten.
const MANY: usize = 4096;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// The rates of all accounts, within this process.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// When all that went through is paid for.
    paid_until: Mutex<HashMap<(AccountId, Direction), Instant>>,
}

impl Rates {
    /// Counts bytes of an account, and waits until its rate allows them. A rate of 0 is none.
    pub(crate) async fn pay(&self, account: AccountId, direction: Direction, bytes: usize, bytes_per_second: u64) {
        if let Some(due) = self.due(account, direction, bytes, bytes_per_second, Instant::now()) {
            tokio::time::sleep_until(due).await;
        }
    }

    /// When bytes that come at `now` may go on, if that is later.
    fn due(&self, account: AccountId, direction: Direction, bytes: usize, rate: u64, now: Instant) -> Option<Instant> {
        if rate == 0 {
            return None;
        }
        #[allow(clippy::cast_precision_loss)] // a rate need not be exact to the byte
        let cost = Duration::from_secs_f64((bytes as f64 / rate as f64).min(3600.0));
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let mut all = self.paid_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.len() > MANY {
            all.retain(|_, paid| *paid > earliest);
        }
        let paid = all.entry((account, direction)).or_insert(earliest);
        *paid = (*paid).max(earliest) + cost;
        (*paid > now).then_some(*paid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_gets_its_rate_over_all_its_requests_and_no_other_account_waits_for_it() {
        let rates = Rates::default();
        let (one, other) = (AccountId::from_bytes([1; 16]), AccountId::from_bytes([2; 16]));
        let begin = Instant::now() + Duration::from_secs(60);
        let mut now = begin;
        for _ in 0..10 {
            now = rates.due(one, Direction::Up, 100_000, 100_000, now).unwrap_or(now);
        }
        let took = now - begin;
        assert!(took >= Duration::from_millis(9400) && took <= Duration::from_millis(9600), "{took:?}");
        assert_eq!(rates.due(other, Direction::Up, 10_000, 100_000, now), None);
        assert_eq!(rates.due(one, Direction::Down, 10_000, 100_000, now), None);
        assert_eq!(rates.due(one, Direction::Up, usize::MAX, 0, now), None);
        assert!(rates.due(one, Direction::Up, 1, 100_000, now).is_some());
    }

    #[tokio::test]
    async fn what_is_over_the_rate_waits() {
        let (rates, account) = (Rates::default(), AccountId::from_bytes([1; 16]));
        let begin = Instant::now();
        rates.pay(account, Direction::Up, 700_000, 1_000_000).await;
        assert!(begin.elapsed() >= Duration::from_millis(200), "{:?}", begin.elapsed());
    }

    #[test]
    fn idle_accounts_are_forgotten() {
        let rates = Rates::default();
        let begin = Instant::now() + Duration::from_secs(60);
        for number in 0..2 * MANY {
            let account = AccountId::from_bytes((number as u128).to_le_bytes());
            rates.due(account, Direction::Up, 1, 1_000_000, begin + Duration::from_millis(number as u64));
        }
        assert!(rates.paid_until.lock().unwrap().len() <= MANY + 1);
    }
}
