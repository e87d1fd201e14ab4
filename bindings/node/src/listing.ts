import { later } from './calls.js';
import type { NativeListing, Rejected, Snapshot } from './native.js';

/** Items of the first batch, and of those that follow. */
const FIRST = 32;
const NEXT = 256;

/** What a listing is made of, and what becomes of its errors and its end. */
export interface ListingSource {
  open(): Promise<NativeListing>;
  explain(error: unknown): unknown;
  finish(): void;
}

/**
 * Items that come as they are asked for: `for await (const item of listing)`.
 *
 * Nothing is read before the first item is asked for. A part that cannot be read is an error of `next`, and the next call
 * goes on behind it; `for await` ends there.
 */
export class Listing<T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #source: ListingSource;
  #native?: NativeListing;
  #batch: T[] = [];
  #at = 0;
  #most = FIRST;
  #isOver = false;
  #turn: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(source: ListingSource) {
    this.#source = source;
  }

  /** The next item. Calls that are made meanwhile wait for their turn. */
  next(): Promise<IteratorResult<T, undefined>> {
    return this.#inTurn(() => this.#advance());
  }

  /** Ends it and frees what it holds. Closing twice is harmless. */
  close(): Promise<void> {
    return this.#inTurn(() => this.#finish());
  }

  /** As `close`. */
  async return(): Promise<IteratorResult<T, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** All that is left, in an array. */
  async toArray(): Promise<T[]> {
    const items: T[] = [];
    for await (const item of this) items.push(item);
    return items;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #inTurn<R>(work: () => Promise<R>): Promise<R> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #advance(): Promise<IteratorResult<T, undefined>> {
    if (this.#at === this.#batch.length && !this.#isOver) await this.#fill();
    if (this.#at === this.#batch.length) return { done: true, value: undefined };
    const value = this.#batch[this.#at] as T;
    this.#at += 1;
    return { done: false, value };
  }

  async #fill(): Promise<void> {
    try {
      if (!this.#native) {
        this.#native = await this.#source.open();
        this.opened(this.#native);
      }
    } catch (error) {
      await this.#finish();
      throw this.#source.explain(error);
    }
    const native = this.#native;
    try {
      this.#batch = (await later(() => native.next(this.#most))) as T[];
    } catch (error) {
      throw this.#source.explain(error);
    }
    this.#at = 0;
    this.#most = NEXT;
    if (this.#batch.length === 0) await this.#finish();
  }

  async #finish(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#batch = [];
    this.#at = 0;
    this.#source.finish();
    const native = this.#native;
    if (native) await later(() => native.close());
  }

  /** @internal */
  protected opened(_native: NativeListing): void {}
}

/** Snapshots, oldest first by the clocks of the devices that made them. */
export class SnapshotListing extends Listing<Snapshot> {
  #rejected: readonly Rejected[] = [];

  /** Snapshots and marks that cannot be read or trusted, and why. Known once the first snapshot was asked for. */
  get rejected(): readonly Rejected[] {
    return this.#rejected;
  }

  /** @internal */
  protected override opened(native: NativeListing): void {
    this.#rejected = native.rejected();
  }
}
