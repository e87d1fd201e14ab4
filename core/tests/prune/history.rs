//! A repository with some snapshots, and what each of them has to restore.

use super::common::vault::Vault;
use super::common::walk::{Tree, assert_same, walk};
use super::common::{back_up, create, noise, restore, scratch};
use std::fs;
use strongroom::{Context, Folder, ObjectName, PruneOptions, PruneReport, Repository, SnapshotId, Source};

pub(crate) struct History {
    pub(crate) vault: Vault,
    pub(crate) snapshots: Vec<(SnapshotId, Tree)>,
}

impl History {
    /// Snapshots of a folder in which some files stay, some change, and some come and go.
    pub(crate) fn make(count: u64) -> Self {
        let folder = scratch();
        let source = folder.path().join("source");
        fs::create_dir(&source).unwrap();
        let vault = Vault::new();
        let repo = create(vault.clone());
        let mut snapshots = Vec::new();
        for number in 0..count {
            Self::edit(&source, number);
            let report = back_up(&repo, Source::paths([&source]));
            snapshots.push((*report.snapshot().unwrap(), walk(&source)));
        }
        History { vault, snapshots }
    }

    fn edit(source: &std::path::Path, round: u64) {
        if round == 0 {
            for file in 0..12 {
                fs::write(source.join(format!("stays-{file}")), noise(file, 9000)).unwrap();
            }
        }
        for file in 0..6 {
            fs::write(source.join(format!("changes-{file}")), noise(1000 * (round + 1) + file, 20_000)).unwrap();
        }
        let old = source.join(format!("only-{}", round.wrapping_sub(1)));
        if old.exists() {
            fs::remove_dir_all(old).unwrap();
        }
        let only = source.join(format!("only-{round}"));
        fs::create_dir(&only).unwrap();
        fs::write(only.join("large"), noise(77_000 + round, 300_000)).unwrap();
    }

    #[track_caller]
    pub(crate) fn assert_restores(&self, repo: &Repository, number: usize) {
        let (id, tree) = &self.snapshots[number];
        let folder = scratch();
        let target = folder.path().join("target");
        restore(repo, id, &target);
        assert_same(tree, &walk(&target));
    }
}

/// Takes a snapshot away, as `forget` does.
pub(crate) fn forget(vault: &Vault, id: &SnapshotId) {
    vault.remove(&ObjectName::new(Folder::Snapshots, id.to_string()).unwrap());
}

#[track_caller]
pub(crate) fn prune(repo: &Repository) -> PruneReport {
    repo.prune(&PruneOptions::new(), &Context::new()).unwrap()
}
