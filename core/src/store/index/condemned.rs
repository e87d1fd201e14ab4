//! What of the index writers must do without, because it is about to be removed.

use super::Index;
use crate::error::Result;
use crate::id::{BlobId, PackId, SegmentId};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Packs that count as absent, as long as anybody of this process writes.
#[derive(Debug, Default)]
pub(super) struct Condemned(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    packs: Arc<HashSet<PackId>>,
    writers: usize,
}

/// Held by a session that writes.
#[derive(Debug)]
pub(crate) struct Writing(Arc<Mutex<State>>);

impl Drop for Writing {
    fn drop(&mut self) {
        if let Ok(mut state) = self.0.lock() {
            state.writers = state.writers.saturating_sub(1);
        }
    }
}

impl Index {
    /// From now on, and as long as the result is held, these packs count as absent in the questions that writers ask.
    /// To be called before the index is brought up to date: what is removed in between is then still known.
    pub(crate) fn begin_writing(&self, packs: HashSet<PackId>) -> Result<Writing> {
        let mut state = self.condemned.0.lock().map_err(|_| super::panicked())?;
        if state.writers == 0 {
            state.packs = Arc::new(packs);
        } else if !packs.is_subset(&state.packs) {
            // The others began before, when more may have been condemned: to them it stays absent.
            state.packs = Arc::new(state.packs.union(&packs).copied().collect());
        }
        state.writers += 1;
        Ok(Writing(Arc::clone(&self.condemned.0)))
    }

    fn condemned(&self) -> Result<Arc<HashSet<PackId>>> {
        let state = self.condemned.0.lock().map_err(|_| super::panicked())?;
        Ok(Arc::clone(&state.packs))
    }

    /// Whether anything counts as absent.
    pub(crate) fn is_condemning(&self) -> Result<bool> {
        Ok(!self.condemned()?.is_empty())
    }

    /// The id of a segment that holds a blob and is here to stay, and the blob's position in it.
    pub(crate) fn lasting_blob(&self, id: &BlobId) -> Result<Option<(SegmentId, u32)>> {
        let condemned = self.condemned()?;
        if condemned.is_empty() {
            return self.blob_segment(id);
        }
        for (place, position) in self.blob_places(id)? {
            let segment = place.header.id;
            if !condemned.contains(&place.pack) || self.lasts(&segment, &condemned)? {
                return Ok(Some((segment, position)));
            }
        }
        Ok(None)
    }

    /// Whether a segment is somewhere where it is here to stay.
    pub(crate) fn has_lasting_segment(&self, id: &SegmentId) -> Result<bool> {
        let condemned = self.condemned()?;
        if condemned.is_empty() { self.has_segment(id) } else { self.lasts(id, &condemned) }
    }

    fn lasts(&self, id: &SegmentId, condemned: &HashSet<PackId>) -> Result<bool> {
        Ok(self.segment(id)?.iter().any(|place| !condemned.contains(&place.pack)))
    }
}
