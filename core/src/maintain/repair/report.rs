//! What a repair is told, and what it did.

use crate::backend::ObjectName;
use crate::error::Error;
use crate::id::SnapshotId;
use crate::path::EntryPath;
use crate::report::Outcome;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Options of a repair.
///
/// ```
/// let look = strongroom::RepairOptions::new().dry_run(true);
/// let quick = strongroom::RepairOptions::new().structure_only(true);
/// # let _ = (look, quick);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RepairOptions {
    pub(super) dry_run: bool,
    pub(super) structure_only: bool,
}

impl RepairOptions {
    /// Everything is read, and everything that can be mended is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes nothing, and reports what would be done and what is lost.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Does not read packs whole: damage inside segments of content is not found then. Packs that are missing, of
    /// another length, or do not say what they hold are, and so is all that is wrong with index and trees.
    #[must_use]
    pub fn structure_only(mut self, structure_only: bool) -> Self {
        self.structure_only = structure_only;
        self
    }
}

/// A pack that is missing or damaged, and what became of the segments it held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedPack {
    /// Its name.
    pub name: ObjectName,
    /// Storage does not have it.
    pub missing: bool,
    /// What is wrong with it.
    pub detail: String,
    /// Sound segments of which it held the only copy; they are in a new pack now.
    pub segments_moved: u64,
    /// Segments of which another pack has a sound copy.
    pub segments_elsewhere: u64,
    /// Segments of which there is no sound copy.
    pub segments_lost: u64,
    /// Segments that nobody can tell about without a reader's or owner's key. While there are any, the index goes on
    /// listing the pack.
    pub segments_unknown: u64,
}

/// Something that a snapshot lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// A file of which some content is lost. Its metadata, and the other content, can still be read from the damaged
    /// snapshot; the salvaged one does not have it.
    File {
        /// Which one.
        path: EntryPath,
        /// Its length.
        size: u64,
        /// The bytes of it that are lost, ascending and apart; the first thousand ranges.
        ranges: Vec<Range<u64>>,
        /// How many bytes are lost.
        bytes: u64,
    },
    /// All entries from one path on and before another one, in the order of paths.
    Entries {
        /// The first of them.
        from: EntryPath,
        /// The first entry behind them; none when they are the last.
        before: Option<EntryPath>,
        /// How many there were, as their parent in the tree says; for the root, as the snapshot says.
        entries: u64,
        /// Regular files among them.
        files: u64,
        /// Sum of the sizes of those files.
        bytes: u64,
    },
}

impl Loss {
    /// The path, or the first of the paths.
    #[must_use]
    pub fn path(&self) -> &EntryPath {
        match self {
            Loss::File { path, .. } => path,
            Loss::Entries { from, .. } => from,
        }
    }

    /// Whether the entry at this path is among what is lost.
    #[must_use]
    pub fn covers(&self, path: &EntryPath) -> bool {
        match self {
            Loss::File { path: lost, .. } => lost == path,
            Loss::Entries { from, before, .. } => from <= path && before.as_ref().is_none_or(|before| path < before),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &EntryPath| if path.is_root() { ".".to_owned() } else { path.to_string() };
        match self {
            Loss::File { path, size, ranges, bytes } if bytes == size || ranges.is_empty() => {
                write!(f, "{}: all of its {size} bytes are lost", shown(path))
            }
            Loss::File { path, size, ranges, bytes } => {
                write!(f, "{}: {bytes} of {size} bytes are lost: ", shown(path))?;
                for (number, range) in ranges.iter().take(8).enumerate() {
                    let comma = if number == 0 { "" } else { ", " };
                    write!(f, "{comma}{} to {}", range.start, range.end.saturating_sub(1))?;
                }
                if ranges.len() > 8 { write!(f, " and {} more ranges", ranges.len() - 8) } else { Ok(()) }
            }
            Loss::Entries { from, before, entries, files, bytes } => {
                write!(f, "{}: {entries} entries ({files} files, {bytes} bytes) from here on", shown(from))?;
                match before {
                    Some(before) => write!(f, " and before {} are lost", shown(before)),
                    None => write!(f, " to the end are lost"),
                }
            }
        }
    }
}

/// A snapshot that lost something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvagedSnapshot {
    /// The damaged snapshot, which stays.
    pub damaged: SnapshotId,
    /// The snapshot of what is whole. None when nothing is, when nothing was to be written, or when the key that was
    /// used can write none.
    pub salvaged: Option<SnapshotId>,
    /// An earlier repair had made it.
    pub already: bool,
    /// Entries that are whole.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Sum of the sizes of those files.
    pub bytes: u64,
    /// What is lost, in the order of paths: the first hundred thousand losses of a repair.
    pub lost: Vec<Loss>,
    /// How many losses there are.
    pub lost_count: u64,
}

/// What a repair found and did.
#[derive(Debug)]
#[non_exhaustive]
pub struct RepairReport {
    /// Complete when everything is whole again; partial when something is lost or could not be looked at; suspended
    /// when the work was stopped: what was done stays done.
    pub outcome: Outcome,
    /// Nothing was written.
    pub dry_run: bool,
    /// Packs in storage.
    pub packs: u64,
    /// Packs that were read whole.
    pub packs_read: u64,
    /// Bytes read of them.
    pub bytes_read: u64,
    /// Packs that are missing or damaged.
    pub damaged: Vec<DamagedPack>,
    /// Packs that this build or this key does not understand, or that storage does not give. They are left alone.
    pub left: Vec<(ObjectName, Error)>,
    /// New packs of segments that were moved.
    pub packs_written: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Index objects written.
    pub index_written: u64,
    /// Index objects no longer in force.
    pub index_superseded: u64,
    /// Packs that no index object listed rightly, and that one lists now.
    pub packs_listed: u64,
    /// Snapshots whose trees were looked at.
    pub snapshots: u64,
    /// Trees were left out, because the key that was used cannot read them.
    pub trees_skipped: bool,
    /// Snapshots that lost something.
    pub salvaged: Vec<SalvagedSnapshot>,
    /// Snapshots, and marks on them, that cannot be read or trusted. What they were of cannot be told.
    pub rejected: Vec<(ObjectName, Error)>,
    /// How long it took.
    pub duration: Duration,
}

impl RepairReport {
    pub(super) fn new(dry_run: bool) -> Self {
        RepairReport {
            outcome: Outcome::Complete,
            dry_run,
            packs: 0,
            packs_read: 0,
            bytes_read: 0,
            damaged: Vec::new(),
            left: Vec::new(),
            packs_written: 0,
            bytes_written: 0,
            index_written: 0,
            index_superseded: 0,
            packs_listed: 0,
            snapshots: 0,
            trees_skipped: false,
            salvaged: Vec::new(),
            rejected: Vec::new(),
            duration: Duration::ZERO,
        }
    }

    /// Whether there was nothing to mend, and nothing is lost.
    #[must_use]
    pub fn was_sound(&self) -> bool {
        self.outcome == Outcome::Complete && self.damaged.is_empty() && self.index_written == 0
    }

    /// Whether something was written, or would have been.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        let new = |one: &SalvagedSnapshot| one.salvaged.is_some() && !one.already;
        self.index_written > 0 || self.packs_written > 0 || self.salvaged.iter().any(new)
    }

    /// Losses of all snapshots.
    #[must_use]
    pub fn lost_count(&self) -> u64 {
        self.salvaged.iter().map(|one| one.lost_count).sum()
    }
}
