//! Entries of sources that come in any order: kept until the end, then sorted.

use super::content::Stored;
use super::pending::resolve;
use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::{Content, Entry, EntryKind, Metadata, Owner};
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use crate::store::write::BlobWriter;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Collects entries by path; a path that comes again replaces what came before, as in a tar stream.
pub(crate) struct Unsorted {
    entries: BTreeMap<EntryPath, Entry>,
    /// The newest entries, whose segments may still be open.
    waiting: Vec<(Entry, Stored)>,
    bytes: u64,
    limit: u64,
}

/// An entry in its place, and whether it was made up because the source had things below it.
pub(crate) struct Placed {
    pub(crate) entry: Entry,
    pub(crate) added: bool,
}

/// What an entry costs in memory beside its variable parts.
const FIXED: usize = 400;
const MAX_WAITING: usize = 4096;

impl Unsorted {
    /// `limit` bounds the memory for entries, in bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Unsorted { entries: BTreeMap::new(), waiting: Vec::new(), bytes: 0, limit }
    }

    pub(crate) fn push(&mut self, entry: Entry, stored: Stored, writer: &mut BlobWriter) -> Result<()> {
        self.waiting.push((entry, stored));
        if self.waiting.len() >= MAX_WAITING { self.settle(writer) } else { Ok(()) }
    }

    /// Gives every waiting entry its content.
    fn settle(&mut self, writer: &mut BlobWriter) -> Result<()> {
        writer.end_data_segment()?;
        for (entry, stored) in std::mem::take(&mut self.waiting) {
            let content = resolve(&stored, writer)?.unwrap_or_default();
            let entry = Entry { content, ..entry };
            self.bytes += cost(&entry);
            if self.bytes > self.limit {
                return Err(Error::new(ErrorKind::LimitExceeded, "back up a source that is not sorted").detail(
                    format!(
                        "its entries do not fit into {} MiB of memory; allow more, or yield them in order",
                        self.limit >> 20
                    ),
                ));
            }
            if let Some(replaced) = self.entries.insert(entry.path.clone(), entry) {
                self.bytes = self.bytes.saturating_sub(cost(&replaced));
            }
        }
        Ok(())
    }

    /// Everything in order, with missing folders filled in. Entries below something that is not a folder cannot be
    /// restored and are left out as problems.
    pub(crate) fn finish(mut self, writer: &mut BlobWriter) -> Result<(Vec<Placed>, Vec<Problem>)> {
        self.settle(writer)?;
        let mut placed: Vec<Placed> = Vec::with_capacity(self.entries.len());
        let mut problems = Vec::new();
        // The folders that lead to the entry at hand, from the root down.
        let mut open: Vec<EntryPath> = Vec::new();
        let mut obstacle: Option<EntryPath> = None;
        for (path, entry) in self.entries {
            if let Some(obstacle) = &obstacle
                && path.is_within(obstacle)
            {
                let detail = format!("{obstacle} is not a folder, so nothing can be inside it");
                problems.push(Problem::new(path, ProblemReason::Obstructed, detail));
                continue;
            }
            while open.last().is_some_and(|folder| !path.is_within(folder)) {
                open.pop();
            }
            if !path.is_root() {
                add_parents(&path, &mut open, &mut placed);
            }
            if entry.kind == EntryKind::Directory {
                open.push(path);
            } else {
                obstacle = Some(path);
            }
            placed.push(Placed { entry, added: false });
        }
        if placed.is_empty() {
            placed.push(Placed { entry: folder(EntryPath::root()), added: true });
        }
        Ok((placed, problems))
    }
}

/// Adds the folders between the last open one and `path`.
fn add_parents(path: &EntryPath, open: &mut Vec<EntryPath>, placed: &mut Vec<Placed>) {
    let mut missing = Vec::new();
    let mut parent = path.parent();
    while let Some(folder) = parent {
        if open.last() == Some(&folder) {
            break;
        }
        parent = folder.parent();
        missing.push(folder);
    }
    for path in missing.into_iter().rev() {
        placed.push(Placed { entry: folder(path.clone()), added: true });
        open.push(path);
    }
}

fn folder(path: EntryPath) -> Entry {
    let metadata = Metadata { mode: 0o755, owner: Arc::new(Owner::default()), ..Metadata::default() };
    Entry { path, kind: EntryKind::Directory, metadata, size: 0, holes: Vec::new(), content: Content::Empty }
}

fn cost(entry: &Entry) -> u64 {
    let xattrs: usize = entry.metadata.xattrs.iter().map(|xattr| xattr.name.len() + xattr.value.len() + 48).sum();
    let content = match &entry.content {
        Content::Inline(bytes) => bytes.len(),
        Content::Runs(runs) => runs.len() * 56,
        Content::Empty | Content::List { .. } => 0,
    };
    (FIXED + entry.path.key().len() * 2 + xattrs + content + entry.holes.len() * 16) as u64
}
