//! Packs: a header with sealed session keys, segments, padding, a sealed footer, a sealed trailer.

use super::object::{self, Kind};
use super::segment::{BlobKind, MAX_RAW, SegmentHeader};
use super::wire::{Reader, put_varint};
use crate::compress::Compression;
use crate::crypto::{SecretKey, aead, kem};
use crate::error::{Result, corrupt, internal};
use crate::id::{BlobId, PackId, RepositoryId, SegmentId, SessionId};
use std::collections::HashMap;

/// Length of the header before the session keys.
pub(crate) const FIXED_HEADER: usize = object::HEADER + 4 + 2 + 2 + 16;
/// Length of one session key in the header.
pub(crate) const SESSION_ENTRY: usize = 16 + 4 + kem::OVERHEAD + 32;
/// Length of the trailer.
pub(crate) const TRAILER: usize = 16 + aead::SEAL_OVERHEAD;
/// Most sessions whose segments one pack may hold.
pub(crate) const MAX_SESSIONS: usize = 1024;
/// Longest footer accepted.
pub(crate) const MAX_FOOTER: u64 = 256 * 1024 * 1024;

/// A session key as it stands in a pack's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionEntry {
    pub(crate) session: SessionId,
    /// Epoch of the data key pair it is sealed to.
    pub(crate) epoch: u32,
    /// Encapsulated key, sealed session key, tag.
    pub(crate) sealed_key: Vec<u8>,
}

const SESSION_INFO: &[u8] = b"strongroom format 1 session key";

fn session_aad(repository: &RepositoryId, session: &SessionId, epoch: u32) -> Vec<u8> {
    [repository.as_bytes().as_slice(), session.as_bytes(), &epoch.to_le_bytes()].concat()
}

impl SessionEntry {
    /// Seals a session's key to everyone who may read.
    pub(crate) fn seal(
        repository: &RepositoryId,
        session: SessionId,
        epoch: u32,
        key: &SecretKey,
        readers: &kem::PublicKey,
    ) -> Result<Self> {
        let aad = session_aad(repository, &session, epoch);
        Ok(SessionEntry { session, epoch, sealed_key: readers.seal(SESSION_INFO, &aad, key.expose())? })
    }

    /// Opens it with the private key of its epoch.
    pub(crate) fn open(&self, repository: &RepositoryId, reader: &kem::PrivateKey) -> Result<SecretKey> {
        let operation = "open a session key";
        let aad = session_aad(repository, &self.session, self.epoch);
        let key = reader.open(SESSION_INFO, &aad, &self.sealed_key, operation)?;
        let key: &[u8; 32] = key.as_slice().try_into().map_err(|_| corrupt(operation, "it is not 32 bytes long"))?;
        Ok(SecretKey::from_bytes(*key))
    }
}

/// The part of a pack before its segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackHeader {
    pub(crate) repository: RepositoryId,
    /// Epoch of the index key that seals footer and trailer.
    pub(crate) epoch: u32,
    pub(crate) sessions: Vec<SessionEntry>,
}

impl PackHeader {
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut out = object::header(Kind::Pack).to_vec();
        out.extend_from_slice(&self.epoch.to_le_bytes());
        let count = u16::try_from(self.sessions.len())
            .ok()
            .filter(|count| usize::from(*count) <= MAX_SESSIONS)
            .ok_or_else(|| internal("write a pack", "too many sessions in one pack"))?;
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(self.repository.as_bytes());
        for session in &self.sessions {
            out.extend_from_slice(session.session.as_bytes());
            out.extend_from_slice(&session.epoch.to_le_bytes());
            out.extend_from_slice(&session.sealed_key);
        }
        Ok(out)
    }

    /// Reads the fixed part; returns the epoch and the length of the whole header.
    pub(crate) fn decode_fixed(bytes: &[u8], repository: &RepositoryId) -> Result<(u32, usize)> {
        let operation = "read a pack's header";
        let rest = object::strip(bytes, Kind::Pack, operation)?;
        let mut reader = Reader::new(rest, operation);
        let epoch = u32::from_le_bytes(reader.array()?);
        let count = usize::from(u16::from_le_bytes(reader.array()?));
        if reader.array::<2>()? != [0; 2] {
            return Err(crate::error::unsupported(operation, "a reserved field is not zero"));
        }
        if reader.array()? != *repository.as_bytes() {
            return Err(reader.error("it belongs to another repository"));
        }
        if count > MAX_SESSIONS {
            return Err(reader.error("it claims too many sessions"));
        }
        Ok((epoch, FIXED_HEADER + count * SESSION_ENTRY))
    }

    /// Reads a whole header from the beginning of a pack.
    pub(crate) fn decode(bytes: &[u8], repository: &RepositoryId) -> Result<Self> {
        let (epoch, length) = Self::decode_fixed(bytes, repository)?;
        let mut reader = Reader::new(bytes.get(FIXED_HEADER..length).unwrap_or_default(), "read a pack's header");
        let mut sessions = Vec::with_capacity((length - FIXED_HEADER) / SESSION_ENTRY);
        while sessions.len() < (length - FIXED_HEADER) / SESSION_ENTRY {
            sessions.push(SessionEntry {
                session: SessionId::from_bytes(reader.array()?),
                epoch: u32::from_le_bytes(reader.array()?),
                sealed_key: reader.take(kem::OVERHEAD + 32)?.to_vec(),
            });
        }
        Ok(PackHeader { repository: *repository, epoch, sessions })
    }
}

/// A segment of a pack with the ids of its blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackedSegment {
    pub(crate) header: SegmentHeader,
    /// Where it begins in the pack.
    pub(crate) offset: u64,
    pub(crate) blobs: Vec<BlobId>,
}

/// What a pack holds: the part that its footer and the index share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackContents {
    /// Offset of the first segment; the others follow without gaps.
    pub(crate) start: u64,
    pub(crate) segments: Vec<PackedSegment>,
}

/// What a tree blob refers to, in clear for those who may maintain but not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reference {
    /// Another tree blob.
    Tree(BlobId),
    /// A segment of file content.
    Data(SegmentId),
}

/// References of every tree blob of a pack, in the order of segments and blobs.
pub(crate) type TreeReferences = Vec<Vec<Reference>>;

/// Least bytes of a segment in the encoding, for bounding counts.
const MIN_SEGMENT: usize = 32 + 1 + 1 + 1 + 1 + 1 + 1 + 1;
/// Most bytes of a segment in the encoding, but for its session and the ids of its blobs.
const MAX_SEGMENT: usize = 16 + 32 + 3 + 10 + 1 + 1 + 5 + 5 + 5;
/// Most bytes of an encoding before its first session: start and two counts.
const MAX_CONTENTS_HEAD: u64 = 30;

impl PackContents {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut sessions: Vec<SessionId> = Vec::new();
        for segment in &self.segments {
            if !sessions.contains(&segment.header.session) {
                sessions.push(segment.header.session);
            }
        }
        put_varint(out, self.start);
        put_varint(out, sessions.len() as u64);
        for session in &sessions {
            out.extend_from_slice(session.as_bytes());
        }
        put_varint(out, self.segments.len() as u64);
        for PackedSegment { header, .. } in &self.segments {
            let session = sessions.iter().position(|session| *session == header.session).unwrap_or_default();
            out.extend_from_slice(header.id.as_bytes());
            put_varint(out, session as u64);
            put_varint(out, header.counter);
            out.push(header.kind as u8);
            out.push(header.compression as u8);
            put_varint(out, u64::from(header.stored_length));
            put_varint(out, u64::from(header.raw_length));
            put_varint(out, u64::from(header.blob_count));
        }
        for blob in self.segments.iter().flat_map(|segment| &segment.blobs) {
            out.extend_from_slice(blob.as_bytes());
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let start = reader.varint()?;
        let session_count = reader.count(SessionId::LEN)?;
        let mut sessions = Vec::with_capacity(session_count);
        for _ in 0..session_count {
            sessions.push(SessionId::from_bytes(reader.array()?));
        }
        let count = reader.count(MIN_SEGMENT)?;
        let mut segments: Vec<PackedSegment> = Vec::with_capacity(count);
        let mut offset = start;
        for _ in 0..count {
            let id = SegmentId::from_bytes(reader.array()?);
            let session = usize::try_from(reader.varint()?).ok().and_then(|number| sessions.get(number));
            let session = *session.ok_or_else(|| reader.error("a segment names a session that is not listed"))?;
            let header = SegmentHeader {
                id,
                session,
                counter: reader.varint()?,
                kind: {
                    let number = reader.u8()?;
                    BlobKind::from_number(number).ok_or_else(|| reader.error("a segment is of an unknown kind"))?
                },
                compression: Compression::from_number(reader.u8()?)?,
                stored_length: reader.u32()?,
                raw_length: reader.u32()?,
                blob_count: reader.u32()?,
            };
            if header.raw_length > MAX_RAW || header.stored_length > MAX_RAW {
                return Err(reader.error("a segment is longer than any may be"));
            }
            let begin = offset;
            offset = offset
                .checked_add(u64::from(header.stored_length))
                .ok_or_else(|| reader.error("segments are too long together"))?;
            segments.push(PackedSegment { header, offset: begin, blobs: Vec::new() });
        }
        for segment in &mut segments {
            let count = usize::try_from(segment.header.blob_count).unwrap_or(usize::MAX);
            let bytes = count.checked_mul(BlobId::LEN).ok_or_else(|| reader.error("a count is too large"))?;
            let (ids, _) = reader.take(bytes)?.as_chunks::<32>();
            segment.blobs = ids.iter().map(|id| BlobId::from_bytes(*id)).collect();
        }
        Ok(PackContents { start, segments })
    }

    /// Where the last segment ends.
    pub(crate) fn end(&self) -> u64 {
        self.segments
            .last()
            .map_or(self.start, |segment| segment.offset.saturating_add(u64::from(segment.header.stored_length)))
    }

    /// How many blobs of trees it lists.
    pub(crate) fn tree_blobs(&self) -> usize {
        let trees = self.segments.iter().filter(|segment| segment.header.kind == BlobKind::Tree);
        trees.map(|segment| segment.blobs.len()).sum()
    }
}

pub(super) fn encode_references(references: &TreeReferences, out: &mut Vec<u8>) {
    let mut table: Vec<Reference> = Vec::new();
    let mut positions: HashMap<Reference, usize> = HashMap::new();
    for reference in references.iter().flatten() {
        positions.entry(*reference).or_insert_with(|| {
            table.push(*reference);
            table.len() - 1
        });
    }
    put_varint(out, table.len() as u64);
    for reference in &table {
        let (kind, id) = match reference {
            Reference::Tree(id) => (1, id.as_bytes()),
            Reference::Data(id) => (0, id.as_bytes()),
        };
        out.push(kind);
        out.extend_from_slice(id);
    }
    put_varint(out, references.len() as u64);
    for blob in references {
        put_varint(out, blob.len() as u64);
        for reference in blob {
            put_varint(out, positions.get(reference).copied().unwrap_or_default() as u64);
        }
    }
}

pub(super) fn decode_references(reader: &mut Reader<'_>, tree_blobs: usize) -> Result<TreeReferences> {
    let count = reader.count(33)?;
    let mut table = Vec::with_capacity(count);
    for _ in 0..count {
        table.push(match reader.u8()? {
            0 => Reference::Data(SegmentId::from_bytes(reader.array()?)),
            1 => Reference::Tree(BlobId::from_bytes(reader.array()?)),
            _ => return Err(reader.error("a reference is of an unknown kind")),
        });
    }
    let blobs = reader.count(1)?;
    if blobs != tree_blobs {
        return Err(reader.error("it does not list the references of every tree blob"));
    }
    let mut references = Vec::with_capacity(blobs);
    for _ in 0..blobs {
        let count = reader.count(1)?;
        if count > table.len() {
            return Err(reader.error("a tree blob refers to something twice"));
        }
        let mut blob = Vec::with_capacity(count);
        for _ in 0..count {
            let position = usize::try_from(reader.varint()?).ok();
            let reference = position.and_then(|position| table.get(position));
            blob.push(*reference.ok_or_else(|| reader.error("a reference is not in the table"))?);
        }
        references.push(blob);
    }
    Ok(references)
}

/// Seals footer and trailer. `padding` bytes stand between the last segment and the footer.
pub(crate) fn seal_footer(
    keys: PackKeys<'_>,
    header: &[u8],
    contents: &PackContents,
    references: &TreeReferences,
    padding: u64,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut plain = Vec::new();
    contents.encode(&mut plain);
    encode_references(references, &mut plain);
    let footer = aead::seal(keys.footer, header, &plain)?;
    let mut plain = Vec::with_capacity(16);
    plain.extend_from_slice(&(footer.len() as u64).to_le_bytes());
    plain.extend_from_slice(&padding.to_le_bytes());
    let trailer = aead::seal(keys.trailer, header, &plain)?;
    Ok((footer, trailer))
}

/// About how long an encoding of these contents is, rather too long than too short.
pub(crate) fn contents_length(contents: &PackContents) -> u64 {
    let segment = |segment: &PackedSegment| (MAX_SEGMENT + segment.blobs.len() * BlobId::LEN) as u64;
    MAX_CONTENTS_HEAD + contents.segments.iter().map(segment).sum::<u64>()
}

/// How long footer and trailer of these contents are, so that padding can be chosen before sealing.
pub(crate) fn footer_length(contents: &PackContents, references: &TreeReferences) -> u64 {
    let mut plain = Vec::new();
    contents.encode(&mut plain);
    encode_references(references, &mut plain);
    (plain.len() + aead::SEAL_OVERHEAD + TRAILER) as u64
}

/// The keys that seal footer and trailer, of the header's epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackKeys<'a> {
    pub(crate) footer: &'a SecretKey,
    pub(crate) trailer: &'a SecretKey,
}

/// Opens a trailer: length of the footer before it, and of the padding before that.
pub(crate) fn open_trailer(keys: PackKeys<'_>, header: &[u8], trailer: &[u8]) -> Result<(u64, u64)> {
    let operation = "read a pack's trailer";
    let plain = aead::open(keys.trailer, header, trailer, operation)?;
    let mut reader = Reader::new(&plain, operation);
    let (footer, padding) = (u64::from_le_bytes(reader.array()?), u64::from_le_bytes(reader.array()?));
    if footer > MAX_FOOTER {
        return Err(reader.error("the footer is longer than any may be"));
    }
    reader.end()?;
    Ok((footer, padding))
}

/// Opens a footer.
pub(crate) fn open_footer(keys: PackKeys<'_>, header: &[u8], footer: &[u8]) -> Result<(PackContents, TreeReferences)> {
    let operation = "read a pack's footer";
    decode_footer(&aead::open(keys.footer, header, footer, operation)?)
}

/// Decodes what is sealed in a footer.
pub(crate) fn decode_footer(plain: &[u8]) -> Result<(PackContents, TreeReferences)> {
    let mut reader = Reader::new(plain, "read a pack's footer");
    let contents = PackContents::decode(&mut reader)?;
    let references = decode_references(&mut reader, contents.tree_blobs())?;
    reader.end()?;
    Ok((contents, references))
}

/// The length to pad `length` bytes to: Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
/// Communication with PURBs", 2019, section 4), which leaks O(log log length) bits for at most 12% more, far less
/// for long ones.
pub(crate) fn padme(length: u64) -> u64 {
    let Some(exponent) = length.checked_ilog2() else { return 0 };
    let significant = u64::from(exponent).checked_ilog2().map_or(0, |bits| bits + 1);
    let mask = (1u64 << exponent.saturating_sub(significant)) - 1;
    length.checked_add(mask).map_or(length, |padded| padded & !mask)
}

/// A pack's name and length with its contents, as the index lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexedPack {
    pub(crate) id: PackId,
    pub(crate) length: u64,
    pub(crate) contents: PackContents,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    pub(crate) fn contents() -> impl Strategy<Value = PackContents> {
        let segment = (any::<[u8; 32]>(), 0u8..3, any::<u64>(), any::<bool>(), 0u32..100_000, 0usize..20);
        (1000u64..3000, prop::collection::vec(segment, 0..12)).prop_map(|(start, segments)| {
            let mut offset = start;
            let segments = segments
                .into_iter()
                .map(|(id, session, counter, tree, stored_length, blobs)| {
                    let header = SegmentHeader {
                        id: SegmentId::from_bytes(id),
                        session: SessionId::from_bytes([session; 16]),
                        counter,
                        kind: if tree { BlobKind::Tree } else { BlobKind::Data },
                        compression: Compression::Zstd,
                        stored_length,
                        raw_length: stored_length.wrapping_mul(3),
                        blob_count: u32::try_from(blobs).unwrap(),
                    };
                    let blobs = (0..blobs).map(|n| BlobId::from_bytes([u8::try_from(n).unwrap(); 32])).collect();
                    let begin = offset;
                    offset += u64::from(stored_length);
                    PackedSegment { header, offset: begin, blobs }
                })
                .collect();
            PackContents { start, segments }
        })
    }

    fn references_for(contents: &PackContents) -> TreeReferences {
        (0..contents.tree_blobs())
            .map(|n| {
                let n = u8::try_from(n % 7).unwrap();
                vec![Reference::Tree(BlobId::from_bytes([n; 32])), Reference::Data(SegmentId::from_bytes([n; 32]))]
            })
            .collect()
    }

    proptest! {
        #[test]
        fn footers_go_there_and_back(contents in contents(), flip: prop::sample::Index) {
            let (footer_key, trailer_key) = (SecretKey::from_bytes([1; 32]), SecretKey::from_bytes([2; 32]));
            let keys = PackKeys { footer: &footer_key, trailer: &trailer_key };
            let references = references_for(&contents);
            let (mut footer, trailer) = seal_footer(keys, b"header", &contents, &references, 77).unwrap();
            prop_assert_eq!((footer.len() + trailer.len()) as u64, footer_length(&contents, &references));
            prop_assert_eq!(trailer.len(), TRAILER);
            let mut encoded = Vec::new();
            contents.encode(&mut encoded);
            prop_assert!(encoded.len() as u64 <= contents_length(&contents));
            prop_assert_eq!(open_trailer(keys, b"header", &trailer).unwrap(), (footer.len() as u64, 77));
            let opened = open_footer(keys, b"header", &footer).unwrap();
            prop_assert_eq!(opened, (contents, references));
            prop_assert!(open_footer(keys, b"another", &footer).is_err());
            let at = flip.index(footer.len());
            footer[at] ^= 1;
            prop_assert_eq!(open_footer(keys, b"header", &footer).unwrap_err().kind(), ErrorKind::Corrupt);
        }

        #[test]
        fn hostile_footers_are_refused(plain: Vec<u8>) {
            let key = SecretKey::from_bytes([1; 32]);
            let keys = PackKeys { footer: &key, trailer: &key };
            let sealed = aead::seal(&key, b"", &plain).unwrap();
            let _ = open_footer(keys, b"", &sealed);
            let _ = open_trailer(keys, b"", &sealed);
            let _ = PackHeader::decode(&plain, &RepositoryId::from_bytes([0; 16]));
        }

        #[test]
        fn padding_is_bounded(length in 1u64..1 << 50) {
            let padded = padme(length);
            prop_assert!(padded >= length && padded - length <= length / 8);
            prop_assert_eq!(padme(padded), padded);
        }
    }

    #[test]
    fn headers_go_there_and_back() {
        let repository = RepositoryId::from_bytes([1; 16]);
        let reader = kem::PrivateKey::from_seed(SecretKey::from_bytes([5; 32]));
        let session = SessionId::from_bytes([2; 16]);
        let key = SecretKey::from_bytes([6; 32]);
        let entry = SessionEntry::seal(&repository, session, 3, &key, &reader.public_key().unwrap()).unwrap();
        let header = PackHeader { repository, epoch: 4, sessions: vec![entry] };
        let bytes = header.encode().unwrap();
        assert_eq!(bytes.len(), FIXED_HEADER + SESSION_ENTRY);
        let again = PackHeader::decode(&bytes, &repository).unwrap();
        assert_eq!(again, header);
        assert_eq!(again.sessions[0].open(&repository, &reader).unwrap().expose(), key.expose());
        let other = RepositoryId::from_bytes([9; 16]);
        assert!(again.sessions[0].open(&other, &reader).is_err());
        assert_eq!(PackHeader::decode(&bytes, &other).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(PackHeader::decode(&bytes[..100], &repository).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
