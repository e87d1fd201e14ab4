//! Small files that several threads read.

use super::common::watched::{Opened, changed, with_call};
use super::common::{assert_sound, back_up, create, noise, restore, scratch};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use strongroom::{BackupOptions, Budget, CancelToken, Context, ErrorKind, FileSource, Outcome, Source};

use super::common::vault::Vault;

fn files(folder: &Path, count: u64) {
    for number in 0..count {
        fs::write(folder.join(format!("{number:04}")), noise(number, 3000)).unwrap();
    }
}

fn two_threads() -> Context {
    Context::new().budget(Budget::default().threads(2))
}

#[test]
fn files_that_grew_out_of_what_was_listed_are_stored_whole() {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    fs::create_dir(&source).unwrap();
    files(&source, 100);
    // Around the length from which a file is no longer read by a task.
    for (name, length) in [("0010", 262_143), ("0020", 262_144), ("0030", 262_145), ("0040", 3 << 20)] {
        fs::write(source.join(name), noise(1, length)).unwrap();
    }
    let vault = Vault::new();
    let repo = create(vault);
    let listed =
        changed(FileSource::new([&source]), &Opened::default(), "disk", |entry| entry.size = entry.size.min(10));
    let report = repo.backup(listed, &BackupOptions::new(), &two_threads()).unwrap();
    assert_eq!((report.outcome, report.files, report.problem_count), (Outcome::Complete, 100, 0));
    restore(&repo, report.snapshot().unwrap(), &target);
    for number in 0..100 {
        let name = format!("{number:04}");
        assert!(fs::read(source.join(&name)).unwrap() == fs::read(target.join(&name)).unwrap(), "{name}");
    }
    assert_sound(&repo);
}

#[test]
fn a_source_that_panics_on_another_thread_ends_the_backup() {
    let folder = scratch();
    files(folder.path(), 300);
    let repo = create(Vault::new());
    for at in [0, 1, 150, 299] {
        let calls = AtomicU64::new(0);
        let panics = with_call(FileSource::new([folder.path()]), &Opened::default(), "disk", move || {
            assert!(calls.fetch_add(1, Ordering::Relaxed) != at, "the source panics, as the test wants it");
        });
        let backup = AssertUnwindSafe(|| repo.backup(panics, &BackupOptions::new(), &two_threads()));
        assert!(catch_unwind(backup).is_err(), "at {at}");
    }
    assert_eq!(back_up(&repo, Source::paths([folder.path()])).files, 300);
    assert_sound(&repo);
}

#[test]
fn nothing_of_the_source_is_in_use_behind_a_backup_that_was_cancelled() {
    let folder = scratch();
    files(folder.path(), 400);
    let repo = create(Vault::new());
    // Which thread it is that reads the file is up to chance, and one of them is waited for anyway.
    for at in [3, 40, 80, 120, 160, 200, 240, 280] {
        let (token, calls, held) = (CancelToken::new(), AtomicU64::new(0), Arc::new(()));
        let (cancel, in_use) = (token.clone(), Arc::clone(&held));
        let slow = with_call(FileSource::new([folder.path()]), &Opened::default(), "disk", move || {
            let _ = &in_use;
            if calls.fetch_add(1, Ordering::Relaxed) == at {
                cancel.cancel();
                // Longer than the backup takes to end by itself.
                std::thread::sleep(Duration::from_millis(300));
            }
            std::thread::sleep(Duration::from_millis(1));
        });
        let result = repo.backup(slow, &BackupOptions::new(), &two_threads().cancel_token(token));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(Arc::strong_count(&held), 1, "at {at}");
    }
}
