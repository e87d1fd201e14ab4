//! Check: whether everything that snapshots refer to is there and sound.
//!
//! Nothing found ends a check: every damaged object is named, and everything that does not depend on it is looked at
//! all the same. Only what concerns the storage as a whole, such as a lost connection, is an error.

mod data;
mod options;
mod packs;
mod report;
mod segments;
mod trees;

pub use options::CheckOptions;
pub use report::{CheckKind, CheckProblem, CheckReport};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobId, SnapshotId};
use crate::progress::{Meter, Phase};
use crate::report::Outcome;
use crate::store::read::StoreReader;
use data::{Damage, DataCheck};
use packs::Packs;
use report::Findings;
use segments::Segments;
use std::sync::atomic::{AtomicBool, Ordering};
use trees::TreeCheck;

/// Checks the index, the packs, and the trees of these snapshots, whose objects the caller has verified.
///
/// Whoever may not read content can check packs and index; trees are then left out, and the report says so.
pub(crate) fn run(
    reader: &StoreReader,
    roots: &[(SnapshotId, BlobId)],
    options: &CheckOptions,
    ctx: &Context,
) -> Result<CheckReport> {
    let can_read = reader.store().keys().can_read();
    if options.verify_content && !can_read {
        return Err(Error::new(ErrorKind::Forbidden, "verify content").detail("this needs a reader's or owner's key"));
    }
    let pool = ctx.pool()?;
    let meter = ctx.meter();
    let suspended = AtomicBool::new(false);
    let mut report = CheckReport::new();
    report.trees_skipped = !can_read;
    let findings = Findings::new(&meter);
    let check = Check { reader, roots, options, findings: &findings, meter: &meter, suspended: &suspended, ctx };
    let done = pool.install(|| check.run(&mut report));
    match done {
        // Reading the index keeps nothing that a later call could build on.
        Err(error) if error.kind() == ErrorKind::Cancelled && !ctx.token().is_cancelled() => {
            suspended.store(true, Ordering::Relaxed);
        }
        done => done?,
    }
    findings.finish(&mut report);
    if suspended.load(Ordering::Relaxed) {
        report.outcome = Outcome::Suspended;
    }
    report.duration = meter.elapsed();
    meter.finish();
    Ok(report)
}

struct Check<'a> {
    reader: &'a StoreReader,
    roots: &'a [(SnapshotId, BlobId)],
    options: &'a CheckOptions,
    findings: &'a Findings<'a>,
    meter: &'a Meter,
    suspended: &'a AtomicBool,
    ctx: &'a Context,
}

impl Check<'_> {
    fn run(&self, report: &mut CheckReport) -> Result<()> {
        let Check { reader, findings, meter, ctx, .. } = self;
        let store = reader.store();
        meter.phase(Phase::Preparing);
        // Objects that cannot be read are found, and named, when the index is read again below.
        store.index().refresh(store.backend(), store.keys(), ctx)?;
        let mut packs = Packs::load(store, findings, report, ctx)?;

        meter.phase(Phase::Checking);
        let chosen = data::choose(&packs, self.options)?;
        let bytes = chosen.iter().fold(0u64, |sum, (_, length)| sum.saturating_add(*length));
        meter.totals(None, Some(bytes).filter(|bytes| *bytes > 0));
        let verify_content = self.options.verify_content;
        let data = DataCheck { store, findings, verify_content, meter, ctx, suspended: self.suspended };
        let damage = data.run(&packs, &chosen, report)?;
        packs.add_suspects(damage.packs.iter().copied());
        if report.trees_skipped { Ok(()) } else { self.trees(&packs, &damage, report) }
    }

    fn trees(&self, packs: &Packs, damage: &Damage, report: &mut CheckReport) -> Result<()> {
        let segments = Segments::new(self.reader, packs, damage, self.findings);
        let trees = TreeCheck::new(self.reader, segments, self.findings, self.meter, self.ctx, self.suspended);
        for (snapshot, root) in self.roots {
            trees.snapshot(*snapshot, *root)?;
        }
        trees.finish(report);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
