import { build } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { MASTER_TOKEN, openConsul } from '../discovery/consul-registry.ts';
import { openEtcd } from '../discovery/etcd-registry.ts';
import { findProgram } from '../discovery/process.ts';
import type { MortalRegistry } from '../discovery/registry.ts';
import { anInstance } from '../discovery/suite.ts';
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
  await registry.close();
}

const etcd = findProgram('etcd');
const consul = findProgram('consul');

test.skipIf(etcd === undefined)('a Worker and a process of Node find each other over etcd', async () => {
  await meetInWorkerd(await openEtcd(etcd!));
});

test.skipIf(consul === undefined)('a Worker and a process of Node find each other over Consul', async () => {
  await meetInWorkerd(await openConsul(consul!), MASTER_TOKEN);
});
