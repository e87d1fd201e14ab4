//! What an app implements: storage, streams, entries, listeners.

use crate::enums::{EntryKind, LogLevel, ProblemReason};
use crate::failure::ForeignError;
use crate::records::{Progress, Xattr};
use crate::values::{Convert, Nanoseconds, RawName, Timestamp, count, fit, fit_option};
use std::sync::Arc;
use strongroom_bindings::{
    self as common, ErrorKind, HostBackend, HostContent, HostEntries, HostEntry, HostError, HostObject, HostProblem,
    HostReader, HostResult, HostWriter, LogSink, ProgressListener,
};

/// What storage knows of an object.
#[derive(Debug, Clone, uniffi::Record)]
pub struct StoredObject {
    /// Its whole name, such as `packs/3f…`.
    pub name: String,
    /// Its length in bytes.
    pub length: i64,
    /// When storage received it, by the storage's clock.
    pub modified: Timestamp,
}

/// Storage that an app implements. All calls may come from several threads at once.
#[uniffi::export(with_foreign)]
pub trait ForeignStorage: Send + Sync {
    /// Stores `data` under `name`, durably and all or nothing.
    fn put(&self, name: String, data: Vec<u8>) -> Result<(), ForeignError>;
    /// Reads exactly `length` bytes from `offset` on.
    fn read(&self, name: String, offset: i64, length: i64) -> Result<Vec<u8>, ForeignError>;
    /// Length and storage time of an object.
    fn stat(&self, name: String) -> Result<StoredObject, ForeignError>;
    /// The objects of a folder; of the root, where `config` is, for an empty name.
    fn list(&self, folder: String) -> Result<Vec<StoredObject>, ForeignError>;
    /// Removes an object. Removing one that does not exist succeeds.
    fn delete(&self, name: String) -> Result<(), ForeignError>;
    /// For messages: where this is, without any secret.
    fn location(&self) -> String;
    /// For how long after a call has returned listings elsewhere may not show what it did.
    fn settling(&self) -> Nanoseconds;
}

pub(crate) struct Storage(pub(crate) Arc<dyn ForeignStorage>);

fn host_object(object: StoredObject) -> HostResult<HostObject> {
    let length = count(object.length, "length of an object").map_err(|error| refused(&error))?;
    Ok(HostObject { name: object.name, length, modified: object.modified.into() })
}

fn refused(error: &common::Error) -> HostError {
    HostError::new(error.kind, error.message.clone())
}

impl HostBackend for Storage {
    fn put(&self, name: &str, parts: &[&[u8]]) -> HostResult<()> {
        Ok(self.0.put(name.to_owned(), parts.concat())?)
    }

    fn read(&self, name: &str, offset: u64, length: u64) -> HostResult<Vec<u8>> {
        Ok(self.0.read(name.to_owned(), offset.convert(), length.convert())?)
    }

    fn stat(&self, name: &str) -> HostResult<HostObject> {
        host_object(self.0.stat(name.to_owned())?)
    }

    fn list(&self, folder: &str, found: &mut dyn FnMut(HostObject) -> HostResult<()>) -> HostResult<()> {
        for object in self.0.list(folder.to_owned())? {
            found(host_object(object)?)?;
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> HostResult<()> {
        Ok(self.0.delete(name.to_owned())?)
    }

    fn location(&self) -> String {
        self.0.location()
    }

    fn settling_ms(&self) -> u64 {
        // Who says nonsense may be slow.
        self.0.settling().milliseconds("settling time").unwrap_or(3_600_000)
    }
}

/// A stream that an app gives.
#[uniffi::export(with_foreign)]
pub trait ForeignReader: Send + Sync {
    /// The next bytes, at most so many; none at the end.
    fn read(&self, most: i32) -> Result<Vec<u8>, ForeignError>;
    /// Nobody reads any further.
    fn finish(&self);
}

pub(crate) struct Reader(Arc<dyn ForeignReader>);

impl Reader {
    pub(crate) fn boxed(reader: Arc<dyn ForeignReader>) -> Box<dyn HostReader> {
        Box::new(Reader(reader))
    }
}

/// More is not asked for at once: what comes is copied on its way.
const MOST: usize = 256 * 1024;

impl HostReader for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> HostResult<usize> {
        let most = buffer.len().min(MOST);
        let bytes = self.0.read(fit(most, "length of a read").map_err(|error| refused(&error))?)?;
        match buffer.get_mut(..bytes.len()) {
            Some(room) => room.copy_from_slice(&bytes),
            None => {
                let said = format!("the app's stream gave {} bytes where {most} were asked for", bytes.len());
                return Err(HostError::new(ErrorKind::InvalidArgument, said));
            }
        }
        Ok(bytes.len())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let reader = &self.0;
        // Whatever it does, nobody is left to tell.
        let _ = common::guard::catch("close a stream of the app", || {
            reader.finish();
            Ok(())
        });
    }
}

/// A stream that an app takes.
#[uniffi::export(with_foreign)]
pub trait ForeignWriter: Send + Sync {
    /// Takes all of `data`.
    fn write(&self, data: Vec<u8>) -> Result<(), ForeignError>;
    /// Passes on what is held back.
    fn flush(&self) -> Result<(), ForeignError>;
}

pub(crate) struct Writer(pub(crate) Arc<dyn ForeignWriter>);

impl HostWriter for Writer {
    fn write(&mut self, data: &[u8]) -> HostResult<()> {
        Ok(self.0.write(data.to_vec())?)
    }

    fn flush(&mut self) -> HostResult<()> {
        Ok(self.0.flush()?)
    }
}

/// An entry that an app gives.
#[derive(uniffi::Record)]
pub struct ForeignEntry {
    /// Where it stands in the snapshot.
    pub path: RawName,
    /// What it is.
    pub kind: EntryKind,
    /// Content of a regular file, in memory.
    pub bytes: Option<Vec<u8>>,
    /// Content of a regular file, as a stream.
    pub reader: Option<Arc<dyn ForeignReader>>,
    /// How many bytes the stream will give, if that is known.
    pub size: Option<i64>,
    /// Where a symbolic link points.
    pub target: Option<RawName>,
    /// Set for one more name of the file that another entry stands for: the path of that entry.
    pub hard_link_to: Option<RawName>,
    /// Major number of a device.
    pub device_major: i64,
    /// Minor number of a device.
    pub device_minor: i64,
    /// Permission bits.
    pub mode: Option<i32>,
    /// User id; counts together with the group id.
    pub uid: Option<i64>,
    /// Group id; counts together with the user id.
    pub gid: Option<i64>,
    /// Last change of content.
    pub modified: Option<Timestamp>,
    /// Last change of anything.
    pub changed: Option<Timestamp>,
    /// Extended attributes.
    pub xattrs: Vec<Xattr>,
    /// Set for something that belongs to the backup and cannot be read.
    pub problem: Option<ForeignProblem>,
}

/// Why an app cannot give an entry.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ForeignProblem {
    /// Why, for programs.
    pub reason: ProblemReason,
    /// Why, for people.
    pub detail: String,
}

impl ForeignEntry {
    fn into_host(self) -> common::Result<HostEntry> {
        let content = match (self.bytes, self.reader) {
            (_, Some(reader)) => Some(HostContent::Reader(Reader::boxed(reader))),
            (Some(bytes), None) => Some(HostContent::Bytes(bytes)),
            (None, None) => None,
        };
        Ok(HostEntry {
            path: self.path.0,
            kind: self.kind,
            content,
            size: fit_option(self.size, "size of a file")?,
            target: self.target.map(|target| target.0),
            hard_link_to: self.hard_link_to.map(|path| path.0),
            device_major: fit(self.device_major, "number of a device")?,
            device_minor: fit(self.device_minor, "number of a device")?,
            mode: fit_option(self.mode, "permission bits")?,
            uid: fit_option(self.uid, "user id")?,
            gid: fit_option(self.gid, "group id")?,
            modified: self.modified.map(Into::into),
            changed: self.changed.map(Into::into),
            xattrs: self
                .xattrs
                .into_iter()
                .map(|xattr| common::records::Xattr { name: xattr.name.0, value: xattr.value })
                .collect(),
            problem: self.problem.map(|problem| HostProblem { reason: problem.reason, detail: problem.detail }),
        })
    }
}

/// Entries that an app gives.
#[uniffi::export(with_foreign)]
pub trait ForeignEntries: Send + Sync {
    /// The next entry; none at the end.
    fn next_entry(&self) -> Result<Option<ForeignEntry>, ForeignError>;
}

pub(crate) struct Entries(pub(crate) Arc<dyn ForeignEntries>);

impl HostEntries for Entries {
    fn next(&mut self) -> HostResult<Option<HostEntry>> {
        match self.0.next_entry()? {
            Some(entry) => Ok(Some(entry.into_host().map_err(|error| refused(&error))?)),
            None => Ok(None),
        }
    }
}

/// Hears how an operation goes on.
#[uniffi::export(with_foreign)]
pub trait ForeignProgress: Send + Sync {
    /// A new state of affairs. An error ends the operation, which then fails with it.
    fn progress(&self, progress: Progress) -> Result<(), ForeignError>;
}

pub(crate) struct Listener(pub(crate) Arc<dyn ForeignProgress>);

impl ProgressListener for Listener {
    fn progress(&self, progress: &common::records::Progress) -> HostResult<()> {
        Ok(self.0.progress(progress.clone().convert())?)
    }
}

/// Something an app may want to write into its log.
#[derive(Debug, Clone, uniffi::Record)]
pub struct LogEvent {
    /// How much it matters.
    pub level: LogLevel,
    /// The operation, by its name in the table of operations.
    pub operation: String,
    /// What happened, for people. Never holds a secret.
    pub message: String,
}

/// Hears what happens.
#[uniffi::export(with_foreign)]
pub trait ForeignLog: Send + Sync {
    /// Something happened.
    fn log(&self, event: LogEvent);
}

pub(crate) struct Log(Arc<dyn ForeignLog>);

impl Log {
    pub(crate) fn sink(log: Option<Arc<dyn ForeignLog>>) -> Option<Arc<dyn LogSink>> {
        log.map(|log| -> Arc<dyn LogSink> { Arc::new(Log(log)) })
    }
}

impl LogSink for Log {
    fn log(&self, event: &common::LogEvent) {
        let common::LogEvent { level, operation, message } = event.clone();
        self.0.log(LogEvent { level, operation, message });
    }
}
