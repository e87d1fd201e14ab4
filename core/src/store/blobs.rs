//! What trees and operations ask of a store: blobs by id, segments by id, and a place for new tree blobs.

use crate::error::Result;
use crate::format::pack::Reference;
use crate::format::segment::Segment;
use crate::id::{BlobId, SegmentId};
use std::sync::Arc;

/// Takes finished tree nodes and run lists.
pub(crate) trait NodeSink {
    /// Stores a node, unless it is there already, and names it.
    fn store_node(&mut self, bytes: &[u8], references: Vec<Reference>) -> Result<BlobId>;
}

/// Gives the bytes of tree blobs.
pub(crate) trait NodeStore {
    /// The plaintext of a tree blob, verified against its id.
    fn load_blob(&self, id: &BlobId) -> Result<Vec<u8>>;
}

/// Gives opened segments, for content. May be asked from several threads at once.
pub(crate) trait SegmentStore: NodeStore + Sync {
    /// A segment, verified against its id. Recently used ones come from memory.
    fn segment(&self, id: &SegmentId) -> Result<Arc<Segment>>;
}
