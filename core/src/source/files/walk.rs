//! The walk itself: depth first, names in byte order, folders by handle.

use super::dir::{self, Hint, Listed, Names, Scratch};
use super::exclude::{Rules, Scope};
use super::handle::{FolderHandle, Shared};
use super::plan::{Node, Plan};
use super::stat::Facts;
use super::visit::{self, Found, Visit};
use crate::context::Context;
use crate::error::{Error, Result, internal};
use crate::format::entry::Entry;
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use crate::source::SourceItem;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

/// How many folders on the way down stay open. Those above are opened again, through `..`, on the way back.
const OPEN: usize = 64;

pub(super) struct Walk {
    rules: Rules,
    shared: Arc<Shared>,
    /// One for each folder from the root, which stays open, down to the one being read.
    frames: Vec<Frame>,
    /// The frames from this one on are open.
    open_from: usize,
    /// Path of the last frame.
    path: EntryPath,
    /// The same with slashes, the last one included, and whatever name was looked at last. Kept only while there
    /// are patterns to match.
    slashed: Vec<u8>,
    pending: VecDeque<SourceItem>,
    scratch: Scratch,
}

struct Frame {
    folder: Option<Arc<OwnedFd>>,
    identity: (u64, u64),
    inside: Inside,
    /// How it was opened, if not by its name in the folder above.
    opened_as: Option<PathBuf>,
    /// Patterns that this folder and those above it brought along.
    scope: Option<Arc<Scope>>,
    /// The file system not to leave below this folder.
    boundary: Option<u64>,
}

enum Inside {
    /// Still to be listed, and whether a marker in it counts.
    Unlisted {
        markers: bool,
    },
    Listed(Names),
    /// Only these: the way to the given paths.
    Planned(std::vec::IntoIter<Node>),
}

impl Walk {
    pub(super) fn start(rules: Rules, plan: Plan) -> Result<Self> {
        let mut walk = Walk {
            rules,
            shared: Arc::new(Shared::new()),
            frames: Vec::new(),
            open_from: 1,
            path: EntryPath::root(),
            slashed: Vec::new(),
            pending: VecDeque::new(),
            scratch: Scratch::default(),
        };
        let (path, opened, inside) = match plan {
            Plan::Folder(path) => {
                let opened = dir::open_path(&path);
                (path, opened, Inside::Unlisted { markers: false })
            }
            Plan::Common(node) => {
                let opened = dir::open_passage(&node.path);
                (node.path, opened, Inside::Planned(node.children.into_iter()))
            }
        };
        let failed = |error: Errno| Error::io(error.into(), "open the folder").object(path.display());
        let folder = opened.map_err(failed)?;
        let facts = Facts::of_open(folder.as_fd()).map_err(failed)?;
        let entry = visit::entry(EntryPath::root(), &facts, &walk.shared)
            .map_err(|problem| internal("open the folder", problem.detail))?;
        let boundary = walk.boundary(&facts);
        walk.enter(entry, folder, &facts, Frame::new(inside, Some(path), boundary));
        Ok(walk)
    }

    pub(super) fn next(&mut self, ctx: &Context) -> Result<Option<SourceItem>> {
        loop {
            ctx.check("list a folder")?;
            if let Some(item) = self.pending.pop_front() {
                return Ok(Some(item));
            }
            let Some(frame) = self.frames.last_mut() else { return Ok(None) };
            match &mut frame.inside {
                Inside::Unlisted { markers } => {
                    let markers = *markers;
                    self.list(markers, ctx)?;
                }
                Inside::Listed(_) => {
                    if let Some(item) = self.step()? {
                        return Ok(Some(item));
                    }
                }
                Inside::Planned(rest) => match rest.next() {
                    Some(node) => self.follow_plan(node)?,
                    None => self.leave(),
                },
            }
        }
    }

    /// Reads the names in the last folder and applies the rules on whole folders.
    fn list(&mut self, markers: bool, ctx: &Context) -> Result<()> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let folder = frame.folder.as_ref().ok_or_else(closed)?;
        let (mut names, listed) = self.scratch.list(folder.as_fd(), ctx)?;
        let problem = match listed {
            Listed::All => None,
            Listed::Part(why) => Some((ProblemReason::Unreadable, why)),
            Listed::Gone => Some((ProblemReason::Vanished, "it is gone".to_owned())),
        };
        if let Some((reason, detail)) = problem {
            self.pending.push_back(SourceItem::Problem(Problem::new(self.path.clone(), reason, detail)));
        }
        let marker = if markers { self.rules.marker(folder.as_fd(), |name| names.contains(name)) } else { None };
        if let Some(marker) = marker {
            names.retain(|name| name == marker);
        } else {
            let (scope, problems) =
                self.rules.scope(folder.as_fd(), &self.path, frame.scope.take(), |name| names.contains(name));
            frame.scope = scope;
            self.pending.extend(problems.into_iter().map(SourceItem::Problem));
        }
        if self.rules.matches_paths(frame.scope.as_ref()) {
            slash(&self.path, &mut self.slashed);
        }
        frame.inside = Inside::Listed(names);
        Ok(())
    }

    /// Takes the next name of the last folder.
    fn step(&mut self) -> Result<Option<SourceItem>> {
        let can_spare = self.can_spare();
        let Some(frame) = self.frames.last_mut() else { return Ok(None) };
        let Inside::Listed(names) = &mut frame.inside else { return Ok(None) };
        let Some((hint, name)) = names.next() else {
            self.leave();
            return Ok(None);
        };
        let visit = Visit {
            rules: &self.rules,
            shared: &self.shared,
            folder: frame.folder.as_ref().ok_or_else(closed)?,
            path: &self.path,
            scope: frame.scope.as_ref(),
            boundary: frame.boundary,
            can_spare,
        };
        match visit.name(hint, name, &mut self.slashed) {
            Found::Nothing => Ok(None),
            Found::Item(item) => Ok(Some(item)),
            Found::Barred(item, problem) => {
                self.pending.push_back(SourceItem::Problem(problem));
                Ok(Some(item))
            }
            Found::Folder(entry, folder, facts) => {
                let boundary = frame.boundary;
                self.enter(entry, folder, &facts, Frame::new(Inside::Unlisted { markers: true }, None, boundary));
                Ok(self.pending.pop_front())
            }
            Found::Exhausted => {
                names.step_back();
                self.spare();
                Ok(None)
            }
        }
    }

    /// Goes on to a given path, or to a folder on the way to one.
    fn follow_plan(&mut self, node: Node) -> Result<()> {
        if node.is_given() && !node.follow {
            return self.visit_given(&node);
        }
        let path = match self.path.join(node.name_bytes()) {
            Ok(path) => path,
            Err(error) => return Err(error.or_object(node.path.display())),
        };
        let opened = if node.is_given() { dir::open_path(&node.path) } else { dir::open_passage(&node.path) };
        let found = opened.and_then(|folder| Facts::of_open(folder.as_fd()).map(|facts| (folder, facts)));
        let (folder, facts) = match found {
            Ok(found) => found,
            Err(error) => {
                self.pending.push_back(SourceItem::Problem(Problem::reading(path, &error.into())));
                return Ok(());
            }
        };
        let entry =
            visit::entry(path, &facts, &self.shared).map_err(|problem| internal("open the folder", problem.detail))?;
        let boundary = self.boundary(&facts);
        let inside = if node.is_given() {
            Inside::Unlisted { markers: false }
        } else {
            Inside::Planned(node.children.into_iter())
        };
        self.enter(entry, folder, &facts, Frame::new(inside, Some(node.path), boundary));
        Ok(())
    }

    fn visit_given(&mut self, node: &Node) -> Result<()> {
        let Some(frame) = self.frames.last() else { return Ok(()) };
        slash(&self.path, &mut self.slashed);
        let name = CString::new(node.name_bytes()).map_err(|_| internal("list a folder", "a name holds NUL"))?;
        let visit = Visit {
            rules: &self.rules,
            shared: &self.shared,
            folder: frame.folder.as_ref().ok_or_else(closed)?,
            path: &self.path,
            scope: None,
            boundary: None,
            can_spare: false,
        };
        match visit.name(Hint::Unknown, &name, &mut self.slashed) {
            Found::Nothing | Found::Exhausted => {}
            Found::Item(item) => self.pending.push_back(item),
            Found::Barred(item, problem) => self.pending.extend([item, SourceItem::Problem(problem)]),
            Found::Folder(entry, folder, facts) => {
                let boundary = self.boundary(&facts);
                self.enter(entry, folder, &facts, Frame::new(Inside::Unlisted { markers: false }, None, boundary));
            }
        }
        Ok(())
    }

    fn boundary(&self, facts: &Facts) -> Option<u64> {
        self.rules.one_file_system.then_some(facts.device)
    }

    /// Yields a folder's entry and makes it the last frame.
    fn enter(&mut self, entry: Entry, folder: OwnedFd, facts: &Facts, mut frame: Frame) {
        let folder = Arc::new(folder);
        self.path.clone_from(&entry.path);
        self.pending.push_back(SourceItem::Entry(entry, Box::new(FolderHandle::new(Arc::clone(&folder)))));
        frame.folder = Some(folder);
        frame.identity = facts.identity();
        frame.scope = self.frames.last().and_then(|above| above.scope.clone());
        self.open_from = self.open_from.min(self.frames.len()).max(1);
        self.frames.push(frame);
        if self.frames.len() - self.open_from > OPEN {
            self.close(self.open_from);
            self.open_from += 1;
        }
    }

    /// Goes back to the folder above.
    fn leave(&mut self) {
        let Some(left) = self.frames.pop() else { return };
        if let Inside::Listed(names) = left.inside {
            self.scratch.recycle(names);
        }
        self.path = self.path.parent().unwrap_or_default();
        if self.frames.last().is_some_and(|frame| frame.folder.is_none()) {
            self.return_to_last(left.folder.as_deref());
        }
    }

    /// Opens the last frame's folder again, coming from `below`. If that fails, what is left in it is given up.
    fn return_to_last(&mut self, below: Option<&OwnedFd>) {
        let index = self.frames.len().saturating_sub(1);
        let reopened = self.reopen(index, below);
        let Some(frame) = self.frames.last_mut() else { return };
        match reopened {
            Some(folder) => {
                frame.folder = Some(Arc::new(folder));
                self.open_from = index;
            }
            None => {
                let left = match &mut frame.inside {
                    Inside::Listed(names) => names.abandon(),
                    Inside::Planned(rest) => rest.count(),
                    Inside::Unlisted { .. } => 0,
                };
                if left > 0 {
                    let detail = format!("it was moved while it was read; {left} of the names in it were not reached");
                    let problem = Problem::new(self.path.clone(), ProblemReason::Changed, detail);
                    self.pending.push_back(SourceItem::Problem(problem));
                }
            }
        }
    }

    /// The folder of a frame, if it is still to be found: above the one below it, or on its path.
    fn reopen(&self, index: usize, below: Option<&OwnedFd>) -> Option<OwnedFd> {
        let identity = self.frames.get(index)?.identity;
        let is_same = |folder: &OwnedFd| Facts::of_open(folder.as_fd()).is_ok_and(|facts| facts.identity() == identity);
        if let Some(below) = below
            && let Ok(above) = dir::open_below(below.as_fd(), c"..")
            && is_same(&above)
        {
            return Some(above);
        }
        let mut names: Vec<&[u8]> = Vec::new();
        let mut on_path = self.path.names();
        for frame in self.frames.get(..=index)?.iter().rev() {
            let start = match (&frame.folder, &frame.opened_as) {
                (Some(folder), _) => folder.try_clone().ok()?,
                (None, Some(path)) => dir::open_passage(path).ok()?,
                (None, None) => {
                    names.push(on_path.next_back()?);
                    continue;
                }
            };
            let found = names.iter().rev().try_fold(start, |folder, name| {
                CString::new(*name).ok().and_then(|name| dir::open_below(folder.as_fd(), &name).ok())
            });
            return found.filter(is_same);
        }
        None
    }

    /// Whether folders can be closed without losing the way back.
    fn can_spare(&self) -> bool {
        self.open_from + 1 < self.frames.len()
    }

    /// Closes every folder but the root and the last.
    fn spare(&mut self) {
        let last = self.frames.len().saturating_sub(1);
        for index in self.open_from..last {
            self.close(index);
        }
        self.open_from = self.open_from.max(last);
    }

    #[cfg(test)]
    pub(super) fn open_folders(&self) -> usize {
        self.frames.iter().filter(|frame| frame.folder.is_some()).count()
    }

    fn close(&mut self, index: usize) {
        if let Some(frame) = self.frames.get_mut(index) {
            frame.folder = None;
        }
    }
}

impl Frame {
    fn new(inside: Inside, opened_as: Option<PathBuf>, boundary: Option<u64>) -> Self {
        Frame { folder: None, identity: (0, 0), inside, opened_as, scope: None, boundary }
    }
}

/// Writes `path` with slashes, the one after it included.
fn slash(path: &EntryPath, slashed: &mut Vec<u8>) {
    *slashed = path.to_os_bytes();
    if !slashed.is_empty() {
        slashed.push(b'/');
    }
}

fn closed() -> Error {
    internal("list a folder", "its handle is closed")
}
