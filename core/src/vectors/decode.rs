//! Reading single objects with the keys of the vectors.

use super::{show, unhex};
use crate::backend::{Backend, Folder, MemoryBackend, ObjectName};
use crate::compress::Compression;
use crate::crypto::hash::{self, IdHasher};
use crate::crypto::password::{Cost, stretch};
use crate::crypto::recovery::RecoveryCode;
use crate::crypto::{SecretKey, kem};
use crate::error::{Error, ErrorKind, Result};
use crate::format::bundle::{Bundle, Role, owner_signing};
use crate::format::checkpoint::Checkpoint;
use crate::format::condemnation::Condemnation;
use crate::format::config::{Config, Sizes};
use crate::format::device::{DeviceKey, DeviceRequest};
use crate::format::device_list::{List, Revoked};
use crate::format::entry::Timestamp;
use crate::format::index::IndexObject;
use crate::format::lease::{Lease, LeaseState};
use crate::format::mark::Mark;
use crate::format::node::{Node, RunList};
use crate::format::sealed::{self, Envelope};
use crate::format::segment::{BlobKind, Segment, SegmentHeader};
use crate::format::slot::{self, Method, Slot};
use crate::format::snapshot::{SnapshotEnvelope, SnapshotOutcome};
use crate::id::{PackId, RepositoryId, SegmentId, SessionId, hex};
use crate::store::Store;
use crate::store::devices::DeviceList;
use crate::store::keys::{EpochKeys, Keys, Purpose};
use crate::store::packs;
use serde_json::{Value, json};
use std::sync::Arc;

/// What keys.json says, unlocked.
pub(super) struct World {
    pub(super) repository: RepositoryId,
    pub(super) root: SecretKey,
    pub(super) keys: Keys,
    devices: DeviceList,
    received: Timestamp,
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    unhex(value).try_into().unwrap()
}

impl World {
    pub(super) fn new(told: &Value) -> Self {
        let repository = RepositoryId::from_bytes(array(&told["repository"]));
        let root = SecretKey::from_bytes(array(&told["root"]));
        let epochs: Vec<u32> = told["epochs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|epoch| epoch.as_u64().unwrap().try_into().unwrap())
            .collect();
        let bundle = Bundle::derive(&root, repository, Role::Owner, &epochs, None).unwrap();
        let keys = Keys::new(bundle, None, None).unwrap();
        let backend = MemoryBackend::new();
        let list = unhex(&told["device_list"]);
        backend.put(&ObjectName::new(Folder::Devices, List::file_name(3, &list)).unwrap(), &[&list]).unwrap();
        let devices = DeviceList::load(&backend, &keys).unwrap();
        let received = &told["received"];
        let nanos = u32::try_from(received[1].as_u64().unwrap()).unwrap();
        let received = Timestamp::new(received[0].as_i64().unwrap(), nanos);
        World { repository, root, keys, devices, received }
    }

    pub(super) fn hasher(&self) -> IdHasher {
        IdHasher::new(self.keys.id_key().unwrap())
    }

    pub(super) fn epoch(&self, epoch: u32) -> &EpochKeys {
        self.keys.epoch(epoch).unwrap()
    }

    fn envelope<T: Envelope>(&self, bytes: &[u8], purpose: Purpose) -> Result<(T, &EpochKeys)> {
        let epoch = self.keys.epoch(sealed::epoch::<T>(bytes)?)?;
        let opened = sealed::open::<T>(bytes, &self.repository, epoch.sealing(purpose))?;
        let value = opened.verify(|device, context, message, signature| {
            self.devices.verify(device, context, message, signature, self.received, T::READ)
        })?;
        Ok((value, epoch))
    }
}

/// Reads an object of the kind that a file of vectors is about.
pub(super) fn decode(world: &World, kind: &str, bytes: &[u8], input: &Value) -> Result<Value> {
    match kind {
        "config" => config(bytes),
        "key_slot" => key_slot(world, bytes, &input["secret"]),
        "bundle" => Bundle::decode(bytes, "read a bundle").map(|bundle| show_bundle(&bundle)),
        "device_list" => device_list(world, bytes),
        "device_key" => DeviceKey::from_bytes(bytes).map(|key| json!({"id": key.id().to_string()})),
        "device_request" => DeviceRequest::from_bytes(bytes)
            .map(|request| json!({"id": request.id().to_string(), "name": request.name()})),
        "recovery_code" => RecoveryCode::parse(std::str::from_utf8(bytes).unwrap())
            .map(|code| json!({"key": hex(code.key().expose())})),
        "pack" => pack(world, bytes),
        "segment" => segment(world, bytes, input),
        "index" => index(world, bytes),
        "node" => Node::decode(bytes).map(|node| show::node(&node)),
        "run_list" => RunList::decode(bytes).map(|list| show::run_list(&list)),
        "snapshot" => snapshot(world, bytes),
        "mark" => mark(world, bytes),
        "lease" => lease(world, bytes),
        "condemnation" => condemnation(world, bytes),
        "checkpoint" => checkpoint(world, bytes),
        _ => panic!("there are no vectors of {kind}"),
    }
}

fn config(bytes: &[u8]) -> Result<Value> {
    let config = Config::decode(bytes)?;
    let Sizes { chunk_min, chunk_avg, chunk_max, segment, pack, node, inline } = config.sizes;
    Ok(json!({
        "repository": config.repository.to_string(),
        "created": config.created,
        "chunks": [chunk_min, chunk_avg, chunk_max],
        "segment": segment,
        "pack": pack,
        "node": node,
        "inline": inline,
        "parity": config.parity,
        "owner": hex(&config.owner.to_bytes()),
    }))
}

fn key_slot(world: &World, bytes: &[u8], secret: &Value) -> Result<Value> {
    let operation = "open a key slot";
    let slot = Slot::decode(bytes)?;
    slot.verify(&owner_signing(&world.root).verifying_key(), operation)?;
    let (method, value) = (secret["method"].as_str().unwrap(), &secret["value"]);
    let key = match &slot.head.method {
        Method::Passphrase { salt, cost } if method == "passphrase" => {
            stretch(value.as_str().unwrap().as_bytes(), salt, *cost)?
        }
        Method::RecoveryCode { salt } if method == "recovery_code" => {
            slot::recovery_wrap(&RecoveryCode::parse(value.as_str().unwrap())?.key(), salt)
        }
        Method::AccountKey { salt } if method == "account_key" => {
            slot::account_wrap(&SecretKey::from_bytes(array(value)), salt)
        }
        Method::Device { sealed_key } if method == "device" => {
            let key = DeviceKey::from_bytes(&unhex(value))?;
            slot::open_for_device(key.kem(), &slot.head.repository, &slot.head.id, sealed_key, operation)?
        }
        _ => return Err(Error::new(ErrorKind::WrongKey, operation)),
    };
    let bundle = slot.open(&key, operation)?;
    let head = &slot.head;
    Ok(json!({
        "id": head.id.to_string(),
        "role": head.role.code(),
        "epoch": head.epoch,
        "method": head.method.code(),
        "label": head.label,
        "created": head.created,
        "device": head.device.map(|device| device.to_string()),
        "bundle": show_bundle(&bundle),
    }))
}

fn show_bundle(bundle: &Bundle) -> Value {
    let secret = |key: &Option<SecretKey>| show::optional_hex(key.as_ref().map(|key| key.expose().as_slice()));
    let private =
        |key: &Option<kem::PrivateKey>| show::optional_hex(key.as_ref().map(|key| key.seed().expose().as_slice()));
    let epochs: Vec<Value> = bundle
        .epochs()
        .iter()
        .map(|epoch| {
            json!({
                "epoch": epoch.epoch,
                "index_key": hex(epoch.index.expose()),
                "data_key": private(&epoch.data_private),
            })
        })
        .collect();
    json!({
        "repository": bundle.repository.to_string(),
        "role": bundle.role.code(),
        "owner": hex(&bundle.owner.to_bytes()),
        "id_key": secret(&bundle.id_key),
        "chunker_key": secret(&bundle.chunker_key),
        "root": secret(&bundle.root),
        "signing_seed": secret(&bundle.holder.as_ref().map(|holder| holder.signing.clone())),
        "kem_seed": secret(&bundle.holder.as_ref().and_then(|holder| holder.kem.clone())),
        "epochs": epochs,
    })
}

fn device_list(world: &World, bytes: &[u8]) -> Result<Value> {
    let operation = "read the device list";
    let verified = List::verify(bytes, &owner_signing(&world.root).verifying_key(), operation)?;
    let list = List::decode(&verified, operation)?;
    let device = |device: &crate::format::device_list::Device| {
        json!({
            "id": device.id.to_string(),
            "name": device.name,
            "role": device.role.code(),
            "added": device.added,
            "revoked": match device.revoked {
                None => json!(null),
                Some(Revoked::WithThisList) => json!("with this list"),
                Some(Revoked::Since(since)) => json!([since.seconds, since.nanos]),
            },
            "in_bundle": device.in_bundle,
        })
    };
    Ok(json!({
        "repository": list.repository.to_string(),
        "generation": list.generation,
        "epoch": list.epoch,
        "name": List::file_name(list.generation, bytes),
        "devices": list.devices.iter().map(device).collect::<Vec<_>>(),
    }))
}

fn pack(world: &World, bytes: &[u8]) -> Result<Value> {
    let backend = MemoryBackend::new();
    let id = PackId::from_bytes(hash::name(bytes));
    backend.put(&ObjectName::of(Folder::Packs, id), &[bytes])?;
    let config = Config {
        repository: world.repository,
        created: 0,
        sizes: Sizes::default(),
        parity: None,
        owner: world.keys.owner_public(),
    };
    let store = Store::new(Arc::new(backend), config, world.keys.clone(), None);
    let (header, contents, references) = packs::read_contents(&store, &id, bytes.len() as u64)?;
    let sessions: Vec<Value> = header
        .sessions
        .iter()
        .map(|entry| {
            let key = world.keys.epoch(entry.epoch)?.data_private.as_ref().unwrap();
            let key = entry.open(&world.repository, key)?;
            Ok(json!({"session": entry.session.to_string(), "epoch": entry.epoch, "key": hex(key.expose())}))
        })
        .collect::<Result<_>>()?;
    Ok(json!({
        "id": id.to_string(),
        "epoch": header.epoch,
        "sessions": sessions,
        "segments": show::contents(&contents),
        "references": show::references(&references),
    }))
}

fn segment(world: &World, bytes: &[u8], input: &Value) -> Result<Value> {
    let number = |name: &str| input[name].as_u64().unwrap();
    let narrow = |name: &str| u32::try_from(number(name)).unwrap();
    let header = SegmentHeader {
        id: SegmentId::from_bytes(array(&input["id"])),
        session: SessionId::from_bytes(array(&input["session"])),
        counter: number("counter"),
        kind: BlobKind::from_number(number("kind").try_into().unwrap()).unwrap(),
        compression: Compression::from_number(number("compression").try_into().unwrap())?,
        stored_length: narrow("stored_length"),
        raw_length: narrow("raw_length"),
        blob_count: narrow("blob_count"),
    };
    let key = SecretKey::from_bytes(array(&input["key"]));
    let segment = Segment::open(&header, &world.repository, &key, &world.hasher(), bytes.to_vec())?;
    Ok(json!({"blobs": segment.blobs().map(hex).collect::<Vec<_>>()}))
}

fn index(world: &World, bytes: &[u8]) -> Result<Value> {
    let epoch = world.keys.epoch(IndexObject::epoch(bytes)?)?;
    let object = IndexObject::open(bytes, &world.repository, &epoch.index_object)?;
    let pack = |pack: &crate::format::pack::IndexedPack| json!({"id": pack.id.to_string(), "length": pack.length, "segments": show::contents(&pack.contents)});
    Ok(json!({
        "supersedes": object.supersedes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "packs": object.packs.iter().map(pack).collect::<Vec<_>>(),
    }))
}

fn snapshot(world: &World, bytes: &[u8]) -> Result<Value> {
    let (envelope, epoch) = world.envelope::<SnapshotEnvelope>(bytes, Purpose::Envelope)?;
    let body = envelope.open_body(&world.repository, epoch.data_private.as_ref().unwrap())?;
    let metadata: Vec<Value> = body.metadata.iter().map(|(name, value)| json!([name, show::escaped(value)])).collect();
    Ok(json!({
        "root": envelope.root.to_string(),
        "time": show::time(envelope.time),
        "lineage": envelope.lineage.to_string(),
        "device": envelope.device.to_string(),
        "session": envelope.session.to_string(),
        "counts": show::counts(&envelope.counts),
        "parents": envelope.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "outcome": if envelope.outcome == SnapshotOutcome::Complete { "complete" } else { "partial" },
        "host": body.host,
        "paths": body.paths.iter().map(|path| show::escaped(path)).collect::<Vec<_>>(),
        "tags": body.tags,
        "metadata": metadata,
        "user": body.user,
        "program": body.program,
        "description": body.description,
    }))
}

fn mark(world: &World, bytes: &[u8]) -> Result<Value> {
    let (mark, epoch) = world.envelope::<Mark>(bytes, Purpose::Mark)?;
    let body = mark.open_body(&world.repository, epoch.data_private.as_ref().unwrap())?;
    Ok(json!({
        "snapshot": mark.snapshot.to_string(),
        "sequence": mark.sequence,
        "device": mark.device.to_string(),
        "time": show::time(mark.time),
        "hold_until": mark.hold_until,
        "tags": body.tags,
        "description": body.description,
    }))
}

fn lease(world: &World, bytes: &[u8]) -> Result<Value> {
    let (lease, _) = world.envelope::<Lease>(bytes, Purpose::Lease)?;
    Ok(json!({
        "session": lease.session.to_string(),
        "sequence": lease.sequence,
        "device": lease.device.map(|device| device.to_string()),
        "purpose": lease.purpose as u8,
        "duration": lease.duration,
        "state": if lease.state == LeaseState::Active { 1 } else { 2 },
        "time": show::time(lease.time),
    }))
}

fn condemnation(world: &World, bytes: &[u8]) -> Result<Value> {
    let (condemnation, _) = world.envelope::<Condemnation>(bytes, Purpose::Condemnation)?;
    Ok(json!({
        "session": condemnation.session.to_string(),
        "sequence": condemnation.sequence,
        "stage": condemnation.stage as u8,
        "packs": condemnation.packs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sessions": condemnation.sessions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "time": show::time(condemnation.time),
    }))
}

fn checkpoint(world: &World, bytes: &[u8]) -> Result<Value> {
    let (checkpoint, _) = world.envelope::<Checkpoint>(bytes, Purpose::Checkpoint)?;
    Ok(json!({
        "session": checkpoint.session.to_string(),
        "sequence": checkpoint.sequence,
        "device": checkpoint.device.to_string(),
        "lineage": checkpoint.lineage.to_string(),
        "root": checkpoint.root.to_string(),
        "time": show::time(checkpoint.time),
        "counts": show::counts(&checkpoint.counts),
        "origin": checkpoint.origin.map(|origin| crate::id::hex(&origin)),
    }))
}

/// The cost that slots of the vectors have.
pub(super) const COST: Cost = Cost::FLOOR;
