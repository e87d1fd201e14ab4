//! Shutting holders out: revoking devices and removing key slots.

use super::Keys;
use super::open::{is_of_the_object, read_slot};
use super::rotate::RotationReport;
use super::slots::survey;
use super::wrap::slot_name;
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result, invalid};
use crate::format::device_list::Revoked;
use crate::format::entry::Timestamp;
use crate::id::{DeviceId, SlotId};
use crate::store::devices::DeviceList;

/// What revoking a device came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Revocation {
    /// The device.
    pub device: DeviceId,
    /// When storage received the revocation, by the storage's clock: what it receives later is not accepted.
    pub since: Timestamp,
    /// Its key slots, which were deleted.
    pub removed: Vec<SlotId>,
    /// Its key slots that the storage would not delete, and why. Until they are, the device can still open the
    /// repository with what they hold; what it signs is refused all the same.
    pub remaining: Vec<(SlotId, Error)>,
    /// The epoch that began with it, unless it was to be kept.
    pub rotation: Option<RotationReport>,
}

/// What removing a key came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyRemoval {
    /// The device its holder was listed as, which was revoked.
    pub revoked: Option<DeviceId>,
    /// The key slots that were deleted: the key's own, and those that held newer keys for the same holder.
    pub removed: Vec<SlotId>,
    /// Key slots that the storage would not delete, and why. They still open what they opened.
    pub remaining: Vec<(SlotId, Error)>,
    /// The epoch that began with it, unless it was to be kept.
    pub rotation: Option<RotationReport>,
}

impl KeyRemoval {
    fn of(revoked: Option<DeviceId>) -> Self {
        KeyRemoval { revoked, removed: Vec::new(), remaining: Vec::new(), rotation: None }
    }

    fn delete(&mut self, backend: &dyn Backend, slot: SlotId) {
        match backend.delete(&slot_name(&slot)) {
            Ok(()) => self.removed.push(slot),
            // Whoever else does the same was first.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.remaining.push((slot, error)),
        }
    }
}

/// Revokes a device: what storage receives later than the list that says so is no longer accepted from it, and its key slots are deleted
/// where storage allows it; owners only. Doing it again keeps the first time and tries to delete again.
///
/// A new epoch begins in the same object that revokes the device, so that there is no time at which it can be handed
/// the keys of that epoch; handing them to everybody else is left to the caller.
///
/// It cannot make a device forget keys. Readers can go on reading what was written under the epochs they know, and
/// an owner's device knows the root, and with it every epoch.
pub(crate) fn revoke_device(
    backend: &dyn Backend,
    keys: &Keys,
    device: &DeviceId,
    new_epoch: bool,
) -> Result<(Revocation, DeviceList)> {
    let operation = "revoke a device";
    keys.owner_signing()?;
    let named = |error: Error| error.object(format!("device {device}"));
    if is_own(keys, device) {
        return Err(named(invalid(
            operation,
            "it is the device the repository was opened with, or the owner's own key: use another owner's key",
        )));
    }
    let list = DeviceList::draft(backend, keys, |draft| {
        let Some(entry) = draft.devices.get_mut(device) else {
            return Err(named(Error::new(ErrorKind::NotFound, operation).detail("there is no such device")));
        };
        draft.new_epoch = new_epoch;
        let new = entry.revoked.is_none();
        entry.revoked = entry.revoked.or(Some(Revoked::WithThisList));
        Ok(new)
    })?;
    let since = list.revoked(device).unwrap_or_default();
    let mut removal = KeyRemoval::of(None);
    for slot in survey(backend, keys)?.slots {
        if slot.head.device == Some(*device) && keys.slot != Some(slot.head.id) {
            removal.delete(backend, slot.head.id);
        }
    }
    let KeyRemoval { removed, remaining, rotation, .. } = removal;
    Ok((Revocation { device: *device, since, removed, remaining, rotation }, list))
}

fn is_own(keys: &Keys, device: &DeviceId) -> bool {
    keys.signer().is_ok_and(|(signer, _)| signer == *device)
}

/// Removes a slot; owners only.
///
/// With `new_epoch` its holder is shut out: somebody may have kept what it held. The device that the slot says its
/// holder is listed as is revoked, with all of its slots, and the list with a new epoch is returned, for the caller to
/// hand its keys to everybody else. Otherwise the slot goes and nothing else.
///
/// The slot the repository was opened with stays: roles of other slots are claims, so it is the only one known to
/// be an owner's, and a repository must keep one.
pub(crate) fn remove_slot(
    backend: &dyn Backend,
    keys: &Keys,
    slot: &SlotId,
    new_epoch: bool,
) -> Result<(KeyRemoval, Option<DeviceList>)> {
    let operation = "remove a key";
    keys.owner_signing()?;
    let name = slot_name(slot);
    if keys.slot.is_none_or(|current| current == *slot) {
        return Err(invalid(
            operation,
            "it is the one the repository was opened with, and an owner's key must remain: open it with another one",
        )
        .object(name));
    }
    if let Some(current) = keys.slot {
        // Another owner may have removed it meanwhile.
        backend.stat(&slot_name(&current)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(ErrorKind::Conflict, operation)
                .object(slot_name(&current))
                .detail("the key the repository was opened with has been removed; open it with another one"),
            _ => error,
        })?;
    }
    backend.stat(&name)?;
    let mut removal = KeyRemoval::of(None);
    if !new_epoch {
        removal.delete(backend, *slot);
        return Ok((removal, None));
    }
    let device = match read_slot(backend, &name) {
        Ok(read) => read.head.device.filter(|device| !is_own(keys, device)),
        // What cannot be read says nothing of its holder, and must be removable all the same.
        Err(error) if is_of_the_object(&error) => None,
        Err(error) => return Err(error),
    };
    let listed = match device {
        Some(device) => DeviceList::load(backend, keys)?.get(&device).is_some().then_some(device),
        None => None,
    };
    let list = match listed {
        Some(device) => {
            let (revocation, list) = revoke_device(backend, keys, &device, true)?;
            let Revocation { removed, remaining, .. } = revocation;
            removal = KeyRemoval { removed, remaining, ..KeyRemoval::of(Some(device)) };
            list
        }
        None => super::begin_epoch(backend, keys)?,
    };
    let handled = removal.removed.iter().chain(removal.remaining.iter().map(|(slot, _)| slot)).any(|id| id == slot);
    if !handled {
        removal.delete(backend, *slot);
    }
    Ok((removal, Some(list)))
}
