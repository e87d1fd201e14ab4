//! What operations return, as JavaScript gets it.
//!
//! Counts and sums are numbers; sizes and places in one file, inodes and times in nanoseconds are bigints, which are exact
//! whatever their size. Paths are strings as `SnapshotPath` explains.

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

use crate::names::LogLevel;
use crate::settle::ErrorRecord;
use napi::bindgen_prelude::{BigInt, Uint8Array};
use napi_derive::napi;

record! {
    /// Bytes of a file or object: from `start` on and before `end`.
    ByteRange {
        /// The first of them.
        start: BigInt,
        /// The first behind them.
        end: BigInt,
    }
}

record! {
    /// A value that an app attached under a name.
    Attached {
        /// The name.
        name: String,
        /// The value.
        value: Uint8Array,
    }
}

record! {
    /// Something in storage that could not be read, used or removed, and why.
    Rejected {
        /// Its name or id.
        object: String,
        /// Why.
        error: ErrorRecord,
    }
}

record! {
    /// An object in storage, and what is to be said about it.
    ObjectNote {
        /// Its name.
        object: String,
        /// What there is to say.
        detail: String,
    }
}

/// Something an app may want to write into its log.
#[napi(object, object_from_js = false)]
pub struct Log {
    /// How much it matters.
    pub level: LogLevel,
    /// The operation, by its name in the table of operations.
    pub operation: String,
    /// What happened, for people. Never holds a secret.
    pub message: String,
}

impl From<strongroom_bindings::LogEvent> for Log {
    fn from(event: strongroom_bindings::LogEvent) -> Self {
        Log { level: LogLevel(event.level), operation: event.operation, message: event.message }
    }
}

/// A recovery code that was added to a repository. It is shown once and stored nowhere.
#[napi(object, object_from_js = false)]
pub struct AddedCode {
    /// The id of its key slot.
    pub slot: String,
    /// The code.
    pub code: String,
}

/// What a device's request says.
#[napi(object, object_from_js = false)]
pub struct DeviceRequestInfo {
    /// The device's id, to be compared with what the device itself shows.
    pub id: String,
    /// The name the device gives itself.
    pub name: String,
}
