import { expect, test } from 'vitest';
import {
  type Condition,
  conditionFalse,
  conditionTrue,
  findCondition,
  putVerdicts,
  withCondition,
} from '../../src/control/conditions.ts';
import type { Resource } from '../../src/control/resource.ts';

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

test('what is judged of an object is said of its present generation, and what others said of it stays', () => {
  const metadata = { name: 'a', uid: 'u', generation: 4, creationTimestamp: '' };
  const object = { metadata, status: { conditions: [{ ...ready }], more: 1 } } as unknown as Resource;
  putVerdicts(
    object,
    [conditionTrue('Accepted', 'Fine', 'it is'), conditionFalse('Served', 'Waits', 'not yet')],
    1_000,
  );
  const lastTransitionTime = '1970-01-01T00:00:01Z';
  expect(object.status).toEqual({
    more: 1,
    observedGeneration: 4,
    conditions: [
      ready,
      { type: 'Accepted', status: 'True', reason: 'Fine', message: 'it is', observedGeneration: 4, lastTransitionTime },
      {
        type: 'Served',
        status: 'False',
        reason: 'Waits',
        message: 'not yet',
        observedGeneration: 4,
        lastTransitionTime,
      },
    ],
  });
});
