import type {
  CompiledBackend,
  CompiledFilter,
  CompiledRule,
  GatewayManifest,
  HostEntry,
  HostKey,
  PolicyEntry,
  RuleAction,
} from '../../src/core/protocol/gateway.ts';
import type { CompiledUpstream } from '../../src/core/protocol/upstream.ts';
import { encodeHashes } from '../../src/traffic/snapshot/hash-set.ts';
import {
  type EntryKey,
  hostEntryKey,
  hostHash,
  pageEntryKey,
  shardOf,
  upstreamEntryKey,
} from '../../src/traffic/snapshot/keys.ts';
import { MANIFEST_FORMAT, manifestFileKey } from '../../src/traffic/snapshot/manifest.ts';
import { encodeShard, shardFileKey, shardHash } from '../../src/traffic/snapshot/shard.ts';

/** Compiled configuration made by hand, for tests of what serves it. */

export const NAMESPACE_UID = 'ns-1';

export function upstream(addresses: readonly string[], more: Partial<CompiledUpstream> = {}): CompiledUpstream {
  return {
    namespace: 'default',
    namespaceUid: NAMESPACE_UID,
    name: 'upstream',
    source: { type: 'static' },
    endpoints: addresses.map((address) => ({ address, weight: 1, zone: null, draining: false })),
    loadBalancer: {
      strategy: 'RoundRobin',
      slowStartMs: 0,
      panicThreshold: 0,
      zones: { own: null, preferred: [], minimumAvailable: 0 },
    },
    healthCheck: null,
    circuitBreaker: null,
    outlierDetection: null,
    retry: null,
    timeouts: { requestMs: 30_000, tryMs: 0, idleMs: 300_000 },
    bulkhead: null,
    sessionPersistence: null,
    ...more,
  };
}

/** The backend that is the upstream of that name. */
export function backend(name: string, more: Partial<CompiledBackend> = {}): CompiledBackend {
  const names = { upstream: `${NAMESPACE_UID}/${name}`, name: `default/${name}` };
  return { ...names, weight: 1, filters: [], reason: null, ...more };
}

export function action(backends: readonly CompiledBackend[], more: Partial<RuleAction> = {}): RuleAction {
  return {
    route: { namespace: 'default', name: 'route', uid: 'uid-1', generation: 1 },
    rule: { index: 0, name: null },
    gateway: { namespace: 'default', name: 'default', listener: 'http' },
    filters: [],
    backends,
    timeouts: { requestMs: 0, backendRequestMs: 0 },
    retry: null,
    sessionPersistence: null,
    policies: [],
    broken: null,
    ...more,
  };
}

/** One rule of a host: a path prefix unless `exact`, and what becomes of its requests. */
export interface TestRule {
  readonly path: string;
  readonly exact?: boolean;
  readonly action: RuleAction;
}

/** A rule that sends everything below a path to an upstream, through filters. */
export function rule(
  path: string,
  to: string,
  filters: readonly CompiledFilter[] = [],
  more: Partial<RuleAction> = {},
): TestRule {
  return { path, action: action([backend(to)], { filters, ...more }) };
}

export interface TestConfiguration {
  readonly hosts: Readonly<Record<HostKey, readonly TestRule[]>>;
  readonly upstreams: Readonly<Record<string, CompiledUpstream>>;
  readonly policies?: Readonly<Record<`policy:${string}`, PolicyEntry>>;
}

/** The files of a publication by their keys, as the control plane would write them. */
export async function publication(
  version: number,
  configuration: TestConfiguration,
  shardCount = 4,
): Promise<{ manifest: GatewayManifest; files: Map<string, Uint8Array<ArrayBuffer>> }> {
  const entries: [EntryKey, string][] = [];
  for (const [name, entry] of Object.entries(configuration.upstreams)) {
    entries.push([upstreamEntryKey(`${NAMESPACE_UID}/${name}`), JSON.stringify({ ...entry, name })]);
  }
  for (const [key, entry] of Object.entries(configuration.policies ?? {})) {
    entries.push([key as EntryKey, JSON.stringify(entry)]);
  }
  const hosts = Object.keys(configuration.hosts) as HostKey[];
  for (const host of hosts) {
    const rules = configuration.hosts[host];
    const compiled = rules.map(
      (given, index): CompiledRule => ({
        path: { type: given.exact ? 'Exact' : 'PathPrefix', value: given.path },
        match: { method: null, headers: [], query: [], conditions: null },
        priority: 0,
        createdMs: 1,
        action: index,
        matchIndex: 0,
      }),
    );
    const entry: HostEntry = {
      namespace: 'default',
      namespaceUid: NAMESPACE_UID,
      pages: 1,
      paths: null,
      maxSegments: 8,
      expressions: { rules: [], actions: [] },
      hasPriorities: false,
    };
    entries.push([hostEntryKey(host), JSON.stringify(entry)]);
    const page = { rules: compiled, actions: rules.map((given) => given.action) };
    entries.push([pageEntryKey(host, 0), JSON.stringify(page)]);
  }
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const shards: GatewayManifest['shards'][number][] = [];
  for (let index = 0; index < shardCount; index++) {
    const own = entries.filter(([key]) => shardOf(key, shardCount) === index);
    if (own.length === 0) {
      shards.push(null);
      continue;
    }
    const bytes = encodeShard(own);
    const hash = await shardHash(bytes);
    files.set(shardFileKey(hash), bytes);
    shards.push({ hash, bytes: bytes.length });
  }
  const manifest = { format: MANIFEST_FORMAT, version, shards, hosts: encodeHashes(hosts.map(hostHash)) };
  files.set(manifestFileKey(version), new Uint8Array(Buffer.from(JSON.stringify(manifest))));
  return { manifest, files };
}
