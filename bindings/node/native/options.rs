//! What operations are told. Whatever is left out has the engine's default.

use crate::names::{Overwrite, Ownership, PeriodKind, Role};
use crate::values::{Integer, Moment, PathInput, Text, Whole};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use strongroom_bindings::options as common;
use strongroom_bindings::records::Attached;
use strongroom_bindings::{CancelToken, Error, Result, Secret};

fn text(text: Option<Text>) -> String {
    text.map(|text| text.0).unwrap_or_default()
}

fn texts(texts: Option<Vec<Text>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().map(|text| text.0).collect()
}

fn paths(paths: Option<Vec<PathInput>>) -> Vec<Vec<u8>> {
    paths.unwrap_or_default().into_iter().map(|path| path.0).collect()
}

fn small<T: TryFrom<u64>>(number: Option<Whole>, what: &str) -> Result<Option<T>> {
    number.map(|number| number.narrow(what)).transpose()
}

fn seconds(milliseconds: Option<Whole>) -> Option<u64> {
    milliseconds.map(|milliseconds| milliseconds.0.div_ceil(1000))
}

/// What one try at a passphrase costs, by the parameters of Argon2id.
#[napi(object, object_to_js = false)]
pub struct Cost {
    /// KiB of memory.
    pub memory_kib: Whole,
    /// Passes over it.
    pub passes: Whole,
    /// Lanes.
    pub lanes: Whole,
}

impl Cost {
    pub(crate) fn common(self) -> Result<common::Cost> {
        Ok(common::Cost {
            memory_kib: self.memory_kib.narrow("memoryKib")?,
            passes: self.passes.narrow("passes")?,
            lanes: self.lanes.narrow("lanes")?,
        })
    }
}

/// Bounds on chunk lengths in bytes; all even.
#[napi(object, object_to_js = false)]
pub struct ChunkSizes {
    /// No chunk but a file's last is shorter.
    pub min: Whole,
    /// What chunk lengths cluster around.
    pub average: Whole,
    /// No chunk is longer.
    pub max: Whole,
}

/// Options of creating a repository.
#[napi(object, object_to_js = false)]
pub struct NativeCreateOptions {
    /// Names the first key.
    pub label: Option<Text>,
    /// What one try at the passphrase costs.
    pub cost: Option<Cost>,
    /// Bounds on chunk lengths.
    pub chunk_sizes: Option<ChunkSizes>,
    /// Raw bytes that are compressed and sealed as one.
    pub segment_size: Option<Whole>,
    /// Bytes after which a pack is full.
    pub pack_size: Option<Whole>,
    /// Files of at most this many bytes stand in the tree itself.
    pub inline_limit: Option<Whole>,
    /// Recovery data of packs, in percent of their length.
    pub parity: Option<Whole>,
    /// A folder of this machine to keep local state in, which makes backups and openings faster.
    pub state_folder: Option<PathInput>,
}

impl NativeCreateOptions {
    pub(crate) fn common(self, token: CancelToken) -> Result<common::CreateOptions> {
        let chunk_sizes = |sizes: ChunkSizes| -> Result<common::ChunkSizes> {
            Ok(common::ChunkSizes {
                min: sizes.min.narrow("min")?,
                average: sizes.average.narrow("average")?,
                max: sizes.max.narrow("max")?,
            })
        };
        Ok(common::CreateOptions {
            label: text(self.label),
            cost: self.cost.map(Cost::common).transpose()?,
            chunk_sizes: self.chunk_sizes.map(chunk_sizes).transpose()?,
            segment_size: small(self.segment_size, "segmentSize")?,
            pack_size: small(self.pack_size, "packSize")?,
            inline_limit: small(self.inline_limit, "inlineLimit")?,
            parity: small(self.parity, "parity")?,
            state_folder: self.state_folder.map(|path| path.0),
            cancel_token: Some(token),
        })
    }
}

/// Options of opening a repository.
#[napi(object, object_to_js = false)]
pub struct NativeOpenOptions {
    /// A folder of this machine to keep local state in, which makes backups and openings faster.
    pub state_folder: Option<PathInput>,
}

impl NativeOpenOptions {
    pub(crate) fn common(self, token: CancelToken) -> common::OpenOptions {
        common::OpenOptions { state_folder: self.state_folder.map(|path| path.0), cancel_token: Some(token) }
    }
}

/// How calls are tried again that storage could not answer at the moment.
#[napi(object, object_to_js = false)]
pub struct NativeRetryOptions {
    /// How often a call is tried, the first time included.
    pub tries: Option<Whole>,
    /// No try begins later than this many milliseconds after the first.
    pub within_ms: Option<Whole>,
    /// No wait is longer than this many milliseconds, whatever an error asks for.
    pub longest_wait_ms: Option<Whole>,
}

impl NativeRetryOptions {
    pub(crate) fn common(self, token: CancelToken) -> Result<common::RetryOptions> {
        Ok(common::RetryOptions {
            tries: small(self.tries, "tries")?,
            within_ms: self.within_ms.map(|milliseconds| milliseconds.0),
            longest_wait_ms: self.longest_wait_ms.map(|milliseconds| milliseconds.0),
            cancel_token: Some(token),
        })
    }
}

/// Bounds on what an operation may use.
#[napi(object, object_to_js = false)]
pub struct Budget {
    /// Takes the small bounds meant for phones where nothing else is said.
    pub small: Option<bool>,
    /// Threads at work.
    pub threads: Option<Whole>,
    /// Bytes of memory for buffers, index and caches together. Values under 32 MiB count as 32 MiB.
    pub memory: Option<Whole>,
    /// Bytes a second sent to storage, averaged.
    pub upload_rate: Option<Whole>,
    /// Bytes a second read from storage, averaged.
    pub download_rate: Option<Whole>,
    /// After how many milliseconds from its start the work is suspended durably; the same call goes on later.
    pub deadline_ms: Option<Whole>,
}

impl Budget {
    pub(crate) fn common(self) -> common::Budget {
        common::Budget {
            small: self.small.unwrap_or_default(),
            // More threads than there can be are as many as there can be.
            threads: self.threads.map(|threads| u32::try_from(threads.0).unwrap_or(u32::MAX)),
            memory: self.memory.map(|bytes| bytes.0),
            upload_rate: self.upload_rate.map(|rate| rate.0),
            download_rate: self.download_rate.map(|rate| rate.0),
            deadline_ms: self.deadline_ms.map(|milliseconds| milliseconds.0),
        }
    }
}

/// What counts as unchanged since the snapshot a backup builds on.
#[napi(object, object_to_js = false)]
pub struct ChangeDetection {
    /// Reads every file, whatever its times say.
    pub read_everything: Option<bool>,
    /// Whether the change time must be the same.
    pub change_time: Option<bool>,
    /// Whether the inode number must be the same.
    pub inode: Option<bool>,
}

/// A value of the app's own that is kept with a snapshot.
#[napi(object, object_to_js = false)]
pub struct NativeAttachment {
    /// The name.
    pub name: Text,
    /// The value.
    pub value: Uint8Array,
}

/// Options of a backup.
#[napi(object, object_to_js = false)]
pub struct NativeBackupOptions {
    /// Names the machine. Host and paths together make the lineage of a snapshot.
    pub host: Option<Text>,
    /// Names the person.
    pub user: Option<Text>,
    /// Names the program that makes the backup.
    pub program: Option<Text>,
    /// Describes the snapshot in a sentence.
    pub description: Option<Text>,
    /// Tags.
    pub tags: Option<Vec<Text>>,
    /// Values of the app's own.
    pub metadata: Option<Vec<NativeAttachment>>,
    /// The zstd level, -7 (fastest) to 19 (smallest).
    pub level: Option<Integer>,
    /// The id of the snapshot to build on, instead of the newest of the same host and paths.
    pub parent: Option<Text>,
    /// Builds on none: every file is read.
    pub no_parent: Option<bool>,
    /// What counts as unchanged.
    pub changes: Option<ChangeDetection>,
    /// Claims an earlier time than now for the snapshot, for imports.
    pub time: Option<Moment>,
    /// Makes no snapshot when the tree is the same as the parent's.
    pub skip_if_unchanged: Option<bool>,
}

impl NativeBackupOptions {
    pub(crate) fn common(self) -> common::BackupOptions {
        let mut changes = common::ChangeDetection::default();
        if let Some(given) = self.changes {
            changes.read_everything = given.read_everything.unwrap_or(changes.read_everything);
            changes.change_time = given.change_time.unwrap_or(changes.change_time);
            changes.inode = given.inode.unwrap_or(changes.inode);
        }
        let attached = |one: NativeAttachment| Attached { name: one.name.0, value: one.value.to_vec() };
        common::BackupOptions {
            host: text(self.host),
            user: text(self.user),
            program: text(self.program),
            description: text(self.description),
            tags: texts(self.tags),
            metadata: self.metadata.unwrap_or_default().into_iter().map(attached).collect(),
            level: self.level.map(|level| level.0),
            parent: match (self.no_parent, self.parent) {
                (Some(true), _) => common::Parent::None,
                (_, Some(snapshot)) => common::Parent::Snapshot(snapshot.0),
                (_, None) => common::Parent::Newest,
            },
            changes,
            time: self.time.map(|time| time.0),
            skip_if_unchanged: self.skip_if_unchanged.unwrap_or_default(),
        }
    }
}

/// Options of a restore.
#[napi(object, object_to_js = false)]
pub struct NativeRestoreOptions {
    /// Restores this file or folder only.
    pub path: Option<PathInput>,
    /// Restores only what matches one of these gitignore patterns, or lies in a folder that does.
    pub include: Option<Vec<Text>>,
    /// Leaves out what matches these gitignore patterns.
    pub exclude: Option<Vec<Text>>,
    /// What happens to entries that exist: `if_different` unless something else is said.
    pub overwrite: Option<Overwrite>,
    /// Compares the content of files whose size and time are as they should be, instead of trusting them.
    pub verify_existing: Option<bool>,
    /// What happens to owners and groups: `named` unless something else is said.
    pub owner: Option<Ownership>,
    /// Whether extended attributes and ACLs are restored: yes unless something else is said.
    pub xattrs: Option<bool>,
    /// Whether holes become holes again, as they do unless something else is said, or are filled with zeros.
    pub sparse: Option<bool>,
    /// Removes what stands in restored folders of the target and not in the snapshot.
    pub delete_extra: Option<bool>,
    /// Changes nothing and reports what would be done.
    pub dry_run: Option<bool>,
    /// Waits until everything is on the storage device before it is done.
    pub sync: Option<bool>,
}

impl NativeRestoreOptions {
    pub(crate) fn common(self, target: PathInput) -> common::RestoreOptions {
        let mut options = common::RestoreOptions::to(target.0);
        options.path = self.path.map(|path| path.0).unwrap_or_default();
        options.include = texts(self.include);
        options.exclude = texts(self.exclude);
        options.overwrite = self.overwrite.map_or(options.overwrite, |overwrite| overwrite.0);
        options.verify_existing = self.verify_existing.unwrap_or(options.verify_existing);
        options.owner = self.owner.map_or(options.owner, |owner| owner.0);
        options.xattrs = self.xattrs.unwrap_or(options.xattrs);
        options.sparse = self.sparse.unwrap_or(options.sparse);
        options.delete_extra = self.delete_extra.unwrap_or(options.delete_extra);
        options.dry_run = self.dry_run.unwrap_or(options.dry_run);
        options.sync = self.sync.unwrap_or(options.sync);
        options
    }
}

/// Chooses among snapshots. Every condition that is set must hold.
#[napi(object, object_to_js = false)]
pub struct SnapshotFilter {
    /// Only those made on this host.
    pub host: Option<Text>,
    /// Only those for which all of these paths were given.
    pub paths: Option<Vec<PathInput>>,
    /// Only those with all of these tags.
    pub tags: Option<Vec<Text>>,
    /// Only those made at this time or later, by the clock of the device that made them.
    pub after: Option<Moment>,
    /// Only those made earlier than this time.
    pub before: Option<Moment>,
    /// Only those of one lineage.
    pub lineage: Option<Text>,
}

impl SnapshotFilter {
    pub(crate) fn common(self) -> common::SnapshotFilter {
        common::SnapshotFilter {
            host: self.host.map(|host| host.0),
            paths: paths(self.paths),
            tags: texts(self.tags),
            after: self.after.map(|time| time.0),
            before: self.before.map(|time| time.0),
            lineage: self.lineage.map(|lineage| lineage.0),
        }
    }
}

pub(crate) fn filter(filter: Option<SnapshotFilter>) -> common::SnapshotFilter {
    filter.map(SnapshotFilter::common).unwrap_or_default()
}

/// A rule of a retention policy: keeps one snapshot of each of so many periods, or of each period within a time.
#[napi(object, object_to_js = false)]
pub struct KeepRule {
    /// How long the periods are.
    pub period: PeriodKind,
    /// Of how many periods in which there is a snapshot.
    pub count: Option<Whole>,
    /// Of each period that was not over so many milliseconds before now.
    pub within_ms: Option<Whole>,
}

/// What snapshots have in common to which retention rules are applied together.
#[napi(object, object_to_js = false)]
pub struct GroupBy {
    /// Their lineage.
    pub lineage: Option<bool>,
    /// The device that made them.
    pub device: Option<bool>,
    /// Their host.
    pub host: Option<bool>,
    /// The paths that were backed up.
    pub paths: Option<bool>,
}

/// Which snapshots are kept. The rules add up.
#[napi(object, object_to_js = false)]
pub struct RetentionPolicy {
    /// Keeps so many of the last ones.
    pub last: Option<Whole>,
    /// Keeps what was received within so many milliseconds before now.
    pub within_ms: Option<Whole>,
    /// Rules for periods; the last one of a kind counts.
    pub periods: Option<Vec<KeepRule>>,
    /// Keeps every snapshot with one of these tags.
    pub tags: Option<Vec<Text>>,
    /// What snapshots have in common to which the rules are applied together; lineage and device unless something else is
    /// said.
    pub group_by: Option<GroupBy>,
    /// Where days begin: so many seconds east of UTC.
    pub utc_offset: Option<Integer>,
    /// Whether the newest snapshot of a group may go when no rule keeps it.
    pub newest_may_go: Option<bool>,
    /// By how many milliseconds a device's clock may disagree with the storage's.
    pub clock_tolerance_ms: Option<Whole>,
}

impl RetentionPolicy {
    fn common(self) -> Result<common::RetentionPolicy> {
        let rule = |rule: KeepRule| -> Result<common::KeepRule> {
            Ok(common::KeepRule {
                period: rule.period.0,
                count: small(rule.count, "count")?.unwrap_or(0),
                within_seconds: seconds(rule.within_ms),
            })
        };
        Ok(common::RetentionPolicy {
            last: small(self.last, "last")?.unwrap_or(0),
            within_seconds: seconds(self.within_ms),
            periods: self.periods.unwrap_or_default().into_iter().map(rule).collect::<Result<_>>()?,
            tags: texts(self.tags),
            group_by: self.group_by.map(|by| common::GroupBy {
                lineage: by.lineage.unwrap_or_default(),
                device: by.device.unwrap_or_default(),
                host: by.host.unwrap_or_default(),
                paths: by.paths.unwrap_or_default(),
            }),
            utc_offset: self.utc_offset.map_or(0, |offset| offset.0),
            newest_may_go: self.newest_may_go.unwrap_or_default(),
            clock_tolerance_seconds: seconds(self.clock_tolerance_ms),
        })
    }
}

/// Which snapshots are forgotten.
#[napi(object, object_to_js = false)]
pub struct NativeForgetOptions {
    /// Those that this does not keep.
    pub policy: Option<RetentionPolicy>,
    /// Those with these ids.
    pub snapshots: Option<Vec<Text>>,
    /// These objects, such as `snapshots/3f…`, which have to be damaged, untrusted or no snapshots at all.
    pub damaged: Option<Vec<Text>>,
    /// Snapshots it does not accept are left alone; to a policy they do not exist.
    pub filter: Option<SnapshotFilter>,
    /// Removes nothing, and only tells what would be removed.
    pub dry_run: Option<bool>,
    /// Goes on although there are marks that cannot be read, each of which may hold any snapshot.
    pub despite_unreadable_marks: Option<bool>,
}

impl NativeForgetOptions {
    pub(crate) fn common(self) -> Result<common::ForgetOptions> {
        Ok(common::ForgetOptions {
            policy: self.policy.map(RetentionPolicy::common).transpose()?,
            snapshots: texts(self.snapshots),
            damaged: texts(self.damaged),
            filter: filter(self.filter),
            dry_run: self.dry_run.unwrap_or_default(),
            despite_unreadable_marks: self.despite_unreadable_marks.unwrap_or_default(),
        })
    }
}

/// Options of pruning.
#[napi(object, object_to_js = false)]
pub struct PruneOptions {
    /// Of packs of which a smaller share is needed, from 0 to 1, that part is moved and the rest freed.
    pub min_live_share: Option<f64>,
    /// Moves so many bytes at most.
    pub max_moved_bytes: Option<Whole>,
    /// Only says what would be done.
    pub dry_run: Option<bool>,
}

impl PruneOptions {
    pub(crate) fn common(self) -> common::PruneOptions {
        common::PruneOptions {
            min_live_share: self.min_live_share,
            max_moved_bytes: self.max_moved_bytes.map(|bytes| bytes.0),
            dry_run: self.dry_run.unwrap_or_default(),
        }
    }
}

/// Options of a check.
#[napi(object, object_to_js = false)]
pub struct CheckOptions {
    /// Also reads this share of the packs, in percent of their bytes, and compares their hashes with their names.
    pub read_data: Option<f64>,
    /// Also decrypts every segment of the packs that are read.
    pub verify_content: Option<bool>,
    /// Makes the choice of packs repeatable.
    pub seed: Option<Whole>,
}

impl CheckOptions {
    pub(crate) fn common(self) -> common::CheckOptions {
        common::CheckOptions {
            read_data: self.read_data,
            verify_content: self.verify_content.unwrap_or_default(),
            seed: self.seed.map(|seed| seed.0),
        }
    }
}

/// Options of a repair.
#[napi(object, object_to_js = false)]
pub struct RepairOptions {
    /// Writes nothing, and reports what would be done and what is lost.
    pub dry_run: Option<bool>,
    /// Does not read packs whole: damage inside segments of content is not found then.
    pub structure_only: Option<bool>,
}

impl RepairOptions {
    pub(crate) fn common(self) -> common::RepairOptions {
        common::RepairOptions {
            dry_run: self.dry_run.unwrap_or_default(),
            structure_only: self.structure_only.unwrap_or_default(),
        }
    }
}

/// Options of re-encrypting.
#[napi(object, object_to_js = false)]
pub struct ReencryptOptions {
    /// Ends before it would read more bytes of packs than this, but not before it has done one.
    pub max_bytes: Option<Whole>,
    /// Begins no other pack after so many milliseconds.
    pub max_time_ms: Option<Whole>,
}

impl ReencryptOptions {
    pub(crate) fn common(self) -> common::ReencryptOptions {
        common::ReencryptOptions {
            max_bytes: self.max_bytes.map(|bytes| bytes.0),
            max_time_ms: self.max_time_ms.map(|milliseconds| milliseconds.0),
        }
    }
}

/// Options of copying snapshots to other repositories.
#[napi(object, object_to_js = false)]
pub struct NativeCopyOptions {
    /// Copies these snapshots; none named means all.
    pub snapshots: Option<Vec<Text>>,
    /// Copies the snapshots that fit.
    pub filter: Option<SnapshotFilter>,
    /// The zstd level of what is written.
    pub level: Option<Integer>,
    /// Whether the tree of each copy is compared with the original's before the copy counts: yes unless something else is
    /// said.
    pub verify: Option<bool>,
    /// Whether everything that was sent is read back and held against its hashes before the copy counts.
    pub verify_data: Option<bool>,
}

impl NativeCopyOptions {
    pub(crate) fn common(self) -> common::CopyOptions {
        let default = common::CopyOptions::default();
        common::CopyOptions {
            snapshots: texts(self.snapshots),
            filter: filter(self.filter),
            level: self.level.map(|level| level.0),
            verify: self.verify.unwrap_or(default.verify),
            verify_data: self.verify_data.unwrap_or(default.verify_data),
        }
    }
}

/// How a key is added.
#[napi(object, object_to_js = false)]
pub struct AddKeyOptions {
    /// What its holder may do.
    pub role: Role,
    /// What it is called. Readable for everybody who sees the storage.
    pub label: Option<Text>,
    /// What one try at the passphrase costs.
    pub cost: Option<Cost>,
}

impl AddKeyOptions {
    pub(crate) fn common(self, secret: Secret) -> Result<common::NewKey> {
        Ok(common::NewKey {
            secret,
            role: self.role.0,
            label: text(self.label),
            cost: self.cost.map(Cost::common).transpose()?,
        })
    }
}

/// How a recovery code is added.
#[napi(object, object_to_js = false)]
pub struct AddCodeOptions {
    /// What its holder may do.
    pub role: Role,
    /// What it is called. Readable for everybody who sees the storage.
    pub label: Option<Text>,
}

impl AddCodeOptions {
    pub(crate) fn label(&self) -> &str {
        self.label.as_ref().map_or("", |label| &label.0)
    }
}

/// How a key is removed, or a device revoked.
#[napi(object, object_to_js = false)]
pub struct RevokeOptions {
    /// Begins no new epoch: who is shut out can still read what is written, if it gets hold of it.
    pub keep_epoch: Option<bool>,
}

impl RevokeOptions {
    pub(crate) fn common(self) -> common::RevokeOptions {
        common::RevokeOptions { keep_epoch: self.keep_epoch.unwrap_or_default() }
    }
}

/// Which files and folders of the file system are backed up.
#[napi(object, object_to_js = false)]
pub struct NativeFilesOptions {
    /// Leaves out what matches these patterns in gitignore syntax.
    pub exclude: Option<Vec<Text>>,
    /// Leaves out what matches the patterns in these files.
    pub exclude_files: Option<Vec<PathInput>>,
    /// Of folders marked as caches keeps only themselves and their mark.
    pub exclude_caches: Option<bool>,
    /// Of folders that contain something of one of these names keeps only themselves and that.
    pub exclude_if_present: Option<Vec<PathInput>>,
    /// Applies the patterns in files of this name to the folder each stands in and everything below.
    pub ignore_files: Option<PathInput>,
    /// Stays on the file system each given path is on.
    pub one_file_system: Option<bool>,
    /// Leaves out regular files of more than this many bytes.
    pub max_file_size: Option<Whole>,
}

impl NativeFilesOptions {
    pub(crate) fn common(self, of: Vec<PathInput>) -> strongroom_bindings::FilesOptions {
        strongroom_bindings::FilesOptions {
            paths: paths(Some(of)),
            exclude: texts(self.exclude),
            exclude_files: paths(self.exclude_files),
            exclude_caches: self.exclude_caches.unwrap_or_default(),
            exclude_if_present: paths(self.exclude_if_present),
            ignore_files: self.ignore_files.map(|name| name.0),
            one_file_system: self.one_file_system.unwrap_or_default(),
            max_file_size: self.max_file_size.map(|bytes| bytes.0),
        }
    }
}

/// What a stream is stored as.
#[napi(object, object_to_js = false)]
pub struct StreamOptions {
    /// Permission bits; `0o600` unless something else is said.
    pub mode: Option<Whole>,
    /// Last change of content; now unless something else is said.
    pub modified: Option<Moment>,
    /// User id; counts together with the group id.
    pub uid: Option<Whole>,
    /// Group id; counts together with the user id.
    pub gid: Option<Whole>,
}

impl StreamOptions {
    pub(crate) fn common(self, path: PathInput) -> Result<strongroom_bindings::StreamOptions> {
        if self.uid.is_some() != self.gid.is_some() {
            return Err(Error::invalid("back up a stream", "uid and gid count together"));
        }
        Ok(strongroom_bindings::StreamOptions {
            path: path.0,
            mode: small(self.mode, "the mode")?,
            modified: self.modified.map(|time| time.0),
            uid: small(self.uid, "uid")?,
            gid: small(self.gid, "gid")?,
        })
    }
}
