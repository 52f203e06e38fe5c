import * as z from 'zod';
import { OrasiError } from '../core/errors.ts';
import { TASK_STATUSES, type TaskFence } from '../core/protocol/tasks.ts';
import { name } from '../tasks/requests.ts';
import type { ShardedQueue, ShardedQueues } from '../tasks/sharded-queue.ts';
import { ClaimView, claimView, heartbeatView, TaskView, taskView } from '../tasks/task-view.ts';
import { checkMayHandIn } from './built-in-tasks.ts';
import { ifEpochOf } from './kv-conditions.ts';
import { pageQuery, pageResponse, pageSchema } from './paging.ts';
import type { ApiBase } from './ports.ts';
import { checkQueueName } from './queue-name.ts';
import { QueueView, queueView } from './queue-view.ts';
import { type ApiApp, defineRoute } from './route.ts';
import { mountTaskAgents } from './task-agents.ts';
import {
  ClaimBody,
  HeartbeatBody,
  Heartbeats,
  newTask,
  Outcomes,
  Reasons,
  RedriveBody,
  ReportBody,
  SubmitRequest,
  Submitted,
} from './task-requests.ts';

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

function missing(taskId: string): never {
  throw new OrasiError('not_found', `there is no task "${taskId}"`);
}
