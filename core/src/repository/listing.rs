//! Listings of a snapshot's entries.

use crate::error::{Error, ErrorKind, Result, invalid};
use crate::format::entry::Entry;
use crate::id::BlobId;
use crate::path::EntryPath;
use crate::store::read::StoreReader;
use crate::tree::Cursor;
use globset::{GlobBuilder, GlobMatcher};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// What [`find`](crate::Repository::find) looks for.
///
/// ```
/// use strongroom::{EntryPath, Pattern};
/// let pictures = Pattern::glob("*.{jpg,png}")?;
/// assert!(pictures.matches(&EntryPath::parse("album/1.jpg")?));
/// let in_album = Pattern::glob("album/*.png")?;
/// assert!(!in_album.matches(&EntryPath::parse("album/1.jpg")?));
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    matcher: GlobMatcher,
    whole_path: bool,
}

impl Pattern {
    /// A glob: `*` and `?` match within a name, `**` across folders, `{a,b}` and `[a-z]` as usual. Without a `/` it is
    /// compared with names, with one with whole paths.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it is no valid glob.
    pub fn glob(pattern: &str) -> Result<Self> {
        let text = pattern.trim_start_matches('/');
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|error| invalid("read a pattern", error.to_string()).object(pattern))?;
        Ok(Pattern { matcher: glob.compile_matcher(), whole_path: pattern.contains('/') })
    }

    /// The same without regard to case.
    ///
    /// # Errors
    /// As [`glob`](Pattern::glob).
    pub fn glob_any_case(pattern: &str) -> Result<Self> {
        let text = pattern.trim_start_matches('/');
        let glob = GlobBuilder::new(text).literal_separator(true).case_insensitive(true).build();
        let glob = glob.map_err(|error| invalid("read a pattern", error.to_string()).object(pattern))?;
        Ok(Pattern { matcher: glob.compile_matcher(), whole_path: pattern.contains('/') })
    }

    /// Whether a path is what is looked for.
    #[must_use]
    pub fn matches(&self, path: &EntryPath) -> bool {
        if self.whole_path {
            return self.matcher.is_match(path.to_path_buf());
        }
        path.name().is_some_and(|name| self.matcher.is_match(OsStr::from_bytes(name)))
    }
}

/// Entries of a snapshot in ascending order of their paths. Holds one node of the tree a level.
#[derive(Debug)]
pub struct Listing {
    reader: Arc<StoreReader>,
    root: BlobId,
    folder: EntryPath,
    recursive: bool,
    pattern: Option<Pattern>,
    /// The leaf entries read ahead, in reverse.
    ahead: Vec<Entry>,
    /// Nodes that could not be read, in reverse.
    errors: Vec<Error>,
    next_key: Option<Vec<u8>>,
}

/// How many entries are taken from the tree at a time.
const BATCH: usize = 256;

impl Listing {
    /// Everything below `folder`, or only what is directly in it.
    pub(super) fn new(reader: StoreReader, root: BlobId, folder: EntryPath, recursive: bool) -> Self {
        // The folder itself is not listed; what is inside begins with its key and the separator.
        let mut start = folder.key().to_vec();
        start.push(0);
        let next_key = Some(if folder.is_root() { vec![1] } else { start });
        let (ahead, errors) = (Vec::new(), Vec::new());
        Listing { reader: Arc::new(reader), root, folder, recursive, pattern: None, ahead, errors, next_key }
    }

    /// One entry alone.
    pub(super) fn single(reader: StoreReader, root: BlobId, entry: Entry) -> Self {
        let folder = entry.path.clone();
        let ahead = vec![entry];
        let errors = Vec::new();
        Listing {
            reader: Arc::new(reader),
            root,
            folder,
            recursive: true,
            pattern: None,
            ahead,
            errors,
            next_key: None,
        }
    }

    pub(super) fn matching(mut self, pattern: Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// Reads the next batch. The cursor is made anew for each: it borrows the reader, which this owns.
    fn fill(&mut self) {
        let Some(start) = self.next_key.take() else { return };
        let mut cursor = Cursor::from(self.reader.as_ref(), self.root, &start);
        let mut behind = start;
        let mut looked_at = 0;
        let mut batch = Vec::new();
        loop {
            let entry = match cursor.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                // Nothing more can be read then, and nothing behind it be looked for.
                Err(error) if error.kind() == ErrorKind::Cancelled => {
                    self.errors.push(error);
                    break;
                }
                Err(error) => {
                    if batch.is_empty() {
                        self.errors.push(error);
                        // Behind what is lost it goes on.
                        self.next_key = loop {
                            match cursor.peek() {
                                Err(error) if error.kind() == ErrorKind::Cancelled => {
                                    self.errors.push(error);
                                    break None;
                                }
                                Ok(next) => break next.map(|entry| entry.path.key().to_vec()),
                                Err(error) => self.errors.push(error),
                            }
                        };
                        self.errors.reverse();
                        return;
                    }
                    // What was found first; the error comes with the next batch.
                    self.next_key = Some(behind);
                    break;
                }
            };
            if !entry.path.is_within(&self.folder) {
                break;
            }
            looked_at += 1;
            behind = entry.path.key().to_vec();
            behind.push(0);
            if !self.recursive && entry.path.depth() == self.folder.depth() + 1 {
                // Everything inside it continues with the separator, byte 0.
                if let Some(last) = behind.last_mut() {
                    *last = 1;
                }
                cursor.skip_folder(&entry.path);
            }
            if self.pattern.as_ref().is_none_or(|pattern| pattern.matches(&entry.path)) {
                batch.push(entry);
            }
            if batch.len() >= BATCH || looked_at >= BATCH * 64 {
                self.next_key = Some(behind);
                break;
            }
        }
        batch.reverse();
        self.ahead = batch;
    }
}

impl Iterator for Listing {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.ahead.pop() {
                return Some(Ok(entry));
            }
            if let Some(error) = self.errors.pop() {
                return Some(Err(error));
            }
            self.next_key.as_ref()?;
            self.fill();
        }
    }
}
