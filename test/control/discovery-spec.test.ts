import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/control/json.ts';
import { DEFAULT_DISCOVERY_SETTINGS } from '../../src/core/protocol/discovery-settings.ts';
import { testPlane } from './fixture.ts';

function clusters() {
  const plane = testPlane();
  const uid = plane.machine.namespaceUid('default') ?? '';
  return {
    put(name: string, discovery: JsonObject) {
      const cluster = { apiVersion: 'orasi.io/v1alpha1', kind: 'Cluster', metadata: { name }, spec: { discovery } };
      return plane.send('create', cluster, { resource: 'clusters' });
    },
    discovery: (name: string) => plane.machine.clusterSettings(uid, name).settings.discovery,
  };
}

test('a cluster has its services in itself, or in what it declares', () => {
  const { put, discovery } = clusters();
  expect(discovery('main')).toEqual(DEFAULT_DISCOVERY_SETTINGS);
  expect(put('main', {}).status).toBe(201);
  expect(discovery('main')).toEqual(DEFAULT_DISCOVERY_SETTINGS);
  const instance = { id: 'a', service: 'api', address: 'a.example', port: 443 };
  put('listed', { backend: 'static', instances: [instance] });
  expect(discovery('listed')).toEqual({ backend: 'static', instances: [{ ...instance, metadata: {} }] });
  const etcd = { endpoints: ['https://one:2379'], prefix: '/mine/' };
  put('etcd', { backend: 'etcd', etcd });
  expect(discovery('etcd')).toEqual({ backend: 'etcd', instances: [], etcd });
  put('consul', { backend: 'consul', consul: { address: 'https://agent:8501' } });
  expect(discovery('consul')).toEqual({ backend: 'consul', instances: [], consul: { address: 'https://agent:8501' } });
});

test.each<[JsonObject, string]>([
  [{ backend: 'etcd' }, 'spec.discovery.etcd'],
  [{ backend: 'consul' }, 'spec.discovery.consul'],
  [{ backend: 'zookeeper' }, 'spec.discovery.backend'],
  [{ backend: 'etcd', etcd: { endpoints: ['one:2379'] } }, 'spec.discovery.etcd.endpoints[0]'],
  [{ backend: 'etcd', etcd: { endpoints: ['http://a'], prefix: '/mine' } }, 'spec.discovery.etcd.prefix'],
  [{ backend: 'consul', consul: { address: 'http://user:word@a' } }, 'spec.discovery.consul.address'],
  [
    { backend: 'static', instances: [{ id: 'a', service: 'api', address: 'a b', port: 443 }] },
    'spec.discovery.instances[0].address',
  ],
  [
    { instances: [{ id: 'a', service: 'api', address: 'a', port: 443, metadata: { 'no good': '1' } }] },
    'spec.discovery.instances[0].metadata.no good',
  ],
])('a registry that cannot be is refused by its path (%#)', (discovery, path) => {
  const { status, json } = clusters().put('main', discovery);
  expect(status).toBe(422);
  expect(json).toMatchObject({ details: { causes: [{ field: path }] } });
});
