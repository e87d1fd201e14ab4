//! Looking after a repository.

use super::RepositoryHandle;
use crate::failure::NativeResult;
use crate::options::{CheckOptions, ForgetOptions, PruneOptions, ReencryptOptions, RepairOptions};
use crate::records::{
    CheckReport, ForgetReport, ParityReport, PruneReport, RebuildReport, ReencryptReport, RepairReport,
};
use crate::run::RunHandle;
use crate::values::{Convert, fit};
use std::sync::Arc;

#[uniffi::export]
impl RepositoryHandle {
    /// Checks that everything every snapshot refers to is there and sound.
    pub fn check(&self, options: CheckOptions, run: Arc<RunHandle>) -> NativeResult<CheckReport> {
        Ok(self.inner.check(&options.into_common()?, &run.inner)?.convert())
    }

    /// Mends what can be mended.
    pub fn repair(&self, options: RepairOptions, run: Arc<RunHandle>) -> NativeResult<RepairReport> {
        Ok(self.inner.repair(&options.into_common(), &run.inner)?.convert())
    }

    /// Makes the index list every pack in storage as it is.
    pub fn rebuild_index(&self, run: Arc<RunHandle>) -> NativeResult<RebuildReport> {
        Ok(self.inner.rebuild_index(&run.inner)?.convert())
    }

    /// Removes snapshots.
    pub fn forget(&self, options: ForgetOptions, run: Arc<RunHandle>) -> NativeResult<ForgetReport> {
        Ok(self.inner.forget(&options.into_common()?, &run.inner)?.convert())
    }

    /// Frees what no snapshot needs.
    pub fn prune(&self, options: PruneOptions, run: Arc<RunHandle>) -> NativeResult<PruneReport> {
        Ok(self.inner.prune(&options.into_common()?, &run.inner)?.convert())
    }

    /// Adds parity of this share, in percent, to every pack that has none.
    pub fn add_parity(&self, percent: i32, run: Arc<RunHandle>) -> NativeResult<ParityReport> {
        Ok(self.inner.add_parity(fit(percent, "share of parity")?, &run.inner)?.convert())
    }

    /// How much parity packs get when they are written, in percent, if any.
    pub fn parity(&self) -> NativeResult<Option<i32>> {
        Ok(self.inner.parity()?.map(Into::into))
    }

    /// Packs that were found damaged and read all the same by their parity.
    pub fn healed_packs(&self) -> NativeResult<Vec<String>> {
        Ok(self.inner.healed_packs()?)
    }

    /// Moves what was stored under the keys of earlier epochs to those of the newest.
    pub fn reencrypt(&self, options: ReencryptOptions, run: Arc<RunHandle>) -> NativeResult<ReencryptReport> {
        Ok(self.inner.reencrypt(&options.into_common()?, &run.inner)?.convert())
    }
}
