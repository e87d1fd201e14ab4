//! Reading content: the bytes that runs stand for.

use crate::error::{Error, Result, corrupt};
use crate::format::entry::{Entry, Run};
use crate::format::segment::Segment;
use crate::id::SegmentId;
use crate::store::blobs::SegmentStore;
use std::sync::Arc;

/// Remembers the last segment, because neighbouring files most often are in the same one.
pub(crate) struct Segments<'a> {
    store: &'a dyn SegmentStore,
    last: Option<(SegmentId, Arc<Segment>)>,
}

impl<'a> Segments<'a> {
    pub(crate) fn new(store: &'a dyn SegmentStore) -> Self {
        Segments { store, last: None }
    }

    pub(crate) fn get(&mut self, id: &SegmentId) -> Result<Arc<Segment>> {
        if let Some((last, segment)) = &self.last
            && last == id
        {
            return Ok(Arc::clone(segment));
        }
        // The old one is let go first: two at a time would be twice the memory.
        self.last = None;
        let segment = self.store.segment(id).map_err(|error| error.or_object(id))?;
        self.last = Some((*id, Arc::clone(&segment)));
        Ok(segment)
    }
}

/// The bytes of a run, which must be as many as its file counts on.
pub(crate) fn bytes_of<'s>(segment: &'s Segment, run: &Run) -> Result<&'s [u8]> {
    let end = run.first.checked_add(run.count).ok_or_else(|| wrong(run))?;
    let bytes = segment.run(run.first..end).map_err(|error| error.or_object(run.segment))?;
    if bytes.len() as u64 == run.bytes { Ok(bytes) } else { Err(wrong(run)) }
}

fn wrong(run: &Run) -> Error {
    corrupt("read a file's content", "its blobs are not as long as the file says").object(run.segment)
}

/// Bytes of content of a file, its holes not counted.
pub(crate) fn data_length(entry: &Entry) -> u64 {
    entry.holes.iter().fold(entry.size, |rest, hole| rest.saturating_sub(hole.length))
}
