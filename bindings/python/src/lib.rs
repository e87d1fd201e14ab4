//! The native module of the Python package `strongroom`: conversion over `strongroom-bindings`, and nothing else.
//!
//! Whatever takes time runs without the interpreter's lock; every thread of the library that calls into Python takes it
//! for that call alone.
#![forbid(unsafe_code)]

mod args;
mod convert;
mod errors;
mod host;
mod reading;
mod records;
mod repository;
mod run;
mod source;
mod storage;

/// The part of `strongroom` that is not written in Python.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::reading::{DifferenceIterator, EntryIterator, FileHandle};
    #[pymodule_export]
    use crate::repository::Repository;
    #[pymodule_export]
    use crate::run::CancelToken;
    #[pymodule_export]
    use crate::source::Source;
    #[pymodule_export]
    use crate::storage::{Backend, DeviceKey, Secret, generate_recovery_code, read_device_request};
    #[pymodule_export]
    #[allow(non_upper_case_globals)] // as Python names it
    const __version__: &str = strongroom_bindings::VERSION;
}
