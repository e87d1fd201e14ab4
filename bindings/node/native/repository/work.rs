//! Backing up, restoring and copying.

#![allow(clippy::too_many_arguments, reason = "JavaScript gives them one by one")]

use super::{NativeRepository, run_options};
use crate::handles::NativeToken;
use crate::host::{Host, Writer};
use crate::options::{Budget, NativeBackupOptions, NativeCopyOptions, NativeRestoreOptions};
use crate::records::{BackupReport, CopyReport, RestoreReport};
use crate::settle::{long, refused};
use crate::source::NativeSource;
use crate::values::{PathInput, Text};
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;
use strongroom_bindings::Repository;

#[napi]
impl NativeRepository {
    /// Backs up a source.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<BackupReport>>")]
    pub fn backup<'env>(
        &self,
        env: &'env Env,
        source: &NativeSource,
        options: NativeBackupOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let source = match source.take(&token.inner) {
            Ok(source) => source,
            Err(error) => return refused(env, error),
        };
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "back up", run, move |run| {
            Ok(BackupReport::from(repository.backup(source, &options.common(), run)?))
        })
    }

    /// A snapshot, or a part of it, into a folder.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<RestoreReport>>")]
    pub fn restore<'env>(
        &self,
        env: &'env Env,
        snapshot: Text,
        target: PathInput,
        options: NativeRestoreOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "restore", run, move |run| {
            Ok(RestoreReport::from(repository.restore(&snapshot.0, &options.common(target), run)?))
        })
    }

    /// Writes a snapshot as a tar stream.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<RestoreReport>>")]
    pub fn export_tar<'env>(
        &self,
        env: &'env Env,
        snapshot: Text,
        path: PathInput,
        writer: &Host,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let mut writer = Writer(writer.line().until(&token.inner));
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "export a snapshot", run, move |run| {
            Ok(RestoreReport::from(repository.export_tar(&snapshot.0, &path.0, &mut writer, run)?))
        })
    }

    /// Copies snapshots to other repositories.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<CopyReport>>")]
    pub fn copy_to<'env>(
        &self,
        env: &'env Env,
        destinations: Vec<&NativeRepository>,
        options: NativeCopyOptions,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let others: Vec<Repository> = destinations.iter().map(|other| other.inner.clone()).collect();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "copy snapshots", run, move |run| {
            let others: Vec<&Repository> = others.iter().collect();
            Ok(CopyReport::from(repository.copy_to(&others, &options.common(), run)?))
        })
    }
}
