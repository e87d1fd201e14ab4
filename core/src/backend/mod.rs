//! Where objects live. A backend stores named byte strings and needs to be trusted with nothing but keeping them.

mod fault;
mod local;
mod memory;
mod record;
mod retry;
#[cfg(feature = "account")]
mod vault;

pub use fault::{Fault, FaultBackend, FaultPlan};
pub use local::LocalBackend;
pub use memory::MemoryBackend;
pub use record::{BackendAnswer, BackendCall, BackendOp, RecordBackend};
pub use retry::RetryBackend;
#[cfg(feature = "account")]
pub use vault::VaultBackend;

use crate::error::{Result, corrupt, invalid};
use crate::format::entry::Timestamp;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

/// Storage of immutable objects.
///
/// All calls may come from several threads at once. The engine creates objects under names never used before and
/// never changes one, so storage that allows nothing else is enough; only pruning calls [`delete`](Backend::delete).
/// Errors should carry the kind that fits, above all [`NotFound`](crate::ErrorKind::NotFound),
/// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), [`StorageFull`](crate::ErrorKind::StorageFull) and
/// [`Unavailable`](crate::ErrorKind::Unavailable).
pub trait Backend: Send + Sync {
    /// Stores the concatenation of `parts` under `name`, durably and all or nothing: after an error, or a crash,
    /// the object is there whole or not at all.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when the name is taken; it is then left as it was.
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()>;

    /// Reads a range of an object.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such object, [`Corrupt`](crate::ErrorKind::Corrupt)
    /// when it ends before the range does.
    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>>;

    /// Length and storage time of an object.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such object.
    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo>;

    /// Calls `found` for every object of one folder, in any order. Things there that are not named like objects
    /// are left out.
    ///
    /// # Errors
    /// Those of the storage and those `found` returns, which end the listing.
    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()>;

    /// Removes an object. Removing one that does not exist succeeds.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) where the credentials allow additions only.
    fn delete(&self, name: &ObjectName) -> Result<()>;

    /// Removes what is left of objects whose storing broke off, where a storage keeps such remains and can tell them from
    /// what is being stored just now. Called by pruning; does nothing by default.
    ///
    /// # Errors
    /// Those of the storage. Remains that cannot be removed are none: they only take room.
    fn tidy(&self) -> Result<()> {
        Ok(())
    }

    /// For messages: where this is, without any secret.
    fn location(&self) -> String;

    /// How long it may take, after a call has returned, until listings everywhere show what it did. Pruning waits so
    /// much longer before it removes anything. Zero, the default, is right for storage that is consistent, as local
    /// disks and all well-known object stores are.
    fn settling(&self) -> Duration {
        Duration::ZERO
    }
}

/// What storage knows of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its name.
    pub name: ObjectName,
    /// Its length in bytes.
    pub length: u64,
    /// When storage received it, by the storage's clock.
    pub modified: Timestamp,
}

impl ObjectInfo {
    /// For implementors of [`Backend`].
    #[must_use]
    pub fn new(name: ObjectName, length: u64, modified: Timestamp) -> Self {
        ObjectInfo { name, length, modified }
    }
}

/// The folders of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Folder {
    /// The one object `config`, in no folder.
    Root,
    /// Key slots.
    Keys,
    /// Device lists.
    Devices,
    /// Packs.
    Packs,
    /// Index objects.
    Index,
    /// Snapshots.
    Snapshots,
    /// Tags and other marks on snapshots.
    Marks,
    /// Leases and checkpoints of sessions.
    Sessions,
    /// Lists of packs that pruning is about to remove.
    Condemned,
    /// Recovery data of packs.
    Parity,
}

impl Folder {
    /// Every folder, the root included.
    pub const ALL: [Folder; 10] = [
        Folder::Root,
        Folder::Keys,
        Folder::Devices,
        Folder::Packs,
        Folder::Index,
        Folder::Snapshots,
        Folder::Marks,
        Folder::Sessions,
        Folder::Condemned,
        Folder::Parity,
    ];

    /// Its name; empty for the root.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Folder::Root => "",
            Folder::Keys => "keys",
            Folder::Devices => "devices",
            Folder::Packs => "packs",
            Folder::Index => "index",
            Folder::Snapshots => "snapshots",
            Folder::Marks => "marks",
            Folder::Sessions => "sessions",
            Folder::Condemned => "condemned",
            Folder::Parity => "parity",
        }
    }
}

/// The name of an object: a folder and a file name of lower-case letters, digits, `-` and `.`, such as
/// `snapshots/3f…`.
///
/// ```
/// let name: strongroom::ObjectName = "keys/00ff".parse()?;
/// assert_eq!(name.to_string(), "keys/00ff");
/// assert!("keys/../config".parse::<strongroom::ObjectName>().is_err());
/// assert!("/config".parse::<strongroom::ObjectName>().is_err());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    folder: Folder,
    file: String,
}

/// Longest file name of an object.
const MAX_FILE: usize = 128;

impl ObjectName {
    /// A name in `folder`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for file names outside the alphabet, empty, starting
    /// with a dot or longer than 128 bytes.
    pub fn new(folder: Folder, file: impl Into<String>) -> Result<Self> {
        let file = file.into();
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        if file.is_empty() || file.len() > MAX_FILE || file.starts_with('.') || !file.bytes().all(allowed) {
            return Err(invalid("name an object", "only a-z, 0-9, '-' and '.' make the name of an object").object(file));
        }
        Ok(ObjectName { folder, file })
    }

    /// The object `config`.
    #[must_use]
    pub fn config() -> Self {
        ObjectName { folder: Folder::Root, file: "config".to_owned() }
    }

    /// A name made of an id, whose hexadecimal digits are always valid.
    pub(crate) fn of(folder: Folder, id: impl fmt::Display) -> Self {
        ObjectName { folder, file: id.to_string() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> Folder {
        self.folder
    }

    /// The name inside the folder.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Reads the file name as an id.
    pub(crate) fn id<T: FromStr>(&self) -> Result<T> {
        self.file.parse().map_err(|_| corrupt("read an object's name", "it is not an id").object(self))
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.folder {
            Folder::Root => f.write_str(&self.file),
            folder => write!(f, "{}/{}", folder.name(), self.file),
        }
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl FromStr for ObjectName {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (folder, file) = text.split_once('/').unwrap_or(("", text));
        let folder = Folder::ALL
            .into_iter()
            .find(|known| known.name() == folder && !text.starts_with('/'))
            .ok_or_else(|| invalid("name an object", "there is no such folder").object(text))?;
        ObjectName::new(folder, file)
    }
}

/// Checks a range against an object's length before anything is allocated for it.
pub(crate) fn check_range(name: &ObjectName, range: &Range<u64>, length: u64) -> Result<usize> {
    if range.start > range.end || range.end > length {
        return Err(corrupt(
            "read an object",
            format!("it has {length} bytes; bytes {} to {} were needed", range.start, range.end),
        )
        .object(name));
    }
    usize::try_from(range.end - range.start)
        .map_err(|_| invalid("read an object", "the range does not fit into memory").object(name))
}
