import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { BucketEvent } from '../../src/core/protocol/messages.ts';
import { keysUnder, numbersOf, range } from './rows.ts';
import { BUCKET, createWorld, NAMESPACE, numberLines, pipeline, type World } from './world.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function event(key: string, more: Partial<BucketEvent> = {}): BucketEvent {
  return {
    account: 'a',
    action: 'PutObject',
    bucket: BUCKET,
    object: { key, size: 1, eTag: 'hint' },
    eventTime: '2026-01-01T00:00:00Z',
    ...more,
  };
}

const inbox = (world: World, name: string, body: string, metadata = {}) =>
  world.ports.store.put(`inbox/default/d/${name}`, bytes(body), { metadata });

test('an object in the inbox that is announced is taken in as if it had been put', async () => {
  const world = createWorld();
  await inbox(world, 'deep/path/a.ndjson', numberLines(0, 5));
  expect(await world.ingest.handle([event('inbox/default/d/deep/path/a.ndjson')])).toEqual([{ kind: 'done' }]);
  expect(await numbersOf(world)).toEqual(range(0, 5));
  const [object] = (await world.ports.catalog.ledger.list(NAMESPACE.uid, {}, 10)).items;
  expect(object).toMatchObject({ dataset: 'd', name: 'deep/path/a.ndjson', state: 'committed' });
});

test('the same object by all three doors, twice, at once, is one set of rows', async () => {
  const world = createWorld();
  const body = numberLines(0, 50);
  await inbox(world, 'a', body);
  await Promise.all([
    world.put('a', body),
    world.put('a', body),
    world.ingest.handle([event('inbox/default/d/a'), event('inbox/default/d/a', { action: 'CopyObject' })]),
    world.ingest.handle([event('inbox/default/d/a')]),
    world.ingest.sweep(),
    world.ingest.sweep(),
  ]);
  await world.drain();
  await world.ingest.sweep();
  await world.drain();
  expect((await world.ports.catalog.ledger.list(NAMESPACE.uid, {}, 10)).items).toHaveLength(1);
  expect(await numbersOf(world)).toEqual(range(0, 50));
});

test('the body of a version that came before is not kept twice', async () => {
  const world = createWorld();
  await world.put('a', numberLines(0, 1));
  await world.put('a', numberLines(0, 1));
  expect(await keysUnder(world, 'uploads/')).toHaveLength(1);
});

test('a version given over HTTP is taken in even where a later one follows at once', async () => {
  const world = createWorld();
  await world.put('a', numberLines(0, 5));
  await world.put('a', numberLines(10, 5));
  await world.drain();
  expect(await numbersOf(world)).toEqual([...range(0, 5), ...range(10, 15)]);
});

test('an announcement that comes late takes in what the key holds now', async () => {
  const world = createWorld();
  await inbox(world, 'a', numberLines(0, 1));
  world.clock.advance(10);
  await inbox(world, 'a', numberLines(1, 1));
  await world.ingest.handle([event('inbox/default/d/a')]);
  await world.ingest.handle([event('inbox/default/d/a')]);
  expect(await numbersOf(world)).toEqual([1]);
});

test('a version overwritten in the inbox before it was read fails by name, and the new one is taken in', async () => {
  const world = createWorld({ limits: { partBytes: 1000, groupObjectBytes: 10 } });
  await inbox(world, 'a', numberLines(0, 1000));
  const [found] = await Promise.all([world.ingest.sweep()]);
  expect(found.found).toBe(1);
  await world.ingest.handle(world.ingestQueue.take());
  world.clock.advance(10);
  await inbox(world, 'a', numberLines(5000, 3));
  await world.drain();
  await world.ingest.sweep();
  await world.drain();
  expect(await numbersOf(world)).toEqual(range(5000, 5003));
  const { items } = await world.ports.catalog.ledger.list(NAMESPACE.uid, { state: 'failed' }, 10);
  expect(items).toMatchObject([{ error: { code: 'source_changed' } }]);
});

test('metadata of an object in the inbox says how it decodes', async () => {
  const world = createWorld();
  await inbox(world, 'riddle', `${numberLines(0, 2)}`, {
    'orasi-format': 'json',
    'orasi-options': encodeURIComponent('{"layout":"lines"}'),
  });
  await inbox(world, 'nonsense', numberLines(2, 1), { 'orasi-options': '%%%' });
  await world.ingest.sweep();
  await world.drain();
  expect(await numbersOf(world)).toEqual(range(0, 3));
  const { items } = await world.ports.catalog.ledger.list(NAMESPACE.uid, {}, 10);
  expect(items.find(({ name }) => name === 'riddle')?.decode).toEqual({ format: 'json', options: { layout: 'lines' } });
});

test('what is no object of ours is passed over: deletions, other buckets, folders, bad names, unknown namespaces', async () => {
  const world = createWorld();
  await world.ports.store.put('inbox/default/d/folder/', new Uint8Array(0));
  await world.ports.store.put('inbox/default/Bad-Dataset/a', bytes('{}'));
  await world.ports.store.put('inbox/nobody/d/a', bytes('{}'));
  await world.ports.store.put(`inbox/default/d/${'x'.repeat(LIMITS.objectNameBytes + 1)}`, bytes('{}'));
  await world.ports.store.put('inbox/default/d', bytes('{}'));
  await inbox(world, 'a', numberLines(0, 1));
  const outcomes = await world.ingest.handle([
    event('inbox/default/d/a', { action: 'DeleteObject' }),
    event('inbox/default/d/a', { action: 'LifecycleDeletion' }),
    event('inbox/default/d/a', { bucket: 'other' }),
    event('inbox/default/d/folder/'),
    event('inbox/default/Bad-Dataset/a'),
    event('inbox/nobody/d/a'),
    event('inbox/default/d/gone'),
    event('segments/x'),
    event('inbox/default/d'),
  ]);
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['done']));
  expect(await numbersOf(world)).toEqual([]);
  await world.ingest.sweep();
  await world.drain();
  expect(await numbersOf(world)).toEqual([0]);
  expect((await world.ports.catalog.ledger.list(NAMESPACE.uid, {}, 10)).items).toHaveLength(1);
});

test('deleting an object of the inbox does not delete its rows; deleting the object does, for good', async () => {
  const world = createWorld();
  await inbox(world, 'a', numberLines(0, 3));
  await world.ingest.handle([event('inbox/default/d/a')]);
  const [{ objectId }] = (await world.ports.catalog.ledger.list(NAMESPACE.uid, {}, 10)).items;
  await world.ports.catalog.ledger.mask(NAMESPACE.uid, objectId);
  expect(await numbersOf(world)).toEqual([]);
  await world.ingest.handle([event('inbox/default/d/a')]);
  await world.ingest.sweep();
  await world.drain();
  expect(await numbersOf(world)).toEqual([]);
  world.clock.advance(10);
  await inbox(world, 'a', numberLines(0, 3));
  await world.ingest.sweep();
  await world.drain();
  expect(await numbersOf(world)).toEqual(range(0, 3));
  await world.ports.store.delete(['inbox/default/d/a']);
  await world.ingest.handle([event('inbox/default/d/a', { action: 'DeleteObject' })]);
  await world.ingest.sweep();
  expect(await numbersOf(world)).toEqual(range(0, 3));
});

test('deleting a dataset is final for what was uploaded before, known or not', async () => {
  const world = createWorld();
  await inbox(world, 'known', numberLines(0, 3));
  await world.ingest.handle([event('inbox/default/d/known')]);
  await inbox(world, 'unknown', numberLines(10, 3));
  world.clock.advance(10);
  await world.ports.catalog.datasets.delete(NAMESPACE.uid, 'd');
  await world.ingest.handle([event('inbox/default/d/known'), event('inbox/default/d/unknown')]);
  await world.ingest.sweep();
  await world.drain();
  expect(await world.ports.catalog.datasets.get(NAMESPACE.uid, 'd')).toBeNull();
  await world.put('new', numberLines(20, 3));
  await world.ingest.sweep();
  await world.drain();
  expect(await numbersOf(world)).toEqual(range(20, 23));
  await world.put('known', numberLines(0, 3));
  await world.drain();
  expect(await numbersOf(world)).toEqual([...range(0, 3), ...range(20, 23)]);
});

test('a dataset deleted while an upload is under way refuses it', async () => {
  const world = createWorld();
  await world.put('a', numberLines(0, 1));
  const slow = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await world.ports.catalog.datasets.delete(NAMESPACE.uid, 'd');
      controller.enqueue(bytes(numberLines(1, 1)));
      controller.close();
    },
  });
  const accepted = await world.ingest.put(
    { namespace: NAMESPACE.name, namespaceUid: NAMESPACE.uid, dataset: 'd', name: 'b', decode: {} },
    slow,
  );
  // The upload ended after the deletion, so it begins the dataset anew.
  await world.drain();
  expect((await world.object(accepted.objectId))?.state).toBe('committed');
  expect(await numbersOf(world)).toEqual([1]);
});

test('versions replace each other by upload time, in whatever order they are taken in', async () => {
  const orders = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ];
  for (const order of orders) {
    const world = createWorld();
    world.pipelines.push(pipeline({ dataset: 'd', versions: 'replace' }));
    for (let version = 0; version < 3; version++) await world.put('a', numberLines(10 * version, 4));
    const messages = world.ingestQueue.take();
    for (const at of order) {
      world.clock.advance(5);
      await world.ingest.handle([messages[at]]);
    }
    expect(await numbersOf(world)).toEqual(range(20, 24));
  }
});

test('a failed object is taken in once more when retried, and when the same bytes are given again', async () => {
  const world = createWorld();
  const body = '{"n":1}\nnot json\n';
  const { objectId } = await world.put('a.bin', body, { decode: { format: 'xml' } });
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({ state: 'failed', attempt: 1 });
  expect(await world.ingest.retry(NAMESPACE.uid, objectId)).toMatchObject({ state: 'received' });
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({ state: 'failed', attempt: 2 });
  expect(await world.put('a.bin', body, { decode: { format: 'json' } })).toMatchObject({ objectId, state: 'received' });
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({
    state: 'committed',
    rowsCommitted: 1,
    rowsQuarantined: 1,
    attempt: 3,
  });
  expect(await world.ingest.retry(NAMESPACE.uid, objectId)).toBeNull();
});
