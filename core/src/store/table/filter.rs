//! The filter in front of the blobs of a table: most blobs that a table does not hold cost one look at 32 bytes.
//!
//! It is a split block Bloom filter (Putze, Sanders, Singler, 2007), in which a blob has one bit in each of the eight words
//! of one block. Ids are hashes already, so their bytes choose block and bits; and since the block follows from the first
//! bytes, a table's blobs, which are sorted, fill the blocks one after the other. Like all of a table it is searched where
//! it lies and takes no memory of its own.

use super::image::Image;
use crate::error::Result;

/// Bytes of a block.
const BLOCK: usize = 32;
/// Blobs that a block is made for: 10.7 bits for each, by which one in a hundred that are not there passes.
const BLOBS: u64 = 24;

/// Where a filter lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter {
    offset: u64,
    blocks: u64,
}

fn blocks(blobs: u64) -> u64 {
    blobs.div_ceil(BLOBS)
}

/// Bytes of the filter of so many blobs.
pub(super) fn length(blobs: u64) -> Option<u64> {
    blocks(blobs).checked_mul(BLOCK as u64)
}

/// The block of an id among so many.
fn block_of(id: &[u8; 32], blocks: u64) -> u64 {
    let block = (u128::from(super::prefix(id)) * u128::from(blocks)) >> 64;
    u64::try_from(block).unwrap_or_default()
}

/// The bits of an id: one in each word of its block.
fn bits(id: &[u8; 32]) -> [u32; BLOCK / 4] {
    let choice = id.get(8..16).and_then(|bytes| bytes.first_chunk()).copied().map_or(0, u64::from_le_bytes);
    std::array::from_fn(|word| 1 << ((choice >> (5 * word)) & 31))
}

impl Filter {
    /// The filter of so many blobs that begins at an offset of the image.
    pub(super) fn new(offset: u64, blobs: u64) -> Self {
        Filter { offset, blocks: blocks(blobs) }
    }

    /// Whether a blob may be there. `false` is certain.
    pub(super) fn may_hold(&self, image: &Image, id: &[u8; 32]) -> Result<bool> {
        if self.blocks == 0 {
            return Ok(false);
        }
        let block = image.read::<BLOCK>(self.offset + block_of(id, self.blocks) * BLOCK as u64)?;
        let words = block.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        Ok(words.zip(bits(id)).all(|(word, bit)| word & bit != 0))
    }
}

/// Makes a filter of ids that come in ascending order.
pub(super) struct Builder {
    blocks: u64,
    /// The number of the block at hand.
    number: u64,
    block: [u32; BLOCK / 4],
}

impl Builder {
    pub(super) fn new(blobs: u64) -> Self {
        Builder { blocks: blocks(blobs), number: 0, block: [0; BLOCK / 4] }
    }

    /// Adds an id; blocks that are complete are handed to `put`.
    pub(super) fn add(&mut self, id: &[u8; 32], put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.advance(block_of(id, self.blocks), put)?;
        self.block.iter_mut().zip(bits(id)).for_each(|(word, bit)| *word |= bit);
        Ok(())
    }

    fn advance(&mut self, to: u64, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        while self.number < to {
            put(self.block.map(u32::to_le_bytes).as_flattened())?;
            self.block = [0; BLOCK / 4];
            self.number += 1;
        }
        Ok(())
    }

    /// Hands over what is left.
    pub(super) fn finish(mut self, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.advance(self.blocks, put)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(what: &str, number: u64) -> [u8; 32] {
        *blake3::hash(format!("{what} {number}").as_bytes()).as_bytes()
    }

    fn filter(ids: &[[u8; 32]]) -> (Filter, Image) {
        let mut image = vec![0; 5];
        let mut builder = Builder::new(ids.len() as u64);
        let mut put = |bytes: &[u8]| {
            image.extend_from_slice(bytes);
            Ok(())
        };
        ids.iter().for_each(|id| builder.add(id, &mut put).unwrap());
        builder.finish(&mut put).unwrap();
        assert_eq!(image.len() as u64, 5 + length(ids.len() as u64).unwrap());
        (Filter::new(5, ids.len() as u64), Image::Memory(image))
    }

    #[test]
    fn what_is_there_passes_and_little_else() {
        for count in [1_u64, 23, 24, 25, 50_000] {
            let mut ids: Vec<_> = (0..count).map(|number| id("there", number)).collect();
            ids.sort_unstable();
            let (filter, image) = filter(&ids);
            assert!(ids.iter().all(|id| filter.may_hold(&image, id).unwrap()));
            let passed = (0..20_000).filter(|number| filter.may_hold(&image, &id("other", *number)).unwrap()).count();
            assert!(passed < 400, "{passed} of 20,000 pass a filter of {count}");
        }
        let (filter, image) = filter(&[]);
        assert!(!filter.may_hold(&image, &id("other", 1)).unwrap());
    }

    #[test]
    fn uneven_ids_cost_no_more_than_looks_in_vain() {
        let ids: Vec<[u8; 32]> = (0..1000_u32)
            .map(|number| {
                let mut id = [0xff; 32];
                id[28..].copy_from_slice(&number.to_be_bytes());
                id
            })
            .collect();
        let (filter, image) = filter(&ids);
        assert!(ids.iter().all(|id| filter.may_hold(&image, id).unwrap()));
    }
}
