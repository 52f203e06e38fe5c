/**
 * Preloaded (`node --import`) by whatever launches instances. Miniflare writes the runtime's configuration, our
 * modules included, into one buffer that grows by 4 KB at a time and is copied whole each time: most of the CPU time
 * of a boot. Here it grows by megabytes. And the thread in which it makes Node wait for an answer, one an instance,
 * loads two modules of undici in place of all (figures in docs/decisions/0094). Without this module, or with a
 * Miniflare that reads otherwise, instances boot as they always did, only slower.
 */
import { enableCompileCache, registerHooks } from 'node:module';

const MINIFLARE = /\/node_modules\/miniflare\/dist\/src\/index\.js$/;
const WRANGLER = /\/node_modules\/wrangler\/wrangler-dist\/cli\.js$/;

/** What stands in Miniflare's source, and what takes its place. */
const PLACES: readonly (readonly [string, string])[] = [
  ['var MIN_SINGLE_SEGMENT_GROWTH = 4096;', `var MIN_SINGLE_SEGMENT_GROWTH = ${4 * 1024 * 1024};`],
  [
    'const { Pool, fetch } = actualRequire("undici");',
    'const Pool = actualRequire("undici/lib/dispatcher/pool"); const { fetch } = actualRequire("undici/lib/web/fetch");',
  ],
];

/** Miniflare's source with the larger growth and the smaller import. */
export function quickened(source: string): string {
  return PLACES.reduce((changed, [place, quick]) => changed.replace(place, quick), source);
}

/** Those places that a source does not have. */
export function placesMissing(source: string): string[] {
  return PLACES.map(([place]) => place).filter((place) => !source.includes(place));
}

// The machine code of Miniflare and wrangler is kept from one process to the next, in the system's temporary folder.
enableCompileCache();

registerHooks({
  load(url, context, nextLoad) {
    // Neither says that it is CommonJS: Node would read its megabytes once more to find out.
    const commonJs = MINIFLARE.test(url) || WRANGLER.test(url);
    const loaded = nextLoad(url, commonJs ? { ...context, format: 'commonjs' } : context);
    if (!MINIFLARE.test(url) || loaded.source === undefined || loaded.source === null) return loaded;
    const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    return { ...loaded, source: quickened(source) };
  },
});
