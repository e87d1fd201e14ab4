//! Backing up, as an app asks for it: session, lease, previous snapshot, the work itself, commit.

use super::Repository;
use crate::Timestamp;
use crate::backup::{self, BackedUp, BackupOptions, Base, BaseTree, Parent};
use crate::compress::LEVELS;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, invalid};
use crate::format::lease::LeasePurpose;
use crate::format::snapshot::{SnapshotBody, SnapshotCounts, SnapshotOutcome};
use crate::id::{BlobId, LineageId, SnapshotId};
use crate::ingest::{MakeCheckpoint, Reached};
use crate::problem::Problem;
use crate::progress::{Meter, Phase};
use crate::report::Outcome;
use crate::source::{EntrySource, Source};
use crate::store::checkpoints::{self, NewCheckpoint};
use crate::store::clock;
use crate::store::commit;
use crate::store::devices::DeviceList;
use crate::store::filter::SnapshotFilter;
use crate::store::local_tree::LocalTrees;
use crate::store::read::StoreReader;
use crate::store::session::Session;
use crate::store::snapshots::{self, NewSnapshot, RESERVED_METADATA, Snapshot, Snapshots};
use crate::store::unlisted::list_unlisted;
use crate::store::write::BlobWriter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// zstd's own default: what a faster level saves in time, storage pays for.
const DEFAULT_LEVEL: i32 = 3;

/// What a backup did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BackupReport {
    /// How it ended.
    pub outcome: Outcome,
    /// The snapshot; none when the work was suspended, or nothing had changed and none was wanted then.
    pub snapshot: Option<SnapshotId>,
    /// The snapshot it built on.
    pub parent: Option<SnapshotId>,
    /// Entries of the snapshot.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Folders among them.
    pub directories: u64,
    /// Bytes of all regular files.
    pub bytes: u64,
    /// Entries taken over from an earlier backup without reading them.
    pub unchanged: u64,
    /// Bytes of content that the repository did not have, before compression.
    pub new_bytes: u64,
    /// Blobs that the repository did not have.
    pub new_blobs: u64,
    /// Bytes sent to storage in packs.
    pub stored_bytes: u64,
    /// Packs sent to storage.
    pub stored_packs: u64,
    /// What could not be read and why; at most 1,000 of them.
    pub problems: Vec<Problem>,
    /// How many problems there were.
    pub problem_count: u64,
    /// How long it took.
    pub duration: Duration,
}

impl BackupReport {
    /// The snapshot that was made.
    ///
    /// # Errors
    /// When there is none: the work was suspended, and says so, or nothing had changed.
    pub fn snapshot(&self) -> Result<&SnapshotId> {
        self.snapshot.as_ref().ok_or_else(|| {
            let detail = match self.outcome {
                Outcome::Suspended => "the backup was suspended: call it again to go on with the rest",
                _ => "nothing has changed since the snapshot it builds on",
            };
            Error::new(ErrorKind::NotFound, "name the new snapshot").detail(detail)
        })
    }
}

/// What an incremental backup goes on from.
#[derive(Default)]
struct Start {
    parent: Option<Snapshot>,
    /// The newest snapshot of the lineage, which is the parent unless another was asked for.
    newest: Option<Snapshot>,
    work: backup::Start,
    /// Roots of the trees it goes on from.
    roots: Vec<BlobId>,
    local: Option<LocalTrees>,
}

impl Repository {
    /// Backs up what `source` yields and makes a snapshot of it.
    ///
    /// What is unchanged since the newest snapshot of the same host and paths is not read; what the repository has
    /// already is not stored again. Nothing that exists is changed or removed. On a deadline or when suspended, the
    /// work done so far is kept, the outcome is [`Suspended`](Outcome::Suspended), and calling again goes on.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) with a maintainer's key, [`Cancelled`](ErrorKind::Cancelled), and those of
    /// the storage and of a source that cannot go on. Paths that cannot be read are
    /// [problems](BackupReport::problems) instead.
    pub fn backup(&self, source: impl Into<Source>, options: &BackupOptions, ctx: &Context) -> Result<BackupReport> {
        self.within(ctx, "back up").back_up(source.into(), options, ctx)
    }

    fn back_up(&self, mut source: Source, options: &BackupOptions, ctx: &Context) -> Result<BackupReport> {
        let operation = "back up";
        let level = options.level.unwrap_or(DEFAULT_LEVEL);
        if !LEVELS.contains(&level) {
            return Err(invalid(operation, "the compression level is not between -7 and 19"));
        }
        if options.metadata.keys().any(|name| name.starts_with(RESERVED_METADATA)) {
            return Err(invalid(operation, "names of metadata that begin with \"strongroom.\" are reserved"));
        }
        let meter = ctx.meter();
        meter.phase(Phase::Preparing);
        let keys = self.store.keys();
        let began = clock();
        if options.time.is_some_and(|claimed| claimed > began) {
            // The next backup takes it for the time before which files were read, and would miss changes.
            return Err(invalid(operation, "the time it shall claim is yet to come"));
        }
        let devices = Arc::new(self.devices_list()?);
        let body = body(options, &source);
        let lineage = snapshots::lineage(keys, &body.host, &body.paths)?;
        let session = Arc::new(Session::begin(&self.store, &devices, LeasePurpose::Backup)?);

        let (reader, _) = self.reader(ctx)?;
        let mut start = self.start(&devices, &lineage, options.parent)?;
        list_unlisted(&self.store, &devices, &session, start.newest.as_ref(), ctx)?;
        let mut begin = std::mem::take(&mut start.work);
        if let Some(parent) = &start.parent {
            meter.totals(Some(parent.counts.entries), Some(parent.counts.bytes));
        }
        meter.phase(Phase::BackingUp);
        let pool = Arc::new(ctx.pool()?);
        let writer = BlobWriter::new(&self.store, &session, level, ctx, Arc::clone(&pool))?;
        let sequence = Arc::new(AtomicU32::new(0));
        if options.has_checkpoints() {
            begin.checkpoints = Some(self.checkpoints(&devices, &session, &sequence, lineage, began));
        }
        let mut work = Work { writer, reader: &reader, options, meter: &meter, ctx };
        let result = pool.install(|| work.run(&mut source, begin));
        let finished = result.and_then(|done| {
            meter.phase(Phase::Finishing);
            let (root, finished) = (done.root, done.finished);
            let commit =
                Commit { began, lineage, session: &session, sequence: &sequence, reader: &reader, body, options };
            let report = self.commit(&devices, &start, done, &work.writer, commit)?;
            if let Some(local) = &start.local {
                // After a suspension both the new tree and those before it have entries to go on from.
                let before = start.roots.iter().filter(|_| !finished).copied();
                local.keep_only(&before.chain([root]).collect::<Vec<_>>());
            }
            Ok(report)
        });
        if finished.is_err() && !work.writer.close() {
            session.leave();
        }
        session.end();
        let mut report = finished?;
        meter.set_stored_bytes(report.stored_bytes);
        report.duration = meter.elapsed();
        meter.finish();
        Ok(report)
    }

    /// What writes the checkpoints of a backup at work, beside the work.
    fn checkpoints(
        &self,
        devices: &Arc<DeviceList>,
        session: &Arc<Session>,
        sequence: &Arc<AtomicU32>,
        lineage: LineageId,
        began: Timestamp,
    ) -> MakeCheckpoint {
        let (store, devices) = (Arc::clone(&self.store), Arc::clone(devices));
        let (session, sequence) = (session.id(), Arc::clone(sequence));
        Box::new(move |reached: Reached, writer: &BlobWriter| {
            let Reached { root, totals, directories, unchanged, problems } = reached;
            let counts = SnapshotCounts {
                entries: totals.entries,
                files: totals.files,
                directories,
                bytes: totals.bytes,
                new_bytes: writer.new_bytes(),
                stored_bytes: writer.sent()?.1,
                problems,
                unchanged_files: unchanged,
            };
            let (store, devices, sequence) = (Arc::clone(&store), Arc::clone(&devices), Arc::clone(&sequence));
            Ok(Box::new(move || {
                let sequence = sequence.fetch_add(1, Ordering::Relaxed);
                let new = NewCheckpoint { session, sequence, lineage, root, time: began, counts, origin: None };
                // Without it the next backup reads more; this one lacks nothing.
                let _ = checkpoints::write(store.backend(), store.keys(), &devices, new);
            }))
        })
    }

    /// Finds what to build on: the parent snapshot, and a checkpoint of a suspended backup that is newer.
    fn start(&self, devices: &DeviceList, lineage: &LineageId, parent: Parent) -> Result<Start> {
        let keys = self.store.keys();
        let backend = self.store.backend();
        let mut start = Start::default();
        if !keys.can_read()
            && let Some(folder) = self.store.state_folder()
        {
            // A state folder that cannot be used costs speed, not the backup.
            start.local = LocalTrees::open(folder, lineage, keys).ok();
            start.work.local = start.local.as_ref().and_then(|local| local.create().ok());
        }
        let snapshots = Snapshots::open(backend, keys, devices)?;
        start.newest = snapshots.latest(&SnapshotFilter::all().lineage(*lineage))?.0;
        start.parent = match parent {
            Parent::None => return Ok(start),
            Parent::Snapshot(id) => Some(snapshots.load(&id)?),
            Parent::Newest => start.newest.clone(),
        };
        let found = checkpoints::latest(backend, keys, devices, lineage, start.parent.as_ref(), None)?;
        // The newest may have had the shortest time, and reach less far than one before.
        let largest = found
            .largest
            .filter(|largest| found.checkpoint.as_ref().is_some_and(|(newest, _)| largest.reaches_beyond(newest)));
        let checkpoints = found.checkpoint.map(|(checkpoint, _)| checkpoint).into_iter().chain(largest);
        let checkpoints = checkpoints.map(|checkpoint| (checkpoint.root, checkpoint.time));
        let parent = start.parent.as_ref().map(|parent| (parent.root, parent.time));
        for (root, began) in checkpoints.chain(parent) {
            start.roots.push(root);
            let tree = match &start.local {
                _ if keys.can_read() => Some(BaseTree::Stored(root)),
                Some(local) => local.entries(&root).ok().flatten().map(BaseTree::Local),
                None => None,
            };
            start.work.bases.extend(tree.map(|tree| Base { tree, began }));
        }
        Ok(start)
    }

    /// Makes what was done durable in name: a snapshot, or a checkpoint to go on from.
    fn commit(
        &self,
        devices: &DeviceList,
        start: &Start,
        done: BackedUp,
        writer: &BlobWriter,
        commit: Commit<'_>,
    ) -> Result<BackupReport> {
        let (backend, keys) = (self.store.backend(), self.store.keys());
        let Commit { began, lineage, session, sequence, reader, body, options } = commit;
        let (stored_packs, stored_bytes) = writer.sent()?;
        let (problems, problem_count) = done.problems.finish();
        let counts = SnapshotCounts {
            entries: done.totals.entries,
            files: done.totals.files,
            directories: done.directories,
            bytes: done.totals.bytes,
            new_bytes: writer.new_bytes(),
            stored_bytes,
            problems: problem_count,
            unchanged_files: done.unchanged,
        };
        let parent = start.parent.as_ref();
        let mut report = BackupReport {
            outcome: if problem_count == 0 { Outcome::Complete } else { Outcome::Partial },
            snapshot: None,
            parent: parent.map(|parent| parent.id),
            entries: counts.entries,
            files: counts.files,
            directories: counts.directories,
            bytes: counts.bytes,
            unchanged: done.unchanged,
            new_bytes: counts.new_bytes,
            new_blobs: writer.new_blobs(),
            stored_bytes,
            stored_packs,
            problem_count,
            problems,
            duration: Duration::ZERO,
        };
        if !done.finished {
            let (session, sequence) = (session.id(), sequence.load(Ordering::Relaxed));
            let root = done.root;
            let new = NewCheckpoint { session, sequence, lineage, root, time: began, counts, origin: None };
            checkpoints::write(backend, keys, devices, new)?;
            report.outcome = Outcome::Suspended;
            return Ok(report);
        }
        if options.skip_if_unchanged && parent.is_some_and(|parent| parent.root == done.root) {
            return Ok(report);
        }
        // Read again: what a device that was revoked meanwhile commits would not be accepted. Where a new epoch has
        // begun, the snapshot is already under that, if the key reaches it.
        let devices = &self.devices_list()?;
        let outcome = match report.outcome {
            Outcome::Complete => SnapshotOutcome::Complete,
            _ => SnapshotOutcome::Partial,
        };
        let new = NewSnapshot {
            root: done.root,
            time: options.time.unwrap_or(began),
            lineage,
            session: session.id(),
            counts,
            parents: parent.map(|parent| parent.id).into_iter().collect(),
            outcome,
            body,
        };
        report.snapshot = Some(commit::commit(session, reader, devices, new)?);
        Ok(report)
    }
}

/// What a commit says beside what was done.
struct Commit<'a> {
    began: Timestamp,
    lineage: LineageId,
    session: &'a Session,
    /// Of the next checkpoint.
    sequence: &'a AtomicU32,
    reader: &'a StoreReader,
    body: SnapshotBody,
    options: &'a BackupOptions,
}

/// The part of a backup that runs on the pool.
struct Work<'a> {
    writer: BlobWriter,
    reader: &'a StoreReader,
    options: &'a BackupOptions,
    meter: &'a Meter,
    ctx: &'a Context,
}

impl Work<'_> {
    fn run(&mut self, source: &mut dyn EntrySource, start: backup::Start) -> Result<BackedUp> {
        let Work { writer, reader, options, meter, ctx } = self;
        let done = backup::run(source, writer, reader, start, options.changes, meter, ctx)?;
        // What is written next says more.
        writer.await_nothing()?;
        writer.flush()?;
        Ok(done)
    }
}

fn body(options: &BackupOptions, source: &Source) -> SnapshotBody {
    SnapshotBody {
        host: options.host.clone(),
        paths: source.lineage_paths().to_vec(),
        tags: options.tags.clone(),
        metadata: options.metadata.clone(),
        user: options.user.clone(),
        program: options.program.clone(),
        description: Some(options.description.clone()).filter(|text| !text.is_empty()),
    }
}
