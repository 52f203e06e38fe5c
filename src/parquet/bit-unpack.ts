/**
 * Unpacks values of a fixed bit width, least significant bit first: the bit-packed runs of Parquet's hybrid
 * encoding. One function per width of target array and, below nine bits, per bit width, so that each
 * loop sees one type and constant shifts; this is the hottest code of a scan.
 *
 * Callers have checked that `source` holds `ceil(count * width / 8)` bytes from `from` on.
 * Source: https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
 */

/** Widths 1 to 8. */
export function unpackBytes(
  source: Uint8Array,
  from: number,
  width: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  // Eight values take exactly `width` bytes; what is left of the last group goes one by one.
  const groups = count >> 3;
  switch (width) {
    case 1:
      unpack1(source, from, target, at, groups);
      break;
    case 2:
      unpack2(source, from, target, at, groups);
      break;
    case 3:
      unpack3(source, from, target, at, groups);
      break;
    case 4:
      unpack4(source, from, target, at, groups);
      break;
    case 5:
      unpack5(source, from, target, at, groups);
      break;
    case 6:
      unpack6(source, from, target, at, groups);
      break;
    case 7:
      unpack7(source, from, target, at, groups);
      break;
    default:
      target.set(source.subarray(from, from + count), at);
      return;
  }
  const mask = (1 << width) - 1;
  const start = from + groups * width;
  for (let i = groups << 3; i < count; i++) {
    const bit = (i & 7) * width;
    const byte = start + (bit >> 3);
    const next = byte + 1 < source.length ? source[byte + 1] : 0;
    target[at + i] = ((source[byte] | (next << 8)) >> (bit & 7)) & mask;
  }
}

function unpack1(source: Uint8Array, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  for (let i = 0; i < groups; i++) {
    const word = source[from + i];
    target[to] = word & 1;
    target[to + 1] = (word >> 1) & 1;
    target[to + 2] = (word >> 2) & 1;
    target[to + 3] = (word >> 3) & 1;
    target[to + 4] = (word >> 4) & 1;
    target[to + 5] = (word >> 5) & 1;
    target[to + 6] = (word >> 6) & 1;
    target[to + 7] = word >> 7;
    to += 8;
  }
}

function unpack2(source: Uint8Array, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const word = source[p] | (source[p + 1] << 8);
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

function unpack3(source: Uint8Array, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const word = source[p] | (source[p + 1] << 8) | (source[p + 2] << 16);
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

function unpack4(source: Uint8Array, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  const end = from + groups * 4;
  for (let p = from; p < end; p++) {
    const byte = source[p];
    target[to] = byte & 15;
    target[to + 1] = byte >> 4;
    to += 2;
  }
}

function unpack5(source: Uint8Array, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const low = source[p] | (source[p + 1] << 8) | (source[p + 2] << 16);
    const high = source[p + 3] | (source[p + 4] << 8);
    target[to] = low & 31;
    target[to + 1] = (low >> 5) & 31;
    target[to + 2] = (low >> 10) & 31;
    target[to + 3] = (low >> 15) & 31;
    target[to + 4] = ((low >> 20) | (high << 4)) & 31;
    target[to + 5] = (high >> 1) & 31;
    target[to + 6] = (high >> 6) & 31;
    target[to + 7] = high >> 11;
    to += 8;
    p += 5;
  }
}

function unpack6(source: Uint8Array, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < 2 * groups; i++) {
    const word = source[p] | (source[p + 1] << 8) | (source[p + 2] << 16);
    target[to] = word & 63;
    target[to + 1] = (word >> 6) & 63;
    target[to + 2] = (word >> 12) & 63;
    target[to + 3] = word >> 18;
    to += 4;
    p += 3;
  }
}

function unpack7(source: Uint8Array, from: number, target: Uint8Array, at: number, groups: number): void {
  let to = at;
  let p = from;
  for (let i = 0; i < groups; i++) {
    const low = source[p] | (source[p + 1] << 8) | (source[p + 2] << 16) | (source[p + 3] << 24);
    const high = source[p + 4] | (source[p + 5] << 8) | (source[p + 6] << 16);
    target[to] = low & 127;
    target[to + 1] = (low >> 7) & 127;
    target[to + 2] = (low >> 14) & 127;
    target[to + 3] = (low >> 21) & 127;
    target[to + 4] = ((low >>> 28) | (high << 4)) & 127;
    target[to + 5] = (high >> 3) & 127;
    target[to + 6] = (high >> 10) & 127;
    target[to + 7] = high >> 17;
    to += 8;
    p += 7;
  }
}

/** Widths 9 to 16: a value spans at most three bytes. */
export function unpackShorts(
  source: Uint8Array,
  from: number,
  width: number,
  target: Uint16Array,
  at: number,
  count: number,
): void {
  const mask = (1 << width) - 1;
  // Values whose three bytes are all there; the rest, a few at most, come from a padded copy.
  const whole = Math.min(count, Math.max(0, Math.floor(((source.length - from - 3) * 8) / width)));
  let bit = 0;
  for (let i = 0; i < whole; i++) {
    const p = from + (bit >>> 3);
    target[at + i] = ((source[p] | (source[p + 1] << 8) | (source[p + 2] << 16)) >>> (bit & 7)) & mask;
    bit += width;
  }
  if (whole === count) return;
  const rest = paddedTail(source, from + (bit >>> 3));
  bit &= 7;
  for (let i = whole; i < count; i++) {
    const p = bit >>> 3;
    target[at + i] = ((rest[p] | (rest[p + 1] << 8) | (rest[p + 2] << 16)) >>> (bit & 7)) & mask;
    bit += width;
  }
}

/** Widths 17 to 32: a value spans at most five bytes. */
export function unpackWords(
  source: Uint8Array,
  from: number,
  width: number,
  target: Int32Array,
  at: number,
  count: number,
): void {
  const mask = width === 32 ? -1 : (1 << width) - 1;
  const whole = Math.min(count, Math.max(0, Math.floor(((source.length - from - 5) * 8) / width)));
  // Bits are counted from a base that moves, so that the count stays a small integer.
  let p = from;
  let bit = 0;
  for (let i = 0; i < whole; i++) {
    const low = source[p] | (source[p + 1] << 8) | (source[p + 2] << 16) | (source[p + 3] << 24);
    target[at + i] = (bit === 0 ? low : (low >>> bit) | (source[p + 4] << (32 - bit))) & mask;
    bit += width;
    p += bit >> 3;
    bit &= 7;
  }
  if (whole === count) return;
  const rest = paddedTail(source, p);
  p = 0;
  for (let i = whole; i < count; i++) {
    const low = rest[p] | (rest[p + 1] << 8) | (rest[p + 2] << 16) | (rest[p + 3] << 24);
    target[at + i] = (bit === 0 ? low : (low >>> bit) | (rest[p + 4] << (32 - bit))) & mask;
    bit += width;
    p += bit >> 3;
    bit &= 7;
  }
}

function paddedTail(source: Uint8Array, from: number): Uint8Array {
  const tail = new Uint8Array(source.length - from + 8);
  tail.set(source.subarray(from));
  return tail;
}
