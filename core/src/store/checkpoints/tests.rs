use super::*;
use crate::backend::{Folder, ObjectName};
use crate::error::ErrorKind;
use crate::store::snapshots::tests::{World, new};
use crate::store::snapshots::{NewSnapshot, Snapshots};

fn checkpoint(session: u8, sequence: u32, lineage: u8) -> NewCheckpoint {
    NewCheckpoint {
        session: SessionId::from_bytes([session; 16]),
        sequence,
        lineage: LineageId::from_bytes([lineage; 16]),
        root: BlobId::from_bytes([session; 32]),
        time: Timestamp::new(i64::from(sequence), 0),
        counts: SnapshotCounts { files: 3, ..SnapshotCounts::default() },
        origin: None,
    }
}

fn found(world: &World, lineage: u8, snapshot: Option<&Snapshot>) -> LatestCheckpoint {
    let lineage = LineageId::from_bytes([lineage; 16]);
    latest(&world.backend, &world.writer, &world.devices, &lineage, snapshot, None).unwrap()
}

fn sequence(found: &LatestCheckpoint) -> Option<(u8, u32)> {
    found.checkpoint.as_ref().map(|(checkpoint, _)| (checkpoint.session.as_bytes()[0], checkpoint.sequence))
}

#[test]
fn the_newest_of_the_lineage_is_found() {
    let world = World::new();
    let write = |new| write(&world.backend, &world.writer, &world.devices, new).unwrap();
    assert_eq!(sequence(&found(&world, 1, None)), None);
    write(checkpoint(1, 0, 1));
    write(checkpoint(1, 1, 1));
    write(checkpoint(2, 0, 2));
    write(checkpoint(2, 1, 2));
    let latest = found(&world, 1, None);
    let (checkpoint_found, received) = latest.checkpoint.as_ref().unwrap();
    assert_eq!((checkpoint_found.root, checkpoint_found.counts.files), (BlobId::from_bytes([1; 32]), 3));
    assert_eq!(checkpoint_found.device, world.writer.signer().unwrap().0);
    let name = ObjectName::new(Folder::Sessions, format!("{}.00000001", SessionId::from_bytes([1; 16]))).unwrap();
    assert_eq!(*received, world.backend.stat(&name).unwrap().modified);
    assert_eq!(sequence(&latest), Some((1, 1)));
    assert_eq!(sequence(&found(&world, 2, None)), Some((2, 1)));
    assert_eq!(sequence(&found(&world, 3, None)), None);
}

#[test]
fn a_snapshot_overtakes_earlier_checkpoints_and_those_of_its_session() {
    let world = World::new();
    let write = |new| write(&world.backend, &world.writer, &world.devices, new).unwrap();
    write(checkpoint(1, 0, 1));
    let session = SessionId::from_bytes([2; 16]);
    let id = world.write(&world.writer, NewSnapshot { session, ..new(1) });
    let snapshot = Snapshots::open(&world.backend, &world.writer, &world.devices).unwrap().load(&id).unwrap();
    assert_eq!(sequence(&found(&world, 1, Some(&snapshot))), None);
    write(checkpoint(2, 5, 1));
    assert_eq!(sequence(&found(&world, 1, Some(&snapshot))), None);
    write(checkpoint(3, 0, 1));
    assert_eq!(sequence(&found(&world, 1, Some(&snapshot))), Some((3, 0)));
}

#[test]
fn what_cannot_be_trusted_is_passed_over() {
    let world = World::new();
    let write_as = |keys, new| write(&world.backend, keys, &world.devices, new).map_err(|error| error.kind());
    assert_eq!(write_as(&world.maintainer, checkpoint(1, 0, 1)), Err(ErrorKind::Forbidden));
    assert_eq!(write_as(&world.stranger, checkpoint(1, 0, 1)), Err(ErrorKind::Untrusted));
    assert_eq!(write_as(&world.writer, checkpoint(1, 0, 1)), Ok(()));
    assert_eq!(write_as(&world.writer, checkpoint(1, 0, 1)), Err(ErrorKind::Conflict));

    let plant = |keys: &Keys, device, name_sequence: u32, sequence| {
        let NewCheckpoint { session, lineage, root, time, counts, .. } = checkpoint(1, sequence, 1);
        let forged = Checkpoint { session, sequence, device, lineage, root, time, counts, origin: None };
        let bytes = sealed::seal(keys, &forged, Some(&keys.signer().unwrap().1)).unwrap();
        let name = ObjectName::new(Folder::Sessions, format!("{session}.{name_sequence:08x}")).unwrap();
        world.backend.put(&name, &[&bytes]).unwrap();
    };
    let (writer, stranger) = (world.writer.signer().unwrap().0, world.stranger.signer().unwrap().0);
    plant(&world.writer, writer, 6, 7);
    plant(&world.stranger, stranger, 8, 8);
    plant(&world.stranger, writer, 9, 9);
    plant(&world.stranger, world.owner.owner_id(), 10, 10);
    let latest = found(&world, 1, None);
    assert_eq!(sequence(&latest), Some((1, 0)));
    let kinds: Vec<ErrorKind> = latest.rejected.iter().map(|(_, error)| error.kind()).collect();
    let untrusted = ErrorKind::Untrusted;
    assert_eq!(kinds, [untrusted, untrusted, untrusted, ErrorKind::Corrupt]);
}

#[test]
fn a_copy_finds_only_checkpoints_of_the_same_origin() {
    let world = World::new();
    let lineage = LineageId::from_bytes([1; 16]);
    for (session, origin) in [(1, None), (2, Some([7; 16])), (3, Some([8; 16]))] {
        let new = NewCheckpoint { origin, ..checkpoint(session, 0, 1) };
        write(&world.backend, &world.writer, &world.devices, new).unwrap();
    }
    let find = |origin: Option<&[u8; 16]>| {
        let found = latest(&world.backend, &world.writer, &world.devices, &lineage, None, origin).unwrap();
        let largest = found.largest.as_ref().map(|largest| largest.session.as_bytes()[0]);
        (sequence(&found).map(|(session, _)| session), largest)
    };
    assert_eq!(find(Some(&[7; 16])), (Some(2), Some(2)));
    assert_eq!(find(Some(&[9; 16])), (None, None));
    assert_eq!(find(None).0, Some(3));
}
