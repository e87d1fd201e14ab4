//! A backup whose small files are read by several threads: entries are decided on, read and stored in one order, but
//! not one after the other.

use super::small::{Outcome, Queued, SMALL, SmallFile, SmallFiles};
use super::{Backup, Found, misplaced_link};
use crate::error::Result;
use crate::format::entry::Entry;
use crate::ingest::{PendingTree, SoFar, Stored, store_cut};
use crate::source::{EntryHandle, SourceItem};
use crate::store::write::BlobWriter;

/// What became of the first entry of the queue.
enum Taken {
    /// It is in the tree, or in the report.
    Done,
    /// There was none.
    Nothing,
    /// The work is to end before it.
    Ends,
}

impl Backup<'_> {
    /// Stores what `next` yields. Whether that was all of it.
    pub(super) fn in_parallel(
        &mut self,
        next: &mut dyn FnMut() -> Result<Option<SourceItem>>,
        writer: &mut BlobWriter,
        tree: &mut PendingTree,
    ) -> Result<bool> {
        let mut queue = SmallFiles::new(self.content.cutter().clone(), self.ctx);
        while !self.ctx.should_suspend() {
            self.ctx.check("back up")?;
            let Some(item) = self.answer(next())? else { break };
            match item {
                None => return self.take_all(&mut queue, writer, tree),
                Some(SourceItem::Problem(problem)) => queue.push_problem(problem),
                Some(SourceItem::Link(entry, _)) => return Err(misplaced_link(&entry)),
                Some(SourceItem::Entry(entry, handle)) => {
                    self.report(&entry, writer);
                    if !self.queue(entry, handle, &mut queue, writer, tree)? {
                        return self.ends();
                    }
                }
            }
            while queue.is_first_ready() || queue.is_full() {
                match self.take(&mut queue, writer, tree)? {
                    Taken::Done => {}
                    Taken::Nothing => break,
                    Taken::Ends => return self.ends(),
                }
            }
        }
        self.take_all(&mut queue, writer, tree)?;
        self.ends()
    }

    /// The work is to be suspended, or was cancelled.
    fn ends(&self) -> Result<bool> {
        self.ctx.check("back up")?;
        Ok(false)
    }

    /// Decides what is to be done with an entry, and puts it at the end of the queue. `false` if the work is to end
    /// before it.
    fn queue(
        &mut self,
        entry: Entry,
        mut handle: Box<dyn EntryHandle>,
        queue: &mut SmallFiles,
        writer: &mut BlobWriter,
        tree: &mut PendingTree,
    ) -> Result<bool> {
        match self.look(entry, handle.as_mut())? {
            Found::Ready(entry, stored, unchanged) => queue.push_ready(entry, stored, unchanged),
            Found::Problem(problem) => queue.push_problem(problem),
            Found::File(mut entry, before) => {
                // What it has in common with another name of the file is known once that is stored.
                let waits = entry.metadata.hard_link.is_some_and(|link| queue.holds(&link));
                if waits && !self.take_all(queue, writer, tree)? {
                    return Ok(false);
                }
                if let Some(stored) = self.linked(&mut entry) {
                    queue.push_ready(entry, stored, false);
                } else if entry.size <= SMALL {
                    queue.push_file(entry, handle);
                    return Ok(true);
                } else {
                    if !self.take_all(queue, writer, tree)? {
                        return Ok(false);
                    }
                    let before = before.map(|before| *before);
                    if let Some((entry, stored)) = self.file(entry, handle.as_mut(), before, writer, Some(tree))? {
                        queue.push_ready(entry, stored, false);
                    }
                }
            }
        }
        if let Some(problem) = handle.take_problem() {
            queue.push_problem(problem);
        }
        Ok(true)
    }

    /// Empties the queue. `false` if the work is to end before that.
    fn take_all(&mut self, queue: &mut SmallFiles, writer: &mut BlobWriter, tree: &mut PendingTree) -> Result<bool> {
        loop {
            self.ctx.check("back up")?;
            match self.take(queue, writer, tree)? {
                Taken::Done => {}
                Taken::Nothing => return Ok(true),
                Taken::Ends => return Ok(false),
            }
        }
    }

    /// Stores the first entry of the queue.
    fn take(&mut self, queue: &mut SmallFiles, writer: &mut BlobWriter, tree: &mut PendingTree) -> Result<Taken> {
        let stored = match queue.pop()? {
            None => return Ok(Taken::Nothing),
            Some(Queued::Problem(problem)) => {
                self.problem(problem);
                None
            }
            Some(Queued::Ready(entry, stored, unchanged)) => {
                self.unchanged += u64::from(unchanged);
                Some((entry, stored))
            }
            Some(Queued::NotRead | Queued::Read(SmallFile { outcome: Outcome::NotRead, .. })) => {
                return Ok(Taken::Ends);
            }
            Some(Queued::Read(SmallFile { entry, mut handle, outcome, content })) => {
                let stored = self.small(entry, handle.as_mut(), outcome, &content, writer, tree)?;
                if let Some(problem) = handle.take_problem() {
                    self.problem(problem);
                }
                queue.recycle(content);
                stored
            }
        };
        if let Some((entry, stored)) = stored
            && let Some(entry) = self.admit(entry)
        {
            self.store(entry, stored, writer, tree)?;
        }
        Ok(Taken::Done)
    }

    /// Stores a file of which `content` was read.
    fn small(
        &mut self,
        mut entry: Entry,
        handle: &mut dyn EntryHandle,
        outcome: Outcome,
        content: &[u8],
        writer: &mut BlobWriter,
        tree: &mut PendingTree,
    ) -> Result<Option<(Entry, Stored)>> {
        match outcome {
            Outcome::NotRead => Ok(None),
            Outcome::Failed(problem) => {
                self.problem(problem);
                Ok(None)
            }
            Outcome::Begun => self.read_on(entry, handle, (SoFar::default(), content), writer, Some(tree)),
            Outcome::Whole(blobs, problem) => {
                let (length, before) = (content.len() as u64, writer.new_bytes());
                let stored = store_cut(content, &blobs, writer)?;
                self.meter.add_bytes(length);
                self.meter.add_new_bytes(writer.new_bytes() - before);
                self.checkpoints.add_bytes(length);
                if let Some(problem) = problem {
                    self.problem(problem);
                }
                self.end_file(&mut entry, &stored, length);
                Ok(Some((entry, stored)))
            }
        }
    }
}
