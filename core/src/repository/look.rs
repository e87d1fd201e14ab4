//! Looking at snapshots and what is in them.

use super::Repository;
use super::listing::{Listing, Pattern};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::{Entry, EntryKind};
use crate::id::SnapshotId;
use crate::path::EntryPath;
use crate::store::clock;
use crate::store::filter::SnapshotFilter;
use crate::store::marks::{self, NewMark};
use crate::store::packs::is_of_the_object;
use crate::store::snapshots::Snapshot;
use crate::tree::{self, Change, lookup};

/// A path on which two snapshots differ.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// Only the second has it.
    Added(Entry),
    /// Only the first has it.
    Removed(Entry),
    /// Both have it, with differences.
    Changed {
        /// As the first has it.
        before: Box<Entry>,
        /// As the second has it.
        after: Box<Entry>,
    },
}

/// In what two entries of one path differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changes {
    /// One is a file and the other a folder, or alike.
    pub kind: bool,
    /// Size, bytes or link target.
    pub content: bool,
    /// Permissions.
    pub mode: bool,
    /// Owner or group.
    pub owner: bool,
    /// Modification time.
    pub modified: bool,
    /// Extended attributes or ACLs.
    pub xattrs: bool,
}

impl Changes {
    fn between(before: &Entry, after: &Entry) -> Self {
        let (old, new) = (&before.metadata, &after.metadata);
        let kind = std::mem::discriminant(&before.kind) != std::mem::discriminant(&after.kind);
        Changes {
            kind,
            content: !kind
                && (before.kind != after.kind || before.size != after.size || content_differs(before, after)),
            mode: old.mode != new.mode,
            owner: old.owner != new.owner,
            modified: old.modified != new.modified,
            xattrs: old.xattrs != new.xattrs,
        }
    }

    /// Whether nothing that a restore would bring back differs; change time, inode number and where content is
    /// stored may still.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }
}

/// Whether content differs as far as the entries tell. The same bytes may be stored twice, by writers that did not
/// know of each other; then this says yes.
fn content_differs(before: &Entry, after: &Entry) -> bool {
    before.content != after.content || before.holes != after.holes
}

impl Difference {
    /// The path.
    #[must_use]
    pub fn path(&self) -> &EntryPath {
        match self {
            Difference::Added(entry) | Difference::Removed(entry) => &entry.path,
            Difference::Changed { after, .. } => &after.path,
        }
    }

    /// In what the two entries differ; nothing is set for entries that only one snapshot has.
    #[must_use]
    pub fn what_changed(&self) -> Changes {
        match self {
            Difference::Added(_) | Difference::Removed(_) => Changes::default(),
            Difference::Changed { before, after } => Changes::between(before, after),
        }
    }
}

impl Repository {
    /// The snapshots that `filter` accepts, oldest first by the clocks of their devices. A snapshot that cannot be
    /// read or trusted is an error among them, and hides no other.
    ///
    /// # Errors
    /// Those of the storage; [`Forbidden`](ErrorKind::Forbidden) when the filter asks for what these keys cannot read.
    pub fn snapshots(&self, filter: &SnapshotFilter) -> Result<impl Iterator<Item = Result<Snapshot>> + use<>> {
        let listing = self.with_snapshots(|snapshots| snapshots.list(filter))?;
        let rejected = listing.rejected.into_iter().map(|(name, error)| Err(error.or_object(name)));
        Ok(listing.snapshots.into_iter().map(Ok).chain(rejected))
    }

    /// One snapshot by what a person would type: `latest`, or the first digits of its id. `filter` narrows the choice.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`InvalidArgument`](ErrorKind::InvalidArgument) when several match.
    pub fn snapshot(&self, spec: &str, filter: &SnapshotFilter) -> Result<Snapshot> {
        self.with_snapshots(|snapshots| Ok(snapshots.resolve(spec, filter)?.0))
    }

    /// The entry at a path of a snapshot.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the snapshot has no such path.
    pub fn entry(&self, snapshot: &SnapshotId, path: &EntryPath) -> Result<Entry> {
        let (root, reader) = self.look_into(snapshot)?;
        let found = lookup(&reader, root, path)?;
        found.ok_or_else(|| {
            let shown = if path.is_root() { "/".to_owned() } else { path.to_string() };
            Error::new(ErrorKind::NotFound, "find a path").object(shown).detail("the snapshot has no such path")
        })
    }

    /// What is in a folder of a snapshot, directly or at any depth; for anything but a folder, the entry itself.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the snapshot has no such path. Parts of the tree that cannot be read are
    /// errors among the entries.
    pub fn list(&self, snapshot: &SnapshotId, folder: &EntryPath, recursive: bool) -> Result<Listing> {
        let (root, reader) = self.look_into(snapshot)?;
        let found = match lookup(&reader, root, folder) {
            // Where its own entry is lost, what is in it may be not; the listing says what cannot be read.
            Err(error) if is_of_the_object(&error) => return Ok(Listing::new(reader, root, folder.clone(), recursive)),
            found => found?,
        };
        match found {
            Some(entry) if entry.kind != EntryKind::Directory => Ok(Listing::single(reader, root, entry)),
            None if !folder.is_root() => Err(Error::new(ErrorKind::NotFound, "list a folder")
                .object(folder)
                .detail("the snapshot has no such path")),
            _ => Ok(Listing::new(reader, root, folder.clone(), recursive)),
        }
    }

    /// The entries of a snapshot whose paths match.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such snapshot.
    pub fn find(&self, snapshot: &SnapshotId, pattern: &Pattern) -> Result<Listing> {
        let (root, reader) = self.look_into(snapshot)?;
        Ok(Listing::new(reader, root, EntryPath::root(), true).matching(pattern.clone()))
    }

    /// Calls `found` for every path on which two snapshots differ, in ascending order. Takes time in proportion to what
    /// differs: what both share is not read.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such snapshot, and those `found` returns.
    pub fn diff(
        &self,
        before: &SnapshotId,
        after: &SnapshotId,
        found: &mut dyn FnMut(Difference) -> Result<()>,
        ctx: &Context,
    ) -> Result<()> {
        let this = self.within(ctx, "compare snapshots");
        let operation = "compare snapshots";
        let (before, after) =
            this.with_snapshots(|snapshots| Ok((snapshots.load(before)?.root, snapshots.load(after)?.root)))?;
        let (reader, _) = this.reader(ctx)?;
        tree::diff(&reader, before, after, &mut |change| {
            ctx.check_or_suspended(operation)?;
            let difference = match change {
                Change::Added(entry) => Difference::Added(entry),
                Change::Removed(entry) => Difference::Removed(entry),
                Change::Changed { before, after } => {
                    if Changes::between(&before, &after).is_empty() {
                        return Ok(());
                    }
                    Difference::Changed { before, after }
                }
            };
            found(difference)
        })
    }

    /// Adds and removes tags of a snapshot; returns the tags it has now. The snapshot itself, and its id, stay as they
    /// are.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) without a reader's or owner's key, since tags are sealed to readers.
    pub fn tag(&self, snapshot: &SnapshotId, add: &[&str], remove: &[&str]) -> Result<Vec<String>> {
        let devices = self.devices_list()?;
        let (backend, keys) = (self.store.backend(), self.store.keys());
        let snapshots = crate::store::snapshots::Snapshots::open(backend, keys, &devices)?;
        let current = snapshots.load(snapshot)?;
        if !current.body_readable {
            return Err(Error::new(ErrorKind::Forbidden, "tag a snapshot")
                .object(snapshot)
                .detail("tags can be read and set with a reader's or owner's key only"));
        }
        let mut tags = current.tags;
        tags.retain(|tag| !remove.contains(&tag.as_str()));
        tags.extend(add.iter().map(|tag| (*tag).to_owned()));
        tags.sort();
        tags.dedup();
        let hold_until = current.hold_until.map(|time| time.seconds);
        let new = NewMark { tags: tags.clone(), description: current.description, hold_until };
        let now = clock();
        marks::write(backend, keys, &devices, snapshots.marks(), *snapshot, new, now)?;
        Ok(tags)
    }
}
