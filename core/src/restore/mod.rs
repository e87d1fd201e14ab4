//! Restore: a snapshot, a folder or a file of it, back on a file system, as random access, or as a stream.
//!
//! The [`walk`] goes over the tree in order, opens or makes folders, and hands what is in them to tasks of some
//! hundred entries or some megabytes; large files are written by several tasks. A folder gets its own metadata when
//! nothing works in it any more. Everything in the target is reached through open folders by single names that are
//! not followed ([`sys`]), so that no link leads out of it, whoever made it and whenever.

mod batch;
mod content;
mod entry;
mod extra;
mod failure;
mod file;
mod folder;
mod job;
mod large;
mod links;
mod metadata;
mod options;
mod preview;
mod report;
mod standing;
mod stream;
mod sys;
mod tar;
mod walk;

#[cfg(test)]
mod tests;

pub use options::{Overwrite, Ownership, RestoreOptions};
pub use report::RestoreReport;
pub use stream::FileReader;
pub(crate) use tar::to_tar;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, invalid};
use crate::format::entry::{Entry, EntryKind};
use crate::id::BlobId;
use crate::path::EntryPath;
use crate::progress::Phase;
use crate::report::Outcome;
use crate::store::blobs::{NodeStore, SegmentStore};
use crate::store::packs::is_of_the_object;
use crate::tree::{Cursor, lookup, totals};
use folder::{Look, Place};
use job::Job;
use rustix::fs::{Mode, OFlags};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use walk::Walk;

/// Restores the tree at `root`, or the part of it that the options name, into the folder `target`.
///
/// # Errors
/// Only what makes going on impossible: an unreadable root, a missing path, a target that cannot be written or is
/// full, storage that cannot be reached, cancellation. Everything else is a problem in the report.
pub(crate) fn run(
    store: &dyn SegmentStore,
    root: BlobId,
    target: &Path,
    options: &RestoreOptions,
    ctx: &Context,
) -> Result<RestoreReport> {
    ctx.check("restore")?;
    let nodes: &dyn NodeStore = store;
    let all = totals(nodes, root)?;
    let (base, single) = find(nodes, root, &options.path)?;
    let folder = open_target(target, options)?;
    let job = Job::new(store, options, ctx, folder, base.depth())?;
    job.meter.phase(Phase::Restoring);
    if options.path.is_root() && job.selection.takes_all() {
        job.meter.totals(Some(all.entries), Some(all.bytes));
    }
    let mut look = Look::Any;
    let place = job.target.as_ref().map(|fd| Place::new(Arc::clone(fd), false, sys::has_default_acl(fd)));
    if let (Some(place), false) = (&place, options.dry_run) {
        folder::make_writable(&job, &place.fd, &mut look)
            .map_err(|errno| Error::io(errno.into(), "make the target folder writable").object(target.display()))?;
    }
    let pool = ctx.pool()?;
    pool.scope_fifo(|scope| {
        let walk = Walk::new(&job, scope, root, &base, place, look);
        match single {
            Some(entry) => walk.single(entry),
            None => walk.all(Cursor::from(store, root, base.key()), &base),
        }
    });
    conclude(job, target)
}

/// The folder that the target stands for, and the entry to restore alone, if it is one.
fn find(nodes: &dyn NodeStore, root: BlobId, path: &EntryPath) -> Result<(EntryPath, Option<Entry>)> {
    if path.is_root() {
        return Ok((EntryPath::root(), None));
    }
    let found = match lookup(nodes, root, path) {
        // Where its own entry is lost, what is in it may be not; what cannot be read is told on the way.
        Err(error) if is_of_the_object(&error) => return Ok((path.clone(), None)),
        found => found?,
    };
    match found {
        Some(entry) if entry.kind != EntryKind::Directory => Ok((path.parent().unwrap_or_default(), Some(entry))),
        Some(_) => Ok((path.clone(), None)),
        None => {
            // A folder may be there only through what is in it.
            let mut cursor = Cursor::from(nodes, root, path.key());
            match cursor.peek()? {
                Some(entry) if entry.path.is_within(path) => Ok((path.clone(), None)),
                _ => {
                    Err(Error::new(ErrorKind::NotFound, "restore").object(path).detail("the snapshot has no such path"))
                }
            }
        }
    }
}

/// Opens the target folder, and makes it unless this is a dry run.
fn open_target(target: &Path, options: &RestoreOptions) -> Result<Option<OwnedFd>> {
    let failed = |error: std::io::Error, operation| {
        let advice = match error.kind() {
            std::io::ErrorKind::ReadOnlyFilesystem => Some("its file system is read-only; choose another target"),
            std::io::ErrorKind::PermissionDenied => Some("permission denied; choose a target you may write to"),
            std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
                Some("something that is not a folder is there; choose another target")
            }
            _ => None,
        };
        let error = Error::io(error, operation).object(target.display());
        match advice {
            Some(advice) => error.detail(advice),
            None => error,
        }
    };
    if target.as_os_str().is_empty() {
        return Err(invalid("restore", "no target folder is given"));
    }
    if !options.dry_run {
        std::fs::create_dir_all(target).map_err(|error| failed(error, "make the target folder"))?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::open(target, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(rustix::io::Errno::NOENT) if options.dry_run => Ok(None),
        Err(errno) => Err(failed(errno.into(), "open the target folder")),
    }
}

fn conclude(job: Job<'_>, target: &Path) -> Result<RestoreReport> {
    let mut report = job.tally.report();
    report.elapsed = job.meter.elapsed();
    if let (Some(fd), true, false) = (&job.target, job.options.sync, job.options.dry_run || job.is_stopped()) {
        job.meter.phase(Phase::Finishing);
        sys::sync(fd).map_err(|errno| Error::io(errno.into(), "store what was restored").object(target.display()))?;
    }
    job.meter.finish();
    let (problems, count, suspended) = job.finish().map_err(|error| error.or_object(target.display()))?;
    report.outcome = match count {
        _ if suspended => Outcome::Suspended,
        0 => Outcome::Complete,
        _ => Outcome::Partial,
    };
    (report.problems, report.problem_count) = (problems, count);
    Ok(report)
}
