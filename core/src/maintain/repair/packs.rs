//! Which packs are damaged, which of their segments are sound, and moving those into new packs.

use super::Repair;
use super::report::DamagedPack;
use crate::backend::{Folder, ObjectName};
use crate::error::{Error, ErrorKind, Result, corrupt, internal};
use crate::format::index::IndexObject;
use crate::format::node::references;
use crate::format::pack::{IndexedPack, PackedSegment, Reference};
use crate::format::segment::{BlobKind, Segment};
use crate::id::{IndexId, PackId, SegmentId};
use crate::store::index::{self, Listed};
use crate::store::packs::{PIECE, is_of_the_object, read_contents};
use crate::store::parity;
use crate::store::repack::{Repacker, SealedSegment, WholePack};
use crate::store::table::SegmentPlace;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

/// Most damaged packs with their details in the report.
const MAX_LISTED: usize = 10_000;

/// What is wrong with a pack.
#[derive(Debug)]
struct Trouble {
    /// None when storage does not have it.
    length: Option<u64>,
    detail: String,
}

/// What packs came to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Packs that the index shall no longer list.
    pub(super) dropped: HashSet<PackId>,
    /// Segments of which no sound copy was found.
    pub(super) lost: HashSet<SegmentId>,
    /// Of a dry run, packs with segments that would have been moved.
    pub(super) on_trial: Vec<IndexedPack>,
}

/// A segment that a damaged pack was said to hold.
struct Candidate {
    segment: PackedSegment,
    references: Option<Vec<Vec<Reference>>>,
}

fn held<T>(shared: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    shared.lock().map_err(|_| internal("repair the packs", "a thread panicked while holding what it found"))
}

/// What is said of some packs, and all packs of which something is.
type Listings = (HashMap<PackId, Vec<IndexedPack>>, BTreeSet<PackId>);

type Verdicts = (BTreeMap<PackId, Trouble>, Vec<(ObjectName, Error)>);

impl Repair<'_> {
    /// Looks at all packs, moves what is sound in damaged ones, and says what is lost.
    pub(super) fn packs(&mut self) -> Result<Judged> {
        let store = self.store;
        store.index().refresh(store.backend(), store.keys(), self.ctx)?;
        // The index first: what it lists and storage does not have by then is gone.
        let (_, first) = self.listings(&HashSet::new())?;
        let mut stored: BTreeMap<PackId, u64> = BTreeMap::new();
        store.backend().list(Folder::Packs, &mut |info| {
            self.ctx.check("repair the packs")?;
            if let Ok(id) = info.name.id()
                && !self.going.contains(&id)
            {
                stored.insert(id, info.length);
            }
            Ok(())
        })?;
        self.report.packs = stored.len() as u64;
        let (mut troubles, left) = self.examine(&stored)?;
        self.report.left = left;
        for id in first.iter().filter(|id| !stored.contains_key(*id) && !self.going.contains(*id)) {
            let name = ObjectName::of(Folder::Packs, id);
            match store.backend().stat(&name) {
                // Listings of some storages lag behind.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let detail = "the index lists it, and storage does not have it".to_owned();
                    troubles.insert(*id, Trouble { length: None, detail });
                }
                Err(error) if is_of_the_object(&error) => self.report.left.push((name, error)),
                Err(error) => return Err(error),
            }
        }
        if troubles.is_empty() {
            return Ok(Judged::default());
        }
        // Pruning may have moved what was there, and taken the packs away.
        let wanted: HashSet<PackId> = troubles.keys().copied().collect();
        let (now, _) = self.listings(&wanted)?;
        store.index().refresh(store.backend(), store.keys(), self.ctx)?;
        troubles.retain(|id, trouble| trouble.length.is_some() || now.contains_key(id));
        self.judge(&troubles, &now)
    }

    /// What index objects in force say of the packs in `wanted`, and which packs they list at all.
    fn listings(&self, wanted: &HashSet<PackId>) -> Result<Listings> {
        type Summary = (IndexId, Vec<IndexId>, Vec<PackId>, Vec<IndexedPack>);
        let store = self.store;
        let read = |listed: &Listed| -> Result<Option<Summary>> {
            self.ctx.check_or_suspended("repair the packs")?;
            let name = ObjectName::of(Folder::Index, listed.id);
            match index::load(store.backend(), store.keys(), &name, listed.length) {
                Ok(IndexObject { supersedes, packs }) => {
                    let ids = packs.iter().map(|pack| pack.id).collect();
                    let packs = packs.into_iter().filter(|pack| wanted.contains(&pack.id)).collect();
                    Ok(Some((listed.id, supersedes, ids, packs)))
                }
                // Rebuilding the index deals with it.
                Err(error) if is_of_the_object(&error) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let objects = index::list(store.backend())?.0;
        let objects: Vec<Option<Summary>> = objects.par_iter().map(read).collect::<Result<_>>()?;
        let superseded: HashSet<IndexId> =
            objects.iter().flatten().flat_map(|(_, supersedes, _, _)| supersedes).copied().collect();
        let (mut listings, mut all) = (HashMap::<PackId, Vec<IndexedPack>>::new(), BTreeSet::new());
        for (_, _, ids, packs) in objects.into_iter().flatten().filter(|(id, ..)| !superseded.contains(id)) {
            all.extend(ids);
            for pack in packs {
                let known = listings.entry(pack.id).or_default();
                if !known.contains(&pack) {
                    known.push(pack);
                }
            }
        }
        Ok((listings, all))
    }

    /// Finds the packs that are not what they should be. What is beyond this key or this build is no damage.
    fn examine(&mut self, stored: &BTreeMap<PackId, u64>) -> Result<Verdicts> {
        let packs: Vec<(PackId, u64)> = stored.iter().map(|(id, length)| (*id, *length)).collect();
        if !self.options.structure_only {
            let bytes = stored.values().fold(0u64, |sum, length| sum.saturating_add(*length));
            self.meter.totals(None, Some(bytes));
        }
        let found: Mutex<Verdicts> = Mutex::default();
        let read = Mutex::new((0u64, 0u64));
        packs.par_iter().with_max_len(1).try_for_each(|(id, length)| -> Result<()> {
            self.ctx.check_or_suspended("repair the packs")?;
            let name = ObjectName::of(Folder::Packs, id);
            let contents = || read_contents(self.store, id, *length).map(drop);
            let (whole, readable) = match self.options.structure_only.then(contents) {
                Some(Ok(())) => return Ok(()),
                unread => {
                    let whole = self.hash(&name, *length);
                    let mut read = held(&read)?;
                    *read = (read.0 + 1, read.1.saturating_add(*length));
                    drop(read);
                    (whole, unread)
                }
            };
            let error = match whole {
                Ok(hash) if hash.as_bytes() == id.as_bytes() => match readable.unwrap_or_else(contents) {
                    Ok(()) => return Ok(()),
                    Err(error) if is_of_the_object(&error) => {
                        held(&found)?.1.push((name, error));
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                },
                Ok(_) => corrupt("repair a pack", "its bytes are not those it was stored with"),
                Err(error) if matches!(error.kind(), ErrorKind::Forbidden | ErrorKind::PermissionDenied) => {
                    held(&found)?.1.push((name, error));
                    return Ok(());
                }
                Err(error) if is_of_the_object(&error) => error,
                Err(error) => return Err(error),
            };
            let detail = error.detail_text().map_or_else(|| error.to_string(), str::to_owned);
            let length = (error.kind() != ErrorKind::NotFound).then_some(*length);
            self.meter.add_problems(1);
            held(&found)?.0.insert(*id, Trouble { length, detail });
            Ok(())
        })?;
        (self.report.packs_read, self.report.bytes_read) = *held(&read)?;
        Ok(std::mem::take(&mut *held(&found)?))
    }

    /// The hash of a pack's bytes.
    fn hash(&self, name: &ObjectName, length: u64) -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        let mut offset = 0;
        while offset < length {
            self.ctx.check_or_suspended("repair the packs")?;
            let end = length.min(offset.saturating_add(PIECE));
            let bytes = self.store.backend().read(name, offset..end)?;
            if bytes.len() as u64 != end - offset {
                return Err(corrupt("repair a pack", "the storage returned another length than was asked for"));
            }
            hasher.update(&bytes);
            offset = end;
            self.meter.add_bytes(bytes.len() as u64);
            self.meter.add_stored_bytes(bytes.len() as u64);
            self.meter.report(|| Some(name.to_string()));
            self.download.pay(bytes.len() as u64, self.ctx, "repair the packs")?;
        }
        Ok(hasher.finalize())
    }

    /// Decides about every segment of the damaged packs, and moves those that are sound and nowhere else.
    fn judge(
        &mut self,
        troubles: &BTreeMap<PackId, Trouble>,
        listings: &HashMap<PackId, Vec<IndexedPack>>,
    ) -> Result<Judged> {
        let mut judged = Judged::default();
        let mut moved = HashSet::new();
        let mut repacker = Repacker::new(self.store, self.ctx);
        for (id, trouble) in troubles {
            self.ctx.check_or_suspended("repair the packs")?;
            let name = ObjectName::of(Folder::Packs, id);
            self.meter.report(|| Some(name.to_string()));
            let said = listings.get(id).map(Vec::as_slice).unwrap_or_default();
            let (whole, sectors_healed) = self.healed(id)?.unzip();
            let candidates = match &whole {
                Some(whole) => {
                    whole.contents().segments.iter().map(|segment| (segment.header.id, Vec::new())).collect()
                }
                None => self.candidates(id, trouble, said)?,
            };
            let on_trial = match &whole {
                Some(whole) if self.options.dry_run => {
                    let contents = whole.contents().clone();
                    vec![IndexedPack {
                        id: *id,
                        length: trouble.length.unwrap_or_default().max(contents.end()),
                        contents,
                    }]
                }
                _ => self.on_trial(id, trouble, said),
            };
            let mut from_healed = HashSet::new();
            let mut pack = DamagedPack {
                name,
                missing: trouble.length.is_none(),
                detail: trouble.detail.clone(),
                sectors_healed,
                segments_moved: 0,
                segments_elsewhere: 0,
                segments_lost: 0,
                segments_unknown: 0,
            };
            for (segment, copies) in candidates {
                let places = self.store.index().segment(&segment)?;
                if moved.contains(&segment) || places.iter().any(|place| !troubles.contains_key(&place.pack)) {
                    pack.segments_elsewhere += 1;
                    continue;
                }
                if whole.is_some() {
                    pack.segments_moved += 1;
                    moved.insert(segment);
                    from_healed.insert(segment);
                    judged.lost.remove(&segment);
                    continue;
                }
                if !self.can_read && trouble.length.is_some() {
                    pack.segments_unknown += 1;
                    continue;
                }
                if trouble.length.is_some() && self.rescue(id, copies, &mut repacker)? {
                    pack.segments_moved += 1;
                    moved.insert(segment);
                    judged.lost.remove(&segment);
                } else {
                    pack.segments_lost += 1;
                    judged.lost.insert(segment);
                }
            }
            if let Some(whole) = whole.filter(|_| !self.options.dry_run && !from_healed.is_empty()) {
                self.session()?.keep();
                for segment in whole.segments(|segment| Ok(from_healed.contains(&segment.header.id))) {
                    repacker.add(segment?)?;
                }
            }
            if pack.segments_unknown == 0 {
                judged.dropped.insert(*id);
            }
            if self.options.dry_run && pack.segments_moved > 0 {
                judged.on_trial.extend(on_trial);
            }
            // One that an earlier repair was done with has nothing to say any more.
            let done = said.is_empty() && pack.segments_moved == 0 && pack.segments_unknown == 0;
            if !done && self.report.damaged.len() < MAX_LISTED {
                self.report.damaged.push(pack);
            }
        }
        repacker.finish()?;
        (self.report.packs_written, self.report.bytes_written) = repacker.written();
        Ok(judged)
    }

    /// A damaged pack as its parity makes it whole, and how many sectors that took.
    fn healed(&self, id: &PackId) -> Result<Option<(WholePack, u64)>> {
        match parity::heal(self.store, id) {
            Ok((bytes, sectors)) => Ok(WholePack::of_verified(self.store, id, bytes).ok().map(|pack| (pack, sectors))),
            Err(error) if is_of_the_object(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The segments that a damaged pack is said to hold, by its footer and by the index.
    fn candidates(
        &self,
        id: &PackId,
        trouble: &Trouble,
        said: &[IndexedPack],
    ) -> Result<BTreeMap<SegmentId, Vec<Candidate>>> {
        let mut candidates: BTreeMap<SegmentId, Vec<Candidate>> = BTreeMap::new();
        let footer = trouble.length.map(|length| read_contents(self.store, id, length));
        match footer {
            Some(Ok((_, contents, references))) => {
                let mut references = references.into_iter();
                for segment in contents.segments {
                    let of_trees = if segment.header.kind == BlobKind::Tree { segment.blobs.len() } else { 0 };
                    let references = Some(references.by_ref().take(of_trees).collect());
                    candidates.entry(segment.header.id).or_default().push(Candidate { segment, references });
                }
            }
            Some(Err(error)) if !is_of_the_object(&error) => return Err(error),
            Some(Err(_)) | None => {}
        }
        for segment in said.iter().flat_map(|pack| &pack.contents.segments) {
            let copies = candidates.entry(segment.header.id).or_default();
            if copies.iter().all(|copy| copy.segment != *segment) {
                copies.push(Candidate { segment: segment.clone(), references: None });
            }
        }
        Ok(candidates)
    }

    /// All that a damaged pack is said to hold, as the index of a dry run shall list it.
    fn on_trial(&self, id: &PackId, trouble: &Trouble, said: &[IndexedPack]) -> Vec<IndexedPack> {
        let Some(length) = trouble.length.filter(|_| self.options.dry_run) else { return Vec::new() };
        let footer = read_contents(self.store, id, length).ok().map(|(_, contents, _)| contents);
        let said = said.iter().map(|pack| pack.contents.clone());
        said.chain(footer)
            .map(|contents| IndexedPack { id: *id, length: length.max(contents.end()), contents })
            .collect()
    }

    /// Moves the first copy that can be opened. `false` when there is none.
    fn rescue(&self, pack: &PackId, copies: Vec<Candidate>, repacker: &mut Repacker<'_>) -> Result<bool> {
        for Candidate { segment, references } in copies {
            let PackedSegment { header, offset, blobs } = segment;
            let place = SegmentPlace { header, pack: *pack, offset };
            let found = self.store.read_sealed(&place).and_then(|sealed| {
                let opened = self.store.open_sealed(&place, sealed.clone())?;
                Ok((sealed, opened))
            });
            let (sealed, opened) = match found {
                Ok(found) => found,
                Err(error) if is_of_the_object(&error) => continue,
                Err(error) => return Err(error),
            };
            let hasher = self.store.hasher()?;
            let blobs = match opened.blobs().map(|blob| hasher.blob(blob)).collect::<Vec<_>>() {
                // A lie of the index about the blobs is not carried on.
                found if found != blobs => found,
                _ => blobs,
            };
            let references = match references {
                Some(references) => references,
                None => references_in(&opened, place.header.kind)?,
            };
            let session = match self.store.session_entry(&place) {
                Ok(session) => session,
                Err(error) if is_of_the_object(&error) => continue,
                Err(error) => return Err(error),
            };
            if !self.options.dry_run {
                self.session()?.keep();
                repacker.add(SealedSegment { header: place.header, blobs, references, session, sealed })?;
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// What the blobs of a segment refer to, where no footer says it any more.
fn references_in(segment: &Segment, kind: BlobKind) -> Result<Vec<Vec<Reference>>> {
    match kind {
        BlobKind::Data => Ok(Vec::new()),
        BlobKind::Tree => segment.blobs().map(references).collect(),
    }
}
