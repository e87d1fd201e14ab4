//! Keys, devices and sessions.

use super::sr_rejected;
use crate::arena::{Arena, ToC};
use crate::enums::{sr_role, sr_slot_method};
use crate::types::sr_timestamp;
use std::ffi::c_char;
use strongroom_bindings::records;

/// A key that opens the repository.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_slot_info {
    /// Its id.
    pub id: *const c_char,
    /// What its holder may do.
    pub role: sr_role,
    /// The newest epoch that it opens.
    pub epoch: u32,
    /// What opens it.
    pub method: sr_slot_method,
    /// What it is called; may be empty.
    pub label: *const c_char,
    /// When it was made, by its maker's clock.
    pub created: sr_timestamp,
    /// The device that its holder is listed as; none for owners, unless they have a device of their own.
    /// NULL when there is none.
    pub device: *const c_char,
    /// Whether the repository was opened with it.
    pub current: bool,
}

impl ToC for records::SlotInfo {
    type C = sr_slot_info;

    fn to_c(&self, arena: &mut Arena) -> sr_slot_info {
        let records::SlotInfo { id, role, epoch, method, label, created, device, current } = self;
        sr_slot_info {
            id: arena.text(id),
            role: role.code(),
            epoch: *epoch,
            method: method.code(),
            label: arena.text(label),
            created: (*created).into(),
            device: arena.maybe_text(device.as_deref()),
            current: *current,
        }
    }
}

/// A device as it is listed.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_device_info {
    /// Its id, derived from its public keys.
    pub id: *const c_char,
    /// Its name for people.
    pub name: *const c_char,
    /// What it may do.
    pub role: sr_role,
    /// When it was added, by the owner's clock.
    pub added: sr_timestamp,
    /// Whether `revoked` is set.
    pub has_revoked: bool,
    /// From when on it is no longer accepted, if it was revoked.
    pub revoked: sr_timestamp,
    /// Whether it is a device with its own key, and not the keys of a passphrase, code or account key.
    pub has_key: bool,
}

impl ToC for records::DeviceInfo {
    type C = sr_device_info;

    fn to_c(&self, arena: &mut Arena) -> sr_device_info {
        let records::DeviceInfo { id, name, role, added, revoked, has_key } = self;
        sr_device_info {
            id: arena.text(id),
            name: arena.text(name),
            role: role.code(),
            added: (*added).into(),
            has_revoked: revoked.is_some(),
            revoked: revoked.unwrap_or_default().into(),
            has_key: *has_key,
        }
    }
}

/// A session: one writer or maintainer at work, or one that was.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_session_info {
    /// Its id.
    pub id: *const c_char,
    /// The device at work; none for maintainers.
    /// NULL when there is none.
    pub device: *const c_char,
    /// What it does: `backup`, `prune` or `copy`.
    pub purpose: *const c_char,
    /// When storage received its first lease.
    pub began: sr_timestamp,
    /// When storage received its newest lease.
    pub renewed: sr_timestamp,
    /// Until when that holds, by the storage's clock.
    pub expires: sr_timestamp,
    /// Whether it said that it is done.
    pub ended: bool,
}

impl ToC for records::SessionInfo {
    type C = sr_session_info;

    fn to_c(&self, arena: &mut Arena) -> sr_session_info {
        let records::SessionInfo { id, device, purpose, began, renewed, expires, ended } = self;
        sr_session_info {
            id: arena.text(id),
            device: arena.maybe_text(device.as_deref()),
            purpose: arena.text(purpose),
            began: (*began).into(),
            renewed: (*renewed).into(),
            expires: (*expires).into(),
            ended: *ended,
        }
    }
}

/// What beginning a new epoch did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_rotation_report {
    /// The epoch that everything is written under from now on.
    pub epoch: u32,
    /// How many holders were handed its keys. Owners need none.
    pub handed_out: u64,
    /// Key slots with the keys of earlier epochs that are superfluous now, and were deleted.
    pub removed: *const *const c_char,
    /// How many there are.
    pub removed_count: usize,
    /// The same, where the storage would not delete them, and why.
    pub remaining: *const sr_rejected,
    /// How many there are.
    pub remaining_count: usize,
    /// Who has no key that the new ones could be sealed to.
    pub left_behind: *const sr_left_behind,
    /// How many there are.
    pub left_behind_count: usize,
    /// Sessions that were at work when the epoch began.
    pub at_work: *const *const c_char,
    /// How many there are.
    pub at_work_count: usize,
}

impl ToC for records::RotationReport {
    type C = sr_rotation_report;

    fn to_c(&self, arena: &mut Arena) -> sr_rotation_report {
        let records::RotationReport { epoch, handed_out, removed, remaining, left_behind, at_work } = self;
        sr_rotation_report {
            epoch: *epoch,
            handed_out: *handed_out,
            removed: arena.text_list(removed),
            removed_count: removed.len(),
            remaining: arena.list(remaining),
            remaining_count: remaining.len(),
            left_behind: arena.list(left_behind),
            left_behind_count: left_behind.len(),
            at_work: arena.text_list(at_work),
            at_work_count: at_work.len(),
        }
    }
}

/// A holder who could not be handed newer keys.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_left_behind {
    /// The name of the device, or the label of the key.
    pub name: *const c_char,
    /// What the holder may do.
    pub role: sr_role,
    /// The device that the holder is listed as, if there is one.
    /// NULL when there is none.
    pub device: *const c_char,
    /// The holder's key slot, if there is one.
    /// NULL when there is none.
    pub slot: *const c_char,
}

impl ToC for records::LeftBehind {
    type C = sr_left_behind;

    fn to_c(&self, arena: &mut Arena) -> sr_left_behind {
        let records::LeftBehind { name, role, device, slot } = self;
        sr_left_behind {
            name: arena.text(name),
            role: role.code(),
            device: arena.maybe_text(device.as_deref()),
            slot: arena.maybe_text(slot.as_deref()),
        }
    }
}

/// What revoking a device did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_revocation {
    /// The device.
    pub device: *const c_char,
    /// From when on the device is no longer accepted.
    pub since: sr_timestamp,
    /// Its key slots, which were deleted.
    pub removed: *const *const c_char,
    /// How many there are.
    pub removed_count: usize,
    /// Its key slots that the storage would not delete, and why.
    pub remaining: *const sr_rejected,
    /// How many there are.
    pub remaining_count: usize,
    /// The epoch that began with it, unless it was to be kept.
    /// NULL when there is none.
    pub rotation: *const sr_rotation_report,
}

impl ToC for records::Revocation {
    type C = sr_revocation;

    fn to_c(&self, arena: &mut Arena) -> sr_revocation {
        let records::Revocation { device, since, removed, remaining, rotation } = self;
        sr_revocation {
            device: arena.text(device),
            since: (*since).into(),
            removed: arena.text_list(removed),
            removed_count: removed.len(),
            remaining: arena.list(remaining),
            remaining_count: remaining.len(),
            rotation: arena.maybe(rotation.as_ref()),
        }
    }
}

/// What removing a key came to.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_key_removal {
    /// The device its holder was listed as, which was revoked.
    /// NULL when there is none.
    pub revoked: *const c_char,
    /// The key slots that were deleted.
    pub removed: *const *const c_char,
    /// How many there are.
    pub removed_count: usize,
    /// Key slots that the storage would not delete, and why.
    pub remaining: *const sr_rejected,
    /// How many there are.
    pub remaining_count: usize,
    /// The epoch that began with it, unless it was to be kept.
    /// NULL when there is none.
    pub rotation: *const sr_rotation_report,
}

impl ToC for records::KeyRemoval {
    type C = sr_key_removal;

    fn to_c(&self, arena: &mut Arena) -> sr_key_removal {
        let records::KeyRemoval { revoked, removed, remaining, rotation } = self;
        sr_key_removal {
            revoked: arena.maybe_text(revoked.as_deref()),
            removed: arena.text_list(removed),
            removed_count: removed.len(),
            remaining: arena.list(remaining),
            remaining_count: remaining.len(),
            rotation: arena.maybe(rotation.as_ref()),
        }
    }
}

/// What changing the passphrase did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_passphrase_change {
    /// The new slot.
    pub slot: *const c_char,
    /// The old slot, if the storage would not delete it, and why: the old passphrase still opens it.
    /// NULL when there is none.
    pub remaining: *const sr_rejected,
}

impl ToC for records::PassphraseChange {
    type C = sr_passphrase_change;

    fn to_c(&self, arena: &mut Arena) -> sr_passphrase_change {
        let records::PassphraseChange { slot, remaining } = self;
        sr_passphrase_change { slot: arena.text(slot), remaining: arena.maybe(remaining.as_ref()) }
    }
}
