//! Strongroom: the backup engine that apps embed.
//!
//! A folder, a database dump or any stream goes in; encrypted, deduplicated, compressed objects come out on
//! storage that nobody has to trust; the same bytes come back.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap))]

mod cancel;
mod context;
mod error;
mod format;
mod id;
mod path;
mod problem;
mod progress;
mod source;

pub use cancel::CancelToken;
pub use context::{Budget, Context};
pub use error::{Error, ErrorKind, Result, Retry};
pub use format::entry::{Content, Entry, EntryKind, HardLink, Hole, Metadata, Owner, Run, Timestamp, Xattr};
pub use id::{BlobId, DeviceId, IndexId, LineageId, PackId, RepositoryId, SegmentId, SessionId, SlotId, SnapshotId};
pub use path::EntryPath;
pub use problem::{Problem, ProblemReason};
pub use progress::{Phase, Progress, ProgressSink};
pub use source::{
    AppEntry, EntryHandle, EntrySource, FileSource, IterSource, ReaderSource, Source, SourceItem, TarSource,
};
