import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from './programs.ts';
import { freePorts, Server } from './server.ts';

export interface Redis {
  readonly port: number;
  stop(): Promise<void>;
}

/** A Redis with an append-only file, written through to the disk each second or with each write. */
export async function startRedis(program: Program, appendfsync: 'everysec' | 'always'): Promise<Redis> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-redis-'));
  const [port] = await freePorts(1);
  const server = await Server.start(
    program,
    [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
      ...['--appendonly', 'yes', '--appendfsync', appendfsync, '--maxmemory-policy', 'noeviction'],
    ],
    () => isListening(port),
  );
  return {
    port,
    async stop() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.unref();
    setTimeout(() => socket.destroy(), 1_000).unref();
  });
}
