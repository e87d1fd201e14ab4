//! The backends that the crate brings along keep what the trait promises.

mod common;

use common::conformance::{conformance, listed, name};
use common::vault::Vault;
use common::{noise, scratch};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::path::{Path, PathBuf};
use strongroom::{Backend, ErrorKind, Folder, LocalBackend, MemoryBackend};

#[test]
fn memory() {
    conformance(MemoryBackend::new);
}

/// The one these tests tamper with must be one as well.
#[test]
fn the_tests_own_backend() {
    conformance(Vault::new);
}

#[test]
fn a_local_folder() {
    let folder = scratch();
    let mut count = 0;
    let next = std::cell::RefCell::new(|| {
        count += 1;
        // Several folders that do not exist, to be made with the first object.
        folder.path().join(format!("{count}/deeper"))
    });
    conformance(|| LocalBackend::new((next.borrow_mut())()).sync(false));
}

#[test]
fn a_local_folder_that_flushes_to_disk() {
    let folder = scratch();
    let backend = LocalBackend::new(folder.path().join("repository"));
    for number in 0..5_u64 {
        let object = name(&format!("packs/{number}{number}"));
        backend.put(&object, &[&noise(number, 1000)]).unwrap();
        assert_eq!(backend.read(&object, 0..1000).unwrap(), noise(number, 1000));
    }
    assert_eq!(listed(&backend, Folder::Packs).len(), 5);
}

/// Every path below a folder, relative to it.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            found.push(entry.path().strip_prefix(folder).unwrap().to_path_buf());
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_put_is_all_that_stays_in_the_folder() {
    let folder = scratch();
    let backend = LocalBackend::new(folder.path()).sync(false);
    let paths = |texts: &[&str]| texts.iter().map(PathBuf::from).collect::<Vec<_>>();
    backend.put(&name("packs/abcd"), &[b"pack"]).unwrap();
    backend.put(&name("config"), &[b"config"]).unwrap();
    backend.put(&name("keys/00"), &[b"key"]).unwrap();
    assert!(backend.put(&name("keys/00"), &[b"other"]).is_err());
    let expected = ["config", "keys", "keys/00", "packs", "packs/ab", "packs/ab/abcd"];
    assert_eq!(everything(folder.path()), paths(&expected));
    // A folder in the way of the name, after the bytes were written.
    fs::create_dir(folder.path().join("keys/01")).unwrap();
    assert!(backend.put(&name("keys/01"), &[b"key"]).is_err());
    // A file in the way of the folder.
    fs::write(folder.path().join("index"), "a file").unwrap();
    assert!(backend.put(&name("index/00"), &[b"index"]).is_err());
    let expected = ["config", "index", "keys", "keys/00", "keys/01", "packs", "packs/ab", "packs/ab/abcd"];
    assert_eq!(everything(folder.path()), paths(&expected));
}

#[test]
fn rubbish_in_the_folder_is_not_listed() {
    let folder = scratch();
    let root = folder.path();
    let backend = LocalBackend::new(root).sync(false);
    let objects = ["config", "keys/aa", "packs/aabb", "snapshots/cc"];
    for object in objects {
        backend.put(&name(object), &[b"object"]).unwrap();
    }
    // What a crash leaves, what programs and people leave, and what only looks like a folder of packs.
    for path in [
        ".tmp-0011223344556677",
        "keys/.tmp-0011223344556677",
        "packs/aa/.tmp-0011223344556677",
        "README.md",
        "keys/Upper",
        "keys/under_score",
        "keys/\u{e9}",
        "keys/.DS_Store",
        "packs/loose",
        "packs/aa/SPACE ship",
    ] {
        fs::write(root.join(path), "rubbish").unwrap();
    }
    fs::write(root.join(format!("keys/{}", "a".repeat(129))), "rubbish").unwrap();
    for path in ["keys/bb", "packs/cc/dd", "lost+found", "snapshots/dd"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    mknodat(CWD, root.join("keys/ff"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    std::os::unix::fs::symlink("aa", root.join("keys/ee")).unwrap();
    let files = |folder| listed(&backend, folder).into_keys().collect::<Vec<_>>();
    assert_eq!(files(Folder::Root), ["config"]);
    assert_eq!(files(Folder::Keys), ["aa"]);
    assert_eq!(files(Folder::Packs), ["aabb"]);
    assert_eq!(files(Folder::Snapshots), ["cc"]);
    assert!(files(Folder::Index).is_empty());
}

/// Whoever can write to the folder can put anything there. Opening a pipe would wait for its other end for ever.
#[test]
fn what_is_no_file_is_refused_as_an_object() {
    let folder = scratch();
    let root = folder.path();
    let backend = LocalBackend::new(root).sync(false);
    backend.put(&name("keys/aa"), &[b"object"]).unwrap();
    mknodat(CWD, root.join("keys/fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    mknodat(CWD, root.join("keys/socket"), FileType::Socket, Mode::from_raw_mode(0o600), 0).unwrap();
    fs::create_dir(root.join("keys/folder")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", root.join("keys/zero")).unwrap();
    for object in ["keys/fifo", "keys/socket", "keys/folder", "keys/zero"] {
        let object = name(object);
        for error in [backend.stat(&object).unwrap_err(), backend.read(&object, 0..1).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{object}: {error}");
            assert!(error.to_string().contains(object.file()), "{error}");
        }
        assert_eq!(backend.put(&object, &[b"x"]).unwrap_err().kind(), ErrorKind::AlreadyExists, "{object}");
    }
}

#[test]
fn a_sparse_giant_is_read_in_part_and_nothing_is_allocated_for_the_rest() {
    let folder = scratch();
    let backend = LocalBackend::new(folder.path()).sync(false);
    let length = 1 << 40;
    fs::create_dir_all(folder.path().join("keys")).unwrap();
    fs::File::create(folder.path().join("keys/big")).unwrap().set_len(length).unwrap();
    let object = name("keys/big");
    assert_eq!(backend.stat(&object).unwrap().length, length);
    assert_eq!(backend.read(&object, length - 3..length).unwrap(), [0; 3]);
    assert_eq!(backend.read(&object, 0..length + 1).unwrap_err().kind(), ErrorKind::Corrupt);
}
