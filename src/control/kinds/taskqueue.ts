import * as z from 'zod';
import { DEFAULT_QUEUE_SETTINGS } from '../../core/protocol/queue-settings.ts';
import { balanceSchema } from '../balance-spec.ts';
import { conditionedStatus } from '../condition-schema.ts';
import { conditionTrue, putVerdicts } from '../conditions.ts';
import type { KindDeclaration } from '../declaration.ts';
import { queueFaults } from '../queue-spec.ts';
import { DONE, type Reconciler } from '../reconcile.ts';
import { scalingSchema } from '../scaling-spec.ts';

const DAY_SECONDS = 86_400;
const usual = DEFAULT_QUEUE_SETTINGS;

/** Says in a queue's status that it is in force, and tells the queue, which would else ask in some seconds. */
const taskqueueReconciler: Reconciler = {
  async reconcile({ store, clock, queueNotice }, key) {
    const namespace = store.find({ group: '', resource: 'namespaces', namespace: '', name: key.namespace });
    if (namespace !== undefined && namespace.metadata.deletionTimestamp === undefined)
      await queueNotice(namespace.metadata.uid, key.name);
    store.edit(key, (taskqueue) => {
      putVerdicts(taskqueue, [conditionTrue('Accepted', 'Accepted', 'the settings are in force')], clock.now());
    });
    return DONE;
  },
};

/** How a task queue behaves, by its name. One that is not declared has the defaults. `compileQueue` makes of it what is read. */
export const taskqueueKind: KindDeclaration = {
  info: {
    group: 'orasi.io',
    version: 'v1alpha1',
    kind: 'TaskQueue',
    plural: 'taskqueues',
    singular: 'taskqueue',
    shortNames: ['tq'],
    categories: ['all', 'orasi'],
    namespaced: true,
    statusSubresource: true,
    printerColumns: [
      { name: 'Shards', type: 'integer', jsonPath: '.spec.shards' },
      { name: 'Paused', type: 'boolean', jsonPath: '.spec.paused' },
      { name: 'Concurrency', type: 'integer', jsonPath: '.spec.limits.queue.concurrency' },
      { name: 'Rate', type: 'number', jsonPath: '.spec.limits.queue.rate.perSecond', description: 'Tasks a second' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  },
  schema: () =>
    z.object({
      spec: z
        .object({
          shards: z
            .int()
            .min(1)
            .max(64)
            .default(usual.shards)
            .describe(
              'Objects that hold the queue. Order holds within each; fewer lose nothing, the old ones are emptied.',
            ),
          paused: z.boolean().default(usual.paused).describe('Gives no tasks out; takes them in.'),
          starvationSeconds: z
            .int()
            .min(1)
            .max(DAY_SECONDS)
            .default(usual.starvationSeconds)
            .describe('A task goes before one of the next higher priority that came this much later.'),
          retry: z
            .object({
              maxRetries: z.int().min(0).max(100).default(usual.maxRetries).describe('Attempts after the first.'),
              delaySeconds: z
                .number()
                .min(0.1)
                .max(DAY_SECONDS)
                .default(usual.retryDelaySeconds)
                .describe('The wait before the first retry; it doubles with each further one.'),
              maxDelaySeconds: z
                .number()
                .min(0.1)
                .max(DAY_SECONDS)
                .default(usual.retryDelayMaxSeconds)
                .describe('The longest such wait.'),
            })
            .prefault({})
            .describe('Where a task does not say.'),
          leaseSeconds: z
            .int()
            .min(1)
            .max(DAY_SECONDS)
            .default(usual.leaseSeconds)
            .describe('How long an agent may be silent, where neither it nor the task says.'),
          timeoutSeconds: z
            .int()
            .min(1)
            .max(DAY_SECONDS)
            .optional()
            .describe('The longest one attempt may take, whatever its heartbeats say, where the task does not say.'),
          resultRetentionSeconds: z
            .int()
            .min(0)
            .max(30 * DAY_SECONDS)
            .default(usual.resultRetentionSeconds)
            .describe('How long results are kept where the task does not say; 0 keeps none.'),
          deadLetterRetentionSeconds: z
            .int()
            .min(0)
            .max(90 * DAY_SECONDS)
            .default(usual.deadLetterRetentionSeconds)
            .describe('How long a task that failed for good is kept, to be looked at and redriven.'),
          dedupeWindowSeconds: z
            .int()
            .min(1)
            .max(30 * DAY_SECONDS)
            .default(usual.dedupeWindowSeconds)
            .describe('How long a dedupe key names its task where the task does not say.'),
          limits: z
            .object({
              queue: z.object(limit()).optional().describe('All tasks together.'),
              perType: named('type').describe('Tasks of a type; `*` is each type that is not named.'),
              perGroup: named('group').describe('Tasks of a group key; `*` is each group that is not named.'),
            })
            .prefault({})
            .describe('How many run at a time, and how many begin in a second.'),
          scaling: scalingSchema(),
          balance: balanceSchema(),
          groupWeights: z
            .array(
              z.object({
                group: z.string().min(1).max(200).describe('A group key, or `*` for each that is not named.'),
                weight: z.int().min(1).max(100).describe('Tasks it has in a round.'),
              }),
            )
            .max(1_000)
            .default([])
            .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['group'] })
            .describe('Groups of one priority take turns; one of weight 2 has two tasks where others have one.'),
        })
        .prefault({}),
      status: conditionedStatus(),
    }),
  strategy: { validate: (object) => queueFaults(object) },
  reconciler: taskqueueReconciler,
};

function limit() {
  return {
    concurrency: z.int().min(1).max(1_000_000).optional().describe('Tasks that run at a time.'),
    rate: z
      .object({
        perSecond: z.number().min(0.0001).max(1_000_000).describe('Tasks that begin in a second, on average.'),
        burst: z
          .int()
          .min(1)
          .max(1_000_000)
          .optional()
          .describe('Tasks that may begin at once after a pause; one for each shard where it is not said.'),
      })
      .optional(),
  };
}

function named(key: 'type' | 'group') {
  return z
    .array(z.object({ [key]: z.string().min(1).max(200), ...limit() }))
    .max(1_000)
    .default([])
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}
