//! Checkpoints: the tree a session has built so far, so that an interrupted backup need not begin again. Named
//! `sessions/<session>.<sequence>` with the sequence in eight hexadecimal digits.

use super::cbor::{MapReader, MapWriter};
use super::entry::Timestamp;
use super::object::Kind;
use super::sealed::Envelope;
use super::snapshot::SnapshotCounts;
use crate::error::Result;
use crate::id::{BlobId, DeviceId, LineageId, SessionId};

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) session: SessionId,
    pub(crate) sequence: u32,
    pub(crate) device: DeviceId,
    pub(crate) lineage: LineageId,
    /// Root node of the tree built so far. It, and all it refers to, is stored and indexed.
    pub(crate) root: BlobId,
    /// The device's own clock; for people to look at only.
    pub(crate) time: Timestamp,
    pub(crate) counts: SnapshotCounts,
    /// Of a copy: a keyed hash of which snapshot is copied, since only a copy of the same one may go on from here.
    pub(crate) origin: Option<[u8; 16]>,
}

impl Envelope for Checkpoint {
    const KIND: Kind = Kind::Checkpoint;
    const READ: &'static str = "read a checkpoint";
    const WRITE: &'static str = "write a checkpoint";
    const CONTEXT: &'static str = "strongroom format 1 checkpoint";
    const MAX_OBJECT: u64 = 4 * 1024;

    fn device(&self) -> Option<&DeviceId> {
        Some(&self.device)
    }

    fn put(&self, map: MapWriter) -> MapWriter {
        map.bytes(2, self.session.as_bytes())
            .put(3, self.sequence)
            .bytes(4, self.device.as_bytes())
            .bytes(5, self.lineage.as_bytes())
            .bytes(6, self.root.as_bytes())
            .time(7, self.time)
            .put(8, self.counts.to_value())
            .optional(9, self.origin.map(|origin| origin.to_vec()))
    }

    fn take(map: &mut MapReader) -> Result<Self> {
        Ok(Checkpoint {
            session: SessionId::from_bytes(map.array(2)?),
            sequence: map.u32(3)?,
            device: DeviceId::from_bytes(map.array(4)?),
            lineage: LineageId::from_bytes(map.array(5)?),
            root: BlobId::from_bytes(map.array(6)?),
            time: map.time(7)?,
            counts: SnapshotCounts::take(map.map(8)?)?,
            origin: if map.has(9) { Some(map.array(9)?) } else { None },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::sealed::seal;
    use crate::format::sealed::tests::{EPOCH, REPOSITORY, holds, key, opened, signer};
    use crate::format::snapshot::tests::counts;
    use proptest::prelude::*;

    fn checkpoint(sequence: u32, counts: SnapshotCounts, origin: Option<[u8; 16]>) -> Checkpoint {
        Checkpoint {
            session: SessionId::from_bytes([4; 16]),
            sequence,
            device: DeviceId::from_bytes([5; 16]),
            lineage: LineageId::from_bytes([6; 16]),
            root: BlobId::from_bytes([7; 32]),
            time: Timestamp::new(1_700_000_000, 5),
            counts,
            origin,
        }
    }

    #[test]
    fn damage_replay_and_forgery_are_refused() {
        let counts = SnapshotCounts { entries: 3, ..SnapshotCounts::default() };
        holds(&checkpoint(1, counts, None));
        holds(&checkpoint(1, counts, Some([9; 16])));
    }

    proptest! {
        #[test]
        fn there_and_back(sequence: u32, counts in counts(), origin: Option<[u8; 16]>) {
            let checkpoint = checkpoint(sequence, counts, origin);
            let bytes = seal(&checkpoint, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap();
            prop_assert_eq!(opened::<Checkpoint>(&bytes).unwrap(), checkpoint);
        }
    }
}
