// What TypeScript makes of the installed packages, under --strict. Lines that must not compile say so.
import type { Readable } from 'node:stream';
import {
  Backend,
  Repository,
  Secret,
  Source,
  StrongroomError,
  type BackupReport,
  type Difference,
  type Entry,
  type ErrorKind,
  type Outcome,
  type Role,
  type StorageBackend,
} from 'strongroom';

declare const storage: StorageBackend;

export async function use(): Promise<void> {
  await using repository = await Repository.open(Backend.from(storage), Secret.passphrase('x'));
  const report: BackupReport = await repository.backup(
    Source.files(['/a', new URL('file:///b')], { exclude: ['*.o'] }),
    {
      signal: new AbortController().signal,
      progress: ({ bytes, phase }) => console.log(bytes + 1, phase.length),
      parent: null,
      budget: { deadlineMs: 20_000n, threads: 2 },
    },
  );
  const outcome: Outcome = report.outcome;
  const snapshot: string | undefined = report.snapshot;
  // @ts-expect-error: a suspended backup makes no snapshot
  await repository.entry(report.snapshot, 'a');
  if (snapshot === undefined || outcome === 'suspended') return;
  // @ts-expect-error: no outcome is called so
  if (outcome === 'finished') return;
  for await (const entry of repository.list(snapshot)) {
    const size: bigint = entry.size;
    const inode: bigint | undefined = entry.inode;
    const modified: Date = entry.modified;
    console.log(size, inode, modified, entry.path.length);
  }
  const differences: Difference[] = await repository.diff(snapshot, { id: snapshot }).toArray();
  const entry: Entry | undefined = differences[0]?.before;
  await using file = await repository.openFile(snapshot, entry?.path ?? new Uint8Array());
  const stream: Readable = file.createReadStream({ start: 5, end: 10n });
  const bytes: Uint8Array = await file.read(0n, 100);
  const role: Role = repository.role;
  console.log(stream, bytes, role);
  // @ts-expect-error: there is no such option
  await repository.restore(snapshot, '/tmp/x', { overwrit: 'never' });
  // @ts-expect-error: and no such value of this one
  await repository.restore(snapshot, '/tmp/x', { overwrite: 'sometimes' });
  try {
    await repository.check({ readData: 10 });
  } catch (error) {
    if (error instanceof StrongroomError) {
      const kind: ErrorKind = error.kind;
      const code: string = error.code;
      console.log(kind, code, error.number.toFixed());
    }
  }
}
