import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Program } from './programs.ts';

/** A peer's server, running. */
export class Server {
  private readonly child: ChildProcess;
  private output = '';

  private constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (bytes) => {
        this.output = (this.output + bytes).slice(-4_000);
      });
    }
  }

  /** Starts a program and waits until it answers. `uid` starts it as somebody else. */
  static async start(
    { path, env }: Program,
    args: readonly string[],
    answers: () => Promise<boolean>,
    options: { readonly uid?: number; readonly cwd?: string } = {},
  ): Promise<Server> {
    const server = new Server(spawn(path, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...options }));
    for (let turn = 0; !(await answers().catch(() => false)); turn++) {
      if (turn > 300 || server.child.exitCode !== null) {
        await server.kill();
        throw new Error(`${path} does not answer:\n${server.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return server;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** SIGKILL: what it holds is temporary. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }

  /** SIGINT, at which PostgreSQL ends its children too. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGINT');
    await ended;
  }
}

/** Ports of the loopback that are free now, each another. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
