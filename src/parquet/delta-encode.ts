import type { ByteWriter } from '../core/byte-writer.ts';
import { bitWidth } from './hybrid.ts';

/**
 * Writes DELTA_BINARY_PACKED in the block size every known writer uses; `delta.ts` reads it.
 * Source: https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC
 */
const BLOCK = 128;
const MINIBLOCKS = 4;
const MINIBLOCK = BLOCK / MINIBLOCKS;

const lows = new Int32Array(BLOCK);
const highs = new Int32Array(BLOCK);

/** INT64 values given as word pairs, those from `start` to `end`. */
export function encodeDelta64(words: Int32Array, start: number, end: number, out: ByteWriter): void {
  out.varint(BLOCK);
  out.varint(MINIBLOCKS);
  out.varint(end - start);
  if (start === end) {
    out.varint(0);
    return;
  }
  writeZigzag(words[2 * start], words[2 * start + 1], out);
  for (let block = start + 1; block < end; block += BLOCK) {
    const count = Math.min(BLOCK, end - block);
    let minLow = -1;
    let minHigh = 0x7fffffff;
    let p = 2 * block;
    for (let i = 0; i < count; i++, p += 2) {
      const low = (words[p] - words[p - 2]) | 0;
      const high = (words[p + 1] - words[p - 1] - (words[p] >>> 0 < words[p - 2] >>> 0 ? 1 : 0)) | 0;
      lows[i] = low;
      highs[i] = high;
      if (high < minHigh || (high === minHigh && low >>> 0 < minLow >>> 0)) {
        minLow = low;
        minHigh = high;
      }
    }
    writeBlock(count, minLow, minHigh, out);
  }
}

/** INT32 values whose differences stay within 32 bits. */
export function encodeDelta32(values: Int32Array, start: number, end: number, out: ByteWriter): void {
  out.varint(BLOCK);
  out.varint(MINIBLOCKS);
  out.varint(end - start);
  if (start === end) {
    out.varint(0);
    return;
  }
  writeZigzag(values[start], values[start] >> 31, out);
  highs.fill(0);
  for (let block = start + 1; block < end; block += BLOCK) {
    const count = Math.min(BLOCK, end - block);
    let min = 0x7fffffff;
    for (let i = 0; i < count; i++) {
      const delta = (values[block + i] - values[block + i - 1]) | 0;
      lows[i] = delta;
      if (delta < min) min = delta;
    }
    for (let i = 0; i < count; i++) highs[i] = lows[i] >> 31;
    writeBlock(count, min, min >> 31, out);
  }
}

function writeBlock(count: number, minLow: number, minHigh: number, out: ByteWriter): void {
  writeZigzag(minLow, minHigh, out);
  out.reserve(MINIBLOCKS + BLOCK * 8 + 8);
  const widths = out.length;
  out.length += MINIBLOCKS;
  for (let mini = 0; mini < MINIBLOCKS; mini++) {
    const from = mini * MINIBLOCK;
    const to = Math.min(count, from + MINIBLOCK);
    let anyLow = 0;
    let anyHigh = 0;
    for (let i = from; i < to; i++) {
      const low = (lows[i] - minLow) | 0;
      highs[i] = (highs[i] - minHigh - (lows[i] >>> 0 < minLow >>> 0 ? 1 : 0)) | 0;
      lows[i] = low;
      anyLow |= low;
      anyHigh |= highs[i];
    }
    const width = anyHigh === 0 ? bitWidth(anyLow) : 32 + bitWidth(anyHigh);
    out.bytes[widths + mini] = width;
    if (width > 0) packMiniblock(from, to, width, out);
  }
}

/** Residuals of a miniblock, padded with zeros to its full length. */
function packMiniblock(from: number, to: number, width: number, out: ByteWriter): void {
  const target = out.bytes;
  const start = out.length;
  out.length += (MINIBLOCK * width) >> 3;
  target.fill(0, start, out.length);
  let bit = 0;
  for (let i = from; i < to; i++, bit += width) {
    orBits(target, start, bit, lows[i]);
    if (width > 32) orBits(target, start, bit + 32, highs[i]);
  }
}

/** Sets the 32 bits of a word from bit `bit` on; what is above its value's width is zero. */
function orBits(target: Uint8Array, start: number, bit: number, word: number): void {
  let at = start + (bit >> 3);
  const shift = bit & 7;
  const low = word << shift;
  target[at] |= low & 0xff;
  if (word >>> (8 - shift) === 0) return;
  target[++at] |= (low >>> 8) & 0xff;
  target[++at] |= (low >>> 16) & 0xff;
  target[++at] |= low >>> 24;
  if (shift !== 0) target[++at] |= word >>> (32 - shift);
}

/** A 64-bit signed integer as a zigzag varint. */
function writeZigzag(low: number, high: number, out: ByteWriter): void {
  const sign = high >> 31;
  let lowRest = (low << 1) ^ sign;
  let highRest = ((high << 1) | (low >>> 31)) ^ sign;
  out.reserve(10);
  while (highRest !== 0 || lowRest >>> 0 >= 128) {
    out.bytes[out.length++] = (lowRest & 0x7f) | 0x80;
    lowRest = (lowRest >>> 7) | (highRest << 25);
    highRest >>>= 7;
  }
  out.bytes[out.length++] = lowRest;
}
