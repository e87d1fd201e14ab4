//! Backing up, getting back, copying.

use super::Repository;
use crate::enums::LogLevel;
use crate::error::Result;
use crate::host::HostWriter;
use crate::options::{BackupOptions, CopyOptions, RestoreOptions, entry_path, id};
use crate::records::{BackupReport, CopyReport, Problem, RestoreReport, display_path};
use crate::run::Run;
use crate::source::Source;
use crate::stream::{FileHandle, Writing};

impl Repository {
    /// Backs up a source and makes a snapshot of it. On a deadline or when suspended, what is done so far is kept, and
    /// calling again goes on.
    ///
    /// # Errors
    /// Those of the engine, and whatever a function of the app failed with. Paths that cannot be read are problems in
    /// the report instead.
    pub fn backup(&self, source: Source, options: &BackupOptions, run: &Run) -> Result<BackupReport> {
        let (source, options) = (source.into_core(run.failure())?, options.to_core()?);
        let report = self.operate("backup", "back up", run, |engine, ctx| {
            Ok(BackupReport::from(&engine.backup(source, &options, ctx)?))
        })?;
        self.log_problems("backup", &report.problems);
        Ok(report)
    }

    /// Restores a snapshot, or a part of it, into a folder.
    ///
    /// # Errors
    /// Those of the engine. What is wrong with single paths is in the report instead.
    pub fn restore(&self, snapshot: &str, options: &RestoreOptions, run: &Run) -> Result<RestoreReport> {
        let (snapshot, options) = (id(snapshot)?, options.to_core()?);
        let report = self.operate("restore", "restore", run, |engine, ctx| {
            Ok(RestoreReport::from(&engine.restore(&snapshot, &options, ctx)?))
        })?;
        self.log_problems("restore", &report.problems);
        Ok(report)
    }

    /// Writes a snapshot, or a folder or file of it, as a tar stream.
    ///
    /// # Errors
    /// Those of the engine, and what the writer failed with. What was written until then is no complete stream.
    pub fn export_tar(
        &self,
        snapshot: &str,
        path: &[u8],
        writer: &mut dyn HostWriter,
        run: &Run,
    ) -> Result<RestoreReport> {
        let (snapshot, path) = (id(snapshot)?, entry_path(path)?);
        let failure = run.failure().clone();
        let report = self.operate("export_tar", "export a snapshot", run, |engine, ctx| {
            let mut out = Writing { writer, failure: &failure };
            Ok(RestoreReport::from(&engine.export_tar(&snapshot, &path, &mut out, ctx)?))
        })?;
        self.log_problems("export_tar", &report.problems);
        Ok(report)
    }

    /// Opens a file of a snapshot for reading at any place.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the snapshot has no such path,
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for anything but a regular file.
    pub fn open_file(&self, snapshot: &str, path: &[u8]) -> Result<FileHandle> {
        let (snapshot, path) = (id(snapshot)?, entry_path(path)?);
        self.small("open a file of the snapshot", |engine| {
            Ok(FileHandle::new(engine.open_file(&snapshot, path.to_path_buf())?))
        })
    }

    /// Copies snapshots to other repositories, each with its own keys.
    ///
    /// # Errors
    /// Those of the source; what a destination fails with is in the report.
    pub fn copy_to(&self, destinations: &[&Repository], options: &CopyOptions, run: &Run) -> Result<CopyReport> {
        const OPERATION: &str = "copy snapshots";
        let engines: Vec<_> = destinations.iter().map(|other| other.engine(OPERATION)).collect::<Result<_>>()?;
        let engines: Vec<&strongroom::Repository> = engines.iter().collect();
        let options = options.to_core()?;
        self.operate("copy_to", OPERATION, run, |engine, ctx| {
            Ok(CopyReport::from(&engine.copy_to(&engines, &options, ctx)?))
        })
    }

    fn log_problems(&self, operation: &str, problems: &[Problem]) {
        for problem in problems {
            self.log(LogLevel::Warning, operation, || {
                format!("{}: {} ({})", display_path(&problem.path), problem.detail, problem.reason.name())
            });
        }
    }
}
