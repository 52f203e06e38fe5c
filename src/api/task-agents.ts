import * as z from 'zod';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { BALANCE_STRATEGIES } from '../core/protocol/balance-settings.ts';
import { MemberLoadSchema } from '../core/protocol/member-load.ts';
import type { ShardedQueue } from '../tasks/sharded-queue.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const Agents = z.object({
  strategy: z.enum(BALANCE_STRATEGIES).describe('How one is chosen among those that may have a task.'),
  items: z.array(
    z.object({
      shard: z.number().int(),
      agentId: z.string(),
      types: z.array(z.string()).nullable().describe('Null for any that agents run.'),
      capabilities: z.array(z.string()),
      health: z.enum(['Healthy', 'Degraded', 'Unhealthy']),
      load: MemberLoadSchema.nullable(),
      slots: z.number().int().describe('How many more tasks it gets.'),
      unacknowledged: z.number().int().describe('Tasks pushed whose arrival it has not told yet.'),
      chosen: z
        .record(z.string(), z.number().int())
        .describe('Tasks pushed since it connected, by why it was chosen: the strategy, Only, Fallback or Sticky.'),
      connectedAt: z.iso.datetime(),
      seenAt: z.iso.datetime(),
    }),
  ),
});

/** The agents that hold a WebSocket to a queue, at a path such as `/v1/namespaces/{ns}/queues/{queue}`. */
export function mountTaskAgents(
  app: ApiApp,
  base: ApiBase,
  path: string,
  queueOf: (params: Readonly<Record<string, string>>) => Promise<ShardedQueue>,
): void {
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${path}/connect`,
      access: { verb: 'create', resource: 'claims' },
      tag: 'tasks',
      summary: "An agent's WebSocket: `hello` first; due tasks are pushed. docs/life-of-a-task.md has the messages.",
      query: z.object({
        shard: z.coerce.number().int().min(0).default(0).describe('`welcome` says how many there are.'),
      }),
      upgrade: 'websocket',
      responses: { 101: { description: 'The WebSocket.' } },
    },
    async ({ params, query, raw }) => {
      const response = await (await queueOf(params)).connect(query.shard, raw);
      if (response.status === 101) return response;
      throw new OrasiError('unavailable', `${LIMITS.queueConnections} agents are connected to this shard of the queue`);
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${path}/agents`,
      access: { verb: 'get', resource: 'queues' },
      tag: 'tasks',
      summary: 'The connected agents: their health, load and room, and why tasks went to them.',
      responses: { 200: { description: 'The agents.', schema: Agents } },
    },
    async ({ params }) => Response.json(await (await queueOf(params)).agents()),
  );
}
