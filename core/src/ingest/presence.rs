//! Whether content that an earlier snapshot refers to is still there.

use crate::error::Result;
use crate::format::entry::{Content, Entry};
use crate::id::SegmentId;
use crate::store::Store;
use crate::store::commit;
use crate::store::read::StoreReader;
use std::collections::HashSet;

/// Looks for segments in the index, and remembers those it found.
pub(crate) struct Presence<'a> {
    reader: &'a StoreReader,
    store: &'a Store,
    /// Segments known to be in the index.
    present: HashSet<SegmentId>,
}

/// Above this many, the set of segments known to be present starts anew.
const MAX_PRESENT: usize = 4096;

impl<'a> Presence<'a> {
    pub(crate) fn new(reader: &'a StoreReader) -> Self {
        Presence { reader, store: reader.store(), present: HashSet::new() }
    }

    /// Whether the repository still has what an entry of an earlier snapshot refers to.
    pub(crate) fn has_content(&mut self, entry: &Entry) -> Result<bool> {
        match &entry.content {
            Content::Empty | Content::Inline(_) => Ok(true),
            Content::Runs(runs) => {
                for run in runs {
                    if !self.has_segment(&run.segment)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            // Other trees may share a list with a snapshot that is gone, and then not what it lists.
            Content::List { id, .. } if self.store.index().is_condemning()? => commit::lasts(self.reader, id),
            Content::List { id, .. } => Ok(self.store.index().blob_segment(id)?.is_some()),
        }
    }

    fn has_segment(&mut self, id: &SegmentId) -> Result<bool> {
        if self.present.contains(id) {
            return Ok(true);
        }
        let present = self.store.index().has_lasting_segment(id)?;
        if present {
            if self.present.len() >= MAX_PRESENT {
                self.present.clear();
            }
            self.present.insert(*id);
        }
        Ok(present)
    }
}
