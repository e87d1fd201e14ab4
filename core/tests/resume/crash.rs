//! Storage, or the process, is gone from some call on, whichever that is.

use super::common::edits::settle;
use super::common::fault::{Call, Fault, FaultBackend};
use super::common::forest::Sizes;
use super::common::vault::Vault;
use super::common::walk::{assert_same, walk};
use super::common::{assert_sound, create, noise, reopen, restore, scratch, secret};
use super::{Disk, packs};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use strongroom::{
    BackupOptions, BackupReport, Budget, Context, ErrorKind, NewKey, OpenOptions, Outcome, Repository, Role, Secret,
    SnapshotFilter,
};

const MIB: u64 = 1 << 20;
/// A pack of [`Sizes::TINY`].
const PACK: u64 = Sizes::TINY.pack as u64;
/// As much content is read between two checkpoints.
const CHECKPOINT: u64 = 16 * PACK;
/// What is read and not yet sent: an eighth of the budget of 32 MiB each for packs that wait and are on their way,
/// the pack that is being filled, segments with the workers, and the buffer.
const UNDER_WAY: u64 = 11 * MIB;
/// Nodes of trees, footers, and the padding of packs that end early.
const OVERHEAD: u64 = 300 << 10;

struct Scene {
    scratch: tempfile::TempDir,
    vault: Vault,
    disk: Disk,
    total: u64,
    /// Bytes of the packs of an undisturbed backup.
    stored: u64,
}

impl Scene {
    fn new(fill: impl FnOnce(&Path)) -> Self {
        let scratch = scratch();
        let source = scratch.path().join("source");
        fs::create_dir(&source).unwrap();
        fill(&source);
        settle(&source);
        let vault = Vault::new();
        let owner = create(vault.clone());
        owner.add_key(&NewKey::new(writer(), Role::Writer)).unwrap();
        let mut scene = Scene { scratch, vault, disk: Disk::default(), total: 0, stored: 0 };
        let undisturbed = scene.vault.fork();
        let report = scene.run(&reopen(undisturbed.clone())).unwrap();
        scene.total = scene.disk.take();
        assert!(scene.total <= report.bytes);
        scene.stored = packs(&undisturbed);
        scene
    }

    fn source(&self) -> PathBuf {
        self.scratch.path().join("source")
    }

    fn run(&self, repo: &Repository) -> Result<BackupReport, strongroom::Error> {
        let ctx = Context::new().budget(Budget::default().threads(2).memory(32 * MIB));
        repo.backup(self.disk.source(&self.source()), &BackupOptions::new(), &ctx)
    }

    /// Lets the storage fail from every call on in turn, and looks at what the next backup does.
    fn break_off_everywhere(&self, open: impl Fn(FaultBackend) -> Repository) {
        let counting = FaultBackend::new(self.vault.fork(), |_| None);
        let repo = open(counting.clone());
        let first = counting.calls().len() as u64;
        self.run(&repo).unwrap();
        let last = counting.calls().len() as u64;
        let _ = self.disk.take();
        let (mut resumed, mut most_read) = (0, 0);
        for number in first..last {
            let vault = self.vault.fork();
            let crash = move |call: &Call| (call.number >= number).then_some(Fault::Fail(ErrorKind::Unavailable));
            if let Ok(report) = self.run(&open(FaultBackend::new(vault.clone(), crash))) {
                // Only the end of the lease was left.
                assert_eq!(report.outcome, Outcome::Complete);
                let _ = self.disk.take();
                continue;
            }
            let sent_before = packs(&vault);
            let report = self.run(&open(FaultBackend::new(vault.clone(), |_| None)));
            let report = report.unwrap_or_else(|error| panic!("after call {number}: {error:?}"));
            assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
            let (sent, again) = (packs(&vault), self.disk.take() - self.total);
            let what = format!("after call {number}: {sent_before} of {sent} bytes had been sent, {again} read again");
            assert!(sent <= self.stored + PACK + OVERHEAD, "{what}; {} without", self.stored);
            assert!(again <= CHECKPOINT + UNDER_WAY, "{what}");
            let read = self.total - again;
            resumed += u64::from(read < self.total && report.new_bytes < self.total);
            most_read = most_read.max(again);
            println!("{what}");
            if number % 7 == 0 || number + 3 >= last {
                self.assert_restored(&vault, &report);
            }
        }
        assert!(resumed > 0);
    }

    fn assert_restored(&self, vault: &Vault, report: &BackupReport) {
        let target = tempfile::tempdir_in(self.scratch.path()).unwrap();
        let repo = reopen(vault.clone());
        restore(&repo, report.snapshot().unwrap(), target.path());
        assert_same(&walk(&self.source()), &walk(target.path()));
        // Two where only what comes after the commit was lost.
        let snapshots = repo.snapshots(&SnapshotFilter::all()).unwrap();
        assert!((1..=2).contains(&snapshots.filter(|snapshot| snapshot.is_ok()).count()));
        assert_sound(&repo);
    }
}

fn writer() -> Secret {
    Secret::account_key([8; 32])
}

fn as_owner(backend: FaultBackend) -> Repository {
    Repository::open(backend, &secret()).unwrap()
}

#[test]
fn in_a_backup_of_many_files() {
    let scene = Scene::new(|folder| {
        for number in 0..48_u64 {
            fs::write(folder.join(format!("{number:02}")), noise(number, 500_000)).unwrap();
        }
    });
    scene.break_off_everywhere(as_owner);
}

/// A hole, and data on both sides of it.
fn large_file(path: &Path) {
    let file = File::create(path).unwrap();
    file.write_all_at(&noise(1, 10_000_000), 0).unwrap();
    file.write_all_at(&noise(2, 20_000_000), 15_000_000).unwrap();
}

#[test]
fn in_a_backup_of_one_large_file() {
    let scene = Scene::new(|folder| large_file(&folder.join("large")));
    scene.break_off_everywhere(as_owner);
}

/// Who may not read what it wrote keeps its tree in the state folder.
#[test]
fn in_a_backup_by_a_writer_that_cannot_read() {
    let scene = Scene::new(|folder| {
        fs::write(folder.join("a"), noise(3, 3_000_000)).unwrap();
        large_file(&folder.join("b"));
        fs::write(folder.join("c"), noise(4, 3_000_000)).unwrap();
    });
    let state = tempfile::tempdir_in(scene.scratch.path()).unwrap();
    let options = OpenOptions::new().state_folder(state.path());
    scene.break_off_everywhere(|backend| Repository::open_with(backend, &writer(), &options).unwrap());
}
