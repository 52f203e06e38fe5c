/**
 * The 32-bit hash that places keys and paths: FNV-1a over code units, then the finisher of MurmurHash3, since FNV's low
 * bits alone spread badly. It is folded from left to right, so that the hashes of every prefix of a path cost one pass.
 * Published files depend on it: it never changes under one format.
 */
export const EMPTY_HASH = 0x811c9dc5;

/** The state after one more code unit. */
export function foldHash(state: number, codeUnit: number): number {
  return Math.imul(state ^ codeUnit, 0x01000193);
}

/** The hash of what has been folded: 0 to 2³² − 1. */
export function finishHash(state: number): number {
  let value = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** The hash of a text, 32 bits without a sign. */
export function hashText(text: string): number {
  let state = EMPTY_HASH;
  for (let i = 0; i < text.length; i++) state = foldHash(state, text.charCodeAt(i));
  return finishHash(state);
}
