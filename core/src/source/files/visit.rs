//! One name in an open folder: what it is, whether it is wanted, and how to get at it.

use super::dir::{self, Hint};
use super::exclude::{Rules, Scope};
use super::handle::{FileHandle, NameHandle, Shared};
use super::stat::Facts;
use crate::format::entry::{Content, Entry};
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use crate::source::{EntryHandle, SourceItem};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// The folder a name stands in, and what applies there.
pub(super) struct Visit<'a> {
    pub(super) rules: &'a Rules,
    pub(super) shared: &'a Arc<Shared>,
    pub(super) folder: &'a Arc<OwnedFd>,
    pub(super) path: &'a EntryPath,
    pub(super) scope: Option<&'a Arc<Scope>>,
    /// The file system not to leave, if there is one.
    pub(super) boundary: Option<u64>,
    /// Whether running out of descriptors can be helped by closing some.
    pub(super) can_spare: bool,
}

/// What was found under a name.
pub(super) enum Found {
    /// It is not wanted.
    Nothing,
    /// Anything but a folder to go into.
    Item(SourceItem),
    /// A folder that cannot be entered, and why.
    Barred(SourceItem, Problem),
    /// A folder to go into.
    Folder(Entry, OwnedFd, Facts),
    /// There are too few descriptors to open it now.
    Exhausted,
}

impl Visit<'_> {
    /// Looks at `name`. `slashed` holds the folder's path with slashes up to the name; what comes after is changed.
    pub(super) fn name(&self, hint: Hint, name: &CStr, slashed: &mut Vec<u8>) -> Found {
        if hint != Hint::Unknown && self.is_excluded(name, hint == Hint::Folder, slashed) {
            return Found::Nothing;
        }
        let path = match self.path.join(name.to_bytes()) {
            Ok(path) => path,
            Err(error) => {
                let detail = format!("{}: {error}", name.to_string_lossy());
                let problem = Problem::new(self.path.clone(), ProblemReason::Unsupported, detail);
                return Found::Item(SourceItem::Problem(problem));
            }
        };
        // Opened before it is looked at, a folder cannot be exchanged in between.
        let early = match (hint, self.boundary) {
            (Hint::Folder, None) => Some(self.open(name)),
            _ => None,
        };
        let facts = match &early {
            Some(Ok((_, facts))) => Ok(*facts),
            _ => Facts::of_name(self.folder.as_fd(), name),
        };
        let facts = match facts {
            Ok(facts) => facts,
            Err(error) => return Found::Item(SourceItem::Problem(Problem::reading(path, &error.into()))),
        };
        let is_folder = facts.file_type == FileType::Directory;
        if hint == Hint::Unknown && self.is_excluded(name, is_folder, slashed) {
            return Found::Nothing;
        }
        if is_folder { self.folder(path, name, facts, early) } else { self.other(path, &facts) }
    }

    fn folder(&self, path: EntryPath, name: &CStr, facts: Facts, early: Option<Opened>) -> Found {
        let crosses = |facts: &Facts| self.boundary.is_some_and(|boundary| boundary != facts.device);
        let opened = match early {
            Some(opened) => opened,
            // Not even opened, which could mount something or hang.
            None if crosses(&facts) => return self.other(path, &facts),
            None => self.open(name),
        };
        match opened {
            Ok((_, facts)) if crosses(&facts) => self.other(path, &facts),
            Ok((folder, facts)) => match entry(path, &facts, self.shared) {
                Ok(entry) => Found::Folder(entry, folder, facts),
                Err(problem) => Found::Item(SourceItem::Problem(problem)),
            },
            Err(Errno::MFILE | Errno::NFILE) if self.can_spare => Found::Exhausted,
            Err(error) => {
                let problem = Problem::reading(path.clone(), &error.into());
                match self.other(path, &facts) {
                    Found::Item(item) => Found::Barred(item, problem),
                    found => found,
                }
            }
        }
    }

    fn other(&self, path: EntryPath, facts: &Facts) -> Found {
        let is_file = facts.file_type == FileType::RegularFile;
        if is_file && facts.size > self.rules.max_size {
            return Found::Nothing;
        }
        let item = match entry(path, facts, self.shared) {
            Ok(entry) => {
                let handle: Box<dyn EntryHandle> = if is_file {
                    Box::new(FileHandle::new(Arc::clone(self.folder), Arc::clone(self.shared)))
                } else {
                    Box::new(NameHandle::new(Arc::clone(self.folder)))
                };
                SourceItem::Entry(entry, handle)
            }
            Err(problem) => SourceItem::Problem(problem),
        };
        Found::Item(item)
    }

    fn open(&self, name: &CStr) -> Opened {
        let folder = dir::open_below(self.folder.as_fd(), name)?;
        let facts = Facts::of_open(folder.as_fd())?;
        Ok((folder, facts))
    }

    fn is_excluded(&self, name: &CStr, is_folder: bool, slashed: &mut Vec<u8>) -> bool {
        if !self.rules.matches_paths(self.scope) {
            return false;
        }
        let length = self.path.key().len();
        slashed.truncate(if length == 0 { 0 } else { length + 1 });
        slashed.extend_from_slice(name.to_bytes());
        self.rules.excludes(self.scope, slashed, is_folder)
    }
}

type Opened = Result<(OwnedFd, Facts), Errno>;

/// The entry for what `facts` say stands at `path`.
pub(super) fn entry(path: EntryPath, facts: &Facts, shared: &Shared) -> Result<Entry, Problem> {
    match facts.kind() {
        Some(kind) => Ok(Entry {
            path,
            kind,
            metadata: facts.metadata(&shared.owners),
            size: facts.content_size(),
            holes: Vec::new(),
            content: Content::Empty,
        }),
        None => Err(Problem::new(path, ProblemReason::Unsupported, "it is of a type that cannot be stored")),
    }
}
