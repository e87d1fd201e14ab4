//! Walking the trees of snapshots: every node, every entry, and where the content of every file is.

use super::report::{CheckKind, CheckProblem, CheckReport, Findings, kind_of};
use super::segments::Segments;
use crate::context::Context;
use crate::error::{Error, Result, internal};
use crate::format::entry::{Content, Entry};
use crate::format::node::{Child, ListChild, Node, RunList, Totals};
use crate::id::{BlobId, SnapshotId};
use crate::path::EntryPath;
use crate::progress::Meter;
use crate::store::packs::is_of_the_object;
use crate::store::read::StoreReader;
use crate::tree::{load_child, load_list};
use rayon::prelude::*;
use std::collections::HashMap;
use std::collections::hash_map::{Entry as Slot, RandomState};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

pub(super) struct TreeCheck<'a> {
    reader: &'a StoreReader,
    segments: Segments<'a>,
    findings: &'a Findings<'a>,
    visited: Visited,
    counts: Counts,
    meter: &'a Meter,
    ctx: &'a Context,
    suspended: &'a AtomicBool,
}

/// Nodes seen so far. A node that several snapshots share is walked once, unless something below it is damaged: then
/// every snapshot that suffers is named.
struct Visited {
    nodes: Mutex<HashMap<BlobId, Option<u64>>>,
    hasher: RandomState,
}

impl Visited {
    fn nodes(&self) -> Result<MutexGuard<'_, HashMap<BlobId, Option<u64>>>> {
        self.nodes.lock().map_err(|_| internal("check trees", "a thread panicked while holding the nodes it saw"))
    }

    /// Whether a node was found sound, with all below it, where the same was expected of it.
    fn is_sound(&self, id: &BlobId, expected: u64) -> Result<bool> {
        Ok(self.nodes()?.get(id) == Some(&Some(expected)))
    }

    /// Notes that a node was looked at; `true` the first time.
    fn see(&self, id: &BlobId) -> Result<bool> {
        Ok(match self.nodes()?.entry(*id) {
            Slot::Vacant(slot) => {
                slot.insert(None);
                true
            }
            Slot::Occupied(_) => false,
        })
    }

    fn set_sound(&self, id: &BlobId, expected: u64) -> Result<()> {
        self.nodes()?.insert(*id, Some(expected));
        Ok(())
    }
}

#[derive(Default)]
struct Counts {
    snapshots: AtomicU64,
    nodes: AtomicU64,
    entries: AtomicU64,
    files: AtomicU64,
    bytes: AtomicU64,
}

/// A node by its place in a tree: what its parent expects of it.
#[derive(Clone, Copy)]
struct At<'a> {
    snapshot: SnapshotId,
    child: &'a Child,
    /// None for a root, of which nothing is expected.
    parent_level: Option<u8>,
    /// Where the next node begins.
    end: Option<&'a [u8]>,
}

impl At<'_> {
    fn path(&self) -> EntryPath {
        EntryPath::from_key(self.child.first.clone()).unwrap_or_default()
    }

    /// What is lost when the node is.
    fn loss(&self) -> String {
        if self.parent_level.is_none() {
            return "nothing of this snapshot can be read".to_owned();
        }
        let Totals { entries, files, bytes } = self.child.totals;
        let end = match self.end.and_then(|end| EntryPath::from_key(end.to_vec()).ok()) {
            Some(end) => format!("before {end}"),
            None => "to the end".to_owned(),
        };
        format!("{entries} entries ({files} files, {bytes} bytes) from this path on, {end}, are lost")
    }
}

impl<'a> TreeCheck<'a> {
    pub(super) fn new(
        reader: &'a StoreReader,
        segments: Segments<'a>,
        findings: &'a Findings<'a>,
        meter: &'a Meter,
        ctx: &'a Context,
        suspended: &'a AtomicBool,
    ) -> Self {
        let visited = Visited { nodes: Mutex::default(), hasher: RandomState::new() };
        TreeCheck { reader, segments, findings, visited, counts: Counts::default(), meter, ctx, suspended }
    }

    /// Walks one snapshot. To be called on a thread of the operation's pool.
    pub(super) fn snapshot(&self, snapshot: SnapshotId, root: BlobId) -> Result<()> {
        let child = Child { first: Vec::new(), id: root, totals: Totals::default() };
        self.node(At { snapshot, child: &child, parent_level: None, end: None })?;
        if !self.should_stop()? {
            self.counts.snapshots.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn finish(self, report: &mut CheckReport) {
        report.snapshots = self.counts.snapshots.into_inner();
        report.nodes = self.counts.nodes.into_inner();
        report.entries = self.counts.entries.into_inner();
        report.files = self.counts.files.into_inner();
        report.bytes = self.counts.bytes.into_inner();
    }

    fn should_stop(&self) -> Result<bool> {
        self.ctx.check("check the trees")?;
        if self.ctx.should_suspend() {
            self.suspended.store(true, Ordering::Relaxed);
        }
        Ok(self.suspended.load(Ordering::Relaxed))
    }

    /// Walks a node and all below it; whether everything was found sound.
    fn node(&self, at: At<'_>) -> Result<bool> {
        if self.should_stop()? {
            return Ok(false);
        }
        let Child { first, id, totals } = at.child;
        let expected =
            self.visited.hasher.hash_one((at.parent_level, at.end, first, totals.entries, totals.files, totals.bytes));
        if self.visited.is_sound(id, expected)? {
            return Ok(true);
        }
        let node = match load_child(self.reader, at.child, at.parent_level, at.end) {
            Ok(node) => node,
            Err(error) => {
                self.damaged_node(id, error, at.snapshot, at.path(), &at.loss())?;
                return Ok(false);
            }
        };
        let mut found = Totals::default();
        match &node {
            Node::Leaf(entries) => entries.iter().for_each(|entry| found.add(Totals::of(entry))),
            Node::Inner { children, .. } => children.iter().for_each(|child| found.add(child.totals)),
        }
        let mut sound = true;
        if at.parent_level.is_some() && found != *totals {
            let detail = format!("its parent counts {totals:?}, and it holds {found:?}");
            let problem = CheckProblem::new(CheckKind::DamagedNode, format!("node {id}"), detail);
            self.findings.add(problem.at(at.snapshot, at.path()))?;
            sound = false;
        }
        let new = self.visited.see(id)?;
        if new {
            self.counts.nodes.fetch_add(1, Ordering::Relaxed);
        }
        match &node {
            Node::Leaf(entries) => {
                if new {
                    self.counts.entries.fetch_add(found.entries, Ordering::Relaxed);
                    self.counts.files.fetch_add(found.files, Ordering::Relaxed);
                    self.counts.bytes.fetch_add(found.bytes, Ordering::Relaxed);
                    self.meter.add_entries(found.entries);
                    self.meter.report(|| Some(at.path().to_string()));
                }
                for entry in entries {
                    sound &= self.entry(at.snapshot, entry)?;
                }
            }
            Node::Inner { level, children } => {
                let below = children.par_iter().enumerate().map(|(position, child)| {
                    let end = children.get(position + 1).map(|next| next.first.as_slice()).or(at.end);
                    self.node(At { snapshot: at.snapshot, child, parent_level: Some(*level), end })
                });
                sound &= below.try_reduce(|| true, |left, right| Ok(left && right))?;
            }
        }
        if sound && !self.suspended.load(Ordering::Relaxed) {
            self.visited.set_sound(id, expected)?;
        }
        Ok(sound)
    }

    /// Reports a node that cannot be read, or returns the error when it is not the node's.
    fn damaged_node(&self, id: &BlobId, error: Error, snapshot: SnapshotId, path: EntryPath, loss: &str) -> Result<()> {
        if !is_of_the_object(&error) {
            return Err(error);
        }
        let listed = self.reader.store().index().blob_segment(id)?.is_some();
        let kind = match listed {
            true => kind_of(&error, CheckKind::DamagedNode, CheckKind::MissingNode),
            false => CheckKind::MissingFromIndex,
        };
        let detail = format!("{error}; {loss}");
        self.findings.add(CheckProblem::new(kind, format!("node {id}"), detail).at(snapshot, path))
    }

    /// Looks for the content of an entry; whether all of it is there.
    fn entry(&self, snapshot: SnapshotId, entry: &Entry) -> Result<bool> {
        let mut faults = Faults::default();
        match &entry.content {
            Content::Empty | Content::Inline(_) => {}
            Content::Runs(runs) => {
                for run in runs {
                    faults.add(self.segments.fault(run)?);
                }
            }
            Content::List { id, levels } => {
                let holes = entry.holes.iter().fold(0u64, |sum, hole| sum.saturating_add(hole.length));
                let child = ListChild { id: *id, bytes: entry.size.saturating_sub(holes) };
                self.list(snapshot, entry, &child, *levels, &mut faults)?;
            }
        }
        let Some((object, more)) = faults.first.map(|first| (first, faults.count - 1)) else { return Ok(true) };
        let detail = match more {
            0 => object,
            more => format!("{object}; and {more} more"),
        };
        let name = format!("snapshot {snapshot}");
        self.findings.add(CheckProblem::new(CheckKind::DamagedFile, name, detail).at(snapshot, entry.path.clone()))?;
        Ok(false)
    }

    fn list(
        &self,
        snapshot: SnapshotId,
        entry: &Entry,
        child: &ListChild,
        level: u8,
        faults: &mut Faults,
    ) -> Result<()> {
        if self.should_stop()? {
            return Ok(());
        }
        let expected = self.visited.hasher.hash_one((level, child.bytes));
        if self.visited.is_sound(&child.id, expected)? {
            return Ok(());
        }
        let list = match load_list(self.reader, child, level) {
            Ok(list) => list,
            Err(error) => {
                let loss = format!("{} bytes of the file are lost", child.bytes);
                faults.add(Some(format!("run list {}: {error}", child.id)));
                self.damaged_node(&child.id, error, snapshot, entry.path.clone(), &loss)?;
                return Ok(());
            }
        };
        if self.visited.see(&child.id)? {
            self.counts.nodes.fetch_add(1, Ordering::Relaxed);
        }
        let before = faults.count;
        match &list {
            RunList::Runs(runs) => {
                for run in runs {
                    faults.add(self.segments.fault(run)?);
                }
            }
            RunList::Lists { children, .. } => {
                for child in children {
                    self.list(snapshot, entry, child, level - 1, faults)?;
                }
            }
        }
        if faults.count == before && !self.suspended.load(Ordering::Relaxed) {
            self.visited.set_sound(&child.id, expected)?;
        }
        Ok(())
    }
}

/// What is wrong with the content of one file.
#[derive(Default)]
struct Faults {
    first: Option<String>,
    count: u64,
}

impl Faults {
    fn add(&mut self, fault: Option<String>) {
        if let Some(fault) = fault {
            self.count += 1;
            self.first.get_or_insert(fault);
        }
    }
}
