//! Changing a data set as an upgrade does: every file is written anew, most of them with the same bytes.

use crate::text::Random;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One of so many files changes.
const CHANGED: u64 = 3;
/// Files from this length on always do, with something inserted in every so many bytes.
const LARGE: u64 = 32 * 1024 * 1024;
/// Bytes between two changes of a changed file that is not large, at most.
const APART: u64 = 256 * 1024;
/// Most bytes inserted in one place.
const INSERTED: u64 = 8 * 1024;
const PIECE: usize = 128 * 1024;

/// Rewrites every file below a folder; what changes follows from the seed.
pub(super) fn edit(place: &Path, seed: u64) -> Result<()> {
    let mut files = Vec::new();
    collect(place, &mut files)?;
    files.sort();
    let mut random = Random::new(seed ^ 0xed17);
    for path in &files {
        rewrite(path, &mut random).with_context(|| format!("cannot change {}", path.display()))?;
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn rewrite(path: &Path, random: &mut Random) -> Result<()> {
    let mut from = File::open(path)?;
    let metadata = from.metadata()?;
    let changes = changes(metadata.len(), random);
    let mut name = path.file_name().context("a file has no name")?.to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut to = File::create_new(&new)?;
    for change in changes {
        copy(&mut from, &mut to, change.after)?;
        let mut bytes = vec![0; usize::try_from(change.bytes)?];
        random.fill(&mut bytes);
        to.write_all(&bytes)?;
        if !change.inserted {
            from.seek(SeekFrom::Current(i64::try_from(change.bytes)?))?;
        }
    }
    copy(&mut from, &mut to, u64::MAX)?;
    to.set_permissions(metadata.permissions())?;
    to.set_modified(metadata.modified()? + Duration::from_secs(86_400))?;
    Ok(fs::rename(&new, path)?)
}

/// So many bytes on from the one before, bytes that are inserted, or take the place of as many.
#[derive(Debug, PartialEq)]
struct Change {
    after: u64,
    bytes: u64,
    inserted: bool,
}

/// What changes in a file of this length, in order.
fn changes(length: u64, random: &mut Random) -> Vec<Change> {
    let mut changes = Vec::new();
    if length >= LARGE {
        // Members of an archive grow: everything behind them moves.
        let mut before = 0;
        for start in (0..length / LARGE).map(|number| number * LARGE) {
            let at = start + random.below(LARGE);
            changes.push(Change { after: at - before, bytes: 1 + random.below(INSERTED), inserted: true });
            before = at;
        }
    } else if length > 0 && random.below(CHANGED) == 0 {
        // Code moves once, and addresses in it change all over.
        let mut at = random.below(length);
        changes.push(Change { after: at, bytes: 1 + random.below(INSERTED), inserted: true });
        loop {
            let after = 16 + random.below(APART);
            at += after + 4;
            if at > length {
                break;
            }
            changes.push(Change { after, bytes: 4, inserted: false });
        }
    }
    changes
}

/// Copies so many bytes, or what there is.
fn copy(from: &mut File, to: &mut File, mut bytes: u64) -> Result<()> {
    let mut buffer = vec![0; PIECE];
    while bytes > 0 {
        let most = usize::try_from(bytes.min(PIECE as u64))?;
        let read = from.read(&mut buffer[..most])?;
        if read == 0 {
            break;
        }
        to.write_all(&buffer[..read])?;
        bytes -= read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn every_file_is_new_and_some_have_changed() {
        let folder = tempfile::tempdir().unwrap();
        let content = |number: usize| {
            let mut bytes = vec![0; 10_000 * (number + 1)];
            Random::new(number as u64).fill(&mut bytes);
            bytes
        };
        let make = |name: &str| {
            let place = folder.path().join(name);
            fs::create_dir_all(place.join("deep")).unwrap();
            for number in 0..60 {
                fs::write(place.join(format!("deep/{number}")), content(number)).unwrap();
            }
            let before = fs::metadata(place.join("deep/0")).unwrap();
            edit(&place, 5).unwrap();
            let after = fs::metadata(place.join("deep/0")).unwrap();
            assert_ne!(before.ino(), after.ino());
            assert!(after.modified().unwrap() > before.modified().unwrap() + Duration::from_secs(80_000));
            (0..60).map(|number| fs::read(place.join(format!("deep/{number}"))).unwrap()).collect::<Vec<_>>()
        };
        let edited = make("one");
        assert_eq!(edited, make("other"));
        let changed: Vec<usize> = (0..60).filter(|number| edited[*number] != content(*number)).collect();
        assert!((10..35).contains(&changed.len()), "{changed:?}");
        // Most of a changed file is what it was.
        let old = content(changed[5]);
        let same = old.chunks(500).filter(|part| edited[changed[5]].windows(500).any(|window| window == *part)).count();
        assert!(same * 500 > old.len() * 8 / 10, "{same} of {}", old.len() / 500);
    }

    #[test]
    fn large_files_always_change() {
        let found = changes(LARGE * 3 + 5, &mut Random::new(1));
        assert!(found.len() == 3 && found.iter().all(|change| change.inserted));
        assert!(changes(0, &mut Random::new(1)).is_empty());
    }
}
