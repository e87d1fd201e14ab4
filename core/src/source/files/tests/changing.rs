//! What happens when things change while they are read.

use super::tree;
use crate::cancel::CancelToken;
use crate::context::Context;
use crate::error::ErrorKind;
use crate::format::entry::Entry;
use crate::problem::{Problem, ProblemReason};
use crate::source::testing::{find, read_all, read_data};
use crate::source::{EntryHandle, EntrySource, FileSource, SourceItem};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;

fn next_entry(source: &mut FileSource) -> (Entry, Box<dyn EntryHandle>) {
    match source.next(&Context::new()).unwrap() {
        Some(SourceItem::Entry(entry, handle)) => (entry, handle),
        Some(SourceItem::Problem(problem)) => panic!("{problem}"),
        _ => panic!("the source ended"),
    }
}

/// The entry of the only file in a folder.
fn only(root: &Path) -> (Entry, Box<dyn EntryHandle>) {
    let mut source = FileSource::new([root]);
    next_entry(&mut source);
    next_entry(&mut source)
}

fn opening_fails(change: impl FnOnce(&Path), reason: ProblemReason) {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path(), &["file"]);
    let (mut entry, mut handle) = only(folder.path());
    change(&folder.path().join("file"));
    let problem: Problem = handle.open(&mut entry).unwrap_err();
    assert_eq!((problem.path.to_string().as_str(), problem.reason), ("file", reason), "{problem}");
    assert!(handle.read(&mut [0; 10]).is_err());
}

#[test]
fn what_is_gone_or_replaced_after_the_listing_is_not_opened() {
    opening_fails(|file| fs::remove_file(file).unwrap(), ProblemReason::Vanished);
    opening_fails(
        |file| {
            fs::remove_file(file).unwrap();
            symlink("/etc/passwd", file).unwrap();
        },
        ProblemReason::Changed,
    );
    opening_fails(
        |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        },
        ProblemReason::Changed,
    );
    // Nobody writes to this pipe: opening it must not wait for someone who does.
    opening_fails(
        |file| {
            fs::remove_file(file).unwrap();
            mknodat(CWD, file, FileType::Fifo, Mode::RUSR, 0).unwrap();
        },
        ProblemReason::Changed,
    );
}

#[test]
fn a_file_written_before_it_is_opened_is_stored_as_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path(), &["file"]);
    let (mut entry, mut handle) = only(folder.path());
    fs::write(folder.path().join("file"), "longer than before").unwrap();
    fs::set_permissions(folder.path().join("file"), PermissionsExt::from_mode(0o604)).unwrap();
    handle.open(&mut entry).unwrap();
    assert_eq!(read_data(handle.as_mut()), b"longer than before");
    assert!(handle.close(&mut entry).is_none());
    assert_eq!((entry.size, entry.metadata.mode), (18, 0o604));
}

fn changes_while_read(change: impl FnOnce(&File)) -> (Entry, Vec<u8>, Problem) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), vec![7; 10_000]).unwrap();
    let file = File::options().append(true).open(folder.path().join("file")).unwrap();
    let (mut entry, mut handle) = only(folder.path());
    handle.open(&mut entry).unwrap();
    let mut data = vec![0; 4000];
    assert_eq!(handle.read(&mut data).unwrap(), 4000);
    change(&file);
    data.extend(read_data(handle.as_mut()));
    let problem = handle.close(&mut entry).unwrap();
    assert_eq!((problem.path.to_string().as_str(), problem.reason), ("file", ProblemReason::Changed));
    (entry, data, problem)
}

#[test]
fn a_growing_file_is_cut_at_its_first_size() {
    let (entry, data, _) = changes_while_read(|mut file| file.write_all(&[9; 5000]).unwrap());
    assert_eq!((entry.size, data), (10_000, vec![7; 10_000]));
}

#[test]
fn a_shrinking_file_is_stored_as_far_as_it_went() {
    let (entry, data, _) = changes_while_read(|file| file.set_len(6000).unwrap());
    assert_eq!((entry.size, data), (6000, vec![7; 6000]));
    let (entry, data, _) = changes_while_read(|file| file.set_len(0).unwrap());
    assert_eq!((entry.size, data), (4000, vec![7; 4000]));
}

#[test]
fn a_shrinking_sparse_file_keeps_size_holes_and_content_in_step() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("file")).unwrap();
    file.set_len(8 << 20).unwrap();
    file.write_all_at(&[1; 1 << 20], 1 << 20).unwrap();
    file.write_all_at(&[2; 1 << 20], 5 << 20).unwrap();
    file.sync_all().unwrap();
    let (mut entry, mut handle) = only(folder.path());
    handle.open(&mut entry).unwrap();
    let mut data = vec![0; 1000];
    assert_eq!(handle.read(&mut data).unwrap(), 1000);
    file.set_len((1 << 20) + 50_000).unwrap();
    data.extend(read_data(handle.as_mut()));
    assert_eq!(handle.close(&mut entry).unwrap().reason, ProblemReason::Changed);
    let holes: u64 = entry.holes.iter().map(|hole| hole.length).sum();
    assert_eq!(entry.size, holes + data.len() as u64);
    assert_eq!(data, vec![1; 50_000]);
}

#[test]
fn a_file_written_to_in_place_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "before").unwrap();
    let (mut entry, mut handle) = only(folder.path());
    handle.open(&mut entry).unwrap();
    read_data(handle.as_mut());
    // Clocks of file systems tick every few milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(30));
    fs::write(folder.path().join("file"), "behind").unwrap();
    assert_eq!(handle.close(&mut entry).unwrap().reason, ProblemReason::Changed);
}

#[test]
fn what_vanishes_between_list_and_look_is_named_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root, &["a", "b", "c/inside", "d"]);
    let mut source = FileSource::new([root]);
    next_entry(&mut source);
    assert_eq!(next_entry(&mut source).0.path.to_string(), "a");
    fs::remove_file(root.join("b")).unwrap();
    fs::remove_dir_all(root.join("c")).unwrap();
    let (seen, problems) = read_all(source);
    assert_eq!(seen.len(), 1);
    find(&seen, "d");
    let named: Vec<_> = problems.iter().map(|problem| (problem.path.to_string(), problem.reason)).collect();
    assert_eq!(named, [("b".into(), ProblemReason::Vanished), ("c".into(), ProblemReason::Vanished)]);
}

#[test]
fn a_folder_that_vanishes_after_it_was_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path(), &["a/", "b"]);
    let mut source = FileSource::new([folder.path()]);
    next_entry(&mut source);
    assert_eq!(next_entry(&mut source).0.path.to_string(), "a");
    fs::remove_dir(folder.path().join("a")).unwrap();
    let (seen, problems) = read_all(source);
    find(&seen, "b");
    assert_eq!((problems.len(), problems[0].reason), (1, ProblemReason::Vanished));
}

#[test]
fn links_pipes_and_folders_that_change_after_the_listing_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    symlink("x", root.join("a")).unwrap();
    symlink("x", root.join("b")).unwrap();
    mknodat(CWD, root.join("c"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let mut source = FileSource::new([root]);
    next_entry(&mut source);
    let mut entries: Vec<_> = (0..3).map(|_| next_entry(&mut source)).collect();
    fs::remove_file(root.join("a")).unwrap();
    fs::remove_file(root.join("b")).unwrap();
    fs::write(root.join("b"), "a file now").unwrap();
    fs::remove_file(root.join("c")).unwrap();
    let reasons: Vec<_> =
        entries.iter_mut().map(|(entry, handle)| handle.describe(entry).unwrap_err().reason).collect();
    assert_eq!(reasons, [ProblemReason::Vanished, ProblemReason::Changed, ProblemReason::Vanished]);
}

#[test]
fn cancelling_stops_the_walk() {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path(), &["a", "b"]);
    let token = CancelToken::new();
    let ctx = Context::new().cancel_token(token.clone());
    let mut source = FileSource::new([folder.path()]);
    assert!(source.next(&ctx).unwrap().is_some());
    token.cancel();
    assert_eq!(source.next(&ctx).err().unwrap().kind(), ErrorKind::Cancelled);
}
