import type { ByteWindow } from '../byte-window.ts';
import { FAULT, scanValue, skipSpace, TRUNCATED } from './scan.ts';
import { findFeatures } from './values.ts';

/** `lines`: an object a line. `values`: lists, feature collections and documents, as `decodeValues` takes them. */
export type JsonLayout = 'lines' | 'values';

/**
 * Tells the layout from the beginning of the file; reads on, up to `limit` bytes, as far as the first
 * line that is not blank, which decides:
 * - it begins with `[`, or is the beginning of a feature collection: values
 * - it is no complete object, and the line after it is none either: values (a document over several lines)
 * - else: lines, where a bad line is quarantined and the others are taken
 */
export async function detectLayout(window: ByteWindow, limit: number): Promise<JsonLayout> {
  for (;;) {
    const layout = layoutOf(window, window.size >= limit);
    if (layout !== undefined) return layout;
    if (window.size >= limit || !(await window.fill(Math.max(window.size, 64 * 1024)))) return 'lines';
  }
}

/** The layout, or undefined where the window does not show it yet; `full` where it will show no more. */
function layoutOf(window: ByteWindow, full: boolean): JsonLayout | undefined {
  const { bytes, end, ended } = window;
  const start = skipSpace(bytes, window.start, end);
  if (start >= end) return undefined;
  if (bytes[start] === 91) return 'values';
  if (bytes[start] !== 123) return 'lines';
  if (findFeatures(bytes, start, end) >= 0) return 'values';
  const firstEnd = lineEnd(bytes, start, end, ended);
  if (firstEnd === undefined) return undefined;
  if (scanValue(bytes, start, firstEnd) !== TRUNCATED) return 'lines';
  const second = skipSpace(bytes, firstEnd, end);
  const secondEnd = lineEnd(bytes, second, end, ended);
  if (secondEnd === undefined) return full ? 'values' : undefined;
  if (second >= end) return firstEnd < end ? 'values' : 'lines';
  const behind = bytes[second] === 123 ? scanValue(bytes, second, secondEnd) : FAULT;
  return behind >= 0 && skipSpace(bytes, behind, secondEnd) === secondEnd ? 'lines' : 'values';
}

/** The end of the line at `start`, or undefined where it is not in the window yet. */
function lineEnd(bytes: Uint8Array, start: number, end: number, ended: boolean): number | undefined {
  const newline = bytes.subarray(start, end).indexOf(10);
  return newline >= 0 ? start + newline : ended ? end : undefined;
}
