//! The rule by which lists are read, against everything storage and writers can put beside them.

use super::*;
use crate::format::device::device_id;
use crate::store::keys::{NewRepository, Secret, create};
use crate::store::testing::TestBackend;
use std::sync::{Arc, Mutex};

fn repository() -> (TestBackend, Keys) {
    let backend = TestBackend::at(1000);
    let (_, keys) = create(&backend, &NewRepository::default(), &Secret::account_key([1; 32])).unwrap();
    (backend, keys)
}

fn device(seed: u8, role: Role) -> Device {
    let verifying = SigningKey::from_seed(SecretKey::from_bytes([seed; 32])).verifying_key();
    let id = device_id(&verifying, None);
    Device { id, name: seed.to_string(), role, verifying, kem: None, added: 1, revoked: None, in_bundle: true }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(seconds, 0)
}

fn revoked(seed: u8, since: i64) -> Device {
    Device { revoked: Some(Revoked::Since(at(since))), ..device(seed, Role::Writer) }
}

fn store(backend: &dyn Backend, keys: &Keys, generation: u32, mut devices: Vec<Device>) -> ObjectName {
    devices.sort_by_key(|device| device.id);
    store_epoch(backend, keys, generation, FIRST_EPOCH, devices)
}

fn store_epoch(backend: &dyn Backend, keys: &Keys, generation: u32, epoch: u32, devices: Vec<Device>) -> ObjectName {
    let list = List { repository: keys.repository, generation, epoch, devices };
    store_list(backend, &list, &keys.owner_signing().unwrap()).unwrap()
}

fn load(backend: &TestBackend, keys: &Keys) -> DeviceList {
    DeviceList::load(backend, keys).unwrap()
}

fn verify(list: &DeviceList, seed: u8, received: i64) -> Result<()> {
    let key = SigningKey::from_seed(SecretKey::from_bytes([seed; 32]));
    let id = device_id(&key.verifying_key(), None);
    list.verify(&id, "test", b"message", &key.sign("test", b"message"), Timestamp::new(received, 0), "check")
}

fn untrusted<T: std::fmt::Debug>(result: Result<T>) -> bool {
    result.unwrap_err().kind() == ErrorKind::Untrusted
}

#[test]
fn who_is_listed_with_a_role_that_writes_is_trusted() {
    let (backend, keys) = repository();
    let roles = [(1, Role::Writer), (2, Role::Reader), (3, Role::Owner), (4, Role::Maintainer)];
    store(&backend, &keys, 2, roles.map(|(seed, role)| device(seed, role)).to_vec());
    let list = load(&backend, &keys);
    assert_eq!(list.generation(), 2);
    for (seed, role) in roles {
        assert_eq!(verify(&list, seed, 5).is_ok(), role != Role::Maintainer);
        assert_eq!(list.accepts(&device(seed, role).id, "check").is_ok(), role != Role::Maintainer);
    }
    assert!(untrusted(verify(&list, 5, 5)));
    // The owner needs no list; what it signs must be what is shown.
    let (owner, key) = keys.signer().unwrap();
    let signature = key.sign("test", b"message");
    let at = at(5);
    list.verify(&owner, "test", b"message", &signature, at, "check").unwrap();
    assert!(untrusted(list.verify(&owner, "test", b"massage", &signature, at, "check")));
    assert!(untrusted(list.verify(&owner, "rest", b"message", &signature, at, "check")));
    let writer = device(1, Role::Writer).id;
    assert!(untrusted(list.verify(&writer, "test", b"message", &signature, at, "check")));
}

#[test]
fn rubbish_is_skipped_and_reported_and_hides_nothing() {
    let (backend, keys) = repository();
    let old = store(&backend, &keys, 2, vec![device(1, Role::Writer)]);
    let newest = store(&backend, &keys, 3, vec![revoked(1, 50)]);
    let (elsewhere, other) = repository();
    let foreign = store(&elsewhere, &other, 9, vec![device(1, Role::Writer)]);
    let name = |file: &str| ObjectName::new(Folder::Devices, file).unwrap();
    let put = |name: &ObjectName, bytes: &[u8]| backend.put(name, &[bytes]).unwrap();
    // Bytes of any kind, the list of another owner, an old list as a new one, the newest with a bit flipped, one
    // that calls itself a later version of the format, one that is too long, and a name of no list.
    put(&name("ffffffff-0000000000000000"), b"");
    put(&foreign, &elsewhere.bytes(&foreign));
    put(&name("fffffffe-0000000000000000"), &backend.bytes(&old));
    let mut flipped = backend.bytes(&newest);
    flipped[20] ^= 1;
    put(&name(&List::file_name(4, &flipped)), &flipped);
    let mut later = backend.bytes(&newest);
    later[7] = 2;
    put(&name(&List::file_name(5, &later)), &later);
    put(&name("00000006-0000000000000000"), &vec![0; 8 * 1024 * 1024 + 1]);
    put(&name("readme.txt"), b"hello");
    let list = load(&backend, &keys);
    assert_eq!((list.generation(), list.skipped().len()), (3, 7));
    assert_eq!(list.revoked(&device(1, Role::Writer).id), Some(at(50)));
    assert!(list.skipped().iter().all(|error| error.object_name().is_some_and(|name| name.starts_with("devices/"))));
    verify(&list, 1, 50).unwrap();
    assert!(untrusted(verify(&list, 1, 51)));
    // The next change goes on from what is valid.
    let list = DeviceList::update(&backend, &keys, |devices| {
        Ok(devices.insert(device(2, Role::Writer).id, device(2, Role::Writer)).is_none())
    });
    assert_eq!(list.unwrap().generation(), 4);
}

#[test]
fn too_much_rubbish_is_an_error_and_not_an_empty_list() {
    let (backend, keys) = repository();
    for number in 0..=MAX_SKIPPED {
        backend.put(&ObjectName::new(Folder::Devices, format!("rubbish-{number}")).unwrap(), &[b""]).unwrap();
    }
    assert_eq!(DeviceList::load(&backend, &keys).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn revocations_of_the_two_highest_generations_count() {
    let (backend, keys) = repository();
    store(&backend, &keys, 6, vec![device(1, Role::Writer), device(2, Role::Writer)]);
    store(&backend, &keys, 7, vec![revoked(1, 70), device(2, Role::Writer), device(3, Role::Reader)]);
    store(&backend, &keys, 7, vec![revoked(1, 60), device(2, Role::Writer)]);
    store(&backend, &keys, 8, vec![device(1, Role::Writer), revoked(2, 80)]);
    let list = load(&backend, &keys);
    assert_eq!(list.generation(), 8);
    assert_eq!(list.revoked(&device(1, Role::Writer).id), Some(at(60)));
    assert_eq!(list.revoked(&device(2, Role::Writer).id), Some(at(80)));
    assert!(list.get(&device(3, Role::Reader).id).is_some());
    assert_eq!(list.devices().count(), 3);
}

#[test]
fn an_unreadable_list_of_the_owner_and_unreadable_storage_end_the_reading() {
    let (backend, keys) = repository();
    let name = store(&backend, &keys, 2, Vec::new());
    for kind in [ErrorKind::Unavailable, ErrorKind::PermissionDenied, ErrorKind::Io] {
        backend.refuse_read(Some((name.clone(), kind)));
        assert_eq!(DeviceList::load(&backend, &keys).unwrap_err().kind(), kind);
    }
    backend.refuse_read(None);
    let map = crate::format::cbor::MapWriter::new().put(0, 2).put(9, "of a later version");
    let kind = crate::format::object::Kind::DeviceList;
    let owner = keys.owner_signing().unwrap();
    let later = crate::format::signed::sign(kind, map, &owner, "strongroom format 1 device list").unwrap();
    backend.put(&ObjectName::new(Folder::Devices, List::file_name(3, &later)).unwrap(), &[&later]).unwrap();
    assert_eq!(DeviceList::load(&backend, &keys).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn where_storage_shows_no_list_only_the_owner_is_trusted() {
    let (backend, keys) = repository();
    for name in backend.names(Folder::Devices) {
        backend.delete(&name).unwrap();
    }
    let list = load(&backend, &keys);
    assert_eq!(list.generation(), 0);
    list.accepts(&keys.owner_id(), "check").unwrap();
    assert!(untrusted(verify(&list, 1, 5)));
}

fn insert(device: Device) -> impl FnMut(&mut BTreeMap<DeviceId, Device>) -> Result<bool> {
    move |devices| Ok(devices.insert(device.id, device.clone()).as_ref() != Some(&device))
}

#[test]
fn changes_of_two_owners_at_once_are_all_kept() {
    let (backend, keys) = repository();
    DeviceList::update(&backend, &keys, insert(device(1, Role::Writer))).unwrap();
    // The other one comes in between reading and writing: once with one change, once with three.
    for (round, count) in [(0u8, 1u8), (1, 3)] {
        let other = keys.clone();
        backend.before_put(Folder::Devices, move |backend| {
            for change in 0..count {
                let seed = 10 + round * 10 + change;
                DeviceList::update(backend, &other, insert(revoked(seed, i64::from(seed)))).unwrap();
            }
        });
        let list = DeviceList::update(&backend, &keys, insert(device(2 + round, Role::Reader))).unwrap();
        assert!(list.get(&device(2 + round, Role::Reader).id).is_some());
    }
    let list = load(&backend, &keys);
    let names: Vec<String> = list.devices().map(|device| device.name).collect();
    for seed in [1, 2, 3, 10, 20, 21, 22] {
        assert!(names.contains(&seed.to_string()), "{seed} of {names:?}");
    }
    assert_eq!(list.devices().filter(|device| device.revoked.is_some()).count(), 4);
    // Nothing to change, nothing written.
    let generation = list.generation();
    DeviceList::update(&backend, &keys, insert(device(1, Role::Writer))).unwrap();
    assert_eq!(load(&backend, &keys).generation(), generation);
}

/// A list cannot say when storage will receive it. What comes next puts it down, so that it no longer depends on an
/// object that may go, or be put there anew.
#[test]
fn a_revocation_counts_from_when_storage_received_it() {
    let (backend, keys) = repository();
    DeviceList::update(&backend, &keys, insert(device(1, Role::Writer))).unwrap();
    let gone = Device { revoked: Some(Revoked::WithThisList), ..device(1, Role::Writer) };
    backend.set_clock(5000);
    let list = DeviceList::update(&backend, &keys, insert(gone.clone())).unwrap();
    let first = list.merged.iter().max_by_key(|(_, list)| list.generation).unwrap().0.clone();
    let received = backend.stat(&first).unwrap().modified;
    assert!(received >= at(5000) && list.revoked(&gone.id) == Some(received), "{list:?}");
    let (tick, second) = (Timestamp::new(received.seconds, received.nanos + 1), at(received.seconds + 1));
    let key = SigningKey::from_seed(SecretKey::from_bytes([1; 32]));
    let signature = key.sign("test", b"message");
    let accepts =
        |list: &DeviceList, received| list.verify(&gone.id, "test", b"message", &signature, received, "check").is_ok();
    assert!(accepts(&list, received) && !accepts(&list, tick) && !accepts(&list, second));
    // Saying it again changes nothing.
    for seed in 2..5 {
        let list = DeviceList::update(&backend, &keys, insert(device(seed, Role::Writer))).unwrap();
        assert_eq!(list.revoked(&gone.id), Some(received));
    }
    backend.delete(&first).unwrap();
    assert_eq!(load(&backend, &keys).revoked(&gone.id), Some(received));
}

/// Two owners revoke it at once: the earlier counts, whoever is overtaken.
#[test]
fn of_two_revocations_the_one_that_storage_received_first_counts() {
    let (backend, keys) = repository();
    DeviceList::update(&backend, &keys, insert(device(1, Role::Writer))).unwrap();
    let gone = Device { revoked: Some(Revoked::WithThisList), ..device(1, Role::Writer) };
    backend.set_clock(5000);
    let (other, theirs) = (keys.clone(), gone.clone());
    backend.before_put(Folder::Devices, move |backend| {
        DeviceList::update(backend, &other, insert(theirs)).unwrap();
        DeviceList::update(backend, &other, insert(device(2, Role::Writer))).unwrap();
        DeviceList::update(backend, &other, insert(device(3, Role::Writer))).unwrap();
    });
    let list = DeviceList::update(&backend, &keys, |devices| {
        let entry = devices.get_mut(&gone.id).unwrap();
        let new = entry.revoked.is_none();
        entry.revoked = entry.revoked.or(Some(Revoked::WithThisList));
        Ok(new)
    });
    let counts = list.unwrap().revoked(&gone.id).unwrap();
    assert_eq!(load(&backend, &keys).revoked(&gone.id), Some(counts));
    assert_eq!(counts.seconds, 5000);
}

/// One owner reads, the other revokes and reports it done, the first writes what it knew and is interrupted.
#[test]
fn a_reported_revocation_survives_an_interrupted_owner() {
    let (backend, keys) = repository();
    DeviceList::update(&backend, &keys, insert(device(1, Role::Writer))).unwrap();
    let stale: Vec<Device> = load(&backend, &keys).devices.into_values().collect();
    let generation = load(&backend, &keys).generation();
    DeviceList::update(&backend, &keys, insert(revoked(1, 5))).unwrap();
    store(&backend, &keys, generation + 1, stale.clone());
    assert_eq!(load(&backend, &keys).revoked(&stale[0].id), Some(at(5)));
    let list = DeviceList::update(&backend, &keys, insert(device(2, Role::Writer))).unwrap();
    assert_eq!(list.revoked(&stale[0].id), Some(at(5)));
}

#[test]
fn the_highest_epoch_of_the_lists_that_are_merged_counts() {
    let (backend, keys) = repository();
    assert_eq!(load(&backend, &keys).epoch(), FIRST_EPOCH);
    store_epoch(&backend, &keys, 5, 9, Vec::new());
    store_epoch(&backend, &keys, 6, 3, Vec::new());
    store_epoch(&backend, &keys, 7, 2, Vec::new());
    assert_eq!(load(&backend, &keys).epoch(), 3);
    // A change of something else keeps it.
    let list = DeviceList::update(&backend, &keys, insert(device(1, Role::Writer))).unwrap();
    assert_eq!((list.generation(), list.epoch()), (8, 3));
    assert_eq!(kind_of_reach(&list, &keys), Some(ErrorKind::Forbidden));
    crate::store::keys::catch_up(&backend, &keys, list.epoch()).unwrap();
    assert_eq!((kind_of_reach(&list, &keys), keys.newest_epoch()), (None, 3));
}

fn kind_of_reach(list: &DeviceList, keys: &Keys) -> Option<ErrorKind> {
    list.check_reach(keys, "check").err().map(|error| error.kind())
}

fn begin(backend: &dyn Backend, keys: &Keys, revoke: Option<u8>) -> DeviceList {
    let list = DeviceList::draft(backend, keys, |draft| {
        draft.new_epoch = true;
        let gone = revoke.map(|seed| revoked(seed, 5));
        Ok(gone.is_some_and(|gone| draft.devices.insert(gone.id, gone.clone()).as_ref() != Some(&gone)))
    });
    list.unwrap()
}

/// Of two that begin the same epoch at once, neither may hand its keys to who the other has revoked.
#[test]
fn an_epoch_that_another_owner_began_without_a_revocation_is_not_taken_for_one_that_shuts_out() {
    for (mine, theirs, expected) in
        [(None, None, 2), (Some(1), Some(1), 2), (Some(1), None, 3), (None, Some(2), 3), (Some(1), Some(2), 3)]
    {
        let (backend, keys) = repository();
        DeviceList::update(&backend, &keys, insert(device(1, Role::Writer))).unwrap();
        DeviceList::update(&backend, &keys, insert(device(2, Role::Writer))).unwrap();
        let other = keys.clone();
        let told = Arc::new(Mutex::new(0));
        let tell = Arc::clone(&told);
        backend.before_put(Folder::Devices, move |backend| {
            *tell.lock().unwrap() = begin(backend, &other, theirs).epoch();
        });
        let list = begin(&backend, &keys, mine);
        assert_eq!((list.epoch(), *told.lock().unwrap()), (expected, 2), "{mine:?} {theirs:?}");
        let revoked: BTreeSet<DeviceId> = list.revoked_ids().collect();
        let wanted = mine.into_iter().chain(theirs).map(|seed| device(seed, Role::Writer).id).collect();
        assert_eq!(revoked, wanted);
        assert!(!list.epoch_is_known_to_revoked());
    }
}

#[test]
fn a_later_revocation_does_not_pass_for_one_with_an_epoch_of_its_own() {
    let (backend, keys) = repository();
    DeviceList::update(&backend, &keys, insert(device(1, Role::Writer))).unwrap();
    begin(&backend, &keys, None);
    let list = DeviceList::update(&backend, &keys, insert(revoked(1, 5))).unwrap();
    assert!(list.epoch_is_known_to_revoked());
    assert_eq!(begin(&backend, &keys, None).epoch(), 3);
}

#[test]
fn there_are_only_so_many_epochs() {
    let (backend, keys) = repository();
    let most = u32::try_from(MAX_EPOCHS).unwrap();
    store_epoch(&backend, &keys, 9, most, Vec::new());
    let full = DeviceList::draft(&backend, &keys, |draft| {
        draft.new_epoch = true;
        Ok(true)
    });
    assert_eq!(full.unwrap_err().kind(), ErrorKind::LimitExceeded);
    crate::store::keys::catch_up(&backend, &keys, most).unwrap();
    assert_eq!(keys.newest_epoch(), most);
}
