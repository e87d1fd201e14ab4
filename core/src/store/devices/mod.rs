//! Which devices may sign: the owner-signed list, and how it is read so that nobody else can change it.
//!
//! Every change writes a whole new list under a new name, with a generation one above the newest. What counts is
//! found like this:
//!
//! 1. A list is *valid* when the owner's key signed it, it is of this repository, and its name carries its
//!    generation and hash. Everything else in the folder is skipped and reported, as is rubbish: whoever can write
//!    to storage can add any number of objects and change nothing by it. Only the owner's generations count, so
//!    nobody else can claim a higher one.
//! 2. The valid lists of the highest generation and of the one below it are merged: every device in any of them is
//!    listed, and a revocation in any of them counts, the earliest if there are several. Lists only ever grow and a
//!    revocation is never taken back, so merging cannot bring back what was revoked.
//!    A revocation counts from when storage received the list that first had it. That list cannot say when that will
//!    be; whoever writes the next one puts down what storage says of it.
//! 3. A list that the owner signed and that this build cannot decode ends the reading with an error: it might hold
//!    a revocation.
//!
//! Two owners can change the list at once. Each looks again after writing, and writes once more when there is a
//! list it did not know of that readers would not merge with its own. Since the generation below the highest is
//! merged too, a change that was reported as done stays effective even if the other owner is interrupted right
//! after writing.
//!
//! A list also names the epoch under which everything is written from now on; of those merged, the highest counts.
//! An epoch that shuts a device out begins with the very list that revokes it, and before any key of that epoch is
//! handed to anybody. If two owners begin the same epoch at once, each with another device revoked, the keys may be
//! handed to both devices: whoever finds that another list of its epoch lacks one of its revocations begins the next.
//!
//! What storage can do is to lie about times, and so to make out what a revoked device signs to be older than its
//! revocation; and to withhold the newest lists, or all of them; no rule over what it shows can notice that.
//! A client that keeps state should remember [`DeviceList::generation`] and distrust a lower one.

use super::sealed;
use crate::backend::{Backend, Folder, ObjectInfo, ObjectName};
use crate::crypto::SecretKey;
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::bundle::{FIRST_EPOCH, MAX_EPOCHS, Role};
use crate::format::device::{DeviceKey, DeviceRequest};
use crate::format::device_list::{Device, List, MAX_DEVICES, MAX_LIST_LENGTH, Revoked};
use crate::format::entry::Timestamp;
use crate::id::DeviceId;
use crate::store::keys::{Keys, is_of_the_object};
use crate::store::read_small;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const FIRST_GENERATION: u32 = 1;

/// Objects that are no valid lists and are read before giving up. Giving up is an error, so they hide nothing.
const MAX_SKIPPED: usize = 1024;
/// Rounds of two owners getting into each other's way before giving up.
const MAX_ROUNDS: u32 = 8;

/// A device as it is listed.
///
/// ```no_run
/// # fn show(device: &strongroom::DeviceInfo) {
/// println!("{} {} {} {}", device.id, device.role, device.name, if device.revoked.is_some() { "revoked" } else { "" });
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Its id, derived from its public keys.
    pub id: DeviceId,
    /// Its name for people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was added, by the owner's clock.
    pub added: Timestamp,
    /// When storage received its revocation, if it was revoked: what storage received later is not accepted from it.
    pub revoked: Option<Timestamp>,
    /// Whether it is a device with its own key, and not the keys of somebody's passphrase, code or account key.
    pub has_key: bool,
}

/// The devices of a repository.
#[derive(Debug)]
pub(crate) struct DeviceList {
    owner: VerifyingKey,
    owner_id: DeviceId,
    generation: u32,
    epoch: u32,
    devices: BTreeMap<DeviceId, Device>,
    /// The valid lists that were merged.
    merged: BTreeMap<ObjectName, Merged>,
    skipped: Vec<Error>,
    /// What storage listed, ascending by name.
    listed: Vec<ObjectInfo>,
}

/// What is kept of a list that was merged with others.
#[derive(Debug)]
struct Merged {
    generation: u32,
    epoch: u32,
    revoked: BTreeSet<DeviceId>,
}

/// What an owner can change in the list.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) devices: &'a mut BTreeMap<DeviceId, Device>,
    /// Set to begin a new epoch, one that is handed to nobody whom this list revokes.
    pub(crate) new_epoch: bool,
}

impl DeviceList {
    /// Reads the list by the rule at the top of this file.
    pub(crate) fn load(backend: &dyn Backend, keys: &Keys) -> Result<Self> {
        let mut list = DeviceList {
            owner: keys.owner_public(),
            owner_id: keys.owner_id(),
            generation: 0,
            epoch: FIRST_EPOCH,
            devices: BTreeMap::new(),
            merged: BTreeMap::new(),
            skipped: Vec::new(),
            listed: Vec::new(),
        };
        let mut found: Vec<(u32, ObjectName, Timestamp)> = Vec::new();
        backend.list(Folder::Devices, &mut |info| {
            list.listed.push(info.clone());
            match List::generation_of(info.name.file()) {
                Some(generation) => found.push((generation, info.name, info.modified)),
                None => list.skip(corrupt(READ, "it is not named like a device list").object(info.name))?,
            }
            Ok(())
        })?;
        found.sort_by(|left, right| right.cmp(left));
        list.listed.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        for (generation, name, received) in found {
            // Descending, so all that matter have been seen.
            if generation.saturating_add(1) < list.generation {
                break;
            }
            match read_list(backend, keys, &name)? {
                Ok(valid) => list.merge(valid, name, received),
                Err(error) => list.skip(error)?,
            }
        }
        Ok(list)
    }

    /// Whether storage lists the same objects as when this was read. Their names are those of their content, so that
    /// reading it again would come to the same.
    ///
    /// # Errors
    /// Those of the storage.
    pub(crate) fn is_current(&self, backend: &dyn Backend) -> Result<bool> {
        let mut listed = Vec::with_capacity(self.listed.len());
        let mut more = false;
        backend.list(Folder::Devices, &mut |info| {
            if listed.len() < self.listed.len() {
                listed.push(info);
            } else {
                more = true;
            }
            Ok(())
        })?;
        listed.sort_unstable_by(|left: &ObjectInfo, right| left.name.cmp(&right.name));
        Ok(!more && listed == self.listed)
    }

    /// Whether both were read from the same objects.
    pub(crate) fn is_same(&self, other: &DeviceList) -> bool {
        self.listed == other.listed
    }

    fn skip(&mut self, error: Error) -> Result<()> {
        if self.skipped.len() >= MAX_SKIPPED {
            return Err(Error::new(ErrorKind::LimitExceeded, READ).object("devices").detail(format!(
                "there are more than {MAX_SKIPPED} objects that are no device lists of the owner, first: {error}; remove them"
            )));
        }
        self.skipped.push(error);
        Ok(())
    }

    fn merge(&mut self, list: List, name: ObjectName, received: Timestamp) {
        self.generation = self.generation.max(list.generation);
        self.epoch = self.epoch.max(list.epoch);
        let revoked = list.devices.iter().filter(|device| device.revoked.is_some()).map(|device| device.id).collect();
        self.merged.insert(name, Merged { generation: list.generation, epoch: list.epoch, revoked });
        for mut device in list.devices {
            if device.revoked == Some(Revoked::WithThisList) {
                device.revoked = Some(Revoked::Since(received));
            }
            self.merge_device(device);
        }
    }

    fn merge_device(&mut self, device: Device) {
        match self.devices.get_mut(&device.id) {
            None => {
                self.devices.insert(device.id, device);
            }
            Some(known) => {
                known.added = known.added.min(device.added);
                known.revoked = [known.revoked, device.revoked].into_iter().flatten().min();
                // Roles never change for an id, unless two owners disagree: then the one that signs less.
                if known.role.can_write() && !device.role.can_write() {
                    known.role = device.role;
                }
            }
        }
    }

    /// The highest generation the owner signed, as far as storage shows; 0 when it shows none.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// The epoch under which everything is written from now on.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Refuses to write with keys that do not reach the current epoch: whoever was shut out with it could read that.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden).
    pub(crate) fn check_reach(&self, keys: &Keys, operation: &'static str) -> Result<()> {
        let reached = keys.newest_epoch();
        if reached >= self.epoch {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Forbidden, operation).detail(format!(
            "the repository is at epoch {}, and the newest keys that an owner handed to this key are of epoch {reached}: \
             an owner must rotate the keys again, or remove this key and add it anew",
            self.epoch
        )))
    }

    /// Whether the current epoch began without one of the revocations that are known now, so that its keys may have
    /// been handed to who was revoked.
    fn epoch_is_known_to_revoked(&self) -> bool {
        let revoked: BTreeSet<DeviceId> = self.revoked_ids().collect();
        self.merged.values().any(|list| list.epoch == self.epoch && !revoked.is_subset(&list.revoked))
    }

    fn revoked_ids(&self) -> impl Iterator<Item = DeviceId> {
        self.devices.values().filter(|device| device.revoked.is_some()).map(|device| device.id)
    }

    /// The devices as they are listed.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// What lies in the folder and is not a list of the owner: rubbish, or damage.
    pub(crate) fn skipped(&self) -> &[Error] {
        &self.skipped
    }

    /// The devices, ascending by id, revoked ones included.
    pub(crate) fn devices(&self) -> impl Iterator<Item = DeviceInfo> {
        self.devices.values().map(|device| DeviceInfo {
            id: device.id,
            name: device.name.clone(),
            role: device.role,
            added: Timestamp::new(device.added, 0),
            revoked: since(device),
            has_key: device.kem.is_some() && !device.in_bundle,
        })
    }

    pub(crate) fn get(&self, device: &DeviceId) -> Option<&Device> {
        self.devices.get(device)
    }

    /// What a device may do; the owner's own key is always an owner. None for who is not listed.
    pub(crate) fn role(&self, device: &DeviceId) -> Option<Role> {
        if *device == self.owner_id {
            return Some(Role::Owner);
        }
        self.devices.get(device).map(|listed| listed.role)
    }

    /// When storage received the revocation of a device.
    pub(crate) fn revoked(&self, device: &DeviceId) -> Option<Timestamp> {
        self.devices.get(device).and_then(since)
    }

    /// When storage received the newest list, in unix seconds by its clock.
    pub(crate) fn stored(&self, backend: &dyn Backend) -> Result<Option<i64>> {
        let newest = self.merged.iter().filter(|(_, list)| list.generation == self.generation);
        let times = newest.map(|(name, _)| Ok(backend.stat(name)?.modified.seconds)).collect::<Result<Vec<_>>>()?;
        Ok(times.into_iter().max())
    }

    /// Whether `device` may sign objects now.
    ///
    /// # Errors
    /// [`Untrusted`](ErrorKind::Untrusted) when it is not listed, revoked, or of a role that does not sign.
    pub(crate) fn accepts(&self, device: &DeviceId, operation: &'static str) -> Result<()> {
        match self.key_of(device, operation)? {
            (_, None) => Ok(()),
            (_, Some(_)) => Err(untrusted(operation, device, "the device was revoked")),
        }
    }

    /// Checks the signature of a stored object. `received` is when storage received it, by storage's clock.
    ///
    /// The owner's own key is always accepted; so are listed writers, readers and owners. What storage received
    /// later than a device's revocation is not accepted from it. What it received at the same tick of its clock is: it
    /// may have come before, and who would make use of that could have come a tick earlier.
    ///
    /// # Errors
    /// [`Untrusted`](ErrorKind::Untrusted), naming the device.
    pub(crate) fn verify(
        &self,
        device: &DeviceId,
        context: &'static str,
        message: &[u8],
        signature: &[u8],
        received: Timestamp,
        operation: &'static str,
    ) -> Result<()> {
        let (key, revoked) = self.key_of(device, operation)?;
        let is_late = |revoked| match revoked {
            Revoked::Since(since) => received > since,
            Revoked::WithThisList => true,
        };
        if revoked.is_some_and(is_late) {
            return Err(untrusted(operation, device, "the device was revoked before storage received this"));
        }
        key.verify(context, message, signature, operation)
            .map_err(|_| untrusted(operation, device, "the signature is not one of this device"))
    }

    /// The key of a device that may sign, and when it was revoked.
    fn key_of(&self, device: &DeviceId, operation: &'static str) -> Result<(VerifyingKey, Option<Revoked>)> {
        if *device == self.owner_id {
            return Ok((self.owner, None));
        }
        match self.devices.get(device) {
            None => Err(untrusted(operation, device, "the device is not on the owner's list")),
            Some(listed) if !listed.role.can_write() => {
                Err(untrusted(operation, device, "the device is listed with a role that does not write"))
            }
            Some(listed) => Ok((listed.verifying, listed.revoked)),
        }
    }

    /// Changes the list and returns it as it is then. Owners only.
    ///
    /// `change` says whether it changed anything. It may be called several times, on lists that others changed
    /// meanwhile; it must come to the same.
    pub(crate) fn update(
        backend: &dyn Backend,
        keys: &Keys,
        mut change: impl FnMut(&mut BTreeMap<DeviceId, Device>) -> Result<bool>,
    ) -> Result<Self> {
        DeviceList::draft(backend, keys, |draft| change(draft.devices))
    }

    /// As [`update`](Self::update), where a new epoch can be begun too.
    pub(crate) fn draft(
        backend: &dyn Backend,
        keys: &Keys,
        mut change: impl FnMut(&mut Draft<'_>) -> Result<bool>,
    ) -> Result<Self> {
        let operation = "change the device list";
        let owner = keys.owner_signing()?;
        let full = |detail: String| Error::new(ErrorKind::LimitExceeded, operation).detail(detail);
        let mut base = DeviceList::load(backend, keys)?;
        for round in 0..MAX_ROUNDS {
            let mut draft = Draft { devices: &mut base.devices, new_epoch: false };
            let changed = change(&mut draft)? || draft.new_epoch;
            let new_epoch = draft.new_epoch;
            // In a later round, the epoch that this one or another owner began will do, if it shuts out all it should.
            let next_epoch = new_epoch && (round == 0 || base.epoch_is_known_to_revoked());
            if round == 0 && !changed {
                return Ok(base);
            }
            if base.devices.len() > MAX_DEVICES {
                return Err(full(format!("it can hold {MAX_DEVICES} devices, revoked ones included")));
            }
            let epoch = base.epoch.saturating_add(next_epoch.into());
            if usize::try_from(epoch).map_or(true, |epoch| epoch > MAX_EPOCHS) {
                return Err(full(format!("a repository can have {MAX_EPOCHS} epochs")));
            }
            let generation =
                base.generation.checked_add(1).ok_or_else(|| full("there are no more generations".to_owned()))?;
            let devices = base.devices.values().cloned().collect();
            let list = List { repository: keys.repository, generation, epoch, devices };
            let written = store_list(backend, &list, &owner)?;
            let mut after = DeviceList::load(backend, keys)?;
            let unknown_below = after
                .merged
                .iter()
                .any(|(name, found)| found.generation < generation && !base.merged.contains_key(name));
            let stands = after.generation == generation && after.merged.contains_key(&written) && !unknown_below;
            if stands && !(new_epoch && after.epoch_is_known_to_revoked()) {
                return Ok(after);
            }
            // Whatever became of the list just written, the next one holds all that was in it.
            after.epoch = after.epoch.max(epoch);
            base.devices.into_values().for_each(|device| after.merge_device(device));
            base = after;
        }
        Err(Error::new(ErrorKind::Conflict, operation)
            .detail("others keep changing it, or the storage does not show what was written"))
    }
}

const READ: &str = "read the device list";

/// When storage received the revocation of a device, as of a list that was read.
fn since(device: &Device) -> Option<Timestamp> {
    device.revoked.map(|revoked| match revoked {
        Revoked::Since(since) => since,
        // Not of a list that was read.
        Revoked::WithThisList => Timestamp::default(),
    })
}

/// Reads one list. The inner error means that it is not a valid list and can be skipped.
fn read_list(backend: &dyn Backend, keys: &Keys, name: &ObjectName) -> Result<Result<List>> {
    let bytes = match read_small(backend, name, MAX_LIST_LENGTH) {
        Err(error) if is_of_the_object(&error) => return Ok(Err(error)),
        read => read?,
    };
    let verified = match List::verify(&bytes, &keys.owner_public(), READ) {
        Ok(verified) => verified,
        Err(error) => return Ok(Err(error.or_object(name))),
    };
    // From here on it is the owner's, and what is wrong with it cannot be skipped.
    let list = List::decode(&verified, READ).map_err(|error| error.or_object(name))?;
    let misplaced = |detail| Ok(Err(corrupt(READ, detail).object(name)));
    if list.repository != keys.repository {
        return misplaced("it is the list of another repository");
    }
    if name.file() != List::file_name(list.generation, &bytes) {
        return misplaced("its name is not that of its generation and content");
    }
    Ok(Ok(list))
}

/// Writes a list; returns its name.
pub(crate) fn store_list(backend: &dyn Backend, list: &List, owner: &SigningKey) -> Result<ObjectName> {
    let bytes = list.encode(owner)?;
    let name = ObjectName::new(Folder::Devices, List::file_name(list.generation, &bytes))?;
    // Signatures are deterministic: somebody may have come to the same list.
    sealed::put(backend, &name, &bytes)?;
    Ok(name)
}

/// The entry of a device that asked to be added.
pub(crate) fn requested(request: &DeviceRequest, role: Role, added: i64) -> Device {
    Device {
        id: request.id(),
        name: request.name().to_owned(),
        role,
        verifying: request.verifying,
        kem: Some(request.kem.clone()),
        added,
        revoked: None,
        in_bundle: false,
    }
}

fn untrusted(operation: &'static str, device: &DeviceId, detail: &'static str) -> Error {
    Error::new(ErrorKind::Untrusted, operation).object(format!("device {device}")).detail(detail)
}

impl DeviceKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) when the system's random number generator fails.
    pub fn generate() -> Result<Self> {
        DeviceKey::from_seeds(SecretKey::random()?, SecretKey::random()?)
    }
}

#[cfg(test)]
mod tests;
