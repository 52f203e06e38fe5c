import * as z from 'zod';
import { MemberId, MemberReportSchema, Term } from '../cluster/messages.ts';
import { badField, OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import {
  type ClusterAnswer,
  type ClusterObject,
  type ClusterRefusal,
  ELECTION_STATES,
  MEMBER_HEALTHS,
  MEMBER_STATUSES,
} from '../core/protocol/cluster.ts';
import { clusterObjectName } from './cluster-name.ts';
import type { ApiBase } from './ports.ts';
import { problemResponse } from './problem.ts';
import { type ApiApp, defineRoute } from './route.ts';
import { isUpgrade, lastEventId, upgradeAfter } from './watch-request.ts';

const Member = z.object({
  memberId: z.string(),
  address: z.string().nullable(),
  zone: z.string().nullable(),
  capabilities: z.array(z.string()),
  metadata: z.record(z.string(), z.string()),
  status: z.enum(MEMBER_STATUSES),
  health: z.enum(MEMBER_HEALTHS),
  election: z.enum(ELECTION_STATES),
  candidate: z.boolean(),
  load: z.object({}).loose().nullable().describe('As the member reported it.'),
  connected: z.boolean().describe('It holds a WebSocket.'),
  sessionTtlSeconds: z.number(),
  joinedAt: z.iso.datetime(),
  seenAt: z.iso.datetime(),
});
const Epoch = z.number().int().describe('incarnation · 2³² + term; grows with every leader, for ever.');
const Leader = z.object({
  memberId: z.string().nullable(),
  epoch: Epoch,
  state: z.enum(['Idle', 'Campaigning', 'Elected']),
  leaseExpiresAt: z.iso.datetime().nullable(),
  leaseRemainingMs: z.number(),
});
const Ballot = z.object({
  term: z.number(),
  candidates: z.array(z.string()),
  votes: z.record(z.string(), z.string()),
  votesNeeded: z.number(),
  endsAt: z.iso.datetime(),
});
const Joined = z.object({
  member: Member,
  sessionTtlSeconds: z.number(),
  leader: z.string().nullable(),
  epoch: Epoch,
});
const State = z.object({
  revision: z.number().describe('A watch from here misses nothing.'),
  leader: Leader,
  ballot: Ballot.nullable(),
  members: z.array(Member),
  health: z.object({ total: z.number(), active: z.number(), inactive: z.number(), unhealthy: z.number() }),
});
const Election = z.object({
  policy: z.enum(['lease', 'majority']),
  leader: Leader,
  term: z.number(),
  ballot: Ballot.nullable(),
  history: z.array(
    z.object({
      at: z.iso.datetime(),
      term: z.number(),
      epoch: Epoch.nullable(),
      memberId: z.string().nullable(),
      outcome: z.enum(['elected', 'ended', 'failed']),
      reason: z.string(),
    }),
  ),
});

const CLUSTER = '/v1/namespaces/{ns}/clusters/{cluster}';

/** `/v1/namespaces/{ns}/clusters/{cluster}`: members, the leader, its election, and every change of them. */
export function mountClusters(app: ApiApp, base: ApiBase, clusters: (name: string) => Promise<ClusterObject>): void {
  const clusterOf = async (params: Readonly<Record<string, string>>): Promise<ClusterObject> =>
    clusters(await clusterObjectName(base, params));

  defineRoute(
    app,
    base,
    {
      method: 'put',
      path: `${CLUSTER}/members/{id}`,
      access: { verb: 'update', resource: 'members' },
      tag: 'clusters',
      summary: 'Joins, or is a heartbeat; what is left out stays as it was.',
      body: MemberReportSchema,
      responses: { 200: { description: 'The member, and who leads.', schema: Joined } },
    },
    async ({ params, body }) => {
      if (JSON.stringify(body).length > LIMITS.clusterMemberBytes) {
        throw new OrasiError('payload_too_large', `a report has at most ${LIMITS.clusterMemberBytes} bytes`);
      }
      const memberId = memberIdOf(params);
      return Response.json(takenFrom(await (await clusterOf(params)).report(memberId, body)));
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/members/{id}`,
      access: { verb: 'get', resource: 'members' },
      tag: 'clusters',
      summary: 'One member.',
      responses: { 200: { description: 'The member.', schema: Member } },
    },
    async ({ params }) => Response.json(takenFrom(await (await clusterOf(params)).member(memberIdOf(params)))),
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: `${CLUSTER}/members/{id}`,
      access: { verb: 'delete', resource: 'members' },
      tag: 'clusters',
      summary: 'Leaves; a leader is replaced at once.',
      responses: { 204: { description: 'It is gone.' } },
    },
    async ({ params }) => {
      takenFrom(await (await clusterOf(params)).leave(memberIdOf(params)));
      return new Response(null, { status: 204 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/members`,
      access: { verb: 'list', resource: 'members' },
      tag: 'clusters',
      summary: 'The members, all of them.',
      responses: { 200: { description: 'The members.', schema: z.object({ items: z.array(Member) }) } },
    },
    async ({ params }) => Response.json({ items: await (await clusterOf(params)).members() }),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/leader`,
      access: { verb: 'get', resource: 'clusters' },
      tag: 'clusters',
      summary: 'Who leads, until when, and by which epoch.',
      responses: { 200: { description: 'The leader; `memberId` is null without one.', schema: Leader } },
    },
    async ({ params }) => Response.json(await (await clusterOf(params)).leader()),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/state`,
      access: { verb: 'get', resource: 'clusters' },
      tag: 'clusters',
      summary: 'The whole cluster, at a revision to watch from.',
      responses: { 200: { description: 'The cluster.', schema: State } },
    },
    async ({ params }) => Response.json(await (await clusterOf(params)).state()),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/election`,
      access: { verb: 'get', resource: 'elections' },
      tag: 'clusters',
      summary: 'The election: policy, votes being taken, and past elections with their reasons.',
      responses: { 200: { description: 'The election.', schema: Election } },
    },
    async ({ params }) => Response.json(await (await clusterOf(params)).election()),
  );

  const Candidate = z.strictObject({ memberId: MemberId });
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${CLUSTER}/election/campaign`,
      access: { verb: 'create', resource: 'elections' },
      tag: 'clusters',
      summary: 'Runs for leader; takes a resignation back. Under a leader the member is in line.',
      body: Candidate,
      responses: { 200: { description: 'The election.', schema: Election } },
    },
    async ({ params, body }) => Response.json(takenFrom(await (await clusterOf(params)).campaign(body.memberId))),
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${CLUSTER}/election/vote`,
      access: { verb: 'create', resource: 'elections' },
      tag: 'clusters',
      summary: 'Votes, under the policy `majority`: once a member and term.',
      body: z.strictObject({ memberId: MemberId, candidateId: MemberId, term: Term }),
      responses: { 200: { description: 'The election.', schema: Election } },
    },
    async ({ params, body }) => Response.json(takenFrom(await (await clusterOf(params)).vote(body))),
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${CLUSTER}/election/resign`,
      access: { verb: 'create', resource: 'elections' },
      tag: 'clusters',
      summary: 'Steps down, and stands in no election until it campaigns.',
      body: Candidate,
      responses: { 200: { description: 'The election.', schema: Election } },
    },
    async ({ params, body }) => Response.json(takenFrom(await (await clusterOf(params)).resign(body.memberId))),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/connect`,
      access: { verb: 'update', resource: 'members' },
      tag: 'clusters',
      summary: "A member's WebSocket: `join` first; its close is noticed at once. docs/clusters.md has the messages.",
      upgrade: 'websocket',
      responses: { 101: { description: 'The WebSocket.' } },
    },
    async ({ params, raw }) => await (await clusterOf(params)).fetch(raw),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/watch`,
      access: { verb: 'watch', resource: 'clusters' },
      tag: 'clusters',
      summary: 'Every change in order, as server-sent events or over a WebSocket; resumes by revision.',
      query: z.object({
        revision: z.coerce
          .number()
          .int()
          .nonnegative()
          .optional()
          .describe('The last revision known; `Last-Event-ID` says the same. Without one: from now on.'),
      }),
      responses: {
        101: { description: 'A WebSocket: messages `event`, `progress` and `gone`.' },
        200: { description: 'Events of type `event` and `progress`.', mediaTypes: ['text/event-stream'] },
        410: { description: 'That history is gone: read the state, and watch from `compactedRevision` or later.' },
      },
    },
    async ({ params, query, raw, requestId, whileKnown }) => {
      const revision = query.revision ?? lastEventId(raw.headers);
      const cluster = await clusterOf(params);
      if (isUpgrade(raw.headers)) {
        const answer = await cluster.fetch(upgradeAfter(raw, revision));
        return answer.status === 101 ? answer : gone(await answer.json<ClusterRefusal>(), requestId);
      }
      const watched = await cluster.watch(revision);
      if (watched instanceof ReadableStream) {
        return new Response(whileKnown(watched), {
          headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
        });
      }
      return gone(watched, requestId);
    },
  );
}

function gone(refusal: ClusterRefusal, requestId: string): Response {
  return problemResponse(refusalOf(refusal), requestId, { compactedRevision: refusal.compactedRevision });
}

function memberIdOf(params: Readonly<Record<string, string>>): string {
  const parsed = MemberId.safeParse(params.id);
  if (!parsed.success) throw badField('id', parsed.error.issues[0].message);
  return parsed.data;
}

/** The value of an answer. Throws its refusal. */
export function takenFrom<T>(answer: ClusterAnswer<T>): T {
  if (answer.ok) return answer.value;
  throw refusalOf(answer);
}

function refusalOf({ code, message, errors }: ClusterRefusal): OrasiError {
  return new OrasiError(code, message, { errors: [...errors] });
}
