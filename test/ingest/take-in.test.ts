import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { columnOf } from '../../src/columns/from-scalars.ts';
import { INT64, STRING } from '../../src/columns/types.ts';
import { memorySink } from '../../src/core/bytes.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createSegmentWriter } from '../../src/segment/write.ts';
import { keysUnder, numbersOf, quarantineOf, range, rowsOf, valuesOf } from './rows.ts';
import { createWorld, NAMESPACE, numberLines, pipeline } from './world.ts';

test('an object that is put is claimed, written as a segment, committed and seen by a snapshot', async () => {
  const world = createWorld();
  const { objectId, state } = await world.put('a.ndjson', '{"n":1,"s":"x"}\n{"n":9007199254740993}\n');
  expect(state).toBe('received');
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({
    state: 'committed',
    rowsCommitted: 2,
    rowsQuarantined: 0,
    segments: 1,
    attempt: 1,
    format: 'json',
  });
  expect(await rowsOf(world)).toEqual([
    { n: 1n, s: 'x' },
    { n: 9007199254740993n, s: null },
  ]);
});

test('small objects of one dataset share segments and one commit, each with its own rows', async () => {
  const world = createWorld();
  const objects = [];
  for (let i = 0; i < 10; i++) objects.push(await world.put(`o${i}`, numberLines(10 * i, 10)));
  const other = await world.put('other', numberLines(0, 1), { dataset: 'e' });
  await world.drain();
  expect(await numbersOf(world)).toEqual(range(0, 100));
  expect(await keysUnder(world, 'segments/')).toHaveLength(2);
  await world.ports.catalog.ledger.mask(NAMESPACE.uid, objects[3].objectId);
  expect(await numbersOf(world)).toEqual([...range(0, 30), ...range(40, 100)]);
  expect(await world.object(other.objectId)).toMatchObject({ state: 'committed', rowsCommitted: 1 });
});

test('one that fails in a group fails alone', async () => {
  const world = createWorld();
  const good = await world.put('good', numberLines(0, 10));
  const bad = await world.put('bad.json', '{"n":1}{"n":', {
    decode: { format: 'json', options: { layout: 'values' } },
  });
  const unknown = await world.put('unknown', numberLines(0, 1), { decode: { format: 'xml' } });
  const second = await world.put('second', numberLines(10, 10));
  await world.drain();
  expect(await numbersOf(world)).toEqual(range(0, 20));
  for (const { objectId } of [good, second]) expect((await world.object(objectId))?.state).toBe('committed');
  expect(await world.object(bad.objectId)).toMatchObject({ state: 'failed', error: { code: 'malformed_input' } });
  expect(await world.object(unknown.objectId)).toMatchObject({
    state: 'failed',
    error: { code: 'unsupported_format' },
  });
});

test('an object larger than a part is taken in parts and committed together', async () => {
  const world = createWorld({ limits: { partBytes: 20_000, groupObjectBytes: 1000 } });
  const rows = 20_000;
  const { objectId } = await world.put('large.ndjson', numberLines(0, rows));
  let parts = 0;
  for (let messages = world.ingestQueue.take(); messages.length > 0; messages = world.ingestQueue.take()) {
    expect(await rowsOf(world)).toEqual([]);
    await world.ingest.handle(messages);
    parts++;
  }
  expect(parts).toBeGreaterThan(3);
  expect(await world.object(objectId)).toMatchObject({
    state: 'committed',
    attempt: 1,
    rowsCommitted: rows,
    segments: parts,
  });
  expect(await numbersOf(world)).toEqual(range(0, rows));
});

test('types widen across batches, parts and objects without a value lost', async () => {
  const world = createWorld({ limits: { partBytes: 2000, groupObjectBytes: 100 } });
  const pad = '_'.repeat(2000);
  await world.put('a', `{"n":1,"p":"${pad}"}\n{"n":9007199254740993}\n{"n":2,"s":"later","p":"${pad}"}\n{"n":0.5}\n`);
  await world.drain();
  const [{ schema }] = await world.ports.catalog.snapshot(NAMESPACE.uid, ['d']);
  expect(schema.find(({ name }) => name === 'n')?.type.kind).not.toBe('double');
  expect(schema.find(({ name }) => name === 's')?.type).toEqual(STRING);
  expect((await valuesOf(world, 'n')).map(String).sort()).toEqual(['0.5', '1', '2', '9007199254740993']);
});

test('bad rows are kept with their line and reason, over all parts', async () => {
  const world = createWorld({ limits: { partBytes: 1000, groupObjectBytes: 100 } });
  const lines = range(0, 400).map((n) => (n % 100 === 7 ? `{"n":${n},` : `{"n":${n}}`));
  const { objectId } = await world.put('a.ndjson', lines.join('\n'));
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({ state: 'committed', rowsCommitted: 396, rowsQuarantined: 4 });
  expect(await quarantineOf(world, objectId)).toMatchObject(
    [7, 107, 207, 307].map((row) => ({
      row,
      line: row + 1,
      reasons: [{ code: 'malformed_input' }],
      raw: `{"n":${row},`,
    })),
  );
});

test('more bad rows than are worth keeping fail the object, which says what the first one had', async () => {
  for (const partBytes of [1000, 1_000_000]) {
    const world = createWorld({ limits: { quarantineRows: 20, partBytes, groupObjectBytes: partBytes } });
    const { objectId } = await world.put(
      'a.ndjson',
      range(0, 500)
        .map((n) => (n > 2 ? 'nonsense' : `{"n":${n}}`))
        .join('\n'),
    );
    await world.drain();
    const object = await world.object(objectId);
    expect(object).toMatchObject({
      state: 'failed',
      rowsCommitted: 0,
      rowsQuarantined: 20,
      error: { code: 'malformed_input' },
    });
    expect(object?.error?.message).toMatch(/more than 20 rows are bad; the first is line 4: /);
    expect(await quarantineOf(world, objectId)).toHaveLength(20);
    expect(await rowsOf(world)).toEqual([]);
  }
});

test('declared columns, defaults and required fields hold; rows that break them are set aside', async () => {
  const world = createWorld();
  world.pipelines.push(
    pipeline({
      dataset: 'd',
      schema: [
        { name: 'id', type: 'int64', required: true, default: null },
        { name: 'level', type: 'string', required: false, default: 'info' },
      ],
      additionalColumns: false,
    }),
  );
  const { objectId } = await world.put(
    'a.ndjson',
    '{"id":1}\n{"level":"x"}\n{"id":2,"level":"warn"}\n{"id":3,"more":1}\n',
  );
  await world.drain();
  expect(await rowsOf(world)).toEqual([
    { id: 1n, level: 'info' },
    { id: 2n, level: 'warn' },
  ]);
  expect(await quarantineOf(world, objectId)).toMatchObject([
    { row: 1, reasons: [{ path: 'id', code: 'schema_violation' }] },
    { row: 3, reasons: [{ path: 'more', code: 'schema_violation' }] },
  ]);
  const [{ schema }] = await world.ports.catalog.snapshot(NAMESPACE.uid, ['d']);
  expect(schema).toMatchObject([
    { name: 'id', type: INT64, nullable: false },
    { name: 'level', type: STRING },
  ]);
});

test('segments are sorted by the pipeline, shared ones too, and each row still knows its object', async () => {
  const world = createWorld({ limits: { segmentBufferBytes: 5_000 } });
  world.pipelines.push(pipeline({ dataset: 'd', sortKey: ['n'] }));
  const random = seededRandom(3);
  const numbers = range(0, 2000).sort(() => random.next() - 0.5);
  const line = (n: number) => `{"n":${n}}\n`;
  const first = await world.put('a', numbers.slice(0, 1000).map(line).join(''));
  await world.put('b', numbers.slice(1000).map(line).join(''));
  await world.drain();
  expect(await numbersOf(world)).toEqual(range(0, 2000));
  const [{ segments }] = await world.ports.catalog.snapshot(NAMESPACE.uid, ['d']);
  const seen = (await valuesOf(world, 'n')).map(Number);
  let at = 0;
  for (const { rows, statistics } of segments) {
    const values = seen.slice(at, at + rows);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(statistics['n']).toMatchObject({ min: BigInt(values[0]), max: BigInt(values[values.length - 1]) });
    at += rows;
  }
  await world.ports.catalog.ledger.mask(NAMESPACE.uid, first.objectId);
  expect(await numbersOf(world)).toEqual(numbers.slice(1000).sort((a, b) => a - b));
});

test('a segment ends at its bound of rows', async () => {
  const world = createWorld({ limits: { segmentRows: 1000, segmentBufferBytes: 100_000 } });
  await world.put('a.ndjson', numberLines(0, 40_000));
  await world.drain();
  const [{ segments }] = await world.ports.catalog.snapshot(NAMESPACE.uid, ['d']);
  expect(segments.length).toBeGreaterThan(1);
  expect(await numbersOf(world)).toEqual(range(0, 40_000));
});

test('compression is undone, once or twice, whether header, name or bytes tell of it', async () => {
  const world = createWorld();
  const plain = new TextEncoder().encode(numberLines(0, 10));
  const objects = [
    await world.put('header', gzipSync(plain), { decode: { contentEncoding: 'gzip' } }),
    await world.put('named.ndjson.gz', gzipSync(numberLines(10, 10))),
    await world.put('bytes-only', gzipSync(numberLines(20, 10))),
    await world.put('twice.gz', gzipSync(gzipSync(numberLines(30, 10))), { decode: { contentEncoding: 'gzip' } }),
  ];
  const broken = await world.put('broken.gz', gzipSync(numberLines(0, 1000)).subarray(0, 200));
  const promised = await world.put('promised', plain, { decode: { contentEncoding: 'gzip' } });
  const brotli = await world.put('br', plain, { decode: { contentEncoding: 'br' } });
  await world.drain();
  for (const { objectId } of objects)
    expect(await world.object(objectId)).toMatchObject({ state: 'committed', rowsCommitted: 10 });
  expect(await numbersOf(world)).toEqual(range(0, 40));
  expect(await world.object(broken.objectId)).toMatchObject({ state: 'failed', error: { code: 'malformed_input' } });
  expect(await world.object(promised.objectId)).toMatchObject({ state: 'failed', error: { code: 'malformed_input' } });
  expect(await world.object(brotli.objectId)).toMatchObject({ state: 'failed', error: { code: 'unsupported_format' } });
});

test('a compressed object that inflates to more than a part is copied inflated, taken in parts, and the copy removed', async () => {
  const world = createWorld({ limits: { partBytes: 100_000 } });
  const { objectId } = await world.put('a.ndjson.gz', gzipSync(numberLines(0, 50_000)));
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({ state: 'committed', rowsCommitted: 50_000, attempt: 1 });
  expect(await numbersOf(world)).toEqual(range(0, 50_000));
  expect(await keysUnder(world, 'staging/')).toEqual([]);
});

test('the inflated copy goes on where an earlier invocation stopped', async () => {
  const world = createWorld({ limits: { partBytes: 500_000 } });
  const pad = 'x'.repeat(1000);
  const rows = 20_000;
  const body = range(0, rows)
    .map((n) => `{"n":${n},"p":"${pad}"}\n`)
    .join('');
  expect(body.length).toBeGreaterThan(2.2 * 8 * 1024 * 1024);
  const { objectId } = await world.put('a.ndjson.gz', gzipSync(body));
  await world.ingest.handle(world.ingestQueue.take());
  expect(JSON.parse((await world.object(objectId))?.checkpoint ?? '')).toMatchObject({
    step: 'inflate',
    parts: [expect.any(String)],
  });
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({ state: 'committed', rowsCommitted: rows });
  expect(await numbersOf(world)).toEqual(range(0, rows));
}, 60_000);

test('an empty object and one without a telling name or content fail with a reason, or have no rows', async () => {
  const world = createWorld();
  const empty = await world.put('empty.ndjson', '');
  const riddle = await world.put('riddle', new Uint8Array([0, 1, 2, 3]));
  await world.drain();
  expect(await world.object(empty.objectId)).toMatchObject({ state: 'committed', rowsCommitted: 0, segments: 0 });
  expect(await world.object(riddle.objectId)).toMatchObject({ state: 'failed', error: { code: 'unsupported_format' } });
});

test('options a format does not know fail the object and name the option', async () => {
  const world = createWorld();
  const { objectId } = await world.put('a.ndjson', numberLines(0, 1), { decode: { options: { color: 'red' } } });
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({ state: 'failed', error: { code: 'bad_request' } });
  expect((await world.object(objectId))?.error?.message).toMatch(/color/);
});

test('the pipeline with the longest prefix decides', async () => {
  const world = createWorld();
  world.pipelines.push(
    pipeline({ dataset: 'd', versions: 'append' }),
    pipeline({ dataset: 'd', sourcePrefix: 'daily/', versions: 'replace' }),
    pipeline({ dataset: 'e', sourcePrefix: 'daily/long/', versions: 'append' }),
  );
  for (const [name, start] of [
    ['daily/x', 0],
    ['daily/x', 10],
    ['other', 20],
    ['other', 30],
  ] as const) {
    await world.put(name, numberLines(start, 1));
    await world.drain();
  }
  expect(await numbersOf(world)).toEqual([10, 20, 30]);
});

test('indexes are asked for where a pipeline declares some', async () => {
  const world = createWorld();
  await world.put('a', numberLines(0, 1));
  await world.drain();
  expect(world.indexQueue.take()).toEqual([]);
  world.pipelines.push(pipeline({ dataset: 'd', indexes: [{ name: 'i', kind: 'btree', fields: ['n'], options: {} }] }));
  const { objectId, datasetId } = await world.put('b', numberLines(1, 1));
  await world.drain();
  expect(world.indexQueue.take()).toEqual([
    { v: 1, type: 'index', namespaceUid: NAMESPACE.uid, datasetId, segmentIds: [`${objectId}-1-0-0`] },
  ]);
});

test('a Parquet file larger than a part is taken in parts, row groups at a time', async () => {
  const sink = memorySink();
  const schema = [{ name: 'n', type: INT64, nullable: false }];
  const writer = createSegmentWriter(sink, schema, { rowGroupRows: 1_000 });
  for (let start = 0; start < 20_000; start += 1_000) {
    const column = columnOf(INT64, range(start, start + 1_000).map(BigInt));
    await writer.write({ schema, length: 1_000, columns: [column] });
  }
  await writer.finish();
  const world = createWorld({ limits: { partBytes: 10_000, groupObjectBytes: 1_000 } });
  const { objectId } = await world.put('a.parquet', sink.bytes());
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({
    state: 'committed',
    format: 'parquet',
    rowsCommitted: 20_000,
    attempt: 1,
  });
  expect((await world.object(objectId))?.segments).toBeGreaterThan(1);
  expect(await numbersOf(world)).toEqual(range(0, 20_000));
});

test('columns of which the catalogue cannot keep what it needs fail their object at once, with that reason', async () => {
  const world = createWorld();
  const name = (i: number) => `${i}`.padStart(256, '\u0001');
  const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [name(i), i]));
  const { objectId } = await world.put('wide.ndjson', `${JSON.stringify(wide)}\n`);
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({
    state: 'failed',
    attempt: 1,
    error: { code: 'unprocessable', message: expect.stringMatching(/^the columns of .* bytes in the catalogue/) },
  });
});
