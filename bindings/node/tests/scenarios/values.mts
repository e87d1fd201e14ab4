// What scenarios write down: bytes, content, text.
import { random } from '../support.mjs';

/* Steps are what the files say; their keys are checked where they are used. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Step = any;

export function unescape(text: string): Buffer {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\') {
      bytes.push(Number.parseInt(text.slice(at + 2, at + 4), 16));
      at += 3;
    } else bytes.push(text.charCodeAt(at));
  }
  return Buffer.from(bytes);
}

export function escape(bytes: Uint8Array): string {
  const one = (byte: number) =>
    byte >= 32 && byte <= 126 && byte !== 0x5c ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  return Array.from(bytes, one).join('');
}

export function content(value: Step): Uint8Array {
  if (value.text !== undefined) return Buffer.from(value.text);
  if (value.escaped !== undefined) return unescape(value.escaped);
  return random(value.random, value.length);
}
