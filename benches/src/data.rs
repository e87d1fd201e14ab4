//! Data sets: folders that exist, and folders made from a seed.

pub(crate) mod binaries;
pub(crate) mod edit;

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
/// Files of the `flat` set.
const FLAT_FILES: u64 = 1_000_000;
/// Of the tiny ones in each folder.
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
    /// So many empty files of one folder.
    Flat { files: u64 },
    /// A tar file of this folder, and programs and libraries of this machine, so many bytes together.
    Binaries { bytes: u64, tar_of: PathBuf },
}

/// What a data set turns into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// A copy of this folder in its place.
    Folder(PathBuf),
    /// Itself, with every file written anew and some of them changed.
    Edit,
}

/// Something to back up, and perhaps what it turns into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataSet {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) next: Option<Next>,
}

/// What data sets are asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Choice {
    /// A folder to back up a copy of; may be given several times
    #[arg(long, value_name = "NAME=DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) data: Vec<String>,
    /// What takes that folder's place for the next backup [default: of the first one]
    #[arg(long, value_name = "[NAME=]DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) next: Vec<String>,
    /// Made data: `random[:SIZE]`, `tiny[:FILES]`, `flat[:FILES]`, `binaries[:SIZE]`; may be given several times
    #[arg(long, value_name = "SET")]
    pub(crate) generate: Vec<String>,
    /// What the tar file among the binaries is made of
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, default_value = "/usr/share")]
    pub(crate) tar_of: PathBuf,
    /// Changes data sets that turn into nothing else for another backup; the binaries always are
    #[arg(long)]
    pub(crate) edit: bool,
}

/// Puts together what was asked for.
pub(crate) fn chosen(choice: &Choice) -> Result<Vec<DataSet>> {
    let mut sets: Vec<DataSet> = Vec::new();
    for folder in &choice.data {
        let (name, path) = folder.split_once('=').with_context(|| format!("write --data NAME=DIR, not {folder}"))?;
        ensure!(!name.is_empty() && !name.contains(['/', '.']), "`{name}` cannot be the name of a data set");
        sets.push(DataSet { name: name.to_owned(), origin: Origin::Folder(existing(path)?), next: None });
    }
    for next in &choice.next {
        let named =
            next.split_once('=').and_then(|(name, path)| Some((sets.iter().position(|set| set.name == name)?, path)));
        let (index, path) = named.unwrap_or((0, next));
        let set = sets.get_mut(index).context("--next says what a --data turns into, and there is none")?;
        set.next = Some(Next::Folder(existing(path)?));
    }
    for text in &choice.generate {
        let (kind, size) = text.split_once(':').map_or((text.as_str(), None), |(kind, size)| (kind, Some(size)));
        let origin = match kind {
            "random" => Origin::Random { bytes: parse(size, RANDOM_BYTES)? },
            "tiny" => Origin::Tiny { files: parse(size, TINY_FILES)? },
            "flat" => Origin::Flat { files: parse(size, FLAT_FILES)? },
            "binaries" => Origin::Binaries { bytes: parse(size, binaries::BYTES)?, tar_of: choice.tar_of.clone() },
            _ => bail!("`{kind}` cannot be made; `random`, `tiny`, `flat` and `binaries` can"),
        };
        let next = matches!(origin, Origin::Binaries { .. }).then_some(Next::Edit);
        sets.push(DataSet { name: kind.to_owned(), origin, next });
    }
    for (index, set) in sets.iter().enumerate() {
        ensure!(sets[..index].iter().all(|other| other.name != set.name), "two data sets are called {}", set.name);
    }
    ensure!(!sets.is_empty(), "say what to back up: --data NAME=DIR, --generate random or --generate tiny");
    if choice.edit {
        sets.iter_mut().for_each(|set| set.next = set.next.take().or(Some(Next::Edit)));
    }
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
            Origin::Flat { files } => flat(place, *files),
            Origin::Binaries { bytes, tar_of } => binaries::make(place, *bytes, tar_of),
        }
    }

    /// Turns it, as it was made at that place, into what comes next; whether there is anything.
    pub(crate) fn advance(&self, place: &Path, seed: u64) -> Result<bool> {
        match &self.next {
            None => return Ok(false),
            Some(Next::Folder(folder)) => {
                fs::remove_dir_all(place)?;
                copy(folder, place)?;
            }
            Some(Next::Edit) => edit::edit(place, seed)?,
        }
        Ok(true)
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

fn flat(place: &Path, files: u64) -> Result<()> {
    fs::create_dir(place)?;
    for number in 0..files {
        File::create(place.join(format!("{number:07}")))?.set_modified(time(number))?;
    }
    Ok(())
}

/// Times that lie apart and are the same every time.
pub(crate) fn time(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000 + number, (number % 1000) as u32 * 1_000_003 % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Extent, compare, extent};

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn choice(data: &[&str], next: &[&str], generate: &[&str]) -> Choice {
        let [data, next, generate] = [data, next, generate].map(strings);
        Choice { data, next, generate, ..Choice::default() }
    }

    #[test]
    fn generated_sets_are_the_same_every_time() {
        let folder = tempfile::tempdir().unwrap();
        for set in chosen(&choice(&[], &[], &["random:100K", "tiny:250"])).unwrap() {
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
        let [flat] = chosen(&choice(&[], &[], &["flat:30"])).unwrap().try_into().unwrap();
        flat.make(&folder.path().join("flat"), 1).unwrap();
        assert_eq!(extent(&folder.path().join("flat")).unwrap(), Extent { entries: 30, bytes: 0 });
        assert!(!flat.advance(&folder.path().join("flat"), 1).unwrap());
    }

    #[test]
    fn data_sets_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let (kernel, other) = (format!("kernel={path}"), format!("other={path}"));
        let data = [kernel.as_str(), other.as_str()];
        let sets = chosen(&choice(&data, &[&other], &[])).unwrap();
        assert_eq!(sets.iter().map(|set| set.next.is_some()).collect::<Vec<_>>(), [false, true]);
        let sets = chosen(&choice(&data, &[path], &["tiny:20", "binaries"])).unwrap();
        assert!(sets[0].next.is_some() && sets[2].origin == Origin::Tiny { files: 20 } && sets[2].next.is_none());
        assert_eq!(sets[3].next, Some(Next::Edit));
        let sets = chosen(&Choice { edit: true, ..choice(&data, &[path], &[]) }).unwrap();
        assert!(matches!(sets[0].next, Some(Next::Folder(_))) && sets[1].next == Some(Next::Edit));
        assert!(chosen(&choice(&[], &[], &[])).is_err());
        assert!(chosen(&choice(&[path], &[], &[])).is_err());
        assert!(chosen(&choice(&[&kernel, &kernel], &[], &[])).is_err());
        assert!(chosen(&choice(&[], &[], &["huge"])).is_err());
        assert!(chosen(&choice(&["a=/does/not/exist"], &[], &[])).is_err());
    }
}
