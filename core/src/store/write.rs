//! Writing blobs: gathered into segments, compressed and sealed in parallel, put into packs in their order.

use super::Store;
use super::blobs::NodeSink;
use super::keys::Purpose;
use super::parity::WORK as PARITY_WORK;
use super::session::Session;
pub(crate) use super::upload::WhenListed;
use super::upload::{FinishedPack, Uploader};
use crate::compress::Compressor;
use crate::context::Context;
use crate::crypto::hash::IdHasher;
use crate::crypto::{SecretKey, fill_random, random};
use crate::error::{Error, ErrorKind, Result, internal};
use crate::format::pack::{
    MAX_FOOTER, PackContents, PackHeader, PackKeys, PackedSegment, Reference, SessionEntry, TRAILER, footer_length,
    padme, seal_footer,
};
use crate::format::segment::{self, BlobKind, SegmentBuilder, SegmentHeader, SegmentPlace};
use crate::id::{BlobId, PackId, SegmentId, SessionId};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Where a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a segment that is finished.
    Stored(SegmentId, u32),
    /// In a segment of this session that is still open, by its number.
    Open(u32, u32),
}

/// Ids are hashes already.
#[derive(Debug, Default)]
pub(crate) struct IdPrefix(u64);

impl Hasher for IdPrefix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(prefix) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*prefix);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

type KnownBlobs = HashMap<BlobId, (u32, u32), BuildHasherDefault<IdPrefix>>;

/// Above this many, blobs of packs that are in the index are looked up there.
const MAX_KNOWN: usize = 400_000;

/// One writer at work.
pub(crate) struct BlobWriter {
    shared: Arc<Shared>,
    pool: Arc<crate::threads::Pool>,
    data: OpenSegment,
    tree: OpenSegment,
    known: KnownBlobs,
    /// Ids of this session's segments by number, once they are finished.
    segments: Vec<Option<SegmentId>>,
    next_sequence: u64,
    /// The segments below this one are waited for.
    awaited: u64,
    max_outstanding: u64,
    /// Most bytes in packs that are filled, wait and are sent, where parity takes its share of the budget.
    room: Option<u64>,
    segment_size: usize,
    new_data: u64,
    new_blobs: u64,
}

struct OpenSegment {
    number: Option<u32>,
    builder: SegmentBuilder,
    /// For tree segments, what each blob refers to.
    references: Vec<Vec<Reference>>,
}

impl OpenSegment {
    fn new() -> Self {
        OpenSegment { number: None, builder: SegmentBuilder::default(), references: Vec::new() }
    }
}

/// What the worker threads share.
struct Shared {
    store: Arc<Store>,
    ctx: Context,
    hasher: IdHasher,
    session: SessionId,
    epoch: u32,
    key: SecretKey,
    compressor: Compressor,
    packer: Mutex<Packer>,
    uploader: Uploader,
    /// Segments handed to workers and not yet in a pack.
    outstanding: Mutex<u64>,
    finished: Condvar,
    error: Mutex<Option<Error>>,
    /// Plaintext buffers to be used again.
    buffers: Mutex<Vec<Vec<u8>>>,
}

struct SealedSegment {
    header: SegmentHeader,
    sealed: Vec<u8>,
    blobs: Vec<BlobId>,
    references: Vec<Vec<Reference>>,
}

/// Puts sealed segments into packs in the order in which they were finished.
struct Packer {
    next_sequence: u64,
    waiting: BTreeMap<u64, SealedSegment>,
    /// Segments put into packs.
    added: u64,
    /// Segments in packs that ended.
    ended: u64,
    /// The pack ends before this segment, full or not.
    end_before: Option<u64>,
    header: Vec<u8>,
    parts: Vec<Vec<u8>>,
    segments: Vec<PackedSegment>,
    references: Vec<Vec<Reference>>,
    /// Bytes of header and segments.
    length: u64,
    /// About how long the footer will be.
    footer: u64,
    hasher: blake3::Hasher,
    pack_size: u64,
}

impl BlobWriter {
    /// A writer with a session of its own. `level` is zstd's.
    pub(crate) fn new(
        store: &Arc<Store>,
        session: &Arc<Session>,
        level: i32,
        ctx: &Context,
        pool: Arc<crate::threads::Pool>,
    ) -> Result<Self> {
        let keys = store.keys();
        let epoch = keys.current()?;
        let key = SecretKey::random()?;
        let repository = keys.repository;
        let readers = epoch.data_public.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Forbidden, "back up").detail("this needs a writer's, reader's or owner's key")
        })?;
        let entry = SessionEntry::seal(&repository, session.id(), epoch.epoch, &key, readers)?;
        let header = PackHeader { repository, epoch: epoch.epoch, sessions: vec![entry] }.encode()?;
        let shared = Shared {
            hasher: store.hasher()?.clone(),
            session: session.id(),
            epoch: epoch.epoch,
            key,
            compressor: Compressor::new(level).cancelled_by(ctx.token()),
            packer: Mutex::new(Packer::new(header, u64::from(store.config().sizes.pack))),
            uploader: Uploader::start(store, session, ctx)?,
            outstanding: Mutex::new(0),
            finished: Condvar::new(),
            error: Mutex::new(None),
            buffers: Mutex::default(),
            store: Arc::clone(store),
            ctx: ctx.clone(),
        };
        let threads = pool.current_num_threads() as u64;
        // Each is held raw, compressed, and by who compresses it; packs have the greater part of the budget.
        let fitting = ctx.limits().memory_bytes() / 16 / u64::from(store.config().sizes.segment).max(1);
        Ok(BlobWriter {
            shared: Arc::new(shared),
            pool,
            data: OpenSegment::new(),
            tree: OpenSegment::new(),
            known: KnownBlobs::default(),
            segments: Vec::new(),
            next_sequence: 0,
            awaited: 0,
            max_outstanding: fitting.clamp(2, threads + 2),
            room: room_beside_parity(store, ctx),
            segment_size: usize::try_from(store.config().sizes.segment).unwrap_or(1 << 20),
            new_data: 0,
            new_blobs: 0,
        })
    }

    /// Bytes of content that were not in the repository, before compression.
    pub(crate) fn new_bytes(&self) -> u64 {
        self.new_data
    }

    /// Blobs that were not in the repository.
    pub(crate) fn new_blobs(&self) -> u64 {
        self.new_blobs
    }

    /// Stores a blob of file content unless the repository has it.
    pub(crate) fn add_data(&mut self, bytes: &[u8]) -> Result<Place> {
        self.add_hashed(self.shared.hasher.blob(bytes), bytes)
    }

    /// The same where the blob's id is known.
    pub(crate) fn add_hashed(&mut self, id: BlobId, bytes: &[u8]) -> Result<Place> {
        if let Some(place) = self.find(&id)? {
            return Ok(place);
        }
        self.new_data += bytes.len() as u64;
        self.add(BlobKind::Data, id, bytes, Vec::new())
    }

    /// The id of a segment of this session, once it is finished.
    pub(crate) fn segment_id(&self, number: u32) -> Option<SegmentId> {
        self.segments.get(usize::try_from(number).ok()?).copied().flatten()
    }

    /// Finishes the open segment of content, so that every place given out so far gets its segment's id.
    pub(crate) fn end_data_segment(&mut self) -> Result<()> {
        self.end_segment(BlobKind::Data)
    }

    fn find(&self, id: &BlobId) -> Result<Option<Place>> {
        if let Some((number, position)) = self.known.get(id) {
            return Ok(Some(match self.segment_id(*number) {
                Some(segment) => Place::Stored(segment, *position),
                None => Place::Open(*number, *position),
            }));
        }
        let found = self.shared.store.index().lasting_blob(id)?;
        Ok(found.map(|(segment, position)| Place::Stored(segment, position)))
    }

    fn open_segment(&mut self, kind: BlobKind) -> &mut OpenSegment {
        match kind {
            BlobKind::Data => &mut self.data,
            BlobKind::Tree => &mut self.tree,
        }
    }

    fn add(&mut self, kind: BlobKind, id: BlobId, bytes: &[u8], references: Vec<Reference>) -> Result<Place> {
        let too_many = || internal("store a blob", "too many segments in one session");
        let next = u32::try_from(self.segments.len()).map_err(|_| too_many())?;
        let segment_size = self.segment_size;
        let open = self.open_segment(kind);
        let number = *open.number.get_or_insert(next);
        let position = open.builder.push(id, bytes)?;
        if kind == BlobKind::Tree {
            open.references.push(references);
        }
        let full = open.builder.len() >= segment_size;
        if number == next {
            self.segments.push(None);
        }
        self.known.insert(id, (number, position));
        self.new_blobs += 1;
        if full {
            self.end_segment(kind)?;
            if self.known.len() >= MAX_KNOWN {
                // The index knows them once they are published.
                self.flush()?;
                self.known.clear();
            }
        }
        Ok(match self.segment_id(number) {
            Some(segment) => Place::Stored(segment, position),
            None => Place::Open(number, position),
        })
    }

    fn end_segment(&mut self, kind: BlobKind) -> Result<()> {
        let buffer = self.shared.buffers.lock().ok().and_then(|mut buffers| buffers.pop()).unwrap_or_default();
        let open = self.open_segment(kind);
        let Some(number) = open.number.take() else { return Ok(()) };
        let builder = std::mem::replace(&mut open.builder, SegmentBuilder::reusing(buffer));
        let references = std::mem::take(&mut open.references);
        let id = self.shared.hasher.segment(builder.ids());
        if let Some(slot) = usize::try_from(number).ok().and_then(|number| self.segments.get_mut(number)) {
            *slot = Some(id);
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.wait_for_workers(self.max_outstanding)?;
        if let Some(room) = self.room {
            let filled = self.shared.packer()?.length;
            self.shared.uploader.wait_for_room(filled, room)?;
        }
        self.shared.add_outstanding()?;
        let shared = Arc::clone(&self.shared);
        // The first one first: those behind it wait for it, sealed and in memory.
        self.pool.spawn_fifo(move || shared.seal(sequence, kind, builder, references));
        Ok(())
    }

    /// Waits until fewer than `limit` segments are with the workers, helping them meanwhile.
    fn wait_for_workers(&self, limit: u64) -> Result<()> {
        loop {
            self.shared.check()?;
            if self.shared.outstanding()? < limit {
                return Ok(());
            }
            if !matches!(rayon::yield_now(), Some(rayon::Yield::Executed)) {
                self.shared.wait_for_change(limit)?;
            }
        }
    }

    /// Makes everything added so far durable and listed in the index.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.end_segment(BlobKind::Data)?;
        self.end_segment(BlobKind::Tree)?;
        self.wait_for_workers(1)?;
        let pack = self.shared.packer()?.end(&self.shared, true)?;
        if let Some(pack) = pack {
            self.shared.uploader.send(pack)?;
        }
        self.shared.uploader.flush()
    }

    /// Lets `call` run beside the work once everything added so far is in storage and in the index. That waits for
    /// a pack to be full, unless it is [hurried](BlobWriter::hurry).
    pub(crate) fn when_listed(&mut self, call: WhenListed) -> Result<()> {
        self.end_segment(BlobKind::Data)?;
        self.end_segment(BlobKind::Tree)?;
        self.awaited = self.next_sequence;
        self.shared.uploader.when_listed(self.awaited, call)
    }

    /// Whether [`when_listed`](BlobWriter::when_listed) still has something to run.
    pub(crate) fn is_awaited(&self) -> Result<bool> {
        self.shared.uploader.is_awaited()
    }

    /// Ends the pack that [`when_listed`](BlobWriter::when_listed) waits for, full or not.
    pub(crate) fn hurry(&self) -> Result<()> {
        // Held while the pack is sent: packs are sent in their order.
        let mut packer = self.shared.packer()?;
        match packer.end_before(self.awaited, &self.shared)? {
            Some(pack) => self.shared.uploader.send(pack),
            None => Ok(()),
        }
    }

    /// Drops what [`when_listed`](BlobWriter::when_listed) has to run.
    pub(crate) fn await_nothing(&self) -> Result<()> {
        self.shared.uploader.await_nothing()
    }

    /// Ends the sending after a failure. Whether everything that was sent is in the index.
    pub(crate) fn close(&self) -> bool {
        self.shared.uploader.close()
    }

    /// Packs and bytes stored so far.
    pub(crate) fn sent(&self) -> Result<(u64, u64)> {
        self.shared.uploader.sent()
    }

    /// The packs stored so far.
    pub(crate) fn sent_packs(&self) -> Result<Vec<PackId>> {
        self.shared.uploader.sent_packs()
    }
}

impl NodeSink for BlobWriter {
    fn store_node(&mut self, bytes: &[u8], references: Vec<Reference>) -> Result<BlobId> {
        let id = self.shared.hasher.blob(bytes);
        if self.find(&id)?.is_none() {
            self.add(BlobKind::Tree, id, bytes, references)?;
        }
        Ok(id)
    }
}

impl Shared {
    fn packer(&self) -> Result<MutexGuard<'_, Packer>> {
        self.packer.lock().map_err(|_| internal("fill a pack", "a thread panicked while holding it"))
    }

    fn outstanding(&self) -> Result<u64> {
        let panicked = |_| internal("store blobs", "a worker thread panicked");
        Ok(*self.outstanding.lock().map_err(panicked)?)
    }

    fn add_outstanding(&self) -> Result<()> {
        let panicked = |_| internal("store blobs", "a worker thread panicked");
        *self.outstanding.lock().map_err(panicked)? += 1;
        Ok(())
    }

    fn wait_for_change(&self, limit: u64) -> Result<()> {
        let panicked = || internal("store blobs", "a worker thread panicked");
        let outstanding = self.outstanding.lock().map_err(|_| panicked())?;
        if *outstanding >= limit {
            // Short, because work that this thread could help with may turn up without a signal.
            drop(self.finished.wait_timeout(outstanding, Duration::from_millis(2)).map_err(|_| panicked())?);
        }
        Ok(())
    }

    /// The first error of a worker or of the uploader, or cancellation.
    fn check(&self) -> Result<()> {
        self.ctx.check("store blobs")?;
        if let Some(error) = self.error.lock().ok().and_then(|mut error| error.take()) {
            return Err(error);
        }
        self.uploader.check()
    }

    /// A worker's task: compress and seal one segment, and put it and those that waited for it into the pack.
    fn seal(&self, sequence: u64, kind: BlobKind, builder: SegmentBuilder, references: Vec<Vec<Reference>>) {
        let result = self.try_seal(sequence, kind, builder, references);
        if let Err(error) = result
            && let Ok(mut slot) = self.error.lock()
            && (slot.is_none() || error.kind() != ErrorKind::Cancelled)
        {
            *slot = Some(error);
        }
        if let Ok(mut outstanding) = self.outstanding.lock() {
            *outstanding = outstanding.saturating_sub(1);
        }
        self.finished.notify_all();
    }

    fn try_seal(
        &self,
        sequence: u64,
        kind: BlobKind,
        builder: SegmentBuilder,
        references: Vec<Vec<Reference>>,
    ) -> Result<()> {
        self.ctx.check("store blobs")?;
        let (raw, blobs) = builder.finish();
        let repository = self.store.keys().repository;
        let place = SegmentPlace { repository: &repository, session: &self.session, counter: sequence, kind };
        let mut sealed = Vec::new();
        let header = segment::seal(&raw, &blobs, place, &self.key, &self.compressor, &self.hasher, &mut sealed)?;
        if let Ok(mut buffers) = self.buffers.lock() {
            buffers.push(raw);
        }
        let mut packer = self.packer()?;
        packer.waiting.insert(sequence, SealedSegment { header, sealed, blobs, references });
        while let Some(segment) = packer.take_next() {
            if packer.is_full_with(&segment)
                && let Some(pack) = packer.end(self, false)?
            {
                self.uploader.send(pack)?;
            }
            packer.add(segment);
            if let Some(pack) = packer.end_if_asked(self)? {
                self.uploader.send(pack)?;
            }
        }
        Ok(())
    }
}

impl Packer {
    fn new(header: Vec<u8>, pack_size: u64) -> Self {
        let mut packer = Packer {
            next_sequence: 0,
            waiting: BTreeMap::new(),
            added: 0,
            ended: 0,
            end_before: None,
            header,
            parts: Vec::new(),
            segments: Vec::new(),
            references: Vec::new(),
            length: 0,
            footer: 0,
            hasher: blake3::Hasher::new(),
            pack_size,
        };
        packer.begin();
        packer
    }

    fn begin(&mut self) {
        self.parts = vec![self.header.clone()];
        self.length = self.header.len() as u64;
        self.footer = TRAILER as u64 + 64;
        self.hasher = blake3::Hasher::new();
        self.hasher.update(&self.header);
    }

    fn take_next(&mut self) -> Option<SealedSegment> {
        let segment = self.waiting.remove(&self.next_sequence)?;
        self.next_sequence += 1;
        Some(segment)
    }

    fn footer_share(segment: &SealedSegment) -> u64 {
        let references: usize = segment.references.iter().map(|references| references.len() * 36 + 2).sum();
        (48 + segment.blobs.len() * 32 + references) as u64
    }

    fn is_full_with(&self, segment: &SealedSegment) -> bool {
        let footer = self.footer + Packer::footer_share(segment);
        let length = self.length + segment.sealed.len() as u64 + footer;
        !self.segments.is_empty() && (length > self.pack_size || footer > MAX_FOOTER / 2)
    }

    /// Ends the pack once it holds everything up to this segment.
    fn end_before(&mut self, sequence: u64, shared: &Shared) -> Result<Option<FinishedPack>> {
        self.end_before = Some(sequence);
        self.end_if_asked(shared)
    }

    fn end_if_asked(&mut self, shared: &Shared) -> Result<Option<FinishedPack>> {
        match self.end_before.take_if(|before| *before <= self.added) {
            // Its length would tell how much was backed up by then.
            Some(before) if before > self.ended => self.end(shared, true),
            _ => Ok(None),
        }
    }

    fn add(&mut self, segment: SealedSegment) {
        self.added += 1;
        self.footer += Packer::footer_share(&segment);
        let SealedSegment { header, sealed, blobs, references } = segment;
        self.segments.push(PackedSegment { header, offset: self.length, blobs });
        self.references.extend(references);
        self.length += sealed.len() as u64;
        self.hasher.update(&sealed);
        self.parts.push(sealed);
    }

    /// Ends the pack at hand, if it holds anything. A session's last pack is padded, because its length would tell
    /// how much was backed up.
    fn end(&mut self, shared: &Shared, last: bool) -> Result<Option<FinishedPack>> {
        if self.segments.is_empty() {
            return Ok(None);
        }
        let contents = PackContents { start: self.header.len() as u64, segments: std::mem::take(&mut self.segments) };
        let references = std::mem::take(&mut self.references);
        let mut padding = Vec::new();
        if last {
            let length = self.length + footer_length(&contents, &references);
            let padded = usize::try_from(padme(length) - length);
            padding.resize(padded.map_err(|_| internal("fill a pack", "the padding is too long"))?, 0);
            fill_random(&mut padding)?;
        }
        // The one the header names: a newer one may have begun meanwhile.
        let epoch = shared.store.keys().epoch(shared.epoch)?;
        let keys = PackKeys { footer: epoch.sealing(Purpose::Footer), trailer: epoch.sealing(Purpose::Trailer) };
        let (footer, trailer) = seal_footer(keys, &self.header, &contents, &references, padding.len() as u64)?;
        for part in [padding, footer, trailer] {
            self.hasher.update(&part);
            self.length += part.len() as u64;
            self.parts.push(part);
        }
        let id = PackId::from_bytes(*self.hasher.finalize().as_bytes());
        self.ended = self.added;
        let pack = FinishedPack { id, end: self.added, parts: std::mem::take(&mut self.parts), contents };
        self.begin();
        Ok(Some(pack))
    }
}

/// What else a writer holds: read buffers, open segments, and those with the workers.
const BESIDE_PACKS: u64 = 18 << 20;

fn room_beside_parity(store: &Store, ctx: &Context) -> Option<u64> {
    let percent = store.config().parity?;
    let parity = u64::from(store.config().sizes.pack) * u64::from(percent) / 100 + PARITY_WORK;
    Some(ctx.limits().memory_bytes().saturating_sub(BESIDE_PACKS + parity))
}

/// A new session's id.
pub(crate) fn new_session() -> Result<SessionId> {
    Ok(SessionId::from_bytes(random()?))
}
