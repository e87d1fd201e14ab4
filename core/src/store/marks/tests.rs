//! Whose marks count, and that no hold is lost to somebody else.

use super::*;
use crate::store::snapshots::tests::{World, new};
use proptest::prelude::*;

/// A mark with any sequence, as somebody can make it who does not keep to the rules.
fn forge(world: &World, keys: &Keys, snapshot: SnapshotId, sequence: u64, hold_until: Option<i64>) -> ObjectName {
    let (device, signer) = keys.signer().unwrap();
    let time = Timestamp::default();
    let mut mark = Mark { snapshot, sequence, device, time, hold_until, sealed_body: Vec::new() };
    let readers = sealed::readers(keys.current().unwrap(), "test").unwrap();
    mark.seal_body(&MarkBody::default(), &keys.repository, readers).unwrap();
    world.plant(Folder::Marks, &sealed::seal(keys, &mark, Some(&signer)).unwrap())
}

fn hold(hold_until: i64) -> NewMark {
    NewMark { tags: vec!["kept".into()], hold_until: Some(hold_until), ..NewMark::default() }
}

fn held(world: &World, id: &SnapshotId) -> Option<i64> {
    let seen = |keys| world.snapshots(keys).load(id).unwrap().hold_until.map(|time| time.seconds);
    // Whoever prunes must see what readers see.
    assert_eq!(seen(&world.maintainer), seen(&world.reader));
    seen(&world.owner)
}

#[test]
fn a_writer_changes_neither_hold_nor_tags() {
    let world = World::new();
    let id = world.write(&world.writer, new(1));
    world.mark(&world.owner, id, hold(1000));
    for (sequence, hold_until) in [(1, None), (5, Some(2)), (u64::MAX, None), (7, Some(i64::MAX))] {
        forge(&world, &world.writer, id, sequence, hold_until);
    }
    assert_eq!(held(&world, &id), Some(1000));
    assert_eq!(world.snapshots(&world.owner).load(&id).unwrap().tags, ["kept"]);
    let rejected = world.list(&world.owner).rejected;
    assert_eq!(rejected.len(), 4);
    assert!(rejected.iter().all(|(_, error)| error.kind() == ErrorKind::Untrusted), "{rejected:?}");
    // And blocks nobody who may.
    world.mark(&world.reader, id, hold(2000));
    assert_eq!(held(&world, &id), Some(2000));
}

#[test]
fn a_writer_writes_no_mark() {
    let world = World::new();
    let id = world.write(&world.writer, new(1));
    for keys in [&world.writer, &world.maintainer] {
        let none = Marks::default();
        let error = write(&world.backend, keys, &world.devices, &none, id, hold(1), Timestamp::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden);
    }
    assert!(world.backend.names(Folder::Marks).is_empty());
}

#[test]
fn a_reader_extends_an_owners_hold_and_does_not_shorten_it() {
    let world = World::new();
    let id = world.write(&world.writer, new(1));
    world.mark(&world.owner, id, hold(1000));
    world.mark(&world.reader, id, hold(10));
    assert_eq!(held(&world, &id), Some(1000));
    world.mark(&world.reader, id, hold(3000));
    assert_eq!(held(&world, &id), Some(3000));
    world.mark(&world.reader, id, NewMark::default());
    assert_eq!(held(&world, &id), Some(1000));
    assert!(world.snapshots(&world.owner).load(&id).unwrap().tags.is_empty());
    world.mark(&world.owner, id, NewMark::default());
    assert_eq!(held(&world, &id), None);
}

#[test]
fn an_owner_has_the_last_word_whatever_sequence_a_reader_takes() {
    let world = World::new();
    let id = world.write(&world.writer, new(1));
    forge(&world, &world.reader, id, u64::MAX, None);
    forge(&world, &world.reader, id, OWNERS_FROM, None);
    assert_eq!(world.list(&world.owner).rejected.len(), 2);
    forge(&world, &world.reader, id, OWNERS_FROM - 1, Some(i64::MAX));
    assert_eq!(held(&world, &id), Some(i64::MAX));
    let marks = Marks::load(&world.backend, &world.reader, &world.devices).unwrap();
    let again = write(&world.backend, &world.reader, &world.devices, &marks, id, hold(5), Timestamp::default());
    assert_eq!(again.unwrap_err().kind(), ErrorKind::LimitExceeded);
    world.mark(&world.owner, id, hold(7));
    assert_eq!(held(&world, &id), Some(7));
    world.mark(&world.owner, id, NewMark::default());
    assert_eq!(held(&world, &id), None);
}

#[test]
fn marks_written_at_once_keep_the_longest_hold() {
    let world = World::new();
    let id = world.write(&world.writer, new(1));
    let none = Marks::default();
    for new in [NewMark::default(), hold(500), NewMark { tags: vec!["a".into()], ..NewMark::default() }, hold(20)] {
        write(&world.backend, &world.owner, &world.devices, &none, id, new, Timestamp::default()).unwrap();
    }
    assert_eq!(held(&world, &id), Some(500));
}

#[test]
fn every_mark_of_a_snapshot_is_known_by_name() {
    let world = World::new();
    let [id, other] = [world.write(&world.writer, new(1)), world.write(&world.writer, new(2))];
    world.mark(&world.owner, id, hold(1));
    world.mark(&world.reader, id, hold(2));
    forge(&world, &world.writer, id, 99, None);
    let mut of_one = world.backend.names(Folder::Marks);
    world.mark(&world.owner, other, hold(3));
    let marks = Marks::load(&world.backend, &world.maintainer, &world.devices).unwrap();
    let mut names = marks.names_of(&id).to_vec();
    names.sort();
    of_one.sort();
    assert_eq!(names, of_one);
    assert_eq!(marks.names_of(&other).len(), 1);
    assert!(marks.names_of(&SnapshotId::default()).is_empty());
    let mut marked: Vec<SnapshotId> = marks.snapshots().copied().collect();
    marked.sort();
    let mut both = [id, other];
    both.sort();
    assert_eq!(marked, both);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever others write, the hold of the owner's newest mark stays the least that counts.
    #[test]
    fn what_an_owner_holds_stays_held(
        others in proptest::collection::vec((any::<bool>(), any::<u64>(), any::<Option<i64>>()), 0..12),
        until: i64,
    ) {
        let world = World::new();
        let id = world.write(&world.writer, new(1));
        world.mark(&world.owner, id, hold(until));
        for (reader, sequence, hold_until) in others {
            let keys = if reader { &world.reader } else { &world.writer };
            forge(&world, keys, id, sequence, hold_until);
        }
        prop_assert!(held(&world, &id) >= Some(until));
        world.mark(&world.owner, id, NewMark::default());
        prop_assert_eq!(held(&world, &id), None);
    }
}
