//! Everything that decodes bytes from outside, for the fuzz targets in fuzz/. No part of the crate's face: it is compiled
//! with the feature `fuzz`, and in tests, which replay what fuzzing found worth keeping.
//!
//! Nearly all that a repository holds is sealed, and nothing gets past the seal by chance. So the decoders are asked
//! behind it: with what is sealed, as somebody who holds the keys could write it.
#![allow(missing_docs, clippy::missing_panics_doc, clippy::panic)] // a panic is a finding

mod account;
mod damaged;
mod forged;
mod tar;

pub use account::{account_flow, account_message};
pub use damaged::repository;
pub use forged::forged;
pub use tar::tar;

use crate::compress::{Compression, decompress};
use crate::crypto::SecretKey;
use crate::crypto::recovery::RecoveryCode;
use crate::crypto::sign::SigningKey;
use crate::format::bundle::Bundle;
use crate::format::checkpoint::Checkpoint;
use crate::format::condemnation::Condemnation;
use crate::format::config::Config;
use crate::format::device::{DeviceKey, DeviceRequest};
use crate::format::device_list::List;
use crate::format::index::IndexObject;
use crate::format::lease::Lease;
use crate::format::local_references;
use crate::format::mark::{Mark, MarkBody};
use crate::format::node::{Node, RunList, encode_inner, encode_leaf};
use crate::format::pack::{PackHeader, decode_footer};
use crate::format::parity::Parity;
use crate::format::sealed::{self, Envelope};
use crate::format::segment::{MAX_RAW, Segment};
use crate::format::slot::Slot;
use crate::format::snapshot::{SnapshotBody, SnapshotEnvelope};
use crate::id::{BlobId, IndexId, PackId, RepositoryId, SegmentId, SnapshotId};
use crate::store::local_tree::Ending;
use crate::store::table::{Sources, Table, Target as TableTarget};
use crate::{Budget, Context, EntryPath, ObjectName, Pattern};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One function for every kind of bytes that come from outside.
pub type Target = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("account_flow", account_flow),
    ("account_message", account_message),
    ("bundle", bundle),
    ("checkpoint", checkpoint),
    ("condemnation", condemnation),
    ("config", config),
    ("device", device),
    ("device_list", device_list),
    ("footer", footer),
    ("forged", forged),
    ("index", index),
    ("key_slot", key_slot),
    ("lease", lease),
    ("local_state", local_state),
    ("mark", mark),
    ("node", node),
    ("pack", pack),
    ("parity", parity),
    ("repository", repository),
    ("run_list", run_list),
    ("segment", segment),
    ("snapshot", snapshot),
    ("tar", tar),
    ("text", text),
];

/// The repository that the seeds, which are test vectors, belong to.
pub(crate) const REPOSITORY: RepositoryId = RepositoryId::from_bytes([0x22; 16]);

pub fn bundle(data: &[u8]) {
    if let Ok(bundle) = Bundle::decode(data, "fuzz") {
        assert_eq!(bundle.encode().as_slice(), data, "a bundle has one form");
    }
}

pub fn key_slot(data: &[u8]) {
    if let Ok(slot) = Slot::decode(data) {
        assert_eq!(slot.encode().ok().as_deref(), Some(data), "a slot has one form");
    }
}

pub fn config(data: &[u8]) {
    let _ = Config::decode(data);
}

pub fn device(data: &[u8]) {
    if let Ok(request) = DeviceRequest::from_bytes(data) {
        assert_eq!(request.to_bytes(), data, "a request has one form");
    }
    if let Ok(key) = DeviceKey::from_bytes(data) {
        assert_eq!(key.to_bytes().as_slice(), data, "a key has one form");
    }
}

/// The map of a list, which the owner signs.
pub fn device_list(data: &[u8]) {
    let owner = SigningKey::from_seed(SecretKey::from_bytes([99; 32]));
    let Ok(bytes) = List::sign(data, &owner) else { return };
    let Ok(verified) = List::verify(&bytes, &owner.verifying_key(), "fuzz") else {
        panic!("what the owner signed is the owner's");
    };
    if let Ok(list) = List::decode(&verified, "fuzz") {
        assert_eq!(list.encode(&owner).ok().as_deref(), Some(bytes.as_slice()), "a list has one form");
    }
}

fn envelope<T: Envelope>(data: &[u8]) {
    if let Ok(opened) = sealed::decode::<T>(data, 1, &REPOSITORY) {
        let _ = opened.verify(|_, _, _, _| Ok(()));
    }
}

pub fn snapshot(data: &[u8]) {
    envelope::<SnapshotEnvelope>(data);
    let _ = SnapshotBody::decode(data);
}

pub fn mark(data: &[u8]) {
    envelope::<Mark>(data);
    let _ = MarkBody::decode(data);
}

pub fn lease(data: &[u8]) {
    envelope::<Lease>(data);
}

pub fn checkpoint(data: &[u8]) {
    envelope::<Checkpoint>(data);
}

pub fn condemnation(data: &[u8]) {
    envelope::<Condemnation>(data);
}

pub fn pack(data: &[u8]) {
    let _ = PackHeader::decode_fixed(data, &REPOSITORY);
    if let Ok(header) = PackHeader::decode(data, &REPOSITORY) {
        // Segments follow it.
        let encoded = header.encode().unwrap_or_default();
        assert!(!encoded.is_empty() && data.starts_with(&encoded), "a header has one form");
    }
}

pub fn footer(data: &[u8]) {
    if let Ok((contents, references)) = decode_footer(data) {
        let _ = (contents.end(), contents.tree_blobs(), references.len());
    }
}

/// Decoded, made into tables as on opening a repository, and searched.
pub fn index(data: &[u8]) {
    let Ok(object) = IndexObject::decode(data) else { return };
    let id = IndexId::from_bytes(*blake3::hash(data).as_bytes());
    let superseded = object.supersedes.iter().map(|superseded| (*superseded, id)).collect();
    let sources = Sources { covered: [id].into(), superseded };
    let listings: Vec<_> = object.packs.iter().map(|pack| (pack.id, id)).collect();
    let Ok(table) = Table::build(&object.packs, &listings, &sources, TableTarget::Memory) else { return };
    let table = Arc::new(table);
    let Ok(merged) = Table::merge(&[Arc::clone(&table), Arc::clone(&table)], TableTarget::Memory, &|| Ok(())) else {
        panic!("tables that were built can be merged");
    };
    assert_eq!(merged.sources().ok(), table.sources().ok());
    // Of a pack that stands twice, with different contents, which only hostile objects list, one counts.
    let packs: BTreeMap<_, _> = object.packs.iter().map(|pack| (pack.id, pack)).collect();
    for table in [&*table, &merged] {
        let segments = packs.values().flat_map(|pack| &pack.contents.segments);
        for segment in segments {
            let mut places = Vec::new();
            let found = table.segment(&segment.header.id, &mut places);
            assert!(found.is_ok() && !places.is_empty(), "a segment that was listed is found");
            // Of a segment that stands twice in a pack, which only hostile ones do, one counts.
            assert!(segment.blobs.iter().all(|blob| table.blob(blob).is_ok()), "a blob is looked for");
        }
        let (absent, mut places) = (SegmentId::from_bytes([0xa5; 32]), Vec::new());
        let _ = (table.segment(&absent, &mut places), table.blob(&BlobId::from_bytes([0x5a; 32])));
    }
}

pub fn node(data: &[u8]) {
    let _ = Node::is_leaf(data);
    match Node::decode(data) {
        Ok(Node::Leaf(entries)) => {
            let Ok((bytes, _)) = encode_leaf(&entries) else { panic!("what was read can be written") };
            assert!(
                matches!(Node::decode(&bytes), Ok(Node::Leaf(again)) if again == entries),
                "written and read again"
            );
        }
        Ok(Node::Inner { level, children }) => {
            let (bytes, _) = encode_inner(level, &children);
            assert!(
                matches!(Node::decode(&bytes), Ok(Node::Inner { children: again, .. }) if again == children),
                "written and read again"
            );
        }
        Err(_) => {}
    }
}

pub fn run_list(data: &[u8]) {
    if let Ok(list) = RunList::decode(data) {
        let _ = (list.bytes(), list.level());
        let (bytes, _) = list.encode();
        assert!(RunList::decode(&bytes).is_ok_and(|again| again == list), "written and read again");
    }
}

/// What the recovery data of the target `parity` is of.
pub(crate) const PACK_OF_PARITY: [u8; 3 * 4096 + 100] = [0; 3 * 4096 + 100];

/// Recovery data, beside its pack that is damaged in the middle.
pub fn parity(data: &[u8]) {
    let id = PackId::from_bytes(*blake3::hash(&PACK_OF_PARITY).as_bytes());
    let read = &mut |at: u64, length: usize| {
        let rest = usize::try_from(at).ok().and_then(|at| data.get(at..)).unwrap_or_default();
        Ok(rest.get(..length).unwrap_or(rest).to_vec())
    };
    let Ok(parity) = Parity::open(data.len() as u64, 1 << 20, read, &REPOSITORY, &id) else { return };
    let _ = parity.is_whole(read);
    let mut left = PACK_OF_PARITY.to_vec();
    if let Some(byte) = left.get_mut(5000) {
        *byte = 1;
    }
    if let Ok((pack, healed)) = parity.heal(left, &id, read, &|| Ok(())) {
        assert!(healed > 0 && blake3::hash(&pack).as_bytes() == id.as_bytes(), "only the very pack counts as healed");
    }
}

/// What a person types, or a program hands over as text.
pub fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(code) = RecoveryCode::parse(text) {
        assert!(RecoveryCode::parse(&code.reveal()).is_ok(), "a code is read as it is shown");
    }
    if let Ok(path) = EntryPath::parse(text) {
        assert!(path.names().all(|name| !name.is_empty() && name != b"." && name != b".."));
        if let Ok(pattern) = Pattern::glob(text) {
            let _ = pattern.matches(&path);
        }
    }
    if let Ok(name) = text.parse::<ObjectName>() {
        assert_eq!(name.to_string(), text, "a name is written as it was read");
    }
    if let Ok(id) = text.parse::<SnapshotId>() {
        assert_eq!(id.to_string().parse::<SnapshotId>().ok(), Some(id));
    }
}

/// Four bytes with the number of blobs, then the content, compressed or not.
pub fn segment(data: &[u8]) {
    let Some((count, packed)) = data.split_first_chunk::<4>() else { return };
    let count = u32::from_le_bytes(*count);
    for (compression, length) in [(Compression::Stored, packed.len()), (Compression::Zstd, 64 * 1024)] {
        let Ok(raw) = decompress(compression, packed, length) else { continue };
        assert!(raw.len() <= usize::try_from(MAX_RAW).unwrap_or(usize::MAX) || raw.len() == packed.len());
        if let Ok(segment) = Segment::parse(raw, count) {
            assert_eq!(segment.blobs().count(), usize::try_from(count).unwrap_or(usize::MAX));
            let _ = (segment.blob(count), segment.run(0..count), segment.run(count..count.saturating_add(1)));
        }
    }
}

pub fn local_state(data: &[u8]) {
    if let Ok(blobs) = local_references::decode(data) {
        assert!(local_references::decode(&local_references::encode(&blobs)).is_ok_and(|again| again == blobs));
    }
    let root = data.first_chunk::<32>().copied().unwrap_or_default();
    if let Ok((ending, grown)) = Ending::decode(data, &BlobId::from_bytes(root)) {
        let bytes = ending.encode(&BlobId::from_bytes(root), &grown);
        assert!(Ending::decode(&bytes, &BlobId::from_bytes(root)).is_ok_and(|again| again == (ending, grown)));
    }
}

fn context() -> Context {
    Context::new().budget(Budget::small().threads(1))
}

#[cfg(test)]
mod tests;
