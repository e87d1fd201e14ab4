//! Keys and devices.

use super::Repository;
use crate::context::Context;
use crate::crypto::password::Cost;
use crate::crypto::recovery::RecoveryCode;
use crate::error::Result;
use crate::format::bundle::Role;
use crate::format::device::DeviceRequest;
use crate::format::entry::Timestamp;
use crate::id::{DeviceId, SlotId};
use crate::store::devices::{DeviceInfo, DeviceList};
use crate::store::keys::{
    KeyRemoval, NewSlot, PassphraseChange, Revocation, RotationReport, Secret, SlotInfo, add_device, add_recovery_code,
    add_slot, begin_epoch, change_passphrase, hand_out, list_slots, remove_slot, revoke_device,
};
use crate::store::leases;

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

/// How a key is removed, or a device revoked.
///
/// ```
/// let options = strongroom::RevokeOptions::new().keep_epoch(true);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RevokeOptions {
    keep_epoch: bool,
}

impl RevokeOptions {
    /// The defaults: a new epoch begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins no new epoch: who is shut out can still read what is written, if it gets hold of it. A key that is
    /// removed like this goes without its holder being revoked.
    #[must_use]
    pub fn keep_epoch(mut self, keep: bool) -> Self {
        self.keep_epoch = keep;
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

    /// Removes a key, and shuts its holder out: the device that the key says its holder is listed as is revoked, and a
    /// new epoch begins, as somebody may have kept what the key held. Only owners may, and not with the key they opened
    /// the repository with.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for that one, [`NotFound`](crate::ErrorKind::NotFound),
    /// and as [`rotate`](Repository::rotate).
    pub fn remove_key(&self, slot: &SlotId, options: &RevokeOptions, ctx: &Context) -> Result<KeyRemoval> {
        let (backend, keys) = (self.store.backend(), self.store.keys_with_slot());
        let (mut removal, devices) = remove_slot(backend, &keys, slot, !options.keep_epoch)?;
        removal.rotation = devices.map(|devices| self.hand_out(&devices, ctx)).transpose()?;
        Ok(removal)
    }

    /// Replaces the passphrase that opened this repository by another. Nothing that is stored is encrypted anew.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it was not opened with a passphrase.
    pub fn change_passphrase(&self, new: &Secret, cost: Cost) -> Result<PassphraseChange> {
        // So that the new slot reaches the newest epoch.
        self.devices_list()?;
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

    /// Shuts a device out: what it signs from now on is refused, its key slots are removed, and a new epoch begins, so
    /// that it cannot read what is written from then on. Only owners may.
    ///
    /// What the device knows it keeps: everything it could read before, and, if it was an owner's, everything.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden), [`NotFound`](crate::ErrorKind::NotFound), and as
    /// [`rotate`](Repository::rotate).
    pub fn revoke_device(&self, device: &DeviceId, options: &RevokeOptions, ctx: &Context) -> Result<Revocation> {
        let (backend, keys) = (self.store.backend(), self.store.keys_with_slot());
        let (mut revocation, devices) = revoke_device(backend, &keys, device, !options.keep_epoch)?;
        if !options.keep_epoch {
            revocation.rotation = Some(self.hand_out(&devices, ctx)?);
        }
        Ok(revocation)
    }

    /// Begins a new epoch: whatever is written from now on is sealed with new keys, which every listed device that is
    /// not revoked, and every holder of a passphrase, code or account key, is handed. Only owners may.
    ///
    /// What is stored stays as it is and can be read as before; [`reencrypt`](Repository::reencrypt) moves it to the new
    /// keys. Doing it again after it broke off supplies those who have no new keys yet.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden), [`LimitExceeded`](crate::ErrorKind::LimitExceeded) after 512 epochs,
    /// [`Cancelled`](crate::ErrorKind::Cancelled), and those of the storage.
    ///
    /// ```
    /// use strongroom::{Context, CreateOptions, MemoryBackend, Repository, Secret};
    /// # let options = CreateOptions::new().cost(strongroom::Cost::FLOOR);
    /// let repo = Repository::create(MemoryBackend::new(), &Secret::passphrase("correct horse"), &options)?;
    /// let report = repo.rotate(&Context::new())?;
    /// assert_eq!(report.epoch, 2);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn rotate(&self, ctx: &Context) -> Result<RotationReport> {
        self.devices_list()?;
        let devices = begin_epoch(self.store.backend(), self.store.keys())?;
        self.hand_out(&devices, ctx)
    }

    /// The epoch under which everything is written at this moment.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn epoch(&self) -> Result<u32> {
        Ok(self.devices_list()?.epoch())
    }

    fn hand_out(&self, devices: &DeviceList, ctx: &Context) -> Result<RotationReport> {
        let (backend, keys) = (self.store.backend(), self.store.keys_with_slot());
        let mut report = hand_out(backend, &keys, devices, ctx)?;
        let now = Timestamp::new(devices.stored(backend)?.unwrap_or_default(), 0);
        let sessions = leases::list(backend, &keys, devices)?.sessions;
        let at_work = sessions.iter().filter(|session| session.is_active(now));
        report.at_work = at_work.map(|session| session.lease.session).collect();
        Ok(report)
    }
}
