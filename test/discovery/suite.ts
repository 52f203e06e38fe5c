import { describe, expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { DiscoveryBackend } from '../../src/discovery/backend.ts';
import { Discovery, type ServiceUpdate } from '../../src/discovery/discovery.ts';
import type { ServiceInstance } from '../../src/discovery/instance.ts';
import { systemTiming, type Timing } from '../../src/discovery/timing.ts';
import type { MortalRegistry, Registry, RegistryPath } from './registry.ts';
import * as waiting from './until.ts';

/** What a rule has to do with. */
interface Scene<R extends Registry> {
  readonly registry: R;
  readonly timing: Timing;
  /** A service of the rule's own. */
  readonly service: string;
  /** A process of its own, as far as the registry can tell; closed behind the rule. */
  client(): Discovery;
  short(): { ttlSeconds: number };
  watching(discovery: Discovery, service: string): Watcher;
  until<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, false | undefined>>;
  throughout(forMs: number, look: () => void | Promise<void>): Promise<void>;
  untilListed(discovery: Discovery, service: string, ids: string[]): Promise<void>;
}

/** `the main rules`: for a registry whose every request is dear, and which the other rules ask in another way. */
export type Scope = 'every rule' | 'the main rules';

const MAIN_RULES: readonly string[] = [
  'one that is not renewed lapses after its TTL, and a watcher is told',
  'a watch begins with what is there and tells every change, in order',
  'a registry that refuses connections: the last good set is kept, and what changed meanwhile is told',
  'connections that are reset lose no change',
];

function isLeftOut(title: string, scope: Scope): boolean {
  return scope === 'the main rules' && !MAIN_RULES.includes(title);
}

let services = 0;

async function play<R extends Registry>(
  registry: R,
  open: () => DiscoveryBackend,
  body: (scene: Scene<R>) => Promise<void>,
): Promise<void> {
  const { timing, lookEveryMs } = registry;
  const opened: Discovery[] = [];
  const until: Scene<R>['until'] = (what, look) => waiting.until(what, look, timing, lookEveryMs);
  services += 1;
  try {
    await body({
      registry,
      timing,
      until,
      service: `service-${services}`,
      client() {
        const discovery = new Discovery({ backend: open(), timing, random: seededRandom(opened.length + 1) });
        opened.push(discovery);
        return discovery;
      },
      short: () => ({ ttlSeconds: registry.ttlSeconds }),
      watching: (discovery, service) => watchOf(discovery, service, timing),
      throughout: (forMs, look) => waiting.throughout(forMs, look, timing, lookEveryMs),
      async untilListed(discovery, service, ids) {
        const wanted = JSON.stringify(ids);
        await until(`${service} has ${ids}`, async () => JSON.stringify(await listed(discovery, service)) === wanted);
      },
    });
  } finally {
    await Promise.all(opened.map((discovery) => discovery.close()));
  }
}

async function listed(discovery: Discovery, service: string): Promise<string[]> {
  return (await discovery.list(service)).instances.map(({ id }) => id);
}

/**
 * The rules of every registry. Each has a service of its own, and all are asked at once, since they wait more than
 * they compute. An unhandled rejection anywhere fails the run: vitest sees to that.
 */
export function discoverySuite(name: string, registry: () => Registry, scope: Scope = 'every rule'): void {
  describe(`discovery over ${name}`, { concurrent: true }, () => {
    const rule = (title: string, body: (scene: Scene<Registry>) => Promise<void>) => {
      if (!isLeftOut(title, scope)) test(title, () => play(registry(), () => registry().open(), body));
    };

    rule(
      'what one process registers, another finds, with its address, port and metadata',
      async ({ client, service, untilListed }) => {
        const instance = anInstance(service, 'a', { version: '1.0.0', region: 'lhr', text: 'käse "quoted"\n🧀' });
        client().register(instance);
        const other = client();
        await untilListed(other, service, ['a']);
        const view = await other.list(service);
        expect(view).toEqual({ service, instances: [instance], asOfMs: expect.any(Number), current: true });
        expect(other.health()).toEqual({ state: 'connected' });
      },
    );

    rule('a service nobody registered has no instances, and the registry is connected', async ({ client, service }) => {
      const discovery = client();
      expect(discovery.health()).toEqual({ state: 'connecting' });
      expect(await discovery.list(service)).toMatchObject({ instances: [], current: true });
      expect(discovery.health()).toEqual({ state: 'connected' });
    });

    rule(
      'services and ids may be any text; none sees the instances of another',
      async ({ client, service, untilListed }) => {
        const names = [service, `${service}x`, `${service}/x`, `${service}:x`, `${service} %2F`, `${service}é`];
        const discovery = client();
        for (const name of names) discovery.register(anInstance(name, 'x:y/z %é'));
        const other = client();
        for (const name of names) await untilListed(other, name, ['x:y/z %é']);
      },
    );

    rule(
      'instances are listed in the order of their ids, however many register at once',
      async ({ client, service, untilListed }) => {
        const ids = Array.from({ length: 20 }, (_, i) => `i${String(i).padStart(2, '0')}`);
        const discovery = client();
        for (const id of [...ids].reverse()) discovery.register(anInstance(service, id));
        await untilListed(client(), service, ids);
      },
    );

    rule(
      'an instance that deregisters is gone at once, and stays gone',
      async ({ client, registry, service, short, throughout, untilListed }) => {
        const other = client();
        const registration = client().register(anInstance(service, 'a'), short());
        await untilListed(other, service, ['a']);
        expect(await registration.deregister()).toBe(true);
        expect(registration.status).toEqual({ state: 'deregistered' });
        await untilListed(other, service, []);
        const forMs = registry.ttlSeconds * 1000;
        await throughout(forMs, async () => expect(await listed(other, service)).toEqual([]));
      },
    );

    rule(
      'one that is not renewed lapses after its TTL, and a watcher is told',
      async ({ client, registry, service, timing, watching }) => {
        const backend = registry.open();
        const { signal } = new AbortController();
        const startedMs = timing.now();
        const grant = await backend.register(
          anInstance(service, 'a'),
          { ttlSeconds: registry.ttlSeconds, healthy: true },
          signal,
        );
        expect(grant.ttlSeconds).toBeGreaterThanOrEqual(registry.ttlSeconds);
        const watcher = watching(client(), service);
        await watcher.until(['a']);
        await watcher.until([]);
        expect(timing.now() - startedMs).toBeGreaterThanOrEqual(registry.ttlSeconds * 1000 - 50);
        await watcher.stop();
        await backend.deregister(anInstance(service, 'a'), grant, signal);
      },
    );

    rule(
      'one that is renewed outlives its TTL without a gap',
      async ({ client, registry, service, short, throughout, untilListed }) => {
        const registration = client().register(anInstance(service, 'a'), short());
        const other = client();
        await untilListed(other, service, ['a']);
        const forMs = 3_000 * registry.ttlSeconds;
        await throughout(forMs, async () => expect(await listed(other, service)).toEqual(['a']));
        expect(registration.status).toEqual({ state: 'registered' });
      },
    );

    rule(
      'other metadata is announced; an instance that wants no work is not listed until it does again',
      async ({ client, registry, service, short, throughout, until, untilListed }) => {
        const registration = client().register(anInstance(service, 'a', { load: '1' }), short());
        const other = client();
        await untilListed(other, service, ['a']);
        registration.update({ metadata: { load: '2' } });
        await until(
          'the other metadata',
          async () => (await other.list(service)).instances[0]?.metadata['load'] === '2',
        );
        registration.update({ healthy: false });
        await untilListed(other, service, []);
        // Renewals do not make it healthy.
        const forMs = 1_000 * registry.ttlSeconds;
        await throughout(forMs, async () => expect(await listed(other, service)).toEqual([]));
        registration.update({ healthy: true });
        await untilListed(other, service, ['a']);
      },
    );

    rule(
      'a registration removed behind its back comes back by itself',
      async ({ client, registry, service, short, until, watching }) => {
        const registration = client().register(anInstance(service, 'a'), short());
        const watcher = watching(client(), service);
        await watcher.until(['a']);
        await registry.remove(service, 'a');
        await watcher.until([]);
        await watcher.until(['a']);
        await until('registered', () => registration.status.state === 'registered');
        await watcher.stop();
      },
    );

    rule('the later of two registrations of one id holds', async ({ client, service, until, untilListed }) => {
      const other = client();
      client().register(anInstance(service, 'a', { by: 'first' }));
      await untilListed(other, service, ['a']);
      client().register(anInstance(service, 'a', { by: 'second' }));
      await until('the second', async () => (await other.list(service)).instances[0]?.metadata['by'] === 'second');
      expect(await listed(other, service)).toEqual(['a']);
    });

    rule(
      'a watch begins with what is there and tells every change, in order',
      async ({ client, service, until, untilListed, watching }) => {
        const discovery = client();
        discovery.register(anInstance(service, 'a'));
        await untilListed(discovery, service, ['a']);
        const watcher = watching(client(), service);
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
      },
    );

    rule(
      'every one of many watchers comes to the same end, over changes faster than they are told',
      async ({ client, service, untilListed, watching }) => {
        const discovery = client();
        const watchers = Array.from({ length: 3 }, () => watching(client(), service));
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
      },
    );

    rule(
      'a watch ends when it is told to, and when its client closes; closing deregisters',
      async ({ client, service, short, untilListed, watching }) => {
        const discovery = client();
        discovery.register(anInstance(service, 'a'), short());
        const other = client();
        const stopped = watching(other, service);
        const closed = watching(other, service);
        await stopped.until(['a']);
        await closed.until(['a']);
        await stopped.stop();
        await other.close();
        await closed.ended;
        await discovery.close();
        await untilListed(client(), service, []);
      },
    );

    rule('the services there are have names, whatever they are', async ({ client, service, until }) => {
      const names = [`${service} é/%`, `${service}:x`];
      const discovery = client();
      for (const name of names) discovery.register(anInstance(name, 'a'));
      const other = client();
      await until('both are there', async () => {
        const { services, current } = await other.services();
        return current && names.every((name) => services.includes(name));
      });
      const { services } = await other.services();
      expect(services).toEqual([...services].sort());
    });

    rule('an instance that no registry could hold is refused, each field by name', async ({ client }) => {
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
  });
}

/** What `Discovery` makes of a registry that cannot be reached: each rule has a way to it of its own that is cut. */
export function outageSuite(name: string, registry: () => MortalRegistry, scope: Scope = 'every rule'): void {
  describe(`discovery over ${name}, cut off`, { concurrent: true }, () => {
    const rule = (title: string, body: (scene: Scene<Registry> & { path: RegistryPath }) => Promise<void>) => {
      if (isLeftOut(title, scope)) return;
      test(title, { timeout: 120_000 }, async () => {
        const path = await registry().openPath();
        try {
          await play(registry(), path.open, async (scene) => {
            await body({ ...scene, path }).finally(() => path.set({ type: 'none' }));
          });
        } finally {
          await path.close();
        }
      });
    };

    rule(
      'a registry that refuses connections: the last good set is kept, and what changed meanwhile is told',
      async ({ client, path, service, short, until, watching }) => {
        const discovery = client();
        const registration = discovery.register(anInstance(service, 'a'), short());
        const watcher = watching(discovery, service);
        await watcher.until(['a']);
        await path.set({ type: 'refuse' });
        await watcher.untilStale();
        expect(watcher.updates.at(-1)?.view).toMatchObject({ instances: [anInstance(service, 'a')], current: false });
        expect(await discovery.list(service)).toMatchObject({ instances: [anInstance(service, 'a')], current: false });
        expect(discovery.health()).toMatchObject({ state: 'stale', reason: expect.any(String) });
        // Longer than the TTL, so that the registry has forgotten it as well.
        await until('lost', () => registration.status.state === 'registering');
        const b = discovery.register(anInstance(service, 'b'));
        await path.set({ type: 'none' });
        await watcher.until(['a', 'b']);
        await until('connected', () => discovery.health().state === 'connected');
        expect([registration.status.state, b.status.state]).toEqual(['registered', 'registered']);
        expectSum(watcher.updates);
        await watcher.stop();
      },
    );

    rule(
      'a registry that is dead from the start is waited for; nothing throws',
      async ({ client, path, service, until, watching }) => {
        await path.set({ type: 'refuse' });
        const discovery = client();
        const registration = discovery.register(anInstance(service, 'a'));
        const watcher = watching(discovery, service);
        await watcher.untilStale();
        expect(await discovery.list(service)).toEqual({ service, instances: [], asOfMs: undefined, current: false });
        await until('its reason', () => registration.status.reason !== undefined);
        const given = discovery.register(anInstance(service, 'b'));
        await given.deregister();
        await path.set({ type: 'none' });
        await watcher.until(['a']);
        expect(watcher.updates.at(-1)?.view.current).toBe(true);
        await watcher.stop();
      },
    );

    rule(
      'closing ends within the time of a request while the registry is dead',
      async ({ client, path, service, short, timing, untilListed }) => {
        const discovery = client();
        discovery.register(anInstance(service, 'a'), short());
        await untilListed(discovery, service, ['a']);
        await path.set({ type: 'halfOpen' });
        const startedMs = timing.now();
        await discovery.close();
        expect(timing.now() - startedMs).toBeLessThan(10_000);
      },
    );

    rule('connections that are reset lose no change', async ({ client, path, service, watching }) => {
      const discovery = client();
      const watcher = watching(client(), service);
      await watcher.until([]);
      const ids: string[] = [];
      for (let i = 0; i < 10; i++) {
        ids.push(`i${i}`);
        discovery.register(anInstance(service, `i${i}`));
        path.drop();
        if (i % 3 === 0) await watcher.until([...ids]);
      }
      await watcher.until(ids);
      expectSum(watcher.updates);
      await watcher.stop();
    });

    rule(
      'connections that stand and say nothing are noticed, and replaced',
      async ({ client, path, service, short, watching }) => {
        const discovery = client();
        discovery.register(anInstance(service, 'a'), short());
        const watcher = watching(discovery, service);
        await watcher.until(['a']);
        await path.set({ type: 'halfOpen' });
        await watcher.untilStale();
        await path.set({ type: 'none' });
        client().register(anInstance(service, 'b'));
        await watcher.until(['a', 'b']);
        await watcher.stop();
      },
    );

    rule('a slow registry is a registry', async ({ client, path, registry, service, throughout, until, watching }) => {
      await path.set({ type: 'delay', ms: 100 });
      const ttlSeconds = 2 * registry.ttlSeconds;
      const registration = client().register(anInstance(service, 'a'), { ttlSeconds });
      const watcher = watching(client(), service);
      await watcher.until(['a']);
      await until('registered', () => registration.status.state === 'registered');
      await throughout(1_500 * ttlSeconds, () => expect(registration.status).toEqual({ state: 'registered' }));
      expect(watcher.updates.map(({ view }) => view.current)).not.toContain(false);
      await watcher.stop();
    });
  });
}

/** What `Discovery` makes of a registry that dies, one death after the other. */
export function killSuite(name: string, registry: () => MortalRegistry, deaths: readonly ('kept' | 'lost')[]): void {
  describe(`discovery over ${name}, killed`, () => {
    const rule = (title: string, body: (scene: Scene<MortalRegistry>) => Promise<void>) =>
      test(title, { timeout: 120_000, concurrent: false }, () => play(registry(), () => registry().open(), body));

    if (deaths.includes('kept'))
      rule(
        'a registry that is killed and comes back with what it had',
        async ({ client, registry, service, short, until, watching }) => {
          const discovery = client();
          const registration = discovery.register(anInstance(service, 'a'), short());
          const watcher = watching(client(), service);
          await watcher.until(['a']);
          await registry.kill();
          await watcher.untilStale();
          await registry.start('kept');
          await until('registered', () => registration.status.state === 'registered');
          discovery.register(anInstance(service, 'b'));
          await watcher.until(['a', 'b']);
          await watcher.stop();
        },
      );

    if (deaths.includes('lost'))
      rule(
        'one that comes back with nothing has everything again, and its watchers go on',
        async ({ client, registry, service, short, untilListed, watching }) => {
          const discovery = client();
          discovery.register(anInstance(service, 'a'), short());
          discovery.register(anInstance(service, 'b'), short());
          const watcher = watching(client(), service);
          await watcher.until(['a', 'b']);
          await registry.kill();
          await registry.start('lost');
          await untilListed(client(), service, ['a', 'b']);
          await watcher.until(['a', 'b']);
          discovery.register(anInstance(service, 'c'));
          await watcher.until(['a', 'b', 'c']);
          expectSum(watcher.updates);
          await watcher.stop();
        },
      );
  });
}

export function anInstance(service: string, id: string, metadata: Record<string, string> = {}): ServiceInstance {
  return { id, service, address: '203.0.113.7', port: 443, metadata };
}

/** A watch read in the background, with all its updates. */
export interface Watcher {
  readonly updates: ServiceUpdate[];
  /** Waits for an update that is current and has these ids: the one found last, or one after it. */
  until(ids: string[]): Promise<void>;
  /** The same for one that is not current. */
  untilStale(): Promise<void>;
  stop(): Promise<void>;
  readonly ended: Promise<void>;
}

export function watchOf(discovery: Discovery, service: string, timing: Timing = systemTiming): Watcher {
  const controller = new AbortController();
  const updates: ServiceUpdate[] = [];
  const ended = (async () => {
    for await (const update of discovery.watch(service, controller.signal)) updates.push(update);
  })();
  let found = 0;
  const find = (what: string, isIt: (view: ServiceUpdate['view']) => boolean) =>
    waiting.until(
      `a watch of ${service} ${what}`,
      () => {
        const at = updates.findIndex(({ view }, at) => at >= found && isIt(view));
        if (at >= 0) found = at;
        return at >= 0;
      },
      timing,
    );
  return {
    updates,
    until: async (ids) => {
      const wanted = JSON.stringify(ids);
      await find(
        `has ${wanted}`,
        (view) => view.current && JSON.stringify(view.instances.map(({ id }) => id)) === wanted,
      );
    },
    untilStale: async () => {
      await find('is stale', (view) => !view.current);
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
