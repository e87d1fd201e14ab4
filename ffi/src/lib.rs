//! The C interface of Strongroom. include/strongroom.h is made of this crate; its users read that.
//!
//! Everything of an app's that is read is read in `input` and `callbacks`; everything that is handed out lives in `arena`;
//! handles are numbers, looked up in `handles`. The functions themselves, in `api` and `objects`, only convert.
#![allow(non_camel_case_types)] // the names are C's
#![deny(unsafe_op_in_unsafe_fn)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap))]

pub mod api;
mod arena;
pub mod callbacks;
pub mod enums;
mod handles;
mod input;
pub mod objects;
pub mod options;
pub mod records;
pub mod types;

#[cfg(test)]
mod header;
