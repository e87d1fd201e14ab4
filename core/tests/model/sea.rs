//! Storage whose calls are let through one by one, by a scheduler that a seed drives.

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use strongroom::{Backend, Error, ErrorKind, Folder, ObjectInfo, ObjectName, Result, Timestamp};

type Objects = BTreeMap<ObjectName, (Arc<[u8]>, Timestamp)>;

#[derive(Default)]
struct State {
    objects: Objects,
    /// The storage's clock, in nanoseconds.
    clock: i64,
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
        self.state().clock += hours * HOUR;
    }

    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.calls, state.crashes)
    }

    /// Lets calls through until every actor is done.
    pub(crate) fn schedule(&self, seed: u64) {
        let bytes: Vec<u8> = seed.to_le_bytes().repeat(4);
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let (_, changed) = &*self.0;
        let mut state = self.state();
        let mut step = 0;
        let climate = Climate::new(&mut rng);
        loop {
            // Everybody who is alive has to be waiting, or what goes first would be left to chance.
            while state.granted.is_some() || state.actors.iter().any(|actor| !actor.done && actor.waiting.is_empty()) {
                state = changed.wait(state).unwrap();
            }
            let alive: Vec<usize> = (0..state.actors.len()).filter(|actor| !state.actors[*actor].done).collect();
            if alive.is_empty() {
                state.open = true;
                return;
            }
            step += 1;
            self.weather(&mut state, &mut rng, step, &alive, &climate);
            let awake: Vec<usize> =
                alive.iter().copied().filter(|actor| state.actors[*actor].stalled_until <= step).collect();
            let candidates = if awake.is_empty() { alive } else { awake };
            let chosen = candidates[rng.random_range(0..candidates.len())];
            state.granted = state.actors[chosen].waiting.pop_front();
            changed.notify_all();
        }
    }

    /// What happens to everybody: time passes, and sometimes something goes wrong.
    fn weather(&self, state: &mut State, rng: &mut TestRng, step: u64, alive: &[usize], climate: &Climate) {
        state.clock += 1_000_000_000;
        let chosen = alive[rng.random_range(0..alive.len())];
        if rng.random_bool(climate.hours_pass) {
            // Long enough for leases to run out.
            state.clock += rng.random_range(0..3) * HOUR + HOUR / 2;
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
            state.clock += 2 * HOUR;
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

    fn call<T>(&self, name: &dyn std::fmt::Display, call: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
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
        let result = call(&mut state);
        state.granted = None;
        changed.notify_all();
        if state.actors[actor].crashed { Err(died()) } else { result }
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
            state.objects.insert(name.clone(), (parts.concat().into(), time));
            Ok(())
        })
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.call(name, |state| {
            let missing = || Error::new(ErrorKind::NotFound, "read an object").object(name);
            let (bytes, _) = state.objects.get(name).ok_or_else(missing)?;
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            let short = || Error::new(ErrorKind::Corrupt, "read an object").object(name);
            Ok(bytes.get(range).ok_or_else(short)?.to_vec())
        })
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.call(name, |state| {
            let missing = || Error::new(ErrorKind::NotFound, "look up an object").object(name);
            let (bytes, time) = state.objects.get(name).ok_or_else(missing)?;
            Ok(ObjectInfo::new(name.clone(), bytes.len() as u64, *time))
        })
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let listed: Vec<ObjectInfo> = self.call(&folder.name(), |state| {
            let objects = state.objects.iter().filter(|(name, _)| name.folder() == folder);
            Ok(objects.map(|(name, (bytes, time))| ObjectInfo::new(name.clone(), bytes.len() as u64, *time)).collect())
        })?;
        listed.into_iter().try_for_each(found)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.call(name, |state| {
            state.objects.remove(name);
            Ok(())
        })
    }

    fn location(&self) -> String {
        "the model".to_owned()
    }
}
