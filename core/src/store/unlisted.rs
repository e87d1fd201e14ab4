//! Packs that a session sent before it broke off, and that no index object lists.
//!
//! Index objects are written every few packs. What a dead process sent after its last one is in storage all the same,
//! and its footers say what it is: listing those packs spares sending them again.

use super::devices::DeviceList;
use super::packs::{is_of_the_object, read_contents};
use super::session::Session;
use super::snapshots::Snapshot;
use super::{Store, index, leases};
use crate::backend::Folder;
use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::format::entry::Timestamp;
use crate::format::index::{IndexObject, MAX_INDEX};
use crate::format::pack::{IndexedPack, contents_length};
use crate::id::{PackId, SessionId};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Most packs that are looked at: a session has fewer unlisted ones, and none of another is needed.
const MAX_LOOKED_AT: usize = 64;

/// Lists, in an index object of its own, the packs of this device's sessions for the same purpose that never ended, as
/// far as they are newer than `newest`: whoever made that snapshot has looked before. The index must be up to
/// date, and the caller at work in the session `own` already: what it knows to be condemned is left out, and what is condemned
/// from now on waits for it.
///
/// # Errors
/// Those of the storage. Packs that cannot be read are left to a rebuilding of the index.
pub(crate) fn list_unlisted(
    store: &Store,
    devices: &DeviceList,
    own: &Session,
    newest: Option<&Snapshot>,
    ctx: &Context,
) -> Result<usize> {
    let operation = "look for packs of an earlier try";
    let (device, _) = store.keys().signer()?;
    let made = newest.map(|snapshot| snapshot.session);
    let since = newest.map(|snapshot| snapshot.received);
    let unended = leases::unended_since(store.backend(), store.keys(), devices, since)?;
    let sessions: BTreeMap<SessionId, Timestamp> = unended
        .into_iter()
        .filter(|found| found.lease.device == Some(device) && found.lease.purpose == own.purpose())
        .map(|found| (found.lease.session, found.began))
        .filter(|(session, _)| *session != own.id() && Some(*session) != made)
        .collect();
    let Some(began) = sessions.values().min().copied() else { return Ok(0) };
    let listed = store.index().packs()?;
    let mut unlisted: Vec<(Timestamp, PackId, u64)> = Vec::new();
    store.backend().list(Folder::Packs, &mut |info| {
        ctx.check(operation)?;
        if info.modified >= began
            && let Ok(id) = info.name.id()
            && !listed.contains_key(&id)
            && !store.index().is_condemned(&id)?
        {
            unlisted.push((info.modified, id, info.length));
        }
        Ok(())
    })?;
    unlisted.sort_by_key(|(time, id, _)| (Reverse(*time), *id));
    let (mut packs, mut length) = (Vec::new(), 0);
    for (_, id, bytes) in unlisted.into_iter().take(MAX_LOOKED_AT) {
        ctx.check(operation)?;
        let contents = match read_contents(store, &id, bytes) {
            Ok((header, contents, _)) if header.sessions.iter().any(|of| sessions.contains_key(&of.session)) => {
                contents
            }
            Ok(_) => continue,
            Err(error) if is_of_the_object(&error) => continue,
            Err(error) => return Err(error),
        };
        length += contents_length(&contents) + 64;
        if length > MAX_INDEX / 2 {
            break;
        }
        packs.push(IndexedPack { id, length: bytes, contents });
    }
    if packs.is_empty() {
        return Ok(0);
    }
    let object = IndexObject { supersedes: Vec::new(), packs };
    match index::write(store.backend(), store.keys(), &object) {
        Ok(id) => store.index().add(id, &object.packs)?,
        // Another process was as quick; its object is read next time.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(0),
        Err(error) => return Err(error),
    }
    Ok(object.packs.len())
}
