import type { Writable } from 'node:stream';
import { Backend } from './backend.js';
import { environment, later, now } from './calls.js';
import type { Role } from './enums.js';
import { SnapshotFile } from './file.js';
import { functionOf, hostOf } from './host.js';
import { Listing, SnapshotListing, type ListingSource } from './listing.js';
import {
  NativeRepository,
  NativeToken,
  type AddCodeOptions,
  type AddKeyOptions,
  type AddedCode,
  type BackupReport,
  type CheckOptions,
  type CheckReport,
  type CopyReport,
  type Cost,
  type DeviceInfo,
  type Difference,
  type Entry,
  type ForgetReport,
  type Host,
  type KeyRemoval,
  type Log,
  type Moment,
  type NativeBackupOptions,
  type NativeCopyOptions,
  type NativeCreateOptions,
  type NativeForgetOptions,
  type NativeListing,
  type NativeRestoreOptions,
  type ParityReport,
  type PassphraseChange,
  type PathInput,
  type PruneOptions,
  type PruneReport,
  type RebuildReport,
  type ReencryptOptions,
  type ReencryptReport,
  type RepairOptions,
  type RepairReport,
  type RepositoryStats,
  type RestoreReport,
  type Revocation,
  type RevokeOptions,
  type RotationReport,
  type SessionInfo,
  type Settled,
  type SlotInfo,
  type Snapshot,
  type SnapshotFilter,
} from './native.js';
import { invalid } from './errors.js';
import { filePath } from './paths.js';
import { Run, follow, operate, type CallOptions, type OperationOptions } from './run.js';
import { Secret } from './secret.js';
import { Source } from './source.js';
import { StreamWriter } from './writer.js';

/** A snapshot, or its id. */
export type SnapshotRef = string | { readonly id: string };

/** Hears what happens. What it throws is nobody's business. */
export type LogFunction = (event: Log) => void;

/** Options of opening a repository. */
export interface OpenOptions extends CallOptions {
  /** A folder of this machine to keep local state in, which makes backups and openings faster. */
  stateFolder?: PathInput | URL;
  /** Hears what happens; nothing is logged anywhere otherwise. */
  log?: LogFunction;
}

/** Options of creating a repository. */
export interface CreateOptions extends OpenOptions, Omit<NativeCreateOptions, 'stateFolder'> {}

/** Options of a backup. */
export interface BackupOptions extends OperationOptions, Omit<NativeBackupOptions, 'parent' | 'noParent' | 'metadata'> {
  /** The snapshot to build on, instead of the newest of the same host and paths; `null` for none: every file is read. */
  parent?: SnapshotRef | null;
  /** Values of the app's own that are kept with the snapshot. */
  metadata?: Readonly<Record<string, Uint8Array>>;
}

/** Options of a restore. */
export interface RestoreOptions extends OperationOptions, NativeRestoreOptions {}

/** Options of a tar stream. */
export interface ExportOptions extends OperationOptions {
  /** Exports this file or folder only. */
  path?: PathInput;
  /** Whether the stream is ended when everything was written, as it is unless something else is said. */
  end?: boolean;
}

/** Which snapshots are forgotten: those that `policy` does not keep, or those that are named. */
export interface ForgetOptions extends OperationOptions, Omit<NativeForgetOptions, 'snapshots'> {
  /** Those that are forgotten. */
  snapshots?: readonly SnapshotRef[];
}

/** Options of copying snapshots. */
export interface CopyOptions extends OperationOptions, Omit<NativeCopyOptions, 'snapshots'> {
  /** Copies these snapshots; none named means all. */
  snapshots?: readonly SnapshotRef[];
}

function idOf(snapshot: SnapshotRef): string {
  const id = typeof snapshot === 'object' && snapshot !== null ? snapshot.id : snapshot;
  if (typeof id !== 'string') throw invalid('a snapshot has to be its id, or an object with one');
  return id;
}

function logHost(log: LogFunction | undefined): Host | undefined {
  if (log === undefined) return undefined;
  functionOf(log, 'log');
  return hostOf((request, call) => {
    call.done();
    try {
      if (request.event) log(request.event);
    } catch {
      // A log that fails is no reason for anything else to.
    }
  }, true);
}

function check(backend: Backend, secret: Secret): void {
  if (!(backend instanceof Backend)) throw invalid('backend has to be a Backend');
  if (!(secret instanceof Secret)) throw invalid('secret has to be a Secret');
}

/**
 * An opened repository. Any number of calls may be under way at once. Closing lets those that are under way go on to their
 * end; a repository that is not closed is freed when nothing refers to it any more, and keeps no process alive.
 */
export class Repository implements AsyncDisposable {
  readonly #native: NativeRepository;
  /** Ends the listening to a signal. */
  #deaf?: () => void;

  private constructor(native: NativeRepository) {
    this.#native = native;
  }

  /** Creates a repository whose owner is whoever holds `secret`. */
  static async create(backend: Backend, secret: Secret, options: CreateOptions = {}): Promise<Repository> {
    const { stateFolder, log, signal, ...rest } = options;
    const host = logHost(log);
    const given: NativeCreateOptions = { ...rest, stateFolder: stateFolder && filePath(stateFolder) };
    check(backend, secret);
    return new Repository(
      await operate({ signal }, (_budget, token) =>
        NativeRepository.create(environment, backend.native, secret.native, given, host, token),
      ),
    );
  }

  /** Opens a repository. */
  static async open(backend: Backend, secret: Secret, options: OpenOptions = {}): Promise<Repository> {
    const { stateFolder, log, signal } = options;
    const host = logHost(log);
    const given = { stateFolder: stateFolder && filePath(stateFolder) };
    check(backend, secret);
    return new Repository(
      await operate({ signal }, (_budget, token) =>
        NativeRepository.open(environment, backend.native, secret.native, given, host, token),
      ),
    );
  }

  /** Lets go of it; whatever is called after that throws an error of kind `closed`. Closing twice is harmless. */
  close(): Promise<void> {
    this.#deaf?.();
    return later(() => this.#native.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Sets who hears what happens; nobody when none is given. */
  setLog(log?: LogFunction): void {
    this.#native.setLog(logHost(log));
  }

  /** The id chosen when it was created. */
  get id(): string {
    return now(() => this.#native.id());
  }

  /** The public key of its owner: what `Secret.expectOwner` of a later opening takes. */
  get ownerKey(): Uint8Array {
    return now(() => this.#native.ownerKey());
  }

  /** What the secret that opened it allows. */
  get role(): Role {
    return now(() => this.#native.role());
  }

  /** Where it is, for messages. */
  get location(): string {
    return now(() => this.#native.location());
  }

  /** When it was created, by its creator's clock. */
  get created(): Date {
    return now(() => this.#native.created());
  }

  /** Why local state is kept in memory although a folder was given for it, if that is so. */
  get stateFolderProblem(): string | undefined {
    return now(() => this.#native.stateFolderProblem()) ?? undefined;
  }

  /** How much parity packs get when they are written, in percent of a pack, if any. */
  get parity(): number | undefined {
    return now(() => this.#native.parity()) ?? undefined;
  }

  /** Packs that were found damaged since this repository was opened, and read all the same by their parity. */
  get healedPacks(): string[] {
    return now(() => this.#native.healedPacks());
  }

  /** The same repository, whose calls ask nothing more of the storage once the signal is aborted. */
  cancelledBy(signal: AbortSignal): Repository {
    const token = new NativeToken();
    const watched = new Repository(now(() => this.#native.cancelledBy(token)));
    watched.#deaf = follow(signal, token, watched);
    return watched;
  }

  /**
   * Backs up a source and makes a snapshot of it. On a deadline or when suspended, what is done so far is kept, and calling
   * again goes on. Paths that cannot be read are problems in the report.
   */
  async backup(source: Source, options: BackupOptions = {}): Promise<BackupReport> {
    if (!(source instanceof Source)) throw invalid('source has to be a Source');
    const {
      parent,
      metadata,
      budget: _budget,
      signal: _signal,
      suspendSignal: _suspend,
      progress: _progress,
      ...rest
    } = options;
    const given: NativeBackupOptions = {
      ...rest,
      noParent: parent === null,
      parent: parent === null || parent === undefined ? undefined : idOf(parent),
      metadata: metadata && Object.entries(metadata).map(([name, value]) => ({ name, value })),
    };
    try {
      return await operate(options, (budget, token, progress) =>
        this.#native.backup(source.native, given, budget, token, progress),
      );
    } finally {
      source.streams?.close();
    }
  }

  /** The snapshots that a filter accepts, oldest first by the clocks of their devices. */
  snapshots(filter?: SnapshotFilter, options: CallOptions = {}): SnapshotListing {
    return new SnapshotListing(this.#listing(options, (repository) => repository.snapshots(filter)));
  }

  /** One snapshot by what a person would type: `latest`, or the first digits of its id. */
  snapshot(spec: string, filter?: SnapshotFilter, options: CallOptions = {}): Promise<Snapshot> {
    return this.#call(options, (repository) => repository.snapshot(spec, filter));
  }

  /** The entry at a path of a snapshot. */
  entry(snapshot: SnapshotRef, path: PathInput, options: CallOptions = {}): Promise<Entry> {
    return this.#call(options, (repository) => repository.entry(idOf(snapshot), path));
  }

  /** What is in a folder of a snapshot, directly or at any depth; for anything but a folder, the entry itself. */
  list(
    snapshot: SnapshotRef,
    folder: PathInput = '',
    options: { recursive?: boolean } & CallOptions = {},
  ): Listing<Entry> {
    const recursive = options.recursive ?? false;
    return new Listing(this.#listing(options, (repository) => repository.list(idOf(snapshot), folder, recursive)));
  }

  /**
   * The entries of a snapshot whose paths match a glob. `*` and `?` match within a name, `**` across folders. Without a `/`
   * it is compared with names, with one with whole paths.
   */
  find(snapshot: SnapshotRef, glob: string, options: { anyCase?: boolean } & CallOptions = {}): Listing<Entry> {
    const anyCase = options.anyCase ?? false;
    return new Listing(this.#listing(options, (repository) => repository.find(idOf(snapshot), glob, anyCase)));
  }

  /** The paths on which two snapshots differ, in ascending order. */
  diff(before: SnapshotRef, after: SnapshotRef, options: OperationOptions = {}): Listing<Difference> {
    const run = new Run(options);
    return new Listing({
      open: async () =>
        now(() =>
          run.start((budget, token, progress) => this.#native.diff(idOf(before), idOf(after), budget, token, progress)),
        ),
      explain: (error) => run.explain(error),
      finish: () => run.finish(),
    });
  }

  /** How much the repository holds. */
  stats(options: OperationOptions = {}): Promise<RepositoryStats> {
    return operate(options, (...run) => this.#native.stats(...run));
  }

  /** Who is at work, and who was and has not been cleaned up after. */
  sessions(options: CallOptions = {}): Promise<SessionInfo[]> {
    return this.#call(options, (repository) => repository.sessions());
  }

  /** Restores a snapshot, or a part of it, into a folder. What is wrong with single paths is in the report. */
  async restore(snapshot: SnapshotRef, target: PathInput | URL, options: RestoreOptions = {}): Promise<RestoreReport> {
    const folder = filePath(target);
    return operate(options, (...run) => this.#native.restore(idOf(snapshot), folder, options, ...run));
  }

  /** Opens a file of a snapshot for reading at any place. */
  async openFile(snapshot: SnapshotRef, path: PathInput, options: CallOptions = {}): Promise<SnapshotFile> {
    return new SnapshotFile(await this.#call(options, (repository) => repository.openFile(idOf(snapshot), path)));
  }

  /** The content of a file of a snapshot. */
  async readFile(snapshot: SnapshotRef, path: PathInput, options: CallOptions = {}): Promise<Uint8Array> {
    const file = await this.openFile(snapshot, path, options);
    try {
      return await file.read();
    } finally {
      await file.close();
    }
  }

  /** Writes a snapshot, or a part of it, as a tar stream. What was written before a failure is no complete stream. */
  async exportTar(snapshot: SnapshotRef, target: Writable, options: ExportOptions = {}): Promise<RestoreReport> {
    const writer = new StreamWriter(target);
    try {
      const report = await operate(options, (...run) =>
        this.#native.exportTar(idOf(snapshot), options.path ?? '', writer.host, ...run),
      );
      await writer.finish(options.end ?? true);
      return report;
    } finally {
      writer.close();
    }
  }

  /** Adds and removes tags of a snapshot; gives the tags it has then. */
  tag(
    snapshot: SnapshotRef,
    tags: { add?: readonly string[]; remove?: readonly string[] },
    options: CallOptions = {},
  ): Promise<string[]> {
    const { add = [], remove = [] } = tags;
    return this.#call(options, (repository) => repository.tag(idOf(snapshot), [...add], [...remove]));
  }

  /** Holds a snapshot until a time: before that it is not forgotten. Gives the hold that is in force then. */
  hold(snapshot: SnapshotRef, until: Moment, options: CallOptions = {}): Promise<Date> {
    return this.#call(options, (repository) => repository.hold(idOf(snapshot), until));
  }

  /** Ends the hold of a snapshot. */
  release(snapshot: SnapshotRef, options: CallOptions = {}): Promise<void> {
    return this.#call(options, (repository) => repository.release(idOf(snapshot)));
  }

  /** Removes snapshots: those that a policy does not keep, or those that are named. */
  async forget(options: ForgetOptions): Promise<ForgetReport> {
    const given: NativeForgetOptions = { ...options, snapshots: options.snapshots?.map(idOf) };
    return operate(options, (...run) => this.#native.forget(given, ...run));
  }

  /** Frees what no snapshot needs, in two phases: condemned by one call, removed by a later one. */
  prune(options: PruneOptions & OperationOptions = {}): Promise<PruneReport> {
    return operate(options, (...run) => this.#native.prune(options, ...run));
  }

  /** Checks that everything every snapshot refers to is there and sound. Damage is in the report. */
  check(options: CheckOptions & OperationOptions = {}): Promise<CheckReport> {
    return operate(options, (...run) => this.#native.check(options, ...run));
  }

  /** Mends what can be mended. Only adds objects. */
  repair(options: RepairOptions & OperationOptions = {}): Promise<RepairReport> {
    return operate(options, (...run) => this.#native.repair(options, ...run));
  }

  /** Makes the index list every pack in storage as it is. */
  rebuildIndex(options: OperationOptions = {}): Promise<RebuildReport> {
    return operate(options, (...run) => this.#native.rebuildIndex(...run));
  }

  /** Adds parity of this share, in percent, to every pack that has none. */
  addParity(percent: number, options: OperationOptions = {}): Promise<ParityReport> {
    return operate(options, (...run) => this.#native.addParity(percent, ...run));
  }

  /** Moves what was stored under the keys of earlier epochs to those of the newest. */
  reencrypt(options: ReencryptOptions & OperationOptions = {}): Promise<ReencryptReport> {
    return operate(options, (...run) => this.#native.reencrypt(options, ...run));
  }

  /** Copies snapshots to other repositories, each with its own keys. What one of them fails with is in the report. */
  async copyTo(destinations: Repository | readonly Repository[], options: CopyOptions = {}): Promise<CopyReport> {
    const others = destinations instanceof Repository ? [destinations] : [...destinations];
    if (!others.every((other) => other instanceof Repository)) throw invalid('destinations have to be repositories');
    const natives = others.map((other) => other.#native);
    const given: NativeCopyOptions = { ...options, snapshots: options.snapshots?.map(idOf) };
    return operate(options, (...run) => this.#native.copyTo(natives, given, ...run));
  }

  /** The keys that open it, oldest first. */
  keys(options: CallOptions = {}): Promise<SlotInfo[]> {
    return this.#call(options, (repository) => repository.keys());
  }

  /** Adds a key and gives the id of its slot. */
  addKey(secret: Secret, key: AddKeyOptions, options: CallOptions = {}): Promise<string> {
    return this.#call(options, (repository) => repository.addKey(secret.native, key));
  }

  /** Makes a recovery code and adds it as a key. */
  addRecoveryCode(key: AddCodeOptions, options: CallOptions = {}): Promise<AddedCode> {
    return this.#call(options, (repository) => repository.addRecoveryCode(key));
  }

  /** Removes a key, and shuts its holder out. */
  removeKey(slot: string, options: RevokeOptions & OperationOptions = {}): Promise<KeyRemoval> {
    return operate(options, (...run) => this.#native.removeKey(slot, options, ...run));
  }

  /** Replaces the passphrase that opened this repository by another. */
  changePassphrase(secret: Secret, options: { cost?: Cost } & CallOptions = {}): Promise<PassphraseChange> {
    return this.#call(options, (repository) => repository.changePassphrase(secret.native, options.cost));
  }

  /** The devices on the owner-signed list. */
  devices(options: CallOptions = {}): Promise<DeviceInfo[]> {
    return this.#call(options, (repository) => repository.devices());
  }

  /** Lets a device in, by the request it made with its key, and gives its id. */
  addDevice(request: Uint8Array, role: Role, options: CallOptions = {}): Promise<string> {
    return this.#call(options, (repository) => repository.addDevice(request, role));
  }

  /** Shuts a device out. */
  revokeDevice(device: string, options: RevokeOptions & OperationOptions = {}): Promise<Revocation> {
    return operate(options, (...run) => this.#native.revokeDevice(device, options, ...run));
  }

  /** Begins a new epoch: whatever is written from now on is sealed with new keys. */
  rotate(options: OperationOptions = {}): Promise<RotationReport> {
    return operate(options, (...run) => this.#native.rotate(...run));
  }

  /** The epoch under which everything is written at this moment. */
  epoch(options: CallOptions = {}): Promise<number> {
    return this.#call(options, (repository) => repository.epoch());
  }

  /** A short call, which a signal may end. */
  async #call<T>(options: CallOptions, call: (repository: NativeRepository) => Promise<Settled<T>>): Promise<T> {
    if (options.signal === undefined) return later(() => call(this.#native));
    return operate(options, (_budget, token) => call(now(() => this.#native.cancelledBy(token))));
  }

  #listing(
    options: CallOptions,
    open: (repository: NativeRepository) => Promise<Settled<NativeListing>>,
  ): ListingSource {
    if (options.signal === undefined) {
      return { open: () => later(() => open(this.#native)), explain: (error) => error, finish: () => {} };
    }
    const run = new Run(options);
    return {
      open: () => later(() => run.start((_budget, token) => open(now(() => this.#native.cancelledBy(token))))),
      explain: (error) => run.explain(error),
      finish: () => run.finish(),
    };
  }
}
