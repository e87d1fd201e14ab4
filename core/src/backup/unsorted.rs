//! Entries of sources that come in any order: kept until the end, then sorted.

use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::{Content, Entry};
use crate::ingest::{Stored, resolve};
use crate::path::EntryPath;
use crate::problem::Problem;
use crate::source::links::Links;
use crate::source::parents::FillParents;
use crate::store::write::BlobWriter;
use std::collections::BTreeMap;

/// Collects entries by path; a path that comes again replaces what came before, as in a tar stream.
pub(crate) struct Unsorted {
    entries: BTreeMap<EntryPath, Entry>,
    links: Links,
    /// The newest entries, whose segments may still be open.
    waiting: Vec<(Entry, Stored)>,
    bytes: u64,
    limit: u64,
}

/// Takes what comes out: an entry, or a problem in place of one.
pub(crate) type Found<'a> = dyn FnMut(Result<Entry, Problem>, &mut BlobWriter) -> Result<()> + 'a;

/// What an entry costs in memory beside its variable parts.
const FIXED: usize = 400;
const MAX_WAITING: usize = 4096;

impl Unsorted {
    /// `limit` bounds the memory for entries, in bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Unsorted { entries: BTreeMap::new(), links: Links::default(), waiting: Vec::new(), bytes: 0, limit }
    }

    pub(crate) fn push(&mut self, entry: Entry, stored: Stored, writer: &mut BlobWriter) -> Result<()> {
        self.links.entry(&entry.path);
        self.wait(entry, stored, writer)
    }

    /// Adds one more name for the file at `target`.
    pub(crate) fn link(&mut self, mut entry: Entry, target: EntryPath, writer: &mut BlobWriter) -> Result<()> {
        self.links.link(&mut entry, target);
        self.wait(entry, Stored::Content(Content::Empty), writer)
    }

    fn wait(&mut self, entry: Entry, stored: Stored, writer: &mut BlobWriter) -> Result<()> {
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

    /// Calls `found` for everything in order: entries, folders that were missing, and problems in place of what
    /// cannot be stored.
    pub(crate) fn finish(mut self, writer: &mut BlobWriter, found: &mut Found<'_>) -> Result<()> {
        self.settle(writer)?;
        if !self.links.is_empty() {
            self.entries.values().for_each(|entry| self.links.learn(entry));
        }
        let mut parents = FillParents::default();
        for entry in self.entries.into_values() {
            let entry = match self.links.resolve(entry) {
                Ok(entry) => entry,
                Err(problem) => {
                    found(Err(problem), writer)?;
                    continue;
                }
            };
            match parents.before(&entry)? {
                Ok(missing) => {
                    for folder in missing {
                        found(Ok(folder), writer)?;
                    }
                    found(Ok(entry), writer)?;
                }
                Err(problem) => found(Err(problem), writer)?,
            }
        }
        Ok(())
    }
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
