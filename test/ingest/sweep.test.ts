import { expect, test } from 'vitest';
import { keysUnder, numbersOf, range } from './rows.ts';
import { createWorld, NAMESPACE, numberLines, pipeline } from './world.ts';

const GRACE = 15 * 60_000;
const bytes = (text: string) => new TextEncoder().encode(text);

test('an inbox of many pages is walked some at a time, every object once', async () => {
  const world = createWorld();
  for (let i = 0; i < 1300; i++) await world.ports.store.put(`inbox/default/d/${i}`, bytes(`{"n":${i}}\n`));
  let sweeps = 0;
  for (let found = -1; found !== 0; sweeps++) {
    found = (await world.ingest.sweep()).found;
    expect(found).toBeLessThanOrEqual(500);
    await world.drain();
  }
  expect(sweeps).toBeGreaterThanOrEqual(4);
  expect(await numbersOf(world)).toEqual(range(0, 1300));
  expect((await world.ingest.sweep()).found).toBe(0);
}, 30_000);

test('an object whose message was lost, or whose claimant died, gets another when it is overdue', async () => {
  const world = createWorld();
  const { objectId } = await world.put('lost', numberLines(0, 1));
  const dead = await world.put('dead', numberLines(1, 1));
  world.ingestQueue.take();
  await world.ports.catalog.ledger.claim(
    { namespaceUid: NAMESPACE.uid, objectId: dead.objectId },
    world.ports.limits.leaseMs,
  );
  expect((await world.ingest.sweep()).requeued).toBe(0);
  world.clock.advance(world.ports.limits.requeueAfterMs + 1);
  expect((await world.ingest.sweep()).requeued).toBe(2);
  expect((await world.ingest.sweep()).requeued).toBe(0);
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({ state: 'committed', attempt: 1 });
  expect(await world.object(dead.objectId)).toMatchObject({ state: 'committed', attempt: 2 });
});

test('after a restart nothing waits for a lease or a message', async () => {
  const world = createWorld();
  await world.put('lost', numberLines(0, 1));
  const dead = await world.put('dead', numberLines(1, 1));
  world.ingestQueue.take();
  await world.ports.catalog.ledger.claim(
    { namespaceUid: NAMESPACE.uid, objectId: dead.objectId },
    world.ports.limits.leaseMs,
  );
  expect((await world.ingest.sweep({ restarted: true })).requeued).toBe(2);
  await world.drain();
  expect(await numbersOf(world)).toEqual([0, 1]);
});

test('a body whose request died before the ledger knew of it is found by what it carries with it', async () => {
  const world = createWorld();
  await world.ports.store.put(`uploads/${NAMESPACE.uid}/orphan`, bytes('n\n7\n'.repeat(1) && '{"n":7}\n'), {
    metadata: {
      'orasi-namespace': 'default',
      'orasi-dataset': 'd',
      'orasi-name': encodeURIComponent('größe/ü.ndjson'),
      'orasi-format': 'json',
    },
  });
  expect((await world.ingest.sweep()).found).toBe(0);
  world.clock.advance(world.ports.limits.requeueAfterMs);
  expect((await world.ingest.sweep()).found).toBe(1);
  await world.drain();
  expect(await numbersOf(world)).toEqual([7]);
  const [object] = (await world.ports.catalog.ledger.list(NAMESPACE.uid, {}, 10)).items;
  expect(object).toMatchObject({ name: 'größe/ü.ndjson', decode: { format: 'json' } });
});

test('bodies the ledger does not need are removed: second copies, deleted objects, other namespaces, strangers', async () => {
  const world = createWorld();
  const metadata = (name: string, namespace = 'default') => ({
    'orasi-namespace': namespace,
    'orasi-dataset': 'd',
    'orasi-name': name,
  });
  const kept = await world.put('a', numberLines(0, 1));
  await world.ports.store.put(`uploads/${NAMESPACE.uid}/copy`, bytes(numberLines(0, 1)), { metadata: metadata('a') });
  const deleted = await world.put('b', numberLines(1, 1));
  await world.drain();
  await world.ports.catalog.ledger.mask(NAMESPACE.uid, deleted.objectId);
  await world.ports.store.put('uploads/old-uid/x', bytes('{}'), { metadata: metadata('x') });
  await world.ports.store.put(`uploads/${NAMESPACE.uid}/stranger`, bytes('{}'));
  await world.ports.store.put(`uploads/${NAMESPACE.uid}/dead-dataset`, bytes('{}'), {
    metadata: { 'orasi-namespace': 'default', 'orasi-dataset': 'dead', 'orasi-name': 'x' },
  });
  await world.ports.catalog.datasets.ensure(NAMESPACE.uid, 'dead');
  world.clock.advance(1);
  await world.ports.catalog.datasets.delete(NAMESPACE.uid, 'dead');
  expect(await keysUnder(world, 'uploads/')).toHaveLength(6);
  await world.ingest.sweep();
  expect(await keysUnder(world, 'uploads/')).toHaveLength(6);
  world.clock.advance(GRACE);
  await world.ingest.sweep();
  expect(await keysUnder(world, 'uploads/')).toEqual([kept.key]);
  expect(await world.ports.catalog.datasets.get(NAMESPACE.uid, 'dead')).toBeNull();
});

test('a replaced or deleted segment goes once no query can still be reading it', async () => {
  const world = createWorld();
  world.pipelines.push(pipeline({ dataset: 'd', versions: 'replace' }));
  await world.put('a', numberLines(0, 1));
  await world.drain();
  const [old] = await keysUnder(world, 'segments/');
  await world.put('a', numberLines(1, 1));
  await world.drain();
  world.clock.advance(GRACE);
  await world.ingest.sweep();
  expect(await keysUnder(world, 'segments/')).toContain(old);
  world.clock.advance(1);
  expect((await world.ingest.sweep()).collected).toBe(1);
  expect(await keysUnder(world, 'segments/')).not.toContain(old);
  expect(await numbersOf(world)).toEqual([1]);
});

test('segments without the indexes they should have are asked for again', async () => {
  const world = createWorld();
  const { objectId, datasetId } = await world.put('a', numberLines(0, 1));
  await world.drain();
  expect((await world.ingest.sweep()).indexed).toBe(0);
  await world.ports.catalog.indexes.define(NAMESPACE.uid, datasetId, [
    { name: 'i', kind: 'btree', fields: ['n'], options: {} },
  ]);
  expect((await world.ingest.sweep()).indexed).toBe(1);
  const message = { v: 1, type: 'index', namespaceUid: NAMESPACE.uid, datasetId, segmentIds: [`${objectId}-1-0-0`] };
  expect(world.indexQueue.take()).toEqual([message]);
});

test('a step that fails is told of, and the others are done', async () => {
  const world = createWorld();
  await world.ports.store.put('inbox/default/d/a', bytes(numberLines(0, 1)));
  const { sweep } = await import('../../src/ingest/sweep.ts');
  const report = await sweep({
    ...world.ports,
    store: {
      ...world.ports.store,
      list: (prefix, ...rest) => {
        if (prefix === 'inbox/') throw new Error('no answer');
        return world.ports.store.list(prefix, ...rest);
      },
    },
  });
  expect(report.failed).toEqual(['inbox']);
});

test('a namespace is erased to the last file and row, its inbox too', async () => {
  const world = createWorld();
  for (let i = 0; i < 5; i++) await world.put(`o${i}`, numberLines(i, 1));
  await world.drain();
  await world.ports.store.put('inbox/default/d/x', bytes('{}'));
  await world.ports.store.put('inbox/default-2/d/x', bytes('{}'));
  await world.ports.store.put('segments/other/y', bytes('{}'));
  let rounds = 0;
  while (!(await world.ingest.eraseNamespace(NAMESPACE.name, NAMESPACE.uid))) expect(++rounds).toBeLessThan(20);
  expect(await keysUnder(world, '')).toEqual(['inbox/default-2/d/x', 'segments/other/y']);
  expect((await world.ports.catalog.ledger.list(NAMESPACE.uid, {}, 10)).items).toEqual([]);
});
