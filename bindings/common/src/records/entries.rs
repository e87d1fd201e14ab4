//! Entries of a snapshot and what differs between two.

use super::Timestamp;
use crate::enums::{ChangeKind, EntryKind};
use crate::flat::{Flat, mirror};

/// One path of a snapshot with its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands in the snapshot; empty for the root folder.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Where a symbolic link points.
    pub target: Option<Vec<u8>>,
    /// Major number of a device.
    pub device_major: Option<u32>,
    /// Minor number of a device.
    pub device_minor: Option<u32>,
    /// Length of a regular file in bytes, holes included; 0 for everything else.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky (`07777`).
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// User name; empty when unknown.
    pub user: String,
    /// Group name; empty when unknown.
    pub group: String,
    /// Last change of content.
    pub modified: Timestamp,
    /// Last change of the inode, where the source knew it.
    pub changed: Option<Timestamp>,
    /// Inode number, where the source knew it.
    pub inode: Option<u64>,
    /// Set when the file has several names: entries with the same value are the same file.
    pub hard_link: Option<HardLink>,
    /// Extended attributes sorted by name, POSIX ACLs among them.
    pub xattrs: Vec<Xattr>,
    /// Ranges of a regular file that are holes, ascending and apart.
    pub holes: Vec<Hole>,
}

mirror! {
    /// Identifies the file behind several names, within one snapshot.
    #[derive(PartialEq, Eq)]
    HardLink {
        /// Device of the file system.
        device: u64,
        /// Inode number there.
        inode: u64,
    }
}

mirror! {
    /// One extended attribute.
    #[derive(PartialEq, Eq)]
    Xattr {
        /// Full name with its namespace, such as `user.comment`.
        name: Vec<u8>,
        /// Value of any bytes.
        value: Vec<u8>,
    }
}

mirror! {
    /// A hole of a sparse file.
    #[derive(PartialEq, Eq)]
    Hole {
        /// Where it begins.
        offset: u64,
        /// How long it is.
        length: u64,
    }
}

impl From<&strongroom::Entry> for Entry {
    fn from(entry: &strongroom::Entry) -> Self {
        use strongroom::EntryKind as Core;
        let metadata = &entry.metadata;
        let target = match &entry.kind {
            Core::Symlink { target } => Some(target.clone()),
            _ => None,
        };
        let device = match &entry.kind {
            Core::CharDevice { major, minor } | Core::BlockDevice { major, minor } => Some((*major, *minor)),
            _ => None,
        };
        Entry {
            path: entry.path.to_os_bytes(),
            kind: EntryKind::from(&entry.kind),
            target,
            device_major: device.map(|(major, _)| major),
            device_minor: device.map(|(_, minor)| minor),
            size: entry.size,
            mode: metadata.mode,
            uid: metadata.owner.uid,
            gid: metadata.owner.gid,
            user: metadata.owner.user.clone(),
            group: metadata.owner.group.clone(),
            modified: metadata.modified.into(),
            changed: metadata.changed.flat(),
            inode: metadata.inode,
            hard_link: metadata.hard_link.flat(),
            xattrs: metadata.xattrs.flat(),
            holes: entry.holes.flat(),
        }
    }
}

mirror! {
    /// In what two entries of one path differ.
    #[derive(Copy, PartialEq, Eq)]
    Changes {
        /// One is a file and the other a folder, or alike.
        kind: bool,
        /// Size, bytes or link target.
        content: bool,
        /// Permissions.
        mode: bool,
        /// Owner or group.
        owner: bool,
        /// Modification time.
        modified: bool,
        /// Extended attributes or ACLs.
        xattrs: bool,
    }
}

/// A path on which two snapshots differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path.
    pub path: Vec<u8>,
    /// In what way.
    pub change: ChangeKind,
    /// The entry as the first snapshot has it.
    pub before: Option<Entry>,
    /// The entry as the second snapshot has it.
    pub after: Option<Entry>,
    /// In what the two differ; nothing is set for entries that only one snapshot has.
    pub changes: Changes,
}

impl From<&strongroom::Difference> for Difference {
    fn from(difference: &strongroom::Difference) -> Self {
        use strongroom::Difference as Core;
        let (change, before, after) = match difference {
            Core::Added(entry) => (ChangeKind::Added, None, Some(entry)),
            Core::Removed(entry) => (ChangeKind::Removed, Some(entry), None),
            Core::Changed { before, after } => (ChangeKind::Changed, Some(before.as_ref()), Some(after.as_ref())),
            // Were the engine to tell of more, it would still be a path on which they differ.
            _ => (ChangeKind::Changed, None, None),
        };
        Difference {
            path: difference.path().to_os_bytes(),
            change,
            before: before.map(Entry::from),
            after: after.map(Entry::from),
            changes: difference.what_changed().flat(),
        }
    }
}
