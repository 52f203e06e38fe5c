import { describe, expect, test } from 'vitest';
import { type Batch, scalarAt } from '../../src/columns/column.ts';
import { INT64, STRING } from '../../src/columns/types.ts';
import { OrasiError } from '../../src/core/errors.ts';
import { createIndexing } from '../../src/indexing/indexing.ts';
import { INDEXING_LIMITS } from '../../src/indexing/ports.ts';
import type { IndexPredicate } from '../../src/segment/index-file.ts';
import { INDEX_KINDS } from '../../src/segment/index-kinds.ts';
import { NAMESPACE } from '../ingest/world.ts';
import { byN, byText, openShop, type Shop } from './shop.ts';

const lines = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `{"n":${from + i},"s":"word${(from + i) % 7} of many"}\n`).join('');

const equals = (value: bigint): IndexPredicate => ({ op: 'equals', field: 'n', type: INT64, values: [value] });

async function put({ world }: Shop, name: string, from: number, count: number): Promise<void> {
  await world.put(name, lines(from, count));
  await world.drain();
}

async function built(shop: Shop): Promise<string[][]> {
  const { segments } = await shop.snapshot();
  return segments.map(({ indexes }) => Object.keys(indexes).sort());
}

describe('indexes', () => {
  test('that a pipeline declares are built for every segment that is committed, and answer', async () => {
    const shop = openShop();
    shop.declare(byN, byText);
    await put(shop, 'a', 0, 100);
    await put(shop, 'b', 100, 50);
    expect(await shop.drain()).toBe(2);
    expect(await built(shop)).toEqual([
      ['by_n', 'by_text'],
      ['by_n', 'by_text'],
    ]);
    const found = await Promise.all((await shop.open('by_n')).map((index) => index.lookup(equals(120n))));
    expect(found.map(({ rows }) => [...rows])).toEqual([[], [20]]);
    const texts = await Promise.all(
      (await shop.open('by_text')).map((index) => index.lookup({ op: 'match', field: 's', query: 'word3' })),
    );
    expect(texts.map(({ rows }) => rows.length)).toEqual([14, 7]);
  });

  test('added to a dataset that has data are built for its old segments too', async () => {
    const shop = openShop();
    for (let i = 0; i < 3; i++) await put(shop, `o${i}`, i * 10, 10);
    expect(await shop.drain()).toBe(0);
    shop.declare(byN);
    expect(await shop.indexing.reconcileNamespace(NAMESPACE)).toBe(1);
    expect(await shop.indexing.reconcileNamespace(NAMESPACE)).toBe(0);
    expect(await shop.drain()).toBe(1);
    expect(await built(shop)).toEqual([['by_n'], ['by_n'], ['by_n']]);
  });

  test('are asked for by the sweep where every message was lost', async () => {
    const shop = openShop();
    shop.declare(byN);
    await put(shop, 'a', 0, 10);
    shop.world.indexQueue.take();
    await shop.indexing.reconcileAll();
    shop.world.indexQueue.take();
    expect((await shop.world.ingest.sweep()).indexed).toBe(1);
    await shop.drain();
    expect(await built(shop)).toEqual([['by_n']]);
  });

  test('of one namespace are reconciled whatever is wrong with another', async () => {
    const shop = openShop();
    shop.declare(byN);
    await put(shop, 'a', 0, 10);
    shop.world.indexQueue.take();
    const { control } = shop.ports;
    const indexing = createIndexing({
      ...shop.ports,
      control: {
        namespaces: async () => [{ name: 'broken', uid: 'other' }, NAMESPACE],
        async pipelines(name) {
          if (name === 'broken') throw new Error('no answer');
          return await control.pipelines(name);
        },
      },
    });
    expect(await indexing.reconcileAll()).toBe(1);
    await shop.drain();
    expect(await built(shop)).toEqual([['by_n']]);
    const silent = { namespaces: () => Promise.reject(new Error('no answer')), pipelines: control.pipelines };
    expect(await createIndexing({ ...shop.ports, control: silent }).reconcileAll()).toBe(0);
  });

  test('built twice at once are published once, and the other file is removed', async () => {
    const shop = openShop();
    shop.declare(byN);
    await put(shop, 'a', 0, 10);
    const [message] = shop.world.indexQueue.take();
    await Promise.all([shop.indexing.handle(message), shop.indexing.handle(message)]);
    expect(await built(shop)).toEqual([['by_n']]);
    const { segments } = await shop.snapshot();
    expect(await shop.indexKeys()).toEqual([segments[0].indexes['by_n'].key]);
    expect(await shop.indexing.handle(message)).toEqual({ kind: 'done' });
    expect(await shop.indexKeys()).toHaveLength(1);
  });

  test('dropped or changed while they are built publish nothing', async () => {
    for (const after of [[], [{ ...byN, kind: 'fulltext' }], [{ ...byN, fields: ['s'] }]]) {
      const shop: Shop = openShop({
        faults: {
          async reach() {
            shop.declare(...after);
            await shop.indexing.reconcileNamespace(NAMESPACE);
          },
        },
      });
      shop.declare(byN);
      await put(shop, 'a', 0, 10);
      const [message] = shop.world.indexQueue.take();
      await shop.indexing.handle(message);
      expect(await built(shop)).toEqual([[]]);
      expect(await shop.indexKeys()).toEqual([]);
    }
  });

  test('dropped and made otherwise while they are built are not taken for the new ones', async () => {
    const shop: Shop = openShop({
      faults: {
        async reach() {
          for (const indexes of [[], [{ ...byN, fields: ['m'] }]]) {
            shop.declare(...indexes);
            await shop.indexing.reconcileNamespace(NAMESPACE);
          }
        },
      },
    });
    shop.declare(byN);
    await put(shop, 'a', 0, 10);
    const [message] = shop.world.indexQueue.take();
    await shop.indexing.handle(message);
    expect(await built(shop)).toEqual([[]]);
  });

  test('of a segment that dies while they are built publish nothing', async () => {
    const shop: Shop = openShop({
      faults: {
        async reach() {
          await shop.world.ports.catalog.datasets.delete(NAMESPACE.uid, 'd');
        },
      },
    });
    shop.declare(byN);
    await put(shop, 'a', 0, 10);
    await shop.drain();
    expect(await shop.indexKeys()).toEqual([]);
  });

  test('that are dropped leave no file once no query can be reading them', async () => {
    const shop = openShop();
    shop.declare(byN, byText);
    await put(shop, 'a', 0, 10);
    await shop.drain();
    expect(await shop.indexKeys()).toHaveLength(2);
    shop.declare(byText);
    await shop.indexing.reconcileAll();
    expect(await built(shop)).toEqual([['by_text']]);
    expect(await shop.indexKeys()).toHaveLength(2);
    shop.world.clock.advance(60 * 60_000);
    await shop.world.ingest.sweep();
    expect(await shop.indexKeys()).toHaveLength(1);
  });

  test('are built anew on request', async () => {
    const shop = openShop();
    shop.declare(byN);
    await put(shop, 'a', 0, 10);
    await shop.drain();
    const [before] = await shop.indexKeys();
    const { datasetId } = await shop.snapshot();
    expect(await shop.indexing.rebuild(NAMESPACE.uid, datasetId, 'nothing')).toBe(false);
    expect(await shop.indexing.rebuild(NAMESPACE.uid, datasetId, 'by_n')).toBe(true);
    await shop.drain();
    const { segments } = await shop.snapshot();
    expect(segments[0].indexes['by_n'].key).not.toBe(before);
  });

  test('follow the newest declarations, whatever an old cache still says', async () => {
    const shop = openShop();
    await put(shop, 'a', 0, 10);
    const { datasetId } = await shop.snapshot();
    const { indexes } = shop.world.ports.catalog;
    const definition = { ...byN, kind: 'btree' } as const;
    expect(await indexes.define(NAMESPACE.uid, datasetId, [definition], 7)).toBe(true);
    expect(await indexes.define(NAMESPACE.uid, datasetId, [], 6)).toBe(false);
    expect(await indexes.list(NAMESPACE.uid, datasetId)).toHaveLength(1);
    expect(await indexes.define(NAMESPACE.uid, datasetId, [], 7)).toBe(true);
  });

  test('over a column that some segments lack or hold in another type are built all the same', async () => {
    const shop = openShop();
    shop.declare(byN, byText, { ...byText, name: 'n_text', fields: ['n'] });
    for (const [name, body] of Object.entries({
      a: '{"m":1}\n',
      b: '{"n":1}\n',
      c: '{"n":2.5,"s":"x"}\n',
      d: '{"n":"two","s":null}\n',
    })) {
      await shop.world.put(name, body);
      await shop.world.drain();
    }
    await shop.drain();
    expect(await built(shop)).toEqual(Array(4).fill(['by_n', 'by_text', 'n_text']));
    const readers = await shop.open('n_text');
    const found = await Promise.all(
      readers.map((index) => index.lookup({ op: 'match', field: 'n', query: '2 OR two OR 1' })),
    );
    expect(found.map(({ rows }) => rows.length)).toEqual([0, 1, 1, 1]);
    // The column is text now, whose order is not that of the numbers: only the segment of text can answer.
    const asText: IndexPredicate = { op: 'equals', field: 'n', type: STRING, values: ['two'] };
    const estimates = await Promise.all((await shop.open('by_n')).map((index) => index.estimate(asText)));
    expect(estimates.map((estimate) => estimate?.rows)).toEqual([0, undefined, undefined, 1]);
  });
});

describe('an index that can not be built', () => {
  function failing(error: () => Error, times: number): { shop: Shop; tries: () => number } {
    let tries = 0;
    const btree = INDEX_KINDS.get('btree')!;
    const kind: typeof btree = {
      ...btree,
      async build(batches, definition, sink) {
        if (++tries <= times) throw error();
        return await btree.build(batches, definition, sink);
      },
    };
    return { shop: openShop({ kinds: new Map(INDEX_KINDS).set('btree', kind) }), tries: () => tries };
  }

  test('for now is tried again later and later', async () => {
    const { shop, tries } = failing(() => new OrasiError('unavailable', 'not now'), 3);
    shop.declare(byN);
    await put(shop, 'a', 0, 10);
    const [message] = shop.world.indexQueue.take();
    const delays: number[] = [];
    for (let delivery = 1; ; delivery++) {
      const outcome = await shop.indexing.handle(message, delivery);
      if (outcome.kind === 'done') break;
      delays.push(outcome.delaySeconds);
      // Too early it is not even looked at.
      expect(await shop.indexing.handle(message)).toEqual({ kind: 'done' });
      shop.world.clock.advance(outcome.delaySeconds * 1000);
    }
    expect(tries()).toBe(4);
    expect(delays.map((delay) => Math.floor(delay / 5))).toEqual([1, 2, 4]);
    expect(await built(shop)).toEqual([['by_n']]);
  });

  test('ever is left alone after its attempts, and tried again when it is rebuilt', async () => {
    const { shop, tries } = failing(() => new Error('bug'), INDEXING_LIMITS.attempts);
    shop.declare(byN);
    await put(shop, 'a', 0, 10);
    await shop.drain();
    expect(tries()).toBe(INDEXING_LIMITS.attempts);
    expect((await shop.world.ports.catalog.datasets.get(NAMESPACE.uid, 'd'))?.indexes).toMatchObject([
      { segmentsIndexed: 0, segmentsFailed: 1 },
    ]);
    shop.world.clock.advance(60 * 60_000);
    expect((await shop.world.ingest.sweep()).indexed).toBe(0);
    const { datasetId } = await shop.snapshot();
    await shop.indexing.rebuild(NAMESPACE.uid, datasetId, 'by_n');
    await shop.drain();
    expect(await built(shop)).toEqual([['by_n']]);
  });

  test('for what its values are is not tried twice', async () => {
    const { shop, tries } = failing(() => new OrasiError('unprocessable', 'no order'), 100);
    shop.declare(byN);
    await put(shop, 'a', 0, 10);
    await shop.drain();
    expect(tries()).toBe(1);
  });

  test('and takes the invocation down with it is left alone in the end, and the others are built', async () => {
    const btree = INDEX_KINDS.get('btree')!;
    let tries = 0;
    let died = () => {};
    const deadly: typeof btree = {
      ...btree,
      async build(batches, definition, sink) {
        const all: Batch[] = [];
        for await (const batch of batches) all.push(batch);
        // A crash: the build of one segment neither ends nor throws, and the message comes again.
        if (scalarAt(all[0].columns[0], 0) === 0n) {
          tries++;
          died();
          return await new Promise(() => {});
        }
        return await btree.build(streamOf(all), definition, sink);
      },
    };
    const shop = openShop({ kinds: new Map(INDEX_KINDS).set('btree', deadly) });
    shop.declare(byN);
    for (let i = 0; i < 3; i++) await put(shop, `o${i}`, i * 10, 10);
    shop.world.indexQueue.take();
    const { datasetId, segments } = await shop.snapshot();
    const segmentIds = segments.map(({ segmentId }) => segmentId);
    for (let delivery = 1; delivery <= INDEXING_LIMITS.attempts + 2; delivery++) {
      const death = new Promise<void>((resolve) => {
        died = resolve;
      });
      const message = { v: 1, type: 'index', namespaceUid: NAMESPACE.uid, datasetId, segmentIds } as const;
      await Promise.race([shop.indexing.handle(message, delivery), death]);
      shop.world.clock.advance(60 * 60_000);
    }
    expect(tries).toBe(INDEXING_LIMITS.attempts + 1);
    expect((await built(shop)).flat()).toEqual(['by_n', 'by_n']);
    expect((await shop.world.ports.catalog.datasets.get(NAMESPACE.uid, 'd'))?.indexes).toMatchObject([
      { segmentsFailed: 1 },
    ]);
  });

  async function* streamOf(batches: readonly Batch[]): AsyncIterable<Batch> {
    yield* batches;
  }
});

describe('an index file that can not be read', () => {
  test('is looked at, and built anew where it is damaged or gone', async () => {
    const shop = openShop();
    shop.declare(byN);
    await put(shop, 'a', 0, 1000);
    await shop.drain();
    const { datasetId, segments } = await shop.snapshot();
    const [{ generation }] = await shop.ports.catalog.indexes.list(NAMESPACE.uid, datasetId);
    const file = { namespaceUid: NAMESPACE.uid, datasetId, segmentId: segments[0].segmentId, name: 'by_n', generation };
    const { key } = segments[0].indexes['by_n'];
    expect(await shop.indexing.reportUnreadable(file, key)).toBe(false);
    const bytes = await shop.ports.store.read(key, 0, 1e9);
    const damaged = bytes.slice();
    damaged[100] ^= 1;
    await shop.ports.store.put(key, damaged);
    expect(await shop.indexing.reportUnreadable(file, key)).toBe(true);
    await shop.drain();
    const second = (await shop.snapshot()).segments[0].indexes['by_n'].key;
    expect(second).not.toBe(key);
    expect(await shop.indexing.reportUnreadable(file, key)).toBe(false);
    await shop.ports.store.delete([second]);
    expect(await shop.indexing.reportUnreadable(file, second)).toBe(true);
    await shop.drain();
    expect((await (await shop.open('by_n'))[0].lookup(equals(7n))).rows).toEqual(Int32Array.of(7));
  });

  test('is let be where the report is of an earlier generation, or the store is out of reach', async () => {
    const shop = openShop();
    shop.declare(byN);
    await put(shop, 'a', 0, 1000);
    await shop.drain();
    const { datasetId, segments } = await shop.snapshot();
    const [{ segmentId, indexes }] = segments;
    const { key, generation } = indexes['by_n'];
    const file = { namespaceUid: NAMESPACE.uid, datasetId, segmentId, name: 'by_n', generation };
    await shop.indexing.rebuild(NAMESPACE.uid, datasetId, 'by_n');
    await shop.drain();
    const now = (await shop.snapshot()).segments[0].indexes['by_n'];
    expect(now.generation).toBeGreaterThan(generation);
    await shop.ports.store.delete([key, now.key]);
    expect(await shop.indexing.reportUnreadable(file, key)).toBe(false);
    expect(await shop.indexing.reportUnreadable(file, now.key)).toBe(false);
    shop.ports.store.head = async () => {
      throw new OrasiError('unavailable', 'the store rests');
    };
    const report = shop.indexing.reportUnreadable({ ...file, generation: now.generation }, now.key);
    await expect(report).rejects.toMatchObject({ code: 'unavailable' });
    expect((await shop.snapshot()).segments[0].indexes['by_n']).toEqual(now);
  });
});

test('a message of many rows is done in parts', async () => {
  const shop = openShop({ limits: { ...INDEXING_LIMITS, messageRows: 25 } });
  shop.declare(byN, byText);
  for (let i = 0; i < 4; i++) await put(shop, `o${i}`, i * 10, 10);
  shop.world.indexQueue.take();
  await shop.indexing.reconcileAll();
  expect(await shop.drain()).toBe(4);
  expect(await built(shop)).toEqual(Array(4).fill(['by_n', 'by_text']));
});

test('declarations that no kind accepts are left out, the rest holds', async () => {
  const shop = openShop();
  shop.declare(
    byN,
    { ...byText, name: 'bad', options: { stemming: 'latin' } },
    { ...byN, name: 'worse', kind: 'hash' },
  );
  await put(shop, 'a', 0, 10);
  await shop.drain();
  expect(await built(shop)).toEqual([['by_n']]);
});
