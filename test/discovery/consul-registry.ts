import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../src/core/random.ts';
import { ConsulBackend, type ConsulBackendOptions } from '../../src/discovery/consul/consul.ts';
import { systemFetch } from '../../src/discovery/http.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { freePorts, ServerProcess } from './process.ts';
import { type ProxiedPath, proxiedPath } from './proxied-path.ts';
import type { MortalRegistry } from './registry.ts';

/** The token that may do everything in the Consul under test, which refuses everyone else. */
export const MASTER_TOKEN = '5f2d7b64-0000-4000-8000-0123456789ab';

/** A real Consul server. */
export interface ConsulRegistry extends MortalRegistry {
  readonly url: string;
  openPath(): Promise<ProxiedPath>;
  openWith(options: Partial<ConsulBackendOptions>): ConsulBackend;
  /** A request past the code under test. */
  put(path: string, body?: object): Promise<string>;
}

export async function openConsul(program: string): Promise<ConsulRegistry> {
  const [http, server, lan, wan] = await freePorts(4);
  const url = `http://127.0.0.1:${http}`;
  const headers = { 'x-consul-token': MASTER_TOKEN };
  const configuration = {
    acl: { enabled: true, default_policy: 'deny', tokens: { master: MASTER_TOKEN, agent: MASTER_TOKEN } },
    addresses: { http: '127.0.0.1' },
    ports: { http, server, serf_lan: lan, serf_wan: wan, dns: -1, grpc: -1, https: -1 },
    performance: { raft_multiplier: 1 },
    disable_update_check: true,
  };
  const process = new ServerProcess(
    program,
    (dataDir) => {
      writeFileSync(join(dataDir, 'test.json'), JSON.stringify(configuration));
      return [
        ...['agent', '-server', '-bootstrap-expect=1', '-node', 'test', '-bind', '127.0.0.1'],
        ...['-data-dir', dataDir, '-config-file', join(dataDir, 'test.json')],
      ];
    },
    // A leader, the master token in force, and the agent itself in the catalogue.
    async () => {
      const response = await fetch(`${url}/v1/catalog/service/consul`, { headers });
      return response.status === 200 && ((await response.json()) as unknown[]).length > 0;
    },
  );
  await process.start();
  const openWith = (options: Partial<ConsulBackendOptions>) =>
    new ConsulBackend({
      address: url,
      token: MASTER_TOKEN,
      pollMs: 1_000,
      timing: systemTiming,
      random: seededRandom(1),
      fetch: systemFetch,
      ...options,
    });
  const put: ConsulRegistry['put'] = async (path, body) => {
    const response = await fetch(url + path, { method: 'PUT', headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  };
  return {
    url,
    openWith,
    put,
    open: () => openWith({}),
    openPath: () => proxiedPath(http!, (address) => openWith({ address, requestTimeoutMs: 1_000 })),
    timing: systemTiming,
    lookEveryMs: 100,
    ttlSeconds: 1,
    remove: async (service, id) => {
      await put(`/v1/agent/service/deregister/${encodeURIComponent(`${service}:${id}`)}`);
    },
    close: () => process.close(),
    kill: () => process.kill(),
    start: async (state) => {
      if (state === 'lost') process.loseState();
      await process.start();
    },
  };
}
