//! How fast restores are when the repository costs nothing. Run in a release build:
//! `cargo test --release -p strongroom restore::tests::speed -- --ignored --nocapture --test-threads 1`

use super::support::*;
use crate::{Context, RestoreOptions};
use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn measure<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (wall, before) = (Instant::now(), cpu());
    let result = work();
    println!("{what}: {:.3} s, CPU {:.3} s", wall.elapsed().as_secs_f64(), cpu() - before);
    result
}

/// Files of about `size` bytes in folders of `per_folder`.
fn tree(files: usize, size: usize, per_folder: usize) -> Snapshot {
    let mut snapshot = Snapshot::new();
    let bytes = noise(7, size * 2);
    for number in 0..files {
        let folder = number / per_folder;
        if number % per_folder == 0 {
            snapshot.folder(&format!("f{:03}", folder / 50));
            snapshot.folder(&format!("f{:03}/g{folder:05}", folder / 50));
        }
        let length = (number * 7919) % (size * 2);
        snapshot.file(&format!("f{:03}/g{folder:05}/file{number:06}.c", folder / 50), &bytes[..length]);
        snapshot.contents.clear();
    }
    snapshot
}

fn run(what: &str, snapshot: &mut Snapshot) {
    let root = snapshot.root();
    let scratch = scratch();
    let options = RestoreOptions::to(scratch.path());
    for (round, threads) in [("new", 2), ("again", 2), ("new", 1)] {
        if round == "new" {
            let _ = std::fs::remove_dir_all(scratch.path());
        }
        let ctx = Context::new().budget(crate::Budget::default().threads(threads));
        let report = measure(&format!("{what}, {round}, {threads} threads"), || {
            crate::restore::run(&snapshot.store, root, scratch.path(), &options, &ctx).unwrap()
        });
        assert_eq!(report.problem_count, 0);
    }
}

/// The least that anything must do: the same files by the same calls from as many threads, with no tree.
fn floor(files: usize, size: usize, per_folder: usize) {
    use std::io::Write;
    use std::os::fd::AsFd;
    let scratch = scratch();
    let bytes = noise(7, size * 2);
    let half = |part: usize| {
        let folders = files.div_ceil(per_folder);
        for folder in (part * folders / 2)..((part + 1) * folders / 2) {
            let path = scratch.path().join(format!("g{folder:05}"));
            std::fs::create_dir(&path).unwrap();
            let fd = std::fs::File::open(&path).unwrap();
            for number in folder * per_folder..(folder + 1) * per_folder {
                let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CREATE | rustix::fs::OFlags::EXCL;
                let file = rustix::fs::openat(&fd, format!("file{number:06}.c"), flags, 0o644.into()).unwrap();
                let mut file = std::fs::File::from(file);
                file.write_all(&bytes[..(number * 7919) % (size * 2)]).unwrap();
                let time = rustix::fs::Timespec { tv_sec: 1, tv_nsec: 1 };
                let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
                rustix::fs::futimens(file.as_fd(), &times).unwrap();
            }
        }
    };
    measure("    floor, 2 threads", || {
        std::thread::scope(|scope| {
            scope.spawn(|| half(0));
            scope.spawn(|| half(1));
        });
    });
}

#[test]
#[ignore = "a measurement"]
fn small_files() {
    run("50k files of 1 KiB", &mut tree(50_000, 1000, 12));
    floor(50_000, 1000, 12);
    run("90k files of 15 KiB", &mut tree(90_000, 15_000, 15));
    floor(90_000, 15_000, 15);
}

#[test]
#[ignore = "a measurement"]
fn a_large_file() {
    let mut snapshot = Snapshot::new();
    snapshot.file("large", &noise(1, 1 << 30));
    snapshot.contents.clear();
    run("1 GiB", &mut snapshot);
}
