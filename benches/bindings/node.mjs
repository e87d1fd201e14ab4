// The binding for Node under the benchmark that all bindings share:
//   node.mjs backup SOURCE REPOSITORY | restore REPOSITORY TARGET | calls REPOSITORY N
// Local state is in REPOSITORY.state. `calls` looks one path of the newest snapshot up, N times, and prints the seconds.
import { Backend, Repository, Secret, Source, StrongroomError } from '../../bindings/node/dist/index.mjs';

const [verb, ...rest] = process.argv.slice(2);
const secret = Secret.passphrase('correct horse battery staple');
const progress = () => {};

async function open(place) {
  const options = { stateFolder: `${place}.state` };
  try {
    return await Repository.open(Backend.local(place), secret, options);
  } catch (error) {
    if (verb === 'backup' && error instanceof StrongroomError && error.kind === 'not_found') {
      return Repository.create(Backend.local(place), secret, options);
    }
    throw error;
  }
}

if (verb === 'backup' && rest.length === 2) {
  const repository = await open(rest[1]);
  const report = await repository.backup(Source.files(rest[0]), { progress });
  console.log(report.snapshot);
  await repository.close();
} else if (verb === 'restore' && rest.length === 2) {
  const repository = await open(rest[0]);
  const { id } = await repository.snapshot('latest');
  const report = await repository.restore(id, rest[1], { progress });
  console.log(report.outcome);
  await repository.close();
} else if (verb === 'calls' && rest.length === 2) {
  const repository = await open(rest[0]);
  const { id } = await repository.snapshot('latest');
  let path = '';
  for await (const entry of repository.list(id, '', { recursive: true })) {
    if (entry.kind !== 'file') continue;
    path = entry.path;
    break;
  }
  const begun = process.hrtime.bigint();
  for (let left = Number(rest[1]); left > 0; left -= 1) await repository.entry(id, path);
  console.log(Number(process.hrtime.bigint() - begun) / 1e9);
  await repository.close();
} else {
  console.error('usage: node.mjs backup SOURCE REPOSITORY | restore REPOSITORY TARGET | calls REPOSITORY N');
  process.exit(2);
}
