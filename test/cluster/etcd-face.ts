import { authorize } from '../../src/access/authorize.ts';
import { createApp } from '../../src/api/app.ts';
import { mountEtcd } from '../../src/api/etcd.ts';
import type { ApiBase } from '../../src/api/ports.ts';
import { readConfig } from '../../src/config.ts';
import { manualClock } from '../../src/core/clock.ts';
import type { ClusterKv } from '../../src/core/protocol/cluster-kv.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createLogs } from '../../src/observe/log.ts';
import { kvWorld } from './kv-fixture.ts';

const V3 = 'http://localhost/v1/namespaces/default/clusters/main/v3';

/** What an etcd client gets: the status and the body. */
export interface EtcdAnswer {
  readonly status: number;
  readonly text: string;
}

/** etcd's face over a store in memory. */
export function etcdFace(world = kvWorld()) {
  const base: ApiBase = {
    authorize,
    config: readConfig({}),
    clock: manualClock(0),
    random: seededRandom(1),
    logs: createLogs({ '*': 'off' }, () => {}, manualClock(0)),
    reporter: () => ({ report: () => {} }),
    authenticate: async (token) =>
      token === 'admin' || token === 'reader'
        ? { kind: 'api-key', name: token, role: token, namespace: null, namespaceUid: null }
        : null,
    namespaceUid: async () => 'uid',
    health: async () => [],
  };
  const kv: ClusterKv = {
    kv: async (call, ifEpoch) => world.machine.call(call, ifEpoch, 7),
    kvWatch: async (watches) =>
      world.machine.watch(watches, {
        progressEveryMs: 1000,
        startTimer: () => () => {},
      }),
  };
  const app = createApp(base, (app) => mountEtcd(app, base, () => kv));
  const request = (path: string, body: string, authorization = 'admin') =>
    app.request(`${V3}${path}`, {
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
