//! Trees as somebody with a writer's key may write them: no backup would, and nobody else can. All that reads trees reads
//! them, out of memory, as if every seal were opened.

use super::context;
use crate::crypto::hash;
use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::{Content, Entry, Run};
use crate::format::node::{Node, RunList, encode_inner, encode_leaf};
use crate::format::segment::Segment;
use crate::id::{BlobId, SegmentId};
use crate::path::EntryPath;
use crate::restore::{self, FileReader};
use crate::store::blobs::{NodeStore, SegmentStore};
use crate::tree::{self, Cursor};
use crate::{Ownership, RestoreOptions};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most content that a tree may claim, so that what is small here stays small when it is restored.
const MOST: u64 = 1 << 20;
/// Segments, each with as many blobs, of one byte, two bytes, and so on.
const SEGMENTS: u8 = 4;
const BLOBS: u32 = 5;

/// Nodes and run lists, each behind two bytes with its length: those of a tree, the root last. What they refer to is
/// exchanged for what there is, or nothing would ever be found.
pub fn forged(data: &[u8]) {
    let mut store = Memory::new();
    let sound = store.add(&encode_leaf(&[]).unwrap_or_default().0);
    let Some(root) = store.take(data) else { return };
    look(&Arc::new(store), root, sound);
}

/// Everything that reads a tree.
fn look(memory: &Arc<Memory>, root: BlobId, sound: BlobId) {
    let ctx = context();
    let store: Arc<dyn SegmentStore + Send + Sync> = Arc::clone(memory) as _;
    let nodes: &dyn NodeStore = &**memory;
    let mut cursor = Cursor::new(nodes, root);
    let mut last: Option<EntryPath> = None;
    for _ in 0..1000 {
        let entry = match cursor.next() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(_) => continue,
        };
        assert!(entry.path.names().all(|name| name != b".." && name != b"."), "a name leads elsewhere");
        assert!(last.is_none_or(|last| last < entry.path), "entries ascend");
        let _ = tree::lookup(nodes, root, &entry.path);
        last = Some(entry.path.clone());
        if let Ok(mut reader) = FileReader::new(Arc::clone(&store), entry) {
            let _ = std::io::copy(&mut reader.by_ref().take(MOST), &mut std::io::sink());
        }
    }
    let _ = tree::totals(nodes, root);
    let _ = tree::diff(nodes, sound, root, &mut |_| Ok(()));
    let _ = tree::diff(nodes, root, sound, &mut |_| Ok(()));
    let _ = restore::to_tar(&store, root, &EntryPath::root(), &mut std::io::sink(), &ctx);
    let target = Target::new();
    let options = RestoreOptions::to(target.0.join("in")).owner(Ownership::Skip);
    let _ = restore::run(&**memory, root, options.target(), &options, &ctx);
    let beside = std::fs::read_dir(&target.0).map_or(0, Iterator::count);
    assert!(beside <= 1, "something is written beside the target");
}

/// What the tree refers to.
struct Memory {
    nodes: HashMap<BlobId, Vec<u8>>,
    /// Their ids, in the order in which they came.
    order: Vec<BlobId>,
    segments: HashMap<SegmentId, Arc<Segment>>,
    /// Content that the tree claims to have.
    claimed: u64,
}

impl Memory {
    fn new() -> Self {
        let mut segments = HashMap::new();
        for number in 0..SEGMENTS {
            let content = (0..BLOBS).flat_map(|blob| vec![number; blob as usize + 1]);
            let raw = content.chain((0..BLOBS).flat_map(|blob| (blob + 1).to_le_bytes())).collect();
            let Ok(segment) = Segment::parse(raw, BLOBS) else { panic!("a sound segment is taken apart") };
            segments.insert(SegmentId::from_bytes([number; 32]), Arc::new(segment));
        }
        Memory { nodes: HashMap::new(), order: Vec::new(), segments, claimed: 0 }
    }

    fn add(&mut self, bytes: &[u8]) -> BlobId {
        let id = BlobId::from_bytes(hash::name(bytes));
        self.nodes.insert(id, bytes.to_vec());
        self.order.push(id);
        id
    }

    /// Takes nodes in and returns the last. None where there is none, or where they claim too much.
    fn take(&mut self, mut data: &[u8]) -> Option<BlobId> {
        let mut root = None;
        while let Some((length, rest)) = data.split_first_chunk::<2>() {
            let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
            let (node, rest) = rest.split_at(length);
            data = rest;
            let bytes = match (Node::decode(node), RunList::decode(node)) {
                (Ok(Node::Leaf(mut entries)), _) => {
                    entries.iter_mut().for_each(|entry| self.point_entry(entry));
                    encode_leaf(&entries).ok()?.0
                }
                (Ok(Node::Inner { level, mut children }), _) => {
                    children.iter_mut().for_each(|child| self.point_blob(&mut child.id));
                    encode_inner(level, &children).0
                }
                (_, Ok(RunList::Runs(mut runs))) => {
                    runs.iter_mut().for_each(|run| self.point_run(run));
                    RunList::Runs(runs).encode().0
                }
                (_, Ok(RunList::Lists { level, mut children })) => {
                    children.iter_mut().for_each(|child| self.point_blob(&mut child.id));
                    RunList::Lists { level, children }.encode().0
                }
                _ => node.to_vec(),
            };
            root = Some(self.add(&bytes));
        }
        root.filter(|_| self.claimed <= MOST)
    }

    fn point_entry(&mut self, entry: &mut Entry) {
        self.claimed = self.claimed.saturating_add(entry.size);
        match &mut entry.content {
            Content::Runs(runs) => runs.iter_mut().for_each(|run| self.point_run(run)),
            Content::List { id, .. } => self.point_blob(id),
            _ => {}
        }
    }

    fn point_run(&mut self, run: &mut Run) {
        self.claimed = self.claimed.saturating_add(run.bytes);
        if let Some(number) = choice(run.segment.as_bytes()).and_then(|number| number.checked_rem(SEGMENTS)) {
            run.segment = SegmentId::from_bytes([number; 32]);
        }
    }

    fn point_blob(&self, id: &mut BlobId) {
        let chosen = choice(id.as_bytes()).and_then(|number| usize::from(number).checked_rem(self.order.len()));
        if let Some(there) = chosen.and_then(|number| self.order.get(number)) {
            *id = *there;
        }
    }
}

/// What an id begins with says which of those that are there is meant; 255, that it is not there.
fn choice(id: &[u8; 32]) -> Option<u8> {
    id.first().copied().filter(|number| *number != u8::MAX)
}

impl NodeStore for Memory {
    fn load_blob(&self, id: &BlobId) -> Result<Vec<u8>> {
        self.nodes.get(id).cloned().ok_or_else(|| Error::new(ErrorKind::NotFound, "load a node").object(id))
    }
}

impl SegmentStore for Memory {
    fn segment(&self, id: &SegmentId) -> Result<Arc<Segment>> {
        let missing = || Error::new(ErrorKind::NotFound, "read a segment").object(id);
        self.segments.get(id).cloned().ok_or_else(missing)
    }
}

/// A folder that is gone afterwards.
struct Target(PathBuf);

impl Target {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let within = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let folder = within.join(format!("strongroom-fuzz-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        assert!(std::fs::create_dir(&folder).is_ok(), "there is no place to restore to");
        Target(folder)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
