//! Reading what the listing leaves out: link targets, attributes, and the content of files.

use super::dir::QUIET;
use super::holes::find_holes;
use super::owner::Owners;
use super::stat::Facts;
use super::xattr::{self, Target};
use crate::format::entry::{Entry, EntryKind, Hole, Timestamp};
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use crate::source::EntryHandle;
use rustix::fs::{FileType, Mode, OFlags, openat, readlinkat};
use rustix::io::{Errno, pread, retry_on_intr};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// From this size on the system is told that a file is read from start to end.
const WORTH_ADVICE: u64 = 8 * 1024 * 1024;

/// What every handle of one walk uses.
pub(super) struct Shared {
    pub(super) owners: Owners,
    /// The owner whose files were last refused to be opened without changing their access time.
    refused: AtomicU64,
}

impl Shared {
    pub(super) fn new() -> Self {
        Shared { owners: Owners::of_system(), refused: AtomicU64::new(u64::MAX) }
    }
}

/// A folder that is open.
pub(super) struct FolderHandle {
    folder: Arc<OwnedFd>,
    problem: Option<Box<Problem>>,
}

impl FolderHandle {
    pub(super) fn new(folder: Arc<OwnedFd>) -> Self {
        FolderHandle { folder, problem: None }
    }
}

impl EntryHandle for FolderHandle {
    fn describe(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        let read = match xattr::read(Target::Open(self.folder.as_fd())) {
            // The handle of a folder that can only be passed through cannot be read from, by its path it can.
            Err(Errno::BADF) => by_path(self.folder.as_fd(), c".".to_bytes()),
            read => read,
        };
        self.problem = keep_attributes(entry, read);
        Ok(())
    }

    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn take_problem(&mut self) -> Option<Problem> {
        self.problem.take().map(|problem| *problem)
    }
}

/// A symlink, device, pipe or socket, or a folder that cannot be opened: known by name only.
pub(super) struct NameHandle {
    parent: Arc<OwnedFd>,
    problem: Option<Box<Problem>>,
}

impl NameHandle {
    pub(super) fn new(parent: Arc<OwnedFd>) -> Self {
        NameHandle { parent, problem: None }
    }
}

impl EntryHandle for NameHandle {
    fn describe(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        let name = entry.path.name().unwrap_or_default();
        if let EntryKind::Symlink { target } = &mut entry.kind {
            match readlinkat(&self.parent, name, Vec::new()) {
                Ok(read) => *target = read.into_bytes(),
                Err(Errno::INVAL) => return Err(replaced(&entry.path, "it is no longer a symbolic link")),
                Err(error) => return Err(Problem::reading(entry.path.clone(), &error.into())),
            }
        }
        let read = match by_path(self.parent.as_fd(), name) {
            Err(Errno::NOENT) => {
                let name = CString::new(name).unwrap_or_default();
                Facts::of_name(self.parent.as_fd(), &name)
                    .map_err(|error| Problem::reading(entry.path.clone(), &error.into()))?;
                // It is there, so it is /proc that is not.
                Err(Errno::NOSYS)
            }
            read => read,
        };
        self.problem = keep_attributes(entry, read);
        Ok(())
    }

    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn take_problem(&mut self) -> Option<Problem> {
        self.problem.take().map(|problem| *problem)
    }
}

type Attributes = Result<(Vec<crate::format::entry::Xattr>, Vec<xattr::Failure>), Errno>;

/// Attributes of `name` in `parent`. There is no call that takes a handle and a name, so it goes through the
/// path that the system keeps for every open handle.
fn by_path(parent: BorrowedFd<'_>, name: &[u8]) -> Attributes {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    let path = CString::new(path).map_err(|_| Errno::INVAL)?;
    xattr::read(Target::Name(&path))
}

/// Puts the attributes into the entry; what is missing becomes a problem that lets the entry be stored.
fn keep_attributes(entry: &mut Entry, read: Attributes) -> Option<Box<Problem>> {
    let problem = match read {
        Ok((xattrs, failures)) => {
            entry.metadata.xattrs = xattrs;
            xattr::problem(&entry.path, &failures)
        }
        Err(error) => {
            entry.metadata.xattrs.clear();
            let why = if error == Errno::NOSYS { "/proc is not there".to_owned() } else { error.to_string() };
            let detail = format!("the extended attributes could not be read: {why}");
            Some(Problem::new(entry.path.clone(), ProblemReason::Metadata, detail))
        }
    };
    problem.map(Box::new)
}

/// A regular file.
pub(super) struct FileHandle {
    parent: Arc<OwnedFd>,
    shared: Arc<Shared>,
    file: Option<Box<OpenFile>>,
    problem: Option<Box<Problem>>,
}

/// What was seen when the file was opened, and how far it is read.
struct OpenFile {
    fd: OwnedFd,
    size: u64,
    modified: Timestamp,
    changed: Timestamp,
    position: u64,
    holes: std::iter::Peekable<std::vec::IntoIter<Hole>>,
}

impl FileHandle {
    pub(super) fn new(parent: Arc<OwnedFd>, shared: Arc<Shared>) -> Self {
        FileHandle { parent, shared, file: None, problem: None }
    }

    fn open_file(&self, name: &[u8], uid: u32) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        if self.shared.refused.load(Ordering::Relaxed) != u64::from(uid) {
            match retry_on_intr(|| openat(&self.parent, name, flags | QUIET, Mode::empty())) {
                Err(Errno::PERM) => self.shared.refused.store(u64::from(uid), Ordering::Relaxed),
                result => return result,
            }
        }
        retry_on_intr(|| openat(&self.parent, name, flags, Mode::empty()))
    }
}

impl EntryHandle for FileHandle {
    fn open(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        let reading = |error: Errno| Problem::reading(entry.path.clone(), &error.into());
        let name = entry.path.name().unwrap_or_default();
        let fd = self.open_file(name, entry.metadata.owner.uid).map_err(|error| match error {
            Errno::LOOP | Errno::NXIO => replaced(&entry.path, "it is no longer a regular file"),
            error => reading(error),
        })?;
        let facts = Facts::of_open(fd.as_fd()).map_err(reading)?;
        if facts.file_type != FileType::RegularFile {
            return Err(replaced(&entry.path, "it is no longer a regular file"));
        }
        entry.metadata = facts.metadata(&self.shared.owners);
        entry.size = facts.size;
        entry.holes = if facts.stored < facts.size { find_holes(fd.as_fd(), facts.size) } else { Vec::new() };
        self.problem = keep_attributes(entry, xattr::read(Target::Open(fd.as_fd())));
        if facts.size >= WORTH_ADVICE {
            advise(fd.as_fd());
        }
        self.file = Some(Box::new(OpenFile {
            fd,
            size: facts.size,
            modified: facts.modified,
            changed: facts.changed,
            position: 0,
            holes: entry.holes.clone().into_iter().peekable(),
        }));
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.read(buffer),
            None => Err(io::Error::other("the file is not open")),
        }
    }

    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        Ok(self.file.as_mut().is_some_and(|file| file.skip(bytes)))
    }

    fn close(&mut self, entry: &mut Entry) -> Option<Problem> {
        let mut file = self.file.take()?;
        file.skip_holes();
        let end = file.position;
        if end < file.size {
            entry.size = end;
            entry.holes.retain(|hole| hole.offset < end);
            return Some(changed(&entry.path, "it became shorter while it was read; what was left is stored"));
        }
        match Facts::of_open(file.fd.as_fd()) {
            Ok(now) if now.size != file.size => {
                Some(changed(&entry.path, "its size changed while it was read; it is stored with its first size"))
            }
            Ok(now) if now.modified != file.modified || now.changed != file.changed => {
                Some(changed(&entry.path, "it was written to, or its metadata changed, while it was read"))
            }
            Ok(_) => None,
            Err(error) => Some(Problem::reading(entry.path.clone(), &error.into())),
        }
    }

    fn take_problem(&mut self) -> Option<Problem> {
        self.problem.take().map(|problem| *problem)
    }
}

impl OpenFile {
    /// Steps over the hole at the position, and says where the data after it ends.
    fn skip_holes(&mut self) -> u64 {
        while let Some(hole) = self.holes.next_if(|hole| hole.offset <= self.position) {
            self.position = self.position.max(hole.offset.saturating_add(hole.length)).min(self.size);
        }
        self.holes.peek().map_or(self.size, |hole| hole.offset)
    }

    /// Moves over this much data, unless the file has less.
    fn skip(&mut self, mut bytes: u64) -> bool {
        let (position, holes) = (self.position, self.holes.clone());
        while bytes > 0 {
            let step = self.skip_holes().saturating_sub(self.position).min(bytes);
            if step == 0 {
                (self.position, self.holes) = (position, holes);
                return false;
            }
            self.position += step;
            bytes -= step;
        }
        true
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.skip_holes().saturating_sub(self.position);
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let Some(buffer) = buffer.get_mut(..wanted) else { return Ok(0) };
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = retry_on_intr(|| pread(&self.fd, &mut *buffer, self.position))?;
        self.position += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

fn replaced(path: &EntryPath, detail: &str) -> Problem {
    Problem::new(path.clone(), ProblemReason::Changed, format!("{detail}: it was replaced after it was listed"))
}

fn changed(path: &EntryPath, detail: &str) -> Problem {
    Problem::new(path.clone(), ProblemReason::Changed, detail)
}

#[cfg(not(any(target_vendor = "apple", target_os = "netbsd", target_os = "openbsd")))]
fn advise(fd: BorrowedFd<'_>) {
    // Advice that is refused costs nothing but speed.
    let _ = rustix::fs::fadvise(fd, 0, None, rustix::fs::Advice::Sequential);
}

#[cfg(any(target_vendor = "apple", target_os = "netbsd", target_os = "openbsd"))]
fn advise(_fd: BorrowedFd<'_>) {}
