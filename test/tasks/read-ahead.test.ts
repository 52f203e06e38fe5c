import { expect, test } from 'vitest';
import { newTask, queueFixture } from './queue-fixture.ts';

/** Tasks of one lane under a lease, and what was asked of the database for it. */
function leased(count: number) {
  const fixture = queueFixture();
  fixture.queue.submit(Array.from({ length: count }, () => newTask()));
  const queries: string[] = [];
  const { exec } = fixture.database;
  fixture.database.exec = (query, ...bindings) => {
    queries.push(query);
    return exec(query, ...bindings);
  };
  const reads = (work: () => unknown) => {
    queries.length = 0;
    work();
    return queries.filter((query) => query.startsWith('SELECT * FROM tasks')).length;
  };
  let tasks: ReturnType<typeof fixture.claim> = [];
  const claimReads = reads(() => {
    tasks = fixture.claim({ max: count });
  });
  expect(tasks).toHaveLength(count);
  return { ...fixture, tasks, reads, claimReads };
}

test('tasks of a lane are read many at a time, when they are claimed and when they are reported', () => {
  const { queue, tasks, reads, claimReads } = leased(256);
  expect(claimReads).toBeLessThanOrEqual(20);
  const beats = reads(() => queue.heartbeat({ leases: tasks }));
  expect(beats).toBe(256 / 32);
  expect(reads(() => queue.report(tasks.map((task) => ({ ...task, success: true, retryable: true }))))).toBe(256 / 32);
});

test.each([
  ['a success', { success: true, retryable: true }],
  ['a failure that is tried again', { success: false, retryable: true }],
  ['the last failure', { success: false, retryable: false }],
])('%s said twice in one call is a duplicate the second time, though both were read ahead', (_what, ending) => {
  const { queue, tasks } = leased(40);
  const reports = tasks.flatMap((task) => [task, task]).map((task) => ({ ...task, ...ending }));
  expect(queue.report(reports)).toEqual(tasks.flatMap(() => ['accepted', 'duplicate']));
});

test('progress told twice in one call is the second, and a cancellation between calls is heard', () => {
  const { queue, tasks } = leased(8);
  const said = (progress: string) => tasks.map((task) => ({ ...task, progress }));
  queue.heartbeat({ leases: [...said('1'), ...said('2')] });
  expect(queue.get(tasks[7].taskId)?.running?.progress).toBe('2');
  queue.cancel(tasks[7].taskId);
  expect(queue.heartbeat({ leases: tasks }).map((answer) => answer.outcome === 'extended' && answer.cancelled)).toEqual(
    tasks.map((_task, i) => i === 7),
  );
});

test('what expired among tasks read ahead is not given out', () => {
  const fixture = queueFixture();
  const expiresAtMs = fixture.clock.now() + 1_000;
  fixture.queue.submit(Array.from({ length: 64 }, (_, i) => newTask(i % 2 === 0 ? { expiresAtMs } : {})));
  fixture.clock.advance(2_000);
  expect(fixture.claim({ max: 64 })).toHaveLength(32);
});
