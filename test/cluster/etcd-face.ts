import { createApp } from '../../src/api/app.ts';
import { mountEtcd } from '../../src/api/etcd.ts';
import type { ClusterKv } from '../../src/core/protocol/cluster-kv.ts';
import { apiBase } from '../api/api-base.ts';
import { kvWorld } from './kv-fixture.ts';

/** Where a cluster is to an app of a test. */
export const CLUSTER_URL = 'http://localhost/v1/namespaces/default/clusters/main';

/** What an etcd client gets: the status and the body. */
export interface EtcdAnswer {
  readonly status: number;
  readonly text: string;
}

/** etcd's face of a cluster, over any that holds its state. */
export function etcdApp(kv: ClusterKv) {
  const base = apiBase({
    authenticate: async (token) =>
      token === 'admin' || token === 'reader'
        ? { kind: 'api-key', name: token, role: token, namespace: null, namespaceUid: null }
        : token === 'stranger'
          ? { kind: 'api-key', name: token, role: 'agent', namespace: 'elsewhere', namespaceUid: 'other' }
          : null,
    namespaceUid: async () => 'uid',
  });
  return createApp(base, (app) => mountEtcd(app, base, async () => kv));
}

/** The face over a store in memory. */
export function etcdFace(world = kvWorld()) {
  const app = etcdApp({
    kv: async (call, ifEpoch) => world.machine.call(call, ifEpoch, 7),
    kvWatch: async (watches) =>
      world.machine.watch(watches, {
        progressEveryMs: 1000,
        startTimer: () => () => {},
      }),
  });
  const request = (path: string, body: string, authorization = 'admin') =>
    app.request(`${CLUSTER_URL}/v3${path}`, {
      method: 'POST',
      headers: { host: 'localhost', authorization },
      body,
    });
  return {
    request,
    async post(path: string, body: string): Promise<EtcdAnswer> {
      const response = await request(path, body);
      return { status: response.status, text: await response.text() };
    },
  };
}
