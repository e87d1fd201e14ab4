//! Entries of a snapshot and what differs between two.

use crate::arena::{Arena, ToC};
use crate::enums::{sr_change_kind, sr_entry_kind};
use crate::types::{sr_bytes, sr_timestamp};
use std::ffi::c_char;
use strongroom_bindings::records;

/// One path of a snapshot with its metadata.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_entry {
    /// Where it stands in the snapshot; empty for the root folder.
    pub path: sr_bytes,
    /// What it is.
    pub kind: sr_entry_kind,
    /// Where a symbolic link points.
    /// Its data is NULL when there is none.
    pub target: sr_bytes,
    /// Whether `device_major` is set.
    pub has_device_major: bool,
    /// Major number of a device.
    pub device_major: u32,
    /// Whether `device_minor` is set.
    pub has_device_minor: bool,
    /// Minor number of a device.
    pub device_minor: u32,
    /// Length of a regular file in bytes, holes included; 0 for everything else.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky (`07777`).
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// User name; empty when unknown.
    pub user: *const c_char,
    /// Group name; empty when unknown.
    pub group: *const c_char,
    /// Last change of content.
    pub modified: sr_timestamp,
    /// Whether `changed` is set.
    pub has_changed: bool,
    /// Last change of the inode, where the source knew it.
    pub changed: sr_timestamp,
    /// Whether `inode` is set.
    pub has_inode: bool,
    /// Inode number, where the source knew it.
    pub inode: u64,
    /// Set when the file has several names: entries with the same value are the same file.
    /// NULL when there is none.
    pub hard_link: *const sr_hard_link,
    /// Extended attributes sorted by name, POSIX ACLs among them.
    pub xattrs: *const sr_xattr,
    /// How many there are.
    pub xattrs_count: usize,
    /// Ranges of a regular file that are holes, ascending and apart.
    pub holes: *const sr_hole,
    /// How many there are.
    pub holes_count: usize,
}

impl ToC for records::Entry {
    type C = sr_entry;

    fn to_c(&self, arena: &mut Arena) -> sr_entry {
        let records::Entry {
            path,
            kind,
            target,
            device_major,
            device_minor,
            size,
            mode,
            uid,
            gid,
            user,
            group,
            modified,
            changed,
            inode,
            hard_link,
            xattrs,
            holes,
        } = self;
        sr_entry {
            path: arena.bytes(path),
            kind: kind.code(),
            target: arena.maybe_bytes(target.as_deref()),
            has_device_major: device_major.is_some(),
            device_major: device_major.unwrap_or_default(),
            has_device_minor: device_minor.is_some(),
            device_minor: device_minor.unwrap_or_default(),
            size: *size,
            mode: *mode,
            uid: *uid,
            gid: *gid,
            user: arena.text(user),
            group: arena.text(group),
            modified: (*modified).into(),
            has_changed: changed.is_some(),
            changed: changed.unwrap_or_default().into(),
            has_inode: inode.is_some(),
            inode: inode.unwrap_or_default(),
            hard_link: arena.maybe(hard_link.as_ref()),
            xattrs: arena.list(xattrs),
            xattrs_count: xattrs.len(),
            holes: arena.list(holes),
            holes_count: holes.len(),
        }
    }
}

/// Identifies the file behind several names, within one snapshot.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_hard_link {
    /// Device of the file system.
    pub device: u64,
    /// Inode number there.
    pub inode: u64,
}

impl ToC for records::HardLink {
    type C = sr_hard_link;

    fn to_c(&self, _arena: &mut Arena) -> sr_hard_link {
        let records::HardLink { device, inode } = self;
        sr_hard_link { device: *device, inode: *inode }
    }
}

/// One extended attribute.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_xattr {
    /// Full name with its namespace, such as `user.comment`.
    pub name: sr_bytes,
    /// Value of any bytes.
    pub value: sr_bytes,
}

impl ToC for records::Xattr {
    type C = sr_xattr;

    fn to_c(&self, arena: &mut Arena) -> sr_xattr {
        let records::Xattr { name, value } = self;
        sr_xattr { name: arena.bytes(name), value: arena.bytes(value) }
    }
}

/// A hole of a sparse file.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_hole {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub length: u64,
}

impl ToC for records::Hole {
    type C = sr_hole;

    fn to_c(&self, _arena: &mut Arena) -> sr_hole {
        let records::Hole { offset, length } = self;
        sr_hole { offset: *offset, length: *length }
    }
}

/// In what two entries of one path differ.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_changes {
    /// One is a file and the other a folder, or alike.
    pub kind: bool,
    /// Size, bytes or link target.
    pub content: bool,
    /// Permissions.
    pub mode: bool,
    /// Owner or group.
    pub owner: bool,
    /// Modification time.
    pub modified: bool,
    /// Extended attributes or ACLs.
    pub xattrs: bool,
}

impl ToC for records::Changes {
    type C = sr_changes;

    fn to_c(&self, _arena: &mut Arena) -> sr_changes {
        let records::Changes { kind, content, mode, owner, modified, xattrs } = self;
        sr_changes { kind: *kind, content: *content, mode: *mode, owner: *owner, modified: *modified, xattrs: *xattrs }
    }
}

/// A path on which two snapshots differ.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_difference {
    /// The path.
    pub path: sr_bytes,
    /// In what way.
    pub change: sr_change_kind,
    /// The entry as the first snapshot has it.
    /// NULL when there is none.
    pub before: *const sr_entry,
    /// The entry as the second snapshot has it.
    /// NULL when there is none.
    pub after: *const sr_entry,
    /// In what the two differ; nothing is set for entries that only one snapshot has.
    pub changes: sr_changes,
}

impl ToC for records::Difference {
    type C = sr_difference;

    fn to_c(&self, arena: &mut Arena) -> sr_difference {
        let records::Difference { path, change, before, after, changes } = self;
        sr_difference {
            path: arena.bytes(path),
            change: change.code(),
            before: arena.maybe(before.as_ref()),
            after: arena.maybe(after.as_ref()),
            changes: changes.to_c(arena),
        }
    }
}
