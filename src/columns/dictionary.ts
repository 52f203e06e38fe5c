import { type Bitmap, getBit } from './bitmap.ts';
import { type Codes, type Column, type ColumnData, gatherColumn } from './column.ts';
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
  const hashes = new Int32Array(most);
  /** The row that first held each entry. */
  const firsts = new Int32Array(most);
  let count = 0;
  const codes = new Int32Array(length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let row = 0; row < length; row++) {
    if (row === SAMPLE_ROWS && count > SAMPLE_ROWS * 0.6) return null;
    if (validity !== null && !getBit(validity, row)) continue;
    const start = offsets[row];
    const end = offsets[row + 1];
    const hash = hashBytes(view, start, end);
    let slot = hash & (slots - 1);
    let code = table[slot];
    while (code >= 0) {
      if (hashes[code] === hash && sameBytes(view, start, end, offsets[firsts[code]], offsets[firsts[code] + 1])) break;
      slot = (slot + 1) & (slots - 1);
      code = table[slot];
    }
    if (code < 0) {
      code = count;
      if (code >= most) return null;
      table[slot] = code;
      hashes[code] = hash;
      firsts[code] = row;
      count++;
      if (count * 2 > slots) {
        slots *= 2;
        table = rehash(hashes, count, slots);
      }
    }
    codes[row] = code;
  }
  return {
    layout: 'dictionary',
    codes: narrow(codes, count),
    dictionary: entries(type, offsets, bytes, firsts.subarray(0, count)),
  };
}

/** FNV-1a in steps of four bytes, a signed 32-bit integer: short keys dominate, and collisions are settled by comparing bytes. */
function hashBytes(view: DataView, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ (end - start);
  let i = start;
  for (; i + 4 <= end; i += 4) {
    hash = Math.imul(hash ^ view.getInt32(i, true), 0x01000193);
    // A multiplication only moves bits up; this brings the top of each word back down.
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ view.getUint8(i), 0x01000193);
  return hash ^ (hash >>> 16);
}

function sameBytes(view: DataView, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  let i = start;
  let j = otherStart;
  for (; i + 4 <= end; i += 4, j += 4) if (view.getInt32(i) !== view.getInt32(j)) return false;
  for (; i < end; i++, j++) if (view.getUint8(i) !== view.getUint8(j)) return false;
  return true;
}

function rehash(hashes: Int32Array, count: number, slots: number): Int32Array<ArrayBuffer> {
  const table = new Int32Array(slots).fill(-1);
  for (let code = 0; code < count; code++) {
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

function entries(type: ColumnType, offsets: Int32Array, bytes: Uint8Array, firsts: Int32Array): Column {
  const out = new Int32Array(firsts.length + 1);
  for (let i = 0; i < firsts.length; i++) out[i + 1] = out[i] + offsets[firsts[i] + 1] - offsets[firsts[i]];
  const packed = new Uint8Array(out[firsts.length]);
  for (let i = 0; i < firsts.length; i++) {
    packed.set(bytes.subarray(offsets[firsts[i]], offsets[firsts[i] + 1]), out[i]);
  }
  return { type, length: firsts.length, validity: null, data: { layout: 'varlen', offsets: out, bytes: packed } };
}

/** The same values over a dictionary of only those entries that they have: few rows are not to keep a large one alive. */
export function withOwnEntries(column: Column): Column {
  const { data } = column;
  if (data.layout !== 'dictionary' || data.dictionary.length <= column.length) return column;
  const places = new Map<number, number>();
  const codes = Int32Array.from(data.codes.subarray(0, column.length), (code) => {
    const place = places.get(code) ?? places.size;
    places.set(code, place);
    return place;
  });
  const dictionary = gatherColumn(data.dictionary, Int32Array.from(places.keys()));
  return { ...column, data: { layout: 'dictionary', codes, dictionary } };
}
