//! Everything that decodes bytes from outside, for the fuzz targets in fuzz/. No part of the crate's face: it is compiled
//! with the feature `fuzz`, and in tests, which replay what fuzzing found worth keeping.
//!
//! Nearly all that a repository holds is sealed, and nothing gets past the seal by chance. So the decoders are asked
//! behind it: with what is sealed, as somebody who holds the keys could write it.
#![allow(missing_docs, clippy::missing_panics_doc, clippy::panic)] // a panic is a finding

use crate::backend::{Backend, MemoryBackend, ObjectName};
use crate::chunker::ChunkSizes;
use crate::compress::{Compression, decompress};
use crate::format::bundle::Bundle;
use crate::format::checkpoint::Checkpoint;
use crate::format::condemnation::Condemnation;
use crate::format::config::Config;
use crate::format::device::{DeviceKey, DeviceRequest};
use crate::format::index::IndexObject;
use crate::format::lease::Lease;
use crate::format::mark::{Mark, MarkBody};
use crate::format::node::{Node, RunList, encode_inner, encode_leaf};
use crate::format::pack::{PackHeader, decode_footer};
use crate::format::sealed::{self, Envelope};
use crate::format::segment::{MAX_RAW, Segment};
use crate::format::slot::Slot;
use crate::format::snapshot::{SnapshotBody, SnapshotEnvelope};
use crate::id::{BlobId, RepositoryId};
use crate::store::local_tree::Ending;
use crate::{
    AppEntry, BackupOptions, Budget, CheckOptions, Context, CreateOptions, EntryPath, Folder, Repository, Secret,
    SnapshotFilter, Source,
};
use std::sync::OnceLock;

/// One function for every kind of bytes that come from outside.
pub type Target = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("bundle", bundle),
    ("checkpoint", checkpoint),
    ("condemnation", condemnation),
    ("config", config),
    ("device", device),
    ("footer", footer),
    ("index", index),
    ("key_slot", key_slot),
    ("lease", lease),
    ("local_state", local_state),
    ("mark", mark),
    ("node", node),
    ("pack", pack),
    ("repository", repository),
    ("run_list", run_list),
    ("segment", segment),
    ("snapshot", snapshot),
    ("tar", tar),
];

/// The repository that the seeds, which are test vectors, belong to.
const REPOSITORY: RepositoryId = RepositoryId::from_bytes([0x22; 16]);

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
        assert_eq!(header.encode().ok().as_deref(), Some(data), "a header has one form");
    }
}

pub fn footer(data: &[u8]) {
    if let Ok((contents, references)) = decode_footer(data) {
        let _ = (contents.end(), contents.tree_blobs(), references.len());
    }
}

pub fn index(data: &[u8]) {
    let _ = IndexObject::decode(data);
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
    let root = data.first_chunk::<32>().copied().unwrap_or_default();
    if let Ok((ending, grown)) = Ending::decode(data, &BlobId::from_bytes(root)) {
        let bytes = ending.encode(&BlobId::from_bytes(root), &grown);
        assert!(Ending::decode(&bytes, &BlobId::from_bytes(root)).is_ok_and(|again| again == (ending, grown)));
    }
}

pub fn tar(data: &[u8]) {
    let Some(repository) = Damaged::sound().open() else { panic!("the sound repository opens") };
    let _ = repository.backup(Source::tar(std::io::Cursor::new(data.to_vec())), &BackupOptions::new(), &context());
}

/// A small repository, and what is done to its objects: five bytes each, for which, how, where and with what.
pub fn repository(data: &[u8]) {
    let mut damaged = Damaged::sound();
    for step in data.chunks_exact(5).take(16) {
        if let [which, how, low, high, value] = *step {
            damaged.change(which, how, u16::from_le_bytes([low, high]).into(), value);
        }
    }
    if let Some(repository) = damaged.open() {
        use_all(&repository);
    }
}

fn context() -> Context {
    Context::new().budget(Budget::small().threads(1))
}

fn use_all(repository: &Repository) {
    let ctx = context();
    let _ = repository.check(&CheckOptions::new().read_data(100.0).verify_content(true), &ctx);
    if let Ok(snapshots) = repository.snapshots(&SnapshotFilter::all()) {
        for snapshot in snapshots.flatten() {
            let _ = repository.export_tar(&snapshot.id, &EntryPath::root(), &mut std::io::sink(), &ctx);
        }
    }
    let _ = repository.rebuild_index(&ctx);
    let _ = repository.backup(Source::entries(entries()), &BackupOptions::new(), &ctx);
}

fn entries() -> Vec<AppEntry> {
    let path = |text: &str| EntryPath::parse(text).unwrap_or_else(|_| EntryPath::root());
    let long: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
    vec![
        AppEntry::directory(path("folder")),
        AppEntry::bytes(path("folder/long"), long),
        AppEntry::bytes(path("short"), "text"),
        AppEntry::symlink(path("link"), "short"),
    ]
}

/// Objects that somebody changes.
struct Damaged(Vec<(ObjectName, Vec<u8>)>);

impl Damaged {
    /// Made once; every run takes a copy.
    fn sound() -> Self {
        static OBJECTS: OnceLock<Vec<(ObjectName, Vec<u8>)>> = OnceLock::new();
        Damaged(OBJECTS.get_or_init(|| Damaged::make().unwrap_or_default()).clone())
    }

    fn secret() -> Secret {
        Secret::account_key([7; 32])
    }

    fn make() -> crate::Result<Vec<(ObjectName, Vec<u8>)>> {
        let backend = MemoryBackend::new();
        let sizes = CreateOptions::new().chunk_sizes(ChunkSizes::new(1024, 2048, 4096)).segment_size(64 << 10);
        let repository = Repository::create(backend.clone(), &Damaged::secret(), &sizes.pack_size(1 << 20))?;
        let report = repository.backup(Source::entries(entries()), &BackupOptions::new().host("host"), &context())?;
        repository.tag(report.snapshot()?, &["tag"], &[])?;
        let mut objects = Vec::new();
        for folder in Folder::ALL {
            let mut names = Vec::new();
            backend.list(folder, &mut |info| {
                names.push(info);
                Ok(())
            })?;
            for info in names {
                objects.push((info.name.clone(), backend.read(&info.name, 0..info.length)?));
            }
        }
        objects.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(objects)
    }

    fn change(&mut self, which: u8, how: u8, at: usize, value: u8) {
        let count = self.0.len();
        let Some(position) = usize::from(which).checked_rem(count) else { return };
        let other = usize::from(value).checked_rem(count).and_then(|other| self.0.get(other)).cloned();
        let Some((_, bytes)) = self.0.get_mut(position) else { return };
        match how % 6 {
            0 => {
                if let Some(byte) = at.checked_rem(bytes.len()).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= value.max(1);
                }
            }
            1 => bytes.truncate(at),
            2 => bytes.extend(std::iter::repeat_n(value, at)),
            3 => drop(self.0.remove(position)),
            // Another object under this name.
            4 => *bytes = other.map(|(_, bytes)| bytes).unwrap_or_default(),
            // From the end, where trailers are.
            _ => {
                let at = bytes.len().checked_sub(at % 256 + 1);
                if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
                    *byte = value;
                }
            }
        }
    }

    fn open(&self) -> Option<Repository> {
        let backend = MemoryBackend::new();
        for (name, bytes) in &self.0 {
            backend.put(name, &[bytes]).ok()?;
        }
        Repository::open(backend, &Damaged::secret()).ok()
    }
}

#[cfg(test)]
mod tests;
