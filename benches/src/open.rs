//! Opening a repository that was used before: what it takes beside the derivation of keys.

use crate::machine::Machine;
use crate::statistics::median;
use crate::table::markdown;
use crate::units::count;
use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueHint};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use strongroom::{
    AppEntry, BackupOptions, Context, CreateOptions, DeviceKey, EntryPath, IterSource, LocalBackend, OpenOptions,
    Repository, Role, Secret, SnapshotFilter, Timestamp,
};

/// Measures opening a repository whose state is at hand, and finding its newest snapshot
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many snapshots it has
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    snapshots: u32,
    /// How many entries are in each
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    entries: u32,
    /// How often it is opened; medians count
    #[arg(long, value_name = "NUMBER", default_value_t = 21)]
    runs: u32,
    /// Folder that it is made in
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let machine = Machine::here();
    let work = tempfile::Builder::new().prefix("strongroom-bench-").tempdir_in(&arguments.work)?;
    let [place, state] = ["repository", "state"].map(|name| work.path().join(name));
    let backend = || LocalBackend::new(&place).sync(false);
    let options = CreateOptions::new().state_folder(&state);
    let repo = Repository::create(backend(), &Secret::passphrase("benchmark"), &options)?;
    // A device's key opens without a derivation that is slow on purpose.
    let device = DeviceKey::generate()?;
    repo.add_device(&device.request("bench")?, Role::Owner)?;
    for number in 0..arguments.snapshots {
        let entries = (0..arguments.entries).map(|entry| {
            let changed = entry % arguments.snapshots.max(1) == number;
            let content = if changed { format!("row {entry} of {number}") } else { format!("row {entry}") };
            let path = EntryPath::parse(format!("{:04}/{entry:08}", entry / 500)).map_err(anyhow::Error::from)?;
            let time = Timestamp::new(1_700_000_000 + if changed { i64::from(number) } else { 0 }, 0);
            Ok(AppEntry::bytes(path, content).modified(time))
        });
        let entries = entries.collect::<Result<Vec<_>>>()?;
        repo.backup(IterSource::new(entries).sorted(), &BackupOptions::new(), &Context::new())?;
    }
    drop(repo);
    let (mut opened, mut indexed, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.runs.max(1) {
        let began = Instant::now();
        let secret = Secret::device(device.clone());
        let repo = Repository::open_with(backend(), &secret, &OpenOptions::new().state_folder(&state))?;
        opened.push(began.elapsed());
        let began = Instant::now();
        ensure!(strongroom::bench_support::refresh_index(&repo, &Context::new())? == 0, "the index is not sound");
        indexed.push(began.elapsed());
        let began = Instant::now();
        let newest = repo.snapshots(&SnapshotFilter::all())?.next();
        newest.context("there is no snapshot")??;
        found.push(began.elapsed());
    }
    let milliseconds = |times: Vec<Duration>| median(times.into_iter().map(|time| time.as_secs_f64() * 1e3));
    let row = |name: &str, times| Some(vec![name.to_owned(), format!("{:.2} ms", milliseconds(times)?)]);
    let rows = [
        row("opened, by a device's key", opened),
        row("index brought up to date", indexed),
        row("snapshots listed, newest read", found),
    ];
    let rows: Vec<_> = rows.into_iter().flatten().collect();
    let head = [
        format!("{} snapshots of {} entries", count(arguments.snapshots.into()), count(arguments.entries.into())),
        "time".to_owned(),
    ];
    println!("{}.\n\n{}", machine.describe(), markdown(&head, &rows));
    Ok(true)
}
