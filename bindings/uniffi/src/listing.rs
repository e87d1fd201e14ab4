//! Listings that are pulled, and files that are read, as handles.

use crate::failure::NativeResult;
use crate::records::{Difference, Entry};
use crate::values::{Convert, count};
use std::sync::Arc;
use strongroom_bindings::{DifferenceListing, EntryListing, FileHandle};

fn most(number: i32) -> usize {
    usize::try_from(number).unwrap_or(1)
}

/// Entries of a snapshot, pulled some at a time.
#[derive(Debug, uniffi::Object)]
pub struct EntriesHandle {
    pub(crate) inner: EntryListing,
}

#[uniffi::export]
impl EntriesHandle {
    /// The next entries, at most so many; none at the end.
    pub fn next_batch(&self, at_most: i32) -> NativeResult<Vec<Entry>> {
        Ok(self.inner.next(most(at_most))?.convert())
    }

    /// Ends it.
    pub fn shutdown(&self) {
        self.inner.close();
    }
}

/// Paths on which two snapshots differ, pulled some at a time.
#[derive(Debug, uniffi::Object)]
pub struct DifferencesHandle {
    pub(crate) inner: DifferenceListing,
}

#[uniffi::export]
impl DifferencesHandle {
    /// The next differences, at most so many; none at the end.
    pub fn next_batch(&self, at_most: i32) -> NativeResult<Vec<Difference>> {
        Ok(self.inner.next(most(at_most))?.convert())
    }

    /// Ends it.
    pub fn shutdown(&self) {
        self.inner.close();
    }
}

/// A file of a snapshot, read at any place.
#[derive(Debug, uniffi::Object)]
pub struct SnapshotFileHandle {
    pub(crate) inner: FileHandle,
}

#[uniffi::export]
impl SnapshotFileHandle {
    /// The entry that is read.
    pub fn entry(&self) -> Entry {
        self.inner.entry().clone().convert()
    }

    /// The bytes from `offset` on, at most `length` and as far as the file goes.
    pub fn read_range(&self, offset: i64, length: i64) -> NativeResult<Vec<u8>> {
        let (offset, length) = (count(offset, "offset")?, count(length, "length")?);
        Ok(self.inner.read_range(offset, length)?)
    }

    /// Ends the reading.
    pub fn shutdown(&self) {
        self.inner.close();
    }
}

impl SnapshotFileHandle {
    pub(crate) fn of(file: FileHandle) -> Arc<Self> {
        Arc::new(SnapshotFileHandle { inner: file })
    }
}
