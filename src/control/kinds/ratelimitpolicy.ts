import * as z from 'zod';
import { policyKind } from '../policy-kind.ts';
import { limitSchema, rateLimitFaults } from '../rate-limit-spec.ts';

/** How much of what passes for whom, on a Gateway, a route or a rule. `compileRateLimits` makes of it what is read. */
export const ratelimitpolicyKind = policyKind({
  kind: 'RateLimitPolicy',
  shortNames: ['rlp'],
  columns: [
    { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
    { name: 'Dry-Run', type: 'boolean', jsonPath: '.spec.dryRun' },
  ],
  fields: () => ({
    mode: z
      .enum(['edge', 'exact', 'leased'])
      .default('leased')
      .describe('Who counts: the platform where it is, one object, or isolates out of what that object lends them.'),
    tier: z
      .string()
      .min(1)
      .max(63)
      .optional()
      .describe('With mode edge: the binding of [[ratelimits]] in wrangler.toml, whose figures the limits repeat.'),
    limits: z
      .array(limitSchema())
      .min(1)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('All of them must allow a request; where one does not, nothing is taken from the others.'),
    dryRun: z.boolean().default(false).describe('Counts, and refuses nothing.'),
    onFailure: z
      .enum(['open', 'closed'])
      .default('open')
      .describe('Whether requests pass while the limits cannot be asked.'),
    shards: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe('Objects that the keys are divided over; one answers some thousand calls a second.'),
  }),
  faults: rateLimitFaults,
});
