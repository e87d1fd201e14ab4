//! Keys, devices and epochs.

use super::RepositoryHandle;
use crate::enums::Role;
use crate::failure::NativeResult;
use crate::options::Cost;
use crate::records::{DeviceInfo, KeyRemoval, PassphraseChange, Revocation, RotationReport, SlotInfo};
use crate::run::RunHandle;
use crate::secret::{AddedCode, SecretHandle};
use crate::values::Convert;
use std::sync::Arc;
use strongroom_bindings::options::{NewKey, RevokeOptions};

#[uniffi::export]
impl RepositoryHandle {
    /// The keys that open this repository, oldest first.
    pub fn keys(&self, run: Arc<RunHandle>) -> NativeResult<Vec<SlotInfo>> {
        Ok(self.watching(&run)?.keys()?.convert())
    }

    /// Adds a key and returns the id of its slot.
    pub fn add_key(
        &self,
        secret: Arc<SecretHandle>,
        role: Role,
        label: String,
        cost: Option<Cost>,
        run: Arc<RunHandle>,
    ) -> NativeResult<String> {
        let cost = cost.map(Cost::into_common).transpose()?;
        Ok(self.watching(&run)?.add_key(&NewKey { secret: secret.get()?, role, label, cost })?)
    }

    /// Makes a recovery code and adds it as a key.
    pub fn add_recovery_code(&self, role: Role, label: String, run: Arc<RunHandle>) -> NativeResult<AddedCode> {
        let added = self.watching(&run)?.add_recovery_code(role, &label)?;
        Ok(AddedCode { slot: added.slot.clone(), code: added.code.to_string() })
    }

    /// Removes a key, and shuts its holder out.
    pub fn remove_key(&self, slot: String, keep_epoch: bool, run: Arc<RunHandle>) -> NativeResult<KeyRemoval> {
        Ok(self.inner.remove_key(&slot, &RevokeOptions { keep_epoch }, &run.inner)?.convert())
    }

    /// Replaces the passphrase that opened this repository by another.
    pub fn change_passphrase(
        &self,
        to: Arc<SecretHandle>,
        cost: Option<Cost>,
        run: Arc<RunHandle>,
    ) -> NativeResult<PassphraseChange> {
        let cost = cost.map(Cost::into_common).transpose()?;
        Ok(self.watching(&run)?.change_passphrase(&to.get()?, cost)?.convert())
    }

    /// The devices on the owner-signed list.
    pub fn devices(&self, run: Arc<RunHandle>) -> NativeResult<Vec<DeviceInfo>> {
        Ok(self.watching(&run)?.devices()?.convert())
    }

    /// Lets a device in, by the request it made with its key, and returns its id.
    pub fn add_device(&self, request: Vec<u8>, role: Role, run: Arc<RunHandle>) -> NativeResult<String> {
        Ok(self.watching(&run)?.add_device(&request, role)?)
    }

    /// Shuts a device out.
    pub fn revoke_device(&self, device: String, keep_epoch: bool, run: Arc<RunHandle>) -> NativeResult<Revocation> {
        Ok(self.inner.revoke_device(&device, &RevokeOptions { keep_epoch }, &run.inner)?.convert())
    }

    /// Begins a new epoch.
    pub fn rotate(&self, run: Arc<RunHandle>) -> NativeResult<RotationReport> {
        Ok(self.inner.rotate(&run.inner)?.convert())
    }

    /// The epoch under which everything is written at this moment.
    pub fn epoch(&self, run: Arc<RunHandle>) -> NativeResult<i64> {
        Ok(self.watching(&run)?.epoch()?.into())
    }
}
