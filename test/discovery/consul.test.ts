import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ConsulBackendOptions } from '../../src/discovery/consul/consul.ts';
import { ConsulLock } from '../../src/discovery/consul/lock.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import { systemFetch } from '../../src/discovery/http.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { type ConsulRegistry, MASTER_TOKEN, openConsul } from './consul-registry.ts';
import { findProgram } from './process.ts';
import { anInstance, discoverySuite, killSuite, outageSuite, watchOf } from './suite.ts';
import { until } from './until.ts';

const program = findProgram('consul');

// All at once, and each rule beside the others: they wait for TTLs and time-outs, and hardly compute.
describe.skipIf(program === undefined)('a real Consul', { concurrent: true }, () => {
  describe.each(['kept', 'lost'] as const)('that is killed, its state %s', (state) => {
    let consul: ConsulRegistry;
    beforeAll(async () => {
      consul = await openConsul(program!);
    }, 120_000);
    afterAll(() => consul.close());
    killSuite('Consul', () => consul, [state]);
  });

  describe('that stands', () => {
    let consul: ConsulRegistry;
    beforeAll(async () => {
      consul = await openConsul(program!);
    }, 120_000);
    afterAll(() => consul.close());
    discoverySuite('Consul', () => consul);
    outageSuite('Consul', () => consul);

    const discoveryWith = (options: Partial<ConsulBackendOptions> = {}) =>
      new Discovery({ backend: consul.openWith(options), timing: systemTiming, random: seededRandom(1) });
    const { signal } = new AbortController();

    test('an instance is listed from its registration on, before any renewal', async () => {
      const backend = consul.open();
      const grant = await backend.register(anInstance('at once', 'a'), { ttlSeconds: 30, healthy: true }, signal);
      await until('listed', async () => (await backend.list('at once', signal)).instances.length === 1);
      await backend.deregister(anInstance('at once', 'a'), grant, signal);
      // Gone already: no error.
      await backend.deregister(anInstance('at once', 'a'), grant, signal);
      expect(await backend.renew(anInstance('at once', 'a'), grant, signal)).toBe('unknown');
    });

    test('an instance that wants no work is left out at once, and is back at once, before any renewal', async () => {
      const backend = consul.open();
      const listed = async () => (await backend.list('wants none', signal)).instances.length;
      const announce = (healthy: boolean) =>
        backend.register(anInstance('wants none', 'a'), { ttlSeconds: 300, healthy }, signal);
      await announce(true);
      await until('listed', async () => (await listed()) === 1);
      await announce(false);
      await until('left out', async () => (await listed()) === 0);
      const grant = await announce(true);
      await until('back', async () => (await listed()) === 1);
      await backend.deregister(anInstance('wants none', 'a'), grant, signal);
    });

    test('services that others registered are listed as they are', async () => {
      await consul.put('/v1/agent/service/register', {
        ID: 'pg-1',
        Name: 'postgres',
        Port: 5432,
        Meta: { role: 'main' },
      });
      const discovery = discoveryWith();
      const watcher = watchOf(discovery, 'postgres');
      await watcher.until(['pg-1']);
      expect(watcher.updates.at(-1)?.view.instances).toEqual([
        { id: 'pg-1', service: 'postgres', address: '127.0.0.1', port: 5432, metadata: { role: 'main' } },
      ]);
      await discovery.close();
    });

    test('a blocking query names an index of 1 and up, always the last', async () => {
      const indexes: number[] = [];
      const discovery = discoveryWith({
        pollMs: 300,
        fetch: (url, init) => {
          const index = new URL(url).searchParams.get('index');
          if (index !== null) indexes.push(Number(index));
          return systemFetch(url, init);
        },
      });
      const watcher = watchOf(discovery, 'nobody');
      await until('five waits', () => indexes.length >= 5);
      expect(Math.min(...indexes)).toBeGreaterThanOrEqual(1);
      expect(indexes).toEqual([...indexes].sort((a, b) => a - b));
      await discovery.close();
      await watcher.ended;
    });

    test('a token that may not write is refused and says why; one that may not read sees nothing', async () => {
      const anonymous = discoveryWith({ token: undefined });
      const registration = anonymous.register(anInstance('guarded', 'a'));
      await until('refused', () => registration.status.reason?.includes('Permission denied'));
      expect(anonymous.health()).toMatchObject({ state: 'stale' });
      const owner = discoveryWith();
      owner.register(anInstance('guarded', 'a'));
      await until('listed', async () => (await owner.list('guarded')).instances.length === 1);
      // Consul 1.8 leaves out what may not be seen and does not say so.
      expect((await anonymous.list('guarded')).instances).toEqual([]);
      await Promise.all([anonymous.close(), owner.close()]);
    });

    const lock = (key: string, holder: string, address = consul.url) =>
      new ConsulLock({
        address,
        token: MASTER_TOKEN,
        key,
        holder,
        ttlSeconds: 10,
        lockDelaySeconds: 0,
        timing: systemTiming,
        fetch: systemFetch,
      });

    test('one holds a lock at a time; released it is the next one’s, with a higher fence', async () => {
      const [a, b] = [lock('locks/leader é', 'A'), lock('locks/leader é', 'B')];
      const first = await a.acquire(signal);
      expect(first).toEqual({ held: true, fence: expect.any(Number) });
      expect(await b.acquire(signal)).toEqual({ held: false, holder: 'A' });
      expect([await a.renew(signal), await b.renew(signal)]).toEqual([true, false]);
      expect(await a.acquire(signal)).toEqual(first);
      await a.release(signal);
      expect(await a.renew(signal)).toBe(false);
      const second = await b.acquire(signal);
      expect(second.held && first.held && second.fence > first.fence).toBe(true);
      await b.release(signal);
      await b.release(signal);
    });

    test('a lock whose session or key is gone is lost, and its holder is told', async () => {
      const [a, b] = [lock('locks/lost', 'A'), lock('locks/lost', 'B')];
      for (const takeAway of ['session', 'lock'] as const) {
        const held = await a.acquire(signal);
        expect(held.held).toBe(true);
        const session = await sessionOf(consul, 'locks/lost');
        if (takeAway === 'session') await consul.put(`/v1/session/destroy/${session}`);
        else await consul.put(`/v1/kv/locks/lost?release=${session}`);
        expect(await a.renew(signal)).toBe(false);
        const next = await b.acquire(signal);
        expect(next.held && held.held && next.fence > held.fence).toBe(true);
        expect(await a.acquire(signal)).toEqual({ held: false, holder: 'B' });
        await b.release(signal);
      }
    });

    test('a lock in a dead Consul is neither held nor lost: it throws', async () => {
      const path = await consul.openPath();
      const held = lock('locks/dead', 'A', path.url);
      await held.acquire(signal);
      await path.set({ type: 'refuse' });
      for (const call of [() => held.renew(signal), () => held.acquire(signal)]) {
        const error = await call().catch((thrown: unknown) => thrown);
        expect(error instanceof OrasiError && error.code).toBe('unavailable');
      }
      await path.set({ type: 'none' });
      expect(await held.renew(signal)).toBe(true);
      await held.release(signal);
      await path.close();
    });
  });
});

async function sessionOf(consul: ConsulRegistry, key: string): Promise<string> {
  const response = await fetch(`${consul.url}/v1/kv/${key}`, { headers: { 'x-consul-token': MASTER_TOKEN } });
  return ((await response.json()) as { Session: string }[])[0].Session;
}
