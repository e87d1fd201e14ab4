//! On the way in, whatever it is that yields entries: content cut into blobs, and entries that wait for the segments
//! their content is in; and checkpoints of it.

mod checkpoint;
mod content;
mod pending;
mod presence;

pub(crate) use checkpoint::{Checkpoints, MakeCheckpoint, Reached, beginning_of};
pub(crate) use content::{ContentReader, Cutter, Failure, PendingRun, SoFar, Stored, store_cut};
pub(crate) use pending::{PendingTree, resolve};
pub(crate) use presence::Presence;
