//! Backup: entries of a source in, a tree of them out.

mod ahead;
mod change;
mod options;
mod parallel;
mod previous;
mod small;
mod unsorted;

use ahead::Ahead;
pub use change::ChangeDetection;
pub use options::{BackupOptions, Parent};
pub(crate) use previous::{Base, BaseTree};

use crate::context::Context;
use crate::error::{Result, invalid};
use crate::format::entry::{Content, Entry, EntryKind, HardLink, Hole, Timestamp, Xattr};
use crate::format::node::{Totals, fault, xattr_fault};
use crate::id::BlobId;
use crate::ingest::{
    Checkpoints, ContentReader, Failure, MakeCheckpoint, PendingRun, PendingTree, Reached, SoFar, Stored, beginning_of,
};
use crate::problem::{Problem, ProblemReason};
use crate::progress::Meter;
use crate::report::ProblemLog;
use crate::source::{EntryHandle, EntrySource, SourceItem};
use crate::store::local_tree::LocalTreeWriter;
use crate::store::read::StoreReader;
use crate::store::write::BlobWriter;
use previous::Previous;
use std::collections::{HashMap, VecDeque};
use unsorted::Unsorted;

/// What a backup made of a source.
#[derive(Debug)]
pub(crate) struct BackedUp {
    pub(crate) root: BlobId,
    pub(crate) totals: Totals,
    pub(crate) directories: u64,
    /// Entries taken over from the previous snapshot without reading them.
    pub(crate) unchanged: u64,
    pub(crate) problems: ProblemLog,
    /// Whether the source was read to its end.
    pub(crate) finished: bool,
}

/// What an incremental backup goes on from, and what it leaves for the next.
#[derive(Default)]
pub(crate) struct Start {
    /// Trees of earlier backups, the newest first.
    pub(crate) bases: Vec<Base>,
    /// Where the leaves of the new tree are kept, for who may not read the repository.
    pub(crate) local: Option<LocalTreeWriter>,
    /// What writes checkpoints on the way.
    pub(crate) checkpoints: Option<MakeCheckpoint>,
}

/// Reads `source` to its end, or until the work is to be suspended, and stores what it yields.
///
/// To be called on a thread of the writer's pool, which it shares work with.
pub(crate) fn run(
    source: &mut dyn EntrySource,
    writer: &mut BlobWriter,
    reader: &StoreReader,
    start: Start,
    changes: ChangeDetection,
    meter: &Meter,
    ctx: &Context,
) -> Result<BackedUp> {
    let store = reader.store();
    let mut backup = Backup {
        content: ContentReader::of(store)?,
        previous: Previous::new(reader, start.bases, source.is_sorted()),
        changes,
        hard_links: HashMap::new(),
        problems: ProblemLog::default(),
        directories: 0,
        unchanged: 0,
        checkpoints: Checkpoints::new(start.checkpoints, reader.store().config().sizes.pack),
        partial: None,
        meter,
        ctx,
    };
    let mut tree = PendingTree::of(store, start.local)?;
    let finished = if source.is_sorted() && source.is_concurrent() && rayon::current_num_threads() > 1 {
        let ahead = Ahead::new(source, ctx);
        rayon::in_place_scope(|scope| {
            let mut batch = VecDeque::new();
            let mut next = || {
                if batch.is_empty() {
                    batch = ahead.batch(scope)?;
                }
                batch.pop_front().unwrap_or(Ok(None))
            };
            backup.in_parallel(&mut next, writer, &mut tree)
        })?
    } else if source.is_sorted() {
        backup.sorted(&mut || source.next(ctx), writer, &mut tree)?
    } else {
        backup.unsorted(source, writer, &mut tree)?
    };
    let (root, totals) = if finished { tree.finish(writer)? } else { tree.cut(backup.partial.take(), writer)? };
    Ok(BackedUp {
        root,
        totals,
        directories: backup.directories,
        unchanged: backup.unchanged,
        problems: backup.problems,
        finished,
    })
}

struct Backup<'a> {
    content: ContentReader,
    previous: Previous<'a>,
    changes: ChangeDetection,
    /// Content of files with several names, for the names that come later.
    hard_links: HashMap<HardLink, LinkedContent>,
    problems: ProblemLog,
    directories: u64,
    unchanged: u64,
    checkpoints: Checkpoints,
    /// The file that the work was suspended in.
    partial: Option<(Entry, Vec<PendingRun>)>,
    meter: &'a Meter,
    ctx: &'a Context,
}

/// What is to be done with an entry.
enum Found {
    /// Nothing more. Whether it was taken over from the previous snapshot.
    Ready(Entry, Stored, bool),
    Problem(Problem),
    /// A file to be read, and what it was in the previous snapshot.
    File(Entry, Option<Box<(Entry, Timestamp)>>),
}

#[derive(Clone)]
struct LinkedContent {
    stored: Stored,
    size: u64,
    holes: Vec<Hole>,
    xattrs: Vec<Xattr>,
}

impl Backup<'_> {
    fn sorted(
        &mut self,
        next: &mut dyn FnMut() -> Result<Option<SourceItem>>,
        writer: &mut BlobWriter,
        tree: &mut PendingTree,
    ) -> Result<bool> {
        while !self.ctx.should_suspend() {
            self.ctx.check("back up")?;
            let Some(item) = self.answer(next())? else { break };
            let Some(item) = item else { return Ok(true) };
            if let Some((entry, stored)) = self.item(item, writer, Some(tree))? {
                self.store(entry, stored, writer, tree)?;
            }
        }
        self.ctx.check("back up")?;
        Ok(false)
    }

    /// Adds an entry to the tree, and writes a checkpoint when it is time for one.
    fn store(&mut self, entry: Entry, stored: Stored, writer: &mut BlobWriter, tree: &mut PendingTree) -> Result<()> {
        self.meter.add_entries(1);
        self.directories += u64::from(entry.kind == EntryKind::Directory);
        tree.push(entry, stored, writer)?;
        if self.checkpoints.is_due(writer)? {
            let (root, totals) = tree.cut(None, writer)?;
            let (directories, unchanged, problems) = (self.directories, self.unchanged, self.problems.count());
            let reached = Reached { root, totals, directories, unchanged, problems };
            self.checkpoints.write(reached, writer)?;
        }
        Ok(())
    }

    /// The next item, or the end of the source. `None` when the work is to be suspended, which a source that waits for
    /// something may have been told, too, and may only know to answer with an error.
    fn answer(&self, answer: Result<Option<SourceItem>>) -> Result<Option<Option<SourceItem>>> {
        match answer {
            Ok(item) => Ok(Some(item)),
            Err(error) => {
                self.ctx.check("back up")?;
                if self.ctx.should_suspend() { Ok(None) } else { Err(error) }
            }
        }
    }

    fn unsorted(
        &mut self,
        source: &mut dyn EntrySource,
        writer: &mut BlobWriter,
        tree: &mut PendingTree,
    ) -> Result<bool> {
        let mut unsorted = Unsorted::new(self.ctx.limits().memory_bytes() / 4);
        let mut finished = false;
        while !self.ctx.should_suspend() {
            self.ctx.check("back up")?;
            let Some(item) = self.answer(source.next(self.ctx))? else { break };
            let Some(item) = item else {
                finished = true;
                break;
            };
            match item {
                SourceItem::Link(entry, target) => unsorted.link(entry, target, writer)?,
                item => {
                    if let Some((entry, stored)) = self.item(item, writer, None)? {
                        unsorted.push(entry, stored, writer)?;
                    }
                }
            }
        }
        self.ctx.check("back up")?;
        unsorted.finish(writer, &mut |found, writer| match found {
            Ok(mut entry) => {
                self.meter.add_entries(1);
                self.directories += u64::from(entry.kind == EntryKind::Directory);
                let content = Stored::Content(std::mem::take(&mut entry.content));
                tree.push(entry, content, writer)
            }
            Err(problem) => {
                self.problem(problem);
                Ok(())
            }
        })?;
        Ok(finished)
    }

    /// One item of the source: `None` when there is nothing to store of it. `tree` holds all that came before, if it
    /// can.
    fn item(
        &mut self,
        item: SourceItem,
        writer: &mut BlobWriter,
        tree: Option<&mut PendingTree>,
    ) -> Result<Option<(Entry, Stored)>> {
        let (entry, mut handle) = match item {
            SourceItem::Problem(problem) => {
                self.problem(problem);
                return Ok(None);
            }
            SourceItem::Link(entry, _) => return Err(misplaced_link(&entry)),
            SourceItem::Entry(entry, handle) => (entry, handle),
        };
        self.report(&entry, writer);
        let result = match self.look(entry, handle.as_mut())? {
            Found::Ready(entry, stored, unchanged) => {
                self.unchanged += u64::from(unchanged);
                Some((entry, stored))
            }
            Found::Problem(problem) => {
                self.problem(problem);
                None
            }
            Found::File(mut entry, before) => match self.linked(&mut entry) {
                Some(stored) => Some((entry, stored)),
                None => self.file(entry, handle.as_mut(), before.map(|before| *before), writer, tree)?,
            },
        };
        if let Some(problem) = handle.take_problem() {
            self.problem(problem);
        }
        Ok(result.and_then(|(entry, stored)| Some((self.admit(entry)?, stored))))
    }

    fn report(&self, entry: &Entry, writer: &BlobWriter) {
        self.meter.report(|| {
            self.meter.set_stored_bytes(writer.sent().map_or(0, |(_, bytes)| bytes));
            Some(entry.path.to_string())
        });
    }

    /// What is to be done with an entry: nothing where it is unchanged or has no content.
    fn look(&mut self, mut entry: Entry, handle: &mut dyn EntryHandle) -> Result<Found> {
        let mut before = self.previous.find(&entry.path)?;
        if let Some((before, _)) = before.take_if(|(before, began)| self.changes.unchanged(before, *began, &entry))
            && self.previous.has_content(&before)?
        {
            self.meter.add_bytes(before.size);
            let (entry, stored) = self.take_over(before, entry);
            return Ok(Found::Ready(entry, stored, true));
        }
        self.checkpoints.add_entry();
        if entry.kind == EntryKind::File {
            return Ok(Found::File(entry, before.map(Box::new)));
        }
        Ok(match handle.describe(&mut entry) {
            Ok(()) => Found::Ready(entry, Stored::Content(Content::Empty), false),
            Err(problem) => Found::Problem(problem),
        })
    }

    /// The content of one more name of a file that was stored. The entry gets what the names have in common.
    fn linked(&self, entry: &mut Entry) -> Option<Stored> {
        let known = self.hard_links.get(&entry.metadata.hard_link?)?.clone();
        self.meter.add_bytes(known.size);
        entry.metadata.xattrs = known.xattrs;
        (entry.size, entry.holes) = (known.size, known.holes);
        Some(known.stored)
    }

    /// The entry of the previous snapshot, with what the listing is fresher in.
    fn take_over(&mut self, before: Entry, now: Entry) -> (Entry, Stored) {
        let Entry { kind, size, holes, content, metadata: mut described, .. } = before;
        let stored = Stored::Content(content);
        if let Some(link) = now.metadata.hard_link {
            let xattrs = described.xattrs.clone();
            let known = LinkedContent { stored: stored.clone(), size, holes: holes.clone(), xattrs };
            self.hard_links.insert(link, known);
        }
        let xattrs = std::mem::take(&mut described.xattrs);
        let mut metadata = now.metadata;
        metadata.xattrs = xattrs;
        (Entry { path: now.path, kind, metadata, size, holes, content: Content::Empty }, stored)
    }

    fn file(
        &mut self,
        mut entry: Entry,
        handle: &mut dyn EntryHandle,
        before: Option<(Entry, Timestamp)>,
        writer: &mut BlobWriter,
        tree: Option<&mut PendingTree>,
    ) -> Result<Option<(Entry, Stored)>> {
        if let Err(problem) = handle.open(&mut entry) {
            self.problem(problem);
            return Ok(None);
        }
        let so_far = match self.beginning(&entry, handle, before)? {
            Ok(so_far) => so_far,
            Err(problem) => {
                self.problem(problem);
                return Ok(None);
            }
        };
        self.read_on(entry, handle, (so_far, &[]), writer, tree)
    }

    /// Stores an open file of which something is stored or read already.
    fn read_on(
        &mut self,
        mut entry: Entry,
        handle: &mut dyn EntryHandle,
        (so_far, begun): (SoFar, &[u8]),
        writer: &mut BlobWriter,
        tree: Option<&mut PendingTree>,
    ) -> Result<Option<(Entry, Stored)>> {
        // What cannot be stepped over would have to be read again all the same.
        let mut tree = tree.filter(|_| entry.metadata.changed.is_some() && handle.skip(0).unwrap_or(false));
        let continues = tree.is_some();
        let (before, mut counted) = (writer.new_bytes(), so_far.bytes);
        self.meter.add_bytes(begun.len() as u64);
        let (directories, unchanged, problems) = (self.directories, self.unchanged, self.problems.count());
        let checkpoints = &mut self.checkpoints;
        let mut meanwhile = |so_far: &SoFar, writer: &mut BlobWriter| {
            checkpoints.add_bytes(so_far.bytes.saturating_sub(counted));
            counted = so_far.bytes;
            if let Some(tree) = &mut tree
                && checkpoints.is_due(writer)?
            {
                let partial = beginning_of(&entry, so_far.bytes).map(|partial| (partial, so_far.runs.clone()));
                let (root, totals) = tree.cut(partial, writer)?;
                checkpoints.write(Reached { root, totals, directories, unchanged, problems }, writer)?;
            }
            Ok(())
        };
        let result =
            self.content.store(handle, &entry, (so_far, begun), writer, (self.meter, self.ctx), &mut meanwhile);
        self.meter.add_new_bytes(writer.new_bytes() - before);
        let (stored, length) = match result {
            Ok(stored) => stored,
            Err(Failure::Backup(error)) => return Err(error),
            // The loop over the source ends next.
            Err(Failure::Suspended(so_far)) => {
                if continues && let Some(partial) = beginning_of(&entry, so_far.bytes) {
                    self.partial = self.admit(partial).map(|partial| (partial, so_far.runs));
                }
                return Ok(None);
            }
            Err(Failure::File(problem)) => {
                self.problem(problem);
                return Ok(None);
            }
        };
        self.checkpoints.add_bytes(length.saturating_sub(counted));
        if let Some(problem) = handle.close(&mut entry) {
            self.problem(problem);
        }
        self.end_file(&mut entry, &stored, length);
        Ok(Some((entry, stored)))
    }

    /// Brings a file's entry in line with the `length` bytes of data that were stored of it.
    fn end_file(&mut self, entry: &mut Entry, stored: &Stored, length: u64) {
        self.fit(entry, length);
        self.meter.add_bytes(entry.size.saturating_sub(length));
        if let Some(link) = entry.metadata.hard_link {
            let Entry { size, holes, metadata, .. } = entry.clone();
            let known = LinkedContent { stored: stored.clone(), size, holes, xattrs: metadata.xattrs };
            self.hard_links.insert(link, known);
        }
    }

    /// What an interrupted backup stored of the beginning of a file that was just opened, if that can be stepped over.
    fn beginning(
        &mut self,
        entry: &Entry,
        handle: &mut dyn EntryHandle,
        before: Option<(Entry, Timestamp)>,
    ) -> Result<std::result::Result<SoFar, Problem>> {
        let Some((before, began)) = before else { return Ok(Ok(SoFar::default())) };
        // Asked with what was opened, which may be newer than the listing.
        if !self.changes.continues(&before, began, entry) || !entry.holes.starts_with(&before.holes) {
            return Ok(Ok(SoFar::default()));
        }
        let Some(so_far) = self.previous.runs(&before)?.map(|runs| SoFar::of(&runs)) else {
            return Ok(Ok(SoFar::default()));
        };
        // Where the data reaches further than a hole allows, it was another file.
        if beginning_of(entry, so_far.bytes).is_none_or(|same| same.size != before.size) {
            return Ok(Ok(SoFar::default()));
        }
        Ok(match handle.skip(so_far.bytes) {
            Ok(true) => {
                self.meter.add_bytes(so_far.bytes);
                Ok(so_far)
            }
            Ok(false) => Ok(SoFar::default()),
            Err(error) => Err(Problem::reading(entry.path.clone(), &error)),
        })
    }

    /// Makes the size of an entry what was read of it.
    fn fit(&mut self, entry: &mut Entry, length: u64) {
        let holes: u64 = entry.holes.iter().map(|hole| hole.length).sum();
        if entry.size == length.saturating_add(holes) {
            return;
        }
        if !entry.holes.is_empty() {
            // Bytes and holes no longer tell where they belong; without holes the content is at least contiguous.
            entry.holes.clear();
            let detail = "it changed while it was read: its holes are lost, and bytes behind them moved";
            self.problem(Problem::new(entry.path.clone(), ProblemReason::Changed, detail));
        }
        entry.size = length;
    }

    /// Keeps out what could be written but not read again.
    fn admit(&mut self, mut entry: Entry) -> Option<Entry> {
        if let Some(fault) = xattr_fault(&entry.metadata.xattrs) {
            entry.metadata.xattrs.clear();
            self.problem(Problem::new(entry.path.clone(), ProblemReason::Metadata, fault));
        }
        match fault(&entry) {
            None => Some(entry),
            Some(fault) => {
                self.problem(Problem::new(entry.path, ProblemReason::Unsupported, fault));
                None
            }
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.meter.add_problems(1);
        self.problems.add(problem);
    }
}

fn misplaced_link(entry: &Entry) -> crate::Error {
    let detail = "only a source that is not sorted can say that a path is one more name of another";
    invalid("back up", detail).object(&entry.path)
}
