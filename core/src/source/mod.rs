//! Where entries come from: the file system, a tar stream, a single reader, or an app's own iterator.

mod face;
mod files;
mod iter;
pub(crate) mod links;
pub(crate) mod parents;
mod reader;
mod tar;

pub use face::Source;
pub use files::FileSource;
pub(crate) use files::Ids;
pub use iter::{AppEntry, IterSource};
pub use reader::ReaderSource;
pub use tar::TarSource;

use crate::context::Context;
use crate::error::Result;
use crate::format::entry::Entry;
use crate::path::EntryPath;
use crate::problem::Problem;
use std::io;

/// Something that yields the entries of a backup.
///
/// Parents need not come before children, nor need entries be sorted, nor folders be named at all; a source that
/// is sorted by [`EntryPath`](crate::EntryPath) says so and is then streamed without a sort. Where a source that
/// is not sorted names a path several times, the last one counts.
pub trait EntrySource: Send {
    /// The next entry or problem, `None` at the end.
    ///
    /// # Errors
    /// Only what makes going on impossible; a path that cannot be read is a [`SourceItem::Problem`].
    fn next(&mut self, ctx: &Context) -> Result<Option<SourceItem>>;

    /// Whether entries come in ascending order of their paths, each path once.
    fn is_sorted(&self) -> bool {
        false
    }

    /// Whether the handle of an entry still works after the next entry was asked for.
    ///
    /// Unless a source says so here, an entry's handle is used and dropped before `next` is called again: the
    /// bytes of a stream come one file after the other. What was not read by then is skipped, and a handle kept
    /// all the same fails to read.
    fn handles_keep(&self) -> bool {
        false
    }

    /// Whether the handles of several entries may be in use at the same time, on several threads, while the source is
    /// asked for the next entries. Handles then have to [keep](EntrySource::handles_keep) as well.
    ///
    /// Small files of a sorted source that says so are read in parallel, some of them ahead of need.
    fn is_concurrent(&self) -> bool {
        false
    }
}

/// What a source yields.
#[non_exhaustive]
pub enum SourceItem {
    /// An entry, with access to the rest of it.
    Entry(Entry, Box<dyn EntryHandle>),
    /// One more name, given by the entry's path, for the file at another path of the same source. Of the entry
    /// only the path counts: all else is the file's own. Only sources that are not sorted yield it, since the
    /// other path can be anywhere in the order; a sorted source sets [`Metadata::hard_link`] on all names.
    ///
    /// [`Metadata::hard_link`]: crate::Metadata::hard_link
    Link(Entry, EntryPath),
    /// A path that belongs to the backup and cannot be read.
    Problem(Problem),
}

/// Access to what a listing leaves out. Used for entries that cannot be taken over from the previous snapshot.
///
/// For a regular file the calls come in the order `open`, `read` until 0, `close`; for anything else only
/// `describe` is called. After them comes `take_problem`. One after the other, but not always on the same thread: on
/// that which listed the entry, or, where the source [is concurrent](EntrySource::is_concurrent), on others.
pub trait EntryHandle: Send {
    /// Fills in what the listing left out for entries other than regular files: extended attributes, link target.
    ///
    /// # Errors
    /// A problem means the entry is left out of the snapshot.
    fn describe(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        let _ = entry;
        Ok(())
    }

    /// Opens a regular file and brings its entry up to date with what was opened: metadata, extended
    /// attributes, size, holes.
    ///
    /// # Errors
    /// A problem means the entry is left out of the snapshot.
    fn open(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        let _ = entry;
        Ok(())
    }

    /// Reads the next bytes of content, without holes; 0 at the end.
    ///
    /// # Errors
    /// Any; the file is then left out of the snapshot and named in the report.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Steps over the next `bytes` bytes of content, as if they were read, where an interrupted backup has stored
    /// them already. Whether that can be done; `false` leaves the reading where it is, and so the file is read from
    /// its beginning. Sources that can should be able to step over nothing at any time.
    ///
    /// # Errors
    /// As those of [`read`](EntryHandle::read).
    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        let _ = bytes;
        Ok(false)
    }

    /// Ends the reading, and sets size and holes to what was read where they were not known or did not hold. A
    /// problem returned here is reported, and the entry is kept as it was read.
    fn close(&mut self, entry: &mut Entry) -> Option<Problem> {
        let _ = entry;
        None
    }

    /// A problem found with the listing, or with metadata, that does not keep the entry from being stored (taken
    /// once).
    fn take_problem(&mut self) -> Option<Problem> {
        None
    }
}

/// For entries that are all there when they are listed.
pub(crate) struct NoHandle;

impl EntryHandle for NoHandle {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

#[cfg(test)]
mod testing;
