//! What tree blobs refer to, as it is remembered on this machine.

use super::pack::{Reference, TreeReferences, decode_references, encode_references};
use super::wire::{Reader, put_varint};
use crate::error::{Result, corrupt};
use crate::id::BlobId;

/// What each of some tree blobs refers to.
pub(crate) type BlobReferences = Vec<(BlobId, Vec<Reference>)>;

pub(crate) const READ: &str = "read what is remembered of tree nodes";

pub(crate) fn encode(blobs: &BlobReferences) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, blobs.len() as u64);
    for (id, _) in blobs {
        out.extend_from_slice(id.as_bytes());
    }
    let references: TreeReferences = blobs.iter().map(|(_, references)| references.clone()).collect();
    encode_references(&references, &mut out);
    out
}

pub(crate) fn decode(bytes: &[u8]) -> Result<BlobReferences> {
    let mut reader = Reader::new(bytes, READ);
    let count = reader.count(BlobId::LEN)?;
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        ids.push(BlobId::from_bytes(reader.array()?));
    }
    let references = decode_references(&mut reader, count)?;
    reader.end()?;
    let blobs: BlobReferences = ids.into_iter().zip(references).collect();
    // Else one blob could be said to refer to the same thing many times, and take more memory than it may.
    if encode(&blobs) != bytes {
        return Err(corrupt(READ, "it is not in the one form that it has"));
    }
    Ok(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::id::SegmentId;
    use proptest::prelude::*;

    fn blobs() -> impl Strategy<Value = BlobReferences> {
        let reference = (any::<bool>(), any::<[u8; 32]>()).prop_map(|(tree, id)| match tree {
            true => Reference::Tree(BlobId::from_bytes(id)),
            false => Reference::Data(SegmentId::from_bytes(id)),
        });
        let pool = prop::collection::vec(reference, 1..6);
        pool.prop_flat_map(|pool| {
            let references = prop::sample::subsequence(pool.clone(), 0..=pool.len());
            prop::collection::vec((any::<[u8; 32]>().prop_map(BlobId::from_bytes), references), 0..12)
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(blobs in blobs()) {
            prop_assert_eq!(decode(&encode(&blobs)).unwrap(), blobs);
        }

        #[test]
        fn less_or_more_is_damaged(blobs in blobs(), cut in any::<prop::sample::Index>()) {
            let mut bytes = encode(&blobs);
            let shorter = &bytes[..cut.index(bytes.len())];
            prop_assert_eq!(decode(shorter).unwrap_err().kind(), ErrorKind::Corrupt);
            bytes.push(0);
            prop_assert_eq!(decode(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    /// A table that names the same thing twice lets a blob refer to it twice.
    #[test]
    fn another_form_of_the_same_is_damaged() {
        let thing = [&[1][..], &[7; 32]].concat();
        let once = [&[1][..], &[3; 32], &[1], &thing, &[1, 1, 0]].concat();
        assert_eq!(decode(&once).unwrap()[0].1, [Reference::Tree(BlobId::from_bytes([7; 32]))]);
        let twice = [&[1][..], &[3; 32], &[2], &thing, &thing, &[1, 2, 0, 1]].concat();
        assert_eq!(decode(&twice).unwrap_err().kind(), ErrorKind::Corrupt);
        let unused = [&[1][..], &[3; 32], &[2], &thing, &[0], &[9; 32], &[1, 1, 0]].concat();
        assert_eq!(decode(&unused).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_huge_count_is_refused_before_anything_is_set_aside() {
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff, 0x7f]).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
