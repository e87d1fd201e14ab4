import { ERROR_KIND_CODES, type ErrorKind } from './enums.js';
import type { ErrorRecord } from './native.js';

/** What else there is to say of a {@link StrongroomError}. */
export interface StrongroomErrorOptions {
  /** What lies behind it. */
  cause?: unknown;
  /** The operation that failed, as a verb phrase. */
  operation?: string;
  /** The object, path or key it failed on. */
  object?: string;
  /** A sentence on what was wrong. */
  detail?: string;
  /** What lies behind it inside of the library, the nearest first. */
  causes?: readonly string[];
  /** After how many milliseconds the same call may succeed. */
  retryAfterMs?: number;
}

/**
 * What went wrong, in terms a program can act on.
 *
 * An app's own storage throws it to say which kind of failure one is; anything else that a function of the app throws
 * comes out, as it is, of the call that it ended.
 */
export class StrongroomError extends Error {
  /** What kind of failure it was. */
  readonly kind: ErrorKind;
  /** The kind in the way of Node's codes, such as `STRONGROOM_NOT_FOUND`. */
  readonly code: string;
  /** The stable number of the kind, the same in every language. */
  readonly number: number;
  /** The operation that failed, as a verb phrase. */
  readonly operation?: string;
  /** The object, path or key it failed on, if one is known. */
  readonly object?: string;
  /** A sentence on what was wrong, if there is one. */
  readonly detail?: string;
  /** What lies behind it inside of the library, the nearest first. */
  readonly causes: readonly string[];
  /** After how many milliseconds the same call may succeed, if that is known. */
  readonly retryAfterMs?: number;

  constructor(kind: ErrorKind, message: string, options: StrongroomErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    // As what an AbortSignal ends is called everywhere.
    this.name = kind === 'cancelled' ? 'AbortError' : 'StrongroomError';
    this.kind = kind;
    this.code = `STRONGROOM_${kind.toUpperCase()}`;
    this.number = ERROR_KIND_CODES[kind];
    this.operation = options.operation;
    this.object = options.object;
    this.detail = options.detail;
    this.causes = options.causes ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The error that a record of the addon tells of. */
  static of(record: ErrorRecord, cause?: unknown): StrongroomError {
    return new StrongroomError(record.kind, record.message, { ...record, cause });
  }
}

/** An argument that makes no sense. */
export function invalid(message: string, cause?: unknown): StrongroomError {
  return new StrongroomError('invalid_argument', message, { cause });
}

/** Makes a {@link StrongroomError} of what the addon threw because of an argument; leaves everything else as it is. */
export function translated(error: unknown): unknown {
  if (error instanceof Error && !(error instanceof StrongroomError)) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string' && /^(InvalidArg|\w+Expected)$/.test(code)) return invalid(error.message, error);
  }
  return error;
}

const KINDS_OF_CODES: Readonly<Record<string, ErrorKind>> = {
  ENOENT: 'not_found',
  ENOTDIR: 'not_found',
  EEXIST: 'already_exists',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
  ENOSPC: 'storage_full',
  EDQUOT: 'storage_full',
  EROFS: 'read_only',
  EIO: 'io',
  ETIMEDOUT: 'unavailable',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  ENETUNREACH: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  EAI_AGAIN: 'unavailable',
  EPIPE: 'unavailable',
};

/** The kind of whatever a function of the app threw. */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof StrongroomError) return error.kind;
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return (typeof code === 'string' ? KINDS_OF_CODES[code] : undefined) ?? 'callback';
}

/** What an error says, whatever it is. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'a value that cannot be shown was thrown';
  }
}
