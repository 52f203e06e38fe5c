import { describe, expect, test } from 'vitest';
import { DEFAULT_QUEUE_SETTINGS, type TaskLimit, type TaskLimits } from '../../src/core/protocol/queue-settings.ts';
import type { ClaimedTask } from '../../src/core/protocol/tasks.ts';
import { seededRandom } from '../../src/core/random.ts';
import { seedCount } from '../scale.ts';
import { newTask, queueFixture, START_MS } from './queue-fixture.ts';

const SECOND = 1_000;
const OPEN: TaskLimit = { concurrency: null, rate: null };

function limits(some: Partial<TaskLimits>): { limits: TaskLimits } {
  return { limits: { queue: OPEN, perType: [], perGroup: [], ...some } };
}
const atMost = (concurrency: number): TaskLimit => ({ concurrency, rate: null });
const rate = (perSecond: number, burst = 1): TaskLimit => ({ concurrency: null, rate: { perSecond, burst } });

describe('at a time', () => {
  const scopes = [
    ['of the queue', limits({ queue: atMost(2) })],
    ['of a type', limits({ perType: [{ type: 'work', ...atMost(2) }] })],
    ['of each type', limits({ perType: [{ type: '*', ...atMost(2) }] })],
    ['of a group', limits({ perGroup: [{ group: 'g', ...atMost(2) }] })],
    ['of each group', limits({ perGroup: [{ group: '*', ...atMost(2) }] })],
  ] as const;

  test.each(scopes)('no more tasks %s run than its limit, through restarts and lapsed leases', (_, settings) => {
    const queue = queueFixture(settings);
    const submit = () => queue.submit({ options: { groupKey: 'g', maxRetries: 9, retryDelaySeconds: 0.1 } });
    for (let i = 0; i < 6; i++) submit();
    const [first, second, ...more] = queue.claim({ max: 9, leaseSeconds: 60 });
    expect([first.attempt, second.attempt, more.length]).toEqual([1, 1, 0]);
    queue.restart();
    expect(queue.claim({ max: 9 })).toEqual([]);
    expect(queue.queue.nextClaimAtMs({ types: null, capabilities: [] })).toBe(START_MS + 60 * SECOND);
    expect(queue.report(first)).toBe('accepted');
    expect(queue.claim({ max: 9, leaseSeconds: 120 })).toHaveLength(1);
    queue.clock.advance(60 * SECOND);
    expect(queue.claim({ max: 9 })).toHaveLength(1);
    queue.restart();
    expect(queue.claim({ max: 9 })).toHaveLength(0);
  });

  test('a lease that nobody comes by after a restart frees its place all the same', () => {
    const queue = queueFixture(limits({ queue: atMost(1) }));
    queue.submit({ delayMs: SECOND });
    queue.clock.advance(SECOND);
    expect(queue.claim({ leaseSeconds: 10 })).toHaveLength(1);
    queue.submit({ runAtMs: START_MS });
    // Stands before the leased one in the lane, so that reading the lane stops before the lease.
    queue.submit({ priority: 'Critical' });
    queue.restart();
    expect(queue.claim()).toEqual([]);
    queue.clock.advance(10 * SECOND);
    expect(queue.claim()).toMatchObject([{ priority: 'Critical' }]);
  });

  test('a limited type or group keeps nobody else from running, however much of it waits', () => {
    const settings = limits({ perType: [{ type: 'slow', ...atMost(1) }], perGroup: [{ group: 'big', ...atMost(1) }] });
    const queue = queueFixture(settings);
    queue.queue.submit(Array.from({ length: 50 }, () => newTask({ type: 'slow', priority: 'Critical' })));
    queue.queue.submit(
      Array.from({ length: 50 }, () => newTask({ priority: 'Critical', options: { groupKey: 'big' } })),
    );
    queue.submit({ type: 'quick', priority: 'Low' });
    queue.submit({ priority: 'Low', options: { groupKey: 'small' } });
    const claimed = queue.claim({ max: 99 });
    const kinds = claimed.map(({ type, options }) => options.groupKey ?? type);
    expect(kinds.toSorted()).toEqual(['big', 'quick', 'slow', 'small']);
  });

  test('the limit of a group holds over the types and priorities of its tasks', () => {
    const queue = queueFixture(limits({ perGroup: [{ group: '*', ...atMost(1) }] }));
    for (const type of ['a', 'b', 'c'])
      for (const priority of ['Low', 'High'] as const) queue.submit({ type, priority, options: { groupKey: 'g' } });
    expect(queue.claim({ types: ['nothing'] })).toEqual([]);
    expect(queue.claim({ max: 9 })).toHaveLength(1);
    expect(queue.claim({ max: 9 })).toEqual([]);
  });

  test('priority decides who gets a place that becomes free', () => {
    const queue = queueFixture(limits({ queue: atMost(1) }));
    queue.submit({ priority: 'Low' });
    let [running] = queue.claim();
    for (const priority of ['Low', 'Critical', 'Normal', 'High', 'Critical'] as const) queue.submit({ priority });
    const order: string[] = [];
    for (let i = 0; i < 5; i++) {
      queue.report(running);
      [running] = queue.claim({ max: 9 });
      order.push(running.priority);
    }
    expect(order).toEqual(['Critical', 'Critical', 'High', 'Normal', 'Low']);
  });
});

describe('in a second', () => {
  const scopes = [
    ['of the queue', limits({ queue: rate(2, 3) })],
    ['of a type', limits({ perType: [{ type: '*', ...rate(2, 3) }] })],
    ['of a group', limits({ perGroup: [{ group: '*', ...rate(2, 3) }] })],
  ] as const;

  test.each(scopes)('no more tasks %s begin than its rate and its burst, through restarts', (_, settings) => {
    const queue = queueFixture(settings);
    queue.queue.submit(Array.from({ length: 40 }, () => newTask({ options: { groupKey: 'g' } })));
    const begun = () => queue.claim({ max: 99 }).length;
    expect(begun()).toBe(3);
    expect(queue.queue.nextClaimAtMs({ types: null, capabilities: [] })).toBe(START_MS + 500);
    queue.clock.advance(499);
    expect(begun()).toBe(0);
    queue.restart();
    expect(begun()).toBe(0);
    queue.clock.advance(1);
    expect(begun()).toBe(1);
    queue.clock.advance(SECOND);
    expect(begun()).toBe(2);
    queue.clock.advance(60 * SECOND);
    expect(begun()).toBe(3);
  });

  test('a slow rate gives its next token though the object is gone between any two claims', () => {
    const queue = queueFixture(limits({ queue: rate(0.01) }));
    queue.queue.submit(Array.from({ length: 3 }, () => newTask()));
    let begun = 0;
    for (let second = 0; second <= 200; second += 10) {
      queue.restart();
      begun += queue.claim().length;
      queue.clock.advance(10 * SECOND);
    }
    expect(begun).toBe(3);
  });
});

test('limits change while tasks run: what runs is counted, and what was spent stays spent', () => {
  const queue = queueFixture();
  queue.queue.submit(Array.from({ length: 20 }, () => newTask()));
  const claimed: ClaimedTask[] = queue.claim({ max: 4 });
  queue.configure(limits({ queue: atMost(5) }));
  expect(queue.claim({ max: 9 })).toHaveLength(1);
  queue.configure(limits({ queue: atMost(3) }));
  for (const task of claimed.slice(0, 2)) queue.report(task);
  expect(queue.claim()).toEqual([]);
  queue.report(claimed[2]);
  expect(queue.claim({ max: 9 })).toHaveLength(1);
  queue.configure({});
  expect(queue.claim({ max: 99 })).toHaveLength(14);

  const grouped = queueFixture(limits({ queue: atMost(9) }));
  for (let i = 0; i < 3; i++) grouped.submit({ options: { groupKey: 'g' } });
  expect(grouped.claim({ max: 2 })).toHaveLength(2);
  grouped.configure(limits({ queue: atMost(9), perGroup: [{ group: 'g', ...atMost(2) }] }));
  expect(grouped.claim()).toEqual([]);
});

test('settings outlive the object, and older ones change nothing', () => {
  const queue = queueFixture({ leaseSeconds: 7, paused: true });
  queue.submit();
  queue.restart();
  expect(queue.claim()).toEqual([]);
  expect(queue.queue.stats().state).toBe('Paused');
  queue.configure({ leaseSeconds: 9 });
  queue.queue.configure({
    version: 1,
    namespace: 'default',
    settings: { ...DEFAULT_QUEUE_SETTINGS, leaseSeconds: 8 },
    shardsEver: 1,
  });
  expect(queue.claim()).toMatchObject([{ leaseRemainingMs: 9_000 }]);
});

test('whatever ends, lapses, restarts and changes: no limit is passed, and nothing waits that none holds back', () => {
  for (let seed = 0; seed < seedCount(3); seed++) {
    const random = seededRandom(seed);
    const below = (count: number) => Math.floor(random.next() * count);
    let [ofQueue, ofType, ofGroup] = [4, 3, 2];
    const configure = () =>
      queue.configure(
        limits({
          queue: atMost(ofQueue),
          perType: [{ type: 't0', ...atMost(ofType) }],
          perGroup: [{ group: '*', ...atMost(ofGroup) }],
        }),
      );
    const queue = queueFixture({}, seededRandom(seed + 1));
    configure();
    const known = new Map<string, { type: string; group: string; lease: ClaimedTask | null }>();
    for (let step = 0; step < 250; step++) {
      queue.clock.advance(below(3) * SECOND);
      const running = () =>
        [...known.values()].filter(({ lease }) => lease !== null && lease.leaseExpiresAtMs > queue.clock.now());
      const turn = below(10);
      if (turn < 4) {
        const [type, group] = [`t${below(2)}`, `g${below(3)}`];
        const priority = (['Low', 'High'] as const)[below(2)];
        const options = { groupKey: group, maxRetries: 99, retryDelaySeconds: 0.1 };
        known.set(queue.submit({ type, priority, options }).taskId, { type, group, lease: null });
      } else if (turn < 7) {
        const held = running();
        const task = held[below(held.length)];
        if (task?.lease) expect(queue.report({ ...task.lease, success: below(2) === 0 })).toBe('accepted');
        if (task !== undefined) task.lease = null;
      } else if (turn === 7) queue.restart();
      else if (turn === 8 && below(5) === 0) {
        [ofQueue, ofType, ofGroup] = [1 + below(6), 1 + below(4), 1 + below(3)];
        configure();
      }
      const before = running().length;
      const claimed = queue.claim({ max: 9, leaseSeconds: 4 });
      for (const lease of claimed) {
        const task = known.get(lease.taskId);
        if (task !== undefined) task.lease = lease;
      }
      const now = running();
      const count = (of: (task: { type: string; group: string }) => boolean) => now.filter(of).length;
      if (claimed.length > 0) expect(now.length).toBeLessThanOrEqual(Math.max(ofQueue, before));
      const open = { queue: now.length < ofQueue, type: count(({ type }) => type === 't0') < ofType };
      for (const [taskId, task] of known) {
        if (now.includes(task)) continue;
        const record = queue.queue.get(taskId);
        if (record === null || record.finished !== null || record.dueAtMs > queue.clock.now()) continue;
        const isOpen = count(({ group }) => group === task.group) < ofGroup && (task.type !== 't0' || open.type);
        if (open.queue && isOpen) throw new Error(`seed ${seed}, step ${step}: ${taskId} waits for nothing`);
      }
      for (const { type, group } of claimed.map(({ taskId }) => known.get(taskId) ?? { type: '', group: '' })) {
        expect(count((task) => task.group === group)).toBeLessThanOrEqual(ofGroup);
        if (type === 't0') expect(count((task) => task.type === 't0')).toBeLessThanOrEqual(ofType);
      }
    }
  }
});

describe('why', () => {
  const reasons = (queue: ReturnType<typeof queueFixture>, taskId: string) =>
    (queue.queue.why(taskId) ?? []).map(({ code, message }) => `${code}: ${message}`);

  test('names the limit that holds a task back, and until when where that is known', () => {
    const queue = queueFixture(
      limits({ queue: rate(0.5), perType: [{ type: 'work', ...atMost(1) }], perGroup: [{ group: '*', ...atMost(1) }] }),
    );
    queue.submit({ options: { groupKey: 'g' } });
    const { taskId } = queue.submit({ options: { groupKey: 'g' } });
    expect(queue.claim()).toHaveLength(1);
    expect(reasons(queue, taskId)).toEqual([
      `limited: limit of the queue: 0.5 a second have begun; the next may at ${new Date(START_MS + 2_000).toISOString()}`,
      'limited: limit of type "work": 1 of 1 at a time run',
      'limited: limit of group "g": 1 of 1 at a time run',
    ]);
  });

  test('says what is before a task, with whom it takes turns, and that the queue is paused or drains', () => {
    const queue = queueFixture({ paused: true });
    queue.submit({ priority: 'High' });
    queue.submit({ options: { groupKey: 'mine' } });
    const { taskId } = queue.submit({ options: { groupKey: 'mine' } });
    for (const groupKey of ['a', 'b']) queue.submit({ options: { groupKey } });
    queue.claim();
    queue.queue.setState('Draining');
    expect(reasons(queue, taskId)).toEqual([
      'paused: the queue is declared paused (spec.paused)',
      'draining: the queue is draining: it gives out what it has and takes nothing in',
      'behind: 2 due tasks go before it',
      'behind: 2 other groups with due tasks of its priority take turns with its own',
    ]);
  });

  test('speaks of one task and of one group as one', () => {
    const queue = queueFixture();
    queue.submit({ options: { groupKey: 'mine' } });
    const { taskId } = queue.submit({ options: { groupKey: 'mine' } });
    queue.submit({ options: { groupKey: 'a' } });
    queue.claim({ types: ['other'] });
    expect(reasons(queue, taskId).filter((each) => each.startsWith('behind'))).toEqual([
      'behind: 1 due task goes before it',
      'behind: 1 other group with due tasks of its priority takes turns with its own',
    ]);
  });
});
