import { policySecrets } from '../../../src/access/policy-secrets.ts';
import { migrateGateway } from '../../../src/control/gateway/tables.ts';
import type { GatewayParts } from '../../../src/control/gateway/workspace.ts';
import type { JsonObject } from '../../../src/control/json.ts';
import { sqlStorage } from '../../../src/control/sql-storage.ts';
import { manualClock } from '../../../src/core/clock.ts';
import type { ResourceCall } from '../../../src/core/protocol/control-plane.ts';
import type { GatewayManifest } from '../../../src/core/protocol/gateway.ts';
import { memoryObjectStore } from '../../../src/storage/memory-object-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { checkManifest, manifestFileKey } from '../../../src/traffic/snapshot/manifest.ts';
import { decodeShard, shardFileKey } from '../../../src/traffic/snapshot/shard.ts';
import { NAMESPACES, nodeDatabase, START_MS, testPlane } from '../fixture.ts';
import { CLASSES, GATEWAYS, gateway, ROUTES, route } from './fixture.ts';

export const UPSTREAMS: Partial<ResourceCall> = { group: 'orasi.io', version: 'v1alpha1', resource: 'upstreams' };

/** A control plane with the gateway's side, over SQLite, with what it publishes and what it tells. */
export function gatewayPlane(more: Partial<GatewayParts> = {}) {
  const database = nodeDatabase();
  migrateGateway(database);
  const files = countingPuts(memoryObjectStore(manualClock(START_MS)));
  const announced: number[] = [];
  const plane = testPlane({
    storage: sqlStorage(database),
    rules: { upstreamAllow: [], upstreamBindings: ['BACKEND'] },
    gateway: {
      database,
      files: files.store,
      announce: async (version) => {
        announced.push(version);
      },
      adminHosts: ['localhost', '*.workers.dev'],
      edgeTiers: [],
      policySecrets: policySecrets([new Uint8Array(32).fill(9)]),
      ...more,
    },
  });
  const ok = (answer: { status: number; json: JsonObject }) => {
    if (answer.status >= 300) throw new Error(JSON.stringify(answer.json));
    return answer.json;
  };
  /** Creates an object, or replaces it. */
  const apply = (body: JsonObject, call: Partial<ResourceCall>, namespace = 'default') => {
    const place = { ...call, ...(call.namespace === null ? {} : { namespace }) };
    const name = String((body.metadata as JsonObject).name);
    const present = plane.call({ verb: 'get', ...place, name });
    if (present.status === 404) return ok(plane.send('create', body, place));
    const metadata = { ...(present.json.metadata as JsonObject), ...(body.metadata as JsonObject) };
    return ok(plane.send('update', { ...body, metadata }, { ...place, name }));
  };
  const read = (call: Partial<ResourceCall>, name: string, namespace = 'default') =>
    ok(plane.call({ verb: 'get', ...call, ...(call.namespace === null ? {} : { namespace }), name }));
  return {
    ...plane,
    database,
    files,
    announced,
    apply,
    read,
    remove: (call: Partial<ResourceCall>, name: string, namespace = 'default') =>
      ok(plane.call({ verb: 'delete', ...call, ...(call.namespace === null ? {} : { namespace }), name })),
    namespace: (name: string, labels: JsonObject = {}) =>
      apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }, NAMESPACES),
    upstream: (
      name: string,
      namespace = 'default',
      spec: JsonObject = { endpoints: [{ address: `https://${name}.example.org` }] },
    ) =>
      apply(
        {
          apiVersion: 'orasi.io/v1alpha1',
          kind: 'Upstream',
          metadata: { name },
          spec,
        },
        UPSTREAMS,
        namespace,
      ),
    route: (name: string, spec: JsonObject, namespace = 'default') => apply(route(name, spec), ROUTES, namespace),
    gateway: (name: string, spec: JsonObject, namespace = 'default') => apply(gateway(name, spec), GATEWAYS, namespace),
    gatewayClass: (name: string, spec: JsonObject) =>
      apply({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GatewayClass', metadata: { name }, spec }, CLASSES),
    /** Does all work, also what is due within the next second. */
    async publish() {
      await plane.settle();
      plane.clock.advance(1_000);
      await plane.settle();
    },
    /** `type=status/reason` of what a route was judged at its parents, in order; without whether it is served yet. */
    conditions(name: string, namespace = 'default'): string[][] {
      const status = read(ROUTES, name, namespace).status as JsonObject | undefined;
      return ((status?.parents ?? []) as JsonObject[]).map((parent) =>
        conditionTexts(parent.conditions).filter((text) => !text.startsWith('Programmed=')),
      );
    },
    message(name: string, type: string, namespace = 'default'): string {
      const status = read(ROUTES, name, namespace).status as { parents: { conditions: JsonObject[] }[] };
      return String(status.parents[0].conditions.find((condition) => condition.type === type)?.message);
    },
    /** Every entry of a version, of the one that was announced last where none is named. */
    async published(
      version = announced[announced.length - 1],
    ): Promise<{ manifest: GatewayManifest; entries: Record<string, JsonObject> }> {
      const manifest = checkManifest(
        JSON.parse(new TextDecoder().decode(await whole(files.store, manifestFileKey(version)))),
      );
      const entries: Record<string, JsonObject> = {};
      for (const ref of manifest.shards) {
        if (ref === null) continue;
        const bytes = new Uint8Array(await whole(files.store, shardFileKey(ref.hash)));
        Object.assign(entries, await decodeShard(ref, bytes));
      }
      return { manifest, entries };
    },
  };
}

export function conditionTexts(conditions: unknown): string[] {
  return (conditions as JsonObject[]).map(({ type, status, reason }) => `${type}=${status}/${reason}`);
}

async function whole(store: ObjectStore, key: string): Promise<Uint8Array> {
  const info = await store.head(key);
  if (info === null) throw new Error(`${key} is not there`);
  return await store.read(key, 0, info.sizeBytes);
}

function countingPuts(store: ObjectStore) {
  const puts: string[] = [];
  const counting: ObjectStore = {
    ...store,
    put: async (key, body, options) => {
      const made = await store.put(key, body, options);
      if (made !== null) puts.push(key);
      return made;
    },
  };
  return { store: counting, puts };
}
