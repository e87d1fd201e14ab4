import { attempt, now } from './calls.js';
import { invalid } from './errors.js';
import { hostOf } from './host.js';
import {
  NativeBackend,
  NativeToken,
  type HostCall,
  type Moment,
  type NativeRetryOptions,
  type PathInput,
} from './native.js';
import { filePath } from './paths.js';
import { follow, type CallOptions } from './run.js';

/** What an app's storage says about an object. */
export interface ObjectInfo {
  /** Its whole name, such as `packs/3f…`. */
  name: string;
  /** Its length in bytes. */
  size: number | bigint;
  /** When storage received it, by the storage's clock. */
  modified: Moment;
}

/**
 * Storage that an app implements. Every method may give a promise. Several calls may be under way at once.
 *
 * Names are those of objects: `config`, or a folder, `/` and a file name of lower-case letters, digits, `-` and `.`.
 * Objects are created once and never changed. What a method throws is a failure; a `StrongroomError`, or an error with
 * one of the system's codes such as `ENOENT`, says which kind of failure.
 */
export interface StorageBackend {
  /**
   * Stores an object, durably and all or nothing. Throws an error of kind `already_exists` (or with the code `EEXIST`)
   * when the name is taken, and leaves that object as it was.
   */
  put(name: string, data: Uint8Array): void | Promise<void>;
  /** Reads exactly `length` bytes from `offset` on; gives `undefined` when there is no such object. */
  read(name: string, offset: number, length: number): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Length and storage time of an object; gives `undefined` when there is none. */
  stat(name: string): ObjectInfo | undefined | Promise<ObjectInfo | undefined>;
  /** The objects of one folder, or with an empty name those of the root, where `config` is. In any order. */
  list(folder: string): Iterable<ObjectInfo> | AsyncIterable<ObjectInfo> | Promise<Iterable<ObjectInfo>>;
  /** Removes an object. Removing one that does not exist is no failure. */
  delete(name: string): unknown;
  /** For messages: where this is, without any secret. */
  readonly location?: string;
  /** For how many milliseconds after a call listings elsewhere may not show what it did. */
  readonly settlingMs?: number;
}

/** How calls are tried again that storage could not answer at the moment. */
export interface RetryOptions extends NativeRetryOptions, CallOptions {}

/** Where a repository lives. */
export class Backend {
  /** @internal */
  readonly native: NativeBackend;

  private constructor(native: NativeBackend) {
    this.native = native;
  }

  /** A folder of a file system. With `sync: false` it does not wait until objects are on the storage device. */
  static local(path: PathInput | URL, options: { sync?: boolean } = {}): Backend {
    return new Backend(now(() => NativeBackend.local(filePath(path), options.sync ?? true)));
  }

  /** The memory of this process, for tests. */
  static memory(): Backend {
    return new Backend(NativeBackend.memory());
  }

  /** Storage that the app implements. */
  static from(storage: StorageBackend): Backend {
    for (const method of ['put', 'read', 'stat', 'list', 'delete'] as const) {
      if (typeof storage?.[method] !== 'function') throw invalid(`the storage has no method ${method}`);
    }
    const host = hostOf((request, call) => {
      const name = request.name ?? '';
      switch (request.method) {
        case 'put':
          return put(call, storage.put(name, request.data ?? new Uint8Array()));
        case 'read':
          return read(call, storage.read(name, request.offset ?? 0, request.length ?? 0));
        case 'stat':
          return stat(call, storage.stat(name));
        case 'list':
          return list(call, storage.list(name));
        default:
          return put(call, storage.delete(name));
      }
    }, false);
    const { location = "the app's storage", settlingMs = 0 } = storage;
    return new Backend(attempt(() => NativeBackend.host(host, location, settlingMs)));
  }

  /**
   * The same storage, whose calls are tried again when they fail for a reason that passes, such as `unavailable`. The signal
   * ends a wait; what waits then fails with the kind `cancelled`.
   */
  retrying(options: RetryOptions = {}): Backend {
    const { signal, ...rest } = options;
    const token = new NativeToken();
    const made = new Backend(now(() => this.native.retrying(rest, token)));
    // Repositories go on waiting for storage when this object is gone.
    if (signal !== undefined) follow(signal, token);
    return made;
  }

  /** Where it is, for messages. */
  get location(): string {
    return this.native.location();
  }
}

async function put(call: HostCall, done: unknown): Promise<void> {
  await done;
  call.done();
}

async function read(call: HostCall, given: ReturnType<StorageBackend['read']>): Promise<void> {
  const bytes = await given;
  if (bytes === undefined || bytes === null) return call.end();
  if (!(bytes instanceof Uint8Array)) throw invalid('read has to give a Uint8Array');
  call.bytes(bytes);
}

async function stat(call: HostCall, given: ReturnType<StorageBackend['stat']>): Promise<void> {
  const object = await given;
  if (object === undefined || object === null) return call.end();
  call.object(object);
}

/** Objects that are told at once. */
const BATCH = 500;

async function list(call: HostCall, given: ReturnType<StorageBackend['list']>): Promise<void> {
  const tell = async (objects: ObjectInfo[]) => {
    while (!call.objects(objects)) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  let batch: ObjectInfo[] = [];
  for await (const object of await given) {
    batch.push(object);
    if (batch.length === BATCH) {
      await tell(batch);
      batch = [];
    }
  }
  if (batch.length > 0) await tell(batch);
  await tell([]);
}
