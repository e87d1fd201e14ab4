//! Repositories for the tests of operations: small pieces, so that a few megabytes make many packs.

use crate::backend::{Backend, Folder, ObjectInfo, ObjectName};
use crate::backup::{self, ChangeDetection, Start};
use crate::context::Context;
use crate::crypto::password::Cost;
use crate::format::bundle::Role;
use crate::format::config::{Config, Sizes};
use crate::format::entry::{Content, EntryKind};
use crate::format::lease::LeasePurpose;
use crate::format::segment::BlobKind;
use crate::id::{BlobId, PackId, SnapshotId};
use crate::source::FileSource;
use crate::store::Store;
use crate::store::blobs::SegmentStore;
use crate::store::devices::DeviceList;
use crate::store::keys::{self, Keys, NewRepository, Secret};
use crate::store::read::StoreReader;
use crate::store::repack::{self, Repacker, WholePack};
use crate::store::session::Session;
use crate::store::testing::TestBackend;
use crate::store::throttle::Throttle;
use crate::store::write::BlobWriter;
use crate::tree::{Cursor, RunReader};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

pub(crate) struct Fixture {
    pub(crate) backend: Arc<TestBackend>,
    pub(crate) folder: tempfile::TempDir,
    config: Config,
    keys: Keys,
    pub(crate) roots: Vec<(SnapshotId, BlobId)>,
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Moves every segment of every pack into new packs, as pruning does, and takes the old packs away.
pub(crate) fn move_all(store: &Arc<Store>) {
    let ctx = Context::new();
    let (mut packs, mut objects) = (Vec::new(), Vec::new());
    let list = |folder, found: &mut Vec<ObjectInfo>| {
        store
            .backend()
            .list(folder, &mut |info| {
                found.push(info);
                Ok(())
            })
            .unwrap();
    };
    list(Folder::Packs, &mut packs);
    list(Folder::Index, &mut objects);
    let mut repacker = Repacker::new(store, &ctx);
    for info in &packs {
        let pack = WholePack::read(store, &info.name.id().unwrap(), info.length, &Throttle::new(None), &ctx).unwrap();
        pack.segments(|_| Ok(true)).try_for_each(|segment| repacker.add(segment?)).unwrap();
    }
    repacker.finish().unwrap();
    let superseded = objects.iter().map(|info| info.name.id().unwrap()).collect();
    repack::list(store, Vec::new(), superseded).unwrap();
    for info in packs.iter().chain(&objects) {
        store.backend().delete(&info.name).unwrap();
    }
}

impl Fixture {
    /// A repository without snapshots.
    pub(crate) fn empty() -> Self {
        let backend = Arc::new(TestBackend::at(1_700_000_000));
        let sizes = Sizes {
            chunk_min: 1024,
            chunk_avg: 4096,
            chunk_max: 16 * 1024,
            segment: 64 * 1024,
            pack: 1024 * 1024,
            node: 4096,
            inline: 200,
        };
        let new = NewRepository { sizes, label: String::new(), cost: Cost::FLOOR, parity: None };
        let (config, keys) = keys::create(backend.as_ref(), &new, &Secret::passphrase("a passphrase")).unwrap();
        Fixture { backend, folder: tempfile::tempdir().unwrap(), config, keys, roots: Vec::new() }
    }

    /// A repository with one snapshot of a folder with files of many sizes.
    pub(crate) fn new() -> Self {
        let mut fixture = Fixture::empty();
        for number in 0..60u64 {
            let length = usize::try_from(number * number * 40).unwrap();
            fixture.write(&format!("folder-{}/file-{number:03}", number % 7), &noise(number, length));
        }
        fixture.write("large", &noise(1000, 5 << 20));
        fixture.back_up();
        fixture
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Backs up the folder; the snapshot is not stored, only its tree.
    pub(crate) fn back_up(&mut self) -> BlobId {
        let root = self.back_up_folder(self.folder.path());
        let number = u8::try_from(self.roots.len() + 1).unwrap();
        self.roots.push((SnapshotId::from_bytes([number; 32]), root));
        root
    }

    fn back_up_folder(&self, folder: &Path) -> BlobId {
        let (store, ctx) = (self.open(), Context::new());
        store.index().refresh(store.backend(), store.keys(), &ctx).unwrap();
        let reader = StoreReader::new(Arc::clone(&store), 1 << 22, &ctx);
        let pool = Arc::new(ctx.pool().unwrap());
        let devices = Arc::new(DeviceList::load(store.backend(), store.keys()).unwrap());
        let session = Arc::new(Session::begin(&store, &devices, LeasePurpose::Backup).unwrap());
        let mut writer = BlobWriter::new(&store, &session, 3, &ctx, Arc::clone(&pool)).unwrap();
        let mut source = FileSource::new([folder]);
        let meter = ctx.meter();
        let root = pool.install(|| {
            let changes = ChangeDetection::default();
            let done = backup::run(&mut source, &mut writer, &reader, Start::default(), changes, &meter, &ctx).unwrap();
            writer.flush().unwrap();
            done.root
        });
        drop(writer);
        root
    }

    /// The repository opened anew by its owner.
    pub(crate) fn open(&self) -> Arc<Store> {
        self.open_with(self.keys.clone())
    }

    /// The repository opened anew with what a role may.
    pub(crate) fn open_as(&self, role: Role) -> Arc<Store> {
        self.open_with(Keys::new(self.keys.bundle_for(role, None).unwrap(), None, None).unwrap())
    }

    fn open_with(&self, keys: Keys) -> Arc<Store> {
        let backend: Arc<dyn Backend> = Arc::clone(&self.backend) as Arc<dyn Backend>;
        Arc::new(Store::new(backend, self.config.clone(), keys, None))
    }

    /// A reader with an up-to-date index.
    pub(crate) fn reader(&self, store: &Arc<Store>) -> StoreReader {
        store.index().refresh(store.backend(), store.keys(), &Context::new()).unwrap();
        StoreReader::new(Arc::clone(store), 1 << 22, &Context::new())
    }

    /// Every pack with the kinds of its segments.
    pub(crate) fn packs(&self) -> BTreeMap<PackId, BTreeSet<u8>> {
        let store = self.open();
        let _ = self.reader(&store);
        let mut packs: BTreeMap<PackId, BTreeSet<u8>> = BTreeMap::new();
        let mut visit = |_: usize, place: crate::store::table::SegmentPlace| {
            packs.entry(place.pack).or_default().insert(place.header.kind as u8);
            Ok(())
        };
        store.index().for_each_segment(&mut visit).unwrap();
        packs
    }

    /// A pack that holds content of files only.
    pub(crate) fn data_pack(&self) -> PackId {
        let data = BTreeSet::from([BlobKind::Data as u8]);
        self.packs().into_iter().find(|(_, kinds)| *kinds == data).unwrap().0
    }

    /// A pack that holds nodes of trees.
    pub(crate) fn tree_pack(&self) -> PackId {
        self.packs().into_iter().find(|(_, kinds)| kinds.contains(&(BlobKind::Tree as u8))).unwrap().0
    }

    /// The files of a snapshot with the packs that their content is in.
    pub(crate) fn files(&self, root: BlobId) -> BTreeMap<String, BTreeSet<PackId>> {
        let store = self.open();
        let reader = self.reader(&store);
        let mut cursor = Cursor::new(&reader, root);
        let mut files = BTreeMap::new();
        while let Some(entry) = cursor.next().unwrap() {
            if matches!(entry.content, Content::Empty) {
                continue;
            }
            let mut runs = RunReader::new(&reader, &entry.content, entry.size, 0).unwrap();
            let mut packs = BTreeSet::new();
            while let Some((run, _)) = runs.next().unwrap() {
                packs.extend(store.index().segment(&run.segment).unwrap().into_iter().map(|place| place.pack));
            }
            files.insert(entry.path.to_string(), packs);
        }
        files
    }

    /// Reads the content of every file of a snapshot and compares it with the folder that was backed up.
    pub(crate) fn assert_content(&self, reader: &StoreReader, root: BlobId) {
        let mut cursor = Cursor::new(reader, root);
        while let Some(entry) = cursor.next().unwrap() {
            if entry.kind != EntryKind::File {
                continue;
            }
            let mut content = Vec::new();
            if let Content::Inline(bytes) = &entry.content {
                content.clone_from(bytes);
            }
            let mut runs = RunReader::new(reader, &entry.content, entry.size, 0).unwrap();
            while let Some((run, _)) = runs.next().unwrap() {
                let segment = reader.segment(&run.segment).unwrap();
                content.extend_from_slice(segment.run(run.first..run.first + run.count).unwrap());
            }
            assert!(content == std::fs::read(self.folder.path().join(entry.path.to_path_buf())).unwrap(), "{entry:?}");
        }
    }

    /// The files of a snapshot that have content in a pack.
    pub(crate) fn files_in(&self, root: BlobId, pack: &PackId) -> BTreeSet<String> {
        self.files(root).into_iter().filter(|(_, packs)| packs.contains(pack)).map(|(path, _)| path).collect()
    }

    pub(crate) fn pack_name(pack: &PackId) -> ObjectName {
        ObjectName::of(Folder::Packs, pack)
    }

    /// Changes the bytes of an object in place.
    pub(crate) fn damage(&self, name: &ObjectName, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.backend.bytes(name);
        change(&mut bytes);
        self.backend.replace(name, &bytes);
    }
}
