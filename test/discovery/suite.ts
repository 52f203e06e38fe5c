import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Discovery, type ServiceUpdate } from '../../src/discovery/discovery.ts';
import type { ServiceInstance } from '../../src/discovery/instance.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import type { Registry } from './registry.ts';
import { until } from './until.ts';

/**
 * The rules of every registry and, where it can be lost, of what `Discovery` makes of one that fails. Each rule has a service of its own. An
 * unhandled rejection anywhere fails the run: vitest sees to that.
 */
export function discoverySuite(
  name: string,
  lives: 'always there' | 'with outages',
  openRegistry: () => Promise<Registry>,
): void {
  describe(`discovery over ${name}`, () => {
    let registry: Registry;
    let outages: NonNullable<Registry['outages']>;
    const open = new Set<Discovery>();
    let services = 0;

    beforeAll(async () => {
      registry = await openRegistry();
      if (registry.outages !== undefined) outages = registry.outages;
    }, 120_000);
    afterAll(() => registry.close());
    afterEach(async () => {
      await Promise.all([...open].map((discovery) => discovery.close()));
      open.clear();
    });

    /** A process of its own, as far as the registry can tell. */
    function client(): Discovery {
      const discovery = new Discovery({
        backend: registry.open(),
        timing: systemTiming,
        random: seededRandom(open.size + 1),
      });
      open.add(discovery);
      return discovery;
    }
    const newService = () => `service-${++services}`;
    const idsOf = (instances: readonly ServiceInstance[]) => instances.map((instance) => instance.id);
    const listed = async (discovery: Discovery, service: string) => idsOf((await discovery.list(service)).instances);
    const untilListed = (discovery: Discovery, service: string, ids: string[]) =>
      until(
        `${service} has ${ids}`,
        async () => JSON.stringify(await listed(discovery, service)) === JSON.stringify(ids),
      );
    const short = () => ({ ttlSeconds: registry.ttlSeconds });

    test('what one process registers, another finds, with its address, port and metadata', async () => {
      const service = newService();
      const instance = anInstance(service, 'a', { version: '1.0.0', region: 'lhr', text: 'käse "quoted"\n🧀' });
      client().register(instance);
      const other = client();
      await untilListed(other, service, ['a']);
      const view = await other.list(service);
      expect(view).toEqual({ service, instances: [instance], asOfMs: expect.any(Number), current: true });
      expect(other.health()).toEqual({ state: 'connected' });
    });

    test('a service nobody registered has no instances, and the registry is connected', async () => {
      const discovery = client();
      expect(discovery.health()).toEqual({ state: 'connecting' });
      expect(await discovery.list(newService())).toMatchObject({ instances: [], current: true });
      expect(discovery.health()).toEqual({ state: 'connected' });
    });

    test('services and ids may be any text; none sees the instances of another', async () => {
      const base = newService();
      const names = [base, `${base}x`, `${base}/x`, `${base}:x`, `${base} %2F`, `${base}é`];
      const discovery = client();
      for (const service of names) discovery.register(anInstance(service, 'x:y/z %é'));
      const other = client();
      for (const service of names) await untilListed(other, service, ['x:y/z %é']);
    });

    test('instances are listed in the order of their ids, however many register at once', async () => {
      const service = newService();
      const ids = Array.from({ length: 20 }, (_, i) => `i${String(i).padStart(2, '0')}`);
      const discovery = client();
      for (const id of [...ids].reverse()) discovery.register(anInstance(service, id));
      await untilListed(client(), service, ids);
    });

    test('an instance that deregisters is gone at once, and stays gone', async () => {
      const service = newService();
      const other = client();
      const registration = client().register(anInstance(service, 'a'), short());
      await untilListed(other, service, ['a']);
      expect(await registration.deregister()).toBe(true);
      expect(registration.status).toEqual({ state: 'deregistered' });
      await untilListed(other, service, []);
      const forMs = registry.ttlSeconds * 1000;
      const since = Date.now();
      await until('a TTL without it', async () => {
        expect(await listed(other, service)).toEqual([]);
        return Date.now() - since > forMs;
      });
    });

    test('one that is not renewed lapses after its TTL, and a watcher is told', async () => {
      const service = newService();
      const backend = registry.open();
      const { signal } = new AbortController();
      const startedMs = Date.now();
      const grant = await backend.register(anInstance(service, 'a'), { ...short(), healthy: true }, signal);
      expect(grant.ttlSeconds).toBeGreaterThanOrEqual(registry.ttlSeconds);
      const watcher = watchOf(client(), service);
      await watcher.until(['a']);
      await watcher.until([]);
      expect(Date.now() - startedMs).toBeGreaterThanOrEqual(registry.ttlSeconds * 1000 - 50);
      await watcher.stop();
      await backend.deregister(anInstance(service, 'a'), grant, signal);
    });

    test('one that is renewed outlives its TTL without a gap', async () => {
      const service = newService();
      const registration = client().register(anInstance(service, 'a'), short());
      const other = client();
      await untilListed(other, service, ['a']);
      const since = Date.now();
      await until('three TTLs with it', async () => {
        expect(await listed(other, service)).toEqual(['a']);
        return Date.now() - since > 3_000 * registry.ttlSeconds;
      });
      expect(registration.status).toEqual({ state: 'registered' });
    });

    test('other metadata is announced; an instance that wants no work is not listed until it does again', async () => {
      const service = newService();
      const registration = client().register(anInstance(service, 'a', { load: '1' }), short());
      const other = client();
      await untilListed(other, service, ['a']);
      registration.update({ metadata: { load: '2' } });
      await until('the other metadata', async () => (await other.list(service)).instances[0]?.metadata['load'] === '2');
      registration.update({ healthy: false });
      await untilListed(other, service, []);
      // Renewals do not make it healthy.
      const since = Date.now();
      await until('a TTL without it', async () => {
        expect(await listed(other, service)).toEqual([]);
        return Date.now() - since > 1_000 * registry.ttlSeconds;
      });
      registration.update({ healthy: true });
      await untilListed(other, service, ['a']);
    });

    test('a registration removed behind its back comes back by itself', async () => {
      const service = newService();
      const registration = client().register(anInstance(service, 'a'), short());
      const watcher = watchOf(client(), service);
      await watcher.until(['a']);
      await registry.remove(service, 'a');
      await watcher.until([]);
      await watcher.until(['a']);
      await until('registered', () => registration.status.state === 'registered');
      await watcher.stop();
    });

    test('the later of two registrations of one id holds', async () => {
      const service = newService();
      const other = client();
      client().register(anInstance(service, 'a', { by: 'first' }));
      await untilListed(other, service, ['a']);
      client().register(anInstance(service, 'a', { by: 'second' }));
      await until('the second', async () => (await other.list(service)).instances[0]?.metadata['by'] === 'second');
      expect(await listed(other, service)).toEqual(['a']);
    });

    test('a watch begins with what is there and tells every change, in order', async () => {
      const service = newService();
      const discovery = client();
      discovery.register(anInstance(service, 'a'));
      await untilListed(discovery, service, ['a']);
      const watcher = watchOf(client(), service);
      await watcher.until(['a']);
      expect(watcher.updates[0]).toMatchObject({
        changes: { added: [anInstance(service, 'a')], changed: [], removed: [] },
      });
      const b = discovery.register(anInstance(service, 'b'));
      await watcher.until(['a', 'b']);
      b.update({ metadata: { load: '9' } });
      await until('the change', () =>
        watcher.updates.some(({ changes }) => changes.changed[0]?.metadata['load'] === '9'),
      );
      await b.deregister();
      await watcher.until(['a']);
      expect(watcher.updates.at(-1)?.changes.removed).toEqual([anInstance(service, 'b', { load: '9' })]);
      // The updates add up: applied one after the other they give each view.
      expectSum(watcher.updates);
      await watcher.stop();
    });

    test('every one of many watchers comes to the same end, over changes faster than they are told', async () => {
      const service = newService();
      const discovery = client();
      const watchers = Array.from({ length: 3 }, () => watchOf(client(), service));
      const registrations = Array.from({ length: 10 }, (_, i) => discovery.register(anInstance(service, `i${i}`)));
      await untilListed(
        discovery,
        service,
        registrations.map((_, i) => `i${i}`),
      );
      await Promise.all(registrations.filter((_, i) => i % 2 === 0).map((each) => each.deregister()));
      for (const watcher of watchers) {
        await watcher.until(['i1', 'i3', 'i5', 'i7', 'i9']);
        expectSum(watcher.updates);
        await watcher.stop();
      }
    });

    test('a watch ends when it is told to, and when its client closes; closing deregisters', async () => {
      const service = newService();
      const discovery = client();
      discovery.register(anInstance(service, 'a'), short());
      const other = client();
      const stopped = watchOf(other, service);
      const closed = watchOf(other, service);
      await stopped.until(['a']);
      await closed.until(['a']);
      await stopped.stop();
      await other.close();
      await closed.ended;
      await discovery.close();
      await untilListed(client(), service, []);
    });

    test('an instance that no registry could hold is refused, each field by name', () => {
      const bad: ServiceInstance = {
        id: '',
        service: 'a\n',
        address: 'a b',
        port: 0,
        metadata: { 'a b': 'x'.repeat(513) },
      };
      const paths = (() => {
        try {
          client().register(bad);
        } catch (error) {
          return error instanceof OrasiError && error.code === 'bad_request' && error.errors.map((fault) => fault.path);
        }
        return undefined;
      })();
      expect(paths).toEqual(['id', 'service', 'address', 'port', 'metadata.a b', 'metadata.a b']);
    });

    if (lives === 'always there') return;

    const outage = (title: string, body: () => Promise<void>) =>
      test(title, { timeout: 120_000 }, async () => {
        try {
          await body();
        } finally {
          await outages.set({ type: 'none' });
        }
      });

    outage(
      'a registry that refuses connections: the last good set is kept, and what changed meanwhile is told',
      async () => {
        const service = newService();
        const discovery = client();
        const registration = discovery.register(anInstance(service, 'a'), short());
        const watcher = watchOf(discovery, service);
        await watcher.until(['a']);
        await outages.set({ type: 'refuse' });
        await watcher.untilStale();
        expect(watcher.updates.at(-1)?.view).toMatchObject({ instances: [anInstance(service, 'a')], current: false });
        expect(await discovery.list(service)).toMatchObject({ instances: [anInstance(service, 'a')], current: false });
        expect(discovery.health()).toMatchObject({ state: 'stale', reason: expect.any(String) });
        // Longer than the TTL, so that the registry has forgotten it as well.
        await until('lost', () => registration.status.state === 'registering');
        const b = discovery.register(anInstance(service, 'b'));
        await outages.set({ type: 'none' });
        await watcher.until(['a', 'b']);
        await until('connected', () => discovery.health().state === 'connected');
        expect([registration.status.state, b.status.state]).toEqual(['registered', 'registered']);
        expectSum(watcher.updates);
        await watcher.stop();
      },
    );

    outage('a registry that is dead from the start is waited for; nothing throws', async () => {
      const service = newService();
      await outages.set({ type: 'refuse' });
      const discovery = client();
      const registration = discovery.register(anInstance(service, 'a'));
      const watcher = watchOf(discovery, service);
      await watcher.untilStale();
      expect(await discovery.list(service)).toEqual({ service, instances: [], asOfMs: undefined, current: false });
      await until('its reason', () => registration.status.reason !== undefined);
      const given = discovery.register(anInstance(service, 'b'));
      await given.deregister();
      await outages.set({ type: 'none' });
      await watcher.until(['a']);
      expect(watcher.updates.at(-1)?.view.current).toBe(true);
      await watcher.stop();
    });

    outage('closing ends within the time of a request while the registry is dead', async () => {
      const discovery = client();
      const service = newService();
      discovery.register(anInstance(service, 'a'), short());
      await untilListed(discovery, service, ['a']);
      await outages.set({ type: 'halfOpen' });
      const startedMs = Date.now();
      await discovery.close();
      expect(Date.now() - startedMs).toBeLessThan(10_000);
    });

    outage('connections that are reset lose no change', async () => {
      const service = newService();
      const discovery = client();
      const watcher = watchOf(client(), service);
      await watcher.until([]);
      const ids: string[] = [];
      for (let i = 0; i < 10; i++) {
        ids.push(`i${i}`);
        discovery.register(anInstance(service, `i${i}`));
        outages.drop();
        if (i % 3 === 0) await watcher.until([...ids]);
      }
      await watcher.until(ids);
      expectSum(watcher.updates);
      await watcher.stop();
    });

    outage('connections that stand and say nothing are noticed, and replaced', async () => {
      const service = newService();
      const discovery = client();
      discovery.register(anInstance(service, 'a'), short());
      const watcher = watchOf(discovery, service);
      await watcher.until(['a']);
      await outages.set({ type: 'halfOpen' });
      await watcher.untilStale();
      await outages.set({ type: 'none' });
      client().register(anInstance(service, 'b'));
      await watcher.until(['a', 'b']);
      await watcher.stop();
    });

    outage('a slow registry is a registry', async () => {
      const service = newService();
      await outages.set({ type: 'delay', ms: 100 });
      const registration = client().register(anInstance(service, 'a'), short());
      const watcher = watchOf(client(), service);
      await watcher.until(['a']);
      const since = Date.now();
      await until('two TTLs', () => Date.now() - since > 2_000 * registry.ttlSeconds);
      expect(registration.status).toEqual({ state: 'registered' });
      expect(watcher.updates.map(({ view }) => view.current)).not.toContain(false);
      await watcher.stop();
    });

    outage('a registry that is killed and comes back with what it had', async () => {
      const service = newService();
      const discovery = client();
      const registration = discovery.register(anInstance(service, 'a'), short());
      const watcher = watchOf(client(), service);
      await watcher.until(['a']);
      await outages.kill();
      await watcher.untilStale();
      await outages.start('kept');
      await until('registered', () => registration.status.state === 'registered');
      discovery.register(anInstance(service, 'b'));
      await watcher.until(['a', 'b']);
      await watcher.stop();
    });

    outage('one that comes back with nothing has everything again, and its watchers go on', async () => {
      const service = newService();
      const discovery = client();
      discovery.register(anInstance(service, 'a'), short());
      discovery.register(anInstance(service, 'b'), short());
      const watcher = watchOf(client(), service);
      await watcher.until(['a', 'b']);
      await outages.kill();
      await outages.start('lost');
      await untilListed(client(), service, ['a', 'b']);
      await watcher.until(['a', 'b']);
      discovery.register(anInstance(service, 'c'));
      await watcher.until(['a', 'b', 'c']);
      expectSum(watcher.updates);
      await watcher.stop();
    });
  });
}

export function anInstance(service: string, id: string, metadata: Record<string, string> = {}): ServiceInstance {
  return { id, service, address: '203.0.113.7', port: 443, metadata };
}

/** A watch read in the background, with all its updates. */
export interface Watcher {
  readonly updates: ServiceUpdate[];
  /** Waits until the last update is current and has these ids. */
  until(ids: string[]): Promise<void>;
  untilStale(): Promise<void>;
  stop(): Promise<void>;
  readonly ended: Promise<void>;
}

export function watchOf(discovery: Discovery, service: string): Watcher {
  const controller = new AbortController();
  const updates: ServiceUpdate[] = [];
  const ended = (async () => {
    for await (const update of discovery.watch(service, controller.signal)) updates.push(update);
  })();
  const last = () => updates.at(-1)?.view;
  return {
    updates,
    until: async (ids) => {
      const wanted = JSON.stringify(ids);
      await until(`a watch of ${service} has ${wanted}`, () => {
        const view = last();
        return view?.current && JSON.stringify(view.instances.map(({ id }) => id)) === wanted;
      });
    },
    untilStale: async () => {
      await until(`a watch of ${service} is stale`, () => last()?.current === false);
    },
    stop: async () => {
      controller.abort();
      await ended;
    },
    ended,
  };
}

/** Applied one after the other, the changes give each view. */
export function expectSum(updates: readonly ServiceUpdate[]): void {
  const sum = new Map<string, ServiceInstance>();
  for (const { view, changes } of updates) {
    for (const instance of changes.removed) expect(sum.delete(instance.id)).toBe(true);
    for (const instance of [...changes.added, ...changes.changed]) sum.set(instance.id, instance);
    expect([...sum.values()].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(view.instances);
  }
}
