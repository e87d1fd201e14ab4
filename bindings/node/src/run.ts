import { later } from './calls.js';
import { StrongroomError, invalid } from './errors.js';
import { functionOf, hostOf } from './host.js';
import { NativeToken, type Budget, type Host, type Progress, type Settled } from './native.js';

/** How a call may be ended. */
export interface CallOptions {
  /** Ends the call: it then throws an error of kind `cancelled`, called `AbortError`, with the signal's reason as its cause. */
  signal?: AbortSignal;
}

/** How an operation runs. */
export interface OperationOptions extends CallOptions {
  /** Bounds on what it may use, and after which time it is suspended. */
  budget?: Budget;
  /** Suspends the operation durably: its report says so, and the same call goes on later. */
  suspendSignal?: AbortSignal;
  /**
   * Hears how it goes on, some ten times a second at most. It may give a promise; what comes meanwhile is left out. What it
   * throws ends the operation, which then throws just that.
   */
  progress?: (progress: Progress) => unknown;
}

type Native<T> = (budget: Budget | undefined, token: NativeToken, progress: Host | undefined) => T;

function checked(signal: AbortSignal | undefined, what: string): AbortSignal | undefined {
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw invalid(`${what} has to be an AbortSignal`);
  }
  return signal;
}

/** An operation and what may stop it. */
export class Run {
  readonly #token = new NativeToken();
  readonly #options: OperationOptions;
  readonly #progress?: Host;
  #isOver = false;

  constructor(options: OperationOptions) {
    this.#options = options;
    const { progress } = options;
    if (progress !== undefined) {
      functionOf(progress, 'progress');
      this.#progress = hostOf((request, call) => {
        // What comes when all is over is of no use to anybody.
        if (this.#isOver || !request.progress) return call.done();
        const given = progress(request.progress);
        if (given === undefined) return call.done();
        return Promise.resolve(given).then(() => call.done());
      }, true);
    }
    const signal = checked(options.signal, 'signal');
    const suspendSignal = checked(options.suspendSignal, 'suspendSignal');
    if (signal?.aborted) throw this.#aborted();
    signal?.addEventListener('abort', this.#cancel, { once: true });
    if (suspendSignal?.aborted) this.#suspend();
    else suspendSignal?.addEventListener('abort', this.#suspend, { once: true });
  }

  readonly #cancel = () => this.#token.cancel();
  readonly #suspend = () => this.#token.suspend();

  #aborted(error?: StrongroomError): StrongroomError {
    const { signal } = this.#options;
    const message = error?.message ?? 'the operation was cancelled before it began';
    return new StrongroomError('cancelled', message, { ...error, cause: signal?.reason });
  }

  /** Begins. */
  start<T>(native: Native<T>): T {
    return native(this.#options.budget, this.#token, this.#progress);
  }

  /** What is to be thrown for an error. */
  explain(error: unknown): unknown {
    const wasAborted = this.#options.signal?.aborted && error instanceof StrongroomError && error.kind === 'cancelled';
    return wasAborted ? this.#aborted(error) : error;
  }

  /** It is over: nothing stops it any more. */
  finish(): void {
    this.#isOver = true;
    this.#options.signal?.removeEventListener('abort', this.#cancel);
    this.#options.suspendSignal?.removeEventListener('abort', this.#suspend);
  }
}

/** Ends the listening to signals of what is gone. */
const gone = new FinalizationRegistry<() => void>((deaf) => deaf());

/**
 * Cancels a token with a signal; gives what ends the listening. A signal may outlive many that listen to it: with an `owner`, the
 * listening ends with that.
 */
export function follow(signal: AbortSignal, token: NativeToken, owner?: object): () => void {
  checked(signal, 'signal');
  if (signal.aborted) {
    token.cancel();
    return () => {};
  }
  const cancel = () => token.cancel();
  const deaf = () => signal.removeEventListener('abort', cancel);
  signal.addEventListener('abort', cancel, { once: true });
  if (owner) gone.register(owner, deaf);
  return deaf;
}

/** Runs an operation of the addon to its end. */
export async function operate<T>(options: OperationOptions, native: Native<Promise<Settled<T>>>): Promise<T> {
  const run = new Run(options);
  try {
    return await later(() => run.start(native));
  } catch (error) {
    throw run.explain(error);
  } finally {
    run.finish();
  }
}
