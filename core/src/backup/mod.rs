//! Backup: entries of a source in, a tree of them out.

mod change;
mod options;
mod previous;
mod unsorted;

pub use change::ChangeDetection;
pub use options::{BackupOptions, Parent};
pub(crate) use previous::{Base, BaseTree};

use crate::context::Context;
use crate::error::{Result, invalid};
use crate::format::entry::{Content, Entry, EntryKind, HardLink, Hole, Xattr};
use crate::format::node::{Totals, fault, xattr_fault};
use crate::id::BlobId;
use crate::ingest::{ContentReader, Failure, PendingTree, Stored};
use crate::problem::{Problem, ProblemReason};
use crate::progress::Meter;
use crate::report::ProblemLog;
use crate::source::{EntryHandle, EntrySource, SourceItem};
use crate::store::local_tree::LocalTreeWriter;
use crate::store::read::StoreReader;
use crate::store::write::BlobWriter;
use previous::Previous;
use std::collections::HashMap;
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
#[derive(Debug, Default)]
pub(crate) struct Start {
    /// Trees of earlier backups, the newest first.
    pub(crate) bases: Vec<Base>,
    /// Where the leaves of the new tree are kept, for who may not read the repository.
    pub(crate) local: Option<LocalTreeWriter>,
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
        meter,
        ctx,
    };
    let mut tree = PendingTree::of(store, start.local)?;
    let finished = if source.is_sorted() {
        backup.sorted(source, writer, &mut tree)?
    } else {
        backup.unsorted(source, writer, &mut tree)?
    };
    let (root, totals) = tree.finish(writer)?;
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
    meter: &'a Meter,
    ctx: &'a Context,
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
        source: &mut dyn EntrySource,
        writer: &mut BlobWriter,
        tree: &mut PendingTree,
    ) -> Result<bool> {
        while !self.ctx.should_suspend() {
            self.ctx.check("back up")?;
            let Some(item) = source.next(self.ctx)? else { return Ok(true) };
            if let Some((entry, stored)) = self.item(item, writer)? {
                self.meter.add_entries(1);
                self.directories += u64::from(entry.kind == EntryKind::Directory);
                tree.push(entry, stored, writer)?;
            }
        }
        self.ctx.check("back up")?;
        Ok(false)
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
            let Some(item) = source.next(self.ctx)? else {
                finished = true;
                break;
            };
            match item {
                SourceItem::Link(entry, target) => unsorted.link(entry, target, writer)?,
                item => {
                    if let Some((entry, stored)) = self.item(item, writer)? {
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

    /// One item of the source: `None` when there is nothing to store of it.
    fn item(&mut self, item: SourceItem, writer: &mut BlobWriter) -> Result<Option<(Entry, Stored)>> {
        let (entry, mut handle) = match item {
            SourceItem::Problem(problem) => {
                self.problem(problem);
                return Ok(None);
            }
            SourceItem::Link(entry, _) => {
                let detail = "only a source that is not sorted can say that a path is one more name of another";
                return Err(invalid("back up", detail).object(&entry.path));
            }
            SourceItem::Entry(entry, handle) => (entry, handle),
        };
        self.meter.report(|| {
            self.meter.set_stored_bytes(writer.sent().map_or(0, |(_, bytes)| bytes));
            Some(entry.path.to_string())
        });
        let result = self.entry(entry, handle.as_mut(), writer)?;
        if let Some(problem) = handle.take_problem() {
            self.problem(problem);
        }
        Ok(result.and_then(|(entry, stored)| Some((self.admit(entry)?, stored))))
    }

    fn entry(
        &mut self,
        mut entry: Entry,
        handle: &mut dyn EntryHandle,
        writer: &mut BlobWriter,
    ) -> Result<Option<(Entry, Stored)>> {
        if let Some((before, began)) = self.previous.find(&entry.path)?
            && self.changes.unchanged(&before, began, &entry)
            && self.previous.has_content(&before)?
        {
            self.unchanged += 1;
            self.meter.add_bytes(before.size);
            return Ok(Some(self.take_over(before, entry)));
        }
        if entry.kind != EntryKind::File {
            return Ok(match handle.describe(&mut entry) {
                Ok(()) => Some((entry, Stored::Content(Content::Empty))),
                Err(problem) => {
                    self.problem(problem);
                    None
                }
            });
        }
        if let Some(link) = entry.metadata.hard_link
            && let Some(known) = self.hard_links.get(&link)
        {
            let known = known.clone();
            self.meter.add_bytes(known.size);
            entry.metadata.xattrs = known.xattrs;
            return Ok(Some((Entry { size: known.size, holes: known.holes, ..entry }, known.stored)));
        }
        self.file(entry, handle, writer)
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
        writer: &mut BlobWriter,
    ) -> Result<Option<(Entry, Stored)>> {
        if let Err(problem) = handle.open(&mut entry) {
            self.problem(problem);
            return Ok(None);
        }
        let before = writer.new_bytes();
        let result = self.content.store(handle, &entry, writer, self.meter, self.ctx);
        self.meter.add_new_bytes(writer.new_bytes() - before);
        let (stored, length) = match result {
            Ok(stored) => stored,
            Err(Failure::Backup(error)) => return Err(error),
            // The loop over the source ends next.
            Err(Failure::Suspended) => return Ok(None),
            Err(Failure::File(problem)) => {
                self.problem(problem);
                return Ok(None);
            }
        };
        if let Some(problem) = handle.close(&mut entry) {
            self.problem(problem);
        }
        self.fit(&mut entry, length);
        self.meter.add_bytes(entry.size.saturating_sub(length));
        if let Some(link) = entry.metadata.hard_link {
            let Entry { size, holes, metadata, .. } = entry.clone();
            let known = LinkedContent { stored: stored.clone(), size, holes, xattrs: metadata.xattrs };
            self.hard_links.insert(link, known);
        }
        Ok(Some((entry, stored)))
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
