import { describe, expect, test } from 'vitest';
import type { RowRanges } from '../../src/storage/catalog-records.ts';
import { backupKey, MANIFEST } from '../../src/storage/layout.ts';
import { byN } from '../indexing/shop.ts';
import { NAMESPACE } from '../ingest/world.ts';
import { openWorkshop } from './workshop.ts';

type Workshop = ReturnType<typeof openWorkshop>;

const HOUR = 3_600_000;
const numbers = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ n: from + i, s: `s${from + i}` }));
const maintain = async (shop: Workshop, operation: string, more: object = {}) =>
  await shop.run('Maintenance', { operation, ...more });
const all = async (shop: Workshop, dataset = 'd') => await shop.rows(`SELECT n, s FROM ${dataset} ORDER BY n`);
const remove = async (shop: Workshop, objectId: string) => await shop.catalog.ledger.mask(NAMESPACE.uid, objectId);
const bytesOf = async (shop: Workshop, key: string) => (await shop.store.head(key))?.sizeBytes ?? 0;

/** Turns over one byte of a file, at a share of its length; its etag and length stay what the catalogue says. */
async function damage(shop: Workshop, key: string, share: number): Promise<void> {
  const info = await shop.store.head(key);
  const bytes = await shop.store.read(key, 0, info?.sizeBytes ?? 0);
  bytes[Math.floor(bytes.length * share)] ^= 0xff;
  const { read, head } = shop.store;
  Object.assign(shop.store, {
    head: async (name: string) => (name === key ? info : await head(name)),
    read: async (name: string, offset: number, length: number, etag?: string) =>
      name === key ? bytes.slice(offset, offset + length) : await read(name, offset, length, etag),
  });
}

test('cleanup removes what nothing refers to, of its namespace and old enough, and says how much it was', async () => {
  const shop = openWorkshop();
  const kept = await shop.put('a', numbers(0, 10));
  const gone = await shop.put('b', numbers(10, 10));
  const [dead] = (await shop.keys('segments/')).filter((key) => key.includes(gone));
  const deadBytes = await bytesOf(shop, dead);
  await remove(shop, gone);
  const { uid } = NAMESPACE;
  const { store } = shop;
  await store.put(`segments/${uid}/x/${'0'.repeat(32)}-1-0-0.parquet`, new Uint8Array(100));
  await store.put(`results/${uid}/q/t-1`, new Uint8Array(10), { metadata: { expires: '2023-01-01T00:00:00.000Z' } });
  await store.put(backupKey(uid, 'half', 'd/0.parquet'), new Uint8Array(1_000));
  await store.put(backupKey(uid, 'whole', 'd/0.parquet'), new Uint8Array(1));
  await store.put(backupKey(uid, 'whole', MANIFEST), new Uint8Array(1));
  await store.put(`segments/other/x/${'0'.repeat(32)}-1-0-0.parquet`, new Uint8Array(1));
  expect((await maintain(shop, 'cleanup')).data).toMatchObject({ filesRemoved: 0, bytesRemoved: 0 });
  shop.clock.advance(HOUR);
  expect((await maintain(shop, 'cleanup', { minimumAgeSeconds: 7_200 })).data).toMatchObject({ filesRemoved: 0 });
  expect((await maintain(shop, 'cleanup')).data).toEqual({
    operation: 'cleanup',
    filesRemoved: 4,
    bytesRemoved: deadBytes + 100 + 10 + 1_000,
  });
  expect((await shop.keys('segments/')).map((key) => key.split('/')[1])).toEqual([uid, 'other']);
  expect((await shop.keys('segments/'))[0]).toContain(kept);
  expect(await shop.keys('backups/')).toHaveLength(2);
  expect(await all(shop)).toHaveLength(10);
});

describe('optimize', () => {
  test('merges small segments: the rows stay, those that no longer count go, each is still its object’s', async () => {
    const shop = openWorkshop();
    shop.declare(byN);
    const [first, second] = await shop.putTogether({ a: numbers(0, 10), b: numbers(10, 10), c: numbers(20, 10) });
    await shop.put('d', numbers(30, 11));
    await shop.put('wide', [{ n: 100.5, s: 'half', more: true }]);
    await remove(shop, second);
    const before = await all(shop);
    const { data } = await maintain(shop, 'optimize', { datasets: ['d'] });
    expect(data).toMatchObject({ segmentsMerged: 3, segmentsWritten: 1 });
    expect(data.bytesAfter).toBeLessThan(data.bytesBefore);
    expect(await all(shop)).toEqual(before);
    const { segments } = await shop.snapshot();
    expect(segments.map(({ rows, masked, indexes }) => [rows, masked, Object.keys(indexes)])).toEqual([
      [32, [], ['by_n']],
    ]);
    await remove(shop, first);
    expect(await all(shop)).toHaveLength(22);
    expect((await maintain(shop, 'optimize')).data).toMatchObject({ segmentsMerged: 0 });
    expect((await maintain(shop, 'health_check')).data).toMatchObject({ healthy: true, segments: 1 });
  });

  test('that a deletion overtakes brings back no row', async () => {
    let overtaken = '';
    const shop = openWorkshop();
    const objects = await shop.putTogether({ a: numbers(0, 10), b: numbers(10, 10) });
    await shop.put('c', numbers(20, 10));
    const { sources } = shop.catalog;
    Object.assign(shop.catalog, {
      sources: async (...args: Parameters<typeof sources>) => {
        const read = await sources(...args);
        if (overtaken === '') await remove(shop, objects[0]);
        overtaken = objects[0];
        return read;
      },
    });
    expect((await maintain(shop, 'optimize')).data).toMatchObject({ segmentsMerged: 0 });
    expect(await all(shop)).toHaveLength(20);
    expect(await shop.keys('segments/')).toHaveLength(2);
    expect((await maintain(shop, 'optimize')).data).toMatchObject({ segmentsMerged: 2, segmentsWritten: 1 });
    expect(await all(shop)).toHaveLength(20);
  });

  test('keeps the rows of segments sorted where the pipeline sorts them', async () => {
    const shop = openWorkshop();
    shop.declare();
    Object.assign(shop.world.pipelines[0], { sortKey: ['n'] });
    await shop.put('a', [{ n: 3 }, { n: 1 }]);
    const objectId = await shop.put('b', [{ n: 4 }, { n: 2 }]);
    await maintain(shop, 'optimize');
    const { segments, datasetId } = await shop.snapshot();
    const sources = await shop.catalog.sources(NAMESPACE.uid, datasetId, [segments[0].segmentId]);
    expect(sources.find((source) => source.objectId === objectId)?.ranges).toEqual([
      [1, 2],
      [3, 4],
    ] satisfies RowRanges);
  });
});

describe('backup and restore', () => {
  test('bring back the rows that counted, in their types, after the dataset is gone', async () => {
    const shop = openWorkshop();
    await shop.put('a', [
      { n: 1, s: 'x', at: '2026-01-01T00:00:00.5Z', j: { a: [1] }, b: true, f: 1.5, d: '2026-02-03' },
    ]);
    const gone = await shop.put('b', numbers(10, 3));
    await shop.put('c', numbers(20, 3));
    await maintain(shop, 'optimize');
    await remove(shop, gone);
    const everything = 'SELECT * FROM d ORDER BY n';
    const before = await shop.rows(everything);
    const schema = (await shop.snapshot()).schema.map(({ name, type }) => [name, type.kind]);
    const { data } = await maintain(shop, 'backup');
    expect(data).toMatchObject({ files: 1, rows: 4, datasets: [{ name: 'd', rows: 4, files: 1 }] });
    await shop.put('later', numbers(30, 3));
    await shop.catalog.datasets.delete(NAMESPACE.uid, 'd');
    for (let sweep = 0; sweep < 3; sweep++) {
      shop.clock.advance(HOUR);
      await shop.world.ingest.sweep();
    }
    expect(await shop.keys('segments/')).toEqual([]);

    const restored = await maintain(shop, 'restore', { backup: data.backupId, dataset: 'd' });
    expect(restored.data).toMatchObject({ dataset: 'd', rows: 4, rowsQuarantined: 0, objects: 1 });
    expect(await shop.rows(everything)).toEqual(before);
    expect((await shop.snapshot()).schema.map(({ name, type }) => [name, type.kind])).toEqual(schema);
  });

  test('repeat nothing when they are repeated, and mix with no other rows', async () => {
    const shop = openWorkshop();
    await shop.put('a', numbers(0, 3));
    const { backupId: backup } = (await maintain(shop, 'backup', { datasets: ['d'] })).data;
    const refused = await maintain(shop, 'restore', { backup, dataset: 'd' });
    expect(refused).toMatchObject({ status: 'Failed', error: expect.stringMatching(/^conflict/) });
    for (let time = 0; time < 2; time++) await maintain(shop, 'restore', { backup, dataset: 'd', into: 'e' });
    expect(await all(shop, 'e')).toEqual(await all(shop));
    expect(await maintain(shop, 'restore', { backup: 'none', dataset: 'd' })).toMatchObject({
      error: expect.stringMatching(/^not_found/),
    });
    expect(await maintain(shop, 'restore', { backup: '../x', dataset: 'd' })).toMatchObject({ status: 'Failed' });
  });
});

describe('health_check and repair', () => {
  test('find a damaged index file, and have it built anew', async () => {
    const shop = openWorkshop();
    shop.declare(byN);
    await shop.put('a', numbers(0, 100));
    expect((await maintain(shop, 'health_check')).data).toMatchObject({ healthy: true, segments: 1, indexFiles: 1 });
    const [index] = await shop.indexKeys();
    await damage(shop, index, 0.5);
    const sick = (await maintain(shop, 'health_check')).data;
    expect(sick).toMatchObject({ healthy: false, damaged: 1, damage: [expect.stringContaining(index)] });
    expect((await maintain(shop, 'repair')).data).toMatchObject({ filesLookedAt: 1, filesReplaced: 1, filesFailed: 0 });
    expect((await maintain(shop, 'health_check')).data).toMatchObject({ healthy: true, indexFiles: 1 });
    expect((await maintain(shop, 'repair')).data).toMatchObject({ filesReplaced: 0 });
  });

  test('find a damaged segment, and one that is gone', async () => {
    const shop = openWorkshop();
    await shop.put('a', numbers(0, 1_000));
    await shop.put('b', numbers(0, 10));
    const [first, second] = (await shop.snapshot()).segments.map(({ key }) => key);
    await damage(shop, first, 0.2);
    await shop.store.delete([second]);
    const { data } = await maintain(shop, 'health_check', { datasets: ['d'] });
    expect(data).toMatchObject({ healthy: false, damaged: 2, segments: 2 });
    expect(data.damage).toHaveLength(2);
    expect(data.damage).toContain(`${first}: a segment is damaged: Parquet: the checksum of a page is wrong`);
    expect(data.damage).toContain(`${second}: it is gone`);
  });
});

describe('update and Indexing', () => {
  test('build what the pipelines declare now, and say when it is there', async () => {
    const shop = openWorkshop();
    await shop.put('a', numbers(0, 10));
    await shop.put('b', numbers(10, 10));
    shop.declare(byN);
    const updated = (await maintain(shop, 'update')).data;
    expect(updated).toMatchObject({ datasets: 1, filesFailed: 0 });
    expect((await shop.snapshot()).segments.map(({ indexes }) => Object.keys(indexes))).toEqual([['by_n'], ['by_n']]);
    const [old] = await shop.indexKeys();
    const built = await shop.run('Indexing', { dataset: 'd', index: 'by_n', rebuild: true });
    expect(built.data).toMatchObject({ indexes: [{ name: 'by_n', kind: 'btree', segments: 2, segmentsIndexed: 2 }] });
    expect((await shop.snapshot()).segments.map(({ indexes }) => indexes.by_n.key)).not.toContain(old);
    expect(await shop.run('Indexing', { dataset: 'd', index: 'none' })).toMatchObject({
      error: expect.stringMatching(/^not_found/),
    });
    expect(await shop.run('Indexing', { dataset: 'none' })).toMatchObject({
      error: expect.stringMatching(/^not_found/),
    });
  });
});
