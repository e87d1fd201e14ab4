//! Keys and devices.

use super::Repository;
use crate::crypto::password::Cost;
use crate::crypto::recovery::RecoveryCode;
use crate::error::Result;
use crate::format::bundle::Role;
use crate::format::device::DeviceRequest;
use crate::id::{DeviceId, SlotId};
use crate::store::devices::DeviceInfo;
use crate::store::keys::{
    NewSlot, PassphraseChange, Revocation, Secret, SlotInfo, add_device, add_recovery_code, add_slot,
    change_passphrase, list_slots, remove_slot, revoke_device,
};

/// A key to be added.
///
/// ```
/// use strongroom::{NewKey, Role, Secret};
/// let key = NewKey::new(Secret::passphrase("for the phone"), Role::Writer).label("phone");
/// # let _ = key;
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct NewKey {
    secret: Secret,
    role: Role,
    label: String,
    cost: Cost,
}

impl NewKey {
    /// A key that `secret` opens and that allows what `role` may do.
    #[must_use]
    pub fn new(secret: Secret, role: Role) -> Self {
        NewKey { secret, role, label: String::new(), cost: Cost::default() }
    }

    /// Names it. At most 128 bytes; readable for everybody who sees the storage.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets what one try at the passphrase costs.
    #[must_use]
    pub fn cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }
}

impl Repository {
    /// The keys that open this repository, oldest first. What is listed is what slots claim: only opening one proves it.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn keys(&self) -> Result<Vec<SlotInfo>> {
        list_slots(self.store.backend(), &self.store.keys_with_slot())
    }

    /// Adds a key. Only owners may.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden) for anybody else, and those of the storage.
    pub fn add_key(&self, new: &NewKey) -> Result<SlotId> {
        let NewKey { secret, role, label, cost } = new;
        let slot = NewSlot { secret, role: *role, label, cost: *cost };
        add_slot(self.store.backend(), self.store.keys(), &slot)
    }

    /// Makes a recovery code and adds it as a key. The code is shown once and stored nowhere. Only owners may.
    ///
    /// # Errors
    /// As [`add_key`](Repository::add_key).
    pub fn add_recovery_code(&self, role: Role, label: &str) -> Result<(SlotId, RecoveryCode)> {
        add_recovery_code(self.store.backend(), self.store.keys(), role, label)
    }

    /// Removes a key. Only owners may, and not the key they opened the repository with.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for that one, [`NotFound`](crate::ErrorKind::NotFound),
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) where the storage deletes nothing.
    pub fn remove_key(&self, slot: &SlotId) -> Result<()> {
        remove_slot(self.store.backend(), &self.store.keys_with_slot(), slot)
    }

    /// Replaces the passphrase that opened this repository by another. Nothing that is stored is encrypted anew.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it was not opened with a passphrase.
    pub fn change_passphrase(&self, new: &Secret, cost: Cost) -> Result<PassphraseChange> {
        let (_, change) = change_passphrase(self.store.backend(), &self.store.keys_with_slot(), new, cost)?;
        self.store.set_slot(change.slot);
        Ok(change)
    }

    /// The devices on the owner-signed list.
    ///
    /// # Errors
    /// Those of the storage; [`Untrusted`](crate::ErrorKind::Untrusted) when no list is signed by the owner.
    pub fn devices(&self) -> Result<Vec<DeviceInfo>> {
        Ok(self.devices_list()?.devices().collect())
    }

    /// Lets a device in, by the request it made with its key. Only owners may.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden), [`AlreadyExists`](crate::ErrorKind::AlreadyExists).
    pub fn add_device(&self, request: &DeviceRequest, role: Role) -> Result<DeviceId> {
        add_device(self.store.backend(), self.store.keys(), request, role)?;
        Ok(request.id())
    }

    /// Shuts a device out: what it signs from now on is refused, and its keys are removed. Only owners may.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden), [`NotFound`](crate::ErrorKind::NotFound).
    pub fn revoke_device(&self, device: &DeviceId) -> Result<Revocation> {
        revoke_device(self.store.backend(), &self.store.keys_with_slot(), device)
    }
}
