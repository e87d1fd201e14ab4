//! Marks on snapshots: writing one, and finding the ones that count.

use super::sealed::{self, is_gone, is_of_one_object};
use crate::backend::{Backend, Folder, ObjectInfo, ObjectName};
use crate::crypto::hash;
use crate::error::{Error, ErrorKind, Result};
use crate::format::bundle::Role;
use crate::format::entry::Timestamp;
use crate::format::mark::{Mark, MarkBody};
use crate::format::sealed::Envelope;
use crate::id::SnapshotId;
use crate::store::devices::DeviceList;
use crate::store::keys::{EpochKeys, Keys};
use std::cmp::Ordering;
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

/// Sequences from here on are the owners' alone, so that nobody can take the last one and have the last word.
const OWNERS_FROM: u64 = 1 << 63;

/// What marks say of every marked snapshot.
///
/// Only who may read a snapshot may mark it: readers and owners. Tags and description come from the mark with the
/// highest sequence. So does the hold; but that of the owners' newest mark stays the least that counts, because a
/// hold is there for the case that another key is in the wrong hands. Of marks with the same sequence, whose writers
/// did not know of each other, the longest hold counts.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: HashMap<SnapshotId, Marked>,
    kept: usize,
    /// Marks that cannot be read or trusted, and so change nothing.
    pub(crate) rejected: Vec<(ObjectName, Error)>,
}

/// The marks of one snapshot.
#[derive(Debug, Default)]
struct Marked {
    winner: Option<Winner>,
    newest: Hold,
    owners: Hold,
    /// All of them, those that do not count included.
    names: Vec<ObjectName>,
}

#[derive(Debug)]
struct Winner {
    sequence: u64,
    info: ObjectInfo,
    /// The mark and its epoch, while there is room.
    mark: Option<(Mark, u32)>,
}

/// The hold that the highest sequence sets.
#[derive(Debug, Default)]
struct Hold {
    sequence: u64,
    until: Option<i64>,
}

impl Hold {
    fn add(&mut self, mark: &Mark) {
        match mark.sequence.cmp(&self.sequence) {
            Ordering::Less => {}
            Ordering::Equal => self.until = self.until.max(mark.hold_until),
            Ordering::Greater => *self = Hold { sequence: mark.sequence, until: mark.hold_until },
        }
    }
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
                Ok(opened) => marks.add(info, opened.value, opened.keys.epoch, devices),
                Err(error) if is_gone(&error) => {}
                Err(error) if is_of_one_object(&error) => marks.rejected.push((info.name, error)),
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
        Ok(marks)
    }

    fn add(&mut self, info: ObjectInfo, mark: Mark, epoch: u32, devices: &DeviceList) {
        let marked = self.marks.entry(mark.snapshot).or_default();
        marked.names.push(info.name.clone());
        let role = devices.role(&mark.device);
        if let Some(why) = powerless(role, mark.sequence) {
            let device = mark.device;
            let error = Error::new(ErrorKind::Untrusted, Mark::READ).object(&info.name);
            self.rejected.push((info.name, error.detail(format!("{why} (device {device})"))));
            return;
        }
        marked.newest.add(&mark);
        if role == Some(Role::Owner) {
            marked.owners.add(&mark);
        }
        let mut new = Winner { sequence: mark.sequence, info, mark: Some((mark, epoch)) };
        if marked.winner.as_ref().is_some_and(|before| before.rank() >= new.rank()) {
            return;
        }
        self.kept -= marked.winner.as_ref().map_or(0, Winner::kept);
        if self.kept + new.kept() > KEPT {
            new.mark = None;
        }
        self.kept += new.kept();
        marked.winner = Some(new);
    }

    /// Until when the snapshot must not be removed, if a mark says so.
    pub(crate) fn hold_until(&self, snapshot: &SnapshotId) -> Option<Timestamp> {
        let marked = self.marks.get(snapshot)?;
        marked.newest.until.max(marked.owners.until).map(|seconds| Timestamp::new(seconds, 0))
    }

    /// Until when an owner holds the snapshot: nobody else can end that.
    pub(crate) fn owners_hold(&self, snapshot: &SnapshotId) -> Option<Timestamp> {
        self.marks.get(snapshot)?.owners.until.map(|seconds| Timestamp::new(seconds, 0))
    }

    /// The highest sequence among the marks of a snapshot that count; none when it has no mark.
    pub(crate) fn sequence(&self, snapshot: &SnapshotId) -> Option<u64> {
        self.winner(snapshot).map(|winner| winner.sequence)
    }

    /// The object that is the mark of a snapshot.
    pub(super) fn name(&self, snapshot: &SnapshotId) -> Option<&ObjectName> {
        self.winner(snapshot).map(|winner| &winner.info.name)
    }

    fn winner(&self, snapshot: &SnapshotId) -> Option<&Winner> {
        self.marks.get(snapshot)?.winner.as_ref()
    }

    /// Every mark of a snapshot, those included that do not count.
    pub(crate) fn names_of(&self, snapshot: &SnapshotId) -> &[ObjectName] {
        self.marks.get(snapshot).map_or(&[], |marked| &marked.names)
    }

    /// The snapshots that have marks, whether they are there or not.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = &SnapshotId> {
        self.marks.keys()
    }

    /// Tags and description that the mark of a snapshot sets. None without a mark, and for who may not read.
    pub(crate) fn body(
        &self,
        backend: &dyn Backend,
        keys: &Keys,
        devices: &DeviceList,
        snapshot: &SnapshotId,
    ) -> Result<Option<MarkBody>> {
        let Some(winner) = self.winner(snapshot) else { return Ok(None) };
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

/// Why a mark changes nothing, if that is so.
fn powerless(role: Option<Role>, sequence: u64) -> Option<&'static str> {
    match role {
        Some(Role::Owner) => None,
        Some(Role::Reader) if sequence < OWNERS_FROM => None,
        Some(Role::Reader) => Some("sequences as high as this are the owners' alone"),
        _ => Some("only devices that may read a snapshot may mark it"),
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
    let role = devices.role(&device);
    if !keys.can_read() || !role.is_some_and(Role::can_read) {
        let detail = "a snapshot is marked with a reader's or owner's key only";
        return Err(Error::new(ErrorKind::Forbidden, operation).object(snapshot).detail(detail));
    }
    devices.check_reach(keys, operation)?;
    let epoch = keys.current()?;
    let readers = sealed::readers(epoch, operation)?;
    let sequence = match marks.sequence(&snapshot) {
        None => 0,
        Some(highest) => {
            let detail = "somebody took the last place for a mark; an owner can still mark it";
            let full = Error::new(ErrorKind::LimitExceeded, operation).detail(detail);
            let next = highest.checked_add(1).filter(|next| powerless(role, *next).is_none());
            next.ok_or_else(|| full.object(snapshot))?
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

#[cfg(test)]
mod tests;
