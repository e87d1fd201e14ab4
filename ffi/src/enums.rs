//! Enumerations, the same in every language. Made by `cargo xtask gen` of bindings/common; do not edit.

/// What went wrong, in terms a program can act on. Numbers and names never change their meaning.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_error_kind = u32;
/// Something the operating system or the storage reported that fits no other kind.
pub const SR_ERROR_KIND_IO: u32 = 1;
/// The named object, path, snapshot or key does not exist.
pub const SR_ERROR_KIND_NOT_FOUND: u32 = 2;
/// Something with that name exists already.
pub const SR_ERROR_KIND_ALREADY_EXISTS: u32 = 3;
/// The operating system or the storage refused access.
pub const SR_ERROR_KIND_PERMISSION_DENIED: u32 = 4;
/// Stored bytes are damaged: they fail authentication, a checksum or a bound of the format.
pub const SR_ERROR_KIND_CORRUPT: u32 = 5;
/// Stored bytes were written by a version or with an algorithm this build does not know.
pub const SR_ERROR_KIND_UNSUPPORTED: u32 = 6;
/// The passphrase, recovery code or device key opens none of the key slots.
pub const SR_ERROR_KIND_WRONG_KEY: u32 = 7;
/// The key that was used does not carry the capability the operation needs.
pub const SR_ERROR_KIND_FORBIDDEN: u32 = 8;
/// A signature is missing, invalid, or by a device that is not on the owner's list.
pub const SR_ERROR_KIND_UNTRUSTED: u32 = 9;
/// An argument or option makes no sense.
pub const SR_ERROR_KIND_INVALID_ARGUMENT: u32 = 10;
/// The caller cancelled the operation.
pub const SR_ERROR_KIND_CANCELLED: u32 = 11;
/// The storage or the target file system is full.
pub const SR_ERROR_KIND_STORAGE_FULL: u32 = 12;
/// The account's quota does not allow it.
pub const SR_ERROR_KIND_QUOTA_EXCEEDED: u32 = 13;
/// The storage cannot be reached at the moment, or took too long.
pub const SR_ERROR_KIND_UNAVAILABLE: u32 = 14;
/// The memory, size or count bound of the operation would be exceeded.
pub const SR_ERROR_KIND_LIMIT_EXCEEDED: u32 = 15;
/// Somebody else changed the same thing first.
pub const SR_ERROR_KIND_CONFLICT: u32 = 16;
/// The storage or target is read-only.
pub const SR_ERROR_KIND_READ_ONLY: u32 = 17;
/// A bug in this library; please report it.
pub const SR_ERROR_KIND_INTERNAL: u32 = 18;
/// The handle was closed before.
pub const SR_ERROR_KIND_CLOSED: u32 = 101;
/// A function that the app handed in failed with an error of its own.
pub const SR_ERROR_KIND_CALLBACK: u32 = 102;

/// How an operation ended that did not fail as a whole.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_outcome = u32;
/// Everything was done.
pub const SR_OUTCOME_COMPLETE: u32 = 1;
/// Everything was done but what the list of problems names.
pub const SR_OUTCOME_PARTIAL: u32 = 2;
/// The deadline passed or the caller asked to suspend; what is done is kept, and the same call goes on from there.
pub const SR_OUTCOME_SUSPENDED: u32 = 3;

/// Whether a snapshot holds everything.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_snapshot_outcome = u32;
/// Everything was read.
pub const SR_SNAPSHOT_OUTCOME_COMPLETE: u32 = 1;
/// Some paths could not be read; the report of the backup named them.
pub const SR_SNAPSHOT_OUTCOME_PARTIAL: u32 = 2;

/// What a key lets its holder do.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_role = u32;
/// Backs up, and can read nothing that is stored, its own backups included.
pub const SR_ROLE_WRITER: u32 = 1;
/// Backs up, browses and restores.
pub const SR_ROLE_READER: u32 = 2;
/// Prunes, repacks and checks packs, without reading content or names.
pub const SR_ROLE_MAINTAINER: u32 = 3;
/// Everything, including adding and revoking keys and devices.
pub const SR_ROLE_OWNER: u32 = 4;

/// What opens a key slot.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_slot_method = u32;
/// A passphrase.
pub const SR_SLOT_METHOD_PASSPHRASE: u32 = 1;
/// A recovery code.
pub const SR_SLOT_METHOD_RECOVERY_CODE: u32 = 2;
/// A device's own key.
pub const SR_SLOT_METHOD_DEVICE: u32 = 3;
/// The key of an account.
pub const SR_SLOT_METHOD_ACCOUNT_KEY: u32 = 4;

/// The type of an entry.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_entry_kind = u32;
/// A regular file.
pub const SR_ENTRY_KIND_FILE: u32 = 1;
/// A folder.
pub const SR_ENTRY_KIND_DIRECTORY: u32 = 2;
/// A symbolic link.
pub const SR_ENTRY_KIND_SYMLINK: u32 = 3;
/// A named pipe.
pub const SR_ENTRY_KIND_FIFO: u32 = 4;
/// A socket in the file system.
pub const SR_ENTRY_KIND_SOCKET: u32 = 5;
/// A character device.
pub const SR_ENTRY_KIND_CHAR_DEVICE: u32 = 6;
/// A block device.
pub const SR_ENTRY_KIND_BLOCK_DEVICE: u32 = 7;

/// Which part of an operation is under way.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_phase = u32;
/// Getting ready: reading keys, indexes or the previous snapshot.
pub const SR_PHASE_PREPARING: u32 = 1;
/// Reading and storing content.
pub const SR_PHASE_BACKING_UP: u32 = 2;
/// Writing restored entries.
pub const SR_PHASE_RESTORING: u32 = 3;
/// Reading and verifying stored objects.
pub const SR_PHASE_CHECKING: u32 = 4;
/// Reading content from one repository and storing it in others.
pub const SR_PHASE_COPYING: u32 = 5;
/// Rebuilding or merging indexes.
pub const SR_PHASE_INDEXING: u32 = 6;
/// Writing the last objects.
pub const SR_PHASE_FINISHING: u32 = 7;
/// Moving stored content to newer keys.
pub const SR_PHASE_REENCRYPTING: u32 = 8;

/// Why a path is named in a report.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_problem_reason = u32;
/// It was listed and then gone.
pub const SR_PROBLEM_REASON_VANISHED: u32 = 1;
/// It changed while it was read; what is stored is a mixture.
pub const SR_PROBLEM_REASON_CHANGED: u32 = 2;
/// Access was refused.
pub const SR_PROBLEM_REASON_PERMISSION_DENIED: u32 = 3;
/// Reading it failed.
pub const SR_PROBLEM_REASON_UNREADABLE: u32 = 4;
/// Writing it failed.
pub const SR_PROBLEM_REASON_UNWRITABLE: u32 = 5;
/// Its content is missing or damaged in the repository.
pub const SR_PROBLEM_REASON_DAMAGED: u32 = 6;
/// Owner, times, attributes or another part of its metadata could not be read or set.
pub const SR_PROBLEM_REASON_METADATA: u32 = 7;
/// It cannot be represented: its name or path is too long, or its type is unknown.
pub const SR_PROBLEM_REASON_UNSUPPORTED: u32 = 8;
/// Something stands in the way in the target.
pub const SR_PROBLEM_REASON_OBSTRUCTED: u32 = 9;

/// What is wrong with something a check looked at.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_check_kind = u32;
/// An index object cannot be read. What only it lists counts as absent; rebuilding the index brings it back.
pub const SR_CHECK_KIND_DAMAGED_INDEX: u32 = 1;
/// Index objects list different things for the same pack.
pub const SR_CHECK_KIND_CONFLICTING_INDEX: u32 = 2;
/// A pack says that it holds something else than the index lists for it.
pub const SR_CHECK_KIND_INDEX_MISMATCH: u32 = 3;
/// The index lists a pack that is not in storage.
pub const SR_CHECK_KIND_MISSING_PACK: u32 = 4;
/// A pack has another length than the index lists.
pub const SR_CHECK_KIND_WRONG_LENGTH: u32 = 5;
/// A pack's bytes are not those its name stands for.
pub const SR_CHECK_KIND_DAMAGED_PACK: u32 = 6;
/// A pack is damaged or missing, and its parity heals it: nothing is lost. Repair makes it whole.
pub const SR_CHECK_KIND_HEALABLE_PACK: u32 = 7;
/// Parity of a pack is damaged: less of the pack heals than should.
pub const SR_CHECK_KIND_DAMAGED_PARITY: u32 = 8;
/// Storage did not give an object though it lists it, or the key that was used does not reach its epoch.
pub const SR_CHECK_KIND_UNREADABLE: u32 = 9;
/// A tree refers to something that no readable index object lists.
pub const SR_CHECK_KIND_MISSING_FROM_INDEX: u32 = 10;
/// A segment of content is listed, but no pack that should hold it is in storage.
pub const SR_CHECK_KIND_MISSING_SEGMENT: u32 = 11;
/// A segment of content cannot be opened.
pub const SR_CHECK_KIND_DAMAGED_SEGMENT: u32 = 12;
/// A node of a tree is listed, but no pack that should hold it is in storage.
pub const SR_CHECK_KIND_MISSING_NODE: u32 = 13;
/// A node of a tree cannot be opened, or is not what its parent says.
pub const SR_CHECK_KIND_DAMAGED_NODE: u32 = 14;
/// A file of a snapshot cannot be restored whole.
pub const SR_CHECK_KIND_DAMAGED_FILE: u32 = 15;
/// A snapshot cannot be read or trusted.
pub const SR_CHECK_KIND_DAMAGED_SNAPSHOT: u32 = 16;
/// A mark cannot be read or trusted: the snapshot it is on has the tags it had before.
pub const SR_CHECK_KIND_DAMAGED_MARK: u32 = 17;
/// A lease cannot be read or trusted. No backup depends on it; pruning waits a week for whoever wrote it.
pub const SR_CHECK_KIND_DAMAGED_LEASE: u32 = 18;
/// A checkpoint cannot be read or trusted. No backup depends on it; one that was suspended begins anew.
pub const SR_CHECK_KIND_DAMAGED_CHECKPOINT: u32 = 19;
/// A list of packs that pruning condemned cannot be read: nothing is backed up until pruning has put that right.
pub const SR_CHECK_KIND_DAMAGED_CONDEMNATION: u32 = 20;
/// A key slot is damaged: what it was made for opens nothing any more.
pub const SR_CHECK_KIND_DAMAGED_KEY: u32 = 21;
/// A device list is damaged.
pub const SR_CHECK_KIND_DAMAGED_DEVICES: u32 = 22;
/// A pack without parity, in a repository whose packs have it. Not damage.
pub const SR_CHECK_KIND_MISSING_PARITY: u32 = 23;
/// A pack that no index object lists: a backup that broke off leaves such packs. Not damage.
pub const SR_CHECK_KIND_UNINDEXED_PACK: u32 = 24;
/// An object whose name does not belong in its folder. Not damage.
pub const SR_CHECK_KIND_UNKNOWN_OBJECT: u32 = 25;

/// How long the periods are of which a retention rule keeps one snapshot each.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_period_kind = u32;
/// From one full hour to the next.
pub const SR_PERIOD_KIND_HOUR: u32 = 1;
/// From midnight to midnight.
pub const SR_PERIOD_KIND_DAY: u32 = 2;
/// From Monday to Sunday.
pub const SR_PERIOD_KIND_WEEK: u32 = 3;
/// A calendar month.
pub const SR_PERIOD_KIND_MONTH: u32 = 4;
/// A calendar year.
pub const SR_PERIOD_KIND_YEAR: u32 = 5;

/// What happens to entries that stand in the target of a restore already.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_overwrite = u32;
/// Leaves everything alone that exists, its metadata included.
pub const SR_OVERWRITE_NEVER: u32 = 1;
/// Replaces what was modified earlier than the snapshot's entry.
pub const SR_OVERWRITE_IF_NEWER: u32 = 2;
/// Leaves the content of files of the same size and modification time alone, and rewrites the differing parts of all others.
pub const SR_OVERWRITE_IF_DIFFERENT: u32 = 3;
/// Compares the content of every file, whatever its size and time say, and rewrites the differing parts.
pub const SR_OVERWRITE_ALWAYS: u32 = 4;

/// What happens to owners and groups in a restore.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_ownership = u32;
/// The user and group of the names the snapshot has, where this system knows them, and otherwise the numeric ids.
pub const SR_OWNERSHIP_NAMED: u32 = 1;
/// The numeric ids the snapshot has, whatever the names.
pub const SR_OWNERSHIP_NUMERIC: u32 = 2;
/// Everything is left to whoever runs the restore.
pub const SR_OWNERSHIP_SKIP: u32 = 3;

/// In what way two snapshots differ on a path.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_change_kind = u32;
/// Only the second has it.
pub const SR_CHANGE_KIND_ADDED: u32 = 1;
/// Only the first has it.
pub const SR_CHANGE_KIND_REMOVED: u32 = 2;
/// Both have it, with differences.
pub const SR_CHANGE_KIND_CHANGED: u32 = 3;

/// How much an event of the log matters.
/// A number of another value than these comes from a later version.
#[allow(non_camel_case_types)]
pub type sr_log_level = u32;
/// What is under way.
pub const SR_LOG_LEVEL_DEBUG: u32 = 1;
/// What was done.
pub const SR_LOG_LEVEL_INFO: u32 = 2;
/// What could not be done while the rest went on, and what somebody should look after.
pub const SR_LOG_LEVEL_WARNING: u32 = 3;
/// What failed.
pub const SR_LOG_LEVEL_ERROR: u32 = 4;

/// The stable name of an error kind.
pub(crate) fn error_kind_name(kind: u32) -> Option<&'static std::ffi::CStr> {
    Some(match kind {
        1 => c"io",
        2 => c"not_found",
        3 => c"already_exists",
        4 => c"permission_denied",
        5 => c"corrupt",
        6 => c"unsupported",
        7 => c"wrong_key",
        8 => c"forbidden",
        9 => c"untrusted",
        10 => c"invalid_argument",
        11 => c"cancelled",
        12 => c"storage_full",
        13 => c"quota_exceeded",
        14 => c"unavailable",
        15 => c"limit_exceeded",
        16 => c"conflict",
        17 => c"read_only",
        18 => c"internal",
        101 => c"closed",
        102 => c"callback",
        _ => return None,
    })
}
