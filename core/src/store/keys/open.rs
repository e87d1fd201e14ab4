//! Creating a repository and opening one.

use super::wrap::{Holder, Wrap, check_label, check_passphrase, slot_name};
use super::{Keys, Secret};
use crate::backend::{Backend, Folder, ObjectInfo, ObjectName};
use crate::crypto::password::Cost;
use crate::crypto::{SecretKey, random};
use crate::error::{Error, ErrorKind, Result, corrupt, invalid};
use crate::format::bundle::{Bundle, FIRST_EPOCH, Role, owner_signing};
use crate::format::config::{self, Config, PARITY, Sizes};
use crate::format::device::DeviceRequest;
use crate::format::device_list::{Device, List};
use crate::format::slot::{self, Slot};
use crate::id::{RepositoryId, SlotId};
use crate::store::{devices, now, read_small};
use std::collections::BTreeSet;

/// What is chosen when a repository is created.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewRepository {
    /// How big its pieces are.
    pub(crate) sizes: Sizes,
    /// How much parity packs get, in percent.
    pub(crate) parity: Option<u8>,
    /// Label of the first key slot, or name of the first device.
    pub(crate) label: String,
    /// What a try at the passphrase costs.
    pub(crate) cost: Cost,
}

/// Creates a repository whose owner is whoever holds `secret`.
///
/// Key slot and device list come first and the config last: it is what makes the repository one, so a creation that
/// breaks off leaves nothing that could be taken for a repository, and of two at the same time one wins.
pub(crate) fn create(backend: &dyn Backend, new: &NewRepository, secret: &Secret) -> Result<(Config, Keys)> {
    let operation = "create a repository";
    check_label(&new.label)?;
    check_passphrase(secret)?;
    if let Some(fault) = new.sizes.fault() {
        return Err(invalid(operation, fault));
    }
    if new.parity.is_some_and(|percent| !PARITY.contains(&percent)) {
        return Err(invalid(operation, "parity is 1 to 100 percent of a pack"));
    }
    check_vacant(backend, operation)?;

    let root = SecretKey::random()?;
    let repository = RepositoryId::from_bytes(random()?);
    let owner = owner_signing(&root);
    let bundle = Bundle::derive(&root, repository, Role::Owner, &[FIRST_EPOCH], None)?;
    let config =
        Config { repository, created: now(), sizes: new.sizes, parity: new.parity, owner: owner.verifying_key() };
    let request = secret.device_key().map(|key| key.request(&new.label)).transpose()?;
    let device = request.as_ref().map(DeviceRequest::id);
    let first: Vec<Device> =
        request.iter().map(|request| devices::requested(request, Role::Owner, config.created)).collect();

    let wrap = Wrap {
        bundle: &bundle,
        holder: request.as_ref().map_or(Holder::Secret(secret), |request| Holder::Device(&request.kem)),
        device,
        label: &new.label,
        cost: new.cost,
        owner: Some(&owner),
    };
    let slot = wrap.store(backend)?;
    let list = List { repository, generation: devices::FIRST_GENERATION, epoch: FIRST_EPOCH, devices: first };
    let list = devices::store_list(backend, &list, &owner)?;
    let bytes = config.encode(&owner)?;
    match backend.put(&ObjectName::config(), &[&bytes]) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Ours, if storage took it and the answer was lost; else somebody else was first.
            if read_small(backend, &ObjectName::config(), config::MAX_LENGTH)? != bytes {
                // Where these cannot be deleted, they are of no repository and are skipped.
                let _ = backend.delete(&list);
                let _ = backend.delete(&slot_name(&slot));
                return Err(exists(backend, operation));
            }
        }
        // It may have been stored all the same, so what belongs to it stays.
        Err(error) => return Err(error),
    }
    Ok((config, Keys::new(bundle, Some(slot), secret.device_key())?))
}

fn exists(backend: &dyn Backend, operation: &'static str) -> Error {
    Error::new(ErrorKind::AlreadyExists, operation)
        .object(backend.location())
        .detail("there is a repository already: open it, or choose another place")
}

fn check_vacant(backend: &dyn Backend, operation: &'static str) -> Result<()> {
    match backend.stat(&ObjectName::config()) {
        Ok(_) => return Err(exists(backend, operation)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    for folder in [Folder::Snapshots, Folder::Packs] {
        // The first object found ends the listing.
        let mut found = None;
        let listed = backend.list(folder, &mut |info| {
            found = Some(info.name);
            Err(exists(backend, operation))
        });
        if let Some(name) = found {
            let detail = format!(
                "the config is missing, but there are objects of a repository such as {name}: restore its config, or choose another place"
            );
            return Err(exists(backend, operation).detail(detail));
        }
        listed?;
    }
    Ok(())
}

/// Reads the config, as it stands there: whether it is the right one only a bundle can tell.
pub(crate) fn read_config(backend: &dyn Backend) -> Result<Config> {
    let name = ObjectName::config();
    let bytes = read_small(backend, &name, config::MAX_LENGTH).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(ErrorKind::NotFound, "open the repository")
            .object(backend.location())
            .detail("there is no repository here: check the location, or create one first"),
        _ => error,
    })?;
    Config::decode(&bytes).map_err(|error| error.or_object(name))
}

/// Slots looked at in one go, before the best of them are tried.
const GROUP: usize = 64;
/// Slots looked at from either end of the listing.
const MAX_READ: usize = 4096;
/// Tries from either end of the listing at slots whose secret is stretched at some cost.
const MAX_TRIES: usize = 32;

/// Opens a repository.
///
/// Slots are tried newest first. A passphrase costs time and memory with every try, so tries are counted: half of
/// them go to the slots that storage received last and half to those it received first, so that somebody who may
/// only add objects cannot bury the real slots under others.
pub(crate) fn open(backend: &dyn Backend, secret: &Secret) -> Result<(Config, Keys)> {
    let operation = "open the repository";
    let config = read_config(backend)?;
    secret.check_owner(&config.owner, operation).map_err(|error| error.object(ObjectName::config()))?;
    let names = newest_first(backend)?;
    let mut search =
        Search { backend, config: &config, secret, operation, seen: BTreeSet::new(), outcome: Outcome::default() };
    let found = match search.through(names.iter())? {
        Some(found) => Some(found),
        None => search.through(names.iter().rev())?,
    };
    match found {
        Some(keys) => Ok((config, keys)),
        None => Err(search.outcome.error(backend, secret, names.is_empty(), operation)),
    }
}

struct Search<'a> {
    backend: &'a dyn Backend,
    config: &'a Config,
    secret: &'a Secret,
    operation: &'static str,
    seen: BTreeSet<&'a ObjectName>,
    outcome: Outcome,
}

/// Why no slot opened, as far as is known.
#[derive(Default)]
struct Outcome {
    /// A slot that the secret belongs to and that is damaged or forged all the same.
    broken: Option<Error>,
    /// A slot that could not be read, the first of `unread`.
    skipped: Option<Error>,
    unread: usize,
    foreign: usize,
    tried: usize,
}

impl<'a> Search<'a> {
    /// Looks at slots in this order, as many as are allowed, and tries those that fit.
    fn through(&mut self, order: impl Iterator<Item = &'a ObjectInfo>) -> Result<Option<Keys>> {
        let mut tries = MAX_TRIES;
        let mut order = order.take(MAX_READ).peekable();
        while order.peek().is_some() {
            let mut group = Vec::new();
            for info in order.by_ref().take(GROUP) {
                if self.seen.insert(&info.name) {
                    group.extend(self.read(&info.name)?);
                }
            }
            // Of several that fit, the one that reaches the newest epoch; times are claims and only break ties.
            group.sort_by_key(|slot| std::cmp::Reverse((slot.head.epoch, slot.head.created)));
            for slot in group {
                if matches!(slot.head.method, slot::Method::Passphrase { .. }) {
                    if tries == 0 {
                        return Ok(None);
                    }
                    tries -= 1;
                }
                self.outcome.tried += 1;
                match self.open(&slot) {
                    Ok(keys) => return Ok(Some(keys)),
                    Err(error) if error.kind() == ErrorKind::WrongKey => {}
                    Err(error) => {
                        self.outcome.broken.get_or_insert(error.or_object(slot_name(&slot.head.id)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Reads a slot; returns it if it is worth a try.
    fn read(&mut self, name: &ObjectName) -> Result<Option<Slot>> {
        match read_slot(self.backend, name) {
            Ok(slot) if slot.head.repository != self.config.repository => {
                self.outcome.foreign += 1;
                Ok(None)
            }
            Ok(slot) if self.secret.fits(&slot) => Ok(Some(slot)),
            Ok(_) => Ok(None),
            Err(error) if is_of_the_object(&error) => {
                self.outcome.unread += 1;
                self.outcome.skipped.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn open(&self, slot: &Slot) -> Result<Keys> {
        slot.verify(&self.config.owner, self.operation)?;
        let key = self.secret.wrap_key(slot, self.operation)?;
        let bundle = slot.open(&key, self.operation)?;
        // The slot is of this repository and the bundle is the slot's; now the bundle says whose config is right.
        if bundle.owner != self.config.owner {
            return Err(Error::new(ErrorKind::Untrusted, self.operation)
                .object(ObjectName::config())
                .detail("it is signed by another owner than the one the key slot names"));
        }
        Keys::new(bundle, Some(slot.head.id), self.secret.device_key())
    }
}

impl Outcome {
    fn error(self, backend: &dyn Backend, secret: &Secret, empty: bool, operation: &'static str) -> Error {
        if let Some(error) = self.broken {
            return error;
        }
        if empty {
            return corrupt(operation, "it has no key slots: the objects in 'keys' are lost")
                .object(backend.location());
        }
        let Outcome { tried, unread, foreign, skipped, .. } = self;
        match skipped {
            // Nothing could be tried, and this may be the slot that would have fitted.
            Some(error) if tried == 0 => error,
            skipped => {
                let name = secret.name();
                let mut detail = match tried {
                    0 => format!("no key slot is for a {name}, or for this one"),
                    _ => format!("the {name} is wrong: it opens none of the key slots"),
                };
                if foreign > 0 {
                    detail.push_str(&format!("; {foreign} key slots belong to another repository"));
                }
                if let Some(error) = skipped {
                    detail.push_str(&format!("; {unread} key slots could not be read, first: {error}"));
                }
                Error::new(ErrorKind::WrongKey, operation).object(backend.location()).detail(detail)
            }
        }
    }
}

/// Takes the newest keys that owners have handed to whoever holds these, up to those of `epoch`. Owners derive them;
/// for everybody else there is a slot, sealed to a key of theirs. Where there is none, the keys stay as they are.
pub(crate) fn catch_up(backend: &dyn Backend, keys: &Keys, epoch: u32) -> Result<()> {
    let operation = "take newer keys";
    if keys.newest_epoch() >= epoch {
        return Ok(());
    }
    if keys.role == Role::Owner {
        return keys.derive_to(epoch);
    }
    let Some(holder) = keys.holder() else { return Ok(()) };
    let secret = Secret::device(holder.clone());
    for info in newest_first(backend)?.iter().take(MAX_READ) {
        let taken = read_slot(backend, &info.name).and_then(|slot| {
            let newer = slot.head.repository == keys.repository && slot.head.epoch > keys.newest_epoch();
            if !newer || !secret.fits(&slot) {
                return Ok(());
            }
            slot.verify(&keys.owner_public(), operation)?;
            keys.extend(slot.open(&secret.wrap_key(&slot, operation)?, operation)?)
        });
        match taken {
            // Whoever may write to storage can put anything there; what is not the owner's is passed over.
            Err(error) if !is_of_the_object(&error) && error.kind() != ErrorKind::WrongKey => return Err(error),
            _ if keys.newest_epoch() >= epoch => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

/// The objects in the folder of key slots; those that storage received last come first.
fn newest_first(backend: &dyn Backend) -> Result<Vec<ObjectInfo>> {
    let mut names = Vec::new();
    backend.list(Folder::Keys, &mut |info| {
        names.push(info);
        Ok(())
    })?;
    names.sort_by(|left, right| right.modified.cmp(&left.modified).then_with(|| left.name.cmp(&right.name)));
    Ok(names)
}

/// Whether an error says that the object is bad, or gone, and not that storage cannot be read.
pub(crate) fn is_of_the_object(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Untrusted | ErrorKind::NotFound)
}

/// Reads one slot and checks that it is the one its name says.
pub(super) fn read_slot(backend: &dyn Backend, name: &ObjectName) -> Result<Slot> {
    let id: SlotId = name.id()?;
    let bytes = read_small(backend, name, slot::MAX_LENGTH)?;
    let slot = Slot::decode(&bytes).map_err(|error| error.or_object(name))?;
    if slot.head.id != id {
        return Err(corrupt("read a key slot", "it is another slot than its name says").object(name));
    }
    Ok(slot)
}
