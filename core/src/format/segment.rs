//! Segments: many blobs compressed and sealed as one.

use crate::compress::{Compression, Compressor, decompress};
use crate::crypto::hash::IdHasher;
use crate::crypto::{SecretKey, aead};
use crate::error::{Result, corrupt, internal};
use crate::id::{BlobId, RepositoryId, SegmentId, SessionId};
use std::ops::Range;

/// What the blobs of a segment are. The number is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum BlobKind {
    /// Content of files.
    Data = 0,
    /// Nodes of trees and run lists.
    Tree = 1,
}

impl BlobKind {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(BlobKind::Data),
            1 => Some(BlobKind::Tree),
            _ => None,
        }
    }
}

/// No segment is longer than this before compression; bounds what a reader allocates.
pub(crate) const MAX_RAW: u32 = 40 * 1024 * 1024;

/// Everything a reader needs beside the sealed bytes. Stands in pack footers and in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) id: SegmentId,
    pub(crate) session: SessionId,
    /// Position in the session; with the session's key it fixes the nonce.
    pub(crate) counter: u64,
    pub(crate) kind: BlobKind,
    pub(crate) compression: Compression,
    /// Bytes in the pack, tag included.
    pub(crate) stored_length: u32,
    /// Bytes before compression, the table of lengths included.
    pub(crate) raw_length: u32,
    pub(crate) blob_count: u32,
}

/// Blobs being gathered into a segment.
#[derive(Debug, Default)]
pub(crate) struct SegmentBuilder {
    raw: Vec<u8>,
    ids: Vec<BlobId>,
    lengths: Vec<u32>,
}

impl SegmentBuilder {
    /// Starts with a buffer from an earlier segment.
    pub(crate) fn reusing(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        SegmentBuilder { raw: buffer, ..SegmentBuilder::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.raw.len() + 4 * self.lengths.len()
    }

    /// Adds a blob and returns its position.
    pub(crate) fn push(&mut self, id: BlobId, bytes: &[u8]) -> Result<u32> {
        self.raw.extend_from_slice(bytes);
        self.finish_blob(id, bytes.len())
    }

    fn finish_blob(&mut self, id: BlobId, length: usize) -> Result<u32> {
        let too_long = |_| internal("gather a segment", "a blob is too long");
        self.lengths.push(u32::try_from(length).map_err(too_long)?);
        let position = u32::try_from(self.ids.len()).map_err(too_long)?;
        self.ids.push(id);
        Ok(position)
    }

    pub(crate) fn ids(&self) -> &[BlobId] {
        &self.ids
    }

    /// Ends the gathering: the plaintext with the table of lengths behind the blobs, and the ids.
    pub(crate) fn finish(mut self) -> (Vec<u8>, Vec<BlobId>) {
        for length in &self.lengths {
            self.raw.extend_from_slice(&length.to_le_bytes());
        }
        (self.raw, self.ids)
    }
}

/// Where a segment belongs; bound into its seal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentPlace<'a> {
    pub(crate) repository: &'a RepositoryId,
    pub(crate) session: &'a SessionId,
    pub(crate) counter: u64,
    pub(crate) kind: BlobKind,
}

const AAD: usize = 16 + 16 + 8 + 1 + 1 + 4;

fn associated_data(place: SegmentPlace<'_>, compression: Compression, raw_length: u32) -> [u8; AAD] {
    let mut aad = [0; AAD];
    let parts: [&[u8]; 6] = [
        place.repository.as_bytes(),
        place.session.as_bytes(),
        &place.counter.to_le_bytes(),
        &[place.kind as u8],
        &[compression as u8],
        &raw_length.to_le_bytes(),
    ];
    for (to, from) in aad.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    aad
}

/// A session's key is random and seals no two segments with the same counter, so the counter is the nonce.
fn nonce(counter: u64) -> [u8; aead::NONCE] {
    let mut nonce = [0; aead::NONCE];
    for (to, from) in nonce.iter_mut().zip(counter.to_le_bytes()) {
        *to = from;
    }
    nonce
}

/// Compresses and seals a finished plaintext; appends to `out`.
pub(crate) fn seal(
    raw: &[u8],
    blobs: &[BlobId],
    place: SegmentPlace<'_>,
    key: &SecretKey,
    compressor: &Compressor,
    hasher: &IdHasher,
    out: &mut Vec<u8>,
) -> Result<SegmentHeader> {
    let too_long = || internal("seal a segment", "it is too long");
    let raw_length = u32::try_from(raw.len()).ok().filter(|length| *length <= MAX_RAW).ok_or_else(too_long)?;
    let from = out.len();
    let compression = compressor.compress(raw, out)?;
    let aad = associated_data(place, compression, raw_length);
    aead::encrypt(key, nonce(place.counter), &aad, out, from)?;
    Ok(SegmentHeader {
        id: hasher.segment(blobs),
        session: *place.session,
        counter: place.counter,
        kind: place.kind,
        compression,
        stored_length: u32::try_from(out.len() - from).map_err(|_| too_long())?,
        raw_length,
        blob_count: u32::try_from(blobs.len()).map_err(|_| too_long())?,
    })
}

/// Opens a segment and seals what was in it at another place, compressed as it was. Returns it with its header there
/// and the ids of its blobs.
pub(crate) fn reseal(
    header: &SegmentHeader,
    key: &SecretKey,
    hasher: &IdHasher,
    mut sealed: Vec<u8>,
    place: SegmentPlace<'_>,
    new_key: &SecretKey,
) -> Result<(SegmentHeader, Vec<BlobId>, Vec<u8>)> {
    let packed = Segment::decrypt(header, place.repository, key, &mut sealed)?;
    let raw = decompress(header.compression, packed, usize::try_from(header.raw_length).unwrap_or(usize::MAX))?;
    let (_, blobs) = Segment::verify(raw, header, hasher)?;
    sealed.truncate(sealed.len().saturating_sub(aead::TAG));
    let aad = associated_data(place, header.compression, header.raw_length);
    aead::encrypt(new_key, nonce(place.counter), &aad, &mut sealed, 0)?;
    let header = SegmentHeader { session: *place.session, counter: place.counter, kind: place.kind, ..header.clone() };
    Ok((header, blobs, sealed))
}

const OPEN: &str = "open a segment";

/// An opened segment.
#[derive(Debug)]
pub(crate) struct Segment {
    raw: Vec<u8>,
    /// End of each blob in `raw`.
    ends: Vec<u32>,
}

impl Segment {
    /// Opens sealed bytes, verifies every blob against the segment's id, and returns the blobs.
    pub(crate) fn open(
        header: &SegmentHeader,
        repository: &RepositoryId,
        key: &SecretKey,
        hasher: &IdHasher,
        mut sealed: Vec<u8>,
    ) -> Result<Segment> {
        let packed = Segment::decrypt(header, repository, key, &mut sealed)?.len();
        let length = usize::try_from(header.raw_length).unwrap_or(usize::MAX);
        let raw = if header.compression == Compression::Stored && packed == length {
            // It stays where it is: copying what does not compress costs as much as hashing it.
            sealed.truncate(packed);
            sealed
        } else {
            decompress(header.compression, sealed.get(..packed).unwrap_or_default(), length)?
        };
        Segment::verify(raw, header, hasher).map(|(segment, _)| segment)
    }

    /// Decrypts in place; what is left is what was compressed.
    fn decrypt<'a>(
        header: &SegmentHeader,
        repository: &RepositoryId,
        key: &SecretKey,
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8]> {
        if header.raw_length > MAX_RAW {
            return Err(corrupt(OPEN, "it claims to be longer than any segment"));
        }
        let place = SegmentPlace { repository, session: &header.session, counter: header.counter, kind: header.kind };
        let aad = associated_data(place, header.compression, header.raw_length);
        aead::decrypt(key, nonce(header.counter), &aad, sealed, OPEN).map(|packed| &*packed)
    }

    /// Checks that the blobs are those the segment's id names. Returns them with their ids.
    fn verify(raw: Vec<u8>, header: &SegmentHeader, hasher: &IdHasher) -> Result<(Segment, Vec<BlobId>)> {
        let segment = Segment::parse(raw, header.blob_count)?;
        let mut ids = Vec::with_capacity(segment.ends.len());
        for blob in segment.blobs() {
            ids.push(hasher.blob(blob));
        }
        if hasher.segment(&ids) != header.id {
            return Err(corrupt(OPEN, "its content is not what its id names").object(header.id));
        }
        Ok((segment, ids))
    }

    pub(crate) fn parse(mut raw: Vec<u8>, blob_count: u32) -> Result<Segment> {
        let wrong = || corrupt(OPEN, "its table of lengths does not fit its content");
        let table = usize::try_from(blob_count).ok().and_then(|count| count.checked_mul(4)).ok_or_else(wrong)?;
        let split = raw.len().checked_sub(table).ok_or_else(wrong)?;
        let lengths = raw.get(split..).ok_or_else(wrong)?;
        let mut end = 0u32;
        let mut ends = Vec::with_capacity(table / 4);
        for length in lengths.as_chunks::<4>().0 {
            end = end.checked_add(u32::from_le_bytes(*length)).ok_or_else(wrong)?;
            ends.push(end);
        }
        if usize::try_from(end).ok() != Some(split) {
            return Err(wrong());
        }
        raw.truncate(split);
        Ok(Segment { raw, ends })
    }

    /// A segment that was never sealed.
    #[cfg(test)]
    pub(crate) fn of_blobs(blobs: &[Vec<u8>]) -> Segment {
        let mut builder = SegmentBuilder::default();
        for blob in blobs {
            builder.push(BlobId::default(), blob).unwrap();
        }
        let (raw, ids) = builder.finish();
        Segment::parse(raw, ids.len().try_into().unwrap()).unwrap()
    }

    /// Bytes of all blobs together.
    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    #[cfg(test)]
    pub(crate) fn blob_count(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn blob(&self, position: u32) -> Result<&[u8]> {
        self.run(position..position.saturating_add(1))
    }

    /// The bytes of consecutive blobs.
    pub(crate) fn run(&self, blobs: Range<u32>) -> Result<&[u8]> {
        let wrong = || corrupt("read a blob", "its segment has no such blob");
        let index = |position: u32| usize::try_from(position).map_err(|_| wrong());
        if blobs.is_empty() {
            return Err(wrong());
        }
        let start = match blobs.start.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(index(before)?).ok_or_else(wrong)?,
        };
        let end = *self.ends.get(index(blobs.end - 1)?).ok_or_else(wrong)?;
        self.raw.get(index(start)?..index(end)?).ok_or_else(wrong)
    }

    pub(crate) fn blobs(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map_while(move |end| {
            let end = usize::try_from(*end).ok()?;
            let blob = self.raw.get(start..end);
            start = end;
            blob
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    const REPOSITORY: RepositoryId = RepositoryId::from_bytes([1; 16]);
    const SESSION: SessionId = SessionId::from_bytes([2; 16]);

    fn hasher() -> IdHasher {
        IdHasher::new(&SecretKey::from_bytes([3; 32]))
    }

    fn sealed(blobs: &[Vec<u8>]) -> (SegmentHeader, Vec<u8>) {
        let mut builder = SegmentBuilder::default();
        for blob in blobs {
            builder.push(hasher().blob(blob), blob).unwrap();
        }
        let (raw, ids) = builder.finish();
        let place = SegmentPlace { repository: &REPOSITORY, session: &SESSION, counter: 5, kind: BlobKind::Data };
        let mut out = Vec::new();
        let key = SecretKey::from_bytes([4; 32]);
        let header = seal(&raw, &ids, place, &key, &Compressor::new(3), &hasher(), &mut out).unwrap();
        (header, out)
    }

    fn open(header: &SegmentHeader, sealed: &[u8]) -> Result<Segment> {
        Segment::open(header, &REPOSITORY, &SecretKey::from_bytes([4; 32]), &hasher(), sealed.to_vec())
    }

    proptest! {
        #[test]
        fn blobs_come_back(blobs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..40)) {
            let (header, bytes) = sealed(&blobs);
            let segment = open(&header, &bytes).unwrap();
            prop_assert_eq!(segment.blobs().map(<[u8]>::to_vec).collect::<Vec<_>>(), blobs.clone());
            for (position, blob) in (0u32..).zip(&blobs) {
                prop_assert_eq!(segment.blob(position).unwrap(), blob.as_slice());
            }
            prop_assert_eq!(segment.run(0..segment.blob_count()).unwrap(), blobs.concat());
            prop_assert!(segment.blob(segment.blob_count()).is_err());
        }

        #[test]
        fn any_flip_is_noticed(flip: prop::sample::Index) {
            let (header, mut bytes) = sealed(&[b"some content".to_vec(), vec![7; 100]]);
            let at = flip.index(bytes.len());
            bytes[at] ^= 4;
            prop_assert_eq!(open(&header, &bytes).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn every_field_of_the_header_is_bound() {
        let (header, bytes) = sealed(&[b"one".to_vec(), b"two".to_vec()]);
        let changes: [fn(&mut SegmentHeader); 6] = [
            |header| header.id = SegmentId::from_bytes([9; 32]),
            |header| header.session = SessionId::from_bytes([9; 16]),
            |header| header.counter += 1,
            |header| header.kind = BlobKind::Tree,
            |header| header.raw_length += 1,
            |header| header.blob_count -= 1,
        ];
        for change in changes {
            let mut header = header.clone();
            change(&mut header);
            assert_eq!(open(&header, &bytes).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}
