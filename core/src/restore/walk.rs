//! The walk over the snapshot: opens folders in their order and hands everything in them to tasks.

use super::batch::Batch;
use super::entry::count;
use super::failure::Failure;
use super::file;
use super::folder::{Finish, Folder, Look, Place, open_or_make};
use super::job::Job;
use super::large;
use super::links::Claim;
use super::options::{Overwrite, Verdict};
use super::preview;
use super::sys;
use crate::error::ErrorKind;
use crate::format::entry::{Content, Entry, EntryKind};
use crate::id::BlobId;
use crate::path::{EntryPath, SEPARATOR};
use crate::problem::ProblemReason;
use crate::store::blobs::NodeStore;
use crate::tree::{Cursor, lookup};
use rayon::ScopeFifo;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Further names of files that are gathered before the walk waits for their first names.
const MOST_LATER: usize = 512;
/// Folders of the walk that are open at once; those above are opened again on the way back.
const OPEN_LEVELS: usize = 48;

/// A folder the walk is inside of.
struct Level {
    /// Length of its path within the path of the deepest level.
    end: usize,
    /// Whether the patterns take it.
    taken: bool,
    has_entry: bool,
    look: Look,
    /// Numbers of the names in it, when others are to be removed.
    names: Option<Vec<u64>>,
    state: State,
}

enum State {
    /// Not looked at yet: nothing inside has been taken so far.
    Waiting,
    Open(Place),
    /// Open before, and to be found again through the folder inside it.
    Closed(Arc<Folder>, (u64, u64)),
    /// A dry run would make it.
    Missing,
    /// Nothing in it is restored.
    Skipped,
}

pub(super) struct Walk<'s, 'c> {
    job: &'s Job<'s>,
    scope: &'c ScopeFifo<'s>,
    /// Path of the deepest level.
    key: Vec<u8>,
    levels: Vec<Level>,
    /// The shallowest level below the target that is open.
    first_open: usize,
    batch: Batch,
    later: Batch,
    /// The last entry that is not a folder: nothing can be inside it.
    leaf: EntryPath,
    most_places: usize,
    /// Whether part of the tree could not be read.
    lost: bool,
    /// Names that are remembered so that others can be removed, and how many there may be.
    names: usize,
    most_names: usize,
    root: BlobId,
}

impl<'s, 'c> Walk<'s, 'c> {
    /// Begins in the target folder, which stands for `base`.
    pub(super) fn new(
        job: &'s Job<'s>,
        scope: &'c ScopeFifo<'s>,
        root: BlobId,
        base: &EntryPath,
        place: Option<Place>,
        look: Look,
    ) -> Self {
        let target = Level {
            end: base.key().len(),
            taken: job.selection.takes_base(base),
            has_entry: false,
            look,
            names: job.options.delete_extra.then(Vec::new),
            state: place.map_or(State::Missing, State::Open),
        };
        Walk {
            job,
            scope,
            key: base.key().to_vec(),
            levels: vec![target],
            first_open: 1,
            batch: Batch::default(),
            later: Batch::default(),
            leaf: EntryPath::root(),
            most_places: (256 / job.gate.limit()).clamp(4, 32),
            lost: false,
            names: 0,
            most_names: usize::try_from(job.ctx.limits().memory_bytes() / 64).unwrap_or(usize::MAX),
            root,
        }
    }

    /// Restores one entry alone.
    pub(super) fn single(mut self, entry: Entry) {
        if let Some(root) = self.levels.first_mut() {
            root.names = None;
        }
        self.entry(entry);
        self.end();
    }

    /// Restores everything within `base`.
    pub(super) fn all(mut self, mut cursor: Cursor<'_>, base: &EntryPath) {
        while !self.job.is_ending() {
            let entry = match cursor.next() {
                Ok(Some(entry)) if entry.path.is_within(base) => entry,
                Ok(_) => break,
                Err(error) => {
                    self.lost(error);
                    continue;
                }
            };
            if entry.path == *base {
                self.base(entry);
                continue;
            }
            let folder = (entry.kind == EntryKind::Directory).then(|| entry.path.clone());
            let goes_in = self.entry(entry);
            if let Some(folder) = folder.filter(|_| !goes_in) {
                cursor.skip_folder(&folder);
            }
        }
        self.end();
    }

    /// Part of the tree cannot be read.
    fn lost(&mut self, error: crate::Error) {
        self.lost = true;
        // What else was in these folders is not known, so nothing in them can be called extra.
        self.forget_names();
        let within = EntryPath::from_key(self.key.clone()).unwrap_or_default();
        let failure = match error.kind() {
            ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Unsupported => {
                let detail = format!("an unknown number of entries here or behind cannot be read: {error}");
                Failure::Entry(ProblemReason::Damaged, detail)
            }
            _ => Failure::Fatal(error),
        };
        self.job.fail(&within, failure);
    }

    /// The entry of the folder that the target stands for.
    fn base(&mut self, entry: Entry) {
        let Some(root) = self.levels.first_mut() else { return };
        let policy = self.job.options.overwrite;
        if entry.kind != EntryKind::Directory {
            let detail = "the snapshot has something else than a folder as its root";
            return self.job.problem(&entry.path, ProblemReason::Damaged, detail);
        }
        if self.job.selection.judge(&entry.path, true, root.taken) == Verdict::Taken {
            if policy != Overwrite::Never && !self.job.options.dry_run {
                root.look = Look::Entry(Box::new(entry.metadata.clone()));
            }
            count(self.job, &entry, file::Result::Written, false);
        }
    }

    /// Restores an entry, or hands it to a task. Says whether what is inside a folder is of interest.
    fn entry(&mut self, entry: Entry) -> bool {
        if !self.leaf.is_root() && entry.path.is_within(&self.leaf) {
            let detail = "the snapshot has it inside something that is not a folder";
            self.job.problem(&entry.path, ProblemReason::Obstructed, detail);
            return false;
        }
        self.ascend(&entry.path);
        self.descend(&entry.path);
        let is_folder = entry.kind == EntryKind::Directory;
        if !is_folder {
            self.leaf.clone_from(&entry.path);
        }
        let job = self.job;
        let Some(parent) = self.levels.last().filter(|parent| !matches!(parent.state, State::Skipped)) else {
            return false;
        };
        let verdict = job.selection.judge(&entry.path, is_folder, parent.taken);
        self.remember(&entry.path);
        if is_folder {
            if verdict == Verdict::Excluded {
                return false;
            }
            let look = Look::Entry(Box::new(entry.metadata));
            self.push(&entry.path, entry.path.key().len(), verdict, true, look);
            return verdict != Verdict::Taken || !matches!(self.open_top(), State::Skipped);
        }
        if verdict == Verdict::Taken {
            self.take(entry);
        }
        false
    }

    /// Leaves the folders that `path` is not in.
    fn ascend(&mut self, path: &EntryPath) {
        let key = path.key();
        while let Some(top) = self.levels.last().filter(|_| self.levels.len() > 1) {
            let holds = key.get(..top.end) == self.key.get(..top.end) && key.get(top.end) == Some(&SEPARATOR);
            if holds {
                break;
            }
            self.leave();
        }
    }

    /// Enters the folders on the way to `path` that have no entry of their own.
    fn descend(&mut self, path: &EntryPath) {
        loop {
            let Some(top) = self.levels.last() else { return };
            let start = if top.end == 0 { 0 } else { top.end + 1 };
            let rest = path.key().get(start..).unwrap_or_default();
            let Some(length) = rest.iter().position(|byte| *byte == SEPARATOR) else { return };
            let end = start + length;
            let taken = top.taken;
            let Some(folder) = path.key().get(..end).and_then(|key| EntryPath::from_key(key.to_vec()).ok()) else {
                return;
            };
            let verdict = self.job.selection.judge(&folder, true, taken);
            self.remember(&folder);
            self.push(&folder, end, verdict, false, Look::Any);
        }
    }

    /// Notes that something in the deepest folder belongs there.
    fn remember(&mut self, path: &EntryPath) {
        let Some(level) = self.levels.last_mut() else { return };
        let (Some(names), Some(name)) = (&mut level.names, path.name()) else { return };
        if self.names >= self.most_names {
            self.names -= names.len();
            level.names = None;
            let detail = "it holds too many entries to find what else is there; nothing is removed from it";
            return self.job.problem(&path.parent().unwrap_or_default(), ProblemReason::Unsupported, detail);
        }
        names.push(self.job.number_of_name(name));
        self.names += 1;
    }

    /// Nothing is removed from the folders the walk is in.
    fn forget_names(&mut self) {
        self.levels.iter_mut().for_each(|level| level.names = None);
        self.names = 0;
    }

    fn push(&mut self, path: &EntryPath, end: usize, verdict: Verdict, has_entry: bool, look: Look) {
        let skipped = self.levels.last().is_some_and(|parent| matches!(parent.state, State::Skipped));
        let state = if skipped || verdict == Verdict::Excluded { State::Skipped } else { State::Waiting };
        self.key.clear();
        self.key.extend_from_slice(path.key());
        // The entry of a folder that has none may be among what was lost, and part of its content as well.
        let names = (self.job.options.delete_extra && (has_entry || !self.lost)).then(Vec::new);
        self.levels.push(Level { end, taken: verdict == Verdict::Taken, has_entry, look, names, state });
    }

    /// Makes sure that the deepest level and all above it are open, and says how that went.
    fn open_top(&mut self) -> &State {
        let mut from = self.levels.len();
        while from > 0 && matches!(self.levels.get(from - 1).map(|level| &level.state), Some(State::Waiting)) {
            from -= 1;
        }
        for depth in from..self.levels.len() {
            let state = self.open_level(depth);
            if let Some(level) = self.levels.get_mut(depth) {
                level.state = state;
            }
            self.close_one(depth);
        }
        self.levels.last().map_or(&State::Skipped, |level| &level.state)
    }

    fn open_level(&mut self, depth: usize) -> State {
        let job = self.job;
        let [.., parent, level] = self.levels.get_mut(..=depth).unwrap_or_default() else { return State::Skipped };
        let start = if parent.end == 0 { 0 } else { parent.end + 1 };
        let name = self.key.get(start..level.end).unwrap_or_default();
        let opened = match &parent.state {
            State::Open(place) if job.options.dry_run => {
                preview::folder(job, place, name).map(|place| place.map_or(State::Missing, State::Open))
            }
            State::Open(place) => open_or_make(job, place, name, level.taken, &mut level.look).map(State::Open),
            State::Missing => Ok(State::Missing),
            _ => return State::Skipped,
        };
        match opened {
            Ok(state) => {
                if job.options.dry_run {
                    level.look = Look::Any;
                }
                if matches!(&state, State::Open(place) if place.folder.fresh) {
                    self.names -= level.names.take().map_or(0, |names| names.len());
                }
                if level.has_entry {
                    job.tally.directories.add(1);
                    job.meter.add_entries(1);
                }
                state
            }
            Err(failure) => {
                let path = self.key.get(..level.end).and_then(|key| EntryPath::from_key(key.to_vec()).ok());
                job.fail(&path.unwrap_or_default(), failure);
                State::Skipped
            }
        }
    }

    /// Closes the shallowest open folder when too many are open.
    fn close_one(&mut self, depth: usize) {
        if depth < self.first_open + OPEN_LEVELS {
            return;
        }
        if let Some(level) = self.levels.get_mut(self.first_open)
            && let State::Open(place) = &level.state
            && let Ok(facts) = sys::facts_of(place.fd.as_fd())
        {
            level.state = State::Closed(Arc::clone(&place.folder), facts.identity());
            // However deep the folders and long their attributes, memory does not grow with them.
            if matches!(&level.look, Look::Entry(metadata) if !metadata.xattrs.is_empty()) {
                level.look = Look::ReadAgain;
            }
        }
        self.first_open += 1;
    }

    /// Leaves the deepest folder.
    fn leave(&mut self) {
        let Some(mut level) = self.levels.pop() else { return };
        self.names -= level.names.as_ref().map_or(0, Vec::len);
        let path = self.key.get(..level.end).and_then(|key| EntryPath::from_key(key.to_vec()).ok()).unwrap_or_default();
        if let State::Open(place) = level.state {
            self.reopen(&place);
            if matches!(level.look, Look::ReadAgain) {
                level.look = self.read_look(&path);
            }
            place.close(self.job, Finish { path, look: level.look, names: level.names, taken: level.taken });
        }
        let end = self.levels.last().map_or(0, |parent| parent.end);
        self.key.truncate(end);
        self.first_open = self.first_open.min(self.levels.len().max(2) - 1);
    }

    /// Reads a folder's metadata once more.
    fn read_look(&self, path: &EntryPath) -> Look {
        let nodes: &dyn NodeStore = self.job.store;
        match lookup(nodes, self.root, path) {
            Ok(Some(entry)) => Look::Entry(Box::new(entry.metadata)),
            Ok(None) => Look::Any,
            Err(error) => {
                self.job.fail(path, Failure::content(error));
                Look::Any
            }
        }
    }

    /// Opens the folder above `place` again if it had to be closed, and makes sure that it is the same.
    fn reopen(&mut self, place: &Place) {
        let Some(above) = self.levels.last_mut() else { return };
        let State::Closed(folder, identity) = &above.state else { return };
        let found = sys::open_folder(&place.fd, b"..")
            .ok()
            .filter(|fd| sys::facts_of(fd.as_fd()).is_ok_and(|facts| facts.identity() == *identity));
        above.state = match found {
            Some(fd) => State::Open(Place { folder: Arc::clone(folder), fd: Arc::new(fd) }),
            None => {
                let path = self.key.get(..above.end).and_then(|key| EntryPath::from_key(key.to_vec()).ok());
                let detail = "the folder was moved while it was restored; what else belongs in it is missing";
                self.job.problem(&path.unwrap_or_default(), ProblemReason::Obstructed, detail);
                State::Skipped
            }
        };
    }

    /// Takes an entry that is not a folder.
    fn take(&mut self, entry: Entry) {
        let place = match self.open_top() {
            State::Open(place) => Some(place.clone()),
            State::Missing => None,
            _ => return,
        };
        let mut later = None;
        if let Some(group) = entry.metadata.hard_link {
            match self.job.links.claim(group, &entry) {
                Claim::First => {}
                Claim::Later => later = Some(group),
                Claim::Alone => {
                    let detail = "too many files have several names; this one becomes a copy";
                    self.job.problem(&entry.path, ProblemReason::Metadata, detail);
                }
            }
        }
        if self.job.options.dry_run {
            return preview::entry(self.job, place.as_ref(), &entry, later.is_some());
        }
        let Some(place) = place else { return };
        if later.is_some() {
            self.later.add(place, entry, later);
            if self.later.items.len() >= MOST_LATER || self.later.places.len() >= self.most_places {
                self.flush_later();
            }
            return;
        }
        let is_split = matches!(entry.content, Content::Runs(_) | Content::List { .. });
        if is_split && entry.size > large::LARGE {
            return large::restore(self.job, self.scope, &place, entry);
        }
        if self.batch.ends_before(&entry) || self.batch.places.len() >= self.most_places {
            self.flush();
        }
        self.batch.add(place, entry, None);
    }

    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.spawn(batch);
    }

    /// Hands out the further names of files, once all first names are there.
    fn flush_later(&mut self) {
        let later = std::mem::take(&mut self.later);
        if !later.items.is_empty() {
            self.flush();
            self.job.gate.drain();
            self.spawn(later);
        }
    }

    fn spawn(&self, batch: Batch) {
        if batch.items.is_empty() {
            return;
        }
        let job = self.job;
        let pass = job.gate.enter();
        self.scope.spawn_fifo(move |_| {
            let _pass = pass;
            batch.run(job);
        });
    }

    fn end(mut self) {
        self.flush();
        self.flush_later();
        if self.job.is_ending() {
            // Not all names were seen.
            self.forget_names();
        }
        while !self.levels.is_empty() {
            self.leave();
        }
    }
}
