//! Keys, devices and epochs.

use super::{NativeRepository, run_options};
use crate::handles::{NativeSecret, NativeToken};
use crate::host::Host;
use crate::names::Role;
use crate::options::{AddCodeOptions, AddKeyOptions, Budget, Cost, RevokeOptions};
use crate::records::{AddedCode, DeviceInfo, KeyRemoval, PassphraseChange, Revocation, RotationReport, SlotInfo};
use crate::settle::{long, short};
use crate::values::Text;
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

#[napi]
impl NativeRepository {
    /// The keys that open it.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<SlotInfo[]>>")]
    pub fn keys<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "list keys", move || {
            Ok(repository.keys()?.into_iter().map(SlotInfo::from).collect::<Vec<_>>())
        })
    }

    /// Adds a key.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<string>>")]
    pub fn add_key<'env>(&self, env: &'env Env, secret: &NativeSecret, options: AddKeyOptions) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let secret = secret.inner.clone();
        short(env, &self.workers, "add a key", move || repository.add_key(&options.common(secret)?))
    }

    /// Makes and adds a recovery code.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<AddedCode>>")]
    pub fn add_recovery_code<'env>(&self, env: &'env Env, options: AddCodeOptions) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "add a recovery code", move || {
            let added = repository.add_recovery_code(options.role.0, options.label())?;
            Ok(AddedCode { slot: added.slot, code: added.code.to_string() })
        })
    }

    /// Removes a key.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<KeyRemoval>>")]
    pub fn remove_key<'env>(
        &self,
        env: &'env Env,
        slot: Text,
        options: RevokeOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "remove a key", run, move |run| {
            Ok(KeyRemoval::from(repository.remove_key(&slot.0, &options.common(), run)?))
        })
    }

    /// Replaces the passphrase.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<PassphraseChange>>")]
    pub fn change_passphrase<'env>(
        &self,
        env: &'env Env,
        secret: &NativeSecret,
        cost: Option<Cost>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let secret = secret.inner.clone();
        short(env, &self.workers, "change the passphrase", move || {
            let cost = cost.map(Cost::common).transpose()?;
            Ok(PassphraseChange::from(repository.change_passphrase(&secret, cost)?))
        })
    }

    /// The devices that are let in.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<DeviceInfo[]>>")]
    pub fn devices<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "list devices", move || {
            Ok(repository.devices()?.into_iter().map(DeviceInfo::from).collect::<Vec<_>>())
        })
    }

    /// Lets a device in.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<string>>")]
    pub fn add_device<'env>(&self, env: &'env Env, request: &[u8], role: Role) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let request = request.to_vec();
        short(env, &self.workers, "add a device", move || repository.add_device(&request, role.0))
    }

    /// Shuts a device out.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<Revocation>>")]
    pub fn revoke_device<'env>(
        &self,
        env: &'env Env,
        device: Text,
        options: RevokeOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "revoke a device", run, move |run| {
            Ok(Revocation::from(repository.revoke_device(&device.0, &options.common(), run)?))
        })
    }

    /// Begins a new epoch of keys.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<RotationReport>>")]
    pub fn rotate<'env>(
        &self,
        env: &'env Env,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "begin a new epoch", run, move |run| Ok(RotationReport::from(repository.rotate(run)?)))
    }

    /// The epoch of keys.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<number>>")]
    pub fn epoch<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "tell the epoch", move || repository.epoch())
    }
}
