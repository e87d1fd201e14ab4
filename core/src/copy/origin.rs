//! What a copy says of where it comes from.

use crate::crypto::hash;
use crate::error::Result;
use crate::id::{RepositoryId, SnapshotId};
use crate::store::keys::Keys;
use crate::store::snapshots::Snapshot;

/// The name of the value in the app metadata of a copy.
pub(crate) const COPY_OF: &str = "strongroom.copy-of";

/// The repository in which a snapshot was first made, and its id there. Copies of copies keep it, so that two
/// snapshots with the same one are the same, wherever they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    repository: RepositoryId,
    snapshot: SnapshotId,
}

impl Origin {
    /// That of a snapshot of `repository`, whose body can be read.
    pub(crate) fn of(repository: RepositoryId, snapshot: &Snapshot) -> Self {
        let told = snapshot.metadata.get(COPY_OF).and_then(|value| Origin::decode(value));
        told.unwrap_or(Origin { repository, snapshot: snapshot.id })
    }

    /// That of a snapshot that was made in `repository`.
    pub(crate) fn made(repository: RepositoryId, snapshot: SnapshotId) -> Self {
        Origin { repository, snapshot }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        [self.repository.as_bytes().as_slice(), self.snapshot.as_bytes()].concat()
    }

    fn decode(value: &[u8]) -> Option<Self> {
        let (repository, snapshot) = value.split_first_chunk::<16>()?;
        let snapshot = SnapshotId::from_slice(snapshot)?;
        Some(Origin { repository: RepositoryId::from_bytes(*repository), snapshot })
    }

    /// What checkpoints of a copy of it say.
    pub(crate) fn mark(&self, keys: &Keys) -> Result<[u8; 16]> {
        let hash = hash::keyed(&keys.id_key()?.derive("strongroom format 1 copy origin"), &self.encode());
        Ok(hash.first_chunk().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::snapshots::RESERVED_METADATA;

    #[test]
    fn it_is_read_back_and_nothing_else_is_taken_for_it() {
        let origin = Origin::made(RepositoryId::from_bytes([1; 16]), SnapshotId::from_bytes([2; 32]));
        let value = origin.encode();
        assert_eq!((value.len(), Origin::decode(&value)), (48, Some(origin)));
        assert_eq!(Origin::decode(&value[..47]), None);
        assert_eq!(Origin::decode(&[value.as_slice(), &[0]].concat()), None);
        assert!(COPY_OF.starts_with(RESERVED_METADATA));
    }
}
