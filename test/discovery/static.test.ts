import { expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import { StaticBackend } from '../../src/discovery/static.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { anInstance, discoverySuite, watchOf } from './suite.ts';
import { until } from './until.ts';
import { virtualTiming } from './virtual-timing.ts';

// In this process nothing takes time by itself, so hours of it take none.
const timing = virtualTiming();
const registry = new StaticBackend([], timing);
discoverySuite('static', () => ({
  open: () => registry,
  timing,
  ttlSeconds: 1,
  remove: async (service, id) => {
    // Whoever takes an id over may take it away.
    const grant = await registry.register(anInstance(service, id), { ttlSeconds: 1, healthy: false });
    await registry.deregister(anInstance(service, id), grant);
  },
  close: async () => {},
}));

const discoveryOver = (backend: StaticBackend) =>
  new Discovery({ backend, timing: systemTiming, random: seededRandom(1) });

test('declared instances are there without being renewed, until another list is declared', async () => {
  const backend = new StaticBackend([anInstance('api', 'a'), anInstance('db', 'x')], systemTiming);
  const discovery = discoveryOver(backend);
  const watcher = watchOf(discovery, 'api');
  await watcher.until(['a']);
  backend.declare([anInstance('api', 'b')]);
  await watcher.until(['b']);
  expect((await discovery.list('db')).instances).toEqual([]);
  await discovery.close();
  await watcher.ended;
});

test('what is registered under a declared id stands in its place while it lives', async () => {
  const backend = new StaticBackend([anInstance('api', 'a', { by: 'list' })], systemTiming);
  const discovery = discoveryOver(backend);
  const by = async () => (await discovery.list('api')).instances.map(({ metadata }) => metadata['by']);
  const registration = discovery.register(anInstance('api', 'a', { by: 'process' }));
  await until('the registered one', async () => (await by())[0] === 'process');
  await registration.deregister();
  expect(await by()).toEqual(['list']);
});

test('a list with an instance that is none is refused whole', () => {
  const backend = new StaticBackend([anInstance('api', 'a')], systemTiming);
  expect(() => backend.declare([{ ...anInstance('api', 'b'), port: 0 }])).toThrow(OrasiError);
});
