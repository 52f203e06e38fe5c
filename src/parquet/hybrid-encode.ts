import type { Bitmap } from '../columns/bitmap.ts';
import type { ByteWriter } from '../core/byte-writer.ts';

/** A repeated value becomes a run from this length on; shorter ones cost a reader more than their bits. */
const LEAST_RUN = 16;

/**
 * Writes `codes[start .. end)` in the hybrid of runs and packed bits that `hybrid.ts` reads.
 * `width` is at most 24 bits, and 0 only where every code is 0.
 */
export function encodeHybrid(codes: Int32Array, start: number, end: number, width: number, out: ByteWriter): void {
  let packedFrom = start;
  for (let i = start; i < end; ) {
    const value = codes[i];
    let next = i + 1;
    while (next < end && codes[next] === value) next++;
    // Packed bits come in groups of eight, so a run gives up its first values to the group before it.
    const lent = (8 - ((i - packedFrom) & 7)) & 7;
    if (next - i - lent >= LEAST_RUN) {
      packBits(codes, packedFrom, i + lent, width, out);
      writeRun(value, next - i - lent, width, out);
      packedFrom = next;
    }
    i = next;
  }
  packBits(codes, packedFrom, end, width, out);
}

function writeRun(value: number, count: number, width: number, out: ByteWriter): void {
  out.varint(count * 2);
  out.reserve(4);
  for (let bits = 0; bits < width; bits += 8) out.bytes[out.length++] = (value >> bits) & 0xff;
}

function packBits(codes: Int32Array, start: number, end: number, width: number, out: ByteWriter): void {
  if (start === end) return;
  const groups = (end - start + 7) >> 3;
  out.varint(groups * 2 + 1);
  packValues(codes, start, end, width, groups * width, out);
}

/** Writes values of `width` bits (0 to 24), least significant first, in exactly `bytes` bytes. */
function packValues(
  values: Int32Array,
  start: number,
  end: number,
  width: number,
  bytes: number,
  out: ByteWriter,
): void {
  out.reserve(bytes + 4);
  const stop = out.length + bytes;
  out.bytes.fill(0, out.length, stop + 4);
  const view = new DataView(out.bytes.buffer, out.bytes.byteOffset, out.bytes.length);
  let at = out.length;
  let word = 0;
  let bits = 0;
  for (let i = start; i < end; i++) {
    const value = values[i];
    word |= value << bits;
    bits += width;
    if (bits < 32) continue;
    view.setInt32(at, word, true);
    at += 4;
    bits -= 32;
    // What of the value did not fit; a shift by all of its width would be none.
    word = bits === 0 ? 0 : value >>> (width - bits);
  }
  if (bits > 0) view.setInt32(at, word, true);
  out.length = stop;
}

/**
 * Writes the definition levels of rows `start` to `end` of an optional column, `present` of which are not null:
 * one run where all are alike, else the validity bits as they are. `start` is a multiple of eight.
 */
export function encodeValidity(
  validity: Bitmap | null,
  start: number,
  end: number,
  present: number,
  out: ByteWriter,
): void {
  const count = end - start;
  if (validity === null || present === count || present === 0) {
    writeRun(present === 0 ? 0 : 1, count, 1, out);
    return;
  }
  const groups = (count + 7) >> 3;
  out.varint(groups * 2 + 1);
  out.append(validity.subarray(start >> 3, (start >> 3) + groups));
}
