//! Device keys, the requests by which devices ask to be added, and the object that lists them.

use super::cbor::{MapReader, MapWriter};
use super::label;
use super::object::{Kind, header, strip};
use super::secret::{SecretReader, SecretWriter};
use super::signed;
use crate::crypto::kem::{self, PrivateKey, PublicKey};
use crate::crypto::sign::{self, SigningKey, VerifyingKey};
use crate::crypto::{SecretKey, hash};
use crate::error::{Result, corrupt, internal, invalid, unsupported};
use crate::format::bundle::{FIRST_EPOCH, Role};
use crate::id::{DeviceId, RepositoryId};
use ciborium::Value;
use std::fmt;
use zeroize::Zeroizing;

const VERSION: u32 = 1;
const REQUEST_CONTEXT: &str = "strongroom format 1 device request";
const LIST_CONTEXT: &str = "strongroom format 1 device list";
/// Longest bytes that are read as a request.
const MAX_REQUEST: usize = 4096;

/// Longest object that is read as a device list.
pub(crate) const MAX_LIST_LENGTH: u64 = 8 * 1024 * 1024;
/// Most devices in a list, revoked ones included.
pub(crate) const MAX_DEVICES: usize = 4096;

/// The id of the device with these public keys; devices that only sign have no second one.
pub(crate) fn device_id(verifying: &VerifyingKey, kem: Option<&[u8; kem::PUBLIC_KEY]>) -> DeviceId {
    let kem: &[u8] = kem.map_or(&[], |kem| kem);
    let hash = hash::derive("strongroom format 1 device id", &[&verifying.to_bytes(), kem]);
    let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *hash.expose();
    DeviceId::from_bytes(id)
}

/// The secret keys of a device: one that signs (Ed25519) and one that bundles are sealed to (X-Wing).
///
/// A device makes its key once, keeps it where its platform keeps secrets, and sends the owner a
/// [`request`](Self::request) to be added. Never part of `Debug`, and wiped from memory when dropped.
///
/// ```
/// use strongroom::{DeviceKey, DeviceRequest};
/// let key = DeviceKey::generate()?;
/// let request = key.request("Kim's phone")?;
/// assert_eq!(DeviceRequest::from_bytes(&request.to_bytes())?.id(), key.id());
/// assert_eq!(DeviceKey::from_bytes(&key.to_bytes())?.id(), key.id());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone)]
pub struct DeviceKey {
    signing: SigningKey,
    kem: PrivateKey,
    kem_public: Box<[u8; kem::PUBLIC_KEY]>,
    id: DeviceId,
}

impl DeviceKey {
    pub(crate) fn from_seeds(signing: SecretKey, kem: SecretKey) -> Result<Self> {
        let (signing, kem) = (SigningKey::from_seed(signing), PrivateKey::from_seed(kem));
        let kem_public: Box<[u8; kem::PUBLIC_KEY]> = kem
            .public_key()?
            .to_bytes()
            .try_into()
            .map_err(|_| internal("make a device key", "an X-Wing public key has an unexpected length"))?;
        let id = device_id(&signing.verifying_key(), Some(&kem_public));
        Ok(DeviceKey { signing, kem, kem_public, id })
    }

    /// The id the device is listed under.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// The secret keys as bytes, to be kept where the platform keeps secrets.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = SecretWriter::new();
        writer
            .raw(&header(Kind::DeviceKey))
            .map(3)
            .uint(0, VERSION)
            .bytes(1, self.signing.seed().expose())
            .bytes(2, self.kem.seed().expose());
        writer.finish()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it is not a device key,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when a later version wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let operation = "read a device key";
        let mut reader = SecretReader::new(strip(bytes, Kind::DeviceKey, operation)?, operation);
        let key = reader.map(|map| {
            map.version(VERSION)?;
            DeviceKey::from_seeds(SecretKey::from_bytes(map.array(1)?), SecretKey::from_bytes(map.array(2)?))
        })?;
        reader.finish()?;
        Ok(key)
    }

    /// What the owner needs to add this device: its public keys and a name for people, signed by it.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when the name is longer than 128 bytes or has control
    /// characters.
    pub fn request(&self, name: &str) -> Result<DeviceRequest> {
        let operation = "request to be added";
        if let Some(fault) = label::fault(name) {
            return Err(invalid(operation, fault));
        }
        let verifying = self.signing.verifying_key();
        let map = MapWriter::new()
            .put(0, VERSION)
            .put(1, name)
            .bytes(2, &verifying.to_bytes())
            .bytes(3, self.kem_public.as_slice());
        let encoded = signed::sign(Kind::DeviceRequest, map, &self.signing, REQUEST_CONTEXT)?;
        Ok(DeviceRequest { name: name.to_owned(), verifying, kem: self.kem_public.clone(), id: self.id, encoded })
    }

    pub(crate) fn signing(&self) -> &SigningKey {
        &self.signing
    }

    pub(crate) fn kem(&self) -> &PrivateKey {
        &self.kem
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({}, ..)", self.id.short())
    }
}

/// The public half of a device, as it asks an owner to be added. Holds no secret.
///
/// The signature in it shows that the sender holds the device's key, not who the sender is: an owner should compare
/// the [`id`](Self::id) with what the device itself shows.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    pub(crate) name: String,
    pub(crate) verifying: VerifyingKey,
    pub(crate) kem: Box<[u8; kem::PUBLIC_KEY]>,
    id: DeviceId,
    encoded: Vec<u8>,
}

impl DeviceRequest {
    /// The name the device gives itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The device's id, derived from its public keys.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// The request as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encoded.clone()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote and checks its signature.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it is not a request, [`Untrusted`](crate::ErrorKind::Untrusted)
    /// when the signature does not fit, [`Unsupported`](crate::ErrorKind::Unsupported) when a later version wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let operation = "read a device's request";
        if bytes.len() > MAX_REQUEST {
            return Err(corrupt(operation, "it is too long"));
        }
        let signed = signed::split(bytes, Kind::DeviceRequest, operation)?;
        let mut map = MapReader::decode(signed.map(), operation)?;
        map.version(VERSION)?;
        let verifying = verifying_key(&map.array(2)?, operation)?;
        verifying.verify(REQUEST_CONTEXT, signed.message(), &signed.signature, operation)?;
        let name = map.text(1)?;
        let kem = Box::new(map.array(3)?);
        map.finish()?;
        if let Some(fault) = label::fault(&name) {
            return Err(corrupt(operation, fault));
        }
        PublicKey::from_bytes(kem.as_slice()).map_err(|_| corrupt(operation, "its X-Wing key is not valid"))?;
        let id = device_id(&verifying, Some(&kem));
        Ok(DeviceRequest { name, verifying, kem, id, encoded: bytes.to_vec() })
    }
}

impl fmt::Debug for DeviceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceRequest").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
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
    /// Unix seconds; what storage receives from then on is no longer accepted.
    pub(crate) revoked: Option<i64>,
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
            .optional(6, self.revoked)
            .optional(7, Some(1).filter(|_| self.in_bundle))
    }

    fn from_map(mut map: MapReader, operation: &'static str) -> Result<Self> {
        let device = Device {
            id: DeviceId::from_bytes(map.array(0)?),
            name: map.text(1)?,
            role: Role::from_code(map.u32(2)?, operation)?,
            verifying: verifying_key(&map.array(3)?, operation)?,
            kem: if map.has(4) { Some(Box::new(map.array(4)?)) } else { None },
            added: map.i64(5)?,
            revoked: if map.has(6) { Some(map.i64(6)?) } else { None },
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

fn verifying_key(bytes: &[u8; sign::PUBLIC_KEY], operation: &'static str) -> Result<VerifyingKey> {
    VerifyingKey::from_bytes(bytes).map_err(|_| corrupt(operation, "a device's Ed25519 key is not valid"))
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
    use crate::error::ErrorKind;
    use crate::format::object::HEADER;
    use proptest::prelude::*;

    fn device_key(seed: u8) -> DeviceKey {
        DeviceKey::from_seeds(SecretKey::from_bytes([seed; 32]), SecretKey::from_bytes([seed; 32])).unwrap()
    }

    fn owner() -> SigningKey {
        SigningKey::from_seed(SecretKey::from_bytes([99; 32]))
    }

    fn device(seed: u8, role: Role, name: &str, revoked: Option<i64>) -> Device {
        let key = device_key(seed);
        Device {
            id: key.id(),
            name: name.to_owned(),
            role,
            verifying: key.signing.verifying_key(),
            kem: Some(key.kem_public.clone()),
            added: 1_700_000_000,
            revoked,
            in_bundle: false,
        }
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
        fn keys_and_requests_come_back(signing: [u8; 32], kem: [u8; 32], name in "[^\\p{Cc}]{0,32}") {
            let key = DeviceKey::from_seeds(SecretKey::from_bytes(signing), SecretKey::from_bytes(kem)).unwrap();
            let again = DeviceKey::from_bytes(&key.to_bytes()).unwrap();
            prop_assert_eq!(again.to_bytes(), key.to_bytes());
            prop_assert_eq!(again.id(), key.id());
            let request = key.request(&name).unwrap();
            prop_assert_eq!(request.name(), name);
            prop_assert_eq!(DeviceRequest::from_bytes(&request.to_bytes()).unwrap(), request);
        }

        #[test]
        fn lists_come_back(
            seeds in prop::collection::btree_set(any::<u8>(), 0..4),
            role in prop::sample::select(Role::ALL.as_slice()),
            name in "[^\\p{Cc}]{0,32}",
            revoked: Option<i64>,
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
            for kind in [Kind::DeviceKey, Kind::DeviceRequest, Kind::DeviceList] {
                let object = [header(kind).as_slice(), &bytes].concat();
                prop_assert!(DeviceKey::from_bytes(&object).is_err());
                prop_assert!(DeviceRequest::from_bytes(&object).is_err());
                prop_assert!(read(&object).is_err());
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_list_or_request_is_refused() {
        let list = list(vec![signing_only(1), device(2, Role::Reader, "phone", Some(5))]).encode(&owner()).unwrap();
        let request = device_key(3).request("laptop").unwrap().to_bytes();
        for (case, bytes) in [list, request].into_iter().enumerate() {
            let kind = |bytes: &[u8]| match case {
                0 => read(bytes).unwrap_err().kind(),
                _ => DeviceRequest::from_bytes(bytes).unwrap_err().kind(),
            };
            for position in 0..bytes.len() {
                for bit in 0..8 {
                    let mut flipped = bytes.clone();
                    flipped[position] ^= 1 << bit;
                    let kind = kind(&flipped);
                    let expected: &[ErrorKind] = match position {
                        7 => &[ErrorKind::Unsupported],
                        0..=HEADER => &[ErrorKind::Corrupt, ErrorKind::Untrusted],
                        _ if position >= bytes.len() - 64 => &[ErrorKind::Untrusted],
                        _ if position >= bytes.len() - 67 => &[ErrorKind::Corrupt],
                        // A list is the owner's or it is not, whatever else is wrong.
                        _ if case == 0 => &[ErrorKind::Untrusted],
                        _ => &[ErrorKind::Untrusted, ErrorKind::Corrupt, ErrorKind::Unsupported],
                    };
                    assert!(expected.contains(&kind), "case {case} byte {position} bit {bit}: {kind:?}");
                }
            }
            for length in 0..bytes.len() {
                assert_eq!(kind(&bytes[..length]), ErrorKind::Corrupt);
            }
        }
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
                revoked: Some(i64::MAX),
                in_bundle: true,
            }
        });
        let list = List { epoch: u32::MAX, ..list(devices.collect()) };
        assert_eq!(read(&list.encode(&owner()).unwrap()).unwrap().devices.len(), MAX_DEVICES);
    }

    #[test]
    fn ids_tell_keys_apart_and_names_are_bounded() {
        let key = device_key(1);
        assert_ne!(key.id(), signing_only(1).id);
        assert_ne!(key.id(), device_key(2).id());
        assert_eq!(key.request("\u{1b}[1m").unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(key.request(&"x".repeat(129)).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(format!("{key:?}"), format!("DeviceKey({}, ..)", key.id().short()));
        for name in ["00000001-0011223344556677", "ffffffff-ffffffffffffffff"] {
            assert!(List::generation_of(name).is_some());
        }
        for name in ["1-0011223344556677", "00000001", "00000001-00112233", "0000000g-0011223344556677"] {
            assert!(List::generation_of(name).is_none());
        }
    }
}
