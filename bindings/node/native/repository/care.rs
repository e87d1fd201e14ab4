//! Looking after a repository.

use super::{NativeRepository, run_options};
use crate::handles::NativeToken;
use crate::host::Host;
use crate::options::{Budget, CheckOptions, NativeForgetOptions, PruneOptions, ReencryptOptions, RepairOptions};
use crate::records::{
    CheckReport, ForgetReport, ParityReport, PruneReport, RebuildReport, ReencryptReport, RepairReport,
};
use crate::settle::long;
use crate::values::Whole;
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

#[napi]
impl NativeRepository {
    /// Finds damage.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<CheckReport>>")]
    pub fn check<'env>(
        &self,
        env: &'env Env,
        options: CheckOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "check", run, move |run| {
            Ok(CheckReport::from(repository.check(&options.common(), run)?))
        })
    }

    /// Mends what can be mended.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<RepairReport>>")]
    pub fn repair<'env>(
        &self,
        env: &'env Env,
        options: RepairOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "repair", run, move |run| {
            Ok(RepairReport::from(repository.repair(&options.common(), run)?))
        })
    }

    /// Makes the index anew.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<RebuildReport>>")]
    pub fn rebuild_index<'env>(
        &self,
        env: &'env Env,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "rebuild the index", run, move |run| {
            Ok(RebuildReport::from(repository.rebuild_index(run)?))
        })
    }

    /// Removes snapshots.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<ForgetReport>>")]
    pub fn forget<'env>(
        &self,
        env: &'env Env,
        options: NativeForgetOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "forget snapshots", run, move |run| {
            Ok(ForgetReport::from(repository.forget(&options.common()?, run)?))
        })
    }

    /// Frees what no snapshot needs.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<PruneReport>>")]
    pub fn prune<'env>(
        &self,
        env: &'env Env,
        options: PruneOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "prune", run, move |run| {
            Ok(PruneReport::from(repository.prune(&options.common(), run)?))
        })
    }

    /// Adds parity to packs.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<ParityReport>>")]
    pub fn add_parity<'env>(
        &self,
        env: &'env Env,
        percent: Whole,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "add parity", run, move |run| {
            Ok(ParityReport::from(repository.add_parity(percent.narrow("the share of parity")?, run)?))
        })
    }

    /// Moves what is stored to the newest keys.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<ReencryptReport>>")]
    pub fn reencrypt<'env>(
        &self,
        env: &'env Env,
        options: ReencryptOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "re-encrypt", run, move |run| {
            Ok(ReencryptReport::from(repository.reencrypt(&options.common(), run)?))
        })
    }
}
