//! One destination of a copy: what it has, sessions on it, and the commit.

use super::{OPERATION, Source};
use crate::context::Context;
use crate::copy::{Base, COPY_OF, Copied, CopyDestination, Origin, SnapshotCopy};
use crate::error::{Result, internal};
use crate::format::entry::Timestamp;
use crate::format::lease::LeasePurpose;
use crate::format::snapshot::{SnapshotBody, SnapshotCounts, SnapshotOutcome};
use crate::id::{BlobId, LineageId, SnapshotId};
use crate::ingest::{MakeCheckpoint, Reached};
use crate::report::Outcome;
use crate::repository::Repository;
use crate::store::checkpoints::{self, NewCheckpoint};
use crate::store::clock;
use crate::store::commit;
use crate::store::devices::DeviceList;
use crate::store::filter::SnapshotFilter;
use crate::store::marks::{self, NewMark};
use crate::store::read::StoreReader;
use crate::store::session::Session;
use crate::store::snapshots::{self, NewSnapshot, Snapshot, Snapshots};
use crate::store::unlisted::list_unlisted;
use crate::store::write::BlobWriter;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A snapshot that a destination has.
pub(super) struct Held {
    id: SnapshotId,
    root: BlobId,
    hold_until: Option<Timestamp>,
}

/// One destination, as far as it is known.
pub(super) struct Destination<'a> {
    repo: &'a Repository,
    /// None when not even this could be read.
    devices: Option<Arc<DeviceList>>,
    pub(super) held: HashMap<Origin, Held>,
    /// The newest of each lineage, which tells what checkpoints are overtaken.
    newest: HashMap<LineageId, Snapshot>,
    /// The newest copy that this device made.
    own: Option<Snapshot>,
    /// Whether packs of earlier tries were looked for.
    looked: bool,
    pub(super) report: CopyDestination,
}

/// What a destination needs for one snapshot.
pub(super) struct Prepared {
    pub(super) session: Arc<Session>,
    pub(super) reader: StoreReader,
    devices: Arc<DeviceList>,
    lineage: LineageId,
    /// Of the next checkpoint.
    sequence: Arc<AtomicU32>,
}

impl Prepared {
    /// What writes the checkpoints of a copy at work, beside the work.
    pub(super) fn checkpoints(&self, source: &Source<'_>, snapshot: &Snapshot) -> Result<MakeCheckpoint> {
        let (store, devices) = (Arc::clone(self.reader.store()), Arc::clone(&self.devices));
        let (session, lineage, sequence) = (self.session.id(), self.lineage, Arc::clone(&self.sequence));
        let origin = Some(source.origin(snapshot).mark(store.keys())?);
        let (time, lost) = (snapshot.time, snapshot.counts.problems);
        Ok(Box::new(move |reached: Reached, writer: &BlobWriter| {
            let Reached { root, totals, directories, unchanged, problems } = reached;
            let counts = SnapshotCounts {
                entries: totals.entries,
                files: totals.files,
                directories,
                bytes: totals.bytes,
                new_bytes: writer.new_bytes(),
                stored_bytes: writer.sent()?.1,
                problems: lost.saturating_add(problems),
                unchanged_files: unchanged,
            };
            let (store, devices, sequence) = (Arc::clone(&store), Arc::clone(&devices), Arc::clone(&sequence));
            Ok(Box::new(move || {
                let sequence = sequence.fetch_add(1, Ordering::Relaxed);
                let new = NewCheckpoint { session, sequence, lineage, root, time, counts, origin };
                // Without it the next copy reads more; this one lacks nothing.
                let _ = checkpoints::write(store.backend(), store.keys(), &devices, new);
            }))
        }))
    }
}

impl<'a> Destination<'a> {
    /// Looks what a destination has. One that cannot be read has failed from the start.
    pub(super) fn open(repo: &'a Repository) -> Self {
        let report = CopyDestination {
            repository: repo.id(),
            location: repo.location(),
            outcome: Outcome::Complete,
            error: None,
            copied: Vec::new(),
            present: 0,
            new_bytes: 0,
            stored_bytes: 0,
            stored_packs: 0,
        };
        let (held, newest) = (HashMap::new(), HashMap::new());
        let mut end = Destination { repo, devices: None, held, newest, own: None, looked: false, report };
        let looked = end.look();
        end.note(looked);
        end
    }

    fn look(&mut self) -> Result<()> {
        let devices = Arc::new(self.repo.devices_list()?);
        let (device, _) = self.repo.store.keys().signer()?;
        let snapshots = Snapshots::open(self.repo.store.backend(), self.repo.store.keys(), &devices)?;
        // What cannot be read or trusted does not count as a copy, and is made anew.
        for snapshot in snapshots.list(&SnapshotFilter::all())?.snapshots {
            let origin = Origin::of(self.repo.id(), &snapshot);
            let is_own_copy = snapshot.device == device && snapshot.metadata.contains_key(COPY_OF);
            if is_own_copy && self.own.as_ref().is_none_or(|own| own.received < snapshot.received) {
                self.own = Some(snapshot.clone());
            }
            let Snapshot { id, root, hold_until, .. } = snapshot;
            self.held.entry(origin).or_insert(Held { id, root, hold_until });
            let newest = self.newest.entry(snapshot.lineage).or_insert_with(|| snapshot.clone());
            if newest.received < snapshot.received {
                *newest = snapshot;
            }
        }
        self.devices = Some(devices);
        Ok(())
    }

    fn devices(&self) -> Result<Arc<DeviceList>> {
        self.devices.clone().ok_or_else(|| internal(OPERATION, "the devices of a destination are not known"))
    }

    /// Notes why a destination drops out.
    pub(super) fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.report.error.get_or_insert(error)).ok()
    }

    pub(super) fn is_out(&self) -> bool {
        self.report.error.is_some()
    }

    /// The trees whose content a copy of `snapshot` may take over: what an interrupted copy of it made, and the copy of
    /// the snapshot of the same lineage that was made closest before it, or else closest after.
    fn bases(&self, source: &Source<'_>, snapshot: &Snapshot, lineage: &LineageId) -> Result<Vec<Base>> {
        let (backend, keys) = (self.repo.store.backend(), self.repo.store.keys());
        let mark = source.origin(snapshot).mark(keys)?;
        let newest = self.newest.get(lineage);
        let devices = self.devices()?;
        let found = checkpoints::latest(backend, keys, &devices, lineage, newest, Some(&mark))?;
        let newest = found.checkpoint.map(|(checkpoint, _)| checkpoint.root);
        let largest = found.largest.map(|checkpoint| checkpoint.root).filter(|root| newest != Some(*root));
        let mut bases: Vec<_> = newest.into_iter().chain(largest).map(|root| Base { root, of: None }).collect();
        let of_lineage = |other: &&Snapshot| other.lineage == snapshot.lineage && other.id != snapshot.id;
        let held = |other: &Snapshot| {
            self.held.get(&source.origin(other)).map(|held| Base { root: held.root, of: Some(other.root) })
        };
        let at = source.snapshots.partition_point(|other| (other.time, other.id) <= (snapshot.time, snapshot.id));
        let (before, after) = source.snapshots.split_at_checked(at).unwrap_or_default();
        let before = before.iter().rev().filter(of_lineage).find_map(held);
        bases.extend(before.or_else(|| after.iter().filter(of_lineage).find_map(held)));
        Ok(bases)
    }

    /// Makes sure that the copy is held at least as long as the original.
    pub(super) fn carry_hold(&mut self, origin: &Origin, hold_until: Option<Timestamp>) -> Result<()> {
        let devices = self.devices()?;
        let Some(held) = self.held.get_mut(origin).filter(|held| held.hold_until < hold_until) else { return Ok(()) };
        let (backend, keys) = (self.repo.store.backend(), self.repo.store.keys());
        let snapshots = Snapshots::open(backend, keys, &devices)?;
        let Snapshot { tags, description, .. } = snapshots.load(&held.id)?;
        let new = NewMark { tags, description, hold_until: hold_until.map(|time| time.seconds) };
        marks::write(backend, keys, &devices, snapshots.marks(), held.id, new, clock())?;
        held.hold_until = hold_until;
        Ok(())
    }

    pub(super) fn finish(self, suspended: bool) -> CopyDestination {
        let mut report = self.report;
        let lost = report.error.is_some() || report.copied.iter().any(|copy| copy.problem_count > 0);
        report.outcome = match (lost, suspended) {
            (true, false) => Outcome::Partial,
            (_, true) => Outcome::Suspended,
            (false, false) => Outcome::Complete,
        };
        report
    }
}

/// Begins a session at a destination and finds what to build on.
pub(super) fn prepare(
    end: &mut Destination<'_>,
    source: &Source<'_>,
    snapshot: &Snapshot,
    level: i32,
    share: &Context,
    pool: &Arc<crate::threads::Pool>,
) -> Result<(Prepared, BlobWriter, Vec<Base>)> {
    let repo = end.repo;
    let store = &repo.store;
    let lineage = snapshots::lineage(store.keys(), snapshot.host.as_deref().unwrap_or_default(), &snapshot.paths)?;
    let devices = end.devices()?;
    let session = Arc::new(Session::begin(store, &devices, LeasePurpose::Copy)?);
    let (reader, _) = end.repo.reader(share)?;
    if !end.looked {
        list_unlisted(store, &devices, &session, end.own.as_ref(), share)?;
        end.looked = true;
    }
    let bases = end.bases(source, snapshot, &lineage)?;
    let writer = BlobWriter::new(store, &session, level, share, Arc::clone(pool))?;
    let sequence = Arc::default();
    Ok((Prepared { session, reader, devices, lineage, sequence }, writer, bases))
}

/// Makes what came to a destination durable in name: a snapshot, or a checkpoint to go on from.
pub(super) fn conclude(
    end: &mut Destination<'_>,
    source: &Source<'_>,
    snapshot: &Snapshot,
    prepared: &Prepared,
    copied: Copied,
) -> Result<()> {
    let devices = end.devices()?;
    let (backend, keys) = (end.repo.store.backend(), end.repo.store.keys());
    let (origin, lineage, session) = (source.origin(snapshot), prepared.lineage, prepared.session.id());
    let Copied { root, totals, directories, unchanged, problems, finished, new_bytes, sent, .. } = copied;
    let (stored_packs, stored_bytes) = sent;
    let (problems, problem_count) = problems.finish();
    end.report.new_bytes = end.report.new_bytes.saturating_add(new_bytes);
    end.report.stored_bytes = end.report.stored_bytes.saturating_add(stored_bytes);
    end.report.stored_packs = end.report.stored_packs.saturating_add(stored_packs);
    let counts = SnapshotCounts {
        entries: totals.entries,
        files: totals.files,
        directories,
        bytes: totals.bytes,
        new_bytes,
        stored_bytes,
        problems: snapshot.counts.problems.saturating_add(problem_count),
        unchanged_files: unchanged,
    };
    if !finished {
        let origin = Some(origin.mark(keys)?);
        let sequence = prepared.sequence.load(Ordering::Relaxed);
        let new = NewCheckpoint { session, sequence, lineage, root, time: snapshot.time, counts, origin };
        checkpoints::write(backend, keys, &devices, new)?;
        prepared.session.end();
        return Ok(());
    }
    let outcome = if problem_count > 0 { SnapshotOutcome::Partial } else { snapshot.outcome };
    let parents = snapshot.parents.iter().filter_map(|parent| end.held.get(&source.origin_of_id(*parent)));
    let parents = parents.map(|held| held.id).collect();
    let mut metadata = snapshot.metadata.clone();
    metadata.insert(COPY_OF.to_owned(), origin.encode());
    let body = SnapshotBody {
        host: snapshot.host.clone().unwrap_or_default(),
        paths: snapshot.paths.clone(),
        tags: snapshot.tags.clone(),
        metadata,
        user: snapshot.user.clone().unwrap_or_default(),
        program: snapshot.program.clone().unwrap_or_default(),
        description: snapshot.description.clone(),
    };
    let new = NewSnapshot { root, time: snapshot.time, lineage, session, counts, parents, outcome, body };
    let id = commit::commit(&prepared.session, &prepared.reader, &devices, new)?;
    end.held.insert(origin, Held { id, root, hold_until: None });
    end.report.copied.push(SnapshotCopy {
        source: snapshot.id,
        copy: id,
        outcome,
        entries: counts.entries,
        bytes: counts.bytes,
        unchanged,
        new_bytes,
        stored_bytes,
        problems,
        problem_count,
    });
    end.carry_hold(&origin, snapshot.hold_until)?;
    prepared.session.end();
    Ok(())
}
