//! Moving sealed segments into new packs, without opening them.

use super::Store;
use super::keys::Purpose;
use super::packs;
use super::table::SegmentPlace;
use super::throttle::Throttle;
use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::crypto::fill_random;
use crate::error::{Result, corrupt, internal};
use crate::format::index::MAX_INDEX;
use crate::format::pack::{
    IndexedPack, MAX_FOOTER, MAX_SESSIONS, PackContents, PackHeader, PackKeys, PackedSegment, Reference, SESSION_ENTRY,
    SessionEntry, TreeReferences, contents_length, footer_length, padme, seal_footer,
};
use crate::format::segment::{BlobKind, SegmentHeader};
use crate::id::{BlobId, IndexId, PackId, SessionId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A segment as it lies in a pack, with all that has to move with it.
#[derive(Debug, Clone)]
pub(crate) struct SealedSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) blobs: Vec<BlobId>,
    /// For a segment of trees, what each blob refers to.
    pub(crate) references: Vec<Vec<Reference>>,
    /// The sealed key of its session.
    pub(crate) session: SessionEntry,
    pub(crate) sealed: Vec<u8>,
}

/// A pack that was read whole and whose bytes are those its name promises.
#[derive(Debug)]
pub(crate) struct WholePack {
    bytes: Vec<u8>,
    header: PackHeader,
    contents: PackContents,
    references: TreeReferences,
}

impl WholePack {
    /// Reads a pack. Takes memory for all of it.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when its bytes are not what its name says, and those of the storage.
    pub(crate) fn read(store: &Store, id: &PackId, length: u64, throttle: &Throttle, ctx: &Context) -> Result<Self> {
        Self::of_verified(store, id, packs::read_whole(store, id, length, throttle, ctx, "move segments")?)
    }

    /// A pack of these bytes, whose hash is its name.
    pub(crate) fn of_verified(store: &Store, id: &PackId, bytes: Vec<u8>) -> Result<Self> {
        let contents = packs::contents_of(store, &bytes);
        let (header, contents, references) =
            contents.map_err(|error| error.or_object(ObjectName::of(Folder::Packs, id)))?;
        Ok(WholePack { bytes, header, contents, references })
    }

    /// Its length.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn contents(&self) -> &PackContents {
        &self.contents
    }

    /// The bytes of the copy of a segment that lies here, and the key of its session.
    pub(crate) fn sealed(&self, place: &SegmentPlace) -> Result<(Vec<u8>, SessionEntry)> {
        let wrong = || corrupt("read a segment", "it does not lie in its pack").object(place.header.id);
        let start = usize::try_from(place.offset).ok();
        let end = start.and_then(|start| start.checked_add(usize::try_from(place.header.stored_length).ok()?));
        let sealed = start.zip(end).and_then(|(start, end)| self.bytes.get(start..end)).ok_or_else(wrong)?;
        let session = self.header.sessions.iter().find(|entry| entry.session == place.header.session);
        Ok((sealed.to_vec(), session.ok_or_else(wrong)?.clone()))
    }

    /// Its segments for which `wanted` says so, in their order.
    pub(crate) fn segments(
        &self,
        wanted: impl Fn(&PackedSegment) -> Result<bool>,
    ) -> impl Iterator<Item = Result<SealedSegment>> {
        let mut tree_blobs = 0;
        self.contents.segments.iter().filter_map(move |segment| {
            let first = tree_blobs;
            if segment.header.kind == BlobKind::Tree {
                tree_blobs += segment.blobs.len();
            }
            match wanted(segment) {
                Ok(wanted) => wanted.then(|| self.segment(segment, first)),
                Err(error) => Some(Err(error)),
            }
        })
    }

    fn segment(&self, segment: &PackedSegment, first: usize) -> Result<SealedSegment> {
        let wrong = |detail| corrupt("move segments", detail).object(segment.header.id);
        let references = match segment.header.kind {
            BlobKind::Data => Vec::new(),
            BlobKind::Tree => {
                let references = self.references.get(first..first + segment.blobs.len());
                references.ok_or_else(|| wrong("its pack does not say what it refers to"))?.to_vec()
            }
        };
        let session = self.header.sessions.iter().find(|entry| entry.session == segment.header.session);
        let start = usize::try_from(segment.offset).ok();
        let end = start.and_then(|start| start.checked_add(usize::try_from(segment.header.stored_length).ok()?));
        let sealed = start.zip(end).and_then(|(start, end)| self.bytes.get(start..end));
        Ok(SealedSegment {
            header: segment.header.clone(),
            blobs: segment.blobs.clone(),
            references,
            session: session.ok_or_else(|| wrong("its pack lacks the key of its session"))?.clone(),
            sealed: sealed.ok_or_else(|| wrong("it lies outside its pack"))?.to_vec(),
        })
    }
}

/// Gathers sealed segments into new packs and lists those in new index objects. Holds about one pack in memory.
#[derive(Debug)]
pub(crate) struct Repacker<'a> {
    store: &'a Arc<Store>,
    ctx: &'a Context,
    throttle: Throttle,
    waiting: Vec<SealedSegment>,
    sessions: BTreeMap<SessionId, SessionEntry>,
    /// Bytes of the waiting segments, and about those of their share of the footer.
    length: u64,
    footer: u64,
    unlisted: Vec<IndexedPack>,
    unlisted_length: u64,
    packs: u64,
    bytes: u64,
}

impl<'a> Repacker<'a> {
    pub(crate) fn new(store: &'a Arc<Store>, ctx: &'a Context) -> Self {
        Repacker {
            store,
            ctx,
            throttle: Throttle::new(ctx.limits().upload_rate),
            waiting: Vec::new(),
            sessions: BTreeMap::new(),
            length: 0,
            footer: 0,
            unlisted: Vec::new(),
            unlisted_length: 0,
            packs: 0,
            bytes: 0,
        }
    }

    /// Packs and bytes written so far.
    pub(crate) fn written(&self) -> (u64, u64) {
        (self.packs, self.bytes)
    }

    /// Takes a segment. The pack it ends up in is stored once it is full, or by [`finish`](Repacker::finish).
    pub(crate) fn add(&mut self, segment: SealedSegment) -> Result<()> {
        let references: usize = segment.references.iter().map(|references| references.len() * 36 + 2).sum();
        let footer = (64 + segment.blobs.len() * BlobId::LEN + references) as u64;
        let new_session = !self.sessions.contains_key(&segment.session.session);
        let sessions = self.sessions.len() + usize::from(new_session);
        let length = self.length + u64::from(segment.header.stored_length) + (sessions * SESSION_ENTRY) as u64;
        let full = length + self.footer + footer > u64::from(self.store.config().sizes.pack);
        if !self.waiting.is_empty() && (full || self.footer + footer > MAX_FOOTER / 2 || sessions > MAX_SESSIONS) {
            self.end_pack(false)?;
        }
        self.length += u64::from(segment.header.stored_length);
        self.footer += footer;
        self.sessions.entry(segment.session.session).or_insert_with(|| segment.session.clone());
        self.waiting.push(segment);
        Ok(())
    }

    /// Stores what is waiting and lists all packs written since the last call, so that every segment taken so far can
    /// be found in its new place.
    pub(crate) fn finish(&mut self) -> Result<()> {
        if !self.waiting.is_empty() {
            self.end_pack(true)?;
        }
        self.publish()
    }

    fn end_pack(&mut self, last: bool) -> Result<()> {
        let operation = "store a pack";
        self.ctx.check(operation)?;
        let keys = self.store.keys();
        let epoch = keys.current()?;
        let sessions = std::mem::take(&mut self.sessions).into_values().collect();
        let header = PackHeader { repository: keys.repository, epoch: epoch.epoch, sessions }.encode()?;
        let mut contents = PackContents { start: header.len() as u64, segments: Vec::new() };
        let mut references = Vec::new();
        let mut parts = vec![header];
        let mut offset = contents.start;
        for segment in self.waiting.drain(..) {
            let SealedSegment { header, blobs, references: refers, sealed, .. } = segment;
            if u64::from(header.stored_length) != sealed.len() as u64 {
                return Err(internal(operation, "a segment is not as long as it should be").object(header.id));
            }
            contents.segments.push(PackedSegment { header, offset, blobs });
            offset += sealed.len() as u64;
            references.extend(refers);
            parts.push(sealed);
        }
        (self.length, self.footer) = (0, 0);
        let mut padding = Vec::new();
        if last {
            let length = offset + footer_length(&contents, &references);
            let padded = usize::try_from(padme(length) - length);
            padding.resize(padded.map_err(|_| internal(operation, "the padding is too long"))?, 0);
            fill_random(&mut padding)?;
        }
        let pack_keys = PackKeys { footer: epoch.sealing(Purpose::Footer), trailer: epoch.sealing(Purpose::Trailer) };
        let head = parts.first().map(Vec::as_slice).unwrap_or_default();
        let (footer, trailer) = seal_footer(pack_keys, head, &contents, &references, padding.len() as u64)?;
        parts.extend([padding, footer, trailer]);
        let mut hasher = blake3::Hasher::new();
        for part in &parts {
            hasher.update(part);
        }
        let id = PackId::from_bytes(*hasher.finalize().as_bytes());
        let length = parts.iter().map(|part| part.len() as u64).sum();
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        self.throttle.pay(length, self.ctx, operation)?;
        packs::put(self.store, &id, &slices)?;
        self.packs += 1;
        self.bytes += length;
        let listed = contents_length(&contents) + 64;
        if self.unlisted_length + listed > MAX_INDEX / 2 {
            self.publish()?;
        }
        self.unlisted_length += listed;
        self.unlisted.push(IndexedPack { id, length, contents });
        Ok(())
    }

    /// Lists all packs written since the last call.
    pub(crate) fn publish(&mut self) -> Result<()> {
        self.unlisted_length = 0;
        let packs = std::mem::take(&mut self.unlisted);
        if packs.is_empty() {
            return Ok(());
        }
        list(self.store, packs, Vec::new()).map(drop)
    }
}

/// Writes an index object that lists these packs and supersedes those objects, and takes it into the index at hand.
pub(crate) fn list(store: &Store, packs: Vec<IndexedPack>, supersedes: Vec<IndexId>) -> Result<IndexId> {
    let object = crate::format::index::IndexObject { supersedes, packs };
    let id = super::index::write(store.backend(), store.keys(), &object)?;
    store.index().add(id, &object.packs)?;
    Ok(id)
}
