use super::*;
use crate::backend::{Backend, Folder, ObjectName};
use crate::check::{self, CheckOptions};
use crate::format::bundle::Role;
use crate::format::index::IndexObject;
use crate::format::pack::IndexedPack;
use crate::id::{IndexId, PackId};
use crate::report::Outcome;
use crate::store::Store;
use crate::store::index;
use crate::store::packs::read_contents;
use crate::store::read::StoreReader;
use crate::testing::{Fixture, noise};
use crate::{Budget, Context, ErrorKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

fn rebuild(fixture: &Fixture) -> RebuildReport {
    rebuild_index(&fixture.open(), BTreeSet::new(), &Context::new()).unwrap()
}

#[track_caller]
fn assert_sound(fixture: &Fixture) {
    let reader = StoreReader::new(fixture.open(), 1 << 22, &Context::new());
    let options = CheckOptions::new().read_data(100.0).verify_content(true);
    let report = check::run(&reader, &fixture.roots, &options, &Context::new()).unwrap();
    assert!(report.is_sound(), "{:#?}", report.problems);
    assert_eq!(report.unindexed_packs, 0);
}

/// Everything the index says, as text.
fn listing(store: &Arc<Store>) -> BTreeSet<String> {
    store.index().refresh(store.backend(), store.keys(), &Context::new()).unwrap();
    let mut lines = BTreeSet::new();
    store
        .index()
        .for_each_segment(&mut |_, place| {
            lines.insert(format!("{place:?}"));
            Ok(())
        })
        .unwrap();
    lines.extend(store.index().packs().unwrap().into_iter().map(|pack| format!("{pack:?}")));
    lines
}

fn delete_index(fixture: &Fixture) {
    for name in fixture.backend.names(Folder::Index) {
        fixture.backend.delete(&name).unwrap();
    }
}

fn contents(store: &Store, id: &PackId) -> IndexedPack {
    let length = store.backend().stat(&Fixture::pack_name(id)).unwrap().length;
    IndexedPack { id: *id, length, contents: read_contents(store, id, length).unwrap().1 }
}

#[test]
fn a_lost_index_comes_back_whole() {
    let mut fixture = Fixture::new();
    fixture.write("more", &noise(9, 300_000));
    fixture.back_up();
    let before = listing(&fixture.open());
    let packs: BTreeMap<ObjectName, Vec<u8>> = fixture
        .backend
        .names(Folder::Packs)
        .into_iter()
        .map(|name| (name.clone(), fixture.backend.bytes(&name)))
        .collect();
    for role in [Role::Owner, Role::Writer, Role::Maintainer] {
        delete_index(&fixture);
        let store = fixture.open_as(role);
        let report = rebuild_index(&store, BTreeSet::new(), &Context::new()).unwrap();
        assert_eq!((report.outcome, report.packs), (Outcome::Complete, packs.len() as u64), "{report:?}");
        assert_eq!((report.packs_added, report.objects_superseded), (report.packs, 0));
        assert!(report.objects_written >= 1 && report.blobs > report.segments);
        assert_eq!(listing(&store), before);
        assert_eq!(listing(&fixture.open()), before);
        assert_sound(&fixture);
    }
    for (name, bytes) in packs {
        assert_eq!(fixture.backend.bytes(&name), bytes);
    }
}

#[test]
fn a_complete_index_is_left_alone() {
    let fixture = Fixture::new();
    let names = fixture.backend.names(Folder::Index);
    let report = rebuild(&fixture);
    assert!(report.was_complete(), "{report:?}");
    assert_eq!(fixture.backend.names(Folder::Index), names);
    // An empty repository has nothing to list.
    assert!(rebuild(&Fixture::empty()).was_complete());
}

#[test]
fn what_is_missing_or_damaged_is_mended_and_what_is_right_stays() {
    let mut fixture = Fixture::new();
    let old = fixture.backend.names(Folder::Index);
    fixture.write("more", &noise(9, 300_000));
    fixture.back_up();
    let before = listing(&fixture.open());
    let new = fixture.backend.names(Folder::Index).into_iter().find(|name| !old.contains(name)).unwrap();
    let rubbish = ObjectName::of(Folder::Index, IndexId::from_bytes([7; 32]));
    fixture.backend.put(&rubbish, &[b"rubbish"]).unwrap();
    fixture.backend.put(&"index/readme.txt".parse().unwrap(), &[b"rubbish"]).unwrap();
    fixture.damage(&new, |bytes| bytes[70] ^= 1);
    let report = rebuild(&fixture);
    assert_eq!(report.objects_superseded, 2);
    assert!(report.packs_added >= 1 && report.packs_added < report.packs, "{report:?}");
    assert_eq!(listing(&fixture.open()), before);
    assert_sound(&fixture);
    assert!(rebuild(&fixture).was_complete());
}

#[test]
fn lost_packs_are_no_longer_listed_and_the_next_backup_heals() {
    let mut fixture = Fixture::new();
    let pack = fixture.data_pack();
    fixture.backend.delete(&Fixture::pack_name(&pack)).unwrap();
    let report = rebuild(&fixture);
    assert_eq!((report.outcome, report.objects_superseded), (Outcome::Complete, 1));
    let store = fixture.open();
    listing(&store);
    assert!(!store.index().packs().unwrap().contains_key(&pack));
    // The folder still has the content: backing it up again stores what is missing.
    let root = fixture.back_up();
    fixture.roots = vec![(fixture.roots[0].0, root)];
    assert_sound(&fixture);
    assert!(rebuild(&fixture).was_complete());
}

#[test]
fn lies_about_packs_are_superseded() {
    let fixture = Fixture::new();
    let before = listing(&fixture.open());
    let store = fixture.open();
    let ids: Vec<PackId> = fixture.packs().into_keys().collect();
    // What one pack holds is listed for another, beside something right.
    let (right, mut wrong) = (contents(&store, &ids[0]), contents(&store, &ids[1]));
    wrong.contents.segments.pop();
    let lie = IndexObject { supersedes: Vec::new(), packs: vec![right, wrong] };
    delete_index(&fixture);
    index::write(store.backend(), store.keys(), &lie).unwrap();
    let report = rebuild(&fixture);
    assert_eq!(report.objects_superseded, 1);
    assert_eq!(report.packs_added, ids.len() as u64 - 1);
    assert_eq!(listing(&fixture.open()), before);
    assert_sound(&fixture);
    assert!(rebuild(&fixture).was_complete());
}

#[test]
fn packs_that_cannot_be_read_are_named() {
    let fixture = Fixture::new();
    let before = listing(&fixture.open());
    let pack = fixture.data_pack();
    let name = Fixture::pack_name(&pack);
    // The trailer is damaged; the index still knows what the pack holds.
    fixture.damage(&name, |bytes| *bytes.last_mut().unwrap() ^= 1);
    let report = rebuild(&fixture);
    assert_eq!((report.outcome, report.unreadable_count, report.objects_written), (Outcome::Partial, 1, 0));
    assert!(report.unreadable[0].kept && report.unreadable[0].name == name);
    assert_eq!(listing(&fixture.open()), before);
    // Without the index nobody knows.
    delete_index(&fixture);
    let stray = Fixture::pack_name(&PackId::from_bytes([5; 32]));
    fixture.backend.put(&stray, &[&noise(1, 5000)]).unwrap();
    let report = rebuild(&fixture);
    assert_eq!((report.outcome, report.unreadable_count), (Outcome::Partial, 2));
    let named: BTreeSet<String> = report.unreadable.iter().map(|pack| pack.name.to_string()).collect();
    assert_eq!(named, [name.to_string(), stray.to_string()].into());
    assert!(report.unreadable.iter().all(|pack| !pack.kept));
    let store = fixture.open();
    let listed = listing(&store);
    assert!(listed.is_subset(&before) && listed.len() < before.len());
    assert!(!store.index().packs().unwrap().contains_key(&pack));
    // Truncated at any length: named, never more.
    for length in [0, 7, 40, 60, 1200, 5000, 100_000] {
        let fixture = Fixture::new();
        fixture.damage(&Fixture::pack_name(&fixture.data_pack()), |bytes| bytes.truncate(length));
        let report = rebuild(&fixture);
        assert_eq!((report.unreadable_count, report.objects_superseded), (1, 1));
        assert!(!report.unreadable[0].kept);
    }
}

#[test]
fn contents_of_a_pack_are_those_the_index_lists() {
    let fixture = Fixture::new();
    let store = fixture.open_as(Role::Maintainer);
    let listed = listing(&store);
    for id in fixture.packs().into_keys() {
        let pack = contents(&store, &id);
        for segment in pack.contents.segments {
            let place = crate::store::table::SegmentPlace { header: segment.header, pack: id, offset: segment.offset };
            assert!(listed.contains(&format!("{place:?}")));
        }
        let error = read_contents(&store, &id, pack.length - 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.object_name().is_some_and(|name| name.contains(&id.to_string())));
    }
}

#[test]
fn a_deadline_keeps_what_is_done() {
    let fixture = Fixture::new();
    delete_index(&fixture);
    let ctx = Context::new().budget(Budget::default().deadline_in(Duration::ZERO));
    let report = rebuild_index(&fixture.open(), BTreeSet::new(), &ctx).unwrap();
    assert_eq!(report.outcome, Outcome::Suspended);
    assert!(!report.was_complete());
    assert_eq!(rebuild(&fixture).outcome, Outcome::Complete);
    assert_sound(&fixture);
}

#[test]
fn stats_count_what_is_shared_once() {
    let mut fixture = Fixture::new();
    let count = |fixture: &Fixture| {
        let reader = StoreReader::new(fixture.open(), 1 << 22, &Context::new());
        stats(&reader, &fixture.roots, &Context::new()).unwrap()
    };
    let one = count(&fixture);
    let files: u64 = (0..60u64).map(|number| number * number * 40).sum::<u64>() + (5 << 20);
    assert_eq!((one.raw_bytes, one.snapshots[0].files, one.snapshots[0].bytes), (files, 61, files));
    // What is short stands in the tree; everything else is stored once.
    assert!(one.deduplicated_bytes <= files && one.deduplicated_bytes + 1000 > files, "{one:?}");
    assert!(one.stored_bytes > one.deduplicated_bytes);
    assert_eq!(one.packs, fixture.packs().len() as u64);
    assert!(one.tree_nodes >= 2 && one.blobs > one.segments && one.segments > one.data_segments);
    assert_eq!((one.index_objects, one.unreadable_nodes), (fixture.backend.names(Folder::Index).len() as u64, 0));
    fixture.back_up();
    let two = count(&fixture);
    assert_eq!((two.raw_bytes, two.snapshots.len()), (files * 2, 2));
    assert_eq!(
        (two.deduplicated_bytes, two.tree_nodes, two.stored_bytes),
        (one.deduplicated_bytes, one.tree_nodes, one.stored_bytes)
    );
    fixture.write("copy", &noise(1000, 5 << 20));
    fixture.write("new", &noise(2000, 50_000));
    fixture.back_up();
    let three = count(&fixture);
    assert_eq!(three.deduplicated_bytes, one.deduplicated_bytes + 50_000);
    assert_eq!(three.snapshots[2].files, 63);
    // A lost root is told.
    fixture.roots.push((crate::SnapshotId::from_bytes([9; 32]), crate::BlobId::from_bytes([9; 32])));
    let four = count(&fixture);
    assert_eq!((four.unreadable_nodes, four.snapshots[3].readable), (1, false));
    assert_eq!(four.deduplicated_bytes, three.deduplicated_bytes);
}
