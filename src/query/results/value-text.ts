import { type Column, isNull, type Scalar, scalarAt } from '../../columns/column.ts';
import { dateText, decimalText, doubleText, timestampText } from '../../columns/text.ts';
import type { ColumnType } from '../../columns/types.ts';

/** The text of the value in a row of one column; null where the row is null. */
export type CellText = (row: number) => string | null;

/** Makes the texts of a column's values; a dictionary's entries are written once. */
export function cellTexts(column: Column, write: (value: Exclude<Scalar, null>, type: ColumnType) => string): CellText {
  const { data, type } = column;
  if (data.layout === 'dictionary') {
    const entries = cellTexts(data.dictionary, write);
    const texts: (string | null)[] = [];
    return (row) => {
      if (isNull(column, row)) return null;
      const code = data.codes[row];
      texts[code] ??= entries(code);
      return texts[code];
    };
  }
  return (row) => {
    const value = scalarAt(column, row);
    return value === null ? null : write(value, type);
  };
}

const LARGEST_EXACT = 2n ** 53n;

/**
 * A value as JSON. What a JSON number would not bring across is a string: integers beyond ±2^53, fractions
 * of decimals, NaN and the infinities. Bytes are base64, dates and instants RFC 3339, nested values stand as themselves.
 */
export function jsonText(value: Exclude<Scalar, null>, type: ColumnType): string {
  switch (type.kind) {
    case 'double':
      return Number.isFinite(value) ? doubleText(Number(value)) : `"${value}"`;
    case 'int64':
      return integerText(BigInt(value as bigint));
    case 'decimal':
      // A sum of integers is a decimal without digits behind the point: an integer to whoever asked for it.
      return type.scale === 0 ? integerText(BigInt(value as bigint)) : `"${plainText(value, type)}"`;
    case 'bool':
    case 'json':
      return String(value);
    default:
      return JSON.stringify(plainText(value, type));
  }
}

function integerText(integer: bigint): string {
  return integer > LARGEST_EXACT || integer < -LARGEST_EXACT ? `"${integer}"` : integer.toString();
}

/**
 * A value as bare text, for CSV: the same texts as in JSON, without JSON's quotes. What SQL's own CAST to text writes is
 * another text on purpose (functions/value-text.ts), and what a column widens to a third (`canonicalText`): here decimals
 * keep their zeros, as the type says them, and instants are RFC 3339.
 */
export function plainText(value: Exclude<Scalar, null>, type: ColumnType): string {
  switch (type.kind) {
    case 'double':
      return doubleText(Number(value));
    case 'decimal':
      return decimalText(BigInt(value as bigint), type.scale);
    case 'date':
      return dateText(Number(value));
    case 'timestamp':
      return timestampText(BigInt(value as bigint), type.unit);
    case 'bytes':
      return base64(value as Uint8Array);
    default:
      return String(value);
  }
}

/** Bytes a string is made of at once; a call takes no more arguments than the stack holds. */
const CHUNK = 8192;

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += CHUNK) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}
