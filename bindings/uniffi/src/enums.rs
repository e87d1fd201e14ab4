//! Enumerations, the same in every language. Made by `cargo xtask gen` of bindings/common; do not edit.

pub use strongroom_bindings::ErrorKind;

/// What went wrong, in terms a program can act on. Numbers and names never change their meaning.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum ErrorKind {
    /// Something the operating system or the storage reported that fits no other kind.
    Io = 1,
    /// The named object, path, snapshot or key does not exist.
    NotFound = 2,
    /// Something with that name exists already.
    AlreadyExists = 3,
    /// The operating system or the storage refused access.
    PermissionDenied = 4,
    /// Stored bytes are damaged: they fail authentication, a checksum or a bound of the format.
    Corrupt = 5,
    /// Stored bytes were written by a version or with an algorithm this build does not know.
    Unsupported = 6,
    /// The passphrase, recovery code or device key opens none of the key slots.
    WrongKey = 7,
    /// The key that was used does not carry the capability the operation needs.
    Forbidden = 8,
    /// A signature is missing, invalid, or by a device that is not on the owner's list.
    Untrusted = 9,
    /// An argument or option makes no sense.
    InvalidArgument = 10,
    /// The caller cancelled the operation.
    Cancelled = 11,
    /// The storage or the target file system is full.
    StorageFull = 12,
    /// The account's quota does not allow it.
    QuotaExceeded = 13,
    /// The storage cannot be reached at the moment, or took too long.
    Unavailable = 14,
    /// The memory, size or count bound of the operation would be exceeded.
    LimitExceeded = 15,
    /// Somebody else changed the same thing first.
    Conflict = 16,
    /// The storage or target is read-only.
    ReadOnly = 17,
    /// A bug in this library; please report it.
    Internal = 18,
    /// The handle was closed before.
    Closed = 101,
    /// A function that the app handed in failed with an error of its own.
    Callback = 102,
}

pub use strongroom_bindings::Outcome;

/// How an operation ended that did not fail as a whole.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum Outcome {
    /// Everything was done.
    Complete = 1,
    /// Everything was done but what the list of problems names.
    Partial = 2,
    /// The deadline passed or the caller asked to suspend; what is done is kept, and the same call goes on from there.
    Suspended = 3,
}

pub use strongroom_bindings::SnapshotOutcome;

/// Whether a snapshot holds everything.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum SnapshotOutcome {
    /// Everything was read.
    Complete = 1,
    /// Some paths could not be read; the report of the backup named them.
    Partial = 2,
}

pub use strongroom_bindings::Role;

/// What a key lets its holder do.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum Role {
    /// Backs up, and can read nothing that is stored, its own backups included.
    Writer = 1,
    /// Backs up, browses and restores.
    Reader = 2,
    /// Prunes, repacks and checks packs, without reading content or names.
    Maintainer = 3,
    /// Everything, including adding and revoking keys and devices.
    Owner = 4,
}

pub use strongroom_bindings::SlotMethod;

/// What opens a key slot.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum SlotMethod {
    /// A passphrase.
    Passphrase = 1,
    /// A recovery code.
    RecoveryCode = 2,
    /// A device's own key.
    Device = 3,
    /// The key of an account.
    AccountKey = 4,
}

pub use strongroom_bindings::EntryKind;

/// The type of an entry.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum EntryKind {
    /// A regular file.
    File = 1,
    /// A folder.
    Directory = 2,
    /// A symbolic link.
    Symlink = 3,
    /// A named pipe.
    Fifo = 4,
    /// A socket in the file system.
    Socket = 5,
    /// A character device.
    CharDevice = 6,
    /// A block device.
    BlockDevice = 7,
}

pub use strongroom_bindings::Phase;

/// Which part of an operation is under way.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum Phase {
    /// Getting ready: reading keys, indexes or the previous snapshot.
    Preparing = 1,
    /// Reading and storing content.
    BackingUp = 2,
    /// Writing restored entries.
    Restoring = 3,
    /// Reading and verifying stored objects.
    Checking = 4,
    /// Reading content from one repository and storing it in others.
    Copying = 5,
    /// Rebuilding or merging indexes.
    Indexing = 6,
    /// Writing the last objects.
    Finishing = 7,
    /// Moving stored content to newer keys.
    Reencrypting = 8,
}

pub use strongroom_bindings::ProblemReason;

/// Why a path is named in a report.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum ProblemReason {
    /// It was listed and then gone.
    Vanished = 1,
    /// It changed while it was read; what is stored is a mixture.
    Changed = 2,
    /// Access was refused.
    PermissionDenied = 3,
    /// Reading it failed.
    Unreadable = 4,
    /// Writing it failed.
    Unwritable = 5,
    /// Its content is missing or damaged in the repository.
    Damaged = 6,
    /// Owner, times, attributes or another part of its metadata could not be read or set.
    Metadata = 7,
    /// It cannot be represented: its name or path is too long, or its type is unknown.
    Unsupported = 8,
    /// Something stands in the way in the target.
    Obstructed = 9,
}

pub use strongroom_bindings::CheckKind;

/// What is wrong with something a check looked at.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum CheckKind {
    /// An index object cannot be read. What only it lists counts as absent; rebuilding the index brings it back.
    DamagedIndex = 1,
    /// Index objects list different things for the same pack.
    ConflictingIndex = 2,
    /// A pack says that it holds something else than the index lists for it.
    IndexMismatch = 3,
    /// The index lists a pack that is not in storage.
    MissingPack = 4,
    /// A pack has another length than the index lists.
    WrongLength = 5,
    /// A pack's bytes are not those its name stands for.
    DamagedPack = 6,
    /// A pack is damaged or missing, and its parity heals it: nothing is lost. Repair makes it whole.
    HealablePack = 7,
    /// Parity of a pack is damaged: less of the pack heals than should.
    DamagedParity = 8,
    /// Storage did not give an object though it lists it, or the key that was used does not reach its epoch.
    Unreadable = 9,
    /// A tree refers to something that no readable index object lists.
    MissingFromIndex = 10,
    /// A segment of content is listed, but no pack that should hold it is in storage.
    MissingSegment = 11,
    /// A segment of content cannot be opened.
    DamagedSegment = 12,
    /// A node of a tree is listed, but no pack that should hold it is in storage.
    MissingNode = 13,
    /// A node of a tree cannot be opened, or is not what its parent says.
    DamagedNode = 14,
    /// A file of a snapshot cannot be restored whole.
    DamagedFile = 15,
    /// A snapshot cannot be read or trusted.
    DamagedSnapshot = 16,
    /// A mark cannot be read or trusted: the snapshot it is on has the tags it had before.
    DamagedMark = 17,
    /// A lease cannot be read or trusted. No backup depends on it; pruning waits a week for whoever wrote it.
    DamagedLease = 18,
    /// A checkpoint cannot be read or trusted. No backup depends on it; one that was suspended begins anew.
    DamagedCheckpoint = 19,
    /// A list of packs that pruning condemned cannot be read: nothing is backed up until pruning has put that right.
    DamagedCondemnation = 20,
    /// A key slot is damaged: what it was made for opens nothing any more.
    DamagedKey = 21,
    /// A device list is damaged.
    DamagedDevices = 22,
    /// A pack without parity, in a repository whose packs have it. Not damage.
    MissingParity = 23,
    /// A pack that no index object lists: a backup that broke off leaves such packs. Not damage.
    UnindexedPack = 24,
    /// An object whose name does not belong in its folder. Not damage.
    UnknownObject = 25,
}

pub use strongroom_bindings::PeriodKind;

/// How long the periods are of which a retention rule keeps one snapshot each.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum PeriodKind {
    /// From one full hour to the next.
    Hour = 1,
    /// From midnight to midnight.
    Day = 2,
    /// From Monday to Sunday.
    Week = 3,
    /// A calendar month.
    Month = 4,
    /// A calendar year.
    Year = 5,
}

pub use strongroom_bindings::Overwrite;

/// What happens to entries that stand in the target of a restore already.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum Overwrite {
    /// Leaves everything alone that exists, its metadata included.
    Never = 1,
    /// Replaces what was modified earlier than the snapshot's entry.
    IfNewer = 2,
    /// Leaves the content of files of the same size and modification time alone, and rewrites the differing parts of all others.
    IfDifferent = 3,
    /// Compares the content of every file, whatever its size and time say, and rewrites the differing parts.
    Always = 4,
}

pub use strongroom_bindings::Ownership;

/// What happens to owners and groups in a restore.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum Ownership {
    /// The user and group of the names the snapshot has, where this system knows them, and otherwise the numeric ids.
    Named = 1,
    /// The numeric ids the snapshot has, whatever the names.
    Numeric = 2,
    /// Everything is left to whoever runs the restore.
    Skip = 3,
}

pub use strongroom_bindings::ChangeKind;

/// In what way two snapshots differ on a path.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum ChangeKind {
    /// Only the second has it.
    Added = 1,
    /// Only the first has it.
    Removed = 2,
    /// Both have it, with differences.
    Changed = 3,
}

pub use strongroom_bindings::LogLevel;

/// How much an event of the log matters.
#[uniffi::remote(Enum)]
#[repr(u32)]
pub enum LogLevel {
    /// What is under way.
    Debug = 1,
    /// What was done.
    Info = 2,
    /// What could not be done while the rest went on, and what somebody should look after.
    Warning = 3,
    /// What failed.
    Error = 4,
}
