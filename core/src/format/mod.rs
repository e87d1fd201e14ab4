//! Pure codecs: bytes to structures and back, without I/O, clock or randomness.

pub(crate) mod cbor;
pub(crate) mod checkpoint;
pub(crate) mod entry;
pub(crate) mod index;
pub(crate) mod lease;
pub(crate) mod mark;
pub(crate) mod object;
pub(crate) mod pack;
pub(crate) mod sealed;
pub(crate) mod segment;
pub(crate) mod snapshot;
pub(crate) mod wire;
