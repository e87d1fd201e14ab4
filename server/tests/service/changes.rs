//! Changes that are asked for again.

use crate::authorization::{send, send_as, session};
use crate::support::{World, on_each_database};
use strongroom::account::flow::Call;
use strongroom::account::transport::Method;
use strongroom::account::wire::{IdempotencyKey, UpdateProfile};

#[test]
fn a_change_is_made_once_however_often_it_is_asked_for() {
    on_each_database(|world| {
        world.register_for("kim@example.org", "free");
        let kim = session(world, "kim@example.org");
        let call = Call::plain_change(Method::Post, "/v1/subscription/cancel").unwrap();
        let first = send_as(world, &kim, &call);
        assert_eq!(first.status, 200, "{first:?}");
        world.restart();
        let again = send_as(world, &kim, &call);
        assert_eq!((again.status, &again.body), (200, &first.body));
        let anew = Call::plain_change(Method::Post, "/v1/subscription/cancel").unwrap();
        assert_eq!(send_as(world, &kim, &anew).kind(), "conflict");
        world.clock.shift(25 * 60 * 60 * 1000);
        world.restart();
    });
}

#[test]
fn a_key_is_for_one_request_and_one_account() {
    on_each_database(|world| {
        world.register("kim@example.org");
        world.register("lee@example.org");
        let (kim, lee) = (session(world, "kim@example.org"), session(world, "lee@example.org"));
        let key = IdempotencyKey::random().unwrap();
        let rename = |name: &str| {
            let message = UpdateProfile { first_name: Some(name.to_owned()), last_name: None };
            Call { idempotency_key: Some(key), ..Call::change(Method::Patch, "/v1/profile", &message).unwrap() }
        };
        assert_eq!(send_as(world, &kim, &rename("Kay")).json()["first_name"], "Kay");
        assert_eq!(send_as(world, &kim, &rename("Kit")).kind(), "conflict");
        assert_eq!(send_as(world, &lee, &rename("Leo")).json()["first_name"], "Leo");
        assert_eq!(send_as(world, &kim, &Call::get("/v1/profile")).json()["first_name"], "Kay");
    });
}

#[test]
fn changes_that_come_at_once_are_one() {
    on_each_database(|world| {
        world.register("kim@example.org");
        let kim = session(world, "kim@example.org");
        let call = Call::plain_change(Method::Post, "/v1/subscription/cancel").unwrap();
        let world: &World = world;
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| send_as(world, &kim, &call))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let done: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert!(!done.is_empty());
        assert!(done.iter().all(|answer| answer.body == done[0].body));
        // Who came in between is asked to come again, and is told the same then.
        assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 503), "{answers:?}");
        assert_eq!(send_as(world, &kim, &call).body, done[0].body);
        let history = send_as(world, &kim, &Call::get("/v1/subscription/history")).json();
        let cancelled = history["items"].as_array().unwrap().iter().filter(|event| event["event"] == "cancelled");
        assert_eq!(cancelled.count(), 1);
    });
}

#[test]
fn bodies_that_are_too_long_or_no_json_are_refused() {
    on_each_database(|world| {
        let call = |body: Vec<u8>| Call { body, ..Call::plain_change(Method::Post, "/v1/recovery/start").unwrap() };
        let long = send(world, &call(vec![b' '; 64 * 1024 + 1]));
        assert_eq!((long.status, long.kind().as_str()), (413, "limit_exceeded"));
        for body in [&b"{"[..], b"[]", b"", b"\xff", b"{\"email\":5}"] {
            let answer = send(world, &call(body.to_vec()));
            assert_eq!((answer.status, answer.kind().as_str()), (400, "invalid_argument"));
        }
    });
}
