import { Readable } from 'node:stream';
import { later } from './calls.js';
import type { Entry, NativeFile } from './native.js';
import type { CallOptions } from './run.js';

/** Which part of a file is streamed. */
export interface ReadStreamOptions extends CallOptions {
  /** The first byte. */
  start?: number | bigint;
  /** The last byte, which is included. */
  end?: number | bigint;
  /** How many bytes are read at once: 256 KiB unless something else is said. */
  highWaterMark?: number;
}

/** A file of a snapshot, read at any place. */
export class SnapshotFile implements AsyncDisposable {
  readonly #native: NativeFile;
  /** The entry that is read. */
  readonly entry: Entry;

  /** @internal */
  constructor(native: NativeFile) {
    this.#native = native;
    this.entry = native.entry();
  }

  /** Length of the file in bytes. */
  get size(): bigint {
    return this.entry.size;
  }

  /** The bytes from `offset` on, at most `length` and as far as the file goes; all of them where nothing is said. */
  read(offset: number | bigint = 0, length: number | bigint = Infinity): Promise<Uint8Array> {
    return later(() => this.#native.read(offset, length));
  }

  /** A stream of the file, or of a part of it. Several may be read at once; destroying one leaves the file open. */
  createReadStream(options: ReadStreamOptions = {}): Readable {
    const { signal, highWaterMark = 256 * 1024 } = options;
    let at = options.start ?? 0;
    const behind = options.end === undefined || options.end === Infinity ? this.size : BigInt(options.end) + 1n;
    const read = async (size: number) => {
      const left = behind - BigInt(at);
      if (left <= 0n) return null;
      const bytes = await this.read(at, left < BigInt(size) ? left : size);
      at = BigInt(at) + BigInt(bytes.byteLength);
      return bytes.byteLength === 0 ? null : bytes;
    };
    return new Readable({
      highWaterMark,
      signal,
      read(size) {
        read(Math.max(size, highWaterMark)).then(
          (bytes) => this.push(bytes),
          (error: Error) => this.destroy(error),
        );
      },
    });
  }

  /** Ends the reading and frees what it holds. Closing twice is harmless. */
  close(): Promise<void> {
    return later(() => this.#native.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
