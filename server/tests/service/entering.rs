//! Registration, signing in, the second factor, and recovery.

use crate::support::{PASSWORD, World, kind, on_each_database};
use strongroom::ErrorKind;
use strongroom::account::flow::{Call, SignIn};
use strongroom::account::transport::Method;
use strongroom::account::wire::IdempotencyKey;
use strongroom::account::{Password, SignInStep};

#[test]
fn somebody_registers_confirms_and_signs_in() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let profile = kim.account.profile(&world.ctx).unwrap();
        assert_eq!((profile.first_name.as_str(), profile.last_name.as_str()), ("Kim", "Example"));
        assert_eq!(profile.email, kim.email);
        assert!(!profile.second_factor);
        let again = world.sign_in("Kim@Example.org", PASSWORD).unwrap();
        assert_eq!(again.profile(&world.ctx).unwrap(), profile);
        assert_eq!(
            again.master_key().unwrap().public_key().to_bytes(),
            kim.account.master_key().unwrap().public_key().to_bytes()
        );
        // Everything is still there after a restart, sessions included.
        world.restart();
        let client = world.client();
        drop(client);
        assert_eq!(world.sign_in("kim@example.org", PASSWORD).unwrap().profile(&world.ctx).unwrap(), profile);
    });
}

#[test]
fn a_wrong_password_and_an_unknown_address_are_told_apart_by_nothing() {
    on_each_database(|world| {
        world.register("kim@example.org");
        let wrong = world.sign_in("kim@example.org", "not the password").unwrap_err();
        let unknown = world.sign_in("lee@example.org", "not the password").unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::WrongKey);
        assert_eq!(format!("{wrong:?}"), format!("{unknown:?}"));
    });
}

#[test]
fn an_address_in_use_is_answered_like_any_other_and_cannot_be_taken_over() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let client = world.client();
        let free = client
            .register(World::registrant("lee@example.org"), Password::new("another password"), &world.ctx)
            .unwrap();
        let taken = client
            .register(World::registrant("kim@example.org"), Password::new("another password"), &world.ctx)
            .unwrap();
        let letter = world.inbox.letter("kim@example.org", 1);
        assert!(letter.header("Subject").starts_with("You have an account"), "{letter:?}");
        assert!(taken.confirm_by_at.abs_diff(free.confirm_by_at) < 60_000);
        for code in ["00000000", "12345678"] {
            assert_eq!(kind(client.confirm(taken.registration_id, code, &world.ctx)), ErrorKind::WrongKey);
        }
        assert_eq!(kim.account.profile(&world.ctx).unwrap().email, "kim@example.org");
        assert!(world.sign_in("kim@example.org", "another password").is_err());
    });
}

#[test]
fn a_code_counts_for_its_registration_five_tries_and_a_quarter_of_an_hour() {
    on_each_database(|world| {
        let client = world.client();
        let begin = |email: &str| {
            let pending = client.register(World::registrant(email), Password::new(PASSWORD), &world.ctx).unwrap();
            (pending.registration_id, world.inbox.code(email))
        };
        let (kims, kims_code) = begin("kim@example.org");
        let (lees, lees_code) = begin("lee@example.org");
        assert_eq!(kind(client.confirm(kims, &lees_code, &world.ctx)), ErrorKind::WrongKey);
        for _ in 0..4 {
            assert_eq!(kind(client.confirm(kims, "00000000", &world.ctx)), ErrorKind::WrongKey);
        }
        assert_eq!(kind(client.confirm(kims, &kims_code, &world.ctx)), ErrorKind::NotFound, "the sixth try");
        world.clock.shift(15 * 60 * 1000 + 1);
        assert_eq!(kind(client.confirm(lees, &lees_code, &world.ctx)), ErrorKind::NotFound, "too late");
        let (again, code) = begin("kim@example.org");
        client.confirm(again, &code, &world.ctx).unwrap();
        assert_eq!(kind(client.confirm(again, &code, &world.ctx)), ErrorKind::NotFound, "a second time");
    });
}

#[test]
fn what_is_not_asked_for_is_refused() {
    on_each_database(|world| {
        let key = ("Idempotency-Key", "00112233445566778899aabbccddeeff".to_owned());
        let body = br#"{"email":"kim@example.org","opaque_request":"","birthday":"1985-01-01"}"#;
        let answer = world.raw(Method::Post, "/v1/registrations/start", std::slice::from_ref(&key), body);
        assert_eq!((answer.status, answer.kind().as_str()), (400, "invalid_argument"));
        assert!(!String::from_utf8_lossy(&answer.body).contains("1985"));
        let body = br#"{"email":"4111111111111111@example.org","opaque_request":""}"#;
        let answer = world.raw(Method::Post, "/v1/registrations/start", &[key], body);
        assert_eq!(answer.status, 400);
        assert!(!String::from_utf8_lossy(&answer.body).contains("4111"));
        let without = world.raw(
            Method::Post,
            "/v1/registrations/start",
            &[],
            br#"{"email":"kim@example.org","opaque_request":""}"#,
        );
        assert_eq!((without.status, without.kind().as_str()), (400, "invalid_argument"));
    });
}

#[test]
fn guessing_is_slowed_down_and_locks_nobody_out() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let (_, _, key) = world.add_device(&kim, strongroom::account::wire::Capabilities::ALL);
        let guess = |email: &str| match world.sign_in(email, "a guess").unwrap_err() {
            error if error.kind() == ErrorKind::Unavailable => {
                let strongroom::Retry::After(wait) = error.retry() else { panic!("{error:?}") };
                Some(wait)
            }
            error => {
                assert_eq!(error.kind(), ErrorKind::WrongKey);
                None
            }
        };
        let mut waits = Vec::new();
        for _ in 0..60 {
            if let Some(wait) = guess("kim@example.org") {
                waits.push(wait.as_secs());
                world.clock.shift(i64::try_from(wait.as_millis()).unwrap());
                if waits.len() == 12 {
                    break;
                }
            }
        }
        assert_eq!(waits.len(), 12, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 15 * 60), "{waits:?}");
        assert!(waits[11] > waits[1], "{waits:?}");
        assert_eq!(guess("kim@example.org"), None);
        // The right password waits as well, for whoever guesses must not see which one it was.
        assert_eq!(kind(world.sign_in("kim@example.org", PASSWORD)), ErrorKind::Unavailable);
        // Who comes from a device of the account does not; what the device signed counts once.
        let now = world.clock.now_ms();
        let (_, call) = SignIn::start("kim@example.org", Password::new(PASSWORD), Some(&key), now).unwrap();
        assert_eq!(crate::authorization::send(world, &call).status, 200);
        let taken_down = Call { idempotency_key: Some(IdempotencyKey::random().unwrap()), ..call };
        assert_eq!(crate::authorization::send(world, &taken_down).status, 429);
        // An unknown address is slowed down just so.
        assert!((0..60).any(|_| guess("nobody@example.org").is_some()));
        world.clock.shift(16 * 60 * 1000);
        world.sign_in("kim@example.org", PASSWORD).unwrap();
        // A success takes the counters back.
        world.sign_in("kim@example.org", "a guess").unwrap_err();
        world.sign_in("kim@example.org", PASSWORD).unwrap();
    });
}

#[test]
fn a_second_factor_is_asked_for_and_each_code_counts_once() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let started = kim.account.start_second_factor(&world.ctx).unwrap();
        assert!(started.uri.expose().starts_with("otpauth://totp/"));
        let authenticator = Authenticator::new(started.secret.expose());
        assert_eq!(kind(kim.account.confirm_second_factor("000000", &world.ctx)), ErrorKind::WrongKey);
        let used = authenticator.code(world);
        let spares = kim.account.confirm_second_factor(&used, &world.ctx).unwrap();
        assert_eq!(spares.len(), 10);
        assert!(kim.account.profile(&world.ctx).unwrap().second_factor);
        assert_eq!(kind(kim.account.start_second_factor(&world.ctx)), ErrorKind::AlreadyExists);

        let pending =
            || match world.client().sign_in("kim@example.org", Password::new(PASSWORD), None, &world.ctx).unwrap() {
                SignInStep::SecondFactor(pending) => pending,
                SignInStep::SignedIn(_) => panic!("the password was enough"),
            };
        let first = pending();
        // The code that turned it on was used.
        assert_eq!(kind(first.verify(&used, &world.ctx)), ErrorKind::WrongKey);
        world.clock.shift(30_000);
        let code = authenticator.code(world);
        first.verify(&code, &world.ctx).unwrap().profile(&world.ctx).unwrap();
        assert_eq!(kind(pending().verify(&code, &world.ctx)), ErrorKind::WrongKey, "a second time");
        let spare = spares[0].expose();
        pending().verify(spare, &world.ctx).unwrap();
        assert_eq!(kind(pending().verify(spare, &world.ctx)), ErrorKind::WrongKey, "a second time");
        let guessed = pending();
        for _ in 0..5 {
            assert_eq!(kind(guessed.verify("123456", &world.ctx)), ErrorKind::WrongKey);
        }
        world.clock.shift(30_000);
        assert_eq!(kind(guessed.verify(&authenticator.code(world), &world.ctx)), ErrorKind::WrongKey, "the sixth try");

        assert_eq!(kind(kim.account.remove_second_factor("000000", &world.ctx)), ErrorKind::WrongKey);
        kim.account.remove_second_factor(spares[1].expose(), &world.ctx).unwrap();
        world.clock.shift(16 * 60 * 1000);
        world.sign_in("kim@example.org", PASSWORD).unwrap();
    });
}

#[test]
fn the_recovery_code_and_the_mailbox_together_get_somebody_back_in() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let lee = world.register("lee@example.org");
        let client = world.client();
        let challenge = client.start_recovery("kim@example.org", &world.ctx).unwrap();
        let mailed = world.inbox.code("kim@example.org");
        let new = || Password::new("a new password");
        let finish = |mailed: &str, code: &strongroom::RecoveryCode| {
            client.finish_recovery(&challenge, mailed, code.clone(), new(), &world.ctx)
        };
        assert_eq!(kind(finish("00000000", &kim.recovery_code)), ErrorKind::WrongKey, "without the mailbox");
        assert_eq!(kind(finish(&mailed, &lee.recovery_code)), ErrorKind::WrongKey, "without the recovery code");
        assert!(world.sign_in("kim@example.org", "a new password").is_err());
        let next = finish(&mailed, &kim.recovery_code).unwrap();
        assert_eq!(kind(kim.account.profile(&world.ctx)), ErrorKind::PermissionDenied, "sessions end");
        let recovered = world.sign_in("kim@example.org", "a new password").unwrap();
        assert_eq!(
            recovered.master_key().unwrap().public_key().to_bytes(),
            kim.account.master_key().unwrap().public_key().to_bytes()
        );
        assert_eq!(kind(world.sign_in("kim@example.org", PASSWORD)), ErrorKind::WrongKey);
        assert_eq!(kind(finish(&mailed, &kim.recovery_code)), ErrorKind::NotFound, "a second time");

        let challenge = client.start_recovery("kim@example.org", &world.ctx).unwrap();
        let mailed = world.inbox.code("kim@example.org");
        let old = client.finish_recovery(&challenge, &mailed, kim.recovery_code.clone(), new(), &world.ctx);
        assert_eq!(kind(old), ErrorKind::WrongKey, "the code that was replaced");
        client.finish_recovery(&challenge, &mailed, next, Password::new("yet another one"), &world.ctx).unwrap();
        world.sign_in("kim@example.org", "yet another one").unwrap();

        let nobody = client.start_recovery("nobody@example.org", &world.ctx).unwrap();
        let refused = client.finish_recovery(&nobody, "00000000", lee.recovery_code.clone(), new(), &world.ctx);
        assert_eq!(kind(refused), ErrorKind::WrongKey);
        assert!(world.inbox.letters("nobody@example.org").is_empty());
    });
}

/// An authenticator app.
struct Authenticator(totp_rs::Totp);

impl Authenticator {
    fn new(secret: &str) -> Self {
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        Authenticator(totp_rs::Builder::new().with_secret(secret).build_noncompliant())
    }

    fn code(&self, world: &World) -> String {
        self.0.generate(u64::try_from(world.clock.now_ms() / 1000).unwrap()).to_string()
    }
}
