//! What only shows when all parts work together.

use super::*;
use crate::crypto::password::Cost;
use crate::{BackupOptions, CancelToken, LocalBackend, Outcome, Source};
use std::fs;

fn files(folder: &std::path::Path, count: usize) {
    fs::create_dir_all(folder).unwrap();
    for number in 0..count {
        fs::write(folder.join(format!("{number:04}")), format!("{number} ").repeat(300)).unwrap();
    }
    // Times count as settled only some ticks before a backup begins.
    std::thread::sleep(std::time::Duration::from_millis(50));
}

#[test]
fn a_writer_that_may_not_read_takes_unchanged_files_from_its_local_state() {
    let folder = tempfile::tempdir().unwrap();
    let (place, source, state) = (folder.path().join("r"), folder.path().join("s"), folder.path().join("state"));
    files(&source, 300);
    let owner = Secret::passphrase("owner");
    let create = CreateOptions::new().cost(Cost::FLOOR);
    let repo = Repository::create(LocalBackend::new(&place), &owner, &create).unwrap();
    let key = NewKey::new(Secret::passphrase("writer"), Role::Writer).cost(Cost::FLOOR);
    repo.add_key(&key).unwrap();
    let open = |options: &OpenOptions| {
        Repository::open_with(LocalBackend::new(&place), &Secret::passphrase("writer"), options).unwrap()
    };
    let with_state = OpenOptions::new().state_folder(&state);
    let back_up =
        |repo: &Repository| repo.backup(Source::paths([&source]), &BackupOptions::new(), &Context::new()).unwrap();
    assert_eq!(back_up(&open(&with_state)).unchanged, 0);
    fs::write(source.join("0007"), "changed").unwrap();
    let second = back_up(&open(&with_state));
    assert_eq!((second.outcome, second.unchanged), (Outcome::Complete, 299 + 1));
    // Without the state everything is read, and still nothing is stored twice.
    let third = back_up(&open(&OpenOptions::new()));
    assert_eq!((third.unchanged, third.new_bytes), (0, 0));
    let target = folder.path().join("t");
    let options = crate::RestoreOptions::to(&target);
    repo.restore(second.snapshot().unwrap(), &options, &Context::new()).unwrap();
    assert_eq!(fs::read(target.join("0007")).unwrap(), b"changed");
    assert_eq!(fs::read(target.join("0299")).unwrap(), fs::read(source.join("0299")).unwrap());
}

#[test]
fn a_suspended_backup_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("s");
    files(&source, 200);
    let create = CreateOptions::new().cost(Cost::FLOOR);
    let repo =
        Repository::create(LocalBackend::new(folder.path().join("r")), &Secret::passphrase("p"), &create).unwrap();
    let token = CancelToken::new();
    let suspender = token.clone();
    let entries = std::sync::atomic::AtomicU64::new(0);
    let ctx = Context::new().cancel_token(token).progress(move |_: &crate::Progress| {
        entries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        suspender.suspend();
    });
    let first = repo.backup(Source::paths([&source]), &BackupOptions::new(), &ctx).unwrap();
    assert_eq!(first.outcome, Outcome::Suspended);
    assert!(first.snapshot().is_err());
    assert!(first.entries < 201);
    let second = repo.backup(Source::paths([&source]), &BackupOptions::new(), &Context::new()).unwrap();
    assert_eq!((second.outcome, second.entries, second.unchanged), (Outcome::Complete, 201, first.entries));
}
