import { assert } from '../core/errors.ts';

const TERMS = 2 ** 32;
/** Beyond it epochs would no longer be exact as JSON numbers. */
const INCARNATIONS = 2 ** 21;

/**
 * The fencing token of a leader: incarnation · 2³² + term. Terms grow within the life of a store, incarnations from
 * one life of the store to the next (a restore begins one), so epochs grow whatever happens to the store.
 */
export function epochOf(incarnation: number, term: number): number {
  assert(incarnation > 0 && incarnation < INCARNATIONS, `${incarnation} is no incarnation`);
  assert(term > 0 && term < TERMS, `${term} is no term`);
  return incarnation * TERMS + term;
}

/**
 * The revision a store's life begins after. Revisions of an incarnation lie above all of those before it, so a
 * watcher that knows a revision of a lost history is never handed another history's changes as its continuation.
 */
export function firstRevisionOf(incarnation: number): number {
  assert(incarnation > 0 && incarnation < INCARNATIONS, `${incarnation} is no incarnation`);
  return (incarnation - 1) * TERMS;
}
