// The packages as they are published, installed into an empty folder; the guide; the example.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const own = fileURLToPath(new URL('../..', import.meta.url));
const root = join(own, '..', '..');
const made = mkdtempSync(join(tmpdir(), 'strongroom-packages-'));
const consumer = join(made, 'consumer');
const node = (...args: string[]) =>
  execFileSync(process.execPath, args, { cwd: consumer, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

describe('the packages', () => {
  before(() => {
    const packages = join(made, 'packages');
    execFileSync(process.execPath, [join(own, 'scripts', 'pack.mjs'), packages], { stdio: 'pipe' });
    mkdirSync(consumer);
    writeFileSync(join(consumer, 'package.json'), '{ "private": true }\n');
    const tarballs = readdirSync(packages).filter((name) => name.endsWith('.tgz'));
    assert.equal(tarballs.length, 2, `${tarballs}`);
    // Without the network: the platforms that are not built here are optional.
    const args = ['install', '--offline', '--no-audit', '--no-fund', ...tarballs.map((name) => join(packages, name))];
    execFileSync('npm', args, { cwd: consumer, stdio: 'pipe' });
    cpSync(join(own, 'tests', 'consumer'), consumer, { recursive: true });
  });
  after(() => rmSync(made, { recursive: true, force: true }));

  test('name an addon for every platform', () => {
    const manifest = JSON.parse(readFileSync(join(consumer, 'node_modules', 'strongroom', 'package.json'), 'utf8'));
    assert.equal(Object.keys(manifest.optionalDependencies).length, 6);
    const native = readdirSync(join(consumer, 'node_modules', '@strongroom'));
    assert.equal(native.length, 1);
    assert.deepEqual(
      readdirSync(join(consumer, 'node_modules', 'strongroom', 'dist')).filter((name) => name.endsWith('.node')),
      [],
    );
  });

  test('are used by require', () => void node('consume.cjs'));
  test('are used by import', () => void node('consume.mjs'));

  test('have types that hold under --strict, as module and as script', () => {
    const types = readFileSync(join(consumer, 'types.mts'), 'utf8');
    writeFileSync(join(consumer, 'script.cts'), types);
    const tsc = join(own, 'node_modules', 'typescript', 'bin', 'tsc');
    const options = [
      '--strict',
      '--noEmit',
      '--target',
      'es2022',
      '--lib',
      'es2022,esnext.disposable',
      '--module',
      'node16',
    ];
    node(
      tsc,
      ...options,
      '--types',
      'node',
      '--typeRoots',
      join(own, 'node_modules', '@types'),
      'types.mts',
      'script.cts',
    );
  });

  test('do what the guide says', () => {
    const guide = readFileSync(join(root, 'docs', 'guide-node.md'), 'utf8');
    const blocks = [...guide.matchAll(/```js\n(.*?)```/gs)].map((match) => match[1]);
    assert.ok(blocks.length >= 4);
    mkdirSync(join(consumer, 'photos'));
    writeFileSync(join(consumer, 'photos', '1.jpg'), 'a photo');
    writeFileSync(join(consumer, 'app.sql'), 'create table t (a);\n');
    writeFileSync(join(consumer, 'guide.mjs'), blocks.join('\n'));
    assert.match(node('guide.mjs'), /^complete [0-9a-f]{64} 1 files$/m);
    assert.equal(readFileSync(join(consumer, 'again.sql'), 'utf8'), 'create table t (a);\n');
    assert.equal(readFileSync(join(consumer, 'restored', '1.jpg'), 'utf8'), 'a photo');
  });

  test('do what the example does', () => {
    const source = join(made, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'hello.txt'), 'hello\n');
    const example = join(root, 'examples', 'node', 'backup.mjs');
    for (const turn of ['first', 'second']) {
      node(example, source, join(made, 'repository'), join(made, turn));
      assert.equal(readFileSync(join(made, turn, 'hello.txt'), 'utf8'), 'hello\n');
    }
  });
});
