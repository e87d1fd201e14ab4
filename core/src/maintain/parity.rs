//! Adding parity to packs that have none.

use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, invalid};
use crate::format::config::PARITY;
use crate::format::lease::LeasePurpose;
use crate::id::PackId;
use crate::progress::Phase;
use crate::report::Outcome;
use crate::store::Store;
use crate::store::devices::DeviceList;
use crate::store::packs::{self, is_of_the_object};
use crate::store::parity;
use crate::store::session::Session;
use crate::store::throttle::Throttle;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What adding parity did.
#[derive(Debug)]
#[non_exhaustive]
pub struct ParityReport {
    /// Complete when every pack has parity, partial when some could not be read, else suspended.
    pub outcome: Outcome,
    /// Packs in storage.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
    /// Packs that had none and have it now.
    pub added: u64,
    /// Bytes written for them.
    pub added_bytes: u64,
    /// Packs that cannot be read, or are damaged: they get none.
    pub damaged: Vec<(ObjectName, Error)>,
    /// How long it took.
    pub duration: Duration,
}

/// Writes parity of this share, in percent, for every pack without.
pub(crate) fn add_parity(
    store: &Arc<Store>,
    devices: &Arc<DeviceList>,
    percent: u8,
    ctx: &Context,
) -> Result<ParityReport> {
    let operation = "add parity";
    if !PARITY.contains(&percent) {
        return Err(invalid(operation, "parity is 1 to 100 percent of a pack"));
    }
    let meter = ctx.meter();
    meter.phase(Phase::Checking);
    let mut report = ParityReport {
        outcome: Outcome::Complete,
        packs: 0,
        pack_bytes: 0,
        added: 0,
        added_bytes: 0,
        damaged: Vec::new(),
        duration: Duration::ZERO,
    };
    // While a session is at work, pruning takes away no pack that gets its parity just now.
    let purpose = if store.keys().can_write() { LeasePurpose::Backup } else { LeasePurpose::Prune };
    let session = Session::begin(store, devices, purpose)?;
    let mut having = BTreeSet::new();
    store.backend().list(Folder::Parity, &mut |info| {
        having.extend(info.name.id::<PackId>().ok());
        Ok(())
    })?;
    let mut without = Vec::new();
    store.backend().list(Folder::Packs, &mut |info| {
        if let Ok(id) = info.name.id::<PackId>() {
            report.packs += 1;
            report.pack_bytes = report.pack_bytes.saturating_add(info.length);
            if !having.contains(&id) {
                without.push((id, info.length));
            }
        }
        Ok(())
    })?;
    meter.totals(None, Some(without.iter().map(|(_, length)| length).sum()));
    let (download, upload) = (Throttle::new(ctx.limits().download_rate), Throttle::new(ctx.limits().upload_rate));
    for (id, length) in without {
        ctx.check(operation)?;
        if ctx.should_suspend() {
            report.outcome = Outcome::Suspended;
            break;
        }
        session.keep();
        let name = ObjectName::of(Folder::Packs, id);
        meter.report(|| Some(name.to_string()));
        let read = packs::read_whole(store, &id, length, &download, ctx, operation);
        match read {
            Ok(bytes) => {
                let written = parity::write(store, &id, &[&bytes], percent)?;
                upload.pay(written, ctx, operation)?;
                report.added += 1;
                report.added_bytes = report.added_bytes.saturating_add(written);
            }
            // Pruning took it away.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if is_of_the_object(&error) => {
                meter.add_problems(1);
                report.damaged.push((name, error));
            }
            Err(error) => return Err(error),
        }
        meter.add_bytes(length);
    }
    session.end();
    if report.outcome == Outcome::Complete && !report.damaged.is_empty() {
        report.outcome = Outcome::Partial;
    }
    report.duration = meter.elapsed();
    meter.finish();
    Ok(report)
}
