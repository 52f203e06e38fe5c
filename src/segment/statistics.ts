import type { Scalar } from '../columns/column.ts';
import type { ColumnType } from '../columns/types.ts';
import type { Bounds } from '../parquet/bounds.ts';
import type { RawStatistics } from '../parquet/metadata.ts';
import { cutMax, cutMin } from './cut-bounds.ts';

/**
 * What pruning knows of a column: `min` and `max` bound every value that is not null, in the column's type
 * and in the engine's order (UTF-8 bytes for text, NaN above every number). A missing side is unbounded.
 */
export interface ColumnStatistics {
  readonly min?: Scalar;
  readonly max?: Scalar;
  readonly nullCount: number;
}

interface MutableStatistics {
  min?: Scalar;
  max?: Scalar;
  nullCount: number;
}

const decoder = new TextDecoder();

/** Statistics as the catalogue keeps them: text as strings, cut to a bounded length. */
export function toStatistics(bounds: Bounds, nullCount: number, type: ColumnType): ColumnStatistics {
  const statistics: MutableStatistics = { nullCount };
  const [min, max] = cut(bounds, type);
  // NaN is above every number; with it there is no upper bound.
  if (max !== undefined && !bounds.hasNan) statistics.max = asScalar(max, type);
  if (min !== undefined) statistics.min = asScalar(min, type);
  return statistics;
}

function cut({ min, max }: Bounds, type: ColumnType): [Bounds['min'], Bounds['max']] {
  const text = type.kind === 'string';
  return [min instanceof Uint8Array ? cutMin(min, text) : min, max instanceof Uint8Array ? cutMax(max, text) : max];
}

function asScalar(value: NonNullable<Bounds['min']>, type: ColumnType): Scalar {
  return value instanceof Uint8Array && type.kind === 'string' ? decoder.decode(value) : value;
}

/** Bounds in Parquet's PLAIN encoding, for the file's own statistics. */
export interface PlainBounds {
  readonly min: Uint8Array;
  readonly max: Uint8Array;
  /** Whether the bounds are values of the column. */
  readonly exact: boolean;
}

/** Undefined where there are no bounds that every reader would take for what they are. */
export function toPlain(bounds: Bounds, type: ColumnType): PlainBounds | undefined {
  // Other readers know nothing of NaN above every number, and skip by bounds that leave it out.
  if (bounds.hasNan || type.kind === 'json') return undefined;
  const [min, max] = cut(bounds, type);
  if (min === undefined || max === undefined) return undefined;
  return { min: plain(min, type), max: plain(max, type), exact: min === bounds.min && max === bounds.max };
}

function plain(value: NonNullable<Bounds['min']>, type: ColumnType): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0);
  if (typeof value === 'number') {
    const bytes = new Uint8Array(type.kind === 'date' ? 4 : 8);
    const view = new DataView(bytes.buffer);
    if (type.kind === 'date') view.setInt32(0, value, true);
    else view.setFloat64(0, value, true);
    return bytes;
  }
  const wide = type.kind === 'decimal' && type.precision > 18;
  const bytes = new Uint8Array(wide ? 16 : 8);
  const view = new DataView(bytes.buffer);
  if (wide) {
    view.setBigInt64(0, value >> 64n);
    view.setBigUint64(8, BigInt.asUintN(64, value));
  } else view.setBigInt64(0, value, true);
  return bytes;
}

/** Statistics from bounds in PLAIN encoding. A bound that does not fit its type is taken for unknown. */
export function fromRaw(raw: RawStatistics, type: ColumnType): ColumnStatistics {
  const statistics: MutableStatistics = { nullCount: raw.nullCount ?? 0 };
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
      return decoder.decode(bytes);
    case 'bytes':
      return bytes.slice();
    case 'json':
    case 'null':
      return undefined;
  }
}
