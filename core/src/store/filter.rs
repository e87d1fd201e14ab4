//! Which snapshots are meant.

use super::snapshots::Snapshot;
use crate::error::{Result, invalid};
use crate::format::entry::Timestamp;
use crate::id::LineageId;

/// Chooses among snapshots. Every condition that is set must hold.
///
/// ```
/// use strongroom::{SnapshotFilter, Timestamp};
/// let filter = SnapshotFilter::all().host("laptop").tag("daily").after(Timestamp::new(1_700_000_000, 0));
/// # let _ = filter;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct SnapshotFilter {
    host: Option<String>,
    paths: Vec<Vec<u8>>,
    tags: Vec<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    lineage: Option<LineageId>,
}

impl SnapshotFilter {
    /// Every snapshot.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those made on this host.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Only those for which exactly this path was given, maybe among others. May be called several times: then all
    /// of the paths are needed.
    pub fn path(mut self, path: impl Into<Vec<u8>>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Only those with this tag. May be called several times: then all of the tags are needed.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Only those made at `time` or later, by the clock of the device that made them.
    pub fn after(mut self, time: Timestamp) -> Self {
        self.after = Some(time);
        self
    }

    /// Only those made earlier than `time`, by the clock of the device that made them.
    pub fn before(mut self, time: Timestamp) -> Self {
        self.before = Some(time);
        self
    }

    /// Only those of one lineage: the backups of one host and set of paths.
    pub fn lineage(mut self, lineage: LineageId) -> Self {
        self.lineage = Some(lineage);
        self
    }

    /// Whether a condition is on something that only readers may know.
    pub(super) fn needs_body(&self) -> bool {
        self.host.is_some() || !self.paths.is_empty() || !self.tags.is_empty()
    }

    /// Whether what everyone may know of a snapshot fits.
    pub(super) fn accepts_envelope(&self, time: Timestamp, lineage: &LineageId) -> bool {
        self.after.is_none_or(|after| time >= after)
            && self.before.is_none_or(|before| time < before)
            && self.lineage.is_none_or(|wanted| *lineage == wanted)
    }

    /// Whether a snapshot fits.
    pub(crate) fn accepts(&self, snapshot: &Snapshot) -> bool {
        self.accepts_envelope(snapshot.time, &snapshot.lineage)
            && self.host.as_ref().is_none_or(|host| snapshot.host.as_ref() == Some(host))
            && self.paths.iter().all(|path| snapshot.paths.contains(path))
            && self.tags.iter().all(|tag| snapshot.tags.contains(tag))
    }
}

/// What a person typed to name one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SnapshotSpec {
    /// The newest.
    Latest,
    /// The one whose id begins with these lower-case hexadecimal digits.
    Prefix(String),
}

/// Fewest digits of an id.
const SHORTEST: usize = 4;
/// Digits of a whole id.
const LONGEST: usize = 64;

impl SnapshotSpec {
    pub(super) fn parse(spec: &str) -> Result<Self> {
        if spec == "latest" {
            return Ok(SnapshotSpec::Latest);
        }
        let digits = spec.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits && (SHORTEST..=LONGEST).contains(&spec.len()) {
            return Ok(SnapshotSpec::Prefix(spec.to_ascii_lowercase()));
        }
        let detail = "a snapshot is named by 'latest' or by the first digits of its id, at least 4 of them";
        Err(invalid("find the snapshot", detail).object(spec.escape_default()))
    }
}
