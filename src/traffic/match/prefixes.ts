import { EMPTY_HASH, finishHash, foldHash } from '../snapshot/key-hash.ts';

const SLASH = 0x2f;

/** Where the prefixes of a path end that consist of whole segments, shortest first, without `/`; their hashes beside. */
export interface Prefixes {
  readonly ends: readonly number[];
  /** Empty where they were not asked for. */
  readonly hashes: readonly number[];
}

/** The prefixes of up to `maxSegments` segments. A slash at the path's end is no segment: `/a/` has the prefix `/a`. */
export function prefixesOf(path: string, maxSegments: number, hashed: boolean): Prefixes {
  const ends: number[] = [];
  const hashes: number[] = [];
  let state = foldHash(EMPTY_HASH, SLASH);
  for (let at = 1; at < path.length && ends.length < maxSegments; at++) {
    const code = path.charCodeAt(at);
    if (code === SLASH) {
      ends.push(at);
      if (hashed) hashes.push(finishHash(state));
    }
    if (hashed) state = foldHash(state, code);
  }
  if (ends.length < maxSegments && path.length > 1 && path.charCodeAt(path.length - 1) !== SLASH) {
    ends.push(path.length);
    if (hashed) hashes.push(finishHash(state));
  }
  return { ends, hashes };
}
