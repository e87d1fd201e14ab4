//! Copies that build on earlier ones.

use super::common::edits::settle;
use super::common::fault::FaultBackend;
use super::common::vault::Vault;
use super::common::{assert_sound, back_up, create, noise, reopen, scratch};
use super::{assert_copied, copy_one, destination, snapshots};
use std::fs;
use strongroom::{AppEntry, EntryPath, Folder, Source};

#[test]
fn files_that_did_not_change_are_not_read() {
    let scratch = scratch();
    let source = scratch.path();
    for number in 0..40_u64 {
        fs::write(source.join(format!("{number}")), noise(number, 100_000)).unwrap();
    }
    settle(source);
    let vault = Vault::new();
    let repo = create(vault.clone());
    back_up(&repo, Source::paths([source]));
    let (away_vault, away) = destination();
    assert_eq!(copy_one(&repo, &away).1, 4_000_000);
    fs::write(source.join("7"), noise(100, 50_000)).unwrap();
    fs::rename(source.join("8"), source.join("a new name")).unwrap();
    fs::remove_file(source.join("9")).unwrap();
    settle(source);
    back_up(&repo, Source::paths([source]));

    let counting = FaultBackend::new(vault.clone(), |_| None);
    let (end, read) = copy_one(&reopen(counting.clone()), &reopen(away_vault.clone()));
    assert_eq!(read, 150_000, "the changed file, and the one of another name");
    assert_eq!((end.copied[0].unchanged, end.copied[0].new_bytes), (37, 50_000));
    assert!(counting.bytes_read(Folder::Packs) < 600_000, "{}", counting.bytes_read(Folder::Packs));
    assert_copied(&repo, &away);
    assert_sound(&away);
}

/// What entries say of a file is not believed: here it never changes, and the content does.
#[test]
fn a_file_that_looks_the_same_and_is_not_is_read() {
    let repo = create(Vault::new());
    let entry = |seed: u64| {
        let path = EntryPath::parse("file").unwrap();
        vec![
            AppEntry::bytes(path, noise(seed, 30_000)),
            AppEntry::bytes(EntryPath::parse("other").unwrap(), noise(9, 30_000)),
        ]
    };
    let (_, away) = destination();
    for seed in 0..3 {
        back_up(&repo, Source::entries(entry(seed)).known_as(["app"]));
        let (end, read) = copy_one(&repo, &away);
        let unchanged = u64::from(seed > 0);
        assert_eq!((end.copied[0].unchanged, read), (unchanged, 60_000 - 30_000 * unchanged));
        assert_copied(&repo, &away);
    }
}

/// The one before and the one behind are there; the one between builds on them.
#[test]
fn a_snapshot_between_two_that_were_copied_is_built_on_them() {
    let repo = create(Vault::new());
    let source = |seed: u64| {
        let path = |name| EntryPath::parse(name).unwrap();
        let entries =
            vec![AppEntry::bytes(path("a"), noise(7, 40_000)), AppEntry::bytes(path("b"), noise(seed, 40_000))];
        Source::entries(entries).known_as(["app"])
    };
    for seed in 0..3 {
        back_up(&repo, source(seed));
    }
    let all = snapshots(&repo);
    let (_, away) = destination();
    let ctx = strongroom::Context::new();
    let copy = |number: usize| {
        let options = strongroom::CopyOptions::new().snapshot(all[number].id);
        repo.copy_to(&[&away], &options, &ctx).unwrap().read_bytes
    };
    assert_eq!([copy(2), copy(0), copy(1)], [80_000, 40_000, 40_000]);
    assert_copied(&repo, &away);
    let copies = snapshots(&away);
    assert!(copies[2].parents.is_empty(), "its parent was not there yet");
    assert_eq!(copies[1].parents, [copies[0].id]);
}

/// Names of one file are read once.
#[test]
fn a_file_of_many_names_is_read_once() {
    let scratch = scratch();
    fs::write(scratch.path().join("0"), noise(1, 300_000)).unwrap();
    for number in 1..20 {
        fs::hard_link(scratch.path().join("0"), scratch.path().join(format!("{number}"))).unwrap();
    }
    let repo = create(Vault::new());
    back_up(&repo, Source::paths([scratch.path()]));
    let (_, away) = destination();
    let (end, read) = copy_one(&repo, &away);
    assert_eq!((read, end.new_bytes), (300_000, 300_000));
    assert_copied(&repo, &away);
    fs::write(scratch.path().join("99"), "new").unwrap();
    back_up(&repo, Source::paths([scratch.path()]));
    assert_eq!(copy_one(&repo, &away).1, 0);
    assert_copied(&repo, &away);
}
