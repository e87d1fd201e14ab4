//! Looking after a repository.

use super::Repository;
use crate::check::{self, CheckKind, CheckOptions, CheckProblem, CheckReport};
use crate::context::Context;
use crate::error::Result;
use crate::store::filter::SnapshotFilter;

impl Repository {
    /// Checks that everything every snapshot refers to is there and sound: index, packs and trees; with
    /// [`read_data`](CheckOptions::read_data) the bytes of packs too. Changes nothing.
    ///
    /// # Errors
    /// Those of the storage, and [`Cancelled`](crate::ErrorKind::Cancelled). Damage is not an error but what the report
    /// is for.
    pub fn check(&self, options: &CheckOptions, ctx: &Context) -> Result<CheckReport> {
        let listing = self.with_snapshots(|snapshots| snapshots.list(&SnapshotFilter::all()))?;
        let (reader, _) = self.reader(ctx)?;
        let roots: Vec<_> = listing.snapshots.iter().map(|snapshot| (snapshot.id, snapshot.root)).collect();
        let mut report = check::run(&reader, &roots, options, ctx)?;
        for (name, error) in listing.rejected {
            report.add(CheckProblem::new(CheckKind::DamagedSnapshot, name, error.to_string()));
        }
        Ok(report)
    }
}
