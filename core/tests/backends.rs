//! The backends that the crate brings along keep what the trait promises.

mod common;

use common::conformance::{conformance, listed, name};
use common::vault::Vault;
use common::{noise, scratch};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};
use strongroom::{Backend, Context, EntryPath, ErrorKind, Folder, LocalBackend, MemoryBackend, PruneOptions, Source};

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

const PUTTING: &str = "STRONGROOM_TEST_PUTS";
const PUT_TEST: &str = "what_a_killed_put_left_goes_a_day_later_and_never_while_it_is_under_way";

/// A process of its own that stores a large object, and is stopped in the middle of it.
fn stopped_while_putting(folder: &Path) -> (Child, PathBuf) {
    let shard = folder.join("packs/ab");
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([PUT_TEST, "--exact"]).env(PUTTING, folder).stdout(Stdio::null());
        let mut child = child.spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            let files = fs::read_dir(&shard).into_iter().flatten().map(|file| file.unwrap().path());
            let temporary = files.filter(|path| path.file_name().unwrap().as_encoded_bytes().starts_with(b".tmp-"));
            if let Some(temporary) = temporary.into_iter().next() {
                kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
                std::thread::sleep(Duration::from_millis(200));
                if temporary.exists() {
                    return (child, temporary);
                }
                break;
            }
        }
        // It was quicker.
        child.kill().unwrap();
        child.wait().unwrap();
        LocalBackend::new(folder).delete(&name("packs/abcd")).unwrap();
    }
}

fn make_older(path: &Path, hours: u64) {
    let time = SystemTime::now() - Duration::from_secs(hours * 60 * 60);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn what_a_killed_put_left_goes_a_day_later_and_never_while_it_is_under_way() {
    if let Some(folder) = std::env::var_os(PUTTING) {
        let piece = vec![1; 1 << 20];
        LocalBackend::new(folder).put(&name("packs/abcd"), &vec![piece.as_slice(); 128]).unwrap();
        return;
    }
    let folder = scratch();
    let backend = LocalBackend::new(folder.path());
    backend.put(&name("config"), &[b"config"]).unwrap();
    backend.put(&name("packs/abcc"), &[b"pack"]).unwrap();
    let (mut child, temporary) = stopped_while_putting(folder.path());
    make_older(&temporary, 3 * 24);
    backend.tidy().unwrap();
    assert!(temporary.exists(), "its writer is only asleep");
    child.kill().unwrap();
    child.wait().unwrap();
    make_older(&temporary, 23);
    backend.tidy().unwrap();
    assert!(temporary.exists(), "its writer may be another machine");
    make_older(&temporary, 25);
    backend.tidy().unwrap();
    let left = ["config", "packs", "packs/ab", "packs/ab/abcc"].map(PathBuf::from);
    assert_eq!(everything(folder.path()), left);
}

#[test]
fn pruning_tidies_up_and_leaves_alone_what_is_not_the_backend_s() {
    let folder = scratch();
    let root = folder.path();
    let repo = common::create(LocalBackend::new(root).sync(false));
    common::back_up(&repo, Source::reader(EntryPath::parse("a").unwrap(), &b"abc"[..]));
    let shard = fs::read_dir(root.join("packs")).unwrap().next().unwrap().unwrap().path();
    let old = [
        root.join(".tmp-0011223344556677"),
        root.join("keys/.tmp-0011223344556677"),
        shard.join(".tmp-aabbccddeeff0011"),
    ];
    let others = [
        root.join(".tmp-mine"),
        root.join("keys/NOTES"),
        shard.join(".tmp-0011"),
        root.join("other/.tmp-0011223344556677"),
    ];
    fs::create_dir(root.join("other")).unwrap();
    for path in old.iter().chain(&others) {
        fs::write(path, "rubbish").unwrap();
        make_older(path, 1000);
    }
    repo.prune(&PruneOptions::new().dry_run(true), &Context::new()).unwrap();
    assert!(old.iter().all(|path| path.exists()));
    repo.prune(&PruneOptions::new(), &Context::new()).unwrap();
    assert!(old.iter().all(|path| !path.exists()) && others.iter().all(|path| path.exists()));
    common::assert_sound(&repo);
}
