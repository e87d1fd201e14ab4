//! Snapshots: writing, reading and finding them.

use super::filter::{SnapshotFilter, SnapshotSpec};
use super::marks::Marks;
use super::sealed::{self, Opened, is_gone, is_of_one_object};
use crate::backend::{Backend, Folder, ObjectInfo, ObjectName};
use crate::crypto::hash;
use crate::error::{Error, ErrorKind, Result, invalid};
use crate::format::entry::Timestamp;
use crate::format::sealed::Envelope;
use crate::format::snapshot::{MAX_PARENTS, SnapshotBody, SnapshotCounts, SnapshotEnvelope, SnapshotOutcome};
use crate::format::wire::put_bytes;
use crate::id::{BlobId, DeviceId, LineageId, SessionId, SnapshotId};
use crate::store::devices::DeviceList;
use crate::store::keys::Keys;
use std::collections::BTreeMap;
use std::fmt;

/// One backup.
///
/// Only readers and owners may know host, paths, tags and the rest of what describes it; for everybody else these
/// are empty and [`body_readable`](Snapshot::body_readable) is false.
///
/// ```no_run
/// # fn show(snapshot: &strongroom::Snapshot) {
/// println!("{} {}", snapshot.id.short(), snapshot.host.as_deref().unwrap_or("?"));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its name.
    pub id: SnapshotId,
    /// Root node of its tree.
    pub root: BlobId,
    /// When it was made, by the clock of the device that made it.
    pub time: Timestamp,
    /// When storage received it, by the storage's clock. This is what counts for retention.
    pub received: Timestamp,
    /// The line of backups it belongs to.
    pub lineage: LineageId,
    /// The device that made and signed it.
    pub device: DeviceId,
    /// The session that wrote it.
    pub session: SessionId,
    /// What was counted.
    pub counts: SnapshotCounts,
    /// The snapshots it continues; several after a merge.
    pub parents: Vec<SnapshotId>,
    /// Whether everything could be read.
    pub outcome: SnapshotOutcome,
    /// It must not be removed before this time, if one is set.
    pub hold_until: Option<Timestamp>,
    /// Whether the fields below could be read.
    pub body_readable: bool,
    /// Host it was made on.
    pub host: Option<String>,
    /// What was backed up, as it was given.
    pub paths: Vec<Vec<u8>>,
    /// Tags, ascending.
    pub tags: Vec<String>,
    /// A description for people.
    pub description: Option<String>,
    /// User that made it.
    pub user: Option<String>,
    /// Name and version of the program that made it.
    pub program: Option<String>,
    /// What the app that made it attached.
    pub metadata: BTreeMap<String, Vec<u8>>,
}

/// Snapshots, and the objects among them and their marks that cannot be read or trusted.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SnapshotListing {
    /// The snapshots, oldest first by the clock of the devices that made them.
    pub snapshots: Vec<Snapshot>,
    /// What was left out, and why. Whoever removes what no snapshot refers to must not while a snapshot is in here.
    pub rejected: Vec<(ObjectName, Error)>,
}

/// Objects that cannot be read or trusted, and why.
pub(crate) type Rejected = Vec<(ObjectName, Error)>;

/// A snapshot to be written.
#[derive(Debug, Clone)]
pub(crate) struct NewSnapshot {
    pub(crate) root: BlobId,
    /// The caller's clock.
    pub(crate) time: Timestamp,
    pub(crate) lineage: LineageId,
    pub(crate) session: SessionId,
    pub(crate) counts: SnapshotCounts,
    pub(crate) parents: Vec<SnapshotId>,
    pub(crate) outcome: SnapshotOutcome,
    pub(crate) body: SnapshotBody,
}

/// Names of app metadata that begin like this are the engine's own.
pub(crate) const RESERVED_METADATA: &str = "strongroom.";

const FIND: &str = "find the snapshot";
const LIST: &str = "list snapshots";

fn object_name(id: &SnapshotId) -> ObjectName {
    ObjectName::of(Folder::Snapshots, id)
}

/// The lineage of the backups of these paths of this host. The order of paths does not matter, nor whether one is
/// given twice.
///
/// Storage and maintainers learn from it only which snapshots belong together.
pub(crate) fn lineage<P: AsRef<[u8]>>(keys: &Keys, host: &str, paths: &[P]) -> Result<LineageId> {
    let mut sorted: Vec<&[u8]> = paths.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut message = Vec::new();
    put_bytes(&mut message, host.as_bytes());
    for path in sorted {
        put_bytes(&mut message, path);
    }
    let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        hash::keyed(&keys.id_key()?.derive("strongroom format 1 lineage"), &message);
    Ok(LineageId::from_bytes(id))
}

/// Writes a snapshot. Everything its tree refers to must be stored and indexed before: this commits the backup.
///
/// # Errors
/// [`Forbidden`](ErrorKind::Forbidden) for maintainers, [`Untrusted`](ErrorKind::Untrusted) when the device is not
/// listed, [`InvalidArgument`](ErrorKind::InvalidArgument) when the body is beyond the bounds of the format.
pub(crate) fn write(backend: &dyn Backend, keys: &Keys, devices: &DeviceList, new: NewSnapshot) -> Result<SnapshotId> {
    let operation = SnapshotEnvelope::WRITE;
    let (device, signer) = sealed::signer(keys, devices, operation)?;
    let epoch = keys.current()?;
    let readers = sealed::readers(epoch, operation)?;
    let NewSnapshot { root, time, lineage, session, counts, parents, outcome, mut body } = new;
    if parents.len() > MAX_PARENTS {
        return Err(invalid(operation, format!("it has more than {MAX_PARENTS} parents")));
    }
    body.tags.sort();
    body.tags.dedup();
    let sealed_body = Vec::new();
    let mut envelope = SnapshotEnvelope { root, time, lineage, device, session, counts, parents, outcome, sealed_body };
    envelope.seal_body(&body, &keys.repository, readers)?;
    let bytes = sealed::seal_under(keys, epoch, &envelope, Some(&signer))?;
    let id = SnapshotId::from_bytes(hash::name(&bytes));
    sealed::put(backend, &object_name(&id), &bytes)?;
    Ok(id)
}

/// The root of a snapshot's tree, with what storage says of the snapshot. Neither body nor marks are read.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) and what is wrong with the object.
pub(crate) fn root(
    backend: &dyn Backend,
    keys: &Keys,
    devices: &DeviceList,
    id: &SnapshotId,
) -> Result<(BlobId, ObjectInfo)> {
    let info = stat(backend, id)?;
    let root = sealed::read_hashed::<SnapshotEnvelope>(backend, keys, devices, &info)?.value.root;
    Ok((root, info))
}

/// What storage says of a snapshot.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound).
pub(crate) fn stat(backend: &dyn Backend, id: &SnapshotId) -> Result<ObjectInfo> {
    backend.stat(&object_name(id)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => not_found(id),
        _ => error,
    })
}

/// Access to the snapshots of a repository, with the marks as they were when it was made.
pub(crate) struct Snapshots<'a> {
    backend: &'a dyn Backend,
    keys: &'a Keys,
    devices: &'a DeviceList,
    marks: Marks,
}

impl fmt::Debug for Snapshots<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots").field("location", &self.backend.location()).finish_non_exhaustive()
    }
}

impl<'a> Snapshots<'a> {
    /// Reads the marks.
    pub(crate) fn open(backend: &'a dyn Backend, keys: &'a Keys, devices: &'a DeviceList) -> Result<Self> {
        Ok(Snapshots { backend, keys, devices, marks: Marks::load(backend, keys, devices)? })
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The marks that cannot be read or trusted, for a report. To be taken once.
    pub(crate) fn take_rejected_marks(&mut self) -> Rejected {
        std::mem::take(&mut self.marks.rejected)
    }

    /// Calls `found` for every snapshot by its name alone, whether it can be read or not.
    pub(crate) fn for_each_id(&self, found: &mut dyn FnMut(SnapshotId) -> Result<()>) -> Result<()> {
        self.backend.list(Folder::Snapshots, &mut |info| info.name.id().map_or(Ok(()), &mut *found))
    }

    /// Makes sure that there is an object of that name, whether it is that of a snapshot or not.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound).
    pub(crate) fn is_stored(&self, name: &ObjectName) -> Result<()> {
        self.backend.stat(name).map(drop)
    }

    /// Whether there is an object of that name.
    pub(crate) fn exists(&self, id: &SnapshotId) -> Result<bool> {
        match self.backend.stat(&object_name(id)) {
            Ok(_) => Ok(true),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One snapshot. A mark on it that cannot be read changes nothing but the hold.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) and what is wrong with the object.
    pub(crate) fn load(&self, id: &SnapshotId) -> Result<Snapshot> {
        let info = stat(self.backend, id)?;
        Ok(self.complete(*id, &info, self.read(&info)?)?.0)
    }

    /// Calls `found` for every snapshot that `filter` accepts, in no particular order, and `rejected` for every
    /// object that cannot be read or trusted. Memory does not grow with their number.
    ///
    /// # Errors
    /// Those of the storage and those that the callback returns, which end the listing. Also
    /// [`Forbidden`](ErrorKind::Forbidden) for a filter by what these keys cannot read.
    pub(crate) fn for_each(
        &self,
        filter: &SnapshotFilter,
        found: &mut dyn FnMut(Snapshot) -> Result<()>,
        rejected: &mut dyn FnMut(ObjectName, Error),
    ) -> Result<()> {
        if filter.needs_body() && !self.keys.can_read() {
            return Err(Error::new(ErrorKind::Forbidden, LIST)
                .detail("host, paths and tags can be read with a reader's or owner's key only"));
        }
        self.backend.list(Folder::Snapshots, &mut |info| {
            let read = |info: &ObjectInfo| {
                let id = info.name.id()?;
                let opened = self.read(info)?;
                if filter.accepts_envelope(opened.value.time, &opened.value.lineage) {
                    self.complete(id, info, opened).map(Some)
                } else {
                    Ok(None)
                }
            };
            match read(&info) {
                Ok(None) => Ok(()),
                Ok(Some((snapshot, mark))) => {
                    if let Some((name, error)) = mark {
                        rejected(name, error);
                    }
                    if filter.accepts(&snapshot) { found(snapshot) } else { Ok(()) }
                }
                Err(error) if is_gone(&error) => Ok(()),
                Err(error) if is_of_one_object(&error) => {
                    rejected(info.name, error);
                    Ok(())
                }
                Err(error) => Err(error),
            }
        })
    }

    /// All snapshots that `filter` accepts, oldest first, in memory. Rejected marks are listed too.
    pub(crate) fn list(mut self, filter: &SnapshotFilter) -> Result<SnapshotListing> {
        let (mut snapshots, mut rejected) = (Vec::new(), self.take_rejected_marks());
        self.for_each(
            filter,
            &mut |snapshot| {
                snapshots.push(snapshot);
                Ok(())
            },
            &mut |name, error| rejected.push((name, error)),
        )?;
        snapshots.sort_by_key(|snapshot| (snapshot.time, snapshot.id));
        Ok(SnapshotListing { snapshots, rejected })
    }

    /// The snapshot that `spec` names: `latest` is the newest that `filter` accepts, by the clock of the devices and,
    /// at the same time, by id; anything else is the beginning of an id, which the filter has no say in. With it
    /// come the objects that were left out on the way: the newest may be among them.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is none, [`InvalidArgument`](ErrorKind::InvalidArgument) when the
    /// id begins several or `spec` is neither.
    pub(crate) fn resolve(&self, spec: &str, filter: &SnapshotFilter) -> Result<(Snapshot, Rejected)> {
        match SnapshotSpec::parse(spec)? {
            SnapshotSpec::Latest => {
                let (latest, rejected) = self.latest(filter)?;
                let none = || {
                    let detail = match rejected.len() {
                        0 => "there is no snapshot that matches".to_owned(),
                        count => format!("there is no snapshot that matches; {count} cannot be read or trusted"),
                    };
                    Error::new(ErrorKind::NotFound, FIND).object(spec).detail(detail)
                };
                Ok((latest.ok_or_else(none)?, rejected))
            }
            SnapshotSpec::Prefix(prefix) => Ok((self.load(&self.unique(&prefix)?)?, Rejected::new())),
        }
    }

    /// The newest snapshot that `filter` accepts, if there is one, and what was left out.
    pub(crate) fn latest(&self, filter: &SnapshotFilter) -> Result<(Option<Snapshot>, Rejected)> {
        let (mut latest, mut rejected) = (None::<Snapshot>, Rejected::new());
        self.for_each(
            filter,
            &mut |snapshot| {
                if latest.as_ref().is_none_or(|latest| (snapshot.time, snapshot.id) > (latest.time, latest.id)) {
                    latest = Some(snapshot);
                }
                Ok(())
            },
            &mut |name, error| rejected.push((name, error)),
        )?;
        Ok((latest, rejected))
    }

    /// The one id that begins like this. Reads names only.
    fn unique(&self, prefix: &str) -> Result<SnapshotId> {
        /// Candidates named in a message.
        const NAMED: usize = 8;
        let mut candidates: Vec<SnapshotId> = Vec::new();
        self.backend.list(Folder::Snapshots, &mut |info| {
            if candidates.len() <= NAMED && info.name.file().starts_with(prefix) {
                candidates.extend(info.name.id::<SnapshotId>().ok());
            }
            Ok(())
        })?;
        match candidates.as_slice() {
            [] => Err(not_found(prefix)),
            [one] => Ok(*one),
            several => {
                let mut named: Vec<String> =
                    several.iter().take(NAMED).map(|id| id.to_string().chars().take(16).collect()).collect();
                named.sort();
                let more = if several.len() > NAMED { " and more" } else { "" };
                let detail = format!("it is ambiguous: give more digits, for {}{more}", named.join(", "));
                Err(invalid(FIND, detail).object(prefix))
            }
        }
    }

    fn read(&self, info: &ObjectInfo) -> Result<Opened<'a, SnapshotEnvelope>> {
        sealed::read_hashed(self.backend, self.keys, self.devices, info)
    }

    /// Adds body and mark to an envelope. Beside the snapshot comes what is wrong with the mark, which then changes
    /// nothing but the hold.
    fn complete(
        &self,
        id: SnapshotId,
        info: &ObjectInfo,
        opened: Opened<'_, SnapshotEnvelope>,
    ) -> Result<(Snapshot, Option<(ObjectName, Error)>)> {
        let Opened { value: envelope, keys } = opened;
        let body = match &keys.data_private {
            Some(reader) => {
                let body = envelope.open_body(&self.keys.repository, reader);
                Some(body.map_err(|error| error.object(&info.name))?)
            }
            None => None,
        };
        let body_readable = body.is_some();
        let SnapshotBody { host, paths, tags, metadata, user, program, description } = body.unwrap_or_default();
        let text = |text: String| body_readable.then_some(text);
        let mut snapshot = Snapshot {
            id,
            root: envelope.root,
            time: envelope.time,
            received: info.modified,
            lineage: envelope.lineage,
            device: envelope.device,
            session: envelope.session,
            counts: envelope.counts,
            parents: envelope.parents,
            outcome: envelope.outcome,
            hold_until: self.marks.hold_until(&id),
            body_readable,
            host: text(host),
            paths,
            tags,
            description,
            user: text(user),
            program: text(program),
            metadata,
        };
        if body_readable {
            match self.marks.body(self.backend, self.keys, self.devices, &id) {
                Ok(Some(mark)) => {
                    snapshot.tags = mark.tags;
                    snapshot.description = mark.description;
                }
                Ok(None) => {}
                Err(error) if is_of_one_object(&error) => {
                    return Ok((snapshot, self.marks.name(&id).map(|name| (name.clone(), error))));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((snapshot, None))
    }
}

fn not_found(spec: impl fmt::Display) -> Error {
    Error::new(ErrorKind::NotFound, FIND).object(spec).detail("there is no such snapshot")
}

#[cfg(test)]
pub(crate) mod tests;
