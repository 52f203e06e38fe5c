import { type ColumnData, scalarAt } from '../../columns/column.ts';
import { canonicalText, decimalText } from '../../columns/text.ts';
import type { ColumnType } from '../../columns/types.ts';
import type { ByteWriter } from '../../core/byte-writer.ts';

/** Writes value `i` of a column's data as JSON. */
export type JsonWriter = (i: number, out: ByteWriter) => void;

/**
 * How values of a type stand in JSON: numbers and decimals with all their digits, text as strings, JSON as
 * itself, what JSON has no form for (dates, instants, bytes, NaN and infinities) as strings of their text.
 */
export function jsonWriter(type: ColumnType, data: ColumnData): JsonWriter {
  if (data.layout === 'varlen' && (type.kind === 'string' || type.kind === 'json')) {
    const { offsets, bytes } = data;
    return type.kind === 'json'
      ? (i, out) => out.append(bytes.subarray(offsets[i], offsets[i + 1]))
      : (i, out) => writeJsonString(bytes, offsets[i], offsets[i + 1], out);
  }
  const column = { type, length: 0, validity: null, data };
  return (i, out) => {
    const value = scalarAt(column, i);
    if (value === null) return writeAscii('null', out);
    if (typeof value === 'boolean') return writeAscii(String(value), out);
    if (type.kind === 'decimal') return writeAscii(decimalText(BigInt(value as bigint), type.scale), out);
    if (type.kind === 'int64') return writeAscii(String(value), out);
    if (type.kind === 'double' && Number.isFinite(value)) return writeAscii(canonicalText(value, type), out);
    writeAscii(JSON.stringify(canonicalText(value, type)), out);
  };
}

/** ASCII, as every text made here is. */
export function writeAscii(text: string, out: ByteWriter): void {
  out.reserve(text.length);
  for (let i = 0; i < text.length; i++) out.bytes[out.length++] = text.charCodeAt(i);
}

const HEX = '0123456789abcdef';

/** Valid UTF-8 between quotes, with what JSON does not allow there escaped. */
export function writeJsonString(bytes: Uint8Array, start: number, end: number, out: ByteWriter): void {
  // At worst every byte is a control character.
  out.reserve(6 * (end - start) + 2);
  const target = out.bytes;
  let to = out.length;
  target[to++] = 0x22;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte === 0x22 || byte === 0x5c) {
      target[to++] = 0x5c;
      target[to++] = byte;
    } else if (byte >= 0x20) {
      target[to++] = byte;
    } else {
      const short = SHORT[byte];
      target[to++] = 0x5c;
      if (short !== undefined) target[to++] = short;
      else {
        target[to++] = 0x75;
        target[to++] = 0x30;
        target[to++] = 0x30;
        target[to++] = HEX.charCodeAt(byte >> 4);
        target[to++] = HEX.charCodeAt(byte & 15);
      }
    }
  }
  target[to++] = 0x22;
  out.length = to;
}

/** Control characters with an escape of their own. */
const SHORT: Readonly<Record<number, number>> = { 8: 0x62, 9: 0x74, 10: 0x6e, 12: 0x66, 13: 0x72 };
