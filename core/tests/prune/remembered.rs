//! What pruning remembers of trees: it reads what is new, gets further with every call, and believes nothing that was
//! tampered with.

use super::common::fault::{Call, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{assert_sound, reopen, scratch, secret};
use super::common_secret;
use super::history::{History, forget, prune};
use std::fs;
use std::path::{Path, PathBuf};
use strongroom::{
    Backend, CancelToken, Context, Folder, NewKey, OpenOptions, Outcome, PruneOptions, Repository, Role, Secret,
};

fn open(backend: impl Backend + 'static, secret: &Secret, state: &Path) -> Repository {
    Repository::open_with(backend, secret, &OpenOptions::new().state_folder(state)).unwrap()
}

fn remembered(state: &Path) -> Vec<PathBuf> {
    let repositories = fs::read_dir(state).unwrap().map(|entry| entry.unwrap().path());
    let folders = repositories.map(|path| path.join("references")).filter(|path| path.is_dir());
    folders.flat_map(|path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path())).collect()
}

fn looks(repo: &Repository) -> u64 {
    let report = repo.prune(&PruneOptions::new().dry_run(true), &Context::new()).unwrap();
    assert_eq!(report.outcome, Outcome::Complete);
    report.live_bytes
}

/// Each call may read three times from packs, fewer than there are trees to read.
fn in_small_steps(history: &History, vault: &Vault, secret: &Secret) {
    let state = scratch();
    let least = PruneOptions::new().min_live_share(0.0);
    let mut calls = 0;
    loop {
        let token = CancelToken::new();
        let up = token.clone();
        let mut reads = 0;
        let backend = FaultBackend::new(vault.clone(), move |call: &Call| {
            reads += u32::from(call.op == Op::Read && call.folder == Folder::Packs);
            if reads == 3 {
                up.suspend();
            }
            None
        });
        let repo = open(backend, secret, state.path());
        let report = repo.prune(&least, &Context::new().cancel_token(token)).unwrap();
        calls += 1;
        if report.outcome == Outcome::Complete {
            break;
        }
        assert!(calls < 60, "{calls} calls did not get to the end");
    }
    assert!(calls > 3, "it took {calls} calls");
    history.assert_restores(&reopen(vault.clone()), history.snapshots.len() - 1);
    assert_sound(&reopen(vault.clone()));
    let again = reopen(vault.clone()).prune(&least, &Context::new()).unwrap();
    assert_eq!(again.removed_packs, 0, "{again:?}");
}

#[test]
fn what_is_broken_off_while_it_looks_gets_further_with_every_call() {
    let history = History::make(10);
    let vault = history.vault.fork();
    forget(&vault, &history.snapshots[0].0);
    in_small_steps(&history, &vault, &secret());
}

#[test]
fn so_it_does_for_a_maintainer() {
    let history = History::make(10);
    let vault = history.vault.fork();
    reopen(vault.clone()).add_key(&NewKey::new(common_secret(), Role::Maintainer)).unwrap();
    forget(&vault, &history.snapshots[0].0);
    in_small_steps(&history, &vault, &common_secret());
}

#[test]
fn pruning_again_reads_what_is_new_and_no_more() {
    let history = History::make(12);
    let vault = history.vault.fork();
    let state = scratch();
    let backend = FaultBackend::new(vault.clone(), |_| None);
    let reads = || backend.count(Op::Read, Folder::Packs);
    let repo = || open(backend.clone(), &secret(), state.path());
    let newest = history.snapshots.last().unwrap().0;
    let hidden = hide(&vault, &newest);
    let live = looks(&repo());
    let first = reads();
    assert!(first >= 11, "{first} reads");
    let files = remembered(state.path());
    assert!(files.len() >= 11, "{files:?}");
    // Nothing is new.
    assert_eq!(looks(&repo()), live);
    assert_eq!(reads(), first);
    // One tree is.
    hidden.give_back(&vault);
    assert!(looks(&repo()) > live);
    assert!((1..=3).contains(&(reads() - first)), "{} reads for one new tree", reads() - first);
    // What is forgotten is not remembered either.
    (0..11).for_each(|number| forget(&vault, &history.snapshots[number].0));
    prune(&repo());
    prune(&repo());
    assert!(remembered(state.path()).len() <= 2, "{:?}", remembered(state.path()));
    history.assert_restores(&reopen(vault.clone()), 11);
    assert_sound(&reopen(vault));
}

#[test]
fn what_was_tampered_with_is_read_again() {
    let history = History::make(4);
    let state = scratch();
    let live = looks(&open(history.vault.fork(), &secret(), state.path()));
    let files = remembered(state.path());
    assert!(files.len() >= 4, "{files:?}");
    let contents: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let damages: [&dyn Fn(usize) -> Vec<u8>; 4] = [
        &|_| Vec::new(),
        &|number| contents[(number + 1) % contents.len()].clone(),
        &|number| contents[number][..contents[number].len() - 1].to_vec(),
        &|number| {
            let mut bytes = contents[number].clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        },
    ];
    for damage in damages {
        for (number, file) in files.iter().enumerate() {
            fs::write(file, damage(number)).unwrap();
        }
        let vault = history.vault.fork();
        let backend = FaultBackend::new(vault.clone(), |_| None);
        assert_eq!(looks(&open(backend.clone(), &secret(), state.path())), live);
        assert!(backend.count(Op::Read, Folder::Packs) >= 4);
        // What is wrong is replaced.
        let after = FaultBackend::new(vault.clone(), |_| None);
        assert_eq!(looks(&open(after.clone(), &secret(), state.path())), live);
        assert_eq!(after.count(Op::Read, Folder::Packs), 0);
        let report = prune(&open(vault.clone(), &secret(), state.path()));
        assert_eq!(report.removed_packs, report.emptied_packs, "{report:?}");
        (0..4).for_each(|number| history.assert_restores(&reopen(vault.clone()), number));
    }
}

/// A folder that cannot be written helps nobody and stops nobody.
#[test]
fn without_room_to_remember_it_prunes_all_the_same() {
    let history = History::make(3);
    let vault = history.vault.fork();
    let state = scratch();
    let live = looks(&open(vault.clone(), &secret(), state.path()));
    let folder = remembered(state.path())[0].parent().unwrap().to_path_buf();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "in the way").unwrap();
    assert_eq!(looks(&open(vault.clone(), &secret(), state.path())), live);
    forget(&vault, &history.snapshots[0].0);
    assert!(prune(&open(vault.clone(), &secret(), state.path())).removed_packs > 0);
    history.assert_restores(&reopen(vault), 2);
}

/// A snapshot that storage does not show for a while.
struct Hidden {
    name: strongroom::ObjectName,
    bytes: Vec<u8>,
}

fn hide(vault: &Vault, id: &strongroom::SnapshotId) -> Hidden {
    let name = strongroom::ObjectName::new(Folder::Snapshots, id.to_string()).unwrap();
    let bytes = vault.read(&name, 0..vault.stat(&name).unwrap().length).unwrap();
    vault.remove(&name);
    Hidden { name, bytes }
}

impl Hidden {
    fn give_back(self, vault: &Vault) {
        vault.put(&self.name, &[&self.bytes]).unwrap();
    }
}
