//! Pruning: what is removed and what never is.

#[path = "../common/mod.rs"]
mod common;

mod bounded;
mod broken_off;
mod history;
mod remembered;
mod time;
mod way_on;

use common::{assert_sound, back_up, noise, reopen, restore, scratch};
use history::{History, forget, prune};
use std::fs;
use strongroom::{Context, ErrorKind, Folder, NewKey, Outcome, PruneOptions, Role, SnapshotFilter, Source};

#[test]
fn what_no_snapshot_leads_to_is_removed_and_the_rest_restores() {
    let history = History::make(3);
    let vault = history.vault.fork();
    let before = vault.size();
    forget(&vault, &history.snapshots[0].0);
    forget(&vault, &history.snapshots[1].0);
    let report = prune(&reopen(vault.clone()));
    assert_eq!(report.outcome, Outcome::Complete);
    assert!(report.removed_bytes > 0 && report.waiting_for.is_empty(), "{report:?}");
    assert!(vault.size() < before - report.removed_bytes + report.written_bytes + 100_000, "{report:?}");
    let repo = reopen(vault.clone());
    history.assert_restores(&repo, 2);
    assert_sound(&repo);
    // Nothing is left to do.
    let again = prune(&repo);
    assert_eq!((again.removed_packs, again.condemned_packs, again.emptied_packs), (0, 0, 0), "{again:?}");
}

#[test]
fn without_any_snapshot_nothing_is_left() {
    let history = History::make(3);
    let vault = history.vault.fork();
    history.snapshots.iter().for_each(|(id, _)| forget(&vault, id));
    prune(&reopen(vault.clone()));
    assert_eq!((vault.names(Folder::Packs).len(), vault.names(Folder::Index).len()), (0, 0));
    let folder = scratch();
    fs::write(folder.path().join("a"), noise(5, 100_000)).unwrap();
    let repo = reopen(vault);
    let report = back_up(&repo, Source::paths([folder.path()]));
    restore(&repo, report.snapshot().unwrap(), &folder.path().join("restored"));
    assert_sound(&repo);
}

#[test]
fn with_all_snapshots_nothing_is_removed() {
    let history = History::make(3);
    let vault = history.vault.fork();
    let packs = vault.names(Folder::Packs);
    let report = prune(&reopen(vault.clone()));
    assert_eq!((report.removed_packs, report.condemned_packs), (report.emptied_packs, 0), "{report:?}");
    if report.emptied_packs == 0 {
        assert_eq!(vault.names(Folder::Packs), packs);
    }
    (0..3).for_each(|number| history.assert_restores(&reopen(vault.clone()), number));
    assert_sound(&reopen(vault));
}

#[test]
fn how_much_is_moved_can_be_chosen() {
    let history = History::make(4);
    let forgotten = |share: f64, most: Option<u64>| {
        let vault = history.vault.fork();
        (0..3).for_each(|number| forget(&vault, &history.snapshots[number].0));
        let options = PruneOptions::new().min_live_share(share);
        let options = most.into_iter().fold(options, PruneOptions::max_moved_bytes);
        let report = reopen(vault.clone()).prune(&options, &Context::new()).unwrap();
        history.assert_restores(&reopen(vault.clone()), 3);
        assert_sound(&reopen(vault.clone()));
        (report, vault)
    };
    let (nothing, _) = forgotten(0.0, None);
    assert_eq!((nothing.emptied_packs, nothing.written_bytes), (0, 0), "{nothing:?}");
    let (all, vault) = forgotten(1.0, None);
    assert!(all.emptied_packs > 0 && all.removed_bytes > nothing.removed_bytes, "{all:?}");
    // Step by step it comes to the same.
    let (mut step, steps) = forgotten(1.0, Some(60_000));
    let mut count = 1;
    while step.emptied_packs > 0 {
        assert!(step.written_bytes < 60_000 || step.emptied_packs == 1, "{step:?}");
        step = reopen(steps.clone())
            .prune(&PruneOptions::new().min_live_share(1.0).max_moved_bytes(60_000), &Context::new())
            .unwrap();
        count += 1;
        assert!(count < 100);
    }
    assert!(count > 1, "it took {count} steps");
    assert!(steps.size() < vault.size() * 11 / 10, "{} bytes are left, {} at once", steps.size(), vault.size());
    history.assert_restores(&reopen(steps), 3);
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_would_be_done() {
    let history = History::make(3);
    let vault = history.vault.fork();
    forget(&vault, &history.snapshots[0].0);
    let names = vault.all();
    let said = reopen(vault.clone()).prune(&PruneOptions::new().dry_run(true), &Context::new()).unwrap();
    assert_eq!(vault.all(), names);
    assert!(said.condemned_packs > 0, "{said:?}");
    let done = prune(&reopen(vault));
    assert_eq!((said.condemned_packs, said.condemned_bytes), (done.removed_packs, done.removed_bytes));
}

#[test]
fn a_maintainer_prunes_without_reading_anything() {
    let history = History::make(4);
    let vault = history.vault.fork();
    let secret = common_secret();
    reopen(vault.clone()).add_key(&NewKey::new(common_secret(), Role::Maintainer)).unwrap();
    (0..3).for_each(|number| forget(&vault, &history.snapshots[number].0));
    let maintainer = strongroom::Repository::open(vault.clone(), &secret).unwrap();
    let options = PruneOptions::new().min_live_share(1.0);
    let report = maintainer.prune(&options, &Context::new()).unwrap();
    assert!(report.emptied_packs > 0 && report.removed_bytes > 0, "{report:?}");
    history.assert_restores(&reopen(vault.clone()), 3);
    assert_sound(&reopen(vault.clone()));
    // It found out the same as who reads the trees does.
    let owner = history.vault.fork();
    (0..3).for_each(|number| forget(&owner, &history.snapshots[number].0));
    let by_owner = reopen(owner).prune(&options, &Context::new()).unwrap();
    assert_eq!((by_owner.live_bytes, by_owner.removed_packs), (report.live_bytes, report.removed_packs));
}

fn common_secret() -> strongroom::Secret {
    strongroom::Secret::account_key([9; 32])
}

#[test]
fn writers_and_readers_may_not() {
    let history = History::make(1);
    for role in [Role::Writer, Role::Reader] {
        let vault = history.vault.fork();
        let secret = common_secret();
        reopen(vault.clone()).add_key(&NewKey::new(common_secret(), role)).unwrap();
        let names = vault.all();
        let other = strongroom::Repository::open(vault.clone(), &secret).unwrap();
        let error = other.prune(&PruneOptions::new(), &Context::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden);
        assert_eq!(vault.all(), names);
    }
}

#[test]
fn nothing_is_removed_while_something_cannot_be_read() {
    let history = History::make(3);
    let damaged = |folder: Folder| {
        let vault = history.vault.fork();
        forget(&vault, &history.snapshots[0].0);
        let name = vault.names(folder).into_iter().next().unwrap();
        let mut bytes = vault.bytes(&name);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        vault.replace(&name, bytes);
        (vault, name)
    };
    for folder in [Folder::Snapshots, Folder::Index] {
        let (vault, name) = damaged(folder);
        let packs = vault.names(Folder::Packs);
        let error = reopen(vault.clone()).prune(&PruneOptions::new(), &Context::new()).unwrap_err();
        assert_eq!(
            (error.kind(), error.object_name()),
            (ErrorKind::Corrupt, Some(name.to_string().as_str())),
            "{error}"
        );
        assert_eq!(vault.names(Folder::Packs), packs);
    }
    // Nor while something that a snapshot needs is missing.
    let vault = history.vault.fork();
    let used = vault.names(Folder::Index).pop().unwrap();
    vault.remove(&used);
    let packs = vault.names(Folder::Packs);
    let error = reopen(vault.clone()).prune(&PruneOptions::new(), &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(vault.names(Folder::Packs), packs);
}

#[test]
fn what_a_session_leaves_behind_is_cleaned_up() {
    let history = History::make(3);
    let vault = history.vault.fork();
    assert!(vault.names(Folder::Sessions).len() >= 6);
    let report = prune(&reopen(vault.clone()));
    assert_eq!(report.cleaned_sessions, 3);
    // Only those of pruning itself are left.
    assert!(vault.names(Folder::Sessions).len() < 6, "{:?}", vault.names(Folder::Sessions));
    assert_eq!(reopen(vault.clone()).snapshots(&SnapshotFilter::all()).unwrap().count(), 3);
}
