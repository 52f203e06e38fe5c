import { expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import type { DiscoverySettings } from '../../src/core/protocol/discovery-settings.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { DiscoveryBackend } from '../../src/discovery/backend.ts';
import { ClusterServices } from '../../src/discovery/cluster-services.ts';
import type { LeasedStore } from '../../src/discovery/leased/store.ts';
import { type BackendParts, openBackend } from '../../src/discovery/open-backend.ts';
import { StaticBackend } from '../../src/discovery/static.ts';
import { anInstance } from './suite.ts';
import { virtualTiming } from './virtual-timing.ts';

const timing = virtualTiming();
const random = seededRandom(1);
const { signal } = new AbortController();
const refusing = async (): Promise<Response> => {
  throw new TypeError('fetch failed');
};

/** What is asked of whom, for a configuration. */
async function asked(settings: DiscoverySettings): Promise<{ name: string; asked: string[] }> {
  const urls: string[] = [];
  const parts: BackendParts = {
    timing,
    random,
    fetch: (url) => {
      urls.push(url);
      return refusing();
    },
    builtIn: () =>
      ({
        list: async (prefix) => {
          urls.push(`the cluster: ${prefix}`);
          return { records: [], revision: '1' };
        },
      }) as Partial<LeasedStore> as LeasedStore,
  };
  const backend = openBackend(settings, parts);
  await backend.list('api', signal).catch(() => {});
  return { name: backend.name, asked: [...new Set(urls)] };
}

test('the registry is the one that the configuration names', async () => {
  expect(await asked({ backend: 'builtIn', instances: [] })).toEqual({
    name: 'builtIn',
    asked: ['the cluster: /orasi/services/api/'],
  });
  expect(await asked({ backend: 'static', instances: [anInstance('api', 'a')] })).toEqual({
    name: 'static',
    asked: [],
  });
  const etcd = { endpoints: ['http://one:2379', 'http://two:2379'], prefix: '/mine/' };
  expect(await asked({ backend: 'etcd', instances: [], etcd })).toEqual({
    name: 'etcd',
    asked: ['http://one:2379/v3/kv/range', 'http://two:2379/v3/kv/range'],
  });
  const consul = { address: 'http://agent:8500' };
  expect(await asked({ backend: 'consul', instances: [], consul })).toEqual({
    name: 'consul',
    asked: ['http://agent:8500/v1/health/service/api?passing=1'],
  });
});

test.each<[DiscoverySettings, string]>([
  [{ backend: 'etcd', instances: [] }, 'etcd.endpoints'],
  [{ backend: 'etcd', instances: [], etcd: { endpoints: [] } }, 'etcd.endpoints'],
  [{ backend: 'consul', instances: [] }, 'consul.address'],
  [{ backend: 'static', instances: [{ ...anInstance('api', 'a'), port: 0 }] }, 'port'],
])('a configuration that lacks what its registry needs is refused by its path (%#)', (settings, path) => {
  try {
    openBackend(settings, { timing, random, fetch: refusing, builtIn: () => ({}) as LeasedStore });
  } catch (error) {
    expect(error instanceof OrasiError && error.errors.map((fault) => fault.path)).toEqual([path]);
    return;
  }
  throw new Error('it was taken');
});

test('what a registry said last is told while it does not answer, of each cluster and registry by itself', async () => {
  let dead = false;
  const settings: DiscoverySettings = { backend: 'static', instances: [anInstance('api', 'a'), anInstance('db', 'x')] };
  const services = new ClusterServices({
    timing,
    random,
    open: (_cluster, { instances }): DiscoveryBackend => {
      const backend = new StaticBackend(instances, timing);
      const fail = async () => {
        throw new OrasiError('unavailable', 'nobody answers');
      };
      return dead ? Object.assign(backend, { list: fail, services: fail }) : backend;
    },
  });
  expect(await services.services('one', settings)).toEqual({ services: ['api', 'db'], current: true });
  const seen = await services.list('one', settings, 'api');
  expect(seen).toMatchObject({ instances: [anInstance('api', 'a')], current: true });
  dead = true;
  expect(await services.services('one', settings)).toEqual({ services: ['api', 'db'], current: false });
  expect(await services.list('one', settings, 'api')).toEqual({ ...seen, current: false });
  // Nothing is known of another cluster, nor of the same one in another registry.
  const nothing = { instances: [], asOfMs: undefined, current: false };
  expect(await services.list('two', settings, 'api')).toMatchObject(nothing);
  expect(await services.list('one', { ...settings, instances: [] }, 'api')).toMatchObject(nothing);
});
