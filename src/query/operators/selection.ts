import { type Bitmap, bitmapBytes, getBit, newBitmap } from '../../columns/bitmap.ts';
import type { Column } from '../../columns/column.ts';
import { assert } from '../../core/errors.ts';

/** The ordinals of the set bits among the first `length`, ascending. */
export function rowsOfBits(bits: Bitmap, length: number): Int32Array {
  const rows = new Int32Array(length);
  let count = 0;
  const bytes = length >> 3;
  for (let b = 0; b < bytes; b++) {
    const byte = bits[b];
    if (byte === 0) continue;
    const row = b << 3;
    // Writing always and advancing by the bit costs less than eight branches nobody can predict.
    rows[count] = row;
    count += byte & 1;
    rows[count] = row + 1;
    count += (byte >> 1) & 1;
    rows[count] = row + 2;
    count += (byte >> 2) & 1;
    rows[count] = row + 3;
    count += (byte >> 3) & 1;
    rows[count] = row + 4;
    count += (byte >> 4) & 1;
    rows[count] = row + 5;
    count += (byte >> 5) & 1;
    rows[count] = row + 6;
    count += (byte >> 6) & 1;
    rows[count] = row + 7;
    count += byte >> 7;
  }
  for (let i = bytes << 3; i < length; i++) if (getBit(bits, i)) rows[count++] = i;
  return count === length ? rows : rows.slice(0, count);
}

/** The ordinals 0 to `length` - 1. */
export function firstRows(length: number): Int32Array<ArrayBuffer> {
  const rows = new Int32Array(length);
  for (let i = 0; i < length; i++) rows[i] = i;
  return rows;
}

/** The value bits of a bool column; a null column is of no value at all. */
export function boolBits(column: Column): Bitmap {
  if (column.data.layout === 'none') return newBitmap(column.length, false);
  assert(column.data.layout === 'bits', `a condition is bool, not ${column.type.kind}`);
  return column.data.values;
}

/** The rows of a bool column that are true: neither false nor null. */
export function trueBits(column: Column): Bitmap {
  return column.validity === null ? boolBits(column) : andBits(boolBits(column), column.validity, column.length);
}

/** The bits set in both. */
export function andBits(a: Bitmap, b: Bitmap, length: number): Bitmap {
  const bytes = bitmapBytes(length);
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) out[i] = a[i] & b[i];
  return out;
}

/** The bits set in either. */
export function orBits(a: Bitmap, b: Bitmap, length: number): Bitmap {
  const bytes = bitmapBytes(length);
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) out[i] = a[i] | b[i];
  return out;
}

/** The complement; bits past the end stay clear. */
export function notBits(a: Bitmap, length: number): Bitmap {
  const bytes = bitmapBytes(length);
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) out[i] = ~a[i];
  if (length & 7) out[bytes - 1] &= (1 << (length & 7)) - 1;
  return out;
}

/** Rows present in both: where an operand is null, so is the answer. */
export function bothValid(a: Bitmap | null, b: Bitmap | null, length: number): Bitmap | null {
  if (a === null) return b;
  return b === null ? a : andBits(a, b, length);
}
