//! Reading segments and tree blobs, with a bounded cache of opened segments.

use super::Store;
use super::blobs::{NodeStore, SegmentStore};
use super::index::Index;
use super::packs::is_of_the_object;
use super::parity;
use super::repack::WholePack;
use super::table::SegmentPlace;
use super::throttle::Throttle;
use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::crypto::SecretKey;
use crate::error::{Error, ErrorKind, Result, corrupt, internal};
use crate::format::pack::{FIXED_HEADER, PackHeader, SESSION_ENTRY, SessionEntry};
use crate::format::segment::{BlobKind, Segment};
use crate::id::{BlobId, PackId, SegmentId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Opens segments for one operation. Shared by its threads; several that want the same segment wait for one read.
#[derive(Debug)]
pub(crate) struct StoreReader {
    store: Arc<Store>,
    cache: Mutex<Cache>,
    stale: Mutex<Stale>,
    /// The pack that was healed last.
    healed: Mutex<Option<(PackId, WholePack)>>,
    throttle: Throttle,
    ctx: Context,
    /// Whether tree nodes come from what earlier look-ups read, and stay for later ones.
    remembers: bool,
}

/// What reading the index again did not help with, so that damage does not make every read of it begin with a
/// listing.
#[derive(Debug, Default)]
struct Stale {
    tried: HashSet<[u8; 32]>,
    /// Times in a row that nothing was found.
    in_vain: u32,
    last: Option<Instant>,
}

/// As often in a row the index is read again at once; then at most once in [`PAUSE`].
const MOST_IN_VAIN: u32 = 8;
const PAUSE: Duration = Duration::from_secs(5);
/// Most remembered of what did not help.
const MAX_TRIED: usize = 65_536;

#[derive(Debug)]
struct Cache {
    slots: HashMap<SegmentId, (u64, Arc<Slot>)>,
    clock: u64,
    bytes: usize,
    capacity: usize,
    /// Bytes of the capacity that something else has.
    lent: usize,
}

impl Cache {
    /// Lets go of the least recently used segments above the capacity, but not of `kept`.
    fn shrink(&mut self, kept: Option<&SegmentId>) {
        while self.bytes > self.capacity.saturating_sub(self.lent) {
            let oldest = self.slots.iter().filter(|(other, _)| kept != Some(*other)).min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(id, _)| *id) else { break };
            if let Some((_, slot)) = self.slots.remove(&oldest) {
                // A slot that is locked is being filled, and will be counted when it is.
                let length = slot.try_lock().ok().and_then(|slot| slot.as_ref().map(|segment| segment.len()));
                self.bytes = self.bytes.saturating_sub(length.unwrap_or(0));
            }
        }
    }
}

/// Most headers looked at for a session's key.
const MAX_HEADERS: usize = 8;

type Slot = Mutex<Option<Arc<Segment>>>;

impl StoreReader {
    /// A reader that keeps about `capacity` bytes of opened segments, and to the download rate of `ctx`.
    pub(crate) fn new(store: Arc<Store>, capacity: usize, ctx: &Context) -> Self {
        let cache = Cache { slots: HashMap::new(), clock: 0, bytes: 0, capacity, lent: 0 };
        let throttle = Throttle::new(ctx.limits().download_rate);
        StoreReader {
            store,
            cache: Mutex::new(cache),
            stale: Mutex::default(),
            healed: Mutex::default(),
            throttle,
            ctx: ctx.clone(),
            remembers: false,
        }
    }

    /// A reader for look-ups: it finds the tree nodes that earlier ones read, and leaves those it reads to later ones.
    pub(crate) fn for_look_ups(store: Arc<Store>, capacity: usize, ctx: &Context) -> Self {
        StoreReader { remembers: true, ..StoreReader::new(store, capacity, ctx) }
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
        cache.shrink(Some(id));
        Ok(())
    }

    /// Opens a segment, wherever a copy of it is sound.
    fn load(&self, id: &SegmentId) -> Result<Segment> {
        let places = self.store.index().segment(id)?;
        let error = match self.load_from(&places) {
            Ok(segment) => return Ok(segment),
            Err(error) if error.as_ref().is_some_and(|error| !is_of_the_object(error)) => {
                return Err(error.unwrap_or_else(|| missing_segment(id)));
            }
            Err(error) => error,
        };
        let again = self.look_again(id.as_bytes(), &places, |index| index.segment(id))?;
        let error = match self.load_from(&again) {
            Ok(segment) => return Ok(segment),
            Err(again) => error.or(again),
        };
        for place in places.iter().chain(&again) {
            if let Some(segment) = self.heal(place)? {
                return Ok(segment);
            }
        }
        Err(error.unwrap_or_else(|| missing_segment(id)))
    }

    /// Opens a segment of a pack that parity heals; none where it does not.
    fn heal(&self, place: &SegmentPlace) -> Result<Option<Segment>> {
        // One after the other, and one at a time: each takes memory for a pack, and the opened segments make room.
        let mut healed = self.healed.lock().map_err(|_| internal("heal a pack", "a thread panicked while doing so"))?;
        if healed.as_ref().is_none_or(|(id, _)| *id != place.pack) {
            self.ctx.check("heal a pack")?;
            *healed = None;
            self.make_room(usize::MAX)?;
            let made = parity::heal(&self.store, &place.pack);
            match made.and_then(|(bytes, _)| WholePack::of_verified(&self.store, &place.pack, bytes)) {
                Ok(pack) => *healed = Some((place.pack, pack)),
                Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
                // The damage itself is the better answer.
                Err(_) => {
                    self.make_room(0)?;
                    return Ok(None);
                }
            }
        }
        let Some((_, pack)) = healed.as_ref() else { return Ok(None) };
        self.make_room(pack.length())?;
        let sealed = pack.sealed(place);
        drop(healed);
        let opened = sealed.and_then(|(sealed, session)| {
            self.store.learn_session_key(&session)?;
            self.store.open_sealed(place, sealed)
        });
        Ok(opened.ok())
    }

    /// Lets go of opened segments so that so many bytes of their share are free for something else.
    fn make_room(&self, bytes: usize) -> Result<()> {
        let mut cache = self.cache()?;
        cache.lent = bytes;
        cache.shrink(None);
        Ok(())
    }

    /// Opens the first sound copy; else the first error, if there was a place at all.
    fn load_from(&self, places: &[SegmentPlace]) -> Result<Segment, Option<Error>> {
        let mut first_error = None;
        for place in places {
            self.ctx.check("read a segment")?;
            self.throttle.pay(u64::from(place.header.stored_length), &self.ctx, "read a segment")?;
            match self.store.open_segment(place) {
                Ok(segment) => return Ok(segment),
                Err(error) if first_error.is_none() => first_error = Some(error),
                Err(_) => {}
            }
        }
        Err(first_error)
    }

    /// Reads the index again when what it said of something does not hold: pruning and repair move segments into other
    /// packs and take the old ones away. Returns the places that `find` has now and that are not among `known`.
    pub(crate) fn look_again(
        &self,
        id: &[u8; 32],
        known: &[SegmentPlace],
        find: impl FnOnce(&Index) -> Result<Vec<SegmentPlace>>,
    ) -> Result<Vec<SegmentPlace>> {
        let store = &self.store;
        {
            let operation = "read the index again";
            let mut stale = self.stale.lock().map_err(|_| internal(operation, "a thread panicked while doing so"))?;
            let new = match known {
                [] => !stale.tried.contains(id),
                known => known.iter().any(|place| !stale.tried.contains(place.pack.as_bytes())),
            };
            let soon = stale.last.is_some_and(|last| last.elapsed() < PAUSE);
            if new && !(soon && stale.in_vain >= MOST_IN_VAIN) {
                if stale.tried.len() >= MAX_TRIED {
                    stale.tried.clear();
                }
                match known {
                    [] => drop(stale.tried.insert(*id)),
                    known => stale.tried.extend(known.iter().map(|place| *place.pack.as_bytes())),
                }
                stale.last = Some(Instant::now());
                stale.in_vain = stale.in_vain.saturating_add(1);
                match store.index().refresh(store.backend(), store.keys(), &self.ctx) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
                    // What is wrong with the object itself is the better answer.
                    Err(_) => return Ok(Vec::new()),
                }
            }
        }
        let mut found = find(store.index())?;
        found.retain(|place| !known.contains(place));
        if !found.is_empty()
            && let Ok(mut stale) = self.stale.lock()
        {
            stale.in_vain = 0;
        }
        Ok(found)
    }
}

fn missing_segment(id: &SegmentId) -> Error {
    Error::new(ErrorKind::NotFound, "read a segment").object(id).detail("no pack in the index holds it")
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
        if self.remembers
            && let Some(bytes) = self.store.trees().blob(id)
        {
            self.ctx.check("read a tree node")?;
            return Ok(bytes);
        }
        let missing =
            || Error::new(ErrorKind::NotFound, "read a tree node").object(id).detail("no pack in the index holds it");
        let index = self.store.index();
        let found = match index.blob(id)? {
            None => {
                let place = |index: &Index| Ok(index.blob(id)?.map(|(place, _)| place).into_iter().collect());
                self.look_again(id.as_bytes(), &[], place)?;
                index.blob(id)?
            }
            found => found,
        };
        let (place, position) = found.ok_or_else(missing)?;
        // Where the segment was moved meanwhile, opening it finds its new place.
        let first = self.load_blob_at(id, &place, position);
        if !first.as_ref().is_err_and(is_of_the_object) {
            return first;
        }
        for (other, position) in index.blob_places(id)? {
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
        let hasher = self.store.hasher()?;
        // The segment vouches for its content, but only the hash says that the index named the right blob.
        if hasher.blob(blob) != *id {
            return Err(corrupt("read a tree node", "the index names another blob").object(id));
        }
        if self.remembers {
            self.store.trees().keep(&place.header.id, &segment, hasher);
        }
        Ok(blob.to_vec())
    }
}

impl Store {
    /// Reads and opens the copy of a segment that lies here.
    pub(crate) fn open_segment(&self, place: &SegmentPlace) -> Result<Segment> {
        self.open_sealed(place, self.read_sealed(place)?)
    }

    /// Reads the bytes of the copy of a segment that lies here.
    pub(crate) fn read_sealed(&self, place: &SegmentPlace) -> Result<Vec<u8>> {
        let name = ObjectName::of(Folder::Packs, place.pack);
        let length = u64::from(place.header.stored_length);
        let sealed = self.backend().read(&name, place.offset..place.offset.saturating_add(length))?;
        if sealed.len() as u64 != length {
            return Err(
                corrupt("read a segment", "the storage returned another length than was asked for").object(name)
            );
        }
        Ok(sealed)
    }

    /// Opens the bytes of a segment that were read from here.
    pub(crate) fn open_sealed(&self, place: &SegmentPlace, sealed: Vec<u8>) -> Result<Segment> {
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

    /// Opens a session's key, unless it is known.
    fn learn_session_key(&self, entry: &SessionEntry) -> Result<()> {
        if self.session_keys()?.contains_key(&entry.session) {
            return Ok(());
        }
        let private = self.keys().epoch(entry.epoch)?.data_private.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Forbidden, "read content").detail("this needs a reader's or owner's key")
        })?;
        let key = entry.open(&self.keys().repository, private)?;
        self.session_keys()?.insert(entry.session, key);
        Ok(())
    }

    /// The sealed key of a segment's session, for another pack to hold that segment: as it stands in the header of the
    /// segment's pack or of another one, or sealed anew.
    pub(crate) fn session_entry(&self, place: &SegmentPlace) -> Result<SessionEntry> {
        let session = place.header.session;
        match self.session_entry_at(place) {
            Ok((entry, _)) => return Ok(entry),
            Err(error) if !is_of_the_object(&error) => return Err(error),
            Err(_) => {}
        }
        for other in self.index().packs_of_session(&session, MAX_HEADERS)? {
            if let Ok((entry, _)) = self.session_entry_at(&other) {
                return Ok(entry);
            }
        }
        let key = self.session_key(place)?;
        let epoch = self.keys().current()?;
        let readers = epoch.data_public.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Forbidden, "seal a session key").detail("this needs a reader's or owner's key")
        })?;
        SessionEntry::seal(&self.keys().repository, session, epoch.epoch, &key, readers)
    }

    fn session_key_at(&self, place: &SegmentPlace) -> Result<SecretKey> {
        self.session_entry_at(place).map(|(_, key)| key)
    }

    /// The sealed key of a segment's session in the header of the segment's pack, and what it holds.
    fn session_entry_at(&self, place: &SegmentPlace) -> Result<(SessionEntry, SecretKey)> {
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
        let key = entry.open(&repository, private).map_err(|error| error.or_object(&name))?;
        Ok((entry.clone(), key))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Backend;
    use crate::store::testing::Look;
    use crate::testing::{Fixture, move_all};

    #[test]
    fn what_is_moved_while_it_is_read_is_found_in_its_new_place() {
        let fixture = Fixture::new();
        let mut moved = 0;
        for skip in [0, 1, 2, 5, 11, 40, 90] {
            let (store, other) = (fixture.open(), fixture.open());
            let reader = fixture.reader(&store);
            fixture.backend.before_look(Look::Read, Folder::Packs, skip, move |_| move_all(&other));
            fixture.assert_content(&reader, fixture.roots[0].1);
            moved += u32::from(!fixture.backend.is_waiting());
        }
        assert!(moved > 5, "{moved}");
    }

    #[test]
    fn what_is_lost_is_not_looked_for_again_and_again() {
        let fixture = Fixture::new();
        let pack = fixture.data_pack();
        fixture.backend.delete(&Fixture::pack_name(&pack)).unwrap();
        let store = fixture.open();
        let reader = fixture.reader(&store);
        let mut lost = Vec::new();
        let mut visit = |_: usize, place: SegmentPlace| {
            lost.extend((place.pack == pack).then_some(place.header.id));
            Ok(())
        };
        store.index().for_each_segment(&mut visit).unwrap();
        assert!(lost.len() > 5);
        let listings = fixture.backend.listings(Folder::Index);
        for id in lost.iter().chain(&lost) {
            assert_eq!(reader.segment(id).unwrap_err().kind(), ErrorKind::NotFound);
        }
        assert_eq!(fixture.backend.listings(Folder::Index), listings + 1);
        // What the index does not know at all is looked for a few times.
        for number in 0..100 {
            let id = SegmentId::from_bytes([number; 32]);
            assert_eq!(reader.segment(&id).unwrap_err().kind(), ErrorKind::NotFound);
            assert!(reader.load_blob(&BlobId::from_bytes([number; 32])).is_err());
        }
        assert!(fixture.backend.listings(Folder::Index) < listings + 20);
    }
}
