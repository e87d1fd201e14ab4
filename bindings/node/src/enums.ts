// Made by `cargo xtask gen` of bindings/common; do not edit.

/** What went wrong, in terms a program can act on. Numbers and names never change their meaning. */
export type ErrorKind =
  | 'io'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'corrupt'
  | 'unsupported'
  | 'wrong_key'
  | 'forbidden'
  | 'untrusted'
  | 'invalid_argument'
  | 'cancelled'
  | 'storage_full'
  | 'quota_exceeded'
  | 'unavailable'
  | 'limit_exceeded'
  | 'conflict'
  | 'read_only'
  | 'internal'
  | 'closed'
  | 'callback';

/** The stable numbers of {@link ErrorKind}. */
export const ERROR_KIND_CODES: Readonly<Record<ErrorKind, number>> = {
  /** Something the operating system or the storage reported that fits no other kind. */
  io: 1,
  /** The named object, path, snapshot or key does not exist. */
  not_found: 2,
  /** Something with that name exists already. */
  already_exists: 3,
  /** The operating system or the storage refused access. */
  permission_denied: 4,
  /** Stored bytes are damaged: they fail authentication, a checksum or a bound of the format. */
  corrupt: 5,
  /** Stored bytes were written by a version or with an algorithm this build does not know. */
  unsupported: 6,
  /** The passphrase, recovery code or device key opens none of the key slots. */
  wrong_key: 7,
  /** The key that was used does not carry the capability the operation needs. */
  forbidden: 8,
  /** A signature is missing, invalid, or by a device that is not on the owner's list. */
  untrusted: 9,
  /** An argument or option makes no sense. */
  invalid_argument: 10,
  /** The caller cancelled the operation. */
  cancelled: 11,
  /** The storage or the target file system is full. */
  storage_full: 12,
  /** The account's quota does not allow it. */
  quota_exceeded: 13,
  /** The storage cannot be reached at the moment, or took too long. */
  unavailable: 14,
  /** The memory, size or count bound of the operation would be exceeded. */
  limit_exceeded: 15,
  /** Somebody else changed the same thing first. */
  conflict: 16,
  /** The storage or target is read-only. */
  read_only: 17,
  /** A bug in this library; please report it. */
  internal: 18,
  /** The handle was closed before. */
  closed: 101,
  /** A function that the app handed in failed with an error of its own. */
  callback: 102,
};

/** How an operation ended that did not fail as a whole. */
export type Outcome =
  | 'complete'
  | 'partial'
  | 'suspended';

/** The stable numbers of {@link Outcome}. */
export const OUTCOME_CODES: Readonly<Record<Outcome, number>> = {
  /** Everything was done. */
  complete: 1,
  /** Everything was done but what the list of problems names. */
  partial: 2,
  /** The deadline passed or the caller asked to suspend; what is done is kept, and the same call goes on from there. */
  suspended: 3,
};

/** Whether a snapshot holds everything. */
export type SnapshotOutcome =
  | 'complete'
  | 'partial';

/** The stable numbers of {@link SnapshotOutcome}. */
export const SNAPSHOT_OUTCOME_CODES: Readonly<Record<SnapshotOutcome, number>> = {
  /** Everything was read. */
  complete: 1,
  /** Some paths could not be read; the report of the backup named them. */
  partial: 2,
};

/** What a key lets its holder do. */
export type Role =
  | 'writer'
  | 'reader'
  | 'maintainer'
  | 'owner';

/** The stable numbers of {@link Role}. */
export const ROLE_CODES: Readonly<Record<Role, number>> = {
  /** Backs up, and can read nothing that is stored, its own backups included. */
  writer: 1,
  /** Backs up, browses and restores. */
  reader: 2,
  /** Prunes, repacks and checks packs, without reading content or names. */
  maintainer: 3,
  /** Everything, including adding and revoking keys and devices. */
  owner: 4,
};

/** What opens a key slot. */
export type SlotMethod =
  | 'passphrase'
  | 'recovery_code'
  | 'device'
  | 'account_key';

/** The stable numbers of {@link SlotMethod}. */
export const SLOT_METHOD_CODES: Readonly<Record<SlotMethod, number>> = {
  /** A passphrase. */
  passphrase: 1,
  /** A recovery code. */
  recovery_code: 2,
  /** A device's own key. */
  device: 3,
  /** The key of an account. */
  account_key: 4,
};

/** The type of an entry. */
export type EntryKind =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'fifo'
  | 'socket'
  | 'char_device'
  | 'block_device';

/** The stable numbers of {@link EntryKind}. */
export const ENTRY_KIND_CODES: Readonly<Record<EntryKind, number>> = {
  /** A regular file. */
  file: 1,
  /** A folder. */
  directory: 2,
  /** A symbolic link. */
  symlink: 3,
  /** A named pipe. */
  fifo: 4,
  /** A socket in the file system. */
  socket: 5,
  /** A character device. */
  char_device: 6,
  /** A block device. */
  block_device: 7,
};

/** Which part of an operation is under way. */
export type Phase =
  | 'preparing'
  | 'backing_up'
  | 'restoring'
  | 'checking'
  | 'copying'
  | 'indexing'
  | 'finishing'
  | 'reencrypting';

/** The stable numbers of {@link Phase}. */
export const PHASE_CODES: Readonly<Record<Phase, number>> = {
  /** Getting ready: reading keys, indexes or the previous snapshot. */
  preparing: 1,
  /** Reading and storing content. */
  backing_up: 2,
  /** Writing restored entries. */
  restoring: 3,
  /** Reading and verifying stored objects. */
  checking: 4,
  /** Reading content from one repository and storing it in others. */
  copying: 5,
  /** Rebuilding or merging indexes. */
  indexing: 6,
  /** Writing the last objects. */
  finishing: 7,
  /** Moving stored content to newer keys. */
  reencrypting: 8,
};

/** Why a path is named in a report. */
export type ProblemReason =
  | 'vanished'
  | 'changed'
  | 'permission_denied'
  | 'unreadable'
  | 'unwritable'
  | 'damaged'
  | 'metadata'
  | 'unsupported'
  | 'obstructed';

/** The stable numbers of {@link ProblemReason}. */
export const PROBLEM_REASON_CODES: Readonly<Record<ProblemReason, number>> = {
  /** It was listed and then gone. */
  vanished: 1,
  /** It changed while it was read; what is stored is a mixture. */
  changed: 2,
  /** Access was refused. */
  permission_denied: 3,
  /** Reading it failed. */
  unreadable: 4,
  /** Writing it failed. */
  unwritable: 5,
  /** Its content is missing or damaged in the repository. */
  damaged: 6,
  /** Owner, times, attributes or another part of its metadata could not be read or set. */
  metadata: 7,
  /** It cannot be represented: its name or path is too long, or its type is unknown. */
  unsupported: 8,
  /** Something stands in the way in the target. */
  obstructed: 9,
};

/** What is wrong with something a check looked at. */
export type CheckKind =
  | 'damaged_index'
  | 'conflicting_index'
  | 'index_mismatch'
  | 'missing_pack'
  | 'wrong_length'
  | 'damaged_pack'
  | 'healable_pack'
  | 'damaged_parity'
  | 'unreadable'
  | 'missing_from_index'
  | 'missing_segment'
  | 'damaged_segment'
  | 'missing_node'
  | 'damaged_node'
  | 'damaged_file'
  | 'damaged_snapshot'
  | 'damaged_mark'
  | 'damaged_lease'
  | 'damaged_checkpoint'
  | 'damaged_condemnation'
  | 'damaged_key'
  | 'damaged_devices'
  | 'missing_parity'
  | 'unindexed_pack'
  | 'unknown_object';

/** The stable numbers of {@link CheckKind}. */
export const CHECK_KIND_CODES: Readonly<Record<CheckKind, number>> = {
  /** An index object cannot be read. What only it lists counts as absent; rebuilding the index brings it back. */
  damaged_index: 1,
  /** Index objects list different things for the same pack. */
  conflicting_index: 2,
  /** A pack says that it holds something else than the index lists for it. */
  index_mismatch: 3,
  /** The index lists a pack that is not in storage. */
  missing_pack: 4,
  /** A pack has another length than the index lists. */
  wrong_length: 5,
  /** A pack's bytes are not those its name stands for. */
  damaged_pack: 6,
  /** A pack is damaged or missing, and its parity heals it: nothing is lost. Repair makes it whole. */
  healable_pack: 7,
  /** Parity of a pack is damaged: less of the pack heals than should. */
  damaged_parity: 8,
  /** Storage did not give an object though it lists it, or the key that was used does not reach its epoch. */
  unreadable: 9,
  /** A tree refers to something that no readable index object lists. */
  missing_from_index: 10,
  /** A segment of content is listed, but no pack that should hold it is in storage. */
  missing_segment: 11,
  /** A segment of content cannot be opened. */
  damaged_segment: 12,
  /** A node of a tree is listed, but no pack that should hold it is in storage. */
  missing_node: 13,
  /** A node of a tree cannot be opened, or is not what its parent says. */
  damaged_node: 14,
  /** A file of a snapshot cannot be restored whole. */
  damaged_file: 15,
  /** A snapshot cannot be read or trusted. */
  damaged_snapshot: 16,
  /** A mark cannot be read or trusted: the snapshot it is on has the tags it had before. */
  damaged_mark: 17,
  /** A lease cannot be read or trusted. No backup depends on it; pruning waits a week for whoever wrote it. */
  damaged_lease: 18,
  /** A checkpoint cannot be read or trusted. No backup depends on it; one that was suspended begins anew. */
  damaged_checkpoint: 19,
  /** A list of packs that pruning condemned cannot be read: nothing is backed up until pruning has put that right. */
  damaged_condemnation: 20,
  /** A key slot is damaged: what it was made for opens nothing any more. */
  damaged_key: 21,
  /** A device list is damaged. */
  damaged_devices: 22,
  /** A pack without parity, in a repository whose packs have it. Not damage. */
  missing_parity: 23,
  /** A pack that no index object lists: a backup that broke off leaves such packs. Not damage. */
  unindexed_pack: 24,
  /** An object whose name does not belong in its folder. Not damage. */
  unknown_object: 25,
};

/** How long the periods are of which a retention rule keeps one snapshot each. */
export type PeriodKind =
  | 'hourly'
  | 'daily'
  | 'weekly'
  | 'monthly'
  | 'yearly';

/** The stable numbers of {@link PeriodKind}. */
export const PERIOD_KIND_CODES: Readonly<Record<PeriodKind, number>> = {
  /** From one full hour to the next. */
  hourly: 1,
  /** From midnight to midnight. */
  daily: 2,
  /** From Monday to Sunday. */
  weekly: 3,
  /** A calendar month. */
  monthly: 4,
  /** A calendar year. */
  yearly: 5,
};

/** What happens to entries that stand in the target of a restore already. */
export type Overwrite =
  | 'never'
  | 'if_newer'
  | 'if_different'
  | 'always';

/** The stable numbers of {@link Overwrite}. */
export const OVERWRITE_CODES: Readonly<Record<Overwrite, number>> = {
  /** Leaves everything alone that exists, its metadata included. */
  never: 1,
  /** Replaces what was modified earlier than the snapshot's entry. */
  if_newer: 2,
  /** Leaves the content of files of the same size and modification time alone, and rewrites the differing parts of all others. */
  if_different: 3,
  /** Compares the content of every file, whatever its size and time say, and rewrites the differing parts. */
  always: 4,
};

/** What happens to owners and groups in a restore. */
export type Ownership =
  | 'named'
  | 'numeric'
  | 'skip';

/** The stable numbers of {@link Ownership}. */
export const OWNERSHIP_CODES: Readonly<Record<Ownership, number>> = {
  /** The user and group of the names the snapshot has, where this system knows them, and otherwise the numeric ids. */
  named: 1,
  /** The numeric ids the snapshot has, whatever the names. */
  numeric: 2,
  /** Everything is left to whoever runs the restore. */
  skip: 3,
};

/** In what way two snapshots differ on a path. */
export type ChangeKind =
  | 'added'
  | 'removed'
  | 'changed';

/** The stable numbers of {@link ChangeKind}. */
export const CHANGE_KIND_CODES: Readonly<Record<ChangeKind, number>> = {
  /** Only the second has it. */
  added: 1,
  /** Only the first has it. */
  removed: 2,
  /** Both have it, with differences. */
  changed: 3,
};

/** How much an event of the log matters. */
export type LogLevel =
  | 'debug'
  | 'info'
  | 'warning'
  | 'error';

/** The stable numbers of {@link LogLevel}. */
export const LOG_LEVEL_CODES: Readonly<Record<LogLevel, number>> = {
  /** What is under way. */
  debug: 1,
  /** What was done. */
  info: 2,
  /** What could not be done while the rest went on, and what somebody should look after. */
  warning: 3,
  /** What failed. */
  error: 4,
};
