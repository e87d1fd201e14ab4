//! Keys and devices.

use super::Repository;
use crate::args::{BudgetArg, CostArg, Data, Named, Text};
use crate::convert::ToPython;
use crate::run::{CancelToken, operate, options, small};
use crate::storage::secret;
use pyo3::prelude::*;
use strongroom_bindings::Role;
use strongroom_bindings::options::{NewKey, RevokeOptions};

#[pymethods]
impl Repository {
    /// The keys that open this repository, oldest first.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        small(py, || self.repository.keys())?.to_python(py)
    }

    /// Adds a key and returns the id of its slot. Only owners may. The label is readable for everybody who sees the storage.
    #[pyo3(signature = (secret, role, *, label=Text::default(), cost=None),
        text_signature = "($self, secret, role, *, label='', cost=None)")]
    fn add_key(
        &self,
        py: Python<'_>,
        secret: &Bound<'_, PyAny>,
        role: Named<Role>,
        label: Text,
        cost: Option<CostArg>,
    ) -> PyResult<String> {
        let secret = self::secret(secret)?;
        let key = NewKey { secret, role: role.0, label: label.0, cost: cost.map(Into::into) };
        small(py, || self.repository.add_key(&key))
    }

    /// Makes a recovery code and adds it as a key. Only owners may. It is shown once and stored nowhere.
    #[pyo3(signature = (role, *, label=Text::default()), text_signature = "($self, role, *, label='')")]
    fn add_recovery_code<'py>(&self, py: Python<'py>, role: Named<Role>, label: Text) -> PyResult<Bound<'py, PyAny>> {
        small(py, || self.repository.add_recovery_code(role.0, &label.0))?.to_python(py)
    }

    /// Removes the key of a slot, and shuts its holder out. Only owners may. Begins a new epoch of keys unless `keep_epoch`.
    #[pyo3(signature = (slot, *, keep_epoch=false, budget=None, cancel=None, progress=None))]
    fn remove_key<'py>(
        &self,
        py: Python<'py>,
        slot: Text,
        keep_epoch: bool,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let repository = self.shared();
        operate(py, "remove a key", options(budget, cancel, progress), move |run| {
            repository.remove_key(&slot.0, &RevokeOptions { keep_epoch }, run)
        })?
        .to_python(py)
    }

    /// Replaces the passphrase that opened this repository by another.
    #[pyo3(signature = (new, *, cost=None))]
    fn change_passphrase<'py>(
        &self,
        py: Python<'py>,
        new: &Bound<'py, PyAny>,
        cost: Option<CostArg>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (new, cost) = (secret(new)?, cost.map(Into::into));
        small(py, || self.repository.change_passphrase(&new, cost))?.to_python(py)
    }

    /// The devices on the owner-signed list.
    fn devices<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        small(py, || self.repository.devices())?.to_python(py)
    }

    /// Lets a device in, by the request it made with its key, and returns its id. Only owners may.
    fn add_device(&self, py: Python<'_>, request: Data, role: Named<Role>) -> PyResult<String> {
        small(py, || self.repository.add_device(&request.0, role.0))
    }

    /// Shuts a device out. Only owners may. Begins a new epoch of keys unless `keep_epoch`.
    #[pyo3(signature = (device, *, keep_epoch=false, budget=None, cancel=None, progress=None))]
    fn revoke_device<'py>(
        &self,
        py: Python<'py>,
        device: Text,
        keep_epoch: bool,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let repository = self.shared();
        operate(py, "revoke a device", options(budget, cancel, progress), move |run| {
            repository.revoke_device(&device.0, &RevokeOptions { keep_epoch }, run)
        })?
        .to_python(py)
    }

    /// Begins a new epoch: whatever is written from now on is sealed with new keys. Only owners may.
    #[pyo3(signature = (*, budget=None, cancel=None, progress=None))]
    fn rotate<'py>(
        &self,
        py: Python<'py>,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let repository = self.shared();
        operate(py, "begin a new epoch", options(budget, cancel, progress), move |run| repository.rotate(run))?
            .to_python(py)
    }

    /// The epoch under which everything is written at this moment.
    fn epoch(&self, py: Python<'_>) -> PyResult<u32> {
        small(py, || self.repository.epoch())
    }
}
