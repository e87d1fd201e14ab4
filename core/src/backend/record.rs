//! A backend that tells of every call: for logs, figures, and tests.

use super::{Backend, Folder, ObjectInfo, ObjectName};
use crate::error::{ErrorKind, Result};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is asked of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BackendOp {
    /// [`Backend::put`]
    Put,
    /// [`Backend::read`]
    Read,
    /// [`Backend::stat`]
    Stat,
    /// [`Backend::list`]
    List,
    /// [`Backend::delete`]
    Delete,
}

/// One call to a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendCall {
    /// How many calls came before it.
    pub number: u64,
    /// What is asked.
    pub op: BackendOp,
    /// The folder it is about.
    pub folder: Folder,
    /// The object it is about; none for listings.
    pub name: Option<ObjectName>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendAnswer {
    /// Bytes that were stored or read; 0 after an error.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// What kind of error it ended with, if it did.
    pub error: Option<ErrorKind>,
}

type Observer = dyn Fn(&BackendCall, &BackendAnswer) + Send + Sync;

/// Passes every call on to another backend, and tells an observer what came of it. Clones share the observer and the
/// count of calls.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use strongroom::{Backend, BackendOp, MemoryBackend, RecordBackend};
/// let sent = Arc::new(Mutex::new(0));
/// let counter = Arc::clone(&sent);
/// let backend = RecordBackend::new(MemoryBackend::new(), move |call, answer| {
///     if call.op == BackendOp::Put {
///         *counter.lock().unwrap() += answer.bytes;
///     }
/// });
/// backend.put(&"keys/00".parse()?, &[b"ab", b"c"])?;
/// assert_eq!(*sent.lock().unwrap(), 3);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone)]
pub struct RecordBackend {
    inner: Arc<dyn Backend>,
    observer: Arc<Observer>,
    calls: Arc<AtomicU64>,
}

impl RecordBackend {
    /// Calls `observer` after every call, on the thread that made it; what takes long there holds up the work.
    pub fn new(
        inner: impl Backend + 'static,
        observer: impl Fn(&BackendCall, &BackendAnswer) + Send + Sync + 'static,
    ) -> Self {
        RecordBackend { inner: Arc::new(inner), observer: Arc::new(observer), calls: Arc::default() }
    }

    fn call<T>(
        &self,
        op: BackendOp,
        folder: Folder,
        name: Option<&ObjectName>,
        bytes: impl FnOnce(&T) -> u64,
        call: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        let result = call();
        let answer = BackendAnswer {
            bytes: result.as_ref().map_or(0, bytes),
            took: begin.elapsed(),
            error: result.as_ref().err().map(crate::Error::kind),
        };
        (self.observer)(&BackendCall { number, op, folder, name: name.cloned() }, &answer);
        result
    }
}

impl Backend for RecordBackend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        let length = |&(): &()| parts.iter().map(|part| part.len() as u64).sum();
        self.call(BackendOp::Put, name.folder(), Some(name), length, || self.inner.put(name, parts))
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let length = |bytes: &Vec<u8>| bytes.len() as u64;
        self.call(BackendOp::Read, name.folder(), Some(name), length, || self.inner.read(name, range))
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.call(BackendOp::Stat, name.folder(), Some(name), |_| 0, || self.inner.stat(name))
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.call(BackendOp::List, folder, None, |()| 0, || self.inner.list(folder, found))
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.call(BackendOp::Delete, name.folder(), Some(name), |()| 0, || self.inner.delete(name))
    }

    fn tidy(&self) -> Result<()> {
        self.inner.tidy()
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    fn settling(&self) -> Duration {
        self.inner.settling()
    }
}
