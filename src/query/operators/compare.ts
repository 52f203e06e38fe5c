import type { Bitmap } from '../../columns/bitmap.ts';
import { bitmapBytes, newBitmap, setBit } from '../../columns/bitmap.ts';
import { type Column, type FixedValues, nullColumn, type Scalar, scalarAt } from '../../columns/column.ts';
import { compareDoubles } from '../../columns/compare.ts';
import { plainColumn, toBigInts, toDoubles } from '../../columns/plain.ts';
import { BOOL } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import { compareText, expandBits } from './compare-text.ts';
import { constantColumn, constantOf } from './constant.ts';
import { isDictionary } from './dictionary-once.ts';
import { bothValid, notBits } from './selection.ts';

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

export function isComparison(name: string): name is Comparison {
  return name === '=' || name === '<>' || name === '<' || name === '<=' || name === '>' || name === '>=';
}

/** The comparison that holds of (b, a) when this one holds of (a, b). */
const FLIPPED: Record<Comparison, Comparison> = { '=': '=', '<>': '<>', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/**
 * Three tests and their complements make the six comparisons. In the engine's order NaN equals itself and
 * lies above every number, so `>` is exactly "not <=" and `>=` "not <", NaN or not.
 */
export type Test = 'less' | 'atMost' | 'equal';
const TESTS: Record<Comparison, { test: Test; negated: boolean }> = {
  '=': { test: 'equal', negated: false },
  '<>': { test: 'equal', negated: true },
  '<': { test: 'less', negated: false },
  '<=': { test: 'atMost', negated: false },
  '>': { test: 'atMost', negated: true },
  '>=': { test: 'less', negated: true },
};

/** Compares two columns of one type row by row; null where either is. Text compares by its UTF-8 bytes. */
export function compareColumns(comparison: Comparison, left: Column, right: Column): Column {
  const length = left.length;
  if (left.data.layout === 'none' || right.data.layout === 'none') return nullColumn(BOOL, length);
  if (constantOf(left) !== undefined && constantOf(right) === undefined) {
    return compareColumns(FLIPPED[comparison], right, left);
  }
  const { test, negated } = TESTS[comparison];
  const bits = testColumns(test, left, right);
  const validity = bothValid(left.validity, right.validity, length);
  return { type: BOOL, length, validity, data: { layout: 'bits', values: negated ? notBits(bits, length) : bits } };
}

function testColumns(test: Test, left: Column, right: Column): Bitmap {
  const { kind } = left.type;
  if (kind === 'string' || kind === 'json' || kind === 'bytes') return compareText(test, left, right);
  const constant = constantOf(right);
  if (constant !== undefined && isDictionary(left) && 2 * left.data.dictionary.length <= left.length) {
    // Once an entry instead of once a row.
    const { codes, dictionary } = left.data;
    const entries = testColumns(test, dictionary, constantColumn(scalarAt(constant, 0), right.type, dictionary.length));
    return expandBits(entries, codes, left.length);
  }
  const a = plainColumn(left);
  if (a.data.layout === 'fixed' && kind !== 'decimal') {
    if (constant !== undefined && !(a.data.values instanceof BigInt64Array)) {
      return testConstant(test, a.data.values, asBound(scalarAt(constant, 0)));
    }
    const b = plainColumn(right);
    assert(b.data.layout === 'fixed', 'both sides of a comparison have one type');
    return testFixed(test, a.data.values, b.data.values, kind === 'double');
  }
  const b = plainColumn(right);
  if (a.data.layout === 'fixed' && b.data.layout === 'fixed') {
    return testBigInts(test, toBigInts(a.data.values), toBigInts(b.data.values));
  }
  return testScalars(test, a, b);
}

const LARGEST_EXACT = 2n ** 53n;

/**
 * A constant to hold against Int32Array or Float64Array values. Integers beyond ±2^53 equal none of those
 * and lie beyond all of them, as an infinity does; rounding to a double would make 2^53 + 1 meet 2^53.
 */
function asBound(constant: Scalar): number {
  if (typeof constant !== 'bigint') return Number(constant);
  if (constant > LARGEST_EXACT) return Number.POSITIVE_INFINITY;
  return constant < -LARGEST_EXACT ? Number.NEGATIVE_INFINITY : Number(constant);
}

function testConstant(test: Test, values: Int32Array | Float64Array, bound: number): Bitmap {
  if (Number.isNaN(bound)) return testNan(test, values);
  // One function an array type, since a loop that has seen two runs at half the speed.
  if (values instanceof Int32Array) {
    if (test === 'less') return int32Less(values, bound);
    return test === 'atMost' ? int32AtMost(values, bound) : int32Equal(values, bound);
  }
  if (test === 'less') return doubleLess(values, bound);
  return test === 'atMost' ? doubleAtMost(values, bound) : doubleEqual(values, bound);
}

function testNan(test: Test, values: Int32Array | Float64Array): Bitmap {
  const out = newBitmap(values.length, test === 'atMost');
  if (test === 'atMost') return out;
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i]) === (test === 'equal')) setBit(out, i);
  return out;
}

function int32Less(values: Int32Array, bound: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(values.length));
  const whole = values.length & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i >> 3] =
      (values[i] < bound ? 1 : 0) |
      (values[i + 1] < bound ? 2 : 0) |
      (values[i + 2] < bound ? 4 : 0) |
      (values[i + 3] < bound ? 8 : 0) |
      (values[i + 4] < bound ? 16 : 0) |
      (values[i + 5] < bound ? 32 : 0) |
      (values[i + 6] < bound ? 64 : 0) |
      (values[i + 7] < bound ? 128 : 0);
  }
  for (let i = whole; i < values.length; i++) if (values[i] < bound) setBit(out, i);
  return out;
}

function int32AtMost(values: Int32Array, bound: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(values.length));
  const whole = values.length & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i >> 3] =
      (values[i] <= bound ? 1 : 0) |
      (values[i + 1] <= bound ? 2 : 0) |
      (values[i + 2] <= bound ? 4 : 0) |
      (values[i + 3] <= bound ? 8 : 0) |
      (values[i + 4] <= bound ? 16 : 0) |
      (values[i + 5] <= bound ? 32 : 0) |
      (values[i + 6] <= bound ? 64 : 0) |
      (values[i + 7] <= bound ? 128 : 0);
  }
  for (let i = whole; i < values.length; i++) if (values[i] <= bound) setBit(out, i);
  return out;
}

function int32Equal(values: Int32Array, bound: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(values.length));
  const whole = values.length & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i >> 3] =
      (values[i] === bound ? 1 : 0) |
      (values[i + 1] === bound ? 2 : 0) |
      (values[i + 2] === bound ? 4 : 0) |
      (values[i + 3] === bound ? 8 : 0) |
      (values[i + 4] === bound ? 16 : 0) |
      (values[i + 5] === bound ? 32 : 0) |
      (values[i + 6] === bound ? 64 : 0) |
      (values[i + 7] === bound ? 128 : 0);
  }
  for (let i = whole; i < values.length; i++) if (values[i] === bound) setBit(out, i);
  return out;
}

function doubleLess(values: Float64Array, bound: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(values.length));
  const whole = values.length & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i >> 3] =
      (values[i] < bound ? 1 : 0) |
      (values[i + 1] < bound ? 2 : 0) |
      (values[i + 2] < bound ? 4 : 0) |
      (values[i + 3] < bound ? 8 : 0) |
      (values[i + 4] < bound ? 16 : 0) |
      (values[i + 5] < bound ? 32 : 0) |
      (values[i + 6] < bound ? 64 : 0) |
      (values[i + 7] < bound ? 128 : 0);
  }
  for (let i = whole; i < values.length; i++) if (values[i] < bound) setBit(out, i);
  return out;
}

function doubleAtMost(values: Float64Array, bound: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(values.length));
  const whole = values.length & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i >> 3] =
      (values[i] <= bound ? 1 : 0) |
      (values[i + 1] <= bound ? 2 : 0) |
      (values[i + 2] <= bound ? 4 : 0) |
      (values[i + 3] <= bound ? 8 : 0) |
      (values[i + 4] <= bound ? 16 : 0) |
      (values[i + 5] <= bound ? 32 : 0) |
      (values[i + 6] <= bound ? 64 : 0) |
      (values[i + 7] <= bound ? 128 : 0);
  }
  for (let i = whole; i < values.length; i++) if (values[i] <= bound) setBit(out, i);
  return out;
}

function doubleEqual(values: Float64Array, bound: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(values.length));
  const whole = values.length & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i >> 3] =
      (values[i] === bound ? 1 : 0) |
      (values[i + 1] === bound ? 2 : 0) |
      (values[i + 2] === bound ? 4 : 0) |
      (values[i + 3] === bound ? 8 : 0) |
      (values[i + 4] === bound ? 16 : 0) |
      (values[i + 5] === bound ? 32 : 0) |
      (values[i + 6] === bound ? 64 : 0) |
      (values[i + 7] === bound ? 128 : 0);
  }
  for (let i = whole; i < values.length; i++) if (values[i] === bound) setBit(out, i);
  return out;
}

function testFixed(test: Test, a: FixedValues, b: FixedValues, mayBeNan: boolean): Bitmap {
  if (a instanceof BigInt64Array || b instanceof BigInt64Array) return testBigInts(test, toBigInts(a), toBigInts(b));
  if (a instanceof Int32Array && b instanceof Int32Array) return testInt32s(test, a, b);
  const [x, y] = [toDoubles(a), toDoubles(b)];
  return mayBeNan ? testNanDoubles(test, x, y) : testDoubles(test, x, y);
}

function testInt32s(test: Test, a: Int32Array, b: Int32Array): Bitmap {
  const out = newBitmap(a.length, false);
  if (test === 'less') for (let i = 0; i < a.length; i++) out[i >> 3] |= (a[i] < b[i] ? 1 : 0) << (i & 7);
  else if (test === 'atMost') for (let i = 0; i < a.length; i++) out[i >> 3] |= (a[i] <= b[i] ? 1 : 0) << (i & 7);
  else for (let i = 0; i < a.length; i++) out[i >> 3] |= (a[i] === b[i] ? 1 : 0) << (i & 7);
  return out;
}

function testDoubles(test: Test, a: Float64Array, b: Float64Array): Bitmap {
  const out = newBitmap(a.length, false);
  if (test === 'less') for (let i = 0; i < a.length; i++) out[i >> 3] |= (a[i] < b[i] ? 1 : 0) << (i & 7);
  else if (test === 'atMost') for (let i = 0; i < a.length; i++) out[i >> 3] |= (a[i] <= b[i] ? 1 : 0) << (i & 7);
  else for (let i = 0; i < a.length; i++) out[i >> 3] |= (a[i] === b[i] ? 1 : 0) << (i & 7);
  return out;
}

function testNanDoubles(test: Test, a: Float64Array, b: Float64Array): Bitmap {
  const out = newBitmap(a.length, false);
  for (let i = 0; i < a.length; i++) {
    const order = compareDoubles(a[i], b[i]);
    const holds = test === 'less' ? order < 0 : test === 'atMost' ? order <= 0 : order === 0;
    if (holds) setBit(out, i);
  }
  return out;
}

function testBigInts(test: Test, a: BigInt64Array, b: BigInt64Array): Bitmap {
  const out = newBitmap(a.length, false);
  if (test === 'less') for (let i = 0; i < a.length; i++) out[i >> 3] |= (a[i] < b[i] ? 1 : 0) << (i & 7);
  else if (test === 'atMost') for (let i = 0; i < a.length; i++) out[i >> 3] |= (a[i] <= b[i] ? 1 : 0) << (i & 7);
  else for (let i = 0; i < a.length; i++) out[i >> 3] |= (a[i] === b[i] ? 1 : 0) << (i & 7);
  return out;
}

/** Bools and wide decimals, which are rare. */
function testScalars(test: Test, a: Column, b: Column): Bitmap {
  const out = newBitmap(a.length, false);
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [scalarAt(a, i), scalarAt(b, i)];
    if (x === null || y === null) continue;
    if (test === 'less' ? x < y : test === 'atMost' ? x <= y : x === y) setBit(out, i);
  }
  return out;
}
