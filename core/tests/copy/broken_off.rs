//! Copies that break off in the middle of a snapshot: what the next one reads and sends again.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{assert_sound, back_up, create, noise, reopen, scratch};
use super::{OTHER, assert_copied, copy_one, destination};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use strongroom::{Backend, Budget, Context, CopyOptions, CopyReport, ErrorKind, Folder, Outcome, Repository, Source};

const MIB: u64 = 1 << 20;
const PACK: u64 = OTHER.pack as u64;
/// As much content is read between two checkpoints.
const CHECKPOINT: u64 = 16 * PACK;
/// What is read and not yet sent: packs that wait, are filled and are on their way, segments with the workers, what
/// waits between the two sides, and the buffer.
const UNDER_WAY: u64 = 11 * MIB;
/// Nodes of trees, footers, and the padding of packs that end early.
const OVERHEAD: u64 = 500 << 10;

fn packs(vault: &Vault) -> u64 {
    vault.names(Folder::Packs).iter().map(|name| vault.stat(name).unwrap().length).sum()
}

fn run(source: &Repository, destinations: &[&Repository]) -> CopyReport {
    let ctx = Context::new().budget(Budget::default().threads(2).memory(32 * MIB));
    source.copy_to(destinations, &CopyOptions::new(), &ctx).unwrap()
}

fn source(fill: impl FnOnce(&Path)) -> Vault {
    let scratch = scratch();
    fill(scratch.path());
    let vault = Vault::new();
    back_up(&create(vault.clone()), Source::paths([scratch.path()]));
    vault
}

/// Gone after so many packs, as for a process that is killed.
fn gone_after(vault: &Vault, most: u64) -> FaultBackend {
    let mut packs = 0;
    FaultBackend::new(vault.clone(), move |call: &Call| {
        packs += u64::from(call.op == Op::Put && call.folder == Folder::Packs);
        (packs > most).then_some(Fault::Fail(ErrorKind::Unavailable))
    })
}

/// Lets the destination go away after ever more packs, and looks at what the next copy does.
fn break_off_everywhere(vault: &Vault, total: u64) {
    let (away, _) = destination();
    let undisturbed = away.fork();
    let whole = run(&reopen(vault.clone()), &[&reopen(undisturbed.clone())]);
    assert_eq!((whole.outcome, whole.read_bytes), (Outcome::Complete, total));
    let stored = packs(&undisturbed);
    let count = undisturbed.names(Folder::Packs).len() as u64;
    let mut spared = 0;
    for most in (0..count).step_by(3) {
        let away = away.fork();
        let report = run(&reopen(vault.clone()), &[&reopen(gone_after(&away, most))]);
        assert_eq!(report.outcome, Outcome::Partial, "{report:?}");
        let before = packs(&away);
        let report = run(&reopen(vault.clone()), &[&reopen(away.clone())]);
        assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
        let (sent, again) = (packs(&away), report.read_bytes);
        let what = format!("after {most} packs: {before} of {sent} bytes were sent before, and {again} read after it");
        println!("{what}");
        assert!(sent <= stored + PACK + OVERHEAD, "{what}; {stored} without");
        assert!(again + before.saturating_sub(OVERHEAD) <= total + CHECKPOINT + UNDER_WAY, "{what}");
        spared += total - again;
        if most % 4 == 0 {
            assert_copied(&reopen(vault.clone()), &reopen(away.clone()));
            assert_sound(&reopen(away));
        }
    }
    assert!(spared > total, "nothing was gone on from");
}

#[test]
fn in_the_middle_of_many_files() {
    let vault = source(|folder| {
        for number in 0..84_u64 {
            fs::write(folder.join(format!("{number:02}")), noise(number, 500_000)).unwrap();
        }
    });
    break_off_everywhere(&vault, 84 * 500_000);
}

/// Bytes of the large file and of those around it, without the hole.
const LARGE: u64 = 3418 * 4096 + 24_000_000 + 4_000_000;

/// With a hole in it, and small ones before and behind.
fn large(folder: &Path) {
    fs::write(folder.join("a"), noise(3, 2_000_000)).unwrap();
    let file = File::create(folder.join("b")).unwrap();
    file.write_all_at(&noise(1, 3418 * 4096), 0).unwrap();
    file.write_all_at(&noise(2, 24_000_000), 4882 * 4096).unwrap();
    fs::write(folder.join("c"), noise(4, 2_000_000)).unwrap();
}

#[test]
fn in_the_middle_of_a_large_file() {
    break_off_everywhere(&source(large), LARGE);
}

/// Each destination goes on from where it stands, and what is read is read once.
#[test]
fn destinations_that_broke_off_at_other_places_go_on_together() {
    let vault = source(large);
    let ends: Vec<Vault> = [22, 40]
        .map(|most| {
            let (away, _) = destination();
            run(&reopen(vault.clone()), &[&reopen(gone_after(&away, most))]);
            away
        })
        .into();
    let opened: Vec<Repository> = ends.iter().map(|end| reopen(end.clone())).collect();
    let report = run(&reopen(vault.clone()), &opened.iter().collect::<Vec<_>>());
    assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
    assert!(report.read_bytes <= LARGE - 12_000_000, "{}", report.read_bytes);
    assert!(report.destinations[1].new_bytes < report.destinations[0].new_bytes, "{report:?}");
    for end in &opened {
        assert_copied(&reopen(vault.clone()), end);
        assert_sound(end);
    }
}

/// Cancelling is no reason to begin anew either.
#[test]
fn a_cancelled_copy_goes_on() {
    let vault = source(large);
    let (away, _) = destination();
    let token = strongroom::CancelToken::new();
    let (cancel, mut packs_put) = (token.clone(), 0);
    let backend = FaultBackend::new(away.clone(), move |call: &Call| {
        packs_put += u64::from(call.op == Op::Put && call.folder == Folder::Packs);
        if packs_put == 30 {
            cancel.cancel();
        }
        None
    });
    let ctx = Context::new().cancel_token(token).budget(Budget::default().threads(2).memory(32 * MIB));
    let error = reopen(vault.clone()).copy_to(&[&reopen(backend)], &CopyOptions::new(), &ctx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    let before = packs(&away);
    let (end, read) = copy_one(&reopen(vault.clone()), &reopen(away.clone()));
    assert!(read <= LARGE - before + CHECKPOINT + UNDER_WAY, "{read} after {before}");
    assert!(end.stored_bytes + before <= LARGE + PACK + OVERHEAD, "{} after {before}", end.stored_bytes);
    assert_copied(&reopen(vault), &reopen(away));
}
