//! The reading side of a copy: walks the source's tree once, and gives each destination what it needs.

use super::queue::Queue;
use super::{Base, Original, is_damage};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::format::entry::{Content, Entry, EntryKind, HardLink, Run};
use crate::format::segment::Segment;
use crate::id::BlobId;
use crate::ingest::{Presence, beginning_of};
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use crate::progress::Meter;
use crate::store::read::StoreReader;
use crate::tree::{Cursor, RunReader, Segments, bytes_of, data_length};
use std::collections::HashMap;
use std::sync::Arc;

/// What a destination is given, in the order of the tree.
pub(super) enum Item {
    /// An entry that needs no bytes.
    Entry(Box<Entry>),
    /// A file whose content the destination has; it refers to the destination's segments.
    Taken(Box<Entry>),
    /// One more name of a file that came before, with the same content.
    Linked(Box<Entry>),
    /// A file whose bytes are in the entry itself.
    Inline(Box<Entry>),
    /// A file whose bytes come next, until `FileEnd` or `FileLost`: those behind what the destination has of it.
    File(Box<Entry>, Vec<Run>),
    Piece(Piece),
    FileEnd,
    /// The rest of the file cannot be read.
    FileLost(Problem),
    /// Something of the tree cannot be read.
    Problem(Problem),
    /// Nothing comes any more, because that was all.
    End,
}

/// Bytes of a file: a run of a segment, but for its first bytes.
pub(super) struct Piece {
    pub(super) segment: Arc<Segment>,
    pub(super) run: Run,
    pub(super) skip: u64,
}

/// What a destination has of a file.
enum Had {
    Nothing,
    /// The runs of its beginning, as a copy left them that broke off.
    Beginning(Vec<Run>),
    Everything(Content),
}

/// A destination that needs the bytes of a file, by its number, from a byte on.
type Reading = (usize, u64);

/// What an item costs in memory beside what it holds.
const FIXED: u64 = 512;

fn cost(entry: &Entry) -> u64 {
    let xattrs: usize = entry.metadata.xattrs.iter().map(|xattr| xattr.name.len() + xattr.value.len() + 48).sum();
    let content = match &entry.content {
        Content::Inline(bytes) => bytes.len(),
        Content::Runs(runs) => runs.len() * 56,
        Content::Empty | Content::List { .. } => 0,
    };
    FIXED + (entry.path.key().len() + xattrs + content + entry.holes.len() * 16) as u64
}

/// Where what is read goes to.
pub(super) struct Outlet<'a> {
    queue: &'a Queue<Item>,
    reader: &'a StoreReader,
    bases: Vec<Walk<'a>>,
    presence: Presence<'a>,
    /// Whether the destination still takes something.
    open: bool,
    error: Option<Error>,
    /// The segment of the piece before: pieces of one segment share its memory.
    last: Option<Arc<Segment>>,
}

/// A tree that content may be taken over from.
struct Walk<'a> {
    of: Option<BlobId>,
    cursor: Cursor<'a>,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(queue: &'a Queue<Item>, reader: &'a StoreReader, bases: Vec<Base>) -> Self {
        let bases =
            bases.into_iter().map(|base| Walk { of: base.of, cursor: Cursor::new(reader, base.root) }).collect();
        let presence = Presence::new(reader);
        Outlet { queue, reader, bases, presence, open: true, error: None, last: None }
    }

    /// Why the destination failed on this side.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    fn send(&mut self, item: Item, cost: u64, ctx: &Context) -> Result<()> {
        if self.open {
            self.open = self.queue.push(item, cost, ctx)?;
        }
        Ok(())
    }

    fn send_piece(&mut self, segment: &Arc<Segment>, run: Run, skip: u64, ctx: &Context) -> Result<()> {
        let held = self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, segment));
        let cost = if held { 64 } else { segment.len() as u64 + 64 };
        self.last = Some(Arc::clone(segment));
        self.send(Item::Piece(Piece { segment: Arc::clone(segment), run, skip }), cost, ctx)
    }

    /// What the destination has of a file. `same` tells whether the source's tree that a base was copied from refers to
    /// the very same content.
    fn had(&mut self, entry: &Entry, same: impl Fn(&BlobId) -> bool) -> Had {
        if !self.open {
            return Had::Nothing;
        }
        let found = self.find(entry, same);
        found.unwrap_or_else(|error| {
            self.error = Some(error);
            self.open = false;
            self.queue.close();
            Had::Nothing
        })
    }

    fn find(&mut self, entry: &Entry, same: impl Fn(&BlobId) -> bool) -> Result<Had> {
        let mut beginning = Vec::new();
        for Walk { of, cursor } in &mut self.bases {
            if of.as_ref().is_some_and(|root| !same(root)) {
                continue;
            }
            let Some(held) = at(cursor, &entry.path)?.filter(|held| held.kind == entry.kind) else { continue };
            if (held.size, &held.holes) == (entry.size, &entry.holes) {
                if self.presence.has_content(held)? {
                    return Ok(Had::Everything(held.content.clone()));
                }
            } else if of.is_none() {
                // A copy of this very snapshot broke off in the middle of the file.
                let runs = beginning_in(self.reader, &mut self.presence, entry, held)?;
                if bytes_in(&runs) > bytes_in(&beginning) {
                    beginning = runs;
                }
            }
        }
        Ok(if beginning.is_empty() { Had::Nothing } else { Had::Beginning(beginning) })
    }
}

fn bytes_in(runs: &[Run]) -> u64 {
    runs.iter().fold(0, |sum, run| sum.saturating_add(run.bytes))
}

/// The runs of `held`, if it is the beginning of `entry` and all of it is there.
fn beginning_in(reader: &StoreReader, presence: &mut Presence<'_>, entry: &Entry, held: &Entry) -> Result<Vec<Run>> {
    let bytes = data_length(held);
    if beginning_of(entry, bytes).is_none_or(|part| part.size != held.size || part.holes != held.holes) {
        return Ok(Vec::new());
    }
    let mut read = || -> Result<Vec<Run>> {
        let (mut reader, mut runs) = (RunReader::new(reader, &held.content, bytes, 0)?, Vec::new());
        while let Some((run, _)) = reader.next()? {
            if !presence.has_segment(&run.segment)? {
                return Ok(Vec::new());
            }
            runs.push(run);
        }
        Ok(runs)
    };
    match read() {
        Ok(runs) if bytes_in(&runs) == bytes => Ok(runs),
        Ok(_) => Ok(Vec::new()),
        Err(error) if is_damage(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The entry at `path`, which lies behind those asked for before. Damage to an earlier tree costs only speed: what
/// cannot be found there counts as new.
fn at<'c>(cursor: &'c mut Cursor<'_>, path: &EntryPath) -> Result<Option<&'c Entry>> {
    loop {
        match cursor.peek() {
            Ok(Some(entry)) if entry.path < *path => cursor.advance(),
            Ok(_) => break,
            Err(error) if is_damage(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(cursor.peek()?.filter(|entry| entry.path == *path))
}

/// A tree of the source that an earlier copy was made from, walked beside the one that is copied.
struct Before<'a> {
    root: BlobId,
    cursor: Cursor<'a>,
    /// Whether it has the content of the entry at hand.
    same: bool,
}

pub(super) struct Feed<'a, 'o> {
    original: Original<'a>,
    befores: Vec<Before<'a>>,
    outlets: &'o mut [Outlet<'a>],
    segments: Segments<'a>,
    /// Content of files with several names that every destination has.
    linked: HashMap<HardLink, Content>,
    read_bytes: u64,
    /// The entry that was read last.
    last: EntryPath,
    meter: &'o Meter,
    ctx: &'o Context,
}

impl<'a, 'o> Feed<'a, 'o> {
    pub(super) fn new(
        original: Original<'a>,
        outlets: &'o mut [Outlet<'a>],
        meter: &'o Meter,
        ctx: &'o Context,
    ) -> Self {
        let mut roots: Vec<BlobId> =
            outlets.iter().flat_map(|outlet| outlet.bases.iter().filter_map(|base| base.of)).collect();
        roots.sort_unstable();
        roots.dedup();
        let before = |root| Before { root, cursor: Cursor::new(original.reader, root), same: false };
        let befores = roots.into_iter().map(before).collect();
        let (segments, linked, last) = (Segments::new(original.reader), HashMap::new(), EntryPath::root());
        Feed { original, befores, outlets, segments, linked, read_bytes: 0, last, meter, ctx }
    }

    /// Bytes of content read so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Walks the source to its end, or until the work is to be suspended or no destination is left.
    pub(super) fn run(&mut self) -> Result<()> {
        let mut cursor = Cursor::new(self.original.reader, self.original.root);
        while !self.ctx.should_suspend() && self.outlets.iter().any(|outlet| outlet.open) {
            self.ctx.check("copy")?;
            match cursor.next() {
                Ok(Some(entry)) => {
                    self.meter.report(|| Some(entry.path.to_string()));
                    self.entry(&entry)?;
                    self.last = entry.path;
                    self.meter.add_entries(1);
                }
                Ok(None) => {
                    self.ctx.check("copy")?;
                    return self.send_all(FIXED, || Item::End);
                }
                Err(error) if is_damage(&error) => {
                    let detail = format!("an unknown number of entries behind this one cannot be read: {error}");
                    let problem = Problem::new(self.last.clone(), ProblemReason::Damaged, detail);
                    self.meter.add_problems(1);
                    self.send_all(FIXED, || Item::Problem(problem.clone()))?;
                }
                Err(error) => return Err(error),
            }
        }
        self.ctx.check("copy")
    }

    fn send_all(&mut self, cost: u64, item: impl Fn() -> Item) -> Result<()> {
        self.outlets.iter_mut().try_for_each(|outlet| outlet.send(item(), cost, self.ctx))
    }

    fn entry(&mut self, entry: &Entry) -> Result<()> {
        let boxed = || Box::new(entry.clone());
        if entry.kind != EntryKind::File || entry.content == Content::Empty {
            self.send_all(cost(entry), || Item::Entry(boxed()))?;
            self.meter.add_bytes(entry.size);
            return Ok(());
        }
        if let Content::Inline(_) = entry.content {
            self.send_all(cost(entry), || Item::Inline(boxed()))?;
            self.meter.add_bytes(entry.size);
            return Ok(());
        }
        let link = entry.metadata.hard_link;
        if link.is_some_and(|link| self.linked.get(&link) == Some(&entry.content)) {
            self.meter.add_bytes(entry.size);
            return self.send_all(cost(entry), || Item::Linked(boxed()));
        }
        let come = self.large(entry)?;
        if let Some(link) = link.filter(|_| come) {
            self.linked.insert(link, entry.content.clone());
        }
        Ok(())
    }

    /// A file whose bytes are in segments. Says whether they came to all.
    fn large(&mut self, entry: &Entry) -> Result<bool> {
        for before in &mut self.befores {
            before.same = at(&mut before.cursor, &entry.path)?.is_some_and(|old| old.content == entry.content);
        }
        let mut reading = Vec::new();
        for (number, outlet) in self.outlets.iter_mut().enumerate() {
            let same = |root: &BlobId| self.befores.iter().any(|before| before.root == *root && before.same);
            let beginning = match outlet.had(entry, same) {
                Had::Everything(content) => {
                    let taken = Box::new(Entry { content, ..entry.clone() });
                    outlet.send(Item::Taken(taken), cost(entry), self.ctx)?;
                    continue;
                }
                Had::Beginning(runs) => runs,
                Had::Nothing => Vec::new(),
            };
            if outlet.open {
                // Where the source has its bytes is of no use to the other side.
                let bare = Box::new(Entry { content: Content::Empty, ..entry.clone() });
                let (from, cost) = (bytes_in(&beginning), cost(entry) + beginning.len() as u64 * 56);
                outlet.send(Item::File(bare, beginning), cost, self.ctx)?;
                reading.push((number, from));
            }
        }
        if reading.is_empty() {
            self.meter.add_bytes(entry.size);
            return Ok(true);
        }
        self.meter.add_bytes(entry.size.saturating_sub(data_length(entry)));
        match self.content(entry, &reading) {
            Ok(true) => self.send_each(&reading, || Item::FileEnd).map(|()| true),
            Ok(false) => Ok(false),
            Err(error) if is_damage(&error) => {
                self.meter.add_problems(1);
                let problem = Problem::damaged(entry.path.clone(), &error);
                self.send_each(&reading, || Item::FileLost(problem.clone())).map(|()| false)
            }
            Err(error) => Err(error),
        }
    }

    fn send_each(&mut self, reading: &[Reading], item: impl Fn() -> Item) -> Result<()> {
        for (number, _) in reading {
            if let Some(outlet) = self.outlets.get_mut(*number) {
                outlet.send(item(), FIXED, self.ctx)?;
            }
        }
        Ok(())
    }

    /// Reads the content of a file once, for all destinations in `reading`. `false` when it was not read to its end.
    fn content(&mut self, entry: &Entry, reading: &[Reading]) -> Result<bool> {
        let first = reading.iter().map(|(_, from)| *from).min().unwrap_or_default();
        self.meter.add_bytes(first);
        let mut runs = RunReader::new(self.original.reader, &entry.content, data_length(entry), first)?;
        let mut position = first;
        while let Some((run, before)) = runs.next()? {
            let begin = position.saturating_sub(before);
            position = begin.saturating_add(run.bytes);
            self.ctx.check("copy")?;
            if self.ctx.should_suspend() {
                return Ok(false);
            }
            let segment = self.segments.get(&run.segment)?;
            bytes_of(&segment, &run)?;
            let mut wanted = false;
            for (number, from) in reading {
                if let Some(outlet) = self.outlets.get_mut(*number).filter(|outlet| outlet.open) {
                    wanted = true;
                    if *from < position {
                        outlet.send_piece(&segment, run, from.saturating_sub(begin), self.ctx)?;
                    }
                }
            }
            if !wanted {
                return Ok(false);
            }
            self.read_bytes = self.read_bytes.saturating_add(run.bytes - before.min(run.bytes));
            self.meter.add_bytes(run.bytes - before.min(run.bytes));
            self.meter.report(|| Some(entry.path.to_string()));
        }
        Ok(true)
    }
}
