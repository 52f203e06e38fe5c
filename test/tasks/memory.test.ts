import { expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Census } from '../../src/tasks/census.ts';
import { leaseTasks, takerOf } from '../../src/tasks/claims.ts';
import { giveBack } from '../../src/tasks/give-back.ts';
import { submitTask } from '../../src/tasks/intake.ts';
import { LeaseHeap } from '../../src/tasks/lease-heap.ts';
import { extendLease, reportLease } from '../../src/tasks/leases.ts';
import { QueueMemory } from '../../src/tasks/queue-memory.ts';
import { TaskQueueMachine } from '../../src/tasks/task-queue.ts';
import { objectDatabase } from '../object-database.ts';
import { newTask, START_MS } from './queue-fixture.ts';

const AGENT = { agentId: 'agent', types: null, capabilities: [] };

/** A queue, and the most that one of its statements was and answered. */
function measuredQueue() {
  const { exec, transaction } = objectDatabase();
  const clock = manualClock(START_MS);
  const most = { queryChars: 0, answerChars: 0 };
  const queue = new TaskQueueMachine({
    database: {
      transaction,
      exec(query, ...bindings) {
        const rows = exec(query, ...bindings);
        const texts = rows.flatMap((row) => Object.values(row)).filter((value) => typeof value === 'string');
        most.queryChars = Math.max(most.queryChars, query.length);
        most.answerChars = Math.max(
          most.answerChars,
          texts.reduce((sum, text) => sum + text.length, 0),
        );
        return rows;
      },
    },
    clock,
    random: seededRandom(1),
    shard: 0,
  });
  queue.start(null);
  return { queue, clock, most };
}

const LARGE = JSON.stringify('x'.repeat(100_000));
/** What is read at a time, and a little. */
const AT_ONCE = 33 * LARGE.length;

test('a lease that is extended, ends or is given back leaves nothing in memory', () => {
  const queue = new QueueMemory({
    database: objectDatabase(),
    clock: manualClock(START_MS),
    random: seededRandom(1),
    shard: 0,
  });
  queue.start(null);
  for (let i = 0; i < 3; i++) submitTask(queue, newTask(), START_MS);
  const [first, second, third] = leaseTasks(queue, takerOf({ ...AGENT, leaseSeconds: 60 }), 3, START_MS);
  for (let atMs = START_MS; atMs < START_MS + 50_000; atMs += 1_000)
    for (const lease of [first, second, third]) extendLease(queue, lease, undefined, atMs);
  expect(queue.leases.earliestMs()).toBe(START_MS + 109_000);
  reportLease(queue, { ...first, success: true, retryable: true }, START_MS);
  reportLease(queue, { ...second, success: false, retryable: true }, START_MS);
  giveBack(queue, third, START_MS);
  expect(queue.leases.earliestMs()).toBeNull();
});

test('leases come up in the order in which they run out, however many were extended and ended before', () => {
  const random = seededRandom(1);
  const below = (bound: number) => Math.floor(random.next() * bound);
  const heap = new LeaseHeap();
  const held = new Map<number, number>();
  for (let step = 0; step < 20_000; step++) {
    const sequence = below(3_000);
    if (random.next() < 0.55) {
      held.set(sequence, below(1_000_000));
      heap.put({ untilMs: held.get(sequence) ?? 0, lane: 1, dueAtMs: 0, sequence });
    } else {
      held.delete(sequence);
      heap.remove(sequence);
    }
    expect(heap.size).toBeLessThanOrEqual(2 * held.size + 2_000);
  }
  const up: [number, number][] = [];
  for (let entry = heap.popDue(1_000_000); entry !== null; entry = heap.popDue(1_000_000))
    up.push([entry.sequence, entry.untilMs]);
  expect(up.map(([, untilMs]) => untilMs)).toEqual([...held.values()].toSorted((a, b) => a - b));
  expect(new Map(up)).toEqual(held);
});

test('lanes that are stored no more are counted no more', () => {
  const census = new Census();
  const lane = { id: 7, level: 1 } as Parameters<Census['depth']>[0] extends Iterable<infer Lane> ? Lane : never;
  census.load({ census: () => [], finishedCensus: () => [] } as never);
  census.change(lane.id, 'Failed', 2);
  expect(census.depth([lane]).Failed.Normal).toBe(2);
  census.drop([lane.id]);
  expect(census.depth([lane]).Failed.Normal).toBe(0);
});

test('large tasks that expire together are not read together, nor large dead letters that are redriven', () => {
  const { queue, clock, most } = measuredQueue();
  const tasks = Array.from({ length: 80 }, () => newTask({ payload: LARGE, expiresAtMs: START_MS + 1_000 }));
  queue.submit(tasks);
  clock.advance(2_000);
  queue.purge();
  expect(queue.stats().depth.Failed.Normal).toBe(80);
  expect(queue.redrive({ taskIds: null, type: 'work', max: 70 })).toBe(70);
  expect(queue.stats().depth).toMatchObject({ Failed: { Normal: 10 }, Pending: { Normal: 70 } });
  expect(queue.redrive({ taskIds: null, type: undefined, max: 70 })).toBe(10);
  expect(most.answerChars).toBeLessThan(AT_ONCE);
});

test('a page of a list holds fewer tasks where they are large, and every task is on one', () => {
  const { queue, clock, most } = measuredQueue();
  for (let i = 0; i < 40; i++) queue.submit([newTask({ payload: LARGE, type: `t${i % 2}` })]);
  for (let i = 0; i < 60; i++) queue.submit([newTask({ payload: LARGE, expiresAtMs: START_MS + 1_000 })]);
  clock.advance(2_000);
  queue.purge();
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = queue.list({}, 1_000, cursor);
    expect(page.items.length * LARGE.length).toBeLessThanOrEqual(LIMITS.taskAnswerChars);
    found.push(...page.items.map(({ taskId }) => taskId));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect([found.length, new Set(found).size]).toEqual([100, 100]);
  expect(most.answerChars).toBeLessThan(AT_ONCE);
});

test('a type of many groups is listed by a statement as short as any', () => {
  const { queue, most } = measuredQueue();
  queue.submit(Array.from({ length: 500 }, (_, i) => newTask({ options: { groupKey: `group ${i}` } })));
  expect(queue.list({ type: 'work' }, 1_000, undefined).items).toHaveLength(500);
  expect(queue.list({ type: 'other' }, 1_000, undefined).items).toEqual([]);
  expect(most.queryChars).toBeLessThan(1_000);
});
