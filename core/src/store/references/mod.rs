//! What tree blobs refer to: from the footers of packs, for who may not read them, or from the blobs themselves.

mod remembered;

pub(crate) use remembered::{Origin, Remembered};

use super::Store;
use super::blobs::{NodeStore, SegmentStore};
use super::packs::{is_of_the_object, read_contents};
use super::read::StoreReader;
use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::local_references::BlobReferences;
use crate::format::node;
use crate::format::pack::Reference;
use crate::format::segment::BlobKind;
use crate::id::{BlobId, PackId, SegmentId};
use remembered::Found;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Says what tree blobs refer to.
pub(crate) trait References {
    /// Everything that a tree blob refers to.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the index does not list the blob, and what is wrong with where it lies.
    fn of(&mut self, blob: &BlobId) -> Result<Vec<Reference>>;

    /// Forgets what is remembered on this machine of objects that are not needed.
    fn forget_but(&self, needed: &mut dyn FnMut(&Origin) -> Result<bool>) -> Result<()>;
}

fn not_listed(blob: &BlobId) -> Error {
    let error = Error::new(ErrorKind::NotFound, "look up what a tree node refers to").object(blob);
    error.detail("no pack in the index holds it")
}

/// Reads the tree blobs themselves. Nobody can lie to it.
pub(crate) struct NodeReferences<'a> {
    reader: &'a StoreReader,
    remembered: Option<Remembered>,
}

impl<'a> NodeReferences<'a> {
    /// Reads every blob it is asked about.
    pub(crate) fn new(reader: &'a StoreReader) -> Self {
        NodeReferences { reader, remembered: None }
    }

    /// Goes by what is remembered, and remembers.
    pub(crate) fn remembering(reader: &'a StoreReader, remembered: Remembered) -> Self {
        NodeReferences { reader, remembered: Some(remembered) }
    }
}

impl References for NodeReferences<'_> {
    fn of(&mut self, blob: &BlobId) -> Result<Vec<Reference>> {
        let read = || node::references(&self.reader.load_blob(blob)?).map_err(|error| error.or_object(blob));
        let Some(remembered) = &mut self.remembered else { return read() };
        let store = self.reader.store();
        let places = store.index().blob_places(blob)?;
        let trees = places.iter().filter(|(place, _)| place.header.kind == BlobKind::Tree);
        let segments: BTreeSet<SegmentId> = trees.map(|(place, _)| place.header.id).collect();
        for segment in &segments {
            let found = remembered.find(&Origin::Segment(*segment));
            if let Some(references) = found.as_ref().and_then(|found| found.of(blob)) {
                return Ok(references.clone());
            }
        }
        let references = read()?;
        // Its segment has just been read for it, and its neighbours are the next to be asked about.
        for id in segments {
            let Ok(segment) = self.reader.segment(&id) else { continue };
            let hasher = store.hasher()?;
            let of_blob = |bytes: &[u8]| Some((hasher.blob(bytes), node::references(bytes).ok()?));
            let blobs: BlobReferences = segment.blobs().filter_map(of_blob).collect();
            if blobs.iter().any(|(id, _)| id == blob) {
                remembered.learn(Origin::Segment(id), blobs);
                break;
            }
        }
        Ok(references)
    }

    fn forget_but(&self, needed: &mut dyn FnMut(&Origin) -> Result<bool>) -> Result<()> {
        self.remembered.as_ref().map_or(Ok(()), |remembered| remembered.keep_only(needed))
    }
}

/// Reads the footers of packs. Believes whoever wrote them: a writer can say too little of its own trees, and so also
/// of those that others share with it.
pub(crate) struct FooterReferences<'a> {
    store: &'a Store,
    ctx: &'a Context,
    remembered: Remembered,
}

impl<'a> FooterReferences<'a> {
    pub(crate) fn new(store: &'a Store, remembered: Remembered, ctx: &'a Context) -> Self {
        FooterReferences { store, ctx, remembered }
    }

    fn pack(&mut self, id: &PackId) -> Result<Arc<Found>> {
        let origin = Origin::Pack(*id);
        if let Some(found) = self.remembered.find(&origin) {
            return Ok(found);
        }
        self.ctx.check("look up what a tree node refers to")?;
        let length = self.store.backend().stat(&ObjectName::of(Folder::Packs, id))?.length;
        let (_, contents, references) = read_contents(self.store, id, length)?;
        let trees = contents.segments.iter().filter(|segment| segment.header.kind == BlobKind::Tree);
        let blobs = trees.flat_map(|segment| &segment.blobs).copied();
        Ok(self.remembered.learn(origin, blobs.zip(references).collect()))
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
                    if let Some(references) = pack.of(blob) {
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

    fn forget_but(&self, needed: &mut dyn FnMut(&Origin) -> Result<bool>) -> Result<()> {
        self.remembered.keep_only(needed)
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
