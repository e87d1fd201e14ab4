//! A repository.

mod care;
mod keys;
mod look;
mod work;

use crate::args::{ChunkSizesArg, CostArg, Path, Text};
use crate::convert::ToPython;
use crate::errors::raise;
use crate::host::Logger;
use crate::run::{CancelToken, operate, options, small};
use crate::storage::{backend, secret};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::Arc;
use strongroom_bindings::options::{CreateOptions, OpenOptions};
use strongroom_bindings::{self as common, LogSink};

/// An opened repository. Any number of threads may use it at once.
///
/// It closes itself at the end of a `with` block. Operations run without the interpreter's lock, and Ctrl-C cancels those that take
/// `cancel`, `budget` and `progress`: a CancelToken, a Budget, and a function that is called with a Progress some ten times a second at
/// most, on a thread of its own. What that function raises cancels the operation and comes out of it.
#[pyclass(frozen, module = "strongroom")]
pub(crate) struct Repository {
    pub(crate) repository: common::Repository,
}

impl Repository {
    /// The handle, to be moved to another thread.
    pub(crate) fn shared(&self) -> common::Repository {
        self.repository.clone()
    }
}

fn sink(logger: Option<Py<PyAny>>) -> Option<Arc<dyn LogSink>> {
    logger.map(|logger| Arc::new(Logger(logger)) as Arc<dyn LogSink>)
}

#[pymethods]
impl Repository {
    /// Creates a repository whose owner is whoever holds `secret`.
    ///
    /// `label` names the first key, `cost` says what one try at the passphrase costs, `parity` how much recovery data packs get, in
    /// percent. `cancel` ends the creation. `state_folder` is a folder of this machine that makes the next opening and backup faster. `logger` hears what happens;
    /// nothing is logged without one.
    #[staticmethod]
    #[pyo3(signature = (backend, secret, *, label=Text::default(), cost=None, chunk_sizes=None, segment_size=None, pack_size=None,
        inline_limit=None, parity=None, state_folder=None, logger=None, cancel=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn create(
        py: Python<'_>,
        backend: &Bound<'_, PyAny>,
        secret: &Bound<'_, PyAny>,
        label: Text,
        cost: Option<CostArg>,
        chunk_sizes: Option<ChunkSizesArg>,
        segment_size: Option<u32>,
        pack_size: Option<u32>,
        inline_limit: Option<u32>,
        parity: Option<u8>,
        state_folder: Option<Path>,
        logger: Option<Py<PyAny>>,
        cancel: Option<&Bound<'_, CancelToken>>,
    ) -> PyResult<Self> {
        let (backend, secret) = (self::backend(backend)?, self::secret(secret)?);
        let mut options = CreateOptions {
            label: label.0,
            cost: cost.map(Into::into),
            chunk_sizes: chunk_sizes.map(Into::into),
            segment_size,
            pack_size,
            inline_limit,
            parity,
            state_folder: state_folder.map(|path| path.0),
            cancel_token: None,
        };
        let log = sink(logger);
        let repository = operate(py, "create a repository", self::options(None, cancel, None), move |run| {
            options.cancel_token = Some(run.token().clone());
            common::Repository::create(&backend, &secret, &options, log)
        })?;
        Ok(Repository { repository })
    }

    /// Opens a repository.
    ///
    /// `state_folder` is a folder of this machine that makes the next opening and backup faster. `logger` hears what happens; nothing
    /// is logged without one. `cancel` ends the opening.
    #[staticmethod]
    #[pyo3(signature = (backend, secret, *, state_folder=None, logger=None, cancel=None))]
    fn open(
        py: Python<'_>,
        backend: &Bound<'_, PyAny>,
        secret: &Bound<'_, PyAny>,
        state_folder: Option<Path>,
        logger: Option<Py<PyAny>>,
        cancel: Option<&Bound<'_, CancelToken>>,
    ) -> PyResult<Self> {
        let (backend, secret) = (self::backend(backend)?, self::secret(secret)?);
        let mut options = OpenOptions { state_folder: state_folder.map(|path| path.0), cancel_token: None };
        let log = sink(logger);
        let repository = operate(py, "open a repository", self::options(None, cancel, None), move |run| {
            options.cancel_token = Some(run.token().clone());
            common::Repository::open(&backend, &secret, &options, log)
        })?;
        Ok(Repository { repository })
    }

    /// Lets go of it; what is called after that raises ClosedError. Closing twice is harmless. Operations under way go on.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.repository.close());
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.repository.is_closed()
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, pyo3::types::PyTuple>) {
        self.close(py);
    }

    /// Hands what happens to a logger of the module `logging`; None for silence.
    #[pyo3(signature = (logger))]
    fn set_logger(&self, py: Python<'_>, logger: Option<Py<PyAny>>) {
        py.detach(|| self.repository.set_log(sink(logger)));
    }

    /// The id chosen when it was created.
    #[getter]
    fn id(&self, py: Python<'_>) -> PyResult<String> {
        self.repository.id().map_err(|error| raise(py, error))
    }

    /// The public key of its owner, which `Secret.expect_owner` of a later opening takes.
    #[getter]
    fn owner_key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let key = self.repository.owner_key().map_err(|error| raise(py, error))?;
        Ok(PyBytes::new(py, &key))
    }

    /// What the secret that opened it allows.
    #[getter]
    fn role<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.repository.role().map_err(|error| raise(py, error))?.to_python(py)
    }

    /// Where it is, for messages.
    #[getter]
    fn location(&self, py: Python<'_>) -> PyResult<String> {
        small(py, || self.repository.location())
    }

    /// When it was created, by its creator's clock.
    #[getter]
    fn created<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let created = self.repository.created().map_err(|error| raise(py, error))?;
        py.import("strongroom._times")?.getattr("utc")?.call1((created.to_python(py)?,))
    }

    /// Why local state is kept in memory although a folder was given for it; None when it is not.
    #[getter]
    fn state_folder_problem(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.repository.state_folder_problem().map_err(|error| raise(py, error))
    }

    /// The same repository, whose calls ask nothing more of the storage once `token` is cancelled: for those that take no token of
    /// their own, such as listings and files that are read.
    fn cancelled_by(&self, py: Python<'_>, token: &Bound<'_, CancelToken>) -> PyResult<Self> {
        let token = token.get().token.clone();
        let repository = small(py, || self.repository.cancelled_by(&token))?;
        Ok(Repository { repository })
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match small(py, || self.repository.location()) {
            Ok(location) => format!("<strongroom.Repository {location:?}>"),
            Err(_) => "<strongroom.Repository closed>".to_owned(),
        }
    }
}
