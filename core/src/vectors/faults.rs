//! Repositories with one fault each, as changes of a sound one.

use super::repositories::{Item, PASSPHRASE, Sample, context, objects, samples};
use super::{repositories, write};
use crate::backend::{Backend, Folder, MemoryBackend, ObjectName};
use crate::crypto::SecretKey;
use crate::crypto::hash::{IdHasher, name};
use crate::crypto::sign::SigningKey;
use crate::error::ErrorKind::{self, Corrupt, Forbidden, LimitExceeded, NotFound, Unsupported, Untrusted, WrongKey};
use crate::format::cbor::MapWriter;
use crate::format::config::Config;
use crate::format::device::device_id;
use crate::format::device_list::{Device, List, Revoked};
use crate::format::entry::{Content, Entry, Run};
use crate::format::lease::LeasePurpose;
use crate::format::mark::{Mark, MarkBody};
use crate::format::node::{Child, ListChild, RunList, Totals, encode_inner, encode_leaf};
use crate::format::object::Kind;
use crate::format::sealed;
use crate::format::signed;
use crate::format::snapshot::{SnapshotBody, SnapshotCounts, SnapshotEnvelope, SnapshotOutcome};
use crate::id::{BlobId, LineageId, SegmentId, SessionId, hex};
use crate::store::Store;
use crate::store::blobs::NodeSink;
use crate::store::devices::DeviceList;
use crate::store::keys::{self, Keys, Secret};
use crate::store::session::Session;
use crate::store::snapshots::{self, NewSnapshot};
use crate::store::write::{BlobWriter, Place};
use crate::{EntryPath, Timestamp};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

/// What becomes of a repository.
#[derive(Default)]
struct Change {
    put: Map<String, Value>,
    delete: Vec<Value>,
    fill: Value,
}

impl Change {
    fn put(mut self, name: impl ToString, bytes: &[u8]) -> Self {
        self.put.insert(name.to_string(), hex(bytes).into());
        self
    }

    fn delete(mut self, name: impl ToString) -> Self {
        self.delete.push(name.to_string().into());
        self
    }
}

struct Faults {
    list: Vec<Value>,
}

impl Faults {
    /// Where `operation` fails on a changed `base`, and as what. `object` is the object that is refused.
    fn add(
        &mut self,
        name: &str,
        base: &str,
        change: Change,
        operation: &str,
        object: Option<&ObjectName>,
        error: Option<ErrorKind>,
    ) -> &mut Value {
        let mut fault = json!({
            "name": name,
            "base": base,
            "secret": {"method": "passphrase", "value": PASSPHRASE},
            "put": change.put,
            "delete": change.delete,
            "operation": operation,
            "object": object.map(ToString::to_string),
            "error": error.map(ErrorKind::name),
        });
        if !change.fill.is_null() {
            fault["fill"] = change.fill;
        }
        self.list.push(fault);
        self.list.last_mut().unwrap()
    }
}

/// The one object of a folder.
fn only(objects: &[(ObjectName, Vec<u8>)], folder: Folder) -> (ObjectName, Vec<u8>) {
    objects.iter().find(|(name, _)| name.folder() == folder).unwrap().clone()
}

fn named(folder: Folder, bytes: &[u8]) -> ObjectName {
    ObjectName::of(folder, hex(&name(bytes)))
}

fn keys_of(sample: &Sample) -> (Config, Keys) {
    keys::open(&sample.backend, &Secret::passphrase(PASSPHRASE)).unwrap()
}

pub(super) fn make(folder: &Path) {
    let samples = samples();
    let sample = |wanted: &str| &samples.iter().find(|(name, _)| *name == wanted).unwrap().1;
    crate::crypto::testing::repeat("faults");
    crate::store::testing::repeat_time(super::TIME + 100_000);
    let mut faults = Faults { list: Vec::new() };
    opening(&mut faults, sample("minimal"), sample("incremental"));
    listing(&mut faults, sample("minimal"), sample("incremental"), sample("keys"));
    reading(&mut faults, sample("minimal"));
    trees(&mut faults, sample("minimal"));
    marking(&mut faults, sample("keys"));
    write(&folder.join("faults.json"), &faults.list.into());
}

fn opening(faults: &mut Faults, sample: &Sample, other: &Sample) {
    let (base, owned) = ("minimal", objects(&sample.backend));
    let foreign = objects(&other.backend);
    let (config_name, config_bytes) = only(&owned, Folder::Root);
    let (slot_name, slot) = only(&owned, Folder::Keys);
    let mut open = |name: &str, change: Change, object: Option<&ObjectName>, error| {
        faults.add(name, base, change, "open", object, Some(error));
    };
    open("no config", Change::default().delete(&config_name), None, NotFound);
    let replaced = |position: usize, byte: u8| {
        let mut bytes = config_bytes.clone();
        bytes[position] = byte;
        Change::default().put(&config_name, &bytes)
    };
    open("a config of another kind", replaced(6, 3), Some(&config_name), Corrupt);
    open("a config of a version to come", replaced(7, 2), Some(&config_name), Unsupported);
    open("a config with a bit flipped", replaced(20, config_bytes[20] ^ 1), Some(&config_name), Untrusted);
    let (config, keys) = keys_of(sample);
    let stranger = SigningKey::from_seed(SecretKey::from_bytes([1; 32]));
    let replacement = Config { owner: stranger.verifying_key(), ..config }.encode(&stranger).unwrap();
    let change = Change::default().put(&config_name, &replacement);
    open("a config of the same repository by another owner", change, Some(&config_name), Untrusted);
    let (_, foreign_config) = only(&foreign, Folder::Root);
    open("the config of another repository", Change::default().put(&config_name, &foreign_config), None, WrongKey);
    open("no key slots", Change::default().delete(&slot_name), None, Corrupt);
    let (foreign_name, foreign_slot) = only(&foreign, Folder::Keys);
    let swapped = Change::default().delete(&slot_name).put(&foreign_name, &foreign_slot);
    open("the key slot of another repository", swapped, None, WrongKey);
    let misplaced = Change::default().delete(&slot_name).put(&foreign_name, &slot);
    open("a key slot under another name", misplaced, Some(&foreign_name), Corrupt);
    let mut damaged = slot.clone();
    *damaged.last_mut().unwrap() ^= 1;
    open(
        "a key slot with a bit of its seal flipped",
        Change::default().put(&slot_name, &damaged),
        Some(&slot_name),
        Corrupt,
    );
    let fault = faults.add("another passphrase", base, Change::default(), "open", None, Some(WrongKey));
    fault["secret"]["value"] = "another".into();
    let fill = Change { fill: json!({"folder": "devices", "count": 1025}), ..Change::default() };
    faults.add("more rubbish than anybody skips", base, fill, "snapshots", None, Some(LimitExceeded));
    let owner = keys.owner_signing().unwrap();
    let list = |map: MapWriter| {
        let bytes = signed::sign(Kind::DeviceList, map, &owner, "strongroom format 1 device list").unwrap();
        let name = ObjectName::new(Folder::Devices, List::file_name(9, &bytes)).unwrap();
        (Change::default().put(&name, &bytes), name)
    };
    let map = || MapWriter::new().put(0, 1).bytes(1, config.repository.as_bytes()).put(2, 9).list(3, []);
    let (change, object) = list(map().put(5, 1));
    faults.add(
        "a device list of the owner's that cannot be read",
        base,
        change,
        "snapshots",
        Some(&object),
        Some(Unsupported),
    );
    let (change, _) = list(map());
    faults.add("a later device list of the owner's", base, change, "snapshots", None, None);
    let (change, _) = list(map().bytes(1, &[1; 16]));
    faults.add("a device list of the owner's for another repository", base, change, "snapshots", None, None);
    let rubbish = Change::default()
        .put("devices/ffffffff-0000000000000000", b"rubbish")
        .put("keys/00", b"")
        .put("keys/00000000000000000000000000000000", &slot)
        .put("sessions/rubbish", b"rubbish")
        .put("index/00", b"rubbish");
    faults.add("rubbish in every folder", base, rubbish, "snapshots", None, None);
}

fn listing(faults: &mut Faults, minimal: &Sample, incremental: &Sample, shared: &Sample) {
    let owned = objects(&minimal.backend);
    let (snapshot_name, bytes) = only(&owned, Folder::Snapshots);
    let mut add = |name: &str, change: Change, object: &ObjectName, error| {
        faults.add(name, "minimal", change, "snapshots", Some(object), Some(error));
    };
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    add("a snapshot with a bit flipped", Change::default().put(&snapshot_name, &damaged), &snapshot_name, Corrupt);
    let renamed = named(Folder::Snapshots, &damaged);
    add("the same under a name that fits", Change::default().put(&renamed, &damaged), &renamed, Corrupt);
    let other = ObjectName::of(Folder::Snapshots, "00".repeat(32));
    add("a snapshot under another name", Change::default().put(&other, &bytes), &other, Corrupt);
    let mut later = bytes.clone();
    later[7] = 2;
    let renamed = named(Folder::Snapshots, &later);
    add("a snapshot of a version to come", Change::default().put(&renamed, &later), &renamed, Unsupported);
    let (foreign_name, foreign) = only(&objects(&incremental.backend), Folder::Snapshots);
    add("a snapshot of another repository", Change::default().put(&foreign_name, &foreign), &foreign_name, Corrupt);

    let (_, keys) = keys_of(minimal);
    let epoch = keys.current().unwrap();
    let readers = epoch.data_public.as_ref().unwrap();
    let stranger = SigningKey::from_seed(SecretKey::from_bytes([2; 32]));
    let forged = |device, signer: &SigningKey| {
        let mut envelope = SnapshotEnvelope {
            root: BlobId::from_bytes([1; 32]),
            time: Timestamp::new(super::TIME, 0),
            lineage: LineageId::from_bytes([2; 16]),
            device,
            session: SessionId::from_bytes([3; 16]),
            counts: SnapshotCounts::default(),
            parents: Vec::new(),
            outcome: SnapshotOutcome::Complete,
            sealed_body: Vec::new(),
        };
        envelope.seal_body(&SnapshotBody::default(), &keys.repository, readers).unwrap();
        let bytes = sealed::seal(&envelope, &keys.repository, epoch.epoch, &epoch.envelope, Some(signer)).unwrap();
        (named(Folder::Snapshots, &bytes), bytes)
    };
    let (name, bytes) = forged(device_id(&stranger.verifying_key(), None), &stranger);
    add("a snapshot by a device that is not listed", Change::default().put(&name, &bytes), &name, Untrusted);
    let (name, bytes) = forged(keys.owner_id(), &stranger);
    add("a snapshot in the owner's name by somebody else", Change::default().put(&name, &bytes), &name, Untrusted);
    let mut mark = Mark {
        snapshot: snapshot_name.id().unwrap(),
        sequence: 9,
        device: device_id(&stranger.verifying_key(), None),
        time: Timestamp::new(super::TIME, 0),
        hold_until: None,
        sealed_body: Vec::new(),
    };
    mark.seal_body(&MarkBody::default(), &keys.repository, readers).unwrap();
    let bytes = sealed::seal(&mark, &keys.repository, epoch.epoch, &epoch.mark, Some(&stranger)).unwrap();
    let name = named(Folder::Marks, &bytes);
    add("a mark by a device that is not listed", Change::default().put(&name, &bytes), &name, Untrusted);

    // A snapshot that one device made, taken back by revoking it before storage received anything.
    let (_, keys) = keys_of(shared);
    let root = SigningKey::clone(&keys.owner_signing().unwrap());
    let writer = keys::open(&shared.backend, &Secret::passphrase("for the writer")).unwrap().1.signer().unwrap().0;
    let list = DeviceList::load(&shared.backend, &keys).unwrap();
    let devices: Vec<Device> = list
        .devices()
        .map(|info| {
            let mut device = list.get(&info.id).unwrap().clone();
            device.revoked = (info.id == writer).then_some(Revoked::Since(Timestamp::new(1_000_000_000, 0)));
            device
        })
        .collect();
    let generation = list.generation() + 1;
    let epoch = list.epoch();
    let bytes = List { repository: keys.repository, generation, epoch, devices }.encode(&root).unwrap();
    let name = ObjectName::new(Folder::Devices, List::file_name(generation, &bytes)).unwrap();
    let made = shared.owner.snapshots(&crate::SnapshotFilter::all()).unwrap().map(|snapshot| snapshot.unwrap());
    let object = made.into_iter().find(|snapshot| snapshot.device == writer).unwrap().id;
    let object = ObjectName::of(Folder::Snapshots, object);
    faults.add(
        "a snapshot by a device that was revoked before",
        "keys",
        Change::default().put(&name, &bytes),
        "snapshots",
        Some(&object),
        Some(Untrusted),
    );
}

/// Marks by devices that are listed, and that count for nothing.
fn marking(faults: &mut Faults, shared: &Sample) {
    let (_, keys) = keys_of(shared);
    let epoch = keys.current().unwrap();
    let (snapshot, _) = only(&objects(&shared.backend), Folder::Snapshots);
    let mut add = |fault: &str, holder: &str, sequence| {
        let (_, theirs) = keys::open(&shared.backend, &Secret::passphrase(holder)).unwrap();
        let (device, signer) = theirs.signer().unwrap();
        let (snapshot, time) = (snapshot.id().unwrap(), Timestamp::new(super::TIME, 0));
        let mut mark = Mark { snapshot, sequence, device, time, hold_until: Some(i64::MAX), sealed_body: Vec::new() };
        let readers = epoch.data_public.as_ref().unwrap();
        mark.seal_body(&MarkBody::default(), &keys.repository, readers).unwrap();
        let bytes = sealed::seal(&mark, &keys.repository, epoch.epoch, &epoch.mark, Some(&signer)).unwrap();
        let name = named(Folder::Marks, &bytes);
        faults.add(fault, "keys", Change::default().put(&name, &bytes), "snapshots", Some(&name), Some(Untrusted));
    };
    add("a mark by a writer", "for the writer", 3);
    add("a mark by a reader with a sequence of the owners'", "for the reader", 1 << 63);
}

fn reading(faults: &mut Faults, sample: &Sample) {
    let owned = objects(&sample.backend);
    let (pack_name, pack) = only(&owned, Folder::Packs);
    let base = "minimal";
    faults.add("no packs", base, Change::default().delete(&pack_name), "read", None, Some(NotFound));
    let flipped = |position: usize| {
        let mut bytes = pack.clone();
        bytes[position] ^= 1;
        Change::default().put(&pack_name, &bytes)
    };
    // Behind the header of 32 bytes and one session key of 1188 stand the segments.
    faults.add("a pack with a bit of a segment flipped", base, flipped(1230), "read", None, Some(Corrupt));
    faults.add("a pack with a bit of a session key flipped", base, flipped(500), "read", None, Some(Corrupt));
    let cut = Change::default().put(&pack_name, &pack[..1230]);
    faults.add("a pack that is cut off", base, cut, "read", None, Some(Corrupt));
    let object = Some(&pack_name);
    faults.add(
        "a pack with a bit of its trailer flipped",
        base,
        flipped(pack.len() - 1),
        "check",
        object,
        Some(Corrupt),
    );
    let (index_name, index) = only(&owned, Folder::Index);
    let other = ObjectName::of(Folder::Index, "00".repeat(32));
    let change = Change::default().put(&other, &index);
    faults.add("an index object under another name", base, change, "check", Some(&other), Some(Corrupt));
    let mut damaged = index.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let change = Change::default().put(&index_name, &damaged);
    faults.add("an index object with a bit flipped", base, change, "check", Some(&index_name), Some(Corrupt));
    let fault = faults.add("a writer who reads", "keys", Change::default(), "read", None, Some(Forbidden));
    fault["secret"]["value"] = "for the writer".into();
}

/// Makes a tree with the keys of an owner who breaks the rules, and a snapshot of it: the objects that makes.
fn hostile(sample: &Sample, make: &(dyn Fn(&mut BlobWriter) -> BlobId + Sync)) -> Change {
    let before = objects(&sample.backend);
    let backend = MemoryBackend::new();
    for (name, bytes) in &before {
        backend.put(name, &[bytes]).unwrap();
    }
    let (config, keys) = keys::open(&backend, &Secret::passphrase(PASSPHRASE)).unwrap();
    let store = Arc::new(Store::new(Arc::new(backend.clone()), config, keys, None));
    let devices = Arc::new(DeviceList::load(&backend, store.keys()).unwrap());
    let session = Arc::new(Session::begin(&store, &devices, LeasePurpose::Backup).unwrap());
    let ctx = context();
    let pool = Arc::new(ctx.pool().unwrap());
    let mut writer = BlobWriter::new(&store, &session, 3, &ctx, Arc::clone(&pool)).unwrap();
    let root = pool.install(|| {
        let root = make(&mut writer);
        writer.flush().unwrap();
        root
    });
    let new = NewSnapshot {
        root,
        time: Timestamp::new(super::TIME + 7, 0),
        lineage: LineageId::from_bytes([4; 16]),
        session: session.id(),
        counts: SnapshotCounts::default(),
        parents: Vec::new(),
        outcome: SnapshotOutcome::Complete,
        body: SnapshotBody::default(),
    };
    snapshots::write(&backend, store.keys(), &devices, new).unwrap();
    drop(writer);
    session.end();
    let mut change = Change::default();
    for (name, bytes) in objects(&backend) {
        if !before.iter().any(|(known, _)| *known == name) {
            change = change.put(name, &bytes);
        }
    }
    change
}

fn node(writer: &mut BlobWriter, bytes: &[u8]) -> BlobId {
    writer.store_node(bytes, Vec::new()).unwrap()
}

fn leaf(writer: &mut BlobWriter, items: &[Item]) -> BlobId {
    let entries: Vec<Entry> = items.iter().map(|(entry, _)| entry.clone()).collect();
    let (bytes, references) = encode_leaf(&entries).unwrap();
    writer.store_node(&bytes, references).unwrap()
}

fn child(first: &str, id: BlobId) -> Child {
    let first = EntryPath::parse(first).unwrap().key().to_vec();
    Child { first, id, totals: Totals { entries: 1, files: 1, bytes: 0 } }
}

fn inner(writer: &mut BlobWriter, level: u8, children: &[Child]) -> BlobId {
    let (bytes, references) = encode_inner(level, children);
    writer.store_node(&bytes, references).unwrap()
}

fn with_content(path: &str, size: u64, content: Content) -> Item {
    let (entry, data) = repositories::file(path, "");
    (Entry { size, content, ..entry }, data)
}

fn trees(faults: &mut Faults, sample: &Sample) {
    use repositories::{directory, file, item};
    let hasher = IdHasher::new(keys_of(sample).1.id_key().unwrap());
    let mut add =
        |name: &str, operation: &str, error: Option<ErrorKind>, make: &(dyn Fn(&mut BlobWriter) -> BlobId + Sync)| {
            faults.add(name, "minimal", hostile(sample, make), operation, None, error);
        };
    let empty = |path: &str| file(path, "");
    add("a tree made by hand", "read", None, &|writer| leaf(writer, &[directory(""), empty("a")]));
    // A folder of that name, byte by byte.
    let up = [1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 2, b'.', b'.', 1, 0, 0, 0, 0];
    add("an entry named '..'", "read", Some(Corrupt), &|writer| node(writer, &up));
    add("a root that is not in the repository", "read", Some(NotFound), &|_| BlobId::from_bytes([5; 32]));
    add("a root of an unknown type", "read", Some(Unsupported), &|writer| node(writer, &[9, 0, 0]));
    add("a root that is a run list", "read", Some(Corrupt), &|writer| node(writer, &[3, 1, 0, 0]));
    add("entries that do not ascend", "read", Some(Corrupt), &|writer| leaf(writer, &[empty("b"), empty("a")]));
    add("a child of the wrong level", "read", Some(Corrupt), &|writer| {
        let below = leaf(writer, &[empty("a")]);
        inner(writer, 2, &[child("a", below)])
    });
    add("a child that begins elsewhere", "read", Some(Corrupt), &|writer| {
        let below = leaf(writer, &[empty("b")]);
        inner(writer, 1, &[child("a", below)])
    });
    add("a child that reaches into the next", "read", Some(Corrupt), &|writer| {
        let (first, second) = (leaf(writer, &[empty("a"), empty("c")]), leaf(writer, &[empty("b")]));
        inner(writer, 1, &[child("a", first), child("b", second)])
    });
    add("a child that is not in the repository", "read", Some(NotFound), &|writer| {
        inner(writer, 1, &[child("a", BlobId::from_bytes([6; 32]))])
    });
    let run = |writer: &mut BlobWriter, first: u32, bytes: u64| {
        let place = writer.add_data(b"eleven bytes").unwrap();
        writer.end_data_segment().unwrap();
        let Place::Open(number, _) = place else { panic!("it is new") };
        Run { segment: writer.segment_id(number).unwrap(), first, count: 1, bytes }
    };
    let of_runs = |writer: &mut BlobWriter, size: u64, runs: Vec<Run>| {
        leaf(writer, &[directory(""), with_content("file", size, Content::Runs(runs))])
    };
    add("a run made by hand", "read", None, &|writer| {
        let run = run(writer, 0, 12);
        of_runs(writer, 12, vec![run])
    });
    add("a run of another length than its blobs", "read", Some(Corrupt), &|writer| {
        let run = run(writer, 0, 11);
        of_runs(writer, 11, vec![run])
    });
    add("a run behind the end of its segment", "read", Some(Corrupt), &|writer| {
        let run = run(writer, 1, 12);
        of_runs(writer, 12, vec![run])
    });
    add("a run of a segment that is not in the repository", "read", Some(NotFound), &|writer| {
        of_runs(writer, 5, vec![Run { segment: SegmentId::from_bytes([7; 32]), first: 0, count: 1, bytes: 5 }])
    });
    let of_list = |writer: &mut BlobWriter, size: u64, list: &RunList, levels: u8| {
        let (bytes, references) = list.encode();
        let id = writer.store_node(&bytes, references).unwrap();
        leaf(writer, &[directory(""), with_content("file", size, Content::List { id, levels })])
    };
    add("a run list made by hand", "read", None, &|writer| {
        let list = RunList::Runs(vec![run(writer, 0, 12)]);
        of_list(writer, 12, &list, 1)
    });
    add("a run list of another length than its file", "read", Some(Corrupt), &|writer| {
        let list = RunList::Runs(vec![run(writer, 0, 12)]);
        of_list(writer, 13, &list, 1)
    });
    add("a run list of another level", "read", Some(Corrupt), &|writer| {
        let list = RunList::Runs(vec![run(writer, 0, 12)]);
        of_list(writer, 12, &list, 2)
    });
    add("a list of lists whose sums are wrong", "read", Some(Corrupt), &|writer| {
        let (bytes, references) = RunList::Runs(vec![run(writer, 0, 12)]).encode();
        let id = writer.store_node(&bytes, references).unwrap();
        let children = vec![ListChild { id, bytes: 12 }, ListChild { id, bytes: 13 }];
        of_list(writer, 25, &RunList::Lists { level: 2, children }, 2)
    });
    add("a file's content in the place of a node", "read", Some(Corrupt), &|writer| {
        let place = writer.add_data(&[1, 0, 0, 0, 0]).unwrap();
        writer.end_data_segment().unwrap();
        assert!(matches!(place, Place::Open(..)));
        hasher.blob(&[1, 0, 0, 0, 0])
    });
    let link = || item("a", crate::EntryKind::Symlink { target: b"../outside".to_vec() }, 0o777);
    add("a file below a link", "extract", Some(Corrupt), &|writer| {
        leaf(writer, &[directory(""), link(), file("a/b", "")])
    });
    add("a file below a file", "extract", Some(Corrupt), &|writer| {
        leaf(writer, &[directory(""), empty("a"), empty("a/b")])
    });
}
