//! Writing and reading the objects of [`format::sealed`](crate::format::sealed) with a repository's keys.

use crate::backend::{Backend, ObjectInfo, ObjectName};
use crate::crypto::sign::SigningKey;
use crate::crypto::{hash, kem};
use crate::error::{Error, ErrorKind, Result, corrupt, internal};
use crate::format::object::{self, Kind};
use crate::format::sealed::{self, Envelope};
use crate::id::{self, DeviceId};
use crate::store::devices::DeviceList;
use crate::store::keys::{EpochKeys, Keys, Purpose};

/// An object that was read and whose signature was accepted.
#[derive(Debug)]
pub(super) struct Opened<'k, T> {
    pub(super) value: T,
    /// The keys of its epoch.
    pub(super) keys: &'k EpochKeys,
}

/// Who signs what is written with these keys: only who is listed, because nobody would accept it otherwise.
pub(super) fn signer(keys: &Keys, devices: &DeviceList, operation: &'static str) -> Result<(DeviceId, SigningKey)> {
    let (device, key) = keys.signer()?;
    devices.accepts(&device, operation)?;
    Ok((device, key))
}

/// What is sealed for readers alone is sealed to this key.
pub(super) fn readers<'k>(epoch: &'k EpochKeys, operation: &'static str) -> Result<&'k kem::PublicKey> {
    epoch.data_public.as_ref().ok_or_else(|| {
        Error::new(ErrorKind::Forbidden, operation).detail("the key that was used cannot write for readers")
    })
}

/// Seals `value` under the newest epoch.
pub(super) fn seal<T: Envelope>(keys: &Keys, value: &T, signer: Option<&SigningKey>) -> Result<Vec<u8>> {
    seal_under(keys, keys.current()?, value, signer)
}

/// Seals `value` under one epoch: that of what is sealed for readers in it.
pub(super) fn seal_under<T: Envelope>(
    keys: &Keys,
    epoch: &EpochKeys,
    value: &T,
    signer: Option<&SigningKey>,
) -> Result<Vec<u8>> {
    sealed::seal(value, &keys.repository, epoch.epoch, epoch.sealing(purpose::<T>()?), signer)
}

/// Stores an object under a name of its own. Doing so twice is as good as once: a try whose answer was lost can be
/// repeated.
pub(super) fn put(backend: &dyn Backend, name: &ObjectName, bytes: &[u8]) -> Result<()> {
    match backend.put(name, &[bytes]) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let length = bytes.len() as u64;
            let same = backend.stat(name)?.length == length && backend.read(name, 0..length)? == bytes;
            if same { Ok(()) } else { Err(error) }
        }
        stored => stored,
    }
}

/// Reads, opens and verifies an object that storage listed.
pub(super) fn read<'k, T: Envelope>(
    backend: &dyn Backend,
    keys: &'k Keys,
    devices: &DeviceList,
    info: &ObjectInfo,
) -> Result<Opened<'k, T>> {
    open(backend, keys, devices, info, false).map_err(|error| name_object(error, &info.name))
}

/// As [`read`], for objects named by the hash of their bytes.
pub(super) fn read_hashed<'k, T: Envelope>(
    backend: &dyn Backend,
    keys: &'k Keys,
    devices: &DeviceList,
    info: &ObjectInfo,
) -> Result<Opened<'k, T>> {
    open(backend, keys, devices, info, true).map_err(|error| name_object(error, &info.name))
}

/// Errors on a device name it as their object; the reader wants to know which stored object it was, too.
fn name_object(error: Error, name: &ObjectName) -> Error {
    match (error.object_name(), error.detail_text()) {
        (Some(object), Some(detail)) if object != name.to_string() => {
            let detail = format!("{detail} ({object})");
            error.object(name).detail(detail)
        }
        _ => error.object(name),
    }
}

fn open<'k, T: Envelope>(
    backend: &dyn Backend,
    keys: &'k Keys,
    devices: &DeviceList,
    info: &ObjectInfo,
    hashed: bool,
) -> Result<Opened<'k, T>> {
    if info.length > T::MAX_OBJECT {
        // A later version may have longer ones, and says so in its first bytes.
        let start = backend.read(&info.name, 0..object::HEADER as u64)?;
        object::strip(&start, T::KIND, T::READ)?;
        let detail = format!("it is {} bytes long; objects of its kind have at most {}", info.length, T::MAX_OBJECT);
        return Err(corrupt(T::READ, detail));
    }
    let bytes = backend.read(&info.name, 0..info.length)?;
    if bytes.len() as u64 != info.length {
        return Err(corrupt(T::READ, "the storage returned another length than it said"));
    }
    if hashed && id::hex(&hash::name(&bytes)) != info.name.file() {
        return Err(corrupt(T::READ, "its bytes are not what its name says"));
    }
    let keys_of = keys.epoch(sealed::epoch::<T>(&bytes)?)?;
    let unverified = sealed::open::<T>(&bytes, &keys.repository, keys_of.sealing(purpose::<T>()?))?;
    let value = unverified.verify(|device, context, message, signature| {
        devices.verify(device, context, message, signature, info.modified, T::READ)
    })?;
    Ok(Opened { value, keys: keys_of })
}

fn purpose<T: Envelope>() -> Result<Purpose> {
    match T::KIND {
        Kind::Snapshot => Ok(Purpose::Envelope),
        Kind::Mark => Ok(Purpose::Mark),
        Kind::Lease => Ok(Purpose::Lease),
        Kind::Checkpoint => Ok(Purpose::Checkpoint),
        Kind::Condemnation => Ok(Purpose::Condemnation),
        _ => Err(internal(T::READ, "objects of its kind are not sealed like this")),
    }
}

/// Whether an error may be about one object only, so that the others can still be read. That storage cannot be
/// reached is not.
pub(super) fn is_of_one_object(error: &Error) -> bool {
    use ErrorKind::{Corrupt, Forbidden, Io, PermissionDenied, Unsupported, Untrusted};
    matches!(error.kind(), Corrupt | Unsupported | Untrusted | Forbidden | PermissionDenied | Io)
}

/// Whether the object went away between being listed and being read, as pruning makes them do.
pub(super) fn is_gone(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
}
