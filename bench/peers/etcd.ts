import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from './programs.ts';
import { freePorts, Server } from './server.ts';

export interface EtcdNode {
  readonly url: string;
  readonly server: Server;
}

export interface Etcd {
  readonly nodes: readonly EtcdNode[];
  stop(): Promise<void>;
}

/** An etcd of some nodes on this machine, with the heartbeats (100 ms) and elections (1 s) it comes with. */
export async function startEtcd(program: Program, count: number): Promise<Etcd> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-etcd-'));
  const ports = await freePorts(count * 2);
  const url = (port: number) => `http://127.0.0.1:${port}`;
  const names = Array.from({ length: count }, (_, i) => `n${i}`);
  const members = names.map((name, i) => `${name}=${url(ports[2 * i + 1])}`).join(',');
  const nodes = await Promise.all(
    names.map(async (name, i): Promise<EtcdNode> => {
      const [client, peer] = [url(ports[2 * i]), url(ports[2 * i + 1])];
      const server = await Server.start(
        program,
        [
          ...['--name', name, '--data-dir', join(folder, name), '--initial-cluster', members],
          ...['--listen-client-urls', client, '--advertise-client-urls', client],
          ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--log-level', 'error'],
        ],
        // A linearizable read: there is a leader.
        async () => (await fetch(`${client}/v3/kv/range`, { method: 'POST', body: '{"key":"AA=="}' })).status === 200,
      );
      return { url: client, server };
    }),
  );
  return {
    nodes,
    async stop() {
      await Promise.all(nodes.map(({ server }) => server.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A call of a node's JSON API. */
export async function etcdCall<T>(url: string, path: string, body: unknown, timeoutMs = 5_000): Promise<T> {
  const response = await fetch(`${url}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
