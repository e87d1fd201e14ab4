//! Records of the library as the frozen dataclasses of `strongroom`.

use crate::convert::ToPython;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};
use std::time::Duration;
use strongroom_bindings::{
    ChangeKind, CheckKind, EntryKind, ErrorKind, LogLevel, Outcome, Phase, ProblemReason, Role, SlotMethod,
    SnapshotOutcome,
};

macro_rules! enums {
    ($($name:ident),* $(,)?) => { $(
        impl ToPython for $name {
            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                static MEMBERS: PyOnceLock<Vec<Py<PyAny>>> = PyOnceLock::new();
                let members = MEMBERS.get_or_try_init(py, || {
                    let class = py.import("strongroom._enums")?.getattr(stringify!($name))?;
                    let made = $name::ALL.iter().map(|value| Ok(class.call1((value.name(),))?.unbind()));
                    made.collect::<PyResult<Vec<_>>>()
                })?;
                let at = $name::ALL.iter().position(|value| value == self).unwrap_or_default();
                Ok(members[at].bind(py).clone())
            }
        }
    )* };
}
enums!(
    ChangeKind,
    CheckKind,
    EntryKind,
    ErrorKind,
    LogLevel,
    Outcome,
    Phase,
    ProblemReason,
    Role,
    SlotMethod,
    SnapshotOutcome,
);

/// Nanoseconds, as a `timedelta`.
struct Nanoseconds(u64);

impl ToPython for Nanoseconds {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Duration::from_nanos(self.0).into_bound_py_any(py)
    }
}

/// A record becomes the dataclass of its name, whose fields are in this order. Every field is named here: one that is new in
/// the record does not compile.
macro_rules! records {
    ($( $name:ident { $( $field:ident $(as $form:ident)? ),* $(,)? } )*) => { $(
        impl ToPython for strongroom_bindings::records::$name {
            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
                let strongroom_bindings::records::$name { $( $field, )* } = self;
                let fields = [ $( records!(@form $field $($form)?).to_python(py)?, )* ];
                let class = CLASS.import(py, "strongroom._records", stringify!($name))?;
                class.call1(PyTuple::new(py, fields)?)
            }
        }
    )* };
    (@form $field:ident) => { $field };
    (@form $field:ident $form:ident) => { $form(*$field) };
}

records! {
    Rejected { object, error }
    ObjectNote { object, detail }
    Entry { path, kind, target, device_major, device_minor, size, mode, uid, gid, user, group, modified, changed, inode, hard_link, xattrs, holes }
    HardLink { device, inode }
    Hole { offset, length }
    Changes { kind, content, mode, owner, modified, xattrs }
    Difference { path, change, before, after, changes }
    Snapshot { id, root, time, received, lineage, device, session, counts, parents, outcome, hold_until, body_readable, host, paths, tags, description, user, program, metadata }
    SnapshotCounts { entries, files, directories, bytes, new_bytes, stored_bytes, problems, unchanged_files }
    SnapshotListing { snapshots, rejected }
    RepositoryStats { snapshots, raw_bytes, deduplicated_bytes, tree_nodes, unreadable_nodes, data_segments, stored_bytes, packs, segments, blobs, index_objects }
    SnapshotStats { id, entries, files, bytes, readable }
    Problem { path, reason, detail }
    Progress { phase, entries, total_entries, bytes, total_bytes, new_bytes, stored_bytes, problems, elapsed_ns as Nanoseconds, current }
    BackupReport { outcome, snapshot, parent, entries, files, directories, bytes, unchanged, new_bytes, new_blobs, stored_bytes, stored_packs, problems, problem_count, duration_ns as Nanoseconds }
    RestoreReport { outcome, entries, files, directories, symlinks, hard_links, others, unchanged, bytes, bytes_written, deleted, problems, problem_count, duration_ns as Nanoseconds }
    CopyReport { outcome, snapshots, destinations, rejected, read_bytes, duration_ns as Nanoseconds }
    CopyDestination { repository, location, outcome, error, copied, present, new_bytes, stored_bytes, stored_packs }
    SnapshotCopy { source, copy, outcome, entries, bytes, unchanged, new_bytes, stored_bytes, problems, problem_count }
    ForgetReport { dry_run, now, groups, kept, removed, leftover_marks, damaged, rejected }
    DamagedSnapshot { name, error, held_until }
    RetentionGroup { lineage, device, host, paths, decisions }
    RetentionDecision { snapshot, keep, remove, clock_ahead }
    RetentionReason { name, text }
    CheckProblem { kind, object, snapshot, path, detail }
    CheckReport { outcome, trees_skipped, snapshots, nodes, entries, files, bytes, index_objects, packs, pack_bytes, unindexed_packs, unindexed_bytes, packs_read, bytes_read, segments_opened, problems, problem_count, notes, duration_ns as Nanoseconds }
    RepairReport { outcome, dry_run, packs, packs_read, bytes_read, damaged, left, packs_written, bytes_written, index_written, index_superseded, packs_listed, snapshots, trees_skipped, salvaged, rejected, duration_ns as Nanoseconds }
    DamagedPack { name, missing, detail, sectors_healed, segments_moved, segments_elsewhere, segments_lost, segments_unknown }
    SalvagedSnapshot { damaged, salvaged, already, entries, files, bytes, lost, lost_count }
    Loss { path, is_file, before, size, bytes, ranges, entries, files, text }
    RebuildReport { outcome, packs, pack_bytes, segments, blobs, packs_added, objects_written, objects_superseded, unreadable, unreadable_count, duration_ns as Nanoseconds }
    UnreadablePack { name, kept, detail }
    PruneReport { outcome, packs, pack_bytes, live_bytes, removed_packs, removed_bytes, condemned_packs, condemned_bytes, emptied_packs, written_bytes, reprieved_packs, waiting_for, cleaned_sessions, removed_index_objects, damaged_packs, void_snapshots, duration_ns as Nanoseconds }
    ParityReport { outcome, packs, pack_bytes, added, added_bytes, damaged, duration_ns as Nanoseconds }
    ReencryptReport { outcome, epoch, packs, bytes, segments, stored_packs, stored_bytes, left_packs, left_bytes, superseded_packs, superseded_bytes, unreadable, unreadable_count, duration_ns as Nanoseconds }
    SlotInfo { id, role, epoch, method, label, created, device, current }
    DeviceInfo { id, name, role, added, revoked, has_key }
    SessionInfo { id, device, purpose, began, renewed, expires, ended }
    RotationReport { epoch, handed_out, removed, remaining, left_behind, at_work }
    LeftBehind { name, role, device, slot }
    Revocation { device, since, removed, remaining, rotation }
    KeyRemoval { revoked, removed, remaining, rotation }
    PassphraseChange { slot, remaining }
}
