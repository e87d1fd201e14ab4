//! Adding and removing keys and devices.

use super::*;
use crate::backend::{Folder, ObjectName};
use crate::format::entry::Timestamp;
use crate::store::devices::DeviceList;
use crate::store::keys::wrap::slot_name;

fn ids(backend: &dyn Backend, keys: &Keys) -> Vec<SlotId> {
    let mut ids: Vec<SlotId> = list_slots(backend, keys).unwrap().into_iter().map(|slot| slot.id).collect();
    ids.sort();
    ids
}

#[test]
fn slots_are_listed_with_what_they_claim() {
    let (backend, _, keys) = repository();
    let slot = add(&backend, &keys, &Secret::passphrase("p"), Role::Reader).unwrap();
    backend.put(&slot_name(&SlotId::from_bytes([1; 16])), &[b"rubbish"]).unwrap();
    let slots = list_slots(&backend, &keys).unwrap();
    assert_eq!(slots.len(), 2);
    assert_eq!(survey(&backend, &keys).unwrap().skipped.len(), 1);
    let added = slots.iter().find(|info| info.id == slot).unwrap();
    assert_eq!((added.role, added.method.name(), added.label.as_str()), (Role::Reader, "passphrase", "added"));
    assert!(!added.current && added.device.is_some());
    let first = slots.iter().find(|info| info.current).unwrap();
    assert_eq!((Some(first.id), first.role, first.method.name()), (keys.slot, Role::Owner, "account_key"));
    assert_eq!((first.label.as_str(), first.device), ("first", None));
    // Its holder may write, and is on the list.
    let (_, reader) = open(&backend, &Secret::passphrase("p")).unwrap();
    let devices = DeviceList::load(&backend, &keys).unwrap();
    devices.accepts(&reader.signer().unwrap().0, "check").unwrap();
    assert_eq!(Some(reader.signer().unwrap().0), added.device);
    assert!(devices.devices().all(|device| device.name == "added" && !device.has_key));
}

#[test]
fn only_owners_manage_keys() {
    let (backend, _, owner) = repository();
    let device = DeviceKey::generate().unwrap();
    for role in [Role::Writer, Role::Reader, Role::Maintainer] {
        let secret = account(10 + role.code());
        add(&backend, &owner, &secret, role).unwrap();
        let (_, keys) = open(&backend, &secret).unwrap();
        let before = (backend.names(Folder::Keys), backend.names(Folder::Devices));
        assert_eq!(kind(add(&backend, &keys, &account(2), Role::Writer)), ErrorKind::Forbidden);
        assert_eq!(kind(add_recovery_code(&backend, &keys, Role::Owner, "")), ErrorKind::Forbidden);
        assert_eq!(kind(add_device(&backend, &keys, &device.request("").unwrap(), role)), ErrorKind::Forbidden);
        assert_eq!(kind(revoke_device(&backend, &keys, &device.id(), true)), ErrorKind::Forbidden);
        assert_eq!(kind(remove_slot(&backend, &keys, &owner.slot.unwrap(), true)), ErrorKind::Forbidden);
        assert_eq!(before, (backend.names(Folder::Keys), backend.names(Folder::Devices)));
    }
}

#[test]
fn a_recovery_code_opens_and_its_typing_errors_are_told_from_wrong_codes() {
    let (backend, _, keys) = repository();
    let (slot, code) = add_recovery_code(&backend, &keys, Role::Owner, "paper").unwrap();
    let typed = code.reveal().to_lowercase();
    let (_, opened) = open(&backend, &Secret::recovery_code(&typed).unwrap()).unwrap();
    assert_eq!((opened.slot, opened.role), (Some(slot), Role::Owner));
    let other = crate::RecoveryCode::generate().unwrap();
    assert_eq!(kind(open(&backend, &Secret::from(other))), ErrorKind::WrongKey);
    assert_eq!(kind(Secret::recovery_code(&typed[1..])), ErrorKind::InvalidArgument);
}

#[test]
fn the_slot_one_stands_on_is_not_removed() {
    let (backend, _, keys) = repository();
    let first = keys.slot.unwrap();
    assert_eq!(kind(remove_slot(&backend, &keys, &first, true)), ErrorKind::InvalidArgument);
    // Claims do not help: this calls itself an owner's and nobody can open it.
    let fake = add(&backend, &keys, &account(50), Role::Owner).unwrap();
    assert_eq!(kind(remove_slot(&backend, &keys, &first, true)), ErrorKind::InvalidArgument);
    remove_slot(&backend, &keys, &fake, true).unwrap();
    assert_eq!(kind(remove_slot(&backend, &keys, &fake, true)), ErrorKind::NotFound);
    assert_eq!(kind(open(&backend, &account(50))), ErrorKind::WrongKey);

    let second = add(&backend, &keys, &account(2), Role::Owner).unwrap();
    let (_, other) = open(&backend, &account(2)).unwrap();
    remove_slot(&backend, &other, &first, true).unwrap();
    assert_eq!(kind(open(&backend, &account(1))), ErrorKind::WrongKey);
    // Whoever still has the removed one open cannot remove the last.
    assert_eq!(kind(remove_slot(&backend, &keys, &second, true)), ErrorKind::Conflict);
    assert_eq!(ids(&backend, &other), [second]);
}

#[test]
fn bad_slots_are_refused_before_anything_is_written() {
    let (backend, _, keys) = repository();
    let before = (backend.names(Folder::Keys), backend.names(Folder::Devices));
    let low = Cost { passes: 1, ..Cost::FLOOR };
    let passphrase = Secret::passphrase("p");
    let empty = Secret::passphrase("");
    let good = NewSlot { secret: &passphrase, role: Role::Reader, label: "", cost: Cost::FLOOR };
    let long = "x".repeat(129);
    for new in [
        NewSlot { cost: low, ..good.clone() },
        NewSlot { secret: &empty, ..good.clone() },
        NewSlot { label: &long, ..good.clone() },
        NewSlot { label: "\u{7}", ..good },
    ] {
        assert_eq!(kind(add_slot(&backend, &keys, &new)), ErrorKind::InvalidArgument);
    }
    assert_eq!(kind(change_passphrase(&backend, &keys, &passphrase, Cost::FLOOR)), ErrorKind::InvalidArgument);
    assert_eq!(before, (backend.names(Folder::Keys), backend.names(Folder::Devices)));
}

#[test]
fn every_role_can_change_its_passphrase() {
    let (backend, _, owner) = repository();
    for role in Role::ALL {
        let (old, new) = (Secret::passphrase(format!("old {role}")), Secret::passphrase(format!("new {role}")));
        let slot = add(&backend, &owner, &old, role).unwrap();
        let (_, keys) = open(&backend, &old).unwrap();
        let (changed, change) = change_passphrase(&backend, &keys, &new, Cost::FLOOR).unwrap();
        assert!(change.remaining.is_none());
        assert_eq!(changed.slot, Some(change.slot));
        assert_eq!(kind(open(&backend, &old)), ErrorKind::WrongKey);
        let (_, opened) = open(&backend, &new).unwrap();
        assert_eq!((opened.role, opened.slot), (role, Some(change.slot)));
        assert_eq!(opened.signer().ok().map(|signer| signer.0), keys.signer().ok().map(|signer| signer.0));
        let listed = list_slots(&backend, &opened).unwrap();
        assert!(
            listed.iter().any(|info| info.current && info.label == "added")
                && listed.iter().all(|info| info.id != slot)
        );
        assert_eq!(kind(change_passphrase(&backend, &opened, &account(1), Cost::FLOOR)), ErrorKind::InvalidArgument);
        assert_eq!(
            kind(change_passphrase(&backend, &opened, &Secret::passphrase(""), Cost::FLOOR)),
            ErrorKind::InvalidArgument
        );
    }
}

#[test]
fn where_nothing_can_be_deleted_the_old_passphrase_is_reported_to_remain() {
    let (backend, _, owner) = repository();
    let old = Secret::passphrase("old");
    let slot = add(&backend, &owner, &old, Role::Writer).unwrap();
    let (_, keys) = open(&backend, &old).unwrap();
    backend.refuse_delete(true);
    let (_, change) = change_passphrase(&backend, &keys, &Secret::passphrase("new"), Cost::FLOOR).unwrap();
    let (remaining, error) = change.remaining.unwrap();
    assert_eq!((remaining, error.kind()), (slot, ErrorKind::PermissionDenied));
    assert!(open(&backend, &old).is_ok() && open(&backend, &Secret::passphrase("new")).is_ok());
}

#[test]
fn a_device_is_added_once() {
    let (backend, _, owner) = repository();
    let device = DeviceKey::generate().unwrap();
    let request = device.request("phone").unwrap();
    // As if it had broken off between the list and the slot.
    let slot = add_device(&backend, &owner, &request, Role::Writer).unwrap();
    backend.delete(&slot_name(&slot)).unwrap();
    let slot = add_device(&backend, &owner, &request, Role::Writer).unwrap();
    assert_eq!(DeviceList::load(&backend, &owner).unwrap().generation(), 2);
    for role in [Role::Writer, Role::Reader] {
        assert_eq!(kind(add_device(&backend, &owner, &request, role)), ErrorKind::AlreadyExists);
    }
    let secret = Secret::device(device.clone());
    assert_eq!(open(&backend, &secret).unwrap().1.slot, Some(slot));
    // The same through a slot's options.
    let other = DeviceKey::generate().unwrap();
    add(&backend, &owner, &Secret::device(other.clone()), Role::Maintainer).unwrap();
    assert_eq!(open(&backend, &Secret::device(other)).unwrap().1.role, Role::Maintainer);
}

#[test]
fn what_a_revoked_device_signs_later_is_untrusted() {
    let (backend, _, owner) = repository();
    let device = DeviceKey::generate().unwrap();
    let slot = add_device(&backend, &owner, &device.request("phone").unwrap(), Role::Reader).unwrap();
    let (_, keys) = open(&backend, &Secret::device(device.clone())).unwrap();
    let (id, key) = keys.signer().unwrap();
    let signature = key.sign("test", b"snapshot");
    let verify = |keys: &Keys, seconds| {
        let list = DeviceList::load(&backend, keys).unwrap();
        list.verify(&id, "test", b"snapshot", &signature, Timestamp::new(seconds, 0), "check")
    };
    verify(&keys, i64::MAX).unwrap();
    let revocation = revoke_device(&backend, &owner, &id, true).unwrap().0;
    assert_eq!((revocation.device, revocation.removed, revocation.remaining.len()), (id, vec![slot], 0));
    let since = revocation.since.seconds;
    verify(&keys, since).unwrap();
    for received in [since + 1, i64::MAX] {
        let refused = verify(&keys, received).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Untrusted);
        assert!(refused.object_name().unwrap().contains(&id.to_string()));
    }
    assert_eq!(kind(DeviceList::load(&backend, &owner).unwrap().accepts(&id, "check")), ErrorKind::Untrusted);
    assert_eq!(kind(open(&backend, &Secret::device(device.clone()))), ErrorKind::WrongKey);
    // Once more changes nothing, and it does not come back.
    assert_eq!(revoke_device(&backend, &owner, &id, true).unwrap().0.since.seconds, since);
    let again = add_device(&backend, &owner, &device.request("phone").unwrap(), Role::Reader);
    assert_eq!(kind(again), ErrorKind::AlreadyExists);
    assert_eq!(kind(revoke_device(&backend, &owner, &DeviceId::from_bytes([0; 16]), true)), ErrorKind::NotFound);
}

#[test]
fn slots_that_storage_keeps_are_reported_by_a_revocation() {
    let (backend, _, owner) = repository();
    let slot = add(&backend, &owner, &account(2), Role::Writer).unwrap();
    let (_, writer) = open(&backend, &account(2)).unwrap();
    let (id, _) = writer.signer().unwrap();
    backend.refuse_delete(true);
    let revocation = revoke_device(&backend, &owner, &id, true).unwrap().0;
    assert!(revocation.removed.is_empty());
    assert_eq!(revocation.remaining.iter().map(|(slot, _)| *slot).collect::<Vec<_>>(), [slot]);
    backend.refuse_delete(false);
    assert_eq!(revoke_device(&backend, &owner, &id, true).unwrap().0.removed, [slot]);
}

#[test]
fn an_owner_does_not_revoke_what_it_stands_on() {
    let backend = TestBackend::at(CLOCK);
    let device = DeviceKey::generate().unwrap();
    let (_, keys) = create(&backend, &options(), &Secret::device(device.clone())).unwrap();
    assert_eq!(kind(revoke_device(&backend, &keys, &device.id(), true)), ErrorKind::InvalidArgument);
    let (_, code) = add_recovery_code(&backend, &keys, Role::Owner, "").unwrap();
    let (_, other) = open(&backend, &Secret::from(code)).unwrap();
    assert_eq!(kind(revoke_device(&backend, &other, &other.owner_id(), true)), ErrorKind::InvalidArgument);
    assert_eq!(revoke_device(&backend, &other, &device.id(), true).unwrap().0.removed, [keys.slot.unwrap()]);
}

/// Whether the owner's clock is ahead of storage's or behind it: what counts is what storage says of objects.
#[test]
fn a_revocation_counts_by_the_clock_of_the_storage() {
    let (backend, _, owner) = repository();
    let device = DeviceKey::generate().unwrap();
    add_device(&backend, &owner, &device.request("phone").unwrap(), Role::Writer).unwrap();
    let late = DeviceKey::generate().unwrap();
    add_device(&backend, &owner, &late.request("watch").unwrap(), Role::Writer).unwrap();
    for (device, clock) in [(device, 1000), (late, 1 << 40)] {
        backend.set_clock(clock);
        let revocation = revoke_device(&backend, &owner, &device.id(), false).unwrap().0;
        assert_eq!(revocation.since.seconds, clock);
        let list = DeviceList::load(&backend, &owner).unwrap();
        assert_eq!(list.revoked(&device.id()), Some(revocation.since));
    }
}

#[test]
fn names_that_are_no_ids_are_passed_over() {
    let (backend, _, keys) = repository();
    backend.put(&"keys/readme.txt".parse::<ObjectName>().unwrap(), &[b"hello"]).unwrap();
    assert!(open(&backend, &account(1)).is_ok());
    assert_eq!(ids(&backend, &keys), [keys.slot.unwrap()]);
}
