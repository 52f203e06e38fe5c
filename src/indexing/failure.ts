import { type ErrorCode, OrasiError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';

/** What to do after a build has failed. */
export type AfterFailure =
  /** The segment is gone or replaced: nobody wants the file any more. */
  | { readonly kind: 'forget' }
  | { readonly kind: 'retry'; readonly delayMs: number }
  /** It would fail again: the index or the data has to change first. */
  | { readonly kind: 'give-up' };

const FIRST_DELAY_MS = 5_000;
const LONGEST_DELAY_MS = 10 * 60_000;

/** Faults that lie in what is built and from what, and come back however often it is tried. */
const LASTING: ReadonlySet<ErrorCode> = new Set(['unprocessable', 'value_too_large', 'type_error']);

/** `failures` are those before this one. Waits double, with a tenth of chance so that builds do not come back together. */
export function afterFailure(error: unknown, failures: number, attempts: number, random: Random): AfterFailure {
  if (error instanceof OrasiError) {
    if (error.code === 'source_missing' || error.code === 'source_changed') return { kind: 'forget' };
    if (LASTING.has(error.code)) return { kind: 'give-up' };
  }
  if (failures + 1 >= attempts) return { kind: 'give-up' };
  const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
  return { kind: 'retry', delayMs: Math.round(delayMs * (1 + random.next() / 10)) };
}
