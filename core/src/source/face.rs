//! What an app hands to a backup.

use super::{AppEntry, EntrySource, FileSource, IterSource, ReaderSource, SourceItem, TarSource};
use crate::context::Context;
use crate::error::Result;
use crate::path::EntryPath;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;

/// What to back up, and the paths by which its snapshots are known.
///
/// ```
/// use strongroom::{EntryPath, FileSource, Source};
/// let photos = Source::paths(["/home/me/photos"]);
/// let without_raw: Source = FileSource::new(["/home/me/photos"]).exclude("*.raw").into();
/// let dump = Source::reader(EntryPath::parse("dump.sql")?, std::io::stdin());
/// # let _ = (photos, without_raw, dump);
/// # Ok::<(), strongroom::Error>(())
/// ```
pub struct Source {
    entries: Box<dyn EntrySource>,
    lineage: Vec<Vec<u8>>,
}

impl Source {
    /// Files and folders; see [`FileSource`] for what stands at the snapshot's root, and for what can be left out.
    #[must_use]
    pub fn paths(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        FileSource::new(paths).into()
    }

    /// One file with the bytes of a reader; see [`ReaderSource`].
    #[must_use]
    pub fn reader(path: EntryPath, reader: impl Read + Send + 'static) -> Self {
        ReaderSource::new(path, reader).into()
    }

    /// What a tar stream holds; see [`TarSource`].
    #[must_use]
    pub fn tar(reader: impl Read + Send + 'static) -> Self {
        TarSource::new(reader).into()
    }

    /// An app's own entries in any order; see [`IterSource`].
    #[must_use]
    pub fn entries<I>(entries: I) -> Self
    where
        I: IntoIterator<Item = AppEntry, IntoIter: Send + 'static>,
    {
        IterSource::new(entries).into()
    }

    /// Any other source.
    #[must_use]
    pub fn new(entries: impl EntrySource + 'static) -> Self {
        Source { entries: Box::new(entries), lineage: Vec::new() }
    }

    /// Sets the paths, or any names, by which snapshots of the same thing are known to belong together. Files and
    /// folders are known by their absolute paths, a reader by the path it is stored at, and anything else by
    /// nothing unless it is said here.
    #[must_use]
    pub fn known_as(mut self, names: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        self.lineage = names.into_iter().map(Into::into).collect();
        self.lineage.sort();
        self.lineage.dedup();
        self
    }

    /// The paths or names by which snapshots of this are known, each once.
    #[must_use]
    pub fn lineage_paths(&self) -> &[Vec<u8>] {
        &self.lineage
    }
}

impl EntrySource for Source {
    fn next(&mut self, ctx: &Context) -> Result<Option<SourceItem>> {
        self.entries.next(ctx)
    }

    fn is_sorted(&self) -> bool {
        self.entries.is_sorted()
    }

    fn handles_keep(&self) -> bool {
        self.entries.handles_keep()
    }

    fn is_concurrent(&self) -> bool {
        self.entries.is_concurrent()
    }
}

impl From<FileSource> for Source {
    fn from(source: FileSource) -> Self {
        let lineage = source.lineage_paths();
        Source { entries: Box::new(source), lineage }
    }
}

impl From<ReaderSource> for Source {
    fn from(source: ReaderSource) -> Self {
        let lineage = vec![source.path().to_os_bytes()];
        Source { entries: Box::new(source), lineage }
    }
}

impl From<TarSource> for Source {
    fn from(source: TarSource) -> Self {
        Source::new(source)
    }
}

impl<I: Iterator<Item = AppEntry> + Send + 'static> From<IterSource<I>> for Source {
    fn from(source: IterSource<I>) -> Self {
        Source::new(source)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.lineage.iter().map(|name| String::from_utf8_lossy(name)).collect();
        f.debug_struct("Source").field("known_as", &names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::{path, read_all};

    #[test]
    fn sources_are_known_by_what_they_read() {
        assert_eq!(Source::paths(["/b", "/a", "/b"]).lineage_paths(), [b"/a".to_vec(), b"/b".to_vec()]);
        assert_eq!(Source::reader(path("db/dump"), std::io::empty()).lineage_paths(), [b"db/dump".to_vec()]);
        let named = Source::entries([AppEntry::directory(path("a"))]).known_as(["rows", "notes"]);
        assert_eq!(named.lineage_paths(), [b"notes".to_vec(), b"rows".to_vec()]);
        assert!(Source::tar(std::io::empty()).lineage_paths().is_empty());
    }

    #[test]
    fn a_source_passes_on_what_its_kind_promises() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("1"), "one").unwrap();
        let files = Source::paths([folder.path()]);
        assert!(files.is_sorted() && files.handles_keep());
        assert_eq!(read_all(files).0.len(), 2);
        let tar = Source::tar(std::io::empty());
        assert!(!tar.is_sorted() && !tar.handles_keep());
    }
}
