//! What operations return, as flat records.
//!
//! Paths in a snapshot are bytes with `/` between names, since names may be any bytes; [`display_path`] makes text of
//! them for people. Ids are lower-case hexadecimal text, durations are nanoseconds.

mod care;
mod entries;
mod keys;
mod reports;
mod snapshots;

pub use care::*;
pub use entries::*;
pub use keys::*;
pub use reports::*;
pub use snapshots::*;

use crate::error::Error;
use crate::flat::Flat;

/// A point in time: seconds since 1970-01-01 00:00 UTC, may be negative, and nanoseconds below 10⁹ after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds after them.
    pub nanos: u32,
}

impl From<strongroom::Timestamp> for Timestamp {
    fn from(time: strongroom::Timestamp) -> Self {
        Timestamp { seconds: time.seconds, nanos: time.nanos }
    }
}

impl From<Timestamp> for strongroom::Timestamp {
    fn from(time: Timestamp) -> Self {
        strongroom::Timestamp::new(time.seconds, time.nanos)
    }
}

impl Flat<Timestamp> for strongroom::Timestamp {
    fn flat(&self) -> Timestamp {
        (*self).into()
    }
}

/// Bytes of a file or object: from `start` on and before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first of them.
    pub start: u64,
    /// The first behind them.
    pub end: u64,
}

/// A value that an app attached under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Vec<u8>,
}

/// Something in storage that could not be read, used or removed, and why.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// Its name or id.
    pub object: String,
    /// Why.
    pub error: Error,
}

impl<T: ToString> Flat<Rejected> for (T, strongroom::Error) {
    fn flat(&self) -> Rejected {
        Rejected { object: self.0.to_string(), error: Error::from(&self.1) }
    }
}

impl Flat<Error> for strongroom::Error {
    fn flat(&self) -> Error {
        Error::from(self)
    }
}

/// An object in storage, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectNote {
    /// Its name.
    pub object: String,
    /// What there is to say.
    pub detail: String,
}

impl Flat<ObjectNote> for (strongroom::ObjectName, String) {
    fn flat(&self) -> ObjectNote {
        ObjectNote { object: self.0.to_string(), detail: self.1.clone() }
    }
}

/// A path as text for people: what is no UTF-8 is replaced, so it may not lead back to the path.
#[must_use]
pub fn display_path(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
