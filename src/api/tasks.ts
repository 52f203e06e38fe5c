import * as z from 'zod';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import {
  type NewTask,
  QUEUE_STATES,
  type QueueStats,
  TASK_PRIORITIES,
  TASK_STATUSES,
  type TaskFence,
} from '../core/protocol/tasks.ts';
import { capabilities, leaseSeconds, leases, name, payload, results, seconds, types } from '../tasks/requests.ts';
import type { ShardedQueue, ShardedQueues } from '../tasks/sharded-queue.ts';
import { ClaimView, claimView, HeartbeatView, heartbeatView, TaskView, taskView } from '../tasks/task-view.ts';
import { builtInFaults, checkMayHandIn } from './built-in-tasks.ts';
import { ifEpochOf } from './kv-conditions.ts';
import { pageQuery, pageResponse, pageSchema } from './paging.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';
import { mountTaskAgents } from './task-agents.ts';

const TaskRequest = z
  .strictObject({
    type: name(100),
    payload: payload.optional(),
    priority: z.enum(TASK_PRIORITIES).default('Normal'),
    runAt: z.iso.datetime({ offset: true }).optional(),
    delaySeconds: seconds(0).optional(),
    maxRetries: z
      .number()
      .int()
      .min(0)
      .max(100)
      .optional()
      .describe('Attempts after the first; 3 where it is not said.'),
    retryDelaySeconds: seconds(0.1, 300)
      .optional()
      .describe('The wait before the first retry; it doubles up to 5 minutes.'),
    timeoutSeconds: seconds(1, 86_400)
      .optional()
      .describe('The longest one attempt may take, whatever its heartbeats say.'),
    expiresAt: z.iso.datetime({ offset: true }).optional().describe('Not started by then, it fails.'),
    dedupeKey: name(200).optional(),
    dedupeWindowSeconds: seconds(1, 30 * 86_400)
      .optional()
      .describe('How long the key names this task; an hour where it is not said.'),
    groupKey: name(200)
      .optional()
      .describe('Tasks of a group are limited together, and groups of one priority take turns.'),
    requires: z.array(name(100)).max(20).default([]).describe('Capabilities an agent must have.'),
    resultRetentionSeconds: seconds(0, 30 * 86_400)
      .optional()
      .describe('How long the result is kept; 0 keeps none.'),
    metadata: z.record(z.string().max(100), z.string().max(1_000)).optional(),
  })
  .refine(({ runAt, delaySeconds }) => runAt === undefined || delaySeconds === undefined, {
    path: ['delaySeconds'],
    message: 'expected runAt or delaySeconds, not both',
  })
  .superRefine((task, context) => {
    for (const { path, message } of builtInFaults(task))
      context.addIssue({ code: 'custom', path: path.split('.'), message });
  });
const Batch = z.strictObject({ tasks: z.array(TaskRequest).min(1).max(LIMITS.tasksPerCall) });
const SubmitRequest = z.union([Batch, TaskRequest]);
const Submitted = z.object({
  items: z.array(z.object({ taskId: z.string(), status: z.enum(TASK_STATUSES), duplicate: z.boolean().optional() })),
});

const ClaimBody = z.strictObject({
  agentId: name(200),
  max: z.number().int().min(1).max(LIMITS.tasksPerCall).default(1),
  types: types.optional().describe('Any type that agents run where it is not said.'),
  capabilities: capabilities.default([]).describe('What the agent has; tasks may require some of it.'),
  leaseSeconds: leaseSeconds.optional().describe("The task's timeout, else 300, where it is not said."),
  waitSeconds: seconds(0, LIMITS.claimWaitSeconds).default(0).describe('How long to wait for a first task.'),
});

const ReportBody = z.strictObject({ results });
const Outcomes = z.object({
  items: z.array(z.object({ taskId: z.string(), outcome: z.enum(['accepted', 'duplicate', 'stale', 'unknown']) })),
});

const HeartbeatBody = z.strictObject({
  leases,
  leaseSeconds: leaseSeconds
    .optional()
    .describe('The lease from now on; as long as it was claimed for where it is not said.'),
});
const Heartbeats = z.object({ items: z.array(HeartbeatView) });

const byPriority = z.object(Object.fromEntries(TASK_PRIORITIES.map((each) => [each, z.number().int()])));
const Limit = z.object({
  concurrency: z.number().int().nullable(),
  rate: z.object({ perSecond: z.number(), burst: z.number() }).nullable(),
});
const Limits = z.object({
  queue: Limit,
  perType: z.array(Limit.extend({ type: z.string() })),
  perGroup: z.array(Limit.extend({ group: z.string() })),
  shards: z.number().int(),
  maxRetries: z.number().int(),
  leaseSeconds: z.number(),
  resultRetentionSeconds: z.number(),
  deadLetterRetentionSeconds: z.number(),
  dedupeWindowSeconds: z.number(),
  starvationSeconds: z.number(),
});
const QueueView = z.object({
  queue: z.string(),
  state: z.enum(QUEUE_STATES),
  depth: z.object(Object.fromEntries(TASK_STATUSES.map((status) => [status, byPriority]))),
  oldestAgeSeconds: z.number().describe('How long the oldest due task waits.'),
  submittedPerSecond: z.number(),
  finishedPerSecond: z.number(),
  waitingClaims: z.number().int(),
  rowsWritten: z.number().int().describe('Since the object last started.'),
  limits: Limits.describe('What is in force.'),
});

const RedriveBody = z.strictObject({
  taskIds: z.array(name(100)).min(1).max(LIMITS.tasksPerCall).optional(),
  type: name(100).optional(),
  max: z.number().int().min(1).max(LIMITS.tasksPerCall).default(LIMITS.tasksPerCall),
});

const Reasons = z.object({ items: z.array(z.object({ code: z.string(), message: z.string() })) });

export interface TaskPorts {
  readonly queues: ShardedQueues;
  /** Holds a call to an epoch of a cluster, whose present one is asked for. */
  readonly fence: (namespaceUid: string, cluster: string, epoch: number) => Promise<TaskFence>;
}

const fenceQuery = z.object({
  cluster: name(63).default('default').describe('The cluster that `If-Epoch` speaks of.'),
});

/** `/v1/namespaces/{ns}/queues/…`: tasks in, leases out, results in. */
export function mountTasks(app: ApiApp, base: ApiBase, { queues, fence }: TaskPorts): void {
  const QUEUE = '/v1/namespaces/{ns}/queues/{queue}';

  /** The queue a path names. */
  const queueOf = async ({ ns, queue }: Readonly<Record<string, string>>): Promise<ShardedQueue> => {
    checkQueueName(queue);
    return await queues.open(await base.namespaceUid(ns), queue);
  };
  /** What the call is held to by `If-Epoch`. */
  const fenceOf = async (raw: Request, ns: string, cluster: string): Promise<TaskFence | undefined> => {
    const epoch = ifEpochOf(raw.headers);
    return epoch === null ? undefined : await fence(await base.namespaceUid(ns), cluster, epoch);
  };

  mountTaskAgents(app, base, QUEUE, queueOf);

  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${QUEUE}/tasks`,
      access: { verb: 'create', resource: 'tasks' },
      tag: 'tasks',
      summary: 'Submits one task, or up to 1000 at once, all or none in each shard. Takes `If-Epoch`.',
      query: fenceQuery,
      body: SubmitRequest,
      responses: { 202: { description: 'They are stored; none is lost from here on.', schema: Submitted } },
    },
    async ({ params, query, body, subject, raw }) => {
      const tasks = ('tasks' in body ? body.tasks : [body]).map(newTask);
      checkMayHandIn(base, { subject, params }, tasks);
      const items = await (await queueOf(params)).submit(tasks, await fenceOf(raw, params.ns, query.cluster));
      return Response.json(
        { items: items.map(({ duplicate, ...item }) => (duplicate ? { ...item, duplicate } : item)) },
        { status: 202 },
      );
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${QUEUE}/claims`,
      access: { verb: 'create', resource: 'claims' },
      tag: 'tasks',
      summary: 'Leases due tasks, most urgent first; waits for a first one if asked to. Takes `If-Epoch`.',
      query: fenceQuery,
      body: ClaimBody,
      responses: { 200: { description: 'The tasks with their leases, perhaps none.', schema: pageSchema(ClaimView) } },
    },
    async ({ params, query, body, raw }) => {
      const { waitSeconds, types = null, ...rest } = body;
      const untilMs = base.clock.now() + waitSeconds * 1_000;
      const request = { ...rest, types, fence: await fenceOf(raw, params.ns, query.cluster) };
      const claimed = await (await queueOf(params)).claim(request, untilMs, () => raw.signal.aborted);
      return Response.json({ items: claimed.map(claimView) });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${QUEUE}/results`,
      access: { verb: 'create', resource: 'results' },
      tag: 'tasks',
      summary: 'Reports how tasks ended; each is taken once. Takes `If-Epoch`.',
      query: fenceQuery,
      body: ReportBody,
      responses: { 200: { description: 'What became of each report, in their order.', schema: Outcomes } },
    },
    async ({ params, query, body: { results }, raw }) => {
      const outcomes = await (await queueOf(params)).report(results, await fenceOf(raw, params.ns, query.cluster));
      return Response.json({ items: outcomes.map((outcome, i) => ({ taskId: results[i].taskId, outcome })) });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${QUEUE}/heartbeats`,
      access: { verb: 'create', resource: 'heartbeats' },
      tag: 'tasks',
      summary: 'Extends leases, keeps progress, and tells which tasks are to be stopped. Takes `If-Epoch`.',
      query: fenceQuery,
      body: HeartbeatBody,
      responses: { 200: { description: 'What became of each lease, in their order.', schema: Heartbeats } },
    },
    async ({ params, query, body, raw }) => {
      const fence = await fenceOf(raw, params.ns, query.cluster);
      const answers = await (await queueOf(params)).heartbeat({ ...body, fence });
      return Response.json({ items: answers.map(heartbeatView) });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${QUEUE}/tasks`,
      access: { verb: 'list', resource: 'tasks' },
      tag: 'tasks',
      summary: 'Tasks: those that have not ended, then those that have.',
      query: z.object({ ...pageQuery, status: z.enum(TASK_STATUSES).optional(), type: z.string().optional() }),
      responses: { 200: { description: 'A page of tasks.', schema: pageSchema(TaskView) } },
    },
    async ({ params, query: { limit, cursor, ...filter } }) =>
      pageResponse(await (await queueOf(params)).list(filter, limit, cursor), taskView),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${QUEUE}/tasks/{taskId}`,
      access: { verb: 'get', resource: 'tasks' },
      tag: 'tasks',
      summary: 'One task: its state, attempts, history and result.',
      responses: { 200: { description: 'The task.', schema: TaskView } },
    },
    async ({ params }) => {
      const task = await (await queueOf(params)).get(params.taskId);
      return Response.json(taskView(task ?? missing(params.taskId)));
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: `${QUEUE}/tasks/{taskId}`,
      access: { verb: 'delete', resource: 'tasks' },
      tag: 'tasks',
      summary: 'Cancels a task: at once where it waits, by its next heartbeat where it runs.',
      responses: { 200: { description: 'The task as it is now.', schema: TaskView } },
    },
    async ({ params }) => {
      const task = await (await queueOf(params)).cancel(params.taskId);
      return Response.json(taskView(task ?? missing(params.taskId)));
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${QUEUE}/tasks/{taskId}/why`,
      access: { verb: 'get', resource: 'tasks' },
      tag: 'tasks',
      summary: 'Why a task is not running, all that holds now.',
      responses: { 200: { description: 'The reasons.', schema: Reasons } },
    },
    async ({ params }) => {
      const reasons = await (await queueOf(params)).why(params.taskId);
      return Response.json({ items: reasons ?? missing(params.taskId) });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: QUEUE,
      access: { verb: 'get', resource: 'queues' },
      tag: 'tasks',
      summary: 'Depth by status and priority, age of the oldest, rates and limits.',
      responses: { 200: { description: 'The queue.', schema: QueueView } },
    },
    async ({ params }) => Response.json(queueView(params.queue, await (await queueOf(params)).stats())),
  );
  for (const [verb, state, summary] of STATE_CALLS) {
    defineRoute(
      app,
      base,
      {
        method: 'post',
        path: `${QUEUE}/${verb}`,
        access: { verb: 'update', resource: 'queues' },
        tag: 'tasks',
        summary,
        responses: { 200: { description: 'The queue.', schema: QueueView } },
      },
      async ({ params }) => {
        const stats = await (await queueOf(params)).setState(state);
        return Response.json(queueView(params.queue, stats));
      },
    );
  }
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${QUEUE}/dead`,
      access: { verb: 'list', resource: 'tasks' },
      tag: 'tasks',
      summary: 'Dead letters: tasks that failed for good, with their payload and history.',
      query: z.object({ ...pageQuery, type: z.string().optional() }),
      responses: { 200: { description: 'A page of tasks.', schema: pageSchema(TaskView) } },
    },
    async ({ params, query: { limit, cursor, type } }) =>
      pageResponse(await (await queueOf(params)).list({ status: 'Failed', type }, limit, cursor), taskView),
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${QUEUE}/dead/redrive`,
      access: { verb: 'update', resource: 'queues' },
      tag: 'tasks',
      summary: 'Puts dead letters back, under their ids and with all their attempts before them.',
      body: RedriveBody,
      responses: { 200: { description: 'How many.', schema: z.object({ redriven: z.number().int() }) } },
    },
    async ({ params, body: { taskIds = null, type, max } }) =>
      Response.json({ redriven: await (await queueOf(params)).redrive({ taskIds, type, max }) }),
  );
}

const STATE_CALLS = [
  ['pause', 'Paused', 'Gives no more tasks out; takes them in.'],
  ['resume', 'Active', 'Gives tasks out and takes them in.'],
  ['drain', 'Draining', 'Takes no more tasks in; gives out what there is.'],
] as const;

const QUEUE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

function checkQueueName(queue: string): void {
  if (QUEUE_NAME.test(queue)) return;
  const message = 'expected [A-Za-z0-9][A-Za-z0-9._-]{0,62}';
  throw new OrasiError('bad_request', `queue: ${message}`, { errors: [{ path: 'queue', message }] });
}

function missing(taskId: string): never {
  throw new OrasiError('not_found', `there is no task "${taskId}"`);
}

function newTask(task: z.output<typeof TaskRequest>): NewTask {
  const { maxRetries, retryDelaySeconds, timeoutSeconds, resultRetentionSeconds, groupKey, metadata } = task;
  return {
    type: task.type,
    payload: task.payload ?? 'null',
    priority: task.priority,
    runAtMs: instant(task.runAt),
    delayMs: task.delaySeconds === undefined ? undefined : Math.round(task.delaySeconds * 1_000),
    expiresAtMs: instant(task.expiresAt),
    dedupeKey: task.dedupeKey,
    dedupeWindowSeconds: task.dedupeWindowSeconds,
    requires: [...new Set(task.requires)].sort(),
    options: { maxRetries, retryDelaySeconds, timeoutSeconds, resultRetentionSeconds, groupKey, metadata },
  };
}

function instant(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

function queueView(queue: string, { oldestAgeMs, limits, ...stats }: QueueStats): z.input<typeof QueueView> {
  const { perType, perGroup, ...others } = limits;
  return {
    queue,
    ...stats,
    oldestAgeSeconds: oldestAgeMs / 1_000,
    limits: { ...others, perType: [...perType], perGroup: [...perGroup] },
  };
}
