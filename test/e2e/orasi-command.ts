import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { COMMANDS } from '../../agent/cli/commands.ts';
import { main } from '../../agent/cli/main.ts';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';

/** What a run of the command left behind. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Record<string, string>;
}

/** The `orasi` command with a home of its own. */
export interface OrasiCommand {
  readonly home: string;
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
  remove(): void;
}

export const ORASI = join(PROJECT_ROOT, 'agent', 'bin', 'orasi.js');

/**
 * The command line, without a process of its own: a process costs as much as ten commands do. Neither the user's
 * contexts nor their environment reach it.
 */
export function orasiCommand(env: Record<string, string> = {}): OrasiCommand {
  return commandOf(env, async (args, stdin, all) => {
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    const stdout = textOf(streams.stdout);
    const stderr = textOf(streams.stderr);
    streams.stdin.end(stdin);
    const code = await main(args, COMMANDS, { ...streams, env: all } as unknown as Parameters<typeof main>[2]);
    return { code, stdout: stdout(), stderr: stderr() };
  });
}

/** The command as a child process, run by `node`. */
export function orasiProcess(env: Record<string, string>, node: string): OrasiCommand {
  return commandOf(env, (args, stdin, all) => {
    const child = spawn(node, [ORASI, ...args], {
      env: all as unknown as NodeJS.ProcessEnv,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout = textOf(child.stdout);
    const stderr = textOf(child.stderr);
    // A command that ends before it has read all of its input is judged by how it ends.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout: stdout(), stderr: stderr() }));
    });
  });
}

type Runner = (
  args: readonly string[],
  stdin: string | Uint8Array,
  env: Record<string, string | undefined>,
) => Promise<Ran>;

function commandOf(env: Record<string, string>, runner: Runner): OrasiCommand {
  const home = mkdtempSync(join(tmpdir(), 'orasi-home-'));
  return {
    home,
    run: (args, { stdin = '', env: more } = {}) =>
      runner(args, stdin, { PATH: process.env['PATH'], HOME: home, ...env, ...more }),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

function textOf(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}
