//! System calls, each with an open folder and a single name, so that no link in the target is ever followed.

use crate::format::entry::{EntryKind, Timestamp};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

pub(super) type Done<T> = Result<T, Errno>;

const QUIET: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);

/// What stands in the target under one name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) file_type: FileType,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) links: u64,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    /// Device number, for devices.
    pub(super) number: u64,
}

impl Facts {
    fn from_stat(stat: &Stat) -> Self {
        Facts {
            file_type: FileType::from_raw_mode(stat.st_mode),
            mode: narrow(stat.st_mode) & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            links: wide(stat.st_nlink),
            device: wide(stat.st_dev),
            inode: wide(stat.st_ino),
            size: wide(stat.st_size),
            modified: Timestamp::new(signed(stat.st_mtime), narrow(stat.st_mtime_nsec)),
            number: wide(stat.st_rdev),
        }
    }

    pub(super) fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    pub(super) fn is_folder(&self) -> bool {
        self.file_type == FileType::Directory
    }

    /// For messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self.file_type {
            FileType::RegularFile => "a file",
            FileType::Directory => "a folder",
            FileType::Symlink => "a symbolic link",
            FileType::Fifo => "a named pipe",
            FileType::Socket => "a socket",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            _ => "something",
        }
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

/// The type of file that an entry becomes.
pub(super) fn type_of(kind: &EntryKind) -> FileType {
    match kind {
        EntryKind::File => FileType::RegularFile,
        EntryKind::Directory => FileType::Directory,
        EntryKind::Symlink { .. } => FileType::Symlink,
        EntryKind::Fifo => FileType::Fifo,
        EntryKind::Socket => FileType::Socket,
        EntryKind::CharDevice { .. } => FileType::CharacterDevice,
        EntryKind::BlockDevice { .. } => FileType::BlockDevice,
    }
}

/// The device number of an entry, 0 for what is no device.
pub(super) fn number_of(kind: &EntryKind) -> u64 {
    match kind {
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            wide(fs::makedev(*major, *minor))
        }
        _ => 0,
    }
}

/// What stands under `name`; `None` when nothing does.
pub(super) fn facts(folder: &OwnedFd, name: &[u8]) -> Done<Option<Facts>> {
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Facts::from_stat(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

pub(super) fn facts_of(fd: BorrowedFd<'_>) -> Done<Facts> {
    fs::fstat(fd).map(|stat| Facts::from_stat(&stat))
}

pub(super) fn make_folder(parent: &OwnedFd, name: &[u8], mode: u32) -> Done<()> {
    fs::mkdirat(parent, name, Mode::from_bits_truncate(mode))
}

pub(super) fn open_folder(parent: &OwnedFd, name: &[u8]) -> Done<OwnedFd> {
    fs::openat(parent, name, OFlags::RDONLY | OFlags::DIRECTORY | QUIET, Mode::empty())
}

/// A handle on whatever stands there that neither reads, nor writes, nor has effects on devices and pipes.
pub(super) fn open_handle(parent: &OwnedFd, name: &[u8]) -> Done<OwnedFd> {
    fs::openat(parent, name, OFlags::PATH | QUIET, Mode::empty())
}

/// Makes a regular file; fails when anything stands there.
pub(super) fn create_file(parent: &OwnedFd, name: &[u8], mode: u32) -> Done<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | QUIET;
    fs::openat(parent, name, flags, Mode::from_bits_truncate(mode))
}

/// Opens an existing file to compare and rewrite it.
pub(super) fn open_file(parent: &OwnedFd, name: &[u8]) -> Done<OwnedFd> {
    fs::openat(parent, name, OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | QUIET, Mode::empty())
}

pub(super) fn remove(parent: &OwnedFd, name: &[u8]) -> Done<()> {
    fs::unlinkat(parent, name, AtFlags::empty())
}

pub(super) fn remove_folder(parent: &OwnedFd, name: &[u8]) -> Done<()> {
    fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

pub(super) fn rename(parent: &OwnedFd, from: &[u8], to: &[u8]) -> Done<()> {
    fs::renameat(parent, from, parent, to)
}

pub(super) fn rename_between(parent: &OwnedFd, name: &[u8], to_parent: &OwnedFd, to: &[u8]) -> Done<()> {
    fs::renameat(parent, name, to_parent, to)
}

pub(super) fn link(parent: &OwnedFd, name: &[u8], to_parent: &OwnedFd, to: &[u8]) -> Done<()> {
    fs::linkat(parent, name, to_parent, to, AtFlags::empty())
}

/// Where the symbolic link `name` points.
pub(super) fn read_link(parent: &OwnedFd, name: &[u8]) -> Done<Vec<u8>> {
    fs::readlinkat(parent, name, Vec::new()).map(std::ffi::CString::into_bytes)
}

/// Makes what is neither a file nor a folder.
pub(super) fn make_node(parent: &OwnedFd, name: &[u8], kind: &EntryKind, mode: u32) -> Done<()> {
    if let EntryKind::Symlink { target } = kind {
        return fs::symlinkat(target.as_slice(), parent, name);
    }
    fs::mknodat(parent, name, type_of(kind), Mode::from_bits_truncate(mode), number_of(kind))
}

pub(super) fn truncate(file: &OwnedFd, length: u64) -> Done<()> {
    fs::ftruncate(file, length)
}

/// Makes a hole, or says that the file system has none.
pub(super) fn punch(file: &OwnedFd, offset: u64, length: u64) -> Done<()> {
    fs::fallocate(file, fs::FallocateFlags::PUNCH_HOLE | fs::FallocateFlags::KEEP_SIZE, offset, length)
}

/// The first byte from `offset` on that is not in a hole; `None` when only a hole is left.
pub(super) fn next_data(file: &OwnedFd, offset: u64) -> Done<Option<u64>> {
    match fs::seek(file, fs::SeekFrom::Data(offset)) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Waits until everything on the file system that holds `fd` is stored.
pub(super) fn sync(fd: &OwnedFd) -> Done<()> {
    fs::syncfs(fd)
}

/// The names in a folder with their types, without `.` and `..`. `visit` may stop the listing by returning `false`.
pub(super) fn list(folder: &OwnedFd, mut visit: impl FnMut(&[u8]) -> bool) -> Done<()> {
    for entry in fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." && !visit(name) {
            break;
        }
    }
    Ok(())
}

fn times(modified: Timestamp) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanos.into() },
    }
}

/// Something whose metadata is set.
pub(super) enum Node<'a> {
    /// An open file or folder.
    Open(BorrowedFd<'a>),
    /// Anything else, by a handle from [`open_handle`] and the path that leads the system to it: the handle itself,
    /// not the name, so that nothing else can take its place meanwhile.
    Handle(OwnedFd, String),
}

impl Node<'_> {
    pub(super) fn by_handle(handle: OwnedFd) -> Self {
        let path = format!("/proc/self/fd/{}", handle.as_raw_fd());
        Node::Handle(handle, path)
    }

    pub(super) fn facts(&self) -> Done<Facts> {
        match self {
            Node::Open(fd) => facts_of(*fd),
            Node::Handle(handle, _) => facts_of(handle.as_fd()),
        }
    }

    pub(super) fn set_owner(&self, uid: Option<u32>, gid: Option<u32>) -> Done<()> {
        let uid = uid.map(fs::Uid::from_raw);
        let gid = gid.map(fs::Gid::from_raw);
        match self {
            Node::Open(fd) => fs::fchown(fd, uid, gid),
            Node::Handle(handle, _) => fs::chownat(handle, c"", uid, gid, AtFlags::EMPTY_PATH),
        }
    }

    pub(super) fn set_mode(&self, mode: u32) -> Done<()> {
        let mode = Mode::from_bits_truncate(mode);
        match self {
            Node::Open(fd) => fs::fchmod(fd, mode),
            Node::Handle(_, path) => fs::chmod(path, mode),
        }
    }

    pub(super) fn set_modified(&self, modified: Timestamp) -> Done<()> {
        match self {
            Node::Open(fd) => fs::futimens(fd, &times(modified)),
            Node::Handle(_, path) => fs::utimensat(fs::CWD, path, &times(modified), AtFlags::empty()),
        }
    }

    pub(super) fn set_xattr(&self, name: &[u8], value: &[u8]) -> Done<()> {
        let flags = fs::XattrFlags::empty();
        match self {
            Node::Open(fd) => fs::fsetxattr(fd, name, value, flags),
            Node::Handle(_, path) => fs::setxattr(path, name, value, flags),
        }
    }

    pub(super) fn remove_xattr(&self, name: &[u8]) -> Done<()> {
        match self {
            Node::Open(fd) => fs::fremovexattr(fd, name),
            Node::Handle(_, path) => fs::removexattr(path, name),
        }
    }

    /// The value of an attribute when it is at most as long as `buffer`.
    pub(super) fn xattr<'b>(&self, name: &[u8], buffer: &'b mut [u8]) -> Done<&'b [u8]> {
        let length = match self {
            Node::Open(fd) => fs::fgetxattr(fd, name, &mut *buffer)?,
            Node::Handle(_, path) => fs::getxattr(path, name, &mut *buffer)?,
        };
        Ok(buffer.get(..length).unwrap_or_default())
    }

    /// The names of all attributes; none where the file system has no attributes.
    pub(super) fn xattr_names(&self) -> Done<Vec<Vec<u8>>> {
        list_names(|buffer| match self {
            Node::Open(fd) => fs::flistxattr(fd, buffer),
            Node::Handle(_, path) => fs::listxattr(path, buffer),
        })
    }
}

/// The names of the attributes of `name` in `folder`, without opening it.
pub(super) fn xattr_names(folder: &OwnedFd, name: &[u8]) -> Done<Vec<Vec<u8>>> {
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    list_names(|buffer| fs::llistxattr(OsStr::from_bytes(&path), buffer))
}

/// Linux returns no longer lists.
const LONGEST_LIST: usize = 64 * 1024;

fn list_names(mut list: impl FnMut(&mut [u8]) -> Done<usize>) -> Done<Vec<Vec<u8>>> {
    let split =
        |list: &[u8]| list.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect();
    let mut short = [0; 512];
    match list(&mut short) {
        Ok(length) => Ok(short.get(..length).map(split).unwrap_or_default()),
        Err(Errno::RANGE) => {
            let mut long = vec![0; LONGEST_LIST];
            let length = list(&mut long)?;
            Ok(long.get(..length).map(split).unwrap_or_default())
        }
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Vec::new()),
        Err(errno) => Err(errno),
    }
}

/// Whether what is made in this folder inherits an access list from it.
pub(super) fn has_default_acl(folder: &OwnedFd) -> bool {
    let mut none = [0; 4];
    !matches!(
        fs::fgetxattr(folder, c"system.posix_acl_default", &mut none[..]),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS)
    )
}
