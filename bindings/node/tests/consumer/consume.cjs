// A CommonJS consumer of the installed packages.
const assert = require('node:assert/strict');
const strongroom = require('strongroom');

(async () => {
  const { Backend, Repository, Secret, Source } = strongroom;
  const cost = { memoryKib: 19 * 1024, passes: 2, lanes: 1 };
  const repository = await Repository.create(Backend.memory(), Secret.passphrase('x'), { cost });
  const { snapshot } = await repository.backup(Source.bytes('a', 'hello'));
  assert.equal(Buffer.from(await repository.readFile(snapshot, 'a')).toString(), 'hello');
  await repository.close();
  // Both ways of loading give the same module, so that errors of one are those of the other.
  const other = await import('strongroom');
  assert.deepEqual(Object.keys(other).sort(), Object.keys(strongroom).sort());
  for (const name of Object.keys(other)) assert.equal(other[name], strongroom[name]);
})();
