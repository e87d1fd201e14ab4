//! Objects as files in a folder.

use super::{Place, Staged};
use axum::body::Bytes;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use strongroom::{Error, ErrorKind, Result};

/// The folder that holds `vaults/…`. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ObjectFolder {
    root: PathBuf,
    /// Folders whose own names are known to be on disk.
    durable: Arc<Mutex<HashSet<PathBuf>>>,
}

impl ObjectFolder {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).map_err(|error| Error::io(error, "open the storage").object(root.display()))?;
        Ok(ObjectFolder { root: root.to_owned(), durable: Arc::default() })
    }

    fn path(&self, place: &Place) -> PathBuf {
        self.root.join(place.as_str())
    }

    /// Flushes a file and moves it to its place, whose name is flushed as well: after a power cut it is there.
    pub(crate) fn keep(&self, staged: &Staged, place: &Place) -> Result<()> {
        let failed = |error| Error::io(error, "store an object").object(place.as_str());
        let path = self.path(place);
        let parent = path.parent().unwrap_or(&self.root);
        staged.file().sync_all().map_err(failed)?;
        self.make_folder(parent).map_err(failed)?;
        fs::rename(staged.path(), &path).map_err(failed)?;
        sync_folder(parent).map_err(failed)
    }

    /// Makes a folder and those above it that are missing, durably.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let known = || self.durable.lock().map_err(|_| io::Error::other("a thread panicked while storing an object"));
        if known()?.contains(folder) {
            return Ok(());
        }
        if let Some(parent) = folder.parent().filter(|_| folder != self.root) {
            self.make_folder(parent)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                // Who made it may have been stopped before its name was flushed.
                _ => sync_folder(parent)?,
            }
        }
        known()?.insert(folder.to_owned());
        Ok(())
    }

    pub(crate) fn read(&self, place: &Place, range: Range<u64>) -> Result<Bytes> {
        let failed = |error: io::Error| {
            let short = error.kind() == io::ErrorKind::UnexpectedEof;
            let error = Error::io(error, "read an object").object(place.as_str());
            if short { Error::new(ErrorKind::Corrupt, "read an object").object(place.as_str()) } else { error }
        };
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let file = File::open(self.path(place)).map_err(failed)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start).map_err(failed)?;
        Ok(bytes.into())
    }

    pub(crate) fn remove(&self, place: &Place) -> Result<()> {
        remove_file(&self.path(place))
    }

    #[cfg(test)]
    pub(crate) fn places(&self) -> Vec<String> {
        let (mut found, mut folders) = (Vec::new(), vec![self.root.join("vaults")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => found.push(path.strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned()),
                }
            }
        }
        found
    }
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a file. That one is gone need not be flushed: what comes back is removed again.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(error, "remove an object")),
        _ => Ok(()),
    }
}
