import { describe, expect, test } from 'vitest';
import { BUILT_IN_KINDS } from '../../../src/control/kinds.ts';
import { memoryStorage } from '../../../src/control/memory-storage.ts';
import { NAMESPACES, testPlane } from '../fixture.ts';
import { CLASSES, GATEWAYS } from './fixture.ts';

function planes() {
  const plane = testPlane();
  const read = (namespace: string, name = 'default') => plane.call({ ...GATEWAYS, verb: 'get', namespace, name });
  const make = (name: string) => plane.send('create', { metadata: { name } }, NAMESPACES);
  return { ...plane, read, make };
}

describe('the default Gateway', () => {
  test('is in every namespace from the moment it is made: HTTP on 80, HTTPS on 443 with the platform’s certificate', () => {
    const plane = planes();
    expect(plane.make('team').status).toBe(201);
    for (const namespace of ['default', 'team']) {
      expect(plane.read(namespace).json.spec).toEqual({
        gatewayClassName: 'orasi',
        listeners: [
          { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'Same' } } },
          {
            name: 'https',
            port: 443,
            protocol: 'HTTPS',
            tls: { mode: 'Terminate', options: { 'orasi.io/termination': 'cloudflare' } },
            allowedRoutes: { namespaces: { from: 'Same' } },
          },
        ],
      });
    }
  });

  test('is not made by a dry run of a namespace', () => {
    const plane = planes();
    plane.send('create', { metadata: { name: 'team' } }, { ...NAMESPACES, query: { dryRun: 'All' } });
    expect(plane.read('team').status).toBe(404);
  });

  test('stays as it was edited, and is as at first again once deleted', () => {
    const plane = planes();
    const listeners = [{ name: 'only', port: 8080, protocol: 'HTTP' }];
    plane.send('patch', { spec: { listeners } }, { ...GATEWAYS, name: 'default' });
    plane.machine.start();
    expect(plane.read('default').json).toMatchObject({ spec: { listeners } });
    const { uid } = plane.read('default').json.metadata as { uid: string };
    expect(plane.call({ ...GATEWAYS, verb: 'delete', name: 'default' }).status).toBe(200);
    expect(plane.read('default').json).toMatchObject({ spec: { listeners: [{ name: 'http' }, { name: 'https' }] } });
    expect(plane.read('default').json.metadata).not.toMatchObject({ uid });
  });

  test('goes with its namespace', async () => {
    const plane = planes();
    plane.make('team');
    plane.call({ ...NAMESPACES, verb: 'delete', name: 'team' });
    await plane.settle();
    expect(plane.call({ ...NAMESPACES, verb: 'get', name: 'team' }).status).toBe(404);
    expect(plane.read('team').status).toBe(404);
    plane.make('team');
    expect(plane.read('team').status).toBe(200);
  });

  test('comes to the namespaces of before there were Gateways', () => {
    const kinds = BUILT_IN_KINDS.filter(({ kind }) => kind.group !== 'gateway.networking.k8s.io');
    const storage = memoryStorage();
    testPlane({ storage, kinds }).send('create', { metadata: { name: 'team' } }, NAMESPACES);
    const plane = testPlane({ storage });
    for (const namespace of ['default', 'team'])
      expect(plane.call({ ...GATEWAYS, verb: 'get', namespace, name: 'default' }).status).toBe(200);
  });
});

describe('the GatewayClass orasi', () => {
  test('is there from the start, keeps its controller, and comes back', () => {
    const plane = planes();
    const read = () => plane.call({ ...CLASSES, verb: 'get', name: 'orasi' }).json;
    expect(read()).toMatchObject({
      spec: { controllerName: 'orasi.io/gateway-controller' },
      status: { conditions: [{ type: 'Accepted', status: 'Unknown', reason: 'Pending' }] },
    });
    const change = { spec: { controllerName: 'other.io/controller' } };
    const refused = plane.send('patch', change, { ...CLASSES, name: 'orasi' });
    expect(refused.status).toBe(422);
    expect(refused.json.message).toContain(
      'spec.controllerName: Invalid value: "other.io/controller": Value is immutable',
    );
    plane.call({ ...CLASSES, verb: 'delete', name: 'orasi' });
    expect(read().spec).toMatchObject({ controllerName: 'orasi.io/gateway-controller' });
  });
});
