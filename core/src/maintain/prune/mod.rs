//! Pruning: removing what no snapshot leads to, while others write.
//!
//! It has two phases. Packs are *condemned*: from then on, sessions that begin do without them. They are *removed*
//! once every session that began before has ended, or is taken for dead, and if by then still nothing refers to them.
//! docs/format.md describes the objects by which sessions and pruning know of each other; why nothing is lost is
//! argued in docs/architecture.md. None of it depends on clocks.

mod condemn;
mod liveness;
mod options;
mod relist;
mod remove;

pub use options::{PruneOptions, PruneReport};

use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::Timestamp;
use crate::format::lease::{LeasePurpose, LeaseState, MAX_DURATION};
use crate::id::{BlobId, PackId};
use crate::progress::{Meter, Phase};
use crate::report::Outcome;
use crate::store::Store;
use crate::store::cleanup::Leftovers;
use crate::store::condemned::Condemned;
use crate::store::devices::DeviceList;
use crate::store::filter::SnapshotFilter;
use crate::store::leases::{self, LeaseListing, SessionLease};
use crate::store::read::StoreReader;
use crate::store::session::Session;
use crate::store::snapshots::{Snapshot, Snapshots};
use liveness::{Liveness, Pack, list_packs};
use std::collections::BTreeMap;
use std::sync::Arc;

const OPERATION: &str = "prune";

/// How often to look again for what seems to be missing.
const MAX_LOOKS: u32 = 3;

/// Prunes. `reader` reads with a share of the budget.
pub(crate) fn prune(
    reader: &StoreReader,
    devices: &Arc<DeviceList>,
    options: &PruneOptions,
    ctx: &Context,
) -> Result<PruneReport> {
    let store = reader.store();
    if !store.keys().can_maintain() {
        let detail = "pruning needs a maintainer's or owner's key";
        return Err(Error::new(ErrorKind::Forbidden, OPERATION).detail(detail));
    }
    let meter = ctx.meter();
    let session = if options.dry_run { None } else { Some(Session::begin(store, devices, LeasePurpose::Prune)?) };
    let report = PruneReport::default();
    let mut prune = Prune { store, reader, devices, options, session, sequence: 0, report, meter: &meter, ctx };
    let done = prune.run();
    if let Some(session) = &prune.session {
        session.end();
    }
    let mut report = prune.report;
    match done {
        // What was done so far is done; calling again goes on with the rest.
        Err(error) if error.kind() == ErrorKind::Cancelled && !ctx.token().is_cancelled() => {
            report.outcome = Outcome::Suspended;
        }
        done => done?,
    }
    report.duration = meter.elapsed();
    meter.finish();
    Ok(report)
}

struct Prune<'a> {
    store: &'a Arc<Store>,
    reader: &'a StoreReader,
    devices: &'a Arc<DeviceList>,
    options: &'a PruneOptions,
    /// None in a dry run.
    session: Option<Session>,
    /// Of the next condemnation.
    sequence: u32,
    report: PruneReport,
    meter: &'a Meter,
    ctx: &'a Context,
}

/// What storage has, looked at in the order in which it has to be.
struct World {
    condemned: Condemned,
    leases: LeaseListing,
    snapshots: Vec<Snapshot>,
    leftovers: Leftovers,
    packs: BTreeMap<PackId, Pack>,
    now: Timestamp,
}

impl Prune<'_> {
    fn run(&mut self) -> Result<()> {
        self.meter.phase(Phase::Preparing);
        self.refuse_company()?;
        let (world, live) = self.view()?;
        self.report.packs = live.packs.len() as u64;
        self.report.pack_bytes = live.packs.values().map(|pack| pack.length).sum();
        self.report.live_bytes = live.packs.values().map(|pack| pack.live).sum();
        self.clean(&world)?;
        self.meter.phase(Phase::Finishing);
        self.remove(&world, &live)?;
        self.suspend_if_due()?;
        if !self.condemn(&world, &live)? || self.options.dry_run || self.report.outcome == Outcome::Suspended {
            return Ok(());
        }
        // Where nobody is at work, nobody has to be waited for. But what is needed is to be found out again: a
        // session may have come and gone.
        let (world, live) = self.view()?;
        self.remove(&world, &live)
    }

    /// What storage has, and what of it is needed.
    fn view(&mut self) -> Result<(World, Liveness)> {
        let mut looks = 1;
        loop {
            let world = self.look()?;
            match self.liveness(&world) {
                // Somebody else who prunes may have moved it between two listings.
                Err(error) if error.kind() == ErrorKind::NotFound && looks < MAX_LOOKS => looks += 1,
                live => return Ok((world, live?)),
            }
        }
    }

    /// Two at once would only do the same work twice.
    fn refuse_company(&self) -> Result<()> {
        let Some(session) = &self.session else { return Ok(()) };
        let now = session.received()?;
        let leases = leases::list(self.store.backend(), self.store.keys(), self.devices)?;
        let mine = leases.sessions.iter().find(|lease| lease.lease.session == session.id());
        let rank = |lease: &SessionLease| (lease.began, lease.lease.session);
        let other = leases.sessions.iter().find(|lease| {
            lease.lease.purpose == LeasePurpose::Prune
                && lease.lease.state == LeaseState::Active
                && now < lease.expires()
                && mine.is_none_or(|mine| rank(lease) < rank(mine))
        });
        match other {
            None => Ok(()),
            Some(other) => {
                let detail = "somebody else is pruning: wait for it to end, or, if it died, for its lease to run out";
                Err(Error::new(ErrorKind::Conflict, OPERATION).object(other.lease.session).detail(detail))
            }
        }
    }

    /// Sessions first: of one that has ended, the snapshot can then be seen. Who is taken for dead is told before
    /// snapshots are listed, so that either the snapshot is seen here or its author sees that it was not. The index
    /// comes after the snapshots, and the packs after the index, so that all they refer to is there.
    fn look(&mut self) -> Result<World> {
        let (backend, keys) = (self.store.backend(), self.store.keys());
        let begun = match &self.session {
            Some(session) => {
                session.renew()?;
                session.hold(OPERATION)?;
                Some(session.received()?)
            }
            None => None,
        };
        let leases = leases::list(backend, keys, self.devices)?;
        let now = begun.map_or_else(|| self.time_in_passing(&leases), Ok)?;
        let mut condemned = Condemned::load(self.store, self.devices)?;
        if self.session.is_some() {
            condemned = self.settle(condemned, &leases, now)?;
        }
        let listing = Snapshots::open(backend, keys, self.devices)?.list(&SnapshotFilter::all())?;
        if let Some((name, error)) = listing.rejected.into_iter().find(|(name, _)| name.folder() == Folder::Snapshots) {
            return Err(unreadable(error, name));
        }
        let snapshots = listing.snapshots;
        self.store.index().refresh(backend, keys, self.ctx).and_then(|rejected| match rejected.into_iter().next() {
            None => Ok(()),
            Some((name, error)) => Err(unreadable(error, name)),
        })?;
        let packs = list_packs(self.store)?;
        let leftovers = Leftovers::find(self.store, self.devices, &leases.sessions, &snapshots, now)?;
        Ok(World { condemned, leases, snapshots, leftovers, packs, now })
    }

    /// What time it is at least by the storage's clock, without a session of one's own: it has received everything that
    /// is there. Where something may be at work that is as much as can be known from looking, and not enough to tell
    /// whether it still is; then the storage is asked.
    fn time_in_passing(&self, leases: &LeaseListing) -> Result<Timestamp> {
        let (backend, keys) = (self.store.backend(), self.store.keys());
        let unended = leases.sessions.iter().any(|lease| lease.lease.state != LeaseState::Ended);
        if unended || !leases.rejected.is_empty() || !backend.settling().is_zero() {
            let session = crate::store::write::new_session()?;
            if let Some(now) = leases::look_at_clock(backend, keys, self.devices, session, crate::store::clock())? {
                return Ok(now);
            }
        }
        let mut newest = Timestamp::default();
        for folder in Folder::ALL {
            backend.list(folder, &mut |info| {
                newest = newest.max(info.modified);
                Ok(())
            })?;
        }
        // What was received at that tick is not received at a later one.
        Ok(match newest.nanos.checked_add(1).filter(|nanos| *nanos < 1_000_000_000) {
            Some(nanos) => Timestamp::new(newest.seconds, nanos),
            None => Timestamp::new(newest.seconds.saturating_add(1), 0),
        })
    }

    fn liveness(&mut self, world: &World) -> Result<Liveness> {
        let (going, doomed) = (world.condemned.going(), world.condemned.doomed());
        let mut packs = world.packs.clone();
        for (id, pack) in &mut packs {
            (pack.condemned, pack.doomed) = (going.contains(id), doomed.contains(id));
        }
        // What a session committed after it was taken for dead may lack something, and is then not reported as done.
        let (late, timely): (Vec<&Snapshot>, Vec<&Snapshot>) =
            world.snapshots.iter().partition(|snapshot| world.condemned.is_late(&snapshot.session, snapshot.received));
        let root = |snapshot: &&Snapshot| snapshot.root;
        let roots: Vec<BlobId> = timely.iter().map(root).collect();
        let hopes: Vec<BlobId> = late.iter().map(root).chain(world.leftovers.roots.iter().copied()).collect();
        let live = Liveness::find(self.reader, &roots, &hopes, packs, self.meter, self.ctx)?;
        let void = live.void.iter().filter_map(|position| late.get(*position));
        self.report.void_snapshots = void.map(|snapshot| snapshot.id).collect();
        Ok(live)
    }

    /// Ends the work where it can be taken up again.
    fn suspend_if_due(&self) -> Result<()> {
        self.ctx.check_or_suspended(OPERATION)
    }

    fn hold(&self) -> Result<()> {
        self.ctx.check(OPERATION)?;
        self.session.as_ref().map_or(Ok(()), |session| session.hold(OPERATION))
    }

    /// When the first session began that may still be at work, this one aside.
    fn busy_since(&self, world: &World) -> Option<Timestamp> {
        let mine = self.session.as_ref().map(Session::id);
        let active = world.leases.sessions.iter().filter(|lease| {
            Some(lease.lease.session) != mine && lease.lease.state == LeaseState::Active && world.now < lease.expires()
        });
        let unreadable = world.leases.rejected.iter().filter(|(info, _)| may_hold(info.modified, world.now));
        active.map(|lease| lease.began).chain(unreadable.map(|(info, _)| info.modified)).min()
    }

    /// Removes what sessions that are over left behind.
    fn clean(&mut self, world: &World) -> Result<()> {
        if self.options.dry_run {
            return Ok(());
        }
        for name in &world.leftovers.removable {
            self.suspend_if_due()?;
            self.hold()?;
            self.store.backend().delete(name)?;
        }
        self.report.cleaned_sessions += world.leftovers.sessions.len() as u64;
        self.hold()?;
        self.store.backend().tidy()
    }
}

/// Whether an object that may be a lease may hold now.
fn may_hold(received: Timestamp, now: Timestamp) -> bool {
    now.seconds.saturating_sub(received.seconds) <= i64::from(MAX_DURATION)
}

/// What cannot be read may lead to anything, or list it.
fn unreadable(error: Error, name: ObjectName) -> Error {
    let detail = error.detail_text().unwrap_or_default();
    let way_on = match name.folder() {
        Folder::Snapshots => "put a sound copy in its place, or forget it as damaged",
        Folder::Index => "`repair` lists anew what it listed",
        _ => "see what `check` says of it",
    };
    let detail = format!("{detail}; nothing is removed while it cannot be read: {way_on}");
    Error::new(error.kind(), OPERATION).object(name).detail(detail)
}
