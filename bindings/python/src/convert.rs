//! Values of the library as Python's.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use strongroom_bindings::records::{Attached, ByteRange, Timestamp, Xattr};

/// A value that Python gets.
pub(crate) trait ToPython {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

macro_rules! plain {
    ($($type:ty),*) => { $(
        impl ToPython for $type {
            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.into_bound_py_any(py)
            }
        }
    )* };
}
use pyo3::IntoPyObjectExt;
plain!(bool, u32, u64, i64, String);

/// Bytes in a record are paths, and become what `os.fsdecode` makes of them: nothing gets lost.
impl ToPython for Vec<u8> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        OsStr::from_bytes(self).into_bound_py_any(py)
    }
}

impl<T: ToPython> ToPython for Option<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Some(value) => value.to_python(py),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

impl<T: ToPython> ToPython for Vec<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let items = self.iter().map(|item| item.to_python(py)).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, items)?.into_bound_py_any(py)
    }
}

/// Nanoseconds since 1970.
impl ToPython for Timestamp {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let small = self.seconds.checked_mul(1_000_000_000).and_then(|ns| ns.checked_add(i64::from(self.nanos)));
        match small {
            Some(nanoseconds) => nanoseconds.into_bound_py_any(py),
            None => (i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)).into_bound_py_any(py),
        }
    }
}

/// Names to values.
impl ToPython for Vec<Xattr> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let made = PyDict::new(py);
        for one in self {
            made.set_item(OsStr::from_bytes(&one.name), one.value.as_slice())?;
        }
        Ok(made.into_any())
    }
}

/// Names to values.
impl ToPython for Vec<Attached> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let made = PyDict::new(py);
        for one in self {
            made.set_item(&one.name, one.value.as_slice())?;
        }
        Ok(made.into_any())
    }
}

/// A `range`.
impl ToPython for ByteRange {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("builtins")?.getattr("range")?.call1((self.start, self.end))
    }
}
