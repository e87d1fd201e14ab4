//! Work that is suspended goes on where it was, and comes to the same.

use super::common::edits::settle;
use super::common::vault::Vault;
use super::common::walk::{assert_same, walk};
use super::common::watched::{Opened, watched, with_call};
use super::common::{assert_sound, back_up, create, noise, reopen, restore, scratch};
use super::{Noise, Slow, path};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use strongroom::{
    AppEntry, BackupOptions, BackupReport, Budget, CancelToken, CheckOptions, Context, Entry, EntryPath, ErrorKind,
    FileSource, Folder, IterSource, Outcome, Repository, RestoreOptions, SnapshotFilter, Source,
};

const FILES: u64 = 300;

fn files(folder: &Path) {
    for number in 0..FILES {
        let folder = folder.join(format!("{:02}", number % 10));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number:03}")), noise(number, 3000)).unwrap();
    }
    settle(folder);
}

/// A folder of a disk that takes a while for every file that is opened.
fn slow_disk(folder: &Path, opened: &Opened) -> Source {
    with_call(FileSource::new([folder]), opened, "disk", || std::thread::sleep(Duration::from_millis(2)))
}

fn within(time: Duration) -> Context {
    Context::new().budget(Budget::default().threads(2).deadline_in(time))
}

fn list(repo: &Repository, report: &BackupReport) -> Vec<Entry> {
    let mut entries: Vec<Entry> =
        repo.list(report.snapshot().unwrap(), &EntryPath::root(), true).unwrap().map(|entry| entry.unwrap()).collect();
    entries.iter_mut().for_each(|entry| entry.content = Default::default());
    entries
}

#[test]
fn calls_with_short_deadlines_finish_a_backup_of_many_files() {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    files(&source);
    let vault = Vault::new();
    let opened = Opened::default();
    let (mut calls, mut reached, mut all_opened) = (0, 0, 0);
    let finished = loop {
        // Like an app that is started anew every time.
        let repo = reopen_or_create(&vault);
        let report = repo
            .backup(slow_disk(&source, &opened), &BackupOptions::new(), &within(Duration::from_millis(120)))
            .unwrap();
        all_opened += opened.take().len() as u64;
        calls += 1;
        if report.outcome != Outcome::Suspended {
            break report;
        }
        assert!(report.snapshot.is_none() && vault.names(Folder::Snapshots).is_empty());
        let error = report.snapshot().unwrap_err();
        assert!(error.to_string().contains("call it again"), "{error}");
        assert!(report.entries >= reached, "it reached {} entries after {reached}", report.entries);
        reached = report.entries;
        assert!(calls < 100, "100 calls came only to {reached} entries");
    };
    assert_eq!((finished.outcome, finished.files), (Outcome::Complete, FILES));
    assert!(calls > 2, "it was never suspended");
    assert!(finished.unchanged > 0);
    // Every file was read once, but for those a call did not come to the end of.
    assert!(all_opened <= FILES + calls, "{all_opened} files were opened in {calls} calls");

    let repo = reopen(vault.clone());
    let undisturbed = create(Vault::new());
    let expected = back_up(&undisturbed, FileSource::new([&source]));
    assert!(list(&repo, &finished) == list(&undisturbed, &expected));
    restore(&repo, finished.snapshot().unwrap(), &target);
    assert_same(&walk(&source), &walk(&target));
    assert_eq!(repo.snapshots(&SnapshotFilter::all()).unwrap().count(), 1);
    assert_sound(&repo);
    // Nothing was stored twice, though it was done in parts.
    assert!(finished.new_bytes + (FILES - 1) * 3000 >= finished.bytes);
    assert_eq!(repo.stats(&Context::new()).unwrap().deduplicated_bytes, FILES * 3000);
}

fn reopen_or_create(vault: &Vault) -> Repository {
    if vault.names(Folder::Root).is_empty() { create(vault.clone()) } else { reopen(vault.clone()) }
}

#[test]
fn a_suspended_incremental_backup_builds_on_both() {
    let folder = scratch();
    let source = folder.path().join("source");
    files(&source);
    let vault = Vault::new();
    let repo = create(vault.clone());
    let opened = Opened::default();
    back_up(&repo, watched(FileSource::new([&source]), &opened, "disk"));
    assert_eq!(opened.take().len() as u64, FILES);
    for number in (0..FILES).step_by(2) {
        fs::write(source.join(format!("{:02}/{number:03}", number % 10)), noise(number + 1000, 3000)).unwrap();
    }
    settle(&source);
    let mut all = std::collections::BTreeSet::new();
    let mut calls = 0;
    let finished = loop {
        let report = repo
            .backup(slow_disk(&source, &opened), &BackupOptions::new(), &within(Duration::from_millis(60)))
            .unwrap();
        all.append(&mut opened.take());
        calls += 1;
        assert!(calls < 100);
        if report.outcome == Outcome::Complete {
            break report;
        }
    };
    // Only what was changed was ever opened.
    assert_eq!(all.len() as u64, FILES / 2);
    let target = folder.path().join("target");
    restore(&reopen(vault), finished.snapshot().unwrap(), &target);
    assert_same(&walk(&source), &walk(&target));
}

/// A window that is too short for anything must not undo what a longer one came to.
#[test]
fn a_deadline_that_has_passed_loses_nothing() {
    let folder = scratch();
    files(folder.path());
    let vault = Vault::new();
    let repo = create(vault.clone());
    let opened = Opened::default();
    let token = CancelToken::new();
    let (suspend, count) = (token.clone(), AtomicU64::new(0));
    let after_half = with_call(FileSource::new([folder.path()]), &opened, "disk", move || {
        if count.fetch_add(1, Ordering::Relaxed) == FILES / 2 {
            suspend.suspend();
        }
    });
    let first = repo.backup(after_half, &BackupOptions::new(), &Context::new().cancel_token(token)).unwrap();
    assert_eq!(first.outcome, Outcome::Suspended);
    let half = opened.take().len() as u64;
    assert!(half > FILES / 3 && half < FILES);
    let source = || watched(FileSource::new([folder.path()]), &opened, "disk");
    for _ in 0..3 {
        let nothing = repo.backup(source(), &BackupOptions::new(), &within(Duration::ZERO)).unwrap();
        assert_eq!(nothing.outcome, Outcome::Suspended);
        assert!(opened.take().len() <= 1);
    }
    let last = back_up(&repo, source());
    let rest = opened.take().len() as u64;
    assert_eq!(last.files, FILES);
    // The file it was suspended at is the only one that is read again.
    assert!(half + rest <= FILES + 1, "{half} files were read, and then {rest}");
}

/// What a call cannot finish is one file, longer than its time.
#[test]
fn a_deadline_in_the_middle_of_a_long_file_is_kept() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    // Some three seconds of reading.
    let source = || {
        let slow = Slow::new(Noise::new(1).take(3 << 20), 10 << 10, Duration::from_millis(10));
        let entries = vec![AppEntry::bytes(path("a"), noise(5, 5000)), AppEntry::file(path("b"), slow)];
        Source::from(IterSource::new(entries).sorted()).known_as(["app"])
    };
    let begin = Instant::now();
    let report = repo.backup(source(), &BackupOptions::new(), &within(Duration::from_millis(300))).unwrap();
    assert_eq!(report.outcome, Outcome::Suspended);
    assert!(begin.elapsed() < Duration::from_millis(2000), "it took {:?}", begin.elapsed());
    assert_eq!((report.files, report.problem_count), (1, 0), "the file is not taken for a damaged one");
    // What was read of it is stored, and the next call sends the rest only.
    let sent = report.stored_bytes;
    assert!(sent > 100_000, "{report:?}");
    let last = back_up(&repo, source());
    assert!(last.new_bytes < (3 << 20) - 100_000, "{last:?}");
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    repo.open_file(last.snapshot().unwrap(), "b").unwrap().read_to_end(&mut found).unwrap();
    Noise::new(1).take(3 << 20).read_to_end(&mut expected).unwrap();
    assert!(found == expected);
}

#[test]
fn suspended_by_its_token_it_is_the_same() {
    let repo = create(Vault::new());
    let token = CancelToken::new();
    let suspend = token.clone();
    let rows = |suspend: Option<CancelToken>| {
        let rows = (0..500_u64).map(move |number| {
            if let Some(suspend) = suspend.iter().find(|_| number == 200) {
                suspend.suspend();
            }
            AppEntry::bytes(path(&format!("{number:03}")), noise(number, 1000))
        });
        // In any order, as far as the engine knows.
        Source::from(IterSource::new(rows)).known_as(["rows"])
    };
    let ctx = Context::new().cancel_token(token);
    let first = repo.backup(rows(Some(suspend)), &BackupOptions::new(), &ctx).unwrap();
    assert_eq!(first.outcome, Outcome::Suspended);
    assert!((200..=202).contains(&first.entries), "{first:?}");
    let second = back_up(&repo, rows(None));
    assert_eq!((second.files, second.new_bytes), (500, 300_000 - 1000 * (first.files - 200)));
    assert_sound(&repo);
}

#[test]
fn a_restore_and_a_check_are_suspended_and_taken_up_again() {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    files(&source);
    let vault = Vault::new();
    let snapshot = *back_up(&create(vault.clone()), FileSource::new([&source])).snapshot().unwrap();
    let repo = reopen(vault);
    let past = within(Duration::ZERO);
    let report = repo.restore(&snapshot, &RestoreOptions::to(&target), &past).unwrap();
    assert_eq!(report.outcome, Outcome::Suspended);
    assert!(report.files < FILES);
    restore(&repo, &snapshot, &target);
    assert_same(&walk(&source), &walk(&target));
    let report = repo.check(&CheckOptions::new().read_data(100.0), &past).unwrap();
    assert_eq!(report.outcome, Outcome::Suspended);
    assert!(!report.is_sound(), "what was not looked at is not known to be sound");
    // What keeps nothing is cancelled by a deadline.
    let error = repo.export_tar(&snapshot, &EntryPath::root(), &mut std::io::sink(), &past).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.to_string().contains("deadline"), "{error}");
}
