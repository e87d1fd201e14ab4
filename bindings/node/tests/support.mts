// What the tests share.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  Backend,
  Repository,
  Secret,
  StrongroomError,
  type ErrorKind,
  type ObjectInfo,
  type StorageBackend,
} from 'strongroom';

/** The least that a passphrase may cost. */
export const CHEAP = { memoryKib: 19 * 1024, passes: 2, lanes: 1 };
export const PASSPHRASE = Secret.passphrase('correct horse');

/** A folder that is gone after the test. */
export function folder(context: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'strongroom-node-'));
  context.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A new repository, in memory unless something else is said. */
export function repository(backend = Backend.memory()): Promise<Repository> {
  return Repository.create(backend, PASSPHRASE, { cost: CHEAP });
}

/** Storage in a map. Answers by promises, so that every call takes a turn of the event loop. */
export class Dictionary implements StorageBackend {
  readonly objects = new Map<string, { data: Uint8Array; modified: Date }>();
  readonly location = 'a map';
  calls = 0;

  async put(name: string, data: Uint8Array): Promise<void> {
    await this.#turn();
    if (this.objects.has(name)) throw new StrongroomError('already_exists', `${name} exists`);
    this.objects.set(name, { data, modified: new Date() });
  }

  async read(name: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    await this.#turn();
    const data = this.objects.get(name)?.data;
    if (data && data.byteLength < offset + length) throw new StrongroomError('corrupt', `${name} is too short`);
    return data?.subarray(offset, offset + length);
  }

  stat(name: string): ObjectInfo | undefined {
    this.calls += 1;
    const found = this.objects.get(name);
    return found && { name, size: found.data.byteLength, modified: found.modified };
  }

  async *list(folder: string): AsyncGenerator<ObjectInfo> {
    this.calls += 1;
    for (const [name, { data, modified }] of [...this.objects]) {
      const in_folder = name.includes('/') ? name.slice(0, name.indexOf('/')) : '';
      if (in_folder === folder) yield { name, size: data.byteLength, modified };
    }
  }

  async delete(name: string): Promise<void> {
    await this.#turn();
    this.objects.delete(name);
  }

  #turn(): Promise<void> {
    this.calls += 1;
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** Whether an error is the library's, of a kind. */
export function of(kind: ErrorKind): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof StrongroomError && error.kind === kind) return true;
    throw error;
  };
}

/** Bytes that do not compress, by the recipe of the scenarios. */
export function random(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
