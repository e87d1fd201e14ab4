//! Keys, devices and epochs.

use super::Repository;
use crate::enums::Role;
use crate::error::Result;
use crate::flat::Flat;
use crate::options::{Cost, NewKey, RevokeOptions, cost, id};
use crate::records::{DeviceInfo, KeyRemoval, PassphraseChange, Revocation, RotationReport, SlotInfo};
use crate::run::Run;
use crate::secret::{AddedCode, Secret};
use strongroom::DeviceRequest;

impl Repository {
    /// The keys that open this repository, oldest first.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn keys(&self) -> Result<Vec<SlotInfo>> {
        self.small("list keys", |engine| Ok(engine.keys()?.flat()))
    }

    /// Adds a key and returns the id of its slot. Only owners may.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden) for anybody else, and those of the storage.
    pub fn add_key(&self, key: &NewKey) -> Result<String> {
        let key = key.to_core()?;
        self.small("add a key", |engine| Ok(engine.add_key(&key)?.to_string()))
    }

    /// Makes a recovery code and adds it as a key. Only owners may.
    ///
    /// # Errors
    /// As [`add_key`](Self::add_key).
    pub fn add_recovery_code(&self, role: Role, label: &str) -> Result<AddedCode> {
        self.small("add a recovery code", |engine| {
            let (slot, code) = engine.add_recovery_code(role.to_core(), label)?;
            Ok(AddedCode { slot: slot.to_string(), code: code.reveal() })
        })
    }

    /// Removes a key, and shuts its holder out. Only owners may.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn remove_key(&self, slot: &str, options: &RevokeOptions, run: &Run) -> Result<KeyRemoval> {
        let (slot, options) = (id(slot)?, options.to_core());
        self.operate("remove_key", "remove a key", run, |engine, ctx| {
            Ok(KeyRemoval::from(&engine.remove_key(&slot, &options, ctx)?))
        })
    }

    /// Replaces the passphrase that opened this repository by another.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it was not opened with a passphrase.
    pub fn change_passphrase(&self, new: &Secret, new_cost: Option<Cost>) -> Result<PassphraseChange> {
        let new_cost = cost(new_cost)?;
        self.small("change the passphrase", |engine| {
            Ok(PassphraseChange::from(&engine.change_passphrase(new.core(), new_cost)?))
        })
    }

    /// The devices on the owner-signed list.
    ///
    /// # Errors
    /// Those of the storage; [`Untrusted`](crate::ErrorKind::Untrusted) when no list is signed by the owner.
    pub fn devices(&self) -> Result<Vec<DeviceInfo>> {
        self.small("list devices", |engine| Ok(engine.devices()?.flat()))
    }

    /// Lets a device in, by the request it made with its key, and returns its id. Only owners may.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden), [`AlreadyExists`](crate::ErrorKind::AlreadyExists), and for a
    /// request that is none.
    pub fn add_device(&self, request: &[u8], role: Role) -> Result<String> {
        let request = DeviceRequest::from_bytes(request)?;
        self.small("add a device", |engine| Ok(engine.add_device(&request, role.to_core())?.to_string()))
    }

    /// Shuts a device out. Only owners may.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn revoke_device(&self, device: &str, options: &RevokeOptions, run: &Run) -> Result<Revocation> {
        let (device, options) = (id(device)?, options.to_core());
        self.operate("revoke_device", "revoke a device", run, |engine, ctx| {
            Ok(Revocation::from(&engine.revoke_device(&device, &options, ctx)?))
        })
    }

    /// Begins a new epoch: whatever is written from now on is sealed with new keys. Only owners may.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn rotate(&self, run: &Run) -> Result<RotationReport> {
        self.operate("rotate", "begin a new epoch", run, |engine, ctx| Ok(RotationReport::from(&engine.rotate(ctx)?)))
    }

    /// The epoch under which everything is written at this moment.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn epoch(&self) -> Result<u32> {
        self.small("tell the epoch", |engine| Ok(engine.epoch()?))
    }
}
