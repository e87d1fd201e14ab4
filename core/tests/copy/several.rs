//! Several destinations at once.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{assert_sound, back_up, create, create_with, noise, reopen, scratch};
use super::{OTHER, assert_copied, copy, destination, snapshots};
use std::fs;
use std::time::Duration;
use strongroom::{
    Budget, CancelToken, Context, CopyOptions, EntryPath, ErrorKind, Folder, Outcome, SnapshotFilter, SnapshotOutcome,
    Source,
};

/// A repository with two backups of files of all lengths.
fn source() -> Vault {
    let scratch = scratch();
    let vault = Vault::new();
    let repo = create(vault.clone());
    for round in 0..2_u64 {
        for number in 0..60_u64 {
            let length = usize::try_from(number * number * 40).unwrap();
            fs::write(scratch.path().join(format!("{round} {number:02}")), noise(number + 100 * round, length))
                .unwrap();
        }
        // The same content in several places.
        fs::write(scratch.path().join(format!("{round} twice")), noise(59, 139_240)).unwrap();
        back_up(&repo, Source::paths([scratch.path()]));
    }
    vault
}

/// Bytes read from the source by a copy to so many destinations.
fn bytes_read(vault: &Vault, destinations: usize) -> (u64, u64) {
    let counting = FaultBackend::new(vault.clone(), |_| None);
    let repo = reopen(counting.clone());
    let ends: Vec<_> = (0..destinations).map(|_| destination().1).collect();
    let report = copy(&repo, &ends.iter().collect::<Vec<_>>());
    assert_eq!(report.outcome, Outcome::Complete);
    for end in &ends {
        assert_copied(&reopen(vault.clone()), end);
        assert_sound(end);
    }
    let all = [Folder::Packs, Folder::Index, Folder::Snapshots, Folder::Marks];
    (all.iter().map(|folder| counting.bytes_read(*folder)).sum(), report.read_bytes)
}

#[test]
fn the_source_is_read_once_for_however_many_destinations() {
    let vault = source();
    let one = bytes_read(&vault, 1);
    assert!(one.1 > 4_000_000, "{one:?}");
    assert_eq!(bytes_read(&vault, 3), one);
}

#[test]
fn a_destination_that_fails_drops_out_and_the_others_go_on() {
    let vault = source();
    let repo = reopen(vault.clone());
    for fail_from in [1, 3, 9] {
        let (good_vault, good) = destination();
        let bad_vault = Vault::new();
        create_with(bad_vault.clone(), &OTHER.options());
        let mut puts = 0;
        let bad_backend = FaultBackend::new(bad_vault.clone(), move |call: &Call| {
            puts += u64::from(call.op == Op::Put);
            (call.op == Op::Put && puts >= fail_from).then_some(Fault::Fail(ErrorKind::StorageFull))
        });
        let bad = reopen(bad_backend.clone());
        let report = copy(&repo, &[&bad, &good]);
        assert_eq!(report.outcome, Outcome::Partial);
        let [failed, fine] = report.destinations.as_slice() else { panic!("two destinations") };
        assert_eq!(failed.error.as_ref().unwrap().kind(), ErrorKind::StorageFull, "{:?}", failed.error);
        assert_eq!(report.error().unwrap().kind(), ErrorKind::StorageFull);
        assert_eq!((failed.outcome, fine.outcome), (Outcome::Partial, Outcome::Complete));
        assert!(fine.error.is_none() && fine.copied.len() == 2);
        assert_copied(&repo, &good);
        assert_eq!(snapshots(&reopen(bad_vault.clone())).len(), failed.copied.len());

        bad_backend.set_rule(|_| None);
        let before = good_vault.size();
        let report = copy(&repo, &[&bad, &good]);
        assert_eq!(report.outcome, Outcome::Complete);
        assert_eq!((report.destinations[1].present, good_vault.size()), (2, before));
        assert_copied(&repo, &bad);
        assert_sound(&bad);
    }
}

#[test]
fn a_destination_that_cannot_be_read_fails_alone() {
    let vault = source();
    let repo = reopen(vault);
    let (_, good) = destination();
    let gone = FaultBackend::new(Vault::new(), |_| None);
    let away = create_with(gone.clone(), &OTHER.options());
    gone.set_rule(|call: &Call| (call.op == Op::List).then_some(Fault::Fail(ErrorKind::Unavailable)));
    let report = copy(&repo, &[&away, &good]);
    assert_eq!(report.destinations[0].error.as_ref().unwrap().kind(), ErrorKind::Unavailable);
    assert_eq!(report.destinations[1].copied.len(), 2);
}

#[test]
fn a_backend_that_panics_is_a_destination_that_fails() {
    let repo = reopen(source());
    let (_, good) = destination();
    let backend = FaultBackend::new(Vault::new(), |_| None);
    let bad = create_with(backend.clone(), &OTHER.options());
    backend.set_rule(|call: &Call| {
        assert!(call.op != Op::Put || call.folder != Folder::Packs, "the backend panics, as the test wants it");
        None
    });
    let report = copy(&repo, &[&bad, &good]);
    assert_eq!(report.destinations[0].error.as_ref().unwrap().kind(), ErrorKind::Internal);
    assert_copied(&repo, &good);
}

/// The others wait for it, and nothing piles up.
#[test]
fn the_slowest_destination_sets_the_pace() {
    let scratch = scratch();
    for number in 0..40_u64 {
        fs::write(scratch.path().join(format!("{number:02}")), noise(number, 1 << 20)).unwrap();
    }
    let repo = create(Vault::new());
    back_up(&repo, Source::paths([scratch.path()]));
    let (fast_vault, fast) = destination();
    let slow_backend = FaultBackend::new(Vault::new(), |_| None);
    let slow = create_with(slow_backend.clone(), &OTHER.options());
    let lead = std::sync::Arc::new(std::sync::Mutex::new(0_u64));
    let (most, sent) = (lead.clone(), slow_backend.clone());
    slow_backend.set_rule(move |call: &Call| {
        if call.op != Op::Put || call.folder != Folder::Packs {
            return None;
        }
        let mut most = most.lock().unwrap();
        *most = (*most).max(fast_vault.size());
        Some(Fault::Delay(Duration::from_millis(40)))
    });
    let ctx = Context::new().budget(Budget::default().threads(2).memory(32 << 20));
    let report = repo.copy_to(&[&slow, &fast], &CopyOptions::new(), &ctx).unwrap();
    assert_eq!(report.outcome, Outcome::Complete);
    assert!(sent.bytes_put() > 40 << 20);
    assert_copied(&repo, &slow);
    assert_copied(&repo, &fast);
    assert!(*lead.lock().unwrap() > 0);
}

#[test]
fn a_cancelled_copy_ends_at_once_and_leaves_no_snapshot() {
    let vault = source();
    let (away_vault, _) = destination();
    let token = CancelToken::new();
    let slow = FaultBackend::new(away_vault.clone(), {
        let token = token.clone();
        move |call: &Call| {
            if call.op == Op::Put && call.folder == Folder::Packs {
                token.cancel();
            }
            None
        }
    });
    let ctx = Context::new().cancel_token(token);
    let error = reopen(vault.clone()).copy_to(&[&reopen(slow)], &CopyOptions::new(), &ctx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let away = reopen(away_vault);
    assert!(snapshots(&away).is_empty());
    super::copy_one(&reopen(vault.clone()), &away);
    assert_copied(&reopen(vault), &away);
}

/// Segments of one pack are gone: whole files come over, what is lost is named, and nothing else is wrong.
#[test]
fn what_is_damaged_in_the_source_is_named_and_the_rest_is_copied() {
    let vault = source();
    let damaged = vault.fork();
    let names = damaged.names(Folder::Packs);
    for name in &names[..1] {
        let mut bytes = damaged.bytes(name);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        damaged.replace(name, bytes);
    }
    let repo = reopen(damaged);
    let (_, away) = destination();
    let report = copy(&repo, &[&away]);
    assert_eq!(report.outcome, Outcome::Partial);
    let end = &report.destinations[0];
    assert!(end.error.is_none(), "{:?}", end.error);
    let lossy: Vec<_> = end.copied.iter().filter(|copy| copy.problem_count > 0).collect();
    assert!(!lossy.is_empty() && lossy.iter().all(|copy| copy.outcome == SnapshotOutcome::Partial));
    let whole = reopen(vault);
    for (copy, original) in end.copied.iter().zip(snapshots(&whole)) {
        assert_eq!(copy.source, original.id);
        let lost: Vec<&EntryPath> = copy.problems.iter().map(|problem| &problem.path).collect();
        let mut expected = super::entries(&whole, &original.id);
        let before = expected.len();
        expected.retain(|entry| !lost.contains(&&entry.path));
        assert_eq!(before - expected.len(), lost.len());
        assert_eq!(super::entries(&away, &copy.copy), expected);
        let stored = &snapshots(&away).into_iter().find(|one| one.id == copy.copy).unwrap();
        assert_eq!(stored.counts.problems, copy.problem_count);
    }
    assert_sound(&away);
}

/// What repair saves of a damaged copy is not taken for the copy: a whole one can be made.
#[test]
fn a_salvaged_copy_is_no_copy_any_more() {
    let scratch = scratch();
    for number in 0..20_u64 {
        fs::write(scratch.path().join(format!("{number}")), noise(number, 100_000)).unwrap();
    }
    let repo = create(Vault::new());
    back_up(&repo, Source::paths([scratch.path()]));
    let (away_vault, away) = destination();
    super::copy_one(&repo, &away);
    let copies = away_vault.names(Folder::Snapshots);
    let pack = away_vault.names(Folder::Packs).remove(0);
    let mut bytes = away_vault.bytes(&pack);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    away_vault.replace(&pack, bytes);
    let repaired = reopen(away_vault.clone()).repair(&strongroom::RepairOptions::new(), &Context::new()).unwrap();
    assert_eq!(repaired.salvaged.len(), 1, "{repaired:?}");
    away_vault.remove(&copies[0]);
    let away = reopen(away_vault);
    let salvaged = snapshots(&away);
    assert!(salvaged.len() == 1 && !salvaged[0].metadata.contains_key("strongroom.copy-of"));
    let (end, _) = super::copy_one(&repo, &away);
    let target = scratch.path().join("target");
    super::common::restore(&away, &end.copied[0].copy, &target);
    for number in 0..20_u64 {
        assert!(fs::read(target.join(format!("{number}"))).unwrap() == noise(number, 100_000));
    }
}

/// A snapshot that is no more what it was is not copied, and not passed over in silence.
#[test]
fn a_snapshot_that_cannot_be_trusted_is_named() {
    let vault = source();
    let name = vault.names(Folder::Snapshots).remove(0);
    let mut bytes = vault.bytes(&name);
    *bytes.last_mut().unwrap() ^= 1;
    vault.replace(&name, bytes);
    let (_, away) = destination();
    let report = copy(&reopen(vault), &[&away]);
    assert_eq!((report.outcome, report.snapshots), (Outcome::Partial, 1));
    assert_eq!(report.rejected[0].0, name);
    assert_eq!(away.snapshots(&SnapshotFilter::all()).unwrap().count(), 1);
}

/// Bits that turn on their way into storage are found before the copy counts.
#[test]
fn what_a_destination_does_not_give_back_as_it_was_sent_is_no_copy() {
    let repo = reopen(source());
    let (away_vault, _) = destination();
    let turning = FaultBackend::new(away_vault.clone(), |call: &Call| {
        (call.op == Op::Read && call.folder == Folder::Packs && call.number.is_multiple_of(3))
            .then_some(Fault::Flip(4000))
    });
    let options = CopyOptions::new().verify_data(true);
    let report = repo.copy_to(&[&reopen(turning)], &options, &Context::new()).unwrap();
    let error = report.destinations[0].error.as_ref().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(snapshots(&reopen(away_vault.clone())).len(), report.destinations[0].copied.len());
    let away = reopen(away_vault);
    let report = repo.copy_to(&[&away], &options, &Context::new()).unwrap();
    assert_eq!(report.outcome, Outcome::Complete);
    assert_copied(&repo, &away);
}
