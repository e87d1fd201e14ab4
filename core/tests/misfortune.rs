//! What goes wrong outside: storage that takes no more, clocks that jump, and a device that there are two of.

mod common;

use common::edits::settle;
use common::fault::{Call, Fault, FaultBackend, Op};
use common::forest::Sizes;
use common::vault::Vault;
use common::walk::{assert_same, walk};
use common::{assert_sound, back_up, back_up_with, create, noise, reopen, restore, scratch};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;
use strongroom::{
    Backend, BackupOptions, Context, DeviceKey, Error, ErrorKind, Folder, ObjectInfo, ObjectName, OpenOptions,
    Repository, Result, Role, Secret, SnapshotFilter, Source, Timestamp,
};

fn folder(files: u64) -> tempfile::TempDir {
    let scratch = scratch();
    let source = scratch.path().join("source");
    fs::create_dir(&source).unwrap();
    for number in 0..files {
        fs::write(source.join(format!("{number}")), noise(number, 300_000)).unwrap();
    }
    settle(&source);
    scratch
}

fn assert_restored(repo: &Repository, scratch: &Path, snapshot: &strongroom::SnapshotId) {
    let target = tempfile::tempdir_in(scratch).unwrap();
    restore(repo, snapshot, target.path());
    assert_same(&walk(&scratch.join("source")), &walk(target.path()));
}

/// Storage that refuses every object from the third pack on.
fn refusing(vault: &Vault, kind: ErrorKind) -> FaultBackend {
    let mut packs = 0;
    FaultBackend::new(vault.clone(), move |call: &Call| {
        packs += u64::from(call.op == Op::Put && call.folder == Folder::Packs);
        (call.op == Op::Put && packs >= 3).then_some(Fault::Fail(kind))
    })
}

#[test]
fn storage_that_takes_no_more_says_why_and_keeps_what_it_has() {
    for kind in [ErrorKind::QuotaExceeded, ErrorKind::StorageFull, ErrorKind::ReadOnly, ErrorKind::PermissionDenied] {
        let scratch = folder(20);
        let vault = Vault::new();
        create(vault.clone());
        let source = || Source::paths([scratch.path().join("source")]);
        let error = reopen(refusing(&vault, kind)).backup(source(), &BackupOptions::new(), &Context::new());
        let error = error.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().starts_with("could not use the storage: packs/"), "{error}");
        assert_eq!(vault.names(Folder::Packs).len(), 2);
        let report = back_up(&reopen(vault.clone()), source());
        assert!(report.new_bytes < 20 * 300_000 - u64::from(Sizes::TINY.pack), "{report:?}");
        assert_restored(&reopen(vault.clone()), scratch.path(), report.snapshot().unwrap());
        assert_sound(&reopen(vault));
    }
}

#[test]
fn the_system_s_words_for_a_used_up_quota_are_understood() {
    let error =
        Error::io(std::io::Error::from_raw_os_error(rustix::io::Errno::DQUOT.raw_os_error()), "store an object");
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
}

/// A vault whose clock can be set.
#[derive(Clone)]
struct Shifted {
    vault: Vault,
    shift: Arc<AtomicI64>,
}

impl Backend for Shifted {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        self.vault.put(name, parts)?;
        let received = self.vault.stat(name)?.modified;
        let shifted = received.seconds + self.shift.load(Ordering::Relaxed);
        self.vault.set_time(name, Timestamp::new(shifted, received.nanos));
        Ok(())
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.vault.read(name, range)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.vault.stat(name)
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.vault.list(folder, found)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.vault.delete(name)
    }

    fn location(&self) -> String {
        self.vault.location()
    }
}

const YEAR: i64 = 365 * 24 * 60 * 60;

#[test]
fn a_storage_clock_that_jumps_a_year_back_loses_nothing() {
    let scratch = folder(5);
    let source = scratch.path().join("source");
    let backend = Shifted { vault: Vault::new(), shift: Arc::default() };
    let repo = create(backend.clone());
    let first = *back_up(&repo, Source::paths([&source])).snapshot().unwrap();
    let first_tree = walk(&source);
    for (round, shift) in [(1_u64, -YEAR), (2, -YEAR), (3, 0), (4, -YEAR)] {
        backend.shift.store(shift, Ordering::Relaxed);
        fs::write(source.join("changed"), noise(100 + round, 40_000)).unwrap();
        settle(&source);
        let repo = reopen(backend.clone());
        let report = back_up(&repo, Source::paths([&source]));
        // What did not change is found again, whatever storage says of its age.
        assert!(report.new_bytes <= 40_000, "{report:?}");
        assert_restored(&repo, scratch.path(), report.snapshot().unwrap());
    }
    let repo = reopen(backend);
    assert_eq!(repo.snapshots(&SnapshotFilter::all()).unwrap().filter(|snapshot| snapshot.is_ok()).count(), 5);
    let target = tempfile::tempdir_in(scratch.path()).unwrap();
    restore(&repo, &first, target.path());
    assert_same(&first_tree, &walk(target.path()));
    assert_sound(&repo);
}

/// A snapshot that claims to be a year old is what a client makes whose clock is a year behind.
#[test]
fn a_client_whose_clock_is_a_year_behind_misses_no_change() {
    let scratch = folder(5);
    let source = scratch.path().join("source");
    let vault = Vault::new();
    let repo = create(vault.clone());
    back_up(&repo, Source::paths([&source]));
    let now = Timestamp::from(SystemTime::now());
    let behind = BackupOptions::new().time(Timestamp::new(now.seconds - YEAR, now.nanos));
    for round in 0..3_u64 {
        fs::write(source.join("0"), noise(200 + round, 300_000)).unwrap();
        settle(&source);
        let repo = reopen(vault.clone());
        let options = if round == 1 { BackupOptions::new() } else { behind.clone() };
        let report = back_up_with(&repo, Source::paths([&source]), &options);
        assert!(report.new_bytes <= 300_000, "{report:?}");
        assert_restored(&repo, scratch.path(), report.snapshot().unwrap());
    }
    let snapshots = reopen(vault.clone()).snapshots(&SnapshotFilter::all()).unwrap();
    assert_eq!(snapshots.filter(|snapshot| snapshot.is_ok()).count(), 4);
    let error = back_up_later(&reopen(vault), &source);
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("yet to come"), "{error}");
}

fn back_up_later(repo: &Repository, source: &Path) -> Error {
    let now = Timestamp::from(SystemTime::now());
    let ahead = BackupOptions::new().time(Timestamp::new(now.seconds + YEAR, 0));
    repo.backup(Source::paths([source]), &ahead, &Context::new()).unwrap_err()
}

/// A disk image that was copied, a key that was put on two machines.
#[test]
fn two_machines_with_the_same_device_key_back_up_at_once() {
    let vault = Vault::new();
    let owner = create(vault.clone());
    let device = DeviceKey::generate().unwrap();
    let request = device.request("twin").unwrap();
    owner.add_device(&request, Role::Writer).unwrap();
    let machines: Vec<_> = (0..2_u64).map(|number| (number, folder(12 + number), scratch())).collect();
    for round in 0..3_u64 {
        std::thread::scope(|scope| {
            for (number, scratch, state) in &machines {
                let (vault, secret) = (vault.clone(), Secret::device(device.clone()));
                scope.spawn(move || {
                    let source = scratch.path().join("source");
                    fs::write(source.join("new"), noise(1000 + round * 10 + number, 2_500_000)).unwrap();
                    settle(&source);
                    let options = OpenOptions::new().state_folder(state.path());
                    let repo = Repository::open_with(vault, &secret, &options).unwrap();
                    // Also of the same name, as copied machines are.
                    back_up_with(&repo, Source::paths([source]).known_as(["home"]), &BackupOptions::new().host("twin"));
                });
            }
        });
        let repo = reopen(vault.clone());
        let snapshots: Vec<_> =
            repo.snapshots(&SnapshotFilter::all()).unwrap().map(|snapshot| snapshot.unwrap()).collect();
        assert_eq!(snapshots.len() as u64, (round + 1) * 2, "both are there");
        let trees = machines.iter().map(|(_, scratch, _)| walk(&scratch.path().join("source")));
        let mut missing: Vec<_> = trees.collect();
        for snapshot in &snapshots[snapshots.len() - 2..] {
            let target = scratch();
            restore(&repo, &snapshot.id, target.path());
            let found = walk(target.path());
            missing.retain(|tree| *tree != found);
        }
        assert!(missing.is_empty(), "what {} of them backed up is not there", missing.len());
        assert_sound(&repo);
    }
}
