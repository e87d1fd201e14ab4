//! A repository on a backend.

pub(crate) mod checkpoints;
pub(crate) mod devices;
pub(crate) mod filter;
pub(crate) mod keys;
pub(crate) mod leases;
pub(crate) mod marks;
pub(crate) mod sealed;
pub(crate) mod sessions;
pub(crate) mod snapshots;
#[cfg(test)]
pub(crate) mod testing;

use crate::backend::{Backend, ObjectName};
use crate::error::{Result, corrupt};
use crate::format::entry::Timestamp;
use std::time::SystemTime;

/// Reads a whole object that is at most `cap` bytes long; its length is asked for before anything is allocated.
pub(crate) fn read_small(backend: &dyn Backend, name: &ObjectName, cap: u64) -> Result<Vec<u8>> {
    let operation = "read an object";
    let length = backend.stat(name)?.length;
    if length > cap {
        let detail = format!("it is {length} bytes long; objects of its kind have at most {cap}");
        return Err(corrupt(operation, detail).object(name));
    }
    let bytes = backend.read(name, 0..length)?;
    if bytes.len() as u64 != length {
        return Err(corrupt(operation, "the storage returned another length than it said").object(name));
    }
    Ok(bytes)
}

/// The time by this machine's clock, in unix seconds. Only claims are made from it, no decisions.
pub(crate) fn now() -> i64 {
    Timestamp::from(SystemTime::now()).seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MemoryBackend;
    use crate::error::ErrorKind;

    #[test]
    fn objects_above_the_cap_are_not_read() {
        let backend = MemoryBackend::new();
        let name: ObjectName = "keys/00".parse().unwrap();
        assert_eq!(read_small(&backend, &name, 3).unwrap_err().kind(), ErrorKind::NotFound);
        backend.put(&name, &[b"abc"]).unwrap();
        assert_eq!(read_small(&backend, &name, 3).unwrap(), b"abc");
        let refused = read_small(&backend, &name, 2).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        assert_eq!(refused.object_name(), Some("keys/00"));
    }
}
