import { describe, expect, test } from 'vitest';
import { TASK_PRIORITIES } from '../../src/core/protocol/tasks.ts';
import { seededRandom } from '../../src/core/random.ts';
import { compareUrgency, urgencyOf } from '../../src/tasks/urgency.ts';
import { seedCount, sized } from '../scale.ts';
import { newTask, queueFixture } from './queue-fixture.ts';

const SECOND = 1_000;

/** Submits `count` tasks of a group; the payload names it. */
function flood(queue: ReturnType<typeof queueFixture>, groupKey: string | undefined, count: number, more: object = {}) {
  const task = newTask({ payload: JSON.stringify(groupKey ?? 'none'), options: { groupKey }, ...more });
  queue.queue.submit(Array.from({ length: count }, () => task));
}
const order = (queue: ReturnType<typeof queueFixture>, max: number, more: object = {}): string[] =>
  queue.claim({ max, ...more }).map(({ payload }) => JSON.parse(payload) as string);
const counted = (groups: readonly string[]) =>
  Object.fromEntries(
    [...new Set(groups)].toSorted().map((group) => [group, groups.filter((each) => each === group).length]),
  );

describe('groups of one priority', () => {
  test('take turns, tasks without a group being one', () => {
    const queue = queueFixture();
    flood(queue, 'a', 100);
    queue.clock.advance(SECOND);
    flood(queue, 'b', 3);
    flood(queue, undefined, 2);
    expect(order(queue, 9).join(' ')).toBe('a b none a b none a b a');
  });

  test('take turns whatever the types of their tasks, and for a claim that may have one type only', () => {
    const queue = queueFixture();
    flood(queue, 'a', 50, { type: 'x' });
    flood(queue, 'a', 50, { type: 'y' });
    flood(queue, 'b', 50, { type: 'y' });
    expect(counted(order(queue, 20))).toEqual({ a: 10, b: 10 });
    expect(counted(order(queue, 20, { types: ['y'] }))).toEqual({ a: 10, b: 10 });
    expect(counted(order(queue, 4, { types: ['x'] }))).toEqual({ a: 4 });
  });

  test('have shares by their weights', () => {
    const groupWeights = [
      { group: 'a', weight: 3 },
      { group: '*', weight: 2 },
    ];
    const queue = queueFixture({ groupWeights });
    for (const group of ['a', 'b', 'c']) flood(queue, group, 100);
    expect(counted(order(queue, 70))).toEqual({ a: 30, b: 20, c: 20 });
    queue.configure({ groupWeights: [{ group: 'c', weight: 4 }] });
    // The round that was begun ends as it began.
    order(queue, 7);
    expect(counted(order(queue, 60))).toEqual({ a: 10, b: 10, c: 40 });
  });

  test('gain nothing by handing in one task at a time, and lose nothing by pausing', () => {
    const queue = queueFixture();
    flood(queue, 'many', 100);
    const groups: string[] = [];
    for (let i = 0; i < 40; i++) {
      flood(queue, 'single', 1);
      groups.push(...order(queue, 1));
    }
    expect(counted(groups)).toEqual({ many: 20, single: 20 });
    order(queue, 40);
    flood(queue, 'new', 5);
    expect(order(queue, 4)).toContain('new');
  });

  test('a group is served in the order of its tasks', () => {
    const queue = queueFixture();
    const ids = Array.from(
      { length: 10 },
      (_, i) => queue.submit({ type: `t${i % 3}`, options: { groupKey: 'g' } }).taskId,
    );
    flood(queue, 'other', 10);
    const mine = queue.claim({ max: 20 }).filter(({ options }) => options.groupKey === 'g');
    expect(mine.map(({ taskId }) => taskId)).toEqual(ids);
  });
});

test('turns never let a task overtake one of another priority that urgency puts first', () => {
  for (let seed = 0; seed < seedCount(4); seed++) {
    const random = seededRandom(seed);
    const below = (count: number) => Math.floor(random.next() * count);
    const queue = queueFixture({ groupWeights: [{ group: 'g0', weight: 5 }] });
    const waiting = new Map<string, { level: number; dueAtMs: number; sequence: number }>();
    for (let step = 0; step < 150; step++) {
      queue.clock.advance(below(40) * SECOND);
      for (let i = below(4); i > 0; i--) {
        const level = below(4);
        const group = below(5);
        const { taskId } = queue.submit({
          priority: TASK_PRIORITIES[level],
          type: `t${below(2)}`,
          options: { groupKey: group === 4 ? undefined : `g${group}` },
        });
        waiting.set(taskId, { level, dueAtMs: queue.clock.now(), sequence: waiting.size + step * 1_000 });
      }
      if (random.next() < 0.05) queue.restart();
      for (const { taskId } of queue.claim({ max: 1 + below(3), leaseSeconds: 86_400 })) {
        const mine = waiting.get(taskId);
        if (mine === undefined) throw new Error('a task twice');
        waiting.delete(taskId);
        const urgency = urgencyOf({ lane: 0, ...mine }, mine.level, 300_000);
        for (const other of waiting.values()) {
          if (other.level === mine.level) continue;
          if (compareUrgency(urgency, urgencyOf({ lane: 0, ...other }, other.level, 300_000)) > 0)
            throw new Error(`seed ${seed}: ${taskId} overtook a task of another priority`);
        }
      }
    }
  }
});

test('a claim costs the same among many groups as among few, blocked ones too', () => {
  const statements = (groups: number) => {
    const perGroup = [{ group: 'blocked', concurrency: 1, rate: null }];
    const queue = queueFixture({ limits: { queue: { concurrency: null, rate: null }, perType: [], perGroup } });
    const blocked = Array.from({ length: groups }, () => newTask({ options: { groupKey: 'blocked' } }));
    const others = Array.from({ length: groups }, (_, i) => newTask({ options: { groupKey: `g${i}` } }));
    queue.queue.submit([...blocked, ...others, ...others]);
    queue.claim({ max: 5 });
    const before = queue.database.statements();
    for (let i = 0; i < 50; i++) expect(queue.claim()).toHaveLength(1);
    return queue.database.statements() - before;
  };
  expect(statements(sized(1_000))).toBe(statements(100));
});

test('groups that have nothing any more are forgotten', () => {
  const queue = queueFixture();
  for (let i = 0; i < 5; i++) flood(queue, `g${i}`, 1, { options: { groupKey: `g${i}`, resultRetentionSeconds: 60 } });
  const lanes = () => queue.database.exec('SELECT * FROM lanes').length;
  for (const task of queue.claim({ max: 4 })) queue.report(task);
  queue.queue.purge();
  expect(lanes()).toBe(5);
  queue.clock.advance(10 * 60 * SECOND);
  expect(queue.queue.nextWorkAtMs()).toBeLessThanOrEqual(queue.clock.now());
  queue.queue.purge();
  expect(lanes()).toBe(1);
  flood(queue, 'g0', 1);
  expect(queue.claim({ max: 9 })).toHaveLength(2);
});

describe('rows written beside the three of a task', () => {
  test.each([
    ['a group that is new', { options: { groupKey: 'new', resultRetentionSeconds: 0 } }, {}, [2, 1, 1]],
    ['a group that is known', { options: { groupKey: 'known', resultRetentionSeconds: 0 } }, {}, [1, 1, 1]],
    ['a limit at a time', {}, { concurrency: 5, rate: null }, [1, 1, 1]],
    ['a rate', {}, { concurrency: null, rate: { perSecond: 5, burst: 100 } }, [1, 2, 1]],
  ] as const)('%s', (_, task, limit, expected) => {
    const settings = 'rate' in limit ? { limits: { queue: limit, perType: [], perGroup: [] } } : {};
    const queue = queueFixture({ resultRetentionSeconds: 0, ...settings });
    flood(queue, undefined, 1);
    flood(queue, 'known', 1);
    for (const each of queue.claim({ max: 2 })) queue.report(each);
    let [claimed] = queue.claim();
    const rows = [
      queue.rowsWrittenBy(() => queue.submit(task)),
      queue.rowsWrittenBy(() => {
        [claimed] = queue.claim();
      }),
      queue.rowsWrittenBy(() => queue.report(claimed)),
    ];
    expect(rows).toEqual(expected);
  });
});
