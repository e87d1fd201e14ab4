//! Repositories in the hands of somebody who has no key: whatever stands in storage, nothing panics, nothing wrong
//! is taken for right, and what is not touched is not lost.

#[path = "../common/mod.rs"]
mod common;

mod faults;
mod giants;
mod objects;
mod replay;
mod rubbish;
mod versions;
mod victim;
