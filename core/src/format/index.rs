//! Index objects: what a number of packs hold.

use super::object::{self, Kind};
use super::pack::{IndexedPack, PackContents, padme};
use super::wire::{Reader, put_varint};
use crate::crypto::{SecretKey, aead};
use crate::error::{Result, internal};
use crate::id::{IndexId, PackId, RepositoryId};

/// The plaintext of an index object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct IndexObject {
    /// Index objects that are no longer in force, so that they need not be read: all that is to be known of their
    /// packs stands here. Whoever supersedes an object also lists what that one superseded, because nobody reads
    /// there any more.
    pub(crate) supersedes: Vec<IndexId>,
    pub(crate) packs: Vec<IndexedPack>,
}

/// Longest index object accepted.
pub(crate) const MAX_INDEX: u64 = 256 * 1024 * 1024;

/// The epoch stands in clear after the object header.
const PREFIX: usize = object::HEADER + 4;

fn associated_data(repository: &RepositoryId, epoch: u32) -> Vec<u8> {
    [object::header(Kind::Index).as_slice(), &epoch.to_le_bytes(), repository.as_bytes()].concat()
}

impl IndexObject {
    pub(crate) fn seal(&self, repository: &RepositoryId, epoch: u32, key: &SecretKey) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        put_varint(&mut plain, self.supersedes.len() as u64);
        for id in &self.supersedes {
            plain.extend_from_slice(id.as_bytes());
        }
        put_varint(&mut plain, self.packs.len() as u64);
        for pack in &self.packs {
            plain.extend_from_slice(pack.id.as_bytes());
            put_varint(&mut plain, pack.length);
            pack.contents.encode(&mut plain);
        }
        // Its length would tell how many blobs there are, and that about how much content.
        let overhead = PREFIX + aead::SEAL_OVERHEAD;
        let padded = padme((plain.len() + overhead) as u64);
        if padded > MAX_INDEX {
            return Err(internal("write an index", "it lists more than an index may"));
        }
        plain.resize(usize::try_from(padded).map_or(plain.len(), |padded| padded - overhead), 0);
        let mut out = object::header(Kind::Index).to_vec();
        out.extend_from_slice(&epoch.to_le_bytes());
        out.extend_from_slice(&aead::seal(key, &associated_data(repository, epoch), &plain)?);
        Ok(out)
    }

    /// The epoch of the key that opens an index object.
    pub(crate) fn epoch(bytes: &[u8]) -> Result<u32> {
        let operation = "read an index";
        Ok(u32::from_le_bytes(Reader::new(object::strip(bytes, Kind::Index, operation)?, operation).array()?))
    }

    pub(crate) fn open(bytes: &[u8], repository: &RepositoryId, key: &SecretKey) -> Result<Self> {
        let operation = "read an index";
        let epoch = Self::epoch(bytes)?;
        let sealed = bytes.get(PREFIX..).unwrap_or_default();
        Self::decode(&aead::open(key, &associated_data(repository, epoch), sealed, operation)?)
    }

    /// Decodes what is sealed.
    pub(crate) fn decode(plain: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(plain, "read an index");
        let count = reader.count(IndexId::LEN)?;
        let mut supersedes = Vec::with_capacity(count);
        for _ in 0..count {
            supersedes.push(IndexId::from_bytes(reader.array()?));
        }
        let count = reader.count(PackId::LEN + 4)?;
        let mut packs = Vec::with_capacity(count);
        for _ in 0..count {
            let id = PackId::from_bytes(reader.array()?);
            let length = reader.varint()?;
            let contents = PackContents::decode(&mut reader)?;
            if contents.end() > length {
                return Err(reader.error("a segment lies outside its pack").object(id));
            }
            packs.push(IndexedPack { id, length, contents });
        }
        if reader.take(reader.remaining())?.iter().any(|byte| *byte != 0) {
            return Err(reader.error("its padding is not zero"));
        }
        Ok(IndexObject { supersedes, packs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back(contents in crate::format::pack::tests::contents(), flip: prop::sample::Index) {
            let key = SecretKey::from_bytes([1; 32]);
            let repository = RepositoryId::from_bytes([2; 16]);
            let length = contents.end() + 100;
            let index = IndexObject {
                supersedes: vec![IndexId::from_bytes([3; 32])],
                packs: vec![IndexedPack { id: PackId::from_bytes([4; 32]), length, contents }],
            };
            let mut bytes = index.seal(&repository, 1, &key).unwrap();
            prop_assert_eq!(padme(bytes.len() as u64), bytes.len() as u64);
            prop_assert_eq!(IndexObject::open(&bytes, &repository, &key).unwrap(), index);
            prop_assert!(IndexObject::open(&bytes, &RepositoryId::from_bytes([9; 16]), &key).is_err());
            let at = flip.index(bytes.len());
            bytes[at] ^= 1;
            let kind = IndexObject::open(&bytes, &repository, &key).unwrap_err().kind();
            prop_assert_eq!(kind, if at == 7 { ErrorKind::Unsupported } else { ErrorKind::Corrupt });
        }
    }
}
