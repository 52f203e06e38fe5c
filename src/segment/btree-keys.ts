import { getBit } from '../columns/bitmap.ts';
import type { Column, Scalar } from '../columns/column.ts';
import type { ColumnType } from '../columns/types.ts';
import { assert } from '../core/errors.ts';

/**
 * Every orderable type as byte strings whose unsigned lexicographic order is the type's order, so that
 * the index compares bytes and knows no types:
 * - bool, date: 4 bytes; int64, timestamp, decimal to 18 digits, double: 8; wider decimals: 16;
 *   big-endian with the sign bit turned over (a negative double: all bits), as in
 *   https://www.sqlite.org/src4/doc/trunk/www/key_encoding.wiki
 * - string and bytes: as they are (UTF-8 order is code point order).
 * -0 is 0 and every NaN is one NaN above infinity, as comparisons have it.
 */
export type KeyWords = 1 | 2 | 4;

/** Words of a type's fixed key; 0 for byte strings; undefined where the type has no order. */
export function keyWords(type: ColumnType): KeyWords | 0 | undefined {
  switch (type.kind) {
    case 'null':
    case 'bool':
    case 'date':
      return 1;
    case 'int64':
    case 'double':
    case 'timestamp':
      return 2;
    case 'decimal':
      return type.precision <= 18 ? 2 : 4;
    case 'string':
    case 'bytes':
      return 0;
    case 'json':
      return undefined;
  }
}

const SIGN = 0x80000000;
const TWO_32 = 4_294_967_296;
const NAN_HIGH = 0x7ff80000;

/** The key of a value. Throws where the value is not of the type. */
export function encodeKey(type: ColumnType, value: Scalar): Uint8Array {
  switch (type.kind) {
    case 'bool':
      assert(typeof value === 'boolean', 'a bool is compared with a bool');
      return bigEndian([value ? 1 : 0]);
    case 'date':
      assert(typeof value === 'number', 'a date is compared with a count of days');
      return bigEndian([value ^ SIGN]);
    case 'double': {
      assert(typeof value === 'number', 'a double is compared with a double');
      const words = new Uint32Array(Float64Array.of(value === 0 ? 0 : value).buffer);
      if (Number.isNaN(value)) return bigEndian([NAN_HIGH ^ SIGN, 0]);
      return bigEndian(value < 0 ? [~words[1], ~words[0]] : [words[1] ^ SIGN, words[0]]);
    }
    case 'int64':
    case 'timestamp':
    case 'decimal': {
      assert(typeof value === 'bigint', 'an integer is compared with an integer');
      const words: number[] = [];
      const count = keyWords(type) === 4 ? 4 : 2;
      for (let i = count - 1; i >= 0; i--) words.push(Number(BigInt.asUintN(32, value >> BigInt(32 * i))));
      words[0] ^= SIGN;
      return bigEndian(words);
    }
    case 'string':
      assert(typeof value === 'string', 'a string is compared with a string');
      return new TextEncoder().encode(value);
    case 'bytes':
      assert(value instanceof Uint8Array, 'bytes are compared with bytes');
      return value;
    case 'null':
    case 'json':
      throw new Error(`assertion failed: ${type.kind} has no order`);
  }
}

function bigEndian(words: readonly number[]): Uint8Array {
  const out = new Uint8Array(words.length * 4);
  const view = new DataView(out.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(i * 4, words[i]);
  return out;
}

/**
 * The keys of every row of a column of a fixed-width type, most significant word first:
 * `words[w][row]`. Slots of nulls hold anything.
 */
export function fixedKeys(column: Column): Uint32Array[] {
  const { data, length, type } = column;
  switch (data.layout) {
    case 'none':
      return [new Uint32Array(length)];
    case 'bits': {
      const words = new Uint32Array(length);
      for (let i = 0; i < length; i++) words[i] = getBit(data.values, i) ? 1 : 0;
      return [words];
    }
    case 'dictionary': {
      const keys = fixedKeys(data.dictionary);
      return keys.map((dictionary) => {
        const words = new Uint32Array(length);
        for (let i = 0; i < length; i++) words[i] = dictionary[data.codes[i]];
        return words;
      });
    }
    case 'int128': {
      const source = wordsOf(data.values);
      return [3, 2, 1, 0].map((word) => stride(source, 4, word, length, word === 3 ? SIGN : 0));
    }
    case 'fixed':
      if (data.values instanceof BigInt64Array) {
        const source = wordsOf(data.values);
        const low = stride(source, 2, 0, length, 0);
        const high = stride(source, 2, 1, length, SIGN);
        if (keyWords(type) !== 4) return [high, low];
        // A wide decimal in narrow storage: the upper words are its sign.
        const above = high.map((word) => (word & SIGN ? SIGN : 0x7fffffff));
        return [above, above.map((word) => (word & SIGN ? 0 : 0xffffffff)), high.map((word) => word ^ SIGN), low];
      }
      if (type.kind === 'double') return doubleKeys(data.values, length);
      if (type.kind === 'date') return [Uint32Array.from(data.values.subarray(0, length), (day) => day ^ SIGN)];
      return integerKeys(data.values, length);
    case 'varlen':
      throw new Error(`assertion failed: ${type.kind} has no fixed key`);
  }
}

function wordsOf(values: BigInt64Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
}

function stride(source: Uint32Array, step: number, at: number, length: number, flip: number): Uint32Array {
  const out = new Uint32Array(length);
  for (let i = 0, j = at; i < length; i++, j += step) out[i] = source[j] ^ flip;
  return out;
}

function integerKeys(values: Int32Array | Float64Array, length: number): Uint32Array[] {
  const high = new Uint32Array(length);
  const low = new Uint32Array(length);
  for (let i = 0; i < length; i++) {
    const upper = Math.floor(values[i] / TWO_32);
    high[i] = upper ^ SIGN;
    low[i] = values[i] - upper * TWO_32;
  }
  return [high, low];
}

function doubleKeys(values: Int32Array | Float64Array, length: number): Uint32Array[] {
  const high = new Uint32Array(length);
  const low = new Uint32Array(length);
  const scratch = new Float64Array(1);
  const words = new Uint32Array(scratch.buffer);
  for (let i = 0; i < length; i++) {
    const value = values[i];
    if (Number.isNaN(value)) {
      high[i] = NAN_HIGH ^ SIGN;
      continue;
    }
    // Adding zero turns -0 into 0.
    scratch[0] = value + 0;
    const negative = value < 0;
    high[i] = negative ? ~words[1] : words[1] ^ SIGN;
    low[i] = negative ? ~words[0] : words[0];
  }
  return [high, low];
}

/** Unsigned lexicographic order. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}
