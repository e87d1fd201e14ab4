//! Which snapshots lost something, and new ones of what is whole.

use super::Repair;
use super::report::SalvagedSnapshot;
use super::salvage::{At, Ruins, Salvage, Salvaged};
use crate::Timestamp;
use crate::backend::{Folder, ObjectName};
use crate::crypto::hash::IdHasher;
use crate::error::Result;
use crate::format::node::{Child, Totals};
use crate::format::pack::Reference;
use crate::format::snapshot::{MAX_DESCRIPTION, MAX_TAGS, SnapshotBody, SnapshotCounts, SnapshotOutcome};
use crate::id::{BlobId, SegmentId, SnapshotId};
use crate::progress::Phase;
use crate::store::blobs::NodeSink;
use crate::store::commit;
use crate::store::read::StoreReader;
use crate::store::snapshots::{self, NewSnapshot, Snapshot};
use crate::store::write::BlobWriter;
use crate::tree::{Boundaries, TreeBuilder};
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex};

/// The tag of salvaged snapshots.
const TAG: &str = "salvaged";
/// Most losses in a report.
const MAX_LOSSES: usize = 100_000;
/// zstd's own default.
const LEVEL: i32 = 3;

/// Names nodes and stores none.
struct Names<'a>(&'a IdHasher);

impl NodeSink for Names<'_> {
    fn store_node(&mut self, bytes: &[u8], _: Vec<Reference>) -> Result<BlobId> {
        Ok(self.0.blob(bytes))
    }
}

impl Repair<'_> {
    /// Walks all trees, and salvages what is damaged.
    pub(super) fn snapshots(&mut self, all: &[Snapshot], lost: &HashSet<SegmentId>) -> Result<()> {
        self.meter.phase(Phase::Checking);
        let share = usize::try_from(self.ctx.limits().memory_bytes() / 4).unwrap_or(usize::MAX);
        let reader = StoreReader::new(Arc::clone(self.store), share, self.ctx);
        let ruins = Ruins {
            reader: &reader,
            lost,
            meter: self.meter,
            ctx: self.ctx,
            sound: Mutex::default(),
            hasher: RandomState::new(),
        };
        for snapshot in all {
            let root = Child { first: Vec::new(), id: snapshot.root, totals: Totals::default() };
            let at = At { child: &root, parent_level: None, end: None };
            let sound = ruins.is_sound(at)?;
            self.report.snapshots += 1;
            if !sound {
                self.meter.add_problems(1);
                let salvaged = self.salvage(snapshot, &ruins, all)?;
                self.report.salvaged.push(salvaged);
            }
        }
        Ok(())
    }

    fn salvage(&mut self, snapshot: &Snapshot, ruins: &Ruins<'_>, all: &[Snapshot]) -> Result<SalvagedSnapshot> {
        // First without storing anything: an earlier repair may have done it.
        let found = self.build(snapshot, ruins, &mut Names(self.store.hasher()?))?;
        let mut done = SalvagedSnapshot {
            damaged: snapshot.id,
            salvaged: None,
            already: false,
            entries: found.totals.entries,
            files: found.totals.files,
            bytes: found.totals.bytes,
            lost: Vec::new(),
            lost_count: found.lost_count,
        };
        let earlier = all.iter().find(|other| {
            other.parents == [snapshot.id] && other.root == found.root && other.tags.iter().any(|tag| tag == TAG)
        });
        if let Some(earlier) = earlier {
            done.salvaged = Some(earlier.id);
            done.already = true;
        } else if found.totals.entries > 0 && !self.options.dry_run && self.store.keys().can_write() {
            done.salvaged = Some(self.write(snapshot, ruins, &found)?);
        }
        done.lost = found.lost;
        Ok(done)
    }

    fn build(&self, snapshot: &Snapshot, ruins: &Ruins<'_>, sink: &mut dyn NodeSink) -> Result<Salvaged> {
        let keys = self.store.keys();
        let boundaries = Boundaries::new(keys.id_key()?, self.store.config().sizes.node);
        let listed: usize = self.report.salvaged.iter().map(|one| one.lost.len()).sum();
        let mut salvage = Salvage::new(TreeBuilder::new(boundaries), sink, MAX_LOSSES.saturating_sub(listed));
        let root = Child { first: Vec::new(), id: snapshot.root, totals: Totals::default() };
        let SnapshotCounts { entries, files, bytes, .. } = snapshot.counts;
        let at = At { child: &root, parent_level: None, end: None };
        ruins.take(at, Totals { entries, files, bytes }, &mut salvage)?;
        salvage.finish()
    }

    fn write(&mut self, snapshot: &Snapshot, ruins: &Ruins<'_>, found: &Salvaged) -> Result<SnapshotId> {
        let session = Arc::clone(self.session()?);
        // One for all: a session has one key, and counts its segments.
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => BlobWriter::new(self.store, &session, LEVEL, self.ctx, Arc::clone(self.pool))?,
        };
        let before = writer.sent()?.1;
        let made = self.build(snapshot, ruins, &mut writer)?;
        writer.flush()?;
        let stored_bytes = writer.sent()?.1.saturating_sub(before);
        self.writer = Some(writer);
        let counts = SnapshotCounts {
            entries: made.totals.entries,
            files: made.totals.files,
            directories: made.directories,
            bytes: made.totals.bytes,
            new_bytes: 0,
            stored_bytes,
            problems: made.lost_count,
            unchanged_files: made.totals.files,
        };
        let outcome = if made.lost_count == 0 { snapshot.outcome } else { SnapshotOutcome::Partial };
        let mut tags = snapshot.tags.clone();
        tags.retain(|tag| tag != TAG);
        tags.truncate(MAX_TAGS.saturating_sub(1));
        tags.push(TAG.to_owned());
        let mut description = format!("salvaged from snapshot {}: {}", snapshot.id, amount(found.lost_count));
        if let Some(before) = &snapshot.description
            && description.len() + before.len() + 2 <= MAX_DESCRIPTION
        {
            description = format!("{description}\n{before}");
        }
        let body = SnapshotBody {
            host: snapshot.host.clone().unwrap_or_default(),
            paths: snapshot.paths.clone(),
            tags,
            metadata: snapshot.metadata.clone(),
            user: snapshot.user.clone().unwrap_or_default(),
            program: snapshot.program.clone().unwrap_or_default(),
            description: Some(description),
        };
        let new = NewSnapshot {
            root: made.root,
            // Right behind the damaged one, before which it is preferred, and before any later one.
            time: behind(snapshot.time),
            lineage: snapshot.lineage,
            session: session.id(),
            counts,
            parents: vec![snapshot.id],
            outcome,
            body,
        };
        commit::confirm(&session, ruins.reader, self.devices, &made.root)?;
        let backend = self.store.backend();
        let id = snapshots::write(backend, self.store.keys(), self.devices, new)?;
        if let Err(error) = commit::confirm_after(&session, ruins.reader, self.devices, &made.root) {
            // Where nothing can be deleted it stays, and `check` tells what it lacks.
            let _ = backend.delete(&ObjectName::of(Folder::Snapshots, id));
            return Err(error);
        }
        Ok(id)
    }
}

fn amount(losses: u64) -> String {
    match losses {
        1 => "1 loss".to_owned(),
        losses => format!("{losses} losses"),
    }
}

fn behind(time: Timestamp) -> Timestamp {
    match time.nanos {
        999_999_999 => Timestamp::new(time.seconds.saturating_add(1), 0),
        nanos => Timestamp::new(time.seconds, nanos + 1),
    }
}
