//! Everything but folders, one entry at a time.

use super::content::Copier;
use super::failure::{Failure, Outcome, text};
use super::file::{self, Result, name_of};
use super::folder::Place;
use super::job::Job;
use super::metadata::{Attributes, settle};
use super::options::Overwrite;
use super::standing::{Standing, judge, refresh};
use super::sys::{self, Node};
use crate::format::entry::{Entry, EntryKind, HardLink};
use crate::path::EntryPath;
use crate::problem::ProblemReason;
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// What a task restores.
pub(super) struct Item {
    pub(super) entry: Entry,
    /// Which of the task's places holds it.
    pub(super) place: usize,
    /// Set for further names of a file whose first name is restored already.
    pub(super) later: Option<HardLink>,
}

/// Restores the items of one task.
pub(super) struct Restorer<'a> {
    job: &'a Job<'a>,
    copier: Copier<'a>,
    /// The folder of the last first name that was linked to.
    linked: Option<(Arc<EntryPath>, Arc<OwnedFd>)>,
}

impl<'a> Restorer<'a> {
    pub(super) fn new(job: &'a Job<'a>) -> Self {
        Restorer { job, copier: Copier::new(job), linked: None }
    }

    pub(super) fn restore(&mut self, place: &Place, item: &Item) {
        let job = self.job;
        let entry = &item.entry;
        if let Some(group) = item.later {
            match self.link(place, entry, group) {
                Ok(Linked::Yes(result)) => return count(job, entry, result, true),
                Ok(Linked::No) => {}
                Err(failure) => return job.fail(&entry.path, failure),
            }
        }
        match self.alone(place, entry) {
            Ok(result) => finished(job, entry, result),
            Err(failure) => job.fail(&entry.path, failure),
        }
    }

    fn alone(&mut self, place: &Place, entry: &Entry) -> Outcome<Result> {
        match entry.kind {
            EntryKind::File => file::restore(&mut self.copier, self.job, place, entry),
            _ => self.node(place, entry),
        }
    }

    /// A symbolic link, pipe, socket or device.
    fn node(&mut self, place: &Place, entry: &Entry) -> Outcome<Result> {
        let job = self.job;
        let name = name_of(entry)?;
        if place.folder.fresh && !job.options.replaces_whole() {
            match self.make(place, entry, name) {
                Ok(()) => return self.settle(place, entry, name).map(|()| Result::Written),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(cannot_make(entry, errno)),
            }
        }
        match judge(job, place, entry)? {
            Standing::Keep => return Ok(Result::Kept),
            Standing::Same(facts) => {
                if refresh(job, place, entry, &facts)? {
                    return Ok(Result::Unchanged);
                }
            }
            Standing::Nothing | Standing::Update(_) | Standing::Other => {}
        }
        let temporary = job.temporary_name();
        self.make(place, entry, &temporary).map_err(|errno| cannot_make(entry, errno))?;
        let placed = self.settle(place, entry, &temporary).and_then(|()| {
            sys::rename(&place.fd, &temporary, name).map_err(|errno| Failure::target(errno, "put it in its place"))
        });
        if placed.is_err() {
            let _ = sys::remove(&place.fd, &temporary);
        }
        placed.map(|()| Result::Written)
    }

    fn make(&self, place: &Place, entry: &Entry, name: &[u8]) -> std::result::Result<(), Errno> {
        // Nobody else gets at a device or pipe before its owner is set.
        sys::make_node(&place.fd, name, &entry.kind, entry.metadata.mode & 0o700)
    }

    fn settle(&self, place: &Place, entry: &Entry, name: &[u8]) -> Outcome<()> {
        let looking = |errno| Failure::target(errno, "look at what was made");
        let node = Node::by_handle(sys::open_handle(&place.fd, name).map_err(looking)?);
        let facts = node.facts().map_err(looking)?;
        if facts.file_type != sys::type_of(&entry.kind) || facts.links > 1 {
            return Err(Failure::obstructed(facts.type_name(), entry.kind.name()));
        }
        let attributes = if place.folder.inherits { Attributes::Existing } else { Attributes::Fresh };
        settle(self.job, &entry.path, &entry.metadata, &node, &facts, attributes);
        Ok(())
    }

    /// Makes a further name of a file that stands in the target under its first name.
    fn link(&mut self, place: &Place, entry: &Entry, group: HardLink) -> Outcome<Linked> {
        let job = self.job;
        let name = name_of(entry)?;
        let Some((folder, first)) = job.links.first(group) else { return Ok(Linked::No) };
        let looking = |errno| Failure::target(errno, "look at the other name of a file");
        let from = self.folder_of_first(&folder).map_err(looking)?;
        let Some(source) = sys::facts(&from, &first).map_err(looking)? else { return Ok(Linked::No) };
        if source.file_type != sys::type_of(&entry.kind) {
            return Ok(Linked::No);
        }
        let there = sys::facts(&place.fd, name).map_err(looking)?;
        if there.is_some_and(|there| there.identity() == source.identity()) {
            return Ok(Linked::Yes(Result::Unchanged));
        }
        let replaces = match (there, job.options.overwrite) {
            (None, _) => false,
            (Some(_), Overwrite::Never) => return Ok(Linked::Yes(Result::Kept)),
            (Some(there), _) if there.is_folder() => match judge(job, place, entry)? {
                Standing::Nothing => false,
                _ => return Ok(Linked::Yes(Result::Kept)),
            },
            (Some(there), Overwrite::IfNewer) if there.modified > entry.metadata.modified => {
                return Ok(Linked::Yes(Result::Kept));
            }
            (Some(_), _) => true,
        };
        let made = if replaces {
            let temporary = job.temporary_name();
            sys::link(&from, &first, &place.fd, &temporary).and_then(|()| {
                sys::rename(&place.fd, &temporary, name).inspect_err(|_| {
                    let _ = sys::remove(&place.fd, &temporary);
                })
            })
        } else {
            sys::link(&from, &first, &place.fd, name)
        };
        match made {
            Ok(()) => Ok(Linked::Yes(Result::Written)),
            Err(errno) => {
                let detail = format!("it could not be linked to the other names of its file: {}", text(errno));
                job.problem(&entry.path, ProblemReason::Metadata, detail + "; it becomes a copy");
                Ok(Linked::No)
            }
        }
    }

    fn folder_of_first(&mut self, folder: &Arc<EntryPath>) -> std::result::Result<Arc<OwnedFd>, Errno> {
        if let Some((last, fd)) = &self.linked
            && last == folder
        {
            return Ok(Arc::clone(fd));
        }
        let Some(target) = &self.job.target else { return Err(Errno::NOENT) };
        let mut fd = Arc::clone(target);
        for name in self.job.names_in_target(folder) {
            fd = Arc::new(sys::open_folder(&fd, name)?);
        }
        self.linked = Some((Arc::clone(folder), Arc::clone(&fd)));
        Ok(fd)
    }
}

enum Linked {
    Yes(Result),
    /// The entry has to be restored as if it stood alone.
    No,
}

fn cannot_make(entry: &Entry, errno: Errno) -> Failure {
    match (&entry.kind, errno) {
        (EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. }, Errno::PERM) => {
            Failure::Entry(ProblemReason::PermissionDenied, "only the system administrator may make devices".to_owned())
        }
        _ => Failure::target(errno, "make it"),
    }
}

/// Notes that an entry is done, for the report and for further names of the same file.
pub(super) fn finished(job: &Job<'_>, entry: &Entry, result: Result) {
    if let Some(group) = entry.metadata.hard_link
        && result != Result::Kept
    {
        job.links.stands(group, &entry.path);
    }
    count(job, entry, result, false);
}

pub(super) fn count(job: &Job<'_>, entry: &Entry, result: Result, linked: bool) {
    let counter = match entry.kind {
        _ if linked => &job.tally.hard_links,
        EntryKind::File => &job.tally.files,
        EntryKind::Directory => &job.tally.directories,
        EntryKind::Symlink { .. } => &job.tally.symlinks,
        _ => &job.tally.others,
    };
    counter.add(1);
    if result != Result::Written && entry.kind != EntryKind::Directory {
        job.tally.unchanged.add(1);
    }
    if !linked {
        job.tally.bytes.add(entry.size);
    }
    job.meter.add_entries(1);
    job.meter.add_bytes(entry.size);
}
