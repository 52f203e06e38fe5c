import { type Bitmap, getBit } from '../../columns/bitmap.ts';
import { type Column, type FixedValues, nullColumn } from '../../columns/column.ts';
import { plainColumn, toBigInts, toDoubles } from '../../columns/plain.ts';
import type { ColumnType } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { bothValid } from './selection.ts';

export type Arithmetic = '+' | '-' | '*' | '/';

/** Whether a function is one that `Arithmetic` names. */
export function isArithmetic(name: string): name is Arithmetic {
  return name === '+' || name === '-' || name === '*' || name === '/';
}

/**
 * Arithmetic over two columns of one type, int64 or double, whose answer has the same type; undefined
 * where the types are others. int64 is exact and throws `type_error` where it overflows; double is IEEE 754.
 */
export function arithmeticColumns(
  operation: Arithmetic,
  left: Column,
  right: Column,
  type: ColumnType,
): Column | undefined {
  if (left.data.layout === 'none' || right.data.layout === 'none') return nullColumn(type, left.length);
  const kind = type.kind;
  if (left.type.kind !== kind || right.type.kind !== kind) return undefined;
  if (kind !== 'double' && (kind !== 'int64' || operation === '/')) return undefined;
  const a = plainColumn(left).data;
  const b = plainColumn(right).data;
  if (a.layout !== 'fixed' || b.layout !== 'fixed') return undefined;
  const length = left.length;
  const validity = bothValid(left.validity, right.validity, length);
  const values =
    kind === 'double'
      ? doubles(operation, toDoubles(a.values), toDoubles(b.values))
      : integers(operation, a.values, b.values, validity);
  return { type, length, validity, data: { layout: 'fixed', values } };
}

function doubles(operation: Arithmetic, a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(a.length);
  if (operation === '+') for (let i = 0; i < a.length; i++) out[i] = a[i] + b[i];
  else if (operation === '-') for (let i = 0; i < a.length; i++) out[i] = a[i] - b[i];
  else if (operation === '*') for (let i = 0; i < a.length; i++) out[i] = a[i] * b[i];
  else for (let i = 0; i < a.length; i++) out[i] = a[i] / b[i];
  return out;
}

/** In doubles while every answer is exact there, which the answers themselves show; else in bigints. */
function integers(operation: Arithmetic, a: FixedValues, b: FixedValues, validity: Bitmap | null): FixedValues {
  if (!(a instanceof BigInt64Array) && !(b instanceof BigInt64Array)) {
    const out = doubles(operation, toDoubles(a), toDoubles(b));
    if (settleIntegers(out)) return out;
  }
  return bigints(operation, toBigInts(a), toBigInts(b), validity);
}

/** Turns -0 into 0 and says whether all values are below 2^53, hence neither rounded nor of rounded parts. */
function settleIntegers(values: Float64Array): boolean {
  const limit = 2 ** 53;
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] + 0;
    values[i] = value;
    const size = Math.abs(value);
    if (!(size <= largest)) largest = size;
  }
  return largest < limit;
}

const LEAST = -(2n ** 63n);
const GREATEST = 2n ** 63n - 1n;

function bigints(operation: Arithmetic, a: BigInt64Array, b: BigInt64Array, validity: Bitmap | null): BigInt64Array {
  const out = new BigInt64Array(a.length);
  for (let i = 0; i < a.length; i++) {
    if (validity !== null && !getBit(validity, i)) continue;
    const value = operation === '+' ? a[i] + b[i] : operation === '-' ? a[i] - b[i] : a[i] * b[i];
    if (value < LEAST || value > GREATEST) {
      throw new OrasiError(
        'type_error',
        `${a[i]} ${operation} ${b[i]} is outside the range of int64; cast to decimal or double`,
      );
    }
    out[i] = value;
  }
  return out;
}
