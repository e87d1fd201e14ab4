//! Where objects live, as a handle.

use crate::error::{Error, Result};
use crate::host::{HostBackend, HostError, HostObject, HostResult, guarded};
use crate::options::RetryOptions;
use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::time::Duration;
use strongroom::{Folder, LocalBackend, MemoryBackend, ObjectInfo, ObjectName};

/// Storage. Clones are the same storage.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<dyn strongroom::Backend>,
}

impl Backend {
    /// A folder of a file system, by the bytes of its path.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an empty path, and one with NUL in it.
    pub fn local(path: impl Into<Vec<u8>>, sync: bool) -> Result<Self> {
        let path = crate::options::file_path(path.into(), "open a folder as storage")?;
        Ok(Backend::of(LocalBackend::new(path).sync(sync)))
    }

    /// The memory of this process, for tests.
    #[must_use]
    pub fn memory() -> Self {
        Backend::of(MemoryBackend::new())
    }

    /// What the app implements.
    #[must_use]
    pub fn host(backend: Arc<dyn HostBackend>) -> Self {
        Backend::of(Adapter { host: backend })
    }

    /// The same storage, whose calls are tried again when they fail for a reason that passes.
    #[must_use]
    pub fn retrying(&self, options: &RetryOptions) -> Self {
        Backend::of(options.to_core(self.clone()))
    }

    /// Any storage of the engine.
    #[must_use]
    pub fn of(backend: impl strongroom::Backend + 'static) -> Self {
        Backend { inner: Arc::new(backend) }
    }

    /// Where it is, for messages.
    #[must_use]
    pub fn location(&self) -> String {
        self.inner.location()
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backend").field(&self.location()).finish()
    }
}

impl strongroom::Backend for Backend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> strongroom::Result<()> {
        self.inner.put(name, parts)
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> strongroom::Result<Vec<u8>> {
        self.inner.read(name, range)
    }

    fn stat(&self, name: &ObjectName) -> strongroom::Result<ObjectInfo> {
        self.inner.stat(name)
    }

    fn list(
        &self,
        folder: Folder,
        found: &mut dyn FnMut(ObjectInfo) -> strongroom::Result<()>,
    ) -> strongroom::Result<()> {
        self.inner.list(folder, found)
    }

    fn delete(&self, name: &ObjectName) -> strongroom::Result<()> {
        self.inner.delete(name)
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    fn settling(&self) -> Duration {
        self.inner.settling()
    }
}

/// Makes the engine's storage of the app's.
struct Adapter {
    host: Arc<dyn HostBackend>,
}

/// The engine's form of an error of the app, which it keeps as the source.
pub(crate) fn core_error(error: HostError, operation: &'static str) -> strongroom::Error {
    let mut made = strongroom::Error::new(error.kind.to_core(), operation).detail(error.message.clone());
    if let Some(milliseconds) = error.retry_after_ms {
        made = made.retry_hint(strongroom::Retry::After(Duration::from_millis(milliseconds)));
    }
    made.because(error)
}

impl Adapter {
    fn call<T>(
        &self,
        operation: &'static str,
        object: &dyn fmt::Display,
        call: impl FnOnce(&dyn HostBackend) -> HostResult<T>,
    ) -> strongroom::Result<T> {
        guarded("the app's storage", || call(self.host.as_ref()))
            .map_err(|error| core_error(error, operation).object(object))
    }
}

impl strongroom::Backend for Adapter {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> strongroom::Result<()> {
        let text = name.to_string();
        self.call("store an object", name, |host| host.put(&text, parts))
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> strongroom::Result<Vec<u8>> {
        const OPERATION: &str = "read an object";
        let text = name.to_string();
        let length = range.end.checked_sub(range.start).ok_or_else(|| {
            strongroom::Error::new(strongroom::ErrorKind::InvalidArgument, OPERATION)
                .object(name)
                .detail("the range ends before it begins")
        })?;
        let bytes = self.call(OPERATION, name, |host| host.read(&text, range.start, length))?;
        if u64::try_from(bytes.len()).ok() == Some(length) {
            return Ok(bytes);
        }
        let detail = format!("the app's storage gave {} bytes where {length} were asked for", bytes.len());
        Err(strongroom::Error::new(strongroom::ErrorKind::Corrupt, OPERATION).object(name).detail(detail))
    }

    fn stat(&self, name: &ObjectName) -> strongroom::Result<ObjectInfo> {
        let text = name.to_string();
        let found = self.call("look up an object", name, |host| host.stat(&text))?;
        Ok(ObjectInfo::new(name.clone(), found.length, found.modified.into()))
    }

    fn list(
        &self,
        folder: Folder,
        found: &mut dyn FnMut(ObjectInfo) -> strongroom::Result<()>,
    ) -> strongroom::Result<()> {
        const OPERATION: &str = "list a folder of objects";
        // What `found` itself says has to come back as it was, whatever the app makes of the end of its listing.
        let mut stopped = None;
        let listed = self.call(OPERATION, &folder.name(), |host| {
            host.list(folder.name(), &mut |object: HostObject| {
                if stopped.is_some() {
                    return Err(HostError::new(crate::ErrorKind::Cancelled, "the listing was ended"));
                }
                let Ok(name) = object.name.parse::<ObjectName>() else { return Ok(()) };
                if name.folder() != folder {
                    return Ok(());
                }
                let info = ObjectInfo::new(name, object.length, object.modified.into());
                found(info).map_err(|error| {
                    stopped = Some(error);
                    HostError::new(crate::ErrorKind::Cancelled, "the listing was ended")
                })
            })
        });
        match stopped {
            Some(error) => Err(error),
            None => listed,
        }
    }

    fn delete(&self, name: &ObjectName) -> strongroom::Result<()> {
        let text = name.to_string();
        self.call("delete an object", name, |host| host.delete(&text))
    }

    fn location(&self) -> String {
        let shown = guarded("the app's storage", || Ok(self.host.location()));
        shown.unwrap_or_else(|_| "the app's storage".to_owned())
    }

    fn settling(&self) -> Duration {
        let settling = guarded("the app's storage", || Ok(self.host.settling_ms()));
        // Who cannot tell may be slow; pruning then waits long rather than too short.
        settling.map_or(Duration::from_secs(3600), Duration::from_millis)
    }
}

/// Bytes of a path as a path.
pub(crate) fn os_path(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        Error::of_host("call the app", &error)
    }
}
