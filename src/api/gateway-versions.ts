import { Buffer } from 'node:buffer';
import * as z from 'zod';
import type { Subject } from '../access/authorize.ts';
import { OrasiError } from '../core/errors.ts';
import type { ControlPlaneGateway, GatewayVersion } from '../core/protocol/control-plane.ts';
import type { GatewayManifest } from '../core/protocol/gateway.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { diffShards, mergeChanges, type SnapshotChange } from '../traffic/snapshot/diff.ts';
import { checkManifest, manifestFileKey } from '../traffic/snapshot/manifest.ts';
import { decodeShard, type Shard, shardFileKey } from '../traffic/snapshot/shard.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

/** Shards read for one answer: more of them differ only after a change of everything. */
const SHARDS_COMPARED = 200;
/** Lines of one answer. */
const CHANGES_SHOWN = 1_000;

const Version = z.object({
  version: z.number().int(),
  publishedAt: z.iso.datetime(),
  rollbackOf: z.number().int().optional().describe('The version whose content this one has again.'),
  current: z.boolean().describe('Whether it is in force.'),
});
const ChangeOf = z.object({
  kind: z.enum(['route', 'upstream', 'policy']),
  change: z.enum(['added', 'removed', 'changed']),
  host: z.string().optional(),
  namespace: z.string().optional(),
  namespaceUid: z.string().optional(),
  resource: z.string().optional(),
  name: z.string(),
});
const Pinned = z.object({
  pinnedVersion: z.number().int().nullable().describe('The version that is held to; null where none is.'),
});

const WARNING =
  'routes, upstreams and policies are as they were until it is let go, those deleted since as well: what was revoked by a change of a policy is in force again; API keys and secrets are the present ones, deleted namespaces are not served';

/**
 * `/v1/namespaces/default/gateway/versions` and `/rollback`: what was published, and how to go back to it. Versions hold
 * the routes of all namespaces, so only subjects that have all of them may look or go back.
 */
export function mountGatewayVersions(
  app: ApiApp,
  base: ApiBase,
  control: Pick<ControlPlaneGateway, 'gatewayVersions' | 'pinGatewayVersion'>,
  store: ObjectStore,
): void {
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/gateway/versions',
      access: { verb: 'list', resource: 'gatewayversions' },
      tag: 'gateway',
      summary: "The versions of the gateway's configuration that are kept, newest first.",
      responses: {
        200: { description: 'The versions.', schema: z.object({ items: z.array(Version) }).extend(Pinned.shape) },
      },
    },
    async ({ params, subject }) => {
      checkScope(subject, params.ns);
      const { versions, pinned } = await control.gatewayVersions();
      return Response.json({ items: versions.map(versionView), pinnedVersion: pinned });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/gateway/versions/{from}/diff/{to}',
      access: { verb: 'get', resource: 'gatewayversions' },
      tag: 'gateway',
      summary: 'What is another in version `to` than it was in version `from`.',
      responses: {
        200: {
          description: 'The changes.',
          schema: z.object({
            items: z.array(ChangeOf),
            truncated: z.boolean().describe('Whether there are more than were compared or are shown.'),
          }),
        },
      },
    },
    async ({ params, subject }) => {
      checkScope(subject, params.ns);
      const { versions } = await control.gatewayVersions();
      const [from, to] = [params.from, params.to].map((text) => keptVersion(text, versions));
      const changes = await compare(store, await readManifest(store, from), await readManifest(store, to));
      const items = changes.items.slice(0, CHANGES_SHOWN).map(changeView);
      return Response.json({ items, truncated: changes.truncated || items.length < changes.items.length });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: '/v1/namespaces/{ns}/gateway/rollback',
      access: { verb: 'create', resource: 'gatewayversions' },
      tag: 'gateway',
      summary: 'Publishes the content of an earlier version again and holds to it: changes wait until it is let go.',
      body: z.strictObject({ version: z.number().int().positive() }),
      responses: {
        202: {
          description: 'It is being published.',
          schema: Pinned.extend({ warning: z.string().describe('What an earlier version brings back.') }),
        },
      },
    },
    async ({ params, subject, body }) => {
      checkScope(subject, params.ns);
      if (!(await control.pinGatewayVersion(body.version))) {
        throw new OrasiError(
          'not_found',
          `version ${body.version} is not kept: GET …/gateway/versions lists those that are`,
        );
      }
      return Response.json({ pinnedVersion: body.version, warning: WARNING }, { status: 202 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: '/v1/namespaces/{ns}/gateway/rollback',
      access: { verb: 'delete', resource: 'gatewayversions' },
      tag: 'gateway',
      summary: 'Lets go of the version that is held to: what is declared is published.',
      responses: { 202: { description: 'It is being published.', schema: Pinned } },
    },
    async ({ params, subject }) => {
      checkScope(subject, params.ns);
      await control.pinGatewayVersion(null);
      return Response.json({ pinnedVersion: null }, { status: 202 });
    },
  );
}

function checkScope(subject: Subject | null, namespace: string): void {
  if (namespace !== 'default') {
    throw new OrasiError(
      'not_found',
      'versions hold the routes of all namespaces: they are at /v1/namespaces/default/gateway',
    );
  }
  if (subject === null || subject.namespace !== null) {
    throw new OrasiError(
      'forbidden',
      'versions hold the routes of all namespaces: only a subject that has all of them may',
    );
  }
}

function versionView({ version, publishedAtMs, rollbackOf }: GatewayVersion, index: number) {
  const publishedAt = new Date(publishedAtMs).toISOString();
  return { version, publishedAt, ...(rollbackOf === null ? {} : { rollbackOf }), current: index === 0 };
}

function changeView(item: SnapshotChange) {
  const { resource, ...shown } = { resource: '', ...item };
  return resource === '' ? shown : { ...shown, resource };
}

function keptVersion(text: string, versions: readonly GatewayVersion[]): number {
  const found = versions.find(({ version }) => String(version) === text);
  if (found === undefined) throw new OrasiError('not_found', `version ${text} is not kept`);
  return found.version;
}

async function readManifest(store: ObjectStore, version: number): Promise<GatewayManifest> {
  return checkManifest(JSON.parse(Buffer.from(await readFile(store, manifestFileKey(version))).toString('utf8')));
}

/** Compares shard by shard, so that no more than two versions of one are in memory. */
async function compare(store: ObjectStore, before: GatewayManifest, after: GatewayManifest) {
  const parts = Math.min(before.shards.length, after.shards.length);
  const changes: SnapshotChange[] = [];
  let read = 0;
  for (let part = 0; part < parts; part++) {
    const [was, is] = [refsOf(before, part, parts), refsOf(after, part, parts)];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    if (read + was.length + is.length > SHARDS_COMPARED) return { items: mergeChanges(changes), truncated: true };
    read += was.length + is.length;
    changes.push(...diffShards(await readShards(store, was), await readShards(store, is)));
  }
  return { items: mergeChanges(changes), truncated: false };
}

/** The shards of a version that hold what one of `parts` shards would. */
function refsOf(manifest: GatewayManifest, part: number, parts: number) {
  return manifest.shards.filter((_, index) => index % parts === part).filter((ref) => ref !== null);
}

async function readShards(store: ObjectStore, refs: ReturnType<typeof refsOf>): Promise<Shard> {
  const shards: Shard[] = [];
  for (const ref of refs) shards.push(await decodeShard(ref, await readFile(store, shardFileKey(ref.hash))));
  return Object.assign({}, ...shards);
}

async function readFile(store: ObjectStore, key: string): Promise<Uint8Array<ArrayBuffer>> {
  const info = await store.head(key);
  if (info === null) throw new OrasiError('gone', `${key} is not kept any more`);
  return new Uint8Array(await store.read(key, 0, info.sizeBytes));
}
