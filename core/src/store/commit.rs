//! Whether a session may commit: whether all that it refers to is there to stay.

use super::condemned::Condemned;
use super::makes_mistake;
use super::packs::is_of_the_object;
use super::read::StoreReader;
use super::references::{FooterReferences, NodeReferences, References, Remembered, walk};
use super::session::Session;
use super::snapshots::{self, NewSnapshot};
use crate::backend::{Folder, ObjectName};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobId, PackId, SegmentId, SnapshotId};
use crate::store::devices::DeviceList;
use std::collections::HashSet;

/// Writes the snapshot that a session came to.
///
/// # Errors
/// [`Conflict`](ErrorKind::Conflict) when something it refers to is about to be removed: the work has to be done again.
pub(crate) fn commit(
    session: &Session,
    reader: &StoreReader,
    devices: &DeviceList,
    new: NewSnapshot,
) -> Result<SnapshotId> {
    let (backend, keys, root) = (reader.store().backend(), reader.store().keys(), new.root);
    confirm(session, reader, devices, &root)?;
    let id = snapshots::write(backend, keys, devices, new)?;
    if let Err(error) = confirm_after(session, reader, devices, &root) {
        // Where nothing can be deleted it stays, and `check` tells what it lacks.
        let _ = backend.delete(&ObjectName::of(Folder::Snapshots, id));
        return Err(error);
    }
    Ok(id)
}

/// Renews the session's lease and, if pruning may have taken it for dead meanwhile, makes sure that nothing below
/// `root` is about to be removed.
///
/// # Errors
/// [`Conflict`](ErrorKind::Conflict) when something is: the work has to be done again.
pub(crate) fn confirm(session: &Session, reader: &StoreReader, devices: &DeviceList, root: &BlobId) -> Result<()> {
    let lapsed = session.renew()?;
    if makes_mistake!(reader.store(), CommitWithoutLookingAgain) {
        return Ok(());
    }
    let condemned = Condemned::load(reader.store(), devices)?;
    if lapsed || condemned.fences(&session.id()) { look_again(reader, condemned, root) } else { Ok(()) }
}

/// The same right after a commit, for a session that was taken for dead before its commit could be seen.
pub(crate) fn confirm_after(
    session: &Session,
    reader: &StoreReader,
    devices: &DeviceList,
    root: &BlobId,
) -> Result<()> {
    if makes_mistake!(reader.store(), CommitWithoutLookingAgain) {
        return Ok(());
    }
    let condemned = Condemned::load(reader.store(), devices)?;
    if condemned.fences(&session.id()) { look_again(reader, condemned, root) } else { Ok(()) }
}

/// Makes sure that every tree blob and segment below `root` lies in a pack that is in storage and not condemned.
fn look_again(reader: &StoreReader, mut condemned: Condemned, root: &BlobId) -> Result<()> {
    let absent = condemned.absent()?;
    let (store, index) = (reader.store(), reader.store().index());
    index.refresh(store.backend(), store.keys(), reader.context())?;
    let mut stays: HashSet<PackId> = HashSet::new();
    store.backend().list(Folder::Packs, &mut |info| {
        stays.extend(info.name.id::<PackId>().ok().filter(|pack| !absent.contains(pack)));
        Ok(())
    })?;
    let blob = |id: &BlobId| Ok(index.blob_places(id)?.iter().any(|(place, _)| stays.contains(&place.pack)));
    let segment = |id: &SegmentId| Ok(index.segment(id)?.iter().any(|place| stays.contains(&place.pack)));
    let missing = match first_missing(reader, root, &blob, &segment) {
        // Removed right after it was seen in the listing.
        Err(error) if error.kind() == ErrorKind::NotFound => Some(error.object_name().unwrap_or_default().to_owned()),
        missing => missing?,
    };
    match missing {
        None => Ok(()),
        Some(missing) => {
            let detail = "the session was away for longer than its lease held, and something it needs is being \
                          removed: back up again";
            Err(Error::new(ErrorKind::Conflict, "commit the session's work").object(missing).detail(detail))
        }
    }
}

/// Whether a tree blob, and all that it leads to, is in the index and not condemned. What is in the index and cannot be
/// read, because it was removed meanwhile or is damaged, does not last.
pub(crate) fn lasts(reader: &StoreReader, root: &BlobId) -> Result<bool> {
    let index = reader.store().index();
    let blob = |id: &BlobId| Ok(index.lasting_blob(id)?.is_some());
    let segment = |id: &SegmentId| index.has_lasting_segment(id);
    match first_missing(reader, root, &blob, &segment) {
        Err(error) if is_of_the_object(&error) => Ok(false),
        missing => Ok(missing?.is_none()),
    }
}

/// The first blob or segment below `root`, itself included, that is not there.
fn first_missing(
    reader: &StoreReader,
    root: &BlobId,
    has_blob: &dyn Fn(&BlobId) -> Result<bool>,
    has_segment: &dyn Fn(&SegmentId) -> Result<bool>,
) -> Result<Option<String>> {
    let ctx = reader.context();
    // Nothing that is remembered: that it can still be read is part of the question.
    let mut from_nodes = NodeReferences::new(reader);
    let room = usize::try_from(ctx.limits().memory_bytes() / 4).unwrap_or(usize::MAX);
    let mut from_footers = FooterReferences::new(reader.store(), Remembered::in_memory(room), ctx);
    let references: &mut dyn References =
        if reader.store().keys().can_read() { &mut from_nodes } else { &mut from_footers };
    let mut missing = None;
    let mut blobs: HashSet<BlobId> = HashSet::new();
    let mut segments: HashSet<SegmentId> = HashSet::new();
    let mut blob = |id: &BlobId| {
        if missing.is_some() || !blobs.insert(*id) {
            return Ok(false);
        }
        let there = has_blob(id)?;
        if !there {
            missing = Some(id.to_string());
        }
        Ok(there)
    };
    let mut segment_missing = None;
    let mut segment = |id: &SegmentId| {
        if segment_missing.is_none() && segments.insert(*id) && !has_segment(id)? {
            segment_missing = Some(id.to_string());
        }
        Ok(())
    };
    walk(root, references, ctx, &mut blob, &mut segment)?;
    Ok(missing.or(segment_missing))
}
