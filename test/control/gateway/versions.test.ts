import { describe, expect, test } from 'vitest';
import { testPlane } from '../fixture.ts';
import { GATEWAYS, gatewayApi, ROUTES } from './fixture.ts';

const OLD = gatewayApi('httproutes', 'v1beta1');
const NEW_VERSION = 'gateway.networking.k8s.io/v1';
const OLD_VERSION = 'gateway.networking.k8s.io/v1beta1';
const named = (apiVersion: string, name: string, hostname = 'a.example') => ({
  apiVersion,
  kind: 'HTTPRoute',
  metadata: { name },
  spec: { hostnames: [hostname] },
});

describe('a kind of two versions', () => {
  test('has the same objects under both, each shown in the version asked for', () => {
    const plane = testPlane();
    expect(plane.send('create', named(OLD_VERSION, 'shop'), OLD).json.apiVersion).toBe(OLD_VERSION);
    for (const [call, apiVersion] of [[ROUTES, NEW_VERSION] as const, [OLD, OLD_VERSION] as const]) {
      expect(plane.call({ ...call, verb: 'get', name: 'shop' }).json.apiVersion).toBe(apiVersion);
      expect(plane.call({ ...call, verb: 'list' }).json).toMatchObject({ apiVersion, items: [{ apiVersion }] });
      const table = plane.call({ ...call, verb: 'list', representation: 'table', query: { includeObject: 'Object' } });
      expect(table.json).toMatchObject({
        rows: [{ cells: ['shop', '["a.example"]', '0s', null, null, null, null], object: { apiVersion } }],
      });
    }
  });

  test('takes a change in either: the same declaration in the other is no change', () => {
    const plane = testPlane();
    plane.send('create', named(NEW_VERSION, 'shop'), ROUTES);
    const again = plane.send('patch', named(OLD_VERSION, 'shop'), { ...OLD, name: 'shop' });
    expect(again.json).toMatchObject({ apiVersion: OLD_VERSION, metadata: { generation: 1 } });
    const changed = plane.send('patch', named(OLD_VERSION, 'shop', 'b.example'), { ...OLD, name: 'shop' });
    expect(changed.json).toMatchObject({ metadata: { generation: 2 }, spec: { hostnames: ['b.example'] } });
    const short = plane.send('patch', { spec: { hostnames: ['b.example'] } }, { ...OLD, name: 'shop' });
    expect(short.json).toMatchObject({ apiVersion: OLD_VERSION, metadata: { generation: 2 } });
    const { resourceVersion } = changed.json.metadata as { resourceVersion: string };
    const put = { ...named(OLD_VERSION, 'shop', 'c.example'), metadata: { name: 'shop', resourceVersion } };
    expect(plane.send('update', put, { ...OLD, name: 'shop' }).status).toBe(200);
    expect(plane.call({ ...OLD, verb: 'delete', name: 'shop' }).status).toBe(200);
  });

  test('refuses an object of one version at the address of the other', () => {
    const plane = testPlane();
    expect(plane.send('create', named(NEW_VERSION, 'shop'), OLD).status).toBe(400);
    expect(plane.send('create', named(OLD_VERSION, 'shop'), ROUTES).status).toBe(400);
    expect(plane.send('create', named(OLD_VERSION, 'shop'), gatewayApi('httproutes', 'v1alpha2')).status).toBe(404);
  });

  test('is watched in the version asked for', async () => {
    const plane = testPlane();
    const watched = plane.machine.watch(
      {
        verb: 'watch',
        group: 'gateway.networking.k8s.io',
        version: 'v1beta1',
        resource: 'gateways',
        namespace: 'default',
        name: null,
        subresource: null,
        query: {},
        contentType: '',
        body: '',
        representation: 'object',
      },
      () => () => {},
    );
    if (!(watched instanceof ReadableStream)) throw new Error('no watch');
    const reader = watched.getReader();
    const { value } = await reader.read();
    expect(JSON.parse(new TextDecoder().decode(value).split('\n')[0])).toMatchObject({
      type: 'ADDED',
      object: { apiVersion: OLD_VERSION, metadata: { name: 'default' } },
    });
    await reader.cancel();
  });
});

test('a Gateway shows its first address in its table', () => {
  const plane = testPlane();
  const status = { addresses: [{ type: 'Hostname', value: 'gw.example' }], conditions: [] };
  plane.send('patch', { status }, { ...GATEWAYS, name: 'default', subresource: 'status' });
  const { json } = plane.call({ ...GATEWAYS, verb: 'list', representation: 'table' });
  expect(json).toMatchObject({ rows: [{ cells: ['default', 'orasi', 'gw.example', null, '0s'] }] });
});

test('a route shows in its wide table what has become of it at its first Gateway', () => {
  const plane = testPlane();
  plane.send('create', named(NEW_VERSION, 'shop'), ROUTES);
  const conditions = [
    ['Accepted', 'False', 'HostnameConflict'],
    ['ResolvedRefs', 'True', 'ResolvedRefs'],
    ['Programmed', 'True', 'Programmed'],
  ].map(([type, status, reason]) => ({
    type,
    status,
    reason,
    message: '',
    lastTransitionTime: '2026-11-21T00:00:00Z',
  }));
  const parents = [{ parentRef: { name: 'default' }, controllerName: 'orasi.io/gateway-controller', conditions }];
  plane.send('patch', { status: { parents } }, { ...ROUTES, name: 'shop', subresource: 'status' });
  const { json } = plane.call({ ...ROUTES, verb: 'list', representation: 'table' });
  expect(json).toMatchObject({
    rows: [{ cells: ['shop', '["a.example"]', '0s', 'False', 'HostnameConflict', 'True', 'True'] }],
  });
  expect(json.columnDefinitions).toMatchObject([{}, {}, {}, ...Array(4).fill({ priority: 1 })]);
});
