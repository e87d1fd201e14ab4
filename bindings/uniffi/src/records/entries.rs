//! Entries of a snapshot and what differs between two.

use super::record;
use crate::enums::{ChangeKind, EntryKind};
use crate::values::{RawName, Timestamp};

record! {
    /// One path of a snapshot with its metadata.
    Entry {
        /// Where it stands in the snapshot; empty for the root folder.
        path: RawName,
        /// What it is.
        kind: EntryKind,
        /// Where a symbolic link points.
        target: Option<RawName>,
        /// Major number of a device.
        device_major: Option<i64>,
        /// Minor number of a device.
        device_minor: Option<i64>,
        /// Length of a regular file in bytes, holes included; 0 for everything else.
        size: i64,
        /// Permission bits with setuid, setgid and sticky (`07777`).
        mode: i32,
        /// User id.
        uid: i64,
        /// Group id.
        gid: i64,
        /// User name; empty when unknown.
        user: String,
        /// Group name; empty when unknown.
        group: String,
        /// Last change of content.
        modified: Timestamp,
        /// Last change of the inode, where the source knew it.
        changed: Option<Timestamp>,
        /// Inode number, where the source knew it.
        inode: Option<u64>,
        /// Set when the file has several names: entries with the same value are the same file.
        hard_link: Option<HardLink>,
        /// Extended attributes sorted by name, POSIX ACLs among them.
        xattrs: Vec<Xattr>,
        /// Ranges of a regular file that are holes, ascending and apart.
        holes: Vec<Hole>,
    }
}

record! {
    /// Identifies the file behind several names, within one snapshot.
    HardLink {
        /// Device of the file system.
        device: u64,
        /// Inode number there.
        inode: u64,
    }
}

record! {
    /// One extended attribute.
    Xattr {
        /// Full name with its namespace, such as `user.comment`.
        name: RawName,
        /// Value of any bytes.
        value: Vec<u8>,
    }
}

record! {
    /// A hole of a sparse file.
    Hole {
        /// Where it begins.
        offset: i64,
        /// How long it is.
        length: i64,
    }
}

record! {
    /// In what two entries of one path differ.
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

record! {
    /// A path on which two snapshots differ.
    Difference {
        /// The path.
        path: RawName,
        /// In what way.
        change: ChangeKind,
        /// The entry as the first snapshot has it.
        before: Option<Entry>,
        /// The entry as the second snapshot has it.
        after: Option<Entry>,
        /// In what the two differ; nothing is set for entries that only one snapshot has.
        changes: Changes,
    }
}
