//! Pure codecs: bytes to structures and back, without I/O, clock or randomness.

pub(crate) mod bundle;
pub(crate) mod cbor;
pub(crate) mod checkpoint;
pub(crate) mod condemnation;
pub(crate) mod config;
pub(crate) mod device;
pub(crate) mod device_list;
pub(crate) mod entry;
pub(crate) mod index;
pub(crate) mod label;
pub(crate) mod lease;
pub(crate) mod local_references;
pub(crate) mod mark;
pub(crate) mod node;
pub(crate) mod object;
pub(crate) mod pack;
pub(crate) mod parity;
pub(crate) mod sealed;
pub(crate) mod secret;
pub(crate) mod segment;
pub(crate) mod signed;
pub(crate) mod slot;
pub(crate) mod snapshot;
pub(crate) mod wire;
