//! Backups that build on earlier ones: as right as full ones, and without reading what has not changed.

mod common;

use common::edits::{Edit, Stat, settle, stats};
use common::fault::{Fault, FaultBackend, Op};
use common::forest::{Forest, Sizes};
use common::vault::Vault;
use common::walk::{differences, walk};
use common::watched::{Opened, changed, watched};
use common::{back_up, back_up_with, cases, create, create_with, noise, reopen, restore, scratch};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use strongroom::{
    AppEntry, BackupOptions, BackupReport, ChangeDetection, Content, Context, Entry, EntryPath, ErrorKind, FileSource,
    Folder, IterSource, MemoryBackend, Outcome, Parent, Repository, SnapshotFilter, SnapshotId, Source, Timestamp,
};

fn entries(repo: &Repository, snapshot: &SnapshotId) -> Vec<Entry> {
    let mut entries: Vec<Entry> =
        repo.list(snapshot, &EntryPath::root(), true).unwrap().map(|entry| entry.unwrap()).collect();
    // Where content is stored does not matter.
    entries.iter_mut().for_each(|entry| entry.content = Content::Empty);
    entries
}

/// Regular files whose listing says that they may not be what they were.
fn may_differ(before: &BTreeMap<String, Stat>, after: &BTreeMap<String, Stat>) -> BTreeSet<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let is_later = |stat: &Stat| stat.modified.0 >= i64::try_from(now).unwrap() - 3;
    let differs = after.iter().filter(|(path, stat)| before.get(*path) != Some(*stat) || is_later(stat));
    differs.filter(|(_, stat)| stat.is_file).map(|(path, _)| path.clone()).collect()
}

fn edited(forest: &Forest, rounds: &[Vec<Edit>], sizes: Sizes) -> TestCaseResult {
    let scratch = scratch();
    let source = scratch.path().join("source");
    fs::create_dir(&source).unwrap();
    forest.plant(&source, sizes);
    settle(&source);
    let backend = MemoryBackend::new();
    let repo = create_with(backend.clone(), &sizes.options());
    let opened = Opened::default();
    let back_up = |options: &BackupOptions| {
        let name = source.to_str().unwrap();
        let report = back_up_with(&repo, watched(FileSource::new([&source]), &opened, name), options);
        (report, opened.take())
    };
    let mut before = stats(&source);
    let mut parent = *back_up(&BackupOptions::new()).0.snapshot().unwrap();
    for (round, edits) in rounds.iter().enumerate() {
        edits.iter().for_each(|edit| edit.apply(&source, sizes));
        settle(&source);
        let (after, tree) = (stats(&source), walk(&source));
        let may_differ = may_differ(&before, &after);

        let (report, opened) = back_up(&BackupOptions::new());
        prop_assert_eq!(report.parent, Some(parent));
        let needless: Vec<_> = opened.difference(&may_differ).collect();
        prop_assert!(needless.is_empty(), "opened though nothing points to a change: {:?}", needless);
        parent = *report.snapshot().unwrap();
        let target = scratch.path().join(format!("target {round}"));
        restore(&repo, &parent, &target);
        let differences = differences(&tree, &walk(&target));
        prop_assert!(differences.is_empty(), "round {}: {}", round, differences);

        let full = BackupOptions::new().host("another").parent(Parent::None);
        let (full, opened) = back_up(&full);
        prop_assert_eq!(full.unchanged, 0);
        prop_assert!(
            opened.is_superset(&may_differ.iter().filter(|path| tree[*path].same_as.is_none()).cloned().collect())
        );
        prop_assert_eq!((full.entries, full.files, full.bytes), (report.entries, report.files, report.bytes));
        prop_assert_eq!(full.new_bytes, 0, "what the incremental backup stored is all there is");
        prop_assert!(entries(&repo, &parent) == entries(&repo, full.snapshot().unwrap()));
        before = after;
    }
    Ok(())
}

#[test]
fn after_any_edits_a_backup_is_what_a_full_one_would_be() {
    let edits = proptest::collection::vec(Edit::strategy(), 0..8);
    let strategy = (Forest::strategy(5..25), proptest::collection::vec(edits, 1..4), Sizes::strategy());
    let check = |(forest, rounds, sizes): (Forest, Vec<Vec<Edit>>, Sizes)| edited(&forest, &rounds, sizes);
    TestRunner::new(cases(40)).run(&strategy, check).unwrap();
}

/// A folder of files, and backups of it that are watched.
struct Scene {
    scratch: tempfile::TempDir,
    opened: Opened,
    repo: Repository,
    vault: Vault,
}

const FILES: usize = 60;

impl Scene {
    fn new() -> Self {
        let scratch = scratch();
        for number in 0..FILES {
            let folder = scratch.path().join(format!("source/{}", number % 5));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{number:02}")), noise(number as u64, 100 * number)).unwrap();
        }
        let vault = Vault::new();
        let scene = Scene { scratch, opened: Opened::default(), repo: create(vault.clone()), vault };
        settle(&scene.source());
        scene
    }

    fn source(&self) -> std::path::PathBuf {
        self.scratch.path().join("source")
    }

    fn file(&self, number: usize) -> std::path::PathBuf {
        self.source().join(name(number))
    }

    fn back_up(&self, options: &BackupOptions) -> (BackupReport, Vec<String>) {
        self.back_up_with(&self.repo, options)
    }

    fn back_up_with(&self, repo: &Repository, options: &BackupOptions) -> (BackupReport, Vec<String>) {
        let source = watched(FileSource::new([self.source()]), &self.opened, "scene");
        let report = back_up_with(repo, source, options);
        (report, self.opened.take().into_iter().collect())
    }

    /// Restored, it is what stands in the folder now.
    fn assert_right(&self, report: &BackupReport) {
        let target = tempfile::tempdir_in(self.scratch.path()).unwrap();
        restore(&reopen(self.vault.clone()), report.snapshot().unwrap(), target.path());
        common::walk::assert_same(&walk(&self.source()), &walk(target.path()));
    }
}

fn name(number: usize) -> String {
    format!("{}/{number:02}", number % 5)
}

/// Other bytes of the same length, with the modification time set back.
fn poke(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let bytes: Vec<u8> = fs::read(path).unwrap().iter().map(|byte| !byte).collect();
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

/// The same times, size and mode, other bytes, another file.
fn replace(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let bytes: Vec<u8> = fs::read(path).unwrap().iter().map(|byte| !byte).collect();
    let other = path.with_extension("new");
    fs::write(&other, bytes).unwrap();
    fs::File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
    fs::rename(other, path).unwrap();
}

#[test]
fn unchanged_files_are_not_opened() {
    let scene = Scene::new();
    let (first, opened) = scene.back_up(&BackupOptions::new());
    assert_eq!((opened.len(), first.unchanged, first.parent), (FILES, 0, None));
    let (second, opened) = scene.back_up(&BackupOptions::new());
    assert_eq!(opened, Vec::<String>::new());
    assert_eq!((second.unchanged, second.entries, second.files), (first.entries, first.entries, FILES as u64));
    assert_eq!((second.new_bytes, second.new_blobs, second.stored_packs), (0, 0, 0));
    assert_eq!(second.bytes, first.bytes);
    scene.assert_right(&second);

    poke(&scene.file(17));
    replace(&scene.file(33));
    fs::write(scene.source().join("3/new"), "new").unwrap();
    fs::remove_file(scene.file(40)).unwrap();
    let (third, opened) = scene.back_up(&BackupOptions::new());
    assert_eq!(opened, [name(17), name(33), "3/new".to_owned()]);
    assert_eq!(third.files, FILES as u64);
    scene.assert_right(&third);
}

#[test]
fn what_counts_as_unchanged_can_be_chosen() {
    let default = ChangeDetection::default();
    let run = |change: fn(&Path), rules: ChangeDetection| {
        let scene = Scene::new();
        scene.back_up(&BackupOptions::new());
        change(&scene.file(50));
        settle(&scene.source());
        let (report, opened) = scene.back_up(&BackupOptions::new().changes(rules));
        let is_right = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scene.assert_right(&report))).is_ok();
        (opened, is_right)
    };
    let same = |path: &Path| fs::set_permissions(path, fs::metadata(path).unwrap().permissions()).unwrap();
    let (it, none) = (vec![name(50)], Vec::new());
    // Only the change time moved: reading is needless, which nobody can know.
    assert_eq!(run(same, default), (it.clone(), true));
    assert_eq!(run(same, default.change_time(false)), (none.clone(), true));
    assert_eq!(run(same, default.inode(false)), (it.clone(), true));
    // Only the change time tells of what was set back, and without it the change is missed.
    assert_eq!(run(poke, default), (it.clone(), true));
    assert_eq!(run(poke, default.change_time(false)), (none.clone(), false));
    // A replaced file shows in either.
    assert_eq!(run(replace, default.change_time(false)), (it.clone(), true));
    assert_eq!(run(replace, default.inode(false)), (it.clone(), true));
    assert_eq!(run(replace, default.change_time(false).inode(false)), (none, false));
    // And reading everything needs none of them.
    let (opened, is_right) = run(replace, default.change_time(false).inode(false).read_everything(true));
    assert!(opened.len() == FILES && is_right);
}

#[test]
fn metadata_alone_is_taken_from_the_listing_without_reading() {
    let scene = Scene::new();
    scene.back_up(&BackupOptions::new());
    fs::set_permissions(scene.file(20), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::set_permissions(scene.source().join("2"), fs::Permissions::from_mode(0o1777)).unwrap();
    rustix::fs::setxattr(scene.file(21), "user.a", b"1", rustix::fs::XattrFlags::empty()).unwrap();
    let (report, opened) = scene.back_up(&BackupOptions::new());
    assert_eq!(opened, [name(20), name(21)]);
    assert_eq!(report.new_bytes, 0);
    scene.assert_right(&report);
}

fn at(path: &str) -> EntryPath {
    EntryPath::parse(path).unwrap()
}

fn ago(time: Duration) -> Timestamp {
    (SystemTime::now() - time).into()
}

/// A reader that counts whether it is used.
struct Counted(Cursor<Vec<u8>>, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.read(buffer)
    }
}

/// An app's file that says when it changed.
fn app_file(bytes: &str, changed: Timestamp, reads: &Arc<AtomicU64>) -> AppEntry {
    let reader = Counted(Cursor::new(bytes.as_bytes().to_vec()), Arc::clone(reads));
    AppEntry::file(at("file"), reader).size(bytes.len() as u64).modified(changed).changed(changed)
}

fn back_up_app(repo: &Repository, entry: AppEntry, options: &BackupOptions) -> (BackupReport, String) {
    let report = back_up_with(repo, Source::entries([entry]).known_as(["app"]), options);
    let mut text = String::new();
    repo.open_file(report.snapshot().unwrap(), "file").unwrap().read_to_string(&mut text).unwrap();
    (report, text)
}

#[test]
fn an_app_that_says_when_its_files_changed_is_not_asked_for_their_bytes_again() {
    for rules in [ChangeDetection::default(), ChangeDetection::default().inode(false)] {
        let repo = create(MemoryBackend::new());
        let reads = Arc::new(AtomicU64::new(0));
        let options = BackupOptions::new().changes(rules);
        let time = ago(Duration::from_secs(60));
        let (first, text) = back_up_app(&repo, app_file("first", time, &reads), &options);
        assert_eq!((text.as_str(), first.unchanged), ("first", 0));
        assert!(reads.swap(0, Ordering::Relaxed) > 0);
        let (second, text) = back_up_app(&repo, app_file("FIRST", time, &reads), &options);
        assert_eq!((text.as_str(), second.unchanged), ("first", 1), "{rules:?}");
        assert_eq!(reads.load(Ordering::Relaxed), 0);
        let later = Timestamp::new(time.seconds, time.nanos ^ 1);
        let (third, text) = back_up_app(&repo, app_file("third", later, &reads), &options);
        assert_eq!((text.as_str(), third.unchanged), ("third", 0));
        // Without the time of its last change nothing is believed.
        let unsaid = AppEntry::bytes(at("file"), "forth").modified(later);
        assert_eq!(back_up_app(&repo, unsaid, &options).1, "forth");
    }
}

/// Whether a file that says it changed at `time` is read again after a backup, and how long before it that was.
fn is_read_again(time: Timestamp) -> (bool, i128) {
    let repo = create(MemoryBackend::new());
    let reads = Arc::new(AtomicU64::new(0));
    let (first, _) = back_up_app(&repo, app_file("first", time, &reads), &BackupOptions::new());
    let (_, text) = back_up_app(&repo, app_file("FIRST", time, &reads), &BackupOptions::new());
    let began = repo.snapshot(&first.snapshot.unwrap().to_string(), &SnapshotFilter::all()).unwrap().time;
    let nanoseconds = |time: Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    (text == "FIRST", nanoseconds(began) - nanoseconds(time))
}

#[test]
fn a_change_within_a_clock_tick_of_the_last_backup_is_noticed() {
    for before in [Duration::ZERO, Duration::from_millis(5), Duration::from_millis(300), Duration::from_secs(60)] {
        let mut time = ago(before);
        time.nanos |= 1;
        let (again, gap) = is_read_again(time);
        // A busy machine may have taken longer to begin than it should.
        assert!(again == (gap <= 20_000_000), "changed {gap} ns before the backup began: {again}");
    }
    // It says that it changed while the backup ran.
    let soon = SystemTime::now() + Duration::from_secs(100);
    assert!(is_read_again(soon.into()).0);
    // A file system that keeps whole seconds: one change may hide another in the same two.
    for before in [0, 5] {
        let time = Timestamp::new(ago(Duration::from_secs(before)).seconds, 0);
        let (again, gap) = is_read_again(time);
        assert!(again == (gap <= 2_000_000_000), "changed {gap} ns before, in whole seconds: {again}");
    }
}

#[test]
fn on_a_disk_whose_clock_ticks_slowly_files_written_around_the_backup_are_read_again() {
    let scene = Scene::new();
    let tick = Timestamp::new(Timestamp::from(SystemTime::now()).seconds, 0);
    let back_up = || {
        let slow = move |entry: &mut Entry| {
            entry.metadata.modified = tick;
            entry.metadata.changed = Some(tick);
        };
        let source = changed(FileSource::new([scene.source()]), &scene.opened, "slow", slow);
        (back_up(&scene.repo, source), scene.opened.take())
    };
    back_up();
    // Same size, same times: nothing in the listing tells.
    let bytes: Vec<u8> = fs::read(scene.file(42)).unwrap().iter().map(|byte| !byte).collect();
    fs::write(scene.file(42), &bytes).unwrap();
    let (report, opened) = back_up();
    assert_eq!(opened.len(), FILES);
    let mut found = Vec::new();
    scene.repo.open_file(report.snapshot().unwrap(), name(42)).unwrap().read_to_end(&mut found).unwrap();
    assert_eq!(found, bytes);
}

/// The next backup takes the time of a snapshot for the one its files were read after.
#[test]
fn the_time_a_snapshot_claims_hides_no_changes() {
    let later: Timestamp = (SystemTime::now() + Duration::from_secs(3600)).into();
    let repo = create(MemoryBackend::new());
    let reads = Arc::new(AtomicU64::new(0));
    let mut time = ago(Duration::ZERO);
    time.nanos |= 1;
    let claims = BackupOptions::new().time(later);
    let source = Source::entries([app_file("first", time, &reads)]).known_as(["app"]);
    let refused = repo.backup(source, &claims, &Context::new()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{refused}");
    assert_eq!(repo.snapshots(&SnapshotFilter::all()).unwrap().count(), 0);
    // The past can be claimed; all it costs is that files are read again.
    let repo = create(MemoryBackend::new());
    let claims = BackupOptions::new().time(Timestamp::new(1_000_000_000, 0));
    let (report, _) = back_up_app(&repo, app_file("first", time, &reads), &claims);
    let snapshot = repo.snapshot("latest", &SnapshotFilter::all()).unwrap();
    assert_eq!((snapshot.id, snapshot.time.seconds), (report.snapshot.unwrap(), 1_000_000_000));
    assert_eq!(back_up_app(&repo, app_file("FIRST", time, &reads), &BackupOptions::new()).1, "FIRST");
}

#[test]
fn hosts_and_paths_are_lineages_of_their_own_and_share_what_is_stored() {
    let scene = Scene::new();
    let on = |host: &str| BackupOptions::new().host(host);
    let (a, _) = scene.back_up(&on("a"));
    assert!(a.new_bytes > 0);
    // Another host: no parent, everything read, nothing stored again.
    let (b, opened) = scene.back_up(&on("b"));
    assert_eq!((b.parent, opened.len(), b.new_bytes), (None, FILES, 0));
    // Other paths of the same host.
    let part = back_up_with(&scene.repo, FileSource::new([scene.source().join("3")]), &on("a"));
    assert_eq!((part.parent, part.unchanged, part.new_bytes), (None, 0, 0));
    let source = || watched(FileSource::new([scene.source()]), &scene.opened, "scene");
    let several = back_up_with(&scene.repo, source().known_as(["x", "y"]), &on("a"));
    assert_eq!((several.parent, scene.opened.take().len()), (None, FILES));
    // Each goes on from its own.
    let (second, opened) = scene.back_up(&on("a"));
    assert_eq!((second.parent, opened.len()), (a.snapshot, 0));
    let (second, opened) = scene.back_up(&on("b"));
    assert_eq!((second.parent, opened.len()), (b.snapshot, 0));
    // The order of names says nothing.
    let again = back_up_with(&scene.repo, source().known_as(["y", "x", "y"]), &on("a"));
    assert_eq!((again.parent, scene.opened.take().len()), (several.snapshot, 0));

    let snapshots: Vec<_> = scene.repo.snapshots(&SnapshotFilter::all()).unwrap().map(|one| one.unwrap()).collect();
    let of = |id: Option<SnapshotId>| snapshots.iter().find(|one| Some(one.id) == id).unwrap().lineage;
    assert_eq!(of(second.parent), of(b.snapshot));
    assert_eq!(BTreeSet::from([a.snapshot, b.snapshot, part.snapshot, several.snapshot].map(of)).len(), 4);
}

#[test]
fn a_parent_can_be_named() {
    let scene = Scene::new();
    let (first, _) = scene.back_up(&BackupOptions::new());
    fs::write(scene.file(7), "changed").unwrap();
    settle(&scene.source());
    let (second, _) = scene.back_up(&BackupOptions::new());
    let on_first = BackupOptions::new().parent(Parent::Snapshot(first.snapshot.unwrap()));
    let (third, opened) = scene.back_up(&on_first);
    assert_eq!((third.parent, opened), (first.snapshot, vec![name(7)]));
    let (forth, opened) = scene.back_up(&BackupOptions::new().parent(Parent::None));
    assert_eq!((forth.parent, opened.len(), forth.new_bytes), (None, FILES, 0));
    for report in [second, third, forth] {
        scene.assert_right(&report);
    }
    let unknown = BackupOptions::new().parent(Parent::Snapshot(SnapshotId::from_bytes([9; 32])));
    let error = scene.repo.backup(Source::paths([scene.source()]), &unknown, &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn a_snapshot_of_nothing_new_can_be_skipped() {
    let scene = Scene::new();
    let skip = BackupOptions::new().skip_if_unchanged(true);
    let (first, _) = scene.back_up(&skip);
    assert!(first.snapshot.is_some());
    let objects = |folder| scene.vault.names(folder);
    let before = (objects(Folder::Snapshots), objects(Folder::Packs));
    let (second, _) = scene.back_up(&skip);
    assert_eq!((second.outcome, second.snapshot, second.parent), (Outcome::Complete, None, first.snapshot));
    assert_eq!(second.unchanged, first.entries);
    let error = second.snapshot().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("nothing has changed"), "{error}");
    assert_eq!((objects(Folder::Snapshots), objects(Folder::Packs)), before);
    // Without the wish there is a snapshot, of the same tree.
    let (third, _) = scene.back_up(&BackupOptions::new());
    assert_eq!((objects(Folder::Snapshots).len(), objects(Folder::Packs)), (2, before.1));
    // Any change makes one.
    fs::set_permissions(scene.file(3), fs::Permissions::from_mode(0o600)).unwrap();
    let (forth, _) = scene.back_up(&skip);
    assert_eq!(forth.parent, third.snapshot);
    scene.assert_right(&forth);
}

#[test]
fn a_parent_that_is_gone_from_storage_costs_only_reading() {
    let scene = Scene::new();
    let (first, _) = scene.back_up(&BackupOptions::new());
    scene.vault.remove(&format!("snapshots/{}", first.snapshot.unwrap()).parse().unwrap());
    let (second, opened) = scene.back_up(&BackupOptions::new());
    assert_eq!((second.parent, opened.len(), second.new_bytes), (None, FILES, 0));
    scene.assert_right(&second);
    // The second's content lies in packs of the first; now they, and what lists them, are gone too.
    for folder in [Folder::Packs, Folder::Index] {
        scene.vault.names(folder).iter().for_each(|name| scene.vault.remove(name));
    }
    let (third, opened) = scene.back_up(&BackupOptions::new());
    assert_eq!((third.parent, opened.len()), (second.snapshot, FILES));
    assert!(third.new_bytes > 0);
    scene.assert_right(&third);
    let (forth, opened) = scene.back_up_with(&reopen(scene.vault.clone()), &BackupOptions::new());
    assert_eq!((forth.parent, opened.len()), (third.snapshot, 0));
}

#[test]
fn a_previous_tree_that_cannot_be_read_costs_only_speed() {
    for fault in [Fault::Flip(1234), Fault::Short(1), Fault::Fail(ErrorKind::NotFound)] {
        let scene = Scene::new();
        let (first, _) = scene.back_up(&BackupOptions::new());
        let damage = fault.clone();
        let reads_damaged = move |call: &common::fault::Call| {
            (call.op == Op::Read && call.folder == Folder::Packs).then(|| damage.clone())
        };
        let damaged = FaultBackend::new(scene.vault.clone(), reads_damaged);
        let (second, opened) = scene.back_up_with(&reopen(damaged.clone()), &BackupOptions::new());
        assert!(damaged.count(Op::Read, Folder::Packs) > 0);
        assert_eq!((second.parent, opened.len(), second.new_bytes), (first.snapshot, FILES, 0), "{fault:?}");
        scene.assert_right(&second);
    }
    // Storage that cannot be reached is no damage, and says nothing of what has changed.
    let scene = Scene::new();
    scene.back_up(&BackupOptions::new());
    let out_of_reach = FaultBackend::new(scene.vault.clone(), |call| {
        (call.op == Op::Read && call.folder == Folder::Packs).then_some(Fault::Fail(ErrorKind::Unavailable))
    });
    let repo = reopen(out_of_reach);
    let failed = repo.backup(scene_source(&scene), &BackupOptions::new(), &Context::new()).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    assert_eq!(scene.vault.names(Folder::Snapshots).len(), 1);
}

fn scene_source(scene: &Scene) -> Source {
    watched(FileSource::new([scene.source()]), &scene.opened, "scene")
}

/// Sources in any order look their entries up one by one.
#[test]
fn unsorted_entries_are_found_in_the_previous_tree() {
    let repo = create(MemoryBackend::new());
    let time = ago(Duration::from_secs(100));
    let rows = |order: u64, changed: Option<u64>| {
        let mut numbers: Vec<u64> = (0..3000).collect();
        numbers.sort_by_key(|number| *blake3::hash(&[order, *number].map(u64::to_le_bytes).concat()).as_bytes());
        let row = move |number: u64| {
            let is_changed = changed == Some(number);
            let bytes = if is_changed { noise(10_000, 700) } else { noise(number, 700) };
            let time = if is_changed { Timestamp::new(time.seconds + 1, 5) } else { time };
            let path = at(&format!("{}/{number}", number % 7));
            AppEntry::bytes(path, bytes).modified(time).changed(time)
        };
        Source::from(IterSource::new(numbers.into_iter().map(row))).known_as(["rows"])
    };
    let first = back_up(&repo, rows(1, None));
    assert_eq!((first.files, first.unchanged), (3000, 0));
    let second = back_up(&repo, rows(2, Some(1234)));
    assert_eq!((second.files, second.unchanged, second.new_blobs > 0), (3000, 2999, true));
    assert_eq!(second.new_bytes, 700);
    let mut bytes = Vec::new();
    repo.open_file(second.snapshot().unwrap(), "2/1234").unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, noise(10_000, 700));
}
