import { afterAll, beforeAll, expect, test } from 'vitest';
import { logLines } from '../../scripts/generate-log.ts';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { sized } from '../scale.ts';
import { query, queryResponse, type TakenObject, uploadObject } from './client.ts';

const MiB = 1024 * 1024;
/** A full run takes in a gibibyte of each format; the usual one enough to need several parts. */
const FULL = sized(1) >= 5;
const OBJECT_BYTES = FULL ? 1024 * MiB : 6 * MiB;
const LONG_LINE_BYTES = FULL ? 200 * MiB : 17 * MiB;
const PART_BYTES = FULL ? 64 * MiB : 2 * MiB;
/** What the JavaScript heap may hold; an isolate has 128 MB in all. */
const HEAP_MB = 64;

let instance: Instance;
beforeAll(async () => {
  instance = await launch({
    v8Flags: [`--max-old-space-size=${HEAP_MB}`],
    vars: { INGEST_PART_BYTES: String(PART_BYTES), LOG_LEVEL: 'warn' },
  });
});
afterAll(async () => {
  await instance.stop();
});

/** Pieces of about 64 KB until so many bytes are made; says how many rows they held. */
async function* until(bytes: number, rows: { count: number }, line: () => string): AsyncGenerator<Buffer> {
  for (let made = 0; made < bytes; ) {
    let text = '';
    while (text.length < 65_536) {
      text += line();
      rows.count++;
    }
    const piece = Buffer.from(text);
    made += piece.length;
    yield piece;
  }
}

function report(what: string, bytes: number, seconds: number): void {
  const memory = instance.memory();
  const peak = memory === null ? 'unknown' : `${(memory.peakBytes / 1e6).toFixed(0)} MB`;
  process.stdout.write(
    `${what}: ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s with a heap of ${HEAP_MB} MB; peak resident memory of the whole runtime, its local R2 and D1 included: ${peak}\n`,
  );
}

async function takeIn(
  dataset: string,
  name: string,
  contentType: string,
  pieces: AsyncIterable<Buffer>,
): Promise<TakenObject> {
  const started = performance.now();
  const object = await uploadObject(instance, dataset, name, contentType, pieces);
  report(name, object.sizeBytes, (performance.now() - started) / 1000);
  expect(instance.crashes).toBe(0);
  return object;
}

const LINES = [...logLines(2_000)];

test('a large NDJSON object is taken in part by part, in a heap far smaller than it', {
  timeout: 900_000,
}, async () => {
  const rows = { count: 0 };
  const line = () => `${JSON.stringify({ n: rows.count, ...LINES[rows.count % LINES.length] })}\n`;
  const object = await takeIn('large_json', 'large.ndjson', 'application/x-ndjson', until(OBJECT_BYTES, rows, line));
  expect(object).toMatchObject({ state: 'committed', rowsCommitted: rows.count, rowsQuarantined: 0 });
  const answer = await query(
    instance,
    'SELECT count(*) AS rows, min(n) AS least, max(n) AS most, sum(n) AS total FROM large_json',
  );
  const total = (BigInt(rows.count) * BigInt(rows.count - 1)) / 2n;
  expect(answer.rows).toEqual([[rows.count, 0, rows.count - 1, total > 2n ** 53n ? String(total) : Number(total)]]);
});

test('a large CSV object with quoted newlines is too', { timeout: 900_000 }, async () => {
  const rows = { count: 0 };
  const line = () => {
    const { ts, service, latency_ms, message } = LINES[rows.count % LINES.length];
    return `${rows.count},${ts},${service},${latency_ms},"${message},\nsecond line with ""quotes"""\n`;
  };
  async function* pieces() {
    yield Buffer.from('n,ts,service,latency,message\n');
    yield* until(OBJECT_BYTES, rows, line);
  }
  const object = await takeIn('large_csv', 'large.csv', 'text/csv', pieces());
  expect(object).toMatchObject({ state: 'committed', rowsCommitted: rows.count, rowsQuarantined: 0 });
  const answer = await query(
    instance,
    `SELECT count(*), max(n) FROM large_csv WHERE message LIKE '%second line with "quotes"'`,
  );
  expect(answer.rows).toEqual([[rows.count, rows.count - 1]]);
});

test('one enormous line is set aside with its reason, and the lines around it are kept', {
  timeout: 600_000,
}, async () => {
  async function* pieces() {
    yield Buffer.from('{"x":1}\n{"x":"');
    const piece = Buffer.alloc(MiB, 'a');
    for (let made = 0; made < LONG_LINE_BYTES; made += piece.length) yield piece;
    yield Buffer.from('"}\n{"x":3}\n');
  }
  const object = await takeIn('long_line', 'long-line.ndjson', 'application/x-ndjson', pieces());
  expect(object).toMatchObject({ state: 'committed', rowsCommitted: 2, rowsQuarantined: 1 });
  const quarantine = await instance.fetch(`/v1/namespaces/default/objects/${object.objectId}/quarantine`);
  const row = JSON.parse(await quarantine.text());
  expect(row).toMatchObject({ row: 1, line: 2, reasons: [{ code: 'value_too_large' }] });
  expect((await query(instance, 'SELECT x FROM long_line ORDER BY x')).rows).toEqual([[1], [3]]);
});

test('twenty objects and twenty heavy queries at once: each ends well or is told to come back', {
  timeout: 600_000,
}, async () => {
  const heavy = [
    'SELECT service, level, count(*), avg(latency_ms), count(DISTINCT user_id) FROM large_json GROUP BY service, level',
    'SELECT n, message FROM large_json ORDER BY latency_ms DESC LIMIT 100',
    `SELECT count(*) FROM large_json WHERE message LIKE '%refused%'`,
    'SELECT a.service, count(*) FROM large_csv a JOIN (SELECT DISTINCT service FROM large_json) b ON a.service = b.service GROUP BY a.service',
  ];
  const body = LINES.map((line) => JSON.stringify(line)).join('\n');
  const objects = Array.from({ length: 20 }, async (_, i) => {
    const path = `/v1/namespaces/default/datasets/crowd/objects/${i}.ndjson?wait=120`;
    const response = await instance.fetch(path, { method: 'PUT', body: `${body}\n{"i":${i}}` });
    const object = (await response.json()) as TakenObject;
    return response.status === 202 ? object.state : String(response.status);
  });
  const queries = Array.from({ length: 20 }, async (_, i) => {
    const response = await queryResponse(instance, heavy[i % heavy.length]);
    const text = await response.text();
    if (response.status === 429 || response.status === 503)
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    return response.status === 200 || response.status === 429 || response.status === 503 ? response.status : text;
  });
  const states = await Promise.all(objects);
  expect(states.filter((state) => !['committed', '429', '503'].includes(state))).toEqual([]);
  const statuses = await Promise.all(queries);
  expect(statuses.filter((status) => typeof status === 'string')).toEqual([]);
  expect(statuses).toContain(200);
  expect(instance.crashes).toBe(0);
  const committed = states.filter((state) => state === 'committed').length;
  const answer = await query(instance, 'SELECT count(*) FROM crowd');
  expect(answer.rows).toEqual([[committed * (LINES.length + 1)]]);
  report('twenty objects and twenty queries', 20 * body.length, 0);
});
