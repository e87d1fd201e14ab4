//! What an app implements in its own language: storage, readers, writers, entries, listeners.
//!
//! Every call into the app is guarded: a panic becomes an error of kind internal, an answer that cannot be right is
//! refused, and an error keeps what the app raised, so that its language can raise it again.

use crate::enums::{EntryKind, ErrorKind, LogLevel, ProblemReason};
use crate::guard::panic_text;
use crate::records::{Progress, Timestamp, Xattr};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// An object of the app's language that only its binding understands, such as an exception.
pub type HostPayload = Arc<dyn Any + Send + Sync>;

/// What a function of the app failed with.
#[derive(Clone)]
pub struct HostError {
    /// What kind of failure it was; [`Callback`](ErrorKind::Callback) when the app did not say.
    pub kind: ErrorKind,
    /// What went wrong, for people.
    pub message: String,
    /// After how many milliseconds the same call may succeed.
    pub retry_after_ms: Option<u64>,
    /// What is to be raised again in the app's language.
    pub payload: Option<HostPayload>,
}

/// What a function of the app returns.
pub type HostResult<T> = std::result::Result<T, HostError>;

impl HostError {
    /// A failure of this kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        HostError { kind, message: message.into(), retry_after_ms: None, payload: None }
    }

    /// A failure of no particular kind.
    #[must_use]
    pub fn callback(message: impl Into<String>) -> Self {
        HostError::new(ErrorKind::Callback, message)
    }

    /// Keeps what is to be raised again.
    #[must_use]
    pub fn payload(mut self, payload: HostPayload) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, milliseconds: u64) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    /// Whether, while one of many entries is read, it is a problem with that entry alone: what a file system would
    /// report of a file. Anything else ends the operation.
    #[must_use]
    pub fn is_of_one_entry(&self) -> bool {
        matches!(self.kind, ErrorKind::Io | ErrorKind::NotFound | ErrorKind::PermissionDenied)
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("has_payload", &self.payload.is_some())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for HostError {}

/// Calls a function of the app; its panic becomes an error.
pub(crate) fn guarded<T>(what: &str, call: impl FnOnce() -> HostResult<T>) -> HostResult<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        Err(HostError::new(ErrorKind::Internal, format!("{what} panicked: {}", panic_text(panic.as_ref()))))
    })
}

/// What an app's storage knows of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostObject {
    /// Its whole name, such as `packs/3f…`.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    /// When storage received it, by the storage's clock.
    pub modified: Timestamp,
}

/// Storage that an app implements.
///
/// All calls may come from several threads at once. Names are those of objects: `config`, or a folder, `/` and a file
/// name of lower-case letters, digits, `-` and `.`. Objects are created once and never changed.
pub trait HostBackend: Send + Sync {
    /// Stores the concatenation of `parts` under `name`, durably and all or nothing. Fails with
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when the name is taken, and leaves that object as it was.
    fn put(&self, name: &str, parts: &[&[u8]]) -> HostResult<()>;

    /// Reads exactly `length` bytes from `offset` on. Fails with [`NotFound`](ErrorKind::NotFound) when there is no
    /// such object, with [`Corrupt`](ErrorKind::Corrupt) when it ends before.
    fn read(&self, name: &str, offset: u64, length: u64) -> HostResult<Vec<u8>>;

    /// Length and storage time of an object. Fails with [`NotFound`](ErrorKind::NotFound) when there is none.
    fn stat(&self, name: &str) -> HostResult<HostObject>;

    /// Calls `found` for every object of one folder (empty for the root, where `config` is), in any order. What is not
    /// named like an object is left out by the caller. An error of `found` ends the listing and is to be returned. Hold no
    /// lock while `found` runs: the other functions may be called before it returns.
    fn list(&self, folder: &str, found: &mut dyn FnMut(HostObject) -> HostResult<()>) -> HostResult<()>;

    /// Removes an object. Removing one that does not exist succeeds.
    fn delete(&self, name: &str) -> HostResult<()>;

    /// For messages: where this is, without any secret.
    fn location(&self) -> String;

    /// For how many milliseconds after a call has returned listings elsewhere may not show what it did.
    fn settling_ms(&self) -> u64 {
        0
    }
}

/// A stream of bytes that an app gives.
pub trait HostReader: Send {
    /// Puts the next bytes into `buffer` and says how many; 0 at the end. `buffer` is never empty.
    fn read(&mut self, buffer: &mut [u8]) -> HostResult<usize>;
}

/// A stream of bytes that an app takes.
pub trait HostWriter: Send {
    /// Takes all of `data`.
    fn write(&mut self, data: &[u8]) -> HostResult<()>;

    /// Passes on what is held back.
    fn flush(&mut self) -> HostResult<()> {
        Ok(())
    }
}

/// Entries that an app gives.
pub trait HostEntries: Send {
    /// The next entry; none at the end.
    fn next(&mut self) -> HostResult<Option<HostEntry>>;
}

/// Content of an entry that an app gives.
pub enum HostContent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What a reader gives.
    Reader(Box<dyn HostReader>),
}

impl fmt::Debug for HostContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostContent::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            HostContent::Reader(_) => f.write_str("Reader"),
        }
    }
}

/// An entry that an app gives. What is left out has the defaults of the engine's `AppEntry`.
#[derive(Debug)]
pub struct HostEntry {
    /// Where it stands in the snapshot: names of any bytes with `/` between them.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Content of a regular file; none is an empty one.
    pub content: Option<HostContent>,
    /// How many bytes a reader will give, if that is known; those of bytes are counted.
    pub size: Option<u64>,
    /// Where a symbolic link points.
    pub target: Option<Vec<u8>>,
    /// Set for one more name of the file that another entry stands for: the path of that entry.
    pub hard_link_to: Option<Vec<u8>>,
    /// Major number of a device.
    pub device_major: u32,
    /// Minor number of a device.
    pub device_minor: u32,
    /// Permission bits.
    pub mode: Option<u32>,
    /// User id; counts together with the group id.
    pub uid: Option<u32>,
    /// Group id; counts together with the user id.
    pub gid: Option<u32>,
    /// Last change of content.
    pub modified: Option<Timestamp>,
    /// Last change of anything. With it and a size, a later backup sees without reading that a file is unchanged.
    pub changed: Option<Timestamp>,
    /// Extended attributes.
    pub xattrs: Vec<Xattr>,
    /// Set for something that belongs to the backup and cannot be read; it is named in the report.
    pub problem: Option<HostProblem>,
}

impl HostEntry {
    /// An entry of this kind, with nothing else said.
    #[must_use]
    pub fn new(path: impl Into<Vec<u8>>, kind: EntryKind) -> Self {
        HostEntry {
            path: path.into(),
            kind,
            content: None,
            size: None,
            target: None,
            hard_link_to: None,
            device_major: 0,
            device_minor: 0,
            mode: None,
            uid: None,
            gid: None,
            modified: None,
            changed: None,
            xattrs: Vec::new(),
            problem: None,
        }
    }
}

/// Why an app cannot give an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProblem {
    /// Why, for programs.
    pub reason: ProblemReason,
    /// Why, for people.
    pub detail: String,
}

/// Hears how an operation goes on, on a thread of its own, some ten times a second at most. What it is too slow for is
/// left out; the last state is always told.
pub trait ProgressListener: Send + Sync {
    /// A new state of affairs. An error ends the operation, which then fails with it.
    fn progress(&self, progress: &Progress) -> HostResult<()>;
}

/// Something an app may want to write into its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// How much it matters.
    pub level: LogLevel,
    /// The operation, by its name in the table of operations.
    pub operation: String,
    /// What happened, for people. Never holds a secret.
    pub message: String,
}

/// Hears what happens, on whatever thread it happens. Nothing is logged anywhere unless an app gives one.
pub trait LogSink: Send + Sync {
    /// Something happened. What this fails with is nobody's business, so it cannot.
    fn log(&self, event: &LogEvent);
}
