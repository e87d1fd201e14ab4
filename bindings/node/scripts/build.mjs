// Builds the package into dist: the addon by cargo, its types and its loader by what its macros noted, the rest by tsc.
// What is given behind it goes to cargo, such as --release.
import { generateTypeDef, writeJsBinding } from '@napi-rs/cli';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(folder, 'dist');
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const { binaryName, packageName } = manifest.napi;

const cargo = process.env.CARGO ?? 'cargo';
const build = ['build', '--package', 'strongroom-node', '--message-format=json-render-diagnostics'];
const said = execFileSync(cargo, [...build, ...process.argv.slice(2)], {
  cwd: folder,
  encoding: 'utf8',
  maxBuffer: 1 << 28,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const messages = said
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line));
const own = (message) => message.package_id?.includes('bindings/node');
const { out_dir } = messages.find((message) => message.reason === 'build-script-executed' && own(message));
const library = messages
  .filter((message) => message.reason === 'compiler-artifact' && own(message))
  .flatMap((message) => message.filenames)
  .find((name) => /\.(so|dylib)$/.test(name));

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
const musl = process.report?.getReport().header.glibcVersionRuntime === undefined;
const libc = process.platform === 'linux' ? (musl ? '-musl' : '-gnu') : '';
copyFileSync(library, join(dist, `${binaryName}.${process.platform}-${process.arch}${libc}.node`));

const header = readFileSync(join(folder, 'scripts', 'types.d.ts'), 'utf8');
const { exports, dts } = await generateTypeDef({
  typeDefDir: join(out_dir, 'types'),
  cwd: folder,
  dtsHeader: `// Made by the build of the addon; do not edit.\n${header}`,
});
// Rust's names of what checks arguments, as TypeScript says them; sections that only Rust's documents have; and what is left
// of comments that went through a macro.
const names = { Text: 'string', Integer: 'number', Milliseconds: 'number', Whole: 'number | bigint' };
const types = dts
  .replace(/([:<|] ?)(Text|Integer|Milliseconds|Whole)\b/g, (_, before, name) => before + names[name])
  .replace(/(\/\*\*|\*) r" /g, '$1 ')
  .replace(/\n *\*\n *\* # Errors\n *\* Those of Node\./g, '');
writeFileSync(join(dist, 'native.d.ts'), types);
await writeJsBinding({
  platform: true,
  idents: exports,
  jsBinding: 'native.js',
  binaryName,
  packageName,
  version: manifest.version,
  outputDir: dist,
});

const tsc = join(folder, 'node_modules', 'typescript', 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', '.'], { cwd: folder, stdio: 'inherit' });
for (const name of ['index.mjs', 'index.d.mts']) {
  copyFileSync(join(folder, 'src', name), join(dist, name));
}
