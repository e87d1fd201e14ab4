//! Creating and opening, with the right secret and the wrong one, on honest storage and on hostile.

use super::*;
use crate::backend::{Folder, ObjectName};
use crate::crypto::random;
use crate::crypto::sign::SigningKey;
use crate::format::bundle::FIRST_EPOCH;
use crate::format::config::Sizes;
use crate::format::slot::{self, Head, Method, Slot};
use crate::store::keys::wrap::slot_name;

#[test]
fn every_secret_opens_what_it_created_and_no_other_does() {
    let code = crate::RecoveryCode::generate().unwrap();
    let device = DeviceKey::generate().unwrap();
    let secrets = [
        Secret::passphrase("correct horse"),
        Secret::recovery_code(&code.reveal()).unwrap(),
        Secret::device(device.clone()),
        account(1),
    ];
    let others = [
        Secret::passphrase("correct  horse"),
        Secret::from(crate::RecoveryCode::generate().unwrap()),
        Secret::device(DeviceKey::generate().unwrap()),
        account(2),
    ];
    for (mine, secret) in secrets.iter().enumerate() {
        let backend = TestBackend::at(CLOCK);
        let (config, keys) = create(&backend, &options(), secret).unwrap();
        assert_eq!(config.sizes, Sizes::default());
        let (again, opened) = open(&backend, secret).unwrap();
        assert_eq!((again, opened.slot, opened.role), (config, keys.slot, Role::Owner));
        assert_eq!(opened.id_key().unwrap().expose(), keys.id_key().unwrap().expose());
        assert_eq!(opened.signer().unwrap().0, keys.signer().unwrap().0);
        for other in others.iter().chain(secrets.iter().enumerate().filter(|(other, _)| *other != mine).map(|(_, s)| s))
        {
            let refused = open(&backend, other).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::WrongKey, "{secret:?} {other:?}");
        }
    }
}

#[test]
fn a_second_repository_is_not_put_on_top_of_one() {
    let (backend, config, _) = repository();
    assert_eq!(kind(create(&backend, &options(), &account(2))), ErrorKind::AlreadyExists);
    assert_eq!((backend.names(Folder::Keys).len(), backend.names(Folder::Devices).len()), (1, 1));
    assert_eq!(open(&backend, &account(1)).unwrap().0, config);
    // The config is lost, but packs are there.
    backend.delete(&ObjectName::config()).unwrap();
    let pack = ObjectName::of(Folder::Packs, crate::PackId::default());
    backend.put(&pack, &[b"pack"]).unwrap();
    let refused = create(&backend, &options(), &account(2)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert!(refused.to_string().contains("config is missing"), "{refused}");
}

#[test]
fn of_two_creations_at_once_one_wins_and_the_other_tidies_up() {
    let backend = TestBackend::at(CLOCK);
    backend.before_put(Folder::Root, |backend| {
        create(backend, &options(), &account(2)).unwrap();
    });
    assert_eq!(kind(create(&backend, &options(), &account(1))), ErrorKind::AlreadyExists);
    assert!(open(&backend, &account(2)).is_ok());
    assert_eq!(kind(open(&backend, &account(1))), ErrorKind::WrongKey);
    assert_eq!((backend.names(Folder::Keys).len(), backend.names(Folder::Devices).len()), (1, 1));
}

#[test]
fn a_lost_answer_to_the_last_step_leaves_a_repository_that_opens() {
    for (answer, created) in [(ErrorKind::AlreadyExists, true), (ErrorKind::Unavailable, false)] {
        let backend = TestBackend::at(CLOCK);
        backend.lose_answer(Folder::Root, answer);
        assert_eq!(create(&backend, &options(), &account(1)).is_ok(), created);
        assert_eq!(open(&backend, &account(1)).unwrap().1.role, Role::Owner);
    }
}

#[test]
fn bad_options_are_refused_before_anything_is_written() {
    let backend = TestBackend::at(CLOCK);
    let low = Cost { memory_kib: 1024, ..Cost::FLOOR };
    for (options, secret) in [
        (NewRepository { cost: low, ..options() }, Secret::passphrase("p")),
        (options(), Secret::passphrase("")),
        (NewRepository { label: "\u{1b}".to_owned(), ..options() }, account(1)),
        (NewRepository { sizes: Sizes { node: 1, ..Sizes::default() }, ..options() }, account(1)),
    ] {
        assert_eq!(kind(create(&backend, &options, &secret)), ErrorKind::InvalidArgument);
    }
    assert!(Folder::ALL.into_iter().all(|folder| backend.names(folder).is_empty()));
}

#[test]
fn where_there_is_no_repository_the_message_says_what_to_do() {
    let refused = open(&TestBackend::at(CLOCK), &account(1)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(
        refused.to_string(),
        "could not open the repository: test: there is no repository here: check the location, or create one first"
    );
}

#[test]
fn a_flipped_config_never_opens() {
    let (backend, _, _) = repository();
    let name = ObjectName::config();
    let good = backend.bytes(&name);
    for position in 0..good.len() {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped[position] ^= 1 << bit;
            backend.replace(&name, &flipped);
            let refused = open(&backend, &account(1)).unwrap_err();
            assert_eq!(refused.object_name(), Some("config"));
            assert!(
                matches!(refused.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Untrusted),
                "byte {position} bit {bit}: {refused}"
            );
        }
    }
    backend.replace(&name, &vec![0; 17 * 1024]);
    assert_eq!(kind(open(&backend, &account(1))), ErrorKind::Corrupt);
    backend.replace(&name, &good);
    assert!(open(&backend, &account(1)).is_ok());
}

#[test]
fn a_flipped_slot_never_opens() {
    let (backend, _, keys) = repository();
    let name = slot_of(&keys);
    let good = backend.bytes(&name);
    for position in 0..good.len() {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped[position] ^= 1 << bit;
            backend.replace(&name, &flipped);
            let kind = kind(open(&backend, &account(1)));
            assert!(
                matches!(kind, ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::WrongKey),
                "byte {position} bit {bit}: {kind:?}"
            );
        }
    }
    backend.delete(&name).unwrap();
    assert_eq!(kind(open(&backend, &account(1))), ErrorKind::Corrupt);
}

#[test]
fn the_config_of_another_owner_is_untrusted() {
    let (backend, config, _) = repository();
    let stranger = SigningKey::from_seed(SecretKey::from_bytes([9; 32]));
    let forged = Config { owner: stranger.verifying_key(), ..config };
    backend.replace(&ObjectName::config(), &forged.encode(&stranger).unwrap());
    let refused = open(&backend, &account(1)).unwrap_err();
    assert_eq!((refused.kind(), refused.object_name()), (ErrorKind::Untrusted, Some("config")));
}

#[test]
fn slots_and_config_of_another_repository_do_not_open() {
    let (backend, _, keys) = repository();
    let (other, _, other_keys) = repository();
    // The other's slot beside the right one changes nothing; in its place it does not open.
    backend.put(&slot_of(&other_keys), &[&other.bytes(&slot_of(&other_keys))]).unwrap();
    assert_eq!(open(&backend, &account(1)).unwrap().1.repository, keys.repository);
    backend.delete(&slot_of(&keys)).unwrap();
    let refused = open(&backend, &account(1)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WrongKey);
    assert!(refused.to_string().contains("another repository"), "{refused}");
    // Made to look like this repository's, it no longer opens.
    let name = slot_of(&other_keys);
    let mut moved = Slot::decode(&backend.bytes(&name)).unwrap();
    moved.head.repository = keys.repository;
    backend.replace(&name, &moved.encode().unwrap());
    assert_eq!(kind(open(&backend, &account(1))), ErrorKind::WrongKey);
    // Under another name it is not even tried.
    backend.put(&slot_name(&SlotId::from_bytes([1; 16])), &[&moved.encode().unwrap()]).unwrap();
    assert_eq!(kind(open(&backend, &account(1))), ErrorKind::WrongKey);
}

#[test]
fn a_slot_below_the_floor_is_never_tried() {
    let backend = TestBackend::at(CLOCK);
    let secret = Secret::passphrase("p");
    let (_, keys) = create(&backend, &options(), &secret).unwrap();
    let name = slot_of(&keys);
    let mut slot = Slot::decode(&backend.bytes(&name)).unwrap();
    slot.head.method = Method::Passphrase { salt: [0; 16], cost: Cost { memory_kib: 8, passes: 1, lanes: 1 } };
    backend.replace(&name, &slot.encode().unwrap());
    let refused = open(&backend, &secret).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert_eq!(refused.object_name(), Some(name.to_string().as_str()));
}

/// A slot that stands in nobody's way: the passphrase in it is not the one that is tried.
fn bury(backend: &TestBackend, keys: &Keys, number: u8) {
    let id = SlotId::from_bytes([number; 16]);
    let head = Head {
        repository: keys.repository,
        id,
        role: Role::Owner,
        epoch: FIRST_EPOCH,
        method: Method::Passphrase { salt: random().unwrap(), cost: Cost::FLOOR },
        device: None,
        label: String::new(),
        created: i64::MAX,
    };
    let bundle = &keys.bundle();
    let slot = Slot::seal(head, &SecretKey::random().unwrap(), bundle, random().unwrap(), None).unwrap();
    backend.put(&slot_name(&id), &[&slot.encode().unwrap()]).unwrap();
}

#[test]
fn slots_cannot_be_buried_under_others_by_who_may_only_add() {
    let backend = TestBackend::at(CLOCK);
    let secret = Secret::passphrase("p");
    let (_, keys) = create(&backend, &options(), &secret).unwrap();
    for number in 0..80 {
        bury(&backend, &keys, number);
        backend.put(&slot_name(&SlotId::from_bytes([100 + number; 16])), &[b"rubbish"]).unwrap();
    }
    assert_eq!(open(&backend, &secret).unwrap().1.slot, keys.slot);
    // A wrong passphrase ends after so many tries.
    assert_eq!(kind(open(&backend, &Secret::passphrase("q"))), ErrorKind::WrongKey);
}

#[test]
fn storage_that_cannot_be_read_is_not_a_wrong_key() {
    let (backend, _, keys) = repository();
    for name in [ObjectName::config(), slot_of(&keys)] {
        backend.refuse_read(Some((name, ErrorKind::Unavailable)));
        assert_eq!(kind(open(&backend, &account(1))), ErrorKind::Unavailable);
    }
}

/// Whoever controls storage knows a device's public keys, and the owner's.
#[test]
fn a_slot_forged_for_a_device_is_untrusted() {
    let (backend, config, keys) = repository();
    let device = DeviceKey::generate().unwrap();
    let request = device.request("phone").unwrap();
    let real = add_device(&backend, &keys, &request, Role::Writer).unwrap();
    let secret = Secret::device(device.clone());
    assert!(open(&backend, &secret).is_ok());

    let root = SecretKey::from_bytes([66; 32]);
    let mut bundle = Bundle::derive(&root, keys.repository, Role::Writer, &[FIRST_EPOCH], None).unwrap();
    bundle.owner = config.owner;
    let (id, key) = (SlotId::from_bytes([1; 16]), SecretKey::from_bytes([2; 32]));
    let public = kem::PublicKey::from_bytes(request.kem.as_slice()).unwrap();
    let head = Head {
        repository: keys.repository,
        id,
        role: Role::Writer,
        epoch: FIRST_EPOCH,
        method: Method::Device { sealed_key: slot::seal_to_device(&public, &keys.repository, &id, &key).unwrap() },
        device: Some(device.id()),
        label: String::new(),
        created: i64::MAX,
    };
    let forged = Slot::seal(head, &key, &bundle, [0; 24], Some(&owner_signing(&root))).unwrap();
    backend.put(&slot_name(&id), &[&forged.encode().unwrap()]).unwrap();
    // The real one still opens; alone, the forged one does not.
    assert_eq!(open(&backend, &secret).unwrap().1.slot, Some(real));
    backend.delete(&slot_name(&real)).unwrap();
    assert_eq!(kind(open(&backend, &secret)), ErrorKind::Untrusted);

    // A whole repository in the place of the one the device knows can only be told by its owner's key.
    let owner = config.owner.to_bytes();
    let forged = TestBackend::at(CLOCK);
    let (_, attacker) = create(&forged, &options(), &account(66)).unwrap();
    add_device(&forged, &attacker, &request, Role::Writer).unwrap();
    assert!(open(&forged, &secret).is_ok());
    assert_eq!(kind(open(&forged, &secret.expect_owner(owner))), ErrorKind::Untrusted);
}
