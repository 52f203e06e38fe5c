import { expect, test } from 'vitest';
import { type Condition, findCondition, withCondition } from '../../src/control/conditions.ts';

const ready: Condition = { type: 'Ready', status: 'True', reason: 'Up', message: 'it is up', observedGeneration: 1 };

test('the time of a condition moves only when its status turns', () => {
  const first = withCondition(undefined, ready, 1_000);
  expect(first).toEqual([{ ...ready, lastTransitionTime: '1970-01-01T00:00:01Z' }]);
  const reworded = withCondition(first, { ...ready, reason: 'Fine', observedGeneration: 2 }, 60_000);
  expect(reworded).toEqual([
    { ...ready, reason: 'Fine', observedGeneration: 2, lastTransitionTime: '1970-01-01T00:00:01Z' },
  ]);
  const turned = withCondition(reworded, { ...ready, status: 'False' }, 61_000);
  expect(turned[0].lastTransitionTime).toBe('1970-01-01T00:01:01Z');
});

test('saying again what is there gives an equal list', () => {
  const first = withCondition(undefined, ready, 1_000);
  expect(withCondition(first, ready, 99_000)).toEqual(first);
});

test('other conditions keep their place', () => {
  const both = withCondition(withCondition(undefined, ready, 0), { ...ready, type: 'Other' }, 0);
  const changed = withCondition(both, { ...ready, status: 'False' }, 0);
  expect(changed.map((condition) => [condition.type, condition.status])).toEqual([
    ['Ready', 'False'],
    ['Other', 'True'],
  ]);
  expect(findCondition({ conditions: changed }, 'Other')?.status).toBe('True');
  expect(findCondition(undefined, 'Other')).toBeUndefined();
});
