//! What cannot be read holds up pruning, and there is a way on.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{assert_sound, noise, reopen};
use super::history::{History, prune};
use strongroom::{
    Context, ErrorKind, Folder, ForgetOptions, ForgetReport, ObjectName, PruneOptions, Repository, Result, Timestamp,
};

fn object(history: &History, number: usize) -> ObjectName {
    ObjectName::new(Folder::Snapshots, history.snapshots[number].0.to_string()).unwrap()
}

fn damage(vault: &Vault, name: &ObjectName) {
    let mut bytes = vault.bytes(name);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    vault.replace(name, bytes);
}

fn give_up(repo: &Repository, name: &ObjectName) -> Result<ForgetReport> {
    repo.forget(&ForgetOptions::damaged([name.clone()]), &Context::new())
}

#[track_caller]
fn assert_held_up(vault: &Vault, name: &ObjectName) {
    let packs = vault.names(Folder::Packs);
    for dry in [true, false] {
        let options = PruneOptions::new().dry_run(dry);
        let error = reopen(vault.clone()).prune(&options, &Context::new()).unwrap_err();
        assert_eq!(error.object_name(), Some(name.to_string().as_str()), "{error}");
        assert!(error.to_string().contains("forget it as damaged"), "{error}");
    }
    assert_eq!(vault.names(Folder::Packs), packs);
}

#[test]
fn a_damaged_snapshot_is_kept_in_mind_until_it_is_given_up() {
    let history = History::make(3);
    let vault = history.vault.fork();
    let name = object(&history, 0);
    damage(&vault, &name);
    assert_held_up(&vault, &name);
    let repo = reopen(vault.clone());
    // By its id it is not taken for one that can be judged.
    let refused = repo.forget(&ForgetOptions::snapshots([history.snapshots[0].0]), &Context::new()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    let options = ForgetOptions::damaged([name.clone(), name.clone()]).dry_run(true);
    let report = repo.forget(&options, &Context::new()).unwrap();
    assert_eq!((report.removed, report.kept, report.damaged.len()), (1, 0, 1), "{report:?}");
    assert_eq!((&report.damaged[0].name, report.damaged[0].error.kind()), (&name, ErrorKind::Corrupt));
    assert_held_up(&vault, &name);
    assert_eq!(give_up(&repo, &name).unwrap().removed, 1);
    assert_eq!(give_up(&repo, &name).unwrap_err().kind(), ErrorKind::NotFound);
    let report = prune(&repo);
    assert!(report.removed_bytes > 0, "{report:?}");
    (1..3).for_each(|number| history.assert_restores(&reopen(vault.clone()), number));
    assert_sound(&reopen(vault));
}

#[test]
fn what_is_sound_or_may_be_elsewhere_is_not_given_up() {
    let history = History::make(2);
    let vault = history.vault.fork();
    let name = object(&history, 0);
    let error = give_up(&reopen(vault.clone()), &name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    // Nor because a read failed once.
    for fault in [Fault::Flip(77), Fault::Fail(ErrorKind::Io), Fault::Short(1)] {
        let mut failed = false;
        let rule = move |call: &Call| {
            let meant = call.op == Op::Read && call.folder == Folder::Snapshots && !failed;
            failed |= meant;
            meant.then(|| fault.clone())
        };
        let error = give_up(&reopen(FaultBackend::new(vault.clone(), rule)), &name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    // A later version's, under the name that version gives it.
    let mut bytes = vault.bytes(&name);
    bytes[7] = 2;
    let later = ObjectName::new(Folder::Snapshots, blake3::hash(&bytes).to_hex().to_string()).unwrap();
    vault.replace(&later, bytes);
    assert_held_up(&vault, &later);
    assert_eq!(give_up(&reopen(vault.clone()), &later).unwrap_err().kind(), ErrorKind::Unsupported);
    let elsewhere = vault.names(Folder::Packs).remove(0);
    assert_eq!(give_up(&reopen(vault.clone()), &elsewhere).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(vault.all().contains(&later) && vault.all().contains(&name) && vault.all().contains(&elsewhere));
}

#[test]
fn rubbish_among_snapshots_can_be_given_up() {
    let history = History::make(2);
    let vault = history.vault.fork();
    let names = ["readme.txt".to_owned(), "ab".repeat(32), blake3::hash(b"noise").to_hex().to_string()];
    for name in names.map(|name| ObjectName::new(Folder::Snapshots, name).unwrap()) {
        vault.replace(&name, noise(1, 300));
        assert_held_up(&vault, &name);
        assert_eq!(give_up(&reopen(vault.clone()), &name).unwrap().removed, 1);
        assert!(!vault.all().contains(&name));
        prune(&reopen(vault.clone()));
    }
    (0..2).for_each(|number| history.assert_restores(&reopen(vault.clone()), number));
}

#[test]
fn one_that_is_held_stays_though_it_is_damaged() {
    let history = History::make(2);
    let vault = history.vault.fork();
    let (id, name) = (history.snapshots[0].0, object(&history, 0));
    reopen(vault.clone()).hold(&id, Timestamp::new(1 << 40, 0)).unwrap();
    damage(&vault, &name);
    let report = give_up(&reopen(vault.clone()), &name).unwrap();
    assert_eq!((report.removed, report.kept), (0, 1), "{report:?}");
    assert_eq!(report.damaged[0].held_until, Some(Timestamp::new(1 << 40, 0)));
    assert_held_up(&vault, &name);
    // Whoever may end the hold can do so, damaged or not.
    reopen(vault.clone()).release(&id).unwrap();
    assert_eq!(give_up(&reopen(vault.clone()), &name).unwrap().removed, 1);
    assert!(vault.names(Folder::Marks).is_empty());
    prune(&reopen(vault.clone()));
    history.assert_restores(&reopen(vault), 1);
}
