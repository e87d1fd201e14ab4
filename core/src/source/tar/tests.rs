//! Tar streams written by the `tar` crate, by GNU tar, and by hand.

use super::TarSource;
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::format::entry::{EntryKind, Hole, Owner, Timestamp, Xattr};
use crate::problem::ProblemReason;
use crate::source::testing::{expand, find, path, read_all, read_data};
use crate::source::{EntrySource, SourceItem};
use proptest::prelude::*;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use tar::{Builder, EntryType, Header};

/// Never fills a buffer, as pipes do not.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(333);
        self.0.read(&mut buffer[..length])
    }
}

fn source(bytes: Vec<u8>) -> TarSource {
    TarSource::new(Trickle(Cursor::new(bytes)))
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o4755);
    header.set_uid(1001);
    header.set_gid(1002);
    header.set_mtime(1_600_000_000);
    header.set_username("anna").unwrap();
    header.set_groupname("staff").unwrap();
    header
}

/// Adds a member without what the crate would forbid in names.
fn add(builder: &mut Builder<Vec<u8>>, mut header: Header, name: &[u8], content: &[u8]) {
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

fn failure(bytes: Vec<u8>) -> Error {
    let mut source = source(bytes);
    loop {
        match source.next(&Context::new()) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it came to an end"),
            Err(error) => return error,
        }
    }
}

#[test]
fn every_type_of_member_with_its_metadata() {
    let mut builder = Builder::new(Vec::new());
    let mut device = header(EntryType::Char, 0);
    device.set_device_major(5).unwrap();
    device.set_device_minor(70_000).unwrap();
    add(&mut builder, header(EntryType::Directory, 0), b"./", b"");
    add(&mut builder, header(EntryType::Regular, 700), b"./deep/file", &[b'f'; 700]);
    add(&mut builder, device, b"char", b"");
    let mut device = header(EntryType::Block, 0);
    device.set_device_major(8).unwrap();
    device.set_device_minor(1).unwrap();
    add(&mut builder, device, b"block", b"");
    add(&mut builder, header(EntryType::Fifo, 0), b"pipe", b"");
    let mut link = header(EntryType::Symlink, 0);
    link.set_link_name_literal("../outside").unwrap();
    add(&mut builder, link, b"symlink", b"");
    let mut link = header(EntryType::Link, 700);
    link.set_link_name_literal("./deep/file").unwrap();
    link.set_path("hard").unwrap();
    link.set_cksum();
    // The size of the file is stated, and its bytes do not follow.
    builder.append(&link, &b""[..]).unwrap();
    add(&mut builder, header(EntryType::Regular, 0), b"a/folder/of/old/tar/", b"");
    add(&mut builder, header(EntryType::Regular, 0), b"empty", b"");
    let (seen, problems) = read_all(source(builder.into_inner().unwrap()));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(seen.len(), 9);
    let kind = |at: &str| find(&seen, at).entry.kind.clone();
    assert_eq!(kind(""), EntryKind::Directory);
    assert_eq!(kind("char"), EntryKind::CharDevice { major: 5, minor: 70_000 });
    assert_eq!(kind("block"), EntryKind::BlockDevice { major: 8, minor: 1 });
    assert_eq!(kind("pipe"), EntryKind::Fifo);
    assert_eq!(kind("symlink"), EntryKind::Symlink { target: b"../outside".to_vec() });
    assert_eq!(kind("a/folder/of/old/tar"), EntryKind::Directory);
    assert_eq!((kind("hard"), find(&seen, "hard").link.clone()), (EntryKind::File, Some(path("deep/file"))));
    let file = find(&seen, "deep/file");
    assert_eq!((file.entry.size, file.data.as_slice()), (700, &[b'f'; 700][..]));
    let metadata = &file.entry.metadata;
    assert_eq!((metadata.mode, metadata.modified), (0o4755, Timestamp::new(1_600_000_000, 0)));
    let owner = Owner { uid: 1001, gid: 1002, user: "anna".into(), group: "staff".into() };
    assert_eq!(*metadata.owner, owner);
    assert_eq!((metadata.inode, metadata.changed, metadata.hard_link), (None, None, None));
}

#[test]
fn extended_headers_say_what_does_not_fit() {
    let long = format!("{}/name", "long".repeat(60));
    let mut builder = Builder::new(Vec::new());
    let global = b"18 mtime=7.250000\n8 uid=5\n";
    let mut of_all = header(EntryType::XGlobalHeader, global.len() as u64);
    of_all.set_path("global").unwrap();
    of_all.set_cksum();
    builder.append(&of_all, &global[..]).unwrap();
    builder
        .append_pax_extensions([
            ("path", long.as_bytes()),
            ("mtime", b"-1.75"),
            ("uid", b"3000000"),
            ("gid", b"4294967296"),
            ("uname", "jürgen".as_bytes()),
            ("SCHILY.xattr.user.b", b"line\nline\0\xff"),
            ("SCHILY.xattr.user.a%3D", b""),
            ("RHT.security.selinux", b"system_u"),
            ("SCHILY.acl.access", b"user::rw-,user:anna:r--"),
        ])
        .unwrap();
    add(&mut builder, header(EntryType::Regular, 3), b"short", b"abc");
    add(&mut builder, header(EntryType::Regular, 0), b"plain", b"");
    builder.append_pax_extensions([("linkpath", &b"x\xff"[..]), ("size", b"0")]).unwrap();
    add(&mut builder, header(EntryType::Symlink, 0), b"link", b"");
    let (seen, problems) = read_all(source(builder.into_inner().unwrap()));
    assert_eq!(seen.len(), 3);
    let one = find(&seen, &long);
    let metadata = &one.entry.metadata;
    assert_eq!((one.data.as_slice(), metadata.modified), (&b"abc"[..], Timestamp::new(-2, 250_000_000)));
    let owner = Owner { uid: 3_000_000, gid: u32::MAX, user: "jürgen".into(), group: "staff".into() };
    assert_eq!(*metadata.owner, owner);
    let xattr = |name: &[u8], value: &[u8]| Xattr { name: name.to_vec(), value: value.to_vec() };
    let xattrs =
        [xattr(b"security.selinux", b"system_u\0"), xattr(b"user.a=", b""), xattr(b"user.b", b"line\nline\0\xff")];
    assert_eq!(metadata.xattrs, xattrs);
    assert_eq!((problems.len(), problems[0].reason), (1, ProblemReason::Metadata), "{problems:?}");
    assert!(problems[0].detail.contains("gid") && problems[0].detail.contains("ACL"));
    let plain = &find(&seen, "plain").entry.metadata;
    assert_eq!((plain.modified, plain.owner.uid), (Timestamp::new(7, 250_000_000), 5));
    assert_eq!(find(&seen, "link").entry.kind, EntryKind::Symlink { target: b"x\xff".to_vec() });
}

#[test]
fn hostile_and_unknown_members_are_named_and_left_out() {
    let mut builder = Builder::new(Vec::new());
    for name in [&b"/etc/passwd"[..], b"../up", b"a/../../up"] {
        add(&mut builder, header(EntryType::Regular, 5), name, b"12345");
    }
    let mut link = header(EntryType::Link, 0);
    link.set_link_name_literal("/etc/shadow").unwrap();
    add(&mut builder, link, b"hard", b"");
    add(&mut builder, header(EntryType::new(b'Q'), 600), b"unknown", &[0; 600]);
    add(&mut builder, header(EntryType::new(b'V'), 0), b"a label", b"");
    add(&mut builder, header(EntryType::Regular, 2), b"fine", b"ok");
    builder.append_pax_extensions([("path", "n".repeat(2000).as_bytes())]).unwrap();
    add(&mut builder, header(EntryType::Regular, 0), b"x", b"");
    let (seen, problems) = read_all(source(builder.into_inner().unwrap()));
    assert_eq!((seen.len(), find(&seen, "fine").data.as_slice()), (1, &b"ok"[..]));
    let named: Vec<_> = problems.iter().map(|problem| (problem.path.to_string(), problem.reason)).collect();
    let reason = ProblemReason::Unsupported;
    let expected = ["", "", "", "hard", "unknown", ""].map(|at| (at.to_owned(), reason));
    assert_eq!(named, expected);
    assert!(problems[1].detail.contains("../up"));
}

#[test]
fn content_is_read_in_its_turn_or_not_at_all() {
    let mut builder = Builder::new(Vec::new());
    add(&mut builder, header(EntryType::Regular, 5000), b"one", &[1; 5000]);
    add(&mut builder, header(EntryType::Regular, 5000), b"two", &[2; 5000]);
    let mut source = source(builder.into_inner().unwrap());
    let mut next = || match source.next(&Context::new()).unwrap() {
        Some(SourceItem::Entry(_, handle)) => handle,
        _ => panic!("no entry"),
    };
    let mut one = next();
    one.read(&mut [0; 10]).unwrap();
    let mut two = next();
    assert!(one.read(&mut [0; 10]).is_err());
    assert_eq!(read_data(two.as_mut()), [2; 5000]);
}

#[test]
fn streams_that_are_cut_or_damaged_fail() {
    let mut builder = Builder::new(Vec::new());
    add(&mut builder, header(EntryType::Regular, 2000), b"one", &[1; 2000]);
    builder.append_pax_extensions([("path", &b"two"[..])]).unwrap();
    add(&mut builder, header(EntryType::Regular, 5), b"x", b"12345");
    let whole = builder.into_inner().unwrap();
    assert_eq!(read_all(source(whole.clone())).0.len(), 2);
    // One of the two blocks at the end will do.
    assert_eq!(read_all(source(whole[..whole.len() - 512].to_vec())).0.len(), 2);
    for length in [0, 100, 512, 1000, 512 + 2048, 512 + 2048 + 700, whole.len() - 1024] {
        let error = failure(whole[..length].to_vec());
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{length}: {error}");
    }
    let mut damaged = whole.clone();
    damaged[512 + 2048 + 20] ^= 1;
    assert_eq!(failure(damaged).kind(), ErrorKind::Corrupt);
    assert_eq!(failure(b"certainly not a tar stream".repeat(100)).kind(), ErrorKind::Corrupt);
    // An extended header with nothing after it says that something is missing.
    let mut builder = Builder::new(Vec::new());
    builder.append_pax_extensions([("path", &b"two"[..])]).unwrap();
    assert_eq!(failure(builder.into_inner().unwrap()).kind(), ErrorKind::Corrupt);
}

#[test]
fn a_reader_is_read_to_its_end() {
    let mut bytes = Builder::new(Vec::new()).into_inner().unwrap();
    bytes.resize(100_000, b'x');
    struct Counting(Cursor<Vec<u8>>, std::sync::Arc<std::sync::atomic::AtomicUsize>);
    impl Read for Counting {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
            Ok(count)
        }
    }
    let count = std::sync::Arc::default();
    assert!(read_all(TarSource::new(Counting(Cursor::new(bytes), std::sync::Arc::clone(&count)))).0.is_empty());
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 100_000);
}

/// Runs GNU tar in a folder; `None`, and a word about it, where there is none.
fn gnu_tar(folder: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let version = Command::new("tar").arg("--version").output();
    if !version.is_ok_and(|output| output.stdout.starts_with(b"tar (GNU tar)")) {
        eprintln!("GNU tar is not installed, so its streams are not tested");
        return None;
    }
    let output = Command::new("tar").current_dir(folder).args(["-cf", "-"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn streams_of_gnu_tar_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let long = "l".repeat(90);
    let deep = format!("{long}/{long}/{long}");
    fs::create_dir_all(root.join("t").join(&deep)).unwrap();
    fs::write(root.join("t").join(&deep).join("file"), "deep").unwrap();
    fs::write(root.join("t/big"), vec![9; 100_000]).unwrap();
    fs::set_permissions(root.join("t/big"), PermissionsExt::from_mode(0o6640)).unwrap();
    fs::hard_link(root.join("t/big"), root.join("t/hard")).unwrap();
    symlink(format!("{long}{long}"), root.join("t/symlink")).unwrap();
    let time = |path: &str| Timestamp::from(fs::symlink_metadata(root.join(path)).unwrap().modified().unwrap());
    let has_xattr =
        rustix::fs::setxattr(root.join("t/big"), "user.note", b"a\nb", rustix::fs::XattrFlags::empty()).is_ok();
    for format in ["gnu", "posix", "oldgnu"] {
        let mut arguments = vec!["--format", format, "--sort=name", "t"];
        if format == "posix" {
            arguments.push("--xattrs");
        }
        let Some(bytes) = gnu_tar(root, &arguments) else { return };
        let (seen, problems) = read_all(source(bytes));
        assert!(problems.is_empty(), "{format}: {problems:?}");
        assert_eq!(find(&seen, &format!("t/{deep}/file")).data, b"deep", "{format}");
        let big = find(&seen, "t/big");
        assert_eq!((big.data.len(), big.entry.metadata.mode), (100_000, 0o6640));
        assert_eq!(find(&seen, "t/hard").link, Some(path("t/big")));
        let target = format!("{long}{long}").into_bytes();
        assert_eq!(find(&seen, "t/symlink").entry.kind, EntryKind::Symlink { target });
        assert_eq!(find(&seen, "t").entry.kind, EntryKind::Directory);
        let modified = big.entry.metadata.modified;
        if format == "posix" {
            assert_eq!(modified, time("t/big"));
            if has_xattr {
                assert_eq!(big.entry.metadata.xattrs[0].value, b"a\nb");
            }
        } else {
            assert_eq!(modified.seconds, time("t/big").seconds);
        }
    }
}

#[test]
fn sparse_files_in_every_version() {
    const MIB: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let make = |name: &str, size: u64, pieces: &[u64]| {
        let file = fs::File::create(root.join(name)).unwrap();
        file.set_len(size).unwrap();
        for offset in pieces {
            file.write_all_at(&vec![0x77; 4096 * 16], *offset).unwrap();
        }
        file.sync_all().unwrap();
    };
    make("few", 5 * MIB + 3, &[MIB, 3 * MIB]);
    make("many", 80 * MIB, &(0..70).map(|number| number * MIB).collect::<Vec<_>>());
    make("all", 2 * MIB, &[]);
    make("end", MIB, &[MIB - 4096 * 16]);
    let formats: [&[&str]; 4] = [
        &["--format=gnu"],
        &["--format=posix", "--sparse-version=0.0"],
        &["--format=posix", "--sparse-version=0.1"],
        &["--format=posix", "--sparse-version=1.0"],
    ];
    for format in formats {
        let arguments = [format, &["--sparse", "few", "many", "all", "end"]].concat();
        let Some(bytes) = gnu_tar(root, &arguments) else { return };
        assert!(bytes.len() < 8 << 20, "{format:?}");
        let (seen, problems) = read_all(source(bytes));
        assert!(problems.is_empty(), "{format:?}: {problems:?}");
        for name in ["few", "many", "all", "end"] {
            let one = find(&seen, name);
            assert!(expand(&one.entry, &one.data) == fs::read(root.join(name)).unwrap(), "{format:?}: {name}");
        }
        assert_eq!(find(&seen, "all").entry.holes, [Hole { offset: 0, length: 2 * MIB }]);
        assert_eq!(find(&seen, "many").entry.holes.len(), 70);
    }
}

#[test]
fn of_too_many_holes_some_are_read_as_zeros() {
    let mut map = String::new();
    let (mut size, mut content) = (0u64, Vec::new());
    let mut expected = Vec::new();
    for number in 0..3000u64 {
        let hole = 1 + number % 5;
        map.push_str(&format!("{},2,", size + hole));
        expected.resize(expected.len() + hole as usize, 0);
        expected.extend_from_slice(b"xy");
        content.extend_from_slice(b"xy");
        size += hole + 2;
    }
    let size_text = size.to_string();
    let map = map.trim_end_matches(',');
    let mut builder = Builder::new(Vec::new());
    let records =
        [("GNU.sparse.size", size_text.as_bytes()), ("GNU.sparse.map", map.as_bytes()), ("GNU.sparse.name", b"real")];
    builder.append_pax_extensions(records).unwrap();
    add(&mut builder, header(EntryType::Regular, content.len() as u64), b"made/up", &content);
    let (seen, problems) = read_all(source(builder.into_inner().unwrap()));
    assert!(problems.is_empty());
    let one = find(&seen, "real");
    assert_eq!(one.entry.holes.len(), 1024);
    assert!(expand(&one.entry, &one.data) == expected);
}

#[test]
fn maps_of_sparse_files_that_do_not_fit_fail() {
    for (size, map) in
        [("3", "0,4"), ("9", "0,3"), ("9", "2,2,1,2"), ("9", "0"), ("9", "x,4"), ("99999999999999999999", "0,4")]
    {
        let mut builder = Builder::new(Vec::new());
        let records = [("GNU.sparse.size", size.as_bytes()), ("GNU.sparse.map", map.as_bytes())];
        builder.append_pax_extensions(records).unwrap();
        add(&mut builder, header(EntryType::Regular, 4), b"x", b"1234");
        assert_eq!(failure(builder.into_inner().unwrap()).kind(), ErrorKind::Corrupt, "{size} {map}");
    }
}

proptest! {
    #[test]
    fn damaged_streams_never_panic(position in 0usize..6000, bytes in prop::collection::vec(any::<u8>(), 1..20), fix in any::<bool>()) {
        let mut builder = Builder::new(Vec::new());
        builder.append_pax_extensions([("GNU.sparse.size", &b"9"[..]), ("GNU.sparse.map", b"1,4"), ("mtime", b"1.5")]).unwrap();
        add(&mut builder, header(EntryType::Regular, 4), b"x", b"1234");
        add(&mut builder, header(EntryType::GNUSparse, 0), b"s", b"");
        add(&mut builder, header(EntryType::Char, 0), b"c", b"");
        let mut stream = builder.into_inner().unwrap();
        let position = position % (stream.len() - bytes.len());
        stream[position..position + bytes.len()].copy_from_slice(&bytes);
        if fix {
            let start = position / 512 * 512;
            let sum: u64 = (0..512).map(|at| if (148..156).contains(&at) { 32 } else { u64::from(stream[start + at]) }).sum();
            stream[start + 148..start + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let mut source = source(stream);
        while let Ok(Some(item)) = source.next(&Context::new()) {
            if let SourceItem::Entry(_, mut handle) = item {
                let mut buffer = [0; 100];
                let mut reads = 0;
                while handle.read(&mut buffer).is_ok_and(|count| count > 0) && reads < 1000 {
                    reads += 1;
                }
            }
        }
    }
}
