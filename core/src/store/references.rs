//! What tree blobs refer to: from the footers of packs, for who may not read them, or from the blobs themselves.

use super::Store;
use super::blobs::NodeStore;
use super::packs::{is_of_the_object, read_contents};
use super::read::StoreReader;
use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::node;
use crate::format::pack::Reference;
use crate::format::segment::BlobKind;
use crate::id::{BlobId, PackId, SegmentId};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Says what tree blobs refer to.
pub(crate) trait References {
    /// Everything that a tree blob refers to.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the index does not list the blob, and what is wrong with where it lies.
    fn of(&mut self, blob: &BlobId) -> Result<Vec<Reference>>;
}

fn not_listed(blob: &BlobId) -> Error {
    let error = Error::new(ErrorKind::NotFound, "look up what a tree node refers to").object(blob);
    error.detail("no pack in the index holds it")
}

/// Reads the tree blobs themselves. Nobody can lie to it.
pub(crate) struct NodeReferences<'a>(pub(crate) &'a StoreReader);

impl References for NodeReferences<'_> {
    fn of(&mut self, blob: &BlobId) -> Result<Vec<Reference>> {
        node::references(&self.0.load_blob(blob)?).map_err(|error| error.or_object(blob))
    }
}

/// Reads the footers of packs. Believes whoever wrote them: a writer can say too little of its own trees, and so also
/// of those that others share with it.
pub(crate) struct FooterReferences<'a> {
    store: &'a Store,
    ctx: &'a Context,
    packs: HashMap<PackId, (u64, Arc<PackReferences>)>,
    clock: u64,
    held: usize,
    room: usize,
}

/// What the tree blobs of one pack refer to.
#[derive(Debug, Default)]
struct PackReferences {
    blobs: HashMap<BlobId, Vec<Reference>>,
    /// About how many bytes of memory that takes.
    size: usize,
}

impl<'a> FooterReferences<'a> {
    /// Keeps what it read of footers in a quarter of the budget's memory.
    pub(crate) fn new(store: &'a Store, ctx: &'a Context) -> Self {
        let room = usize::try_from(ctx.limits().memory_bytes() / 4).unwrap_or(usize::MAX);
        FooterReferences { store, ctx, packs: HashMap::new(), clock: 0, held: 0, room }
    }

    fn pack(&mut self, id: &PackId) -> Result<Arc<PackReferences>> {
        self.clock += 1;
        if let Some((used, known)) = self.packs.get_mut(id) {
            *used = self.clock;
            return Ok(Arc::clone(known));
        }
        self.ctx.check("look up what a tree node refers to")?;
        let length = self.store.backend().stat(&ObjectName::of(Folder::Packs, id))?.length;
        let (_, contents, references) = read_contents(self.store, id, length)?;
        let trees = contents.segments.iter().filter(|segment| segment.header.kind == BlobKind::Tree);
        let blobs = trees.flat_map(|segment| &segment.blobs).copied();
        let mut pack = PackReferences::default();
        for (blob, references) in blobs.zip(references) {
            pack.size += 96 + references.len() * size_of::<Reference>();
            pack.blobs.insert(blob, references);
        }
        while self.held + pack.size > self.room && !self.packs.is_empty() {
            let oldest = self.packs.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id);
            let Some((_, gone)) = oldest.and_then(|oldest| self.packs.remove(&oldest)) else { break };
            self.held -= gone.size;
        }
        self.held += pack.size;
        let pack = Arc::new(pack);
        self.packs.insert(*id, (self.clock, Arc::clone(&pack)));
        Ok(pack)
    }
}

impl References for FooterReferences<'_> {
    /// All that any footer says, so that nobody can take anything away from what somebody else said.
    fn of(&mut self, blob: &BlobId) -> Result<Vec<Reference>> {
        let packs: BTreeSet<PackId> =
            self.store.index().blob_places(blob)?.into_iter().map(|(place, _)| place.pack).collect();
        let mut found: Option<HashSet<Reference>> = None;
        let mut failed = None;
        for id in packs {
            match self.pack(&id) {
                Ok(pack) => {
                    if let Some(references) = pack.blobs.get(blob) {
                        found.get_or_insert_default().extend(references);
                    }
                }
                Err(error) if is_of_the_object(&error) => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        let found = found.ok_or_else(|| failed.unwrap_or_else(|| not_listed(blob)))?;
        Ok(found.into_iter().collect())
    }
}

/// Goes through all that a tree blob leads to, itself included, once each: `blob` says whether a tree blob is to be
/// looked into, `segment` hears of content.
pub(crate) fn walk(
    root: &BlobId,
    references: &mut dyn References,
    ctx: &Context,
    blob: &mut dyn FnMut(&BlobId) -> Result<bool>,
    segment: &mut dyn FnMut(&SegmentId) -> Result<()>,
) -> Result<()> {
    let mut waiting = vec![*root];
    while let Some(next) = waiting.pop() {
        ctx.check("look up what a tree node refers to")?;
        if !blob(&next)? {
            continue;
        }
        for reference in references.of(&next)? {
            match reference {
                Reference::Tree(id) => waiting.push(id),
                Reference::Data(id) => segment(&id)?,
            }
        }
    }
    Ok(())
}
