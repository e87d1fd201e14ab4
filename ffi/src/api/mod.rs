//! The functions of the interface.

pub mod care;
pub mod files;
pub mod keys;
pub mod look;
pub mod repository;
pub mod sources;
pub mod storage;
pub mod work;
