import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { putObject, type TakenObject } from './client.ts';

const DATA = '/v1/namespaces/default';
let instance: Instance;
beforeAll(async () => {
  instance = await launch({ vars: { INGEST_PART_BYTES: '1000000' }, queueBatchTimeoutSeconds: 0 });
});
afterAll(async () => {
  await instance.stop();
});

const numbers = (start: number, count: number) =>
  Array.from(
    { length: count },
    (_, i) => `{"n":${start + i},"text":"row ${start + i} of a file that repeats itself"}\n`,
  ).join('');

/** What R2 sends when an object is written, as Cloudflare documents it. */
const eventOf = (key: string, eTag: string) => ({
  account: '3f4b7e3dcab231cbfdaa90a6a28bd548',
  action: 'PutObject',
  bucket: 'orasi-edge',
  object: { key, size: 65536, eTag },
  eventTime: '2026-05-24T19:36:44.379Z',
});

async function datasetRows(dataset: string): Promise<number | undefined> {
  const response = await instance.fetch(`${DATA}/datasets/${dataset}`);
  return response.ok ? ((await response.json()) as { rows: number }).rows : undefined;
}

async function settledObjects(dataset: string, count: number): Promise<TakenObject[]> {
  for (let turn = 0; turn < 150; turn++) {
    const response = await instance.fetch(`${DATA}/objects?dataset=${dataset}`);
    const { items } = (await response.json()) as { items: TakenObject[] };
    if (items.length >= count && items.every(({ state }) => state === 'committed' || state === 'failed')) return items;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the objects of ${dataset} do not come to an end`);
}

test('an object put straight into the bucket and announced is taken in as a PUT is', async () => {
  const key = 'inbox/default/announced/2026/a.ndjson';
  const { etag } = (await instance.bindings.BUCKET.put(key, numbers(0, 10)))!;
  await instance.bindings.INGEST_QUEUE.send(eventOf(key, etag));
  const [object] = await settledObjects('announced', 1);
  expect(object).toMatchObject({ state: 'committed', rowsCommitted: 10, format: 'json', attempts: 1 });
});

test('an object nobody announced is found by the sweep', async () => {
  await instance.bindings.BUCKET.put('inbox/default/unannounced/a.ndjson', numbers(0, 10));
  await instance.runScheduled();
  expect(await settledObjects('unannounced', 1)).toMatchObject([{ state: 'committed', rowsCommitted: 10 }]);
});

test('the same object by all three doors, twice, at once, is one set of rows', async () => {
  const body = numbers(0, 2_000);
  const key = 'inbox/default/thrice/a.ndjson';
  const { etag } = (await instance.bindings.BUCKET.put(key, body))!;
  const puts = await Promise.all([
    putObject(instance, 'thrice', 'a.ndjson', body),
    putObject(instance, 'thrice', 'a.ndjson', body),
    instance.bindings.INGEST_QUEUE.send(eventOf(key, etag)),
    instance.bindings.INGEST_QUEUE.send(eventOf(key, etag)),
    instance.runScheduled(),
    instance.runScheduled(),
  ]);
  expect(puts[0].objectId).toBe(puts[1].objectId);
  await instance.runScheduled();
  expect(await settledObjects('thrice', 1)).toMatchObject([{ state: 'committed', rowsCommitted: 2_000 }]);
  expect(await datasetRows('thrice')).toBe(2_000);
});

test('messages of no known shape do not stand in the way of others', async () => {
  const queue = instance.bindings.INGEST_QUEUE as unknown as { send(body: unknown): Promise<unknown> };
  await queue.send({ v: 9, type: 'surprise' });
  await queue.send('text');
  expect(await putObject(instance, 'beside', 'a.ndjson', numbers(0, 1))).toMatchObject({ state: 'committed' });
});

test('gzip and zstd are undone, small ones in memory, larger ones by way of an inflated copy that goes again', async () => {
  const small = numbers(0, 100);
  const large = numbers(0, 60_000);
  expect(large.length).toBeGreaterThan(3_000_000);
  const objects = [
    await putObject(instance, 'inflated', 'small.ndjson.gz', gzipSync(small)),
    await putObject(instance, 'inflated', 'small.ndjson', zstdCompressSync(small), { 'content-encoding': 'zstd' }),
    await putObject(instance, 'inflated', 'large.ndjson.gz', gzipSync(large)),
    await putObject(instance, 'inflated', 'large.ndjson.zst', zstdCompressSync(large)),
    await putObject(instance, 'inflated', 'members.ndjson.gz', Buffer.concat([gzipSync(large), gzipSync(small)])),
  ];
  expect(objects.map(({ state, rowsCommitted }) => [state, rowsCommitted])).toEqual([
    ['committed', 100],
    ['committed', 100],
    ['committed', 60_000],
    ['committed', 60_000],
    ['committed', 60_100],
  ]);
  expect((await instance.bindings.BUCKET.list({ prefix: 'staging/' })).objects).toEqual([]);
});

test('a large object is taken in parts that are committed together', async () => {
  const object = await putObject(instance, 'parts', 'a.ndjson', numbers(0, 100_000));
  expect(object).toMatchObject({ state: 'committed', rowsCommitted: 100_000, attempts: 1 });
  expect(object.segments).toBeGreaterThan(3);
});

test('a resumable upload is one object, whatever the order of its parts', async () => {
  const partBytes = 5 * 1024 * 1024;
  const body = Buffer.from(numbers(0, 100_000));
  const uploads = `${DATA}/datasets/uploaded/uploads`;
  const begun = await instance.fetch(uploads, {
    method: 'POST',
    body: JSON.stringify({ name: 'a.ndjson', partBytes }),
  });
  expect(begun.status).toBe(201);
  const { uploadId } = (await begun.json()) as { uploadId: string };
  for (const n of [2, 1, 2]) {
    const part = body.subarray((n - 1) * partBytes, n * partBytes);
    const stored = await instance.fetch(`${uploads}/${uploadId}/parts/${n}`, { method: 'PUT', body: part });
    expect(stored.status).toBeLessThan(300);
  }
  const complete = () => instance.fetch(`${uploads}/${uploadId}/complete?wait=60`, { method: 'POST' });
  const first = (await (await complete()).json()) as TakenObject;
  expect(first).toMatchObject({ state: 'committed', rowsCommitted: 100_000 });
  expect(((await (await complete()).json()) as TakenObject).objectId).toBe(first.objectId);
});
