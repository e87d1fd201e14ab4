//! The account protocol: what a client and an account service say to each other, and how a client keeps its secrets.
//!
//! Begin with [`AccountClient`]. It does what it does by [`flow`]s, which need no networking of their own, over any
//! [`transport`]; the messages are in [`wire`]. docs/protocol.md describes the protocol for other implementations.

mod client;
pub mod flow;
pub(crate) mod keys;
pub mod opaque;
mod password;
pub mod proof;
pub(crate) mod public_key;
#[cfg(test)]
mod testing;
pub mod transport;
pub mod wire;

pub use client::{Account, AccountClient, PendingSignIn, SignInStep, VaultAccess, VaultRequest};
pub use flow::Registrant;
pub use keys::MasterKey;
pub use password::Password;
pub use public_key::PublicKey;
