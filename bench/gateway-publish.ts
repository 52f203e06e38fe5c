/**
 * What the control plane writes of the gateway's configuration by the number of routes, in this process: how long a
 * change of one route takes from its rules to the bucket, how many bytes that is, and how much memory all of it takes.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { GatewayEntries } from '../src/control/gateway/entries.ts';
import { HostRules, type RuleRow } from '../src/control/gateway/host-rules.ts';
import { placeOfPath } from '../src/control/gateway/places.ts';
import { GatewayPublisher } from '../src/control/gateway/publisher.ts';
import { RoutePublications } from '../src/control/gateway/route-publications.ts';
import { migrateGateway } from '../src/control/gateway/tables.ts';
import { VersionFiles } from '../src/control/gateway/version-files.ts';
import { manualClock } from '../src/core/clock.ts';
import type { HostKey, RuleAction } from '../src/core/protocol/gateway.ts';
import { createLogs } from '../src/observe/log.ts';
import { memoryObjectStore } from '../src/storage/memory-object-store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { objectDatabase } from '../test/object-database.ts';
import { type BenchRow, type BenchSection, median } from './harness.ts';

const SIZE = Number(process.env['SIZE'] ?? 1);
const COUNTS = [10, 1_000, Math.max(2_000, Math.round(100_000 * SIZE))];
/** Routes that are changed one after another, each published by itself. */
const CHANGES = 20;
const UID = '11111111-2222-4333-8444-555555555555';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

interface Shape {
  readonly name: string;
  readonly place: (route: number) => { readonly host: HostKey; readonly path: string };
}

const SHAPES: readonly Shape[] = [
  { name: 'routes of as many hosts', place: (i) => ({ host: `https://shop${i}.example.com`, path: '/' }) },
  {
    name: 'routes of one host',
    place: (i) => ({ host: 'https://shop.example.com', path: `/team${i % 97}/service${i}` }),
  },
];

export async function run(): Promise<BenchSection[]> {
  const rows: BenchRow[] = [];
  for (const shape of SHAPES) {
    let few: Figures | null = null;
    for (const count of COUNTS) {
      const figures = await measure(shape, count);
      few ??= figures;
      rows.push(rowOf(`${count.toLocaleString('en')} ${shape.name}: one change`, figures, few));
    }
  }
  return [
    {
      title: "Publishing the gateway's configuration",
      setting:
        'In this process, with SQLite in memory and a bucket that takes what it is given at once. `ours` is the CPU time ' +
        'from a route whose path has changed to the announcement, median of 20 changes; `peer` the same among ten routes.',
      rows,
    },
  ];
}

interface Figures {
  readonly allSeconds: number;
  readonly changeMs: number;
  readonly changeBytes: number;
  readonly changePuts: number;
  readonly shards: number;
  readonly largestShard: number;
  readonly manifestBytes: number;
  readonly heapMb: number;
}

function rowOf(what: string, figures: Figures, few: Figures): BenchRow {
  const kb = (bytes: number) => `${Math.round(bytes / 1024)} KB`;
  const { changePuts, changeBytes, shards, largestShard, manifestBytes, allSeconds, heapMb } = figures;
  return {
    what,
    ours: `${figures.changeMs.toFixed(1)} ms`,
    peer: `${few.changeMs.toFixed(1)} ms`,
    ratio: figures.changeMs / few.changeMs,
    note:
      `writes ${changePuts} files of ${kb(changeBytes)} together; ${shards} shards, the largest ${kb(largestShard)}, ` +
      `manifest ${kb(manifestBytes)}; all of it in ${allSeconds.toFixed(1)} s, heap at most ${heapMb.toFixed(0)} MB`,
  };
}

async function measure(shape: Shape, count: number): Promise<Figures> {
  const database = objectDatabase();
  migrateGateway(database);
  const clock = manualClock(0);
  const entries = new GatewayEntries(database, (key) => {
    throw new Error(`${key} is too large`);
  });
  const rules = new HostRules(database, entries, () => UID);
  const files = counting(memoryObjectStore(clock));
  const publisher = new GatewayPublisher({
    database,
    rules,
    entries,
    files: files.store,
    clock,
    log: createLogs({ '*': 'off' }, () => undefined, clock)('control'),
    announce: async () => undefined,
    publications: new RoutePublications(database),
    present: {
      namespaces: () => new Map([[UID, 'shop']]),
      secrets: () => {
        throw new Error('no version is held to');
      },
    },
    served: () => undefined,
  });
  collectGarbage();
  const base = process.memoryUsage().heapUsed;
  let heap = 0;
  const publish = async () => {
    clock.advance(1_000);
    for (;;) {
      const result = await publisher.step();
      heap = Math.max(heap, process.memoryUsage().heapUsed - base);
      if (!('requeueAfterMs' in result) || result.requeueAfterMs > 0) return;
    }
  };
  const started = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    database.transaction(() =>
      rules.replaceRules({ namespace: 'shop', name: `r${i}` }, {}, [rowOfRoute(shape.place(i), i)]),
    );
    if (i % 1_000 === 999) await publish();
  }
  await publish();
  const allSeconds = seconds(process.cpuUsage(started));
  const [versions] = publisher.versions();
  const manifest = await new VersionFiles(database, files.store, clock).readManifest(versions.version);
  const shards = manifest.shards.flatMap((ref) => ref?.bytes ?? []);
  const times: number[] = [];
  const [puts, bytes] = [files.puts(), files.bytes()];
  for (let i = 0; i < CHANGES; i++) {
    const route = Math.floor((i * count) / CHANGES);
    const { host, path } = shape.place(route);
    const place = placeOfPath({ type: 'PathPrefix', value: path });
    // To another path: what a host knows of its paths is another then as well.
    const moved = rowOfRoute({ host, path: `/moved${i}` }, route);
    const before = process.cpuUsage();
    database.transaction(() =>
      rules.replaceRules({ namespace: 'shop', name: `r${route}` }, { [host]: [place] }, [moved]),
    );
    await publish();
    times.push(seconds(process.cpuUsage(before)) * 1_000);
  }
  database.database.close();
  return {
    allSeconds,
    changeMs: median(times),
    changeBytes: (files.bytes() - bytes) / CHANGES,
    changePuts: (files.puts() - puts) / CHANGES,
    shards: manifest.shards.length,
    largestShard: Math.max(0, ...shards),
    manifestBytes: JSON.stringify(manifest).length,
    heapMb: heap / 1024 / 1024,
  };
}

function seconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6;
}

function rowOfRoute({ host, path }: ReturnType<Shape['place']>, route: number): RuleRow {
  const action: RuleAction = {
    route: { namespace: 'shop', name: `r${route}`, uid: UID, generation: 1 },
    rule: { index: 0, name: null },
    gateway: { namespace: 'shop', name: 'default', listener: 'https' },
    filters: [],
    backends: [{ upstream: `${UID}/orders`, weight: 1, filters: [], reason: null, name: 'shop/orders' }],
    timeouts: { requestMs: 0, backendRequestMs: 0 },
    retry: null,
    sessionPersistence: null,
    policies: [],
    broken: null,
  };
  const pathMatch = { type: 'PathPrefix' as const, value: path };
  const match = { method: null, headers: [], query: [], conditions: null };
  return {
    host,
    place: placeOfPath(pathMatch),
    segments: path === '/' ? 0 : 2,
    prioritised: false,
    instructions: 0,
    page: {
      rules: [{ path: pathMatch, match, priority: 0, createdMs: 0, action: 0, matchIndex: 0 }],
      actions: [action],
    },
  };
}

/** A bucket that keeps manifests, which are read again, and of shards only how large they were. */
function counting(inner: ObjectStore) {
  let puts = 0;
  let bytes = 0;
  const store: ObjectStore = {
    ...inner,
    put: async (key, body, options) => {
      puts += 1;
      if (body instanceof Uint8Array) bytes += body.length;
      const kept = key.startsWith('gateway/shards/') ? new Uint8Array(0) : body;
      return await inner.put(key, kept, options);
    },
  };
  return { store, puts: () => puts, bytes: () => bytes };
}
