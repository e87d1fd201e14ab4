//! Faults of every kind at random moments of every operation, by a seed.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::reopen;
use super::common::vault::Vault;
use super::operations::{self, Done, Scene};
use super::{hours_pass, name_of};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strongroom::{CheckOptions, Context, ErrorKind, FaultPlan, RepairOptions, Repository, RetryBackend};

/// What storage does that keeps the promises of a backend: it fails, loses answers, is slow, does things in another
/// order and twice, and its listings lag as far as it says.
fn rough(seed: u64) -> FaultPlan {
    FaultPlan::new(seed)
        .with(Fault::Fail(ErrorKind::Unavailable), if seed.is_multiple_of(3) { 15 } else { 0 })
        .with(Fault::FailAfter(ErrorKind::Unavailable), if seed % 4 == 1 { 15 } else { 0 })
        .with(Fault::Delay(Duration::from_micros(200)), 20)
        .with(Fault::Reorder, 60)
        .with(Fault::Duplicate, 40)
        .with(Fault::Hide(1 + seed % 30), if lags(seed) { 150 } else { 0 })
}

/// Whether listings lag. Where they may, pruning removes nothing that was condemned just now.
fn lags(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

/// And what only broken storage does: half objects, half answers, other bits.
fn broken(seed: u64) -> FaultPlan {
    let at = usize::try_from(seed * 37 % 700).unwrap();
    rough(seed).with(Fault::Tear(at), 20).with(Fault::Short(1 + at % 9), 10).with(Fault::Flip(at * 11), 10)
}

/// How often each kind of fault was met.
type Met = Arc<Mutex<std::collections::BTreeMap<&'static str, u64>>>;

fn kind(fault: &Fault, op: Op) -> Option<&'static str> {
    let fits = match fault {
        Fault::Tear(_) => [Op::Put, Op::List].contains(&op),
        Fault::Short(_) | Fault::Flip(_) => op == Op::Read,
        Fault::Hide(_) => [Op::Put, Op::Delete].contains(&op),
        _ => true,
    };
    let name = match fault {
        Fault::Fail(_) => "fail",
        Fault::FailAfter(_) => "lost answer",
        Fault::Delay(_) => "delay",
        Fault::Tear(_) => "tear",
        Fault::Short(_) => "short",
        Fault::Flip(_) => "flip",
        Fault::Duplicate => "duplicate",
        Fault::Reorder => "reorder",
        Fault::Hide(_) => "hide",
        _ => "other",
    };
    fits.then_some(name)
}

fn stormy(vault: &Vault, plan: FaultPlan, settling: Duration, met: &Met) -> FaultBackend {
    let met = Arc::clone(met);
    let rule = move |call: &Call| {
        let fault = plan.pick(call);
        if let Some(name) = fault.as_ref().and_then(|fault| kind(fault, call.op)) {
            *met.lock().unwrap().entry(name).or_default() += 1;
        }
        fault
    };
    FaultBackend::new(vault.clone(), rule).settling_in(settling)
}

/// Everything that was reported as made is there, byte for byte.
fn assert_nothing_lost(told: &str, scene: &Scene, vault: &Vault, done: &[Done]) {
    let repo = reopen(vault.clone());
    let gone = |id| scene.world.may_go.contains(id) && !vault.all().contains(&name_of(id));
    let made = done.iter().flat_map(|done| &done.made);
    for (id, documents) in scene.world.snapshots.iter().chain(made).filter(|(id, _)| !gone(id)) {
        documents.assert_in(&repo, id, told);
    }
}

fn is_sound(repo: &Repository) -> bool {
    repo.check(&CheckOptions::new().read_data(100.0), &Context::new()).unwrap().is_sound()
}

/// Goes through one storm; whether the operation came to its end in it, and whether a repair was needed afterwards.
fn weather(scene: &Scene, seed: u64, plan: FaultPlan, again: bool, met: &Met) -> (bool, bool) {
    let told = format!("{} in storm {seed}", scene.name);
    let vault = scene.world.vault.fork();
    let settling = if lags(seed) { Duration::from_secs(3600) } else { Duration::ZERO };
    let storm = stormy(&vault, plan, settling, met);
    let mut done = Vec::new();
    let result = (scene.operation)(storm, &scene.world);
    let ended = result.is_ok();
    if let Err(error) = &result {
        assert_ne!(error.kind(), ErrorKind::Internal, "{told}: {error:?}");
    }
    done.extend(result.ok());
    hours_pass(&vault);
    if ended || !scene.world.damaged {
        assert_nothing_lost(&told, scene, &vault, &done);
    }
    if again && !ended {
        let calm = (scene.operation)(FaultBackend::new(vault.clone(), |_| None), &scene.world);
        done.push(calm.unwrap_or_else(|error| panic!("{told}, and tried again: {error:?}")));
    }
    let mut repaired = false;
    if ended || again {
        assert_nothing_lost(&told, scene, &vault, &done);
    }
    if !is_sound(&reopen(vault.clone())) {
        repaired = true;
        reopen(vault.clone()).repair(&RepairOptions::new(), &Context::new()).unwrap();
        assert_nothing_lost(&format!("{told}, and repaired"), scene, &vault, &done);
    }
    (ended, repaired)
}

/// So many storms for each operation; `STRONGROOM_STORMS` says otherwise.
fn storms(usual: u64) -> u64 {
    std::env::var("STRONGROOM_STORMS").ok().and_then(|storms| storms.parse().ok()).unwrap_or(usual)
}

#[test]
fn in_rough_weather_every_operation_loses_nothing_and_comes_to_its_end_when_tried_again() {
    let met = Met::default();
    for scene in operations::all() {
        let (mut ended, count) = (0, storms(18));
        for seed in 0..count {
            let (did, repaired) = weather(&scene, seed, rough(seed), true, &met);
            // Half of the index was lost: what nobody has repaired yet is not sound.
            assert!(!repaired, "{} in storm {seed} left something to repair", scene.name);
            ended += u64::from(did);
        }
        println!("{}: {count} storms, {ended} ended in it, all others when tried again", scene.name);
    }
    let met = met.lock().unwrap();
    println!("faults met: {met:?}");
    for fault in ["fail", "lost answer", "delay", "reorder", "duplicate", "hide"] {
        assert!(met.get(fault).is_some_and(|count| *count > 5), "{fault} was hardly met: {met:?}");
    }
}

/// Storage that does not keep its promises costs what it damages, and never what was there before.
#[test]
fn on_broken_storage_what_was_there_before_stays() {
    let met = Met::default();
    for scene in operations::all() {
        let (mut ended, mut repairs, count) = (0, 0, storms(18));
        for seed in 0..count {
            let (did, repaired) = weather(&scene, seed, broken(seed), false, &met);
            ended += u64::from(did);
            repairs += u64::from(repaired);
        }
        println!("{}: {count} storms on broken storage, {ended} ended in it, {repairs} repaired", scene.name);
    }
    let met = met.lock().unwrap();
    println!("faults met: {met:?}");
    for fault in ["tear", "short", "flip"] {
        assert!(met.get(fault).is_some_and(|count| *count > 5), "{fault} was hardly met: {met:?}");
    }
}

/// Whoever tries calls again does not notice storage that is unreachable now and then.
#[test]
fn with_retries_every_operation_ends_in_the_storm() {
    for scene in operations::all() {
        for seed in 0..storms(4) {
            let vault = scene.world.vault.fork();
            let plan = FaultPlan::new(seed)
                .with(Fault::Fail(ErrorKind::Unavailable), 100)
                .with(Fault::FailAfter(ErrorKind::Unavailable), 100);
            let storm = stormy(&vault, plan, Duration::ZERO, &Met::default());
            let retrying = RetryBackend::new(storm).tries(40).longest_wait(Duration::from_micros(100));
            let done = (scene.operation)(FaultBackend::new(retrying, |_| None), &scene.world);
            let told = format!("{} with retries in storm {seed}", scene.name);
            let done = done.unwrap_or_else(|error| panic!("{told}: {error:?}"));
            hours_pass(&vault);
            assert_nothing_lost(&told, &scene, &vault, &[done]);
            assert!(is_sound(&reopen(vault)), "{told}");
        }
    }
}
