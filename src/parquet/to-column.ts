import { type Bitmap, newBitmap } from '../columns/bitmap.ts';
import type { Column, ColumnData, FixedValues } from '../columns/column.ts';
import type { ColumnType } from '../columns/types.ts';
import type { LeafData } from './pages.ts';
import { malformed } from './thrift.ts';
import type { PhysicalValues } from './values.ts';

/**
 * A flat leaf as a column of the type its values have as they stand (no units or signs to convert):
 * BOOLEAN → bool; INT32 → int64, date; INT64 → int64, timestamp, decimal; FLOAT, DOUBLE → double;
 * BYTE_ARRAY → string, bytes, json; 16 big-endian bytes → decimal. Any other pairing throws `malformed_input`.
 */
export function toColumn(data: LeafData, type: ColumnType): Column {
  if (data.levels.kind !== 'flat') throw malformed('a nested column is read as a flat one');
  const { length } = data;
  const { validity } = data.levels;
  if (data.values.kind !== 'coded') return { type, length, validity, data: toData(data.values, type) };
  const { codes, dictionary } = data.values;
  const entries = toDictionary(dictionary, type);
  return { type, length, validity, data: { layout: 'dictionary', codes, dictionary: entries } };
}

/** Whether a column of this type may keep dictionary codes. */
export function keepsCodes(type: ColumnType): boolean {
  const { kind } = type;
  return kind === 'string' || kind === 'int64' || kind === 'double' || kind === 'date' || kind === 'timestamp';
}

function toDictionary(values: PhysicalValues, type: ColumnType): Column {
  return { type, length: countOf(values), validity: null, data: toData(values, type) };
}

/** How many values there are. */
export function countOf(values: PhysicalValues): number {
  switch (values.kind) {
    case 'int64':
      return values.words.length / 2;
    case 'slices':
      return values.offsets.length - 1;
    case 'fixed':
      return values.width === 0 ? 0 : values.bytes.length / values.width;
    default:
      return values.values.length;
  }
}

function toData(values: PhysicalValues, type: ColumnType): ColumnData {
  switch (values.kind) {
    case 'boolean':
      if (type.kind === 'bool') return { layout: 'bits', values: packBits(values.values) };
      break;
    case 'int32':
      if (type.kind === 'null') return { layout: 'none' };
      if (type.kind === 'int64' || type.kind === 'date') return { layout: 'fixed', values: values.values };
      break;
    case 'int64':
      if (type.kind === 'int64') return { layout: 'fixed', values: narrowest(values.words, true) };
      if (type.kind === 'timestamp') return { layout: 'fixed', values: narrowest(values.words, false) };
      if (type.kind === 'decimal') return { layout: 'fixed', values: bigints(values.words) };
      break;
    case 'double':
      if (type.kind === 'double') return { layout: 'fixed', values: values.values };
      break;
    case 'slices':
      if (type.kind === 'string' || type.kind === 'json' || type.kind === 'bytes') {
        return { layout: 'varlen', offsets: values.offsets, bytes: values.bytes };
      }
      break;
    case 'fixed':
      if (type.kind === 'decimal' && type.precision > 18 && values.width === 16) {
        return { layout: 'int128', values: int128s(values.bytes) };
      }
      break;
  }
  throw malformed(`values of ${values.kind} are read as ${type.kind}`);
}

/** Bytes of 0 and 1 as bits. */
export function packBits(values: Uint8Array): Bitmap {
  const bits = newBitmap(values.length, false);
  const whole = values.length >> 3;
  for (let i = 0; i < whole; i++) {
    const at = i << 3;
    bits[i] =
      values[at] |
      (values[at + 1] << 1) |
      (values[at + 2] << 2) |
      (values[at + 3] << 3) |
      (values[at + 4] << 4) |
      (values[at + 5] << 5) |
      (values[at + 6] << 6) |
      (values[at + 7] << 7);
  }
  for (let i = whole << 3; i < values.length; i++) bits[i >> 3] |= values[i] << (i & 7);
  return bits;
}

/** High words of integers within ±2^53. */
const SAFE_HIGH = 2 ** 21;

/** 64-bit integers in the narrowest array that holds them all: Int32Array (where allowed), Float64Array, else BigInt64Array. */
export function narrowest(words: Int32Array, allowInt32: boolean): FixedValues {
  const length = words.length / 2;
  const narrow = allowInt32 ? asInt32(words, length) : undefined;
  return narrow ?? asDoubles(words, length) ?? bigints(words);
}

function asInt32(words: Int32Array, length: number): Int32Array | undefined {
  const values = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const low = words[2 * i];
    if (words[2 * i + 1] !== low >> 31) return undefined;
    values[i] = low;
  }
  return values;
}

function asDoubles(words: Int32Array, length: number): Float64Array | undefined {
  const values = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    const high = words[2 * i + 1];
    if (high >= SAFE_HIGH || high < -SAFE_HIGH) return undefined;
    values[i] = high * 4_294_967_296 + (words[2 * i] >>> 0);
  }
  return values;
}

/** The same memory; words come from a buffer aligned for it. */
export function bigints(words: Int32Array): BigInt64Array {
  return new BigInt64Array(words.buffer as ArrayBuffer, words.byteOffset, words.length / 2);
}

/** Big-endian 16-byte integers as little-endian pairs. */
function int128s(bytes: Uint8Array): BigInt64Array {
  const length = bytes.length / 16;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const pairs = new BigInt64Array(2 * length);
  for (let i = 0; i < length; i++) {
    pairs[2 * i] = view.getBigInt64(16 * i + 8);
    pairs[2 * i + 1] = view.getBigInt64(16 * i);
  }
  return pairs;
}
