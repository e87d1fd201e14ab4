//! Vaults over HTTP, as clients see them: the backend of the engine, and every rule of the service.

mod bucket;
#[path = "../../../core/tests/common/conformance.rs"]
mod conformance;
mod engine;
mod proxy;
mod rules;
mod suite;
mod world;

/// Pseudo-random bytes that are the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}
