//! What is backed up.

use crate::args::{Data, Many, Path, Paths, Text, Time};
use crate::errors::raise;
use crate::host::{Entries, Reader};
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use std::sync::{Mutex, PoisonError};
use strongroom_bindings::{self as common, Error, FilesOptions, StreamOptions};

/// What to back up.
///
/// Wherever one is wanted, a path or an iterable of paths stands for files and folders. Files, bytes, and entries from a
/// collection can be backed up any number of times; what gives its content only once, such as a stream, is used up by one backup.
#[pyclass(frozen, module = "strongroom")]
pub(crate) struct Source {
    content: Content,
    known_as: Option<Vec<Vec<u8>>>,
}

enum Content {
    Files(FilesOptions),
    Bytes(StreamOptions, Vec<u8>),
    Reader(StreamOptions, Mutex<Option<Reader>>),
    Tar(Mutex<Option<Reader>>),
    Entries { entries: Py<PyAny>, sorted: bool, once: Option<Mutex<bool>> },
}

fn stream(path: Path, mode: Option<u32>, modified: Option<Time>, owner: Option<(u32, u32)>) -> StreamOptions {
    StreamOptions {
        path: path.0,
        mode,
        modified: modified.map(|time| time.0),
        uid: owner.map(|(uid, _)| uid),
        gid: owner.map(|(_, gid)| gid),
    }
}

#[pymethods]
impl Source {
    /// Files and folders of the file system. A single folder stands at the snapshot's root.
    ///
    /// `exclude` takes patterns in gitignore syntax, `exclude_files` files of them. Folders that are marked as caches, or
    /// contain something of a name in `exclude_if_present`, can be left out, and files of more than `max_file_size` bytes.
    /// Patterns in files named `ignore_files` apply to the folder each stands in.
    #[staticmethod]
    #[pyo3(signature = (paths, *, exclude=Many::default(), exclude_files=Many::default(), exclude_caches=false,
        exclude_if_present=Many::default(), ignore_files=None, one_file_system=false, max_file_size=None, known_as=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn files(
        paths: Paths,
        exclude: Many<Text>,
        exclude_files: Many<Path>,
        exclude_caches: bool,
        exclude_if_present: Many<Path>,
        ignore_files: Option<Path>,
        one_file_system: bool,
        max_file_size: Option<u64>,
        known_as: Option<Many<Path>>,
    ) -> Self {
        let options = FilesOptions {
            paths: paths.0,
            exclude: exclude.texts(),
            exclude_files: exclude_files.paths(),
            exclude_caches,
            exclude_if_present: exclude_if_present.paths(),
            ignore_files: ignore_files.map(|path| path.0),
            one_file_system,
            max_file_size,
        };
        Source { content: Content::Files(options), known_as: known_as.map(Many::paths) }
    }

    /// One file with these bytes. `owner` is a user id and a group id.
    #[staticmethod]
    #[pyo3(signature = (path, data, *, mode=None, modified=None, owner=None, known_as=None))]
    fn bytes(
        path: Path,
        data: Data,
        mode: Option<u32>,
        modified: Option<Time>,
        owner: Option<(u32, u32)>,
        known_as: Option<Many<Path>>,
    ) -> Self {
        let content = Content::Bytes(stream(path, mode, modified, owner), data.0);
        Source { content, known_as: known_as.map(Many::paths) }
    }

    /// One file with what a binary stream gives: anything with `read`, or an iterable of bytes such as a generator.
    ///
    /// When the stream raises, so does the backup. The stream is left open.
    #[staticmethod]
    #[pyo3(signature = (path, stream, *, mode=None, modified=None, owner=None, known_as=None))]
    fn reader(
        path: Path,
        stream: &Bound<'_, PyAny>,
        mode: Option<u32>,
        modified: Option<Time>,
        owner: Option<(u32, u32)>,
        known_as: Option<Many<Path>>,
    ) -> PyResult<Self> {
        let reader = Mutex::new(Some(Reader::of(stream)?));
        let content = Content::Reader(self::stream(path, mode, modified, owner), reader);
        Ok(Source { content, known_as: known_as.map(Many::paths) })
    }

    /// What a tar stream holds: anything with `read`, or an iterable of bytes.
    #[staticmethod]
    #[pyo3(signature = (stream, *, known_as=None))]
    fn tar(stream: &Bound<'_, PyAny>, known_as: Option<Many<Path>>) -> PyResult<Self> {
        let content = Content::Tar(Mutex::new(Some(Reader::of(stream)?)));
        Ok(Source { content, known_as: known_as.map(Many::paths) })
    }

    /// Entries of your own, as AppEntry: from a generator, a list, a database cursor.
    ///
    /// `sorted` promises ascending order of their paths, each once; without it they are sorted. `known_as` names what they are, so
    /// that later backups of the same thing build on this one. When getting an entry raises, so does the backup; an OSError while
    /// one's content is read is a problem in the report.
    #[staticmethod]
    #[pyo3(signature = (entries, *, sorted=false, known_as=None))]
    fn entries(entries: &Bound<'_, PyAny>, sorted: bool, known_as: Option<Many<Path>>) -> PyResult<Self> {
        // An iterator gives itself when it is asked for one, and would give nothing the second time.
        let once = entries.try_iter()?.as_any().is(entries).then(Mutex::default);
        let content = Content::Entries { entries: entries.clone().unbind(), sorted, once };
        Ok(Source { content, known_as: known_as.map(Many::paths) })
    }

    fn __repr__(&self) -> String {
        let what = match &self.content {
            Content::Files(options) => format!("files of {} paths", options.paths.len()),
            Content::Bytes(_, data) => format!("{} bytes", data.len()),
            Content::Reader(..) => "reader".to_owned(),
            Content::Tar(_) => "tar".to_owned(),
            Content::Entries { .. } => "entries".to_owned(),
        };
        format!("<strongroom.Source {what}>")
    }
}

fn used_up(py: Python<'_>) -> PyErr {
    raise(py, Error::invalid("back up", "the source gives its content once, and was used before"))
}

fn taken(py: Python<'_>, reader: &Mutex<Option<Reader>>) -> PyResult<Box<Reader>> {
    let reader = reader.lock().unwrap_or_else(PoisonError::into_inner).take();
    reader.map(Box::new).ok_or_else(|| used_up(py))
}

impl Source {
    fn begin(&self, py: Python<'_>) -> PyResult<common::Source> {
        let made = match &self.content {
            Content::Files(options) => common::Source::files(options.clone()),
            Content::Bytes(options, data) => common::Source::bytes(options.clone(), data.clone()),
            Content::Reader(options, reader) => common::Source::reader(options.clone(), taken(py, reader)?),
            Content::Tar(reader) => common::Source::tar(taken(py, reader)?),
            Content::Entries { entries, sorted, once } => {
                let used = once
                    .as_ref()
                    .map(|used| std::mem::replace(&mut *used.lock().unwrap_or_else(PoisonError::into_inner), true));
                if used == Some(true) {
                    return Err(used_up(py));
                }
                let entries: Bound<'_, PyIterator> = entries.bind(py).try_iter()?;
                common::Source::entries(Box::new(Entries(entries.unbind())), *sorted)
            }
        };
        Ok(match &self.known_as {
            Some(names) => made.known_as(names.clone()),
            None => made,
        })
    }
}

/// A source as it is handed over: a Source, a path, or paths.
pub(crate) fn source(object: &Bound<'_, PyAny>) -> PyResult<common::Source> {
    if let Ok(source) = object.cast::<Source>() {
        return source.get().begin(object.py());
    }
    let paths = object.extract::<Paths>()?.0;
    Ok(common::Source::files(FilesOptions { paths, ..FilesOptions::default() }))
}
