//! One file as something to read from, at any place.

use crate::error::{Error, ErrorKind, Result, corrupt, invalid};
use crate::format::entry::{Content, Entry, EntryKind, Run};
use crate::format::segment::Segment;
use crate::store::blobs::{NodeStore, SegmentStore};
use crate::tree::{RunReader, Segments, bytes_of, data_length};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Runs that are read from a run list at once.
const AHEAD: usize = 64;

/// The content of one file of a snapshot: [`Read`] and [`Seek`].
///
/// Only the segments that hold the bytes asked for are read; holes read as zeros. Damage is reported as an error of
/// kind [`InvalidData`](io::ErrorKind::InvalidData), whose inner error is an [`Error`] of this crate.
pub struct FileReader {
    store: Arc<dyn SegmentStore + Send + Sync>,
    entry: Entry,
    position: u64,
    /// Holes by where they end, with the bytes of content before each.
    holes: Vec<(u64, u64, u64)>,
    /// Runs to come, and where in the content the first of them begins.
    ahead: VecDeque<Run>,
    ahead_from: u64,
    /// The run at hand, with where in the content it begins.
    current: Option<(u64, Run, Arc<Segment>)>,
}

impl fmt::Debug for FileReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReader")
            .field("path", &self.entry.path)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl FileReader {
    /// At the start of a file.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for anything but a regular file.
    pub(crate) fn new(store: Arc<dyn SegmentStore + Send + Sync>, entry: Entry) -> Result<Self> {
        if entry.kind != EntryKind::File {
            let detail = format!("it is a {}, not a file", entry.kind.name());
            return Err(invalid("open a file of the snapshot", detail).object(&entry.path));
        }
        let mut holes = Vec::with_capacity(entry.holes.len());
        let mut in_holes = 0u64;
        for hole in &entry.holes {
            let end = hole.offset.saturating_add(hole.length);
            holes.push((hole.offset, end, hole.offset.saturating_sub(in_holes)));
            in_holes = in_holes.saturating_add(hole.length);
        }
        Ok(FileReader { store, entry, position: 0, holes, ahead: VecDeque::new(), ahead_from: 0, current: None })
    }

    /// The entry that is read.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Length of the file.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.entry.size
    }

    /// Whether the file has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entry.size == 0
    }

    /// As [`Read::read`], with an error that says what is wrong.
    ///
    /// # Errors
    /// Damaged or missing content, or storage that cannot be reached.
    pub fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = self.entry.size.saturating_sub(self.position);
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let next = self.holes.partition_point(|(_, end, _)| *end <= self.position);
        let before = next.checked_sub(1).and_then(|last| self.holes.get(last));
        // Where in the content the position is: behind the hole before it, and all content before that.
        let content = before.map_or(self.position, |(_, end, content)| content.saturating_add(self.position - end));
        let count = match self.holes.get(next) {
            Some((offset, end, _)) if *offset <= self.position => {
                let count = fit(buffer, end - self.position);
                buffer.get_mut(..count).unwrap_or_default().fill(0);
                count
            }
            hole => {
                let room = hole.map_or(left, |(offset, _, _)| offset - self.position);
                self.locate(content).map_err(|error| self.about_file(error))?;
                let bytes = self.bytes_from(content).map_err(|error| self.about_file(error))?;
                let count = fit(buffer, room).min(bytes.len());
                if let (Some(to), Some(from)) = (buffer.get_mut(..count), bytes.get(..count)) {
                    to.copy_from_slice(from);
                }
                count
            }
        };
        self.position = self.position.saturating_add(count as u64);
        Ok(count)
    }

    fn about_file(&self, error: Error) -> Error {
        let about = Error::new(error.kind(), "read a file of the snapshot").object(&self.entry.path);
        about.retry_hint(error.retry()).detail(error.to_string()).because(error)
    }

    /// Makes the run that holds the byte at `offset` of the content the one at hand.
    fn locate(&mut self, offset: u64) -> Result<()> {
        let holds = |from: u64, run: &Run| offset >= from && offset - from < run.bytes;
        let is_inline = matches!(self.entry.content, Content::Inline(_));
        if is_inline || self.current.as_ref().is_some_and(|(from, run, _)| holds(*from, run)) {
            return Ok(());
        }
        let (from, run) = self.find(offset)?.ok_or_else(too_short)?;
        let kept = self.current.take().filter(|(_, last, _)| last.segment == run.segment);
        let segment = match kept {
            Some((_, _, segment)) => segment,
            None => Segments::new(&*self.store).get(&run.segment)?,
        };
        self.current = Some((from, run, segment));
        Ok(())
    }

    /// Some bytes of content from `offset` on, at least one. They are at hand.
    fn bytes_from(&self, offset: u64) -> Result<&[u8]> {
        let (from, bytes) = match (&self.entry.content, &self.current) {
            (Content::Inline(bytes), _) => (0, bytes.as_slice()),
            (_, Some((from, run, segment))) => (*from, bytes_of(segment, run)?),
            _ => return Err(too_short()),
        };
        let from = usize::try_from(offset.saturating_sub(from)).unwrap_or(usize::MAX);
        bytes.get(from..).filter(|bytes| !bytes.is_empty()).ok_or_else(too_short)
    }

    /// The run that holds the byte at `offset` of the content, and where it begins.
    fn find(&mut self, offset: u64) -> Result<Option<(u64, Run)>> {
        while let Some(run) = self.ahead.front() {
            if offset < self.ahead_from {
                break;
            }
            if offset - self.ahead_from < run.bytes {
                return Ok(Some((self.ahead_from, *run)));
            }
            self.ahead_from = self.ahead_from.saturating_add(run.bytes);
            self.ahead.pop_front();
        }
        self.ahead.clear();
        let nodes: &dyn NodeStore = &*self.store;
        let mut runs = RunReader::new(nodes, &self.entry.content, data_length(&self.entry), offset)?;
        while self.ahead.len() < AHEAD
            && let Some((run, skipped)) = runs.next()?
        {
            if self.ahead.is_empty() {
                self.ahead_from = offset.saturating_sub(skipped);
            }
            self.ahead.push_back(run);
        }
        Ok(self.ahead.front().map(|run| (self.ahead_from, *run)))
    }
}

fn too_short() -> Error {
    corrupt("read a file of the snapshot", "its content is shorter than the file")
}

fn fit(buffer: &[u8], room: u64) -> usize {
    usize::try_from(room).unwrap_or(usize::MAX).min(buffer.len())
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer).map_err(as_io)
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.entry.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "a position before the start of the file");
        self.position = position.ok_or_else(before)?;
        Ok(self.position)
    }
}

fn as_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Unsupported => io::ErrorKind::InvalidData,
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        ErrorKind::PermissionDenied | ErrorKind::Forbidden => io::ErrorKind::PermissionDenied,
        ErrorKind::Unavailable => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
