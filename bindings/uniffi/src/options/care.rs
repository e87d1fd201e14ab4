//! Options of looking after a repository.

use super::SnapshotFilter;
use crate::enums::PeriodKind;
use crate::values::{Nanoseconds, fit, fit_option};
use strongroom_bindings::{Result, options};

/// A rule of a retention policy: keeps one snapshot of each of so many periods, or of each period within a time.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct KeepRule {
    /// How long the periods are.
    pub period: PeriodKind,
    /// Of how many periods in which there is a snapshot; 0 for none by count.
    #[uniffi(default = 0)]
    pub count: i32,
    /// Of each period that was not over so long before now.
    #[uniffi(default = None)]
    pub within: Option<Nanoseconds>,
}

/// What snapshots have in common to which retention rules are applied together.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct GroupBy {
    /// Their lineage.
    #[uniffi(default = false)]
    pub lineage: bool,
    /// The device that made them.
    #[uniffi(default = false)]
    pub device: bool,
    /// Their host.
    #[uniffi(default = false)]
    pub host: bool,
    /// The paths that were backed up.
    #[uniffi(default = false)]
    pub paths: bool,
}

/// Which snapshots are kept. The rules add up.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RetentionPolicy {
    /// Keeps so many of the last ones.
    #[uniffi(default = 0)]
    pub last: i32,
    /// Keeps what was received within this time before now.
    #[uniffi(default = None)]
    pub within: Option<Nanoseconds>,
    /// Rules for periods; the last one of a kind counts.
    #[uniffi(default = [])]
    pub periods: Vec<KeepRule>,
    /// Keeps every snapshot with one of these tags.
    #[uniffi(default = [])]
    pub tags: Vec<String>,
    /// What snapshots have in common to which the rules are applied together; lineage and device where nothing is said.
    #[uniffi(default = None)]
    pub group_by: Option<GroupBy>,
    /// Where days begin: so many seconds east of UTC.
    #[uniffi(default = 0)]
    pub utc_offset: i32,
    /// Whether the newest snapshot of a group may go when no rule keeps it.
    #[uniffi(default = false)]
    pub newest_may_go: bool,
    /// By how much a device's clock may disagree with the storage's.
    #[uniffi(default = None)]
    pub clock_tolerance: Option<Nanoseconds>,
}

impl RetentionPolicy {
    fn into_common(self) -> Result<options::RetentionPolicy> {
        let seconds = |time: Option<Nanoseconds>| time.map(|time| time.seconds("time of a rule")).transpose();
        let rules = self.periods.into_iter().map(|rule| {
            Ok(options::KeepRule {
                period: rule.period,
                count: fit(rule.count, "number of periods")?,
                within_seconds: seconds(rule.within)?,
            })
        });
        Ok(options::RetentionPolicy {
            last: fit(self.last, "number of snapshots")?,
            within_seconds: seconds(self.within)?,
            periods: rules.collect::<Result<_>>()?,
            tags: self.tags,
            group_by: self.group_by.map(|by| options::GroupBy {
                lineage: by.lineage,
                device: by.device,
                host: by.host,
                paths: by.paths,
            }),
            utc_offset: self.utc_offset,
            newest_may_go: self.newest_may_go,
            clock_tolerance_seconds: seconds(self.clock_tolerance)?,
        })
    }
}

/// Which snapshots are forgotten.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ForgetOptions {
    /// Those that this does not keep. Without a policy, the named ones go.
    #[uniffi(default = None)]
    pub policy: Option<RetentionPolicy>,
    /// Those with these ids.
    #[uniffi(default = [])]
    pub snapshots: Vec<String>,
    /// These objects, such as `snapshots/3f…`, which have to be damaged, untrusted or no snapshots at all.
    #[uniffi(default = [])]
    pub damaged: Vec<String>,
    /// Snapshots it does not accept are left alone; to a policy they do not exist.
    #[uniffi(default = None)]
    pub filter: Option<SnapshotFilter>,
    /// Removes nothing, and only tells what would be removed.
    #[uniffi(default = false)]
    pub dry_run: bool,
    /// Goes on although there are marks that cannot be read, each of which may hold any snapshot.
    #[uniffi(default = false)]
    pub despite_unreadable_marks: bool,
}

impl ForgetOptions {
    pub(crate) fn into_common(self) -> Result<options::ForgetOptions> {
        Ok(options::ForgetOptions {
            policy: self.policy.map(RetentionPolicy::into_common).transpose()?,
            snapshots: self.snapshots,
            damaged: self.damaged,
            filter: self.filter.map(SnapshotFilter::into_common).unwrap_or_default(),
            dry_run: self.dry_run,
            despite_unreadable_marks: self.despite_unreadable_marks,
        })
    }
}

/// Options of pruning.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PruneOptions {
    /// Of packs of which a smaller share is needed, from 0 to 1, that part is moved and the rest freed.
    #[uniffi(default = None)]
    pub min_live_share: Option<f64>,
    /// Moves so many bytes at most.
    #[uniffi(default = None)]
    pub max_moved_bytes: Option<i64>,
    /// Only says what would be done.
    #[uniffi(default = false)]
    pub dry_run: bool,
}

impl PruneOptions {
    pub(crate) fn into_common(self) -> Result<options::PruneOptions> {
        Ok(options::PruneOptions {
            min_live_share: self.min_live_share,
            max_moved_bytes: fit_option(self.max_moved_bytes, "bytes to move")?,
            dry_run: self.dry_run,
        })
    }
}

/// Options of a check.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CheckOptions {
    /// Also reads this share of the packs, in percent of their bytes, and compares their hashes with their names.
    #[uniffi(default = None)]
    pub read_data: Option<f64>,
    /// Also decrypts every segment of the packs that are read.
    #[uniffi(default = false)]
    pub verify_content: bool,
    /// Makes the choice of packs repeatable.
    #[uniffi(default = None)]
    pub seed: Option<i64>,
}

impl CheckOptions {
    pub(crate) fn into_common(self) -> Result<options::CheckOptions> {
        let seed = fit_option(self.seed, "seed")?;
        Ok(options::CheckOptions { read_data: self.read_data, verify_content: self.verify_content, seed })
    }
}

/// Options of a repair.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RepairOptions {
    /// Writes nothing, and reports what would be done and what is lost.
    #[uniffi(default = false)]
    pub dry_run: bool,
    /// Does not read packs whole: damage inside segments of content is not found then.
    #[uniffi(default = false)]
    pub structure_only: bool,
}

impl RepairOptions {
    pub(crate) fn into_common(self) -> options::RepairOptions {
        options::RepairOptions { dry_run: self.dry_run, structure_only: self.structure_only }
    }
}

/// Options of re-encrypting.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ReencryptOptions {
    /// Ends before it would read more bytes of packs than this, but not before it has done one.
    #[uniffi(default = None)]
    pub max_bytes: Option<i64>,
    /// Begins no other pack after this time.
    #[uniffi(default = None)]
    pub max_time: Option<Nanoseconds>,
}

impl ReencryptOptions {
    pub(crate) fn into_common(self) -> Result<options::ReencryptOptions> {
        Ok(options::ReencryptOptions {
            max_bytes: fit_option(self.max_bytes, "bytes to read")?,
            max_time_ms: self.max_time.map(|time| time.milliseconds("time")).transpose()?,
        })
    }
}
