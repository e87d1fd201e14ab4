//! Snapshots: the commit point of a backup. Named `snapshots/<id>`, the id being the BLAKE3 hash of the object.
//!
//! The envelope can be read with the key for snapshots, which a maintainer holds; the body inside it is sealed to
//! readers.

use super::cbor::{MapReader, MapWriter};
use super::entry::Timestamp;
use super::object::Kind;
use super::sealed::Envelope;
use crate::crypto::kem;
use crate::error::{Result, corrupt, invalid, unsupported};
use crate::id::{BlobId, DeviceId, LineageId, RepositoryId, SessionId, SnapshotId};
use ciborium::Value;
use std::collections::BTreeMap;

/// What a backup counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SnapshotCounts {
    /// Entries of the tree, of every kind.
    pub entries: u64,
    /// Regular files.
    pub files: u64,
    /// Folders.
    pub directories: u64,
    /// Bytes of content of all regular files.
    pub bytes: u64,
    /// Bytes of content that the repository did not hold before.
    pub new_bytes: u64,
    /// Bytes this backup added to storage, metadata included.
    pub stored_bytes: u64,
    /// Paths that could not be read.
    pub problems: u64,
    /// Regular files taken over from the previous snapshot without opening them.
    pub unchanged_files: u64,
}

impl SnapshotCounts {
    pub(super) fn to_value(self) -> Value {
        MapWriter::new()
            .put(1, self.entries)
            .put(2, self.files)
            .put(3, self.directories)
            .put(4, self.bytes)
            .put(5, self.new_bytes)
            .put(6, self.stored_bytes)
            .put(7, self.problems)
            .put(8, self.unchanged_files)
            .into_value()
    }

    pub(super) fn take(mut map: MapReader) -> Result<Self> {
        let counts = SnapshotCounts {
            entries: map.u64(1)?,
            files: map.u64(2)?,
            directories: map.u64(3)?,
            bytes: map.u64(4)?,
            new_bytes: map.u64(5)?,
            stored_bytes: map.u64(6)?,
            problems: map.u64(7)?,
            unchanged_files: map.u64(8)?,
        };
        map.finish()?;
        Ok(counts)
    }
}

/// Whether a snapshot holds everything that was asked for. The number is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum SnapshotOutcome {
    /// Everything was read.
    Complete = 1,
    /// Some paths could not be read; the report of the backup named them.
    Partial = 2,
}

impl SnapshotOutcome {
    /// The stable name, in snake case.
    ///
    /// ```
    /// assert_eq!(strongroom::SnapshotOutcome::Partial.name(), "partial");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            SnapshotOutcome::Complete => "complete",
            SnapshotOutcome::Partial => "partial",
        }
    }
}

/// What everyone who lists snapshots may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotEnvelope {
    /// The tree's root node.
    pub(crate) root: BlobId,
    /// By the device's clock.
    pub(crate) time: Timestamp,
    pub(crate) lineage: LineageId,
    pub(crate) device: DeviceId,
    pub(crate) session: SessionId,
    pub(crate) counts: SnapshotCounts,
    pub(crate) parents: Vec<SnapshotId>,
    pub(crate) outcome: SnapshotOutcome,
    /// From [`SnapshotBody::seal`].
    pub(crate) sealed_body: Vec<u8>,
}

/// What only readers may know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SnapshotBody {
    pub(crate) host: String,
    /// What was backed up, as it was given.
    pub(crate) paths: Vec<Vec<u8>>,
    /// Ascending, each once.
    pub(crate) tags: Vec<String>,
    /// Of the app that embeds the engine.
    pub(crate) metadata: BTreeMap<String, Vec<u8>>,
    pub(crate) user: String,
    /// Name and version of the program that made it.
    pub(crate) program: String,
    pub(crate) description: Option<String>,
}

/// Most parents of one snapshot.
pub(crate) const MAX_PARENTS: usize = 16;
/// Longest body before it is sealed.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// Most paths.
pub(crate) const MAX_PATHS: usize = 4096;
/// Most tags of a snapshot.
pub(crate) const MAX_TAGS: usize = 256;
/// Longest tag.
pub(crate) const MAX_TAG: usize = 256;
/// Most names and values of app metadata, in bytes together.
pub(crate) const MAX_METADATA: usize = 64 * 1024;
/// Longest host, user and program.
pub(crate) const MAX_NAME: usize = 1024;
/// Longest description.
pub(crate) const MAX_DESCRIPTION: usize = 16 * 1024;

const BODY_INFO: &[u8] = b"strongroom format 1 snapshot body";

impl SnapshotEnvelope {
    /// Binds a body to its snapshot, so that nobody can hang it on another one, not even a device that may sign
    /// snapshots but not read bodies.
    fn body_aad(&self, repository: &RepositoryId) -> Vec<u8> {
        let parts: [&[u8]; 7] = [
            repository.as_bytes(),
            self.lineage.as_bytes(),
            self.root.as_bytes(),
            &self.time.seconds.to_le_bytes(),
            &self.time.nanos.to_le_bytes(),
            self.device.as_bytes(),
            self.session.as_bytes(),
        ];
        parts.concat()
    }

    /// Seals `body` to readers and puts it in. Comes last: the body is bound to the other fields.
    pub(crate) fn seal_body(
        &mut self,
        body: &SnapshotBody,
        repository: &RepositoryId,
        readers: &kem::PublicKey,
    ) -> Result<()> {
        self.sealed_body = readers.seal(BODY_INFO, &self.body_aad(repository), &body.encode()?)?;
        Ok(())
    }

    /// Opens the body with the private key of the envelope's epoch.
    pub(crate) fn open_body(&self, repository: &RepositoryId, reader: &kem::PrivateKey) -> Result<SnapshotBody> {
        let plain = reader.open(BODY_INFO, &self.body_aad(repository), &self.sealed_body, SnapshotBody::READ)?;
        SnapshotBody::decode(&plain)
    }
}

impl Envelope for SnapshotEnvelope {
    const KIND: Kind = Kind::Snapshot;
    const READ: &'static str = "read a snapshot";
    const WRITE: &'static str = "write a snapshot";
    const CONTEXT: &'static str = "strongroom format 1 snapshot";
    /// A body and some room for the rest.
    const MAX_OBJECT: u64 = (MAX_BODY + 64 * 1024) as u64;

    fn device(&self) -> Option<&DeviceId> {
        Some(&self.device)
    }

    fn put(&self, map: MapWriter) -> MapWriter {
        map.bytes(2, self.root.as_bytes())
            .time(3, self.time)
            .bytes(4, self.lineage.as_bytes())
            .bytes(5, self.device.as_bytes())
            .bytes(6, self.session.as_bytes())
            .put(7, self.counts.to_value())
            .list(8, self.parents.iter().map(|parent| Value::Bytes(parent.as_bytes().to_vec())))
            .put(9, self.outcome as u8)
            .bytes(10, &self.sealed_body)
    }

    fn take(map: &mut MapReader) -> Result<Self> {
        Ok(SnapshotEnvelope {
            root: BlobId::from_bytes(map.array(2)?),
            time: map.time(3)?,
            lineage: LineageId::from_bytes(map.array(4)?),
            device: DeviceId::from_bytes(map.array(5)?),
            session: SessionId::from_bytes(map.array(6)?),
            counts: SnapshotCounts::take(map.map(7)?)?,
            parents: map.list_of(8, MAX_PARENTS, |value| SnapshotId::from_slice(value.as_bytes()?))?,
            outcome: match map.u32(9)? {
                1 => SnapshotOutcome::Complete,
                2 => SnapshotOutcome::Partial,
                other => return Err(unsupported(Self::READ, format!("outcome {other} is not known to this build"))),
            },
            sealed_body: map.bytes(10)?,
        })
    }
}

impl SnapshotBody {
    const READ: &'static str = "read a snapshot's description";

    /// What is wrong with it, if anything: the same bounds for what is written and what is read.
    fn check(&self) -> Result<(), &'static str> {
        // They come back from storage and are shown in terminals.
        let fault = |name: &String| name.len() > MAX_NAME || name.contains(char::is_control);
        if [&self.host, &self.user, &self.program].into_iter().any(fault) {
            return Err("a host, user or program name is longer than 1024 bytes or holds control characters");
        }
        if self.paths.len() > MAX_PATHS {
            return Err("it has more than 4096 paths");
        }
        check_tags(&self.tags)?;
        check_description(self.description.as_deref())?;
        let metadata: usize = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if metadata > MAX_METADATA {
            return Err("its app metadata is longer than 64 KiB");
        }
        if self.metadata.keys().any(String::is_empty) {
            return Err("a name in its app metadata is empty");
        }
        Ok(())
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let refused = |why| invalid(SnapshotEnvelope::WRITE, why);
        self.check().map_err(refused)?;
        let pair = |(name, value): (&String, &Vec<u8>)| {
            Value::Array(vec![Value::from(name.as_str()), Value::Bytes(value.clone())])
        };
        let bytes = MapWriter::new()
            .put(0, 1)
            .put(1, self.host.as_str())
            .list(2, self.paths.iter().map(|path| Value::Bytes(path.clone())))
            .list(3, self.tags.iter().map(|tag| Value::from(tag.as_str())))
            .list(4, self.metadata.iter().map(pair))
            .put(5, self.user.as_str())
            .put(6, self.program.as_str())
            .optional(7, self.description.as_deref())
            .encode()?;
        if bytes.len() > MAX_BODY {
            return Err(refused("its paths, tags and metadata are longer than 1 MiB together"));
        }
        Ok(bytes)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let wrong = |why| corrupt(Self::READ, why);
        if bytes.len() > MAX_BODY {
            return Err(wrong("it is longer than 1 MiB"));
        }
        let mut map = MapReader::decode(bytes, Self::READ)?;
        map.version(1)?;
        let host = map.text(1)?;
        let paths = map.list_of(2, MAX_PATHS, |value| value.into_bytes().ok())?;
        let tags = map.list_of(3, MAX_TAGS, |value| value.into_text().ok())?;
        let pairs = map.list_of(4, MAX_METADATA, |value| {
            let [name, value]: [Value; 2] = value.into_array().ok()?.try_into().ok()?;
            Some((name.into_text().ok()?, value.into_bytes().ok()?))
        })?;
        if !pairs.is_sorted_by(|(before, _), (after, _)| before < after) {
            return Err(wrong("the names in its app metadata do not ascend"));
        }
        let body = SnapshotBody {
            host,
            paths,
            tags,
            metadata: pairs.into_iter().collect(),
            user: map.text(5)?,
            program: map.text(6)?,
            description: if map.has(7) { Some(map.text(7)?) } else { None },
        };
        map.finish()?;
        body.check().map_err(wrong)?;
        Ok(body)
    }
}

/// What is wrong with a list of tags, if anything.
pub(super) fn check_tags(tags: &[String]) -> Result<(), &'static str> {
    if tags.len() > MAX_TAGS {
        return Err("it has more than 256 tags");
    }
    if tags.iter().any(|tag| tag.is_empty() || tag.len() > MAX_TAG || tag.contains(char::is_control)) {
        return Err("a tag is empty, longer than 256 bytes, or holds control characters");
    }
    // One set of tags has one encoding.
    if tags.is_sorted_by(|before, after| before < after) { Ok(()) } else { Err("its tags do not ascend") }
}

/// What is wrong with a description, if anything.
pub(super) fn check_description(description: Option<&str>) -> Result<(), &'static str> {
    match description {
        Some(text) if text.len() > MAX_DESCRIPTION => Err("its description is longer than 16 KiB"),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::crypto::SecretKey;
    use crate::error::ErrorKind;
    use crate::format::sealed::seal;
    use crate::format::sealed::tests::{EPOCH, REPOSITORY, holds, key, opened, signer};
    use proptest::collection::{btree_map, btree_set, vec};
    use proptest::prelude::*;

    pub(crate) fn counts() -> impl Strategy<Value = SnapshotCounts> {
        any::<[u64; 8]>().prop_map(|[entries, files, directories, bytes, new_bytes, stored_bytes, problems, same]| {
            SnapshotCounts {
                entries,
                files,
                directories,
                bytes,
                new_bytes,
                stored_bytes,
                problems,
                unchanged_files: same,
            }
        })
    }

    fn bodies() -> impl Strategy<Value = SnapshotBody> {
        let tags = btree_set("[a-z0-9 äöü-]{1,20}", 0..10).prop_map(|tags| tags.into_iter().collect());
        let metadata = btree_map(".{1,30}", vec(any::<u8>(), 0..40), 0..10);
        let paths = vec(vec(any::<u8>(), 0..60), 0..10);
        ("\\PC{0,50}", paths, tags, metadata, "\\PC{0,30}", "\\PC{0,30}", proptest::option::of(".{0,200}")).prop_map(
            |(host, paths, tags, metadata, user, program, description)| SnapshotBody {
                host,
                paths,
                tags,
                metadata,
                user,
                program,
                description,
            },
        )
    }

    fn reader() -> kem::PrivateKey {
        kem::PrivateKey::from_seed(SecretKey::from_bytes([8; 32]))
    }

    fn envelope() -> SnapshotEnvelope {
        SnapshotEnvelope {
            root: BlobId::from_bytes([4; 32]),
            time: Timestamp::new(1_700_000_000, 6),
            lineage: LineageId::from_bytes([5; 16]),
            device: DeviceId::from_bytes([6; 16]),
            session: SessionId::from_bytes([7; 16]),
            counts: SnapshotCounts { entries: 3, ..SnapshotCounts::default() },
            parents: vec![SnapshotId::from_bytes([8; 32])],
            outcome: SnapshotOutcome::Complete,
            sealed_body: Vec::new(),
        }
    }

    fn with_body(body: &SnapshotBody) -> SnapshotEnvelope {
        let mut envelope = envelope();
        envelope.seal_body(body, &REPOSITORY, &reader().public_key().unwrap()).unwrap();
        envelope
    }

    #[test]
    fn damage_replay_and_forgery_are_refused() {
        holds(&SnapshotEnvelope { sealed_body: vec![9; 30], ..envelope() });
    }

    #[test]
    fn a_body_stays_with_its_snapshot() {
        let body = SnapshotBody { host: "host".into(), ..SnapshotBody::default() };
        let sealed = with_body(&body);
        assert_eq!(sealed.open_body(&REPOSITORY, &reader()).unwrap(), body);
        let changes: [fn(&mut SnapshotEnvelope); 5] = [
            |other| other.root = BlobId::from_bytes([9; 32]),
            |other| other.time.nanos += 1,
            |other| other.lineage = LineageId::from_bytes([9; 16]),
            |other| other.device = DeviceId::from_bytes([9; 16]),
            |other| other.session = SessionId::from_bytes([9; 16]),
        ];
        for change in changes {
            let mut other = sealed.clone();
            change(&mut other);
            assert_eq!(other.open_body(&REPOSITORY, &reader()).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        let elsewhere = RepositoryId::from_bytes([9; 16]);
        assert_eq!(sealed.open_body(&elsewhere, &reader()).unwrap_err().kind(), ErrorKind::Corrupt);
        let stranger = kem::PrivateKey::from_seed(SecretKey::from_bytes([9; 32]));
        assert_eq!(sealed.open_body(&REPOSITORY, &stranger).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn more_than_the_bounds_is_neither_written_nor_read() {
        let changes: [fn(&mut SnapshotBody); 12] = [
            |body| body.host = "a\u{1b}]0;b".into(),
            |body| body.host = "h".repeat(MAX_NAME + 1),
            |body| body.user = "u".repeat(MAX_NAME + 1),
            |body| body.program = "p".repeat(MAX_NAME + 1),
            |body| body.paths = vec![Vec::new(); MAX_PATHS + 1],
            |body| body.paths = vec![vec![0; 1000]; 1100],
            |body| body.tags = (0..=MAX_TAGS).map(|number| format!("{number:04}")).collect(),
            |body| body.tags = vec!["t".repeat(MAX_TAG + 1)],
            |body| body.tags = vec!["b".into(), "a".into()],
            |body| body.tags = vec!["a\u{1b}[2J".into()],
            |body| drop(body.metadata.insert("name".into(), vec![0; MAX_METADATA])),
            |body| body.description = Some("d".repeat(MAX_DESCRIPTION + 1)),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut body = SnapshotBody::default();
            change(&mut body);
            assert_eq!(body.encode().unwrap_err().kind(), ErrorKind::InvalidArgument, "change {number}");
        }
        let plain = |pairs: [Value; 2]| {
            let map = MapWriter::new().put(0, 1).put(1, "").list(2, []).list(3, []).list(4, pairs).put(5, "");
            SnapshotBody::decode(&map.put(6, "").encode().unwrap())
        };
        let pair = |name: &str| Value::Array(vec![Value::from(name), Value::Bytes(vec![1])]);
        assert_eq!(plain([pair("a"), pair("b")]).unwrap().metadata.len(), 2);
        assert_eq!(plain([pair("b"), pair("a")]).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(plain([pair("a"), pair("a")]).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(plain([pair("a"), Value::from("b")]).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(plain([pair(""), pair("a")]).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(SnapshotBody::decode(&vec![0; MAX_BODY + 1]).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_body_of_a_later_version_is_unsupported() {
        for fields in [MapWriter::new().put(0, 2), MapWriter::new().put(0, 1).put(8, 1)] {
            let map = fields.put(1, "").list(2, []).list(3, []).list(4, []).put(5, "").put(6, "");
            let error = SnapshotBody::decode(&map.encode().unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }

    #[test]
    fn the_largest_body_fits_into_an_object() {
        let paths = vec![vec![0; 1000]; 1040];
        let envelope = SnapshotEnvelope {
            parents: vec![SnapshotId::default(); MAX_PARENTS],
            ..with_body(&SnapshotBody { paths, ..SnapshotBody::default() })
        };
        assert!(envelope.sealed_body.len() > MAX_BODY - 10_000);
        let bytes = seal(&envelope, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap();
        assert_eq!(opened::<SnapshotEnvelope>(&bytes).unwrap(), envelope);
        let crowded = SnapshotEnvelope { parents: vec![SnapshotId::default(); MAX_PARENTS + 1], ..envelope };
        let bytes = seal(&crowded, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap();
        assert_eq!(opened::<SnapshotEnvelope>(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn there_and_back(body in bodies(), counts in counts(), parents: Vec<[u8; 32]>, partial: bool, seconds: i64) {
            let mut envelope = SnapshotEnvelope {
                counts,
                parents: parents.into_iter().take(MAX_PARENTS).map(SnapshotId::from_bytes).collect(),
                outcome: if partial { SnapshotOutcome::Partial } else { SnapshotOutcome::Complete },
                time: Timestamp::new(seconds, 999_999_999),
                ..envelope()
            };
            envelope.seal_body(&body, &REPOSITORY, &reader().public_key().unwrap()).unwrap();
            let bytes = seal(&envelope, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap();
            let again = opened::<SnapshotEnvelope>(&bytes).unwrap();
            prop_assert_eq!(again.open_body(&REPOSITORY, &reader()).unwrap(), body);
            prop_assert_eq!(again, envelope);
        }
    }
}
