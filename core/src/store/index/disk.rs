//! Tables kept in a folder of this machine. They are a copy of what storage has: whatever is wrong with one, it is
//! removed and built again.

use super::super::keys::{Keys, Purpose};
use super::super::table::{Sources, Table, Target};
use super::Part;
use crate::crypto::{SecretKey, random};
use crate::error::{Error, ErrorKind, Result, internal};
use crate::id::hex;
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

const ENDING: &str = ".table";
const TEMPORARY: &str = ".part";
/// Temporary files older than this were left by a crash.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    unlocked: OnceLock<Unlocked>,
    problem: Mutex<Option<String>>,
}

/// What depends on the repository.
#[derive(Debug)]
struct Unlocked {
    /// Key of names and checksums.
    key: SecretKey,
    /// What the names of this repository's files begin with.
    prefix: String,
}

impl Disk {
    pub(super) fn new(folder: PathBuf) -> Self {
        Disk { folder, unlocked: OnceLock::new(), problem: Mutex::default() }
    }

    /// Why tables are kept in memory.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.lock().ok().and_then(|problem| problem.clone())
    }

    fn give_up(&self, problem: String) {
        if let Ok(mut slot) = self.problem.lock() {
            slot.get_or_insert(problem);
        }
    }

    /// Takes the keys of the repository; `true` the first time.
    pub(super) fn unlock(&self, keys: &Keys) -> Result<bool> {
        if self.unlocked.get().is_some() {
            return Ok(false);
        }
        // Of the oldest epoch, so that a new one does not cost the tables.
        let key = keys.oldest()?.sealing(Purpose::Index).derive("strongroom format 1 local index table");
        let prefix = format!("{}-", hex(keys.repository.as_bytes()));
        Ok(self.unlocked.set(Unlocked { key, prefix }).is_ok())
    }

    /// Opens the tables that are there. Of tables that cover the same index objects, the one that covers most is
    /// taken; damaged ones are removed.
    pub(super) fn open_all(&self) -> Vec<Part> {
        let Some(Unlocked { key, prefix }) = self.unlocked.get() else { return Vec::new() };
        let Ok(listed) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut found = Vec::new();
        for file in listed.flatten() {
            let name = file.file_name();
            let Some(name) = name.to_str().filter(|name| name.starts_with(prefix)) else { continue };
            let path = file.path();
            if name.ends_with(TEMPORARY) {
                let age = file.metadata().and_then(|metadata| metadata.modified()).ok();
                if age.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > STALE) {
                    remove(&path);
                }
                continue;
            }
            if !name.ends_with(ENDING) {
                continue;
            }
            let opened = fs::File::open(&path).map_err(|error| Error::io(error, "open the local index"));
            let opened = opened.and_then(|file| Part::new(Table::open(file, key)?, Some(path.clone())));
            match opened {
                Ok(part) => found.push(part),
                // Another process merged it away meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(_) => remove(&path),
            }
        }
        found.sort_by_key(|part| std::cmp::Reverse(part.sources.covered.len()));
        let mut covered = BTreeSet::new();
        found.retain(|part| {
            let new = part.sources.covered.is_disjoint(&covered);
            if new {
                covered.extend(part.sources.covered.iter().copied());
            } else {
                part.file.iter().for_each(|file| remove(file));
            }
            new
        });
        found
    }

    /// Writes a table to a file that appears under its name only when it is whole. `None` when the folder cannot be
    /// written, or not yet.
    pub(super) fn write(
        &self,
        sources: &Sources,
        make: &dyn Fn(Target<'_>) -> Result<Table>,
    ) -> Result<Option<(Table, PathBuf)>> {
        let Some(Unlocked { key, prefix }) = self.unlocked.get() else { return Ok(None) };
        if self.problem().is_some() {
            return Ok(None);
        }
        let mut hasher = blake3::Hasher::new_keyed(key.expose());
        for id in &sources.covered {
            hasher.update(id.as_bytes());
        }
        let covered = hasher.finalize();
        let name = covered.as_bytes().get(..16).ok_or_else(|| internal("write the local index", "no name"))?;
        let path = self.folder.join(format!("{prefix}{}{ENDING}", hex(name)));
        let temporary = self.folder.join(format!("{prefix}{}{TEMPORARY}", hex(&random::<8>()?)));
        match self.write_as(&temporary, &path, key, make) {
            Ok(table) => Ok(Some((table, path))),
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                match error.kind() {
                    // What has to do with the tables themselves, or with the caller.
                    ErrorKind::Cancelled | ErrorKind::Corrupt | ErrorKind::Internal => Err(error),
                    _ => {
                        self.give_up(error.to_string());
                        Ok(None)
                    }
                }
            }
        }
    }

    fn write_as(
        &self,
        temporary: &Path,
        path: &Path,
        key: &SecretKey,
        make: &dyn Fn(Target<'_>) -> Result<Table>,
    ) -> Result<Table> {
        let failed = |error| Error::io(error, "write the local index").object(self.folder.display());
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let open = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(temporary);
        let table = make(Target::File(open.map_err(failed)?, key))?;
        fs::rename(temporary, path).map_err(failed)?;
        Ok(table)
    }
}

/// Removes a file that is no longer needed. Where that fails, it is looked at again next time.
pub(super) fn remove(file: &Path) {
    let _ = fs::remove_file(file);
}
