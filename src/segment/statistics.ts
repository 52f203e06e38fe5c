import { getBit } from '../columns/bitmap.ts';
import { type Column, isNull, nullCount, type Scalar, scalarAt } from '../columns/column.ts';
import type { ColumnType } from '../columns/types.ts';
import type { RawStatistics } from '../parquet/metadata.ts';

/**
 * What pruning knows of a column: `min` and `max` bound every value that is not null, in the column's type
 * and in the engine's order (UTF-8 bytes for text, NaN above every number). A missing side is unbounded.
 */
export interface ColumnStatistics {
  readonly min?: Scalar;
  readonly max?: Scalar;
  readonly nullCount: number;
}

/** Text and byte bounds are cut to this length; a bound need not be a value. */
export const BOUND_BYTES = 64;

/**
 * Bounds while they are gathered. Text is kept as bytes, since JavaScript compares UTF-16 units and
 * segments compare UTF-8 bytes. Invariant: with neither `min` nor `max` there was no value, or `hasNan`
 * and nothing else.
 */
export interface Bounds {
  readonly min: boolean | number | bigint | Uint8Array | undefined;
  readonly max: boolean | number | bigint | Uint8Array | undefined;
  readonly nullCount: number;
  readonly hasNan: boolean;
}

export const NO_BOUNDS: Bounds = {
  min: undefined,
  max: undefined,
  nullCount: 0,
  hasNan: false,
};

/** Unsigned lexicographic order of bytes, which for UTF-8 is the order of code points. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

function less(a: NonNullable<Bounds['min']>, b: NonNullable<Bounds['min']>): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b) < 0;
  return a < b;
}

export function mergeBounds(a: Bounds, b: Bounds): Bounds {
  const min = a.min === undefined || (b.min !== undefined && less(b.min, a.min)) ? b.min : a.min;
  const max = a.max === undefined || (b.max !== undefined && less(a.max, b.max)) ? b.max : a.max;
  return {
    min,
    max,
    nullCount: a.nullCount + b.nullCount,
    hasNan: a.hasNan || b.hasNan,
  };
}

/** Bounds of all rows of a column. */
export function columnBounds(column: Column): Bounds {
  const { data } = column;
  const nulls = nullCount(column);
  switch (data.layout) {
    case 'none':
      return { ...NO_BOUNDS, nullCount: nulls };
    case 'fixed':
      return data.values instanceof BigInt64Array
        ? bigintBounds(column, data.values, nulls)
        : numberBounds(column, data.values, nulls);
    case 'varlen':
      // Nobody compares nested values or prunes by them.
      if (column.type.kind === 'json') return { ...NO_BOUNDS, nullCount: nulls };
      return bytesBounds(column, data.offsets, data.bytes, nulls);
    case 'dictionary': {
      const used = new Uint8Array((data.dictionary.length + 7) >> 3);
      for (let i = 0; i < column.length; i++) {
        if (column.validity === null || getBit(column.validity, i))
          used[data.codes[i] >> 3] |= 1 << (data.codes[i] & 7);
      }
      const bounds = columnBounds({ ...data.dictionary, validity: used });
      return { ...bounds, nullCount: nulls };
    }
    case 'bits':
    case 'int128':
      return scalarBounds(column, nulls);
  }
}

function numberBounds(column: Column, values: Int32Array | Float64Array, nulls: number): Bounds {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let seen = false;
  let hasNan = false;
  for (let i = 0; i < column.length; i++) {
    if (column.validity !== null && !getBit(column.validity, i)) continue;
    const value = values[i];
    if (Number.isNaN(value)) {
      hasNan = true;
      continue;
    }
    seen = true;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (!seen) return { ...NO_BOUNDS, nullCount: nulls, hasNan };
  const kind = column.type.kind;
  if (kind === 'double' || kind === 'date') return { min, max, nullCount: nulls, hasNan };
  return {
    min: BigInt(min),
    max: BigInt(max),
    nullCount: nulls,
    hasNan: false,
  };
}

function bigintBounds(column: Column, values: BigInt64Array, nulls: number): Bounds {
  let min: bigint | undefined;
  let max: bigint | undefined;
  for (let i = 0; i < column.length; i++) {
    if (column.validity !== null && !getBit(column.validity, i)) continue;
    const value = values[i];
    if (min === undefined || value < min) min = value;
    if (max === undefined || value > max) max = value;
  }
  return { min, max, nullCount: nulls, hasNan: false };
}

function bytesBounds(column: Column, offsets: Int32Array, bytes: Uint8Array, nulls: number): Bounds {
  let min = -1;
  let max = -1;
  for (let i = 0; i < column.length; i++) {
    if (column.validity !== null && !getBit(column.validity, i)) continue;
    if (min < 0) {
      min = i;
      max = i;
    } else if (compareRanges(bytes, offsets[i], offsets[i + 1], offsets[min], offsets[min + 1]) < 0) min = i;
    else if (compareRanges(bytes, offsets[i], offsets[i + 1], offsets[max], offsets[max + 1]) > 0) max = i;
  }
  if (min < 0) return { ...NO_BOUNDS, nullCount: nulls };
  // Copies, so that a bound does not keep a whole batch alive.
  return {
    min: bytes.slice(offsets[min], offsets[min + 1]),
    max: bytes.slice(offsets[max], offsets[max + 1]),
    nullCount: nulls,
    hasNan: false,
  };
}

function compareRanges(bytes: Uint8Array, aStart: number, aEnd: number, bStart: number, bEnd: number): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart);
  for (let i = 0; i < length; i++) {
    const difference = bytes[aStart + i] - bytes[bStart + i];
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

function scalarBounds(column: Column, nulls: number): Bounds {
  let bounds = NO_BOUNDS;
  for (let i = 0; i < column.length; i++) {
    if (isNull(column, i)) continue;
    const value = scalarAt(column, i);
    if (typeof value !== 'boolean' && typeof value !== 'bigint') continue;
    bounds = mergeBounds(bounds, {
      min: value,
      max: value,
      nullCount: 0,
      hasNan: false,
    });
  }
  return { ...bounds, nullCount: nulls };
}

/** A lower bound of at most `BOUND_BYTES`; a prefix is below what it begins. Text is cut between characters. */
export function cutMin(bytes: Uint8Array, text: boolean): Uint8Array {
  if (bytes.length <= BOUND_BYTES) return bytes;
  return bytes.slice(0, text ? characterStart(bytes, BOUND_BYTES) : BOUND_BYTES);
}

/**
 * An upper bound of at most `BOUND_BYTES`: the prefix with its last unit that can grow made one larger.
 * Undefined where no such bound exists (the prefix is all 0xff, or U+10FFFF).
 */
export function cutMax(bytes: Uint8Array, text: boolean): Uint8Array | undefined {
  if (bytes.length <= BOUND_BYTES) return bytes;
  return text ? nextText(bytes) : nextBytes(bytes.slice(0, BOUND_BYTES));
}

function nextBytes(prefix: Uint8Array): Uint8Array | undefined {
  for (let end = prefix.length; end > 0; end--) {
    if (prefix[end - 1] === 0xff) continue;
    prefix[end - 1]++;
    return prefix.subarray(0, end);
  }
  return undefined;
}

/** Steps whole characters, so that the bound stays valid UTF-8, which other readers expect of a string column. */
function nextText(bytes: Uint8Array): Uint8Array | undefined {
  let end = characterStart(bytes, BOUND_BYTES);
  while (end > 0) {
    const start = characterStart(bytes, end - 1);
    const code = new TextDecoder().decode(bytes.subarray(start, end)).codePointAt(0) ?? 0x10ffff;
    if (code < 0x10ffff) {
      const next = code === 0xd7ff ? 0xe000 : code + 1;
      const tail = new TextEncoder().encode(String.fromCodePoint(next));
      const bound = new Uint8Array(start + tail.length);
      bound.set(bytes.subarray(0, start));
      bound.set(tail, start);
      return bound;
    }
    end = start;
  }
  return undefined;
}

/** The largest position not above `at` where a character of UTF-8 begins. */
function characterStart(bytes: Uint8Array, at: number): number {
  let start = at;
  while (start > 0 && (bytes[start] & 0xc0) === 0x80) start--;
  return start;
}

/** Statistics as the catalogue keeps them: text as strings, an unknown side left out. */
export function toStatistics(bounds: Bounds, type: ColumnType): ColumnStatistics {
  const statistics: { min?: Scalar; max?: Scalar; nullCount: number } = {
    nullCount: bounds.nullCount,
  };
  let { min, max } = bounds;
  if (min instanceof Uint8Array) min = cutMin(min, type.kind === 'string');
  if (max instanceof Uint8Array) max = cutMax(max, type.kind === 'string');
  // NaN is above every number; with it there is no upper bound, and a column of NaN alone has no lower one.
  if (bounds.hasNan) max = undefined;
  if (min !== undefined) statistics.min = asScalar(min, type);
  if (max !== undefined) statistics.max = asScalar(max, type);
  return statistics;
}

/** Statistics from bounds in Parquet's PLAIN encoding. A bound that does not fit its type is taken for unknown. */
export function fromRaw(raw: RawStatistics, type: ColumnType): ColumnStatistics {
  const statistics: { min?: Scalar; max?: Scalar; nullCount: number } = { nullCount: raw.nullCount ?? 0 };
  const min = raw.min === undefined ? undefined : fromPlain(raw.min, type);
  const max = raw.max === undefined ? undefined : fromPlain(raw.max, type);
  if (min !== undefined) statistics.min = min;
  if (max !== undefined) statistics.max = max;
  return statistics;
}

function fromPlain(bytes: Uint8Array, type: ColumnType): Scalar | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (type.kind) {
    case 'bool':
      return bytes.length === 1 ? bytes[0] === 1 : undefined;
    case 'int64':
    case 'timestamp':
      return bytes.length === 8 ? view.getBigInt64(0, true) : undefined;
    case 'decimal':
      if (bytes.length === 8) return view.getBigInt64(0, true);
      return bytes.length === 16 ? (view.getBigInt64(0) << 64n) | view.getBigUint64(8) : undefined;
    case 'double':
      return bytes.length === 8 ? view.getFloat64(0, true) : undefined;
    case 'date':
      return bytes.length === 4 ? view.getInt32(0, true) : undefined;
    case 'string':
      return new TextDecoder().decode(bytes);
    case 'bytes':
      return bytes.slice();
    case 'json':
    case 'null':
      return undefined;
  }
}

function asScalar(value: NonNullable<Bounds['min']>, type: ColumnType): Scalar {
  return value instanceof Uint8Array && type.kind === 'string' ? new TextDecoder().decode(value) : value;
}
