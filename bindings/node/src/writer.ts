import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { invalid } from './errors.js';
import { hostOf } from './host.js';
import type { Host, HostCall } from './native.js';

/** Writes what the addon gives to a stream of the app, at the stream's pace. */
export class StreamWriter {
  readonly host: Host;
  readonly #stream: Writable;
  #failure?: { error: unknown };
  #waiting?: () => void;

  constructor(stream: Writable) {
    if (!(stream instanceof Writable)) throw invalid('the target has to be a Writable');
    if (!stream.writable) throw stream.errored ?? invalid('the stream was ended or closed before');
    this.#stream = stream;
    stream.on('error', this.#failed).on('close', this.#closed).on('drain', this.#drained);
    this.host = hostOf((request, call) => this.#write(request.data ?? new Uint8Array(), call), true);
  }

  readonly #failed = (error: unknown) => {
    this.#failure ??= { error };
    this.#drained();
  };
  readonly #closed = () => {
    this.#failure ??= { error: invalid('the stream was closed before everything was written') };
    this.#drained();
  };
  readonly #drained = () => {
    this.#waiting?.();
    this.#waiting = undefined;
  };

  #write(data: Uint8Array, call: HostCall): void | Promise<void> {
    if (this.#failure) throw this.#failure.error;
    if (this.#stream.write(data)) return call.done();
    return new Promise<void>((resolve) => (this.#waiting = resolve)).then(() => {
      if (this.#failure) throw this.#failure.error;
      call.done();
    });
  }

  /** Everything was written. */
  async finish(end: boolean): Promise<void> {
    this.close();
    if (this.#failure) throw this.#failure.error;
    if (end) {
      this.#stream.end();
      await finished(this.#stream, { readable: false });
    }
  }

  /** Lets go of the stream. */
  close(): void {
    this.#stream.off('error', this.#failed).off('close', this.#closed).off('drain', this.#drained);
  }
}
