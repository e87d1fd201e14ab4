//! A backend for tests: memory, with a clock, refusals and interruptions that a test sets.

use crate::backend::{Backend, Folder, MemoryBackend, ObjectInfo, ObjectName};
use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::Timestamp;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

static REPEATED_TIME: Mutex<Option<i64>> = Mutex::new(None);

/// From now on, and for the whole process, every look at the clock shows a second more, beginning at `seconds`.
pub(crate) fn repeat_time(seconds: i64) {
    *REPEATED_TIME.lock().unwrap() = Some(seconds);
}

pub(super) fn repeated_time() -> Option<Timestamp> {
    let mut time = REPEATED_TIME.lock().unwrap();
    let now = (*time)?;
    *time = Some(now + 1);
    Some(Timestamp::new(now, 123_456_789))
}

type Hook = Box<dyn FnOnce(&dyn Backend) + Send>;
type Hooks = Vec<(Folder, Hook)>;

/// What a hook waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Read,
    List,
}

#[derive(Default)]
pub(crate) struct TestBackend {
    inner: MemoryBackend,
    times: Mutex<BTreeMap<ObjectName, i64>>,
    clock: Mutex<i64>,
    refuse_delete: Mutex<bool>,
    refuse_read: Mutex<Option<(ObjectName, ErrorKind)>>,
    lose_answer: Mutex<Option<(Folder, ErrorKind)>>,
    before_put: Mutex<Hooks>,
    before_look: Mutex<Option<(Look, Folder, usize, Hook)>>,
    listings: Mutex<BTreeMap<Folder, usize>>,
}

impl TestBackend {
    /// Starts at this time and advances by a second with every object.
    pub(crate) fn at(clock: i64) -> Self {
        let backend = TestBackend::default();
        backend.set_clock(clock);
        backend
    }

    pub(crate) fn set_clock(&self, clock: i64) {
        *self.clock.lock().unwrap() = clock;
    }

    pub(crate) fn refuse_delete(&self, refuse: bool) {
        *self.refuse_delete.lock().unwrap() = refuse;
    }

    pub(crate) fn refuse_read(&self, name: Option<(ObjectName, ErrorKind)>) {
        *self.refuse_read.lock().unwrap() = name;
    }

    /// Runs `hook` once, right before the next object is put into `folder`.
    pub(crate) fn before_put(&self, folder: Folder, hook: impl FnOnce(&dyn Backend) + Send + 'static) {
        self.before_put.lock().unwrap().push((folder, Box::new(hook)));
    }

    /// Runs `hook` once, right before a folder is read from, or listed, the time after `skip` others.
    pub(crate) fn before_look(
        &self,
        look: Look,
        folder: Folder,
        skip: usize,
        hook: impl FnOnce(&dyn Backend) + Send + 'static,
    ) {
        *self.before_look.lock().unwrap() = Some((look, folder, skip, Box::new(hook)));
    }

    /// How often a folder was listed.
    pub(crate) fn listings(&self, folder: Folder) -> usize {
        self.listings.lock().unwrap().get(&folder).copied().unwrap_or_default()
    }

    /// Whether the hook is still waiting.
    pub(crate) fn is_waiting(&self) -> bool {
        self.before_look.lock().unwrap().is_some()
    }

    fn looked(&self, look: Look, folder: Folder) {
        let hook = {
            let mut waiting = self.before_look.lock().unwrap();
            match waiting.as_mut() {
                Some((of, at, skip, _)) if (*of, *at) == (look, folder) => {
                    if *skip > 0 {
                        *skip -= 1;
                        None
                    } else {
                        waiting.take()
                    }
                }
                _ => None,
            }
        };
        if let Some((_, _, _, hook)) = hook {
            hook(self);
        }
    }

    /// The next object put into `folder` is stored, and an error returned.
    pub(crate) fn lose_answer(&self, folder: Folder, kind: ErrorKind) {
        *self.lose_answer.lock().unwrap() = Some((folder, kind));
    }

    /// Puts other bytes in an object's place, as only storage itself can; its time stays.
    pub(crate) fn replace(&self, name: &ObjectName, bytes: &[u8]) {
        self.inner.delete(name).unwrap();
        self.inner.put(name, &[bytes]).unwrap();
    }

    pub(crate) fn bytes(&self, name: &ObjectName) -> Vec<u8> {
        self.inner.read(name, 0..self.inner.stat(name).unwrap().length).unwrap()
    }

    pub(crate) fn names(&self, folder: Folder) -> Vec<ObjectName> {
        let mut names = Vec::new();
        self.inner
            .list(folder, &mut |info| {
                names.push(info.name);
                Ok(())
            })
            .unwrap();
        names
    }

    fn timed(&self, info: ObjectInfo) -> ObjectInfo {
        let time = self.times.lock().unwrap().get(&info.name).copied().unwrap_or_default();
        ObjectInfo { modified: Timestamp::new(time, 0), ..info }
    }
}

impl Backend for TestBackend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        let hook = {
            let mut hooks = self.before_put.lock().unwrap();
            let position = hooks.iter().position(|(folder, _)| *folder == name.folder());
            position.map(|position| hooks.remove(position).1)
        };
        if let Some(hook) = hook {
            hook(self);
        }
        self.inner.put(name, parts)?;
        let mut clock = self.clock.lock().unwrap();
        self.times.lock().unwrap().insert(name.clone(), *clock);
        *clock += 1;
        match self.lose_answer.lock().unwrap().take_if(|(folder, _)| *folder == name.folder()) {
            Some((_, kind)) => Err(Error::new(kind, "store an object").object(name)),
            None => Ok(()),
        }
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.looked(Look::Read, name.folder());
        match &*self.refuse_read.lock().unwrap() {
            Some((refused, kind)) if refused == name => Err(Error::new(*kind, "read an object").object(name)),
            _ => self.inner.read(name, range),
        }
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.inner.stat(name).map(|info| self.timed(info))
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        *self.listings.lock().unwrap().entry(folder).or_default() += 1;
        self.looked(Look::List, folder);
        self.inner.list(folder, &mut |info| found(self.timed(info)))
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        if *self.refuse_delete.lock().unwrap() {
            return Err(Error::new(ErrorKind::PermissionDenied, "delete an object").object(name));
        }
        self.inner.delete(name)
    }

    fn location(&self) -> String {
        "test".to_owned()
    }
}
