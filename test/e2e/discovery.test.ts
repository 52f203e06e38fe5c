import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAgentConfig } from '../../agent/process/config.ts';
import { registrar } from '../../agent/process/registering.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { MASTER_TOKEN, openConsul } from '../discovery/consul-registry.ts';
import { openEtcd } from '../discovery/etcd-registry.ts';
import { findProgram } from '../discovery/process.ts';
import type { MortalRegistry } from '../discovery/registry.ts';
import { anInstance } from '../discovery/suite.ts';
import { until } from '../discovery/until.ts';
import type { Target } from './discovery-worker.ts';

let miniflare: Miniflare;
let url: URL;

beforeAll(async () => {
  const bundled = await build({
    entryPoints: ['test/e2e/discovery-worker.ts'],
    bundle: true,
    format: 'esm',
    write: false,
    target: 'es2024',
    conditions: ['workerd'],
  });
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        {
          name: 'discovery',
          modules: [{ type: 'ESModule', path: 'discovery.js', contents: bundled.outputFiles[0].text }],
          compatibilityDate: '2026-08-15',
          compatibilityFlags: ['nodejs_compat'],
        },
      ],
    }),
  );
  url = await miniflare.ready;
});
afterAll(async () => {
  await miniflare.dispose();
});

async function meetInWorkerd(registry: MortalRegistry & { url: string }, token?: string): Promise<void> {
  const discovery = new Discovery({ backend: registry.open(), timing: systemTiming, random: seededRandom(1) });
  discovery.register(anInstance('edge', 'node'), { ttlSeconds: 30 });
  const target: Target = { url: registry.url, token };
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(target) });
  const { seen, health } = (await answer.json()) as { seen: string[][]; health: unknown };
  expect(seen).toContainEqual(['node', 'worker']);
  expect(seen.at(-1)).toEqual(['node']);
  expect(health).toEqual({ state: 'connected' });
  expect((await discovery.list('edge')).instances).toEqual([anInstance('edge', 'node')]);
  await discovery.close();
  await seeAgent(registry, token);
  await registry.close();
}

/** An agent registers as its configuration says, is not listed while it stops, and is gone at the end. */
async function seeAgent(registry: MortalRegistry & { url: string }, token?: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-registering-'));
  const secret = join(folder, 'secret');
  writeFileSync(secret, `${token}\n`);
  const options: Record<string, string> = {
    ...{ registry: token === undefined ? 'etcd' : 'consul', 'registry-urls': `${registry.url}/` },
    ...{
      'agent-id': 'a-1',
      queue: 'q',
      zone: 'lhr',
      ...(token === undefined ? {} : { 'registry-secret-file': secret }),
    },
  };
  const config = await readAgentConfig(undefined, {}, (name) => (options[name] === undefined ? [] : [options[name]]));
  const registering = (await registrar(config, seededRandom(2)))?.('10.0.0.7', 8082);
  const discovery = new Discovery({ backend: registry.open(), timing: systemTiming, random: seededRandom(3) });
  const listed = async () => (await discovery.list('orasi-agent')).instances;
  await until('the agent is listed', async () => (await listed()).length === 1);
  const metadata = { cluster: 'default', queue: 'q', zone: 'lhr' };
  expect(await listed()).toEqual([{ id: 'a-1', service: 'orasi-agent', address: '10.0.0.7', port: 8082, metadata }]);
  await until('it knows', () => registering?.status().state === 'registered');
  registering?.stopping();
  await until('the agent is not listed', async () => (await listed()).length === 0);
  await registering?.close();
  expect(registering?.status()).toMatchObject({ state: 'deregistered' });
  await discovery.close();
  rmSync(folder, { recursive: true });
}

const etcd = findProgram('etcd');
const consul = findProgram('consul');

test.skipIf(etcd === undefined)('a Worker and a process of Node find each other over etcd', async () => {
  await meetInWorkerd(await openEtcd(etcd!));
});

test.skipIf(consul === undefined)('a Worker and a process of Node find each other over Consul', async () => {
  await meetInWorkerd(await openConsul(consul!), MASTER_TOKEN);
});
