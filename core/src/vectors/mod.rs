//! The test vectors in docs/vectors: making them, and holding this build against them.
//!
//! They are made by the ignored test below, which `cargo xtask gen` runs alone: it takes randomness and time from a
//! sequence that is the same in every run, so that what it writes changes only when the format or the vectors do.

mod account;
mod cases;
mod decode;
mod faults;
mod objects;
mod repositories;
pub(crate) mod seeds;
mod show;

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The variable that names the folder to write to.
const WRITE_TO: &str = "STRONGROOM_WRITE_VECTORS";

/// A point in time that is not the present.
const TIME: i64 = 1_790_000_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors")
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, value: &Value) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("{value:#}\n")).unwrap();
}

/// Bytes that do not compress, the same for the same seed.
fn noise(seed: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn unhex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
#[ignore = "writes the vectors; run by `cargo xtask gen`, alone"]
fn make() {
    let folder = std::env::var_os(WRITE_TO).map(PathBuf::from).expect("no folder to write to");
    for made in ["repositories", "objects", "faults.json"] {
        let made = folder.join(made);
        let _ = if made.is_dir() { std::fs::remove_dir_all(made) } else { std::fs::remove_file(made) };
    }
    crate::crypto::testing::repeat("objects");
    crate::store::testing::repeat_time(TIME);
    objects::make(&folder.join("objects"));
    repositories::make(&folder.join("repositories"));
    faults::make(&folder);
}

#[test]
fn single_objects_are_taken_for_what_they_are() {
    objects::check(&folder().join("objects"));
}

#[test]
#[ignore = "writes the vectors of the account protocol; run by `cargo xtask gen`, alone"]
fn make_account() {
    let folder = std::env::var_os(WRITE_TO).map(PathBuf::from).expect("no folder to write to");
    crate::crypto::testing::repeat("account");
    account::make(&folder);
}

#[test]
fn the_account_protocol_computes_what_it_did() {
    account::check(&folder());
}
