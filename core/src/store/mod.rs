//! Packs, index, sessions, snapshots and keys on a backend.

pub(crate) mod blobs;
mod cancelling;
pub(crate) mod checkpoints;
pub(crate) mod cleanup;
pub(crate) mod commit;
pub(crate) mod condemned;
pub(crate) mod devices;
pub(crate) mod filter;
pub(crate) mod index;
pub(crate) mod keys;
pub(crate) mod leases;
pub(crate) mod local_tree;
pub(crate) mod marks;
#[cfg(feature = "mistakes")]
pub(crate) mod mistakes;
pub(crate) mod packs;
pub(crate) mod parity;
mod pins;
pub(crate) mod read;
pub(crate) mod references;
pub(crate) mod repack;
pub(crate) mod sealed;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod snapshots;
pub(crate) mod table;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod throttle;
mod tree_cache;
pub(crate) mod unlisted;
mod upload;
mod verified;
pub(crate) mod write;

use crate::backend::{Backend, ObjectName};
use crate::cancel::CancelToken;
use crate::crypto::SecretKey;
use crate::crypto::hash::IdHasher;
use crate::error::{Error, ErrorKind, Result, corrupt, internal};
use crate::format::config::Config;
use crate::format::entry::Timestamp;
use crate::id::{PackId, SessionId, SlotId};
pub(crate) use cancelling::watched;
use index::Index;
use keys::Keys;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, SystemTime};
use tree_cache::TreeCache;
use verified::Verified;

/// How long a wait for one's turn goes without looking for cancellation.
const TURN: Duration = Duration::from_millis(20);

/// An opened repository, below the operations.
pub(crate) struct Store {
    backend: Arc<dyn Backend>,
    /// The same without regard to whether an operation is cancelled.
    unbound: Arc<dyn Backend>,
    /// What cancels the operation it serves, and what that is.
    bound: Option<(CancelToken, &'static str)>,
    shared: Arc<Shared>,
}

/// What all operations on a repository share.
struct Shared {
    keys: Keys,
    /// The slot that holds these keys now, once the passphrase was changed.
    slot: Mutex<Option<SlotId>>,
    config: Config,
    hasher: Option<IdHasher>,
    index: Index,
    /// What look-ups leave to the next ones.
    trees: TreeCache,
    verified: Verified,
    session_keys: Mutex<HashMap<SessionId, SecretKey>>,
    /// Packs that were damaged and could be read all the same.
    healed: Mutex<BTreeSet<PackId>>,
    healing: Mutex<()>,
    state_folder: Option<PathBuf>,
    #[cfg(feature = "mistakes")]
    mistake: Mutex<Option<mistakes::Mistake>>,
}

/// Whether a store was made to make a mistake. Never, but in tests.
macro_rules! makes_mistake {
    ($store:expr, $mistake:ident) => {{
        #[cfg(feature = "mistakes")]
        let makes = $store.makes($crate::store::mistakes::Mistake::$mistake);
        #[cfg(not(feature = "mistakes"))]
        let makes = false;
        makes
    }};
}
pub(crate) use makes_mistake;

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("location", &self.backend.location()).finish_non_exhaustive()
    }
}

impl Store {
    /// `state_folder` is where local state of all repositories is kept; this one gets a folder of its own in it.
    pub(crate) fn new(backend: Arc<dyn Backend>, config: Config, keys: Keys, state_folder: Option<&Path>) -> Self {
        let hasher = keys.id_key().ok().map(IdHasher::new);
        let state_folder = state_folder.map(|folder| folder.join(keys.repository.to_string()));
        let index =
            state_folder.as_ref().map_or_else(Index::default, |folder| Index::with_folder(folder.join("index")));
        let (slot, session_keys, healed) = Default::default();
        let shared = Shared {
            keys,
            slot,
            config,
            hasher,
            index,
            trees: TreeCache::default(),
            verified: Verified::default(),
            session_keys,
            healed,
            healing: Mutex::default(),
            state_folder,
            #[cfg(feature = "mistakes")]
            mistake: Mutex::default(),
        };
        Store { unbound: Arc::clone(&backend), backend, bound: None, shared: Arc::new(shared) }
    }

    /// The same store for one operation: once that is cancelled, nothing more is asked of the storage.
    pub(crate) fn within(&self, token: &CancelToken, operation: &'static str) -> Self {
        let backend = watched(&self.backend, Some(token), operation);
        let bound = Some((token.clone(), operation));
        Store { backend, unbound: Arc::clone(&self.unbound), bound, shared: Arc::clone(&self.shared) }
    }

    /// Ends what takes its time between two calls to the storage, once the operation is cancelled.
    pub(crate) fn look(&self) -> Result<()> {
        self.bound.as_ref().map_or(Ok(()), |(token, operation)| token.check(operation))
    }

    /// From now on it makes a mistake.
    #[cfg(feature = "mistakes")]
    pub(crate) fn make(&self, mistake: Option<mistakes::Mistake>) {
        if let Ok(mut slot) = self.shared.mistake.lock() {
            *slot = mistake;
        }
    }

    #[cfg(feature = "mistakes")]
    pub(crate) fn makes(&self, mistake: mistakes::Mistake) -> bool {
        self.shared.mistake.lock().is_ok_and(|slot| *slot == Some(mistake))
    }

    /// The same repository, seen through another backend.
    pub(crate) fn through(&self, wrap: impl FnOnce(Arc<dyn Backend>) -> Arc<dyn Backend>) -> Self {
        let backend = wrap(Arc::clone(&self.backend));
        let all_state = self.shared.state_folder.as_deref().and_then(Path::parent);
        let store = Store::new(backend, self.shared.config.clone(), self.shared.keys.clone(), all_state);
        Store { bound: self.bound.clone(), ..store }
    }

    /// Where local state of this repository is kept, if anywhere.
    pub(crate) fn state_folder(&self) -> Option<&Path> {
        self.shared.state_folder.as_deref()
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// The storage for what has to be done after a cancellation, too.
    pub(crate) fn unbound_backend(&self) -> &dyn Backend {
        self.unbound.as_ref()
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// The keys, with the slot that holds them now.
    pub(crate) fn keys_with_slot(&self) -> Keys {
        let moved = self.shared.slot.lock().ok().and_then(|slot| *slot);
        moved.map_or_else(|| self.shared.keys.clone(), |slot| self.shared.keys.with_slot(slot))
    }

    /// From now on this slot holds the keys.
    pub(crate) fn set_slot(&self, new: SlotId) {
        if let Ok(mut slot) = self.shared.slot.lock() {
            *slot = Some(new);
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Whether what was opened is still there: a disk may have been taken away, and the folder it was mounted on,
    /// or another disk, be in its place.
    pub(crate) fn check_present(&self) -> Result<()> {
        if keys::read_config(self.backend())? == self.shared.config {
            return Ok(());
        }
        let detail = "it is not the repository that was opened: another one is in its place";
        Err(Error::new(ErrorKind::Untrusted, "use the repository").object(ObjectName::config()).detail(detail))
    }

    pub(crate) fn index(&self) -> &Index {
        &self.shared.index
    }

    /// Tree nodes that look-ups read.
    pub(crate) fn trees(&self) -> &TreeCache {
        &self.shared.trees
    }

    /// Computes ids. Forbidden to maintainers, who do not hold the id key.
    pub(crate) fn hasher(&self) -> Result<&IdHasher> {
        match &self.shared.hasher {
            Some(hasher) => Ok(hasher),
            None => {
                Err(self.shared.keys.id_key().err().unwrap_or_else(|| internal("compute an id", "there is no id key")))
            }
        }
    }

    /// Waits until nobody else of this process heals a pack of this repository.
    fn turn_to_heal(&self) -> Result<MutexGuard<'_, ()>> {
        loop {
            self.look()?;
            match self.shared.healing.try_lock() {
                Ok(turn) => return Ok(turn),
                // Whoever panicked has left nothing behind.
                Err(TryLockError::Poisoned(turn)) => return Ok(turn.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(TURN),
            }
        }
    }

    fn note_healed(&self, pack: PackId) {
        if let Ok(mut healed) = self.shared.healed.lock() {
            healed.insert(pack);
        }
    }

    /// Packs that were damaged and could be read all the same, by their parity.
    pub(crate) fn healed(&self) -> BTreeSet<PackId> {
        self.shared.healed.lock().map(|healed| healed.clone()).unwrap_or_default()
    }

    fn session_keys(&self) -> Result<MutexGuard<'_, HashMap<SessionId, SecretKey>>> {
        self.shared
            .session_keys
            .lock()
            .map_err(|_| internal("open a session key", "a thread panicked while holding the keys"))
    }
}

/// Reads a whole object that is at most `cap` bytes long; its length is asked for before anything is allocated.
pub(crate) fn read_small(backend: &dyn Backend, name: &ObjectName, cap: u64) -> Result<Vec<u8>> {
    let operation = "read an object";
    let length = backend.stat(name)?.length;
    if length > cap {
        let detail = format!("it is {length} bytes long; objects of its kind have at most {cap}");
        return Err(corrupt(operation, detail).object(name));
    }
    let bytes = backend.read(name, 0..length)?;
    if bytes.len() as u64 != length {
        return Err(corrupt(operation, "the storage returned another length than it said").object(name));
    }
    Ok(bytes)
}

/// The time by this machine's clock. Only claims are made from it, no decisions.
pub(crate) fn clock() -> Timestamp {
    #[cfg(test)]
    if let Some(time) = testing::repeated_time() {
        return time;
    }
    SystemTime::now().into()
}

/// The same in unix seconds.
pub(crate) fn now() -> i64 {
    clock().seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MemoryBackend;

    #[test]
    fn objects_above_the_cap_are_not_read() {
        let backend = MemoryBackend::new();
        let name: ObjectName = "keys/00".parse().unwrap();
        assert_eq!(read_small(&backend, &name, 3).unwrap_err().kind(), ErrorKind::NotFound);
        backend.put(&name, &[b"abc"]).unwrap();
        assert_eq!(read_small(&backend, &name, 3).unwrap(), b"abc");
        let refused = read_small(&backend, &name, 2).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        assert_eq!(refused.object_name(), Some("keys/00"));
    }
}
