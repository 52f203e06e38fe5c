import { malformed } from './thrift.ts';

/**
 * Snappy's block format, both ways.
 * Source: https://github.com/google/snappy/blob/main/format_description.txt
 */

/** Matches are looked for within blocks of this size, so that positions fit the table's 16 bits. */
const BLOCK_BYTES = 65_536;
const TABLE_BITS = 14;
const table = new Uint16Array(1 << TABLE_BITS);

/** Literals and matches this short are copied byte by byte, which beats a call. */
const SHORT_BYTES = 24;

export function snappyCompress(input: Uint8Array): Uint8Array {
  const output = new Uint8Array(16 + input.length + Math.ceil(input.length / 6));
  let to = writeLength(input.length, output);
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  for (let start = 0; start < input.length; start += BLOCK_BYTES) {
    to = compressBlock(input, view, start, Math.min(input.length, start + BLOCK_BYTES), output, to);
  }
  return output.subarray(0, to);
}

function writeLength(length: number, output: Uint8Array): number {
  let to = 0;
  let rest = length;
  while (rest >= 128) {
    output[to++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  output[to++] = rest;
  return to;
}

function compressBlock(
  input: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  output: Uint8Array,
  at: number,
): number {
  let to = at;
  let literal = start;
  // The last bytes have no four after them to compare.
  const last = end - 8;
  if (start < last) {
    table.fill(0);
    let i = start + 1;
    // Looking goes faster the longer nothing is found, so that what does not compress costs little.
    let misses = 32;
    while (i < last) {
      const word = view.getInt32(i, true);
      const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - TABLE_BITS);
      const candidate = start + table[slot];
      table[slot] = i - start;
      if (candidate >= i || view.getInt32(candidate, true) !== word) {
        i += misses++ >> 5;
        continue;
      }
      to = writeLiteral(input, literal, i, output, to);
      let match = i + 4;
      let other = candidate + 4;
      while (match < end && input[match] === input[other]) {
        match++;
        other++;
      }
      to = writeCopy(i - candidate, match - i, output, to);
      i = match;
      literal = i;
      misses = 32;
      if (i < last) table[Math.imul(view.getInt32(i - 1, true), 0x1e35a7bd) >>> (32 - TABLE_BITS)] = i - 1 - start;
    }
  }
  return literal < end ? writeLiteral(input, literal, end, output, to) : to;
}

function writeLiteral(input: Uint8Array, start: number, end: number, output: Uint8Array, at: number): number {
  let to = at;
  const length = end - start;
  if (length === 0) return to;
  if (length <= 60) output[to++] = (length - 1) << 2;
  else if (length <= 256) {
    output[to++] = 60 << 2;
    output[to++] = length - 1;
  } else {
    // A block has no more bytes than two can count.
    output[to++] = 61 << 2;
    output[to++] = (length - 1) & 0xff;
    output[to++] = (length - 1) >> 8;
  }
  if (length < SHORT_BYTES) for (let i = start; i < end; i++) output[to++] = input[i];
  else {
    output.set(input.subarray(start, end), to);
    to += length;
  }
  return to;
}

function writeCopy(distance: number, length: number, output: Uint8Array, at: number): number {
  let to = at;
  let rest = length;
  while (rest > 64) {
    // What is left after a piece must be long enough to be a piece itself.
    const piece = rest >= 68 ? 64 : 60;
    to = writeCopyPiece(distance, piece, output, to);
    rest -= piece;
  }
  return writeCopyPiece(distance, rest, output, to);
}

function writeCopyPiece(distance: number, length: number, output: Uint8Array, at: number): number {
  if (length < 12 && distance < 2048) {
    output[at] = 1 | ((length - 4) << 2) | ((distance >> 8) << 5);
    output[at + 1] = distance & 0xff;
    return at + 2;
  }
  output[at] = 2 | ((length - 1) << 2);
  output[at + 1] = distance & 0xff;
  output[at + 2] = distance >> 8;
  return at + 3;
}

/** Bytes behind the output that words may be written to: the last of a literal or a copy. */
const SLACK_BYTES = 16;
/** So far before the end of the input, any tag's distance and a short literal can be read as words. */
const AHEAD_BYTES = 20;
const SHORT_LITERAL_BYTES = 16;

/** By tag of a copy with one or two bytes of distance: its length, and the distance's bits 8 to 10 where the tag has them. */
const COPIES = Uint16Array.from({ length: 256 }, (_, tag) =>
  (tag & 3) === 1 ? (((tag >> 2) & 7) + 4) | ((tag >> 5) << 8) : (tag >> 2) + 1,
);

/**
 * Throws `malformed_input` where the input does not fill the output exactly.
 *
 * Numbers compress to literals and copies of a few bytes in no order that a processor could predict, so the
 * common ones are moved as two words whatever their length, and both kinds of copy take the same path.
 */
export function snappyUncompress(input: Uint8Array, outputBytes: number): Uint8Array {
  const end = input.length;
  let at = checkLength(input, outputBytes);
  const buffer = new ArrayBuffer(outputBytes + SLACK_BYTES);
  const output = new Uint8Array(buffer, 0, outputBytes);
  const source = new DataView(input.buffer, input.byteOffset, input.length);
  const target = new DataView(buffer);
  let to = 0;
  while (at < end) {
    const tag = input[at++];
    const ahead = at <= end - AHEAD_BYTES;
    let size = (tag >> 2) + 1;
    if ((tag & 3) === 0) {
      if (size <= SHORT_LITERAL_BYTES && ahead) {
        if (size > outputBytes - to) throw malformed('a snappy literal is too long');
        target.setInt32(to, source.getInt32(at, true), true);
        target.setInt32(to + 4, source.getInt32(at + 4, true), true);
        if (size > 8) {
          target.setInt32(to + 8, source.getInt32(at + 8, true), true);
          target.setInt32(to + 12, source.getInt32(at + 12, true), true);
        }
      } else {
        if (size > 60) {
          const bytes = size - 60;
          if (bytes > end - at) throw malformed('a snappy literal is cut off');
          size = 0;
          for (let i = bytes - 1; i >= 0; i--) size = size * 256 + input[at + i];
          size++;
          at += bytes;
        }
        if (size > end - at || size > outputBytes - to) throw malformed('a snappy literal is too long');
        if (size < SHORT_BYTES) for (let i = 0; i < size; i++) output[to + i] = input[at + i];
        else output.set(input.subarray(at, at + size), to);
      }
      at += size;
      to += size;
      continue;
    }
    let distance: number;
    if (ahead && (tag & 3) !== 3) {
      const wide = (tag >> 1) & 1;
      const copy = COPIES[tag];
      size = copy & 0xff;
      distance = (copy & 0x700) | (source.getUint16(at, true) & (0xff | -wide));
      at += 1 + wide;
    } else {
      const bytes = (tag & 3) === 3 ? 4 : tag & 3;
      if (bytes > end - at) throw malformed('a snappy copy is cut off');
      if (bytes === 1) size = COPIES[tag] & 0xff;
      distance = bytes === 1 ? (COPIES[tag] & 0x700) | input[at] : input[at] | (input[at + 1] << 8);
      if (bytes === 4) distance += (input[at + 2] | (input[at + 3] << 8)) * 65_536;
      at += bytes;
    }
    if (distance === 0 || distance > to || size > outputBytes - to) throw malformed('a snappy copy is out of range');
    let from = to - distance;
    const stop = to + size;
    // A copy may reach into what it writes; it then repeats, which in pieces no longer than the distance it does.
    if (distance >= 8) {
      target.setInt32(to, target.getInt32(from, true), true);
      target.setInt32(to + 4, target.getInt32(from + 4, true), true);
      for (let i = to + 8; i < stop; i += 8) {
        from += 8;
        target.setInt32(i, target.getInt32(from, true), true);
        target.setInt32(i + 4, target.getInt32(from + 4, true), true);
      }
      to = stop;
    } else while (to < stop) output[to++] = output[from++];
  }
  if (to !== outputBytes) throw malformed('a snappy page is shorter than its header says');
  return output;
}

/** The length that the input says it has must be the one its page header says. Gives where the length ends. */
function checkLength(input: Uint8Array, outputBytes: number): number {
  let at = 0;
  let length = 0;
  for (let scale = 1; ; scale *= 128) {
    if (at >= input.length || scale > 2 ** 28) throw malformed('a snappy page has no length');
    const byte = input[at++];
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  if (length !== outputBytes) throw malformed('a snappy page has another length than its header says');
  return at;
}
