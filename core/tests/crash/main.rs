//! Every operation that writes, stopped at every call to the storage, as by a crash or a power cut: once with the call
//! not done, once with the call done and the answer lost. Nothing that was reported before may be gone, and the same
//! operation has to come to its end when it is tried again.

#[path = "../common/mod.rs"]
mod common;

mod world;

use common::fault::{Fault, FaultBackend};
use common::reopen;
use common::vault::Vault;
use std::sync::Mutex;
use strongroom::{
    BackupOptions, CheckOptions, Context, ErrorKind, Folder, ObjectName, PruneOptions, Repository, Result, SnapshotId,
    Timestamp,
};
use world::{Documents, World, abandon_a_session, secret_of_a_maintainer};

static POINTS: Mutex<u64> = Mutex::new(0);

/// What an operation did: snapshots it made, and those it took away on purpose.
#[derive(Default)]
struct Done {
    made: Vec<(SnapshotId, Documents)>,
    forgotten: Vec<SnapshotId>,
}

/// An operation, told which storage to use.
type Operation<'a> = dyn Fn(FaultBackend, &World) -> Result<Done> + 'a;

/// Stops `operation` at every call it makes.
fn stopped_everywhere(name: &str, world: &World, operation: &Operation<'_>) {
    let mut points = 0;
    for done in [false, true] {
        for stop in 0.. {
            let vault = world.vault.fork();
            let backend = FaultBackend::new(vault.clone(), move |call| {
                let failed = if done && call.number == stop {
                    Fault::FailAfter(ErrorKind::Io)
                } else {
                    Fault::Fail(ErrorKind::Io)
                };
                (call.number >= stop).then_some(failed)
            });
            let result = operation(backend.clone(), world);
            let crashed = backend.calls().len() as u64 > stop;
            judge(name, stop, world, &vault, result.as_ref().ok(), operation);
            if !crashed {
                assert!(result.is_ok(), "{name} failed without a fault: {:?}", result.err());
                break;
            }
            points += 1;
        }
    }
    let mut all = POINTS.lock().unwrap();
    *all += points;
    println!("{name}: {points} crash points, {} so far", *all);
    assert!(points > 0);
}

/// What has to hold after a crash, and after the operation was tried again.
fn judge(name: &str, stop: u64, world: &World, vault: &Vault, done: Option<&Done>, operation: &Operation<'_>) {
    let told = format!("{name} stopped at call {stop}");
    hours_pass(vault);
    let nothing = Done::default();
    look(&told, world, vault, done.unwrap_or(&nothing), false);
    if done.is_some() {
        return;
    }
    let again = operation(FaultBackend::new(vault.clone(), |_| None), world);
    let again = again.unwrap_or_else(|error| panic!("{told}, and tried again: {error}"));
    look(&format!("{told}, and tried again"), world, vault, &again, true);
}

/// Every snapshot that should be there restores, and the check finds nothing.
fn look(told: &str, world: &World, vault: &Vault, done: &Done, finished: bool) {
    let repo = reopen(vault.clone());
    for (id, documents) in world.snapshots.iter().chain(&done.made) {
        let there = vault.names(Folder::Snapshots).iter().any(|name| name.file() == id.to_string());
        if !there && (world.may_go.contains(id) || done.forgotten.contains(id)) {
            continue;
        }
        documents.assert_in(&repo, id, told);
    }
    assert!(!finished || done.forgotten.iter().all(|id| !vault.names(Folder::Snapshots).contains(&name_of(id))));
    let report = repo.check(&CheckOptions::new().read_data(100.0), &Context::new()).unwrap();
    assert!(report.is_sound(), "{told}: {:?}", report.problems);
}

fn name_of(id: &SnapshotId) -> ObjectName {
    ObjectName::new(Folder::Snapshots, id.to_string()).unwrap()
}

/// Whoever was at work is long gone.
fn hours_pass(vault: &Vault) {
    for name in vault.names(Folder::Sessions) {
        let time = strongroom::Backend::stat(vault, &name).unwrap().modified;
        vault.set_time(&name, Timestamp::new(time.seconds - 3 * 3600, time.nanos));
    }
}

#[test]
fn a_backup() {
    let world = World::make(2, &[]);
    stopped_everywhere("backup", &world, &|backend, _| {
        let documents = Documents::new(7);
        let repo = Repository::open(backend, &common::secret())?;
        let report = repo.backup(documents.source(), &BackupOptions::new().host("h"), &Context::new())?;
        Ok(Done { made: vec![(*report.snapshot()?, documents)], ..Done::default() })
    });
}

#[test]
fn pruning() {
    let world = World::make(4, &[0, 2]);
    stopped_everywhere("prune", &world, &|backend, _| {
        let repo = Repository::open(backend, &common::secret())?;
        repo.prune(&PruneOptions::new().min_live_share(1.0), &Context::new())?;
        Ok(Done::default())
    });
}

#[test]
fn pruning_by_a_maintainer() {
    let world = World::make(3, &[1]);
    stopped_everywhere("prune by a maintainer", &world, &|backend, _| {
        let repo = Repository::open(backend, &secret_of_a_maintainer())?;
        repo.prune(&PruneOptions::new().min_live_share(1.0), &Context::new())?;
        Ok(Done::default())
    });
}

/// What was condemned while a session was at work is removed later, by somebody else.
#[test]
fn pruning_in_two_runs() {
    let world = World::make(4, &[0, 2]);
    abandon_a_session(&world.vault);
    let first = reopen(world.vault.clone()).prune(&PruneOptions::new(), &Context::new()).unwrap();
    assert!(first.condemned_packs > 0 && first.removed_packs == 0, "{first:?}");
    hours_pass(&world.vault);
    stopped_everywhere("prune what was condemned", &world, &|backend, _| {
        let repo = Repository::open(backend, &common::secret())?;
        repo.prune(&PruneOptions::new(), &Context::new())?;
        Ok(Done::default())
    });
}
