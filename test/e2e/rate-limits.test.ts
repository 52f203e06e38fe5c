import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import type { PolicyEntry } from '../../src/core/protocol/gateway.ts';
import type { CompiledLimit, CompiledRateLimits, KeyPart } from '../../src/core/protocol/rate-limit.ts';
import { NAMESPACE_UID, rule, type TestRule, upstream } from '../gateway/entries.ts';
import { sized } from '../scale.ts';
import { limitOf } from '../traffic/limit/rules.ts';
import { type Backend, backendServer, publish, type Sending, type Sent, send } from './gateway-world.ts';

const HOST = 'limits.localhost';
const BY_CLIENT: readonly KeyPart[] = [{ type: 'header', name: 'x-client' }];
/** Long enough that no test meets its end but at a full hour. */
const HOUR = { algorithm: 'fixedWindow', windowMs: 3_600_000 } as const;

const POLICIES: Readonly<Record<string, CompiledRateLimits>> = {
  exact: policy({ mode: 'exact' }, { ...HOUR, limit: 50, key: BY_CLIENT }),
  sharded: policy({ mode: 'exact', shards: 8 }, { ...HOUR, limit: 5, key: BY_CLIENT }),
  leased: policy({ mode: 'leased' }, { ...HOUR, limit: 100, key: BY_CLIENT }),
  sliding: policy({ mode: 'leased' }, { algorithm: 'slidingWindow', limit: 100, windowMs: 20_000 }),
  bucket: policy({ mode: 'leased' }, { algorithm: 'tokenBucket', limit: 100, burst: 100, windowMs: 2_000 }),
  killed: policy({ mode: 'exact' }, { ...HOUR, limit: 20, key: BY_CLIENT }),
  address: policy({ mode: 'exact' }, { ...HOUR, limit: 3, key: [{ type: 'ip' }] }),
  flight: policy({ mode: 'exact' }, { algorithm: 'concurrency', windowMs: 0, limit: 2, key: BY_CLIENT }),
  cost: policy({ mode: 'exact' }, { ...HOUR, limit: 100, measure: 'cost', costHeader: 'x-cost', key: BY_CLIENT }),
  bytes: policy({ mode: 'exact' }, { ...HOUR, limit: 5_000, measure: 'bytes', key: BY_CLIENT }),
  dry: policy({ mode: 'exact', dryRun: true }, { ...HOUR, limit: 1 }),
  edge: policy({ mode: 'edge', tier: 'EDGE_10_PER_10' }, { limit: 10, windowMs: 10_000, key: BY_CLIENT }),
  // No object knows such an algorithm: it throws whatever it is asked.
  open: policy({ mode: 'leased', onFailure: 'open' }, { algorithm: 'none' as never }),
  closed: policy({ mode: 'leased', onFailure: 'closed' }, { algorithm: 'none' as never }),
  several: policy(
    { mode: 'exact' },
    { ...HOUR, name: 'wide', limit: 100, key: BY_CLIENT },
    {
      ...HOUR,
      name: 'narrow',
      limit: 2,
      key: [...BY_CLIENT, { type: 'pathSegment', index: 1, literals: ['several'] }],
    },
  ),
};

const VARS = { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8', TRUSTED_PROXIES: '198.51.100.0/24' };
const stateDir = mkdtempSync(join(tmpdir(), 'orasi-limits-'));

let instance: Instance;
let workers: { url: string }[];
let origin: Backend;
/** Answers that are held back until they are let go. */
const held: (() => void)[] = [];

function policy(given: Partial<CompiledRateLimits>, ...limits: Partial<CompiledLimit>[]): CompiledRateLimits {
  const usual = { mode: 'exact', tier: null, dryRun: false, onFailure: 'closed', shards: 1 } as const;
  return { ...usual, ...given, limits: limits.map((limit) => limitOf(limit)) };
}

beforeAll(async () => {
  origin = await backendServer((request, response) => {
    const { searchParams, pathname } = new URL(request.url ?? '', 'http://x');
    const cost = searchParams.get('cost');
    if (cost !== null) response.setHeader('x-cost', cost);
    if (searchParams.has('hold')) held.push(() => response.end('held'));
    else response.end(pathname.startsWith('/bytes') ? 'x'.repeat(1_000) : 'ok');
  });
  instance = await launch({ stateDir, gateways: 3, vars: VARS });
  workers = [instance, ...instance.gatewayUrls.map((url) => ({ url }))];
  const policies: Record<`policy:${string}`, PolicyEntry> = {};
  const rules: TestRule[] = [];
  for (const [name, spec] of Object.entries(POLICIES)) {
    const key = `policy:${NAMESPACE_UID}/ratelimitpolicies/${name}` as const;
    policies[key] = { kind: 'RateLimitPolicy', name, namespaceUid: NAMESPACE_UID, spec };
    rules.push(rule(`/${name}`, 'origin', [], { policies: [{ kind: 'RateLimitPolicy', key, target: 'HTTPRoute' }] }));
  }
  const upstreams = { origin: upstream([origin.address]) };
  await publish(instance, { upstreams, policies, hosts: { [`http://${HOST}`]: rules } });
});

afterAll(async () => {
  await instance?.stop();
  await origin?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

function get(path: string, sending: Sending = {}, worker = 0): Promise<Sent> {
  return send(workers[worker], HOST, path, sending);
}

function by(client: string): Sending {
  return { headers: { 'x-client': client } };
}

/** Statuses by how often they came of `count` requests of each Worker, a few of each at a time. */
async function storm(path: string, count: number, sending: Sending = {}): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  const line = async (worker: number, times: number) => {
    for (let i = 0; i < times; i++) {
      const { status } = await get(path, sending, worker);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(workers.flatMap((_, worker) => [0, 1, 2, 3].map(() => line(worker, Math.ceil(count / 4)))));
  return statuses;
}

describe('Workers that share a limit', () => {
  test('let exactly the limit through where it is exact', async () => {
    expect(await storm('/exact', 40, by('a'))).toEqual({ 200: 50, 429: 110 });
    expect((await get('/exact', by('b'))).status).toBe(200);
  });

  test('let exactly the limit through where its keys are divided over objects', async () => {
    const clients = Array.from({ length: 6 }, (_, i) => `client-${i}`);
    const counts = await Promise.all(clients.map((client) => storm('/sharded', 4, by(client))));
    for (const statuses of counts) expect(statuses).toEqual({ 200: 5, 429: 11 });
  });

  test('let no more than a leased window through, and nearly all of it', async () => {
    const { 200: admitted } = await storm('/leased', sized(40), by('a'));
    expect(admitted).toBeLessThanOrEqual(100);
    expect(admitted).toBeGreaterThan(85);
    const { 200: sliding } = await storm('/sliding', sized(40));
    expect(sliding).toBeLessThanOrEqual(100);
    expect(sliding).toBeGreaterThan(70);
    console.info(`leased: ${admitted} of 100 in a fixed window, ${sliding} of 100 in a sliding one`);
  });

  test('let no more than what a bucket gives in the time of a lease through beyond it', async () => {
    const startMs = Date.now();
    let admitted = 0;
    while (Date.now() - startMs < sized(700)) admitted += (await storm('/bucket', 20))[200] ?? 0;
    const elapsedMs = Date.now() - startMs;
    const allowed = 100 + (elapsedMs * 100) / 2_000;
    // A lease of a window of two seconds is 200 ms.
    const bound = (200 * 100) / 2_000;
    console.info(`leased: ${admitted} of ${Math.floor(allowed)} out of a bucket in ${elapsedMs} ms, bound +${bound}`);
    expect(admitted).toBeLessThanOrEqual(allowed + bound);
    expect(admitted).toBeGreaterThan(0.8 * allowed);
  });
});

describe('an object that is taken out of memory', () => {
  const name = `${NAMESPACE_UID}/killed/0`;

  test('has written what it counted: it is not taken while it has not', async () => {
    for (let i = 0; i < 15; i++) await get('/killed', by('a'));
    await instance.evict('RateLimiter', name);
    expect(await storm('/killed', 4, by('a'))).toEqual({ 200: 5, 429: 11 });
    const watched = instance.bindings.CATALOG.prepare("SELECT name FROM watched_objects WHERE kind = 'rate-limiter'");
    const { results } = await watched.all<{ name: string }>();
    expect(results.map((row) => row.name)).toContain(name);
    // As the end of its namespace does it.
    await instance.bindings.RATE_LIMITER.getByName(name).erase();
    expect((await get('/killed', by('a'))).headers['x-ratelimit-remaining']).toBe('19');
  });
});

describe('a limiter that fails', () => {
  test('lets requests through where its policy is open, and none where it is closed', async () => {
    expect((await get('/open')).status).toBe(200);
    const { status, headers, json } = await get('/closed');
    expect([status, headers['retry-after'], json<{ code: string }>().code]).toEqual([503, '1', 'unavailable']);
  });
});

describe('the answer of a limited request', () => {
  test('says how the tightest limit stands, and a refusal when to come again', async () => {
    const first = await get('/several/7', by('h'));
    expect(first.headers['ratelimit-policy']).toBe('"wide";q=100;w=3600, "narrow";q=2;w=3600');
    expect(first.headers.ratelimit).toMatch(/^"narrow";r=1;t=\d{1,4}$/);
    expect([first.headers['x-ratelimit-limit'], first.headers['x-ratelimit-remaining']]).toEqual(['2', '1']);
    await get('/several/7', by('h'));
    const refused = await get('/several/7', by('h'));
    expect(refused.status).toBe(429);
    expect(refused.headers['content-type']).toBe('application/problem+json');
    const seconds = refused.headers['retry-after'];
    expect(Number(seconds)).toBeGreaterThan(0);
    expect(refused.headers.ratelimit).toBe(`"narrow";r=0;t=${seconds}`);
    expect(refused.json<object>()).toMatchObject({
      code: 'rate_limited',
      status: 429,
      'violated-policies': ['narrow'],
    });
    // Another path has a counter of its own, and the refusal took nothing from the limit that would have allowed it.
    const other = await get('/several/8', by('h'));
    expect(other.status).toBe(200);
    await get('/several/9', by('h'));
    expect((await get('/several/10', by('h'))).headers['ratelimit-policy']).toContain('"wide";q=100');
  });

  test('of a dry run says nothing', async () => {
    const answers = [await get('/dry'), await get('/dry'), await get('/dry')];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const { headers } of answers) expect(Object.keys(headers).join()).not.toMatch(/ratelimit/);
  });

  test('of a tier of the platform carries its policy only', async () => {
    const answers = await Promise.all(Array.from({ length: 15 }, () => get('/edge', by('e'))));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBe(5);
    expect(refused[0].headers['retry-after']).toBe('10');
    for (const { headers } of answers) {
      expect(headers['ratelimit-policy']).toBe('"a";q=10;w=10');
      expect(headers.ratelimit).toBeUndefined();
    }
  });
});

describe('the key of a client', () => {
  test('is not changed by what it says of its address, unless a trusted proxy says it', async () => {
    const spoofed = (at: number): Sending => ({
      headers: { 'x-forwarded-for': `192.0.2.${at}`, forwarded: `for=192.0.2.${at}`, 'x-real-ip': `192.0.2.${at}` },
    });
    const statuses: number[] = [];
    for (let at = 0; at < 4; at++) statuses.push((await get('/address', spoofed(at))).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const proxied = (at: number): Sending => ({
      headers: { 'cf-connecting-ip': '198.51.100.7', 'x-forwarded-for': `2001:db8:0:${at}::${at}` },
    });
    for (let at = 1; at < 5; at++) expect((await get('/address', proxied(at))).status).toBe(200);
    const neighbour = (host: string): Sending => ({
      headers: { 'cf-connecting-ip': '198.51.100.7', 'x-forwarded-for': `2001:db8:0:9::${host}` },
    });
    const within: number[] = [];
    for (const host of ['1', '2', 'a:b:c', 'ffff']) within.push((await get('/address', neighbour(host))).status);
    expect(within).toEqual([200, 200, 200, 429]);
  });
});

describe('what is known only afterwards', () => {
  test('is charged: the cost that the upstream names', async () => {
    const remaining = async (path: string) => (await get(path, by('c'))).headers['x-ratelimit-remaining'];
    await get('/cost?cost=60', by('c'));
    await settled();
    expect(await remaining('/cost')).toBe('39');
    await get('/cost?cost=500', by('c'));
    await settled();
    expect((await get('/cost', by('c'))).status).toBe(429);
  });

  test('is charged: the bytes of both bodies', async () => {
    const sending = { ...by('b'), method: 'POST', body: 'y'.repeat(1_500) };
    expect((await get('/bytes', sending)).status).toBe(200);
    await settled();
    expect((await get('/bytes', sending)).headers['x-ratelimit-remaining']).toBe('2500');
    await settled();
    const third = await get('/bytes', sending);
    expect([third.status, third.headers['x-ratelimit-remaining']]).toEqual([429, '0']);
    // A body that does not say its length is counted all the same.
    const chunked = { ...sending, headers: { 'x-client': 'chunked', 'transfer-encoding': 'chunked' } };
    await get('/bytes', chunked);
    await settled();
    expect((await get('/bytes', chunked)).headers['x-ratelimit-remaining']).toBe('2500');
  });

  /** The object is told after the answer. */
  function settled(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 60));
  }
});

describe('requests in flight', () => {
  test('are as many as the limit over all Workers, and one that ends makes room', async () => {
    const waiting = [get('/flight?hold', by('f'), 0), get('/flight?hold', by('f'), 1)];
    while (held.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await get('/flight', by('f'), 2)).status).toBe(429);
    held.shift()?.();
    held.shift()?.();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
    const after = async () => (await get('/flight', by('f'), 3)).status;
    await expect.poll(after, { timeout: 2_000 }).toBe(200);
  });
});

test('a client that leaves makes room', async () => {
  const requests = [0, 1].map(() => {
    const request = http.get(`${instance.url}/flight?hold`, { headers: { host: HOST, 'x-client': 'gone' } });
    request.on('error', () => undefined);
    return request;
  });
  await expect.poll(() => held.length).toBe(2);
  expect((await get('/flight', by('gone'), 1)).status).toBe(429);
  // One that only ends its side may still take the answer.
  for (const { socket } of requests) socket?.resetAndDestroy();
  await expect.poll(async () => (await get('/flight', by('gone'), 1)).status, { timeout: 3_000 }).toBe(200);
});

// The last: it ends the instance that the others ask.
test('an object that dies forgets what it counted in its last second, and nothing before', async () => {
  for (let i = 0; i < 12; i++) await get('/killed', by('b'));
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  for (let i = 0; i < 5; i++) await get('/killed', by('b'));
  await instance.kill9();
  instance = await launch({ stateDir, vars: VARS });
  workers = [instance];
  const { 200: admitted = 0 } = await storm('/killed', 12, by('b'));
  expect(admitted).toBeGreaterThanOrEqual(20 - 17);
  expect(admitted).toBeLessThanOrEqual(20 - 12);
});
