import { Readable } from 'node:stream';
import { attempt, now } from './calls.js';
import { invalid } from './errors.js';
import { bytesOf, hostOf } from './host.js';
import {
  NativeSource,
  type Host,
  type HostCall,
  type HostEntryInput,
  type NativeFilesOptions,
  type PathInput,
  type StreamOptions,
} from './native.js';
import { filePath } from './paths.js';

/** Pieces of content: bytes, or strings that are taken as UTF-8. */
type Piece = Uint8Array | string;

/** A stream of bytes: a `Readable`, a web `ReadableStream`, or anything that can be iterated. */
export type ByteStream = Readable | AsyncIterable<Piece> | Iterable<Piece>;

/** Content: bytes, text, a stream, a `Blob`, or a function that opens one of these when its turn comes. */
export type Content = Piece | ByteStream | Blob | (() => Content | Promise<Content>);

/** An entry that an app gives. What is left out has the engine's default. */
export interface SourceEntry extends Omit<HostEntryInput, 'bytes' | 'stream'> {
  /** Content of a regular file; nothing is an empty one. */
  content?: Content;
}

/** Which files and folders of the file system are backed up. */
export interface FilesOptions extends NativeFilesOptions {}

/** Names by which snapshots of the same thing are known to belong together. */
export interface KnownAs {
  /** The paths, or any names. */
  knownAs?: readonly PathInput[];
}

/** Bytes that are handed to the addon at once. Copying more would be felt by the event loop. */
const PIECE = 1 << 20;

/** What to back up. Used up by one backup. */
export class Source {
  /** @internal */
  readonly native: NativeSource;
  /** @internal */
  readonly streams?: Streams;

  private constructor(native: NativeSource, { knownAs }: KnownAs, streams?: Streams) {
    if (knownAs) attempt(() => native.knownAs([...knownAs]));
    this.native = native;
    this.streams = streams;
  }

  /** Files and folders of the file system. A single folder stands at the snapshot's root. */
  static files(paths: PathInput | URL | readonly (PathInput | URL)[], options: FilesOptions & KnownAs = {}): Source {
    const list = Array.isArray(paths) ? (paths as readonly (PathInput | URL)[]) : [paths as PathInput | URL];
    return new Source(
      attempt(() => NativeSource.files(list.map(filePath), options)),
      options,
    );
  }

  /** One file with these bytes, which stay as they are until the backup is over. */
  static bytes(path: PathInput, bytes: Uint8Array | string, options: StreamOptions & KnownAs = {}): Source {
    const content = bytesOf(bytes, 'the content');
    if (content.byteLength > PIECE) return Source.stream(path, [content], options);
    return new Source(
      now(() => NativeSource.bytes(path, content, options)),
      options,
    );
  }

  /** One file with what a stream gives. When that fails, so does the backup. */
  static stream(path: PathInput, stream: Content, options: StreamOptions & KnownAs = {}): Source {
    const streams = new Streams();
    streams.add(stream);
    return new Source(
      now(() => NativeSource.stream(path, streams.host, options)),
      options,
      streams,
    );
  }

  /** What a tar stream holds. When that fails, so does the backup. */
  static tar(stream: Content, options: KnownAs = {}): Source {
    const streams = new Streams();
    streams.add(stream);
    return new Source(
      attempt(() => NativeSource.tar(streams.host)),
      options,
      streams,
    );
  }

  /**
   * The app's own entries; `sorted` promises ascending order of their paths, each once, and lets the backup be resumed.
   *
   * When the iterator throws, the backup fails with that. When reading one entry's content throws what a file system would
   * report of a file (`ENOENT`, `EACCES`, `EIO`, …), that entry is a problem in the report; anything else ends the backup.
   */
  static entries(
    entries: Iterable<SourceEntry> | AsyncIterable<SourceEntry>,
    options: { sorted?: boolean } & KnownAs = {},
  ): Source {
    const streams = new Streams(iteratorOf(entries, 'the entries'));
    return new Source(
      attempt(() => NativeSource.entries(streams.host, options.sorted ?? false)),
      options,
      streams,
    );
  }
}

type AnyIterator<T> = Iterator<T> | AsyncIterator<T>;

function iteratorOf<T>(of: Iterable<T> | AsyncIterable<T>, what: string): AnyIterator<T> {
  const { [Symbol.asyncIterator]: asynchronous } = of as Partial<AsyncIterable<T>>;
  if (typeof asynchronous === 'function') return asynchronous.call(of);
  const { [Symbol.iterator]: synchronous } = of as Partial<Iterable<T>>;
  if (typeof synchronous === 'function') return synchronous.call(of);
  throw invalid(`${what} cannot be iterated`);
}

interface Open {
  readonly content: Content;
  iterator?: AnyIterator<unknown>;
  rest: Uint8Array;
}

/** The streams of a source, read where the addon asks for them. */
export class Streams {
  readonly host: Host;
  readonly #entries?: AnyIterator<SourceEntry>;
  readonly #open = new Map<number, Open>();
  #next = 0;
  #entriesEnded = false;

  constructor(entries?: AnyIterator<SourceEntry>) {
    this.#entries = entries;
    this.host = hostOf((request, call) => {
      if (request.method === 'next') return this.#entry(call);
      return this.#pull(request.stream ?? 0, request.length ?? PIECE, call);
    }, true);
  }

  add(content: Content): number {
    // What it fails with before its turn comes is told then, and is no event that nobody hears.
    if (content instanceof Readable) content.on('error', () => {});
    const number = this.#next;
    this.#next += 1;
    this.#open.set(number, { content, rest: new Uint8Array() });
    return number;
  }

  /** Lets go of whatever was not read to its end. */
  close(): void {
    for (const open of this.#open.values()) {
      if (open.content instanceof Readable) open.content.destroy();
      finish(open.iterator);
    }
    this.#open.clear();
    if (!this.#entriesEnded) finish(this.#entries);
  }

  async #entry(call: HostCall): Promise<void> {
    const { done, value } = (await this.#entries?.next()) ?? { done: true, value: undefined };
    if (done) {
      this.#entriesEnded = true;
      return call.end();
    }
    if (typeof value !== 'object' || value === null) throw invalid('an entry has to be an object');
    const { content, ...entry } = value as SourceEntry;
    const given: HostEntryInput = entry;
    if (content !== undefined) {
      const small = typeof content === 'string' || content instanceof Uint8Array ? bytesOf(content, '') : undefined;
      if (small && small.byteLength <= PIECE) given.bytes = small;
      else given.stream = this.add(small ? [small] : content);
    }
    call.entry(given);
  }

  #pull(number: number, most: number, call: HostCall): void | Promise<void> {
    const open = this.#open.get(number);
    if (!open) return call.end();
    if (open.rest.byteLength > 0) return this.#give(open, most, call);
    return this.#advance(number, open, most, call);
  }

  #give(open: Open, most: number, call: HostCall): void {
    const piece = open.rest.subarray(0, most);
    open.rest = open.rest.subarray(piece.byteLength);
    call.bytes(piece);
  }

  async #advance(number: number, open: Open, most: number, call: HostCall): Promise<void> {
    open.iterator ??= await opened(open.content);
    while (open.rest.byteLength === 0) {
      const { done, value } = await open.iterator.next();
      if (done) {
        this.#open.delete(number);
        return call.end();
      }
      open.rest = bytesOf(value, 'what a stream gives');
    }
    this.#give(open, most, call);
  }
}

async function opened(content: Content): Promise<AnyIterator<unknown>> {
  while (typeof content === 'function') content = await content();
  if (typeof content === 'string' || content instanceof Uint8Array) return [content].values();
  if (content instanceof Blob) content = content.stream() as unknown as AsyncIterable<Uint8Array>;
  // A stream that ended or broke would seem to be an empty one.
  if (content instanceof Readable && !content.readable) {
    throw content.errored ?? invalid('the stream was read or closed before');
  }
  return iteratorOf<unknown>(content, 'the stream');
}

/** Ends an iterator, whatever it makes of that. */
function finish(iterator: AnyIterator<unknown> | undefined): void {
  try {
    void Promise.resolve(iterator?.return?.()).catch(() => {});
  } catch {
    // It was not wanted any more.
  }
}
