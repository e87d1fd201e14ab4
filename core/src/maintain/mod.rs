//! Looking after a repository: which snapshots to keep, removing what is not needed, moving what is there to newer
//! keys, rebuilding its index, repairing it, and figures on what it holds.

mod forget;
mod parity;
mod prune;
mod rebuild;
mod reencrypt;
mod repair;
mod retention;
mod stats;

pub(crate) use forget::forget;
pub use forget::{DamagedSnapshot, ForgetOptions, ForgetReport};
pub use parity::ParityReport;
pub(crate) use parity::add_parity;
pub(crate) use prune::prune;
pub use prune::{PruneOptions, PruneReport};
pub(crate) use rebuild::rebuild_index;
pub use rebuild::{RebuildReport, UnreadablePack};
pub(crate) use reencrypt::reencrypt;
pub use reencrypt::{ReencryptOptions, ReencryptReport};
pub(crate) use repair::repair;
pub use repair::{DamagedPack, Loss, RepairOptions, RepairReport, SalvagedSnapshot};
pub use retention::{
    GroupBy, KeepReason, Period, PeriodKind, RemoveReason, RetentionDecision, RetentionGroup, RetentionPolicy,
};
pub(crate) use stats::stats;
pub use stats::{RepositoryStats, SnapshotStats};

#[cfg(test)]
mod tests;
