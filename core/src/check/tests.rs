//! Every kind of damage is found, called by its name, and hides nothing else.

use super::*;
use crate::backend::{Backend, Folder, ObjectName};
use crate::format::bundle::Role;
use crate::id::PackId;
use crate::store::testing::Look;
use crate::testing::{Fixture, move_all, noise};
use crate::{Budget, CancelToken};
use std::collections::BTreeSet;
use std::time::Duration;

fn structure() -> CheckOptions {
    CheckOptions::new()
}

fn data() -> CheckOptions {
    CheckOptions::new().read_data(100.0)
}

fn content() -> CheckOptions {
    data().verify_content(true)
}

fn check(fixture: &Fixture, options: &CheckOptions) -> CheckReport {
    let store = fixture.open();
    let reader = StoreReader::new(store, 1 << 22, &Context::new());
    run(&reader, &fixture.roots, options, &Context::new()).unwrap()
}

fn kinds(report: &CheckReport) -> BTreeSet<&'static str> {
    report.problems.iter().map(|problem| problem.kind.name()).collect()
}

fn lost_files(report: &CheckReport) -> BTreeSet<String> {
    report.of_kind(CheckKind::DamagedFile).map(|problem| problem.path.as_ref().unwrap().to_string()).collect()
}

/// Asserts that these kinds of problems were found and no others, and that these files are lost and no others.
#[track_caller]
fn assert_found(report: &CheckReport, expected: &[&'static str], files: &BTreeSet<String>) {
    assert_eq!(kinds(report), expected.iter().copied().collect(), "{:#?}", report.problems);
    assert_eq!(&lost_files(report), files, "{:#?}", report.problems);
    assert_eq!(report.is_sound(), expected.is_empty());
    assert_eq!(report.problem_count, report.problems.len() as u64);
    assert_eq!(report.outcome, Outcome::Complete);
}

fn pack_name(pack: &PackId) -> ObjectName {
    Fixture::pack_name(pack)
}

fn none() -> BTreeSet<String> {
    BTreeSet::new()
}

#[test]
fn a_sound_repository_is_sound() {
    let mut fixture = Fixture::new();
    fixture.write("folder-1/file-001", &noise(77, 3000));
    fixture.back_up();
    let report = check(&fixture, &structure());
    assert_found(&report, &[], &none());
    assert_eq!(report.snapshots, 2);
    assert!(report.packs >= 6 && report.packs_read == 0 && report.nodes >= 2, "{report:?}");
    assert!(report.files >= 61 && report.entries > report.files && report.bytes > 5 << 20, "{report:?}");
    assert!(report.notes.is_empty());
    let report = check(&fixture, &content());
    assert_found(&report, &[], &none());
    assert_eq!((report.packs_read, report.bytes_read), (report.packs, report.pack_bytes));
    assert!(report.segments_opened > 80, "{report:?}");
}

#[test]
fn shared_nodes_are_walked_once() {
    let mut fixture = Fixture::new();
    let once = check(&fixture, &structure());
    fixture.back_up();
    let twice = check(&fixture, &structure());
    assert_eq!((once.nodes, once.entries, once.bytes), (twice.nodes, twice.entries, twice.bytes));
    assert_eq!(twice.snapshots, 2);
}

#[test]
fn a_missing_pack_is_named_with_the_files_it_costs() {
    let fixture = Fixture::new();
    let pack = fixture.data_pack();
    let files = fixture.files_in(fixture.roots[0].1, &pack);
    assert!(!files.is_empty() && files.len() < 61);
    fixture.backend.delete(&pack_name(&pack)).unwrap();
    for options in [structure(), data(), content()] {
        let report = check(&fixture, &options);
        assert_found(&report, &["missing_pack", "missing_segment", "damaged_file"], &files);
        let named: Vec<&str> = report.of_kind(CheckKind::MissingPack).map(|problem| problem.object.as_str()).collect();
        assert_eq!(named, [pack_name(&pack).to_string()]);
        assert!(report.problems.iter().all(|problem| problem.snapshot.is_none_or(|id| id == fixture.roots[0].0)));
    }
}

#[test]
fn every_snapshot_that_suffers_is_named() {
    let mut fixture = Fixture::new();
    fixture.back_up();
    let pack = fixture.data_pack();
    let files = fixture.files_in(fixture.roots[0].1, &pack);
    fixture.backend.delete(&pack_name(&pack)).unwrap();
    let report = check(&fixture, &structure());
    assert_eq!(report.of_kind(CheckKind::DamagedFile).count(), files.len() * 2);
    for (snapshot, _) in &fixture.roots {
        let of_it = report.of_kind(CheckKind::DamagedFile).filter(|problem| problem.snapshot == Some(*snapshot));
        assert_eq!(of_it.count(), files.len());
    }
}

#[test]
fn a_truncated_pack_costs_what_was_behind_the_cut() {
    let fixture = Fixture::new();
    let pack = fixture.data_pack();
    let files = fixture.files_in(fixture.roots[0].1, &pack);
    fixture.damage(&pack_name(&pack), |bytes| bytes.truncate(bytes.len() / 2));
    let report = check(&fixture, &structure());
    assert_eq!(kinds(&report), ["wrong_length", "damaged_segment", "damaged_file"].into());
    assert!(lost_files(&report).is_subset(&files) && !lost_files(&report).is_empty());
    // Only the trailer is gone: every segment is still there.
    let fixture = Fixture::new();
    let pack = fixture.data_pack();
    fixture.damage(&pack_name(&pack), |bytes| bytes.truncate(bytes.len() - 1));
    assert_found(&check(&fixture, &structure()), &["wrong_length"], &none());
}

#[test]
fn a_flipped_bit_is_found_by_reading_and_costs_one_segment() {
    let fixture = Fixture::new();
    let pack = fixture.data_pack();
    let files = fixture.files_in(fixture.roots[0].1, &pack);
    fixture.damage(&pack_name(&pack), |bytes| bytes[200_000] ^= 1);
    assert_found(&check(&fixture, &structure()), &[], &none());
    for options in [data(), content()] {
        let report = check(&fixture, &options);
        assert_eq!(kinds(&report), ["damaged_pack", "damaged_segment", "damaged_file"].into());
        assert_eq!(report.of_kind(CheckKind::DamagedSegment).count(), 1, "{:#?}", report.problems);
        assert!(lost_files(&report).is_subset(&files) && !lost_files(&report).is_empty());
    }
}

#[test]
fn damage_outside_of_segments_costs_no_file() {
    let fixture = Fixture::new();
    let pack = fixture.data_pack();
    fixture.damage(&pack_name(&pack), |bytes| *bytes.last_mut().unwrap() ^= 1);
    for options in [data(), content()] {
        assert_found(&check(&fixture, &options), &["damaged_pack"], &none());
    }
}

#[test]
fn a_damaged_header_costs_nothing_while_another_pack_has_the_session_key() {
    let fixture = Fixture::new();
    for at in [0, 20, 60, 500] {
        for pack in fixture.packs().into_keys() {
            let name = pack_name(&pack);
            let sound = fixture.backend.bytes(&name);
            fixture.damage(&name, |bytes| bytes[at] ^= 1);
            assert_found(&check(&fixture, &structure()), &[], &none());
            for options in [data(), content()] {
                assert_found(&check(&fixture, &options), &["damaged_pack"], &none());
            }
            fixture.backend.replace(&name, &sound);
        }
    }
}

#[test]
fn a_node_that_is_stored_twice_is_lost_with_the_second_copy_only() {
    let mut fixture = Fixture::empty();
    (0..500).for_each(|number| fixture.write(&format!("{number}"), b"content"));
    fixture.back_up();
    // A second writer that does not know of the first one stores the same nodes.
    let hidden: Vec<_> =
        fixture.backend.names(Folder::Index).into_iter().map(|name| (fixture.backend.bytes(&name), name)).collect();
    let first: Vec<PackId> = fixture.packs().into_keys().collect();
    hidden.iter().for_each(|(_, name)| fixture.backend.delete(name).unwrap());
    let root = fixture.back_up();
    assert_eq!(root, fixture.roots[0].1);
    hidden.iter().for_each(|(bytes, name)| fixture.backend.put(name, &[bytes]).unwrap());
    let second: Vec<PackId> = fixture.packs().into_keys().filter(|pack| !first.contains(pack)).collect();
    assert!(!first.is_empty() && !second.is_empty());
    assert_found(&check(&fixture, &content()), &[], &none());
    for packs in [&first, &second] {
        let sound: Vec<_> = packs.iter().map(|pack| fixture.backend.bytes(&pack_name(pack))).collect();
        packs.iter().for_each(|pack| fixture.backend.delete(&pack_name(pack)).unwrap());
        assert_found(&check(&fixture, &structure()), &["missing_pack"], &none());
        packs.iter().zip(&sound).for_each(|(pack, bytes)| fixture.backend.put(&pack_name(pack), &[bytes]).unwrap());
    }
}

#[test]
fn another_pack_in_its_place_is_found() {
    let fixture = Fixture::new();
    let packs: Vec<PackId> = fixture.packs().into_keys().collect();
    let pack = fixture.data_pack();
    let other = packs.iter().find(|other| **other != pack).unwrap();
    let files = fixture.files_in(fixture.roots[0].1, &pack);
    let bytes = fixture.backend.bytes(&pack_name(other));
    fixture.backend.replace(&pack_name(&pack), &bytes);
    let report = check(&fixture, &data());
    let by_length = kinds(&report).contains("wrong_length");
    let found = if by_length { "wrong_length" } else { "damaged_pack" };
    assert_found(&report, &[found, "damaged_segment", "damaged_file"], &files);
}

#[test]
fn two_packs_that_changed_places_are_found() {
    let fixture = Fixture::new();
    let names: Vec<ObjectName> = fixture.packs().keys().map(pack_name).collect();
    let (first, second) = (fixture.backend.bytes(&names[0]), fixture.backend.bytes(&names[1]));
    fixture.backend.replace(&names[0], &second);
    fixture.backend.replace(&names[1], &first);
    let report = check(&fixture, &data());
    let named: BTreeSet<&str> = report
        .problems
        .iter()
        .filter(|problem| matches!(problem.kind, CheckKind::WrongLength | CheckKind::DamagedPack))
        .map(|problem| problem.object.as_str())
        .collect();
    assert_eq!(
        named,
        names.iter().take(2).map(ToString::to_string).collect::<Vec<_>>().iter().map(String::as_str).collect()
    );
}

#[test]
fn lost_trees_are_named_by_what_they_held() {
    let fixture = Fixture::new();
    let pack = fixture.tree_pack();
    fixture.backend.delete(&pack_name(&pack)).unwrap();
    let report = check(&fixture, &structure());
    assert!(
        kinds(&report).contains("missing_pack") && kinds(&report).contains("missing_node"),
        "{:#?}",
        report.problems
    );
    let node = report.of_kind(CheckKind::MissingNode).next().unwrap();
    assert_eq!(node.snapshot, Some(fixture.roots[0].0));
    assert!(node.detail.contains("nothing of this snapshot can be read"), "{node}");
}

#[test]
fn a_damaged_leaf_costs_what_it_held_and_nothing_else() {
    let mut fixture = Fixture::empty();
    for number in 0..3000 {
        fixture.write(&format!("{number:05}"), format!("content {number}").as_bytes());
    }
    let root = fixture.back_up();
    let store = fixture.open();
    let reader = fixture.reader(&store);
    // Some segment of the tree that does not hold the root.
    let root_segment = store.index().blob_segment(&root).unwrap().unwrap().0;
    let mut place = None;
    store
        .index()
        .for_each_segment(&mut |_, found| {
            if found.header.id != root_segment {
                place = Some(found);
            }
            Ok(())
        })
        .unwrap();
    drop(reader);
    let place = place.unwrap();
    let at = usize::try_from(place.offset).unwrap() + 100;
    fixture.damage(&pack_name(&place.pack), |bytes| bytes[at] ^= 1);
    let report = check(&fixture, &structure());
    assert_eq!(kinds(&report), ["damaged_node"].into());
    let lost: u64 = report
        .of_kind(CheckKind::DamagedNode)
        .map(|problem| problem.detail.split("; ").last().unwrap().split(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(lost + report.entries, 3001);
    assert!(report.entries > 500, "{} entries", report.entries);
}

#[test]
fn a_lost_index_object_is_told_from_lost_packs() {
    let fixture = Fixture::new();
    for name in fixture.backend.names(Folder::Index) {
        fixture.backend.delete(&name).unwrap();
    }
    let report = check(&fixture, &structure());
    assert_eq!(kinds(&report), ["missing_from_index"].into());
    assert_eq!(report.packs, 0);
    assert_eq!(report.unindexed_packs, report.of_kind(CheckKind::UnindexedPack).count() as u64);
    assert!(report.unindexed_packs >= 6);
}

#[test]
fn a_damaged_index_object_is_named() {
    let mut fixture = Fixture::new();
    let before = fixture.backend.names(Folder::Index);
    fixture.write("new", &noise(5, 100_000));
    fixture.back_up();
    let new = fixture.backend.names(Folder::Index).into_iter().find(|name| !before.contains(name)).unwrap();
    fixture.damage(&new, |bytes| bytes[50] ^= 1);
    let report = check(&fixture, &structure());
    assert_eq!(kinds(&report), ["damaged_index", "missing_from_index"].into());
    assert_eq!(report.of_kind(CheckKind::DamagedIndex).next().unwrap().object, new.to_string());
    // The first snapshot has nothing to do with it.
    assert!(report.problems.iter().all(|problem| problem.snapshot.is_none_or(|id| id == fixture.roots[1].0)));
}

#[test]
fn rubbish_is_noted_and_no_damage() {
    let fixture = Fixture::new();
    let rubbish = ["packs/zz", "index/readme.txt"].map(|name| name.parse::<ObjectName>().unwrap());
    let stray = ObjectName::of(Folder::Packs, PackId::from_bytes([9; 32]));
    for name in rubbish.iter().chain([&stray]) {
        fixture.backend.put(name, &[b"rubbish"]).unwrap();
    }
    let report = check(&fixture, &data());
    assert_found(&report, &[], &none());
    let noted: Vec<String> = report.notes.iter().map(|note| note.object.clone()).collect();
    assert_eq!(noted.len(), 3);
    for name in rubbish.iter().chain([&stray]) {
        assert!(noted.contains(&name.to_string()));
    }
    // Something under the name of an index object might be one.
    let index = ObjectName::of(Folder::Index, PackId::from_bytes([9; 32]));
    fixture.backend.put(&index, &[b"rubbish"]).unwrap();
    assert_found(&check(&fixture, &structure()), &["damaged_index"], &none());
}

#[test]
fn maintainers_and_writers_check_what_they_can() {
    let fixture = Fixture::new();
    let pack = fixture.data_pack();
    for role in [Role::Maintainer, Role::Writer] {
        let reader = StoreReader::new(fixture.open_as(role), 1 << 22, &Context::new());
        let report = run(&reader, &fixture.roots, &data(), &Context::new()).unwrap();
        assert_found(&report, &[], &none());
        assert!(report.trees_skipped && report.nodes == 0 && report.packs_read == report.packs);
        let refused = run(&reader, &fixture.roots, &content(), &Context::new()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Forbidden);
    }
    fixture.damage(&pack_name(&pack), |bytes| bytes[200_000] ^= 1);
    let reader = StoreReader::new(fixture.open_as(Role::Maintainer), 1 << 22, &Context::new());
    let report = run(&reader, &fixture.roots, &data(), &Context::new()).unwrap();
    assert_found(&report, &["damaged_pack"], &none());
}

#[test]
fn a_share_of_the_packs_is_chosen_by_the_seed() {
    let fixture = Fixture::new();
    let half = |seed| check(&fixture, &CheckOptions::new().read_data(50.0).seed(seed));
    let report = half(1);
    assert!(report.packs_read > 0 && report.packs_read < report.packs);
    assert!(report.bytes_read * 2 >= report.pack_bytes);
    // Over several seeds, damage that one choice misses is found.
    let pack = fixture.data_pack();
    fixture.damage(&pack_name(&pack), |bytes| bytes[200_000] ^= 1);
    let found = (0..20).filter(|seed| !half(*seed).is_sound()).count();
    assert!((1..20).contains(&found), "{found}");
    assert_eq!(half(3).is_sound(), half(3).is_sound());
    assert_eq!(check(&fixture, &CheckOptions::new().read_data(0.0)).packs_read, 0);
}

#[test]
fn a_pack_that_storage_refuses_hides_no_other() {
    let fixture = Fixture::new();
    let pack = fixture.data_pack();
    fixture.backend.refuse_read(Some((pack_name(&pack), ErrorKind::PermissionDenied)));
    let report = check(&fixture, &data());
    let files = fixture.files_in(fixture.roots[0].1, &pack);
    assert_found(&report, &["unreadable", "damaged_file"], &files);
    fixture.backend.refuse_read(Some((pack_name(&pack), ErrorKind::Unavailable)));
    let reader = StoreReader::new(fixture.open(), 1 << 22, &Context::new());
    let error = run(&reader, &fixture.roots, &data(), &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn it_stops_when_told() {
    let fixture = Fixture::new();
    let reader = StoreReader::new(fixture.open(), 1 << 22, &Context::new());
    let ctx = Context::new().budget(Budget::default().deadline_in(Duration::ZERO));
    let report = run(&reader, &fixture.roots, &data(), &ctx).unwrap();
    assert_eq!(report.outcome, Outcome::Suspended);
    assert!(!report.is_sound() && report.problems.is_empty());
    let token = CancelToken::new();
    token.cancel();
    let error = run(&reader, &fixture.roots, &data(), &Context::new().cancel_token(token)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn what_pruning_moves_meanwhile_is_not_missing() {
    let fixture = Fixture::new();
    let mut moved = 0;
    for (look, folder) in [(Look::List, Folder::Packs), (Look::Read, Folder::Packs), (Look::Read, Folder::Index)] {
        for skip in [0, 1, 2, 3, 7, 13, 20, 60, 130, 200] {
            let other = fixture.open();
            fixture.backend.before_look(look, folder, skip, move |_| move_all(&other));
            let options = [structure(), data(), content()];
            let report = check(&fixture, &options[skip % 3]);
            assert_found(&report, &[], &none());
            assert_eq!(report.files, 61, "{look:?} {folder:?} {skip}");
            moved += u32::from(!fixture.backend.is_waiting());
        }
    }
    assert!(moved > 8, "{moved}");
}
