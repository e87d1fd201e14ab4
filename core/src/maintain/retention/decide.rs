//! Applying the rules.

use super::calendar::{Period, PeriodKind};
use super::{KeepReason, PeriodRule, RemoveReason, RetentionDecision, RetentionGroup, RetentionPolicy};
use crate::format::entry::Timestamp;
use crate::format::snapshot::SnapshotOutcome;
use crate::id::{DeviceId, LineageId, SnapshotId};
use crate::store::snapshots::Snapshot;
use std::collections::BTreeMap;
use std::time::Duration;

/// By how much a receipt may be later than the time that storage told us: snapshots arrive while we work.
const STILL_NOW: Duration = Duration::from_secs(300);

/// What a group has in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    host: Option<String>,
    paths: Option<Vec<Vec<u8>>>,
    lineage: Option<LineageId>,
    device: Option<DeviceId>,
    /// Those of which the policy cannot know what it has to are by themselves.
    sealed: bool,
}

pub(super) fn decide(policy: &RetentionPolicy, snapshots: Vec<Snapshot>, now: Timestamp) -> Vec<RetentionGroup> {
    let mut groups: BTreeMap<Key, Vec<Snapshot>> = BTreeMap::new();
    for snapshot in snapshots {
        groups.entry(key(policy, &snapshot)).or_default().push(snapshot);
    }
    let group = |(key, snapshots): (Key, Vec<Snapshot>)| {
        let Key { host, paths, lineage, device, sealed } = key;
        let decisions = Group::new(policy, snapshots, sealed, now).decide();
        RetentionGroup { lineage, device, host, paths, decisions }
    };
    groups.into_iter().map(group).collect()
}

fn key(policy: &RetentionPolicy, snapshot: &Snapshot) -> Key {
    let by = policy.group_by;
    let sorted = || {
        let mut paths = snapshot.paths.clone();
        paths.sort();
        paths.dedup();
        paths
    };
    Key {
        host: by.host.then(|| snapshot.host.clone().unwrap_or_default()),
        paths: by.paths.then(sorted),
        lineage: by.lineage.then_some(snapshot.lineage),
        device: by.device.then_some(snapshot.device),
        sealed: policy.needs_body() && !snapshot.body_readable,
    }
}

/// A snapshot as the rules for time see it.
#[derive(Clone, Copy)]
struct Timed {
    /// Which of the group's.
    at: usize,
    time: Timestamp,
    complete: bool,
    id: SnapshotId,
}

struct Group<'a> {
    policy: &'a RetentionPolicy,
    now: Timestamp,
    sealed: bool,
    decisions: Vec<RetentionDecision>,
}

impl<'a> Group<'a> {
    fn new(policy: &'a RetentionPolicy, mut snapshots: Vec<Snapshot>, sealed: bool, now: Timestamp) -> Self {
        snapshots.sort_by_key(|snapshot| (snapshot.received, snapshot.id));
        let tolerance = i64::try_from(policy.tolerance.as_secs()).unwrap_or(i64::MAX);
        let decision = |snapshot: Snapshot| {
            let ahead = snapshot.time.seconds.saturating_sub(snapshot.received.seconds);
            let clock_ahead = Some(ahead).filter(|ahead| ahead.saturating_abs() > tolerance);
            RetentionDecision { snapshot, keep: Vec::new(), remove: Vec::new(), clock_ahead }
        };
        Group { policy, now, sealed, decisions: snapshots.into_iter().map(decision).collect() }
    }

    fn decide(mut self) -> Vec<RetentionDecision> {
        let newest = self.now.seconds.saturating_add(seconds(STILL_NOW));
        let mut received = Vec::new();
        for (at, decision) in self.decisions.iter_mut().enumerate() {
            let snapshot = &decision.snapshot;
            if self.sealed {
                decision.keep.push(KeepReason::Sealed);
            } else if snapshot.received.seconds > newest {
                decision.keep.push(KeepReason::ReceivedInFuture);
            } else {
                let complete = snapshot.outcome == SnapshotOutcome::Complete;
                received.push(Timed { at, time: snapshot.received, complete, id: snapshot.id });
            }
        }
        self.by_time(&received, false);
        let mut claimed = received.clone();
        for timed in &mut claimed {
            if let Some(decision) = self.decisions.get(timed.at)
                && decision.clock_ahead.is_some_and(|ahead| ahead < 0)
            {
                timed.time = decision.snapshot.time;
            }
        }
        claimed.sort_by_key(|timed| (timed.time, timed.at));
        if claimed.iter().zip(&received).any(|(claimed, received)| claimed.time != received.time) {
            self.by_time(&claimed, true);
        }
        for decision in &mut self.decisions {
            if !self.sealed && !self.policy.tags.is_empty() {
                let tags = decision.snapshot.tags.iter().filter(|tag| self.policy.tags.contains(tag));
                decision.keep.extend(tags.map(|tag| KeepReason::Tag(tag.clone())));
                decision.remove.push(RemoveReason::NoTag);
            }
            decision.keep.extend(held(&decision.snapshot, self.now).map(KeepReason::Held));
            if decision.stays() {
                decision.remove.clear();
            }
        }
        self.decisions
    }

    /// Applies everything that depends on time to what ascends by it.
    fn by_time(&mut self, ascending: &[Timed], claimed: bool) {
        if !self.policy.newest_may_go {
            let newest = ascending.last();
            let complete = ascending.iter().rfind(|timed| timed.complete);
            newest.into_iter().for_each(|timed| self.keep(timed, KeepReason::Newest));
            let older = complete.filter(|complete| newest.is_some_and(|newest| newest.at != complete.at));
            older.into_iter().for_each(|timed| self.keep(timed, KeepReason::NewestComplete));
        }
        for (rank, timed) in (1u32..).zip(ascending.iter().rev()) {
            if rank <= self.policy.last {
                self.keep(timed, KeepReason::Last(rank));
            } else if self.policy.last > 0 && !claimed {
                self.refuse(timed, RemoveReason::NotAmongLast(self.policy.last));
            }
        }
        for (kind, rule) in PeriodKind::ALL.into_iter().zip(self.policy.periods) {
            self.by_period(ascending, kind, rule, claimed);
        }
        if let Some(within) = self.policy.within
            && !claimed
        {
            let since = before(self.now, within);
            for timed in ascending {
                if timed.time >= since {
                    self.keep(timed, KeepReason::Within(within));
                } else {
                    self.refuse(timed, RemoveReason::NotWithin(within));
                }
            }
        }
    }

    fn by_period(&mut self, ascending: &[Timed], kind: PeriodKind, rule: PeriodRule, claimed: bool) {
        if rule.count == 0 && rule.within.is_none() {
            return;
        }
        let offset = self.policy.utc_offset;
        let since = rule.within.map(|within| Period::of(kind, before(self.now, within), offset));
        let of = |timed: &Timed| Period::of(kind, timed.time, offset);
        let periods: Vec<&[Timed]> = ascending.chunk_by(|one, next| of(one) == of(next)).collect();
        for (rank, members) in (0u32..).zip(periods.iter().rev()) {
            // First come, first kept: what arrives later changes nothing for a period that has begun.
            let Some(kept) = members.iter().find(|timed| timed.complete).or(members.first()) else { continue };
            let period = of(kept);
            let wanted = rank < rule.count || since.is_some_and(|since| period >= since);
            for timed in *members {
                if !wanted {
                    self.refuse(timed, RemoveReason::Beyond(period));
                } else if timed.at == kept.at {
                    self.keep(timed, KeepReason::Period { period, claimed });
                } else {
                    self.refuse(timed, RemoveReason::Represented { period, by: kept.id });
                }
            }
        }
    }

    fn keep(&mut self, timed: &Timed, reason: KeepReason) {
        let Some(decision) = self.decisions.get_mut(timed.at) else { return };
        let said = decision.keep.iter().any(|known| match (known, &reason) {
            (KeepReason::Period { period: known, .. }, KeepReason::Period { period, .. }) => known == period,
            (KeepReason::Last(_), KeepReason::Last(_)) => true,
            _ => *known == reason,
        });
        if !said {
            decision.keep.push(reason);
        }
    }

    fn refuse(&mut self, timed: &Timed, reason: RemoveReason) {
        let Some(decision) = self.decisions.get_mut(timed.at) else { return };
        if !decision.remove.contains(&reason) {
            decision.remove.push(reason);
        }
    }
}

/// Until when a snapshot is held, if that is not over.
pub(in crate::maintain) fn held(snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    snapshot.hold_until.filter(|until| *until > now)
}

fn before(now: Timestamp, time: Duration) -> Timestamp {
    Timestamp::new(now.seconds.saturating_sub(seconds(time)), now.nanos)
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
