import { isUtf8 } from 'node:buffer';
import { getBit } from '../../columns/bitmap.ts';
import { type Column, decodeText } from '../../columns/column.ts';
import { isJson } from '../../columns/text.ts';
import { LIMITS } from '../../core/limits.ts';
import { type Fault, rawText } from '../bad-row.ts';

/** What is wrong with a row, and the text that shows it. */
export interface RowFault {
  readonly row: number;
  readonly fault: Fault;
  readonly raw: string;
}

/** What values of a text column are held to: `text` is UTF-8, `json` is also JSON. */
export type TextRule = 'text' | 'json';

/** Entries of a dictionary that break the rule, found once for all batches that share it. */
const faultyEntries = new WeakMap<Column, ReadonlyMap<number, Fault>>();

/**
 * Rows of a text column whose value is no UTF-8, no JSON where it says so, or too large for a row. Every
 * reader of a segment takes text for UTF-8, so that what is not must not get into one.
 */
export function checkText(column: Column, name: string, rule: TextRule): RowFault[] {
  const { data, validity } = column;
  const entries = data.layout === 'dictionary' ? data.dictionary : column;
  if (entries.data.layout !== 'varlen') return [];
  const { offsets, bytes } = entries.data;
  let faults = data.layout === 'dictionary' ? faultyEntries.get(entries) : undefined;
  if (faults === undefined) {
    faults = faultsOf(offsets, bytes, entries.length, name, rule);
    if (data.layout === 'dictionary') faultyEntries.set(entries, faults);
  }
  if (faults.size === 0) return [];
  const rows: RowFault[] = [];
  for (let row = 0; row < column.length; row++) {
    if (validity !== null && !getBit(validity, row)) continue;
    const entry = data.layout === 'dictionary' ? data.codes[row] : row;
    const fault = faults.get(entry);
    if (fault !== undefined) rows.push({ row, fault, raw: rawText(bytes, offsets[entry], offsets[entry + 1]) });
  }
  return rows;
}

function faultsOf(
  offsets: Int32Array,
  bytes: Uint8Array,
  count: number,
  name: string,
  rule: TextRule,
): ReadonlyMap<number, Fault> {
  const faults = new Map<number, Fault>();
  // Most columns pass as a whole: all bytes are UTF-8, and no value begins within a character.
  if (rule === 'text' && wholeIsText(offsets, bytes, count)) return faults;
  for (let i = 0; i < count; i++) {
    const [start, end] = [offsets[i], offsets[i + 1]];
    if (end - start > LIMITS.rowBytes) {
      faults.set(i, { path: name, code: 'value_too_large', message: `a value has more than ${LIMITS.rowBytes} bytes` });
    } else if (!isUtf8(bytes.subarray(start, end))) {
      faults.set(i, { path: name, code: 'malformed_input', message: 'the text is not valid UTF-8' });
    } else if (rule === 'json' && start < end && !isJson(decodeText(bytes, start, end))) {
      faults.set(i, { path: name, code: 'malformed_input', message: 'the text is not valid JSON' });
    }
  }
  return faults;
}

function wholeIsText(offsets: Int32Array, bytes: Uint8Array, count: number): boolean {
  const all = bytes.subarray(offsets[0], offsets[count]);
  if (!isUtf8(all)) return false;
  for (let i = 0; i < count; i++) {
    if (offsets[i] < offsets[count] && (bytes[offsets[i]] & 0xc0) === 0x80) return false;
    if (offsets[i + 1] - offsets[i] > LIMITS.rowBytes) return false;
  }
  return true;
}
