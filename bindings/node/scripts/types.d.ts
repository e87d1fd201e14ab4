import type {
  ChangeKind,
  CheckKind,
  EntryKind,
  ErrorKind,
  LogLevel,
  Outcome,
  Overwrite,
  Ownership,
  PeriodKind,
  Phase,
  ProblemReason,
  Role,
  SlotMethod,
  SnapshotOutcome,
} from './enums.js';

/**
 * A path in a snapshot, `/` between names, or another name that may be any bytes. Bytes that are no UTF-8 are lone
 * surrogates from `\udc80` to `\udcff`, so that the string leads back to the bytes: `pathToBytes` gives them.
 */
export type SnapshotPath = string;

/** A path as a string, as `SnapshotPath` writes it, or as bytes. */
export type PathInput = string | Uint8Array;

/** A point in time: a `Date`, or nanoseconds since 1970 as a bigint. */
export type Moment = Date | bigint;

/** A result, or what went wrong. */
export type Settled<T> = { value: T; error?: undefined } | { value?: undefined; error: ErrorRecord };
