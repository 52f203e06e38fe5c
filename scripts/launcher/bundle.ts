import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { quietWrangler, wranglerCommand } from './wrangler-command.ts';

/** The Worker as `wrangler deploy` would upload it: an entry module and the modules it imports by name. */
export interface Bundle {
  readonly folder: string;
  readonly modules: readonly { readonly type: 'ESModule' | 'CompiledWasm'; readonly path: string }[];
}

/**
 * Bundles the Worker with `wrangler deploy --dry-run`, so that what runs locally is byte for byte what is deployed:
 * the same Node polyfills, module rules and defines (figures in docs/decisions/0001).
 * Throws an Error with wrangler's output where the bundle fails.
 */
export async function bundleWorker(root: string): Promise<Bundle> {
  const parent = join(root, '.orasi', 'bundles');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'bundle-'));
  const { command, leading } = wranglerCommand();
  const child = spawn(command, [...leading, 'deploy', '--dry-run', '--outdir', folder], {
    cwd: root,
    env: quietWrangler(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) {
    await rm(folder, { recursive: true, force: true });
    throw new Error(`wrangler could not bundle the Worker:\n${output.trim()}`);
  }
  return openBundle(folder);
}

/** The bundle a folder holds, as `bundleWorker` left it. */
export async function openBundle(folder: string): Promise<Bundle> {
  const names = await readdir(folder);
  const entry = names.find((name) => name.endsWith('.js'));
  if (entry === undefined) throw new Error(`${folder} holds no bundled Worker`);
  return {
    folder,
    modules: [
      { type: 'ESModule', path: join(folder, entry) },
      ...names
        .filter((name) => name.endsWith('.wasm'))
        .map((name) => ({ type: 'CompiledWasm' as const, path: join(folder, name) })),
    ],
  };
}

export async function removeBundle(bundle: Bundle): Promise<void> {
  await rm(bundle.folder, { recursive: true, force: true });
}
