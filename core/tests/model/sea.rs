//! Storage whose calls are let through one by one, by a scheduler that a seed drives, and that may be rough to them.

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use strongroom::{Backend, Error, ErrorKind, Folder, ObjectInfo, ObjectName, Result, Timestamp};

type Objects = BTreeMap<ObjectName, Stored>;

struct Stored {
    bytes: Arc<[u8]>,
    time: Timestamp,
    /// When listings show it.
    shown: i64,
}

/// What listings show although it is gone.
struct Ghost {
    info: ObjectInfo,
    until: i64,
}

/// What goes wrong with one call.
#[derive(Clone, Copy)]
enum Trouble {
    Fails,
    LosesItsAnswer,
    IsMadeTwice,
}

/// How far listings lag behind at most where they do, and what the backend says of it.
const LAG: Duration = Duration::from_secs(600);

#[derive(Default)]
struct State {
    objects: Objects,
    ghosts: Vec<Ghost>,
    /// The storage's clock, in nanoseconds.
    clock: i64,
    /// Time that only passes.
    passed: i64,
    /// How much later listings show what is done next.
    lag: i64,
    /// Whether listings lag in this run.
    lags: bool,
    trouble: Option<Trouble>,
    troubles: u64,
    actors: Vec<Actor>,
    next_ticket: u64,
    granted: Option<u64>,
    calls: u64,
    crashes: u64,
    /// Nobody schedules any more: every call goes through.
    open: bool,
}

#[derive(Default)]
struct Actor {
    done: bool,
    crashed: bool,
    waiting: VecDeque<u64>,
    stalled_until: u64,
}

/// The storage and its scheduler.
#[derive(Clone, Default)]
pub(crate) struct Sea(Arc<(Mutex<State>, Condvar)>);

/// The storage as one actor sees it.
#[derive(Clone)]
pub(crate) struct Ship {
    sea: Sea,
    actor: Option<usize>,
}

const HOUR: i64 = 3600 * 1_000_000_000;

impl Sea {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    /// For who is alone.
    pub(crate) fn calm(&self) -> Ship {
        Ship { sea: self.clone(), actor: None }
    }

    pub(crate) fn ship(&self) -> Ship {
        let mut state = self.state();
        state.actors.push(Actor::default());
        Ship { sea: self.clone(), actor: Some(state.actors.len() - 1) }
    }

    pub(crate) fn advance(&self, hours: i64) {
        self.state().pass(hours * HOUR);
    }

    /// Calls, crashes, and calls with which something else went wrong.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let state = self.state();
        (state.calls, state.crashes, state.troubles)
    }

    /// Lets calls through until every actor is done. In rough weather some fail, some are made twice, and listings lag.
    pub(crate) fn schedule(&self, seed: u64, rough: bool) {
        let bytes: Vec<u8> = seed.to_le_bytes().repeat(4);
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let (_, changed) = &*self.0;
        let mut state = self.state();
        let mut step = 0;
        let climate = Climate::new(&mut rng);
        // Apart from the other, so that who comes next is the same in every weather.
        let mut roughness = TestRng::from_seed(RngAlgorithm::ChaCha, &(seed ^ u64::MAX).to_le_bytes().repeat(4));
        let trouble = [0.0, 0.003, 0.01, 0.03][roughness.random_range(0..4)];
        state.lags = rough && roughness.random_bool(0.7);
        loop {
            // Everybody who is alive has to be waiting, or what goes first would be left to chance.
            while state.granted.is_some() || state.actors.iter().any(|actor| !actor.done && actor.waiting.is_empty()) {
                state = changed.wait(state).unwrap();
            }
            let alive: Vec<usize> = (0..state.actors.len()).filter(|actor| !state.actors[*actor].done).collect();
            if alive.is_empty() {
                state.open = true;
                state.lags = false;
                return;
            }
            step += 1;
            self.weather(&mut state, &mut rng, step, &alive, &climate);
            let awake: Vec<usize> =
                alive.iter().copied().filter(|actor| state.actors[*actor].stalled_until <= step).collect();
            state.lag = if state.lags { roughness.random_range(0..LAG.as_nanos() as i64) } else { 0 };
            state.trouble = (rough && roughness.random_bool(trouble))
                .then(|| [Trouble::Fails, Trouble::LosesItsAnswer, Trouble::IsMadeTwice][roughness.random_range(0..3)]);
            state.troubles += u64::from(state.trouble.is_some());
            let candidates = if awake.is_empty() { alive } else { awake };
            let chosen = candidates[rng.random_range(0..candidates.len())];
            state.granted = state.actors[chosen].waiting.pop_front();
            changed.notify_all();
        }
    }

    /// What happens to everybody: time passes, and sometimes something goes wrong.
    fn weather(&self, state: &mut State, rng: &mut TestRng, step: u64, alive: &[usize], climate: &Climate) {
        state.pass(1_000_000_000);
        let chosen = alive[rng.random_range(0..alive.len())];
        if rng.random_bool(climate.hours_pass) {
            // Long enough for leases to run out.
            state.pass(rng.random_range(0..3) * HOUR + HOUR / 2);
        }
        if rng.random_bool(climate.clock_goes_back) {
            state.clock -= 365 * 24 * HOUR;
        }
        if rng.random_bool(climate.stalls) {
            state.actors[chosen].stalled_until = step + rng.random_range(20..200);
        }
        if rng.random_bool(climate.sleeps) {
            // A stall that its lease does not survive.
            state.actors[chosen].stalled_until = step + rng.random_range(50..250);
            state.pass(2 * HOUR);
        }
        if rng.random_bool(climate.crashes) {
            state.crashes += 1;
            let actor = &mut state.actors[chosen];
            actor.crashed = true;
            // What is under way may have been done or not.
            let last = actor.waiting.pop_front().filter(|_| rng.random_bool(0.5));
            actor.waiting.clear();
            actor.waiting.extend(last);
        }
    }
}

impl State {
    fn pass(&mut self, nanos: i64) {
        self.clock += nanos;
        self.passed += nanos;
    }
}

/// How often what goes wrong, per call. Each run has its own: what hides in one kind of trouble shows in another (swarm
/// testing; Groce et al., 2012).
struct Climate {
    hours_pass: f64,
    clock_goes_back: f64,
    stalls: f64,
    sleeps: f64,
    crashes: f64,
}

impl Climate {
    fn new(rng: &mut TestRng) -> Self {
        let mut one_of = |rates: [f64; 4]| rates[rng.random_range(0..4)];
        Climate {
            hours_pass: one_of([0.0, 0.01, 0.03, 0.08]),
            clock_goes_back: one_of([0.0, 0.0, 0.0, 0.003]),
            stalls: one_of([0.01, 0.03, 0.06, 0.1]),
            sleeps: one_of([0.0, 0.005, 0.02, 0.05]),
            crashes: one_of([0.0, 0.0, 0.003, 0.01]),
        }
    }
}

impl Ship {
    /// Whether the actor was killed; it lives again.
    pub(crate) fn was_killed(&self) -> bool {
        let mut state = self.sea.state();
        self.actor.is_some_and(|actor| std::mem::take(&mut state.actors[actor].crashed))
    }

    /// The storage for who does something that takes no time.
    pub(crate) fn calm(&self) -> Ship {
        self.sea.calm()
    }

    pub(crate) fn done(&self) {
        if let Some(actor) = self.actor {
            let mut state = self.sea.state();
            state.actors[actor].done = true;
            state.actors[actor].waiting.clear();
        }
        self.sea.0.1.notify_all();
    }

    fn call<T>(&self, name: &dyn std::fmt::Display, call: impl Fn(&mut State) -> Result<T>) -> Result<T> {
        let (_, changed) = &*self.sea.0;
        let mut state = self.sea.state();
        let Some(actor) = self.actor.filter(|_| !state.open) else { return call(&mut state) };
        let died = || Error::new(ErrorKind::Io, "use the storage").object(name).detail("the actor died");
        if state.actors[actor].crashed {
            return Err(died());
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.actors[actor].waiting.push_back(ticket);
        changed.notify_all();
        while state.granted != Some(ticket) {
            let lost = state.actors[actor].crashed && !state.actors[actor].waiting.contains(&ticket);
            if lost {
                changed.notify_all();
                return Err(died());
            }
            state = changed.wait(state).unwrap();
        }
        state.calls += 1;
        let unreachable = || Error::new(ErrorKind::Unavailable, "use the storage").object(name);
        let result = match state.trouble.take() {
            None => call(&mut state),
            Some(Trouble::Fails) => Err(unreachable()),
            Some(Trouble::LosesItsAnswer) => call(&mut state).and_then(|_| Err(unreachable())),
            Some(Trouble::IsMadeTwice) => call(&mut state).and_then(|_| call(&mut state)),
        };
        state.granted = None;
        changed.notify_all();
        if state.actors[actor].crashed { Err(died()) } else { result }
    }
}

impl Stored {
    fn info(&self, name: &ObjectName) -> ObjectInfo {
        ObjectInfo::new(name.clone(), self.bytes.len() as u64, self.time)
    }
}

impl Backend for Ship {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        self.call(name, |state| {
            if state.objects.contains_key(name) {
                return Err(Error::new(ErrorKind::AlreadyExists, "store an object").object(name));
            }
            let seconds = state.clock.div_euclid(1_000_000_000);
            let time = Timestamp::new(seconds, u32::try_from(state.clock.rem_euclid(1_000_000_000)).unwrap());
            let shown = state.passed + state.lag;
            state.ghosts.retain(|ghost| ghost.info.name != *name);
            state.objects.insert(name.clone(), Stored { bytes: parts.concat().into(), time, shown });
            Ok(())
        })
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.call(name, |state| {
            let missing = || Error::new(ErrorKind::NotFound, "read an object").object(name);
            let Stored { bytes, .. } = state.objects.get(name).ok_or_else(missing)?;
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            let short = || Error::new(ErrorKind::Corrupt, "read an object").object(name);
            Ok(bytes.get(range).ok_or_else(short)?.to_vec())
        })
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.call(name, |state| {
            let missing = || Error::new(ErrorKind::NotFound, "look up an object").object(name);
            let stored = state.objects.get(name).ok_or_else(missing)?;
            Ok(stored.info(name))
        })
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let listed: Vec<ObjectInfo> = self.call(&folder.name(), |state| {
            // Who looks on from outside is not fooled.
            let lags = state.lags && self.actor.is_some();
            let now = state.passed;
            state.ghosts.retain(|ghost| ghost.until > now);
            let shown = |stored: &Stored| !lags || stored.shown <= now;
            let objects = state.objects.iter().filter(|(name, stored)| name.folder() == folder && shown(stored));
            let ghosts = state.ghosts.iter().filter(|ghost| lags && ghost.info.name.folder() == folder);
            let objects = objects.map(|(name, stored)| stored.info(name));
            Ok(objects.chain(ghosts.map(|ghost| ghost.info.clone())).collect())
        })?;
        listed.into_iter().try_for_each(found)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.call(name, |state| {
            if let Some(stored) = state.objects.remove(name) {
                let (info, until) = (stored.info(name), state.passed + state.lag);
                state.ghosts.push(Ghost { info, until });
            }
            Ok(())
        })
    }

    fn settling(&self) -> Duration {
        if self.sea.state().lags { LAG } else { Duration::ZERO }
    }

    fn location(&self) -> String {
        "the model".to_owned()
    }
}
