import { environment, keep } from './calls.js';
import { StrongroomError, invalid, kindOf, messageOf, translated } from './errors.js';
import { Host, type HostCall, type HostRequest } from './native.js';

/** Answers one request of the addon, at once or by a promise. */
type Answer = (request: HostRequest, call: HostCall) => unknown;

/** A function of the app that the addon calls from any of its threads. What `answer` throws is told to whoever asked. */
export function hostOf(answer: Answer, asItIs: boolean): Host {
  const fail = (call: HostCall, thrown: unknown) => {
    const error = translated(thrown);
    const number = keep(error, asItIs);
    const retry = error instanceof StrongroomError ? error.retryAfterMs : undefined;
    const tell = () => {
      if (!call.fail(kindOf(error), messageOf(error), number, retry)) setTimeout(tell, 1);
    };
    tell();
  };
  return new Host(environment, (call) => {
    const request = call.request();
    if (!request) return;
    try {
      const answered = answer(request, call);
      if (isThenable(answered)) answered.then(undefined, (error: unknown) => fail(call, error));
    } catch (error) {
      fail(call, error);
    }
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** Holds a function that must be one. */
export function functionOf<T>(value: T, what: string): T {
  if (typeof value !== 'function') throw invalid(`${what} has to be a function`);
  return value;
}

/** Bytes of whatever an app gave where bytes were asked for; strings are UTF-8. */
export function bytesOf(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw invalid(`${what} has to be a Uint8Array`);
}
