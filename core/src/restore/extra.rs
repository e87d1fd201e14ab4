//! Removing what the snapshot does not have.

use super::failure::{Failure, Outcome};
use super::folder::{Finish, Place};
use super::job::Job;
use super::options::Verdict;
use super::sys;
use crate::path::EntryPath;
use crate::problem::ProblemReason;
use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};

/// Names looked at together, so that a huge folder is not held in memory.
const CHUNK: usize = 4096;
/// Levels worked on at once, each with an open folder; what lies deeper is moved up first.
const LEVELS: usize = 24;
/// The same when patterns must be asked about every path, which what has been moved no longer has.
const LEVELS_IN_PLACE: usize = 128;

/// Removes from a finished folder everything but the names with these numbers.
pub(super) fn remove_others(job: &Job<'_>, place: &Place, names: &[u64], finish: &Finish) {
    let mut known = names.to_vec();
    known.sort_unstable();
    let keep = |name: &[u8]| known.binary_search(&job.number_of_name(name)).is_ok();
    let purge = match Purge::of(job, &place.fd) {
        Ok(purge) => purge,
        Err(failure) => return job.fail(&finish.path, failure),
    };
    if let Err(failure) = purge.empty(&place.fd, &finish.path, finish.taken, keep, None, 0) {
        job.fail(&finish.path, failure);
    }
}

/// Removes a folder that stands where something else should be.
pub(super) fn remove_folder(job: &Job<'_>, place: &Place, name: &[u8], path: &EntryPath) -> Outcome<bool> {
    Purge::of(job, &place.fd)?.one(&place.fd, name, path, true, &place.fd, 0)
}

struct Purge<'a> {
    job: &'a Job<'a>,
    /// Nothing is removed from other file systems.
    device: u64,
}

impl<'a> Purge<'a> {
    fn of(job: &'a Job<'a>, folder: &OwnedFd) -> Outcome<Self> {
        let facts = sys::facts_of(folder.as_fd()).map_err(|errno| Failure::target(errno, "look at a folder"))?;
        Ok(Purge { job, device: facts.device })
    }

    /// Removes what is in a folder and not to be kept. `top` is the folder that things too deep are moved to.
    fn empty(
        &self,
        folder: &OwnedFd,
        path: &EntryPath,
        taken: bool,
        keep: impl Fn(&[u8]) -> bool,
        top: Option<&OwnedFd>,
        depth: usize,
    ) -> Outcome<()> {
        let mut kept = HashSet::new();
        loop {
            let mut names: Vec<Vec<u8>> = Vec::new();
            sys::list(folder, |name| {
                if !keep(name) && !kept.contains(&self.job.number_of_name(name)) {
                    names.push(name.to_vec());
                }
                names.len() < CHUNK
            })
            .map_err(|errno| Failure::target(errno, "list a folder"))?;
            if names.is_empty() {
                return Ok(());
            }
            for name in names {
                if self.job.is_ending() {
                    return Err(Failure::Stopped);
                }
                let below = path.join(&name).unwrap_or_else(|_| path.clone());
                let removed = match self.one(folder, &name, &below, taken, top.unwrap_or(folder), depth) {
                    Ok(removed) => removed,
                    Err(failure) => {
                        self.job.fail(&below, failure);
                        false
                    }
                };
                if !removed {
                    kept.insert(self.job.number_of_name(&name));
                }
            }
        }
    }

    /// Removes one thing; says whether it is gone from where it was.
    fn one(
        &self,
        folder: &OwnedFd,
        name: &[u8],
        path: &EntryPath,
        taken: bool,
        top: &OwnedFd,
        depth: usize,
    ) -> Outcome<bool> {
        let failed = |errno| Failure::target(errno, "remove what the snapshot does not have");
        let Some(facts) = sys::facts(folder, name).map_err(failed)? else { return Ok(true) };
        if self.job.selection.judge(path, facts.is_folder(), taken) != Verdict::Taken {
            return Ok(false);
        }
        if self.job.options.dry_run {
            self.job.tally.deleted.add(1);
            return Ok(false);
        }
        if !facts.is_folder() {
            sys::remove(folder, name).map_err(failed)?;
            self.job.tally.deleted.add(1);
            return Ok(true);
        }
        if facts.device != self.device {
            return Err(Failure::obstructed("another file system", "end of the folder"));
        }
        let moves = self.job.selection.takes_all();
        if depth >= LEVELS_IN_PLACE && !moves {
            let detail = "it is nested too deeply to be removed while patterns are given".to_owned();
            return Err(Failure::Entry(ProblemReason::Unsupported, detail));
        }
        if depth >= LEVELS && moves {
            sys::rename_between(folder, name, top, &self.job.temporary_name()).map_err(failed)?;
            return Ok(true);
        }
        let inside = sys::open_folder(folder, name).map_err(failed)?;
        let top = if depth == 0 { &inside } else { top };
        self.empty(&inside, path, true, |_| false, Some(top), depth + 1)?;
        match sys::remove_folder(folder, name) {
            Ok(()) => {
                self.job.tally.deleted.add(1);
                Ok(true)
            }
            // What is left inside was reported, or is left out by the patterns.
            Err(rustix::io::Errno::NOTEMPTY | rustix::io::Errno::EXIST) => Ok(false),
            Err(errno) => Err(failed(errno)),
        }
    }
}
