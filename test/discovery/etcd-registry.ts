import { EtcdBackend, type EtcdBackendOptions } from '../../src/discovery/etcd/etcd.ts';
import { systemFetch } from '../../src/discovery/http.ts';
import { keyOf, toBase64 } from '../../src/discovery/leased/records.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { freePorts, ServerProcess } from './process.ts';
import { type ProxiedPath, proxiedPath } from './proxied-path.ts';
import type { MortalRegistry } from './registry.ts';

/** A real etcd. */
export interface EtcdRegistry extends MortalRegistry {
  readonly url: string;
  openPath(): Promise<ProxiedPath>;
  openWith(options: Partial<EtcdBackendOptions>): EtcdBackend;
  /** A call past the code under test; throws where etcd refuses it. */
  call(path: string, body: object, token?: string): Promise<Record<string, unknown>>;
}

export async function openEtcd(program: string, options: readonly string[] = []): Promise<EtcdRegistry> {
  const [clientPort, peerPort] = await freePorts(2);
  const url = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const server = new ServerProcess(
    program,
    (dataDir) => [
      ...['--data-dir', dataDir, '--log-outputs', 'stderr', '--unsafe-no-fsync=true'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `default=${peerUrl}`, ...options],
    ],
    async () => ((await (await fetch(`${url}/health`)).json()) as { health: string }).health === 'true',
  );
  await server.start();
  const openWith = (options: Partial<EtcdBackendOptions>) =>
    new EtcdBackend({
      endpoints: [url],
      pollMs: 1_000,
      timing: systemTiming,
      fetch: systemFetch,
      ...options,
    });
  const call: EtcdRegistry['call'] = async (path, body, token) => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: token };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  return {
    url,
    openWith,
    call,
    open: () => openWith({}),
    openPath: () =>
      proxiedPath(clientPort!, (endpoint) => openWith({ endpoints: [endpoint], requestTimeoutMs: 1_000 })),
    timing: systemTiming,
    lookEveryMs: 100,
    ttlSeconds: 2,
    remove: async (service, id) => {
      await call('/v3/kv/deleterange', { key: toBase64(keyOf('/orasi/services/', service, id)) });
    },
    close: () => server.close(),
    kill: () => server.kill(),
    start: async (state) => {
      if (state === 'lost') server.loseState();
      await server.start();
    },
  };
}
