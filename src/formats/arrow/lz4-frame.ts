import { malformed } from './flatbuffer.ts';

/**
 * Undoes an LZ4 frame into exactly `outputBytes`. Its blocks may refer to what earlier ones wrote, so all
 * of them share one output. Checksums are not verified: Arrow files carry their own lengths.
 * Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
export function undoLz4Frame(input: Uint8Array, outputBytes: number): Uint8Array {
  const output = new Uint8Array(outputBytes);
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  if (input.length < 7 || view.getUint32(0, true) !== 0x184d2204) throw malformed('an LZ4 buffer is no LZ4 frame');
  const flags = input[4];
  if (flags >> 6 !== 1) throw malformed('an LZ4 frame of an unknown version');
  const blockChecksum = (flags & 0x10) !== 0 ? 4 : 0;
  let at = 6 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0) + 1;
  let size = 0;
  for (;;) {
    if (at + 4 > input.length) throw malformed('an LZ4 frame ends too early');
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const bytes = word & 0x7fffffff;
    if (bytes > input.length - at) throw malformed('an LZ4 block is longer than its frame');
    if (word >>> 31 === 1) {
      if (bytes > outputBytes - size) throw malformed('an LZ4 frame is longer than it says');
      output.set(input.subarray(at, at + bytes), size);
      size += bytes;
    } else {
      size = undoBlock(input, at, at + bytes, output, size);
    }
    at += bytes + blockChecksum;
  }
  if (size !== outputBytes) throw malformed('an LZ4 frame is shorter than it says');
  return output;
}

/** Undoes one block behind what is written already: where the output ends then. */
function undoBlock(input: Uint8Array, start: number, end: number, output: Uint8Array, outputStart: number): number {
  let at = start;
  let to = outputStart;
  const longer = (length: number) => {
    if (length < 15) return length;
    let total = length;
    for (;;) {
      if (at >= end) throw malformed('an LZ4 block ends too early');
      const byte = input[at++];
      total += byte;
      if (byte < 255) return total;
    }
  };
  while (at < end) {
    const token = input[at++];
    const literals = longer(token >> 4);
    if (literals > end - at || literals > output.length - to) throw malformed('an LZ4 literal is too long');
    output.set(input.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    // The last sequence has literals only.
    if (at === end) break;
    if (at + 2 > end) throw malformed('an LZ4 block ends too early');
    const distance = input[at] | (input[at + 1] << 8);
    at += 2;
    const length = longer(token & 15) + 4;
    if (distance === 0 || distance > to || length > output.length - to) throw malformed('an LZ4 match is out of range');
    // A match may reach into what it writes; it then repeats, which byte by byte it does.
    if (distance >= length) output.copyWithin(to, to - distance, to - distance + length);
    else for (let i = 0; i < length; i++) output[to + i] = output[to - distance + i];
    to += length;
  }
  return to;
}
