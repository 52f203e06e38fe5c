import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { PROJECT_ROOT } from '../project-root.ts';

/** What a `wrangler` command ended with. */
export interface Outcome {
  readonly ok: boolean;
  /** Both of its streams. */
  readonly output: string;
  readonly stdout: string;
}

/** Runs `wrangler` in a folder, as PATH has it, else the pinned one. `input` goes to its standard input: secrets never go in arguments. */
export function runWrangler(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
  input = '',
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn('wrangler', args, {
      cwd: folder,
      env: {
        ...env,
        PATH: [env['PATH'] ?? '', join(PROJECT_ROOT, 'node_modules', '.bin')].join(delimiter),
        WRANGLER_SEND_METRICS: 'false',
        WRANGLER_HIDE_BANNER: 'true',
        NO_COLOR: '1',
        // Wrangler then asks nothing, and takes its documented defaults.
        CI: 'true',
      } as unknown as NodeJS.ProcessEnv,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ ok: code === 0, output, stdout }));
    // A command that does not read its input may be gone before it is written.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
