import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';
import { until } from './until.ts';

/** Where .ci/run leaves programs that it may not install. */
const OWN_PROGRAMS = join(PROJECT_ROOT, '.orasi', 'programs');

/** The path of a program, or undefined, with a warning: its tests are skipped then. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), OWN_PROGRAMS];
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found === undefined) console.warn(`SKIPPED: ${name} is not installed; .ci/run says how to get it`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Ports of the loopback that are free now, each another. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** A registry's process with a data folder of its own, which can be killed and started again. */
export class ServerProcess {
  private readonly command: string;
  private readonly args: (dataDir: string) => string[];
  private readonly isReady: () => Promise<boolean>;
  private dataDir = mkdtempSync(join(tmpdir(), 'orasi-registry-'));
  private child: ChildProcess | undefined;
  private output = '';

  constructor(command: string, args: (dataDir: string) => string[], isReady: () => Promise<boolean>) {
    this.command = command;
    this.args = args;
    this.isReady = isReady;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const child = spawn(this.command, this.args(this.dataDir), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => {
        this.output = (this.output + bytes).slice(-4_000);
      });
    }
    await until(`${this.command} serves`, async () => {
      if (child.exitCode !== null) throw new Error(`${this.command} ended by itself:\n${this.output}`);
      return this.isReady().catch(() => false);
    }).catch((error) => {
      throw new Error(`${String(error)}\n${this.output}`);
    });
  }

  /** SIGKILL: nothing is put in order. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await ended;
  }

  /** The next start begins with nothing. */
  loseState(): void {
    rmSync(this.dataDir, { recursive: true, force: true });
    this.dataDir = mkdtempSync(join(tmpdir(), 'orasi-registry-'));
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
