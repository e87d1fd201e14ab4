//! Marks on snapshots: writing one, and finding the ones that count.

use super::sealed::{self, is_gone, is_of_one_object};
use crate::backend::{Backend, Folder, ObjectInfo, ObjectName};
use crate::crypto::hash;
use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::Timestamp;
use crate::format::mark::{Mark, MarkBody};
use crate::format::sealed::Envelope;
use crate::id::SnapshotId;
use crate::store::devices::DeviceList;
use crate::store::keys::{EpochKeys, Keys};
use std::collections::HashMap;

/// What a mark sets. It replaces everything that the snapshot or an earlier mark says of these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NewMark {
    pub(crate) tags: Vec<String>,
    pub(crate) description: Option<String>,
    /// Unix seconds.
    pub(crate) hold_until: Option<i64>,
}

/// Sealed bodies of marks kept in memory, in bytes; those beyond are read again when they are needed.
const KEPT: usize = 4 * 1024 * 1024;

/// For every marked snapshot the mark that counts.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: HashMap<SnapshotId, Winner>,
    kept: usize,
    /// Marks that cannot be read or trusted, and so change nothing.
    pub(crate) rejected: Vec<(ObjectName, Error)>,
}

#[derive(Debug)]
struct Winner {
    sequence: u64,
    info: ObjectInfo,
    hold_until: Option<i64>,
    /// The mark and its epoch, while there is room.
    mark: Option<(Mark, u32)>,
}

impl Winner {
    /// The highest wins. Names are hexadecimal, so they order like the ids they stand for.
    fn rank(&self) -> (u64, &ObjectName) {
        (self.sequence, &self.info.name)
    }

    fn kept(&self) -> usize {
        self.mark.as_ref().map_or(0, |(mark, _)| mark.sealed_body.len())
    }
}

impl Marks {
    /// Reads all marks.
    ///
    /// # Errors
    /// Those of the storage. What is wrong with one mark ends in [`rejected`](Marks::rejected).
    pub(crate) fn load(backend: &dyn Backend, keys: &Keys, devices: &DeviceList) -> Result<Self> {
        let mut marks = Marks::default();
        backend.list(Folder::Marks, &mut |info| {
            match sealed::read_hashed::<Mark>(backend, keys, devices, &info) {
                Ok(opened) => marks.add(info, opened.value, opened.keys.epoch),
                Err(error) if is_gone(&error) => {}
                Err(error) if is_of_one_object(&error) => marks.rejected.push((info.name, error)),
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
        Ok(marks)
    }

    fn add(&mut self, info: ObjectInfo, mark: Mark, epoch: u32) {
        let snapshot = mark.snapshot;
        let mut new = Winner { sequence: mark.sequence, info, hold_until: mark.hold_until, mark: Some((mark, epoch)) };
        let before = self.marks.get(&snapshot);
        if before.is_some_and(|before| before.rank() >= new.rank()) {
            return;
        }
        self.kept -= before.map_or(0, Winner::kept);
        if self.kept + new.kept() > KEPT {
            new.mark = None;
        }
        self.kept += new.kept();
        self.marks.insert(snapshot, new);
    }

    /// Until when the snapshot must not be removed, if a mark says so.
    pub(crate) fn hold_until(&self, snapshot: &SnapshotId) -> Option<Timestamp> {
        self.marks.get(snapshot)?.hold_until.map(|seconds| Timestamp::new(seconds, 0))
    }

    /// The highest sequence among the marks of a snapshot; none when it has no mark.
    pub(crate) fn sequence(&self, snapshot: &SnapshotId) -> Option<u64> {
        self.marks.get(snapshot).map(|winner| winner.sequence)
    }

    /// The object that is the mark of a snapshot.
    pub(super) fn name(&self, snapshot: &SnapshotId) -> Option<&ObjectName> {
        self.marks.get(snapshot).map(|winner| &winner.info.name)
    }

    /// Tags and description that the mark of a snapshot sets. None without a mark, and for who may not read.
    pub(crate) fn body(
        &self,
        backend: &dyn Backend,
        keys: &Keys,
        devices: &DeviceList,
        snapshot: &SnapshotId,
    ) -> Result<Option<MarkBody>> {
        let Some(winner) = self.marks.get(snapshot) else { return Ok(None) };
        let open = |mark: &Mark, keys_of: &EpochKeys| {
            let Some(reader) = &keys_of.data_private else { return Ok(None) };
            mark.open_body(&keys.repository, reader).map(Some).map_err(|error| error.object(&winner.info.name))
        };
        match &winner.mark {
            Some((mark, epoch)) => open(mark, keys.epoch(*epoch)?),
            None => {
                let opened = sealed::read_hashed::<Mark>(backend, keys, devices, &winner.info)?;
                open(&opened.value, opened.keys)
            }
        }
    }
}

/// Marks a snapshot, so that `new` counts and no longer what `marks`, just loaded, knows. `time` is the caller's
/// clock.
pub(crate) fn write(
    backend: &dyn Backend,
    keys: &Keys,
    devices: &DeviceList,
    marks: &Marks,
    snapshot: SnapshotId,
    new: NewMark,
    time: Timestamp,
) -> Result<()> {
    let operation = Mark::WRITE;
    let (device, signer) = sealed::signer(keys, devices, operation)?;
    devices.check_reach(keys, operation)?;
    let epoch = keys.current()?;
    let readers = sealed::readers(epoch, operation)?;
    let sequence = match marks.sequence(&snapshot) {
        None => 0,
        Some(highest) => {
            let full = Error::new(ErrorKind::LimitExceeded, operation).detail("there are no more marks");
            highest.checked_add(1).ok_or_else(|| full.object(snapshot))?
        }
    };
    let NewMark { mut tags, description, hold_until } = new;
    tags.sort();
    tags.dedup();
    let mut mark = Mark { snapshot, sequence, device, time, hold_until, sealed_body: Vec::new() };
    mark.seal_body(&MarkBody { tags, description }, &keys.repository, readers)?;
    let bytes = sealed::seal_under(keys, epoch, &mark, Some(&signer))?;
    sealed::put(backend, &ObjectName::of(Folder::Marks, crate::id::hex(&hash::name(&bytes))), &bytes)
}
