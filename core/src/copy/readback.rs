//! Reading back what was sent.

use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::error::{Result, corrupt};
use crate::id::PackId;
use crate::store::Store;
use crate::store::packs::{PIECE, read_contents};
use crate::store::table::SegmentPlace;

/// Reads packs whole: their bytes must be those they are named by, and every segment must open to the blobs its id
/// names.
pub(crate) fn read_back(store: &Store, packs: &[PackId], ctx: &Context) -> Result<()> {
    packs.iter().try_for_each(|pack| {
        let name = ObjectName::of(Folder::Packs, pack);
        read_pack(store, pack, &name, ctx).map_err(|error| error.or_object(name))
    })
}

fn read_pack(store: &Store, pack: &PackId, name: &ObjectName, ctx: &Context) -> Result<()> {
    let operation = "read back a pack";
    let length = store.backend().stat(name)?.length;
    let (_, contents, _) = read_contents(store, pack, length)?;
    let mut hasher = blake3::Hasher::new();
    let read = |from: u64, to: u64| {
        ctx.check(operation)?;
        let bytes = store.backend().read(name, from..to)?;
        if bytes.len() as u64 == to - from {
            return Ok(bytes);
        }
        Err(corrupt(operation, "the storage returned another length than was asked for"))
    };
    let mut at = 0;
    let gap = |hasher: &mut blake3::Hasher, mut at: u64, end: u64| -> Result<()> {
        while at < end {
            let next = end.min(at.saturating_add(PIECE));
            hasher.update(&read(at, next)?);
            at = next;
        }
        Ok(())
    };
    for segment in contents.segments {
        gap(&mut hasher, at, segment.offset)?;
        at = segment.offset.saturating_add(u64::from(segment.header.stored_length));
        let sealed = read(segment.offset, at)?;
        hasher.update(&sealed);
        let place = SegmentPlace { pack: *pack, offset: segment.offset, header: segment.header };
        store.open_sealed(&place, sealed)?;
    }
    gap(&mut hasher, at, length)?;
    if hasher.finalize().as_bytes() != pack.as_bytes() {
        return Err(corrupt(operation, "its bytes are not those that were sent: their hash is not its name"));
    }
    Ok(())
}
