// Backs up a folder, shows the snapshots, and restores the newest: node backup.mjs FOLDER REPOSITORY TARGET
// The passphrase is in STRONGROOM_PASSPHRASE, or is "correct horse" for this example's sake.
import { Backend, Repository, Secret, Source, StrongroomError, displayPath } from '../../bindings/node/dist/index.mjs';

const [folder, place, target] = process.argv.slice(2);
if (!target) {
  console.error('usage: node backup.mjs FOLDER REPOSITORY TARGET');
  process.exit(2);
}
const backend = Backend.local(place);
const secret = Secret.passphrase(process.env.STRONGROOM_PASSPHRASE ?? 'correct horse');

// Opens the repository, or creates it where there is none.
const repository = await Repository.open(backend, secret).catch((error) => {
  if (error instanceof StrongroomError && error.kind === 'not_found') return Repository.create(backend, secret);
  throw error;
});

// Ctrl-C cancels; what was sent by then is not sent again.
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));

const report = await repository.backup(Source.files(folder), {
  tags: ['example'],
  budget: { threads: 2 },
  signal: interrupted.signal,
  progress: ({ bytes }) => process.stderr.write(`\r${bytes} bytes`),
});
console.log(`\n${report.snapshot}: ${report.files} files, ${report.storedBytes} bytes stored`);
for (const { path, detail } of report.problems) console.log(`not read: ${displayPath(path)}: ${detail}`);

for await (const { id, time, counts } of repository.snapshots()) {
  console.log(`${id.slice(0, 8)}  ${time.toISOString()}  ${counts.entries} entries`);
}

await repository.restore(report.snapshot, target);
console.log(`restored to ${target}`);
await repository.close();
