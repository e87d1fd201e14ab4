//! Progress comes now and then, only grows, and ends with what the report says.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{back_up, create, noise, reopen, scratch};
use super::{Noise, Slow, path};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use strongroom::{
    AppEntry, BackupOptions, CheckOptions, Context, Folder, IterSource, Phase, Problem, ProblemReason, Progress,
    RestoreOptions, Source,
};

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(Instant, Progress)>>>);

impl Heard {
    fn ctx(&self) -> Context {
        let heard = self.0.clone();
        Context::new().progress(move |progress: &Progress| {
            heard.lock().unwrap().push((Instant::now(), progress.clone()));
        })
    }

    /// Checks what holds for every operation; returns what was heard last.
    fn last(&self, took: Duration) -> Progress {
        let heard = self.0.lock().unwrap();
        let most = took.as_millis() / 66 + 3;
        assert!(!heard.is_empty() && heard.len() as u128 <= most, "{} calls in {took:?}", heard.len());
        // All but the last are apart, so that nobody has to throttle them again.
        let apart = heard[..heard.len() - 1].windows(2).map(|pair| pair[1].1.elapsed - pair[0].1.elapsed);
        assert!(apart.clone().all(|apart| apart >= Duration::from_millis(60)), "{:?}", apart.collect::<Vec<_>>());
        for pair in heard.windows(2) {
            let (before, after) = (&pair[0].1, &pair[1].1);
            let counts = |one: &Progress| [one.entries, one.bytes, one.new_bytes, one.stored_bytes, one.problems];
            let grows = counts(before).iter().zip(counts(after)).all(|(before, after)| *before <= after);
            assert!(grows && before.elapsed <= after.elapsed, "{before:?}\nand then {after:?}");
        }
        heard.last().unwrap().1.clone()
    }

    fn phases(&self) -> Vec<Phase> {
        let mut phases: Vec<Phase> = self.0.lock().unwrap().iter().map(|(_, progress)| progress.phase).collect();
        phases.dedup();
        phases
    }
}

/// Everything there is to count: duplicates, further names, holes, a file that fails half way.
fn folder_of_all_sorts(folder: &std::path::Path) {
    for number in 0..50_u64 {
        fs::write(folder.join(format!("{number:02}")), noise(number % 40, 30_000)).unwrap();
    }
    fs::hard_link(folder.join("00"), folder.join("another name")).unwrap();
    let mut sparse = fs::File::create(folder.join("sparse")).unwrap();
    sparse.seek(SeekFrom::Start(1 << 20)).unwrap();
    sparse.write_all(&noise(99, 20_000)).unwrap();
    sparse.set_len(5 << 20).unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    std::os::unix::fs::symlink("00", folder.join("link")).unwrap();
}

#[test]
fn of_a_backup_and_of_the_next_that_finds_everything_unchanged() {
    let folder = scratch();
    folder_of_all_sorts(folder.path());
    super::common::edits::settle(folder.path());
    let repo = create(Vault::new());
    for round in 0..2 {
        let heard = Heard::default();
        let report = repo.backup(Source::paths([folder.path()]), &BackupOptions::new(), &heard.ctx()).unwrap();
        let last = heard.last(report.duration);
        assert_eq!((last.entries, last.bytes), (report.entries, report.bytes), "round {round}");
        assert_eq!((last.new_bytes, last.stored_bytes), (report.new_bytes, report.stored_bytes), "round {round}");
        assert_eq!((last.problems, last.phase, &last.current), (0, Phase::Finishing, &None));
        assert!(last.elapsed >= report.duration);
        let totals = (Some(report.entries), Some(report.bytes));
        assert_eq!((last.total_entries, last.total_bytes), if round == 0 { (None, None) } else { totals });
    }
}

#[test]
fn of_a_backup_that_takes_its_time() {
    let repo = create(Vault::new());
    let heard = Heard::default();
    let entries = (0..120_u64).map(|number| {
        let reader = Slow::new(Noise::new(number).take(20_000), 10_000, Duration::from_millis(3));
        AppEntry::file(path(&format!("{number:03}")), reader)
    });
    let report = repo.backup(IterSource::new(entries).sorted(), &BackupOptions::new(), &heard.ctx()).unwrap();
    let last = heard.last(report.duration);
    assert_eq!((last.entries, last.bytes, last.new_bytes), (report.entries, report.bytes, report.new_bytes));
    let heard_often = heard.0.lock().unwrap().len();
    assert!(heard_often >= 5, "{heard_often} calls in {:?}", report.duration);
    let phases = heard.phases();
    assert!(phases.contains(&Phase::BackingUp) && phases.last() == Some(&Phase::Finishing), "{phases:?}");
    let some_current = heard.0.lock().unwrap().iter().any(|(_, progress)| progress.current.is_some());
    assert!(some_current);
}

#[test]
fn of_a_backup_with_problems() {
    struct Fails(u32);
    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 5 { Err(std::io::Error::other("the disk broke")) } else { Ok(buffer.len().min(10_000)) }
        }
    }
    let repo = create(Vault::new());
    let heard = Heard::default();
    let entries = vec![
        AppEntry::bytes(path("a"), noise(1, 50_000)),
        AppEntry::file(path("b"), Fails(0)),
        AppEntry::problem(Problem::new(path("c"), ProblemReason::PermissionDenied, "not allowed")),
        AppEntry::bytes(path("d"), "short").size(100),
    ];
    let report = repo.backup(IterSource::new(entries), &BackupOptions::new(), &heard.ctx()).unwrap();
    let reasons: Vec<_> = report.problems.iter().map(|problem| (problem.path.to_string(), problem.reason)).collect();
    let expected =
        [("b", ProblemReason::Unreadable), ("c", ProblemReason::PermissionDenied), ("d", ProblemReason::Changed)];
    assert_eq!(reasons, expected.map(|(path, reason)| (path.to_owned(), reason)));
    let last = heard.last(report.duration);
    assert_eq!((last.problems, report.problem_count, last.entries), (3, 3, report.entries));
    // What was read of the file that failed was work done, and is not in the snapshot.
    assert!(last.bytes >= report.bytes, "{last:?}");
}

#[test]
fn of_a_restore() {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    fs::create_dir(&source).unwrap();
    folder_of_all_sorts(&source);
    let vault = Vault::new();
    let snapshot = *back_up(&create(vault.clone()), Source::paths([&source])).snapshot().unwrap();
    let slow = FaultBackend::new(vault, |call: &Call| {
        (call.op == Op::Read && call.folder == Folder::Packs).then_some(Fault::Delay(Duration::from_millis(10)))
    });
    let repo = reopen(slow);
    for round in 0..2 {
        let heard = Heard::default();
        let report = repo.restore(&snapshot, &RestoreOptions::to(&target), &heard.ctx()).unwrap();
        let last = heard.last(report.elapsed + Duration::from_millis(50));
        assert_eq!((last.entries, last.problems), (report.entries, 0), "round {round}");
        // Every name of a file is progress; the report counts a file of two names once.
        assert_eq!(
            (last.bytes, last.total_bytes),
            (report.bytes + 30_000, Some(report.bytes + 30_000)),
            "round {round}"
        );
        assert_eq!(last.new_bytes, report.bytes_written, "round {round}");
    }
}

#[test]
fn of_a_check() {
    let vault = Vault::new();
    back_up(&create(vault.clone()), Source::reader(path("noise"), Noise::new(1).take(4 << 20)));
    let heard = Heard::default();
    let report = reopen(vault).check(&CheckOptions::new().read_data(100.0), &heard.ctx()).unwrap();
    let last = heard.last(report.duration);
    assert_eq!((last.bytes, last.stored_bytes, last.problems), (report.bytes_read, report.bytes_read, 0));
    assert_eq!((last.entries, last.total_bytes), (report.entries, Some(report.bytes_read)));
}

/// The storage takes its time with the very first byte, and whoever watches knows what is waited for.
#[test]
fn a_restore_names_what_it_waits_for() {
    for size in [100_000, 20 << 20] {
        let folder = scratch();
        fs::write(folder.path().join("awaited"), noise(1, size)).unwrap();
        let vault = Vault::new();
        let id = *back_up(&create(vault.clone()), Source::paths([folder.path()])).snapshot().unwrap();
        let heard = Heard::default();
        let named = heard.clone();
        let named_before = Arc::new(Mutex::new(None));
        let found = named_before.clone();
        let backend = FaultBackend::new(vault, move |call: &Call| {
            if call.op == Op::Read && call.folder == Folder::Packs {
                // Longer than the sink is left alone for.
                std::thread::sleep(Duration::from_millis(150));
                let heard = named.0.lock().unwrap();
                let current = heard.iter().rev().find_map(|(_, progress)| progress.current.clone());
                let bytes = heard.last().map_or(0, |(_, progress)| progress.new_bytes);
                if let (0, Some(current)) = (bytes, current) {
                    found.lock().unwrap().get_or_insert(current);
                }
            }
            None
        });
        let target = folder.path().join("target");
        let small = strongroom::Budget::default().threads(1);
        reopen(backend).restore(&id, &RestoreOptions::to(&target), &heard.ctx().budget(small)).unwrap();
        assert_eq!(named_before.lock().unwrap().as_deref(), Some("awaited"), "{size} bytes");
    }
}
