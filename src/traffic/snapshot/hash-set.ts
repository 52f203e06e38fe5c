import { Buffer } from 'node:buffer';

/**
 * Sets of 32-bit hashes as files carry them: distinct, ascending, little-endian uint32, base64. Four bytes a member, and
 * never a false "no"; a false "yes" (one in 2³² a member) costs a look into a shard, which then has no such key.
 */
export function encodeHashes(hashes: Iterable<number>): string {
  const sorted = Uint32Array.from(new Set(hashes)).sort();
  const bytes = new Uint8Array(sorted.length * 4);
  const view = new DataView(bytes.buffer);
  sorted.forEach((hash, index) => {
    view.setUint32(index * 4, hash, true);
  });
  return Buffer.from(bytes.buffer).toString('base64');
}

/** Throws a SyntaxError where the text is no such set. */
export function decodeHashes(text: string): Uint32Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length % 4 !== 0) throw new SyntaxError('a set of hashes is cut off');
  const hashes = new Uint32Array(bytes.length / 4);
  for (let i = 0; i < hashes.length; i++) {
    hashes[i] = bytes.readUInt32LE(i * 4);
    if (i > 0 && hashes[i] <= hashes[i - 1]) throw new SyntaxError('a set of hashes is out of order');
  }
  return hashes;
}

/** Whether an ascending set has the hash. */
export function hasHash(sorted: Uint32Array, hash: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < hash) low = middle + 1;
    else high = middle;
  }
  return low < sorted.length && sorted[low] === hash;
}
