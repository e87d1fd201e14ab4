//! The object `config`: what every client of a repository has to agree on.

use super::cbor::{MapReader, MapWriter};
use super::object::Kind;
use super::signed;
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::error::{Result, corrupt, internal, unsupported};
use crate::id::RepositoryId;
use ciborium::Value;
use std::ops::RangeInclusive;

const CONTEXT: &str = "strongroom format 1 config";
const VERSION: u32 = 1;
/// The one suite there is: BLAKE3, XChaCha20-Poly1305, Argon2id, X-Wing in HPKE, Ed25519, zstd, FastCDC.
const SUITE: u32 = 1;

/// How much parity there may be, in percent.
pub(crate) const PARITY: RangeInclusive<u8> = 1..=100;

/// Longest object that is read as a config.
pub(crate) const MAX_LENGTH: u64 = 16 * 1024;

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// How big the pieces of a repository are, in bytes. They are chosen when it is created and never change, or
/// equal content would no longer be found to be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Least length of a chunk that is not the last of its file.
    pub(crate) chunk_min: u32,
    /// Length chunks have on average.
    pub(crate) chunk_avg: u32,
    /// Greatest length of a chunk.
    pub(crate) chunk_max: u32,
    /// Raw bytes gathered into a segment.
    pub(crate) segment: u32,
    /// Length at which a pack is full.
    pub(crate) pack: u32,
    /// Length tree nodes aim at.
    pub(crate) node: u32,
    /// Longest content that is kept in the entry itself.
    pub(crate) inline: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes {
            chunk_min: 16 * KIB,
            chunk_avg: 64 * KIB,
            chunk_max: 256 * KIB,
            segment: 1536 * KIB,
            pack: 16 * MIB,
            node: 32 * KIB,
            inline: 512,
        }
    }
}

impl Sizes {
    /// The sentence on the first bound that is not kept, if one is not. Who asks knows whether that makes an
    /// argument invalid or an object corrupt.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let chunks = [self.chunk_min, self.chunk_avg, self.chunk_max];
        if chunks.iter().any(|size| size % 2 != 0) {
            return Some("chunk sizes must be even");
        }
        if self.chunk_min < KIB || self.chunk_max > 8 * MIB {
            return Some("chunk sizes must be between 1 KiB and 8 MiB");
        }
        if !(self.chunk_min < self.chunk_avg && self.chunk_avg < self.chunk_max) {
            return Some("the least chunk size must be below the average, and the average below the greatest");
        }
        if !(64 * KIB..=16 * MIB).contains(&self.segment) || self.segment < self.chunk_max {
            return Some("the segment size must be between 64 KiB and 16 MiB and hold the greatest chunk");
        }
        if !(MIB..=512 * MIB).contains(&self.pack) || self.pack < 2 * self.segment {
            return Some("the pack size must be between 1 MiB and 512 MiB and hold two segments");
        }
        if !(4 * KIB..=256 * KIB).contains(&self.node) {
            return Some("the tree node size must be between 4 KiB and 256 KiB");
        }
        if self.inline > 4 * KIB {
            return Some("the inline limit must be at most 4 KiB");
        }
        None
    }
}

/// The decoded object `config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// Which repository this is.
    pub(crate) repository: RepositoryId,
    /// When it was created by its creator's clock, in unix seconds.
    pub(crate) created: i64,
    /// How big its pieces are.
    pub(crate) sizes: Sizes,
    /// How much parity writers put beside packs, in percent of a pack.
    pub(crate) parity: Option<u8>,
    /// The owner's key, which signed this object. It is the right one only if a bundle says so too.
    pub(crate) owner: VerifyingKey,
}

impl Config {
    /// Encodes and signs; `owner` must be the key whose public half stands in the config.
    pub(crate) fn encode(&self, owner: &SigningKey) -> Result<Vec<u8>> {
        let operation = "encode the config";
        if owner.verifying_key() != self.owner {
            return Err(internal(operation, "it is not signed by the owner it names"));
        }
        if let Some(fault) = self.sizes.fault() {
            return Err(internal(operation, fault));
        }
        if self.parity.is_some_and(|percent| !PARITY.contains(&percent)) {
            return Err(internal(operation, "its parity is out of bounds"));
        }
        let Sizes { chunk_min, chunk_avg, chunk_max, segment, pack, node, inline } = self.sizes;
        let map = MapWriter::new()
            .put(0, VERSION)
            .bytes(1, self.repository.as_bytes())
            .put(2, SUITE)
            .put(3, self.created)
            .list(4, [chunk_min, chunk_avg, chunk_max].map(Value::from))
            .put(5, segment)
            .put(6, pack)
            .put(7, node)
            .put(8, inline)
            .bytes(9, &self.owner.to_bytes())
            .optional(10, self.parity);
        signed::sign(Kind::Config, map, owner, CONTEXT)
    }

    /// Decodes an object, checks its bounds and that it is signed by the owner's key it names.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let operation = "read the repository's config";
        let signed = signed::split(bytes, Kind::Config, operation)?;
        let mut map = MapReader::decode(signed.map(), operation)?;
        map.version(VERSION)?;
        // The suite says how the signature is checked, so it comes first.
        match map.u32(2)? {
            SUITE => {}
            other => {
                return Err(unsupported(
                    operation,
                    format!("its suite of algorithms is {other}; this build knows {SUITE}"),
                ));
            }
        }
        let owner =
            VerifyingKey::from_bytes(&map.bytes(9)?).map_err(|_| corrupt(operation, "the owner's key is not valid"))?;
        owner.verify(CONTEXT, signed.message(), &signed.signature, operation)?;
        let repository = RepositoryId::from_bytes(map.array(1)?);
        let created = map.i64(3)?;
        let chunks: Option<Vec<u32>> = map
            .list(4)?
            .into_iter()
            .map(|size| size.into_integer().ok().and_then(|size| u32::try_from(size).ok()))
            .collect();
        let Some([chunk_min, chunk_avg, chunk_max]) = chunks.as_deref() else {
            return Err(corrupt(operation, "field 4 is not three chunk sizes"));
        };
        let sizes = Sizes {
            chunk_min: *chunk_min,
            chunk_avg: *chunk_avg,
            chunk_max: *chunk_max,
            segment: map.u32(5)?,
            pack: map.u32(6)?,
            node: map.u32(7)?,
            inline: map.u32(8)?,
        };
        let parity = if map.has(10) { Some(map.u64(10)?) } else { None };
        let parity = match parity.map(u8::try_from) {
            None => None,
            Some(Ok(percent)) if PARITY.contains(&percent) => Some(percent),
            Some(_) => return Err(corrupt(operation, "its parity is not 1 to 100 percent")),
        };
        map.finish()?;
        if let Some(fault) = sizes.fault() {
            return Err(corrupt(operation, fault));
        }
        Ok(Config { repository, created, sizes, parity, owner })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;
    use crate::error::ErrorKind;
    use crate::format::object::HEADER;
    use proptest::prelude::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(SecretKey::from_bytes([5; 32]))
    }

    fn config(sizes: Sizes) -> Config {
        Config {
            repository: RepositoryId::from_bytes([9; 16]),
            created: 1_700_000_000,
            sizes,
            parity: None,
            owner: key().verifying_key(),
        }
    }

    prop_compose! {
        fn sizes()(min in 512u32..1000, steps in [1u32..1000, 1..1000], more in 0u32..1_000_000, pack in 0u32..100_000_000, node in 4096u32..=262_144, inline in 0u32..=4096) -> Sizes {
            let chunk_avg = (min + steps[0]) * 2;
            let chunk_max = chunk_avg + steps[1] * 2;
            let segment = (chunk_max + more).max(65536);
            Sizes { chunk_min: min * 2, chunk_avg, chunk_max, segment, pack: (2 * segment + pack).max(1 << 20), node, inline }
        }
    }

    proptest! {
        #[test]
        fn round_trip(sizes in sizes(), id: [u8; 16], created: i64, parity in prop::option::of(1u8..=100)) {
            let config = Config { repository: RepositoryId::from_bytes(id), created, parity, ..config(sizes) };
            prop_assert_eq!(Config::decode(&config.encode(&key()).unwrap()).unwrap(), config);
        }

        #[test]
        fn rubbish_never_panics(bytes: Vec<u8>) {
            let _ = Config::decode(&[crate::format::object::header(Kind::Config).as_slice(), &bytes].concat());
        }
    }

    #[test]
    fn every_flipped_bit_is_refused_with_the_kind_of_what_it_hit() {
        let bytes = config(Sizes::default()).encode(&key()).unwrap();
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                let kind = Config::decode(&flipped).unwrap_err().kind();
                let expected: &[ErrorKind] = match position {
                    7 => &[ErrorKind::Unsupported],
                    0..HEADER => &[ErrorKind::Corrupt],
                    // The last 64 bytes are the signature, the three before them its head.
                    _ if position >= bytes.len() - 64 => &[ErrorKind::Untrusted],
                    _ if position >= bytes.len() - 67 => &[ErrorKind::Corrupt],
                    _ => &[ErrorKind::Corrupt, ErrorKind::Untrusted, ErrorKind::Unsupported],
                };
                assert!(expected.contains(&kind), "byte {position} bit {bit}: {kind:?}");
            }
        }
    }

    #[test]
    fn bounds_are_kept() {
        let default = Sizes::default();
        assert_eq!(default.fault(), None);
        for bad in [
            Sizes { chunk_min: 1023, ..default },
            Sizes { chunk_min: 1022, ..default },
            Sizes { chunk_min: default.chunk_avg, ..default },
            Sizes { chunk_avg: default.chunk_max, ..default },
            Sizes { chunk_max: 9 << 20, segment: 16 << 20, pack: 64 << 20, ..default },
            Sizes { segment: 65535, chunk_max: 65534, chunk_avg: 32768, ..default },
            Sizes { segment: default.chunk_max - 2, ..default },
            Sizes { segment: (16 << 20) + 1, pack: 64 << 20, ..default },
            Sizes { pack: 2 * default.segment - 1, ..default },
            Sizes { pack: (512 << 20) + 1, ..default },
            Sizes { node: 4095, ..default },
            Sizes { node: 262_145, ..default },
            Sizes { inline: 4097, ..default },
        ] {
            assert!(bad.fault().is_some(), "{bad:?}");
            assert_eq!(config(bad).encode(&key()).unwrap_err().kind(), ErrorKind::Internal);
        }
    }

    #[test]
    fn a_later_suite_version_or_field_is_unsupported_and_another_signer_untrusted() {
        let fields = |version: u32, suite: u32| {
            MapWriter::new()
                .put(0, version)
                .bytes(1, &[9; 16])
                .put(2, suite)
                .put(3, 1)
                .list(4, [16384, 65536, 262_144].map(Value::from))
                .put(5, 1 << 20)
                .put(6, 16 << 20)
                .put(7, 32768)
                .put(8, 512)
                .bytes(9, &key().verifying_key().to_bytes())
        };
        let sign = |map, key: &SigningKey| signed::sign(Kind::Config, map, key, CONTEXT).unwrap();
        assert!(Config::decode(&sign(fields(1, 1), &key())).is_ok());
        for map in [fields(2, 1), fields(1, 2), fields(1, 1).put(11, 1)] {
            assert_eq!(Config::decode(&sign(map, &key())).unwrap_err().kind(), ErrorKind::Unsupported);
        }
        let out_of_bounds = sign(fields(1, 1).put(8, 4097), &key());
        assert_eq!(Config::decode(&out_of_bounds).unwrap_err().kind(), ErrorKind::Corrupt);
        for parity in [0, 101, 256] {
            let out_of_bounds = sign(fields(1, 1).put(10, parity), &key());
            assert_eq!(Config::decode(&out_of_bounds).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        let other = SigningKey::from_seed(SecretKey::from_bytes([6; 32]));
        assert_eq!(Config::decode(&sign(fields(1, 1), &other)).unwrap_err().kind(), ErrorKind::Untrusted);
    }
}
