//! Storage on which a repair can be tried: what is written goes into memory.

use crate::backend::{Backend, Folder, MemoryBackend, ObjectInfo, ObjectName};
use crate::error::{Error, ErrorKind, Result};
use std::ops::Range;
use std::sync::Arc;

/// Shows what another backend has, and keeps what is put to itself. A trial writes index objects only.
pub(super) struct Trial {
    stored: Arc<dyn Backend>,
    written: MemoryBackend,
}

impl Trial {
    pub(super) fn new(stored: Arc<dyn Backend>) -> Self {
        Trial { stored, written: MemoryBackend::new() }
    }

    fn has(&self, name: &ObjectName) -> bool {
        self.written.stat(name).is_ok()
    }
}

impl Backend for Trial {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        match self.stored.stat(name) {
            Ok(_) => Err(Error::new(ErrorKind::AlreadyExists, "store an object").object(name)),
            Err(error) if error.kind() == ErrorKind::NotFound => self.written.put(name, parts),
            Err(error) => Err(error),
        }
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        if self.has(name) { self.written.read(name, range) } else { self.stored.read(name, range) }
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.written.stat(name).or_else(|_| self.stored.stat(name))
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.stored.list(folder, found)?;
        self.written.list(folder, found)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        Err(Error::new(ErrorKind::ReadOnly, "delete an object").object(name))
    }

    fn location(&self) -> String {
        self.stored.location()
    }
}
