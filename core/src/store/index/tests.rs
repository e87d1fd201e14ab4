use super::*;
use crate::backend::Folder;
use crate::compress::Compression;
use crate::format::index::IndexObject;
use crate::format::pack::{PackContents, PackedSegment};
use crate::format::segment::{BlobKind, SegmentHeader};
use crate::id::SessionId;
use crate::store::testing::TestBackend;
use crate::testing::Fixture;
use proptest::prelude::*;
use std::path::Path;

/// A pack with two segments of its own and one blob that every pack holds.
fn pack(number: u8) -> IndexedPack {
    let segment = |which: u8| PackedSegment {
        header: SegmentHeader {
            id: SegmentId::from_bytes([number.wrapping_mul(2).wrapping_add(which); 32]),
            session: SessionId::from_bytes([number; 16]),
            counter: u64::from(which),
            kind: BlobKind::Data,
            compression: Compression::Stored,
            stored_length: 100,
            raw_length: 90,
            blob_count: 2,
        },
        offset: 1000 + 100 * u64::from(which),
        blobs: vec![blob(number, which), BlobId::from_bytes([0xff; 32])],
    };
    IndexedPack {
        id: PackId::from_bytes([number; 32]),
        length: 1300,
        contents: PackContents { start: 1000, segments: vec![segment(0), segment(1)] },
    }
}

fn blob(number: u8, which: u8) -> BlobId {
    BlobId::from_bytes(*blake3::hash(&[number, which]).as_bytes())
}

struct Setting {
    fixture: Fixture,
    keys: Keys,
}

impl Setting {
    fn new() -> Self {
        let fixture = Fixture::empty();
        let keys = fixture.open().keys().clone();
        Setting { fixture, keys }
    }

    fn backend(&self) -> &TestBackend {
        &self.fixture.backend
    }

    fn write(&self, packs: impl IntoIterator<Item = u8>, supersedes: &[IndexId]) -> IndexId {
        let object = IndexObject { supersedes: supersedes.to_vec(), packs: packs.into_iter().map(pack).collect() };
        write(self.backend(), &self.keys, &object).unwrap()
    }

    fn refresh(&self, index: &Index) -> Vec<ObjectName> {
        let rejected = index.refresh(self.backend(), &self.keys, &Context::new()).unwrap();
        rejected.into_iter().map(|(name, _)| name).collect()
    }

    fn fresh(&self) -> Index {
        let index = Index::default();
        assert!(self.refresh(&index).is_empty());
        index
    }
}

fn name(id: IndexId) -> ObjectName {
    ObjectName::of(Folder::Index, id)
}

fn listed(index: &Index) -> Vec<u8> {
    let packs: Vec<u8> = index.packs().unwrap().into_keys().map(|id| id.as_bytes()[0]).collect();
    for number in 0..=255 {
        assert_eq!(index.blob(&blob(number, 1)).unwrap().is_some(), packs.contains(&number), "{number}");
    }
    packs
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn superseded_objects_are_neither_read_nor_counted() {
    let setting = Setting::new();
    let one = setting.write([1], &[]);
    let two = setting.write([2], &[]);
    setting.write([2, 3], &[one, two]);
    setting.backend().refuse_read(Some((name(one), ErrorKind::Unavailable)));
    assert_eq!(listed(&setting.fresh()), [2, 3]);
    setting.backend().refuse_read(None);
    // Whoever loaded them before lets go of them.
    let index = setting.fresh();
    let all: Vec<IndexId> = setting.backend().names(Folder::Index).iter().map(|name| name.id().unwrap()).collect();
    let newest = setting.write([4], &all);
    assert!(setting.refresh(&index).is_empty());
    assert_eq!(listed(&index), [4]);
    assert_eq!(index.object_count().unwrap(), 1);
    // When the newer one goes away, the older ones count again.
    setting.backend().delete(&name(newest)).unwrap();
    assert!(setting.refresh(&index).is_empty());
    assert_eq!(listed(&index), [2, 3]);
}

#[test]
fn what_supersedes_need_not_be_newer_by_the_storage_clock() {
    let setting = Setting::new();
    let mut last = Vec::new();
    for number in 1..20 {
        setting.backend().set_clock(1_000_000 - i64::from(number));
        last.push(setting.write([number], &last));
    }
    assert_eq!(listed(&setting.fresh()), [19]);
}

#[test]
fn damaged_objects_are_named_unless_superseded() {
    let setting = Setting::new();
    let one = setting.write([1], &[]);
    setting.write([2], &[]);
    setting.fixture.damage(&name(one), |bytes| bytes[60] ^= 1);
    let index = Index::default();
    assert_eq!(setting.refresh(&index), [name(one)]);
    assert_eq!(listed(&index), [2]);
    setting.write([1], &[one]);
    assert!(setting.refresh(&index).is_empty());
    assert_eq!(listed(&index), [1, 2]);
    // A sector that cannot be read, and an epoch that is not known, cost one object too.
    let three = setting.write([3], &[]);
    setting.backend().refuse_read(Some((name(three), ErrorKind::Io)));
    assert_eq!(setting.refresh(&index), [name(three)]);
    setting.backend().refuse_read(None);
    setting.fixture.damage(&name(three), |bytes| bytes[8] = 9);
    assert_eq!(setting.refresh(&index), [name(three)]);
    assert_eq!(listed(&index), [1, 2]);
}

#[test]
fn tables_in_a_folder_are_used_again() {
    let setting = Setting::new();
    let folder = tempfile::tempdir().unwrap();
    let index = Index::with_folder(folder.path().join("deep/er"));
    for number in 1..30 {
        setting.write([number], &[]);
        assert!(setting.refresh(&index).is_empty());
    }
    let last = setting.write([40], &[]);
    index.add(last, &[pack(40)]).unwrap();
    let expected = listed(&index);
    assert_eq!(expected.len(), 30);
    assert!(index.folder_problem().is_none());
    let kept = files(&folder.path().join("deep/er"));
    assert!((1..8).contains(&kept.len()), "{kept:?}");
    // Nothing is read from storage again.
    for object in setting.backend().names(Folder::Index) {
        setting.fixture.damage(&object, |bytes| bytes[60] ^= 1);
    }
    let again = Index::with_folder(folder.path().join("deep/er"));
    assert!(setting.refresh(&again).is_empty());
    assert_eq!(listed(&again), expected);
    assert_eq!(again.object_count().unwrap(), 30);
}

#[test]
fn a_damaged_table_is_built_anew() {
    let setting = Setting::new();
    for number in 1..9 {
        setting.write([number], &[]);
    }
    let changes: [fn(&mut Vec<u8>); 4] =
        [|bytes| *bytes.last_mut().unwrap() ^= 1, |bytes| bytes[100] ^= 1, |bytes| bytes.truncate(1000), Vec::clear];
    for change in changes {
        let folder = tempfile::tempdir().unwrap();
        setting.refresh(&Index::with_folder(folder.path()));
        let [file] = files(folder.path()).try_into().unwrap();
        let sound = std::fs::read(&file).unwrap();
        let mut bytes = sound.clone();
        change(&mut bytes);
        std::fs::write(&file, bytes).unwrap();
        let index = Index::with_folder(folder.path());
        setting.refresh(&index);
        assert_eq!(listed(&index), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(std::fs::read(&file).unwrap(), sound);
    }
}

/// A pack whose table is too large to be kept in memory.
fn large_pack() -> IndexedPack {
    let id = |number: u32, what: &str| *blake3::hash(format!("{what} {number}").as_bytes()).as_bytes();
    let mut large = pack(1);
    let [segment, _] = large.contents.segments.try_into().unwrap();
    let segment = |number: u32| PackedSegment {
        header: SegmentHeader {
            id: SegmentId::from_bytes(id(number, "segment")),
            blob_count: 100,
            ..segment.header.clone()
        },
        blobs: (0..100).map(|blob| BlobId::from_bytes(id(number * 100 + blob, "blob"))).collect(),
        ..segment.clone()
    };
    large.contents.segments = (0..1200).map(segment).collect();
    large.length = 200_000;
    large
}

#[test]
fn damage_under_way_ends_one_call_and_is_mended_by_the_next_refresh() {
    let setting = Setting::new();
    let packs = vec![large_pack()];
    let blobs: Vec<BlobId> = packs[0].contents.segments.iter().map(|segment| segment.blobs[0]).collect();
    write(setting.backend(), &setting.keys, &IndexObject { supersedes: Vec::new(), packs }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let index = Index::with_folder(folder.path());
    assert!(setting.refresh(&index).is_empty());
    let [file] = files(folder.path()).try_into().unwrap();
    // The open file shrinks under the reader.
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(10).unwrap();
    let error = index.blob(&blobs[0]).unwrap_err();
    assert!(error.to_string().contains("try again"), "{error}");
    assert!(!file.exists());
    setting.refresh(&index);
    assert!(blobs.iter().all(|blob| index.blob(blob).unwrap().is_some()));
    assert!(file.exists());
}

#[test]
fn a_folder_that_cannot_be_written_costs_memory_only() {
    let setting = Setting::new();
    setting.write([1, 2], &[]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let index = Index::with_folder(file.path().join("below a file"));
    assert!(setting.refresh(&index).is_empty());
    assert!(index.folder_problem().is_some());
    assert_eq!(listed(&index), [1, 2]);
}

#[test]
fn repositories_share_a_folder_in_peace() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [Setting::new(), Setting::new()];
    for (number, setting) in (1u8..).zip(&settings) {
        setting.write([number], &[]);
        setting.refresh(&Index::with_folder(folder.path()));
    }
    std::fs::write(folder.path().join("notes.txt"), "the app's own").unwrap();
    let before = files(folder.path());
    assert_eq!(before.len(), 3);
    for (number, setting) in (1u8..).zip(&settings) {
        let index = Index::with_folder(folder.path());
        setting.refresh(&index);
        assert_eq!(listed(&index), [number]);
    }
    assert_eq!(files(folder.path()), before);
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<u8>, Vec<prop::sample::Index>),
    Delete(prop::sample::Index),
    Add(u8),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let packs = || prop::collection::vec(any::<u8>(), 1..6);
    prop_oneof![
        4 => (packs(), Just(Vec::new())).prop_map(|(packs, none)| Step::Write(packs, none)),
        1 => (packs(), prop::collection::vec(any::<prop::sample::Index>(), 1..4))
            .prop_map(|(packs, old)| Step::Write(packs, old)),
        1 => any::<prop::sample::Index>().prop_map(Step::Delete),
        2 => any::<u8>().prop_map(Step::Add),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn tables_on_disk_and_in_memory_say_the_same(steps in prop::collection::vec(step(), 1..25)) {
        let setting = Setting::new();
        let folder = tempfile::tempdir().unwrap();
        let mut on_disk = Index::with_folder(folder.path());
        let in_memory = Index::default();
        let mut written: Vec<IndexId> = Vec::new();
        let mut closures: BTreeMap<IndexId, BTreeSet<IndexId>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Write(packs, old) => {
                    let mut closure = BTreeSet::new();
                    for id in old.iter().filter(|_| !written.is_empty()).map(|index| *index.get(&written)) {
                        closure.insert(id);
                        closure.extend(closures.get(&id).into_iter().flatten().copied());
                    }
                    let packs: BTreeSet<u8> = packs.into_iter().collect();
                    let id = setting.write(packs, &closure.iter().copied().collect::<Vec<_>>());
                    closures.insert(id, closure);
                    written.push(id);
                }
                Step::Delete(index) if !written.is_empty() => {
                    let id = written.swap_remove(index.index(written.len()));
                    setting.backend().delete(&name(id)).unwrap();
                }
                Step::Delete(_) => {}
                Step::Add(number) => {
                    let id = setting.write([number], &[]);
                    written.push(id);
                    on_disk.add(id, &[pack(number)]).unwrap();
                    in_memory.add(id, &[pack(number)]).unwrap();
                }
                Step::Reopen => on_disk = Index::with_folder(folder.path()),
            }
            prop_assert!(setting.refresh(&on_disk).is_empty());
            prop_assert!(setting.refresh(&in_memory).is_empty());
            let fresh = setting.fresh();
            prop_assert_eq!(listed(&on_disk), listed(&fresh));
            prop_assert_eq!(listed(&in_memory), listed(&fresh));
            for number in 0..=255u8 {
                let id = SegmentId::from_bytes([number; 32]);
                let places = |index: &Index| {
                    let places: BTreeSet<String> = index.segment(&id).unwrap().iter().map(|place| format!("{place:?}")).collect();
                    places
                };
                prop_assert_eq!(places(&on_disk), places(&fresh));
            }
            prop_assert_eq!(on_disk.object_count().unwrap(), fresh.object_count().unwrap());
        }
        prop_assert!(on_disk.folder_problem().is_none());
    }
}

#[test]
fn an_object_under_another_name_is_refused() {
    let setting = Setting::new();
    let id = setting.write([1], &[]);
    let name = ObjectName::of(Folder::Index, id);
    let length = setting.backend().stat(&name).unwrap().length;
    assert!(load(setting.backend(), &setting.keys, &name, length).is_ok());
    let bytes = setting.backend().read(&name, 0..length).unwrap();
    let other = ObjectName::of(Folder::Index, IndexId::from_bytes([9; 32]));
    setting.backend().put(&other, &[&bytes]).unwrap();
    let refused = load(setting.backend(), &setting.keys, &other, length).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
}
