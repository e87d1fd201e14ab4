//! Backing up, getting back, copying.

use super::Repository;
use crate::args::{BudgetArg, FilterArg, Many, Named, Path, SnapshotId, Text, Time, filter};
use crate::convert::ToPython;
use crate::host::{Writer, snapshot_file};
use crate::reading::FileHandle;
use crate::run::{CancelToken, operate, options, small};
use crate::source::source;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use strongroom_bindings::options::{BackupOptions, ChangeDetection, CopyOptions, Parent, RestoreOptions};
use strongroom_bindings::records::Attached;
use strongroom_bindings::{Overwrite, Ownership};

#[pymethods]
impl Repository {
    /// Backs up a source and makes a snapshot of it: a Source, a path, or paths.
    ///
    /// Paths that cannot be read are problems in the report. On a deadline, or when suspended, what is done so far is kept, and the same
    /// call goes on from there.
    ///
    /// `host` and the paths together make the lineage of a snapshot, in which each backup builds on the `newest` one; `parent` may name
    /// another, or None to read everything. `level` is zstd's, -7 to 19. `skip_if_unchanged` makes no snapshot of what has not changed.
    /// `read_everything` trusts no file's times; `compare_change_time` and `compare_inode` say what has to be the same for a file to
    /// count as unchanged. `time` claims an earlier time than now, for imports.
    #[pyo3(signature = (source, *, host=Text::default(), user=Text::default(), program=Text::default(), description=Text::default(),
        tags=Many::default(), metadata=None, level=None, parent=ParentArg::default(), skip_if_unchanged=false, read_everything=false,
        compare_change_time=true, compare_inode=true, time=None, budget=None, cancel=None, progress=None),
        text_signature = "($self, source, *, host='', user='', program='', description='', tags=(), metadata=None, level=None, parent='newest', skip_if_unchanged=False, read_everything=False, compare_change_time=True, compare_inode=True, time=None, budget=None, cancel=None, progress=None)")]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn backup<'py>(
        &self,
        py: Python<'py>,
        source: &Bound<'py, PyAny>,
        host: Text,
        user: Text,
        program: Text,
        description: Text,
        tags: Many<Text>,
        metadata: Option<Bound<'py, PyDict>>,
        level: Option<i32>,
        parent: ParentArg,
        skip_if_unchanged: bool,
        read_everything: bool,
        compare_change_time: bool,
        compare_inode: bool,
        time: Option<Time>,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut attached = Vec::new();
        for (name, value) in metadata.iter().flatten() {
            let value = value.extract::<crate::args::Data>()?.0;
            attached.push(Attached { name: name.extract::<Text>()?.0, value });
        }
        let backup = BackupOptions {
            host: host.0,
            user: user.0,
            program: program.0,
            description: description.0,
            tags: tags.texts(),
            metadata: attached,
            level,
            parent: parent.0,
            changes: ChangeDetection { read_everything, change_time: compare_change_time, inode: compare_inode },
            time: time.map(|time| time.0),
            skip_if_unchanged,
        };
        let source = self::source(source)?;
        let repository = self.shared();
        operate(py, "back up", options(budget, cancel, progress), move |run| repository.backup(source, &backup, run))?
            .to_python(py)
    }

    /// Restores a snapshot, or the file or folder of it at `path`, into the folder `target`, which is made where it is missing.
    ///
    /// What is wrong with single paths is in the report. `include` and `exclude` take patterns in gitignore syntax. `overwrite` says
    /// what happens to what is there, `owner` what to users and groups. `verify_existing` compares the content of files whose size and
    /// time are as they should be. `delete_extra` removes what the snapshot does not have. `sync` waits until all is on the storage device.
    #[pyo3(signature = (snapshot, target, *, path=Path::default(), include=Many::default(), exclude=Many::default(),
        overwrite=Named(Overwrite::IfDifferent), verify_existing=false, owner=Named(Ownership::Named), xattrs=true, sparse=true,
        delete_extra=false, dry_run=false, sync=false, budget=None, cancel=None, progress=None),
        text_signature = "($self, snapshot, target, *, path='', include=(), exclude=(), overwrite='if_different', verify_existing=False, owner='named', xattrs=True, sparse=True, delete_extra=False, dry_run=False, sync=False, budget=None, cancel=None, progress=None)")]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn restore<'py>(
        &self,
        py: Python<'py>,
        snapshot: SnapshotId,
        target: Path,
        path: Path,
        include: Many<Text>,
        exclude: Many<Text>,
        overwrite: Named<Overwrite>,
        verify_existing: bool,
        owner: Named<Ownership>,
        xattrs: bool,
        sparse: bool,
        delete_extra: bool,
        dry_run: bool,
        sync: bool,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let restore = RestoreOptions {
            target: target.0,
            path: path.0,
            include: include.texts(),
            exclude: exclude.texts(),
            overwrite: overwrite.0,
            verify_existing,
            owner: owner.0,
            xattrs,
            sparse,
            delete_extra,
            dry_run,
            sync,
        };
        let repository = self.shared();
        operate(py, "restore", options(budget, cancel, progress), move |run| {
            repository.restore(&snapshot.0, &restore, run)
        })?
        .to_python(py)
    }

    /// Writes a snapshot, or the file or folder of it at `path`, as a tar stream to `out`: a file opened for binary writing, or
    /// anything with `write`. It is left open.
    #[pyo3(signature = (snapshot, out, *, path=Path::default(), budget=None, cancel=None, progress=None),
        text_signature = "($self, snapshot, out, *, path='', budget=None, cancel=None, progress=None)")]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn export_tar<'py>(
        &self,
        py: Python<'py>,
        snapshot: SnapshotId,
        out: &Bound<'py, PyAny>,
        path: Path,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !out.hasattr("write")? {
            return Err(PyTypeError::new_err(format!("{} has no method \"write\"", out.get_type().name()?)));
        }
        let (repository, mut writer) = (self.shared(), Writer(out.clone().unbind()));
        operate(py, "export a snapshot", options(budget, cancel, progress), move |run| {
            repository.export_tar(&snapshot.0, &path.0, &mut writer, run)
        })?
        .to_python(py)
    }

    /// Opens a file of a snapshot for reading at any place: a raw binary file, which io.BufferedReader and io.TextIOWrapper take.
    fn open_file<'py>(&self, py: Python<'py>, snapshot: SnapshotId, path: Path) -> PyResult<Bound<'py, PyAny>> {
        let handle = small(py, || self.repository.open_file(&snapshot.0, &path.0))?;
        snapshot_file(py, Bound::new(py, FileHandle::new(handle))?.into_any())
    }

    /// Copies snapshots to other repositories, each with its own keys: those in `snapshots`, or all that `filter` accepts. What a
    /// destination fails with is in the report.
    ///
    /// `verify` compares the tree of each copy with the original's before the copy counts; `verify_data` reads back all that was sent.
    #[pyo3(signature = (destinations, *, snapshots=Many::default(), filter=None, level=None, verify=true, verify_data=false,
        budget=None, cancel=None, progress=None),
        text_signature = "($self, destinations, *, snapshots=(), filter=None, level=None, verify=True, verify_data=False, budget=None, cancel=None, progress=None)")]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn copy_to<'py>(
        &self,
        py: Python<'py>,
        destinations: &Bound<'py, PyAny>,
        snapshots: Many<SnapshotId>,
        filter: Option<FilterArg>,
        level: Option<i32>,
        verify: bool,
        verify_data: bool,
        budget: Option<BudgetArg>,
        cancel: Option<&Bound<'py, CancelToken>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let others = match destinations.cast::<Repository>() {
            Ok(one) => vec![one.get().shared()],
            Err(_) => {
                let all = destinations.try_iter()?;
                all.map(|one| Ok(one?.cast::<Repository>()?.get().shared())).collect::<PyResult<Vec<_>>>()?
            }
        };
        let copy = CopyOptions { snapshots: snapshots.ids(), filter: self::filter(filter), level, verify, verify_data };
        let repository = self.shared();
        operate(py, "copy snapshots", options(budget, cancel, progress), move |run| {
            let others: Vec<_> = others.iter().collect();
            repository.copy_to(&others, &copy, run)
        })?
        .to_python(py)
    }
}

/// The snapshot a backup builds on: `newest`, one that is named, or None for none.
#[derive(Default)]
struct ParentArg(Parent);

impl<'a, 'py> FromPyObject<'a, 'py> for ParentArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(ParentArg(Parent::None));
        }
        let id = object.extract::<SnapshotId>()?.0;
        Ok(ParentArg(if id == "newest" { Parent::Newest } else { Parent::Snapshot(id) }))
    }
}
