import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';

/** What a command run in a checkout needs of it. */
const NEEDED = [
  'src',
  'durable-objects',
  'queues',
  'migrations',
  'scripts',
  'wrangler.toml',
  'tsconfig.json',
  'package.json',
];

/** A copy of this project without state, secrets or history, as somebody has it who has just installed it. */
export function freshCheckout(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'orasi-checkout-'));
  for (const name of NEEDED) cpSync(join(PROJECT_ROOT, name), join(path, name), { recursive: true });
  symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(path, 'node_modules'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A process of ours, in a process group of its own. */
export interface Running {
  readonly pid: number;
  /** Both streams, so far. */
  output(): string;
  stdout(): string;
  /** Resolves with the first match in what it prints; rejects where it ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Signals the process alone, as a supervisor does; resolves to its exit code or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  /** Resolves when it has ended by itself, as `end` does. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** Kills whatever of its group is left. */
  killGroup(): void;
}

export function run(command: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): Running {
  const { ADMIN_TOKEN: _token, ...inherited } = process.env;
  const child: ChildProcess = spawn(command, args, {
    cwd,
    env: { ...inherited, NO_COLOR: '1', ...env } as unknown as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const pid = child.pid ?? -1;
  let output = '';
  let stdout = '';
  const waiting = new Set<() => void>();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
    for (const check of waiting) check();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    for (const check of waiting) check();
  });
  let ended = false;
  const exit = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('close', (code, signal) => {
      ended = true;
      for (const check of waiting) check();
      resolve(code ?? signal);
    });
  });
  return {
    pid,
    output: () => output,
    stdout: () => stdout,
    waitFor(pattern) {
      return new Promise((resolve, reject) => {
        const check = () => {
          const match = pattern.exec(output);
          if (match === null && !ended) return;
          waiting.delete(check);
          if (match === null) reject(new Error(`it ended without printing ${pattern}:\n${output}`));
          else resolve(match);
        };
        waiting.add(check);
        check();
      });
    },
    ended: exit,
    async end(signal) {
      if (!ended) child.kill(signal);
      return await exit;
    },
    killGroup() {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // Nothing of it is left.
      }
    },
  };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
