//! What was stored under keys of earlier epochs, moved to those of the newest.

use super::common::fault::{Call, Fault, FaultBackend};
use super::common::vault::Vault;
use super::common::walk::{Tree, assert_same, walk};
use super::common::{assert_sound, back_up, noise, reopen, restore, secret};
use super::town::{Town, ctx, open, shut_out};
use std::fs;
use std::time::Duration;
use strongroom::{
    Backend, Budget, Context, ErrorKind, Folder, ObjectName, Outcome, PruneOptions, ReencryptOptions, ReencryptReport,
    Repository, RestoreOptions, Role, SlotMethod, SnapshotId, Source,
};

/// A repository with two snapshots of several packs, and a third after the keys were rotated.
struct Scene {
    town: Town,
    snapshots: Vec<(SnapshotId, Tree)>,
}

impl Scene {
    fn new() -> Self {
        let town = Town::with(&[SlotMethod::Device], &Role::ALL);
        let mut scene = Scene { town, snapshots: Vec::new() };
        for number in 0..40u64 {
            fs::write(scene.town.source().join(format!("file {number}")), noise(number + 10, 90_000)).unwrap();
        }
        scene.back_up();
        fs::write(scene.town.source().join("text"), "text that comes again ".repeat(5000)).unwrap();
        fs::remove_file(scene.town.source().join("file 3")).unwrap();
        scene.back_up();
        scene
    }

    /// After the keys were rotated, and something new was written.
    fn rotated() -> Self {
        let mut scene = Scene::new();
        scene.town.owner.rotate(&ctx()).unwrap();
        fs::write(scene.town.source().join("new"), noise(5, 300_000)).unwrap();
        scene.back_up();
        scene
    }

    fn back_up(&mut self) {
        let id = *back_up(&self.town.owner, Source::paths([self.town.source()])).snapshot().unwrap();
        self.snapshots.push((id, walk(&self.town.source())));
    }

    #[track_caller]
    fn assert_whole(&self, repo: &Repository) {
        for (snapshot, tree) in &self.snapshots {
            let target = tempfile::tempdir_in(self.town.scratch.path()).unwrap();
            restore(repo, snapshot, target.path());
            assert_same(tree, &walk(target.path()));
        }
        assert_sound(repo);
    }
}

fn run(repo: &Repository) -> ReencryptReport {
    repo.reencrypt(&ReencryptOptions::new(), &ctx()).unwrap()
}

/// The lowest epoch in a pack's header: of its index key and of its sessions' keys.
fn lowest_epoch(bytes: &[u8]) -> u32 {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let sessions = usize::from(u16::from_le_bytes(bytes[12..14].try_into().unwrap()));
    (0..sessions).map(|session| number(32 + session * 1188 + 16)).chain([number(8)]).min().unwrap()
}

fn packs_below(vault: &Vault, epoch: u32) -> Vec<ObjectName> {
    let packs = vault.names(Folder::Packs).into_iter();
    packs.filter(|name| lowest_epoch(&vault.bytes(name)) < epoch).collect()
}

#[test]
fn everything_of_an_earlier_epoch_is_moved_and_pruning_removes_what_was() {
    let mut scene = Scene::new();
    let town = &scene.town;
    assert_eq!(run(&town.owner).packs, 0, "there is nothing to do in the first epoch");
    let kept = town.open(town.holder(SlotMethod::Device, Role::Reader));
    let gone = town.owner.devices().unwrap().into_iter().find(|device| device.role == Role::Reader).unwrap();
    town.owner.revoke_device(&gone.id, &shut_out(), &ctx()).unwrap();
    fs::write(town.source().join("new"), noise(5, 300_000)).unwrap();
    scene.back_up();
    let town = &scene.town;
    let old = packs_below(&town.vault, 2);
    assert!(old.len() > 4, "{old:?}");
    let bytes: u64 = old.iter().map(|name| town.vault.stat(name).unwrap().length).sum();
    let snapshots = town.vault.names(Folder::Snapshots);

    let report = run(&town.owner);
    assert_eq!(
        (report.outcome, report.epoch, report.packs as usize, report.bytes),
        (Outcome::Complete, 2, old.len(), bytes)
    );
    assert_eq!((report.left_packs, report.left_bytes, report.unreadable_count), (0, 0, 0));
    assert_eq!((report.superseded_packs as usize, report.superseded_bytes), (old.len(), bytes));
    assert!(report.stored_packs > 0 && report.stored_bytes < bytes + bytes / 10, "{report:?}");
    assert!(report.segments > 0);
    assert_eq!(packs_below(&town.vault, 2), old, "it removes nothing itself");
    scene.assert_whole(&reopen(town.vault.clone()));
    // What is moved is not moved again, and is not stored again by a backup.
    let again = run(&reopen(town.vault.clone()));
    assert_eq!((again.outcome, again.packs, again.stored_packs), (Outcome::Complete, 0, 0));
    assert_eq!((again.superseded_packs as usize, again.superseded_bytes), (old.len(), bytes));
    assert_eq!(back_up(&town.owner, Source::paths([town.source()])).new_bytes, 0);
    // Who knows the old keys can still open the old packs, until pruning has removed them.
    let target = tempfile::tempdir_in(town.scratch.path()).unwrap();
    restore(&kept, &scene.snapshots[0].0, target.path());
    let maintainer = town.open(town.holder(SlotMethod::Device, Role::Maintainer));
    let pruned = maintainer.prune(&PruneOptions::new(), &ctx()).unwrap();
    assert_eq!((pruned.removed_packs as usize, pruned.removed_bytes), (old.len(), bytes), "{pruned:?}");
    assert!(packs_below(&town.vault, 2).is_empty());
    scene.assert_whole(&reopen(town.vault.clone()));
    assert_eq!(town.vault.names(Folder::Snapshots).len(), snapshots.len() + 1, "what was signed stays as it is");
    let target = tempfile::tempdir_in(town.scratch.path()).unwrap();
    let restored = kept.restore(&scene.snapshots[0].0, &RestoreOptions::to(target.path()), &ctx());
    assert!(restored.is_err() || restored.is_ok_and(|report| report.files == 0));
    // The index is made anew from what the packs say, references included.
    for name in town.vault.names(Folder::Index) {
        town.vault.remove(&name);
    }
    maintainer.rebuild_index(&ctx()).unwrap();
    scene.assert_whole(&reopen(town.vault.clone()));
    let pruned = maintainer.prune(&PruneOptions::new(), &ctx()).unwrap();
    assert_eq!(pruned.removed_packs + pruned.condemned_packs, 0, "{pruned:?}");
    scene.assert_whole(&reopen(town.vault.clone()));
}

#[test]
fn it_is_done_step_by_step() {
    let scene = Scene::rotated();
    let town = &scene.town;
    let old = packs_below(&town.vault, 2).len() as u64;
    let options = ReencryptOptions::new().max_bytes(1);
    for step in 1..=old {
        // Each by somebody who knows nothing of the steps before.
        let report = reopen(town.vault.clone()).reencrypt(&options, &ctx()).unwrap();
        assert_eq!((report.packs, report.left_packs, report.superseded_packs), (1, old - step, step), "{report:?}");
        let expected = if step == old { Outcome::Complete } else { Outcome::Suspended };
        assert_eq!(report.outcome, expected, "{report:?}");
        if step % 3 == 0 {
            scene.assert_whole(&reopen(town.vault.clone()));
            // What is superseded can go before the rest is.
            town.owner.prune(&PruneOptions::new(), &ctx()).unwrap();
            scene.assert_whole(&reopen(town.vault.clone()));
            break;
        }
    }
    while run(&town.owner).packs > 0 {}
    town.owner.prune(&PruneOptions::new(), &ctx()).unwrap();
    assert!(packs_below(&town.vault, 2).is_empty());
    scene.assert_whole(&reopen(town.vault.clone()));
}

#[test]
fn a_time_or_a_deadline_ends_it_between_two_packs() {
    let scene = Scene::rotated();
    let deadline = Context::new().budget(Budget::default().deadline_in(Duration::ZERO));
    let timed = ReencryptOptions::new().max_time(Duration::ZERO);
    for (options, ctx) in [(timed, ctx()), (ReencryptOptions::new(), deadline)] {
        let report = scene.town.owner.reencrypt(&options, &ctx).unwrap();
        assert_eq!((report.outcome, report.packs), (Outcome::Suspended, 0));
        assert!(report.left_packs > 0 && report.left_bytes > 0);
    }
    let cancel = strongroom::CancelToken::new();
    cancel.cancel();
    let cancelled = Context::new().cancel_token(cancel);
    let error = scene.town.owner.reencrypt(&ReencryptOptions::new(), &cancelled).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    scene.assert_whole(&reopen(scene.town.vault.clone()));
}

#[test]
fn readers_and_owners_can_and_nobody_else() {
    let scene = Scene::rotated();
    let town = &scene.town;
    for role in [Role::Writer, Role::Maintainer] {
        let repo = town.open(town.holder(SlotMethod::Device, role));
        let error = repo.reencrypt(&ReencryptOptions::new(), &ctx()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
        assert!(error.to_string().contains("reader's or owner's"), "{error}");
    }
    let report = run(&town.open(town.holder(SlotMethod::Device, Role::Reader)));
    assert_eq!(report.outcome, Outcome::Complete);
    assert!(report.packs > 0);
    scene.assert_whole(&reopen(town.vault.clone()));
    assert_eq!(run(&town.open(town.holder(SlotMethod::Device, Role::Owner))).packs, 0);
}

#[test]
fn a_damaged_pack_is_named_and_left_and_the_others_are_moved() {
    let scene = Scene::rotated();
    let town = &scene.town;
    let old = packs_below(&town.vault, 2);
    let mut bytes = town.vault.bytes(&old[1]);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    town.vault.replace(&old[1], bytes);
    for packs in [old.len() - 1, 0] {
        let report = run(&reopen(town.vault.clone()));
        assert_eq!((report.outcome, report.packs as usize, report.unreadable_count), (Outcome::Partial, packs, 1));
        assert_eq!(report.unreadable[0].0, old[1]);
        assert_eq!(report.superseded_packs as usize, old.len() - 1);
    }
}

/// Whatever call fails, or loses its answer: nothing is lost, and the next call goes on.
#[test]
fn every_call_fails_once() {
    let scene = Scene::rotated();
    let vault = &scene.town.vault;
    let all = |repo: &Repository| repo.reencrypt(&ReencryptOptions::new(), &ctx());
    let (first, last) = {
        let backend = FaultBackend::new(vault.fork(), |_| None);
        let repo = Repository::open(backend.clone(), &secret()).unwrap();
        let first = backend.calls().len() as u64;
        all(&repo).unwrap();
        (first, backend.calls().len() as u64)
    };
    assert!(last - first > 20, "{first} {last}");
    for fault in [Fault::Fail(ErrorKind::Unavailable), Fault::FailAfter(ErrorKind::Unavailable)] {
        for number in first..last {
            let what = format!("{fault:?} of call {number}");
            let (vault, meant) = (vault.fork(), fault.clone());
            let backend =
                FaultBackend::new(vault.clone(), move |call: &Call| (call.number == number).then(|| meant.clone()));
            let repo = Repository::open(backend, &secret()).unwrap();
            if let Err(error) = all(&repo) {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}: {error:?}");
            }
            if number % 5 == 0 {
                scene.assert_whole(&reopen(vault.clone()));
            }
            let again = reopen(vault.clone());
            let report = all(&again).unwrap_or_else(|error| panic!("{what}: trying again: {error:?}"));
            assert_eq!((report.outcome, report.left_packs), (Outcome::Complete, 0), "{what}: {report:?}");
            again.prune(&PruneOptions::new(), &ctx()).unwrap();
            if number % 5 == 0 {
                scene.assert_whole(&reopen(vault.clone()));
            }
        }
    }
}

/// By two owners, and while somebody backs up.
#[test]
fn it_goes_along_with_others_at_work() {
    let scene = Scene::rotated();
    let town = &scene.town;
    let writer = town.open(town.holder(SlotMethod::Device, Role::Writer));
    let source = town.source();
    fs::write(source.join("more"), noise(77, 200_000)).unwrap();
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| run(&reopen(town.vault.clone())));
        }
        threads.spawn(|| back_up(&writer, Source::paths([&source])));
    });
    scene.assert_whole(&reopen(town.vault.clone()));
    run(&town.owner);
    town.owner.prune(&PruneOptions::new(), &ctx()).unwrap();
    scene.assert_whole(&open(town.vault.clone(), town.holder(SlotMethod::Device, Role::Reader)).unwrap());
    assert!(packs_below(&town.vault, 2).is_empty());
}
