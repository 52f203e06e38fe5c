import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { seededRandom } from '../../src/core/random.ts';
import { goodFiles } from '../ingest/hostile/good-files.ts';
import { type HostileObject, hostileObject } from '../ingest/hostile/mutations.ts';
import { expectReason } from '../ingest/hostile/reasons.ts';
import { sized } from '../scale.ts';
import { putObject, query, type TakenObject } from './client.ts';

/** The machine has had its ten thousand in test/ingest/hostile; here the runtime has some, many at a time. */
const FULL = sized(1) >= 5;
const MUTATIONS = FULL ? 1_000 : 60;
const AT_ONCE = 32;
/** Objects share datasets, and their segments; in one alone the columns of all would soon be too many. */
const DATASETS = 8;
/** What the JavaScript heap may hold: what a lying length makes somebody hold kills the runtime, and is counted. */
const HEAP_MB = 64;

const MiB = 1024 * 1024;
const UNFOLDED_BYTES = (FULL ? 50 : 4) * MiB;

let instance: Instance;
beforeAll(async () => {
  instance = await launch({
    v8Flags: [`--max-old-space-size=${HEAP_MB}`],
    queueBatchTimeoutSeconds: 0,
    vars: { LOG_LEVEL: 'error', INGEST_PART_BYTES: '200000' },
  });
});
afterAll(async () => {
  await instance.stop();
});

/** What became of an object: in the ledger, or refused at the door. */
type Ending = TakenObject | { readonly status: number; readonly detail: string };

async function put(dataset: string, { name, bytes, decode }: HostileObject): Promise<Ending> {
  const format = decode.format === undefined ? '' : `&format=${encodeURIComponent(decode.format)}`;
  const path = `/v1/namespaces/default/datasets/${dataset}/objects/${encodeURIComponent(name)}?wait=60${format}`;
  const headers: Record<string, string> = {};
  if (decode.contentType !== undefined) headers['content-type'] = decode.contentType;
  if (decode.contentEncoding !== undefined) headers['content-encoding'] = decode.contentEncoding;
  const response = await instance.fetch(path, { method: 'PUT', body: bytes, headers });
  const answer = (await response.json()) as TakenObject & { detail: string };
  return response.status === 202 ? answer : { status: response.status, detail: answer.detail };
}

/** Puts objects, many at a time, holds what came of each to the rules, and tells it. */
async function putAll(what: string, objects: readonly HostileObject[]): Promise<readonly Ending[]> {
  const endings = new Map<number, Ending>();
  const left = [...objects.entries()];
  const worker = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [i, object] = next;
      endings.set(i, await put(`${what}_${i % DATASETS}`, { ...object, name: `${i}-${object.name}` }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  expect(instance.crashes).toBe(0);
  expect(instance.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);

  const counts: Record<string, number> = {};
  const rows: number[] = new Array(DATASETS).fill(0);
  for (const [i, { story, rows: expected }] of objects.entries()) {
    const ending = endings.get(i);
    if (ending === undefined) throw new Error(`no end: ${story}`);
    if (!('state' in ending)) {
      // Only a request can be refused at the door, never a file.
      expect([400, 415], story).toContain(ending.status);
      expect(ending.detail, story).toMatch(/format|encoding/i);
      counts['refused at the door'] = (counts['refused at the door'] ?? 0) + 1;
      continue;
    }
    expect(['committed', 'failed'], story).toContain(ending.state);
    expect(ending.attempts, story).toBeLessThanOrEqual(2);
    if (ending.state === 'failed') expectReason(ending.error, story);
    if (expected !== undefined) expect(ending, story).toMatchObject({ state: 'committed', rowsCommitted: expected });
    rows[i % DATASETS] += ending.state === 'failed' ? 0 : ending.rowsCommitted;
    const outcome = ending.state === 'failed' ? `failed: ${ending.error?.code}` : 'committed';
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  for (const [i, expected] of rows.entries()) {
    if (expected === 0) continue;
    expect((await query(instance, `SELECT count(*) FROM ${what}_${i}`)).rows).toEqual([[expected]]);
  }
  const after = await putObject(instance, `${what}_0`, 'after.ndjson', '{"after":1}\n{"after":2}\n');
  expect(after).toMatchObject({ state: 'committed', rowsCommitted: 2 });
  const peak = instance.memory()?.peakBytes;
  process.stdout.write(
    `${what}: ${JSON.stringify(counts)}; peak resident memory of the runtime ${peak === undefined ? 'unknown' : `${Math.round(peak / 1e6)} MB`}\n`,
  );
  return [...endings.values()];
}

test('damaged files put many at once end with a reason each, and the runtime lives', { timeout: 600_000 }, async () => {
  const files = await goodFiles();
  const random = seededRandom(99);
  await putAll(
    'mutated',
    Array.from({ length: MUTATIONS }, () => hostileObject(files, random)),
  );
});

test('so do small files that unfold into large ones', { timeout: 600_000 }, async () => {
  const much = (text: string) => Buffer.alloc(UNFOLDED_BYTES, text);
  const bombs: [string, Uint8Array][] = [
    ['zeros.ndjson.gz', gzipSync(much('\0'))],
    ['brackets.json.zst', zstdCompressSync(much('['))],
    ['objects.json.gz', gzipSync(much('{"a":'))],
    ['quoted.csv.gz', gzipSync(Buffer.concat([Buffer.from('a,b\n1,"'), much('x')]))],
    ['columns.csv.gz', gzipSync(much('a,'))],
    ['strings.ndjson.zst', zstdCompressSync(much('"x"\n').subarray(0, 4 * MiB))],
    ['twice.gz', gzipSync(gzipSync(much(' ')))],
    ['zeros.parquet.gz', gzipSync(Buffer.concat([Buffer.from('PAR1'), much('\0'), Buffer.from('PAR1')]))],
    ['zeros.arrows.zst', zstdCompressSync(Buffer.concat([Buffer.from([255, 255, 255, 255]), much('\0')]))],
  ];
  const endings = await putAll(
    'bombs',
    bombs.map(([name, bytes]) => ({ name, bytes, decode: {}, story: name, rows: undefined })),
  );
  const told = (ending: Ending) => 'state' in ending && (ending.state === 'failed' || ending.rowsQuarantined > 0);
  expect(endings.filter((ending) => !told(ending))).toEqual([]);
});

const CORPORA = ['../shared/data/fuzz', '../shared/data/bad', '../shared/data/parquet/bad'].filter(existsSync);
if (CORPORA.length === 0) console.warn('../shared/data is absent: its hostile files are not put');
test.skipIf(CORPORA.length === 0)('so do the files of the hostile corpora', { timeout: 600_000 }, async () => {
  const objects = CORPORA.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter((path) => statSync(path).isFile())
      .map((path): HostileObject => {
        const own = /\/(arrow|csv|parquet)\//.exec(path)?.[1] ?? 'bin';
        return {
          name: `file.${own}`,
          bytes: new Uint8Array(readFileSync(path)),
          decode: {},
          story: path,
          rows: undefined,
        };
      }),
  );
  await putAll('corpora', objects);
});
