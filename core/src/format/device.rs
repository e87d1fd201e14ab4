//! Device keys, and the requests by which devices ask to be added.

use super::cbor::{MapReader, MapWriter};
use super::label;
use super::object::{Kind, header, strip};
use super::secret::{SecretReader, SecretWriter};
use super::signed;
use crate::crypto::kem::{self, PrivateKey, PublicKey};
use crate::crypto::sign::{self, SigningKey, VerifyingKey};
use crate::crypto::{SecretKey, hash};
use crate::error::{Result, corrupt, internal, invalid};
use crate::id::DeviceId;
use std::fmt;
use zeroize::Zeroizing;

const VERSION: u32 = 1;
const REQUEST_CONTEXT: &str = "strongroom format 1 device request";
/// Longest bytes that are read as a request.
const MAX_REQUEST: usize = 4096;

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

pub(super) fn verifying_key(bytes: &[u8; sign::PUBLIC_KEY], operation: &'static str) -> Result<VerifyingKey> {
    VerifyingKey::from_bytes(bytes).map_err(|_| corrupt(operation, "a device's Ed25519 key is not valid"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::format::object::HEADER;
    use proptest::prelude::*;

    pub(crate) fn device_key(seed: u8) -> DeviceKey {
        DeviceKey::from_seeds(SecretKey::from_bytes([seed; 32]), SecretKey::from_bytes([seed; 32])).unwrap()
    }

    /// Asserts that bytes that end with a signature are refused with any of their bits flipped, as `kinds` says of
    /// what lies between the header and the signature, and cut off anywhere.
    pub(crate) fn assert_every_change_is_refused(
        bytes: &[u8],
        kinds: &[ErrorKind],
        read: &dyn Fn(&[u8]) -> Option<ErrorKind>,
    ) {
        assert_eq!(read(bytes), None);
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.to_vec();
                flipped[position] ^= 1 << bit;
                let kind = read(&flipped).unwrap_or_else(|| panic!("byte {position} bit {bit} is accepted"));
                let expected: &[ErrorKind] = match position {
                    7 => &[ErrorKind::Unsupported],
                    0..=HEADER => &[ErrorKind::Corrupt, ErrorKind::Untrusted],
                    _ if position >= bytes.len() - 64 => &[ErrorKind::Untrusted],
                    _ if position >= bytes.len() - 67 => &[ErrorKind::Corrupt],
                    _ => kinds,
                };
                assert!(expected.contains(&kind), "byte {position} bit {bit}: {kind:?}");
            }
        }
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), Some(ErrorKind::Corrupt));
        }
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
        fn rubbish_never_panics(bytes: Vec<u8>) {
            for kind in [Kind::DeviceKey, Kind::DeviceRequest] {
                let object = [header(kind).as_slice(), &bytes].concat();
                prop_assert!(DeviceKey::from_bytes(&object).is_err());
                prop_assert!(DeviceRequest::from_bytes(&object).is_err());
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_request_is_refused() {
        let request = device_key(3).request("laptop").unwrap().to_bytes();
        let kinds = [ErrorKind::Untrusted, ErrorKind::Corrupt, ErrorKind::Unsupported];
        assert_every_change_is_refused(&request, &kinds, &|bytes| {
            DeviceRequest::from_bytes(bytes).err().map(|error| error.kind())
        });
    }

    #[test]
    fn ids_tell_keys_apart_and_names_are_bounded() {
        let key = device_key(1);
        assert_ne!(key.id(), device_id(&key.signing.verifying_key(), None));
        assert_ne!(key.id(), device_key(2).id());
        assert_eq!(key.request("\u{1b}[1m").unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(key.request(&"x".repeat(129)).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(format!("{key:?}"), format!("DeviceKey({}, ..)", key.id().short()));
    }
}
