//! Copies that stop on the way and go on later.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{assert_sound, back_up, create, noise, reopen, scratch};
use super::{assert_copied, copy_one, destination, snapshots};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use strongroom::{AppEntry, Budget, CancelToken, Context, CopyOptions, EntryPath, ErrorKind, Folder, Outcome, Source};

fn source() -> Vault {
    let scratch = scratch();
    for number in 0..240_u64 {
        fs::write(scratch.path().join(format!("{number:03}")), noise(number, 50_000)).unwrap();
    }
    let vault = Vault::new();
    back_up(&create(vault.clone()), Source::paths([scratch.path()]));
    vault
}

/// Suspends after so many reads of packs.
fn suspending(vault: &Vault, after: u64) -> (FaultBackend, Context) {
    let token = CancelToken::new();
    let ctx = Context::new().cancel_token(token.clone()).budget(Budget::default().memory(32 << 20));
    let reads = AtomicU64::new(0);
    let backend = FaultBackend::new(vault.clone(), move |call: &Call| {
        if call.op == Op::Read && call.folder == Folder::Packs && reads.fetch_add(1, Ordering::SeqCst) == after {
            token.suspend();
        }
        None
    });
    (backend, ctx)
}

#[test]
fn a_suspended_copy_goes_on_where_it_was() {
    let vault = source();
    let (away_vault, _) = destination();
    let (backend, ctx) = suspending(&vault, 150);
    let report = reopen(backend).copy_to(&[&reopen(away_vault.clone())], &CopyOptions::new(), &ctx).unwrap();
    assert_eq!((report.outcome, report.destinations[0].outcome), (Outcome::Suspended, Outcome::Suspended));
    assert!(report.read_bytes > 5_000_000, "{}", report.read_bytes);
    assert!(snapshots(&reopen(away_vault.clone())).is_empty());
    let (repo, away) = (reopen(vault), reopen(away_vault));
    let (end, read) = copy_one(&repo, &away);
    // What waited between the two sides is lost, and the file that was under way.
    assert!(read <= 12_000_000 - report.read_bytes + (2 << 20) + 50_000, "{read} after {}", report.read_bytes);
    assert!(end.copied[0].unchanged > 0);
    assert_copied(&repo, &away);
    assert_sound(&away);
}

#[test]
fn calls_with_short_deadlines_come_to_the_end() {
    let vault = source();
    let (away_vault, _) = destination();
    let slow = FaultBackend::new(vault.clone(), |call: &Call| {
        (call.op == Op::Read && call.folder == Folder::Packs).then_some(Fault::Delay(Duration::from_millis(2)))
    });
    let mut calls = 0;
    loop {
        let ctx = Context::new().budget(Budget::default().threads(2).deadline_in(Duration::from_millis(150)));
        let report = reopen(slow.clone()).copy_to(&[&reopen(away_vault.clone())], &CopyOptions::new(), &ctx).unwrap();
        if report.outcome == Outcome::Complete {
            break;
        }
        assert_eq!(report.outcome, Outcome::Suspended);
        calls += 1;
        assert!(calls < 200, "no end");
    }
    assert_copied(&reopen(vault), &reopen(away_vault));
}

/// Two snapshots that say the same of everything: what was copied of one is not taken for the other.
#[test]
fn a_checkpoint_of_another_snapshot_is_not_gone_on_from() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    let time = strongroom::Timestamp::new(1_600_000_000, 0);
    for round in 0..2_u64 {
        let entry = |number: u64| {
            let path = EntryPath::parse(format!("{number:03}")).unwrap();
            AppEntry::bytes(path, noise(number + 1000 * round, 50_000))
        };
        let source = Source::entries((0..40).map(entry).collect::<Vec<_>>()).known_as(["app"]);
        let options = strongroom::BackupOptions::new().time(time).parent(strongroom::Parent::None);
        super::common::back_up_with(&repo, source, &options);
    }
    let all = snapshots(&repo);
    assert_eq!(super::entries(&repo, &all[0].id), super::entries(&repo, &all[1].id));
    let (away_vault, _) = destination();
    let (backend, ctx) = suspending(&vault, 20);
    let one = CopyOptions::new().snapshot(all[1].id);
    let report = reopen(backend).copy_to(&[&reopen(away_vault.clone())], &one, &ctx).unwrap();
    assert_eq!(report.outcome, Outcome::Suspended);
    let away = reopen(away_vault);
    let report = repo.copy_to(&[&away], &CopyOptions::new().snapshot(all[0].id), &Context::new()).unwrap();
    assert_eq!(report.read_bytes, 2_000_000, "nothing of the other one was taken over");
    copy_one(&repo, &away);
    assert_copied(&repo, &away);
}

/// What was read until the source went away need not be read again.
#[test]
fn a_source_that_fails_on_the_way_costs_only_what_was_not_read() {
    let vault = source();
    let (away_vault, away) = destination();
    let reads = Arc::new(AtomicU64::new(0));
    let counted = reads.clone();
    let failing = FaultBackend::new(vault.clone(), move |call: &Call| {
        let is_read = call.op == Op::Read && call.folder == Folder::Packs;
        (is_read && counted.fetch_add(1, Ordering::SeqCst) > 150).then_some(Fault::Fail(ErrorKind::Unavailable))
    });
    let error = reopen(failing).copy_to(&[&away], &CopyOptions::new(), &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(snapshots(&away).is_empty());
    let repo = reopen(vault);
    let (_, read) = copy_one(&repo, &reopen(away_vault));
    assert!((1..9_000_000).contains(&read), "{read}");
    assert_copied(&repo, &away);
}
