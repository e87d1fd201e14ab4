//! Looking after a repository: removing what is not needed, rebuilding its index, repairing it, and figures on what it
//! holds.

mod prune;
mod rebuild;
mod repair;
mod stats;

pub(crate) use prune::prune;
pub use prune::{PruneOptions, PruneReport};
pub(crate) use rebuild::rebuild_index;
pub use rebuild::{RebuildReport, UnreadablePack};
pub(crate) use repair::repair;
pub use repair::{DamagedPack, Loss, RepairOptions, RepairReport, SalvagedSnapshot};
pub(crate) use stats::stats;
pub use stats::{RepositoryStats, SnapshotStats};

#[cfg(test)]
mod tests;
