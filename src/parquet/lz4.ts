import { malformed } from './thrift.ts';

/**
 * Undoes an LZ4 block (no frame). Throws `malformed_input` where it does not fill `outputBytes` exactly.
 * Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */
export function lz4Uncompress(input: Uint8Array, outputBytes: number): Uint8Array {
  const output = new Uint8Array(outputBytes);
  let at = 0;
  let to = 0;

  /** A length of 15 goes on in bytes until one is below 255. */
  function longer(length: number): number {
    if (length < 15) return length;
    let total = length;
    for (;;) {
      if (at >= input.length) throw malformed('an LZ4 page ends too early');
      const byte = input[at++];
      total += byte;
      if (byte < 255) return total;
    }
  }

  while (at < input.length) {
    const token = input[at++];
    const literals = longer(token >> 4);
    if (literals > input.length - at || literals > outputBytes - to) throw malformed('an LZ4 literal is too long');
    output.set(input.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    // The last sequence has literals only.
    if (at === input.length) break;
    if (at + 2 > input.length) throw malformed('an LZ4 page ends too early');
    const distance = input[at] | (input[at + 1] << 8);
    at += 2;
    const length = longer(token & 15) + 4;
    if (distance === 0 || distance > to || length > outputBytes - to) throw malformed('an LZ4 match is out of range');
    // A match may reach into what it writes; it then repeats, which byte by byte it does.
    if (distance >= length) output.copyWithin(to, to - distance, to - distance + length);
    else for (let i = 0; i < length; i++) output[to + i] = output[to - distance + i];
    to += length;
  }
  if (to !== outputBytes) throw malformed('an LZ4 page is shorter than its header says');
  return output;
}
