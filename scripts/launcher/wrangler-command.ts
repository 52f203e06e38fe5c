import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * How to run the pinned wrangler: with this very Node, not through the shim in `node_modules/.bin`, whose `node`
 * would be whatever comes first on the caller's PATH.
 */
export function wranglerCommand(): { command: string; leading: string[] } {
  const manifest = createRequire(import.meta.url).resolve('wrangler/package.json');
  return { command: process.execPath, leading: [join(dirname(manifest), 'bin', 'wrangler.js')] };
}

/** The environment under which wrangler neither asks the network for anything nor decorates its output. */
export function quietWrangler(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    // A second of compiling less at each start but the first; the same folder as quick-boot's.
    NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'),
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    NO_COLOR: '1',
    CI: 'true',
  };
}
