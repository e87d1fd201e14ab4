//! How an app embeds Strongroom: `cargo run -p strongroom-example-rust -- FOLDER PLACE` backs up a folder into a
//! repository at PLACE and restores it beside that. The README shows this file.

use std::path::{Path, PathBuf};
use strongroom::{
    BackupOptions, Budget, Context, CreateOptions, FileSource, LocalBackend, Progress, Repository, RestoreOptions,
    Secret, SnapshotFilter,
};

fn back_up_and_restore(folder: &Path, place: &Path) -> strongroom::Result<PathBuf> {
    let secret = Secret::passphrase("correct horse battery staple");
    let backend = LocalBackend::new(place.join("repository"));
    let repo = Repository::create(backend, &secret, &CreateOptions::new().label("my app"))?;

    // Every operation takes a context: what it may use, how it is stopped, who hears of its progress.
    let ctx = Context::new()
        .budget(Budget::small())
        .progress(|progress: &Progress| eprintln!("{} bytes so far", progress.bytes));

    let source = FileSource::new([folder]).exclude("*.tmp").exclude_caches(true);
    let report = repo.backup(source, &BackupOptions::new().tag("daily"), &ctx)?;
    for problem in &report.problems {
        eprintln!("not backed up: {problem}");
    }

    for snapshot in repo.snapshots(&SnapshotFilter::all().tag("daily"))? {
        let snapshot = snapshot?;
        eprintln!("{}: {} files", snapshot.id.short(), snapshot.counts.files);
    }
    let target = place.join("restored");
    repo.restore(report.snapshot()?, &RestoreOptions::to(&target), &ctx)?;
    Ok(target)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(place)) = (arguments.next(), arguments.next()) else {
        return Err("usage: strongroom-example-rust FOLDER PLACE".into());
    };
    println!("restored to {}", back_up_and_restore(&folder, &place)?.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    #[test]
    fn the_example_works() {
        let place = std::env::temp_dir().join(format!("strongroom-example-{}", std::process::id()));
        fs::create_dir_all(place.join("photos")).unwrap();
        fs::write(place.join("photos/1.jpg"), "a picture").unwrap();
        fs::write(place.join("photos/1.tmp"), "not this").unwrap();
        let restored = super::back_up_and_restore(&place.join("photos"), &place).unwrap();
        assert_eq!(fs::read(restored.join("1.jpg")).unwrap(), b"a picture");
        assert!(!restored.join("1.tmp").exists());
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn the_readme_shows_it() {
        let readme = include_str!("../../../README.md");
        let shown = readme.split("```rust\n").nth(1).and_then(|behind| behind.split("```").next()).unwrap();
        let code = include_str!("main.rs");
        assert!(code.contains(shown.trim()), "the README's Rust example is not that of examples/rust/src/main.rs");
    }
}
