import { newBitmap, setBit } from '../../columns/bitmap.ts';
import type { ColumnData } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import type { PairTable } from './pair-table.ts';

/**
 * The values whose halves a table holds, as the data of a column of `length` rows: row 0 holds 0, row `i`
 * the pair of id `i - 1`. A decimal of more than 18 digits is a pair of ids in `lower` and `upper`.
 */
export function joinHalves(
  type: ColumnType,
  length: number,
  pairs: PairTable,
  lower?: PairTable,
  upper?: PairTable,
): ColumnData {
  const { lows, highs } = pairs;
  switch (type.kind) {
    case 'bool': {
      const values = newBitmap(length, false);
      for (let i = 1; i < length; i++) if (lows[i - 1] === 1) setBit(values, i);
      return { layout: 'bits', values };
    }
    case 'date': {
      const values = new Int32Array(length);
      values.set(lows.subarray(0, length - 1), 1);
      return { layout: 'fixed', values };
    }
    case 'double':
      return { layout: 'fixed', values: new Float64Array(interleave(lows, highs, length).buffer) };
    case 'decimal':
      if (lower !== undefined && upper !== undefined) return wide(pairs, lower, upper, length);
      return { layout: 'fixed', values: new BigInt64Array(interleave(lows, highs, length).buffer) };
    case 'int64':
    case 'timestamp':
      return { layout: 'fixed', values: integers(lows, highs, length) };
    default:
      throw new Error(`assertion failed: ${type.kind} has no halves`);
  }
}

function interleave(lows: Int32Array, highs: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const words = new Int32Array(2 * length);
  for (let i = 1; i < length; i++) {
    words[2 * i] = lows[i - 1];
    words[2 * i + 1] = highs[i - 1];
  }
  return words;
}

/** In doubles where all are below 2^53, which is where |high| stays below 2^21. */
function integers(lows: Int32Array, highs: Int32Array, length: number): Float64Array | BigInt64Array {
  const limit = 2 ** 21;
  for (let i = 0; i < length - 1; i++) {
    if (highs[i] < -limit || highs[i] >= limit) return new BigInt64Array(interleave(lows, highs, length).buffer);
  }
  const values = new Float64Array(length);
  for (let i = 1; i < length; i++) values[i] = highs[i - 1] * 4_294_967_296 + (lows[i - 1] >>> 0);
  return values;
}

function wide(pairs: PairTable, lower: PairTable, upper: PairTable, length: number): ColumnData {
  const words = new Int32Array(4 * length);
  for (let i = 1; i < length; i++) {
    const low = pairs.lows[i - 1];
    const high = pairs.highs[i - 1];
    words[4 * i] = lower.lows[low];
    words[4 * i + 1] = lower.highs[low];
    words[4 * i + 2] = upper.lows[high];
    words[4 * i + 3] = upper.highs[high];
  }
  return { layout: 'int128', values: new BigInt64Array(words.buffer) };
}
