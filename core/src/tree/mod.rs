//! The sorted, content-defined search tree of a snapshot's entries (a prolly tree: Probabilistic B-tree, as in
//! Noms). The same entries make the same tree whatever the order of edits that led to them, so equal subtrees of
//! two snapshots have equal ids and are stored, compared and merged once.

mod build;
mod bytes;
mod diff;
mod read;
mod runs;

pub(crate) use build::{Boundaries, TreeBuilder};
pub(crate) use bytes::{Segments, bytes_of, data_length};
pub(crate) use diff::{Change, diff, totals};
pub(crate) use read::{Cursor, load_child, lookup};
pub(crate) use runs::{RunReader, load_list, store_runs};

#[cfg(test)]
pub(crate) mod testing {
    //! Nodes in memory.

    use crate::crypto::SecretKey;
    use crate::crypto::hash::IdHasher;
    use crate::error::{Error, ErrorKind, Result};
    use crate::format::pack::Reference;
    use crate::id::BlobId;
    use crate::store::blobs::{NodeSink, NodeStore};
    use std::cell::Cell;
    use std::collections::HashMap;

    #[derive(Default)]
    pub(crate) struct Nodes {
        pub(crate) stored: HashMap<BlobId, Vec<u8>>,
        pub(crate) loads: Cell<usize>,
    }

    impl NodeSink for Nodes {
        fn store_node(&mut self, bytes: &[u8], _: Vec<Reference>) -> Result<BlobId> {
            let id = IdHasher::new(&SecretKey::from_bytes([1; 32])).blob(bytes);
            self.stored.insert(id, bytes.to_vec());
            Ok(id)
        }
    }

    impl NodeStore for Nodes {
        fn load_blob(&self, id: &BlobId) -> Result<Vec<u8>> {
            self.loads.set(self.loads.get() + 1);
            self.stored.get(id).cloned().ok_or_else(|| Error::new(ErrorKind::NotFound, "load a node").object(id))
        }
    }
}
