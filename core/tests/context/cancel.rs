//! Cancelling is answered at once, wherever the work is.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::forest::Fill;
use super::common::vault::Vault;
use super::common::walk::{assert_same, walk};
use super::common::{back_up, create, noise, reopen, restore, scratch};
use super::{Noise, Slow, path};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use strongroom::{
    AppEntry, BackupOptions, Budget, CancelToken, CheckOptions, Context, EntryPath, Error, ErrorKind, Folder,
    IterSource, Progress, Repository, RestoreOptions, SnapshotFilter, Source, Timestamp,
};

/// What is promised.
const PROMISED: Duration = Duration::from_millis(250);

/// Says once that an operation is in the middle of its work.
#[derive(Clone)]
struct Ready(Sender<()>);

impl Ready {
    fn now(&self) {
        let _ = self.0.send(());
    }
}

/// Starts an operation, cancels it once it says that it is at work, and measures how long it then takes to end. A
/// machine that is busy with other things gets a second and a third chance.
#[track_caller]
fn assert_answered<T>(run: impl Fn(&Context, Ready) -> Result<T, Error> + Sync) {
    let mut took = Vec::new();
    for _ in 0..3 {
        let token = CancelToken::new();
        let (ready, at_work): (Sender<()>, Receiver<()>) = channel();
        let ctx = Context::new().cancel_token(token.clone()).budget(Budget::default().threads(2));
        let (result, time) = std::thread::scope(|scope| {
            let operation = scope.spawn(|| (run(&ctx, Ready(ready)).map(drop), Instant::now()));
            at_work.recv().expect("the operation ended before it was at work");
            let cancelled = Instant::now();
            token.cancel();
            let (result, ended) = operation.join().unwrap();
            (result, ended.duration_since(cancelled))
        });
        let error = result.expect_err("the operation ended before it was cancelled");
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        assert!(error.to_string().starts_with("cancelled while trying to"), "{error}");
        if time <= PROMISED {
            return;
        }
        took.push(time);
    }
    panic!("cancelling was answered only after {took:?}");
}

/// Calls back with every call of one kind, and makes it slow.
fn slow(inner: Vault, op: Op, folder: Folder, pause: Duration, ready: Ready) -> FaultBackend {
    let mut calls = 0;
    FaultBackend::new(inner, move |call: &Call| {
        if call.op != op || call.folder != folder {
            return None;
        }
        calls += 1;
        if calls == 2 {
            ready.now();
        }
        Some(Fault::Delay(pause))
    })
}

#[test]
fn in_a_slow_source() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    assert_answered(|ctx, ready| {
        let mut reads = 0;
        let reader = Slow::new(Noise::new(1), 100, Duration::from_millis(5)).before_read(move || {
            reads += 1;
            if reads == 20 {
                ready.now();
            }
        });
        repo.backup(Source::reader(path("endless"), reader), &BackupOptions::new(), ctx)
    });
    assert!(vault.names(Folder::Snapshots).is_empty());
}

#[test]
fn while_a_fast_source_never_ends() {
    let repo = create(Vault::new());
    assert_answered(|ctx, ready| {
        let mut reads = 0;
        let reader = Slow::new(Noise::new(1), 1 << 20, Duration::ZERO).before_read(move || {
            reads += 1;
            if reads == 10 {
                ready.now();
            }
        });
        repo.backup(Source::reader(path("endless"), reader), &BackupOptions::new(), ctx)
    });
}

#[test]
fn among_endless_small_entries() {
    let repo = create(Vault::new());
    assert_answered(|ctx, ready| {
        let entries = (0_u64..).map(move |number| {
            if number == 2000 {
                ready.now();
            }
            AppEntry::bytes(path(&format!("{number:020}")), noise(number, 100))
        });
        repo.backup(IterSource::new(entries).sorted(), &BackupOptions::new(), ctx)
    });
}

#[test]
fn while_storage_is_slow_to_take_packs() {
    let vault = Vault::new();
    create(vault.clone());
    assert_answered(|ctx, ready| {
        let backend = slow(vault.fork(), Op::Put, Folder::Packs, Duration::from_millis(100), ready);
        repo_of(backend).backup(Source::reader(path("endless"), Noise::new(2)), &BackupOptions::new(), ctx)
    });
}

#[test]
fn while_everything_in_storage_is_slow() {
    let vault = Vault::new();
    create(vault.clone());
    assert_answered(|ctx, ready| {
        let backend = FaultBackend::new(vault.fork(), move |call: &Call| {
            if call.op == Op::Put && call.folder == Folder::Packs {
                ready.now();
            }
            Some(Fault::Delay(Duration::from_millis(50)))
        });
        repo_of(backend).backup(Source::reader(path("endless"), Noise::new(2)), &BackupOptions::new(), ctx)
    });
}

#[test]
fn while_an_upload_waits_for_its_rate() {
    let repo = create(Vault::new());
    assert_answered(|ctx, ready| {
        // After the first pack the next one would have to wait for minutes.
        let ctx = ctx.clone().budget(Budget::default().upload_rate(2000));
        let mut reads = 0;
        let reader = Slow::new(Noise::new(3), 64 << 10, Duration::ZERO).before_read(move || {
            reads += 1;
            if reads == 40 {
                ready.now();
            }
        });
        repo.backup(Source::reader(path("endless"), reader), &BackupOptions::new(), &ctx)
    });
}

fn repo_of(backend: FaultBackend) -> Repository {
    reopen(backend)
}

/// A repository with much content in it, and what is in it.
fn filled() -> Vault {
    let vault = Vault::new();
    let repo = create(vault.clone());
    let files = (0..40_u64).map(|number| AppEntry::bytes(path(&format!("{number:02}")), noise(number, 200_000)));
    back_up(&repo, IterSource::new(files.collect::<Vec<_>>()));
    vault
}

#[test]
fn in_a_restore_from_slow_storage() {
    let vault = filled();
    let snapshot = reopen(vault.clone()).snapshot("latest", &SnapshotFilter::all()).unwrap().id;
    let folder = scratch();
    assert_answered(|ctx, ready| {
        let backend = slow(vault.clone(), Op::Read, Folder::Packs, Duration::from_millis(100), ready);
        let target = tempfile::tempdir_in(folder.path()).unwrap();
        repo_of(backend).restore(&snapshot, &RestoreOptions::to(target.path()), ctx)
    });
}

#[test]
fn a_cancelled_restore_is_taken_up_again() {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    fs::create_dir(&source).unwrap();
    for number in 0..200_u64 {
        fs::write(source.join(format!("{number:03}")), noise(number, 20_000)).unwrap();
    }
    fs::write(source.join("large"), Fill::Noise(1).bytes(3 << 20)).unwrap();
    let vault = Vault::new();
    let snapshot = *back_up(&create(vault.clone()), Source::paths([&source])).snapshot().unwrap();
    let token = CancelToken::new();
    let (cancel, mut reads) = (token.clone(), 0);
    let backend = FaultBackend::new(vault.clone(), move |call: &Call| {
        reads += u64::from(call.op == Op::Read && call.folder == Folder::Packs);
        if reads == 30 {
            cancel.cancel();
        }
        None
    });
    let ctx = Context::new().cancel_token(token);
    let error = repo_of(backend).restore(&snapshot, &RestoreOptions::to(&target), &ctx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert!(fs::read_dir(&target).unwrap().count() < 201);
    restore(&reopen(vault), &snapshot, &target);
    assert_same(&walk(&source), &walk(&target));
}

#[test]
fn in_a_check_of_all_data_in_slow_storage() {
    let vault = filled();
    assert_answered(|ctx, ready| {
        let backend = slow(vault.clone(), Op::Read, Folder::Packs, Duration::from_millis(100), ready);
        repo_of(backend).check(&CheckOptions::new().read_data(100.0).verify_content(true), ctx)
    });
}

#[test]
fn in_rebuilding_the_index_from_slow_storage() {
    let vault = filled();
    assert_answered(|ctx, ready| {
        let backend = slow(vault.fork(), Op::Read, Folder::Packs, Duration::from_millis(100), ready);
        repo_of(backend).rebuild_index(ctx)
    });
}

#[test]
fn in_a_tar_stream_that_nobody_reads() {
    let vault = filled();
    let repo = reopen(vault);
    let snapshot = repo.snapshot("latest", &SnapshotFilter::all()).unwrap().id;
    struct Full(Ready, u64);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1 += 1;
            if self.1 == 20 {
                self.0.now();
            }
            std::thread::sleep(Duration::from_millis(20));
            Ok(bytes.len().min(512))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    assert_answered(|ctx, ready| repo.export_tar(&snapshot, &EntryPath::root(), &mut Full(ready, 0), ctx));
}

#[test]
fn while_a_backup_looks_for_what_to_build_on() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    for number in 0..30_u64 {
        back_up(&repo, IterSource::new(vec![AppEntry::bytes(path("a"), noise(number, 2000))]));
    }
    for folder in [Folder::Snapshots, Folder::Index, Folder::Sessions] {
        if folder == Folder::Sessions {
            // Without the snapshots, and the ends of the sessions, all of them could have been broken off.
            vault.names(Folder::Snapshots).iter().for_each(|name| vault.remove(name));
            let leases = vault.names(folder).into_iter();
            leases.filter(|name| !name.file().ends_with("-00000000")).for_each(|name| vault.remove(&name));
        }
        assert_answered(|ctx, ready| {
            let backend = slow(vault.fork(), Op::Read, folder, Duration::from_millis(100), ready);
            repo_of(backend).backup(Source::reader(path("endless"), Noise::new(2)), &BackupOptions::new(), ctx)
        });
    }
}

/// Two snapshots that have nothing in common.
#[test]
fn in_a_comparison() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    let rows = |time: i64| {
        let row = move |number: u64| {
            let name: String = noise(number, 90).iter().map(|byte| format!("{byte:02x}")).collect();
            AppEntry::bytes(path(&name), "row").modified(Timestamp::new(time, 0))
        };
        Source::entries((0..6000).map(row))
    };
    let [first, second] = [1, 2].map(|time| *back_up(&repo, rows(time)).snapshot().unwrap());
    // In the callback.
    assert_answered(|ctx, ready| {
        let mut found = 0;
        repo.diff(
            &first,
            &second,
            &mut |_| {
                found += 1;
                if found == 5 {
                    ready.now();
                }
                std::thread::sleep(Duration::from_millis(20));
                Ok(())
            },
            ctx,
        )
    });
    // While nodes come from slow storage.
    assert_answered(|ctx, ready| {
        let backend = slow(vault.clone(), Op::Read, Folder::Packs, Duration::from_millis(100), ready);
        repo_of(backend).diff(&first, &second, &mut |_| Ok(()), ctx)
    });
}

/// Whoever is called back may cancel.
#[test]
fn from_inside_a_callback() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    let token = CancelToken::new();
    let cancel = token.clone();
    let ctx = Context::new().cancel_token(token).progress(move |_: &Progress| cancel.cancel());
    let begin = Instant::now();
    let endless = Source::reader(path("endless"), Noise::new(1));
    let error = repo.backup(endless, &BackupOptions::new(), &ctx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert!(begin.elapsed() < Duration::from_secs(20));

    let token = CancelToken::new();
    let cancel = token.clone();
    let entries = (0_u64..).map(move |number| {
        if number == 100 {
            cancel.cancel();
        }
        AppEntry::bytes(path(&format!("{number:020}")), "x")
    });
    let ctx = Context::new().cancel_token(token);
    let error = repo.backup(IterSource::new(entries), &BackupOptions::new(), &ctx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert!(vault.names(Folder::Snapshots).is_empty());
}

#[test]
fn before_it_began() {
    let folder = scratch();
    let vault = filled();
    let repo = reopen(vault.clone());
    let snapshot = repo.snapshot("latest", &SnapshotFilter::all()).unwrap().id;
    let token = CancelToken::new();
    token.cancel();
    let ctx = Context::new().cancel_token(token);
    let target = folder.path().join("target");
    let packs = vault.names(Folder::Packs);
    let errors = [
        repo.backup(Source::reader(path("a"), Noise::new(1)), &BackupOptions::new(), &ctx).map(drop),
        repo.restore(&snapshot, &RestoreOptions::to(&target), &ctx).map(drop),
        repo.check(&CheckOptions::new(), &ctx).map(drop),
        repo.diff(&snapshot, &snapshot, &mut |_| Ok(()), &ctx).map(drop),
        repo.export_tar(&snapshot, &EntryPath::root(), &mut std::io::sink(), &ctx).map(drop),
        repo.rebuild_index(&ctx).map(drop),
        repo.stats(&ctx).map(drop),
    ];
    for (number, result) in errors.into_iter().enumerate() {
        // Comparing a snapshot with itself has nothing to be cancelled.
        if number != 3 {
            assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::Cancelled), "operation {number}");
        }
    }
    assert_eq!((vault.names(Folder::Packs), vault.names(Folder::Snapshots).len()), (packs, 1));
    assert!(!Path::new(&target).join("00").exists());
}

/// What came before a cancelled backup stays as it is, and the next one is right.
#[test]
fn a_cancelled_backup_harms_nothing() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    let first = back_up(&repo, Source::reader(path("dump"), Noise::new(5).take(700_000)));
    let token = CancelToken::new();
    let (cancel, mut reads) = (token.clone(), 0);
    let reader = Slow::new(Noise::new(6), 100_000, Duration::ZERO).before_read(move || {
        reads += 1;
        if reads == 50 {
            cancel.cancel();
        }
    });
    let ctx = Context::new().cancel_token(token);
    let error = repo.backup(Source::reader(path("dump"), reader), &BackupOptions::new(), &ctx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(vault.names(Folder::Snapshots).len(), 1);
    for repo in [repo, reopen(vault)] {
        let next = back_up(&repo, Source::reader(path("dump"), Noise::new(6).take(5_000_000)));
        for (report, seed, length) in [(&first, 5, 700_000), (&next, 6, 5_000_000)] {
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            repo.open_file(report.snapshot().unwrap(), "dump").unwrap().read_to_end(&mut found).unwrap();
            Noise::new(seed).take(length).read_to_end(&mut expected).unwrap();
            assert!(found == expected);
        }
        super::common::assert_sound(&repo);
    }
}
