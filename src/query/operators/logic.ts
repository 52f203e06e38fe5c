import { newBitmap } from '../../columns/bitmap.ts';
import { type Column, nullColumn } from '../../columns/column.ts';
import { BOOL } from '../../columns/types.ts';
import { andBits, boolBits, notBits, orBits } from './selection.ts';

/**
 * Three-valued logic over bool columns. A column is two bitmaps: where it is true and where it is false;
 * where it is neither, it is null.
 */
interface Truth {
  readonly isTrue: Uint8Array;
  readonly isFalse: Uint8Array;
}

function truthOf(column: Column): Truth {
  const { length, validity } = column;
  if (column.data.layout === 'none') {
    const nowhere = newBitmap(length, false);
    return { isTrue: nowhere, isFalse: nowhere };
  }
  const bits = boolBits(column);
  const inverse = notBits(bits, length);
  if (validity === null) return { isTrue: bits, isFalse: inverse };
  return { isTrue: andBits(bits, validity, length), isFalse: andBits(inverse, validity, length) };
}

function columnOfTruth(truth: Truth, length: number): Column {
  const known = orBits(truth.isTrue, truth.isFalse, length);
  const validity = isAllSet(known, length) ? null : known;
  return { type: BOOL, length, validity, data: { layout: 'bits', values: truth.isTrue } };
}

/** Whether the first `length` bits are all set; those behind them are clear. */
export function isAllSet(bits: Uint8Array, length: number): boolean {
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (bits[i] !== 0xff) return false;
  return (length & 7) === 0 || bits[whole] === (1 << (length & 7)) - 1;
}

/** Whether no bit is set. */
export function isAllClear(bits: Uint8Array): boolean {
  for (let i = 0; i < bits.length; i++) if (bits[i] !== 0) return false;
  return true;
}

/** False where one is false, true where both are true, else null. */
export function andColumns(left: Column, right: Column): Column {
  const { length } = left;
  const [a, b] = [truthOf(left), truthOf(right)];
  return columnOfTruth(
    { isTrue: andBits(a.isTrue, b.isTrue, length), isFalse: orBits(a.isFalse, b.isFalse, length) },
    length,
  );
}

/** True where one is true, false where both are false, else null. */
export function orColumns(left: Column, right: Column): Column {
  const { length } = left;
  const [a, b] = [truthOf(left), truthOf(right)];
  return columnOfTruth(
    { isTrue: orBits(a.isTrue, b.isTrue, length), isFalse: andBits(a.isFalse, b.isFalse, length) },
    length,
  );
}

/** The negation of bools; null stays null. */
export function notColumn(column: Column): Column {
  if (column.data.layout === 'none') return nullColumn(BOOL, column.length);
  return { ...column, data: { layout: 'bits', values: notBits(boolBits(column), column.length) } };
}

/** Whether each row is null (`negated`: is not); never null itself. */
export function isNullColumn(column: Column, negated: boolean): Column {
  const { length } = column;
  const present =
    column.data.layout === 'none' ? newBitmap(length, false) : (column.validity ?? newBitmap(length, true));
  const values = negated ? present : notBits(present, length);
  return { type: BOOL, length, validity: null, data: { layout: 'bits', values } };
}
