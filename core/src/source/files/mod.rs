//! The file system as a source.

mod dir;
mod exclude;
mod handle;
mod holes;
mod owner;
mod plan;
mod stat;
mod visit;
mod walk;
mod xattr;

#[cfg(test)]
mod tests;

use self::exclude::{Options, Patterns, Rules};
use self::walk::Walk;
use super::{EntrySource, SourceItem};
use crate::context::Context;
use crate::error::Result;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

pub(in crate::source) use self::holes::keep_longest;
pub(crate) use self::owner::Ids;

/// Files and folders of the file system, with everything the system knows about them.
///
/// # What stands at the snapshot's root
/// A single path that is a folder, or a symlink to one: its contents. Otherwise every path is named relative to
/// the deepest folder that contains all of them; that folder is the root, and the folders in between appear with
/// their own metadata but only the given paths in them. A path inside another given folder adds nothing.
/// Symlinks are stored, not followed, except in two places: as the only given path, and before the last name of
/// a given path.
///
/// # What is left out
/// Patterns follow the rules of gitignore relative to the snapshot's root: `*.o` matches in every folder, `/build`
/// at the root only, `cache/` folders only, `!keep.o` takes a file back in. A folder that matches is left out
/// with all that is in it, so nothing below it can be taken back in. Patterns apply to given paths, not to the
/// folders on the way to them.
///
/// # How it reads
/// Entries come sorted by their path. Folders are read through handles, relative to each other, so that no path
/// is too long, and nothing moved or replaced meanwhile leads elsewhere. At most 64 folders are open at a time,
/// and one for each entry whose handle is kept. Listing changes no access times where the system allows that.
///
/// ```
/// use strongroom::{Context, EntrySource, FileSource, SourceItem};
/// # let folder = tempfile::tempdir().unwrap();
/// # std::fs::write(folder.path().join("1.jpg"), "picture").unwrap();
/// # std::fs::write(folder.path().join("1.tmp"), "").unwrap();
/// # let path = folder.path();
/// let mut source = FileSource::new([path]).exclude("*.tmp").exclude_caches(true);
/// let mut names = Vec::new();
/// while let Some(item) = source.next(&Context::new())? {
///     if let SourceItem::Entry(entry, _handle) = item {
///         names.push(entry.path.to_string());
///     }
/// }
/// assert_eq!(names, ["", "1.jpg"]);
/// # Ok::<(), strongroom::Error>(())
/// ```
pub struct FileSource {
    paths: Vec<PathBuf>,
    options: Options,
    walk: Option<Walk>,
}

impl FileSource {
    /// Files and folders under these paths. Relative ones are taken from the current folder, now.
    ///
    /// The paths are looked at by the first call of [`next`](EntrySource::next), which fails with
    /// [`NotFound`](crate::ErrorKind::NotFound) if one of them does not exist.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let paths = paths.into_iter().map(|path| plan::absolute(&path.into())).collect();
        FileSource { paths: plan::sorted(paths), options: Options::default(), walk: None }
    }

    /// Leaves out what matches a pattern in gitignore syntax. Of several patterns that match, the last one counts.
    ///
    /// A malformed pattern makes the first call of [`next`](EntrySource::next) fail with
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument).
    #[must_use]
    pub fn exclude(mut self, pattern: impl Into<String>) -> Self {
        self.options.patterns.push(Patterns::Line(pattern.into()));
        self
    }

    /// Leaves out what matches the patterns in a file, one a line, as if each was given to
    /// [`exclude`](FileSource::exclude). Empty lines and lines that begin with `#` say nothing.
    ///
    /// A file that is missing, malformed or larger than 1 MiB makes the first call of
    /// [`next`](EntrySource::next) fail.
    #[must_use]
    pub fn exclude_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.patterns.push(Patterns::File(path.into()));
        self
    }

    /// Of folders marked as caches keeps only themselves and their mark: a file `CACHEDIR.TAG` that begins with
    /// the signature of the [standard](https://bford.info/cachedir/). A given folder is kept whole all the same.
    #[must_use]
    pub fn exclude_caches(mut self, exclude: bool) -> Self {
        self.options.caches = exclude;
        self
    }

    /// Of folders that contain something called `name` keeps only themselves and that. A given folder is kept
    /// whole all the same. Can be called for several names.
    #[must_use]
    pub fn exclude_if_present(mut self, name: impl Into<std::ffi::OsString>) -> Self {
        self.options.markers.push(name.into().into_vec());
        self
    }

    /// Applies the patterns in files called `name`, such as `.strongroomignore`, to the folder each stands in and
    /// everything below. The patterns of the backup come before them, and nearer files before those further up.
    ///
    /// What cannot be read or understood of such a file is a problem named in the report, and excludes nothing.
    #[must_use]
    pub fn ignore_files(mut self, name: impl Into<std::ffi::OsString>) -> Self {
        self.options.nested = Some(name.into().into_vec());
        self
    }

    /// Stays on the file system each given path is on: what is mounted below appears as an empty folder.
    #[must_use]
    pub fn one_file_system(mut self, stay: bool) -> Self {
        self.options.one_file_system = stay;
        self
    }

    /// Leaves out regular files of more than this many bytes.
    #[must_use]
    pub fn max_file_size(mut self, bytes: u64) -> Self {
        self.options.max_size = Some(bytes);
        self
    }

    /// The given paths, absolute, each once, sorted by their bytes.
    #[must_use]
    pub fn lineage_paths(&self) -> Vec<Vec<u8>> {
        let mut paths: Vec<_> = self.paths.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
        paths.sort();
        paths
    }
}

impl EntrySource for FileSource {
    fn next(&mut self, ctx: &Context) -> Result<Option<SourceItem>> {
        match &mut self.walk {
            Some(walk) => walk.next(ctx),
            None => {
                let rules = Rules::new(&self.options)?;
                let walk = Walk::start(rules, plan::plan(&self.paths)?)?;
                self.walk.insert(walk).next(ctx)
            }
        }
    }

    fn is_sorted(&self) -> bool {
        true
    }

    fn handles_keep(&self) -> bool {
        true
    }

    fn is_concurrent(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for FileSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSource").field("paths", &self.paths).field("options", &self.options).finish_non_exhaustive()
    }
}
