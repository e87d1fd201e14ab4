//! Looking after a repository: which snapshots to keep, rebuilding its index, and figures on what it holds.

mod forget;
mod rebuild;
mod retention;
mod stats;

pub(crate) use forget::forget;
pub use forget::{ForgetOptions, ForgetReport};
pub(crate) use rebuild::rebuild_index;
pub use rebuild::{RebuildReport, UnreadablePack};
pub use retention::{
    GroupBy, KeepReason, Period, PeriodKind, RemoveReason, RetentionDecision, RetentionGroup, RetentionPolicy,
};
pub(crate) use stats::stats;
pub use stats::{RepositoryStats, SnapshotStats};

#[cfg(test)]
mod tests;
