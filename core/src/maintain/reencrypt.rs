//! Re-encrypting: moving what earlier epochs sealed to the keys of the current one, step by step.
//!
//! Segments are opened and sealed again in a session of this epoch, compressed as they were, and put into new packs.
//! Their ids are those of their content and stay, so nothing that refers to them changes, and a segment that has been
//! moved is one that lies in two places: what is left to do is found out from index and pack headers alone, and
//! whatever breaks off is gone on with by the next call. The old packs are left to pruning, which keeps of two
//! places the newer.

use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::crypto::SecretKey;
use crate::error::{Error, ErrorKind, Result, internal};
use crate::format::entry::Timestamp;
use crate::format::lease::LeasePurpose;
use crate::format::pack::SessionEntry;
use crate::format::segment::{self, SegmentPlace};
use crate::id::{PackId, SegmentId, SessionId};
use crate::progress::{Meter, Phase};
use crate::report::Outcome;
use crate::store::Store;
use crate::store::condemned::Condemned;
use crate::store::devices::DeviceList;
use crate::store::packs::is_of_the_object;
use crate::store::repack::{Repacker, SealedSegment, WholePack};
use crate::store::session::Session;
use crate::store::throttle::Throttle;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const OPERATION: &str = "re-encrypt";

/// Packs between two index objects: what was moved and not yet listed is moved again after a crash.
const PACKS_PER_INDEX: u64 = 8;
/// Most packs named in the report.
const MAX_LISTED: usize = 10_000;

/// How much is re-encrypted in one call.
///
/// ```
/// use std::time::Duration;
/// use strongroom::ReencryptOptions;
/// let nightly = ReencryptOptions::new().max_bytes(4 << 30).max_time(Duration::from_secs(3600));
/// # let _ = nightly;
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReencryptOptions {
    max_bytes: Option<u64>,
    max_time: Option<Duration>,
}

impl ReencryptOptions {
    /// Everything there is to do.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends before it would read more bytes of packs than this, but not before it has done one.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Begins no other pack after this time.
    #[must_use]
    pub fn max_time(mut self, time: Duration) -> Self {
        self.max_time = Some(time);
        self
    }
}

/// What re-encrypting did.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReencryptReport {
    /// Complete when nothing of an earlier epoch is left but what pruning will remove; partial when some packs could not
    /// be read; suspended when there is more to do: calling again goes on.
    pub outcome: Outcome,
    /// The epoch that everything is under then.
    pub epoch: u32,
    /// Packs that were re-encrypted.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments that were sealed anew.
    pub segments: u64,
    /// Packs that were written.
    pub stored_packs: u64,
    /// Their bytes.
    pub stored_bytes: u64,
    /// Packs of earlier epochs that are still to be re-encrypted.
    pub left_packs: u64,
    /// Their bytes.
    pub left_bytes: u64,
    /// Packs all of whose segments lie in newer ones: pruning will remove them. Until then, who holds keys of an earlier
    /// epoch can open them.
    pub superseded_packs: u64,
    /// The bytes that will free.
    pub superseded_bytes: u64,
    /// Packs that could not be read or opened, and why; the first thousands of them. They stay as they are.
    pub unreadable: Vec<(ObjectName, String)>,
    /// How many there are.
    pub unreadable_count: u64,
    /// How long it took.
    pub duration: Duration,
}

/// Re-encrypts. Needs the keys to read and to write; the index has to be brought up to date after the session that this
/// begins, which it does.
pub(crate) fn reencrypt(
    store: &Arc<Store>,
    devices: &Arc<DeviceList>,
    options: &ReencryptOptions,
    ctx: &Context,
) -> Result<ReencryptReport> {
    let keys = store.keys();
    if !(keys.can_read() && keys.can_write()) {
        let detail = "this needs a reader's or owner's key";
        return Err(Error::new(ErrorKind::Forbidden, OPERATION).detail(detail));
    }
    let meter = ctx.meter();
    meter.phase(Phase::Preparing);
    let session = Session::begin(store, devices, LeasePurpose::Copy)?;
    store.index().refresh(store.backend(), keys, ctx)?;
    let mut work = Work::new(store, &session, options, &meter, ctx)?;
    let condemned = Condemned::load(store, devices)?.going();
    let pool = ctx.pool()?;
    let done = pool.install(|| work.run(&condemned));
    let listed = work.repacker.finish();
    session.end();
    let mut report = work.report;
    match done.and(listed) {
        // What was done so far is done; calling again goes on with the rest.
        Err(error) if error.kind() == ErrorKind::Cancelled && !ctx.token().is_cancelled() => {
            report.outcome = Outcome::Suspended;
        }
        done => done?,
    }
    (report.stored_packs, report.stored_bytes) = work.repacker.written();
    report.duration = meter.elapsed();
    meter.finish();
    Ok(report)
}

/// A pack of an earlier epoch.
struct Old {
    id: PackId,
    length: u64,
    received: Timestamp,
}

struct Work<'a> {
    store: &'a Arc<Store>,
    session: &'a Session,
    options: &'a ReencryptOptions,
    meter: &'a Meter,
    ctx: &'a Context,
    began: Instant,
    throttle: Throttle,
    repacker: Repacker<'a>,
    /// The key of this session, as it stands in the packs it writes.
    entry: SessionEntry,
    key: SecretKey,
    counter: u64,
    listed_packs: u64,
    /// Epochs of the sessions that segments belong to.
    epochs: HashMap<SessionId, u32>,
    /// Packs that were read, and their bytes.
    read: (u64, u64),
    report: ReencryptReport,
}

impl<'a> Work<'a> {
    fn new(
        store: &'a Arc<Store>,
        session: &'a Session,
        options: &'a ReencryptOptions,
        meter: &'a Meter,
        ctx: &'a Context,
    ) -> Result<Self> {
        let keys = store.keys();
        let epoch = keys.current()?;
        let readers = epoch.data_public.as_ref().ok_or_else(|| internal(OPERATION, "there is no data public key"))?;
        let key = SecretKey::random()?;
        let entry = SessionEntry::seal(&keys.repository, session.id(), epoch.epoch, &key, readers)?;
        Ok(Work {
            store,
            session,
            options,
            meter,
            ctx,
            began: Instant::now(),
            throttle: Throttle::new(ctx.limits().download_rate),
            repacker: Repacker::new(store, ctx),
            epochs: HashMap::from([(entry.session, entry.epoch)]),
            read: (0, 0),
            counter: 0,
            listed_packs: 0,
            report: ReencryptReport { epoch: entry.epoch, ..ReencryptReport::default() },
            entry,
            key,
        })
    }

    fn run(&mut self, condemned: &HashSet<PackId>) -> Result<()> {
        let mut stored = BTreeMap::new();
        self.store.backend().list(Folder::Packs, &mut |info| {
            self.ctx.check(OPERATION)?;
            if let Ok(id) = info.name.id::<PackId>()
                && !condemned.contains(&id)
            {
                stored.insert(id, (info.length, info.modified));
            }
            Ok(())
        })?;
        let mut todo = self.find(&stored)?;
        // Oldest first, as they were written.
        todo.sort_by_key(|old| (old.received, old.id));
        let total = todo.iter().map(|old| old.length).fold(0u64, u64::saturating_add);
        self.meter.totals(Some(todo.len() as u64), Some(total));
        self.meter.phase(Phase::Reencrypting);
        let mut todo = todo.into_iter().peekable();
        while let Some(old) = todo.peek() {
            if self.is_over(old.length) {
                self.report.outcome = Outcome::Suspended;
                break;
            }
            self.session.hold(OPERATION)?;
            match self.pack(old, &stored) {
                Ok(()) => {
                    self.report.superseded_packs += 1;
                    self.report.superseded_bytes = self.report.superseded_bytes.saturating_add(old.length);
                }
                // Pruning took it away meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if is_of_the_object(&error) => self.unreadable(&old.id, &error),
                Err(error) => return Err(error),
            }
            todo.next();
        }
        for old in todo {
            self.report.left_packs += 1;
            self.report.left_bytes = self.report.left_bytes.saturating_add(old.length);
        }
        if self.report.outcome == Outcome::Complete && self.report.unreadable_count > 0 {
            self.report.outcome = Outcome::Partial;
        }
        Ok(())
    }

    fn is_over(&self, next: u64) -> bool {
        let bytes = self.options.max_bytes.is_some_and(|most| {
            // One at least, or a call with a small bound would never get anywhere.
            self.read.0 > 0 && self.read.1.saturating_add(next) > most
        });
        bytes || self.options.max_time.is_some_and(|most| self.began.elapsed() >= most) || self.ctx.should_suspend()
    }

    fn unreadable(&mut self, id: &PackId, error: &Error) {
        self.report.unreadable_count += 1;
        self.meter.add_problems(1);
        if self.report.unreadable.len() < MAX_LISTED {
            self.report.unreadable.push((ObjectName::of(Folder::Packs, id), error.to_string()));
        }
    }

    /// The packs of earlier epochs that hold something which does not yet lie in a pack of this one.
    fn find(&mut self, stored: &BTreeMap<PackId, (u64, Timestamp)>) -> Result<Vec<Old>> {
        let mut packs: BTreeMap<PackId, (u64, BTreeSet<SessionId>)> = BTreeMap::new();
        self.store.index().for_each_segment(&mut |_, place| {
            self.ctx.check(OPERATION)?;
            let (first, sessions) = packs.entry(place.pack).or_insert((place.offset, BTreeSet::new()));
            *first = (*first).min(place.offset);
            sessions.insert(place.header.session);
            Ok(())
        })?;
        packs.retain(|id, _| stored.contains_key(id));
        // A pack's header tells the epochs of its sessions; of packs whose sessions are known already it is not read.
        let mut unread = BTreeSet::new();
        for (id, (first, sessions)) in &packs {
            if sessions.iter().all(|session| self.epochs.contains_key(session)) {
                continue;
            }
            self.ctx.check(OPERATION)?;
            match self.store.pack_header(&ObjectName::of(Folder::Packs, id), *first) {
                Ok(header) => {
                    for entry in header.sessions {
                        // Of two that disagree, one lies; work that is done in vain does no harm.
                        let known = self.epochs.entry(entry.session).or_insert(entry.epoch);
                        *known = (*known).min(entry.epoch);
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if is_of_the_object(&error) => {
                    self.unreadable(id, &error);
                    unread.insert(*id);
                }
                Err(error) => return Err(error),
            }
        }
        let is_old = |sessions: &BTreeSet<SessionId>| {
            sessions.iter().any(|session| self.epochs.get(session).is_some_and(|epoch| *epoch < self.entry.epoch))
        };
        packs.retain(|id, (_, sessions)| !unread.contains(id) && is_old(sessions));
        // What of these still has to move.
        let mut needed = BTreeSet::new();
        self.store.index().for_each_segment(&mut |_, place| {
            self.ctx.check(OPERATION)?;
            let old = packs.contains_key(&place.pack) && !needed.contains(&place.pack);
            if old && !self.has_moved(&place.header.id, stored)? {
                needed.insert(place.pack);
            }
            Ok(())
        })?;
        let mut todo = Vec::new();
        for id in packs.into_keys() {
            let Some((length, received)) = stored.get(&id).copied() else { continue };
            if needed.contains(&id) {
                todo.push(Old { id, length, received });
            } else {
                self.report.superseded_packs += 1;
                self.report.superseded_bytes = self.report.superseded_bytes.saturating_add(length);
            }
        }
        Ok(todo)
    }

    /// Whether a segment lies in a pack that is here to stay and under the keys of this epoch.
    fn has_moved(&self, id: &SegmentId, stored: &BTreeMap<PackId, (u64, Timestamp)>) -> Result<bool> {
        let places = self.store.index().segment(id)?;
        Ok(places.iter().any(|place| {
            let epoch = self.epochs.get(&place.header.session);
            // Packs written since are not in the listing.
            let stays = stored.contains_key(&place.pack) || place.header.session == self.entry.session;
            stays && epoch.is_some_and(|epoch| *epoch >= self.entry.epoch)
        }))
    }

    /// Seals what one pack holds under the keys of this session. Where some of it is damaged, that part stays behind.
    fn pack(&mut self, old: &Old, stored: &BTreeMap<PackId, (u64, Timestamp)>) -> Result<()> {
        let name = ObjectName::of(Folder::Packs, old.id);
        self.read = (self.read.0 + 1, self.read.1.saturating_add(old.length));
        let whole = WholePack::read(self.store, &old.id, old.length, &self.throttle, self.ctx)?;
        let mut wanted = HashSet::new();
        for segment in &whole.contents().segments {
            if !self.has_moved(&segment.header.id, stored)? {
                wanted.insert(segment.header.id);
            }
        }
        let mut segments = whole.segments(|segment| Ok(wanted.contains(&segment.header.id)));
        // Of this pack alone: another may claim another key for the same session.
        let mut keys: HashMap<SessionId, SecretKey> = HashMap::new();
        let mut damaged = None;
        // A few at a time: beside this pack there is the new one in memory, and no third.
        let at_once = rayon::current_num_threads();
        loop {
            let some: Vec<SealedSegment> = segments.by_ref().take(at_once).collect::<Result<_>>()?;
            if some.is_empty() {
                break;
            }
            self.seal_anew(some, &mut keys, &name, &mut damaged)?;
        }
        let (written, bytes) = self.repacker.written();
        if written >= self.listed_packs + PACKS_PER_INDEX {
            self.repacker.publish()?;
            self.listed_packs = written;
        }
        self.meter.add_entries(1);
        self.meter.add_bytes(old.length);
        self.meter.set_stored_bytes(bytes);
        self.meter.report(|| Some(name.to_string()));
        match damaged {
            Some(error) => Err(error),
            None => {
                self.report.packs += 1;
                self.report.bytes = self.report.bytes.saturating_add(old.length);
                Ok(())
            }
        }
    }

    /// Seals segments of the pack `name` under the keys of this session, and puts them into the new pack.
    fn seal_anew(
        &mut self,
        segments: Vec<SealedSegment>,
        keys: &mut HashMap<SessionId, SecretKey>,
        name: &ObjectName,
        damaged: &mut Option<Error>,
    ) -> Result<()> {
        let mut keyed = Vec::with_capacity(segments.len());
        for segment in segments {
            let session = segment.session.session;
            let key = match keys.get(&session) {
                Some(key) => key.clone(),
                None => {
                    let key = self.open(&segment.session).map_err(|error| error.or_object(name))?;
                    keys.insert(session, key.clone());
                    key
                }
            };
            keyed.push((self.counter, key, segment));
            self.counter += 1;
        }
        let (session, new_key, entry, ctx) = (self.entry.session, &self.key, &self.entry, self.ctx);
        let (repository, hasher) = (self.store.keys().repository, self.store.hasher()?);
        let sealed: Vec<Result<SealedSegment>> = keyed
            .into_par_iter()
            .map(|(counter, key, segment)| {
                ctx.check(OPERATION)?;
                let SealedSegment { header, references, sealed, .. } = segment;
                let place = SegmentPlace { repository: &repository, session: &session, counter, kind: header.kind };
                let (header, blobs, sealed) = segment::reseal(&header, &key, hasher, sealed, place, new_key)?;
                Ok(SealedSegment { header, blobs, references, session: entry.clone(), sealed })
            })
            .collect();
        for segment in sealed {
            match segment {
                Ok(segment) => {
                    self.report.segments += 1;
                    self.repacker.add(segment)?;
                }
                Err(error) if is_of_the_object(&error) => *damaged = Some(error.object(name)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn open(&self, entry: &SessionEntry) -> Result<SecretKey> {
        let keys = self.store.keys();
        let private = keys.epoch(entry.epoch)?.data_private.as_ref();
        entry.open(&keys.repository, private.ok_or_else(|| internal(OPERATION, "there is no data private key"))?)
    }
}
