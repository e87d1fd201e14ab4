//! Devices, their tokens, and what ends them.

use crate::support::{kind, on_each_database};
use strongroom::account::wire::{Capabilities, Capability};
use strongroom::{DeviceKey, ErrorKind};

#[test]
fn a_device_is_added_named_listed_and_seen() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let (device, phone, _) = world.add_device(&kim, Capabilities::ALL);
        assert_eq!(device.name, "phone");
        assert_eq!(device.last_seen_at, None);
        let letter = world.inbox.letter("kim@example.org", 1);
        assert!(letter.header("Subject").starts_with("A device was added"));

        let opened = phone.open_master_key(&world.ctx).unwrap();
        assert_eq!(
            opened.master_key().unwrap().public_key().to_bytes(),
            kim.account.master_key().unwrap().public_key().to_bytes()
        );
        let seen = kim.account.device(&device.device_id, &world.ctx).unwrap();
        assert!(seen.last_seen_at.is_some());
        assert_eq!(seen.master_wrap, None, "the wrap is the device's own");
        assert_eq!(kim.account.rename_device(&device.device_id, "tablet", &world.ctx).unwrap().name, "tablet");
        let listed = phone.devices(&world.ctx).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].name.as_str(), listed[0].device_id), ("tablet", device.device_id));
        let card = kim.account.rename_device(&device.device_id, "4111 1111 1111 1111", &world.ctx);
        assert_eq!(kind(card), ErrorKind::InvalidArgument);
    });
}

#[test]
fn a_revoked_device_is_out_at_once_and_for_good() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let (device, phone, key) = world.add_device(&kim, Capabilities::ALL);
        phone.profile(&world.ctx).unwrap();
        kim.account.revoke_device(&device.device_id, &world.ctx).unwrap();
        assert_eq!(kind(phone.profile(&world.ctx)), ErrorKind::PermissionDenied, "with the token it has");
        let anew = world.client().device(kim.id, key.clone(), Capabilities::ALL);
        assert_eq!(kind(anew.profile(&world.ctx)), ErrorKind::PermissionDenied, "with a new token");
        let again = kim.account.add_device(&key.request("phone").unwrap(), Capabilities::ALL, true, &world.ctx);
        assert_eq!(kind(again), ErrorKind::AlreadyExists);
        assert_eq!(
            kind(kim.account.revoke_device(&device.device_id, &world.ctx)),
            ErrorKind::NotFound,
            "a second time"
        );
        let listed = kim.account.devices(&world.ctx).unwrap();
        assert!(listed[0].revoked_at.is_some());
    });
}

#[test]
fn a_token_carries_no_more_than_was_granted() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let writer = Capabilities::from([Capability::Append]);
        let (_, phone, key) = world.add_device(&kim, writer);
        assert_eq!(kind(phone.profile(&world.ctx)), ErrorKind::Forbidden, "a token without the capability");
        let greedy = world.client().device(kim.id, key, Capabilities::ALL);
        assert_eq!(kind(greedy.profile(&world.ctx)), ErrorKind::Forbidden, "a token beyond the grants");
    });
}

#[test]
fn a_device_needs_a_certificate_of_its_own_account() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let lee = world.register("lee@example.org");
        let key = DeviceKey::generate().unwrap();
        let request = key.request("phone").unwrap();
        let (device, ..) = world.add_device(&kim, Capabilities::ALL);
        // Lee's service, or somebody in Lee's session without Lee's master key, cannot make the certificate up.
        let foreign = crate::authorization::enrol_with(world, &lee, &kim, &request);
        assert_eq!((foreign.status, foreign.kind().as_str()), (401, "untrusted"));
        assert!(lee.account.devices(&world.ctx).unwrap().is_empty());
        for result in [
            lee.account.device(&device.device_id, &world.ctx).map(drop),
            lee.account.rename_device(&device.device_id, "mine", &world.ctx).map(drop),
            lee.account.revoke_device(&device.device_id, &world.ctx),
        ] {
            assert_eq!(kind(result), ErrorKind::NotFound);
        }
        assert_eq!(kim.account.device(&device.device_id, &world.ctx).unwrap().name, "phone");
    });
}

#[test]
fn tokens_end() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let (_, phone, _) = world.add_device(&kim, Capabilities::ALL);
        phone.profile(&world.ctx).unwrap();
        world.clock.shift(31 * 60 * 1000);
        assert_eq!(kind(kim.account.profile(&world.ctx)), ErrorKind::PermissionDenied, "a session after half an hour");
        // The device gets itself another token, by the service's clock.
        phone.profile(&world.ctx).unwrap();
        let again = world.sign_in("kim@example.org", crate::support::PASSWORD).unwrap();
        again.sign_out(&world.ctx).unwrap();
        assert_eq!(kind(again.profile(&world.ctx)), ErrorKind::PermissionDenied, "after signing out");
    });
}
