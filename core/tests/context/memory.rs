//! Memory stays within the budget, however much data there is.

use super::common::child::{alone, reset_peak, status};
use super::common::forest::Sizes;
use super::common::{back_up, create_with, reopen, scratch, secret};
use super::{ALLOCATOR, Noise, path};
use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use strongroom::bench_support::{
    BLOBS_OF_AN_INDEX_OBJECT, generated_blob, has_blob, index_extent, refresh_index, write_index,
};
use strongroom::{
    AppEntry, BackupOptions, Budget, CheckOptions, Context, CreateOptions, EntryPath, ForgetOptions, IterSource,
    LocalBackend, OpenOptions, Outcome, PruneOptions, ReencryptOptions, RepairOptions, Repository, RestoreOptions,
    RetentionPolicy, Source,
};

const MIB: u64 = 1 << 20;

/// Most memory in use at any time while `work` ran, beyond `base`: what the process used before it did anything.
fn growth(base: u64, work: impl FnOnce()) -> u64 {
    reset_peak();
    work();
    // The kernel counts by and by, and may show a little less.
    status("VmHWM").saturating_sub(base)
}

/// The same of what was allocated and not yet given back. What the allocator keeps for later is not in it.
fn allocated(base: usize, work: impl FnOnce()) -> u64 {
    ALLOCATOR.reset_peak_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(base) as u64
}

fn small() -> Context {
    Context::new().budget(Budget::small())
}

/// 200 MiB in one file that does not compress, and as much in small ones that do in part.
fn entries() -> impl Iterator<Item = AppEntry> + Send {
    let large = AppEntry::file(path("a large file"), Noise::new(0).take(200 * MIB));
    let small = (0..10_000_u64).map(|number| {
        let noise = Noise::new(number + 1).take(5_000);
        let text = std::io::Cursor::new(b"the same again and again ".repeat(200));
        AppEntry::file(path(&format!("small/{:02}/{number:05}", number % 100)), noise.chain(text))
    });
    // In order, so that nothing has to be kept for sorting.
    let mut small: Vec<_> = small.map(Some).collect();
    let order = (0..100).flat_map(|folder| (0..100).map(move |number| folder + number * 100));
    std::iter::once(large).chain(order.map(move |at: usize| small[at].take().unwrap()))
}

#[test]
fn a_backup_a_check_and_a_restore_of_much_data_stay_within_a_small_budget() {
    alone("memory::a_backup_a_check_and_a_restore_of_much_data_stay_within_a_small_budget", || {
        let folder = scratch();
        let backend = LocalBackend::new(folder.path().join("repository")).sync(false);
        let repo = create_with(backend.clone(), &CreateOptions::new());
        let source = IterSource::new(entries().collect::<Vec<_>>()).sorted();
        let mut grown = Vec::new();
        let base = status("VmRSS");
        let mut snapshot = None;
        grown.push((
            "backup",
            growth(base, || {
                let report = repo.backup(source, &BackupOptions::new(), &small()).unwrap();
                assert!(report.bytes > 290 * MIB && report.new_bytes > 250 * MIB, "{report:?}");
                snapshot = report.snapshot;
            }),
        ));
        let repo = reopen(backend);
        grown.push((
            "check",
            growth(base, || {
                let all = CheckOptions::new().read_data(100.0).verify_content(true);
                let report = repo.check(&all, &small()).unwrap();
                assert!(report.is_sound() && report.bytes_read > 240 * MIB);
            }),
        ));
        let (snapshot, target) = (snapshot.unwrap(), folder.path().join("target"));
        grown.push((
            "restore",
            growth(base, || {
                let report = repo.restore(&snapshot, &RestoreOptions::to(&target), &small()).unwrap();
                assert_eq!((report.outcome, report.files), (Outcome::Complete, 10_001));
            }),
        ));
        assert_eq!(fs::metadata(target.join("a large file")).unwrap().len(), 200 * MIB);
        grown.push((
            "export",
            growth(base, || {
                let report = repo.export_tar(&snapshot, &EntryPath::root(), &mut std::io::sink(), &small()).unwrap();
                assert_eq!(report.outcome, Outcome::Complete);
            }),
        ));
        grown.push((
            "read",
            growth(base, || {
                let mut file = repo.open_file(&snapshot, "a large file").unwrap();
                assert_eq!(std::io::copy(&mut file, &mut std::io::sink()).unwrap(), 200 * MIB);
            }),
        ));
        for (operation, bytes) in &grown {
            println!("{operation}: {} KiB", bytes >> 10);
        }
        for (operation, bytes) in grown {
            assert!(bytes <= 48 * MIB, "a {operation} took {} KiB more than before", bytes >> 10);
        }
    });
}

/// One thread has to do by itself what others would do beside it, and in the right order.
#[test]
fn with_one_thread_it_takes_no_more() {
    alone("memory::with_one_thread_it_takes_no_more", || {
        let folder = scratch();
        let backend = LocalBackend::new(folder.path().join("repository")).sync(false);
        let repo = create_with(backend.clone(), &CreateOptions::new());
        let source = IterSource::new(entries().collect::<Vec<_>>()).sorted();
        let one = Context::new().budget(Budget::small().threads(1));
        let base = ALLOCATOR.current_usage();
        let mut snapshot = None;
        let backup = allocated(base, || {
            let report = repo.backup(source, &BackupOptions::new(), &one).unwrap();
            assert!(report.bytes > 290 * MIB && report.new_bytes > 250 * MIB, "{report:?}");
            snapshot = report.snapshot;
        });
        let base = ALLOCATOR.current_usage();
        let restore = allocated(base, || {
            let options = RestoreOptions::to(folder.path().join("target"));
            assert_eq!(repo.restore(&snapshot.unwrap(), &options, &one).unwrap().files, 10_001);
        });
        println!("backup: {} KiB, restore: {} KiB", backup >> 10, restore >> 10);
        assert!(backup <= 48 * MIB && restore <= 48 * MIB, "{} and {} KiB", backup >> 10, restore >> 10);
    });
}

/// Packs of the usual size are computed again from their parity, and written with it.
#[test]
fn parity_and_healing_stay_within_a_small_budget() {
    alone("memory::parity_and_healing_stay_within_a_small_budget", || {
        let folder = scratch();
        let root = folder.path().join("repository");
        let backend = LocalBackend::new(&root).sync(false);
        let repo = create_with(backend.clone(), &Sizes::DEFAULT.options().parity(10));
        let base = ALLOCATOR.current_usage();
        let mut grown = Vec::new();
        let mut snapshot = None;
        grown.push((
            "backup",
            allocated(base, || {
                let source = Source::reader(path("dump"), Noise::new(5).take(120 * MIB));
                snapshot = repo.backup(source, &BackupOptions::new(), &small()).unwrap().snapshot;
            }),
        ));
        let snapshot = snapshot.unwrap();
        // In every pack as much is lost as heals, all over it.
        let shards =
            fs::read_dir(root.join("packs")).unwrap().flat_map(|shard| fs::read_dir(shard.unwrap().path()).unwrap());
        let packs: Vec<_> = shards.map(|pack| pack.unwrap().path()).collect();
        let spoil = |of: &dyn Fn(u64) -> u64| {
            for pack in &packs {
                let file = fs::File::options().write(true).open(pack).unwrap();
                let sectors = file.metadata().unwrap().len().div_ceil(4096);
                let lost = of(sectors).max(1);
                (0..lost).for_each(|n| file.write_all_at(b"rot", n * sectors / lost * 4096).unwrap());
            }
        };
        assert!(packs.len() >= 7);
        spoil(&|sectors| sectors / 10);
        let repo = reopen(backend.clone());
        grown.push((
            "read",
            allocated(base, || {
                let mut file = repo.open_file(&snapshot, "dump").unwrap();
                assert_eq!(std::io::copy(&mut file, &mut std::io::sink()).unwrap(), 120 * MIB);
                assert_eq!(repo.healed_packs().len(), packs.len());
            }),
        ));
        let target = folder.path().join("target");
        let repo = reopen(backend.clone());
        grown.push((
            "restore",
            allocated(base, || {
                let report = repo.restore(&snapshot, &RestoreOptions::to(&target), &small()).unwrap();
                assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
            }),
        ));
        fs::remove_dir_all(target).unwrap();
        let repo = reopen(backend.clone());
        grown.push((
            "check",
            allocated(base, || {
                let all = CheckOptions::new().read_data(100.0).verify_content(true);
                let report = repo.check(&all, &small()).unwrap();
                assert_eq!(report.problem_count, packs.len() as u64, "{report:?}");
            }),
        ));
        let repo = reopen(backend.clone());
        grown.push((
            "repair",
            allocated(base, || {
                let report = repo.repair(&RepairOptions::new(), &small()).unwrap();
                assert_eq!((report.outcome, report.damaged.len()), (Outcome::Complete, packs.len()), "{report:?}");
                assert!(report.damaged.iter().all(|pack| pack.sectors_healed.is_some()));
            }),
        ));
        repo.rotate(&Context::new()).unwrap();
        grown.push((
            "re-encryption",
            allocated(base, || {
                let report = repo.reencrypt(&ReencryptOptions::new(), &small()).unwrap();
                assert!(report.outcome == Outcome::Complete && report.bytes > 115 * MIB, "{report:?}");
            }),
        ));
        for (operation, bytes) in &grown {
            println!("{operation}: {} KiB", bytes >> 10);
        }
        for (operation, bytes) in grown {
            // Random access takes no context, and so has the usual budget.
            let budget = if operation == "read" { Budget::default() } else { Budget::small() };
            assert!(bytes <= budget.memory, "a {operation} allocated {} KiB", bytes >> 10);
        }
    });
}

/// The index of many blobs and a tree of many entries are part of the budget.
#[test]
fn many_small_entries_stay_within_a_small_budget() {
    alone("memory::many_small_entries_stay_within_a_small_budget", || {
        let folder = scratch();
        let backend = LocalBackend::new(folder.path().join("repository")).sync(false);
        let repo = create_with(backend.clone(), &Sizes::TINY.options());
        let rows = |time: u64| {
            IterSource::new((0..150_000_u64).map(move |number| {
                let mut bytes = [0; 100];
                Noise::new(number).read_exact(&mut bytes).unwrap();
                AppEntry::bytes(path(&format!("{:03}/{number:06}", number / 500)), bytes)
                    .modified(strongroom::Timestamp::new(time as i64, 0))
            }))
            .sorted()
        };
        let base = status("VmRSS");
        for time in 0..2 {
            let grown = growth(base, || {
                let report = repo.backup(rows(time), &BackupOptions::new(), &small()).unwrap();
                assert_eq!(report.files, 150_000);
            });
            println!("backup {time}: {} KiB", grown >> 10);
            assert!(grown <= 48 * MIB, "backup {time} took {} KiB more than before", grown >> 10);
        }
        // With the index where it is searched in place, as in an app.
        let repo =
            Repository::open_with(backend, &secret(), &OpenOptions::new().state_folder(folder.path().join("state")));
        let repo = repo.unwrap();
        let policy = RetentionPolicy::new().keep_last(1);
        repo.forget(&ForgetOptions::by_policy(policy), &small()).unwrap();
        let grown = growth(base, || {
            let report = repo.prune(&PruneOptions::new().min_live_share(1.0), &small()).unwrap();
            assert!(report.packs > 50 && report.removed_packs > 10 && report.emptied_packs > 0, "{report:?}");
        });
        println!("prune: {} KiB", grown >> 10);
        assert!(grown <= 48 * MIB, "pruning took {} KiB more than before", grown >> 10);
    });
}

/// 64 MiB hold the index of 50 million blobs, whose tables are the same ones, only more of them: here, a twenty-fifth.
#[test]
fn the_index_of_two_million_blobs_takes_little_memory() {
    alone("memory::the_index_of_two_million_blobs_takes_little_memory", || {
        let folder = scratch();
        let backend = || LocalBackend::new(folder.path().join("repository")).sync(false);
        let repo = create_with(backend(), &CreateOptions::new());
        let objects = 2_000_000 / BLOBS_OF_AN_INDEX_OBJECT;
        (0..objects).for_each(|number| write_index(&repo, number).unwrap());
        drop(repo);
        let options = OpenOptions::new().state_folder(folder.path().join("state"));
        let open = || Repository::open_with(backend(), &super::common::secret(), &options).unwrap();
        let base = status("VmRSS");
        let blobs = objects * BLOBS_OF_AN_INDEX_OBJECT;
        let mut grown = Vec::new();
        for turn in ["read for the first time", "opened again"] {
            let repo = open();
            grown.push((turn, growth(base, || assert_eq!(refresh_index(&repo, &Context::new()).unwrap(), 0))));
            let (tables, listed) = index_extent(&repo).unwrap();
            assert!(listed == blobs && tables <= 8, "{listed} blobs in {tables} tables");
            let looked = growth(base, || {
                for number in (0..blobs).step_by(401) {
                    assert!(has_blob(&repo, &generated_blob(number)).unwrap(), "{number}");
                    assert!(!has_blob(&repo, &generated_blob(number + blobs)).unwrap(), "{number}");
                }
            });
            grown.push(("searched", looked));
        }
        for (what, bytes) in &grown {
            println!("index {what}: {} KiB", bytes >> 10);
        }
        // Reading takes room for a quarter of a million blobs at a time, whatever comes behind them; the allocator
        // keeps some of it for what comes next.
        assert!(grown.iter().all(|(_, bytes)| *bytes <= 32 * MIB), "{grown:?}");
    });
}

/// One folder is read, kept in order and restored in pieces like many.
#[test]
fn one_folder_of_very_many_files_stays_within_a_small_budget() {
    alone("memory::one_folder_of_very_many_files_stays_within_a_small_budget", || {
        const FILES: u64 = 60_000;
        let folder = scratch();
        let source = folder.path().join("source");
        fs::create_dir(&source).unwrap();
        (0..FILES).for_each(|number| fs::write(source.join(format!("{number:06}")), []).unwrap());
        let backend = LocalBackend::new(folder.path().join("repository")).sync(false);
        let repo = create_with(backend, &CreateOptions::new());
        let base = status("VmRSS");
        let mut grown = Vec::new();
        let mut snapshot = None;
        for turn in ["a backup", "an unchanged backup"] {
            grown.push((
                turn,
                growth(base, || {
                    let report = repo.backup(Source::paths([&source]), &BackupOptions::new(), &small()).unwrap();
                    assert_eq!((report.outcome, report.files), (Outcome::Complete, FILES));
                    snapshot = report.snapshot;
                }),
            ));
        }
        let (snapshot, target) = (snapshot.unwrap(), folder.path().join("target"));
        grown.push((
            "listing",
            growth(base, || {
                let listed = repo.list(&snapshot, &EntryPath::root(), true).unwrap();
                let found: Vec<bool> = listed.map(|entry| entry.is_ok()).collect();
                assert!(found.len() as u64 >= FILES && found.into_iter().all(|sound| sound));
            }),
        ));
        grown.push((
            "a restore",
            growth(base, || {
                let report = repo.restore(&snapshot, &RestoreOptions::to(&target), &small()).unwrap();
                assert_eq!((report.outcome, report.files), (Outcome::Complete, FILES));
            }),
        ));
        for (what, bytes) in grown {
            println!("{what}: {} KiB", bytes >> 10);
            assert!(bytes <= 32 * MIB, "{what} took {} KiB more than before", bytes >> 10);
        }
    });
}

#[test]
fn what_does_not_fit_is_refused_and_not_tried() {
    // Entries in any order are kept until the end; a budget that cannot hold them says so.
    let repo = super::common::create(strongroom::MemoryBackend::new());
    let entries =
        (0..40_000_u64).map(|number| AppEntry::bytes(path(&format!("{number}/{}", "n".repeat(200))), vec![7; 64]));
    let ctx = Context::new().budget(Budget::default().memory(0));
    let error = repo.backup(Source::entries(entries), &BackupOptions::new(), &ctx).unwrap_err();
    assert_eq!(error.kind(), strongroom::ErrorKind::LimitExceeded, "{error}");
    assert!(error.to_string().contains("memory") && error.to_string().contains("in order"), "{error}");
    back_up(&repo, Source::entries([AppEntry::bytes(path("a"), "a")]));
}
