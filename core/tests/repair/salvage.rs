//! What a salvaged snapshot is like, and who can make one.

use super::common::{noise, scratch};
use super::history::{History, back_up, check, judge, kinds, open, readable, repair};
use std::collections::BTreeMap;
use strongroom::{
    BackupOptions, Context, EntryPath, Folder, Loss, NewKey, ObjectName, Outcome, RepairOptions, Repository,
    RestoreOptions, Role, Secret, SnapshotFilter, SnapshotOutcome, Source,
};

/// Packs with how many files of the newest snapshot are lost when they are gone.
fn cost(history: &History) -> BTreeMap<ObjectName, u64> {
    let packs = history.vault.names(Folder::Packs);
    let lost = packs.into_iter().map(|pack| {
        let vault = history.vault.fork();
        vault.remove(&pack);
        let look = open(&vault).repair(&RepairOptions::new().dry_run(true), &Context::new()).unwrap();
        (pack, look.lost_count())
    });
    lost.collect()
}

#[test]
fn the_lost_bytes_of_a_file_are_told_exactly() {
    let history = History::new();
    let (id, files) = &history.snapshots[0];
    let mut seen = 0;
    for pack in history.vault.names(Folder::Packs) {
        let vault = history.vault.fork();
        let mut bytes = vault.bytes(&pack);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        vault.replace(&pack, bytes);
        let report = repair(&vault);
        let repo = open(&vault);
        for one in report.salvaged.iter().filter(|one| one.damaged == *id) {
            for loss in &one.lost {
                let Loss::File { path, size, ranges, bytes } = loss else { continue };
                let expected = &files[&path.to_string()];
                assert_eq!((*size, *bytes), (expected.len() as u64, ranges.iter().map(|r| r.end - r.start).sum()));
                // What is not in a range can still be read.
                let mut at = 0;
                let end = *size..*size;
                for range in ranges.iter().chain([&end]) {
                    use std::io::{Read, Seek, SeekFrom};
                    let mut file = repo.open_file(id, path.to_path_buf()).unwrap();
                    file.seek(SeekFrom::Start(at)).unwrap();
                    let mut read = vec![0; usize::try_from(range.start - at).unwrap()];
                    file.read_exact(&mut read).unwrap();
                    assert!(read == expected[usize::try_from(at).unwrap()..usize::try_from(range.start).unwrap()]);
                    if range.start < range.end {
                        let mut lost = [0];
                        assert!(file.read_exact(&mut lost).is_err(), "byte {} of {path} is there", range.start);
                        seen += 1;
                    }
                    at = range.end;
                }
                assert!(loss.to_string().starts_with(&format!("{path}: ")), "{loss}");
            }
        }
    }
    assert!(seen > 3, "{seen}");
}

#[test]
fn a_snapshot_without_a_root_is_lost_and_nothing_is_made_of_it() {
    let history = History::new();
    let vault = history.vault.fork();
    vault.names(Folder::Packs).iter().for_each(|pack| vault.remove(pack));
    let report = repair(&vault);
    assert_eq!((report.outcome, report.salvaged.len()), (Outcome::Partial, 3));
    for one in &report.salvaged {
        assert!(one.salvaged.is_none() && one.entries == 0 && one.lost.len() == 1);
        let Loss::Entries { from, before, files, .. } = &one.lost[0] else { panic!("{:?}", one.lost) };
        assert!(from.is_root() && before.is_none());
        assert_eq!(*files, history.files(&one.damaged).len() as u64);
    }
    assert_eq!(
        report.damaged.iter().filter(|pack| pack.missing && pack.segments_lost > 0).count(),
        report.damaged.len()
    );
    judge(history, &vault, &report, "everything is gone");
}

#[test]
fn a_salvaged_snapshot_takes_the_place_of_the_damaged_one_for_later_backups() {
    let history = History::new();
    let newest = &history.snapshots[2];
    let costs = cost(history);
    // One that takes away a part of the newest snapshot, and not its root.
    let (vault, one) = costs
        .iter()
        .filter(|(_, lost)| (1..200).contains(*lost))
        .find_map(|(pack, _)| {
            let vault = history.vault.fork();
            vault.remove(pack);
            let salvaged = repair(&vault).salvaged.into_iter();
            let mut salvaged = salvaged.filter(|one| one.damaged == newest.0 && one.salvaged.is_some());
            salvaged.next().map(|one| (vault, one))
        })
        .unwrap();
    let repo = open(&vault);
    let snapshot = repo.snapshot("latest", &SnapshotFilter::all()).unwrap();
    assert_eq!(Some(snapshot.id), one.salvaged);
    assert_eq!(snapshot.outcome, SnapshotOutcome::Partial);
    // What is lost is stored again when it is backed up again, and the new snapshot is whole.
    let id = back_up(&repo, &newest.1);
    assert_eq!(readable(&repo, &id, &newest.1, "again").len(), newest.1.len());
    let lost = kinds(&check(&vault));
    assert!(lost.iter().all(|kind| ["missing_from_index", "damaged_file"].contains(kind)), "{lost:?}");
}

#[test]
fn a_folder_whose_entry_is_lost_is_made_for_what_is_in_it() {
    let vault = super::common::vault::Vault::new();
    let repo = super::common::create(vault.clone());
    let folder = scratch();
    // A folder whose own entry is in another leaf than most of what is in it.
    for number in 0..1500 {
        let name = folder.path().join(format!("deep/er/{number:05}-{}", "x".repeat(60)));
        std::fs::create_dir_all(name.parent().unwrap()).unwrap();
        std::fs::write(name, noise(number, 40)).unwrap();
    }
    let done = repo.backup(Source::paths([folder.path()]), &BackupOptions::new(), &Context::new()).unwrap();
    let id = *done.snapshot().unwrap();
    let all: Vec<EntryPath> =
        repo.list(&id, &EntryPath::root(), true).unwrap().map(|entry| entry.unwrap().path).collect();
    let packs = vault.names(Folder::Packs);
    let mut made = 0;
    // Every segment of trees once.
    for pack in packs {
        let sound = vault.bytes(&pack);
        for at in (2000..sound.len()).step_by(3000) {
            let vault = vault.fork();
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            vault.replace(&pack, bytes);
            let report = repair(&vault);
            let Some(one) = report.salvaged.first() else { continue };
            let Some(new) = one.salvaged else { continue };
            let repo = open(&vault);
            let entries: Vec<_> = repo.list(&new, &EntryPath::root(), true).unwrap().map(Result::unwrap).collect();
            for entry in &entries {
                assert!(all.contains(&entry.path));
                let parent = entry.path.parent();
                assert!(
                    parent.is_none_or(|parent| parent.is_root() || entries.iter().any(|other| other.path == parent)),
                    "{entry:?}"
                );
                if one.lost.iter().any(|loss| loss.covers(&entry.path)) {
                    made += 1;
                    assert_eq!((entry.kind.name(), entry.metadata.mode), ("directory", 0o700));
                }
            }
            let target = scratch();
            let restored = repo.restore(&new, &RestoreOptions::to(target.path()), &Context::new()).unwrap();
            assert_eq!(restored.outcome, Outcome::Complete, "{:?}", restored.problems);
        }
    }
    assert!(made > 0, "no folder had to be made");
}

#[test]
fn who_cannot_read_mends_the_index_and_leaves_what_it_cannot_tell() {
    let history = History::new();
    let vault = history.vault.fork();
    open(&vault).add_key(&NewKey::new(Secret::account_key([9; 32]), Role::Maintainer).label("maintainer")).unwrap();
    // Those with room for the damage; which names come first is chance.
    let mut packs = vault.names(Folder::Packs);
    packs.retain(|pack| vault.bytes(pack).len() > 8000);
    vault.remove(&packs[0]);
    let mut bytes = vault.bytes(&packs[1]);
    bytes[5000] ^= 1;
    vault.replace(&packs[1], bytes);
    let maintainer = Repository::open(vault.clone(), &Secret::account_key([9; 32])).unwrap();
    let report = maintainer.repair(&RepairOptions::new(), &Context::new()).unwrap();
    assert!(report.trees_skipped && report.salvaged.is_empty() && report.outcome == Outcome::Partial);
    let of = |name: &ObjectName| report.damaged.iter().find(|pack| pack.name == *name).unwrap();
    assert!(of(&packs[0]).missing && of(&packs[0]).segments_lost > 0 && of(&packs[0]).segments_unknown == 0);
    assert!(of(&packs[1]).segments_unknown > 0 && of(&packs[1]).segments_moved == 0);
    assert!(kinds(&check(&vault)).contains("damaged_pack"));
    // An owner then does the rest.
    let report = repair(&vault);
    assert!(report.damaged.iter().any(|pack| pack.name == packs[1] && pack.segments_moved > 0), "{report:?}");
    judge(history, &vault, &report, "after a maintainer");
}

#[test]
fn structure_only_reads_no_content_and_mends_what_it_finds() {
    let history = History::new();
    let vault = history.vault.fork();
    let pack = vault.names(Folder::Packs)[2].clone();
    let bytes = vault.bytes(&pack);
    vault.replace(&pack, &bytes[..bytes.len() - 10]);
    let quick = RepairOptions::new().structure_only(true);
    let report = open(&vault).repair(&quick, &Context::new()).unwrap();
    assert_eq!((report.packs_read, report.damaged.len(), report.lost_count()), (1, 1, 0), "{report:?}");
    assert!(report.damaged[0].segments_moved > 0 && report.outcome == Outcome::Complete);
    assert!(check(&vault).is_sound());
    let again = open(&vault).repair(&quick, &Context::new()).unwrap();
    assert!(again.was_sound() && !again.has_changed(), "{again:?}");
    // Rebuilding the index does not list the damaged pack again.
    let rebuilt = open(&vault).rebuild_index(&Context::new()).unwrap();
    assert!(rebuilt.objects_written == 0, "{rebuilt:?}");
    assert!(check(&vault).is_sound());
}

#[test]
fn what_is_not_understood_is_left_alone() {
    let history = History::new();
    let vault = history.vault.fork();
    let strange: Vec<ObjectName> = ["packs/readme", "index/notes.txt", "snapshots/0", "sessions/x", "marks/y"]
        .map(|name| name.parse().unwrap())
        .into();
    strange.iter().for_each(|name| vault.replace(name, b"what is this".to_vec()));
    // A pack of a later version.
    let mut later = vault.bytes(&vault.names(Folder::Packs)[0]);
    later[7] = 2;
    let name: ObjectName = format!("packs/{}", blake3::hash(&later)).parse().unwrap();
    vault.replace(&name, later.clone());
    let report = repair(&vault);
    assert!(report.left.iter().any(|(left, _)| *left == name), "{report:?}");
    assert!(report.damaged.is_empty() && report.lost_count() == 0 && report.outcome == Outcome::Partial);
    for name in &strange {
        assert_eq!(vault.bytes(name), b"what is this");
    }
    assert_eq!(vault.bytes(&name), later);
}

#[test]
fn a_sound_repository_is_left_as_it_is() {
    let history = History::new();
    let vault = history.vault.fork();
    let report = repair(&vault);
    assert!(report.was_sound() && !report.has_changed() && report.salvaged.is_empty(), "{report:?}");
    assert_eq!((report.snapshots, report.packs_read), (3, vault.names(Folder::Packs).len() as u64));
    assert_eq!(vault.all(), history.vault.all());
}
