//! Entries: what a snapshot knows about one path.

use crate::id::{BlobId, SegmentId};
use crate::path::EntryPath;
use std::sync::Arc;

/// One path of a snapshot with its metadata and where its content is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Where it stands in the snapshot.
    pub path: EntryPath,
    /// What it is.
    pub kind: EntryKind,
    /// Who may do what, when it changed, what is attached.
    pub metadata: Metadata,
    /// Length of a regular file in bytes, holes included; 0 for everything else.
    pub size: u64,
    /// Ranges of a regular file that are holes, ascending and apart. Content holds only the bytes between them.
    pub holes: Vec<Hole>,
    /// Where the bytes of a regular file are.
    pub content: Content,
}

/// The type of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it points, as it is stored in the link.
        target: Vec<u8>,
    },
    /// A named pipe.
    Fifo,
    /// A socket in the file system.
    Socket,
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

impl EntryKind {
    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            EntryKind::File => "file",
            EntryKind::Directory => "directory",
            EntryKind::Symlink { .. } => "symlink",
            EntryKind::Fifo => "fifo",
            EntryKind::Socket => "socket",
            EntryKind::CharDevice { .. } => "char_device",
            EntryKind::BlockDevice { .. } => "block_device",
        }
    }
}

/// Metadata of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metadata {
    /// Permission bits with setuid, setgid and sticky (`07777`).
    pub mode: u32,
    /// Owner and group.
    pub owner: Arc<Owner>,
    /// Last change of content.
    pub modified: Timestamp,
    /// Last change of the inode, where the source knows it. Used to recognise unchanged files, not restored.
    pub changed: Option<Timestamp>,
    /// Inode number, where the source knows it. Used to recognise unchanged files, not restored.
    pub inode: Option<u64>,
    /// Set when the file has several names: entries with the same value are the same file.
    pub hard_link: Option<HardLink>,
    /// Extended attributes sorted by name, POSIX ACLs among them (`system.posix_acl_access`,
    /// `system.posix_acl_default`).
    pub xattrs: Vec<Xattr>,
}

/// Owner and group by number, and by name where the source could tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// User name; empty when unknown.
    pub user: String,
    /// Group name; empty when unknown.
    pub group: String,
}

impl Owner {
    /// Ids without names.
    #[must_use]
    pub fn ids(uid: u32, gid: u32) -> Self {
        Owner { uid, gid, ..Owner::default() }
    }
}

/// A point in time: seconds since 1970-01-01 00:00 UTC, may be negative, and nanoseconds below 10⁹ after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds after them, below 1,000,000,000.
    pub nanos: u32,
}

impl Timestamp {
    /// From seconds and nanoseconds; nanoseconds of a billion or more become 999,999,999.
    #[must_use]
    pub fn new(seconds: i64, nanos: u32) -> Self {
        Timestamp { seconds, nanos: nanos.min(999_999_999) }
    }
}

impl From<std::time::SystemTime> for Timestamp {
    fn from(time: std::time::SystemTime) -> Self {
        match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Timestamp::new(i64::try_from(after.as_secs()).unwrap_or(i64::MAX), after.subsec_nanos()),
            Err(before) => {
                let before = before.duration();
                let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX).saturating_neg();
                match before.subsec_nanos() {
                    0 => Timestamp::new(seconds, 0),
                    nanos => Timestamp::new(seconds.saturating_sub(1), 1_000_000_000 - nanos),
                }
            }
        }
    }
}

/// Identifies the file behind several names, within one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HardLink {
    /// Device of the file system.
    pub device: u64,
    /// Inode number there.
    pub inode: u64,
}

/// One extended attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xattr {
    /// Full name with its namespace, such as `user.comment`.
    pub name: Vec<u8>,
    /// Value of any bytes.
    pub value: Vec<u8>,
}

/// A hole of a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// Where it begins.
    pub offset: u64,
    /// How long it is; never 0.
    pub length: u64,
}

/// Where the bytes of a regular file are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Content {
    /// Nothing is stored: an empty file, or not a file.
    #[default]
    Empty,
    /// The bytes themselves.
    Inline(Vec<u8>),
    /// Runs of blobs, in order.
    Runs(Vec<Run>),
    /// The root of a tree of run lists, for files with very many runs.
    List {
        /// The blob that holds the list.
        id: BlobId,
        /// Number of list levels, at least 1.
        levels: u8,
    },
}

/// Consecutive blobs of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The segment.
    pub segment: SegmentId,
    /// Position of the first blob in it.
    pub first: u32,
    /// How many blobs, at least 1.
    pub count: u32,
    /// Bytes of content they hold together.
    pub bytes: u64,
}
