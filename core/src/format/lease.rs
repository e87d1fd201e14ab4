//! Leases: a session says that it is at work, so that pruning waits for it. Named `sessions/<session>-<sequence>`
//! with the sequence in eight hexadecimal digits; a session renews its lease by writing the next one.
//!
//! Leases are signed, because one that says falsely that a backup has ended would let pruning delete what the backup
//! is about to refer to. Only sessions that prune may do without: maintainers have no key to sign with, and nothing
//! that has to be kept waits for the end of theirs.

use super::cbor::{MapReader, MapWriter};
use super::entry::Timestamp;
use super::object::Kind;
use super::sealed::Envelope;
use crate::error::{Error, ErrorKind, Result, corrupt, unsupported};
use crate::id::{DeviceId, SessionId};
use ciborium::Value;

/// What a session is for. The number is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum LeasePurpose {
    /// Writes blobs and then a snapshot.
    Backup = 1,
    /// Condemns or deletes packs.
    Prune = 2,
    /// Writes what it reads from another repository.
    Copy = 3,
}

impl LeasePurpose {
    /// The stable name, in snake case.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            LeasePurpose::Backup => "backup",
            LeasePurpose::Prune => "prune",
            LeasePurpose::Copy => "copy",
        }
    }
}

/// Whether a session goes on. The number is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum LeaseState {
    Active = 1,
    /// The session has committed or given up; nothing it wrote waits for it any more.
    Ended = 2,
}

/// One lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) session: SessionId,
    pub(crate) sequence: u32,
    /// Who signs; none for a maintainer.
    pub(crate) device: Option<DeviceId>,
    pub(crate) purpose: LeasePurpose,
    /// Seconds from the time storage received this object during which it holds.
    pub(crate) duration: u32,
    pub(crate) state: LeaseState,
    /// The device's own clock; for people to look at only.
    pub(crate) time: Timestamp,
}

/// Longest duration of one lease, in seconds: a week. A writer that vanishes holds up pruning no longer than this.
pub(crate) const MAX_DURATION: u32 = 7 * 24 * 60 * 60;

impl Envelope for Lease {
    const KIND: Kind = Kind::Lease;
    const READ: &'static str = "read a lease";
    const WRITE: &'static str = "write a lease";
    const CONTEXT: &'static str = "strongroom format 1 lease";
    const MAX_OBJECT: u64 = 4 * 1024;

    fn device(&self) -> Option<&DeviceId> {
        self.device.as_ref()
    }

    fn put(&self, map: MapWriter) -> MapWriter {
        map.bytes(2, self.session.as_bytes())
            .put(3, self.sequence)
            .optional(4, self.device.as_ref().map(|device| Value::Bytes(device.as_bytes().to_vec())))
            .put(5, self.purpose as u8)
            .put(6, self.duration)
            .put(7, self.state as u8)
            .time(8, self.time)
    }

    fn take(map: &mut MapReader) -> Result<Self> {
        let lease = Lease {
            session: SessionId::from_bytes(map.array(2)?),
            sequence: map.u32(3)?,
            device: if map.has(4) { Some(DeviceId::from_bytes(map.array(4)?)) } else { None },
            purpose: match map.u32(5)? {
                1 => LeasePurpose::Backup,
                2 => LeasePurpose::Prune,
                3 => LeasePurpose::Copy,
                other => return Err(unsupported(Self::READ, format!("purpose {other} is not known to this build"))),
            },
            duration: map.u32(6)?,
            state: match map.u32(7)? {
                1 => LeaseState::Active,
                2 => LeaseState::Ended,
                other => return Err(unsupported(Self::READ, format!("state {other} is not known to this build"))),
            },
            time: map.time(8)?,
        };
        if lease.duration > MAX_DURATION {
            return Err(corrupt(Self::READ, "it would hold for more than a week"));
        }
        if lease.device.is_none() && lease.purpose != LeasePurpose::Prune {
            return Err(
                Error::new(ErrorKind::Untrusted, Self::READ).detail("it names no device, and is not for pruning")
            );
        }
        Ok(lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::sealed::tests::{EPOCH, REPOSITORY, holds, key, opened, resealed, signer};
    use crate::format::sealed::{open, seal};
    use proptest::prelude::*;

    fn lease() -> Lease {
        Lease {
            session: SessionId::from_bytes([4; 16]),
            sequence: 7,
            device: Some(DeviceId::from_bytes([5; 16])),
            purpose: LeasePurpose::Backup,
            duration: 900,
            state: LeaseState::Active,
            time: Timestamp::new(1_700_000_000, 5),
        }
    }

    #[test]
    fn damage_replay_and_forgery_are_refused() {
        holds(&lease());
    }

    #[test]
    fn durations_beyond_a_week_and_unknown_purposes_are_refused() {
        let long = Lease { duration: MAX_DURATION + 1, ..lease() };
        let bytes = seal(&long, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap();
        assert_eq!(open::<Lease>(&bytes, &REPOSITORY, &key()).unwrap_err().kind(), ErrorKind::Corrupt);
        for field in [5, 7] {
            let fields = lease().put(MapWriter::new()).put(field, 9).encode().unwrap();
            let mut map = MapReader::decode(&fields, "read").unwrap();
            assert_eq!(Lease::take(&mut map).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }

    #[test]
    fn only_leases_for_pruning_do_without_a_device() {
        let unsigned = |purpose| {
            let lease = Lease { device: None, purpose, ..lease() };
            (opened::<Lease>(&seal(&lease, &REPOSITORY, EPOCH, &key(), None).unwrap()), lease)
        };
        let (opened, lease) = unsigned(LeasePurpose::Prune);
        assert_eq!(opened.unwrap(), lease);
        for purpose in [LeasePurpose::Backup, LeasePurpose::Copy] {
            assert_eq!(unsigned(purpose).0.unwrap_err().kind(), ErrorKind::Untrusted);
        }
        let fields = || lease.put(MapWriter::new().put(0, 1).bytes(1, REPOSITORY.as_bytes()));
        assert_eq!(resealed::<Lease>(fields()).unwrap(), lease);
        let anonymous = resealed::<Lease>(fields().bytes(15, &[0; 64]));
        assert_eq!(anonymous.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(seal(&lease, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap_err().kind(), ErrorKind::Internal);
    }

    proptest! {
        #[test]
        fn there_and_back(
            session: [u8; 16], sequence: u32, device: [u8; 16], duration in 0..=MAX_DURATION,
            ended: bool, purpose in 0usize..3, seconds: i64, nanos in 0u32..1_000_000_000,
        ) {
            let lease = Lease {
                session: SessionId::from_bytes(session),
                sequence,
                device: Some(DeviceId::from_bytes(device)),
                purpose: [LeasePurpose::Backup, LeasePurpose::Prune, LeasePurpose::Copy][purpose],
                duration,
                state: if ended { LeaseState::Ended } else { LeaseState::Active },
                time: Timestamp::new(seconds, nanos),
            };
            let bytes = seal(&lease, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap();
            prop_assert_eq!(opened::<Lease>(&bytes).unwrap(), lease);
        }
    }
}
