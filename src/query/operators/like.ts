import { newBitmap, setBit } from '../../columns/bitmap.ts';
import { type Column, decodeText, scalarAt } from '../../columns/column.ts';
import { plainColumn } from '../../columns/plain.ts';
import { BOOL } from '../../columns/types.ts';
import { textsOf } from './compare-text.ts';

/** A test of one value's UTF-8 bytes. */
export type TextTest = (bytes: Uint8Array, start: number, end: number) => boolean;

const encoder = new TextEncoder();

/** A bool column of `test` over a string column. */
export function testColumn(column: Column, test: TextTest): Column {
  const { length, validity } = column;
  const { offsets, bytes } = textsOf(plainColumn(column));
  const values = newBitmap(length, false);
  for (let i = 0; i < length; i++) if (test(bytes, offsets[i], offsets[i + 1])) setBit(values, i);
  return { type: BOOL, length, validity, data: { layout: 'bits', values } };
}

/** The test a LIKE pattern makes: `%` any characters, `_` one; nothing escapes them, as in DuckDB. */
export function likeTest(pattern: string, ignoreCase: boolean): TextTest {
  const parts = literalParts(pattern);
  if (parts !== undefined && !ignoreCase) return literalTest(parts);
  // The pattern is checked part by part without backtracking beyond one `%`, so that no pattern is slow.
  const steps = toSteps(ignoreCase ? pattern.toLowerCase() : pattern);
  return (bytes, start, end) => {
    const text = decodeText(bytes, start, end);
    return matchSteps(steps, Array.from(ignoreCase ? text.toLowerCase() : text));
  };
}

interface LiteralPattern {
  readonly text: Uint8Array;
  readonly openStart: boolean;
  readonly openEnd: boolean;
}

/** A pattern of one literal with `%` at its ends only: what nearly all are. */
function literalParts(pattern: string): LiteralPattern | undefined {
  const openStart = pattern.startsWith('%');
  const openEnd = pattern.length > 1 && pattern.endsWith('%');
  const inner = pattern.slice(openStart ? 1 : 0, openEnd ? -1 : undefined);
  return /[%_]/.test(inner) ? undefined : { text: encoder.encode(inner), openStart, openEnd };
}

function literalTest({ text, openStart, openEnd }: LiteralPattern): TextTest {
  if (openStart && openEnd) return (bytes, start, end) => contains(bytes, start, end, text);
  if (openStart) return (bytes, start, end) => end - start >= text.length && holdsAt(bytes, end - text.length, text);
  if (openEnd) return (bytes, start, end) => end - start >= text.length && holdsAt(bytes, start, text);
  return (bytes, start, end) => end - start === text.length && holdsAt(bytes, start, text);
}

/** `LIKE 'prefix%'`, the prefix taken as it stands. */
export function startsWithTest(prefix: string): TextTest {
  return literalTest({ text: encoder.encode(prefix), openStart: false, openEnd: true });
}

function holdsAt(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** UTF-8 never holds one character inside another, so that a search of bytes is a search of text. */
function contains(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  const last = end - text.length;
  if (text.length === 0) return true;
  const first = text[0];
  for (let at = start; at <= last; at++) if (bytes[at] === first && holdsAt(bytes, at, text)) return true;
  return false;
}

/** A character, any one character (`one`) or any run of them (`any`). */
type Step = { readonly char: string } | 'one' | 'any';

function toSteps(pattern: string): Step[] {
  const steps: Step[] = [];
  for (const char of pattern) steps.push(char === '%' ? 'any' : char === '_' ? 'one' : { char });
  return steps;
}

/** The greedy match of wildcards with one point of return: O(steps × characters) at worst. */
function matchSteps(steps: readonly Step[], characters: readonly string[]): boolean {
  let step = 0;
  let at = 0;
  let returnStep = -1;
  let returnAt = 0;
  while (at < characters.length) {
    const current = step < steps.length ? steps[step] : undefined;
    if (current === 'any') {
      returnStep = step++;
      returnAt = at;
    } else if (current !== undefined && (current === 'one' || current.char === characters[at])) {
      step++;
      at++;
    } else if (returnStep >= 0) {
      step = returnStep + 1;
      at = ++returnAt;
    } else return false;
  }
  while (step < steps.length && steps[step] === 'any') step++;
  return step === steps.length;
}

/** The text of a constant string column. */
export function constantText(column: Column): string {
  return String(scalarAt(column, 0));
}
