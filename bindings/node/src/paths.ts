import { fileURLToPath } from 'node:url';
import { isUtf8 } from 'node:buffer';
import { attempt } from './calls.js';
import { invalid } from './errors.js';
import { pathFromBytes as fromBytes, pathToBytes as toBytes, type PathInput, type SnapshotPath } from './native.js';

/** The bytes that a path in a snapshot stands for. */
export function pathToBytes(path: PathInput): Uint8Array {
  return attempt(() => toBytes(path));
}

/** The string that stands for the bytes of a path, from which {@link pathToBytes} gives them back. */
export function pathFromBytes(bytes: Uint8Array): SnapshotPath {
  return attempt(() => fromBytes(bytes));
}

/** A path as text for people: what is no UTF-8 is replaced, so it may not lead back to the path. */
export function displayPath(path: PathInput): string {
  const bytes = pathToBytes(path);
  return isUtf8(bytes) && typeof path === 'string' ? path : Buffer.from(bytes).toString('utf8');
}

/** A path of the file system, of which URLs are one more form. */
export function filePath(path: PathInput | URL): PathInput {
  if (!(path instanceof URL)) return path;
  try {
    return fileURLToPath(path);
  } catch (error) {
    throw invalid(`${path.href} is no path of the file system`, error);
  }
}
