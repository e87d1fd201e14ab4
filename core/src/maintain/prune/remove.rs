//! The second phase: removing what was condemned and is still not needed.

use super::liveness::Liveness;
use super::{Prune, World, may_hold, relist};
use crate::backend::{Folder, ObjectName};
use crate::error::{ErrorKind, Result};
use crate::format::condemnation::Stage;
use crate::format::entry::Timestamp;
use crate::format::lease::{LeaseState, MAX_DURATION};
use crate::id::{PackId, SessionId};
use crate::store::condemned::{self, CondemnationId, Condemned, StoredStage};
use crate::store::leases::LeaseListing;
use crate::store::makes_mistake;
use crate::store::parity;
use std::collections::{BTreeMap, BTreeSet};

/// How far a condemnation is.
enum Ripeness {
    /// These sessions may not know of it.
    Waits(BTreeSet<SessionId>),
    /// All that may not know of it are over, but for these, which are taken for dead.
    Ripe(BTreeSet<SessionId>),
}

/// Whether the fence of a condemnation names all these.
fn tells(stages: &BTreeMap<Stage, StoredStage>, dead: &BTreeSet<SessionId>) -> bool {
    let told = stages.get(&Stage::Fenced).map(|fence| &fence.condemnation.sessions);
    dead.iter().all(|session| told.is_some_and(|told| told.binary_search(session).is_ok()))
}

impl Prune<'_> {
    /// Brings condemnations as far as they can be before it is known what is needed: those whose author died are
    /// armed, and sessions that are taken for dead are told. What is damaged is made harmless.
    pub(super) fn settle(&mut self, found: Condemned, leases: &LeaseListing, now: Timestamp) -> Result<Condemned> {
        let mut changed = false;
        let mut found = found;
        for (id, stage, error) in std::mem::take(&mut found.damaged) {
            if error.kind() != ErrorKind::Corrupt && error.kind() != ErrorKind::Io {
                return Err(super::unreadable(error, condemned::name(&id, stage)));
            }
            changed |= self.mend(&id, stage, &found)?;
        }
        for (id, stages) in &found.stages {
            if !stages.contains_key(&Stage::Listed) || stages.contains_key(&Stage::Doomed) {
                continue;
            }
            if !stages.contains_key(&Stage::Armed) {
                // Its author may be about to do the same; whoever is first counts.
                changed = true;
                self.arm(id)?;
            } else if let Ripeness::Ripe(dead) = self.ripeness(stages, leases, now)
                && !tells(stages, &dead)
            {
                changed = true;
                self.hold()?;
                match stages.get(&Stage::Fenced) {
                    None => condemned::write(self.store, id, Stage::Fenced, BTreeSet::new(), dead)?,
                    // Of somebody who ended after that, and was cleaned up after, nobody knows any more that they did.
                    // What it names is given up, and can be condemned anew.
                    Some(_) => condemned::write(self.store, id, Stage::Doomed, BTreeSet::new(), BTreeSet::new())?,
                };
            }
        }
        if changed { Condemned::load(self.store, self.devices) } else { Ok(found) }
    }

    /// Nobody can go by a condemnation that cannot be read: what it may name is given up, or named anew.
    fn mend(&mut self, id: &CondemnationId, stage: Stage, found: &Condemned) -> Result<bool> {
        let stages = found.stages.get(id);
        let has = |stage| stages.is_some_and(|stages| stages.contains_key(&stage));
        match stage {
            // It protects until it is old; who cannot read it looks again before committing.
            Stage::Fenced => return Ok(false),
            Stage::Listed | Stage::Armed if !has(Stage::Doomed) => {
                self.hold()?;
                condemned::write(self.store, id, Stage::Doomed, BTreeSet::new(), BTreeSet::new())?;
            }
            Stage::Listed | Stage::Armed => {}
            Stage::Doomed => {
                let listed = stages.and_then(|stages| stages.get(&Stage::Listed));
                if let Some(listed) = listed {
                    // Condemned anew: whatever of it is not needed will be doomed again.
                    self.list(listed.condemnation.packs.iter().copied().collect())?;
                    self.store.backend().delete(&condemned::name(id, Stage::Listed))?;
                    self.store.backend().delete(&condemned::name(id, Stage::Armed))?;
                }
            }
        }
        self.store.backend().delete(&condemned::name(id, stage))?;
        Ok(true)
    }

    fn ripeness(&self, stages: &BTreeMap<Stage, StoredStage>, leases: &LeaseListing, now: Timestamp) -> Ripeness {
        if makes_mistake!(self.store, RemoveWithoutWaiting) {
            return Ripeness::Ripe(BTreeSet::new());
        }
        let Some(armed) = stages.get(&Stage::Armed) else { return Ripeness::Waits(BTreeSet::new()) };
        let settling = i64::try_from(self.store.backend().settling().as_secs()).unwrap_or(i64::MAX);
        let later = |time: Timestamp| Timestamp::new(time.seconds.saturating_add(settling), time.nanos);
        let mine = self.session.as_ref().map(crate::store::session::Session::id);
        let known: BTreeMap<SessionId, _> = leases.sessions.iter().map(|lease| (lease.lease.session, lease)).collect();
        // Those that listings did not show in time are known by when they began.
        let late = known.values().filter(|lease| settling > 0 && lease.began <= later(armed.received));
        let mut waiting: BTreeSet<SessionId> = armed.condemnation.sessions.iter().copied().collect();
        waiting.extend(late.map(|lease| lease.lease.session));
        waiting.retain(|session| Some(*session) != mine);
        let (mut at_work, mut dead) = (BTreeSet::new(), BTreeSet::new());
        for session in waiting {
            match known.get(&session) {
                Some(lease) if lease.lease.state == LeaseState::Ended => {
                    if settling > 0 && now < later(lease.received) {
                        at_work.insert(session);
                    }
                }
                Some(lease) if now < later(lease.expires()) => drop(at_work.insert(session)),
                _ => drop(dead.insert(session)),
            }
        }
        let unreadable = leases.rejected.iter().any(|(info, _)| may_hold(info.modified, now));
        let early = settling > 0 && now < later(armed.received);
        if at_work.is_empty() && !unreadable && !early { Ripeness::Ripe(dead) } else { Ripeness::Waits(at_work) }
    }

    fn ripe<'w>(
        &self,
        world: &'w World,
    ) -> impl Iterator<Item = (&'w CondemnationId, &'w BTreeMap<Stage, StoredStage>)> {
        world.condemned.stages.iter().filter(|(_, stages)| {
            let open = stages.contains_key(&Stage::Listed) && !stages.contains_key(&Stage::Doomed);
            open && match self.ripeness(stages, &world.leases, world.now) {
                Ripeness::Waits(_) => false,
                // Who only looks tells nobody; who prunes then will.
                Ripeness::Ripe(dead) => self.session.is_none() || tells(stages, &dead),
            }
        })
    }

    /// Removes what is ripe and not needed.
    pub(super) fn remove(&mut self, world: &World, live: &Liveness) -> Result<()> {
        let waiting: BTreeSet<SessionId> = world
            .condemned
            .stages
            .values()
            .filter(|stages| stages.contains_key(&Stage::Listed) && !stages.contains_key(&Stage::Doomed))
            .filter_map(|stages| match self.ripeness(stages, &world.leases, world.now) {
                Ripeness::Waits(sessions) => Some(sessions),
                Ripeness::Ripe(_) => None,
            })
            .flatten()
            .collect();
        self.report.waiting_for = waiting.into_iter().collect();
        let careless = makes_mistake!(self.store, RemoveWithoutLookingAgain);
        let not_needed = |id: &PackId| careless || live.packs.get(id).is_none_or(|pack| pack.live == 0);
        let mut doomed = world.condemned.doomed();
        let ripe: Vec<_> = self.ripe(world).collect();
        let mut reprieved = 0;
        for (id, stages) in ripe {
            let Some(listed) = stages.get(&Stage::Listed) else { continue };
            let packs: BTreeSet<PackId> =
                listed.condemnation.packs.iter().copied().filter(|pack| not_needed(pack)).collect();
            if self.options.dry_run {
                doomed.extend(packs);
                continue;
            }
            self.hold()?;
            reprieved += listed.condemnation.packs.len() - packs.len();
            if condemned::write(self.store, id, Stage::Doomed, packs.clone(), BTreeSet::new())? {
                doomed.extend(packs);
            } else {
                // Somebody else decided; their word is in storage.
                let now = Condemned::load(self.store, self.devices)?;
                let decided = now.stages.get(id).and_then(|stages| stages.get(&Stage::Doomed));
                doomed.extend(decided.iter().flat_map(|decided| &decided.condemnation.packs));
            }
        }
        self.report.reprieved_packs += reprieved as u64;
        let present: BTreeSet<PackId> = doomed.iter().copied().filter(|id| world.packs.contains_key(id)).collect();
        let length = |id: &PackId| world.packs.get(id).map_or(0, |pack| pack.length);
        let Some(session) = self.session.as_ref().filter(|_| !self.options.dry_run) else {
            self.report.removed_packs += present.len() as u64;
            self.report.removed_bytes += present.iter().map(length).sum::<u64>();
            return Ok(());
        };
        // All that ever went, also what is gone from storage: somebody who was away may have listed it since.
        self.report.removed_index_objects += relist::without(self.store, &doomed, session, self.ctx)?;
        for id in &present {
            // What is doomed and still there is removed by whoever prunes next.
            self.suspend_if_due()?;
            self.hold()?;
            self.store.backend().delete(&ObjectName::of(Folder::Packs, id))?;
            self.store.backend().delete(&parity::name(id))?;
            self.report.removed_packs += 1;
            self.report.removed_bytes += length(id);
        }
        self.finish(world)
    }

    /// Removes the condemnations that are over. What was doomed, and who was taken for dead, is remembered as long as
    /// any lease may hold: somebody who was away may come back with an old view of things.
    fn finish(&self, world: &World) -> Result<()> {
        let backend = self.store.backend();
        let condemned = Condemned::load(self.store, self.devices)?;
        for (id, stages) in &condemned.stages {
            let doomed = stages.contains_key(&Stage::Doomed);
            for (stage, stored) in stages {
                let old = world.now.seconds.saturating_sub(stored.received.seconds) > i64::from(MAX_DURATION);
                let over = match stage {
                    Stage::Listed => doomed,
                    Stage::Armed => doomed || !stages.contains_key(&Stage::Listed),
                    Stage::Fenced => old && !stages.contains_key(&Stage::Listed),
                    Stage::Doomed => old && !stages.contains_key(&Stage::Listed),
                };
                if over {
                    self.hold()?;
                    backend.delete(&condemned::name(id, *stage))?;
                }
            }
        }
        for (id, stage, _) in condemned.damaged.iter().filter(|(_, stage, _)| *stage == Stage::Fenced) {
            let info = backend.stat(&condemned::name(id, *stage))?;
            if world.now.seconds.saturating_sub(info.modified.seconds) > i64::from(MAX_DURATION) {
                backend.delete(&info.name)?;
            }
        }
        Ok(())
    }
}
