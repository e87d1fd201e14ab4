//! Parity beside packs: writing it, and healing packs by it.
//!
//! It is kept in `parity/`, under the name of its pack, and goes when the pack goes. No key is needed to heal: that the
//! hash of what comes out is the pack's name is all the proof there is, and enough.

use super::Store;
use super::packs::{PIECE, is_of_the_object};
use crate::backend::{Folder, ObjectName};
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::parity::{self, Parity, SECTOR};
use crate::id::PackId;

/// Memory that coding takes, beside that for a pack and its parity: tables of the code, and sectors at work.
pub(crate) const WORK: u64 = 12 << 20;

/// The parity of a pack.
pub(crate) fn name(pack: &PackId) -> ObjectName {
    ObjectName::of(Folder::Parity, pack)
}

/// Stores parity for a pack that lies in these parts. Returns its length.
pub(crate) fn write(store: &Store, pack: &PackId, parts: &[&[u8]], percent: u8) -> Result<u64> {
    let encoded = parity::encode(&store.keys().repository, pack, parts, percent, &|| store.look())?;
    match store.backend().put(&name(pack), &encoded.parts()) {
        Ok(()) => {}
        // From a try whose answer was lost, or by somebody else.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(encoded.length())
}

/// Computes a damaged or missing pack again, and how many sectors of it had to be. Takes memory for the pack, and some
/// 12 MiB beside it.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) when the pack has no parity, [`Corrupt`](ErrorKind::Corrupt) when too much is lost,
/// and those of the storage.
pub(crate) fn heal(store: &Store, pack: &PackId) -> Result<(Vec<u8>, u64)> {
    // One at a time, whoever asks: each takes memory for a pack.
    let _turn = store.turn_to_heal()?;
    let parity_name = name(pack);
    let mut window = Window::open(store, &parity_name)?;
    let parity = open(store, pack, &mut window).map_err(|error| error.or_object(&parity_name))?;
    let pack_name = ObjectName::of(Folder::Packs, pack);
    let left = what_is_left(store, &pack_name, parity.length())?;
    let read = &mut |at, length| window.read(at, length);
    let healed = parity.heal(left, pack, read, &|| store.look()).map_err(|error| error.or_object(&pack_name));
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
    let mut window = Window::open(store, &name)?;
    let parity = open(store, pack, &mut window).map_err(|error| error.or_object(&name))?;
    if parity.is_whole(&mut |at, length| window.read(at, length))? {
        return Ok(());
    }
    Err(corrupt("check parity", "a part of it is damaged; the rest still heals").object(name))
}

fn open(store: &Store, pack: &PackId, window: &mut Window<'_>) -> Result<Parity> {
    let length = window.length;
    let read = &mut |at, length| window.read(at, length);
    Parity::open(length, longest_pack(store), read, &store.keys().repository, pack)
}

/// No pack is much longer than packs are made.
fn longest_pack(store: &Store) -> u64 {
    2 * u64::from(store.config().sizes.pack) + (64 << 20)
}

/// Reads an object a piece at a time, in any order, and holds one piece of it.
struct Window<'a> {
    store: &'a Store,
    name: &'a ObjectName,
    /// Of the object.
    length: u64,
    start: u64,
    held: Vec<u8>,
}

impl<'a> Window<'a> {
    fn open(store: &'a Store, name: &'a ObjectName) -> Result<Self> {
        let length = store.backend().stat(name)?.length;
        Ok(Window { store, name, length, start: 0, held: Vec::new() })
    }

    /// What storage still gives of a range, with zeros where it does not; cut short where the object ends.
    fn read(&mut self, at: u64, length: usize) -> Result<Vec<u8>> {
        let end = at.saturating_add(length as u64).min(self.length);
        let mut found = Vec::new();
        let mut at = at;
        while at < end {
            if at < self.start || at >= self.start.saturating_add(self.held.len() as u64) {
                self.held = piece(self.store, self.name, at, self.length.min(at.saturating_add(PIECE)))?;
                self.start = at;
            }
            let from = usize::try_from(at.saturating_sub(self.start)).unwrap_or(usize::MAX);
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX);
            let part = self.held.get(from..).unwrap_or_default();
            let part = part.get(..wanted.min(part.len())).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            found.extend_from_slice(part);
            at = at.saturating_add(part.len() as u64);
        }
        Ok(found)
    }
}

/// What storage still gives of the first `most` bytes of an object, with zeros where it does not; nothing of one that is
/// not there.
fn what_is_left(store: &Store, name: &ObjectName, most: u64) -> Result<Vec<u8>> {
    let length = match store.backend().stat(name) {
        Ok(info) => info.length.min(most),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let room = most.next_multiple_of(SECTOR as u64);
    let mut left = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    let mut start = 0;
    while start < length {
        let end = length.min(start.saturating_add(PIECE));
        left.extend_from_slice(&piece(store, name, start, end)?);
        start = end;
    }
    Ok(left)
}

/// What storage still gives of a range of an object, with zeros where it does not.
fn piece(store: &Store, name: &ObjectName, start: u64, end: u64) -> Result<Vec<u8>> {
    let read = |start: u64, end: u64| -> Result<Vec<u8>> {
        let bytes = store.backend().read(name, start..end)?;
        if bytes.len() as u64 == end - start {
            return Ok(bytes);
        }
        Err(corrupt("heal a pack", "the storage returned another length than was asked for").object(name))
    };
    match read(start, end) {
        Err(error) if is_left_out(&error) => {}
        read => return read,
    }
    let mut left = Vec::new();
    let mut start = start;
    while start < end {
        let next = end.min(start.saturating_add(SECTOR as u64));
        match read(start, next) {
            Ok(bytes) => left.extend_from_slice(&bytes),
            Err(error) if is_left_out(&error) => {
                left.resize(left.len() + usize::try_from(next - start).unwrap_or(SECTOR), 0);
            }
            Err(error) => return Err(error),
        }
        start = next;
    }
    Ok(left)
}

/// Whether bytes that cannot be read count as lost.
fn is_left_out(error: &Error) -> bool {
    is_of_the_object(error) && error.kind() != ErrorKind::PermissionDenied
}
