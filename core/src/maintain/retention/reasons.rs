//! Why a snapshot stays, or goes.

use super::calendar::{Period, Utc};
use crate::format::entry::Timestamp;
use crate::id::SnapshotId;
use std::fmt;
use std::time::Duration;

/// Why a snapshot stays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepReason {
    /// It is the newest of its group.
    Newest,
    /// It is the newest of its group that holds everything: newer ones are partial.
    NewestComplete,
    /// It is among the last ones; 1 is the newest.
    Last(u32),
    /// It is the one that is kept of an hour, day, week, month or year.
    Period {
        /// Which one.
        period: Period,
        /// Going by devices' clocks, since storage received some later than they say, as after an import or a move to
        /// other storage.
        claimed: bool,
    },
    /// Storage received it within this time.
    Within(Duration),
    /// It has this tag.
    Tag(String),
    /// It is held until this time.
    Held(Timestamp),
    /// The storage's clock says it was received in the future, so that clock cannot tell its age.
    ReceivedInFuture,
    /// The key that was used cannot read its tags, host and paths, on which the policy depends.
    Sealed,
}

impl KeepReason {
    /// The stable name, in snake case; `hourly`, `daily` and so on for periods.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            KeepReason::Newest => "newest",
            KeepReason::NewestComplete => "newest_complete",
            KeepReason::Last(_) => "last",
            KeepReason::Period { period, .. } => period.kind().name(),
            KeepReason::Within(_) => "within",
            KeepReason::Tag(_) => "tag",
            KeepReason::Held(_) => "held",
            KeepReason::ReceivedInFuture => "received_in_future",
            KeepReason::Sealed => "sealed",
        }
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeepReason::Newest => f.write_str("the newest"),
            KeepReason::NewestComplete => f.write_str("the newest complete one"),
            KeepReason::Last(rank) => write!(f, "last {rank}"),
            KeepReason::Period { period, claimed: false } => write!(f, "{} {period}", period.kind().name()),
            KeepReason::Period { period, claimed: true } => {
                write!(f, "{} {period} going by devices' clocks", period.kind().name())
            }
            KeepReason::Within(time) => write!(f, "within {}", Span(*time)),
            KeepReason::Tag(tag) => write!(f, "tag {}", tag.escape_debug()),
            KeepReason::Held(until) => write!(f, "held until {}", Utc(*until)),
            KeepReason::ReceivedInFuture => f.write_str("received in the future, says the storage"),
            KeepReason::Sealed => f.write_str("its tags and host cannot be read with this key"),
        }
    }
}

/// Why a rule does not keep a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoveReason {
    /// It was named.
    Named,
    /// It is not among so many last ones.
    NotAmongLast(u32),
    /// Another one is kept of its hour, day, week, month or year.
    Represented {
        /// Which one.
        period: Period,
        /// By which snapshot.
        by: SnapshotId,
    },
    /// Its hour, day, week, month or year is before those of which one is kept.
    Beyond(Period),
    /// Storage received it longer ago.
    NotWithin(Duration),
    /// It has none of the tags.
    NoTag,
}

impl RemoveReason {
    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            RemoveReason::Named => "named",
            RemoveReason::NotAmongLast(_) => "not_among_last",
            RemoveReason::Represented { .. } => "represented",
            RemoveReason::Beyond(_) => "beyond",
            RemoveReason::NotWithin(_) => "not_within",
            RemoveReason::NoTag => "no_tag",
        }
    }
}

impl fmt::Display for RemoveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoveReason::Named => f.write_str("named"),
            RemoveReason::NotAmongLast(count) => write!(f, "not among the last {count}"),
            RemoveReason::Represented { period, by } => {
                write!(f, "{} {period} is {}", period.kind().name(), by.short())
            }
            RemoveReason::Beyond(period) => write!(f, "too old for {} {period}", period.kind().name()),
            RemoveReason::NotWithin(time) => write!(f, "not within {}", Span(*time)),
            RemoveReason::NoTag => f.write_str("no such tag"),
        }
    }
}

/// A time span in its largest whole units: `30d`, `1d12h`, `90s`.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seconds = self.0.as_secs();
        if seconds == 0 {
            return f.write_str("0s");
        }
        for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
            if seconds >= length {
                write!(f, "{}{unit}", seconds / length)?;
                seconds %= length;
            }
        }
        Ok(())
    }
}
