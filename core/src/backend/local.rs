//! Objects as files in a folder.

use super::{Backend, Folder, ObjectInfo, ObjectName, check_range};
use crate::crypto::random;
use crate::error::{Error, Result, corrupt};
use crate::format::entry::Timestamp;
use crate::id::hex;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// A repository's objects as files in a folder: `config`, `keys/…`, `packs/ab/ab…` and so on.
///
/// An object is written to a hidden temporary file, flushed to disk, and linked to its name only then, so a crash
/// or a power cut leaves it whole or absent. Its name is flushed before it counts as stored, and so are the names of the
/// folders it is in. Works on any POSIX file system with hard links; where there are none,
/// it falls back to an exclusive rename. What is left of objects whose writers died is removed by pruning, a day later.
#[derive(Debug, Clone)]
pub struct LocalBackend {
    root: PathBuf,
    sync: bool,
    /// Folders whose own names are known to be on disk.
    durable: Arc<Mutex<HashSet<PathBuf>>>,
}

const TEMPORARY: &str = ".tmp-";

/// How long a temporary file is left alone by the clock of its file system, also where no lock tells that its writer is
/// at work: on network file systems that know locks of one machine only.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

impl LocalBackend {
    /// Objects below `root`, which is created with the first of them.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        LocalBackend { root: root.into(), sync: true, durable: Arc::default() }
    }

    /// Whether every object is flushed to disk before it counts as stored (the default). Switching it off trades
    /// safety against power cuts for speed.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn folder_path(&self, name: &ObjectName) -> PathBuf {
        match name.folder() {
            Folder::Root => self.root.clone(),
            // Some file systems slow down with very many files in a folder; packs are what there are many of.
            Folder::Packs => self.root.join("packs").join(name.file().get(..2).unwrap_or("xx")),
            folder => self.root.join(folder.name()),
        }
    }

    fn path(&self, name: &ObjectName) -> PathBuf {
        self.folder_path(name).join(name.file())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        if self.sync { File::open(folder)?.sync_all() } else { Ok(()) }
    }

    /// Creates a folder, and those above it that are missing.
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = parent(folder) {
            self.create_folder(parent)?;
        }
        match fs::create_dir(folder) {
            Ok(()) => self.sync_folder(parent(folder).unwrap_or(Path::new("."))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Flushes the names of a folder and of those above it, up to the root's own, once: who created them may have been
    /// stopped before, or not have come so far yet.
    fn sync_names(&self, folder: &Path) -> io::Result<()> {
        if !self.sync || !folder.starts_with(&self.root) {
            return Ok(());
        }
        let known = || self.durable.lock().map_err(|_| io::Error::other("a thread panicked while storing an object"));
        if known()?.contains(folder) {
            return Ok(());
        }
        match parent(folder) {
            // Above the root others decide, and need not let us look.
            Some(parent) if folder == self.root => drop(self.sync_folder(parent)),
            Some(parent) => {
                self.sync_folder(parent)?;
                self.sync_names(parent)?;
            }
            None => drop(self.sync_folder(Path::new("."))),
        }
        known()?.insert(folder.to_owned());
        Ok(())
    }

    fn write_new(&self, name: &ObjectName, parts: &[&[u8]]) -> io::Result<()> {
        let folder = self.folder_path(name);
        let unique = random::<8>().map_err(io::Error::other)?;
        let temporary = folder.join(format!("{TEMPORARY}{}", hex(&unique)));
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let mut file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_folder(&folder)?;
                open()?
            }
            opened => opened?,
        };
        // Held until the file is closed, so that nobody takes it for one whose writer died. Where there are no locks, its
        // age has to tell.
        let _ = file.try_lock();
        let result = write_parts(&mut file, parts)
            .and_then(|()| if self.sync { file.sync_data() } else { Ok(()) })
            .and_then(|()| publish(&temporary, &folder.join(name.file())));
        // After a rename it is gone already; after a link or an error it must go.
        let _ = fs::remove_file(&temporary);
        result?;
        self.sync_folder(&folder)?;
        self.sync_names(&folder)
    }
}

/// What time it is by the clock of a folder's file system.
fn time_of(folder: &Path) -> io::Result<SystemTime> {
    let probe = folder.join(format!("{TEMPORARY}{}", hex(&random::<8>().map_err(io::Error::other)?)));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe)?;
    let time = file.metadata().and_then(|metadata| metadata.modified());
    let _ = fs::remove_file(&probe);
    time
}

/// Removes the temporary files in a folder whose writers died.
fn tidy_folder(folder: &Path, now: SystemTime) -> Result<()> {
    let failed = |error| Error::io(error, "tidy up").object(folder.display());
    for entry in read_folder(folder)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_str().is_some_and(is_temporary) && is_abandoned(&entry.path(), now) {
            // What cannot be removed only takes room.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn is_temporary(name: &str) -> bool {
    let digits = name.strip_prefix(TEMPORARY).unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_abandoned(path: &Path, now: SystemTime) -> bool {
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits().cast_signed();
    let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(path) else { return false };
    let is_old = |metadata: fs::Metadata| {
        let age = metadata.modified().ok().and_then(|modified| now.duration_since(modified).ok());
        metadata.is_file() && age.is_some_and(|age| age > ABANDONED)
    };
    file.metadata().is_ok_and(is_old) && file.try_lock().is_ok()
}

fn parent(folder: &Path) -> Option<&Path> {
    folder.parent().filter(|parent| !parent.as_os_str().is_empty())
}

fn write_parts(file: &mut File, parts: &[&[u8]]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut rest = slices.as_mut_slice();
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives the finished file its name unless the name is taken.
fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, temporary, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Old kernels and some network file systems do not know the flag; a hard link is as exclusive.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            fs::hard_link(temporary, path)
        }
        Err(error) => Err(error.into()),
    }
}

impl Backend for LocalBackend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        self.write_new(name, parts)
            .map_err(|error| Error::io(error, "store an object").object(self.path(name).display()))
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let path = self.path(name);
        let failed = |error| Error::io(error, "read an object").object(path.display());
        // Opening a pipe would wait for its other end, and a device has no length.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Err(_) if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) => return Err(no_file(&path)),
            opened => opened.map_err(failed)?,
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(no_file(&path));
        }
        let mut bytes = vec![0; check_range(name, &range, metadata.len())?];
        file.read_exact_at(&mut bytes, range.start).map_err(failed)?;
        Ok(bytes)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        let path = self.path(name);
        let failed = |error| Error::io(error, "look up an object").object(path.display());
        let metadata = fs::metadata(&path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(no_file(&path));
        }
        let modified = metadata.modified().map_err(failed)?;
        Ok(ObjectInfo::new(name.clone(), metadata.len(), modified.into()))
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let top = self.root.join(folder.name());
        if folder != Folder::Packs {
            return list_files(&top, folder, found);
        }
        for shard in read_folder(&top)? {
            let failed = |error| Error::io(error, "list objects").object(top.display());
            let shard = shard.map_err(failed)?;
            if shard.file_type().map_err(failed)?.is_dir() {
                list_files(&shard.path(), folder, found)?;
            }
        }
        Ok(())
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        let path = self.path(name);
        let failed = |error| Error::io(error, "delete an object").object(path.display());
        match fs::remove_file(&path) {
            // A pack that comes back is in no index and harms nobody. A key, or a snapshot whose content goes next,
            // must not.
            Ok(()) if name.folder() == Folder::Packs => Ok(()),
            Ok(()) => self.sync_folder(&self.folder_path(name)).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn tidy(&self) -> Result<()> {
        let failed = |error| Error::io(error, "tidy up").object(self.root.display());
        let now = match time_of(&self.root) {
            Ok(now) => now,
            // Where nothing can be created, nothing can be removed.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) =>
            {
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        };
        for folder in Folder::ALL {
            let top = self.root.join(folder.name());
            tidy_folder(&top, now)?;
            if folder == Folder::Packs {
                for shard in read_folder(&top)? {
                    let shard = shard.map_err(failed)?;
                    if shard.file_type().map_err(failed)?.is_dir() {
                        tidy_folder(&shard.path(), now)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn location(&self) -> String {
        self.root.display().to_string()
    }

    /// Network file systems show others what changed only after a while: NFS caches folders for up to a minute (nfs(5),
    /// `acdirmax`). What is not known to be local gets twice that.
    fn settling(&self) -> Duration {
        if is_local(&self.root) { Duration::ZERO } else { Duration::from_secs(120) }
    }
}

/// Whether a folder is on a file system that only this machine changes. Magic numbers of statfs(2).
fn is_local(folder: &Path) -> bool {
    const LOCAL: [u64; 11] = [
        0xEF53,      // ext2, ext3, ext4
        0x9123_683E, // btrfs
        0x5846_5342, // xfs
        0xF2F5_2010, // f2fs
        0x2FC1_2FC1, // zfs
        0xCA45_1A4E, // bcachefs
        0x0102_1994, // tmpfs
        0x8584_58F6, // ramfs
        0x794C_7630, // overlayfs
        0x4D44,      // fat
        0x2011_BAB0, // exfat
    ];
    rustix::fs::statfs(folder).is_ok_and(|stat| u64::try_from(stat.f_type).is_ok_and(|kind| LOCAL.contains(&kind)))
}

fn no_file(path: &Path) -> Error {
    corrupt("read an object", "something that is not a file stands in its place").object(path.display())
}

fn read_folder(path: &Path) -> Result<impl Iterator<Item = io::Result<fs::DirEntry>>> {
    match fs::read_dir(path) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        Err(error) => Err(Error::io(error, "list objects").object(path.display())),
    }
}

fn list_files(path: &Path, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
    let failed = |error| Error::io(error, "list objects").object(path.display());
    for entry in read_folder(path)? {
        let entry = entry.map_err(failed)?;
        let Some(name) = entry.file_name().to_str().and_then(|file| ObjectName::new(folder, file).ok()) else {
            continue;
        };
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Deleted between listing and look-up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        if metadata.is_file() {
            let modified = metadata.modified().map(Timestamp::from).map_err(failed)?;
            found(ObjectInfo::new(name, metadata.len(), modified))?;
        }
    }
    Ok(())
}
