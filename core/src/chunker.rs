//! Content-defined chunking: FastCDC (Xia et al., "The Design of Fast Content-Defined Chunking for Data
//! Deduplication Based Storage Systems", 2020) with a gear table that only holders of the chunker key know, so
//! that chunk lengths do not give known files away.

use fastcdc::v2020::{Normalization, cut_gear, select_masks};
use std::fmt;
use zeroize::Zeroize;

/// Bounds on chunk lengths in bytes; all even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkSizes {
    /// No chunk but a file's last is shorter.
    pub min: u32,
    /// What chunk lengths cluster around.
    pub average: u32,
    /// No chunk is longer.
    pub max: u32,
}

impl ChunkSizes {
    /// Bounds, in bytes.
    #[must_use]
    pub fn new(min: u32, average: u32, max: u32) -> Self {
        ChunkSizes { min, average, max }
    }
}

impl Default for ChunkSizes {
    fn default() -> Self {
        ChunkSizes { min: 16 * 1024, average: 64 * 1024, max: 256 * 1024 }
    }
}

/// Finds chunk boundaries. Cheap to share between threads.
pub(crate) struct Chunker {
    min: usize,
    average: usize,
    max: usize,
    masks: (u64, u64),
    gear: Box<[u64; 256]>,
    gear_shifted: Box<[u64; 256]>,
}

impl fmt::Debug for Chunker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunker").field("average", &self.average).finish_non_exhaustive()
    }
}

impl Drop for Chunker {
    fn drop(&mut self) {
        self.gear.zeroize();
        self.gear_shifted.zeroize();
    }
}

impl Chunker {
    pub(crate) fn new(chunker_key: &[u8; 32], sizes: ChunkSizes) -> Self {
        let mut table = blake3::Hasher::new_derive_key("strongroom format 1 gear table");
        table.update(chunker_key);
        let mut bytes = [0; 256 * 8];
        table.finalize_xof().fill(&mut bytes);
        let mut gear = Box::new([0; 256]);
        for (value, bytes) in gear.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *value = u64::from_le_bytes(*bytes);
        }
        let gear_shifted = Box::new(gear.map(|value| value << 1));
        bytes.zeroize();
        table.zeroize();
        // Lossless: the format bounds sizes far below 32 bits, and so does the type.
        let [min, average, max] = [sizes.min, sizes.average, sizes.max].map(|size| size as usize);
        Chunker { min, average, max, masks: select_masks(average, Normalization::Level1), gear, gear_shifted }
    }

    /// No chunk is longer than this.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// The length of the first chunk of `data`. Unless the stream ends with it, `data` must be at least
    /// [`max`](Chunker::max) bytes long. 0 only for no data.
    pub(crate) fn cut(&self, data: &[u8]) -> usize {
        let (strict, relaxed) = self.masks;
        let (_, length) = cut_gear(
            data,
            self.min,
            self.average,
            self.max,
            strict,
            relaxed,
            strict << 1,
            relaxed << 1,
            self.gear.as_slice(),
            self.gear_shifted.as_slice(),
        );
        length.min(data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(length: usize, seed: u8) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new_keyed(&[seed; 32]).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn chunks<'a>(chunker: &Chunker, mut data: &'a [u8]) -> Vec<&'a [u8]> {
        let mut chunks = Vec::new();
        while !data.is_empty() {
            let (chunk, rest) = data.split_at(chunker.cut(data));
            chunks.push(chunk);
            data = rest;
        }
        chunks
    }

    fn small(key: u8) -> Chunker {
        Chunker::new(&[key; 32], ChunkSizes::new(1024, 4096, 16384))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn chunks_are_the_data_within_bounds(length in 0usize..200_000, seed: u8) {
            let data = noise(length, seed);
            let chunks = chunks(&small(1), &data);
            prop_assert_eq!(chunks.concat(), data.as_slice());
            for chunk in chunks.iter().rev().skip(1) {
                prop_assert!((1024..=16384).contains(&chunk.len()));
            }
        }

        #[test]
        fn an_insertion_changes_few_chunks(at in 0usize..300_000, seed: u8) {
            let before = noise(300_000, seed);
            let mut after = before.clone();
            after.splice(at..at, [1, 2, 3]);
            let chunker = small(1);
            let known: std::collections::HashSet<_> = chunks(&chunker, &before).into_iter().collect();
            let new = chunks(&chunker, &after).into_iter().filter(|chunk| !known.contains(chunk)).count();
            prop_assert!(new <= 6, "{new} of some 70 chunks changed");
        }
    }

    #[test]
    fn boundaries_depend_on_the_key() {
        let data = noise(1_000_000, 9);
        let lengths = |key| chunks(&small(key), &data).iter().map(|chunk| chunk.len()).collect::<Vec<_>>();
        assert_eq!(lengths(1), lengths(1));
        assert_ne!(lengths(1), lengths(2));
    }
}
