import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';

/** What a run of the command left behind. */
export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The `orasi` command with a home of its own. */
export interface OrasiCommand {
  readonly home: string;
  run(args: readonly string[], options?: { stdin?: string | Uint8Array; env?: Record<string, string> }): Promise<Ran>;
  remove(): void;
}

export const ORASI = join(PROJECT_ROOT, 'agent', 'bin', 'orasi.js');

/** The command as a child process, run by `node`. Neither the user's contexts nor their environment reach it. */
export function orasiCommand(env: Record<string, string> = {}, node = process.execPath): OrasiCommand {
  const home = mkdtempSync(join(tmpdir(), 'orasi-home-'));
  return {
    home,
    run(args, { stdin, env: more } = {}) {
      const child = spawn(node, [ORASI, ...args], {
        cwd: home,
        env: { PATH: process.env['PATH'], HOME: home, ...env, ...more } as unknown as NodeJS.ProcessEnv,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      // A command that ends before it has read all of its input is judged by how it ends.
      child.stdin.on('error', () => {});
      child.stdin.end(stdin ?? '');
      return new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
      });
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
