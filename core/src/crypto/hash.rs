//! Hashes: BLAKE3, keyed for what must not be guessed, plain for what anybody may verify.

use super::SecretKey;
use crate::id::{BlobId, SegmentId};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Computes blob and segment ids under a repository's id key.
#[derive(Clone)]
pub(crate) struct IdHasher {
    blob: SecretKey,
    segment: SecretKey,
}

impl std::fmt::Debug for IdHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdHasher(..)")
    }
}

impl IdHasher {
    pub(crate) fn new(id_key: &SecretKey) -> Self {
        IdHasher {
            blob: id_key.derive("strongroom format 1 blob id"),
            segment: id_key.derive("strongroom format 1 segment id"),
        }
    }

    /// The id of a blob with this plaintext.
    pub(crate) fn blob(&self, plaintext: &[u8]) -> BlobId {
        BlobId(*blake3::keyed_hash(self.blob.expose(), plaintext).as_bytes())
    }

    /// The id of a segment that holds these blobs in this order.
    pub(crate) fn segment(&self, blobs: &[BlobId]) -> SegmentId {
        let mut hasher = blake3::Hasher::new_keyed(self.segment.expose());
        for blob in blobs {
            hasher.update(blob.as_bytes());
        }
        SegmentId(*hasher.finalize().as_bytes())
    }
}

/// The plain hash that names objects, so that anybody can verify them.
pub(crate) fn name(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// A hash that only holders of `key`, which must be for this purpose alone, can compute.
pub(crate) fn keyed(key: &SecretKey, message: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(key.expose(), message).as_bytes()
}

/// A hash for one purpose over `parts`, one after the other: BLAKE3 in its key derivation mode.
///
/// It is returned as a secret because it may be made of one; where it is none, it can be exposed.
pub(crate) fn derive(context: &'static str, parts: &[&[u8]]) -> SecretKey {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    let derived = SecretKey::from_bytes(*hasher.finalize().as_bytes());
    hasher.zeroize();
    derived
}

/// Compares without telling by its time where the difference is.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
