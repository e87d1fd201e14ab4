//! Several writers, readers and pruners at once, interleaved call by call, with stalls, clocks that jump, leases that
//! run out, crashes, calls that fail or are made twice, and listings that lag. Whatever happens, a snapshot that was reported as made restores, byte for byte.
//!
//! The real engine runs; only the storage is a model. Each actor is a thread of its own, and every call it makes waits
//! until the scheduler, driven by a seed, lets it through. The same seed makes the same choices.

#[path = "../common/mod.rs"]
mod common;

mod actors;
mod sea;

use actors::{Case, run};
use proptest::test_runner::TestRunner;
use strongroom::Mistake;

/// Seeds that once found something: a proof against its coming back.
const KEPT: &[u64] = &[14_873_344_937_921_906_995, 6_492_323_330_480_072_542];

/// The same ones every day, so that a change is told by what it changes; `cargo xtask soak` takes new ones every time.
/// `STRONGROOM_MODEL_SEED` chooses where to begin, `STRONGROOM_MODEL_RUNS` how many.
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let begin = std::env::var("STRONGROOM_MODEL_SEED").ok();
    let count = std::env::var("STRONGROOM_MODEL_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(count);
    let first: u64 = match begin.as_deref() {
        None => 0,
        Some("random") => TestRunner::default().new_rng_u64(),
        Some(seed) => seed.parse().unwrap(),
    };
    let kept = KEPT.iter().copied().filter(move |_| begin.is_none());
    kept.chain((0..count).map(move |number| first.wrapping_add(number)))
}

trait Random {
    fn new_rng_u64(&mut self) -> u64;
}

impl Random for TestRunner {
    fn new_rng_u64(&mut self) -> u64 {
        use proptest::prelude::Rng;
        self.rng().next_u64()
    }
}

#[test]
fn whatever_the_order_nothing_reported_is_lost() {
    let (mut runs, mut calls, mut snapshots, mut conflicts, mut crashes, mut removed, mut troubles) =
        (0, 0, 0, 0, 0, 0, 0);
    for seed in seeds(150) {
        let done = run(Case { seed, mistake: None, rough: seed % 2 == 1 && !KEPT.contains(&seed) });
        if let Some(wrong) = done.loss.or(done.trouble) {
            panic!("seed {seed}: {wrong}\nrun it alone with STRONGROOM_MODEL_SEED={seed} STRONGROOM_MODEL_RUNS=1");
        }
        runs += 1;
        calls += done.calls;
        snapshots += done.snapshots;
        conflicts += done.conflicts;
        crashes += done.crashes;
        removed += done.removed_packs;
        troubles += done.troubles;
    }
    println!(
        "{runs} interleavings of {calls} calls: {snapshots} snapshots made, {removed} packs removed, {crashes} crashes, \
         {troubles} calls that failed or were made twice, {conflicts} sessions that had to begin again; nothing lost"
    );
    assert!(removed > 0 && snapshots > 0);
}

/// How many interleavings it takes to notice a mistake.
fn noticed(mistake: Mistake) {
    let most = 600;
    for (number, seed) in seeds(most).enumerate() {
        if let Some(loss) = run(Case { seed, mistake: Some(mistake), rough: false }).loss {
            println!("{mistake:?} was noticed in interleaving {} (seed {seed}): {loss}", number + 1);
            return;
        }
    }
    panic!("{mistake:?} was not noticed in {most} interleavings");
}

#[test]
fn removing_without_waiting_is_noticed() {
    noticed(Mistake::RemoveWithoutWaiting);
}

#[test]
fn committing_without_looking_again_is_noticed() {
    noticed(Mistake::CommitWithoutLookingAgain);
}

#[test]
fn taking_condemned_blobs_for_present_is_noticed() {
    noticed(Mistake::TakeCondemnedForPresent);
}

#[test]
fn removing_without_looking_again_is_noticed() {
    noticed(Mistake::RemoveWithoutLookingAgain);
}
