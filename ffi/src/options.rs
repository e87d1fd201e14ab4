//! Options, as C structs that can grow. Set `struct_size` to the size of the struct and everything else to zero, then what
//! is wanted: zero is the default everywhere. In C: `sr_backup_options options = { .struct_size = sizeof(options) };`

use crate::enums::{sr_overwrite, sr_ownership, sr_period_kind};
use crate::input::{Extensible, byte_list, bytes, items, maybe_bytes, maybe_text, sized, texts};
use crate::objects::{sr_run, token_of};
use crate::types::{sr_bytes, sr_timestamp};
use std::ffi::c_char;
use strongroom_bindings::options as flat;
use strongroom_bindings::records::Attached;
use strongroom_bindings::{Error, FilesOptions, Overwrite, Ownership, PeriodKind, Result, StreamOptions};

/// Makes the shared layer's options of what C gave.
pub(crate) trait FromC: Extensible {
    /// The shared layer's.
    type Flat;

    /// # Safety
    /// Every pointer in `self` is NULL or points to what its documentation says.
    unsafe fn flat(&self, operation: &str) -> Result<Self::Flat>;
}

/// # Safety
/// As [`sized`] and [`FromC::flat`].
pub(crate) unsafe fn read<T: FromC>(given: *const T, operation: &str) -> Result<T::Flat> {
    // SAFETY: the same contracts.
    unsafe { sized(given, operation)?.flat(operation) }
}

macro_rules! extensible {
    ($($name:ident),* $(,)?) => { $(
        // SAFETY: `repr(C)`, begins with `struct_size: usize`, and has only the fields the trait allows.
        unsafe impl Extensible for $name {
            const NAME: &'static str = stringify!($name);
        }
    )* };
}
pub(crate) use extensible;

extensible!(
    sr_create_options,
    sr_retry_options,
    sr_open_options,
    sr_budget,
    sr_backup_options,
    sr_files_options,
    sr_stream_options,
    sr_restore_options,
    sr_snapshot_filter,
    sr_retention_policy,
    sr_forget_options,
    sr_prune_options,
    sr_check_options,
    sr_repair_options,
    sr_reencrypt_options,
    sr_copy_options,
    sr_revoke_options,
);

fn set<T: Copy>(is_set: bool, value: T) -> Option<T> {
    is_set.then_some(value)
}

/// What one try at a passphrase costs, by the parameters of Argon2id. All zero for the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_cost {
    /// KiB of memory.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

pub(crate) fn cost(cost: sr_cost) -> Option<flat::Cost> {
    let sr_cost { memory_kib, passes, lanes } = cost;
    (memory_kib | passes | lanes != 0).then_some(flat::Cost { memory_kib, passes, lanes })
}

/// Options of creating a repository.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_create_options {
    /// sizeof(sr_create_options).
    pub struct_size: usize,
    /// Names the first key. May be NULL.
    pub label: *const c_char,
    /// What one try at the passphrase costs.
    pub cost: sr_cost,
    /// No chunk but a file's last is shorter. The three chunk lengths are set together, or all 0 for the default.
    pub chunk_min: u32,
    /// What chunk lengths cluster around.
    pub chunk_average: u32,
    /// No chunk is longer.
    pub chunk_max: u32,
    /// Raw bytes that are compressed and sealed as one; 0 for the default.
    pub segment_size: u32,
    /// Bytes after which a pack is full; 0 for the default.
    pub pack_size: u32,
    /// Whether `inline_limit` is set.
    pub has_inline_limit: bool,
    /// Files of at most this many bytes stand in the tree itself.
    pub inline_limit: u32,
    /// Recovery data of packs, in percent of their length; 0 for none.
    pub parity: u8,
    /// A folder of this machine to keep local state in. NULL for none.
    pub state_folder: sr_bytes,
    /// Cancelling it ends the creation. 0 for none.
    pub run: sr_run,
}

impl FromC for sr_create_options {
    type Flat = flat::CreateOptions;

    unsafe fn flat(&self, operation: &str) -> Result<flat::CreateOptions> {
        let chunks = flat::ChunkSizes { min: self.chunk_min, average: self.chunk_average, max: self.chunk_max };
        Ok(flat::CreateOptions {
            // SAFETY: the contract of the trait.
            label: unsafe { maybe_text(self.label, operation) }?.unwrap_or_default(),
            cost: cost(self.cost),
            chunk_sizes: set(chunks.min | chunks.average | chunks.max != 0, chunks),
            segment_size: set(self.segment_size != 0, self.segment_size),
            pack_size: set(self.pack_size != 0, self.pack_size),
            inline_limit: set(self.has_inline_limit, self.inline_limit),
            parity: set(self.parity != 0, self.parity),
            // SAFETY: the contract of the trait.
            state_folder: unsafe { maybe_bytes(self.state_folder, operation) }?,
            cancel_token: token_of(self.run, operation)?,
        })
    }
}

/// How calls are tried again that storage could not answer at the moment.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_retry_options {
    /// sizeof(sr_retry_options).
    pub struct_size: usize,
    /// How often a call is tried, the first time included; 0 for the default.
    pub tries: u32,
    /// No try begins later than this many milliseconds after the first; 0 for the default.
    pub within_ms: u64,
    /// No wait is longer than this many milliseconds, whatever an error asks for; 0 for the default.
    pub longest_wait_ms: u64,
    /// Cancelling it ends a wait. 0 for none.
    pub run: sr_run,
}

impl FromC for sr_retry_options {
    type Flat = flat::RetryOptions;

    unsafe fn flat(&self, operation: &str) -> Result<flat::RetryOptions> {
        Ok(flat::RetryOptions {
            tries: set(self.tries != 0, self.tries),
            within_ms: set(self.within_ms != 0, self.within_ms),
            longest_wait_ms: set(self.longest_wait_ms != 0, self.longest_wait_ms),
            cancel_token: token_of(self.run, operation)?,
        })
    }
}

/// Options of opening a repository.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_open_options {
    /// sizeof(sr_open_options).
    pub struct_size: usize,
    /// A folder of this machine to keep local state in. NULL for none.
    pub state_folder: sr_bytes,
    /// Cancelling it ends the opening. 0 for none.
    pub run: sr_run,
}

impl FromC for sr_open_options {
    type Flat = flat::OpenOptions;

    unsafe fn flat(&self, operation: &str) -> Result<flat::OpenOptions> {
        // SAFETY: the contract of the trait.
        let state_folder = unsafe { maybe_bytes(self.state_folder, operation) }?;
        Ok(flat::OpenOptions { state_folder, cancel_token: token_of(self.run, operation)? })
    }
}

/// Bounds on what an operation may use.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_budget {
    /// sizeof(sr_budget).
    pub struct_size: usize,
    /// Takes the small bounds meant for phones where nothing else is said.
    pub small: bool,
    /// Threads at work; 0 for the default.
    pub threads: u32,
    /// Bytes of memory for buffers, index and caches together; 0 for the default.
    pub memory: u64,
    /// Bytes a second sent to storage, averaged; 0 for no bound.
    pub upload_rate: u64,
    /// Bytes a second read from storage, averaged; 0 for no bound.
    pub download_rate: u64,
    /// Whether `deadline_ms` is set.
    pub has_deadline_ms: bool,
    /// After how many milliseconds from its start an operation is suspended durably.
    pub deadline_ms: u64,
}

impl FromC for sr_budget {
    type Flat = flat::Budget;

    unsafe fn flat(&self, _: &str) -> Result<flat::Budget> {
        Ok(flat::Budget {
            small: self.small,
            threads: set(self.threads != 0, self.threads),
            memory: set(self.memory != 0, self.memory),
            upload_rate: set(self.upload_rate != 0, self.upload_rate),
            download_rate: set(self.download_rate != 0, self.download_rate),
            deadline_ms: set(self.has_deadline_ms, self.deadline_ms),
        })
    }
}

/// A value that an app attaches to a snapshot under a name.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_metadata {
    /// The name.
    pub name: *const c_char,
    /// The value.
    pub value: sr_bytes,
}

/// Options of a backup.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_backup_options {
    /// sizeof(sr_backup_options).
    pub struct_size: usize,
    /// Names the machine. Host and paths together make the lineage of a snapshot. May be NULL, as the next three.
    pub host: *const c_char,
    /// Names the person.
    pub user: *const c_char,
    /// Names the program that makes the backup.
    pub program: *const c_char,
    /// Describes the snapshot in a sentence.
    pub description: *const c_char,
    /// Tags.
    pub tags: *const *const c_char,
    /// How many there are.
    pub tags_count: usize,
    /// Values of the app's own.
    pub metadata: *const sr_metadata,
    /// How many there are.
    pub metadata_count: usize,
    /// Whether `level` is set.
    pub has_level: bool,
    /// The zstd level, -7 (fastest) to 19 (smallest).
    pub level: i32,
    /// The id of the snapshot to build on. NULL for the newest of the same host and paths.
    pub parent: *const c_char,
    /// Builds on none: every file is read.
    pub no_parent: bool,
    /// Reads every file, whatever its times say.
    pub read_everything: bool,
    /// Takes files for unchanged although their change times differ.
    pub ignore_change_time: bool,
    /// Takes files for unchanged although their inode numbers differ.
    pub ignore_inode: bool,
    /// Whether `time` is set.
    pub has_time: bool,
    /// Claims an earlier time than now for the snapshot, for imports.
    pub time: sr_timestamp,
    /// Makes no snapshot when the tree is the same as the parent's.
    pub skip_if_unchanged: bool,
}

impl FromC for sr_backup_options {
    type Flat = flat::BackupOptions;

    unsafe fn flat(&self, operation: &str) -> Result<flat::BackupOptions> {
        // SAFETY: the contract of the trait, here and in all that follow in this function.
        let or_empty = |text| unsafe { maybe_text(text, operation) }.map(Option::unwrap_or_default);
        // SAFETY: as above.
        let parent = match unsafe { maybe_text(self.parent, operation) }? {
            Some(_) if self.no_parent => return Err(Error::invalid(operation, "a parent and no_parent are both set")),
            Some(parent) => flat::Parent::Snapshot(parent),
            None if self.no_parent => flat::Parent::None,
            None => flat::Parent::Newest,
        };
        let mut metadata = Vec::new();
        // SAFETY: as above.
        for one in unsafe { items(self.metadata, self.metadata_count, operation) }? {
            // SAFETY: as above.
            let (name, value) = unsafe { (crate::input::text(one.name, operation)?, bytes(one.value, operation)?) };
            metadata.push(Attached { name, value });
        }
        Ok(flat::BackupOptions {
            host: or_empty(self.host)?,
            user: or_empty(self.user)?,
            program: or_empty(self.program)?,
            description: or_empty(self.description)?,
            // SAFETY: as above.
            tags: unsafe { texts(self.tags, self.tags_count, operation) }?,
            metadata,
            level: set(self.has_level, self.level),
            parent,
            changes: flat::ChangeDetection {
                read_everything: self.read_everything,
                change_time: !self.ignore_change_time,
                inode: !self.ignore_inode,
            },
            time: set(self.has_time, self.time.into()),
            skip_if_unchanged: self.skip_if_unchanged,
        })
    }
}

/// Which files and folders of the file system are backed up.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_files_options {
    /// sizeof(sr_files_options).
    pub struct_size: usize,
    /// Files and folders, at least one. A single folder stands at the snapshot's root.
    pub paths: *const sr_bytes,
    /// How many there are.
    pub paths_count: usize,
    /// Leaves out what matches these patterns in gitignore syntax.
    pub exclude: *const *const c_char,
    /// How many there are.
    pub exclude_count: usize,
    /// Leaves out what matches the patterns in these files.
    pub exclude_files: *const sr_bytes,
    /// How many there are.
    pub exclude_files_count: usize,
    /// Of folders marked as caches keeps only themselves and their mark.
    pub exclude_caches: bool,
    /// Of folders that contain something of one of these names keeps only themselves and that.
    pub exclude_if_present: *const sr_bytes,
    /// How many there are.
    pub exclude_if_present_count: usize,
    /// Applies the patterns in files of this name to the folder each stands in and everything below. NULL for none.
    pub ignore_files: sr_bytes,
    /// Stays on the file system each given path is on.
    pub one_file_system: bool,
    /// Whether `max_file_size` is set.
    pub has_max_file_size: bool,
    /// Leaves out regular files of more than this many bytes.
    pub max_file_size: u64,
}

impl FromC for sr_files_options {
    type Flat = FilesOptions;

    unsafe fn flat(&self, operation: &str) -> Result<FilesOptions> {
        // SAFETY: the contract of the trait, for every list here.
        unsafe {
            Ok(FilesOptions {
                paths: byte_list(self.paths, self.paths_count, operation)?,
                exclude: texts(self.exclude, self.exclude_count, operation)?,
                exclude_files: byte_list(self.exclude_files, self.exclude_files_count, operation)?,
                exclude_caches: self.exclude_caches,
                exclude_if_present: byte_list(self.exclude_if_present, self.exclude_if_present_count, operation)?,
                ignore_files: maybe_bytes(self.ignore_files, operation)?,
                one_file_system: self.one_file_system,
                max_file_size: set(self.has_max_file_size, self.max_file_size),
            })
        }
    }
}

/// What a stream is stored as.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_stream_options {
    /// sizeof(sr_stream_options).
    pub struct_size: usize,
    /// Where the file stands in the snapshot.
    pub path: sr_bytes,
    /// Whether `mode` is set.
    pub has_mode: bool,
    /// Permission bits; 0600 unless something else is said.
    pub mode: u32,
    /// Whether `modified` is set.
    pub has_modified: bool,
    /// Last change of content; now unless something else is said.
    pub modified: sr_timestamp,
    /// Whether `uid` and `gid` are set.
    pub has_owner: bool,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl FromC for sr_stream_options {
    type Flat = StreamOptions;

    unsafe fn flat(&self, operation: &str) -> Result<StreamOptions> {
        Ok(StreamOptions {
            // SAFETY: the contract of the trait.
            path: unsafe { bytes(self.path, operation) }?,
            mode: set(self.has_mode, self.mode),
            modified: set(self.has_modified, self.modified.into()),
            uid: set(self.has_owner, self.uid),
            gid: set(self.has_owner, self.gid),
        })
    }
}

/// Options of a restore.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_restore_options {
    /// sizeof(sr_restore_options).
    pub struct_size: usize,
    /// The folder to restore into; it is made when it does not exist.
    pub target: sr_bytes,
    /// Restores this file or folder only. NULL for everything.
    pub path: sr_bytes,
    /// Restores only what matches one of these gitignore patterns, or lies in a folder that does.
    pub include: *const *const c_char,
    /// How many there are.
    pub include_count: usize,
    /// Leaves out what matches these gitignore patterns.
    pub exclude: *const *const c_char,
    /// How many there are.
    pub exclude_count: usize,
    /// What happens to entries that exist; 0 for SR_OVERWRITE_IF_DIFFERENT.
    pub overwrite: sr_overwrite,
    /// Compares the content of files whose size and time are as they should be, instead of trusting them.
    pub verify_existing: bool,
    /// What happens to owners and groups; 0 for SR_OWNERSHIP_NAMED.
    pub owner: sr_ownership,
    /// Leaves out extended attributes and ACLs.
    pub no_xattrs: bool,
    /// Fills holes with zeros.
    pub no_sparse: bool,
    /// Removes what stands in restored folders of the target and not in the snapshot.
    pub delete_extra: bool,
    /// Changes nothing and reports what would be done.
    pub dry_run: bool,
    /// Waits until everything is on the storage device before it returns.
    pub sync: bool,
}

fn or_first<T>(number: u32, default: T, from: impl Fn(u32) -> Option<T>, operation: &str, what: &str) -> Result<T> {
    if number == 0 {
        return Ok(default);
    }
    from(number).ok_or_else(|| Error::invalid(operation, format!("{number} is no value of {what}")))
}

impl FromC for sr_restore_options {
    type Flat = flat::RestoreOptions;

    unsafe fn flat(&self, operation: &str) -> Result<flat::RestoreOptions> {
        let overwrite = or_first(self.overwrite, Overwrite::IfDifferent, Overwrite::from_code, operation, "overwrite")?;
        let owner = or_first(self.owner, Ownership::Named, Ownership::from_code, operation, "owner")?;
        // SAFETY: the contract of the trait, for every pointer here.
        unsafe {
            Ok(flat::RestoreOptions {
                target: bytes(self.target, operation)?,
                path: bytes(self.path, operation)?,
                include: texts(self.include, self.include_count, operation)?,
                exclude: texts(self.exclude, self.exclude_count, operation)?,
                overwrite,
                verify_existing: self.verify_existing,
                owner,
                xattrs: !self.no_xattrs,
                sparse: !self.no_sparse,
                delete_extra: self.delete_extra,
                dry_run: self.dry_run,
                sync: self.sync,
            })
        }
    }
}

/// Chooses among snapshots. Every condition that is set must hold.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_snapshot_filter {
    /// sizeof(sr_snapshot_filter).
    pub struct_size: usize,
    /// Only those made on this host. NULL for any.
    pub host: *const c_char,
    /// Only those for which all of these paths were given.
    pub paths: *const sr_bytes,
    /// How many there are.
    pub paths_count: usize,
    /// Only those with all of these tags.
    pub tags: *const *const c_char,
    /// How many there are.
    pub tags_count: usize,
    /// Whether `after` is set.
    pub has_after: bool,
    /// Only those made at this time or later, by the clock of the device that made them.
    pub after: sr_timestamp,
    /// Whether `before` is set.
    pub has_before: bool,
    /// Only those made earlier than this time.
    pub before: sr_timestamp,
    /// Only those of one lineage, by its id. NULL for any.
    pub lineage: *const c_char,
}

impl FromC for sr_snapshot_filter {
    type Flat = flat::SnapshotFilter;

    unsafe fn flat(&self, operation: &str) -> Result<flat::SnapshotFilter> {
        // SAFETY: the contract of the trait, for every pointer here.
        unsafe {
            Ok(flat::SnapshotFilter {
                host: maybe_text(self.host, operation)?,
                paths: byte_list(self.paths, self.paths_count, operation)?,
                tags: texts(self.tags, self.tags_count, operation)?,
                after: set(self.has_after, self.after.into()),
                before: set(self.has_before, self.before.into()),
                lineage: maybe_text(self.lineage, operation)?,
            })
        }
    }
}

/// A rule of a retention policy: keeps one snapshot of each of so many periods, or of each period within a time.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_keep_rule {
    /// How long the periods are.
    pub period: sr_period_kind,
    /// Of how many periods in which there is a snapshot; 0 for none by count.
    pub count: u32,
    /// Of each period that was not over so many seconds before now; 0 for none by time.
    pub within_seconds: u64,
}

/// Which snapshots are kept. The rules add up.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_retention_policy {
    /// sizeof(sr_retention_policy).
    pub struct_size: usize,
    /// Keeps so many of the last ones.
    pub last: u32,
    /// Keeps what was received within so many seconds before now; 0 for no such rule.
    pub within_seconds: u64,
    /// Rules for periods; the last one of a kind counts.
    pub periods: *const sr_keep_rule,
    /// How many there are.
    pub periods_count: usize,
    /// Keeps every snapshot with one of these tags.
    pub tags: *const *const c_char,
    /// How many there are.
    pub tags_count: usize,
    /// Whether the next four say what snapshots have in common to which the rules are applied together. Otherwise it is
    /// lineage and device.
    pub has_group_by: bool,
    /// Their lineage.
    pub group_by_lineage: bool,
    /// The device that made them.
    pub group_by_device: bool,
    /// Their host.
    pub group_by_host: bool,
    /// The paths that were backed up.
    pub group_by_paths: bool,
    /// Where days begin: so many seconds east of UTC.
    pub utc_offset: i32,
    /// Whether the newest snapshot of a group may go when no rule keeps it.
    pub newest_may_go: bool,
    /// Whether `clock_tolerance_seconds` is set.
    pub has_clock_tolerance_seconds: bool,
    /// By how many seconds a device's clock may disagree with the storage's.
    pub clock_tolerance_seconds: u64,
}

impl FromC for sr_retention_policy {
    type Flat = flat::RetentionPolicy;

    unsafe fn flat(&self, operation: &str) -> Result<flat::RetentionPolicy> {
        let mut periods = Vec::new();
        // SAFETY: the contract of the trait.
        for rule in unsafe { items(self.periods, self.periods_count, operation) }? {
            let period = PeriodKind::from_code(rule.period)
                .ok_or_else(|| Error::invalid(operation, format!("{} is no kind of period", rule.period)))?;
            let within_seconds = set(rule.within_seconds != 0, rule.within_seconds);
            periods.push(flat::KeepRule { period, count: rule.count, within_seconds });
        }
        let group_by = flat::GroupBy {
            lineage: self.group_by_lineage,
            device: self.group_by_device,
            host: self.group_by_host,
            paths: self.group_by_paths,
        };
        Ok(flat::RetentionPolicy {
            last: self.last,
            within_seconds: set(self.within_seconds != 0, self.within_seconds),
            periods,
            // SAFETY: the contract of the trait.
            tags: unsafe { texts(self.tags, self.tags_count, operation) }?,
            group_by: set(self.has_group_by, group_by),
            utc_offset: self.utc_offset,
            newest_may_go: self.newest_may_go,
            clock_tolerance_seconds: set(self.has_clock_tolerance_seconds, self.clock_tolerance_seconds),
        })
    }
}

/// Which snapshots are forgotten: those a policy does not keep, or those that are named.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_forget_options {
    /// sizeof(sr_forget_options).
    pub struct_size: usize,
    /// Those that this does not keep. NULL to name them.
    pub policy: *const sr_retention_policy,
    /// Those with these ids.
    pub snapshots: *const *const c_char,
    /// How many there are.
    pub snapshots_count: usize,
    /// These objects, such as `snapshots/3f...`, which have to be damaged, untrusted or no snapshots at all. Each kind takes
    /// a call of its own.
    pub damaged: *const *const c_char,
    /// How many there are.
    pub damaged_count: usize,
    /// Snapshots it does not accept are left alone; to a policy they do not exist. NULL for none.
    pub filter: *const sr_snapshot_filter,
    /// Removes nothing, and only tells what would be removed.
    pub dry_run: bool,
    /// Goes on although there are marks that cannot be read, each of which may hold any snapshot.
    pub despite_unreadable_marks: bool,
}

impl FromC for sr_forget_options {
    type Flat = flat::ForgetOptions;

    unsafe fn flat(&self, operation: &str) -> Result<flat::ForgetOptions> {
        // SAFETY: the contract of the trait, for every pointer here.
        unsafe {
            let policy = if self.policy.is_null() { None } else { Some(read(self.policy, operation)?) };
            Ok(flat::ForgetOptions {
                policy,
                snapshots: texts(self.snapshots, self.snapshots_count, operation)?,
                damaged: texts(self.damaged, self.damaged_count, operation)?,
                filter: read(self.filter, operation)?,
                dry_run: self.dry_run,
                despite_unreadable_marks: self.despite_unreadable_marks,
            })
        }
    }
}

/// Options of pruning.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_prune_options {
    /// sizeof(sr_prune_options).
    pub struct_size: usize,
    /// Whether `min_live_share` is set.
    pub has_min_live_share: bool,
    /// Of packs of which a smaller share is needed, from 0 to 1, that part is moved and the rest freed.
    pub min_live_share: f64,
    /// Whether `max_moved_bytes` is set.
    pub has_max_moved_bytes: bool,
    /// Moves so many bytes at most.
    pub max_moved_bytes: u64,
    /// Only says what would be done.
    pub dry_run: bool,
}

impl FromC for sr_prune_options {
    type Flat = flat::PruneOptions;

    unsafe fn flat(&self, _: &str) -> Result<flat::PruneOptions> {
        Ok(flat::PruneOptions {
            min_live_share: set(self.has_min_live_share, self.min_live_share),
            max_moved_bytes: set(self.has_max_moved_bytes, self.max_moved_bytes),
            dry_run: self.dry_run,
        })
    }
}

/// Options of a check.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_check_options {
    /// sizeof(sr_check_options).
    pub struct_size: usize,
    /// Whether `read_data` is set.
    pub has_read_data: bool,
    /// Also reads this share of the packs, in percent of their bytes, and compares their hashes with their names.
    pub read_data: f64,
    /// Also decrypts every segment of the packs that are read.
    pub verify_content: bool,
    /// Whether `seed` is set.
    pub has_seed: bool,
    /// Makes the choice of packs repeatable.
    pub seed: u64,
}

impl FromC for sr_check_options {
    type Flat = flat::CheckOptions;

    unsafe fn flat(&self, _: &str) -> Result<flat::CheckOptions> {
        Ok(flat::CheckOptions {
            read_data: set(self.has_read_data, self.read_data),
            verify_content: self.verify_content,
            seed: set(self.has_seed, self.seed),
        })
    }
}

/// Options of a repair.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_repair_options {
    /// sizeof(sr_repair_options).
    pub struct_size: usize,
    /// Writes nothing, and reports what would be done and what is lost.
    pub dry_run: bool,
    /// Does not read packs whole: damage inside segments of content is not found then.
    pub structure_only: bool,
}

impl FromC for sr_repair_options {
    type Flat = flat::RepairOptions;

    unsafe fn flat(&self, _: &str) -> Result<flat::RepairOptions> {
        Ok(flat::RepairOptions { dry_run: self.dry_run, structure_only: self.structure_only })
    }
}

/// Options of re-encrypting.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_reencrypt_options {
    /// sizeof(sr_reencrypt_options).
    pub struct_size: usize,
    /// Whether `max_bytes` is set.
    pub has_max_bytes: bool,
    /// Ends before it would read more bytes of packs than this, but not before it has done one.
    pub max_bytes: u64,
    /// Whether `max_time_ms` is set.
    pub has_max_time_ms: bool,
    /// Begins no other pack after so many milliseconds.
    pub max_time_ms: u64,
}

impl FromC for sr_reencrypt_options {
    type Flat = flat::ReencryptOptions;

    unsafe fn flat(&self, _: &str) -> Result<flat::ReencryptOptions> {
        Ok(flat::ReencryptOptions {
            max_bytes: set(self.has_max_bytes, self.max_bytes),
            max_time_ms: set(self.has_max_time_ms, self.max_time_ms),
        })
    }
}

/// Options of copying snapshots to other repositories.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_copy_options {
    /// sizeof(sr_copy_options).
    pub struct_size: usize,
    /// Copies the snapshots with these ids; none named means all.
    pub snapshots: *const *const c_char,
    /// How many there are.
    pub snapshots_count: usize,
    /// Copies the snapshots that fit. NULL for all.
    pub filter: *const sr_snapshot_filter,
    /// Whether `level` is set.
    pub has_level: bool,
    /// The zstd level of what is written.
    pub level: i32,
    /// Does not compare the tree of each copy with the original's.
    pub no_verify: bool,
    /// Reads everything that was sent back and holds it against its hashes before the copy counts.
    pub verify_data: bool,
}

impl FromC for sr_copy_options {
    type Flat = flat::CopyOptions;

    unsafe fn flat(&self, operation: &str) -> Result<flat::CopyOptions> {
        // SAFETY: the contract of the trait, for every pointer here.
        unsafe {
            Ok(flat::CopyOptions {
                snapshots: texts(self.snapshots, self.snapshots_count, operation)?,
                filter: read(self.filter, operation)?,
                level: set(self.has_level, self.level),
                verify: !self.no_verify,
                verify_data: self.verify_data,
            })
        }
    }
}

/// How a key is removed, or a device revoked.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_revoke_options {
    /// sizeof(sr_revoke_options).
    pub struct_size: usize,
    /// Begins no new epoch: who is shut out can still read what is written, if it gets hold of it.
    pub keep_epoch: bool,
}

impl FromC for sr_revoke_options {
    type Flat = flat::RevokeOptions;

    unsafe fn flat(&self, _: &str) -> Result<flat::RevokeOptions> {
        Ok(flat::RevokeOptions { keep_epoch: self.keep_epoch })
    }
}
