import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { seedCount } from '../scale.ts';
import { revisionFault, unlinearizableKey } from './check.ts';
import { type Act, applied, type Operation } from './history.ts';
import { simulatedHistory, type Variant } from './simulated-store.ts';

const put = (value: string): Act => ({ type: 'put', value });
const get = (value: string | null): Act => ({ type: 'get', value });
const cas = (expected: string | null, value: string, swapped?: boolean): Act => ({
  type: 'cas',
  expected,
  value,
  ...(swapped === undefined ? {} : { swapped }),
});
const gone = (existed?: boolean): Act => ({ type: 'delete', ...(existed === undefined ? {} : { existed }) });
/** Operations of one key: from, to, what. */
const history = (...operations: [calledAt: number, answeredAt: number, act: Act][]): Operation[] =>
  operations.map(([calledAt, answeredAt, act]) => ({ key: 'k', calledAt, answeredAt, act }));
const never = Number.POSITIVE_INFINITY;

test.each<[string, Operation[]]>([
  ['nothing at all', []],
  ['a read of what was written', history([1, 2, put('a')], [3, 4, get('a')])],
  ['a read beside a write, of either', history([1, 9, put('a')], [2, 3, get(null)], [4, 5, get('a')])],
  ['writes beside each other, read in one order', history([1, 9, put('a')], [1, 9, put('b')], [10, 11, get('a')])],
  ['a write whose answer was lost, never seen', history([1, never, put('a')], [2, 3, get(null)], [4, 5, get(null)])],
  ['one that is seen late', history([1, never, put('a')], [2, 3, get(null)], [9, 10, get('a')])],
  ['one that comes after a later write', history([1, never, put('a')], [2, 3, put('b')], [4, 5, get('a')])],
  ['one of two that swap the same', history([1, 9, cas(null, 'a', true)], [1, 9, cas(null, 'b', false)])],
  ['a swap that failed for one whose answer was lost', history([1, never, put('a')], [2, 3, cas(null, 'b', false)])],
  ['a deletion, and a key made again', history([1, 2, put('a')], [3, 4, gone(true)], [5, 6, cas(null, 'b', true)])],
  ['a read that was not answered', history([1, 2, put('a')], [3, never, get(null)])],
])('a history that has an order is taken: %s', (_name, operations) => {
  expect(unlinearizableKey(operations)).toBe(null);
});

test.each<[string, Operation[]]>([
  ['a read of what was never written', history([1, 2, get('a')])],
  ['a stale read', history([1, 2, put('a')], [3, 4, put('b')], [5, 6, get('a')])],
  ['a write that is lost', history([1, 2, put('a')], [3, 4, get(null)])],
  ['a read of what is yet to be written', history([1, 2, get('a')], [3, 4, put('a')])],
  ['reads that go back', history([1, 9, put('a')], [2, 3, get('a')], [4, 5, get(null)])],
  [
    'two that read two writes in two orders',
    history([1, 2, put('a')], [3, 9, put('b')], [4, 5, get('b')], [6, 7, get('a')]),
  ],
  ['both of two that swap the same', history([1, 9, cas(null, 'a', true)], [1, 9, cas(null, 'b', true)])],
  ['a swap that failed without a reason', history([1, 2, put('a')], [3, 4, cas('a', 'b', false)])],
  ['a swap of what is no more', history([1, 2, put('a')], [3, 4, put('b')], [5, 6, cas('a', 'c', true)])],
  ['a deletion that did not happen', history([1, 2, put('a')], [3, 4, gone(true)], [5, 6, get('a')])],
  ['a deletion of nothing that was something', history([1, 2, put('a')], [3, 4, gone(false)])],
  [
    'a write without an answer that came twice',
    history([1, never, put('a')], [2, 3, get('a')], [4, 5, put('b')], [6, 7, get('b')], [8, 9, get('a')]),
  ],
  ['one without an answer, seen before it was asked for', history([1, 2, get('a')], [3, never, put('a')])],
])('a history that has none is not: %s', (_name, operations) => {
  expect(unlinearizableKey(operations)).toBe('k');
});

test('each key is judged by itself', () => {
  const good = history([1, 2, put('a')], [3, 4, get('a')]);
  const bad = history([1, 2, put('a')], [3, 4, get(null)]).map((operation) => ({ ...operation, key: 'other' }));
  expect(unlinearizableKey([...good, ...bad])).toBe('other');
});

test('the verdict on small histories is that of trying every order', () => {
  const verdicts = { yes: 0, no: 0 };
  for (let seed = 1; seed <= seedCount(40) * 10; seed++) {
    const operations = smallHistory(seededRandom(seed));
    const expected = hasOrder(operations, null);
    expect({ seed, linearizable: unlinearizableKey(operations) === null }).toEqual({ seed, linearizable: expected });
    verdicts[expected ? 'yes' : 'no'] += 1;
  }
  // Neither verdict is a rarity, or nothing was compared.
  expect(Math.min(verdicts.yes, verdicts.no)).toBeGreaterThan(seedCount(40));
});

/** Tries everything: what may come first, then what of the rest. */
function hasOrder(rest: readonly Operation[], state: string | null): boolean {
  if (rest.every(({ answeredAt }) => answeredAt === never)) return true;
  const firstAnswer = Math.min(...rest.map(({ answeredAt }) => answeredAt));
  return rest.some((operation) => {
    if (operation.calledAt > firstAnswer) return false;
    const next = applied(state, operation.act);
    return (
      next !== undefined &&
      hasOrder(
        rest.filter((each) => each !== operation),
        next,
      )
    );
  });
}

function smallHistory(random: Random): Operation[] {
  const below = (bound: number) => Math.floor(random.next() * bound);
  const value = () => ['a', 'b', null][below(3)] ?? null;
  return Array.from({ length: 2 + below(5) }, () => {
    const calledAt = below(12);
    const answeredAt = below(6) === 0 ? never : calledAt + 1 + below(6);
    const told = answeredAt !== never;
    const acts: Act[] = [
      get(value()),
      put(below(2) === 0 ? 'a' : 'b'),
      gone(told ? below(2) === 0 : undefined),
      cas(value(), below(2) === 0 ? 'a' : 'b', told ? below(2) === 0 : undefined),
    ];
    return { key: 'k', calledAt, answeredAt, act: acts[below(4)] as Act };
  });
}

test('the histories of a store that is right are taken', () => {
  for (let seed = 1; seed <= seedCount(40); seed++) {
    expect({ seed, key: unlinearizableKey(simulatedHistory(seededRandom(seed), 'right')) }).toEqual({
      seed,
      key: null,
    });
  }
});

test.each<Variant>(['stale reads', 'checks before it writes', 'loses what it acknowledged', 'dirty reads'])(
  'a store with this fault is caught: %s',
  (variant) => {
    const seeds = Array.from({ length: 40 }, (_, at) => at + 1);
    const caught = seeds.filter((seed) => unlinearizableKey(simulatedHistory(seededRandom(seed), variant)) !== null);
    expect(caught.length).toBeGreaterThan(4);
  },
);

test('revisions follow the order of answers, are nobody else’s, and are read as they were written', () => {
  const at = (calledAt: number, answeredAt: number, act: Act, revision: number): Operation => ({
    key: 'k',
    calledAt,
    answeredAt,
    act,
    revision,
  });
  expect(revisionFault([at(1, 4, put('a'), 3), at(2, 3, put('b'), 2), at(5, 6, get('a'), 3)])).toBe(null);
  expect(revisionFault([at(1, 2, put('a'), 3), at(3, 4, put('b'), 2)])).toContain('revision 2');
  expect(revisionFault([at(1, 2, put('a'), 3), at(1, 2, put('b'), 3)])).toContain('two writes');
  expect(revisionFault([at(1, 2, put('a'), 3), at(3, 4, get('a'), 2)])).toContain('was read at revision 2');
  // Of a write whose answer was lost, its readers agree.
  expect(revisionFault([at(1, 2, get('x'), 3), at(3, 4, get('x'), 4)])).toContain('was read at revision 4');
});
