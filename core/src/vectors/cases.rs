//! The cases of every kind of object.

use super::decode::{COST, World};
use super::objects::{
    ACCOUNT_KEY, JUST_REVOKED, MAINTAINER, PASSPHRASE, REPOSITORY, REVOKED, ROOT, STRANGER, WRITER, device_key,
    device_list, signing,
};
use super::{TIME, noise};
use crate::compress::{Compression, Compressor};
use crate::crypto::password::{Cost, stretch};
use crate::crypto::recovery::RecoveryCode;
use crate::crypto::sign::SigningKey;
use crate::crypto::{SecretKey, aead, kem};
use crate::error::ErrorKind::{self, Corrupt, InvalidArgument, Unsupported, Untrusted, WrongKey};
use crate::format::bundle::{Bundle, HolderSeeds, Role, owner_signing};
use crate::format::cbor::MapWriter;
use crate::format::checkpoint::Checkpoint;
use crate::format::condemnation::{Condemnation, Stage};
use crate::format::config::{Config, Sizes};
use crate::format::device::{DeviceKey, device_id};
use crate::format::entry::{Content, Entry, EntryKind, HardLink, Hole, Metadata, Owner, Run, Timestamp, Xattr};
use crate::format::index::IndexObject;
use crate::format::lease::{Lease, LeasePurpose, LeaseState};
use crate::format::mark::{Mark, MarkBody};
use crate::format::node::{Child, ListChild, RunList, Totals, encode_inner, encode_leaf};
use crate::format::object::{HEADER, Kind, header};
use crate::format::pack::{
    IndexedPack, PackContents, PackHeader, PackKeys, PackedSegment, Reference, SessionEntry, seal_footer,
};
use crate::format::sealed::Envelope;
use crate::format::segment::{BlobKind, SegmentBuilder, SegmentHeader, SegmentPlace, seal};
use crate::format::signed;
use crate::format::slot::{self, Head, Method, Slot};
use crate::format::snapshot::{SnapshotBody, SnapshotCounts, SnapshotEnvelope, SnapshotOutcome};
use crate::id::{
    BlobId, DeviceId, IndexId, LineageId, PackId, RepositoryId, SegmentId, SessionId, SlotId, SnapshotId, hex,
};
use crate::path::EntryPath;
use crate::store::keys::Purpose;
use ciborium::Value as Cbor;
use serde_json::{Value, json};
use std::sync::Arc;

/// One object, with what else it takes to read it, and what is wrong with it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) input: Value,
    pub(super) error: Option<ErrorKind>,
}

/// Cases being gathered.
#[derive(Default)]
struct Cases {
    list: Vec<Case>,
    input: Value,
}

impl Cases {
    fn with(input: Value) -> Self {
        Cases { list: Vec::new(), input }
    }

    fn add(&mut self, name: &str, bytes: Vec<u8>, error: Option<ErrorKind>) {
        self.list.push(Case { name: name.to_owned(), bytes, input: self.input.clone(), error });
    }

    fn sound(&mut self, name: &str, bytes: &[u8]) {
        self.add(name, bytes.to_vec(), None);
    }

    fn bad(&mut self, name: &str, error: ErrorKind, bytes: Vec<u8>) {
        self.add(name, bytes, Some(error));
    }

    /// The faults that objects of all kinds can have.
    fn headers(&mut self, sound: &[u8]) {
        let at = |position: usize, byte: u8| {
            let mut bytes = sound.to_vec();
            bytes[position] = byte;
            bytes
        };
        self.bad("nothing", Corrupt, Vec::new());
        self.bad("a header cut off", Corrupt, sound[..HEADER - 1].to_vec());
        self.bad("a header and nothing else", Corrupt, sound[..HEADER].to_vec());
        self.bad("another magic", Corrupt, at(0, b's'));
        self.bad("another kind", Corrupt, at(6, if sound[6] == 1 { 2 } else { 1 }));
        self.bad("another version", Unsupported, at(7, 2));
    }
}

fn flip(bytes: &[u8], position: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[position] ^= 1;
    bytes
}

fn flip_last(bytes: &[u8]) -> Vec<u8> {
    flip(bytes, bytes.len() - 1)
}

fn cut(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() - 1].to_vec()
}

fn longer(bytes: &[u8]) -> Vec<u8> {
    [bytes, &[0]].concat()
}

fn bytes(bytes: &[u8]) -> Cbor {
    Cbor::Bytes(bytes.to_vec())
}

/// What stands at a place in a byte string, replaced.
fn replaced(whole: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = whole.windows(from.len()).position(|window| window == from).expect("it is there");
    [&whole[..at], to, &whole[at + from.len()..]].concat()
}

pub(super) fn of(kind: &str, world: &World, code: &RecoveryCode) -> Vec<Case> {
    match kind {
        "config" => config(),
        "key_slot" => key_slot(code),
        "bundle" => bundle(),
        "device_list" => devices(),
        "device_key" => keys_of_device(),
        "device_request" => request(),
        "recovery_code" => codes(code),
        "pack" => pack(world),
        "segment" => segment(world),
        "index" => index(world),
        "node" => node(),
        "run_list" => run_list(),
        "snapshot" => snapshot(world),
        "mark" => mark(world),
        "lease" => lease(world),
        "checkpoint" => checkpoint(world),
        "condemnation" => condemnation(world),
        _ => panic!("there are no cases of {kind}"),
    }
}

/// A signed object made of any bytes of CBOR, of a map whose head takes one byte.
fn sign_raw(kind: Kind, map: &[u8], key: &SigningKey, context: &'static str) -> Vec<u8> {
    let mut object = [header(kind).as_slice(), map].concat();
    let signature = key.sign(context, &object);
    object[HEADER] += 1;
    [object.as_slice(), &[0x0f, 0x58, 0x40], &signature].concat()
}

fn config() -> Vec<Case> {
    let owner = owner_signing(&ROOT);
    let context = "strongroom format 1 config";
    let whole = Config {
        repository: REPOSITORY,
        created: TIME,
        sizes: Sizes::default(),
        parity: None,
        owner: owner.verifying_key(),
    };
    let sound = whole.encode(&owner).unwrap();
    let map = || {
        MapWriter::new()
            .put(0, 1)
            .bytes(1, REPOSITORY.as_bytes())
            .put(2, 1)
            .put(3, TIME)
            .list(4, [16_384, 65_536, 262_144].map(Cbor::from))
            .put(5, 1 << 20)
            .put(6, 16 << 20)
            .put(7, 32_768)
            .put(8, 512)
            .bytes(9, &owner.verifying_key().to_bytes())
    };
    let signed = |map: MapWriter| signed::sign(Kind::Config, map, &owner, context).unwrap();
    assert_eq!(signed(map()), sound);
    let mut cases = Cases::default();
    cases.sound("the defaults", &sound);
    let small = Sizes {
        chunk_min: 1024,
        chunk_avg: 1026,
        chunk_max: 1028,
        segment: 65_536,
        pack: 1 << 20,
        node: 4096,
        inline: 0,
    };
    cases.sound("the least sizes", &Config { sizes: small, ..whole.clone() }.encode(&owner).unwrap());
    cases.sound("made before 1970", &Config { created: -1, ..whole.clone() }.encode(&owner).unwrap());
    cases.sound("with parity", &Config { parity: Some(5), ..whole }.encode(&owner).unwrap());
    cases.headers(&sound);
    cases.bad("cut off", Corrupt, cut(&sound));
    cases.bad("a byte behind it", Corrupt, longer(&sound));
    cases.bad("a bit of the signature flipped", Untrusted, flip_last(&sound));
    cases.bad("a bit of the repository id flipped", Untrusted, flip(&sound, HEADER + 5));
    cases.bad("signed by somebody else", Untrusted, {
        signed::sign(Kind::Config, map(), &signing(STRANGER), context).unwrap()
    });
    cases.bad("signed for another purpose", Untrusted, {
        signed::sign(Kind::Config, map(), &owner, "strongroom format 1 device list").unwrap()
    });
    cases.bad("a version of the map to come", Unsupported, signed(map().put(0, 2)));
    cases.bad("another suite", Unsupported, signed(map().put(2, 2)));
    cases.bad("an unknown field", Unsupported, signed(map().put(11, 1)));
    cases.bad("parity of more than all", Corrupt, signed(map().put(10, 101)));
    let encoded = map().encode().unwrap();
    let long = replaced(&encoded, &[0x08, 0x19, 0x02, 0x00], &[0x08, 0x1a, 0, 0, 2, 0]);
    cases.bad("a number longer than needed", Corrupt, sign_raw(Kind::Config, &long, &owner, context));
    let swapped = replaced(&encoded, &[0x00, 0x01, 0x01, 0x50], &[0x01, 0x01, 0x00, 0x50]);
    cases.bad("keys that do not ascend", Corrupt, sign_raw(Kind::Config, &swapped, &owner, context));
    cases.bad("text where a number should be", Corrupt, signed(map().put(5, "1048576")));
    cases.bad("a repository id that is too short", Corrupt, signed(map().bytes(1, &[0; 15])));
    for (name, key, value) in [
        ("segments that are too long", 5, 32 << 20),
        ("packs that hold less than two segments", 6, 1 << 20),
        ("nodes that are too short", 7, 4095),
        ("inline content that is too long", 8, 4097),
    ] {
        cases.bad(name, Corrupt, signed(map().put(key, value)));
    }
    for (name, chunks) in [
        ("odd chunk sizes", [16_385, 65_536, 262_144]),
        ("chunk sizes in the wrong order", [65_536, 16_384, 262_144]),
        ("chunks that are too short", [512, 65_536, 262_144]),
    ] {
        cases.bad(name, Corrupt, signed(map().list(4, chunks.map(Cbor::from))));
    }
    let mut no_point = [0; 32];
    no_point[0] = 2;
    cases.bad("an owner's key that is no point", Corrupt, signed(map().bytes(9, &no_point)));
    // The neutral element: R = A = 1 and S = 0 fulfil the equation for any message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut weak = signed(map().bytes(9, &neutral));
    let signature = weak.len() - 64;
    weak[signature..].fill(0);
    weak[signature] = 1;
    cases.bad("an owner's key of small order", Untrusted, weak);
    cases.list
}

fn owner_bundle(role: Role) -> Bundle {
    let seeds = || HolderSeeds { signing: SecretKey::from_bytes([WRITER; 32]), kem: None };
    Bundle::derive(&ROOT, REPOSITORY, role, &[1, 2], matches!(role, Role::Writer | Role::Reader).then(seeds)).unwrap()
}

fn key_slot(code: &RecoveryCode) -> Vec<Case> {
    let salt = [0x61; 16];
    let owner = owner_signing(&ROOT);
    let id = SlotId::from_bytes([0x62; 16]);
    let device = device_key();
    let kek = SecretKey::from_bytes([0x63; 32]);
    let public = device.kem().public_key().unwrap();
    let sealed_key = slot::seal_to_device(&public, &REPOSITORY, &id, &kek).unwrap();
    let methods = [
        (
            "passphrase",
            json!(PASSPHRASE),
            Method::Passphrase { salt, cost: COST },
            stretch(PASSPHRASE.as_bytes(), &salt, COST).unwrap(),
        ),
        (
            "recovery_code",
            json!(code.reveal().as_str()),
            Method::RecoveryCode { salt },
            slot::recovery_wrap(&code.key(), &salt),
        ),
        ("device", json!(hex(&device.to_bytes())), Method::Device { sealed_key }, kek),
        (
            "account_key",
            json!(hex(&ACCOUNT_KEY)),
            Method::AccountKey { salt },
            slot::account_wrap(&SecretKey::from_bytes(ACCOUNT_KEY), &salt),
        ),
    ];
    let head = |method: &Method, role| Head {
        repository: REPOSITORY,
        id,
        role,
        epoch: 2,
        device: matches!(method, Method::Device { .. }).then(|| device.id()),
        method: method.clone(),
        label: "laptop".to_owned(),
        created: TIME,
    };
    let nonce = [0x64; 24];
    let wrapped = |method: &Method, role, key| {
        Slot::seal(head(method, role), key, &owner_bundle(role), nonce, Some(&owner)).unwrap().encode().unwrap()
    };
    let mut all = Vec::new();
    for ((name, value, method, key), role) in methods.iter().zip(Role::ALL) {
        let mut cases = Cases::with(json!({"secret": {"method": name, "value": value}}));
        let sound = wrapped(method, role, key);
        cases.sound(&format!("a {role}'s, by {name}"), &sound);
        let (damaged, forged) = if *name == "device" { (Untrusted, Untrusted) } else { (Corrupt, WrongKey) };
        let tag = sound.len() - 1 - if *name == "device" { 67 } else { 0 };
        cases.bad(&format!("{name}: a bit of the seal flipped"), damaged, flip(&sound, tag));
        cases.bad(&format!("{name}: another label"), forged, replaced(&sound, b"laptop", b"Laptop"));
        all.append(&mut cases.list);
    }
    // The others are about one slot that costs nothing to open.
    let (name, value, method, key) = &methods[3];
    let mut cases = Cases::with(json!({"secret": {"method": name, "value": value}}));
    let sound = wrapped(method, Role::Maintainer, key);
    let body = |map: MapWriter| [header(Kind::KeySlot).as_slice(), &map.encode().unwrap()].concat();
    let parameters = |map: MapWriter| map.into_value();
    let map = || {
        MapWriter::new()
            .put(0, 1)
            .bytes(1, REPOSITORY.as_bytes())
            .bytes(2, id.as_bytes())
            .put(3, 3)
            .put(4, 2)
            .put(5, 4)
            .put(6, parameters(MapWriter::new().bytes(1, &salt)))
            .put(7, "laptop")
            .put(8, TIME)
            .bytes(9, &[0x65; 32])
            .bytes(10, &[0x66; 100])
    };
    cases.headers(&sound);
    cases.bad("cut off", Corrupt, cut(&sound));
    cases.bad("a byte behind it", Corrupt, longer(&sound));
    cases.bad("another commitment", WrongKey, body(map()));
    cases.bad("a version to come", Unsupported, body(map().put(0, 2)));
    cases.bad("an unknown role", Unsupported, body(map().put(3, 5)));
    cases.bad("an unknown method", Unsupported, body(map().put(5, 5)));
    cases.bad("an unknown field", Unsupported, body(map().put(12, 1)));
    let extra = MapWriter::new().bytes(1, &salt).put(9, 1);
    cases.bad("an unknown parameter", Unsupported, body(map().put(6, parameters(extra))));
    cases.bad("a label with a control character", Corrupt, body(map().put(7, "\u{1b}[2J")));
    cases.bad("a label that is too long", Corrupt, body(map().put(7, "x".repeat(129))));
    cases.bad("a signature where none belongs", Corrupt, body(map().bytes(11, &[0; 64])));
    for (name, cost) in [
        ("too little memory", Cost { memory_kib: 19 * 1024 - 1, ..Cost::FLOOR }),
        ("too few passes", Cost { passes: 1, ..Cost::FLOOR }),
        ("too much memory", Cost { memory_kib: 1024 * 1024 + 1, ..Cost::FLOOR }),
        ("too many passes", Cost { passes: 33, ..Cost::FLOOR }),
        ("too many lanes", Cost { lanes: 17, ..Cost::FLOOR }),
    ] {
        let costs = MapWriter::new().bytes(1, &salt).put(2, cost.memory_kib).put(3, cost.passes).put(4, cost.lanes);
        cases.bad(name, Unsupported, body(map().put(5, 1).put(6, parameters(costs))));
    }
    let told = head(method, Role::Maintainer);
    let lie = |head: Head| {
        let bound = [header(Kind::KeySlot).as_slice(), &lying_head(&head, &salt).encode().unwrap()].concat();
        let commitment = key.derive_with("strongroom format 1 wrap commitment", &bound);
        let wrap = key.derive_with("strongroom format 1 wrap key", &bound);
        let sealed = aead::seal(&wrap, &bound, &owner_bundle(Role::Maintainer).encode()).unwrap();
        body(lying_head(&head, &salt).bytes(9, commitment.expose()).bytes(10, &sealed))
    };
    cases.sound("a maintainer's, by account_key, made anew", &lie(told.clone()));
    cases.bad("another role than its bundle's", Corrupt, lie(Head { role: Role::Owner, ..told.clone() }));
    cases.bad("another epoch than its bundle's", Corrupt, lie(Head { epoch: 3, ..told.clone() }));
    let elsewhere = RepositoryId::from_bytes([0x23; 16]);
    cases.bad("another repository than its bundle's", Corrupt, lie(Head { repository: elsewhere, ..told }));
    all.append(&mut cases.list);

    let (name, value, method, key) = &methods[2];
    let mut cases = Cases::with(json!({"secret": {"method": name, "value": value}}));
    let strange =
        Slot::seal(head(method, Role::Reader), key, &owner_bundle(Role::Reader), nonce, Some(&signing(STRANGER)));
    cases.bad("device: signed by somebody else", Untrusted, strange.unwrap().encode().unwrap());
    let sealed = MapWriter::new().bytes(0, device.id().as_bytes()).bytes(1, &[0; 1168]);
    cases.bad("device: not signed", Corrupt, body(map().put(5, 3).put(6, parameters(sealed))));
    all.append(&mut cases.list);

    let mut cases = Cases::with(json!({"secret": {"method": "passphrase", "value": "another"}}));
    cases.bad("another passphrase", WrongKey, wrapped(&methods[0].2, Role::Owner, &methods[0].3));
    all.append(&mut cases.list);
    all
}

fn lying_head(head: &Head, salt: &[u8; 16]) -> MapWriter {
    MapWriter::new()
        .put(0, 1)
        .bytes(1, head.repository.as_bytes())
        .bytes(2, head.id.as_bytes())
        .put(3, u32::from(head.role.code()))
        .put(4, head.epoch)
        .put(5, head.method.code())
        .put(6, MapWriter::new().bytes(1, salt).into_value())
        .put(7, head.label.as_str())
        .put(8, head.created)
}

fn bundle() -> Vec<Case> {
    let mut cases = Cases::default();
    for role in Role::ALL {
        cases.sound(role.name(), &owner_bundle(role).encode());
    }
    for role in [Role::Writer, Role::Reader, Role::Maintainer] {
        let kem = Some(SecretKey::from_bytes([0x75; 32]));
        let seeds = HolderSeeds { signing: SecretKey::from_bytes([WRITER; 32]), kem };
        let bundle = Bundle::derive(&ROOT, REPOSITORY, role, &[1, 2], Some(seeds)).unwrap();
        cases.sound(&format!("a {role} that newer bundles can be sealed to"), &bundle.encode());
    }
    let bare = Bundle::derive(&ROOT, REPOSITORY, Role::Writer, &[7], None).unwrap();
    cases.sound("a writer without a signing key, of a later epoch", &bare.encode());
    let owner = owner_signing(&ROOT).verifying_key().to_bytes();
    let public = kem::PrivateKey::from_seed(SecretKey::from_bytes([0x71; 32])).public_key().unwrap().to_bytes();
    let epoch = |number: u32| MapWriter::new().put(0, number).bytes(1, &[0x72; 32]);
    let map = |role: u8, epochs: Vec<MapWriter>| {
        MapWriter::new()
            .put(0, 1)
            .bytes(1, REPOSITORY.as_bytes())
            .put(2, role)
            .bytes(3, &owner)
            .list(4, epochs.into_iter().map(MapWriter::into_value))
    };
    let maintainer = || map(3, vec![epoch(1)]);
    let writer = || map(1, vec![epoch(1).bytes(2, &public)]).bytes(5, &[0x73; 32]).bytes(6, &[0x74; 32]);
    cases.sound("a maintainer, made anew", &maintainer().encode().unwrap());
    cases.sound("a writer, made anew", &writer().encode().unwrap());
    let mut bad = |name: &str, error, map: MapWriter| cases.bad(name, error, map.encode().unwrap());
    bad("a version to come", Unsupported, maintainer().put(0, 2));
    bad("an unknown role", Unsupported, map(5, vec![epoch(1)]));
    bad("an unknown field", Unsupported, maintainer().put(10, 1));
    bad("an unknown field of an epoch", Unsupported, map(3, vec![epoch(1).put(4, 1)]));
    bad("a maintainer with the id key", Corrupt, maintainer().bytes(5, &[0x73; 32]));
    bad("a maintainer with a signing key alone", Corrupt, maintainer().bytes(8, &[0x73; 32]));
    bad("a writer with an X-Wing seed alone", Corrupt, writer().bytes(9, &[0x75; 32]));
    bad("an X-Wing seed that is too short", Corrupt, writer().bytes(8, &[0x73; 32]).bytes(9, &[0x75; 31]));
    let paired = map(4, vec![MapWriter::new().put(0, 1)]).bytes(7, ROOT.expose());
    bad("an owner with a pair of keys", Corrupt, paired.bytes(8, &[0x73; 32]).bytes(9, &[0x75; 32]));
    bad("a writer with the root", Corrupt, writer().bytes(7, &[0x11; 32]));
    bad("a writer without the chunker key", Corrupt, map(1, vec![epoch(1).bytes(2, &public)]).bytes(5, &[0x73; 32]));
    let reading = map(1, vec![epoch(1).bytes(2, &public).bytes(3, &[0x71; 32])]);
    bad("a writer with a data private key", Corrupt, reading.bytes(5, &[0x73; 32]).bytes(6, &[0x74; 32]));
    let blind = map(2, vec![epoch(1)]).bytes(5, &[0x73; 32]).bytes(6, &[0x74; 32]);
    bad("a reader without a data private key", Corrupt, blind);
    bad("an owner without the root", Corrupt, map(4, vec![MapWriter::new().put(0, 1)]));
    let other = map(4, vec![MapWriter::new().put(0, 1)]).bytes(7, &[0x12; 32]);
    bad("an owner with another root", Corrupt, other);
    bad("no epochs", Corrupt, map(3, Vec::new()));
    bad("epoch 0", Corrupt, map(3, vec![epoch(0)]));
    bad("epochs that descend", Corrupt, map(3, vec![epoch(2), epoch(1)]));
    bad("too many epochs", Corrupt, map(3, (1..=513).map(epoch).collect()));
    bad("a key that is too short", Corrupt, maintainer().bytes(3, &owner[..31]));
    let encoded = maintainer().encode().unwrap();
    cases.bad("a number longer than needed", Corrupt, replaced(&encoded, &[2, 3, 3], &[2, 0x18, 3, 3]));
    cases.bad("a byte behind it", Corrupt, longer(&encoded));
    cases.bad("cut off", Corrupt, cut(&encoded));
    cases.list
}

fn devices() -> Vec<Case> {
    let owner = owner_signing(&ROOT);
    let context = "strongroom format 1 device list";
    let list = device_list();
    let sound = list.encode(&owner).unwrap();
    let mut cases = Cases::default();
    cases.sound("five devices", &sound);
    let empty = crate::format::device_list::List { generation: 1, devices: Vec::new(), ..list.clone() };
    cases.sound("no devices", &empty.encode(&owner).unwrap());
    cases.headers(&sound);
    cases.bad("cut off", Corrupt, cut(&sound));
    cases.bad("a bit of the signature flipped", Untrusted, flip_last(&sound));
    cases.bad("signed by a device", Untrusted, list.encode(&signing(WRITER)).unwrap());
    cases.bad("signed for another purpose", Untrusted, {
        let fields = MapWriter::new().put(0, 1).bytes(1, REPOSITORY.as_bytes()).put(2, 1).list(3, []);
        signed::sign(Kind::DeviceList, fields, &owner, "strongroom format 1 config").unwrap()
    });
    let verifying = signing(WRITER).verifying_key().to_bytes();
    let id = device_id(&signing(WRITER).verifying_key(), None);
    let device =
        || MapWriter::new().bytes(0, id.as_bytes()).put(1, "writer").put(2, 1).bytes(3, &verifying).put(5, TIME);
    let map = |devices: Vec<MapWriter>| {
        let devices = devices.into_iter().map(MapWriter::into_value);
        MapWriter::new().put(0, 1).bytes(1, REPOSITORY.as_bytes()).put(2, 5).list(3, devices)
    };
    let signed = |map: MapWriter| signed::sign(Kind::DeviceList, map, &owner, context).unwrap();
    cases.sound("one device, made anew", &signed(map(vec![device()])));
    cases.bad("a version to come", Unsupported, signed(map(vec![device()]).put(0, 2)));
    cases.sound("the second epoch", &signed(map(vec![device()]).put(4, 2)));
    cases.sound("the last epoch", &signed(map(vec![device()]).put(4, u32::MAX)));
    cases.sound("the holder of a passphrase", &signed(map(vec![device().put(7, 1)])));
    cases.bad("epoch 0", Corrupt, signed(map(vec![device()]).put(4, 0)));
    cases.bad("the first epoch, written out", Corrupt, signed(map(vec![device()]).put(4, 1)));
    cases.bad("an epoch beyond 32 bits", Corrupt, signed(map(vec![device()]).put(4, 1u64 << 32)));
    cases.bad("an unknown field", Unsupported, signed(map(vec![device()]).put(5, 1)));
    let at = Timestamp::new(TIME, 999_999_999);
    cases.sound("a device that was revoked", &signed(map(vec![device().time(6, at)])));
    cases.sound("a device that this list revokes", &signed(map(vec![device().put(8, 1)])));
    cases.bad("a device that was revoked and is revoked", Corrupt, signed(map(vec![device().time(6, at).put(8, 1)])));
    cases.bad("a revocation of an unknown kind", Unsupported, signed(map(vec![device().put(8, 2)])));
    cases.bad("a revocation without nanoseconds", Corrupt, signed(map(vec![device().put(6, TIME)])));
    cases.bad("an unknown field of a device", Unsupported, signed(map(vec![device().put(9, 1)])));
    cases.bad("a device of an unknown kind", Unsupported, signed(map(vec![device().put(7, 2)])));
    cases.bad("an unknown role", Unsupported, signed(map(vec![device().put(2, 9)])));
    cases.bad("a device twice", Corrupt, signed(map(vec![device(), device()])));
    cases.bad("a device whose id is not that of its keys", Corrupt, signed(map(vec![device().bytes(0, &[1; 16])])));
    cases.bad("a name with a control character", Corrupt, signed(map(vec![device().put(1, "\u{7}")])));
    let mut no_point = [0; 32];
    no_point[0] = 2;
    cases.bad("a key that is no point", Corrupt, signed(map(vec![device().bytes(3, &no_point)])));
    cases.bad("a generation beyond 32 bits", Corrupt, signed(map(vec![device()]).put(2, 1u64 << 32)));
    cases.list
}

fn keys_of_device() -> Vec<Case> {
    let sound = device_key().to_bytes();
    let mut cases = Cases::default();
    cases.sound("a device key", &sound);
    let other = DeviceKey::from_seeds(SecretKey::from_bytes([1; 32]), SecretKey::from_bytes([2; 32])).unwrap();
    cases.sound("another one", &other.to_bytes());
    cases.headers(&sound);
    let made = |map: MapWriter| [header(Kind::DeviceKey).as_slice(), &map.encode().unwrap()].concat();
    let map = || MapWriter::new().put(0, 1).bytes(1, &[1; 32]).bytes(2, &[2; 32]);
    cases.bad("a version to come", Unsupported, made(map().put(0, 2)));
    cases.bad("an unknown field", Unsupported, made(map().put(3, 1)));
    cases.bad("a seed that is too short", Corrupt, made(map().bytes(2, &[2; 31])));
    cases.bad("cut off", Corrupt, cut(&sound));
    cases.list
}

fn request() -> Vec<Case> {
    let device = device_key();
    let context = "strongroom format 1 device request";
    let sound = device.request("Kim's phone \u{2713}").unwrap().to_bytes();
    let mut cases = Cases::default();
    cases.sound("a request", &sound);
    cases.sound("without a name", &device.request("").unwrap().to_bytes());
    cases.headers(&sound);
    cases.bad("a bit of the signature flipped", Untrusted, flip_last(&sound));
    cases.bad("another name", Untrusted, replaced(&sound, b"Kim", b"Tim"));
    let verifying = device.signing().verifying_key().to_bytes();
    let public = device.kem().public_key().unwrap().to_bytes();
    let map = || MapWriter::new().put(0, 1).put(1, "phone").bytes(2, &verifying).bytes(3, &public);
    let signed = |map: MapWriter| signed::sign(Kind::DeviceRequest, map, device.signing(), context).unwrap();
    cases.bad("a version to come", Unsupported, signed(map().put(0, 2)));
    cases.bad("an unknown field", Unsupported, signed(map().put(4, 1)));
    cases.bad("a name with a control character", Corrupt, signed(map().put(1, "\u{9b}2J")));
    let stranger = signing(STRANGER);
    cases.bad("signed by another key", Untrusted, {
        signed::sign(Kind::DeviceRequest, map(), &stranger, context).unwrap()
    });
    // Coefficients of ML-KEM keys are below 3329 (FIPS 203, section 7.2).
    let impossible = [[0xff; 1184].as_slice(), &public[1184..]].concat();
    cases.bad("an X-Wing key that is none", Corrupt, signed(map().bytes(3, &impossible)));
    cases.list
}

fn codes(code: &RecoveryCode) -> Vec<Case> {
    let text = code.reveal();
    let plain = text.replace('-', "");
    let mut cases = Cases::default();
    cases.sound("as it is written", text.as_bytes());
    cases.sound("in lower case, without dashes", plain.to_lowercase().as_bytes());
    let typed = plain.replace('0', "o").replace('1', "l");
    cases.sound(
        "with letters for digits, spaces and other dashes",
        format!(" {}\u{2013} {}\n", &typed[..7], &typed[7..]).as_bytes(),
    );
    cases.bad("too short", InvalidArgument, cut(plain.as_bytes()));
    cases.bad("too long", InvalidArgument, format!("{plain}0").into_bytes());
    cases.bad("a letter that no code has", InvalidArgument, format!("U{}", &plain[1..]).into_bytes());
    let first = if plain.starts_with('2') { '3' } else { '2' };
    cases.bad("mistyped", InvalidArgument, format!("{first}{}", &plain[1..]).into_bytes());
    cases.list
}

const SESSION: SessionId = SessionId::from_bytes([0x81; 16]);
const SESSION_KEY: SecretKey = SecretKey::from_bytes([0x82; 32]);

struct Sealed {
    header: SegmentHeader,
    blobs: Vec<BlobId>,
    bytes: Vec<u8>,
}

fn sealed(world: &World, counter: u64, kind: BlobKind, blobs: &[&[u8]]) -> Sealed {
    let hasher = world.hasher();
    let mut builder = SegmentBuilder::default();
    for blob in blobs {
        builder.push(hasher.blob(blob), blob).unwrap();
    }
    let (raw, ids) = builder.finish();
    let place = SegmentPlace { repository: &REPOSITORY, session: &SESSION, counter, kind };
    let mut bytes = Vec::new();
    let header = seal(&raw, &ids, place, &SESSION_KEY, &Compressor::new(3), &hasher, &mut bytes).unwrap();
    Sealed { header, blobs: ids, bytes }
}

fn segment(world: &World) -> Vec<Case> {
    let text = "many words that come again and again ".repeat(40);
    let sound = sealed(world, 3, BlobKind::Data, &[b"first", b"", text.as_bytes()]);
    let input = |header: &SegmentHeader| {
        json!({
            "id": header.id.to_string(),
            "session": header.session.to_string(),
            "key": hex(SESSION_KEY.expose()),
            "counter": header.counter,
            "kind": header.kind as u8,
            "compression": if header.compression == Compression::Stored { 0 } else { 1 },
            "stored_length": header.stored_length,
            "raw_length": header.raw_length,
            "blob_count": header.blob_count,
        })
    };
    assert_eq!(sound.header.compression, Compression::Zstd);
    let mut list = Vec::new();
    let mut add = |name: &str, header: &SegmentHeader, bytes: &[u8], error: Option<ErrorKind>| {
        list.push(Case { name: name.to_owned(), bytes: bytes.to_vec(), input: input(header), error });
    };
    add("three blobs, one of them empty", &sound.header, &sound.bytes, None);
    let stored = sealed(world, 0, BlobKind::Tree, &[&noise("stored", 100)]);
    assert_eq!(stored.header.compression, Compression::Stored);
    add("one blob of a tree, not compressed", &stored.header, &stored.bytes, None);
    let corrupt = Some(Corrupt);
    add("a bit flipped", &sound.header, &flip(&sound.bytes, 7), corrupt);
    add("a bit of the tag flipped", &sound.header, &flip_last(&sound.bytes), corrupt);
    add("cut off", &sound.header, &cut(&sound.bytes), corrupt);
    add("nothing", &sound.header, &[], corrupt);
    let told = |change: fn(&mut SegmentHeader)| {
        let mut header = sound.header.clone();
        change(&mut header);
        header
    };
    add("another counter", &told(|header| header.counter = 4), &sound.bytes, corrupt);
    add("another kind", &told(|header| header.kind = BlobKind::Tree), &sound.bytes, corrupt);
    add("another session", &told(|header| header.session = SessionId::from_bytes([0x83; 16])), &sound.bytes, corrupt);
    add("another raw length", &told(|header| header.raw_length += 1), &sound.bytes, corrupt);
    add("another compression", &told(|header| header.compression = Compression::Stored), &sound.bytes, corrupt);
    add("fewer blobs", &told(|header| header.blob_count -= 1), &sound.bytes, corrupt);
    add("more blobs than bytes", &told(|header| header.blob_count = u32::MAX), &sound.bytes, corrupt);
    add("another id", &told(|header| header.id = SegmentId::from_bytes([0x84; 32])), &sound.bytes, corrupt);
    add("longer than any may be", &told(|header| header.raw_length = (40 << 20) + 1), &sound.bytes, corrupt);
    // Made by somebody who holds the session key and breaks the rules.
    let forged = |raw_length: u32, compression: Compression, packed: &[u8]| {
        let header = SegmentHeader { raw_length, compression, ..sound.header.clone() };
        let aad = [
            REPOSITORY.as_bytes().as_slice(),
            SESSION.as_bytes(),
            &3u64.to_le_bytes(),
            &[0, compression as u8],
            &raw_length.to_le_bytes(),
        ]
        .concat();
        let mut nonce = [0; 24];
        nonce[0] = 3;
        let mut bytes = packed.to_vec();
        aead::encrypt(&SESSION_KEY, nonce, &aad, &mut bytes, 0).unwrap();
        (SegmentHeader { stored_length: u32::try_from(bytes.len()).unwrap(), ..header }, bytes)
    };
    let raw = [b"first".as_slice(), text.as_bytes(), &[5, 0, 0, 0], &[0; 4], &1480u32.to_le_bytes()].concat();
    let zstd = |raw: &[u8]| zstd::bulk::compress(raw, 3).unwrap();
    let length = u32::try_from(raw.len()).unwrap();
    let mut forge = |name: &str, raw_length, compression, packed: &[u8], error| {
        let (header, bytes) = forged(raw_length, compression, packed);
        add(name, &header, &bytes, error);
    };
    forge("sealed anew", length, Compression::Zstd, &zstd(&raw), None);
    forge("not compressed", length, Compression::Stored, &raw, None);
    forge("a bomb", length, Compression::Zstd, &zstd(&vec![0; 32 << 20]), corrupt);
    forge("a frame that is too short", length + 1, Compression::Zstd, &zstd(&raw), corrupt);
    let half = raw.len() / 2;
    forge("two frames", length, Compression::Zstd, &[zstd(&raw[..half]), zstd(&raw[half..])].concat(), corrupt);
    forge("bytes behind the frame", length, Compression::Zstd, &longer(&zstd(&raw)), corrupt);
    forge("no frame", length, Compression::Zstd, &raw, corrupt);
    let lying = [&raw[..raw.len() - 4], &1479u32.to_le_bytes()].concat();
    forge("a table of lengths that does not fit", length, Compression::Zstd, &zstd(&lying), corrupt);
    let overflow = [&raw[..raw.len() - 8], &u32::MAX.to_le_bytes(), &1481u32.to_le_bytes()].concat();
    forge("a table of lengths that overflows", length, Compression::Zstd, &zstd(&overflow), corrupt);
    let other = [b"Fi".as_slice(), &raw[2..]].concat();
    forge("other content", length, Compression::Zstd, &zstd(&other), corrupt);
    list
}

/// A pack of three segments, in its parts.
struct PackParts {
    header: Vec<u8>,
    segments: Vec<u8>,
    contents: PackContents,
    references: Vec<Vec<Reference>>,
}

fn pack_parts(world: &World) -> PackParts {
    let readers = world.epoch(2).data_private.as_ref().unwrap().public_key().unwrap();
    let entry = SessionEntry::seal(&REPOSITORY, SESSION, 2, &SESSION_KEY, &readers).unwrap();
    let header = PackHeader { repository: REPOSITORY, epoch: 2, sessions: vec![entry] }.encode().unwrap();
    let data = [
        sealed(world, 0, BlobKind::Data, &[b"first", b"second"]),
        sealed(world, 1, BlobKind::Data, &[&noise("third", 200)]),
    ];
    let run = |segment: &Sealed| Run { segment: segment.header.id, first: 0, count: 1, bytes: 5 };
    let (list, list_references) = RunList::Runs(data.iter().map(run).collect()).encode();
    let (leaf, leaf_references) = encode_leaf(&[directory("")]).unwrap();
    let tree = sealed(world, 2, BlobKind::Tree, &[&list, &leaf]);
    let mut contents = PackContents { start: header.len() as u64, segments: Vec::new() };
    let mut segments = Vec::new();
    for segment in data.into_iter().chain([tree]) {
        let offset = contents.end();
        contents.segments.push(PackedSegment { header: segment.header, offset, blobs: segment.blobs });
        segments.extend(segment.bytes);
    }
    PackParts { header, segments, contents, references: vec![list_references, leaf_references] }
}

fn pack(world: &World) -> Vec<Case> {
    let parts = pack_parts(world);
    let keys = world.epoch(2);
    let keys = PackKeys { footer: &keys.footer, trailer: &keys.trailer };
    let padding = noise("padding", 33);
    let built = |header: &[u8], contents: &PackContents, references: &Vec<Vec<Reference>>, padding: &[u8]| {
        let (footer, trailer) = seal_footer(keys, header, contents, references, padding.len() as u64).unwrap();
        [header, &parts.segments, padding, &footer, &trailer].concat()
    };
    let usual = |contents: &PackContents| built(&parts.header, contents, &parts.references, &padding);
    let sound = usual(&parts.contents);
    let mut cases = Cases::default();
    cases.sound("three segments of one session, padded", &sound);
    cases.sound("without padding", &built(&parts.header, &parts.contents, &parts.references, &[]));
    cases.headers(&sound);
    cases.bad("cut off", Corrupt, cut(&sound));
    cases.bad("a byte behind it", Corrupt, longer(&sound));
    cases.bad(
        "a bit of the epoch flipped",
        Corrupt,
        flip(&sound, 9).tap(|bytes| bytes[8..12].copy_from_slice(&[1, 0, 0, 0])),
    );
    cases.bad("a reserved byte that is not zero", Unsupported, flip(&sound, 14));
    cases.bad("another repository", Corrupt, flip(&sound, 20));
    cases.bad("too many session keys", Corrupt, sound.clone().tap(|bytes| bytes[12..14].copy_from_slice(&[1, 4])));
    cases.bad(
        "more session keys than bytes",
        Corrupt,
        sound.clone().tap(|bytes| bytes[12..14].copy_from_slice(&[0, 4])),
    );
    cases.bad("a bit of a session key flipped", Corrupt, flip(&sound, 700));
    cases.bad("a bit of the footer flipped", Corrupt, flip(&sound, sound.len() - 60));
    cases.bad("a bit of the trailer flipped", Corrupt, flip_last(&sound));
    let contents = |change: fn(&mut PackContents)| {
        let mut contents = parts.contents.clone();
        change(&mut contents);
        usual(&contents)
    };
    cases.bad("segments that begin elsewhere", Corrupt, contents(|contents| contents.start += 1));
    cases.bad(
        "a gap behind the segments",
        Corrupt,
        contents(|contents| contents.segments[2].header.stored_length -= 1),
    );
    cases.bad("a segment that is longer than any may be", Corrupt, {
        contents(|contents| contents.segments[0].header.raw_length = (40 << 20) + 1)
    });
    let mut fewer = parts.references.clone();
    fewer.pop();
    cases.bad("references of fewer tree blobs", Corrupt, built(&parts.header, &parts.contents, &fewer, &padding));
    let lying = |footer: u64, padding: u64| {
        let plain = [footer.to_le_bytes(), padding.to_le_bytes()].concat();
        let trailer = aead::seal(keys.trailer, &parts.header, &plain).unwrap();
        [&sound[..sound.len() - 56], &trailer].concat()
    };
    cases.bad("a trailer that claims more than there is", Corrupt, lying(1 << 20, 0));
    cases.bad("a trailer that claims a footer beyond all bounds", Corrupt, lying(u64::MAX, u64::MAX));
    let footer = |plain: &[u8]| {
        let footer = aead::seal(keys.footer, &parts.header, plain).unwrap();
        let lengths = [(footer.len() as u64).to_le_bytes(), 0u64.to_le_bytes()].concat();
        let trailer = aead::seal(keys.trailer, &parts.header, &lengths).unwrap();
        [parts.header.as_slice(), &parts.segments, &footer, &trailer].concat()
    };
    let mut plain = Vec::new();
    parts.contents.encode(&mut plain);
    let tables = plain.clone();
    plain.extend_from_slice(&[0, 2, 0, 0]);
    cases.sound("references to nothing", &footer(&plain));
    cases.bad("bytes behind the footer's end", Corrupt, footer(&longer(&plain)));
    cases.bad("a reference that is not in the table", Corrupt, footer(&[tables.as_slice(), &[0, 2, 1, 0, 0]].concat()));
    let kind = [tables.as_slice(), &[1, 7], &[0; 32], &[2, 0, 0]].concat();
    cases.bad("a reference of an unknown kind", Corrupt, footer(&kind));
    // Start, one session, its id; then the number of segments.
    let at = 2 + 1 + 16;
    let first = |change: fn(&mut Vec<u8>, usize)| footer(&plain.clone().tap(|plain| change(plain, at + 1)));
    cases.bad("more segments than bytes", Corrupt, footer(&plain.clone().tap(|plain| plain[at] = 0x7f)));
    cases.bad("a session that is not listed", Corrupt, first(|plain, at| plain[at + 32] = 1));
    cases.bad("a segment of an unknown kind", Corrupt, first(|plain, at| plain[at + 34] = 2));
    cases.bad("an unknown compression", Unsupported, first(|plain, at| plain[at + 35] = 9));
    cases.list
}

/// To change a value in passing.
trait Tap: Sized {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Tap for Vec<u8> {}

fn index(world: &World) -> Vec<Case> {
    let parts = pack_parts(world);
    let key = &world.epoch(2).index_object;
    let length = (parts.header.len() + parts.segments.len()) as u64 + 500;
    let pack = IndexedPack { id: PackId::from_bytes([0x91; 32]), length, contents: parts.contents };
    let object = IndexObject { supersedes: vec![IndexId::from_bytes([0x92; 32])], packs: vec![pack.clone()] };
    let seal = |object: &IndexObject| object.seal(&REPOSITORY, 2, key).unwrap();
    let sound = seal(&object);
    let mut cases = Cases::default();
    cases.sound("one pack", &sound);
    cases.sound("no packs", &seal(&IndexObject::default()));
    cases.headers(&sound);
    cases.bad("cut off", Corrupt, cut(&sound));
    cases.bad("a bit flipped", Corrupt, flip_last(&sound));
    cases.bad("of an epoch that is not", ErrorKind::Forbidden, flip(&sound, 9));
    cases.bad("of another epoch", Corrupt, sound.clone().tap(|bytes| bytes[8] = 1));
    let elsewhere = RepositoryId::from_bytes([0x23; 16]);
    cases.bad("of another repository", Corrupt, object.seal(&elsewhere, 2, key).unwrap());
    let short = IndexedPack { length: length - 501, ..pack };
    cases.bad("a segment outside its pack", Corrupt, seal(&IndexObject { packs: vec![short], ..object }));
    let raw = |plain: &[u8]| {
        let prefix = [header(Kind::Index).as_slice(), &2u32.to_le_bytes()].concat();
        let aad = [prefix.as_slice(), REPOSITORY.as_bytes()].concat();
        [prefix, aead::seal(key, &aad, plain).unwrap()].concat()
    };
    cases.sound("nothing, without padding", &raw(&[0, 0]));
    cases.bad("padding that is not zero", Corrupt, raw(&[0, 0, 0, 1]));
    cases.bad("a number longer than needed", Corrupt, raw(&[0x80, 0, 0]));
    cases.bad("a number beyond 64 bits", Corrupt, raw(&[[0xff; 9].as_slice(), &[2, 0]].concat()));
    cases.bad("more packs than bytes", Corrupt, raw(&[0, 3, 1, 2, 3]));
    cases.bad("an end that is too early", Corrupt, raw(&[0]));
    cases.list
}

fn directory(path: &str) -> Entry {
    Entry {
        path: EntryPath::parse(path).unwrap(),
        kind: EntryKind::Directory,
        metadata: Metadata { mode: 0o755, ..Metadata::default() },
        size: 0,
        holes: Vec::new(),
        content: Content::Empty,
    }
}

fn file(path: &str, size: u64, content: Content) -> Entry {
    Entry { kind: EntryKind::File, size, content, ..directory(path) }
}

fn all_entries() -> Vec<Entry> {
    let run = |segment: u8, first, bytes| Run { segment: SegmentId::from_bytes([segment; 32]), first, count: 2, bytes };
    let owner = Arc::new(Owner { uid: 1000, gid: 100, user: "kim".to_owned(), group: "users".to_owned() });
    let mut root = directory("");
    root.metadata.modified = Timestamp::new(TIME, 5);
    let mut inline = file("a", 5, Content::Inline(b"bytes".to_vec()));
    inline.metadata = Metadata {
        mode: 0o4755,
        owner: Arc::clone(&owner),
        modified: Timestamp::new(-1, 999_999_999),
        changed: Some(Timestamp::new(TIME, 1)),
        inode: Some(u64::MAX),
        hard_link: Some(HardLink { device: 1, inode: u64::MAX }),
        xattrs: vec![
            Xattr { name: b"user.a".to_vec(), value: Vec::new() },
            Xattr { name: b"user.b".to_vec(), value: vec![0, 255] },
        ],
    };
    let mut runs = file("ab", 1 << 40, Content::Runs(vec![run(1, 3, 100), run(1, 5, 50), run(2, 0, 7)]));
    runs.holes = vec![Hole { offset: 0, length: 9 }, Hole { offset: 60, length: (1 << 40) - 9 - 157 }];
    runs.metadata.inode = Some(7);
    runs.metadata.modified = Timestamp::new(i64::MAX, 0);
    runs.metadata.changed = Some(Timestamp::new(i64::MIN, 0));
    let again = file("ab!", 20, Content::Runs(vec![run(2, 2, 20)]));
    let list = file("ac", 1 << 30, Content::List { id: BlobId::from_bytes([9; 32]), levels: 2 });
    let other = |path: &str, kind| Entry { kind, ..directory(path) };
    vec![
        root,
        inline,
        runs,
        again,
        list,
        file("b", 0, Content::Empty),
        directory("c"),
        other("c/link", EntryKind::Symlink { target: b"../\xff".to_vec() }),
        other("c/pipe", EntryKind::Fifo),
        other("c/socket", EntryKind::Socket),
        other("d", EntryKind::CharDevice { major: 1, minor: 3 }),
        other("e", EntryKind::BlockDevice { major: u32::MAX, minor: 0 }),
    ]
}

fn child(first: &str, id: u8) -> Child {
    let first = EntryPath::parse(first).unwrap().key().to_vec();
    Child { first, id: BlobId::from_bytes([id; 32]), totals: Totals { entries: 300, files: 200, bytes: 1 << 50 } }
}

fn node() -> Vec<Case> {
    let leaf = |entries: &[Entry]| encode_leaf(entries).unwrap().0;
    let mut cases = Cases::default();
    cases.sound("entries of all kinds", &leaf(&all_entries()));
    cases.sound("a leaf without entries", &leaf(&[]));
    cases.sound("an inner node", &encode_inner(1, &[child("", 1), child("a/b", 2), child("a/bc", 3)]).0);
    cases.sound("an inner node of the highest level", &encode_inner(32, &[child("x", 1)]).0);
    cases.bad("nothing", Corrupt, Vec::new());
    cases.bad("an unknown type", Unsupported, vec![4, 0, 0, 0, 0]);
    cases.bad("a run list", Corrupt, vec![3, 1, 0, 0]);
    cases.bad("a leaf of level 1", Corrupt, leaf(&[]).tap(|bytes| bytes[1] = 1));
    for level in [0, 33] {
        cases.bad(&format!("an inner node of level {level}"), Corrupt, encode_inner(level, &[child("x", 1)]).0);
    }
    cases.bad("an inner node without children", Corrupt, encode_inner(1, &[]).0);
    cases.bad("children that do not ascend", Corrupt, encode_inner(1, &[child("b", 1), child("a", 2)]).0);
    cases.bad("children that begin alike", Corrupt, encode_inner(1, &[child("b", 1), child("b", 2)]).0);
    cases.bad("more children than bytes", Corrupt, vec![2, 1, 0x7f]);
    cases.bad("entries that do not ascend", Corrupt, leaf(&[directory("b"), directory("a")]));
    cases.bad("an entry twice", Corrupt, leaf(&[directory("b"), directory("b")]));
    cases.bad("a byte behind it", Corrupt, longer(&leaf(&all_entries())));
    cases.bad("cut off", Corrupt, cut(&leaf(&all_entries())));

    // One folder named "a", byte by byte: no segments, one owner without a name, one entry.
    let before = [1, 0, 0, 1, 0, 0, 0, 0, 1];
    let entry = |rest: &[u8]| [before.as_slice(), rest].concat();
    let named = |name: &[u8]| entry(&[&[0, u8::try_from(name.len()).unwrap()], name, &[1, 0, 0, 0, 0]].concat());
    assert_eq!(named(b"a"), leaf(&[directory("a")].map(|entry| Entry { metadata: Metadata::default(), ..entry })));
    for (name, key) in [
        ("a name '..'", b"..".as_slice()),
        ("a name '..' in a folder", b"a\0.."),
        ("a name '.'", b"."),
        ("an empty name", b"a\0\0b"),
        ("an empty name at the end", b"a\0"),
        ("an empty name at the beginning", b"\0a"),
        ("a slash in a name", b"a/b"),
    ] {
        cases.bad(name, Corrupt, named(key));
    }
    let long = |length: usize, parts: usize| {
        let key = vec![vec![b'x'; length]; parts].join(&0);
        let mut bytes = before.to_vec();
        bytes.push(0);
        crate::format::wire::put_bytes(&mut bytes, &key);
        [bytes.as_slice(), &[1, 0, 0, 0, 0]].concat()
    };
    cases.sound("the longest name", &long(1024, 1));
    cases.bad("a name that is too long", Corrupt, long(1025, 1));
    cases.bad("a path that is too long", Corrupt, long(1023, 17));
    cases.bad("a key that shares more than there is", Corrupt, entry(&[1, 1, b'a', 1, 0, 0, 0, 0]));
    cases.bad("an unknown property", Unsupported, entry(&[0, 1, b'a', 0x81, 0x08, 0, 0, 0, 0]));
    cases.bad("an unknown type of entry", Unsupported, entry(&[0, 1, b'a', 7, 0, 0, 0, 0]));
    cases.bad("a mode beyond 07777", Corrupt, entry(&[0, 1, b'a', 1, 0x80, 0x20, 0, 0, 0]));
    cases.bad("an owner that is not listed", Corrupt, entry(&[0, 1, b'a', 1, 0, 1, 0, 0]));
    cases.bad("a billion nanoseconds", Corrupt, entry(&[0, 1, b'a', 1, 0, 0, 0, 0x80, 0x94, 0xeb, 0xdc, 3]));
    cases.bad("a number longer than needed", Corrupt, entry(&[0, 1, b'a', 1, 0x80, 0, 0, 0, 0]));
    cases.bad("a folder with content", Corrupt, entry(&[0, 1, b'a', 0x81, 0x02, 0, 0, 0, 0, 0]));
    cases.bad("a folder with holes", Corrupt, entry(&[0, 1, b'a', 0x81, 0x01, 0, 0, 0, 0, 1, 0, 1]));
    cases.bad("a link to NUL", Corrupt, entry(&[0, 1, b'a', 2, 0, 0, 0, 0, 1, 0]));
    cases.bad("no attributes", Corrupt, entry(&[0, 1, b'a', 0x41, 0, 0, 0, 0, 0]));
    cases.bad("an attribute without a name", Corrupt, entry(&[0, 1, b'a', 0x41, 0, 0, 0, 0, 1, 0, 0]));
    let twice = [0, 1, b'a', 0x41, 0, 0, 0, 0, 2, 1, b'x', 0, 1, b'x', 0];
    cases.bad("an attribute twice", Corrupt, entry(&twice));
    let holes = |size: u8, holes: &[u8]| entry(&[&[0, 1, b'a', 0x80, 0x01, 0, 0, 0, 0, size], holes].concat());
    cases.sound("a file that is one hole", &holes(8, &[1, 0, 8]));
    cases.bad("no holes", Corrupt, holes(8, &[0]));
    cases.bad("an empty hole", Corrupt, holes(8, &[2, 0, 8, 0, 0]));
    cases.bad("holes that touch", Corrupt, holes(8, &[2, 0, 4, 0, 4]));
    cases.bad("a hole outside its file", Corrupt, holes(8, &[1, 1, 8]));
    cases.bad("a file with a size and no content", Corrupt, entry(&[0, 1, b'a', 0, 0, 0, 0, 0, 8]));
    let inline = |size: u8, bytes: &[u8]| entry(&[&[0, 1, b'a', 0x80, 0x02, 0, 0, 0, 0, size], bytes].concat());
    cases.sound("inline content", &inline(1, &[1, b'x']));
    cases.bad("inline content of another length", Corrupt, inline(2, &[1, b'x']));
    cases.bad("empty inline content", Corrupt, inline(0, &[0]));
    let runs = |size: u8, runs: &[u8]| {
        [&[1, 0, 1], [5; 32].as_slice(), &[1, 0, 0, 0, 0, 1, 0, 1, b'a', 0x80, 0x04, 0, 0, 0, 0, size], runs].concat()
    };
    cases.sound("one run", &runs(9, &[1, 0, 4, 3]));
    cases.sound("two runs, the second where the first ends", &runs(9, &[2, 0, 0, 1, 4, 0, 0, 1]));
    cases.bad("no runs", Corrupt, runs(9, &[0]));
    cases.bad("a run of no blobs", Corrupt, runs(9, &[1, 0, 0, 0]));
    cases.bad("a run before its segment", Corrupt, runs(9, &[1, 0, 1, 1]));
    cases.bad("a run of a segment that is not listed", Corrupt, runs(9, &[1, 1, 0, 1]));
    cases.bad("runs longer than their file", Corrupt, runs(9, &[2, 0, 0, 1, 10, 0, 0, 1]));
    let list = |size: u8, levels: u8| {
        entry(&[&[0, 1, b'a', 0x80, 0x06, 0, 0, 0, 0, size], [6; 32].as_slice(), &[levels]].concat())
    };
    cases.sound("run lists of the most levels", &list(9, 32));
    cases.bad("run lists of no level", Corrupt, list(9, 0));
    cases.bad("run lists of too many levels", Corrupt, list(9, 33));
    cases.bad("run lists of an empty file", Corrupt, list(0, 1));
    let owners = |owner: &[u8]| [&[1, 0, 0, 1], owner, &[0]].concat();
    cases.bad("an owner's name that is not text", Corrupt, owners(&[0, 0, 1, 0xff, 0]));
    cases.bad("a user id beyond 32 bits", Corrupt, owners(&[0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0]));
    cases.list
}

fn run_list() -> Vec<Case> {
    let run = |segment: u8, first, bytes| Run { segment: SegmentId::from_bytes([segment; 32]), first, count: 3, bytes };
    let lists = |level| RunList::Lists {
        level,
        children: vec![
            ListChild { id: BlobId::from_bytes([1; 32]), bytes: 1 << 40 },
            ListChild { id: BlobId::from_bytes([2; 32]), bytes: 5 },
        ],
    };
    let mut cases = Cases::default();
    cases.sound("runs", &RunList::Runs(vec![run(1, 0, 10), run(1, 3, 11), run(2, 3, 12), run(1, 0, 13)]).encode().0);
    cases.sound("lists", &lists(2).encode().0);
    cases.sound("lists of the highest level", &lists(32).encode().0);
    cases.bad("nothing", Corrupt, Vec::new());
    cases.bad("an unknown type", Unsupported, vec![4, 1, 0, 0]);
    cases.bad("a leaf", Corrupt, vec![1, 0, 0, 0, 0]);
    cases.bad("level 0", Corrupt, vec![3, 0, 0, 0]);
    cases.bad("level 33", Corrupt, lists(33).encode().0);
    cases.bad("cut off", Corrupt, cut(&lists(2).encode().0));
    cases.bad("a byte behind it", Corrupt, longer(&lists(2).encode().0));
    cases.bad("a segment that is not listed", Corrupt, vec![3, 1, 0, 1, 0, 0, 1, 1]);
    cases.bad("more runs than bytes", Corrupt, vec![3, 1, 0, 0xff, 0x7f]);
    cases.list
}

/// An envelope of any fields.
struct Made<'a> {
    kind: Kind,
    context: &'static str,
    world: &'a World,
    purpose: Purpose,
}

impl Made<'_> {
    /// Seals any bytes.
    fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let prefix = self.prefix();
        let aad = [prefix.as_slice(), REPOSITORY.as_bytes()].concat();
        let sealed = aead::seal(self.world.epoch(2).sealing(self.purpose), &aad, plain).unwrap();
        [prefix, sealed].concat()
    }

    fn prefix(&self) -> Vec<u8> {
        [header(self.kind).as_slice(), &2u32.to_le_bytes()].concat()
    }

    /// Signs and seals the fields that `map` makes; called twice.
    fn signed(&self, map: impl Fn() -> MapWriter, key: &SigningKey) -> Vec<u8> {
        let message = [self.prefix(), map().encode().unwrap()].concat();
        self.seal(&map().bytes(15, &key.sign(self.context, &message)).encode().unwrap())
    }
}

fn start() -> MapWriter {
    MapWriter::new().put(0, 1).bytes(1, REPOSITORY.as_bytes())
}

fn id_of(number: u8) -> DeviceId {
    device_id(&signing(number).verifying_key(), None)
}

/// The faults that all signed envelopes can have. `put` adds the fields of one that the named device made.
fn envelope_faults(cases: &mut Cases, made: &Made<'_>, sound: &[u8], put: &dyn Fn(MapWriter, DeviceId) -> MapWriter) {
    let writer = signing(WRITER);
    let by = |number: u8, device: DeviceId| made.signed(|| put(start(), device), &signing(number));
    cases.headers(sound);
    cases.bad("cut off", Corrupt, cut(sound));
    cases.bad("a bit flipped", Corrupt, flip_last(sound));
    cases.bad("of an epoch that is not", ErrorKind::Forbidden, flip(sound, 9));
    cases.bad("of another epoch", Corrupt, sound.to_vec().tap(|bytes| bytes[8] = 1));
    cases.bad("not signed", Untrusted, made.seal(&put(start(), id_of(WRITER)).encode().unwrap()));
    cases.bad("signed by another device", Untrusted, by(STRANGER, id_of(WRITER)));
    cases.bad("by a device that is not listed", Untrusted, by(STRANGER, id_of(STRANGER)));
    cases.bad("by a device that was revoked", Untrusted, by(REVOKED, id_of(REVOKED)));
    cases.sound("by a device that was revoked at that moment", &by(JUST_REVOKED, id_of(JUST_REVOKED)));
    cases.bad("by a maintainer", Untrusted, by(MAINTAINER, id_of(MAINTAINER)));
    let owner = owner_signing(&ROOT);
    cases.sound("by the owner", &made.signed(|| put(start(), device_id(&owner.verifying_key(), None)), &owner));
    let fields = |change: &dyn Fn(MapWriter) -> MapWriter| made.signed(|| change(put(start(), id_of(WRITER))), &writer);
    cases.bad("a version to come", Unsupported, fields(&|map| map.put(0, 2)));
    cases.bad("an unknown field", Unsupported, fields(&|map| map.put(14, 1)));
    cases.bad("another repository inside", Corrupt, fields(&|map| map.bytes(1, &[0x23; 16])));
    let plain = put(start(), id_of(WRITER)).encode().unwrap();
    let indefinite = [&[0xbf], &plain[1..], &[0xff]].concat();
    cases.bad("CBOR of indefinite length", Corrupt, made.seal(&indefinite));
    cases.bad("no CBOR", Corrupt, made.seal(b"\xff"));
    cases.bad("no map", Corrupt, made.seal(&[0x80]));
    let other = Made { context: "strongroom format 1 other", ..*made };
    cases.bad("signed for another purpose", Untrusted, other.signed(|| put(start(), id_of(WRITER)), &writer));
}

fn counts() -> SnapshotCounts {
    SnapshotCounts {
        entries: 1,
        files: 2,
        directories: 3,
        bytes: 1 << 60,
        new_bytes: 5,
        stored_bytes: 6,
        problems: 7,
        unchanged_files: 8,
    }
}

fn snapshot(world: &World) -> Vec<Case> {
    let made = Made { kind: Kind::Snapshot, context: SnapshotEnvelope::CONTEXT, world, purpose: Purpose::Envelope };
    let readers = world.epoch(2).data_private.as_ref().unwrap().public_key().unwrap();
    let whole = |device| SnapshotEnvelope {
        root: BlobId::from_bytes([0xa1; 32]),
        time: Timestamp::new(TIME, 999_999_999),
        lineage: LineageId::from_bytes([0xa2; 16]),
        device,
        session: SessionId::from_bytes([0xa3; 16]),
        counts: counts(),
        parents: vec![SnapshotId::from_bytes([0xa4; 32]), SnapshotId::from_bytes([0xa5; 32])],
        outcome: SnapshotOutcome::Partial,
        sealed_body: Vec::new(),
    };
    let body = SnapshotBody {
        host: "host".to_owned(),
        paths: vec![b"/home/\xff".to_vec()],
        tags: vec!["a".to_owned(), "\u{fc}".to_owned()],
        metadata: [("app".to_owned(), vec![0, 255])].into(),
        user: "kim".to_owned(),
        program: "strongroom 0.1".to_owned(),
        description: Some("two\nlines".to_owned()),
    };
    let with_body = |device, body: &SnapshotBody| {
        let mut envelope = whole(device);
        envelope.seal_body(body, &REPOSITORY, &readers).unwrap();
        envelope
    };
    let full = with_body(id_of(WRITER), &body);
    let sound = crate::format::sealed::seal(
        &full,
        &REPOSITORY,
        2,
        world.epoch(2).sealing(Purpose::Envelope),
        Some(&signing(WRITER)),
    );
    let sound = sound.unwrap();
    let mut cases = Cases::default();
    cases.sound("a snapshot", &sound);
    let bare = with_body(id_of(WRITER), &SnapshotBody::default());
    cases.sound("without anything that may be missing", &made.signed(|| bare.put(start()), &signing(WRITER)));
    // One envelope a device, because the body is bound to it and sealing is random.
    let bodies: Vec<SnapshotEnvelope> = [WRITER, REVOKED, JUST_REVOKED, MAINTAINER, STRANGER]
        .map(id_of)
        .into_iter()
        .chain([device_id(&owner_signing(&ROOT).verifying_key(), None)])
        .map(|device| with_body(device, &body))
        .collect();
    envelope_faults(&mut cases, &made, &sound, &|map, device| {
        bodies.iter().find(|envelope| envelope.device == device).unwrap().put(map)
    });
    let fields = |change: &dyn Fn(MapWriter) -> MapWriter| made.signed(|| change(full.put(start())), &signing(WRITER));
    cases.bad("an unknown outcome", Unsupported, fields(&|map| map.put(9, 3)));
    cases.bad("too many parents", Corrupt, fields(&|map| map.list(8, vec![bytes(&[0; 32]); 17])));
    cases.bad("a parent that is no id", Corrupt, fields(&|map| map.list(8, [bytes(&[0; 31])])));
    cases.bad("a billion nanoseconds", Corrupt, {
        fields(&|map| map.list(3, [Cbor::from(0), Cbor::from(1_000_000_000)]))
    });
    cases.bad("counts that are not whole", Corrupt, fields(&|map| map.put(7, MapWriter::new().put(1, 1).into_value())));
    cases.bad("the body of another tree", Corrupt, fields(&|map| map.bytes(2, &[0xa6; 32])));
    cases.bad("the body of another lineage", Corrupt, fields(&|map| map.bytes(4, &[0xa6; 16])));
    cases.bad("no body", Corrupt, fields(&|map| map.bytes(10, &[])));
    cases.bad("a body for somebody else", Corrupt, {
        let stranger = kem::PrivateKey::from_seed(SecretKey::from_bytes([0xa7; 32])).public_key().unwrap();
        let mut envelope = whole(id_of(WRITER));
        envelope.seal_body(&body, &REPOSITORY, &stranger).unwrap();
        made.signed(|| envelope.put(start()), &signing(WRITER))
    });
    let aad = {
        let parts: [&[u8]; 7] = [
            REPOSITORY.as_bytes(),
            full.lineage.as_bytes(),
            full.root.as_bytes(),
            &full.time.seconds.to_le_bytes(),
            &full.time.nanos.to_le_bytes(),
            full.device.as_bytes(),
            full.session.as_bytes(),
        ];
        parts.concat()
    };
    let described = |map: MapWriter| {
        let sealed = readers.seal(b"strongroom format 1 snapshot body", &aad, &map.encode().unwrap()).unwrap();
        made.signed(|| full.put(start()).bytes(10, &sealed), &signing(WRITER))
    };
    let map = || MapWriter::new().put(0, 1).put(1, "host").list(2, []).list(3, []).list(4, []).put(5, "").put(6, "");
    cases.sound("a body made anew", &described(map()));
    cases.bad("a body of a version to come", Unsupported, described(map().put(0, 2)));
    cases.bad("an unknown field of the body", Unsupported, described(map().put(8, 1)));
    cases.bad("tags that do not ascend", Corrupt, described(map().list(3, ["b", "a"].map(Cbor::from))));
    cases.bad("an empty tag", Corrupt, described(map().list(3, [Cbor::from("")])));
    cases.bad("a tag with a control character", Corrupt, described(map().list(3, [Cbor::from("\u{1b}")])));
    cases.bad("too many tags", Corrupt, described(map().list(3, (0..257).map(|n| Cbor::from(format!("{n:03}"))))));
    cases.bad("a host with a control character", Corrupt, described(map().put(1, "a\nb")));
    cases.bad("a host that is too long", Corrupt, described(map().put(1, "h".repeat(1025))));
    let pair = |name: &str| Cbor::Array(vec![Cbor::from(name), bytes(&[1])]);
    cases.bad("metadata that does not ascend", Corrupt, described(map().list(4, [pair("b"), pair("a")])));
    cases.bad("metadata without a name", Corrupt, described(map().list(4, [pair("")])));
    cases.bad("metadata of another shape", Corrupt, described(map().list(4, [Cbor::from("a")])));
    cases.list
}

fn mark(world: &World) -> Vec<Case> {
    let made = Made { kind: Kind::Mark, context: Mark::CONTEXT, world, purpose: Purpose::Mark };
    let readers = world.epoch(2).data_private.as_ref().unwrap().public_key().unwrap();
    let with_body = |device: DeviceId, hold_until, body: &MarkBody| {
        let mut mark = Mark {
            snapshot: SnapshotId::from_bytes([0xb1; 32]),
            sequence: 1 << 40,
            device,
            time: Timestamp::new(TIME, 0),
            hold_until,
            sealed_body: Vec::new(),
        };
        mark.seal_body(body, &REPOSITORY, &readers).unwrap();
        mark
    };
    let body = MarkBody { tags: vec!["kept".to_owned()], description: Some("why".to_owned()) };
    let full = with_body(id_of(WRITER), Some(TIME + 5), &body);
    let sound = made.signed(|| full.put(start()), &signing(WRITER));
    let mut cases = Cases::default();
    cases.sound("a mark", &sound);
    let bare = with_body(id_of(WRITER), None, &MarkBody::default());
    cases.sound("a mark that clears everything", &made.signed(|| bare.put(start()), &signing(WRITER)));
    let owner = device_id(&owner_signing(&ROOT).verifying_key(), None);
    let marks: Vec<Mark> =
        [id_of(WRITER), id_of(REVOKED), id_of(JUST_REVOKED), id_of(MAINTAINER), id_of(STRANGER), owner]
            .map(|device| with_body(device, None, &body))
            .into();
    envelope_faults(&mut cases, &made, &sound, &|map, device| {
        marks.iter().find(|mark| mark.device == device).unwrap().put(map)
    });
    let fields = |change: &dyn Fn(MapWriter) -> MapWriter| made.signed(|| change(full.put(start())), &signing(WRITER));
    cases.bad("the body of another snapshot", Corrupt, fields(&|map| map.bytes(2, &[0xb2; 32])));
    cases.bad("the body of another sequence", Corrupt, fields(&|map| map.put(3, 5)));
    cases.bad("a sequence below zero", Corrupt, fields(&|map| map.put(3, -1)));
    cases.list
}

fn lease(world: &World) -> Vec<Case> {
    let made = Made { kind: Kind::Lease, context: Lease::CONTEXT, world, purpose: Purpose::Lease };
    let whole = |device| Lease {
        session: SESSION,
        sequence: 7,
        device,
        purpose: LeasePurpose::Backup,
        duration: 3600,
        state: LeaseState::Active,
        time: Timestamp::new(TIME, 0),
    };
    let full = whole(Some(id_of(WRITER)));
    let sound = made.signed(|| full.put(start()), &signing(WRITER));
    let mut cases = Cases::default();
    cases.sound("a lease", &sound);
    let prune = Lease { purpose: LeasePurpose::Prune, state: LeaseState::Ended, ..whole(None) };
    cases.sound("a maintainer's, which is not signed", &made.seal(&prune.put(start()).encode().unwrap()));
    envelope_faults(&mut cases, &made, &sound, &|map, device| whole(Some(device)).put(map));
    let anonymous = whole(None);
    cases.bad("a backup of nobody", Untrusted, made.seal(&anonymous.put(start()).encode().unwrap()));
    cases.bad("signed by nobody", Corrupt, made.signed(|| prune.put(start()), &signing(WRITER)));
    let fields = |change: &dyn Fn(MapWriter) -> MapWriter| made.signed(|| change(full.put(start())), &signing(WRITER));
    cases.bad("an unknown purpose", Unsupported, fields(&|map| map.put(5, 4)));
    cases.bad("an unknown state", Unsupported, fields(&|map| map.put(7, 3)));
    cases.sound("the longest lease", &fields(&|map| map.put(6, 604_800)));
    cases.bad("a lease of more than a week", Corrupt, fields(&|map| map.put(6, 604_801)));
    cases.list
}

fn condemnation(world: &World) -> Vec<Case> {
    let context = Condemnation::CONTEXT;
    let made = Made { kind: Kind::Condemnation, context, world, purpose: Purpose::Condemnation };
    let whole = |stage: Stage| {
        let names_packs = matches!(stage, Stage::Listed | Stage::Doomed);
        Condemnation {
            session: SESSION,
            sequence: 3,
            stage,
            packs: [0xd1, 0xd2].into_iter().filter(|_| names_packs).map(|id| PackId::from_bytes([id; 32])).collect(),
            sessions: [0xe1, 0xe2]
                .into_iter()
                .filter(|_| !names_packs)
                .map(|id| SessionId::from_bytes([id; 16]))
                .collect(),
            time: Timestamp::new(TIME, 0),
        }
    };
    let seal = |map: MapWriter| made.seal(&map.encode().unwrap());
    let sound = seal(whole(Stage::Listed).put(start()));
    let mut cases = Cases::default();
    for (stage, name) in [(Stage::Armed, "armed"), (Stage::Fenced, "fenced"), (Stage::Doomed, "doomed")] {
        cases.sound(name, &seal(whole(stage).put(start())));
    }
    cases.sound("listed", &sound);
    let nothing = Condemnation { packs: Vec::new(), ..whole(Stage::Doomed) };
    cases.sound("doomed without any", &seal(nothing.put(start())));
    cases.headers(&sound);
    cases.bad("a flipped bit", Corrupt, flip_last(&sound));
    cases.bad("cut off", Corrupt, cut(&sound));
    cases.bad("something behind its end", Corrupt, longer(&sound));
    let fields = |change: &dyn Fn(MapWriter) -> MapWriter| seal(change(whole(Stage::Listed).put(start())));
    cases.bad("a version to come", Unsupported, fields(&|map| map.put(0, 2)));
    cases.bad("another repository", Corrupt, fields(&|map| map.bytes(1, &[0x23; 16])));
    cases.bad("an unknown field", Unsupported, fields(&|map| map.put(8, 1)));
    cases.bad("an unknown stage", Unsupported, fields(&|map| map.put(4, 5)));
    cases.bad("half a pack id", Corrupt, fields(&|map| map.bytes(5, &[0xd1; 48])));
    cases.bad("packs that do not ascend", Corrupt, fields(&|map| map.bytes(5, &[[0xd2; 32], [0xd1; 32]].concat())));
    cases.bad("a pack twice", Corrupt, fields(&|map| map.bytes(5, &[0xd1; 64])));
    cases.bad("sessions that do not ascend", Corrupt, {
        seal(whole(Stage::Armed).put(start()).bytes(6, &[[0xe2; 16], [0xe1; 16]].concat()))
    });
    cases.bad("sessions where packs belong", Corrupt, fields(&|map| map.bytes(6, &[0xe1; 16])));
    cases.bad("packs where sessions belong", Corrupt, seal(whole(Stage::Fenced).put(start()).bytes(5, &[0xd1; 32])));
    cases.bad("signed by nobody", Corrupt, made.signed(|| whole(Stage::Listed).put(start()), &signing(WRITER)));
    cases.list
}

fn checkpoint(world: &World) -> Vec<Case> {
    let made = Made { kind: Kind::Checkpoint, context: Checkpoint::CONTEXT, world, purpose: Purpose::Checkpoint };
    let whole = |device| Checkpoint {
        session: SESSION,
        sequence: u32::MAX,
        device,
        lineage: LineageId::from_bytes([0xc1; 16]),
        root: BlobId::from_bytes([0xc2; 32]),
        time: Timestamp::new(-TIME, 1),
        counts: counts(),
        origin: None,
    };
    let sound = made.signed(|| whole(id_of(WRITER)).put(start()), &signing(WRITER));
    let mut cases = Cases::default();
    cases.sound("a checkpoint", &sound);
    let copy = Checkpoint { origin: Some([0xc3; 16]), ..whole(id_of(WRITER)) };
    cases.sound("a checkpoint of a copy", &made.signed(|| copy.put(start()), &signing(WRITER)));
    let short = made.signed(|| whole(id_of(WRITER)).put(start()).bytes(9, &[0xc3; 15]), &signing(WRITER));
    cases.bad("an origin that is too short", Corrupt, short);
    envelope_faults(&mut cases, &made, &sound, &|map, device| whole(device).put(map));
    cases.list
}
