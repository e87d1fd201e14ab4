//! Looking after a repository: removing what is not needed, rebuilding its index, and figures on what it holds.

mod prune;
mod rebuild;
mod stats;

pub(crate) use prune::prune;
pub use prune::{PruneOptions, PruneReport};
pub(crate) use rebuild::rebuild_index;
pub use rebuild::{RebuildReport, UnreadablePack};
pub(crate) use stats::stats;
pub use stats::{RepositoryStats, SnapshotStats};

#[cfg(test)]
mod tests;
