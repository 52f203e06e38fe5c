import { describe, expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { OrasiError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { DEFAULT_QUEUE_SETTINGS, type QueueSettings } from '../../src/core/protocol/queue-settings.ts';
import type { TaskAnswer, TaskQueueCalls } from '../../src/core/protocol/tasks.ts';
import { seededRandom } from '../../src/core/random.ts';
import { ShardedQueues } from '../../src/tasks/sharded-queue.ts';
import { shardOf } from '../../src/tasks/shards.ts';
import { TaskQueueMachine } from '../../src/tasks/task-queue.ts';
import { countingDatabase, newTask, START_MS } from './queue-fixture.ts';

/** A queue of several objects, without a platform: what waits is asked again by the clock. */
function shardedFixture(shards: number) {
  const clock = manualClock(START_MS);
  const random = seededRandom(1);
  const machines = new Map<string, TaskQueueMachine>();
  let version = 1;
  let settings: QueueSettings = { ...DEFAULT_QUEUE_SETTINGS, shards };
  let shardsEver = shards;
  const configuration = () => ({ version, namespace: 'default', settings, shardsEver });
  const asked: string[] = [];
  const broken = new Set<string>();
  const machineOf = (name: string) => {
    const present = machines.get(name);
    if (present !== undefined) return present;
    const shard = Number(name.split('/')[2]);
    const machine = new TaskQueueMachine({ database: countingDatabase(), clock, random, shard });
    machine.start(null);
    machines.set(name, machine);
    return machine;
  };
  const taskQueue = (name: string): TaskQueueCalls => {
    const tagged = async <T>(call: (machine: TaskQueueMachine) => T): Promise<TaskAnswer<T>> => {
      const machine = machineOf(name);
      machine.configure(configuration());
      try {
        return { ok: true, value: call(machine) };
      } catch (error) {
        if (!(error instanceof OrasiError)) throw error;
        return { ok: false, code: error.code, message: error.message, errors: error.errors };
      }
    };
    const calls: Partial<TaskQueueCalls> = {
      submit: (_, tasks) => tagged((machine) => machine.submit(tasks)),
      claim: (request) => {
        const shard = name.slice(name.lastIndexOf('/') + 1);
        asked.push(shard);
        if (broken.has(shard)) throw new Error(`shard ${shard} does not answer`);
        return tagged((machine) => machine.claim(request));
      },
      awaitWork: (request) =>
        tagged((machine) => {
          clock.advance(request.waitMs);
          return (machine.nextClaimAtMs(request) ?? Number.POSITIVE_INFINITY) <= clock.now();
        }),
      report: (reports) => tagged((machine) => machine.report(reports)),
      heartbeat: (request) => tagged((machine) => machine.heartbeat(request)),
      get: (taskId) => tagged((machine) => machine.get(taskId)),
      why: (taskId) => tagged((machine) => machine.why(taskId)),
      cancel: (taskId) => tagged((machine) => machine.cancel(taskId)),
      list: (filter, limit, cursor) => tagged((machine) => machine.list(filter, limit, cursor)),
      stats: () => tagged((machine) => ({ ...machine.stats(), waitingClaims: 0, rowsWritten: 1 })),
      setState: (_, state) =>
        tagged((machine) => {
          machine.setState(state);
          return { ...machine.stats(), waitingClaims: 0, rowsWritten: 1 };
        }),
      redrive: (request) => tagged((machine) => machine.redrive(request)),
    };
    return calls as TaskQueueCalls;
  };
  const queues = new ShardedQueues({ taskQueue, configuration: async () => configuration(), clock });
  const request = { agentId: 'a', max: 1, types: null, capabilities: [] };
  return {
    clock,
    asked,
    broken,
    machines,
    open: async () => await queues.open('uid', 'q'),
    async claim(more: object = {}, waitMs = 0) {
      return await (await queues.open('uid', 'q')).claim({ ...request, ...more }, clock.now() + waitMs, () => false);
    },
    configure(changed: Partial<QueueSettings>) {
      version += 1;
      settings = { ...settings, ...changed };
      shardsEver = Math.max(shardsEver, settings.shards);
    },
  };
}

const shardsOf = (ids: readonly { taskId: string }[]) => [...new Set(ids.map(({ taskId }) => taskId.split('-')[0]))];

describe('a queue of several shards', () => {
  test('gets, extends, reports and cancels each task where its id says, in one batch', async () => {
    const fixture = shardedFixture(4);
    const tasks = Array.from({ length: 40 }, (_, i) => newTask({ options: { groupKey: `g${i}` } }));
    const submitted = await (await fixture.open()).submit(tasks);
    expect(shardsOf(submitted).toSorted()).toEqual(['0', '1', '2', '3']);
    const queue = await fixture.open();
    const groups = await Promise.all(submitted.map(async ({ taskId }) => (await queue.get(taskId))?.options.groupKey));
    expect(groups).toEqual(tasks.map(({ options }) => options.groupKey));
    const claimed = await fixture.claim({ max: 99 });
    expect(claimed.map(({ taskId }) => taskId).toSorted()).toEqual(submitted.map(({ taskId }) => taskId).toSorted());
    const leases = claimed.map(({ taskId, leaseToken }) => ({ taskId, leaseToken }));
    const beats = await queue.heartbeat({ leases: [...leases, { taskId: 'zzz', leaseToken: '' }] });
    expect(beats.map(({ taskId }) => taskId)).toEqual([...leases.map(({ taskId }) => taskId), 'zzz']);
    expect(beats.at(-1)?.outcome).toBe('unknown');
    const outcomes = await queue.report(leases.map((lease) => ({ ...lease, success: true, retryable: true })));
    expect(outcomes).toEqual(leases.map(() => 'accepted'));
    expect(await queue.get(`${(64).toString(36)}-0-0-1`)).toBeNull();
    expect(fixture.machines.size).toBe(4);
    expect((await queue.stats()).depth.Completed.Normal).toBe(40);
  });

  test('has all of a group and of a dedupe key in one shard, and a batch of others whole in one', async () => {
    const fixture = shardedFixture(8);
    const queue = await fixture.open();
    const group = Array.from({ length: 9 }, (_, i) => newTask({ dedupeKey: `k${i}`, options: { groupKey: 'g' } }));
    expect(shardsOf(await queue.submit(group))).toHaveLength(1);
    expect(shardsOf(await queue.submit(Array.from({ length: 9 }, () => newTask())))).toHaveLength(1);
    const [first] = await queue.submit([newTask({ dedupeKey: 'once' })]);
    const [again] = await (await fixture.open()).submit([newTask({ dedupeKey: 'once' })]);
    expect(again).toEqual({ ...first, duplicate: true });
    const spread = await Promise.all(Array.from({ length: 8 }, async () => (await fixture.open()).submit([newTask()])));
    expect(shardsOf(spread.flat())).toHaveLength(8);
  });

  test('moves few keys when it gets another shard', () => {
    const place = (shards: number) =>
      Array.from({ length: 2_000 }, (_, i) => shardOf(newTask({ dedupeKey: `key ${i}` }), shards, 0));
    const [before, after] = [place(7), place(8)];
    const moved = before.filter((shard, i) => after[i] !== shard).length;
    expect(moved).toBeGreaterThan(180);
    expect(moved).toBeLessThan(330);
    expect(
      Math.min(...Array.from({ length: 8 }, (_, n) => after.filter((shard) => shard === n).length)),
    ).toBeGreaterThan(190);
  });

  test('goes round its shards, and never gives more than was asked for', async () => {
    const fixture = shardedFixture(3);
    for (let i = 0; i < 30; i++) await (await fixture.open()).submit([newTask()]);
    const claims = [];
    for (let i = 0; i < 6; i++) claims.push(await fixture.claim({ max: 2 }));
    expect(claims.map((claimed) => claimed.length)).toEqual([2, 2, 2, 2, 2, 2]);
    expect(shardsOf(claims.flat())).toHaveLength(3);
    expect(await fixture.claim({ max: 99 })).toHaveLength(18);
  });

  test('gives what was leased though another shard fails, and fails where there is nothing to give', async () => {
    const fixture = shardedFixture(3);
    for (let i = 0; i < 9; i++) await (await fixture.open()).submit([newTask()]);
    fixture.broken.add('1');
    expect(await fixture.claim({ max: 99 })).toHaveLength(6);
    await expect(fixture.claim()).rejects.toThrow('shard 1');
    fixture.broken.clear();
    expect(await fixture.claim({ max: 99 })).toHaveLength(3);
  });

  test('waits at all of its shards for the first task', async () => {
    const fixture = shardedFixture(3);
    await (await fixture.open()).submit([newTask({ delayMs: 7_000 })]);
    const before = fixture.clock.now();
    expect(await fixture.claim({ max: 5 }, 60_000)).toHaveLength(1);
    expect(fixture.clock.now() - before).toBeLessThan(60_000);
    expect(await fixture.claim({}, 20_000)).toEqual([]);
  });

  test('is paused, drained, listed, counted and redriven whole', async () => {
    const fixture = shardedFixture(3);
    const queue = await fixture.open();
    const tasks = Array.from({ length: 25 }, (_, i) => newTask({ options: { groupKey: `g${i}`, maxRetries: 0 } }));
    const submitted = await queue.submit(tasks);
    expect((await queue.setState('Paused')).state).toBe('Paused');
    expect(await fixture.claim({ max: 99 })).toEqual([]);
    await queue.setState('Draining');
    await expect(queue.submit([newTask()])).rejects.toThrow('draining');
    await queue.setState('Active');
    const found: string[] = [];
    for (let cursor: string | undefined, page = 0; page === 0 || cursor !== undefined; page++) {
      const { items, nextCursor } = await queue.list({}, 4, cursor);
      expect(items.length).toBeLessThanOrEqual(4);
      found.push(...items.map(({ taskId }) => taskId));
      cursor = nextCursor;
    }
    expect(found.toSorted()).toEqual(submitted.map(({ taskId }) => taskId).toSorted());
    const claimed = await fixture.claim({ max: 99 });
    await queue.report(claimed.map((task) => ({ ...task, success: false, retryable: false })));
    expect((await queue.stats()).depth.Failed.Normal).toBe(25);
    expect(await queue.redrive({ taskIds: [submitted[0].taskId, submitted[1].taskId], max: 99 })).toBe(2);
    expect(await queue.redrive({ taskIds: null, max: 20 })).toBe(20);
    expect(await queue.redrive({ taskIds: null, max: 20 })).toBe(3);
  });

  test('is listed by pages that hold fewer tasks where they are large, over all shards', async () => {
    const fixture = shardedFixture(4);
    const payload = JSON.stringify('x'.repeat(100_000));
    const tasks = Array.from({ length: 30 }, () => newTask({ payload }));
    for (let shard = 0; shard < 4; shard++) await (await fixture.open()).submit(tasks);
    const found = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await (await fixture.open()).list({}, 1_000, cursor);
      expect(page.items.length * payload.length).toBeLessThan(2 * LIMITS.taskAnswerChars);
      for (const { taskId } of page.items) found.add(taskId);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(found.size).toBe(120);
  });

  test('loses nothing when it gets fewer shards: the old ones give out what they have, and are then left alone', async () => {
    const fixture = shardedFixture(4);
    for (let i = 0; i < 40; i++) await (await fixture.open()).submit([newTask()]);
    const running = await fixture.claim({ max: 8 });
    fixture.configure({ shards: 1 });
    expect(shardsOf(await (await fixture.open()).submit([newTask(), newTask()]))).toEqual(['0']);
    const rest = [];
    for (let claim = 0; claim < 17; claim++) rest.push(...(await fixture.claim({ max: 2 })));
    expect(new Set([...running, ...rest].map(({ taskId }) => taskId)).size).toBe(42);
    const queue = await fixture.open();
    expect(await queue.report(running.map((task) => ({ ...task, success: true, retryable: true })))).toEqual(
      running.map(() => 'accepted'),
    );
    expect(await fixture.claim()).toEqual([]);
    fixture.asked.length = 0;
    await fixture.claim();
    expect(fixture.asked).toEqual(['0']);
    expect((await queue.stats()).depth.Running.Normal).toBe(34);
  });

  test('has its limits over all shards, each a part', async () => {
    const fixture = shardedFixture(3);
    const open = { concurrency: null, rate: null };
    for (let i = 0; i < 60; i++) await (await fixture.open()).submit([newTask({ type: `t${i % 2}` })]);
    fixture.configure({ limits: { queue: { concurrency: 10, rate: null }, perType: [], perGroup: [] } });
    expect(await fixture.claim({ max: 99 })).toHaveLength(10);
    fixture.configure({
      limits: {
        queue: open,
        perType: [{ type: 't0', concurrency: null, rate: { perSecond: 6, burst: 6 } }],
        perGroup: [],
      },
    });
    const begun = async () => (await fixture.claim({ max: 99, types: ['t0'] })).length;
    expect(await begun()).toBe(6);
    fixture.clock.advance(500);
    expect(await begun()).toBe(3);
  });
});
