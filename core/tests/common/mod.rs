//! What the integration tests share. Each test program uses its own part of it.
#![allow(dead_code)]

pub(crate) mod conformance;
pub(crate) mod vault;

use std::path::Path;

/// A temporary folder that is gone when it is dropped: in memory where the system offers that and knows extended
/// attributes there, because tests write very many small files.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("strongroom-");
        builder
    };
    if let Ok(folder) = builder().tempdir_in(memory)
        && rustix::fs::setxattr(folder.path(), "user.probe", b"1", rustix::fs::XattrFlags::CREATE).is_ok()
        && rustix::fs::removexattr(folder.path(), "user.probe").is_ok()
    {
        return folder;
    }
    builder().tempdir().unwrap()
}

/// Pseudo-random bytes that are the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}
