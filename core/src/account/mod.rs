//! The account protocol: what a client and an account service say to each other, and how a client keeps its secrets.
//!
//! Nothing here does input or output, but for the transports: messages, state machines and proofs work with any
//! networking a program has. docs/protocol.md describes the protocol for implementations in other languages.

pub mod opaque;
pub mod proof;
mod public_key;
pub mod wire;

pub use public_key::PublicKey;
