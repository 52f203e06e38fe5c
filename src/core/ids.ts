import { toHex } from './bytes.ts';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** The last time that was written, and how: many ids are of one millisecond. */
let written = { timeMs: -1, text: '' };

/**
 * A sortable identifier: 10 characters of milliseconds, 16 of randomness, Crockford base 32
 * in lower case (the ULID layout, https://github.com/ulid/spec).
 */
export function newId(clock: Clock, random: Random): string {
  const timeMs = clock.now();
  if (written.timeMs !== timeMs) written = { timeMs, text: timeText(timeMs) };
  let id = written.text;
  for (const byte of random.bytes(16)) id += ALPHABET[byte & 31];
  return id;
}

function timeText(timeMs: number): string {
  let rest = timeMs;
  let text = '';
  for (let i = 0; i < 10; i++) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/**
 * The identity of one version of one stored object: the first 128 bits of SHA-256 over
 * bucket, key and etag, in hex. Whoever announces the object, and however often, computes the same.
 */
export async function objectIdOf(bucket: string, key: string, etag: string): Promise<string> {
  const text = new TextEncoder().encode(`${bucket}\0${key}\0${etag}`);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text));
  return toHex(digest.subarray(0, 16));
}
