//! Entries on their way into the tree: they wait, in their order, until the segments their content is in have ids.

use super::content::Stored;
use crate::error::Result;
use crate::format::entry::Entry;
use crate::format::node::Totals;
use crate::id::BlobId;
use crate::store::write::BlobWriter;
use crate::tree::{Boundaries, TreeBuilder, store_runs};
use std::collections::VecDeque;

/// More waiting entries than this end the open segment early, which bounds memory when one small new file is
/// followed by very many unchanged ones.
const MAX_WAITING: usize = 32 * 1024;

/// Builds the tree behind a queue of entries that wait for their segments.
pub(crate) struct PendingTree {
    builder: TreeBuilder,
    waiting: VecDeque<(Entry, Stored)>,
}

impl PendingTree {
    pub(crate) fn new(boundaries: Boundaries) -> Self {
        PendingTree { builder: TreeBuilder::new(boundaries), waiting: VecDeque::new() }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.builder.totals()
    }

    /// Adds the next entry in ascending order.
    pub(crate) fn push(&mut self, entry: Entry, content: Stored, writer: &mut BlobWriter) -> Result<()> {
        if self.waiting.is_empty()
            && let Stored::Content(content) = content
        {
            return self.builder.push(Entry { content, ..entry }, writer);
        }
        self.waiting.push_back((entry, content));
        if self.waiting.len() > MAX_WAITING {
            writer.end_data_segment()?;
        }
        self.drain(writer)
    }

    fn drain(&mut self, writer: &mut BlobWriter) -> Result<()> {
        while let Some((_, stored)) = self.waiting.front() {
            let Some(content) = resolve(stored, writer)? else { break };
            if let Some((entry, _)) = self.waiting.pop_front() {
                self.builder.push(Entry { content, ..entry }, writer)?;
            }
        }
        Ok(())
    }

    /// Finishes the tree over everything pushed so far; more may be pushed afterwards.
    pub(crate) fn root(&mut self, writer: &mut BlobWriter) -> Result<(BlobId, Totals)> {
        writer.end_data_segment()?;
        self.drain(writer)?;
        self.builder.clone().finish(writer)
    }
}

/// The content of an entry, once every segment of it has an id.
pub(crate) fn resolve(stored: &Stored, writer: &mut BlobWriter) -> Result<Option<crate::format::entry::Content>> {
    match stored {
        Stored::Content(content) => Ok(Some(content.clone())),
        Stored::Runs(runs) => {
            let resolved: Option<Vec<_>> = runs.iter().map(|run| run.resolve(writer)).collect();
            resolved.map(|runs| store_runs(runs, writer)).transpose()
        }
    }
}
