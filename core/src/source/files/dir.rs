//! Folders by handle: opening one inside another, and reading the names in it.

use crate::context::Context;
use crate::error::Result;
use rustix::fs::{CWD, FileType, Mode, OFlags, openat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// Size of the buffer one system call fills with names.
const BATCH: usize = 64 * 1024;

/// Name lists above this size are given back to the system, and not kept for the next folder.
const KEEP: usize = 1024 * 1024;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const QUIET: OFlags = OFlags::NOATIME;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const QUIET: OFlags = OFlags::empty();

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK
}

/// Opens the folder `name` in `parent`; a symlink there is refused.
pub(super) fn open_below(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = folder_flags() | OFlags::NOFOLLOW;
    match openat(parent, name, flags | QUIET, Mode::empty()) {
        // Only the owner may keep the access time from being changed.
        Err(Errno::PERM) => openat(parent, name, flags, Mode::empty()),
        result => result,
    }
}

/// Opens a folder that the caller named, following links on the way.
pub(super) fn open_path(path: &Path) -> Result<OwnedFd, Errno> {
    match openat(CWD, path, folder_flags() | QUIET, Mode::empty()) {
        Err(Errno::PERM) => openat(CWD, path, folder_flags(), Mode::empty()),
        result => result,
    }
}

/// Opens a folder on the way to a given path, which need not be readable as long as it can be passed through.
pub(super) fn open_passage(path: &Path) -> Result<OwnedFd, Errno> {
    match open_path(path) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Err(Errno::ACCESS) => openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()),
        result => result,
    }
}

/// The names in a folder: one allocation for all of them, and four bytes each for their order.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// For each name its type, its bytes and NUL.
    arena: Vec<u8>,
    /// Positions in the arena, in the order of the names.
    order: Vec<u32>,
    next: usize,
}

/// Memory that is used again for every folder.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    buffer: Vec<u8>,
    sorting: Vec<(u64, u32)>,
    spare: Vec<Names>,
}

/// What the list of names says about a type. Only folders matter: nothing else is opened while listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    Folder,
    Other,
    /// Some file systems do not tell.
    Unknown,
}

/// What became of reading a folder's names.
pub(super) enum Listed {
    All,
    /// Some names are missing.
    Part(String),
    /// The folder does not exist any more.
    Gone,
}

impl Names {
    /// The next name in byte order, with its type where the file system told.
    pub(super) fn next(&mut self) -> Option<(Hint, &CStr)> {
        let position = *self.order.get(self.next)?;
        self.next += 1;
        self.at(position)
    }

    /// Makes [`next`](Names::next) return the last name again.
    pub(super) fn step_back(&mut self) {
        self.next = self.next.saturating_sub(1);
    }

    /// Whether `wanted` is among the names.
    pub(super) fn contains(&self, wanted: &[u8]) -> bool {
        self.order
            .binary_search_by(|position| self.at(*position).map_or(&b""[..], |(_, name)| name.to_bytes()).cmp(wanted))
            .is_ok()
    }

    /// Drops all names for which `keep` is false.
    pub(super) fn retain(&mut self, keep: impl Fn(&[u8]) -> bool) {
        let mut order = std::mem::take(&mut self.order);
        order.retain(|position| self.at(*position).is_some_and(|(_, name)| keep(name.to_bytes())));
        self.order = order;
    }

    /// Drops the names not taken yet, and says how many there were.
    pub(super) fn abandon(&mut self) -> usize {
        let left = self.order.len().saturating_sub(self.next);
        self.next = self.order.len();
        left
    }

    fn at(&self, position: u32) -> Option<(Hint, &CStr)> {
        let record = self.arena.get(usize::try_from(position).ok()?..)?;
        let (tag, name) = record.split_first()?;
        let hint = match tag {
            b'd' => Hint::Folder,
            b'?' => Hint::Unknown,
            _ => Hint::Other,
        };
        Some((hint, CStr::from_bytes_until_nul(name).ok()?))
    }

    fn push(&mut self, hint: Hint, name: &CStr) -> Result<(), String> {
        let position = u32::try_from(self.arena.len())
            .map_err(|_| "the folder holds more than 4 GiB of names; the rest is left out".to_owned())?;
        self.arena.push(match hint {
            Hint::Folder => b'd',
            Hint::Unknown => b'?',
            Hint::Other => b'-',
        });
        self.arena.extend_from_slice(name.to_bytes_with_nul());
        self.order.push(position);
        Ok(())
    }

    fn sort(&mut self, sorting: &mut Vec<(u64, u32)>) {
        sorting.clear();
        sorting.extend(self.order.iter().map(|position| {
            let name = self.at(*position).map_or(&b""[..], |(_, name)| name.to_bytes());
            let mut start = [0; 8];
            for (to, from) in start.iter_mut().zip(name) {
                *to = *from;
            }
            (u64::from_be_bytes(start), *position)
        }));
        // No name holds a zero byte, so a name padded with zeros sorts as the name does.
        let compare = |one: &(u64, u32), other: &(u64, u32)| {
            one.0.cmp(&other.0).then_with(|| {
                let name = |position: u32| self.at(position).map(|(_, name)| name.to_bytes());
                name(one.1).cmp(&name(other.1))
            })
        };
        sorting.sort_unstable_by(compare);
        // A folder that changes while it is read can show a name twice.
        sorting.dedup_by(|later, earlier| compare(later, earlier).is_eq());
        self.order.clear();
        self.order.extend(sorting.iter().map(|(_, position)| *position));
    }
}

impl Scratch {
    /// Reads the names in `folder`, whose handle has not been used for that before.
    pub(super) fn list(&mut self, folder: BorrowedFd<'_>, ctx: &Context) -> Result<(Names, Listed)> {
        let mut names = self.spare.pop().unwrap_or_default();
        let listed = self.collect(folder, &mut names, ctx)?;
        names.sort(&mut self.sorting);
        if self.sorting.capacity() * size_of::<(u64, u32)>() > KEEP {
            self.sorting = Vec::new();
        }
        Ok((names, listed))
    }

    /// Takes back a list that is done with.
    pub(super) fn recycle(&mut self, mut names: Names) {
        if self.spare.len() < 64 && names.arena.capacity() <= KEEP / 64 {
            names.arena.clear();
            names.order.clear();
            names.next = 0;
            self.spare.push(names);
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn collect(&mut self, folder: BorrowedFd<'_>, names: &mut Names, ctx: &Context) -> Result<Listed> {
        self.buffer.clear();
        self.buffer.reserve(BATCH);
        let mut entries = rustix::fs::RawDir::new(folder, self.buffer.spare_capacity_mut());
        loop {
            if entries.is_buffer_empty() {
                ctx.check("list a folder")?;
            }
            match entries.next() {
                None => return Ok(Listed::All),
                Some(Ok(entry)) => {
                    let name = entry.file_name();
                    if !is_dots(name)
                        && let Err(why) = names.push(entry.file_type().into(), name)
                    {
                        return Ok(Listed::Part(why));
                    }
                }
                Some(Err(Errno::INTR)) => {}
                Some(Err(Errno::NOENT)) => return Ok(Listed::Gone),
                Some(Err(error)) => return Ok(Listed::Part(incomplete(error))),
            }
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn collect(&mut self, folder: BorrowedFd<'_>, names: &mut Names, ctx: &Context) -> Result<Listed> {
        let entries = match rustix::fs::Dir::read_from(folder) {
            Ok(entries) => entries,
            Err(error) => return Ok(Listed::Part(incomplete(error))),
        };
        for (count, entry) in entries.enumerate() {
            if count % 256 == 0 {
                ctx.check("list a folder")?;
            }
            match entry {
                Ok(entry) => {
                    let name = entry.file_name();
                    if !is_dots(name)
                        && let Err(why) = names.push(entry.file_type().into(), name)
                    {
                        return Ok(Listed::Part(why));
                    }
                }
                Err(Errno::NOENT) => return Ok(Listed::Gone),
                Err(error) => return Ok(Listed::Part(incomplete(error))),
            }
        }
        Ok(Listed::All)
    }
}

fn incomplete(error: Errno) -> String {
    format!("the folder could not be listed to its end: {error}")
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

impl From<FileType> for Hint {
    fn from(file_type: FileType) -> Self {
        match file_type {
            FileType::Directory => Hint::Folder,
            FileType::Unknown => Hint::Unknown,
            _ => Hint::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;

    proptest! {
        #[test]
        fn names_come_back_once_and_in_byte_order(
            given in prop::collection::vec(prop::collection::vec(prop_oneof![1u8..4, 254u8..=255], 1..12), 0..60)
        ) {
            let mut names = Names::default();
            for name in &given {
                names.push(Hint::Other, &CString::new(name.clone()).unwrap()).unwrap();
            }
            names.sort(&mut Vec::new());
            for name in &given {
                prop_assert!(names.contains(name));
            }
            prop_assert!(!names.contains(b"absent"));
            let mut sorted = given;
            sorted.sort();
            sorted.dedup();
            let mut found = Vec::new();
            while let Some((_, name)) = names.next() {
                found.push(name.to_bytes().to_vec());
            }
            prop_assert_eq!(found, sorted);
        }
    }
}
