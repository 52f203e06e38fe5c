import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';
import type { EtcdAnswer } from './etcd-face.ts';

/** The etcd that is installed, or that .ci/run unpacked; undefined where there is none. */
export function findEtcd(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(PROJECT_ROOT, '.orasi/programs')];
  return folders.map((folder) => join(folder, 'etcd')).find((path) => existsSync(path));
}

/** Starts an etcd with an empty store on ports of its own and waits until it answers. */
export async function startEtcd(program: string) {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-etcd-'));
  const [client, peer] = await Promise.all([freePort(), freePort()]);
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const etcd = spawn(
    program,
    [
      ...['--data-dir', join(folder, 'data'), '--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `default=${peerUrl}`, '--log-level', 'error'],
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => etcd.once('exit', () => resolve()));
  const post = async (path: string, body: string): Promise<EtcdAnswer> => {
    const response = await fetch(`${clientUrl}/v3${path}`, { method: 'POST', body });
    return { status: response.status, text: await response.text() };
  };
  for (let turn = 0; ; turn++) {
    const answers = await post('/kv/range', '{"key":"AA=="}').then(
      ({ status }) => status === 200,
      () => false,
    );
    if (answers) break;
    if (turn > 200 || etcd.exitCode !== null) throw new Error('etcd does not answer');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    post,
    url: clientUrl,
    async stop(): Promise<void> {
      etcd.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
