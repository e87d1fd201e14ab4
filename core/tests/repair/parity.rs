//! Parity: what is lost within the bound heals, on reading and for good.

use super::common::forest::Sizes;
use super::common::vault::Vault;
use super::common::{cases, create_with, noise};
use super::history::{Files, back_up, check, kinds, open, readable, repair};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::OnceLock;
use strongroom::{
    CheckKind, CheckOptions, Context, ErrorKind, Folder, NewKey, ObjectName, Outcome, PruneOptions, RepairOptions,
    Repository, Role, Secret, SnapshotId,
};

const SECTOR: usize = 4096;

struct Kept {
    vault: Vault,
    id: SnapshotId,
    files: Files,
}

/// A repository with a tenth of parity, and a maintainer's key.
fn kept() -> &'static Kept {
    static MADE: OnceLock<Kept> = OnceLock::new();
    MADE.get_or_init(|| {
        let vault = Vault::new();
        let repo = create_with(vault.clone(), &Sizes::TINY.options().parity(10));
        repo.add_key(&NewKey::new(Secret::account_key([9; 32]), Role::Maintainer).label("maintainer")).unwrap();
        let mut files: Files = (0..40u64).map(|n| (format!("file {n:02}"), noise(n, 60_000))).collect();
        files.extend((0..300u64).map(|n| (format!("many/{n:04}"), noise(900 + n, 40))));
        let id = back_up(&repo, &files);
        assert_eq!(repo.parity(), Some(10));
        let count = |folder| vault.names(folder).len();
        assert!(count(Folder::Packs) >= 3 && count(Folder::Parity) == count(Folder::Packs));
        assert!(check(&vault).is_sound());
        Kept { vault, id, files }
    })
}

fn maintainer(vault: &Vault) -> Repository {
    Repository::open(vault.clone(), &Secret::account_key([9; 32])).unwrap()
}

fn parity_of(pack: &ObjectName) -> ObjectName {
    format!("parity/{}", pack.file()).parse().unwrap()
}

/// Sectors of a pack that may be lost.
fn bound(vault: &Vault, pack: &ObjectName) -> usize {
    vault.bytes(pack).len().div_ceil(SECTOR).div_ceil(10)
}

/// Spoils so many sectors of a pack, spread over it.
fn spoil(vault: &Vault, pack: &ObjectName, sectors: usize) {
    let mut bytes = vault.bytes(pack);
    let all = bytes.len().div_ceil(SECTOR);
    for number in 0..sectors {
        bytes[number * all / sectors * SECTOR] ^= 0x55;
    }
    vault.replace(pack, bytes);
}

#[test]
fn rotten_sectors_heal_when_they_are_read_and_repair_makes_it_last() {
    let Kept { vault, id, files } = kept();
    let vault = vault.fork();
    let packs = vault.names(Folder::Packs);
    packs.iter().for_each(|pack| spoil(&vault, pack, bound(&vault, pack)));
    let repo = open(&vault);
    assert_eq!(readable(&repo, id, files, "healed").len(), files.len());
    assert_eq!(repo.healed_packs(), packs);
    let report = check(&vault);
    assert_eq!(kinds(&report), ["healable_pack"].into(), "{:?}", report.problems);
    assert_eq!(report.of_kind(CheckKind::HealablePack).count(), packs.len());
    let look = open(&vault).repair(&RepairOptions::new().dry_run(true), &Context::new()).unwrap();
    assert_eq!((look.lost_count(), look.damaged.len(), look.outcome), (0, packs.len(), Outcome::Complete));
    // A maintainer needs no key to content for it.
    let done = maintainer(&vault).repair(&RepairOptions::new(), &Context::new()).unwrap();
    assert_eq!(done.outcome, Outcome::Complete, "{done:?}");
    assert!(done.damaged.iter().all(|pack| pack.sectors_healed.is_some() && pack.segments_lost == 0));
    assert!(check(&vault).is_sound(), "{:?}", check(&vault).problems);
    let repo = open(&vault);
    assert_eq!(readable(&repo, id, files, "repaired").len(), files.len());
    assert!(repo.healed_packs().is_empty());
    assert!(!repair(&vault).has_changed());
    // Pruning removes the damaged packs with their parity.
    assert!(packs.iter().all(|pack| vault.all().contains(&parity_of(pack))));
    for _ in 0..2 {
        open(&vault).prune(&PruneOptions::new(), &Context::new()).unwrap();
    }
    let left = vault.names(Folder::Packs);
    assert!(packs.iter().all(|pack| !left.contains(pack) && !vault.all().contains(&parity_of(pack))));
    assert_eq!(vault.names(Folder::Parity).len(), left.len());
    assert!(check(&vault).is_sound());
}

#[test]
fn a_lost_range_heals_and_more_than_the_bound_is_lost_and_said_to_be() {
    let Kept { vault, id, files } = kept();
    let pack = vault.names(Folder::Packs)[0].clone();
    let length = vault.bytes(&pack).len();
    let range = (bound(vault, &pack) - 1) * SECTOR;
    let cut = vault.fork();
    cut.replace(&pack, &vault.bytes(&pack)[..length - range]);
    assert_eq!(readable(&open(&cut), id, files, "cut").len(), files.len());
    assert_eq!(kinds(&check(&cut)), ["healable_pack"].into());
    // In the front are header and session key.
    let front = vault.fork();
    front.replace(&pack, [noise(1, range), vault.bytes(&pack)[range..].to_vec()].concat());
    assert_eq!(readable(&open(&front), id, files, "front").len(), files.len());
    assert_eq!(open(&front).check(&CheckOptions::new(), &Context::new()).unwrap().problem_count, 0);
    assert_eq!(repair(&front).outcome, Outcome::Complete);
    assert!(check(&front).is_sound());

    let beyond = vault.fork();
    spoil(&beyond, &pack, bound(vault, &pack) + 1);
    let found = kinds(&check(&beyond));
    assert!(found.contains("damaged_pack") && !found.contains("healable_pack"), "{found:?}");
    let report = repair(&beyond);
    assert!(report.damaged[0].sectors_healed.is_none() && report.damaged[0].segments_lost > 0, "{report:?}");
    assert!(open(&beyond).healed_packs().is_empty());
    let left = readable(&open(&beyond), id, files, "beyond").len() as u64;
    assert_eq!(report.salvaged[0].files, left);
}

#[test]
fn damaged_and_missing_parity_is_told_and_costs_no_file() {
    let Kept { vault, id, files } = kept();
    let vault = vault.fork();
    let parity = vault.names(Folder::Parity);
    let mut bytes = vault.bytes(&parity[0]);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    vault.replace(&parity[0], bytes);
    vault.remove(&parity[1]);
    let report = check(&vault);
    assert_eq!(kinds(&report), ["damaged_parity"].into());
    assert_eq!(report.of_kind(CheckKind::DamagedParity).next().unwrap().object, parity[0].to_string());
    assert_eq!(report.of_kind(CheckKind::MissingParity).count(), 1);
    assert_eq!(readable(&open(&vault), id, files, "parity").len(), files.len());
    let added = maintainer(&vault).add_parity(10, &Context::new()).unwrap();
    assert_eq!((added.outcome, added.added, added.packs), (Outcome::Complete, 1, parity.len() as u64));
    assert_eq!(check(&vault).of_kind(CheckKind::MissingParity).count(), 0);
    let again = open(&vault).add_parity(10, &Context::new()).unwrap();
    assert_eq!((again.added, again.added_bytes), (0, 0));
}

#[test]
fn parity_can_be_added_to_a_repository_without() {
    let vault = Vault::new();
    let repo = create_with(vault.clone(), &Sizes::TINY.options());
    let files: Files = (0..20u64).map(|n| (format!("{n}"), noise(n, 70_000))).collect();
    let id = back_up(&repo, &files);
    assert!(vault.names(Folder::Parity).is_empty() && repo.parity().is_none());
    for percent in [0, 101] {
        assert_eq!(repo.add_parity(percent, &Context::new()).unwrap_err().kind(), ErrorKind::InvalidArgument);
        let options = Sizes::TINY.options().parity(percent);
        let refused = Repository::create(Vault::new(), &super::common::secret(), &options);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    // A damaged pack gets none.
    let packs = vault.names(Folder::Packs);
    let sound = vault.bytes(&packs[0]);
    spoil(&vault, &packs[0], 1);
    let report = repo.add_parity(20, &Context::new()).unwrap();
    assert_eq!((report.outcome, report.added), (Outcome::Partial, packs.len() as u64 - 1));
    assert_eq!(report.damaged[0].0, packs[0]);
    vault.replace(&packs[0], sound);
    assert_eq!(repo.add_parity(20, &Context::new()).unwrap().added, 1);
    packs.iter().for_each(|pack| spoil(&vault, pack, 2 * bound(&vault, pack) - 1));
    assert_eq!(readable(&open(&vault), &id, &files, "added").len(), files.len());
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn any_damage_within_the_bound_is_read_as_if_there_were_none(
        places in prop::collection::vec(any::<Index>(), 1..200), with: u8, whole: bool,
    ) {
        let Kept { vault, id, files } = kept();
        let vault = vault.fork();
        for pack in vault.names(Folder::Packs) {
            let mut bytes = vault.bytes(&pack);
            let sectors = bytes.len().div_ceil(SECTOR);
            for place in places.iter().take(bound(&vault, &pack)) {
                let at = place.index(sectors) * SECTOR;
                let end = if whole { bytes.len().min(at + SECTOR) } else { at + 1 };
                bytes[at..end].iter_mut().for_each(|byte| *byte ^= with | 1);
            }
            vault.replace(&pack, bytes);
        }
        prop_assert_eq!(readable(&open(&vault), id, files, "any").len(), files.len());
    }
}
