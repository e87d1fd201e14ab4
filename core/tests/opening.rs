//! Opening a repository that was used before costs next to nothing beside the derivation of its keys.

mod common;

use common::fault::{FaultBackend, Op};
use common::{back_up, create_with, scratch, secret};
use std::time::{Duration, Instant};
use strongroom::bench_support::{BLOBS_OF_AN_INDEX_OBJECT, generated_blob, has_blob, refresh_index, write_index};
use strongroom::{AppEntry, Context, CreateOptions, EntryPath, Folder, LocalBackend, OpenOptions, Repository, Source};

/// What it may take; this is a build for tests, on a machine that does other things.
const TIME: Duration = Duration::from_millis(50);
/// Tried so often, of which the quickest counts.
const TRIES: u32 = 7;

#[test]
fn a_repository_whose_state_is_at_hand_opens_at_once() {
    let folder = scratch();
    let backend = || LocalBackend::new(folder.path().join("repository")).sync(false);
    let repo = create_with(backend(), &CreateOptions::new());
    let objects = 300;
    (0..objects).for_each(|number| write_index(&repo, number).unwrap());
    back_up(&repo, Source::entries([AppEntry::bytes(EntryPath::parse("a").unwrap(), "content")]));
    drop(repo);
    let options = OpenOptions::new().state_folder(folder.path().join("state"));
    let open = |backend: FaultBackend| {
        let began = Instant::now();
        let repo = Repository::open_with(backend, &secret(), &options).unwrap();
        assert_eq!(refresh_index(&repo, &Context::new()).unwrap(), 0);
        (repo, began.elapsed())
    };
    let counting = || FaultBackend::new(backend(), |_| None);
    // Once for the tables.
    let cold = counting();
    open(cold.clone());
    assert!(cold.count(Op::Read, Folder::Index) as u64 > objects);
    let quickest = (0..TRIES)
        .map(|_| {
            let warm = counting();
            let (repo, time) = open(warm.clone());
            assert_eq!(warm.count(Op::Read, Folder::Index), 0, "what is in the tables is read again");
            assert!(warm.calls().len() < 12, "{:?}", warm.calls());
            assert!(has_blob(&repo, &generated_blob(objects * BLOBS_OF_AN_INDEX_OBJECT - 1)).unwrap());
            time
        })
        .min();
    assert!(quickest.unwrap() < TIME, "{quickest:?} to open a repository of {objects} index objects");
}
