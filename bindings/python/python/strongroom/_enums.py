# Made by `cargo xtask gen` of bindings/common; do not edit.
"""Enumerations, the same in every language."""

from enum import StrEnum

__all__ = [
    "ErrorKind",
    "Outcome",
    "SnapshotOutcome",
    "Role",
    "SlotMethod",
    "EntryKind",
    "Phase",
    "ProblemReason",
    "CheckKind",
    "PeriodKind",
    "Overwrite",
    "Ownership",
    "ChangeKind",
    "LogLevel",
]


class ErrorKind(StrEnum):
    """What went wrong, in terms a program can act on. Numbers and names never change their meaning."""

    IO = "io"
    """Something the operating system or the storage reported that fits no other kind."""
    NOT_FOUND = "not_found"
    """The named object, path, snapshot or key does not exist."""
    ALREADY_EXISTS = "already_exists"
    """Something with that name exists already."""
    PERMISSION_DENIED = "permission_denied"
    """The operating system or the storage refused access."""
    CORRUPT = "corrupt"
    """Stored bytes are damaged: they fail authentication, a checksum or a bound of the format."""
    UNSUPPORTED = "unsupported"
    """Stored bytes were written by a version or with an algorithm this build does not know."""
    WRONG_KEY = "wrong_key"
    """The passphrase, recovery code or device key opens none of the key slots."""
    FORBIDDEN = "forbidden"
    """The key that was used does not carry the capability the operation needs."""
    UNTRUSTED = "untrusted"
    """A signature is missing, invalid, or by a device that is not on the owner's list."""
    INVALID_ARGUMENT = "invalid_argument"
    """An argument or option makes no sense."""
    CANCELLED = "cancelled"
    """The caller cancelled the operation."""
    STORAGE_FULL = "storage_full"
    """The storage or the target file system is full."""
    QUOTA_EXCEEDED = "quota_exceeded"
    """The account's quota does not allow it."""
    UNAVAILABLE = "unavailable"
    """The storage cannot be reached at the moment, or took too long."""
    LIMIT_EXCEEDED = "limit_exceeded"
    """The memory, size or count bound of the operation would be exceeded."""
    CONFLICT = "conflict"
    """Somebody else changed the same thing first."""
    READ_ONLY = "read_only"
    """The storage or target is read-only."""
    INTERNAL = "internal"
    """A bug in this library; please report it."""
    CLOSED = "closed"
    """The handle was closed before."""
    CALLBACK = "callback"
    """A function that the app handed in failed with an error of its own."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "io": 1,
            "not_found": 2,
            "already_exists": 3,
            "permission_denied": 4,
            "corrupt": 5,
            "unsupported": 6,
            "wrong_key": 7,
            "forbidden": 8,
            "untrusted": 9,
            "invalid_argument": 10,
            "cancelled": 11,
            "storage_full": 12,
            "quota_exceeded": 13,
            "unavailable": 14,
            "limit_exceeded": 15,
            "conflict": 16,
            "read_only": 17,
            "internal": 18,
            "closed": 101,
            "callback": 102,
        }[self.value]


class Outcome(StrEnum):
    """How an operation ended that did not fail as a whole."""

    COMPLETE = "complete"
    """Everything was done."""
    PARTIAL = "partial"
    """Everything was done but what the list of problems names."""
    SUSPENDED = "suspended"
    """The deadline passed or the caller asked to suspend; what is done is kept, and the same call goes on from there."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "complete": 1,
            "partial": 2,
            "suspended": 3,
        }[self.value]


class SnapshotOutcome(StrEnum):
    """Whether a snapshot holds everything."""

    COMPLETE = "complete"
    """Everything was read."""
    PARTIAL = "partial"
    """Some paths could not be read; the report of the backup named them."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "complete": 1,
            "partial": 2,
        }[self.value]


class Role(StrEnum):
    """What a key lets its holder do."""

    WRITER = "writer"
    """Backs up, and can read nothing that is stored, its own backups included."""
    READER = "reader"
    """Backs up, browses and restores."""
    MAINTAINER = "maintainer"
    """Prunes, repacks and checks packs, without reading content or names."""
    OWNER = "owner"
    """Everything, including adding and revoking keys and devices."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "writer": 1,
            "reader": 2,
            "maintainer": 3,
            "owner": 4,
        }[self.value]


class SlotMethod(StrEnum):
    """What opens a key slot."""

    PASSPHRASE = "passphrase"
    """A passphrase."""
    RECOVERY_CODE = "recovery_code"
    """A recovery code."""
    DEVICE = "device"
    """A device's own key."""
    ACCOUNT_KEY = "account_key"
    """The key of an account."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "passphrase": 1,
            "recovery_code": 2,
            "device": 3,
            "account_key": 4,
        }[self.value]


class EntryKind(StrEnum):
    """The type of an entry."""

    FILE = "file"
    """A regular file."""
    DIRECTORY = "directory"
    """A folder."""
    SYMLINK = "symlink"
    """A symbolic link."""
    FIFO = "fifo"
    """A named pipe."""
    SOCKET = "socket"
    """A socket in the file system."""
    CHAR_DEVICE = "char_device"
    """A character device."""
    BLOCK_DEVICE = "block_device"
    """A block device."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "file": 1,
            "directory": 2,
            "symlink": 3,
            "fifo": 4,
            "socket": 5,
            "char_device": 6,
            "block_device": 7,
        }[self.value]


class Phase(StrEnum):
    """Which part of an operation is under way."""

    PREPARING = "preparing"
    """Getting ready: reading keys, indexes or the previous snapshot."""
    BACKING_UP = "backing_up"
    """Reading and storing content."""
    RESTORING = "restoring"
    """Writing restored entries."""
    CHECKING = "checking"
    """Reading and verifying stored objects."""
    COPYING = "copying"
    """Reading content from one repository and storing it in others."""
    INDEXING = "indexing"
    """Rebuilding or merging indexes."""
    FINISHING = "finishing"
    """Writing the last objects."""
    REENCRYPTING = "reencrypting"
    """Moving stored content to newer keys."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "preparing": 1,
            "backing_up": 2,
            "restoring": 3,
            "checking": 4,
            "copying": 5,
            "indexing": 6,
            "finishing": 7,
            "reencrypting": 8,
        }[self.value]


class ProblemReason(StrEnum):
    """Why a path is named in a report."""

    VANISHED = "vanished"
    """It was listed and then gone."""
    CHANGED = "changed"
    """It changed while it was read; what is stored is a mixture."""
    PERMISSION_DENIED = "permission_denied"
    """Access was refused."""
    UNREADABLE = "unreadable"
    """Reading it failed."""
    UNWRITABLE = "unwritable"
    """Writing it failed."""
    DAMAGED = "damaged"
    """Its content is missing or damaged in the repository."""
    METADATA = "metadata"
    """Owner, times, attributes or another part of its metadata could not be read or set."""
    UNSUPPORTED = "unsupported"
    """It cannot be represented: its name or path is too long, or its type is unknown."""
    OBSTRUCTED = "obstructed"
    """Something stands in the way in the target."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "vanished": 1,
            "changed": 2,
            "permission_denied": 3,
            "unreadable": 4,
            "unwritable": 5,
            "damaged": 6,
            "metadata": 7,
            "unsupported": 8,
            "obstructed": 9,
        }[self.value]


class CheckKind(StrEnum):
    """What is wrong with something a check looked at."""

    DAMAGED_INDEX = "damaged_index"
    """An index object cannot be read. What only it lists counts as absent; rebuilding the index brings it back."""
    CONFLICTING_INDEX = "conflicting_index"
    """Index objects list different things for the same pack."""
    INDEX_MISMATCH = "index_mismatch"
    """A pack says that it holds something else than the index lists for it."""
    MISSING_PACK = "missing_pack"
    """The index lists a pack that is not in storage."""
    WRONG_LENGTH = "wrong_length"
    """A pack has another length than the index lists."""
    DAMAGED_PACK = "damaged_pack"
    """A pack's bytes are not those its name stands for."""
    HEALABLE_PACK = "healable_pack"
    """A pack is damaged or missing, and its parity heals it: nothing is lost. Repair makes it whole."""
    DAMAGED_PARITY = "damaged_parity"
    """Parity of a pack is damaged: less of the pack heals than should."""
    UNREADABLE = "unreadable"
    """Storage did not give an object though it lists it, or the key that was used does not reach its epoch."""
    MISSING_FROM_INDEX = "missing_from_index"
    """A tree refers to something that no readable index object lists."""
    MISSING_SEGMENT = "missing_segment"
    """A segment of content is listed, but no pack that should hold it is in storage."""
    DAMAGED_SEGMENT = "damaged_segment"
    """A segment of content cannot be opened."""
    MISSING_NODE = "missing_node"
    """A node of a tree is listed, but no pack that should hold it is in storage."""
    DAMAGED_NODE = "damaged_node"
    """A node of a tree cannot be opened, or is not what its parent says."""
    DAMAGED_FILE = "damaged_file"
    """A file of a snapshot cannot be restored whole."""
    DAMAGED_SNAPSHOT = "damaged_snapshot"
    """A snapshot cannot be read or trusted."""
    DAMAGED_MARK = "damaged_mark"
    """A mark cannot be read or trusted: the snapshot it is on has the tags it had before."""
    DAMAGED_LEASE = "damaged_lease"
    """A lease cannot be read or trusted. No backup depends on it; pruning waits a week for whoever wrote it."""
    DAMAGED_CHECKPOINT = "damaged_checkpoint"
    """A checkpoint cannot be read or trusted. No backup depends on it; one that was suspended begins anew."""
    DAMAGED_CONDEMNATION = "damaged_condemnation"
    """A list of packs that pruning condemned cannot be read: nothing is backed up until pruning has put that right."""
    DAMAGED_KEY = "damaged_key"
    """A key slot is damaged: what it was made for opens nothing any more."""
    DAMAGED_DEVICES = "damaged_devices"
    """A device list is damaged."""
    MISSING_PARITY = "missing_parity"
    """A pack without parity, in a repository whose packs have it. Not damage."""
    UNINDEXED_PACK = "unindexed_pack"
    """A pack that no index object lists: a backup that broke off leaves such packs. Not damage."""
    UNKNOWN_OBJECT = "unknown_object"
    """An object whose name does not belong in its folder. Not damage."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "damaged_index": 1,
            "conflicting_index": 2,
            "index_mismatch": 3,
            "missing_pack": 4,
            "wrong_length": 5,
            "damaged_pack": 6,
            "healable_pack": 7,
            "damaged_parity": 8,
            "unreadable": 9,
            "missing_from_index": 10,
            "missing_segment": 11,
            "damaged_segment": 12,
            "missing_node": 13,
            "damaged_node": 14,
            "damaged_file": 15,
            "damaged_snapshot": 16,
            "damaged_mark": 17,
            "damaged_lease": 18,
            "damaged_checkpoint": 19,
            "damaged_condemnation": 20,
            "damaged_key": 21,
            "damaged_devices": 22,
            "missing_parity": 23,
            "unindexed_pack": 24,
            "unknown_object": 25,
        }[self.value]


class PeriodKind(StrEnum):
    """How long the periods are of which a retention rule keeps one snapshot each."""

    HOUR = "hourly"
    """From one full hour to the next."""
    DAY = "daily"
    """From midnight to midnight."""
    WEEK = "weekly"
    """From Monday to Sunday."""
    MONTH = "monthly"
    """A calendar month."""
    YEAR = "yearly"
    """A calendar year."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "hourly": 1,
            "daily": 2,
            "weekly": 3,
            "monthly": 4,
            "yearly": 5,
        }[self.value]


class Overwrite(StrEnum):
    """What happens to entries that stand in the target of a restore already."""

    NEVER = "never"
    """Leaves everything alone that exists, its metadata included."""
    IF_NEWER = "if_newer"
    """Replaces what was modified earlier than the snapshot's entry."""
    IF_DIFFERENT = "if_different"
    """Leaves the content of files of the same size and modification time alone, and rewrites the differing parts of all others."""
    ALWAYS = "always"
    """Compares the content of every file, whatever its size and time say, and rewrites the differing parts."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "never": 1,
            "if_newer": 2,
            "if_different": 3,
            "always": 4,
        }[self.value]


class Ownership(StrEnum):
    """What happens to owners and groups in a restore."""

    NAMED = "named"
    """The user and group of the names the snapshot has, where this system knows them, and otherwise the numeric ids."""
    NUMERIC = "numeric"
    """The numeric ids the snapshot has, whatever the names."""
    SKIP = "skip"
    """Everything is left to whoever runs the restore."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "named": 1,
            "numeric": 2,
            "skip": 3,
        }[self.value]


class ChangeKind(StrEnum):
    """In what way two snapshots differ on a path."""

    ADDED = "added"
    """Only the second has it."""
    REMOVED = "removed"
    """Only the first has it."""
    CHANGED = "changed"
    """Both have it, with differences."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "added": 1,
            "removed": 2,
            "changed": 3,
        }[self.value]


class LogLevel(StrEnum):
    """How much an event of the log matters."""

    DEBUG = "debug"
    """What is under way."""
    INFO = "info"
    """What was done."""
    WARNING = "warning"
    """What could not be done while the rest went on, and what somebody should look after."""
    ERROR = "error"
    """What failed."""

    @property
    def code(self) -> int:
        """The stable number, the same in every language."""
        return {
            "debug": 1,
            "info": 2,
            "warning": 3,
            "error": 4,
        }[self.value]
