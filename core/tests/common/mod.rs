//! What the integration tests share. Each test program uses its own part of it.
#![allow(dead_code)]

pub(crate) mod child;
pub(crate) mod conformance;
pub(crate) mod edits;
pub(crate) mod fault;
pub(crate) mod forest;
pub(crate) mod vault;
pub(crate) mod walk;
pub(crate) mod watched;

use proptest::prelude::ProptestConfig;
use std::path::Path;
use strongroom::{
    Backend, BackupOptions, BackupReport, CheckOptions, Context, CreateOptions, Outcome, Repository, RestoreOptions,
    RestoreReport, Secret, SnapshotId, Source,
};

/// A temporary folder that is gone when it is dropped: in memory where the system offers that and knows extended
/// attributes there, because tests write very many small files.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("strongroom-");
        builder
    };
    if let Ok(folder) = builder().tempdir_in(memory)
        && rustix::fs::setxattr(folder.path(), "user.probe", b"1", rustix::fs::XattrFlags::CREATE).is_ok()
        && rustix::fs::removexattr(folder.path(), "user.probe").is_ok()
    {
        return folder;
    }
    builder().tempdir().unwrap()
}

/// How often a property is tried; more often where `PROPTEST_CASES` says so.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let set = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig { max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() };
    if set { default } else { ProptestConfig { cases, ..default } }
}

/// Pseudo-random bytes that are the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A secret that opens at once, where passphrases are not what is tested.
pub(crate) fn secret() -> Secret {
    Secret::account_key([7; 32])
}

/// A new repository of small pieces.
pub(crate) fn create(backend: impl Backend + 'static) -> Repository {
    create_with(backend, &forest::Sizes::TINY.options())
}

pub(crate) fn create_with(backend: impl Backend + 'static, options: &CreateOptions) -> Repository {
    Repository::create(backend, &secret(), options).unwrap()
}

/// Opened anew, with nothing in memory of what was done before.
pub(crate) fn reopen(backend: impl Backend + 'static) -> Repository {
    Repository::open(backend, &secret()).unwrap()
}

/// A backup that has to be complete.
#[track_caller]
pub(crate) fn back_up(repo: &Repository, source: impl Into<Source>) -> BackupReport {
    back_up_with(repo, source, &BackupOptions::new())
}

#[track_caller]
pub(crate) fn back_up_with(repo: &Repository, source: impl Into<Source>, options: &BackupOptions) -> BackupReport {
    let report = repo.backup(source, options, &Context::new()).unwrap();
    assert_eq!(report.outcome, Outcome::Complete, "{:?}", report.problems);
    assert!(report.problems.is_empty() && report.problem_count == 0);
    report
}

/// A restore that has to be complete.
#[track_caller]
pub(crate) fn restore(repo: &Repository, snapshot: &SnapshotId, target: &Path) -> RestoreReport {
    let report = repo.restore(snapshot, &RestoreOptions::to(target), &Context::new()).unwrap();
    assert_eq!(report.outcome, Outcome::Complete, "{:?}", report.problems);
    assert!(report.problems.is_empty() && report.problem_count == 0);
    report
}

/// Every byte of the repository is what it should be.
#[track_caller]
pub(crate) fn assert_sound(repo: &Repository) {
    let report = repo.check(&CheckOptions::new().read_data(100.0).verify_content(true), &Context::new()).unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    assert_eq!((report.packs_read, report.trees_skipped), (report.packs, false));
}
