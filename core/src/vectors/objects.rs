//! Single objects of every kind, sound and with one fault each.

use super::cases::{self, Case};
use super::decode::{World, decode};
use super::{noise, read, show, write};
use crate::chunker::{ChunkSizes, Chunker};
use crate::crypto::SecretKey;
use crate::crypto::recovery::RecoveryCode;
use crate::crypto::sign::SigningKey;
use crate::format::bundle::{Bundle, Role, owner_signing};
use crate::format::device::{DeviceKey, device_id};
use crate::format::device_list::{Device, List, Revoked};
use crate::format::entry::Timestamp;
use crate::format::pack::padme;
use crate::id::{RepositoryId, hex};
use crate::store::keys::Keys;
use crate::store::snapshots::lineage;
use serde_json::{Value, json};
use std::path::Path;

/// Every kind there are vectors of.
const KINDS: [&str; 17] = [
    "config",
    "key_slot",
    "bundle",
    "device_list",
    "device_key",
    "device_request",
    "recovery_code",
    "pack",
    "segment",
    "index",
    "node",
    "run_list",
    "snapshot",
    "mark",
    "lease",
    "checkpoint",
    "condemnation",
];

/// When storage received the objects.
const RECEIVED: Timestamp = Timestamp { seconds: super::TIME + 1000, nanos: 500_000_000 };

pub(super) const ROOT: SecretKey = SecretKey::from_bytes([0x11; 32]);
pub(super) const REPOSITORY: RepositoryId = RepositoryId::from_bytes([0x22; 16]);
pub(super) const ACCOUNT_KEY: [u8; 32] = [0x33; 32];
pub(super) const PASSPHRASE: &str = "correct horse battery staple";

/// The keys that sign in the vectors.
pub(super) fn signing(number: u8) -> SigningKey {
    SigningKey::from_seed(SecretKey::from_bytes([number; 32]))
}

pub(super) const WRITER: u8 = 0x41;
pub(super) const REVOKED: u8 = 0x42;
/// Revoked when storage received the objects, to the nanosecond.
pub(super) const JUST_REVOKED: u8 = 0x45;
pub(super) const MAINTAINER: u8 = 0x43;
pub(super) const STRANGER: u8 = 0x44;

pub(super) fn device_key() -> DeviceKey {
    DeviceKey::from_seeds(SecretKey::from_bytes([0x51; 32]), SecretKey::from_bytes([0x52; 32])).unwrap()
}

pub(super) fn device_list() -> List {
    let device = |number: u8, name: &str, role, revoked| {
        let verifying = signing(number).verifying_key();
        let id = device_id(&verifying, None);
        let added = super::TIME - 5000;
        Device { id, name: name.to_owned(), role, verifying, kem: None, added, revoked, in_bundle: false }
    };
    let own = crate::store::devices::requested(
        &device_key().request("Kim's phone \u{2713}").unwrap(),
        Role::Reader,
        super::TIME - 4000,
    );
    let mut devices = vec![
        own,
        device(WRITER, "writer", Role::Writer, None),
        device(
            REVOKED,
            "revoked",
            Role::Reader,
            Some(Revoked::Since(Timestamp::new(RECEIVED.seconds, RECEIVED.nanos - 1))),
        ),
        device(JUST_REVOKED, "just revoked", Role::Reader, Some(Revoked::Since(RECEIVED))),
        device(MAINTAINER, "maintainer", Role::Maintainer, None),
    ];
    devices.sort_by_key(|device| device.id);
    List { repository: REPOSITORY, generation: 3, epoch: 1, devices }
}

pub(super) fn make(folder: &Path) {
    let list = device_list().encode(&owner_signing(&ROOT)).unwrap();
    let code = RecoveryCode::generate().unwrap();
    let told = json!({
        "repository": REPOSITORY.to_string(),
        "root": hex(ROOT.expose()),
        "epochs": [1, 2],
        "passphrase": PASSPHRASE,
        "recovery_code": code.reveal().as_str(),
        "device_key": hex(&device_key().to_bytes()),
        "account_key": hex(&ACCOUNT_KEY),
        "device_list": hex(&list),
        "received": [RECEIVED.seconds, RECEIVED.nanos],
    });
    write(&folder.join("keys.json"), &told);
    let world = World::new(&told);
    write(&folder.join("derived.json"), &derived(&world));
    for kind in KINDS {
        let cases: Vec<Value> =
            cases::of(kind, &world, &code).into_iter().map(|case| shown(&world, kind, case)).collect();
        write(&folder.join(format!("{kind}.json")), &json!({"kind": kind, "cases": cases}));
    }
}

fn shown(world: &World, kind: &str, case: Case) -> Value {
    let mut shown = json!({"name": case.name, "bytes": hex(&case.bytes)});
    if !case.input.is_null() {
        shown["input"] = case.input.clone();
    }
    let place = format!("{kind}: {}", case.name);
    match (decode(world, kind, &case.bytes, &case.input), case.error) {
        (Ok(decoded), None) => shown["decoded"] = decoded,
        (Err(error), Some(expected)) => {
            assert_eq!(error.kind(), expected, "{place}: {error}");
            shown["error"] = expected.name().into();
            shown["why"] = error.detail_text().unwrap_or_default().into();
        }
        (Ok(_), Some(_)) => panic!("{place}: it should be refused"),
        (Err(error), None) => panic!("{place}: {error}"),
    }
    shown
}

pub(super) fn check(folder: &Path) {
    let world = World::new(&read(&folder.join("keys.json")));
    assert_eq!(derived(&world), read(&folder.join("derived.json")));
    for kind in KINDS {
        let file = read(&folder.join(format!("{kind}.json")));
        let cases = file["cases"].as_array().unwrap();
        assert!(cases.len() > 2, "there are no vectors of {kind}");
        for case in cases {
            let bytes = super::unhex(&case["bytes"]);
            let place = format!("{kind}: {}", case["name"]);
            match decode(&world, kind, &bytes, &case["input"]) {
                Ok(decoded) => assert_eq!(decoded, case["decoded"], "{place}"),
                Err(error) => assert_eq!(case["error"], error.kind().name(), "{place}: {error}"),
            }
        }
    }
}

/// Everything that follows from the root, and some of what follows from that.
fn derived(world: &World) -> Value {
    let bundle = Bundle::derive(&world.root, world.repository, Role::Owner, &[1, 2], None).unwrap();
    let keys: &Keys = &world.keys;
    let (id_key, chunker_key) = (bundle.id_key.as_ref().unwrap(), bundle.chunker_key.as_ref().unwrap());
    let epochs: Vec<Value> = bundle
        .epochs()
        .iter()
        .map(|epoch| {
            let sealing = world.epoch(epoch.epoch);
            json!({
                "epoch": epoch.epoch,
                "index_key": hex(epoch.index.expose()),
                "footer": hex(sealing.footer.expose()),
                "trailer": hex(sealing.trailer.expose()),
                "index": hex(sealing.index_object.expose()),
                "snapshot": hex(sealing.envelope.expose()),
                "mark": hex(sealing.mark.expose()),
                "lease": hex(sealing.lease.expose()),
                "checkpoint": hex(sealing.checkpoint.expose()),
                "condemnation": hex(sealing.condemnation.expose()),
                "data_key": hex(epoch.data_private.as_ref().unwrap().seed().expose()),
                "data_public_key": hex(&epoch.data_private.as_ref().unwrap().public_key().unwrap().to_bytes()),
            })
        })
        .collect();
    let hasher = world.hasher();
    let blobs = [hasher.blob(b""), hasher.blob(b"blob")];
    let chunks = |least: u32, average: u32, greatest: u32, length: usize| {
        let chunker = Chunker::new(chunker_key.expose(), ChunkSizes::new(least, average, greatest));
        let data = noise("chunks", length);
        let (mut rest, mut lengths) = (data.as_slice(), Vec::new());
        while !rest.is_empty() {
            let length = chunker.cut(rest);
            lengths.push(length);
            rest = &rest[length..];
        }
        json!({"sizes": [least, average, greatest], "length": length, "chunks": lengths})
    };
    let paths: [&[u8]; 3] = [b"/srv", b"/home/\xff", b"/srv"];
    let padded: Vec<[u64; 2]> =
        [1, 2, 9, 15, 1000, 1001, 65_537, 1_000_003, 16_777_217].map(|length| [length, padme(length)]).into();
    json!({
        "owner_seed": hex(owner_signing(&world.root).seed().expose()),
        "owner": hex(&bundle.owner.to_bytes()),
        "owner_id": keys.owner_id().to_string(),
        "id_key": hex(id_key.expose()),
        "chunker_key": hex(chunker_key.expose()),
        "epochs": epochs,
        "blobs": [
            {"data": "", "id": blobs[0].to_string()},
            {"data": "blob", "id": blobs[1].to_string()},
        ],
        "segment": {"blobs": blobs.map(|id| id.to_string()), "id": hasher.segment(&blobs).to_string()},
        "lineage": {
            "host": "host",
            "paths": paths.map(show::escaped),
            "id": lineage(keys, "host", &paths).unwrap().to_string(),
        },
        "chunk_data": "the bytes of BLAKE3's extended output for the input \"chunks\"",
        "chunks": [
            chunks(1024, 4096, 16_384, 100_001),
            chunks(1024, 1500, 2048, 20_000),
            chunks(16_384, 65_536, 262_144, 1_000_000),
            chunks(16_384, 65_536, 262_144, 16_384),
        ],
        "padded": padded,
    })
}
