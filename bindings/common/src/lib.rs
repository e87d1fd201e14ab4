//! What the bindings of Strongroom share, so that each of them is conversion only.
//!
//! Everything here is flat: records without lifetimes and generics, handles that any thread may use and that can be
//! closed, errors with stable numbers and names. An app's own storage, streams, entries and listeners come in through the
//! traits of [`host`]. Long work runs in a [`Job`], or with [`run_polling`] on behalf of the calling thread.
//!
//! There is no state outside of handles, nothing is printed, and nothing is logged but to a [`LogSink`] an app gives.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap))]

mod backend;
pub mod enums;
mod error;
mod flat;
#[cfg(test)]
mod generate;
pub mod guard;
pub mod host;
mod job;
mod listing;
pub mod operations;
pub mod options;
pub mod records;
mod repository;
mod run;
mod secret;
mod source;
mod stream;

pub use backend::Backend;
pub use enums::{
    ChangeKind, CheckKind, EntryKind, ErrorKind, LogLevel, Outcome, Overwrite, Ownership, PeriodKind, Phase,
    ProblemReason, Role, SlotMethod, SnapshotOutcome,
};
pub use error::{Error, ErrorRecord, Result};
pub use flat::Mirror;
pub use host::{
    HostBackend, HostContent, HostEntries, HostEntry, HostError, HostObject, HostPayload, HostProblem, HostReader,
    HostResult, HostWriter, LogEvent, LogSink, ProgressListener,
};
pub use job::{Job, run_polling};
pub use listing::{Batches, DifferenceListing, EntryListing};
pub use repository::Repository;
pub use run::{Run, RunOptions};
pub use secret::{AddedCode, DeviceKey, DeviceRequestInfo, Secret, generate_recovery_code, read_device_request};
pub use source::{FilesOptions, Source, StreamOptions};
pub use stream::FileHandle;
pub use strongroom::CancelToken;

/// The version of the library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
