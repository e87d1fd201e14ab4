//! Figures on what a repository holds.

use crate::backend::Folder;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, internal};
use crate::format::entry::{Content, Run};
use crate::format::node::{Child, ListChild, Node, RunList, Totals};
use crate::id::{BlobId, SegmentId, SnapshotId};
use crate::progress::{Meter, Phase};
use crate::store::index::SegmentMarks;
use crate::store::read::StoreReader;
use crate::tree::{load_child, load_list};
use rayon::prelude::*;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Figures on what a repository holds. All sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RepositoryStats {
    /// Each snapshot, in the order in which they were asked for.
    pub snapshots: Vec<SnapshotStats>,
    /// Sizes of the regular files of all snapshots together, holes included: what restoring all of them would
    /// write.
    pub raw_bytes: u64,
    /// Content that any snapshot refers to, each piece once and before compression. Pieces are stored in segments of
    /// about a megabyte, and a segment counts whole as soon as one piece of it is referred to. Content so short that
    /// it stands in the tree counts as part of the tree.
    pub deduplicated_bytes: u64,
    /// Nodes of trees that any snapshot refers to, each once; run lists of large files are among them.
    pub tree_nodes: u64,
    /// Nodes that could not be read; what is below them is missing from the figures above.
    pub unreadable_nodes: u64,
    /// Segments of content that any snapshot refers to.
    pub data_segments: u64,
    /// Bytes of all packs in storage: what the repository takes, but for a few per cent of index and snapshots.
    pub stored_bytes: u64,
    /// Packs in storage.
    pub packs: u64,
    /// Segments that the index lists, of trees too; one that is listed in several places may count several times.
    pub segments: u64,
    /// Blobs that the index lists; counted like segments.
    pub blobs: u64,
    /// Index objects in force.
    pub index_objects: u64,
}

/// Figures on one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotStats {
    /// Which one.
    pub id: SnapshotId,
    /// Its entries.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Sum of the sizes of those files.
    pub bytes: u64,
    /// Whether its tree begins with a node that can be read; if not, the figures are 0.
    pub readable: bool,
}

/// Counts what these snapshots refer to and what storage holds. Needs a reader's or owner's key.
pub(crate) fn stats(reader: &StoreReader, roots: &[(SnapshotId, BlobId)], ctx: &Context) -> Result<RepositoryStats> {
    let store = reader.store();
    let (pool, meter) = (ctx.pool()?, ctx.meter());
    meter.phase(Phase::Preparing);
    store.index().refresh(store.backend(), store.keys(), ctx)?;
    let mut stats = RepositoryStats { index_objects: store.index().object_count()?, ..RepositoryStats::default() };
    (stats.blobs, stats.segments) = store.index().counts()?;
    store.backend().list(Folder::Packs, &mut |info| {
        ctx.check_or_suspended("count what the repository holds")?;
        if info.name.id::<crate::id::PackId>().is_ok() {
            stats.packs += 1;
            stats.stored_bytes = stats.stored_bytes.saturating_add(info.length);
        }
        Ok(())
    })?;
    meter.phase(Phase::Checking);
    let count = Count {
        reader,
        marks: store.index().segment_marks()?,
        visited: Mutex::default(),
        figures: Figures::default(),
        meter: &meter,
        ctx,
    };
    for (id, root) in roots {
        let totals = pool.install(|| count.root(root))?;
        let Totals { entries, files, bytes } = totals.unwrap_or_default();
        stats.snapshots.push(SnapshotStats { id: *id, entries, files, bytes, readable: totals.is_some() });
        stats.raw_bytes = stats.raw_bytes.saturating_add(bytes);
    }
    let Figures { nodes, unreadable, segments, content } = count.figures;
    stats.tree_nodes = nodes.into_inner();
    stats.unreadable_nodes = unreadable.into_inner();
    stats.data_segments = segments.into_inner();
    stats.deduplicated_bytes = content.into_inner();
    meter.finish();
    Ok(stats)
}

#[derive(Default)]
struct Figures {
    nodes: AtomicU64,
    unreadable: AtomicU64,
    segments: AtomicU64,
    content: AtomicU64,
}

struct Count<'a> {
    reader: &'a StoreReader,
    marks: SegmentMarks,
    /// Nodes seen, those of run lists included.
    visited: Mutex<HashSet<BlobId>>,
    figures: Figures,
    meter: &'a Meter,
    ctx: &'a Context,
}

impl Count<'_> {
    /// Counts a snapshot, and returns its totals if its root can be read.
    fn root(&self, root: &BlobId) -> Result<Option<Totals>> {
        let child = Child { first: Vec::new(), id: *root, totals: Totals::default() };
        let Some(node) = self.read(load_child(self.reader, &child, None, None))? else { return Ok(None) };
        let mut totals = Totals::default();
        match &node {
            Node::Leaf(entries) => entries.iter().for_each(|entry| totals.add(Totals::of(entry))),
            Node::Inner { children, .. } => children.iter().for_each(|child| totals.add(child.totals)),
        }
        if self.is_new(root)? {
            self.node(&node)?;
        }
        Ok(Some(totals))
    }

    /// Takes a node that was read; `None` when it could not be.
    fn read<T>(&self, node: Result<T>) -> Result<Option<T>> {
        match node {
            Ok(node) => Ok(Some(node)),
            Err(error) if is_damage(&error) => {
                self.figures.unreadable.fetch_add(1, Ordering::Relaxed);
                self.meter.add_problems(1);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn is_new(&self, id: &BlobId) -> Result<bool> {
        let mut visited =
            self.visited.lock().map_err(|_| internal("count nodes", "a thread panicked while holding them"))?;
        Ok(visited.insert(*id))
    }

    fn node(&self, node: &Node) -> Result<()> {
        self.ctx.check_or_suspended("count what the repository holds")?;
        self.figures.nodes.fetch_add(1, Ordering::Relaxed);
        match node {
            Node::Inner { level, children } => children.par_iter().try_for_each(|child| {
                if !self.is_new(&child.id)? {
                    return Ok(());
                }
                match self.read(load_child(self.reader, child, Some(*level), None))? {
                    Some(node) => self.node(&node),
                    None => Ok(()),
                }
            }),
            Node::Leaf(entries) => {
                self.meter.add_entries(entries.len() as u64);
                self.meter.report(|| entries.first().map(|entry| entry.path.to_string()));
                for entry in entries {
                    match &entry.content {
                        Content::Empty | Content::Inline(_) => {}
                        Content::Runs(runs) => self.runs(runs)?,
                        Content::List { id, levels } => {
                            let holes = entry.holes.iter().fold(0u64, |sum, hole| sum.saturating_add(hole.length));
                            let bytes = entry.size.saturating_sub(holes);
                            self.list(&ListChild { id: *id, bytes }, *levels)?;
                        }
                    }
                }
                Ok(())
            }
        }
    }

    fn list(&self, child: &ListChild, level: u8) -> Result<()> {
        if !self.is_new(&child.id)? {
            return Ok(());
        }
        let Some(list) = self.read(load_list(self.reader, child, level))? else { return Ok(()) };
        self.figures.nodes.fetch_add(1, Ordering::Relaxed);
        match &list {
            RunList::Runs(runs) => self.runs(runs),
            RunList::Lists { children, .. } => children.iter().try_for_each(|child| self.list(child, level - 1)),
        }
    }

    fn runs(&self, runs: &[Run]) -> Result<()> {
        self.ctx.check_or_suspended("count what the repository holds")?;
        let mut last: Option<SegmentId> = None;
        for run in runs.iter() {
            if last == Some(run.segment) {
                continue;
            }
            last = Some(run.segment);
            if let Some((true, header)) = self.marks.mark(&run.segment)? {
                let table = u64::from(header.blob_count) * 4;
                self.figures.segments.fetch_add(1, Ordering::Relaxed);
                self.figures.content.fetch_add(u64::from(header.raw_length).saturating_sub(table), Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::Io)
}
