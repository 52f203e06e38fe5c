import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { newTask, queueFixture } from './queue-fixture.ts';

test('a shard measures what is due, what runs, and how long an attempt takes, and writes nothing for it', () => {
  const fixture = queueFixture();
  expect(fixture.queue.signals()).toEqual({
    givesOut: true,
    backlog: 0,
    running: 0,
    oldestAgeSeconds: 0,
    arrivalsPerSecond: 0,
    servicePerSecond: 0,
    serviceSeconds: null,
  });
  const tasks = [{}, { priority: 'High' as const }, { type: 'other' }, { delayMs: 3_600_000 }];
  fixture.queue.submit(tasks.map(newTask));
  fixture.clock.advance(6_000);
  const [claimed] = fixture.claim({ leaseSeconds: 30 });
  fixture.clock.advance(6_000);
  expect(fixture.queue.signals()).toMatchObject({ backlog: 2, running: 1, oldestAgeSeconds: 12, serviceSeconds: null });
  fixture.report(claimed);
  expect(fixture.rowsWrittenBy(() => fixture.queue.signals())).toBe(0);
  expect(fixture.queue.signals()).toEqual({
    givesOut: true,
    backlog: 2,
    running: 0,
    oldestAgeSeconds: 12,
    arrivalsPerSecond: 4 / 60,
    servicePerSecond: 1 / 60,
    serviceSeconds: 6,
  });
});

test('a lease that ran out is a task that waits, noticed or not', () => {
  const fixture = queueFixture();
  fixture.submit();
  fixture.claim({ leaseSeconds: 30 });
  fixture.clock.advance(30_000);
  fixture.restart();
  expect(fixture.queue.signals()).toMatchObject({ backlog: 1, running: 0, oldestAgeSeconds: 30 });
});

test('tasks that the platform runs itself want no agents', () => {
  const fixture = queueFixture();
  fixture.queue.submit([newTask({ type: 'Maintenance' }), newTask({ type: 'Query' })]);
  const [claimed] = fixture.claim({ types: ['Maintenance'] });
  fixture.clock.advance(5_000);
  expect(fixture.report(claimed)).toBe('accepted');
  expect(fixture.queue.signals()).toMatchObject({ backlog: 0, running: 0, arrivalsPerSecond: 0, serviceSeconds: null });
});

test('a paused queue says that it gives nothing out', () => {
  const fixture = queueFixture();
  fixture.submit();
  fixture.queue.setState('Paused');
  expect(fixture.queue.signals()).toMatchObject({ givesOut: false, backlog: 1 });
  expect(queueFixture({ paused: true }).queue.signals().givesOut).toBe(false);
});

test('no more is read than the bound says, however much there is', () => {
  const fixture = queueFixture();
  fixture.queue.submit(Array.from({ length: 50 }, (_, i) => newTask({ type: `t${i % 3}` })));
  const { store } = fixture.queue['memory'];
  expect(store.due(fixture.clock.now(), 20)).toMatchObject({ waiting: 20, running: 0 });
  expect(store.due(fixture.clock.now(), LIMITS.scalingBacklog).waiting).toBe(50);
});
