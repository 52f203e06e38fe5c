import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import { INTERMEDIATE, LEAF, LEAF_KEY, OTHER_KEY } from '../../certificates.ts';
import { SECRETS } from '../fixture.ts';
import { GATEWAYS, gatewayApi } from './fixture.ts';
import { conditionTexts, gatewayPlane } from './gateway-plane.ts';

const ENDS_MS = Date.UTC(2081, 7, 24, 18, 7, 9);

function withListener(reference: JsonObject, hostname = 'shop.example.com') {
  const plane = gatewayPlane();
  // The certificate of the tests begins on the evening of the day on which the clock stands.
  plane.clock.advance(24 * 3_600_000);
  plane.namespace('vault');
  plane.upstream('orders');
  const tls = { certificateRefs: [reference] };
  const listener = { name: 'tls', port: 443, protocol: 'HTTPS', hostname, tls };
  plane.gateway('edge', { gatewayClassName: 'orasi', listeners: [listener] });
  plane.route('r', { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs: [{ name: 'orders', port: 80 }] }] });
  return {
    ...plane,
    secret: (key: string, namespace = 'default') =>
      plane.apply(
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'tls' },
          type: 'kubernetes.io/tls',
          stringData: { 'tls.crt': LEAF + INTERMEDIATE, 'tls.key': key },
        },
        SECRETS,
        namespace,
      ),
    /** ResolvedRefs and Programmed of the listener, and whether its host is served. */
    async state(): Promise<string> {
      await plane.publish();
      const status = plane.read(GATEWAYS, 'edge').status as { listeners: { conditions: JsonObject[] }[] };
      const [, , resolved, programmed] = conditionTexts(status.listeners[0].conditions);
      const entries = plane.announced.length === 0 ? {} : (await plane.published()).entries;
      const isServed = `host:https://${hostname}` in entries;
      return [resolved.split('/')[1], programmed.split('=')[1].split('/')[0], isServed ? 'served' : 'not served'].join(
        ' ',
      );
    },
  };
}

test('a listener is served while its certificate is there, has its key, names its host and holds', async () => {
  const w = withListener({ name: 'tls' });
  const seen: string[] = [await w.state()];
  w.secret(OTHER_KEY);
  seen.push(await w.state());
  w.remove(SECRETS, 'tls');
  w.secret(LEAF_KEY);
  seen.push(await w.state());
  expect(w.machine.listenerExpiries()).toEqual([
    { namespace: 'default', gateway: 'edge', listener: 'tls', notAfterMs: ENDS_MS },
  ]);
  w.clock.advance(ENDS_MS - w.clock.now() - 5_000);
  seen.push(await w.state());
  // Nobody changes anything: time alone does.
  w.clock.advance(10_000);
  seen.push(await w.state());
  expect(seen).toEqual([
    'InvalidCertificateRef False not served',
    'InvalidCertificateRef False not served',
    'ResolvedRefs True served',
    'ResolvedRefs True served',
    'InvalidCertificateRef False not served',
  ]);
  w.remove(GATEWAYS, 'edge');
  await w.settle();
  expect(w.machine.listenerExpiries()).toEqual([]);
});

test('a certificate that names another host, or an object that is none, is refused', async () => {
  const other = withListener({ name: 'tls' }, 'other.example.com');
  other.secret(LEAF_KEY);
  expect(await other.state()).toBe('InvalidCertificateRef False not served');
  const kind = withListener({ group: 'orasi.io', kind: 'Upstream', name: 'orders' });
  expect(await kind.state()).toBe('InvalidCertificateRef False not served');
});

test('a certificate of another namespace is used while a ReferenceGrant there allows it', async () => {
  const w = withListener({ name: 'tls', namespace: 'vault' });
  w.secret(LEAF_KEY, 'vault');
  const grants = gatewayApi('referencegrants');
  const seen: string[] = [await w.state()];
  const from = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'default' }];
  const spec = { from, to: [{ group: '', kind: 'Secret', name: 'tls' }] };
  const grant = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'ReferenceGrant', metadata: { name: 'g' }, spec };
  w.apply(grant, grants, 'vault');
  seen.push(await w.state());
  w.remove(grants, 'g', 'vault');
  seen.push(await w.state());
  expect(seen).toEqual([
    'RefNotPermitted False not served',
    'ResolvedRefs True served',
    'RefNotPermitted False not served',
  ]);
});
