//! What a check found.

use crate::backend::{Folder, ObjectName};
use crate::error::{Error, ErrorKind, Result, internal};
use crate::id::SnapshotId;
use crate::path::EntryPath;
use crate::progress::Meter;
use crate::report::Outcome;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is wrong with something a check looked at. The names never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CheckKind {
    /// An index object cannot be read. What only it lists counts as absent; rebuilding the index brings it back.
    DamagedIndex,
    /// Index objects list different things for the same pack.
    ConflictingIndex,
    /// A pack says that it holds something else than the index lists for it.
    IndexMismatch,
    /// The index lists a pack that is not in storage.
    MissingPack,
    /// A pack has another length than the index lists.
    WrongLength,
    /// A pack's bytes are not those its name stands for.
    DamagedPack,
    /// Storage did not give an object though it lists it, or the key that was used does not reach its epoch.
    Unreadable,
    /// A tree refers to something that no readable index object lists.
    MissingFromIndex,
    /// A segment of content is listed, but no pack that should hold it is in storage.
    MissingSegment,
    /// A segment of content cannot be opened.
    DamagedSegment,
    /// A node of a tree is listed, but no pack that should hold it is in storage.
    MissingNode,
    /// A node of a tree cannot be opened, or is not what its parent says.
    DamagedNode,
    /// A file of a snapshot cannot be restored whole.
    DamagedFile,
    /// A snapshot cannot be read or trusted.
    DamagedSnapshot,
    /// A mark cannot be read or trusted: the snapshot it is on has the tags it had before.
    DamagedMark,
    /// A lease cannot be read or trusted. No backup depends on it; pruning waits a week for whoever wrote it.
    DamagedLease,
    /// A checkpoint cannot be read or trusted. No backup depends on it; one that was suspended begins anew.
    DamagedCheckpoint,
    /// A list of packs that pruning condemned cannot be read: nothing is backed up until pruning has put that right.
    DamagedCondemnation,
    /// A key slot is damaged: what it was made for opens nothing any more.
    DamagedKey,
    /// A device list is damaged.
    DamagedDevices,
    /// A pack that no index object lists: a backup that broke off leaves such packs. Not damage.
    UnindexedPack,
    /// An object whose name does not belong in its folder. Not damage.
    UnknownObject,
}

impl CheckKind {
    /// The stable name, in snake case.
    ///
    /// ```
    /// assert_eq!(strongroom::CheckKind::MissingPack.name(), "missing_pack");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CheckKind::DamagedIndex => "damaged_index",
            CheckKind::ConflictingIndex => "conflicting_index",
            CheckKind::IndexMismatch => "index_mismatch",
            CheckKind::MissingPack => "missing_pack",
            CheckKind::WrongLength => "wrong_length",
            CheckKind::DamagedPack => "damaged_pack",
            CheckKind::Unreadable => "unreadable",
            CheckKind::MissingFromIndex => "missing_from_index",
            CheckKind::MissingSegment => "missing_segment",
            CheckKind::DamagedSegment => "damaged_segment",
            CheckKind::MissingNode => "missing_node",
            CheckKind::DamagedNode => "damaged_node",
            CheckKind::DamagedFile => "damaged_file",
            CheckKind::DamagedSnapshot => "damaged_snapshot",
            CheckKind::DamagedMark => "damaged_mark",
            CheckKind::DamagedLease => "damaged_lease",
            CheckKind::DamagedCheckpoint => "damaged_checkpoint",
            CheckKind::DamagedCondemnation => "damaged_condemnation",
            CheckKind::DamagedKey => "damaged_key",
            CheckKind::DamagedDevices => "damaged_devices",
            CheckKind::UnindexedPack => "unindexed_pack",
            CheckKind::UnknownObject => "unknown_object",
        }
    }

    /// Whether something of this kind means that the repository is not sound.
    #[must_use]
    pub const fn is_damage(self) -> bool {
        !matches!(self, CheckKind::UnindexedPack | CheckKind::UnknownObject)
    }
}

/// One thing a check found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct CheckProblem {
    /// What is wrong, for programs.
    pub kind: CheckKind,
    /// The object it is wrong with: a name such as `packs/3f…`, or the id of a segment or node.
    pub object: String,
    /// The snapshot that suffers, for problems found in a tree.
    pub snapshot: Option<SnapshotId>,
    /// The path that suffers; for a node, the first one of those it held.
    pub path: Option<EntryPath>,
    /// What is wrong, for people.
    pub detail: String,
}

impl CheckProblem {
    pub(crate) fn new(kind: CheckKind, object: impl fmt::Display, detail: impl Into<String>) -> Self {
        CheckProblem { kind, object: object.to_string(), snapshot: None, path: None, detail: detail.into() }
    }

    /// What is wrong with an object that stands for itself.
    pub(crate) fn of_object(name: &ObjectName, error: &Error) -> Self {
        let damaged = match name.folder() {
            Folder::Keys => CheckKind::DamagedKey,
            Folder::Devices => CheckKind::DamagedDevices,
            Folder::Index => CheckKind::DamagedIndex,
            Folder::Packs => CheckKind::DamagedPack,
            Folder::Snapshots => CheckKind::DamagedSnapshot,
            Folder::Marks => CheckKind::DamagedMark,
            Folder::Sessions if name.file().contains('.') => CheckKind::DamagedCheckpoint,
            Folder::Sessions => CheckKind::DamagedLease,
            Folder::Condemned => CheckKind::DamagedCondemnation,
            _ => CheckKind::Unreadable,
        };
        CheckProblem::new(kind_of(error, damaged, damaged), name, error.to_string())
    }

    pub(super) fn at(mut self, snapshot: SnapshotId, path: EntryPath) -> Self {
        self.snapshot = Some(snapshot);
        self.path = Some(path);
        self
    }
}

impl fmt::Display for CheckProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind.name())?;
        if let Some(snapshot) = &self.snapshot {
            write!(f, "snapshot {}: ", snapshot.short())?;
        }
        if let Some(path) = &self.path {
            write!(f, "{}: ", if path.is_root() { ".".to_owned() } else { path.to_string() })?;
        }
        write!(f, "{}: {}", self.object, self.detail)
    }
}

/// What a check looked at and found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CheckReport {
    /// Complete when everything that was asked for was looked at, whatever was found; else suspended.
    pub outcome: Outcome,
    /// Trees were left out, because the key that was used cannot read them.
    pub trees_skipped: bool,
    /// Snapshots whose tree was looked at.
    pub snapshots: u64,
    /// Nodes of trees, run lists included. What several snapshots share counts once, here and below.
    pub nodes: u64,
    /// Entries in those nodes.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Sum of the sizes of those files, in bytes.
    pub bytes: u64,
    /// Index objects that could be read and are in force.
    pub index_objects: u64,
    /// Packs in storage that the index lists.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
    /// Packs in storage that no index object lists.
    pub unindexed_packs: u64,
    /// Their bytes.
    pub unindexed_bytes: u64,
    /// Packs read whole.
    pub packs_read: u64,
    /// Bytes read of them.
    pub bytes_read: u64,
    /// Segments of those packs that were decrypted and verified.
    pub segments_opened: u64,
    /// Everything found that means damage, the first thousands with their details.
    pub problems: Vec<CheckProblem>,
    /// How many there are, those included that `problems` has no room for.
    pub problem_count: u64,
    /// What was found that is odd and harmless.
    pub notes: Vec<CheckProblem>,
    /// How long it took.
    pub duration: Duration,
}

impl CheckReport {
    pub(super) fn new() -> Self {
        CheckReport {
            outcome: Outcome::Complete,
            trees_skipped: false,
            snapshots: 0,
            nodes: 0,
            entries: 0,
            files: 0,
            bytes: 0,
            index_objects: 0,
            packs: 0,
            pack_bytes: 0,
            unindexed_packs: 0,
            unindexed_bytes: 0,
            packs_read: 0,
            bytes_read: 0,
            segments_opened: 0,
            problems: Vec::new(),
            problem_count: 0,
            notes: Vec::new(),
            duration: Duration::ZERO,
        }
    }

    /// Whether everything that was asked for was looked at, and nothing was found wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0 && self.outcome == Outcome::Complete
    }

    /// Adds what was found beside the check itself.
    pub(crate) fn add(&mut self, problem: CheckProblem) {
        if !problem.kind.is_damage() {
            if self.notes.len() < MAX_LISTED {
                self.notes.push(problem);
            }
            return;
        }
        self.problem_count += 1;
        if self.problems.len() < MAX_LISTED {
            self.problems.push(problem);
            self.problems.sort();
        }
    }

    /// The problems of one kind.
    pub fn of_kind(&self, kind: CheckKind) -> impl Iterator<Item = &CheckProblem> {
        self.problems.iter().chain(&self.notes).filter(move |problem| problem.kind == kind)
    }
}

/// Most problems, and most notes, kept with their details.
const MAX_LISTED: usize = 10_000;

/// Collects what is found, from several threads.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    meter: &'a Meter,
    problems: Mutex<Vec<CheckProblem>>,
    notes: Mutex<Vec<CheckProblem>>,
    count: AtomicU64,
}

impl<'a> Findings<'a> {
    pub(super) fn new(meter: &'a Meter) -> Self {
        Findings { meter, problems: Mutex::default(), notes: Mutex::default(), count: AtomicU64::new(0) }
    }

    pub(super) fn add(&self, problem: CheckProblem) -> Result<()> {
        let list = if problem.kind.is_damage() {
            self.count.fetch_add(1, Ordering::Relaxed);
            self.meter.add_problems(1);
            &self.problems
        } else {
            &self.notes
        };
        let mut list = list.lock().map_err(|_| internal("check", "a thread panicked while holding what it found"))?;
        if list.len() < MAX_LISTED {
            list.push(problem);
        }
        Ok(())
    }

    /// Moves everything into the report, in an order that does not depend on the threads.
    pub(super) fn finish(self, report: &mut CheckReport) {
        report.problem_count = self.count.into_inner();
        report.problems = self.problems.into_inner().unwrap_or_default();
        report.notes = self.notes.into_inner().unwrap_or_default();
        report.problems.sort();
        report.notes.sort();
    }
}

/// What to call a problem with an object that could not be read: `damaged` when its bytes are at fault.
pub(super) fn kind_of(error: &Error, damaged: CheckKind, missing: CheckKind) -> CheckKind {
    match error.kind() {
        ErrorKind::NotFound => missing,
        ErrorKind::Io | ErrorKind::PermissionDenied | ErrorKind::Forbidden => CheckKind::Unreadable,
        _ => damaged,
    }
}
