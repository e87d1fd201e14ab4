//! The native part of the binding for Node: what `src/*.ts` builds the public interface on.
//!
//! Conversion only. Long work runs on threads of its own, neither on Node's nor on those of its pool; results come back as
//! a value or an error record, of which TypeScript makes its own error. Calls into JavaScript go through
//! [`host::Host`] and wait, on whatever thread asked, for the answer or its promise.

#[macro_use]
mod convert;
pub mod environment;
pub mod handles;
pub mod host;
pub mod listing;
pub mod names;
pub mod options;
pub mod records;
pub mod repository;
pub mod settle;
pub mod source;
pub mod values;
mod workers;
