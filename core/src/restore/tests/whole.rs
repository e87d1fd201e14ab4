//! Whole trees with everything an entry can have.

use super::support::*;
use crate::format::entry::{EntryKind, HardLink, Hole, Owner, Timestamp, Xattr};
use crate::path::EntryPath;
use crate::{Context, Outcome, RestoreOptions};
use proptest::prelude::*;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

fn xattr(name: &str, value: &[u8]) -> Xattr {
    Xattr { name: name.as_bytes().to_vec(), value: value.to_vec() }
}

/// An access list: owner rw, user 1234 r, group r, mask r, others none.
fn acl() -> Vec<u8> {
    let mut value = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in
        [(1u16, 6u16, u32::MAX), (2, 4, 1234), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)]
    {
        value.extend_from_slice(&tag.to_le_bytes());
        value.extend_from_slice(&permissions.to_le_bytes());
        value.extend_from_slice(&id.to_le_bytes());
    }
    value
}

/// A bit of everything.
fn everything() -> Snapshot {
    let mut snapshot = Snapshot::new();
    snapshot.add(EntryPath::root(), EntryKind::Directory).metadata.mode = 0o751;
    snapshot.folder("empty");
    snapshot.file("empty file", b"");
    snapshot.file("tiny", b"tiny");
    snapshot.file("run", b"private").metadata.mode = 0o640;
    let folder = snapshot.folder("folder");
    folder.metadata.mode = 0o1777;
    folder.metadata.xattrs = vec![xattr("user.folder", b"yes")];
    snapshot.file("folder/medium", &noise(1, 300_000)).metadata.modified = Timestamp::new(-5, 7);
    snapshot.file("folder/large", &noise(2, 21_000_001)).metadata.modified = Timestamp::new(3_000_000_000, 999_999_999);
    snapshot.file("folder/script", b"#!/bin/sh\nexit 0\n").metadata.mode = 0o4755;
    snapshot.folder("read only").metadata.mode = 0o555;
    snapshot.file("read only/inside", b"some bytes that are not inlined").metadata.mode = 0o444;
    snapshot.symlink("folder/link", "../tiny");
    snapshot.symlink("dangling", "/nowhere/at/all");
    snapshot.add(path("pipe"), EntryKind::Fifo).metadata.mode = 0o622;
    snapshot.add(path("socket"), EntryKind::Socket).metadata.mode = 0o777;
    let mut odd = EntryPath::root();
    odd.push(b"\xff\xfe not \n text").unwrap();
    snapshot.file_with_holes(odd, b"odd".to_vec(), Vec::new());
    let mut holed = vec![0; 3 << 20];
    holed[1 << 20..(1 << 20) + 100_000].copy_from_slice(&noise(3, 100_000));
    let holes =
        vec![Hole { offset: 0, length: 1 << 20 }, Hole { offset: (1 << 20) + 100_000, length: (2 << 20) - 100_000 }];
    snapshot.file_with_holes(path("holed"), holed, holes);
    snapshot.file_with_holes(path("hole only"), vec![0; 1 << 20], vec![Hole { offset: 0, length: 1 << 20 }]);
    snapshot.file("attributes", b"with attributes").metadata.xattrs =
        vec![xattr("user.a", b""), xattr("user.b", &noise(4, 500))];
    let group = Some(HardLink { device: 1, inode: 77 });
    for name in ["many/one", "many/two", "names/three"] {
        snapshot.file(name, b"the same file under many names").metadata.hard_link = group;
    }
    for name in ["many/two", "names/three"] {
        let modified = snapshot.entries[&path("many/one")].metadata.modified;
        snapshot.entries.get_mut(&path(name)).unwrap().metadata.modified = modified;
    }
    snapshot.folder("many");
    snapshot.folder("names");
    if is_root() {
        let owned = snapshot.file("owned", b"somebody else's");
        owned.metadata.owner = Arc::new(Owner::ids(1234, 4321));
        owned.metadata.mode = 0o6750;
        snapshot.symlink("owned link", "owned").metadata.owner = Arc::new(Owner::ids(7, 8));
        snapshot.folder("owned folder").metadata.owner = Arc::new(Owner::ids(7, 8));
        snapshot.add(path("null"), EntryKind::CharDevice { major: 1, minor: 3 }).metadata.mode = 0o666;
        snapshot.add(path("disk"), EntryKind::BlockDevice { major: 7, minor: 200 }).metadata.mode = 0o660;
        snapshot.symlink("trusted link", "x").metadata.xattrs = vec![xattr("trusted.x", b"on a link")];
        let guarded = snapshot.file("guarded", b"has an access list");
        guarded.metadata.mode = 0o640;
        guarded.metadata.xattrs = vec![xattr("system.posix_acl_access", &acl()), xattr("user.too", b"1")];
    }
    snapshot
}

#[test]
fn everything_comes_back() {
    let scratch = scratch();
    let target = scratch.path().join("new/target");
    let mut snapshot = everything();
    let report = snapshot.restore_to(&target);
    assert_eq!(report.outcome, Outcome::Complete);
    snapshot.expect_at(&target);
    assert_eq!(report.entries, snapshot.entries.len() as u64);
    assert_eq!(report.hard_links, 2);
    let [one, two, three] =
        ["many/one", "many/two", "names/three"].map(|name| std::fs::metadata(target.join(name)).unwrap().ino());
    assert!(one == two && two == three);
    let holed = std::fs::metadata(target.join("holed")).unwrap();
    assert!(holed.blocks() * 512 < 400_000, "{} blocks", holed.blocks());

    // A second restore finds everything in place.
    let before = image(&target);
    let report = snapshot.restore_to(&target);
    assert_eq!(report.bytes_written, 0);
    assert_eq!(report.unchanged, report.entries - report.directories);
    assert_eq!(image(&target), before);
    snapshot.expect_at(&target);
}

#[test]
fn one_thread_is_enough() {
    let scratch = scratch();
    let mut snapshot = everything();
    let ctx = Context::new().budget(crate::Budget::default().threads(1));
    let report = snapshot.try_restore(&RestoreOptions::to(scratch.path()), &ctx).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    snapshot.expect_at(scratch.path());
}

#[test]
fn metadata_that_changed_is_brought_in_line_without_writing_content() {
    let scratch = scratch();
    let mut snapshot = everything();
    snapshot.restore_to(scratch.path());
    for (name, entry) in &mut snapshot.entries {
        if entry.kind == EntryKind::File && entry.metadata.hard_link.is_none() && !name.is_root() {
            entry.metadata.mode = 0o600;
            entry.metadata.xattrs = vec![xattr("user.new", b"value")];
        }
        if entry.kind == EntryKind::Directory {
            entry.metadata.mode = 0o700;
            entry.metadata.xattrs.clear();
        }
    }
    let report = snapshot.restore_to(scratch.path());
    assert_eq!(report.bytes_written, 0);
    snapshot.expect_at(scratch.path());
}

#[test]
fn holes_can_be_filled() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    snapshot.file_with_holes(path("holed"), vec![0; 1 << 20], vec![Hole { offset: 0, length: 1 << 20 }]);
    snapshot.restore(&RestoreOptions::to(scratch.path()).sparse(false));
    snapshot.expect_at(scratch.path());
    assert!(std::fs::metadata(scratch.path().join("holed")).unwrap().blocks() * 512 >= 1 << 20);
}

#[test]
fn inherited_access_lists_do_not_stay() {
    let scratch = scratch();
    let mut default = acl();
    default[4 + 6] = 7;
    rustix::fs::setxattr(scratch.path(), c"system.posix_acl_default", &default, rustix::fs::XattrFlags::empty())
        .unwrap();
    let mut snapshot = everything();
    snapshot.restore_to(scratch.path());
    snapshot.entries.remove(&EntryPath::root());
    snapshot.expect_at(scratch.path());
}

#[test]
fn a_folder_of_many_entries() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    snapshot.folder("many");
    for number in 0..20_000u64 {
        snapshot.file(&format!("many/{number:06}"), &noise(number, (number % 50) as usize));
    }
    let report = snapshot.restore_to(scratch.path());
    assert_eq!(report.files, 20_000);
    snapshot.expect_at(scratch.path());
}

#[test]
fn many_runs_make_a_list() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    (snapshot.blob, snapshot.segment) = (1000, 3000);
    let entry = snapshot.file("listed", &noise(1, 9_000_000));
    assert!(matches!(entry.content, crate::Content::List { .. }));
    snapshot.file("small list", &noise(2, 200_000));
    snapshot.restore_to(scratch.path());
    snapshot.expect_at(scratch.path());
}

#[derive(Debug, Clone)]
struct Plan {
    names: Vec<Vec<u8>>,
    kind: u8,
    size: usize,
    mode: u32,
    owner: (u32, u32),
    modified: (i64, u32),
    xattrs: Vec<(String, Vec<u8>)>,
    link: Option<u64>,
    holes: Vec<(u64, u64)>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let name = prop::collection::vec(prop::sample::select(b"abA.-\x01\xff \n*".to_vec()), 1..5);
    let xattrs = prop::collection::btree_map("user\\.[a-z]{1,4}", prop::collection::vec(any::<u8>(), 0..9), 0..3);
    let times = (-100_000_000_000i64..100_000_000_000, 0u32..1_000_000_000);
    let size = prop_oneof![4 => 0usize..40, 2 => 0usize..100_000, 1 => 9_000_000usize..9_100_000];
    (
        (prop::collection::vec(name, 1..4), 0u8..8, size, 0u32..0o10000),
        ((0u32..3, 0u32..3), times, xattrs, prop::option::weighted(0.2, 0u64..3)),
        prop::collection::vec((1u64..30_000, 1u64..30_000), 0..3),
    )
        .prop_map(|((names, kind, size, mode), (owner, modified, xattrs, link), holes)| Plan {
            names,
            kind,
            size,
            mode,
            owner,
            modified,
            xattrs: xattrs.into_iter().collect(),
            link,
            holes,
        })
}

fn build(plans: &[Plan]) -> Snapshot {
    let mut snapshot = Snapshot::new();
    (snapshot.blob, snapshot.segment) = (5000, 50_000);
    snapshot.add(EntryPath::root(), EntryKind::Directory);
    let mut groups: std::collections::HashMap<u64, crate::Entry> = std::collections::HashMap::new();
    for (number, plan) in plans.iter().enumerate() {
        let mut path = EntryPath::root();
        if plan.names.iter().any(|name| path.push(name).is_err()) {
            continue;
        }
        // Nothing below a file, nothing over what is there.
        let mut above = path.parent();
        let blocked = std::iter::from_fn(|| {
            let now = above.take()?;
            above = now.parent();
            Some(now)
        })
        .any(|folder| snapshot.entries.get(&folder).is_some_and(|entry| entry.kind != EntryKind::Directory));
        if blocked || snapshot.entries.contains_key(&path) {
            continue;
        }
        let mut above = path.parent();
        while let Some(folder) = above {
            if !snapshot.entries.contains_key(&folder) {
                snapshot.add(folder.clone(), EntryKind::Directory);
            }
            above = folder.parent();
        }
        if let Some(group) = plan.link
            && let Some(first) = groups.get(&group)
        {
            let entry = crate::Entry { path: path.clone(), ..first.clone() };
            snapshot.contents.insert(path.clone(), snapshot.contents[&first.path].clone());
            snapshot.entries.insert(path, entry);
            continue;
        }
        let entry = match plan.kind {
            0..=4 => {
                let mut bytes = noise(number as u64, plan.size);
                let (mut holes, mut end) = (Vec::new(), 0);
                for (gap, length) in &plan.holes {
                    let hole = Hole { offset: end + gap, length: *length };
                    end = hole.offset + length;
                    bytes.resize(bytes.len().max(end as usize), 1);
                    bytes[hole.offset as usize..end as usize].fill(0);
                    holes.push(hole);
                }
                snapshot.file_with_holes(path.clone(), bytes, holes)
            }
            5 => snapshot.add(path.clone(), EntryKind::Directory),
            6 => snapshot.add(path.clone(), EntryKind::Symlink { target: format!("to/{number}").into_bytes() }),
            _ => snapshot.add(path.clone(), EntryKind::Fifo),
        };
        entry.metadata.mode = plan.mode;
        entry.metadata.modified = Timestamp::new(plan.modified.0, plan.modified.1);
        if is_root() {
            entry.metadata.owner = Arc::new(Owner::ids(plan.owner.0, plan.owner.1));
        }
        if matches!(entry.kind, EntryKind::File | EntryKind::Directory) {
            entry.metadata.xattrs = plan.xattrs.iter().map(|(name, value)| xattr(name, value)).collect();
        }
        if let Some(group) = plan.link.filter(|_| entry.kind == EntryKind::File) {
            entry.metadata.hard_link = Some(HardLink { device: 1, inode: group });
            groups.insert(group, entry.clone());
        }
    }
    snapshot
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_tree_in_the_same_tree_out(plans in prop::collection::vec(plan(), 0..40), next in prop::collection::vec(plan(), 0..40)) {
        let scratch = scratch();
        let mut snapshot = build(&plans);
        snapshot.restore_to(scratch.path());
        snapshot.expect_at(scratch.path());
        // Any other tree in its place.
        let mut other = build(&next);
        let options = RestoreOptions::to(scratch.path()).delete_extra(true);
        let report = other.restore(&options);
        prop_assert!(report.problems.is_empty(), "{:?}", report.problems);
        other.expect_at(scratch.path());
    }
}
