//! Taking packs out of the index.

use crate::backend::Folder;
use crate::backend::ObjectName;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::index::IndexObject;
use crate::format::pack::IndexedPack;
use crate::id::{IndexId, PackId};
use crate::store::Store;
use crate::store::index::{self, Listed};
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
pub(super) fn without(store: &Arc<Store>, gone: &BTreeSet<PackId>, session: &Session, ctx: &Context) -> Result<u64> {
    let operation = "take packs out of the index";
    let (listed, _) = index::list(store.backend())?;
    let mut objects: BTreeMap<IndexId, Summary> = BTreeMap::new();
    for Listed { id, length, .. } in listed {
        ctx.check(operation)?;
        match load(store, &id, length) {
            Ok(object) => drop(objects.insert(id, Summary::of(&object, length, gone))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let superseded: BTreeSet<IndexId> = objects.values().flat_map(|object| &object.supersedes).copied().collect();
    let in_force = || objects.iter().filter(|(id, _)| !superseded.contains(id));
    let small = in_force().filter(|(_, object)| object.packs < SMALL).count();
    let replaced: BTreeSet<IndexId> = in_force()
        .filter(|(_, object)| object.lists_gone || (small >= MANY && object.packs < SMALL))
        .map(|(id, _)| *id)
        .collect();
    let mut chunk: Vec<IndexedPack> = Vec::new();
    let mut blobs = 0;
    let mut relisted = BTreeSet::new();
    for id in &replaced {
        let Some(summary) = objects.get(id) else { continue };
        ctx.check(operation)?;
        for pack in load_again(store, id, summary.length)?.packs {
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
    if !replaced.is_empty() {
        let before = replaced.iter().filter_map(|id| objects.get(id)).flat_map(|object| &object.supersedes);
        let supersedes = replaced.iter().chain(before).copied().filter(|id| objects.contains_key(id));
        let supersedes: BTreeSet<IndexId> = supersedes.collect();
        // Last, so that what the others list is never listed nowhere.
        session.hold(operation)?;
        if !chunk.is_empty() || !relisted.is_empty() {
            repack::list(store, chunk, supersedes.into_iter().collect())?;
        }
    }
    let mut removed = 0;
    // What is in force goes last: as long as it is there, what it superseded does not count.
    for id in superseded.iter().chain(replaced.difference(&superseded)) {
        session.hold(operation)?;
        ctx.check(operation)?;
        // Objects that others superseded may be gone for long.
        if objects.contains_key(id) {
            store.backend().delete(&ObjectName::of(Folder::Index, id))?;
            removed += 1;
        }
    }
    if removed > 0 {
        store.index().refresh(store.backend(), store.keys(), ctx)?;
    }
    Ok(removed)
}

/// What is kept of an index object.
struct Summary {
    length: u64,
    supersedes: Vec<IndexId>,
    packs: usize,
    lists_gone: bool,
}

impl Summary {
    fn of(object: &IndexObject, length: u64, gone: &BTreeSet<PackId>) -> Self {
        Summary {
            length,
            supersedes: object.supersedes.clone(),
            packs: object.packs.len(),
            lists_gone: object.packs.iter().any(|pack| gone.contains(&pack.id)),
        }
    }
}

fn load(store: &Store, id: &IndexId, length: u64) -> Result<IndexObject> {
    index::load(store.backend(), store.keys(), &ObjectName::of(Folder::Index, id), length)
}

/// The same, of an object that was there a moment ago.
fn load_again(store: &Store, id: &IndexId, length: u64) -> Result<IndexObject> {
    load(store, id, length).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let detail = "somebody else is pruning and has replaced it: start again";
            Error::new(ErrorKind::Conflict, "take packs out of the index").object(id).detail(detail)
        }
        _ => error,
    })
}
