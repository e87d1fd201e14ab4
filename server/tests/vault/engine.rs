//! Whole backups through a vault, over a network that breaks off and a service that goes down.

use crate::noise;
use crate::proxy::Proxy;
use crate::world::{World, files, impatient, vault};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use strongroom::account::wire::Capabilities;
use strongroom::account::{Account, AccountClient};
use strongroom::{
    BackupOptions, CheckOptions, ChunkSizes, Context, CreateOptions, ErrorKind, ForgetOptions, Outcome, PruneOptions,
    Repository, RestoreOptions, RetentionPolicy, Secret, SnapshotFilter, Source, VaultBackend,
};
use tempfile::TempDir;

/// Some megabytes that do not compress, and small files.
fn tree(folder: &Path, seed: u64) {
    fs::create_dir_all(folder.join("deep/er")).unwrap();
    for number in 0..6_u64 {
        fs::write(folder.join(format!("large{number}")), noise(seed + number, 700_000)).unwrap();
        fs::write(folder.join(format!("deep/er/small{number}")), format!("text {number} of {seed}\n")).unwrap();
    }
}

fn assert_same(one: &Path, other: &Path) {
    let relative = |folder: &Path| -> Vec<_> {
        files(folder).iter().map(|path| path.strip_prefix(folder).unwrap().to_owned()).collect()
    };
    assert_eq!(relative(one), relative(other));
    for path in relative(one) {
        assert!(fs::read(one.join(&path)).unwrap() == fs::read(other.join(&path)).unwrap(), "{}", path.display());
    }
}

fn options() -> CreateOptions {
    CreateOptions::new()
        .chunk_sizes(ChunkSizes::new(4 << 10, 16 << 10, 64 << 10))
        .segment_size(128 << 10)
        .pack_size(1 << 20)
}

fn backup(repository: &Repository, folder: &Path) -> strongroom::SnapshotId {
    let report = repository.backup(Source::paths([folder]), &BackupOptions::new(), &Context::new()).unwrap();
    assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
    report.snapshot.unwrap()
}

fn restored(repository: &Repository, snapshot: &strongroom::SnapshotId, source: &Path) -> TempDir {
    let target = TempDir::new().unwrap();
    repository.restore(snapshot, &RestoreOptions::to(target.path()), &Context::new()).unwrap();
    assert_same(source, target.path());
    target
}

fn secret(owner: &Account, backend: &VaultBackend) -> Secret {
    Secret::account_key(*owner.vault_key(&backend.vault()).unwrap())
}

#[test]
fn a_repository_lives_in_a_vault() {
    let world = World::start_with_tls();
    let owner = world.person("large");
    let backend = world.backend(&owner).part_size(256 << 10);
    let source = TempDir::new().unwrap();
    tree(source.path(), 1);
    let key = secret(&owner, &backend);
    let repository = Repository::create(backend.clone(), &key, &options()).unwrap();
    let first = backup(&repository, source.path());
    tree(source.path(), 4);
    let second = backup(&repository, source.path());
    // On another device, from nothing but the account.
    let (device, _) = world.device(&owner, Capabilities::ALL);
    let device = device.open_master_key(&Context::new()).unwrap();
    let access = device.vault_access(&backend.vault(), Capabilities::ALL);
    let there = Repository::open(VaultBackend::new(access), &secret(&device, &backend)).unwrap();
    restored(&there, &second, source.path());
    // Only the last is kept; what the first alone had goes, in two runs of pruning.
    let ctx = Context::new();
    let used = owner.vault(&backend.vault(), &ctx).unwrap().bytes;
    there.forget(&ForgetOptions::by_policy(RetentionPolicy::new().keep_last(1)), &ctx).unwrap();
    there.prune(&PruneOptions::new(), &ctx).unwrap();
    world.clock.shift(8 * 24 * 3600 * 1000);
    there.prune(&PruneOptions::new(), &ctx).unwrap();
    let check = there.check(&CheckOptions::new().read_data(100.0), &ctx).unwrap();
    assert!(check.is_sound(), "{check:?}");
    restored(&there, &second, source.path());
    assert!(there.snapshots(&SnapshotFilter::all()).unwrap().all(|found| found.unwrap().id != first));
    let left = device.vault(&backend.vault(), &ctx).unwrap().bytes;
    assert!(left < used, "{left} of {used} bytes are left");
}

#[test]
fn a_backup_gets_through_a_network_that_breaks_off_all_the_time() {
    let world = World::start();
    let owner = world.person("large");
    let proxy = Proxy::start(world.config.listen.address);
    let (_, key) = world.device(&owner, Capabilities::ALL);
    let device = AccountClient::new(world.transport(&proxy.url())).device(owner.id(), key, Capabilities::ALL);
    let access = device.vault_access(&vault(&owner), Capabilities::ALL);
    let backend = impatient(VaultBackend::new(access)).part_size(128 << 10);
    let source = TempDir::new().unwrap();
    tree(source.path(), 1);
    let secret = secret(&owner, &backend);
    proxy.cut_within(400_000);
    let repository = Repository::create(backend.clone(), &secret, &options()).unwrap();
    let snapshot = backup(&repository, source.path());
    assert!(proxy.cuts() > 10, "the network was cut {} times", proxy.cuts());
    restored(&repository, &snapshot, source.path());
    let check = repository.check(&CheckOptions::new().read_data(100.0), &Context::new()).unwrap();
    assert!(check.is_sound(), "{check:?}");
    // Nothing is stored twice, and nothing stays reserved.
    let info = owner.vault(&backend.vault(), &Context::new()).unwrap();
    assert_eq!(owner.usage(&Context::new()).unwrap().bytes, info.bytes);
    assert_eq!(files(&world.objects().join("vaults")).len() as u64, info.objects);
}

#[test]
fn a_backup_goes_on_when_the_service_is_restarted_under_it() {
    let mut world = World::start();
    let owner = world.person("large");
    let backend = world.backend(&owner).part_size(128 << 10);
    let source = TempDir::new().unwrap();
    for round in 0..4 {
        tree(&source.path().join(round.to_string()), round * 100);
    }
    let secret = secret(&owner, &backend);
    let repository = Repository::create(backend, &secret, &options()).unwrap();
    let (done, path) = (AtomicBool::new(false), source.path());
    let (snapshot, restarts) = std::thread::scope(|scope| {
        let backup = scope.spawn(|| {
            let snapshot = backup(&repository, path);
            done.store(true, Ordering::Relaxed);
            snapshot
        });
        let mut restarts = 0;
        while !done.load(Ordering::Relaxed) && restarts < 5 {
            std::thread::sleep(Duration::from_millis(250));
            world.restart(Duration::from_millis(100));
            restarts += 1;
        }
        (backup.join().unwrap(), restarts)
    });
    assert!(restarts > 0);
    restored(&repository, &snapshot, source.path());
}

#[test]
fn a_token_that_only_appends_is_enough_for_a_backup_and_for_no_restore() {
    let world = World::start();
    let owner = world.person("large");
    let backend = world.backend(&owner);
    let source = TempDir::new().unwrap();
    tree(source.path(), 1);
    let secret = secret(&owner, &backend);
    Repository::create(backend.clone(), &secret, &options()).unwrap();
    let (device, _) = world.device(&owner, crate::world::WRITER);
    let access = device.vault_access(&backend.vault(), crate::world::WRITER.into());
    let repository = Repository::open(impatient(VaultBackend::new(access)), &secret).unwrap();
    let first = backup(&repository, source.path());
    let refused = repository.restore(&first, &RestoreOptions::to(TempDir::new().unwrap().path()), &Context::new());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::PermissionDenied);
    let owners = Repository::open(backend, &secret).unwrap();
    restored(&owners, &first, source.path());
}
