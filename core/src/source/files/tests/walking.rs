//! Order, depth, width, and finding the way back.

use super::{listed, names, tree};
use crate::context::Context;
use crate::format::entry::{Entry, EntryKind};
use crate::path::EntryPath;
use crate::problem::ProblemReason;
use crate::source::files::walk::Walk;
use crate::source::testing::{find, read_all};
use crate::source::{EntrySource, FileSource, SourceItem};
use proptest::prelude::*;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

fn open(parent: &OwnedFd, name: &str) -> OwnedFd {
    openat(parent, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

fn open_root(path: &Path) -> OwnedFd {
    openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

/// Folders called `name` inside each other, with a file `z` in each, too deep for any call that takes a path.
struct Chain<'a> {
    root: &'a Path,
    name: &'a str,
}

impl<'a> Chain<'a> {
    fn new(root: &'a Path, name: &'a str, depth: usize) -> Self {
        let mut folder = open_root(root);
        for _ in 0..depth {
            mkdirat(&folder, name, Mode::RWXU).unwrap();
            folder = open(&folder, name);
            let file = openat(&folder, "z", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
            rustix::io::write(&file, b"deep").unwrap();
        }
        Chain { root, name }
    }
}

impl Drop for Chain<'_> {
    fn drop(&mut self) {
        // Takes off the top until nothing is left, so that no handle or path goes deep.
        let root = open_root(self.root);
        while let Ok(top) = openat(&root, self.name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
            let _ = unlinkat(&top, "z", AtFlags::empty());
            let below = renameat(&top, self.name, &root, "next");
            unlinkat(&root, self.name, AtFlags::REMOVEDIR).unwrap();
            if below.is_ok() {
                renameat(&root, "next", &root, self.name).unwrap();
            }
        }
    }
}

#[test]
fn paths_longer_than_the_system_takes_in_one_call() {
    let folder = tempfile::tempdir().unwrap();
    let name = "n".repeat(200);
    let _chain = Chain::new(folder.path(), &name, 40);
    let (seen, problems) = read_all(FileSource::new([folder.path()]));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(seen.len(), 1 + 2 * 40);
    let deepest = seen.iter().max_by_key(|one| one.entry.path.depth()).unwrap();
    assert_eq!(deepest.entry.path.to_os_bytes().len(), 40 * 201 + 1);
    assert_eq!(deepest.data, b"deep");
}

#[test]
fn paths_longer_than_a_snapshot_takes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let name = "n".repeat(250);
    let _chain = Chain::new(folder.path(), &name, 70);
    let (seen, problems) = read_all(FileSource::new([folder.path()]));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!((problems[0].reason, problems[0].path.depth()), (ProblemReason::Unsupported, 65));
    assert_eq!(seen.len(), 1 + 2 * 65);
}

#[test]
fn depth_takes_a_bounded_number_of_handles() {
    const DEPTH: usize = 1200;
    let folder = tempfile::tempdir().unwrap();
    let _chain = Chain::new(folder.path(), "d", DEPTH);
    let mut source = FileSource::new([folder.path()]);
    let (mut depths, mut files, mut most) = (Vec::new(), 0, 0);
    while let Some(item) = source.next(&Context::new()).unwrap() {
        let SourceItem::Entry(mut entry, mut handle) = item else { panic!("a problem") };
        most = most.max(source.walk.as_ref().map_or(0, Walk::open_folders));
        if entry.kind == EntryKind::File {
            files += 1;
            handle.open(&mut entry).unwrap();
        } else {
            depths.push(entry.path.depth());
        }
    }
    assert_eq!(depths, (0..=DEPTH).collect::<Vec<_>>());
    assert_eq!(files, DEPTH);
    assert!((60..=66).contains(&most), "{most}");
}

#[test]
fn a_few_descriptors_are_enough() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if limit.current.is_none_or(|limit| limit > 40) {
        let this = std::env::current_exe().unwrap();
        let name = "source::files::tests::walking::a_few_descriptors_are_enough";
        let output = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 40 && exec \"$0\" --exact \"$1\" --test-threads=1"])
            .args([this.as_os_str(), OsStr::new(name)])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _chain = Chain::new(folder.path(), "d", 200);
    let (seen, problems) = read_all(FileSource::new([folder.path()]));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(seen.len(), 401);
}

/// A walk that stands at the bottom of 100 folders, and the root it began at.
fn at_the_bottom(root: &Path) -> FileSource {
    let mut source = FileSource::new([root]);
    loop {
        let Some(SourceItem::Entry(entry, _)) = source.next(&Context::new()).unwrap() else { panic!("no entry") };
        if entry.path.depth() == 100 {
            return source;
        }
    }
}

fn level(root: &Path, depth: usize) -> PathBuf {
    root.join(PathBuf::from_iter(std::iter::repeat_n("d", depth)))
}

#[test]
fn a_folder_moved_away_meanwhile_does_not_lead_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    tree(folder.path(), &["root/", "elsewhere/z", "elsewhere/zz"]);
    let chain = Chain::new(&root, "d", 100);
    let source = at_the_bottom(&root);
    fs::rename(level(&root, 10), folder.path().join("elsewhere/d")).unwrap();
    let (seen, problems) = read_all(source);
    fs::rename(folder.path().join("elsewhere/d"), level(&root, 10)).unwrap();
    drop(chain);
    assert!(problems.is_empty(), "{problems:?}");
    // On the way back come the files of all levels, and none of the folder that stood above for a while.
    let depths: Vec<_> = seen.iter().map(|one| one.entry.path.depth()).collect();
    assert_eq!(depths, (2..=101).rev().collect::<Vec<_>>());
}

#[test]
fn a_folder_that_cannot_be_found_again_is_named_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    tree(folder.path(), &["root/", "elsewhere/"]);
    let chain = Chain::new(&root, "d", 100);
    let source = at_the_bottom(&root);
    fs::rename(level(&root, 10), folder.path().join("elsewhere/d")).unwrap();
    fs::rename(level(&root, 3), level(&root, 2).join("renamed")).unwrap();
    let (seen, problems) = read_all(source);
    fs::rename(level(&root, 2).join("renamed"), level(&root, 3)).unwrap();
    fs::rename(folder.path().join("elsewhere/d"), level(&root, 10)).unwrap();
    drop(chain);
    let lost: Vec<_> = problems.iter().map(|problem| (problem.path.depth(), problem.reason)).collect();
    assert_eq!(lost, (3..10).rev().map(|depth| (depth, ProblemReason::Changed)).collect::<Vec<_>>());
    let depths: Vec<_> = seen.iter().map(|one| one.entry.path.depth()).collect();
    assert_eq!(depths, (2..4).chain(11..102).rev().collect::<Vec<_>>());
}

#[test]
fn a_folder_of_many_entries() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for number in 0..20_000 {
        fs::write(root.join(format!("{}-{number}", number % 7)), "").unwrap();
    }
    let entries = listed(FileSource::new([root]));
    assert_eq!(entries.len(), 20_001);
    let owner = &entries[1].metadata.owner;
    assert!(entries.iter().skip(1).all(|entry| std::sync::Arc::ptr_eq(owner, &entry.metadata.owner)));
}

#[test]
fn mounted_file_systems_appear_as_empty_folders() {
    let of = |path: &str| fs::metadata(path).unwrap().dev();
    if of("/") == of("/proc") {
        eprintln!("/proc is not a file system of its own here, so this is not tested");
        return;
    }
    let only_proc = || FileSource::new(["/"]).exclude("/*").exclude("!/proc").exclude("/proc/[!v]*");
    assert_eq!(names(only_proc().one_file_system(true)), ["", "proc"]);
    assert!(names(only_proc()).len() > 2);
    let (seen, problems) = read_all(only_proc().one_file_system(true));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(find(&seen, "proc").entry.kind, EntryKind::Directory);
    // A given path may lie on a file system of its own.
    let given = FileSource::new(["/proc/version", "/proc/sys/kernel"]).one_file_system(true);
    assert!(names(given).len() > 10);
}

/// What one step of building a random tree does.
#[derive(Debug, Clone)]
enum Make {
    File(usize),
    Folder,
    Link,
    HardLink(prop::sample::Index),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(b'a'), Just(b'.'), Just(b'b'), Just(1u8), Just(0xff), Just(b' ')], 1..4)
        .prop_filter("dots are not names", |name| name != b"." && name != b"..")
}

fn steps() -> impl Strategy<Value = Vec<(Vec<Vec<u8>>, Make)>> {
    let make = prop_oneof![
        (0usize..9000).prop_map(Make::File),
        Just(Make::Folder),
        Just(Make::Link),
        any::<prop::sample::Index>().prop_map(Make::HardLink),
    ];
    prop::collection::vec((prop::collection::vec(name(), 1..5), make), 0..30)
}

/// Builds what can be built; steps that stand in each other's way are left out.
fn build(root: &Path, steps: &[(Vec<Vec<u8>>, Make)]) {
    let mut files: Vec<PathBuf> = Vec::new();
    for (names, make) in steps {
        let path = root.join(names.iter().map(|name| OsStr::from_bytes(name)).collect::<PathBuf>());
        if path.symlink_metadata().is_ok() || fs::create_dir_all(path.parent().unwrap()).is_err() {
            continue;
        }
        match make {
            Make::File(size) => {
                if fs::write(&path, vec![b'x'; *size]).is_ok() {
                    files.push(path);
                }
            }
            Make::Folder => fs::create_dir(&path).unwrap_or(()),
            Make::Link => symlink(OsStr::from_bytes(&names[0]), &path).unwrap_or(()),
            Make::HardLink(index) if !files.is_empty() => {
                fs::hard_link(index.get(&files), &path).unwrap_or(());
            }
            Make::HardLink(_) => {}
        }
    }
}

/// The same by the standard library, one path at a time.
fn simple_walk(root: &Path, path: &Path, into: &mut Vec<(EntryPath, PathBuf)>) {
    let relative = path.strip_prefix(root).unwrap();
    into.push((EntryPath::parse(relative).unwrap(), path.to_owned()));
    if path.symlink_metadata().unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            simple_walk(root, &entry.unwrap().path(), into);
        }
    }
}

fn matches(entry: &Entry, data: &[u8], path: &Path) {
    let real = path.symlink_metadata().unwrap();
    let metadata = &entry.metadata;
    assert_eq!(metadata.mode, real.mode() & 0o7777);
    assert_eq!((metadata.owner.uid, metadata.owner.gid), (real.uid(), real.gid()));
    assert_eq!((metadata.modified.seconds, i64::from(metadata.modified.nanos)), (real.mtime(), real.mtime_nsec()));
    assert_eq!(metadata.inode, Some(real.ino()));
    assert_eq!(metadata.hard_link.is_some(), !real.is_dir() && real.nlink() > 1);
    match &entry.kind {
        EntryKind::Directory => assert!(real.is_dir()),
        EntryKind::Symlink { target } => assert_eq!(*target, fs::read_link(path).unwrap().into_os_string().into_vec()),
        EntryKind::File => {
            assert_eq!(entry.size, real.len());
            assert_eq!(data, fs::read(path).unwrap());
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_tree_is_listed_as_a_simple_walk_lists_it(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        build(folder.path(), &steps);
        let mut expected = Vec::new();
        simple_walk(folder.path(), folder.path(), &mut expected);
        expected.sort();
        let (seen, problems) = read_all(FileSource::new([folder.path()]));
        prop_assert!(problems.is_empty());
        let paths: Vec<_> = seen.iter().map(|one| &one.entry.path).collect();
        prop_assert_eq!(paths, expected.iter().map(|(path, _)| path).collect::<Vec<_>>());
        for (one, (_, path)) in seen.iter().zip(&expected) {
            matches(&one.entry, &one.data, path);
        }
    }
}
