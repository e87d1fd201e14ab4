//! Looking at snapshots and what is in them.

use super::Repository;
use crate::args::{BudgetArg, FilterArg, Many, Path, SnapshotId, Text, Time, filter};
use crate::convert::ToPython;
use crate::errors::raise;
use crate::reading::{DifferenceIterator, EntryIterator};
use crate::run::{CancelToken, operate, options, small};
use pyo3::prelude::*;
use strongroom_bindings::options::Pattern;

#[pymethods]
impl Repository {
    /// The snapshots that a SnapshotFilter accepts, oldest first; all of them without one. Those that cannot be read or trusted are
    /// in `rejected` of the listing, and hide no other.
    #[pyo3(signature = (filter=None))]
    fn snapshots<'py>(&self, py: Python<'py>, filter: Option<FilterArg>) -> PyResult<Bound<'py, PyAny>> {
        let filter = self::filter(filter);
        small(py, || self.repository.snapshots(&filter))?.to_python(py)
    }

    /// One snapshot by what a person would type: `latest`, or the first digits of its id.
    #[pyo3(signature = (spec=Text("latest".to_owned()), filter=None), text_signature = "($self, spec='latest', filter=None)")]
    fn snapshot<'py>(&self, py: Python<'py>, spec: Text, filter: Option<FilterArg>) -> PyResult<Bound<'py, PyAny>> {
        let filter = self::filter(filter);
        small(py, || self.repository.snapshot(&spec.0, &filter))?.to_python(py)
    }

    /// The entry at a path of a snapshot.
    fn entry<'py>(&self, py: Python<'py>, snapshot: SnapshotId, path: Path) -> PyResult<Bound<'py, PyAny>> {
        small(py, || self.repository.entry(&snapshot.0, &path.0))?.to_python(py)
    }

    /// What is in a folder of a snapshot, directly or at any depth; for anything but a folder, the entry itself.
    #[pyo3(signature = (snapshot, folder=Path::default(), *, recursive=false),
        text_signature = "($self, snapshot, folder='', *, recursive=False)")]
    fn list(&self, py: Python<'_>, snapshot: SnapshotId, folder: Path, recursive: bool) -> PyResult<EntryIterator> {
        Ok(EntryIterator::new(small(py, || self.repository.list(&snapshot.0, &folder.0, recursive))?))
    }

    /// The entries of a snapshot whose paths match a glob. `*` and `?` match within a name, `**` across folders; a glob without `/` is
    /// compared with names, one with it with whole paths.
    #[pyo3(signature = (snapshot, glob, *, any_case=false))]
    fn find(&self, py: Python<'_>, snapshot: SnapshotId, glob: Text, any_case: bool) -> PyResult<EntryIterator> {
        let pattern = Pattern { glob: glob.0, any_case };
        Ok(EntryIterator::new(small(py, || self.repository.find(&snapshot.0, &pattern))?))
    }

    /// The paths on which two snapshots differ, ascending.
    #[pyo3(signature = (before, after, *, budget=None, cancel=None, progress=None))]
    fn diff(
        &self,
        py: Python<'_>,
        before: SnapshotId,
        after: SnapshotId,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'_, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<DifferenceIterator> {
        let options = options(budget, cancel, progress);
        Ok(DifferenceIterator::new(small(py, || self.repository.diff(&before.0, &after.0, options))?))
    }

    /// How much the repository holds: raw, deduplicated, stored.
    #[pyo3(signature = (*, budget=None, cancel=None, progress=None))]
    fn stats<'py>(
        &self,
        py: Python<'py>,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let repository = self.shared();
        operate(py, "count what is stored", options(budget, cancel, progress), move |run| repository.stats(run))?
            .to_python(py)
    }

    /// Who is at work, and who was and has not been cleaned up after.
    fn sessions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        small(py, || self.repository.sessions())?.to_python(py)
    }

    /// Adds and removes tags of a snapshot; returns the tags it has then.
    #[pyo3(signature = (snapshot, *, add=Many::default(), remove=Many::default()),
        text_signature = "($self, snapshot, *, add=(), remove=())")]
    fn tag<'py>(
        &self,
        py: Python<'py>,
        snapshot: SnapshotId,
        add: Many<Text>,
        remove: Many<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (add, remove) = (add.texts(), remove.texts());
        small(py, || self.repository.tag(&snapshot.0, &add, &remove))?.to_python(py)
    }

    /// Holds a snapshot until a time: before that it is not forgotten. Returns the time of the hold that is in force then.
    fn hold<'py>(&self, py: Python<'py>, snapshot: SnapshotId, until: Time) -> PyResult<Bound<'py, PyAny>> {
        let held = small(py, || self.repository.hold(&snapshot.0, until.0))?;
        py.import("strongroom._times")?.getattr("utc")?.call1((held.to_python(py)?,))
    }

    /// Ends the hold of a snapshot.
    fn release(&self, py: Python<'_>, snapshot: SnapshotId) -> PyResult<()> {
        small(py, || self.repository.release(&snapshot.0))
    }

    /// How much recovery data packs get when they are written, in percent; None for none.
    #[getter]
    fn parity(&self, py: Python<'_>) -> PyResult<Option<u8>> {
        self.repository.parity().map_err(|error| raise(py, error))
    }
}
