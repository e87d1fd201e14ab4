//! Objects that are one sealed and signed CBOR map: snapshots, marks, leases and checkpoints.
//!
//! Bytes: the object header, the epoch (32 bits, little-endian), then the map sealed with the epoch's key for this
//! kind of object; header, epoch and repository id are bound as associated data. In the map, field 0 is the version,
//! field 1 the repository id and field 15 the device's signature over header, epoch and the map without field 15.
//! Only a map that names no device has no field 15.

use super::cbor::{MapReader, MapWriter};
use super::object::{self, Kind};
use super::wire::Reader;
use crate::crypto::sign::{SIGNATURE, SigningKey};
use crate::crypto::{SecretKey, aead};
use crate::error::{Error, ErrorKind, Result, corrupt, internal, invalid};
use crate::id::{DeviceId, RepositoryId};

/// The part in clear: object header and epoch.
const PREFIX: usize = object::HEADER + 4;

const VERSION_FIELD: u32 = 0;
const VERSION: u32 = 1;
const REPOSITORY_FIELD: u32 = 1;
const SIGNATURE_FIELD: u32 = 15;

/// What tells one kind of these objects from the others.
pub(crate) trait Envelope: Sized {
    const KIND: Kind;
    /// For errors, such as "read a snapshot".
    const READ: &'static str;
    /// For errors, such as "write a snapshot".
    const WRITE: &'static str;
    /// Context of the signature.
    const CONTEXT: &'static str;
    /// Longest object accepted, so that a reader allocates no more.
    const MAX_OBJECT: u64;

    /// The device that signs; none where a maintainer, who has no key to sign with, may write too.
    fn device(&self) -> Option<&DeviceId>;

    /// Adds fields 2 to 14.
    fn put(&self, map: MapWriter) -> MapWriter;

    /// Takes fields 2 to 14.
    fn take(map: &mut MapReader) -> Result<Self>;
}

/// An envelope whose signature nobody has looked at.
#[derive(Debug, Clone)]
pub(crate) struct Unverified<T> {
    value: T,
    message: Vec<u8>,
    signature: Option<[u8; SIGNATURE]>,
}

fn prefix(kind: Kind, epoch: u32) -> Vec<u8> {
    [object::header(kind).as_slice(), &epoch.to_le_bytes()].concat()
}

fn associated_data(kind: Kind, epoch: u32, repository: &RepositoryId) -> Vec<u8> {
    [prefix(kind, epoch).as_slice(), repository.as_bytes()].concat()
}

/// Signs and seals. `signer` is the key of the device that `value` names.
pub(crate) fn seal<T: Envelope>(
    value: &T,
    repository: &RepositoryId,
    epoch: u32,
    key: &SecretKey,
    signer: Option<&SigningKey>,
) -> Result<Vec<u8>> {
    if value.device().is_some() != signer.is_some() {
        return Err(internal(T::WRITE, "a device signs, and nobody else"));
    }
    let map = || value.put(MapWriter::new().put(VERSION_FIELD, VERSION).bytes(REPOSITORY_FIELD, repository.as_bytes()));
    let mut out = prefix(T::KIND, epoch);
    let mut plain = map().encode()?;
    if let Some(signer) = signer {
        let message = [out.as_slice(), &plain].concat();
        plain = map().bytes(SIGNATURE_FIELD, &signer.sign(T::CONTEXT, &message)).encode()?;
    }
    out.extend_from_slice(&aead::seal(key, &associated_data(T::KIND, epoch, repository), &plain)?);
    match u64::try_from(out.len()) {
        Ok(length) if length <= T::MAX_OBJECT => Ok(out),
        _ => Err(invalid(T::WRITE, format!("it would be longer than {} bytes", T::MAX_OBJECT))),
    }
}

/// The epoch whose key opens an object.
pub(crate) fn epoch<T: Envelope>(bytes: &[u8]) -> Result<u32> {
    Ok(u32::from_le_bytes(Reader::new(object::strip(bytes, T::KIND, T::READ)?, T::READ).array()?))
}

/// Opens an object; the result still has to be [verified](Unverified::verify).
pub(crate) fn open<T: Envelope>(bytes: &[u8], repository: &RepositoryId, key: &SecretKey) -> Result<Unverified<T>> {
    let epoch = epoch::<T>(bytes)?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > T::MAX_OBJECT) {
        return Err(corrupt(T::READ, format!("it is longer than {} bytes", T::MAX_OBJECT)));
    }
    let sealed = bytes.get(PREFIX..).unwrap_or_default();
    let plain = aead::open(key, &associated_data(T::KIND, epoch, repository), sealed, T::READ)?;
    decode(&plain, epoch, repository)
}

/// Decodes what is sealed.
pub(crate) fn decode<T: Envelope>(plain: &[u8], epoch: u32, repository: &RepositoryId) -> Result<Unverified<T>> {
    let mut map = MapReader::decode(plain, T::READ)?;
    let message = [prefix(T::KIND, epoch).as_slice(), &map.encode_without(SIGNATURE_FIELD)?].concat();
    map.version(VERSION)?;
    if map.array(REPOSITORY_FIELD)? != *repository.as_bytes() {
        return Err(corrupt(T::READ, "it belongs to another repository"));
    }
    let value = T::take(&mut map)?;
    let signature = if map.has(SIGNATURE_FIELD) { Some(map.array(SIGNATURE_FIELD)?) } else { None };
    map.finish()?;
    Ok(Unverified { value, message, signature })
}

impl<T: Envelope> Unverified<T> {
    /// The envelope, once `check` accepts its device, signature context, signed message and signature.
    ///
    /// One that names no device has nothing to check: it says only what its kind lets anybody with the key say.
    pub(crate) fn verify(
        self,
        check: impl FnOnce(&DeviceId, &'static str, &[u8], &[u8; SIGNATURE]) -> Result<()>,
    ) -> Result<T> {
        match (self.value.device(), &self.signature) {
            (Some(device), Some(signature)) => check(device, T::CONTEXT, &self.message, signature)?,
            (Some(device), None) => {
                let error = Error::new(ErrorKind::Untrusted, T::READ).object(format!("device {device}"));
                return Err(error.detail("it is not signed"));
            }
            (None, Some(_)) => return Err(corrupt(T::READ, "it is signed but does not say by whom")),
            (None, None) => {}
        }
        Ok(self.value)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::ErrorKind;

    pub(crate) const REPOSITORY: RepositoryId = RepositoryId::from_bytes([1; 16]);
    pub(crate) const EPOCH: u32 = 3;

    pub(crate) fn key() -> SecretKey {
        SecretKey::from_bytes([2; 32])
    }

    pub(crate) fn signer() -> SigningKey {
        SigningKey::from_seed(SecretKey::from_bytes([3; 32]))
    }

    /// Opens with the test key and verifies against the test signer.
    pub(crate) fn opened<T: Envelope>(bytes: &[u8]) -> Result<T> {
        open::<T>(bytes, &REPOSITORY, &key())?.verify(|_, context, message, signature| {
            signer().verifying_key().verify(context, message, signature, T::READ)
        })
    }

    /// Opens what somebody made who holds the key of the seal and can write any map.
    pub(crate) fn resealed<T: Envelope>(map: MapWriter) -> Result<T> {
        from_plain(&map.encode().unwrap())
    }

    fn from_plain<T: Envelope>(plain: &[u8]) -> Result<T> {
        let sealed = aead::seal(&key(), &associated_data(T::KIND, EPOCH, &REPOSITORY), plain).unwrap();
        opened::<T>(&[prefix(T::KIND, EPOCH).as_slice(), &sealed].concat())
    }

    /// What every kind of signed envelope must withstand.
    pub(crate) fn holds<T: Envelope + PartialEq + std::fmt::Debug>(value: &T) {
        let bytes = seal(value, &REPOSITORY, EPOCH, &key(), Some(&signer())).unwrap();
        assert_eq!(epoch::<T>(&bytes).unwrap(), EPOCH);
        assert_eq!(opened::<T>(&bytes).unwrap(), *value);

        // Damage, found without trusting anybody.
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let expected = if at == 7 { ErrorKind::Unsupported } else { ErrorKind::Corrupt };
                assert_eq!(opened::<T>(&damaged).unwrap_err().kind(), expected, "byte {at}");
            }
        }
        for length in [0, 7, 8, 11, 12, 40, bytes.len() - 1] {
            assert_eq!(opened::<T>(&bytes[..length]).unwrap_err().kind(), ErrorKind::Corrupt);
        }

        // Replay from, and into, another repository.
        let other = RepositoryId::from_bytes([9; 16]);
        assert_eq!(open::<T>(&bytes, &other, &key()).unwrap_err().kind(), ErrorKind::Corrupt);

        // Changes by somebody who holds the key of the seal, but not the signer's.
        let aad = associated_data(T::KIND, EPOCH, &REPOSITORY);
        let plain = aead::open(&key(), &aad, &bytes[PREFIX..], "open").unwrap();
        assert_eq!(from_plain::<T>(&plain).unwrap(), *value);
        for at in 0..plain.len() {
            let mut changed = plain.clone();
            changed[at] ^= 1;
            let kind = from_plain::<T>(&changed).unwrap_err().kind();
            let in_signature = at >= plain.len() - SIGNATURE;
            let allowed: &[ErrorKind] = if in_signature {
                &[ErrorKind::Untrusted]
            } else {
                &[ErrorKind::Untrusted, ErrorKind::Corrupt, ErrorKind::Unsupported]
            };
            assert!(allowed.contains(&kind), "byte {at}: {kind:?}");
        }
        let map = |fields: MapWriter| resealed::<T>(fields).unwrap_err().kind();
        let later = value.put(MapWriter::new().put(0, 2).bytes(1, REPOSITORY.as_bytes())).bytes(15, &[0; SIGNATURE]);
        assert_eq!(map(later), ErrorKind::Unsupported);
        let foreign = value.put(MapWriter::new().put(0, 1).bytes(1, other.as_bytes())).bytes(15, &[0; SIGNATURE]);
        assert_eq!(map(foreign), ErrorKind::Corrupt);
        let unknown = value.put(MapWriter::new().put(0, 1).bytes(1, REPOSITORY.as_bytes())).put(14, 1);
        assert_eq!(map(unknown.bytes(15, &[0; SIGNATURE])), ErrorKind::Unsupported);
        let unsigned = value.put(MapWriter::new().put(0, 1).bytes(1, REPOSITORY.as_bytes()));
        assert_eq!(map(unsigned), ErrorKind::Untrusted);

        // A signature made in another epoch does not carry over: the epoch is part of what is signed.
        let sealed = aead::seal(&key(), &associated_data(T::KIND, EPOCH + 1, &REPOSITORY), &plain).unwrap();
        let moved = [prefix(T::KIND, EPOCH + 1).as_slice(), &sealed].concat();
        assert_eq!(opened::<T>(&moved).unwrap_err().kind(), ErrorKind::Untrusted);
    }
}
