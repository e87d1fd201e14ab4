//! The object that lists the devices of a repository.

use super::cbor::{MapReader, MapWriter};
use super::device::{device_id, verifying_key};
use super::label;
use super::object::Kind;
use super::signed;
use crate::crypto::hash;
use crate::crypto::kem;
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::error::{Result, corrupt, internal, unsupported};
use crate::format::bundle::{FIRST_EPOCH, Role};
use crate::format::entry::Timestamp;
use crate::id::{DeviceId, RepositoryId};
use ciborium::Value;

const VERSION: u32 = 1;
const LIST_CONTEXT: &str = "strongroom format 1 device list";

/// Longest object that is read as a device list.
pub(crate) const MAX_LIST_LENGTH: u64 = 8 * 1024 * 1024;
/// Most devices in a list, revoked ones included.
pub(crate) const MAX_DEVICES: usize = 4096;

/// Since when a device is no longer accepted: what storage receives later is refused. The earlier is the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Revoked {
    /// Since storage received the list that first said so.
    Since(Timestamp),
    /// Since storage received this very list, which nobody can know who has yet to write it.
    WithThisList,
}

/// One device of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) verifying: VerifyingKey,
    /// Missing for a key that only signs, for the holder of a passphrase or code.
    pub(crate) kem: Option<Box<[u8; kem::PUBLIC_KEY]>>,
    /// Unix seconds by the owner's clock.
    pub(crate) added: i64,
    pub(crate) revoked: Option<Revoked>,
    /// Whether its secret keys stand in a bundle: it is the holder of a passphrase, a code or an account key.
    pub(crate) in_bundle: bool,
}

impl Device {
    fn map(&self) -> MapWriter {
        MapWriter::new()
            .bytes(0, self.id.as_bytes())
            .put(1, self.name.as_str())
            .put(2, u32::from(self.role.code()))
            .bytes(3, &self.verifying.to_bytes())
            .optional(4, self.kem.as_ref().map(|kem| Value::Bytes(kem.to_vec())))
            .put(5, self.added)
            .optional(6, self.since().map(|since| Value::Array(vec![since.seconds.into(), since.nanos.into()])))
            .optional(7, Some(1).filter(|_| self.in_bundle))
            .optional(8, Some(1).filter(|_| self.revoked == Some(Revoked::WithThisList)))
    }

    fn since(&self) -> Option<Timestamp> {
        match self.revoked {
            Some(Revoked::Since(since)) => Some(since),
            Some(Revoked::WithThisList) | None => None,
        }
    }

    fn from_map(mut map: MapReader, operation: &'static str) -> Result<Self> {
        let device = Device {
            id: DeviceId::from_bytes(map.array(0)?),
            name: map.text(1)?,
            role: Role::from_code(map.u32(2)?, operation)?,
            verifying: verifying_key(&map.array(3)?, operation)?,
            kem: if map.has(4) { Some(Box::new(map.array(4)?)) } else { None },
            added: map.i64(5)?,
            revoked: {
                let since = map.has(6).then(|| map.time(6)).transpose()?;
                match (since, map.has(8).then(|| map.u32(8)).transpose()?) {
                    (None, None) => None,
                    (Some(since), None) => Some(Revoked::Since(since)),
                    (None, Some(1)) => Some(Revoked::WithThisList),
                    (Some(_), Some(1)) => return Err(corrupt(operation, "a device is revoked in two ways")),
                    (_, Some(other)) => {
                        return Err(unsupported(operation, format!("a revocation is of a kind {other}")));
                    }
                }
            },
            in_bundle: match map.has(7).then(|| map.u32(7)).transpose()? {
                None => false,
                Some(1) => true,
                Some(other) => return Err(unsupported(operation, format!("its devices are of a kind {other}"))),
            },
        };
        map.finish()?;
        if let Some(fault) = label::fault(&device.name) {
            return Err(corrupt(operation, fault));
        }
        if device.id != device_id(&device.verifying, device.kem.as_deref()) {
            return Err(corrupt(operation, "the id of a device is not that of its keys"));
        }
        Ok(device)
    }
}

/// The objects `devices/<generation>-<hash>`: every device there has been, in one generation of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) repository: RepositoryId,
    /// Grows with every change.
    pub(crate) generation: u32,
    /// The epoch under which everything is written from now on, at least 1.
    pub(crate) epoch: u32,
    /// Ascending by id.
    pub(crate) devices: Vec<Device>,
}

impl List {
    pub(crate) fn encode(&self, owner: &SigningKey) -> Result<Vec<u8>> {
        let operation = "encode the device list";
        if self.devices.len() > MAX_DEVICES || !ascend(&self.devices) {
            return Err(internal(operation, "the devices are too many, or do not ascend"));
        }
        let map = MapWriter::new()
            .put(0, VERSION)
            .bytes(1, self.repository.as_bytes())
            .put(2, self.generation)
            .list(3, self.devices.iter().map(|device| device.map().into_value()))
            .optional(4, Some(self.epoch).filter(|epoch| *epoch > FIRST_EPOCH));
        let bytes = signed::sign(Kind::DeviceList, map, owner, LIST_CONTEXT)?;
        if bytes.len() as u64 > MAX_LIST_LENGTH {
            return Err(internal(operation, "it is longer than it can be"));
        }
        Ok(bytes)
    }

    /// Signs a map that was encoded elsewhere, whatever it says.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn sign(map: &[u8], owner: &SigningKey) -> Result<Vec<u8>> {
        signed::sign_encoded(Kind::DeviceList, map, owner, LIST_CONTEXT)
    }

    /// Checks the owner's signature; the result can be [decoded](Self::decode). These are two steps because a list
    /// that is not the owner's can be ignored, and one that is must not be, whatever is wrong with it.
    pub(crate) fn verify(bytes: &[u8], owner: &VerifyingKey, operation: &'static str) -> Result<Verified> {
        let signed = signed::split(bytes, Kind::DeviceList, operation)?;
        owner.verify(LIST_CONTEXT, signed.message(), &signed.signature, operation)?;
        Ok(Verified(signed))
    }

    pub(crate) fn decode(verified: &Verified, operation: &'static str) -> Result<Self> {
        let mut map = MapReader::decode(verified.0.map(), operation)?;
        map.version(VERSION)?;
        let repository = RepositoryId::from_bytes(map.array(1)?);
        let generation = map.u32(2)?;
        let devices = map.list(3)?;
        let epoch = match map.has(4).then(|| map.u32(4)).transpose()? {
            None => FIRST_EPOCH,
            Some(later) if later > FIRST_EPOCH => later,
            Some(_) => return Err(corrupt(operation, "the first epoch is given by leaving it out")),
        };
        map.finish()?;
        if devices.len() > MAX_DEVICES {
            return Err(corrupt(operation, "it has more than 4096 devices"));
        }
        let devices: Vec<Device> = devices
            .into_iter()
            .map(|device| Device::from_map(MapReader::from_value(device, operation)?, operation))
            .collect::<Result<_>>()?;
        if !ascend(&devices) {
            return Err(corrupt(operation, "its devices do not ascend"));
        }
        Ok(List { repository, generation, epoch, devices })
    }

    /// The file name of a list: eight hexadecimal digits of its generation, so that the newest is found by name,
    /// and sixteen of its hash.
    pub(crate) fn file_name(generation: u32, bytes: &[u8]) -> String {
        let mut hash = crate::id::hex(&hash::name(bytes));
        hash.truncate(16);
        format!("{generation:08x}-{hash}")
    }

    /// The generation in a file name.
    pub(crate) fn generation_of(file_name: &str) -> Option<u32> {
        let (generation, hash) = file_name.split_once('-')?;
        crate::id::unhex::<8>(hash)?;
        crate::id::unhex::<4>(generation).map(u32::from_be_bytes)
    }
}

/// A list whose signature was found to be the owner's.
#[derive(Debug)]
pub(crate) struct Verified(signed::Signed);

fn ascend(devices: &[Device]) -> bool {
    devices.is_sorted_by(|left, right| left.id < right.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;
    use crate::error::ErrorKind;
    use crate::format::device::tests::{assert_every_change_is_refused, device_key};
    use crate::format::object::header;
    use proptest::prelude::*;

    fn owner() -> SigningKey {
        SigningKey::from_seed(SecretKey::from_bytes([99; 32]))
    }

    fn device(seed: u8, role: Role, name: &str, revoked: Option<Revoked>) -> Device {
        let key = device_key(seed);
        Device {
            id: key.id(),
            name: name.to_owned(),
            role,
            verifying: key.signing().verifying_key(),
            kem: Some(key.request(name).unwrap().kem),
            added: 1_700_000_000,
            revoked,
            in_bundle: false,
        }
    }

    fn since(seconds: i64) -> Option<Revoked> {
        Some(Revoked::Since(Timestamp::new(seconds, 5)))
    }

    fn signing_only(seed: u8) -> Device {
        let verifying = SigningKey::from_seed(SecretKey::from_bytes([seed; 32])).verifying_key();
        let id = device_id(&verifying, None);
        Device { id, verifying, kem: None, in_bundle: true, ..device(seed, Role::Writer, "", None) }
    }

    fn list(mut devices: Vec<Device>) -> List {
        devices.sort_by_key(|device| device.id);
        List { repository: RepositoryId::from_bytes([1; 16]), generation: 7, epoch: FIRST_EPOCH, devices }
    }

    fn read(bytes: &[u8]) -> Result<List> {
        List::decode(&List::verify(bytes, &owner().verifying_key(), "read")?, "read")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn lists_come_back(
            seeds in prop::collection::btree_set(any::<u8>(), 0..4),
            role in prop::sample::select(Role::ALL.as_slice()),
            name in "[^\\p{Cc}]{0,32}",
            revoked in prop_oneof![
                Just(None),
                Just(Some(Revoked::WithThisList)),
                any::<(i64, u32)>().prop_map(|(seconds, nanos)| {
                    Some(Revoked::Since(Timestamp::new(seconds, nanos % 1_000_000_000)))
                }),
            ],
            generation: u32,
            epoch in 1u32..,
        ) {
            let mut devices: Vec<Device> = seeds.iter().map(|seed| device(*seed, role, &name, revoked)).collect();
            devices.extend(seeds.iter().map(|seed| signing_only(*seed)));
            let list = List { generation, epoch, ..list(devices) };
            let bytes = list.encode(&owner()).unwrap();
            prop_assert_eq!(read(&bytes).unwrap(), list);
            prop_assert_eq!(List::generation_of(&List::file_name(generation, &bytes)), Some(generation));
        }

        #[test]
        fn rubbish_never_panics(bytes: Vec<u8>) {
            prop_assert!(read(&[header(Kind::DeviceList).as_slice(), &bytes].concat()).is_err());
        }
    }

    #[test]
    fn every_flipped_bit_of_a_list_is_refused() {
        let list = list(vec![signing_only(1), device(2, Role::Reader, "phone", since(5))]).encode(&owner()).unwrap();
        // A list is the owner's or it is not, whatever else is wrong.
        assert_every_change_is_refused(&list, &[ErrorKind::Untrusted], &|bytes| {
            read(bytes).err().map(|error| error.kind())
        });
    }

    #[test]
    fn lists_that_break_the_rules_are_refused_though_the_owner_signed_them() {
        let good = list(vec![signing_only(1), signing_only(2)]);
        let twice = List { devices: vec![signing_only(1), signing_only(1)], ..good.clone() };
        assert_eq!(twice.encode(&owner()).unwrap_err().kind(), ErrorKind::Internal);
        let sign = |version: u32, devices: &[Device]| {
            let devices = devices.iter().map(|device| device.map().into_value());
            let map = MapWriter::new().put(0, version).bytes(1, &[1; 16]).put(2, 7).list(3, devices);
            read(&signed::sign(Kind::DeviceList, map, &owner(), LIST_CONTEXT).unwrap())
        };
        assert_eq!(sign(1, &good.devices).unwrap(), good);
        assert_eq!(sign(2, &good.devices).unwrap_err().kind(), ErrorKind::Unsupported);
        for (epoch, found) in [(0, None), (1, None), (2, Some(2)), (u32::MAX, Some(u32::MAX))] {
            let map = MapWriter::new().put(0, 1).bytes(1, &[1; 16]).put(2, 7).list(3, []).put(4, epoch);
            let read = read(&signed::sign(Kind::DeviceList, map, &owner(), LIST_CONTEXT).unwrap());
            assert_eq!(read.as_ref().ok().map(|list| list.epoch), found);
            assert!(read.is_ok() || read.is_err_and(|error| error.kind() == ErrorKind::Corrupt));
        }
        let revoked = |change: &dyn Fn(MapWriter) -> MapWriter| {
            let devices = [change(signing_only(1).map()).into_value()];
            let map = MapWriter::new().put(0, 1).bytes(1, &[1; 16]).put(2, 7).list(3, devices);
            read(&signed::sign(Kind::DeviceList, map, &owner(), LIST_CONTEXT).unwrap())
        };
        let at = Timestamp::new(1, 2);
        assert_eq!(revoked(&|map| map.time(6, at)).unwrap().devices[0].revoked, Some(Revoked::Since(at)));
        assert_eq!(revoked(&|map| map.put(8, 1)).unwrap().devices[0].revoked, Some(Revoked::WithThisList));
        assert_eq!(revoked(&|map| map.time(6, at).put(8, 1)).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(revoked(&|map| map.put(6, 1)).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(revoked(&|map| map.put(8, 2)).unwrap_err().kind(), ErrorKind::Unsupported);
        let kind = |devices: &[Device]| sign(1, devices).unwrap_err().kind();
        assert_eq!(kind(&twice.devices), ErrorKind::Corrupt);
        assert_eq!(kind(&[Device { id: DeviceId::from_bytes([0; 16]), ..signing_only(1) }]), ErrorKind::Corrupt);
        assert_eq!(kind(&[Device { name: "\n".to_owned(), ..signing_only(1) }]), ErrorKind::Corrupt);
    }

    #[test]
    fn the_largest_list_fits() {
        let kem = Box::new([1; kem::PUBLIC_KEY]);
        let devices = (0..MAX_DEVICES).map(|number| {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
            let verifying = SigningKey::from_seed(SecretKey::from_bytes(seed)).verifying_key();
            let id = device_id(&verifying, Some(&kem));
            let name = "n".repeat(label::MAX_LENGTH);
            Device {
                id,
                verifying,
                name,
                kem: Some(kem.clone()),
                role: Role::Owner,
                added: i64::MAX,
                revoked: Some(Revoked::Since(Timestamp::new(i64::MAX, 999_999_999))),
                in_bundle: true,
            }
        });
        let list = List { epoch: u32::MAX, ..list(devices.collect()) };
        assert_eq!(read(&list.encode(&owner()).unwrap()).unwrap().devices.len(), MAX_DEVICES);
    }

    #[test]
    fn names_say_the_generation() {
        for name in ["00000001-0011223344556677", "ffffffff-ffffffffffffffff"] {
            assert!(List::generation_of(name).is_some());
        }
        for name in ["1-0011223344556677", "00000001", "00000001-00112233", "0000000g-0011223344556677"] {
            assert!(List::generation_of(name).is_none());
        }
    }
}
