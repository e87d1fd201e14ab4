//! Beginning an epoch, and handing its keys to everybody who stays.
//!
//! First the device list names the new epoch; from then on nothing new is written under an older one, but for what
//! sessions at work still write. Then every holder who stays is handed a bundle that reaches it, in a slot sealed to
//! a key of theirs. Last, the slots that this makes superfluous go. Wherever it breaks off, everybody can open the
//! repository and read what they could read before; who has not been handed the new keys yet cannot write, until an
//! owner rotates again. In the other order, keys of an epoch that is not in the list could be with a holder who is
//! revoked next, and then that epoch would shut nobody out.

use super::open::catch_up;
use super::slots::survey;
use super::wrap::{Holder, Wrap, slot_name};
use super::{Keys, Role};
use crate::backend::Backend;
use crate::context::Context;
use crate::crypto::password::Cost;
use crate::error::{Error, ErrorKind, Result};
use crate::format::bundle::Bundle;
use crate::format::slot::{Method, Slot};
use crate::id::{DeviceId, SessionId, SlotId};
use crate::store::devices::DeviceList;
use std::collections::{BTreeMap, BTreeSet};

/// What beginning an epoch came to.
///
/// ```no_run
/// # fn show(report: &strongroom::RotationReport) {
/// println!("epoch {}, handed to {} holders", report.epoch, report.handed_out);
/// for left in &report.left_behind {
///     println!("{} cannot write any more: remove its key and add it anew", left.name);
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RotationReport {
    /// The epoch that everything is written under from now on.
    pub epoch: u32,
    /// How many devices, and holders of passphrases, codes and account keys, were handed its keys. Owners need none.
    pub handed_out: u64,
    /// Key slots with the keys of earlier epochs that are superfluous now, and were deleted.
    pub removed: Vec<SlotId>,
    /// The same, where the storage would not delete them, and why. They open what they opened before.
    pub remaining: Vec<(SlotId, Error)>,
    /// Who has no key that the new ones could be sealed to. They read what they could read before and cannot write:
    /// remove their keys and add them anew.
    pub left_behind: Vec<LeftBehind>,
    /// Sessions that were at work when the epoch began. What they write until they end is under the epoch before.
    pub at_work: Vec<SessionId>,
}

/// A holder who could not be handed newer keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftBehind {
    /// The name of the device, or the label of the key.
    pub name: String,
    /// What the holder may do.
    pub role: Role,
    /// The device that the holder is listed as, if there is one.
    pub device: Option<DeviceId>,
    /// The holder's key slot, if there is one.
    pub slot: Option<SlotId>,
}

/// Begins a new epoch; owners only. Its keys are to be [handed out](hand_out) next.
pub(crate) fn begin_epoch(backend: &dyn Backend, keys: &Keys) -> Result<DeviceList> {
    DeviceList::draft(backend, keys, |draft| {
        draft.new_epoch = true;
        Ok(true)
    })
}

/// Hands the keys of the list's epoch to every listed device that is not revoked, and deletes their slots of earlier
/// epochs; owners only. Whoever has them already is left alone, so it can be repeated.
pub(crate) fn hand_out(
    backend: &dyn Backend,
    keys: &Keys,
    devices: &DeviceList,
    ctx: &Context,
) -> Result<RotationReport> {
    let operation = "hand out new keys";
    let owner = keys.owner_signing()?;
    let epoch = devices.epoch();
    let mut report = RotationReport {
        epoch,
        handed_out: 0,
        removed: Vec::new(),
        remaining: Vec::new(),
        left_behind: Vec::new(),
        at_work: Vec::new(),
    };
    let slots = survey(backend, keys)?.slots;
    let supplied: BTreeSet<DeviceId> = slots
        .iter()
        .filter(|slot| is_for_a_device(slot) && slot.head.epoch >= epoch)
        .filter_map(|slot| slot.head.device)
        .collect();
    let mut bundles: BTreeMap<Role, Bundle> = BTreeMap::new();
    let mut handed = BTreeSet::new();
    for device in devices.entries().filter(|device| device.revoked.is_none() && device.role != Role::Owner) {
        ctx.check(operation)?;
        let Some(kem) = &device.kem else {
            let slot = slots.iter().find(|slot| slot.head.device == Some(device.id)).map(|slot| slot.head.id);
            let (name, role) = (device.name.clone(), device.role);
            report.left_behind.push(LeftBehind { name, role, device: Some(device.id), slot });
            continue;
        };
        if !supplied.contains(&device.id) {
            let bundle = match bundles.entry(device.role) {
                std::collections::btree_map::Entry::Occupied(made) => made.into_mut(),
                std::collections::btree_map::Entry::Vacant(role) => {
                    role.insert(keys.bundle_until(epoch, device.role, None)?)
                }
            };
            let wrap = Wrap {
                bundle,
                holder: Holder::Device(kem),
                device: Some(device.id),
                label: &device.name,
                cost: Cost::DEFAULT,
                owner: Some(&owner),
            };
            wrap.store(backend)?;
        }
        report.handed_out += 1;
        handed.insert(device.id);
    }
    for slot in &slots {
        let (role, device) = (slot.head.role, slot.head.device);
        if is_for_a_device(slot) && slot.head.epoch < epoch && device.is_some_and(|device| handed.contains(&device)) {
            ctx.check(operation)?;
            match backend.delete(&slot_name(&slot.head.id)) {
                Ok(()) => report.removed.push(slot.head.id),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => report.remaining.push((slot.head.id, error)),
            }
        } else if device.is_none() && role != Role::Owner {
            let name = slot.head.label.clone();
            report.left_behind.push(LeftBehind { name, role, device, slot: Some(slot.head.id) });
        }
    }
    catch_up(backend, keys, epoch)?;
    Ok(report)
}

fn is_for_a_device(slot: &Slot) -> bool {
    matches!(slot.head.method, Method::Device { .. })
}
