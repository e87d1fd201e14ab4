//! The unlocked keys of a repository, and the slots that hold them.

mod open;
mod secret;
mod slots;
mod wrap;

#[cfg(test)]
mod tests;

pub(crate) use open::{NewRepository, create, is_of_the_object, open, read_config};
pub use secret::Secret;
pub(crate) use slots::{
    NewSlot, add_device, add_recovery_code, add_slot, change_passphrase, list_slots, remove_slot, revoke_device, survey,
};
pub use slots::{PassphraseChange, Revocation, SlotInfo, SlotMethod};

use crate::crypto::SecretKey;
use crate::crypto::kem;
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::error::{Error, ErrorKind, Result};
use crate::format::bundle::{Bundle, BundleEpoch, Role, owner_signing};
use crate::format::device::{DeviceKey, device_id};
use crate::id::{DeviceId, RepositoryId, SlotId};
use std::sync::Arc;

/// What a key of an epoch seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Footers of packs.
    Footer,
    /// Trailers of packs.
    Trailer,
    /// Index objects.
    Index,
    /// Envelopes of snapshots.
    Envelope,
    /// Tags and other marks on snapshots.
    Mark,
    /// Leases of sessions.
    Lease,
    /// Checkpoints of sessions.
    Checkpoint,
    /// Lists of packs that are about to be removed.
    Condemnation,
}

/// The keys of one epoch.
#[derive(Debug)]
pub(crate) struct EpochKeys {
    pub(crate) epoch: u32,
    /// What content is sealed to; only in the newest epoch, because nothing is written under an older one.
    pub(crate) data_public: Option<kem::PublicKey>,
    /// What content is opened with; readers and owners have it in every epoch.
    pub(crate) data_private: Option<kem::PrivateKey>,
    /// Seals footers of packs.
    pub(crate) footer: SecretKey,
    /// Seals trailers of packs.
    pub(crate) trailer: SecretKey,
    /// Seals index objects.
    pub(crate) index_object: SecretKey,
    /// Seals envelopes of snapshots.
    pub(crate) envelope: SecretKey,
    /// Seals marks on snapshots.
    pub(crate) mark: SecretKey,
    /// Seals leases.
    pub(crate) lease: SecretKey,
    /// Seals checkpoints.
    pub(crate) checkpoint: SecretKey,
    /// Seals condemnations.
    pub(crate) condemnation: SecretKey,
}

impl EpochKeys {
    fn new(epoch: &BundleEpoch) -> Self {
        let BundleEpoch { epoch, index, data_public, data_private } = epoch;
        EpochKeys {
            epoch: *epoch,
            data_public: data_public.clone(),
            data_private: data_private.clone(),
            footer: index.derive("strongroom format 1 footer"),
            trailer: index.derive("strongroom format 1 trailer"),
            index_object: index.derive("strongroom format 1 index"),
            envelope: index.derive("strongroom format 1 snapshot envelope"),
            mark: index.derive("strongroom format 1 mark"),
            lease: index.derive("strongroom format 1 lease"),
            checkpoint: index.derive("strongroom format 1 checkpoint"),
            condemnation: index.derive("strongroom format 1 condemnation"),
        }
    }

    /// The key that seals objects, or parts of them, for `purpose`.
    pub(crate) fn sealing(&self, purpose: Purpose) -> &SecretKey {
        match purpose {
            Purpose::Footer => &self.footer,
            Purpose::Trailer => &self.trailer,
            Purpose::Index => &self.index_object,
            Purpose::Envelope => &self.envelope,
            Purpose::Mark => &self.mark,
            Purpose::Lease => &self.lease,
            Purpose::Checkpoint => &self.checkpoint,
            Purpose::Condemnation => &self.condemnation,
        }
    }
}

/// The unlocked capabilities of whoever opened the repository. Clones are cheap and share the keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) repository: RepositoryId,
    pub(crate) role: Role,
    /// The slot they came from.
    pub(crate) slot: Option<SlotId>,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bundle: Bundle,
    epochs: Vec<EpochKeys>,
    /// The device that opened the slot.
    device: Option<(DeviceId, SigningKey)>,
}

impl Keys {
    /// The capabilities in a bundle that was opened by `device`, or otherwise.
    pub(crate) fn new(bundle: Bundle, slot: Option<SlotId>, device: Option<&DeviceKey>) -> Self {
        Keys {
            repository: bundle.repository,
            role: bundle.role,
            slot,
            inner: Arc::new(Inner {
                epochs: bundle.epochs().iter().map(EpochKeys::new).collect(),
                device: device.map(|device| (device.id(), device.signing().clone())),
                bundle,
            }),
        }
    }

    /// The same keys, from another slot.
    pub(crate) fn with_slot(&self, slot: SlotId) -> Self {
        Keys { slot: Some(slot), ..self.clone() }
    }

    /// The keys of the newest epoch, under which everything new is written.
    pub(crate) fn current(&self) -> Result<&EpochKeys> {
        self.inner.epochs.last().ok_or_else(|| {
            Error::new(ErrorKind::Forbidden, "use the repository's keys").detail("the key holds no epoch")
        })
    }

    /// The keys of one epoch.
    pub(crate) fn epoch(&self, epoch: u32) -> Result<&EpochKeys> {
        let position = self.inner.epochs.binary_search_by_key(&epoch, |keys| keys.epoch).ok();
        position.and_then(|position| self.inner.epochs.get(position)).ok_or_else(|| {
            Error::new(ErrorKind::Forbidden, "use the repository's keys").detail(format!(
                "the key that was used does not reach epoch {epoch}: an owner must wrap a newer one for it"
            ))
        })
    }

    /// The key that seals objects of an epoch for `purpose`.
    pub(crate) fn sealing(&self, epoch: u32, purpose: Purpose) -> Result<&SecretKey> {
        Ok(self.epoch(epoch)?.sealing(purpose))
    }

    /// The key of blob ids. Writers, readers and owners have it.
    pub(crate) fn id_key(&self) -> Result<&SecretKey> {
        self.inner.bundle.id_key.as_ref().ok_or_else(|| self.forbidden("a writer's, reader's or owner's"))
    }

    /// The key of chunk boundaries. Writers, readers and owners have it.
    pub(crate) fn chunker_key(&self) -> Result<&SecretKey> {
        self.inner.bundle.chunker_key.as_ref().ok_or_else(|| self.forbidden("a writer's, reader's or owner's"))
    }

    pub(crate) fn can_read(&self) -> bool {
        self.role.can_read()
    }

    pub(crate) fn can_write(&self) -> bool {
        self.role.can_write()
    }

    pub(crate) fn can_maintain(&self) -> bool {
        self.role.can_maintain()
    }

    /// The owner's public key; that of the bundle, so it can be trusted.
    pub(crate) fn owner_public(&self) -> VerifyingKey {
        self.inner.bundle.owner
    }

    /// The id under which the owner's own key signs.
    pub(crate) fn owner_id(&self) -> DeviceId {
        device_id(&self.owner_public(), None)
    }

    /// The owner's signing key. Only owners have it.
    pub(crate) fn owner_signing(&self) -> Result<SigningKey> {
        self.inner.bundle.root.as_ref().map(owner_signing).ok_or_else(|| self.forbidden("an owner's"))
    }

    /// Who signs for the holder of these keys: the device that opened the slot, else the key in the bundle, else,
    /// for owners, the owner's own key. Maintainers sign nothing.
    pub(crate) fn signer(&self) -> Result<(DeviceId, SigningKey)> {
        if !self.can_write() {
            return Err(self.forbidden("a writer's, reader's or owner's"));
        }
        if let Some(device) = &self.inner.device {
            return Ok(device.clone());
        }
        let key = match &self.inner.bundle.signing_seed {
            Some(seed) => SigningKey::from_seed(seed.clone()),
            None => self.owner_signing()?,
        };
        Ok((device_id(&key.verifying_key(), None), key))
    }

    /// The bundle of a role of this repository. Only owners can make one.
    pub(crate) fn bundle_for(&self, role: Role, signing_seed: Option<SecretKey>) -> Result<Bundle> {
        self.inner.bundle.for_role(role, signing_seed)
    }

    /// The bundle these keys came from.
    fn bundle(&self) -> &Bundle {
        &self.inner.bundle
    }

    fn forbidden(&self, needed: &'static str) -> Error {
        Error::new(ErrorKind::Forbidden, "use the repository's keys")
            .detail(format!("this needs {needed} key; the one that was used is a {}'s", self.role))
    }
}
