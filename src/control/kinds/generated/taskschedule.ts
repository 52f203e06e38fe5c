// Written by scripts/build-kinds.ts from ../taskschedule.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const taskscheduleSchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        queue: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' },
        schedule: {
          description: 'A cron expression: minute, hour, day of month, month, day of week; or @daily and the like.',
          type: 'string',
          minLength: 1,
          maxLength: 200,
        },
        intervalSeconds: {
          description: 'Every so many seconds since the schedule was made; instead of `schedule`.',
          type: 'integer',
          minimum: 10,
          maximum: 31622400,
        },
        timeZone: {
          default: 'UTC',
          description: 'Where the fields of `schedule` are read: a name like Europe/Berlin.',
          type: 'string',
          minLength: 1,
          maxLength: 100,
        },
        missedRunPolicy: {
          default: 'RunOnce',
          description: 'Of times that passed unnoticed: none is run, the latest is, or all up to maxMissedRuns are.',
          type: 'string',
          enum: ['Skip', 'RunOnce', 'RunAll'],
        },
        maxMissedRuns: {
          default: 10,
          description: 'Of RunAll: the latest so many.',
          type: 'integer',
          minimum: 1,
          maximum: 100,
        },
        overlapPolicy: {
          default: 'Allow',
          description:
            'When a task of an earlier time has not ended: another is submitted, none is, or it is cancelled.',
          type: 'string',
          enum: ['Allow', 'Forbid', 'Replace'],
        },
        suspend: {
          default: false,
          description: 'Nothing is submitted; what passes meanwhile is not missed.',
          type: 'boolean',
        },
        startingDeadlineSeconds: {
          description: 'A time that is further past is not run any more.',
          type: 'number',
          minimum: 1,
          maximum: 31622400,
        },
        successfulRunsHistoryLimit: { default: 3, type: 'integer', minimum: 0, maximum: 100 },
        failedRunsHistoryLimit: { default: 1, type: 'integer', minimum: 0, maximum: 100 },
        template: {
          type: 'object',
          properties: {
            type: { type: 'string', minLength: 1, maxLength: 100 },
            payload: {
              'x-kubernetes-preserve-unknown-fields': true,
              description: 'Of a type that the platform runs it is checked.',
              type: 'object',
            },
            priority: { default: 'Normal', type: 'string', enum: ['Low', 'Normal', 'High', 'Critical'] },
            maxRetries: { type: 'integer', minimum: 0, maximum: 100 },
            retryDelaySeconds: { type: 'number', minimum: 0.1, maximum: 300 },
            timeoutSeconds: { type: 'number', minimum: 1, maximum: 86400 },
            expiresAfterSeconds: {
              description: 'Not started so long after its submission, it fails.',
              type: 'number',
              minimum: 1,
              maximum: 31622400,
            },
            groupKey: { type: 'string', minLength: 1, maxLength: 200 },
            requires: {
              default: [],
              'x-kubernetes-list-type': 'atomic',
              maxItems: 20,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 100 },
            },
            resultRetentionSeconds: { type: 'number', minimum: 0, maximum: 2592000 },
            metadata: { type: 'object', additionalProperties: { type: 'string', maxLength: 1000 } },
          },
          required: ['type'],
          description: 'The task that is submitted; its payload is at most 131072 bytes of JSON.',
        },
      },
      required: ['queue', 'template'],
    },
    status: {
      type: 'object',
      properties: {
        observedGeneration: { description: 'The generation the conditions speak of.', type: 'integer', minimum: 0 },
        schedule: { description: 'The rhythm that the times speak of.', type: 'string' },
        decidedUntil: { description: 'All times up to this one are decided.', type: 'string', format: 'date-time' },
        lastScheduleTime: {
          description: 'The last time that a task was submitted for.',
          type: 'string',
          format: 'date-time',
        },
        nextScheduleTime: { type: 'string', format: 'date-time' },
        lastSkippedTime: {
          description: 'The last time that no task was submitted for.',
          type: 'string',
          format: 'date-time',
        },
        lastSkippedReason: { type: 'string', enum: ['Missed', 'Overlap'] },
        lastRunRequest: { description: 'The last value of the annotation orasi.io/run that was met.', type: 'string' },
        suspended: { type: 'boolean' },
        active: {
          'x-kubernetes-list-type': 'atomic',
          description: 'Tasks that have not ended.',
          type: 'array',
          items: {
            type: 'object',
            properties: {
              key: { type: 'string', description: 'What makes the task one, however often it is submitted.' },
              scheduledTime: { type: 'string', format: 'date-time' },
              taskId: { description: 'Absent until the queue has the task.', type: 'string' },
            },
            required: ['key', 'scheduledTime'],
          },
        },
        history: {
          'x-kubernetes-list-type': 'atomic',
          description: 'Tasks that ended, the latest first.',
          type: 'array',
          items: {
            type: 'object',
            properties: {
              scheduledTime: { type: 'string', format: 'date-time' },
              taskId: { type: 'string' },
              status: { type: 'string', description: 'Completed, Failed, Cancelled; Gone where no result was kept.' },
            },
            required: ['scheduledTime', 'taskId', 'status'],
          },
        },
        conditions: {
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type'],
          description: 'What is known of the object, an entry an aspect.',
          type: 'array',
          items: {
            type: 'object',
            properties: {
              type: {
                type: 'string',
                maxLength: 316,
                description: 'The aspect the condition speaks of, in CamelCase.',
              },
              status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
              observedGeneration: {
                description: 'The generation of the object that the condition speaks of.',
                type: 'integer',
                minimum: 0,
              },
              lastTransitionTime: { type: 'string', format: 'date-time', description: 'When the status last turned.' },
              reason: { type: 'string', maxLength: 1024, description: 'One word in CamelCase, for machines.' },
              message: { type: 'string', maxLength: 32768, description: 'A sentence for people.' },
            },
            required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
          },
        },
      },
    },
  },
  required: ['spec'],
};
