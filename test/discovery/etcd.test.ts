import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import type { EtcdBackendOptions } from '../../src/discovery/etcd/etcd.ts';
import { type Fetch, systemFetch } from '../../src/discovery/http.ts';
import { toBase64 } from '../../src/discovery/leased/records.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { type EtcdRegistry, openEtcd } from './etcd-registry.ts';
import { findProgram, freePorts } from './process.ts';
import { anInstance, discoverySuite, expectSum, killSuite, outageSuite, watchOf } from './suite.ts';
import { throughout, until } from './until.ts';

const program = findProgram('etcd');

// All at once, and each rule beside the others: they wait for TTLs and time-outs, and hardly compute.
describe.skipIf(program === undefined)('a real etcd', { concurrent: true }, () => {
  describe('that stands', () => {
    let etcd: EtcdRegistry;
    beforeAll(async () => {
      etcd = await openEtcd(program!);
    }, 120_000);
    afterAll(() => etcd.close());
    discoverySuite('etcd', () => etcd);
    outageSuite('etcd', () => etcd);

    const discoveryWith = (options: Partial<EtcdBackendOptions> = {}) =>
      new Discovery({ backend: etcd.openWith(options), timing: systemTiming, random: seededRandom(1) });
    const { signal } = new AbortController();

    test('an instance lies under the service and its id, under a lease, as JSON', async () => {
      const discovery = discoveryWith();
      discovery.register(anInstance('lies here', 'a/b', { x: '1' }), { ttlSeconds: 30 });
      const key = toBase64('/orasi/services/lies%20here/a%2Fb');
      const kv = await until('the key', async () => {
        const found = (await etcd.call('/v3/kv/range', { key })) as { kvs?: { value: string; lease: string }[] };
        return found.kvs?.[0];
      });
      expect(JSON.parse(Buffer.from(kv.value, 'base64').toString())).toEqual({
        ...anInstance('lies here', 'a/b', { x: '1' }),
        healthy: true,
      });
      expect(await etcd.call('/v3/lease/timetolive', { ID: kv.lease })).toMatchObject({ grantedTTL: '30' });
      await discovery.close();
    });

    test('keys and values of others under the prefix are passed over', async () => {
      const put = (key: string, value: string) =>
        etcd.call('/v3/kv/put', { key: toBase64(key), value: toBase64(value) });
      await put('/orasi/services/strays/', 'x');
      await put('/orasi/services/strays/%E0%A4%A', '{"address":"a","port":1}');
      await put('/orasi/services/strays/text', 'not JSON');
      await put('/orasi/services/strays/list', '[1]');
      await put('/orasi/services/strays/lean', '{"address":"a","port":1,"metadata":{"x":1,"y":"2"}}');
      const discovery = discoveryWith();
      const watcher = watchOf(discovery, 'strays');
      await watcher.until(['lean']);
      expect(watcher.updates[0].view.instances[0].metadata).toEqual({ y: '2' });
      await put('/orasi/services/strays/later', 'not JSON either');
      await put('/orasi/services/strays/good', '{"address":"a","port":1}');
      await watcher.until(['good', 'lean']);
      await discovery.close();
    });

    test('a successor keeps the id when its predecessor deregisters', async () => {
      const backend = etcd.open();
      const announcement = { ttlSeconds: 30, healthy: true };
      const first = await backend.register(anInstance('handover', 'a', { by: 'first' }), announcement, signal);
      const second = await backend.register(anInstance('handover', 'a', { by: 'second' }), announcement, signal);
      await backend.deregister(anInstance('handover', 'a'), first, signal);
      expect((await backend.list('handover', signal)).instances[0].metadata).toEqual({ by: 'second' });
      await backend.deregister(anInstance('handover', 'a'), second, signal);
      await backend.deregister(anInstance('handover', 'a'), second, signal);
      expect((await backend.list('handover', signal)).instances).toEqual([]);
    });

    test('a lease that is gone is unknown, also where its key is there again', async () => {
      const backend = etcd.open();
      const instance = anInstance('gone', 'a');
      const grant = await backend.register(instance, { ttlSeconds: 30, healthy: true }, signal);
      expect(await backend.renew(instance, grant, signal)).toBe('renewed');
      await backend.deregister(instance, grant, signal);
      await etcd.call('/v3/kv/put', { key: toBase64('/orasi/services/gone/a'), value: toBase64('by hand') });
      expect(await backend.renew(instance, grant, signal)).toBe('unknown');
    });

    test('a watch whose history is compacted goes on from a listing', async () => {
      const backend = etcd.open();
      const before = await backend.list('compacted', signal);
      const grant = await backend.register(anInstance('compacted', 'a'), { ttlSeconds: 30, healthy: true }, signal);
      for (let i = 0; i < 5; i++) await etcd.call('/v3/kv/put', { key: toBase64('other'), value: '' });
      const { header } = (await etcd.call('/v3/kv/range', { key: toBase64('other') })) as {
        header: { revision: string };
      };
      await etcd.call('/v3/kv/compaction', { revision: header.revision, physical: true });
      // Ends by itself, and says nothing: what it would have had to say is no more.
      const followed = [];
      for await (const listing of backend.follow('compacted', before, signal)) followed.push(listing);
      expect(followed).toEqual([]);
      const discovery = discoveryWith();
      const watcher = watchOf(discovery, 'compacted');
      await watcher.until(['a']);
      await backend.deregister(anInstance('compacted', 'a'), grant, signal);
      await watcher.until([]);
      await discovery.close();
    });

    test.each(['refuse', 'halfOpen'] as const)(
      'a dead member is passed over, and one that dies (%s) is left for another',
      async (fault) => {
        const [deadPort] = await freePorts(1);
        const path = await etcd.openPath();
        const discovery = discoveryWith({
          endpoints: [`http://127.0.0.1:${deadPort}`, path.url, etcd.url],
          requestTimeoutMs: 500,
        });
        const service = `members ${fault}`;
        const registration = discovery.register(anInstance(service, 'a'), { ttlSeconds: 2 });
        const watcher = watchOf(discovery, service);
        await watcher.until(['a']);
        expect(watcher.updates.map(({ view }) => view.current)).not.toContain(false);
        await until('registered', () => registration.status.state === 'registered');
        await path.set({ type: fault });
        // Two TTLs.
        await throughout(4_000, () => expect(registration.status).toEqual({ state: 'registered' }));
        expect((await discovery.list(service)).current).toBe(true);
        expect(watcher.updates.flatMap(({ changes }) => changes.removed)).toEqual([]);
        await discovery.close();
        await path.close();
      },
    );
  });

  describe('that is killed', () => {
    let etcd: EtcdRegistry;
    beforeAll(async () => {
      etcd = await openEtcd(program!);
    }, 120_000);
    afterAll(() => etcd.close());
    killSuite('etcd', () => etcd, ['kept', 'lost']);
  });

  describe('with authentication', () => {
    let etcd: EtcdRegistry;
    const credentials = { name: 'edge', password: 'secret' };
    beforeAll(async () => {
      etcd = await openEtcd(program!, ['--auth-token-ttl', '2', '--bcrypt-cost', '4']);
      await etcd.call('/v3/auth/user/add', { name: 'root', password: 'root' });
      await etcd.call('/v3/auth/user/grant', { user: 'root', role: 'root' });
      await etcd.call('/v3/auth/user/add', credentials);
      await etcd.call('/v3/auth/role/add', { name: 'services' });
      const range = { key: toBase64('/orasi/services/'), range_end: toBase64('/orasi/services0') };
      await etcd.call('/v3/auth/role/grant', { name: 'services', perm: { permType: 'READWRITE', ...range } });
      await etcd.call('/v3/auth/user/grant', { user: 'edge', role: 'services' });
      await etcd.call('/v3/auth/enable', {});
    }, 120_000);
    afterAll(() => etcd.close());

    const discoveryWith = (options: Partial<EtcdBackendOptions>) =>
      new Discovery({ backend: etcd.openWith(options), timing: systemTiming, random: seededRandom(1) });

    test('a token is asked for once, and again when etcd has forgotten it', async () => {
      let authentications = 0;
      const counting: Fetch = (url, init) => {
        if (url.endsWith('/v3/auth/authenticate')) authentications += 1;
        return systemFetch(url, init);
      };
      const path = await etcd.openPath();
      const discovery = discoveryWith({ endpoints: [path.url], credentials, fetch: counting });
      const registration = discovery.register(anInstance('guarded', 'a'), { ttlSeconds: 3 });
      const watcher = watchOf(discovery, 'guarded');
      await watcher.until(['a']);
      // The registration and the watch began at once, and each found none.
      expect(authentications).toBeLessThanOrEqual(2);
      const before = authentications;
      const cutMs = Date.now();
      await path.set({ type: 'refuse' });
      await watcher.untilStale();
      // Unused, a token lives two seconds here; the lease, three.
      await until('the registration is lost', () => registration.status.state === 'registering');
      await until('the token has ended', () => Date.now() - cutMs > 4_000);
      await path.set({ type: 'none' });
      await until('registered', () => registration.status.state === 'registered');
      expect(authentications).toBeGreaterThan(before);
      discovery.register(anInstance('guarded', 'b'), { ttlSeconds: 2 });
      await watcher.until(['a', 'b']);
      expectSum(watcher.updates);
      await discovery.close();
      await path.close();
    });

    test('without credentials, with a wrong password and outside its keys it is refused, and says why', async () => {
      const anonymous = discoveryWith({});
      expect(await anonymous.list('guarded')).toMatchObject({ current: false });
      expect(anonymous.health()).toMatchObject({ reason: expect.stringContaining('user name is empty') });
      const wrong = discoveryWith({ credentials: { name: 'edge', password: 'x' } });
      expect(await wrong.list('guarded')).toMatchObject({ current: false });
      expect(wrong.health()).toMatchObject({ reason: expect.stringContaining('invalid user ID or password') });
      const elsewhere = discoveryWith({ credentials, prefix: '/elsewhere/' });
      const registration = elsewhere.register(anInstance('guarded', 'a'));
      await until('refused', () => registration.status.reason?.includes('permission denied'));
      for (const discovery of [anonymous, wrong, elsewhere]) await discovery.close();
    });
  });
});
