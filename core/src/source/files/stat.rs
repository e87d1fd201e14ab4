//! What the file system says about one file, in types that do not differ between platforms.

use super::owner::Owners;
use crate::format::entry::{EntryKind, HardLink, Metadata, Timestamp};
use rustix::fs::{AtFlags, FileType, Stat, fstat, major, minor, statat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::BorrowedFd;

/// Bytes in one unit of `st_blocks`.
const BLOCK: u64 = 512;

#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) file_type: FileType,
    pub(super) permissions: u32,
    pub(super) links: u64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    /// Bytes of storage the file takes.
    pub(super) stored: u64,
    pub(super) modified: Timestamp,
    pub(super) changed: Timestamp,
    /// Major and minor number, for devices.
    pub(super) numbers: (u32, u32),
}

impl Facts {
    /// About `name` in `parent`, a symlink itself and not what it points to.
    pub(super) fn of_name(parent: BorrowedFd<'_>, name: &CStr) -> Result<Self, Errno> {
        statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| Facts::from_stat(&stat))
    }

    pub(super) fn of_open(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        fstat(fd).map(|stat| Facts::from_stat(&stat))
    }

    fn from_stat(stat: &Stat) -> Self {
        let mode = narrow(stat.st_mode);
        Facts {
            device: wide(stat.st_dev),
            inode: wide(stat.st_ino),
            file_type: FileType::from_raw_mode(stat.st_mode),
            permissions: mode & 0o7777,
            links: wide(stat.st_nlink),
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: wide(stat.st_size),
            stored: wide(stat.st_blocks).saturating_mul(BLOCK),
            modified: Timestamp::new(signed(stat.st_mtime), narrow(stat.st_mtime_nsec)),
            changed: Timestamp::new(signed(stat.st_ctime), narrow(stat.st_ctime_nsec)),
            numbers: (major(stat.st_rdev), minor(stat.st_rdev)),
        }
    }

    /// What tells this file from every other one at the same moment.
    pub(super) fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// The kind of entry; a symlink's target is not known yet. `None` for a type that has no entry.
    pub(super) fn kind(&self) -> Option<EntryKind> {
        let (major, minor) = self.numbers;
        match self.file_type {
            FileType::RegularFile => Some(EntryKind::File),
            FileType::Directory => Some(EntryKind::Directory),
            FileType::Symlink => Some(EntryKind::Symlink { target: Vec::new() }),
            FileType::Fifo => Some(EntryKind::Fifo),
            FileType::Socket => Some(EntryKind::Socket),
            FileType::CharacterDevice => Some(EntryKind::CharDevice { major, minor }),
            FileType::BlockDevice => Some(EntryKind::BlockDevice { major, minor }),
            _ => None,
        }
    }

    /// Everything but the extended attributes.
    pub(super) fn metadata(&self, owners: &Owners) -> Metadata {
        let linked = self.links > 1 && self.file_type != FileType::Directory;
        Metadata {
            mode: self.permissions,
            owner: owners.get(self.uid, self.gid),
            modified: self.modified,
            changed: Some(self.changed),
            inode: Some(self.inode),
            hard_link: linked.then_some(HardLink { device: self.device, inode: self.inode }),
            xattrs: Vec::new(),
        }
    }

    /// Size of the content, which only regular files have.
    pub(super) fn content_size(&self) -> u64 {
        if self.file_type == FileType::RegularFile { self.size } else { 0 }
    }
}

fn wide<T: TryInto<u64>>(value: T) -> u64 {
    value.try_into().unwrap_or(0)
}

fn narrow<T: TryInto<u32>>(value: T) -> u32 {
    value.try_into().unwrap_or(0)
}

fn signed<T: TryInto<i64>>(value: T) -> i64 {
    value.try_into().unwrap_or(0)
}
