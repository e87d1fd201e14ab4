// Folders of the file system: made, compared, damaged. Paths are bytes throughout.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { content, escape, unescape, type Step } from './values.mjs';

export const join = (folder: Buffer, inside: Uint8Array | string) =>
  Buffer.concat([folder, Buffer.from('/'), Buffer.from(inside as Uint8Array)]);

export function write(root: Buffer, entries: Step[]): void {
  for (const entry of entries) {
    const place = join(root, unescape(entry.path));
    fs.mkdirSync(place.subarray(0, place.lastIndexOf('/')), { recursive: true });
    if (entry.kind === 'directory') fs.mkdirSync(place, { recursive: true });
    else if (entry.kind === 'symlink') fs.symlinkSync(unescape(entry.target), place);
    else if (entry.kind === undefined || entry.kind === 'file') fs.writeFileSync(place, content(entry.content));
    else throw new Error(`no entry is a ${entry.kind}`);
    if (entry.mode !== undefined) fs.chmodSync(place, entry.mode);
    if (entry.modified !== undefined) fs.utimesSync(place, entry.modified, entry.modified);
  }
}

export function tree(root: Buffer, folder = root, found: Record<string, unknown[]> = {}): Record<string, unknown[]> {
  for (const name of fs.readdirSync(folder, { encoding: 'buffer' })) {
    const place = join(folder, name);
    const stat = fs.lstatSync(place);
    const path = escape(place.subarray(root.length + 1));
    if (stat.isSymbolicLink()) found[path] = ['symlink', escape(fs.readlinkSync(place, { encoding: 'buffer' }))];
    else if (stat.isDirectory()) {
      found[path] = ['directory', stat.mode & 0o7777];
      tree(root, place, found);
    } else {
      found[path] = ['file', escape(fs.readFileSync(place)), stat.mode & 0o7777, Math.floor(stat.mtimeMs / 1000)];
    }
  }
  return found;
}

export function holds(root: Buffer, entries: Step[]): void {
  const found = Object.entries(tree(root)).filter(([, what]) => what[0] === 'file');
  const files = Object.fromEntries(found.map(([path, what]) => [path, what[1]]));
  assert.deepEqual(files, Object.fromEntries(entries.map((entry) => [entry.path, escape(content(entry.content))])));
}

/** What is left of bytes that are damaged; nothing when they are to go. */
export function damaged(bytes: Uint8Array, how: string): Uint8Array | undefined {
  const copy = Uint8Array.from(bytes);
  if (how === 'flip') {
    copy[copy.length >> 1] ^= 255;
    return copy;
  }
  if (how === 'truncate') return copy.subarray(0, -1);
  if (how === 'delete') return undefined;
  throw new Error(`no damage is called ${how}`);
}

/** Damages the first object of a folder of local storage. */
export function corrupt(root: string, how: string): void {
  const walk = (folder: string): string[] =>
    fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? walk(path) : [path];
    });
  const base = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  const [first] = walk(root).sort((a, b) => (base(a) < base(b) ? -1 : 1));
  const left = damaged(fs.readFileSync(first), how);
  fs.chmodSync(first, 0o600);
  if (left) fs.writeFileSync(first, left);
  else fs.rmSync(first);
}
