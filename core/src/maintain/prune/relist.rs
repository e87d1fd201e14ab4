//! Taking packs out of the index.

use crate::backend::Folder;
use crate::backend::ObjectName;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::index::IndexObject;
use crate::format::pack::IndexedPack;
use crate::id::{IndexId, PackId};
use crate::store::Store;
use crate::store::index;
use crate::store::repack;
use crate::store::session::Session;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Packs in one index object, at most.
const PACKS_PER_OBJECT: usize = 512;
/// Blobs in one index object, unless a single pack holds more.
const BLOBS_PER_OBJECT: usize = 400_000;
/// Objects that list fewer packs than this are put together once there are many of them.
const SMALL: usize = 32;
/// So many are many.
const MANY: usize = 32;

/// Makes the index list none of these packs, and removes the objects that are no longer in force. Returns how many
/// those were. At no time is anything else not listed.
///
/// Which object lists what is known from the index at hand: only those are read that list some of these packs, or
/// that are put together because there are many small ones.
pub(super) fn without(store: &Arc<Store>, gone: &BTreeSet<PackId>, session: &Session, ctx: &Context) -> Result<u64> {
    let operation = "take packs out of the index";
    // Somebody who was away may have listed something since.
    let rejected = store.index().refresh(store.backend(), store.keys(), ctx)?;
    if let Some((name, error)) = rejected.into_iter().next() {
        return Err(super::unreadable(error, name));
    }
    let (listed, _) = index::list(store.backend())?;
    let present: BTreeMap<IndexId, u64> = listed.into_iter().map(|object| (object.id, object.length)).collect();
    let (in_force, superseded) = store.index().objects()?;
    let there = |id: &IndexId| present.contains_key(id);
    let superseded: BTreeSet<IndexId> = superseded.into_iter().filter(there).collect();
    let mut objects: BTreeMap<IndexId, Summary> =
        in_force.into_iter().filter(there).map(|id| (id, Summary::default())).collect();
    store.index().for_each_listing(&mut |pack, object| {
        if let Some(summary) = objects.get_mut(&object) {
            summary.packs += 1;
            summary.lists_gone |= gone.contains(&pack);
        }
        Ok(())
    })?;
    let small = objects.values().filter(|object| object.packs < SMALL).count();
    let replaced: BTreeSet<IndexId> = objects
        .iter()
        .filter(|(_, object)| object.lists_gone || (small >= MANY && object.packs < SMALL))
        .map(|(id, _)| *id)
        .collect();
    let mut chunk: Vec<IndexedPack> = Vec::new();
    let mut blobs = 0;
    let mut relisted = BTreeSet::new();
    let mut supersedes = replaced.clone();
    for id in &replaced {
        ctx.check_or_suspended(operation)?;
        let object = load(store, id, present.get(id).copied().unwrap_or_default())?;
        supersedes.extend(object.supersedes.into_iter().filter(there));
        for pack in object.packs {
            if gone.contains(&pack.id) || !relisted.insert(pack.id) {
                continue;
            }
            let more: usize = pack.contents.segments.iter().map(|segment| segment.blobs.len()).sum();
            if !chunk.is_empty() && (chunk.len() >= PACKS_PER_OBJECT || blobs + more > BLOBS_PER_OBJECT) {
                session.hold(operation)?;
                repack::list(store, std::mem::take(&mut chunk), Vec::new())?;
                blobs = 0;
            }
            blobs += more;
            chunk.push(pack);
        }
    }
    if !relisted.is_empty() {
        // Last, so that what the others list is never listed nowhere.
        session.hold(operation)?;
        repack::list(store, chunk, supersedes.into_iter().collect())?;
    }
    let mut removed = 0;
    // What is in force goes last: as long as it is there, what it superseded does not count.
    for id in superseded.iter().chain(replaced.difference(&superseded)) {
        session.hold(operation)?;
        ctx.check_or_suspended(operation)?;
        store.backend().delete(&ObjectName::of(Folder::Index, id))?;
        removed += 1;
    }
    if removed > 0 {
        store.index().refresh(store.backend(), store.keys(), ctx)?;
    }
    Ok(removed)
}

/// What is known of an index object.
#[derive(Default)]
struct Summary {
    packs: usize,
    lists_gone: bool,
}

/// Reads an object that was there a moment ago.
fn load(store: &Store, id: &IndexId, length: u64) -> Result<IndexObject> {
    let name = ObjectName::of(Folder::Index, id);
    index::load(store.backend(), store.keys(), &name, length).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let detail = "somebody else is pruning and has replaced it: start again";
            Error::new(ErrorKind::Conflict, "take packs out of the index").object(id).detail(detail)
        }
        _ => error,
    })
}
