//! Looking after a repository.

use super::Repository;
use crate::enums::LogLevel;
use crate::error::Result;
use crate::flat::Flat;
use crate::options::{CheckOptions, ForgetOptions, PruneOptions, ReencryptOptions, RepairOptions};
use crate::records::{
    CheckReport, ForgetReport, ParityReport, PruneReport, RebuildReport, ReencryptReport, RepairReport,
};
use crate::run::Run;

impl Repository {
    /// Checks that everything every snapshot refers to is there and sound. Changes nothing.
    ///
    /// # Errors
    /// Those of the storage. Damage is not an error but what the report is for.
    pub fn check(&self, options: &CheckOptions, run: &Run) -> Result<CheckReport> {
        let options = options.to_core();
        let report =
            self.operate("check", "check", run, |engine, ctx| Ok(CheckReport::from(&engine.check(&options, ctx)?)))?;
        for problem in &report.problems {
            self.log(LogLevel::Warning, "check", || {
                format!("{}: {}: {}", problem.kind.name(), problem.object, problem.detail)
            });
        }
        Ok(report)
    }

    /// Mends what can be mended. Only adds objects.
    ///
    /// # Errors
    /// Those of the storage. Damage is in the report.
    pub fn repair(&self, options: &RepairOptions, run: &Run) -> Result<RepairReport> {
        let options = options.to_core();
        let report = self
            .operate("repair", "repair", run, |engine, ctx| Ok(RepairReport::from(&engine.repair(&options, ctx)?)))?;
        for lost in report.salvaged.iter().flat_map(|snapshot| &snapshot.lost) {
            self.log(LogLevel::Warning, "repair", || lost.text.clone());
        }
        Ok(report)
    }

    /// Makes the index list every pack in storage as it is.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn rebuild_index(&self, run: &Run) -> Result<RebuildReport> {
        self.operate("rebuild_index", "rebuild the index", run, |engine, ctx| {
            Ok(RebuildReport::from(&engine.rebuild_index(ctx)?))
        })
    }

    /// Removes snapshots: those that a policy does not keep, or those that are named.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn forget(&self, options: &ForgetOptions, run: &Run) -> Result<ForgetReport> {
        let options = options.to_core()?;
        self.operate("forget", "forget snapshots", run, |engine, ctx| {
            Ok(ForgetReport::from(&engine.forget(&options, ctx)?))
        })
    }

    /// Frees what no snapshot needs, in two phases: condemned by one call, removed by a later one.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn prune(&self, options: &PruneOptions, run: &Run) -> Result<PruneReport> {
        let options = options.to_core();
        self.operate("prune", "prune", run, |engine, ctx| Ok(PruneReport::from(&engine.prune(&options, ctx)?)))
    }

    /// Adds parity of this share, in percent, to every pack that has none.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for anything but 1 to 100 percent, and those of the
    /// storage.
    pub fn add_parity(&self, percent: u8, run: &Run) -> Result<ParityReport> {
        self.operate("add_parity", "add parity", run, |engine, ctx| {
            Ok(ParityReport::from(&engine.add_parity(percent, ctx)?))
        })
    }

    /// How much parity packs get when they are written, in percent of a pack, if any.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn parity(&self) -> Result<Option<u8>> {
        self.small("tell the parity of packs", |engine| Ok(engine.parity()))
    }

    /// Packs that were found damaged since this repository was opened, and read all the same by their parity.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn healed_packs(&self) -> Result<Vec<String>> {
        self.small("list healed packs", |engine| Ok(engine.healed_packs().flat()))
    }

    /// Moves what was stored under the keys of earlier epochs to those of the newest.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without a reader's or owner's key, and those of the storage.
    pub fn reencrypt(&self, options: &ReencryptOptions, run: &Run) -> Result<ReencryptReport> {
        let options = options.to_core();
        self.operate("reencrypt", "re-encrypt", run, |engine, ctx| {
            Ok(ReencryptReport::from(&engine.reencrypt(&options, ctx)?))
        })
    }
}
