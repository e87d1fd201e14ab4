//! Making key slots: a bundle, wrapped for somebody, put on storage.

use super::secret::{Inner, Secret};
use crate::backend::{Backend, Folder, ObjectName};
use crate::crypto::password::{Cost, stretch};
use crate::crypto::sign::SigningKey;
use crate::crypto::{SecretKey, kem, random};
use crate::error::{Result, invalid};
use crate::format::bundle::Bundle;
use crate::format::label;
use crate::format::slot::{self, Head, Method, Slot};
use crate::id::{DeviceId, SlotId};
use crate::store::{now, sealed};

/// Whom a slot is for.
pub(super) enum Holder<'a> {
    /// Whoever knows a secret that is shared with nobody else.
    Secret(&'a Secret),
    /// A device, of which only the X-Wing public key is needed.
    Device(&'a [u8; kem::PUBLIC_KEY]),
}

/// A slot to be made.
pub(super) struct Wrap<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) holder: Holder<'a>,
    /// The device the holder is listed as.
    pub(super) device: Option<DeviceId>,
    pub(super) label: &'a str,
    pub(super) cost: Cost,
    /// Signs slots for devices.
    pub(super) owner: Option<&'a SigningKey>,
}

impl Wrap<'_> {
    /// Makes the slot and stores it.
    pub(super) fn store(self, backend: &dyn Backend) -> Result<SlotId> {
        check_label(self.label)?;
        let id = SlotId::from_bytes(random()?);
        let (method, key) = match self.holder {
            Holder::Secret(secret) => method(secret, self.cost)?,
            Holder::Device(device) => {
                let key = SecretKey::random()?;
                let device = kem::PublicKey::from_bytes(device.as_slice())?;
                let sealed_key = slot::seal_to_device(&device, &self.bundle.repository, &id, &key)?;
                (Method::Device { sealed_key }, key)
            }
        };
        let head = Head {
            repository: self.bundle.repository,
            id,
            role: self.bundle.role,
            epoch: self.bundle.newest(),
            method,
            device: self.device,
            label: self.label.to_owned(),
            created: now(),
        };
        let slot = Slot::seal(head, &key, self.bundle, random()?, self.owner)?;
        sealed::put(backend, &slot_name(&id), &slot.encode()?)?;
        Ok(id)
    }
}

/// A method with fresh parameters, and the key-encryption key it yields.
fn method(secret: &Secret, cost: Cost) -> Result<(Method, SecretKey)> {
    let salt = random()?;
    match &secret.inner {
        Inner::Passphrase(passphrase) => {
            check_passphrase(secret)?;
            let cost = Cost::new(cost.memory_kib, cost.passes, cost.lanes)?;
            Ok((Method::Passphrase { salt, cost }, stretch(passphrase, &salt, cost)?))
        }
        Inner::RecoveryCode(code) => Ok((Method::RecoveryCode { salt }, slot::recovery_wrap(&code.key(), &salt))),
        Inner::AccountKey(key) => Ok((Method::AccountKey { salt }, slot::account_wrap(key, &salt))),
        Inner::Device(_) => Err(invalid("make a key slot", "a device's slot is made from its request")),
    }
}

/// Refuses an empty passphrase.
pub(super) fn check_passphrase(secret: &Secret) -> Result<()> {
    match &secret.inner {
        Inner::Passphrase(passphrase) if passphrase.is_empty() => {
            Err(invalid("make a key slot", "the passphrase is empty"))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_label(label: &str) -> Result<()> {
    label::fault(label).map_or(Ok(()), |fault| Err(invalid("make a key slot", fault)))
}

/// Where a slot is stored.
pub(super) fn slot_name(id: &SlotId) -> ObjectName {
    ObjectName::of(Folder::Keys, id)
}
