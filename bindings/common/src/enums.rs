//! The enumerations of the interface, each with numbers, names and sentences that are the same in every language.

/// One value of an enumeration, for the tables that languages get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnumValue {
    /// Its stable number.
    pub code: u32,
    /// Its stable name, in snake case.
    pub name: &'static str,
    /// Its name in the way types are written, such as `BackingUp`.
    pub type_name: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// One enumeration, for the tables that languages get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnumTable {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its values in the order of their numbers.
    pub values: &'static [EnumValue],
}

macro_rules! flat_enum {
    (
        #[doc = $enum_doc:literal]
        $name:ident else $fallback:ident {
            $( #[doc = $doc:literal] $variant:ident = $code:literal $text:literal ),* $(,)?
        }
        $( and { $( #[doc = $own_doc:literal] $own:ident = $own_code:literal $own_text:literal ),* $(,)? } )?
    ) => {
        flat_enum!(@own #[doc = $enum_doc] $name {
            $( #[doc = $doc] $variant = $code $text, )*
            $( $( #[doc = $own_doc] $own = $own_code $own_text, )* )?
        });

        impl From<&strongroom::$name> for $name {
            fn from(of: &strongroom::$name) -> Self {
                // The engine's enumerations may grow; `in_step` fails when one has a value that is not here.
                #[allow(unreachable_patterns)]
                match of {
                    $( strongroom::$name::$variant { .. } => $name::$variant, )*
                    _ => $name::$fallback,
                }
            }
        }

        impl $crate::flat::Flat<$name> for strongroom::$name {
            fn flat(&self) -> $name {
                $name::from(self)
            }
        }
    };
    (
        @own #[doc = $enum_doc:literal]
        $name:ident {
            $( #[doc = $doc:literal] $variant:ident = $code:literal $text:literal ),* $(,)?
        }
    ) => {
        #[doc = $enum_doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name {
            $( #[doc = $doc] $variant = $code, )*
        }

        impl $name {
            /// Every value, in the order of their numbers.
            pub const ALL: &'static [$name] = &[ $( $name::$variant, )* ];

            /// The table of its values.
            pub const TABLE: EnumTable = EnumTable {
                name: stringify!($name),
                doc: $enum_doc,
                values: &[ $( EnumValue {
                    code: $code,
                    name: $text,
                    type_name: stringify!($variant),
                    doc: $doc,
                }, )* ],
            };

            /// The stable number.
            #[must_use]
            pub const fn code(self) -> u32 {
                self as u32
            }

            /// The stable name, in snake case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( $name::$variant => $text, )* }
            }

            /// The value with this number.
            #[must_use]
            pub fn from_code(code: u32) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.code() == code)
            }

            /// The value with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

flat_enum! {
    #[doc = "What went wrong, in terms a program can act on. Numbers and names never change their meaning."]
    ErrorKind else Internal {
        #[doc = "Something the operating system or the storage reported that fits no other kind."]
        Io = 1 "io",
        #[doc = "The named object, path, snapshot or key does not exist."]
        NotFound = 2 "not_found",
        #[doc = "Something with that name exists already."]
        AlreadyExists = 3 "already_exists",
        #[doc = "The operating system or the storage refused access."]
        PermissionDenied = 4 "permission_denied",
        #[doc = "Stored bytes are damaged: they fail authentication, a checksum or a bound of the format."]
        Corrupt = 5 "corrupt",
        #[doc = "Stored bytes were written by a version or with an algorithm this build does not know."]
        Unsupported = 6 "unsupported",
        #[doc = "The passphrase, recovery code or device key opens none of the key slots."]
        WrongKey = 7 "wrong_key",
        #[doc = "The key that was used does not carry the capability the operation needs."]
        Forbidden = 8 "forbidden",
        #[doc = "A signature is missing, invalid, or by a device that is not on the owner's list."]
        Untrusted = 9 "untrusted",
        #[doc = "An argument or option makes no sense."]
        InvalidArgument = 10 "invalid_argument",
        #[doc = "The caller cancelled the operation."]
        Cancelled = 11 "cancelled",
        #[doc = "The storage or the target file system is full."]
        StorageFull = 12 "storage_full",
        #[doc = "The account's quota does not allow it."]
        QuotaExceeded = 13 "quota_exceeded",
        #[doc = "The storage cannot be reached at the moment, or took too long."]
        Unavailable = 14 "unavailable",
        #[doc = "The memory, size or count bound of the operation would be exceeded."]
        LimitExceeded = 15 "limit_exceeded",
        #[doc = "Somebody else changed the same thing first."]
        Conflict = 16 "conflict",
        #[doc = "The storage or target is read-only."]
        ReadOnly = 17 "read_only",
        #[doc = "A bug in this library; please report it."]
        Internal = 18 "internal",
    } and {
        #[doc = "The handle was closed before."]
        Closed = 101 "closed",
        #[doc = "A function that the app handed in failed with an error of its own."]
        Callback = 102 "callback",
    }
}

flat_enum! {
    #[doc = "How an operation ended that did not fail as a whole."]
    Outcome else Partial {
        #[doc = "Everything was done."]
        Complete = 1 "complete",
        #[doc = "Everything was done but what the list of problems names."]
        Partial = 2 "partial",
        #[doc = "The deadline passed or the caller asked to suspend; what is done is kept, and the same call goes on from there."]
        Suspended = 3 "suspended",
    }
}

flat_enum! {
    #[doc = "Whether a snapshot holds everything."]
    SnapshotOutcome else Partial {
        #[doc = "Everything was read."]
        Complete = 1 "complete",
        #[doc = "Some paths could not be read; the report of the backup named them."]
        Partial = 2 "partial",
    }
}

flat_enum! {
    #[doc = "What a key lets its holder do."]
    Role else Writer {
        #[doc = "Backs up, and can read nothing that is stored, its own backups included."]
        Writer = 1 "writer",
        #[doc = "Backs up, browses and restores."]
        Reader = 2 "reader",
        #[doc = "Prunes, repacks and checks packs, without reading content or names."]
        Maintainer = 3 "maintainer",
        #[doc = "Everything, including adding and revoking keys and devices."]
        Owner = 4 "owner",
    }
}

flat_enum! {
    #[doc = "What opens a key slot."]
    SlotMethod else AccountKey {
        #[doc = "A passphrase."]
        Passphrase = 1 "passphrase",
        #[doc = "A recovery code."]
        RecoveryCode = 2 "recovery_code",
        #[doc = "A device's own key."]
        Device = 3 "device",
        #[doc = "The key of an account."]
        AccountKey = 4 "account_key",
    }
}

flat_enum! {
    #[doc = "The type of an entry."]
    EntryKind else File {
        #[doc = "A regular file."]
        File = 1 "file",
        #[doc = "A folder."]
        Directory = 2 "directory",
        #[doc = "A symbolic link."]
        Symlink = 3 "symlink",
        #[doc = "A named pipe."]
        Fifo = 4 "fifo",
        #[doc = "A socket in the file system."]
        Socket = 5 "socket",
        #[doc = "A character device."]
        CharDevice = 6 "char_device",
        #[doc = "A block device."]
        BlockDevice = 7 "block_device",
    }
}

flat_enum! {
    #[doc = "Which part of an operation is under way."]
    Phase else Preparing {
        #[doc = "Getting ready: reading keys, indexes or the previous snapshot."]
        Preparing = 1 "preparing",
        #[doc = "Reading and storing content."]
        BackingUp = 2 "backing_up",
        #[doc = "Writing restored entries."]
        Restoring = 3 "restoring",
        #[doc = "Reading and verifying stored objects."]
        Checking = 4 "checking",
        #[doc = "Reading content from one repository and storing it in others."]
        Copying = 5 "copying",
        #[doc = "Rebuilding or merging indexes."]
        Indexing = 6 "indexing",
        #[doc = "Writing the last objects."]
        Finishing = 7 "finishing",
        #[doc = "Moving stored content to newer keys."]
        Reencrypting = 8 "reencrypting",
    }
}

flat_enum! {
    #[doc = "Why a path is named in a report."]
    ProblemReason else Unreadable {
        #[doc = "It was listed and then gone."]
        Vanished = 1 "vanished",
        #[doc = "It changed while it was read; what is stored is a mixture."]
        Changed = 2 "changed",
        #[doc = "Access was refused."]
        PermissionDenied = 3 "permission_denied",
        #[doc = "Reading it failed."]
        Unreadable = 4 "unreadable",
        #[doc = "Writing it failed."]
        Unwritable = 5 "unwritable",
        #[doc = "Its content is missing or damaged in the repository."]
        Damaged = 6 "damaged",
        #[doc = "Owner, times, attributes or another part of its metadata could not be read or set."]
        Metadata = 7 "metadata",
        #[doc = "It cannot be represented: its name or path is too long, or its type is unknown."]
        Unsupported = 8 "unsupported",
        #[doc = "Something stands in the way in the target."]
        Obstructed = 9 "obstructed",
    }
}

flat_enum! {
    #[doc = "What is wrong with something a check looked at."]
    CheckKind else Unreadable {
        #[doc = "An index object cannot be read. What only it lists counts as absent; rebuilding the index brings it back."]
        DamagedIndex = 1 "damaged_index",
        #[doc = "Index objects list different things for the same pack."]
        ConflictingIndex = 2 "conflicting_index",
        #[doc = "A pack says that it holds something else than the index lists for it."]
        IndexMismatch = 3 "index_mismatch",
        #[doc = "The index lists a pack that is not in storage."]
        MissingPack = 4 "missing_pack",
        #[doc = "A pack has another length than the index lists."]
        WrongLength = 5 "wrong_length",
        #[doc = "A pack's bytes are not those its name stands for."]
        DamagedPack = 6 "damaged_pack",
        #[doc = "A pack is damaged or missing, and its parity heals it: nothing is lost. Repair makes it whole."]
        HealablePack = 7 "healable_pack",
        #[doc = "Parity of a pack is damaged: less of the pack heals than should."]
        DamagedParity = 8 "damaged_parity",
        #[doc = "Storage did not give an object though it lists it, or the key that was used does not reach its epoch."]
        Unreadable = 9 "unreadable",
        #[doc = "A tree refers to something that no readable index object lists."]
        MissingFromIndex = 10 "missing_from_index",
        #[doc = "A segment of content is listed, but no pack that should hold it is in storage."]
        MissingSegment = 11 "missing_segment",
        #[doc = "A segment of content cannot be opened."]
        DamagedSegment = 12 "damaged_segment",
        #[doc = "A node of a tree is listed, but no pack that should hold it is in storage."]
        MissingNode = 13 "missing_node",
        #[doc = "A node of a tree cannot be opened, or is not what its parent says."]
        DamagedNode = 14 "damaged_node",
        #[doc = "A file of a snapshot cannot be restored whole."]
        DamagedFile = 15 "damaged_file",
        #[doc = "A snapshot cannot be read or trusted."]
        DamagedSnapshot = 16 "damaged_snapshot",
        #[doc = "A mark cannot be read or trusted: the snapshot it is on has the tags it had before."]
        DamagedMark = 17 "damaged_mark",
        #[doc = "A lease cannot be read or trusted. No backup depends on it; pruning waits a week for whoever wrote it."]
        DamagedLease = 18 "damaged_lease",
        #[doc = "A checkpoint cannot be read or trusted. No backup depends on it; one that was suspended begins anew."]
        DamagedCheckpoint = 19 "damaged_checkpoint",
        #[doc = "A list of packs that pruning condemned cannot be read: nothing is backed up until pruning has put that right."]
        DamagedCondemnation = 20 "damaged_condemnation",
        #[doc = "A key slot is damaged: what it was made for opens nothing any more."]
        DamagedKey = 21 "damaged_key",
        #[doc = "A device list is damaged."]
        DamagedDevices = 22 "damaged_devices",
        #[doc = "A pack without parity, in a repository whose packs have it. Not damage."]
        MissingParity = 23 "missing_parity",
        #[doc = "A pack that no index object lists: a backup that broke off leaves such packs. Not damage."]
        UnindexedPack = 24 "unindexed_pack",
        #[doc = "An object whose name does not belong in its folder. Not damage."]
        UnknownObject = 25 "unknown_object",
    }
}

flat_enum! {
    #[doc = "How long the periods are of which a retention rule keeps one snapshot each."]
    PeriodKind else Year {
        #[doc = "From one full hour to the next."]
        Hour = 1 "hourly",
        #[doc = "From midnight to midnight."]
        Day = 2 "daily",
        #[doc = "From Monday to Sunday."]
        Week = 3 "weekly",
        #[doc = "A calendar month."]
        Month = 4 "monthly",
        #[doc = "A calendar year."]
        Year = 5 "yearly",
    }
}

flat_enum! {
    #[doc = "What happens to entries that stand in the target of a restore already."]
    Overwrite else IfDifferent {
        #[doc = "Leaves everything alone that exists, its metadata included."]
        Never = 1 "never",
        #[doc = "Replaces what was modified earlier than the snapshot's entry."]
        IfNewer = 2 "if_newer",
        #[doc = "Leaves the content of files of the same size and modification time alone, and rewrites the differing parts of all others."]
        IfDifferent = 3 "if_different",
        #[doc = "Compares the content of every file, whatever its size and time say, and rewrites the differing parts."]
        Always = 4 "always",
    }
}

flat_enum! {
    #[doc = "What happens to owners and groups in a restore."]
    Ownership else Named {
        #[doc = "The user and group of the names the snapshot has, where this system knows them, and otherwise the numeric ids."]
        Named = 1 "named",
        #[doc = "The numeric ids the snapshot has, whatever the names."]
        Numeric = 2 "numeric",
        #[doc = "Everything is left to whoever runs the restore."]
        Skip = 3 "skip",
    }
}

impl Overwrite {
    /// The engine's value.
    #[must_use]
    pub fn to_core(self) -> strongroom::Overwrite {
        match self {
            Overwrite::Never => strongroom::Overwrite::Never,
            Overwrite::IfNewer => strongroom::Overwrite::IfNewer,
            Overwrite::IfDifferent => strongroom::Overwrite::IfDifferent,
            Overwrite::Always => strongroom::Overwrite::Always,
        }
    }
}

impl Ownership {
    /// The engine's value.
    #[must_use]
    pub fn to_core(self) -> strongroom::Ownership {
        match self {
            Ownership::Named => strongroom::Ownership::Named,
            Ownership::Numeric => strongroom::Ownership::Numeric,
            Ownership::Skip => strongroom::Ownership::Skip,
        }
    }
}

impl Role {
    /// The engine's value.
    #[must_use]
    pub fn to_core(self) -> strongroom::Role {
        match self {
            Role::Writer => strongroom::Role::Writer,
            Role::Reader => strongroom::Role::Reader,
            Role::Maintainer => strongroom::Role::Maintainer,
            Role::Owner => strongroom::Role::Owner,
        }
    }
}

impl PeriodKind {
    /// The engine's value.
    #[must_use]
    pub fn to_core(self) -> strongroom::PeriodKind {
        match self {
            PeriodKind::Hour => strongroom::PeriodKind::Hour,
            PeriodKind::Day => strongroom::PeriodKind::Day,
            PeriodKind::Week => strongroom::PeriodKind::Week,
            PeriodKind::Month => strongroom::PeriodKind::Month,
            PeriodKind::Year => strongroom::PeriodKind::Year,
        }
    }
}

impl ProblemReason {
    /// The engine's value.
    #[must_use]
    pub fn to_core(self) -> strongroom::ProblemReason {
        use strongroom::ProblemReason as Core;
        match self {
            ProblemReason::Vanished => Core::Vanished,
            ProblemReason::Changed => Core::Changed,
            ProblemReason::PermissionDenied => Core::PermissionDenied,
            ProblemReason::Unreadable => Core::Unreadable,
            ProblemReason::Unwritable => Core::Unwritable,
            ProblemReason::Damaged => Core::Damaged,
            ProblemReason::Metadata => Core::Metadata,
            ProblemReason::Unsupported => Core::Unsupported,
            ProblemReason::Obstructed => Core::Obstructed,
        }
    }
}

impl ErrorKind {
    /// The engine's kind; its `Io` for those that only bindings know.
    #[must_use]
    pub fn to_core(self) -> strongroom::ErrorKind {
        let found = strongroom::ErrorKind::ALL.into_iter().find(|kind| u32::from(kind.code()) == self.code());
        found.unwrap_or(strongroom::ErrorKind::Io)
    }
}

flat_enum! {
    @own #[doc = "In what way two snapshots differ on a path."]
    ChangeKind {
        #[doc = "Only the second has it."]
        Added = 1 "added",
        #[doc = "Only the first has it."]
        Removed = 2 "removed",
        #[doc = "Both have it, with differences."]
        Changed = 3 "changed",
    }
}

flat_enum! {
    @own #[doc = "How much an event of the log matters."]
    LogLevel {
        #[doc = "What is under way."]
        Debug = 1 "debug",
        #[doc = "What was done."]
        Info = 2 "info",
        #[doc = "What could not be done while the rest went on, and what somebody should look after."]
        Warning = 3 "warning",
        #[doc = "What failed."]
        Error = 4 "error",
    }
}

/// Every enumeration of the interface.
pub const ENUMS: &[EnumTable] = &[
    ErrorKind::TABLE,
    Outcome::TABLE,
    SnapshotOutcome::TABLE,
    Role::TABLE,
    SlotMethod::TABLE,
    EntryKind::TABLE,
    Phase::TABLE,
    ProblemReason::TABLE,
    CheckKind::TABLE,
    PeriodKind::TABLE,
    Overwrite::TABLE,
    Ownership::TABLE,
    ChangeKind::TABLE,
    LogLevel::TABLE,
];
