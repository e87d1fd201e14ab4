//! Regular files: opened or made as the policy says, filled, and given their metadata.

use super::content::{Copier, Layout};
use super::failure::{Failure, Outcome};
use super::folder::Place;
use super::job::Job;
use super::metadata::{Attributes, settle};
use super::standing::{Standing, judge, refresh};
use super::sys::{self, Facts, Node};
use crate::format::entry::{Content, Entry};
use crate::store::blobs::NodeStore;
use crate::tree::RunReader;
use rustix::fs::FileType;
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};

/// How an entry came to stand in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Result {
    /// It was written, or changed to be as the snapshot has it.
    Written,
    /// It was there already.
    Unchanged,
    /// Something else is there, and the policy leaves it alone.
    Kept,
}

/// A file that is being written.
pub(super) struct Writing {
    pub(super) file: OwnedFd,
    /// Its name until it is finished, when that is not the final one.
    temporary: Option<Vec<u8>>,
    /// What the file was before, when it is updated in place.
    existing: Option<Facts>,
}

impl Writing {
    /// How long the file was before, when it is updated in place.
    pub(super) fn existing(&self) -> Option<u64> {
        self.existing.map(|facts| facts.size)
    }
}

pub(super) enum Opened {
    Writing(Writing),
    Done(Result),
}

/// The last name of an entry's path; no entry but the root is without one.
pub(super) fn name_of(entry: &Entry) -> Outcome<&[u8]> {
    entry.path.name().ok_or_else(|| Failure::obstructed("the target itself", "entry"))
}

/// Restores one file, start to end.
pub(super) fn restore(copier: &mut Copier<'_>, job: &Job<'_>, place: &Place, entry: &Entry) -> Outcome<Result> {
    let writing = match open(job, place, entry)? {
        Opened::Writing(writing) => writing,
        Opened::Done(result) => return Ok(result),
    };
    match fill(copier, job, entry, &writing).and_then(|()| finish(copier, job, place, entry, &writing)) {
        Ok(()) => Ok(Result::Written),
        Err(failure) => {
            abandon(place, entry, &writing);
            Err(failure)
        }
    }
}

fn fill(copier: &mut Copier<'_>, job: &Job<'_>, entry: &Entry, writing: &Writing) -> Outcome<()> {
    let mut layout = Layout::new(&entry.holes);
    let existing = writing.existing();
    match &entry.content {
        Content::Empty => Ok(()),
        Content::Inline(bytes) => copier.bytes(&writing.file, &mut layout, bytes, existing),
        Content::Runs(runs) => runs.iter().try_for_each(|run| copier.run(&writing.file, &mut layout, run, existing)),
        Content::List { .. } => {
            let mut runs = runs_of(job, entry)?;
            while let Some((run, _)) = runs.next().map_err(Failure::content)? {
                copier.run(&writing.file, &mut layout, &run, existing)?;
            }
            Ok(())
        }
    }
}

pub(super) fn runs_of<'a>(job: &Job<'a>, entry: &Entry) -> Outcome<RunReader<'a>> {
    let store: &dyn NodeStore = job.store;
    RunReader::new(store, &entry.content, crate::tree::data_length(entry), 0).map_err(Failure::content)
}

/// Opens the file an entry is written to, or finds that nothing needs to be written.
pub(super) fn open(job: &Job<'_>, place: &Place, entry: &Entry) -> Outcome<Opened> {
    let name = name_of(entry)?;
    if place.folder.fresh && !job.options.replaces_whole() {
        match create(job, place, entry, name) {
            Ok(file) => return Ok(Opened::Writing(Writing { file, temporary: None, existing: None })),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(Failure::target(errno, "make a file")),
        }
    }
    match judge(job, place, entry)? {
        Standing::Keep => Ok(Opened::Done(Result::Kept)),
        Standing::Same(facts) => match refresh(job, place, entry, &facts)? {
            true => Ok(Opened::Done(Result::Unchanged)),
            false => replace(job, place, entry),
        },
        Standing::Update(facts) => match update(place, name, &facts)? {
            Some(writing) => Ok(Opened::Writing(writing)),
            None => replace(job, place, entry),
        },
        Standing::Nothing if !job.options.replaces_whole() => {
            let file = create(job, place, entry, name).map_err(|errno| Failure::target(errno, "make a file"))?;
            Ok(Opened::Writing(Writing { file, temporary: None, existing: None }))
        }
        Standing::Nothing | Standing::Other => replace(job, place, entry),
    }
}

/// Makes a new file, from the start with the mode it will have where that gives nobody more than the final mode and
/// owner do.
fn create(job: &Job<'_>, place: &Place, entry: &Entry, name: &[u8]) -> std::result::Result<OwnedFd, Errno> {
    let mode = entry.metadata.mode & 0o777;
    let (group, others) = ((mode >> 3) & 7, mode & 7);
    // Until the owner is set, members of the final group count among the others and those of ours as the group.
    let shared = group & others;
    let mut mode = mode & 0o700 | shared << 3 | shared;
    if !job.privileged && !entry.metadata.xattrs.is_empty() {
        mode |= 0o200;
    }
    sys::create_file(&place.fd, name, mode)
}

/// Opens a file to be updated in place; `None` when it has to be replaced instead.
fn update(place: &Place, name: &[u8], facts: &Facts) -> Outcome<Option<Writing>> {
    let file = match sys::open_file(&place.fd, name) {
        Ok(file) => file,
        // Not writable, or a program that runs; a new file can still take its place.
        Err(Errno::ACCESS | Errno::PERM | Errno::TXTBSY | Errno::LOOP | Errno::NXIO | Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(Failure::target(errno, "open a file that exists")),
    };
    let now = sys::facts_of(file.as_fd()).map_err(|errno| Failure::target(errno, "look at a file"))?;
    // Something else may have taken the name meanwhile.
    let is_ours = now.identity() == facts.identity() && now.links == 1 && now.file_type == FileType::RegularFile;
    Ok(is_ours.then_some(Writing { file, temporary: None, existing: Some(now) }))
}

/// Begins a file that takes the place of what is there when it is finished.
fn replace(job: &Job<'_>, place: &Place, entry: &Entry) -> Outcome<Opened> {
    loop {
        let temporary = job.temporary_name();
        match create(job, place, entry, &temporary) {
            Ok(file) => return Ok(Opened::Writing(Writing { file, temporary: Some(temporary), existing: None })),
            Err(Errno::EXIST) => job.go_on()?,
            Err(errno) => return Err(Failure::target(errno, "make a file")),
        }
    }
}

/// Everything that follows the content. The modification time comes last, for it is what a later restore trusts.
pub(super) fn finish(
    copier: &mut Copier<'_>,
    job: &Job<'_>,
    place: &Place,
    entry: &Entry,
    writing: &Writing,
) -> Outcome<()> {
    let file = &writing.file;
    if writing.existing().is_some_and(|length| length > entry.size) {
        sys::truncate(file, entry.size).map_err(|errno| Failure::target(errno, "shorten a file"))?;
    }
    copier.finish(file, entry, writing.existing())?;
    let facts = sys::facts_of(file.as_fd()).map_err(|errno| Failure::target(errno, "look at a file"))?;
    let is_new = writing.existing.is_none() && !place.folder.inherits;
    let attributes = if is_new { Attributes::Fresh } else { Attributes::Existing };
    settle(job, &entry.path, &entry.metadata, &Node::Open(file.as_fd()), &facts, attributes);
    if let Some(temporary) = &writing.temporary {
        sys::rename(&place.fd, temporary, name_of(entry)?)
            .map_err(|errno| Failure::target(errno, "put a file in its place"))?;
    }
    Ok(())
}

/// Removes what was begun and cannot be finished; a file that existed before stays.
pub(super) fn abandon(place: &Place, entry: &Entry, writing: &Writing) {
    let name = match (&writing.temporary, &writing.existing) {
        (Some(temporary), _) => temporary.as_slice(),
        (None, None) => entry.path.name().unwrap_or_default(),
        (None, Some(_)) => return,
    };
    // The failure that led here is what gets reported.
    let _ = sys::remove(&place.fd, name);
}
