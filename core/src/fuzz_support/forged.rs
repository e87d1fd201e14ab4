//! Trees as somebody with a writer's key may write them: no backup would, and nobody else can.

use super::context;
use super::damaged::Damaged;
use crate::backend::{Backend, MemoryBackend};
use crate::format::entry::{Content, Entry, Timestamp};
use crate::format::lease::LeasePurpose;
use crate::format::node::{Child, Node, encode_inner, encode_leaf};
use crate::format::snapshot::{SnapshotBody, SnapshotCounts, SnapshotOutcome};
use crate::id::{BlobId, LineageId, SegmentId, SnapshotId};
use crate::store::Store;
use crate::store::blobs::NodeSink;
use crate::store::devices::DeviceList;
use crate::store::session::Session;
use crate::store::snapshots::{self, NewSnapshot};
use crate::store::write::BlobWriter;
use crate::store::{index, keys};
use crate::{
    AppEntry, BackupOptions, CheckOptions, EntryPath, Folder, Ownership, Repository, RestoreOptions, Result, Source,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Most content that a tree may claim, so that what is small here stays small when it is restored.
const MOST: u64 = 4 << 20;

/// Nodes, each behind two bytes with its length: those of a tree, the root last. What they refer to is exchanged for
/// what there is, or nothing would ever be found.
pub fn forged(data: &[u8]) {
    let backend = Damaged::sound().backend();
    let Ok(Some(snapshot)) = forge(&backend, data) else { return };
    let Ok(repository) = Repository::open(backend, &Damaged::secret()) else { panic!("a tree keeps nobody out") };
    look(&repository, &snapshot);
}

/// Everything that reads a tree.
fn look(repository: &Repository, snapshot: &SnapshotId) {
    let ctx = context();
    let checked = repository.check(&CheckOptions::new().verify_content(true), &ctx);
    assert!(
        checked.is_ok_and(|report| report.problems.iter().all(|one| one.snapshot.is_none_or(|id| id == *snapshot)))
    );
    if let Ok(listing) = repository.list(snapshot, &EntryPath::root(), true) {
        for entry in listing.flatten().take(1000) {
            assert!(entry.path.names().all(|name| name != b".." && name != b"."), "a name leads elsewhere");
            let _ = repository.entry(snapshot, &entry.path);
        }
    }
    let sound = Damaged::first();
    let _ = repository.diff(&sound, snapshot, &mut |_| Ok(()), &ctx);
    let _ = repository.diff(snapshot, &sound, &mut |_| Ok(()), &ctx);
    let _ = repository.export_tar(snapshot, &EntryPath::root(), &mut std::io::sink(), &ctx);
    let target = Target::new();
    let options = RestoreOptions::to(target.0.join("in")).owner(Ownership::Skip);
    let _ = repository.restore(snapshot, &options, &ctx);
    let beside = std::fs::read_dir(&target.0).map_or(0, Iterator::count);
    assert!(beside <= 1, "something is written beside the target");
    // The next backup builds on it.
    let entries = EntryPath::parse("short").map(|path| vec![AppEntry::bytes(path, "other")]).unwrap_or_default();
    let _ = repository.backup(Source::entries(entries), &BackupOptions::new().host("forged"), &ctx);
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

/// Writes the nodes and a snapshot of the last of them. None where there is no node, or where they claim too much.
fn forge(backend: &MemoryBackend, mut data: &[u8]) -> Result<Option<SnapshotId>> {
    let (config, keys) = keys::open(backend, &Damaged::secret())?;
    let store = Arc::new(Store::new(Arc::new(backend.clone()), config, keys, None));
    let ctx = context();
    store.index().refresh(store.backend(), store.keys(), &ctx)?;
    let devices = Arc::new(DeviceList::load(store.backend(), store.keys())?);
    let session = Arc::new(Session::begin(&store, &devices, LeasePurpose::Backup)?);
    let pool = Arc::new(ctx.pool()?);
    let mut writer = BlobWriter::new(&store, &session, 1, &ctx, Arc::clone(&pool))?;
    let (mut stored, mut claimed): (Vec<BlobId>, u64) = (Vec::new(), 0);
    while let Some((length, rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (node, rest) = rest.split_at(length);
        data = rest;
        let (bytes, references) = match Node::decode(node) {
            Ok(Node::Leaf(mut entries)) => {
                entries.iter_mut().for_each(|entry| point(&mut entry.content));
                claimed = entries.iter().map(claims).fold(claimed, u64::saturating_add);
                encode_leaf(&entries)?
            }
            Ok(Node::Inner { level, mut children }) => {
                for Child { id, .. } in &mut children {
                    *id = pick(&stored, id.as_bytes()).unwrap_or(*id);
                }
                encode_inner(level, &children)
            }
            Err(_) => (node.to_vec(), Vec::new()),
        };
        stored.push(pool.install(|| writer.store_node(&bytes, references))?);
    }
    let Some(root) = stored.last().copied().filter(|_| claimed <= MOST) else { return Ok(None) };
    pool.install(|| writer.flush())?;
    let new = NewSnapshot {
        root,
        time: Timestamp::new(5, 0),
        lineage: LineageId::from_bytes([4; 16]),
        session: session.id(),
        counts: SnapshotCounts::default(),
        parents: Vec::new(),
        outcome: SnapshotOutcome::Complete,
        body: SnapshotBody { host: "forged".to_owned(), ..SnapshotBody::default() },
    };
    snapshots::write(store.backend(), store.keys(), &devices, new).map(Some)
}

/// What an entry claims to hold, by its size and by what its content is said to be.
fn claims(entry: &Entry) -> u64 {
    let content = match &entry.content {
        Content::Runs(runs) => runs.iter().map(|run| run.bytes).fold(0, u64::saturating_add),
        _ => 0,
    };
    entry.size.max(content)
}

/// Lets content that is nowhere be content that is somewhere.
fn point(content: &mut Content) {
    match content {
        Content::Runs(runs) => {
            for run in runs {
                run.segment = pick(segments(), run.segment.as_bytes()).unwrap_or(run.segment);
            }
        }
        Content::List { id, .. } => *id = pick(lists(), id.as_bytes()).unwrap_or(*id),
        _ => {}
    }
}

/// One of these, by what an id begins with; where that is 255, none.
fn pick<T: Copy>(choices: &[T], id: &[u8; 32]) -> Option<T> {
    let number = id.first().copied().filter(|number| *number != u8::MAX)?;
    usize::from(number).checked_rem(choices.len()).and_then(|number| choices.get(number)).copied()
}

/// Segments and blobs of the sound repository.
fn contents() -> &'static (Vec<SegmentId>, Vec<BlobId>) {
    static CONTENTS: OnceLock<(Vec<SegmentId>, Vec<BlobId>)> = OnceLock::new();
    CONTENTS.get_or_init(|| find_contents().unwrap_or_default())
}

fn segments() -> &'static [SegmentId] {
    &contents().0
}

fn lists() -> &'static [BlobId] {
    &contents().1
}

fn find_contents() -> Result<(Vec<SegmentId>, Vec<BlobId>)> {
    let backend = Damaged::sound().backend();
    let (_, keys) = keys::open(&backend, &Damaged::secret())?;
    let (mut segments, mut blobs) = (Vec::new(), Vec::new());
    backend.list(Folder::Index, &mut |info| {
        let object = index::load(&backend, &keys, &info.name, info.length)?;
        for segment in object.packs.into_iter().flat_map(|pack| pack.contents.segments) {
            segments.push(segment.header.id);
            blobs.extend(segment.blobs);
        }
        Ok(())
    })?;
    Ok((segments, blobs))
}
