//! Small repositories, made by the engine itself from entries that are known.

use super::{noise, show, write};
use crate::backend::{Backend, Folder, LocalBackend, MemoryBackend, ObjectName};
use crate::backup::BackupOptions;
use crate::context::{Budget, Context};
use crate::crypto::SecretKey;
use crate::crypto::password::Cost;
use crate::error::Result;
use crate::format::bundle::Role;
use crate::format::config::Sizes;
use crate::format::device::DeviceKey;
use crate::format::entry::{Content, Entry, EntryKind, HardLink, Hole, Metadata, Owner, Timestamp, Xattr};
use crate::id::{SnapshotId, hex};
use crate::path::EntryPath;
use crate::problem::Problem;
use crate::report::Outcome;
use crate::repository::{NewKey, Repository};
use crate::source::{EntryHandle, EntrySource, Source, SourceItem};
use crate::store::filter::SnapshotFilter;
use crate::store::keys::{self, NewRepository, Secret};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// An entry and the bytes between its holes.
pub(super) type Item = (Entry, Vec<u8>);

/// Yields entries as they are.
struct Fixed(VecDeque<Item>);

struct Bytes(io::Cursor<Vec<u8>>);

impl EntrySource for Fixed {
    fn next(&mut self, _: &Context) -> Result<Option<SourceItem>> {
        let next = self.0.pop_front();
        Ok(next.map(|(entry, data)| SourceItem::Entry(entry, Box::new(Bytes(io::Cursor::new(data))))))
    }

    fn is_sorted(&self) -> bool {
        true
    }
}

impl EntryHandle for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.0, buffer)
    }

    fn take_problem(&mut self) -> Option<Problem> {
        None
    }
}

/// A repository being made, and what it is expected to hold.
pub(super) struct Sample {
    pub(super) backend: MemoryBackend,
    pub(super) owner: Repository,
    about: &'static str,
    /// What opens it, with what that allows.
    secrets: Vec<Value>,
    snapshots: Vec<(SnapshotId, Vec<Item>)>,
}

pub(super) const PASSPHRASE: &str = "open sesame";

const SMALL: Sizes = Sizes {
    chunk_min: 1024,
    chunk_avg: 2048,
    chunk_max: 4096,
    segment: 64 * 1024,
    pack: 1024 * 1024,
    node: 4096,
    inline: 512,
};

pub(super) fn context() -> Context {
    // One thread, so that everything happens in one order.
    Context::new().budget(Budget::default().threads(1))
}

impl Sample {
    fn new(about: &'static str, sizes: Sizes) -> Self {
        let backend = MemoryBackend::new();
        let new = NewRepository { sizes, label: "laptop".to_owned(), cost: Cost::FLOOR, parity: None };
        let secret = Secret::passphrase(PASSPHRASE);
        keys::create(&backend, &new, &secret).unwrap();
        let owner = Repository::open(backend.clone(), &secret).unwrap();
        let secrets = vec![json!({"method": "passphrase", "value": PASSPHRASE, "role": "owner"})];
        Sample { backend, owner, about, secrets, snapshots: Vec::new() }
    }

    fn back_up(&mut self, by: &Repository, items: Vec<Item>, options: &BackupOptions) -> SnapshotId {
        let source = Source::new(Fixed(items.clone().into())).known_as(["/srv/data"]);
        let report = by.backup(source, options, &context()).unwrap();
        assert_eq!(report.outcome, Outcome::Complete, "{:?}", report.problems);
        let id = *report.snapshot().unwrap();
        self.snapshots.push((id, items));
        id
    }

    /// What the sample holds, in JSON.
    fn expected(&self) -> Value {
        let ids: Vec<SnapshotId> = self.snapshots.iter().map(|(id, _)| *id).collect();
        let snapshots: Vec<Value> = self
            .owner
            .snapshots(&SnapshotFilter::all())
            .unwrap()
            .map(|snapshot| {
                let snapshot = snapshot.unwrap();
                let position = ids.iter().position(|id| *id == snapshot.id).unwrap();
                let (_, items) = &self.snapshots[position];
                assert_eq!(
                    self.listed(&snapshot.id),
                    items.iter().map(|(entry, _)| entry.path.clone()).collect::<Vec<_>>()
                );
                let entries: Vec<Value> =
                    items.iter().map(|(entry, data)| show::entry_with_data(entry, data)).collect();
                let mut map: Map<String, Value> = show::snapshot(&snapshot);
                map.insert("entries".to_owned(), entries.into());
                map.into()
            })
            .collect();
        assert_eq!(snapshots.len(), ids.len());
        let device = |device: crate::DeviceInfo| {
            json!({
                "id": device.id.to_string(),
                "name": device.name,
                "role": device.role.name(),
                "added": device.added.seconds,
                "revoked": device.revoked.map(|time| json!([time.seconds, time.nanos])),
                "has_key": device.has_key,
            })
        };
        let slot = |slot: crate::SlotInfo| {
            json!({
                "id": slot.id.to_string(),
                "role": slot.role.name(),
                "epoch": slot.epoch,
                "method": slot.method.name(),
                "label": slot.label,
                "created": slot.created.seconds,
                "device": slot.device.map(|device| device.to_string()),
            })
        };
        let mut slots: Vec<Value> = self.owner.keys().unwrap().into_iter().map(slot).collect();
        slots.sort_by_key(|slot| slot["id"].to_string());
        json!({
            "about": self.about,
            "repository": self.owner.id().to_string(),
            "created": self.owner.created().seconds,
            "secrets": self.secrets,
            "slots": slots,
            "epoch": self.owner.epoch().unwrap(),
            "devices": self.owner.devices().unwrap().into_iter().map(device).collect::<Vec<_>>(),
            "snapshots": snapshots,
        })
    }

    fn listed(&self, snapshot: &SnapshotId) -> Vec<EntryPath> {
        let root = [EntryPath::root()];
        let below = self.owner.list(snapshot, &EntryPath::root(), true).unwrap();
        root.into_iter().chain(below.map(|entry| entry.unwrap().path)).collect()
    }

    fn store(&self, folder: &Path) {
        let to = LocalBackend::new(folder.join("repository")).sync(false);
        for (name, bytes) in objects(&self.backend) {
            to.put(&name, &[&bytes]).unwrap();
        }
        write(&folder.join("expected.json"), &self.expected());
    }
}

/// All objects, by their names.
pub(super) fn objects(backend: &dyn Backend) -> Vec<(ObjectName, Vec<u8>)> {
    let mut infos = Vec::new();
    for folder in Folder::ALL {
        if folder == Folder::Root {
            infos.push(backend.stat(&ObjectName::config()).unwrap());
        } else {
            backend
                .list(folder, &mut |info| {
                    infos.push(info);
                    Ok(())
                })
                .unwrap();
        }
    }
    let read = |info: crate::ObjectInfo| {
        let bytes = backend.read(&info.name, 0..info.length).unwrap();
        (info.name, bytes)
    };
    let mut objects: Vec<_> = infos.into_iter().map(read).collect();
    objects.sort();
    objects
}

pub(super) fn make(folder: &Path) {
    for (name, sample) in samples() {
        sample.store(&folder.join(name));
    }
}

pub(super) fn samples() -> Vec<(&'static str, Sample)> {
    // Each on its own randomness and time, so that a change of one leaves the others as they are.
    let each = |name, make: fn() -> Sample| {
        crate::crypto::testing::repeat(name);
        crate::store::testing::repeat_time(super::TIME);
        (name, make())
    };
    vec![
        each("minimal", minimal),
        each("all-kinds", all_kinds),
        each("incremental", incremental),
        each("keys", keys_and_roles),
        each("large", large),
        each("epochs", epochs),
    ]
}

fn path(bytes: &[u8]) -> EntryPath {
    EntryPath::parse(Path::new(std::ffi::OsStr::from_bytes(bytes))).unwrap()
}

pub(super) fn item(name: impl AsRef<[u8]>, kind: EntryKind, mode: u32) -> Item {
    let metadata = Metadata {
        mode,
        owner: Arc::new(Owner { uid: 1000, gid: 100, user: "kim".to_owned(), group: "users".to_owned() }),
        modified: Timestamp::new(super::TIME - 10_000, 987_654_321),
        changed: Some(Timestamp::new(super::TIME - 9000, 7)),
        inode: Some(4711),
        ..Metadata::default()
    };
    let entry =
        Entry { path: path(name.as_ref()), kind, metadata, size: 0, holes: Vec::new(), content: Content::Empty };
    (entry, Vec::new())
}

pub(super) fn directory(name: impl AsRef<[u8]>) -> Item {
    item(name, EntryKind::Directory, 0o755)
}

pub(super) fn file(name: impl AsRef<[u8]>, data: impl Into<Vec<u8>>) -> Item {
    let (entry, _) = item(name, EntryKind::File, 0o644);
    let data = data.into();
    (Entry { size: data.len() as u64, ..entry }, data)
}

fn options() -> BackupOptions {
    BackupOptions::new().host("example").user("kim").program("make-vectors")
}

fn minimal() -> Sample {
    let mut sample = Sample::new("One folder with one file, and the default sizes.", Sizes::default());
    let owner = sample.owner.clone();
    sample.back_up(&owner, vec![directory(""), file("hello.txt", "Hello, world!\n")], &options());
    sample
}

fn all_kinds() -> Sample {
    let mut sample = Sample::new("Entries of every kind, with all the metadata that there is.", SMALL);
    let mut items = vec![directory("")];
    let mut add = |item: Item| items.push(item);
    add(file(b"\xff\xfe not \\ UTF-8", "inline"));
    add(file("empty", ""));
    add(file("inline", vec![b'x'; 512]));
    add(file("runs", noise("runs", 513)));
    add(file("text", "words that come again ".repeat(2000)));
    add(directory("folder"));
    add(file("folder/a", "first"));
    add(directory("folder/empty folder"));
    add(file("folder.txt", "sorts behind what is in the folder"));
    add(item("link", EntryKind::Symlink { target: b"../nowhere/\xff".to_vec() }, 0o777));
    add(item("pipe", EntryKind::Fifo, 0o600));
    add(item("socket", EntryKind::Socket, 0o700));
    add(item("null", EntryKind::CharDevice { major: 1, minor: 3 }, 0o666));
    add(item("disk", EntryKind::BlockDevice { major: 259, minor: 1_048_575 }, 0o660));
    let (mut entry, data) = file("setuid", "#!/bin/sh\n");
    entry.metadata.mode = 0o6755;
    add((entry, data));
    let (mut entry, _) = directory("sticky");
    entry.metadata.mode = 0o1777;
    add((entry, Vec::new()));
    let (mut entry, data) = file("before 1970", "old");
    entry.metadata.modified = Timestamp::new(-2, 1);
    add((entry, data));
    let (mut entry, data) = file("root's", "of nobody by name");
    entry.metadata.owner = Arc::new(Owner::ids(0, 0));
    entry.metadata.changed = None;
    entry.metadata.inode = None;
    add((entry, data));
    let (mut entry, data) = file("attributes", "with attributes");
    entry.metadata.xattrs = vec![
        // An ACL that lets user 1001 read: version 2, then entries of tag, permissions and id.
        Xattr { name: b"system.posix_acl_access".to_vec(), value: acl() },
        Xattr { name: b"user.comment".to_vec(), value: b"caf\xc3\xa9".to_vec() },
        Xattr { name: b"user.empty".to_vec(), value: Vec::new() },
    ];
    entry.metadata.mode = 0o640;
    add((entry, data));
    for name in ["hard 1", "hard 2", "folder/hard 3"] {
        let (mut entry, data) = file(name, noise("hard", 700));
        entry.metadata.hard_link = Some(HardLink { device: 64_769, inode: 4711 });
        add((entry, data));
    }
    let (mut entry, data) = file("sparse", noise("sparse", 3000));
    entry.size = 1 << 40;
    entry.holes = vec![
        Hole { offset: 0, length: 4096 },
        Hole { offset: 5096, length: 1 << 30 },
        Hole { offset: (1 << 30) + 7096, length: (1 << 40) - (1 << 30) - 7096 },
    ];
    add((entry, data));
    let (mut entry, data) = file("one hole", "");
    entry.size = 1 << 20;
    entry.holes = vec![Hole { offset: 0, length: 1 << 20 }];
    add((entry, data));
    let (mut entry, data) = file("inline sparse", "abc");
    entry.size = 8195;
    entry.holes = vec![Hole { offset: 0, length: 4096 }, Hole { offset: 4099, length: 4096 }];
    add((entry, data));
    items.sort_by(|one, other| one.0.path.cmp(&other.0.path));
    let owner = sample.owner.clone();
    let described = options()
        .tag("kinds")
        .tag("all")
        .description("Every kind of entry.\nOn two lines.")
        .metadata("app", [0u8, 255]);
    sample.back_up(&owner, items, &described);
    sample
}

fn acl() -> Vec<u8> {
    let mut acl = vec![2, 0, 0, 0];
    for (tag, permissions, id) in
        [(1u16, 6u16, u32::MAX), (2, 4, 1001), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)]
    {
        acl.extend_from_slice(&tag.to_le_bytes());
        acl.extend_from_slice(&permissions.to_le_bytes());
        acl.extend_from_slice(&id.to_le_bytes());
    }
    acl
}

fn incremental() -> Sample {
    let mut sample =
        Sample::new("Three snapshots of one lineage, later ones reusing what is stored; tags set later.", SMALL);
    let owner = sample.owner.clone();
    let changed = |mut item: Item, seconds: i64| {
        item.0.metadata.modified = Timestamp::new(super::TIME - 5000 + seconds, 1);
        item.0.metadata.changed = Some(item.0.metadata.modified);
        item
    };
    let files = || -> Vec<Item> {
        let named = |number: u32| {
            file(format!("file {number:02}"), noise(&format!("file {number}"), 520 + number as usize * 30))
        };
        [directory("")].into_iter().chain((0..30).map(named)).collect()
    };
    let first = files();
    let mut second = files();
    second[7] = changed(file("file 06", [noise("file 6", 900), b"and more".to_vec()].concat()), 1);
    second.remove(20);
    let mut third = second.clone();
    third.push(changed(file("new", noise("file 3", 750)), 2));
    let one = sample.back_up(&owner, first, &options().tag("daily"));
    sample.back_up(&owner, second, &options().tag("daily").tag("weekly"));
    let three = sample.back_up(&owner, third, &options());
    owner.tag(&one, &["kept"], &["daily"]).unwrap();
    owner.tag(&one, &["important"], &[]).unwrap();
    owner.tag(&three, &["newest"], &[]).unwrap();
    sample
}

fn keys_and_roles() -> Sample {
    let mut sample =
        Sample::new("Every way to open a repository, with every role; snapshots by several devices.", SMALL);
    let owner = sample.owner.clone();
    let cost = Cost::FLOOR;
    let mut told = |method: &str, value: String, role: Role| {
        sample.secrets.push(json!({"method": method, "value": value, "role": role.name()}));
    };
    for (passphrase, role) in [("for the reader", Role::Reader), ("for the writer", Role::Writer)] {
        owner.add_key(&NewKey::new(Secret::passphrase(passphrase), role).label(passphrase).cost(cost)).unwrap();
        told("passphrase", passphrase.to_owned(), role);
    }
    for role in [Role::Owner, Role::Maintainer] {
        let (_, code) = owner.add_recovery_code(role, "on paper").unwrap();
        told("recovery_code", code.reveal().as_str().to_owned(), role);
    }
    let account = [0x77; 32];
    owner.add_key(&NewKey::new(Secret::account_key(account), Role::Reader).label("account")).unwrap();
    told("account_key", hex(&account), Role::Reader);
    let device = |number: u8| {
        DeviceKey::from_seeds(SecretKey::from_bytes([number; 32]), SecretKey::from_bytes([number + 1; 32])).unwrap()
    };
    for (number, role) in [(0x61, Role::Writer), (0x63, Role::Reader), (0x65, Role::Owner)] {
        let key = device(number);
        owner.add_device(&key.request(&format!("{role} with a key")).unwrap(), role).unwrap();
        told("device", hex(&key.to_bytes()), role);
    }
    let open = |secret: Secret| Repository::open(sample.backend.clone(), &secret).unwrap();
    let writers = [
        open(Secret::passphrase("for the writer")),
        open(Secret::passphrase("for the reader")),
        open(Secret::device(device(0x61))),
        open(Secret::device(device(0x65))),
        owner,
    ];
    for (number, by) in writers.iter().enumerate() {
        let items = vec![directory(""), file("by whom", format!("backup number {number}"))];
        sample.back_up(by, items, &options().host(format!("host {number}")));
    }
    sample
}

fn epochs() -> Sample {
    let mut sample = Sample::new(
        "Keys of two epochs: holders of every role and method were handed those of the second; a snapshot under each.",
        SMALL,
    );
    let owner = sample.owner.clone();
    let mut told = |method: &str, value: String, role: Role| {
        sample.secrets.push(json!({"method": method, "value": value, "role": role.name()}));
    };
    let passphrase = |role: Role| format!("for the {role}");
    for role in [Role::Reader, Role::Writer, Role::Maintainer] {
        let new = NewKey::new(Secret::passphrase(passphrase(role)), role).label(passphrase(role)).cost(Cost::FLOOR);
        owner.add_key(&new).unwrap();
        told("passphrase", passphrase(role), role);
    }
    let (_, code) = owner.add_recovery_code(Role::Reader, "on paper").unwrap();
    told("recovery_code", code.reveal().as_str().to_owned(), Role::Reader);
    let account = [0x78; 32];
    owner.add_key(&NewKey::new(Secret::account_key(account), Role::Writer).label("account")).unwrap();
    told("account_key", hex(&account), Role::Writer);
    let device = DeviceKey::from_seeds(SecretKey::from_bytes([0x67; 32]), SecretKey::from_bytes([0x68; 32])).unwrap();
    owner.add_device(&device.request("reader with a key").unwrap(), Role::Reader).unwrap();
    told("device", hex(&device.to_bytes()), Role::Reader);
    let items = |number: u32| {
        let both = [directory(""), file("in both", noise("in both", 5000))];
        let own = file(format!("of epoch {number}"), noise(&format!("epoch {number}"), 3000));
        both.into_iter().chain([own]).collect::<Vec<_>>()
    };
    sample.back_up(&owner, items(1), &options());
    owner.rotate(&context()).unwrap();
    let writer = Repository::open(sample.backend.clone(), &Secret::passphrase(passphrase(Role::Writer))).unwrap();
    sample.back_up(&writer, items(2), &options());
    owner.tag(&sample.snapshots[0].0, &["kept"], &[]).unwrap();
    sample
}

fn large() -> Sample {
    let sizes = Sizes { chunk_min: 1024, chunk_avg: 1026, chunk_max: 1028, ..SMALL };
    let mut sample =
        Sample::new("Inner nodes of several levels, and files whose runs stand in lists, and lists of lists.", sizes);
    let owner = sample.owner.clone();
    let blocks: Vec<Vec<u8>> = (0..20).map(|number| noise(&format!("block {number}"), 1028)).collect();
    let mixed = |seed: &str, count: usize| -> Vec<u8> {
        noise(seed, count).iter().flat_map(|byte| blocks[usize::from(*byte) % blocks.len()].clone()).collect()
    };
    let mut items = vec![
        directory(""),
        file("blocks", blocks.concat()),
        file("runs in a list", mixed("short", 100)),
        file("runs in lists of lists", mixed("long", 3000)),
    ];
    // Long paths fill inner nodes, long names fill leaves.
    let mut folder = Vec::new();
    for depth in 0..3 {
        if depth > 0 {
            folder.push(b'/');
        }
        folder.extend_from_slice(format!("{:x<180}", format!("z{depth} ")).as_bytes());
        items.push(directory(&folder));
    }
    for number in 0..250 {
        let name = format!("/{:y<240}", format!("{number:03} "));
        items.push(file([folder.as_slice(), name.as_bytes()].concat(), format!("{number}")));
    }
    sample.back_up(&owner, items, &options());
    sample
}
