/* The C interface of Strongroom. Made by `cargo xtask gen`; do not edit.
 *
 * Results.  Every function that can fail returns SR_OK or an error kind (SR_ERROR_KIND_...). Outputs are written
 *   only when it returns SR_OK; `error`, which may be NULL, only when it does not. An error is freed with sr_free.
 * Ownership.  Handles (structs with an `id`) are closed with the function of their name. Everything else that comes
 *   out of the library is freed with sr_free, by the pointer that was written to the output; what hangs on it goes with
 *   it. What goes into the library is copied before the function returns, unless it is a callback.
 * Handles that were closed, or never were any, are found out: SR_ERROR_KIND_CLOSED, SR_ERROR_KIND_INVALID_ARGUMENT.
 * Pointers may be NULL where it says so; where it does not, NULL is SR_ERROR_KIND_INVALID_ARGUMENT.
 * Text is UTF-8 and ends in NUL. Paths are bytes, with `/` between names, since names may be any bytes.
 * Options begin with struct_size, to be set to the size of the struct; zero is the default of everything else. NULL
 *   options are the defaults.
 * Threads.  Every function may be called from any thread, and any handle used by any number of threads at once.
 *   Long operations run on the calling thread until they are done; stop them through their run from another one.
 * Panics do not leave the library: they are SR_ERROR_KIND_INTERNAL.
 */

#ifndef STRONGROOM_H
#define STRONGROOM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * Something the operating system or the storage reported that fits no other kind.
 */
#define SR_ERROR_KIND_IO 1

/**
 * The named object, path, snapshot or key does not exist.
 */
#define SR_ERROR_KIND_NOT_FOUND 2

/**
 * Something with that name exists already.
 */
#define SR_ERROR_KIND_ALREADY_EXISTS 3

/**
 * The operating system or the storage refused access.
 */
#define SR_ERROR_KIND_PERMISSION_DENIED 4

/**
 * Stored bytes are damaged: they fail authentication, a checksum or a bound of the format.
 */
#define SR_ERROR_KIND_CORRUPT 5

/**
 * Stored bytes were written by a version or with an algorithm this build does not know.
 */
#define SR_ERROR_KIND_UNSUPPORTED 6

/**
 * The passphrase, recovery code or device key opens none of the key slots.
 */
#define SR_ERROR_KIND_WRONG_KEY 7

/**
 * The key that was used does not carry the capability the operation needs.
 */
#define SR_ERROR_KIND_FORBIDDEN 8

/**
 * A signature is missing, invalid, or by a device that is not on the owner's list.
 */
#define SR_ERROR_KIND_UNTRUSTED 9

/**
 * An argument or option makes no sense.
 */
#define SR_ERROR_KIND_INVALID_ARGUMENT 10

/**
 * The caller cancelled the operation.
 */
#define SR_ERROR_KIND_CANCELLED 11

/**
 * The storage or the target file system is full.
 */
#define SR_ERROR_KIND_STORAGE_FULL 12

/**
 * The account's quota does not allow it.
 */
#define SR_ERROR_KIND_QUOTA_EXCEEDED 13

/**
 * The storage cannot be reached at the moment, or took too long.
 */
#define SR_ERROR_KIND_UNAVAILABLE 14

/**
 * The memory, size or count bound of the operation would be exceeded.
 */
#define SR_ERROR_KIND_LIMIT_EXCEEDED 15

/**
 * Somebody else changed the same thing first.
 */
#define SR_ERROR_KIND_CONFLICT 16

/**
 * The storage or target is read-only.
 */
#define SR_ERROR_KIND_READ_ONLY 17

/**
 * A bug in this library; please report it.
 */
#define SR_ERROR_KIND_INTERNAL 18

/**
 * The handle was closed before.
 */
#define SR_ERROR_KIND_CLOSED 101

/**
 * A function that the app handed in failed with an error of its own.
 */
#define SR_ERROR_KIND_CALLBACK 102

/**
 * Everything was done.
 */
#define SR_OUTCOME_COMPLETE 1

/**
 * Everything was done but what the list of problems names.
 */
#define SR_OUTCOME_PARTIAL 2

/**
 * The deadline passed or the caller asked to suspend; what is done is kept, and the same call goes on from there.
 */
#define SR_OUTCOME_SUSPENDED 3

/**
 * Everything was read.
 */
#define SR_SNAPSHOT_OUTCOME_COMPLETE 1

/**
 * Some paths could not be read; the report of the backup named them.
 */
#define SR_SNAPSHOT_OUTCOME_PARTIAL 2

/**
 * Backs up, and can read nothing that is stored, its own backups included.
 */
#define SR_ROLE_WRITER 1

/**
 * Backs up, browses and restores.
 */
#define SR_ROLE_READER 2

/**
 * Prunes, repacks and checks packs, without reading content or names.
 */
#define SR_ROLE_MAINTAINER 3

/**
 * Everything, including adding and revoking keys and devices.
 */
#define SR_ROLE_OWNER 4

/**
 * A passphrase.
 */
#define SR_SLOT_METHOD_PASSPHRASE 1

/**
 * A recovery code.
 */
#define SR_SLOT_METHOD_RECOVERY_CODE 2

/**
 * A device's own key.
 */
#define SR_SLOT_METHOD_DEVICE 3

/**
 * The key of an account.
 */
#define SR_SLOT_METHOD_ACCOUNT_KEY 4

/**
 * A regular file.
 */
#define SR_ENTRY_KIND_FILE 1

/**
 * A folder.
 */
#define SR_ENTRY_KIND_DIRECTORY 2

/**
 * A symbolic link.
 */
#define SR_ENTRY_KIND_SYMLINK 3

/**
 * A named pipe.
 */
#define SR_ENTRY_KIND_FIFO 4

/**
 * A socket in the file system.
 */
#define SR_ENTRY_KIND_SOCKET 5

/**
 * A character device.
 */
#define SR_ENTRY_KIND_CHAR_DEVICE 6

/**
 * A block device.
 */
#define SR_ENTRY_KIND_BLOCK_DEVICE 7

/**
 * Getting ready: reading keys, indexes or the previous snapshot.
 */
#define SR_PHASE_PREPARING 1

/**
 * Reading and storing content.
 */
#define SR_PHASE_BACKING_UP 2

/**
 * Writing restored entries.
 */
#define SR_PHASE_RESTORING 3

/**
 * Reading and verifying stored objects.
 */
#define SR_PHASE_CHECKING 4

/**
 * Reading content from one repository and storing it in others.
 */
#define SR_PHASE_COPYING 5

/**
 * Rebuilding or merging indexes.
 */
#define SR_PHASE_INDEXING 6

/**
 * Writing the last objects.
 */
#define SR_PHASE_FINISHING 7

/**
 * Moving stored content to newer keys.
 */
#define SR_PHASE_REENCRYPTING 8

/**
 * It was listed and then gone.
 */
#define SR_PROBLEM_REASON_VANISHED 1

/**
 * It changed while it was read; what is stored is a mixture.
 */
#define SR_PROBLEM_REASON_CHANGED 2

/**
 * Access was refused.
 */
#define SR_PROBLEM_REASON_PERMISSION_DENIED 3

/**
 * Reading it failed.
 */
#define SR_PROBLEM_REASON_UNREADABLE 4

/**
 * Writing it failed.
 */
#define SR_PROBLEM_REASON_UNWRITABLE 5

/**
 * Its content is missing or damaged in the repository.
 */
#define SR_PROBLEM_REASON_DAMAGED 6

/**
 * Owner, times, attributes or another part of its metadata could not be read or set.
 */
#define SR_PROBLEM_REASON_METADATA 7

/**
 * It cannot be represented: its name or path is too long, or its type is unknown.
 */
#define SR_PROBLEM_REASON_UNSUPPORTED 8

/**
 * Something stands in the way in the target.
 */
#define SR_PROBLEM_REASON_OBSTRUCTED 9

/**
 * An index object cannot be read. What only it lists counts as absent; rebuilding the index brings it back.
 */
#define SR_CHECK_KIND_DAMAGED_INDEX 1

/**
 * Index objects list different things for the same pack.
 */
#define SR_CHECK_KIND_CONFLICTING_INDEX 2

/**
 * A pack says that it holds something else than the index lists for it.
 */
#define SR_CHECK_KIND_INDEX_MISMATCH 3

/**
 * The index lists a pack that is not in storage.
 */
#define SR_CHECK_KIND_MISSING_PACK 4

/**
 * A pack has another length than the index lists.
 */
#define SR_CHECK_KIND_WRONG_LENGTH 5

/**
 * A pack's bytes are not those its name stands for.
 */
#define SR_CHECK_KIND_DAMAGED_PACK 6

/**
 * A pack is damaged or missing, and its parity heals it: nothing is lost. Repair makes it whole.
 */
#define SR_CHECK_KIND_HEALABLE_PACK 7

/**
 * Parity of a pack is damaged: less of the pack heals than should.
 */
#define SR_CHECK_KIND_DAMAGED_PARITY 8

/**
 * Storage did not give an object though it lists it, or the key that was used does not reach its epoch.
 */
#define SR_CHECK_KIND_UNREADABLE 9

/**
 * A tree refers to something that no readable index object lists.
 */
#define SR_CHECK_KIND_MISSING_FROM_INDEX 10

/**
 * A segment of content is listed, but no pack that should hold it is in storage.
 */
#define SR_CHECK_KIND_MISSING_SEGMENT 11

/**
 * A segment of content cannot be opened.
 */
#define SR_CHECK_KIND_DAMAGED_SEGMENT 12

/**
 * A node of a tree is listed, but no pack that should hold it is in storage.
 */
#define SR_CHECK_KIND_MISSING_NODE 13

/**
 * A node of a tree cannot be opened, or is not what its parent says.
 */
#define SR_CHECK_KIND_DAMAGED_NODE 14

/**
 * A file of a snapshot cannot be restored whole.
 */
#define SR_CHECK_KIND_DAMAGED_FILE 15

/**
 * A snapshot cannot be read or trusted.
 */
#define SR_CHECK_KIND_DAMAGED_SNAPSHOT 16

/**
 * A mark cannot be read or trusted: the snapshot it is on has the tags it had before.
 */
#define SR_CHECK_KIND_DAMAGED_MARK 17

/**
 * A lease cannot be read or trusted. No backup depends on it; pruning waits a week for whoever wrote it.
 */
#define SR_CHECK_KIND_DAMAGED_LEASE 18

/**
 * A checkpoint cannot be read or trusted. No backup depends on it; one that was suspended begins anew.
 */
#define SR_CHECK_KIND_DAMAGED_CHECKPOINT 19

/**
 * A list of packs that pruning condemned cannot be read: nothing is backed up until pruning has put that right.
 */
#define SR_CHECK_KIND_DAMAGED_CONDEMNATION 20

/**
 * A key slot is damaged: what it was made for opens nothing any more.
 */
#define SR_CHECK_KIND_DAMAGED_KEY 21

/**
 * A device list is damaged.
 */
#define SR_CHECK_KIND_DAMAGED_DEVICES 22

/**
 * A pack without parity, in a repository whose packs have it. Not damage.
 */
#define SR_CHECK_KIND_MISSING_PARITY 23

/**
 * A pack that no index object lists: a backup that broke off leaves such packs. Not damage.
 */
#define SR_CHECK_KIND_UNINDEXED_PACK 24

/**
 * An object whose name does not belong in its folder. Not damage.
 */
#define SR_CHECK_KIND_UNKNOWN_OBJECT 25

/**
 * From one full hour to the next.
 */
#define SR_PERIOD_KIND_HOUR 1

/**
 * From midnight to midnight.
 */
#define SR_PERIOD_KIND_DAY 2

/**
 * From Monday to Sunday.
 */
#define SR_PERIOD_KIND_WEEK 3

/**
 * A calendar month.
 */
#define SR_PERIOD_KIND_MONTH 4

/**
 * A calendar year.
 */
#define SR_PERIOD_KIND_YEAR 5

/**
 * Leaves everything alone that exists, its metadata included.
 */
#define SR_OVERWRITE_NEVER 1

/**
 * Replaces what was modified earlier than the snapshot's entry.
 */
#define SR_OVERWRITE_IF_NEWER 2

/**
 * Leaves the content of files of the same size and modification time alone, and rewrites the differing parts of all others.
 */
#define SR_OVERWRITE_IF_DIFFERENT 3

/**
 * Compares the content of every file, whatever its size and time say, and rewrites the differing parts.
 */
#define SR_OVERWRITE_ALWAYS 4

/**
 * The user and group of the names the snapshot has, where this system knows them, and otherwise the numeric ids.
 */
#define SR_OWNERSHIP_NAMED 1

/**
 * The numeric ids the snapshot has, whatever the names.
 */
#define SR_OWNERSHIP_NUMERIC 2

/**
 * Everything is left to whoever runs the restore.
 */
#define SR_OWNERSHIP_SKIP 3

/**
 * Only the second has it.
 */
#define SR_CHANGE_KIND_ADDED 1

/**
 * Only the first has it.
 */
#define SR_CHANGE_KIND_REMOVED 2

/**
 * Both have it, with differences.
 */
#define SR_CHANGE_KIND_CHANGED 3

/**
 * What is under way.
 */
#define SR_LOG_LEVEL_DEBUG 1

/**
 * What was done.
 */
#define SR_LOG_LEVEL_INFO 2

/**
 * What could not be done while the rest went on, and what somebody should look after.
 */
#define SR_LOG_LEVEL_WARNING 3

/**
 * What failed.
 */
#define SR_LOG_LEVEL_ERROR 4

/**
 * It went well. Outputs are written in this case only.
 */
#define SR_OK 0

/**
 * What a function says: `SR_OK`, or an error kind.
 */
typedef uint32_t sr_status;

/**
 * An opened repository. A handle: copy it freely, use it from any number of threads at once. 0 is none.
 */
typedef struct sr_repository {
  /**
   * Names it.
   */
  uint64_t id;
} sr_repository;

/**
 * Options of a check.
 */
typedef struct sr_check_options {
  /**
   * sizeof(sr_check_options).
   */
  size_t struct_size;
  /**
   * Whether `read_data` is set.
   */
  bool has_read_data;
  /**
   * Also reads this share of the packs, in percent of their bytes, and compares their hashes with their names.
   */
  double read_data;
  /**
   * Also decrypts every segment of the packs that are read.
   */
  bool verify_content;
  /**
   * Whether `seed` is set.
   */
  bool has_seed;
  /**
   * Makes the choice of packs repeatable.
   */
  uint64_t seed;
} sr_check_options;

/**
 * An operation that runs or will run. A handle: copy it freely, use it from any thread. 0 is one with the defaults.
 */
typedef struct sr_run {
  /**
   * Names it.
   */
  uint64_t id;
} sr_run;

/**
 * How an operation ended that did not fail as a whole.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_outcome;

/**
 * What is wrong with something a check looked at.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_check_kind;

/**
 * Bytes of somebody else's. Where the library gives them, they are followed by a NUL that does not count, and live as long
 * as what they are part of; where it takes them, it copies what it keeps. `data` may be NULL when `length` is 0.
 */
typedef struct sr_bytes {
  /**
   * The first of them.
   */
  const uint8_t *data;
  /**
   * How many there are.
   */
  size_t length;
} sr_bytes;

/**
 * One thing a check found.
 */
typedef struct sr_check_problem {
  /**
   * What is wrong, for programs.
   */
  sr_check_kind kind;
  /**
   * The object it is wrong with: a name such as `packs/3f…`, or the id of a segment or node.
   */
  const char *object;
  /**
   * The snapshot that suffers, for problems found in a tree.
   * NULL when there is none.
   */
  const char *snapshot;
  /**
   * The path that suffers; for a node, the first one of those it held.
   * Its data is NULL when there is none.
   */
  struct sr_bytes path;
  /**
   * What is wrong, for people.
   */
  const char *detail;
} sr_check_problem;

/**
 * What a check looked at and found.
 */
typedef struct sr_check_report {
  /**
   * Complete when everything that was asked for was looked at, whatever was found; else suspended.
   */
  sr_outcome outcome;
  /**
   * Trees were left out, because the key that was used cannot read them.
   */
  bool trees_skipped;
  /**
   * Snapshots whose tree was looked at.
   */
  uint64_t snapshots;
  /**
   * Nodes of trees, run lists included. What several snapshots share counts once, here and below.
   */
  uint64_t nodes;
  /**
   * Entries in those nodes.
   */
  uint64_t entries;
  /**
   * Regular files among them.
   */
  uint64_t files;
  /**
   * Sum of the sizes of those files, in bytes.
   */
  uint64_t bytes;
  /**
   * Index objects that could be read and are in force.
   */
  uint64_t index_objects;
  /**
   * Packs in storage that the index lists.
   */
  uint64_t packs;
  /**
   * Their bytes.
   */
  uint64_t pack_bytes;
  /**
   * Packs in storage that no index object lists.
   */
  uint64_t unindexed_packs;
  /**
   * Their bytes.
   */
  uint64_t unindexed_bytes;
  /**
   * Packs read whole.
   */
  uint64_t packs_read;
  /**
   * Bytes read of them.
   */
  uint64_t bytes_read;
  /**
   * Segments of those packs that were decrypted and verified.
   */
  uint64_t segments_opened;
  /**
   * Everything found that means damage, the first thousands with their details.
   */
  const struct sr_check_problem *problems;
  /**
   * How many there are.
   */
  size_t problems_count;
  /**
   * How many there are, those included that `problems` has no room for.
   */
  uint64_t problem_count;
  /**
   * What was found that is odd and harmless.
   */
  const struct sr_check_problem *notes;
  /**
   * How many there are.
   */
  size_t notes_count;
  /**
   * How long it took, in nanoseconds.
   */
  uint64_t duration_ns;
} sr_check_report;

/**
 * What went wrong, in terms a program can act on. Numbers and names never change their meaning.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_error_kind;

/**
 * What went wrong.
 */
typedef struct sr_error_record {
  /**
   * What kind of failure it was.
   */
  sr_error_kind kind;
  /**
   * The stable name of the kind.
   */
  const char *kind_name;
  /**
   * The operation that failed, as a verb phrase.
   */
  const char *operation;
  /**
   * The object, path or key it failed on. NULL when none is known.
   */
  const char *object;
  /**
   * A sentence on what was wrong. NULL when there is none.
   */
  const char *detail;
  /**
   * All of it in one line, for people.
   */
  const char *message;
  /**
   * What lies behind it, the nearest first.
   */
  const char *const *causes;
  /**
   * How many there are.
   */
  size_t causes_count;
  /**
   * Whether `retry_after_ms` is set: then the same call may succeed after so many milliseconds.
   */
  bool has_retry_after_ms;
  /**
   * After how many milliseconds.
   */
  uint64_t retry_after_ms;
  /**
   * Whether `payload` is set.
   */
  bool has_payload;
  /**
   * What the app's own function put into `sr_failure.payload`.
   */
  uint64_t payload;
} sr_error_record;

/**
 * Options of a repair.
 */
typedef struct sr_repair_options {
  /**
   * sizeof(sr_repair_options).
   */
  size_t struct_size;
  /**
   * Writes nothing, and reports what would be done and what is lost.
   */
  bool dry_run;
  /**
   * Does not read packs whole: damage inside segments of content is not found then.
   */
  bool structure_only;
} sr_repair_options;

/**
 * A pack that is missing or damaged, and what became of the segments it held.
 */
typedef struct sr_damaged_pack {
  /**
   * Its name.
   */
  const char *name;
  /**
   * Storage does not have it.
   */
  bool missing;
  /**
   * What is wrong with it.
   */
  const char *detail;
  /**
   * Whether `sectors_healed` is set.
   */
  bool has_sectors_healed;
  /**
   * Sectors of it that parity made good: then nothing of it is lost.
   */
  uint64_t sectors_healed;
  /**
   * Sound segments of which it held the only copy; they are in a new pack now.
   */
  uint64_t segments_moved;
  /**
   * Segments of which another pack has a sound copy.
   */
  uint64_t segments_elsewhere;
  /**
   * Segments of which there is no sound copy.
   */
  uint64_t segments_lost;
  /**
   * Segments that nobody can tell about without a reader's or owner's key.
   */
  uint64_t segments_unknown;
} sr_damaged_pack;

/**
 * Something in storage that could not be read, used or removed, and why.
 */
typedef struct sr_rejected {
  /**
   * Its name or id.
   */
  const char *object;
  /**
   * Why.
   */
  struct sr_error_record error;
} sr_rejected;

/**
 * Bytes of a file or object: from `start` on and before `end`.
 */
typedef struct sr_byte_range {
  /**
   * The first of them.
   */
  uint64_t start;
  /**
   * The first behind them.
   */
  uint64_t end;
} sr_byte_range;

/**
 * Something that a snapshot lost: one file, or all entries of a stretch of paths.
 */
typedef struct sr_loss {
  /**
   * The path, or the first of the paths.
   */
  struct sr_bytes path;
  /**
   * Whether it is one file; otherwise all entries from `path` on and before `before` are lost.
   */
  bool is_file;
  /**
   * The first entry behind those that are lost; none for a file, and when they are the last.
   * Its data is NULL when there is none.
   */
  struct sr_bytes before;
  /**
   * Length of the file; for entries, the sum of the sizes of their files.
   */
  uint64_t size;
  /**
   * How many bytes are lost.
   */
  uint64_t bytes;
  /**
   * The bytes of the file that are lost, ascending and apart; the first thousand ranges.
   */
  const struct sr_byte_range *ranges;
  /**
   * How many there are.
   */
  size_t ranges_count;
  /**
   * How many entries are lost.
   */
  uint64_t entries;
  /**
   * Regular files among them.
   */
  uint64_t files;
  /**
   * All that in words.
   */
  const char *text;
} sr_loss;

/**
 * A snapshot that lost something.
 */
typedef struct sr_salvaged_snapshot {
  /**
   * The damaged snapshot, which stays.
   */
  const char *damaged;
  /**
   * The snapshot of what is whole, if one was made.
   * NULL when there is none.
   */
  const char *salvaged;
  /**
   * An earlier repair had made it.
   */
  bool already;
  /**
   * Entries that are whole.
   */
  uint64_t entries;
  /**
   * Regular files among them.
   */
  uint64_t files;
  /**
   * Sum of the sizes of those files.
   */
  uint64_t bytes;
  /**
   * What is lost, in the order of paths.
   */
  const struct sr_loss *lost;
  /**
   * How many there are.
   */
  size_t lost_count;
  /**
   * How many losses there are.
   */
  uint64_t lost_total;
} sr_salvaged_snapshot;

/**
 * What a repair found and did.
 */
typedef struct sr_repair_report {
  /**
   * Complete when everything is whole again; partial when something is lost or could not be looked at.
   */
  sr_outcome outcome;
  /**
   * Nothing was written.
   */
  bool dry_run;
  /**
   * Packs in storage.
   */
  uint64_t packs;
  /**
   * Packs that were read whole.
   */
  uint64_t packs_read;
  /**
   * Bytes read of them.
   */
  uint64_t bytes_read;
  /**
   * Packs that are missing or damaged.
   */
  const struct sr_damaged_pack *damaged;
  /**
   * How many there are.
   */
  size_t damaged_count;
  /**
   * Packs that this build or this key does not understand, or that storage does not give.
   */
  const struct sr_rejected *left;
  /**
   * How many there are.
   */
  size_t left_count;
  /**
   * New packs of segments that were moved.
   */
  uint64_t packs_written;
  /**
   * Their bytes.
   */
  uint64_t bytes_written;
  /**
   * Index objects written.
   */
  uint64_t index_written;
  /**
   * Index objects no longer in force.
   */
  uint64_t index_superseded;
  /**
   * Packs that no index object listed rightly, and that one lists now.
   */
  uint64_t packs_listed;
  /**
   * Snapshots whose trees were looked at.
   */
  uint64_t snapshots;
  /**
   * Trees were left out, because the key that was used cannot read them.
   */
  bool trees_skipped;
  /**
   * Snapshots that lost something.
   */
  const struct sr_salvaged_snapshot *salvaged;
  /**
   * How many there are.
   */
  size_t salvaged_count;
  /**
   * Snapshots, and marks on them, that cannot be read or trusted.
   */
  const struct sr_rejected *rejected;
  /**
   * How many there are.
   */
  size_t rejected_count;
  /**
   * How long it took, in nanoseconds.
   */
  uint64_t duration_ns;
} sr_repair_report;

/**
 * Options of pruning.
 */
typedef struct sr_prune_options {
  /**
   * sizeof(sr_prune_options).
   */
  size_t struct_size;
  /**
   * Whether `min_live_share` is set.
   */
  bool has_min_live_share;
  /**
   * Of packs of which a smaller share is needed, from 0 to 1, that part is moved and the rest freed.
   */
  double min_live_share;
  /**
   * Whether `max_moved_bytes` is set.
   */
  bool has_max_moved_bytes;
  /**
   * Moves so many bytes at most.
   */
  uint64_t max_moved_bytes;
  /**
   * Only says what would be done.
   */
  bool dry_run;
} sr_prune_options;

/**
 * What pruning did, or in a dry run would do.
 */
typedef struct sr_prune_report {
  /**
   * Complete; partial when packs were left alone because they are damaged; or suspended.
   */
  sr_outcome outcome;
  /**
   * Packs there were.
   */
  uint64_t packs;
  /**
   * Their bytes.
   */
  uint64_t pack_bytes;
  /**
   * Bytes of these that snapshots need.
   */
  uint64_t live_bytes;
  /**
   * Packs that were removed.
   */
  uint64_t removed_packs;
  /**
   * The bytes that freed.
   */
  uint64_t removed_bytes;
  /**
   * Packs that will be removed by a later call, once nobody can need them any more.
   */
  uint64_t condemned_packs;
  /**
   * The bytes that will free.
   */
  uint64_t condemned_bytes;
  /**
   * Packs whose needed part was moved to new packs.
   */
  uint64_t emptied_packs;
  /**
   * Bytes in the new packs.
   */
  uint64_t written_bytes;
  /**
   * Packs that had been condemned and turned out to be needed again.
   */
  uint64_t reprieved_packs;
  /**
   * Sessions at work that removal waits for.
   */
  const char *const *waiting_for;
  /**
   * How many there are.
   */
  size_t waiting_for_count;
  /**
   * Sessions that are over, and were cleaned up after.
   */
  uint64_t cleaned_sessions;
  /**
   * Index objects that others replaced, and that were removed.
   */
  uint64_t removed_index_objects;
  /**
   * Packs that were to be emptied and were left alone, because they are damaged.
   */
  uint64_t damaged_packs;
  /**
   * Snapshots that were committed too late, and that lack something; they are best forgotten.
   */
  const char *const *void_snapshots;
  /**
   * How many there are.
   */
  size_t void_snapshots_count;
  /**
   * How long it took, in nanoseconds.
   */
  uint64_t duration_ns;
} sr_prune_report;

/**
 * How long the periods are of which a retention rule keeps one snapshot each.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_period_kind;

/**
 * A rule of a retention policy: keeps one snapshot of each of so many periods, or of each period within a time.
 */
typedef struct sr_keep_rule {
  /**
   * How long the periods are.
   */
  sr_period_kind period;
  /**
   * Of how many periods in which there is a snapshot; 0 for none by count.
   */
  uint32_t count;
  /**
   * Of each period that was not over so many seconds before now; 0 for none by time.
   */
  uint64_t within_seconds;
} sr_keep_rule;

/**
 * Which snapshots are kept. The rules add up.
 */
typedef struct sr_retention_policy {
  /**
   * sizeof(sr_retention_policy).
   */
  size_t struct_size;
  /**
   * Keeps so many of the last ones.
   */
  uint32_t last;
  /**
   * Keeps what was received within so many seconds before now; 0 for no such rule.
   */
  uint64_t within_seconds;
  /**
   * Rules for periods; the last one of a kind counts.
   */
  const struct sr_keep_rule *periods;
  /**
   * How many there are.
   */
  size_t periods_count;
  /**
   * Keeps every snapshot with one of these tags.
   */
  const char *const *tags;
  /**
   * How many there are.
   */
  size_t tags_count;
  /**
   * Whether the next four say what snapshots have in common to which the rules are applied together. Otherwise it is
   * lineage and device.
   */
  bool has_group_by;
  /**
   * Their lineage.
   */
  bool group_by_lineage;
  /**
   * The device that made them.
   */
  bool group_by_device;
  /**
   * Their host.
   */
  bool group_by_host;
  /**
   * The paths that were backed up.
   */
  bool group_by_paths;
  /**
   * Where days begin: so many seconds east of UTC.
   */
  int32_t utc_offset;
  /**
   * Whether the newest snapshot of a group may go when no rule keeps it.
   */
  bool newest_may_go;
  /**
   * Whether `clock_tolerance_seconds` is set.
   */
  bool has_clock_tolerance_seconds;
  /**
   * By how many seconds a device's clock may disagree with the storage's.
   */
  uint64_t clock_tolerance_seconds;
} sr_retention_policy;

/**
 * A point in time: seconds since 1970-01-01 00:00 UTC, may be negative, and nanoseconds below 10^9 after it.
 */
typedef struct sr_timestamp {
  /**
   * Whole seconds.
   */
  int64_t seconds;
  /**
   * Nanoseconds after them.
   */
  uint32_t nanos;
} sr_timestamp;

/**
 * Chooses among snapshots. Every condition that is set must hold.
 */
typedef struct sr_snapshot_filter {
  /**
   * sizeof(sr_snapshot_filter).
   */
  size_t struct_size;
  /**
   * Only those made on this host. NULL for any.
   */
  const char *host;
  /**
   * Only those for which all of these paths were given.
   */
  const struct sr_bytes *paths;
  /**
   * How many there are.
   */
  size_t paths_count;
  /**
   * Only those with all of these tags.
   */
  const char *const *tags;
  /**
   * How many there are.
   */
  size_t tags_count;
  /**
   * Whether `after` is set.
   */
  bool has_after;
  /**
   * Only those made at this time or later, by the clock of the device that made them.
   */
  struct sr_timestamp after;
  /**
   * Whether `before` is set.
   */
  bool has_before;
  /**
   * Only those made earlier than this time.
   */
  struct sr_timestamp before;
  /**
   * Only those of one lineage, by its id. NULL for any.
   */
  const char *lineage;
} sr_snapshot_filter;

/**
 * Which snapshots are forgotten: those a policy does not keep, or those that are named.
 */
typedef struct sr_forget_options {
  /**
   * sizeof(sr_forget_options).
   */
  size_t struct_size;
  /**
   * Those that this does not keep. NULL to name them.
   */
  const struct sr_retention_policy *policy;
  /**
   * Those with these ids.
   */
  const char *const *snapshots;
  /**
   * How many there are.
   */
  size_t snapshots_count;
  /**
   * These objects, such as `snapshots/3f...`, which have to be damaged, untrusted or no snapshots at all. Each kind takes
   * a call of its own.
   */
  const char *const *damaged;
  /**
   * How many there are.
   */
  size_t damaged_count;
  /**
   * Snapshots it does not accept are left alone; to a policy they do not exist. NULL for none.
   */
  const struct sr_snapshot_filter *filter;
  /**
   * Removes nothing, and only tells what would be removed.
   */
  bool dry_run;
  /**
   * Goes on although there are marks that cannot be read, each of which may hold any snapshot.
   */
  bool despite_unreadable_marks;
} sr_forget_options;

/**
 * What a backup counted.
 */
typedef struct sr_snapshot_counts {
  /**
   * Entries of the tree, of every kind.
   */
  uint64_t entries;
  /**
   * Regular files.
   */
  uint64_t files;
  /**
   * Folders.
   */
  uint64_t directories;
  /**
   * Bytes of content of all regular files.
   */
  uint64_t bytes;
  /**
   * Bytes of content that the repository did not hold before.
   */
  uint64_t new_bytes;
  /**
   * Bytes this backup added to storage, metadata included.
   */
  uint64_t stored_bytes;
  /**
   * Paths that could not be read.
   */
  uint64_t problems;
  /**
   * Regular files taken over from the previous snapshot without opening them.
   */
  uint64_t unchanged_files;
} sr_snapshot_counts;

/**
 * Whether a snapshot holds everything.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_snapshot_outcome;

/**
 * A value that an app attached under a name.
 */
typedef struct sr_attached {
  /**
   * The name.
   */
  const char *name;
  /**
   * The value.
   */
  struct sr_bytes value;
} sr_attached;

/**
 * A snapshot.
 */
typedef struct sr_snapshot {
  /**
   * Its id.
   */
  const char *id;
  /**
   * Root node of its tree.
   */
  const char *root;
  /**
   * When it was made, by the clock of the device that made it.
   */
  struct sr_timestamp time;
  /**
   * When storage received it, by the storage's clock. This is what counts for retention.
   */
  struct sr_timestamp received;
  /**
   * The line of backups it belongs to.
   */
  const char *lineage;
  /**
   * The device that made and signed it.
   */
  const char *device;
  /**
   * The session that wrote it.
   */
  const char *session;
  /**
   * What was counted.
   */
  struct sr_snapshot_counts counts;
  /**
   * The snapshots it continues; several after a merge.
   */
  const char *const *parents;
  /**
   * How many there are.
   */
  size_t parents_count;
  /**
   * Whether everything could be read.
   */
  sr_snapshot_outcome outcome;
  /**
   * Whether `hold_until` is set.
   */
  bool has_hold_until;
  /**
   * It must not be removed before this time, if one is set.
   */
  struct sr_timestamp hold_until;
  /**
   * Whether the fields below could be read.
   */
  bool body_readable;
  /**
   * Host it was made on.
   * NULL when there is none.
   */
  const char *host;
  /**
   * What was backed up, as it was given.
   */
  const struct sr_bytes *paths;
  /**
   * How many there are.
   */
  size_t paths_count;
  /**
   * Tags, ascending.
   */
  const char *const *tags;
  /**
   * How many there are.
   */
  size_t tags_count;
  /**
   * A description for people.
   * NULL when there is none.
   */
  const char *description;
  /**
   * User that made it.
   * NULL when there is none.
   */
  const char *user;
  /**
   * Name and version of the program that made it.
   * NULL when there is none.
   */
  const char *program;
  /**
   * What the app that made it attached.
   */
  const struct sr_attached *metadata;
  /**
   * How many there are.
   */
  size_t metadata_count;
} sr_snapshot;

/**
 * Why a snapshot stays, or why a rule does not keep it.
 */
typedef struct sr_retention_reason {
  /**
   * The stable name, in snake case.
   */
  const char *name;
  /**
   * For people.
   */
  const char *text;
} sr_retention_reason;

/**
 * Whether a snapshot stays, and why.
 */
typedef struct sr_retention_decision {
  /**
   * The snapshot.
   */
  struct sr_snapshot snapshot;
  /**
   * Everything that keeps it. It goes when there is nothing.
   */
  const struct sr_retention_reason *keep;
  /**
   * How many there are.
   */
  size_t keep_count;
  /**
   * For one that goes, why each of the rules does not keep it.
   */
  const struct sr_retention_reason *remove;
  /**
   * How many there are.
   */
  size_t remove_count;
  /**
   * Whether `clock_ahead` is set.
   */
  bool has_clock_ahead;
  /**
   * By how many seconds the device's clock was ahead of the storage's, if that is more than the tolerance.
   */
  int64_t clock_ahead;
} sr_retention_decision;

/**
 * Snapshots to which rules were applied together. What they are grouped by is set.
 */
typedef struct sr_retention_group {
  /**
   * Their lineage.
   * NULL when there is none.
   */
  const char *lineage;
  /**
   * The device that made them.
   * NULL when there is none.
   */
  const char *device;
  /**
   * Their host.
   * NULL when there is none.
   */
  const char *host;
  /**
   * What was backed up, ascending.
   */
  const struct sr_bytes *paths;
  /**
   * How many there are.
   */
  size_t paths_count;
  /**
   * The snapshots, in the order in which storage received them.
   */
  const struct sr_retention_decision *decisions;
  /**
   * How many there are.
   */
  size_t decisions_count;
} sr_retention_group;

/**
 * A snapshot that cannot be read or trusted, and that was to be removed.
 */
typedef struct sr_damaged_snapshot {
  /**
   * Its object.
   */
  const char *name;
  /**
   * What is wrong with it.
   */
  struct sr_error_record error;
  /**
   * Whether `held_until` is set.
   */
  bool has_held_until;
  /**
   * Until when it is held, if it is: then it stays.
   */
  struct sr_timestamp held_until;
} sr_damaged_snapshot;

/**
 * What forgetting did, or in a dry run would do.
 */
typedef struct sr_forget_report {
  /**
   * Whether nothing was removed because none should be.
   */
  bool dry_run;
  /**
   * What time it was, by the storage's clock.
   */
  struct sr_timestamp now;
  /**
   * Every snapshot that was looked at, in groups; those that were named are one group.
   */
  const struct sr_retention_group *groups;
  /**
   * How many there are.
   */
  size_t groups_count;
  /**
   * How many stay of them.
   */
  uint64_t kept;
  /**
   * How many were removed, or in a dry run would be.
   */
  uint64_t removed;
  /**
   * Marks that were left of snapshots that are gone, and were removed too, or would be.
   */
  uint64_t leftover_marks;
  /**
   * Snapshots that are damaged and were named: what became of each.
   */
  const struct sr_damaged_snapshot *damaged;
  /**
   * How many there are.
   */
  size_t damaged_count;
  /**
   * Snapshots and marks that cannot be read or trusted, and why. None of these was touched.
   */
  const struct sr_rejected *rejected;
  /**
   * How many there are.
   */
  size_t rejected_count;
} sr_forget_report;

/**
 * Options of re-encrypting.
 */
typedef struct sr_reencrypt_options {
  /**
   * sizeof(sr_reencrypt_options).
   */
  size_t struct_size;
  /**
   * Whether `max_bytes` is set.
   */
  bool has_max_bytes;
  /**
   * Ends before it would read more bytes of packs than this, but not before it has done one.
   */
  uint64_t max_bytes;
  /**
   * Whether `max_time_ms` is set.
   */
  bool has_max_time_ms;
  /**
   * Begins no other pack after so many milliseconds.
   */
  uint64_t max_time_ms;
} sr_reencrypt_options;

/**
 * An object in storage, and what is to be said about it.
 */
typedef struct sr_object_note {
  /**
   * Its name.
   */
  const char *object;
  /**
   * What there is to say.
   */
  const char *detail;
} sr_object_note;

/**
 * What re-encrypting did.
 */
typedef struct sr_reencrypt_report {
  /**
   * Complete when nothing of an earlier epoch is left; partial when some packs could not be read; or suspended.
   */
  sr_outcome outcome;
  /**
   * The epoch that everything is under then.
   */
  uint32_t epoch;
  /**
   * Packs that were re-encrypted.
   */
  uint64_t packs;
  /**
   * Their bytes.
   */
  uint64_t bytes;
  /**
   * Segments that were sealed anew.
   */
  uint64_t segments;
  /**
   * Packs that were written.
   */
  uint64_t stored_packs;
  /**
   * Their bytes.
   */
  uint64_t stored_bytes;
  /**
   * Packs of earlier epochs that are still to be re-encrypted.
   */
  uint64_t left_packs;
  /**
   * Their bytes.
   */
  uint64_t left_bytes;
  /**
   * Packs all of whose segments lie in newer ones: pruning will remove them.
   */
  uint64_t superseded_packs;
  /**
   * The bytes that will free.
   */
  uint64_t superseded_bytes;
  /**
   * Packs that could not be read or opened, and why; the first thousands of them.
   */
  const struct sr_object_note *unreadable;
  /**
   * How many there are.
   */
  size_t unreadable_count;
  /**
   * How many there are.
   */
  uint64_t unreadable_total;
  /**
   * How long it took, in nanoseconds.
   */
  uint64_t duration_ns;
} sr_reencrypt_report;

/**
 * A pack that does not say what it holds.
 */
typedef struct sr_unreadable_pack {
  /**
   * Its name.
   */
  const char *name;
  /**
   * Its length is what an index object says, so what that lists for it is kept.
   */
  bool kept;
  /**
   * Why it could not be read.
   */
  const char *detail;
} sr_unreadable_pack;

/**
 * What rebuilding the index did.
 */
typedef struct sr_rebuild_report {
  /**
   * Complete when every pack was looked at and listed, partial when some could not be read, else suspended.
   */
  sr_outcome outcome;
  /**
   * Packs in storage whose contents could be read.
   */
  uint64_t packs;
  /**
   * Their bytes.
   */
  uint64_t pack_bytes;
  /**
   * Segments in them.
   */
  uint64_t segments;
  /**
   * Blobs in those.
   */
  uint64_t blobs;
  /**
   * Packs that no index object listed as they are, and that one lists now.
   */
  uint64_t packs_added;
  /**
   * Index objects written.
   */
  uint64_t objects_written;
  /**
   * Index objects that are no longer in force.
   */
  uint64_t objects_superseded;
  /**
   * Packs that do not say what they hold, the first thousands of them.
   */
  const struct sr_unreadable_pack *unreadable;
  /**
   * How many there are.
   */
  size_t unreadable_count;
  /**
   * How many there are.
   */
  uint64_t unreadable_total;
  /**
   * How long it took, in nanoseconds.
   */
  uint64_t duration_ns;
} sr_rebuild_report;

/**
 * What adding parity did.
 */
typedef struct sr_parity_report {
  /**
   * Complete when every pack has parity, partial when some could not be read, else suspended.
   */
  sr_outcome outcome;
  /**
   * Packs in storage.
   */
  uint64_t packs;
  /**
   * Their bytes.
   */
  uint64_t pack_bytes;
  /**
   * Packs that had none and have it now.
   */
  uint64_t added;
  /**
   * Bytes written for them.
   */
  uint64_t added_bytes;
  /**
   * Packs that cannot be read, or are damaged: they get none.
   */
  const struct sr_rejected *damaged;
  /**
   * How many there are.
   */
  size_t damaged_count;
  /**
   * How long it took, in nanoseconds.
   */
  uint64_t duration_ns;
} sr_parity_report;

/**
 * A file of a snapshot. A handle: copy it freely; threads that use it wait for each other. 0 is none.
 */
typedef struct sr_file {
  /**
   * Names it.
   */
  uint64_t id;
} sr_file;

/**
 * The type of an entry.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_entry_kind;

/**
 * Identifies the file behind several names, within one snapshot.
 */
typedef struct sr_hard_link {
  /**
   * Device of the file system.
   */
  uint64_t device;
  /**
   * Inode number there.
   */
  uint64_t inode;
} sr_hard_link;

/**
 * One extended attribute.
 */
typedef struct sr_xattr {
  /**
   * Full name with its namespace, such as `user.comment`.
   */
  struct sr_bytes name;
  /**
   * Value of any bytes.
   */
  struct sr_bytes value;
} sr_xattr;

/**
 * A hole of a sparse file.
 */
typedef struct sr_hole {
  /**
   * Where it begins.
   */
  uint64_t offset;
  /**
   * How long it is.
   */
  uint64_t length;
} sr_hole;

/**
 * One path of a snapshot with its metadata.
 */
typedef struct sr_entry {
  /**
   * Where it stands in the snapshot; empty for the root folder.
   */
  struct sr_bytes path;
  /**
   * What it is.
   */
  sr_entry_kind kind;
  /**
   * Where a symbolic link points.
   * Its data is NULL when there is none.
   */
  struct sr_bytes target;
  /**
   * Whether `device_major` is set.
   */
  bool has_device_major;
  /**
   * Major number of a device.
   */
  uint32_t device_major;
  /**
   * Whether `device_minor` is set.
   */
  bool has_device_minor;
  /**
   * Minor number of a device.
   */
  uint32_t device_minor;
  /**
   * Length of a regular file in bytes, holes included; 0 for everything else.
   */
  uint64_t size;
  /**
   * Permission bits with setuid, setgid and sticky (`07777`).
   */
  uint32_t mode;
  /**
   * User id.
   */
  uint32_t uid;
  /**
   * Group id.
   */
  uint32_t gid;
  /**
   * User name; empty when unknown.
   */
  const char *user;
  /**
   * Group name; empty when unknown.
   */
  const char *group;
  /**
   * Last change of content.
   */
  struct sr_timestamp modified;
  /**
   * Whether `changed` is set.
   */
  bool has_changed;
  /**
   * Last change of the inode, where the source knew it.
   */
  struct sr_timestamp changed;
  /**
   * Whether `inode` is set.
   */
  bool has_inode;
  /**
   * Inode number, where the source knew it.
   */
  uint64_t inode;
  /**
   * Set when the file has several names: entries with the same value are the same file.
   * NULL when there is none.
   */
  const struct sr_hard_link *hard_link;
  /**
   * Extended attributes sorted by name, POSIX ACLs among them.
   */
  const struct sr_xattr *xattrs;
  /**
   * How many there are.
   */
  size_t xattrs_count;
  /**
   * Ranges of a regular file that are holes, ascending and apart.
   */
  const struct sr_hole *holes;
  /**
   * How many there are.
   */
  size_t holes_count;
} sr_entry;

/**
 * A session: one writer or maintainer at work, or one that was.
 */
typedef struct sr_session_info {
  /**
   * Its id.
   */
  const char *id;
  /**
   * The device at work; none for maintainers.
   * NULL when there is none.
   */
  const char *device;
  /**
   * What it does: `backup`, `prune` or `copy`.
   */
  const char *purpose;
  /**
   * When storage received its first lease.
   */
  struct sr_timestamp began;
  /**
   * When storage received its newest lease.
   */
  struct sr_timestamp renewed;
  /**
   * Until when that holds, by the storage's clock.
   */
  struct sr_timestamp expires;
  /**
   * Whether it said that it is done.
   */
  bool ended;
} sr_session_info;

/**
 * Sessions.
 */
typedef struct sr_session_list {
  /**
   * The first of them.
   */
  const struct sr_session_info *items;
  /**
   * How many there are.
   */
  size_t count;
} sr_session_list;

/**
 * What a key lets its holder do.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_role;

/**
 * What opens a key slot.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_slot_method;

/**
 * A key that opens the repository.
 */
typedef struct sr_slot_info {
  /**
   * Its id.
   */
  const char *id;
  /**
   * What its holder may do.
   */
  sr_role role;
  /**
   * The newest epoch that it opens.
   */
  uint32_t epoch;
  /**
   * What opens it.
   */
  sr_slot_method method;
  /**
   * What it is called; may be empty.
   */
  const char *label;
  /**
   * When it was made, by its maker's clock.
   */
  struct sr_timestamp created;
  /**
   * The device that its holder is listed as; none for owners, unless they have a device of their own.
   * NULL when there is none.
   */
  const char *device;
  /**
   * Whether the repository was opened with it.
   */
  bool current;
} sr_slot_info;

/**
 * Keys.
 */
typedef struct sr_key_list {
  /**
   * The first of them.
   */
  const struct sr_slot_info *items;
  /**
   * How many there are.
   */
  size_t count;
} sr_key_list;

/**
 * A device as it is listed.
 */
typedef struct sr_device_info {
  /**
   * Its id, derived from its public keys.
   */
  const char *id;
  /**
   * Its name for people.
   */
  const char *name;
  /**
   * What it may do.
   */
  sr_role role;
  /**
   * When it was added, by the owner's clock.
   */
  struct sr_timestamp added;
  /**
   * Whether `revoked` is set.
   */
  bool has_revoked;
  /**
   * From when on it is no longer accepted, if it was revoked.
   */
  struct sr_timestamp revoked;
  /**
   * Whether it is a device with its own key, and not the keys of a passphrase, code or account key.
   */
  bool has_key;
} sr_device_info;

/**
 * Devices.
 */
typedef struct sr_device_list {
  /**
   * The first of them.
   */
  const struct sr_device_info *items;
  /**
   * How many there are.
   */
  size_t count;
} sr_device_list;

/**
 * A secret that opens a repository. A handle: copy it freely, use it from any thread. 0 is none.
 */
typedef struct sr_secret {
  /**
   * Names it.
   */
  uint64_t id;
} sr_secret;

/**
 * What one try at a passphrase costs, by the parameters of Argon2id. All zero for the default.
 */
typedef struct sr_cost {
  /**
   * KiB of memory.
   */
  uint32_t memory_kib;
  /**
   * Passes over it.
   */
  uint32_t passes;
  /**
   * Lanes.
   */
  uint32_t lanes;
} sr_cost;

/**
 * How a key is removed, or a device revoked.
 */
typedef struct sr_revoke_options {
  /**
   * sizeof(sr_revoke_options).
   */
  size_t struct_size;
  /**
   * Begins no new epoch: who is shut out can still read what is written, if it gets hold of it.
   */
  bool keep_epoch;
} sr_revoke_options;

/**
 * A holder who could not be handed newer keys.
 */
typedef struct sr_left_behind {
  /**
   * The name of the device, or the label of the key.
   */
  const char *name;
  /**
   * What the holder may do.
   */
  sr_role role;
  /**
   * The device that the holder is listed as, if there is one.
   * NULL when there is none.
   */
  const char *device;
  /**
   * The holder's key slot, if there is one.
   * NULL when there is none.
   */
  const char *slot;
} sr_left_behind;

/**
 * What beginning a new epoch did.
 */
typedef struct sr_rotation_report {
  /**
   * The epoch that everything is written under from now on.
   */
  uint32_t epoch;
  /**
   * How many holders were handed its keys. Owners need none.
   */
  uint64_t handed_out;
  /**
   * Key slots with the keys of earlier epochs that are superfluous now, and were deleted.
   */
  const char *const *removed;
  /**
   * How many there are.
   */
  size_t removed_count;
  /**
   * The same, where the storage would not delete them, and why.
   */
  const struct sr_rejected *remaining;
  /**
   * How many there are.
   */
  size_t remaining_count;
  /**
   * Who has no key that the new ones could be sealed to.
   */
  const struct sr_left_behind *left_behind;
  /**
   * How many there are.
   */
  size_t left_behind_count;
  /**
   * Sessions that were at work when the epoch began.
   */
  const char *const *at_work;
  /**
   * How many there are.
   */
  size_t at_work_count;
} sr_rotation_report;

/**
 * What removing a key came to.
 */
typedef struct sr_key_removal {
  /**
   * The device its holder was listed as, which was revoked.
   * NULL when there is none.
   */
  const char *revoked;
  /**
   * The key slots that were deleted.
   */
  const char *const *removed;
  /**
   * How many there are.
   */
  size_t removed_count;
  /**
   * Key slots that the storage would not delete, and why.
   */
  const struct sr_rejected *remaining;
  /**
   * How many there are.
   */
  size_t remaining_count;
  /**
   * The epoch that began with it, unless it was to be kept.
   * NULL when there is none.
   */
  const struct sr_rotation_report *rotation;
} sr_key_removal;

/**
 * What changing the passphrase did.
 */
typedef struct sr_passphrase_change {
  /**
   * The new slot.
   */
  const char *slot;
  /**
   * The old slot, if the storage would not delete it, and why: the old passphrase still opens it.
   * NULL when there is none.
   */
  const struct sr_rejected *remaining;
} sr_passphrase_change;

/**
 * What revoking a device did.
 */
typedef struct sr_revocation {
  /**
   * The device.
   */
  const char *device;
  /**
   * From when on the device is no longer accepted.
   */
  struct sr_timestamp since;
  /**
   * Its key slots, which were deleted.
   */
  const char *const *removed;
  /**
   * How many there are.
   */
  size_t removed_count;
  /**
   * Its key slots that the storage would not delete, and why.
   */
  const struct sr_rejected *remaining;
  /**
   * How many there are.
   */
  size_t remaining_count;
  /**
   * The epoch that began with it, unless it was to be kept.
   * NULL when there is none.
   */
  const struct sr_rotation_report *rotation;
} sr_revocation;

/**
 * The snapshots of a repository.
 */
typedef struct sr_snapshot_listing {
  /**
   * The snapshots, oldest first by the clocks of the devices that made them.
   */
  const struct sr_snapshot *snapshots;
  /**
   * How many there are.
   */
  size_t snapshots_count;
  /**
   * Snapshots and marks that cannot be read or trusted, and why.
   */
  const struct sr_rejected *rejected;
  /**
   * How many there are.
   */
  size_t rejected_count;
} sr_snapshot_listing;

/**
 * Figures on one snapshot.
 */
typedef struct sr_snapshot_stats {
  /**
   * Which one.
   */
  const char *id;
  /**
   * Its entries.
   */
  uint64_t entries;
  /**
   * Regular files among them.
   */
  uint64_t files;
  /**
   * Sum of the sizes of those files.
   */
  uint64_t bytes;
  /**
   * Whether its tree begins with a node that can be read; if not, the figures are 0.
   */
  bool readable;
} sr_snapshot_stats;

/**
 * How much the repository holds: raw, deduplicated, stored.
 */
typedef struct sr_repository_stats {
  /**
   * Each snapshot.
   */
  const struct sr_snapshot_stats *snapshots;
  /**
   * How many there are.
   */
  size_t snapshots_count;
  /**
   * Sizes of the regular files of all snapshots together, holes included.
   */
  uint64_t raw_bytes;
  /**
   * Content that any snapshot refers to, each piece once and before compression.
   */
  uint64_t deduplicated_bytes;
  /**
   * Nodes of trees that any snapshot refers to, each once.
   */
  uint64_t tree_nodes;
  /**
   * Nodes that could not be read; what is below them is missing from the figures above.
   */
  uint64_t unreadable_nodes;
  /**
   * Segments of content that any snapshot refers to.
   */
  uint64_t data_segments;
  /**
   * Bytes of all packs in storage.
   */
  uint64_t stored_bytes;
  /**
   * Packs in storage.
   */
  uint64_t packs;
  /**
   * Segments that the index lists.
   */
  uint64_t segments;
  /**
   * Blobs that the index lists.
   */
  uint64_t blobs;
  /**
   * Index objects in force.
   */
  uint64_t index_objects;
} sr_repository_stats;

/**
 * Entries of a snapshot. A handle: copy it freely; threads that pull from it get different entries. 0 is none.
 */
typedef struct sr_listing {
  /**
   * Names it.
   */
  uint64_t id;
} sr_listing;

/**
 * Entries.
 */
typedef struct sr_entry_list {
  /**
   * The first of them.
   */
  const struct sr_entry *items;
  /**
   * How many there are.
   */
  size_t count;
} sr_entry_list;

/**
 * Paths on which two snapshots differ. A handle like `sr_listing`.
 */
typedef struct sr_differences {
  /**
   * Names it.
   */
  uint64_t id;
} sr_differences;

/**
 * In what way two snapshots differ on a path.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_change_kind;

/**
 * In what two entries of one path differ.
 */
typedef struct sr_changes {
  /**
   * One is a file and the other a folder, or alike.
   */
  bool kind;
  /**
   * Size, bytes or link target.
   */
  bool content;
  /**
   * Permissions.
   */
  bool mode;
  /**
   * Owner or group.
   */
  bool owner;
  /**
   * Modification time.
   */
  bool modified;
  /**
   * Extended attributes or ACLs.
   */
  bool xattrs;
} sr_changes;

/**
 * A path on which two snapshots differ.
 */
typedef struct sr_difference {
  /**
   * The path.
   */
  struct sr_bytes path;
  /**
   * In what way.
   */
  sr_change_kind change;
  /**
   * The entry as the first snapshot has it.
   * NULL when there is none.
   */
  const struct sr_entry *before;
  /**
   * The entry as the second snapshot has it.
   * NULL when there is none.
   */
  const struct sr_entry *after;
  /**
   * In what the two differ; nothing is set for entries that only one snapshot has.
   */
  struct sr_changes changes;
} sr_difference;

/**
 * Differences.
 */
typedef struct sr_difference_list {
  /**
   * The first of them.
   */
  const struct sr_difference *items;
  /**
   * How many there are.
   */
  size_t count;
} sr_difference_list;

/**
 * Texts.
 */
typedef struct sr_text_list {
  /**
   * The first of them.
   */
  const char *const *items;
  /**
   * How many there are.
   */
  size_t count;
} sr_text_list;

/**
 * Storage. A handle: copy it freely, use it from any thread. 0 is none.
 */
typedef struct sr_backend {
  /**
   * Names it.
   */
  uint64_t id;
} sr_backend;

/**
 * Options of creating a repository.
 */
typedef struct sr_create_options {
  /**
   * sizeof(sr_create_options).
   */
  size_t struct_size;
  /**
   * Names the first key. May be NULL.
   */
  const char *label;
  /**
   * What one try at the passphrase costs.
   */
  struct sr_cost cost;
  /**
   * No chunk but a file's last is shorter. The three chunk lengths are set together, or all 0 for the default.
   */
  uint32_t chunk_min;
  /**
   * What chunk lengths cluster around.
   */
  uint32_t chunk_average;
  /**
   * No chunk is longer.
   */
  uint32_t chunk_max;
  /**
   * Raw bytes that are compressed and sealed as one; 0 for the default.
   */
  uint32_t segment_size;
  /**
   * Bytes after which a pack is full; 0 for the default.
   */
  uint32_t pack_size;
  /**
   * Whether `inline_limit` is set.
   */
  bool has_inline_limit;
  /**
   * Files of at most this many bytes stand in the tree itself.
   */
  uint32_t inline_limit;
  /**
   * Recovery data of packs, in percent of their length; 0 for none.
   */
  uint8_t parity;
  /**
   * A folder of this machine to keep local state in. NULL for none.
   */
  struct sr_bytes state_folder;
  /**
   * Cancelling it ends the creation. 0 for none.
   */
  struct sr_run run;
} sr_create_options;

/**
 * How much an event of the log matters.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_log_level;

/**
 * Hears what happens, on whatever thread it happens, from several at once.
 */
typedef struct sr_log_callbacks {
  /**
   * sizeof(sr_log_callbacks).
   */
  size_t struct_size;
  /**
   * Passed to all functions.
   */
  void *user_data;
  /**
   * Something happened. `operation` is a name of docs/bindings.md; both texts live until it returns.
   */
  void (*log)(void *user_data, sr_log_level level, const char *operation, const char *message);
  /**
   * Called once when nothing will call the others any more. May be NULL.
   */
  void (*drop)(void *user_data);
} sr_log_callbacks;

/**
 * Options of opening a repository.
 */
typedef struct sr_open_options {
  /**
   * sizeof(sr_open_options).
   */
  size_t struct_size;
  /**
   * A folder of this machine to keep local state in. NULL for none.
   */
  struct sr_bytes state_folder;
  /**
   * Cancelling it ends the opening. 0 for none.
   */
  struct sr_run run;
} sr_open_options;

/**
 * Which files and folders of the file system are backed up.
 */
typedef struct sr_files_options {
  /**
   * sizeof(sr_files_options).
   */
  size_t struct_size;
  /**
   * Files and folders, at least one. A single folder stands at the snapshot's root.
   */
  const struct sr_bytes *paths;
  /**
   * How many there are.
   */
  size_t paths_count;
  /**
   * Leaves out what matches these patterns in gitignore syntax.
   */
  const char *const *exclude;
  /**
   * How many there are.
   */
  size_t exclude_count;
  /**
   * Leaves out what matches the patterns in these files.
   */
  const struct sr_bytes *exclude_files;
  /**
   * How many there are.
   */
  size_t exclude_files_count;
  /**
   * Of folders marked as caches keeps only themselves and their mark.
   */
  bool exclude_caches;
  /**
   * Of folders that contain something of one of these names keeps only themselves and that.
   */
  const struct sr_bytes *exclude_if_present;
  /**
   * How many there are.
   */
  size_t exclude_if_present_count;
  /**
   * Applies the patterns in files of this name to the folder each stands in and everything below. NULL for none.
   */
  struct sr_bytes ignore_files;
  /**
   * Stays on the file system each given path is on.
   */
  bool one_file_system;
  /**
   * Whether `max_file_size` is set.
   */
  bool has_max_file_size;
  /**
   * Leaves out regular files of more than this many bytes.
   */
  uint64_t max_file_size;
} sr_files_options;

/**
 * What to back up. A handle; one backup uses it up. 0 is none.
 */
typedef struct sr_source {
  /**
   * Names it.
   */
  uint64_t id;
} sr_source;

/**
 * What a stream is stored as.
 */
typedef struct sr_stream_options {
  /**
   * sizeof(sr_stream_options).
   */
  size_t struct_size;
  /**
   * Where the file stands in the snapshot.
   */
  struct sr_bytes path;
  /**
   * Whether `mode` is set.
   */
  bool has_mode;
  /**
   * Permission bits; 0600 unless something else is said.
   */
  uint32_t mode;
  /**
   * Whether `modified` is set.
   */
  bool has_modified;
  /**
   * Last change of content; now unless something else is said.
   */
  struct sr_timestamp modified;
  /**
   * Whether `uid` and `gid` are set.
   */
  bool has_owner;
  /**
   * User id.
   */
  uint32_t uid;
  /**
   * Group id.
   */
  uint32_t gid;
} sr_stream_options;

/**
 * What a callback that fails may say about it, beside the number it returns. All zero when it is called.
 */
typedef struct sr_failure {
  /**
   * What went wrong, for people; ends in NUL, is cut off where it does not.
   */
  char message[256];
  /**
   * Whether `retry_after_ms` is set.
   */
  bool has_retry_after_ms;
  /**
   * After how many milliseconds the same call may succeed.
   */
  uint64_t retry_after_ms;
  /**
   * Whether `payload` is set.
   */
  bool has_payload;
  /**
   * Anything; comes back in `sr_error_record.payload`.
   */
  uint64_t payload;
} sr_failure;

/**
 * A stream of bytes that an app gives. Used by one thread at a time.
 */
typedef struct sr_reader_callbacks {
  /**
   * sizeof(sr_reader_callbacks).
   */
  size_t struct_size;
  /**
   * Passed to all functions.
   */
  void *user_data;
  /**
   * Puts at most `length` bytes into `buffer`, and how many into `count`; 0 at the end.
   */
  sr_status (*read)(void *user_data, uint8_t *buffer, size_t length, size_t *count, struct sr_failure *failure);
  /**
   * Called once when nothing will call the others any more. May be NULL.
   */
  void (*drop)(void *user_data);
} sr_reader_callbacks;

/**
 * Why a path is named in a report.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_problem_reason;

/**
 * An entry that an app gives. All zero but `struct_size`, `path` and `kind` is an empty file or folder with the defaults.
 * What it points to is copied before the next call of `next`.
 */
typedef struct sr_entry_to_store {
  /**
   * sizeof(sr_entry_to_store); the library sets it before it calls `next`.
   */
  size_t struct_size;
  /**
   * Where it stands in the snapshot: names of any bytes with `/` between them.
   */
  struct sr_bytes path;
  /**
   * What it is.
   */
  sr_entry_kind kind;
  /**
   * The bytes of a regular file, if they are in memory.
   */
  struct sr_bytes content;
  /**
   * Reads the bytes of a regular file, if they are not. NULL otherwise. The struct is copied; its `drop` is called when
   * the file was read, or was not needed.
   */
  const struct sr_reader_callbacks *reader;
  /**
   * Whether `size` is set.
   */
  bool has_size;
  /**
   * How many bytes a reader will give, if that is known.
   */
  uint64_t size;
  /**
   * Where a symbolic link points. NULL for anything else.
   */
  struct sr_bytes target;
  /**
   * For one more name of the file that another entry stands for: the path of that entry. NULL otherwise.
   */
  struct sr_bytes hard_link_to;
  /**
   * Major number of a device.
   */
  uint32_t device_major;
  /**
   * Minor number of a device.
   */
  uint32_t device_minor;
  /**
   * Whether `mode` is set.
   */
  bool has_mode;
  /**
   * Permission bits.
   */
  uint32_t mode;
  /**
   * Whether `uid` and `gid` are set.
   */
  bool has_owner;
  /**
   * User id.
   */
  uint32_t uid;
  /**
   * Group id.
   */
  uint32_t gid;
  /**
   * Whether `modified` is set.
   */
  bool has_modified;
  /**
   * Last change of content.
   */
  struct sr_timestamp modified;
  /**
   * Whether `changed` is set.
   */
  bool has_changed;
  /**
   * Last change of anything. With it and a size, a later backup sees without reading that a file is unchanged.
   */
  struct sr_timestamp changed;
  /**
   * Extended attributes.
   */
  const struct sr_xattr *xattrs;
  /**
   * How many there are.
   */
  size_t xattrs_count;
  /**
   * For something that belongs to the backup and cannot be read: why. 0 otherwise.
   */
  sr_problem_reason problem;
  /**
   * What to say of the problem, for people. May be NULL.
   */
  const char *problem_detail;
} sr_entry_to_store;

/**
 * Entries that an app gives. Used by one thread at a time.
 */
typedef struct sr_entries_callbacks {
  /**
   * sizeof(sr_entries_callbacks).
   */
  size_t struct_size;
  /**
   * Passed to all functions.
   */
  void *user_data;
  /**
   * Fills in the next entry; sets `is_over` instead when there is none.
   */
  sr_status (*next)(void *user_data,
                    struct sr_entry_to_store *entry,
                    bool *is_over,
                    struct sr_failure *failure);
  /**
   * Called once when nothing will call the others any more. May be NULL.
   */
  void (*drop)(void *user_data);
} sr_entries_callbacks;

/**
 * Bounds on what an operation may use.
 */
typedef struct sr_budget {
  /**
   * sizeof(sr_budget).
   */
  size_t struct_size;
  /**
   * Takes the small bounds meant for phones where nothing else is said.
   */
  bool small;
  /**
   * Threads at work; 0 for the default.
   */
  uint32_t threads;
  /**
   * Bytes of memory for buffers, index and caches together; 0 for the default.
   */
  uint64_t memory;
  /**
   * Bytes a second sent to storage, averaged; 0 for no bound.
   */
  uint64_t upload_rate;
  /**
   * Bytes a second read from storage, averaged; 0 for no bound.
   */
  uint64_t download_rate;
  /**
   * Whether `deadline_ms` is set.
   */
  bool has_deadline_ms;
  /**
   * After how many milliseconds from its start an operation is suspended durably.
   */
  uint64_t deadline_ms;
} sr_budget;

/**
 * Which part of an operation is under way.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_phase;

/**
 * A moment's view of an operation. Counts only grow; totals are estimates until known.
 */
typedef struct sr_progress {
  /**
   * What is being done.
   */
  sr_phase phase;
  /**
   * Entries finished.
   */
  uint64_t entries;
  /**
   * Whether `total_entries` is set.
   */
  bool has_total_entries;
  /**
   * Entries there will be, when known.
   */
  uint64_t total_entries;
  /**
   * Bytes of content finished.
   */
  uint64_t bytes;
  /**
   * Whether `total_bytes` is set.
   */
  bool has_total_bytes;
  /**
   * Bytes of content there will be, when known.
   */
  uint64_t total_bytes;
  /**
   * Bytes of content that were new to the repository (backup), or had to be written (restore).
   */
  uint64_t new_bytes;
  /**
   * Bytes sent to or read from storage.
   */
  uint64_t stored_bytes;
  /**
   * Entries that could not be handled.
   */
  uint64_t problems;
  /**
   * Nanoseconds since the operation began.
   */
  uint64_t elapsed_ns;
  /**
   * The path or object at work, for display only.
   * NULL when there is none.
   */
  const char *current;
} sr_progress;

/**
 * Hears of progress, on a thread of the library, some ten times a second at most. What `progress` points to lives until
 * it returns. Anything but `SR_OK` ends the operation, which then fails with that.
 */
typedef sr_status (*sr_progress_function)(void *user_data,
                                          const struct sr_progress *progress,
                                          struct sr_failure *failure);

/**
 * What an app's storage says about an object.
 */
typedef struct sr_object {
  /**
   * Its whole name, such as `packs/3f...`; not looked at by `stat`.
   */
  const char *name;
  /**
   * Its length in bytes.
   */
  uint64_t length;
  /**
   * When storage received it, by the storage's clock.
   */
  struct sr_timestamp modified;
} sr_object;

/**
 * Where an app's storage lists objects to. Valid during the call of `list` only. Returns `SR_OK`, or a number `list` is
 * to end with and to return.
 */
typedef sr_status (*sr_found)(void *found_data, const struct sr_object *object);

/**
 * Storage that an app implements. All functions may be called from several threads at once. Each returns `SR_OK` or an
 * error kind, and may fill in `failure`. Objects are created once and never changed. Names are those of objects:
 * `config`, or a folder, `/` and a file name of lower-case letters, digits, `-` and `.`.
 */
typedef struct sr_backend_callbacks {
  /**
   * sizeof(sr_backend_callbacks).
   */
  size_t struct_size;
  /**
   * Passed to all functions.
   */
  void *user_data;
  /**
   * Stores the concatenation of `parts` under `name`, durably and all or nothing. SR_ERROR_KIND_ALREADY_EXISTS when the
   * name is taken; the object is then left as it was.
   */
  sr_status (*put)(void *user_data,
                   const char *name,
                   const struct sr_bytes *parts,
                   size_t parts_count,
                   struct sr_failure *failure);
  /**
   * Fills `buffer` with the `length` bytes from `offset` on. SR_ERROR_KIND_NOT_FOUND when there is no such object,
   * SR_ERROR_KIND_CORRUPT when it ends before.
   */
  sr_status (*read)(void *user_data,
                    const char *name,
                    uint64_t offset,
                    uint8_t *buffer,
                    size_t length,
                    struct sr_failure *failure);
  /**
   * Tells length and storage time. SR_ERROR_KIND_NOT_FOUND when there is no such object.
   */
  sr_status (*stat)(void *user_data, const char *name, struct sr_object *object, struct sr_failure *failure);
  /**
   * Calls `found` for every object of one folder (empty for the root, where `config` is), in any order. Hold no lock
   * meanwhile: the other functions may be called before `found` returns.
   */
  sr_status (*list)(void *user_data,
                    const char *folder,
                    sr_found found,
                    void *found_data,
                    struct sr_failure *failure);
  /**
   * Removes an object. Removing one that does not exist succeeds.
   */
  sr_status (*remove)(void *user_data, const char *name, struct sr_failure *failure);
  /**
   * For messages: where this is, without any secret. May be NULL.
   */
  const char *location;
  /**
   * For how many milliseconds after a call has returned listings elsewhere may not show what it did.
   */
  uint64_t settling_ms;
  /**
   * Called once when nothing will call the others any more. May be NULL.
   */
  void (*drop)(void *user_data);
} sr_backend_callbacks;

/**
 * How calls are tried again that storage could not answer at the moment.
 */
typedef struct sr_retry_options {
  /**
   * sizeof(sr_retry_options).
   */
  size_t struct_size;
  /**
   * How often a call is tried, the first time included; 0 for the default.
   */
  uint32_t tries;
  /**
   * No try begins later than this many milliseconds after the first; 0 for the default.
   */
  uint64_t within_ms;
  /**
   * No wait is longer than this many milliseconds, whatever an error asks for; 0 for the default.
   */
  uint64_t longest_wait_ms;
  /**
   * Cancelling it ends a wait. 0 for none.
   */
  struct sr_run run;
} sr_retry_options;

/**
 * The secret keys of a device. A handle: copy it freely, use it from any thread. 0 is none.
 */
typedef struct sr_device_key {
  /**
   * Names it.
   */
  uint64_t id;
} sr_device_key;

/**
 * What a device's request says.
 */
typedef struct sr_device_request {
  /**
   * The device's id, to be compared with what the device itself shows.
   */
  const char *id;
  /**
   * The name the device gives itself.
   */
  const char *name;
} sr_device_request;

/**
 * A value that an app attaches to a snapshot under a name.
 */
typedef struct sr_metadata {
  /**
   * The name.
   */
  const char *name;
  /**
   * The value.
   */
  struct sr_bytes value;
} sr_metadata;

/**
 * Options of a backup.
 */
typedef struct sr_backup_options {
  /**
   * sizeof(sr_backup_options).
   */
  size_t struct_size;
  /**
   * Names the machine. Host and paths together make the lineage of a snapshot. May be NULL, as the next three.
   */
  const char *host;
  /**
   * Names the person.
   */
  const char *user;
  /**
   * Names the program that makes the backup.
   */
  const char *program;
  /**
   * Describes the snapshot in a sentence.
   */
  const char *description;
  /**
   * Tags.
   */
  const char *const *tags;
  /**
   * How many there are.
   */
  size_t tags_count;
  /**
   * Values of the app's own.
   */
  const struct sr_metadata *metadata;
  /**
   * How many there are.
   */
  size_t metadata_count;
  /**
   * Whether `level` is set.
   */
  bool has_level;
  /**
   * The zstd level, -7 (fastest) to 19 (smallest).
   */
  int32_t level;
  /**
   * The id of the snapshot to build on. NULL for the newest of the same host and paths.
   */
  const char *parent;
  /**
   * Builds on none: every file is read.
   */
  bool no_parent;
  /**
   * Reads every file, whatever its times say.
   */
  bool read_everything;
  /**
   * Takes files for unchanged although their change times differ.
   */
  bool ignore_change_time;
  /**
   * Takes files for unchanged although their inode numbers differ.
   */
  bool ignore_inode;
  /**
   * Whether `time` is set.
   */
  bool has_time;
  /**
   * Claims an earlier time than now for the snapshot, for imports.
   */
  struct sr_timestamp time;
  /**
   * Makes no snapshot when the tree is the same as the parent's.
   */
  bool skip_if_unchanged;
} sr_backup_options;

/**
 * One path that was not handled, or not fully, and why.
 */
typedef struct sr_problem {
  /**
   * The path, as it stands in the snapshot.
   */
  struct sr_bytes path;
  /**
   * Why, for programs.
   */
  sr_problem_reason reason;
  /**
   * Why, for people.
   */
  const char *detail;
} sr_problem;

/**
 * What a backup did.
 */
typedef struct sr_backup_report {
  /**
   * How it ended.
   */
  sr_outcome outcome;
  /**
   * The snapshot; none when the work was suspended, or nothing had changed and none was wanted then.
   * NULL when there is none.
   */
  const char *snapshot;
  /**
   * The snapshot it built on.
   * NULL when there is none.
   */
  const char *parent;
  /**
   * Entries of the snapshot.
   */
  uint64_t entries;
  /**
   * Regular files among them.
   */
  uint64_t files;
  /**
   * Folders among them.
   */
  uint64_t directories;
  /**
   * Bytes of all regular files.
   */
  uint64_t bytes;
  /**
   * Entries taken over from an earlier backup without reading them.
   */
  uint64_t unchanged;
  /**
   * Bytes of content that the repository did not have, before compression.
   */
  uint64_t new_bytes;
  /**
   * Blobs that the repository did not have.
   */
  uint64_t new_blobs;
  /**
   * Bytes sent to storage in packs.
   */
  uint64_t stored_bytes;
  /**
   * Packs sent to storage.
   */
  uint64_t stored_packs;
  /**
   * What could not be read and why; at most 1,000 of them.
   */
  const struct sr_problem *problems;
  /**
   * How many there are.
   */
  size_t problems_count;
  /**
   * How many problems there were.
   */
  uint64_t problem_count;
  /**
   * How long it took, in nanoseconds.
   */
  uint64_t duration_ns;
} sr_backup_report;

/**
 * What happens to entries that stand in the target of a restore already.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_overwrite;

/**
 * What happens to owners and groups in a restore.
 * A number of another value than these comes from a later version.
 */
typedef uint32_t sr_ownership;

/**
 * Options of a restore.
 */
typedef struct sr_restore_options {
  /**
   * sizeof(sr_restore_options).
   */
  size_t struct_size;
  /**
   * The folder to restore into; it is made when it does not exist.
   */
  struct sr_bytes target;
  /**
   * Restores this file or folder only. NULL for everything.
   */
  struct sr_bytes path;
  /**
   * Restores only what matches one of these gitignore patterns, or lies in a folder that does.
   */
  const char *const *include;
  /**
   * How many there are.
   */
  size_t include_count;
  /**
   * Leaves out what matches these gitignore patterns.
   */
  const char *const *exclude;
  /**
   * How many there are.
   */
  size_t exclude_count;
  /**
   * What happens to entries that exist; 0 for SR_OVERWRITE_IF_DIFFERENT.
   */
  sr_overwrite overwrite;
  /**
   * Compares the content of files whose size and time are as they should be, instead of trusting them.
   */
  bool verify_existing;
  /**
   * What happens to owners and groups; 0 for SR_OWNERSHIP_NAMED.
   */
  sr_ownership owner;
  /**
   * Leaves out extended attributes and ACLs.
   */
  bool no_xattrs;
  /**
   * Fills holes with zeros.
   */
  bool no_sparse;
  /**
   * Removes what stands in restored folders of the target and not in the snapshot.
   */
  bool delete_extra;
  /**
   * Changes nothing and reports what would be done.
   */
  bool dry_run;
  /**
   * Waits until everything is on the storage device before it returns.
   */
  bool sync;
} sr_restore_options;

/**
 * What a restore did.
 */
typedef struct sr_restore_report {
  /**
   * How it ended.
   */
  sr_outcome outcome;
  /**
   * Entries that are in the target as the snapshot and the options want them.
   */
  uint64_t entries;
  /**
   * Regular files among them, each name of a file with several names that was written or compared.
   */
  uint64_t files;
  /**
   * Folders among them.
   */
  uint64_t directories;
  /**
   * Symbolic links among them.
   */
  uint64_t symlinks;
  /**
   * Further names of files with several names.
   */
  uint64_t hard_links;
  /**
   * Devices, pipes and sockets among them.
   */
  uint64_t others;
  /**
   * Entries other than folders that the target had already, or that the overwrite policy leaves alone.
   */
  uint64_t unchanged;
  /**
   * Size of all files together, holes included.
   */
  uint64_t bytes;
  /**
   * Bytes of content that had to be written.
   */
  uint64_t bytes_written;
  /**
   * Files, links and folders removed because the snapshot does not have them.
   */
  uint64_t deleted;
  /**
   * The first thousand problems, by path.
   */
  const struct sr_problem *problems;
  /**
   * How many there are.
   */
  size_t problems_count;
  /**
   * How many problems there were.
   */
  uint64_t problem_count;
  /**
   * How long it took, in nanoseconds.
   */
  uint64_t duration_ns;
} sr_restore_report;

/**
 * A stream of bytes that an app takes. Used by one thread at a time.
 */
typedef struct sr_writer_callbacks {
  /**
   * sizeof(sr_writer_callbacks).
   */
  size_t struct_size;
  /**
   * Passed to all functions.
   */
  void *user_data;
  /**
   * Takes all of `data`.
   */
  sr_status (*write)(void *user_data, const uint8_t *data, size_t length, struct sr_failure *failure);
  /**
   * Called once when nothing will call the others any more. May be NULL.
   */
  void (*drop)(void *user_data);
} sr_writer_callbacks;

/**
 * Options of copying snapshots to other repositories.
 */
typedef struct sr_copy_options {
  /**
   * sizeof(sr_copy_options).
   */
  size_t struct_size;
  /**
   * Copies the snapshots with these ids; none named means all.
   */
  const char *const *snapshots;
  /**
   * How many there are.
   */
  size_t snapshots_count;
  /**
   * Copies the snapshots that fit. NULL for all.
   */
  const struct sr_snapshot_filter *filter;
  /**
   * Whether `level` is set.
   */
  bool has_level;
  /**
   * The zstd level of what is written.
   */
  int32_t level;
  /**
   * Does not compare the tree of each copy with the original's.
   */
  bool no_verify;
  /**
   * Reads everything that was sent back and holds it against its hashes before the copy counts.
   */
  bool verify_data;
} sr_copy_options;

/**
 * One snapshot that was copied.
 */
typedef struct sr_snapshot_copy {
  /**
   * The original, in the source.
   */
  const char *source;
  /**
   * The copy, in the destination.
   */
  const char *copy;
  /**
   * What the copy says of itself.
   */
  sr_snapshot_outcome outcome;
  /**
   * Entries of the copy.
   */
  uint64_t entries;
  /**
   * Bytes of its regular files.
   */
  uint64_t bytes;
  /**
   * Files taken over from an earlier copy without being read from the source.
   */
  uint64_t unchanged;
  /**
   * Bytes of content that the destination did not have.
   */
  uint64_t new_bytes;
  /**
   * Bytes sent to the destination.
   */
  uint64_t stored_bytes;
  /**
   * What of the original could not be read, and so is not in the copy; at most 1,000 of them.
   */
  const struct sr_problem *problems;
  /**
   * How many there are.
   */
  size_t problems_count;
  /**
   * How many problems there were.
   */
  uint64_t problem_count;
} sr_snapshot_copy;

/**
 * What came to one destination.
 */
typedef struct sr_copy_destination {
  /**
   * The id of the repository.
   */
  const char *repository;
  /**
   * Where it is, for messages.
   */
  const char *location;
  /**
   * How it ended there.
   */
  sr_outcome outcome;
  /**
   * Why it got no more than what is listed here, if it failed.
   * NULL when there is none.
   */
  const struct sr_error_record *error;
  /**
   * The snapshots that were copied, in that order.
   */
  const struct sr_snapshot_copy *copied;
  /**
   * How many there are.
   */
  size_t copied_count;
  /**
   * How many of the snapshots it had before.
   */
  uint64_t present;
  /**
   * Bytes of content it did not have, before compression.
   */
  uint64_t new_bytes;
  /**
   * Bytes sent to it in packs.
   */
  uint64_t stored_bytes;
  /**
   * Packs sent to it.
   */
  uint64_t stored_packs;
} sr_copy_destination;

/**
 * What a copy did.
 */
typedef struct sr_copy_report {
  /**
   * How it ended.
   */
  sr_outcome outcome;
  /**
   * Snapshots that were to be copied.
   */
  uint64_t snapshots;
  /**
   * One for each destination, in the order in which they were given.
   */
  const struct sr_copy_destination *destinations;
  /**
   * How many there are.
   */
  size_t destinations_count;
  /**
   * Snapshots of the source that could not be read or trusted, and why.
   */
  const struct sr_rejected *rejected;
  /**
   * How many there are.
   */
  size_t rejected_count;
  /**
   * Bytes of content that were read from the source.
   */
  uint64_t read_bytes;
  /**
   * How long it took, in nanoseconds.
   */
  uint64_t duration_ns;
} sr_copy_report;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Checks that everything every snapshot refers to is there and sound. Damage is in the report.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_check(struct sr_repository repository,
                   const struct sr_check_options *options,
                   struct sr_run run,
                   const struct sr_check_report **report,
                   const struct sr_error_record **error);

/**
 * Mends what can be mended. Damage is in the report.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_repair(struct sr_repository repository,
                    const struct sr_repair_options *options,
                    struct sr_run run,
                    const struct sr_repair_report **report,
                    const struct sr_error_record **error);

/**
 * Frees what no snapshot needs, in two phases: condemned by one call, removed by a later one.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_prune(struct sr_repository repository,
                   const struct sr_prune_options *options,
                   struct sr_run run,
                   const struct sr_prune_report **report,
                   const struct sr_error_record **error);

/**
 * Removes snapshots: those that a policy does not keep, or those that are named.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_forget(struct sr_repository repository,
                    const struct sr_forget_options *options,
                    struct sr_run run,
                    const struct sr_forget_report **report,
                    const struct sr_error_record **error);

/**
 * Moves what was stored under the keys of earlier epochs to those of the newest.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_reencrypt(struct sr_repository repository,
                       const struct sr_reencrypt_options *options,
                       struct sr_run run,
                       const struct sr_reencrypt_report **report,
                       const struct sr_error_record **error);

/**
 * Makes the index list every pack in storage as it is.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_rebuild_index(struct sr_repository repository,
                           struct sr_run run,
                           const struct sr_rebuild_report **report,
                           const struct sr_error_record **error);

/**
 * Adds parity of this share, in percent, to every pack that has none.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_add_parity(struct sr_repository repository,
                        uint8_t percent,
                        struct sr_run run,
                        const struct sr_parity_report **report,
                        const struct sr_error_record **error);

/**
 * Opens a file of a snapshot for reading at any place. `out` is closed with sr_file_close.
 */
sr_status sr_open_file(struct sr_repository repository,
                       const char *snapshot,
                       struct sr_bytes path,
                       struct sr_file *out,
                       const struct sr_error_record **error);

/**
 * Length of the file.
 */
sr_status sr_file_length(struct sr_file file, uint64_t *out, const struct sr_error_record **error);

/**
 * The entry that is read; freed with sr_free.
 */
sr_status sr_file_entry(struct sr_file file,
                        const struct sr_entry **out,
                        const struct sr_error_record **error);

/**
 * Fills `buffer` from the position on; `out` is how many bytes came: fewer than `length` only at the end of the file.
 */
sr_status sr_file_read(struct sr_file file,
                       uint8_t *buffer,
                       size_t length,
                       size_t *out,
                       const struct sr_error_record **error);

/**
 * Fills `buffer` from `offset` on, without regard to the position, which stays; `out` is how many bytes came.
 */
sr_status sr_file_read_at(struct sr_file file,
                          uint64_t offset,
                          uint8_t *buffer,
                          size_t length,
                          size_t *out,
                          const struct sr_error_record **error);

/**
 * Sets the position to so many bytes behind the start; it may lie behind the end, where nothing is read.
 */
sr_status sr_file_seek(struct sr_file file, uint64_t position, const struct sr_error_record **error);

/**
 * The position.
 */
sr_status sr_file_position(struct sr_file file, uint64_t *out, const struct sr_error_record **error);

/**
 * The sessions storage knows of: who is at work, and who was and has not been cleaned up after. `out` is freed with sr_free.
 */
sr_status sr_sessions(struct sr_repository repository,
                      const struct sr_session_list **out,
                      const struct sr_error_record **error);

/**
 * The keys that open this repository, oldest first. `out` is freed with sr_free.
 */
sr_status sr_keys(struct sr_repository repository,
                  const struct sr_key_list **out,
                  const struct sr_error_record **error);

/**
 * The devices on the owner-signed list. `out` is freed with sr_free.
 */
sr_status sr_devices(struct sr_repository repository,
                     const struct sr_device_list **out,
                     const struct sr_error_record **error);

/**
 * Adds a key that `secret` opens. `label` may be NULL; `cost` is all zero for the default. `out`, the id of its slot, is freed with
 * sr_free.
 */
sr_status sr_add_key(struct sr_repository repository,
                     struct sr_secret secret,
                     sr_role role,
                     const char *label,
                     struct sr_cost cost,
                     const char **out,
                     const struct sr_error_record **error);

/**
 * Makes a recovery code and adds it as a key. `out`, the code, is freed with sr_free, which wipes it. `slot`, the id of its slot, may
 * be NULL; otherwise it is freed with sr_free.
 */
sr_status sr_add_recovery_code(struct sr_repository repository,
                               sr_role role,
                               const char *label,
                               const char **slot,
                               const char **out,
                               const struct sr_error_record **error);

/**
 * Removes a key, and shuts its holder out.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_remove_key(struct sr_repository repository,
                        const char *slot,
                        const struct sr_revoke_options *options,
                        struct sr_run run,
                        const struct sr_key_removal **report,
                        const struct sr_error_record **error);

/**
 * Replaces the passphrase that opened this repository by another.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_change_passphrase(struct sr_repository repository,
                               struct sr_secret secret,
                               struct sr_cost cost,
                               const struct sr_passphrase_change **report,
                               const struct sr_error_record **error);

/**
 * Lets a device in, by the request it made with its key. `out`, its id, is freed with sr_free.
 */
sr_status sr_add_device(struct sr_repository repository,
                        struct sr_bytes request,
                        sr_role role,
                        const char **out,
                        const struct sr_error_record **error);

/**
 * Shuts a device out.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_revoke_device(struct sr_repository repository,
                           const char *device,
                           const struct sr_revoke_options *options,
                           struct sr_run run,
                           const struct sr_revocation **report,
                           const struct sr_error_record **error);

/**
 * Begins a new epoch: whatever is written from now on is sealed with new keys.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_rotate(struct sr_repository repository,
                    struct sr_run run,
                    const struct sr_rotation_report **report,
                    const struct sr_error_record **error);

/**
 * The snapshots that `filter` (NULL for all) accepts, oldest first by the clocks of their devices.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_snapshots(struct sr_repository repository,
                       const struct sr_snapshot_filter *filter,
                       const struct sr_snapshot_listing **report,
                       const struct sr_error_record **error);

/**
 * One snapshot by what a person would type: `latest`, or the first digits of its id.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_get_snapshot(struct sr_repository repository,
                          const char *spec,
                          const struct sr_snapshot_filter *filter,
                          const struct sr_snapshot **report,
                          const struct sr_error_record **error);

/**
 * The entry at a path of a snapshot.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_get_entry(struct sr_repository repository,
                       const char *snapshot,
                       struct sr_bytes path,
                       const struct sr_entry **report,
                       const struct sr_error_record **error);

/**
 * How much the repository holds.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_stats(struct sr_repository repository,
                   struct sr_run run,
                   const struct sr_repository_stats **report,
                   const struct sr_error_record **error);

/**
 * What is in a folder of a snapshot, directly or at any depth; for anything but a folder, the entry itself. `out` is pulled with
 * sr_listing_next and closed with sr_listing_close.
 */
sr_status sr_list(struct sr_repository repository,
                  const char *snapshot,
                  struct sr_bytes folder,
                  bool recursive,
                  struct sr_listing *out,
                  const struct sr_error_record **error);

/**
 * The entries of a snapshot whose paths match a glob. `out` is pulled with sr_listing_next and closed with sr_listing_close.
 */
sr_status sr_find(struct sr_repository repository,
                  const char *snapshot,
                  const char *glob,
                  bool any_case,
                  struct sr_listing *out,
                  const struct sr_error_record **error);

/**
 * The next entries, at most `most` of them; a list of none at the end. `out` is freed with sr_free. A part that could not be read is
 * an error, after which it goes on behind that part.
 */
sr_status sr_listing_next(struct sr_listing listing,
                          size_t most,
                          const struct sr_entry_list **out,
                          const struct sr_error_record **error);

/**
 * The paths on which two snapshots differ, in ascending order. They are looked for on a thread of the library, which `run` stops, and
 * which ends with the listing. `out` is pulled with sr_differences_next and closed with
 * sr_differences_close.
 */
sr_status sr_diff(struct sr_repository repository,
                  const char *before,
                  const char *after,
                  struct sr_run run,
                  struct sr_differences *out,
                  const struct sr_error_record **error);

/**
 * The next differences, at most `most` of them; a list of none at the end. `out` is freed with sr_free.
 */
sr_status sr_differences_next(struct sr_differences differences,
                              size_t most,
                              const struct sr_difference_list **out,
                              const struct sr_error_record **error);

/**
 * Adds and removes tags of a snapshot. `tags`, the tags it has then, may be NULL; otherwise it is freed with sr_free.
 */
sr_status sr_tag(struct sr_repository repository,
                 const char *snapshot,
                 const char *const *add,
                 size_t add_count,
                 const char *const *remove,
                 size_t remove_count,
                 const struct sr_text_list **tags,
                 const struct sr_error_record **error);

/**
 * Holds a snapshot until a time: before that it is not forgotten. `out` is the hold that is in force then.
 */
sr_status sr_hold(struct sr_repository repository,
                  const char *snapshot,
                  struct sr_timestamp until,
                  struct sr_timestamp *out,
                  const struct sr_error_record **error);

/**
 * Ends the hold of a snapshot.
 */
sr_status sr_release(struct sr_repository repository,
                     const char *snapshot,
                     const struct sr_error_record **error);

/**
 * Creates a repository whose owner is whoever holds `secret`. `out` is closed with sr_repository_close. `log` may be NULL; its
 * `drop` is called when the repository needs it no more, and when this fails, unless the struct itself was refused.
 */
sr_status sr_repository_create(struct sr_backend backend,
                               struct sr_secret secret,
                               const struct sr_create_options *options,
                               const struct sr_log_callbacks *log,
                               struct sr_repository *out,
                               const struct sr_error_record **error);

/**
 * Opens a repository. `out` is closed with sr_repository_close. `log` may be NULL; its
 * `drop` is called when the repository needs it no more, and when this fails, unless the struct itself was refused.
 */
sr_status sr_repository_open(struct sr_backend backend,
                             struct sr_secret secret,
                             const struct sr_open_options *options,
                             const struct sr_log_callbacks *log,
                             struct sr_repository *out,
                             const struct sr_error_record **error);

/**
 * The id chosen when it was created, as text; freed with sr_free.
 */
sr_status sr_repository_id(struct sr_repository repository,
                           const char **out,
                           const struct sr_error_record **error);

/**
 * The public key of its owner, 32 bytes: what sr_secret_expect_owner of a later opening takes. `out->data` is freed with sr_free.
 */
sr_status sr_repository_owner_key(struct sr_repository repository,
                                  struct sr_bytes *out,
                                  const struct sr_error_record **error);

/**
 * What the secret that opened it allows.
 */
sr_status sr_repository_role(struct sr_repository repository,
                             sr_role *out,
                             const struct sr_error_record **error);

/**
 * Where it is, for messages; freed with sr_free.
 */
sr_status sr_repository_location(struct sr_repository repository,
                                 const char **out,
                                 const struct sr_error_record **error);

/**
 * When it was created, by its creator's clock.
 */
sr_status sr_repository_created(struct sr_repository repository,
                                struct sr_timestamp *out,
                                const struct sr_error_record **error);

/**
 * Why local state is kept in memory although a folder was given for it; NULL if that is not so. Freed with sr_free.
 */
sr_status sr_repository_state_folder_problem(struct sr_repository repository,
                                             const char **out,
                                             const struct sr_error_record **error);

/**
 * How much parity packs get when they are written, in percent of a pack; 0 for none.
 */
sr_status sr_repository_parity(struct sr_repository repository,
                               uint8_t *out,
                               const struct sr_error_record **error);

/**
 * The epoch under which everything is written at this moment.
 */
sr_status sr_repository_epoch(struct sr_repository repository,
                              uint32_t *out,
                              const struct sr_error_record **error);

/**
 * Packs that were found damaged since this repository was opened, and read all the same by their parity. Freed with sr_free.
 */
sr_status sr_repository_healed_packs(struct sr_repository repository,
                                     const struct sr_text_list **out,
                                     const struct sr_error_record **error);

/**
 * The same repository, whose calls ask nothing more of the storage once `run` is cancelled: for those that take no run,
 * such as listings and files that are read. `out` is closed with sr_repository_close.
 */
sr_status sr_repository_cancelled_by(struct sr_repository repository,
                                     struct sr_run run,
                                     struct sr_repository *out,
                                     const struct sr_error_record **error);

/**
 * Files and folders of the file system. `out` is used up by sr_backup, or closed with sr_source_close.
 */
sr_status sr_source_files(const struct sr_files_options *options,
                          struct sr_source *out,
                          const struct sr_error_record **error);

/**
 * One file with these bytes, which are copied. `out` is used up by sr_backup, or closed with sr_source_close.
 */
sr_status sr_source_bytes(const struct sr_stream_options *options,
                          struct sr_bytes content,
                          struct sr_source *out,
                          const struct sr_error_record **error);

/**
 * One file with what a reader gives. When the reader fails, so does the backup. `out` is used up by sr_backup, or closed with sr_source_close.
 */
sr_status sr_source_reader(const struct sr_stream_options *options,
                           const struct sr_reader_callbacks *reader,
                           struct sr_source *out,
                           const struct sr_error_record **error);

/**
 * What a tar stream holds. When the reader fails, so does the backup. `out` is used up by sr_backup, or closed with sr_source_close.
 */
sr_status sr_source_tar(const struct sr_reader_callbacks *reader,
                        struct sr_source *out,
                        const struct sr_error_record **error);

/**
 * The app's own entries; `sorted` promises ascending order of their paths, each once. `out` is used up by sr_backup, or closed with sr_source_close.
 */
sr_status sr_source_entries(const struct sr_entries_callbacks *entries,
                            bool sorted,
                            struct sr_source *out,
                            const struct sr_error_record **error);

/**
 * Sets the paths, or any names, by which snapshots of the same thing are known to belong together.
 */
sr_status sr_source_known_as(struct sr_source source,
                             const struct sr_bytes *names,
                             size_t names_count,
                             const struct sr_error_record **error);

/**
 * What runs with operations: bounds, and how to stop them and hear of them. `budget` and `progress` may be NULL. An operation that is
 * stopped stays stopped: take a new one for the next. `out` is closed with sr_run_close.
 */
sr_status sr_run_new(const struct sr_budget *budget,
                     sr_progress_function progress,
                     void *user_data,
                     struct sr_run *out,
                     const struct sr_error_record **error);

/**
 * Stops the operation as soon as it looks, within 250 ms; it fails with SR_ERROR_KIND_CANCELLED. From any thread.
 */
sr_status sr_run_cancel(struct sr_run run,
                        const struct sr_error_record **error);

/**
 * Asks for a durable stop: what is done so far is kept and can be resumed. From any thread.
 */
sr_status sr_run_suspend(struct sr_run run, const struct sr_error_record **error);

/**
 * How the operation goes on, as last heard; NULL before it has begun. Freed with sr_free. From any thread.
 */
sr_status sr_run_progress(struct sr_run run,
                          const struct sr_progress **out,
                          const struct sr_error_record **error);

/**
 * A folder of a file system. With `sync` it waits until everything is on the device. `out` is closed with sr_backend_close.
 */
sr_status sr_backend_local(struct sr_bytes path,
                           bool sync,
                           struct sr_backend *out,
                           const struct sr_error_record **error);

/**
 * The memory of this process, for tests. `out` is closed with sr_backend_close.
 */
sr_status sr_backend_memory(struct sr_backend *out, const struct sr_error_record **error);

/**
 * What the app implements. The struct is copied; its `drop` is called when neither the handle nor a repository needs it any
 * more. When this fails, it is not called. `out` is closed with sr_backend_close.
 */
sr_status sr_backend_host(const struct sr_backend_callbacks *callbacks,
                          struct sr_backend *out,
                          const struct sr_error_record **error);

/**
 * The same storage, whose calls are tried again when they fail for a reason that passes. `options` may be NULL. `out` is closed with
 * sr_backend_close; `backend` may be closed before.
 */
sr_status sr_backend_retry(struct sr_backend backend,
                           const struct sr_retry_options *options,
                           struct sr_backend *out,
                           const struct sr_error_record **error);

/**
 * A passphrase, by its bytes, which are copied. `out` is closed with sr_secret_close, which wipes it.
 */
sr_status sr_secret_passphrase(struct sr_bytes passphrase,
                               struct sr_secret *out,
                               const struct sr_error_record **error);

/**
 * A recovery code as a person typed it. `out` is closed with sr_secret_close, which wipes it.
 */
sr_status sr_secret_recovery_code(const char *code,
                                  struct sr_secret *out,
                                  const struct sr_error_record **error);

/**
 * The key of this device. `out` is closed with sr_secret_close, which wipes it.
 */
sr_status sr_secret_device(struct sr_device_key key,
                           struct sr_secret *out,
                           const struct sr_error_record **error);

/**
 * The key of an account that hosts the repository, 32 bytes. `out` is closed with sr_secret_close, which wipes it.
 */
sr_status sr_secret_account_key(struct sr_bytes key,
                                struct sr_secret *out,
                                const struct sr_error_record **error);

/**
 * The same secret, refusing repositories of any other owner than the one with this public key of 32 bytes. `out` is closed with sr_secret_close, which wipes it.
 */
sr_status sr_secret_expect_owner(struct sr_secret secret,
                                 struct sr_bytes owner,
                                 struct sr_secret *out,
                                 const struct sr_error_record **error);

/**
 * A new random recovery code. `out` is freed with sr_free, which wipes it.
 */
sr_status sr_generate_recovery_code(const char **out, const struct sr_error_record **error);

/**
 * New random keys of a device. `out` is closed with sr_device_key_close, which wipes them.
 */
sr_status sr_device_key_generate(struct sr_device_key *out, const struct sr_error_record **error);

/**
 * Reads what sr_device_key_export gave. `out` is closed with sr_device_key_close, which wipes it.
 */
sr_status sr_device_key_import(struct sr_bytes bytes,
                               struct sr_device_key *out,
                               const struct sr_error_record **error);

/**
 * The secret keys as bytes, to be kept where the platform keeps secrets. `out->data` is freed with sr_free, which wipes it.
 */
sr_status sr_device_key_export(struct sr_device_key key,
                               struct sr_bytes *out,
                               const struct sr_error_record **error);

/**
 * The id the device is listed under; freed with sr_free.
 */
sr_status sr_device_key_id(struct sr_device_key key, const char **out, const struct sr_error_record **error);

/**
 * What an owner needs to add this device. Holds no secret. `out->data` is freed with sr_free.
 */
sr_status sr_device_key_request(struct sr_device_key key,
                                const char *name,
                                struct sr_bytes *out,
                                const struct sr_error_record **error);

/**
 * Reads a device's request and checks its signature. `out` is freed with sr_free.
 */
sr_status sr_read_device_request(struct sr_bytes request,
                                 const struct sr_device_request **out,
                                 const struct sr_error_record **error);

/**
 * Backs up `source`, which is used up by it, and makes a snapshot of it.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_backup(struct sr_repository repository,
                    struct sr_source source,
                    const struct sr_backup_options *options,
                    struct sr_run run,
                    const struct sr_backup_report **report,
                    const struct sr_error_record **error);

/**
 * Restores a snapshot, or a part of it, into a folder.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_restore(struct sr_repository repository,
                     const char *snapshot,
                     const struct sr_restore_options *options,
                     struct sr_run run,
                     const struct sr_restore_report **report,
                     const struct sr_error_record **error);

/**
 * Writes a snapshot, or the folder or file of it at `path`, as a tar stream.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_export_tar(struct sr_repository repository,
                        const char *snapshot,
                        struct sr_bytes path,
                        const struct sr_writer_callbacks *writer,
                        struct sr_run run,
                        const struct sr_restore_report **report,
                        const struct sr_error_record **error);

/**
 * Copies snapshots to other repositories, each with its own keys.
 * `report` may be NULL; otherwise what is written there is freed with sr_free.
 */
sr_status sr_copy_to(struct sr_repository repository,
                     const struct sr_repository *destinations,
                     size_t destinations_count,
                     const struct sr_copy_options *options,
                     struct sr_run run,
                     const struct sr_copy_report **report,
                     const struct sr_error_record **error);

/**
 * Lets go of storage; repositories that were opened on it keep it. Closing twice, or nothing, is harmless.
 */
void sr_backend_close(struct sr_backend backend);

/**
 * Lets go of a secret and wipes it. Closing twice, or nothing, is harmless.
 */
void sr_secret_close(struct sr_secret secret);

/**
 * Lets go of a device's keys and wipes them. Closing twice, or nothing, is harmless.
 */
void sr_device_key_close(struct sr_device_key key);

/**
 * Lets go of a repository. Operations that are under way go on to their end; listings and files that were opened live on.
 * Closing twice, or nothing, is harmless.
 */
void sr_repository_close(struct sr_repository repository);

/**
 * Lets go of a source that was not used. Closing twice, or nothing, is harmless.
 */
void sr_source_close(struct sr_source source);

/**
 * Lets go of a run; an operation that uses it goes on. Closing twice, or nothing, is harmless.
 */
void sr_run_close(struct sr_run run);

/**
 * Ends a listing. Closing twice, or nothing, is harmless.
 */
void sr_listing_close(struct sr_listing listing);

/**
 * Ends a listing of differences. Closing twice, or nothing, is harmless.
 */
void sr_differences_close(struct sr_differences differences);

/**
 * Closes a file. Closing twice, or nothing, is harmless.
 */
void sr_file_close(struct sr_file file);

/**
 * Frees what the library handed out through an output: a record, a text, the `data` of bytes, an error. NULL, and what was
 * not handed out or was freed before, is left alone.
 */
void sr_free(const void *handed_out);

/**
 * The version of the library, such as "0.1.0". Lives for ever.
 */
const char *sr_version(void);

/**
 * The stable name of an error kind, such as "not_found"; NULL for numbers that are none. Lives for ever.
 */
const char *sr_error_kind_name(sr_error_kind kind);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STRONGROOM_H */
