import { registerHooks } from 'node:module';
import type { Random } from '../../src/core/random.ts';
import { becomePlatform, worldRandom } from './platform/globals.ts';
import type { ObjectClass } from './platform/object-host.ts';

/** A change of the source that takes one check away. */
export interface Mutation {
  readonly name: string;
  /** Relative to the project's root. */
  readonly file: string;
  /** Is there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** The classes under test, as they are or with a mutation. */
export interface System {
  readonly TaskQueue: ObjectClass;
  readonly Cluster: ObjectClass;
  /** The machines' prototypes, through which every call of a machine can be seen. */
  readonly queueMachine: Methods;
  readonly clusterMachine: Methods;
  readonly kvMachine: Methods;
}
export type Methods = Record<string, (...args: unknown[]) => unknown>;

const ROOT = new URL('../../', import.meta.url).href;
const PLATFORM: Readonly<Record<string, string>> = {
  'cloudflare:workers': new URL('./platform/cloudflare-workers.ts', import.meta.url).href,
  [`${ROOT}src/deps.ts`]: new URL('./platform/deps.ts', import.meta.url).href,
};
const CODE = /^(src|durable-objects)\//;

const mutations = new Map<string, Mutation>();
let hooked = false;

/**
 * Loads the Durable Objects and all they import, apart from every other system loaded: modules are told apart by a
 * query that is handed on to what they import. The platform's modules are replaced by simulated ones, a mutation is
 * made in the source as it is read. Throws where a mutation does not fit the source any more.
 */
export async function loadSystem(mutation: Mutation | null = null): Promise<System> {
  hook();
  const name = mutation === null ? 'as-it-is' : encodeURIComponent(mutation.name);
  if (mutation !== null) mutations.set(name, mutation);
  const load = async (path: string) => (await import(`${ROOT}${path}?system=${name}`)) as Record<string, unknown>;
  const [random, queue, cluster, queueMachine, clusterMachine, kvMachine] = await Promise.all([
    load('src/core/random.ts'),
    load('durable-objects/task-queue.ts'),
    load('durable-objects/cluster.ts'),
    load('src/tasks/task-queue.ts'),
    load('src/cluster/cluster.ts'),
    load('src/cluster/kv/machine.ts'),
  ]);
  // It keeps a pool, in which a run would find what the one before it left.
  Object.assign(random['systemRandom'] as Random, worldRandom);
  const methods = (of: unknown) => (of as { prototype: Methods }).prototype;
  return {
    TaskQueue: queue['TaskQueue'] as ObjectClass,
    Cluster: cluster['Cluster'] as ObjectClass,
    queueMachine: methods(queueMachine['TaskQueueMachine']),
    clusterMachine: methods(clusterMachine['Cluster']),
    kvMachine: methods(kvMachine['KvMachine']),
  };
}

function hook(): void {
  if (hooked) return;
  hooked = true;
  becomePlatform();
  registerHooks({
    resolve(specifier, context, next) {
      const system = systemOf(context.parentURL);
      if (system === null) return next(specifier, context);
      if (specifier in PLATFORM) return { url: PLATFORM[specifier], shortCircuit: true };
      const resolved = next(specifier, context);
      const url = resolved.url.split('?')[0];
      if (url in PLATFORM) return { ...resolved, url: PLATFORM[url] };
      if (!url.startsWith(ROOT) || !CODE.test(url.slice(ROOT.length))) return resolved;
      return { ...resolved, url: `${url}?system=${system}` };
    },
    load(url, context, next) {
      const loaded = next(url, context);
      const mutation = mutations.get(systemOf(url) ?? '');
      if (mutation === undefined || url.split('?')[0] !== ROOT + mutation.file) return loaded;
      const { source } = loaded;
      const text = typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array);
      return { ...loaded, source: mutated(text, mutation) };
    },
  });
}

function systemOf(url: string | undefined): string | null {
  return url?.startsWith(ROOT) ? (/\?system=([^&]+)$/.exec(url)?.[1] ?? null) : null;
}

/** The source with the mutation in it. Throws where the text is not there once. */
export function mutated(source: string, { name, file, find, replace }: Mutation): string {
  const pieces = source.split(find);
  if (pieces.length !== 2) throw new Error(`mutation "${name}": ${file} has its text ${pieces.length - 1} times`);
  return pieces.join(replace);
}
