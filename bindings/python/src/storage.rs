//! Storage, secrets and devices' keys.

use crate::args::{Data, Path, Span, Text};
use crate::convert::ToPython;
use crate::errors::raise;
use crate::host::Store;
use crate::run::CancelToken;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};
use std::sync::Arc;
use strongroom_bindings as common;
use strongroom_bindings::options::RetryOptions;

/// Where a repository lives.
///
/// Wherever one is wanted, a path stands for a folder, and an ObjectStore for itself.
#[pyclass(frozen, module = "strongroom")]
pub(crate) struct Backend {
    backend: common::Backend,
}

#[pymethods]
impl Backend {
    /// A folder of a file system. With `sync`, what is stored is on the storage device before a call returns.
    #[staticmethod]
    #[pyo3(signature = (folder, *, sync=true))]
    fn local(py: Python<'_>, folder: Path, sync: bool) -> PyResult<Self> {
        let backend = common::Backend::local(folder.0, sync).map_err(|error| raise(py, error))?;
        Ok(Backend { backend })
    }

    /// The memory of this process, for tests.
    #[staticmethod]
    fn memory() -> Self {
        Backend { backend: common::Backend::memory() }
    }

    /// Storage of your own: an ObjectStore, or anything with its methods.
    #[staticmethod]
    fn custom(py: Python<'_>, store: Py<PyAny>) -> PyResult<Self> {
        for method in ["put", "read", "stat", "list", "delete"] {
            if !store.bind(py).hasattr(method)? {
                let of = store.bind(py).get_type().name()?;
                return Err(PyTypeError::new_err(format!("{of} has no method {method:?}, as storage must")));
            }
        }
        Ok(Backend { backend: common::Backend::host(Arc::new(Store(store))) })
    }

    /// The same storage, whose calls are tried again when they fail for a reason that passes, such as UnavailableError.
    ///
    /// `tries` counts the first one too; no try begins later than `within` after the first, and no wait is longer than `longest_wait`;
    /// both are seconds, or a timedelta. `cancel` ends a wait.
    #[pyo3(signature = (*, tries=None, within=None, longest_wait=None, cancel=None))]
    fn retrying(
        &self,
        tries: Option<u32>,
        within: Option<Span>,
        longest_wait: Option<Span>,
        cancel: Option<&Bound<'_, CancelToken>>,
    ) -> Self {
        let options = RetryOptions {
            tries,
            within_ms: within.map(Span::milliseconds),
            longest_wait_ms: longest_wait.map(Span::milliseconds),
            cancel_token: cancel.map(|token| token.get().token.clone()),
        };
        Backend { backend: self.backend.retrying(&options) }
    }

    /// Where it is, for messages.
    #[getter]
    fn location(&self, py: Python<'_>) -> String {
        py.detach(|| self.backend.location())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<strongroom.Backend {:?}>", self.location(py))
    }
}

/// Storage as it is handed over: a Backend, a path, or storage of the app's.
pub(crate) fn backend(object: &Bound<'_, PyAny>) -> PyResult<common::Backend> {
    let py = object.py();
    if let Ok(backend) = object.cast::<Backend>() {
        return Ok(backend.get().backend.clone());
    }
    let is_path = object.is_instance_of::<PyString>()
        || object.is_instance_of::<PyBytes>()
        || object.hasattr(intern!(py, "__fspath__"))?;
    if is_path {
        return Ok(Backend::local(py, object.extract()?, true)?.backend);
    }
    Ok(Backend::custom(py, object.clone().unbind())?.backend)
}

/// What opens a repository. Shows nothing of itself, and is wiped from memory in the end.
///
/// Wherever one is wanted, a `str` stands for a passphrase.
#[pyclass(frozen, module = "strongroom")]
pub(crate) struct Secret {
    secret: common::Secret,
}

#[pymethods]
impl Secret {
    /// A passphrase.
    #[staticmethod]
    fn passphrase(passphrase: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes = match passphrase.is_instance_of::<PyString>() {
            true => passphrase.extract::<Text>()?.0.into_bytes(),
            false => passphrase.extract::<Data>()?.0,
        };
        Ok(Secret { secret: common::Secret::passphrase(bytes) })
    }

    /// A recovery code, as a person typed it.
    #[staticmethod]
    fn recovery_code(py: Python<'_>, code: Text) -> PyResult<Self> {
        let secret = common::Secret::recovery_code(&zeroize::Zeroizing::new(code.0));
        Ok(Secret { secret: secret.map_err(|error| raise(py, error))? })
    }

    /// The key of this device.
    #[staticmethod]
    fn device(key: &Bound<'_, DeviceKey>) -> Self {
        Secret { secret: common::Secret::device(&key.get().key) }
    }

    /// The key of an account that hosts the repository, 32 bytes.
    #[staticmethod]
    fn account_key(py: Python<'_>, key: Data) -> PyResult<Self> {
        let secret = common::Secret::account_key(&zeroize::Zeroizing::new(key.0));
        Ok(Secret { secret: secret.map_err(|error| raise(py, error))? })
    }

    /// The same secret, refusing repositories of any other owner than the one with this public key of 32 bytes.
    fn expect_owner(&self, py: Python<'_>, owner: Data) -> PyResult<Self> {
        let secret = self.secret.expect_owner(&owner.0).map_err(|error| raise(py, error))?;
        Ok(Secret { secret })
    }

    fn __repr__(&self) -> &'static str {
        "<strongroom.Secret>"
    }
}

/// A secret as it is handed over: a Secret, or the text of a passphrase.
pub(crate) fn secret(object: &Bound<'_, PyAny>) -> PyResult<common::Secret> {
    if let Ok(secret) = object.cast::<Secret>() {
        return Ok(secret.get().secret.clone());
    }
    if object.is_instance_of::<PyString>() {
        return Ok(Secret::passphrase(object)?.secret);
    }
    let of = object.get_type().name()?;
    Err(PyTypeError::new_err(format!("a Secret or a passphrase as str is wanted, not {of}")))
}

/// The secret keys of a device. Keep what `export` gives where the platform keeps secrets.
#[pyclass(frozen, module = "strongroom")]
pub(crate) struct DeviceKey {
    key: common::DeviceKey,
}

#[pymethods]
impl DeviceKey {
    /// New random keys.
    #[staticmethod]
    fn generate(py: Python<'_>) -> PyResult<Self> {
        let key = common::DeviceKey::generate().map_err(|error| raise(py, error))?;
        Ok(DeviceKey { key })
    }

    /// The keys from what `export` gave.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, exported: Data) -> PyResult<Self> {
        let bytes = zeroize::Zeroizing::new(exported.0);
        let key = common::DeviceKey::import(&bytes).map_err(|error| raise(py, error))?;
        Ok(DeviceKey { key })
    }

    /// The secret keys as bytes.
    fn export<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.key.export())
    }

    /// The id the device is listed under.
    #[getter]
    fn id(&self) -> String {
        self.key.id()
    }

    /// What an owner needs to let this device in. Holds no secret.
    fn request<'py>(&self, py: Python<'py>, name: Text) -> PyResult<Bound<'py, PyBytes>> {
        let request = self.key.request(&name.0).map_err(|error| raise(py, error))?;
        Ok(PyBytes::new(py, &request))
    }

    fn __repr__(&self) -> String {
        format!("<strongroom.DeviceKey {}>", self.key.id())
    }
}

/// Reads a device's request to be let in, and checks its signature.
#[pyfunction]
pub(crate) fn read_device_request(py: Python<'_>, request: Data) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let read = common::read_device_request(&request.0).map_err(|error| raise(py, error))?;
    CLASS.import(py, "strongroom._records", "DeviceRequest")?.call1((read.id, read.name))
}

/// A new random recovery code, for a person to write down. `Secret.recovery_code` makes a secret of it.
#[pyfunction]
pub(crate) fn generate_recovery_code(py: Python<'_>) -> PyResult<String> {
    let code = common::generate_recovery_code().map_err(|error| raise(py, error))?;
    Ok(code.as_str().to_owned())
}

impl ToPython for common::AddedCode {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CLASS.import(py, "strongroom._records", "AddedCode")?.call1((&self.slot, self.code.as_str()))
    }
}
