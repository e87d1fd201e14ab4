//! Every kind of entry with every field.

use crate::format::entry::{EntryKind, HardLink, Timestamp, Xattr};
use crate::problem::ProblemReason;
use crate::source::FileSource;
use crate::source::testing::{find, read_all};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, chownat, lsetxattr, makedev, mknodat,
    setxattr, utimensat,
};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

fn set_time(path: &Path, seconds: i64, nanos: u32) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// An ACL as the kernel takes it: owner rwx, one named user r--, group r-x, mask r-x, others ---.
fn acl(user: u32) -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, perm, id) in
        [(1u16, 7u16, u32::MAX), (2, 4, user), (4, 5, u32::MAX), (16, 5, u32::MAX), (32, 0, u32::MAX)]
    {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(perm.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// Whether a call that needs a privilege or a file system's support went through.
fn permitted(what: &str, result: Result<(), Errno>) -> bool {
    match result {
        Ok(()) => true,
        Err(error @ (Errno::PERM | Errno::NOTSUP | Errno::INVAL)) => {
            eprintln!("{what}: not permitted here ({error}), so not tested");
            false
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

#[test]
fn every_field_of_files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let file = root.join("file");
    std::fs::write(&file, "hello").unwrap();
    let owned =
        permitted("chown", chownat(CWD, &file, Some(Uid::from_raw(12345)), Some(Gid::from_raw(0)), AtFlags::empty()));
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o6751)).unwrap();
    set_time(&file, -5, 999_999_999);
    std::fs::create_dir(root.join("sticky")).unwrap();
    std::fs::set_permissions(root.join("sticky"), PermissionsExt::from_mode(0o1777)).unwrap();
    set_time(&root.join("sticky"), 4_000_000_000, 1);
    set_time(root, 1_000, 7);

    let (seen, problems) = read_all(FileSource::new([root]));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(seen.len(), 3);

    let one = find(&seen, "file");
    let real = std::fs::metadata(&file).unwrap();
    assert_eq!(one.data, b"hello");
    assert_eq!((one.entry.kind.clone(), one.entry.size), (EntryKind::File, 5));
    assert_eq!(one.entry.metadata.mode, 0o6751);
    assert_eq!(one.entry.metadata.modified, Timestamp::new(-5, 999_999_999));
    let changed = Timestamp::new(real.ctime(), u32::try_from(real.ctime_nsec()).unwrap());
    assert_eq!(one.entry.metadata.changed, Some(changed));
    assert_eq!(one.entry.metadata.inode, Some(real.ino()));
    assert_eq!(one.entry.metadata.hard_link, None);
    assert_eq!((one.entry.metadata.owner.uid, one.entry.metadata.owner.gid), (real.uid(), real.gid()));
    if owned {
        assert_eq!((one.entry.metadata.owner.uid, one.entry.metadata.owner.user.as_str()), (12345, ""));
    }
    if real.gid() == 0 {
        assert_eq!(one.entry.metadata.owner.group, "root");
    }

    let sticky = find(&seen, "sticky");
    assert_eq!((sticky.entry.kind.clone(), sticky.entry.size), (EntryKind::Directory, 0));
    assert_eq!(sticky.entry.metadata.mode, 0o1777);
    assert_eq!(sticky.entry.metadata.modified, Timestamp::new(4_000_000_000, 1));
    assert_eq!(find(&seen, "").entry.metadata.modified, Timestamp::new(1_000, 7));
}

#[test]
fn links_pipes_sockets_and_devices() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let target = OsStr::from_bytes(b"no\xffwhere/\x01");
    symlink(target, root.join("link")).unwrap();
    set_time(&root.join("link"), 77, 88);
    std::fs::write(root.join("one"), "x").unwrap();
    std::fs::hard_link(root.join("one"), root.join("two")).unwrap();
    mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    std::fs::hard_link(root.join("pipe"), root.join("pipe2")).unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    let node = |name: &str, kind, major, minor| {
        permitted(name, mknodat(CWD, root.join(name), kind, Mode::from_raw_mode(0o600), makedev(major, minor)))
    };
    let char_device = node("char", FileType::CharacterDevice, 300, 70_000);
    let block_device = node("block", FileType::BlockDevice, 7, 12);

    let (seen, problems) = read_all(FileSource::new([root]));
    assert!(problems.is_empty(), "{problems:?}");
    let kind = |path: &str| find(&seen, path).entry.kind.clone();
    assert_eq!(kind("link"), EntryKind::Symlink { target: b"no\xffwhere/\x01".to_vec() });
    assert_eq!(find(&seen, "link").entry.metadata.modified, Timestamp::new(77, 88));
    assert_eq!(find(&seen, "link").entry.metadata.hard_link, None);
    assert_eq!(kind("socket"), EntryKind::Socket);
    assert_eq!(kind("pipe"), EntryKind::Fifo);
    if char_device {
        assert_eq!(kind("char"), EntryKind::CharDevice { major: 300, minor: 70_000 });
    }
    if block_device {
        assert_eq!(kind("block"), EntryKind::BlockDevice { major: 7, minor: 12 });
    }

    let group = |path: &str| find(&seen, path).entry.metadata.hard_link;
    let real = std::fs::metadata(root.join("one")).unwrap();
    assert_eq!(group("one"), Some(HardLink { device: real.dev(), inode: real.ino() }));
    assert_eq!(group("one"), group("two"));
    assert_eq!((find(&seen, "one").data.as_slice(), find(&seen, "two").data.as_slice()), (&b"x"[..], &b"x"[..]));
    assert!(group("pipe").is_some() && group("pipe") == group("pipe2") && group("pipe") != group("one"));
}

#[test]
fn attributes_and_acls_of_everything_that_can_have_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::write(root.join("file"), "x").unwrap();
    std::fs::create_dir(root.join("folder")).unwrap();
    symlink("file", root.join("link")).unwrap();
    mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let set = |path: &str, name: &str, value: &[u8]| {
        permitted(name, lsetxattr(root.join(path), name, value, XattrFlags::empty()))
            .then(|| Xattr { name: name.as_bytes().to_vec(), value: value.to_vec() })
    };
    // Larger than the first buffer for one value, and for the list of names.
    let large = vec![0xab; 3000];
    let mut of_file: Vec<Xattr> = (0..30)
        .filter_map(|number| set("file", &format!("user.a-name-of-some-length-{number:02}"), b"\0\n\xff"))
        .collect();
    of_file.splice(0..0, set("file", "system.posix_acl_access", &acl(4242)));
    of_file.splice(of_file.len().min(1)..of_file.len().min(1), set("file", "trusted.note", b""));
    of_file.sort();
    let of_folder: Vec<Xattr> = [
        set("folder", "system.posix_acl_access", &acl(1)),
        set("folder", "system.posix_acl_default", &acl(2)),
        set("folder", "user.large", &large),
    ]
    .into_iter()
    .flatten()
    .collect();
    let of_link: Vec<Xattr> = set("link", "trusted.link", b"on the link").into_iter().collect();
    let of_pipe: Vec<Xattr> = set("pipe", "trusted.pipe", b"on the pipe").into_iter().collect();
    if permitted("user.root", setxattr(root, "user.root", b"here", XattrFlags::empty())) {
        let (seen, _) = read_all(FileSource::new([root]));
        assert_eq!(find(&seen, "").entry.metadata.xattrs[0].value, b"here");
    }

    let (seen, problems) = read_all(FileSource::new([root]));
    assert!(problems.is_empty(), "{problems:?}");
    // A security module may add attributes of its own.
    let attributes = |path: &str| {
        let mut found = find(&seen, path).entry.metadata.xattrs.clone();
        assert!(found.is_sorted());
        found.retain(|xattr| !xattr.name.starts_with(b"security."));
        found
    };
    assert_eq!(attributes("file"), of_file);
    assert_eq!(attributes("folder"), of_folder);
    assert_eq!(attributes("link"), of_link);
    assert_eq!(attributes("pipe"), of_pipe);
    assert_eq!(find(&seen, "link").entry.kind, EntryKind::Symlink { target: b"file".to_vec() });
}

#[test]
fn a_folder_that_may_not_be_read_is_listed_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    super::tree(root, &["locked/inside", "open"]);
    std::fs::set_permissions(root.join("locked"), PermissionsExt::from_mode(0o000)).unwrap();
    let is_barred = std::fs::read_dir(root.join("locked")).is_err();
    let (seen, problems) = read_all(FileSource::new([root]));
    std::fs::set_permissions(root.join("locked"), PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(find(&seen, "locked").entry.metadata.mode, 0);
    find(&seen, "open");
    if is_barred {
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].path.to_string(), "locked");
        assert_eq!(problems[0].reason, ProblemReason::PermissionDenied);
    } else {
        eprintln!("this user may read everything, so only the listing is tested");
        find(&seen, "locked/inside");
        assert!(problems.is_empty());
    }
}

#[test]
fn names_of_any_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let names: [&[u8]; 7] = [b"\x01", b"\n", b" ", b"\\", b"a\xff\xfe", "ä".as_bytes(), b"\xff"];
    for name in names {
        std::fs::write(folder.path().join(OsStr::from_bytes(name)), name).unwrap();
    }
    let (seen, problems) = read_all(FileSource::new([folder.path()]));
    assert!(problems.is_empty());
    let found: Vec<_> = seen.iter().skip(1).map(|one| (one.entry.path.to_os_bytes(), one.data.clone())).collect();
    let expected: Vec<_> = names.iter().map(|name| (name.to_vec(), name.to_vec())).collect();
    assert_eq!(found, expected);
}
