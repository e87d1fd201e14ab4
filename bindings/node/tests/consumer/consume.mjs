// A consumer of the installed packages that is a module.
import assert from 'node:assert/strict';
import { Backend, Repository, Secret, Source, StrongroomError } from 'strongroom';

const cost = { memoryKib: 19 * 1024, passes: 2, lanes: 1 };
const repository = await Repository.create(Backend.memory(), Secret.passphrase('x'), { cost });
const { snapshot } = await repository.backup(Source.bytes('a', 'hello'));
assert.equal(Buffer.from(await repository.readFile(snapshot, 'a')).toString(), 'hello');
await assert.rejects(repository.entry(snapshot, 'b'), (error) => error instanceof StrongroomError);
await repository.close();
