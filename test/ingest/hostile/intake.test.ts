import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { conformBatch } from '../../../src/columns/conform.ts';
import { manualClock } from '../../../src/core/clock.ts';
import type { IngestMessage } from '../../../src/core/protocol/messages.ts';
import type { PipelineSpec } from '../../../src/core/protocol/pipeline.ts';
import { type Random, seededRandom } from '../../../src/core/random.ts';
import type { IngestLimits } from '../../../src/ingest/ports.ts';
import { createLogs } from '../../../src/observe/log.ts';
import { openSegment } from '../../../src/segment/read.ts';
import { createCatalog } from '../../../src/storage/catalog.ts';
import type { LedgerObject } from '../../../src/storage/catalog-records.ts';
import { memoryObjectStore } from '../../../src/storage/memory-object-store.ts';
import { objectReader } from '../../../src/storage/range-reader.ts';
import { countRows } from '../../../src/storage/row-ranges.ts';
import { createSqlDatabase } from '../../../src/storage/sql.ts';
import { sized } from '../../scale.ts';
import { sqliteBinding } from '../../storage/sqlite-binding.ts';
import { quarantineOf } from '../rows.ts';
import { createWorld, listQueue, NAMESPACE, pipeline, type World } from '../world.ts';
import { type GoodFile, goodFiles } from './good-files.ts';
import { type HostileObject, hostileObject } from './mutations.ts';
import { expectReason } from './reasons.ts';

/** Every hostile file is then tried as every format. */
const FULL = sized(1) >= 5;
const MUTATIONS = FULL ? 10_000 : 600;
const ENDINGS = ['ndjson', 'json', 'csv', 'parquet', 'arrow'];
/** Objects of one world: enough to meet in groups, few enough to tell whose fault a finding is. */
const WORLD_OBJECTS = 200;
/** A batch of twenty small files takes milliseconds. */
const MOST_MS = 20_000;
/** What a damaged length may claim is not what is held. */
const MOST_HELD_BYTES = 900 * 1024 * 1024;
const TIMEOUT_MS = 30 * 60_000;

/** How an intake may be set: in one go or in small parts, plain, sorted, with a declared schema, replacing. */
const SETTINGS: readonly { limits?: Partial<IngestLimits>; spec?: Partial<PipelineSpec> }[] = [
  {},
  { limits: { partBytes: 1_500, groupObjectBytes: 500 } },
  { spec: { sortKey: ['id', 'city'] }, limits: { segmentRows: 300 } },
  { spec: { schema: [{ name: 'id', type: 'int64', required: true, default: null }], additionalColumns: true } },
  {
    spec: {
      schema: [
        { name: 'id', type: 'int64', required: false, default: '7' },
        { name: 'city', type: 'string', required: false, default: null },
      ],
      additionalColumns: false,
    },
  },
  { limits: { quarantineRows: 5, segmentBufferBytes: 3_000 }, spec: { versions: 'replace' } },
];

/** Puts every object, handles the messages in batches as a queue might make them, and holds what came of it to the rules. */
async function takeIn(
  objects: readonly HostileObject[],
  setting: (typeof SETTINGS)[number],
  random: Random,
  counts: Map<string, number>,
): Promise<void> {
  const clock = manualClock(1_700_000_000_000);
  const binding = sqliteBinding();
  const errors: string[] = [];
  const ingestQueue = listQueue<IngestMessage>();
  const made = createWorld({
    limits: setting.limits,
    ports: {
      clock,
      random,
      store: memoryObjectStore(clock),
      ingestQueue,
      catalog: createCatalog(createSqlDatabase(binding), clock, random),
      // An error is logged where the consumer itself met what it did not expect.
      log: createLogs({ '*': 'error' }, (_level, line) => errors.push(line), clock)('ingest'),
    },
  });
  const world: World = { ...made, clock, ingestQueue };
  const datasets = ['one', 'two', 'three'];
  for (const dataset of datasets) world.pipelines.push(pipeline({ dataset, ...setting.spec }));

  const put = new Map<string, HostileObject>();
  for (const object of objects) {
    clock.advance(1);
    const dataset = datasets[Math.floor(random.next() * datasets.length)];
    const { objectId } = await world.ingest.put(
      { namespace: NAMESPACE.name, namespaceUid: NAMESPACE.uid, dataset, name: object.name, decode: object.decode },
      object.bytes,
    );
    put.set(objectId, object);
  }

  let messages = ingestQueue.take();
  for (let handled = 0; messages.length > 0; ) {
    const batch = messages.slice(0, 1 + Math.floor(random.next() * 20));
    const story = () => batch.map(({ objectId }) => put.get(objectId)?.story).join('\n');
    const started = performance.now();
    const outcomes = await world.ingest.handle(batch).catch((cause: unknown) => {
      throw new Error(`the consumer threw for\n${story()}`, { cause });
    });
    expect(performance.now() - started, story()).toBeLessThan(MOST_MS);
    handled += batch.length;
    // Each is tried once or twice, or has a message for each of its parts.
    expect(handled, `too many turns; still open:\n${story()}`).toBeLessThan(20 * objects.length + 1_000);
    const again = batch.filter((_, i) => outcomes[i].kind === 'again');
    clock.advance(again.length > 0 ? 10 * 60_000 : 1);
    messages = [...messages.slice(batch.length), ...again, ...ingestQueue.take()];
  }
  expect(errors, [...put.values()].map(({ story }) => story).join('\n')).toEqual([]);

  const ended = new Map<string, LedgerObject>();
  for (const [objectId, { story, rows }] of put) {
    const object = await world.object(objectId);
    if (object === null) throw new Error(`lost: ${story}`);
    ended.set(objectId, object);
    await expectEnd(world, object, story);
    if (rows !== undefined && setting.spec?.schema === undefined) {
      expect(object, story).toMatchObject({ state: 'committed', rowsCommitted: rows, rowsQuarantined: 0 });
    }
    const outcome =
      object.state === 'failed'
        ? `failed: ${object.error?.code}`
        : object.rowsQuarantined > 0
          ? 'quarantined'
          : 'committed';
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  await expectRows(world, ended, datasets, binding);
  await expectTidy(world, datasets, binding);
}

/** It is committed or refused with a reason, after few tries, and so is each of its rows. */
async function expectEnd(world: World, object: LedgerObject, story: string): Promise<void> {
  const { state, attempt, error, rowsCommitted, rowsQuarantined } = object;
  const quarantined = rowsQuarantined === 0 ? [] : await quarantineOf(world, object.objectId);
  expect({ state, attempt, error, rowsCommitted, quarantined: quarantined.length }, story).toEqual({
    state: state === 'failed' ? 'failed' : 'committed',
    // Once together with others, and where those were refused as a whole, once more alone.
    attempt: attempt === 2 ? 2 : 1,
    error: state === 'failed' ? error : undefined,
    rowsCommitted: state === 'failed' ? 0 : rowsCommitted,
    quarantined: rowsQuarantined,
  });
  if (state === 'failed') expectReason(error, story);
  for (const { reasons } of quarantined as { reasons: { code: string; message: string }[] }[]) {
    if (reasons.length === 0) expectReason(undefined, story);
    for (const reason of reasons) expectReason(reason, story);
  }
}

/** The live rows are those the ledger counts, each of a committed object, and every one can be read. */
async function expectRows(
  world: World,
  ended: ReadonlyMap<string, LedgerObject>,
  datasets: readonly string[],
  { database }: ReturnType<typeof sqliteBinding>,
): Promise<void> {
  const sources = database
    .prepare('SELECT object_id, sum(rows) AS rows FROM segment_sources GROUP BY object_id')
    .all() as { object_id: string; rows: number }[];
  const committed = [...ended.values()].filter(({ rowsCommitted }) => rowsCommitted > 0);
  expect(sources.map(({ object_id, rows }) => [object_id, rows]).sort()).toEqual(
    committed.map(({ objectId, rowsCommitted }) => [objectId, rowsCommitted]).sort(),
  );
  let rows = 0;
  for (const { segments } of await world.ports.catalog.snapshot(NAMESPACE.uid, datasets)) {
    for (const segment of segments) {
      const file = await openSegment(objectReader(world.ports.store, segment), { footerBytes: segment.footerBytes });
      const names = file.schema.map(({ name }) => name);
      let read = 0;
      for (let group = 0; group < file.rowGroups.length; group++) {
        const batch = await file.readColumns(group, names);
        conformBatch(batch, segment.schema);
        read += batch.length;
      }
      expect(read).toBe(segment.rows);
      rows += read - countRows(segment.masked);
    }
  }
  const live = committed.filter(({ maskReason }) => maskReason === undefined);
  const counted = live.reduce((sum, object) => sum + object.rowsCommitted, 0);
  expect(rows).toBe(counted);
}

/** After collection there is no file that the catalogue does not know of. */
async function expectTidy(
  world: World,
  datasets: readonly string[],
  { database }: ReturnType<typeof sqliteBinding>,
): Promise<void> {
  world.clock.advance(2 * world.ports.limits.garbageGraceMs);
  for (let round = 0; round < 2; round++) expect((await world.ingest.sweep()).failed).toEqual([]);
  const under = async (prefix: string) => {
    const keys: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await world.ports.store.list(prefix, cursor);
      keys.push(...page.objects.map(({ key }) => key));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return keys.sort();
  };
  const snapshots = await world.ports.catalog.snapshot(NAMESPACE.uid, datasets);
  expect(await under('segments/')).toEqual(snapshots.flatMap(({ segments }) => segments.map(({ key }) => key)).sort());
  const quarantine = database.prepare('SELECT storage_key FROM quarantine_files').all();
  expect(await under('quarantine/')).toEqual(quarantine.map((row) => row['storage_key']).sort());
  expect(await under('staging/')).toEqual([]);
  expect(database.prepare('SELECT count(*) AS n FROM staged_files').get()).toEqual({ n: 0 });
}

let files: readonly GoodFile[];
beforeAll(async () => {
  files = await goodFiles();
});

test('every good file is taken in whole, plain and compressed', async () => {
  const objects = files.map((file): HostileObject => ({ ...file, decode: {}, story: file.name }));
  for (const { spec, limits } of SETTINGS) {
    if (spec?.schema === undefined) await takeIn(objects, { spec, limits }, seededRandom(1), new Map());
  }
});

test(
  'whatever is done to a good file, it ends committed, quarantined or failed with a reason, and leaves nothing else behind',
  async () => {
    const counts = new Map<string, number>();
    const before = process.memoryUsage().rss;
    for (let seed = 1; seed * WORLD_OBJECTS <= MUTATIONS; seed++) {
      const random = seededRandom(seed);
      const objects = Array.from({ length: WORLD_OBJECTS }, () => hostileObject(files, random));
      const setting = SETTINGS[seed % SETTINGS.length];
      await takeIn(objects, setting, random, counts).catch((cause: unknown) => {
        throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      });
      expect(process.memoryUsage().rss - before, `seed ${seed}`).toBeLessThan(MOST_HELD_BYTES);
    }
    process.stdout.write(`${MUTATIONS} mutations: ${JSON.stringify(Object.fromEntries(counts))}\n`);
    // Damage that is never noticed, or always fatal, would try nothing.
    for (const outcome of ['committed', 'quarantined', 'failed: malformed_input']) {
      expect(counts.get(outcome) ?? 0, outcome).toBeGreaterThan(MUTATIONS / 50);
    }
  },
  TIMEOUT_MS,
);

const CORPORA = ['../shared/data/fuzz', '../shared/data/bad', '../shared/data/parquet/bad'].filter(existsSync);
if (CORPORA.length === 0) console.warn('../shared/data is absent: its hostile files are not tried');
test.skipIf(CORPORA.length === 0)(
  'every file of the hostile corpora does too, by its own name, by none, and as its own and another format',
  async () => {
    const found = CORPORA.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((name) => `${folder}/${name}`)
        .filter((path) => statSync(path).isFile()),
    );
    const counts = new Map<string, number>();
    for (const setting of [{}, { limits: { partBytes: 20_000, groupObjectBytes: 500 } }]) {
      const objects = found.flatMap((path, i): HostileObject[] => {
        const bytes = new Uint8Array(readFileSync(path));
        const name = path.slice(path.lastIndexOf('/') + 1);
        const others = FULL ? ENDINGS : [ENDINGS[i % ENDINGS.length]];
        const own = /\/(arrow|csv|parquet)\//.exec(path)?.[1] ?? 'bin';
        const names = [name, 'nameless', `${name}.${own}`, ...others.map((ending) => `${name}.${ending}`)];
        return names.map((as) => ({ name: as, bytes, decode: {}, story: `${path} as ${as}`, rows: undefined }));
      });
      // In order, so that the namesakes of one file are neighbours; small worlds keep a finding close to its cause.
      for (let at = 0; at < objects.length; at += WORLD_OBJECTS) {
        await takeIn(objects.slice(at, at + WORLD_OBJECTS), setting, seededRandom(at), counts);
      }
    }
    process.stdout.write(`hostile corpora, ${found.length} files: ${JSON.stringify(Object.fromEntries(counts))}\n`);
  },
  TIMEOUT_MS,
);
