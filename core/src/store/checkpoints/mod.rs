//! Checkpoints: writing them, and finding the one to go on from.

use super::sealed::{self, is_gone, is_of_one_object};
use super::sessions::{self, RejectedObjects, Role};
use super::snapshots::Snapshot;
use crate::backend::Backend;
use crate::error::Result;
use crate::format::checkpoint::Checkpoint;
use crate::format::entry::Timestamp;
use crate::format::sealed::Envelope;
use crate::format::snapshot::SnapshotCounts;
use crate::id::{BlobId, LineageId, SessionId};
use crate::store::devices::DeviceList;
use crate::store::keys::Keys;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A checkpoint to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewCheckpoint {
    pub(crate) session: SessionId,
    /// One more than that of the session's checkpoint before, also if writing that one failed.
    pub(crate) sequence: u32,
    pub(crate) lineage: LineageId,
    pub(crate) root: BlobId,
    /// The caller's clock.
    pub(crate) time: Timestamp,
    pub(crate) counts: SnapshotCounts,
    /// Which snapshot is copied, if it is a copy that goes on from here.
    pub(crate) origin: Option<[u8; 16]>,
}

/// What [`latest`] found.
#[derive(Debug, Default)]
pub(crate) struct LatestCheckpoint {
    /// The checkpoint, and when storage received it.
    pub(crate) checkpoint: Option<(Checkpoint, Timestamp)>,
    /// Of those that are not overtaken, the one with the most entries.
    pub(crate) largest: Option<Checkpoint>,
    /// What was left out because it cannot be read or trusted.
    pub(crate) rejected: RejectedObjects,
}

/// Most checkpoints of a lineage that are read.
const MAX_OWN: usize = 64;

/// Writes a checkpoint. Everything its tree refers to must be stored and indexed before.
///
/// # Errors
/// [`Conflict`](crate::ErrorKind::Conflict) when the session has this one already,
/// [`Forbidden`](crate::ErrorKind::Forbidden) for maintainers.
pub(crate) fn write(backend: &dyn Backend, keys: &Keys, devices: &DeviceList, new: NewCheckpoint) -> Result<()> {
    let operation = Checkpoint::WRITE;
    let (device, signer) = sealed::signer(keys, devices, operation)?;
    let NewCheckpoint { session, sequence, lineage, root, time, counts, origin } = new;
    let checkpoint = Checkpoint { session, sequence, device, lineage, root, time, counts, origin };
    let bytes = sealed::seal(keys, &checkpoint, Some(&signer))?;
    sessions::put(backend, Role::Checkpoint, &session, sequence, &bytes, operation)?;
    Ok(())
}

/// The newest checkpoint of a lineage, by the storage's clock, that `snapshot`, the newest of the lineage, has not
/// overtaken: storage received it before the snapshot, or the snapshot is what its session came to. With it comes the
/// one that reaches furthest. With an `origin`, only those of copies of it count.
///
/// # Errors
/// Those of the storage. What is wrong with one object ends in [`rejected`](LatestCheckpoint::rejected).
pub(crate) fn latest(
    backend: &dyn Backend,
    keys: &Keys,
    devices: &DeviceList,
    lineage: &LineageId,
    snapshot: Option<&Snapshot>,
    origin: Option<&[u8; 16]>,
) -> Result<LatestCheckpoint> {
    let (mut found, _) = sessions::list(backend, Role::Checkpoint)?;
    found.retain(|object| {
        snapshot.is_none_or(|snapshot| object.info.modified >= snapshot.received && object.session != snapshot.session)
    });
    found.sort_by_key(|object| Reverse((object.info.modified, object.sequence, object.session)));
    let mut latest = LatestCheckpoint::default();
    // A session works on one lineage, so one checkpoint of it tells about all.
    let mut others = BTreeSet::new();
    let mut own = 0;
    for object in found {
        if others.contains(&object.session) {
            continue;
        }
        let checked = sealed::read::<Checkpoint>(backend, keys, devices, &object.info).and_then(|opened| {
            object.check(&opened.value.session, opened.value.sequence, Checkpoint::READ)?;
            Ok(opened.value)
        });
        match checked {
            Ok(checkpoint) if checkpoint.lineage == *lineage => {
                if origin.is_some() && checkpoint.origin.as_ref() != origin {
                    continue;
                }
                let entries = checkpoint.counts.entries;
                if latest.largest.as_ref().is_none_or(|largest| largest.counts.entries < entries) {
                    latest.largest = Some(checkpoint.clone());
                }
                latest.checkpoint.get_or_insert((checkpoint, object.info.modified));
                own += 1;
                if own == MAX_OWN {
                    break;
                }
            }
            Ok(checkpoint) => drop(others.insert(checkpoint.session)),
            Err(error) if is_gone(&error) => {}
            Err(error) if is_of_one_object(&error) => latest.rejected.push((object.info, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(latest)
}

#[cfg(test)]
mod tests;
