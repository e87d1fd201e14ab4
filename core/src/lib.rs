//! Strongroom: the backup engine that apps embed.
//!
//! A folder, a database dump or any stream goes in; encrypted, deduplicated, compressed objects come out on
//! storage that nobody has to trust; the same bytes come back.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap))]

mod backend;
mod cancel;
mod chunker;
mod compress;
mod context;
mod crypto;
mod error;
mod format;
mod id;
mod path;
mod problem;
mod progress;
mod report;
mod restore;
mod source;
mod store;
mod tree;

pub use backend::{Backend, Folder, LocalBackend, MemoryBackend, ObjectInfo, ObjectName};
pub use cancel::CancelToken;
pub use chunker::ChunkSizes;
pub use context::{Budget, Context};
pub use error::{Error, ErrorKind, Result, Retry};
pub use format::entry::{Content, Entry, EntryKind, HardLink, Hole, Metadata, Owner, Run, Timestamp, Xattr};
pub use id::{BlobId, DeviceId, IndexId, LineageId, PackId, RepositoryId, SegmentId, SessionId, SlotId, SnapshotId};
pub use path::EntryPath;
pub use problem::{Problem, ProblemReason};
pub use progress::{Phase, Progress, ProgressSink};
pub use report::Outcome;
pub use restore::{FileReader, Overwrite, Ownership, RestoreOptions, RestoreReport};
pub use source::{EntryHandle, EntrySource, SourceItem};
