//! What Python hands over: paths, text, times, names of values, and options.

use crate::errors;
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyString};
use std::time::Duration;
use strongroom_bindings::options::{Budget, ChunkSizes, Cost, GroupBy, KeepRule, RetentionPolicy, SnapshotFilter};
use strongroom_bindings::records::Timestamp;
use strongroom_bindings::{EntryKind, Error, Overwrite, Ownership, PeriodKind, ProblemReason, Role};

type Object<'a, 'py> = Borrowed<'a, 'py, PyAny>;

/// Text that cannot be encoded becomes the error of an argument that makes no sense.
fn encodable<T>(py: Python<'_>, result: PyResult<T>) -> PyResult<T> {
    result.map_err(|error| match error.is_instance_of::<PyUnicodeEncodeError>(py) {
        true => errors::raise(py, Error::invalid("take an argument", error.value(py).to_string())),
        false => error,
    })
}

/// A path, of the file system or of a snapshot: `str`, `bytes` or `os.PathLike`, as the bytes that it is.
#[derive(Clone, Default)]
pub(crate) struct Path(pub(crate) Vec<u8>);

impl<'a, 'py> FromPyObject<'a, 'py> for Path {
    type Error = PyErr;

    fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
        static FSENCODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = object.py();
        let encoded = FSENCODE.import(py, "os", "fsencode").and_then(|encode| encode.call1((object,)));
        Ok(Path(encodable(py, encoded)?.cast::<PyBytes>()?.as_bytes().to_vec()))
    }
}

/// Text of the app's.
#[derive(Clone, Default)]
pub(crate) struct Text(pub(crate) String);

impl<'a, 'py> FromPyObject<'a, 'py> for Text {
    type Error = PyErr;

    fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
        let text = object.cast::<PyString>()?;
        Ok(Text(encodable(object.py(), text.to_str())?.to_owned()))
    }
}

/// Bytes of the app's: `bytes`, `bytearray`, or anything else with a buffer of bytes.
pub(crate) struct Data(pub(crate) Vec<u8>);

impl<'a, 'py> FromPyObject<'a, 'py> for Data {
    type Error = PyErr;

    fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Data(bytes.as_bytes().to_vec()));
        }
        if let Ok(bytes) = object.cast::<PyByteArray>() {
            return Ok(Data(bytes.to_vec()));
        }
        let buffer = pyo3::buffer::PyBuffer::<u8>::get(&object)?;
        Ok(Data(buffer.to_vec(object.py())?))
    }
}

/// Any number of items, from anything that can be iterated over but text and bytes.
#[derive(Clone)]
pub(crate) struct Many<T>(pub(crate) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Many(Vec::new())
    }
}

impl<'a, 'py, T> FromPyObject<'a, 'py> for Many<T>
where
    T: for<'b> FromPyObject<'b, 'py>,
{
    type Error = PyErr;

    fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>() {
            let of = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!("a list or another iterable is wanted, not {of}")));
        }
        let items = object.try_iter()?.map(|item| item?.extract::<T>().map_err(Into::into));
        Ok(Many(items.collect::<PyResult<_>>()?))
    }
}

impl Many<Text> {
    pub(crate) fn texts(self) -> Vec<String> {
        self.0.into_iter().map(|text| text.0).collect()
    }
}

impl Many<Path> {
    pub(crate) fn paths(self) -> Vec<Vec<u8>> {
        self.0.into_iter().map(|path| path.0).collect()
    }
}

/// One path, or any number of them.
pub(crate) struct Paths(pub(crate) Vec<Vec<u8>>);

impl<'a, 'py> FromPyObject<'a, 'py> for Paths {
    type Error = PyErr;

    fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
        let is_one = object.is_instance_of::<PyString>()
            || object.is_instance_of::<PyBytes>()
            || object.hasattr(pyo3::intern!(object.py(), "__fspath__"))?;
        Ok(Paths(if is_one { vec![object.extract::<Path>()?.0] } else { object.extract::<Many<Path>>()?.paths() }))
    }
}

/// A snapshot, or its id.
pub(crate) struct SnapshotId(pub(crate) String);

impl<'a, 'py> FromPyObject<'a, 'py> for SnapshotId {
    type Error = PyErr;

    fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() {
            return Ok(SnapshotId(object.extract::<Text>()?.0));
        }
        match object.getattr(pyo3::intern!(object.py(), "id")) {
            Ok(id) => Ok(SnapshotId(id.extract::<Text>()?.0)),
            Err(_) => {
                let of = object.get_type().name()?;
                Err(PyTypeError::new_err(format!("a snapshot or its id is wanted, not {of}")))
            }
        }
    }
}

impl Many<SnapshotId> {
    pub(crate) fn ids(self) -> Vec<String> {
        self.0.into_iter().map(|id| id.0).collect()
    }
}

/// A time: a `datetime`, or nanoseconds since 1970.
#[derive(Clone, Copy)]
pub(crate) struct Time(pub(crate) Timestamp);

impl<'a, 'py> FromPyObject<'a, 'py> for Time {
    type Error = PyErr;

    fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
        static NANOSECONDS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let convert = NANOSECONDS.import(object.py(), "strongroom._times", "split")?;
        let (seconds, nanos) = convert.call1((object,))?.extract()?;
        Ok(Time(Timestamp { seconds, nanos }))
    }
}

/// A length of time: a `timedelta`, or seconds.
#[derive(Clone, Copy)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    pub(crate) fn milliseconds(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Span {
    type Error = PyErr;

    fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
        static SECONDS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = object.py();
        let seconds: f64 = SECONDS.import(py, "strongroom._times", "seconds")?.call1((object,))?.extract()?;
        let span = Duration::try_from_secs_f64(seconds).map_err(|error| {
            errors::raise(py, Error::invalid("take a length of time", format!("{seconds} seconds: {error}")))
        })?;
        Ok(Span(span))
    }
}

/// A value of an enumeration, by its name.
#[derive(Clone, Copy)]
pub(crate) struct Named<T>(pub(crate) T);

macro_rules! named {
    ($($type:ty),* $(,)?) => { $(
        impl<'a, 'py> FromPyObject<'a, 'py> for Named<$type> {
            type Error = PyErr;

            fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
                // A member of the enumeration is a string of its name.
                let name = object.extract::<PyBackedStr>()?;
                <$type>::from_name(&name).map(Named).ok_or_else(|| {
                    let known: Vec<_> = <$type>::ALL.iter().map(|value| value.name()).collect();
                    let detail = format!("{:?} is none of {}", &*name, known.join(", "));
                    errors::raise(object.py(), Error::invalid("take an argument", detail))
                })
            }
        }
    )* };
}
named!(Role, Overwrite, Ownership, PeriodKind, ProblemReason, EntryKind);

/// Bounds on an operation.
#[derive(FromPyObject)]
pub(crate) struct BudgetArg {
    threads: Option<u32>,
    memory: Option<u64>,
    upload_rate: Option<u64>,
    download_rate: Option<u64>,
    deadline: Option<Span>,
    small: bool,
}

impl From<BudgetArg> for Budget {
    fn from(budget: BudgetArg) -> Self {
        Budget {
            small: budget.small,
            threads: budget.threads,
            memory: budget.memory,
            upload_rate: budget.upload_rate,
            download_rate: budget.download_rate,
            deadline_ms: budget.deadline.map(Span::milliseconds),
        }
    }
}

/// What a try at a passphrase costs.
#[derive(FromPyObject)]
pub(crate) struct CostArg {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl From<CostArg> for Cost {
    fn from(cost: CostArg) -> Self {
        Cost { memory_kib: cost.memory_kib, passes: cost.passes, lanes: cost.lanes }
    }
}

/// Bounds on chunks.
#[derive(FromPyObject)]
pub(crate) struct ChunkSizesArg {
    min: u32,
    average: u32,
    max: u32,
}

impl From<ChunkSizesArg> for ChunkSizes {
    fn from(sizes: ChunkSizesArg) -> Self {
        ChunkSizes { min: sizes.min, average: sizes.average, max: sizes.max }
    }
}

/// Which snapshots.
#[derive(FromPyObject)]
pub(crate) struct FilterArg {
    host: Option<Text>,
    paths: Many<Path>,
    tags: Many<Text>,
    after: Option<Time>,
    before: Option<Time>,
    lineage: Option<Text>,
}

impl From<FilterArg> for SnapshotFilter {
    fn from(filter: FilterArg) -> Self {
        SnapshotFilter {
            host: filter.host.map(|text| text.0),
            paths: filter.paths.paths(),
            tags: filter.tags.texts(),
            after: filter.after.map(|time| time.0),
            before: filter.before.map(|time| time.0),
            lineage: filter.lineage.map(|text| text.0),
        }
    }
}

/// The filter of an argument that may be left out.
pub(crate) fn filter(filter: Option<FilterArg>) -> SnapshotFilter {
    filter.map(SnapshotFilter::from).unwrap_or_default()
}

/// Which snapshots are kept.
#[derive(FromPyObject)]
pub(crate) struct PolicyArg {
    last: u32,
    within: Option<Span>,
    hourly: u32,
    daily: u32,
    weekly: u32,
    monthly: u32,
    yearly: u32,
    within_periods: Vec<(Named<PeriodKind>, Span)>,
    tags: Many<Text>,
    group_by: Option<Many<Text>>,
    utc_offset: Span64,
    newest_may_go: bool,
    clock_tolerance: Option<Span>,
}

/// Seconds that may be negative.
struct Span64(i32);

impl<'a, 'py> FromPyObject<'a, 'py> for Span64 {
    type Error = PyErr;

    fn extract(object: Object<'a, 'py>) -> PyResult<Self> {
        static WHOLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Ok(Span64(WHOLE.import(object.py(), "strongroom._times", "whole_seconds")?.call1((object,))?.extract()?))
    }
}

impl PolicyArg {
    pub(crate) fn policy(self) -> Result<RetentionPolicy, Error> {
        const OPERATION: &str = "take a retention policy";
        let counts = [
            (PeriodKind::Hour, self.hourly),
            (PeriodKind::Day, self.daily),
            (PeriodKind::Week, self.weekly),
            (PeriodKind::Month, self.monthly),
            (PeriodKind::Year, self.yearly),
        ];
        let mut periods = Vec::new();
        for (period, count) in counts {
            let mut within =
                self.within_periods.iter().filter(|(of, _)| of.0 == period).map(|(_, span)| span.0.as_secs());
            let within_seconds = within.next_back();
            if count > 0 || within_seconds.is_some() {
                periods.push(KeepRule { period, count, within_seconds });
            }
        }
        let group_by = self.group_by.map(|names| {
            let mut by = GroupBy::default();
            for name in names.texts() {
                match name.as_str() {
                    "lineage" => by.lineage = true,
                    "device" => by.device = true,
                    "host" => by.host = true,
                    "paths" => by.paths = true,
                    other => {
                        let detail = format!("{other:?} is none of lineage, device, host, paths");
                        return Err(Error::invalid(OPERATION, detail));
                    }
                }
            }
            Ok(by)
        });
        Ok(RetentionPolicy {
            last: self.last,
            within_seconds: self.within.map(|span| span.0.as_secs()),
            periods,
            tags: self.tags.texts(),
            group_by: group_by.transpose()?,
            utc_offset: self.utc_offset.0,
            newest_may_go: self.newest_may_go,
            clock_tolerance_seconds: self.clock_tolerance.map(|span| span.0.as_secs()),
        })
    }
}
