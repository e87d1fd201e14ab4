//! Snapshots in memory, and a look at what stands on the file system that shares no code with the restore.

use crate::crypto::SecretKey;
use crate::crypto::hash::IdHasher;
use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::{Content, Entry, EntryKind, Hole, Metadata, Owner, Run, Timestamp, Xattr};
use crate::format::pack::Reference;
use crate::format::segment::Segment;
use crate::id::{BlobId, SegmentId};
use crate::path::EntryPath;
use crate::restore::{RestoreOptions, RestoreReport};
use crate::store::blobs::{NodeSink, NodeStore, SegmentStore};
use crate::tree::{Boundaries, TreeBuilder, store_runs};
use crate::{Context, Problem};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

type OnSegment = Box<dyn Fn(&SegmentId) + Send + Sync>;

/// A store that holds everything opened.
#[derive(Default)]
pub(crate) struct MemoryStore {
    pub(crate) nodes: HashMap<BlobId, Vec<u8>>,
    pub(crate) segments: HashMap<SegmentId, Arc<Segment>>,
    /// How often a segment was asked for.
    pub(crate) asked: AtomicUsize,
    /// Called whenever one is.
    pub(crate) on_segment: Option<OnSegment>,
    /// What a missing segment means.
    pub(crate) missing: Option<ErrorKind>,
}

impl NodeSink for MemoryStore {
    fn store_node(&mut self, bytes: &[u8], _: Vec<Reference>) -> Result<BlobId> {
        let id = IdHasher::new(&SecretKey::from_bytes([1; 32])).blob(bytes);
        self.nodes.insert(id, bytes.to_vec());
        Ok(id)
    }
}

impl NodeStore for MemoryStore {
    fn load_blob(&self, id: &BlobId) -> Result<Vec<u8>> {
        self.nodes.get(id).cloned().ok_or_else(|| Error::new(ErrorKind::NotFound, "load a node").object(id))
    }
}

impl SegmentStore for MemoryStore {
    fn segment(&self, id: &SegmentId) -> Result<Arc<Segment>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(on_segment) = &self.on_segment {
            on_segment(id);
        }
        let missing = self.missing.unwrap_or(ErrorKind::NotFound);
        self.segments.get(id).cloned().ok_or_else(|| Error::new(missing, "read a segment").object(id))
    }
}

/// A snapshot being put together.
pub(crate) struct Snapshot {
    pub(crate) store: MemoryStore,
    pub(crate) entries: BTreeMap<EntryPath, Entry>,
    /// Content of files by path, holes as zeros.
    pub(crate) contents: HashMap<EntryPath, Vec<u8>>,
    open: Vec<Vec<u8>>,
    segments: u64,
    /// Longest blob.
    pub(crate) blob: usize,
    /// Length from which a segment is full.
    pub(crate) segment: usize,
}

pub(crate) fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

/// Bytes that do not repeat.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

impl Snapshot {
    pub(crate) fn new() -> Self {
        Snapshot {
            store: MemoryStore::default(),
            entries: BTreeMap::new(),
            contents: HashMap::new(),
            open: Vec::new(),
            segments: 0,
            blob: 64 * 1024,
            segment: 1024 * 1024,
        }
    }

    pub(crate) fn add(&mut self, path: EntryPath, kind: EntryKind) -> &mut Entry {
        let mode = if kind == EntryKind::Directory { 0o755 } else { 0o644 };
        let number = self.entries.len() as i64;
        let metadata = Metadata {
            mode,
            owner: Arc::new(Owner::ids(rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())),
            modified: Timestamp::new(1_600_000_000 + number, 123_456_789),
            ..Metadata::default()
        };
        let entry = Entry { path: path.clone(), kind, metadata, size: 0, holes: Vec::new(), content: Content::Empty };
        self.entries.insert(path.clone(), entry);
        self.entries.get_mut(&path).unwrap()
    }

    pub(crate) fn folder(&mut self, name: &str) -> &mut Entry {
        self.add(path(name), EntryKind::Directory)
    }

    pub(crate) fn symlink(&mut self, name: &str, target: &str) -> &mut Entry {
        self.add(path(name), EntryKind::Symlink { target: target.as_bytes().to_vec() })
    }

    pub(crate) fn file(&mut self, name: &str, bytes: &[u8]) -> &mut Entry {
        self.file_with_holes(path(name), bytes.to_vec(), Vec::new())
    }

    /// `bytes` is the whole file; what lies in holes must be zero.
    pub(crate) fn file_with_holes(&mut self, path: EntryPath, bytes: Vec<u8>, holes: Vec<Hole>) -> &mut Entry {
        let mut data = bytes.clone();
        for hole in holes.iter().rev() {
            data.drain(hole.offset as usize..(hole.offset + hole.length) as usize);
        }
        let content = match data.len() {
            0 => Content::Empty,
            1..=16 => Content::Inline(data),
            _ => {
                let runs = self.runs(&data);
                store_runs(runs, &mut self.store).unwrap()
            }
        };
        let size = bytes.len() as u64;
        self.contents.insert(path.clone(), bytes);
        let entry = self.add(path, EntryKind::File);
        (entry.size, entry.holes, entry.content) = (size, holes, content);
        entry
    }

    /// Stores content and says where.
    pub(crate) fn runs(&mut self, data: &[u8]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for blob in data.chunks(self.blob) {
            let position = self.open.len() as u32;
            let segment = self.segment_id();
            self.open.push(blob.to_vec());
            match runs.last_mut() {
                Some(run) if run.segment == segment => {
                    run.count += 1;
                    run.bytes += blob.len() as u64;
                }
                _ => runs.push(Run { segment, first: position, count: 1, bytes: blob.len() as u64 }),
            }
            if self.open.iter().map(Vec::len).sum::<usize>() >= self.segment {
                self.end_segment();
            }
        }
        runs
    }

    fn segment_id(&self) -> SegmentId {
        SegmentId::from_bytes(*blake3::hash(&self.segments.to_le_bytes()).as_bytes())
    }

    pub(crate) fn end_segment(&mut self) {
        if !self.open.is_empty() {
            let segment = Segment::of_blobs(&std::mem::take(&mut self.open));
            self.store.segments.insert(self.segment_id(), Arc::new(segment));
            self.segments += 1;
        }
    }

    /// Builds the tree.
    pub(crate) fn root(&mut self) -> BlobId {
        self.end_segment();
        let mut builder = TreeBuilder::new(Boundaries::new(&SecretKey::from_bytes([2; 32]), 4096));
        for entry in self.entries.values() {
            builder.push(entry.clone(), &mut self.store).unwrap();
        }
        builder.finish(&mut self.store).unwrap().0
    }

    pub(crate) fn try_restore(&mut self, options: &RestoreOptions, ctx: &Context) -> Result<RestoreReport> {
        let root = self.root();
        crate::restore::run(&self.store, root, options.target(), options, ctx)
    }

    pub(crate) fn restore(&mut self, options: &RestoreOptions) -> RestoreReport {
        self.try_restore(options, &Context::new()).unwrap()
    }

    /// Restores all of it and expects no problem.
    pub(crate) fn restore_to(&mut self, target: &Path) -> RestoreReport {
        let report = self.restore(&RestoreOptions::to(target));
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        report
    }

    /// Compares the target with the snapshot, both ways.
    pub(crate) fn expect_at(&self, target: &Path) {
        for (path, entry) in &self.entries {
            self.expect_entry(&target.join(path.to_path_buf()), entry);
        }
        let mut there = Vec::new();
        list(target, &EntryPath::root(), &mut there);
        let missing: Vec<_> = there.iter().filter(|path| !self.entries.contains_key(path)).collect();
        assert!(missing.is_empty(), "not in the snapshot: {missing:?}");
    }

    /// Compares one path with an entry.
    pub(crate) fn expect_entry(&self, at: &Path, entry: &Entry) {
        let found = std::fs::symlink_metadata(at).unwrap_or_else(|error| panic!("{}: {error}", at.display()));
        let file_type = found.file_type();
        let same_type = match &entry.kind {
            EntryKind::File => file_type.is_file(),
            EntryKind::Directory => file_type.is_dir(),
            EntryKind::Symlink { target } => std::fs::read_link(at).unwrap().as_os_str().as_bytes() == target,
            EntryKind::Fifo => file_type.is_fifo(),
            EntryKind::Socket => file_type.is_socket(),
            EntryKind::CharDevice { major, minor } => {
                file_type.is_char_device() && found.rdev() == rustix::fs::makedev(*major, *minor)
            }
            EntryKind::BlockDevice { major, minor } => {
                file_type.is_block_device() && found.rdev() == rustix::fs::makedev(*major, *minor)
            }
        };
        assert!(same_type, "{}: {found:?} is not {:?}", at.display(), entry.kind);
        let metadata = &entry.metadata;
        if !file_type.is_symlink() {
            assert_eq!(found.mode() & 0o7777, metadata.mode, "mode of {}", at.display());
        }
        assert_eq!((found.uid(), found.gid()), (metadata.owner.uid, metadata.owner.gid), "{}", at.display());
        let modified = (found.mtime(), found.mtime_nsec() as u32);
        assert_eq!(modified, (metadata.modified.seconds, metadata.modified.nanos), "time of {}", at.display());
        assert_eq!(xattrs(at), metadata.xattrs, "attributes of {}", at.display());
        if file_type.is_file() {
            assert_eq!(found.size(), entry.size, "size of {}", at.display());
            let expected = self.contents.get(&entry.path).map(Vec::as_slice).unwrap_or_default();
            assert!(std::fs::read(at).unwrap() == expected, "content of {}", at.display());
        }
    }
}

/// The portable attributes of a file.
pub(crate) fn xattrs(at: &Path) -> Vec<Xattr> {
    let at = CString::new(at.as_os_str().as_bytes()).unwrap();
    let mut names = vec![0; 65536];
    let length = rustix::fs::llistxattr(&*at, &mut names[..]).unwrap();
    let mut found = Vec::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 65536];
        let length = rustix::fs::lgetxattr(&*at, name, &mut value[..]).unwrap();
        found.push(Xattr { name: name.to_vec(), value: value[..length].to_vec() });
    }
    found.sort();
    found.retain(|xattr| !xattr.name.starts_with(b"security.") || xattr.name == b"security.capability");
    found
}

fn list(at: &Path, prefix: &EntryPath, found: &mut Vec<EntryPath>) {
    for item in std::fs::read_dir(at).unwrap() {
        let item = item.unwrap();
        let path = prefix.join(item.file_name().as_bytes()).unwrap();
        found.push(path.clone());
        if item.file_type().unwrap().is_dir() {
            list(&item.path(), &path, found);
        }
    }
}

/// Everything in a folder with its content, to see that nothing changed.
pub(crate) fn image(at: &Path) -> Vec<(EntryPath, String)> {
    let mut paths = Vec::new();
    list(at, &EntryPath::root(), &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let at = at.join(path.to_path_buf());
            let found = std::fs::symlink_metadata(&at).unwrap();
            let content = if found.is_file() { std::fs::read(&at).unwrap() } else { Vec::new() };
            let hash = blake3::hash(&content);
            let facts = format!(
                "{:o} {}:{} {} {}.{} {} {hash}",
                found.mode(),
                found.uid(),
                found.gid(),
                found.size(),
                found.mtime(),
                found.mtime_nsec(),
                found.ino()
            );
            (path, facts)
        })
        .collect()
}

/// The problems as `path reason`.
pub(crate) fn named(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{} {}", problem.path, problem.reason.name())).collect()
}

/// A folder for one test, in memory where there is room.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

pub(crate) fn os(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
