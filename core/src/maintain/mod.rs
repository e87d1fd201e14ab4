//! Looking after a repository: removing what is not needed, moving what is there to newer keys, rebuilding its index,
//! and figures on what it holds.

mod prune;
mod rebuild;
mod reencrypt;
mod stats;

pub(crate) use prune::prune;
pub use prune::{PruneOptions, PruneReport};
pub(crate) use rebuild::rebuild_index;
pub use rebuild::{RebuildReport, UnreadablePack};
pub(crate) use reencrypt::reencrypt;
pub use reencrypt::{ReencryptOptions, ReencryptReport};
pub(crate) use stats::stats;
pub use stats::{RepositoryStats, SnapshotStats};

#[cfg(test)]
mod tests;
