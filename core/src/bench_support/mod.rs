//! The stages of a backup, each on its own, for this workspace's benchmarks. No part of the crate's face: it is
//! compiled with the feature `bench` alone and changes at any time.

mod index;

pub use index::{BLOBS_OF_AN_INDEX_OBJECT, generated_blob, has_blob, index_extent, refresh_index, write_index};

use crate::chunker::{ChunkSizes, Chunker};
use crate::compress::{Compression, Compressor, decompress};
use crate::crypto::hash::IdHasher;
use crate::crypto::{SecretKey, aead};
use crate::error::{Result, internal};
use crate::format::entry::Entry;
use crate::format::node::{self, Node};
use crate::format::parity::{self, Parity};
use crate::id::{BlobId, PackId, RepositoryId};

/// The stages under fixed keys.
#[derive(Debug)]
pub struct Stages {
    chunker: Chunker,
    hasher: IdHasher,
    key: SecretKey,
    compressor: Compressor,
}

impl Stages {
    /// With the default chunk sizes, compressing at this level.
    #[must_use]
    pub fn new(level: i32) -> Self {
        let key = SecretKey::from_bytes([7; 32]);
        Stages {
            chunker: Chunker::new(&[5; 32], ChunkSizes::default()),
            hasher: IdHasher::new(&key),
            key,
            compressor: Compressor::new(level),
        }
    }

    /// Length of the first chunk.
    #[must_use]
    pub fn chunk(&self, data: &[u8]) -> usize {
        self.chunker.cut(data)
    }

    /// Of content that goes on, fewer bytes than these may not be cut yet.
    #[must_use]
    pub fn longest_chunk(&self) -> usize {
        self.chunker.max()
    }

    /// Id of a blob.
    #[must_use]
    pub fn hash(&self, blob: &[u8]) -> BlobId {
        self.hasher.blob(blob)
    }

    /// Appends `raw` to `out` as a segment has it before it is sealed; whether compression was worth it.
    ///
    /// # Errors
    /// When zstd fails.
    pub fn compress(&self, raw: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        Ok(self.compressor.compress(raw, out)? == Compression::Zstd)
    }

    /// Undoes [`compress`](Stages::compress) where it was worth it.
    ///
    /// # Errors
    /// When `packed` is not what it made.
    pub fn decompress(&self, packed: &[u8], length: usize) -> Result<Vec<u8>> {
        decompress(Compression::Zstd, packed, length)
    }

    /// Encrypts in place and appends the tag.
    ///
    /// # Errors
    /// When `buffer` is too long.
    pub fn seal(&self, buffer: &mut Vec<u8>) -> Result<()> {
        aead::encrypt(&self.key, [0; aead::NONCE], &[], buffer, 0)
    }

    /// Verifies and decrypts in place; length of the plaintext.
    ///
    /// # Errors
    /// When `sealed` is not what [`seal`](Stages::seal) made.
    pub fn open(&self, sealed: &mut [u8]) -> Result<usize> {
        Ok(aead::decrypt(&self.key, [0; aead::NONCE], &[], sealed, "open")?.len())
    }
}

const REPOSITORY: RepositoryId = RepositoryId::from_bytes([3; 16]);

fn id(pack: &[u8]) -> PackId {
    PackId::from_bytes(*blake3::hash(pack).as_bytes())
}

/// The parity object of a pack.
///
/// # Errors
/// When the pack is empty, or longer than any may be.
pub fn parity(pack: &[u8], percent: u8) -> Result<Vec<u8>> {
    Ok(parity::encode(&REPOSITORY, &id(pack), &[pack], percent, &|| Ok(()))?.parts().concat())
}

/// Computes a pack again, by the name of the whole one, from what is left of it and its parity; and how many sectors had
/// to be.
///
/// # Errors
/// When more is lost than parity makes good.
pub fn heal(left: Vec<u8>, parity: &[u8], name: [u8; 32]) -> Result<(Vec<u8>, u64)> {
    let read = &mut |at: u64, length: usize| {
        let rest = usize::try_from(at).ok().and_then(|at| parity.get(at..)).unwrap_or_default();
        Ok(rest.get(..length.min(rest.len())).unwrap_or_default().to_vec())
    };
    let pack = PackId::from_bytes(name);
    Parity::open(parity.len() as u64, u64::MAX, read, &REPOSITORY, &pack)?.heal(left, &pack, read, &|| Ok(()))
}

/// Encodes entries as a leaf of a tree.
///
/// # Errors
/// When they do not fit into one.
pub fn encode_leaf(entries: &[Entry]) -> Result<Vec<u8>> {
    Ok(node::encode_leaf(entries)?.0)
}

/// Decodes a leaf.
///
/// # Errors
/// When it is none.
pub fn decode_leaf(bytes: &[u8]) -> Result<Vec<Entry>> {
    match Node::decode(bytes)? {
        Node::Leaf(entries) => Ok(entries),
        Node::Inner { .. } => Err(internal("decode a leaf", "it is an inner node")),
    }
}
