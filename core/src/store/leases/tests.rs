use super::*;
use crate::backend::{Folder, ObjectName};
use crate::id::DeviceId;
use crate::store::snapshots::tests::World;

const SESSION: SessionId = SessionId::from_bytes([7; 16]);
const HOUR: Duration = Duration::from_secs(3600);

fn start(world: &World, keys: &Keys, session: SessionId, purpose: LeasePurpose) -> Result<HeldLease> {
    begin(&world.backend, keys, &world.devices, session, purpose, HOUR, Timestamp::default())
}

fn listing(world: &World) -> LeaseListing {
    list(&world.backend, &world.maintainer, &world.devices).unwrap()
}

fn only(world: &World) -> SessionLease {
    let listing = listing(world);
    assert!(listing.rejected.is_empty(), "{:?}", listing.rejected);
    let [lease] = listing.sessions.as_slice() else { panic!("{listing:?}") };
    lease.clone()
}

/// Stores a lease that the functions under test would not write.
fn plant(world: &World, keys: &Keys, lease: &Lease, name: &str) {
    let signer = lease.device.map(|_| keys.signer().unwrap().1);
    let bytes = sealed::seal(keys, lease, signer.as_ref()).unwrap();
    world.backend.put(&ObjectName::new(Folder::Sessions, name).unwrap(), &[&bytes]).unwrap();
}

fn lease(device: Option<DeviceId>, sequence: u32, state: LeaseState) -> Lease {
    let purpose = LeasePurpose::Prune;
    Lease { session: SESSION, sequence, device, purpose, duration: 60, state, time: Timestamp::default() }
}

#[test]
fn a_session_begins_renews_and_ends() {
    let world = World::new();
    let mut held = start(&world, &world.writer, SESSION, LeasePurpose::Backup).unwrap();
    let first = only(&world);
    assert_eq!((first.lease.session, first.lease.sequence), (SESSION, 0));
    assert_eq!((first.received, first.expires()), (held.received(), held.expires()));
    assert_eq!(first.expires().seconds, first.received.seconds + 3600);
    assert!(first.is_active(first.received) && !first.is_active(first.expires()));

    held.renew(&world.backend, &world.writer, &world.devices, Duration::from_millis(1500), Timestamp::new(9, 0))
        .unwrap();
    let renewed = only(&world);
    assert_eq!((renewed.lease.sequence, renewed.lease.duration), (1, 2));
    assert_eq!((renewed.began, renewed.lease.time), (first.received, Timestamp::new(9, 0)));
    assert!(renewed.received > first.received);

    held.end(&world.backend, &world.writer, &world.devices, Timestamp::default()).unwrap();
    let ended = only(&world);
    assert_eq!((ended.lease.sequence, ended.lease.state), (2, LeaseState::Ended));
    assert!(!ended.is_active(ended.received));
    assert_eq!(held.session(), &SESSION);
}

#[test]
fn sessions_are_begun_by_who_may() {
    let world = World::new();
    let kind = |keys, purpose| start(&world, keys, SESSION, purpose).map(drop).map_err(|error| error.kind());
    assert_eq!(kind(&world.maintainer, LeasePurpose::Backup), Err(ErrorKind::Forbidden));
    assert_eq!(kind(&world.writer, LeasePurpose::Prune), Err(ErrorKind::Forbidden));
    assert_eq!(kind(&world.stranger, LeasePurpose::Backup), Err(ErrorKind::Untrusted));
    assert_eq!(kind(&world.maintainer, LeasePurpose::Prune), Ok(()));
    assert_eq!(kind(&world.maintainer, LeasePurpose::Prune), Err(ErrorKind::Conflict));
    assert_eq!(only(&world).lease.device, None);
    let other = SessionId::from_bytes([8; 16]);
    start(&world, &world.owner, other, LeasePurpose::Prune).unwrap();
    assert_eq!(listing(&world).sessions[1].lease.device, Some(world.owner.signer().unwrap().0));
    let long = HOUR * 24 * 7 + Duration::from_nanos(1);
    let session = SessionId::from_bytes([9; 16]);
    let error =
        begin(&world.backend, &world.writer, &world.devices, session, LeasePurpose::Backup, long, Timestamp::default());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn nobody_else_ends_a_session() {
    let world = World::new();
    start(&world, &world.writer, SESSION, LeasePurpose::Backup).unwrap();
    let reader = Some(world.reader.signer().unwrap().0);
    let stranger = Some(world.stranger.signer().unwrap().0);
    let writer = Some(world.writer.signer().unwrap().0);
    // Another device of the list, a stranger, a stranger in the writer's name, and without a signature.
    plant(&world, &world.reader, &lease(reader, 1, LeaseState::Ended), &format!("{SESSION}-00000001"));
    plant(&world, &world.stranger, &lease(stranger, 2, LeaseState::Ended), &format!("{SESSION}-00000002"));
    plant(&world, &world.stranger, &lease(writer, 3, LeaseState::Ended), &format!("{SESSION}-00000003"));
    plant(&world, &world.maintainer, &lease(None, 4, LeaseState::Ended), &format!("{SESSION}-00000004"));
    // Under the name of another.
    plant(&world, &world.writer, &lease(writer, 9, LeaseState::Ended), &format!("{SESSION}-00000005"));
    let listing = listing(&world);
    assert_eq!((listing.sessions.len(), listing.sessions[0].lease.sequence), (1, 0));
    assert_eq!(listing.sessions[0].lease.state, LeaseState::Active);
    let kinds: Vec<ErrorKind> = listing.rejected.iter().map(|(_, error)| error.kind()).collect();
    let untrusted = ErrorKind::Untrusted;
    assert_eq!(kinds, [ErrorKind::Corrupt, untrusted, untrusted, untrusted, untrusted]);
}

#[test]
fn rubbish_is_reported_and_a_session_is_as_old_as_its_oldest_object() {
    let world = World::new();
    world.backend.put(&format!("sessions/{SESSION}-00000000").parse().unwrap(), &[b"rubbish"]).unwrap();
    for name in ["rubbish", "00-00000000", &format!("{SESSION}-0000000g"), &format!("{SESSION}-0")] {
        world.backend.put(&ObjectName::new(Folder::Sessions, name).unwrap(), &[b"x"]).unwrap();
    }
    let writer = Some(world.writer.signer().unwrap().0);
    plant(&world, &world.writer, &lease(writer, 1, LeaseState::Active), &format!("{SESSION}-00000001"));
    let listing = listing(&world);
    assert_eq!(listing.rejected.len(), 5);
    assert!(listing.rejected.iter().all(|(_, error)| error.kind() == ErrorKind::Corrupt));
    let [session] = listing.sessions.as_slice() else { panic!("{listing:?}") };
    assert_eq!(session.lease.sequence, 1);
    let first = listing.rejected.iter().find(|(info, _)| info.name.file().ends_with("-00000000")).unwrap();
    assert!(session.began <= first.0.modified);
}

#[test]
fn a_renewal_whose_answer_was_lost_can_be_repeated() {
    let world = World::new();
    let mut held = start(&world, &world.writer, SESSION, LeasePurpose::Backup).unwrap();
    world.backend.lose_answer(Folder::Sessions, ErrorKind::Unavailable);
    let mut renew = || held.renew(&world.backend, &world.writer, &world.devices, HOUR, Timestamp::default());
    assert_eq!(renew().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(only(&world).lease.sequence, 1);
    renew().unwrap();
    assert_eq!(only(&world).lease.sequence, 2);
}
