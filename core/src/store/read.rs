//! Reading segments and tree blobs, with a bounded cache of opened segments.

use super::Store;
use super::blobs::{NodeStore, SegmentStore};
use super::packs::is_of_the_object;
use super::table::SegmentPlace;
use super::throttle::Throttle;
use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::crypto::SecretKey;
use crate::error::{Error, ErrorKind, Result, corrupt, internal};
use crate::format::pack::{FIXED_HEADER, PackHeader, SESSION_ENTRY};
use crate::format::segment::{BlobKind, Segment};
use crate::id::{BlobId, SegmentId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Opens segments for one operation. Shared by its threads; several that want the same segment wait for one read.
#[derive(Debug)]
pub(crate) struct StoreReader {
    store: Arc<Store>,
    cache: Mutex<Cache>,
    throttle: Throttle,
    ctx: Context,
}

#[derive(Debug)]
struct Cache {
    slots: HashMap<SegmentId, (u64, Arc<Slot>)>,
    clock: u64,
    bytes: usize,
    capacity: usize,
}

/// Most headers looked at for a session's key.
const MAX_HEADERS: usize = 8;

type Slot = Mutex<Option<Arc<Segment>>>;

impl StoreReader {
    /// A reader that keeps about `capacity` bytes of opened segments, and to the download rate of `ctx`.
    pub(crate) fn new(store: Arc<Store>, capacity: usize, ctx: &Context) -> Self {
        let cache = Cache { slots: HashMap::new(), clock: 0, bytes: 0, capacity };
        let throttle = Throttle::new(ctx.limits().download_rate);
        StoreReader { store, cache: Mutex::new(cache), throttle, ctx: ctx.clone() }
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The operation it reads for.
    pub(crate) fn context(&self) -> &Context {
        &self.ctx
    }

    fn slot(&self, id: &SegmentId) -> Result<Arc<Slot>> {
        let mut cache = self.cache()?;
        cache.clock += 1;
        let now = cache.clock;
        let (used, slot) = cache.slots.entry(*id).or_default();
        *used = now;
        Ok(Arc::clone(slot))
    }

    fn cache(&self) -> Result<std::sync::MutexGuard<'_, Cache>> {
        self.cache.lock().map_err(|_| internal("read a segment", "a thread panicked while holding the cache"))
    }

    /// Counts a segment that was just loaded, and lets go of the least recently used ones above the capacity.
    fn account(&self, id: &SegmentId, length: usize) -> Result<()> {
        let mut cache = self.cache()?;
        cache.bytes += length;
        while cache.bytes > cache.capacity {
            let oldest = cache.slots.iter().filter(|(other, _)| *other != id).min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(id, _)| *id) else { break };
            if let Some((_, slot)) = cache.slots.remove(&oldest) {
                // A slot that is locked is being filled, and will be counted when it is.
                let length = slot.try_lock().ok().and_then(|slot| slot.as_ref().map(|segment| segment.len()));
                cache.bytes = cache.bytes.saturating_sub(length.unwrap_or(0));
            }
        }
        Ok(())
    }

    /// Opens a segment, wherever a copy of it is sound.
    fn load(&self, id: &SegmentId) -> Result<Segment> {
        let places = self.store.index().segment(id)?;
        let mut first_error = None;
        for place in &places {
            self.ctx.check("read a segment")?;
            self.throttle.pay(u64::from(place.header.stored_length), &self.ctx, "read a segment")?;
            match self.store.open_segment(place) {
                Ok(segment) => return Ok(segment),
                Err(error) if first_error.is_none() => first_error = Some(error),
                Err(_) => {}
            }
        }
        Err(first_error.unwrap_or_else(|| {
            Error::new(ErrorKind::NotFound, "read a segment").object(id).detail("no pack in the index holds it")
        }))
    }
}

impl SegmentStore for StoreReader {
    fn segment(&self, id: &SegmentId) -> Result<Arc<Segment>> {
        let slot = self.slot(id)?;
        let mut held = slot.lock().map_err(|_| internal("read a segment", "a thread panicked while reading it"))?;
        if let Some(segment) = held.as_ref() {
            return Ok(Arc::clone(segment));
        }
        let segment = Arc::new(self.load(id)?);
        *held = Some(Arc::clone(&segment));
        drop(held);
        self.account(id, segment.len())?;
        Ok(segment)
    }
}

impl NodeStore for StoreReader {
    fn load_blob(&self, id: &BlobId) -> Result<Vec<u8>> {
        let missing =
            || Error::new(ErrorKind::NotFound, "read a tree node").object(id).detail("no pack in the index holds it");
        let (place, position) = self.store.index().blob(id)?.ok_or_else(missing)?;
        let first = self.load_blob_at(id, &place, position);
        if !first.as_ref().is_err_and(is_of_the_object) {
            return first;
        }
        for (other, position) in self.store.index().blob_places(id)? {
            if other.header.id != place.header.id
                && let Ok(bytes) = self.load_blob_at(id, &other, position)
            {
                return Ok(bytes);
            }
        }
        first
    }
}

impl StoreReader {
    fn load_blob_at(&self, id: &BlobId, place: &SegmentPlace, position: u32) -> Result<Vec<u8>> {
        if place.header.kind != BlobKind::Tree {
            return Err(corrupt("read a tree node", "the index lists it as file content").object(id));
        }
        let segment = self.segment(&place.header.id)?;
        let blob = segment.blob(position)?;
        // The segment vouches for its content, but only the hash says that the index named the right blob.
        if self.store.hasher()?.blob(blob) != *id {
            return Err(corrupt("read a tree node", "the index names another blob").object(id));
        }
        Ok(blob.to_vec())
    }
}

impl Store {
    /// Reads and opens the copy of a segment that lies here.
    pub(crate) fn open_segment(&self, place: &SegmentPlace) -> Result<Segment> {
        let name = ObjectName::of(Folder::Packs, place.pack);
        let end = place.offset.saturating_add(u64::from(place.header.stored_length));
        let mut sealed = self.backend().read(&name, place.offset..end)?;
        self.open_sealed(place, &mut sealed)
    }

    /// Opens the bytes of a segment that were read from here.
    pub(crate) fn open_sealed(&self, place: &SegmentPlace, sealed: &mut [u8]) -> Result<Segment> {
        let key = self.session_key(place)?;
        Segment::open(&place.header, &self.keys().repository, &key, self.hasher()?, sealed).map_err(|error| {
            error.object(format!("{}, segment {}", ObjectName::of(Folder::Packs, place.pack), place.header.id.short()))
        })
    }

    /// The key of a segment's session, from the header of the segment's pack or, where that is damaged, of another
    /// one.
    fn session_key(&self, place: &SegmentPlace) -> Result<SecretKey> {
        let session = place.header.session;
        if let Some(key) = self.session_keys()?.get(&session) {
            return Ok(key.clone());
        }
        let key = match self.session_key_at(place) {
            Err(error) if is_of_the_object(&error) && error.kind() != ErrorKind::Forbidden => {
                let others = self.index().packs_of_session(&session, MAX_HEADERS)?;
                let mut others = others.iter().filter(|other| other.pack != place.pack);
                others.find_map(|other| self.session_key_at(other).ok()).ok_or(error)
            }
            key => key,
        }?;
        self.session_keys()?.insert(session, key.clone());
        Ok(key)
    }

    fn session_key_at(&self, place: &SegmentPlace) -> Result<SecretKey> {
        let name = ObjectName::of(Folder::Packs, place.pack);
        let header = self.pack_header(&name, place.offset)?;
        let entry = header.sessions.iter().find(|entry| entry.session == place.header.session);
        let entry = entry
            .ok_or_else(|| corrupt("read a pack's header", "the session of a segment is not listed").object(&name))?;
        let repository = self.keys().repository;
        let epoch = self.keys().epoch(entry.epoch)?;
        let private = epoch.data_private.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Forbidden, "read content").detail("this needs a reader's or owner's key")
        })?;
        entry.open(&repository, private).map_err(|error| error.or_object(&name))
    }

    /// Reads the header of a pack whose segments begin at `end` or before.
    pub(crate) fn pack_header(&self, name: &ObjectName, end: u64) -> Result<PackHeader> {
        let repository = self.keys().repository;
        // Most packs hold the segments of one session; its key comes with the first read.
        let usual = (FIXED_HEADER + SESSION_ENTRY) as u64;
        let mut bytes = self.backend().read(name, 0..usual.min(end))?;
        let (_, length) = PackHeader::decode_fixed(&bytes, &repository).map_err(|error| error.or_object(name))?;
        if length > bytes.len() {
            bytes = self.backend().read(name, 0..length as u64)?;
        }
        PackHeader::decode(&bytes, &repository).map_err(|error| error.or_object(name))
    }
}
