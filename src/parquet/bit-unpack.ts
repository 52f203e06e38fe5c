/**
 * Unpacks values of a fixed bit width, least significant bit first: the bit-packed runs of Parquet's hybrid
 * encoding, and the hottest code of a scan.
 *
 * Eight values of `w` bits take exactly `w` bytes, which the loops read as 32-bit words: four times faster than
 * byte by byte with a shift that varies (1.2 against 4.4 ns a value). That is why there is a function a
 * width: each has constant shifts and one kind of target. A word that would leave the group is read so that
 * it ends with it instead.
 *
 * Callers have checked that `source` holds `ceil(count * width / 8)` bytes from `from` on.
 * Source: https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
 */

type Unpack<T> = (view: DataView, from: number, target: T, at: number, groups: number) => void;

/** Widths 1 to 8. */
export function unpackBytes(
  source: Uint8Array,
  from: number,
  width: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  if (width === 8) {
    target.set(source.subarray(from, from + count), at);
    return;
  }
  const groups = count >> 3;
  const view = new DataView(source.buffer, source.byteOffset, source.length);
  BYTE_WIDTHS[width - 1](view, from, target, at, groups);
  unpackRest(source, from + groups * width, width, target, at + groups * 8, count & 7);
}

/** Widths 9 to 16. */
export function unpackShorts(
  source: Uint8Array,
  from: number,
  width: number,
  target: Uint16Array,
  at: number,
  count: number,
): void {
  const groups = count >> 3;
  if (width === 16) {
    const bytes = new Uint8Array(target.buffer, target.byteOffset + 2 * at, 2 * count);
    bytes.set(source.subarray(from, from + 2 * count));
    return;
  }
  const view = new DataView(source.buffer, source.byteOffset, source.length);
  SHORT_WIDTHS[width - 9](view, from, target, at, groups);
  unpackRest(source, from + groups * width, width, target, at + groups * 8, count & 7);
}

/** Widths 1 to 32, one value at a time: for the wide ones, which are rare. */
export function unpackWords(
  source: Uint8Array,
  from: number,
  width: number,
  target: Int32Array,
  at: number,
  count: number,
): void {
  const mask = width === 32 ? -1 : (1 << width) - 1;
  const view = new DataView(source.buffer, source.byteOffset, source.length);
  // Values whose five bytes are all there; the rest, a few at most, go byte by byte.
  const whole = Math.min(count, Math.max(0, Math.floor(((source.length - from - 5) * 8) / width)));
  // Bits are counted from a base that moves, so that the count stays a small integer.
  let p = from;
  let bit = 0;
  for (let i = 0; i < whole; i++) {
    const low = view.getInt32(p, true);
    target[at + i] = (bit === 0 ? low : (low >>> bit) | (source[p + 4] << (32 - bit))) & mask;
    bit += width;
    p += bit >> 3;
    bit &= 7;
  }
  for (let i = whole; i < count; i++) {
    target[at + i] = valueAt(source, p, bit, width);
    bit += width;
    p += bit >> 3;
    bit &= 7;
  }
}

function unpackRest(
  source: Uint8Array,
  from: number,
  width: number,
  target: Uint8Array | Uint16Array,
  at: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const bit = i * width;
    target[at + i] = valueAt(source, from + (bit >> 3), bit & 7, width);
  }
}

/** `width` bits from bit `bit` of byte `p` on; bytes past the end count as zero. */
function valueAt(source: Uint8Array, p: number, bit: number, width: number): number {
  let value = 0;
  for (let shift = -bit, i = p; shift < width; shift += 8, i++) {
    const byte = i < source.length ? source[i] : 0;
    value |= shift < 0 ? byte >> -shift : byte << shift;
  }
  return width === 32 ? value : value & ((1 << width) - 1);
}

function unpack1(view: DataView, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  for (let i = 0; i < groups; i++) {
    const byte = view.getUint8(from + i);
    target[to] = byte & 1;
    target[to + 1] = (byte >> 1) & 1;
    target[to + 2] = (byte >> 2) & 1;
    target[to + 3] = (byte >> 3) & 1;
    target[to + 4] = (byte >> 4) & 1;
    target[to + 5] = (byte >> 5) & 1;
    target[to + 6] = (byte >> 6) & 1;
    target[to + 7] = byte >> 7;
    to += 8;
  }
}

function unpack2(view: DataView, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const word = view.getUint16(p, true);
    target[to] = word & 3;
    target[to + 1] = (word >> 2) & 3;
    target[to + 2] = (word >> 4) & 3;
    target[to + 3] = (word >> 6) & 3;
    target[to + 4] = (word >> 8) & 3;
    target[to + 5] = (word >> 10) & 3;
    target[to + 6] = (word >> 12) & 3;
    target[to + 7] = word >> 14;
    to += 8;
    p += 2;
  }
}

function unpack3(view: DataView, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const word = view.getUint16(p, true) | (view.getUint8(p + 2) << 16);
    target[to] = word & 7;
    target[to + 1] = (word >> 3) & 7;
    target[to + 2] = (word >> 6) & 7;
    target[to + 3] = (word >> 9) & 7;
    target[to + 4] = (word >> 12) & 7;
    target[to + 5] = (word >> 15) & 7;
    target[to + 6] = (word >> 18) & 7;
    target[to + 7] = word >> 21;
    to += 8;
    p += 3;
  }
}

function unpack4(view: DataView, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    target[to] = w0 & 15;
    target[to + 1] = (w0 >>> 4) & 15;
    target[to + 2] = (w0 >>> 8) & 15;
    target[to + 3] = (w0 >>> 12) & 15;
    target[to + 4] = (w0 >>> 16) & 15;
    target[to + 5] = (w0 >>> 20) & 15;
    target[to + 6] = (w0 >>> 24) & 15;
    target[to + 7] = w0 >>> 28;
    to += 8;
    p += 4;
  }
}

function unpack5(view: DataView, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 1, true);
    target[to] = w0 & 31;
    target[to + 1] = (w0 >>> 5) & 31;
    target[to + 2] = (w0 >>> 10) & 31;
    target[to + 3] = (w0 >>> 15) & 31;
    target[to + 4] = (w0 >>> 20) & 31;
    target[to + 5] = (w0 >>> 25) & 31;
    target[to + 6] = (w1 >>> 22) & 31;
    target[to + 7] = w1 >>> 27;
    to += 8;
    p += 5;
  }
}

function unpack6(view: DataView, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 2, true);
    target[to] = w0 & 63;
    target[to + 1] = (w0 >>> 6) & 63;
    target[to + 2] = (w0 >>> 12) & 63;
    target[to + 3] = (w0 >>> 18) & 63;
    target[to + 4] = (w0 >>> 24) & 63;
    target[to + 5] = (w1 >>> 14) & 63;
    target[to + 6] = (w1 >>> 20) & 63;
    target[to + 7] = w1 >>> 26;
    to += 8;
    p += 6;
  }
}

function unpack7(view: DataView, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 3, true);
    target[to] = w0 & 127;
    target[to + 1] = (w0 >>> 7) & 127;
    target[to + 2] = (w0 >>> 14) & 127;
    target[to + 3] = (w0 >>> 21) & 127;
    target[to + 4] = (w1 >>> 4) & 127;
    target[to + 5] = (w1 >>> 11) & 127;
    target[to + 6] = (w1 >>> 18) & 127;
    target[to + 7] = w1 >>> 25;
    to += 8;
    p += 7;
  }
}

function unpack9(view: DataView, from: number, target: Uint16Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 4, true);
    const w2 = view.getInt32(p + 5, true);
    target[to] = w0 & 511;
    target[to + 1] = (w0 >>> 9) & 511;
    target[to + 2] = (w0 >>> 18) & 511;
    target[to + 3] = ((w0 >>> 27) | (w1 << 5)) & 511;
    target[to + 4] = (w1 >>> 4) & 511;
    target[to + 5] = (w1 >>> 13) & 511;
    target[to + 6] = (w1 >>> 22) & 511;
    target[to + 7] = w2 >>> 23;
    to += 8;
    p += 9;
  }
}

function unpack10(view: DataView, from: number, target: Uint16Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 4, true);
    const w2 = view.getInt32(p + 6, true);
    target[to] = w0 & 1023;
    target[to + 1] = (w0 >>> 10) & 1023;
    target[to + 2] = (w0 >>> 20) & 1023;
    target[to + 3] = ((w0 >>> 30) | (w1 << 2)) & 1023;
    target[to + 4] = (w1 >>> 8) & 1023;
    target[to + 5] = (w1 >>> 18) & 1023;
    target[to + 6] = (w2 >>> 12) & 1023;
    target[to + 7] = w2 >>> 22;
    to += 8;
    p += 10;
  }
}

function unpack11(view: DataView, from: number, target: Uint16Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 4, true);
    const w2 = view.getInt32(p + 7, true);
    target[to] = w0 & 2047;
    target[to + 1] = (w0 >>> 11) & 2047;
    target[to + 2] = ((w0 >>> 22) | (w1 << 10)) & 2047;
    target[to + 3] = (w1 >>> 1) & 2047;
    target[to + 4] = (w1 >>> 12) & 2047;
    target[to + 5] = ((w1 >>> 23) | (w2 << 1)) & 2047;
    target[to + 6] = (w2 >>> 10) & 2047;
    target[to + 7] = w2 >>> 21;
    to += 8;
    p += 11;
  }
}

function unpack12(view: DataView, from: number, target: Uint16Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 4, true);
    const w2 = view.getInt32(p + 8, true);
    target[to] = w0 & 4095;
    target[to + 1] = (w0 >>> 12) & 4095;
    target[to + 2] = ((w0 >>> 24) | (w1 << 8)) & 4095;
    target[to + 3] = (w1 >>> 4) & 4095;
    target[to + 4] = (w1 >>> 16) & 4095;
    target[to + 5] = ((w1 >>> 28) | (w2 << 4)) & 4095;
    target[to + 6] = (w2 >>> 8) & 4095;
    target[to + 7] = w2 >>> 20;
    to += 8;
    p += 12;
  }
}

function unpack13(view: DataView, from: number, target: Uint16Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 4, true);
    const w2 = view.getInt32(p + 8, true);
    const w3 = view.getInt32(p + 9, true);
    target[to] = w0 & 8191;
    target[to + 1] = (w0 >>> 13) & 8191;
    target[to + 2] = ((w0 >>> 26) | (w1 << 6)) & 8191;
    target[to + 3] = (w1 >>> 7) & 8191;
    target[to + 4] = ((w1 >>> 20) | (w2 << 12)) & 8191;
    target[to + 5] = (w2 >>> 1) & 8191;
    target[to + 6] = (w2 >>> 14) & 8191;
    target[to + 7] = w3 >>> 19;
    to += 8;
    p += 13;
  }
}

function unpack14(view: DataView, from: number, target: Uint16Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 4, true);
    const w2 = view.getInt32(p + 8, true);
    const w3 = view.getInt32(p + 10, true);
    target[to] = w0 & 16383;
    target[to + 1] = (w0 >>> 14) & 16383;
    target[to + 2] = ((w0 >>> 28) | (w1 << 4)) & 16383;
    target[to + 3] = (w1 >>> 10) & 16383;
    target[to + 4] = ((w1 >>> 24) | (w2 << 8)) & 16383;
    target[to + 5] = (w2 >>> 6) & 16383;
    target[to + 6] = (w3 >>> 4) & 16383;
    target[to + 7] = w3 >>> 18;
    to += 8;
    p += 14;
  }
}

function unpack15(view: DataView, from: number, target: Uint16Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const w0 = view.getInt32(p, true);
    const w1 = view.getInt32(p + 4, true);
    const w2 = view.getInt32(p + 8, true);
    const w3 = view.getInt32(p + 11, true);
    target[to] = w0 & 32767;
    target[to + 1] = (w0 >>> 15) & 32767;
    target[to + 2] = ((w0 >>> 30) | (w1 << 2)) & 32767;
    target[to + 3] = (w1 >>> 13) & 32767;
    target[to + 4] = ((w1 >>> 28) | (w2 << 4)) & 32767;
    target[to + 5] = (w2 >>> 11) & 32767;
    target[to + 6] = (w3 >>> 2) & 32767;
    target[to + 7] = w3 >>> 17;
    to += 8;
    p += 15;
  }
}

const BYTE_WIDTHS: readonly Unpack<Uint8Array>[] = [unpack1, unpack2, unpack3, unpack4, unpack5, unpack6, unpack7];
const SHORT_WIDTHS: readonly Unpack<Uint16Array>[] = [
  unpack9,
  unpack10,
  unpack11,
  unpack12,
  unpack13,
  unpack14,
  unpack15,
];
