//! What the Kotlin and Swift bindings of Strongroom stand on: `strongroom-bindings` for UniFFI.
//!
//! Apps use the layers over it, in `bindings/kotlin` and `bindings/swift`, which are written by hand in the manner of those
//! languages. Here are handles whose calls block, records, and the traits an app's own storage and streams come in by.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap))]
// The error is a record with everything a language makes its exception of; it is taken apart at the boundary, once a call.
#![allow(clippy::result_large_err)]

mod enums;
mod failure;
mod foreign;
mod listing;
mod options;
mod records;
mod repository;
mod run;
mod secret;
mod source;
mod storage;
mod values;

pub use enums::*;
pub use failure::*;
pub use foreign::*;
pub use listing::*;
pub use options::*;
pub use records::*;
pub use repository::*;
pub use run::*;
pub use secret::*;
pub use source::*;
pub use storage::*;
pub use values::{LocalPath, Nanoseconds, RawName, TimeParts, Timestamp};

uniffi::setup_scaffolding!("strongroom");

/// The version of the library.
#[uniffi::export]
#[must_use]
pub fn library_version() -> String {
    strongroom_bindings::VERSION.to_owned()
}
