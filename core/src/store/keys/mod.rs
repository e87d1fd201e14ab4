//! The unlocked keys of a repository, and the slots that hold them.

mod open;
mod rotate;
mod secret;
mod shut_out;
mod slots;
mod wrap;

#[cfg(test)]
mod tests;

pub(crate) use open::{NewRepository, catch_up, create, is_of_the_object, open, read_config};
pub use rotate::{LeftBehind, RotationReport};
pub(crate) use rotate::{begin_epoch, hand_out};
pub use secret::Secret;
pub use shut_out::{KeyRemoval, Revocation};
pub(crate) use shut_out::{remove_slot, revoke_device};
pub(crate) use slots::{NewSlot, add_device, add_recovery_code, add_slot, change_passphrase, list_slots, survey};
pub use slots::{PassphraseChange, SlotInfo, SlotMethod};

use crate::crypto::SecretKey;
use crate::crypto::kem;
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::bundle::{Bundle, BundleEpoch, FIRST_EPOCH, HolderSeeds, MAX_EPOCHS, Role, owner_signing};
use crate::format::device::{DeviceKey, device_id};
use crate::id::{DeviceId, RepositoryId, SlotId};
use std::sync::{Arc, OnceLock};

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
    /// What signs for the holder, and opens newer bundles: the device that opened the slot, or the pair of keys that
    /// stands in the slot's bundle.
    holder: Option<DeviceKey>,
    first: Reach,
}

/// The epochs of one bundle. Bundles are never let go of: work under way goes on with the epoch it began with while
/// what begins then takes the newest.
#[derive(Debug)]
struct Reach {
    bundle: Bundle,
    epochs: Vec<EpochKeys>,
    next: OnceLock<Box<Reach>>,
}

impl Reach {
    fn new(bundle: Bundle) -> Self {
        Reach { epochs: bundle.epochs().iter().map(EpochKeys::new).collect(), bundle, next: OnceLock::new() }
    }
}

impl Keys {
    /// The capabilities in a bundle that was opened by `device`, or otherwise.
    pub(crate) fn new(bundle: Bundle, slot: Option<SlotId>, device: Option<&DeviceKey>) -> Result<Self> {
        let pair = bundle.holder.as_ref().and_then(|holder| Some((holder.signing.clone(), holder.kem.clone()?)));
        let holder = match (device, pair) {
            (Some(device), _) => Some(device.clone()),
            (None, Some((signing, kem))) => Some(DeviceKey::from_seeds(signing, kem)?),
            (None, None) => None,
        };
        Ok(Keys {
            repository: bundle.repository,
            role: bundle.role,
            slot,
            inner: Arc::new(Inner { holder, first: Reach::new(bundle) }),
        })
    }

    /// The bundles, oldest first; there is always one.
    fn reaches(&self) -> impl Iterator<Item = &Reach> {
        std::iter::successors(Some(&self.inner.first), |reach| reach.next.get().map(Box::as_ref))
    }

    /// The newest bundle.
    fn newest(&self) -> &Reach {
        self.reaches().last().unwrap_or(&self.inner.first)
    }

    /// The newest epoch that these keys open.
    pub(crate) fn newest_epoch(&self) -> u32 {
        self.newest().bundle.newest()
    }

    /// Takes a newer bundle of the same holder; all clones see it. One that is not newer changes nothing.
    pub(super) fn extend(&self, bundle: Bundle) -> Result<()> {
        let first = &self.inner.first.bundle;
        if (bundle.repository, bundle.role) != (first.repository, first.role) || bundle.owner != first.owner {
            return Err(corrupt("take newer keys", "they are of another repository, owner or role"));
        }
        let mut next = Box::new(Reach::new(bundle));
        loop {
            let newest = self.newest();
            if next.bundle.newest() <= newest.bundle.newest() {
                return Ok(());
            }
            // Whoever else added one meanwhile is looked at in the next round.
            match newest.next.set(next) {
                Ok(()) => return Ok(()),
                Err(refused) => next = refused,
            }
        }
    }

    /// Derives the epochs up to this one; owners only.
    pub(super) fn derive_to(&self, epoch: u32) -> Result<()> {
        if epoch <= self.newest_epoch() {
            return Ok(());
        }
        let root = self.inner.first.bundle.root.as_ref().ok_or_else(|| self.forbidden("an owner's"))?;
        self.extend(Bundle::derive(root, self.repository, self.role, &epochs_until(epoch)?, None)?)
    }

    /// What opens newer bundles for the holder, if anything does.
    pub(super) fn holder(&self) -> Option<&DeviceKey> {
        self.inner.holder.as_ref()
    }

    /// The same keys, from another slot.
    pub(crate) fn with_slot(&self, slot: SlotId) -> Self {
        Keys { slot: Some(slot), ..self.clone() }
    }

    /// The keys of the newest epoch, under which everything new is written.
    pub(crate) fn current(&self) -> Result<&EpochKeys> {
        self.newest().epochs.last().ok_or_else(|| {
            Error::new(ErrorKind::Forbidden, "use the repository's keys").detail("the key holds no epoch")
        })
    }

    /// The keys of the oldest epoch: they are the same whatever epochs are added.
    pub(crate) fn oldest(&self) -> Result<&EpochKeys> {
        self.inner.first.epochs.first().map_or_else(|| self.current(), Ok)
    }

    /// The keys of one epoch.
    pub(crate) fn epoch(&self, epoch: u32) -> Result<&EpochKeys> {
        let find = |reach: &'_ Reach| reach.epochs.binary_search_by_key(&epoch, |keys| keys.epoch).ok();
        let found = self.reaches().find_map(|reach| reach.epochs.get(find(reach)?));
        found.ok_or_else(|| {
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
        self.inner.first.bundle.id_key.as_ref().ok_or_else(|| self.forbidden("a writer's, reader's or owner's"))
    }

    /// The key of chunk boundaries. Writers, readers and owners have it.
    pub(crate) fn chunker_key(&self) -> Result<&SecretKey> {
        self.inner.first.bundle.chunker_key.as_ref().ok_or_else(|| self.forbidden("a writer's, reader's or owner's"))
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
        self.inner.first.bundle.owner
    }

    /// The id under which the owner's own key signs.
    pub(crate) fn owner_id(&self) -> DeviceId {
        device_id(&self.owner_public(), None)
    }

    /// The owner's signing key. Only owners have it.
    pub(crate) fn owner_signing(&self) -> Result<SigningKey> {
        self.inner.first.bundle.root.as_ref().map(owner_signing).ok_or_else(|| self.forbidden("an owner's"))
    }

    /// Who signs for the holder of these keys: the device that opened the slot, else the key in the bundle, else,
    /// for owners, the owner's own key. Maintainers sign nothing.
    pub(crate) fn signer(&self) -> Result<(DeviceId, SigningKey)> {
        if !self.can_write() {
            return Err(self.forbidden("a writer's, reader's or owner's"));
        }
        if let Some(holder) = &self.inner.holder {
            return Ok((holder.id(), holder.signing().clone()));
        }
        let key = match &self.inner.first.bundle.holder {
            Some(holder) => SigningKey::from_seed(holder.signing.clone()),
            None => self.owner_signing()?,
        };
        Ok((device_id(&key.verifying_key(), None), key))
    }

    /// The bundle of a role of this repository, with the epochs up to this one. Only owners can make one.
    ///
    /// It is the epoch of a device list that does not revoke who gets the bundle: the newest that these keys reach may
    /// have begun to shut that holder out.
    pub(crate) fn bundle_until(&self, epoch: u32, role: Role, holder: Option<HolderSeeds>) -> Result<Bundle> {
        let root = self.inner.first.bundle.root.as_ref().ok_or_else(|| self.forbidden("an owner's"))?;
        Bundle::derive(root, self.repository, role, &epochs_until(epoch)?, holder)
    }

    /// The bundle of a role with the epochs these keys reach.
    #[cfg(test)]
    pub(crate) fn bundle_for(&self, role: Role, holder: Option<HolderSeeds>) -> Result<Bundle> {
        self.bundle_until(self.newest_epoch(), role, holder)
    }

    /// The newest bundle, with the seeds of its holder where these do not come from a device's own key.
    fn bundle(&self) -> Bundle {
        self.newest().bundle.with_holder(self.inner.first.bundle.holder.clone())
    }

    fn forbidden(&self, needed: &'static str) -> Error {
        Error::new(ErrorKind::Forbidden, "use the repository's keys")
            .detail(format!("this needs {needed} key; the one that was used is a {}'s", self.role))
    }
}

fn epochs_until(epoch: u32) -> Result<Vec<u32>> {
    if usize::try_from(epoch).map_or(true, |epoch| epoch > MAX_EPOCHS) {
        let detail = format!("there are more than {MAX_EPOCHS} epochs");
        return Err(Error::new(ErrorKind::LimitExceeded, "derive keys").detail(detail));
    }
    Ok((FIRST_EPOCH..=epoch).collect())
}
