import * as z from 'zod';
import { textOf } from '../cluster/kv/record-view.ts';
import { OrasiError } from '../core/errors.ts';
import type { ClusterKv, KvResult } from '../core/protocol/cluster-kv.ts';
import { clusterObjectName } from './cluster-name.ts';
import type { ClusterStates } from './etcd.ts';
import { ifEpochOf } from './kv-conditions.ts';
import { LeaseShape, leaseIdOf, resultOf } from './kv-view.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const LEASES = '/v1/namespaces/{ns}/clusters/{cluster}/leases';

/** `…/clusters/{cluster}/leases`: what keys are held by that go when their holder does. */
export function mountClusterLeases(app: ApiApp, base: ApiBase, states: ClusterStates): void {
  const stateOf = async (params: Readonly<Record<string, string>>): Promise<ClusterKv> =>
    states(await clusterObjectName(base, params));

  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: LEASES,
      access: { verb: 'create', resource: 'kv' },
      tag: 'cluster state',
      summary: 'Grants a lease. Takes `If-Epoch`.',
      body: z.strictObject({
        ttlSeconds: z.number().int().positive(),
        leaseId: z.string().default('0').describe('A positive 64-bit integer; without one the store chooses.'),
      }),
      responses: { 201: { description: 'The lease.', schema: LeaseShape } },
    },
    async ({ params, body, raw }) => {
      const call = { op: 'grant', leaseId: leaseIdOf(body.leaseId), ttlSeconds: body.ttlSeconds } as const;
      const granted = resultOf(await (await stateOf(params)).kv(call, ifEpochOf(raw.headers)), 'grant');
      return Response.json(leaseView(granted.leaseId, granted.ttlSeconds, granted.ttlSeconds), { status: 201 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: LEASES,
      access: { verb: 'list', resource: 'kv' },
      tag: 'cluster state',
      summary: 'The leases there are, the first to lapse first.',
      responses: {
        200: { description: 'Their ids.', schema: z.object({ items: z.array(z.object({ leaseId: z.string() })) }) },
      },
    },
    async ({ params }) => {
      const { leaseIds } = resultOf(await (await stateOf(params)).kv({ op: 'leases' }, null), 'leases');
      return Response.json({ items: leaseIds.map((leaseId) => ({ leaseId })) });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${LEASES}/{leaseId}`,
      access: { verb: 'get', resource: 'kv' },
      tag: 'cluster state',
      summary: 'A lease with its keys.',
      responses: { 200: { description: 'The lease.', schema: LeaseShape } },
    },
    async ({ params }) => {
      const leaseId = leaseIdOf(params.leaseId);
      const answer = await (await stateOf(params)).kv({ op: 'timeToLive', leaseId, keys: true }, null);
      const found = resultOf(answer, 'timeToLive');
      if (found.ttlSeconds < 0) throw noLease(leaseId);
      return Response.json({
        ...leaseView(leaseId, found.grantedTtlSeconds, found.ttlSeconds),
        keys: keysOf(found),
      });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${LEASES}/{leaseId}/keepalive`,
      access: { verb: 'update', resource: 'kv' },
      tag: 'cluster state',
      summary: "Begins a lease's time anew; 404 where it has lapsed.",
      responses: { 200: { description: 'The lease.', schema: LeaseShape } },
    },
    async ({ params, raw }) => {
      const leaseId = leaseIdOf(params.leaseId);
      const answer = await (await stateOf(params)).kv({ op: 'keepAlive', leaseId }, ifEpochOf(raw.headers));
      const { ttlSeconds } = resultOf(answer, 'keepAlive');
      if (ttlSeconds === 0) throw noLease(leaseId);
      return Response.json(leaseView(leaseId, ttlSeconds, ttlSeconds));
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: `${LEASES}/{leaseId}`,
      access: { verb: 'delete', resource: 'kv' },
      tag: 'cluster state',
      summary: 'Ends a lease and deletes its keys, in one revision.',
      responses: { 204: { description: 'Ended.' } },
    },
    async ({ params, raw }) => {
      const leaseId = leaseIdOf(params.leaseId);
      resultOf(await (await stateOf(params)).kv({ op: 'revoke', leaseId }, ifEpochOf(raw.headers)), 'revoke');
      return new Response(null, { status: 204 });
    },
  );
}

function leaseView(leaseId: string, ttlSeconds: number, remainingSeconds: number): z.input<typeof LeaseShape> {
  return { leaseId, ttlSeconds, remainingSeconds };
}

function keysOf({ keys }: KvResult & { op: 'timeToLive' }): string[] {
  return keys.map((key) => textOf(key) ?? new TextDecoder().decode(key));
}

function noLease(leaseId: string): OrasiError {
  return new OrasiError('not_found', `there is no lease ${leaseId}`);
}
