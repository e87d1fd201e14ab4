//! Copies in other repositories: the same to the byte and to the last attribute, read once, and never half of one.

#[path = "../common/mod.rs"]
mod common;

mod broken_off;
mod faults;
mod increments;
mod property;
mod several;
mod suspended;
mod whole;

use common::forest::Sizes;
use common::vault::Vault;
use common::walk::{assert_same, walk};
use common::{create_with, restore, scratch};
use strongroom::{
    Content, Context, CopyDestination, CopyOptions, CopyReport, Entry, EntryPath, Outcome, Repository, Snapshot,
    SnapshotFilter, SnapshotId,
};

/// Other chunks, segments and inline limits than those of the source, which has tiny ones.
const OTHER: Sizes = Sizes { chunk: (2048, 8192, 16384), segment: 128 << 10, pack: 1 << 20, inline: 1024 };

fn destination() -> (Vault, Repository) {
    let vault = Vault::new();
    let repo = create_with(vault.clone(), &OTHER.options());
    (vault, repo)
}

fn copy(source: &Repository, destinations: &[&Repository]) -> CopyReport {
    source.copy_to(destinations, &CopyOptions::new(), &Context::new()).unwrap()
}

/// A copy to one destination that has to be complete.
#[track_caller]
fn copy_one(source: &Repository, destination: &Repository) -> (CopyDestination, u64) {
    let mut report = copy(source, &[destination]);
    assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
    assert!(report.rejected.is_empty());
    let end = report.destinations.remove(0);
    assert!(end.error.is_none() && end.outcome == Outcome::Complete);
    assert_eq!((end.repository, report.destinations.len()), (destination.id(), 0));
    (end, report.read_bytes)
}

/// All snapshots, oldest first.
fn snapshots(repo: &Repository) -> Vec<Snapshot> {
    repo.snapshots(&SnapshotFilter::all()).unwrap().map(|one| one.unwrap()).collect()
}

/// Everything a snapshot says of its paths, but for where their content is.
fn entries(repo: &Repository, snapshot: &SnapshotId) -> Vec<Entry> {
    let listing = repo.list(snapshot, &EntryPath::root(), true).unwrap();
    let mut entries: Vec<Entry> = listing.map(|entry| entry.unwrap()).collect();
    entries.iter_mut().for_each(|entry| entry.content = Content::Empty);
    entries
}

fn is_copy(copy: &Snapshot, source: &Repository, original: &Snapshot) -> bool {
    // A copy of a copy tells of the first.
    let own = [source.id().as_bytes().as_slice(), original.id.as_bytes()].concat();
    let origin = original.metadata.get("strongroom.copy-of").unwrap_or(&own);
    copy.metadata.get("strongroom.copy-of") == Some(origin)
}

/// Every snapshot of the source stands in the destination, says the same, and restores to the same.
#[track_caller]
fn assert_copied(source: &Repository, destination: &Repository) {
    let (originals, copies) = (snapshots(source), snapshots(destination));
    assert_eq!(originals.len(), copies.len());
    for original in &originals {
        let copy = copies.iter().find(|copy| is_copy(copy, source, original)).unwrap();
        assert_eq!(original.time, copy.time);
        assert_eq!(entries(source, &original.id), entries(destination, &copy.id));
        let folder = scratch();
        let [left, right] = ["left", "right"].map(|name| folder.path().join(name));
        restore(source, &original.id, &left);
        restore(destination, &copy.id, &right);
        assert_same(&walk(&left), &walk(&right));
    }
}
