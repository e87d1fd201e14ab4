//! Look-ups in a snapshot read what they need once, and are right whatever others do to the repository meanwhile.

mod common;

use common::fault::{Call, FaultBackend, Op};
use common::{back_up, create, noise, reopen};
use std::collections::BTreeMap;
use std::io::Read;
use strongroom::{
    AppEntry, Context, DeviceKey, EntryPath, ErrorKind, Folder, ForgetOptions, IterSource, LocalBackend, MemoryBackend,
    Pattern, PruneOptions, Repository, Role, SnapshotId,
};

const FILES: u64 = 600;

fn path(number: u64) -> EntryPath {
    EntryPath::parse(format!("{:02}/{number:04}", number / 50)).unwrap()
}

/// What a file holds in a snapshot; some of it stays in the tree, some does not.
fn content(version: u64, number: u64) -> Vec<u8> {
    let version = if number.is_multiple_of(3) { version } else { 0 };
    noise(version * 10_000 + number, usize::try_from(number * 7 % 3000).unwrap())
}

fn back_up_version(repo: &Repository, version: u64) -> SnapshotId {
    let entries = (0..FILES).flat_map(|number| {
        let folder = number.is_multiple_of(50).then(|| AppEntry::directory(path(number).parent().unwrap()));
        folder.into_iter().chain([AppEntry::bytes(path(number), content(version, number))])
    });
    back_up(repo, IterSource::new(entries.collect::<Vec<_>>()).sorted()).snapshot.unwrap()
}

/// One look-up of every kind, of different things for different numbers.
fn look(repo: &Repository, snapshot: &SnapshotId, version: u64, number: u64) {
    let number = number % FILES;
    let (path, content) = (path(number), content(version, number));
    let entry = repo.entry(snapshot, &path).unwrap();
    assert_eq!((&entry.path, entry.size), (&path, content.len() as u64));
    let mut read = Vec::new();
    repo.open_file(snapshot, path.to_path_buf()).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == content, "{path}");
    let listed = repo.list(snapshot, &path.parent().unwrap(), false).unwrap();
    assert_eq!(listed.map(|entry| entry.unwrap().path).filter(|found| *found == path).count(), 1);
    let missing = EntryPath::parse(format!("{path}x")).unwrap();
    assert_eq!(repo.entry(snapshot, &missing).unwrap_err().kind(), ErrorKind::NotFound);
}

fn counting(backend: MemoryBackend) -> FaultBackend {
    FaultBackend::new(backend, |_| None)
}

fn since(backend: &FaultBackend, before: usize) -> BTreeMap<(&'static str, String), usize> {
    let mut counted = BTreeMap::new();
    for Call { op, folder, .. } in backend.calls().into_iter().skip(before) {
        *counted.entry((folder.name(), format!("{op:?}"))).or_default() += 1;
    }
    counted
}

#[test]
fn what_was_read_once_is_not_read_again() {
    let storage = MemoryBackend::new();
    let snapshot = back_up_version(&create(storage.clone()), 1);
    let backend = counting(storage);
    let repo = reopen(backend.clone());
    // The whole tree, for once.
    assert_eq!(repo.find(&snapshot, &Pattern::glob("*").unwrap()).unwrap().count() as u64, FILES + FILES / 50);
    assert!(backend.count(Op::Read, Folder::Packs) > 0);
    let before = backend.calls().len();
    for number in 0..50 {
        let clone = repo.clone();
        clone.entry(&snapshot, &path(number * 11)).unwrap();
        assert!(clone.list(&snapshot, &path(number * 11).parent().unwrap(), true).unwrap().count() > 40);
    }
    // That the snapshot is still there, and who may sign: nothing else is asked, and nothing is read.
    let expected =
        [(("devices", "List".to_owned()), 100), (("snapshots", "Stat".to_owned()), 100)].into_iter().collect();
    assert_eq!(since(&backend, before), expected);
    // An operation with a budget of its own is given the memory back, and what it took is read again after it.
    repo.stats(&Context::new()).unwrap();
    let before = backend.calls().len();
    repo.entry(&snapshot, &path(3)).unwrap();
    repo.entry(&snapshot, &path(3)).unwrap();
    let counted = since(&backend, before);
    assert!(counted[&("packs", "Read".to_owned())] > 0, "{counted:?}");
    assert!(!counted.keys().any(|(folder, _)| *folder == "index"), "{counted:?}");
}

#[test]
fn a_change_of_the_device_list_makes_the_next_look_up_verify_again() {
    let storage = MemoryBackend::new();
    let owner = create(storage.clone());
    let snapshot = back_up_version(&owner, 1);
    let backend = counting(storage);
    let repo = reopen(backend.clone());
    look(&repo, &snapshot, 1, 7);
    let device = DeviceKey::generate().unwrap();
    owner.add_device(&device.request("a phone").unwrap(), Role::Reader).unwrap();
    for verified in [1, 0] {
        let before = backend.count(Op::Read, Folder::Snapshots);
        look(&repo, &snapshot, 1, 7);
        assert_eq!(backend.count(Op::Read, Folder::Snapshots) - before, verified);
    }
}

#[test]
fn what_was_forgotten_is_not_found() {
    let storage = MemoryBackend::new();
    let other = create(storage.clone());
    let (first, second) = (back_up_version(&other, 1), back_up_version(&other, 2));
    let repo = reopen(storage);
    look(&repo, &first, 1, 3);
    look(&repo, &second, 2, 3);
    other.forget(&ForgetOptions::snapshots([first]), &Context::new()).unwrap();
    assert_eq!(repo.entry(&first, &path(3)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(repo.open_file(&first, "00/0003").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(repo.list(&first, &EntryPath::root(), false).unwrap_err().kind(), ErrorKind::NotFound);
    look(&repo, &second, 2, 3);
}

#[test]
fn what_pruning_moved_is_found_in_its_new_place() {
    let storage = MemoryBackend::new();
    let other = create(storage.clone());
    let snapshots: Vec<_> = (1..=4).map(|version| (version, back_up_version(&other, version))).collect();
    let repo = reopen(storage.clone());
    let (version, kept) = snapshots[2];
    look(&repo, &kept, version, 33);
    other.forget(&ForgetOptions::snapshots([1, 0, 3].map(|at: usize| snapshots[at].1)), &Context::new()).unwrap();
    let report = other.prune(&PruneOptions::new().min_live_share(1.0), &Context::new()).unwrap();
    assert!(report.removed_packs > 0 && report.emptied_packs > 0, "{report:?}");
    // With what it holds, and with nothing but what it knows of the index.
    look(&repo, &kept, version, 333);
    for number in 0..FILES {
        repo.entry(&kept, &path(number)).unwrap();
    }
    repo.check(&strongroom::CheckOptions::new(), &Context::new()).unwrap();
    for number in (0..FILES).step_by(7) {
        look(&repo, &kept, version, number);
    }
}

#[test]
fn many_threads_look_up_while_others_prune() {
    let storage = MemoryBackend::new();
    let other = create(storage.clone());
    let kept = back_up_version(&other, 1);
    let repo = reopen(storage);
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let repo = repo.clone();
            scope.spawn(move || (0..150u64).for_each(|turn| look(&repo, &kept, 1, turn * 37 + thread * 151)));
        }
        for version in 2..7 {
            let gone = back_up_version(&other, version);
            other.forget(&ForgetOptions::snapshots([gone]), &Context::new()).unwrap();
            other.prune(&PruneOptions::new().min_live_share(1.0), &Context::new()).unwrap();
            // Takes the memory from under them.
            repo.stats(&Context::new()).unwrap();
        }
    });
}

#[test]
fn another_repository_in_its_place_is_noticed() {
    let folder = common::scratch();
    let place = folder.path().join("r");
    let repo = create(LocalBackend::new(&place).sync(false));
    let snapshot = back_up_version(&repo, 1);
    look(&repo, &snapshot, 1, 5);
    std::fs::rename(&place, folder.path().join("away")).unwrap();
    assert!(repo.entry(&snapshot, &path(5)).is_err());
    drop(create(LocalBackend::new(&place).sync(false)));
    assert_eq!(repo.entry(&snapshot, &path(5)).unwrap_err().kind(), ErrorKind::Untrusted);
}
