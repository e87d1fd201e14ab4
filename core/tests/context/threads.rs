//! Every operation works with the threads of its own budget, and leaves none behind.

use super::common::child::{alone, threads};
use super::common::{create, noise, reopen};
use super::path;
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};
use strongroom::{
    AppEntry, BackupOptions, Budget, CheckOptions, Context, IterSource, MemoryBackend, Repository, RestoreOptions,
    SnapshotFilter,
};

fn workers(threads: &[String]) -> usize {
    threads
        .iter()
        .filter(|name| name.strip_prefix("strongroom-").is_some_and(|rest| rest.parse::<u32>().is_ok()))
        .count()
}

/// Waits until only as many threads are left as there were; threads take a moment to end.
fn until_only(expected: usize) {
    let begin = Instant::now();
    while threads().len() > expected {
        assert!(begin.elapsed() < Duration::from_secs(5), "left behind: {:?}", threads());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn rows(count: u64, in_the_middle: impl Fn() + Send + 'static) -> impl Iterator<Item = AppEntry> + Send {
    (0..count).map(move |number| {
        if number == count / 2 {
            in_the_middle();
        }
        AppEntry::bytes(path(&format!("{number:05}")), noise(number, 2000))
    })
}

#[test]
fn two_repositories_at_work_at_once_keep_to_their_own_budgets() {
    alone("threads::two_repositories_at_work_at_once_keep_to_their_own_budgets", || {
        let before = threads().len();
        let repos: [Repository; 2] = std::array::from_fn(|_| create(MemoryBackend::new()));
        // Both stop in the middle, with their threads started, and look around.
        let barrier = Arc::new(Barrier::new(2));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let reports = std::thread::scope(|scope| {
            let work = |(repo, count): (&Repository, usize)| {
                let (barrier, seen, repo) = (Arc::clone(&barrier), Arc::clone(&seen), repo.clone());
                scope.spawn(move || {
                    let rows = rows(3000, move || {
                        barrier.wait();
                        let own = std::thread::current().name().unwrap().to_owned();
                        seen.lock().unwrap().push((own, threads()));
                        barrier.wait();
                    });
                    let ctx = Context::new().budget(Budget::default().threads(count));
                    repo.backup(IterSource::new(rows).sorted(), &BackupOptions::new(), &ctx).unwrap()
                })
            };
            let running: Vec<_> = repos.iter().zip([1, 3]).map(work).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        for (own, names) in seen.lock().unwrap().iter() {
            assert!(own.starts_with("strongroom-"), "a source is read on {own}");
            assert_eq!(workers(names), 1 + 3, "{names:?}");
            assert_eq!(names.iter().filter(|name| *name == "strongroom-uplo").count(), 2, "{names:?}");
            // These two, the two that called, and the one of the test.
            assert_eq!(names.len(), before + 2 + 4 + 2, "{names:?}");
        }
        assert_eq!(seen.lock().unwrap().len(), 2);
        until_only(before);
        for (repo, report) in repos.iter().zip(reports) {
            assert_eq!((report.files, report.bytes), (3000, 6_000_000));
            let entries = repo.list(report.snapshot().unwrap(), &path(""), true).unwrap();
            let names: BTreeSet<String> = entries.map(|entry| entry.unwrap().path.to_string()).collect();
            assert!(names.into_iter().eq((0..3000).map(|number| format!("{number:05}"))));
            super::common::assert_sound(repo);
        }
    });
}

#[test]
fn no_thread_is_left_behind_by_any_operation() {
    alone("threads::no_thread_is_left_behind_by_any_operation", || {
        let before = threads().len();
        let folder = super::common::scratch();
        let backend = MemoryBackend::new();
        let repo = create(backend.clone());
        let ctx = || Context::new().budget(Budget::default().threads(4));
        let report = repo.backup(IterSource::new(rows(500, || {})), &BackupOptions::new(), &ctx()).unwrap();
        until_only(before);
        let snapshot = *report.snapshot().unwrap();
        repo.restore(&snapshot, &RestoreOptions::to(folder.path()), &ctx()).unwrap();
        until_only(before);
        repo.check(&CheckOptions::new().read_data(100.0).verify_content(true), &ctx()).unwrap();
        until_only(before);
        repo.rebuild_index(&ctx()).unwrap();
        until_only(before);
        repo.stats(&ctx()).unwrap();
        repo.diff(&snapshot, &snapshot, &mut |_| Ok(()), &ctx()).unwrap();
        repo.export_tar(&snapshot, &path(""), &mut std::io::sink(), &ctx()).unwrap();
        repo.list(&snapshot, &path(""), true).unwrap().for_each(drop);
        until_only(before);
        // Nor by those that fail and those that are stopped.
        let token = strongroom::CancelToken::new();
        let cancel = token.clone();
        let rows = rows(500, move || cancel.cancel());
        let cancelled = repo.backup(IterSource::new(rows), &BackupOptions::new(), &ctx().cancel_token(token));
        assert!(cancelled.is_err());
        until_only(before);
        let none =
            repo.restore(&strongroom::SnapshotId::from_bytes([1; 32]), &RestoreOptions::to(folder.path()), &ctx());
        assert!(none.is_err());
        until_only(before);
        // And work on a repository does not depend on them.
        assert_eq!(reopen(backend).snapshots(&SnapshotFilter::all()).unwrap().count(), 1);
    });
}
