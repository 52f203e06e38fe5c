import { type Bitmap, getBit } from './bitmap.ts';
import type { Codes, Column, ColumnData } from './column.ts';
import type { ColumnType } from './types.ts';

/** Rows looked at before deciding whether a dictionary can pay. */
const SAMPLE_ROWS = 512;
/** A dictionary pays while at most this share of the rows is distinct. */
const DISTINCT_SHARE = 0.25;
const MAX_ENTRIES = 65_536;

/**
 * The dictionary layout of `length` varlen values, or null where it would not pay: too many distinct
 * values for the rows there are. Time is bounded by one hash of each value.
 */
export function dictionaryEncode(
  type: ColumnType,
  offsets: Int32Array,
  bytes: Uint8Array,
  length: number,
  validity: Bitmap | null,
): (ColumnData & { layout: 'dictionary' }) | null {
  const most = Math.min(MAX_ENTRIES, Math.floor(length * DISTINCT_SHARE));
  if (most < 1) return null;
  let slots = 1024;
  while (slots < 4 * Math.min(most, SAMPLE_ROWS)) slots *= 2;
  let table = new Int32Array(slots).fill(-1);
  const hashes: number[] = [];
  /** The row that first held each entry. */
  const firsts: number[] = [];
  const codes = new Int32Array(length);
  for (let row = 0; row < length; row++) {
    if (validity !== null && !getBit(validity, row)) continue;
    if (row === SAMPLE_ROWS && firsts.length > SAMPLE_ROWS * 0.6) return null;
    const start = offsets[row];
    const end = offsets[row + 1];
    const hash = hashBytes(bytes, start, end);
    let slot = hash & (slots - 1);
    let code = table[slot];
    while (code >= 0) {
      if (hashes[code] === hash && sameBytes(bytes, start, end, offsets[firsts[code]], offsets[firsts[code] + 1]))
        break;
      slot = (slot + 1) & (slots - 1);
      code = table[slot];
    }
    if (code < 0) {
      code = firsts.length;
      if (code >= most) return null;
      table[slot] = code;
      hashes.push(hash);
      firsts.push(row);
      if (firsts.length * 2 > slots) {
        slots *= 2;
        table = rehash(hashes, slots);
      }
    }
    codes[row] = code;
  }
  return {
    layout: 'dictionary',
    codes: narrow(codes, firsts.length),
    dictionary: entries(type, offsets, bytes, firsts),
  };
}

/** FNV-1a over 32 bits: short keys dominate, and collisions are settled by comparing bytes. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  hash ^= hash >>> 15;
  return hash >>> 0;
}

function sameBytes(bytes: Uint8Array, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  for (let i = start, j = otherStart; i < end; i++, j++) if (bytes[i] !== bytes[j]) return false;
  return true;
}

function rehash(hashes: readonly number[], slots: number): Int32Array<ArrayBuffer> {
  const table = new Int32Array(slots).fill(-1);
  for (let code = 0; code < hashes.length; code++) {
    let slot = hashes[code] & (slots - 1);
    while (table[slot] >= 0) slot = (slot + 1) & (slots - 1);
    table[slot] = code;
  }
  return table;
}

/** Codes in the narrowest array that holds `entryCount` entries. */
function narrow(codes: Int32Array, entryCount: number): Codes {
  if (entryCount <= 256) return Uint8Array.from(codes);
  return entryCount <= 65_536 ? Uint16Array.from(codes) : codes;
}

function entries(type: ColumnType, offsets: Int32Array, bytes: Uint8Array, firsts: readonly number[]): Column {
  const out = new Int32Array(firsts.length + 1);
  for (let i = 0; i < firsts.length; i++) out[i + 1] = out[i] + offsets[firsts[i] + 1] - offsets[firsts[i]];
  const packed = new Uint8Array(out[firsts.length]);
  for (let i = 0; i < firsts.length; i++) {
    packed.set(bytes.subarray(offsets[firsts[i]], offsets[firsts[i] + 1]), out[i]);
  }
  return { type, length: firsts.length, validity: null, data: { layout: 'varlen', offsets: out, bytes: packed } };
}
