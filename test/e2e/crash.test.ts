import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Instance, type LaunchOptions, launch } from '../../scripts/launcher.ts';
import { scalarAt } from '../../src/columns/column.ts';
import { memoryReader } from '../../src/core/bytes.ts';
import { seededRandom, systemRandom } from '../../src/core/random.ts';
import { collectGarbage } from '../../src/ingest/collect.ts';
import { FAULT_POINTS, type FaultPoint, noFaultPoints } from '../../src/ingest/fault-points.ts';
import { INGEST_LIMITS } from '../../src/ingest/ports.ts';
import { createLogs } from '../../src/observe/log.ts';
import { openSegment } from '../../src/segment/read.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { r2ObjectStore } from '../../src/storage/r2-object-store.ts';
import { createSqlDatabase, type SqlBinding } from '../../src/storage/sql.ts';
import { seedCount } from '../scale.ts';

const PART_BYTES = 64_000;
const OBJECTS = 200;
/** A seed is a dozen lives of the platform, and starting it is what takes time: a full run has three. */
const SEEDS = Math.min(3, seedCount(1));
const RANDOM_KILLS = SEEDS > 1 ? 2 : 1;
const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** An object that a client wants taken in; it asks again until it is told that it is. */
interface Wanted {
  readonly ordinal: number;
  readonly rows: number;
  acknowledged: boolean;
}

/** A client whose platform is killed under it time and again, and started again on the same folder. */
class Client {
  readonly wanted: Wanted[] = [];
  readonly killedAt = new Map<string, number>();
  readonly #stateDir: string;

  constructor() {
    this.#stateDir = mkdtempSync(join(tmpdir(), 'orasi-crash-'));
    folders.push(this.#stateDir);
  }

  want(rows: number): void {
    this.wanted.push({ ordinal: this.wanted.length, rows, acknowledged: false });
  }

  /** Starts the platform; as after any start, the sweep finds what the last one left undone. */
  async boot(vars: Readonly<Record<string, string>> = {}, onLog?: LaunchOptions['onLog']): Promise<Instance> {
    return await launch({
      stateDir: this.#stateDir,
      sweep: 'every-minute',
      queueBatchTimeoutSeconds: 0,
      vars: { INGEST_PART_BYTES: String(PART_BYTES), LOG_LEVEL: 'warn', ...vars },
      onLog,
    });
  }

  /** Puts what is not acknowledged yet, some at a time; errors are what a kill looks like from here. */
  async put(instance: Instance): Promise<void> {
    const open = this.wanted.filter(({ acknowledged }) => !acknowledged);
    const worker = async () => {
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        const { ordinal, rows } = next;
        const lines = Array.from(
          { length: rows },
          (_, n) => `{"o":${ordinal},"n":${n},"text":"row ${n} of ${ordinal}"}\n`,
        );
        const path = `/v1/namespaces/default/datasets/crash/objects/o${ordinal}.ndjson`;
        const response = await instance.fetch(path, { method: 'PUT', body: lines.join('') }).catch(() => null);
        if (response?.status === 202) next.acknowledged = true;
        await response?.body?.cancel().catch(() => undefined);
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
  }

  count(point: string): void {
    this.killedAt.set(point, (this.killedAt.get(point) ?? 0) + 1);
  }
}

/** Waits until no object is on its way. */
async function settle(instance: Instance): Promise<void> {
  for (let turn = 0; ; turn++) {
    const open: string[] = [];
    for (const state of ['received', 'processing']) {
      const response = await instance.fetch(`/v1/namespaces/default/objects?state=${state}&limit=100`);
      const { items } = (await response.json()) as { items: { name: string }[] };
      open.push(...items.map(({ name }) => `${name} ${state}`));
    }
    if (open.length === 0) return;
    if (turn > 300) throw new Error(`still on their way: ${open.join(', ')}`);
    if (turn % 20 === 19) await instance.runScheduled();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Every acknowledged object is committed, each of its rows is there once, and no file is left without a meaning. */
async function expectExactlyOnce(instance: Instance, client: Client): Promise<void> {
  await client.put(instance);
  expect(client.wanted.every(({ acknowledged }) => acknowledged)).toBe(true);
  await settle(instance);
  // An hour from now, when the grace of everything that is garbage today is over.
  const clock = { now: () => Date.now() + 60 * 60_000 };
  const store = r2ObjectStore(instance.bindings.BUCKET);
  const catalog = createCatalog(
    createSqlDatabase(instance.bindings.CATALOG as unknown as SqlBinding),
    clock,
    systemRandom,
  );
  const collect = () =>
    collectGarbage({
      store,
      catalog,
      clock,
      random: systemRandom,
      bucketName: 'orasi-edge',
      limits: INGEST_LIMITS,
      log: createLogs({ '*': 'off' }, () => {}, clock)('collect'),
      faults: noFaultPoints,
      ingestQueue: { send: async () => {} },
      indexQueue: { send: async () => {} },
      control: {
        namespaceUid: async () => null,
        namespaces: async () => [],
        pipelines: async () => ({ version: 0, pipelines: [] }),
      },
    });
  while ((await collect()) > 0);
  const namespaceUid = (await store.list('segments/', undefined, 1)).objects[0].key.split('/')[1];
  const [snapshot] = await catalog.snapshot(namespaceUid, ['crash']);
  const live = snapshot.segments.map(({ key }) => key).sort();
  expect(await keysUnder(store, 'segments/')).toEqual(live);
  expect(await keysUnder(store, 'staging/')).toEqual([]);

  // Read from the files themselves: what is there, not what some cache believes.
  const found = new Map<string, number>();
  for (const segment of snapshot.segments) {
    const stored = await instance.bindings.BUCKET.get(segment.key);
    const bytes = new Uint8Array((await stored?.arrayBuffer()) ?? new ArrayBuffer(0));
    const file = await openSegment(memoryReader(bytes), { footerBytes: segment.footerBytes });
    expect(segment.masked).toEqual([]);
    for (let group = 0; group < file.rowGroups.length; group++) {
      const { columns, length } = await file.readColumns(group, ['o', 'n']);
      for (let row = 0; row < length; row++) {
        const name = `${scalarAt(columns[0], row)}/${scalarAt(columns[1], row)}`;
        found.set(name, (found.get(name) ?? 0) + 1);
      }
    }
  }
  const expected = client.wanted.flatMap(({ ordinal, rows }) =>
    Array.from({ length: rows }, (_, n) => `${ordinal}/${n}`),
  );
  expect([...found].filter(([, count]) => count !== 1)).toEqual([]);
  expect([...found.keys()].sort()).toEqual(expected.sort());
}

async function keysUnder(store: ReturnType<typeof r2ObjectStore>, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list(prefix, cursor);
    keys.push(...page.objects.map(({ key }) => key));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return keys;
}

const PIPELINE = {
  apiVersion: 'orasi.io/v1alpha1',
  kind: 'Pipeline',
  metadata: { name: 'crash' },
  spec: { dataset: 'crash', indexes: [{ name: 'by_n', kind: 'btree', fields: ['n'] }] },
};

async function declareIndex(instance: Instance): Promise<void> {
  const created = await instance.fetch('/apis/orasi.io/v1alpha1/namespaces/default/pipelines', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(PIPELINE),
  });
  expect([201, 409]).toContain(created.status);
}

/** Resolves once the client has so many answers more; what it does not get to, a kill would not interrupt. */
async function acknowledgements(client: Client, count: number): Promise<void> {
  const acknowledged = () => client.wanted.filter((wanted) => wanted.acknowledged).length;
  const enough = Math.min(client.wanted.length, acknowledged() + count);
  while (acknowledged() < enough) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('killed at each named point and at random moments while 200 objects are taken in, the platform ends with every row once', {
  timeout: 1_200_000,
}, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const client = new Client();
    const random = seededRandom(seed);
    const below = (n: number) => Math.floor(random.next() * n);
    const kills: (FaultPoint | 'random')[] = [...FAULT_POINTS, ...new Array<'random'>(RANDOM_KILLS).fill('random')];
    for (let i = kills.length - 1; i > 0; i--) {
      const other = below(i + 1);
      [kills[i], kills[other]] = [kills[other], kills[i]];
    }
    for (const [i, kill] of kills.entries()) {
      let reached = () => {};
      const stop = new Promise<void>((resolve) => {
        reached = resolve;
      });
      // Every upload passes the first point, and few batches the others.
      const nth = 1 + below(kill === 'after-upload' ? 12 : 2);
      const vars: Record<string, string> = kill === 'random' ? {} : { FAULT_POINT: `${kill}:${nth}` };
      const instance = await client.boot(vars, (line) => {
        if (line.includes('fault-point reached')) reached();
      });
      if (i === 0) await declareIndex(instance);
      // One of several parts, so that the points between parts are passed in every life.
      client.want(3_000);
      const share = Math.floor((OBJECTS * (i + 1)) / kills.length);
      while (client.wanted.length < share) client.want(1 + below(40));
      const putting = client.put(instance);
      if (kill === 'random') {
        await acknowledgements(client, 1 + below(OBJECTS / kills.length));
      } else {
        const late = setTimeout(reached, 60_000);
        await stop;
        clearTimeout(late);
        const told = instance.logs.some((line) => line.includes('fault-point reached'));
        expect([kill, told], `seed ${seed}`).toEqual([kill, true]);
      }
      // One is held, the others go on: the kill finds them anywhere.
      await new Promise((resolve) => setTimeout(resolve, random.next() * 400));
      client.count(kill);
      await instance.kill9();
      await putting;
    }
    expect(client.wanted.length).toBe(OBJECTS);
    const instance = await client.boot();
    await expectExactlyOnce(instance, client);
    await instance.stop();
    expect([...client.killedAt.keys()].sort()).toEqual([...FAULT_POINTS, 'random'].sort());
    process.stdout.write(
      `seed ${seed}, ${client.wanted.length} objects, killed at: ${JSON.stringify(Object.fromEntries(client.killedAt))}\n`,
    );
  }
});
