//! One repository used by many threads at once.

use super::common::vault::Vault;
use super::common::walk::{Tree, assert_same, walk};
use super::common::{assert_sound, back_up_with, create, noise, reopen, restore, scratch};
use super::{Noise, path};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use strongroom::{
    BackupOptions, Budget, CheckOptions, Context, EntryPath, Repository, SnapshotFilter, SnapshotId, Source,
};

const WRITERS: u64 = 4;
const ROUNDS: u64 = 5;

#[test]
fn backups_listings_and_restores_at_once_all_come_out_right() {
    let folder = scratch();
    let vault = Vault::new();
    let repo = create(vault.clone());
    let expected: Mutex<BTreeMap<SnapshotId, Tree>> = Mutex::default();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (repo, expected, source) =
                    (repo.clone(), &expected, folder.path().join(format!("source {writer}")));
                scope.spawn(move || {
                    fs::create_dir(&source).unwrap();
                    for round in 0..ROUNDS {
                        for number in 0..20 {
                            // Half of it is the same for all of them, stored by who comes first.
                            let seed = if number % 2 == 0 { number } else { writer * 1000 + round * 100 + number };
                            fs::write(source.join(format!("{number:02}")), noise(seed, 20_000)).unwrap();
                        }
                        let options = BackupOptions::new().host(format!("host {writer}"));
                        let report = back_up_with(&repo, Source::paths([&source]), &options);
                        expected.lock().unwrap().insert(report.snapshot.unwrap(), walk(&source));
                    }
                })
            })
            .collect();
        for reader in 0..2 {
            let (repo, expected, done, folder) = (repo.clone(), &expected, &done, folder.path());
            scope.spawn(move || {
                let mut round = 0;
                while !done.load(Ordering::Acquire) {
                    round += 1;
                    let listed = repo.snapshots(&SnapshotFilter::all()).unwrap();
                    let listed: Vec<_> = listed.map(|snapshot| snapshot.unwrap()).collect();
                    if let Some(latest) = listed.last() {
                        let names = repo.list(&latest.id, &EntryPath::root(), true).unwrap();
                        assert_eq!(names.filter(Result::is_ok).count(), 20);
                        let target = folder.join(format!("target {reader} {round}"));
                        restore(&repo, &latest.id, &target);
                        let known = expected.lock().unwrap().get(&latest.id).cloned();
                        known.iter().for_each(|tree| assert_same(tree, &walk(&target)));
                        fs::remove_dir_all(target).unwrap();
                    }
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                // A check beside writers sees nothing half done as damage.
                let report = repo.check(&CheckOptions::new(), &Context::new()).unwrap();
                assert!(report.is_sound(), "{:?}", report.problems);
            }
        });
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Release);
        ended.into_iter().for_each(|result| result.unwrap());
    });

    let repo = reopen(vault);
    let expected = expected.into_inner().unwrap();
    assert_eq!(expected.len() as u64, WRITERS * ROUNDS);
    let snapshots: Vec<_> = repo.snapshots(&SnapshotFilter::all()).unwrap().map(|snapshot| snapshot.unwrap()).collect();
    assert_eq!(snapshots.len(), expected.len());
    for writer in 0..WRITERS {
        let host = format!("host {writer}");
        let own: Vec<_> = snapshots.iter().filter(|snapshot| snapshot.host.as_deref() == Some(&host)).collect();
        let chained = own.windows(2).all(|pair| pair[1].parents == [pair[0].id]);
        assert!(own.len() as u64 == ROUNDS && own[0].parents.is_empty() && chained, "{own:?}");
    }
    for (number, (snapshot, tree)) in expected.iter().enumerate() {
        let target = folder.path().join(format!("at the end {number}"));
        restore(&repo, snapshot, &target);
        assert_same(tree, &walk(&target));
    }
    assert_sound(&repo);
}

/// Backups of the same thing at the same time: each is right, and content both found new is stored at most twice.
#[test]
fn the_same_source_backed_up_twice_at_once() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    let run = |repo: &Repository| {
        let source = Source::reader(path("noise"), Noise::new(8).take(2 << 20));
        *back_up_with(repo, source, &BackupOptions::new()).snapshot().unwrap()
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| run(&repo));
        let other = scope.spawn(|| run(&reopen(vault.clone())));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_ne!(one, other);
    let mut expected = Vec::new();
    Noise::new(8).take(2 << 20).read_to_end(&mut expected).unwrap();
    let repo = reopen(vault.clone());
    for snapshot in [one, other] {
        let mut found = Vec::new();
        repo.open_file(&snapshot, "noise").unwrap().read_to_end(&mut found).unwrap();
        assert!(found == expected);
    }
    assert!(vault.size() < 5 << 20);
    assert_sound(&repo);
    // From now on everybody knows all of it.
    let third = back_up_with(&repo, Source::reader(path("noise"), Noise::new(8).take(2 << 20)), &BackupOptions::new());
    assert_eq!(third.new_bytes, 0);
}

#[test]
fn transfers_keep_to_their_rates() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    let timed = |work: &mut dyn FnMut()| {
        let begin = Instant::now();
        work();
        begin.elapsed()
    };
    let rate = |budget: Budget| Context::new().budget(budget);
    let mut snapshot = None;
    let up = timed(&mut || {
        let source = Source::reader(path("noise"), Noise::new(9).take(2 << 20));
        let report = repo.backup(source, &BackupOptions::new(), &rate(Budget::default().upload_rate(4 << 20))).unwrap();
        snapshot = report.snapshot;
    });
    assert!(up >= Duration::from_millis(400), "2 MiB went up at 4 MiB/s in {up:?}");
    let folder = scratch();
    let down = timed(&mut || {
        let options = strongroom::RestoreOptions::to(folder.path());
        let ctx = rate(Budget::default().download_rate(4 << 20));
        reopen(vault.clone()).restore(&snapshot.unwrap(), &options, &ctx).unwrap();
    });
    assert!(down >= Duration::from_millis(400), "2 MiB came down at 4 MiB/s in {down:?}");
}
