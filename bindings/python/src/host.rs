//! What an app implements in Python: storage, streams, entries, listeners, loggers.

use crate::args::{Data, Named, Path, Text, Time};
use crate::convert::ToPython;
use crate::errors::{attached, host_error};
use pyo3::exceptions::{PyBlockingIOError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyAny, PyBytes, PyDict, PyIterator, PyString};
use strongroom_bindings::records::{Progress, Xattr};
use strongroom_bindings::{
    EntryKind, ErrorKind, HostBackend, HostContent, HostEntries, HostEntry, HostError, HostObject, HostProblem,
    HostReader, HostResult, HostWriter, LogEvent, LogLevel, LogSink, ProblemReason, ProgressListener,
};

/// Storage that is a `strongroom.ObjectStore`, or alike.
pub(crate) struct Store(pub(crate) Py<PyAny>);

/// Objects taken from a listing before they are handed on.
const LISTED: usize = 512;

#[derive(FromPyObject)]
struct Info {
    name: Text,
    length: u64,
    modified: Time,
}

impl From<Info> for HostObject {
    fn from(info: Info) -> Self {
        HostObject { name: info.name.0, length: info.length, modified: info.modified.0 }
    }
}

impl HostBackend for Store {
    fn put(&self, name: &str, parts: &[&[u8]]) -> HostResult<()> {
        attached(true, |py| {
            let length = parts.iter().map(|part| part.len()).sum();
            let data = PyBytes::new_with(py, length, |mut buffer| {
                for part in parts {
                    let (here, rest) = buffer.split_at_mut(part.len());
                    here.copy_from_slice(part);
                    buffer = rest;
                }
                Ok(())
            })?;
            self.0.call_method1(py, intern!(py, "put"), (name, data)).map(drop)
        })
    }

    fn read(&self, name: &str, offset: u64, length: u64) -> HostResult<Vec<u8>> {
        attached(true, |py| {
            let data = self.0.bind(py).call_method1(intern!(py, "read"), (name, offset, length))?;
            Ok(data.extract::<Data>()?.0)
        })
    }

    fn stat(&self, name: &str) -> HostResult<HostObject> {
        attached(true, |py| {
            let info = self.0.bind(py).call_method1(intern!(py, "stat"), (name,))?;
            Ok(info.extract::<Info>()?.into())
        })
    }

    fn list(&self, folder: &str, found: &mut dyn FnMut(HostObject) -> HostResult<()>) -> HostResult<()> {
        let listing: Py<PyIterator> = attached(true, |py| {
            Ok(self.0.bind(py).call_method1(intern!(py, "list"), (folder,))?.try_iter()?.unbind())
        })?;
        loop {
            // Handed on without the interpreter, which other threads may have to hold before `found` returns.
            let objects: Vec<HostObject> = attached(true, |py| {
                let items = listing.bind(py).clone().take(LISTED);
                items.map(|item| Ok(item?.extract::<Info>()?.into())).collect()
            })?;
            if objects.is_empty() {
                return Ok(());
            }
            objects.into_iter().try_for_each(&mut *found)?;
        }
    }

    fn delete(&self, name: &str) -> HostResult<()> {
        attached(true, |py| self.0.call_method1(py, intern!(py, "delete"), (name,)).map(drop))
    }

    fn location(&self) -> String {
        let told = attached(true, |py| match self.0.bind(py).getattr_opt(intern!(py, "location"))? {
            Some(location) => Ok(location.call0()?.extract::<Text>()?.0),
            None => Ok(self.0.bind(py).get_type().name()?.to_string_lossy().into_owned()),
        });
        told.unwrap_or_else(|_| "the app's storage".to_owned())
    }

    fn settling_ms(&self) -> u64 {
        let told = attached(true, |py| match self.0.bind(py).getattr_opt(intern!(py, "settling"))? {
            Some(settling) => Ok(settling.call0()?.extract::<crate::args::Span>()?.milliseconds()),
            None => Ok(0),
        });
        // Who cannot tell may be slow; pruning then waits long rather than too short.
        told.unwrap_or(3_600_000)
    }
}

/// A stream of the app's: something with `read`, or pieces of bytes.
pub(crate) enum Reader {
    Stream(Py<PyAny>),
    Pieces { pieces: Py<PyIterator>, left: Vec<u8>, at: usize },
}

impl Reader {
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        if object.hasattr(intern!(py, "read"))? {
            return Ok(Reader::Stream(object.clone().unbind()));
        }
        if object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>() {
            return Err(PyTypeError::new_err("a binary stream or an iterable of bytes is wanted"));
        }
        Ok(Reader::Pieces { pieces: object.try_iter()?.unbind(), left: Vec::new(), at: 0 })
    }
}

impl HostReader for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> HostResult<usize> {
        match self {
            Reader::Stream(stream) => {
                let data = attached(false, |py| {
                    let data = stream.bind(py).call_method1(intern!(py, "read"), (buffer.len(),))?;
                    if data.is_none() {
                        return Err(PyBlockingIOError::new_err("the stream has nothing yet: it has to be blocking"));
                    }
                    if data.is_instance_of::<PyString>() {
                        return Err(PyTypeError::new_err("the stream gives text: open it in binary mode"));
                    }
                    Ok(data.extract::<Data>()?.0)
                })?;
                let Some(room) = buffer.get_mut(..data.len()) else {
                    let lied = format!("the stream gave {} bytes where {} were asked for", data.len(), buffer.len());
                    return attached(false, |_| Err(PyValueError::new_err(lied)));
                };
                room.copy_from_slice(&data);
                Ok(data.len())
            }
            Reader::Pieces { pieces, left, at } => {
                while *at == left.len() {
                    let next = attached(false, |py| {
                        let next = pieces.bind(py).clone().next();
                        next.map(|piece| Ok(piece?.extract::<Data>()?.0)).transpose()
                    })?;
                    match next {
                        Some(piece) => (*left, *at) = (piece, 0),
                        None => return Ok(0),
                    }
                }
                let rest = left.get(*at..).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                *at += count;
                Ok(count)
            }
        }
    }
}

/// A file of the app's that is written to.
pub(crate) struct Writer(pub(crate) Py<PyAny>);

impl HostWriter for Writer {
    fn write(&mut self, data: &[u8]) -> HostResult<()> {
        attached(false, |py| {
            let mut rest = data;
            while !rest.is_empty() {
                let told = self.0.bind(py).call_method1(intern!(py, "write"), (PyBytes::new(py, rest),))?;
                // A raw file may take less than all. What is no number at all comes from a writer that takes everything.
                let taken = told.extract::<usize>().unwrap_or(rest.len());
                rest = match rest.get(taken..) {
                    Some(_) if taken == 0 => return Err(PyBlockingIOError::new_err("the file takes nothing")),
                    Some(left) => left,
                    None => return Err(PyValueError::new_err("the file says it took more than it was given")),
                };
            }
            Ok(())
        })
    }

    fn flush(&mut self) -> HostResult<()> {
        attached(false, |py| match self.0.bind(py).getattr_opt(intern!(py, "flush"))? {
            Some(flush) => flush.call0().map(drop),
            None => Ok(()),
        })
    }
}

/// Entries of the app's.
pub(crate) struct Entries(pub(crate) Py<PyIterator>);

#[derive(FromPyObject)]
struct EntryArg<'py> {
    path: Path,
    kind: Named<EntryKind>,
    content: Option<Bound<'py, PyAny>>,
    size: Option<u64>,
    target: Option<Path>,
    hard_link_to: Option<Path>,
    device: (u32, u32),
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
    modified: Option<Time>,
    changed: Option<Time>,
    xattrs: Bound<'py, PyAny>,
    problem: Option<(Named<ProblemReason>, Text)>,
}

impl HostEntries for Entries {
    fn next(&mut self) -> HostResult<Option<HostEntry>> {
        attached(false, |py| {
            let next = self.0.bind(py).clone().next();
            next.map(|entry| host_entry(py, entry?.extract()?)).transpose()
        })
    }
}

fn host_entry(py: Python<'_>, entry: EntryArg<'_>) -> PyResult<HostEntry> {
    let mut made = HostEntry::new(entry.path.0, entry.kind.0);
    made.content = match entry.content {
        Some(content) if content.hasattr(intern!(py, "read"))? => {
            Some(HostContent::Reader(Box::new(Reader::of(&content)?)))
        }
        Some(content) => Some(match content.extract::<Data>() {
            Ok(data) => HostContent::Bytes(data.0),
            Err(_) => HostContent::Reader(Box::new(Reader::of(&content)?)),
        }),
        None => None,
    };
    made.size = entry.size;
    made.target = entry.target.map(|path| path.0);
    made.hard_link_to = entry.hard_link_to.map(|path| path.0);
    (made.device_major, made.device_minor) = entry.device;
    made.mode = entry.mode;
    made.uid = entry.owner.map(|(uid, _)| uid);
    made.gid = entry.owner.map(|(_, gid)| gid);
    made.modified = entry.modified.map(|time| time.0);
    made.changed = entry.changed.map(|time| time.0);
    for item in entry.xattrs.call_method0(intern!(py, "items"))?.try_iter()? {
        let (name, value): (Path, Data) = item?.extract()?;
        made.xattrs.push(Xattr { name: name.0, value: value.0 });
    }
    made.problem = entry.problem.map(|(reason, detail)| HostProblem { reason: reason.0, detail: detail.0 });
    Ok(made)
}

/// A function that hears of progress.
pub(crate) struct Listener(pub(crate) Py<PyAny>);

impl ProgressListener for Listener {
    fn progress(&self, progress: &Progress) -> HostResult<()> {
        attached(false, |py| self.0.call1(py, (progress.to_python(py)?,)).map(drop))
    }
}

/// A logger of the module `logging`.
pub(crate) struct Logger(pub(crate) Py<PyAny>);

impl LogSink for Logger {
    fn log(&self, event: &LogEvent) {
        // The numbers of the module `logging`.
        let level = match event.level {
            LogLevel::Debug => 10,
            LogLevel::Info => 20,
            LogLevel::Warning => 30,
            LogLevel::Error => 40,
        };
        let _ = Python::try_attach(|py| {
            let write = || -> PyResult<()> {
                let options = PyDict::new(py);
                let extra = PyDict::new(py);
                extra.set_item("operation", &event.operation)?;
                options.set_item("extra", extra)?;
                let arguments = (level, "%s: %s", &event.operation, &event.message);
                self.0.bind(py).call_method(intern!(py, "log"), arguments, Some(&options)).map(drop)
            };
            if let Err(error) = write() {
                error.write_unraisable(py, Some(self.0.bind(py)));
            }
        });
    }
}

/// What the calling thread was told to raise, such as by Ctrl-C.
pub(crate) fn signals() -> HostResult<()> {
    let checked = Python::try_attach(|py| py.check_signals().map_err(|raised| host_error(py, raised, false)));
    checked.unwrap_or_else(|| Err(HostError::new(ErrorKind::Cancelled, "the interpreter is shutting down")))
}

/// The class of a file of a snapshot.
pub(crate) fn snapshot_file<'py>(py: Python<'py>, handle: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "strongroom._io", "SnapshotFile")?.call1((handle,))
}
