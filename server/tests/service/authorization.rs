//! Requests whose proof is wrong in one way or another, and callers who want what is not theirs.

use crate::support::{Person, Raw, World, kind, on_each_database};
use strongroom::account::flow::{Call, SignIn, SignInOutcome, SignedIn, TokenRequest};
use strongroom::account::proof::{RequestProof, Statement, body_hash};
use strongroom::account::transport::Method;
use strongroom::account::wire::{Base64Url, Capabilities, EnrolDevice, IdempotencyKey, UpdateProfile};
use strongroom::account::{Account, Password};
use strongroom::{DeviceRequest, ErrorKind};

/// A session whose key the test holds.
pub(crate) fn session(world: &World, email: &str) -> SignedIn {
    let now = world.clock.now_ms();
    let (sign_in, call) = SignIn::start(email, Password::new(crate::support::PASSWORD), None, now).unwrap();
    let (finish, call) = sign_in.answered(&send(world, &call).body).unwrap();
    match finish.answered(&send(world, &call).body).unwrap() {
        SignInOutcome::SignedIn(signed_in) => *signed_in,
        SignInOutcome::SecondFactor(_) => panic!("a second factor was not expected"),
    }
}

/// Sends a call without any proof.
pub(crate) fn send(world: &World, call: &Call) -> Raw {
    world.raw(call.method, &call.target, &key_header(call.idempotency_key), &call.body)
}

fn key_header(key: Option<IdempotencyKey>) -> Vec<(&'static str, String)> {
    key.map(|key| ("Idempotency-Key", key.to_string())).into_iter().collect()
}

/// Sends a call with a session's proof.
pub(crate) fn send_as(world: &World, session: &SignedIn, call: &Call) -> Raw {
    let statement = Statement::new(call.method.name(), &call.target, call.idempotency_key).unwrap();
    let hash = body_hash(&[&call.body]);
    let proof =
        RequestProof::by_session(&session.session_key, session.session.token, world.clock.now_ms(), &statement, hash)
            .unwrap();
    let mut headers = key_header(call.idempotency_key);
    headers.push(("Authorization", proof.to_header()));
    world.raw(call.method, &call.target, &headers, &call.body)
}

/// Adds a device to `into`'s account with a certificate signed by `signer`'s master key.
pub(crate) fn enrol_with(world: &World, into: &Person, signer: &Person, request: &DeviceRequest) -> Raw {
    let grants = Capabilities::ALL;
    let certificate = signer.account.master_key().unwrap().certify(into.id, request, grants, world.clock.now_ms());
    let message = EnrolDevice {
        name: "phone".to_owned(),
        request: Base64Url(request.to_bytes()),
        grants,
        certificate,
        master_wrap: None,
    };
    send_as(world, &session(world, &into.email), &Call::change(Method::Post, "/v1/devices", &message).unwrap())
}

#[test]
fn a_proof_counts_for_one_request_at_its_time() {
    on_each_database(|world| {
        world.register("kim@example.org");
        let kim = session(world, "kim@example.org");
        let body = br#"{"first_name":"Kay"}"#.to_vec();
        let key = IdempotencyKey::random().unwrap();
        let statement = Statement::new("PATCH", "/v1/profile", Some(key)).unwrap();
        let now = world.clock.now_ms();
        let header = |at: i64| {
            RequestProof::by_session(&kim.session_key, kim.session.token, at, &statement, body_hash(&[&body]))
                .unwrap()
                .to_header()
        };
        let send = |method: Method, target: &str, header: String, key: IdempotencyKey, body: &[u8]| {
            world.raw(method, target, &[("Authorization", header), ("Idempotency-Key", key.to_string())], body)
        };
        let good = header(now);
        let other_key = IdempotencyKey::random().unwrap();
        let flipped = good.replace("p=\"", "p=\"A");
        let hash = good.split("b=\"").nth(1).unwrap()[..64].to_owned();
        let other_body = good.replace(&hash, &"0".repeat(64));
        let other_token = good.replace(&kim.session.token.to_string(), &"0".repeat(32));
        for (what, answer) in [
            ("another method", send(Method::Post, "/v1/profile/email", good.clone(), key, &body)),
            ("another path", send(Method::Delete, "/v1/second-factor", good.clone(), key, &body)),
            ("another query", send(Method::Patch, "/v1/profile?a=b", good.clone(), key, &body)),
            ("another idempotency key", send(Method::Patch, "/v1/profile", good.clone(), other_key, &body)),
            ("another body", send(Method::Patch, "/v1/profile", good.clone(), key, br#"{"first_name":"Eve"}"#)),
            ("another body's hash", send(Method::Patch, "/v1/profile", other_body, key, &body)),
            ("another token", send(Method::Patch, "/v1/profile", other_token, key, &body)),
            ("a damaged proof", send(Method::Patch, "/v1/profile", flipped, key, &body)),
            ("no proof", world.raw(Method::Patch, "/v1/profile", &[("Idempotency-Key", key.to_string())], &body)),
            ("a bearer token", send(Method::Patch, "/v1/profile", format!("Bearer {}", kim.session.token), key, &body)),
        ] {
            assert_eq!(answer.status, 401, "{what}: {answer:?}");
            assert!(["untrusted", "permission_denied"].contains(&answer.kind().as_str()), "{what}");
        }
        for at in [now - 301_000, now + 301_000] {
            let answer = send(Method::Patch, "/v1/profile", header(at), key, &body);
            assert_eq!((answer.status, answer.kind().as_str()), (401, "permission_denied"));
            let said: i64 = answer.header("Strongroom-Time").unwrap().parse().unwrap();
            assert!(said.abs_diff(now) < 60_000);
        }
        assert_eq!(send(Method::Patch, "/v1/profile", good.clone(), key, &body).json()["first_name"], "Kay");
        // Taken down and sent again, it changes nothing: it is answered as it was.
        let message = UpdateProfile { first_name: Some("Kim".to_owned()), last_name: None };
        send_as(world, &kim, &Call::change(Method::Patch, "/v1/profile", &message).unwrap());
        assert_eq!(send(Method::Patch, "/v1/profile", good, key, &body).json()["first_name"], "Kay");
        assert_eq!(send_as(world, &kim, &Call::get("/v1/profile")).json()["first_name"], "Kim");
    });
}

#[test]
fn a_request_for_a_token_counts_once_and_for_its_device() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let lee = world.register("lee@example.org");
        let (_, _, key) = world.add_device(&kim, Capabilities::ALL);
        let (other, _, other_key) = world.add_device(&lee, Capabilities::ALL);
        let request = |account: strongroom::account::wire::AccountId, key: &strongroom::DeviceKey, at: i64| {
            TokenRequest::start(&account, key, Capabilities::ALL, None, at).unwrap().1
        };
        let now = world.clock.now_ms();
        let call = request(kim.id, &key, now);
        assert_eq!(send(world, &call).status, 201);
        assert_eq!(send(world, &call).status, 201, "asked for again with its key, it is answered as it was");
        let replayed = Call { idempotency_key: Some(IdempotencyKey::random().unwrap()), ..call.clone() };
        assert_eq!(send(world, &replayed).kind(), "permission_denied", "with another key, it is used up");
        let misdirected =
            Call { target: format!("/v1/devices/{}/tokens", other.device_id), ..request(kim.id, &key, now) };
        assert_eq!(send(world, &misdirected).kind(), "permission_denied");
        assert_eq!(send(world, &request(kim.id, &other_key, now)).kind(), "permission_denied", "for another account");
        assert_eq!(send(world, &request(kim.id, &key, now - 301_000)).kind(), "permission_denied", "too old");
        let unknown = strongroom::DeviceKey::generate().unwrap();
        assert_eq!(send(world, &request(kim.id, &unknown, now)).kind(), "permission_denied");
    });
}

#[test]
fn what_needs_a_person_is_not_done_for_a_device() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let (_, phone, _) = world.add_device(&kim, Capabilities::ALL);
        let ctx = &world.ctx;
        let phone = phone.open_master_key(ctx).unwrap();
        let refused: [(&str, strongroom::Result<()>); 5] = [
            ("email", phone.change_email("eve@example.org", ctx)),
            ("confirm", phone.confirm_email("12345678", ctx)),
            ("password", phone.change_password(Password::new("another password"), ctx)),
            ("second factor", phone.start_second_factor(ctx).map(drop)),
            ("second factor off", phone.remove_second_factor("123456", ctx)),
        ];
        for (what, result) in refused {
            assert_eq!(kind(result), ErrorKind::Forbidden, "{what}");
        }
    });
}

type Ask = fn(&Account, &strongroom::Context) -> strongroom::Result<()>;

#[test]
fn a_writers_token_does_nothing_to_the_account() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let writer = Capabilities::from([strongroom::account::wire::Capability::Append]);
        let (device, phone, _) = world.add_device(&kim, writer);
        let ctx = &world.ctx;
        let other = world.add_device(&kim, writer).0;
        let everything: [(&str, Ask); 8] = [
            ("profile", |account, ctx| account.profile(ctx).map(drop)),
            ("update", |account, ctx| account.update_profile(Some("Eve"), None, ctx).map(drop)),
            ("devices", |account, ctx| account.devices(ctx).map(drop)),
            ("plan", |account, ctx| account.change_plan("pro", ctx).map(drop)),
            ("cancel", |account, ctx| account.cancel_subscription(ctx).map(drop)),
            ("subscription", |account, ctx| account.subscription(ctx).map(drop)),
            ("invoices", |account, ctx| account.invoices(ctx).map(drop)),
            ("usage", |account, ctx| account.usage(ctx).map(drop)),
        ];
        for (what, ask) in everything {
            assert_eq!(kind(ask(&phone, ctx)), ErrorKind::Forbidden, "{what}");
        }
        assert_eq!(kind(phone.revoke_device(&other.device_id, ctx)), ErrorKind::Forbidden);
        assert_eq!(kind(phone.device(&other.device_id, ctx)), ErrorKind::Forbidden);
        assert_eq!(phone.device(&device.device_id, ctx).unwrap().device_id, device.device_id, "but for itself");
        phone.revoke_device(&device.device_id, ctx).unwrap();
        assert_eq!(kind(phone.device(&device.device_id, ctx)), ErrorKind::PermissionDenied);
    });
}
