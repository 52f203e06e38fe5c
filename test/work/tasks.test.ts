import { describe, expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { readAll } from '../../src/storage/byte-streams.ts';
import { NAMESPACE } from '../ingest/world.ts';
import { openWorkshop } from './workshop.ts';

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => ({ n: from + i }));

describe('a worker', () => {
  test('that is woken twice, or whose step is delivered twice, does the task once', async () => {
    const shop = openWorkshop();
    const taskId = shop.submit('Ingestion', { dataset: 'd', records: numbers(0, 3) });
    await shop.wake();
    await shop.wake();
    await shop.settle(2);
    expect(shop.outcome(taskId)).toMatchObject({ status: 'Completed', attempts: 1, data: { rowsCommitted: 3 } });
    expect(await shop.rows('SELECT count(*) FROM d')).toEqual([[3]]);
  });

  test('whose step is delivered twice at once hands the task on once, and what comes again later does nothing', async () => {
    let steps = 0;
    const shop: ReturnType<typeof openWorkshop> = openWorkshop((ports) => ({
      namespaceName: async (uid) => {
        steps += 1;
        return await ports.namespaceName(uid);
      },
    }));
    const taskId = shop.submit('Ingestion', { dataset: 'd', records: numbers(0, 3) });
    await shop.wake();
    const [step, ...others] = shop.messages.take();
    expect(others).toEqual([]);
    await Promise.all([shop.work.handle(step), shop.work.handle(step)]);
    const successors = shop.messages.take();
    expect(successors).toHaveLength(1);
    const before = steps;
    await shop.work.handle(step);
    expect([steps, shop.messages.take()]).toEqual([before, []]);
    shop.messages.send(successors);
    await shop.settle();
    expect(shop.outcome(taskId)).toMatchObject({ status: 'Completed', attempts: 1, data: { rowsCommitted: 3 } });
  });

  test('that cannot hand a task on leaves the step undone, and does it when its message comes again', async () => {
    let away = false;
    const shop: ReturnType<typeof openWorkshop> = openWorkshop(({ messages }) => ({
      messages: {
        send: async (...sent) => {
          if (away) throw new Error('away');
          await messages.send(...sent);
        },
      },
    }));
    const taskId = shop.submit('Ingestion', { dataset: 'd', records: numbers(0, 3) }, { maxRetries: 0 });
    await shop.wake();
    const [step] = shop.messages.take();
    away = true;
    await expect(shop.work.handle(step)).rejects.toThrow('away');
    away = false;
    await shop.work.handle(step);
    await shop.settle();
    expect(shop.outcome(taskId)).toMatchObject({ status: 'Completed', attempts: 1, data: { rowsCommitted: 3 } });
  });

  test('that dies is followed by another when its lease has run out, and what the first reports then is stale', async () => {
    const shop = openWorkshop();
    const taskId = shop.submit('Ingestion', { dataset: 'd', records: numbers(0, 3) }, { retryDelaySeconds: 0.1 });
    await shop.wake();
    const lost = shop.messages.take();
    shop.clock.advance(62_000);
    for (const message of lost) await shop.work.handle(message);
    expect(shop.messages.take()).toEqual([]);
    await shop.settle();
    shop.clock.advance(1_000);
    await shop.settle();
    expect(shop.outcome(taskId)).toMatchObject({ status: 'Completed', attempts: 2 });
    for (const message of lost) await shop.work.handle(message);
    expect(shop.outcome(taskId)).toMatchObject({ status: 'Completed', attempts: 2 });
    expect(await shop.rows('SELECT count(*) FROM d')).toEqual([[3]]);
  });

  test('stops a task that is cancelled between two steps, and one whose lease it loses', async () => {
    const shop = openWorkshop();
    const taskId = shop.submit('Maintenance', { operation: 'health_check' });
    await shop.put('a', numbers(0, 1));
    await shop.wake();
    shop.queue.cancel(taskId);
    await shop.settle();
    expect(shop.outcome(taskId).status).toBe('Cancelled');

    const rings: (() => void)[] = [];
    let stopped = false;
    const losing: ReturnType<typeof openWorkshop> = openWorkshop(() => ({
      timer: (_ms, ring) => {
        rings.push(ring);
        return () => {};
      },
      queries: {
        run: async ({ signal }) => {
          losing.clock.advance(120_000);
          for (const ring of rings.splice(0)) ring();
          await new Promise((next) => setTimeout(next));
          stopped = signal?.aborted ?? false;
          throw new Error('the rest does not matter');
        },
        explain: () => Promise.reject(new Error('nobody asks')),
      },
    }));
    const other = losing.submit('Query', { sql: 'SELECT 1' }, { maxRetries: 0 });
    await losing.wake();
    expect(losing.outcome(other)).toMatchObject({ status: 'Failed', error: expect.stringMatching(/lease ran out/) });
    expect(stopped).toBe(true);
  });

  test('fails a task for good where trying again is in vain, and tries again where it is not', async () => {
    const shop = openWorkshop();
    const bad = await shop.run('Query', { sql: 'SELEC 1' }, { maxRetries: 3 });
    expect(bad).toMatchObject({ status: 'Failed', attempts: 1, error: expect.stringMatching(/^invalid_sql: /) });
    const flaky = openWorkshop(({ catalog }) => ({
      catalog: { ...catalog, datasets: { ...catalog.datasets, list: () => Promise.reject(new Error('away')) } },
    }));
    const taskId = flaky.submit(
      'Maintenance',
      { operation: 'health_check' },
      { maxRetries: 1, retryDelaySeconds: 0.1 },
    );
    await flaky.settle();
    expect(flaky.outcome(taskId).status).toBe('Retrying');
    flaky.clock.advance(1_000);
    await flaky.settle();
    expect(flaky.outcome(taskId)).toMatchObject({ status: 'Failed', attempts: 2, error: 'away' });
  });

  test('leaves the tasks of other types to agents, and an agent that names no type leaves it these', async () => {
    const shop = openWorkshop();
    const taskId = shop.submit('Query', { sql: 'SELECT 1' });
    const claim = { agentId: 'a', max: 9, types: null, capabilities: [] };
    expect(shop.queue.claim(claim)).toEqual([]);
    expect(shop.queue.why(taskId)?.map(({ code }) => code)).toEqual(['next']);
    await shop.settle();
    expect(shop.outcome(taskId).status).toBe('Completed');
  });
});

describe('a Query', () => {
  test('keeps a small answer with its task, and a large one in the bucket until it is wanted no more', async () => {
    const shop = openWorkshop();
    await shop.put(
      'a',
      numbers(0, 1_500).map((row) => ({ ...row, s: `${row.n}`.padStart(80, '-') })),
    );
    const small = await shop.run('Query', { sql: 'SELECT sum(n) AS s FROM d WHERE n < $1', params: [4] });
    expect(small.data).toMatchObject({ columns: [{ name: 's' }], rows: [[6]] });
    const large = await shop.run('Query', { sql: 'SELECT * FROM d' }, { resultRetentionSeconds: 3_600 });
    expect(large.data).toMatchObject({ stored: { contentType: 'application/json' }, stats: { rowsReturned: 1_500 } });
    const { key } = large.data.stored;
    expect(JSON.parse(new TextDecoder().decode(await readAll(await shop.store.stream(key)))).rows).toHaveLength(1_500);
    await shop.world.ingest.sweep();
    expect(await shop.keys('results/')).toEqual([key]);
    shop.clock.advance(3_600_000);
    await shop.world.ingest.sweep();
    expect(await shop.keys('results/')).toEqual([]);
    const csv = await shop.run('Query', { sql: 'SELECT n FROM d ORDER BY n LIMIT 2', format: 'csv' });
    const text = new TextDecoder().decode(await readAll(await shop.store.stream(csv.data.stored.key)));
    expect(text).toBe('n\r\n0\r\n1\r\n');
  });

  test('takes its turn with the queries of requests, and gives its place back however it ends', async () => {
    let held = 0;
    let full = true;
    const shop = openWorkshop(() => ({
      admission: {
        async enter() {
          if (full) throw new OrasiError('rate_limited', 'too many queries');
          held += 1;
          return () => {
            held -= 1;
          };
        },
      },
    }));
    const options = { maxRetries: 2, retryDelaySeconds: 0.1 };
    const [good, bad] = ['SELECT 1 AS one', 'SELECT nothing'].map((sql) => shop.submit('Query', { sql }, options));
    await shop.settle();
    expect([good, bad].map((taskId) => shop.outcome(taskId).status)).toEqual(['Retrying', 'Retrying']);
    full = false;
    shop.clock.advance(1_000);
    await shop.settle();
    expect([good, bad].map((taskId) => shop.outcome(taskId).status)).toEqual(['Completed', 'Failed']);
    expect(held).toBe(0);
  });
});

describe('an Ingestion', () => {
  test('takes in what lies in the inbox, what failed before, and records of its own', async () => {
    const shop = openWorkshop();
    await shop.store.put('inbox/default/d/a.ndjson', new TextEncoder().encode('{"n":1}\n'));
    const found = await shop.run('Ingestion', { location: 'inbox/default/d/a.ndjson' });
    expect(found.data).toMatchObject({ dataset: 'd', name: 'a.ndjson', rowsCommitted: 1 });
    await shop.run('Ingestion', { dataset: 'd', name: 'mine', records: [{ n: 2 }, { n: 3 }] });
    expect(await shop.rows('SELECT n FROM d ORDER BY n')).toEqual([[1], [2], [3]]);

    const { objectId } = await shop.world.put('broken', 'no parquet', { decode: { format: 'parquet' } });
    await shop.world.drain();
    const failed = await shop.run('Ingestion', { objectId });
    expect(failed).toMatchObject({
      status: 'Failed',
      error: expect.stringMatching(/^unprocessable: object .* failed/),
    });
  });

  test('of another namespace’s object, or of none, fails', async () => {
    const shop = openWorkshop();
    expect(await shop.run('Ingestion', { location: 'inbox/other/d/a' })).toMatchObject({
      error: expect.stringMatching(/^forbidden/),
    });
    expect(await shop.run('Ingestion', { location: 'inbox/default/d/a' })).toMatchObject({
      error: expect.stringMatching(/^not_found/),
    });
    expect(await shop.run('Ingestion', { objectId: 'x' })).toMatchObject({
      error: expect.stringMatching(/^not_found/),
    });
  });
});

describe('a Processing', () => {
  test('puts the rows of a statement into a dataset, in their types', async () => {
    const shop = openWorkshop();
    await shop.put('a', [{ n: 1, at: '2026-01-01T00:00:00Z', s: 'x' }]);
    const sql = `SELECT n * 2 AS twice, at, s, CAST(1.25 AS decimal(9, 2)) AS d, DATE '2026-02-03' AS day, n > 0 AS b FROM d`;
    const done = await shop.run('Processing', { sql, into: 'copy', name: 'nightly' });
    expect(done).toMatchObject({ status: 'Completed', data: { dataset: 'copy', name: 'nightly', rowsCommitted: 1 } });
    const record = await shop.catalog.datasets.get(NAMESPACE.uid, 'copy');
    expect(record?.schema.map(({ name, type }) => [name, type.kind])).toEqual([
      ['twice', 'int64'],
      ['at', 'timestamp'],
      ['s', 'string'],
      ['d', 'decimal'],
      ['day', 'date'],
      ['b', 'bool'],
    ]);
  });

  test('whose worker died when it had the rows puts them in once, as they were then', async () => {
    let deaths = 1;
    const shop = openWorkshop(({ ingest }) => ({
      ingest: {
        ...ingest,
        put: async (...args) => {
          if (deaths-- > 0) throw new Error('died');
          return await ingest.put(...args);
        },
      },
    }));
    await shop.put('a', numbers(0, 2));
    const options = { maxRetries: 1, retryDelaySeconds: 0.1 };
    const taskId = shop.submit('Processing', { sql: 'SELECT n FROM d', into: 'copy' }, options);
    await shop.settle();
    await shop.put('b', numbers(2, 2));
    shop.clock.advance(1_000);
    await shop.settle();
    expect(shop.outcome(taskId)).toMatchObject({ status: 'Completed', attempts: 2, data: { rowsCommitted: 2 } });
    expect(await shop.rows('SELECT count(*) FROM copy')).toEqual([[2]]);
  });
});
