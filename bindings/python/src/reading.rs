//! Listings and files of a snapshot.

use crate::convert::ToPython;
use crate::errors::raise;
use crate::run::small;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use strongroom_bindings::records::{Difference, Entry};
use strongroom_bindings::{self as common, Batches, Error, FileHandle as Handle};

/// How many items are taken at once.
const BATCH: usize = 256;

/// A listing with what was taken of it and not given out.
struct Pulled<T> {
    listing: Batches<T>,
    taken: Mutex<VecDeque<T>>,
}

impl<T: ToPython + Send> Pulled<T> {
    fn new(listing: Batches<T>) -> Self {
        Pulled { listing, taken: Mutex::default() }
    }

    fn one(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let item = small(py, || {
            let next = self.taken.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if next.is_some() {
                return Ok(next);
            }
            // Not locked meanwhile: the storage may be in Python, which other threads that want an item may hold up.
            let mut batch = VecDeque::from(self.listing.next(BATCH)?);
            let first = batch.pop_front();
            self.taken.lock().unwrap_or_else(PoisonError::into_inner).append(&mut batch);
            Ok(first)
        })?;
        item.map(|item| Ok(item.to_python(py)?.unbind())).transpose()
    }

    fn many<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyList>> {
        let mut taken = std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() && most > 0 {
            taken = small(py, || self.listing.next(most))?.into();
        }
        let rest = taken.split_off(most.min(taken.len()));
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).extend(rest);
        PyList::new(py, taken.iter().map(|item| item.to_python(py)).collect::<PyResult<Vec<_>>>()?)
    }

    fn close(&self, py: Python<'_>) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clear();
        py.detach(|| self.listing.close());
    }
}

macro_rules! listing {
    ($(#[$doc:meta])* $name:ident of $item:ty) => {
        $(#[$doc])*
        #[pyclass(frozen, module = "strongroom")]
        pub(crate) struct $name(Pulled<$item>);

        impl $name {
            pub(crate) fn new(listing: Batches<$item>) -> Self {
                $name(Pulled::new(listing))
            }
        }

        #[pymethods]
        impl $name {
            fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
                slf
            }

            fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
                self.0.one(py)
            }

            /// The next items, at most `most` of them; an empty list at the end.
            fn batch<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyList>> {
                self.0.many(py, most)
            }

            /// Ends it and frees what it holds. Closing twice is harmless.
            fn close(&self, py: Python<'_>) {
                self.0.close(py);
            }

            fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
                slf
            }

            #[pyo3(signature = (*_raised))]
            fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, pyo3::types::PyTuple>) {
                self.0.close(py);
            }
        }
    };
}

listing! {
    /// Entries of a snapshot, ascending by their paths. A part that cannot be read is raised, and the next call goes on behind it.
    EntryIterator of Entry
}

listing! {
    /// Paths on which two snapshots differ, ascending.
    DifferenceIterator of Difference
}

/// A file of a snapshot, as SnapshotFile reads it.
#[pyclass(frozen, module = "strongroom._native")]
pub(crate) struct FileHandle {
    handle: Handle,
}

impl FileHandle {
    pub(crate) fn new(handle: Handle) -> Self {
        FileHandle { handle }
    }

    /// How many bytes may come from here on, so that no number an app gives is allocated as it is.
    fn left(&self, wanted: usize) -> common::Result<usize> {
        let left = self.handle.length().saturating_sub(self.handle.position()?);
        Ok(usize::try_from(left).map_or(wanted, |left| left.min(wanted)))
    }

    fn take(&self, wanted: usize) -> common::Result<Vec<u8>> {
        let room = self.left(wanted)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(room).map_err(|_| {
            Error::new(common::ErrorKind::LimitExceeded, "read a file of the snapshot", "it does not fit into memory")
        })?;
        bytes.resize(room, 0);
        let count = self.handle.read(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }
}

#[pymethods]
impl FileHandle {
    /// The entry that is read.
    #[getter]
    fn entry<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.handle.entry().to_python(py)
    }

    /// Length of the file.
    #[getter]
    fn length(&self) -> u64 {
        self.handle.length()
    }

    /// The next bytes.
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = small(py, || self.take(size))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// A range of bytes.
    fn read_at<'py>(&self, py: Python<'py>, offset: u64, length: u64) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = small(py, || self.handle.read_range(offset, length))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Sets the position.
    fn seek(&self, py: Python<'_>, position: u64) -> PyResult<()> {
        self.handle.seek_to(position).map_err(|error| raise(py, error))
    }

    /// The position.
    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        self.handle.position().map_err(|error| raise(py, error))
    }

    /// Ends the reading.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.handle.close());
    }
}
