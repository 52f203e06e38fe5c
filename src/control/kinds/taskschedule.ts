import * as z from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { TASK_PRIORITIES } from '../../core/protocol/tasks.ts';
import { conditionList } from '../condition-schema.ts';
import type { KindDeclaration } from '../declaration.ts';
import { MISSED_RUN_POLICIES, OVERLAP_POLICIES } from '../schedule.ts';
import { scheduleReconciler } from '../schedule-reconciler.ts';
import { scheduleFaults } from '../schedule-spec.ts';

const YEAR_SECONDS = 366 * 86_400;
const seconds = (min: number, max = YEAR_SECONDS) => z.number().min(min).max(max);
const text = (max: number) => z.string().min(1).max(max);
const time = () => z.string().meta({ format: 'date-time' });

/** Submits a task to a queue whenever its time comes. */
export const taskscheduleKind: KindDeclaration = {
  info: {
    group: 'orasi.io',
    version: 'v1alpha1',
    kind: 'TaskSchedule',
    plural: 'taskschedules',
    singular: 'taskschedule',
    shortNames: ['ts'],
    categories: ['all', 'orasi'],
    namespaced: true,
    statusSubresource: true,
    printerColumns: [
      { name: 'Queue', type: 'string', jsonPath: '.spec.queue' },
      { name: 'Schedule', type: 'string', jsonPath: '.status.schedule' },
      { name: 'Type', type: 'string', jsonPath: '.spec.template.type' },
      { name: 'Suspend', type: 'boolean', jsonPath: '.spec.suspend' },
      { name: 'Last', type: 'date', jsonPath: '.status.lastScheduleTime' },
      { name: 'Next', type: 'string', jsonPath: '.status.nextScheduleTime' },
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status', priority: 1 },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  },
  schema: () =>
    z.object({
      spec: z.object({
        queue: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/),
        schedule: text(200)
          .optional()
          .describe('A cron expression: minute, hour, day of month, month, day of week; or @daily and the like.'),
        intervalSeconds: z
          .int()
          .min(10)
          .max(YEAR_SECONDS)
          .optional()
          .describe('Every so many seconds since the schedule was made; instead of `schedule`.'),
        timeZone: text(100)
          .default('UTC')
          .describe('Where the fields of `schedule` are read: a name like Europe/Berlin.'),
        missedRunPolicy: z
          .enum(MISSED_RUN_POLICIES)
          .default('RunOnce')
          .describe('Of times that passed unnoticed: none is run, the latest is, or all up to maxMissedRuns are.'),
        maxMissedRuns: z.int().min(1).max(100).default(10).describe('Of RunAll: the latest so many.'),
        overlapPolicy: z
          .enum(OVERLAP_POLICIES)
          .default('Allow')
          .describe('When a task of an earlier time has not ended: another is submitted, none is, or it is cancelled.'),
        suspend: z.boolean().default(false).describe('Nothing is submitted; what passes meanwhile is not missed.'),
        startingDeadlineSeconds: seconds(1).optional().describe('A time that is further past is not run any more.'),
        successfulRunsHistoryLimit: z.int().min(0).max(100).default(3),
        failedRunsHistoryLimit: z.int().min(0).max(100).default(1),
        template: z
          .object({
            type: text(100),
            payload: z
              .looseObject({})
              .optional()
              .meta({ 'x-kubernetes-preserve-unknown-fields': true })
              .describe('Of a type that the platform runs it is checked.'),
            priority: z.enum(TASK_PRIORITIES).default('Normal'),
            maxRetries: z.int().min(0).max(100).optional(),
            retryDelaySeconds: seconds(0.1, 300).optional(),
            timeoutSeconds: seconds(1, 86_400).optional(),
            expiresAfterSeconds: seconds(1).optional().describe('Not started so long after its submission, it fails.'),
            groupKey: text(200).optional(),
            requires: z.array(text(100)).max(20).default([]).meta({ 'x-kubernetes-list-type': 'atomic' }),
            resultRetentionSeconds: seconds(0, 30 * 86_400).optional(),
            metadata: z.record(z.string(), z.string().max(1_000)).optional(),
          })
          .describe(`The task that is submitted; its payload is at most ${LIMITS.taskPayloadBytes} bytes of JSON.`),
      }),
      status: z
        .object({
          observedGeneration: z.int().min(0).optional().describe('The generation the conditions speak of.'),
          schedule: z.string().optional().describe('The rhythm that the times speak of.'),
          decidedUntil: time().optional().describe('All times up to this one are decided.'),
          lastScheduleTime: time().optional().describe('The last time that a task was submitted for.'),
          nextScheduleTime: time().optional(),
          lastSkippedTime: time().optional().describe('The last time that no task was submitted for.'),
          lastSkippedReason: z.enum(['Missed', 'Overlap']).optional(),
          lastRunRequest: z.string().optional().describe('The last value of the annotation orasi.io/run that was met.'),
          suspended: z.boolean().optional(),
          active: z
            .array(
              z.object({
                key: z.string().describe('What makes the task one, however often it is submitted.'),
                scheduledTime: time(),
                taskId: z.string().optional().describe('Absent until the queue has the task.'),
              }),
            )
            .optional()
            .meta({ 'x-kubernetes-list-type': 'atomic' })
            .describe('Tasks that have not ended.'),
          history: z
            .array(
              z.object({
                scheduledTime: time(),
                taskId: z.string(),
                status: z.string().describe('Completed, Failed, Cancelled; Gone where no result was kept.'),
              }),
            )
            .optional()
            .meta({ 'x-kubernetes-list-type': 'atomic' })
            .describe('Tasks that ended, the latest first.'),
          conditions: conditionList(),
        })
        .optional(),
    }),
  strategy: { validate: (object) => scheduleFaults(object) },
  reconciler: scheduleReconciler,
};
