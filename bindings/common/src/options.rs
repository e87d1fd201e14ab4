//! What operations are told, as flat records. `Default` is the engine's default everywhere.

use crate::enums::{Overwrite, Ownership, PeriodKind, Role};
use crate::error::{Error, Result};
use crate::records::{Attached, Timestamp};
use crate::secret::Secret;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use strongroom::{CancelToken, EntryPath, ObjectName, SnapshotId};

/// An id from its text.
pub(crate) fn id<T: FromStr<Err = strongroom::Error>>(text: &str) -> Result<T> {
    Ok(text.parse()?)
}

/// A path in a snapshot from its bytes.
pub(crate) fn entry_path(bytes: &[u8]) -> Result<EntryPath> {
    Ok(EntryPath::parse(OsStr::from_bytes(bytes))?)
}

/// A path of the file system from its bytes.
pub(crate) fn file_path(bytes: Vec<u8>, operation: &str) -> Result<PathBuf> {
    if bytes.is_empty() {
        return Err(Error::invalid(operation, "the path is empty"));
    }
    if bytes.contains(&0) {
        return Err(Error::invalid(operation, "the path holds NUL"));
    }
    Ok(PathBuf::from(crate::backend::os_path(bytes)))
}

/// What one try at a passphrase costs, by the parameters of Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// KiB of memory.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// The default.
    pub const DEFAULT: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
    /// The least that is allowed.
    pub const FLOOR: Cost = Cost { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    /// The most that is allowed.
    pub const CEILING: Cost = Cost { memory_kib: 1024 * 1024, passes: 32, lanes: 16 };

    fn to_core(self) -> Result<strongroom::Cost> {
        Ok(strongroom::Cost::new(self.memory_kib, self.passes, self.lanes)?)
    }
}

pub(crate) fn cost(cost: Option<Cost>) -> Result<strongroom::Cost> {
    cost.map_or(Ok(strongroom::Cost::DEFAULT), Cost::to_core)
}

/// Bounds on chunk lengths in bytes; all even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSizes {
    /// No chunk but a file's last is shorter.
    pub min: u32,
    /// What chunk lengths cluster around.
    pub average: u32,
    /// No chunk is longer.
    pub max: u32,
}

/// How calls are tried again that storage could not answer at the moment.
#[derive(Debug, Clone, Default)]
pub struct RetryOptions {
    /// How often a call is tried, the first time included.
    pub tries: Option<u32>,
    /// No try begins later than this many milliseconds after the first.
    pub within_ms: Option<u64>,
    /// No wait is longer than this many milliseconds, whatever an error asks for.
    pub longest_wait_ms: Option<u64>,
    /// Ends a wait.
    pub cancel_token: Option<CancelToken>,
}

impl RetryOptions {
    pub(crate) fn to_core(&self, backend: impl strongroom::Backend + 'static) -> strongroom::RetryBackend {
        let mut retrying = strongroom::RetryBackend::new(backend);
        if let Some(tries) = self.tries {
            retrying = retrying.tries(tries);
        }
        if let Some(milliseconds) = self.within_ms {
            retrying = retrying.within(Duration::from_millis(milliseconds));
        }
        if let Some(milliseconds) = self.longest_wait_ms {
            retrying = retrying.longest_wait(Duration::from_millis(milliseconds));
        }
        if let Some(token) = &self.cancel_token {
            retrying = retrying.cancel_token(token.clone());
        }
        retrying
    }
}

/// Options of creating a repository.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// Names the first key.
    pub label: String,
    /// What one try at the passphrase costs.
    pub cost: Option<Cost>,
    /// Bounds on chunk lengths.
    pub chunk_sizes: Option<ChunkSizes>,
    /// Raw bytes that are compressed and sealed as one.
    pub segment_size: Option<u32>,
    /// Bytes after which a pack is full.
    pub pack_size: Option<u32>,
    /// Files of at most this many bytes stand in the tree itself.
    pub inline_limit: Option<u32>,
    /// Recovery data of packs, in percent of their length.
    pub parity: Option<u8>,
    /// A folder of this machine to keep local state in, by the bytes of its path.
    pub state_folder: Option<Vec<u8>>,
    /// Ends the creation.
    pub cancel_token: Option<CancelToken>,
}

impl CreateOptions {
    pub(crate) fn to_core(&self) -> Result<strongroom::CreateOptions> {
        let mut options = strongroom::CreateOptions::new().label(self.label.clone()).cost(cost(self.cost)?);
        if let Some(sizes) = self.chunk_sizes {
            options = options.chunk_sizes(strongroom::ChunkSizes::new(sizes.min, sizes.average, sizes.max));
        }
        if let Some(bytes) = self.segment_size {
            options = options.segment_size(bytes);
        }
        if let Some(bytes) = self.pack_size {
            options = options.pack_size(bytes);
        }
        if let Some(bytes) = self.inline_limit {
            options = options.inline_limit(bytes);
        }
        if let Some(percent) = self.parity {
            options = options.parity(percent);
        }
        if let Some(folder) = &self.state_folder {
            options = options.state_folder(file_path(folder.clone(), "keep local state")?);
        }
        if let Some(token) = &self.cancel_token {
            options = options.cancel_token(token.clone());
        }
        Ok(options)
    }
}

/// Options of opening a repository.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// A folder of this machine to keep local state in, by the bytes of its path.
    pub state_folder: Option<Vec<u8>>,
    /// Ends the opening.
    pub cancel_token: Option<CancelToken>,
}

impl OpenOptions {
    pub(crate) fn to_core(&self) -> Result<strongroom::OpenOptions> {
        let mut options = strongroom::OpenOptions::new();
        if let Some(folder) = &self.state_folder {
            options = options.state_folder(file_path(folder.clone(), "keep local state")?);
        }
        if let Some(token) = &self.cancel_token {
            options = options.cancel_token(token.clone());
        }
        Ok(options)
    }
}

/// Bounds on what an operation may use.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    /// Takes the small bounds meant for phones where nothing else is said.
    pub small: bool,
    /// Threads at work.
    pub threads: Option<u32>,
    /// Bytes of memory for buffers, index and caches together. Values under 32 MiB count as 32 MiB.
    pub memory: Option<u64>,
    /// Bytes a second sent to storage, averaged.
    pub upload_rate: Option<u64>,
    /// Bytes a second read from storage, averaged.
    pub download_rate: Option<u64>,
    /// After how many milliseconds from its start the work is suspended durably.
    pub deadline_ms: Option<u64>,
}

impl Budget {
    pub(crate) fn to_core(&self) -> strongroom::Budget {
        let mut budget = if self.small { strongroom::Budget::small() } else { strongroom::Budget::default() };
        if let Some(threads) = self.threads {
            budget = budget.threads(usize::try_from(threads).unwrap_or(usize::MAX));
        }
        if let Some(bytes) = self.memory {
            budget = budget.memory(bytes);
        }
        if let Some(rate) = self.upload_rate {
            budget = budget.upload_rate(rate);
        }
        if let Some(rate) = self.download_rate {
            budget = budget.download_rate(rate);
        }
        if let Some(milliseconds) = self.deadline_ms {
            budget = budget.deadline_in(Duration::from_millis(milliseconds));
        }
        budget
    }
}

/// Which snapshot an incremental backup builds on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Parent {
    /// The newest snapshot of the same host and paths.
    #[default]
    Newest,
    /// The one with this id.
    Snapshot(String),
    /// None: every file is read.
    None,
}

/// What counts as unchanged since the snapshot a backup builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeDetection {
    /// Read every file, whatever its times say.
    pub read_everything: bool,
    /// Whether the change time must be the same.
    pub change_time: bool,
    /// Whether the inode number must be the same.
    pub inode: bool,
}

impl Default for ChangeDetection {
    fn default() -> Self {
        let core = strongroom::ChangeDetection::default();
        ChangeDetection { read_everything: core.read_everything, change_time: core.change_time, inode: core.inode }
    }
}

/// Options of a backup.
#[derive(Debug, Clone, Default)]
pub struct BackupOptions {
    /// Names the machine. Host and paths together make the lineage of a snapshot.
    pub host: String,
    /// Names the person.
    pub user: String,
    /// Names the program that makes the backup.
    pub program: String,
    /// Describes the snapshot in a sentence.
    pub description: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Values of the app's own.
    pub metadata: Vec<Attached>,
    /// The zstd level, -7 (fastest) to 19 (smallest).
    pub level: Option<i32>,
    /// The snapshot to build on.
    pub parent: Parent,
    /// What counts as unchanged.
    pub changes: ChangeDetection,
    /// Claims an earlier time than now for the snapshot, for imports.
    pub time: Option<Timestamp>,
    /// Makes no snapshot when the tree is the same as the parent's.
    pub skip_if_unchanged: bool,
}

impl BackupOptions {
    pub(crate) fn to_core(&self) -> Result<strongroom::BackupOptions> {
        let changes = strongroom::ChangeDetection::default()
            .read_everything(self.changes.read_everything)
            .change_time(self.changes.change_time)
            .inode(self.changes.inode);
        let parent = match &self.parent {
            Parent::Newest => strongroom::Parent::Newest,
            Parent::Snapshot(snapshot) => strongroom::Parent::Snapshot(id(snapshot)?),
            Parent::None => strongroom::Parent::None,
        };
        let mut options = strongroom::BackupOptions::new()
            .host(self.host.clone())
            .user(self.user.clone())
            .program(self.program.clone())
            .description(self.description.clone())
            .parent(parent)
            .changes(changes)
            .skip_if_unchanged(self.skip_if_unchanged);
        for tag in &self.tags {
            options = options.tag(tag.clone());
        }
        for attached in &self.metadata {
            options = options.metadata(attached.name.clone(), attached.value.clone());
        }
        if let Some(level) = self.level {
            options = options.level(level);
        }
        if let Some(time) = self.time {
            options = options.time(time.into());
        }
        Ok(options)
    }
}

/// Options of a restore.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// The folder to restore into, by the bytes of its path; it is made when it does not exist.
    pub target: Vec<u8>,
    /// Restores this file or folder only; empty for everything.
    pub path: Vec<u8>,
    /// Restores only what matches one of these gitignore patterns, or lies in a folder that does.
    pub include: Vec<String>,
    /// Leaves out what matches these gitignore patterns.
    pub exclude: Vec<String>,
    /// What happens to entries that exist.
    pub overwrite: Overwrite,
    /// Compares the content of files whose size and time are as they should be, instead of trusting them.
    pub verify_existing: bool,
    /// What happens to owners and groups.
    pub owner: Ownership,
    /// Whether extended attributes and ACLs are restored.
    pub xattrs: bool,
    /// Whether holes become holes again or are filled with zeros.
    pub sparse: bool,
    /// Removes what stands in restored folders of the target and not in the snapshot.
    pub delete_extra: bool,
    /// Changes nothing and reports what would be done.
    pub dry_run: bool,
    /// Waits until everything is on the storage device before it returns.
    pub sync: bool,
}

impl RestoreOptions {
    /// Restores everything into the folder `target`.
    #[must_use]
    pub fn to(target: impl Into<Vec<u8>>) -> Self {
        RestoreOptions {
            target: target.into(),
            path: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            overwrite: Overwrite::IfDifferent,
            verify_existing: false,
            owner: Ownership::Named,
            xattrs: true,
            sparse: true,
            delete_extra: false,
            dry_run: false,
            sync: false,
        }
    }

    pub(crate) fn to_core(&self) -> Result<strongroom::RestoreOptions> {
        let mut options = strongroom::RestoreOptions::to(file_path(self.target.clone(), "restore into a folder")?)
            .path(entry_path(&self.path)?)
            .overwrite(self.overwrite.to_core())
            .verify_existing(self.verify_existing)
            .owner(self.owner.to_core())
            .xattrs(self.xattrs)
            .sparse(self.sparse)
            .delete_extra(self.delete_extra)
            .dry_run(self.dry_run)
            .sync(self.sync);
        for pattern in &self.include {
            options = options.include(pattern.clone());
        }
        for pattern in &self.exclude {
            options = options.exclude(pattern.clone());
        }
        Ok(options)
    }
}

/// Chooses among snapshots. Every condition that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct SnapshotFilter {
    /// Only those made on this host.
    pub host: Option<String>,
    /// Only those for which all of these paths were given.
    pub paths: Vec<Vec<u8>>,
    /// Only those with all of these tags.
    pub tags: Vec<String>,
    /// Only those made at this time or later, by the clock of the device that made them.
    pub after: Option<Timestamp>,
    /// Only those made earlier than this time.
    pub before: Option<Timestamp>,
    /// Only those of one lineage.
    pub lineage: Option<String>,
}

impl SnapshotFilter {
    pub(crate) fn to_core(&self) -> Result<strongroom::SnapshotFilter> {
        let mut filter = strongroom::SnapshotFilter::all();
        if let Some(host) = &self.host {
            filter = filter.host(host.clone());
        }
        for path in &self.paths {
            filter = filter.path(path.clone());
        }
        for tag in &self.tags {
            filter = filter.tag(tag.clone());
        }
        if let Some(time) = self.after {
            filter = filter.after(time.into());
        }
        if let Some(time) = self.before {
            filter = filter.before(time.into());
        }
        if let Some(lineage) = &self.lineage {
            filter = filter.lineage(id(lineage)?);
        }
        Ok(filter)
    }
}

/// What a search looks for: a glob. `*` and `?` match within a name, `**` across folders. Without a `/` it is compared
/// with names, with one with whole paths.
#[derive(Debug, Clone, Default)]
pub struct Pattern {
    /// The glob.
    pub glob: String,
    /// Without regard to case.
    pub any_case: bool,
}

impl Pattern {
    pub(crate) fn to_core(&self) -> Result<strongroom::Pattern> {
        let made = match self.any_case {
            true => strongroom::Pattern::glob_any_case(&self.glob),
            false => strongroom::Pattern::glob(&self.glob),
        };
        Ok(made?)
    }
}

/// A rule of a retention policy: keeps one snapshot of each of so many periods, or of each period within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepRule {
    /// How long the periods are.
    pub period: PeriodKind,
    /// Of how many periods in which there is a snapshot; 0 for none by count.
    pub count: u32,
    /// Of each period that was not over so many seconds before now.
    pub within_seconds: Option<u64>,
}

/// Which snapshots are kept. The rules add up.
#[derive(Debug, Clone, Default)]
pub struct RetentionPolicy {
    /// Keeps so many of the last ones.
    pub last: u32,
    /// Keeps what was received within so many seconds before now.
    pub within_seconds: Option<u64>,
    /// Rules for periods; the last one of a kind counts.
    pub periods: Vec<KeepRule>,
    /// Keeps every snapshot with one of these tags.
    pub tags: Vec<String>,
    /// What snapshots have in common to which the rules are applied together; none is lineage and device.
    pub group_by: Option<GroupBy>,
    /// Where days begin: so many seconds east of UTC.
    pub utc_offset: i32,
    /// Whether the newest snapshot of a group may go when no rule keeps it.
    pub newest_may_go: bool,
    /// By how many seconds a device's clock may disagree with the storage's.
    pub clock_tolerance_seconds: Option<u64>,
}

/// What snapshots have in common to which retention rules are applied together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupBy {
    /// Their lineage.
    pub lineage: bool,
    /// The device that made them.
    pub device: bool,
    /// Their host.
    pub host: bool,
    /// The paths that were backed up.
    pub paths: bool,
}

impl RetentionPolicy {
    pub(crate) fn to_core(&self) -> strongroom::RetentionPolicy {
        let mut policy = strongroom::RetentionPolicy::new()
            .keep_last(self.last)
            .utc_offset(self.utc_offset)
            .newest_may_go(self.newest_may_go);
        if let Some(seconds) = self.within_seconds {
            policy = policy.keep_within(Duration::from_secs(seconds));
        }
        for rule in &self.periods {
            policy = policy.keep_of(rule.period.to_core(), rule.count);
            if let Some(seconds) = rule.within_seconds {
                policy = policy.keep_of_within(rule.period.to_core(), Duration::from_secs(seconds));
            }
        }
        for tag in &self.tags {
            policy = policy.keep_tag(tag.clone());
        }
        if let Some(by) = self.group_by {
            let mut group_by = strongroom::GroupBy::all_together();
            if by.lineage {
                group_by = group_by.lineage();
            }
            if by.device {
                group_by = group_by.device();
            }
            if by.host {
                group_by = group_by.host();
            }
            if by.paths {
                group_by = group_by.paths();
            }
            policy = policy.group_by(group_by);
        }
        if let Some(seconds) = self.clock_tolerance_seconds {
            policy = policy.clock_tolerance(Duration::from_secs(seconds));
        }
        policy
    }
}

/// Which snapshots are forgotten.
#[derive(Debug, Clone, Default)]
pub struct ForgetOptions {
    /// Those that this does not keep. Without a policy, the named ones go.
    pub policy: Option<RetentionPolicy>,
    /// Those with these ids; of no effect beside a policy.
    pub snapshots: Vec<String>,
    /// These objects, such as `snapshots/3f…`, which have to be damaged, untrusted or no snapshots at all.
    pub damaged: Vec<String>,
    /// Snapshots it does not accept are left alone; to a policy they do not exist.
    pub filter: SnapshotFilter,
    /// Removes nothing, and only tells what would be removed.
    pub dry_run: bool,
    /// Goes on although there are marks that cannot be read, each of which may hold any snapshot.
    pub despite_unreadable_marks: bool,
}

impl ForgetOptions {
    pub(crate) fn to_core(&self) -> Result<strongroom::ForgetOptions> {
        let options = match &self.policy {
            Some(_) if !self.snapshots.is_empty() || !self.damaged.is_empty() => {
                return Err(Error::invalid("forget snapshots", "both a policy and snapshots are named"));
            }
            None if !self.damaged.is_empty() => {
                if !self.snapshots.is_empty() {
                    let detail = "sound and damaged snapshots are named; each kind takes a call of its own";
                    return Err(Error::invalid("forget snapshots", detail));
                }
                let names = self.damaged.iter().map(|name| Ok(name.parse()?)).collect::<Result<Vec<ObjectName>>>()?;
                strongroom::ForgetOptions::damaged(names)
            }
            Some(policy) => strongroom::ForgetOptions::by_policy(policy.to_core()),
            None => {
                let ids: Vec<SnapshotId> = self.snapshots.iter().map(|text| id(text)).collect::<Result<_>>()?;
                strongroom::ForgetOptions::snapshots(ids)
            }
        };
        Ok(options
            .filter(self.filter.to_core()?)
            .dry_run(self.dry_run)
            .despite_unreadable_marks(self.despite_unreadable_marks))
    }
}

/// Options of pruning.
#[derive(Debug, Clone, Default)]
pub struct PruneOptions {
    /// Of packs of which a smaller share is needed, from 0 to 1, that part is moved and the rest freed.
    pub min_live_share: Option<f64>,
    /// Moves so many bytes at most.
    pub max_moved_bytes: Option<u64>,
    /// Only says what would be done.
    pub dry_run: bool,
}

impl PruneOptions {
    pub(crate) fn to_core(&self) -> strongroom::PruneOptions {
        let mut options = strongroom::PruneOptions::new().dry_run(self.dry_run);
        if let Some(share) = self.min_live_share {
            options = options.min_live_share(share);
        }
        if let Some(bytes) = self.max_moved_bytes {
            options = options.max_moved_bytes(bytes);
        }
        options
    }
}

/// Options of a check.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// Also reads this share of the packs, in percent of their bytes, and compares their hashes with their names.
    pub read_data: Option<f64>,
    /// Also decrypts every segment of the packs that are read.
    pub verify_content: bool,
    /// Makes the choice of packs repeatable.
    pub seed: Option<u64>,
}

impl CheckOptions {
    pub(crate) fn to_core(&self) -> strongroom::CheckOptions {
        let mut options = strongroom::CheckOptions::new().verify_content(self.verify_content);
        if let Some(percent) = self.read_data {
            options = options.read_data(percent);
        }
        if let Some(seed) = self.seed {
            options = options.seed(seed);
        }
        options
    }
}

/// Options of a repair.
#[derive(Debug, Clone, Default)]
pub struct RepairOptions {
    /// Writes nothing, and reports what would be done and what is lost.
    pub dry_run: bool,
    /// Does not read packs whole: damage inside segments of content is not found then.
    pub structure_only: bool,
}

impl RepairOptions {
    pub(crate) fn to_core(&self) -> strongroom::RepairOptions {
        strongroom::RepairOptions::new().dry_run(self.dry_run).structure_only(self.structure_only)
    }
}

/// Options of re-encrypting.
#[derive(Debug, Clone, Default)]
pub struct ReencryptOptions {
    /// Ends before it would read more bytes of packs than this, but not before it has done one.
    pub max_bytes: Option<u64>,
    /// Begins no other pack after so many milliseconds.
    pub max_time_ms: Option<u64>,
}

impl ReencryptOptions {
    pub(crate) fn to_core(&self) -> strongroom::ReencryptOptions {
        let mut options = strongroom::ReencryptOptions::new();
        if let Some(bytes) = self.max_bytes {
            options = options.max_bytes(bytes);
        }
        if let Some(milliseconds) = self.max_time_ms {
            options = options.max_time(Duration::from_millis(milliseconds));
        }
        options
    }
}

/// Options of copying snapshots to other repositories.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// Copies these snapshots; none named means all.
    pub snapshots: Vec<String>,
    /// Copies the snapshots that fit.
    pub filter: SnapshotFilter,
    /// The zstd level of what is written.
    pub level: Option<i32>,
    /// Whether the tree of each copy is compared with the original's before the copy counts.
    pub verify: bool,
    /// Whether everything that was sent is read back and held against its hashes before the copy counts.
    pub verify_data: bool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        let (snapshots, filter) = (Vec::new(), SnapshotFilter::default());
        CopyOptions { snapshots, filter, level: None, verify: true, verify_data: false }
    }
}

impl CopyOptions {
    pub(crate) fn to_core(&self) -> Result<strongroom::CopyOptions> {
        let mut options = strongroom::CopyOptions::new()
            .filter(self.filter.to_core()?)
            .verify(self.verify)
            .verify_data(self.verify_data);
        for snapshot in &self.snapshots {
            options = options.snapshot(id(snapshot)?);
        }
        if let Some(level) = self.level {
            options = options.level(level);
        }
        Ok(options)
    }
}

/// A key to be added.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What opens it.
    pub secret: Secret,
    /// What its holder may do.
    pub role: Role,
    /// What it is called. Readable for everybody who sees the storage.
    pub label: String,
    /// What one try at the passphrase costs.
    pub cost: Option<Cost>,
}

impl NewKey {
    pub(crate) fn to_core(&self) -> Result<strongroom::NewKey> {
        let key = strongroom::NewKey::new(self.secret.core().clone(), self.role.to_core());
        Ok(key.label(self.label.clone()).cost(cost(self.cost)?))
    }
}

/// How a key is removed, or a device revoked.
#[derive(Debug, Clone, Default)]
pub struct RevokeOptions {
    /// Begins no new epoch: who is shut out can still read what is written, if it gets hold of it.
    pub keep_epoch: bool,
}

impl RevokeOptions {
    pub(crate) fn to_core(&self) -> strongroom::RevokeOptions {
        strongroom::RevokeOptions::new().keep_epoch(self.keep_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_the_engines() {
        for (ours, engines) in [
            (Cost::DEFAULT, strongroom::Cost::DEFAULT),
            (Cost::FLOOR, strongroom::Cost::FLOOR),
            (Cost::CEILING, strongroom::Cost::CEILING),
        ] {
            assert_eq!(ours.to_core().unwrap(), engines);
        }
        assert_eq!(cost(None).unwrap(), strongroom::Cost::default());
    }

    #[test]
    fn paths_that_are_none_are_refused() {
        assert!(file_path(Vec::new(), "x").is_err());
        assert!(file_path(b"a\0b".to_vec(), "x").is_err());
        assert!(entry_path(b"a/../b").is_err());
        assert_eq!(entry_path(b"/\xff/b").unwrap().to_os_bytes(), b"\xff/b");
    }
}
