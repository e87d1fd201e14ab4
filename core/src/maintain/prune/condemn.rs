//! The first phase: naming the packs that are to go, after moving what is still needed out of them.

use super::liveness::{Liveness, Pack};
use super::{Prune, World};
use crate::error::{ErrorKind, Result};
use crate::format::condemnation::{MAX_PACKS, Stage};
use crate::format::lease::LeaseState;
use crate::id::{PackId, SessionId};
use crate::report::Outcome;
use crate::store::condemned::{self, CondemnationId};
use crate::store::leases;
use crate::store::repack::{Repacker, WholePack};
use crate::store::throttle::Throttle;
use std::collections::BTreeSet;

/// Packs shorter than this share of a full one are small.
const SMALL: u64 = 4;
/// So many small packs are put together.
const MANY_SMALL: usize = 16;

impl Prune<'_> {
    /// Condemns what is not needed. Returns whether there was anything.
    pub(super) fn condemn(&mut self, world: &World, live: &Liveness) -> Result<bool> {
        let busy_since = self.busy_since(world);
        // What a session at work has stored is referred to by nothing yet.
        let settled = |pack: &Pack| pack.received < busy_since.unwrap_or(world.now).min(world.now);
        let open = || {
            let packs = live.packs.iter().map(|(id, pack)| (*id, *pack));
            packs.filter(|(_, pack)| !pack.condemned && !pack.doomed && settled(pack))
        };
        let mut going: BTreeSet<PackId> = open().filter(|(_, pack)| pack.live == 0).map(|(id, _)| id).collect();
        self.empty(live, open().filter(|(_, pack)| pack.live > 0).collect(), &mut going)?;
        for id in &going {
            self.report.condemned_packs += 1;
            self.report.condemned_bytes += live.packs.get(id).map_or(0, |pack| pack.length);
        }
        if self.options.dry_run || going.is_empty() {
            return Ok(false);
        }
        let mut rest: Vec<PackId> = going.into_iter().collect();
        while !rest.is_empty() {
            let batch = rest.split_off(rest.len().saturating_sub(MAX_PACKS));
            self.list(batch.into_iter().collect())?;
        }
        Ok(true)
    }

    /// Moves what is needed out of packs of which little is, and puts small packs together.
    fn empty(&mut self, live: &Liveness, packs: Vec<(PackId, Pack)>, going: &mut BTreeSet<PackId>) -> Result<()> {
        let full = u64::from(self.store.config().sizes.pack);
        let small = packs.iter().filter(|(_, pack)| pack.length < full / SMALL).count();
        #[allow(clippy::cast_precision_loss)] // a share need not be exact
        let share = |pack: &Pack| pack.live as f64 / pack.total.max(1) as f64;
        let mut chosen = packs;
        chosen.retain(|(_, pack)| {
            share(pack) < self.options.min_live_share || (small >= MANY_SMALL && pack.length < full / SMALL)
        });
        // Those first that free the most for what they cost.
        chosen.sort_by(|(_, one), (_, other)| share(one).total_cmp(&share(other)));
        let mut left = self.options.max_moved_bytes.unwrap_or(u64::MAX);
        let throttle = Throttle::new(self.ctx.limits().download_rate);
        let mut repacker = Repacker::new(self.store, self.ctx);
        let mut emptied = BTreeSet::new();
        for (id, pack) in chosen {
            // One at least, or a call with a small bound would never get anywhere.
            if pack.live > left && !emptied.is_empty() {
                break;
            }
            left = left.saturating_sub(pack.live);
            if self.options.dry_run {
                self.report.written_bytes += pack.live;
                emptied.insert(id);
                continue;
            }
            if self.ctx.should_suspend() {
                self.report.outcome = Outcome::Suspended;
                break;
            }
            self.hold()?;
            let whole = match WholePack::read(self.store, &id, pack.length, &throttle, self.ctx) {
                Ok(whole) => whole,
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    self.report.damaged_packs += 1;
                    self.report.outcome = Outcome::Partial;
                    continue;
                }
                Err(error) => return Err(error),
            };
            for segment in whole.segments(|segment| live.is_needed_in(self.store, segment, &id)) {
                repacker.add(segment?)?;
            }
            emptied.insert(id);
        }
        repacker.finish()?;
        if !self.options.dry_run {
            self.report.written_bytes += repacker.written().1;
        }
        self.report.emptied_packs += emptied.len() as u64;
        going.extend(emptied);
        Ok(())
    }

    /// Writes a condemnation and arms it.
    pub(super) fn list(&mut self, packs: BTreeSet<PackId>) -> Result<()> {
        let Some(session) = &self.session else { return Ok(()) };
        let id = (session.id(), self.sequence);
        self.sequence += 1;
        self.hold()?;
        condemned::write(self.store, &id, Stage::Listed, packs, BTreeSet::new())?;
        self.arm(&id)
    }

    /// Names the sessions at work, now that whoever comes later sees the list.
    pub(super) fn arm(&self, id: &CondemnationId) -> Result<()> {
        self.hold()?;
        let leases = leases::list(self.store.backend(), self.store.keys(), self.devices)?;
        let mine = self.session.as_ref().map(crate::store::session::Session::id);
        let at_work = leases.sessions.iter().filter(|lease| lease.lease.state != LeaseState::Ended);
        let at_work: BTreeSet<SessionId> =
            at_work.map(|lease| lease.lease.session).filter(|session| Some(*session) != mine).collect();
        condemned::write(self.store, id, Stage::Armed, BTreeSet::new(), at_work)?;
        Ok(())
    }
}
