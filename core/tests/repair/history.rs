//! A repository with a history, a model of what is in it, and a judge of what is left of it.

use super::common::forest::Sizes;
use super::common::vault::Vault;
use super::common::{create_with, noise, scratch, secret};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::sync::OnceLock;
use strongroom::{
    AppEntry, BackupOptions, CancelToken, CheckOptions, CheckReport, Content, Context, EntryKind, EntryPath, Folder,
    IterSource, NewKey, Outcome, RepairOptions, RepairReport, Repository, RestoreOptions, Role, SalvagedSnapshot,
    Secret, SnapshotFilter, SnapshotId,
};

/// Files by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) struct History {
    pub(crate) vault: Vault,
    /// In the order in which they were made.
    pub(crate) snapshots: Vec<(SnapshotId, Files)>,
}

pub(crate) fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

fn rows(files: &Files) -> Vec<AppEntry> {
    files.iter().map(|(name, bytes)| AppEntry::bytes(path(name), bytes.clone())).collect()
}

pub(crate) fn back_up(repo: &Repository, files: &Files) -> SnapshotId {
    let report =
        repo.backup(IterSource::new(rows(files)), &BackupOptions::new().host("host"), &Context::new()).unwrap();
    assert_eq!(report.outcome, Outcome::Complete);
    *report.snapshot().unwrap()
}

impl History {
    /// Three snapshots that share much; one with a tag; another key; a checkpoint.
    pub(crate) fn new() -> &'static History {
        static MADE: OnceLock<History> = OnceLock::new();
        MADE.get_or_init(History::make)
    }

    fn make() -> History {
        let vault = Vault::new();
        let repo = create_with(vault.clone(), &Sizes::TINY.options());
        repo.add_key(&NewKey::new(Secret::account_key([8; 32]), Role::Reader).label("another")).unwrap();
        let mut files = Files::new();
        for number in 0..30u64 {
            let length = usize::try_from(number * number * 200).unwrap();
            files.insert(format!("data/{}/{number:02}", number % 4), noise(number, length));
        }
        for number in 0..1200u64 {
            let name = format!("many/{}/a file with a name of some length, number {number:06}", number % 3);
            files.insert(name, noise(1000 + number, 50));
        }
        files.insert("video".to_owned(), noise(99, 900_000));
        let mut snapshots = vec![(back_up(&repo, &files), files.clone())];
        files.insert("data/1/05".to_owned(), noise(500, 70_000));
        files.insert("new/one".to_owned(), noise(501, 200_000));
        files.remove("data/2/06");
        let changed = files.keys().filter(|name| name.starts_with("many/1")).nth(7).unwrap().clone();
        files.insert(changed, b"changed".to_vec());
        snapshots.push((back_up(&repo, &files), files.clone()));
        files.retain(|name, _| !name.starts_with("many/2"));
        files.insert("video".to_owned(), [noise(99, 500_000), noise(98, 100_000)].concat());
        snapshots.push((back_up(&repo, &files), files.clone()));
        repo.tag(&snapshots[0].0, &["kept"], &[]).unwrap();
        let token = CancelToken::new();
        let suspend = token.clone();
        let rows = (0..).map(move |number: u64| {
            if number == 3 {
                suspend.suspend();
            }
            AppEntry::bytes(path(&format!("{number}")), noise(number + 5000, 500))
        });
        let ctx = Context::new().cancel_token(token);
        let suspended = repo.backup(IterSource::new(rows), &BackupOptions::new(), &ctx).unwrap();
        assert_eq!(suspended.outcome, Outcome::Suspended);
        assert!(vault.names(Folder::Packs).len() >= 5);
        History { vault, snapshots }
    }

    pub(crate) fn files(&self, id: &SnapshotId) -> &Files {
        &self.snapshots.iter().find(|(other, _)| other == id).unwrap().1
    }
}

pub(crate) fn open(vault: &Vault) -> Repository {
    Repository::open(vault.clone(), &secret()).unwrap()
}

pub(crate) fn check(vault: &Vault) -> CheckReport {
    open(vault).check(&CheckOptions::new().read_data(100.0).verify_content(true), &Context::new()).unwrap()
}

pub(crate) fn repair(vault: &Vault) -> RepairReport {
    open(vault).repair(&RepairOptions::new(), &Context::new()).unwrap()
}

pub(crate) fn kinds(report: &CheckReport) -> BTreeSet<&'static str> {
    report.problems.iter().map(|problem| problem.kind.name()).collect()
}

/// The files of a snapshot that can be read whole. What can be read is never wrong.
pub(crate) fn readable(repo: &Repository, id: &SnapshotId, expected: &Files, what: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let Ok(entries) = repo.list(id, &EntryPath::root(), true) else { return found };
    for entry in entries.filter_map(Result::ok).filter(|entry| entry.kind == EntryKind::File) {
        let name = entry.path.to_string();
        let expected = expected.get(&name).unwrap_or_else(|| panic!("{what}: {name} was never there"));
        assert_eq!(entry.size, expected.len() as u64, "{what}: {name}");
        let mut bytes = Vec::new();
        let read = match &entry.content {
            Content::Inline(inline) => {
                bytes.clone_from(inline);
                true
            }
            _ => {
                let read = repo.open_file(id, entry.path.to_path_buf()).map(|mut file| file.read_to_end(&mut bytes));
                matches!(read, Ok(Ok(_)))
            }
        };
        if read {
            assert!(bytes == *expected, "{what}: {name} is not what it was");
            assert!(found.insert(name));
        }
    }
    found
}

/// Everything that must hold after a repair; returns the names of what is lost, by snapshot.
pub(crate) fn judge(
    history: &History,
    vault: &Vault,
    report: &RepairReport,
    what: &str,
) -> BTreeMap<SnapshotId, BTreeSet<String>> {
    let repo = open(vault);
    let there: BTreeSet<SnapshotId> =
        repo.snapshots(&SnapshotFilter::all()).unwrap().filter_map(Result::ok).map(|snapshot| snapshot.id).collect();
    let mut all_lost = BTreeMap::new();
    for (id, files) in &history.snapshots {
        if !there.contains(id) {
            continue;
        }
        let whole = readable(&repo, id, files, what);
        let salvaged: Option<&SalvagedSnapshot> = report.salvaged.iter().find(|salvaged| salvaged.damaged == *id);
        let is_lost = |name: &String| salvaged.is_some_and(|one| one.lost.iter().any(|loss| loss.covers(&path(name))));
        let lost: BTreeSet<String> = files.keys().filter(|name| is_lost(name)).cloned().collect();
        let unreadable: BTreeSet<String> = files.keys().filter(|name| !whole.contains(*name)).cloned().collect();
        let differing: Vec<&String> = lost.symmetric_difference(&unreadable).take(5).collect();
        assert!(
            differing.is_empty(),
            "{what}: {} listed as lost, {} lost: {differing:?} {:?}",
            lost.len(),
            unreadable.len(),
            salvaged.map(|one| &one.lost)
        );
        if let Some(one) = salvaged {
            assert_eq!(one.lost.len() as u64, one.lost_count);
            // Of the damaged snapshot itself everything that is whole is restored, too.
            if all_lost.is_empty() && !whole.is_empty() {
                let target = scratch();
                let restored = repo.restore(id, &RestoreOptions::to(target.path()), &Context::new()).unwrap();
                let there = |name: &String| fs::read(target.path().join(name)).is_ok_and(|bytes| bytes == files[name]);
                assert!(whole.iter().all(there), "{what}: {:?}", restored.problems);
                assert_eq!(restored.outcome, Outcome::Partial);
            }
            match &one.salvaged {
                Some(new) => {
                    assert_eq!(readable(&repo, new, files, what), whole, "{what}: the salvaged snapshot");
                    assert_eq!(one.files, whole.len() as u64, "{what}");
                    let snapshot = repo.snapshot(&new.to_string(), &SnapshotFilter::all()).unwrap();
                    assert!(snapshot.tags.iter().any(|tag| tag == "salvaged") && snapshot.parents == [*id]);
                    assert!(snapshot.description.as_ref().unwrap().contains(&id.to_string()), "{what}");
                    assert_eq!((snapshot.counts.files, snapshot.host.as_deref()), (one.files, Some("host")));
                }
                None => assert!(whole.is_empty(), "{what}: {} files are whole", whole.len()),
            }
        }
        all_lost.insert(*id, lost);
    }
    let any = all_lost.values().any(|lost| !lost.is_empty());
    assert_eq!(report.lost_count() > 0, any, "{what}: {report:?}");
    // A second time there is nothing to do.
    let before = vault.all();
    let again = repair(vault);
    assert!(!again.has_changed(), "{what}: {again:?}");
    assert_eq!(vault.all(), before, "{what}: a second repair writes");
    assert_eq!(again.outcome, report.outcome, "{what}");
    assert_eq!(again.lost_count(), report.lost_count());
    all_lost
}
