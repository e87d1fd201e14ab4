//! Any reader as one file.

use super::parents::FillParents;
use super::{EntryHandle, EntrySource, NoHandle, SourceItem};
use crate::context::Context;
use crate::error::{Result, invalid};
use crate::format::entry::{Content, Entry, EntryKind, Metadata, Owner, Timestamp};
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

/// Whatever a reader gives, as one regular file: a database dump from a pipe, a download.
///
/// The folders above it are made up. Its length is known only when the reader ends. A reader that fails makes
/// the backup name the file as unreadable and leave it out.
///
/// ```
/// use strongroom::{EntryPath, ReaderSource};
/// let dump: &[u8] = b"CREATE TABLE ...";
/// let source = ReaderSource::new(EntryPath::parse("db/dump.sql")?, dump).mode(0o640);
/// # let _ = source;
/// # Ok::<(), strongroom::Error>(())
/// ```
pub struct ReaderSource {
    entry: Entry,
    reader: Option<Box<dyn Read + Send>>,
    ready: VecDeque<SourceItem>,
}

impl ReaderSource {
    /// A file at `path` with mode 0600, the owner this process acts as, and the current time.
    #[must_use]
    pub fn new(path: EntryPath, reader: impl Read + Send + 'static) -> Self {
        let metadata = Metadata {
            mode: 0o600,
            owner: Arc::new(current_owner()),
            modified: SystemTime::now().into(),
            ..Metadata::default()
        };
        ReaderSource {
            entry: Entry { path, kind: EntryKind::File, metadata, size: 0, holes: Vec::new(), content: Content::Empty },
            reader: Some(Box::new(reader)),
            ready: VecDeque::new(),
        }
    }

    /// Sets the permission bits.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.entry.metadata.mode = mode & 0o7777;
        self
    }

    /// Sets the time of the last change.
    #[must_use]
    pub fn modified(mut self, time: impl Into<Timestamp>) -> Self {
        self.entry.metadata.modified = time.into();
        self
    }

    /// Sets the owner.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.entry.metadata.owner = Arc::new(owner);
        self
    }

    /// Where the file stands.
    #[must_use]
    pub fn path(&self) -> &EntryPath {
        &self.entry.path
    }
}

impl EntrySource for ReaderSource {
    fn next(&mut self, ctx: &Context) -> Result<Option<SourceItem>> {
        ctx.check("read a stream")?;
        if let Some(reader) = self.reader.take() {
            if self.entry.path.is_root() {
                return Err(invalid("read a stream", "it has to be stored under a name"));
            }
            let entry = self.entry.clone();
            let folders = FillParents::default().before(&entry)?.unwrap_or_default();
            self.ready.extend(folders.into_iter().map(|folder| SourceItem::Entry(folder, Box::new(NoHandle))));
            self.ready.push_back(SourceItem::Entry(entry, Box::new(ReadHandle::new(reader, None))));
        }
        Ok(self.ready.pop_front())
    }

    fn is_sorted(&self) -> bool {
        true
    }

    fn handles_keep(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for ReaderSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReaderSource").field("path", &self.entry.path).finish_non_exhaustive()
    }
}

/// The ids this process acts as. Names are left out: what was not on a file system has none there.
pub(super) fn current_owner() -> Owner {
    Owner::ids(rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// A file whose bytes come from a reader.
pub(super) struct ReadHandle {
    reader: Box<dyn Read + Send>,
    /// The size that was said beforehand.
    announced: Option<u64>,
    count: u64,
}

impl ReadHandle {
    pub(super) fn new(reader: Box<dyn Read + Send>, announced: Option<u64>) -> Self {
        ReadHandle { reader, announced, count: 0 }
    }
}

impl EntryHandle for ReadHandle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                // A reader that claims to have read more than fits is not believed.
                Ok(count) if count > buffer.len() => return Err(io::Error::other("the reader gave a wrong length")),
                Ok(count) => {
                    self.count += u64::try_from(count).unwrap_or(0);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn close(&mut self, entry: &mut Entry) -> Option<Problem> {
        entry.size = self.count;
        let announced = self.announced.filter(|announced| *announced != self.count)?;
        let detail = format!("{announced} bytes were announced, {} came", self.count);
        Some(Problem::new(entry.path.clone(), ProblemReason::Changed, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::source::testing::{find, path, read_all};

    #[test]
    fn a_stream_becomes_a_file_in_its_folders() {
        let bytes = vec![3; 100_000];
        let source = ReaderSource::new(path("db/daily/dump.sql"), io::Cursor::new(bytes.clone()))
            .mode(0o100_640)
            .modified(Timestamp::new(5, 6))
            .owner(Owner::ids(7, 8));
        assert!(source.is_sorted());
        let (seen, problems) = read_all(source);
        assert!(problems.is_empty());
        let paths: Vec<_> = seen.iter().map(|one| one.entry.path.to_string()).collect();
        assert_eq!(paths, ["", "db", "db/daily", "db/daily/dump.sql"]);
        let file = find(&seen, "db/daily/dump.sql");
        assert_eq!((file.entry.size, &file.data), (100_000, &bytes));
        let metadata = &file.entry.metadata;
        assert_eq!(
            (metadata.mode, metadata.modified, &*metadata.owner),
            (0o640, Timestamp::new(5, 6), &Owner::ids(7, 8))
        );
    }

    #[test]
    fn the_file_is_private_and_ours_unless_said_otherwise() {
        let (seen, _) = read_all(ReaderSource::new(path("x"), io::empty()));
        let metadata = &find(&seen, "x").entry.metadata;
        assert_eq!((metadata.mode, metadata.owner.uid), (0o600, rustix::process::geteuid().as_raw()));
        assert!(metadata.modified.seconds > 1_700_000_000);
    }

    struct Failing(u8);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(io::ErrorKind::Interrupted.into()),
                2 => {
                    buffer[0] = b'x';
                    Ok(1)
                }
                3 => Err(io::Error::other("the pipe broke")),
                _ => Ok(buffer.len() + 1),
            }
        }
    }

    #[test]
    fn a_failing_reader_fails_and_a_lying_one_is_not_believed() {
        let mut handle = ReadHandle::new(Box::new(Failing(0)), None);
        let mut buffer = [0; 10];
        assert_eq!(handle.read(&mut buffer).unwrap(), 1);
        assert_eq!(handle.read(&mut buffer).unwrap_err().to_string(), "the pipe broke");
        assert!(handle.read(&mut buffer).is_err());
    }

    #[test]
    fn a_file_needs_a_name() {
        let mut source = ReaderSource::new(EntryPath::root(), io::empty());
        assert_eq!(source.next(&Context::new()).err().unwrap().kind(), ErrorKind::InvalidArgument);
    }
}
