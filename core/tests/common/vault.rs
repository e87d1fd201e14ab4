//! A backend that a test can look into and tamper with, as whoever runs the storage can.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;
use strongroom::{Backend, Error, ErrorKind, Folder, ObjectInfo, ObjectName, Result, Timestamp};

/// Objects in memory. Clones share them; a [`fork`](Vault::fork) does not.
#[derive(Clone, Default)]
pub(crate) struct Vault {
    objects: Arc<Mutex<Objects>>,
}

type Objects = BTreeMap<ObjectName, Stored>;

#[derive(Clone)]
struct Stored {
    bytes: Arc<[u8]>,
    modified: Timestamp,
}

impl Vault {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap()
    }

    fn find(&self, name: &ObjectName, operation: &'static str) -> Result<Stored> {
        self.objects().get(name).cloned().ok_or_else(|| Error::new(ErrorKind::NotFound, operation).object(name))
    }

    /// The same objects, to be changed apart from these.
    pub(crate) fn fork(&self) -> Self {
        Vault { objects: Arc::new(Mutex::new(self.objects().clone())) }
    }

    /// The names in one folder.
    pub(crate) fn names(&self, folder: Folder) -> Vec<ObjectName> {
        self.objects().keys().filter(|name| name.folder() == folder).cloned().collect()
    }

    /// Every name.
    pub(crate) fn all(&self) -> Vec<ObjectName> {
        self.objects().keys().cloned().collect()
    }

    pub(crate) fn bytes(&self, name: &ObjectName) -> Vec<u8> {
        self.objects()[name].bytes.to_vec()
    }

    /// Bytes of all objects together.
    pub(crate) fn size(&self) -> u64 {
        self.objects().values().map(|stored| stored.bytes.len() as u64).sum()
    }

    /// Puts other bytes under a name, whether it is taken or not. What was there keeps its time.
    pub(crate) fn replace(&self, name: &ObjectName, bytes: impl Into<Vec<u8>>) {
        let modified = self.objects().get(name).map_or_else(|| SystemTime::now().into(), |stored| stored.modified);
        self.objects().insert(name.clone(), Stored { bytes: bytes.into().into(), modified });
    }

    pub(crate) fn remove(&self, name: &ObjectName) {
        self.objects().remove(name).unwrap();
    }

    /// Claims that storage received an object at another time.
    pub(crate) fn set_time(&self, name: &ObjectName, time: Timestamp) {
        self.objects().get_mut(name).unwrap().modified = time;
    }
}

impl Backend for Vault {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        let stored = Stored { bytes: parts.concat().into(), modified: SystemTime::now().into() };
        let mut objects = self.objects();
        if objects.contains_key(name) {
            return Err(Error::new(ErrorKind::AlreadyExists, "store an object").object(name));
        }
        objects.insert(name.clone(), stored);
        Ok(())
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let stored = self.find(name, "read an object")?;
        let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let found = bounds.and_then(|(start, end)| stored.bytes.get(start..end)).map(<[u8]>::to_vec);
        found.ok_or_else(|| Error::new(ErrorKind::Corrupt, "read an object").object(name).detail("it is shorter"))
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        let stored = self.find(name, "look up an object")?;
        Ok(ObjectInfo::new(name.clone(), stored.bytes.len() as u64, stored.modified))
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.names(folder).iter().try_for_each(|name| match self.stat(name) {
            Ok(info) => found(info),
            Err(_) => Ok(()),
        })
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.objects().remove(name);
        Ok(())
    }

    fn location(&self) -> String {
        "vault".to_owned()
    }
}
