//! What the bindings are measured against: the same three verbs, with the engine's own interface.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsString;
use std::time::Instant;
use strongroom::{
    BackupOptions, Context, CreateOptions, EntryKind, EntryPath, ErrorKind, FileSource, LocalBackend, OpenOptions,
    Repository, RestoreOptions, Secret, SnapshotFilter,
};

const PASSPHRASE: &str = "correct horse battery staple";

fn main() -> Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [verb, first, second] = arguments.as_slice() else { bail!("VERB and two arguments are wanted") };
    let hears = || Context::new().progress(|_: &strongroom::Progress| {});
    match verb.to_str() {
        Some("backup") => {
            let repository = match open(second) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let options = CreateOptions::new().state_folder(state(second));
                    Repository::create(LocalBackend::new(second), &Secret::passphrase(PASSPHRASE), &options)?
                }
                opened => opened?,
            };
            let report = repository.backup(FileSource::new([first]), &BackupOptions::new(), &hears())?;
            println!("{} files", report.files);
        }
        Some("restore") => {
            let repository = open(first)?;
            let snapshot = repository.snapshot("latest", &SnapshotFilter::all())?;
            let report = repository.restore(&snapshot.id, &RestoreOptions::to(second), &hears())?;
            println!("{} files", report.files);
        }
        Some("calls") => {
            let repository = open(first)?;
            let snapshot = repository.snapshot("latest", &SnapshotFilter::all())?.id;
            let count: u64 = second.to_str().context("no number")?.parse()?;
            let mut path = None;
            for entry in repository.list(&snapshot, &EntryPath::root(), true)? {
                let entry = entry?;
                if matches!(entry.kind, EntryKind::File) {
                    path = Some(entry.path);
                    break;
                }
            }
            let path = path.context("the snapshot has no file")?;
            let began = Instant::now();
            for _ in 0..count {
                std::hint::black_box(repository.entry(&snapshot, &path)?);
            }
            println!("{:.6}", began.elapsed().as_secs_f64());
        }
        _ => bail!("there is no such verb: backup, restore, calls"),
    }
    Ok(())
}

fn state(place: &OsString) -> OsString {
    let mut state = place.clone();
    state.push(".state");
    state
}

fn open(place: &OsString) -> strongroom::Result<Repository> {
    let options = OpenOptions::new().state_folder(state(place));
    Repository::open_with(LocalBackend::new(place), &Secret::passphrase(PASSPHRASE), &options)
}
