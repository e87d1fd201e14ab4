//! What is backed up, as an app hands it over.

use crate::backend::core_error;
use crate::enums::EntryKind;
use crate::error::{Error, Result};
use crate::host::{HostContent, HostEntries, HostEntry, HostError, HostReader, HostResult, guarded};
use crate::options::{entry_path, file_path};
use crate::records::Timestamp;
use crate::run::Failure;
use std::fmt;
use std::io::{self, Cursor, Read};
use std::os::unix::ffi::OsStringExt;
use strongroom::{
    AppEntry, Context, EntryPath, EntrySource, FileSource, IterSource, Owner, Problem, ReaderSource, SourceItem,
    TarSource,
};

/// Which files and folders of the file system are backed up.
#[derive(Debug, Clone, Default)]
pub struct FilesOptions {
    /// Files and folders, by the bytes of their paths. A single folder stands at the snapshot's root.
    pub paths: Vec<Vec<u8>>,
    /// Leaves out what matches these patterns in gitignore syntax.
    pub exclude: Vec<String>,
    /// Leaves out what matches the patterns in these files, by the bytes of their paths.
    pub exclude_files: Vec<Vec<u8>>,
    /// Of folders marked as caches keeps only themselves and their mark.
    pub exclude_caches: bool,
    /// Of folders that contain something of one of these names keeps only themselves and that.
    pub exclude_if_present: Vec<Vec<u8>>,
    /// Applies the patterns in files of this name to the folder each stands in and everything below.
    pub ignore_files: Option<Vec<u8>>,
    /// Stays on the file system each given path is on.
    pub one_file_system: bool,
    /// Leaves out regular files of more than this many bytes.
    pub max_file_size: Option<u64>,
}

/// What a stream is stored as.
#[derive(Debug, Clone, Default)]
pub struct StreamOptions {
    /// Where the file stands in the snapshot.
    pub path: Vec<u8>,
    /// Permission bits; 0600 unless something else is said.
    pub mode: Option<u32>,
    /// Last change of content; now unless something else is said.
    pub modified: Option<Timestamp>,
    /// User id; counts together with the group id.
    pub uid: Option<u32>,
    /// Group id; counts together with the user id.
    pub gid: Option<u32>,
}

/// What to back up. Used up by one backup.
#[derive(Debug)]
pub struct Source {
    content: Content,
    known_as: Option<Vec<Vec<u8>>>,
}

enum Content {
    Files(FilesOptions),
    Bytes(StreamOptions, Vec<u8>),
    Reader(StreamOptions, Box<dyn HostReader>),
    Tar(Box<dyn HostReader>),
    Entries(Box<dyn HostEntries>, bool),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Files(options) => f.debug_tuple("Files").field(options).finish(),
            Content::Bytes(options, _) => f.debug_tuple("Bytes").field(options).finish_non_exhaustive(),
            Content::Reader(options, _) => f.debug_tuple("Reader").field(options).finish_non_exhaustive(),
            Content::Tar(_) => f.write_str("Tar(..)"),
            Content::Entries(_, sorted) => f.debug_tuple("Entries").field(sorted).finish_non_exhaustive(),
        }
    }
}

impl Source {
    fn of(content: Content) -> Self {
        Source { content, known_as: None }
    }

    /// Files and folders of the file system.
    #[must_use]
    pub fn files(options: FilesOptions) -> Self {
        Source::of(Content::Files(options))
    }

    /// One file with these bytes.
    #[must_use]
    pub fn bytes(options: StreamOptions, bytes: Vec<u8>) -> Self {
        Source::of(Content::Bytes(options, bytes))
    }

    /// One file with what a reader gives. When the reader fails, so does the backup.
    #[must_use]
    pub fn reader(options: StreamOptions, reader: Box<dyn HostReader>) -> Self {
        Source::of(Content::Reader(options, reader))
    }

    /// What a tar stream holds. When the reader fails, so does the backup.
    #[must_use]
    pub fn tar(reader: Box<dyn HostReader>) -> Self {
        Source::of(Content::Tar(reader))
    }

    /// The app's own entries; `sorted` promises ascending order of their paths, each once. When getting an entry fails,
    /// so does the backup; when reading one's content does, see [`HostError::is_of_one_entry`].
    #[must_use]
    pub fn entries(entries: Box<dyn HostEntries>, sorted: bool) -> Self {
        Source::of(Content::Entries(entries, sorted))
    }

    /// Sets the paths, or any names, by which snapshots of the same thing are known to belong together.
    #[must_use]
    pub fn known_as(mut self, names: Vec<Vec<u8>>) -> Self {
        self.known_as = Some(names);
        self
    }

    pub(crate) fn into_core(self, failure: &Failure) -> Result<strongroom::Source> {
        let source: strongroom::Source = match self.content {
            Content::Files(options) => files(options)?.into(),
            Content::Bytes(options, bytes) => stream(&options, Cursor::new(bytes))?.into(),
            Content::Reader(options, reader) => stream(&options, Reading::always_fatal(reader, failure))?.into(),
            Content::Tar(reader) => TarSource::new(Reading::always_fatal(reader, failure)).into(),
            Content::Entries(entries, sorted) => strongroom::Source::new(Entries::new(entries, sorted, failure)),
        };
        Ok(match self.known_as {
            Some(names) => source.known_as(names),
            None => source,
        })
    }
}

fn files(options: FilesOptions) -> Result<FileSource> {
    const OPERATION: &str = "back up files";
    if options.paths.is_empty() {
        return Err(Error::invalid(OPERATION, "no path is given"));
    }
    let paths: Vec<_> = options.paths.into_iter().map(|path| file_path(path, OPERATION)).collect::<Result<_>>()?;
    let mut source = FileSource::new(paths).exclude_caches(options.exclude_caches);
    for pattern in options.exclude {
        source = source.exclude(pattern);
    }
    for file in options.exclude_files {
        source = source.exclude_file(file_path(file, OPERATION)?);
    }
    for name in options.exclude_if_present {
        source = source.exclude_if_present(std::ffi::OsString::from_vec(name));
    }
    if let Some(name) = options.ignore_files {
        source = source.ignore_files(std::ffi::OsString::from_vec(name));
    }
    source = source.one_file_system(options.one_file_system);
    if let Some(bytes) = options.max_file_size {
        source = source.max_file_size(bytes);
    }
    Ok(source)
}

fn stream(options: &StreamOptions, reader: impl Read + Send + 'static) -> Result<ReaderSource> {
    let mut source = ReaderSource::new(entry_path(&options.path)?, reader);
    if let Some(mode) = options.mode {
        source = source.mode(mode);
    }
    if let Some(time) = options.modified {
        source = source.modified(strongroom::Timestamp::from(time));
    }
    if let (Some(uid), Some(gid)) = (options.uid, options.gid) {
        source = source.owner(Owner::ids(uid, gid));
    }
    Ok(source)
}

/// Reads from the app.
pub(crate) struct Reading {
    reader: Box<dyn HostReader>,
    failure: Failure,
    always_fatal: bool,
}

impl Reading {
    fn always_fatal(reader: Box<dyn HostReader>, failure: &Failure) -> Self {
        Reading { reader, failure: failure.clone(), always_fatal: true }
    }

    fn of_entry(reader: Box<dyn HostReader>, failure: &Failure) -> Self {
        Reading { reader, failure: failure.clone(), always_fatal: false }
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let length = buffer.len();
        let result = guarded("the app's reader", || self.reader.read(buffer)).and_then(|count| {
            let lied = || format!("the app's reader says it gave {count} bytes where there was room for {length}");
            if count <= length { Ok(count) } else { Err(HostError::new(crate::ErrorKind::InvalidArgument, lied())) }
        });
        result.map_err(|error| {
            if self.always_fatal || !error.is_of_one_entry() {
                self.failure.set(error.clone());
            }
            let kind = match error.kind {
                crate::ErrorKind::NotFound => io::ErrorKind::NotFound,
                crate::ErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, error)
        })
    }
}

/// Entries of the app. What it fails with ends the backup, which an iterator alone could not say.
struct Entries {
    inner: IterSource<Iter>,
    failure: Failure,
}

struct Iter {
    entries: Box<dyn HostEntries>,
    failure: Failure,
}

impl Entries {
    fn new(entries: Box<dyn HostEntries>, sorted: bool, failure: &Failure) -> Self {
        let inner = IterSource::new(Iter { entries, failure: failure.clone() });
        Entries { inner: if sorted { inner.sorted() } else { inner }, failure: failure.clone() }
    }
}

impl EntrySource for Entries {
    fn next(&mut self, ctx: &Context) -> strongroom::Result<Option<SourceItem>> {
        let item = self.inner.next(ctx);
        match self.failure.get() {
            Some(error) => Err(core_error(error, "take entries from the app")),
            None => item,
        }
    }

    fn is_sorted(&self) -> bool {
        self.inner.is_sorted()
    }

    fn handles_keep(&self) -> bool {
        self.inner.handles_keep()
    }
}

impl Iterator for Iter {
    type Item = AppEntry;

    fn next(&mut self) -> Option<AppEntry> {
        let next = guarded("the app's entries", || self.entries.next());
        match next.and_then(|entry| entry.map(|entry| app_entry(entry, &self.failure)).transpose()) {
            Ok(entry) => entry,
            Err(error) => {
                self.failure.set(error);
                None
            }
        }
    }
}

fn app_entry(entry: HostEntry, failure: &Failure) -> HostResult<AppEntry> {
    let parse = |bytes: &[u8]| -> HostResult<EntryPath> {
        entry_path(bytes).map_err(|error| HostError::new(error.kind, error.message.clone()))
    };
    let path = parse(&entry.path)?;
    if let Some(problem) = entry.problem {
        return Ok(AppEntry::problem(Problem::new(path, problem.reason.to_core(), problem.detail)));
    }
    let device = (entry.device_major, entry.device_minor);
    let mut made = match (entry.hard_link_to, entry.kind) {
        (Some(to), _) => AppEntry::hard_link(path, parse(&to)?),
        (None, EntryKind::File) => match entry.content {
            Some(HostContent::Bytes(bytes)) => AppEntry::bytes(path, bytes),
            Some(HostContent::Reader(reader)) => AppEntry::file(path, Reading::of_entry(reader, failure)),
            None => AppEntry::bytes(path, Vec::new()),
        },
        (None, EntryKind::Directory) => AppEntry::directory(path),
        (None, EntryKind::Symlink) => match entry.target {
            Some(target) => AppEntry::symlink(path, target),
            None => {
                let detail = format!("the symbolic link {path} has no target");
                return Err(HostError::new(crate::ErrorKind::InvalidArgument, detail));
            }
        },
        (None, kind) => AppEntry::special(path, special(kind, device)),
    };
    if let Some(mode) = entry.mode {
        made = made.mode(mode);
    }
    if let (Some(uid), Some(gid)) = (entry.uid, entry.gid) {
        made = made.owner(Owner::ids(uid, gid));
    }
    if let Some(time) = entry.modified {
        made = made.modified(strongroom::Timestamp::from(time));
    }
    if let Some(time) = entry.changed {
        made = made.changed(strongroom::Timestamp::from(time));
    }
    if let Some(bytes) = entry.size {
        made = made.size(bytes);
    }
    for xattr in entry.xattrs {
        made = made.xattr(xattr.name, xattr.value);
    }
    Ok(made)
}

fn special(kind: EntryKind, (major, minor): (u32, u32)) -> strongroom::EntryKind {
    match kind {
        EntryKind::Fifo => strongroom::EntryKind::Fifo,
        EntryKind::Socket => strongroom::EntryKind::Socket,
        EntryKind::CharDevice => strongroom::EntryKind::CharDevice { major, minor },
        EntryKind::BlockDevice => strongroom::EntryKind::BlockDevice { major, minor },
        EntryKind::File | EntryKind::Directory | EntryKind::Symlink => strongroom::EntryKind::File,
    }
}
