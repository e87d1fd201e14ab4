//! Epochs: new keys for what is written next, who is handed them, and who is not.

#[path = "../common/mod.rs"]
mod common;

mod crash;
mod holders;
mod reencrypt;
mod sequences;
mod town;
