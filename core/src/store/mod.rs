//! Packs, index, sessions, snapshots and keys on a backend.

pub(crate) mod blobs;
