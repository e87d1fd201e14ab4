//! The repositories of docs/vectors through the public interface: sound ones are read back as they were written, and
//! faulty ones are refused as what they are.

use serde_json::Value;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use strongroom::{
    Backend, CheckOptions, Context, DeviceKey, Entry, EntryKind, EntryPath, Error, ErrorKind, Folder, LocalBackend,
    MemoryBackend, ObjectName, Outcome, Repository, RestoreOptions, Role, Secret, Snapshot, SnapshotFilter,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors")
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn unhex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn escaped(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b' '..=b'~' if *byte != b'\\' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(one).collect()
}

fn secret(told: &Value) -> Secret {
    let value = &told["value"];
    match told["method"].as_str().unwrap() {
        "passphrase" => Secret::passphrase(value.as_str().unwrap()),
        "recovery_code" => Secret::recovery_code(value.as_str().unwrap()).unwrap(),
        "device" => Secret::device(DeviceKey::from_bytes(&unhex(value)).unwrap()),
        "account_key" => Secret::account_key(unhex(value).try_into().unwrap()),
        other => panic!("there is no secret of the kind {other}"),
    }
}

/// The objects of a repository of the vectors, in memory.
fn load(name: &str) -> Vec<(ObjectName, Vec<u8>)> {
    let from = LocalBackend::new(folder().join("repositories").join(name).join("repository"));
    let mut objects = vec![(ObjectName::config(), from.stat(&ObjectName::config()).unwrap().length)];
    for folder in Folder::ALL.into_iter().filter(|folder| *folder != Folder::Root) {
        from.list(folder, &mut |info| {
            objects.push((info.name, info.length));
            Ok(())
        })
        .unwrap();
    }
    objects
        .into_iter()
        .map(|(name, length)| {
            let bytes = from.read(&name, 0..length).unwrap();
            (name, bytes)
        })
        .collect()
}

fn backend(objects: &[(ObjectName, Vec<u8>)]) -> MemoryBackend {
    let backend = MemoryBackend::new();
    objects.iter().for_each(|(name, bytes)| backend.put(name, &[bytes]).unwrap());
    backend
}

fn snapshots(repository: &Repository) -> Vec<Snapshot> {
    repository.snapshots(&SnapshotFilter::all()).unwrap().map(Result::unwrap).collect()
}

/// Compares everything that the expectation has with what is there.
fn compare(entry: &Entry, expected: &Value, place: &str) {
    let metadata = &entry.metadata;
    let number = |name: &str| expected[name].as_u64();
    assert_eq!(entry.kind.name(), expected["kind"], "{place}");
    assert_eq!(Some(u64::from(metadata.mode)), number("mode"), "{place}");
    assert_eq!(Some(u64::from(metadata.owner.uid)), number("uid"), "{place}");
    assert_eq!(Some(u64::from(metadata.owner.gid)), number("gid"), "{place}");
    assert_eq!(metadata.owner.user, expected["user"].as_str().unwrap(), "{place}");
    assert_eq!(metadata.owner.group, expected["group"].as_str().unwrap(), "{place}");
    let time = |value: &Value| {
        let parts = value.as_array()?;
        Some(strongroom::Timestamp::new(parts[0].as_i64()?, u32::try_from(parts[1].as_u64()?).ok()?))
    };
    assert_eq!(Some(metadata.modified), time(&expected["modified"]), "{place}");
    assert_eq!(metadata.changed, time(&expected["changed"]), "{place}");
    assert_eq!(metadata.inode, number("inode"), "{place}");
    let pair = |value: &Value| Some((value.get(0)?.as_u64()?, value.get(1)?.as_u64()?));
    assert_eq!(metadata.hard_link.map(|link| (link.device, link.inode)), pair(&expected["hard_link"]), "{place}");
    let xattrs: Vec<Value> =
        metadata.xattrs.iter().map(|xattr| Value::from(vec![escaped(&xattr.name), escaped(&xattr.value)])).collect();
    assert_eq!(xattrs, expected["xattrs"].as_array().cloned().unwrap_or_default(), "{place}");
    let holes: Vec<(u64, u64)> = entry.holes.iter().map(|hole| (hole.offset, hole.length)).collect();
    let expected_holes: Vec<_> = expected["holes"].as_array().into_iter().flatten().filter_map(pair).collect();
    assert_eq!(holes, expected_holes, "{place}");
    match &entry.kind {
        EntryKind::File => assert_eq!(Some(entry.size), number("size"), "{place}"),
        EntryKind::Symlink { target } => assert_eq!(escaped(target), expected["target"].as_str().unwrap(), "{place}"),
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            assert_eq!(Some((u64::from(*major), u64::from(*minor))), pair(&expected["device"]), "{place}");
        }
        _ => {}
    }
}

/// The bytes between the holes of a file.
fn data(repository: &Repository, snapshot: &Snapshot, entry: &Entry) -> Result<Vec<u8>, ErrorKind> {
    let io = |error: std::io::Error| {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        inner.unwrap_or_else(|| panic!("{error}")).kind()
    };
    let mut file = repository.open_file(&snapshot.id, entry.path.to_path_buf()).map_err(|error| error.kind())?;
    let (mut start, mut data) = (0, Vec::new());
    for (offset, length) in entry.holes.iter().map(|hole| (hole.offset, hole.length)).chain([(entry.size, 0)]) {
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        file.by_ref().take(offset - start).read_to_end(&mut data).map_err(io)?;
        start = offset + length;
    }
    Ok(data)
}

#[test]
fn sound_repositories_hold_what_they_should() {
    for name in ["minimal", "all-kinds", "incremental", "keys", "large", "epochs"] {
        let expected = read(&folder().join("repositories").join(name).join("expected.json"));
        let backend = backend(&load(name));
        let repository = Repository::open(backend, &secret(&expected["secrets"][0])).unwrap();
        assert_eq!(repository.id().to_string(), expected["repository"]);
        assert_eq!(Some(repository.created().seconds), expected["created"].as_i64());
        let slots = expected["slots"].as_array().unwrap();
        assert_eq!(repository.keys().unwrap().len(), slots.len());
        for slot in repository.keys().unwrap() {
            let told = slots.iter().find(|told| told["id"] == slot.id.to_string()).unwrap();
            assert_eq!((slot.role.name(), slot.method.name()), (text(&told["role"]), text(&told["method"])));
            assert_eq!(slot.label, text(&told["label"]));
            assert_eq!(Some(u64::from(slot.epoch)), told["epoch"].as_u64());
        }
        assert_eq!(Some(u64::from(repository.epoch().unwrap())), expected["epoch"].as_u64());
        let devices = repository.devices().unwrap();
        let told = expected["devices"].as_array().unwrap();
        assert_eq!(devices.len(), told.len());
        for (device, told) in devices.iter().zip(told) {
            assert_eq!((device.id.to_string().as_str(), device.role.name()), (text(&told["id"]), text(&told["role"])));
        }
        let found = snapshots(&repository);
        let told = expected["snapshots"].as_array().unwrap();
        assert_eq!(found.len(), told.len());
        for (snapshot, told) in found.iter().zip(told) {
            check_snapshot(&repository, snapshot, told);
        }
        let options = CheckOptions::new().read_data(100.0).verify_content(true);
        let report = repository.check(&options, &Context::new()).unwrap();
        assert!(report.is_sound(), "{name}: {:?}", report.problems);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn check_snapshot(repository: &Repository, snapshot: &Snapshot, told: &Value) {
    assert_eq!(snapshot.id.to_string(), told["id"]);
    assert_eq!(snapshot.root.to_string(), told["root"]);
    assert_eq!(snapshot.lineage.to_string(), told["lineage"]);
    assert_eq!(snapshot.device.to_string(), told["device"]);
    assert_eq!(snapshot.outcome.name(), told["outcome"]);
    assert_eq!(snapshot.host.as_deref(), told["host"].as_str());
    assert_eq!(snapshot.description.as_deref(), told["description"].as_str());
    assert_eq!(Value::from(snapshot.tags.clone()), told["tags"]);
    assert_eq!(Some(snapshot.counts.entries), told["counts"]["entries"].as_u64());
    let parents: Vec<String> = snapshot.parents.iter().map(ToString::to_string).collect();
    assert_eq!(Value::from(parents), told["parents"]);
    let entries = told["entries"].as_array().unwrap();
    let root = repository.entry(&snapshot.id, &EntryPath::root()).unwrap();
    let below = repository.list(&snapshot.id, &EntryPath::root(), true).unwrap().map(Result::unwrap);
    let found: Vec<Entry> = [root].into_iter().chain(below).collect();
    assert_eq!(found.len(), entries.len());
    for (entry, expected) in found.iter().zip(entries) {
        let place = escaped(&entry.path.to_os_bytes());
        assert_eq!(place, text(&expected["path"]));
        compare(entry, expected, &place);
        if entry.kind == EntryKind::File {
            let data = data(repository, snapshot, entry).unwrap();
            assert_eq!(Some(data.len() as u64), expected["data_length"].as_u64(), "{place}");
            assert_eq!(blake3::hash(&data).to_string(), text(&expected["data_blake3"]), "{place}");
            assert!(expected["data"].is_null() || escaped(&data) == text(&expected["data"]), "{place}");
        }
    }
}

#[test]
fn every_secret_opens_what_it_should() {
    for name in ["keys", "epochs"] {
        let expected = read(&folder().join("repositories").join(name).join("expected.json"));
        let objects = load(name);
        for told in expected["secrets"].as_array().unwrap() {
            let repository = Repository::open(backend(&objects), &secret(told)).unwrap();
            assert_eq!(repository.role().name(), told["role"]);
            let (found, known) = (snapshots(&repository), expected["snapshots"].as_array().unwrap());
            assert_eq!(found.len(), known.len());
            let reads = matches!(repository.role(), Role::Reader | Role::Owner);
            assert!(found.iter().all(|snapshot| snapshot.body_readable == reads));
            for snapshot in found {
                let told = known.iter().find(|told| told["id"] == snapshot.id.to_string()).unwrap();
                let listed = repository.list(&snapshot.id, &EntryPath::root(), true);
                match listed.and_then(Iterator::collect::<Result<Vec<_>, _>>) {
                    // The root itself is not listed.
                    Ok(entries) => assert!(reads && entries.len() + 1 == told["entries"].as_array().unwrap().len()),
                    Err(error) => assert!(!reads && error.kind() == ErrorKind::Forbidden, "{error}"),
                }
            }
        }
    }
}

/// The changed repository that a fault is about.
fn changed(fault: &Value) -> MemoryBackend {
    let mut objects = load(text(&fault["base"]));
    let deleted = fault["delete"].as_array().unwrap();
    objects.retain(|(name, _)| !deleted.contains(&name.to_string().into()));
    let put = fault["put"].as_object().unwrap();
    objects.retain(|(name, _)| !put.contains_key(&name.to_string()));
    objects.extend(put.iter().map(|(name, bytes)| (name.parse().unwrap(), unhex(bytes))));
    if let Some(fill) = fault.get("fill") {
        for number in 0..fill["count"].as_u64().unwrap() {
            let name = format!("{}/ffffffff-{number:016x}", text(&fill["folder"]));
            objects.push((name.parse().unwrap(), Vec::new()));
        }
    }
    backend(&objects)
}

/// The first error while everything is read.
fn read_everything(repository: &Repository) -> Option<ErrorKind> {
    for snapshot in snapshots(repository) {
        let listing = match repository.list(&snapshot.id, &EntryPath::root(), true) {
            Ok(listing) => listing,
            Err(error) => return Some(error.kind()),
        };
        for entry in listing {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(error.kind()),
            };
            if entry.kind == EntryKind::File
                && let Err(kind) = data(repository, &snapshot, &entry)
            {
                return Some(kind);
            }
        }
    }
    None
}

#[test]
fn faulty_repositories_are_refused_as_what_they_are() {
    let faults = read(&folder().join("faults.json"));
    let faults = faults.as_array().unwrap();
    assert!(faults.len() > 40);
    for fault in faults {
        let name = text(&fault["name"]);
        let opened = Repository::open(changed(fault), &secret(&fault["secret"]));
        let object = fault["object"].as_str();
        let names_it = |error: &Error| object.is_none_or(|object| error.object_name() == Some(object));
        let repository = match (text(&fault["operation"]), opened) {
            ("open", opened) => {
                let error = opened.unwrap_err();
                assert_eq!(error.kind().name(), text(&fault["error"]), "{name}: {error}");
                assert!(names_it(&error), "{name}: {error}");
                continue;
            }
            (_, opened) => opened.unwrap_or_else(|error| panic!("{name}: {error}")),
        };
        let expected = fault["error"].as_str();
        match text(&fault["operation"]) {
            "snapshots" => {
                let listed: Vec<Result<Snapshot, Error>> = match repository.snapshots(&SnapshotFilter::all()) {
                    Ok(listed) => listed.collect(),
                    Err(error) => vec![Err(error)],
                };
                let errors: Vec<&Error> = listed.iter().filter_map(|listed| listed.as_ref().err()).collect();
                match expected {
                    None => assert!(errors.is_empty(), "{name}: {errors:?}"),
                    Some(kind) => assert!(
                        errors.iter().any(|error| error.kind().name() == kind && names_it(error)),
                        "{name}: {errors:?}"
                    ),
                }
            }
            "read" => assert_eq!(read_everything(&repository).map(ErrorKind::name), expected, "{name}"),
            "check" => {
                let options = CheckOptions::new().read_data(100.0).verify_content(true);
                let report = repository.check(&options, &Context::new()).unwrap();
                let object = object.unwrap();
                assert!(report.problems.iter().any(|problem| problem.object.contains(object)), "{name}: {report:?}");
            }
            "extract" => {
                let target = tempfile::tempdir().unwrap();
                let inside = target.path().join("inside");
                let newest = snapshots(&repository).pop().unwrap();
                let report = repository.restore(&newest.id, &RestoreOptions::to(&inside), &Context::new());
                let report = report.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(report.outcome, Outcome::Partial, "{name}");
                let there: Vec<_> =
                    std::fs::read_dir(target.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
                assert_eq!(there, [inside], "{name}");
            }
            other => panic!("there is no operation {other}"),
        }
    }
}

#[test]
fn a_sound_repository_is_restored() {
    let target = tempfile::tempdir().unwrap();
    let repository = Repository::open(backend(&load("minimal")), &Secret::passphrase("open sesame")).unwrap();
    let snapshot = snapshots(&repository).pop().unwrap();
    let report = repository.restore(&snapshot.id, &RestoreOptions::to(target.path()), &Context::new()).unwrap();
    assert!(matches!(report.outcome, Outcome::Complete | Outcome::Partial), "not everybody may set owners");
    assert_eq!(std::fs::read(target.path().join("hello.txt")).unwrap(), b"Hello, world!\n");
}
