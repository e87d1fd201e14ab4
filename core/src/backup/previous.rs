//! The snapshot that an incremental backup builds on.

use crate::error::{ErrorKind, Result};
use crate::format::entry::{Content, Entry, Run, Timestamp};
use crate::id::BlobId;
use crate::ingest::Presence;
use crate::path::EntryPath;
use crate::store::local_tree::LocalTree;
use crate::store::read::StoreReader;
use crate::tree::{Cursor, RunReader};

/// A tree to compare with, and when the backup that made it began.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) tree: BaseTree,
    pub(crate) began: Timestamp,
}

/// Where the tree is.
#[derive(Debug)]
pub(crate) enum BaseTree {
    /// In the repository.
    Stored(BlobId),
    /// In the state folder, for who may not read the repository.
    Local(LocalTree),
}

enum Walk<'a> {
    Stored(Cursor<'a>),
    Local(LocalTree),
}

impl Walk<'_> {
    fn peek(&mut self) -> Result<Option<&Entry>> {
        match self {
            Walk::Stored(cursor) => cursor.peek(),
            Walk::Local(tree) => tree.peek(),
        }
    }

    fn advance(&mut self) {
        match self {
            Walk::Stored(cursor) => cursor.advance(),
            Walk::Local(tree) => tree.advance(),
        }
    }
}

/// Walks the trees of earlier backups beside the source.
pub(crate) struct Previous<'a> {
    /// The newest first.
    walks: Vec<(Walk<'a>, Timestamp)>,
    sorted: bool,
    reader: &'a StoreReader,
    presence: Presence<'a>,
}

impl<'a> Previous<'a> {
    /// `sorted` says that paths will be asked for in ascending order.
    pub(crate) fn new(reader: &'a StoreReader, bases: Vec<Base>, sorted: bool) -> Self {
        let walk = |base: Base| match base.tree {
            BaseTree::Stored(root) => Some((Walk::Stored(Cursor::new(reader, root)), base.began)),
            // A kept tree can only be walked in order.
            BaseTree::Local(tree) => sorted.then_some((Walk::Local(tree), base.began)),
        };
        let walks = bases.into_iter().filter_map(walk).collect();
        Previous { walks, sorted, reader, presence: Presence::new(reader) }
    }

    /// The entry at `path`, and when the backup that holds it began. Damage to an earlier tree costs only speed:
    /// what cannot be found there counts as new.
    pub(crate) fn find(&mut self, path: &EntryPath) -> Result<Option<(Entry, Timestamp)>> {
        for (walk, began) in &mut self.walks {
            if !self.sorted
                && let Walk::Stored(cursor) = walk
            {
                cursor.seek(path.key());
            }
            loop {
                match walk.peek() {
                    Ok(Some(entry)) if entry.path < *path => walk.advance(),
                    Ok(Some(entry)) if entry.path == *path => return Ok(Some((entry.clone(), *began))),
                    Ok(_) => break,
                    Err(error) if is_damage(error.kind()) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(None)
    }

    /// Whether the repository still has what an entry of an earlier snapshot refers to.
    pub(crate) fn has_content(&mut self, entry: &Entry) -> Result<bool> {
        self.presence.has_content(entry)
    }

    /// The runs of the beginning of a file, as far as they can be read and the repository still has them.
    pub(crate) fn runs(&mut self, entry: &Entry) -> Result<Option<Vec<Run>>> {
        let holes: u64 = entry.holes.iter().map(|hole| hole.length).sum();
        let Some(bytes) = entry.size.checked_sub(holes) else { return Ok(None) };
        let runs = match &entry.content {
            Content::Runs(runs) => runs.clone(),
            Content::List { id, .. } => {
                let kept = self.walks.iter().find_map(|(walk, _)| match walk {
                    Walk::Local(tree) => tree.runs_of(id),
                    Walk::Stored(_) => None,
                });
                match kept {
                    Some(runs) => runs.to_vec(),
                    None if self.reader.store().keys().can_read() => match self.read_runs(&entry.content, bytes) {
                        Ok(runs) => runs,
                        Err(error) if is_damage(error.kind()) => return Ok(None),
                        Err(error) => return Err(error),
                    },
                    None => return Ok(None),
                }
            }
            Content::Empty | Content::Inline(_) => return Ok(None),
        };
        for run in &runs {
            if !self.presence.has_segment(&run.segment)? {
                return Ok(None);
            }
        }
        Ok((runs.iter().map(|run| run.bytes).sum::<u64>() == bytes).then_some(runs))
    }

    fn read_runs(&self, content: &Content, bytes: u64) -> Result<Vec<Run>> {
        let mut reader = RunReader::new(self.reader, content, bytes, 0)?;
        let mut runs = Vec::new();
        while let Some((run, _)) = reader.next()? {
            runs.push(run);
        }
        Ok(runs)
    }
}

fn is_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Unsupported)
}
