//! Looking after a repository: rebuilding its index, and figures on what it holds.

mod rebuild;
mod stats;

pub(crate) use rebuild::rebuild_index;
pub use rebuild::{RebuildReport, UnreadablePack};
pub(crate) use stats::stats;
pub use stats::{RepositoryStats, SnapshotStats};

#[cfg(test)]
mod tests;
