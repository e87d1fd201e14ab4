//! What is reported complete survives a power cut: the system calls of the real command, and what a disk that loses
//! power between any two of them has.

#[path = "../common/mod.rs"]
mod common;

mod disk;
mod trace;

use common::{INIT, PASSPHRASE, Setup};
use disk::Disk;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use strongroom::{CheckOptions, Context, ErrorKind, LocalBackend, Repository, Secret, SnapshotFilter};
use trace::{Call, read_trace};

/// Whether system calls can be watched here. Where everything must be tested it is an error that they cannot.
fn strace() -> bool {
    let works = Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success());
    assert!(works || std::env::var_os("STRONGROOM_TEST_ALL").is_none(), "strace does not work here");
    if !works {
        eprintln!("skipped: this needs strace");
    }
    works
}

/// Runs the command and returns its system calls that name, write or flush files.
fn traced<S: AsRef<OsStr>>(setup: &Setup, arguments: impl IntoIterator<Item = S>) -> Vec<Call> {
    let log = setup.path("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "0", "-e", trace::CALLS, "-o"]).arg(&log).arg(env!("CARGO_BIN_EXE_strongroom"));
    setup.environment(&mut command);
    command.args(arguments);
    common::run(&mut command).expect(0);
    read_trace(&fs::read_to_string(log).unwrap())
}

fn files(setup: &Setup) {
    fs::create_dir_all(setup.source()).unwrap();
    for number in 0..20 {
        let text = format!("{number} ").repeat(10_000 + number);
        fs::write(setup.source().join(number.to_string()), text).unwrap();
    }
    let mut noise = vec![0; 20 << 20];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").unwrap(), &mut noise).unwrap();
    fs::write(setup.source().join("noise"), noise).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
}

/// The folder of an object, which tells what it may refer to.
fn rank(path: &Path) -> usize {
    let text = path.to_str().unwrap();
    let folders = ["/packs/", "/index/", "/sessions/", "/snapshots/"];
    folders.iter().position(|folder| text.contains(folder)).unwrap_or(folders.len())
}

#[test]
fn every_object_is_on_disk_before_the_next_one_that_needs_it() {
    if !strace() {
        return;
    }
    let setup = Setup::empty();
    files(&setup);
    let mut named = Vec::new();
    let mut disk = Disk::new(&setup.repository());
    for arguments in [INIT.as_slice(), &["backup", "source"]] {
        let calls = traced(&setup, arguments);
        for call in &calls {
            if let Call::Rename { to, .. } = call
                && disk.is_inside(to)
            {
                named.push(to.clone());
                // Everything named before is durable; what is named now has its bytes on disk.
                assert_eq!(disk.unsafe_names(), Vec::<PathBuf>::new(), "when {} gets its name", to.display());
            }
            disk.apply(call);
            assert_eq!(disk.empty_names(), Vec::<PathBuf>::new(), "after {call:?}");
        }
        assert_eq!(disk.unsafe_names(), Vec::<PathBuf>::new(), "at the end");
    }
    let ranks: Vec<usize> = named.iter().map(|path| rank(path)).collect();
    for wanted in 0..4 {
        assert!(ranks.contains(&wanted), "nothing of rank {wanted} in {named:?}");
    }
    assert!(named.iter().filter(|path| rank(path) == 0).count() >= 2, "more than one pack");
}

/// Opens what a power cut left, checks it, and reads the newest snapshot. Whether there is one.
fn look(place: &Path, what: &str) -> Option<usize> {
    let repo = match Repository::open(LocalBackend::new(place), &Secret::passphrase(PASSPHRASE)) {
        Ok(repo) => repo,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::WrongKey) => return None,
        Err(error) => panic!("{what}: {error}"),
    };
    let ctx = Context::new();
    let report = repo.check(&CheckOptions::new().read_data(100.0).verify_content(true), &ctx).unwrap();
    assert!(report.is_sound(), "{what}: {:?}", report.problems);
    Some(repo.snapshots(&SnapshotFilter::all()).unwrap().filter(|snapshot| snapshot.is_ok()).count())
}

#[test]
fn a_power_cut_between_any_two_calls_leaves_a_sound_repository() {
    if !strace() {
        return;
    }
    let setup = Setup::empty();
    files(&setup);
    let mut calls = traced(&setup, INIT);
    let created = calls.len();
    calls.extend(traced(&setup, ["backup", "source"]));
    let first = calls.len();
    fs::write(setup.source().join("7"), "changed").unwrap();
    calls.extend(traced(&setup, ["backup", "source"]));
    let left = setup.path("left");
    let mut disk = Disk::new(&setup.repository());
    let (mut before, mut states) = ([None, None], 0);
    for (number, call) in calls.iter().enumerate() {
        disk.apply(call);
        let done = number + 1;
        for (kind, state) in [disk.least(), disk.most()].into_iter().enumerate() {
            let last = [created, first, calls.len()].contains(&done);
            if before[kind].as_ref() == Some(&state) && !last {
                continue;
            }
            states += 1;
            disk.write(&state, &setup.repository(), &left);
            let what = format!("after call {done} of {}, {call:?}", calls.len());
            let found = look(&left, &what);
            // What was reported as done stays done.
            let promised = if done >= calls.len() { 2 } else { usize::from(done >= first) };
            assert!(done < created || found.is_some_and(|found| found >= promised), "{what}: {found:?} snapshots");
            before[kind] = Some(state);
        }
    }
    assert!(states > 20, "{states}");
    println!("{states} states of the disk were looked at");
}
