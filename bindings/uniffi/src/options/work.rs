//! Options of backing up, getting back, copying.

use crate::enums::{Overwrite, Ownership};
use crate::records::Attached;
use crate::values::{LocalPath, RawName, Timestamp, fit_option, raw};
use strongroom_bindings::options::{self, Parent as CommonParent};
use strongroom_bindings::{self as common, Result, records};

/// Which files and folders of the file system are backed up.
#[derive(Debug, Clone, uniffi::Record)]
pub struct FilesOptions {
    /// Files and folders. A single folder stands at the snapshot's root.
    pub paths: Vec<LocalPath>,
    /// Leaves out what matches these patterns in gitignore syntax.
    #[uniffi(default = [])]
    pub exclude: Vec<String>,
    /// Leaves out what matches the patterns in these files.
    #[uniffi(default = [])]
    pub exclude_files: Vec<LocalPath>,
    /// Of folders marked as caches keeps only themselves and their mark.
    #[uniffi(default = false)]
    pub exclude_caches: bool,
    /// Of folders that contain something of one of these names keeps only themselves and that.
    #[uniffi(default = [])]
    pub exclude_if_present: Vec<RawName>,
    /// Applies the patterns in files of this name to the folder each stands in and everything below.
    #[uniffi(default = None)]
    pub ignore_files: Option<RawName>,
    /// Stays on the file system each given path is on.
    #[uniffi(default = false)]
    pub one_file_system: bool,
    /// Leaves out regular files of more than this many bytes.
    #[uniffi(default = None)]
    pub max_file_size: Option<i64>,
}

fn local(paths: Vec<LocalPath>) -> Vec<Vec<u8>> {
    paths.into_iter().map(|path| path.0).collect()
}

impl FilesOptions {
    pub(crate) fn into_common(self) -> Result<common::FilesOptions> {
        Ok(common::FilesOptions {
            paths: local(self.paths),
            exclude: self.exclude,
            exclude_files: local(self.exclude_files),
            exclude_caches: self.exclude_caches,
            exclude_if_present: raw(self.exclude_if_present),
            ignore_files: self.ignore_files.map(|name| name.0),
            one_file_system: self.one_file_system,
            max_file_size: fit_option(self.max_file_size, "greatest size of files")?,
        })
    }
}

/// What a stream is stored as.
#[derive(Debug, Clone, uniffi::Record)]
pub struct StreamOptions {
    /// Permission bits; 0600 unless something else is said.
    #[uniffi(default = None)]
    pub mode: Option<i32>,
    /// Last change of content; now unless something else is said.
    #[uniffi(default = None)]
    pub modified: Option<Timestamp>,
    /// User id; counts together with the group id.
    #[uniffi(default = None)]
    pub uid: Option<i64>,
    /// Group id; counts together with the user id.
    #[uniffi(default = None)]
    pub gid: Option<i64>,
}

impl StreamOptions {
    pub(crate) fn into_common(self, path: RawName) -> Result<common::StreamOptions> {
        Ok(common::StreamOptions {
            path: path.0,
            mode: fit_option(self.mode, "permission bits")?,
            modified: self.modified.map(Into::into),
            uid: fit_option(self.uid, "user id")?,
            gid: fit_option(self.gid, "group id")?,
        })
    }
}

/// Which snapshot an incremental backup builds on.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Parent {
    /// The newest snapshot of the same host and paths.
    Newest,
    /// The one with this id.
    Snapshot {
        /// The id.
        id: String,
    },
    /// None: every file is read.
    Nothing,
}

/// What counts as unchanged since the snapshot a backup builds on.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct ChangeDetection {
    /// Read every file, whatever its times say.
    #[uniffi(default = false)]
    pub read_everything: bool,
    /// Whether the change time must be the same.
    #[uniffi(default = true)]
    pub change_time: bool,
    /// Whether the inode number must be the same.
    #[uniffi(default = true)]
    pub inode: bool,
}

/// Options of a backup.
#[derive(Debug, Clone, uniffi::Record)]
pub struct BackupOptions {
    /// Names the machine. Host and paths together make the lineage of a snapshot.
    #[uniffi(default = "")]
    pub host: String,
    /// Names the person.
    #[uniffi(default = "")]
    pub user: String,
    /// Names the program that makes the backup.
    #[uniffi(default = "")]
    pub program: String,
    /// Describes the snapshot in a sentence.
    #[uniffi(default = "")]
    pub description: String,
    /// Tags.
    #[uniffi(default = [])]
    pub tags: Vec<String>,
    /// Values of the app's own.
    #[uniffi(default = [])]
    pub metadata: Vec<Attached>,
    /// The zstd level, -7 (fastest) to 19 (smallest).
    #[uniffi(default = None)]
    pub level: Option<i32>,
    /// The snapshot to build on; the newest of the same host and paths where nothing is said.
    #[uniffi(default = None)]
    pub parent: Option<Parent>,
    /// What counts as unchanged.
    #[uniffi(default = None)]
    pub changes: Option<ChangeDetection>,
    /// Claims an earlier time than now for the snapshot, for imports.
    #[uniffi(default = None)]
    pub time: Option<Timestamp>,
    /// Makes no snapshot when the tree is the same as the parent's.
    #[uniffi(default = false)]
    pub skip_if_unchanged: bool,
}

impl BackupOptions {
    pub(crate) fn into_common(self) -> Result<options::BackupOptions> {
        let metadata = self.metadata.into_iter();
        let changes = self.changes.map(|changes| options::ChangeDetection {
            read_everything: changes.read_everything,
            change_time: changes.change_time,
            inode: changes.inode,
        });
        Ok(options::BackupOptions {
            host: self.host,
            user: self.user,
            program: self.program,
            description: self.description,
            tags: self.tags,
            metadata: metadata.map(|one| records::Attached { name: one.name, value: one.value }).collect(),
            level: self.level,
            parent: match self.parent {
                None | Some(Parent::Newest) => CommonParent::Newest,
                Some(Parent::Snapshot { id }) => CommonParent::Snapshot(id),
                Some(Parent::Nothing) => CommonParent::None,
            },
            changes: changes.unwrap_or_default(),
            time: self.time.map(Into::into),
            skip_if_unchanged: self.skip_if_unchanged,
        })
    }
}

/// Options of a restore.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RestoreOptions {
    /// Restores this file or folder only.
    #[uniffi(default = None)]
    pub path: Option<RawName>,
    /// Restores only what matches one of these gitignore patterns, or lies in a folder that does.
    #[uniffi(default = [])]
    pub include: Vec<String>,
    /// Leaves out what matches these gitignore patterns.
    #[uniffi(default = [])]
    pub exclude: Vec<String>,
    /// What happens to entries that exist; those that differ are rewritten where nothing is said.
    #[uniffi(default = None)]
    pub overwrite: Option<Overwrite>,
    /// Compares the content of files whose size and time are as they should be, instead of trusting them.
    #[uniffi(default = false)]
    pub verify_existing: bool,
    /// What happens to owners and groups; they go by name where nothing is said.
    #[uniffi(default = None)]
    pub owner: Option<Ownership>,
    /// Whether extended attributes and ACLs are restored.
    #[uniffi(default = true)]
    pub xattrs: bool,
    /// Whether holes become holes again or are filled with zeros.
    #[uniffi(default = true)]
    pub sparse: bool,
    /// Removes what stands in restored folders of the target and not in the snapshot.
    #[uniffi(default = false)]
    pub delete_extra: bool,
    /// Changes nothing and reports what would be done.
    #[uniffi(default = false)]
    pub dry_run: bool,
    /// Waits until everything is on the storage device before it returns.
    #[uniffi(default = false)]
    pub sync: bool,
}

impl RestoreOptions {
    pub(crate) fn into_common(self, target: LocalPath) -> options::RestoreOptions {
        let defaults = options::RestoreOptions::to(target.0);
        options::RestoreOptions {
            target: defaults.target,
            path: self.path.map_or(defaults.path, |path| path.0),
            include: self.include,
            exclude: self.exclude,
            overwrite: self.overwrite.unwrap_or(defaults.overwrite),
            verify_existing: self.verify_existing,
            owner: self.owner.unwrap_or(defaults.owner),
            xattrs: self.xattrs,
            sparse: self.sparse,
            delete_extra: self.delete_extra,
            dry_run: self.dry_run,
            sync: self.sync,
        }
    }
}

/// Chooses among snapshots. Every condition that is set must hold.
#[derive(Debug, Clone, uniffi::Record)]
pub struct SnapshotFilter {
    /// Only those made on this host.
    #[uniffi(default = None)]
    pub host: Option<String>,
    /// Only those for which all of these paths were given.
    #[uniffi(default = [])]
    pub paths: Vec<RawName>,
    /// Only those with all of these tags.
    #[uniffi(default = [])]
    pub tags: Vec<String>,
    /// Only those made at this time or later, by the clock of the device that made them.
    #[uniffi(default = None)]
    pub after: Option<Timestamp>,
    /// Only those made earlier than this time.
    #[uniffi(default = None)]
    pub before: Option<Timestamp>,
    /// Only those of one lineage.
    #[uniffi(default = None)]
    pub lineage: Option<String>,
}

impl SnapshotFilter {
    pub(crate) fn into_common(self) -> options::SnapshotFilter {
        options::SnapshotFilter {
            host: self.host,
            paths: raw(self.paths),
            tags: self.tags,
            after: self.after.map(Into::into),
            before: self.before.map(Into::into),
            lineage: self.lineage,
        }
    }
}

/// Options of copying snapshots to other repositories.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CopyOptions {
    /// Copies these snapshots; none named means all.
    #[uniffi(default = [])]
    pub snapshots: Vec<String>,
    /// Copies the snapshots that fit.
    #[uniffi(default = None)]
    pub filter: Option<SnapshotFilter>,
    /// The zstd level of what is written.
    #[uniffi(default = None)]
    pub level: Option<i32>,
    /// Whether the tree of each copy is compared with the original's before the copy counts.
    #[uniffi(default = true)]
    pub verify: bool,
    /// Whether everything that was sent is read back and held against its hashes before the copy counts.
    #[uniffi(default = false)]
    pub verify_data: bool,
}

impl CopyOptions {
    pub(crate) fn into_common(self) -> Result<options::CopyOptions> {
        Ok(options::CopyOptions {
            snapshots: self.snapshots,
            filter: self.filter.map(SnapshotFilter::into_common).unwrap_or_default(),
            level: self.level,
            verify: self.verify,
            verify_data: self.verify_data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_what_the_shared_layer_leaves_out() {
        // The literals are the defaults that the generated languages have.
        let ours = ChangeDetection { read_everything: false, change_time: true, inode: true };
        let theirs = options::ChangeDetection::default();
        assert_eq!(ours.read_everything, theirs.read_everything);
        assert_eq!((ours.change_time, ours.inode), (theirs.change_time, theirs.inode));
        let restore = options::RestoreOptions::to("/target");
        assert!(restore.xattrs && restore.sparse && !restore.delete_extra && !restore.dry_run && !restore.sync);
        assert!(!restore.verify_existing);
        let copy = options::CopyOptions::default();
        assert!(copy.verify && !copy.verify_data);
    }
}
