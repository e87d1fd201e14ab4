//! Storing the content of files.

use crate::chunker::{ChunkSizes, Chunker};
use crate::context::Context;
use crate::crypto::hash::IdHasher;
use crate::error::{Result, internal};
use crate::format::entry::{Content, Entry, Run};
use crate::id::{BlobId, SegmentId};
use crate::problem::Problem;
use crate::progress::Meter;
use crate::source::EntryHandle;
use crate::store::Store;
use crate::store::write::{BlobWriter, Place};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Content of an entry that is on its way into the repository.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    /// Complete: nothing, inline, or taken over.
    Content(Content),
    /// Runs of blobs, of which the last segments may still be open.
    Runs(Vec<PendingRun>),
}

/// A run whose segment may not have an id yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PendingRun {
    segment: RunSegment,
    first: u32,
    count: u32,
    bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunSegment {
    Stored(SegmentId),
    Open(u32),
}

impl PendingRun {
    /// The finished run, once its segment is.
    pub(crate) fn resolve(&self, writer: &BlobWriter) -> Option<Run> {
        let segment = match self.segment {
            RunSegment::Stored(segment) => segment,
            RunSegment::Open(number) => writer.segment_id(number)?,
        };
        Some(Run { segment, first: self.first, count: self.count, bytes: self.bytes })
    }
}

/// Adds a blob to a list of runs.
fn push(runs: &mut Vec<PendingRun>, place: Place, bytes: u64, writer: &BlobWriter) {
    let (segment, position) = match place {
        Place::Stored(segment, position) => (RunSegment::Stored(segment), position),
        Place::Open(number, position) => (RunSegment::Open(number), position),
    };
    if let Some(last) = runs.last_mut() {
        // The segment may have been finished between the two blobs.
        if let (RunSegment::Open(number), RunSegment::Stored(_)) = (last.segment, segment)
            && let Some(id) = writer.segment_id(number)
        {
            last.segment = RunSegment::Stored(id);
        }
        if last.segment == segment && last.first.checked_add(last.count) == Some(position) {
            last.count += 1;
            last.bytes += bytes;
            return;
        }
    }
    runs.push(PendingRun { segment, first: position, count: 1, bytes });
}

/// Cuts content that is there as a whole. Shared between threads.
#[derive(Clone)]
pub(crate) struct Cutter {
    chunker: Arc<Chunker>,
    hasher: IdHasher,
    inline_limit: usize,
}

impl Cutter {
    /// The blobs of content, in their order, with their lengths. None for what stands in the entry itself.
    pub(crate) fn cut(&self, mut content: &[u8]) -> Vec<(BlobId, usize)> {
        let mut blobs = Vec::new();
        if content.len() <= self.inline_limit {
            return blobs;
        }
        while !content.is_empty() {
            let (chunk, rest) = content.split_at(self.chunker.cut(content).clamp(1, content.len()));
            blobs.push((self.hasher.blob(chunk), chunk.len()));
            content = rest;
        }
        blobs
    }
}

/// Stores content that a [`Cutter`] has cut into `blobs`.
pub(crate) fn store_cut(mut content: &[u8], blobs: &[(BlobId, usize)], writer: &mut BlobWriter) -> Result<Stored> {
    if blobs.is_empty() {
        let inline = if content.is_empty() { Content::Empty } else { Content::Inline(content.to_vec()) };
        return Ok(Stored::Content(inline));
    }
    let mut runs = Vec::new();
    for (id, length) in blobs {
        let wrong = || internal("store a file", "its blobs are longer than it is");
        let (chunk, rest) = content.split_at_checked(*length).ok_or_else(wrong)?;
        let place = writer.add_hashed(*id, chunk)?;
        push(&mut runs, place, chunk.len() as u64, writer);
        content = rest;
    }
    Ok(Stored::Runs(runs))
}

/// Reads files through one buffer, cuts them into chunks, and hands the chunks to the writer.
pub(crate) struct ContentReader {
    buffer: Vec<u8>,
    cutter: Cutter,
}

/// Where the reading of a file stands: the runs of what is stored, and its bytes.
#[derive(Debug, Default)]
pub(crate) struct SoFar {
    pub(crate) runs: Vec<PendingRun>,
    pub(crate) bytes: u64,
}

impl SoFar {
    /// The beginning of a file that an earlier backup stored.
    pub(crate) fn of(runs: &[Run]) -> Self {
        let pending = |run: &Run| PendingRun {
            segment: RunSegment::Stored(run.segment),
            first: run.first,
            count: run.count,
            bytes: run.bytes,
        };
        SoFar { runs: runs.iter().map(pending).collect(), bytes: runs.iter().map(|run| run.bytes).sum() }
    }

    fn add(&mut self, chunk: &[u8], writer: &mut BlobWriter) -> Result<()> {
        let place = writer.add_data(chunk)?;
        push(&mut self.runs, place, chunk.len() as u64, writer);
        self.bytes += chunk.len() as u64;
        Ok(())
    }
}

/// Called now and then while a long file is read.
pub(crate) type Meanwhile<'a> = dyn FnMut(&SoFar, &mut BlobWriter) -> Result<()> + 'a;

/// Why a file's content was not stored.
pub(crate) enum Failure {
    /// The file's fault: the backup goes on without it.
    File(Problem),
    /// The repository's fault, or cancellation: the backup ends.
    Backup(crate::Error),
    /// The work is to be suspended. This much of the file is stored.
    Suspended(SoFar),
}

impl From<crate::Error> for Failure {
    fn from(error: crate::Error) -> Self {
        Failure::Backup(error)
    }
}

impl ContentReader {
    /// Cuts as the config of a repository says.
    pub(crate) fn of(store: &Store) -> Result<Self> {
        let sizes = &store.config().sizes;
        let bounds = ChunkSizes::new(sizes.chunk_min, sizes.chunk_avg, sizes.chunk_max);
        let chunker = Arc::new(Chunker::new(store.keys().chunker_key()?.expose(), bounds));
        // Room for several chunks, so that what is left after the last cut is moved rarely.
        let length = (chunker.max() * 4).max(1 << 20);
        let inline_limit = usize::try_from(sizes.inline).unwrap_or(usize::MAX);
        let cutter = Cutter { chunker, hasher: store.hasher()?.clone(), inline_limit };
        Ok(ContentReader { buffer: vec![0; length], cutter })
    }

    /// What cuts content that others read.
    pub(crate) fn cutter(&self) -> &Cutter {
        &self.cutter
    }

    /// Puts what was already read of a file at the beginning of the buffer.
    fn begin_with(&mut self, begun: &[u8]) -> Result<usize> {
        let room = self.buffer.get_mut(..begun.len());
        room.ok_or_else(|| internal("store a file", "more was read of it than there is room for"))?
            .copy_from_slice(begun);
        Ok(begun.len())
    }

    /// Stores `begun`, what was read already, and then what `handle` yields; both come after what is stored of the file
    /// so far. Returns the content and its length.
    pub(crate) fn store(
        &mut self,
        handle: &mut dyn EntryHandle,
        entry: &Entry,
        (mut so_far, begun): (SoFar, &[u8]),
        writer: &mut BlobWriter,
        (meter, ctx): (&Meter, &Context),
        meanwhile: &mut Meanwhile<'_>,
    ) -> Result<(Stored, u64), Failure> {
        let (mut start, mut end, mut at_end) = (0, self.begin_with(begun)?, false);
        loop {
            while !at_end && end < self.buffer.len() {
                let Some(room) = self.buffer.get_mut(end..) else { break };
                match handle.read(room) {
                    Ok(0) => at_end = true,
                    Ok(read) => {
                        end = (end + read).min(self.buffer.len());
                        meter.add_bytes(read as u64);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        ctx.check("back up")?;
                        // A stream may have been told of the deadline, too.
                        if ctx.should_suspend() {
                            return Err(self.suspend(start..end, so_far, writer));
                        }
                        return Err(Failure::File(Problem::reading(entry.path.clone(), &error)));
                    }
                }
                ctx.check("back up")?;
                if !at_end && ctx.should_suspend() {
                    return Err(self.suspend(start..end, so_far, writer));
                }
            }
            if at_end && so_far.bytes == 0 && start == 0 && end <= self.cutter.inline_limit {
                let bytes = self.buffer.get(..end).unwrap_or_default();
                let content = if bytes.is_empty() { Content::Empty } else { Content::Inline(bytes.to_vec()) };
                return Ok((Stored::Content(content), end as u64));
            }
            while end - start >= self.cutter.chunker.max() || (at_end && end > start) {
                let rest = self.buffer.get(start..end).unwrap_or_default();
                let length = self.cutter.chunker.cut(rest);
                so_far.add(rest.get(..length).unwrap_or_default(), writer)?;
                start += length;
            }
            if at_end {
                return Ok((Stored::Runs(so_far.runs), so_far.bytes));
            }
            meter.report(|| {
                meter.set_stored_bytes(writer.sent().map_or(0, |(_, bytes)| bytes));
                Some(entry.path.to_string())
            });
            meanwhile(&so_far, writer)?;
            self.buffer.copy_within(start..end, 0);
            end -= start;
            start = 0;
        }
    }

    /// Stores what was read so far, but for what the next bytes could still be part of.
    fn suspend(&self, unread: Range<usize>, mut so_far: SoFar, writer: &mut BlobWriter) -> Failure {
        let mut rest = self.buffer.get(unread).unwrap_or_default();
        while rest.len() >= self.cutter.chunker.max() {
            let (chunk, behind) = rest.split_at(self.cutter.chunker.cut(rest).min(rest.len()));
            if let Err(error) = so_far.add(chunk, writer) {
                return error.into();
            }
            rest = behind;
        }
        Failure::Suspended(so_far)
    }
}
