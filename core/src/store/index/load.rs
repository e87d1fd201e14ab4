//! Index objects in storage: listing, reading and writing them, and telling which ones count.

use super::super::keys::{Keys, Purpose};
use super::super::sealed;
use super::super::table::Sources;
use super::{Part, is_of_the_object};
use crate::backend::{Backend, Folder, ObjectName};
use crate::context::Context;
use crate::crypto::hash;
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::entry::Timestamp;
use crate::format::index::{IndexObject, MAX_INDEX};
use crate::format::pack::IndexedPack;
use crate::id::{IndexId, PackId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// An index object in storage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) id: IndexId,
    pub(crate) length: u64,
    /// When storage received it.
    pub(crate) modified: Timestamp,
}

/// Objects that were left out, with the reasons.
type Rejected = Vec<(ObjectName, Error)>;

/// The index objects in storage, newest first, and what in their folder is not named like one.
pub(crate) fn list(backend: &dyn Backend) -> Result<(Vec<Listed>, Rejected)> {
    let (mut listed, mut strange) = (Vec::new(), Vec::new());
    backend.list(Folder::Index, &mut |info| {
        match info.name.id() {
            Ok(id) => listed.push(Listed { id, length: info.length, modified: info.modified }),
            Err(error) => strange.push((info.name, error)),
        }
        Ok(())
    })?;
    listed.sort_by_key(|listed| (Reverse(listed.modified), listed.id));
    Ok((listed, strange))
}

/// Reads one index object.
pub(crate) fn load(backend: &dyn Backend, keys: &Keys, name: &ObjectName, length: u64) -> Result<IndexObject> {
    if length > MAX_INDEX {
        return Err(corrupt("read an index", "it is longer than any index may be").object(name));
    }
    let bytes = backend.read(name, 0..length)?;
    if crate::id::hex(&hash::name(&bytes)) != name.file() {
        return Err(corrupt("read an index", "its bytes are not what its name says").object(name));
    }
    let epoch = IndexObject::epoch(&bytes).map_err(|error| error.or_object(name))?;
    let key = keys.sealing(epoch, Purpose::Index).map_err(|error| error.or_object(name))?;
    IndexObject::open(&bytes, &keys.repository, key).map_err(|error| error.or_object(name))
}

/// Writes an index object for these packs.
pub(crate) fn write(backend: &dyn Backend, keys: &Keys, object: &IndexObject) -> Result<IndexId> {
    let epoch = keys.current()?;
    let bytes = object.seal(&keys.repository, epoch.epoch, epoch.sealing(Purpose::Index))?;
    let id = IndexId::from_bytes(hash::name(&bytes));
    sealed::put(backend, &ObjectName::of(Folder::Index, id), &bytes)?;
    Ok(id)
}

/// Blobs gathered before they become a table.
const BATCH: usize = 250_000;

/// Takes the packs of some index objects.
type Take<'a> = dyn FnMut(&[IndexedPack], &[(PackId, IndexId)], &Sources) -> Result<()> + 'a;

/// One bringing up to date.
pub(super) struct Refresh<'a> {
    backend: &'a dyn Backend,
    keys: &'a Keys,
    ctx: &'a Context,
    listed: Vec<Listed>,
    present: BTreeSet<IndexId>,
    /// Objects whose packs another one lists.
    pub(super) superseded: BTreeSet<IndexId>,
    strange: Rejected,
    unreadable: BTreeMap<IndexId, Error>,
    vanished: BTreeSet<IndexId>,
}

impl<'a> Refresh<'a> {
    pub(super) fn new(backend: &'a dyn Backend, keys: &'a Keys, ctx: &'a Context) -> Result<Self> {
        let (listed, strange) = list(backend)?;
        Ok(Refresh {
            backend,
            keys,
            ctx,
            present: listed.iter().map(|listed| listed.id).collect(),
            listed,
            superseded: BTreeSet::new(),
            strange,
            unreadable: BTreeMap::new(),
            vanished: BTreeSet::new(),
        })
    }

    /// What of that which a table covers is no longer in storage, or no longer in force.
    pub(super) fn gone(&self, part: &Part) -> BTreeSet<IndexId> {
        let is_gone = |id: &&IndexId| !self.present.contains(id) || self.superseded.contains(id);
        part.sources.covered.iter().filter(is_gone).copied().collect()
    }

    /// Reads what is listed, in force and not loaded, newest first, so that most of what is superseded is never
    /// read. `false` when there was nothing.
    pub(super) fn load_missing(&mut self, loaded: &BTreeSet<IndexId>, take: &mut Take<'_>) -> Result<bool> {
        let (mut packs, mut listings) = (Vec::new(), Vec::new());
        let mut blobs = 0;
        let mut sources = Sources::default();
        let mut any = false;
        for position in 0..self.listed.len() {
            let Some(Listed { id, length, .. }) = self.listed.get(position).copied() else { break };
            let skip = loaded.contains(&id) || self.superseded.contains(&id) || self.vanished.contains(&id);
            if skip || self.unreadable.contains_key(&id) {
                continue;
            }
            self.ctx.check("read the index")?;
            let object = match load(self.backend, self.keys, &ObjectName::of(Folder::Index, id), length) {
                Ok(object) => object,
                // Merged away between the listing and now.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.vanished.insert(id);
                    continue;
                }
                Err(error) if is_of_the_object(&error) => {
                    self.unreadable.insert(id, error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            any = true;
            self.superseded.extend(&object.supersedes);
            sources.covered.insert(id);
            sources.superseded.extend(object.supersedes.iter().map(|superseded| (*superseded, id)));
            listings.extend(object.packs.iter().map(|pack| (pack.id, id)));
            blobs += object
                .packs
                .iter()
                .flat_map(|pack| &pack.contents.segments)
                .map(|segment| segment.blobs.len())
                .sum::<usize>();
            packs.extend(object.packs);
            if blobs >= BATCH {
                take(&packs, &listings, &std::mem::take(&mut sources))?;
                packs.clear();
                listings.clear();
                blobs = 0;
            }
        }
        if !sources.covered.is_empty() {
            take(&packs, &listings, &sources)?;
        }
        Ok(any)
    }

    /// Whether an object went away while its name was at hand: what it listed may be in one that was not there yet.
    pub(super) fn missed_some(&self) -> bool {
        !self.vanished.is_empty()
    }

    /// What could not be read, with the reasons. What others supersede is not missed.
    pub(super) fn rejected(self) -> Rejected {
        let superseded = self.superseded;
        let unreadable = self.unreadable.into_iter().filter(|(id, _)| !superseded.contains(id));
        let named = unreadable.map(|(id, error)| (ObjectName::of(Folder::Index, id), error));
        self.strange.into_iter().chain(named).collect()
    }
}
