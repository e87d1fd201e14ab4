//! Bounds on the rate of transfers.

use crate::context::Context;
use crate::error::Result;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Spreads transfers so that their rate stays below a bound, averaged over what is under way.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_second: Option<u64>,
    /// When everything transferred so far is paid for.
    paid_until: Mutex<Option<Instant>>,
}

/// How long a wait goes without looking for cancellation.
const PATIENCE: Duration = Duration::from_millis(50);

impl Throttle {
    /// No bound where there is no rate, or one of 0.
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Self {
        Throttle { bytes_per_second: bytes_per_second.filter(|rate| *rate > 0), paid_until: Mutex::new(None) }
    }

    /// Counts a transfer, and waits as long as it should have taken.
    pub(crate) fn pay(&self, bytes: u64, ctx: &Context, operation: &'static str) -> Result<()> {
        let Some(rate) = self.bytes_per_second else { return Ok(()) };
        #[allow(clippy::cast_precision_loss)] // a rate need not be exact to the byte
        let cost = Duration::from_secs_f64((bytes as f64 / rate as f64).min(86_400.0));
        let due = {
            let Ok(mut paid_until) = self.paid_until.lock() else { return Ok(()) };
            let now = Instant::now();
            let due = paid_until.map_or(now, |paid| paid.max(now)) + cost;
            *paid_until = Some(due);
            due
        };
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            ctx.check(operation)?;
            std::thread::sleep(left.min(PATIENCE));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CancelToken, ErrorKind};

    #[test]
    fn transfers_take_as_long_as_their_rate_says_and_can_be_cancelled() {
        let begin = Instant::now();
        let throttle = Throttle::new(Some(1_000_000));
        for _ in 0..4 {
            throttle.pay(50_000, &Context::new(), "send").unwrap();
        }
        assert!(begin.elapsed() >= Duration::from_millis(190), "{:?}", begin.elapsed());
        let token = CancelToken::new();
        token.cancel();
        let ctx = Context::new().cancel_token(token);
        assert_eq!(throttle.pay(50_000_000, &ctx, "send").unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(begin.elapsed() < Duration::from_secs(20));
        Throttle::new(None).pay(u64::MAX, &ctx, "send").unwrap();
    }
}
