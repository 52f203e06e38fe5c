#!/usr/bin/env node
/**
 * `npx orasi`: plain JavaScript, since it begins on whatever Node there is (20 and up). It runs our TypeScript as one
 * file, which esbuild makes when there is none or it is out of date: a quarter of the time that stripping types at
 * every start takes. One process, so that signals reach the one that works.
 */
import { existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['agent', 'src/core', 'src/discovery', 'package-lock.json'];
const BUNDLE = join(ROOT, 'dist', 'agent', 'orasi.mjs');

await import(pathToFileURL(await bundled()).href);

async function bundled() {
  const sources = join(ROOT, 'agent', 'orasi.ts');
  if (!existsSync(sources)) return BUNDLE;
  const builtMs = statSync(BUNDLE, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (SOURCES.every((name) => newest(join(ROOT, name)) < builtMs)) return BUNDLE;
  const esbuild = await import('esbuild').catch(() => undefined);
  if (esbuild === undefined) {
    process.stderr.write('orasi: it is out of date, and esbuild, which makes it, is missing: run npm ci\n');
    process.exit(1);
  }
  // Under a name of its own until it is whole: another process may be doing the same.
  const outfile = `${BUNDLE}.${process.pid}`;
  await esbuild.build({
    entryPoints: [sources],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'error',
    // Packages in CommonJS call `require`, which a module does not have.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  renameSync(outfile, BUNDLE);
  return BUNDLE;
}

/** When anything in a folder was last changed; 0 where there is none. */
function newest(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), stats.mtimeMs);
}
