//! What a system holds: programs and libraries as this machine has them, and a large tar file.

use anyhow::{Context, Result, ensure};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of all of it.
pub(super) const BYTES: u64 = 2_000_000_000;
/// Where programs are looked for, in this order; toolchains in home folders among them, for small machines.
const PLACES: &[&str] = &["/usr", "/opt", "/bin", "/lib"];
const TOOLCHAINS: &[&str] = &[".rustup/toolchains", ".cargo/bin"];

/// Makes the set at a place where nothing is: at most half of it is the tar file, which is cut off there. The machine
/// decides what it is, and the same machine makes the same.
pub(super) fn make(place: &Path, bytes: u64, tar_of: &Path) -> Result<()> {
    let homes = std::env::var_os("HOME").map(PathBuf::from);
    let toolchains = homes.iter().flat_map(|home| TOOLCHAINS.iter().map(|name| home.join(name)));
    let places: Vec<PathBuf> = PLACES.iter().map(PathBuf::from).chain(toolchains).collect();
    make_from(place, bytes, tar_of, &places)
}

fn make_from(place: &Path, bytes: u64, tar_of: &Path, places: &[PathBuf]) -> Result<()> {
    fs::create_dir(place)?;
    let tar = place.join("sources.tar");
    pack(tar_of, &tar)?;
    let length = fs::metadata(&tar)?.len().min(bytes / 2);
    let file = File::options().write(true).open(&tar)?;
    file.set_len(length)?;
    file.set_modified(super::time(0))?;
    let mut copies = Copies { place: place.join("programs"), left: bytes - length, seen: HashSet::new(), count: 0 };
    fs::create_dir(&copies.place)?;
    for from in places {
        copies.of(from)?;
    }
    ensure!(
        copies.left == 0,
        "there are not enough programs on this machine: {} bytes are missing; ask for fewer with binaries:SIZE",
        copies.left
    );
    Ok(())
}

/// Packs a folder, in the order of names.
fn pack(folder: &Path, tar: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command.args(["--create", "--sort=name", "--file"]).arg(tar).arg("--directory").arg(folder).arg(".");
    let status = command.status().context("cannot run tar, which packs the sources")?;
    ensure!(status.success(), "{} is not packed: tar ended with {status}", folder.display());
    Ok(())
}

struct Copies {
    place: PathBuf,
    left: u64,
    /// Files by device and inode: names of one file are copied once.
    seen: HashSet<(u64, u64)>,
    count: u64,
}

impl Copies {
    /// Copies the programs below a folder, in the order of names, until there is enough.
    fn of(&mut self, folder: &Path) -> Result<()> {
        // What may not be read is not looked at.
        let Ok(listing) = fs::read_dir(folder) else { return Ok(()) };
        let mut paths: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if self.left == 0 {
                break;
            }
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                self.of(&path)?;
            } else if metadata.is_file()
                && metadata.len() > 0
                && self.seen.insert((metadata.dev(), metadata.ino()))
                && is_program(&path)
            {
                self.copy(&path)?;
            }
        }
        Ok(())
    }

    fn copy(&mut self, path: &Path) -> Result<()> {
        let name = path.file_name().context("a file has no name")?.to_string_lossy().into_owned();
        let folder = self.place.join(format!("{:02}", self.count / 100));
        fs::create_dir_all(&folder)?;
        let to = folder.join(format!("{:02}-{name}", self.count % 100));
        let length = fs::copy(path, &to).with_context(|| format!("cannot copy {}", path.display()))?;
        let file = File::options().write(true).open(&to)?;
        file.set_len(length.min(self.left))?;
        file.set_modified(super::time(self.count + 1))?;
        self.left -= length.min(self.left);
        self.count += 1;
        Ok(())
    }
}

/// Programs, libraries and object files in the format of this system, and archives of such.
fn is_program(path: &Path) -> bool {
    let mut start = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && (start.starts_with(b"\x7fELF") || start == *b"!<arch>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{compare, extent};

    #[test]
    fn programs_and_a_tar_file_fill_the_size() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::create_dir_all(from.join("lib")).unwrap();
        for (name, content) in [("b", "\x7fELF and more"), ("lib/a", "!<arch>\n and more"), ("text", "no program")] {
            fs::write(from.join(name), content.repeat(1000)).unwrap();
        }
        fs::hard_link(from.join("b"), from.join("c")).unwrap();
        let make = |name: &str, bytes| make_from(&folder.path().join(name), bytes, &from, std::slice::from_ref(&from));
        make("one", 30_000).unwrap();
        make("other", 30_000).unwrap();
        assert_eq!(extent(&folder.path().join("one")).unwrap().bytes, 30_000);
        assert_eq!(extent(&folder.path().join("one/programs/00")).unwrap().entries, 2);
        let found = compare(&folder.path().join("one"), &folder.path().join("other")).unwrap();
        assert!(found.differences.keys().all(|what| *what == "mtime"), "{found:?}");
        let error = make("too much", 300_000).unwrap_err();
        assert!(error.to_string().contains("not enough programs"), "{error}");
    }
}
