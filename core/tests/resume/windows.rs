//! Many short windows of time, as a phone gives them.

use super::common::edits::settle;
use super::common::vault::Vault;
use super::common::walk::{assert_same, walk};
use super::common::{create, noise, reopen, restore, scratch};
use super::{Disk, packs};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;
use strongroom::{
    BackupOptions, BackupReport, Budget, Context, NewKey, OpenOptions, Outcome, Repository, Role, Secret,
};

/// Some two seconds of reading.
fn slow() -> Disk {
    Disk { pause: Duration::from_millis(4), piece: Some(16 << 10), ..Disk::default() }
}

/// Calls with deadlines until everything is done.
fn call_until_complete(disk: &Disk, source: &Path, open: impl Fn() -> Repository) -> BackupReport {
    let (mut reached, mut calls) = ((0, 0), 0);
    loop {
        let ctx = Context::new().budget(Budget::default().threads(2).deadline_in(Duration::from_millis(150)));
        let report = open().backup(disk.source(source), &BackupOptions::new(), &ctx).unwrap();
        calls += 1;
        if report.outcome == Outcome::Complete {
            assert!(calls > 3, "it was hardly ever suspended");
            return report;
        }
        assert_eq!((report.outcome, report.problem_count), (Outcome::Suspended, 0), "{report:?}");
        let now = (report.entries, report.bytes);
        assert!(now > reached, "call {calls} came to {now:?} after {reached:?}");
        reached = now;
        assert!(calls < 200, "200 calls came only to {reached:?}");
    }
}

fn fill(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for number in 0..40_u64 {
        fs::write(folder.join(format!("a{number:02}")), noise(number, 30_000)).unwrap();
    }
    let large = File::create(folder.join("b")).unwrap();
    large.write_all_at(&noise(100, 2_000_000), 0).unwrap();
    large.write_all_at(&noise(101, 2_000_000), 3_000_000).unwrap();
    large.set_len(6_000_000).unwrap();
    fs::write(folder.join("c"), noise(102, 500_000)).unwrap();
    settle(folder);
}

fn assert_steady(vault: &Vault, open: impl Fn() -> Repository) {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    fill(&source);
    let disk = slow();
    let report = call_until_complete(&disk, &source, open);
    let (read, data) = (disk.take(), 40 * 30_000 + 4_000_000 + 500_000);
    // A call reads again what was in its buffer when its time was over, or the small file it was at.
    assert!(read <= data + data / 3, "{read} bytes were read of {data}");
    assert!(packs(vault) <= data + data / 10, "{} bytes of packs", packs(vault));
    restore(&reopen(vault.clone()), report.snapshot().unwrap(), &target);
    assert_same(&walk(&source), &walk(&target));
}

#[test]
fn every_one_makes_progress_even_inside_one_large_file() {
    let vault = Vault::new();
    create(vault.clone());
    assert_steady(&vault, || reopen(vault.clone()));
}

#[test]
fn a_writer_that_cannot_read_makes_progress_as_well() {
    let (vault, state) = (Vault::new(), scratch());
    let secret = Secret::account_key([8; 32]);
    create(vault.clone()).add_key(&NewKey::new(secret.clone(), Role::Writer)).unwrap();
    let options = OpenOptions::new().state_folder(state.path());
    assert_steady(&vault, || Repository::open_with(vault.clone(), &secret, &options).unwrap());
}

/// What is there of a large file is believed only if nothing about the file has changed.
#[test]
fn a_large_file_that_changed_between_two_windows_is_read_anew() {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    fs::create_dir(&source).unwrap();
    let path = source.join("large");
    fs::write(&path, noise(1, 4_000_000)).unwrap();
    settle(&source);
    let vault = Vault::new();
    let repo = create(vault.clone());
    let disk = slow();
    let ctx = Context::new().budget(Budget::default().deadline_in(Duration::from_millis(400)));
    let report = repo.backup(disk.source(&source), &BackupOptions::new(), &ctx).unwrap();
    assert_eq!(report.outcome, Outcome::Suspended);
    assert!(report.bytes > 100_000, "{report:?}");
    // As long as before, and of the same age as far as its modification time tells.
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"another beginning", 0).unwrap();
    file.set_modified(modified).unwrap();
    let fast = Disk::default();
    let report = repo.backup(fast.source(&source), &BackupOptions::new(), &Context::new()).unwrap();
    assert_eq!((report.outcome, fast.take()), (Outcome::Complete, 4_000_000));
    restore(&repo, report.snapshot().unwrap(), &target);
    assert_same(&walk(&source), &walk(&target));
}
