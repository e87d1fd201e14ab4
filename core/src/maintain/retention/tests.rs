use super::*;
use crate::error::ErrorKind;
use crate::format::snapshot::{SnapshotCounts, SnapshotOutcome};
use crate::id::{BlobId, SessionId, SnapshotId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Sunday, 22 November 2026, at noon.
const NOON: i64 = 1_795_348_800;

/// A complete snapshot that was made when it was received.
fn at(number: u16, received: i64) -> Snapshot {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    Snapshot {
        id: SnapshotId::from_bytes(id),
        root: BlobId::from_bytes([1; 32]),
        time: Timestamp::new(received, 0),
        received: Timestamp::new(received, 0),
        lineage: LineageId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([1; 16]),
        session: SessionId::from_bytes([1; 16]),
        counts: SnapshotCounts::default(),
        parents: Vec::new(),
        outcome: SnapshotOutcome::Complete,
        hold_until: None,
        body_readable: true,
        host: Some("laptop".into()),
        paths: vec![b"/home".to_vec()],
        tags: Vec::new(),
        description: None,
        user: None,
        program: None,
        metadata: BTreeMap::new(),
    }
}

fn partial(number: u16, received: i64) -> Snapshot {
    Snapshot { outcome: SnapshotOutcome::Partial, ..at(number, received) }
}

fn claiming(claimed: i64, snapshot: Snapshot) -> Snapshot {
    Snapshot { time: Timestamp::new(claimed, 0), ..snapshot }
}

fn number(snapshot: &Snapshot) -> u16 {
    u16::from_be_bytes([snapshot.id.as_bytes()[0], snapshot.id.as_bytes()[1]])
}

fn decisions(policy: &RetentionPolicy, snapshots: &[Snapshot], now: i64) -> BTreeMap<u16, RetentionDecision> {
    let groups = policy.apply(snapshots.to_vec(), Timestamp::new(now, 0)).unwrap();
    groups.into_iter().flat_map(|group| group.decisions).map(|one| (number(&one.snapshot), one)).collect()
}

fn kept(policy: &RetentionPolicy, snapshots: &[Snapshot], now: i64) -> BTreeSet<u16> {
    let decisions = decisions(policy, snapshots, now);
    assert_eq!(decisions.len(), snapshots.len());
    for decision in decisions.values() {
        // Whatever happens to a snapshot, there is a reason.
        assert_eq!(decision.stays(), decision.remove.is_empty(), "{decision:?}");
    }
    decisions.into_iter().filter(|(_, decision)| decision.stays()).map(|(number, _)| number).collect()
}

fn said(decision: &RetentionDecision) -> Vec<String> {
    if decision.stays() {
        decision.keep.iter().map(ToString::to_string).collect()
    } else {
        decision.remove.iter().map(ToString::to_string).collect()
    }
}

fn policy() -> RetentionPolicy {
    RetentionPolicy::new()
}

#[test]
fn the_first_of_each_day_stays_and_the_newest() {
    let snapshots: Vec<Snapshot> =
        (0..40).map(|number| at(number, NOON - 10 * DAY + i64::from(number) * 6 * HOUR)).collect();
    // Four a day from noon on: the first of a day is the one at midnight.
    let now = NOON;
    assert_eq!(kept(&policy().keep_daily(3), &snapshots, now), [30, 34, 38, 39].into());
    assert_eq!(kept(&policy().keep_last(3), &snapshots, now), [37, 38, 39].into());
    assert_eq!(kept(&policy().keep_yearly(9), &snapshots, now), [0, 39].into());
    // Sunday belongs to the week of the Monday before; that of the 9th begins with what there is of it.
    assert_eq!(kept(&policy().keep_weekly(2), &snapshots, now), [0, 14, 39].into());
    assert_eq!(kept(&policy().keep_within(Duration::from_secs(86_400)), &snapshots, now), [36, 37, 38, 39].into());
    let within = policy().keep_of_within(PeriodKind::Day, Duration::from_secs(2 * 86_400));
    assert_eq!(kept(&within, &snapshots, now), [30, 34, 38, 39].into());
    let decisions = decisions(&policy().keep_daily(2).keep_last(1), &snapshots, now);
    assert_eq!(said(&decisions[&39]), ["the newest", "last 1"]);
    assert_eq!(said(&decisions[&38]), ["daily 2026-11-22"]);
    assert_eq!(said(&decisions[&37]), ["not among the last 1", "daily 2026-11-21 is 00220000"]);
    assert_eq!(said(&decisions[&30]), ["not among the last 1", "too old for daily 2026-11-20"]);
}

#[test]
fn days_without_snapshots_do_not_count() {
    let snapshots = [at(0, NOON - 900 * DAY), at(1, NOON - 400 * DAY), at(2, NOON - 3 * DAY), at(3, NOON)];
    assert_eq!(kept(&policy().keep_daily(3), &snapshots, NOON), [1, 2, 3].into());
    assert_eq!(kept(&policy().keep_monthly(2), &snapshots, NOON), [1, 2, 3].into());
}

#[test]
fn days_begin_where_the_caller_says() {
    // Eleven in the evening and one in the morning.
    let snapshots = [at(0, NOON - 13 * HOUR), at(1, NOON - 11 * HOUR), at(2, NOON)];
    assert_eq!(kept(&policy().keep_daily(5), &snapshots, NOON), [0, 1, 2].into());
    assert_eq!(kept(&policy().keep_daily(5).utc_offset(2 * 3600), &snapshots, NOON), [0, 2].into());
}

#[test]
fn a_complete_snapshot_is_not_lost_for_partial_ones() {
    let mut snapshots = vec![at(0, NOON - 20 * DAY), at(1, NOON - 10 * DAY)];
    snapshots.extend((2..12).map(|number| partial(number, NOON - DAY * (12 - i64::from(number)))));
    let decided = decisions(&policy().keep_last(2), &snapshots, NOON);
    assert_eq!(said(&decided[&1]), ["the newest complete one"]);
    assert_eq!(said(&decided[&11]), ["the newest", "last 1"]);
    assert_eq!(kept(&policy().keep_last(2), &snapshots, NOON), [1, 10, 11].into());
    // Of a day with both, the complete one.
    let snapshots = [partial(0, NOON - DAY), at(1, NOON - DAY + 60), at(2, NOON - DAY + 120), at(3, NOON)];
    assert_eq!(kept(&policy().keep_daily(7), &snapshots, NOON), [1, 3].into());
    let snapshots = [partial(0, NOON - DAY), partial(1, NOON - DAY + 60), at(3, NOON)];
    assert_eq!(kept(&policy().keep_daily(7), &snapshots, NOON), [0, 3].into());
}

#[test]
fn the_newest_goes_only_where_that_is_asked_for() {
    let snapshots = [at(0, NOON - 20 * DAY), at(1, NOON - 10 * DAY)];
    let policy = policy().keep_within(Duration::from_secs(60));
    assert_eq!(kept(&policy, &snapshots, NOON), [1].into());
    assert!(kept(&policy.newest_may_go(true), &snapshots, NOON).is_empty());
}

#[test]
fn policies_without_rules_and_impossible_ones_are_refused() {
    let refused = |policy: RetentionPolicy| policy.apply([], Timestamp::default()).unwrap_err().kind();
    for policy in [
        policy(),
        policy().keep_last(0).keep_daily(0),
        policy().newest_may_go(true),
        policy().keep_last(1).utc_offset(64_801),
        policy().keep_last(1).utc_offset(i32::MIN),
        policy().keep_tag(""),
    ] {
        assert_eq!(refused(policy), ErrorKind::InvalidArgument);
    }
}

#[test]
fn tags_and_holds_keep_whatever_the_age() {
    let mut tagged = at(0, NOON - 900 * DAY);
    tagged.tags = vec!["release".into(), "x".into()];
    let held_until = |snapshot, seconds| Snapshot { hold_until: Some(Timestamp::new(seconds, 0)), ..snapshot };
    let snapshots = [
        tagged,
        held_until(at(1, NOON - 800 * DAY), NOON + 1),
        held_until(at(2, NOON - 700 * DAY), NOON),
        at(3, NOON - 10),
    ];
    let policy = policy().keep_tag("release").keep_tag("other");
    let decided = decisions(&policy, &snapshots, NOON);
    assert_eq!(said(&decided[&0]), ["tag release"]);
    assert_eq!(said(&decided[&1]), ["held until 2026-11-22 12:00 UTC"]);
    assert_eq!(said(&decided[&2]), ["no such tag"]);
    assert_eq!(said(&decided[&3]), ["the newest"]);
}

#[test]
fn groups_are_what_was_asked_for() {
    let of = |number: u16, device: u8, lineage: u8, host: &str, path: &str| Snapshot {
        device: DeviceId::from_bytes([device; 16]),
        lineage: LineageId::from_bytes([lineage; 16]),
        host: Some(host.into()),
        paths: vec![path.into()],
        ..at(number, NOON - DAY * (10 - i64::from(number)))
    };
    let snapshots = [
        of(0, 1, 1, "a", "/x"),
        of(1, 2, 1, "a", "/x"),
        of(2, 1, 2, "a", "/y"),
        of(3, 1, 3, "b", "/x"),
        of(4, 1, 3, "b", "/x"),
    ];
    let all = GroupBy::all_together();
    for (group_by, expected) in [
        (GroupBy::default(), &[0, 1, 2, 4][..]),
        (all.lineage(), &[1, 2, 4]),
        (all.device(), &[1, 4]),
        (all.host(), &[2, 4]),
        (all.paths(), &[2, 4]),
        (all.host().paths(), &[1, 2, 4]),
        (all, &[4]),
    ] {
        let kept = kept(&policy().keep_last(1).group_by(group_by), &snapshots, NOON);
        assert_eq!(kept, expected.iter().copied().collect(), "{group_by:?}");
    }
    let groups = policy().keep_last(1).group_by(all.host()).apply(snapshots, Timestamp::new(NOON, 0)).unwrap();
    assert_eq!(groups.iter().map(|group| group.host.as_deref()).collect::<Vec<_>>(), [Some("a"), Some("b")]);
    assert!(groups.iter().all(|group| group.lineage.is_none() && group.device.is_none() && group.paths.is_none()));
}

#[test]
fn what_a_policy_cannot_judge_stays() {
    let sealed = |number| Snapshot { body_readable: false, host: None, ..at(number, NOON - DAY) };
    let snapshots = [sealed(0), sealed(1), at(2, NOON - 20 * DAY), at(3, NOON)];
    for policy in [policy().keep_tag("x"), policy().keep_last(1).group_by(GroupBy::all_together().host())] {
        let decided = decisions(&policy, &snapshots, NOON);
        assert_eq!(said(&decided[&1]), ["its tags and host cannot be read with this key"]);
        assert_eq!(kept(&policy, &snapshots, NOON), [0, 1, 3].into());
    }
    assert_eq!(kept(&policy().keep_last(1), &snapshots, NOON), [3].into());
}

#[test]
fn what_the_storage_says_it_received_in_the_future_stays_and_takes_no_place() {
    let snapshots = [at(0, NOON - DAY), at(1, NOON + 299), at(2, NOON + 301), at(3, NOON + 900 * DAY)];
    let decided = decisions(&policy().keep_last(1), &snapshots, NOON);
    assert_eq!(said(&decided[&1]), ["the newest", "last 1"]);
    assert_eq!(said(&decided[&3]), ["received in the future, says the storage"]);
    assert_eq!(kept(&policy().keep_last(1), &snapshots, NOON), [1, 2, 3].into());
}

#[test]
fn disagreement_with_the_storages_clock_is_shown() {
    let ahead = |claimed, tolerance: Option<u64>| {
        let mut policy = policy().keep_last(1);
        policy = tolerance.map_or(policy.clone(), |seconds| policy.clock_tolerance(Duration::from_secs(seconds)));
        decisions(&policy, &[claiming(claimed, at(0, NOON))], NOON)[&0].clock_ahead
    };
    assert_eq!(ahead(NOON + DAY, None), None);
    assert_eq!(ahead(NOON + DAY + 1, None), Some(DAY + 1));
    assert_eq!(ahead(NOON - DAY - 1, None), Some(-DAY - 1));
    assert_eq!(ahead(NOON - 61, Some(60)), Some(-61));
    assert_eq!(ahead(i64::MIN, None), Some(i64::MIN));
    assert_eq!(ahead(i64::MAX, None), Some(i64::MAX - NOON));
}

#[test]
fn a_history_that_was_moved_to_other_storage_is_thinned_out_by_what_it_claims() {
    // All of it arrives in an hour, in the order of names.
    let snapshots: Vec<Snapshot> = (0..100)
        .map(|day| claiming(NOON - DAY * i64::from(100 - day), at(day, NOON - HOUR + i64::from(day * 37 % 100))))
        .collect();
    let policy = policy().keep_last(2).keep_daily(7).keep_monthly(12);
    let stay = kept(&policy, &snapshots, NOON);
    // The last days, by their claims, and the first of every month.
    for number in (93..100).chain([0, 18, 48, 79]) {
        assert!(stay.contains(&number), "{number}");
    }
    assert!(stay.len() < 20, "{stay:?}");
    let decided = decisions(&policy, &snapshots, NOON);
    assert_eq!(said(&decided[&97]), ["daily 2026-11-19 going by devices' clocks"]);
}

#[test]
fn another_device_pushes_nothing_out_of_a_lineage() {
    let mine: Vec<Snapshot> = (0..60).map(|day| at(day, NOON - DAY * i64::from(60 - day))).collect();
    let policy = policy().keep_last(3).keep_hourly(5).keep_daily(7).keep_monthly(3);
    let before = kept(&policy, &mine, NOON);
    let flood = (1000..2000).map(|number| Snapshot {
        device: DeviceId::from_bytes([9; 16]),
        ..claiming(i64::from(number) * 77_777, at(number, NOON - i64::from(number)))
    });
    let all: Vec<Snapshot> = mine.iter().cloned().chain(flood).collect();
    let after = kept(&policy, &all, NOON);
    assert_eq!(after.iter().filter(|number| **number < 1000).copied().collect::<BTreeSet<_>>(), before);
}

#[test]
fn a_flood_with_the_devices_own_key_takes_one_place_a_period() {
    let mine: Vec<Snapshot> = (0..60).map(|day| at(day, NOON - DAY * i64::from(60 - day))).collect();
    let policy = policy().keep_daily(7).keep_weekly(4).keep_monthly(3);
    let before = kept(&policy, &mine, NOON);
    let flood = (1000..2000).map(|number| at(number, NOON + i64::from(number)));
    let all: Vec<Snapshot> = mine.iter().cloned().chain(flood).collect();
    let after = kept(&policy, &all, NOON + 2000);
    let lost: Vec<_> = before.difference(&after).collect();
    // The newest is the newest no more, and the oldest day falls out because today began.
    assert!(lost.len() <= 2, "{lost:?}");
    assert!(after.iter().filter(|number| **number >= 1000).count() <= 2);
}

fn any_snapshot(number: u16) -> impl Strategy<Value = Snapshot> {
    let received = NOON - 500 * DAY..NOON;
    let claimed = prop_oneof![
        5 => Just(None),
        2 => (NOON - 900 * DAY..NOON + 900 * DAY).prop_map(Some),
        1 => any::<i64>().prop_map(Some),
    ];
    let hold = prop_oneof![4 => Just(None), 1 => (NOON - DAY..NOON + DAY).prop_map(Some)];
    (received, claimed, hold, 0..3u8, 0..3u8, any::<bool>(), any::<bool>()).prop_map(
        move |(received, claimed, hold, device, lineage, complete, tagged)| Snapshot {
            time: Timestamp::new(claimed.unwrap_or(received - 60), 0),
            hold_until: hold.map(|seconds| Timestamp::new(seconds, 0)),
            device: DeviceId::from_bytes([device; 16]),
            lineage: LineageId::from_bytes([lineage; 16]),
            outcome: if complete { SnapshotOutcome::Complete } else { SnapshotOutcome::Partial },
            tags: if tagged { vec!["tag".into()] } else { Vec::new() },
            ..at(number, received)
        },
    )
}

fn any_snapshots() -> impl Strategy<Value = Vec<Snapshot>> {
    (0..60u16).prop_flat_map(|count| (0..count).map(any_snapshot).collect::<Vec<_>>())
}

/// Rules as numbers, so that there can be more of each.
type Rules = (u32, [u32; 5], [u32; 5], u32, bool);

fn any_rules() -> impl Strategy<Value = Rules> {
    let few = || prop_oneof![Just(0u32), 0..6u32];
    let days = || prop_oneof![2 => Just(0u32), 1 => 0..400u32];
    (few(), [few(), few(), few(), few(), few()], [days(), days(), days(), days(), days()], days(), any::<bool>())
}

fn policy_of((last, counts, withins, within, tag): &Rules) -> RetentionPolicy {
    let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    // Something that says next to nothing, so that no policy is empty.
    let mut policy = policy().keep_last(*last).keep_tag("none").utc_offset(3 * 3600);
    for ((kind, count), days_within) in PeriodKind::ALL.into_iter().zip(counts).zip(withins) {
        policy = policy.keep_of(kind, *count);
        if *days_within > 0 {
            policy = policy.keep_of_within(kind, days(*days_within));
        }
    }
    if *within > 0 {
        policy = policy.keep_within(days(*within));
    }
    if *tag { policy.keep_tag("tag") } else { policy }
}

fn more(rules: &Rules, by: &Rules) -> Rules {
    let add = |one: [u32; 5], other: [u32; 5]| std::array::from_fn(|at| one[at] + other[at]);
    (rules.0 + by.0, add(rules.1, by.1), add(rules.2, by.2), rules.3 + by.3, rules.4 || by.4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn more_rules_keep_more(snapshots in any_snapshots(), rules in any_rules(), by in any_rules()) {
        let fewer = kept(&policy_of(&rules), &snapshots, NOON);
        let more = kept(&policy_of(&more(&rules, &by)), &snapshots, NOON);
        prop_assert!(fewer.is_subset(&more), "{:?}", fewer.difference(&more).collect::<Vec<_>>());
    }

    #[test]
    fn applied_again_nothing_more_goes(snapshots in any_snapshots(), rules in any_rules(), may_go: bool) {
        let policy = policy_of(&rules).newest_may_go(may_go);
        let first = kept(&policy, &snapshots, NOON);
        let rest: Vec<Snapshot> = snapshots.iter().filter(|one| first.contains(&number(one))).cloned().collect();
        prop_assert_eq!(kept(&policy, &rest, NOON), first);
    }

    #[test]
    fn the_order_in_which_they_are_listed_changes_nothing(
        (snapshots, shuffled) in any_snapshots().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        rules in any_rules(),
    ) {
        prop_assert_eq!(kept(&policy_of(&rules), &snapshots, NOON), kept(&policy_of(&rules), &shuffled, NOON));
    }

    #[test]
    fn what_is_held_stays(snapshots in any_snapshots(), rules in any_rules(), may_go: bool) {
        let stay = kept(&policy_of(&rules).newest_may_go(may_go), &snapshots, NOON);
        for snapshot in &snapshots {
            if snapshot.hold_until.is_some_and(|until| until > Timestamp::new(NOON, 0)) {
                prop_assert!(stay.contains(&number(snapshot)));
            }
        }
    }

    #[test]
    fn last_keeps_as_many_as_it_says(count in 1..30u32, received in proptest::collection::vec(NOON - DAY..NOON, 0..40)) {
        let all: Vec<Snapshot> = (0u16..).zip(received).map(|(number, received)| at(number, received)).collect();
        prop_assert_eq!(kept(&policy().keep_last(count), &all, NOON).len(), all.len().min(count as usize));
    }

    #[test]
    fn a_time_claimed_to_be_later_changes_nothing(
        snapshots in any_snapshots(), rules in any_rules(), forged in proptest::collection::vec(0..i64::MAX / 2, 60),
    ) {
        let honest: Vec<Snapshot> =
            snapshots.into_iter().map(|one| claiming(one.received.seconds - 60, one)).collect();
        let forged: Vec<Snapshot> =
            honest.iter().cloned().zip(forged).map(|(one, by)| claiming(one.received.seconds + by, one)).collect();
        prop_assert_eq!(kept(&policy_of(&rules), &honest, NOON), kept(&policy_of(&rules), &forged, NOON));
    }

    /// Whatever times the snapshots of a device claim, what their receipt keeps stays.
    #[test]
    fn no_claim_makes_anything_go(
        snapshots in any_snapshots(), rules in any_rules(), claims in proptest::collection::vec(any::<Option<i64>>(), 60),
    ) {
        let honest: Vec<Snapshot> =
            snapshots.into_iter().map(|one| claiming(one.received.seconds - 60, one)).collect();
        let forge = |(one, claim): (Snapshot, Option<i64>)| match claim {
            Some(claim) => claiming(NOON.saturating_add(claim % (1000 * DAY)), one),
            None => one,
        };
        let forged: Vec<Snapshot> = honest.iter().cloned().zip(claims).map(forge).collect();
        let (before, after) = (kept(&policy_of(&rules), &honest, NOON), kept(&policy_of(&rules), &forged, NOON));
        prop_assert!(before.is_subset(&after), "{:?}", before.difference(&after).collect::<Vec<_>>());
    }

    /// What another device adds to a lineage, with whatever claims, removes nothing of anybody else's.
    #[test]
    fn others_snapshots_make_nothing_go(snapshots in any_snapshots(), added in any_snapshots(), rules in any_rules()) {
        let before = kept(&policy_of(&rules), &snapshots, NOON);
        let foreign = added.into_iter().map(|one| Snapshot {
            device: DeviceId::from_bytes([77; 16]),
            id: SnapshotId::from_bytes(*at(number(&one) + 1000, 0).id.as_bytes()),
            ..one
        });
        let all: Vec<Snapshot> = snapshots.iter().cloned().chain(foreign).collect();
        let after = kept(&policy_of(&rules), &all, NOON);
        prop_assert_eq!(after.into_iter().filter(|number| *number < 1000).collect::<BTreeSet<_>>(), before);
    }

    /// What arrives now stands for no hour, day, week, month or year that something older stands for.
    #[test]
    fn what_arrives_later_represents_no_period_that_has_begun(
        received in proptest::collection::vec(NOON - 60 * DAY..NOON, 1..40), flood in 1..50u16,
    ) {
        let all: Vec<Snapshot> = (0u16..).zip(received).map(|(number, received)| at(number, received)).collect();
        let policy = policy().keep_monthly(100).keep_yearly(100).newest_may_go(true);
        let before = kept(&policy, &all, NOON);
        let more: Vec<Snapshot> = all.iter().cloned().chain((0..flood).map(|add| at(1000 + add, NOON))).collect();
        let after = kept(&policy, &more, NOON);
        prop_assert!(before.is_subset(&after));
    }
}
