import type { PathMatch } from '../../core/protocol/gateway.ts';
import { hashText } from '../../traffic/snapshot/key-hash.ts';
import { literalPath, segmentsOf } from '../../traffic/snapshot/keys.ts';

/**
 * Pages and shards are the low bits of hashes, and tables are read by ranges: a place is a hash with its bits in reverse
 * order, so that what shares a page or a shard lies together, whatever their number.
 */
export function placeOf(hash: number): number {
  let value = hash;
  value = ((value >>> 1) & 0x55555555) | ((value & 0x55555555) << 1);
  value = ((value >>> 2) & 0x33333333) | ((value & 0x33333333) << 2);
  value = ((value >>> 4) & 0x0f0f0f0f) | ((value & 0x0f0f0f0f) << 4);
  value = ((value >>> 8) & 0x00ff00ff) | ((value & 0x00ff00ff) << 8);
  return ((value >>> 16) | (value << 16)) >>> 0;
}

/** The hash that a place is of. */
export const hashOfPlace = placeOf;

/** The places of one of `count` parts (a power of two): from the first to the last, both included. */
export function placesOfPart(part: number, count: number): readonly [number, number] {
  const first = placeOf(part);
  return [first, first + 2 ** 32 / count - 1];
}

/** Where rules lie whose path is an expression: before every page, since any path may match. */
export const EXPRESSIONS = -1;

/** The place of a path among the rules of a host. */
export function placeOfPath(path: PathMatch): number {
  return path.type === 'RegularExpression' ? EXPRESSIONS : placeOf(hashText(literalPath(path)));
}

/** The segments of a literal path; 0 of an expression, which is looked up by none. */
export function segmentsOfPath(path: PathMatch): number {
  return path.type === 'RegularExpression' ? 0 : segmentsOf(literalPath(path));
}
