import { describe, expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { TASK_PRIORITIES } from '../../src/core/protocol/tasks.ts';
import { sized } from '../scale.ts';
import { newTask, queueFixture, START_MS } from './queue-fixture.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

describe('leases', () => {
  test('a claimed task is nobody else’s until its lease runs out', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    const [first] = queue.claim({ leaseSeconds: 10 });
    expect(first).toMatchObject({ taskId, attempt: 1, leaseRemainingMs: 10_000 });
    expect(queue.claim()).toEqual([]);
    queue.clock.advance(10 * SECOND - 1);
    queue.restart();
    expect(queue.claim()).toEqual([]);
    expect(queue.queue.get(taskId)?.status).toBe('Running');
    queue.clock.advance(1);
    expect(queue.queue.get(taskId)?.status).toBe('Retrying');
  });

  test('a lapsed lease is an attempt, recorded as such', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit({ options: { maxRetries: 1 } });
    for (const attempt of [1, 2]) {
      expect(queue.claim({ leaseSeconds: 5, agentId: `a${attempt}` })[0].attempt).toBe(attempt);
      queue.clock.advance(10 * SECOND);
    }
    expect(queue.claim()).toEqual([]);
    expect(queue.queue.get(taskId)).toMatchObject({
      status: 'Failed',
      attempts: 2,
      history: [
        { attempt: 1, agentId: 'a1', outcome: 'lapsed', startedAtMs: START_MS, endedAtMs: START_MS + 5 * SECOND },
        { attempt: 2, agentId: 'a2', outcome: 'lapsed' },
      ],
    });
  });

  test('a heartbeat extends a lease and keeps the progress', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    const [{ leaseToken }] = queue.claim({ leaseSeconds: 10 });
    for (let beat = 0; beat < 5; beat++) {
      queue.clock.advance(9 * SECOND);
      expect(queue.beat(taskId, leaseToken, beat === 1 ? '0.5' : undefined)).toMatchObject({
        outcome: 'extended',
        leaseRemainingMs: 10_000,
        cancelled: false,
      });
    }
    expect(queue.queue.get(taskId)?.running).toMatchObject({ progress: '0.5' });
    expect(queue.report({ taskId, leaseToken })).toBe('accepted');
  });

  test('no heartbeat carries an attempt beyond the timeout of its task', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit({ options: { timeoutSeconds: 15, maxRetries: 0 } });
    const [{ leaseToken }] = queue.claim({ leaseSeconds: 10 });
    queue.clock.advance(9 * SECOND);
    expect(queue.beat(taskId, leaseToken)).toMatchObject({ leaseRemainingMs: 6_000 });
    queue.clock.advance(6 * SECOND);
    expect(queue.beat(taskId, leaseToken)).toEqual({ taskId, outcome: 'stale' });
    expect(queue.queue.get(taskId)).toMatchObject({
      status: 'Failed',
      history: [{ error: expect.stringContaining('timeout of 15 s') }],
    });
  });
});

describe('results', () => {
  test('the same lease reported again is a duplicate and changes nothing', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    const [{ leaseToken }] = queue.claim();
    expect(queue.report({ taskId, leaseToken, data: '1' })).toBe('accepted');
    const record = queue.queue.get(taskId);
    expect(record).toMatchObject({ status: 'Completed', finished: { data: '1' } });
    expect(queue.report({ taskId, leaseToken, data: '2' })).toBe('duplicate');
    expect(queue.report({ taskId, leaseToken, success: false })).toBe('duplicate');
    queue.restart();
    expect(queue.report({ taskId, leaseToken, success: false })).toBe('duplicate');
    expect(queue.queue.get(taskId)).toEqual(record);
  });

  test('a failure reported again is a duplicate while the task waits and while another has it', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    const [{ leaseToken }] = queue.claim();
    const failed = () => queue.report({ taskId, leaseToken, success: false, error: 'no' });
    expect([failed(), failed()]).toEqual(['accepted', 'duplicate']);
    queue.clock.advance(MINUTE);
    queue.claim();
    expect(failed()).toBe('duplicate');
    expect(queue.queue.get(taskId)).toMatchObject({ status: 'Running', attempts: 2, history: [{ error: 'no' }] });
  });

  test('a stale lease changes nothing', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    const [old] = queue.claim({ leaseSeconds: 1 });
    queue.clock.advance(MINUTE);
    const [held] = queue.claim({ leaseSeconds: 60 });
    expect(held.leaseToken).not.toBe(old.leaseToken);
    const before = queue.queue.get(taskId);
    expect(queue.rowsWrittenBy(() => expect(queue.report({ taskId, leaseToken: old.leaseToken })).toBe('stale'))).toBe(
      0,
    );
    expect(queue.beat(taskId, old.leaseToken)).toEqual({ taskId, outcome: 'stale' });
    expect(queue.queue.get(taskId)).toEqual(before);
    expect(queue.report({ taskId, leaseToken: held.leaseToken })).toBe('accepted');
    expect(queue.report({ taskId, leaseToken: old.leaseToken })).toBe('stale');
  });

  test('a lease that has run out is stale though nobody else has the task yet', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    const [{ leaseToken }] = queue.claim({ leaseSeconds: 1 });
    queue.clock.advance(SECOND);
    expect(queue.report({ taskId, leaseToken })).toBe('stale');
  });

  test('results are kept as long as the task says, and with 0 not at all', () => {
    const queue = queueFixture();
    const run = (resultRetentionSeconds: number | undefined) => {
      const { taskId } = queue.submit({ options: { resultRetentionSeconds } });
      const [{ leaseToken }] = queue.claim();
      expect(queue.report({ taskId, leaseToken })).toBe('accepted');
      return { taskId, leaseToken };
    };
    const none = run(0);
    expect(queue.queue.get(none.taskId)).toBeNull();
    expect(queue.report(none)).toBe('unknown');
    const minute = run(60);
    const usual = run(undefined);
    queue.clock.advance(MINUTE);
    expect(queue.queue.get(minute.taskId)).toBeNull();
    expect(queue.report(minute)).toBe('unknown');
    queue.clock.advance(DAY - MINUTE - 1);
    expect(queue.queue.get(usual.taskId)?.status).toBe('Completed');
    queue.clock.advance(1);
    expect(queue.queue.get(usual.taskId)).toBeNull();
  });

  test('an id that is none of ours is unknown', () => {
    const queue = queueFixture();
    for (const taskId of ['', 'x', '0-0-0-0', '1-0-0-1', '00-0-0-1', `0-0-${'z'.repeat(40)}-1`]) {
      expect(queue.report({ taskId, leaseToken: 't' })).toBe('unknown');
      expect(queue.queue.get(taskId)).toBeNull();
      expect(queue.queue.cancel(taskId)).toBeNull();
    }
  });
});

describe('retries', () => {
  test('wait twice as long with every attempt, never less and at most five minutes', () => {
    const queue = queueFixture();
    queue.submit({ options: { maxRetries: 12 } });
    for (let retry = 0; retry < 12; retry++) {
      const [{ taskId, leaseToken }] = queue.claim();
      queue.report({ taskId, leaseToken, success: false });
      const waitMs = (queue.queue.get(taskId)?.dueAtMs ?? 0) - queue.clock.now();
      expect(waitMs).toBeGreaterThanOrEqual(Math.min(250_000, 1_000 * 2 ** retry));
      expect(waitMs).toBeLessThanOrEqual(Math.min(300_000, 1_200 * 2 ** retry));
      queue.clock.advance(waitMs - 1);
      expect(queue.claim()).toEqual([]);
      queue.clock.advance(1);
    }
    expect(queue.claim()).toHaveLength(1);
  });

  test('begin at what the task says', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit({ options: { retryDelaySeconds: 60 } });
    queue.report({ ...queue.claim()[0], success: false });
    expect(queue.queue.get(taskId)?.dueAtMs).toBeGreaterThanOrEqual(START_MS + MINUTE);
  });

  test('a failure that is not retryable is the last', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    queue.report({ ...queue.claim()[0], success: false, retryable: false, error: 'bad input' });
    expect(queue.queue.get(taskId)).toMatchObject({ status: 'Failed', attempts: 1, finished: { error: 'bad input' } });
  });

  test('what failed is kept with its payload and runs again when it is redriven, under the same id', () => {
    const queue = queueFixture();
    const tasks = ['a', 'b', 'b'].map((type) =>
      queue.submit({ type, payload: `"${type}"`, options: { maxRetries: 0, resultRetentionSeconds: 0 } }),
    );
    for (const claimed of queue.claim({ max: 3 })) queue.report({ ...claimed, success: false, error: 'no' });
    expect(queue.queue.list({ status: 'Failed' }, 10, undefined).items).toHaveLength(3);
    expect(queue.queue.redrive({ taskIds: null, type: 'b', max: 10 })).toBe(2);
    expect(queue.queue.redrive({ taskIds: [tasks[0].taskId, tasks[1].taskId, 'x'], max: 10 })).toBe(1);
    queue.clock.advance(1);
    const again = queue.claim({ max: 9 });
    expect(again.map(({ taskId, payload, attempt }) => [taskId, payload, attempt])).toEqual(
      tasks.map(({ taskId }, i) => [taskId, ['"a"', '"b"', '"b"'][i], 1]),
    );
    expect(queue.queue.get(tasks[1].taskId)).toMatchObject({ status: 'Running', history: [{ error: 'no' }] });
    for (const claimed of again) expect(queue.report(claimed)).toBe('accepted');
    expect(queue.queue.redrive({ taskIds: null, max: 10 })).toBe(0);
  });

  test('the last report of what is redriven, its answer lost, is a duplicate when it is said again', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit({ options: { maxRetries: 0 } });
    const [claimed] = queue.claim();
    const failure = { ...claimed, success: false, error: 'no' };
    expect(queue.report(failure)).toBe('accepted');
    expect(queue.queue.redrive({ taskIds: [taskId], max: 1 })).toBe(1);
    expect(queue.report(failure)).toBe('duplicate');
    queue.clock.advance(1);
    expect(queue.report(queue.claim()[0])).toBe('accepted');
  });
});

describe('order', () => {
  test('is by priority, then by age', () => {
    const queue = queueFixture();
    const priorities = ['Low', 'Critical', 'Normal', 'High', 'Critical', 'Low'] as const;
    const tasks = priorities.map((priority) => queue.submit({ priority }));
    const order = queue.claim({ max: 10 }).map(({ taskId }) => tasks.findIndex((task) => task.taskId === taskId));
    expect(order).toEqual([1, 4, 3, 2, 0, 5]);
  });

  test.each([
    ['Low', 'Normal', 300],
    ['Low', 'High', 600],
    ['Low', 'Critical', 900],
    ['High', 'Critical', 300],
  ] as const)(
    'a %s task goes before a %s one that came %i s later, and not before an earlier one',
    (low, high, seconds) => {
      for (const [laterMs, first] of [
        [seconds * SECOND - 1, high],
        [seconds * SECOND, high],
        [seconds * SECOND + 1, low],
      ] as const) {
        const queue = queueFixture();
        queue.submit({ priority: low });
        queue.clock.advance(laterMs);
        queue.submit({ priority: high });
        expect(queue.claim()[0].priority).toBe(first);
      }
    },
  );

  test('a flood of urgent tasks takes nothing from the order: shares are never given', () => {
    const queue = queueFixture();
    queue.submit({ priority: 'Low' });
    for (let i = 0; i < 200; i++) {
      queue.submit({ priority: 'Critical' });
      expect(queue.claim()[0].priority).toBe('Critical');
    }
    expect(queue.claim()[0].priority).toBe('Low');
  });

  test('a claim takes only types it names and what its capabilities allow', () => {
    const queue = queueFixture();
    queue.submit({ type: 'a' });
    queue.submit({ type: 'b', requires: ['gpu'] });
    queue.submit({ type: 'b', requires: ['gpu', 'disk'] });
    expect(queue.claim({ types: ['c'], max: 9 })).toEqual([]);
    expect(queue.claim({ types: ['b'], max: 9 })).toEqual([]);
    expect(queue.claim({ capabilities: ['gpu', 'x'], types: ['b'], max: 9 })).toHaveLength(1);
    expect(queue.claim({ max: 9 }).map(({ type }) => type)).toEqual(['a']);
    expect(queue.claim({ capabilities: ['disk', 'gpu'], max: 9 })).toHaveLength(1);
  });
});

describe('time', () => {
  test('a task runs not before its time', () => {
    const queue = queueFixture();
    queue.submit({ runAtMs: START_MS + MINUTE });
    queue.submit({ delayMs: 30 * SECOND });
    queue.submit({ runAtMs: START_MS - DAY });
    expect(queue.claim({ max: 9 })).toHaveLength(1);
    expect(queue.queue.nextClaimAtMs({ types: null, capabilities: [] })).toBe(START_MS + 30 * SECOND);
    queue.clock.advance(30 * SECOND);
    expect(queue.claim({ max: 9 })).toHaveLength(1);
    queue.clock.advance(30 * SECOND - 1);
    expect(queue.claim({ max: 9 })).toEqual([]);
    queue.clock.advance(1);
    queue.restart();
    expect(queue.claim({ max: 9 })).toHaveLength(1);
  });

  test('what is not started by its expiry fails, found by a claim, a look or the alarm', () => {
    for (const find of ['claim', 'look', 'alarm'] as const) {
      const queue = queueFixture();
      const { taskId } = queue.submit({ expiresAtMs: START_MS + MINUTE });
      queue.clock.advance(MINUTE);
      if (find === 'claim') expect(queue.claim()).toEqual([]);
      if (find === 'alarm') queue.queue.purge();
      expect(queue.queue.get(taskId)).toMatchObject({ status: 'Failed', attempts: 0 });
    }
  });

  test('a task whose lease ran out and which expired since has failed, whoever looks first', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit({ expiresAtMs: START_MS + MINUTE });
    queue.claim({ leaseSeconds: 10 });
    queue.clock.advance(2 * MINUTE);
    expect(queue.queue.get(taskId)).toMatchObject({ status: 'Failed', attempts: 1 });
  });

  test('what runs at its expiry runs on', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit({ expiresAtMs: START_MS + MINUTE });
    const [{ leaseToken }] = queue.claim();
    queue.clock.advance(2 * MINUTE);
    queue.queue.purge();
    expect(queue.report({ taskId, leaseToken })).toBe('accepted');
  });

  test('the alarm drops what was kept long enough, and is due no earlier than something is', () => {
    const queue = queueFixture();
    queue.queue.purge();
    expect(queue.queue.nextWorkAtMs()).toBeNull();
    queue.submit({ dedupeKey: 'k', dedupeWindowSeconds: 120, options: { resultRetentionSeconds: 600 } });
    queue.report(queue.claim()[0]);
    expect(queue.queue.nextWorkAtMs()).toBe(START_MS + 120 * SECOND);
    queue.clock.advance(120 * SECOND);
    queue.queue.purge();
    queue.queue.purge();
    expect(queue.queue.nextWorkAtMs()).toBe(START_MS + 600 * SECOND);
    queue.clock.advance(480 * SECOND);
    expect(queue.rowsWrittenBy(() => queue.queue.purge())).toBe(1);
    expect(queue.queue.nextWorkAtMs()).toBeNull();
  });
});

describe('dedupe', () => {
  test('a key names one task for as long as its window', () => {
    const queue = queueFixture();
    const first = queue.submit({ dedupeKey: 'k', dedupeWindowSeconds: 60 });
    expect(queue.submit({ dedupeKey: 'k' })).toEqual({ taskId: first.taskId, status: 'Pending', duplicate: true });
    expect(queue.submit({ dedupeKey: 'other' }).duplicate).toBe(false);
    queue.report(queue.claim()[0]);
    queue.restart();
    expect(queue.submit({ dedupeKey: 'k' })).toEqual({ taskId: first.taskId, status: 'Completed', duplicate: true });
    queue.clock.advance(MINUTE);
    expect(queue.submit({ dedupeKey: 'k' }).duplicate).toBe(false);
  });

  test('a key twice in one batch is one task', () => {
    const { queue } = queueFixture();
    const [first, second] = queue.submit([newTask({ dedupeKey: 'k' }), newTask({ dedupeKey: 'k' })]);
    expect(second).toEqual({ ...first, duplicate: true });
  });
});

describe('cancelling', () => {
  test('takes what waits out at once', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    expect(queue.queue.cancel(taskId)?.status).toBe('Cancelled');
    expect(queue.queue.cancel(taskId)?.status).toBe('Cancelled');
    expect(queue.claim()).toEqual([]);
    const unkept = queue.submit({ options: { resultRetentionSeconds: 0 } });
    expect(queue.queue.cancel(unkept.taskId)?.status).toBe('Cancelled');
    expect(queue.queue.get(unkept.taskId)).toBeNull();
  });

  test.each([
    ['reports a failure', 'Cancelled'],
    ['vanishes', 'Cancelled'],
    ['is done already', 'Completed'],
  ] as const)('reaches an agent by its heartbeat; one that %s leaves the task %s', (end, status) => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    const [{ leaseToken }] = queue.claim({ leaseSeconds: 10 });
    expect(queue.queue.cancel(taskId)?.status).toBe('Running');
    queue.restart();
    expect(queue.beat(taskId, leaseToken)).toMatchObject({ cancelled: true });
    if (end === 'vanishes') queue.clock.advance(10 * SECOND);
    else expect(queue.report({ taskId, leaseToken, success: end === 'is done already' })).toBe('accepted');
    expect(queue.queue.get(taskId)?.status).toBe(status);
  });

  test('what has ended otherwise is a conflict', () => {
    const queue = queueFixture();
    const { taskId } = queue.submit();
    queue.report(queue.claim()[0]);
    expect(() => queue.queue.cancel(taskId)).toThrow(OrasiError);
  });
});

describe('the queue', () => {
  test('gives nothing out while paused, and takes nothing in while draining', () => {
    const queue = queueFixture();
    queue.submit();
    queue.queue.setState('Paused');
    queue.restart();
    expect(queue.submit().duplicate).toBe(false);
    expect(queue.claim({ max: 9 })).toEqual([]);
    queue.queue.setState('Draining');
    queue.restart();
    expect(() => queue.submit()).toThrow('draining');
    expect(queue.claim({ max: 1 })).toHaveLength(1);
    queue.queue.setState('Active');
    queue.submit();
    expect(queue.claim({ max: 9 })).toHaveLength(2);
  });

  test('counts depth by status and priority the same from memory and from its tables', () => {
    const queue = queueFixture();
    const depths = () => {
      const { depth } = queue.queue.stats();
      return Object.entries(depth).map(([status, by]) => [status, ...TASK_PRIORITIES.map((each) => by[each])]);
    };
    depths();
    for (const priority of ['Low', 'Low', 'High', 'Critical', 'Critical', 'Critical'] as const)
      queue.submit({ priority, options: { maxRetries: 1 } });
    const claimed = queue.claim({ max: 4 });
    queue.report(claimed[0]);
    queue.report({ ...claimed[1], success: false });
    queue.report({ ...claimed[2], success: false, retryable: false });
    queue.queue.cancel(queue.submit().taskId);
    const expected = [
      ['Pending', 2, 0, 0, 0],
      ['Running', 0, 0, 1, 0],
      ['Completed', 0, 0, 0, 1],
      ['Failed', 0, 0, 0, 1],
      ['Cancelled', 0, 1, 0, 0],
      ['Retrying', 0, 0, 0, 1],
    ];
    expect(depths()).toEqual(expected);
    queue.restart();
    expect(depths()).toEqual(expected);
    queue.clock.advance(7 * SECOND);
    expect(queue.queue.stats().oldestAgeMs).toBe(7 * SECOND);
  });

  test('lists every task once, by status and type, page by page', () => {
    const queue = queueFixture();
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) ids.push(queue.submit({ type: `t${i % 2}`, priority: TASK_PRIORITIES[i % 4] }).taskId);
    for (const claimed of queue.claim({ max: 9 }).slice(0, 6)) queue.report(claimed);
    const walk = (filter: object, limit = 3) => {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = queue.queue.list(filter, limit, cursor);
        found.push(...page.items.map(({ taskId }) => taskId));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return found;
    };
    for (const limit of [1, 3, 7, 14, 20, 100]) expect(walk({}, limit).toSorted()).toEqual(ids.toSorted());
    const counts = ['Pending', 'Running', 'Completed', 'Failed'].map((status) => walk({ status }).length);
    expect(counts).toEqual([11, 3, 6, 0]);
    expect(walk({ type: 't1' })).toHaveLength(10);
    expect(walk({ type: 'nothing' })).toEqual([]);
    expect(() => queue.queue.list({}, 3, 'w.1')).toThrow('cursor');
  });

  test('says why a task is not running', () => {
    const queue = queueFixture();
    const codes = (taskId: string) => queue.queue.why(taskId)?.map(({ code }) => code);
    const later = queue.submit({ delayMs: MINUTE });
    const first = queue.submit({ priority: 'High' });
    const second = queue.submit({ requires: ['gpu'] });
    expect(codes(later.taskId)).toEqual(['delayed']);
    expect(codes(second.taskId)).toEqual(['no_capable_agent', 'behind']);
    queue.claim({ types: ['none'] });
    expect(codes(first.taskId)).toEqual(['no_capable_agent']);
    const [claimed] = queue.claim();
    expect(codes(first.taskId)).toEqual(['running']);
    queue.report({ ...claimed, success: false });
    expect(codes(first.taskId)).toEqual(['retry_wait']);
    queue.queue.setState('Paused');
    queue.claim({ capabilities: ['gpu'] });
    expect(codes(second.taskId)).toEqual(['paused']);
    queue.queue.setState('Active');
    expect(codes(second.taskId)).toEqual(['next']);
    queue.queue.cancel(second.taskId);
    expect(codes(second.taskId)).toEqual(['finished']);
    expect(queue.queue.why('x')).toBeNull();
  });

  test('a submit that fails leaves nothing, in tables and in memory', () => {
    const queue = queueFixture();
    queue.queue.stats();
    const unbindable = { ...newTask(), payload: Symbol('x') as unknown as string };
    expect(() => queue.queue.submit([newTask({ type: 'new', dedupeKey: 'k' }), unbindable])).toThrow();
    expect(queue.queue.stats().depth.Pending.Normal).toBe(0);
    expect(queue.claim()).toEqual([]);
    expect(queue.submit({ type: 'new', dedupeKey: 'k' }).duplicate).toBe(false);
    expect(queue.claim()).toHaveLength(1);
  });
});

test('a claim reads as much of a long queue as of a short one, whatever waits for other agents', () => {
  const rowsRead = (others: number, before: number) => {
    const queue = queueFixture();
    const tasks = Array.from({ length: 500 }, () => newTask());
    queue.queue.submit(tasks);
    for (let made = 0; made < others; made += 1_000)
      queue.queue.submit(Array.from({ length: 1_000 }, () => newTask({ type: 'other', priority: 'Critical' })));
    queue.claim({ types: ['work'], max: before });
    const readBefore = queue.database.rowsRead();
    for (let i = 0; i < 100; i++) expect(queue.claim({ types: ['work'] })).toHaveLength(1);
    return queue.database.rowsRead() - readBefore;
  };
  const short = rowsRead(0, 1);
  expect(rowsRead(sized(10_000), 1)).toBe(short);
  // What is leased already is not stepped over again.
  expect(rowsRead(0, 400)).toBeLessThanOrEqual(short);
});

describe('rows written', () => {
  test.each([
    ['no kept result', { options: { resultRetentionSeconds: 0 } }, [1, 1, 1, 0]],
    ['a kept result and its expiry', {}, [1, 1, 2, 1]],
    ['a dedupe key as well', { dedupeKey: 'k' }, [2, 1, 2, 2]],
  ] as const)('of submit, claim, acknowledgement and expiry, with %s', (_, task, expected) => {
    const queue = queueFixture();
    queue.submit('dedupeKey' in task ? { ...task, dedupeKey: 'first', dedupeWindowSeconds: 1 } : task);
    queue.report(queue.claim()[0]);
    queue.clock.advance(2 * DAY);
    queue.queue.purge();
    let claimed = queue.claim();
    const rows = [
      queue.rowsWrittenBy(() => queue.submit(task)),
      queue.rowsWrittenBy(() => {
        claimed = queue.claim();
      }),
      queue.rowsWrittenBy(() => expect(queue.report(claimed[0])).toBe('accepted')),
    ];
    queue.clock.advance(2 * DAY);
    rows.push(queue.rowsWrittenBy(() => queue.queue.purge()));
    expect(rows).toEqual(expected);
  });
});
