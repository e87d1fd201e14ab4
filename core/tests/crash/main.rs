//! Every operation that writes, stopped at every call to the storage, as by a crash or a power cut: once with the call
//! not done, once with the call done and the answer lost; and in storms of faults of every kind. Nothing that was
//! reported before may be gone, and the same operation has to come to its end when it is tried again.

#[path = "../common/mod.rs"]
mod common;

mod operations;
mod storms;
mod world;

use common::fault::{Fault, FaultBackend};
use common::reopen;
use common::vault::Vault;
use operations::{Done, Operation, Scene};
use std::sync::Mutex;
use strongroom::{CheckOptions, Context, ErrorKind, Folder, ObjectName, SnapshotId, Timestamp};
use world::World;

static POINTS: Mutex<u64> = Mutex::new(0);

/// Stops an operation at every call it makes.
fn stopped_everywhere(Scene { name, world, operation }: &Scene) {
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
fn judge(name: &str, stop: u64, world: &World, vault: &Vault, done: Option<&Done>, operation: &Operation) {
    let told = format!("{name} stopped at call {stop}");
    hours_pass(vault);
    let nothing = Done::default();
    if done.is_some() || !world.damaged {
        look(&told, world, vault, done.unwrap_or(&nothing), false);
    }
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
    hours_pass_for(vault, &vault.names(Folder::Sessions));
}

fn hours_pass_for(vault: &Vault, names: &[ObjectName]) {
    for name in names {
        let time = strongroom::Backend::stat(vault, name).unwrap().modified;
        vault.set_time(name, Timestamp::new(time.seconds - 3 * 3600, time.nanos));
    }
}

#[test]
fn a_backup() {
    stopped_everywhere(&operations::backup());
}

#[test]
fn pruning() {
    stopped_everywhere(&operations::prune());
}

#[test]
fn pruning_by_a_maintainer() {
    stopped_everywhere(&operations::prune_by_a_maintainer());
}

#[test]
fn forgetting() {
    stopped_everywhere(&operations::forget());
}

#[test]
fn copying() {
    stopped_everywhere(&operations::copy());
}

#[test]
fn repairing() {
    stopped_everywhere(&operations::repair());
}

#[test]
fn rotating_keys() {
    stopped_everywhere(&operations::rotate());
}

#[test]
fn reencrypting() {
    stopped_everywhere(&operations::reencrypt());
}

#[test]
fn pruning_in_two_runs() {
    stopped_everywhere(&operations::prune_what_was_condemned());
}
