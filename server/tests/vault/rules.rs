//! Every rule of the service, and somebody who tries to get around it.

use crate::noise;
use crate::world::{READER, WRITER, World, files, impatient};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use strongroom::account::flow::Call;
use strongroom::account::transport::{HttpTransport, Method, Transport, TransportRequest, TransportResponse};
use strongroom::account::wire::{Capabilities, Capability, StartUpload, Upload, read_response};
use strongroom::account::{Account, AccountClient, VaultAccess, VaultRequest};
use strongroom::{Backend, CancelToken, Context, ErrorKind, Folder, ObjectName, Result, VaultBackend};

fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

fn pack(bytes: &[u8]) -> ObjectName {
    ObjectName::new(Folder::Packs, blake3::hash(bytes).to_hex().as_str()).unwrap()
}

fn send(
    access: &VaultAccess,
    method: Method,
    target: &str,
    headers: &[(&'static str, String)],
    body: &[&[u8]],
) -> Result<TransportResponse> {
    access.send(&VaultRequest { method, target, headers, body, idempotency_key: None }, &CancelToken::new(), "ask")
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn backend(account: &Account, of: &VaultBackend, capabilities: impl Into<Capabilities>) -> VaultBackend {
    impatient(VaultBackend::new(account.vault_access(&of.vault(), capabilities.into())))
}

#[test]
fn nobody_uses_the_vault_of_another_account() {
    let world = World::start();
    let (owner, stranger) = (world.person("large"), world.person("large"));
    let own = world.backend(&owner);
    own.put(&name("config"), &[b"mine"]).unwrap();
    let foreign = backend(&stranger, &own, Capabilities::ALL);
    let not_found = Some(ErrorKind::NotFound);
    assert_eq!(kind(foreign.put(&name("keys/00"), &[b"x"])), not_found);
    assert_eq!(kind(foreign.read(&name("config"), 0..4)), not_found);
    assert_eq!(kind(foreign.stat(&name("config"))), not_found);
    assert_eq!(kind(foreign.list(Folder::Root, &mut |_| panic!("something is listed"))), not_found);
    assert_eq!(kind(foreign.delete(&name("config"))), not_found);
    assert_eq!(kind(foreign.hold(&name("config"), i64::MAX / 2)), not_found);
    assert_eq!(kind(foreign.clone().part_size(0).put(&name("keys/01"), &[&noise(1, 100_000)])), not_found);
    let ctx = Context::new();
    assert_eq!(kind(stranger.vault(&own.vault(), &ctx)), not_found);
    assert_eq!(kind(stranger.delete_vault(&own.vault(), &ctx)), not_found);
    assert!(stranger.vaults(&ctx).unwrap().is_empty());
    // Nor does an upload of another's vault go on in one's own.
    let call = Call::change(
        Method::Post,
        format!("/v1/vaults/{}/uploads", own.vault()),
        &StartUpload { name: "keys/02".into(), length: 10 },
    );
    let access = owner.vault_access(&own.vault(), Capabilities::ALL);
    let answer = access.call(&call.unwrap(), &CancelToken::new(), "begin").unwrap();
    let upload = read_response::<Upload>(&answer, "begin").unwrap().upload_id;
    let theirs = world.backend(&stranger);
    let target = format!("/v1/vaults/{}/uploads/{upload}", theirs.vault());
    let access = stranger.vault_access(&theirs.vault(), Capabilities::ALL);
    assert_eq!(kind(send(&access, Method::Get, &target, &[], &[])), not_found);
    assert_eq!(kind(send(&access, Method::Put, &format!("{target}?offset=0"), &[], &[b"0123456789"])), not_found);
    assert_eq!(own.read(&name("config"), 0..4).unwrap(), b"mine");
}

#[test]
fn a_device_does_what_it_was_granted_and_nothing_else() {
    let world = World::start();
    let owner = world.person("large");
    let own = world.backend(&owner);
    let bytes = noise(1, 5000);
    own.put(&pack(&bytes), &[&bytes]).unwrap();
    own.put(&name("config"), &[b"config"]).unwrap();
    let denied = Some(ErrorKind::PermissionDenied);

    let writer = backend(&world.device(&owner, WRITER).0, &own, WRITER);
    writer.put(&name("index/00"), &[b"index"]).unwrap();
    writer.clone().part_size(0).put(&name("index/01"), &[&noise(2, 200_000)]).unwrap();
    assert_eq!(writer.read(&name("config"), 0..6).unwrap(), b"config");
    assert_eq!(writer.read(&name("index/00"), 0..5).unwrap(), b"index");
    assert_eq!(writer.stat(&pack(&bytes)).unwrap().length, 5000);
    assert_eq!(kind(writer.read(&pack(&bytes), 0..1)), denied);
    assert_eq!(kind(writer.delete(&name("index/00"))), denied);
    assert_eq!(kind(writer.delete(&name("sessions/none"))), denied);
    assert_eq!(kind(writer.hold(&name("index/00"), 1)), denied);

    let reader = backend(&world.device(&owner, READER).0, &own, READER);
    assert_eq!(reader.read(&pack(&bytes), 0..5000).unwrap(), bytes);
    assert_eq!(kind(reader.put(&name("index/02"), &[b"x"])), denied);
    assert_eq!(kind(reader.clone().part_size(0).put(&name("index/02"), &[&noise(2, 200_000)])), denied);
    assert_eq!(kind(reader.delete(&name("index/00"))), denied);

    let maintainer = [Capability::Maintain];
    let maintainer = backend(&world.device(&owner, maintainer).0, &own, maintainer);
    assert_eq!(maintainer.read(&pack(&bytes), 0..5000).unwrap(), bytes);
    assert_eq!(kind(maintainer.put(&name("index/02"), &[b"x"])), denied);
    maintainer.delete(&name("index/01")).unwrap();

    // A token asks for no more than was granted, and a device that may do all deletes no vault.
    let (greedy, _) = world.device(&owner, WRITER);
    assert!(backend(&greedy, &own, Capabilities::ALL).stat(&name("config")).is_err());
    let (device, _) = world.device(&owner, Capabilities::ALL);
    assert_eq!(kind(device.delete_vault(&own.vault(), &Context::new())), Some(ErrorKind::Forbidden));
}

#[test]
fn the_token_for_one_vault_opens_no_other() {
    let world = World::start();
    let owner = world.person("large");
    let (one, other) = (world.backend(&owner), world.backend(&owner));
    other.put(&name("config"), &[b"other"]).unwrap();
    let (device, _) = world.device(&owner, Capabilities::ALL);
    let access = device.vault_access(&one.vault(), Capabilities::ALL);
    let target = |rest: &str| format!("/v1/vaults/{}{rest}", other.vault());
    let forbidden = Some(ErrorKind::Forbidden);
    for (method, rest, body) in [
        (Method::Get, "", &[][..]),
        (Method::Get, "/objects/config", &[]),
        (Method::Get, "/objects?folder=", &[]),
        (Method::Put, "/objects/keys/00", &[&b"x"[..]]),
        (Method::Delete, "/objects/config", &[]),
    ] {
        assert_eq!(kind(send(&access, method, &target(rest), &[], body)), forbidden, "{method:?} {rest}");
    }
    assert_eq!(other.read(&name("config"), 0..5).unwrap(), b"other");
}

#[test]
fn a_revoked_device_does_nothing_from_then_on() {
    let world = World::start();
    let owner = world.person("large");
    let own = world.backend(&owner);
    let (device, key) = world.device(&owner, Capabilities::ALL);
    let there = backend(&device, &own, Capabilities::ALL);
    there.put(&name("keys/00"), &[b"x"]).unwrap();
    owner.revoke_device(&key.id(), &Context::new()).unwrap();
    let denied = Some(ErrorKind::PermissionDenied);
    assert_eq!(kind(there.put(&name("keys/01"), &[b"x"])), denied);
    assert_eq!(kind(there.read(&name("keys/00"), 0..1)), denied);
    assert_eq!(kind(there.delete(&name("keys/00"))), denied);
    assert_eq!(kind(there.list(Folder::Keys, &mut |_| Ok(()))), denied);
    assert_eq!(own.stat(&name("keys/00")).unwrap().length, 1);
}

/// Changes the bytes of objects after they were proved.
struct Tampering(HttpTransport, Arc<AtomicBool>);

impl Transport for Tampering {
    fn send(&self, request: &TransportRequest<'_>, cancel: &CancelToken) -> Result<TransportResponse> {
        let mut body = request.body.concat();
        if self.1.load(Ordering::Relaxed)
            && request.method == Method::Put
            && let Some(last) = body.last_mut()
        {
            *last ^= 1;
        }
        self.0.send(&TransportRequest { body: &[&body], ..*request }, cancel)
    }

    fn service(&self) -> String {
        self.0.service()
    }
}

#[test]
fn bytes_that_were_changed_on_the_way_are_not_stored() {
    let world = World::start();
    let owner = world.person("large");
    let own = world.backend(&owner);
    let (_, key) = world.device(&owner, Capabilities::ALL);
    let tampers = Arc::new(AtomicBool::new(false));
    let transport = Tampering(world.transport(&world.url()), Arc::clone(&tampers));
    let device = AccountClient::new(transport).device(owner.id(), key, Capabilities::ALL);
    let there = backend(&device, &own, Capabilities::ALL);
    there.put(&name("index/00"), &[b"as it was"]).unwrap();
    tampers.store(true, Ordering::Relaxed);
    assert_eq!(kind(there.put(&name("index/01"), &[b"as it was"])), Some(ErrorKind::PermissionDenied));
    tampers.store(false, Ordering::Relaxed);
    assert_eq!(kind(own.stat(&name("index/01"))), Some(ErrorKind::NotFound));
    assert_eq!(owner.usage(&Context::new()).unwrap().objects, 1);
    assert!(files(&world.objects().join("staging")).is_empty());
}

#[test]
fn a_refusal_reaches_who_is_still_sending() {
    let world = World::start_with_tls();
    let owner = world.person("large");
    let own = world.backend(&owner).part_size(64 << 20);
    let bytes = noise(1, 12 << 20);
    own.put(&pack(&bytes), &[&bytes]).unwrap();
    // Once: a connection that is reset would be another error.
    let once = own.clone().tries(1);
    let (device, key) = world.device(&owner, Capabilities::ALL);
    let revoked = backend(&device, &own, Capabilities::ALL).part_size(64 << 20).tries(1);
    revoked.stat(&pack(&bytes)).unwrap();
    owner.revoke_device(&key.id(), &Context::new()).unwrap();
    for _ in 0..5 {
        assert_eq!(kind(once.put(&pack(&bytes), &[&bytes])), Some(ErrorKind::AlreadyExists));
        assert_eq!(kind(revoked.put(&name("index/00"), &[&bytes])), Some(ErrorKind::PermissionDenied));
    }
}

#[test]
fn the_quota_holds_and_says_what_it_is() {
    let world = World::start();
    let owner = world.person("small");
    let own = world.backend(&owner);
    own.put(&name("index/00"), &[&noise(1, 60_000)]).unwrap();
    for parts in [false, true] {
        let backend = if parts { own.clone().part_size(0) } else { own.clone() };
        let length = if parts { 70_000 } else { 40_001 };
        let error = backend.put(&name("index/01"), &[&noise(2, length)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        assert!(error.to_string().contains("100000"), "{error}");
    }
    let ctx = Context::new();
    assert_eq!(owner.usage(&ctx).unwrap().bytes, 60_000);
    own.put(&name("index/01"), &[&noise(2, 40_000)]).unwrap();
    own.delete(&name("index/00")).unwrap();
    own.put(&name("index/02"), &[&noise(3, 60_000)]).unwrap();
    let usage = owner.usage(&ctx).unwrap();
    assert_eq!((usage.bytes, usage.objects, usage.vaults.len()), (100_000, 2, 1));
    assert_eq!(files(&world.objects().join("vaults")).len(), 2);
}

#[test]
fn a_read_only_account_reads_and_changes_nothing() {
    let world = World::start();
    let owner = world.person("large");
    let own = world.backend(&owner);
    own.put(&name("index/00"), &[b"kept"]).unwrap();
    world.sql("UPDATE subscriptions SET status = 'read_only'");
    let read_only = Some(ErrorKind::ReadOnly);
    assert_eq!(kind(own.put(&name("index/01"), &[b"x"])), read_only);
    assert_eq!(kind(own.clone().part_size(0).put(&name("index/01"), &[&noise(1, 100_000)])), read_only);
    assert_eq!(kind(own.delete(&name("index/00"))), read_only);
    assert_eq!(kind(own.hold(&name("index/00"), 1)), read_only);
    assert_eq!(kind(owner.create_vault("more", None, &Context::new())), read_only);
    assert_eq!(own.read(&name("index/00"), 0..4).unwrap(), b"kept");
    let mut listed = 0;
    own.list(Folder::Index, &mut |_| {
        listed += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(listed, 1);
}

#[test]
fn holds_and_minimum_ages_bind_the_owner_as_well() {
    let world = World::start();
    let owner = world.person("large");
    let own = world.backend(&owner);
    own.put(&name("snapshots/00"), &[b"kept"]).unwrap();
    let until = world.clock.now_ms() + 60_000;
    own.hold(&name("snapshots/00"), until).unwrap();
    let denied = Some(ErrorKind::PermissionDenied);
    assert_eq!(kind(own.hold(&name("snapshots/00"), until - 1)), denied);
    assert_eq!(kind(own.hold(&name("snapshots/01"), until)), Some(ErrorKind::NotFound));
    assert_eq!(kind(own.hold(&name("snapshots/00"), i64::MAX)), Some(ErrorKind::InvalidArgument));
    assert_eq!(kind(own.delete(&name("snapshots/00"))), denied);
    let ctx = Context::new();
    assert_eq!(kind(owner.delete_vault(&own.vault(), &ctx)), Some(ErrorKind::Forbidden));

    let aged = owner.create_vault("aged", Some(Duration::from_secs(3600)), &ctx).unwrap();
    assert_eq!(aged.minimum_age_ms, Some(3_600_000));
    let aged = impatient(VaultBackend::new(owner.vault_access(&aged.vault_id, Capabilities::ALL)));
    aged.put(&name("index/00"), &[b"young"]).unwrap();
    aged.put(&name("sessions/00"), &[b"lease"]).unwrap();
    assert_eq!(kind(aged.delete(&name("index/00"))), denied);
    aged.delete(&name("sessions/00")).unwrap();
    let other = world.backend(&owner);
    owner.delete_vault(&other.vault(), &ctx).unwrap();
    assert_eq!(kind(other.stat(&name("config"))), Some(ErrorKind::NotFound));
}

#[test]
fn names_and_ranges_of_any_kind_do_no_harm() {
    let world = World::start();
    let owner = world.person("large");
    let own = world.backend(&owner);
    own.put(&name("index/00"), &[&noise(1, 1000)]).unwrap();
    let access = owner.vault_access(&own.vault(), Capabilities::ALL);
    let target = |rest: &str| format!("/v1/vaults/{}/objects/{rest}", own.vault());
    for rest in [
        "other",
        "packs",
        "packs/",
        "packs/AB",
        "packs/.hidden",
        "packs/a_b",
        "nowhere/aa",
        "index/%2e%2e",
        "index/..%2fconfig",
        "%2e%2e/config",
        "index/a%00",
        "index/a/b",
        "config/",
        "index/%F0%9F%92%A9",
    ] {
        let error = send(&access, Method::Put, &target(rest), &[], &[b"x"]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidArgument | ErrorKind::NotFound), "{rest}: {error}");
    }
    let long = target(&format!("index/{}", "a".repeat(129)));
    assert_eq!(kind(send(&access, Method::Put, &long, &[], &[b"x"])), Some(ErrorKind::InvalidArgument));
    assert_eq!(files(&world.objects()).len(), 1);
    for (range, status, length) in [
        ("bytes=0-0", 206, 1),
        ("bytes=-5", 206, 5),
        ("bytes=990-5000", 206, 10),
        ("bytes=5-4", 200, 1000),
        ("bytes=a-b", 200, 1000),
        ("bytes=0-1,3-4", 200, 1000),
        ("lines=0-1", 200, 1000),
        ("", 200, 1000),
    ] {
        let headers = [("Range", range.to_owned())];
        let answer = send(&access, Method::Get, &target("index/00"), &headers, &[]).unwrap();
        assert_eq!(answer.status, status, "{range}");
        assert_eq!(answer.read(2000, &CancelToken::new(), "read").unwrap().len(), length, "{range}");
    }
    let beyond = send(&access, Method::Get, &target("index/00"), &[("Range", "bytes=1000-".to_owned())], &[]);
    assert_eq!(kind(beyond), Some(ErrorKind::Corrupt));
    for query in ["", "?folder=nowhere", "?folder=index&limit=0", "?folder=index&limit=1001", "?folder=index&more=1"] {
        let listed = send(&access, Method::Get, &format!("/v1/vaults/{}/objects{query}", own.vault()), &[], &[]);
        assert_eq!(kind(listed), Some(ErrorKind::InvalidArgument), "{query}");
    }
}

#[test]
fn a_change_that_is_asked_for_twice_is_made_once() {
    let world = World::start();
    let owner = world.person("small");
    let own = world.backend(&owner);
    let access = owner.vault_access(&own.vault(), Capabilities::ALL);
    let message = StartUpload { name: "index/00".into(), length: 60_000 };
    let call = Call::change(Method::Post, format!("/v1/vaults/{}/uploads", own.vault()), &message).unwrap();
    let answers: Vec<Upload> = (0..3)
        .map(|_| read_response(&access.call(&call, &CancelToken::new(), "begin").unwrap(), "begin").unwrap())
        .collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    // Set aside once: the rest of the quota is free, and no more than that.
    assert_eq!(kind(own.put(&name("index/01"), &[&noise(1, 40_001)])), Some(ErrorKind::QuotaExceeded));
    own.put(&name("index/01"), &[&noise(1, 40_000)]).unwrap();
}

#[test]
fn a_plan_with_rates_is_held_to_them() {
    let world = World::start_with(|config| {
        for plan in &mut config.plans {
            (plan.upload_bytes_per_second, plan.download_bytes_per_second) = (Some(400_000), Some(500_000));
        }
    });
    let owner = world.person("large");
    let own = world.backend(&owner);
    let bytes = noise(1, 800_000);
    let begin = Instant::now();
    own.put(&pack(&bytes), &[&bytes]).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(1400), "{:?}", begin.elapsed());
    let begin = Instant::now();
    assert!(own.read(&pack(&bytes), 0..800_000).unwrap() == bytes);
    assert!(begin.elapsed() >= Duration::from_millis(1000), "{:?}", begin.elapsed());
}
