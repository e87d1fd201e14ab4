//! What somebody with a writer's key can do beside backing up: lie in the index, and write trees no backup would.

use super::*;
use crate::backend::{Folder, MemoryBackend};
use crate::format::entry::{Content, Entry, EntryKind, Hole, Metadata, Run};
use crate::format::index::IndexObject;
use crate::format::lease::LeasePurpose;
use crate::format::node::{Child, Totals, encode_inner, encode_leaf};
use crate::format::pack::{IndexedPack, PackedSegment};
use crate::format::segment::BlobKind;
use crate::format::snapshot::{SnapshotBody, SnapshotCounts, SnapshotOutcome};
use crate::id::{BlobId, IndexId, LineageId, PackId, SegmentId};
use crate::store::blobs::NodeSink;
use crate::store::index;
use crate::store::session::Session;
use crate::store::snapshots::{self, NewSnapshot};
use crate::store::write::BlobWriter;
use crate::testing::noise;
use crate::{
    AppEntry, BackupOptions, CheckOptions, EntryPath, ErrorKind, NewKey, Outcome, RestoreOptions, SnapshotFilter,
    Source,
};
use std::collections::BTreeMap;
use std::path::Path;

struct Scene {
    backend: MemoryBackend,
    owner: Repository,
    writer: Repository,
    snapshot: SnapshotId,
    folder: tempfile::TempDir,
}

fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

fn content(number: u64) -> Vec<u8> {
    noise(number, 3000 + usize::try_from(number).unwrap() * 400)
}

const FILES: u64 = 40;

impl Scene {
    fn new() -> Self {
        let backend = MemoryBackend::new();
        let sizes = crate::ChunkSizes::new(1024, 2048, 4096);
        let options = CreateOptions::new().chunk_sizes(sizes).segment_size(64 << 10).pack_size(1 << 20).inline_limit(0);
        let secret = |number| Secret::account_key([number; 32]);
        let owner = Repository::create(backend.clone(), &secret(1), &options).unwrap();
        owner.add_key(&NewKey::new(secret(2), Role::Writer)).unwrap();
        let files = (0..FILES).map(|number| AppEntry::bytes(path(&format!("{number:02}")), content(number)));
        let source = Source::entries(files.collect::<Vec<_>>());
        let report = owner.backup(source, &BackupOptions::new(), &Context::new()).unwrap();
        let writer = Repository::open(backend.clone(), &secret(2)).unwrap();
        let snapshot = report.snapshot.unwrap();
        Scene { backend, owner, writer, snapshot, folder: tempfile::tempdir().unwrap() }
    }

    fn reopened(&self) -> Repository {
        Repository::open(self.backend.clone(), &Secret::account_key([1; 32])).unwrap()
    }

    fn index_objects(&self) -> BTreeMap<IndexId, IndexObject> {
        let mut objects = BTreeMap::new();
        let mut load = |info: crate::ObjectInfo| {
            let keys = self.writer.store.keys();
            objects.insert(info.name.id()?, index::load(&self.backend, keys, &info.name, info.length)?);
            Ok(())
        };
        self.backend.list(Folder::Index, &mut load).unwrap();
        objects
    }

    /// Restores; every file is right, or is named. Returns how many are not right.
    fn wrong(&self, repo: &Repository, what: &str) -> u64 {
        let target = tempfile::tempdir_in(self.folder.path()).unwrap();
        let report = match repo.restore(&self.snapshot, &RestoreOptions::to(target.path()), &Context::new()) {
            Ok(report) => report,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound), "{what}: {error:?}");
                return FILES;
            }
        };
        let mut wrong = 0;
        for number in 0..FILES {
            let name = format!("{number:02}");
            if std::fs::read(target.path().join(&name)).ok() != Some(content(number)) {
                wrong += 1;
                let named = report.problems.iter().any(|problem| problem.path.is_root() || problem.path == path(&name));
                assert!(named, "{what}: {name} is wrong and not named: {:?}", report.problems);
            }
        }
        assert_eq!(report.outcome == Outcome::Complete, wrong == 0, "{what}");
        wrong
    }

    /// Writes tree nodes with the writer's key, and a snapshot of the last of them.
    fn forge(&self, nodes: &[(Vec<u8>, Vec<crate::format::pack::Reference>)]) -> SnapshotId {
        let store = &self.writer.store;
        let ctx = Context::new();
        let devices = Arc::new(self.writer.devices_list().unwrap());
        let session = Arc::new(Session::begin(store, &devices, LeasePurpose::Backup).unwrap());
        let pool = Arc::new(ctx.pool().unwrap());
        let mut writer = BlobWriter::new(store, &session, 3, &ctx, Arc::clone(&pool)).unwrap();
        let root = pool.install(|| {
            let stored = nodes.iter().map(|(bytes, references)| writer.store_node(bytes, references.clone()).unwrap());
            let root = stored.last().unwrap();
            writer.flush().unwrap();
            root
        });
        self.forge_snapshot(root, session.id())
    }

    fn forge_snapshot(&self, root: BlobId, session: crate::SessionId) -> SnapshotId {
        let new = NewSnapshot {
            root,
            time: Timestamp::new(5, 0),
            lineage: LineageId::from_bytes([4; 16]),
            session,
            counts: SnapshotCounts::default(),
            parents: Vec::new(),
            outcome: SnapshotOutcome::Complete,
            body: SnapshotBody::default(),
        };
        let devices = self.writer.devices_list().unwrap();
        snapshots::write(&self.backend, self.writer.store.keys(), &devices, new).unwrap()
    }
}

fn entry(at: &str, kind: EntryKind, size: u64, content: Content) -> Entry {
    Entry {
        path: path(at),
        kind,
        metadata: Metadata { mode: 0o755, ..Metadata::default() },
        size,
        holes: Vec::new(),
        content,
    }
}

fn file(at: &str, size: u64, content: Content) -> Entry {
    entry(at, EntryKind::File, size, content)
}

fn leaf(entries: &[Entry]) -> (Vec<u8>, Vec<crate::format::pack::Reference>) {
    encode_leaf(entries).unwrap()
}

/// Every segment, with what its pack says of it exchanged for that of the one behind it.
fn rotated<T: Clone>(pack: &mut IndexedPack, get: impl Fn(&PackedSegment) -> T, set: impl Fn(&mut PackedSegment, T)) {
    let values: Vec<T> = pack.contents.segments.iter().map(get).collect();
    let others = values.iter().cycle().skip(1).cloned();
    pack.contents.segments.iter_mut().zip(others).for_each(|(segment, other)| set(segment, other));
}

#[test]
fn an_index_that_lies_never_makes_wrong_bytes_right() {
    type Lie = (&'static str, fn(&mut IndexedPack));
    let lies: [Lie; 9] = [
        ("ids of segments", |pack| rotated(pack, |segment| segment.header.id, |segment, id| segment.header.id = id)),
        ("blobs of segments", |pack| {
            rotated(
                pack,
                |segment| segment.blobs.clone(),
                |segment, blobs| {
                    segment.header.blob_count = u32::try_from(blobs.len()).unwrap();
                    segment.blobs = blobs;
                },
            );
        }),
        ("order of blobs", |pack| pack.contents.segments.iter_mut().for_each(|segment| segment.blobs.reverse())),
        ("counters", |pack| pack.contents.segments.iter_mut().for_each(|segment| segment.header.counter ^= 1)),
        ("kinds", |pack| {
            for segment in &mut pack.contents.segments {
                segment.header.kind =
                    if segment.header.kind == BlobKind::Data { BlobKind::Tree } else { BlobKind::Data };
            }
        }),
        ("lengths", |pack| pack.contents.segments.iter_mut().for_each(|segment| segment.header.stored_length += 100)),
        ("raw lengths", |pack| {
            pack.contents.segments.iter_mut().for_each(|segment| segment.header.raw_length = u32::MAX - 7);
        }),
        ("another pack", |pack| pack.id = PackId::from_bytes([9; 32])),
        ("sessions", |pack| {
            pack.contents
                .segments
                .iter_mut()
                .for_each(|segment| segment.header.session = crate::SessionId::from_bytes([1; 16]));
        }),
    ];
    for (what, lie) in lies {
        for supersede in [false, true] {
            let scene = Scene::new();
            let honest = scene.index_objects();
            let supersedes: Vec<IndexId> = honest.keys().filter(|_| supersede).copied().collect();
            let mut packs: Vec<IndexedPack> = honest.into_values().flat_map(|object| object.packs).collect();
            packs.iter_mut().for_each(lie);
            // What no honest build would write may not be readable either; then nothing is to be believed of it.
            let object = IndexObject { supersedes, packs };
            index::write(&scene.backend, scene.writer.store.keys(), &object).unwrap();
            let repo = scene.reopened();
            let wrong = scene.wrong(&repo, what);
            assert!(wrong == 0 || supersede, "{what}: beside the honest index {wrong} files cannot be read");
            let report =
                repo.check(&CheckOptions::new().read_data(100.0).verify_content(true), &Context::new()).unwrap();
            assert!(report.is_sound() == (wrong == 0 && report.problems.is_empty()), "{what}: {:?}", report.problems);
            assert!(wrong == 0 || !report.is_sound(), "{what}: {:?}", report.problems);
            // Packs say themselves what they hold.
            let rebuilt = repo.rebuild_index(&Context::new()).unwrap();
            assert_eq!(rebuilt.outcome, Outcome::Complete, "{what}");
            assert_eq!(scene.wrong(&scene.reopened(), what), 0, "{what}");
            let report = repo.check(&CheckOptions::new().read_data(100.0), &Context::new()).unwrap();
            assert!(report.is_sound(), "{what}: {:?}", report.problems);
        }
    }
}

#[test]
fn an_index_object_that_hides_all_others_is_made_good() {
    let scene = Scene::new();
    let supersedes = scene.index_objects().into_keys().collect();
    let object = IndexObject { supersedes, packs: Vec::new() };
    index::write(&scene.backend, scene.writer.store.keys(), &object).unwrap();
    let repo = scene.reopened();
    assert_eq!(scene.wrong(&repo, "hidden"), FILES);
    let report = repo.check(&CheckOptions::new(), &Context::new()).unwrap();
    assert!(!report.is_sound() && report.unindexed_packs > 0, "{report:?}");
    assert!(repo.rebuild_index(&Context::new()).unwrap().packs_added > 0);
    assert_eq!(scene.wrong(&scene.reopened(), "made good"), 0);
}

/// Whatever the tree says: no panic, nothing outside the target, and other snapshots as they were.
fn assert_harmless(scene: &Scene, forged: &SnapshotId, what: &str) {
    let repo = scene.reopened();
    let outside = scene.folder.path().join("outside");
    let _ = std::fs::remove_dir_all(&outside);
    let target = outside.join("target");
    std::fs::create_dir_all(&target).unwrap();
    let kinds = [ErrorKind::Corrupt, ErrorKind::NotFound, ErrorKind::Unsupported];
    match repo.restore(forged, &RestoreOptions::to(&target), &Context::new()) {
        Ok(report) => assert!(report.problem_count > 0, "{what}: {report:?}"),
        Err(error) => assert!(kinds.contains(&error.kind()), "{what}: {error:?}"),
    }
    let beside: Vec<_> = std::fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["target"], "{what}");
    match repo.list(forged, &EntryPath::root(), true) {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => assert!(entry.path.names().all(|name| name != b".." && name != b"."), "{what}"),
                    Err(error) => assert!(kinds.contains(&error.kind()), "{what}: {error:?}"),
                }
            }
        }
        Err(error) => assert!(kinds.contains(&error.kind()), "{what}: {error:?}"),
    }
    let diff = repo.diff(&scene.snapshot, forged, &mut |_| Ok(()), &Context::new());
    assert!(diff.is_ok() || diff.is_err_and(|error| kinds.contains(&error.kind())), "{what}");
    let report = repo.check(&CheckOptions::new().verify_content(true), &Context::new()).unwrap();
    // The lengths of single blobs stand in the segments, and only reading the file looks at them.
    assert!(!report.is_sound() || what == "other lengths", "{what}: a check finds nothing");
    assert!(
        report.problems.iter().all(|problem| problem.snapshot.is_none_or(|snapshot| snapshot == *forged)),
        "{what}: {:?}",
        report.problems
    );
    assert_eq!(scene.wrong(&repo, what), 0, "{what}");
    let listed: Vec<_> = repo.snapshots(&SnapshotFilter::all()).unwrap().map(|one| one.unwrap().id).collect();
    assert!(listed.contains(&scene.snapshot) && listed.contains(forged));
}

#[test]
fn a_tree_with_names_that_lead_elsewhere() {
    let scene = Scene::new();
    for name in ["..", ".", "a/", "/a", "\0a", "a\0"] {
        // A name of the same length, exchanged in the encoded node.
        let stand_in = if name.len() == 1 { "Q" } else { "QZ" };
        for within in ["", "folder/"] {
            let mut entries = vec![file(&format!("{within}{stand_in}"), 0, Content::Empty)];
            if !within.is_empty() {
                entries.insert(0, entry("folder", EntryKind::Directory, 0, Content::Empty));
            }
            let (mut bytes, references) = leaf(&entries);
            let at = bytes.windows(stand_in.len()).rposition(|window| window == stand_in.as_bytes()).unwrap();
            bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
            let scene = Scene::new_like(&scene);
            let forged = scene.forge(&[(bytes, references)]);
            assert_harmless(&scene, &forged, &format!("{within:?} and {name:?}"));
        }
    }
}

#[test]
fn a_snapshot_of_nothing_that_is_there() {
    let scene = Scene::new();
    let packs = scene.index_objects().into_values().flat_map(|object| object.packs);
    let segments: Vec<PackedSegment> = packs.flat_map(|pack| pack.contents.segments).collect();
    let data = segments.iter().find(|segment| segment.header.kind == BlobKind::Data).unwrap();
    let roots = [("a root that is nowhere", BlobId::from_bytes([7; 32])), ("a root that is content", data.blobs[0])];
    for (what, root) in roots {
        let scene = Scene::new_like(&scene);
        let forged = scene.forge_snapshot(root, data.header.session);
        assert_harmless(&scene, &forged, what);
    }
}

#[test]
fn files_that_claim_content_they_do_not_have() {
    let scene = Scene::new();
    let packs: Vec<IndexedPack> = scene.index_objects().into_values().flat_map(|object| object.packs).collect();
    let segments = packs.iter().flat_map(|pack| &pack.contents.segments);
    let of = |kind| segments.clone().find(|segment| segment.header.kind == kind).unwrap().header.clone();
    let (data, tree) = (of(BlobKind::Data), of(BlobKind::Tree));
    let runs = |segment: SegmentId, first, count, bytes| Content::Runs(vec![Run { segment, first, count, bytes }]);
    let claims = [
        ("more blobs than there are", file("a", 9000, runs(data.id, 0, u32::MAX, 9000))),
        ("blobs behind the last", file("a", 9000, runs(data.id, data.blob_count, 1, 9000))),
        ("a position beyond all", file("a", 9000, runs(data.id, u32::MAX, 1, 9000))),
        ("other lengths", file("a", 1, runs(data.id, 0, 2, 1))),
        ("exabytes", file("a", 1 << 60, runs(data.id, 0, 1, 1 << 60))),
        ("a segment that is nowhere", file("a", 5, runs(SegmentId::from_bytes([3; 32]), 0, 1, 5))),
        ("a segment of tree nodes", file("a", 5, runs(tree.id, 0, 1, 5))),
        ("a list that is nowhere", file("a", 5, Content::List { id: BlobId::from_bytes([3; 32]), levels: 1 })),
        ("a size without content", file("a", 5, Content::Empty)),
        ("content without a size", file("a", 0, Content::Inline(b"12345".to_vec()))),
        ("more inline than its size", file("a", 3, Content::Inline(b"12345".to_vec()))),
        (
            "holes that overlap",
            Entry {
                holes: vec![Hole { offset: 0, length: 10 }, Hole { offset: 5, length: 10 }],
                ..file("a", 20, Content::Inline(b"12345".to_vec()))
            },
        ),
        (
            "a hole beyond the end",
            Entry {
                holes: vec![Hole { offset: u64::MAX - 1, length: 5 }],
                ..file("a", 20, Content::Inline(b"12345".to_vec()))
            },
        ),
        ("content of a folder", entry("a", EntryKind::Directory, 5, Content::Inline(b"12345".to_vec()))),
    ];
    for (what, claim) in claims {
        let scene = Scene::new_like(&scene);
        // What cannot even be encoded cannot be claimed.
        let honest = file("b", 4, Content::Inline(b"good".to_vec()));
        let Ok((bytes, references)) = encode_leaf(&[claim, honest]) else { continue };
        let forged = scene.forge(&[(bytes, references)]);
        let repo = scene.reopened();
        let target = scene.folder.path().join(format!("target of {what}"));
        let entry = repo.entry(&forged, &path("b"));
        if entry.as_ref().is_ok_and(|entry| entry.content == Content::Inline(b"good".to_vec())) {
            // The node is readable: then the other file in it is not lost.
            let report = repo.restore(&forged, &RestoreOptions::to(&target), &Context::new()).unwrap();
            assert_eq!((report.outcome, report.problem_count), (Outcome::Partial, 1), "{what}: {report:?}");
            assert_eq!(report.problems[0].path, path("a"), "{what}");
            assert_eq!(std::fs::read(target.join("b")).unwrap(), b"good");
            assert!(is_small_or_gone(&target.join("a")), "{what}");
        }
        assert_harmless(&scene, &forged, what);
    }
}

fn is_small_or_gone(file: &Path) -> bool {
    std::fs::metadata(file)
        .map_or(true, |metadata| metadata.is_dir() || std::os::unix::fs::MetadataExt::blocks(&metadata) < 100)
}

impl Scene {
    /// The same repository and storage, for one forgery of many.
    fn new_like(scene: &Scene) -> Scene {
        let backend = MemoryBackend::new();
        for folder in Folder::ALL {
            let mut copy = |info: crate::ObjectInfo| {
                let bytes = scene.backend.read(&info.name, 0..info.length)?;
                backend.put(&info.name, &[&bytes])
            };
            scene.backend.list(folder, &mut copy).unwrap();
        }
        let open = |number| Repository::open(backend.clone(), &Secret::account_key([number; 32])).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Scene { owner: open(1), writer: open(2), snapshot: scene.snapshot, folder, backend: backend.clone() }
    }
}

/// A small tree that claims to be of any size: what it says of itself is not believed, and nothing is read twice for it.
#[test]
fn nodes_that_claim_what_is_not_below_them() {
    let below = leaf(&[file("m", 1, Content::Inline(b"1".to_vec()))]);
    let scene = Scene::new();
    let id = scene.writer.store.hasher().unwrap().blob(&below.0);
    let totals = Totals { entries: u64::MAX / 4, files: u64::MAX / 4, bytes: u64::MAX / 4 };
    let child = |first: &[u8], id: BlobId| Child { first: first.to_vec(), id, totals };
    let cases = [
        ("the same child under many names", 1, vec![child(b"a", id), child(b"m", id), child(b"z", id)]),
        ("a child under another name", 1, vec![child(b"b", id)]),
        ("a level that is not there", 9, vec![child(b"m", id), child(b"n", id)]),
        ("children that do not ascend", 1, vec![child(b"m", id), child(b"a", id)]),
        ("no children", 1, Vec::new()),
    ];
    for (what, level, children) in cases {
        let scene = Scene::new_like(&scene);
        let forged = scene.forge(&[below.clone(), encode_inner(level, &children)]);
        assert_harmless(&scene, &forged, what);
    }
    assert_eq!(scene.owner.role(), Role::Owner);
}
