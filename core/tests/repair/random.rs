//! Any damage to any objects: every file of every snapshot comes back equal or is listed as lost.

use super::common::vault::Vault;
use super::common::{cases, noise};
use super::history::{History, check, judge, kinds, repair};
use proptest::prelude::*;
use proptest::sample::Index;
use strongroom::{Folder, ObjectName};

#[derive(Debug, Clone)]
enum Harm {
    Remove,
    Cut(Index),
    Flip(Index, u8),
    /// A range becomes noise, as when sectors go bad.
    Noise(Index, Index),
    Swap(Index),
    Extend(u16),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        2 => Just(Harm::Remove),
        2 => any::<Index>().prop_map(Harm::Cut),
        4 => (any::<Index>(), 0u8..8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        3 => any::<(Index, Index)>().prop_map(|(at, length)| Harm::Noise(at, length)),
        1 => any::<Index>().prop_map(Harm::Swap),
        1 => (1u16..5000).prop_map(Harm::Extend),
    ]
}

fn strike(vault: &Vault, object: &ObjectName, harm: &Harm) {
    if !vault.all().contains(object) {
        return;
    }
    let mut bytes = vault.bytes(object);
    match harm {
        Harm::Remove => return vault.remove(object),
        Harm::Cut(at) => bytes.truncate(at.index(bytes.len())),
        _ if bytes.is_empty() => {}
        Harm::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Harm::Noise(at, length) => {
            let at = at.index(bytes.len());
            let end = (at + 1 + length.index(200_000)).min(bytes.len());
            bytes[at..end].copy_from_slice(&noise(at as u64, end - at));
        }
        Harm::Swap(with) => {
            let names = vault.names(object.folder());
            let other = with.get(&names);
            let theirs = vault.bytes(other);
            vault.replace(other, bytes);
            bytes = theirs;
        }
        Harm::Extend(by) => bytes.extend(noise(1, (*by).into())),
    }
    vault.replace(object, bytes);
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn every_file_comes_back_equal_or_is_listed_as_lost(
        harms in prop::collection::vec((0usize..8, any::<Index>(), harm()), 1..7),
    ) {
        let history = History::new();
        let vault = history.vault.fork();
        let folders = [
            Folder::Packs, Folder::Packs, Folder::Packs, Folder::Packs, Folder::Index, Folder::Index,
            Folder::Snapshots, Folder::Sessions,
        ];
        for (folder, object, harm) in &harms {
            let names = vault.names(folders[*folder]);
            if !names.is_empty() {
                strike(&vault, object.get(&names), harm);
            }
        }
        let report = repair(&vault);
        let what = format!("{harms:?}");
        let lost = judge(history, &vault, &report, &what);
        let after = kinds(&check(&vault));
        // A lease whose epoch was changed looks like one of an epoch that the key does not reach.
        let expected = [
            "missing_from_index", "damaged_file", "damaged_snapshot", "damaged_lease", "damaged_checkpoint", "unreadable",
        ];
        prop_assert!(after.iter().all(|kind| expected.contains(kind)), "{}: {:?}", what, after);
        let any = lost.values().any(|lost| !lost.is_empty());
        prop_assert_eq!(after.contains("missing_from_index"), any, "{}: {:?}", what, after);
    }
}
