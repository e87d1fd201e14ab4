//! Putting right what broke off: reservations of dead processes, uploads nobody goes on with, bytes of no object.

use super::Vaults;
use crate::problem::Problem;
use std::time::Duration;
use tokio::sync::watch;

/// Between two sweeps.
const PAUSE: Duration = Duration::from_secs(15);
/// Sweeps between two looks at the whole staging folder.
const SELDOM: u32 = 240;
/// How long a file is left alone that the catalogue does not know: its reservation may be on its way.
const GRACE: Duration = Duration::from_secs(3600);

impl Vaults {
    /// Keeps the store and the catalogue in step until `stop` is done: to be run by every process of a service for as
    /// long as it serves.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        if let Err(problem) = self.take_over().await {
            let error = problem.into_error();
            tracing::warn!(kind = error.kind().name(), "reservations of an earlier process are kept for a minute");
        }
        let sweeps = async {
            let mut count: u32 = 0;
            loop {
                if let Err(problem) = self.sweep().await {
                    let error = problem.into_error();
                    tracing::warn!(
                        kind = error.kind().name(),
                        operation = error.operation(),
                        "a sweep of vaults failed"
                    );
                }
                if count.is_multiple_of(SELDOM)
                    && let Err(problem) = self.sweep_staging(GRACE).await
                {
                    let error = problem.into_error();
                    tracing::warn!(
                        kind = error.kind().name(),
                        operation = error.operation(),
                        "a sweep of staging failed"
                    );
                }
                count = count.wrapping_add(1);
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = sweeps => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Takes the processes before this one for dead, where only one at a time serves from the database.
    pub(crate) async fn take_over(&self) -> Result<(), Problem> {
        if self.catalogue().database().is_sqlite() {
            self.catalogue().others_are_dead().await?;
        }
        Ok(())
    }

    /// One sweep. Several processes may do it at once.
    ///
    /// # Errors
    /// Those of database and store; the next sweep goes on.
    pub(crate) async fn sweep(&self) -> Result<(), Problem> {
        let catalogue = self.catalogue();
        catalogue.say_alive().await?;
        for reservation in catalogue.abandoned().await? {
            catalogue.undo(&reservation).await?;
        }
        while catalogue.empty_deleted_vaults().await? {}
        loop {
            let garbage = catalogue.garbage().await?;
            if garbage.is_empty() {
                return Ok(());
            }
            let mut failed = None;
            for item in garbage {
                match self.store().remove(item.upload, &item.place, &item.multipart).await {
                    Ok(()) => catalogue.garbage_is_gone(&item).await?,
                    Err(error) => failed = Some(error),
                }
            }
            // What cannot be removed now is tried again by the next sweep, and holds up nothing else.
            if let Some(error) = failed {
                return Err(error.into());
            }
        }
    }

    /// Removes files of uploads that the catalogue does not know, once they have been idle for `grace`.
    pub(crate) async fn sweep_staging(&self, grace: Duration) -> Result<(), Problem> {
        for upload in self.store().staging().idle(grace).await? {
            if !self.catalogue().knows(upload).await? {
                self.store().staging().remove(upload).await?;
            }
        }
        Ok(())
    }
}
