import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { INTERMEDIATE, LEAF, LEAF_KEY } from '../certificates.ts';
import { findProgram, freePorts, ServerProcess } from '../discovery/process.ts';
import { until } from '../discovery/until.ts';
import { applyAll, createNamespace, routed, routeTo, upstreamOf } from './gateway-resources.ts';
import { type Backend, backendServer, send } from './gateway-world.ts';
import { orasiCommand } from './orasi-command.ts';

const prometheus = findProgram('prometheus');
const promtool = findProgram('promtool');
const TOKEN = 'the-token-of-this-test';
let port: number;
let prometheusPort: number;
let scraper: ServerProcess | undefined;
let instance: Instance;
let shop: Backend;
beforeAll(async () => {
  [port, prometheusPort] = await freePorts(2);
  const scraping = prometheus === undefined ? undefined : startPrometheus(prometheus);
  shop = await backendServer((request, response) => {
    if (request.url === '/broken') response.writeHead(503).end('no');
    else response.end('yes');
  });
  instance = await launch({
    port,
    vars: { ADMIN_TOKEN: TOKEN, METRICS_FLUSH_MS: '200', UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8' },
  });
  scraper = await scraping;
  await applyAll(instance, 'default', routed('shop', ['shop.example.com'], shop.address));
  await until('the route is there', async () => (await send(instance, 'shop.example.com', '/')).status === 200);
});
afterAll(async () => {
  await scraper?.close();
  await instance?.stop();
  await shop?.stop();
});

const metrics = async (accept = 'text/plain') => (await instance.fetch('/metrics', { headers: { accept } })).text();

test('requests are counted by rule, upstream and status class, and seen at /metrics within the flush', async () => {
  await send(instance, 'shop.example.com', '/broken');
  await send(instance, 'nobody.example.com', '/');
  const labels = 'namespace="default",route="shop",rule="0",upstream="default/shop"';
  await until('the answers are counted', async () => {
    const lines = (await metrics()).split('\n');
    return (
      lines.some((line) => line.startsWith(`orasi_gateway_requests_total{${labels},status_class="5xx"} 1`)) &&
      lines.some((line) => /^orasi_gateway_refusals_total\{.*code="no_route"\} [1-9]/.test(line))
    );
  });
  const text = await metrics();
  expect(text).toContain('orasi_gateway_object_calls_total{object="UpstreamMonitor"}');
  expect(text).toContain(`endpoint="${shop.address}",outcome="5xx"} 1`);
  expect(await metrics('application/openmetrics-text; version=1.0.0')).toMatch(/# EOF\n$/);
});

test('when the certificates of listeners end is a metric', async () => {
  const listener = { name: 'tls', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'tls' }] } };
  await applyAll(instance, 'default', [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'tls' },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': LEAF + INTERMEDIATE, 'tls.key': LEAF_KEY },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'edge' },
      spec: { gatewayClassName: 'orasi', listeners: [listener] },
    },
  ]);
  const name = 'orasi_gateway_certificate_expiry_timestamp_seconds';
  const endsSeconds = Date.UTC(2081, 7, 24, 18, 7, 9) / 1_000;
  const line = `${name}{namespace="default",gateway="edge",listener="tls"} ${endsSeconds}`;
  await until('the certificate is looked at', async () => (await metrics()).split('\n').includes(line));
});

test('/metrics is for tokens of all namespaces', async () => {
  expect((await instance.fetch('/metrics', { headers: { authorization: '' } })).status).toBe(401);
  const key = await instance.fetch('/v1/namespaces/default/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ role: 'reader' }),
  });
  const { token } = (await key.json()) as { token: string };
  expect((await instance.fetch('/metrics', { headers: { authorization: `Bearer ${token}` } })).status).toBe(403);
});

test.skipIf(promtool === undefined)('promtool finds nothing to complain about', async () => {
  const output = execFileSync(promtool as string, ['check', 'metrics'], { input: await metrics(), stdio: 'pipe' });
  expect(output.toString()).toBe('');
});

test.skipIf(prometheus === undefined)('Prometheus scrapes it', async () => {
  const query = async (expression: string) => {
    const url = `http://127.0.0.1:${prometheusPort}/api/v1/query?query=${encodeURIComponent(expression)}`;
    const { data } = (await (await fetch(url)).json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1] ?? Number.NaN);
  };
  await until('Prometheus has the counters', async () => {
    if ((await query('up{job="orasi"}')) !== 1) return false;
    return (await query('sum(orasi_gateway_requests_total{status_class="2xx"})')) > 0;
  });
  const buckets = 'orasi_gateway_request_duration_seconds_bucket{route="shop",le="+Inf"}';
  expect(await query(`count(${buckets})`)).toBeGreaterThan(0);
});

/** A Prometheus that scrapes the instance, which need not be there yet: it takes seconds to begin. */
async function startPrometheus(command: string): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-prometheus-'));
  const config = join(folder, 'prometheus.yml');
  const scrape = {
    job_name: 'orasi',
    authorization: { credentials: TOKEN },
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  };
  const global = { scrape_interval: '200ms', scrape_timeout: '200ms' };
  writeFileSync(config, JSON.stringify({ global, scrape_configs: [scrape] }));
  const server = new ServerProcess(
    command,
    (dataDir) => [
      `--config.file=${config}`,
      `--storage.tsdb.path=${dataDir}`,
      `--web.listen-address=127.0.0.1:${prometheusPort}`,
    ],
    async () => (await fetch(`http://127.0.0.1:${prometheusPort}/-/ready`)).ok,
  );
  await server.start();
  return server;
}

test('a trace goes on from the caller to the upstream, and its spans and the request are lines of the log', async () => {
  const before = shop.received.length;
  const answer = await send(instance, 'shop.example.com', '/traced?token=s3cret', {
    headers: {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'vendor=1',
      'x-request-id': 'from-the-caller',
    },
  });
  expect(answer.headers['x-request-id']).toBe('from-the-caller');
  const { headers } = shop.received[before];
  expect(headers).toMatchObject({ tracestate: 'vendor=1', 'x-request-id': 'from-the-caller' });
  const [, traceId, spanId, flags] = String(headers['traceparent']).split('-');
  expect([traceId, flags]).toEqual(['0af7651916cd43dd8448eb211c80319c', '01']);
  const lines = await until('the spans are logged', () => {
    const logged = instance.logs.filter((line) => line.includes(traceId)).map((line) => JSON.parse(line));
    return logged.length === 3 && logged;
  });
  const [access, server, client] = ['request', 'SERVER', 'CLIENT'].map((what) =>
    lines.find(({ message, kind }) => message === what || kind === what),
  );
  expect(access).toMatchObject({ component: 'access', requestId: 'from-the-caller', query: '?token=[redacted]' });
  expect(server).toMatchObject({ component: 'trace', parentSpanId: 'b7ad6b7169203331' });
  expect(client).toMatchObject({ spanId, parentSpanId: server.spanId });
  expect(instance.logs.join()).not.toContain('s3cret');
});

test('a malformed request id is replaced, and answers that were refused have one', async () => {
  const answer = await send(instance, 'nobody.example.com', '/', { headers: { 'x-request-id': 'not one' } });
  expect(answer.headers['x-request-id']).toMatch(/^[0-9a-z]{26}$/);
  const malformed = await send(instance, 'shop.example.com', '/%zz');
  expect([malformed.status, malformed.headers['x-request-id']?.length]).toEqual([400, 26]);
});

const explain = async (namespace: string, asked: object, authorization?: string) => {
  const answer = await instance.fetch(`/v1/namespaces/${namespace}/gateway/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    body: JSON.stringify(asked),
  });
  return { status: answer.status, json: JSON.parse(await answer.text()) };
};

test('explain says where a request would go and why, sending and counting nothing', async () => {
  const match = (value: string, headers: object[] = []) => [{ path: { type: 'PathPrefix', value }, headers }];
  await applyAll(instance, 'default', [
    upstreamOf('api', [shop.address, 'http://127.0.0.1:9'], { circuitBreaker: { failureThreshold: 3 } }),
    routeTo('api', 'api', ['api.example.com'], {
      matches: match('/v1', [{ name: 'x-plan', value: 'gold' }]),
      filters: [
        { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/inner' } } },
      ],
    }),
    routeTo('api', 'rest', ['api.example.com'], { matches: match('/') }),
    {
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'RateLimitPolicy',
      metadata: { name: 'few' },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'api' }],
        mode: 'exact',
        limits: [{ name: 'minute', algorithm: 'fixedWindow', limit: 2, windowSeconds: 60, key: [{ type: 'ip' }] }],
      },
    },
  ]);
  const asked = { url: 'http://api.example.com/v1/../v1/items?page=2', headers: { 'x-plan': 'gold' } };
  const explained = await until('both routes are there', async () => {
    const { json } = await explain('default', asked);
    return json.match?.route === 'default/api' && json.limits.length > 0 && json;
  });
  const before = shop.received.length;
  expect(explained).toMatchObject({
    request: { method: 'GET', host: 'api.example.com', path: '/v1/items', query: '?page=2' },
    outcome: { type: 'proxied' },
    match: { route: 'default/api', because: ['path is /v1 or below', 'header x-plan is gold'] },
    rules: [
      { route: 'default/api', outcome: 'matched' },
      { route: 'default/rest', outcome: 'outranked' },
    ],
    filters: ['rewrites to /inner in place of the matched prefix'],
    policies: [{ kind: 'RateLimitPolicy', name: 'few', target: 'HTTPRoute' }],
    limits: [{ policy: 'few', limit: 'minute', mode: 'exact', allowed: true, remaining: 2 }],
    backends: [{ name: 'default/api', share: 1, fault: null, upstream: { breaker: 'Closed' } }],
    forwarded: { path: '/inner/items', query: '?page=2' },
  });
  for (let i = 0; i < 5; i++) await explain('default', asked);
  const { json: again } = await explain('default', asked);
  expect(again.limits[0].remaining).toBe(2);
  expect(shop.received.length).toBe(before);
  const { json: other } = await explain('default', { url: 'http://api.example.com/v1/items', method: 'POST' });
  expect(other.match.route).toBe('default/rest');
  expect(other.rules[0]).toMatchObject({
    route: 'default/api',
    outcome: 'failed',
    why: 'header x-plan: expected gold, found nothing',
  });
});

test('explain agrees with what then happens: refused by a limit, redirected, without a route', async () => {
  await applyAll(instance, 'default', [
    routeTo('api', 'moved', ['moved.example.com'], {
      backendRefs: undefined,
      filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'new.example.com', statusCode: 301 } }],
    }),
  ]);
  const limited = { url: 'http://api.example.com/v1', headers: { 'x-plan': 'gold' } };
  // As many as a window takes, and again where one has ended meanwhile.
  const use = async () => {
    for (let i = 0; i < 3; i++) await send(instance, 'api.example.com', '/v1', { headers: limited.headers });
  };
  const cases = [
    { asked: { ...limited, clientIp: '127.0.0.1' }, status: 429, detail: 'limit "minute"' },
    { asked: { url: 'http://moved.example.com/a' }, status: 301, detail: 'http://new.example.com/a' },
    { asked: { url: 'http://nobody.example.com/' }, status: 404, detail: 'no route for GET /' },
  ];
  for (const { asked, status, detail } of cases) {
    const { outcome } = await until('it is explained so', async () => {
      if (status === 429) await use();
      const { json } = await explain('default', asked);
      return json.outcome.status === status && json;
    });
    expect(outcome.detail).toContain(detail);
    const { host, pathname } = new URL(asked.url);
    expect((await send(instance, host, pathname, { headers: 'headers' in asked ? asked.headers : {} })).status).toBe(
      status,
    );
  }
});

test('a reader explains its own namespace, and of hosts of another one learns only that they are not its own', async () => {
  await createNamespace(instance, 'acme');
  const issued = await instance.fetch('/v1/namespaces/acme/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ role: 'reader' }),
  });
  const { token } = (await issued.json()) as { token: string };
  const authorization = `Bearer ${token}`;
  const { status, json } = await explain('acme', { url: 'http://shop.example.com/' }, authorization);
  expect(status).toBe(200);
  expect(json).toMatchObject({
    outcome: { type: 'elsewhere', detail: '"shop.example.com" is not a host of namespace "acme"' },
    match: null,
    rules: [],
    omitted: 0,
    backends: [],
    policies: [],
  });
  expect(JSON.stringify(json)).not.toContain(shop.address);
  expect((await explain('default', { url: 'http://shop.example.com/' }, authorization)).status).toBe(403);
});

test('explain tells no addresses of an upstream that another namespace lets a route refer to', async () => {
  const lent = { group: 'orasi.io', kind: 'Upstream', name: 'lent', namespace: 'acme' };
  await applyAll(instance, 'acme', [
    upstreamOf('lent', [shop.address]),
    {
      apiVersion: 'gateway.networking.k8s.io/v1beta1',
      kind: 'ReferenceGrant',
      metadata: { name: 'lend' },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }],
        to: [{ group: 'orasi.io', kind: 'Upstream' }],
      },
    },
  ]);
  await applyAll(instance, 'default', [routeTo('', 'borrows', ['lent.example.com'], { backendRefs: [lent] })]);
  const { outcome, backends } = await until('the route is there', async () => {
    const { json } = await explain('default', { url: 'http://lent.example.com/' });
    return json.outcome.type === 'proxied' && json;
  });
  expect(outcome.detail).toBe('acme/lent at an endpoint of namespace acme');
  expect(backends).toMatchObject([{ name: 'acme/lent', upstream: { endpoints: [] } }]);
  expect(JSON.stringify(backends)).not.toContain(shop.address);
});

test('breakers are seen at /metrics as isolates have them', async () => {
  const labels = `namespace="default",upstream="default/api",endpoint="${shop.address}",state="Closed"`;
  await until('the breaker is told', async () => {
    await send(instance, 'api.example.com', '/');
    return (await metrics()).includes(`orasi_gateway_breaker_isolates{${labels}} 1`);
  });
});

test('orasi explain prints the outcome first, then what led to it, and ends with 1 where that is an error', async () => {
  const orasi = orasiCommand({ ORASI_URL: instance.url, ORASI_TOKEN: instance.adminToken });
  try {
    const url = 'http://api.example.com/v1/items';
    const told = await orasi.run([
      'explain',
      'GET',
      url,
      '-H',
      'X-Plan: gold',
      '--ip',
      '192.0.2.7',
      '--cf',
      'colo=FRA',
    ]);
    expect(told).toMatchObject({ code: 0, stderr: '' });
    const lines = told.stdout.split('\n');
    expect(lines[0]).toBe(`request    GET ${url}`);
    expect(lines[1]).toMatch(/^outcome {4}to default\/api at http:\/\/127\.0\.0\.1:\d+$/);
    expect(told.stdout).toContain('because header x-plan is gold');
    expect(told.stdout).toContain('default/rest, rule 0 (path is / or below): it would match as well, and comes after');
    expect(told.stdout).toContain('few/minute (exact)');
    const nowhere = await orasi.run(['explain', 'GET', 'http://nobody.example.com/', '-o', 'json']);
    expect([nowhere.code, JSON.parse(nowhere.stdout).outcome.code]).toEqual([1, 'no_route']);
    expect(await orasi.run(['explain', 'GET', url, '-H', 'nonsense'])).toMatchObject({ code: 2 });
    expect((await orasi.run(['explain', 'GET', '/relative'])).stderr).toContain('expected an address');
  } finally {
    orasi.remove();
  }
});
