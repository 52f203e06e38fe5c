import { expect, test } from 'vitest';
import { consumeDeadIngest } from '../../queues/dead-letter.ts';
import { consumeIngest, type Delivery } from '../../queues/ingest.ts';
import { holdingFaultPoints, noFaultPoints } from '../../src/ingest/fault-points.ts';
import { createLogs } from '../../src/observe/log.ts';
import { numbersOf, range } from './rows.ts';
import { createWorld, NAMESPACE, numberLines } from './world.ts';

interface Recorded extends Delivery {
  outcome: string;
}

function delivery(body: unknown): Recorded {
  return {
    body,
    outcome: 'none',
    ack() {
      this.outcome = 'ack';
    },
    retry(options) {
      this.outcome = `retry ${options?.delaySeconds ?? ''}`.trim();
    },
  };
}

function lines() {
  const written: Record<string, unknown>[] = [];
  const log = createLogs(
    { '*': 'debug' },
    (_level, line) => written.push(JSON.parse(line) as Record<string, unknown>),
    { now: () => 0 },
  )('queue');
  return { log, written };
}

test('each message is acknowledged for itself; one of an unknown shape is told of and dropped', async () => {
  const world = createWorld();
  await world.put('a', numberLines(0, 3));
  await world.ports.store.put('inbox/default/d/b', new TextEncoder().encode(numberLines(10, 3)));
  const { log, written } = lines();
  const deliveries = [
    ...world.ingestQueue.take().map(delivery),
    delivery({
      account: '3f4b',
      action: 'PutObject',
      bucket: 'bucket',
      object: { key: 'inbox/default/d/b', size: 30, eTag: 'c846ff7a18f28c2e262116d6e8719ef0' },
      eventTime: '2026-05-24T19:36:44.379Z',
    }),
    delivery({
      account: 'x',
      action: 'DeleteObject',
      bucket: 'bucket',
      object: { key: 'inbox/default/d/b' },
      eventTime: 't',
    }),
    delivery({ v: 2, type: 'ingest', namespaceUid: 'x', objectId: 'y' }),
    delivery('nonsense'),
    delivery(undefined),
    delivery({ v: 1, type: 'ingest', namespaceUid: NAMESPACE.uid, objectId: 'unknown' }),
  ];
  await consumeIngest(deliveries, { ingest: world.ingest, faults: noFaultPoints, log });
  expect(deliveries.map(({ outcome }) => outcome)).toEqual(deliveries.map(() => 'ack'));
  expect(await numbersOf(world)).toEqual([...range(0, 3), ...range(10, 13)]);
  expect(written.map(({ message }) => message)).toEqual(Array(3).fill('message of an unknown shape dropped'));
});

test('a message whose work must wait comes back after its delay', async () => {
  const world = createWorld();
  const put = delivery({ v: 1, type: 'ingest', namespaceUid: NAMESPACE.uid, objectId: 'x' });
  const ingest = { ...world.ingest, handle: async () => [{ kind: 'again', delaySeconds: 7 } as const] };
  await consumeIngest([put], { ingest, faults: noFaultPoints, log: lines().log });
  expect(put.outcome).toBe('retry 7');
});

test('where the catalogue does not answer every message comes back', async () => {
  const world = createWorld();
  await world.put('a', numberLines(0, 1));
  const deliveries = world.ingestQueue.take().map(delivery);
  const { createIngest } = await import('../../src/ingest/ingest.ts');
  const catalog = {
    ...world.ports.catalog,
    ledger: {
      ...world.ports.catalog.ledger,
      getAll: () => Promise.reject(new Error('D1_ERROR')),
    },
  };
  const ingest = createIngest({ ...world.ports, catalog });
  await consumeIngest(deliveries, { ingest, faults: noFaultPoints, log: lines().log });
  expect(deliveries.map(({ outcome }) => outcome)).toEqual(['retry 5']);
});

test('a dead letter fails its object with the reason, unless it has ended or somebody is at work on it', async () => {
  const world = createWorld();
  const waiting = await world.put('a', numberLines(0, 1));
  const busy = await world.put('b', numberLines(1, 1));
  const done = await world.put('c', numberLines(2, 1));
  const messageOf = ({ objectId }: { objectId: string }) => ({
    v: 1 as const,
    type: 'ingest' as const,
    namespaceUid: NAMESPACE.uid,
    objectId,
  });
  await world.ingest.handle([messageOf(done)]);
  await world.ports.catalog.ledger.claim(messageOf(busy), 60_000);
  const letters = [...[waiting, busy, done].map((object) => delivery(messageOf(object))), delivery({ what: 'ever' })];
  await consumeDeadIngest(letters, { ingest: world.ingest, log: lines().log });
  expect(letters.map(({ outcome }) => outcome)).toEqual(['ack', 'ack', 'ack', 'ack']);
  expect(await world.object(waiting.objectId)).toMatchObject({
    state: 'failed',
    error: { code: 'attempts_exhausted' },
  });
  expect((await world.object(busy.objectId))?.state).toBe('processing');
  expect((await world.object(done.objectId))?.state).toBe('committed');
});

test('a fault point is told of at the time it was asked for, and no other', async () => {
  const told: string[] = [];
  const faults = holdingFaultPoints('after-claim:2', (message, { point }) => told.push(`${message} ${point}`));
  await faults.reach('after-claim');
  await faults.reach('before-commit');
  expect(told).toEqual([]);
  const held = faults.reach('after-claim');
  expect(told).toEqual(['fault-point reached after-claim:2']);
  expect(await Promise.race([held, Promise.resolve('held')])).toBe('held');
  expect(() => holdingFaultPoints('nowhere', () => {})).toThrow(RangeError);
  expect(() => holdingFaultPoints('after-claim:0', () => {})).toThrow(RangeError);
});
