//! A bit for every segment of the index: a set of segments that costs no more than that.

use super::Part;
use crate::error::Result;
use crate::format::segment::SegmentHeader;
use crate::id::{BlobId, SegmentId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Marks on the segments that were listed when it was made. May be used from several threads.
pub(crate) struct SegmentMarks {
    parts: Arc<Vec<Part>>,
    /// Bits of each table.
    bits: Vec<Vec<AtomicU64>>,
}

impl SegmentMarks {
    pub(super) fn new(parts: Arc<Vec<Part>>) -> Self {
        let words = |part: &Part| usize::try_from(part.table.segment_count().div_ceil(64)).unwrap_or(usize::MAX);
        let bits = parts.iter().map(|part| (0..words(part)).map(|_| AtomicU64::new(0)).collect()).collect();
        SegmentMarks { parts, bits }
    }

    /// Marks a segment. `None` when it is not listed; else whether it had no mark yet, and what is listed.
    pub(crate) fn mark(&self, id: &SegmentId) -> Result<Option<(bool, SegmentHeader)>> {
        for (part, bits) in self.parts.iter().zip(&self.bits) {
            let Some(number) = part.table.number_of(id)? else { continue };
            let word = usize::try_from(number / 64).ok().and_then(|word| bits.get(word));
            let Some(word) = word else { continue };
            let bit = 1u64 << (number % 64);
            let new = word.fetch_or(bit, Ordering::Relaxed) & bit == 0;
            return Ok(Some((new, part.table.segment_number(number)?.header)));
        }
        Ok(None)
    }

    /// Whether a segment has a mark.
    pub(crate) fn is_marked(&self, id: &SegmentId) -> Result<bool> {
        for (part, bits) in self.parts.iter().zip(&self.bits) {
            let Some(number) = part.table.number_of(id)? else { continue };
            let Some(word) = usize::try_from(number / 64).ok().and_then(|word| bits.get(word)) else { continue };
            return Ok(word.load(Ordering::Relaxed) & (1u64 << (number % 64)) != 0);
        }
        Ok(false)
    }
}

/// Marks on the blobs that were listed when it was made.
pub(crate) struct BlobMarks {
    parts: Arc<Vec<Part>>,
    /// Bits of each table.
    bits: Vec<Vec<u64>>,
}

impl BlobMarks {
    pub(super) fn new(parts: Arc<Vec<Part>>) -> Self {
        let words = |part: &Part| usize::try_from(part.table.blob_count().div_ceil(64)).unwrap_or(usize::MAX);
        let bits = parts.iter().map(|part| vec![0; words(part)]).collect();
        BlobMarks { parts, bits }
    }

    /// Marks a blob. `None` when it is not listed, else whether it had no mark yet.
    pub(crate) fn mark(&mut self, id: &BlobId) -> Result<Option<bool>> {
        for (part, bits) in self.parts.iter().zip(&mut self.bits) {
            let Some(number) = part.table.number_of_blob(id)? else { continue };
            let word = usize::try_from(number / 64).ok().and_then(|word| bits.get_mut(word));
            let Some(word) = word else { continue };
            let bit = 1u64 << (number % 64);
            let new = *word & bit == 0;
            *word |= bit;
            return Ok(Some(new));
        }
        Ok(None)
    }
}
