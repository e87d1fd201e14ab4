//! The verbs, one module each.

pub(crate) mod backup;
pub(crate) mod cat;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod copy;
pub(crate) mod device;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod forget;
pub(crate) mod hold;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod parity;
pub(crate) mod prune;
pub(crate) mod quickstart;
pub(crate) mod rebuild_index;
pub(crate) mod reencrypt;
pub(crate) mod repair;
pub(crate) mod restore;
mod rotate;
mod select;
pub(crate) mod snapshots;
pub(crate) mod stats;
pub(crate) mod tag;
