/**
 * Arrow validity bitmaps: bit `i & 7` of byte `i >> 3`, least significant first; 1 means present.
 * Source: https://arrow.apache.org/docs/format/Columnar.html#validity-bitmaps
 */
export type Bitmap = Uint8Array;

/** Bytes that a bitmap of `length` bits takes. */
export function bitmapBytes(length: number): number {
  return (length + 7) >> 3;
}

/** A bitmap of `length` bits, all set or all clear. Bits past the end are clear. */
export function newBitmap(length: number, set: boolean): Bitmap {
  const bits = new Uint8Array(bitmapBytes(length));
  if (set) {
    bits.fill(0xff);
    if (length & 7) bits[bits.length - 1] = (1 << (length & 7)) - 1;
  }
  return bits;
}

/** Whether a bit is set; `index` lies within the bitmap. */
export function getBit(bits: Bitmap, index: number): boolean {
  return ((bits[index >> 3] >> (index & 7)) & 1) === 1;
}

/** Sets a bit; `index` lies within the bitmap. */
export function setBit(bits: Bitmap, index: number): void {
  bits[index >> 3] |= 1 << (index & 7);
}

/** The number of set bits among the first `length`. */
export function countBits(bits: Bitmap, length: number): number {
  let count = 0;
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) {
    let byte = bits[i];
    byte -= (byte >> 1) & 0x55;
    byte = (byte & 0x33) + ((byte >> 2) & 0x33);
    count += (byte + (byte >> 4)) & 0x0f;
  }
  for (let i = whole << 3; i < length; i++) if (getBit(bits, i)) count++;
  return count;
}

/** Bits `start` to `end` as a bitmap of their own. */
export function sliceBitmap(bits: Bitmap, start: number, end: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(end - start));
  if ((start & 7) === 0) {
    out.set(bits.subarray(start >> 3, bitmapBytes(end)));
    const extra = (end - start) & 7;
    if (extra) out[out.length - 1] &= (1 << extra) - 1;
    return out;
  }
  for (let i = start; i < end; i++) if (getBit(bits, i)) setBit(out, i - start);
  return out;
}
