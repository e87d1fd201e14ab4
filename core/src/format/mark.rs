//! Marks: tags, description and hold of a snapshot, set after it was made. Named `marks/<id>`, the id being the
//! BLAKE3 hash of the object. Objects never change, so the mark with the highest sequence, and among those with
//! the highest id, is the one that counts; it replaces what the snapshot and earlier marks say.

use super::cbor::{MapReader, MapWriter};
use super::entry::Timestamp;
use super::object::Kind;
use super::sealed::Envelope;
use super::snapshot::{MAX_TAGS, check_description, check_tags};
use crate::crypto::kem;
use crate::error::{Result, corrupt, invalid};
use crate::id::{DeviceId, RepositoryId, SnapshotId};
use ciborium::Value;

/// What everyone who lists snapshots may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) snapshot: SnapshotId,
    pub(crate) sequence: u64,
    pub(crate) device: DeviceId,
    /// By the device's clock.
    pub(crate) time: Timestamp,
    /// The snapshot must not be removed before this time (Unix seconds).
    pub(crate) hold_until: Option<i64>,
    /// From [`Mark::seal_body`].
    pub(crate) sealed_body: Vec<u8>,
}

/// What only readers may know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct MarkBody {
    /// All tags of the snapshot from now on; ascending, each once.
    pub(crate) tags: Vec<String>,
    pub(crate) description: Option<String>,
}

const BODY_INFO: &[u8] = b"strongroom format 1 mark body";

impl Mark {
    /// Binds a body to its mark.
    fn body_aad(&self, repository: &RepositoryId) -> Vec<u8> {
        let parts: [&[u8]; 4] =
            [repository.as_bytes(), self.snapshot.as_bytes(), &self.sequence.to_le_bytes(), self.device.as_bytes()];
        parts.concat()
    }

    /// Seals `body` to readers and puts it in. Comes last: the body is bound to the other fields.
    pub(crate) fn seal_body(
        &mut self,
        body: &MarkBody,
        repository: &RepositoryId,
        readers: &kem::PublicKey,
    ) -> Result<()> {
        self.sealed_body = readers.seal(BODY_INFO, &self.body_aad(repository), &body.encode()?)?;
        Ok(())
    }

    /// Opens the body with the private key of the mark's epoch.
    pub(crate) fn open_body(&self, repository: &RepositoryId, reader: &kem::PrivateKey) -> Result<MarkBody> {
        MarkBody::decode(&reader.open(BODY_INFO, &self.body_aad(repository), &self.sealed_body, Self::READ)?)
    }
}

impl Envelope for Mark {
    const KIND: Kind = Kind::Mark;
    const READ: &'static str = "read a mark";
    const WRITE: &'static str = "write a mark";
    const CONTEXT: &'static str = "strongroom format 1 mark";
    /// All tags, a description and some room for the rest.
    const MAX_OBJECT: u64 = 128 * 1024;

    fn device(&self) -> Option<&DeviceId> {
        Some(&self.device)
    }

    fn put(&self, map: MapWriter) -> MapWriter {
        map.bytes(2, self.snapshot.as_bytes())
            .put(3, self.sequence)
            .bytes(4, self.device.as_bytes())
            .time(5, self.time)
            .optional(6, self.hold_until)
            .bytes(10, &self.sealed_body)
    }

    fn take(map: &mut MapReader) -> Result<Self> {
        Ok(Mark {
            snapshot: SnapshotId::from_bytes(map.array(2)?),
            sequence: map.u64(3)?,
            device: DeviceId::from_bytes(map.array(4)?),
            time: map.time(5)?,
            hold_until: if map.has(6) { Some(map.i64(6)?) } else { None },
            sealed_body: map.bytes(10)?,
        })
    }
}

impl MarkBody {
    fn check(&self) -> Result<(), &'static str> {
        check_tags(&self.tags)?;
        check_description(self.description.as_deref())
    }

    fn encode(&self) -> Result<Vec<u8>> {
        self.check().map_err(|why| invalid(Mark::WRITE, why))?;
        MapWriter::new()
            .put(0, 1)
            .list(1, self.tags.iter().map(|tag| Value::from(tag.as_str())))
            .optional(2, self.description.as_deref())
            .encode()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut map = MapReader::decode(bytes, Mark::READ)?;
        map.version(1)?;
        let body = MarkBody {
            tags: map.list_of(1, MAX_TAGS, |value| value.into_text().ok())?,
            description: if map.has(2) { Some(map.text(2)?) } else { None },
        };
        map.finish()?;
        body.check().map_err(|why| corrupt(Mark::READ, why))?;
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;
    use crate::error::ErrorKind;
    use crate::format::sealed::seal;
    use crate::format::sealed::tests::{EPOCH, REPOSITORY, holds, key, opened, signer};
    use crate::format::snapshot::{MAX_DESCRIPTION, MAX_TAG};
    use proptest::prelude::*;

    fn reader() -> kem::PrivateKey {
        kem::PrivateKey::from_seed(SecretKey::from_bytes([8; 32]))
    }

    fn mark() -> Mark {
        Mark {
            snapshot: SnapshotId::from_bytes([4; 32]),
            sequence: 2,
            device: DeviceId::from_bytes([5; 16]),
            time: Timestamp::new(1_700_000_000, 6),
            hold_until: Some(1_800_000_000),
            sealed_body: vec![9; 30],
        }
    }

    #[test]
    fn damage_replay_and_forgery_are_refused() {
        holds(&mark());
        holds(&Mark { hold_until: None, ..mark() });
    }

    #[test]
    fn a_body_stays_with_its_mark() {
        let mut sealed = mark();
        let body = MarkBody { tags: vec!["a".into()], description: None };
        sealed.seal_body(&body, &REPOSITORY, &reader().public_key().unwrap()).unwrap();
        assert_eq!(sealed.open_body(&REPOSITORY, &reader()).unwrap(), body);
        let changes: [fn(&mut Mark); 3] = [
            |other| other.snapshot = SnapshotId::from_bytes([9; 32]),
            |other| other.sequence += 1,
            |other| other.device = DeviceId::from_bytes([9; 16]),
        ];
        for change in changes {
            let mut other = sealed.clone();
            change(&mut other);
            assert_eq!(other.open_body(&REPOSITORY, &reader()).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        let elsewhere = RepositoryId::from_bytes([9; 16]);
        assert_eq!(sealed.open_body(&elsewhere, &reader()).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn the_largest_body_fits_and_a_larger_one_is_refused() {
        let tags: Vec<String> = (0..MAX_TAGS).map(|number| format!("{number:0width$}", width = MAX_TAG)).collect();
        let mut body = MarkBody { tags, description: Some("d".repeat(MAX_DESCRIPTION)) };
        let mut largest = mark();
        let readers = reader().public_key().unwrap();
        largest.seal_body(&body, &REPOSITORY, &readers).unwrap();
        let bytes = seal(&largest, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap();
        assert_eq!(opened::<Mark>(&bytes).unwrap().open_body(&REPOSITORY, &reader()).unwrap(), body);
        body.tags.push("z".into());
        assert_eq!(largest.seal_body(&body, &REPOSITORY, &readers).unwrap_err().kind(), ErrorKind::InvalidArgument);
        let plain = MapWriter::new().put(0, 1).list(1, ["b".into(), "a".into()]).encode().unwrap();
        assert_eq!(MarkBody::decode(&plain).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn there_and_back(
            tags in proptest::collection::btree_set("[a-z]{1,9}", 0..9), description: Option<String>,
            sequence: u64, hold_until: Option<i64>,
        ) {
            let body = MarkBody { tags: tags.into_iter().collect(), description };
            let mut mark = Mark { sequence, hold_until, ..mark() };
            mark.seal_body(&body, &REPOSITORY, &reader().public_key().unwrap()).unwrap();
            let bytes = seal(&mark, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap();
            let again = opened::<Mark>(&bytes).unwrap();
            prop_assert_eq!(again.open_body(&REPOSITORY, &reader()).unwrap(), body);
            prop_assert_eq!(again, mark);
        }
    }
}
