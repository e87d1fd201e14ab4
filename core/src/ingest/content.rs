//! Storing the content of files.

use crate::chunker::{ChunkSizes, Chunker};
use crate::context::Context;
use crate::error::Result;
use crate::format::entry::{Content, Entry, Run};
use crate::id::SegmentId;
use crate::problem::Problem;
use crate::progress::Meter;
use crate::source::EntryHandle;
use crate::store::Store;
use crate::store::write::{BlobWriter, Place};
use std::io;
use std::ops::Range;

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

/// Reads files through one buffer, cuts them into chunks, and hands the chunks to the writer.
pub(crate) struct ContentReader {
    buffer: Vec<u8>,
    chunker: Chunker,
    inline_limit: usize,
}

/// Why a file's content was not stored.
pub(crate) enum Failure {
    /// The file's fault: the backup goes on without it.
    File(Problem),
    /// The repository's fault, or cancellation: the backup ends.
    Backup(crate::Error),
    /// The work is to be suspended. What was read of the file is stored, and need not be sent again.
    Suspended,
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
        let chunker = Chunker::new(store.keys().chunker_key()?.expose(), bounds);
        Ok(ContentReader::new(chunker, sizes.inline))
    }

    fn new(chunker: Chunker, inline_limit: u32) -> Self {
        // Room for several chunks, so that what is left after the last cut is moved rarely.
        let length = (chunker.max() * 4).max(1 << 20);
        let inline_limit = usize::try_from(inline_limit).unwrap_or(usize::MAX);
        ContentReader { buffer: vec![0; length], chunker, inline_limit }
    }

    /// Stores what `handle` yields. Returns the content and its length.
    pub(crate) fn store(
        &mut self,
        handle: &mut dyn EntryHandle,
        entry: &Entry,
        writer: &mut BlobWriter,
        meter: &Meter,
        ctx: &Context,
    ) -> Result<(Stored, u64), Failure> {
        let (mut start, mut end, mut total, mut at_end) = (0, 0, 0u64, false);
        let mut runs = Vec::new();
        loop {
            while !at_end && end < self.buffer.len() {
                let Some(room) = self.buffer.get_mut(end..) else { break };
                match handle.read(room) {
                    Ok(0) => at_end = true,
                    Ok(read) => {
                        end = (end + read).min(self.buffer.len());
                        total += read as u64;
                        meter.add_bytes(read as u64);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(Failure::File(Problem::reading(entry.path.clone(), &error))),
                }
                ctx.check("back up")?;
                if !at_end && ctx.should_suspend() {
                    return Err(self.suspend(start..end, writer));
                }
            }
            if at_end && runs.is_empty() && start == 0 && end <= self.inline_limit {
                let bytes = self.buffer.get(..end).unwrap_or_default();
                let content = if bytes.is_empty() { Content::Empty } else { Content::Inline(bytes.to_vec()) };
                return Ok((Stored::Content(content), total));
            }
            while end - start >= self.chunker.max() || (at_end && end > start) {
                let rest = self.buffer.get(start..end).unwrap_or_default();
                let length = self.chunker.cut(rest);
                let chunk = rest.get(..length).unwrap_or_default();
                let place = writer.add_data(chunk)?;
                push(&mut runs, place, length as u64, writer);
                start += length;
            }
            if at_end {
                return Ok((Stored::Runs(runs), total));
            }
            meter.report(|| {
                meter.set_stored_bytes(writer.sent().map_or(0, |(_, bytes)| bytes));
                Some(entry.path.to_string())
            });
            self.buffer.copy_within(start..end, 0);
            end -= start;
            start = 0;
        }
    }

    /// Stores what was read so far, but for what the next bytes could still be part of.
    fn suspend(&self, unread: Range<usize>, writer: &mut BlobWriter) -> Failure {
        let mut rest = self.buffer.get(unread).unwrap_or_default();
        while rest.len() >= self.chunker.max() {
            let (chunk, behind) = rest.split_at(self.chunker.cut(rest).min(rest.len()));
            if let Err(error) = writer.add_data(chunk) {
                return error.into();
            }
            rest = behind;
        }
        Failure::Suspended
    }
}
