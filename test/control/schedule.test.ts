import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/control/json.ts';
import { decide, type ScheduleRules, type ScheduleState } from '../../src/control/schedule.ts';
import type { ScheduledTasks } from '../../src/control/schedule-reconciler.ts';
import { cronFault, latestTimes, nextTime, type Rhythm } from '../../src/control/schedule-times.ts';
import { OrasiError } from '../../src/core/errors.ts';
import type { NewTask, TaskStatus } from '../../src/core/protocol/tasks.ts';
import { seededRandom } from '../../src/core/random.ts';
import { seedCount } from '../scale.ts';
import { START_MS, testPlane } from './fixture.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (text: string) => Date.parse(text);
const texts = (times: readonly (number | null)[]) => times.map((ms) => ms && new Date(ms).toISOString().slice(5, 16));
const cron = (expression: string, timeZone = 'UTC'): Rhythm => ({ kind: 'cron', expression, timeZone });

describe('the times of a schedule', () => {
  const days = (expression: string, timeZone: string, from: string, count: number) => {
    const times: (number | null)[] = [];
    for (let last = at(from); times.length < count; last = times.at(-1) as number) {
      times.push(nextTime(cron(expression, timeZone), last));
    }
    return texts(times);
  };

  test('a time that the clocks leave out comes as soon as they go on', () => {
    expect(days('30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z', 3)).toEqual([
      '03-28T01:30',
      '03-29T01:00',
      '03-30T00:30',
    ]);
  });

  test('a time that the clocks repeat comes once, and what comes every so many minutes goes on through the hour', () => {
    expect(days('30 2 * * *', 'Europe/Berlin', '2026-10-24T00:00:00Z', 3)).toEqual([
      '10-24T00:30',
      '10-25T00:30',
      '10-26T01:30',
    ]);
    expect(days('*/30 * * * *', 'Europe/Berlin', '2026-10-24T23:45:00Z', 4)).toEqual([
      '10-25T00:00',
      '10-25T00:30',
      '10-25T01:00',
      '10-25T01:30',
    ]);
  });

  test('an interval counts from when the schedule was made', () => {
    const rhythm: Rhythm = { kind: 'interval', everyMs: 90_000, sinceMs: 1_000_000 };
    expect(nextTime(rhythm, 1_000_000)).toBe(1_090_000);
    expect(nextTime(rhythm, 1_090_000)).toBe(1_180_000);
    expect(nextTime(rhythm, 500_000)).toBe(1_090_000);
  });

  test('the latest of many are found without going through all', () => {
    const every = cron('* * * * *');
    expect(latestTimes(every, 0, at('2026-01-01T00:00:30Z'), 2)).toEqual([
      at('2025-12-31T23:59:00Z'),
      at('2026-01-01T00:00:00Z'),
    ]);
    expect(texts(latestTimes(cron('0 0 1 * *'), at('2025-10-15T00:00:00Z'), at('2026-01-15T00:00:00Z'), 9))).toEqual([
      '11-01T00:00',
      '12-01T00:00',
      '01-01T00:00',
    ]);
  });

  test('an expression that is none, or never comes round, is refused', () => {
    expect(cronFault('0 3 * * *', 'Europe/Berlin')).toBeUndefined();
    expect(cronFault('@daily', 'UTC')).toBeUndefined();
    expect(cronFault('* * * * * *', 'UTC')).toMatch(/five fields/);
    expect(cronFault('2030-01-01T00:00:00', 'UTC')).toMatch(/five fields/);
    expect(cronFault('60 * * * *', 'UTC')).toMatch(/minute: 60/);
    expect(cronFault('0 0 30 2 *', 'UTC')).toMatch(/no such day/);
  });
});

describe('a decision', () => {
  const rules: ScheduleRules = {
    rhythm: cron('0 * * * *'),
    suspend: false,
    missedRunPolicy: 'RunOnce',
    maxMissedRuns: 3,
    overlapPolicy: 'Allow',
    startingDeadlineMs: null,
  };
  const since = (decidedUntil: string, more: Partial<ScheduleState> = {}): ScheduleState => ({
    rhythm: '0 * * * * UTC',
    decidedUntilMs: at(decidedUntil),
    suspended: false,
    active: 0,
    ...more,
  });
  const runsOf = (more: Partial<ScheduleRules>, state: ScheduleState, now: string) => {
    const { runs, skipped } = decide({ ...rules, ...more }, state, at(now));
    return [texts(runs), skipped?.reason ?? null];
  };

  test('tasks that never end do not gather without bound, whatever may overlap', () => {
    const gathered = (active: number) => since('2026-01-01T07:00:00Z', { active });
    const now = '2026-01-01T10:20:00Z';
    expect(runsOf({ missedRunPolicy: 'RunAll' }, gathered(98), now)).toEqual([['01-01T09:00', '01-01T10:00'], null]);
    expect(runsOf({ missedRunPolicy: 'RunAll' }, gathered(100), now)).toEqual([[], 'Overlap']);
  });

  test('runs what is due, and what was missed as the policy has it', () => {
    const punctual = since('2026-01-01T10:00:00Z');
    expect(runsOf({}, punctual, '2026-01-01T11:00:01Z')).toEqual([['01-01T11:00'], null]);
    expect(runsOf({}, punctual, '2026-01-01T10:59:59Z')).toEqual([[], null]);
    const away = since('2026-01-01T04:00:00Z');
    const now = '2026-01-01T10:20:00Z';
    expect(runsOf({ missedRunPolicy: 'Skip' }, away, now)).toEqual([[], 'Missed']);
    expect(runsOf({ missedRunPolicy: 'Skip' }, away, '2026-01-01T10:00:20Z')).toEqual([['01-01T10:00'], null]);
    expect(runsOf({ missedRunPolicy: 'RunOnce' }, away, now)).toEqual([['01-01T10:00'], null]);
    expect(runsOf({ missedRunPolicy: 'RunAll' }, away, now)).toEqual([
      ['01-01T08:00', '01-01T09:00', '01-01T10:00'],
      null,
    ]);
    const deadline = { missedRunPolicy: 'RunAll', startingDeadlineMs: 90 * MINUTE } as const;
    expect(runsOf(deadline, away, now)).toEqual([['01-01T09:00', '01-01T10:00'], null]);
    expect(runsOf({ startingDeadlineMs: 10 * MINUTE }, away, now)).toEqual([[], 'Missed']);
  });

  test('lets no task run beside an earlier one where that is not wanted', () => {
    const state = since('2026-01-01T08:00:00Z', { active: 1 });
    const now = '2026-01-01T10:00:00Z';
    const all = { missedRunPolicy: 'RunAll' } as const;
    expect(runsOf({ ...all, overlapPolicy: 'Allow' }, state, now)).toEqual([['01-01T09:00', '01-01T10:00'], null]);
    expect(runsOf({ ...all, overlapPolicy: 'Forbid' }, state, now)).toEqual([[], 'Overlap']);
    expect(runsOf({ ...all, overlapPolicy: 'Forbid' }, { ...state, active: 0 }, now)).toEqual([['01-01T10:00'], null]);
    const replaced = decide({ ...rules, ...all, overlapPolicy: 'Replace' }, state, at(now));
    expect([texts(replaced.runs), replaced.replaces]).toEqual([['01-01T10:00'], true]);
  });

  test('a schedule that is new, changed or suspended has missed nothing', () => {
    const now = '2026-01-01T10:20:00Z';
    expect(runsOf({ suspend: true }, since('2026-01-01T04:00:00Z'), now)).toEqual([[], null]);
    expect(runsOf({}, since('2026-01-01T04:00:00Z', { suspended: true }), now)).toEqual([[], null]);
    expect(runsOf({}, since('2026-01-01T04:00:00Z', { rhythm: '5 * * * * UTC' }), now)).toEqual([[], null]);
    expect(decide(rules, since('2026-01-01T04:00:00Z', { suspended: true }), at(now)).nextMs).toBe(
      at('2026-01-01T11:00:00Z'),
    );
  });

  test('a clock that was set back decides nothing twice', () => {
    expect(runsOf({}, since('2026-01-01T12:00:00Z'), '2026-01-01T10:00:00Z')).toEqual([[], null]);
  });
});

/** Queues that keep what they are given, by dedupe key; `fail` breaks the next calls, before or after their effect. */
function fakeQueues() {
  const tasks = new Map<string, { taskId: string; task: NewTask; queue: string; status: TaskStatus }>();
  const queues = { tasks, submits: 0, fail: null as 'before' | 'after' | null, cancelled: [] as string[] };
  const port: ScheduledTasks = {
    async submit(_uid, queue, task) {
      if (queues.fail === 'before') throw new OrasiError('unavailable', 'the queue is away');
      queues.submits++;
      const key = task.dedupeKey ?? '';
      const known = tasks.get(key) ?? { taskId: `t${tasks.size + 1}`, task, queue, status: 'Pending' };
      tasks.set(key, known);
      if (queues.fail === 'after') throw new OrasiError('unavailable', 'the answer is lost');
      return known.taskId;
    },
    status: async (_uid, _queue, taskId) => [...tasks.values()].find((each) => each.taskId === taskId)?.status ?? null,
    cancel: async (_uid, _queue, taskId) => {
      queues.cancelled.push(taskId);
    },
  };
  return { ...queues, state: queues, port };
}

const schedule = (spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'orasi.io/v1alpha1',
  kind: 'TaskSchedule',
  metadata: { name: 'nightly', ...metadata },
  spec: { queue: 'q', template: { type: 'work', payload: { a: 1 } }, ...spec },
});
const SCHEDULES = { resource: 'taskschedules' };

function planeWithQueues() {
  const queues = fakeQueues();
  const plane = testPlane({ tasks: queues.port });
  const status = () => plane.call({ verb: 'get', name: 'nightly', ...SCHEDULES }).json.status as JsonObject;
  const ready = () => {
    const [condition] = status().conditions as JsonObject[];
    return `${condition.status} ${condition.reason}`;
  };
  /** Moves the clock; whatever is due by then is done when it has come, as one late alarm would. */
  const pass = async (ms: number) => {
    plane.clock.advance(ms);
    await plane.settle();
  };
  return { queues: queues.state, plane, status, ready, pass };
}

describe('a TaskSchedule', () => {
  test('submits its task at each time, once, shows when it was and will be, and what became of it', async () => {
    const { plane, queues, status, ready, pass } = planeWithQueues();
    plane.send('create', schedule({ schedule: '0 * * * *' }), SCHEDULES);
    await plane.settle();
    expect(status()).toMatchObject({ nextScheduleTime: new Date(START_MS + HOUR).toISOString(), active: [] });
    await pass(HOUR);
    expect([...queues.tasks.values()]).toMatchObject([
      { queue: 'q', task: { type: 'work', payload: '{"a":1}', options: { metadata: { schedule: 'nightly' } } } },
    ]);
    const { uid } = plane.call({ verb: 'get', name: 'nightly', ...SCHEDULES }).json.metadata as { uid: string };
    expect([...queues.tasks.keys()]).toEqual([`schedule/${uid}/${START_MS + HOUR}`]);
    expect(status()).toMatchObject({
      lastScheduleTime: new Date(START_MS + HOUR).toISOString(),
      nextScheduleTime: new Date(START_MS + 2 * HOUR).toISOString(),
      active: [{ taskId: 't1' }],
    });
    expect(ready()).toBe('True Scheduled');
    for (const task of queues.tasks.values()) task.status = 'Completed';
    await pass(MINUTE);
    expect(status()).toMatchObject({ active: [], history: [{ taskId: 't1', status: 'Completed' }] });
    await pass(HOUR - MINUTE);
    expect(queues.tasks.size).toBe(2);
    expect(queues.submits).toBe(2);
  });

  test('a submit that fails, or whose answer is lost, is repeated until it is one task', async () => {
    const { plane, queues, status, ready, pass } = planeWithQueues();
    plane.send('create', schedule({ schedule: '0 * * * *' }), SCHEDULES);
    await plane.settle();
    queues.fail = 'before';
    await pass(HOUR);
    expect(ready()).toBe('False QueueRefused');
    expect(status()).toMatchObject({ active: [{ scheduledTime: new Date(START_MS + HOUR).toISOString() }] });
    queues.fail = 'after';
    await pass(MINUTE);
    queues.fail = null;
    await pass(5 * MINUTE);
    expect(queues.tasks.size).toBe(1);
    expect(queues.submits).toBeGreaterThan(1);
    expect(status()).toMatchObject({ active: [{ taskId: 't1' }] });
    expect(ready()).toBe('True Scheduled');
  });

  test('replaces what runs, is suspended and taken up again, and runs when it is asked to', async () => {
    const { plane, queues, status, ready, pass } = planeWithQueues();
    plane.send('create', schedule({ schedule: '0 * * * *', overlapPolicy: 'Replace' }), SCHEDULES);
    await plane.settle();
    await pass(HOUR);
    await pass(HOUR);
    expect(queues.cancelled).toEqual(['t1']);
    const patch = (body: JsonObject) => plane.send('patch', body, { ...SCHEDULES, name: 'nightly' });
    patch({ spec: { suspend: true } });
    await plane.settle();
    expect([ready(), status().nextScheduleTime]).toEqual(['False Suspended', undefined]);
    await pass(5 * HOUR);
    patch({ spec: { suspend: false } });
    await plane.settle();
    expect(queues.tasks.size).toBe(2);
    patch({ metadata: { annotations: { 'orasi.io/run': 'now-1' } } });
    await plane.settle();
    expect(queues.tasks.size).toBe(3);
    await pass(MINUTE);
    expect(queues.tasks.size).toBe(3);
  });

  test('what is not right is refused with its field', () => {
    const { plane } = planeWithQueues();
    const fields = (spec: JsonObject) => {
      const { details } = plane.send('create', schedule(spec), SCHEDULES).json as {
        details?: { causes: JsonObject[] };
      };
      return details?.causes.map(({ field }) => field);
    };
    expect(fields({})).toEqual(['spec.schedule']);
    expect(fields({ schedule: '0 * * * *', intervalSeconds: 60 })).toEqual(['spec.schedule']);
    expect(fields({ schedule: '0 0 30 2 *' })).toEqual(['spec.schedule']);
    expect(fields({ schedule: '0 * * * *', timeZone: 'Mars/Base' })).toEqual(['spec.timeZone']);
    expect(fields({ intervalSeconds: 5 })).toEqual(['spec.intervalSeconds']);
    const query = (payload: JsonObject, more: JsonObject = {}) =>
      fields({ intervalSeconds: 60, template: { type: 'Query', payload, ...more } });
    expect(query({ sql: 'SELECT 1', maxRows: 0 })).toEqual(['spec.template.payload.maxRows']);
    expect(query({ sql: 'SELECT 1' }, { requires: ['gpu'] })).toEqual(['spec.template.requires']);
    const metadata = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`m${i}`, 'x'.repeat(1_000)]));
    expect(query({ sql: 'SELECT 1' }, { metadata })).toEqual(['spec.template.metadata']);
    expect(query({ sql: 'SELECT 1' })).toBeUndefined();
  });

  test('loses no time and doubles none, whatever the alarm and the queue do', async () => {
    for (let seed = 1; seed <= seedCount(10); seed++) {
      const random = seededRandom(seed);
      const { plane, queues, pass } = planeWithQueues();
      plane.send(
        'create',
        schedule({ schedule: '*/10 * * * *', missedRunPolicy: 'RunAll', maxMissedRuns: 100 }),
        SCHEDULES,
      );
      await plane.settle();
      for (let step = 0; step < 30; step++) {
        queues.fail = [null, null, 'before', 'after'][Math.floor(random.next() * 4)] as typeof queues.fail;
        // Late by as much as it likes, and within what RunAll makes up for.
        await pass(Math.floor(random.next() * 40 * MINUTE));
        if (random.next() < 0.3) for (const task of queues.tasks.values()) task.status = 'Completed';
      }
      queues.fail = null;
      await pass(6 * MINUTE);
      const count = Math.floor(plane.clock.now() / (10 * MINUTE)) - Math.floor(START_MS / (10 * MINUTE));
      expect(queues.tasks.size, `seed ${seed}`).toBe(count);
    }
  });
});
