//! What an app hands in may panic: that ends the operation, and nobody waits for ever.

use super::common::fault::{Call, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{assert_sound, back_up, create, noise, reopen, scratch};
use super::path;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::time::Duration;
use strongroom::{
    AppEntry, BackupOptions, Budget, CheckOptions, Context, Folder, IterSource, Progress, Repository, RestoreOptions,
    Result, SnapshotFilter, Source,
};

/// Runs it on a thread of its own; it has to end, with an error or by passing the panic on.
#[track_caller]
fn assert_ends<T>(what: &str, run: impl FnOnce() -> Result<T> + Send + 'static) {
    let (done, ended) = channel();
    let thread = std::thread::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(run));
        let _ = done.send(matches!(result, Ok(Ok(_))));
    });
    let succeeded = ended.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("{what}: it hangs"));
    thread.join().unwrap();
    assert!(!succeeded, "{what}: it succeeded");
}

fn rows(count: u64) -> Vec<AppEntry> {
    (0..count).map(|number| AppEntry::bytes(path(&format!("{number:04}")), noise(number, 20_000))).collect()
}

fn panics_at(vault: Vault, op: Op, folder: Folder, which: u64) -> FaultBackend {
    let mut calls = 0;
    FaultBackend::new(vault, move |call: &Call| {
        let is_meant = call.op == op && call.folder == folder;
        calls += u64::from(is_meant);
        assert!(!is_meant || calls <= which, "the backend panics, as the test wants it");
        None
    })
}

struct Panics;

impl Read for Panics {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        panic!("the reader panics, as the test wants it")
    }
}

fn ctx() -> Context {
    Context::new().budget(Budget::default().threads(2))
}

#[test]
fn in_a_backup() {
    let vault = Vault::new();
    let first = back_up(&create(vault.clone()), Source::entries(rows(20)));
    let back_up_with =
        |repo: Repository| move || repo.backup(Source::entries(rows(300)), &BackupOptions::new(), &ctx());
    for (op, folder, which) in [
        (Op::Put, Folder::Packs, 0),
        (Op::Put, Folder::Packs, 2),
        (Op::Put, Folder::Index, 0),
        (Op::Put, Folder::Snapshots, 0),
        (Op::Put, Folder::Sessions, 0),
        (Op::List, Folder::Index, 0),
        (Op::Read, Folder::Packs, 0),
        (Op::List, Folder::Snapshots, 0),
    ] {
        let repo = reopen(panics_at(vault.clone(), op, folder, which));
        assert_ends(&format!("{op:?} in {folder:?}"), back_up_with(repo));
    }
    let repo = reopen(vault.clone());
    let other = repo.clone();
    assert_ends("a reader", move || {
        let entries = rows(100).into_iter().chain([AppEntry::file(path("panics"), Panics)]);
        other.backup(IterSource::new(entries), &BackupOptions::new(), &ctx())
    });
    let other = repo.clone();
    assert_ends("an iterator", move || {
        let entries = (0..).map(|number: u64| {
            assert!(number < 100, "the iterator panics, as the test wants it");
            AppEntry::bytes(path(&format!("{number:04}")), noise(number, 20_000))
        });
        other.backup(IterSource::new(entries), &BackupOptions::new(), &ctx())
    });
    let other = repo.clone();
    assert_ends("a progress sink", move || {
        let ctx = ctx().progress(|_: &Progress| panic!("the sink panics, as the test wants it"));
        other.backup(Source::entries(rows(300)), &BackupOptions::new(), &ctx)
    });
    // The same handle goes on working, and nothing is damaged.
    let next = back_up(&repo, Source::entries(rows(300)));
    assert_eq!((next.files, next.parent), (300, first.snapshot));
    assert_sound(&reopen(vault));
}

#[test]
fn in_reading() {
    let vault = Vault::new();
    let report = back_up(&create(vault.clone()), Source::entries(rows(300)));
    let snapshot = *report.snapshot().unwrap();
    let folder = scratch();
    for which in [0, 3] {
        let repo = || reopen(panics_at(vault.clone(), Op::Read, Folder::Packs, which));
        let (restoring, target) = (repo(), folder.path().join(format!("{which}")));
        assert_ends("a restore", move || restoring.restore(&snapshot, &RestoreOptions::to(target), &ctx()));
        let checking = repo();
        assert_ends("a check", move || {
            checking.check(&CheckOptions::new().read_data(100.0).verify_content(true), &ctx())
        });
        let rebuilding = repo();
        assert_ends("a rebuild", move || rebuilding.rebuild_index(&ctx()));
    }
    let repo = reopen(vault.clone());
    let (restoring, target) = (repo.clone(), folder.path().join("sink"));
    assert_ends("a progress sink", move || {
        let ctx = ctx().progress(|_: &Progress| panic!("the sink panics, as the test wants it"));
        restoring.restore(&snapshot, &RestoreOptions::to(target), &ctx)
    });
    assert_eq!(repo.snapshots(&SnapshotFilter::all()).unwrap().count(), 1);
    assert_sound(&repo);
}
