//! What happens to what the target holds already.

use super::support::*;
use crate::format::entry::{EntryKind, Hole, Timestamp};
use crate::{Outcome, Overwrite, RestoreOptions};
use std::io::{Read, Seek};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

const OLD: &[u8] = b"what stood there before";
const NEW: &[u8] = b"what the snapshot has in its place";

fn set_time(at: &Path, seconds: i64) {
    let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, at, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// A snapshot of one file modified at second 1000, and a target where one stands that was modified at `seconds`.
fn one_file(seconds: i64, old: &[u8]) -> (tempfile::TempDir, Snapshot) {
    let scratch = scratch();
    std::fs::write(scratch.path().join("file"), old).unwrap();
    set_time(&scratch.path().join("file"), seconds);
    let mut snapshot = Snapshot::new();
    snapshot.file("file", NEW).metadata.modified = Timestamp::new(1000, 0);
    (scratch, snapshot)
}

fn content_after(overwrite: Overwrite, seconds: i64, old: &[u8]) -> Vec<u8> {
    let (scratch, mut snapshot) = one_file(seconds, old);
    let report = snapshot.restore(&RestoreOptions::to(scratch.path()).overwrite(overwrite));
    assert_eq!(report.outcome, Outcome::Complete);
    std::fs::read(scratch.path().join("file")).unwrap()
}

#[test]
fn each_policy_decides_by_itself() {
    let same_length = vec![b'x'; NEW.len()];
    assert_eq!(content_after(Overwrite::Never, 500, OLD), OLD);
    assert_eq!(content_after(Overwrite::IfNewer, 500, OLD), NEW);
    assert_eq!(content_after(Overwrite::IfNewer, 1500, OLD), OLD);
    assert_eq!(content_after(Overwrite::IfNewer, 1000, OLD), OLD);
    assert_eq!(content_after(Overwrite::IfDifferent, 1500, OLD), NEW);
    assert_eq!(content_after(Overwrite::IfDifferent, 1000, OLD), NEW);
    assert_eq!(content_after(Overwrite::IfDifferent, 1000, &same_length), same_length);
    assert_eq!(content_after(Overwrite::Always, 1000, &same_length), NEW);
}

#[test]
fn size_and_time_need_not_be_trusted() {
    let (scratch, mut snapshot) = one_file(1000, &vec![b'x'; NEW.len()]);
    let report = snapshot.restore(&RestoreOptions::to(scratch.path()).verify_existing(true));
    assert_eq!(report.bytes_written, NEW.len() as u64);
    snapshot.expect_at(scratch.path());
}

#[test]
fn never_leaves_everything_as_it_was() {
    let scratch = scratch();
    let at = |name: &str| scratch.path().join(name);
    std::fs::create_dir(at("folder")).unwrap();
    std::fs::write(at("folder/file"), OLD).unwrap();
    std::fs::create_dir(at("file")).unwrap();
    symlink("elsewhere", at("link")).unwrap();
    let before = image(scratch.path());
    let mut snapshot = Snapshot::new();
    snapshot.folder("folder").metadata.mode = 0o700;
    snapshot.file("folder/file", NEW);
    snapshot.file("file", NEW);
    snapshot.file("link", NEW);
    let options = RestoreOptions::to(scratch.path()).overwrite(Overwrite::Never).delete_extra(true);
    let report = snapshot.restore(&options);
    assert_eq!((report.unchanged, report.problem_count), (3, 0));
    assert_eq!(image(scratch.path()), before);
    snapshot.file("folder/new", NEW);
    snapshot.restore(&options);
    assert_eq!(std::fs::read(at("folder/new")).unwrap(), NEW);
}

#[test]
fn only_what_differs_is_written() {
    let scratch = scratch();
    let at = scratch.path().join("file");
    let mut snapshot = Snapshot::new();
    let mut bytes = noise(1, 30_000_000);
    snapshot.file("file", &bytes);
    snapshot.restore_to(scratch.path());
    let mut open = std::fs::File::open(&at).unwrap();
    let inode = open.metadata().unwrap().ino();
    // Three blocks change, and the end is cut.
    for position in [5, 12_345_678, 20_000_000] {
        bytes[position] ^= 1;
    }
    bytes.truncate(29_000_000);
    snapshot.file("file", &bytes).metadata.modified = Timestamp::new(1, 2);
    let report = snapshot.restore_to(scratch.path());
    assert!(report.bytes_written <= 3 * 4096 + 4096, "{} bytes", report.bytes_written);
    snapshot.expect_at(scratch.path());
    assert_eq!(std::fs::metadata(&at).unwrap().ino(), inode);
    let mut seen = Vec::new();
    open.rewind().unwrap();
    open.read_to_end(&mut seen).unwrap();
    assert!(seen == bytes, "a file that was open sees the new content");
    // Longer again.
    bytes.resize(31_000_000, 7);
    snapshot.file("file", &bytes).metadata.modified = Timestamp::new(1, 3);
    let report = snapshot.restore_to(scratch.path());
    assert!((2_000_000..2_010_000).contains(&report.bytes_written), "{} bytes", report.bytes_written);
    snapshot.expect_at(scratch.path());
}

#[test]
fn holes_of_an_existing_file_come_and_go() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    let full = noise(1, 4 << 20);
    snapshot.file("file", &full);
    snapshot.restore_to(scratch.path());
    let mut holed = full.clone();
    holed[1 << 20..3 << 20].fill(0);
    let holes = vec![Hole { offset: 1 << 20, length: 2 << 20 }];
    snapshot.file_with_holes(path("file"), holed, holes).metadata.modified = Timestamp::new(1, 2);
    let report = snapshot.restore_to(scratch.path());
    assert_eq!(report.bytes_written, 0);
    snapshot.expect_at(scratch.path());
    let blocks = std::fs::metadata(scratch.path().join("file")).unwrap().blocks();
    assert!(blocks * 512 <= 2 << 20, "{blocks} blocks");
    snapshot.file("file", &full).metadata.modified = Timestamp::new(1, 3);
    snapshot.restore_to(scratch.path());
    snapshot.expect_at(scratch.path());
}

#[test]
fn other_names_of_an_existing_file_keep_its_content() {
    let scratch = scratch();
    let outside = scratch.path().join("outside");
    let target = scratch.path().join("target");
    std::fs::create_dir(&target).unwrap();
    std::fs::write(&outside, OLD).unwrap();
    set_time(&outside, 77);
    std::fs::hard_link(&outside, target.join("file")).unwrap();
    let before = std::fs::metadata(&outside).unwrap();
    let mut snapshot = Snapshot::new();
    snapshot.file("file", NEW).metadata.mode = 0o777;
    snapshot.restore_to(&target);
    snapshot.expect_at(&target);
    assert_eq!(std::fs::read(&outside).unwrap(), OLD);
    // The same content with other metadata.
    std::fs::remove_file(target.join("file")).unwrap();
    std::fs::write(&outside, NEW).unwrap();
    let modified = snapshot.entries[&path("file")].metadata.modified;
    let time = rustix::fs::Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanos.into() };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, &outside, &times, rustix::fs::AtFlags::empty()).unwrap();
    std::fs::hard_link(&outside, target.join("file")).unwrap();
    snapshot.restore_to(&target);
    snapshot.expect_at(&target);
    assert_eq!(std::fs::metadata(&outside).unwrap().mode(), before.mode());
}

#[test]
fn folders_and_files_take_each_others_place_only_when_allowed() {
    let scratch = scratch();
    let at = |name: &str| scratch.path().join(name);
    let mut snapshot = Snapshot::new();
    snapshot.folder("folder");
    snapshot.file("folder/inside", NEW);
    snapshot.file("file", NEW);
    snapshot.file("other", NEW);
    std::fs::write(at("folder"), OLD).unwrap();
    std::fs::create_dir_all(at("file/with/more")).unwrap();
    std::fs::create_dir(at("other")).unwrap();
    let before = image(scratch.path());
    let report = snapshot.restore(&RestoreOptions::to(scratch.path()));
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(named(&report.problems), ["file obstructed", "folder obstructed", "other obstructed"]);
    assert_eq!(image(scratch.path()), before);

    let report = snapshot.restore(&RestoreOptions::to(scratch.path()).overwrite(Overwrite::Always));
    assert_eq!(named(&report.problems), ["file obstructed"]);
    let report = snapshot.restore(&RestoreOptions::to(scratch.path()).delete_extra(true));
    assert_eq!(report.problem_count, 0, "{:?}", report.problems);
    assert_eq!(report.deleted, 3);
    snapshot.expect_at(scratch.path());
}

#[test]
fn kinds_other_than_folders_replace_each_other() {
    let scratch = scratch();
    let at = |name: &str| scratch.path().join(name);
    std::fs::write(at("link"), OLD).unwrap();
    std::fs::write(at("pipe"), OLD).unwrap();
    symlink("outside", at("file")).unwrap();
    symlink("old", at("other link")).unwrap();
    let mut snapshot = Snapshot::new();
    snapshot.symlink("link", "file");
    snapshot.symlink("other link", "new");
    snapshot.add(path("pipe"), EntryKind::Fifo);
    snapshot.file("file", NEW);
    snapshot.restore_to(scratch.path());
    snapshot.expect_at(scratch.path());
}

#[test]
fn extra_things_are_deleted_when_asked() {
    let scratch = scratch();
    let at = |name: &str| scratch.path().join(name);
    std::fs::create_dir_all(at("folder/extra/deep")).unwrap();
    std::fs::write(at("folder/extra/deep/file"), OLD).unwrap();
    std::fs::write(at("extra"), OLD).unwrap();
    std::fs::create_dir(at("kept")).unwrap();
    std::fs::write(at("kept/notes.txt"), OLD).unwrap();
    std::fs::write(at("kept/object.o"), OLD).unwrap();
    symlink("/", at("folder/root")).unwrap();
    let mut snapshot = Snapshot::new();
    snapshot.folder("folder");
    snapshot.folder("kept");
    snapshot.file("kept/source.c", NEW);
    snapshot.restore(&RestoreOptions::to(scratch.path()));
    assert!(at("extra").exists());

    let dry = RestoreOptions::to(scratch.path()).delete_extra(true).exclude("*.o").dry_run(true);
    let before = image(scratch.path());
    assert_eq!(snapshot.restore(&dry).deleted, 4);
    assert_eq!(image(scratch.path()), before);
    let report = snapshot.restore(&dry.dry_run(false));
    assert_eq!(report.deleted, 6);
    assert!(at("kept/object.o").exists() && !at("kept/notes.txt").exists() && !at("folder/extra").exists());
    snapshot.restore(&RestoreOptions::to(scratch.path()).delete_extra(true));
    snapshot.expect_at(scratch.path());
}

#[test]
fn nothing_is_deleted_where_the_snapshot_cannot_be_read() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    snapshot.folder("folder");
    for number in 0..500 {
        snapshot.file(&format!("folder/{number:03}"), NEW);
    }
    snapshot.restore_to(scratch.path());
    let root = snapshot.root();
    let lost =
        snapshot.store.nodes.iter().find(|(id, bytes)| **id != root && bytes[0] == 1).map(|(id, _)| *id).unwrap();
    snapshot.store.nodes.remove(&lost);
    let options = RestoreOptions::to(scratch.path()).delete_extra(true);
    let ctx = crate::Context::new();
    let report = crate::restore::run(&snapshot.store, root, scratch.path(), &options, &ctx).unwrap();
    assert_eq!((report.outcome, report.deleted), (Outcome::Partial, 0));
    assert_eq!(report.problems[0].reason, crate::ProblemReason::Damaged);
    snapshot.expect_at(scratch.path());
}

#[test]
fn a_dry_run_changes_nothing() {
    let scratch = scratch();
    let (there, absent) = (scratch.path().join("there"), scratch.path().join("absent"));
    let mut snapshot = Snapshot::new();
    snapshot.folder("folder");
    snapshot.file("folder/file", NEW);
    snapshot.file("same", NEW);
    snapshot.symlink("link", "x");
    snapshot.restore_to(&there);
    snapshot.file("same", OLD);
    snapshot.file("folder/new", OLD);
    snapshot.folder("folder/inner");
    snapshot.file("folder/inner/file", OLD);
    let before = image(&there);
    let report = snapshot.restore(&RestoreOptions::to(&there).dry_run(true));
    assert_eq!(image(&there), before);
    assert_eq!((report.files, report.unchanged, report.bytes_written), (4, 2, 3 * OLD.len() as u64));
    let report = snapshot.restore(&RestoreOptions::to(&absent).dry_run(true));
    assert_eq!((report.entries, report.unchanged), (7, 0));
    assert!(!absent.exists());
}

#[test]
fn names_of_one_file_are_linked_again() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    let group = Some(crate::HardLink { device: 0, inode: 5 });
    for name in ["a", "b", "c"] {
        let entry = snapshot.file(name, NEW);
        (entry.metadata.hard_link, entry.metadata.modified) = (group, Timestamp::new(5, 5));
    }
    snapshot.restore_to(scratch.path());
    let inode = |name: &str| std::fs::metadata(scratch.path().join(name)).unwrap().ino();
    std::fs::remove_file(scratch.path().join("b")).unwrap();
    std::fs::write(scratch.path().join("b"), OLD).unwrap();
    std::fs::remove_file(scratch.path().join("c")).unwrap();
    snapshot.restore_to(scratch.path());
    assert!(inode("a") == inode("b") && inode("b") == inode("c"));
    snapshot.expect_at(scratch.path());
    // New content breaks no link.
    for name in ["a", "b", "c"] {
        let entry = snapshot.file(name, OLD);
        (entry.metadata.hard_link, entry.metadata.modified) = (group, Timestamp::new(6, 5));
    }
    snapshot.restore_to(scratch.path());
    assert!(inode("a") == inode("b") && inode("b") == inode("c"));
    snapshot.expect_at(scratch.path());
}

#[test]
fn folders_with_more_names_than_memory_are_left_alone() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    snapshot.folder("huge");
    snapshot.folder("small");
    // A budget of 32 MiB remembers half a million names; links cost nothing to make.
    for number in 0..524_300 {
        snapshot.symlink(&format!("huge/{number}"), "x");
    }
    std::fs::create_dir(scratch.path().join("small")).unwrap();
    std::fs::create_dir(scratch.path().join("huge")).unwrap();
    std::fs::write(scratch.path().join("huge/extra"), OLD).unwrap();
    std::fs::write(scratch.path().join("small/extra"), OLD).unwrap();
    let ctx = crate::Context::new().budget(crate::Budget::default().memory(0));
    let options = RestoreOptions::to(scratch.path()).delete_extra(true).include("/small").include("/huge/extra");
    let report = snapshot.try_restore(&options, &ctx).unwrap();
    assert_eq!(named(&report.problems), ["huge unsupported"]);
    assert_eq!(report.deleted, 1);
    assert!(scratch.path().join("huge/extra").exists());
}
