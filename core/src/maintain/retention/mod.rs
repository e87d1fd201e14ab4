//! Which snapshots to keep: a policy, and what it says of every snapshot. Pure: nothing is read or removed here.

mod calendar;
mod decide;
mod reasons;

pub use calendar::{Period, PeriodKind};
pub(super) use decide::held;
pub use reasons::{KeepReason, RemoveReason};

use crate::error::{Result, invalid};
use crate::format::entry::Timestamp;
use crate::id::{DeviceId, LineageId};
use crate::store::snapshots::Snapshot;
use std::time::Duration;

/// Which snapshots are kept, for [`forget`](crate::Repository::forget).
///
/// The rules add up: a snapshot stays as soon as one of them keeps it. They are applied to each group of snapshots by
/// itself, see [`GroupBy`]; by default that is one device's backups of the same paths of the same host.
///
/// **Time** is when storage received a snapshot, by the storage's clock. What a device claims can keep a snapshot
/// and never makes one go: the rules are also applied with the claimed times of those that claim to be older than
/// their receipt by more than the [tolerance](Self::clock_tolerance), and what either way keeps stays. So neither a
/// wrong clock nor a forged time removes anything, and a history that was imported, or moved to other storage and
/// received there in one day, is thinned out as it should be.
///
/// **Hourly to yearly** rules keep the first complete snapshot that was received in each of so many hours, days,
/// weeks, months or years, counted back from the newest in which there is one. (The first partial one, where none is
/// complete.) The first, not the last: whatever a device adds later, with a stolen key for instance, what stands for
/// a period that has begun does not change.
///
/// **The newest** snapshot of a group always stays, and the newest complete one too, unless
/// [`newest_may_go`](Self::newest_may_go).
///
/// What this cannot prevent: whoever holds the very key a device signs with, and may add to storage, can push that
/// device's own snapshots out of `last` rules at once, and out of the others as fast as time passes. Rules for
/// longer periods, and holds, are for that.
///
/// ```
/// use strongroom::RetentionPolicy;
/// let policy = RetentionPolicy::new().keep_last(3).keep_daily(14).keep_monthly(12).keep_tag("release");
/// let groups = policy.apply([], strongroom::Timestamp::new(1_795_305_600, 0))?;
/// assert!(groups.is_empty());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct RetentionPolicy {
    last: u32,
    within: Option<Duration>,
    /// By [`PeriodKind`], the shortest first.
    periods: [PeriodRule; 5],
    tags: Vec<String>,
    group_by: GroupBy,
    utc_offset: i32,
    newest_may_go: bool,
    tolerance: Duration,
}

/// Of how many periods, or of how much time, one snapshot each is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct PeriodRule {
    count: u32,
    within: Option<Duration>,
}

/// What snapshots have in common to which the rules are applied together.
///
/// The default is one device's backups of a lineage, that is of the same paths of the same host. With the device
/// left out, snapshots that another device adds to the lineage, which it can do without being able to read anything,
/// count as if they were the same device's, and can push its snapshots out. Host and paths can be read with a reader's
/// or owner's key only, and are what the device says they are.
///
/// ```
/// use strongroom::GroupBy;
/// let by_host = GroupBy::all_together().host();
/// assert_ne!(by_host, GroupBy::default());
/// assert_eq!(GroupBy::all_together().lineage().device(), GroupBy::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct GroupBy {
    lineage: bool,
    device: bool,
    host: bool,
    paths: bool,
}

impl Default for GroupBy {
    fn default() -> Self {
        GroupBy::all_together().lineage().device()
    }
}

impl GroupBy {
    /// All snapshots are one group.
    pub fn all_together() -> Self {
        GroupBy { lineage: false, device: false, host: false, paths: false }
    }

    /// Apart by lineage: the backups of the same paths of the same host belong together.
    pub fn lineage(mut self) -> Self {
        self.lineage = true;
        self
    }

    /// Apart by the device that made and signed them.
    pub fn device(mut self) -> Self {
        self.device = true;
        self
    }

    /// Apart by host.
    pub fn host(mut self) -> Self {
        self.host = true;
        self
    }

    /// Apart by the paths that were backed up.
    pub fn paths(mut self) -> Self {
        self.paths = true;
        self
    }

    fn needs_body(self) -> bool {
        self.host || self.paths
    }
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        RetentionPolicy {
            last: 0,
            within: None,
            periods: Default::default(),
            tags: Vec::new(),
            group_by: GroupBy::default(),
            utc_offset: 0,
            newest_may_go: false,
            tolerance: Duration::from_secs(24 * 3600),
        }
    }
}

impl RetentionPolicy {
    /// No rules yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the last `count` snapshots.
    pub fn keep_last(mut self, count: u32) -> Self {
        self.last = count;
        self
    }

    /// Keeps what was received within this time before now.
    pub fn keep_within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Keeps one snapshot of each of the last `count` periods of a kind in which there is one.
    pub fn keep_of(mut self, kind: PeriodKind, count: u32) -> Self {
        self.rule(kind).count = count;
        self
    }

    /// Keeps one snapshot of each period of a kind that was not over this time before now.
    pub fn keep_of_within(mut self, kind: PeriodKind, time: Duration) -> Self {
        self.rule(kind).within = Some(time);
        self
    }

    fn rule(&mut self, kind: PeriodKind) -> &mut PeriodRule {
        let [hour, day, week, month, year] = &mut self.periods;
        match kind {
            PeriodKind::Hour => hour,
            PeriodKind::Day => day,
            PeriodKind::Week => week,
            PeriodKind::Month => month,
            PeriodKind::Year => year,
        }
    }

    /// Keeps one snapshot of each of the last `count` hours.
    pub fn keep_hourly(self, count: u32) -> Self {
        self.keep_of(PeriodKind::Hour, count)
    }

    /// Keeps one snapshot of each of the last `count` days.
    pub fn keep_daily(self, count: u32) -> Self {
        self.keep_of(PeriodKind::Day, count)
    }

    /// Keeps one snapshot of each of the last `count` weeks, which begin on Monday.
    pub fn keep_weekly(self, count: u32) -> Self {
        self.keep_of(PeriodKind::Week, count)
    }

    /// Keeps one snapshot of each of the last `count` months.
    pub fn keep_monthly(self, count: u32) -> Self {
        self.keep_of(PeriodKind::Month, count)
    }

    /// Keeps one snapshot of each of the last `count` years.
    pub fn keep_yearly(self, count: u32) -> Self {
        self.keep_of(PeriodKind::Year, count)
    }

    /// Keeps every snapshot with this tag. May be called several times: then any of the tags will do.
    pub fn keep_tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Sets to which snapshots the rules are applied together.
    pub fn group_by(mut self, group_by: GroupBy) -> Self {
        self.group_by = group_by;
        self
    }

    /// Sets where days begin: so many seconds east of UTC, at most 18 hours. The default is UTC.
    pub fn utc_offset(mut self, seconds: i32) -> Self {
        self.utc_offset = seconds;
        self
    }

    /// Whether the newest snapshot of a group may go, and with it the group, when no rule keeps it.
    pub fn newest_may_go(mut self, may: bool) -> Self {
        self.newest_may_go = may;
        self
    }

    /// Sets by how much a device's clock may disagree with the storage's before that is shown, and an older time that
    /// it claims is taken into account. The default is a day: a snapshot claims the beginning of a backup, and is
    /// received at its end.
    pub fn clock_tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Says of every snapshot whether it stays and why, `now` being the time by the storage's clock. Groups and the
    /// snapshots in them come in a fixed order, the oldest first.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a policy without rules, or with impossible ones.
    pub fn apply(&self, snapshots: impl IntoIterator<Item = Snapshot>, now: Timestamp) -> Result<Vec<RetentionGroup>> {
        self.check()?;
        Ok(decide::decide(self, snapshots.into_iter().collect(), now))
    }

    /// Refuses what makes no sense.
    pub(super) fn check(&self) -> Result<()> {
        const OPERATION: &str = "apply a retention policy";
        let no_periods = self.periods.iter().all(|rule| rule.count == 0 && rule.within.is_none());
        if self.last == 0 && self.within.is_none() && no_periods && self.tags.is_empty() {
            return Err(invalid(OPERATION, "it has no rule that keeps anything"));
        }
        if self.tags.iter().any(String::is_empty) {
            return Err(invalid(OPERATION, "no snapshot has an empty tag"));
        }
        if self.utc_offset.unsigned_abs() > 18 * 3600 {
            return Err(invalid(OPERATION, "no day begins more than 18 hours from midnight in UTC"));
        }
        Ok(())
    }

    /// Whether it depends on what readers and owners alone can know.
    pub(super) fn needs_body(&self) -> bool {
        self.group_by.needs_body() || !self.tags.is_empty()
    }
}

/// Snapshots to which rules were applied together. What they are grouped by is set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetentionGroup {
    /// Their lineage.
    pub lineage: Option<LineageId>,
    /// The device that made them.
    pub device: Option<DeviceId>,
    /// Their host.
    pub host: Option<String>,
    /// What was backed up, ascending.
    pub paths: Option<Vec<Vec<u8>>>,
    /// The snapshots, in the order in which storage received them.
    pub decisions: Vec<RetentionDecision>,
}

impl RetentionGroup {
    /// Snapshots that have nothing in common.
    pub(super) fn of(decisions: Vec<RetentionDecision>) -> Self {
        RetentionGroup { lineage: None, device: None, host: None, paths: None, decisions }
    }
}

/// Whether a snapshot stays, and why.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetentionDecision {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Everything that keeps it. It goes when there is nothing.
    pub keep: Vec<KeepReason>,
    /// For one that goes, why each of the rules does not keep it.
    pub remove: Vec<RemoveReason>,
    /// By how many seconds the device's clock was ahead of the storage's, or behind if negative, if that is more than
    /// the tolerance. A long backup, an import and a move to other storage look like a clock that is behind.
    pub clock_ahead: Option<i64>,
}

impl RetentionDecision {
    /// What becomes of a snapshot without any rule: it goes, unless something keeps it.
    pub(super) fn named(snapshot: Snapshot, keep: Vec<KeepReason>, why: RemoveReason) -> Self {
        let remove = if keep.is_empty() { vec![why] } else { Vec::new() };
        RetentionDecision { snapshot, keep, remove, clock_ahead: None }
    }

    /// Whether it stays.
    #[must_use]
    pub fn stays(&self) -> bool {
        !self.keep.is_empty()
    }
}

#[cfg(test)]
mod tests;
