//! Parts of a snapshot, single files, ranges and streams.

use super::support::*;
use crate::format::entry::{EntryKind, HardLink, Hole, Timestamp, Xattr};
use crate::path::EntryPath;
use crate::restore::{FileReader, to_tar};
use crate::{Context, ErrorKind, Outcome, RestoreOptions};
use proptest::prelude::*;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn sample() -> Snapshot {
    let mut snapshot = Snapshot::new();
    snapshot.folder("home").metadata.mode = 0o711;
    snapshot.folder("home/me");
    snapshot.file("home/me/photo.jpg", b"a picture of something");
    snapshot.file("home/me/notes.txt", b"words that were written");
    snapshot.folder("home/me/deep").metadata.mode = 0o750;
    snapshot.file("home/me/deep/other.jpg", b"another picture of things");
    snapshot.folder("home/me/empty");
    snapshot.file("home.txt", b"not in that folder");
    // Folders without entries of their own.
    snapshot.file("var/lib/data", b"reached through unnamed folders");
    snapshot
}

fn names(at: &std::path::Path) -> Vec<String> {
    image(at).into_iter().map(|(path, _)| path.to_string()).collect()
}

#[test]
fn a_folder_stands_directly_in_the_target() {
    let scratch = scratch();
    let mut snapshot = sample();
    let report = snapshot.restore(&RestoreOptions::to(scratch.path()).path(path("home/me")));
    assert_eq!(report.outcome, Outcome::Complete);
    let expected = ["deep", "deep/other.jpg", "empty", "notes.txt", "photo.jpg"];
    assert_eq!(names(scratch.path()), expected);
    for (name, entry) in &snapshot.entries {
        if name.is_within(&path("home/me")) {
            let below: std::path::PathBuf = name.names().skip(2).map(os).collect();
            snapshot.expect_entry(&scratch.path().join(below), entry);
        }
    }
}

#[test]
fn a_file_stands_in_the_target_under_its_name() {
    let scratch = scratch();
    let mut snapshot = sample();
    std::fs::write(scratch.path().join("mine"), b"stays").unwrap();
    let options = RestoreOptions::to(scratch.path()).path(path("home/me/photo.jpg")).delete_extra(true);
    assert_eq!(snapshot.restore(&options).files, 1);
    assert_eq!(names(scratch.path()), ["mine", "photo.jpg"]);
    snapshot.expect_entry(&scratch.path().join("photo.jpg"), &snapshot.entries[&path("home/me/photo.jpg")]);
}

#[test]
fn folders_without_entries_are_made() {
    let scratch = scratch();
    let mut snapshot = sample();
    snapshot.restore(&RestoreOptions::to(scratch.path()).path(path("var")));
    assert_eq!(names(scratch.path()), ["lib", "lib/data"]);
    let error =
        snapshot.try_restore(&RestoreOptions::to(scratch.path()).path(path("va")), &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("va"), "{error}");
}

#[test]
fn patterns_choose_and_folders_follow() {
    let scratch = scratch();
    let mut snapshot = sample();
    snapshot.restore(&RestoreOptions::to(scratch.path()).include("*.jpg"));
    let expected = ["home", "home/me", "home/me/deep", "home/me/deep/other.jpg", "home/me/photo.jpg"];
    assert_eq!(names(scratch.path()), expected);
    // Folders that are made get their metadata,
    snapshot.expect_entry(&scratch.path().join("home"), &snapshot.entries[&path("home")]);
    snapshot.expect_entry(&scratch.path().join("home/me/deep"), &snapshot.entries[&path("home/me/deep")]);
    // and those that exist keep theirs.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(scratch.path().join("home"), mode).unwrap();
    snapshot.restore(&RestoreOptions::to(scratch.path()).include("*.jpg"));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(scratch.path().join("home")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn excluded_folders_are_left_out_whole() {
    let scratch = scratch();
    let mut snapshot = sample();
    snapshot.restore(&RestoreOptions::to(scratch.path()).exclude("deep/").exclude("/var").exclude("*.txt"));
    assert_eq!(names(scratch.path()), ["home", "home/me", "home/me/empty", "home/me/photo.jpg"]);
}

fn reader(snapshot: &mut Snapshot, name: &str) -> FileReader {
    snapshot.end_segment();
    let entry = snapshot.entries[&path(name)].clone();
    FileReader::new(Arc::new(std::mem::take(&mut snapshot.store)), entry).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_range_reads_as_it_was_written(
        size in 0usize..400_000,
        gaps in prop::collection::vec((1u64..30_000, 1u64..30_000), 0..4),
        ranges in prop::collection::vec((0u64..500_000, 0usize..100_000), 1..20),
    ) {
        let mut snapshot = Snapshot::new();
        (snapshot.blob, snapshot.segment) = (900, 3000);
        let mut bytes = noise(1, size);
        let (mut holes, mut end) = (Vec::new(), 0);
        for (gap, length) in gaps {
            let hole = Hole { offset: end + gap, length };
            end = hole.offset + length;
            bytes.resize(bytes.len().max(end as usize), 1);
            bytes[hole.offset as usize..end as usize].fill(0);
            holes.push(hole);
        }
        snapshot.file_with_holes(path("file"), bytes.clone(), holes);
        let mut file = reader(&mut snapshot, "file");
        prop_assert_eq!(file.len(), bytes.len() as u64);
        for (from, length) in ranges {
            file.seek(SeekFrom::Start(from)).unwrap();
            let mut read = Vec::new();
            (&mut file).take(length as u64).read_to_end(&mut read).unwrap();
            let start = (from as usize).min(bytes.len());
            prop_assert_eq!(&read[..], &bytes[start..(start + length).min(bytes.len())]);
        }
    }
}

#[test]
fn a_range_reads_only_its_segments() {
    let mut snapshot = Snapshot::new();
    let bytes = noise(1, 50 << 20);
    snapshot.file("file", &bytes);
    snapshot.end_segment();
    let store = Arc::new(std::mem::take(&mut snapshot.store));
    let mut file = FileReader::new(store.clone(), snapshot.entries[&path("file")].clone()).unwrap();
    file.seek(SeekFrom::End(-3_000_000)).unwrap();
    let mut read = vec![0; 1_000_000];
    file.read_exact(&mut read).unwrap();
    assert!(read == bytes[bytes.len() - 3_000_000..bytes.len() - 2_000_000]);
    assert!(store.asked.load(Ordering::Relaxed) <= 2);
    assert!(file.seek(SeekFrom::Current(-(1 << 40))).is_err());
    file.seek(SeekFrom::End(10)).unwrap();
    assert_eq!(file.read(&mut read).unwrap(), 0);
}

#[test]
fn damage_is_named_when_it_is_read() {
    let mut snapshot = Snapshot::new();
    snapshot.file("file", &noise(1, 3 << 20));
    snapshot.folder("folder");
    snapshot.end_segment();
    let lost = match &snapshot.entries[&path("file")].content {
        crate::Content::Runs(runs) => runs[1].segment,
        _ => panic!("runs"),
    };
    snapshot.store.segments.remove(&lost);
    let mut file = reader(&mut snapshot, "file");
    let mut start = vec![0; 1 << 20];
    file.read_exact(&mut start).unwrap();
    let error = file.read_some(&mut start).unwrap_err();
    assert_eq!((error.kind(), error.object_name()), (ErrorKind::NotFound, Some("file")));
    let folder = snapshot.entries[&path("folder")].clone();
    let error = FileReader::new(Arc::new(MemoryStore::default()), folder).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_tar_stream_holds_the_tree() {
    let mut snapshot = sample();
    let long = "long ".repeat(40);
    snapshot.folder("odd");
    snapshot.file(&format!("odd/{long}"), b"long name").metadata.modified = Timestamp::new(-5, 250_000_000);
    snapshot.symlink("odd/link", &"x/".repeat(100));
    let mut odd = path("odd");
    odd.push(b"\xff not text").unwrap();
    snapshot.file_with_holes(odd, vec![0; 100_000], vec![Hole { offset: 0, length: 100_000 }]);
    snapshot.file("odd/large", &noise(3, 5_000_000)).metadata.xattrs =
        vec![Xattr { name: b"user.x".to_vec(), value: b"a\0\n=b".to_vec() }];
    let group = Some(HardLink { device: 1, inode: 1 });
    for name in ["odd/m1", "odd/m2"] {
        let entry = snapshot.file(name, b"under two names, both of them here");
        (entry.metadata.hard_link, entry.metadata.modified) = (group, Timestamp::new(9, 9));
    }
    snapshot.add(path("odd/pipe"), EntryKind::Fifo);
    snapshot.add(path("odd/socket"), EntryKind::Socket);
    let root = snapshot.root();
    let store: Arc<dyn crate::store::blobs::SegmentStore + Send + Sync> = Arc::new(std::mem::take(&mut snapshot.store));
    let mut stream = Vec::new();
    let report = to_tar(&store, root, &EntryPath::root(), &mut stream, &Context::new()).unwrap();
    assert_eq!(named(&report.problems), ["odd/socket unsupported"]);
    assert_eq!(stream.len() % 512, 0);

    let scratch = scratch();
    let archive = scratch.path().join("archive.tar");
    std::fs::write(&archive, &stream).unwrap();
    let out = scratch.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let status = std::process::Command::new("tar")
        .args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf"])
        .arg(&archive)
        .arg("-C")
        .arg(&out)
        .status();
    if status.is_ok_and(|status| status.success()) {
        snapshot.entries.remove(&path("odd/socket"));
        for (name, entry) in &snapshot.entries {
            snapshot.expect_entry(&out.join(name.to_path_buf()), entry);
        }
    }
    // A folder alone, and a file.
    for (part, expected) in [("home/me/deep", "./"), ("home.txt", "home.txt")] {
        let mut stream = Vec::new();
        to_tar(&store, root, &path(part), &mut stream, &Context::new()).unwrap();
        let mut archive = tar::Archive::new(&stream[..]);
        let first = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(first.path_bytes(), expected.as_bytes());
    }
}

#[test]
fn a_tar_stream_goes_on_behind_damage() {
    let mut snapshot = Snapshot::new();
    (snapshot.blob, snapshot.segment) = (100_000, 500_000);
    snapshot.file("a", &noise(1, 100_000));
    snapshot.end_segment();
    snapshot.file("b", &noise(2, 3_000_000));
    snapshot.file("c", b"intact, and behind the damage");
    let root = snapshot.root();
    let segment_of = |name: &str| match &snapshot.entries[&path(name)].content {
        crate::Content::Runs(runs) => runs[runs.len() - 2.min(runs.len())].segment,
        _ => panic!("runs"),
    };
    for lost in [segment_of("a"), segment_of("b")] {
        snapshot.store.segments.remove(&lost);
    }
    let store: Arc<dyn crate::store::blobs::SegmentStore + Send + Sync> = Arc::new(std::mem::take(&mut snapshot.store));
    let mut stream = Vec::new();
    let report = to_tar(&store, root, &EntryPath::root(), &mut stream, &Context::new()).unwrap();
    assert_eq!(named(&report.problems), ["a damaged", "b damaged"]);
    assert_eq!(report.outcome, Outcome::Partial);
    let mut archive = tar::Archive::new(&stream[..]);
    let found: Vec<(Vec<u8>, u64)> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.map(|entry| (entry.path_bytes().to_vec(), entry.size())).unwrap())
        .collect();
    assert_eq!(found, [(b"b".to_vec(), 3_000_000), (b"c".to_vec(), 29)]);
}
