//! Strongroom: the backup engine that apps embed.
//!
//! A folder, a database dump or any stream goes in; encrypted, deduplicated, compressed objects come out on
//! storage that nobody has to trust; the same bytes come back. Begin with [`Repository`].
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap))]

#[cfg(feature = "account")]
pub mod account;
mod backend;
mod backup;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench_support;
mod cancel;
mod check;
mod chunker;
mod compress;
mod context;
mod copy;
mod crypto;
mod error;
mod format;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz_support;
mod id;
mod ingest;
mod maintain;
#[cfg(feature = "mistakes")]
#[doc(hidden)]
pub use store::mistakes::Mistake;
mod path;
mod problem;
mod progress;
mod report;
mod repository;
mod restore;
mod source;
mod store;
#[cfg(test)]
mod testing;
mod threads;
mod tree;
#[cfg(test)]
mod vectors;

#[cfg(feature = "account")]
pub use backend::VaultBackend;
pub use backend::{Backend, Folder, LocalBackend, MemoryBackend, ObjectInfo, ObjectName};
pub use backend::{BackendAnswer, BackendCall, BackendOp, Fault, FaultBackend, FaultPlan, RecordBackend, RetryBackend};
pub use backup::{BackupOptions, ChangeDetection, Parent};
pub use cancel::CancelToken;
pub use check::{CheckKind, CheckOptions, CheckProblem, CheckReport};
pub use chunker::ChunkSizes;
pub use context::{Budget, Context};
pub use copy::{CopyDestination, CopyOptions, CopyReport, SnapshotCopy};
pub use crypto::password::Cost;
pub use crypto::recovery::RecoveryCode;
pub use error::{Error, ErrorKind, Result, Retry};
pub use format::bundle::Role;
pub use format::device::{DeviceKey, DeviceRequest};
pub use format::entry::{Content, Entry, EntryKind, HardLink, Hole, Metadata, Owner, Run, Timestamp, Xattr};
pub use format::snapshot::{SnapshotCounts, SnapshotOutcome};
pub use id::{BlobId, DeviceId, IndexId, LineageId, PackId, RepositoryId, SegmentId, SessionId, SlotId, SnapshotId};
pub use maintain::{
    DamagedPack, Loss, ParityReport, PruneOptions, PruneReport, RebuildReport, ReencryptOptions, ReencryptReport,
    RepairOptions, RepairReport, RepositoryStats, SalvagedSnapshot, SnapshotStats, UnreadablePack,
};
pub use maintain::{
    DamagedSnapshot, ForgetOptions, ForgetReport, GroupBy, KeepReason, Period, PeriodKind, RemoveReason,
    RetentionDecision, RetentionGroup, RetentionPolicy,
};
pub use path::EntryPath;
pub use problem::{Problem, ProblemReason};
pub use progress::{Phase, Progress, ProgressSink};
pub use report::Outcome;
pub use repository::{
    BackupReport, Changes, CreateOptions, Difference, Listing, NewKey, OpenOptions, Pattern, Repository, RevokeOptions,
    SessionInfo,
};
pub use restore::{FileReader, Overwrite, Ownership, RestoreOptions, RestoreReport};
pub use source::{
    AppEntry, EntryHandle, EntrySource, FileSource, IterSource, ReaderSource, Source, SourceItem, TarSource,
};
pub use store::devices::DeviceInfo;
pub use store::filter::SnapshotFilter;
pub use store::keys::{
    KeyRemoval, LeftBehind, PassphraseChange, Revocation, RotationReport, Secret, SlotInfo, SlotMethod,
};
pub use store::snapshots::{Snapshot, SnapshotListing};
