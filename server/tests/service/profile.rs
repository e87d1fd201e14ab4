//! Names, address and password.

use crate::support::{PASSWORD, World, kind, on_each_database};
use strongroom::ErrorKind;
use strongroom::account::Password;

#[test]
fn names_are_corrected_and_never_hold_a_card() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let profile = kim.account.update_profile(None, Some("Beispiel"), &world.ctx).unwrap();
        assert_eq!((profile.first_name.as_str(), profile.last_name.as_str()), ("Kim", "Beispiel"));
        let card = kim.account.update_profile(Some("4111 1111 1111 1111"), None, &world.ctx);
        assert_eq!(kind(card), ErrorKind::InvalidArgument);
        // The service does not rely on the client's check.
        let session = crate::authorization::session(world, "kim@example.org");
        let mut call =
            strongroom::account::flow::Call::plain_change(strongroom::account::transport::Method::Patch, "/v1/profile")
                .unwrap();
        call.body = br#"{"first_name":"4111 1111 1111 1111"}"#.to_vec();
        let answer = crate::authorization::send_as(world, &session, &call);
        assert_eq!((answer.status, answer.kind().as_str()), (400, "invalid_argument"));
        assert!(!String::from_utf8_lossy(&answer.body).contains("1111"));
        assert_eq!(kim.account.profile(&world.ctx).unwrap().first_name, "Kim");
        assert!(!stored(world).windows(9).any(|bytes| bytes == b"4111 1111"), "a card's number was stored");
    });
}

/// The bytes of the database, where it is a file.
fn stored(world: &World) -> Vec<u8> {
    ["db.sqlite", "db.sqlite-wal"]
        .iter()
        .flat_map(|name| std::fs::read(world.folder.path().join(name)).unwrap_or_default())
        .collect()
}

#[test]
fn an_address_changes_once_it_is_confirmed_and_the_old_one_is_told() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        kim.account.change_email("kay@example.org", &world.ctx).unwrap();
        assert!(world.inbox.letter("kim@example.org", 1).header("Subject").contains("about to change"));
        let code = world.inbox.code("kay@example.org");
        let profile = kim.account.profile(&world.ctx).unwrap();
        assert_eq!(
            (profile.email.as_str(), profile.pending_email.as_deref()),
            ("kim@example.org", Some("kay@example.org"))
        );
        assert_eq!(
            kind(kim.account.change_email("kit@example.org", &world.ctx)),
            ErrorKind::Unavailable,
            "one at a time"
        );
        assert_eq!(kind(kim.account.confirm_email("00000000", &world.ctx)), ErrorKind::WrongKey);
        kim.account.confirm_email(&code, &world.ctx).unwrap();
        assert!(world.inbox.letter("kim@example.org", 2).header("Subject").contains("has changed"));
        assert_eq!(kind(world.sign_in("kim@example.org", PASSWORD)), ErrorKind::WrongKey);
        let again = world.sign_in("kay@example.org", PASSWORD).unwrap();
        assert_eq!(again.profile(&world.ctx).unwrap().pending_email, None);
        assert_eq!(kind(kim.account.confirm_email(&code, &world.ctx)), ErrorKind::NotFound, "a second time");
        // The old address is free.
        world.register("kim@example.org");
    });
}

#[test]
fn an_address_of_another_account_is_not_to_be_had() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        world.register("lee@example.org");
        kim.account.change_email("lee@example.org", &world.ctx).unwrap();
        assert!(world.inbox.letter("lee@example.org", 1).header("Subject").starts_with("You have an account"));
        for _ in 0..5 {
            assert_eq!(kind(kim.account.confirm_email("12345678", &world.ctx)), ErrorKind::WrongKey);
        }
        assert_eq!(kind(kim.account.confirm_email("12345678", &world.ctx)), ErrorKind::NotFound, "the sixth try");
        assert_eq!(kim.account.profile(&world.ctx).unwrap().email, "kim@example.org");
    });
}

#[test]
fn a_new_password_ends_the_other_sessions_and_keeps_the_keys() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let other = world.sign_in("kim@example.org", PASSWORD).unwrap();
        kim.account.change_password(Password::new("a new password"), &world.ctx).unwrap();
        kim.account.profile(&world.ctx).unwrap();
        assert_eq!(kind(other.profile(&world.ctx)), ErrorKind::PermissionDenied);
        assert_eq!(kind(world.sign_in("kim@example.org", PASSWORD)), ErrorKind::WrongKey);
        let again = world.sign_in("kim@example.org", "a new password").unwrap();
        assert_eq!(
            again.master_key().unwrap().public_key().to_bytes(),
            kim.account.master_key().unwrap().public_key().to_bytes()
        );
        assert!(world.inbox.letter("kim@example.org", 1).header("Subject").contains("password"));
    });
}
