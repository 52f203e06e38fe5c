import type { Codes, Column } from '../../columns/column.ts';
import { toDoubles } from '../../columns/plain.ts';
import type { GroupedRows } from './aggregates/accumulator.ts';

/** A number a row, exact in a double, left as the code of its dictionary entry. */
export interface CodedNumbers {
  readonly codes: Codes;
  readonly entries: Float64Array;
}

/** The numbers of a dictionary column; undefined where it is none, or has integers that no double holds. */
export function codedNumbers({ data, length }: Column): CodedNumbers | undefined {
  if (data.layout !== 'dictionary' || data.dictionary.data.layout !== 'fixed') return undefined;
  const { values } = data.dictionary.data;
  if (values instanceof BigInt64Array || values.length > length) return undefined;
  return { codes: data.codes, entries: toDoubles(values) };
}

/** Adds each row's number to its group's sum: its value is looked up here, and no column of values is made. */
export function addCoded(sums: Float64Array, rows: GroupedRows, { codes, entries }: CodedNumbers): void {
  // One function a width of code: a loop that has seen two runs at half the speed.
  if (codes instanceof Uint8Array) add8(sums, rows, codes, entries);
  else if (codes instanceof Uint16Array) add16(sums, rows, codes, entries);
  else add32(sums, rows, codes, entries);
}

function add8(
  sums: Float64Array,
  { groups, leftOut, single }: GroupedRows,
  codes: Uint8Array,
  entries: Float64Array,
): void {
  if (single) {
    let sum = 0;
    for (let i = 0; i < groups.length; i++) sum += entries[codes[i]];
    sums[0] += sum;
  } else if (leftOut === null) for (let i = 0; i < groups.length; i++) sums[groups[i]] += entries[codes[i]];
  else for (let i = 0; i < groups.length; i++) if (groups[i] >= 0) sums[groups[i]] += entries[codes[i]];
}

function add16(
  sums: Float64Array,
  { groups, leftOut, single }: GroupedRows,
  codes: Uint16Array,
  entries: Float64Array,
): void {
  if (single) {
    let sum = 0;
    for (let i = 0; i < groups.length; i++) sum += entries[codes[i]];
    sums[0] += sum;
  } else if (leftOut === null) for (let i = 0; i < groups.length; i++) sums[groups[i]] += entries[codes[i]];
  else for (let i = 0; i < groups.length; i++) if (groups[i] >= 0) sums[groups[i]] += entries[codes[i]];
}

function add32(
  sums: Float64Array,
  { groups, leftOut, single }: GroupedRows,
  codes: Int32Array,
  entries: Float64Array,
): void {
  if (single) {
    let sum = 0;
    for (let i = 0; i < groups.length; i++) sum += entries[codes[i]];
    sums[0] += sum;
  } else if (leftOut === null) for (let i = 0; i < groups.length; i++) sums[groups[i]] += entries[codes[i]];
  else for (let i = 0; i < groups.length; i++) if (groups[i] >= 0) sums[groups[i]] += entries[codes[i]];
}
