import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { findProgram, freePorts, ServerProcess } from '../discovery/process.ts';
import { until } from '../discovery/until.ts';
import { applyAll, routed } from './gateway-resources.ts';
import { type Backend, backendServer, send } from './gateway-world.ts';

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
