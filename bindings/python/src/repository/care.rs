//! Looking after a repository.

use super::Repository;
use crate::args::{BudgetArg, FilterArg, Many, PolicyArg, SnapshotId, Span, Text, filter};
use crate::convert::ToPython;
use crate::errors::raise;
use crate::run::{CancelToken, operate, options, small};
use pyo3::prelude::*;
use strongroom_bindings::options::{CheckOptions, ForgetOptions, PruneOptions, ReencryptOptions, RepairOptions};

#[pymethods]
impl Repository {
    /// Removes snapshots: those that a RetentionPolicy does not keep, or those that are named. The report says why each stays or goes.
    ///
    /// `damaged` names objects, such as `snapshots/3f…`, that cannot be read and are given up. What `filter` does not accept is left alone.
    /// `despite_unreadable_marks` goes on although there are marks that cannot be read, each of which may hold any snapshot.
    #[pyo3(signature = (snapshots=Many::default(), *, policy=None, damaged=Many::default(), filter=None, dry_run=false,
        despite_unreadable_marks=false, budget=None, cancel=None, progress=None),
        text_signature = "($self, snapshots=(), *, policy=None, damaged=(), filter=None, dry_run=False, despite_unreadable_marks=False, budget=None, cancel=None, progress=None)")]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn forget<'py>(
        &self,
        py: Python<'py>,
        snapshots: Many<SnapshotId>,
        policy: Option<PolicyArg>,
        damaged: Many<Text>,
        filter: Option<FilterArg>,
        dry_run: bool,
        despite_unreadable_marks: bool,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let forget = ForgetOptions {
            policy: policy.map(PolicyArg::policy).transpose().map_err(|error| raise(py, error))?,
            snapshots: snapshots.ids(),
            damaged: damaged.texts(),
            filter: self::filter(filter),
            dry_run,
            despite_unreadable_marks,
        };
        let repository = self.shared();
        operate(py, "forget snapshots", options(budget, cancel, progress), move |run| repository.forget(&forget, run))?
            .to_python(py)
    }

    /// Frees what no snapshot needs, in two phases: what one call condemns a later one removes.
    ///
    /// Of packs of which less than `min_live_share` is needed, from 0 to 1, that part is moved and the rest freed;
    /// `max_moved_bytes` bounds how much is moved.
    #[pyo3(signature = (*, min_live_share=None, max_moved_bytes=None, dry_run=false, budget=None, cancel=None, progress=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn prune<'py>(
        &self,
        py: Python<'py>,
        min_live_share: Option<f64>,
        max_moved_bytes: Option<u64>,
        dry_run: bool,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let prune = PruneOptions { min_live_share, max_moved_bytes, dry_run };
        let repository = self.shared();
        operate(py, "prune", options(budget, cancel, progress), move |run| repository.prune(&prune, run))?.to_python(py)
    }

    /// Checks that everything every snapshot refers to is there and sound. Changes nothing; damage is in the report.
    ///
    /// `read_data` also reads this share of the packs, in percent, and `verify_content` decrypts what is read. `seed` makes the choice
    /// of packs repeatable.
    #[pyo3(signature = (*, read_data=None, verify_content=false, seed=None, budget=None, cancel=None, progress=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn check<'py>(
        &self,
        py: Python<'py>,
        read_data: Option<f64>,
        verify_content: bool,
        seed: Option<u64>,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let check = CheckOptions { read_data, verify_content, seed };
        let repository = self.shared();
        operate(py, "check", options(budget, cancel, progress), move |run| repository.check(&check, run))?.to_python(py)
    }

    /// Mends what can be mended, and salvages what is whole of snapshots that lost something. Only adds objects.
    #[pyo3(signature = (*, dry_run=false, structure_only=false, budget=None, cancel=None, progress=None))]
    fn repair<'py>(
        &self,
        py: Python<'py>,
        dry_run: bool,
        structure_only: bool,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let repair = RepairOptions { dry_run, structure_only };
        let repository = self.shared();
        operate(py, "repair", options(budget, cancel, progress), move |run| repository.repair(&repair, run))?
            .to_python(py)
    }

    /// Makes the index list every pack in storage as it is.
    #[pyo3(signature = (*, budget=None, cancel=None, progress=None))]
    fn rebuild_index<'py>(
        &self,
        py: Python<'py>,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let repository = self.shared();
        operate(py, "rebuild the index", options(budget, cancel, progress), move |run| repository.rebuild_index(run))?
            .to_python(py)
    }

    /// Adds recovery data of this share, in percent, to every pack that has none.
    #[pyo3(signature = (percent, *, budget=None, cancel=None, progress=None))]
    fn add_parity<'py>(
        &self,
        py: Python<'py>,
        percent: u8,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let repository = self.shared();
        operate(py, "add parity", options(budget, cancel, progress), move |run| repository.add_parity(percent, run))?
            .to_python(py)
    }

    /// Packs that were found damaged since this repository was opened, and read all the same by their recovery data.
    fn healed_packs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        small(py, || self.repository.healed_packs())?.to_python(py)
    }

    /// Moves what was stored under the keys of earlier epochs to those of the newest. `max_bytes` and `max_time` bound what one call does.
    #[pyo3(signature = (*, max_bytes=None, max_time=None, budget=None, cancel=None, progress=None))]
    fn reencrypt<'py>(
        &self,
        py: Python<'py>,
        max_bytes: Option<u64>,
        max_time: Option<Span>,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let reencrypt = ReencryptOptions { max_bytes, max_time_ms: max_time.map(Span::milliseconds) };
        let repository = self.shared();
        operate(py, "re-encrypt", options(budget, cancel, progress), move |run| repository.reencrypt(&reencrypt, run))?
            .to_python(py)
    }
}
