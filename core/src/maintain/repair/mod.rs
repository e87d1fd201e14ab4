//! Repair: everything that can be mended is, by additions alone, and what is lost is named.
//!
//! 1. Packs are read and compared with their names. What is sound in damaged ones is moved into new packs: every segment
//!    authenticates by itself.
//! 2. The index is rebuilt, so that it lists every sound pack and nothing that is gone or damaged.
//! 3. The trees of all snapshots are walked. Of one that lost something a new snapshot is made, of the entries whose
//!    content is whole. The damaged one stays: whoever has seen what is lost can remove it.
//!
//! What is not understood is left alone, and nothing is deleted. Doing it again does nothing new.

mod dry;
mod packs;
mod report;
mod salvage;
mod snapshots;

pub use report::{DamagedPack, Loss, RepairOptions, RepairReport, SalvagedSnapshot};

use crate::context::Context;
use crate::error::{ErrorKind, Result, internal};
use crate::format::lease::LeasePurpose;
use crate::id::PackId;
use crate::progress::{Meter, Phase};
use crate::report::Outcome;
use crate::store::Store;
use crate::store::condemned::Condemned;
use crate::store::devices::DeviceList;
use crate::store::repack;
use crate::store::session::Session;
use crate::store::snapshots::SnapshotListing;
use crate::store::throttle::Throttle;
use crate::store::write::BlobWriter;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// Mends what can be mended. `listing` has all snapshots there are.
pub(crate) fn repair(
    store: &Arc<Store>,
    devices: &Arc<DeviceList>,
    listing: SnapshotListing,
    options: &RepairOptions,
    ctx: &Context,
) -> Result<RepairReport> {
    let meter = ctx.meter();
    let pool = Arc::new(ctx.pool()?);
    let trial = options.dry_run.then(|| Arc::new(store.through(|backend| Arc::new(dry::Trial::new(backend)))));
    let store = trial.as_ref().unwrap_or(store);
    let mut repair = Repair {
        store,
        going: Condemned::load(store, devices)?.doomed(),
        devices,
        options,
        can_read: store.keys().can_read(),
        session: OnceLock::new(),
        writer: None,
        download: Throttle::new(ctx.limits().download_rate),
        report: RepairReport::new(options.dry_run),
        meter: &meter,
        pool: &pool,
        ctx,
    };
    let done = pool.install(|| repair.run(&listing));
    drop(repair.writer.take());
    if let Some(session) = repair.session.get() {
        session.end();
    }
    let mut report = repair.report;
    report.rejected = listing.rejected;
    match done {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::Cancelled && !ctx.token().is_cancelled() => {
            report.outcome = Outcome::Suspended;
        }
        Err(error) => return Err(error),
    }
    let lost = report.lost_count() > 0 || report.damaged.iter().any(|pack| pack.segments_unknown > 0);
    if report.outcome == Outcome::Complete && (lost || !report.left.is_empty() || !report.rejected.is_empty()) {
        report.outcome = Outcome::Partial;
    }
    report.duration = meter.elapsed();
    meter.finish();
    Ok(report)
}

struct Repair<'a> {
    store: &'a Arc<Store>,
    devices: &'a Arc<DeviceList>,
    /// What pruning is removing.
    going: BTreeSet<PackId>,
    options: &'a RepairOptions,
    can_read: bool,
    /// Begun when something is written that pruning must not take for left over.
    session: OnceLock<Arc<Session>>,
    /// Writes the nodes of salvaged trees.
    writer: Option<BlobWriter>,
    download: Throttle,
    report: RepairReport,
    meter: &'a Meter,
    pool: &'a Arc<crate::threads::Pool>,
    ctx: &'a Context,
}

impl Repair<'_> {
    fn run(&mut self, listing: &SnapshotListing) -> Result<()> {
        self.meter.phase(Phase::Checking);
        let mut judged = self.packs()?;
        judged.dropped.extend(&self.going);
        let rebuilt = super::rebuild::rebuild(self.store, &judged.dropped, self.meter, self.ctx)?;
        self.report.index_written = rebuilt.objects_written;
        self.report.index_superseded = rebuilt.objects_superseded;
        self.report.packs_listed = rebuilt.packs_added;
        if !judged.on_trial.is_empty() {
            // What would be in new packs is read where it is.
            repack::list(self.store, judged.on_trial, Vec::new())?;
        }
        if rebuilt.outcome == Outcome::Suspended {
            self.report.outcome = Outcome::Suspended;
            return Ok(());
        }
        if !self.can_read {
            self.report.trees_skipped = true;
            return Ok(());
        }
        self.snapshots(&listing.snapshots, &judged.lost)
    }

    fn session(&self) -> Result<&Arc<Session>> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let purpose = if self.store.keys().can_write() { LeasePurpose::Backup } else { LeasePurpose::Prune };
        let session = Arc::new(Session::begin(self.store, self.devices, purpose)?);
        self.store.index().refresh(self.store.backend(), self.store.keys(), self.ctx)?;
        let _ = self.session.set(session);
        self.session.get().ok_or_else(|| internal("begin a repair", "there is no session"))
    }
}
