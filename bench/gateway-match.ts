/** What matching costs by the number of routes, in this process: ratios to ten routes, not times, are what carries over. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { HostKey } from '../src/core/protocol/gateway.ts';
import { seededRandom } from '../src/core/random.ts';
import { canonicalRequest } from '../src/traffic/canonical.ts';
import { RequestFacts } from '../src/traffic/match/facts.ts';
import { type MatchSource, matchRequest } from '../src/traffic/match/match.ts';
import { type EntryKey, shardOf } from '../src/traffic/snapshot/keys.ts';
import { decodeShard, encodeShard, shardHash } from '../src/traffic/snapshot/shard.ts';
import { exact, expression, prefix, type StatedRule, sourceOf } from '../test/traffic/rules.ts';
import { type BenchRow, type BenchSection, compare, median, timed } from './harness.ts';

const SIZE = Number(process.env['SIZE'] ?? 1);
const COUNTS = [10, 1_000, 100_000].map((count) => Math.max(10, Math.round(count * (count > 10 ? SIZE : 1))));
const REQUESTS = 50_000;
const ROUNDS = 5;
/** As the control plane splits pages and shards. */
const RULES_A_PAGE = 64;
const BYTES_A_SHARD = 96 * 1024;

interface Asked {
  readonly url: string;
  readonly host: string;
  readonly headers: Headers;
  readonly route: string;
}

/** Routes of one shape, and a request for each. */
interface Shape {
  readonly name: string;
  readonly hosts: (count: number) => Readonly<Record<HostKey, readonly StatedRule[]>>;
  readonly ask: (route: number) => { readonly host: string; readonly path: string; readonly header?: string };
}

const ONE_HOST: HostKey = 'http://shop.example.com';

const SHAPES: readonly Shape[] = [
  {
    name: 'routes of as many hosts',
    hosts: (count) =>
      Object.fromEntries(
        range(count).map((i) => [`http://shop${i}.example.com`, [{ path: prefix('/api'), route: `r${i}` }]]),
      ),
    ask: (i) => ({ host: `shop${i}.example.com`, path: '/api/v1/orders/12345' }),
  },
  {
    name: 'routes of one host',
    hosts: (count) => ({
      [ONE_HOST]: range(count).map((i) =>
        i % 4 === 0
          ? { path: exact(`/team${i % 97}/service${i}/v1/orders`), route: `r${i}` }
          : { path: prefix(`/team${i % 97}/service${i}`), route: `r${i}` },
      ),
    }),
    ask: (i) => ({ host: 'shop.example.com', path: `/team${i % 97}/service${i}/v1/orders` }),
  },
  {
    name: 'rules of one path that differ by a header',
    hosts: (count) => ({
      [ONE_HOST]: range(count).map((i) => ({
        path: prefix('/api'),
        match: { headers: [{ type: 'Exact' as const, name: 'x-tenant', value: `tenant-${i}` }] },
        route: `r${i}`,
      })),
    }),
    ask: (i) => ({ host: 'shop.example.com', path: '/api/v1/orders/12345', header: `tenant-${i}` }),
  },
  {
    name: 'regular expressions of one host, told apart by their first segments',
    hosts: (count) => ({
      [ONE_HOST]: range(count).map((i) => ({
        path: expression(`/service${i}/v[0-9]+/orders/[^/]+`),
        route: `r${i}`,
      })),
    }),
    ask: (i) => ({ host: 'shop.example.com', path: `/service${i}/v1/orders/12345` }),
  },
];

export async function run(): Promise<BenchSection[]> {
  const rows: BenchRow[] = [];
  for (const shape of SHAPES) rows.push(...(await measured(shape)));
  return [
    {
      title: 'Matching by the number of routes',
      setting:
        'A request made canonical and matched, in Node, everything in memory and warm: pages of 64 rules, as published. The ' +
        'same number of distinct requests at each count, since what is asked for often stays in the processor’s caches; the ' +
        'note has requests for 20,000 of the routes in turn. Times are of the processor of this machine; the ratios to ten routes are the result.',
      rows,
    },
    {
      title: 'What a shard costs',
      setting:
        'Shards of 96 KiB at the most on the average, as published: routes with a backend each and nothing else. Reading one ' +
        'checks its hash and parses it.',
      rows: [await shardRow(SHAPES[0]), await shardRow(SHAPES[1])],
    },
  ];
}

async function measured(shape: Shape): Promise<BenchRow[]> {
  const contenders = COUNTS.map((count) => {
    const source = built(shape, count);
    const few = requestsFor(shape, spread(count, 10));
    const many = requestsFor(shape, spread(count, Math.min(count, 20_000)));
    for (const asked of [...few, ...many]) check(source, asked);
    return { count, source, few, many };
  });
  const warm = await compare(
    // The peer of the ratios comes last: ten routes.
    contenders.toReversed().map(({ count, source, few }) => ({
      name: String(count),
      run: async () => cpuMs(() => askAll(source, few)),
    })),
    ROUNDS,
  );
  return COUNTS.slice(1).map((count): BenchRow => {
    const ours = warm.results.find(({ name }) => name === String(count));
    const ten = warm.results.find(({ name }) => name === String(COUNTS[0]));
    const all = contenders.find((contender) => contender.count === count);
    if (ours === undefined || ten === undefined || all === undefined) throw new Error('every count is measured');
    const everything = cpuMs(() => askAll(all.source, all.many));
    return {
      what: `${count.toLocaleString('en')} ${shape.name}`,
      ours: `${microseconds(ours.medianMs)} µs`,
      peer: `${microseconds(ten.medianMs)} µs`,
      ratio: ours.ratio,
      note: `against 10; ${microseconds(everything)} µs where many are asked for in turn`,
    };
  });
}

async function shardRow(shape: Shape): Promise<BenchRow> {
  const count = COUNTS[COUNTS.length - 1];
  const entries = [...built(shape, count).entries].map(
    ([key, entry]) => [key as EntryKey, JSON.stringify(entry)] as const,
  );
  const total = entries.reduce((sum, [key, body]) => sum + key.length + body.length + 4, 0);
  let shards = 1;
  while (total > shards * BYTES_A_SHARD) shards *= 2;
  const parts = range(shards).map((): (readonly [EntryKey, string])[] => []);
  for (const entry of entries) parts[shardOf(entry[0], shards)].push(entry);
  const files = parts.map((part) => encodeShard(part));
  const refs = await Promise.all(files.map(async (bytes) => ({ hash: await shardHash(bytes), bytes: bytes.length })));
  const loads: number[] = [];
  const kept: unknown[] = [];
  const sample = range(Math.min(shards, 64));
  for (const i of sample) kept.push(await decodeShard(refs[i], files[i]));
  kept.length = 0;
  const before = heapBytes();
  for (const i of sample) loads.push(await timed(async () => kept.push(await decodeShard(refs[i], files[i]))));
  const heap = (heapBytes() - before) / sample.length;
  const bytes = median(files.map((file) => file.length));
  return {
    what: `${count.toLocaleString('en')} ${shape.name}`,
    ours: `${shards.toLocaleString('en')} shards of ${Math.round(bytes / 1024)} KiB`,
    peer: '—',
    ratio: null,
    note: `read in ${median(loads).toFixed(2)} ms, ${Math.round(heap / 1024)} KiB of heap each; ${(total / count).toFixed(0)} bytes a route`,
  };
}

function built(shape: Shape, count: number): MatchSource & { readonly entries: Map<string, unknown> } {
  const hosts = shape.hosts(count);
  const most = Math.max(...Object.values(hosts).map((rules) => rules.length));
  let pages = 1;
  while (most > pages * RULES_A_PAGE) pages *= 2;
  const source = sourceOf(hosts, pages);
  // The counting of reads would be measured too.
  return { ...source, read: (key) => (source.entries.get(key) ?? null) as never };
}

function requestsFor(shape: Shape, routes: readonly number[]): Asked[] {
  return routes.map((i) => {
    const { host, path, header } = shape.ask(i);
    const headers = new Headers({ host, accept: 'application/json', 'user-agent': 'bench' });
    if (header !== undefined) headers.set('x-tenant', header);
    return { url: `http://${host}${path}`, host, headers, route: `r${i}` };
  });
}

function check(source: MatchSource, asked: Asked): void {
  const matched = matched1(source, asked);
  if (matched !== asked.route) throw new Error(`${asked.url} went to ${matched} and not to ${asked.route}`);
}

function matched1(source: MatchSource, { url, host, headers }: Asked): string | null {
  const canonical = canonicalRequest('GET', url, host);
  if (!canonical.ok) return null;
  const result = matchRequest(new RequestFacts(canonical.request, headers, {}), source);
  return result.type === 'match' ? result.action.route.name : null;
}

function askAll(source: MatchSource, asked: readonly Asked[]): void {
  for (let i = 0; i < REQUESTS; i++) matched1(source, asked[i % asked.length]);
}

/** Time of the processor, since other work of the machine would count too. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function microseconds(ms: number): string {
  return ((ms * 1000) / REQUESTS).toFixed(2);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Some of the routes at random, so that neighbours in a request's order are none in memory. */
function spread(count: number, wanted: number): number[] {
  const random = seededRandom(7);
  const all = range(count);
  for (let i = 0; i < wanted; i++) {
    const other = i + Math.floor(random.next() * (count - i));
    [all[i], all[other]] = [all[other], all[i]];
  }
  return all.slice(0, wanted);
}

let collect: (() => void) | null = null;

function heapBytes(): number {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  return process.memoryUsage().heapUsed;
}
