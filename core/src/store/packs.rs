//! What a pack says of itself: header, footer and trailer, without its segments.

use super::Store;
use super::throttle::Throttle;
use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::pack::{
    FIXED_HEADER, PackContents, PackHeader, PackKeys, SESSION_ENTRY, TRAILER, TreeReferences, open_footer, open_trailer,
};
use crate::id::PackId;
use std::ops::Range;

/// Bytes read from the end of a pack in the hope that the footer is among them.
const TAIL: u64 = 64 * 1024;

/// Bytes of a pack read in one go, where it is read whole.
pub(crate) const PIECE: u64 = 1024 * 1024;
/// Most bytes set aside for a pack before any of it has come.
const MOST_AHEAD: u64 = 512 << 20;

/// Header, contents and references of a pack whose bytes are all at hand.
pub(crate) fn contents_of(store: &Store, bytes: &[u8]) -> Result<(PackHeader, PackContents, TreeReferences)> {
    let read = |range: Range<u64>| {
        let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let part = bounds.and_then(|(start, end)| bytes.get(start..end)).map(<[u8]>::to_vec);
        part.ok_or_else(|| corrupt("read a pack's contents", "it ends too early"))
    };
    contents(store, &read, bytes.len() as u64)
}

/// Short hash of what a pack is said to hold: comparing is all it is for.
pub(crate) type Fingerprint = [u8; 16];

pub(crate) fn fingerprint(contents: &PackContents) -> Fingerprint {
    let mut encoded = Vec::new();
    contents.encode(&mut encoded);
    blake3::hash(&encoded).as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Whether an error while reading an object concerns that object only, so that work goes on with the others.
pub(crate) fn is_of_the_object(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Corrupt
            | ErrorKind::Unsupported
            | ErrorKind::NotFound
            | ErrorKind::Forbidden
            | ErrorKind::Io
            | ErrorKind::PermissionDenied
    )
}

/// Stores a pack, and its parity where the repository has parity.
pub(crate) fn put(store: &Store, id: &PackId, parts: &[&[u8]]) -> Result<()> {
    let name = ObjectName::of(Folder::Packs, id);
    match store.backend().put(&name, parts) {
        // The name is the hash of the content: it is this very pack, from a try whose answer was lost, unless storage
        // kept only a part of that.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => verify(store, id, &name)?,
        stored => stored?,
    }
    match store.config().parity {
        Some(percent) => super::parity::write(store, id, parts, percent).map(drop),
        None => Ok(()),
    }
}

/// Reads a pack whole, a piece at a time.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) when its bytes are not what its name says, and those of the storage.
pub(crate) fn read_whole(
    store: &Store,
    id: &PackId,
    length: u64,
    throttle: &Throttle,
    ctx: &Context,
    operation: &'static str,
) -> Result<Vec<u8>> {
    let name = ObjectName::of(Folder::Packs, id);
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(MOST_AHEAD)).unwrap_or_default());
    let mut hasher = blake3::Hasher::new();
    let mut start = 0;
    while start < length {
        let end = length.min(start.saturating_add(PIECE));
        ctx.check(operation)?;
        throttle.pay(end - start, ctx, operation)?;
        let piece = store.backend().read(&name, start..end)?;
        if piece.len() as u64 != end - start {
            return Err(corrupt(operation, "the storage returned another length than it said").object(name));
        }
        hasher.update(&piece);
        bytes.extend_from_slice(&piece);
        start = end;
    }
    if hasher.finalize().as_bytes() != id.as_bytes() {
        let detail = "its bytes are not those it was stored with: repair it first";
        return Err(corrupt(operation, detail).object(name));
    }
    Ok(bytes)
}

/// Reads a pack that is there already, and compares it with its name.
fn verify(store: &Store, id: &PackId, name: &ObjectName) -> Result<()> {
    let (length, mut hasher) = (store.backend().stat(name)?.length, blake3::Hasher::new());
    let mut start = 0;
    while start < length {
        let end = length.min(start.saturating_add(PIECE));
        hasher.update(&read(store, name, start..end)?);
        start = end;
    }
    if hasher.finalize().as_bytes() != id.as_bytes() {
        let detail = "storage holds something else under this name, from a try that it did only in part";
        return Err(corrupt("store a pack", detail).object(name));
    }
    Ok(())
}

/// Reads header, contents and references of a pack that storage says is `length` bytes long. Whoever holds the
/// index key can: writers and maintainers too.
///
/// What is returned fits into `length`; that the segments are there and sound is not looked at.
pub(crate) fn read_contents(
    store: &Store,
    pack: &PackId,
    length: u64,
) -> Result<(PackHeader, PackContents, TreeReferences)> {
    let name = ObjectName::of(Folder::Packs, pack);
    contents(store, &|range| read(store, &name, range), length).map_err(|error| error.or_object(&name))
}

fn contents(
    store: &Store,
    read: &dyn Fn(Range<u64>) -> Result<Vec<u8>>,
    length: u64,
) -> Result<(PackHeader, PackContents, TreeReferences)> {
    let operation = "read a pack's contents";
    let wrong = |detail| corrupt(operation, detail);
    let (trailer_length, repository) = (TRAILER as u64, &store.keys().repository);
    let usual = (FIXED_HEADER + SESSION_ENTRY) as u64;
    let mut header = read(0..usual.min(length))?;
    let (epoch, header_length) = PackHeader::decode_fixed(&header, repository)?;
    // What is left for segments, padding and footer.
    let room = length.checked_sub(header_length as u64 + trailer_length);
    let room = room.ok_or_else(|| wrong("it is too short for its header and a trailer"))?;
    if header.len() < header_length {
        header = read(0..header_length as u64)?;
    }
    header.truncate(header_length);
    let decoded = PackHeader::decode(&header, repository)?;

    let epoch = store.keys().epoch(epoch)?;
    let keys = PackKeys { footer: &epoch.footer, trailer: &epoch.trailer };
    let tail_start = length.saturating_sub(TAIL.max(trailer_length)).max(header_length as u64);
    let tail = read(tail_start..length)?;
    let Some((before, trailer)) = tail.split_last_chunk::<TRAILER>() else {
        return Err(wrong("it is too short for a trailer"));
    };
    let (footer_length, padding) = open_trailer(keys, &header, trailer)?;
    let segments = footer_length.checked_add(padding).and_then(|behind| room.checked_sub(behind));
    let segments = segments.ok_or_else(|| wrong("footer and padding are longer than the pack"))?;
    let in_tail = usize::try_from(footer_length).ok().and_then(|footer| before.len().checked_sub(footer));
    let (contents, references) = match in_tail.and_then(|start| before.get(start..)) {
        Some(footer) => open_footer(keys, &header, footer)?,
        None => {
            let end = length - trailer_length;
            open_footer(keys, &header, &read(end - footer_length..end)?)?
        }
    };
    if contents.start != header_length as u64 || contents.end() != contents.start.saturating_add(segments) {
        return Err(wrong("its segments do not lie where header, padding and footer leave room"));
    }
    Ok((decoded, contents, references))
}

fn read(store: &Store, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
    let length = range.end - range.start;
    let bytes = store.backend().read(name, range)?;
    if bytes.len() as u64 != length {
        return Err(corrupt("read a pack's contents", "the storage returned another length than was asked for"));
    }
    Ok(bytes)
}
