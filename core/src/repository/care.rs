//! Looking after a repository.

use super::Repository;
use crate::backend::{Folder, ObjectName};
use crate::check::{self, CheckKind, CheckOptions, CheckProblem, CheckReport};
use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::format::entry::Timestamp;
use crate::format::lease::LeaseState;
use crate::id::{DeviceId, SessionId};
use crate::maintain::{
    self, ParityReport, PruneOptions, PruneReport, RebuildReport, ReencryptOptions, ReencryptReport, RepairOptions,
    RepairReport, RepositoryStats,
};
use crate::report::Outcome;
use crate::store::condemned::{self, Condemned};
use crate::store::filter::SnapshotFilter;
use crate::store::keys::survey;
use crate::store::leases::{self, SessionLease};
use crate::store::sessions;
use crate::store::snapshots::Snapshots;
use std::sync::Arc;

/// A session: one writer or maintainer at work, or one that was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its id.
    pub id: SessionId,
    /// The device at work; none for maintainers, who have no signing key.
    pub device: Option<DeviceId>,
    /// What it does: `backup`, `prune` or `copy`.
    pub purpose: &'static str,
    /// When storage received its first lease.
    pub began: Timestamp,
    /// When storage received its newest lease.
    pub renewed: Timestamp,
    /// Until when that holds, by the storage's clock.
    pub expires: Timestamp,
    /// Whether it said that it is done.
    pub ended: bool,
}

impl Repository {
    /// Checks that everything every snapshot refers to is there and sound: index, packs and trees; with
    /// [`read_data`](CheckOptions::read_data) the bytes of packs too. Changes nothing.
    ///
    /// # Errors
    /// Those of the storage, and [`Cancelled`](crate::ErrorKind::Cancelled). Damage is not an error but what the report
    /// is for.
    pub fn check(&self, options: &CheckOptions, ctx: &Context) -> Result<CheckReport> {
        let this = self.within(ctx, "check the repository");
        let listing = this.with_snapshots(|snapshots| snapshots.list(&SnapshotFilter::all()))?;
        let (reader, _) = this.reader(ctx)?;
        let roots: Vec<_> = listing.snapshots.iter().map(|snapshot| (snapshot.id, snapshot.root)).collect();
        let mut report = check::run(&reader, &roots, options, ctx)?;
        for (name, error) in &listing.rejected {
            report.add(CheckProblem::of_object(name, error));
        }
        if report.outcome == Outcome::Suspended {
            return Ok(report);
        }
        let (backend, keys) = (this.store.backend(), this.store.keys());
        let devices = this.devices_list()?;
        for error in devices.skipped().iter().chain(&survey(backend, keys)?.skipped) {
            let name = error.object_name().and_then(|name| name.parse::<ObjectName>().ok());
            report.add(match name {
                Some(name) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Untrusted) => {
                    CheckProblem::of_object(&name, error)
                }
                // A creation that broke off leaves keys of a repository that never came to be.
                _ => CheckProblem::new(
                    CheckKind::UnknownObject,
                    error.object_name().unwrap_or("keys"),
                    error.to_string(),
                ),
            });
        }
        let sessions = sessions::survey(backend, keys, &devices, ctx)?;
        for (info, error) in &sessions.strange {
            report.add(CheckProblem::new(CheckKind::UnknownObject, &info.name, error.to_string()));
        }
        for (info, error) in &sessions.rejected {
            report.add(CheckProblem::of_object(&info.name, error));
        }
        for (id, stage, error) in &Condemned::load(&this.store, &devices)?.damaged {
            report.add(CheckProblem::of_object(&condemned::name(id, *stage), error));
        }
        Ok(report)
    }

    /// Removes what no snapshot leads to any more, in two phases: packs are condemned, and removed once every session
    /// that was at work then has ended or run out; where nobody is, that is at once. Others may back up, restore and
    /// check meanwhile. Also cleans up after sessions that are over.
    ///
    /// Needs no key to content: a maintainer moves sealed segments without opening them.
    ///
    /// ```
    /// # use strongroom::{Context, CreateOptions, MemoryBackend, PruneOptions, Repository, Secret};
    /// # let create = CreateOptions::new().cost(strongroom::Cost::FLOOR);
    /// # let repo = Repository::create(MemoryBackend::new(), &Secret::passphrase("correct horse"), &create)?;
    /// let report = repo.prune(&PruneOptions::new(), &Context::new())?;
    /// println!("{} bytes freed, {} more to come", report.removed_bytes, report.condemned_bytes);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) without a maintainer's or owner's key, [`Conflict`](ErrorKind::Conflict) when
    /// somebody else is pruning, [`PermissionDenied`](ErrorKind::PermissionDenied) where storage allows no removal,
    /// and, with nothing removed, what is wrong with an object that has to be read to know what is needed.
    pub fn prune(&self, options: &PruneOptions, ctx: &Context) -> Result<PruneReport> {
        let this = self.within(ctx, "prune");
        let devices = Arc::new(this.devices_list()?);
        let (reader, _) = this.reader(ctx)?;
        maintain::prune(&reader, &devices, options, ctx)
    }

    /// Makes the index anew from the packs, as far as it does not list them rightly. Works without any readable index,
    /// and with a maintainer's key. Adds objects only; what is superseded is left to pruning.
    ///
    /// # Errors
    /// Those of the storage, and [`Cancelled`](ErrorKind::Cancelled). Packs that cannot be read are in the report.
    pub fn rebuild_index(&self, ctx: &Context) -> Result<RebuildReport> {
        let this = self.within(ctx, "rebuild the index");
        // What pruning is removing is not listed again.
        let devices = this.devices_list()?;
        devices.check_reach(this.store.keys(), "rebuild the index")?;
        let doomed = Condemned::load(&this.store, &devices)?.doomed();
        maintain::rebuild_index(&this.store, doomed, ctx)
    }

    /// Mends what can be mended: the index, packs of which a part is damaged, and snapshots that lost something, of
    /// which a new one is made of all that is whole, tagged `salvaged`. Only adds objects: the damaged ones stay, and
    /// so does what is not understood. What is lost is in the report.
    ///
    /// Doing it again does nothing new. Whoever cannot read mends the index only, and says which packs are damaged.
    ///
    /// ```
    /// # use strongroom::{BackupOptions, Context, Cost, CreateOptions, MemoryBackend, Repository, Secret, Source};
    /// # let options = CreateOptions::new().cost(Cost::FLOOR);
    /// # let repo = Repository::create(MemoryBackend::new(), &Secret::passphrase("correct horse"), &options)?;
    /// # let ctx = Context::new();
    /// let report = repo.repair(&strongroom::RepairOptions::new(), &ctx)?;
    /// for lost in report.salvaged.iter().flat_map(|snapshot| &snapshot.lost) {
    ///     println!("{lost}");
    /// }
    /// # assert!(report.was_sound());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the storage, [`Cancelled`](ErrorKind::Cancelled), and [`Untrusted`](ErrorKind::Untrusted) when this
    /// device may not sign the new snapshots. Damage is in the report.
    pub fn repair(&self, options: &RepairOptions, ctx: &Context) -> Result<RepairReport> {
        let this = self.within(ctx, "repair the repository");
        let devices = Arc::new(this.devices_list()?);
        let snapshots = Snapshots::open(this.store.backend(), this.store.keys(), &devices)?;
        let listing = snapshots.list(&SnapshotFilter::all())?;
        maintain::repair(&this.store, &devices, listing, options, ctx)
    }

    /// Adds parity, recovery data of this share in percent, to every pack that has none. Needs no key to content. What
    /// is written later gets parity only if that was chosen when the repository was created
    /// ([`CreateOptions::parity`](crate::CreateOptions::parity)); else this can be called again.
    ///
    /// ```
    /// # use strongroom::{Context, Cost, CreateOptions, MemoryBackend, Repository, Secret};
    /// # let options = CreateOptions::new().cost(Cost::FLOOR);
    /// # let repo = Repository::create(MemoryBackend::new(), &Secret::passphrase("correct horse"), &options)?;
    /// let report = repo.add_parity(5, &Context::new())?;
    /// println!("{} bytes of parity for {} packs", report.added_bytes, report.added);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for anything but 1 to 100 percent,
    /// [`Cancelled`](ErrorKind::Cancelled), and those of the storage. Packs that are damaged are in the report.
    pub fn add_parity(&self, percent: u8, ctx: &Context) -> Result<ParityReport> {
        let this = self.within(ctx, "add parity");
        maintain::add_parity(&this.store, &Arc::new(this.devices_list()?), percent, ctx)
    }

    /// How much parity packs get when they are written, in percent of a pack, if any.
    #[must_use]
    pub fn parity(&self) -> Option<u8> {
        self.store.config().parity
    }

    /// Packs that were found damaged since this repository was opened, and read all the same by their parity. Whoever
    /// finds some here should [repair](Repository::repair).
    #[must_use]
    pub fn healed_packs(&self) -> Vec<ObjectName> {
        self.store.healed().iter().map(|pack| ObjectName::of(Folder::Packs, pack)).collect()
    }

    /// Moves what was stored under the keys of earlier epochs to those of the newest: packs are opened, sealed anew and
    /// written as new packs, which takes as much room again until [`prune`](Repository::prune) has removed the old ones.
    /// Prune before, too, or what nobody needs is re-encrypted with the rest. Others may back up and restore meanwhile.
    ///
    /// It goes step by step: on a deadline, or when it has done as much as the options allow, it ends with
    /// [`Suspended`](crate::Outcome::Suspended), and calling again goes on. What devices have signed stays as it is:
    /// the descriptions of snapshots that were made before.
    ///
    /// ```
    /// # use strongroom::{Context, CreateOptions, MemoryBackend, PruneOptions, ReencryptOptions, Repository, Secret};
    /// # let create = CreateOptions::new().cost(strongroom::Cost::FLOOR);
    /// # let repo = Repository::create(MemoryBackend::new(), &Secret::passphrase("correct horse"), &create)?;
    /// repo.rotate(&Context::new())?;
    /// let report = repo.reencrypt(&ReencryptOptions::new().max_bytes(10 << 30), &Context::new())?;
    /// println!("{} bytes left; pruning will free {}", report.left_bytes, report.superseded_bytes);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) without a reader's or owner's key, [`Cancelled`](ErrorKind::Cancelled), and
    /// those of the storage. Packs that cannot be read are in the report.
    pub fn reencrypt(&self, options: &ReencryptOptions, ctx: &Context) -> Result<ReencryptReport> {
        let this = self.within(ctx, "re-encrypt");
        maintain::reencrypt(&this.store, &Arc::new(this.devices_list()?), options, ctx)
    }

    /// How much the repository holds: raw, deduplicated, stored.
    ///
    /// # Errors
    /// Those of the storage; [`Forbidden`](ErrorKind::Forbidden) for who may not read trees.
    pub fn stats(&self, ctx: &Context) -> Result<RepositoryStats> {
        let this = self.within(ctx, "compute statistics");
        let listing = this.with_snapshots(|snapshots| snapshots.list(&SnapshotFilter::all()))?;
        let (reader, _) = this.reader(ctx)?;
        let roots: Vec<_> = listing.snapshots.iter().map(|snapshot| (snapshot.id, snapshot.root)).collect();
        maintain::stats(&reader, &roots, ctx)
    }

    /// Why local state is kept in memory although a folder was given for it, if that is so.
    #[must_use]
    pub fn state_folder_problem(&self) -> Option<String> {
        self.store.index().folder_problem()
    }

    /// The sessions storage knows of: who is at work, and who was and has not been cleaned up after. Sessions whose
    /// objects cannot be read are left out.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn sessions(&self) -> Result<Vec<SessionInfo>> {
        let listing = leases::list(self.store.backend(), self.store.keys(), &self.devices_list()?)?;
        let info = |session: SessionLease| SessionInfo {
            id: session.lease.session,
            device: session.lease.device,
            purpose: session.lease.purpose.name(),
            began: session.began,
            renewed: session.received,
            expires: session.expires(),
            ended: session.lease.state == LeaseState::Ended,
        };
        Ok(listing.sessions.into_iter().map(info).collect())
    }
}
