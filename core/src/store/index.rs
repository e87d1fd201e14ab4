//! The index: which blob is in which segment, and where segments lie. Loaded from index objects, which can be
//! rebuilt from packs.

use super::keys::Keys;
use super::table::{SegmentPlace, SharedTable, Table};
use crate::backend::{Backend, Folder, ObjectName};
use crate::context::Context;
use crate::crypto::hash;
use crate::error::{Error, ErrorKind, Result, corrupt, internal};
use crate::format::entry::Timestamp;
use crate::format::index::{IndexObject, MAX_INDEX};
use crate::format::pack::IndexedPack;
use crate::id::{BlobId, IndexId, PackId, SegmentId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

/// The tables of all index objects read so far. Clones share nothing; readers take a snapshot of the list.
#[derive(Debug, Default)]
pub(crate) struct Index {
    state: RwLock<State>,
}

#[derive(Debug, Default, Clone)]
struct State {
    tables: Arc<Vec<SharedTable>>,
    loaded: BTreeSet<IndexId>,
}

/// More tables than this are merged into one when the index is loaded.
const MAX_TABLES: usize = 8;

impl Index {
    fn tables(&self) -> Result<Arc<Vec<SharedTable>>> {
        let state =
            self.state.read().map_err(|_| internal("search the index", "a thread panicked while holding it"))?;
        Ok(Arc::clone(&state.tables))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T> {
        let mut state =
            self.state.write().map_err(|_| internal("change the index", "a thread panicked while holding it"))?;
        Ok(change(&mut state))
    }

    /// The segment that holds a blob, and the blob's position in it.
    pub(crate) fn blob(&self, id: &BlobId) -> Result<Option<(SegmentPlace, u32)>> {
        // Newest first: what was just written is asked for most.
        for table in self.tables()?.iter().rev() {
            if let Some(found) = table.blob(id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The id of the segment that holds a blob, and the blob's position in it.
    pub(crate) fn blob_segment(&self, id: &BlobId) -> Result<Option<(SegmentId, u32)>> {
        for table in self.tables()?.iter().rev() {
            if let Some(found) = table.blob_segment(id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Every place where a segment lies.
    pub(crate) fn segment(&self, id: &SegmentId) -> Result<Vec<SegmentPlace>> {
        let mut found = Vec::new();
        for table in self.tables()?.iter().rev() {
            table.segment(id, &mut found)?;
        }
        Ok(found)
    }

    pub(crate) fn has_segment(&self, id: &SegmentId) -> Result<bool> {
        for table in self.tables()?.iter().rev() {
            if table.has_segment(id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every indexed pack with its length, in ascending order.
    pub(crate) fn packs(&self) -> Result<BTreeMap<PackId, u64>> {
        let mut packs = BTreeMap::new();
        for table in self.tables()?.iter() {
            for pack in table.packs() {
                let (id, length) = pack?;
                packs.insert(id, length);
            }
        }
        Ok(packs)
    }

    /// Calls `visit` for every place of every segment.
    pub(crate) fn for_each_segment(&self, visit: &mut dyn FnMut(SegmentPlace) -> Result<()>) -> Result<()> {
        for table in self.tables()?.iter() {
            for place in table.segments() {
                visit(place?)?;
            }
        }
        Ok(())
    }

    /// How many blobs and segments it lists, counting what stands in several tables several times.
    pub(crate) fn counts(&self) -> Result<(u64, u64)> {
        let tables = self.tables()?;
        Ok((
            tables.iter().map(|table| table.blob_count()).sum(),
            tables.iter().map(|table| table.segment_count()).sum(),
        ))
    }

    /// Adds what an index object that was just written lists.
    pub(crate) fn add(&self, id: IndexId, packs: &[IndexedPack]) -> Result<()> {
        let table = Arc::new(Table::build(packs)?);
        self.change(|state| {
            let mut tables = state.tables.as_ref().clone();
            tables.push(table);
            let merged = merge_tail(tables);
            if let Ok(tables) = merged {
                state.tables = Arc::new(tables);
                state.loaded.insert(id);
                return Ok(());
            }
            merged.map(drop)
        })?
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) -> Result<()> {
        self.change(|state| *state = State::default())
    }

    /// Reads index objects that appeared since the last call. Objects that cannot be read are returned with the
    /// reason; the blobs they alone list count as absent.
    pub(crate) fn refresh(
        &self,
        backend: &dyn Backend,
        keys: &Keys,
        ctx: &Context,
    ) -> Result<Vec<(ObjectName, Error)>> {
        let mut listed: Vec<(IndexId, u64)> = Vec::new();
        let mut rejected = Vec::new();
        backend.list(Folder::Index, &mut |info| {
            match info.name.id::<IndexId>() {
                Ok(id) => listed.push((id, info.length)),
                Err(error) => rejected.push((info.name, error)),
            }
            Ok(())
        })?;
        listed.sort();
        let present: BTreeSet<IndexId> = listed.iter().map(|(id, _)| *id).collect();
        let loaded = self.change(|state| {
            if !state.loaded.is_subset(&present) {
                // Objects went away: a maintainer replaced or rebuilt the index.
                *state = State::default();
            }
            state.loaded.clone()
        })?;
        let mut packs: BTreeMap<PackId, IndexedPack> = BTreeMap::new();
        let mut new_tables = Vec::new();
        let mut read = BTreeSet::new();
        let new: Vec<&(IndexId, u64)> = listed.iter().filter(|(id, _)| !loaded.contains(id)).collect();
        let few = new.len() + self.tables()?.len() <= MAX_TABLES;
        for (id, length) in new {
            ctx.check("read the index")?;
            let name = ObjectName::of(Folder::Index, id);
            match load(backend, keys, &name, *length) {
                Ok(object) => {
                    read.insert(*id);
                    if few {
                        new_tables.push(Arc::new(Table::build(&object.packs)?));
                    } else {
                        packs.extend(object.packs.into_iter().map(|pack| (pack.id, pack)));
                    }
                }
                // Merged away between the listing and now.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
                    rejected.push((name, error));
                }
                Err(error) => return Err(error),
            }
        }
        if !packs.is_empty() {
            let packs: Vec<IndexedPack> = packs.into_values().collect();
            new_tables.push(Arc::new(Table::build(&packs)?));
        }
        self.change(|state| {
            let mut tables = state.tables.as_ref().clone();
            tables.append(&mut new_tables);
            state.tables = Arc::new(tables);
            state.loaded.append(&mut read);
        })?;
        Ok(rejected)
    }
}

/// Merges tables of about the same size, as carries in a counter: their number grows with the logarithm of what they
/// hold, and each record is merged as often.
fn merge_tail(mut tables: Vec<SharedTable>) -> Result<Vec<SharedTable>> {
    while let [.., before, last] = tables.as_slice() {
        if before.blob_count() > last.blob_count().saturating_mul(2) {
            break;
        }
        let merged = Arc::new(Table::merge(&[Arc::clone(before), Arc::clone(last)])?);
        tables.truncate(tables.len() - 2);
        tables.push(merged);
    }
    Ok(tables)
}

/// An index object in storage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) id: IndexId,
    pub(crate) length: u64,
    /// When storage received it.
    pub(crate) modified: Timestamp,
}

/// The index objects in storage, newest first, and what in their folder is not named like one.
pub(crate) fn list(backend: &dyn Backend) -> Result<(Vec<Listed>, Vec<(ObjectName, Error)>)> {
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
    let epoch = keys.epoch(epoch).map_err(|error| error.or_object(name))?;
    IndexObject::open(&bytes, &keys.repository, &epoch.index_object).map_err(|error| error.or_object(name))
}

/// Writes an index object for these packs.
pub(crate) fn write(backend: &dyn Backend, keys: &Keys, object: &IndexObject) -> Result<IndexId> {
    let epoch = keys.current()?;
    let bytes = object.seal(&keys.repository, epoch.epoch, &epoch.index_object)?;
    let id = IndexId::from_bytes(hash::name(&bytes));
    backend.put(&ObjectName::of(Folder::Index, id), &[&bytes])?;
    Ok(id)
}
