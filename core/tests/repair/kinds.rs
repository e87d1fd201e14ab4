//! One damage to one object, of every kind.

use super::common::noise;
use super::common::vault::Vault;
use super::history::{History, check, judge, kinds, open, repair};
use std::collections::BTreeSet;
use strongroom::{CheckReport, Context, ErrorKind, Folder, ObjectName, Outcome, RepairOptions, Repository};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Missing,
    Truncated,
    Flipped,
    Swapped,
    Stale,
}

/// What check may call the object.
fn names(folder: Folder, object: &ObjectName, way: Way) -> &'static [&'static str] {
    match (folder, way) {
        (Folder::Packs, Way::Missing) => &["missing_pack"],
        (Folder::Packs, Way::Truncated) => &["wrong_length"],
        (Folder::Packs, Way::Flipped) => &["damaged_pack"],
        (Folder::Packs, _) => &["wrong_length", "damaged_pack"],
        (Folder::Index, Way::Missing) => &["missing_from_index"],
        // That they are gone is known to nobody.
        (_, Way::Missing) => &[],
        (Folder::Index, _) => &["damaged_index"],
        (Folder::Snapshots, _) => &["damaged_snapshot"],
        (Folder::Marks, _) => &["damaged_mark"],
        (Folder::Keys, _) => &["damaged_key"],
        (Folder::Devices, _) => &["damaged_devices"],
        (Folder::Sessions, _) if object.file().contains('.') => &["damaged_checkpoint"],
        (Folder::Sessions, _) => &["damaged_lease"],
        other => panic!("{other:?}"),
    }
}

fn named(report: &CheckReport, object: &ObjectName) -> BTreeSet<&'static str> {
    let of_it = report.problems.iter().filter(|problem| problem.object.contains(object.file()));
    of_it.map(|problem| problem.kind.name()).collect()
}

/// Damages one object in every copy of the repository, and looks.
fn attack(way: Way, damage: impl Fn(&Vault, &ObjectName) -> bool) {
    let history = History::new();
    let mut count = 0;
    for object in history.vault.all() {
        let folder = object.folder();
        let vault = history.vault.fork();
        if folder == Folder::Root || !damage(&vault, &object) {
            continue;
        }
        if folder == Folder::Keys && Repository::open(vault.clone(), &super::common::secret()).is_err() {
            // It was the key in use.
            continue;
        }
        count += 1;
        let what = format!("{object} {way:?}");
        let before = check(&vault);
        let expected = names(folder, &object, way);
        match (folder, way) {
            // One may have listed only what no snapshot needs.
            (Folder::Index, Way::Missing) => {
                assert!(before.unindexed_packs > 0, "{what}: {before:?}");
                assert!(kinds(&before).iter().all(|kind| [expected[0], "damaged_file"].contains(kind)), "{before:?}");
            }
            (_, Way::Missing) if folder != Folder::Packs => assert!(before.is_sound(), "{what}: {before:?}"),
            // Only its own secret can tell about all of a key slot.
            (Folder::Keys, Way::Flipped) => {}
            _ => {
                let found = named(&before, &object);
                assert!(found.iter().any(|kind| expected.contains(kind)), "{what}: {found:?} {before:?}");
            }
        }
        // A look writes nothing and finds the same.
        let names = vault.all();
        let options = RepairOptions::new().dry_run(true);
        let look = open(&vault).repair(&options, &Context::new()).unwrap();
        assert_eq!(vault.all(), names, "{what}: a dry run wrote something");
        let report = repair(&vault);
        assert_eq!((look.lost_count(), look.damaged.len()), (report.lost_count(), report.damaged.len()), "{what}");
        let lost_by = |report: &strongroom::RepairReport| {
            report.salvaged.iter().map(|one| (one.damaged, one.lost.clone(), one.files)).collect::<Vec<_>>()
        };
        assert_eq!(lost_by(&look), lost_by(&report), "{what}");
        for name in &names {
            assert!(vault.all().contains(name), "{what}: {name} was deleted");
        }
        let lost = judge(history, &vault, &report, &what);
        let after = check(&vault);
        let left = kinds(&after);
        match folder {
            Folder::Packs | Folder::Index => {
                let losses = ["missing_from_index", "damaged_file"];
                assert!(left.iter().all(|kind| losses.contains(kind)), "{what}: {after:?}");
                let any = lost.values().any(|lost| !lost.is_empty());
                assert_eq!(after.is_sound(), !any, "{what}: {after:?}");
                assert_eq!(report.outcome, if any { Outcome::Partial } else { Outcome::Complete }, "{what}");
                assert!(folder == Folder::Packs || !any, "{what}: nothing is lost with an index object");
            }
            // Nothing can bring the object itself back, and nothing else is lost with it.
            _ => {
                assert_eq!(named(&after, &object), named(&before, &object), "{what}");
                assert_eq!(left, kinds(&before), "{what}");
                assert!(lost.values().all(BTreeSet::is_empty) && report.damaged.is_empty(), "{what}");
            }
        }
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn missing() {
    attack(Way::Missing, |vault, object| {
        vault.remove(object);
        // Without any device list, the owner's own key signs all the same.
        true
    });
}

#[test]
fn truncated() {
    attack(Way::Truncated, |vault, object| {
        let bytes = vault.bytes(object);
        vault.replace(object, &bytes[..bytes.len() / 2]);
        true
    });
    attack(Way::Truncated, |vault, object| {
        let bytes = vault.bytes(object);
        vault.replace(object, &bytes[..bytes.len() - 1]);
        object.folder() == Folder::Packs || object.folder() == Folder::Sessions
    });
}

#[test]
fn with_a_bit_flipped() {
    for place in [0, 3, 9] {
        attack(Way::Flipped, |vault, object| {
            let mut bytes = vault.bytes(object);
            // Behind version and epoch, which would say that it is not for us.
            let at = 12 + (bytes.len() - 13) * place / 9;
            bytes[at] ^= 0x10;
            vault.replace(object, bytes);
            true
        });
    }
}

#[test]
fn swapped_with_another_of_its_kind() {
    attack(Way::Swapped, |vault, object| {
        let all = vault.names(object.folder());
        let other = all.iter().rev().find(|other| *other != object);
        let Some(other) = other else {
            vault.replace(object, [&vault.bytes(object)[..8], &noise(7, 300)].concat());
            return true;
        };
        let (one, two) = (vault.bytes(object), vault.bytes(other));
        vault.replace(object, two);
        // Key slots are looked for by what they say of themselves.
        if object.folder() != Folder::Keys && object.folder() != Folder::Devices {
            vault.replace(other, one);
        }
        true
    });
}

#[test]
fn an_older_one_in_its_place() {
    let history = History::new();
    attack(Way::Stale, |vault, object| {
        let all = history.vault.names(object.folder());
        let oldest = &all[0];
        vault.replace(object, vault.bytes(oldest));
        oldest != object
    });
}

#[test]
fn a_damaged_config_opens_nothing_and_says_so() {
    let history = History::new();
    let config = history.vault.names(Folder::Root)[0].clone();
    let sound = history.vault.bytes(&config);
    for damaged in [sound[..sound.len() / 2].to_vec(), [&sound[..40], &[sound[40] ^ 1], &sound[41..]].concat()] {
        let vault = history.vault.fork();
        vault.replace(&config, damaged);
        let error = Repository::open(vault, &super::common::secret()).unwrap_err();
        assert!([ErrorKind::Corrupt, ErrorKind::Untrusted].contains(&error.kind()), "{error}");
        assert!(error.to_string().contains("config"), "{error}");
    }
}
