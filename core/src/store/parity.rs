//! Parity beside packs: writing it, and healing packs by it.
//!
//! It is kept in `parity/`, under the name of its pack, and goes when the pack goes. No key is needed to heal: that the
//! hash of what comes out is the pack's name is all the proof there is, and enough.

use super::Store;
use super::packs::is_of_the_object;
use crate::backend::{Folder, ObjectName};
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::parity::{self, Parity, SECTOR};
use crate::id::PackId;

/// Bytes read in one go where reading all at once fails.
const PIECE: u64 = 1024 * 1024;

/// The parity of a pack.
pub(crate) fn name(pack: &PackId) -> ObjectName {
    ObjectName::of(Folder::Parity, pack)
}

/// Stores parity for a pack that lies in these parts. Returns its length.
pub(crate) fn write(store: &Store, pack: &PackId, parts: &[&[u8]], percent: u8) -> Result<u64> {
    let bytes = parity::encode(&store.keys().repository, pack, parts, percent)?;
    match store.backend().put(&name(pack), &[&bytes]) {
        Ok(()) => {}
        // From a try whose answer was lost, or by somebody else.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(bytes.len() as u64)
}

/// Computes a damaged or missing pack again, and how many sectors of it had to be. Takes memory for the pack, its
/// parity, and some 16 MiB.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) when the pack has no parity, [`Corrupt`](ErrorKind::Corrupt) when too much is lost,
/// and those of the storage.
pub(crate) fn heal(store: &Store, pack: &PackId) -> Result<(Vec<u8>, u64)> {
    let parity_name = name(pack);
    store.backend().stat(&parity_name)?;
    let parity = what_is_left(store, &parity_name)?;
    let parity = Parity::open(&parity, &store.keys().repository, pack).map_err(|error| error.object(&parity_name))?;
    let pack_name = ObjectName::of(Folder::Packs, pack);
    let left = what_is_left(store, &pack_name)?;
    let healed = parity.heal(left, pack).map_err(|error| error.object(&pack_name));
    if healed.is_ok() {
        store.note_healed(*pack);
    }
    healed
}

/// Whether a pack's parity is what it was when it was written.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) when it is not, though it may still be of use, and those of the storage.
pub(crate) fn check(store: &Store, pack: &PackId) -> Result<()> {
    let name = name(pack);
    store.backend().stat(&name)?;
    let bytes = what_is_left(store, &name)?;
    if Parity::open(&bytes, &store.keys().repository, pack).map_err(|error| error.object(&name))?.is_whole() {
        return Ok(());
    }
    Err(corrupt("check parity", "a part of it is damaged; the rest still heals").object(name))
}

/// What storage still gives of an object, with zeros where it does not; nothing of one that is not there.
fn what_is_left(store: &Store, name: &ObjectName) -> Result<Vec<u8>> {
    let backend = store.backend();
    let length = match backend.stat(name) {
        Ok(info) => info.length,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // Neither a pack nor its parity is much longer than packs are made.
    let most = 2 * u64::from(store.config().sizes.pack) + (64 << 20);
    if length > most {
        let detail = format!("it is {length} bytes long; objects of its kind have at most {most}");
        return Err(corrupt("heal a pack", detail).object(name));
    }
    let read = |start: u64, end: u64| -> Result<Vec<u8>> {
        let bytes = backend.read(name, start..end)?;
        if bytes.len() as u64 == end - start {
            return Ok(bytes);
        }
        Err(corrupt("heal a pack", "the storage returned another length than was asked for").object(name))
    };
    match read(0, length) {
        Err(error) if is_left_out(&error) => {}
        read => return read,
    }
    let mut left = Vec::new();
    for start in (0..length).step_by(usize::try_from(PIECE).unwrap_or(SECTOR)) {
        let end = length.min(start + PIECE);
        match read(start, end) {
            Ok(bytes) => left.extend_from_slice(&bytes),
            Err(error) if is_left_out(&error) => {
                for start in (start..end).step_by(SECTOR) {
                    let end = end.min(start + SECTOR as u64);
                    match read(start, end) {
                        Ok(bytes) => left.extend_from_slice(&bytes),
                        Err(error) if is_left_out(&error) => {
                            left.resize(left.len() + usize::try_from(end - start).unwrap_or(SECTOR), 0);
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(left)
}

/// Whether bytes that cannot be read count as lost.
fn is_left_out(error: &Error) -> bool {
    is_of_the_object(error) && error.kind() != ErrorKind::PermissionDenied
}
