// What is particular to Node: promises, signals, streams, iterators, errors, workers, the event loop.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import {
  Backend,
  DeviceKey,
  ERROR_KIND_CODES,
  Repository,
  Secret,
  Source,
  StrongroomError,
  displayPath,
  generateRecoveryCode,
  pathFromBytes,
  pathToBytes,
  readDeviceRequest,
  version,
  type Log,
  type Progress,
  type SourceEntry,
} from 'strongroom';
import { CHEAP, Dictionary, PASSPHRASE, folder, of, random, repository } from './support.mjs';

test('storage of the app is used for a full round trip', async () => {
  const dictionary = new Dictionary();
  const backend = Backend.from(dictionary);
  assert.equal(backend.location, 'a map');
  const content = random(7, 3_000_000);
  await using made = await Repository.create(backend, PASSPHRASE, { cost: CHEAP });
  const { snapshot } = await made.backup(Source.bytes('big', content));
  await using opened = await Repository.open(backend, PASSPHRASE);
  assert.ok(Buffer.from(await opened.readFile(snapshot!, 'big')).equals(content));
  assert.equal((await opened.check({ readData: 100 })).problemCount, 0);
  assert.ok(dictionary.calls > 10);
  await assert.rejects(Repository.create(backend, PASSPHRASE, { cost: CHEAP }), of('already_exists'));
});

test('storage that fails is told by kind, or comes back as it is', async () => {
  const dictionary = new Dictionary();
  const backend = Backend.from(dictionary);
  const raised = new Error('the cable is out');
  const put = dictionary.put.bind(dictionary);
  const made = await Repository.create(backend, PASSPHRASE, { cost: CHEAP });
  dictionary.put = () => Promise.reject(raised);
  await assert.rejects(made.backup(Source.bytes('a', random(1, 2_000_000))), (error) => error === raised);
  dictionary.put = () => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  };
  await assert.rejects(made.backup(Source.bytes('a', random(2, 2_000_000))), (error: StrongroomError) => {
    assert.equal(error.kind, 'storage_full');
    assert.equal(error.code, 'STRONGROOM_STORAGE_FULL');
    assert.equal(error.number, ERROR_KIND_CODES.storage_full);
    assert.equal((error.cause as Error).message, 'full');
    return true;
  });
  dictionary.put = put;
  dictionary.read = (() => 'text') as never;
  await assert.rejects(Repository.open(backend, PASSPHRASE), of('invalid_argument'));
  await assert.rejects(async () => Backend.from({} as never), of('invalid_argument'));
});

test('an abort signal cancels, before and during the work', async () => {
  await using made = await repository();
  const reason = new Error('the person left');
  await assert.rejects(made.backup(Source.bytes('a', 'b'), { signal: AbortSignal.abort(reason) }), (error) => {
    assert.ok(error instanceof StrongroomError);
    assert.equal(error.name, 'AbortError');
    assert.equal(error.cause, reason);
    return of('cancelled')(error);
  });
  const controller = new AbortController();
  const endless = new Readable({ read: () => undefined });
  const begun = performance.now();
  const backup = made.backup(Source.stream('a', endless), { signal: controller.signal });
  await sleep(50);
  controller.abort();
  await assert.rejects(backup, of('cancelled'));
  assert.ok(performance.now() - begun < 3000, 'a stream that gives nothing does not hold a cancelled backup up');
  assert.ok(endless.destroyed);
  await assert.rejects(made.entry('00', 'a', { signal: AbortSignal.abort() }), of('cancelled'));
  const watched = made.cancelledBy(controller.signal);
  await assert.rejects(watched.snapshots().toArray(), of('cancelled'));
  await assert.rejects(made.stats({ signal: {} as never }), of('invalid_argument'));
  assert.deepEqual(await made.snapshots().toArray(), []);
});

test('opening and creating end with their signal, and with nothing of it after', async () => {
  const dictionary = new Dictionary();
  const backend = Backend.from(dictionary);
  await (await Repository.create(backend, PASSPHRASE, { cost: CHEAP })).close();
  const reason = new Error('the person left');
  const early = { signal: AbortSignal.abort(reason) };
  await assert.rejects(Repository.open(backend, PASSPHRASE, early), (error) => {
    assert.equal((error as Error).cause, reason);
    return of('cancelled')(error);
  });
  const empty = new Dictionary();
  await assert.rejects(Repository.create(Backend.from(empty), PASSPHRASE, { cost: CHEAP, ...early }), of('cancelled'));
  assert.equal(empty.objects.size, 0);
  const controller = new AbortController();
  const read = dictionary.read;
  dictionary.read = function (...call) {
    controller.abort();
    return read.apply(this, call);
  };
  await assert.rejects(Repository.open(backend, PASSPHRASE, { signal: controller.signal }), of('cancelled'));
  dictionary.read = read;
  const later = new AbortController();
  await using made = await Repository.open(backend, PASSPHRASE, { signal: later.signal });
  later.abort();
  assert.deepEqual(await made.snapshots().toArray(), []);
});

test('a handle that is closed listens to its signal no more', async () => {
  await using made = await repository();
  const { signal } = new AbortController();
  const before = getEventListeners(signal, 'abort').length;
  const watched = made.cancelledBy(signal);
  assert.equal(getEventListeners(signal, 'abort').length, before + 1);
  await watched.close();
  assert.equal(getEventListeners(signal, 'abort').length, before);
  assert.throws(() => made.cancelledBy({} as never), of('invalid_argument'));
});

test('storage is tried again until its signal, or its number of tries', async () => {
  const dictionary = new Dictionary();
  const put = dictionary.put;
  let calls = 0;
  dictionary.put = function (...call) {
    calls += 1;
    if (calls % 3 !== 0) throw new StrongroomError('unavailable', 'busy', { retryAfterMs: 1 });
    return put.apply(this, call);
  };
  const backend = Backend.from(dictionary);
  await assert.rejects(
    Repository.create(backend.retrying({ tries: 2 }), PASSPHRASE, { cost: CHEAP }),
    of('unavailable'),
  );
  calls = 0;
  await (await Repository.create(backend.retrying({ tries: 3 }), PASSPHRASE, { cost: CHEAP })).close();
  assert.ok(calls >= 3);
  dictionary.read = () => {
    throw new StrongroomError('unavailable', 'down', { retryAfterMs: 60_000 });
  };
  const begun = performance.now();
  const patient = backend.retrying({ longestWaitMs: 30_000, signal: AbortSignal.timeout(200) });
  await assert.rejects(Repository.open(patient, PASSPHRASE), of('cancelled'));
  assert.ok(performance.now() - begun < 5000);
  assert.throws(() => backend.retrying({ tries: -1 }), of('invalid_argument'));
});

test('progress is told, and what its function throws or rejects with ends the work', async () => {
  await using made = await repository();
  const seen: Progress[] = [];
  const content = random(3, 4_000_000);
  await made.backup(Source.bytes('a', content), { progress: (progress) => void seen.push(progress) });
  assert.ok(seen.length > 0);
  assert.equal(typeof seen.at(-1)?.bytes, 'number');
  const raised = new Error('enough');
  const slow = async function* () {
    for (let piece = 0; piece < 100; piece += 1) {
      await sleep(20);
      yield random(piece, 1000);
    }
  };
  const thrown = made.backup(Source.stream('b', slow()), {
    progress: () => {
      throw raised;
    },
  });
  await assert.rejects(thrown, (error) => error === raised);
  const rejected = made.backup(Source.stream('b', slow()), { progress: () => Promise.reject(raised) });
  await assert.rejects(rejected, (error) => error === raised);
  assert.equal((await made.snapshots().toArray()).length, 1);
});

test('streams go in and out, at their own pace', async (context) => {
  await using made = await repository();
  const content = random(9, 5_000_000);
  const place = folder(context);
  writeFileSync(join(place, 'file'), content);
  const { snapshot } = await made.backup(Source.stream('in/file', createReadStream(join(place, 'file'))));
  await using file = await made.openFile(snapshot!, 'in/file');
  const pieces: Uint8Array[] = [];
  for await (const piece of file.createReadStream()) pieces.push(piece as Uint8Array);
  assert.ok(Buffer.concat(pieces).equals(content));
  const part: Uint8Array[] = [];
  for await (const piece of file.createReadStream({ start: 1_000_000, end: 1_000_009n }))
    part.push(piece as Uint8Array);
  assert.deepEqual(Buffer.concat(part), Buffer.from(content.subarray(1_000_000, 1_000_010)));
  // Out as a tar stream through a narrow pipe, and in again.
  const pipe = new PassThrough({ highWaterMark: 1000 });
  const [exported, again] = await Promise.all([made.exportTar(snapshot!, pipe), made.backup(Source.tar(pipe))]);
  assert.equal(exported.files, 1);
  assert.ok(Buffer.from(await made.readFile(again.snapshot!, 'in/file')).equals(content));
  // Web streams, iterables and text are streams as well.
  for (const stream of [new Blob([content]).stream() as never, [content], new Blob([content]), () => [content]]) {
    const report = await made.backup(Source.stream('x', stream as never));
    assert.equal(report.bytes, content.byteLength);
    assert.equal(report.newBytes, 0);
  }
});

test('streams that fail or were closed are errors', async () => {
  await using made = await repository();
  const { snapshot } = await made.backup(Source.bytes('a', random(4, 1_000_000)));
  const missing = createReadStream('/no/such/file');
  await assert.rejects(made.backup(Source.stream('a', missing)), { code: 'ENOENT' });
  const closed = Readable.from(['a']);
  closed.destroy();
  await assert.rejects(made.backup(Source.stream('a', closed)), of('invalid_argument'));
  const raised = new Error('the disk is full');
  const failing = new Writable({ write: (_piece, _encoding, done) => done(raised) });
  await assert.rejects(made.exportTar(snapshot!, failing), (error) => error === raised);
  await assert.rejects(made.exportTar(snapshot!, failing), (error) => error === raised);
  const stuck = new Writable({ highWaterMark: 1, write: () => undefined });
  const export_ = made.exportTar(snapshot!, stuck);
  await sleep(20);
  stuck.destroy();
  await assert.rejects(export_, of('invalid_argument'));
  await assert.rejects(made.backup(Source.stream('a', [42] as never)), of('invalid_argument'));
});

test('entries come from the app, and one that cannot be read is a problem', async () => {
  await using made = await repository();
  async function* entries(): AsyncGenerator<SourceEntry> {
    yield { path: 'folder', kind: 'directory', mode: 0o700 };
    yield { path: 'folder/late', content: () => Promise.resolve(Readable.from(['late'])) };
    yield { path: 'folder/text', content: 'hello', modified: 1_700_000_000_123_456_789n };
    yield { path: 'gone', content: () => createReadStream('/no/such/file') };
    yield { path: 'link', kind: 'symlink', target: 'folder/text' };
    yield { path: 'locked', problem: { reason: 'permission_denied', detail: 'not yours' } };
  }
  const report = await made.backup(Source.entries(entries(), { sorted: true, knownAs: ['app'] }));
  assert.equal(report.outcome, 'partial');
  assert.deepEqual(report.problems.map(({ path, reason }) => [path, reason]).sort(), [
    ['gone', 'vanished'],
    ['locked', 'permission_denied'],
  ]);
  const text = await made.entry(report.snapshot!, 'folder/text');
  assert.equal(text.modifiedNs, 1_700_000_000_123_456_789n);
  assert.equal(text.modified.getTime(), 1_700_000_000_123);
  assert.equal(text.size, 5n);
  assert.equal(Buffer.from(await made.readFile(report.snapshot!, 'folder/late')).toString(), 'late');
  const raised = new Error('no more');
  const failing = (function* (): Generator<SourceEntry> {
    yield { path: 'a' };
    throw raised;
  })();
  await assert.rejects(made.backup(Source.entries(failing)), (error) => error === raised);
  await assert.rejects(made.backup(Source.entries([{ path: '\ud800' }])), of('invalid_argument'));
  await assert.rejects(made.backup(Source.entries([7 as never])), of('invalid_argument'));
  const used = Source.bytes('a', 'b');
  await made.backup(used);
  await assert.rejects(made.backup(used), of('invalid_argument'));
});

test('names of any bytes lead back to themselves', async () => {
  await using made = await repository();
  const names = [
    Buffer.from([0xff, 0xfe]),
    Buffer.from('caf\u00e9'),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('\u{1f600}'),
  ];
  const { snapshot } = await made.backup(Source.entries(names.map((path) => ({ path, content: 'x' }))));
  const found = new Map<string, string>();
  for await (const entry of made.list(snapshot!)) {
    found.set(Buffer.from(pathToBytes(entry.path)).toString('hex'), entry.path);
    // The string is enough to come back, even by way of JSON.
    assert.equal((await made.entry(snapshot!, JSON.parse(JSON.stringify(entry.path)))).path, entry.path);
  }
  assert.deepEqual([...found.keys()].sort(), names.map((name) => name.toString('hex')).sort());
  assert.equal(found.get('fffe'), '\udcff\udcfe');
  assert.equal(displayPath('\udcff.txt'), '\ufffd.txt');
  for (let seed = 0; seed < 200; seed += 1) {
    const bytes = random(seed, 24);
    assert.deepEqual(Buffer.from(pathToBytes(pathFromBytes(bytes))), Buffer.from(bytes));
  }
  for (const wrong of ['\ud800', 'a\udc7fb', '\udd00']) assert.throws(() => pathToBytes(wrong), of('invalid_argument'));
});

test('listings come as they are asked for', async () => {
  await using made = await repository();
  const paths = Array.from({ length: 700 }, (_, number) => `f${String(number).padStart(4, '0')}`);
  const first = await made.backup(
    Source.entries(
      paths.map((path) => ({ path, content: path })),
      { knownAs: ['x'] },
    ),
  );
  const second = await made.backup(Source.entries([{ path: 'other', content: '' }], { knownAs: ['x'] }));
  const listed = await made.list(first.snapshot!).toArray();
  assert.deepEqual(
    listed.map(({ path }) => path),
    paths,
  );
  const together = made.list(first.snapshot!);
  const pulled = await Promise.all(paths.map(() => together.next()));
  assert.deepEqual(
    pulled.map(({ value }) => value?.path),
    paths,
  );
  assert.equal((await together.next()).done, true);
  for await (const entry of made.find(first.snapshot!, 'F00*', { anyCase: true })) {
    assert.equal(entry.path, 'f0000');
    break;
  }
  const differences = await made.diff(first.snapshot!, second.snapshot!).toArray();
  assert.equal(differences.filter(({ change }) => change === 'removed').length, 700);
  const unfinished = made.diff(first.snapshot!, second.snapshot!);
  await unfinished.next();
  await unfinished.close();
  await unfinished.close();
  assert.equal((await unfinished.next()).done, true);
  await assert.rejects(made.list('no id').toArray(), of('invalid_argument'));
  await assert.rejects(made.list('0'.repeat(64)).toArray(), of('not_found'));
});

test('what was closed says so, and closing twice is harmless', async () => {
  const made = await repository();
  const { snapshot } = await made.backup(Source.bytes('a', 'b'));
  const file = await made.openFile(snapshot!, 'a');
  await file.close();
  await file.close();
  await assert.rejects(file.read(), of('closed'));
  await assert.rejects(file.createReadStream().toArray(), of('closed'));
  await made.close();
  await made.close();
  assert.throws(() => made.id, of('closed'));
  await assert.rejects(made.backup(Source.bytes('a', 'b')), of('closed'));
  await assert.rejects(made.snapshots().toArray(), of('closed'));
  await assert.rejects(made.entry(snapshot!, 'a'), of('closed'));
});

test('arguments that make no sense are typed errors', async (context) => {
  await using made = await repository();
  const { snapshot } = await made.backup(Source.bytes('a', 'hello'));
  const id = snapshot!;
  await using file = await made.openFile(id, 'a');
  for (const length of [Infinity, 2n ** 64n - 1n, Number.MAX_SAFE_INTEGER]) {
    assert.equal(Buffer.from(await file.read(1, length)).toString(), 'ello');
  }
  assert.equal((await file.read(2n ** 64n - 1n, 5)).byteLength, 0);
  const refused = [
    () => file.read(-1),
    () => file.read(0.5),
    () => file.read(Number.NaN),
    () => file.read(2n ** 64n),
    () => file.read('1' as never),
    () => made.entry(7 as never, 'a'),
    () => made.entry(id, {} as never),
    () => made.entry(id, 'a\0b'),
    () => made.backup(Source.bytes('a\0b', '')),
    () => made.backup(Source.bytes('../a', '')),
    () => made.backup(Source.files([])),
    () => made.backup({} as never),
    () => made.backup(Source.bytes('a', ''), { level: 1e300 }),
    () => made.backup(Source.bytes('a', ''), { tags: ['\ud800'] }),
    () => made.backup(Source.bytes('a', ''), { time: new Date(Number.NaN) }),
    () => made.backup(Source.bytes('a', '', { mode: 2 ** 40 })),
    () => made.backup(Source.bytes('a', ''), { progress: 3 as never }),
    () => made.restore(id, ''),
    () => made.restore(id, 'a\0b'),
    () => made.restore(id, folder(context), { overwrite: 'sometimes' as never }),
    () => made.restore(id, new URL('https://example.org/')),
    () => made.addParity(1000),
    () => made.hold(id, 10n ** 40n),
    () => made.forget({ snapshots: [id], policy: { last: 1 } }),
    () => made.copyTo([{} as never]),
    () => made.exportTar(id, {} as never),
    () => Repository.open({} as never, PASSPHRASE),
    () => Repository.open(Backend.memory(), {} as never),
    async () => Secret.recoveryCode('mistyped'),
    async () => Secret.passphrase(undefined as never),
    async () => Secret.accountKey(new Uint8Array(3)),
    async () => Backend.local(''),
    async () => Backend.local('a\0b'),
  ];
  for (const call of refused) {
    const error = await (async () => call())().then(
      () => assert.fail(`${call} was accepted`),
      (error: unknown) => error,
    );
    assert.ok(error instanceof StrongroomError, `${call}: ${error}`);
    assert.ok(['invalid_argument', 'limit_exceeded'].includes(error.kind), `${call}: ${error.kind}`);
  }
  assert.throws(() => DeviceKey.import(new Uint8Array(5)), of('corrupt'));
  assert.throws(() => readDeviceRequest(new Uint8Array(5)), of('corrupt'));
  assert.equal((await made.check({ readData: 100 })).problemCount, 0);
});

test('many calls at once, of many handles', async () => {
  const made = await repository(Backend.from(new Dictionary()));
  const { snapshot } = await made.backup(Source.bytes('a', random(5, 100_000)));
  const calls = Array.from({ length: 500 }, async (_, number) => {
    if (number % 3 === 0) return made.entry(snapshot!, 'a');
    if (number % 3 === 1) return made.readFile(snapshot!, 'a');
    return made.snapshots().toArray();
  });
  const backups = Array.from({ length: 8 }, (_, number) =>
    made.backup(Source.bytes(`b${number}`, random(number, 50_000))),
  );
  assert.equal((await Promise.all(calls)).length, 500);
  assert.equal(new Set((await Promise.all(backups)).map(({ snapshot }) => snapshot)).size, 8);
  // Closed while calls are under way: each of them ends, one way or the other.
  const late = Array.from({ length: 50 }, () => made.entry(snapshot!, 'a'));
  await made.close();
  for (const end of await Promise.allSettled(late)) {
    assert.ok(end.status === 'fulfilled' || (end.reason as StrongroomError).kind === 'closed');
  }
});

test('functions of the app may call the library again', async () => {
  const outer = await repository();
  const inner = await repository();
  const { snapshot } = await inner.backup(Source.bytes('a', 'from within'));
  async function* entries(): AsyncGenerator<SourceEntry> {
    yield { path: 'copy', content: async () => inner.readFile(snapshot!, 'a') };
    yield { path: 'list', content: JSON.stringify(await outer.snapshots().toArray()) };
  }
  const report = await outer.backup(Source.entries(entries()), { progress: () => inner.entry(snapshot!, 'a') });
  assert.equal(Buffer.from(await outer.readFile(report.snapshot!, 'copy')).toString(), 'from within');
});

test('a deadline suspends, and the same call goes on', async () => {
  await using made = await repository();
  const entries = Array.from({ length: 50 }, (_, number) => ({
    path: `f${String(number).padStart(2, '0')}`,
    content: () => random(number, 40_000),
  }));
  const source = () => Source.entries(entries, { sorted: true, knownAs: ['x'] });
  const first = await made.backup(source(), { budget: { deadlineMs: 0 } });
  assert.equal(first.outcome, 'suspended');
  assert.equal(first.snapshot, undefined);
  const suspended = new AbortController();
  suspended.abort();
  assert.equal((await made.backup(source(), { suspendSignal: suspended.signal })).outcome, 'suspended');
  const last = await made.backup(source());
  assert.equal(last.outcome, 'complete');
  assert.equal(last.files, 50);
});

test('the log is silent unless somebody listens, and may fail', async () => {
  const heard: Log[] = [];
  const made = await repository();
  made.setLog((event) => heard.push(event));
  await made.backup(Source.bytes('a', 'b'));
  await sleep(10);
  assert.deepEqual(
    heard.map(({ level, operation, message }) => [level, operation, message]),
    [
      ['debug', 'backup', 'begins'],
      ['info', 'backup', 'is done'],
    ],
  );
  made.setLog(() => {
    throw new Error('the log is full');
  });
  await made.backup(Source.bytes('a', 'b'));
  made.setLog();
  await made.close();
});

test('devices, codes and attached values', async () => {
  await using made = await repository();
  const key = DeviceKey.generate();
  const request = key.request('phone');
  assert.deepEqual(readDeviceRequest(request), { id: key.id, name: 'phone' });
  assert.equal(await made.addDevice(request, 'writer'), key.id);
  assert.ok(Secret.recoveryCode(generateRecoveryCode()) instanceof Secret);
  const metadata = { build: new Uint8Array([1, 2, 3]) };
  const { snapshot } = await made.backup(Source.bytes('a', 'b'), { metadata, tags: ['x'], time: new Date(1e12) });
  const found = await made.snapshot('latest');
  assert.equal(found.id, snapshot);
  assert.deepEqual(
    found.metadata.map(({ name, value }) => [name, [...value]]),
    [['build', [1, 2, 3]]],
  );
  assert.equal(found.time.getTime(), 1e12);
  assert.equal(found.timeNs, 10n ** 18n);
  assert.match(version(), /^\d+\.\d+\.\d+/);
});

test('the event loop never waits for a backup', async (context) => {
  const source = folder(context);
  for (let number = 0; number < 300; number += 1) writeFileSync(join(source, `f${number}`), random(number, 60_000));
  const storage = join(folder(context), 'repository');
  await using made = await repository(Backend.local(storage, { sync: false }));
  // Other programs may take this thread's core away, so what counts is the time it computes itself from turn to turn.
  const schedule = `/proc/self/task/${process.pid}/schedstat`;
  const computed = existsSync(schedule)
    ? () => Number(readFileSync(schedule, 'utf8').split(' ')[0]) / 1e6
    : () => performance.eventLoopUtilization().active;
  const content = random(1, 60_000_000);
  const longestTurn = async (work: () => Promise<void>): Promise<number> => {
    let longest = 0;
    let turns = 0;
    let before = computed();
    const look = setInterval(() => {
      const now = computed();
      longest = Math.max(longest, now - before);
      before = now;
      turns += 1;
    }, 1);
    await work();
    clearInterval(look);
    assert.ok(turns > 20, `only ${turns} turns`);
    return longest;
  };
  // Garbage of before is collected at some time or other; a wait that is the backup's own is there in every round.
  const rounds = [];
  for (let round = 0; round < 3; round += 1) {
    rounds.push(
      await longestTurn(async () => {
        const report = await made.backup(Source.files(pathToFileURL(source)), { progress: () => undefined });
        const big = await made.backup(Source.bytes(`big${round}`, content));
        assert.equal(report.files, 300);
        assert.equal(big.bytes, 60_000_000);
      }),
    );
    for (let number = 0; number < 300; number += 1)
      writeFileSync(join(source, `f${number}`), random(number + round, 60_000));
  }
  assert.ok(Math.min(...rounds) < 20, `the event loop was held up for ${rounds} ms`);
});

test('work inside of a worker, and its end in the middle', async (context) => {
  const storage = join(folder(context), 'repository');
  const worker = (code: string) =>
    new Worker(
      `const { parentPort } = require('node:worker_threads');
       const { Backend, Repository, Secret, Source } = require('strongroom');
       (async () => { ${code} })();`,
      { eval: true },
    );
  const open = `const options = { cost: ${JSON.stringify(CHEAP)} };
    const repository = await Repository.create(Backend.local(${JSON.stringify(storage)}), Secret.passphrase('correct horse'), options);`;
  const done = worker(`${open} const { snapshot } = await repository.backup(Source.bytes('a', 'from a worker'));
    parentPort.postMessage(snapshot);`);
  const snapshot = await new Promise<string>((resolve, reject) => done.on('message', resolve).on('error', reject));
  await using opened = await Repository.open(Backend.local(storage), PASSPHRASE);
  assert.equal(Buffer.from(await opened.readFile(snapshot, 'a')).toString(), 'from a worker');
  for (let turn = 0; turn < 5; turn += 1) {
    const ended = worker(`const map = new Map();
      const storage = {
        put: async (name, data) => { map.set(name, data); await new Promise(() => {}); },
        read: (name, offset, length) => map.get(name)?.subarray(offset, offset + length),
        stat: (name) => map.has(name) ? { name, size: map.get(name).length, modified: new Date() } : undefined,
        list: () => [], delete: () => {},
      };
      parentPort.postMessage('begun');
      Repository.create(Backend.from(storage), Secret.passphrase('x'), { cost: ${JSON.stringify(CHEAP)} }).catch(() => {});
      const repository = await Repository.open(Backend.local(${JSON.stringify(storage)}), Secret.passphrase('correct horse'));
      const endless = (function* () { for (;;) yield new Uint8Array(100000); })();
      parentPort.postMessage('works');
      await repository.backup(Source.stream('a', endless), { progress: () => {} });`);
    await new Promise((resolve) => ended.on('message', (message) => message === 'works' && resolve(message)));
    await sleep(30 * turn);
    await ended.terminate();
  }
  assert.equal((await opened.check({ readData: 100 })).problemCount, 0);
});

test('a process ends though handles are left open', async () => {
  const program = `
    const { Backend, Repository, Secret, Source } = require('strongroom');
    const map = new Map();
    const storage = {
      put: async (name, data) => void map.set(name, data),
      read: (name, offset, length) => map.get(name)?.subarray(offset, offset + length),
      stat: (name) => map.has(name) ? { name, size: map.get(name).length, modified: new Date() } : undefined,
      list: (folder) => [...map].filter(([name]) => (name.includes('/') ? name.split('/')[0] : '') === folder)
        .map(([name, data]) => ({ name, size: data.length, modified: new Date() })),
      delete: (name) => map.delete(name),
    };
    (async () => {
      const options = { cost: ${JSON.stringify(CHEAP)}, log: () => {} };
      globalThis.repository = await Repository.create(Backend.from(storage), Secret.passphrase('x'), options);
      const { snapshot } = await repository.backup(Source.bytes('a', 'b'), { progress: () => {} });
      globalThis.file = await repository.openFile(snapshot, 'a');
      globalThis.listing = repository.list(snapshot);
      await listing.next();
      console.log('left open');
      EXIT
    })();`;
  for (const exit of ['', 'repository.check(); process.exit(0);']) {
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program.replace('EXIT', exit)], {
      timeout: 60_000,
    });
    assert.equal(stdout, 'left open\n');
  }
});

test(
  'the strongroom command and this binding read each other',
  { skip: !process.env.STRONGROOM_BIN },
  async (context) => {
    const place = folder(context);
    const [source, storage, target] = ['source', 'repository', 'target'].map((name) => join(place, name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(source);
    writeFileSync(join(source, 'hello.txt'), 'hello');
    const command = (...args: string[]) =>
      promisify(execFile)(process.env.STRONGROOM_BIN!, args, {
        env: { ...process.env, STRONGROOM_REPOSITORY: storage, STRONGROOM_PASSPHRASE: 'correct horse' },
      });
    await command('init');
    await command('backup', source);
    await using opened = await Repository.open(Backend.local(storage), PASSPHRASE);
    const theirs = await opened.snapshot('latest');
    assert.equal(Buffer.from(await opened.readFile(theirs, 'hello.txt')).toString(), 'hello');
    const { snapshot } = await opened.backup(Source.bytes('from node.txt', 'node'));
    await command('restore', snapshot!, '--target', target);
    assert.equal(readFileSync(join(target, 'from node.txt'), 'utf8'), 'node');
    await command('check', '--read-data');
  },
);
