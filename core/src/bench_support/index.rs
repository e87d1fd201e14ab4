//! Repositories that consist of an index: as many blobs as one likes, at the cost of their ids.

use crate::compress::Compression;
use crate::context::Context;
use crate::crypto::hash;
use crate::error::Result;
use crate::format::index::IndexObject;
use crate::format::pack::{IndexedPack, PackContents, PackedSegment};
use crate::format::segment::{BlobKind, SegmentHeader};
use crate::id::{BlobId, PackId, SegmentId, SessionId};
use crate::repository::Repository;
use crate::store::index;

/// Blobs of a segment, segments of a pack and packs of an index object: chunks of 64 KiB on average.
const BLOBS: u32 = 16;
const SEGMENTS: u64 = 16;
const PACKS: u64 = 16;
/// Raw bytes of a blob.
const LENGTH: u32 = 64 * 1024;

/// Blobs that one index object of [`write_index`] lists.
pub const BLOBS_OF_AN_INDEX_OBJECT: u64 = BLOBS as u64 * SEGMENTS * PACKS;

/// The id of one of the made-up blobs.
#[must_use]
pub fn generated_blob(number: u64) -> BlobId {
    BlobId::from_bytes(id(b'b', number))
}

fn id(what: u8, number: u64) -> [u8; 32] {
    let mut text = [what; 9];
    text[1..].copy_from_slice(&number.to_le_bytes());
    hash::name(&text)
}

/// Writes index object `number`, as a backup does once it has sent some packs. There are no such packs.
///
/// # Errors
/// When the object cannot be written.
pub fn write_index(repo: &Repository, number: u64) -> Result<()> {
    let packs = (number * PACKS..(number + 1) * PACKS).map(pack).collect();
    index::write(repo.store().backend(), repo.store().keys(), &IndexObject { supersedes: Vec::new(), packs })?;
    Ok(())
}

fn pack(number: u64) -> IndexedPack {
    let mut offset = 1000;
    let segment = |number: u64| {
        let stored_length = LENGTH * 8;
        let segment = PackedSegment {
            header: SegmentHeader {
                id: SegmentId::from_bytes(id(b's', number)),
                session: SessionId::from_bytes([7; 16]),
                counter: number,
                kind: BlobKind::Data,
                compression: Compression::Zstd,
                stored_length,
                raw_length: LENGTH * 16,
                blob_count: BLOBS,
            },
            offset,
            blobs: (0..BLOBS).map(|blob| generated_blob(number * u64::from(BLOBS) + u64::from(blob))).collect(),
        };
        offset += u64::from(stored_length);
        segment
    };
    let segments = (number * SEGMENTS..(number + 1) * SEGMENTS).map(segment).collect();
    let contents = PackContents { start: 1000, segments };
    IndexedPack { id: PackId::from_bytes(id(b'p', number)), length: offset + 10_000, contents }
}

/// Brings the index up to date, as every operation does; how many index objects could not be read.
///
/// # Errors
/// When storage cannot be read.
pub fn refresh_index(repo: &Repository, ctx: &Context) -> Result<usize> {
    Ok(repo.store().index().refresh(repo.store().backend(), repo.store().keys(), ctx)?.len())
}

/// Whether a blob is known, as a backup asks for every chunk.
///
/// # Errors
/// When the local index cannot be read.
pub fn has_blob(repo: &Repository, id: &BlobId) -> Result<bool> {
    Ok(repo.store().index().lasting_blob(id)?.is_some())
}

/// Tables the index is made of, and the blobs in them.
///
/// # Errors
/// When a thread panicked.
pub fn index_extent(repo: &Repository) -> Result<(usize, u64)> {
    Ok((repo.store().index().table_count()?, repo.store().index().counts()?.0))
}
