//! Tests of keys against a backend that does as the tests say.

mod manage;
mod opening;

use super::*;
use crate::backend::Backend;
use crate::crypto::password::Cost;
use crate::format::config::Config;
use crate::store::testing::TestBackend;

/// A time far from the clock of the machine that runs the tests.
const CLOCK: i64 = 5_000_000_000;

fn options() -> NewRepository {
    NewRepository { cost: Cost::FLOOR, label: "first".to_owned(), ..NewRepository::default() }
}

fn account(key: u8) -> Secret {
    Secret::account_key([key; 32])
}

/// A repository that account key 1 owns: no try at it costs anything.
fn repository() -> (TestBackend, Config, Keys) {
    let backend = TestBackend::at(CLOCK);
    let (config, keys) = create(&backend, &options(), &account(1)).unwrap();
    (backend, config, keys)
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn slot_of(keys: &Keys) -> crate::backend::ObjectName {
    wrap::slot_name(&keys.slot.unwrap())
}

fn add(backend: &dyn Backend, keys: &Keys, secret: &Secret, role: Role) -> Result<SlotId> {
    add_slot(backend, keys, &NewSlot { secret, role, label: "added", cost: Cost::FLOOR })
}

#[test]
fn roles_have_the_keys_of_the_table() {
    let (backend, _, owner) = repository();
    for (number, role) in Role::ALL.into_iter().enumerate() {
        let secret = account(u8::try_from(10 + number).unwrap());
        let slot = add(&backend, &owner, &secret, role).unwrap();
        let (_, keys) = open(&backend, &secret).unwrap();
        assert_eq!((keys.role, keys.slot, keys.repository), (role, Some(slot), owner.repository));
        let (writes, reads) = (role != Role::Maintainer, matches!(role, Role::Reader | Role::Owner));
        let maintains = matches!(role, Role::Maintainer | Role::Owner);
        assert_eq!((keys.can_write(), keys.can_read(), keys.can_maintain()), (writes, reads, maintains));
        let epoch = keys.current().unwrap();
        assert_eq!(epoch.index_object.expose(), owner.current().unwrap().index_object.expose());
        assert_eq!(epoch.data_public.is_some(), writes);
        assert_eq!(epoch.data_private.is_some(), reads);
        assert!(keys.owner_public() == owner.owner_public());
        let may = |allowed: bool, result: Result<()>| match allowed {
            true => result.unwrap(),
            false => assert_eq!(kind(result), ErrorKind::Forbidden),
        };
        may(writes, keys.id_key().map(drop));
        may(writes, keys.chunker_key().map(drop));
        may(writes, keys.signer().map(drop));
        may(role == Role::Owner, keys.owner_signing().map(drop));
        may(role == Role::Owner, keys.bundle_for(Role::Writer, None).map(drop));
        assert_eq!(kind(keys.epoch(0)), ErrorKind::Forbidden);
        assert_eq!(kind(keys.sealing(2, Purpose::Index)), ErrorKind::Forbidden);
        if writes {
            assert_eq!(keys.id_key().unwrap().expose(), owner.id_key().unwrap().expose());
            assert_eq!(keys.chunker_key().unwrap().expose(), owner.chunker_key().unwrap().expose());
            assert!(epoch.data_public == owner.current().unwrap().data_public);
        }
    }
}

#[test]
fn every_purpose_has_its_own_key() {
    let (_, _, keys) = repository();
    let purposes = [
        Purpose::Footer,
        Purpose::Trailer,
        Purpose::Index,
        Purpose::Envelope,
        Purpose::Mark,
        Purpose::Lease,
        Purpose::Checkpoint,
    ];
    let distinct: std::collections::BTreeSet<[u8; 32]> =
        purposes.map(|purpose| *keys.sealing(1, purpose).unwrap().expose()).into_iter().collect();
    assert_eq!(distinct.len(), purposes.len());
}

#[test]
fn nothing_secret_is_shown() {
    let (_, _, keys) = repository();
    let shown = format!("{keys:?} {:?} {:?}", account(77), Secret::passphrase("hunter2"));
    assert!(!shown.contains("77, 77") && !shown.contains("4d4d") && !shown.contains("hunter2"), "{shown}");
    let secret = *keys.id_key().unwrap().expose();
    assert!(
        !shown.contains(&crate::id::hex(&secret[..4])) && !shown.contains(&format!("{}, {}", secret[0], secret[1]))
    );
}

#[test]
fn who_signs() {
    let (backend, _, owner) = repository();
    let (id, key) = owner.signer().unwrap();
    assert!(id == owner.owner_id() && key.verifying_key() == owner.owner_public());
    add(&backend, &owner, &account(2), Role::Writer).unwrap();
    let (_, writer) = open(&backend, &account(2)).unwrap();
    let (id, key) = writer.signer().unwrap();
    let listed = crate::store::devices::DeviceList::load(&backend, &owner).unwrap();
    assert!(listed.get(&id).is_some_and(|listed| listed.verifying == key.verifying_key() && listed.kem.is_some()));
    assert_ne!(id, owner.owner_id());
    let device = DeviceKey::generate().unwrap();
    add_device(&backend, &owner, &device.request("d").unwrap(), Role::Reader).unwrap();
    let (_, reader) = open(&backend, &Secret::device(device.clone())).unwrap();
    assert_eq!(reader.signer().unwrap().0, device.id());
}
