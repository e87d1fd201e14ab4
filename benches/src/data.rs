//! Data sets: folders that exist, and folders made from a seed.

use crate::text::{Random, Text};
use crate::units;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Bytes of the `random` set.
const RANDOM_BYTES: u64 = 1_500_000_000;
/// Bytes of each of its files but the last.
const RANDOM_FILE: u64 = 32 * 1024 * 1024;
/// Files of the `tiny` set.
const TINY_FILES: u64 = 400_000;
/// Most bytes in one of them.
const TINY_LARGEST: u64 = 450;
/// Of them in each folder.
const TINY_FOLDER: u64 = 100;

/// Where the content of a data set comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A copy of this folder.
    Folder(PathBuf),
    /// Files of random bytes, so many bytes together.
    Random { bytes: u64 },
    /// So many files of 0 to 450 bytes of text.
    Tiny { files: u64 },
}

/// Something to back up, and perhaps what it turns into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataSet {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) next: Option<PathBuf>,
}

/// Puts together what was asked for: `NAME=DIR` for folders, `[NAME=]DIR` for what they turn into, and
/// `random[:SIZE]` or `tiny[:FILES]`.
pub(crate) fn chosen(folders: &[String], nexts: &[String], generated: &[String]) -> Result<Vec<DataSet>> {
    let mut sets: Vec<DataSet> = Vec::new();
    for folder in folders {
        let (name, path) = folder.split_once('=').with_context(|| format!("write --data NAME=DIR, not {folder}"))?;
        ensure!(!name.is_empty() && !name.contains(['/', '.']), "`{name}` cannot be the name of a data set");
        sets.push(DataSet { name: name.to_owned(), origin: Origin::Folder(existing(path)?), next: None });
    }
    for next in nexts {
        let named =
            next.split_once('=').and_then(|(name, path)| Some((sets.iter().position(|set| set.name == name)?, path)));
        let (index, path) = named.unwrap_or((0, next));
        let set = sets.get_mut(index).context("--next says what a --data turns into, and there is none")?;
        set.next = Some(existing(path)?);
    }
    for text in generated {
        let (kind, size) = text.split_once(':').map_or((text.as_str(), None), |(kind, size)| (kind, Some(size)));
        let origin = match kind {
            "random" => Origin::Random { bytes: parse(size, RANDOM_BYTES)? },
            "tiny" => Origin::Tiny { files: parse(size, TINY_FILES)? },
            _ => bail!("`{kind}` cannot be generated; `random` and `tiny` can"),
        };
        sets.push(DataSet { name: kind.to_owned(), origin, next: None });
    }
    for (index, set) in sets.iter().enumerate() {
        ensure!(sets[..index].iter().all(|other| other.name != set.name), "two data sets are called {}", set.name);
    }
    ensure!(!sets.is_empty(), "say what to back up: --data NAME=DIR, --generate random or --generate tiny");
    Ok(sets)
}

fn existing(path: &str) -> Result<PathBuf> {
    let path = fs::canonicalize(path).with_context(|| format!("cannot find {path}"))?;
    ensure!(path.is_dir(), "{} is no folder", path.display());
    Ok(path)
}

fn parse(size: Option<&str>, default: u64) -> Result<u64> {
    size.map_or(Ok(default), |size| units::parse_size(size).map_err(anyhow::Error::msg))
}

impl DataSet {
    /// Makes the data set at a place where nothing is.
    pub(crate) fn make(&self, place: &Path, seed: u64) -> Result<()> {
        match &self.origin {
            Origin::Folder(folder) => copy(folder, place),
            Origin::Random { bytes } => random(place, *bytes, seed),
            Origin::Tiny { files } => tiny(place, *files, seed),
        }
    }
}

/// Copies a tree with all its metadata. Inode numbers and change times are new, as they are when a release is
/// unpacked over the one before.
pub(crate) fn copy(folder: &Path, place: &Path) -> Result<()> {
    let status = Command::new("cp")
        .args(["-a", "--"])
        .args([folder, place])
        .status()
        .context("cannot run cp, which copies the data sets")?;
    ensure!(status.success(), "{} is not copied: cp ended with {status}", folder.display());
    Ok(())
}

fn random(place: &Path, bytes: u64, seed: u64) -> Result<()> {
    fs::create_dir(place)?;
    let mut random = Random::new(seed);
    // Small, so that this process is: what it holds counts as the least a tool can hold.
    let mut buffer = vec![0; 256 * 1024];
    for (number, start) in (0..bytes).step_by(RANDOM_FILE as usize).enumerate() {
        let mut file = File::create(place.join(format!("random-{number:04}.bin")))?;
        let mut left = RANDOM_FILE.min(bytes - start);
        while left > 0 {
            random.fill(&mut buffer);
            let length = left.min(buffer.len() as u64);
            file.write_all(&buffer[..length as usize])?;
            left -= length;
        }
        file.set_modified(time(number as u64))?;
    }
    Ok(())
}

fn tiny(place: &Path, files: u64, seed: u64) -> Result<()> {
    fs::create_dir(place)?;
    let (mut random, mut text, mut content) = (Random::new(seed), Text::new(seed), Vec::new());
    for number in 0..files {
        let folder = number / TINY_FOLDER;
        let folder = place.join(format!("{:03}/{:02}", folder / 100, folder % 100));
        if number % TINY_FOLDER == 0 {
            fs::create_dir_all(&folder)?;
        }
        content.clear();
        text.write(random.below(TINY_LARGEST + 1) as usize, &mut content);
        let mut file = File::create(folder.join(format!("{}-{number:06}.c", random.below(1000))))?;
        file.write_all(&content)?;
        file.set_modified(time(number))?;
    }
    Ok(())
}

/// Times that lie apart and are the same every time.
fn time(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000 + number, (number % 1000) as u32 * 1_000_003 % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Extent, compare, extent};

    #[test]
    fn generated_sets_are_the_same_every_time() {
        let folder = tempfile::tempdir().unwrap();
        for set in chosen(&[], &[], &["random:100K".to_owned(), "tiny:250".to_owned()]).unwrap() {
            let [first, second, other] = ["1", "2", "3"].map(|name| folder.path().join(set.name.clone() + name));
            set.make(&first, 1).unwrap();
            set.make(&second, 1).unwrap();
            set.make(&other, 2).unwrap();
            let content = |found: crate::compare::Comparison| {
                found.differences.into_keys().filter(|what| *what != "mtime").collect::<Vec<_>>()
            };
            assert!(content(compare(&first, &second).unwrap()).is_empty());
            assert!(!content(compare(&first, &other).unwrap()).is_empty());
        }
        assert_eq!(extent(&folder.path().join("random1")).unwrap(), Extent { entries: 1, bytes: 102_400 });
        // 250 files in three folders, in a folder for every hundred folders.
        assert_eq!(extent(&folder.path().join("tiny1")).unwrap().entries, 254);
    }

    #[test]
    fn data_sets_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let data = strings(&[&format!("kernel={path}"), &format!("other={path}")]);
        let sets = chosen(&data, &strings(&[&format!("other={path}")]), &[]).unwrap();
        assert_eq!(sets.iter().map(|set| set.next.is_some()).collect::<Vec<_>>(), [false, true]);
        let sets = chosen(&data, &strings(&[path]), &strings(&["tiny:20"])).unwrap();
        assert!(sets[0].next.is_some() && sets[2].origin == Origin::Tiny { files: 20 });
        assert!(chosen(&[], &[], &[]).is_err());
        assert!(chosen(&strings(&[path]), &[], &[]).is_err());
        assert!(chosen(&[data[0].clone(), data[0].clone()], &[], &[]).is_err());
        assert!(chosen(&[], &[], &strings(&["huge"])).is_err());
        assert!(chosen(&strings(&["a=/does/not/exist"]), &[], &[]).is_err());
    }
}
