//! What one call costs: it is bounded, can be broken off, and goes on.

use super::common::fault::{Call, FaultBackend, Op};
use super::common::{assert_sound, reopen, scratch, secret};
use super::history::{History, forget, prune};
use std::time::Duration;
use strongroom::{Budget, CancelToken, Context, Folder, OpenOptions, Outcome, PruneOptions, Repository};

/// Of the index, only those objects are read that list what goes, and those that others wrote.
#[test]
fn taking_packs_out_of_the_index_reads_what_lists_them_and_nothing_else() {
    const COUNT: usize = 20;
    let history = History::make(COUNT as u64);
    let vault = history.vault.fork();
    let state = scratch();
    let backend = FaultBackend::new(vault.clone(), |_| None);
    let open = || {
        let options = OpenOptions::new().state_folder(state.path());
        Repository::open_with(backend.clone(), &secret(), &options).unwrap()
    };
    let reads = || backend.count(Op::Read, Folder::Index);
    prune(&open());
    assert!(vault.names(Folder::Index).len() >= COUNT / 2, "{:?}", vault.names(Folder::Index));
    let before = reads();
    let report = prune(&open());
    assert_eq!((report.removed_packs, reads() - before), (0, 0), "{report:?}");
    forget(&vault, &history.snapshots[3].0);
    let before = reads();
    let mut report = prune(&open());
    assert!(report.removed_packs > 0, "{report:?}");
    assert!(reads() - before <= 6, "{} objects were read for {report:?}", reads() - before);
    // Who was not there reads what is new.
    let other = scratch();
    let elsewhere = || {
        let options = OpenOptions::new().state_folder(other.path());
        Repository::open_with(backend.clone(), &secret(), &options).unwrap()
    };
    assert_sound(&elsewhere());
    forget(&vault, &history.snapshots[5].0);
    report = prune(&open());
    assert!(report.removed_packs > 0, "{report:?}");
    let before = reads();
    let look = PruneOptions::new().dry_run(true);
    assert_eq!(elsewhere().prune(&look, &Context::new()).unwrap().condemned_packs, 0);
    assert!(reads() - before <= 6, "{} objects were read", reads() - before);
    history.assert_restores(&elsewhere(), COUNT - 1);
    assert_sound(&reopen(vault));
}

#[test]
fn a_deadline_ends_it_where_it_can_go_on() {
    let history = History::make(4);
    let vault = history.vault.fork();
    (0..3).for_each(|number| forget(&vault, &history.snapshots[number].0));
    let past = Context::new().budget(Budget::default().deadline_in(Duration::ZERO));
    let packs = vault.names(Folder::Packs);
    let report = reopen(vault.clone()).prune(&PruneOptions::new(), &past).unwrap();
    assert_eq!((report.outcome, report.removed_packs), (Outcome::Suspended, 0), "{report:?}");
    assert_eq!(vault.names(Folder::Packs), packs);
    let all = reopen(vault.fork()).prune(&PruneOptions::new(), &Context::new()).unwrap();
    assert!(all.removed_packs > 2, "{all:?}");
    // The time is up at the first pack that is removed, of every call.
    let (mut removed, mut calls) = (0, 0);
    loop {
        let token = CancelToken::new();
        let up = token.clone();
        let rule = move |call: &Call| {
            if call.op == Op::Delete && call.folder == Folder::Packs {
                up.suspend();
            }
            None
        };
        let repo = reopen(FaultBackend::new(vault.clone(), rule));
        let report = repo.prune(&PruneOptions::new(), &Context::new().cancel_token(token)).unwrap();
        removed += report.removed_packs;
        calls += 1;
        history.assert_restores(&reopen(vault.clone()), 3);
        if report.outcome == Outcome::Complete {
            break;
        }
        assert_eq!((report.outcome, report.removed_packs), (Outcome::Suspended, 1), "{report:?}");
        assert!(calls < 100);
    }
    assert!(calls > 2 && removed >= all.removed_packs, "{removed} of {} in {calls} calls", all.removed_packs);
    assert_sound(&reopen(vault.clone()));
    let again = prune(&reopen(vault));
    assert_eq!((again.removed_packs, again.condemned_packs), (0, 0), "{again:?}");
}

/// Wherever the time is up, nothing is lost and calling again comes to the same end.
#[test]
fn it_can_be_suspended_at_every_call_to_the_storage() {
    let history = History::make(3);
    let run = |vault: &super::common::vault::Vault, at: u64| {
        let token = CancelToken::new();
        let up = token.clone();
        let backend = FaultBackend::new(vault.clone(), move |call: &Call| {
            if call.number == at {
                up.suspend();
            }
            None
        });
        let repo = reopen(backend.clone());
        let options = PruneOptions::new().min_live_share(1.0);
        let report = repo.prune(&options, &Context::new().cancel_token(token)).unwrap();
        (report, backend.calls().len() as u64)
    };
    let fresh = || {
        let vault = history.vault.fork();
        (0..2).for_each(|number| forget(&vault, &history.snapshots[number].0));
        vault
    };
    let (_, calls) = run(&fresh(), u64::MAX);
    let mut suspended = 0;
    for at in 0..calls {
        let vault = fresh();
        let (report, _) = run(&vault, at);
        suspended += u32::from(report.outcome == Outcome::Suspended);
        history.assert_restores(&reopen(vault.clone()), 2);
        prune(&reopen(vault.clone()));
        history.assert_restores(&reopen(vault.clone()), 2);
        let left = prune(&reopen(vault));
        assert_eq!((left.removed_packs, left.condemned_packs), (0, 0), "at {at}: {left:?}");
    }
    assert!(suspended > 10, "{suspended} of {calls}");
}
