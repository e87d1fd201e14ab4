//! Listing and adding key slots and devices, and changing a passphrase.

use super::open::{is_of_the_object, read_slot};
use super::secret::Secret;
use super::wrap::{Holder, Wrap, check_label, check_passphrase, slot_name};
use super::{Keys, Role};
use crate::backend::{Backend, Folder};
use crate::crypto::SecretKey;
use crate::crypto::password::Cost;
use crate::crypto::recovery::RecoveryCode;
use crate::error::{Error, ErrorKind, Result, internal, invalid};
use crate::format::bundle::HolderSeeds;
use crate::format::device::{DeviceKey, DeviceRequest};
use crate::format::device_list::Device;
use crate::format::entry::Timestamp;
use crate::format::slot::{Method, Slot};
use crate::id::{DeviceId, SlotId};
use crate::store::devices::{self, DeviceList};
use crate::store::now;

/// What opens a key slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlotMethod {
    /// A passphrase.
    Passphrase,
    /// A recovery code.
    RecoveryCode,
    /// A device's own key.
    Device,
    /// The key of an account.
    AccountKey,
}

impl SlotMethod {
    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            SlotMethod::Passphrase => "passphrase",
            SlotMethod::RecoveryCode => "recovery_code",
            SlotMethod::Device => "device",
            SlotMethod::AccountKey => "account_key",
        }
    }

    fn of(method: &Method) -> Self {
        match method {
            Method::Passphrase { .. } => SlotMethod::Passphrase,
            Method::RecoveryCode { .. } => SlotMethod::RecoveryCode,
            Method::Device { .. } => SlotMethod::Device,
            Method::AccountKey { .. } => SlotMethod::AccountKey,
        }
    }
}

/// A key slot as it is listed. Apart from the current one, whose content was opened, all of it is what the slot
/// claims: only its holder can tell.
///
/// ```no_run
/// # fn show(slot: &strongroom::SlotInfo) {
/// println!("{} {} {} {}", slot.id, slot.method.name(), slot.role, slot.label);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlotInfo {
    /// Its id, which is also the name of its object.
    pub id: SlotId,
    /// What its holder may do.
    pub role: Role,
    /// The newest epoch that it opens.
    pub epoch: u32,
    /// What opens it.
    pub method: SlotMethod,
    /// What it is called; may be empty.
    pub label: String,
    /// When it was made, by its maker's clock.
    pub created: Timestamp,
    /// The device that its holder is listed as; none for owners, unless they have a device of their own.
    pub device: Option<DeviceId>,
    /// Whether the repository was opened with it.
    pub current: bool,
}

/// The slots of a repository.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) slots: Vec<Slot>,
    /// Objects that are no readable slots of this repository.
    pub(crate) skipped: Vec<Error>,
}

/// Reads every slot, oldest first by what they claim.
pub(crate) fn survey(backend: &dyn Backend, keys: &Keys) -> Result<Survey> {
    let mut names = Vec::new();
    backend.list(Folder::Keys, &mut |info| {
        names.push(info.name);
        Ok(())
    })?;
    let mut survey = Survey { slots: Vec::new(), skipped: Vec::new() };
    for name in names {
        let slot = read_slot(backend, &name).and_then(|slot| {
            if slot.head.repository != keys.repository {
                return Err(foreign().object(&name));
            }
            slot.verify(&keys.owner_public(), "read a key slot").map_err(|error| error.or_object(&name))?;
            Ok(slot)
        });
        match slot {
            Ok(slot) => survey.slots.push(slot),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if is_of_the_object(&error) => survey.skipped.push(error),
            Err(error) => return Err(error),
        }
    }
    survey.slots.sort_by_key(|slot| (slot.head.created, slot.head.id));
    Ok(survey)
}

fn foreign() -> Error {
    Error::new(ErrorKind::Corrupt, "read a key slot").detail("it belongs to another repository")
}

/// The readable slots of the repository, oldest first.
pub(crate) fn list_slots(backend: &dyn Backend, keys: &Keys) -> Result<Vec<SlotInfo>> {
    let info = |slot: Slot| SlotInfo {
        current: keys.slot == Some(slot.head.id),
        id: slot.head.id,
        role: slot.head.role,
        epoch: slot.head.epoch,
        method: SlotMethod::of(&slot.head.method),
        label: slot.head.label,
        created: Timestamp::new(slot.head.created, 0),
        device: slot.head.device,
    };
    Ok(survey(backend, keys)?.slots.into_iter().map(info).collect())
}

/// A key slot to be added.
#[derive(Debug, Clone)]
pub(crate) struct NewSlot<'a> {
    pub(crate) secret: &'a Secret,
    pub(crate) role: Role,
    pub(crate) label: &'a str,
    pub(crate) cost: Cost,
}

/// Adds a slot; owners only. All but owners get a pair of keys of their own in it, which is added to the device list
/// under the label: one that signs, and one that newer bundles can be sealed to. With a device's key it is the same
/// as [`add_device`].
pub(crate) fn add_slot(backend: &dyn Backend, keys: &Keys, new: &NewSlot<'_>) -> Result<SlotId> {
    let owner = keys.owner_signing()?;
    check_label(new.label)?;
    check_passphrase(new.secret)?;
    Cost::new(new.cost.memory_kib, new.cost.passes, new.cost.lanes)?;
    if let Some(key) = new.secret.device_key() {
        return add_device(backend, keys, &key.request(new.label)?, new.role);
    }
    let (list, device, holder) = match new.role {
        Role::Owner => (DeviceList::load(backend, keys)?, None, None),
        Role::Writer | Role::Reader | Role::Maintainer => {
            let seeds = HolderSeeds { signing: SecretKey::random()?, kem: Some(SecretKey::random()?) };
            let device = listed_holder(&seeds, new)?;
            let list =
                DeviceList::update(backend, keys, |devices| Ok(devices.insert(device.id, device.clone()).is_none()))?;
            (list, Some(device.id), Some(seeds))
        }
    };
    let wrap = Wrap {
        bundle: &keys.bundle_until(list.epoch(), new.role, holder)?,
        holder: Holder::Secret(new.secret),
        device,
        label: new.label,
        cost: new.cost,
        owner: Some(&owner),
    };
    wrap.store(backend)
}

/// How the holder of a passphrase, code or account key is listed.
fn listed_holder(seeds: &HolderSeeds, new: &NewSlot<'_>) -> Result<Device> {
    let kem = seeds.kem.clone().ok_or_else(|| internal("add a key", "there is no key to seal newer bundles to"))?;
    let request = DeviceKey::from_seeds(seeds.signing.clone(), kem)?.request(new.label)?;
    Ok(Device { in_bundle: true, ..devices::requested(&request, new.role, now()) })
}

/// Adds a slot for a new recovery code, which is to be shown once; owners only.
pub(crate) fn add_recovery_code(
    backend: &dyn Backend,
    keys: &Keys,
    role: Role,
    label: &str,
) -> Result<(SlotId, RecoveryCode)> {
    let code = RecoveryCode::generate()?;
    let new = NewSlot { secret: &Secret::from(code.clone()), role, label, cost: Cost::DEFAULT };
    Ok((add_slot(backend, keys, &new)?, code))
}

/// Adds a device that asked for it to the list and wraps a bundle for it; owners only.
///
/// When it broke off after the first of the two, calling it again does the second.
pub(crate) fn add_device(backend: &dyn Backend, keys: &Keys, request: &DeviceRequest, role: Role) -> Result<SlotId> {
    let operation = "add a device";
    let owner = keys.owner_signing()?;
    let device = request.id();
    let listed = |devices: &std::collections::BTreeMap<DeviceId, Device>| {
        let refuse = |detail: String| {
            Err(Error::new(ErrorKind::AlreadyExists, operation).object(format!("device {device}")).detail(detail))
        };
        match devices.get(&device) {
            None => Ok(false),
            Some(known) if known.revoked.is_some() => {
                refuse("the device was revoked: it must make a new key to be added again".to_owned())
            }
            Some(known) if known.role != role => {
                refuse(format!("the device is listed as a {}: revoke it, and add it with a new key", known.role))
            }
            Some(_) => Ok(true),
        }
    };
    let has_slot =
        || -> Result<bool> { Ok(survey(backend, keys)?.slots.iter().any(|slot| slot.head.device == Some(device))) };
    let added = now();
    let mut known = None;
    let list = DeviceList::update(backend, keys, |devices| {
        let listed = listed(devices)?;
        // A later round finds what the first one put there.
        known.get_or_insert(listed);
        if !listed {
            devices.insert(device, devices::requested(request, role, added));
        }
        Ok(!listed)
    })?;
    if known == Some(true) && has_slot()? {
        return Err(Error::new(ErrorKind::AlreadyExists, operation)
            .object(format!("device {device}"))
            .detail("the device is listed and has its key slot already"));
    }
    let wrap = Wrap {
        bundle: &keys.bundle_until(list.epoch(), role, None)?,
        holder: Holder::Device(&request.kem),
        device: Some(device),
        label: request.name(),
        cost: Cost::DEFAULT,
        owner: Some(&owner),
    };
    wrap.store(backend)
}

/// What changing a passphrase came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct PassphraseChange {
    /// The new slot.
    pub slot: SlotId,
    /// The old slot, if the storage would not delete it, and why: the old passphrase still opens it.
    pub remaining: Option<(SlotId, Error)>,
}

/// Wraps the same keys under another passphrase, then deletes the slot of the old one. Whoever opened the
/// repository with a passphrase can do this, whatever the role.
pub(crate) fn change_passphrase(
    backend: &dyn Backend,
    keys: &Keys,
    new: &Secret,
    cost: Cost,
) -> Result<(Keys, PassphraseChange)> {
    let operation = "change the passphrase";
    if new.name() != "passphrase" {
        return Err(invalid(operation, "the new secret is not a passphrase"));
    }
    let Some(current) = keys.slot else {
        return Err(invalid(operation, "the repository was not opened with a passphrase"));
    };
    let old = slot_name(&current);
    let Slot { head, .. } = read_slot(backend, &old)?;
    if !matches!(head.method, Method::Passphrase { .. }) {
        return Err(invalid(operation, "the repository was not opened with a passphrase; add one instead").object(old));
    }
    let wrap = Wrap {
        bundle: &keys.bundle(),
        holder: Holder::Secret(new),
        device: head.device,
        label: &head.label,
        cost,
        owner: None,
    };
    let slot = wrap.store(backend)?;
    let remaining = backend.delete(&old).err().map(|error| (current, error));
    Ok((keys.with_slot(slot), PassphraseChange { slot, remaining }))
}
