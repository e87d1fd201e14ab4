//! Interruptions, failing storage and targets, depth, and processes without rights.

use super::support::*;
use crate::format::entry::{EntryKind, Hole, Owner, Timestamp, Xattr};
use crate::path::EntryPath;
use crate::{CancelToken, Context, ErrorKind, Outcome, Overwrite, Progress, RestoreOptions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Files in folders, some of them large; every file has a segment of its own.
fn sizeable() -> Snapshot {
    let mut snapshot = Snapshot::new();
    for number in 0..300 {
        if number % 20 == 0 {
            snapshot.folder(&format!("folder {:02}", number / 20)).metadata.mode = 0o755;
        }
        let size = if number % 100 == 50 { 20 << 20 } else { 30_000 };
        snapshot.file(&format!("folder {:02}/{number:03}", number / 20), &noise(number, size));
        snapshot.end_segment();
    }
    snapshot
}

/// No file that would be taken for finished is unfinished.
fn expect_no_pretenders(snapshot: &Snapshot, target: &Path) {
    for (name, entry) in snapshot.entries.iter().filter(|(_, entry)| entry.kind == EntryKind::File) {
        let at = target.join(name.to_path_buf());
        let Ok(found) = std::fs::metadata(&at) else { continue };
        let modified = Timestamp::new(found.mtime(), found.mtime_nsec() as u32);
        if modified == entry.metadata.modified && found.size() == entry.size {
            snapshot.expect_entry(&at, entry);
        }
    }
}

#[test]
fn cancelling_ends_it_and_leaves_nothing_half_written() {
    let mut snapshot = sizeable();
    for after in [1, 20, 60, 61, 62, 70, 200] {
        let scratch = scratch();
        let token = CancelToken::new();
        let (count, cancelled, inner) = (AtomicUsize::new(0), Arc::new(Mutex::new(None)), token.clone());
        let when = Arc::clone(&cancelled);
        snapshot.store.on_segment = Some(Box::new(move |_| {
            if count.fetch_add(1, Ordering::SeqCst) == after {
                inner.cancel();
                *when.lock().unwrap() = Some(Instant::now());
            }
        }));
        let ctx = Context::new().cancel_token(token);
        let error = snapshot.try_restore(&RestoreOptions::to(scratch.path()), &ctx).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        let took = cancelled.lock().unwrap().unwrap().elapsed();
        assert!(took.as_millis() < 250, "{took:?}");
        for (name, _) in image(scratch.path()) {
            let entry = &snapshot.entries[&name];
            if entry.kind == EntryKind::File {
                snapshot.expect_entry(&scratch.path().join(name.to_path_buf()), entry);
            }
        }
        snapshot.store.on_segment = None;
        snapshot.restore_to(scratch.path());
        snapshot.expect_at(scratch.path());
    }
}

#[test]
fn suspending_keeps_what_is_done_and_goes_on_from_there() {
    let mut snapshot = sizeable();
    for overwrite in [Overwrite::IfDifferent, Overwrite::IfNewer, Overwrite::Never] {
        for after in [1, 55, 61, 75, 150] {
            let scratch = scratch();
            let token = CancelToken::new();
            let (count, inner) = (AtomicUsize::new(0), token.clone());
            snapshot.store.on_segment = Some(Box::new(move |_| {
                if count.fetch_add(1, Ordering::SeqCst) == after {
                    inner.suspend();
                }
            }));
            let options = RestoreOptions::to(scratch.path()).overwrite(overwrite);
            let first = snapshot.try_restore(&options, &Context::new().cancel_token(token)).unwrap();
            assert_eq!(first.outcome, Outcome::Suspended);
            expect_no_pretenders(&snapshot, scratch.path());
            snapshot.store.on_segment = None;
            let second = snapshot.restore(&options);
            assert_eq!(second.outcome, Outcome::Complete);
            if overwrite == Overwrite::IfDifferent {
                // Nothing is written twice but what was under way.
                let total: u64 = snapshot.entries.values().map(|entry| entry.size).sum();
                assert!(first.bytes_written + second.bytes_written <= total + (30 << 20));
                snapshot.expect_at(scratch.path());
            }
            for (name, entry) in snapshot.entries.iter().filter(|(_, entry)| entry.kind == EntryKind::File) {
                snapshot.expect_entry(&scratch.path().join(name.to_path_buf()), entry);
            }
        }
    }
}

#[test]
fn a_deadline_suspends() {
    let scratch = scratch();
    let mut snapshot = sizeable();
    let budget = crate::Budget::default().deadline_in(std::time::Duration::ZERO);
    let report = snapshot.try_restore(&RestoreOptions::to(scratch.path()), &Context::new().budget(budget)).unwrap();
    assert_eq!((report.outcome, report.files), (Outcome::Suspended, 0));
}

#[test]
fn storage_that_cannot_be_reached_ends_it() {
    let scratch = scratch();
    let mut snapshot = sizeable();
    snapshot.root();
    let lost = *snapshot.store.segments.keys().next().unwrap();
    snapshot.store.segments.remove(&lost);
    snapshot.store.missing = Some(ErrorKind::Unavailable);
    let error = snapshot.try_restore(&RestoreOptions::to(scratch.path()), &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    snapshot.store.missing = None;
    let report = snapshot.restore(&RestoreOptions::to(scratch.path()));
    assert_eq!((report.outcome, report.problem_count), (Outcome::Partial, 1));
    assert_eq!(report.files, 299);
}

#[test]
fn progress_counts_up_to_the_totals() {
    let scratch = scratch();
    let mut snapshot = sizeable();
    let last = Arc::new(Mutex::new(Progress::default()));
    let seen = Arc::clone(&last);
    let ctx = Context::new().progress(move |progress: &Progress| *seen.lock().unwrap() = progress.clone());
    snapshot.try_restore(&RestoreOptions::to(scratch.path()), &ctx).unwrap();
    let last = last.lock().unwrap();
    assert_eq!(Some(last.entries), last.total_entries);
    assert_eq!(Some(last.bytes), last.total_bytes);
    assert_eq!(last.new_bytes, last.bytes);
    assert_eq!(last.phase.name(), "restoring");
}

/// A file system of its own, where mounting is allowed.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(options: &str) -> Option<Self> {
        let at = scratch();
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at.path()).output();
        status.is_ok_and(|output| output.status.success()).then(|| Mount(at))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_target_ends_it_with_advice() {
    let Some(mount) = Mount::new("size=5m") else { return };
    for size in [100_000, 20 << 20] {
        let mut snapshot = Snapshot::new();
        for number in 0..100 {
            snapshot.file(&format!("{number}"), &noise(number, size));
        }
        let error = snapshot.try_restore(&RestoreOptions::to(mount.0.path()), &Context::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.to_string().contains("free some space"), "{error}");
        expect_no_pretenders(&snapshot, mount.0.path());
    }
}

#[test]
fn a_read_only_target_ends_it_with_advice() {
    let Some(mount) = Mount::new("ro,size=1m") else { return };
    let mut snapshot = sizeable();
    for target in [mount.0.path().to_path_buf(), mount.0.path().join("new")] {
        let error = snapshot.try_restore(&RestoreOptions::to(target), &Context::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly);
        assert!(error.to_string().contains("choose another target"), "{error}");
    }
    let file = mount.0.path().with_extension("file");
    std::fs::write(&file, b"").unwrap();
    let error = snapshot.try_restore(&RestoreOptions::to(&file), &Context::new()).unwrap_err();
    assert!(error.to_string().contains("not a folder"), "{error}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn another_file_system_in_the_target_is_not_emptied() {
    let Some(mount) = Mount::new("size=1m") else { return };
    std::fs::write(mount.0.path().join("file"), b"stays").unwrap();
    let parent = mount.0.path().parent().unwrap();
    let name = mount.0.path().file_name().unwrap().as_encoded_bytes();
    let folder = rustix::fs::open(parent, rustix::fs::OFlags::RDONLY, 0.into()).unwrap();
    let (options, ctx) = (RestoreOptions::to(parent).delete_extra(true), Context::new());
    let snapshot = Snapshot::new();
    let job = crate::restore::job::Job::new(&snapshot.store, &options, &ctx, None, 0).unwrap();
    let place = crate::restore::folder::Place::new(Arc::new(folder), false, false);
    let removed = crate::restore::extra::remove_folder(&job, &place, name, &path("x"));
    assert!(removed.is_err());
    assert!(mount.0.path().join("file").exists());
}

/// Runs an ignored test in a process of its own, which a shell prepares.
fn run_alone(test: &str, prepare: &str, uid: Option<u32>) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{prepare}; exec \"$0\" \"$@\"")]).arg(std::env::current_exe().unwrap());
    command.args([&format!("restore::tests::running::{test}"), "--exact", "--ignored", "--nocapture"]);
    if let Some(uid) = uid.filter(|_| is_root()) {
        command.uid(uid).gid(uid);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn depth_and_width_need_few_descriptors() {
    run_alone("deep_and_wide", "ulimit -n 400", None);
}

#[test]
#[ignore = "run by another test, with few descriptors"]
fn deep_and_wide() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    // A path far longer than the system takes in one call.
    let mut deep = EntryPath::root();
    for level in 0..2000u32 {
        deep.push(format!("l{}", level % 10).as_bytes()).unwrap();
        let folder = snapshot.add(deep.clone(), EntryKind::Directory);
        folder.metadata.mode = 0o700 + level % 8;
        folder.metadata.modified = Timestamp::new(i64::from(level), level);
        if level % 50 == 0 {
            let file = deep.join(b"a file").unwrap();
            snapshot.file_with_holes(file, b"on the way down, long enough for a run".to_vec(), Vec::new());
            let file = deep.join(b"z file").unwrap();
            snapshot.file_with_holes(file, b"on the way up, long enough for a run".to_vec(), Vec::new());
        }
    }
    for number in 0..3000 {
        snapshot.folder(&format!("wide {number:04}"));
        snapshot.file(&format!("wide {number:04}/file"), &noise(number, 500));
    }
    snapshot.restore_to(scratch.path());
    let report = snapshot.restore_to(scratch.path());
    assert_eq!(report.bytes_written, 0);
    let flags = rustix::fs::OFlags::RDONLY;
    let mut folder = rustix::fs::open(scratch.path(), flags, 0.into()).unwrap();
    for (level, name) in (0u32..).zip(deep.names()) {
        folder = rustix::fs::openat(&folder, name, flags, 0.into()).unwrap();
        let found = rustix::fs::fstat(&folder).unwrap();
        assert_eq!((found.st_mode & 0o777, found.st_mtime), (0o700 + level % 8, i64::from(level)));
        if level % 50 == 0 {
            for (name, length) in [("a file", 38), ("z file", 36)] {
                let found = rustix::fs::statat(&folder, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
                assert_eq!(found.st_size, length);
            }
        }
    }
    // And away again.
    let mut empty = Snapshot::new();
    empty.file("only", b"this");
    let report = empty.restore(&RestoreOptions::to(scratch.path()).delete_extra(true));
    assert_eq!((report.problem_count, report.deleted), (0, 2000 + 80 + 6000));
    empty.expect_at(scratch.path());
}

#[test]
fn a_process_without_rights_does_what_it_can() {
    run_alone("without_rights", "umask 077", Some(65534));
}

#[test]
#[ignore = "run by another test, as another user"]
fn without_rights() {
    if is_root() {
        return;
    }
    let scratch = scratch();
    let target = scratch.path().join("target");
    let mut snapshot = Snapshot::new();
    snapshot.folder("closed").metadata.mode = 0o000;
    snapshot.file("closed/file", b"in a folder that nobody may enter").metadata.mode = 0o444;
    snapshot.folder("closed/inner").metadata.mode = 0o555;
    snapshot.file("closed/inner/file", b"further inside, where nobody writes").metadata.xattrs =
        vec![Xattr { name: b"user.x".to_vec(), value: b"y".to_vec() }];
    snapshot.entries.get_mut(&path("closed/inner/file")).unwrap().metadata.mode = 0o400;
    let foreign = snapshot.file("foreign", b"belongs to somebody else");
    foreign.metadata.owner = Arc::new(Owner::ids(0, 0));
    foreign.metadata.mode = 0o6755;
    snapshot.add(path("device"), EntryKind::CharDevice { major: 1, minor: 3 });
    let report = snapshot.restore(&RestoreOptions::to(&target));
    assert_eq!(named(&report.problems), ["device permission_denied", "foreign metadata"]);
    assert!(report.problems[1].detail.contains("owner stays"), "{}", report.problems[1].detail);
    let found = std::fs::metadata(target.join("foreign")).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o755, "setuid for nobody's sake");
    assert_eq!(std::fs::metadata(target.join("closed")).unwrap().mode() & 0o7777, 0);

    // Again, with other content, through folders that must be opened up for it.
    snapshot.entries.remove(&path("device"));
    snapshot.entries.remove(&path("foreign"));
    std::fs::remove_file(target.join("foreign")).unwrap();
    let xattrs = snapshot.entries[&path("closed/inner/file")].metadata.xattrs.clone();
    snapshot.file("closed/file", b"other content").metadata.mode = 0o444;
    let inner = snapshot.file("closed/inner/file", b"more content");
    (inner.metadata.mode, inner.metadata.xattrs) = (0o400, xattrs);
    snapshot.restore_to(&target);
    // Only the attributes change.
    let inner = snapshot.entries.get_mut(&path("closed/inner/file")).unwrap();
    inner.metadata.xattrs[0].value = b"z".to_vec();
    let report = snapshot.restore_to(&target);
    assert_eq!(report.bytes_written, 0);
    // Folders that keep their look get it back.
    let report = snapshot.restore(&RestoreOptions::to(&target).overwrite(Overwrite::Never));
    assert_eq!(report.problem_count, 0);
    assert_eq!(std::fs::metadata(target.join("closed")).unwrap().mode() & 0o7777, 0);
    for (folder, mode) in [("closed", 0o700), ("closed/inner", 0o700)] {
        std::fs::set_permissions(target.join(folder), PermissionsExt::from_mode(mode)).unwrap();
        snapshot.entries.get_mut(&path(folder)).unwrap().metadata.mode = mode;
    }
    snapshot.expect_at(&target);

    // A target that cannot be written.
    let locked = scratch.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o500)).unwrap();
    let error = snapshot.try_restore(&RestoreOptions::to(locked.join("new")), &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("you may write to"), "{error}");
}

#[test]
fn a_large_file_that_was_interrupted_is_completed() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    let mut bytes = noise(1, 60 << 20);
    bytes[20 << 20..30 << 20].fill(0);
    snapshot.file_with_holes(path("large"), bytes, vec![Hole { offset: 20 << 20, length: 10 << 20 }]);
    let token = CancelToken::new();
    let (count, inner) = (AtomicUsize::new(0), token.clone());
    snapshot.store.on_segment = Some(Box::new(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) == 30 {
            inner.suspend();
        }
    }));
    let options = RestoreOptions::to(scratch.path());
    let first = snapshot.try_restore(&options, &Context::new().cancel_token(token)).unwrap();
    assert_eq!(first.outcome, Outcome::Suspended);
    assert!(first.bytes_written > 10 << 20);
    snapshot.store.on_segment = None;
    let second = snapshot.restore_to(scratch.path());
    assert_eq!(first.bytes_written + second.bytes_written, 50 << 20);
    snapshot.expect_at(scratch.path());
}
