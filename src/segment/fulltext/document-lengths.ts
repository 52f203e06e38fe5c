import { ByteWriter } from '../../core/byte-writer.ts';
import { ByteCursor, corruptFile } from '../byte-codec.ts';

/**
 * The number of terms of every row, which BM25 needs exactly: one byte a row, or two where many are long.
 * A row longer than fits has the greatest number there, and its length after the table: row (from the one
 * before) and length as varints.
 */
export function encodeLengths(lengths: Int32Array): { readonly bytes: Uint8Array; readonly width: 1 | 2 } {
  let long = 0;
  for (const length of lengths) if (length >= 255) long++;
  const width = long * 8 > lengths.length ? 2 : 1;
  const most = width === 1 ? 255 : 65_535;
  const out = new ByteWriter(lengths.length * width + long * 8 + 16);
  out.length = lengths.length * width;
  let before = 0;
  for (let row = 0; row < lengths.length; row++) {
    const length = Math.min(lengths[row], most);
    if (width === 1) {
      out.bytes[row] = length;
    } else {
      out.bytes[2 * row] = length;
      out.bytes[2 * row + 1] = length >> 8;
    }
    if (length < most) continue;
    out.varint(row - before);
    out.varint(lengths[row]);
    before = row;
  }
  return { bytes: out.copy(), width };
}

/** Lengths by row. Throws `corrupt_file` where the table does not fit its rows. */
export function decodeLengths(bytes: Uint8Array, rows: number, width: number): Uint8Array | Uint16Array | Int32Array {
  const table = rows * width;
  if ((width !== 1 && width !== 2) || table > bytes.length) throw corruptFile('the table of lengths is cut short');
  if (table === bytes.length && width === 1) return bytes;
  const lengths = new Int32Array(rows);
  for (let row = 0; row < rows; row++)
    lengths[row] = width === 1 ? bytes[row] : bytes[2 * row] | (bytes[2 * row + 1] << 8);
  const cursor = new ByteCursor(bytes, table);
  for (let row = 0; cursor.left > 0; ) {
    row += cursor.varint();
    if (row >= rows) throw corruptFile('a length beyond the last row');
    lengths[row] = cursor.varint();
  }
  return lengths;
}
