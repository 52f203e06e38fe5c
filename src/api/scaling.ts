import * as z from 'zod';
import { OrasiError } from '../core/errors.ts';
import type { ScalingView } from '../core/protocol/scaling.ts';
import type { TaskQueueCalls } from '../core/protocol/tasks.ts';
import type { ApiBase } from './ports.ts';
import { firstShardName } from './queue-name.ts';
import { type ApiApp, defineRoute } from './route.ts';

const Scaling = z.object({
  queue: z.string(),
  desiredAgents: z.number().int().describe("How many agents there should be. KEDA's `valueLocation`."),
  wantedAgents: z.number().int().describe('What the signals ask for, before tolerance, bounds and window.'),
  heldBy: z
    .enum(['tolerance', 'minAgents', 'maxAgents', 'scaleDownWindow'])
    .nullable()
    .describe('What keeps the desired number from the wanted one.'),
  time: z.iso.datetime(),
  backlog: z.number().int().describe('Tasks that are due and wait.'),
  running: z.number().int(),
  oldestAgeSeconds: z.number(),
  arrivalsPerSecond: z.number(),
  servicePerSecond: z.number(),
  serviceSeconds: z.number().nullable().describe('How long an attempt takes; null before one was measured.'),
  policy: z.object({
    minAgents: z.number().int(),
    maxAgents: z.number().int(),
    slotsPerAgent: z.number().int(),
    targetWaitSeconds: z.number(),
    scaleDownWindowSeconds: z.number(),
    tolerance: z.number(),
  }),
  webhook: z
    .object({
      url: z.string(),
      toldAgents: z.number().int().nullable(),
      failures: z.number().int(),
      nextAttemptAt: z.iso.datetime().nullable(),
      lastError: z.string().nullable(),
    })
    .nullable(),
});

/** Metrics of a queue by the names Kubernetes asks for them by. */
const METRICS: Readonly<Record<string, (view: ScalingView) => number>> = {
  'orasi-queue-desired-agents': (view) => view.desiredAgents,
  'orasi-queue-backlog': ({ signals }) => signals.backlog,
  'orasi-queue-running': ({ signals }) => signals.running,
  'orasi-queue-oldest-age-seconds': ({ signals }) => signals.oldestAgeSeconds,
  'orasi-queue-arrivals-per-second': ({ signals }) => signals.arrivalsPerSecond,
  'orasi-queue-service-per-second': ({ signals }) => signals.servicePerSecond,
};

const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1';
/** Rates are means of a minute. */
const WINDOW_SECONDS = 60;
const QUEUES_AT_ONCE = 20;

/** How many agents queues want: for people, for KEDA's metrics-api scaler, and as Kubernetes has external metrics. */
export function mountScaling(app: ApiApp, base: ApiBase, taskQueue: (name: string) => TaskQueueCalls): void {
  const viewOf = async (ns: string, queue: string): Promise<ScalingView> => {
    const answer = await taskQueue(await firstShardName(base, ns, queue)).scaling();
    if (answer.ok) return answer.value;
    throw new OrasiError(answer.code, answer.message, { errors: [...answer.errors] });
  };

  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/queues/{queue}/scaling',
      access: { verb: 'get', resource: 'queues' },
      tag: 'tasks',
      summary: "How many agents the queue wants, and why. For KEDA's metrics-api scaler, among others.",
      responses: { 200: { description: 'The number, with what it was made from.', schema: Scaling } },
    },
    async ({ params }) => Response.json(scalingView(params.queue, await viewOf(params.ns, params.queue))),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: EXTERNAL,
      access: { verb: 'get', resource: 'discovery' },
      tag: 'resources',
      summary: 'External metrics, as Kubernetes discovers them.',
      responses: { 200: { description: 'An `APIResourceList`.', schema: z.object({}).loose() } },
    },
    async () =>
      Response.json({
        kind: 'APIResourceList',
        apiVersion: 'v1',
        groupVersion: 'external.metrics.k8s.io/v1beta1',
        resources: Object.keys(METRICS).map((name) => ({
          name,
          singularName: '',
          namespaced: true,
          kind: 'ExternalMetricValueList',
          verbs: ['get'],
        })),
      }),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${EXTERNAL}/namespaces/{ns}/{metric}`,
      access: { verb: 'get', resource: 'queues' },
      tag: 'resources',
      summary: 'A metric of the queues that a selector names, as Kubernetes has external metrics.',
      query: z.object({
        labelSelector: z.string().describe('`queue=emails`, or `queue in (emails,images)`.'),
      }),
      responses: { 200: { description: 'An `ExternalMetricValueList`.', schema: z.object({}).loose() } },
    },
    async ({ params: { ns, metric }, query }) => {
      const read = Object.hasOwn(METRICS, metric) ? METRICS[metric] : undefined;
      if (read === undefined) {
        throw new OrasiError(
          'not_found',
          `there is no metric "${metric}"; there are ${Object.keys(METRICS).join(', ')}`,
        );
      }
      const queues = selectedQueues(query.labelSelector);
      const items = await Promise.all(
        queues.map(async (queue) => {
          const view = await viewOf(ns, queue);
          return {
            metricName: metric,
            metricLabels: { queue },
            // A time of Kubernetes has no fraction of a second.
            timestamp: new Date(view.atMs).toISOString().replace(/\.\d+Z$/, 'Z'),
            windowSeconds: WINDOW_SECONDS,
            value: quantity(read(view)),
          };
        }),
      );
      return Response.json({
        kind: 'ExternalMetricValueList',
        apiVersion: 'external.metrics.k8s.io/v1beta1',
        metadata: {},
        items,
      });
    },
  );
}

function scalingView(queue: string, view: ScalingView): z.input<typeof Scaling> {
  const { desiredAgents, wantedAgents, heldBy, atMs, signals, policy, webhook } = view;
  const { givesOut: _givesOut, ...measured } = signals;
  const { webhook: hook, ...bounds } = policy;
  return {
    queue,
    desiredAgents,
    wantedAgents,
    heldBy,
    time: new Date(atMs).toISOString(),
    ...measured,
    policy: bounds,
    webhook:
      hook === null || webhook === null
        ? null
        : {
            url: hook.url,
            toldAgents: webhook.toldAgents,
            failures: webhook.failures,
            nextAttemptAt: webhook.nextAttemptAtMs === null ? null : new Date(webhook.nextAttemptAtMs).toISOString(),
            lastError: webhook.lastError,
          },
  };
}

/** The queues that a label selector names one by one: there is no list of all, since queues exist from first use. */
function selectedQueues(selector: string): readonly string[] {
  const match = /^\s*queue\s*(?:==?\s*(\S+?)|\s+in\s*\(([^()]+)\))\s*$/.exec(selector);
  const queues = (match?.[1] ?? match?.[2] ?? '').split(',').map((queue) => queue.trim());
  if (match !== null && queues.length <= QUEUES_AT_ONCE && !queues.includes('')) return [...new Set(queues)];
  const message = `expected queue=NAME, or queue in (NAME,…) with at most ${QUEUES_AT_ONCE} names`;
  throw new OrasiError('bad_request', `labelSelector: ${message}`, {
    errors: [{ path: 'query.labelSelector', message }],
  });
}

/** A Kubernetes quantity: whole numbers as they are, others in thousandths. */
export function quantity(value: number): string {
  return Number.isInteger(value) ? String(value) : `${Math.round(value * 1_000)}m`;
}
