//! Errors, both ways: the library's as Python's exceptions, and what an app's function raised as the library's.

use crate::convert::ToPython;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::sync::Arc;
use strongroom_bindings::{Error, ErrorKind, HostError};

/// What a function of the app raised, to be raised again.
struct Raised {
    exception: PyErr,
    /// Storage is asked for things that need not be there: what is made of that is the library's to say.
    by_storage: bool,
}

/// The exception for an error of the library.
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    let raised = error.payload.as_ref().and_then(|payload| payload.downcast_ref::<Raised>());
    match raised {
        Some(raised) if !raised.by_storage || error.kind == ErrorKind::Callback => raised.exception.clone_ref(py),
        Some(raised) => {
            let made = made(py, &error);
            made.set_cause(py, Some(raised.exception.clone_ref(py)));
            made
        }
        None => made(py, &error),
    }
}

fn made(py: Python<'_>, error: &Error) -> PyErr {
    match error.to_python(py) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    }
}

impl ToPython for Error {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let make = MAKE.import(py, "strongroom._errors", "make")?;
        make.call1((
            self.kind.name(),
            self.message.as_str(),
            self.operation.as_str(),
            self.object.as_deref(),
            self.detail.as_deref(),
            self.causes.clone(),
            self.retry_after_ms,
        ))
    }
}

/// What a function of the app raised.
pub(crate) fn host_error(py: Python<'_>, exception: PyErr, by_storage: bool) -> HostError {
    static CLASSIFY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let value = exception.value(py);
    let told: PyResult<(String, Option<u64>)> = CLASSIFY
        .import(py, "strongroom._errors", "classify")
        .and_then(|classify| classify.call1((value, by_storage)))
        .and_then(|told| told.extract());
    let (kind, retry_after_ms) = told.unwrap_or_default();
    let kind = ErrorKind::from_name(&kind).unwrap_or(ErrorKind::Callback);
    let message = match (value.str().map(|text| text.to_string_lossy().into_owned()), value.get_type().name()) {
        (Ok(text), Ok(name)) if text.is_empty() => name.to_string_lossy().into_owned(),
        (Ok(text), Ok(name)) => format!("{}: {text}", name.to_string_lossy()),
        _ => "a function of the app raised".to_owned(),
    };
    let mut error = HostError::new(kind, message);
    error.retry_after_ms = retry_after_ms;
    error.payload(Arc::new(Raised { exception, by_storage }))
}

/// Calls into Python from a thread of the library's.
pub(crate) fn attached<T>(by_storage: bool, call: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T, HostError> {
    let called = Python::try_attach(|py| call(py).map_err(|exception| host_error(py, exception, by_storage)));
    called.unwrap_or_else(|| {
        let exception = PyRuntimeError::new_err("the interpreter is shutting down");
        let error = HostError::callback("the interpreter is shutting down");
        Err(error.payload(Arc::new(Raised { exception, by_storage })))
    })
}
