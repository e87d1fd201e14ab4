//! Any tree in, the same tree out, by every way in.

mod common;

use common::forest::{Forest, Sizes, is_root};
use common::walk::{self, Kind, Node, Tree, differences, rsync_differences, walk, without, without_holes};
use common::{back_up, cases, create_with, reopen, restore, scratch};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestCaseResult, TestRunner};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use strongroom::{
    AppEntry, EntryKind, EntryPath, LocalBackend, MemoryBackend, Owner, Repository, SnapshotFilter, Source, Timestamp,
};

/// A new repository, and a way to open it anew.
fn repository(sizes: Sizes, folder: Option<&Path>) -> (Repository, Box<dyn Fn() -> Repository>) {
    match folder {
        Some(folder) => {
            let backend = LocalBackend::new(folder).sync(false);
            (create_with(backend.clone(), &sizes.options()), Box::new(move || reopen(backend.clone())))
        }
        None => {
            let backend = MemoryBackend::new();
            (create_with(backend.clone(), &sizes.options()), Box::new(move || reopen(backend.clone())))
        }
    }
}

fn same(expected: &Tree, found: &Tree) -> TestCaseResult {
    let differences = differences(expected, found);
    prop_assert!(differences.is_empty(), "{}", differences);
    Ok(())
}

fn size(node: &Node) -> u64 {
    if let Kind::File { size, .. } = node.kind { size } else { 0 }
}

fn is_file(node: &Node) -> bool {
    matches!(node.kind, Kind::File { .. })
}

/// What the snapshot says of its entries is what stands on disk.
fn listed(repo: &Repository, expected: &Tree) -> TestCaseResult {
    let snapshot = repo.snapshot("latest", &SnapshotFilter::all()).unwrap();
    let mut paths = Vec::new();
    for entry in repo.list(&snapshot.id, &EntryPath::root(), true).unwrap() {
        let entry = entry.unwrap();
        let path = walk::shown(&entry.path.to_os_bytes());
        let node = &expected[&path];
        let kind = match (&entry.kind, &node.kind) {
            (EntryKind::File, Kind::File { size, .. }) => entry.size == *size,
            (EntryKind::Symlink { target }, Kind::Symlink(expected)) => walk::shown(target) == *expected,
            (EntryKind::CharDevice { major, minor }, Kind::CharDevice(device))
            | (EntryKind::BlockDevice { major, minor }, Kind::BlockDevice(device)) => {
                rustix::fs::makedev(*major, *minor) == *device
            }
            (EntryKind::Directory, Kind::Folder) | (EntryKind::Fifo, Kind::Fifo) => true,
            (EntryKind::Socket, Kind::Socket) => true,
            _ => false,
        };
        prop_assert!(kind, "{}: {:?} is not {:?}", path, entry, node);
        prop_assert_eq!(entry.metadata.mode, node.mode);
        prop_assert_eq!((entry.metadata.owner.uid, entry.metadata.owner.gid), node.owner);
        let modified = (entry.metadata.modified.seconds, i64::from(entry.metadata.modified.nanos));
        prop_assert_eq!(Some(modified), node.modified);
        prop_assert_eq!(entry.metadata.hard_link.is_some(), node.same_as.is_some(), "{}", path);
        paths.push(path);
    }
    paths.sort();
    let expected: Vec<&String> = expected.keys().filter(|path| !path.is_empty()).collect();
    prop_assert_eq!(paths.iter().collect::<Vec<_>>(), expected);
    Ok(())
}

fn folder_there_and_back(forest: &Forest, sizes: Sizes, local: bool) -> TestCaseResult {
    let scratch = scratch();
    let [place, source, target] = ["repository", "source", "target"].map(|name| scratch.path().join(name));
    fs::create_dir(&source).unwrap();
    forest.plant(&source, sizes);
    let before = walk(&source);
    let (repo, open) = repository(sizes, local.then_some(&place));
    let report = back_up(&repo, Source::paths([&source]));
    let files = before.values().filter(|node| is_file(node)).count();
    let folders = before.values().filter(|node| node.kind == Kind::Folder).count();
    let bytes: u64 = before.values().map(size).sum();
    prop_assert_eq!(report.entries, before.len() as u64);
    prop_assert_eq!(report.files, files as u64);
    prop_assert_eq!(report.directories, folders as u64);
    prop_assert_eq!(report.bytes, bytes);
    same(&before, &walk(&source))?;

    let repo = open();
    listed(&repo, &before)?;
    let restored = restore(&repo, report.snapshot().unwrap(), &target);
    same(&before, &walk(&target))?;
    // A file with several names is written once.
    let further = before.iter().filter(|(path, node)| node.same_as.as_ref().is_some_and(|first| first != *path));
    let linked: u64 = further.map(|(_, node)| size(node)).sum();
    prop_assert_eq!(restored.bytes, bytes - linked);
    prop_assert_eq!(rsync_differences(&source, &target), "");
    Ok(())
}

#[test]
fn a_folder_comes_back_as_it_was() {
    let strategy = (Forest::strategy(0..30), Sizes::strategy(), any::<bool>());
    let check = |(forest, sizes, local): (Forest, Sizes, bool)| folder_there_and_back(&forest, sizes, local);
    TestRunner::new(cases(100)).run(&strategy, check).unwrap();
}

/// What the property tests rest on: that random folders hold everything there is.
#[test]
fn random_folders_hold_everything_there_is() {
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..150 {
        let forest = Forest::strategy(0..30).new_tree(&mut runner).unwrap().current();
        let scratch = scratch();
        forest.plant(scratch.path(), Sizes::TINY);
        for (path, node) in walk(scratch.path()) {
            let size = size(&node);
            seen.insert(match &node.kind {
                Kind::File { data: Some(data), .. } if data.iter().map(|(a, b)| b - a).sum::<u64>() < size => {
                    "sparse file"
                }
                Kind::File { .. } if size > 1 << 20 => "large file",
                Kind::File { .. } => "file",
                Kind::Folder => "folder",
                Kind::Symlink(_) => "symlink",
                Kind::Fifo => "fifo",
                Kind::Socket => "socket",
                Kind::CharDevice(_) => "character device",
                Kind::BlockDevice(_) => "block device",
            });
            match (&node.same_as, is_file(&node)) {
                (Some(_), true) => drop(seen.insert("hard link")),
                (Some(_), false) => drop(seen.insert("hard link that is no file")),
                (None, _) => {}
            }
            let marks = [
                ("setuid", node.mode & 0o4000 != 0),
                ("sticky", node.mode & 0o1000 != 0),
                ("unreadable", node.mode & 0o777 == 0),
                ("before 1970", node.modified.unwrap().0 < 0),
                ("nanoseconds", node.modified.unwrap().1 != 0),
                ("other owner", node.owner.0 > 1000),
                ("name that is no text", path.contains("\\xff")),
                ("deep", path.matches('/').count() > 2),
                ("user attribute", node.xattrs.keys().any(|name| name.starts_with("user."))),
                ("empty attribute", node.xattrs.values().any(Vec::is_empty)),
                ("access list", node.xattrs.contains_key("system.posix_acl_access")),
                ("default access list", node.xattrs.contains_key("system.posix_acl_default")),
                ("trusted attribute", node.xattrs.contains_key("trusted.x")),
                ("capability", node.xattrs.contains_key("security.capability")),
            ];
            seen.extend(marks.iter().filter(|(_, there)| *there).map(|(mark, _)| *mark));
        }
    }
    let common = "folder symlink fifo socket file setuid sticky nanoseconds deep";
    let mut expected: std::collections::BTreeSet<&str> = common.split(' ').collect();
    expected.extend([
        "sparse file",
        "large file",
        "hard link",
        "hard link that is no file",
        "before 1970",
        "name that is no text",
    ]);
    if is_root() {
        expected.extend(["character device", "block device", "other owner", "unreadable"]);
    }
    let missing: Vec<_> = expected.difference(&seen).collect();
    assert!(missing.is_empty(), "{missing:?} are never made, only {seen:?}");
}

/// GNU tar as a second reader of the same folder. It knows no sockets.
fn tar_there_and_back(forest: &Forest, sizes: Sizes) -> TestCaseResult {
    let scratch = scratch();
    let [source, target, by_tar] = ["source", "target", "by tar"].map(|name| scratch.path().join(name));
    fs::create_dir(&source).unwrap();
    forest.plant(&source, sizes);
    let archive = scratch.path().join("archive.tar");
    let tar = |folder: &Path, arguments: &[&str]| {
        let mut tar = Command::new("tar");
        tar.args(["--format=pax", "--xattrs", "--xattrs-include=*", "--numeric-owner"]).args(arguments);
        let output =
            tar.arg("-C").arg(folder).arg("-f").arg(&archive).arg(".").output().expect("the tests need GNU tar");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    tar(&source, &["--create", "--sparse"]);
    let mut expected = walk(&source);
    expected.retain(|_, node| node.kind != Kind::Socket);
    // It keeps neither every hole nor that devices are the same; what it keeps is what it makes itself.
    fs::create_dir(&by_tar).unwrap();
    tar(&by_tar, &["--extract", "--preserve-permissions"]);
    for (path, kept) in walk(&by_tar) {
        let expected = expected.get_mut(&path).unwrap();
        match (&mut expected.kind, kept.kind) {
            (Kind::File { data, .. }, Kind::File { data: kept, .. }) => *data = kept,
            (Kind::Symlink(_) | Kind::Folder, _) => {}
            _ => expected.same_as = kept.same_as,
        }
    }

    let backend = MemoryBackend::new();
    let repo = create_with(backend.clone(), &sizes.options());
    let report = back_up(&repo, Source::tar(fs::File::open(&archive).unwrap()));
    restore(&reopen(backend), report.snapshot().unwrap(), &target);
    same(&expected, &walk(&target))
}

#[test]
fn a_tar_stream_comes_back_as_the_folder_it_was_made_of() {
    let strategy = (Forest::strategy(0..25), Sizes::strategy());
    TestRunner::new(cases(40)).run(&strategy, |(forest, sizes)| tar_there_and_back(&forest, sizes)).unwrap();
}

/// What an app would say of a file on disk.
fn app_entry(root: &Path, path: &str, node: &Node, entry: &strongroom::Entry) -> AppEntry {
    let at = entry.path.clone();
    let made = match &node.kind {
        _ if node.same_as.as_ref().is_some_and(|first| first != path) => {
            let first = node.same_as.as_ref().unwrap();
            return AppEntry::hard_link(at, unescaped(first));
        }
        Kind::File { size, .. } => {
            let file = fs::File::open(root.join(at.to_path_buf())).unwrap();
            AppEntry::file(at, file).size(*size)
        }
        Kind::Folder => AppEntry::directory(at),
        Kind::Symlink(_) => match &entry.kind {
            EntryKind::Symlink { target } => AppEntry::symlink(at, target.clone()),
            _ => unreachable!(),
        },
        _ => AppEntry::special(at, entry.kind.clone()),
    };
    let (seconds, nanos) = node.modified.unwrap();
    let mut made = made
        .mode(node.mode)
        .modified(Timestamp::new(seconds, nanos.try_into().unwrap()))
        .owner(Owner::ids(node.owner.0, node.owner.1));
    for xattr in &entry.metadata.xattrs {
        made = made.xattr(xattr.name.clone(), xattr.value.clone());
    }
    made
}

/// The path that [`walk::shown`] shows like this.
fn unescaped(text: &str) -> EntryPath {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let (byte, length) = match (first, behind.first()) {
            (b'\\', Some(b'x')) => (u8::from_str_radix(std::str::from_utf8(&behind[1..3]).unwrap(), 16).unwrap(), 4),
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(other)) => (*other, 2),
            _ => (*first, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    EntryPath::parse(OsStr::from_bytes(&bytes)).unwrap()
}

/// The entries of a folder as an app would yield them, in an order that `seed` decides. Holes cannot be said.
fn app_there_and_back(forest: &Forest, sizes: Sizes, seed: u64) -> TestCaseResult {
    let scratch = scratch();
    let [source, target] = ["source", "target"].map(|name| scratch.path().join(name));
    fs::create_dir(&source).unwrap();
    forest.plant(&source, sizes);
    let expected = without(walk(&source), without_holes);

    let backend = MemoryBackend::new();
    let repo = create_with(backend.clone(), &sizes.options());
    // Bytes of targets, numbers of devices and attributes as they are, from a snapshot of the folder itself.
    let described = back_up(&repo, Source::paths([&source]));
    let root = repo.entry(described.snapshot().unwrap(), &EntryPath::root()).unwrap();
    let entries = repo.list(described.snapshot().unwrap(), &EntryPath::root(), true).unwrap();
    let entries = std::iter::once(root).chain(entries.map(Result::unwrap)).map(|entry| {
        let path = walk::shown(&entry.path.to_os_bytes());
        app_entry(&source, &path, &expected[&path], &entry)
    });
    let mut entries: Vec<(blake3::Hash, AppEntry)> = entries
        .enumerate()
        .map(|(number, entry)| (blake3::hash(&[seed, number as u64].map(u64::to_le_bytes).concat()), entry))
        .collect();
    entries.sort_by_key(|(order, _)| *order.as_bytes());
    let entries: Vec<AppEntry> = entries.into_iter().map(|(_, entry)| entry).collect();

    let report = back_up(&repo, Source::entries(entries));
    restore(&reopen(backend), report.snapshot().unwrap(), &target);
    same(&expected, &without(walk(&target), without_holes))
}

#[test]
fn an_apps_own_entries_come_back_whatever_their_order() {
    let strategy = (Forest::strategy(0..25), Sizes::strategy(), any::<u64>());
    let check = |(forest, sizes, seed): (Forest, Sizes, u64)| app_there_and_back(&forest, sizes, seed);
    TestRunner::new(cases(40)).run(&strategy, check).unwrap();
}

/// A user has one number here and had another there.
#[test]
fn owners_go_by_name_where_this_system_knows_it() {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let known = users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let uid: u32 = fields.get(2)?.parse().ok().filter(|uid| *uid != 0)?;
        Some((fields[0].to_owned(), uid))
    });
    let (Some((user, uid)), true) = (known, is_root()) else { return };
    let path = |name: &str| EntryPath::parse(name).unwrap();
    let mut known = Owner::ids(40_404, 50_505);
    known.user = user;
    known.group = "a group that nobody has".to_owned();
    let entries = [("file", Owner::ids(1234, 5678)), ("known", known)];
    let entries = entries.map(|(name, owner)| AppEntry::bytes(path(name), "content").mode(0o4755).owner(owner));
    let repo = create_with(MemoryBackend::new(), &Sizes::TINY.options());
    let id = *back_up(&repo, Source::entries(entries)).snapshot().unwrap();
    let scratch = scratch();
    let owners = |ownership, target: &str| {
        use std::os::unix::fs::MetadataExt;
        let target = scratch.path().join(target);
        let options = strongroom::RestoreOptions::to(&target).owner(ownership);
        let report = repo.restore(&id, &options, &strongroom::Context::new()).unwrap();
        assert_eq!(report.problem_count, 0, "{:?}", report.problems);
        ["file", "known"].map(|name| {
            let metadata = fs::metadata(target.join(name)).unwrap();
            assert_eq!(metadata.mode() & 0o7777, 0o4755);
            (metadata.uid(), metadata.gid())
        })
    };
    use strongroom::Ownership;
    assert_eq!(owners(Ownership::default(), "named"), [(1234, 5678), (uid, 50_505)]);
    assert_eq!(owners(Ownership::Named, "named"), [(1234, 5678), (uid, 50_505)], "and again");
    assert_eq!(owners(Ownership::Numeric, "numeric"), [(1234, 5678), (40_404, 50_505)]);
}
