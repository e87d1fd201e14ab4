//! The account service under load: many devices that back up small changes, people who sign in, and large backups.

mod timed;
mod world;

use crate::machine::Machine;
use crate::statistics::{median, quantile};
use crate::table::markdown;
use crate::units::{count, mib, parse_size, seconds};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueHint};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use strongroom::account::{Password, SignInStep};
use strongroom::{
    AppEntry, BackupOptions, Budget, Context, CreateOptions, EntryPath, FileSource, LocalBackend, OpenOptions, Outcome,
    Repository, RestoreOptions, Secret, SnapshotFilter, Source, VaultBackend,
};
use timed::{Kind, Log};
use world::{Device, PASSWORD, World};

/// Measures the account service: sign-ins, many devices at once, and the speed of vaults beside a folder
///
/// The service runs as a process of its own, over TLS on loopback, and shares the machine with all of its clients. Clients stretch their
/// passwords at the lowest cost that is allowed, since the stretching is theirs and not the service's.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The program `strongroom-server`
    #[arg(long, value_name = "PROGRAM", value_hint = ValueHint::FilePath)]
    server: PathBuf,
    /// Its database [default: SQLite]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    database: Option<String>,
    /// Devices, each with a repository of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    devices: u32,
    /// Accounts they belong to
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    accounts: u32,
    /// Sign-ins a minute beside the backups
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    sign_ins: u32,
    /// How long devices and people come, in which every device backs up once
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u32,
    /// Random bytes that are backed up and restored through a vault and through a folder
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "512M")]
    data: u64,
    /// How often that is done; medians count
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    runs: u32,
    /// Folder that everything is made in
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let machine = Machine::here();
    let work = tempfile::Builder::new().prefix("strongroom-bench-").tempdir_in(&arguments.work)?;
    let world = World::start(&arguments.server, arguments.database.as_deref(), work.path())?;
    let log = Log::default();
    let devices = world.people(arguments.accounts, arguments.devices, &log)?;
    let repositories = devices.iter().map(create).collect::<Result<Vec<_>>>()?;
    log.take();

    let mut rows = Vec::new();
    let mut row = |what: &str, value: String| rows.push(vec![what.to_owned(), value]);
    let (burst, failed_at_once) = at_once(&repositories)?;
    row(
        &format!("{} devices back up at once", count(arguments.devices.into())),
        format!("{} s", seconds(burst.as_secs_f64())),
    );
    row("… backups that failed", failed_at_once.to_string());
    row("… metadata calls, 99 of 100 within", milliseconds(&log.take(), Kind::Metadata));

    let steady = steadily(arguments, &world, &repositories)?;
    let samples = log.take();
    let what = format!(
        "{} s with {} devices and {} sign-ins a minute",
        arguments.seconds, arguments.devices, arguments.sign_ins
    );
    row(&what, format!("{} backups, {} sign-ins", steady.backups, steady.sign_ins));
    row("… that failed", steady.failed.to_string());
    row("… metadata calls, 99 of 100 within", milliseconds(&samples, Kind::Metadata));
    row("… metadata calls, half within", half(&samples, Kind::Metadata));
    row("… objects written and read, 99 of 100 within", milliseconds(&samples, Kind::Content));
    row("… largest memory of the service so far", format!("{:.0} MiB", mib(world.peak()?)));

    drop(repositories);
    let speeds = Speeds::measure(arguments, &world, devices.first().context("there are no devices")?, work.path())?;
    row("backup of random data, folder", speeds.shown(speeds.folder.0, arguments.data));
    row("… vault", speeds.shown(speeds.vault.0, arguments.data));
    row("… share of the folder's speed", format!("{:.2}", speeds.folder.0 / speeds.vault.0));
    row("restore of random data, folder", speeds.shown(speeds.folder.1, arguments.data));
    row("… vault", speeds.shown(speeds.vault.1, arguments.data));
    row("… share of the folder's speed", format!("{:.2}", speeds.folder.1 / speeds.vault.1));
    row("largest memory of the service", format!("{:.0} MiB", mib(world.peak()?)));
    let head = [format!("account service, {}", world.database()), "measured".to_owned()];
    println!("{}.\n\n{}", machine.describe(), markdown(&head, &rows));
    Ok(failed_at_once == 0 && steady.failed == 0)
}

fn milliseconds(samples: &[timed::Sample], kind: Kind) -> String {
    shown(quantile(
        samples.iter().filter(|sample| sample.kind == kind).map(|sample| sample.time.as_secs_f64() * 1e3),
        0.99,
    ))
}

fn half(samples: &[timed::Sample], kind: Kind) -> String {
    shown(median(samples.iter().filter(|sample| sample.kind == kind).map(|sample| sample.time.as_secs_f64() * 1e3)))
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} ms"))
}

/// The repository of one device, with a first snapshot.
fn create(device: &Device) -> Result<Repository> {
    let backend = VaultBackend::new(device.access.clone());
    let repository = Repository::create(backend, &Secret::account_key(device.key), &CreateOptions::new())?;
    change(&repository, 0)?;
    Ok(repository)
}

/// Backs up three small files, one of which changed.
fn change(repository: &Repository, round: u32) -> Result<()> {
    let entries = ["contacts", "notes", "settings"].map(|name| {
        let content = if name == "notes" { format!("{name} {round}") } else { name.to_owned() };
        Ok::<_, anyhow::Error>(AppEntry::bytes(EntryPath::parse(name)?, content.repeat(200)))
    });
    let entries = entries.into_iter().collect::<Result<Vec<_>>>()?;
    let ctx = Context::new().budget(Budget::small().threads(1));
    let report = repository.backup(Source::entries(entries), &BackupOptions::new(), &ctx)?;
    ensure!(report.outcome == Outcome::Complete, "a backup was not complete");
    Ok(())
}

/// All devices begin a backup in the same moment. How long it takes until the last is done, and how many failed.
fn at_once(repositories: &[Repository]) -> Result<(Duration, u32)> {
    let (start, failed) = (Barrier::new(repositories.len() + 1), AtomicU32::new(0));
    let began = thread::scope(|scope| {
        for repository in repositories {
            scope.spawn(|| {
                start.wait();
                if let Err(error) = change(repository, 1) {
                    eprintln!("a backup failed: {error:#}");
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        start.wait();
        Instant::now()
    });
    Ok((began.elapsed(), failed.into_inner()))
}

struct Steady {
    backups: u32,
    sign_ins: u32,
    failed: u32,
}

/// Every device backs up once at its own time, while people sign in.
fn steadily(arguments: &Arguments, world: &World, repositories: &[Repository]) -> Result<Steady> {
    let time = Duration::from_secs(arguments.seconds.into());
    let sign_ins = arguments.sign_ins * arguments.seconds / 60;
    let failed = AtomicU32::new(0);
    let count_failed = |what: &str, result: Result<()>| {
        if let Err(error) = result {
            eprintln!("{what} failed: {error:#}");
            failed.fetch_add(1, Ordering::Relaxed);
        }
    };
    // Spread evenly, in an order that has nothing to do with accounts.
    let turn = |number: u32, of: u32| time * (number * 7919 % of.max(1)) / of.max(1);
    let devices = u32::try_from(repositories.len())?;
    let began = Instant::now();
    thread::scope(|scope| {
        for (repository, number) in repositories.iter().zip(0..) {
            let count_failed = &count_failed;
            scope.spawn(move || {
                thread::sleep(turn(number, devices).saturating_sub(began.elapsed()));
                count_failed("a backup", change(repository, 2));
            });
        }
        for number in 0..sign_ins {
            let count_failed = &count_failed;
            scope.spawn(move || {
                thread::sleep(turn(number, sign_ins).saturating_sub(began.elapsed()));
                count_failed("a sign-in", sign_in(world, number % arguments.accounts.max(1)));
            });
        }
    });
    Ok(Steady { backups: devices, sign_ins, failed: failed.into_inner() })
}

fn sign_in(world: &World, account: u32) -> Result<()> {
    let ctx = Context::new();
    match world.client()?.sign_in(&World::email(account), Password::new(PASSWORD), None, &ctx)? {
        SignInStep::SignedIn(session) => Ok(session.sign_out(&ctx)?),
        SignInStep::SecondFactor(_) => anyhow::bail!("a second factor was asked for"),
    }
}

/// Seconds of a backup and of a restore.
struct Speeds {
    folder: (f64, f64),
    vault: (f64, f64),
}

impl Speeds {
    fn measure(arguments: &Arguments, world: &World, device: &Device, work: &Path) -> Result<Self> {
        let source = work.join("source");
        fs::create_dir(&source)?;
        let mut random = blake3::Hasher::new().finalize_xof();
        let mut left = arguments.data;
        let mut file = fs::File::create(source.join("random"))?;
        let mut buffer = vec![0; 1 << 20];
        while left > 0 {
            let piece = usize::try_from(left.min(1 << 20))?;
            random.fill(&mut buffer[..piece]);
            std::io::Write::write_all(&mut file, &buffer[..piece])?;
            left -= piece as u64;
        }
        let (mut folder, mut vault) = (Vec::new(), Vec::new());
        for run in 0..arguments.runs.max(1) {
            let place = work.join("local");
            folder.push(there_and_back(|| LocalBackend::new(&place), &source, &work.join("back"))?);
            fs::remove_dir_all(&place)?;
            let access = world.vault_of(device, &format!("large {run}"))?;
            vault.push(there_and_back(|| VaultBackend::new(access.clone()), &source, &work.join("back"))?);
            world.delete_vault(device, &access)?;
        }
        let of = |times: &[(f64, f64)]| {
            let both = (median(times.iter().map(|time| time.0)), median(times.iter().map(|time| time.1)));
            both.0.zip(both.1).context("nothing was measured")
        };
        Ok(Speeds { folder: of(&folder)?, vault: of(&vault)? })
    }

    fn shown(&self, time: f64, data: u64) -> String {
        format!("{} s, {:.0} MiB/s", seconds(time), mib(data) / time)
    }
}

/// Seconds that a first backup and a restore take.
fn there_and_back<B: strongroom::Backend + 'static>(
    backend: impl Fn() -> B,
    source: &Path,
    back: &Path,
) -> Result<(f64, f64)> {
    let key = Secret::account_key([7; 32]);
    let repository = Repository::create(backend(), &key, &CreateOptions::new())?;
    let began = Instant::now();
    repository.backup(FileSource::new([source]), &BackupOptions::new(), &Context::new())?;
    let backup = began.elapsed().as_secs_f64();
    drop(repository);
    let repository = Repository::open_with(backend(), &key, &OpenOptions::new())?;
    let snapshot = repository.snapshot("latest", &SnapshotFilter::all())?;
    let began = Instant::now();
    let report = repository.restore(&snapshot.id, &RestoreOptions::to(back), &Context::new())?;
    let restore = began.elapsed().as_secs_f64();
    ensure!(report.outcome == Outcome::Complete, "the restore was not complete");
    fs::remove_dir_all(back)?;
    Ok((backup, restore))
}
