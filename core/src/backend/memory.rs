//! Objects in memory: for tests, and for repositories that are sent elsewhere whole.

use super::{Backend, Folder, ObjectInfo, ObjectName, check_range};
use crate::error::{Error, ErrorKind, Result, internal};
use crate::format::entry::Timestamp;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

/// A repository's objects in memory. Clones share them.
///
/// ```
/// use strongroom::{Backend, MemoryBackend};
/// let backend = MemoryBackend::new();
/// let name = "keys/00".parse()?;
/// backend.put(&name, &[b"ab", b"c"])?;
/// assert_eq!(backend.read(&name, 1..3)?, b"bc");
/// assert!(backend.put(&name, &[b"other"]).is_err());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryBackend {
    objects: Arc<Mutex<BTreeMap<ObjectName, Stored>>>,
}

#[derive(Clone)]
struct Stored {
    bytes: Arc<[u8]>,
    modified: Timestamp,
}

impl MemoryBackend {
    /// No objects.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn objects(&self) -> Result<MutexGuard<'_, BTreeMap<ObjectName, Stored>>> {
        self.objects.lock().map_err(|_| internal("use the memory backend", "a thread panicked while holding it"))
    }

    fn stored(&self, name: &ObjectName, operation: &'static str) -> Result<Stored> {
        self.objects()?.get(name).cloned().ok_or_else(|| Error::new(ErrorKind::NotFound, operation).object(name))
    }
}

impl Backend for MemoryBackend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        let stored = Stored { bytes: parts.concat().into(), modified: SystemTime::now().into() };
        let mut objects = self.objects()?;
        if objects.contains_key(name) {
            return Err(Error::new(ErrorKind::AlreadyExists, "store an object").object(name));
        }
        objects.insert(name.clone(), stored);
        Ok(())
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let stored = self.stored(name, "read an object")?;
        check_range(name, &range, stored.bytes.len() as u64)?;
        let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        bounds
            .and_then(|(start, end)| stored.bytes.get(start..end))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| internal("read an object", "a checked range was out of bounds").object(name))
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        let stored = self.stored(name, "look up an object")?;
        Ok(ObjectInfo::new(name.clone(), stored.bytes.len() as u64, stored.modified))
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let listed: Vec<ObjectInfo> = self
            .objects()?
            .iter()
            .filter(|(name, _)| name.folder() == folder)
            .map(|(name, stored)| ObjectInfo::new(name.clone(), stored.bytes.len() as u64, stored.modified))
            .collect();
        listed.into_iter().try_for_each(found)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.objects()?.remove(name);
        Ok(())
    }

    fn location(&self) -> String {
        "memory".to_owned()
    }
}
