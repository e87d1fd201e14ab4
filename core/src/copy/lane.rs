//! The writing side of a copy: what one destination does with what it is given.

use super::Copied;
use super::feed::{Item, Piece};
use super::queue::{CloseOnDrop, Queue};
use super::verify::Skipped;
use crate::context::Context;
use crate::error::{Error, Result, internal};
use crate::format::entry::{Content, Entry, EntryKind, HardLink};
use crate::ingest::{
    Checkpoints, ContentReader, Failure, MakeCheckpoint, PendingRun, PendingTree, Reached, SoFar, Stored, beginning_of,
};
use crate::problem::{Problem, ProblemReason};
use crate::progress::Meter;
use crate::report::ProblemLog;
use crate::source::EntryHandle;
use crate::store::Store;
use crate::store::session::Session;
use crate::store::write::BlobWriter;
use crate::tree::{bytes_of, data_length};
use std::collections::HashMap;
use std::io;

pub(super) struct Lane<'a> {
    pub(super) queue: &'a Queue<Item>,
    pub(super) writer: BlobWriter,
    pub(super) store: &'a Store,
    pub(super) session: &'a Session,
    /// What writes checkpoints on the way.
    pub(super) checkpoints: Option<MakeCheckpoint>,
    /// Of the whole copy; what this destination stores is added to it.
    pub(super) meter: &'a Meter,
    pub(super) ctx: Context,
}

/// What is being made.
struct Making {
    tree: PendingTree,
    checkpoints: Checkpoints,
    tally: Tally,
    /// The file that the work was suspended in.
    partial: Option<(Entry, Vec<PendingRun>)>,
}

impl Making {
    fn push(&mut self, entry: Entry, stored: Stored, writer: &mut BlobWriter) -> Result<()> {
        self.tally.directories += u64::from(entry.kind == EntryKind::Directory);
        self.tree.push(entry, stored, writer)
    }

    /// Has a checkpoint written if it is time for one.
    fn keep(&mut self, writer: &mut BlobWriter) -> Result<()> {
        self.keep_with(writer, || None)
    }

    /// The same within a file of which this is the beginning.
    fn keep_with(
        &mut self,
        writer: &mut BlobWriter,
        partial: impl FnOnce() -> Option<(Entry, Vec<PendingRun>)>,
    ) -> Result<()> {
        if !self.checkpoints.is_due(writer)? {
            return Ok(());
        }
        let (root, totals) = self.tree.cut(partial(), writer)?;
        let Tally { directories, unchanged, problems, .. } = &self.tally;
        let (directories, unchanged, problems) = (*directories, *unchanged, problems.count());
        self.checkpoints.write(Reached { root, totals, directories, unchanged, problems }, writer)
    }
}

/// What was made of the items so far.
#[derive(Default)]
struct Tally {
    directories: u64,
    unchanged: u64,
    problems: ProblemLog,
    skipped: Skipped,
    /// Content of files with several names, for the names that come later.
    linked: HashMap<HardLink, Stored>,
    /// Of what was stored, what the meter knows of.
    shown: (u64, u64),
}

impl Tally {
    /// Leaves out the entry that a problem is with.
    fn skip(&mut self, problem: Problem) {
        self.skipped.add(&problem.path);
        self.problems.add(problem);
    }

    fn remember(&mut self, entry: &Entry, stored: &Stored) {
        if let Some(link) = entry.metadata.hard_link {
            self.linked.insert(link, stored.clone());
        }
    }
}

impl Lane<'_> {
    /// Takes items to their end and stores what they make, durably.
    pub(super) fn run(mut self) -> Result<Copied> {
        let _close = CloseOnDrop(self.queue);
        let done = self.work();
        if done.is_err() && !self.writer.close() {
            // The next copy looks for packs that no index object lists.
            self.session.leave();
        }
        done
    }

    fn work(&mut self) -> Result<Copied> {
        let (queue, ctx) = (self.queue, self.ctx.clone());
        let mut content = ContentReader::of(self.store)?;
        let mut making = Making {
            tree: PendingTree::of(self.store, None)?,
            checkpoints: Checkpoints::new(self.checkpoints.take(), self.store.config().sizes.pack),
            tally: Tally::default(),
            partial: None,
        };
        let mut finished = false;
        while !finished && !ctx.should_suspend() {
            let Some(item) = queue.pop(&ctx)? else { break };
            match item {
                Item::End => finished = true,
                Item::Problem(problem) => making.tally.problems.add(problem),
                Item::Entry(entry) => {
                    making.checkpoints.add_entry();
                    making.push(*entry, Stored::Content(Content::Empty), &mut self.writer)?;
                }
                Item::Taken(mut entry) => {
                    making.tally.unchanged += 1;
                    let taken = Stored::Content(std::mem::take(&mut entry.content));
                    making.tally.remember(&entry, &taken);
                    making.push(*entry, taken, &mut self.writer)?;
                }
                Item::Inline(mut entry) => {
                    let bytes = match std::mem::take(&mut entry.content) {
                        Content::Inline(bytes) => bytes,
                        _ => Vec::new(),
                    };
                    let incoming = Incoming { inline: Some(bytes), ..Incoming::new(queue, &ctx) };
                    if !self.file(*entry, SoFar::default(), incoming, &mut content, &mut making)? {
                        break;
                    }
                }
                Item::File(entry, beginning) => {
                    let incoming = Incoming::new(queue, &ctx);
                    if !self.file(*entry, SoFar::of(&beginning), incoming, &mut content, &mut making)? {
                        break;
                    }
                }
                Item::Linked(entry) => {
                    let known = entry.metadata.hard_link.and_then(|link| making.tally.linked.get(&link).cloned());
                    match known {
                        Some(stored) => making.push(*entry, stored, &mut self.writer)?,
                        None => {
                            let detail = "another name of the same file could not be copied";
                            making.tally.skip(Problem::new(entry.path, ProblemReason::Damaged, detail));
                        }
                    }
                }
                Item::Piece(_) | Item::FileEnd | Item::FileLost(_) => {
                    return Err(internal("copy", "content came without its file"));
                }
            }
            making.keep(&mut self.writer)?;
            self.show(&mut making.tally);
        }
        queue.close();
        let Making { mut tree, mut tally, partial, .. } = making;
        let (root, totals) =
            if finished { tree.finish(&mut self.writer)? } else { tree.cut(partial, &mut self.writer)? };
        // What is written next says more.
        self.writer.await_nothing()?;
        self.writer.flush()?;
        self.show(&mut tally);
        let Tally { directories, unchanged, problems, skipped, .. } = tally;
        let (new_bytes, sent) = (self.writer.new_bytes(), self.writer.sent()?);
        let packs = self.writer.sent_packs()?;
        Ok(Copied { root, totals, directories, unchanged, problems, skipped, finished, new_bytes, sent, packs })
    }

    /// Stores a file, of which this much is there. `false` when it did not come to its end.
    fn file(
        &mut self,
        entry: Entry,
        so_far: SoFar,
        mut incoming: Incoming<'_>,
        content: &mut ContentReader,
        making: &mut Making,
    ) -> Result<bool> {
        // Bytes are counted where they are read.
        let uncounted = Context::new().meter();
        let aware = (&uncounted, &self.ctx);
        making.checkpoints.add_entry();
        let mut counted = so_far.bytes;
        let mut meanwhile = |so_far: &SoFar, writer: &mut BlobWriter| {
            making.checkpoints.add_bytes(so_far.bytes.saturating_sub(counted));
            counted = so_far.bytes;
            making.keep_with(writer, || beginning_of(&entry, so_far.bytes).map(|part| (part, so_far.runs.clone())))
        };
        let stored = content.store(&mut incoming, &entry, (so_far, &[]), &mut self.writer, aware, &mut meanwhile);
        let problem = match (stored, incoming.ended) {
            (Err(Failure::Backup(error)), _) => return Err(error),
            (Err(Failure::Suspended(so_far)), _) => {
                making.partial = beginning_of(&entry, so_far.bytes).map(|part| (part, so_far.runs));
                return Ok(false);
            }
            (_, Ended::Early) => return Ok(false),
            (_, Ended::Failed(error)) => return Err(error),
            (_, Ended::Lost(problem)) | (Err(Failure::File(problem)), _) => problem,
            (Ok((stored, length)), _) if length == data_length(&entry) => {
                making.checkpoints.add_bytes(length.saturating_sub(counted));
                making.tally.remember(&entry, &stored);
                making.push(entry, stored, &mut self.writer)?;
                return Ok(true);
            }
            (Ok((_, length)), _) => {
                let detail = format!("it has {length} bytes of content, and {} belong to it", data_length(&entry));
                Problem::new(entry.path.clone(), ProblemReason::Damaged, detail)
            }
        };
        making.tally.skip(problem);
        Ok(true)
    }

    /// Tells the meter of the whole copy what was stored here.
    fn show(&self, tally: &mut Tally) {
        let (new, stored) = (self.writer.new_bytes(), self.writer.sent().map_or(0, |(_, bytes)| bytes));
        self.meter.add_new_bytes(new.saturating_sub(tally.shown.0));
        self.meter.add_stored_bytes(stored.saturating_sub(tally.shown.1));
        tally.shown = (new, stored);
    }
}

/// How the content of a file ended.
enum Ended {
    /// Not yet, or as it should.
    Whole,
    /// The source cannot be read on.
    Lost(Problem),
    /// Nothing comes any more, though more belongs to it.
    Early,
    Failed(Error),
}

/// The content of a file as it comes out of the queue.
struct Incoming<'a> {
    queue: &'a Queue<Item>,
    ctx: &'a Context,
    inline: Option<Vec<u8>>,
    piece: Option<Piece>,
    /// How much of the bytes at hand was read.
    read: usize,
    at_end: bool,
    ended: Ended,
}

impl<'a> Incoming<'a> {
    fn new(queue: &'a Queue<Item>, ctx: &'a Context) -> Self {
        Incoming { queue, ctx, inline: None, piece: None, read: 0, at_end: false, ended: Ended::Whole }
    }

    /// Ends the reading; the caller looks at `ended` and not at this error.
    fn end(&mut self, ended: Ended) -> io::Error {
        self.ended = ended;
        self.at_end = true;
        io::Error::other("the content ends early")
    }
}

impl EntryHandle for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let bytes = match (&self.inline, &self.piece) {
                (Some(bytes), _) => bytes.as_slice(),
                (None, Some(piece)) => match bytes_of(&piece.segment, &piece.run) {
                    Ok(bytes) => bytes,
                    Err(error) => return Err(self.end(Ended::Failed(error))),
                },
                (None, None) => &[],
            };
            let rest = bytes.get(self.read..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count))
                && count > 0
            {
                to.copy_from_slice(from);
                self.read += count;
                return Ok(count);
            }
            if self.at_end || self.inline.is_some() {
                return Ok(0);
            }
            self.read = 0;
            self.piece = None;
            match self.queue.pop(self.ctx) {
                Ok(Some(Item::Piece(piece))) => {
                    self.read = usize::try_from(piece.skip).unwrap_or(usize::MAX);
                    self.piece = Some(piece);
                }
                Ok(Some(Item::FileEnd)) => self.at_end = true,
                Ok(Some(Item::FileLost(problem))) => return Err(self.end(Ended::Lost(problem))),
                Ok(_) => return Err(self.end(Ended::Early)),
                Err(error) => return Err(self.end(Ended::Failed(error))),
            }
        }
    }
}
