// The runner of docs/scenarios: one method a step.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Backend,
  DeviceKey,
  Repository,
  Secret,
  Source,
  StrongroomError,
  pathToBytes,
  type Entry,
  type Listing,
  type OperationOptions,
  type SourceEntry,
} from 'strongroom';
import { CHEAP, Dictionary } from '../support.mjs';
import * as files from './files.mjs';
import { content, escape, unescape, type Step } from './values.mjs';

type Place = { folder?: string; dictionary?: Dictionary };

/** Counts the calls into the runner's streams and iterators, and acts before one of them. */
class Stop {
  readonly cancel = new AbortController();
  readonly suspend = new AbortController();
  readonly raised = new Error('the runner raised');
  #calls = 0;

  constructor(readonly stop: { how: string; after: number } | undefined) {}

  call(): void {
    this.#calls += 1;
    if (!this.stop || this.#calls !== this.stop.after) return;
    if (this.stop.how === 'cancel') this.cancel.abort();
    else if (this.stop.how === 'suspend') this.suspend.abort();
    else if (this.stop.how === 'fail') throw this.raised;
    else throw new Error(`nothing stops by ${this.stop.how}`);
  }

  async *stream(bytes: Uint8Array, piece: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; at += piece) {
      this.call();
      if (at >= bytes.length) return;
      yield bytes.subarray(at, at + piece);
    }
  }

  entry(step: Step): SourceEntry {
    const entry: SourceEntry = { path: unescape(step.path), kind: step.kind ?? 'file' };
    if (entry.kind === 'file') entry.content = Readable.from(this.stream(content(step.content), 1000));
    if (step.target !== undefined) entry.target = unescape(step.target);
    if (step.mode !== undefined) entry.mode = step.mode;
    if (step.modified !== undefined) entry.modified = new Date(step.modified * 1000);
    if (step.xattrs) {
      entry.xattrs = Object.entries<string>(step.xattrs).map(([name, value]) => ({
        name,
        value: unescape(value),
      }));
    }
    return entry;
  }

  async *entries(steps: Step[]): AsyncGenerator<SourceEntry> {
    for (const step of steps) {
      this.call();
      yield this.entry(step);
    }
    this.call();
  }
}

export class World {
  readonly #backends = new Map<string, { backend: Backend; place: Place }>();
  readonly #repositories = new Map<string, Repository>();
  readonly #snapshots = new Map<string, string>();
  readonly #codes = new Map<string, string>();
  readonly #devices = new Map<string, DeviceKey>();
  readonly #streams = new Map<string, Uint8Array>();

  constructor(
    readonly root: string,
    readonly scenarios: string,
    readonly folder: string,
  ) {}

  /** Plays a step; says what went wrong. */
  async play(step: Step): Promise<void> {
    const method = (this as unknown as Record<string, ((step: Step) => unknown) | undefined>)[`do_${step.do}`];
    assert.ok(method, `no step is called ${step.do}`);
    let report;
    try {
      report = (await method.call(this, step)) as Record<string, unknown> | undefined;
    } catch (error) {
      const kind = error instanceof StrongroomError ? error.kind : undefined;
      if (step.fails !== undefined && kind === step.fails) return;
      throw error;
    }
    assert.equal(step.fails, undefined, `${step.fails} was expected, and it succeeded`);
    for (const [field, expected] of Object.entries(step.expect ?? {})) {
      const name = field.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      let found: unknown = report?.[name];
      if (typeof found === 'bigint') found = Number(found);
      if (name === 'target' && found !== undefined && found !== null) found = escape(pathToBytes(found as string));
      if (name === 'modified') found = Math.floor((found as Date).getTime() / 1000);
      assert.deepEqual(found ?? null, expected, field);
    }
  }

  async close(): Promise<void> {
    for (const repository of this.#repositories.values()) await repository.close();
  }

  #named<T>(names: Map<string, T>, name: string): T {
    assert.ok(names.has(name), `nothing is called ${name}`);
    return names.get(name) as T;
  }

  #repository(step: Step): Repository {
    return this.#named(this.#repositories, step.repository);
  }

  #snapshot(name: string): string {
    return this.#named(this.#snapshots, name);
  }

  #nameOf(id: string): string {
    return [...this.#snapshots].find(([, known]) => known === id)?.[0] ?? id;
  }

  #place(name: string): Buffer {
    return Buffer.from(`${this.folder}/${name}`);
  }

  #secret(step: Step): Secret {
    if (step.passphrase !== undefined) return Secret.passphrase(step.passphrase);
    if (step.recovery_code !== undefined) return Secret.recoveryCode(step.recovery_code);
    if (step.account_key !== undefined) return Secret.accountKey(Buffer.from(step.account_key, 'hex'));
    if (step.device !== undefined) return Secret.device(this.#named(this.#devices, step.device));
    return Secret.recoveryCode(this.#named(this.#codes, step.code));
  }

  do_backend(step: Step): void {
    const place: Place = {};
    let backend;
    if (step.kind === 'local') {
      place.folder = step.folder ? join(this.scenarios, step.folder) : `${this.folder}/storage ${step.as}`;
      backend = Backend.local(place.folder, { sync: false });
    } else if (step.kind === 'memory') backend = Backend.memory();
    else {
      assert.equal(step.kind, 'host');
      place.dictionary = new Dictionary();
      backend = Backend.from(place.dictionary);
    }
    this.#backends.set(step.as, { backend, place });
  }

  async do_create(step: Step): Promise<void> {
    const { backend } = this.#named(this.#backends, step.backend);
    const { parity, pack_size: packSize } = step.options ?? {};
    const options = { cost: CHEAP, parity, packSize };
    this.#repositories.set(step.as, await Repository.create(backend, this.#secret(step.secret), options));
  }

  async do_open(step: Step): Promise<void> {
    let secret = this.#secret(step.secret);
    if (step.owner_of) secret = secret.expectOwner(this.#named(this.#repositories, step.owner_of).ownerKey);
    const { backend } = this.#named(this.#backends, step.backend);
    this.#repositories.set(step.as, await Repository.open(backend, secret));
  }

  #vector(step: Step): { vector: string; expected: Step } {
    const vector = `${this.root}/docs/vectors/repositories/${step.vector}`;
    return { vector, expected: JSON.parse(fs.readFileSync(`${vector}/expected.json`, 'utf8')) };
  }

  async do_open_vector(step: Step): Promise<void> {
    const { vector, expected } = this.#vector(step);
    const folder = `${this.folder}/vector ${step.as}`;
    fs.cpSync(`${vector}/repository`, folder, { recursive: true });
    const { method, value, role } = expected.secrets[step.secret];
    const device = () => Secret.device(DeviceKey.import(Buffer.from(value, 'hex')));
    const secret = method === 'device' ? device() : this.#secret({ [method]: value });
    const backend = Backend.local(folder, { sync: false });
    const repository = await Repository.open(backend, secret);
    assert.equal(repository.role, role);
    this.#backends.set(step.as, { backend, place: { folder } });
    this.#repositories.set(step.as, repository);
  }

  async do_vector_holds(step: Step): Promise<void> {
    const repository = this.#repository(step);
    for (const snapshot of this.#vector(step).expected.snapshots) {
      for (const entry of snapshot.entries) {
        const path = unescape(entry.path);
        const found = await repository.entry(snapshot.id, path);
        assert.equal(Number(found.size), entry.size ?? 0);
        assert.equal(found.kind, entry.kind);
        assert.equal(found.mode, entry.mode);
        assert.equal(found.target && escape(pathToBytes(found.target)), entry.target ?? undefined);
        if (entry.data !== undefined && !(entry.holes?.length > 0)) {
          assert.equal(escape(await repository.readFile(snapshot.id, path)), entry.data);
        }
      }
    }
  }

  async do_close(step: Step): Promise<void> {
    await this.#repository(step).close();
    await this.#repository(step).close();
  }

  do_wait(step: Step): Promise<void> {
    return sleep(step.milliseconds);
  }

  do_info(step: Step): unknown {
    const { role, id } = this.#repository(step);
    return { role, id };
  }

  do_write(step: Step): void {
    files.write(this.#place(step.folder), step.entries);
  }

  do_remove(step: Step): void {
    fs.rmSync(files.join(this.#place(step.folder), unescape(step.path)), { recursive: true });
  }

  do_compare(step: Step): void {
    const one = files.tree(this.#place(step.folder));
    assert.notDeepEqual(one, {});
    assert.deepEqual(files.tree(this.#place(step.with)), one);
  }

  do_holds(step: Step): void {
    files.holds(this.#place(step.folder), step.entries);
  }

  do_corrupt(step: Step): void {
    const { place } = this.#named(this.#backends, step.backend);
    if (place.folder) return files.corrupt(`${place.folder}/${step.folder}`, step.how);
    assert.ok(place.dictionary, 'memory cannot be damaged');
    const { objects } = place.dictionary;
    const [name] = [...objects.keys()].filter((name) => name.startsWith(`${step.folder}/`)).sort();
    const { data, modified } = objects.get(name)!;
    const left = files.damaged(data, step.how);
    if (left) objects.set(name, { data: left, modified });
    else objects.delete(name);
  }

  #source(step: Step, stop: Stop): Source {
    const path = () => unescape(step.path);
    switch (step.kind) {
      case 'files':
        return Source.files(this.#place(step.folder), { exclude: step.exclude });
      case 'bytes':
        return Source.bytes(path(), content(step.content));
      case 'reader':
        return Source.stream(path(), stop.stream(content(step.content), step.piece));
      case 'tar':
        return Source.tar(Readable.from(stop.stream(this.#named(this.#streams, step.of), 10_000)));
      case 'entries':
        return Source.entries(stop.entries(step.entries), {
          sorted: step.sorted ?? false,
          knownAs: (step.known_as ?? []).map(unescape),
        });
      default:
        throw new Error(`no source is a ${step.kind}`);
    }
  }

  async do_backup(step: Step): Promise<unknown> {
    const { parent, tags, host, description, skip_if_unchanged: skipIfUnchanged } = step.options ?? {};
    const stop = new Stop(step.stop);
    const run: OperationOptions = { signal: stop.cancel.signal, suspendSignal: stop.suspend.signal };
    if (step.budget) run.budget = { deadlineMs: step.budget.deadline_ms, threads: step.budget.threads };
    const named =
      parent === undefined || parent === 'newest' ? undefined : parent === 'none' ? null : this.#snapshot(parent);
    const options = { ...run, tags, host, description, skipIfUnchanged, parent: named };
    let report;
    try {
      report = await this.#repository(step).backup(this.#source(step.source, stop), options);
    } catch (error) {
      // The very error comes back; in the scenarios' terms that is one of kind `callback`.
      if (error === stop.raised) throw new StrongroomError('callback', 'the very same', { cause: error });
      assert.notEqual(step.stop?.how, 'fail', `the app's own error is lost: ${error}`);
      throw error;
    }
    assert.equal(report.snapshot === undefined, step.makes_none ?? false);
    if (report.snapshot !== undefined) this.#snapshots.set(step.as, report.snapshot);
    return report;
  }

  async do_snapshots(step: Step): Promise<void> {
    const { tag, host } = step.filter ?? {};
    const listing = this.#repository(step).snapshots({ host, tags: tag === undefined ? undefined : [tag] });
    const found = (await listing.toArray()).map((snapshot) => this.#nameOf(snapshot.id));
    assert.deepEqual(listing.rejected, []);
    if (step.are_many === undefined) assert.deepEqual(found, step.are);
    else assert.equal(found.length, step.are_many);
  }

  async do_snapshot(step: Step): Promise<void> {
    const digits = step.first_digits;
    const spec = digits === undefined ? step.spec : this.#snapshot(step.spec).slice(0, digits);
    const { id } = await this.#repository(step).snapshot(spec);
    if (step.as) this.#snapshots.set(step.as, id);
    else assert.equal(this.#nameOf(id), step.is);
  }

  async #paths(listing: Listing<Entry>, step: Step): Promise<void> {
    const found: string[] = [];
    for await (const entry of listing) found.push(escape(pathToBytes(entry.path)));
    assert.deepEqual(found, step.paths);
  }

  do_list(step: Step): Promise<void> {
    const { recursive } = step;
    const snapshot = this.#snapshot(step.snapshot);
    return this.#paths(this.#repository(step).list(snapshot, unescape(step.path ?? ''), { recursive }), step);
  }

  do_find(step: Step): Promise<void> {
    const listing = this.#repository(step).find(this.#snapshot(step.snapshot), step.glob, {
      anyCase: step.any_case,
    });
    return this.#paths(listing, step);
  }

  do_entry(step: Step): Promise<unknown> {
    return this.#repository(step).entry(this.#snapshot(step.snapshot), unescape(step.path));
  }

  async do_diff(step: Step): Promise<void> {
    const found: string[][] = [];
    const [before, after] = [this.#snapshot(step.before), this.#snapshot(step.after)];
    for await (const difference of this.#repository(step).diff(before, after)) {
      found.push([difference.change, escape(pathToBytes(difference.path))]);
    }
    assert.deepEqual(found, step.changes);
  }

  do_stats(step: Step): Promise<unknown> {
    return this.#repository(step).stats();
  }

  async do_read(step: Step): Promise<void> {
    await using file = await this.#repository(step).openFile(this.#snapshot(step.snapshot), unescape(step.path));
    const wanted = content(step.content);
    if (step.length_is !== undefined) assert.equal(file.size, BigInt(step.length_is));
    if (step.offset !== undefined) {
      assert.equal(escape(await file.read(step.offset, step.length)), escape(wanted));
      return;
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of file.createReadStream({ highWaterMark: 70_001 })) pieces.push(piece as Uint8Array);
    assert.ok(Buffer.concat(pieces).equals(wanted), 'the bytes are others');
    assert.ok(Buffer.from(await file.read()).equals(wanted), 'the bytes are others');
  }

  do_restore(step: Step): Promise<unknown> {
    const { path, include, exclude, overwrite, dry_run: dryRun } = step.options ?? {};
    const options = { path: path === undefined ? undefined : unescape(path), include, exclude, overwrite, dryRun };
    return this.#repository(step).restore(this.#snapshot(step.snapshot), this.#place(step.target), options);
  }

  async do_export_tar(step: Step): Promise<void> {
    const pieces: Uint8Array[] = [];
    const target = new Writable({
      write(piece, _encoding, done) {
        pieces.push(piece);
        done();
      },
    });
    await this.#repository(step).exportTar(this.#snapshot(step.snapshot), target);
    const bytes = Buffer.concat(pieces);
    assert.equal(bytes.length % 512, 0);
    assert.ok(bytes.length >= (step.at_least ?? 0));
    this.#streams.set(step.as, bytes);
  }

  async do_tag(step: Step): Promise<void> {
    const { add, remove } = step;
    assert.deepEqual(await this.#repository(step).tag(this.#snapshot(step.snapshot), { add, remove }), step.tags);
  }

  async do_hold(step: Step): Promise<void> {
    const until = new Date((Math.floor(Date.now() / 1000) + 86_400) * 1000);
    assert.deepEqual(await this.#repository(step).hold(this.#snapshot(step.snapshot), until), until);
  }

  do_release(step: Step): Promise<void> {
    return this.#repository(step).release(this.#snapshot(step.snapshot));
  }

  do_forget(step: Step): Promise<unknown> {
    const snapshots = step.snapshots?.map((name: string) => this.#snapshot(name));
    const policy = step.policy && { last: step.policy.last, tags: step.policy.tags };
    return this.#repository(step).forget({ policy, snapshots, dryRun: step.dry_run });
  }

  do_prune(step: Step): Promise<unknown> {
    return this.#repository(step).prune();
  }

  do_rebuild_index(step: Step): Promise<unknown> {
    return this.#repository(step).rebuildIndex();
  }

  async do_check(step: Step): Promise<void> {
    const report = await this.#repository(step).check({ readData: step.read_data });
    const kinds = report.problems.map((problem) => problem.kind);
    const sound = report.problemCount === 0 && report.outcome === 'complete';
    assert.equal(sound, step.sound, `soundness with ${kinds}`);
    for (const kind of step.kinds ?? []) assert.ok(kinds.includes(kind), `${kind} is not found`);
  }

  async do_repair(step: Step): Promise<void> {
    const report = await this.#repository(step).repair();
    const sound = report.outcome === 'complete' && report.damaged.length === 0 && report.indexWritten === 0;
    assert.equal(sound, step.sound);
    if (step.salvaged) {
      const made = report.salvaged.find((one) => one.salvaged !== undefined)?.salvaged;
      assert.ok(made, 'nothing was salvaged');
      this.#snapshots.set(step.salvaged, made);
    }
  }

  async do_copy(step: Step): Promise<unknown> {
    const to = step.to.map((name: string) => this.#named(this.#repositories, name));
    const report = await this.#repository(step).copyTo(to);
    assert.equal(report.destinations[0].copied.length, step.copied);
    assert.equal(report.destinations[0].present, step.present);
    return report;
  }

  async do_keys(step: Step): Promise<void> {
    const keys = await this.#repository(step).keys();
    assert.deepEqual(keys.map((key) => key.method).sort(), step.methods);
  }

  async do_add_key(step: Step): Promise<void> {
    const { role, label } = step;
    await this.#repository(step).addKey(this.#secret(step.secret), { role, label, cost: CHEAP });
  }

  async do_add_recovery_code(step: Step): Promise<void> {
    const added = await this.#repository(step).addRecoveryCode({ role: step.role, label: 'on paper' });
    this.#codes.set(step.as, added.code);
  }

  async do_remove_key(step: Step): Promise<void> {
    const key = (await this.#repository(step).keys()).find((key) => key.label === step.label);
    assert.ok(key);
    await this.#repository(step).removeKey(key.id);
  }

  async do_change_passphrase(step: Step): Promise<void> {
    await this.#repository(step).changePassphrase(Secret.passphrase(step.passphrase), { cost: CHEAP });
  }

  do_device_key(step: Step): void {
    this.#devices.set(step.as, DeviceKey.import(DeviceKey.generate().export()));
  }

  async do_add_device(step: Step): Promise<void> {
    const request = this.#named(this.#devices, step.device).request(step.name);
    await this.#repository(step).addDevice(request, step.role);
  }

  async do_revoke_device(step: Step): Promise<unknown> {
    const { rotation } = await this.#repository(step).revokeDevice(this.#named(this.#devices, step.device).id);
    return { epoch: rotation?.epoch };
  }

  async do_devices(step: Step): Promise<void> {
    const devices = await this.#repository(step).devices();
    const names = devices.filter((device) => device.hasKey && device.revoked === undefined).map(({ name }) => name);
    assert.deepEqual(names.sort(), step.names);
  }

  do_rotate(step: Step): Promise<unknown> {
    return this.#repository(step).rotate();
  }

  do_reencrypt(step: Step): Promise<unknown> {
    return this.#repository(step).reencrypt();
  }

  async do_epoch(step: Step): Promise<void> {
    assert.equal(await this.#repository(step).epoch(), step.is);
  }

  do_add_parity(step: Step): Promise<unknown> {
    return this.#repository(step).addParity(step.percent);
  }
}
