//! Storage that fails now and then, at any moment.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::forest::Sizes;
use super::common::vault::Vault;
use super::common::walk::{Tree, assert_same, walk};
use super::common::{assert_sound, back_up, create_with, noise, reopen, restore, scratch, secret};
use super::victim::condemn;
use std::fs;
use std::path::PathBuf;
use strongroom::{
    Backend, BackupOptions, BackupReport, CheckOptions, Context, CreateOptions, Error, ErrorKind, Folder, Outcome,
    Repository, RestoreOptions, Result, Retry, SnapshotFilter, SnapshotId, Source,
};

/// A repository with parity, one backup and pruning under way, and a folder that has changed since.
struct Scene {
    scratch: tempfile::TempDir,
    vault: Vault,
    first: SnapshotId,
    first_tree: Tree,
}

impl Scene {
    fn new() -> Self {
        let scratch = scratch();
        let source = scratch.path().join("source");
        fs::create_dir(&source).unwrap();
        for number in 0..10_u64 {
            fs::write(source.join(format!("{number}")), noise(number, 20_000)).unwrap();
        }
        let vault = Vault::new();
        let first = *back_up(&create_with(vault.clone(), &Sizes::TINY.options().parity(10)), Source::paths([&source]))
            .snapshot()
            .unwrap();
        let first_tree = walk(&source);
        condemn(&vault, scratch.path());
        // Enough for several packs.
        fs::write(source.join("new"), noise(100, 2_500_000)).unwrap();
        fs::write(source.join("3"), "changed").unwrap();
        fs::remove_file(source.join("7")).unwrap();
        Scene { scratch, vault, first, first_tree }
    }

    fn source(&self) -> PathBuf {
        self.scratch.path().join("source")
    }

    fn run(&self, repo: &Repository) -> Result<BackupReport> {
        repo.backup(Source::paths([self.source()]), &BackupOptions::new(), &Context::new())
    }

    fn assert_restored(&self, repo: &Repository, snapshot: &SnapshotId, tree: &Tree) {
        let target = tempfile::tempdir_in(self.scratch.path()).unwrap();
        restore(repo, snapshot, target.path());
        assert_same(tree, &walk(target.path()));
    }

    /// The earlier snapshot is as it was, and the backup is made good by the same call.
    fn assert_recovers(&self, vault: &Vault, handle: &FaultBackend, repo: &Repository, what: &str) {
        self.assert_restored(&reopen(vault.clone()), &self.first, &self.first_tree);
        handle.set_rule(|_| None);
        // Half of the time by the handle that saw it fail.
        let again = if what.len().is_multiple_of(2) { repo.clone() } else { reopen(vault.clone()) };
        let report = self.run(&again).unwrap_or_else(|error| panic!("{what}: trying again: {error:?}"));
        assert_eq!(report.outcome, Outcome::Complete, "{what}");
        self.assert_restored(&reopen(vault.clone()), report.snapshot().unwrap(), &walk(&self.source()));
        for snapshot in again.snapshots(&SnapshotFilter::all()).unwrap() {
            let snapshot = snapshot.unwrap_or_else(|error| panic!("{what}: {error}"));
            let tree = if snapshot.id == self.first { &self.first_tree } else { &walk(&self.source()) };
            self.assert_restored(&again, &snapshot.id, tree);
        }
    }
}

/// How many calls an undisturbed backup makes after the repository was opened.
fn calls_of_a_backup(scene: &Scene) -> (u64, u64) {
    let backend = FaultBackend::new(scene.vault.fork(), |_| None);
    let repo = reopen(backend.clone());
    let opened = backend.calls().len() as u64;
    scene.run(&repo).unwrap();
    (opened, backend.calls().len() as u64)
}

fn every_call_fails(fault: &Fault) {
    let scene = Scene::new();
    let (first, last) = calls_of_a_backup(&scene);
    assert!(last - first > 12, "{first} to {last}");
    let mut failed = 0;
    for number in first..last {
        let vault = scene.vault.fork();
        let meant = fault.clone();
        let backend =
            FaultBackend::new(vault.clone(), move |call: &Call| (call.number == number).then(|| meant.clone()));
        let repo = reopen(backend.clone());
        let what = format!("{fault:?} of call {number}");
        match scene.run(&repo) {
            Ok(report) => {
                // It was one that can be done without, such as the end of a lease.
                scene.assert_restored(&reopen(vault.clone()), report.snapshot().unwrap(), &walk(&scene.source()));
            }
            Err(error) => {
                failed += 1;
                assert_injected(&error, fault, &what);
            }
        }
        scene.assert_recovers(&vault, &backend, &repo, &what);
    }
    assert!(failed > 0 || matches!(fault, Fault::Delay(_)), "nothing ever failed");
}

fn assert_injected(error: &Error, fault: &Fault, what: &str) {
    match fault {
        Fault::Fail(kind) | Fault::FailAfter(kind) => {
            assert_eq!(error.kind(), *kind, "{what}: {error:?}");
            assert_eq!(matches!(error.retry(), Retry::After(_)), *kind == ErrorKind::Unavailable, "{what}");
        }
        _ => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error:?}"),
    }
}

#[test]
fn a_backup_whose_every_call_fails_once() {
    every_call_fails(&Fault::Fail(ErrorKind::Unavailable));
}

#[test]
fn a_backup_in_which_every_answer_is_lost_once() {
    every_call_fails(&Fault::FailAfter(ErrorKind::Unavailable));
}

#[test]
fn a_backup_in_which_storage_is_full_from_any_call_on() {
    let scene = Scene::new();
    let (first, last) = calls_of_a_backup(&scene);
    let mut failed = 0;
    for number in first..last {
        let vault = scene.vault.fork();
        let full = move |call: &Call| {
            (call.number >= number && call.op == Op::Put).then_some(Fault::Fail(ErrorKind::StorageFull))
        };
        let backend = FaultBackend::new(vault.clone(), full);
        let repo = reopen(backend.clone());
        let what = format!("storage is full from call {number} on");
        if let Err(error) = scene.run(&repo) {
            failed += 1;
            assert_eq!((error.kind(), error.retry()), (ErrorKind::StorageFull, Retry::No), "{what}: {error:?}");
        }
        scene.assert_recovers(&vault, &backend, &repo, &what);
    }
    assert!(failed >= 5, "{failed}");
}

#[test]
fn a_backup_whose_reads_are_short_or_altered() {
    every_call_fails(&Fault::Short(1));
    every_call_fails(&Fault::Flip(77));
}

/// As by a network that sends a request again: the second answer says that the name is taken.
#[test]
fn a_backup_whose_every_call_is_made_twice_does_not_notice() {
    let scene = Scene::new();
    let (first, last) = calls_of_a_backup(&scene);
    for number in first..last {
        let vault = scene.vault.fork();
        let twice = move |call: &Call| (call.number == number).then_some(Fault::Duplicate);
        let report = scene.run(&reopen(FaultBackend::new(vault.clone(), twice)));
        let report = report.unwrap_or_else(|error| panic!("call {number}: {error:?}"));
        scene.assert_restored(&reopen(vault), report.snapshot().unwrap(), &walk(&scene.source()));
    }
    let vault = scene.vault.fork();
    let report = scene.run(&reopen(FaultBackend::new(vault.clone(), |_| Some(Fault::Duplicate)))).unwrap();
    assert_sound(&reopen(vault.clone()));
    scene.assert_restored(&reopen(vault), report.snapshot().unwrap(), &walk(&scene.source()));
}

/// Storage that does things by halves may have kept a part of a try that it refused.
#[test]
fn half_a_pack_is_not_taken_for_the_pack_of_its_name() {
    let scene = Scene::new();
    let torn = scene.vault.fork();
    let backend = FaultBackend::new(torn.clone(), move |call: &Call| {
        if (call.op, call.folder) == (Op::Put, Folder::Packs) {
            torn.put(call.name.as_ref().unwrap(), &[b"half of it"]).unwrap();
        }
        None
    });
    let error = scene.run(&reopen(backend.clone())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    assert_eq!(backend.count(Op::Put, Folder::Snapshots), 0);
}

/// Of the packs that were sent before it failed, none is sent again.
#[test]
fn what_was_stored_and_listed_before_a_failure_is_not_sent_again() {
    let scene = Scene::new();
    let backend = FaultBackend::new(scene.vault.clone(), |call: &Call| {
        (call.op == Op::Put && call.folder == Folder::Snapshots).then_some(Fault::Fail(ErrorKind::Unavailable))
    });
    let repo = reopen(backend.clone());
    scene.run(&repo).unwrap_err();
    let sent = backend.bytes_put();
    assert!(sent > 2_000_000);
    let report = scene.run(&reopen(scene.vault.clone())).unwrap();
    assert_eq!(report.new_bytes, 0);
    assert!(report.stored_bytes < 100_000, "{report:?}");
    assert_sound(&reopen(scene.vault.clone()));
}

#[test]
fn storage_that_takes_nothing_can_still_be_read() {
    let scene = Scene::new();
    let backend = FaultBackend::new(scene.vault.fork(), |call: &Call| {
        [Op::Put, Op::Delete].contains(&call.op).then_some(Fault::Fail(ErrorKind::ReadOnly))
    });
    let repo = reopen(backend.clone());
    let error = scene.run(&repo).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    scene.assert_restored(&repo, &scene.first, &scene.first_tree);
    assert_sound(&repo);
    assert!(repo.tag(&scene.first, &["a"], &[]).is_err_and(|error| error.kind() == ErrorKind::ReadOnly));
    assert_eq!(repo.snapshots(&SnapshotFilter::all()).unwrap().filter(|one| one.is_ok()).count(), 1);
    assert_eq!(backend.count(Op::Delete, Folder::Packs), 0);
}

#[test]
fn a_backup_never_deletes_and_never_writes_a_name_twice() {
    let scene = Scene::new();
    let backend = FaultBackend::new(scene.vault.clone(), |_| None);
    let repo = reopen(backend.clone());
    for _ in 0..2 {
        scene.run(&repo).unwrap();
    }
    repo.tag(&scene.first, &["a"], &[]).unwrap();
    let calls = backend.calls();
    assert!(calls.iter().all(|call| call.op != Op::Delete), "{calls:?}");
    let mut names: Vec<_> =
        calls.iter().filter(|call| call.op == Op::Put).map(|call| call.name.clone().unwrap()).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    // The snapshot comes after everything it refers to.
    let position = |folder| calls.iter().rposition(|call| call.op == Op::Put && call.folder == folder);
    let snapshot = calls.iter().position(|call| call.op == Op::Put && call.folder == Folder::Snapshots);
    assert!(position(Folder::Packs) < snapshot && position(Folder::Index) < snapshot);
}

/// A restore, a check and a listing that meet one failure end with it, or name it, and never with wrong bytes.
#[test]
fn reading_operations_whose_every_call_fails_once() {
    let scene = Scene::new();
    let faults =
        [Fault::Fail(ErrorKind::Unavailable), Fault::Fail(ErrorKind::NotFound), Fault::Short(1), Fault::Flip(300)];
    let count = {
        let backend = FaultBackend::new(scene.vault.clone(), |_| None);
        read_all(&scene, &reopen(backend.clone()), "undisturbed");
        backend.calls().len() as u64
    };
    assert!(count > 10);
    for fault in faults {
        for number in 0..count {
            let meant = fault.clone();
            let backend = FaultBackend::new(scene.vault.clone(), move |call: &Call| {
                (call.number == number).then(|| meant.clone())
            });
            match Repository::open(backend, &secret()) {
                Ok(repo) => read_all(&scene, &repo, &format!("{fault:?} of call {number}")),
                Err(error) => assert_ne!(error.kind(), ErrorKind::Internal, "{error:?}"),
            }
        }
    }
}

fn read_all(scene: &Scene, repo: &Repository, what: &str) {
    let target = tempfile::tempdir_in(scene.scratch.path()).unwrap();
    match repo.restore(&scene.first, &RestoreOptions::to(target.path()), &Context::new()) {
        Ok(report) => {
            let found = walk(target.path());
            let wrong = scene.first_tree.iter().filter(|(path, node)| found.get(*path) != Some(node));
            let wrong: Vec<_> = wrong.map(|(path, _)| path.clone()).filter(|path| !path.is_empty()).collect();
            let named: Vec<_> = report.problems.iter().map(|problem| problem.path.to_string()).collect();
            let all_named = wrong.iter().all(|path| named.contains(path)) || named.contains(&String::new());
            assert!(all_named, "{what}: {wrong:?} are wrong, {:?} is reported", report.problems);
            assert_eq!(report.outcome == Outcome::Complete, named.is_empty(), "{what}");
        }
        Err(error) => assert_ne!(error.kind(), ErrorKind::Internal, "{what}: {error:?}"),
    }
    let check = repo.check(&CheckOptions::new().read_data(100.0).verify_content(true), &Context::new());
    if let Err(error) = check {
        assert_ne!(error.kind(), ErrorKind::Internal, "{what}: {error:?}");
    }
}

/// A creation that breaks off leaves nothing that is taken for a repository, or one that can be opened.
#[test]
fn a_creation_whose_every_call_fails_once() {
    let options = CreateOptions::new();
    let count = {
        let backend = FaultBackend::new(Vault::new(), |_| None);
        create_with(backend.clone(), &options);
        backend.calls().len() as u64
    };
    assert!(count >= 4, "{count}");
    for fault in [Fault::Fail(ErrorKind::Unavailable), Fault::FailAfter(ErrorKind::Unavailable)] {
        for number in 0..count {
            let (vault, meant) = (Vault::new(), fault.clone());
            let backend =
                FaultBackend::new(vault.clone(), move |call: &Call| (call.number == number).then(|| meant.clone()));
            let created = Repository::create(backend, &secret(), &options);
            let repo = match created {
                Ok(repo) => repo,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
                    match Repository::open(vault.clone(), &secret()) {
                        Ok(repo) => repo,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::NotFound, "{fault:?} of call {number}: {error:?}");
                            create_with(vault.clone(), &options)
                        }
                    }
                }
            };
            let report = back_up(
                &repo,
                Source::entries([strongroom::AppEntry::bytes(
                    strongroom::EntryPath::parse("a").unwrap(),
                    noise(1, 5000),
                )]),
            );
            let reopened = reopen(vault);
            assert_eq!(reopened.id(), repo.id());
            assert!(reopened.entry(report.snapshot().unwrap(), &strongroom::EntryPath::parse("a").unwrap()).is_ok());
        }
    }
}
