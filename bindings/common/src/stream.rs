//! Files of a snapshot as handles, and writers of the app.

use crate::error::{Error, Result};
use crate::guard::catch;
use crate::host::{HostWriter, guarded};
use crate::records::Entry;
use crate::run::{Failure, lock};
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Mutex;

/// A file of a snapshot, read at any place. Threads that use the same one wait for each other.
#[derive(Debug)]
pub struct FileHandle {
    entry: Entry,
    reader: Mutex<Option<strongroom::FileReader>>,
}

const OPERATION: &str = "read a file of the snapshot";

impl FileHandle {
    pub(crate) fn new(reader: strongroom::FileReader) -> Self {
        FileHandle { entry: Entry::from(reader.entry()), reader: Mutex::new(Some(reader)) }
    }

    /// The entry that is read.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Length of the file.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.entry.size
    }

    fn with<T>(&self, work: impl FnOnce(&mut strongroom::FileReader) -> Result<T>) -> Result<T> {
        let mut guard = lock(&self.reader);
        let reader = guard.as_mut().ok_or_else(|| Error::closed(OPERATION, "file"))?;
        catch(OPERATION, || work(reader))
    }

    /// Fills `buffer` from the position on, and says how many bytes came: fewer only at the end of the file.
    ///
    /// # Errors
    /// Damaged or missing content, storage that cannot be reached, [`Closed`](crate::ErrorKind::Closed).
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        self.with(|reader| fill(reader, buffer))
    }

    /// Fills `buffer` from `offset` on, without regard to the position, which stays.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.with(|reader| {
            let before = seek(reader, SeekFrom::Current(0))?;
            seek(reader, SeekFrom::Start(offset))?;
            let count = fill(reader, buffer);
            seek(reader, SeekFrom::Start(before))?;
            count
        })
    }

    /// The bytes from `offset` on, at most `length` and as far as the file goes.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`LimitExceeded`](crate::ErrorKind::LimitExceeded) for more than fits into memory.
    pub fn read_range(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let length = length.min(self.entry.size.saturating_sub(offset));
        let too_much = || Error::new(crate::ErrorKind::LimitExceeded, OPERATION, "the range does not fit into memory");
        let room = usize::try_from(length).map_err(|_| too_much())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(room).map_err(|_| too_much())?;
        bytes.resize(room, 0);
        let count = self.read_at(offset, &mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Sets the position to so many bytes behind the start; it may lie behind the end, where nothing is read.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn seek_to(&self, position: u64) -> Result<()> {
        self.with(|reader| seek(reader, SeekFrom::Start(position)).map(drop))
    }

    /// The position.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn position(&self) -> Result<u64> {
        self.with(|reader| seek(reader, SeekFrom::Current(0)))
    }

    /// Ends the reading and frees what it holds. Closing twice is harmless.
    pub fn close(&self) {
        *lock(&self.reader) = None;
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.reader).is_none()
    }
}

fn fill(reader: &mut strongroom::FileReader, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read_some(rest)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn seek(reader: &mut strongroom::FileReader, to: SeekFrom) -> Result<u64> {
    reader.seek(to).map_err(|error| Error::invalid(OPERATION, error.to_string()))
}

/// Writes to the app.
pub(crate) struct Writing<'a> {
    pub(crate) writer: &'a mut dyn HostWriter,
    pub(crate) failure: &'a Failure,
}

impl Writing<'_> {
    fn call(&mut self, call: impl FnOnce(&mut dyn HostWriter) -> crate::host::HostResult<()>) -> io::Result<()> {
        guarded("the app's writer", || call(self.writer)).map_err(|error| {
            self.failure.set(error.clone());
            io::Error::other(error)
        })
    }
}

impl Write for Writing<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.call(|writer| writer.write(data))?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call(|writer| writer.flush())
    }
}
