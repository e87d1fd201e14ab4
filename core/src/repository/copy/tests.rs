//! What an app cannot bring about by itself.

use super::*;
use crate::crypto::password::Cost;
use crate::format::entry::Timestamp;
use crate::store::clock;
use crate::store::marks::{self, NewMark};
use crate::store::snapshots::Snapshots;
use crate::{AppEntry, BackupOptions, CreateOptions, EntryPath, MemoryBackend, Secret, Source as Entries};

fn repository() -> Repository {
    let options = CreateOptions::new().cost(Cost::FLOOR);
    Repository::create(MemoryBackend::new(), &Secret::account_key([1; 32]), &options).unwrap()
}

fn entry(path: &str, content: &str) -> AppEntry {
    AppEntry::bytes(EntryPath::parse(path).unwrap(), content)
}

fn back_up(repo: &Repository, entries: Vec<AppEntry>) -> Snapshot {
    let source = Entries::entries(entries).known_as(["app"]);
    let report = repo.backup(source, &BackupOptions::new().tag("a"), &Context::new()).unwrap();
    repo.load(report.snapshot().unwrap()).unwrap()
}

fn hold(repo: &Repository, id: SnapshotId, until: i64) {
    let (backend, keys, devices) = (repo.store.backend(), repo.store.keys(), repo.devices_list().unwrap());
    let snapshots = Snapshots::open(backend, keys, &devices).unwrap();
    let tags = snapshots.load(&id).unwrap().tags;
    let new = NewMark { tags, description: None, hold_until: Some(until) };
    marks::write(backend, keys, &devices, snapshots.marks(), id, new, clock()).unwrap();
}

#[test]
fn a_hold_comes_over_and_later_ones_follow() {
    let (home, away) = (repository(), repository());
    let original = back_up(&home, vec![entry("a", "a")]);
    let copied = || {
        let report = home.copy_to(&[&away], &CopyOptions::new(), &Context::new()).unwrap();
        assert_eq!(report.outcome, Outcome::Complete);
        let mut all = away.snapshots(&SnapshotFilter::all()).unwrap().map(|one| one.unwrap());
        let copy = all.next().unwrap();
        assert!(all.next().is_none());
        assert_eq!(copy.tags, ["a"]);
        copy.hold_until
    };
    hold(&home, original.id, 2_000_000_000);
    assert_eq!(copied(), Some(Timestamp::new(2_000_000_000, 0)));
    hold(&home, original.id, 2_100_000_000);
    assert_eq!(copied(), Some(Timestamp::new(2_100_000_000, 0)));
    hold(&home, original.id, 1_900_000_000);
    assert_eq!(copied(), Some(Timestamp::new(2_100_000_000, 0)), "what was promised there is kept");
}

/// Verifies the tree of one snapshot as if it were a copy of another, with nothing skipped.
fn verdict(original: Vec<AppEntry>, other: Vec<AppEntry>) -> Result<()> {
    let (home, away) = (repository(), repository());
    let (original, copy) = (back_up(&home, original), back_up(&away, other));
    let ctx = Context::new();
    let (left, right) = (home.reader(&ctx).unwrap().0, away.reader(&ctx).unwrap().0);
    let empty = Default::default();
    let copies = [Copy { reader: &right, root: copy.root, skipped: &empty }];
    let original = Original { reader: &left, root: original.root };
    copy::verify(original, &copies, &ctx.meter(), &ctx).unwrap().remove(0)
}

#[test]
fn what_differs_from_the_original_is_named() {
    let both = || vec![entry("a", "a"), entry("b", &"b".repeat(5000)), entry("c/d", "d")];
    verdict(both(), both()).unwrap();
    let cases = [
        ("a", vec![entry("a", "b"), both().remove(1), both().remove(2)]),
        ("a", vec![entry("a", "a").mode(0o600), both().remove(1), both().remove(2)]),
        ("a", vec![both().remove(1), both().remove(2)]),
        ("b", vec![entry("a", "a"), entry("b", &"b".repeat(4999)), both().remove(2)]),
        ("b", vec![entry("a", "a"), AppEntry::directory(EntryPath::parse("b").unwrap()), both().remove(2)]),
        ("bb", vec![entry("a", "a"), both().remove(1), entry("bb", ""), both().remove(2)]),
        ("c/d", vec![entry("a", "a"), both().remove(1), AppEntry::directory(EntryPath::parse("c").unwrap())]),
        ("c/e", vec![entry("a", "a"), both().remove(1), both().remove(2), entry("c/e", "")]),
    ];
    for (path, other) in cases {
        let error = verdict(both(), other).unwrap_err();
        assert_eq!((error.kind(), error.object_name()), (ErrorKind::Corrupt, Some(path)), "{error}");
    }
}

#[test]
fn an_origin_of_the_wrong_length_is_no_origin() {
    let home = repository();
    let mut snapshot = back_up(&home, vec![entry("a", "a")]);
    snapshot.metadata.insert(crate::copy::COPY_OF.to_owned(), vec![1; 47]);
    assert_eq!(Origin::of(home.id(), &snapshot), Origin::made(home.id(), snapshot.id));
}
