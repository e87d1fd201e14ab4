//! An app's own entries.

use super::reader::{ReadHandle, current_owner};
use super::{EntryHandle, EntrySource, NoHandle, SourceItem};
use crate::context::Context;
use crate::error::{Result, invalid};
use crate::format::entry::{Content, Entry, EntryKind, Metadata, Owner, Timestamp, Xattr};
use crate::path::EntryPath;
use crate::problem::Problem;
use std::io::{Cursor, Read};
use std::sync::Arc;

/// An entry made by an app.
///
/// Without more being said it has mode 0644 (0755 for folders, 0777 for symlinks), belongs to whom the process
/// acts as, and was changed in 1970, so that the same entry looks the same in every backup.
///
/// ```
/// use strongroom::{AppEntry, EntryPath, Owner};
/// let note = AppEntry::bytes(EntryPath::parse("notes/1.txt")?, "remember the milk")
///     .mode(0o600)
///     .modified(std::time::SystemTime::now())
///     .owner(Owner::ids(1000, 1000))
///     .xattr("user.tag", "shopping");
/// let folder = AppEntry::directory(EntryPath::parse("notes")?);
/// # let _ = (note, folder);
/// # Ok::<(), strongroom::Error>(())
/// ```
pub struct AppEntry {
    what: What,
}

enum What {
    Entry(Box<Made>),
    Problem(Problem),
}

struct Made {
    entry: Entry,
    data: Data,
    has_owner: bool,
}

enum Data {
    None,
    Reader(Box<dyn Read + Send>, Option<u64>),
    LinkTo(EntryPath),
}

impl AppEntry {
    /// A regular file with the bytes that a reader gives.
    #[must_use]
    pub fn file(path: EntryPath, reader: impl Read + Send + 'static) -> Self {
        AppEntry::new(path, EntryKind::File, 0o644, Data::Reader(Box::new(reader), None))
    }

    /// A regular file with these bytes.
    #[must_use]
    pub fn bytes(path: EntryPath, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        AppEntry::file(path, Cursor::new(bytes)).size(size)
    }

    /// A folder. Folders that are not named are made up.
    #[must_use]
    pub fn directory(path: EntryPath) -> Self {
        AppEntry::new(path, EntryKind::Directory, 0o755, Data::None)
    }

    /// A symbolic link with this target, stored as it is.
    #[must_use]
    pub fn symlink(path: EntryPath, target: impl Into<Vec<u8>>) -> Self {
        AppEntry::new(path, EntryKind::Symlink { target: target.into() }, 0o777, Data::None)
    }

    /// One more name for the file that another entry of the same source stands for.
    #[must_use]
    pub fn hard_link(path: EntryPath, to: EntryPath) -> Self {
        AppEntry::new(path, EntryKind::File, 0o644, Data::LinkTo(to))
    }

    /// Anything without content: a pipe, a socket, a device. A regular file made this way is empty.
    #[must_use]
    pub fn special(path: EntryPath, kind: EntryKind) -> Self {
        AppEntry::new(path, kind, 0o644, Data::None)
    }

    /// Something that belongs to the backup and cannot be read; it is named in the report.
    #[must_use]
    pub fn problem(problem: Problem) -> Self {
        AppEntry { what: What::Problem(problem) }
    }

    fn new(path: EntryPath, kind: EntryKind, mode: u32, data: Data) -> Self {
        let metadata = Metadata { mode, ..Metadata::default() };
        let entry = Entry { path, kind, metadata, size: 0, holes: Vec::new(), content: Content::Empty };
        AppEntry { what: What::Entry(Box::new(Made { entry, data, has_owner: false })) }
    }

    fn change(mut self, change: impl FnOnce(&mut Made)) -> Self {
        if let What::Entry(made) = &mut self.what {
            change(made);
        }
        self
    }

    /// Sets the permission bits.
    #[must_use]
    pub fn mode(self, mode: u32) -> Self {
        self.change(|made| made.entry.metadata.mode = mode & 0o7777)
    }

    /// Sets the time of the last change.
    #[must_use]
    pub fn modified(self, time: impl Into<Timestamp>) -> Self {
        self.change(|made| made.entry.metadata.modified = time.into())
    }

    /// Sets the owner. Entries can share one.
    #[must_use]
    pub fn owner(self, owner: impl Into<Arc<Owner>>) -> Self {
        self.change(|made| {
            made.entry.metadata.owner = owner.into();
            made.has_owner = true;
        })
    }

    /// Adds an extended attribute, or replaces the one of that name.
    #[must_use]
    pub fn xattr(self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.change(|made| {
            let xattr = Xattr { name: name.into(), value: value.into() };
            let xattrs = &mut made.entry.metadata.xattrs;
            match xattrs.binary_search_by(|other| other.name.cmp(&xattr.name)) {
                Ok(at) => {
                    if let Some(other) = xattrs.get_mut(at) {
                        *other = xattr;
                    }
                }
                Err(at) => xattrs.insert(at, xattr),
            }
        })
    }

    /// Says how many bytes a file's reader will give. It is stored with what comes, and reported if that differs.
    #[must_use]
    pub fn size(self, bytes: u64) -> Self {
        self.change(|made| {
            if let Data::Reader(_, announced) = &mut made.data {
                made.entry.size = bytes;
                *announced = Some(bytes);
            }
        })
    }

    /// Lets a later backup see without reading that a file is unchanged, in the way a file system does: the
    /// size, too, must be [given](AppEntry::size), and whatever changes content or metadata must change `time`.
    #[must_use]
    pub fn changed(self, time: impl Into<Timestamp>) -> Self {
        self.change(|made| made.entry.metadata.changed = Some(time.into()))
    }
}

impl std::fmt::Debug for AppEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.what {
            What::Entry(made) => f.debug_tuple("AppEntry").field(&made.entry).finish(),
            What::Problem(problem) => f.debug_tuple("AppEntry").field(problem).finish(),
        }
    }
}

/// Entries from an iterator, in any order.
///
/// ```
/// use strongroom::{AppEntry, EntryPath, IterSource};
/// let rows = vec![("a", "first"), ("b", "second")];
/// let source = IterSource::new(rows.into_iter().filter_map(|(name, text)| {
///     Some(AppEntry::bytes(EntryPath::parse(name).ok()?, text))
/// }));
/// # let _ = source;
/// ```
pub struct IterSource<I> {
    entries: I,
    sorted: bool,
    last: Option<EntryPath>,
    owner: Arc<Owner>,
}

impl<I: Iterator<Item = AppEntry> + Send> IterSource<I> {
    /// Entries in any order; the last one of a path counts.
    pub fn new(entries: impl IntoIterator<IntoIter = I>) -> Self {
        let owner = Arc::new(current_owner());
        IterSource { entries: entries.into_iter(), sorted: false, last: None, owner }
    }

    /// Promises ascending order of the paths, each once, which spares a sort. An entry that breaks the promise
    /// ends the backup with [`InvalidArgument`](crate::ErrorKind::InvalidArgument), and so does a
    /// [hard link](AppEntry::hard_link), since it can come before its file.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.sorted = true;
        self
    }

    fn check_order(&mut self, path: &EntryPath) -> Result<()> {
        if self.sorted {
            if self.last.as_ref().is_some_and(|last| last >= path) {
                return Err(invalid("take entries from the app", "they are not in order").object(path));
            }
            self.last = Some(path.clone());
        }
        Ok(())
    }
}

impl<I: Iterator<Item = AppEntry> + Send> EntrySource for IterSource<I> {
    fn next(&mut self, ctx: &Context) -> Result<Option<SourceItem>> {
        ctx.check("take entries from the app")?;
        let Some(next) = self.entries.next() else { return Ok(None) };
        let Made { mut entry, data, has_owner } = match next.what {
            What::Entry(made) => *made,
            What::Problem(problem) => return Ok(Some(SourceItem::Problem(problem))),
        };
        self.check_order(&entry.path)?;
        if !has_owner {
            entry.metadata.owner = Arc::clone(&self.owner);
        }
        let handle: Box<dyn EntryHandle> = match data {
            Data::None => Box::new(NoHandle),
            Data::Reader(reader, announced) => Box::new(ReadHandle::new(reader, announced)),
            Data::LinkTo(_) if self.sorted => {
                let why = "a hard link cannot come from a source that promises order";
                return Err(invalid("take entries from the app", why).object(&entry.path));
            }
            Data::LinkTo(target) => return Ok(Some(SourceItem::Link(entry, target))),
        };
        Ok(Some(SourceItem::Entry(entry, handle)))
    }

    fn is_sorted(&self) -> bool {
        self.sorted
    }

    fn handles_keep(&self) -> bool {
        true
    }
}

impl<I> std::fmt::Debug for IterSource<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IterSource").field("sorted", &self.sorted).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::problem::ProblemReason;
    use crate::source::testing::{find, path, read_all};

    #[test]
    fn entries_come_as_they_were_made() {
        let owner = Arc::new(Owner::ids(1, 2));
        let source = IterSource::new([
            AppEntry::file(path("z/file"), Cursor::new("from a reader")).mode(0o4711).owner(Arc::clone(&owner)),
            AppEntry::bytes(path("a"), "bytes").modified(Timestamp::new(3, 4)).changed(Timestamp::new(5, 6)),
            AppEntry::directory(path("z")).xattr("user.b", "2").xattr("user.a", "1").xattr("user.b", "3"),
            AppEntry::symlink(path("l"), b"\xffwhere"),
            AppEntry::hard_link(path("h"), path("z/file")),
            AppEntry::special(path("d"), EntryKind::CharDevice { major: 1, minor: 3 }).owner(Owner::ids(0, 0)),
            AppEntry::problem(Problem::new(path("p"), ProblemReason::Unreadable, "the row is locked")),
        ]);
        assert!(!source.is_sorted());
        let (seen, problems) = read_all(source);
        assert_eq!((problems.len(), problems[0].path.clone()), (1, path("p")));
        let file = find(&seen, "z/file");
        assert_eq!(
            (file.data.as_slice(), file.entry.size, file.entry.metadata.mode),
            (&b"from a reader"[..], 13, 0o4711)
        );
        assert!(Arc::ptr_eq(&file.entry.metadata.owner, &owner));
        let bytes = find(&seen, "a");
        assert_eq!((bytes.data.as_slice(), bytes.entry.size), (&b"bytes"[..], 5));
        assert_eq!(bytes.entry.metadata.modified, Timestamp::new(3, 4));
        assert_eq!(bytes.entry.metadata.changed, Some(Timestamp::new(5, 6)));
        assert_eq!(*bytes.entry.metadata.owner, current_owner());
        assert_eq!(*find(&seen, "d").entry.metadata.owner, Owner::ids(0, 0));
        let xattrs = &find(&seen, "z").entry.metadata.xattrs;
        let xattr = |name: &[u8], value: &[u8]| Xattr { name: name.to_vec(), value: value.to_vec() };
        assert_eq!(*xattrs, [xattr(b"user.a", b"1"), xattr(b"user.b", b"3")]);
        assert_eq!(find(&seen, "l").entry.kind, EntryKind::Symlink { target: b"\xffwhere".to_vec() });
        assert_eq!(find(&seen, "h").link, Some(path("z/file")));
        assert_eq!(find(&seen, "d").entry.kind, EntryKind::CharDevice { major: 1, minor: 3 });
    }

    #[test]
    fn a_file_of_another_size_than_announced_is_stored_and_reported() {
        let (seen, problems) = read_all(IterSource::new([AppEntry::file(path("a"), Cursor::new("abc")).size(5)]));
        assert_eq!(find(&seen, "a").entry.size, 3);
        assert_eq!((problems.len(), problems[0].reason), (1, ProblemReason::Changed));
    }

    #[test]
    fn a_promise_of_order_is_held_to() {
        let entries = |paths: &[&str]| paths.iter().map(|at| AppEntry::directory(path(at))).collect::<Vec<_>>();
        let (seen, _) = read_all(IterSource::new(entries(&["a", "a/b", "a.b", "c"])).sorted());
        assert_eq!(seen.len(), 4);
        for wrong in [["b", "a"], ["a", "a"]] {
            let mut source = IterSource::new(entries(&wrong)).sorted();
            source.next(&Context::new()).unwrap();
            assert_eq!(source.next(&Context::new()).err().unwrap().kind(), ErrorKind::InvalidArgument);
        }
        let mut source = IterSource::new([AppEntry::hard_link(path("b"), path("a"))]).sorted();
        assert_eq!(source.next(&Context::new()).err().unwrap().kind(), ErrorKind::InvalidArgument);
    }
}
