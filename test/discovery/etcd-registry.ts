import { EtcdBackend, type EtcdBackendOptions } from '../../src/discovery/etcd/etcd.ts';
import { keyOf, toBase64 } from '../../src/discovery/etcd/records.ts';
import { systemFetch } from '../../src/discovery/http.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { freePorts, ServerProcess } from './process.ts';
import type { Registry } from './registry.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** A real etcd behind a proxy. */
export interface EtcdRegistry extends Registry {
  readonly outages: NonNullable<Registry['outages']>;
  /** Past the proxy. */
  readonly directUrl: string;
  readonly proxyUrl: string;
  openWith(options: Partial<EtcdBackendOptions>): EtcdBackend;
  /** A call past the proxy and past the code under test; throws where etcd refuses it. */
  call(path: string, body: object, token?: string): Promise<Record<string, unknown>>;
}

export async function openEtcd(program: string, options: readonly string[] = []): Promise<EtcdRegistry> {
  const [clientPort, peerPort] = await freePorts(2);
  const directUrl = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const server = new ServerProcess(
    program,
    (dataDir) => [
      ...['--data-dir', dataDir, '--log-outputs', 'stderr', '--unsafe-no-fsync=true'],
      ...['--listen-client-urls', directUrl, '--advertise-client-urls', directUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `default=${peerUrl}`, ...options],
    ],
    async () => ((await (await fetch(`${directUrl}/health`)).json()) as { health: string }).health === 'true',
  );
  await server.start();
  const proxy = await TcpProxy.open(clientPort);
  const openWith = (options: Partial<EtcdBackendOptions>) =>
    new EtcdBackend({
      endpoints: [proxy.url],
      pollMs: 1_000,
      requestTimeoutMs: 500,
      timing: systemTiming,
      fetch: systemFetch,
      ...options,
    });
  const call: EtcdRegistry['call'] = async (path, body, token) => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: token };
    const response = await fetch(directUrl + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  return {
    directUrl,
    proxyUrl: proxy.url,
    openWith,
    call,
    open: () => openWith({}),
    ttlSeconds: 2,
    remove: async (service, id) => {
      await call('/v3/kv/deleterange', { key: toBase64(keyOf('/orasi/services/', service, id)) });
    },
    close: async () => {
      await proxy.close();
      await server.close();
    },
    outages: {
      set: (fault) => proxy.set(fault),
      drop: () => proxy.drop(),
      kill: () => server.kill(),
      start: async (state) => {
        if (state === 'lost') server.loseState();
        await server.start();
      },
    },
  };
}
