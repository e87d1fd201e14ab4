//! Rebuilding the index from what packs say about themselves.

use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::format::index::IndexObject;
use crate::format::pack::{IndexedPack, PackContents};
use crate::id::{IndexId, PackId};
use crate::progress::{Meter, Phase};
use crate::report::Outcome;
use crate::store::Store;
use crate::store::index::{self, Listed};
use crate::store::packs::{Fingerprint, fingerprint, is_of_the_object, read_contents};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Packs in one index object, at most.
const PACKS_PER_OBJECT: usize = 64;
/// Blobs in one index object, unless a single pack holds more.
const BLOBS_PER_OBJECT: usize = 100_000;
/// Packs looked at between two looks at the clock.
const BATCH: usize = 64;
/// Most packs named in the report.
const MAX_LISTED: usize = 10_000;

/// What rebuilding the index did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RebuildReport {
    /// Complete when every pack was looked at and listed, partial when some could not be read, else suspended: what
    /// was listed until then stays listed.
    pub outcome: Outcome,
    /// Packs in storage whose contents could be read.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
    /// Segments in them.
    pub segments: u64,
    /// Blobs in those.
    pub blobs: u64,
    /// Packs that no index object listed as they are, and that one lists now.
    pub packs_added: u64,
    /// Index objects written.
    pub objects_written: u64,
    /// Index objects that are no longer in force, because they cannot be read or list what is not so.
    pub objects_superseded: u64,
    /// Packs that do not say what they hold, the first thousands of them.
    pub unreadable: Vec<UnreadablePack>,
    /// How many there are.
    pub unreadable_count: u64,
    /// How long it took.
    pub duration: Duration,
}

impl RebuildReport {
    /// Whether the index was complete and correct, so that nothing had to be written.
    #[must_use]
    pub fn was_complete(&self) -> bool {
        self.objects_written == 0 && self.outcome == Outcome::Complete
    }
}

/// A pack that does not say what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadablePack {
    /// Its name.
    pub name: ObjectName,
    /// Its length is what an index object says, so what that lists for it is kept: its segments may be sound. Other
    /// packs are left out.
    pub kept: bool,
    /// Why it could not be read.
    pub detail: String,
}

/// Makes the index list every pack in storage as it is. What is listed correctly stays as it is; objects that are
/// damaged or list something wrong are superseded. Works for everyone who holds the index key.
///
/// `going` are packs that pruning is removing.
pub(crate) fn rebuild_index(store: &Arc<Store>, going: BTreeSet<PackId>, ctx: &Context) -> Result<RebuildReport> {
    let meter = ctx.meter();
    let pool = ctx.pool()?;
    let mut report = pool.install(|| rebuild(store, &going.into_iter().collect(), &meter, ctx))?;
    report.duration = meter.elapsed();
    meter.finish();
    Ok(report)
}

/// The same, to be called on a thread of the operation's pool. What the index says of the packs in `without` is no
/// longer in force afterwards, as if storage did not have them.
pub(super) fn rebuild(
    store: &Arc<Store>,
    without: &HashSet<PackId>,
    meter: &Meter,
    ctx: &Context,
) -> Result<RebuildReport> {
    meter.phase(Phase::Indexing);
    let report = RebuildReport {
        outcome: Outcome::Complete,
        packs: 0,
        pack_bytes: 0,
        segments: 0,
        blobs: 0,
        packs_added: 0,
        objects_written: 0,
        objects_superseded: 0,
        unreadable: Vec::new(),
        unreadable_count: 0,
        duration: Duration::ZERO,
    };
    store.index().refresh(store.backend(), store.keys(), ctx)?;
    let mut rebuild = Rebuild { store, without, ctx, meter, report, chunk: Vec::new(), chunk_blobs: 0 };
    rebuild.run()?;
    store.index().refresh(store.backend(), store.keys(), ctx)?;
    Ok(rebuild.report)
}

struct Rebuild<'a> {
    store: &'a Arc<Store>,
    without: &'a HashSet<PackId>,
    ctx: &'a Context,
    meter: &'a Meter,
    report: RebuildReport,
    /// Packs for the next index object.
    chunk: Vec<IndexedPack>,
    chunk_blobs: usize,
}

/// What the index says before.
#[derive(Default)]
struct Before {
    /// Objects in force that could be read.
    objects: BTreeMap<IndexId, Known>,
    /// What those say.
    packs: HashMap<PackId, Vec<Listing>>,
    /// Objects to be superseded.
    bad: BTreeSet<IndexId>,
}

/// An index object that could be read.
struct Known {
    length: u64,
    supersedes: Vec<IndexId>,
}

/// What one index object says about a pack.
#[derive(Clone, Copy)]
struct Listing {
    object: IndexId,
    length: u64,
    contents: Fingerprint,
}

impl Before {
    /// What is said about a pack of this length.
    fn listings(&self, id: &PackId, length: u64) -> impl Iterator<Item = &Listing> {
        self.packs.get(id).into_iter().flatten().filter(move |listing| listing.length == length)
    }
}

impl Rebuild<'_> {
    fn run(&mut self) -> Result<()> {
        // The index first: what is listed then, and not in storage later, is gone.
        let mut before = self.read_index()?;
        let mut stored: BTreeMap<PackId, u64> = BTreeMap::new();
        self.store.backend().list(Folder::Packs, &mut |info| {
            self.ctx.check("rebuild the index")?;
            if let Ok(id) = info.name.id()
                && !self.without.contains(&id)
            {
                stored.insert(id, info.length);
            }
            Ok(())
        })?;
        self.meter.totals(Some(stored.len() as u64), None);
        for (id, listings) in &before.packs {
            let wrong = listings.iter().filter(|listing| stored.get(id) != Some(&listing.length));
            before.bad.extend(wrong.map(|listing| listing.object));
        }
        // Packs that are listed anew.
        let mut settled = BTreeSet::new();
        let packs: Vec<(PackId, u64)> = stored.iter().map(|(id, length)| (*id, *length)).collect();
        for batch in packs.chunks(BATCH) {
            if self.ctx.should_suspend() {
                self.ctx.check("rebuild the index")?;
                self.report.outcome = Outcome::Suspended;
                return self.write_chunk(Vec::new());
            }
            let store = self.store;
            let read: Vec<Result<PackContents>> = batch
                .par_iter()
                .map(|(id, length)| {
                    self.ctx.check("rebuild the index")?;
                    read_contents(store, id, *length).map(|(_, contents, _)| contents)
                })
                .collect();
            for ((id, length), contents) in batch.iter().zip(read) {
                let unlisted = before.bad.is_empty() && !before.packs.contains_key(id);
                if unlisted
                    && let Ok(contents) = &contents
                    && self.is_elsewhere(id, contents, &stored)?
                {
                    self.report.packs += 1;
                    self.report.pack_bytes = self.report.pack_bytes.saturating_add(*length);
                    continue;
                }
                self.pack(*id, *length, contents, &mut before, &mut settled)?;
            }
        }
        self.relist(&before, &stored, &settled)?;
        let superseded: BTreeSet<IndexId> = before
            .bad
            .iter()
            .flat_map(|id| before.objects.get(id).map(|known| &known.supersedes).into_iter().flatten().chain([id]))
            .copied()
            .collect();
        self.report.objects_superseded = before.bad.len() as u64;
        if self.report.unreadable_count > 0 {
            self.report.outcome = Outcome::Partial;
        }
        // Last, so that at no time anything is listed nowhere.
        self.write_chunk(superseded.into_iter().collect())
    }

    fn read_index(&self) -> Result<Before> {
        let (listed, _) = index::list(self.store.backend())?;
        let store = self.store;
        let read = |listed: &Listed| -> Result<Option<(IndexId, Result<Summary>)>> {
            self.ctx.check("rebuild the index")?;
            let name = ObjectName::of(Folder::Index, listed.id);
            match index::load(store.backend(), store.keys(), &name, listed.length) {
                Ok(object) => Ok(Some((listed.id, Ok(summary(*listed, object))))),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) if is_of_the_object(&error) => Ok(Some((listed.id, Err(error)))),
                Err(error) => Err(error),
            }
        };
        let read: Vec<_> = listed.par_iter().map(read).collect::<Result<Vec<_>>>()?;
        let mut superseded = BTreeSet::new();
        for (_, summary) in read.iter().flatten() {
            superseded.extend(summary.iter().flat_map(|(known, _)| &known.supersedes).copied());
        }
        let mut before = Before::default();
        for (id, summary) in read.into_iter().flatten().filter(|(id, _)| !superseded.contains(id)) {
            match summary {
                Ok((known, listings)) => {
                    before.objects.insert(id, known);
                    for (pack, listing) in listings {
                        before.packs.entry(pack).or_default().push(listing);
                    }
                }
                // Another version's objects, and those of an epoch that the key does not reach, may list more
                // than can be found out here. They stay in force for those who can read them.
                Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Forbidden) => {}
                Err(_) => {
                    before.bad.insert(id);
                }
            }
        }
        Ok(before)
    }

    /// Whether the index lists all segments of a pack in others: then it was left behind by a repair, which found it
    /// damaged, or by pruning, which is about to delete it.
    fn is_elsewhere(&self, id: &PackId, contents: &PackContents, stored: &BTreeMap<PackId, u64>) -> Result<bool> {
        for segment in &contents.segments {
            let places = self.store.index().segment(&segment.header.id)?;
            if !places.iter().any(|place| place.pack != *id && stored.contains_key(&place.pack)) {
                return Ok(false);
            }
        }
        Ok(!contents.segments.is_empty())
    }

    /// Takes what a pack says of itself, and compares it with what the index says.
    fn pack(
        &mut self,
        id: PackId,
        length: u64,
        contents: Result<PackContents>,
        before: &mut Before,
        settled: &mut BTreeSet<PackId>,
    ) -> Result<()> {
        let name = ObjectName::of(Folder::Packs, id);
        self.meter.add_entries(1);
        self.meter.report(|| Some(name.to_string()));
        let contents = match contents {
            Ok(contents) => contents,
            Err(error) if is_of_the_object(&error) => {
                let kept = before.listings(&id, length).next().is_some();
                self.report.unreadable_count += 1;
                self.meter.add_problems(1);
                if self.report.unreadable.len() < MAX_LISTED {
                    let detail = error.to_string();
                    self.report.unreadable.push(UnreadablePack { name, kept, detail });
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.report.packs += 1;
        self.report.pack_bytes = self.report.pack_bytes.saturating_add(length);
        self.report.segments += contents.segments.len() as u64;
        self.report.blobs += contents.segments.iter().map(|segment| segment.blobs.len() as u64).sum::<u64>();
        let found = fingerprint(&contents);
        let (right, wrong): (Vec<Listing>, Vec<Listing>) =
            before.listings(&id, length).partition(|listing| listing.contents == found);
        before.bad.extend(wrong.iter().map(|listing| listing.object));
        if right.is_empty() || !wrong.is_empty() {
            settled.insert(id);
            self.report.packs_added += 1;
            self.list(IndexedPack { id, length, contents })?;
        }
        Ok(())
    }

    /// Lists again what objects that will be superseded say, as far as it is right and said nowhere else.
    fn relist(&mut self, before: &Before, stored: &BTreeMap<PackId, u64>, settled: &BTreeSet<PackId>) -> Result<()> {
        let is_good =
            |id: &PackId, length: u64| before.listings(id, length).any(|listing| !before.bad.contains(&listing.object));
        let mut relisted = BTreeSet::new();
        for id in &before.bad {
            let Some(Known { length, .. }) = before.objects.get(id) else { continue };
            self.ctx.check("rebuild the index")?;
            let name = ObjectName::of(Folder::Index, id);
            let object = index::load(self.store.backend(), self.store.keys(), &name, *length)?;
            for pack in object.packs {
                let wanted = stored.get(&pack.id) == Some(&pack.length)
                    && !settled.contains(&pack.id)
                    && !is_good(&pack.id, pack.length)
                    && relisted.insert(pack.id);
                if wanted {
                    self.list(pack)?;
                }
            }
        }
        Ok(())
    }

    fn list(&mut self, pack: IndexedPack) -> Result<()> {
        let blobs: usize = pack.contents.segments.iter().map(|segment| segment.blobs.len()).sum();
        if self.chunk.len() >= PACKS_PER_OBJECT
            || (!self.chunk.is_empty() && self.chunk_blobs.saturating_add(blobs) > BLOBS_PER_OBJECT)
        {
            self.write_chunk(Vec::new())?;
        }
        self.chunk_blobs += blobs;
        self.chunk.push(pack);
        Ok(())
    }

    fn write_chunk(&mut self, supersedes: Vec<IndexId>) -> Result<()> {
        self.chunk_blobs = 0;
        let packs = std::mem::take(&mut self.chunk);
        if packs.is_empty() && supersedes.is_empty() {
            return Ok(());
        }
        index::write(self.store.backend(), self.store.keys(), &IndexObject { supersedes, packs })?;
        self.report.objects_written += 1;
        Ok(())
    }
}

/// What is kept of an index object.
type Summary = (Known, Vec<(PackId, Listing)>);

fn summary(listed: Listed, object: IndexObject) -> Summary {
    let listing =
        |pack: &IndexedPack| Listing { object: listed.id, length: pack.length, contents: fingerprint(&pack.contents) };
    let listings = object.packs.iter().map(|pack| (pack.id, listing(pack))).collect();
    (Known { length: listed.length, supersedes: object.supersedes }, listings)
}
