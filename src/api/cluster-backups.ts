import * as z from 'zod';
import { OrasiError } from '../core/errors.ts';
import type { ClusterObject } from '../core/protocol/cluster.ts';
import type { ClusterBackups } from '../storage/cluster-backups.ts';
import { CLUSTER_NAME, clusterObjectName } from './cluster-name.ts';
import { takenFrom } from './clusters.ts';
import { pageQuery, pageResponse, pageSchema } from './paging.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const CLUSTER = '/v1/namespaces/{ns}/clusters/{cluster}';

/** As `newId` makes them. */
const BackupId = z.string().regex(/^[0-9a-z]{26}$/, 'expected the id of a backup');

const Backup = z.object({
  backupId: z.string(),
  createdAt: z.iso.datetime(),
  sizeBytes: z.number().int(),
});
const Taken = Backup.extend({
  revision: z.number().int().describe("Of the cluster's state."),
  epoch: z.number().int(),
});

/** `…/clusters/{cluster}/backups` and `/restore`: the whole of a cluster but its members, to the bucket and back. */
export function mountClusterBackups(
  app: ApiApp,
  base: ApiBase,
  clusters: (name: string) => Promise<ClusterObject>,
  backups: ClusterBackups,
): void {
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${CLUSTER}/backups`,
      access: { verb: 'create', resource: 'backups' },
      tag: 'clusters',
      summary: 'Takes a backup: keys, leases, the election and its history. Members are no part of it.',
      responses: { 201: { description: 'The backup.', schema: Taken } },
    },
    async ({ params }) => {
      const cluster = await clusters(await clusterObjectName(base, params));
      return Response.json(takenFrom(await cluster.backup()), { status: 201 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/backups`,
      access: { verb: 'list', resource: 'backups' },
      tag: 'clusters',
      summary: 'The backups of a cluster, oldest first.',
      query: z.object(pageQuery),
      responses: { 200: { description: 'A page of backups.', schema: pageSchema(Backup) } },
    },
    async ({ params, query }) => {
      const page = await backups.list(await clusterObjectName(base, params), query.cursor, query.limit);
      return pageResponse(page, ({ backupId, createdAtMs, sizeBytes }) => ({
        backupId,
        createdAt: new Date(createdAtMs).toISOString(),
        sizeBytes,
      }));
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: `${CLUSTER}/backups/{backupId}`,
      access: { verb: 'delete', resource: 'backups' },
      tag: 'clusters',
      summary: 'Deletes a backup.',
      responses: { 204: { description: 'It is gone, or never was.' } },
    },
    async ({ params }) => {
      const backupId = BackupId.safeParse(params.backupId);
      if (backupId.success) await backups.remove(await clusterObjectName(base, params), backupId.data);
      return new Response(null, { status: 204 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${CLUSTER}/restore`,
      access: { verb: 'create', resource: 'restores' },
      tag: 'clusters',
      summary: 'Becomes what a backup holds, all at once; members join anew, and no epoch or revision comes twice.',
      body: z.strictObject({
        backupId: BackupId,
        cluster: z
          .string()
          .regex(CLUSTER_NAME)
          .optional()
          .describe('The cluster of the namespace that the backup is of; this one where it is left out.'),
      }),
      responses: {
        200: {
          description: 'What the cluster goes on with.',
          schema: z.object({ backupId: z.string(), revision: z.number().int(), epoch: z.number().int() }),
        },
        422: { description: 'The backup is damaged, or no backup; the cluster is what it was.' },
      },
    },
    async ({ params, body }) => {
      const name = await clusterObjectName(base, params);
      const from = await clusterObjectName(base, { ...params, cluster: body.cluster ?? params.cluster });
      const answer = await (await clusters(name)).restore(from, body.backupId);
      if (!answer.ok && answer.code === 'source_missing') {
        throw new OrasiError(
          'not_found',
          `there is no backup "${body.backupId}" of cluster "${body.cluster ?? params.cluster}"`,
        );
      }
      return Response.json(takenFrom(answer));
    },
  );
}
