import type { Scalar } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';

/**
 * Values as SQLite holds them, such that its order, equality and hashing are the columns' own:
 *
 * - bool, int64, date, timestamp, decimal of at most 18 digits: INTEGER (decimals unscaled)
 * - decimal of more digits: BLOB of 16 bytes, big-endian, the sign bit flipped, so that bytes order as numbers
 * - double: REAL; NaN, which SQLite would make NULL, is an empty BLOB: above every number and equal to itself
 * - string, json: TEXT, which SQLite compares by its UTF-8 bytes; bytes: BLOB
 */
export type SqliteValue = null | number | bigint | string | Uint8Array;

/** Whether integers of the type need more than SQLite's 64 bits. */
export function isWide(type: ColumnType): boolean {
  return type.kind === 'decimal' && type.precision > 18;
}

const NAN = new Uint8Array(0);

/** A value as SQLite holds it: of its few types the one that keeps order and equality. */
export function toSqlite(value: Scalar, type: ColumnType): SqliteValue {
  if (value === null) return null;
  switch (type.kind) {
    case 'null':
      return null;
    case 'bool':
      return value === true ? 1n : 0n;
    case 'double':
      return Number.isNaN(value) ? NAN : Number(value);
    case 'date':
      return BigInt(Number(value));
    case 'decimal':
      return isWide(type) ? wideBytes(value as bigint) : (value as bigint);
    case 'int64':
    case 'timestamp':
      return value as bigint;
    case 'string':
    case 'json':
    case 'bytes':
      return value as string | Uint8Array;
  }
}

/** Reads `toSqlite` back. */
export function fromSqlite(value: SqliteValue, type: ColumnType): Scalar {
  if (value === null) return null;
  switch (type.kind) {
    case 'null':
      return null;
    case 'bool':
      return Number(value) !== 0;
    case 'double':
      return value instanceof Uint8Array ? Number.NaN : Number(value);
    case 'date':
      return Number(value);
    case 'decimal':
      return value instanceof Uint8Array ? wideOfBytes(value) : BigInt(value);
    case 'int64':
    case 'timestamp':
      return typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value)));
    case 'string':
    case 'json':
      return String(value);
    case 'bytes':
      return value instanceof Uint8Array ? value : new TextEncoder().encode(String(value));
  }
}

const SIGN = 1n << 127n;

function wideBytes(value: bigint): Uint8Array {
  const shifted = BigInt.asUintN(128, value) ^ SIGN;
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, shifted >> 64n);
  view.setBigUint64(8, BigInt.asUintN(64, shifted));
  return bytes;
}

function wideOfBytes(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const shifted = (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
  return BigInt.asIntN(128, shifted ^ SIGN);
}

/** Word `index` of the two's complement of an integer, 32 bits each; the last one signed, so that words add up. */
export function wordOf(value: bigint, index: number, words: number): bigint {
  const shifted = value >> BigInt(32 * index);
  return index === words - 1 ? shifted : BigInt.asUintN(32, shifted);
}

/** The integer of sums of words, lowest first: what `wordOf` took apart, summed word by word. */
export function sumOfWords(words: readonly bigint[]): bigint {
  return words.reduce((sum, word, index) => sum + (word << BigInt(32 * index)), 0n);
}

/** A text that is the same for rows of the same values. */
export function keyOfValues(row: readonly SqliteValue[]): string {
  return row
    .map((value) => {
      if (value instanceof Uint8Array) return `x${Buffer.from(value).toString('hex')}`;
      return typeof value === 'string' ? `s${value.length}:${value}` : `${typeof value}${value}`;
    })
    .join('|');
}
