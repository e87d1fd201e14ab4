import { StrongroomError, translated } from './errors.js';
import { Environment, type ErrorRecord, type Settled } from './native.js';

/** The instance of Node this module was loaded into. */
export const environment = new Environment();

interface Thrown {
  readonly error: unknown;
  /** Whether it comes out of the call it ended whatever its kind. */
  readonly asItIs: boolean;
}

/** What functions of the app threw, by the numbers under which the addon knows it. */
const thrown = new Map<number, Thrown>();
let last = 0;
let sweeping = false;

/** Keeps what a function of the app threw until the addon refers to it no more. */
export function keep(error: unknown, asItIs: boolean): number {
  last = (last % 0xffff_ffff) + 1;
  thrown.set(last, { error, asItIs });
  if (!sweeping) {
    sweeping = true;
    // Later, so that whoever was just told of a number finds it.
    setImmediate(() => {
      sweeping = false;
      for (const number of environment.released()) thrown.delete(number);
    }).unref();
  }
  return last;
}

/** What is to be thrown for a record of the addon. */
function raised(record: ErrorRecord): unknown {
  const found = record.thrown === undefined ? undefined : thrown.get(record.thrown);
  if (found && (found.asItIs || record.kind === 'callback')) return found.error;
  return StrongroomError.of(record, found?.error);
}

/** The value of a result, or its error thrown. */
export function settled<T>(result: Settled<T>): T {
  if (result.error) throw raised(result.error);
  return result.value as T;
}

/** Calls the addon; arguments it refuses are errors of ours. */
export function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translated(error);
  }
}

/** Calls the addon and takes the result. */
export function now<T>(call: () => Settled<T>): T {
  return settled(attempt(call));
}

/** Calls the addon and waits for the result. */
export async function later<T>(call: () => Promise<Settled<T>>): Promise<T> {
  return settled(await attempt(call));
}
