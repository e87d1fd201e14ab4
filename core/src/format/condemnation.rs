//! Condemnations: the packs that pruning is about to remove, and how far it has come. Named
//! `condemned/<session>-<sequence>.<stage>` after the session that prunes, with the sequence in eight hexadecimal
//! digits and the stage in one.
//!
//! Each stage is an object of its own, because nothing is ever overwritten, and each can be written once, because its
//! name can be taken once: whoever comes second goes by what is there.

use super::cbor::{MapReader, MapWriter};
use super::entry::Timestamp;
use super::object::Kind;
use super::sealed::Envelope;
use crate::error::{Result, corrupt, unsupported};
use crate::id::{DeviceId, PackId, SessionId};

/// How far a condemnation has come. The number is part of the format, and of the object's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Names the packs. Sessions that begin from now on do without them.
    Listed = 1,
    /// Names the sessions that were at work when the list could already be seen, and so may not know of it.
    Armed = 2,
    /// Names those among them that are taken for dead: they must look again before they commit.
    Fenced = 3,
    /// Names the packs that nothing refers to. They are gone from here on, whatever happens.
    Doomed = 4,
}

impl Stage {
    pub(crate) const ALL: [Stage; 4] = [Stage::Listed, Stage::Armed, Stage::Fenced, Stage::Doomed];
}

/// One stage of a condemnation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condemnation {
    /// The session that prunes.
    pub(crate) session: SessionId,
    pub(crate) sequence: u32,
    pub(crate) stage: Stage,
    /// Ascending; only in stages that name packs.
    pub(crate) packs: Vec<PackId>,
    /// Ascending; only in stages that name sessions.
    pub(crate) sessions: Vec<SessionId>,
    /// The writer's own clock; for people to look at only.
    pub(crate) time: Timestamp,
}

/// Most packs one condemnation names.
pub(crate) const MAX_PACKS: usize = 65_536;
/// Most sessions one condemnation names.
pub(crate) const MAX_SESSIONS: usize = 65_536;

impl Envelope for Condemnation {
    const KIND: Kind = Kind::Condemnation;
    const READ: &'static str = "read a condemnation";
    const WRITE: &'static str = "condemn packs";
    const CONTEXT: &'static str = "strongroom format 1 condemnation";
    const MAX_OBJECT: u64 = 4 * 1024 * 1024;

    /// Maintainers, who write these, have no key to sign with.
    fn device(&self) -> Option<&DeviceId> {
        None
    }

    fn put(&self, map: MapWriter) -> MapWriter {
        let packs: Vec<u8> = self.packs.iter().flat_map(|id| *id.as_bytes()).collect();
        let sessions: Vec<u8> = self.sessions.iter().flat_map(|id| *id.as_bytes()).collect();
        map.bytes(2, self.session.as_bytes())
            .put(3, self.sequence)
            .put(4, self.stage as u8)
            .bytes(5, &packs)
            .bytes(6, &sessions)
            .time(7, self.time)
    }

    fn take(map: &mut MapReader) -> Result<Self> {
        let condemnation = Condemnation {
            session: SessionId::from_bytes(map.array(2)?),
            sequence: map.u32(3)?,
            stage: stage(map.u32(4)?)?,
            packs: ids(&map.bytes(5)?, MAX_PACKS, PackId::from_bytes)?,
            sessions: ids(&map.bytes(6)?, MAX_SESSIONS, SessionId::from_bytes)?,
            time: map.time(7)?,
        };
        let names_packs = matches!(condemnation.stage, Stage::Listed | Stage::Doomed);
        let unnamed = if names_packs { condemnation.sessions.is_empty() } else { condemnation.packs.is_empty() };
        if !unnamed {
            return Err(corrupt(Self::READ, "it names what its stage does not"));
        }
        Ok(condemnation)
    }
}

fn stage(number: u32) -> Result<Stage> {
    let unknown = || unsupported(Condemnation::READ, format!("stage {number} is not known to this build"));
    Stage::ALL.into_iter().find(|stage| u32::from(*stage as u8) == number).ok_or_else(unknown)
}

/// Ascending ids of one width, one after the other.
fn ids<T: Ord, const N: usize>(bytes: &[u8], most: usize, id: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() || chunks.len() > most {
        return Err(corrupt(Condemnation::READ, "a list of ids is of an impossible length"));
    }
    let ids: Vec<T> = chunks.iter().map(|bytes| id(*bytes)).collect();
    if !ids.is_sorted_by(|one, next| one < next) {
        return Err(corrupt(Condemnation::READ, "a list of ids does not ascend"));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::format::sealed::tests::{EPOCH, REPOSITORY, key, opened, resealed};
    use crate::format::sealed::{open, seal};
    use crate::id::RepositoryId;
    use proptest::prelude::*;

    fn listed() -> Condemnation {
        Condemnation {
            session: SessionId::from_bytes([4; 16]),
            sequence: 7,
            stage: Stage::Listed,
            packs: vec![PackId::from_bytes([1; 32]), PackId::from_bytes([2; 32])],
            sessions: Vec::new(),
            time: Timestamp::new(1_700_000_000, 5),
        }
    }

    #[test]
    fn damage_and_replay_are_refused() {
        let mut bytes = seal(&listed(), &REPOSITORY, EPOCH, &key(), None).unwrap();
        let other = RepositoryId::from_bytes([99; 16]);
        assert_eq!(open::<Condemnation>(&bytes, &other, &key()).unwrap_err().kind(), ErrorKind::Corrupt);
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert!(open::<Condemnation>(&bytes, &REPOSITORY, &key()).is_err(), "a flipped bit in byte {at}");
            bytes[at] ^= 1;
        }
        assert_eq!(opened::<Condemnation>(&bytes).unwrap(), listed());
    }

    #[test]
    fn unknown_stages_lists_that_do_not_ascend_and_lists_of_the_wrong_thing_are_refused() {
        let fields =
            |condemnation: &Condemnation| condemnation.put(MapWriter::new().put(0, 1).bytes(1, REPOSITORY.as_bytes()));
        let later = resealed::<Condemnation>(fields(&listed()).put(4, 9)).unwrap_err();
        assert_eq!(later.kind(), ErrorKind::Unsupported);
        let reversed = Condemnation { packs: listed().packs.into_iter().rev().collect(), ..listed() };
        let twice = Condemnation { packs: vec![PackId::from_bytes([1; 32]); 2], ..listed() };
        let wrong = Condemnation { stage: Stage::Armed, ..listed() };
        let odd = fields(&listed()).bytes(5, &[0; 33]);
        for map in [fields(&reversed), fields(&twice), fields(&wrong), odd] {
            assert_eq!(resealed::<Condemnation>(map).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    proptest! {
        #[test]
        fn there_and_back(
            session: [u8; 16], sequence: u32, stage in 0usize..4,
            packs in prop::collection::btree_set(any::<[u8; 32]>(), 0..20),
            sessions in prop::collection::btree_set(any::<[u8; 16]>(), 0..20),
            seconds: i64, nanos in 0u32..1_000_000_000,
        ) {
            let stage = Stage::ALL[stage];
            let names_packs = matches!(stage, Stage::Listed | Stage::Doomed);
            let condemnation = Condemnation {
                session: SessionId::from_bytes(session),
                sequence,
                stage,
                packs: packs.into_iter().filter(|_| names_packs).map(PackId::from_bytes).collect(),
                sessions: sessions.into_iter().filter(|_| !names_packs).map(SessionId::from_bytes).collect(),
                time: Timestamp::new(seconds, nanos),
            };
            let bytes = seal(&condemnation, &REPOSITORY, EPOCH, &key(), None).unwrap();
            prop_assert_eq!(opened::<Condemnation>(&bytes).unwrap(), condemnation);
        }
    }
}
