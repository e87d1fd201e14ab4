//! Checkpoints while the work goes on, so that what breaks it off costs little.

use crate::error::Result;
use crate::format::entry::Entry;
use crate::format::node::Totals;
use crate::id::BlobId;
use crate::store::write::{BlobWriter, WhenListed};
use std::time::{Duration, Instant};

/// A new file costs at least this many bytes of work, whatever its length.
const ENTRY_WORK: u64 = 4096;
/// Packs' worth of content that is read between two checkpoints.
const PACKS: u64 = 16;
/// Least time between two checkpoints that the content read does not ask for, and the most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// What the work has come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    pub(crate) root: BlobId,
    pub(crate) totals: Totals,
    pub(crate) directories: u64,
    pub(crate) unchanged: u64,
    pub(crate) problems: u64,
}

/// Makes what writes a checkpoint, to be run once everything it leads to is in storage and in the index.
pub(crate) type MakeCheckpoint = Box<dyn FnMut(Reached, &BlobWriter) -> Result<WhenListed> + Send>;

/// Says when it is time for a checkpoint. One at a time is on its way.
pub(crate) struct Checkpoints {
    make: Option<MakeCheckpoint>,
    every: u64,
    began: Instant,
    last: Instant,
    /// Bytes of work since the last one.
    work: u64,
    hurried: bool,
}

impl Checkpoints {
    pub(crate) fn new(make: Option<MakeCheckpoint>, pack_size: u32) -> Self {
        let now = Instant::now();
        let every = u64::from(pack_size).saturating_mul(PACKS);
        Checkpoints { make, every, began: now, last: now, work: 0, hurried: false }
    }

    /// Counts content that was read.
    pub(crate) fn add_bytes(&mut self, bytes: u64) {
        self.work = self.work.saturating_add(bytes);
    }

    /// Counts an entry that was not taken over.
    pub(crate) fn add_entry(&mut self) {
        self.add_bytes(ENTRY_WORK);
    }

    /// Whether it is time. Where the one before still waits for its pack to be full, that now ends early.
    pub(crate) fn is_due(&mut self, writer: &BlobWriter) -> Result<bool> {
        // Soon at first, for those who are never given much time.
        let pause = self.last.duration_since(self.began).clamp(PAUSES.0, PAUSES.1);
        if self.make.is_none() || self.work == 0 || (self.work < self.every && self.last.elapsed() < pause) {
            return Ok(false);
        }
        if !writer.is_awaited()? {
            return Ok(true);
        }
        if !self.hurried {
            self.hurried = true;
            writer.hurry()?;
        }
        Ok(false)
    }

    /// Has a checkpoint written of what was reached.
    pub(crate) fn write(&mut self, reached: Reached, writer: &mut BlobWriter) -> Result<()> {
        (self.last, self.work, self.hurried) = (Instant::now(), 0, false);
        match &mut self.make {
            Some(make) => writer.when_listed(make(reached, writer)?),
            None => Ok(()),
        }
    }
}

/// The entry of a file of which only the first `bytes` bytes of data count. `None` when that is nothing, or all.
pub(crate) fn beginning_of(entry: &Entry, bytes: u64) -> Option<Entry> {
    let (mut offset, mut left) = (0, bytes);
    let mut holes = Vec::new();
    for hole in &entry.holes {
        let data = hole.offset.checked_sub(offset)?;
        if left <= data {
            break;
        }
        left -= data;
        offset = hole.offset.checked_add(hole.length)?;
        holes.push(*hole);
    }
    let size = offset.checked_add(left)?;
    (bytes > 0 && size < entry.size).then(|| Entry { size, holes, ..entry.clone() })
}
