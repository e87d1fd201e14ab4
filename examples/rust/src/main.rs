//! The smallest app that embeds Strongroom: backs a folder up, restores it elsewhere, reads one file.
//!
//! `cargo run -p strongroom-example -- FOLDER REPOSITORY TARGET`

use std::error::Error;
use std::io::Read;
use strongroom::{
    BackupOptions, Budget, Context, CreateOptions, EntryPath, ErrorKind, LocalBackend, Repository, RestoreOptions,
    Secret, SnapshotFilter, Source,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, place, target] = arguments.as_slice() else {
        return Err("usage: strongroom-example FOLDER REPOSITORY TARGET".into());
    };
    // A real app asks its user, or takes a key from the platform's key store.
    let secret = Secret::passphrase("correct horse battery staple");
    let repo = match Repository::open(LocalBackend::new(place), &secret) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Repository::create(LocalBackend::new(place), &secret, &CreateOptions::new().label("example"))?
        }
        opened => opened?,
    };
    let ctx = Context::new().budget(Budget::small());

    let report = repo.backup(Source::paths([folder]), &BackupOptions::new().tag("example"), &ctx)?;
    println!("{} entries, {} bytes new, {} bytes stored", report.entries, report.new_bytes, report.stored_bytes);
    for problem in &report.problems {
        println!("not backed up: {problem}");
    }

    let snapshot = report.snapshot()?;
    let restored = repo.restore(snapshot, &RestoreOptions::to(target), &ctx)?;
    println!("{} entries restored to {target}", restored.entries);

    for snapshot in repo.snapshots(&SnapshotFilter::all())? {
        println!("{}", snapshot?.id);
    }
    let first_file = repo.list(snapshot, &EntryPath::root(), true)?.find_map(|entry| entry.ok().filter(|e| e.size > 0));
    if let Some(entry) = first_file {
        let mut text = Vec::new();
        repo.open_file(snapshot, entry.path.to_path_buf())?.take(64).read_to_end(&mut text)?;
        println!("{} begins with {:?}", entry.path, String::from_utf8_lossy(&text));
    }
    Ok(())
}
