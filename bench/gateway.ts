/** The gateway on workerd against Workers that only proxy, hono's proxy helper, nginx and haproxy. */
import { get, type IncomingHttpHeaders } from 'node:http';
import { type Instance, launch } from '../scripts/launcher.ts';
import { run as runMatching } from './gateway-match.ts';
import { run as runPublishing } from './gateway-publish.ts';
import type { BenchRow, BenchSection } from './harness.ts';
import { findProgram, type Program } from './peers/programs.ts';
import { type ProxyServer, startHaproxy, startNginx, startWorker } from './peers/proxies.ts';
import { load } from './peers/wrk.ts';
import { interleaved, type RoundsContender } from './rounds.ts';

const SIZE = Number(process.env['SIZE'] ?? 1);
const ROUNDS = 5;
const SECONDS = Math.max(1, Math.round(4 * SIZE));
const ROUTES = 1_000;
const CONNECTIONS = 16;
const HOST = 'bench.example.com';
const KEY = 'bench-consumer-key-0123456789';
const BODY = JSON.stringify({ padding: 'x'.repeat(1_000) });

type Measure = 'perSecond' | 'cpuUs' | 'p50Ms' | 'p99Ms' | 'aloneP50Ms' | 'aloneP99Ms';

export async function run(): Promise<BenchSection[]> {
  return [...(await proxying()), ...(await runMatching()), ...(await runPublishing())];
}

async function proxying(): Promise<BenchSection[]> {
  const wrk = findProgram('wrk', 'wrk');
  const nginx = findProgram('nginx', 'nginx');
  const haproxy = findProgram('haproxy', 'haproxy');
  if (wrk === null || nginx === null) throw new Error('wrk and nginx are needed to measure the gateway');
  const running: { stop(): Promise<void> }[] = [];
  try {
    const started = <T extends { stop(): Promise<void> }>(server: T): T => {
      running.push(server);
      return server;
    };
    const backend = started(await startNginx(nginx, { body: BODY }));
    const gateway = started(await startGateway(backend.url));
    const contenders = [
      contender(wrk, 'the gateway', gateway, { Host: HOST, 'x-api-key': KEY }),
      contender(wrk, 'ten-line Worker', started(await startWorker('bare-proxy', backend.url))),
      contender(wrk, 'careful Worker', started(await startWorker('careful-proxy', backend.url))),
      contender(wrk, 'hono proxy', started(await startWorker('hono-proxy', backend.url))),
      contender(wrk, 'nginx', started(await startNginx(nginx, { proxyTo: backend.url }))),
      ...(haproxy === null ? [] : [contender(wrk, 'haproxy', started(await startHaproxy(haproxy, backend.url)))]),
    ];
    const before = await counted(gateway.instance);
    const startedMs = performance.now();
    const medians = await interleaved(contenders, ROUNDS);
    const after = await assertAllRan(gateway, before);
    const ours = medians.get('the gateway');
    if (ours === undefined) throw new Error('the gateway was measured');
    const rows = [...medians].slice(1).flatMap(([name, theirs]): BenchRow[] => [
      {
        what: 'requests per second of CPU',
        ours: Math.round(1e6 / ours.cpuUs).toLocaleString('en'),
        peer: Math.round(1e6 / theirs.cpuUs).toLocaleString('en'),
        ratio: theirs.cpuUs / ours.cpuUs,
        note: `${name}; ${ours.cpuUs.toFixed(0)} against ${theirs.cpuUs.toFixed(0)} µs a request`,
      },
      {
        what: 'requests per second',
        ours: Math.round(ours.perSecond).toLocaleString('en'),
        peer: Math.round(theirs.perSecond).toLocaleString('en'),
        ratio: ours.perSecond / theirs.perSecond,
        note: `${name}; p50 ${ours.p50Ms.toFixed(2)} and ${theirs.p50Ms.toFixed(2)} ms, p99 ${ours.p99Ms.toFixed(1)} and ${theirs.p99Ms.toFixed(1)} ms`,
      },
      {
        what: 'latency, one connection',
        ours: `p50 ${ours.aloneP50Ms.toFixed(2)} ms, p99 ${ours.aloneP99Ms.toFixed(2)} ms`,
        peer: `p50 ${theirs.aloneP50Ms.toFixed(2)} ms, p99 ${theirs.aloneP99Ms.toFixed(2)} ms`,
        ratio: ours.aloneP50Ms / theirs.aloneP50Ms,
        note: `${name}; added: p50 ${(ours.aloneP50Ms - theirs.aloneP50Ms).toFixed(2)} ms`,
      },
    ]);
    return [
      {
        title: 'Gateway',
        setting: [
          `One of ${ROUTES.toLocaleString('en')} routes of one host, an API key, a leased rate limit, a circuit breaker and metrics, to an nginx that answers 1 KB; wrk, one thread, ${CONNECTIONS} connections, on the two cores that all share.`,
          `The peers only proxy: a Worker of ten lines, one that has headers of its own, a time-out, an end where the client leaves and short answers whole, and hono's proxy helper on the same runtime, nginx and haproxy with one thread for scale. Ratios above 1 are in our favour, but for latency. Medians of ${ROUNDS} interleaved rounds of ${SECONDS} s.`,
        ].join(' '),
        rows,
      },
      askedSection(before, after, (performance.now() - startedMs) / 1_000),
    ];
  } finally {
    for (const server of running.reverse()) await server.stop();
  }
}

/** What serving asks of the rest of the platform, as its own counters have it. */
function askedSection(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  seconds: number,
): BenchSection {
  const risen = (key: string) => (after.get(key) ?? 0) - (before.get(key) ?? 0);
  const requests = risen('orasi_gateway_requests_total');
  const row = (what: string, key: string, note: string): BenchRow => ({
    what,
    ours: `${((risen(key) * 1_000) / requests).toFixed(2)} for 1,000 requests`,
    peer: `${((risen(key) * 60) / seconds).toFixed(1)} a minute`,
    ratio: null,
    note,
  });
  return {
    title: 'Gateway: what serving asks of the platform',
    setting: `Counted by the gateway itself over ${requests.toLocaleString('en')} requests in ${Math.round(seconds)} s, by one isolate that is busy a fifth of the time. What a minute takes does not grow with requests, but for leases; the store of keys and values (KV) is not used.`,
    rows: [
      row(
        'control reads',
        'orasi_gateway_control_reads_total',
        'configuration, health and breakers together; at most one in 5 s where nothing changes',
      ),
      row('calls of RateLimiter', 'orasi_gateway_object_calls_total RateLimiter', 'leases of tokens'),
      row('calls of MetricsHub', 'orasi_gateway_object_calls_total MetricsHub', 'one flush in 10 s'),
      row('calls of all objects', 'orasi_gateway_object_calls_total', ''),
      row('reads of the bucket', 'orasi_gateway_store_reads_total', 'shards and manifests, once a version'),
    ],
  };
}

function contender(
  wrk: Program,
  name: string,
  server: ProxyServer,
  headers: Readonly<Record<string, string>> = {},
): RoundsContender<Measure> {
  const url = `${server.url}/service-500/items/1?page=2`;
  return {
    name,
    async round() {
      const many = await load(wrk, url, server.pids(), { connections: CONNECTIONS, seconds: SECONDS, headers });
      const alone = await load(wrk, url, server.pids(), { connections: 1, seconds: Math.max(1, SECONDS / 2), headers });
      if (many.failed + alone.failed > 0) throw new Error(`${name}: ${many.failed + alone.failed} requests failed`);
      process.stderr.write(`${name}: ${many.perSecond}/s, ${many.cpuUs.toFixed(0)} µs\n`);
      const { perSecond, cpuUs, p50Ms, p99Ms } = many;
      return { perSecond, cpuUs, p50Ms, p99Ms, aloneP50Ms: alone.p50Ms, aloneP99Ms: alone.p99Ms };
    },
  };
}

interface Gateway extends ProxyServer {
  readonly instance: Instance;
}

async function startGateway(backend: string): Promise<Gateway> {
  const instance = await launch({ vars: { LOG_LEVEL: 'error', UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8' } });
  const apply = async (plural: string, manifest: { apiVersion: string; metadata: { name: string } }) => {
    const root = manifest.apiVersion === 'v1' ? '/api/v1' : `/apis/${manifest.apiVersion}`;
    const answer = await instance.fetch(`${root}/namespaces/default/${plural}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(manifest),
    });
    if (answer.status !== 201) throw new Error(`${manifest.metadata.name}: ${answer.status} ${await answer.text()}`);
    await answer.body?.cancel();
  };
  const orasi = 'orasi.io/v1alpha1';
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'default' }];
  await apply('upstreams', {
    apiVersion: orasi,
    kind: 'Upstream',
    metadata: { name: 'bench' },
    spec: { endpoints: [{ address: backend }], circuitBreaker: { failureThreshold: 5 } },
  } as never);
  await apply('secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'consumers' },
    stringData: { bench: KEY },
  } as never);
  await apply('authpolicies', {
    apiVersion: orasi,
    kind: 'AuthPolicy',
    metadata: { name: 'keys' },
    spec: { targetRefs, apiKey: { from: [{ type: 'Header', name: 'x-api-key' }], secrets: [{ name: 'consumers' }] } },
  } as never);
  await apply('ratelimitpolicies', {
    apiVersion: orasi,
    kind: 'RateLimitPolicy',
    metadata: { name: 'plenty' },
    spec: {
      targetRefs,
      mode: 'leased',
      limits: [
        { name: 'all', algorithm: 'tokenBucket', limit: 1e9, burst: 1e9, windowSeconds: 10, key: [{ type: 'apiKey' }] },
      ],
    },
  } as never);
  for (let at = 0; at < ROUTES; at += 20) {
    const indexes = Array.from({ length: Math.min(20, ROUTES - at) }, (_, i) => at + i);
    await Promise.all(
      indexes.map((i) =>
        apply('httproutes', {
          apiVersion: 'gateway.networking.k8s.io/v1',
          kind: 'HTTPRoute',
          metadata: { name: `service-${i}` },
          spec: {
            parentRefs: [{ name: 'default' }],
            hostnames: [HOST],
            rules: [
              {
                matches: [{ path: { type: 'PathPrefix', value: `/service-${i}` } }],
                backendRefs: [{ group: 'orasi.io', kind: 'Upstream', name: 'bench' }],
              },
            ],
          },
        } as never),
      ),
    );
  }
  for (let turn = 0; !(await isInForce(instance.url)); turn++) {
    if (turn > 300) throw new Error('the routes and their policies are not published');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { instance, url: instance.url, pids: () => [instance.workerdPid], stop: () => instance.stop() };
}

/** Whether the last route is there, and its key asked for. */
async function isInForce(url: string): Promise<boolean> {
  const [known, stranger] = await Promise.all([ask(url, { 'x-api-key': KEY }), ask(url, {})]);
  return known.status === 200 && stranger.status === 401;
}

/** Node's `fetch` sends a Host of its own. */
function ask(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const sent = get(`${url}/service-${ROUTES - 1}/`, { headers: { host: HOST, ...headers } }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers });
    });
    sent.on('error', reject);
  });
}

/** The values of counters in the exposition, over all of their labels, and by `object` where that is one. */
async function counted(instance: Instance): Promise<ReadonlyMap<string, number>> {
  const text = await (await instance.fetch('/metrics')).text();
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, object, value] = /^(\w+)(?:\{(?:.*\bobject="(\w+)")?.*\})? (\S+)/.exec(line) ?? [];
    for (const key of name === undefined ? [] : object === undefined ? [name] : [name, `${name} ${object}`])
      sums.set(key, (sums.get(key) ?? 0) + Number(value));
  }
  return sums;
}

/** A part of the pipeline that did not run would make a fine figure: fails where one did not. */
async function assertAllRan(
  { instance, url }: Gateway,
  before: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  if (!(await isInForce(url))) throw new Error('a request without a key was let through, or one with a key was not');
  const { headers } = await ask(url, { 'x-api-key': KEY });
  if (headers.ratelimit === undefined) throw new Error('no rate limit was looked at');
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  const after = await counted(instance);
  const name = 'orasi_gateway_requests_total';
  if (!((after.get(name) ?? 0) > (before.get(name) ?? 0))) throw new Error(`${name} has not risen`);
  return after;
}
