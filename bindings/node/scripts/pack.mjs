// Lays the packages out under the folder that is given, and packs them: the main one, which depends on one addon a
// platform, and each platform's whose addon was built into dist.
import { parseTriple } from '@napi-rs/cli';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const target = resolve(process.argv[2] ?? join(folder, 'build', 'packages'));
const { scripts, devDependencies, napi, ...manifest } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const write = (place, value) => writeFileSync(join(place, 'package.json'), JSON.stringify(value, undefined, 2) + '\n');
const pack = (place) => {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', target], { cwd: place, stdio: 'inherit' });
};

rmSync(target, { recursive: true, force: true });
const main = join(target, manifest.name);
mkdirSync(main, { recursive: true });
const optionalDependencies = {};
for (const triple of napi.targets) {
  const { platform, arch, abi, platformArchABI } = parseTriple(triple);
  const name = `${napi.packageName}-${platformArchABI}`;
  const addon = `${napi.binaryName}.${platformArchABI}.node`;
  const place = join(target, 'npm', platformArchABI);
  mkdirSync(place, { recursive: true });
  const { version, license, author, engines } = manifest;
  write(place, {
    name,
    version,
    description: `${manifest.name} for ${triple}`,
    license,
    author,
    engines,
    main: addon,
    files: [addon],
    os: [platform],
    cpu: [arch],
    ...(platform === 'linux' ? { libc: [abi === 'musl' ? 'musl' : 'glibc'] } : {}),
  });
  optionalDependencies[name] = manifest.version;
  const built = join(folder, 'dist', addon);
  if (existsSync(built)) {
    cpSync(built, join(place, addon));
    execFileSync('strip', ['--strip-debug', join(place, addon)]);
    pack(place);
  }
}
write(main, { ...manifest, optionalDependencies });
cpSync(join(folder, 'dist'), join(main, 'dist'), { recursive: true, filter: (name) => !name.endsWith('.node') });
cpSync(join(folder, 'README.md'), join(main, 'README.md'));
pack(main);
