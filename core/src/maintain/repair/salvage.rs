//! Taking from a damaged tree what is whole, and listing what is not.

use super::report::Loss;
use crate::context::Context;
use crate::error::{Result, internal};
use crate::format::entry::{Content, Entry, EntryKind, Hole, Metadata, Run};
use crate::format::node::{Child, ListChild, Node, RunList, Totals};
use crate::format::segment::BlobKind;
use crate::id::{BlobId, SegmentId};
use crate::path::EntryPath;
use crate::progress::Meter;
use crate::store::blobs::NodeSink;
use crate::store::packs::is_of_the_object;
use crate::store::read::StoreReader;
use crate::tree::{TreeBuilder, load_child, load_list};
use rayon::prelude::*;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Mutex;

/// Most ranges of a file that are told apart.
const MAX_RANGES: usize = 1000;
/// A folder whose entry is lost, and something in it not, is made for its owner alone.
const FOLDER_MODE: u32 = 0o700;

/// A node by its place in a tree.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) child: &'a Child,
    /// None for a root.
    pub(super) parent_level: Option<u8>,
    /// Where the next node begins.
    pub(super) end: Option<&'a [u8]>,
}

/// Knows what is lost.
pub(super) struct Ruins<'a> {
    pub(super) reader: &'a StoreReader,
    /// Segments that are listed, and damaged.
    pub(super) lost: &'a HashSet<SegmentId>,
    pub(super) meter: &'a Meter,
    pub(super) ctx: &'a Context,
    /// Nodes that are sound with all below them, and what was expected of them.
    pub(super) sound: Mutex<HashMap<BlobId, u64>>,
    pub(super) hasher: RandomState,
}

/// Bytes of a file's data that are lost: ascending, neighbours joined.
#[derive(Debug, Default)]
struct Lost {
    ranges: Vec<Range<u64>>,
    bytes: u64,
}

impl Lost {
    fn add(&mut self, start: u64, length: u64) {
        self.bytes = self.bytes.saturating_add(length);
        let end = start.saturating_add(length);
        let room = self.ranges.len() < MAX_RANGES;
        match self.ranges.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ if room => self.ranges.push(start..end),
            _ => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes == 0 && self.ranges.is_empty()
    }
}

/// Where ranges of a file's data lie in the file.
fn in_file(ranges: &[Range<u64>], holes: &[Hole]) -> Vec<Range<u64>> {
    // Pieces of data with their place in the file.
    let (mut pieces, mut data, mut at) = (Vec::new(), 0u64, 0u64);
    for hole in holes {
        let length = hole.offset.saturating_sub(at);
        pieces.push((data..data.saturating_add(length), at));
        data = data.saturating_add(length);
        at = hole.offset.saturating_add(hole.length);
    }
    pieces.push((data..u64::MAX, at));
    let mut found = Vec::new();
    for range in ranges {
        for (piece, at) in &pieces {
            let (start, end) = (range.start.max(piece.start), range.end.min(piece.end));
            if start < end && found.len() < MAX_RANGES {
                found.push(at.saturating_add(start - piece.start)..at.saturating_add(end - piece.start));
            }
        }
    }
    found
}

fn data_length(entry: &Entry) -> u64 {
    entry.size.saturating_sub(entry.holes.iter().fold(0u64, |sum, hole| sum.saturating_add(hole.length)))
}

impl Ruins<'_> {
    /// Whether a node and everything below it is there.
    pub(super) fn is_sound(&self, at: At<'_>) -> Result<bool> {
        self.ctx.check_or_suspended("repair the snapshots")?;
        let panicked = |_| internal("repair the snapshots", "a thread panicked while holding the nodes it saw");
        let Totals { entries, files, bytes } = at.child.totals;
        let expected = self.hasher.hash_one((at.parent_level, at.end, &at.child.first, entries, files, bytes));
        if self.sound.lock().map_err(panicked)?.get(&at.child.id) == Some(&expected) {
            return Ok(true);
        }
        let node = match load_child(self.reader, at.child, at.parent_level, at.end) {
            Ok(node) => node,
            Err(error) if is_of_the_object(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut found = Totals::default();
        let sound = match &node {
            Node::Leaf(entries) => {
                self.meter.add_entries(entries.len() as u64);
                self.meter.report(|| entries.first().map(|entry| entry.path.to_string()));
                let mut sound = true;
                for entry in entries {
                    found.add(Totals::of(entry));
                    sound = sound && self.lost(entry)?.is_empty();
                }
                sound
            }
            Node::Inner { level, children } => {
                children.iter().for_each(|child| found.add(child.totals));
                let below = children.par_iter().enumerate().map(|(position, child)| {
                    let end = children.get(position + 1).map(|next| next.first.as_slice()).or(at.end);
                    self.is_sound(At { child, parent_level: Some(*level), end })
                });
                below.try_reduce(|| true, |left, right| Ok(left && right))?
            }
        };
        let sound = sound && (at.parent_level.is_none() || found == at.child.totals);
        if sound {
            self.sound.lock().map_err(panicked)?.insert(at.child.id, expected);
        }
        Ok(sound)
    }

    /// What is lost of a file's content.
    fn lost(&self, entry: &Entry) -> Result<Lost> {
        let mut lost = Lost::default();
        match &entry.content {
            Content::Empty | Content::Inline(_) => {}
            Content::Runs(runs) => self.runs(runs, 0, &mut lost)?,
            Content::List { id, levels } => {
                self.list(&ListChild { id: *id, bytes: data_length(entry) }, *levels, 0, &mut lost)?;
            }
        }
        Ok(lost)
    }

    fn runs(&self, runs: &[Run], mut offset: u64, lost: &mut Lost) -> Result<()> {
        for run in runs {
            if !self.is_whole(run)? {
                lost.add(offset, run.bytes);
            }
            offset = offset.saturating_add(run.bytes);
        }
        Ok(())
    }

    fn list(&self, child: &ListChild, level: u8, mut offset: u64, lost: &mut Lost) -> Result<()> {
        self.ctx.check_or_suspended("repair the snapshots")?;
        match load_list(self.reader, child, level) {
            Ok(RunList::Runs(runs)) => self.runs(&runs, offset, lost),
            Ok(RunList::Lists { children, .. }) => {
                for child in &children {
                    self.list(child, level.saturating_sub(1), offset, lost)?;
                    offset = offset.saturating_add(child.bytes);
                }
                Ok(())
            }
            Err(error) if is_of_the_object(&error) => {
                lost.add(offset, child.bytes);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the segment of a run is there, and holds what the run says.
    fn is_whole(&self, run: &Run) -> Result<bool> {
        if self.lost.contains(&run.segment) {
            return Ok(false);
        }
        let mut places = self.reader.store().index().segment(&run.segment)?;
        if places.is_empty() {
            places = self.reader.look_again(run.segment.as_bytes(), &[], |index| index.segment(&run.segment))?;
        }
        let fits = |header: &crate::format::segment::SegmentHeader| {
            let bytes = u64::from(header.raw_length).saturating_sub(u64::from(header.blob_count) * 4);
            let end = run.first.checked_add(run.count);
            header.kind == BlobKind::Data
                && end.is_some_and(|end| end <= header.blob_count)
                && run.bytes <= bytes
                && (run.count < header.blob_count || run.bytes == bytes)
        };
        Ok(places.iter().any(|place| fits(&place.header)))
    }

    /// Adds what is whole in a node and below it to `salvage`, and what is not to its losses.
    pub(super) fn take(&self, at: At<'_>, whole: Totals, salvage: &mut Salvage<'_>) -> Result<()> {
        self.ctx.check_or_suspended("repair the snapshots")?;
        match load_child(self.reader, at.child, at.parent_level, at.end) {
            Ok(Node::Leaf(entries)) => {
                for entry in entries {
                    let lost = self.lost(&entry)?;
                    if lost.is_empty() {
                        salvage.keep(entry)?;
                    } else {
                        salvage.lose_file(&entry, &lost);
                    }
                }
                Ok(())
            }
            Ok(Node::Inner { level, children }) => {
                for (position, child) in children.iter().enumerate() {
                    let end = children.get(position + 1).map(|next| next.first.as_slice()).or(at.end);
                    self.take(At { child, parent_level: Some(level), end }, child.totals, salvage)?;
                }
                Ok(())
            }
            Err(error) if is_of_the_object(&error) => {
                salvage.lose_entries(&at, whole);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// A tree of what is whole, being built.
pub(super) struct Salvage<'a> {
    builder: TreeBuilder,
    sink: &'a mut dyn NodeSink,
    /// Room for losses.
    room: usize,
    pub(super) lost: Vec<Loss>,
    pub(super) lost_count: u64,
    pub(super) directories: u64,
    /// The folders that the next entry may be in, from the root down.
    folders: Vec<EntryPath>,
    last: Option<EntryPath>,
}

impl<'a> Salvage<'a> {
    pub(super) fn new(builder: TreeBuilder, sink: &'a mut dyn NodeSink, room: usize) -> Self {
        Salvage {
            builder,
            sink,
            room,
            lost: Vec::new(),
            lost_count: 0,
            directories: 0,
            folders: Vec::new(),
            last: None,
        }
    }

    /// Ends the tree.
    pub(super) fn finish(self) -> Result<Salvaged> {
        let Salvage { builder, sink, lost, lost_count, directories, .. } = self;
        let (root, totals) = builder.finish(sink)?;
        Ok(Salvaged { root, totals, directories, lost, lost_count })
    }

    /// Adds an entry that is whole.
    fn keep(&mut self, entry: Entry) -> Result<()> {
        while self.folders.last().is_some_and(|folder| !entry.path.is_within(folder)) {
            self.folders.pop();
        }
        // A tree holds the folder of every entry; of one whose entry is lost, no more is known than its name.
        let mut missing = Vec::new();
        let mut parent = entry.path.parent();
        while let Some(folder) = parent {
            if self.folders.last() == Some(&folder) {
                break;
            }
            parent = folder.parent();
            missing.push(folder);
        }
        while let Some(folder) = missing.pop() {
            // In a tree of a hostile writer it may be a file.
            if self.last.as_ref().is_some_and(|last| *last >= folder) {
                break;
            }
            let metadata = Metadata {
                mode: FOLDER_MODE,
                owner: entry.metadata.owner.clone(),
                modified: entry.metadata.modified,
                ..Metadata::default()
            };
            let made = Entry {
                path: folder.clone(),
                kind: EntryKind::Directory,
                metadata,
                size: 0,
                holes: Vec::new(),
                content: Content::Empty,
            };
            self.push(made)?;
            self.folders.push(folder);
        }
        if entry.kind == EntryKind::Directory {
            self.folders.push(entry.path.clone());
        }
        self.push(entry)
    }

    fn push(&mut self, entry: Entry) -> Result<()> {
        self.directories += u64::from(entry.kind == EntryKind::Directory);
        self.last = Some(entry.path.clone());
        self.builder.push(entry, self.sink)
    }

    fn lose_file(&mut self, entry: &Entry, lost: &Lost) {
        self.lose(|| Loss::File {
            path: entry.path.clone(),
            size: entry.size,
            ranges: in_file(&lost.ranges, &entry.holes),
            bytes: lost.bytes,
        });
    }

    fn lose_entries(&mut self, at: &At<'_>, whole: Totals) {
        self.lose(|| Loss::Entries {
            from: EntryPath::from_key(at.child.first.clone()).unwrap_or_default(),
            before: at.end.and_then(|end| EntryPath::from_key(end.to_vec()).ok()),
            entries: whole.entries,
            files: whole.files,
            bytes: whole.bytes,
        });
    }

    fn lose(&mut self, loss: impl FnOnce() -> Loss) {
        self.lost_count += 1;
        if self.lost.len() < self.room {
            self.lost.push(loss());
        }
    }
}

/// What came of a damaged tree.
#[derive(Debug)]
pub(super) struct Salvaged {
    pub(super) root: BlobId,
    pub(super) totals: Totals,
    pub(super) directories: u64,
    pub(super) lost: Vec<Loss>,
    pub(super) lost_count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init)]
    fn ranges_of_data_are_told_by_where_they_lie_in_the_file() {
        let holes = [Hole { offset: 10, length: 5 }, Hole { offset: 20, length: 100 }];
        assert_eq!(in_file(&[0..10], &holes), [0..10]);
        assert_eq!(in_file(&[5..12], &holes), [5..10, 15..17]);
        assert_eq!(in_file(&[14..16, 20..21], &holes), [19..20, 120..121, 125..126]);
        assert_eq!(in_file(&[3..4], &[]), [3..4]);
        assert_eq!(in_file(&[0..2], &[Hole { offset: 0, length: 7 }]), [7..9]);
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init)]
    fn neighbours_are_one_range() {
        let mut lost = Lost::default();
        lost.add(0, 5);
        lost.add(5, 5);
        lost.add(20, 1);
        assert_eq!((lost.ranges, lost.bytes), (vec![0..10, 20..21], 11));
    }
}
