//! What snapshots lead to, and so which packs are needed.

use crate::backend::Folder;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::Timestamp;
use crate::format::pack::{PackedSegment, Reference};
use crate::id::{BlobId, PackId, SegmentId};
use crate::progress::Meter;
use crate::store::Store;
use crate::store::index::{BlobMarks, SegmentMarks};
use crate::store::read::StoreReader;
use crate::store::references::{FooterReferences, NodeReferences, Origin, References, Remembered};
use crate::store::table::SegmentPlace;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A pack in storage, and what is known of what it holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pack {
    pub(super) length: u64,
    /// When storage received it.
    pub(super) received: Timestamp,
    /// It is named by a condemnation.
    pub(super) condemned: bool,
    /// It is gone, even if it is still there.
    pub(super) doomed: bool,
    /// Bytes of all its segments.
    pub(super) total: u64,
    /// Bytes of the segments that are needed and for which no better place is known.
    pub(super) live: u64,
    /// The index lists it.
    pub(super) indexed: bool,
}

impl Pack {
    /// Whether what lies in it can be relied on by everybody.
    fn lasts(&self) -> bool {
        !self.condemned && !self.doomed
    }

    /// The better of two lasting places is the newer: it was moved there for a reason.
    fn rank(&self, id: PackId) -> (Timestamp, PackId) {
        (self.received, id)
    }
}

/// Which segments are needed, and what that makes of each pack.
pub(super) struct Liveness {
    pub(super) packs: BTreeMap<PackId, Pack>,
    marks: SegmentMarks,
    /// Positions of the hopes that lack something.
    pub(super) void: Vec<usize>,
}

/// The packs in storage.
pub(super) fn list_packs(store: &Store) -> Result<BTreeMap<PackId, Pack>> {
    let mut packs = BTreeMap::new();
    store.backend().list(Folder::Packs, &mut |info| {
        if let Ok(id) = info.name.id::<PackId>() {
            packs.insert(id, Pack { length: info.length, received: info.modified, ..Pack::default() });
        }
        Ok(())
    })?;
    Ok(packs)
}

impl Liveness {
    /// Goes through everything below `roots`, all of which has to be there, and below `hopes`, which may lack
    /// something: [`void`](Liveness::void) says which do. `packs` are all there are.
    pub(super) fn find(
        reader: &StoreReader,
        roots: &[BlobId],
        hopes: &[BlobId],
        packs: BTreeMap<PackId, Pack>,
        meter: &Meter,
        ctx: &Context,
    ) -> Result<Self> {
        let store = reader.store();
        let index = store.index();
        let mut liveness = Liveness { packs, marks: index.segment_marks()?, void: Vec::new() };
        // A writer can lie in footers about what its trees refer to; whoever can read looks for themselves.
        let share = if store.keys().can_read() { 16 } else { 4 };
        let room = usize::try_from(ctx.limits().memory_bytes() / share).unwrap_or(usize::MAX);
        let remembered = Remembered::of_store(store, room)?;
        let (mut from_nodes, mut from_footers);
        let references: &mut dyn References = if store.keys().can_read() {
            from_nodes = NodeReferences::remembering(reader, remembered);
            &mut from_nodes
        } else {
            from_footers = FooterReferences::new(store, remembered, ctx);
            &mut from_footers
        };
        let mut walk = Walk { liveness: &liveness, store, blobs: index.blob_marks()?, references, meter, ctx };
        for root in roots {
            walk.below(root, true)?;
        }
        let mut void = Vec::new();
        for (position, root) in hopes.iter().enumerate() {
            if !walk.below(root, false)? {
                void.push(position);
            }
        }
        walk.references.forget_but(&mut |origin| match origin {
            Origin::Segment(id) => liveness.marks.is_marked(id),
            Origin::Pack(id) => Ok(liveness.packs.contains_key(id)),
        })?;
        liveness.count(store, ctx)?;
        liveness.void = void;
        Ok(liveness)
    }

    fn pack(&self, id: &PackId) -> Option<&Pack> {
        self.packs.get(id).filter(|pack| !pack.doomed)
    }

    /// The place of a segment that is relied on: in a pack that lasts, if there is one, and then in the newest.
    fn best<'p>(&self, places: &'p [SegmentPlace]) -> Option<&'p SegmentPlace> {
        let ranked = places.iter().filter_map(|place| Some((self.pack(&place.pack)?, place)));
        let best = ranked.max_by_key(|(pack, place)| (pack.lasts(), pack.rank(place.pack)));
        best.map(|(_, place)| place)
    }

    /// Adds up what is needed in each pack.
    fn count(&mut self, store: &Store, ctx: &Context) -> Result<()> {
        // Packs that several tables list are counted in the first.
        let mut counted: HashMap<PackId, usize> = HashMap::new();
        let mut sums: HashMap<PackId, (u64, u64)> = HashMap::new();
        store.index().for_each_segment(&mut |table, place| {
            ctx.check_or_suspended("find out what is needed")?;
            if *counted.entry(place.pack).or_insert(table) != table {
                return Ok(());
            }
            let length = u64::from(place.header.stored_length);
            let sum = sums.entry(place.pack).or_default();
            sum.0 = sum.0.saturating_add(length);
            if self.marks.is_marked(&place.header.id)? {
                let places = store.index().segment(&place.header.id)?;
                if let Some(best) = self.best(&places) {
                    // What is condemned is never relied on by anything else that is: both would be removed by two
                    // who each rely on the other.
                    let lasts = self.pack(&best.pack).is_some_and(Pack::lasts);
                    if !lasts || best.pack == place.pack {
                        sum.1 = sum.1.saturating_add(length);
                    }
                }
            }
            Ok(())
        })?;
        for (id, (total, live)) in sums {
            if let Some(pack) = self.packs.get_mut(&id) {
                (pack.total, pack.live, pack.indexed) = (total, live, true);
            }
        }
        Ok(())
    }

    /// Whether a segment has to move when its pack goes.
    pub(super) fn is_needed_in(&self, store: &Store, segment: &PackedSegment, pack: &PackId) -> Result<bool> {
        let id = &segment.header.id;
        if !self.marks.is_marked(id)? {
            return Ok(false);
        }
        let places = store.index().segment(id)?;
        Ok(self.best(&places).is_some_and(|best| best.pack == *pack && best.offset == segment.offset))
    }
}

fn lost(what: impl std::fmt::Display) -> Error {
    let detail = "a snapshot refers to it, and storage does not have it: nothing is removed before `check` and \
                  `repair` have seen to that";
    Error::new(ErrorKind::NotFound, "find out what is needed").object(what).detail(detail)
}

struct Walk<'a> {
    liveness: &'a Liveness,
    store: &'a Store,
    blobs: BlobMarks,
    references: &'a mut dyn References,
    meter: &'a Meter,
    ctx: &'a Context,
}

impl Walk<'_> {
    /// Marks everything below a root. Whether all of it is there; an error if it is not and has to be.
    fn below(&mut self, root: &BlobId, must_be_whole: bool) -> Result<bool> {
        let mut whole = true;
        let mut waiting = vec![*root];
        while let Some(id) = waiting.pop() {
            self.ctx.check_or_suspended("find out what is needed")?;
            let found = self.blob(&id).and_then(|new| if new { self.references.of(&id).map(Some) } else { Ok(None) });
            let references = match found {
                Ok(found) => found.unwrap_or_default(),
                Err(error) if !must_be_whole && error.kind() != ErrorKind::Cancelled => {
                    whole = false;
                    continue;
                }
                Err(error) => return Err(error),
            };
            for reference in references {
                match reference {
                    Reference::Tree(id) => waiting.push(id),
                    Reference::Data(id) if self.segment(&id)? => {}
                    Reference::Data(id) if must_be_whole => return Err(lost(id)),
                    Reference::Data(_) => whole = false,
                }
            }
        }
        Ok(whole)
    }

    /// Marks a segment of content. Whether it is there.
    fn segment(&self, id: &SegmentId) -> Result<bool> {
        let places = self.store.index().segment(id)?;
        Ok(self.liveness.best(&places).is_some() && self.liveness.marks.mark(id)?.is_some())
    }

    /// Marks a tree blob, and the segment it is relied on to be in. Whether it is the first time.
    fn blob(&mut self, id: &BlobId) -> Result<bool> {
        match self.blobs.mark(id)? {
            None => return Err(lost(id)),
            Some(false) => return Ok(false),
            Some(true) => {}
        }
        self.meter.add_entries(1);
        self.meter.report(|| None);
        let places: Vec<SegmentPlace> =
            self.store.index().blob_places(id)?.into_iter().map(|(place, _)| place).collect();
        let segments: HashSet<SegmentId> = places.iter().map(|place| place.header.id).collect();
        let mut all = Vec::new();
        for segment in segments {
            all.extend(self.store.index().segment(&segment)?);
        }
        let best = self.liveness.best(&all).ok_or_else(|| lost(id))?;
        self.liveness.marks.mark(&best.header.id)?;
        Ok(true)
    }
}
