//! What to restore, where, and how.

use crate::error::{Result, invalid};
use crate::path::EntryPath;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What happens to entries that stand in the target already.
///
/// Folders are never replaced by folders: their content is merged. Something that is not a folder and stands where
/// a folder must be is only removed under [`Always`](Overwrite::Always) or
/// [`delete_extra`](RestoreOptions::delete_extra); otherwise it is reported as an obstruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Overwrite {
    /// Leaves everything alone that exists, its metadata included.
    Never,
    /// Replaces what was modified earlier than the snapshot's entry.
    IfNewer,
    /// Leaves the content of files of the same size and modification time alone, brings their metadata in line, and
    /// rewrites the differing parts of all others.
    #[default]
    IfDifferent,
    /// Compares the content of every file, whatever its size and time say, and rewrites the differing parts.
    Always,
}

/// What happens to owners and groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Ownership {
    /// Gives entries to the user and group of the names the snapshot has, where this system knows users and groups of
    /// these names, and otherwise to the numeric ids. What the system does not permit is reported, and such an entry
    /// loses its setuid and setgid bits. Names are looked up in `/etc/passwd` and `/etc/group`.
    #[default]
    Named,
    /// The same with the numeric ids the snapshot has, whatever the names.
    Numeric,
    /// Leaves everything to whoever runs the restore. Setuid and setgid bits are kept only where the ids agree.
    Skip,
}

/// How to restore. Starts with [`RestoreOptions::to`].
///
/// ```
/// use strongroom::{EntryPath, Overwrite, RestoreOptions};
/// let options = RestoreOptions::to("/tmp/out")
///     .path(EntryPath::parse("home/me/photos")?)
///     .exclude("*.tmp")
///     .overwrite(Overwrite::IfNewer);
/// # let _ = options;
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RestoreOptions {
    pub(super) target: PathBuf,
    pub(super) path: EntryPath,
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) overwrite: Overwrite,
    pub(super) verify_existing: bool,
    pub(super) owner: Ownership,
    pub(super) xattrs: bool,
    pub(super) sparse: bool,
    pub(super) delete_extra: bool,
    pub(super) dry_run: bool,
    pub(super) sync: bool,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        RestoreOptions {
            target: PathBuf::new(),
            path: EntryPath::root(),
            include: Vec::new(),
            exclude: Vec::new(),
            overwrite: Overwrite::default(),
            verify_existing: false,
            owner: Ownership::default(),
            xattrs: true,
            sparse: true,
            delete_extra: false,
            dry_run: false,
            sync: false,
        }
    }
}

impl RestoreOptions {
    /// Restores into the folder `target`, which is made when it does not exist.
    #[must_use]
    pub fn to(target: impl Into<PathBuf>) -> Self {
        RestoreOptions { target: target.into(), ..RestoreOptions::default() }
    }

    /// The target folder.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Restores this file or folder only. The content of a folder stands directly in the target, which also takes the
    /// folder's metadata; a file stands in the target under its name.
    #[must_use]
    pub fn path(mut self, path: EntryPath) -> Self {
        self.path = path;
        self
    }

    /// Restores only what matches this pattern or another included one, or lies in a folder that does. Patterns are
    /// those of gitignore files and match the path in the snapshot: `*.jpg`, `/home/me/`, `docs/**/*.txt`.
    #[must_use]
    pub fn include(mut self, pattern: impl Into<String>) -> Self {
        self.include.push(pattern.into());
        self
    }

    /// Leaves out what matches this pattern, and everything in folders that do. The last matching pattern decides;
    /// one that begins with `!` takes back an earlier one.
    #[must_use]
    pub fn exclude(mut self, pattern: impl Into<String>) -> Self {
        self.exclude.push(pattern.into());
        self
    }

    /// What happens to entries that exist.
    #[must_use]
    pub fn overwrite(mut self, overwrite: Overwrite) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Compares the content of files whose size and time are as they should be, instead of trusting them.
    #[must_use]
    pub fn verify_existing(mut self, yes: bool) -> Self {
        self.verify_existing = yes;
        self
    }

    /// What happens to owners and groups.
    #[must_use]
    pub fn owner(mut self, owner: Ownership) -> Self {
        self.owner = owner;
        self
    }

    /// Whether extended attributes and ACLs are restored (they are by default).
    #[must_use]
    pub fn xattrs(mut self, yes: bool) -> Self {
        self.xattrs = yes;
        self
    }

    /// Whether holes become holes again (they do by default) or are filled with zeros.
    #[must_use]
    pub fn sparse(mut self, yes: bool) -> Self {
        self.sparse = yes;
        self
    }

    /// Removes what stands in restored folders of the target and not in the snapshot. What the patterns of this
    /// restore leave out is not removed, and neither is anything on another file system.
    #[must_use]
    pub fn delete_extra(mut self, yes: bool) -> Self {
        self.delete_extra = yes;
        self
    }

    /// Changes nothing and reports what would be done. Bytes to be written are then an upper bound.
    #[must_use]
    pub fn dry_run(mut self, yes: bool) -> Self {
        self.dry_run = yes;
        self
    }

    /// Waits until everything is on the storage device before it returns.
    #[must_use]
    pub fn sync(mut self, yes: bool) -> Self {
        self.sync = yes;
        self
    }

    /// Whether existing files are replaced as a whole under a temporary name. Under these policies a file that was
    /// half written when the machine stopped would be taken for one to keep.
    pub(super) fn replaces_whole(&self) -> bool {
        matches!(self.overwrite, Overwrite::Never | Overwrite::IfNewer)
    }

    /// Whether something that is no folder may be removed where a folder must be.
    pub(super) fn may_clear(&self) -> bool {
        self.overwrite == Overwrite::Always || (self.delete_extra && self.overwrite != Overwrite::Never)
    }
}

/// The compiled patterns.
pub(super) struct Selection {
    include: Option<Gitignore>,
    exclude: Option<Gitignore>,
}

/// What the patterns say of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is restored. Everything inside a folder is, unless excluded.
    Taken,
    /// It is not, but something inside may be.
    Passed,
    /// Neither it nor anything inside is.
    Excluded,
}

impl Selection {
    pub(super) fn new(options: &RestoreOptions) -> Result<Self> {
        let compile = |patterns: &[String]| -> Result<Option<Gitignore>> {
            if patterns.is_empty() {
                return Ok(None);
            }
            let wrong = |error: ignore::Error| invalid("read a pattern", error.to_string());
            let mut builder = GitignoreBuilder::new("");
            for pattern in patterns {
                builder.add_line(None, pattern).map_err(|error| wrong(error).object(pattern))?;
            }
            builder.build().map(Some).map_err(wrong)
        };
        Ok(Selection { include: compile(&options.include)?, exclude: compile(&options.exclude)? })
    }

    /// Whether every path is taken.
    pub(super) fn takes_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    /// Judges one path; `taken` says whether the folder that holds it is.
    pub(super) fn judge(&self, path: &EntryPath, is_folder: bool, taken: bool) -> Verdict {
        if self.takes_all() || path.is_root() {
            return if self.include.is_none() || taken { Verdict::Taken } else { Verdict::Passed };
        }
        let bytes = path.to_os_bytes();
        let path = Path::new(OsStr::from_bytes(&bytes));
        if let Some(exclude) = &self.exclude
            && exclude.matched(path, is_folder).is_ignore()
        {
            return Verdict::Excluded;
        }
        let taken = match &self.include {
            None => true,
            Some(include) => match include.matched(path, is_folder) {
                Match::Ignore(_) => true,
                Match::Whitelist(_) => false,
                Match::None => taken,
            },
        };
        if taken { Verdict::Taken } else { Verdict::Passed }
    }

    /// Whether the folder that a restore begins at is taken because it or a folder above it is included.
    pub(super) fn takes_base(&self, base: &EntryPath) -> bool {
        let Some(include) = &self.include else { return true };
        let bytes = base.to_os_bytes();
        let path = Path::new(OsStr::from_bytes(&bytes));
        !base.is_root() && include.matched_path_or_any_parents(path, true).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text).unwrap()
    }

    #[test]
    fn patterns_are_those_of_gitignore() {
        let options = RestoreOptions::to("x").include("*.jpg").include("/docs/").exclude("tmp/").exclude("/docs/*.o");
        let selection = Selection::new(&options).unwrap();
        assert_eq!(selection.judge(&path("a/b.jpg"), false, false), Verdict::Taken);
        assert_eq!(selection.judge(&path("a/b.png"), false, false), Verdict::Passed);
        assert_eq!(selection.judge(&path("docs"), true, false), Verdict::Taken);
        assert_eq!(selection.judge(&path("docs"), false, false), Verdict::Passed);
        assert_eq!(selection.judge(&path("docs/x"), false, true), Verdict::Taken);
        assert_eq!(selection.judge(&path("docs/x.o"), false, true), Verdict::Excluded);
        assert_eq!(selection.judge(&path("a/tmp"), true, false), Verdict::Excluded);
        assert!(selection.takes_base(&path("docs/sub")) && !selection.takes_base(&path("a")));
    }

    #[test]
    fn a_broken_pattern_is_refused_by_name() {
        let options = RestoreOptions::to("x").exclude("a{b");
        let error = Selection::new(&options).err().unwrap();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument);
        assert_eq!(error.object_name(), Some("a{b"));
    }
}
