//! Entries on their way into the tree: they wait, in their order, until the segments their content is in have ids.

use super::content::Stored;
use crate::error::Result;
use crate::format::entry::Entry;
use crate::format::node::Totals;
use crate::id::BlobId;
use crate::store::Store;
use crate::store::local_tree::{KeepLeaves, LocalTreeWriter};
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
    local: Option<LocalTreeWriter>,
}

impl PendingTree {
    /// A tree with the boundaries of a repository. The leaves are kept in `local` too, if there is one.
    pub(crate) fn of(store: &Store, local: Option<LocalTreeWriter>) -> Result<Self> {
        let boundaries = Boundaries::new(store.keys().id_key()?, store.config().sizes.node);
        Ok(PendingTree { builder: TreeBuilder::new(boundaries), waiting: VecDeque::new(), local })
    }

    /// Adds the next entry in ascending order.
    pub(crate) fn push(&mut self, entry: Entry, content: Stored, writer: &mut BlobWriter) -> Result<()> {
        if self.waiting.is_empty()
            && let Stored::Content(content) = content
        {
            let mut sink = KeepLeaves { sink: writer, local: self.local.as_mut() };
            return self.builder.push(Entry { content, ..entry }, &mut sink);
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
                let mut sink = KeepLeaves { sink: writer, local: self.local.as_mut() };
                self.builder.push(Entry { content, ..entry }, &mut sink)?;
            }
        }
        Ok(())
    }

    /// Finishes the tree over everything that was pushed.
    pub(crate) fn finish(mut self, writer: &mut BlobWriter) -> Result<(BlobId, Totals)> {
        writer.end_data_segment()?;
        self.drain(writer)?;
        let mut sink = KeepLeaves { sink: writer, local: self.local.as_mut() };
        let (root, totals) = self.builder.finish(&mut sink)?;
        if let Some(local) = self.local {
            // Without it the next backup reads every file, and is right all the same.
            let _ = local.finish(&root);
        }
        Ok((root, totals))
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
