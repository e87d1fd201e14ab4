//! Cancelling is answered at once at whatever moment it comes: at any call to a slow storage, between two calls while
//! much is computed, and from whoever is called back.

use super::common::child::alone;
use super::common::fault::{Call, Fault, FaultBackend};
use super::common::forest::Sizes;
use super::common::vault::Vault;
use super::common::{back_up, back_up_with, create, create_with, noise, reopen};
use super::{Noise, path};
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use strongroom::{
    AppEntry, BackupOptions, Budget, CancelToken, CheckOptions, Context, CopyOptions, EntryPath, Error, ErrorKind,
    Folder, ForgetOptions, ObjectName, Pattern, Progress, PruneOptions, RecordBackend, ReencryptOptions, RepairOptions,
    Repository, RestoreOptions, RetentionPolicy, SnapshotFilter, SnapshotId, Source,
};

/// What is promised.
const PROMISED: Duration = Duration::from_millis(250);
/// What a call to the storage takes, beside the time for its bytes.
const CALL: Duration = Duration::from_millis(40);
/// Bytes a second.
const RATE: u64 = 20 << 20;
/// A machine that is busy with other things gets more than one chance, and this much time as long as what is done and
/// waited for in it is no more than was promised.
const TRIES: usize = 4;
const BUSY: Duration = Duration::from_millis(1500);
/// Threads that may be about to make a call.
const THREADS: u64 = 4;

/// Processor time that this process has used, all threads together.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    // The kernel tells it in hundredths of a second, whatever its own clock is.
    Duration::from_millis(ticks * 10)
}

/// Cancels at one of the calls to the storage, from which on the storage is slow.
#[derive(Default)]
struct Moment {
    token: CancelToken,
    /// None before the operation begins.
    armed: Mutex<Option<u64>>,
    calls: AtomicU64,
    /// When that was, and the processor time by then.
    cancelled: Mutex<Option<(Instant, Duration)>>,
    /// Calls that began after it, and milliseconds that calls took since.
    after: AtomicU64,
    waited: AtomicU64,
}

/// What came after cancelling.
#[derive(Debug)]
struct Answer {
    took: Duration,
    /// Computed and waited for in it.
    worked: Duration,
    calls: u64,
}

impl Answer {
    fn is_in_time(&self) -> bool {
        self.took <= PROMISED || (self.worked <= PROMISED && self.took <= BUSY)
    }
}

impl Moment {
    fn call(&self) -> Option<Fault> {
        let at = (*self.armed.lock().unwrap())?;
        if self.is_cancelled() {
            self.after.fetch_add(1, Ordering::SeqCst);
        }
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        if number == at {
            self.cancel();
        }
        (number >= at).then(|| {
            self.waited.fetch_add(u64::try_from(CALL.as_millis()).unwrap(), Ordering::SeqCst);
            Fault::Delay(CALL)
        })
    }

    /// Takes the time for the bytes of a call.
    fn pass(&self, bytes: u64) {
        if self.is_cancelled() {
            let time = bytes * 1000 / RATE;
            self.waited.fetch_add(time, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(time));
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.lock().unwrap().is_some()
    }

    fn cancel(&self) {
        self.token.cancel();
        self.cancelled.lock().unwrap().get_or_insert_with(|| (Instant::now(), processor_time()));
    }

    /// How cancelling was answered, if it was cancelled, and the operation ended just now.
    fn answer(&self) -> Option<Answer> {
        let (cancelled, used) = (*self.cancelled.lock().unwrap())?;
        let waited = Duration::from_millis(self.waited.load(Ordering::SeqCst));
        let worked = processor_time().saturating_sub(used) + waited;
        Some(Answer { took: cancelled.elapsed(), worked, calls: self.after.load(Ordering::SeqCst) })
    }

    fn open(self: &Arc<Self>, vault: &Vault) -> Repository {
        let (moment, bytes) = (Arc::clone(self), Arc::clone(self));
        let recorded = RecordBackend::new(vault.fork(), move |_, answer| bytes.pass(answer.bytes));
        reopen(FaultBackend::new(recorded, move |_: &Call| moment.call()))
    }

    fn context(&self) -> Context {
        Context::new().cancel_token(self.token.clone()).budget(Budget::default().threads(2))
    }
}

/// Runs an operation on repositories in these vaults.
type Run<'a> = &'a dyn Fn(&[Repository], &Context) -> Result<(), Error>;

/// How an operation ended that is cancelled at its call number `at`, and how long after that.
fn cancelled_at(vaults: &[&Vault], at: u64, run: Run<'_>) -> (Result<(), Error>, Option<Answer>, u64) {
    let moment = Arc::new(Moment::default());
    let repos: Vec<Repository> = vaults.iter().map(|vault| moment.open(vault)).collect();
    *moment.armed.lock().unwrap() = Some(at);
    let result = run(&repos, &moment.context());
    (result, moment.answer(), moment.calls.load(Ordering::SeqCst))
}

/// Cancels an operation at one call after the other.
#[track_caller]
fn assert_answered_at_every_moment(vaults: &[&Vault], run: Run<'_>) {
    let (whole, none, calls) = cancelled_at(vaults, u64::MAX, run);
    whole.unwrap();
    assert!(none.is_none() && calls > 4, "{calls} calls");
    let mut cancelled = 0;
    let moments: Vec<u64> =
        (0..calls).step_by(usize::try_from(calls / 12).unwrap().max(1)).chain([calls - 1]).collect();
    for at in &moments {
        let mut late = Vec::new();
        loop {
            let (result, answer, _) = cancelled_at(vaults, *at, run);
            // Which calls there are depends on which thread was the faster one.
            let Some(answer) = answer else { break };
            match result {
                Ok(()) => assert!(at + calls / 4 + 6 >= calls, "call {at} of {calls}: it ended as if nothing had been"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Cancelled, "call {at} of {calls}: {error}");
                    cancelled += 1;
                }
            }
            // The lease of each repository is ended.
            let most = 3 * vaults.len() as u64 + THREADS;
            assert!(answer.calls <= most, "call {at} of {calls}: {answer:?}");
            if answer.is_in_time() {
                break;
            }
            late.push(answer);
            assert!(late.len() < TRIES, "call {at} of {calls}: cancelling was answered only after {late:?}");
        }
    }
    assert!(cancelled * 2 > moments.len(), "{cancelled} of {}", moments.len());
}

/// Cancels an operation after ever longer times, until it is done before.
#[track_caller]
fn assert_answered_after_any_time(run: &(dyn Fn(&Context) -> Result<(), Error> + Sync)) {
    let mut delay = Duration::from_millis(30);
    let mut cancelled = 0;
    loop {
        let mut late = Vec::new();
        let done = loop {
            let moment = Moment::default();
            let (result, answer) = std::thread::scope(|scope| {
                let (ctx, moment) = (moment.context(), &moment);
                let operation = scope.spawn(move || (run(&ctx), moment.answer()));
                let begin = Instant::now();
                while !operation.is_finished() && begin.elapsed() < delay {
                    std::thread::sleep(Duration::from_millis(2));
                }
                if !operation.is_finished() {
                    moment.cancel();
                }
                operation.join().unwrap()
            });
            let Some(answer) = answer else { break true };
            match result {
                Ok(()) => break true,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}"),
            }
            if answer.is_in_time() {
                cancelled += 1;
                break false;
            }
            late.push(answer);
            assert!(late.len() < TRIES, "after {delay:?} cancelling was answered only after {late:?}");
        };
        if done {
            break;
        }
        delay = delay * 3 / 2;
    }
    assert!(cancelled >= 3, "it was cancelled only {cancelled} times");
}

/// Cancels from inside the progress sink, while the storage is slow.
#[track_caller]
fn assert_answered_from_the_sink(vaults: &[&Vault], run: Run<'_>) {
    for nth in [1, 3] {
        let mut late = Vec::new();
        loop {
            let moment = Arc::new(Moment::default());
            let open = |vault: &&Vault| reopen(FaultBackend::new(vault.fork(), |_: &Call| Some(Fault::Delay(CALL))));
            let repos: Vec<Repository> = vaults.iter().map(open).collect();
            let told = Arc::<AtomicU64>::default();
            let (count, sink) = (Arc::clone(&told), Arc::clone(&moment));
            let ctx = moment.context().progress(move |_: &Progress| {
                if count.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                    sink.cancel();
                }
            });
            match run(&repos, &ctx) {
                // It had no more to tell, or nothing but that it is done.
                Ok(()) if told.load(Ordering::SeqCst) < nth => break,
                Ok(()) => assert!(told.load(Ordering::SeqCst) <= nth + 1, "it ended as if nothing had been"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}"),
            }
            let answer = moment.answer().unwrap();
            if answer.is_in_time() {
                break;
            }
            late.push(answer);
            assert!(late.len() < TRIES, "progress {nth}: cancelling was answered only after {late:?}");
        }
    }
}

#[track_caller]
fn assert_answered(vaults: &[&Vault], run: Run<'_>) {
    assert_answered_at_every_moment(vaults, run);
    assert_answered_from_the_sink(vaults, run);
}

/// A history of four snapshots, each with files of its own.
fn history() -> (Vault, Vec<SnapshotId>) {
    let vault = Vault::new();
    let repo = create(vault.clone());
    let snapshots = (0..4_u64).map(|round| {
        let mut entries: Vec<AppEntry> =
            (0..30_u64).map(|n| AppEntry::bytes(path(&format!("{n:02}")), noise(n + 100 * round, 80_000))).collect();
        entries.extend((0..600_u64).map(|n| AppEntry::bytes(path(&format!("small/{n:04}")), noise(9 * n + round, 60))));
        let source = Source::entries(entries).known_as(["app"]);
        *back_up_with(&repo, source, &BackupOptions::new().parent(strongroom::Parent::None)).snapshot().unwrap()
    });
    let snapshots = snapshots.collect();
    (vault, snapshots)
}

fn empty() -> Vault {
    let vault = Vault::new();
    create(vault.clone());
    vault
}

/// Spoils so many sectors of a pack.
fn spoil(vault: &Vault, pack: &ObjectName, sectors: usize) {
    let mut bytes = vault.bytes(pack);
    let all = bytes.len().div_ceil(4096);
    (0..sectors.min(all)).for_each(|number| bytes[number * all / sectors * 4096] ^= 0x55);
    vault.replace(pack, bytes);
}

#[test]
fn of_a_backup() {
    alone("moments::of_a_backup", || {
        assert_answered(&[&empty()], &|repos, ctx| {
            let source = Source::reader(path("dump"), Noise::new(2).take(9_000_000));
            repos[0].backup(source, &BackupOptions::new(), ctx).map(drop)
        });
    });
}

#[test]
fn of_a_restore_and_an_export() {
    alone("moments::of_a_restore_and_an_export", || {
        let (vault, snapshots) = history();
        assert_answered(&[&vault], &|repos, ctx| {
            let target = super::common::scratch();
            repos[0].restore(&snapshots[3], &RestoreOptions::to(target.path()), ctx).map(drop)
        });
        assert_answered_at_every_moment(&[&vault], &|repos, ctx| {
            repos[0].export_tar(&snapshots[3], &EntryPath::root(), &mut std::io::sink(), ctx).map(drop)
        });
    });
}

#[test]
fn of_a_copy() {
    alone("moments::of_a_copy", || {
        let (vault, _) = history();
        let away = Vault::new();
        create_with(away.clone(), &Sizes { chunk: (2048, 8192, 16384), ..Sizes::TINY }.options());
        let copied = |repos: &[Repository], ctx: &Context| {
            let options = CopyOptions::new().verify_data(true);
            let report = repos[0].copy_to(&[&repos[1]], &options, ctx)?;
            report.error().map_or(Ok(()), |error| Err(Error::new(error.kind(), "copy")))
        };
        assert_answered(&[&vault, &away], &copied);
    });
}

#[test]
fn of_a_check() {
    alone("moments::of_a_check", || {
        let (vault, _) = history();
        assert_answered(&[&vault], &|repos, ctx| {
            repos[0].check(&CheckOptions::new().read_data(100.0).verify_content(true), ctx).map(drop)
        });
        assert_answered_at_every_moment(&[&vault], &|repos, ctx| repos[0].check(&CheckOptions::new(), ctx).map(drop));
    });
}

#[test]
fn of_rebuilding_the_index() {
    alone("moments::of_rebuilding_the_index", || {
        let (vault, _) = history();
        vault.names(Folder::Index).iter().for_each(|name| vault.remove(name));
        assert_answered(&[&vault], &|repos, ctx| repos[0].rebuild_index(ctx).map(drop));
    });
}

#[test]
fn of_a_repair() {
    alone("moments::of_a_repair", || {
        let (vault, _) = history();
        let packs = vault.names(Folder::Packs);
        spoil(&vault, &packs[0], 2);
        spoil(&vault, &packs[1], 2);
        vault.remove(&packs[2]);
        vault.remove(&vault.names(Folder::Index)[0]);
        assert_answered(&[&vault], &|repos, ctx| repos[0].repair(&RepairOptions::new(), ctx).map(drop));
    });
}

#[test]
fn of_a_repair_by_parity() {
    alone("moments::of_a_repair_by_parity", || {
        let (vault, _) = history();
        reopen(vault.clone()).add_parity(20, &Context::new()).unwrap();
        vault.names(Folder::Packs).iter().for_each(|pack| spoil(&vault, pack, 20));
        assert_answered(&[&vault], &|repos, ctx| repos[0].repair(&RepairOptions::new(), ctx).map(drop));
        let all = CheckOptions::new().read_data(100.0);
        assert_answered_at_every_moment(&[&vault], &|repos, ctx| repos[0].check(&all, ctx).map(drop));
    });
}

#[test]
fn of_adding_parity() {
    alone("moments::of_adding_parity", || {
        let (vault, _) = history();
        assert_answered(&[&vault], &|repos, ctx| repos[0].add_parity(10, ctx).map(drop));
    });
}

#[test]
fn of_re_encrypting() {
    alone("moments::of_re_encrypting", || {
        let (vault, _) = history();
        reopen(vault.clone()).rotate(&Context::new()).unwrap();
        assert_answered(&[&vault], &|repos, ctx| repos[0].reencrypt(&ReencryptOptions::new(), ctx).map(drop));
    });
}

#[test]
fn of_forgetting_and_pruning() {
    alone("moments::of_forgetting_and_pruning", || {
        let vault = Vault::new();
        let repo = create(vault.clone());
        for number in 0..24_u64 {
            let entries = (0..3).map(|n| AppEntry::bytes(path(&format!("{n}")), noise(number / (n + 1), 60_000)));
            back_up(&repo, Source::entries(entries.collect::<Vec<_>>()).known_as(["app"]));
        }
        let policy = || ForgetOptions::by_policy(RetentionPolicy::new().keep_last(2));
        assert_answered_at_every_moment(&[&vault], &|repos, ctx| repos[0].forget(&policy(), ctx).map(drop));
        repo.forget(&policy(), &Context::new()).unwrap();
        assert_answered(&[&vault], &|repos, ctx| repos[0].prune(&PruneOptions::new(), ctx).map(drop));
    });
}

#[test]
fn of_statistics_and_comparisons() {
    alone("moments::of_statistics_and_comparisons", || {
        let (vault, snapshots) = history();
        assert_answered(&[&vault], &|repos, ctx| repos[0].stats(ctx).map(drop));
        assert_answered_at_every_moment(&[&vault], &|repos, ctx| {
            repos[0].diff(&snapshots[0], &snapshots[1], &mut |_| Ok(()), ctx)
        });
    });
}

/// What takes no context is cancelled by a handle that a token goes with.
#[test]
fn of_looking_around() {
    alone("moments::of_looking_around", || {
        let (vault, snapshots) = history();
        let pattern = Pattern::glob("*7").unwrap();
        assert_answered_at_every_moment(&[&vault], &|repos, ctx| {
            let repo = repos[0].cancelled_by(ctx.token());
            for snapshot in repo.snapshots(&SnapshotFilter::all())? {
                let id = snapshot?.id;
                repo.find(&id, &pattern)?.try_for_each(|found| found.map(drop))?;
            }
            repo.list(&snapshots[0], &EntryPath::root(), true)?.try_for_each(|entry| entry.map(drop))?;
            let mut file = repo.open_file(&snapshots[1], "03")?;
            std::io::copy(&mut file, &mut std::io::sink()).map(drop).map_err(|error| {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
                Error::new(inner.map_or(ErrorKind::Io, Error::kind), "read a file")
            })
        });
    });
}

/// One pack of 128 MiB, as much parity, and a third of it damaged: computing takes far longer than is promised.
#[test]
fn while_much_parity_is_computed() {
    alone("moments::while_much_parity_is_computed", || {
        const MIB: usize = 1 << 20;
        let vault = Vault::new();
        let repo = create_with(vault.clone(), &Sizes { pack: 128 << 20, ..Sizes::DEFAULT }.options());
        let snapshot = *back_up(&repo, Source::reader(path("dump"), Noise::new(1).take(124 << 20))).snapshot().unwrap();
        let packs = vault.names(Folder::Packs);
        assert!(packs.iter().any(|pack| vault.bytes(pack).len() > 120 * MIB), "{packs:?}");
        assert_answered_after_any_time(&|ctx| reopen(vault.fork()).add_parity(100, ctx).map(drop));
        repo.add_parity(100, &Context::new()).unwrap();
        packs.iter().for_each(|pack| spoil(&vault, pack, vault.bytes(pack).len() / 4096 / 3));
        assert_answered_after_any_time(&|ctx| reopen(vault.fork()).repair(&RepairOptions::new(), ctx).map(drop));
        assert_answered_after_any_time(&|ctx| {
            reopen(vault.fork()).export_tar(&snapshot, &EntryPath::root(), &mut std::io::sink(), ctx).map(drop)
        });
    });
}

/// Parity beside a backup, and the slowest compression.
#[test]
fn while_much_is_compressed_and_packed() {
    alone("moments::while_much_is_compressed_and_packed", || {
        let options = Sizes { pack: 64 << 20, ..Sizes::DEFAULT }.options().parity(100);
        assert_answered_after_any_time(&|ctx| {
            let repo = create_with(Vault::new(), &options);
            repo.backup(Source::reader(path("dump"), Noise::new(1).take(130 << 20)), &BackupOptions::new(), ctx)
                .map(drop)
        });
        // Words in ever another order compress as slowly as anything does.
        let words: Vec<Vec<u8>> = (0..2000).map(|n| noise(n, 3 + usize::try_from(n % 9).unwrap())).collect();
        let mut order = Noise::new(3);
        let mut text = Vec::new();
        while text.len() < 12 << 20 {
            let mut pick = [0; 2];
            order.read_exact(&mut pick).unwrap();
            text.extend_from_slice(&words[usize::from(u16::from_le_bytes(pick)) % words.len()]);
        }
        assert_answered_after_any_time(&|ctx| {
            let repo = create_with(Vault::new(), &Sizes::DEFAULT.options());
            let source = Source::reader(path("text"), std::io::Cursor::new(text.clone()));
            repo.backup(source, &BackupOptions::new().level(19), ctx).map(drop)
        });
    });
}
