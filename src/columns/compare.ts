import { type Column, isNull, type Scalar } from './column.ts';

type Value = Exclude<Scalar, null>;

/** Negative, zero or positive, as `Array.prototype.sort` takes it. */
export type Order = number;

/** Doubles in DuckDB's total order: NaN equals itself and is above everything; -0 equals 0. */
export function compareDoubles(a: number, b: number): Order {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0);
}

/**
 * Strings in the order of their UTF-8 bytes, which is the order of code points. It differs from the
 * order of UTF-16 units only where a surrogate meets a unit from U+E000 up.
 */
export function compareStrings(a: string, b: string): Order {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) {
      const leftHigh = left >= 0xd800 && left <= 0xdfff;
      const rightHigh = right >= 0xd800 && right <= 0xdfff;
      return leftHigh === rightHigh ? left - right : leftHigh ? 1 : -1;
    }
  }
  return a.length - b.length;
}

/** The order of two slices as unsigned bytes; a slice is above what it begins with. */
export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): Order {
  const shared = Math.min(aEnd - aStart, bEnd - bStart);
  for (let i = 0; i < shared; i++) {
    const difference = a[aStart + i] - b[bStart + i];
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

/** The total order of two values of one type, neither null. Json compares as its text. */
export function compareScalars(a: Value, b: Value): Order {
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  if (typeof a === 'number' && typeof b === 'number') return compareDoubles(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, 0, a.length, b, 0, b.length);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether two values of one type are the same to `=`, group-by and indexes. */
export function sameScalar(a: Scalar, b: Scalar): boolean {
  if (a === null || b === null) return a === b;
  return compareScalars(a, b) === 0;
}

/** How rows are ordered by one key. */
export interface SortOrder {
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** SQL's default here, as in DuckDB. */
const ASCENDING: SortOrder = { descending: false, nullsFirst: false };

/** Compares row `i` of the first column with row `j` of the second; both have one type. Nulls are equal to each other. */
export function columnComparator(
  left: Column,
  right: Column = left,
  order: SortOrder = ASCENDING,
): (i: number, j: number) => Order {
  const values = valueComparator(left, right);
  const sign = order.descending ? -1 : 1;
  if (
    left.validity === null &&
    right.validity === null &&
    left.data.layout !== 'none' &&
    right.data.layout !== 'none'
  ) {
    return order.descending ? (i, j) => -values(i, j) : values;
  }
  const leftNull = order.nullsFirst ? -1 : 1;
  return (i, j) => {
    const a = isNull(left, i);
    const b = isNull(right, j);
    if (a || b) return a && b ? 0 : a ? leftNull : -leftNull;
    return sign * values(i, j);
  };
}

function valueComparator(left: Column, right: Column): (i: number, j: number) => Order {
  const [a, b] = [left.data, right.data];
  if (a.layout === 'fixed' && b.layout === 'fixed') {
    const [x, y] = [a.values, b.values];
    if (left.type.kind === 'double' && x instanceof Float64Array && y instanceof Float64Array) {
      return (i, j) => compareDoubles(x[i], y[j]);
    }
    return (i, j) => (x[i] < y[j] ? -1 : x[i] > y[j] ? 1 : 0);
  }
  if (a.layout === 'varlen' && b.layout === 'varlen') {
    return (i, j) => compareBytes(a.bytes, a.offsets[i], a.offsets[i + 1], b.bytes, b.offsets[j], b.offsets[j + 1]);
  }
  if (a.layout === 'int128' && b.layout === 'int128') {
    const [x, y] = [a.values, b.values];
    return (i, j) => {
      const [high, otherHigh] = [x[2 * i + 1], y[2 * j + 1]];
      if (high !== otherHigh) return high < otherHigh ? -1 : 1;
      const [low, otherLow] = [BigInt.asUintN(64, x[2 * i]), BigInt.asUintN(64, y[2 * j])];
      return low < otherLow ? -1 : low > otherLow ? 1 : 0;
    };
  }
  if (a.layout === 'bits' && b.layout === 'bits') {
    const bit = (bits: Uint8Array, row: number) => (bits[row >> 3] >> (row & 7)) & 1;
    return (i, j) => bit(a.values, i) - bit(b.values, j);
  }
  if (a.layout === 'dictionary') {
    const inner = valueComparator(a.dictionary, right);
    return (i, j) => inner(a.codes[i], j);
  }
  if (b.layout === 'dictionary') {
    const inner = valueComparator(left, b.dictionary);
    return (i, j) => inner(i, b.codes[j]);
  }
  return () => 0;
}

/** Compares rows by several columns, the first deciding first. */
export function rowComparator(
  keys: readonly { readonly column: Column; readonly order?: SortOrder }[],
): (i: number, j: number) => Order {
  const comparators = keys.map(({ column, order }) => columnComparator(column, column, order));
  if (comparators.length === 1) return comparators[0];
  return (i, j) => {
    for (const compare of comparators) {
      const result = compare(i, j);
      if (result !== 0) return result;
    }
    return 0;
  };
}
